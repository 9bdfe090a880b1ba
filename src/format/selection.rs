//! Serialised selection (appendix D.A): which elements of a dataset, as region references and maps of virtual datasets
//! hold it.

use crate::bytes::{self, Length, Widths};
use crate::error::{Error, Result};
use binrw::binrw;
use std::ops::Range;

const STRUCTURE: &str = "selection";

/// A selection. What "all" means depends on the dataset.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StoredSelection {
    None,
    All,
    /// In the order in which they were chosen.
    Points {
        rank: usize,
        points: Vec<Vec<u64>>,
    },
    /// Blocks at regular distances in every dimension.
    Regular(Vec<Blocks>),
    /// A union of boxes.
    Boxes {
        rank: usize,
        boxes: Vec<Vec<Range<u64>>>,
    },
}

/// Regular blocks of one dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Blocks {
    pub(crate) start: u64,
    pub(crate) stride: u64,
    /// `None`: as many as the dataset has room for.
    pub(crate) count: Option<u64>,
    /// `None`: as long as the dataset has room for.
    pub(crate) block: Option<u64>,
}

#[binrw]
#[brw(little)]
struct Head {
    kind: u32,
    version: u32,
}

/// Version 1: four bytes without meaning, and how many bytes follow.
#[binrw]
#[brw(little)]
struct Version1 {
    reserved: u32,
    length: u32,
    #[br(assert((1..=32).contains(&rank), "rank {rank}"))]
    rank: u32,
    count: u32,
}

/// Version 2 of hyperslabs.
#[binrw]
#[brw(little)]
struct Slab2 {
    flags: u8,
    length: u32,
    #[br(assert((1..=32).contains(&rank), "rank {rank}"))]
    rank: u32,
}

/// Version 3 of hyperslabs.
#[binrw]
#[brw(little)]
struct Slab3 {
    flags: u8,
    #[br(assert(matches!(width, 2 | 4 | 8), "numbers of {width} bytes"))]
    width: u8,
    #[br(assert((1..=32).contains(&rank), "rank {rank}"))]
    rank: u32,
}

/// Version 2 of points.
#[binrw]
#[brw(little)]
struct Points2 {
    #[br(assert(matches!(width, 2 | 4 | 8), "numbers of {width} bytes"))]
    width: u8,
    #[br(assert((1..=32).contains(&rank), "rank {rank}"))]
    rank: u32,
}

/// Decodes the selection that `bytes` begins with; tells how many bytes it took.
pub(crate) fn decode(bytes: &[u8]) -> Result<(StoredSelection, usize)> {
    let (head, used) = bytes::decode::<Head>(bytes, (), STRUCTURE)?;
    let mut rest = Rest { bytes: &bytes[used..], width: 4 };
    let selection = match (head.kind, head.version) {
        (kind @ (0 | 3), 1) => {
            rest.take(8)?;
            if kind == 0 { StoredSelection::None } else { StoredSelection::All }
        }
        (1, 1) => {
            let f: Version1 = rest.declared()?;
            rest.points(f.rank as usize, f.count.into())?
        }
        (1, 2) => {
            let f: Points2 = rest.declared()?;
            rest.width = f.width;
            let count = rest.finite()?;
            rest.points(f.rank as usize, count)?
        }
        (2, 1) => {
            let f: Version1 = rest.declared()?;
            rest.boxes(f.rank as usize, f.count.into())?
        }
        (2, 2) => {
            let f: Slab2 = rest.declared()?;
            rest.width = 8;
            rest.slab(f.flags, f.rank as usize)?
        }
        (2, 3) => {
            let f: Slab3 = rest.declared()?;
            rest.width = f.width;
            rest.slab(f.flags, f.rank as usize)?
        }
        (kind, version) => {
            return Err(Error::unsupported(format!("{STRUCTURE} of kind {kind}, version {version}")));
        }
    };
    Ok((selection, bytes.len() - rest.bytes.len()))
}

/// What is still to be decoded, and the width of its numbers.
struct Rest<'a> {
    bytes: &'a [u8],
    width: u8,
}

