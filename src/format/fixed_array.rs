//! Fixed array (VII.C of format 3.0, "The Fixed Array Index"): the chunks of a dataset that cannot grow without end.
//!
//! A header, and one data block with an element for every chunk that there can ever be. Long ones are cut into pages,
//! each with a checksum of its own; a bitmap says which pages were ever written.

use crate::bytes::{self, Address, Length, Widths};
use crate::error::{Error, Result};
use binrw::binrw;

const HEADER: &str = "fixed array header";
const BLOCK: &str = "fixed array data block";

/// Pages of libhdf5's arrays have 2 to this power elements.
pub(crate) const PAGE_BITS: u8 = 10;

/// The header, up to its checksum.
#[binrw]
#[brw(little, magic = b"FAHD", import_raw(w: Widths))]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    /// 0: chunks without filters, 1: with.
    #[br(assert(client <= 1, "client {client}"))]
    pub(crate) client: u8,
    pub(crate) element_size: u8,
    /// Pages of 2 to this power.
    #[br(assert(page_bits < 32, "pages of 2^{page_bits}"))]
    pub(crate) page_bits: u8,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    pub(crate) elements: u64,
    /// Undefined where nothing was written.
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    pub(crate) block: Option<Address>,
}

/// What a data block begins with.
#[binrw]
#[brw(little, magic = b"FADB", import_raw(w: Widths))]
struct BlockPrefix {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    client: u8,
    #[brw(args_raw = w)]
    header: Address,
}

impl Header {
    pub(crate) fn size(w: Widths) -> u64 {
        (12 + w.length() + w.offset()) as u64
    }

    /// The header of an array of `elements` elements that libhdf5 makes for the chunks of a dataset; its block is to be
    /// set.
    pub(crate) fn new(client: u8, element_size: u8, elements: u64) -> Header {
        Header { version: 0, client, element_size, page_bits: PAGE_BITS, elements, block: None }
    }

    pub(crate) fn decode(bytes: &[u8], w: Widths) -> Result<Header> {
        Ok(bytes::decode(bytes::verified(bytes, HEADER)?, w, HEADER)?.0)
    }

    pub(crate) fn encode(&self, w: Widths) -> Result<Vec<u8>> {
        let mut out = bytes::encode(self, w, HEADER)?;
        bytes::seal(&mut out);
        Ok(out)
    }

    /// Elements of a page.
    pub(crate) fn page(&self) -> u64 {
        1 << self.page_bits
    }

    /// The number of pages; 0 where the block is not cut.
    pub(crate) fn pages(&self) -> u64 {
        if self.elements > self.page() { self.elements.div_ceil(self.page()) } else { 0 }
    }
}

/// Bytes of a data block before its elements or its bitmap.
pub(crate) fn block_prefix_size(w: Widths) -> u64 {
    (6 + w.offset()) as u64
}

/// Checks a data block (without pages: all of it; with: up to the checksum behind the bitmap) of the array at `header`
/// and returns what stands between its prefix and its checksum.
pub(crate) fn decode_block(bytes: &[u8], header: Address, w: Widths) -> Result<&[u8]> {
    let covered = bytes::verified(bytes, BLOCK)?;
    let (prefix, used) = bytes::decode::<BlockPrefix>(covered, w, BLOCK)?;
    if prefix.header != header {
        return Err(Error::damaged("belongs to another array").in_structure(BLOCK));
    }
    Ok(&covered[used..])
}

/// The reverse: a data block that begins with `contents` (all elements, or the bitmap of its pages), for the array at
/// `header`, up to its checksum.
pub(crate) fn encode_block(contents: &[u8], client: u8, header: Address, w: Widths) -> Result<Vec<u8>> {
    let mut out = bytes::encode(&BlockPrefix { version: 0, client, header }, w, BLOCK)?;
    out.extend_from_slice(contents);
    bytes::seal(&mut out);
    Ok(out)
}

/// Sets bit `n` of a bitmap that has it.
pub(crate) fn set_bit(bitmap: &mut [u8], n: u64) {
    if let Some(byte) = bitmap.get_mut((n / 8) as usize) {
        *byte |= 0x80 >> (n % 8);
    }
}

/// Whether bit `n` of a bitmap is set; the most significant bit comes first.
pub(crate) fn bit(bitmap: &[u8], n: u64) -> bool {
    bitmap.get((n / 8) as usize).is_some_and(|b| b << (n % 8) & 0x80 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_from_the_most_significant() {
        assert!(bit(&[0xc0], 0) && bit(&[0xc0], 1) && !bit(&[0xc0], 2) && !bit(&[0xc0], 8));
        assert!(bit(&[0, 0x10], 11));
        let mut bitmap = [0; 2];
        set_bit(&mut bitmap, 11);
        assert_eq!(bitmap, [0, 0x10]);
    }

    #[test]
    fn a_header_comes_back_as_it_was() {
        let header = Header { version: 0, client: 1, element_size: 15, page_bits: 10, elements: 4096, block: None };
        let mut bytes = bytes::encode(&header, Widths::EIGHT, HEADER).unwrap();
        bytes::seal(&mut bytes);
        assert_eq!(bytes.len() as u64, Header::size(Widths::EIGHT));
        assert_eq!(Header::decode(&bytes, Widths::EIGHT).unwrap(), header);
        assert_eq!(header.pages(), 4);
        let made = Header::new(1, 15, 4096);
        assert_eq!((made.encode(Widths::EIGHT).unwrap(), made), (bytes, header));
    }
}
