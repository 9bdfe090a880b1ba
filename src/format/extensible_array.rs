//! Extensible array (format 3.0, "Extensible Array Index"): the chunks of a dataset with one unlimited dimension.
//!
//! The first elements stand in the index block. Those behind are in data blocks that grow: super block u stands for
//! 2^(u/2) data blocks of 2^((u+1)/2) times the smallest number of elements. The data blocks of the first super blocks
//! are listed in the index block itself. Large data blocks are cut into pages as those of a fixed array.

use crate::bytes::{self, Address, Length, Widths, read_sized, write_sized};
use crate::error::{Error, Result};
use crate::format::message::layout::ExtensibleArrayParameters;
use binrw::binrw;

const HEADER: &str = "extensible array header";

/// The header, up to its checksum. The order of the two minima is not that of the layout message.
#[binrw]
#[brw(little, magic = b"EAHD", import_raw(w: Widths))]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    /// 0: chunks without filters, 1: with.
    #[br(assert(client <= 1, "client {client}"))]
    pub(crate) client: u8,
    pub(crate) element_size: u8,
    #[br(assert((1..=64).contains(&max_bits), "{max_bits} bits of index"))]
    pub(crate) max_bits: u8,
    pub(crate) index_elements: u8,
    #[br(assert(min_elements.is_power_of_two(), "data blocks of {min_elements} elements"))]
    pub(crate) min_elements: u8,
    #[br(assert(min_pointers.is_power_of_two(), "{min_pointers} data blocks"))]
    pub(crate) min_pointers: u8,
    #[br(assert(page_bits < 32, "pages of 2^{page_bits}"))]
    pub(crate) page_bits: u8,
    /// Super blocks, their bytes, data blocks, their bytes, one more than the highest index set, elements with room.
    #[br(count = 6, args { inner: w })]
    #[bw(args_raw = w)]
    statistics: Vec<Length>,
    /// Undefined where nothing was written.
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    pub(crate) index_block: Option<Address>,
}

impl Header {
    pub(crate) fn size(w: Widths) -> u64 {
        (16 + 6 * w.length() + w.offset()) as u64
    }

    pub(crate) fn decode(bytes: &[u8], w: Widths) -> Result<Header> {
        let (header, _) = bytes::decode::<Header>(bytes::verified(bytes, HEADER)?, w, HEADER)?;
        if u32::from(header.max_bits) < header.min_elements.ilog2() {
            return Err(Error::damaged("data blocks larger than the array").in_structure(HEADER));
        }
        Ok(header)
    }

    /// The header of an empty array that libhdf5 makes for the chunks of a dataset.
    pub(crate) fn new(client: u8, element_size: u8, parameters: &ExtensibleArrayParameters) -> Header {
        Header {
            version: 0,
            client,
            element_size,
            max_bits: parameters.max_bits,
            index_elements: parameters.index_elements,
            min_elements: parameters.min_elements,
            min_pointers: parameters.min_pointers,
            page_bits: parameters.page_bits,
            statistics: vec![Length(Some(0)); 6],
            index_block: None,
        }
    }

    /// Says what the array consists of, in the order of the fields.
    pub(crate) fn set_statistics(&mut self, statistics: [u64; 6]) {
        self.statistics = statistics.into_iter().map(|n| Length(Some(n))).collect();
    }

    pub(crate) fn encode(&self, w: Widths) -> Result<Vec<u8>> {
        let mut out = bytes::encode(self, w, HEADER)?;
        bytes::seal(&mut out);
        Ok(out)
    }

    /// One more than the highest index that is set.
    pub(crate) fn used(&self) -> u64 {
        self.statistics.get(4).and_then(|n| n.0).unwrap_or(0)
    }

    /// The number of super blocks that there can be.
    pub(crate) fn super_blocks(&self) -> u32 {
        1 + u32::from(self.max_bits) - self.min_elements.ilog2()
    }

    /// The first super blocks, whose data blocks are listed in the index block.
    pub(crate) fn unfolded(&self) -> u32 {
        (2 * self.min_pointers.ilog2()).min(self.super_blocks())
    }

    /// Addresses of data blocks in the index block.
    pub(crate) fn index_pointers(&self) -> u64 {
        (0..self.unfolded()).map(data_blocks).sum()
    }

