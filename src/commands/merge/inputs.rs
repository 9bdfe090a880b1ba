//! The files to merge: named, found, opened.

use crate::commands::{Progress, open::Opening};
use crate::datatype::Name;
use crate::error::{Error, ErrorKind, Result};
use crate::{Attribute, Dataset, Group, LinkTarget, Object, Visited};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A file to merge, and what is in it by path.
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// The number of its samples: the first dimension that most of its datasets have.
    pub(super) rows: u64,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) datasets: BTreeMap<String, Dataset>,
    pub(super) soft_links: BTreeMap<String, Name>,
    /// What cannot be merged, said by path.
    pub(super) unsupported: BTreeMap<String, &'static str>,
}

impl Input {
    /// As the user named it.
    pub(super) fn name(&self) -> String {
        Name::from(&*self.path.to_string_lossy()).to_string()
    }
}

/// Opens what the arguments name. Everything that is missing is named at once.
pub(super) fn open(
    arguments: &[&PathBuf],
    output: &Path,
    opening: &Opening,
    progress: &dyn Progress,
) -> Result<Vec<Input>> {
    let paths = expand(arguments)?;
    if paths.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "no input: name the files to merge, or pass --inputs a.h5,b.h5"));
    }
    let same = |a: &Path, b: &Path| a.canonicalize().ok().is_some_and(|a| b.canonicalize().ok() == Some(a));
    for (i, path) in paths.iter().enumerate() {
        if same(path, output) {
            let message = format!("{} is both an input and the output; choose another --output", path.display());
            return Err(Error::new(ErrorKind::Conflict, message));
        }
        if paths[..i].iter().any(|earlier| same(earlier, path)) {
            progress.notice(&format!("{} is merged more than once: its rows will be there twice", path.display()));
        }
    }
    paths.iter().map(|path| load(path, opening)).collect()
}

/// Patterns become the files that match, sorted by name; a pattern without a match is an error as a missing file is.
fn expand(arguments: &[&PathBuf]) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let mut missing = Vec::new();
    for argument in arguments {
        let text = argument.to_string_lossy();
        if argument.exists() {
            paths.push((*argument).clone());
        } else if text.contains(['*', '?', '[']) {
            let found = glob::glob(&text).map_err(|e| Error::new(ErrorKind::Invalid, format!("{text}: {e}")))?;
            let before = paths.len();
            paths.extend(found.flatten());
            if paths.len() == before {
                missing.push(format!("{text}: matches no file"));
            }
        } else {
            missing.push(format!("{text}: no such file"));
        }
    }
    if missing.is_empty() {
        return Ok(paths);
    }
    let message = format!("nothing was merged:\n  {}", missing.join("\n  "));
    Err(Error::new(ErrorKind::NotFound, message))
}

fn load(path: &Path, opening: &Opening) -> Result<Input> {
    let file = opening.open(path)?;
    let in_file = |e: Error| {
        let object = e.object().unwrap_or("/").to_owned();
        let message = format!("{}::{object}: {}", path.display(), e.message());
        Error::new(e.kind(), message)
    };
    let mut input = Input {
        path: path.to_owned(),
        rows: 0,
        groups: BTreeMap::new(),
        datasets: BTreeMap::new(),
        soft_links: BTreeMap::new(),
        unsupported: BTreeMap::new(),
    };
    for visit in file.walk() {
        let visit = visit.map_err(in_file)?;
        let at = visit.path().to_text().into_owned();
        match visit.what() {
            Visited::Object(Object::Group(group)) => {
                input.groups.insert(at, group.clone());
            }
            Visited::Object(Object::Dataset(dataset)) => {
                input.datasets.insert(at, dataset.clone());
            }
            Visited::Object(Object::Datatype(_)) => {
                input.unsupported.insert(at, "a committed datatype");
            }
            Visited::Link(LinkTarget::Soft(target)) => {
                input.soft_links.insert(at, target.clone());
            }
            Visited::Link(LinkTarget::External { .. }) => {
                input.unsupported.insert(at, "an external link");
            }
            Visited::Link(_) => {
                input.unsupported.insert(at, "a user-defined link");
            }
            // A further name for an object: kept as a link to the first.
            Visited::Again(first) => {
                input.soft_links.insert(at, first.clone());
            }
        }
    }
    input.rows = rows(&input.datasets);
    Ok(input)
}

/// The first dimension that most datasets have; of equally frequent ones the largest.
fn rows(datasets: &BTreeMap<String, Dataset>) -> u64 {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for dataset in datasets.values() {
        if let Some(&rows) = dataset.shape().first() {
            *counts.entry(rows).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|&(rows, count)| (count, rows)).map_or(0, |(rows, _)| rows)
}

/// Whether two attributes hold the same.
pub(super) fn same_attribute(a: &Attribute, b: &Attribute) -> bool {
    a.shape() == b.shape()
        && a.datatype() == b.datatype()
        && match (a.values(usize::MAX), b.values(usize::MAX)) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        }
}
