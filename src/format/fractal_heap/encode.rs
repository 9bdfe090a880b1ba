//! A fractal heap that is written at once, and its blocks.

use super::{BlockPrefix, DIRECT, Fields, FractalHeap, HEADER, HugeFields, ID, INDIRECT, ManagedId};
use crate::bytes::{self, Address, Length, Widths, lookup3};
use crate::error::{Error, Result};

/// What differs between the heaps of links and of attributes, as libhdf5 makes them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    id_length: u16,
    start_size: u64,
    max_heap_bits: u16,
}

impl Form {
    pub(crate) const LINKS: Form = Form { id_length: 7, start_size: 512, max_heap_bits: 32 };
    pub(crate) const ATTRIBUTES: Form = Form { id_length: 8, start_size: 1024, max_heap_bits: 40 };
}

/// Larger objects get a place of their own.
pub(crate) const MAX_MANAGED: usize = 4096;

/// What is in a heap, for its header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    /// The root block, and the number of its rows: 0 if it is a direct one.
    pub(crate) root: Option<(Address, u16)>,
    /// Objects in blocks, and their bytes.
    pub(crate) managed: (u64, u64),
    /// Bytes of the direct blocks that there are.
    pub(crate) allocated: u64,
    /// The first offset behind them.
    pub(crate) iterator: u64,
    /// Objects with places of their own, and their bytes.
    pub(crate) huge: (u64, u64),
    pub(crate) huge_index: Option<Address>,
}

impl FractalHeap {
    /// A heap to be written, whose header will be at `address`.
    pub(crate) fn new(form: Form, address: Address, w: Widths) -> FractalHeap {
        let fields = Fields {
            version: 0,
            id_length: form.id_length,
            filter_length: 0,
            flags: 2,
            max_managed: MAX_MANAGED as u32,
            next_huge_id: 0,
            huge_index: None,
            managed_free: 0,
            free_space: None,
            statistics: Vec::new(),
            table_width: 4,
            start_size: form.start_size,
            max_direct_size: 64 << 10,
            max_heap_bits: form.max_heap_bits,
            start_rows: 1,
            root: None,
            root_rows: 0,
        };
        FractalHeap { fields, filters: Vec::new(), filtered_root: None, address, w }
    }

    /// The direct block that holds `offset`: where it begins, and its size.
    pub(crate) fn direct_at(&self, offset: u64) -> Result<(u64, u64)> {
        if offset >> self.fields.max_heap_bits != 0 {
            return Err(Error::limit("more than 4 GiB of links, or 1 TiB of attributes, in one object"));
        }
        let mut table = 0;
        loop {
            let (row, _, start) = self.place(offset - table);
            if row < self.direct_rows() {
                return Ok((table + start, self.row_size(row)));
            }
            table += start;
        }
    }

    /// How many rows the root needs to reach the block that holds `offset`.
    pub(crate) fn rows_to(&self, offset: u64) -> u16 {
        self.place(offset).0 as u16 + 1
    }

    /// The blocks of an indirect block that begins at `start`: where each begins, its size, and if it is indirect its
    /// number of rows.
    pub(crate) fn table(&self, start: u64, rows: u16) -> Vec<(u64, u64, Option<u16>)> {
        let mut blocks = Vec::new();
        let mut at = start;
        for row in 0..u32::from(rows) {
            let size = self.row_size(row);
            let below = (row >= self.direct_rows()).then(|| self.rows_below(row));
            for _ in 0..self.fields.table_width {
                blocks.push((at, size, below));
                at += size;
            }
        }
        blocks
    }

    /// Bytes for objects in all direct blocks that `rows` rows could have.
    fn room(&self, rows: u16) -> u64 {
        let prefix = self.direct_prefix_size() as u64;
        let block = |(_, size, below): &(u64, u64, Option<u16>)| below.map_or(size - prefix, |r| self.room(r));
        self.table(0, rows).iter().map(block).sum()
    }

    /// Encodes the header.
    pub(crate) fn encode(&self, content: &Content) -> Result<Vec<u8>> {
        let mut fields = self.fields.clone();
        let (objects, used) = content.managed;
        let (space, room) = match content.root {
            None => (0, 0),
            Some((_, 0)) => (self.fields.start_size, self.fields.start_size - self.direct_prefix_size() as u64),
            Some((_, rows)) => {
                let space = self.table(0, rows).last().map_or(0, |(start, size, _)| start + size);
                (space, self.room(rows))
            }
        };
        let (huge_objects, huge_bytes) = content.huge;
        fields.next_huge_id = huge_objects;
        fields.huge_index = content.huge_index;
        fields.managed_free = room.saturating_sub(used);
        let statistics = [space, content.allocated, content.iterator, objects, huge_bytes, huge_objects, 0, 0];
        fields.statistics = statistics.map(|n| Length(Some(n))).to_vec();
        fields.root = content.root.map(|(address, _)| address);
        fields.root_rows = content.root.map_or(0, |(_, rows)| rows);
        let mut out = bytes::encode(&fields, self.w, HEADER)?;
        bytes::seal(&mut out);
        Ok(out)
    }

    fn prefix(&self, signature: &[u8; 4], start: u64, structure: &'static str) -> Result<Vec<u8>> {
        let prefix = BlockPrefix { signature: *signature, version: 0, heap: self.address, offset: start };
        bytes::encode(&prefix, (self.w, self.offset_width()), structure)
    }

