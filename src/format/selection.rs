//! Serialised selections (Appendix D.A): which elements of a dataset a region reference or a virtual dataset means.
//!
//! Nothing, everything, a list of points, a regular hyperslab or a list of blocks, each in several encodings. Only
//! numbers are here; the extent of the dataset is not stored with them, so what depends on it asks for its shape.

mod blocks;
mod text;

use crate::bytes::{self, Length, Widths, malformed, read_sized, write_sized};
use crate::error::{Context, Error, Result};
use crate::format::libver::LibVer;
use binrw::{BinResult, binrw};
use std::io::Read;

pub use blocks::Blocks;

const STRUCTURE: &str = "selection";
const MAX_RANK: u32 = 32;

/// A selection as a region reference or a virtual dataset holds it.
///
/// Coordinates are counted in elements, slowest dimension first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoredSelection {
    /// No element.
    None,
    /// Every element of the dataset, whatever its shape.
    All,
    /// Single elements in the order in which they were chosen; one may stand there twice.
    Points {
        /// The number of dimensions, 1 to 32.
        rank: usize,
        /// `rank` coordinates for each point.
        coordinates: Vec<u64>,
    },
    /// Blocks at regular distances: what each dimension selects, slowest first.
    Regular(Vec<Strided>),
    /// Blocks anywhere.
    Blocks {
        /// The number of dimensions, 1 to 32.
        rank: usize,
        /// For each block its first element's coordinates, then its last element's (inclusive).
        corners: Vec<u64>,
    },
}

/// One dimension of a regular hyperslab: `count` blocks of `block` elements, the first at `start`, each begins `stride`
/// behind the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Strided {
    /// The first selected coordinate.
    pub start: u64,
    /// From the beginning of a block to that of the next one; without meaning where there is only one.
    pub stride: u64,
    /// How many blocks; `None`: as many as the dataset has room for.
    pub count: Option<u64>,
    /// The elements of one block; `None`: up to the end of the dataset.
    pub block: Option<u64>,
}

#[binrw]
#[brw(little)]
struct Preamble {
    kind: u32,
    version: u32,
}

/// What follows the preamble in version 1.
#[binrw]
#[brw(little)]
struct Padding {
    reserved: u32,
    /// Of everything behind it; libhdf5 ignores it, so do we.
    length: u32,
}

/// Points or blocks: `per_rank` numbers for each of them and each dimension.
#[binrw]
#[brw(little, import(width: usize, per_rank: u64))]
struct List {
    #[br(assert((1..=MAX_RANK).contains(&rank), "rank {rank}"))]
    rank: u32,
    // libhdf5 does not read a list of nothing; the selection of nothing has its own kind.
    #[br(parse_with = read_sized, args(width), assert(count != 0, "a list of nothing"))]
    #[bw(write_with = write_sized, args(width))]
    count: u64,
    #[br(parse_with = read_numbers, args(count, u64::from(rank) * per_rank, width))]
    #[bw(write_with = write_numbers, args(width))]
    numbers: Vec<u64>,
}

#[binrw]
#[brw(little, import(width: usize))]
struct Regular {
    #[br(assert((1..=MAX_RANK).contains(&rank), "rank {rank}"))]
    rank: u32,
    #[br(count = rank, args { inner: (width,) })]
    #[bw(args(width))]
    dimensions: Vec<Dimension>,
}

#[binrw]
#[brw(little, import(width: usize))]
struct Dimension {
    #[br(parse_with = read_sized, args(width))]
    #[bw(write_with = write_sized, args(width))]
    start: u64,
    #[br(parse_with = read_sized, args(width))]
    #[bw(write_with = write_sized, args(width))]
    stride: u64,
    /// Unlimited is all ones at every width.
    #[brw(args_raw = widths(width))]
    count: Length,
    #[brw(args_raw = widths(width))]
    block: Length,
}

/// Lengths of `width` bytes.
fn widths(width: usize) -> Widths {
    Widths { offset: 8, length: width as u8 }
}

