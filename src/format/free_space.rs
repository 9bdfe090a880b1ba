//! Free-space manager (III.H): what of a fractal heap, or of the file, is free. A header, and a list of sections by size.
//!
//! The widths of numbers in the list follow from the header: counts are as wide as the number of sections needs, sizes as
//! the largest section, places as the bits of an address.

use crate::bytes::{self, Address, Length, Widths, bytes_needed};
use crate::error::{Error, Result};
use binrw::binrw;

const HEADER: &str = "free-space manager header";
const LIST: &str = "free-space section list";

/// The header, up to its checksum.
#[binrw]
#[brw(little, magic = b"FSHD", import_raw(w: Widths))]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    /// 0 a fractal heap, 1 the file.
    #[br(assert(client <= 1, "client {client}"))]
    pub(crate) client: u8,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    pub(crate) free: u64,
    /// Of all sections, of those in the list, and of those that are not.
    #[br(count = 3, args { inner: w })]
    #[bw(args_raw = w)]
    counts: Vec<Length>,
    classes: u16,
    shrink_percent: u16,
    expand_percent: u16,
    address_bits: u16,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    largest: u64,
    /// Undefined where no section is in the list.
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    pub(crate) list: Option<Address>,
    /// Bytes of the list that are used, its checksum included.
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    pub(crate) used: u64,
    /// Bytes of the list, with room to grow.
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    pub(crate) allocated: u64,
}

/// A run of free bytes: its address in the file, or its offset in a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) at: u64,
    pub(crate) size: u64,
    pub(crate) class: u8,
}

/// What a list begins with.
#[binrw]
#[brw(little, magic = b"FSSE", import_raw(w: Widths))]
struct ListPrefix {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    #[brw(args_raw = w)]
    header: Address,
}

impl Header {
    pub(crate) fn size(w: Widths) -> u64 {
        (18 + 7 * w.length() + w.offset()) as u64
    }

    pub(crate) fn decode(bytes: &[u8], w: Widths) -> Result<Header> {
        Ok(bytes::decode(bytes::verified(bytes, HEADER)?, w, HEADER)?.0)
    }

    /// The widths of counts, of sizes and of places.
    pub(crate) fn widths(&self) -> [usize; 3] {
        let listed = self.counts.get(1).and_then(|n| n.0).unwrap_or(0);
        [bytes_needed(listed), bytes_needed(self.largest), usize::from(self.address_bits).div_ceil(8).clamp(1, 8)]
    }

    /// The other width of sizes: libhdf5 1.8.0 and before wrote one byte less where the largest size is a power of 256.
    /// Only the end of the list tells.
    pub(crate) fn old_size_width(&self) -> usize {
        bytes_needed(self.largest.saturating_sub(1))
    }

    /// Bytes that a section of a class has behind its class: the first row of a heap's indirect block says which one.
    pub(crate) fn class_bytes(&self, class: u8) -> usize {
        if self.client == 0 && matches!(class, 1 | 3) { self.widths()[2] + 6 } else { 0 }
    }
}

/// The sections of a list: `bytes` are those that are used, `at` is where the manager's header stands.
pub(crate) fn decode_list(bytes: &[u8], header: &Header, at: Address, w: Widths) -> Result<Vec<Section>> {
    let covered = bytes::verified(bytes, LIST)?;
    let (prefix, used) = bytes::decode::<ListPrefix>(covered, w, LIST)?;
    if prefix.header != at {
        return Err(Error::damaged("belongs to another manager").in_structure(LIST));
    }
    let [count, size, place] = header.widths();
    let rest = covered.get(used..).unwrap_or_default();
    sections(rest, header, [count, size, place]).or_else(|e| {
        let old = [count, header.old_size_width(), place];
        sections(rest, header, old).map_err(|_| e)
    })
}

/// Sections are grouped by their size: a count, the size, and for each a place, a class and what the class has.
fn sections(mut rest: &[u8], header: &Header, [count, size, place]: [usize; 3]) -> Result<Vec<Section>> {
    let mut found = Vec::new();
    if rest.is_empty() {
        return Ok(found);
    }
    let mut number = |width: usize| {
        let (field, behind) =
            rest.split_at_checked(width).ok_or_else(|| Error::damaged("ends inside a section").in_structure(LIST))?;
        rest = behind;
        Ok::<_, Error>((field.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)), behind.len()))
    };
    loop {
        let (sections, _) = number(count)?;
        let (size, mut left) = number(size)?;
        for _ in 0..sections {
            let (at, _) = number(place)?;
            let class;
            (class, left) = number(1)?;
            let class = class as u8;
            for _ in 0..header.class_bytes(class) {
                (_, left) = number(1)?;
            }
            found.push(Section { at, size, class });
        }
        if left == 0 {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(largest: u64) -> Header {
        Header {
            version: 0,
            client: 0,
            free: 359,
            counts: vec![Length(Some(1)), Length(Some(1)), Length(Some(0))],
            classes: 4,
            shrink_percent: 80,
            expand_percent: 120,
            address_bits: 32,
            largest,
            list: Some(Address(3690)),
            used: 26,
            allocated: 64,
        }
    }

    fn list(size_width: usize) -> Vec<u8> {
        let mut bytes = b"FSSE\0".to_vec();
        bytes.extend(3608u64.to_le_bytes());
        bytes.push(1);
        bytes.extend(&359u64.to_le_bytes()[..size_width]);
        bytes.extend([0x99, 0, 0, 0, 0]);
        bytes::seal(&mut bytes);
        bytes
    }

    #[test]
    fn a_header_comes_back_as_it_was() {
        let mut bytes = bytes::encode(&header(65536), Widths::EIGHT, HEADER).unwrap();
        bytes::seal(&mut bytes);
        assert_eq!(bytes.len() as u64, Header::size(Widths::EIGHT));
        assert_eq!(Header::decode(&bytes, Widths::EIGHT).unwrap(), header(65536));
        bytes[10] ^= 1;
        assert!(Header::decode(&bytes, Widths::EIGHT).is_err());
    }

    #[test]
    fn sizes_are_as_wide_as_the_library_of_their_time_made_them() {
        let section = Section { at: 0x99, size: 359, class: 0 };
        for width in [2, 3] {
            let found = decode_list(&list(width), &header(65536), Address(3608), Widths::EIGHT);
            assert_eq!(found.unwrap(), [section], "{width}");
        }
        assert!(decode_list(&list(3), &header(65536), Address(8), Widths::EIGHT).is_err());
        assert!(decode_list(&list(4), &header(65536), Address(3608), Widths::EIGHT).is_err());
    }
}
