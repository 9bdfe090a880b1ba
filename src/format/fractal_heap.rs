//! Fractal heap (III.G): the objects of dense groups and attributes, found by heap ID.
//!
//! Its space is a doubling table: rows of `width` blocks, the first two rows with blocks of the starting size, each
//! further row twice as large. Blocks up to the maximum direct size hold objects; larger ones are indirect, tables
//! again. An object's offset counts from the heap's start, headers of blocks included.

use crate::bytes::{self, Address, Length, Widths, bytes_needed, read_sized, write_sized};
use crate::error::{Error, Result};
use binrw::binrw;

mod encode;

pub(crate) use encode::{Content, Form, MAX_MANAGED};

const HEADER: &str = "fractal heap header";
const DIRECT: &str = "fractal heap direct block";
const INDIRECT: &str = "fractal heap indirect block";
const ID: &str = "fractal heap ID";

/// The header, up to its checksum.
#[binrw]
#[brw(little, magic = b"FRHP", import_raw(w: Widths))]
#[derive(Clone, Debug, PartialEq)]
struct Fields {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    id_length: u16,
    filter_length: u16,
    /// Bit 0: huge IDs have wrapped. Bit 1: direct blocks have checksums.
    flags: u8,
    max_managed: u32,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    next_huge_id: u64,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    huge_index: Option<Address>,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    managed_free: u64,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    free_space: Option<Address>,
    /// Managed space, allocated space, iterator offset, managed objects, huge size, huge objects, tiny size, tiny objects.
    #[br(count = 8, args { inner: w })]
    #[bw(args_raw = w)]
    statistics: Vec<Length>,
    table_width: u16,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    start_size: u64,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    max_direct_size: u64,
    max_heap_bits: u16,
    start_rows: u16,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    root: Option<Address>,
    /// 0: the root is a direct block.
    root_rows: u16,
}

/// A heap: what its header says, checked.
#[derive(Clone, Debug)]
pub(crate) struct FractalHeap {
    fields: Fields,
    pub(crate) address: Address,
    w: Widths,
}

/// What a heap ID leads to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum HeapObject {
    /// In the blocks of the heap.
    Managed { offset: u64, length: u64 },
    /// In a block of its own, found through a B-tree by this key.
    Huge { key: u64 },
    /// In the ID itself.
    Tiny(Vec<u8>),
}

/// Where to go on looking for an offset of the heap.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// The direct block at this address, of this size, which begins at this offset of the heap.
    Direct { address: Address, size: u64, start: u64 },
    /// The indirect block at this address, with so many rows.
    Indirect { address: Address, rows: u16, start: u64 },
}

impl FractalHeap {
    pub(crate) fn header_size(w: Widths) -> u64 {
        (26 + 3 * w.offset() + 12 * w.length()) as u64
    }

    /// Decodes the header at `address`; `bytes` are just the header.
    pub(crate) fn decode(bytes: &[u8], address: Address, w: Widths) -> Result<FractalHeap> {
        let covered = bytes.split_last_chunk::<4>().map_or(bytes, |(c, _)| c);
        let (fields, _) = bytes::decode::<Fields>(covered, w, HEADER)?;
        if fields.filter_length != 0 {
            return Err(Error::unsupported("filtered fractal heap blocks").in_structure(HEADER));
        }
        bytes::verified(bytes, HEADER)?;
        let wrong = |what: String| Err(Error::damaged(what).in_structure(HEADER));
        let Fields { table_width: width, start_size: start, max_direct_size: max, max_heap_bits: bits, .. } = fields;
        if !width.is_power_of_two() || width > 1 << 15 {
            return wrong(format!("a table {width} blocks wide"));
        }
        if !start.is_power_of_two() || !max.is_power_of_two() || start > max || max > 1 << 32 {
            return wrong(format!("blocks from {start} to {max} bytes"));
        }
        if !(1..=64).contains(&bits) || fields.root_rows > 64 {
            return wrong(format!("{bits} bits of space, {} rows", fields.root_rows));
        }
        Ok(FractalHeap { fields, address, w })
    }

    /// Bytes of an offset in IDs and blocks.
    fn offset_width(&self) -> usize {
        usize::from(self.fields.max_heap_bits).div_ceil(8)
    }

    /// Bytes of a length in IDs.
    fn length_width(&self) -> usize {
        let direct = (self.fields.max_direct_size.ilog2() as usize).div_ceil(8);
        direct.min(bytes_needed(self.fields.max_managed.into()))
    }

    pub(crate) fn id_length(&self) -> usize {
        self.fields.id_length.into()
    }

