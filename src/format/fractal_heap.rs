//! Fractal heap (III.G): the objects of dense groups and attributes, found by heap ID.
//!
//! Its space is a doubling table: rows of `width` blocks, the first two rows with blocks of the starting size, each
//! further row twice as large. Blocks up to the maximum direct size hold objects; larger ones are indirect, tables
//! again. An object's offset counts from the heap's start, headers of blocks included.

use super::message::filter_pipeline::{self, FilterInfo};
use crate::bytes::{self, Address, Length, Widths, bytes_needed, read_sized, write_sized};
use crate::error::{Context, Error, Result};
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

/// What follows in the header of a heap whose blocks go through filters; the filter pipeline message comes behind it.
#[binrw]
#[brw(little, import_raw(w: Widths))]
#[derive(Clone, Copy, Debug, PartialEq)]
struct FilteredRoot {
    /// Of a direct block that is the root.
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    size: u64,
    mask: u32,
}

/// How a block or an object is stored where filters apply: bytes in the file, and the filters that were skipped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Filtered {
    pub(crate) stored: u64,
    pub(crate) mask: u32,
}

/// A heap: what its header says, checked.
#[derive(Clone, Debug)]
pub(crate) struct FractalHeap {
    fields: Fields,
    /// What direct blocks and huge objects go through; empty for most heaps.
    filters: Vec<FilterInfo>,
    /// With filters: how the root is stored if it is a direct block.
    filtered_root: Option<Filtered>,
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
    /// In a block of its own, at this address.
    HugeAt(HugeObject),
    /// In the ID itself.
    Tiny(Vec<u8>),
}

/// Where a huge object is: in the ID itself, or in a record of a version 2 B-tree (III.A.2, kinds 1 to 4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HugeObject {
    pub(crate) address: Address,
    /// Bytes of the object.
    pub(crate) size: u64,
    pub(crate) filtered: Option<Filtered>,
}

/// What records and IDs hold of a huge object: with filters two more fields.
#[binrw]
#[brw(little, import(w: Widths, filtered: bool))]
struct HugeFields {
    #[brw(args_raw = w)]
    address: Address,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    stored: u64,
    #[br(if(filtered))]
    mask: Option<u32>,
    #[br(if(filtered), args_raw = w)]
    #[bw(args_raw = w)]
    size: Option<Length>,
}

/// A record of kind 1 or 2: a huge object, and the key that IDs name it by.
#[binrw]
#[brw(little, import(w: Widths, filtered: bool))]
struct HugeRecord {
    #[brw(args(w, filtered))]
    fields: HugeFields,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    key: u64,
}

impl HugeFields {
    fn resolved(self, structure: &'static str) -> Result<HugeObject> {
        let HugeFields { address, stored, mask, size } = self;
        let (Some(mask), Some(size)) = (mask, size) else {
            return Ok(HugeObject { address, size: stored, filtered: None });
        };
        let size = size.0.ok_or_else(|| Error::damaged("a size of all ones").in_structure(structure))?;
        Ok(HugeObject { address, size, filtered: Some(Filtered { stored, mask }) })
    }
}

/// Where to go on looking for an offset of the heap.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// The direct block at this address, of this size, which begins at this offset of the heap.
    Direct { address: Address, size: u64, start: u64, filtered: Option<Filtered> },
    /// The indirect block at this address, with so many rows.
    Indirect { address: Address, rows: u16, start: u64 },
}

impl FractalHeap {
    pub(crate) fn header_size(w: Widths) -> u64 {
        (26 + 3 * w.offset() + 12 * w.length()) as u64
    }

    /// Bytes of the header that `start` begins, which must have [`header_size`](Self::header_size) bytes: with filters it
    /// is longer.
    pub(crate) fn whole_header_size(start: &[u8], w: Widths) -> u64 {
        let filter_length = start.get(7..9).map_or(0, |b| u64::from(u16::from_le_bytes([b[0], b[1]])));
        let more = if filter_length == 0 { 0 } else { w.length() as u64 + 4 + filter_length };
        Self::header_size(w) + more
    }

