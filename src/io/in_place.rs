//! Committing to a file in place: the steps of [`redo`](super::redo), and what is done about a file that was left
//! between them.

use super::redo::{self, Extent, Found, MOST_VOUCHED, Patch, Redo};
use super::{Device, Store};
use crate::error::{Error, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// What a commit stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// A power cut: everything is synced in its turn.
    #[default]
    Strict,
    /// The end of the process, at any moment; nothing is synced.
    Process,
    /// Nothing: an interrupted commit leaves a file that is neither the old nor the new one.
    None,
}

/// Where new bytes of a file go: behind its old end. Remembers what was written, for the record of the commit.
pub(crate) struct Tail {
    device: Arc<dyn Device>,
    /// The position of address 0.
    base: u64,
    extents: Mutex<Vec<Extent>>,
}

impl Tail {
    pub(crate) fn new(device: Arc<dyn Device>, base: u64) -> Tail {
        Tail { device, base, extents: Mutex::default() }
    }

    /// Whether anything was written.
    pub(crate) fn is_used(&self) -> bool {
        !self.extents().is_empty()
    }

    fn extents(&self) -> Vec<Extent> {
        self.extents.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Store for Tail {
    fn write_at(&self, address: u64, bytes: &[u8]) -> Result<()> {
        let position = address.checked_add(self.base).ok_or_else(|| Error::limit("a file of more than 2^64 bytes"))?;
        self.device.write_at(position, bytes)?;
        let mut extents = self.extents.lock().unwrap_or_else(PoisonError::into_inner);
        // Beyond what a record vouches for the hashes are of no use.
        let vouched: u64 = extents.iter().map(|e| e.size).sum();
        let size = bytes.len() as u64;
        let hash = if vouched + size <= MOST_VOUCHED { redo::hash(bytes) } else { 0 };
        extents.push(Extent { position, size, hash });
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.device.sync()
    }
}

/// A commit, ready to be made.
pub(crate) struct Commit<'a> {
    pub(crate) number: u32,
    /// Where the superblock stands, and what it becomes.
    pub(crate) superblock: Patch,
    pub(crate) old_superblock: &'a [u8],
    /// Other old bytes that change, in the order in which that is to happen.
    pub(crate) patches: Vec<Patch>,
    /// The position of the new end.
    pub(crate) end: u64,
    pub(crate) durability: Durability,
}

impl Commit<'_> {
    /// Makes it. All new bytes were given to `tail`.
    ///
    /// Fails with `false` where nothing has happened to the file, with `true` where it may have, and whoever opens it
    /// next finds out.
    pub(crate) fn make(mut self, device: &dyn Device, tail: &Tail) -> Result<(), (bool, Error)> {
        let before = |e| (false, e);
        let sync = |wanted: bool| if wanted { device.sync() } else { Ok(()) };
        let strict = self.durability == Durability::Strict;
        // The end first: what the other patches lead to must lie in the file.
        let mut patches = vec![self.superblock.clone()];
        patches.append(&mut self.patches);
        if self.durability == Durability::None {
            if device.size().map_err(before)? < self.end {
                device.resize(self.end).map_err(before)?;
            }
            return patches.iter().try_for_each(|p| device.write_at(p.position, &p.bytes)).map_err(|e| (true, e));
        }
        let redo = self.record(device, tail, &patches).map_err(before)?;
        if redo.extents.is_empty() {
            sync(strict).map_err(before)?;
        }
        let record = redo.encode();
        let at = self.end.next_multiple_of(8);
        let size = at + record.len() as u64;
        // The record is found from the end of the file.
        if device.size().map_err(before)? > size {
            device.resize(size).map_err(before)?;
        }
        device.write_at(at, &record).map_err(before)?;
        let after = |e| (true, e);
        sync(strict).map_err(after)?;
        apply(device, &patches, strict).map_err(after)?;
        // The record has done its work; one that stays is harmless.
        let _ = device.resize(self.end);
        Ok(())
    }

    fn record(&self, device: &dyn Device, tail: &Tail, patches: &[Patch]) -> Result<Redo> {
        redo::check_size(patches.iter().map(|p| p.bytes.len() as u64).sum())?;
        let start = self.superblock.position;
        let mut extents = tail.extents();
        if extents.iter().map(|e| e.size).sum::<u64>() > MOST_VOUCHED {
            extents.clear();
        }
        let mut redo = Redo {
            number: self.number,
            superblock: start..start + self.superblock.bytes.len() as u64,
            old_hash: redo::hash(self.old_superblock),
            new_hash: redo::hash(&self.superblock.bytes),
            end: self.end,
            extents,
            pieces: Vec::new(),
        };
        redo.add(device, patches)?;
        Ok(redo)
    }
}

/// Makes patches in their order, and syncs them.
fn apply(device: &dyn Device, patches: &[Patch], strict: bool) -> Result<()> {
    patches.iter().try_for_each(|p| device.write_at(p.position, &p.bytes))?;
    if strict { device.sync() } else { Ok(()) }
}

/// Finishes the commit that the file's last writer left unfinished, if there is one, and takes away its record.
pub(crate) fn finish(device: &dyn Device, superblock: u64) -> Result<()> {
    let redo = match redo::find(device, superblock)? {
        Found::Nothing => return Ok(()),
        Found::Done(redo) => redo,
        Found::Pending(redo) => {
            // It may have been seen in memory only.
            device.sync()?;
            redo
        }
    };
    redo.pieces.iter().try_for_each(|p| device.write_at(p.position, &p.bytes))?;
    device.sync()?;
    device.resize(redo.end)
}
