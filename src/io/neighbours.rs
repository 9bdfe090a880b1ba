//! Other files that a file names: how their names are searched, which of them may be read at all, and how they are opened.
//!
//! A file may come from a stranger, and what it names is then the stranger's wish: `/etc/passwd`, `../secret.h5`, a FIFO
//! that never answers. So a name is first compared as text with the folder that is allowed, then with all symbolic links
//! resolved; only a regular file that passes both is opened, and what was opened is held against what was checked.
//! Environment variables that change the search in libhdf5 (`HDF5_EXT_PREFIX`, `HDF5_VDS_PREFIX`) do nothing here.

use super::hosted::{Hosted, OtherFiles};
use super::{FileSource, MapSource, Source};
use crate::error::{Error, ErrorKind, Result};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Which other files a file may lead to: targets of external links, sources of virtual datasets, external raw data.
///
/// Only regular files are ever opened, whatever is allowed. A file that lies in memory leads nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum External {
    /// To none.
    Deny,
    /// To those in the folder of the file that is opened, and below it. Symbolic links that lead out do not count.
    #[default]
    OwnFolder,
    /// To those in this folder, and below it.
    Beneath(PathBuf),
    /// To any file that the user may read. For files that are yours.
    Any,
}

/// An allowed place, with its folder resolved.
#[derive(Debug)]
enum Reach {
    Nowhere,
    /// The folder as it was named, and without symbolic links.
    Beneath(PathBuf, PathBuf),
    Anywhere,
}

/// What a name is searched for; the orders are those of libhdf5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// An HDF5 file: the target of a link, the source of a virtual dataset.
    Hdf5,
    /// A file of raw data. Its name counts from the working folder; the folder of the file comes second.
    RawData,
}

/// A file that was found, and may be read.
#[derive(Clone)]
pub(crate) struct Found {
    /// The path by which it was found.
    named: PathBuf,
    /// The same without symbolic links: equal for equal files.
    pub(crate) real: PathBuf,
    /// Its bytes, where it is not on disk.
    source: Option<Arc<dyn Source>>,
}

/// Where a file stands, and what it may lead to.
#[derive(Clone, Debug)]
pub(crate) enum Neighbours {
    OnDisk(OnDisk),
    Hosted(Hosted),
}

/// The same of a file on disk.
#[derive(Clone, Debug)]
pub(crate) struct OnDisk {
    reach: Arc<Reach>,
    /// The folder of the file as it was opened, then the one it really stands in.
    folders: [PathBuf; 2],
}

/// What became of one candidate.
enum Tried {
    Found(Found),
    Missing,
    Denied,
}

impl Neighbours {
    /// Those of the file at `path`, with what it really is.
    ///
    /// `None` where the system does not say where it really stands, as of a file that was deleted but is still open.
    pub(crate) fn of(path: &Path, external: &External) -> Result<Option<(Neighbours, Found)>> {
        let Ok(real) = std::fs::canonicalize(path) else {
            return Ok(None);
        };
        let found = Found { named: path.to_owned(), real, source: None };
        let folders = folders(&found)?;
        let beneath = |folder: &Path| {
            let real = std::fs::canonicalize(folder)
                .map_err(|e| Error::from(e).on(format!("the folder {}", folder.display())))?;
            Ok::<_, Error>(Reach::Beneath(plain(folder)?, real))
        };
        let reach = match external {
            External::Deny => Reach::Nowhere,
            External::OwnFolder => beneath(&folders[0])?,
            External::Beneath(folder) => beneath(folder)?,
            External::Any => Reach::Anywhere,
        };
        Ok(Some((Neighbours::OnDisk(OnDisk { reach: Arc::new(reach), folders }), found)))
    }

    /// Those of a file that a host has, by the name that it has there.
    pub(crate) fn hosted(name: &str, host: Arc<dyn OtherFiles>) -> (Neighbours, Found) {
        (Neighbours::Hosted(Hosted::new(name, host)), Found::hosted(name.to_owned(), None))
    }

    /// Those of a neighbour: it stands elsewhere, and may lead to the same files.
    pub(crate) fn of_found(&self, found: &Found) -> Result<Neighbours> {
        Ok(match self {
            Neighbours::OnDisk(here) => {
                Neighbours::OnDisk(OnDisk { reach: here.reach.clone(), folders: folders(found)? })
            }
            Neighbours::Hosted(here) => Neighbours::Hosted(here.at(&found.place())),
        })
    }

