//! A new file as a stream, for writers that know only streams.

use crate::error::Result;
use crate::io::{StagedFile, Store};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// A staged file with a place at which is written.
pub(super) struct Staging {
    file: StagedFile,
    at: u64,
    end: u64,
}

impl Staging {
    /// # Errors
    /// If something is there and is not to be replaced, or the file cannot be made.
    pub(super) fn create(path: &Path, overwrite: bool) -> Result<Staging> {
        crate::commands::output::make_parents(path)?;
        Ok(Staging { file: StagedFile::create(path, overwrite)?, at: 0, end: 0 })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// Of the file system.
    pub(super) fn publish(self) -> Result<()> {
        self.file.publish()
    }
}

impl Write for Staging {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write_at(self.at, bytes).map_err(std::io::Error::other)?;
        self.at += bytes.len() as u64;
        self.end = self.end.max(self.at);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Seek for Staging {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// The error behind one of the standard library's, if it is one of ours.
pub(super) fn ours(e: std::io::Error) -> crate::Error {
    match e.downcast::<crate::Error>() {
        Ok(ours) => ours,
        Err(e) => e.into(),
    }
}