/// `count` times `each` numbers. Nothing is reserved for them before their bytes are there.
#[binrw::parser(reader)]
fn read_numbers(count: u64, each: u64, width: usize) -> BinResult<Vec<u64>> {
    let at = reader.stream_position()?;
    let size = count.checked_mul(each).and_then(|n| n.checked_mul(width as u64));
    let size = size.ok_or_else(|| malformed(at, format!("{count} points or blocks")))?;
    let mut bytes = Vec::new();
    Read::by_ref(reader).take(size).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < size {
        return Err(binrw::Error::Io(std::io::ErrorKind::UnexpectedEof.into()));
    }
    let number = |b: &[u8]| b.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
    Ok(bytes.chunks_exact(width).map(number).collect())
}

/// The counterpart of [`read_numbers`].
#[allow(clippy::ptr_arg)] // binrw hands on what the field is
#[binrw::writer(writer, endian)]
fn write_numbers(numbers: &Vec<u64>, width: usize) -> BinResult<()> {
    numbers.iter().try_for_each(|n| write_sized(n, writer, endian, (width,)))
}

const NONE: u32 = 0;
const POINTS: u32 = 1;
const HYPERSLAB: u32 = 2;
const ALL: u32 = 3;

/// Bit 0 of the flags of a hyperslab: start, stride, count and block follow, not a list of blocks.
const REGULAR: u8 = 1;

/// Decodes the selection that `bytes` begins with; returns it with the number of bytes it took.
pub(crate) fn decode(bytes: &[u8]) -> Result<(StoredSelection, usize)> {
    let mut front = Front { bytes, at: 0 };
    let Preamble { kind, version } = front.take(())?;
    let selection = match (kind, version) {
        (NONE, 1) => front.take::<Padding>(()).map(|_| StoredSelection::None)?,
        (ALL, 1) => front.take::<Padding>(()).map(|_| StoredSelection::All)?,
        (POINTS, 1) => {
            front.take::<Padding>(())?;
            front.points(4)?
        }
        (POINTS, 2) => {
            let width = front.width()?;
            front.points(width)?
        }
        (HYPERSLAB, 1) => {
            front.take::<Padding>(())?;
            front.blocks(4)?
        }
        (HYPERSLAB, 2) => {
            let flags = front.take::<u8>(())?;
            front.take::<u32>(())?;
            front.hyperslab(flags, 8)?
        }
        (HYPERSLAB, 3) => {
            let flags = front.take::<u8>(())?;
            let width = front.width()?;
            front.hyperslab(flags, width)?
        }
        (NONE..=ALL, _) => {
            return Err(
                Error::unsupported(format!("selection of kind {kind}, version {version}")).in_structure(STRUCTURE)
            );
        }
        _ => return Err(Error::damaged(format!("kind {kind}")).in_structure(STRUCTURE)),
    };
    selection.check().in_structure(STRUCTURE)?;
    Ok((selection, front.at))
}

/// The bytes and how many of them are decoded.
struct Front<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Front<'_> {
    fn take<'a, T: binrw::BinRead>(&mut self, args: T::Args<'a>) -> Result<T> {
        let (value, used) = bytes::decode(&self.bytes[self.at..], args, STRUCTURE)?;
        self.at += used;
        Ok(value)
    }

    /// "Encoded size": how many bytes each number takes.
    fn width(&mut self) -> Result<usize> {
        match self.take::<u8>(())? {
            width @ (2 | 4 | 8) => Ok(width.into()),
            other => Err(Error::damaged(format!("numbers of {other} bytes")).in_structure(STRUCTURE)),
        }
    }

    fn points(&mut self, width: usize) -> Result<StoredSelection> {
        let list: List = self.take((width, 1))?;
        Ok(StoredSelection::Points { rank: list.rank as usize, coordinates: list.numbers })
    }

    fn blocks(&mut self, width: usize) -> Result<StoredSelection> {
        let list: List = self.take((width, 2))?;
        Ok(StoredSelection::Blocks { rank: list.rank as usize, corners: list.numbers })
    }

    fn hyperslab(&mut self, flags: u8, width: usize) -> Result<StoredSelection> {
        match flags {
            0 => self.blocks(width),
            REGULAR => {
                let regular: Regular = self.take((width,))?;
                let strided =
                    |d: Dimension| Strided { start: d.start, stride: d.stride, count: d.count.0, block: d.block.0 };
                Ok(StoredSelection::Regular(regular.dimensions.into_iter().map(strided).collect()))
            }
            _ => Err(Error::unsupported(format!("hyperslab flags {flags:#04x}")).in_structure(STRUCTURE)),
        }
    }
}

