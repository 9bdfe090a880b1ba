//! Other files that a file names: how their names are searched, which of them may be read at all, and how they are opened.
//!
//! A file may come from a stranger, and what it names is then the stranger's wish: `/etc/passwd`, `../secret.h5`, a FIFO
//! that never answers. So a name is first compared as text with the folder that is allowed, then with all symbolic links
//! resolved; only a regular file that passes both is opened, and what was opened is held against what was checked.
//! Environment variables that change the search in libhdf5 (`HDF5_EXT_PREFIX`, `HDF5_VDS_PREFIX`) do nothing here.

use super::hosted::{Hosted, OtherFiles};
use super::redo::{self, Change, Other, Standing};
use super::{Device, FileDevice, FileSource, Locking, MapSource, PatchedSource, Source, sync_folder_of};
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
    /// What becomes of it by an interrupted commit.
    change: Option<Change>,
}

/// Where a file stands, and what it may lead to.
#[derive(Clone, Debug)]
pub(crate) struct Neighbours {
    here: Here,
    /// What an interrupted commit to this file changes in others.
    interrupted: Arc<[Other]>,
}

#[derive(Clone, Debug)]
enum Here {
    OnDisk(OnDisk),
    Hosted(Hosted),
}

/// Where a file on disk stands, and what it may lead to.
#[derive(Clone, Debug)]
struct OnDisk {
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
        let found = Found::on_disk(path.to_owned(), real);
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
        Ok(Some((Here::OnDisk(OnDisk { reach: Arc::new(reach), folders }).into(), found)))
    }

    /// Those of a file that a host has, by the name that it has there.
    pub(crate) fn hosted(name: &str, host: Arc<dyn OtherFiles>) -> (Neighbours, Found) {
        (Here::Hosted(Hosted::new(name, host)).into(), Found::hosted(name.to_owned(), None))
    }

    /// Those of a neighbour: it stands elsewhere, and may lead to the same files.
    pub(crate) fn of_found(&self, found: &Found) -> Result<Neighbours> {
        let here = match &self.here {
            Here::OnDisk(here) => Here::OnDisk(OnDisk { reach: here.reach.clone(), folders: folders(found)? }),
            Here::Hosted(here) => Here::Hosted(here.at(&found.place())),
        };
        let interrupted = found.change.as_ref().map_or(Vec::new(), Change::others);
        Ok(Neighbours::from(here).with_interrupted(interrupted))
    }

    /// The same for who reads the file as its interrupted commit makes it, which changes `others`, too.
    pub(crate) fn with_interrupted(self, others: Vec<Other>) -> Neighbours {
        Neighbours { interrupted: others.into(), ..self }
    }

    /// The file of this name; `None` if there is none where it is allowed to look.
    ///
    /// An error of kind `Denied` if there might be one where it is not.
    pub(crate) fn find(&self, name: &[u8], search: Search) -> Result<Option<Found>> {
        let found = match &self.here {
            Here::OnDisk(here) => here.find(name, search)?,
            Here::Hosted(here) => here.find(name, search)?,
        };
        let Some(mut found) = found else { return Ok(None) };
        for Other { place, change } in self.interrupted.iter().filter(|other| other.change.search() == search) {
            match self.at_place(place, search) {
                Ok(Some(there)) if there.real == found.real => found.change = Some(change.clone()),
                // One that may not be read is another one.
                Err(e) if e.kind() != ErrorKind::Denied => return Err(e),
                _ => {}
            }
        }
        Ok(Some(found))
    }

    /// The file of raw data of this name, or where it is to be made: in the folder of this one.
    pub(crate) fn find_to_write(&self, name: &[u8]) -> Result<Found> {
        if let Some(found) = self.find(name, Search::RawData)? {
            return Ok(found);
        }
        match &self.here {
            Here::OnDisk(here) => here.place_for(name),
            Here::Hosted(here) => here.place_for(name),
        }
    }

    /// Opens a file to write raw data to it, and makes it if there is none.
    pub(super) fn open_to_write(&self, found: &Found, locking: Locking) -> Result<Arc<dyn Device>> {
        if let Here::Hosted(here) = &self.here {
            return here.device(&found.place());
        }
        match std::fs::File::options().write(true).create_new(true).open(&found.real) {
            Ok(_) => sync_folder_of(&found.real)?,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(super::file::explain(&found.real, e)),
        }
        found.still_there(FileDevice::open_real(&found.real, locking)?).map(|device| Arc::new(device) as _)
    }

    /// How the record of a commit has a file: from the folder of this one, where it is below it, so that all may be moved
    /// together.
    pub(super) fn place_of(&self, found: &Found) -> Vec<u8> {
        match &self.here {
            Here::OnDisk(OnDisk { folders: [_, folder], .. }) => {
                let place = found.real.strip_prefix(folder).unwrap_or(&found.real);
                place.as_os_str().as_encoded_bytes().to_vec()
            }
            Here::Hosted(_) => found.place().into_bytes(),
        }
    }

    /// The file at the place that the record of a commit has.
    pub(super) fn at_place(&self, place: &[u8], search: Search) -> Result<Option<Found>> {
        match &self.here {
            Here::OnDisk(here) => match here.try_candidate(&here.folders[1].join(to_path(place)?))? {
                Tried::Found(found) => Ok(Some(found)),
                Tried::Missing => Ok(None),
                Tried::Denied => Err(here.denied(&to_path(place)?)),
            },
            Here::Hosted(here) => here.at_place(place, search),
        }
    }
}