    /// Decodes the header at `address`; `bytes` are just the header.
    pub(crate) fn decode(bytes: &[u8], address: Address, w: Widths) -> Result<FractalHeap> {
        let covered = bytes.split_last_chunk::<4>().map_or(bytes, |(c, _)| c);
        let (fields, used) = bytes::decode::<Fields>(covered, w, HEADER)?;
        bytes::verified(bytes, HEADER)?;
        let (mut filters, mut filtered_root) = (Vec::new(), None);
        if fields.filter_length != 0 {
            let (root, more) = bytes::decode::<FilteredRoot>(&covered[used..], w, HEADER)?;
            filtered_root = Some(Filtered { stored: root.size, mask: root.mask });
            filters = filter_pipeline::decode(&covered[used + more..]).in_structure(HEADER)?;
        }
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
        Ok(FractalHeap { fields, filters, filtered_root, address, w })
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

    /// What direct blocks and huge objects go through, in the order of writing.
    pub(crate) fn filters(&self) -> &[FilterInfo] {
        &self.filters
    }

    fn is_filtered(&self) -> bool {
        self.filtered_root.is_some()
    }

    /// Whether IDs have room for where a huge object is: then no number leads there.
    pub(crate) fn ids_lead_to_huge(&self) -> bool {
        let more = if self.is_filtered() { 4 + self.w.length() } else { 0 };
        self.id_length().saturating_sub(1) >= self.w.offset() + self.w.length() + more
    }

    /// The kind of the records that the index of huge objects has, where IDs are too short for an address.
    pub(crate) fn huge_kind(&self) -> u8 {
        if self.is_filtered() { 2 } else { 1 }
    }

    /// A record of that kind: the key of an object, and where it is.
    pub(crate) fn decode_huge(&self, record: &[u8]) -> Result<(u64, HugeObject)> {
        const RECORD: &str = "version 2 B-tree record of a huge object";
        let (record, _) = bytes::decode::<HugeRecord>(record, (self.w, self.is_filtered()), RECORD)?;
        Ok((record.key, record.fields.resolved(RECORD)?))
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
                let (offset, length) = (self.offset_width(), self.length_width());
                // Millions of them are decoded in a row.
                if let Some((a, b)) =
                    rest.get(..offset + length).filter(|_| offset <= 8 && length <= 8).map(|r| r.split_at(offset))
                {
                    let number = |b: &[u8]| b.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
                    return Ok(HeapObject::Managed { offset: number(a), length: number(b) });
                }
                let (id, _) = bytes::decode::<ManagedId>(rest, (offset, length), ID)?;
                Ok(HeapObject::Managed { offset: id.offset, length: id.length })
            }
            1 => {
                if self.ids_lead_to_huge() {
                    let (huge, _) = bytes::decode::<HugeFields>(rest, (self.w, self.is_filtered()), ID)?;
                    return Ok(HeapObject::HugeAt(huge.resolved(ID)?));
                }
                let key = rest.iter().take(8).rev().fold(0, |n, &b| n << 8 | u64::from(b));
                Ok(HeapObject::Huge { key })
            }
            2 => {
                let (length, data) = if self.id_length() > 18 {
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
            0 => Step::Direct { address, size: self.fields.start_size, start: 0, filtered: self.filtered_root },
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

    /// Bytes of an entry for a direct block, which says with filters how the block is stored.
    fn direct_entry_size(&self) -> usize {
        self.w.offset() + if self.is_filtered() { self.w.length() + 4 } else { 0 }
    }

    /// Bytes of the first `rows` rows of an indirect block; those of direct blocks come first.
    fn rows_size(&self, rows: u32) -> usize {
        let direct = rows.min(self.direct_rows()) as usize;
        let width = usize::from(self.fields.table_width);
        (direct * self.direct_entry_size() + (rows as usize - direct) * self.w.offset()) * width
    }

    /// Bytes of an indirect block of `rows` rows.
    pub(crate) fn indirect_size(&self, rows: u16) -> u64 {
        (5 + self.w.offset() + self.offset_width() + 4 + self.rows_size(rows.into())) as u64
    }

    /// Checks an indirect block against its checksum.
    pub(crate) fn check_indirect(&self, block: &[u8]) -> Result<()> {
        bytes::verified(block, INDIRECT).map(drop)
    }

    /// The next step towards `offset` from the indirect block that begins at `start` with `rows` rows. The block has been
    /// [checked](Self::check_indirect).
    pub(crate) fn descend(&self, block: &[u8], rows: u16, start: u64, offset: u64) -> Result<Step> {
        let wrong = |what: String| Error::damaged(what).in_structure(INDIRECT);
        let covered = block.split_last_chunk::<4>().map_or(block, |(c, _)| c);
        let (prefix, used) = bytes::decode::<BlockPrefix>(covered, (self.w, self.offset_width()), INDIRECT)?;
        if prefix.signature != *b"FHIB" || prefix.heap != self.address || prefix.offset != start {
            return Err(wrong("belongs to another heap or place".into()));
        }
        let within = offset.checked_sub(start).ok_or_else(|| wrong("an offset before its block".into()))?;
        let (row, column, block_start) = self.place(within);
        if row >= u32::from(rows) {
            return Err(wrong(format!("offset {offset} lies in row {row} of {rows}")));
        }
        let direct = row < self.direct_rows();
        let entry_size = if direct { self.direct_entry_size() } else { self.w.offset() };
        let at = used + self.rows_size(row) + column as usize * entry_size;
        let entry = covered.get(at..).ok_or_else(|| wrong("ends before its last entry".into()))?;
        let (address, more) = bytes::decode::<Address>(entry, self.w, INDIRECT)?;
        let start = start + block_start;
        if !direct {
            return Ok(Step::Indirect { address, rows: self.rows_below(row), start });
        }
        let mut filtered = None;
        if self.is_filtered() {
            let (stored, _) = bytes::decode::<FilteredRoot>(&entry[more..], self.w, INDIRECT)?;
            filtered = Some(Filtered { stored: stored.size, mask: stored.mask });
        }
        Ok(Step::Direct { address, size: self.row_size(row), start, filtered })
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
        FractalHeap { fields, filters: Vec::new(), filtered_root: None, address: Address(0), w: Widths::EIGHT }
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

    #[test]
    fn long_ids_hold_the_address_of_a_huge_object() {
        let mut heap = group_heap();
        heap.fields.id_length = 17;
        let id = [&[0x10][..], &80u64.to_le_bytes(), &5000u64.to_le_bytes()].concat();
        let plain = HugeObject { address: Address(80), size: 5000, filtered: None };
        assert_eq!(heap.decode_id(&id).unwrap(), HeapObject::HugeAt(plain));
        // With filters an ID of 17 bytes is too short for that: its first 8 are a key.
        let filtered = Filtered { stored: 300, mask: 2 };
        heap.filtered_root = Some(filtered);
        assert_eq!(heap.decode_id(&id).unwrap(), HeapObject::Huge { key: 80 });
        heap.fields.id_length = 29;
        let (stored, mask, size) = (300u64.to_le_bytes(), 2u32.to_le_bytes(), 5000u64.to_le_bytes());
        let id = [&[0x10][..], &80u64.to_le_bytes(), &stored, &mask, &size].concat();
        let huge = HugeObject { filtered: Some(filtered), ..plain };
        assert_eq!(heap.decode_id(&id).unwrap(), HeapObject::HugeAt(huge));
        assert!(heap.decode_id(&id[..28]).is_err());
        let record = [&id[1..], &7u64.to_le_bytes()].concat();
        assert_eq!(heap.decode_huge(&record).unwrap(), (7, huge));
        assert!(heap.decode_huge(&record[..35]).is_err());
    }

    #[test]
    fn tiny_objects_may_be_longer_than_16_bytes_where_ids_are() {
        let mut heap = group_heap();
        heap.fields.id_length = 40;
        let mut id = vec![0x20, 29];
        id.extend(0..30);
        assert_eq!(heap.decode_id(&id).unwrap(), HeapObject::Tiny((0..30).collect()));
        assert!(heap.decode_id(&id[..31]).is_err());
        // IDs of 18 bytes still have the short form.
        heap.fields.id_length = 18;
        id[0] = 0x2f;
        assert_eq!(heap.decode_id(&id).unwrap(), HeapObject::Tiny([&[29][..], &id[2..17]].concat()));
    }

    #[test]
    fn entries_of_filtered_blocks_are_wider() {
        let mut heap = group_heap();
        assert_eq!(heap.indirect_size(10), 21 + 40 * 8);
        heap.filtered_root = Some(Filtered { stored: 1, mask: 0 });
        assert_eq!(heap.indirect_size(10), 21 + 36 * 20 + 4 * 8);
    }
}
