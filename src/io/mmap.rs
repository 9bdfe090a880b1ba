//! A file mapped into memory.
//!
//! `unsafe` here, and here alone in the library. The advice on huge pages changes no byte. A map is a promise that nobody
//! cuts the file while it is mapped (the process would get SIGBUS), and the compiler cannot check that. So a map is never
//! the default: the caller asks for it with `OpenOptions::map`, whose documentation says what it means.
#![allow(unsafe_code)]

use super::{FileSource, Source, too_short};
use crate::error::Result;
use std::path::Path;

/// A file mapped into memory: metadata is parsed in place, and native data can be borrowed without a copy.
///
/// The process is killed (SIGBUS) if another one cuts the file while it is mapped. Use it for files that are yours.
pub struct MapSource(memmap2::Mmap, FileSource);

impl MapSource {
    /// Maps a regular file.
    ///
    /// # Errors
    /// As [`FileSource::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::new(&FileSource::open(path)?)
    }

    /// Maps a file that is open.
    pub(crate) fn new(file: &FileSource) -> Result<Self> {
        // SAFETY: the map is read-only and private to this value; the caller has been told that the file must not be
        // cut meanwhile. Bytes that change under us are plain `u8`s whose every value is checked when parsed.
        let map = unsafe { memmap2::Mmap::map(file.as_file()) }?;
        Ok(MapSource(map, file.again()?))
    }
}

impl Source for MapSource {
    fn size(&self) -> Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        let from = usize::try_from(position).ok();
        let bytes = from.and_then(|p| self.0.get(p..)?.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or_else(|| too_short(position, buffer.len(), self.0.len() as u64))?);
        Ok(())
    }

    fn reopened(&self) -> Result<Option<std::sync::Arc<dyn Source>>> {
        Ok(Some(std::sync::Arc::new(MapSource::new(&self.1)?)))
    }

    fn as_slice(&self) -> Option<&[u8]> {
        Some(&self.0)
    }
}

/// Buffers from this size on are worth the question for huge pages: at 4 KiB a page, most of the time of a large read
/// goes into page faults.
const HUGE: usize = 4 << 20;

/// Asks the system to back a buffer that is about to be filled with huge pages. It may decline.
#[cfg(target_os = "linux")]
pub(crate) fn advise_huge_pages<T>(buffer: &mut [T]) {
    const PAGE: usize = 4096;
    if size_of_val(buffer) < HUGE {
        return;
    }
    let skipped = buffer.as_ptr().cast::<u8>().align_offset(PAGE);
    let length = (size_of_val(buffer) - skipped) / PAGE * PAGE;
    // SAFETY: the range is whole pages inside a buffer that we hold alone, and the advice changes no byte.
    let _ = unsafe {
        let start = buffer.as_mut_ptr().cast::<u8>().add(skipped).cast();
        rustix::mm::madvise(start, length, rustix::mm::Advice::LinuxHugepage)
    };
}

/// Asks the system to back a buffer that is about to be filled with huge pages. It may decline.
#[cfg(not(target_os = "linux"))]
pub(crate) fn advise_huge_pages<T>(buffer: &mut [T]) {
    let _ = size_of_val(buffer) < HUGE;
}