impl From<Here> for Neighbours {
    fn from(here: Here) -> Neighbours {
        Neighbours { here, interrupted: Arc::new([]) }
    }
}

impl OnDisk {
    /// Where a name is looked for, and whether it was meant for that place: a relative one was not necessarily meant for the
    /// working folder.
    fn candidates(&self, name: &[u8], search: Search) -> Result<Vec<(PathBuf, bool)>> {
        let mut name = to_path(name)?;
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
        Ok(candidates)
    }

    fn find(&self, name: &[u8], search: Search) -> Result<Option<Found>> {
        let mut denied = None;
        for (candidate, meant) in self.candidates(name, search)? {
            match self.try_candidate(&candidate)? {
                Tried::Found(found) => return Ok(Some(found)),
                Tried::Denied if meant => denied = denied.or(Some(candidate)),
                Tried::Missing | Tried::Denied => {}
            }
        }
        denied.map_or(Ok(None), |candidate| Err(self.denied(&candidate)))
    }

    /// Where a file of raw data is to be made.
    fn place_for(&self, name: &[u8]) -> Result<Found> {
        let (mut denied, shown) = (None, String::from_utf8_lossy(name).into_owned());
        for (candidate, _) in self.candidates(name, Search::RawData)?.into_iter().filter(|(_, meant)| *meant) {
            let folder = candidate.parent().map(std::fs::canonicalize);
            let (Some(Ok(folder)), Some(name)) = (folder, candidate.file_name()) else { continue };
            let real = folder.join(name);
            if self.is_outside(&plain(&candidate)?) || self.is_outside(&real) {
                denied = denied.or(Some(candidate));
            } else {
                return Ok(Found::on_disk(candidate, real));
            }
        }
        Err(match denied {
            Some(candidate) => self.denied(&candidate),
            None => Error::not_found(format!("external raw data: {shown} is not there, nor its folder")),
        })
    }

    fn is_outside(&self, path: &Path) -> bool {
        match &*self.reach {
            Reach::Nowhere => true,
            Reach::Beneath(named, real) => !path.starts_with(named) && !path.starts_with(real),
            Reach::Anywhere => false,
        }
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
        // By its text alone first: what lies outside is not even asked for, as that may have effects of its own.
        if self.is_outside(&plain(candidate)?) {
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
        Ok(Tried::Found(Found::on_disk(candidate.to_owned(), real)))
    }
}

impl Found {
    fn on_disk(named: PathBuf, real: PathBuf) -> Found {
        Found { named, real, source: None, change: None }
    }

    /// One that a host has; without a source it is the file that everything began with.
    pub(super) fn hosted(place: String, source: Option<Arc<dyn Source>>) -> Found {
        let place = PathBuf::from(place);
        Found { named: place.clone(), real: place, source, change: None }
    }

    /// Its path without symbolic links, or its place among the files of a host.
    pub(crate) fn place(&self) -> String {
        self.real.to_string_lossy().into_owned()
    }

    /// Its bytes; `map`: mapped into memory, where it is on disk.
    pub(crate) fn open(&self, map: bool) -> Result<Arc<dyn Source>> {
        let source: Arc<dyn Source> = match &self.source {
            Some(source) => source.clone(),
            None if map => Arc::new(MapSource::new(&self.open_file()?)?),
            None => Arc::new(self.open_file()?),
        };
        let Some(change) = &self.change else { return Ok(source) };
        let pieces = match change {
            Change::Pieces(pieces) if redo::standing(&*source, pieces)? != Standing::Foreign => pieces.to_vec(),
            Change::Commit(record) => match redo::find_apart(&*source, record)? {
                redo::Found::Pending(redo) => redo.pieces,
                _ => return Ok(source),
            },
            Change::Pieces(_) => return Ok(source),
        };
        let patches = pieces.into_iter().map(|p| (p.position, p.bytes)).collect();
        // Patches on one another are not of our making.
        Ok(PatchedSource::new(source.clone(), patches).map_or(source, |patched| Arc::new(patched)))
    }

    /// Opens one on disk, and makes sure that it is still what was found.
    pub(crate) fn open_file(&self) -> Result<FileSource> {
        self.still_there(FileSource::open_real(&self.real)?)
    }

    /// What was opened, if it is what was found.
    fn still_there<T>(&self, opened: T) -> Result<T> {
        let now = std::fs::canonicalize(&self.real).map_err(|e| super::file::explain(&self.real, e))?;
        if now != self.real {
            let message = format!("{} was replaced while it was opened", self.real.display());
            return Err(Error::conflict(message));
        }
        Ok(opened)
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
