//! `convert`: a folder of images → one .h5 file, and [`back`]. [`direction`] decides which.
//!
//! [`folder`] runs it in two passes: [`survey`] reads the headers, so that [`plan`] can fix size, colours and
//! depth of the set before it is begun; [`pipeline`] decodes on all threads and hands rows in order to [`write`],
//! which a [`journal`] lets go on after the program was killed, or to [`append`]. [`scan`] finds the files, [`set`] and
//! [`table`] name and number them, [`parts`] divides them, [`picture`] knows images, [`report`] says what came of it.

mod append;
mod arrays;
mod back;
mod compress;
mod direction;
mod folder;
mod gate;
mod journal;
mod keys;
mod options;
mod parts;
mod picture;
mod pipeline;
mod plan;
mod report;
mod scan;
mod set;
mod snippet;
mod survey;
mod table;
mod write;

pub use arrays::{Arrays, CellType, HeaderLine, Tables};
pub use back::{Back, Metadata};
pub use options::{
    Background, ByteCount, ClassOrder, Color, Compress, Dim, Frames, Keys, Labels, OnError, PixelCount, SampleDepth,
    Shard, Split, Store,
};
pub use picture::{Fit, JpegSize, Layout, Resampling};
pub use snippet::Snippet;

use super::{Command, Outcome, Progress, open::Opening, output};
use crate::error::{Error, ErrorKind, Result};
use clap::builder::ArgPredicate;
use direction::Direction;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Convert a folder of images to one .h5 file, or an .h5 file to a folder of images
///
/// Images are found in all sub-folders, by their content and not by their names, and stored in the order of their
/// paths: /images (N, height, width, channels), /labels (N) with the names of the classes as attribute class_names,
/// and /filenames (N). They are turned upright (EXIF), and transparent ones are put on the background. What cannot be
/// read is skipped and listed.
///
/// The way back: of an .h5 file, whoever made it, the images become class/name: files as they are, pixels as PNG or
/// TIFF of the same depth, and metadata.csv with their labels.
///
/// Arrays and tables: .npy, .npz and .csv files, or a folder of them without images, become datasets of the same
/// names; an output that ends in .npy, .npz or .csv is the way back.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(override_usage = "h5manager convert [OPTIONS] --output <FILE|DIR> <DIR|FILE.h5>")]
pub struct Convert {
    /// Folder of images, each of its sub-folders a class; or an .h5 file; or arrays and tables, .npy, .npz, .csv
    #[arg(value_name = "DIR|FILE", value_hint = clap::ValueHint::AnyPath)]
    #[arg(required = false, required_unless_present = "snippet")]
    #[arg(default_value_if("snippet", ArgPredicate::IsPresent, "."))]
    pub input: PathBuf,

    /// File to write; .h5 is appended unless the name ends in .h5 or .hdf5, and folders are made as needed. Of an .h5
    /// file: the folder to write
    #[arg(short, long, value_name = "FILE|DIR", value_hint = clap::ValueHint::AnyPath)]
    #[arg(required = false, required_unless_present = "snippet")]
    #[arg(default_value_if("snippet", ArgPredicate::IsPresent, "set.h5"))]
    pub output: PathBuf,

    /// Replace the output if it exists
    #[arg(long)]
    pub overwrite: bool,

    /// Size of the stored images: 64, or height x width as in 480x640. Without it all images must be of one size;
    /// else their files are stored as they are
    #[arg(help_heading = IMAGES, long, aliases = ["size", "resize"], value_name = "N|HxW")]
    pub dim: Option<Dim>,

    /// How an image of other proportions is made to fit
    #[arg(help_heading = IMAGES, long, value_enum, default_value_t, value_name = "HOW")]
    pub fit: Fit,

    /// How samples are computed when the size changes
    #[arg(help_heading = IMAGES, long, value_enum, default_value_t, value_name = "NAME")]
    pub filter: Resampling,

    /// At which size to decode a JPEG that --dim makes much smaller
    #[arg(help_heading = IMAGES, long, value_enum, default_value_t, value_name = "SIZE")]
    pub jpeg: JpegSize,

    /// Channels to store
    #[arg(help_heading = IMAGES, long, value_enum, default_value_t, value_name = "CHANNELS")]
    pub color: Color,

    /// Bits of a stored sample; integers are scaled to it, never clipped
    #[arg(help_heading = IMAGES, long, value_enum, default_value_t, value_name = "BITS")]
    pub depth: SampleDepth,

    /// Colour behind transparent images and around padded ones: white, black or #rrggbb
    #[arg(help_heading = IMAGES, long, default_value = "white", value_name = "COLOUR")]
    pub background: Background,

    /// What the classes are
    #[arg(help_heading = LABELS, long, value_enum, default_value_t, value_name = "WHAT")]
    pub labels: Labels,

