//! A file on disk, read by position.

use super::{Source, too_short};
use crate::error::{Error, Result};
use std::fs::{File, OpenOptions};
use std::path::Path;

/// A file on disk. Reads are by position: any number of threads share it without a lock.
///
/// A file that is cut meanwhile gives errors, never old memory; one that grows shows its new size.
pub struct FileSource {
    file: File,
}

impl FileSource {
    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// Of kind `NotFound` or `Io`; `Invalid` for a folder or a device.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        // Opening a FIFO blocks, so look before.
        let what = std::fs::metadata(path).map_err(|e| explain(path, e))?;
        if what.is_dir() {
            return Err(Error::invalid(format!("{} is a folder, not a file", path.display())));
        }
        if !what.is_file() {
            return Err(Error::invalid(format!("{} is not a regular file", path.display())));
        }
        let file = File::open(path).map_err(|e| explain(path, e))?;
        Ok(FileSource { file })
    }

    /// Opens a regular file whose path has no symbolic links, and no other: what stands there may have been replaced.
    pub(super) fn open_real(path: &Path) -> Result<Self> {
        Ok(FileSource { file: open_real(path, OpenOptions::new().read(true))? })
    }

    pub(crate) fn as_file(&self) -> &File {
        &self.file
    }

    /// Another handle of the same open file.
    pub(super) fn again(&self) -> Result<FileSource> {
        Ok(FileSource { file: self.file.try_clone()? })
    }
}

/// Opens a regular file whose path has no symbolic links, and no other.
pub(super) fn open_real(path: &Path, options: &mut OpenOptions) -> Result<File> {
    let what = std::fs::metadata(path).map_err(|e| explain(path, e))?;
    // Neither follow a link, nor wait for the other end of a FIFO, nor get a terminal.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path).map_err(|e| explain(path, e))?;
    let opened = file.metadata()?;
    if !opened.is_file() || !same(&what, &opened) {
        return Err(Error::conflict(format!("{} was replaced while it was opened", path.display())));
    }
    Ok(file)
}

/// The system's refusal with the name of the file in front.
pub(super) fn explain(path: &Path, error: std::io::Error) -> Error {
    let error = Error::from(error);
    let message = match error.kind() {
        crate::ErrorKind::NotFound => format!("{}: no such file or folder", path.display()),
        _ => format!("{}: {}", path.display(), error.message()),
    };
    Error::new(error.kind(), message).because(error)
}

/// Fills `buffer` with the bytes of a file at `position`, or says that it ends before.
pub(super) fn read_file_at(file: &File, position: u64, buffer: &mut [u8]) -> Result<()> {
    read_exact_at(file, position, buffer).map_err(|e| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => {
            too_short(position, buffer.len(), file.metadata().map_or(position, |m| m.len()))
        }
        _ => e.into(),
    })
}

impl Source for FileSource {
    fn size(&self) -> Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        read_file_at(&self.file, position, buffer)
    }

    fn as_file(&self) -> Option<&File> {
        Some(&self.file)
    }
}

#[cfg(unix)]
fn same(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    a.len() == b.len() && a.file_type() == b.file_type()
}

#[cfg(unix)]
fn read_exact_at(file: &File, position: u64, buffer: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, position)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut position: u64, mut buffer: &mut [u8]) -> std::io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        match file.seek_read(buffer, position) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buffer = &mut buffer[n..];
                position += n as u64;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(not(any(unix, windows)))]
fn read_exact_at(_: &File, _: u64, _: &mut [u8]) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
