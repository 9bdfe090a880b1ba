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
    pub(crate) fn size(w: Widths) -> u64 {
        (8 + 2 * w.length() + w.offset()) as u64
    }

    /// A heap without free blocks.
    pub(crate) fn full(data: Address, data_size: u64) -> LocalHeap {
        LocalHeap { version: 0, reserved: [0; 3], data_size, free_list: Length(Some(1)), data }
    }

    pub(crate) fn encode(&self, w: Widths) -> Result<Vec<u8>> {
        bytes::encode(self, w, STRUCTURE)
    }

    pub(crate) fn decode(bytes: &[u8], w: Widths) -> Result<LocalHeap> {
        Ok(bytes::decode(bytes, w, STRUCTURE)?.0)
    }
}

/// The data segment of a new heap: strings, each with a NUL and padded to a multiple of 8.
pub(crate) struct Segment(Vec<u8>);

impl Segment {
    /// The empty string at offset 0, which stands before all names, and nothing else.
    pub(crate) fn new() -> Segment {
        Segment(vec![0; 8])
    }

    /// Adds a string and returns its offset.
    pub(crate) fn push(&mut self, string: &[u8]) -> u64 {
        let offset = self.0.len();
        self.0.extend_from_slice(string);
        self.0.resize((offset + string.len() + 1).next_multiple_of(8), 0);
        offset as u64
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
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
    fn strings_are_found_where_they_were_pushed() {
        let mut segment = Segment::new();
        let names = ["images", "1234567", "12345678", ""];
        let offsets = names.map(|n| segment.push(n.as_bytes()));
        assert_eq!(offsets, [8, 16, 24, 40]);
        for (name, offset) in names.iter().zip(offsets) {
            assert_eq!(string_at(segment.bytes(), offset).unwrap(), name.as_bytes());
        }
        let heap = LocalHeap::full(Address(96), 48);
        let bytes = heap.encode(Widths::EIGHT).unwrap();
        assert_eq!(bytes.len() as u64, LocalHeap::size(Widths::EIGHT));
        assert_eq!(LocalHeap::decode(&bytes, Widths::EIGHT).unwrap(), heap);
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
