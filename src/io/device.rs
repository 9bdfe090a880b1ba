//! A file that is read and written in place, and the lock that keeps others from writing to it meanwhile.

use super::file::{explain, open_real, read_file_at};
use super::{Source, Store};
use crate::error::{Error, Result};
use std::fs::{File, TryLockError};
use std::path::Path;

/// A file that is edited in place: its bytes come from here and go here.
pub trait Device: Source + Store {
    /// Makes the file `size` bytes long: cuts it, or adds zeros. Of one with [gaps](Source::gaps), the part before the first.
    ///
    /// # Errors
    /// Of kind [`Io`](crate::ErrorKind::Io).
    fn resize(&self, size: u64) -> Result<()>;
}

/// What is done about other programs that have the file open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Locking {
    /// Without the lock there is no editing, and a file system that knows no locks is an error.
    #[default]
    Require,
    /// As `Require`, but a file system that knows no locks is let pass.
    Try,
    /// No lock: nobody else may write, and who reads may see half of a commit.
    None,
}

/// A file on disk that is edited in place. libhdf5 takes the same kind of lock (`flock`): it cannot open the file while
/// we hold ours, and we do not get ours while it has the file open.
pub(crate) struct FileDevice {
    file: File,
}

impl FileDevice {
    /// Opens a regular file for reading and writing, and locks it.
    pub(crate) fn open(path: &Path, locking: Locking) -> Result<FileDevice> {
        // Opening a FIFO blocks, so look before.
        let what = std::fs::metadata(path).map_err(|e| explain(path, e))?;
        if !what.is_file() {
            return Err(Error::invalid(format!("{} is not a regular file", path.display())));
        }
        let file = File::options().read(true).write(true).open(path).map_err(|e| explain(path, e))?;
        Self::locked(file, path, locking)
    }

    /// The same for a path without symbolic links, and nothing but what stands there.
    pub(super) fn open_real(path: &Path, locking: Locking) -> Result<FileDevice> {
        let file = open_real(path, File::options().read(true).write(true))?;
        Self::locked(file, path, locking)
    }

    fn locked(file: File, path: &Path, locking: Locking) -> Result<FileDevice> {
        if locking != Locking::None {
            lock(&file, path, locking)?;
        }
        Ok(FileDevice { file })
    }
}

fn lock(file: &File, path: &Path, locking: Locking) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(Error::conflict(format!("{} is open in another program, which holds a lock on it", path.display())))
        }
        Err(TryLockError::Error(_)) if locking == Locking::Try => Ok(()),
        Err(TryLockError::Error(e)) => {
            let message = format!("{} cannot be locked ({e}); allow editing without a lock", path.display());
            Err(Error::new(crate::ErrorKind::Io, message).because(e))
        }
    }
}

impl Source for FileDevice {
    fn size(&self) -> Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        read_file_at(&self.file, position, buffer)
    }
}

impl Store for FileDevice {
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        Ok(super::staged::write_all_at(&self.file, position, bytes)?)
    }

    fn sync(&self) -> Result<()> {
        Ok(self.file.sync_all()?)
    }
}

impl Device for FileDevice {
    fn resize(&self, size: u64) -> Result<()> {
        Ok(self.file.set_len(size)?)
    }
}