/// Encodes `selection` as libhdf5 does for readers from `libver` on: what an old form cannot say takes a newer one.
pub(crate) fn encode(selection: &StoredSelection, libver: LibVer) -> Result<Vec<u8>> {
    selection.check().in_structure(STRUCTURE)?;
    let newest = libver >= LibVer::V112;
    match selection {
        StoredSelection::None => start(NONE, 1, &padding(0)?),
        StoredSelection::All => start(ALL, 1, &padding(0)?),
        StoredSelection::Points { rank, coordinates } => {
            let width = width_of(coordinates, coordinates.len() / rank);
            if newest || width > 4 {
                let list = list(*rank, coordinates, 1, width)?;
                return start(POINTS, 2, &[vec![width as u8], list].concat());
            }
            let list = list(*rank, coordinates, 1, 4)?;
            start(POINTS, 1, &[padding(list.len())?, list].concat())
        }
        StoredSelection::Blocks { rank, corners } => blocks(*rank, corners, newest),
        StoredSelection::Regular(dimensions) => {
            if libver < LibVer::V112
                && let Some(corners) = few_blocks(selection, dimensions, libver)?
            {
                return blocks(dimensions.len(), &corners, false);
            }
            regular(dimensions, newest)
        }
    }
}

fn blocks(rank: usize, corners: &[u64], newest: bool) -> Result<Vec<u8>> {
    let width = width_of(corners, corners.len() / (2 * rank).max(1));
    if newest || width > 4 {
        let list = list(rank, corners, 2, width)?;
        return start(HYPERSLAB, 3, &[vec![0, width as u8], list].concat());
    }
    let list = list(rank, corners, 2, 4)?;
    start(HYPERSLAB, 1, &[padding(list.len())?, list].concat())
}

/// The corners of a regular hyperslab's blocks, if they are as few as version 1 asks for, which lists them.
fn few_blocks(selection: &StoredSelection, dimensions: &[Strided], libver: LibVer) -> Result<Option<Vec<u64>>> {
    // libhdf5 1.8 knows nothing else; where there are so many the newer form is the lesser evil.
    let most = if libver < LibVer::V110 { 1 << 16 } else { 3 };
    let count = dimensions.iter().try_fold(1u64, |n, d| n.checked_mul(d.count.filter(|_| d.block.is_some())?));
    if count.is_none_or(|n| n == 0 || n > most) {
        return Ok(None);
    }
    let mut corners = Vec::new();
    for block in selection.blocks(&vec![u64::MAX; dimensions.len()])? {
        corners.extend(block.iter().map(|r| r.start));
        corners.extend(block.iter().map(|r| r.end.saturating_sub(1)));
    }
    Ok((width_of(&corners, 0) <= 4).then_some(corners))
}

fn regular(dimensions: &[Strided], newest: bool) -> Result<Vec<u8>> {
    // All ones is no number here: it means unlimited.
    let limited = |d: &Strided| [d.count, d.block].into_iter().flatten().max().unwrap_or(0).saturating_add(1);
    let numbers: Vec<u64> = dimensions.iter().flat_map(|d| [d.start, d.stride, limited(d)]).collect();
    let width = if newest { width_of(&numbers, 0) } else { 8 };
    let dimension =
        |d: &Strided| Dimension { start: d.start, stride: d.stride, count: Length(d.count), block: Length(d.block) };
    let dimensions = dimensions.iter().map(dimension).collect::<Vec<_>>();
    let fields = bytes::encode(&Regular { rank: dimensions.len() as u32, dimensions }, (width,), STRUCTURE)?;
    if newest {
        return start(HYPERSLAB, 3, &[&[REGULAR, width as u8][..], &fields].concat());
    }
    let length = (fields.len() as u32).to_le_bytes();
    start(HYPERSLAB, 2, &[&[REGULAR][..], &length, &fields].concat())
}

