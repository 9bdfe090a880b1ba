//! Reading the global heap: collections are parsed once and kept, for many elements share one.

use crate::bytes::Address;
use crate::data::convert::unmark;
use crate::data::element::{Each, HeapBytes, HeapReader};
use crate::error::{Context, Error, Result};
use crate::format::global_heap::{HeapId, MIN_SIZE, decode_objects, decode_size, header_size};
use crate::format::message::datatype::ReferenceKind;
use crate::format::reference::{Element, Reference, decode_element};
use crate::io::{Budget, Reader};
use foldhash::{HashMap, HashMapExt};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

const STRUCTURE: &str = "global heap collection";

/// Half the bytes of collections that are kept: at first, and when it has proved too little.
const LEAST: u64 = 1 << 20;
const MOST: u64 = 16 << 20;

/// A parsed collection.
struct Collection {
    /// Those of the page that it lies in, if it lies in one.
    bytes: Arc<[u8]>,
    /// Where its objects lie in `bytes`, sorted by index.
    objects: Vec<(u16, Range<usize>)>,
    /// What it counts for among those that are kept.
    cost: u64,
}

impl Collection {
    fn range(&self, index: u32) -> Option<Range<usize>> {
        // Most collections number their objects 1, 2, 3 …
        let guess = self.objects.get((index as usize).wrapping_sub(1)).filter(|o| u32::from(o.0) == index);
        let found = guess.or_else(|| {
            let index = u16::try_from(index).ok()?;
            self.objects.get(self.objects.binary_search_by_key(&index, |o| o.0).ok()?)
        });
        found.map(|o| o.1.clone())
    }
}

/// The kept collections of a file, in two generations as the pages of a source.
#[derive(Default)]
pub(crate) struct GlobalHeap(Mutex<Kept>);

struct Kept {
    young: HashMap<Address, Arc<Collection>>,
    young_bytes: u64,
    old: HashMap<Address, Arc<Collection>>,
    budget: Budget,
}

impl Default for Kept {
    fn default() -> Self {
        Kept { young: HashMap::new(), young_bytes: 0, old: HashMap::new(), budget: Budget::new(LEAST, MOST) }
    }
}

impl GlobalHeap {
    /// The object that `id` names.
    pub(crate) fn object(&self, reader: &Reader, id: HeapId) -> Result<HeapBytes> {
        let at = id.collection.ok_or_else(|| Error::damaged("a reference to no collection").in_structure(STRUCTURE))?;
        let collection = self.collection(reader, at)?;
        let range = collection.range(id.index).ok_or_else(|| not_there(id, at))?;
        Ok(HeapBytes { collection: collection.bytes.clone(), range })
    }

    fn collection(&self, reader: &Reader, at: Address) -> Result<Arc<Collection>> {
        {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(c) = kept.young.get(&at) {
                return Ok(c.clone());
            }
            if let Some(c) = kept.old.remove(&at) {
                kept.insert(at, c.clone());
                return Ok(c);
            }
        }
        let w = reader.widths();
        let head = reader.metadata(at, header_size(w)).in_structure(STRUCTURE)?;
        let size = decode_size(&head, w).at(at.get())?;
        let bytes = reader.metadata(at, size).in_structure(STRUCTURE)?;
        let mut objects = decode_objects(&bytes, w).at(at.get())?;
        if !objects.is_sorted_by_key(|o| o.0) {
            objects.sort_by_key(|o| o.0);
        }
        let (bytes, place) = bytes.into_shared();
        for (_, range) in &mut objects {
            *range = range.start + place.start..range.end + place.start;
        }
        // One may keep a page alive that is several times its size.
        let collection = Arc::new(Collection { bytes, objects, cost: size.max(MIN_SIZE) });
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.budget.read(at.get(), collection.cost);
        kept.insert(at, collection.clone());
        Ok(collection)
    }
}

fn not_there(id: HeapId, at: Address) -> Error {
    Error::damaged(format!("object {} is not in it", id.index)).in_structure(STRUCTURE).at(at.get())
}

impl Kept {
    fn insert(&mut self, at: Address, collection: Arc<Collection>) {
        self.young_bytes += collection.cost;
        self.young.insert(at, collection);
        if self.budget.is_exceeded_by(self.young_bytes) {
            let dropped = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.budget.dropped(dropped.into_keys().map(Address::get));
            self.young_bytes = 0;
        }
    }
}

