//! The attributes of an object: in its header, or in a fractal heap.

use super::ObjectHeader;
use super::header::{follow, in_shared_heap};
use crate::bytes::{Address, Short, decode, lookup3};
use crate::error::{Error, Result};
use crate::format::message::attribute::{Attribute, Held};
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::{self, Datatype, Name};
use crate::format::message::small::AttributeInfo;
use crate::format::message::{Shared, kind};
use crate::index::{btree2, fractal_heap};
use crate::io::Reader;

/// Attributes by name: heap ID of 8 bytes, message flags, u32 creation order, u32 hash.
const BY_NAME: u8 = 8;
const RECORD: usize = 8 + 1 + 4 + 4;

/// An attribute with all its parts at hand.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) name: Name,
    pub(crate) datatype: Datatype,
    /// Where the datatype is committed.
    pub(crate) committed: Option<Address>,
    pub(crate) dataspace: Dataspace,
    pub(crate) data: Short,
    /// When it was made, where the object tracks that.
    pub(crate) order: Option<u32>,
}

/// Whether the object remembers in which order its attributes were made.
pub(crate) fn tracks_order(header: &ObjectHeader) -> bool {
    header.prefix.creation_order
}

/// All attributes as `make` wants them, sorted by the bytes of their names, which `name` tells. A damaged one is one `Err`.
pub(crate) fn all<T>(
    header: &ObjectHeader,
    reader: &Reader,
    make: impl Fn(Result<Resolved>) -> Result<T>,
    name: impl Fn(&T) -> &Name,
) -> Result<Vec<Result<T>>> {
    let mut found = Vec::with_capacity(header.all(kind::ATTRIBUTE).count());
    found.extend(header.all(kind::ATTRIBUTE).map(|body| make(from_message(reader, body))));
    if let Some(mut dense) = Dense::open(header, reader)? {
        found.extend(dense.in_order_of_heap().into_iter().map(|record| make(dense.heap.attribute(&record?))));
    }
    // Errors first.
    let order = |a: &Result<T>, b: &Result<T>| match (a, b) {
        (Ok(a), Ok(b)) => name(a).cmp(name(b)),
        _ => a.is_ok().cmp(&b.is_ok()),
    };
    // Most were made in this order, and they are large to move.
    if !found.is_sorted_by(|a, b| order(a, b).is_le()) {
        found.sort_by(order);
    }
    Ok(found)
}

/// All attributes of a header in the order in which they happen to be stored, each read as it is asked for.
pub(crate) struct Unordered {
    /// The message behind the last one that was read.
    message: usize,
    dense: Option<Box<Dense>>,
}

impl Unordered {
    pub(crate) fn open(header: &ObjectHeader, reader: &Reader) -> Result<Unordered> {
        Ok(Unordered { message: 0, dense: Dense::open(header, reader)? })
    }

    pub(crate) fn next(&mut self, header: &ObjectHeader, reader: &Reader) -> Option<Result<Resolved>> {
        if let Some((index, body)) = header.next_of(kind::ATTRIBUTE, self.message) {
            self.message = index + 1;
            return Some(from_message(reader, body));
        }
        self.message = usize::MAX;
        self.dense.as_mut()?.next()
    }
}

/// The attribute of this name, if there is one.
pub(crate) fn find(header: &ObjectHeader, reader: &Reader, name: &[u8]) -> Result<Option<Resolved>> {
    for body in header.all(kind::ATTRIBUTE) {
        let attribute = from_message(reader, body)?;
        if *attribute.name.0 == *name {
            return Ok(Some(attribute));
        }
    }
    let Some((heap, index)) = dense_place(header, reader)? else {
        return Ok(None);
    };
    let mut heap = Heap::open(header, reader, heap)?;
    let tree = open_index(reader, index)?;
    let hash = lookup3(name, 0);
    // Names of equal hash are ordered by their bytes.
    let found = tree.find(&mut |record| {
        let stored = record.last_chunk::<4>().map_or(0, |h| u32::from_le_bytes(*h));
        match stored.cmp(&hash) {
            std::cmp::Ordering::Equal => Ok(heap.attribute(record)?.name.0[..].cmp(name)),
            other => Ok(other),
        }
    })?;
    found.map(|record| heap.attribute(&record)).transpose()
}

