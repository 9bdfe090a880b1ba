//! The other files of one that is not on this disk: whoever has its bytes is asked for theirs.
//!
//! Names are put together as text, as they are on a disk: from the folder of the file that has the name. What a name may
//! lead to is for the host to say; it gets places relative to the first file's folder, and whole ones as they are.

use super::neighbours::{Found, Search};
use super::{Device, Source};
use crate::error::{Error, ErrorKind, Result};
use std::fmt;
use std::sync::Arc;

/// Whoever has the files that one may lead to.
pub trait OtherFiles: Send + Sync {
    /// The file at a place; `None` if there is none. `is_raw`: it is wanted for raw data, and need not be HDF5.
    ///
    /// # Errors
    /// [`Missing`](ErrorKind::Missing) if it must be looked for first, [`Denied`](ErrorKind::Denied) if it may not be read,
    /// [`NotFound`](ErrorKind::NotFound) if the text says more than that there is none.
    fn file(&self, place: &str, is_raw: bool) -> Result<Option<Arc<dyn Source>>>;

    /// The file at a place, to be written to together with the one that is edited; one of external raw data is made if there is
    /// none. Unless the host says otherwise, none may be written to.
    ///
    /// # Errors
    /// [`Denied`](ErrorKind::Denied) if it may not be written to.
    fn device(&self, place: &str) -> Result<Arc<dyn Device>> {
        Err(Error::new(ErrorKind::Denied, format!("the other file {place} may not be written to")))
    }
}

/// Where a file stands among those of its host.
#[derive(Clone)]
pub(crate) struct Hosted {
    host: Arc<dyn OtherFiles>,
    /// The place of the file that everything began with.
    first: Arc<str>,
    /// The folder of this file, with a slash behind; nothing for that of the first.
    folder: Arc<str>,
}

impl fmt::Debug for Hosted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosted").field("first", &self.first).field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Hosted {
    /// Of the first file.
    pub(super) fn new(first: &str, host: Arc<dyn OtherFiles>) -> Hosted {
        Hosted { host, first: first.into(), folder: "".into() }
    }

    /// Of a file at another place.
    pub(super) fn at(&self, place: &str) -> Hosted {
        let folder = place.rfind('/').map_or("", |slash| &place[..=slash]);
        Hosted { folder: folder.into(), ..self.clone() }
    }

    /// Where a file of raw data is to be made.
    pub(super) fn place_for(&self, name: &[u8]) -> Result<Found> {
        let name = text(name)?;
        let place = if is_absolute(name) { name.to_owned() } else { plain(&format!("{}{name}", self.folder)) };
        Ok(Found::hosted(place, None))
    }

    pub(super) fn device(&self, place: &str) -> Result<Arc<dyn Device>> {
        self.host.device(place)
    }

    /// What is at a place that it gave itself.
    pub(super) fn at_place(&self, place: &[u8], search: Search) -> Result<Option<Found>> {
        let place = text(place)?;
        let source = self.host.file(place, search == Search::RawData)?;
        Ok(source.map(|source| Found::hosted(place.to_owned(), Some(source))))
    }

    pub(super) fn find(&self, name: &[u8], search: Search) -> Result<Option<Found>> {
        let name = text(name)?;
        let mut candidates = Vec::new();
        if is_absolute(name) {
            candidates.push(name.to_owned());
            // What was moved together with the file is still found by its last component.
            let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
            if search == Search::Hdf5 && !last.is_empty() {
                candidates.push(format!("{}{last}", self.folder));
            }
        } else if !name.is_empty() {
            candidates.push(plain(&format!("{}{name}", self.folder)));
        }
        let mut refused = None;
        for place in candidates {
            if place == *self.first {
                return Ok(Some(Found::hosted(place, None)));
            }
            match self.host.file(&place, search == Search::RawData) {
                Ok(Some(source)) => return Ok(Some(Found::hosted(place, Some(source)))),
                Ok(None) => {}
                Err(e) if matches!(e.kind(), ErrorKind::Denied | ErrorKind::NotFound) => refused = refused.or(Some(e)),
                Err(e) => return Err(e),
            }
        }
        refused.map_or(Ok(None), Err)
    }
}