    /// The file of this name; `None` if there is none where it is allowed to look.
    ///
    /// An error of kind `Denied` if there might be one where it is not.
    pub(crate) fn find(&self, name: &[u8], search: Search) -> Result<Option<Found>> {
        match self {
            Neighbours::OnDisk(here) => here.find(name, search),
            Neighbours::Hosted(here) => here.find(name, search),
        }
    }
}

impl OnDisk {
    fn find(&self, name: &[u8], search: Search) -> Result<Option<Found>> {
        let mut name = to_path(name)?;
        let mut denied = None;
        // `None` for the working folder: a relative name was not necessarily meant for it.
        let mut candidates: Vec<(PathBuf, bool)> = Vec::new();
        if is_absolute(&name) {
            candidates.push((name.clone(), true));
            // What was moved together with the file is still found by its last component.
            name = match (search, name.file_name()) {
                (Search::Hdf5, Some(last)) => last.into(),
                _ => PathBuf::new(),
            };
        }
        if !name.as_os_str().is_empty() {
            let [opened, real] = &self.folders;
            let (first, here, second) = ((opened.join(&name), true), (name.clone(), false), (real.join(&name), true));
            candidates.extend(match search {
                Search::Hdf5 => [first, here, second],
                Search::RawData => [here, first, second],
            });
        }
        for (candidate, meant) in candidates {
            match self.try_candidate(&candidate)? {
                Tried::Found(found) => return Ok(Some(found)),
                Tried::Denied if meant => denied = denied.or(Some(candidate)),
                Tried::Missing | Tried::Denied => {}
            }
        }
        denied.map_or(Ok(None), |candidate| Err(self.denied(&candidate)))
    }

    fn denied(&self, path: &Path) -> Error {
        let path = path.display();
        let message = match &*self.reach {
            Reach::Beneath(folder, _) => format!(
                "the other file {path} is not below {}, where files may be read; allow it with --external FOLDER \
                 or --external any",
                folder.display()
            ),
            _ => format!("the other file {path} may not be read; allow it with --external FOLDER or --external any"),
        };
        Error::new(ErrorKind::Denied, message)
    }

    fn try_candidate(&self, candidate: &Path) -> Result<Tried> {
        let outside = |path: &Path| match &*self.reach {
            Reach::Nowhere => true,
            Reach::Beneath(named, real) => !path.starts_with(named) && !path.starts_with(real),
            Reach::Anywhere => false,
        };
        // By its text alone first: what lies outside is not even asked for, as that may have effects of its own.
        if outside(&plain(candidate)?) {
            return Ok(Tried::Denied);
        }
        use std::io::ErrorKind as K;
        let real = match std::fs::canonicalize(candidate) {
            Ok(real) => real,
            Err(e) if matches!(e.kind(), K::NotFound | K::NotADirectory | K::InvalidInput | K::InvalidFilename) => {
                return Ok(Tried::Missing);
            }
            Err(e) => return Err(super::file::explain(candidate, e)),
        };
        if let Reach::Beneath(_, folder) = &*self.reach
            && !real.starts_with(folder)
        {
            return Ok(Tried::Denied);
        }
        let what = std::fs::metadata(&real).map_err(|e| super::file::explain(&real, e))?;
        if what.is_dir() {
            return Ok(Tried::Missing);
        }
        if !what.is_file() {
            let message = format!("the other file {} is not a regular file", candidate.display());
            return Err(Error::new(ErrorKind::Denied, message));
        }
        Ok(Tried::Found(Found { named: candidate.to_owned(), real, source: None }))
    }
}

impl Found {
    /// One that a host has; without a source it is the file that everything began with.
    pub(super) fn hosted(place: String, source: Option<Arc<dyn Source>>) -> Found {
        let place = PathBuf::from(place);
        Found { named: place.clone(), real: place, source }
    }

    /// Its place among the files of a host.
    pub(super) fn place(&self) -> String {
        self.real.to_string_lossy().into_owned()
    }

    /// Its bytes; `map`: mapped into memory, where it is on disk.
    pub(crate) fn open(&self, map: bool) -> Result<Arc<dyn Source>> {
        if let Some(source) = &self.source {
            return Ok(source.clone());
        }
        let file = self.open_file()?;
        Ok(if map { Arc::new(MapSource::new(&file)?) } else { Arc::new(file) })
    }

    /// Opens one on disk, and makes sure that it is still what was found.
    pub(crate) fn open_file(&self) -> Result<FileSource> {
        let file = FileSource::open_real(&self.real)?;
        let now = std::fs::canonicalize(&self.real).map_err(|e| super::file::explain(&self.real, e))?;
        if now != self.real {
            let message = format!("{} was replaced while it was opened", self.real.display());
            return Err(Error::conflict(message));
        }
        Ok(file)
    }
}

