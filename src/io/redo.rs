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
//! | 4, 4 | version, 1 or, with patches of other files, 2; number of the commit |
//! | 8, 4, 8, 8 | position and size of the superblock, its old hash, its new hash |
//! | 8 | where the file ends afterwards |
//! | 4, 4 | number of extents, number of patches |
//! | 24 each | extents of new bytes: position, size, hash |
//! | 12 + 2n each | patches: position, size n, the old bytes, the new bytes |
//! | 4 | in version 2: number of other files that the commit is about |
//! | 4 + n, 4, 4 | each: size n of its place, its place; 0 and a number of patches, which follow as above, for one with external raw data, or 1 and a size, and the whole record of a commit to one of HDF5, a source of virtual datasets |
//! | 8, 8, 8 | hash of all of that; size of the whole record; magic |
//!
//! A record counts only if the superblock is the old or the new one, every byte that is replaced is the old or the new
//! one, and every extent is as it was written: then nobody else has changed the file since. Else it is ignored. The same
//! goes for each other file by itself: one in which somebody else has changed what the commit changes stays as he left it.
//!
//! A record may be forged. Those patches of other files are made only where whoever edits the file allows it to lead there.

use super::{Search, Source, read_or_zeros};
use crate::bytes::{lookup3, zeroed};
use crate::error::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"\x89H5redo\n";
/// Of a record that is about this file alone.
const VERSION: u32 = 1;
/// Of one that is about other files, too.
const WITH_OTHERS: u32 = 2;
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
    pub(crate) others: Vec<Other>,
}

/// Another file that a commit is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    /// Where it is, as [`Neighbours`](super::Neighbours) has it.
    pub(crate) place: Vec<u8>,
    pub(crate) change: Change,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Of external raw data.
    Pieces(Arc<[Piece]>),
    /// Of an HDF5 file: the record of a commit to it, which makes sense to whoever opens that file alone.
    Commit(Arc<[u8]>),
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

/// How bytes stand to pieces that replace some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Some are the old ones, all others the new ones.
    Begun,
    /// All are the new ones.
    Done,
    /// Some are neither: somebody else has changed them.
    Foreign,
}

/// Patches, and what they replace in a source; what lies behind its end is zeros.
pub(crate) fn pieces(source: &dyn Source, patches: &[Patch]) -> Result<Vec<Piece>> {
    let piece = |Patch { position, bytes }: &Patch| {
        let mut old = zeroed(bytes.len() as u64)?;
        read_or_zeros(source, *position, &mut old)?;
        Ok(Piece { position: *position, old, bytes: bytes.clone() })
    };
    patches.iter().map(piece).collect()
}

pub(crate) fn standing(source: &dyn Source, pieces: &[Piece]) -> Result<Standing> {
    let mut standing = Standing::Done;
    for piece in pieces {
        let mut there = zeroed(piece.bytes.len() as u64)?;
        read_or_zeros(source, piece.position, &mut there)?;
        let mut bytes = there.iter().zip(&piece.old).zip(&piece.bytes);
        if !bytes.all(|((now, old), new)| now == old || now == new) {
            return Ok(Standing::Foreign);
        }
        if there != piece.bytes {
            standing = Standing::Begun;
        }
    }
    Ok(standing)
}

/// Two checksums with different beginnings.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    u64::from(lookup3(bytes, 0)) | u64::from(lookup3(bytes, 0x9e37_79b9)) << 32
}

impl Redo {
    /// Where the record stands: behind the end that the file is to have.
    pub(crate) fn place(&self) -> u64 {
        self.end.next_multiple_of(8)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put(&mut out, if self.others.is_empty() { VERSION } else { WITH_OTHERS }.to_le_bytes());
        put(&mut out, self.number.to_le_bytes());
        put(&mut out, self.superblock.start.to_le_bytes());
        put(&mut out, ((self.superblock.end - self.superblock.start) as u32).to_le_bytes());
        [self.old_hash, self.new_hash, self.end].iter().for_each(|n| put(&mut out, n.to_le_bytes()));
        put_count(&mut out, self.extents.len());
        put_count(&mut out, self.pieces.len());
        for e in &self.extents {
            [e.position, e.size, e.hash].iter().for_each(|n| put(&mut out, n.to_le_bytes()));
        }
        self.pieces.iter().for_each(|p| p.encode(&mut out));
        if !self.others.is_empty() {
            put_count(&mut out, self.others.len());
        }
        for other in &self.others {
            put_count(&mut out, other.place.len());
            out.extend_from_slice(&other.place);
            match &other.change {
                Change::Pieces(pieces) => {
                    put(&mut out, 0u32.to_le_bytes());
                    put_count(&mut out, pieces.len());
                    pieces.iter().for_each(|p| p.encode(&mut out));
                }
                Change::Commit(record) => {
                    put(&mut out, 1u32.to_le_bytes());
                    put_count(&mut out, record.len());
                    out.extend_from_slice(record);
                }
            }
        }
        let sum = hash(&out);
        put(&mut out, sum.to_le_bytes());
        let size = out.len() as u64 + 16;
        put(&mut out, size.to_le_bytes());
        out.extend(MAGIC);
        out
    }

