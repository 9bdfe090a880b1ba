//! The superblock of an edited file: all that changes is where the file ends.

use crate::bytes::{self, Address};
use crate::error::{Error, Result};
use crate::io::{Patch, Source};

/// A superblock as it is stored.
pub(super) struct Stored {
    /// Where it is: address 0 of the file.
    pub(super) position: u64,
    pub(super) bytes: Vec<u8>,
    version: u8,
}

impl Stored {
    /// Reads it again, known to be there and to be right.
    pub(super) fn read(source: &dyn Source, position: u64, version: u8) -> Result<Stored> {
        let size = match version {
            0 => 96,
            1 => 100,
            2 | 3 => 48,
            _ => return Err(Error::unsupported(format!("editing files with a superblock of version {version}"))),
        };
        let mut bytes = vec![0; size];
        source.read_at(position, &mut bytes)?;
        Ok(Stored { position, bytes, version })
    }

    /// Where the address of the end stands; the base address stands 16 bytes before that.
    fn end_at(&self) -> usize {
        match self.version {
            0 => 40,
            1 => 44,
            _ => 28,
        }
    }

    fn number(&self, at: usize) -> u64 {
        self.bytes.get(at..).and_then(|b| b.first_chunk::<8>()).map_or(0, |b| u64::from_le_bytes(*b))
    }

    /// The end of the file, as an address: counted from the superblock.
    pub(super) fn end(&self) -> u64 {
        self.number(self.end_at()).wrapping_sub(self.number(self.end_at() - 16))
    }

    /// The same superblock with another end.
    pub(super) fn with_end(&self, end: u64) -> Vec<u8> {
        let mut out = self.bytes.clone();
        let end = self.number(self.end_at() - 16).wrapping_add(end);
        out[self.end_at()..self.end_at() + 8].copy_from_slice(&end.to_le_bytes());
        if self.version >= 2 {
            out.truncate(44);
            bytes::seal(&mut out);
        }
        out
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
