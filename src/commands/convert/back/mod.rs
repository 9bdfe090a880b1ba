//! `convert` the way back: image sets in an .h5 file → a folder of image files.
//!
//! [`labels`] finds the classes, [`load`] reads rows in batches, [`names`] gives each a safe path, [`encode`] makes
//! image files of samples. Names are given out in the order of the rows, files are written on all threads.

mod encode;
mod labels;
mod load;
mod names;
mod splits;
mod unpack;

use super::report::{self, Skipped, count, printable};
use super::{Convert, OnError};
use crate::commands::staged_folder::{self, StagedFolder};
use crate::commands::visualize::Rows;
use crate::commands::{Outcome, Progress, output};
use crate::error::{Error, Result};
use crate::image_set::find;
use crate::image_set::hdf5::Hdf5;
use crate::image_set::recognise;
use crate::image_set::{ImageSet, Kind};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use unpack::Unpacker;

/// The options of the way back: what of an .h5 file becomes files.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "From .h5 to files")]
pub struct Back {
    /// The dataset or group to take, also written FILE.h5::/PATH
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,

    /// Only the rows A to B-1
    #[arg(long, value_name = "A:B")]
    pub rows: Option<Rows>,

    /// Only images of this class, by its name or number
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,

    /// Whether metadata.csv (file_name,label) is written beside the images
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub metadata: Metadata,
}

/// When the labels are written down beside the images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Metadata {
    /// If there are labels, unless the rows are files whose names say their classes: then the tree is what it was
    #[default]
    Auto,
    /// If there are labels
    Always,
    /// Never
    Never,
}

/// The words that name a part, and the folder that it gets.
const PART_WORDS: [&str; 8] = ["train", "training", "test", "testing", "val", "valid", "validation", "dev"];

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    output: String,
    /// Files that were written.
    images: u64,
    bytes: u64,
    /// What they are.
    format: &'static str,
    /// How many images each class has.
    classes: BTreeMap<String, u64>,
    /// Paths of the files with labels.
    metadata: Vec<String>,
    /// Files that are not called what the set calls them.
    renamed: u64,
    skipped: Vec<Skipped>,
}

