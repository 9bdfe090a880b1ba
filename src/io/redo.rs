//! The redo record of a commit in place: what stands behind the end of a file while old bytes of it are replaced.
//!
//! A file is edited in four steps. What is new is written behind the old end, where nobody looks. The record follows:
//! all patches of old bytes, the new superblock among them, under a checksum; once it is synced, the commit has
//! happened. The patches are made, and synced. The file is cut behind its new end, and with that the record is gone.
//! Stopped anywhere, the file holds the old state with rubbish behind its end, or a record from which whoever opens it
//! next finishes what was begun.
//!
//! The record stands at the very end of the file and ends with its size, so it is found from there:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic `\x89H5redo\n` |
//! | 4, 4 | version 1; number of the commit |
//! | 8, 4, 8, 8 | position and size of the superblock, its old hash, its new hash |
//! | 8 | where the file ends afterwards |
//! | 4, 4 | number of extents, number of patches |
//! | 24 each | extents of new bytes: position, size, hash |
//! | 12 + 2n each | patches: position, size n, the old bytes, the new bytes |
//! | 8, 8, 8 | hash of all of that; size of the whole record; magic |
//!
//! A record counts only if the superblock is the old or the new one, every byte that is replaced is the old or the new
//! one, and every extent is as it was written: then nobody else has changed the file since. Else it is ignored.

use super::Source;
use crate::bytes::{lookup3, zeroed};
use crate::error::{Error, Result};
use std::ops::Range;

const MAGIC: [u8; 8] = *b"\x89H5redo\n";
const VERSION: u32 = 1;
const HEADER: usize = 8 + 4 + 4 + 8 + 4 + 8 + 8 + 8 + 4 + 4;
const TRAILER: usize = 8 + 8 + 8;
/// The most bytes of a superblock: what a disk writes as a whole.
const SECTOR: u64 = 512;

/// The most bytes of new extents that a record vouches for; more are synced before the record is written.
pub(crate) const MOST_VOUCHED: u64 = 8 << 20;

/// The most bytes of patches.
const MOST_PATCHED: u64 = 256 << 20;

/// Old bytes that are replaced: where, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) position: u64,
    pub(crate) bytes: Vec<u8>,
}

/// New bytes behind the old end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) position: u64,
    pub(crate) size: u64,
    pub(crate) hash: u64,
}

/// A commit as its record has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Redo {
    pub(crate) number: u32,
    pub(crate) superblock: Range<u64>,
    pub(crate) old_hash: u64,
    pub(crate) new_hash: u64,
    /// Where the file ends afterwards.
    pub(crate) end: u64,
    pub(crate) extents: Vec<Extent>,
    pub(crate) pieces: Vec<Piece>,
}

/// A patch with what it replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) position: u64,
    old: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
}

/// How a record stands to the file that it is found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is none, or none that counts.
    Nothing,
    /// Everything in it is done; only the file was not cut.
    Done(Redo),
    /// It must be done, or done to its end.
    Pending(Redo),
}

/// Two checksums with different beginnings.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    u64::from(lookup3(bytes, 0)) | u64::from(lookup3(bytes, 0x9e37_79b9)) << 32
}

impl Redo {
    /// Takes in `patches`, in the order in which they are to be made; looks up what stands there now.
    pub(crate) fn add(&mut self, source: &dyn Source, patches: &[Patch]) -> Result<()> {
        for Patch { position, bytes } in patches {
            let mut old = zeroed(bytes.len() as u64)?;
            source.read_at(*position, &mut old)?;
            self.pieces.push(Piece { position: *position, old, bytes: bytes.clone() });
        }
        Ok(())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let four = |out: &mut Vec<u8>, n: u32| out.extend(n.to_le_bytes());
        let eight = |out: &mut Vec<u8>, n: u64| out.extend(n.to_le_bytes());
        four(&mut out, VERSION);
        four(&mut out, self.number);
        eight(&mut out, self.superblock.start);
        four(&mut out, (self.superblock.end - self.superblock.start) as u32);
        eight(&mut out, self.old_hash);
        eight(&mut out, self.new_hash);
        eight(&mut out, self.end);
        four(&mut out, self.extents.len() as u32);
        four(&mut out, self.pieces.len() as u32);
        for e in &self.extents {
            [e.position, e.size, e.hash].iter().for_each(|n| eight(&mut out, *n));
        }
        for p in &self.pieces {
            eight(&mut out, p.position);
            four(&mut out, p.bytes.len() as u32);
            out.extend_from_slice(&p.old);
            out.extend_from_slice(&p.bytes);
        }
        let sum = hash(&out);
        eight(&mut out, sum);
        let size = out.len() as u64 + 16;
        eight(&mut out, size);
        out.extend(MAGIC);
        out
    }