    /// Take labels from this table: a line for each file, its path below DIR and its class or number; a header may name
    /// the columns file_name and label
    #[arg(help_heading = LABELS, long, value_name = "FILE", conflicts_with = "labels", value_hint = clap::ValueHint::FilePath)]
    pub labels_csv: Option<PathBuf>,

    /// Order of the classes, and so their numbers: bytes, natural (class2 before class10), or a file with one name a line
    #[arg(help_heading = LABELS, long, default_value = "bytes", value_name = "bytes|natural|FILE")]
    pub class_order: ClassOrder,

    /// What to store of an animation or of a document of several pages
    #[arg(help_heading = IMAGES, long, value_enum, default_value_t, value_name = "WHICH")]
    pub frames: Frames,

    /// Order of the dimensions [default: nhwc; of --keys biggan nchw]
    #[arg(help_heading = IMAGES, long, value_enum, default_value_t, hide_default_value = true, value_name = "ORDER")]
    pub layout: Layout,

    /// Names and forms of the datasets
    #[arg(help_heading = STORAGE, long, value_enum, default_value_t, value_name = "WHOSE")]
    pub keys: Keys,

    /// Store pixels, or files as they are (variable-length u8)
    #[arg(help_heading = STORAGE, long, value_enum, value_name = "WHAT")]
    pub store: Option<Store>,

    /// Compression of the pixels: auto (gzip if it saves a fifth on some samples), none, or filters as in repack:
    /// gzip[:LEVEL], lzf, lz4, zstd[:LEVEL], bzip2, blosc, bitshuffle, several joined by +
    #[arg(help_heading = STORAGE, long, default_value = "auto", value_name = "HOW")]
    pub compress: Compress,

    /// Divide into one file for each part: shares like 0.8,0.1,0.1 or train=80,test=20, each with all classes in
    /// proportion; folders: by the folders at the top; none; auto: folders if they are called train, val, test or the like
    #[arg(help_heading = PARTS, long, default_value = "auto", value_name = "HOW")]
    pub split: Split,

    /// Store the images in random order
    #[arg(help_heading = PARTS, long)]
    pub shuffle: bool,

    /// What --shuffle and --split draw from: the same number, the same order
    #[arg(help_heading = PARTS, long, default_value_t, value_name = "N")]
    pub seed: u64,

    /// Do the third of 16 equal parts of the work, into OUTPUT-03-of-16.h5; merge joins them
    #[arg(help_heading = PARTS, long, value_name = "I/N", conflicts_with_all = ["append", "split"])]
    pub shard: Option<Shard>,

    /// Add the images that the output does not have yet, as those in it were made
    #[arg(help_heading = PARTS, long, conflicts_with_all = ["overwrite", "split", "compress"])]
    pub append: bool,

    /// After how many bytes of images a killed run can be gone on with, by the same command
    #[arg(help_heading = PARTS, long, default_value = "256M", value_name = "BYTES")]
    pub checkpoint: ByteCount,

    /// What to do at a file that cannot be read
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub on_error: OnError,

    /// Write all skipped files and their reasons as CSV
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub report: Option<PathBuf>,

    /// Largest image that is decoded, in pixels
    #[arg(help_heading = IMAGES, long, default_value = "64M", value_name = "N")]
    pub max_pixels: PixelCount,

    /// Convert nothing; print the lines of Python that read such a file well
    #[arg(long, value_enum, value_name = "LIBRARY")]
    pub snippet: Option<Snippet>,

    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,

    /// What of an .h5 file becomes files
    #[command(flatten)]
    pub back: Back,

    /// How arrays and tables are read and written
    #[command(flatten)]
    pub arrays: Arrays,

    /// How .h5 files are opened
    #[command(flatten)]
    pub opening: Opening,
}

const IMAGES: &str = "Images";
const LABELS: &str = "Labels";
const STORAGE: &str = "Storage";
const PARTS: &str = "Parts, and many images";