/// Writes the image sets of the file at `input` to the folder `options.output`.
///
/// # Errors
/// If there are no image sets, or the folder cannot be written.
pub(super) fn run(
    options: &Convert,
    input: &Path,
    inside: Option<&str>,
    out: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<Outcome> {
    check(options, input)?;
    let source = Hdf5::open(&options.opening, input)?;
    let sets = chosen(find::find(&source)?, inside.or(options.back.path.as_deref()), input, progress)?;
    let staged = StagedFolder::create(&options.output, options.overwrite)?;
    let mut summary = Summary { output: output::printable(&options.output), ..Summary::default() };
    let mut unpacker = Unpacker::new(options, &source.file, &source, staged.path(), progress);
    for (part, set) in &sets {
        let whole = [(part.clone(), 0..set.rows)];
        // Rows that were asked for by number are those of the whole set.
        let splits = if options.back.rows.is_none() { splits::of(&source.file, set) } else { Vec::new() };
        for (part, rows) in if splits.is_empty() { whole.as_slice() } else { &splits } {
            let part = if splits.is_empty() { part.clone() } else { names::folder_name(part) };
            let done = unpacker.unpack(set, &part, rows.clone(), &mut summary);
            done.map_err(|e| in_place_of(staged.path(), &options.output, &e))?;
        }
    }
    if summary.images == 0 {
        return Err(report::nothing_of(input, &summary.skipped, "image", |input| {
            format!("no row of {input} was asked for")
        }));
    }
    if let Some(path) = &options.report {
        report::write_csv(path, &summary.skipped)?;
    }
    staged.publish()?;
    if options.json {
        serde_json::to_writer_pretty(&mut *out, &summary).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        summary.print(out)?;
    }
    Ok(Outcome::Fine)
}

fn check(options: &Convert, input: &Path) -> Result<()> {
    let name = options.output.to_string_lossy().to_ascii_lowercase();
    if name.ends_with(".h5") || name.ends_with(".hdf5") {
        return Err(Error::invalid(
            "from .h5 to .h5 there is nothing to convert: --output a folder, or a .npy, .npz or .csv file; `repack` and \
             `copy` make other .h5 files",
        ));
    }
    staged_folder::check(&options.output, options.overwrite, input)?;
    if let Some(report) = &options.report {
        output::check(report, options.overwrite)?;
    }
    Ok(())
}

/// The sets to write, each with the folder that it gets: the one that was asked for; else the best, and with it all of
/// its kind if it is a part of a whole, such as `x_train` beside `x_test`.
fn chosen(
    sets: Vec<ImageSet>,
    wanted: Option<&str>,
    input: &Path,
    progress: &dyn Progress,
) -> Result<Vec<(String, ImageSet)>> {
    let plain = |path: &str| path.trim_matches('/').to_owned();
    let list = |sets: &[ImageSet]| {
        let paths: Vec<String> = sets.iter().take(10).map(|set| printable(set.path())).collect();
        paths.join(", ")
    };
    if let Some(wanted) = wanted {
        let there = if sets.is_empty() { "there are none".to_owned() } else { format!("there are: {}", list(&sets)) };
        let found = sets.into_iter().find(|set| plain(set.path()) == plain(wanted));
        let none = || Error::not_found(format!("{} is no image set; {there}", printable(wanted)));
        return Ok(vec![(String::new(), found.ok_or_else(none)?)]);
    }
    let Some(first) = sets.first() else {
        let input = output::printable(input);
        return Err(Error::not_found(format!(
            "no images were recognised in {input}; `--output x.npy`, `x.npz` or `x.csv` writes its arrays, and \
             `h5manager ls {input}` shows them"
        )));
    };
    let whole = recognise::whole_of(first.path());
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for (i, set) in sets.into_iter().enumerate() {
        let part = part_of(&set).filter(|part| !taken.iter().any(|(name, _)| name == part));
        match part {
            Some(part) if recognise::whole_of(set.path()) == whole => taken.push((part, set)),
            _ if i == 0 => taken.push((String::new(), set)),
            _ => left.push(set),
        }
    }
    if !left.is_empty() {
        progress.notice(&format!("also images, and not written: {}; --path takes one of them", list(&left)));
    }
    if let [only] = taken.as_mut_slice() {
        only.0 = String::new();
    }
    Ok(taken)
}

/// Which part of a whole a set is by its name: `train`, `test` …
fn part_of(set: &ImageSet) -> Option<String> {
    let Kind::Stack(pictures) = &set.kind else {
        return None;
    };
    recognise::parts_of(&pictures.path).into_iter().find(|part| PART_WORDS.contains(&part.as_str()))
}

/// An error of the folder that is being filled, told of the place that it is for.
fn in_place_of(staged: &Path, target: &Path, error: &Error) -> Error {
    let (staged, target) = (staged.to_string_lossy(), target.to_string_lossy());
    let told = Error::new(error.kind(), error.message().replace(&*staged, &target));
    match error.object() {
        Some(object) => told.on(object.replace(&*staged, &target)),
        None => told,
    }
}

impl Summary {
    /// For people.
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{}: {}, {}", self.output, count(self.images, "image"), self.format)?;
        let width = self.classes.keys().take(20).map(|name| printable(name).chars().count()).max().unwrap_or(0);
        for (name, images) in self.classes.iter().take(20) {
            writeln!(out, "  {:width$}  {images}", printable(name))?;
        }
        if let Some(more) = self.classes.len().checked_sub(21) {
            writeln!(out, "  and {}", count(more as u64 + 1, "further class"))?;
        }
        if self.renamed > 0 {
            writeln!(out, "{} renamed: names were taken, or not safe", count(self.renamed, "file"))?;
        }
        if !self.skipped.is_empty() {
            writeln!(out, "{} skipped:", count(self.skipped.len() as u64, "row"))?;
            report::print_skipped(&self.skipped, out)?;
        }
        Ok(())
    }
}

/// Whether what cannot be read ends the work.
fn is_strict(options: &Convert) -> bool {
    options.on_error == OnError::Stop
}
