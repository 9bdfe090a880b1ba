//! Growing the global heap of a new file: variable-length data are gathered into collections.
//!
//! A collection's address is part of every reference into it, so its room is allocated before its size is known: the
//! first one small, each further one twice as large up to a bound. Large objects have a collection to themselves. The
//! order in which objects are kept decides everything, so the same data make the same bytes.

use super::space::{METADATA, Space};
use crate::bytes::Address;
use crate::error::Result;
use crate::format::global_heap::{Collection, HeapId, MIN_SIZE};

/// The largest shared collection.
const MAX_SHARED: u64 = 64 << 10;

/// Objects of more bytes than this do not share.
const LARGE: usize = 16 << 10;

/// The collection that takes objects now, and how large the next one will be.
pub(crate) struct HeapWriter {
    open: Option<Open>,
    next_size: u64,
    closed: Vec<Closed>,
}

/// A collection that is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed {
    pub(crate) at: Address,
    pub(crate) bytes: u64,
    pub(crate) objects: u32,
}

struct Open {
    id: HeapId,
    size: u64,
    collection: Collection,
}

impl HeapWriter {
    pub(crate) fn new() -> HeapWriter {
        HeapWriter { open: None, next_size: MIN_SIZE, closed: Vec::new() }
    }

    /// Keeps one object; the same bytes kept twice are two objects.
    pub(crate) fn keep(&mut self, space: &mut Space, data: &[u8]) -> Result<HeapId> {
        if data.len() > LARGE {
            let size = Collection::new(space.widths()).size_with(data.len());
            let mut alone = Open::new(space, size)?;
            let id = alone.push(data)?;
            self.closed.extend(alone.close(space)?);
            return Ok(id);
        }
        let open = match self.open.take() {
            Some(open) if open.has_room(data.len()) => open,
            full => {
                if let Some(full) = full {
                    self.closed.extend(full.close(space)?);
                }
                let size = self.next_size;
                self.next_size = (2 * size).min(most_shared(space));
                Open::new(space, size.max(Collection::new(space.widths()).size_with(data.len())))?
            }
        };
        self.open.insert(open).push(data)
    }

    /// Writes the collection that was still open.
    pub(crate) fn flush(&mut self, space: &mut Space) -> Result<()> {
        if let Some(open) = self.open.take() {
            self.closed.extend(open.close(space)?);
        }
        Ok(())
    }

    /// The collections that were written.
    pub(crate) fn take_closed(&mut self) -> Vec<Closed> {
        std::mem::take(&mut self.closed)
    }
}

/// The largest shared collection: its size must fit a length of the file.
fn most_shared(space: &Space) -> u64 {
    if space.widths().length > 2 { MAX_SHARED } else { MAX_SHARED / 2 }
}

impl Open {
    fn new(space: &mut Space, size: u64) -> Result<Open> {
        let size = size.max(MIN_SIZE);
        let address = space.allocate(size, METADATA)?;
        Ok(Open {
            id: HeapId { collection: Some(address), index: 0 },
            size,
            collection: Collection::new(space.widths()),
        })
    }

    fn has_room(&self, data: usize) -> bool {
        !self.collection.is_full() && self.collection.size_with(data) <= self.size
    }

    fn push(&mut self, data: &[u8]) -> Result<HeapId> {
        let index = self.collection.push(data)?;
        Ok(HeapId { index, ..self.id })
    }

    fn close(self, space: &mut Space) -> Result<Option<Closed>> {
        let objects = self.collection.objects();
        let bytes = self.collection.encode(self.size)?;
        let Some(at) = self.id.collection else { return Ok(None) };
        space.write(at, &bytes)?;
        Ok(Some(Closed { at, bytes: bytes.len() as u64, objects }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Widths;
    use crate::format::global_heap::{decode_objects, decode_size};
    use crate::io::MemoryStore;
    use std::sync::Arc;

    /// What a reader finds under `id`.
    fn find(file: &[u8], id: HeapId) -> Vec<u8> {
        let w = Widths::EIGHT;
        let start = id.collection.unwrap().get() as usize;
        let size = decode_size(&file[start..], w).unwrap() as usize;
        let collection = &file[start..start + size];
        let objects = decode_objects(collection, w).unwrap();
        let found = objects.iter().find(|(i, _)| u32::from(*i) == id.index);
        collection[found.unwrap().1.clone()].to_vec()
    }

    #[test]
    fn every_object_is_found_again_whatever_its_size() {
        let store = MemoryStore::default();
        let mut space = Space::new(Arc::new(store.clone()), 48);
        let mut heap = HeapWriter::new();
        let sizes = [0, 1, 7, 8, 4000, 4064, 16_384, 16_385, 200_000, 3, 65_000, 0];
        let objects: Vec<Vec<u8>> = (0..600).map(|i| vec![i as u8; sizes[i % sizes.len()]]).collect();
        let ids: Vec<HeapId> = objects.iter().map(|o| heap.keep(&mut space, o).unwrap()).collect();
        heap.flush(&mut space).unwrap();
        space.into_store().unwrap();
        let file = store.bytes();
        for (id, object) in ids.iter().zip(&objects) {
            assert!(find(&file, *id) == *object);
        }
    }

    #[test]
    fn a_few_short_strings_take_the_smallest_collection() {
        let mut space = Space::new(Arc::new(MemoryStore::default()), 48);
        let mut heap = HeapWriter::new();
        for _ in 0..10 {
            heap.keep(&mut space, b"IMAGE").unwrap();
        }
        assert_eq!(space.end(), 48 + MIN_SIZE);
    }
}
