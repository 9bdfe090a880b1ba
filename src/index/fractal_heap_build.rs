//! Building a fractal heap of known objects: they fill its direct blocks from the first on; objects that are too large
//! get a place of their own, found through a B-tree.

use super::btree2_build;
use super::space::{METADATA, Space};
use crate::bytes::Address;
use crate::error::Result;
use crate::format::fractal_heap::{Content, Form, FractalHeap, MAX_MANAGED};
use std::collections::BTreeMap;

/// The B-trees of objects with a place of their own: address, length and number of each; and without a number, where
/// IDs have room for address and length.
const HUGE_TREE: u8 = 1;
const HUGE_TREE_DIRECT: u8 = 3;

/// Writes a heap of `objects`; returns where its header is, and the ID of each object.
pub(crate) fn build(space: &mut Space, form: Form, objects: &[Vec<u8>]) -> Result<(Address, Vec<Vec<u8>>)> {
    let w = space.widths();
    let address = space.allocate(FractalHeap::header_size(w), METADATA)?;
    let heap = FractalHeap::new(form, address, w);
    let mut builder = Builder {
        space,
        current: heap.direct_at(0)?,
        heap,
        objects: Vec::new(),
        direct: BTreeMap::new(),
        huge: Vec::new(),
        content: Content::default(),
    };
    let ids = objects.iter().map(|o| builder.add(o)).collect::<Result<_>>()?;
    builder.finish()?;
    Ok((address, ids))
}

struct Builder<'a> {
    space: &'a mut Space,
    heap: FractalHeap,
    /// The direct block that is being filled: where it begins in the heap, and its size.
    current: (u64, u64),
    /// Its objects.
    objects: Vec<u8>,
    /// Where the finished ones are, by their offset in the heap.
    direct: BTreeMap<u64, Address>,
    huge: Vec<Vec<u8>>,
    content: Content,
}

impl Builder<'_> {
    /// Adds an object and returns its ID.
    fn add(&mut self, object: &[u8]) -> Result<Vec<u8>> {
        if object.len() > MAX_MANAGED {
            return self.add_huge(object);
        }
        let prefix = self.heap.direct_prefix_size();
        while prefix + self.objects.len() + object.len() > self.current.1 as usize {
            // A block without an object is not written: its place in the table stays undefined.
            self.finish_block()?;
            self.current = self.heap.direct_at(self.current.0 + self.current.1)?;
        }
        let offset = self.current.0 + (prefix + self.objects.len()) as u64;
        self.objects.extend_from_slice(object);
        self.content.managed.0 += 1;
        self.content.managed.1 += object.len() as u64;
        self.heap.encode_managed_id(offset, object.len() as u64)
    }

    fn add_huge(&mut self, object: &[u8]) -> Result<Vec<u8>> {
        let address = self.space.append(object, METADATA)?;
        self.content.huge.0 += 1;
        self.content.huge.1 += object.len() as u64;
        let key = self.content.huge.0;
        let (id, record) = self.heap.encode_huge(address, object.len() as u64, key)?;
        self.huge.push(record);
        Ok(id)
    }

    fn finish_block(&mut self) -> Result<()> {
        if self.objects.is_empty() {
            return Ok(());
        }
        let (start, size) = self.current;
        let block = self.heap.encode_direct(start, size, &self.objects)?;
        self.direct.insert(start, self.space.append(&block, METADATA)?);
        self.objects.clear();
        self.content.allocated += size;
        self.content.iterator = start + size;
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.finish_block()?;
        self.content.root = match self.direct.last_key_value() {
            None => None,
            Some((0, &only)) => {
                // libhdf5 counts from the root once that is indirect.
                self.content.iterator = 0;
                Some((only, 0))
            }
            Some((&last, _)) => {
                let rows = self.heap.rows_to(last);
                Some((self.indirect(0, rows)?, rows))
            }
        };
        if !self.huge.is_empty() {
            // By number, or by address: both ascend.
            let kind = if self.heap.ids_lead_to_huge() { HUGE_TREE_DIRECT } else { HUGE_TREE };
            let size = self.huge.first().map_or(0, Vec::len) as u16;
            let index = btree2_build::build(self.space, kind, size, &self.huge)?;
            self.content.huge_index = Some(index);
        }
        let header = self.heap.encode(&self.content)?;
        self.space.write(self.heap.address, &header)
    }

    /// Writes the indirect block that begins at `start`, after those below it.
    fn indirect(&mut self, start: u64, rows: u16) -> Result<Address> {
        let mut children = Vec::new();
        for (at, size, below) in self.heap.table(start, rows) {
            let used = self.direct.range(at..at + size).next().map(|(_, &address)| address);
            children.push(match (used, below) {
                (Some(_), Some(rows)) => Some(self.indirect(at, rows)?),
                (direct, _) => direct,
            });
        }
        let block = self.heap.encode_indirect(start, &children)?;
        self.space.append(&block, METADATA)
    }
}
