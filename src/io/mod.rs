//! Bytes at rest: where a file's bytes come from ([`Source`]) and where they go ([`Store`]).
//!
//! Everything above sees the file through a [`Reader`], which turns addresses into positions, checks every range
//! against the end of the file before anything is allocated, burns fuel for metadata, and keeps its pages.

mod budget;
mod cache;
mod device;
mod family;
mod fault;
mod file;
mod hosted;
mod in_place;
mod joined;
mod memory;
mod mmap;
mod neighbours;
mod patched;
mod reader;
mod redo;
mod split;
mod staged;
mod writable;

pub(crate) use budget::Budget;
pub(crate) use cache::ChunkCache;
pub(crate) use device::FileDevice;
pub use device::{Device, Locking};
pub(crate) use family::{FamilyDevice, FurtherMembers, Member};
pub use fault::{CountingSource, FaultSource, FaultStore};
pub use file::FileSource;
pub use hosted::OtherFiles;
pub use in_place::Durability;
pub(crate) use in_place::{Commit, Companion, OtherFile, Tail, finish};
pub(crate) use joined::JoinedSource;
pub use memory::{MemorySource, MemoryStore};
pub use mmap::MapSource;
pub(crate) use mmap::advise_huge_pages;
pub use neighbours::External;
pub(crate) use neighbours::{Found, Neighbours, Search};
pub(crate) use patched::PatchedSource;
pub(crate) use reader::{Block, Reader, SharedMessages};
pub(crate) use redo::{Patch, pending};
pub(crate) use split::SplitDevice;
pub(crate) use staged::{StagedFile, sync_folder_of};
pub(crate) use writable::{WritableFile, WritableFiles, denied};

use crate::error::Result;

/// Where the bytes of a file come from. Reads may come from any thread.
pub trait Source: Send + Sync {
    /// The number of bytes there are.
    ///
    /// # Errors
    /// Of kind [`Io`](crate::ErrorKind::Io).
    fn size(&self) -> Result<u64>;

    /// Fills `buffer` with the bytes at `position`.
    ///
    /// # Errors
    /// Of kind [`Damaged`](crate::ErrorKind::Damaged) if the source ends before, [`Io`](crate::ErrorKind::Io) if the
    /// system refuses, [`Missing`](crate::ErrorKind::Missing) if the bytes must be fetched first.
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()>;

    /// Whether [`announce`](Source::announce) is of use.
    fn wants_plan(&self) -> bool {
        false
    }

    /// Told all ranges that an operation is going to read, before it reads the first: a source that fetches on demand
    /// can fetch them together, or name them all at once.
    ///
    /// # Errors
    /// Of kind [`Missing`](crate::ErrorKind::Missing) if bytes must be fetched first.
    fn announce(&self, ranges: &[std::ops::Range<u64>]) -> Result<()> {
        let _ = ranges;
        Ok(())
    }

    /// Positions that hold nothing, in order, and read as zeros: a source made of several files may have such gaps.
    fn gaps(&self) -> Vec<std::ops::Range<u64>> {
        Vec::new()
    }

    /// Whether it is made of the several files of a file that was split.
    fn is_joined(&self) -> bool {
        false
    }

    /// The same source as it is now, where this one keeps what it was when it was opened.
    ///
    /// # Errors
    /// Of kind [`Io`](crate::ErrorKind::Io).
    fn reopened(&self) -> Result<Option<std::sync::Arc<dyn Source>>> {
        Ok(None)
    }

    /// The file on disk whose bytes these are, where they are one.
    #[doc(hidden)]
    fn as_file(&self) -> Option<&std::fs::File> {
        None
    }

    /// All bytes at once, where they lie in memory.
    fn as_slice(&self) -> Option<&[u8]> {
        None
    }
}

/// Where the bytes of a file go.
pub trait Store: Send + Sync {
    /// Writes all of `bytes` at `position`; a gap before it becomes zeros.
    ///
    /// # Errors
    /// Of kind [`Io`](crate::ErrorKind::Io), the disk being full among them.
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()>;

    /// As [`write_at`](Store::write_at), `length` bytes of a file from `from` on, without their passing through memory.
    /// Whether it was done: where the system or the store cannot, or memory is the faster way, nothing was.
    #[doc(hidden)]
    fn copy_at(&self, position: u64, file: &std::fs::File, from: u64, length: u64) -> Result<bool> {
        let _ = (position, file, from, length);
        Ok(false)
    }

    /// Fills `buffer` with what was written at `position`; bytes that never were are zeros. Only writing chunks anew
    /// needs it.
    ///
    /// # Errors
    /// Of kind [`Io`](crate::ErrorKind::Io), and [`Unsupported`](crate::ErrorKind::Unsupported) where the store cannot
    /// be read.
    fn read_back(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        let _ = (position, buffer);
        Err(crate::Error::unsupported("writing to a chunk again in a store that cannot be read"))
    }

    /// Returns when everything written so far would survive a power cut.
    ///
    /// # Errors
    /// Of kind [`Io`](crate::ErrorKind::Io); nothing is then known about what was written.
    fn sync(&self) -> Result<()>;
}

/// Fills `part` with the bytes of external raw data at `from`: what lies behind the end of such a file is zeros.
pub(crate) fn read_or_zeros(file: &dyn Source, from: u64, part: &mut [u8]) -> Result<()> {
    let there = usize::try_from(file.size()?.saturating_sub(from)).unwrap_or(usize::MAX).min(part.len());
    let (there, behind) = part.split_at_mut(there);
    behind.fill(0);
    if there.is_empty() { Ok(()) } else { file.read_at(from, there) }
}

/// The error of a source that is shorter than what is asked of it.
pub(crate) fn too_short(position: u64, wanted: usize, size: u64) -> crate::Error {
    crate::Error::damaged(format!("{wanted} bytes wanted at position {position}, the file ends at {size}"))
}
