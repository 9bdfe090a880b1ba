//! Committing to a file in place: the steps of [`redo`](super::redo), and what is done about a file that was left
//! between them.

use super::redo::{self, Change, Extent, Found, MOST_VOUCHED, Other, Patch, Piece, Redo, Standing, growing_end};
use super::{Device, Source, Store, WritableFiles};
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
    pub(crate) companions: Vec<Companion>,
    pub(crate) durability: Durability,
}

/// Another HDF5 file, and the commit to it that happens with this one.
pub(crate) struct Companion {
    /// Where it is, for the record.
    pub(crate) place: Vec<u8>,
    pub(crate) device: Arc<dyn Device>,
    pub(crate) others: Arc<WritableFiles>,
    /// Its record, once all that is new is written and synced.
    pub(crate) record: Vec<u8>,
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

    /// All patches of this file. The end first: what the other patches lead to must lie in the file.
    fn patches(&self) -> Vec<Patch> {
        [std::slice::from_ref(&self.superblock), &self.patches].concat()
    }

    /// Makes ready what happens with another commit: returns the record that is to be put behind the file's end.
    pub(crate) fn prepare(self, device: &dyn Device) -> Result<Vec<u8>> {
        let redo = self.ready(device, &self.patches())?;
        if self.durability == Durability::Strict {
            device.sync()?;
        }
        Ok(redo.encode())
    }

    fn lengthen(&self, device: &dyn Device) -> Result<()> {
        if growing_end(device)? < self.end { device.resize(self.end) } else { Ok(()) }
    }

    /// Gives all files the length that they are to have; makes the record.
    fn ready(&self, device: &dyn Device, patches: &[Patch]) -> Result<Redo> {
        self.lengthen(device)?;
        let redo = self.record(device, patches)?;
        self.others.iter().try_for_each(|other| other.lengthen(self.durability == Durability::Strict))?;
        Ok(redo)
    }

    fn make_here(self, device: &dyn Device) -> Result<(), (bool, Error)> {
        let (before, after) = (|e| (false, e), |e| (true, e));
        let strict = self.durability == Durability::Strict;
        let sync = |wanted: bool| if wanted { device.sync() } else { Ok(()) };
        let patches = self.patches();
        let apply_all = || -> Result<()> {
            self.others.iter().try_for_each(|other| apply(&*other.device, &other.patches, strict))?;
            self.companions.iter().try_for_each(|c| carry_out(&*c.device, &c.record, &c.others))?;
            apply(device, &patches, strict)
        };
        if self.durability == Durability::None {
            return self.lengthen(device).and_then(|()| apply_all()).map_err(after);
        }
        let redo = self.ready(device, &patches).map_err(before)?;
        if redo.extents.is_empty() {
            sync(strict).map_err(before)?;
        }
        let record = redo.encode();
        let size = redo.place() + record.len() as u64;
        // The record is found from the end of the file.
        if growing_end(device).map_err(before)? > size {
            device.resize(size).map_err(before)?;
        }
        device.write_at(redo.place(), &record).map_err(before)?;
        sync(strict).map_err(after)?;
        apply_all().map_err(after)?;
        // The record has done its work; one that stays is harmless.
        let _ = device.resize(self.end);
        Ok(())
    }

    fn record(&self, device: &dyn Device, patches: &[Patch]) -> Result<Redo> {
        let all = patches.iter().chain(self.others.iter().flat_map(|other| &other.patches));
        let sizes = all.map(|p| p.bytes.len()).chain(self.companions.iter().map(|c| c.record.len()));
        redo::check_size(sizes.map(|size| size as u64).sum())?;
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
            Ok(Other { place: place.clone(), change: Change::Pieces(redo::pieces(&**device, patches)?.into()) })
        };
        let companion = |Companion { place, record, .. }: &Companion| {
            Ok(Other { place: place.clone(), change: Change::Commit(record.as_slice().into()) })
        };
        let others = self.others.iter().map(other).chain(self.companions.iter().map(companion));
        Ok(Redo {
            number: self.number,
            superblock: start..start + self.superblock.bytes.len() as u64,
            old_hash: redo::hash(self.old_superblock),
            new_hash: redo::hash(&self.superblock.bytes),
            end: self.end,
            extents,
            pieces: redo::pieces(device, patches)?,
            others: others.collect::<Result<_>>()?,
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
pub(crate) fn finish(device: &dyn Device, superblock: u64, others: &WritableFiles) -> Result<()> {
    let redo = match redo::find(device, superblock)? {
        Found::Nothing => return Ok(()),
        Found::Done(redo) => redo,
        Found::Pending(redo) => {
            let all =
                redo.others.iter().map(|other| Ok((others.at(&other.place, other.change.search())?, &other.change)));
            let all = all.collect::<Result<Vec<_>>>()?;
            // It may have been seen in memory only.
            device.sync()?;
            for ((other, at), change) in all {
                match change {
                    Change::Pieces(pieces) => put(&*other, pieces)?,
                    Change::Commit(record) => carry_out(&*other, record, &at)?,
                }
            }
            redo
        }
    };
    redo.pieces.iter().try_for_each(|p| device.write_at(p.position, &p.bytes))?;
    device.sync()?;
    device.resize(redo.end)
}

/// Puts pieces of external raw data where they belong, unless somebody else has changed what is there.
fn put(device: &dyn Device, pieces: &[Piece]) -> Result<()> {
    if redo::standing(device, pieces)? == Standing::Foreign {
        return Ok(());
    }
    pieces.iter().try_for_each(|p| device.write_at(p.position, &p.bytes))?;
    device.sync()
}

/// Makes the commit to a file that happens with one to another, unless somebody else has changed it. Its record comes to the
/// file's end first, so that whoever opens it alone sees the commit as a whole.
fn carry_out(device: &dyn Device, record: &[u8], others: &WritableFiles) -> Result<()> {
    let redo = match redo::find_apart(device, record)? {
        Found::Nothing => return Ok(()),
        Found::Done(redo) => redo,
        Found::Pending(redo) => {
            let size = redo.place() + record.len() as u64;
            if growing_end(device)? > size {
                device.resize(size)?;
            }
            device.write_at(redo.place(), record)?;
            redo
        }
    };
    finish(device, redo.superblock.start, others)
}
