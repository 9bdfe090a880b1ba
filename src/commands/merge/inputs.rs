//! The files to merge: named, found, and held to what they were when they were looked at.

use crate::commands::{Progress, open::Opening, output};
use crate::datatype::{Datatype, Name};
use crate::error::{Error, ErrorKind, Result};
use crate::{File, Object};
use std::collections::{HashMap, VecDeque};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Files that are kept open: more could be more than the system allows.
const OPEN: usize = 64;

/// What tells a file from another one, and from itself after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    identity: Option<(u64, u64)>,
    size: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Result<Stamp> {
        let about = std::fs::metadata(path).map_err(|e| Error::from(e).on(output::printable(path)))?;
        Ok(Stamp { identity: identity(&about), size: about.len(), modified: about.modified().ok() })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

#[cfg(unix)]
fn identity(about: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((about.dev(), about.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// Whether two names lead to one file: through symbolic and hard links, too.
fn same(a: &Path, b: &Path) -> bool {
    let by_name = || a.canonicalize().ok().is_some_and(|a| b.canonicalize().ok() == Some(a));
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(a), Ok(b)) if identity(&a).is_some() => identity(&a) == identity(&b),
        (Ok(_), Ok(_)) => by_name(),
        _ => false,
    }
}

/// The files that the arguments name. Everything that is missing is named at once.
pub(super) fn find(arguments: &[&PathBuf], output: &Path, progress: &dyn Progress) -> Result<Vec<PathBuf>> {
    let paths = expand(arguments)?;
    if paths.is_empty() {
        return Err(Error::new(ErrorKind::Invalid, "no input: name the files to merge, or pass --inputs a.h5,b.h5"));
    }
    if let Some(path) = paths.iter().find(|path| same(path, output)) {
        let path = output::printable(path);
        let message = format!("{path} is both an input and the output; choose another --output");
        return Err(Error::new(ErrorKind::Conflict, message));
    }
    let mut known = HashMap::new();
    for path in &paths {
        let real = std::fs::metadata(path).ok().and_then(|m| identity(&m));
        let key = real.map_or_else(|| output::real(path).into_os_string(), |(a, b)| format!("{a}/{b}").into());
        if let Some(first) = known.insert(key, path) {
            let (path, first) = (output::printable(path), output::printable(first));
            let also = if path == first { String::new() } else { format!(" (also as {first})") };
            progress.notice(&format!("{path} is merged more than once{also}: its rows will be there twice"));
        }
    }
    Ok(paths)
}

/// Patterns become the files that match, sorted by name; a pattern without a match is an error as a missing file is.
fn expand(arguments: &[&PathBuf]) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let mut missing = Vec::new();
    for argument in arguments {
        let text = argument.to_string_lossy();
        let shown = output::printable(argument);
        if argument.is_dir() {
            missing.push(format!("{shown}: is a folder; name its files, for example '{shown}/*.h5'"));
        } else if argument.exists() {
            paths.push((*argument).clone());
        } else if text.contains(['*', '?', '[']) {
            let found = glob::glob(&text).map_err(|e| Error::new(ErrorKind::Invalid, format!("{shown}: {e}")))?;
            let before = paths.len();
            paths.extend(found.flatten().filter(|p| !p.is_dir()));
            if paths.len() == before {
                missing.push(format!("{shown}: matches no file"));
            }
        } else {
            missing.push(format!("{shown}: no such file"));
        }
    }
    if missing.is_empty() {
        return Ok(paths);
    }
    let message = format!("nothing was merged:\n  {}", missing.join("\n  "));
    Err(Error::new(ErrorKind::NotFound, message))
}

/// An error of an input, with its name.
pub(super) fn in_file(path: &Path, e: Error) -> Error {
    let object = e.object().map(|o| format!("::{o}")).unwrap_or_default();
    Error::new(e.kind(), format!("{}{object}: {}", output::printable(path), e.message()))
}

/// Opens a file, which must be the one that was looked at before.
pub(super) fn open(path: &Path, stamp: &Stamp, opening: &Opening) -> Result<File> {
    check(path, stamp)?;
    opening.open(path)
}

/// Refuses a file that is not what it was.
pub(super) fn check(path: &Path, stamp: &Stamp) -> Result<()> {
    if Stamp::of(path)? == *stamp {
        return Ok(());
    }
    let message = format!("{} changed while it was merged; nothing was written", output::printable(path));
    Err(Error::new(ErrorKind::Conflict, message))
}

/// The files that were used last, open.
pub(super) struct Shelf<'a> {
    inputs: &'a [super::survey::Input],
    opening: &'a Opening,
    open: HashMap<usize, File>,
    used: VecDeque<usize>,
}