    /// Decodes a record that was hashed; nothing where it makes no sense.
    fn decode(bytes: &[u8]) -> Option<Redo> {
        let mut rest = Rest(bytes.strip_prefix(&MAGIC)?);
        let version = rest.four()?;
        if !matches!(version, VERSION | WITH_OTHERS) {
            return None;
        }
        let number = rest.four()?;
        let start = rest.eight()?;
        let superblock = start..start.checked_add(rest.four()?.into())?;
        let (old_hash, new_hash, end) = (rest.eight()?, rest.eight()?, rest.eight()?);
        let (extents, pieces) = (rest.four()?, rest.four()?);
        let extent =
            |rest: &mut Rest<'_>| Some(Extent { position: rest.eight()?, size: rest.eight()?, hash: rest.eight()? });
        let extents = (0..extents).map(|_| extent(&mut rest)).collect::<Option<Vec<_>>>()?;
        let pieces = (0..pieces).map(|_| rest.piece()).collect::<Option<Vec<_>>>()?;
        let others = if version == WITH_OTHERS { rest.four()? } else { 0 };
        let others = (0..others).map(|_| rest.other()).collect::<Option<Vec<_>>>()?;
        Some(Redo { number, superblock, old_hash, new_hash, end, extents, pieces, others })
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

fn put<const N: usize>(out: &mut Vec<u8>, bytes: [u8; N]) {
    out.extend(bytes);
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    put(out, (count as u32).to_le_bytes());
}

impl Piece {
    fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.position.to_le_bytes());
        put_count(out, self.bytes.len());
        out.extend_from_slice(&self.old);
        out.extend_from_slice(&self.bytes);
    }
}

/// What is left of a record; what makes no sense is nothing.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(n)?;
        self.0 = left;
        Some(taken)
    }

    fn four(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk().map(|b| u32::from_le_bytes(*b))
    }

    fn eight(&mut self) -> Option<u64> {
        self.take(8)?.first_chunk().map(|b| u64::from_le_bytes(*b))
    }

    fn piece(&mut self) -> Option<Piece> {
        let (position, size) = (self.eight()?, self.four()? as usize);
        Some(Piece { position, old: self.take(size)?.to_vec(), bytes: self.take(size)?.to_vec() })
    }

    fn other(&mut self) -> Option<Other> {
        let size = self.four()? as usize;
        let (place, kind, count) = (self.take(size)?.to_vec(), self.four()?, self.four()?);
        let change = match kind {
            0 => Change::Pieces((0..count).map(|_| self.piece()).collect::<Option<_>>()?),
            1 => Change::Commit(self.take(count as usize)?.into()),
            _ => return None,
        };
        Some(Other { place, change })
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
    let Some(redo) = checked(&bytes) else {
        return Ok(Found::Nothing);
    };
    let (own, whole) = (size - length..size, source.size()?);
    if !redo.is_inside(own, whole) || redo.superblock.start != superblock {
        return Ok(Found::Nothing);
    }
    judge(source, redo)
}

/// The record in `bytes`, if they are a whole one.
fn checked(bytes: &[u8]) -> Option<Redo> {
    let (rest, size) = bytes.strip_suffix(&MAGIC)?.split_last_chunk::<8>()?;
    let (body, sum) = rest.split_last_chunk::<8>()?;
    let whole = u64::from_le_bytes(*size) == bytes.len() as u64 && hash(body) == u64::from_le_bytes(*sum);
    if whole { Redo::decode(body) } else { None }
}

/// The record of a commit that is a part of another one. One that is about files of HDF5 in its turn is not of our making.
fn apart(record: &[u8]) -> Option<Redo> {
    checked(record).filter(|redo| redo.others.iter().all(|other| matches!(other.change, Change::Pieces(_))))
}

impl Change {
    /// What such a file is searched for.
    pub(super) fn search(&self) -> Search {
        match self {
            Change::Pieces(_) => Search::RawData,
            Change::Commit(_) => Search::Hdf5,
        }
    }

    /// The files of raw data that the commit to a file of HDF5 is about.
    pub(crate) fn others(&self) -> Vec<Other> {
        match self {
            Change::Pieces(_) => Vec::new(),
            Change::Commit(record) => apart(record).map_or(Vec::new(), |redo| redo.others),
        }
    }
}