    /// Addresses of super blocks in the index block.
    pub(crate) fn super_pointers(&self) -> u64 {
        u64::from(self.super_blocks() - self.unfolded())
    }

    /// Elements of each data block of super block `u`.
    pub(crate) fn block_elements(&self, u: u32) -> u64 {
        u64::from(self.min_elements).saturating_mul(1u64.checked_shl(u.div_ceil(2)).unwrap_or(u64::MAX))
    }

    /// Elements of a page.
    pub(crate) fn page(&self) -> u64 {
        1 << self.page_bits
    }

    /// Pages of a data block of `elements`; 0 where it is not cut.
    pub(crate) fn pages(&self, elements: u64) -> u64 {
        if elements > self.page() { elements.div_ceil(self.page()) } else { 0 }
    }

    /// Bytes of a block's offset.
    fn offset_width(&self) -> usize {
        usize::from(self.max_bits).div_ceil(8)
    }

    /// Bytes of a block before its contents: index blocks have no offset.
    pub(crate) fn prefix_size(&self, kind: Block, w: Widths) -> u64 {
        (6 + w.offset() + if kind == Block::Index { 0 } else { self.offset_width() }) as u64
    }

    /// Checks a block of the array at `at` (up to its first checksum) and returns what stands between its prefix and
    /// that checksum.
    pub(crate) fn decode_block<'a>(&self, bytes: &'a [u8], kind: Block, at: Address, w: Widths) -> Result<&'a [u8]> {
        let (signature, structure) = kind.names();
        let covered = bytes::verified(bytes, structure)?;
        let width = if kind == Block::Index { 0 } else { self.offset_width() };
        let (prefix, used) = bytes::decode::<BlockPrefix>(covered, (w, width), structure)?;
        // The offset is not held against the block's place: libhdf5 writes another one below the index block.
        if prefix.signature != *signature || prefix.header != at {
            return Err(Error::damaged("belongs to another array, or is another block").in_structure(structure));
        }
        Ok(&covered[used..])
    }
}

/// The reverse of [`Header::decode_block`]: a block of the array at `at` with what it contains, up to its first checksum.
impl Header {
    pub(crate) fn encode_block(
        &self,
        kind: Block,
        at: Address,
        offset: u64,
        contents: &[u8],
        w: Widths,
    ) -> Result<Vec<u8>> {
        let (signature, structure) = kind.names();
        let width = if kind == Block::Index { 0 } else { self.offset_width() };
        let prefix = BlockPrefix { signature: *signature, version: 0, client: self.client, header: at, offset };
        let mut out = bytes::encode(&prefix, (w, width), structure)?;
        out.extend_from_slice(contents);
        bytes::seal(&mut out);
        Ok(out)
    }
}

/// The number of data blocks of super block `u`.
pub(crate) fn data_blocks(u: u32) -> u64 {
    1u64.checked_shl(u / 2).unwrap_or(u64::MAX)
}

/// The blocks of an extensible array.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Block {
    Index,
    Super,
    Data,
}

impl Block {
    fn names(self) -> (&'static [u8; 4], &'static str) {
        match self {
            Block::Index => (b"EAIB", "extensible array index block"),
            Block::Super => (b"EASB", "extensible array super block"),
            Block::Data => (b"EADB", "extensible array data block"),
        }
    }
}

#[binrw]
#[brw(little, import(w: Widths, offset_width: usize))]
struct BlockPrefix {
    signature: [u8; 4],
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    client: u8,
    #[brw(args_raw = w)]
    header: Address,
    #[br(parse_with = read_sized, args(offset_width))]
    #[bw(write_with = write_sized, args(offset_width))]
    offset: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocks_of_the_usual_array_are_those_of_libhdf5() {
        let header = Header::new(0, 8, &ExtensibleArrayParameters::USUAL);
        assert_eq!(header.super_blocks(), 29);
        assert_eq!((header.index_pointers(), header.super_pointers()), (6, 25));
        let first: Vec<_> = (0..4).map(|u| (data_blocks(u), header.block_elements(u))).collect();
        assert_eq!(first, [(1, 16), (1, 32), (2, 32), (2, 64)]);
        assert_eq!((data_blocks(13), header.block_elements(13), header.pages(2048)), (64, 2048, 2));
    }
}
