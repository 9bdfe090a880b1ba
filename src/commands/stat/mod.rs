//! `stat`: what a file is made of, in numbers: objects, links, headers, attributes, datasets, chunks, space.

mod found;
mod report;
mod tally;

use super::open::Opening;
use super::output::printable;
use super::{Command, Outcome, Progress};
use crate::anatomy::Anatomy;
use crate::error::{Error, ErrorKind, Result};
use crate::file::File;
use found::Found;
use std::io::Write;
use std::path::PathBuf;
use tally::Tally;

/// Tells in numbers what a file is made of: objects, links, headers, attributes, datasets by layout, chunk index, filter
/// and type, chunks, and where the space goes.
///
/// What is damaged is counted and named, the rest is told, and the exit code is 1.
///
/// With --json each line is an object whose "what" says what it tells: file, objects, links, groups, headers,
/// attributes, datasets; one each for every layout, index, filters and class (with name, datasets, logical, stored);
/// chunks; one for every space (with name, pieces, bytes) and largest (with path, logical, stored); error.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  h5manager stat run.h5                           everything
  h5manager stat --largest 50 run.h5              the 50 datasets that take most of the file
  h5manager stat --json run.h5 | grep '\"filters\"'  how well each filter does")]
pub struct Stat {
    /// The file.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How many of the largest datasets are named.
    #[arg(long, value_name = "N", default_value_t = 10)]
    largest: usize,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// How files are opened.
    #[command(flatten)]
    pub opening: Opening,
}

impl Command for Stat {
    fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome> {
        let mut outcome = Outcome::Fine;
        for (i, path) in self.files.iter().enumerate() {
            if i > 0 && !self.json {
                writeln!(out)?;
            }
            let file = self.opening.open(path)?;
            // Objects are counted and the map is made side by side.
            let (tally, map) = rayon::join(
                || self.count(&file, progress),
                || {
                    let anatomy = Anatomy::of(&file).map_or_else(|| Anatomy::open(path), Ok)?;
                    anatomy.terse_map_unless(&|| progress.stopped())
                },
            );
            let (mut tally, map) = (tally?, map.map_err(|e| e.on(printable(path)))?);
            tally.space(&map);
            if self.json {
                report::json(&tally, path, &file, out)?;
            } else {
                report::text(&tally, path, &file, out)?;
            }
            if !tally.errors.is_empty() {
                outcome = Outcome::Finding;
            }
        }
        Ok(outcome)
    }
}

impl Stat {
    /// Objects, and what they hold.
    fn count(&self, file: &File, progress: &dyn Progress) -> Result<Tally> {
        let mut tally = Tally::new(self.largest);
        file.par_walk(
            |visit| Found::at(&visit),
            |step| {
                if progress.stopped() {
                    return Err(Error::new(ErrorKind::Interrupted, "stopped"));
                }
                match step {
                    Ok(found) => tally.add(found),
                    Err(e) => tally.errors.push(e.to_string()),
                }
                Ok(())
            },
        )?;
        Ok(tally)
    }
}