/// The global heap as one read sees it: with its own account of how many bytes it has handed out.
pub(crate) struct HeapView<'a> {
    heap: &'a GlobalHeap,
    reader: &'a Reader,
    given: AtomicU64,
    others: Option<&'a dyn OtherHeaps>,
}

/// The global heaps of other files, for elements that are marked with one (see [`convert`](crate::data::convert)).
pub(crate) trait OtherHeaps: Sync {
    /// The object in the heap of the file of this number.
    fn object(&self, file: u16, id: HeapId) -> Result<HeapBytes>;
}

impl<'a> HeapView<'a> {
    pub(crate) fn new(heap: &'a GlobalHeap, reader: &'a Reader) -> HeapView<'a> {
        HeapView { heap, reader, given: AtomicU64::new(0), others: None }
    }

    /// The same for elements some of which may come from other files.
    pub(crate) fn with_others(self, others: &'a dyn OtherHeaps) -> HeapView<'a> {
        HeapView { others: Some(others), ..self }
    }

    /// The object, if the element is marked as one of another file.
    fn of_another_file(&self, id: HeapId) -> Option<Result<HeapBytes>> {
        let others = self.others?;
        let (file, address) = unmark(id.collection?.get());
        Some(others.object(file?, HeapId { collection: Some(Address(address)), ..id }))
    }

    /// What one call may give out of a file of this size. libhdf5 gives each element an object of its own, other writers
    /// share some; a tiny file whose elements all mean the same large object is an attack. What comes from other files
    /// has nothing to do with this one's size.
    fn repeated(&self) -> u64 {
        let size = if self.others.is_none() { self.reader.size() } else { u64::MAX };
        size.saturating_mul(64).saturating_add(64 << 20)
    }

    /// The most bytes that one call may give out.
    fn most(&self) -> u64 {
        self.reader.limits().max_vlen_bytes.min(self.repeated())
    }

    /// Why no more is given out.
    fn too_much(&self) -> Error {
        let most = self.reader.limits().max_vlen_bytes;
        if self.repeated() < most {
            return Error::limit(format!("variable-length data: 64 times the file's size was read from {STRUCTURE}s"));
        }
        Error::limit(format!("max_vlen_bytes: more than {most} bytes of variable-length data in one call"))
    }
}

/// Variable-length elements that are looked up one after the other.
struct Finder<'v> {
    view: &'v HeapView<'v>,
    /// Bytes of an element of a sequence.
    size: u64,
    /// The most bytes that one call may give out, and those that it has given.
    most: u64,
    given: u64,
    /// The collection that the element before was in: most of the time it is that of the next one, too.
    last: Option<(Address, Arc<Collection>)>,
}

impl<'v> Finder<'v> {
    fn new(view: &'v HeapView<'v>, size: u64) -> Finder<'v> {
        Finder { view, size, most: view.most(), given: view.given.load(Relaxed), last: None }
    }

    /// The number of elements that a variable-length element stands for, and the object that holds them; `None` where
    /// there are none.
    #[inline]
    fn decode(&self, element: &[u8]) -> Result<Option<(u64, Address, HeapId)>> {
        let Some((length, id)) = element.split_first_chunk::<4>() else {
            return Err(Error::damaged("too short").in_structure("variable-length element"));
        };
        // The length decides: a null element and an empty one look different, and are the same.
        let count = u64::from(u32::from_le_bytes(*length));
        if count == 0 {
            return Ok(None);
        }
        let id = HeapId::decode(id, self.view.reader.widths())?;
        Ok(id.collection.filter(|a| a.get() != 0).map(|at| (count, at, id)))
    }

    /// The object of this file's heap: where it lies in the bytes of its collection.
    #[inline]
    fn here(&mut self, at: Address, id: HeapId) -> Result<(&Arc<[u8]>, Range<usize>)> {
        if self.last.as_ref().is_none_or(|(known, _)| *known != at) {
            self.last = Some((at, self.view.heap.collection(self.view.reader, at)?));
        }
        let object = self.last.as_ref().and_then(|(_, c)| Some((&c.bytes, c.range(id.index)?)));
        object.ok_or_else(|| not_there(id, at))
    }

    /// The part of an object that its element speaks of. Counts what is given out.
    #[inline]
    fn part(&mut self, count: u64, object: usize) -> Result<usize> {
        let size = self.size;
        let Some(bytes) = count.checked_mul(size).filter(|&n| n <= object as u64) else {
            let message = format!("{count} elements of {size} bytes in {object}");
            return Err(Error::damaged(message).in_structure("variable-length element"));
        };
        self.given = self.given.saturating_add(bytes);
        if self.given > self.most {
            return Err(self.view.too_much());
        }
        Ok(bytes as usize)
    }
}