    /// Decodes a record that was hashed; nothing where it makes no sense.
    fn decode(bytes: &[u8]) -> Option<Redo> {
        let mut rest = bytes.strip_prefix(&MAGIC)?;
        let mut take = |n: usize| {
            let (taken, left) = rest.split_at_checked(n)?;
            rest = left;
            Some(taken)
        };
        let four = |b: &[u8]| b.first_chunk::<4>().map(|b| u32::from_le_bytes(*b));
        let eight = |b: &[u8]| b.first_chunk::<8>().map(|b| u64::from_le_bytes(*b));
        if four(take(4)?)? != VERSION {
            return None;
        }
        let number = four(take(4)?)?;
        let start = eight(take(8)?)?;
        let superblock = start..start.checked_add(four(take(4)?)?.into())?;
        let (old_hash, new_hash, end) = (eight(take(8)?)?, eight(take(8)?)?, eight(take(8)?)?);
        let (extents, pieces) = (four(take(4)?)?, four(take(4)?)?);
        let mut redo = Redo { number, superblock, old_hash, new_hash, end, ..Redo::default() };
        for _ in 0..extents {
            let (position, size, hash) = (eight(take(8)?)?, eight(take(8)?)?, eight(take(8)?)?);
            redo.extents.push(Extent { position, size, hash });
        }
        for _ in 0..pieces {
            let (position, size) = (eight(take(8)?)?, four(take(4)?)? as usize);
            redo.pieces.push(Piece { position, old: take(size)?.to_vec(), bytes: take(size)?.to_vec() });
        }
        Some(redo)
    }

    /// Whether everything lies before the record, which is at `own`, or in a further part of the file, which ends at `size`.
    fn is_inside(&self, own: Range<u64>, size: u64) -> bool {
        let start = own.start;
        let before = |position: u64, length: u64| {
            let end = position.checked_add(length).filter(|&end| end <= size);
            end.is_some_and(|end| end <= start || position >= own.end)
        };
        let vouched = self.extents.iter().try_fold(0u64, |n, e| n.checked_add(e.size));
        vouched.is_some_and(|n| n <= MOST_VOUCHED)
            && self.end <= start
            && self.superblock.end - self.superblock.start <= SECTOR
            && self.superblock.end <= start
            && self.extents.iter().all(|e| before(e.position, e.size))
            && self.pieces.iter().all(|p| before(p.position, p.bytes.len() as u64))
    }
}

/// Refuses patches that would make a record too large to be read again.
pub(crate) fn check_size(bytes: u64) -> Result<()> {
    if bytes > MOST_PATCHED {
        return Err(Error::limit(format!("{bytes} bytes that are there already change in one commit: {MOST_PATCHED}")));
    }
    Ok(())
}

/// Where the part of a file ends that grows: the file, or what is before its first gap.
pub(super) fn growing_end(source: &dyn Source) -> Result<u64> {
    source.gaps().first().map_or_else(|| source.size(), |gap| Ok(gap.start))
}

/// Looks for a record at the end of `source`, or of its part that grows. Its superblock is at `superblock`.
pub(crate) fn find(source: &dyn Source, superblock: u64) -> Result<Found> {
    let size = growing_end(source)?;
    let Some(trailer_at) = size.checked_sub(TRAILER as u64) else {
        return Ok(Found::Nothing);
    };
    let mut trailer = [0; TRAILER];
    source.read_at(trailer_at, &mut trailer)?;
    let (_, [length @ .., _, _, _, _, _, _, _, _]) = trailer.split_at(8) else {
        return Ok(Found::Nothing);
    };
    let length = length.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    let fits = (HEADER + TRAILER) as u64 <= length && length <= size && length <= 3 * MOST_PATCHED;
    if !trailer.ends_with(&MAGIC) || !fits {
        return Ok(Found::Nothing);
    }
    let mut bytes = zeroed(length)?;
    source.read_at(size - length, &mut bytes)?;
    let Some((body, sum)) = bytes.get(..bytes.len() - 16).and_then(|b| b.split_last_chunk::<8>()) else {
        return Ok(Found::Nothing);
    };
    if hash(body) != u64::from_le_bytes(*sum) {
        return Ok(Found::Nothing);
    }
    let (own, whole) = (size - length..size, source.size()?);
    let redo = Redo::decode(body).filter(|r| r.is_inside(own, whole) && r.superblock.start == superblock);
    redo.map_or(Ok(Found::Nothing), |redo| judge(source, redo))
}

/// Holds a record against the file.
fn judge(source: &dyn Source, redo: Redo) -> Result<Found> {
    let mut seen = Vec::new();
    let mut read = |position: u64, size: u64| {
        seen.clear();
        seen.resize(size as usize, 0);
        source.read_at(position, &mut seen).map(|()| hash(&seen))
    };
    let superblock = read(redo.superblock.start, redo.superblock.end - redo.superblock.start)?;
    if superblock != redo.old_hash && superblock != redo.new_hash {
        return Ok(Found::Nothing);
    }
    for extent in &redo.extents {
        if read(extent.position, extent.size)? != extent.hash {
            return Ok(Found::Nothing);
        }
    }
    let mut done = true;
    for piece in &redo.pieces {
        let mut there = vec![0; piece.bytes.len()];
        source.read_at(piece.position, &mut there)?;
        let mut bytes = there.iter().zip(&piece.old).zip(&piece.bytes);
        if !bytes.all(|((now, old), new)| now == old || now == new) {
            return Ok(Found::Nothing);
        }
        done &= there == piece.bytes;
    }
    Ok(if done { Found::Done(redo) } else { Found::Pending(redo) })
}

/// The patches of a commit that was not finished, if the file ends with the record of one: what readers lay over it.
pub(crate) fn pending(source: &dyn Source, superblock: u64) -> Result<Option<Vec<Patch>>> {
    Ok(match find(source, superblock)? {
        Found::Pending(redo) => {
            Some(redo.pieces.into_iter().map(|p| Patch { position: p.position, bytes: p.bytes }).collect())
        }
        Found::Nothing | Found::Done(_) => None,
    })
}
