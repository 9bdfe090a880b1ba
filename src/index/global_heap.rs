//! Reading the global heap: collections are parsed once and kept, for many elements share one.

use crate::bytes::{Address, Length, Widths, decode};
use crate::data::convert::unmark;
use crate::data::element::{HeapBytes, HeapReader};
use crate::error::{Context, Error, Result};
use crate::format::global_heap::{HeapId, decode_objects, decode_size, header_size};
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
    objects: HashMap<u16, Range<usize>>,
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
        let index = u16::try_from(id.index).ok();
        let range = index.and_then(|i| collection.objects.get(&i)).cloned().ok_or_else(|| {
            Error::damaged(format!("object {} is not in it", id.index)).in_structure(STRUCTURE).at(at.get())
        })?;
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
        let objects = decode_objects(&bytes, w).at(at.get())?.into_iter().collect();
        let collection = Arc::new(Collection { bytes: Arc::from(&bytes[..]), objects });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(at, collection.clone());
        Ok(collection)
    }
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
pub(crate) trait OtherHeaps {
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

    fn object(&self, id: HeapId) -> Result<HeapBytes> {
        if let (Some(others), Some(address)) = (self.others, id.collection)
            && let (Some(file), address) = unmark(address.get())
        {
            return others.object(file, HeapId { collection: Some(Address(address)), ..id });
        }
        self.heap.object(self.reader, id)
    }

    /// Where an object reference leads. All ones, which some writers mean as null, is an address that nothing has.
    pub(crate) fn object_address(&self, reference: &[u8]) -> Result<Option<u64>> {
        let (address, _) = decode::<Length>(
            reference,
            Widths { length: self.reader.widths().offset, ..Widths::EIGHT },
            "object reference",
        )?;
        Ok(Some(address.0.unwrap_or(u64::MAX)).filter(|&a| a != 0))
    }
}

impl HeapReader for HeapView<'_> {
    fn sequence(&self, element: &[u8], size: u64) -> Result<(u64, HeapBytes)> {
        let wrong = |what: String| Error::damaged(what).in_structure("variable-length element");
        let (length, id) = element.split_first_chunk::<4>().ok_or_else(|| wrong("too short".into()))?;
        // The length decides: a null element and an empty one look different, and are the same.
        let count = u64::from(u32::from_le_bytes(*length));
        if count == 0 {
            return Ok((0, HeapBytes::empty()));
        }
        let id = HeapId::decode(id, self.reader.widths())?;
        if id.collection.is_none_or(|a| a.get() == 0) {
            return Ok((0, HeapBytes::empty()));
        }
        let mut object = self.object(id)?;
        let bytes = count.checked_mul(size).filter(|&n| n <= object.range.len() as u64);
        let bytes =
            bytes.ok_or_else(|| wrong(format!("{count} elements of {size} bytes in {}", object.range.len())))?;
        let most = self.reader.limits().max_vlen_bytes;
        if self.given.fetch_add(bytes, Relaxed).saturating_add(bytes) > most {
            return Err(Error::limit(format!(
                "max_vlen_bytes: more than {most} bytes of variable-length data in one call"
            )));
        }
        object.range.end = object.range.start + bytes as usize;
        Ok((count, object))
    }
}