impl HeapReader for HeapView<'_> {
    fn sequence(&self, element: &[u8], size: u64) -> Result<(u64, HeapBytes)> {
        let mut finder = Finder::new(self, size);
        let before = finder.given;
        let Some((count, at, id)) = finder.decode(element)? else {
            return Ok((0, HeapBytes::empty()));
        };
        let mut found = match self.of_another_file(id) {
            Some(object) => object?,
            None => {
                let (collection, range) = finder.here(at, id)?;
                HeapBytes { collection: collection.clone(), range }
            }
        };
        found.range.end = found.range.start + finder.part(count, found.range.len())?;
        self.given.fetch_add(finder.given - before, Relaxed);
        Ok((count, found))
    }

    fn for_each(&self, elements: &[u8], element: usize, size: u64, each: Each<'_>) -> Result<()> {
        let mut finder = Finder::new(self, size);
        let before = finder.given;
        for element in elements.chunks_exact(element.max(1)) {
            let Some((count, at, id)) = finder.decode(element)? else {
                each(0, &[])?;
                continue;
            };
            if let Some(object) = self.of_another_file(id) {
                let object = object?;
                let length = finder.part(count, object.len())?;
                each(count, &object[..length])?;
                continue;
            }
            let (_, range) = finder.here(at, id)?;
            let length = finder.part(count, range.len())?;
            if let Some((_, collection)) = &finder.last {
                each(count, &collection.bytes[range.start..range.start + length])?;
            }
        }
        self.given.fetch_add(finder.given - before, Relaxed);
        Ok(())
    }

    fn reference(&self, element: &[u8], kind: ReferenceKind) -> Result<Reference> {
        let w = self.reader.widths();
        match decode_element(kind, element, w)? {
            Element::Whole(reference) => Ok(reference),
            Element::InHeap(id, blob) => {
                let nowhere = || Error::damaged("no collection").in_structure("reference");
                let at = id.collection.ok_or_else(nowhere)?;
                let collection = self.heap.collection(self.reader, at)?;
                let range = collection.range(id.index).ok_or_else(|| not_there(id, at))?;
                // Coordinates of two bytes in the file have eight in memory.
                let bytes = 4 * range.len() as u64;
                if self.given.fetch_add(bytes, Relaxed).saturating_add(bytes) > self.most() {
                    return Err(self.too_much());
                }
                blob.decode(&collection.bytes[range], w).at(at.get())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{Limits, Widths};
    use crate::io::MemorySource;

    /// A collection with one object of 60,000 bytes, and an element that means all of it.
    fn one_large_object() -> (Reader, Vec<u8>) {
        let mut bytes = b"GCOL\x01\0\0\0".to_vec();
        bytes.extend((16 + 16 + 60_000_u64).to_le_bytes());
        bytes.extend([1, 0, 1, 0, 0, 0, 0, 0]);
        bytes.extend(60_000_u64.to_le_bytes());
        bytes.resize(64 + bytes.len() + 60_000, 7);
        let at = 64;
        bytes.rotate_right(at);
        let end = bytes.len() as u64;
        let reader = Reader::new(Arc::new(MemorySource::new(bytes)), Limits::default(), None).unwrap();
        let mut element = 60_000_u32.to_le_bytes().to_vec();
        element.extend((at as u64).to_le_bytes());
        element.extend(1_u32.to_le_bytes());
        (reader.with_superblock(0, end, Widths::EIGHT, false), element)
    }

    #[test]
    fn one_object_for_a_million_elements_is_an_attack() {
        let (reader, element) = one_large_object();
        let heap = GlobalHeap::default();
        let given = |elements: usize| {
            let mut given = 0;
            let read = HeapView::new(&heap, &reader).for_each(&element.repeat(elements), 16, 1, &mut |_, bytes| {
                given += bytes.len();
                Ok(())
            });
            read.map(|()| given)
        };
        assert_eq!(given(1000).unwrap(), 60_000_000);
        assert_eq!(given(10_000).unwrap_err().kind(), crate::ErrorKind::Limit);
    }
}