/// An attribute as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) name: Vec<u8>,
    /// Of its message, but for the bit that says that it stands elsewhere.
    pub(crate) flags: u8,
    /// When it was made, where the object tracks that; else its place.
    pub(crate) order: u32,
    /// Its message.
    pub(crate) body: Vec<u8>,
    /// Of one that stands in the file's heap of shared messages: its ID there.
    pub(crate) shared: Option<[u8; 8]>,
}

/// The flag of a message that stands elsewhere.
pub(crate) const SHARED: u8 = 2;

/// All attributes as they are stored, and whether they are in a heap.
pub(crate) fn stored(header: &ObjectHeader, reader: &Reader) -> Result<(Vec<Stored>, bool)> {
    let w = reader.widths();
    let whole = |body: Vec<u8>, flags: u8, order, shared| {
        let name = Attribute::decode(&body, w)?.name.0.into_vec();
        Ok::<_, Error>(Stored { name, flags: flags & !SHARED, order, body, shared })
    };
    let in_heap = |id: &[u8; 8]| in_shared_heap(reader, kind::ATTRIBUTE, id);
    let mut found = Vec::new();
    for (_, flags, order, body) in header.messages().filter(|(k, ..)| *k == kind::ATTRIBUTE) {
        let order = order.map_or(found.len() as u32, u32::from);
        if flags & SHARED == 0 {
            found.push(whole(body.to_vec(), flags, order, None)?);
            continue;
        }
        let (Shared::Heap(id), _) = Shared::decode(body, w)? else {
            return Err(Error::damaged("an attribute that stands in another object's header"));
        };
        found.push(whole(in_heap(&id)?, flags, order, Some(id))?);
    }
    let Some((heap, index)) = dense_place(header, reader)? else {
        return Ok((found, false));
    };
    let mut objects = fractal_heap::Objects::open(reader, heap)?;
    for record in open_index(reader, index)?.records() {
        let record = record?;
        let Some((id, [flags, o0, o1, o2, o3, ..])) = record.split_first_chunk::<8>() else {
            return Err(Error::damaged("ends before its last field").in_structure("version 2 B-tree record"));
        };
        let order = u32::from_le_bytes([*o0, *o1, *o2, *o3]);
        found.push(match flags & SHARED {
            0 => whole(objects.get(id)?, *flags, order, None)?,
            _ => whole(in_heap(id)?, *flags, order, Some(*id))?,
        });
    }
    Ok((found, true))
}

fn dense_place(header: &ObjectHeader, reader: &Reader) -> Result<Option<(Address, Address)>> {
    let Some(body) = header.find(kind::ATTRIBUTE_INFO) else {
        return Ok(None);
    };
    let (info, _) = decode::<AttributeInfo>(body.bytes, reader.widths(), "attribute info")?;
    match (info.heap, info.name_index) {
        (None, _) => Ok(None),
        (Some(heap), Some(index)) => Ok(Some((heap, index))),
        (Some(_), None) => Err(Error::damaged("a heap of attributes without an index").in_structure("attribute info")),
    }
}

fn open_index(reader: &Reader, at: Address) -> Result<btree2::Tree> {
    let tree = btree2::Tree::open(reader, at, BY_NAME)?;
    if tree.record_size() != RECORD {
        let message = format!("records of {} bytes, those of attributes have {RECORD}", tree.record_size());
        return Err(Error::damaged(message).in_structure("version 2 B-tree header").at(at.get()));
    }
    Ok(tree)
}

/// The attributes that an object keeps in a heap, in the order of their names' hashes.
pub(crate) struct Dense {
    heap: Heap,
    records: btree2::Records,
}

