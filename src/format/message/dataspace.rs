//! Dataspace message (IV.A.2.b): the shape of a dataset or attribute.

use crate::bytes::{self, Widths};
use crate::error::{Error, Result};
use crate::format::libver::LibVer;
use smallvec::SmallVec;

const STRUCTURE: &str = "dataspace";

/// The highest rank that the library allows.
pub(crate) const MAX_RANK: usize = 32;

/// The sizes of few dimensions: most shapes take no memory of their own.
pub(crate) type Dims = SmallVec<[u64; 2]>;

/// A shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dataspace {
    /// No elements at all.
    Null,
    /// One element, no dimensions.
    Scalar,
    /// An array.
    Simple {
        dims: Dims,
        /// How far each dimension may grow (`None`: without end); absent where it cannot.
        max: Option<Vec<Option<u64>>>,
    },
}

impl Dataspace {
    pub(crate) fn decode(body: &[u8], w: Widths) -> Result<Dataspace> {
        let wrong = |what: String| Error::damaged(what).in_structure(STRUCTURE);
        // By hand, not from a declaration: there is one in each dataset and each attribute.
        let &[version, rank, flags, space, ref rest @ ..] = body else {
            return Err(wrong("ends before its last field".into()));
        };
        match (version, rank, flags) {
            (0 | 3.., ..) => return Err(wrong(format!("version {version}"))),
            _ if usize::from(rank) > MAX_RANK => return Err(wrong(format!("rank {rank}"))),
            (.., 4..) => return Err(wrong(format!("flags {flags:#x}"))),
            (.., 2..) => return Err(Error::unsupported("permuted dimensions").in_structure(STRUCTURE)),
            _ => {}
        }
        let (rank, has_max) = (usize::from(rank), flags & 1 != 0);
        let reserved = if version == 1 { 4 } else { 0 };
        let size = rank * w.length() * if has_max { 2 } else { 1 };
        let Some(sizes) = rest.get(reserved..reserved + size) else {
            return Err(wrong("ends before its last field".into()));
        };
        match (version, space, rank) {
            (2, 2, _) => return Ok(Dataspace::Null),
            (2, 0, 1..) => return Err(wrong(format!("a scalar of rank {rank}"))),
            (2, 3.., _) => return Err(wrong(format!("space of kind {space}"))),
            (_, _, 0) => return Ok(Dataspace::Scalar),
            _ => {}
        }
        let size = |field| bytes::uint(field).ok_or_else(|| wrong("a dimension above 64 bits".into()));
        let mut sizes = sizes.chunks_exact(w.length()).map(size);
        let mut dims = Dims::with_capacity(rank);
        for size in sizes.by_ref().take(rank) {
            dims.push(size?.ok_or_else(|| wrong("a dimension without end".into()))?);
        }
        let max: Option<Vec<_>> = has_max.then(|| sizes.collect::<Result<_>>()).transpose()?;
        if max.iter().flatten().zip(&dims).any(|(max, &dim)| max.is_some_and(|m| m < dim)) {
            return Err(wrong(format!("shape {dims:?} beyond its maximum")));
        }
        let space = Dataspace::Simple { dims, max };
        if space.checked_len().is_none() {
            return Err(wrong(format!("shape {:?} of more than 2^64 elements", space.dims())));
        }
        Ok(space)
    }

    /// Encodes in version 2, or, where the bound asks for it and there are elements, in version 1.
    pub(crate) fn encode(&self, w: Widths, libver: LibVer) -> Result<Vec<u8>> {
        let (space, dims, max) = match self {
            Dataspace::Null => (2, &[][..], None),
            Dataspace::Scalar => (0, &[][..], None),
            Dataspace::Simple { dims, max } => (1, &dims[..], max.as_ref()),
        };
        let version = if libver == LibVer::Earliest && space != 2 { 1 } else { 2 };
        let mut out = Vec::with_capacity(8 + 2 * dims.len() * w.length());
        out.extend([version, dims.len() as u8, u8::from(max.is_some()), if version == 1 { 0 } else { space }]);
        if version == 1 {
            out.extend([0; 4]);
        }
        for size in dims.iter().map(|&d| Some(d)).chain(max.into_iter().flatten().copied()) {
            bytes::push_uint(&mut out, size, w.length(), STRUCTURE)?;
        }
        Ok(out)
    }

    /// The same with another shape of the same rank.
    pub(crate) fn with_dims(self, dims: &[u64]) -> Result<Dataspace> {
        let space = match self {
            // How far it can grow does not change, be it said or not.
            Dataspace::Simple { dims: old, max } if *dims != *old => {
                let max = max.or_else(|| Some(old.into_iter().map(Some).collect()));
                Dataspace::Simple { dims: Dims::from_slice(dims), max }
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
        let growing = Dataspace::Simple { dims: Dims::from_slice(&[0, 64]), max: Some(vec![None, Some(64)]) };
        for space in
            [Dataspace::Null, Dataspace::Scalar, growing, Dataspace::Simple { dims: Dims::from_slice(&[3]), max: None }]
        {
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
        let one =
            Dataspace::Simple { dims: Dims::from_slice(&[7]), max: None }.encode(Widths::EIGHT, LibVer::V18).unwrap();
        let w4 = Widths { offset: 4, length: 4 };
        let narrow = Dataspace::Simple { dims: Dims::from_slice(&[7]), max: None }.encode(w4, LibVer::V18).unwrap();
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
        let bad = Dataspace::Simple { dims: Dims::from_slice(&[1 << 40, 1 << 40]), max: None };
        let bad = bad.encode(Widths::EIGHT, LibVer::V18).unwrap();
        assert!(Dataspace::decode(&bad, Widths::EIGHT).is_err());
        assert!(Dataspace::decode(&[1, 33, 0, 0, 0, 0, 0, 0], Widths::EIGHT).is_err());
        assert!(Dataspace::decode(&[1, 1, 0], Widths::EIGHT).is_err());
    }
}