/// The folders of a file: as it was named, and without symbolic links.
fn folders(found: &Found) -> Result<[PathBuf; 2]> {
    let folder = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    Ok([folder(&std::path::absolute(&found.named)?), folder(&found.real)])
}

/// The absolute path without `.` and `..`, by its text alone.
fn plain(path: &Path) -> Result<PathBuf> {
    let mut out = PathBuf::new();
    for component in std::path::absolute(path)?.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Whether joining the path to a folder would forget the folder.
fn is_absolute(path: &Path) -> bool {
    path.has_root() || matches!(path.components().next(), Some(Component::Prefix(_)))
}

#[cfg(unix)]
fn to_path(name: &[u8]) -> Result<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    Ok(Path::new(OsStr::from_bytes(name)).to_owned())
}

#[cfg(not(unix))]
fn to_path(name: &[u8]) -> Result<PathBuf> {
    let name = std::str::from_utf8(name).map_err(|_| Error::unsupported("a file name that is not UTF-8"))?;
    Ok(Path::new(OsStr::new(name)).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// `outer/inner/main.h5` and a few neighbours.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir_all(inner.join("sub")).unwrap();
        for name in ["inner/main.h5", "inner/a.h5", "inner/sub/b.h5", "secret.h5"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        folder
    }

    fn find(folder: &Path, external: &External, name: &str) -> Result<Option<PathBuf>> {
        let (neighbours, _) = Neighbours::of(&folder.join("inner/main.h5"), external)?.unwrap();
        Ok(neighbours.find(name.as_bytes(), Search::Hdf5)?.map(|f| f.real))
    }

    #[test]
    fn names_are_found_beside_the_file_and_below() {
        let folder = folder();
        let at = |name: &str| find(folder.path(), &External::OwnFolder, name).unwrap();
        assert!(at("a.h5").unwrap().ends_with("inner/a.h5"));
        assert!(at("sub/b.h5").unwrap().ends_with("inner/sub/b.h5"));
        assert!(at("./sub/../a.h5").unwrap().ends_with("inner/a.h5"));
        assert_eq!(at("none.h5"), None);
        assert_eq!(at("sub"), None);
        assert_eq!(at("s3://bucket/key"), None);
    }

    #[test]
    fn what_lies_outside_is_denied_by_name() {
        let folder = folder();
        let outside = folder.path().join("secret.h5");
        for name in ["../secret.h5", "sub/../../secret.h5", "/etc/hostname/none.h5", outside.to_str().unwrap()] {
            let error = find(folder.path(), &External::OwnFolder, name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Denied, "{name}");
            assert!(error.message().contains("--external any"), "{error}");
            assert_eq!(find(folder.path(), &External::Deny, name).unwrap_err().kind(), ErrorKind::Denied);
        }
        assert_eq!(find(folder.path(), &External::Deny, "a.h5").unwrap_err().kind(), ErrorKind::Denied);
        let beneath = External::Beneath(folder.path().to_owned());
        assert!(find(folder.path(), &beneath, "../secret.h5").unwrap().is_some());
        assert!(find(folder.path(), &External::Any, "../secret.h5").unwrap().is_some());
    }

    #[test]
    fn a_file_that_was_moved_is_found_by_its_last_component() {
        let folder = folder();
        let found = find(folder.path(), &External::OwnFolder, "/data/run7/a.h5").unwrap().unwrap();
        assert!(found.ends_with("inner/a.h5"));
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_links_that_lead_out_are_denied() {
        let folder = folder();
        let inner = folder.path().join("inner");
        std::os::unix::fs::symlink("../secret.h5", inner.join("out.h5")).unwrap();
        std::os::unix::fs::symlink("..", inner.join("up")).unwrap();
        std::os::unix::fs::symlink("sub/b.h5", inner.join("in.h5")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", inner.join("zero.h5")).unwrap();
        for name in ["out.h5", "up/secret.h5", "zero.h5"] {
            let error = find(folder.path(), &External::OwnFolder, name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Denied, "{name}");
        }
        assert!(find(folder.path(), &External::OwnFolder, "in.h5").unwrap().unwrap().ends_with("sub/b.h5"));
        assert!(find(folder.path(), &External::Any, "out.h5").unwrap().is_some());
        assert_eq!(find(folder.path(), &External::Any, "zero.h5").unwrap_err().kind(), ErrorKind::Denied);
    }
}