impl Dense {
    /// `None` where there are none.
    fn open(header: &ObjectHeader, reader: &Reader) -> Result<Option<Box<Dense>>> {
        let Some((heap, index)) = dense_place(header, reader)? else {
            return Ok(None);
        };
        let (heap, records) = (Heap::open(header, reader, heap)?, open_index(reader, index)?.records());
        Ok(Some(Box::new(Dense { heap, records })))
    }

    /// The records of all, in the order in which the heap has what they name, for its blocks to be read one after the
    /// other: the index is sorted by a hash. A record begins with the ID: flags, then the offset, least byte first.
    fn in_order_of_heap(&mut self) -> Vec<Result<Vec<u8>>> {
        let mut records: Vec<_> = self.records.by_ref().collect();
        records.sort_by_cached_key(|r| r.as_ref().ok().map(|r| r.iter().take(8).rev().copied().collect::<Vec<u8>>()));
        records
    }
}

impl Iterator for Dense {
    type Item = Result<Resolved>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.next()?;
        Some(record.and_then(|record| self.heap.attribute(&record)))
    }
}

/// The heap that they are in.
struct Heap {
    reader: Reader,
    objects: fractal_heap::Objects,
    tracks_order: bool,
}

impl Heap {
    fn open(header: &ObjectHeader, reader: &Reader, at: Address) -> Result<Heap> {
        let objects = fractal_heap::Objects::open(reader, at)?;
        Ok(Heap { reader: reader.clone(), objects, tracks_order: tracks_order(header) })
    }

    /// The attribute that a record of the index names.
    fn attribute(&mut self, record: &[u8]) -> Result<Resolved> {
        let Some((id, [flags, order @ ..])) = record.split_first_chunk::<8>() else {
            return Err(Error::damaged("ends before its last field").in_structure("version 2 B-tree record"));
        };
        // A shared attribute stands in another heap than the object's own.
        let body = match flags & 2 {
            0 => self.objects.get(id)?,
            _ => in_shared_heap(&self.reader, kind::ATTRIBUTE, id)?,
        };
        let order = order.first_chunk::<4>().map(|o| u32::from_le_bytes(*o)).filter(|_| self.tracks_order);
        resolve(&self.reader, Attribute::decode(&body, self.reader.widths())?, order)
    }
}

fn from_message(reader: &Reader, body: super::header::Body<'_>) -> Result<Resolved> {
    let (w, order) = (reader.widths(), body.order.map(u32::from));
    if !body.shared {
        return resolve(reader, Attribute::decode(body.bytes, w)?, order);
    }
    let (shared, _) = Shared::decode(body.bytes, w)?;
    resolve(reader, follow(reader, kind::ATTRIBUTE, &shared, |b| Attribute::decode(b, w))?.0, order)
}

/// Fetches the shared parts, and holds the size of the data against them.
fn resolve(reader: &Reader, attribute: Attribute, order: Option<u32>) -> Result<Resolved> {
    let Attribute { name, datatype, dataspace, mut data, .. } = attribute;
    let w = reader.widths();
    let (datatype, committed) = match datatype {
        Held::Here(datatype) => (datatype, None),
        Held::Shared(shared) => follow(reader, kind::DATATYPE, &shared, |b| datatype::decode_in(b, w))?,
    };
    let dataspace = match dataspace {
        Held::Here(dataspace) => dataspace,
        Held::Shared(shared) => follow(reader, kind::DATASPACE, &shared, |b| Dataspace::decode(b, w))?.0,
    };
    let size = dataspace.len().checked_mul(datatype.size()).and_then(|n| usize::try_from(n).ok());
    match size {
        Some(size) if size <= data.len() => data.truncate(size),
        _ => {
            let message = format!("{} bytes hold {} elements of {}", data.len(), dataspace.len(), datatype.size());
            return Err(Error::damaged(message).in_structure("attribute").on(format!("@{name}")));
        }
    }
    Ok(Resolved { name, datatype, committed, dataspace, data, order })
}
