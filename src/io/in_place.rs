//! Committing to a file in place: the steps of [`redo`](super::redo), and what is done about a file that was left
//! between them.

use super::redo::{self, Extent, Found, MOST_VOUCHED, Patch, Redo, growing_end};
use super::{Device, Source, Store};
use crate::bytes::zeroed;
use crate::error::{Error, Result};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

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

/// Where new bytes of a file go: behind its old end.
pub(crate) struct Tail {
    device: Arc<dyn Device>,
    /// The position of address 0.
    base: u64,
    used: AtomicBool,
}

impl Tail {
    pub(crate) fn new(device: Arc<dyn Device>, base: u64) -> Tail {
        Tail { device, base, used: AtomicBool::new(false) }
    }

    /// Whether anything was written.
    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Relaxed)
    }
}

impl Store for Tail {
    fn write_at(&self, address: u64, bytes: &[u8]) -> Result<()> {
        let position = address.checked_add(self.base).ok_or_else(|| Error::limit("a file of more than 2^64 bytes"))?;
        self.used.store(true, Relaxed);
        self.device.write_at(position, bytes)
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
    /// Where the file ends afterwards.
    pub(crate) end: u64,
    /// The positions of everything new, before and behind the old end.
    pub(crate) new: Vec<Range<u64>>,
    pub(crate) durability: Durability,
}

impl Commit<'_> {
    /// Makes it. All new bytes are written.
    ///
    /// Fails with `false` where nothing has happened to the file, with `true` where it may have, and whoever opens it
    /// next finds out.
    pub(crate) fn make(mut self, device: &dyn Device) -> Result<(), (bool, Error)> {
        let before = |e| (false, e);
        let sync = |wanted: bool| if wanted { device.sync() } else { Ok(()) };
        let strict = self.durability == Durability::Strict;
        // The end first: what the other patches lead to must lie in the file.
        let mut patches = vec![self.superblock.clone()];
        patches.append(&mut self.patches);
        if growing_end(device).map_err(before)? < self.end {
            device.resize(self.end).map_err(before)?;
        }
        if self.durability == Durability::None {
            return patches.iter().try_for_each(|p| device.write_at(p.position, &p.bytes)).map_err(|e| (true, e));
        }
        let redo = self.record(device, &patches).map_err(before)?;
        if redo.extents.is_empty() {
            sync(strict).map_err(before)?;
        }
        let record = redo.encode();
        let at = self.end.next_multiple_of(8);
        let size = at + record.len() as u64;
        // The record is found from the end of the file.
        if growing_end(device).map_err(before)? > size {
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

    fn record(&self, device: &dyn Device, patches: &[Patch]) -> Result<Redo> {
        redo::check_size(patches.iter().map(|p| p.bytes.len() as u64).sum())?;
        let start = self.superblock.position;
        let size: u64 = self.new.iter().map(|new| new.end - new.start).sum();
        let mut extents = Vec::new();
        for Range { start: position, end } in self.new.iter().filter(|_| size <= MOST_VOUCHED) {
            let size = end - position;
            let mut new = zeroed(size)?;
            Source::read_at(device, *position, &mut new)?;
            extents.push(Extent { position: *position, size, hash: redo::hash(&new) });
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
