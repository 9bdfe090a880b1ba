//! Which files can be edited in place.

use super::EditOptions;
use crate::bytes::Widths;
use crate::error::{Error, Result};
use crate::file::File;
use crate::format::libver::LibVer;
use crate::format::superblock::NodeRanks;

/// Refuses what cannot be edited, by name.
pub(super) fn check(file: &File, options: &EditOptions) -> Result<()> {
    let superblock = &file.inner.superblock;
    if file.is_open_for_writing() && !options.ignore_marks {
        let message =
            "a writer has the file open, or had when it died; if none has, say that the mark is to be ignored";
        return Err(Error::conflict(message));
    }
    let Widths { offset, length } = superblock.widths;
    if offset > 8 || length > 8 {
        let message = format!("editing a file whose addresses have {offset} bytes and whose lengths have {length}");
        return Err(Error::unsupported(message));
    }
    // Only a file that opens by itself, of several, has one and is not joined.
    if superblock.driver.is_some() && !file.reader().source().is_joined() {
        return Err(split());
    }
    Ok(())
}

/// The oldest library that is to read what is new: one that could read the file so far.
pub(super) fn bound(file: &File) -> LibVer {
    let superblock = &file.inner.superblock;
    // libhdf5 takes "without end" in a narrower field for a number, and then looks in vain for the dimension by which an
    // extensible array grows.
    let most = if superblock.widths.length < 8 { LibVer::V18 } else { LibVer::V110 };
    match superblock.version {
        0 | 1 if superblock.ranks == NodeRanks::DEFAULT => LibVer::Earliest,
        0..=2 => LibVer::V18,
        _ => most,
    }
}

pub(super) fn split() -> Error {
    Error::unsupported("editing a file that is split over several, from anywhere but a folder with all of them")
}