/// Bytes that the numbers take: 2, 4 or 8.
fn width_of(numbers: &[u64], count: usize) -> usize {
    match numbers.iter().copied().max().unwrap_or(0).max(count as u64) {
        0..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

fn start(kind: u32, version: u32, body: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = bytes::encode(&Preamble { kind, version }, (), STRUCTURE)?;
    bytes.extend_from_slice(body);
    Ok(bytes)
}

fn padding(length: usize) -> Result<Vec<u8>> {
    let length = u32::try_from(length).map_err(|_| Error::limit("a selection of 4 GiB").in_structure(STRUCTURE))?;
    bytes::encode(&Padding { reserved: 0, length }, (), STRUCTURE)
}

fn list(rank: usize, numbers: &[u64], per_rank: u64, width: usize) -> Result<Vec<u8>> {
    let count = numbers.len() as u64 / (rank as u64 * per_rank).max(1);
    let list = List { rank: rank as u32, count, numbers: numbers.to_vec() };
    bytes::encode(&list, (width, per_rank), STRUCTURE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
    }

    fn strided(start: u64, stride: u64, count: impl Into<Option<u64>>, block: impl Into<Option<u64>>) -> Strided {
        Strided { start, stride, count: count.into(), block: block.into() }
    }

    #[track_caller]
    fn decodes(text: &str, expected: &StoredSelection) {
        let mut bytes = hex(text);
        let whole = bytes.len();
        bytes.extend([0xee; 3]);
        assert_eq!(decode(&bytes).unwrap(), (expected.clone(), whole));
        for cut in 0..whole {
            assert_eq!(decode(&bytes[..cut]).unwrap_err().kind(), ErrorKind::Damaged, "cut at {cut}");
        }
        for libver in [LibVer::V110, LibVer::LATEST] {
            let again = encode(expected, libver).unwrap();
            let (selection, used) = decode(&again).unwrap();
            assert_eq!(used, again.len());
            let shape = vec![1 << 41; expected.rank().unwrap_or(1)];
            let blocks = |s: &StoredSelection| s.blocks(&shape).unwrap().take(9).collect::<Vec<_>>();
            assert_eq!(blocks(&selection), blocks(expected), "{libver}");
        }
    }

    #[test]
    fn nothing_and_everything_take_sixteen_bytes() {
        decodes("00000000 01000000 00000000 00000000", &StoredSelection::None);
        decodes("03000000 01000000 00000000 00000000", &StoredSelection::All);
    }

    #[test]
    fn points_have_numbers_of_four_bytes_or_of_the_size_they_say() {
        let points = StoredSelection::Points { rank: 2, coordinates: vec![3, 1, 0, 2, 3, 1] };
        let old = "01000000 01000000 00000000 20000000 02000000 03000000 03000000 01000000 00000000 02000000 \
                   03000000 01000000";
        decodes(old, &points);
        assert_eq!(encode(&points, LibVer::V110).unwrap(), hex(old));
        decodes("01000000 02000000 02 02000000 0300 0300 0100 0000 0200 0300 0100", &points);
        let new = hex("01000000 02000000 02 02000000 0300 0300 0100 0000 0200 0300 0100");
        assert_eq!(encode(&points, LibVer::V112).unwrap(), new);
        let far = StoredSelection::Points { rank: 1, coordinates: vec![1 << 40] };
        decodes("01000000 02000000 08 01000000 0100000000000000 0000000000010000", &far);
    }

    #[test]
    fn a_hyperslab_is_a_list_of_blocks_or_regular() {
        let blocks = StoredSelection::Blocks { rank: 1, corners: vec![0, 1, 5, 5] };
        let old = "02000000 01000000 00000000 18000000 01000000 02000000 00000000 01000000 05000000 05000000";
        decodes(old, &blocks);
        assert_eq!(encode(&blocks, LibVer::V110).unwrap(), hex(old));
        decodes("02000000 03000000 00 02 01000000 0200 0000 0100 0500 0500", &blocks);

        let regular = StoredSelection::Regular(vec![strided(1, 4, 3, 2), strided(0, 1, 1, 7)]);
        let new = "02000000 02000000 01 44000000 02000000 \
                   0100000000000000 0400000000000000 0300000000000000 0200000000000000 \
                   0000000000000000 0100000000000000 0100000000000000 0700000000000000";
        decodes(new, &regular);
        // Three blocks: below four libhdf5 1.10 lists them.
        let StoredSelection::Regular(mut four) = regular.clone() else { panic!("regular") };
        four[0].count = Some(4);
        let four = StoredSelection::Regular(four);
        let with_four = new.replace("0300000000000000", "0400000000000000");
        assert_eq!(encode(&four, LibVer::V110).unwrap(), hex(&with_four));
        let (listed, _) = decode(&encode(&four, LibVer::V18).unwrap()).unwrap();
        assert!(matches!(&listed, StoredSelection::Blocks { rank: 2, corners } if corners.len() == 16));
        let newest = "02000000 03000000 01 02 02000000 0100 0400 0300 0200 0000 0100 0100 0700";
        decodes(newest, &regular);
        assert_eq!(encode(&regular, LibVer::V112).unwrap(), hex(newest));
    }

    #[test]
    fn unlimited_is_all_ones_at_every_width() {
        let endless = StoredSelection::Regular(vec![strided(2, 3, None, 2)]);
        decodes("02000000 03000000 01 02 01000000 0200 0300 ffff 0200", &endless);
        decodes("02000000 03000000 01 04 01000000 02000000 03000000 ffffffff 02000000", &endless);
        let rest = StoredSelection::Regular(vec![strided(2, 1, 1, None)]);
        decodes(
            "02000000 02000000 01 24000000 01000000 0200000000000000 0100000000000000 0100000000000000 ffffffffffffffff",
            &rest,
        );
    }

    #[test]
    fn what_libhdf5_refuses_is_refused() {
        for (text, why) in [
            ("02000000 03000000 01 02 01000000 0000 0100 0300 0200", "blocks that overlap"),
            ("02000000 03000000 01 02 01000000 0000 0100 ffff ffff", "count and block both unlimited"),
            ("02000000 03000000 01 02 02000000 0000 0100 ffff 0100 0000 0100 ffff 0100", "two unlimited dimensions"),
            ("02000000 03000000 00 02 01000000 0100 0500 0400", "a block that ends before its start"),
            ("02000000 03000000 00 02 01000000 0000", "no block"),
            ("01000000 02000000 02 01000000 0000", "no point"),
            ("01000000 02000000 03 01000000 0100 0100", "numbers of three bytes"),
            ("01000000 02000000 02 00000000 0100 0100", "rank 0"),
            ("01000000 02000000 02 21000000 0100 0100", "rank 33"),
            ("04000000 01000000 00000000 00000000", "kind 4"),
            (
                "02000000 03000000 01 08 01000000 0000000000000080 0000000000000080 0300000000000000 0100000000000000",
                "a last block past 64 bits",
            ),
        ] {
            assert_eq!(decode(&hex(text)).expect_err(why).kind(), ErrorKind::Damaged, "{why}");
        }
        for text in ["02000000 04000000 01 02 01000000", "02000000 03000000 03 02 01000000 0000 0100 0100 0100"] {
            assert_eq!(decode(&hex(text)).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }

    #[test]
    fn a_hostile_count_reserves_nothing() {
        let bytes = hex("01000000 02000000 08 20000000 ffffffffffffff00 0000000000000000");
        assert_eq!(decode(&bytes).unwrap_err().kind(), ErrorKind::Damaged);
    }
}
