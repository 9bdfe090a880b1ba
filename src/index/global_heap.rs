//! Reading the global heap: collections are parsed once and kept, for many elements share one.

use crate::bytes::Address;
use crate::data::convert::unmark;
use crate::data::element::{Each, HeapBytes, HeapReader};
use crate::error::{Context, Error, Result};
use crate::format::global_heap::{HeapId, decode_objects, decode_size, header_size};
use crate::format::message::datatype::ReferenceKind;
use crate::format::reference::{Element, Reference, decode_element};
use crate::io::Reader;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

const STRUCTURE: &str = "global heap collection";

/// Half the bytes of collections that are kept.
const GENERATION: u64 = 16 << 20;

/// A parsed collection.
struct Collection {
    bytes: Arc<[u8]>,
    /// Sorted by index.
    objects: Vec<(u16, Range<usize>)>,
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

#[derive(Default)]
struct Kept {
    young: HashMap<Address, Arc<Collection>>,
    young_bytes: u64,
    old: HashMap<Address, Arc<Collection>>,
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
        objects.sort_by_key(|o| o.0);
        let collection = Arc::new(Collection { bytes: Arc::from(&bytes[..]), objects });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(at, collection.clone());
        Ok(collection)
    }
}

fn not_there(id: HeapId, at: Address) -> Error {
    Error::damaged(format!("object {} is not in it", id.index)).in_structure(STRUCTURE).at(at.get())
}

impl Kept {
    fn insert(&mut self, at: Address, collection: Arc<Collection>) {
        self.young_bytes += collection.bytes.len() as u64;
        self.young.insert(at, collection);
        if self.young_bytes > GENERATION {
            self.old = std::mem::take(&mut self.young);
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
        let (file, address) = unmark(id.collection?.get());
        Some(self.others?.object(file?, HeapId { collection: Some(Address(address)), ..id }))
    }

    /// Refuses what is more than one call may give out.
    fn check_given(&self, given: u64) -> Result<()> {
        let most = self.reader.limits().max_vlen_bytes;
        if given > most {
            return Err(Error::limit(format!(
                "max_vlen_bytes: more than {most} bytes of variable-length data in one call"
            )));
        }
        // libhdf5 gives each element an object of its own, other writers share some; a tiny file whose elements all mean
        // the same large object is an attack. What comes from other files has nothing to do with this one's size.
        let repeated = self.reader.size().saturating_mul(64).saturating_add(64 << 20);
        if given > repeated && self.others.is_none() {
            return Err(Error::limit(format!(
                "variable-length data: 64 times the file's size was read from {STRUCTURE}s"
            )));
        }
        Ok(())
    }
}

/// The collection that the element before was in: most of the time it is that of the next one, too.
type Last = Option<(Address, Arc<Collection>)>;

/// Where the bytes of a variable-length element are.
enum Place {
    /// In the collection of [`Last`].
    Here(Range<usize>),
    There(HeapBytes),
}

impl Place {
    fn range(&mut self) -> &mut Range<usize> {
        match self {
            Place::Here(range) => range,
            Place::There(bytes) => &mut bytes.range,
        }
    }
}

impl HeapView<'_> {
    /// The number of elements that a variable-length element stands for, and where they are; `None` where there are none.
    /// `given` counts the bytes handed out.
    fn find(&self, element: &[u8], size: u64, last: &mut Last, given: &mut u64) -> Result<Option<(u64, Place)>> {
        let wrong = |what: String| Error::damaged(what).in_structure("variable-length element");
        let (length, id) = element.split_first_chunk::<4>().ok_or_else(|| wrong("too short".into()))?;
        // The length decides: a null element and an empty one look different, and are the same.
        let count = u64::from(u32::from_le_bytes(*length));
        if count == 0 {
            return Ok(None);
        }
        let id = HeapId::decode(id, self.reader.widths())?;
        let Some(at) = id.collection.filter(|a| a.get() != 0) else {
            return Ok(None);
        };
        let mut place = match (self.of_another_file(id), &mut *last) {
            (Some(object), _) => Place::There(object?),
            (None, Some((known, collection))) if *known == at => {
                Place::Here(collection.range(id.index).ok_or_else(|| not_there(id, at))?)
            }
            (None, last) => {
                let collection = &last.insert((at, self.heap.collection(self.reader, at)?)).1;
                Place::Here(collection.range(id.index).ok_or_else(|| not_there(id, at))?)
            }
        };
        let range = place.range();
        let bytes = count.checked_mul(size).filter(|&n| n <= range.len() as u64);
        let bytes = bytes.ok_or_else(|| wrong(format!("{count} elements of {size} bytes in {}", range.len())))?;
        range.end = range.start + bytes as usize;
        *given = given.saturating_add(bytes);
        self.check_given(*given)?;
        Ok(Some((count, place)))
    }
}

impl HeapReader for HeapView<'_> {
    fn sequence(&self, element: &[u8], size: u64) -> Result<(u64, HeapBytes)> {
        let (mut last, before) = (None, self.given.load(Relaxed));
        let mut given = before;
        let found = self.find(element, size, &mut last, &mut given)?;
        self.given.fetch_add(given - before, Relaxed);
        Ok(match (found, last) {
            (Some((count, Place::Here(range))), Some((_, collection))) => {
                (count, HeapBytes { collection: collection.bytes.clone(), range })
            }
            (Some((count, Place::There(bytes))), _) => (count, bytes),
            _ => (0, HeapBytes::empty()),
        })
    }

    fn for_each(&self, elements: &[u8], element: usize, size: u64, each: Each<'_>) -> Result<()> {
        let (mut last, before) = (None, self.given.load(Relaxed));
        let mut given = before;
        for element in elements.chunks_exact(element.max(1)) {
            match (self.find(element, size, &mut last, &mut given)?, &last) {
                (Some((count, Place::Here(range))), Some((_, collection))) => each(count, &collection.bytes[range])?,
                (Some((count, Place::There(bytes))), _) => each(count, &bytes)?,
                _ => each(0, &[])?,
            }
        }
        self.given.fetch_add(given - before, Relaxed);
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
                self.check_given(self.given.fetch_add(bytes, Relaxed).saturating_add(bytes))?;
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