/// How the record of such a commit stands to the file that it is for, which does not end with it yet.
pub(crate) fn find_apart(source: &dyn Source, record: &[u8]) -> Result<Found> {
    let Some(redo) = apart(record) else {
        return Ok(Found::Nothing);
    };
    let size = source.size()?;
    let own = |redo: &Redo| redo.place()..redo.place().saturating_add(record.len() as u64);
    if redo.end > size || !redo.is_inside(own(&redo), size) {
        return Ok(Found::Nothing);
    }
    judge(source, redo)
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
    Ok(match standing(source, &redo.pieces)? {
        Standing::Foreign => Found::Nothing,
        Standing::Done if redo.others.is_empty() => Found::Done(redo),
        _ => Found::Pending(redo),
    })
}

/// The commit that was not finished, if the file ends with the record of one: what readers lay over it.
pub(crate) fn pending(source: &dyn Source, superblock: u64) -> Result<Option<Redo>> {
    Ok(match find(source, superblock)? {
        Found::Pending(redo) => Some(redo),
        Found::Nothing | Found::Done(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::MemorySource;

    fn piece(position: u64, old: &[u8], new: &[u8]) -> Piece {
        Piece { position, old: old.to_vec(), bytes: new.to_vec() }
    }

    /// A file of 100 bytes, and the record of a commit to it and to two others.
    fn example() -> (Vec<u8>, Redo) {
        let file: Vec<u8> = (0..100).collect();
        let other = Redo { end: 40, superblock: 0..8, pieces: vec![piece(3, b"a", b"b")], ..Redo::default() };
        let others = [
            Other { place: b"raw.bin".to_vec(), change: Change::Pieces([piece(9, b"xy", b"zz")].into()) },
            Other { place: b"sub/run.h5".to_vec(), change: Change::Commit(other.encode().into()) },
        ];
        let redo = Redo {
            number: 7,
            superblock: 0..10,
            old_hash: hash(&file[..10]),
            new_hash: 5,
            end: 96,
            extents: vec![Extent { position: 90, size: 6, hash: hash(&file[90..96]) }],
            pieces: vec![piece(20, &file[20..24], b"wxyz")],
            others: others.to_vec(),
        };
        (file, redo)
    }

    fn behind(file: &[u8], redo: &Redo) -> Vec<u8> {
        let mut whole = file[..redo.end as usize].to_vec();
        whole.resize(redo.place() as usize, 0);
        whole.extend(redo.encode());
        whole
    }

    #[test]
    fn a_record_is_found_behind_the_file_that_it_is_for_and_says_what_it_said() {
        let (file, redo) = example();
        let find = |bytes: &[u8]| find(&MemorySource::new(bytes.to_vec()), 0).unwrap();
        let whole = behind(&file, &redo);
        assert_eq!(find(&whole), Found::Pending(redo.clone()));
        // With others it is never done before it is taken away.
        let mut done = whole.clone();
        done[20..24].copy_from_slice(b"wxyz");
        assert_eq!(find(&done), Found::Pending(redo.clone()));
        let alone = Redo { others: Vec::new(), ..redo };
        let mut done = behind(&file, &alone);
        done[20..24].copy_from_slice(b"wxyz");
        assert_eq!(find(&done), Found::Done(alone.clone()));
        for foreign in [0, 21, 92, 110, done.len() - 1] {
            let mut bytes = behind(&file, &alone);
            bytes[foreign] ^= 0x80;
            assert_eq!(find(&bytes), Found::Nothing, "{foreign}");
        }
    }

    #[test]
    fn a_record_apart_is_held_against_its_file() {
        let (file, redo) = example();
        let alone = Redo { others: Vec::new(), ..redo.clone() };
        let find = |bytes: &[u8], redo: &Redo| find_apart(&MemorySource::new(bytes.to_vec()), &redo.encode()).unwrap();
        assert_eq!(find(&file, &alone), Found::Pending(alone.clone()));
        assert_eq!(find(&file[..96], &alone), Found::Pending(alone.clone()));
        assert_eq!(find(&file[..95], &alone), Found::Nothing, "somebody has cut the file");
        assert_eq!(find(&file, &redo), Found::Nothing, "commits within commits within commits");
        let far = Redo { end: u64::MAX, ..alone };
        assert_eq!(find(&file, &far), Found::Nothing);
    }

    /// Whoever makes up a record can seal it, too.
    #[test]
    fn records_that_make_no_sense_are_nothing_or_say_what_they_say() {
        let (file, redo) = example();
        let good = redo.encode();
        for at in 8..good.len() - 24 {
            for value in [0, 1, 0x7f, 0x80, 0xff, good[at] ^ 1] {
                let mut record = good.clone();
                record[at] = value;
                let sealed = record.len() - 24;
                let sum = hash(&record[..sealed]).to_le_bytes();
                record[sealed..sealed + 8].copy_from_slice(&sum);
                if let Some(redo) = checked(&record) {
                    // What is behind what it says of itself is lost.
                    let again = redo.encode();
                    assert_eq!(checked(&again), Some(redo));
                }
                let whole = [&file[..96], &record].concat();
                find(&MemorySource::new(whole), 0).unwrap();
                find_apart(&MemorySource::new(file.clone()), &record).unwrap();
            }
        }
    }
}
