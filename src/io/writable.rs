//! The other files that change with one that is edited, those with external raw data and the sources of virtual datasets: they
//! are found as readers find them, and written to only where whoever edits allows it.

use super::{Device, Found, Locking, Neighbours, Search};
use crate::error::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Each is opened, and locked, when something is first written to it, and stays so as long as the file is edited.
pub(crate) struct WritableFiles {
    /// Where the edited file is, and what it is; nothing where it leads to no others.
    place: Option<(Neighbours, Found)>,
    locking: Locking,
    open: Arc<Mutex<Open>>,
}

/// By their paths without symbolic links.
type Open = BTreeMap<PathBuf, Arc<dyn Device>>;

/// What is refused where nothing else may be written to.
const WRITING: &str = "writing to";

/// Another file, and where it is.
pub(crate) struct WritableFile {
    /// For the record of a commit.
    pub(crate) place: Vec<u8>,
    found: Found,
}

/// What would have to be allowed for the edited file.
pub(crate) fn denied(what: &str) -> Error {
    let message = format!("{what}; allow it with --external FOLDER (edit) or EditOptions::external");
    Error::new(ErrorKind::Denied, message)
}

impl WritableFiles {
    pub(crate) fn new(place: Option<(Neighbours, Found)>, locking: Locking) -> WritableFiles {
        WritableFiles { place, locking, open: Arc::default() }
    }

    /// Where the edited file is, for who reads it.
    pub(crate) fn place(&self) -> Option<(Neighbours, Found)> {
        self.place.clone()
    }

    fn neighbours(&self, name: &[u8], what: &str) -> Result<&Neighbours> {
        let refused = || denied(&format!("{what} {}, another file", String::from_utf8_lossy(name)));
        self.place.as_ref().map(|(neighbours, _)| neighbours).ok_or_else(refused)
    }

    /// The file of raw data that goes by a name in the edited one; where there is none, the place where it is to be made.
    pub(crate) fn find(&self, name: &[u8]) -> Result<WritableFile> {
        let neighbours = self.neighbours(name, WRITING)?;
        let found = neighbours.find_to_write(name)?;
        self.check_other(&found)?;
        Ok(WritableFile { place: neighbours.place_of(&found), found })
    }

    fn check_other(&self, found: &Found) -> Result<()> {
        match &self.place {
            Some((_, own)) if own.real == found.real => Err(Error::unsupported("external raw data in the file itself")),
            _ => Ok(()),
        }
    }

    /// Refuses files that may not be written to.
    pub(crate) fn check<'a>(&self, names: impl IntoIterator<Item = &'a [u8]>) -> Result<()> {
        names.into_iter().try_for_each(|name| self.find(name).map(drop))
    }

    /// A file that readers were led to.
    pub(crate) fn found(&self, found: &Found) -> Result<WritableFile> {
        let neighbours = self.neighbours(found.place().as_bytes(), WRITING)?;
        Ok(WritableFile { place: neighbours.place_of(found), found: found.clone() })
    }

    /// One to be written to, and what it leads to in its turn.
    pub(crate) fn open(&self, file: &WritableFile) -> Result<(Arc<dyn Device>, Arc<WritableFiles>)> {
        let neighbours = self.neighbours(&file.place, WRITING)?;
        let place = Some((neighbours.of_found(&file.found)?, file.found.clone()));
        let others = WritableFiles { place, locking: self.locking, open: self.open.clone() };
        Ok((self.device(file, neighbours)?, Arc::new(others)))
    }

    /// Those that one of them leads to are open here, too, for it may be the same.
    fn device(&self, file: &WritableFile, neighbours: &Neighbours) -> Result<Arc<dyn Device>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = open.get(&file.found.real) {
            return Ok(device.clone());
        }
        let device = neighbours.open_to_write(&file.found, self.locking)?;
        open.insert(file.found.real.clone(), device.clone());
        Ok(device)
    }

    /// The one at the place that the record of a commit has.
    pub(super) fn at(&self, place: &[u8], search: Search) -> Result<(Arc<dyn Device>, Arc<WritableFiles>)> {
        const GOES_ON: &str = "a commit to this file was interrupted, and goes on in";
        let neighbours = self.neighbours(place, GOES_ON)?;
        let gone = || Error::not_found(format!("{GOES_ON} {}, which is not there", String::from_utf8_lossy(place)));
        let found = neighbours.at_place(place, search)?.ok_or_else(gone)?;
        self.check_other(&found)?;
        self.open(&WritableFile { place: place.to_vec(), found })
    }
}

impl WritableFile {
    /// Equal for equal files.
    pub(crate) fn path(&self) -> &PathBuf {
        &self.found.real
    }
}
