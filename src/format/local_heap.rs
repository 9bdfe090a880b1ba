//! Local heap (III.D): the names of an old-style group.

use crate::bytes::{self, Address, Length, Widths};
use crate::error::{Error, Result};
use binrw::binrw;

const STRUCTURE: &str = "local heap";

/// A local heap's header; its data segment may stand elsewhere.
#[binrw]
#[brw(little, magic = b"HEAP", import_raw(w: Widths))]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LocalHeap {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    reserved: [u8; 3],
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    pub(crate) data_size: u64,
    /// The first free block: 1 (what libhdf5 writes) or all ones where there is none.
    #[brw(args_raw = w)]
    free_list: Length,
    #[brw(args_raw = w)]
    pub(crate) data: Address,
}

impl LocalHeap {
    /// Bytes of the header, padded to 8.
    pub(crate) fn size(w: Widths) -> u64 {
        (8 + 2 * w.length() + w.offset()).next_multiple_of(8) as u64
    }

    /// A heap without free blocks.
    pub(crate) fn full(data: Address, data_size: u64) -> LocalHeap {
        LocalHeap { version: 0, reserved: [0; 3], data_size, free_list: Length(Some(1)), data }
    }

    pub(crate) fn encode(&self, w: Widths) -> Result<Vec<u8>> {
        let mut header = bytes::encode(self, w, STRUCTURE)?;
        header.resize(Self::size(w) as usize, 0);
        Ok(header)
    }

    pub(crate) fn decode(bytes: &[u8], w: Widths) -> Result<LocalHeap> {
        Ok(bytes::decode(bytes, w, STRUCTURE)?.0)
    }

    /// A full heap that lies at `at`: its header, with the data segment behind it.
    pub(crate) fn encode_full(segment: &[u8], at: Address, w: Widths) -> Result<Vec<u8>> {
        const NO_FREE_BLOCK: u64 = 1;
        let header = LocalHeap {
            version: 0,
            reserved: [0; 3],
            data_size: segment.len() as u64,
            free_list: Length(Some(NO_FREE_BLOCK)),
            data: at.plus(Self::size(w))?,
        };
        Ok([&header.encode(w)?, segment].concat())
    }
}

/// Appends a name to a data segment and returns its offset there.
pub(crate) fn push_string(segment: &mut Vec<u8>, name: &[u8]) -> u64 {
    let offset = segment.len();
    segment.extend_from_slice(name);
    segment.push(0);
    segment.resize(segment.len().next_multiple_of(8), 0);
    offset as u64
}

/// The string at `offset` of a data segment, without its NUL.
pub(crate) fn string_at(segment: &[u8], offset: u64) -> Result<&[u8]> {
    let rest = usize::try_from(offset).ok().and_then(|o| segment.get(o..)).filter(|r| !r.is_empty());
    let rest = rest.ok_or_else(|| {
        Error::damaged(format!("a name at offset {offset} of {} bytes", segment.len())).in_structure(STRUCTURE)
    })?;
    let end = rest.iter().position(|&b| b == 0);
    end.map(|e| &rest[..e])
        .ok_or_else(|| Error::damaged(format!("the name at offset {offset} has no end")).in_structure(STRUCTURE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let mut segment = Vec::new();
        let offsets = [&b""[..], b"seven b", b"eight by", b"x"].map(|n| push_string(&mut segment, n));
        assert_eq!((offsets, segment.len()), ([0, 8, 16, 32], 40));
        assert_eq!(string_at(&segment, 16).unwrap(), b"eight by");
        let heap = LocalHeap::encode_full(&segment, Address(0x320), Widths::EIGHT).unwrap();
        let header = LocalHeap::decode(&heap, Widths::EIGHT).unwrap();
        assert_eq!((header.data, header.data_size), (Address(0x340), 40));
        assert_eq!(heap[32..], segment);
    }

    #[test]
    fn names_end_inside_the_segment() {
        let segment = b"\0\0\0\0\0\0\0\0images\0\0la";
        assert_eq!(string_at(segment, 0).unwrap(), b"");
        assert_eq!(string_at(segment, 8).unwrap(), b"images");
        assert!(string_at(segment, 16).is_err());
        assert!(string_at(segment, 18).is_err());
        assert!(string_at(segment, u64::MAX).is_err());
    }
}
