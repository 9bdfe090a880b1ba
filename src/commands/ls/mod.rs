//! `ls`: what is in a file, as a tree, as paths, or as JSON.

mod describe;
mod shown;

use super::first_paths::FirstPaths;
use super::{Command, Outcome, Progress, open::Opening};
use crate::error::{Error, ErrorKind, Result};
use crate::{File, Object};
use shown::{Listing, Look, Shown, top_name};
use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) use describe::{details, shape_text};

/// Shows what is in a file: names, kinds, shapes, types.
///
/// Damaged branches are shown as errors, the rest is shown, and the exit code is 1. FILE may name an object inside:
/// run.h5::/detector.
///
/// With --json each line is an object with its path, its kind (group, dataset, datatype, soft, external, user, error),
/// and what that kind has: shape, max, type, layout, chunks, filters; target, file; same_as. With -v: address, header,
/// times, index, data_address, stored, ratio, chunks_stored, chunks_total. With -a: attributes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  h5manager ls run.h5                   the tree
  h5manager ls -v -a run.h5             with storage, filters and attributes
  h5manager ls run.h5::/detector        one branch
  h5manager ls -r run.h5 | grep counts  one path a line")]
pub struct Ls {
    /// The file, or FILE::/PATH.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Full paths, one a line, instead of a tree.
    #[arg(short, long)]
    recursive: bool,
    /// Storage: layout, chunk index, filters with parameters, bytes and ratio, addresses; header, times, creation order.
    #[arg(short, long)]
    verbose: bool,
    /// Attributes with their values.
    #[arg(short, long)]
    attributes: bool,
    /// Show groups down to this depth only.
    #[arg(short, long, value_name = "N")]
    depth: Option<usize>,
    /// One JSON object a line for each object.
    #[arg(long)]
    json: bool,
    /// How files are opened.
    #[command(flatten)]
    pub opening: Opening,
}

impl Command for Ls {
    fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome> {
        let mut outcome = Outcome::Fine;
        for (i, path) in self.files.iter().enumerate() {
            if i > 0 && !self.json {
                writeln!(out)?;
            }
            let (path, inside) = split_path(path);
            let file = self.opening.open(&path)?;
            let top = file.object(inside.as_deref().unwrap_or("/"))?;
            if self.list(&path, &top, out, progress)? == Outcome::Finding {
                outcome = Outcome::Finding;
            }
        }
        Ok(outcome)
    }
}

/// `FILE::/PATH` in its two parts.
pub(crate) fn split_path(argument: &Path) -> (PathBuf, Option<String>) {
    let text = argument.to_string_lossy();
    match text.rsplit_once("::") {
        Some((file, inside)) if !argument.exists() && !file.is_empty() => (file.into(), Some(inside.to_owned())),
        _ => (argument.to_owned(), None),
    }
}

/// The tree of a whole file, as `ls` without options shows it.
pub(crate) fn tree(file: &File, name: &Path, out: &mut (dyn Write + Send)) -> Result<()> {
    let opening = Opening::default();
    let options = Ls {
        files: Vec::new(),
        recursive: false,
        verbose: false,
        attributes: false,
        depth: None,
        json: false,
        opening,
    };
    options.list(name, &file.object("/")?, out, &super::Silent).map(drop)
}

impl Ls {
    /// Lists what is in `top`; tells whether some of it is damaged.
    fn list(
        &self,
        file: &Path,
        top: &Object,
        out: &mut (dyn Write + Send),
        progress: &dyn Progress,
    ) -> Result<Outcome> {
        let look = Look { options: self, top: top_name(file, top), paths: FirstPaths::new(top.file()) };
        let mut listing = Listing { options: self, out, open: Vec::new(), outcome: Outcome::Fine };
        let mut show = |step: Result<Shown>| {
            if progress.stopped() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped"));
            }
            listing.show(step.unwrap_or_else(|e| look.error(&e)))
        };
        match (top, self.depth) {
            (Object::Group(group), None) => group.par_walk(|visit| look.at(&visit), show)?,
            (Object::Group(group), Some(most)) => {
                let mut walk = group.walk();
                while let Some(step) = walk.next() {
                    if step.as_ref().is_ok_and(|visit| visit.depth() >= most) {
                        walk.skip_group();
                    }
                    show(step.map(|visit| look.at(&visit)))?;
                }
            }
            (other, _) => show(Ok(look.alone(other)))?,
        }
        Ok(listing.outcome)
    }
}
