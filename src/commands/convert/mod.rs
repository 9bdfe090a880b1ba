//! `convert`: a folder of images → one .h5 file, and [`back`]. [`direction`] decides which.
//!
//! [`folder`] runs it in two passes: [`survey`] reads the headers, so that [`plan`] can fix size, colours and
//! depth of the set before it is begun; [`pipeline`] decodes on all threads and hands rows in order to [`write`].
//! [`scan`] finds the files, [`picture`] knows images, [`report`] says what came of it.

mod arrays;
mod back;
mod compress;
mod direction;
mod folder;
mod gate;
mod options;
mod picture;
mod pipeline;
mod plan;
mod report;
mod scan;
mod survey;
mod write;

pub use arrays::{Arrays, CellType, HeaderLine, Tables};
pub use back::{Back, Metadata};
pub use options::{Background, Color, Compress, Dim, Labels, OnError, PixelCount, SampleDepth, Store};
pub use picture::{Fit, Layout, Resampling};

use super::{Command, Outcome, Progress, open::Opening, output};
use crate::error::{Error, ErrorKind, Result};
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
pub struct Convert {
    /// Folder of images, each of its sub-folders a class; or an .h5 file; or arrays and tables, .npy, .npz, .csv
    #[arg(value_name = "DIR|FILE", value_hint = clap::ValueHint::AnyPath)]
    pub input: PathBuf,

    /// File to write; .h5 is appended unless the name ends in .h5 or .hdf5, and folders are made as needed. Of an .h5
    /// file: the folder to write
    #[arg(short, long, value_name = "FILE|DIR", value_hint = clap::ValueHint::AnyPath)]
    pub output: PathBuf,

    /// Replace the output if it exists
    #[arg(long)]
    pub overwrite: bool,

    /// Size of the stored images: 64, or height x width as in 480x640. Without it all images must be of one size;
    /// else their files are stored as they are
    #[arg(long, value_name = "N|HxW")]
    pub dim: Option<Dim>,

    /// How an image of other proportions is made to fit
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub fit: Fit,

    /// How samples are computed when the size changes
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    pub filter: Resampling,

    /// Channels to store
    #[arg(long, value_enum, default_value_t, value_name = "CHANNELS")]
    pub color: Color,

    /// Bits of a stored sample; integers are scaled to it, never clipped
    #[arg(long, value_enum, default_value_t, value_name = "BITS")]
    pub depth: SampleDepth,

    /// Colour behind transparent images and around padded ones: white, black or #rrggbb
    #[arg(long, default_value = "white", value_name = "COLOUR")]
    pub background: Background,

    /// What the classes are
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub labels: Labels,

    /// Order of the dimensions
    #[arg(long, value_enum, default_value_t, value_name = "ORDER")]
    pub layout: Layout,

    /// Store pixels, or the bytes of the files as they are (variable-length u8)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub store: Option<Store>,

    /// Compression of the pixels: none, gzip, gzip:1 to gzip:9, or auto: gzip if it saves a fifth on some samples
    #[arg(long, default_value = "auto", value_name = "HOW")]
    pub compress: Compress,

    /// What to do at a file that cannot be read
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub on_error: OnError,

    /// Write all skipped files and their reasons as CSV
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub report: Option<PathBuf>,

    /// Largest image that is decoded, in pixels
    #[arg(long, default_value = "64M", value_name = "N")]
    pub max_pixels: PixelCount,

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

const EXAMPLES: &str = "\
Examples:
  h5manager convert photos/hot_dog --output tmp/hotdog_64 --dim 64
      one class, every image 64 x 64, into tmp/hotdog_64.h5
  h5manager convert photos --output photos.h5 --dim 224 --fit crop --layout nchw
      a class for each sub-folder; the middle of each image, channels first for PyTorch
  h5manager convert scans --output scans.h5 --depth 16 --compress gzip --report skipped.csv
      16 bits at the size that all have, compressed; what could not be read goes into a table
  h5manager convert photos.h5 --output folder --class hot_dog --rows 0:100
      the way back: those of the first 100 images that are hot dogs, as files
  h5manager convert results --output results.h5
      arrays and tables: a dataset for each .npy, .npz and .csv file, groups for folders
  h5manager convert table.csv --output table.h5 --types id=u32,code=str
      a table, two of its columns of other types than would be found
  h5manager convert results.h5::/run/energy --output energy.npy
      a dataset as NumPy loads it; .npz takes all of them, .csv a table";

impl Command for Convert {
    fn run(&self, out: &mut dyn Write, progress: &dyn Progress) -> Result<Outcome> {
        match Direction::of(self) {
            Direction::Back { input, inside } => return back::run(self, &input, inside.as_deref(), out, progress),
            Direction::Give { input, inside, kind } => {
                return arrays::give(self, kind, &input, inside.as_deref(), out, progress);
            }
            Direction::Take => return arrays::take(self, out, progress),
            Direction::Images => {}
        }
        let output = output::h5_path(&self.output)?;
        self.check(&output)?;
        let summary = folder::convert(self, &output, progress)?;
        if self.json {
            summary.print_json(out)?
        } else {
            summary.print(out)?
        }
        Ok(Outcome::Fine)
    }
}

impl Convert {
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
        output::check(output, self.overwrite)?;
        if let Some(report) = &self.report {
            output::check(report, self.overwrite)?;
        }
        if self.store == Some(Store::Bytes) && self.dim.is_some() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "--store bytes keeps the files as they are: leave out --dim or --store",
            ));
        }
        match self.dim {
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