const EXAMPLES: &str = "\
Examples:
  h5manager convert photos/hot_dog --output tmp/hotdog_64 --dim 64
      one class, every image 64 x 64, into tmp/hotdog_64.h5
  h5manager convert photos --output photos.h5 --dim 224 --fit crop --layout nchw
      a class for each sub-folder; the middle of each image, channels first for PyTorch
  h5manager convert photos --output photos.h5 --store bytes
      the images as they are: no bigger than the folder, and the same on the way back; --store files: all files
  h5manager convert photos --output set --dim 64 --split 0.8,0.1,0.1 --seed 7
      set_train.h5, set_val.h5 and set_test.h5, each class divided in proportion
  h5manager convert photos --output set --dim 64 --labels-csv labels.csv --class-order natural
      labels from a table
  h5manager convert scans --output scans.h5 --depth 16 --compress gzip --report skipped.csv
      16 bits at the size that all have, compressed; what could not be read goes into a table
  h5manager convert stacks --output stacks.h5 --frames all --compress zstd:9
      every page of every TIFF
  h5manager convert photos --output set --dim 64 --color rgb --depth 8 --shard 3/16
      one of 16 runs on as many machines, into set-03-of-16.h5; merge joins them
  h5manager convert photos --output set.h5 --append
      what has come into the folder since
  h5manager convert --snippet torch --output set.h5
      how to read it
  h5manager convert photos.h5 --output folder --class hot_dog --rows 0:100
      the way back: those of the first 100 images that are hot dogs, as files
  h5manager convert results --output results.h5
      arrays and tables: a dataset for each .npy, .npz and .csv file, groups for folders
  h5manager convert table.csv --output table.h5 --types id=u32,code=str
      a table, two of its columns of other types than would be found
  h5manager convert results.h5::/run/energy --output energy.npy
      a dataset as NumPy loads it; .npz takes all of them, .csv a table";

impl Command for Convert {
    fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome> {
        let options = self.with_keys();
        if let Some(snippet) = self.snippet {
            return options.print_snippet(snippet, out);
        }
        match Direction::of(self) {
            Direction::Back { input, inside } => return back::run(self, &input, inside.as_deref(), out, progress),
            Direction::Give { input, inside, kind } => {
                return arrays::give(self, kind, &input, inside.as_deref(), out, progress);
            }
            Direction::Take => return arrays::take(self, out, progress),
            Direction::Images => {}
        }
        let mut output = output::h5_path(&self.output)?;
        if let Some(shard) = self.shard {
            output = shard.output(&output);
        }
        options.check(&output)?;
        let summary = folder::convert(&options, &output, progress)?;
        if self.json {
            summary.print_json(out)?
        } else {
            summary.print(out)?
        }
        Ok(Outcome::Fine)
    }
}

impl Convert {
    /// With what `--keys` asks for beside names.
    fn with_keys(&self) -> Convert {
        let mut options = self.clone();
        if self.keys == Keys::Biggan {
            options.layout = Layout::Nchw;
        }
        if self.keys == Keys::Tflearn && self.depth == SampleDepth::Auto {
            options.depth = SampleDepth::Float;
        }
        if matches!(self.keys, Keys::Biggan | Keys::Coursera) && self.color == Color::Auto {
            options.color = Color::Rgb;
        }
        options
    }

    fn print_snippet(&self, snippet: Snippet, out: &mut dyn Write) -> Result<Outcome> {
        if self.store.is_some_and(|store| store != Store::Pixels) {
            let message =
                "--snippet is for pixels; of files stored as they are PIL.Image.open(io.BytesIO(row)) decodes one";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let file = output::h5_path(&self.output)?;
        let planes = self.layout == Layout::Nchw;
        let scheme = keys::Scheme::of(self.keys, None);
        out.write_all(snippet::text(snippet, &file.to_string_lossy(), &scheme, planes).as_bytes())?;
        Ok(Outcome::Fine)
    }

    /// What can be known to be wrong before any work is done.
    fn check(&self, output: &Path) -> Result<()> {
        let input = output::printable(&self.input);
        match std::fs::metadata(&self.input) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    format!("{input} is a file; convert takes the folder it is in"),
                ));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::new(ErrorKind::NotFound, format!("no folder {input}")));
            }
            Err(e) => return Err(Error::from(e).on(input)),
        }
        if !self.append {
            let outputs = self.split.outputs(&self.input, output);
            parts::check(&outputs.iter().map(PathBuf::as_path).collect::<Vec<_>>(), self.overwrite)?;
        }
        if let Some(report) = &self.report {
            output::check(report, self.overwrite)?;
        }
        let as_files = matches!(self.store, Some(Store::Bytes | Store::Files));
        if as_files && self.dim.is_some() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "--store bytes keeps the files as they are: leave out --dim or --store",
            ));
        }
        if as_files && (self.keys != Keys::Default || self.frames == Frames::All) {
            let message = "--store bytes keeps the files as they are: leave out --keys and --frames";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        match self.dim {
            // What the file was made with counts as well.
            _ if self.append => Ok(()),
            None if self.fit != Fit::Stretch => Err(Error::new(ErrorKind::Invalid, "--fit needs a size: add --dim")),
            Some(Dim { height, width }) if height != width && matches!(self.fit, Fit::Shorter | Fit::Longer) => Err(
                Error::new(ErrorKind::Invalid, "--fit shorter and --fit longer take one number for --dim, like 256"),
            ),
            Some(Dim { height, width }) if u64::from(height) * u64::from(width) > self.max_pixels.0 => Err(Error::new(
                ErrorKind::Limit,
                format!("--dim {height}x{width} is over the limit of {} pixels (--max-pixels)", self.max_pixels),
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
