//! Global heap collection (III.E): the data of variable-length elements and region references, many objects in one block.

use crate::bytes::{self, Address, Length, Widths, padded_to_8};
use crate::error::{Error, Result};
use binrw::binrw;
use std::ops::Range;

const STRUCTURE: &str = "global heap collection";

/// libhdf5 makes no smaller collection.
pub(crate) const MIN_SIZE: u64 = 4096;

#[binrw]
#[brw(little, magic = b"GCOL", import_raw(w: Widths))]
struct Header {
    #[br(assert(version == 1, "version {version}"))]
    version: u8,
    reserved: [u8; 3],
    /// Of the whole collection, this header included.
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    size: u64,
}

#[binrw]
#[brw(little, import_raw(w: Widths))]
struct ObjectHeader {
    /// 0 is the free space at the end.
    index: u16,
    /// libhdf5 writes 0, whatever the specification says; ignored.
    reference_count: u16,
    reserved: u32,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    size: u64,
}

/// Bytes of a collection's header, padded to 8.
pub(crate) fn header_size(w: Widths) -> u64 {
    (8 + w.length() as u64).next_multiple_of(8)
}

/// Bytes of an object's header, padded to 8.
fn object_header_size(w: Widths) -> u64 {
    header_size(w)
}

/// The size of the collection that `bytes` begins with.
pub(crate) fn decode_size(bytes: &[u8], w: Widths) -> Result<u64> {
    let (header, _) = bytes::decode::<Header>(bytes, w, STRUCTURE)?;
    if header.size < header_size(w) {
        return Err(Error::damaged(format!("a size of {} bytes", header.size)).in_structure(STRUCTURE));
    }
    Ok(header.size)
}

/// Where each object of a whole collection lies in it: index and range, in the order of their places.
pub(crate) fn decode_objects(bytes: &[u8], w: Widths) -> Result<Vec<(u16, Range<usize>)>> {
    let mut objects = Vec::with_capacity(bytes.len() / 40);
    let mut at = header_size(w) as usize;
    // A tail too short for an object's header is free space without one.
    while let Some(rest) = bytes.get(at..).filter(|r| r.len() as u64 >= object_header_size(w)) {
        let (index, size) = decode_object(rest, w)?;
        if index == 0 {
            break;
        }
        let start = at + object_header_size(w) as usize;
        let end = usize::try_from(size).ok().and_then(|n| start.checked_add(n)).filter(|&e| e <= bytes.len());
        let end = end.ok_or_else(|| {
            Error::damaged(format!("object {index} of {size} bytes runs past the end")).in_structure(STRUCTURE)
        })?;
        objects.push((index, start..end));
        at = padded_to_8(end as u64).map_or(usize::MAX, |n| n as usize);
    }
    Ok(objects)
}

/// Index and size of the object whose header `bytes` begins with.
fn decode_object(bytes: &[u8], w: Widths) -> Result<(u16, u64)> {
    // As with references to them, nearly all look like this.
    if let (8, Some(&[a, b, _, _, _, _, _, _, ref size @ ..])) = (w.length, bytes.first_chunk::<16>()) {
        let size = size.first_chunk().map_or(u64::MAX, |s| u64::from_le_bytes(*s));
        if size != u64::MAX {
            return Ok((u16::from_le_bytes([a, b]), size));
        }
    }
    let (object, _) = bytes::decode::<ObjectHeader>(bytes, w, STRUCTURE)?;
    Ok((object.index, object.size))
}

/// Builds one collection. Objects get the indexes 1, 2, 3 ….
pub(crate) struct Collection {
    bytes: Vec<u8>,
    count: u16,
    w: Widths,
}

impl Collection {
    pub(crate) fn new(w: Widths) -> Collection {
        Collection { bytes: vec![0; header_size(w) as usize], count: 0, w }
    }

    /// Bytes so far, and with one more object of `data` bytes.
    pub(crate) fn size_with(&self, data: usize) -> u64 {
        (self.bytes.len() + data).next_multiple_of(8) as u64 + object_header_size(self.w)
    }

    /// How many there are.
    pub(crate) fn objects(&self) -> u32 {
        self.count.into()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.count == u16::MAX
    }

