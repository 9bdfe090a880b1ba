//! Dataspace message (IV.A.2.b): the shape of a dataset or attribute.

use crate::bytes::{self, Length, Widths};
use crate::error::{Error, Result};
use crate::format::libver::LibVer;
use binrw::binrw;

const STRUCTURE: &str = "dataspace";

/// The highest rank that the library allows.
pub(crate) const MAX_RANK: usize = 32;

/// A shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dataspace {
    /// No elements at all.
    Null,
    /// One element, no dimensions.
    Scalar,
    /// An array.
    Simple {
        dims: Vec<u64>,
        /// How far each dimension may grow (`None`: without end); absent where it cannot.
        max: Option<Vec<Option<u64>>>,
    },
}

#[binrw]
#[brw(little, import_raw(w: Widths))]
struct Fields {
    #[br(assert(matches!(version, 1 | 2), "version {version}"))]
    version: u8,
    #[br(assert(usize::from(rank) <= MAX_RANK, "rank {rank}"))]
    rank: u8,
    /// Bit 0: maximum dimensions are stored. Bit 1: permutation indices, which were never used.
    #[br(assert(flags & !3 == 0, "flags {flags:#x}"))]
    flags: u8,
    /// Version 2: 0 scalar, 1 simple, 2 null. Version 1: reserved.
    space: u8,
    #[br(if(version == 1))]
    reserved: Option<u32>,
    #[br(count = rank, args { inner: w })]
    #[bw(args_raw = w)]
    dims: Vec<Length>,
    #[br(if(flags & 1 != 0), count = rank, args { inner: w })]
    #[bw(args_raw = w, if(flags & 1 != 0))]
    max: Vec<Length>,
}

impl Dataspace {
    pub(crate) fn decode(body: &[u8], w: Widths) -> Result<Dataspace> {
        let wrong = |what: String| Error::damaged(what).in_structure(STRUCTURE);
        if let Some(plain) = Self::decode_plain(body, w) {
            return Ok(plain);
        }
        let (f, _) = bytes::decode::<Fields>(body, w, STRUCTURE)?;
        if f.flags & 2 != 0 {
            return Err(Error::unsupported("permuted dimensions").in_structure(STRUCTURE));
        }
        match (f.version, f.space, f.rank) {
            (2, 2, _) => return Ok(Dataspace::Null),
            (2, 0, 1..) => return Err(wrong(format!("a scalar of rank {}", f.rank))),
            (2, 3.., _) => return Err(wrong(format!("space of kind {}", f.space))),
            (_, _, 0) => return Ok(Dataspace::Scalar),
            _ => {}
        }
        let dims: Option<Vec<u64>> = f.dims.iter().map(|d| d.0).collect();
        let dims = dims.ok_or_else(|| wrong("a dimension without end".into()))?;
        let max: Vec<Option<u64>> = f.max.iter().map(|d| d.0).collect();
        if max.iter().zip(&dims).any(|(max, &dim)| max.is_some_and(|m| m < dim)) {
            return Err(wrong(format!("shape {dims:?} beyond its maximum")));
        }
        let space = Dataspace::Simple { dims, max: (f.flags & 1 != 0).then_some(max) };
        if space.checked_len().is_none() {
            return Err(wrong(format!("shape {:?} of more than 2^64 elements", space.dims())));
        }
        Ok(space)
    }

    /// What most attributes have, without a detour: a scalar, or one dimension.
    fn decode_plain(body: &[u8], w: Widths) -> Option<Dataspace> {
        let (space, dims) = match *body {
            [1, 0, 0, _, _, _, _, _, ..] | [2, 0, 0, 0, ..] => return Some(Dataspace::Scalar),
            [1, 1, 0, _, _, _, _, _, ref dims @ ..] | [2, 1, 0, 1, ref dims @ ..] => (w.length, dims),
            _ => return None,
        };
        let dim = dims.first_chunk().map(|d| u64::from_le_bytes(*d)).filter(|&d| space == 8 && d != u64::MAX)?;
        Some(Dataspace::Simple { dims: vec![dim], max: None })
    }

    /// Encodes in version 2, or, where the bound asks for it and there are elements, in version 1.
    pub(crate) fn encode(&self, w: Widths, libver: LibVer) -> Result<Vec<u8>> {
        let (space, dims, max) = match self {
            Dataspace::Null => (2, &[][..], None),
            Dataspace::Scalar => (0, &[][..], None),
            Dataspace::Simple { dims, max } => (1, &dims[..], max.as_ref()),
        };
        let version = if libver == LibVer::Earliest && space != 2 { 1 } else { 2 };
        let fields = Fields {
            version,
            rank: dims.len() as u8,
            flags: u8::from(max.is_some()),
            space: if version == 1 { 0 } else { space },
            reserved: (version == 1).then_some(0),
            dims: dims.iter().map(|&d| Length(Some(d))).collect(),
            max: max.into_iter().flatten().map(|&m| Length(m)).collect(),
        };
        bytes::encode(&fields, w, STRUCTURE)
    }