impl<'a> Rest<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let short = || Error::damaged("ends before its last field").in_structure(STRUCTURE);
        let (taken, rest) = self.bytes.split_at_checked(n).ok_or_else(short)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn declared<T: for<'b> binrw::BinRead<Args<'b> = ()>>(&mut self) -> Result<T> {
        let (value, used) = bytes::decode::<T>(self.bytes, (), STRUCTURE)?;
        self.take(used)?;
        Ok(value)
    }

    /// A number; `None` for all ones.
    fn number(&mut self) -> Result<Option<u64>> {
        let field = self.take(self.width.into())?;
        let w = Widths { length: self.width, ..Widths::EIGHT };
        Ok(bytes::decode::<Length>(field, w, STRUCTURE)?.0.0)
    }

    fn finite(&mut self) -> Result<u64> {
        self.number()?.ok_or_else(|| Error::damaged("a coordinate of all ones").in_structure(STRUCTURE))
    }

    fn coordinates(&mut self, rank: usize) -> Result<Vec<u64>> {
        (0..rank).map(|_| self.finite()).collect()
    }

    fn points(&mut self, rank: usize, count: u64) -> Result<StoredSelection> {
        let mut points = Vec::new();
        for _ in 0..count {
            points.push(self.coordinates(rank)?);
        }
        Ok(StoredSelection::Points { rank, points })
    }

    /// Boxes by their first and last elements.
    fn boxes(&mut self, rank: usize, count: u64) -> Result<StoredSelection> {
        let mut boxes = Vec::new();
        for _ in 0..count {
            let (first, last) = (self.coordinates(rank)?, self.coordinates(rank)?);
            if first.iter().zip(&last).any(|(a, b)| a > b) {
                let message = format!("a box from {first:?} to {last:?}");
                return Err(Error::damaged(message).in_structure(STRUCTURE));
            }
            boxes.push(first.iter().zip(&last).map(|(a, b)| *a..b + 1).collect());
        }
        Ok(StoredSelection::Boxes { rank, boxes })
    }

    fn slab(&mut self, flags: u8, rank: usize) -> Result<StoredSelection> {
        if flags & 1 == 0 {
            let count = self.finite()?;
            return self.boxes(rank, count);
        }
        let mut dims = Vec::with_capacity(rank);
        for _ in 0..rank {
            let (start, stride) = (self.finite()?, self.finite()?);
            dims.push(Blocks { start, stride, count: self.number()?, block: self.number()? });
        }
        Ok(StoredSelection::Regular(dims))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn u32s(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    fn same_when_cut(bytes: &[u8], wanted: &StoredSelection) {
        let (found, used) = decode(&[bytes, &[9; 3]].concat()).unwrap();
        assert_eq!((&found, used), (wanted, bytes.len()));
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn every_form_is_read() {
        same_when_cut(&u32s(&[3, 1, 0, 0]), &StoredSelection::All);
        same_when_cut(&u32s(&[0, 1, 0, 0]), &StoredSelection::None);
        let boxes = StoredSelection::Boxes { rank: 2, boxes: vec![vec![1..4, 2..3]] };
        same_when_cut(&u32s(&[2, 1, 0, 24, 2, 1, 1, 2, 3, 2]), &boxes);
        let points = StoredSelection::Points { rank: 2, points: vec![vec![5, 6], vec![1, 2]] };
        same_when_cut(&u32s(&[1, 1, 0, 24, 2, 2, 5, 6, 1, 2]), &points);
        let regular = |count, block| StoredSelection::Regular(vec![Blocks { start: 1, stride: 4, count, block }]);
        let mut v2 = [&u32s(&[2, 2])[..], &[1], &u32s(&[36, 1])].concat();
        v2.extend([1u64, 4, u64::MAX, 2].iter().flat_map(|n| n.to_le_bytes()));
        same_when_cut(&v2, &regular(None, Some(2)));
        let mut v3 = [&u32s(&[2, 3])[..], &[1, 2], &u32s(&[1])].concat();
        v3.extend([1u16, 4, 3, u16::MAX].iter().flat_map(|n| n.to_le_bytes()));
        same_when_cut(&v3, &regular(Some(3), None));
        let mut irregular = [&u32s(&[2, 3])[..], &[0, 2], &u32s(&[2])].concat();
        irregular.extend([1u16, 1, 2, 3, 2].iter().flat_map(|n| n.to_le_bytes()));
        same_when_cut(&irregular, &boxes);
    }

    #[test]
    fn boxes_that_end_before_they_begin_are_refused() {
        assert!(decode(&u32s(&[2, 1, 0, 24, 2, 1, 3, 2, 1, 2])).is_err());
        assert!(decode(&u32s(&[2, 1, 0, 24, 33, 1, 3, 2, 1, 2])).is_err());
        assert_eq!(decode(&u32s(&[4, 1, 0, 0])).unwrap_err().kind(), crate::ErrorKind::Unsupported);
    }
}