    /// Encodes the direct block that begins at `start`: its objects follow its prefix, the rest is free.
    pub(crate) fn encode_direct(&self, start: u64, size: u64, objects: &[u8]) -> Result<Vec<u8>> {
        let mut out = self.prefix(b"FHDB", start, DIRECT)?;
        let checksum = out.len();
        out.extend([0; 4]);
        out.extend_from_slice(objects);
        out.resize(size as usize, 0);
        let sum = lookup3(&out, 0);
        out[checksum..checksum + 4].copy_from_slice(&sum.to_le_bytes());
        Ok(out)
    }

    /// Encodes the indirect block that begins at `start`, with a place for every child of its table.
    pub(crate) fn encode_indirect(&self, start: u64, children: &[Option<Address>]) -> Result<Vec<u8>> {
        let mut out = self.prefix(b"FHIB", start, INDIRECT)?;
        for child in children {
            let child = Length(child.map(Address::get));
            out.extend(bytes::encode(&child, Widths { length: self.w.offset, ..self.w }, INDIRECT)?);
        }
        bytes::seal(&mut out);
        Ok(out)
    }

    /// The ID of an object in a direct block.
    pub(crate) fn encode_managed_id(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        let id = ManagedId { offset, length };
        let widths = (self.offset_width(), self.length_width());
        let mut out = vec![0];
        out.extend(bytes::encode(&id, widths, ID)?);
        out.resize(self.id_length(), 0);
        Ok(out)
    }

    /// The ID of an object with a place of its own, and its record in the B-tree of those.
    pub(crate) fn encode_huge(&self, address: Address, size: u64, key: u64) -> Result<(Vec<u8>, Vec<u8>)> {
        let fields = HugeFields { address, stored: size, mask: None, size: None };
        let fields = bytes::encode(&fields, (self.w, false), ID)?;
        let mut id = vec![1 << 4];
        let record = if self.ids_lead_to_huge() {
            id.extend_from_slice(&fields);
            fields
        } else {
            id.extend(key.to_le_bytes());
            [fields, bytes::encode(&Length(Some(key)), self.w, ID)?].concat()
        };
        id.resize(self.id_length(), 0);
        Ok((id, record))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HeapObject, Step};
    use super::*;

    #[test]
    fn blocks_follow_each_other_through_all_levels_of_the_table() {
        let heap = FractalHeap::new(Form::LINKS, Address(48), Widths::EIGHT);
        let (mut at, mut blocks) = (0, 0);
        while at < 3 << 20 {
            let (start, size) = heap.direct_at(at).unwrap();
            assert_eq!(start, at);
            assert_eq!(heap.direct_at(start + size - 1).unwrap(), (start, size));
            at += size;
            blocks += 1;
        }
        assert!(blocks > 60);
        assert!(heap.direct_at(1 << 32).is_err());
    }

    #[test]
    fn ids_and_blocks_are_read_back() {
        for form in [Form::LINKS, Form::ATTRIBUTES] {
            let heap = FractalHeap::new(form, Address(4096), Widths::EIGHT);
            let id = heap.encode_managed_id(0x1234, 77).unwrap();
            assert_eq!(heap.decode_id(&id).unwrap(), HeapObject::Managed { offset: 0x1234, length: 77 });
            let (id, record) = heap.encode_huge(Address(0x800), 5000, 9).unwrap();
            let huge = heap.decode_id(&id).unwrap();
            assert_eq!(heap.decode_huge(&record).unwrap().0, 9);
            assert_eq!(huge, HeapObject::Huge { key: 9 });
            let block = heap.encode_direct(512, 512, b"objects").unwrap();
            heap.check_direct(&block, 512).unwrap();
            let children = vec![Some(Address(99)); 8];
            let block = heap.encode_indirect(0, &children).unwrap();
            assert_eq!(block.len() as u64, heap.indirect_size(2));
            let step = heap.descend(&block, 2, 0, 100).unwrap();
            assert!(matches!(step, Step::Direct { address: Address(99), start: 0, .. }));
        }
    }

    /// The statistics that libhdf5 wrote for groups of soft links, counted there by hand.
    #[test]
    fn statistics_are_those_of_libhdf5() {
        let heap = FractalHeap::new(Form::LINKS, Address(48), Widths::EIGHT);
        let content = |rows, allocated, iterator, managed| Content {
            root: Some((Address(600), rows)),
            managed,
            allocated,
            iterator,
            ..Content::default()
        };
        for (content, free, space) in [
            (content(0, 512, 0, (9, 117)), 374, 512),
            (content(6, 8192, 12288, (9, 5526)), 59506, 65536),
            (content(16, 737_280, 737_280, (20_000, 728_890)), 66_215_250, 67_108_864),
        ] {
            let bytes = heap.encode(&content).unwrap();
            assert_eq!(bytes.len() as u64, FractalHeap::header_size(Widths::EIGHT));
            let back = FractalHeap::decode(&bytes, Address(48), Widths::EIGHT).unwrap();
            assert_eq!(back.fields.managed_free, free);
            assert_eq!(back.fields.statistics[0], Length(Some(space)));
        }
    }
}