    /// The same with another shape of the same rank.
    pub(crate) fn with_dims(self, dims: Vec<u64>) -> Result<Dataspace> {
        let space = match self {
            // How far it can grow does not change, be it said or not.
            Dataspace::Simple { dims: old, max } if dims != old => {
                let max = max.or_else(|| Some(old.into_iter().map(Some).collect()));
                Dataspace::Simple { dims, max }
            }
            other => other,
        };
        if space.checked_len().is_none() {
            let message = format!("shape {:?} of more than 2^64 elements", space.dims());
            return Err(Error::damaged(message).in_structure(STRUCTURE));
        }
        Ok(space)
    }

    /// The current shape; empty for a scalar.
    pub(crate) fn dims(&self) -> &[u64] {
        match self {
            Dataspace::Simple { dims, .. } => dims,
            _ => &[],
        }
    }

    /// How far each dimension may grow: `None` without end. Where nothing is said it cannot.
    pub(crate) fn max_dims(&self) -> Vec<Option<u64>> {
        match self {
            Dataspace::Simple { max: Some(max), .. } => max.clone(),
            _ => self.dims().iter().map(|&d| Some(d)).collect(),
        }
    }

    fn checked_len(&self) -> Option<u64> {
        match self {
            Dataspace::Null => Some(0),
            _ if self.dims().contains(&0) => Some(0),
            _ => self.dims().iter().try_fold(1u64, |n, &d| n.checked_mul(d)),
        }
    }

    /// The number of elements.
    pub(crate) fn len(&self) -> u64 {
        self.checked_len().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_come_back_as_they_were() {
        let growing = Dataspace::Simple { dims: vec![0, 64], max: Some(vec![None, Some(64)]) };
        for space in [Dataspace::Null, Dataspace::Scalar, growing, Dataspace::Simple { dims: vec![3], max: None }] {
            for libver in [LibVer::Earliest, LibVer::V18] {
                let bytes = space.encode(Widths::EIGHT, libver).unwrap();
                assert_eq!(Dataspace::decode(&bytes, Widths::EIGHT).unwrap(), space);
                assert_eq!(bytes[0] == 1, libver == LibVer::Earliest && space != Dataspace::Null);
            }
        }
    }

    #[test]
    fn version_1_is_read() {
        let mut bytes = vec![1, 1, 1, 0, 0, 0, 0, 0];
        bytes.extend(10u64.to_le_bytes());
        bytes.extend([0xff; 8]);
        let space = Dataspace::decode(&bytes, Widths::EIGHT).unwrap();
        assert_eq!((space.dims(), space.max_dims()), (&[10][..], vec![None]));
    }

    #[test]
    fn what_is_decoded_by_hand_is_no_more_than_is_there() {
        let one = Dataspace::Simple { dims: vec![7], max: None }.encode(Widths::EIGHT, LibVer::V18).unwrap();
        let w4 = Widths { offset: 4, length: 4 };
        let narrow = Dataspace::Simple { dims: vec![7], max: None }.encode(w4, LibVer::V18).unwrap();
        assert_eq!(Dataspace::decode(&narrow, w4).unwrap().dims(), [7]);
        for (whole, w) in [(&one, Widths::EIGHT), (&narrow, w4)] {
            for cut in 0..whole.len() {
                assert!(Dataspace::decode(&whole[..cut], w).is_err());
            }
        }
        let endless = [&one[..4], &[0xff; 8]].concat();
        assert!(Dataspace::decode(&endless, Widths::EIGHT).is_err());
        assert!(Dataspace::decode(&[1, 0, 0, 0, 0, 0, 0], Widths::EIGHT).is_err());
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let bad = Dataspace::Simple { dims: vec![1 << 40, 1 << 40], max: None };
        let bad = bad.encode(Widths::EIGHT, LibVer::V18).unwrap();
        assert!(Dataspace::decode(&bad, Widths::EIGHT).is_err());
        assert!(Dataspace::decode(&[1, 33, 0, 0, 0, 0, 0, 0], Widths::EIGHT).is_err());
        assert!(Dataspace::decode(&[1, 1, 0], Widths::EIGHT).is_err());
    }
}