    /// Adds an object and returns its index; the caller has asked [`is_full`](Collection::is_full).
    pub(crate) fn push(&mut self, data: &[u8]) -> Result<u32> {
        let w = self.w;
        self.count =
            self.count.checked_add(1).ok_or_else(|| Error::limit("65,535 objects in one global heap collection"))?;
        let header = ObjectHeader { index: self.count, reference_count: 0, reserved: 0, size: data.len() as u64 };
        self.bytes.extend(bytes::encode(&header, w, STRUCTURE)?);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        self.bytes.extend_from_slice(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        Ok(self.count.into())
    }

    /// The whole collection of at least `size` bytes, its free space at the end declared.
    pub(crate) fn encode(mut self, size: u64) -> Result<Vec<u8>> {
        let w = self.w;
        let used = self.bytes.len() as u64;
        let size = used.max(size).max(MIN_SIZE);
        if size - used >= object_header_size(w) {
            let free = ObjectHeader { index: 0, reference_count: 0, reserved: 0, size: size - used };
            self.bytes.extend(bytes::encode(&free, w, STRUCTURE)?);
        }
        self.bytes.resize(size as usize, 0);
        let header = bytes::encode(&Header { version: 1, reserved: [0; 3], size }, w, STRUCTURE)?;
        self.bytes[..header.len()].copy_from_slice(&header);
        Ok(self.bytes)
    }
}

/// The reference to an object of a collection, as variable-length elements and region references hold it.
#[binrw]
#[brw(little, import_raw(w: Widths))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HeapId {
    /// 0 or undefined where there is no object.
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    pub(crate) collection: Option<Address>,
    pub(crate) index: u32,
}

impl HeapId {
    #[inline]
    pub(crate) fn decode(bytes: &[u8], w: Widths) -> Result<HeapId> {
        // Millions of them are decoded in a row, and nearly all look like this.
        if let (Widths::EIGHT, Some((at, [a, b, c, d, ..]))) = (w, bytes.split_first_chunk::<8>()) {
            let at = u64::from_le_bytes(*at);
            return Ok(HeapId {
                collection: (at != u64::MAX).then_some(Address(at)),
                index: u32::from_le_bytes([*a, *b, *c, *d]),
            });
        }
        Ok(bytes::decode(bytes, w, "global heap reference")?.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_come_back_empty_ones_too() {
        let mut c = Collection::new(Widths::EIGHT);
        for data in [&b"one"[..], b"", b"three..."] {
            c.push(data).unwrap();
        }
        let bytes = c.encode(0).unwrap();
        assert_eq!(bytes.len() as u64, MIN_SIZE);
        assert_eq!(decode_size(&bytes, Widths::EIGHT).unwrap(), MIN_SIZE);
        let objects = decode_objects(&bytes, Widths::EIGHT).unwrap();
        let data: Vec<_> = objects.iter().map(|(i, r)| (*i, &bytes[r.clone()])).collect();
        assert_eq!(data, [(1, &b"one"[..]), (2, b""), (3, b"three...")]);
    }

    #[test]
    fn what_is_decoded_by_hand_is_what_the_declaration_says() {
        for (at, index) in [(0u64, 0u32), (4096, 7), (u64::MAX, 1 << 20)] {
            let bytes = [&at.to_le_bytes()[..], &index.to_le_bytes(), &[9]].concat();
            let (declared, _) = bytes::decode::<HeapId>(&bytes, Widths::EIGHT, "test").unwrap();
            assert_eq!(HeapId::decode(&bytes, Widths::EIGHT).unwrap(), declared);
            assert!(HeapId::decode(&bytes[..11], Widths::EIGHT).is_err());
        }
        for size in [0u64, 100, 1 << 40] {
            let bytes = [&[7, 1, 2, 3, 0, 0, 0, 0][..], &size.to_le_bytes()].concat();
            let (declared, _) = bytes::decode::<ObjectHeader>(&bytes, Widths::EIGHT, "test").unwrap();
            assert_eq!(decode_object(&bytes, Widths::EIGHT).unwrap(), (declared.index, declared.size));
        }
        assert!(decode_object(&[0xff; 16], Widths::EIGHT).is_err());
    }

    #[test]
    fn an_object_may_not_run_past_its_collection() {
        let mut c = Collection::new(Widths::EIGHT);
        c.push(b"data").unwrap();
        let mut bytes = c.encode(0).unwrap();
        bytes[24..32].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(decode_objects(&bytes, Widths::EIGHT).is_err());
        bytes[24..32].copy_from_slice(&4090u64.to_le_bytes());
        assert!(decode_objects(&bytes, Widths::EIGHT).is_err());
    }
}
