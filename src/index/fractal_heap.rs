//! Finding the objects of a fractal heap.

use super::btree2::Tree;
use crate::bytes::{Address, Widths, decode};
use crate::error::{Context, Error, Result};
use crate::format::fractal_heap::{FractalHeap, HeapObject, Step};
use crate::io::Reader;
use std::collections::HashMap;
use std::sync::Arc;

/// The most bytes of one object in a block of its own.
const MAX_OBJECT: u64 = 64 << 20;

/// The objects of one heap. Direct blocks are kept while it lives: many objects share one.
pub(crate) struct Objects {
    reader: Reader,
    heap: FractalHeap,
    /// Checked direct blocks by the offset where they begin.
    blocks: HashMap<u64, Arc<[u8]>>,
}

impl Objects {
    /// Reads the heap's header at `at`.
    pub(crate) fn open(reader: &Reader, at: Address) -> Result<Objects> {
        let w = reader.widths();
        let size = FractalHeap::header_size(w);
        let bytes = reader.metadata(at, size).in_structure("fractal heap header")?;
        let heap = FractalHeap::decode(&bytes, at, w).at(at.get())?;
        Ok(Objects { reader: reader.clone(), heap, blocks: HashMap::new() })
    }

    /// The object that `id` names.
    pub(crate) fn get(&mut self, id: &[u8]) -> Result<Vec<u8>> {
        match self.heap.decode_id(id)? {
            HeapObject::Tiny(data) => Ok(data),
            HeapObject::Managed { offset, length } => self.managed(offset, length),
            HeapObject::Huge { key } => self.huge(key),
        }
    }

    fn managed(&mut self, offset: u64, length: u64) -> Result<Vec<u8>> {
        let wrong = |what: String| Error::damaged(what).in_structure("fractal heap ID");
        let mut step = self.heap.root()?;
        loop {
            match step {
                Step::Indirect { address, rows, start } => {
                    let size = self.heap.indirect_size(rows);
                    let block = self.reader.metadata(address, size).in_structure("fractal heap indirect block")?;
                    let next = self.heap.descend(&block, rows, start, offset).at(address.get())?;
                    // A table inside a table is smaller, or the way would not end.
                    if let Step::Indirect { rows: below, .. } = next
                        && below >= rows
                    {
                        return Err(wrong(format!("a table of {below} rows inside one of {rows}")).at(address.get()));
                    }
                    step = next;
                }
                Step::Direct { address, size, start } => {
                    let block = self.direct(address, size, start)?;
                    let from = offset.checked_sub(start).and_then(|o| usize::try_from(o).ok());
                    let from = from.filter(|&o| o >= self.heap.direct_prefix_size());
                    let data = from.and_then(|o| block.get(o..)?.get(..usize::try_from(length).ok()?));
                    let data = data.ok_or_else(|| wrong(format!("{length} bytes at {offset} leave their block")))?;
                    return Ok(data.to_vec());
                }
            }
        }
    }

    fn direct(&mut self, address: Address, size: u64, start: u64) -> Result<Arc<[u8]>> {
        if let Some(block) = self.blocks.get(&start) {
            return Ok(block.clone());
        }
        let bytes = self.reader.metadata(address, size).in_structure("fractal heap direct block")?;
        self.heap.check_direct(&bytes, start).at(address.get())?;
        let block: Arc<[u8]> = Arc::from(&bytes[..]);
        self.blocks.insert(start, block.clone());
        Ok(block)
    }

    /// An object in a block of its own: version 2 B-tree records of kind 1 say where (III.A.2).
    fn huge(&self, key: u64) -> Result<Vec<u8>> {
        let wrong = |what: String| Error::damaged(what).in_structure("fractal heap ID");
        let w = self.reader.widths();
        let index = self.heap.huge_index().ok_or_else(|| wrong(format!("huge object {key} without an index")))?;
        let tree = Tree::open(&self.reader, index, 1)?;
        let found = tree.find(&mut |record| Ok(HugeRecord::decode(record, w)?.key.cmp(&key)))?;
        let record = found.ok_or_else(|| wrong(format!("huge object {key} is not in the index")))?;
        let record = HugeRecord::decode(&record, w)?;
        if record.length > MAX_OBJECT {
            return Err(Error::limit(format!("a heap object of {} bytes", record.length)));
        }
        Ok(self.reader.metadata(record.address, record.length)?.to_vec())
    }
}

/// A huge object without filters.
#[binrw::binrw]
#[brw(little, import_raw(w: Widths))]
struct HugeRecord {
    #[brw(args_raw = w)]
    address: Address,
    #[br(parse_with = crate::bytes::Length::read_finite, args(w))]
    #[bw(write_with = crate::bytes::Length::write_finite, args(w))]
    length: u64,
    #[br(parse_with = crate::bytes::Length::read_finite, args(w))]
    #[bw(write_with = crate::bytes::Length::write_finite, args(w))]
    key: u64,
}

impl HugeRecord {
    fn decode(bytes: &[u8], w: Widths) -> Result<HugeRecord> {
        Ok(decode(bytes, w, "version 2 B-tree record of a huge object")?.0)
    }
}