fn text(name: &[u8]) -> Result<&str> {
    std::str::from_utf8(name).map_err(|_| Error::unsupported("a file name that is not UTF-8"))
}

/// Whether a name counts from no folder; also one that Windows wrote.
fn is_absolute(name: &str) -> bool {
    let drive = || matches!(name.as_bytes(), [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    name.starts_with(['/', '\\']) || drive()
}

/// A place without `.`, and without `..` but at its beginning.
fn plain(place: &str) -> String {
    let mut out: Vec<&str> = Vec::new();
    for part in place.split('/') {
        match part {
            "." | "" if !out.is_empty() || part == "." => {}
            ".." if out.last().is_some_and(|last| !matches!(*last, ".." | "")) => drop(out.pop()),
            part => out.push(part),
        }
    }
    out.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::MemorySource;
    use std::sync::Mutex;

    /// Has `a.h5` and `sub/b.h5`, denies what lies outside, and remembers what it was asked for.
    #[derive(Default)]
    struct Host(Mutex<Vec<String>>);

    impl OtherFiles for Host {
        fn file(&self, place: &str, _: bool) -> Result<Option<Arc<dyn Source>>> {
            self.0.lock().unwrap().push(place.to_owned());
            match place {
                "a.h5" | "sub/b.h5" | "sub/a.h5" => Ok(Some(Arc::new(MemorySource::new(vec![1])))),
                _ if place.starts_with(['.', '/']) => Err(Error::new(ErrorKind::Denied, "outside")),
                _ => Ok(None),
            }
        }
    }

    #[test]
    fn names_count_from_the_folder_of_the_file_that_has_them() {
        let host = Arc::new(Host::default());
        let first = Hosted::new("run.h5", host.clone());
        let at = |from: &Hosted, name: &str| from.find(name.as_bytes(), Search::Hdf5).map(|f| f.map(|f| f.place()));
        assert_eq!(at(&first, "a.h5").unwrap().unwrap(), "a.h5");
        assert_eq!(at(&first, "./sub/../sub//b.h5").unwrap().unwrap(), "sub/b.h5");
        assert_eq!(at(&first, "none.h5").unwrap(), None);
        assert_eq!(at(&first, "").unwrap(), None);
        assert_eq!(at(&first, "/data/run7/a.h5").unwrap().unwrap(), "a.h5");
        assert_eq!(at(&first, "C:\\data\\a.h5").unwrap().unwrap(), "a.h5");
        assert_eq!(at(&first, "../secret.h5").unwrap_err().kind(), ErrorKind::Denied);
        assert_eq!(at(&first, "sub/../../secret.h5").unwrap_err().kind(), ErrorKind::Denied);
        assert_eq!(at(&first, "/etc/none.h5").unwrap_err().kind(), ErrorKind::Denied);
        let below = first.at("sub/b.h5");
        assert_eq!(at(&below, "a.h5").unwrap().unwrap(), "sub/a.h5");
        assert_eq!(at(&below, "../a.h5").unwrap().unwrap(), "a.h5");
        // The first file is open already.
        host.0.lock().unwrap().clear();
        assert_eq!(at(&below, "../run.h5").unwrap().unwrap(), "run.h5");
        assert!(host.0.lock().unwrap().is_empty());
    }

    #[test]
    fn raw_data_are_not_looked_for_by_their_last_component() {
        let first = Hosted::new("run.h5", Arc::new(Host::default()));
        assert!(first.find(b"a.h5", Search::RawData).unwrap().is_some());
        assert_eq!(first.find(b"/x/a.h5", Search::RawData).err().unwrap().kind(), ErrorKind::Denied);
        assert!(first.find(b"\xff", Search::RawData).is_err());
    }
}
