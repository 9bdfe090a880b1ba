//! Committing to a file in place: the steps of [`redo`](super::redo), and what is done about a file that was left
//! between them.

use super::redo::{self, Extent, Found, MOST_VOUCHED, Other, Patch, Redo, Standing, growing_end};
use super::{Device, RawFiles, Source, Store};
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
    pub(crate) others: Vec<OtherFile>,
    pub(crate) durability: Durability,
}

/// A file with external raw data, and what a commit changes in it.
pub(crate) struct OtherFile {
    /// Where it is, for the record.
    pub(crate) place: Vec<u8>,
    pub(crate) device: Arc<dyn Device>,
    pub(crate) patches: Vec<Patch>,
}

impl OtherFile {
    /// Makes it long enough, so that a full disk is found out before anything changes: what lies behind the end of such a file
    /// is zeros, and zeros are written there.
    fn lengthen(&self, strict: bool) -> Result<()> {
        let size = self.device.size()?;
        let end = |p: &Patch| p.position + p.bytes.len() as u64;
        for patch in self.patches.iter().filter(|p| end(p) > size) {
            let from = patch.position.max(size);
            self.device.write_at(from, &zeroed(end(patch) - from)?)?;
        }
        if strict && self.device.size()? > size { self.device.sync() } else { Ok(()) }
    }
}

impl Commit<'_> {
    /// Makes it. All new bytes are written.
    ///
    /// Fails with `false` where nothing has happened to the file, with `true` where it may have, and whoever opens it
    /// next finds out.
    pub(crate) fn make(self, device: &dyn Device) -> Result<(), (bool, Error)> {
        let others: Vec<_> = self.others.iter().map(|other| other.device.clone()).collect();
        let sizes: Vec<_> = others.iter().map(|other| other.size()).collect();
        let made = self.make_here(device);
        if matches!(made, Err((false, _))) {
            // They only got zeros behind their ends, which were there before, too.
            for (other, size) in others.iter().zip(sizes) {
                _ = size.and_then(|size| if other.size()? > size { other.resize(size) } else { Ok(()) });
            }
        }
        made
    }

    fn make_here(mut self, device: &dyn Device) -> Result<(), (bool, Error)> {
        let before = |e| (false, e);
        let sync = |wanted: bool| if wanted { device.sync() } else { Ok(()) };
        let strict = self.durability == Durability::Strict;
        // The end first: what the other patches lead to must lie in the file.
        let mut patches = vec![self.superblock.clone()];
        patches.append(&mut self.patches);
        if growing_end(device).map_err(before)? < self.end {
            device.resize(self.end).map_err(before)?;
        }
        let after = |e| (true, e);
        let others = std::mem::take(&mut self.others);
        let apply_all = |strict: bool| -> Result<()> {
            others.iter().try_for_each(|other| apply(&*other.device, &other.patches, strict))?;
            apply(device, &patches, strict)
        };
        if self.durability == Durability::None {
            return apply_all(false).map_err(after);
        }
        let redo = self.record(device, &patches, &others).map_err(before)?;
        others.iter().try_for_each(|other| other.lengthen(strict)).map_err(before)?;
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
        sync(strict).map_err(after)?;
        apply_all(strict).map_err(after)?;
        // The record has done its work; one that stays is harmless.
        let _ = device.resize(self.end);
        Ok(())
    }

    fn record(&self, device: &dyn Device, patches: &[Patch], others: &[OtherFile]) -> Result<Redo> {
        let all = patches.iter().chain(others.iter().flat_map(|other| &other.patches));
        redo::check_size(all.map(|p| p.bytes.len() as u64).sum())?;
        let start = self.superblock.position;
        let size: u64 = self.new.iter().map(|new| new.end - new.start).sum();
        let mut extents = Vec::new();
        for Range { start: position, end } in self.new.iter().filter(|_| size <= MOST_VOUCHED) {
            let size = end - position;
            let mut new = zeroed(size)?;
            Source::read_at(device, *position, &mut new)?;
            extents.push(Extent { position: *position, size, hash: redo::hash(&new) });
        }
        let other = |OtherFile { place, device, patches }: &OtherFile| {
            Ok(Other { place: place.clone(), pieces: redo::pieces(&**device, patches)?.into() })
        };
        Ok(Redo {
            number: self.number,
            superblock: start..start + self.superblock.bytes.len() as u64,
            old_hash: redo::hash(self.old_superblock),
            new_hash: redo::hash(&self.superblock.bytes),
            end: self.end,
            extents,
            pieces: redo::pieces(device, patches)?,
            others: others.iter().map(other).collect::<Result<_>>()?,
        })
    }
}

/// Makes patches in their order, and syncs them.
fn apply(device: &dyn Device, patches: &[Patch], strict: bool) -> Result<()> {
    patches.iter().try_for_each(|p| device.write_at(p.position, &p.bytes))?;
    if strict { device.sync() } else { Ok(()) }
}

/// Finishes the commit that the file's last writer left unfinished, if there is one, and takes away its record.
///
/// # Errors
/// Of kind `Denied` if it goes on in other files, and these may not be written to; `NotFound` if they are not there.
pub(crate) fn finish(device: &dyn Device, superblock: u64, raw_files: &RawFiles) -> Result<()> {
    let redo = match redo::find(device, superblock)? {
        Found::Nothing => return Ok(()),
        Found::Done(redo) => redo,
        Found::Pending(redo) => {
            let others = redo.others.iter().map(|other| Ok((raw_files.at(&other.place)?, &other.pieces)));
            let others = others.collect::<Result<Vec<_>>>()?;
            // It may have been seen in memory only.
            device.sync()?;
            for (other, pieces) in others {
                if redo::standing(&*other, pieces)? != Standing::Foreign {
                    pieces.iter().try_for_each(|p| other.write_at(p.position, &p.bytes))?;
                    other.sync()?;
                }
            }
            redo
        }
    };
    redo.pieces.iter().try_for_each(|p| device.write_at(p.position, &p.bytes))?;
    device.sync()?;
    device.resize(redo.end)
}