    pub(crate) fn huge_index(&self) -> Option<Address> {
        self.fields.huge_index
    }

    /// What a heap ID says.
    pub(crate) fn decode_id(&self, id: &[u8]) -> Result<HeapObject> {
        let wrong = |what: String| Error::damaged(what).in_structure(ID);
        let Some((&flags, rest)) = id.split_first() else {
            return Err(wrong("no bytes".into()));
        };
        if flags >> 6 != 0 {
            return Err(wrong(format!("version {}", flags >> 6)));
        }
        match flags >> 4 & 3 {
            0 => {
                let (id, _) = bytes::decode::<ManagedId>(rest, (self.offset_width(), self.length_width()), ID)?;
                Ok(HeapObject::Managed { offset: id.offset, length: id.length })
            }
            1 => {
                if rest.len() >= self.w.offset() + self.w.length() {
                    return Err(
                        Error::unsupported("directly addressed huge objects in a fractal heap").in_structure(ID)
                    );
                }
                let key = rest.iter().take(8).rev().fold(0, |n, &b| n << 8 | u64::from(b));
                Ok(HeapObject::Huge { key })
            }
            2 => {
                let (length, data) = if self.id_length() - 1 > 17 {
                    let (&low, data) = rest.split_first().ok_or_else(|| wrong("too short".into()))?;
                    ((usize::from(flags & 15) << 8 | usize::from(low)) + 1, data)
                } else {
                    (usize::from(flags & 15) + 1, rest)
                };
                let data = data.get(..length).ok_or_else(|| wrong(format!("a tiny object of {length} bytes")))?;
                Ok(HeapObject::Tiny(data.to_vec()))
            }
            kind => Err(wrong(format!("kind {kind}"))),
        }
    }

    /// Where the search for a managed object begins.
    pub(crate) fn root(&self) -> Result<Step> {
        let address =
            self.fields.root.ok_or_else(|| Error::damaged("an object in an empty heap").in_structure(HEADER))?;
        Ok(match self.fields.root_rows {
            0 => Step::Direct { address, size: self.fields.start_size, start: 0 },
            rows => Step::Indirect { address, rows, start: 0 },
        })
    }

    /// Size of the blocks of a row.
    fn row_size(&self, row: u32) -> u64 {
        self.fields.start_size.checked_shl(row.saturating_sub(1)).unwrap_or(u64::MAX)
    }

    /// Rows of direct blocks, before those of indirect ones.
    fn direct_rows(&self) -> u32 {
        self.fields.max_direct_size.ilog2() - self.fields.start_size.ilog2() + 2
    }

    /// Rows of an indirect block that stands in a row.
    fn rows_below(&self, row: u32) -> u16 {
        let first = self.fields.start_size.ilog2() + u32::from(self.fields.table_width).ilog2();
        (self.row_size(row).ilog2().saturating_sub(first) + 1) as u16
    }

    /// The row and column of `offset` in a table that begins at offset 0, and the offset where that block begins.
    fn place(&self, offset: u64) -> (u32, u64, u64) {
        let row_bytes = self.fields.start_size * u64::from(self.fields.table_width);
        if offset < row_bytes {
            let column = offset / self.fields.start_size;
            return (0, column, column * self.fields.start_size);
        }
        let row = offset.ilog2() - row_bytes.ilog2() + 1;
        let start = row_bytes << (row - 1);
        let column = (offset - start) / self.row_size(row);
        (row, column, start + column * self.row_size(row))
    }

    /// Bytes of an indirect block of `rows` rows.
    pub(crate) fn indirect_size(&self, rows: u16) -> u64 {
        let entries = u64::from(rows) * u64::from(self.fields.table_width);
        (5 + self.w.offset() + self.offset_width() + 4) as u64 + entries * self.w.offset() as u64
    }

    /// The next step towards `offset` from the indirect block that begins at `start` with `rows` rows.
    pub(crate) fn descend(&self, block: &[u8], rows: u16, start: u64, offset: u64) -> Result<Step> {
        let wrong = |what: String| Error::damaged(what).in_structure(INDIRECT);
        let covered = bytes::verified(block, INDIRECT)?;
        let (prefix, used) = bytes::decode::<BlockPrefix>(covered, (self.w, self.offset_width()), INDIRECT)?;
        if prefix.signature != *b"FHIB" || prefix.heap != self.address || prefix.offset != start {
            return Err(wrong("belongs to another heap or place".into()));
        }
        let within = offset.checked_sub(start).ok_or_else(|| wrong("an offset before its block".into()))?;
        let (row, column, block_start) = self.place(within);
        if row >= u32::from(rows) {
            return Err(wrong(format!("offset {offset} lies in row {row} of {rows}")));
        }
        let entry = (u64::from(row) * u64::from(self.fields.table_width) + column) as usize * self.w.offset();
        let entry = covered.get(used + entry..).ok_or_else(|| wrong("ends before its last entry".into()))?;
        let (child, _) = bytes::decode::<Address>(entry, self.w, INDIRECT)?;
        let start = start + block_start;
        Ok(if row < self.direct_rows() {
            Step::Direct { address: child, size: self.row_size(row), start }
        } else {
            Step::Indirect { address: child, rows: self.rows_below(row), start }
        })
    }

