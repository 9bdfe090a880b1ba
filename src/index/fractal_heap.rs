//! Finding the objects of a fractal heap.

use super::btree2::Tree;
use crate::bytes::{Address, zeroed};
use crate::error::{Context, Error, Result};
use crate::filters::{Pipeline, Scratch};
use crate::format::fractal_heap::{Filtered, FractalHeap, HeapObject, HugeObject, Step};
use crate::io::Reader;
use std::sync::Arc;

/// The most bytes of one object in a block of its own, and of one block.
const MOST_BYTES: u64 = 64 << 20;

/// The objects of one heap.
///
/// Blocks that have been checked, and unfiltered, are kept with the pages of the file: many objects share one, and
/// whoever opens the same heap again finds them.
pub(crate) struct Objects {
    reader: Reader,
    heap: FractalHeap,
    pipeline: Pipeline,
    scratch: Scratch,
    /// The direct block used last, by the offset where it begins.
    last: Option<(u64, Arc<Vec<u8>>)>,
}

impl Objects {
    /// Reads the heap's header at `at`.
    pub(crate) fn open(reader: &Reader, at: Address) -> Result<Objects> {
        const STRUCTURE: &str = "fractal heap header";
        let w = reader.widths();
        let size = FractalHeap::header_size(w);
        let mut bytes = reader.metadata(at, size).in_structure(STRUCTURE)?;
        let whole = FractalHeap::whole_header_size(&bytes, w);
        if whole != size {
            bytes = reader.metadata(at, whole).in_structure(STRUCTURE)?;
        }
        let heap = FractalHeap::decode(&bytes, at, w).at(at.get())?;
        let pipeline = Pipeline::new(heap.filters());
        Ok(Objects { reader: reader.clone(), heap, pipeline, scratch: Scratch::default(), last: None })
    }

    /// The object that `id` names.
    pub(crate) fn get(&mut self, id: &[u8]) -> Result<Vec<u8>> {
        self.with(id, |data| Ok(data.to_vec()))
    }

    /// Uses the object that `id` names, where it lies.
    pub(crate) fn with<T>(&mut self, id: &[u8], use_it: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        match self.heap.decode_id(id)? {
            HeapObject::Tiny(data) => use_it(&data),
            HeapObject::Managed { offset, length } => use_it(self.managed(offset, length)?),
            HeapObject::Huge { key } => {
                let huge = self.find_huge(key)?;
                use_it(&self.huge(huge)?)
            }
            HeapObject::HugeAt(huge) => use_it(&self.huge(huge)?),
        }
    }

    fn managed(&mut self, offset: u64, length: u64) -> Result<&[u8]> {
        let wrong = |what: String| Error::damaged(what).in_structure("fractal heap ID");
        let known = |last: &Option<(u64, Arc<Vec<u8>>)>| {
            last.as_ref().is_some_and(|(start, block)| offset.wrapping_sub(*start) < block.len() as u64)
        };
        if !known(&self.last) {
            self.last = Some(self.direct_at(offset)?);
        }
        let (start, block) = self.last.as_ref().ok_or_else(|| wrong("no block".into()))?;
        let from = offset.checked_sub(*start).and_then(|o| usize::try_from(o).ok());
        let from = from.filter(|&o| o >= self.heap.direct_prefix_size());
        let data = from.and_then(|o| block.get(o..)?.get(..usize::try_from(length).ok()?));
        data.ok_or_else(|| wrong(format!("{length} bytes at {offset} leave their block")))
    }

    /// The direct block that `offset` lies in, and where it begins.
    fn direct_at(&mut self, offset: u64) -> Result<(u64, Arc<Vec<u8>>)> {
        let mut step = self.heap.root()?;
        loop {
            match step {
                Step::Indirect { address, rows, start } => {
                    let block = self.indirect(address, rows)?;
                    let next = self.heap.descend(&block, rows, start, offset).at(address.get())?;
                    // A table inside a table is smaller, or the way would not end.
                    if let Step::Indirect { rows: below, .. } = next
                        && below >= rows
                    {
                        let message = format!("a table of {below} rows inside one of {rows}");
                        return Err(Error::damaged(message).in_structure("fractal heap ID").at(address.get()));
                    }
                    step = next;
                }
                Step::Direct { address, size, start, filtered } => {
                    return Ok((start, self.direct(address, size, start, filtered)?));
                }
            }
        }
    }

    fn indirect(&self, address: Address, rows: u16) -> Result<Arc<Vec<u8>>> {
        let size = self.heap.indirect_size(rows);
        // Offsets of direct blocks count up from 0, these keys down from the top.
        let key = (self.heap.address.get(), !address.get());
        if let Some(block) = self.reader.blocks().get(key).filter(|b| b.len() as u64 == size) {
            return Ok(block);
        }
        let bytes = self.reader.metadata(address, size).in_structure("fractal heap indirect block")?;
        self.heap.check_indirect(&bytes).at(address.get())?;
        let block = Arc::new(bytes.to_vec());
        self.reader.blocks().insert(key, block.clone());
        Ok(block)
    }

    fn direct(&mut self, address: Address, size: u64, start: u64, filtered: Option<Filtered>) -> Result<Arc<Vec<u8>>> {
        const STRUCTURE: &str = "fractal heap direct block";
        let key = (self.heap.address.get(), start);
        if let Some(block) = self.reader.blocks().get(key).filter(|b| b.len() as u64 == size) {
            return Ok(block);
        }
        let block = self.unfiltered(address, size, filtered).in_structure(STRUCTURE)?;
        self.heap.check_direct(&block, start).at(address.get())?;
        let block = Arc::new(block);
        self.reader.blocks().insert(key, block.clone());
        Ok(block)
    }

    /// `size` bytes of a block or an object, after what filters did to them is undone.
    fn unfiltered(&mut self, address: Address, size: u64, filtered: Option<Filtered>) -> Result<Vec<u8>> {
        if size > MOST_BYTES {
            return Err(Error::limit(format!("a block of {size} bytes")).at(address.get()));
        }
        let Some(Filtered { stored, mask }) = filtered else {
            return Ok(self.reader.metadata(address, size)?.to_vec());
        };
        let bytes = self.reader.metadata(address, stored)?;
        let mut out = zeroed(size)?;
        self.pipeline.decode(&bytes, mask, &mut out, size as usize, &mut self.scratch).at(address.get())?;
        Ok(out)
    }

    /// Where a huge object is that its ID only has a key of.
    fn find_huge(&self, key: u64) -> Result<HugeObject> {
        let wrong = |what: String| Error::damaged(what).in_structure("fractal heap ID");
        let index = self.heap.huge_index().ok_or_else(|| wrong(format!("huge object {key} without an index")))?;
        let tree = Tree::open(&self.reader, index, self.heap.huge_kind())?;
        let found = tree.find(&mut |record| Ok(self.heap.decode_huge(record)?.0.cmp(&key)))?;
        let record = found.ok_or_else(|| wrong(format!("huge object {key} is not in the index")))?;
        Ok(self.heap.decode_huge(&record)?.1)
    }

    fn huge(&mut self, huge: HugeObject) -> Result<Vec<u8>> {
        self.unfiltered(huge.address, huge.size, huge.filtered).in_structure("huge object of a fractal heap")
    }
}