impl<'a> Shelf<'a> {
    pub(super) fn new(inputs: &'a [super::survey::Input], opening: &'a Opening) -> Shelf<'a> {
        Shelf { inputs, opening, open: HashMap::new(), used: VecDeque::new() }
    }

    pub(super) fn file(&mut self, input: usize) -> Result<File> {
        if let Some(file) = self.open.get(&input) {
            return Ok(file.clone());
        }
        let of = self.input(input)?;
        let file = open(&of.path, &of.stamp, self.opening)?;
        if self.used.len() >= OPEN
            && let Some(oldest) = self.used.pop_front()
        {
            self.open.remove(&oldest);
        }
        self.used.push_back(input);
        self.open.insert(input, file.clone());
        Ok(file)
    }

    /// The object at a path that the survey came by.
    pub(super) fn object(&mut self, input: usize, path: &Name) -> Result<Object> {
        let of = self.input(input)?;
        let lost = || Error::new(ErrorKind::NotFound, format!("{}::{path} is not there", of.name));
        let address = of.items.get(path).ok_or_else(lost)?.address;
        self.file(input)?.object_at(address).map_err(|e| in_file(&of.path, e.on(path.to_string())))
    }

    pub(super) fn dataset(&mut self, input: usize, path: &Name) -> Result<crate::Dataset> {
        match self.object(input, path)? {
            Object::Dataset(dataset) => Ok(dataset),
            _ => Err(Error::new(ErrorKind::Mismatch, format!("{path} is no dataset any more"))),
        }
    }

    /// The paths of a file's objects by their addresses, if elements of `datatype` may lead to one.
    pub(super) fn paths(&self, input: usize, datatype: &Datatype) -> Result<HashMap<u64, Name>> {
        if !datatype.has_references() {
            return Ok(HashMap::new());
        }
        let items = &self.input(input)?.items;
        let objects = items.iter().filter(|(_, item)| item.address != 0);
        Ok(objects.map(|(path, item)| (item.address, path.clone())).collect())
    }

    fn input(&self, input: usize) -> Result<&'a super::survey::Input> {
        self.inputs.get(input).ok_or_else(|| Error::new(ErrorKind::Invalid, "an input that was not named"))
    }

    /// Closes a file after a last look at whether it is still what it was.
    pub(super) fn close(&mut self, input: usize) -> Result<()> {
        let of = self.input(input)?;
        self.open.remove(&input);
        self.used.retain(|&i| i != input);
        check(&of.path, &of.stamp)
    }

    /// Looks at all files that were merged.
    pub(super) fn check_all(&self) -> Result<()> {
        self.inputs.iter().try_for_each(|i| check(&i.path, &i.stamp))
    }
}

/// A short name for each file: that of the file without its suffix, numbered where several have it.
pub(super) fn short_names(paths: &[PathBuf]) -> Vec<Arc<str>> {
    let mut taken: HashMap<String, usize> = HashMap::new();
    let mut names: Vec<Arc<str>> = Vec::with_capacity(paths.len());
    for path in paths {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let stem = if stem.is_empty() || stem == "." || stem == ".." { "file".into() } else { stem.replace('/', "_") };
        let mut name = stem.clone();
        while taken.contains_key(&name) {
            let next = taken.entry(stem.clone()).or_insert(1);
            *next += 1;
            name = format!("{stem}-{next}");
        }
        taken.entry(name.clone()).or_insert(1);
        names.push(name.into());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_told_apart() {
        let paths: Vec<PathBuf> = ["a/x.h5", "b/x.h5", "x-2.h5", "c/x.hdf5", "set.v2.h5"].map(PathBuf::from).into();
        let names = short_names(&paths);
        assert_eq!(names.iter().map(|n| &**n).collect::<Vec<_>>(), ["x", "x-2", "x-2-2", "x-3", "set.v2"]);
    }
}
