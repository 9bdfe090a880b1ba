//! What a file that is split by what its bytes are for says of the end of its first part, where everything new goes.

use crate::bytes::Address;
use crate::error::{Error, Result};
use crate::file::File;
use crate::format::drivers::{BEFORE_DATA_OF_BLOCK, BEFORE_DATA_OF_MESSAGE, Drivers, used_at};
use crate::object::ObjectHeader;
use crate::object::start;

/// The first part of a split file.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstPart {
    /// Where the part ends.
    pub(super) end: u64,
    pub(super) said: Said,
}

/// Where its end is said, in eight bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said {
    /// In the block that a superblock before version 2 leads to.
    At(Address),
    /// In the message of the superblock's extension, so many bytes from its beginning.
    InMessage(usize),
}

impl FirstPart {
    /// That of the file, if it is split; `extension` is its superblock's.
    pub(super) fn find(file: &File, extension: Option<&ObjectHeader>) -> Result<Option<FirstPart>> {
        let superblock = &file.inner.superblock;
        let drivers = match extension {
            Some(header) if superblock.driver.is_none() => start::driver_message(header)?,
            _ => start::driver_block(&file.reader(), superblock)?,
        };
        let Some(Drivers::Multi(members)) = drivers else { return Ok(None) };
        let first = members.iter().enumerate().find(|(_, m)| m.start == 0).filter(|_| superblock.base == 0);
        let (number, first) = first.ok_or_else(|| {
            Error::unsupported("editing a split file whose addresses do not begin where its first part does")
        })?;
        let said = match superblock.driver {
            Some(block) => Said::At(block.plus((BEFORE_DATA_OF_BLOCK + used_at(number)) as u64)?),
            None => Said::InMessage(BEFORE_DATA_OF_MESSAGE + used_at(number)),
        };
        Ok(Some(FirstPart { end: first.used, said }))
    }
}
