//! The superblock of an edited file: all that changes is where the file ends, and that the root is no old-style group any
//! more.

use crate::bytes::{self, Address, Widths};
use crate::error::{Error, Result};
use crate::format::superblock::Superblock;
use crate::io::{Patch, Source};

const CHECKSUM: usize = 4;

/// What the root's entry says of its links, before version 2 at the end of the superblock: whether the addresses of an
/// old-style group's are here, reserved bytes, the addresses.
const CACHED: usize = 4 + 4 + 16;

/// A superblock as it is stored.
pub(super) struct Stored {
    /// Where it is: address 0 of the file.
    pub(super) position: u64,
    pub(super) bytes: Vec<u8>,
    version: u8,
    w: Widths,
}

impl Stored {
    /// Reads it again, known to be there and to be right.
    pub(super) fn read(source: &dyn Source, superblock: &Superblock) -> Result<Stored> {
        let Superblock { base: position, version, widths: w, .. } = *superblock;
        // Four addresses, and before version 2 the root's entry.
        let size = match version {
            0 | 1 => Self::addresses_at(version) + 5 * w.offset() + w.length() + CACHED,
            2 | 3 => Self::addresses_at(version) + 4 * w.offset() + CHECKSUM,
            _ => return Err(Error::unsupported(format!("editing files with a superblock of version {version}"))),
        };
        let mut bytes = vec![0; size];
        source.read_at(position, &mut bytes)?;
        Ok(Stored { position, bytes, version, w })
    }

    /// Where the addresses begin, with that of the base.
    fn addresses_at(version: u8) -> usize {
        match version {
            0 => 24,
            1 => 28,
            _ => 12,
        }
    }

    /// The first of the addresses is that of the base, the third that of the end.
    fn number(&self, which: usize) -> u64 {
        let field = self.bytes.get(Self::addresses_at(self.version) + which * self.w.offset()..);
        field.and_then(|f| bytes::uint(f.get(..self.w.offset())?)?).unwrap_or(0)
    }

    /// The end of the file, as an address: counted from the superblock.
    pub(super) fn end(&self) -> u64 {
        self.number(2).wrapping_sub(self.number(0))
    }

    /// The same superblock with another end; where the root is `converted`, without the addresses of an old-style group.
    pub(super) fn with_end(&self, end: u64, converted: bool) -> Result<Vec<u8>> {
        let mut out = self.bytes.clone();
        if converted && self.version < 2 {
            let cached = out.len() - CACHED;
            out[cached..].fill(0);
        }
        let end = bytes::encode(&Address(self.number(0).wrapping_add(end)), self.w, "superblock")?;
        let at = Self::addresses_at(self.version) + 2 * self.w.offset();
        out[at..at + end.len()].copy_from_slice(&end);
        if self.version >= 2 {
            out.truncate(out.len() - CHECKSUM);
            bytes::seal(&mut out);
        }
        Ok(out)
    }

    /// What makes `new` of the `old` bytes at an address, if they differ: from the first byte that does to the last.
    pub(super) fn patch(&self, at: Address, old: &[u8], new: &[u8]) -> Option<Patch> {
        let differ = |(a, b): (&u8, &u8)| a != b;
        let first = old.iter().zip(new).position(differ)?;
        let same_behind = old.iter().rev().zip(new.iter().rev()).position(differ)?;
        let bytes = new.get(first..new.len() - same_behind)?.to_vec();
        Some(Patch { position: self.position + at.get() + first as u64, bytes })
    }
}