    /// Checks a direct block; the caller then finds objects in it at their offset minus the block's.
    pub(crate) fn check_direct(&self, block: &[u8], start: u64) -> Result<()> {
        let (prefix, used) = bytes::decode::<BlockPrefix>(block, (self.w, self.offset_width()), DIRECT)?;
        if prefix.signature != *b"FHDB" || prefix.heap != self.address || prefix.offset != start {
            return Err(Error::damaged("belongs to another heap or place").in_structure(DIRECT));
        }
        if self.fields.flags & 2 != 0 {
            let (stored, _) = bytes::decode::<u32>(&block[used..], (), DIRECT)?;
            // The checksum covers the block with its own four bytes zero.
            let mut copy = block.to_vec();
            copy[used..used + 4].fill(0);
            bytes::verify_lookup3(&copy, stored, DIRECT)?;
        }
        Ok(())
    }

    /// Bytes of a direct block before its first object.
    pub(crate) fn direct_prefix_size(&self) -> usize {
        5 + self.w.offset() + self.offset_width() + if self.fields.flags & 2 != 0 { 4 } else { 0 }
    }
}

#[binrw]
#[brw(little, import(offset_width: usize, length_width: usize))]
struct ManagedId {
    #[br(parse_with = read_sized, args(offset_width))]
    #[bw(write_with = write_sized, args(offset_width))]
    offset: u64,
    #[br(parse_with = read_sized, args(length_width))]
    #[bw(write_with = write_sized, args(length_width))]
    length: u64,
}

/// What direct and indirect blocks begin with.
#[binrw]
#[brw(little, import(w: Widths, offset_width: usize))]
struct BlockPrefix {
    signature: [u8; 4],
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    #[brw(args_raw = w)]
    heap: Address,
    #[br(parse_with = read_sized, args(offset_width))]
    #[bw(write_with = write_sized, args(offset_width))]
    offset: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The heap of a group as libhdf5 makes it.
    fn group_heap() -> FractalHeap {
        let fields = Fields {
            version: 0,
            id_length: 7,
            filter_length: 0,
            flags: 2,
            max_managed: 4096,
            next_huge_id: 0,
            huge_index: None,
            managed_free: 0,
            free_space: None,
            statistics: vec![Length(Some(0)); 8],
            table_width: 4,
            start_size: 512,
            max_direct_size: 65536,
            max_heap_bits: 32,
            start_rows: 1,
            root: None,
            root_rows: 0,
        };
        FractalHeap { fields, address: Address(0), w: Widths::EIGHT }
    }

    #[test]
    fn the_doubling_table_of_a_group_is_that_of_libhdf5() {
        let heap = group_heap();
        assert_eq!((heap.offset_width(), heap.length_width()), (4, 2));
        assert_eq!(heap.direct_rows(), 9);
        assert_eq!(heap.rows_below(9), 7);
        assert_eq!(heap.place(0), (0, 0, 0));
        assert_eq!(heap.place(2047), (0, 3, 1536));
        assert_eq!(heap.place(2048), (1, 0, 2048));
        assert_eq!(heap.place(4096), (2, 0, 4096));
        assert_eq!(heap.place(4096 + 1024 * 3 + 5), (2, 3, 4096 + 3072));
    }

    #[test]
    fn ids_say_where_an_object_lies() {
        let heap = group_heap();
        let id = [0, 0x10, 2, 0, 0, 33, 0];
        assert_eq!(heap.decode_id(&id).unwrap(), HeapObject::Managed { offset: 0x210, length: 33 });
        assert_eq!(heap.decode_id(&[0x10, 3, 0, 0, 0, 0, 0]).unwrap(), HeapObject::Huge { key: 3 });
        assert_eq!(heap.decode_id(&[0x21, 7, 8, 0, 0, 0, 0]).unwrap(), HeapObject::Tiny(vec![7, 8]));
        assert!(heap.decode_id(&[0x40; 7]).is_err());
        assert!(heap.decode_id(&[]).is_err());
    }
}
