//! `repack`: a file written anew, with other filters, chunks, layouts or format versions, and without lost space.

pub(in crate::commands) mod spec;
pub(in crate::commands) mod verify;

use super::open::Opening;
use super::{Command, Outcome, Progress, output};
use crate::copy::CopyOptions;
use crate::error::Result;
use crate::{CreateOptions, File, LibVer, Object};
use spec::{Chunk, Filters, For, Layout, Wishes};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Writes a file anew: other filters, chunks, layouts or format versions, and no space lost. What is in it stays the
/// same.
///
/// Chunks whose filters stay the same are copied as they are stored. To repack a file in place name it twice and add
/// --overwrite: the new file takes the name when it is whole.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  h5manager repack run.h5 small.h5 --filter shuffle+gzip:6      all datasets compressed
  h5manager repack run.h5 small.h5 -f images:zstd -f none       one compressed, the others not at all
  h5manager repack run.h5 new.h5 --chunks images:1x64x64x3      other chunks for one dataset
  h5manager repack run.h5 old.h5 --libver earliest              for programs with an old HDF5
  h5manager repack run.h5 run.h5 --overwrite --verify           in place, after comparing all of it")]
pub struct Repack {
    /// The file.
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The new file.
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// Filters for some datasets (paths of datasets or groups before a colon) or for all: gzip[:LEVEL], shuffle,
    /// fletcher32, szip[=PIXELS,nn|ec], nbit, scaleoffset[=DIGITS], lzf, lz4, zstd[:LEVEL], bzip2[:LEVEL], blosc[:LEVEL],
    /// bitshuffle, ud=NUMBER,FLAG,COUNT,VALUE..., or none; several joined by +.
    #[arg(short, long = "filter", value_name = "[PATH,...:]FILTER+...")]
    filters: Vec<For<Filters>>,
    /// The shape of chunks, such as 64x64, for some datasets or for all of as many dimensions.
    #[arg(short, long, value_name = "[PATH,...:]NxM")]
    chunks: Vec<For<Chunk>>,
    /// The layout of some datasets or of all that it fits: contiguous, compact, or chunked=NxM.
    #[arg(short, long = "layout", value_name = "[PATH,...:]LAYOUT")]
    layouts: Vec<For<Layout>>,
    /// Datasets of fewer bytes keep their filters and layout, unless they are named.
    #[arg(short, long, value_name = "BYTES", default_value_t = 0)]
    minimum: u64,
    /// The oldest libhdf5 that is to read the new file: earliest, v18, v110, v112, v114, v200, latest.
    #[arg(long, value_name = "VERSION", default_value_t)]
    libver: LibVer,
    /// The same as --libver latest.
    #[arg(short = 'L', long, conflicts_with = "libver")]
    latest: bool,
    /// Compare all of the new file with the old one before it gets its name.
    #[arg(long)]
    verify: bool,
    /// Replace the output if it exists.
    #[arg(long)]
    overwrite: bool,
    /// The report as JSON.
    #[arg(long)]
    pub json: bool,
    /// How files are opened.
    #[command(flatten)]
    pub opening: Opening,
}

impl Command for Repack {
    fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome> {
        let file = self.opening.open(&self.input)?;
        output::check(&self.output, self.overwrite)?;
        output::make_parents(&self.output)?;
        let before = std::fs::metadata(&self.input).map(|m| m.len()).unwrap_or(0);
        if self.verify {
            let staged = output::beside(&self.output)?;
            self.copy(&file, &staged, true, progress)?;
            verify::same(&file, &self.opening.open(&staged)?, progress)?;
            output::publish(staged, &self.output, self.overwrite)?;
        } else {
            self.copy(&file, &self.output, self.overwrite, progress)?;
        }
        let after = std::fs::metadata(&self.output).map(|m| m.len()).unwrap_or(0);
        self.report(before, after, out)?;
        Ok(Outcome::Fine)
    }
}

impl Repack {
    fn copy(&self, file: &File, to: &Path, overwrite: bool, progress: &dyn Progress) -> Result<()> {
        let libver = if self.latest { LibVer::LATEST } else { self.libver };
        let mut options = CreateOptions::new().overwrite(overwrite).libver(libver);
        if file.user_block_size() > 0 {
            options = options.user_block(self.user_block(file.user_block_size())?);
        }
        let mut new = File::create_with(to, options)?;
        let layouts = self.layouts.iter().cloned().chain(self.chunks.iter().cloned().map(For::into_layout));
        let (filters, minimum) = (self.filters.clone(), self.minimum);
        let wishes = Wishes { filters, layouts: layouts.collect(), minimum };
        let root = Object::Group(file.root()?);
        let options = CopyOptions::new().expand_references(true).storage(move |dataset| wishes.of(dataset));
        progress.start("repacking", Some(file.size()));
        new.copy_from_watched(&root, "/", &options, &|bytes| {
            progress.advance(bytes);
            output::stop_if_asked(progress)
        })?;
        new.commit()?;
        progress.finish();
        Ok(())
    }

    /// What stands before the superblock.
    fn user_block(&self, bytes: u64) -> Result<Vec<u8>> {
        let mut block = Vec::new();
        std::fs::File::open(&self.input)?.take(bytes).read_to_end(&mut block)?;
        Ok(block)
    }

    fn report(&self, before: u64, after: u64, out: &mut dyn Write) -> Result<()> {
        let (input, output) = (output::printable(&self.input), output::printable(&self.output));
        if self.json {
            let report = serde_json::json!({
                "input": input, "output": output, "bytes_before": before, "bytes_after": after,
                "verified": self.verify,
            });
            return Ok(writeln!(out, "{report}")?);
        }
        let verified = if self.verify { ", verified" } else { "" };
        let percent = if before > 0 { after as f64 * 100.0 / before as f64 } else { 100.0 };
        writeln!(out, "{output}: {after} bytes, {percent:.0} % of {input}{verified}")?;
        Ok(())
    }
}
