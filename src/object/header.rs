//! Loading an object header: the prefix, all its chunks, its messages.

use crate::bytes::{Address, Widths, decode};
use crate::error::{Context, Error, Result};
use crate::format::message::datatype::{self, Datatype};
use crate::format::message::small::Continuation;
use crate::format::message::{Shared, kind};
use crate::format::object_header::{Envelope, MAX_PREFIX, Prefix};
use crate::index::fractal_heap;
use crate::io::Reader;
use std::ops::Range;

const STRUCTURE: &str = "object header";

/// The most chunks of one header.
const MAX_CHUNKS: usize = 1024;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    Group,
    Dataset,
    Datatype,
}

/// An object's messages.
#[derive(Debug)]
pub(crate) struct ObjectHeader {
    pub(crate) address: Address,
    pub(crate) prefix: Prefix,
    messages: Vec<Message>,
    /// All chunks, one behind the other.
    bytes: Vec<u8>,
    /// How many chunks that are.
    pub(crate) chunks: u32,
    /// Bytes of messages that hold nothing.
    pub(crate) free: u64,
}

#[derive(Debug)]
struct Message {
    kind: u16,
    flags: u8,
    order: Option<u16>,
    body: Range<usize>,
}

/// A message's body, with what its envelope says of it.
#[derive(Clone, Copy)]
pub(crate) struct Body<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) shared: bool,
    /// Of an attribute: when it was made.
    pub(crate) order: Option<u16>,
}

impl ObjectHeader {
    /// Loads the header at `address`.
    pub(crate) fn load(reader: &Reader, address: Address) -> Result<ObjectHeader> {
        Self::load_chunks(reader, address).in_structure(STRUCTURE).at(address.get())
    }

    fn load_chunks(reader: &Reader, address: Address) -> Result<ObjectHeader> {
        let prefix = Prefix::decode(&reader.metadata_up_to(address, MAX_PREFIX)?)?;
        let first = reader.metadata(address, prefix.first_chunk_size())?;
        prefix.verify_first(&first)?;
        let range = prefix.messages.start as usize..prefix.messages.end as usize;
        let (bytes, messages) = (Vec::with_capacity(first.len()), Vec::with_capacity(first.len() / 32));
        let mut header = ObjectHeader { address, prefix, messages, bytes, chunks: 0, free: 0 };
        let mut pending = header.add_chunk(&first, range, reader.widths())?;
        if pending.is_empty() {
            return Ok(header);
        }
        let whole = address.get()..address.get() + first.len() as u64;
        let mut seen = Vec::from_iter(Some(whole));
        // A continuation may stand in a continuation. Chunks that overlap are a loop, or soon one.
        while let Some(next) = pending.pop() {
            let chunk = next.address.get()..next.address.plus(next.length)?.get();
            if seen.iter().any(|c| c.start < chunk.end && chunk.start < c.end) {
                return Err(Error::damaged(format!(
                    "its continuation at {:#x} overlaps another part of it",
                    chunk.start
                )));
            }
            seen.push(chunk);
            let total = header.bytes.len() as u64 + next.length;
            if seen.len() > MAX_CHUNKS || total > reader.limits().max_header_bytes {
                return Err(Error::limit(format!("max_header_bytes: {} parts, {total} bytes", seen.len())));
            }
            let bytes = reader.metadata(next.address, next.length)?;
            let range = header.prefix.verify_continuation(&bytes)?;
            pending.extend(header.add_chunk(&bytes, range, reader.widths())?);
        }
        Ok(header)
    }

    /// Takes in the messages of a chunk; returns the continuations that it names.
    fn add_chunk(&mut self, chunk: &[u8], range: Range<usize>, w: Widths) -> Result<Vec<Continuation>> {
        let ObjectHeader { prefix, messages, bytes, chunks, free, .. } = self;
        let start = bytes.len();
        bytes.extend_from_slice(chunk);
        *chunks += 1;
        let mut continuations = Vec::new();
        prefix.for_each_envelope(chunk, range, |envelope| {
            let body = start + envelope.body.start..start + envelope.body.end;
            match envelope.kind {
                kind::NIL => {
                    *free += envelope.body.len() as u64;
                    return Ok(());
                }
                kind::CONTINUATION => {
                    continuations.push(decode::<Continuation>(&bytes[body], w, "continuation message")?.0);
                    return Ok(());
                }
                kind::REFERENCE_COUNT if prefix.version == 1 => {
                    return Err(Error::damaged("a reference count message, which version 1 cannot have"));
                }
                unknown if (unknown >= kind::UNASSIGNED || unknown == kind::BOGUS) && envelope.flags & 0x80 != 0 => {
                    return Err(Error::unsupported(format!("message type {unknown:#x}, which must be understood")));
                }
                _ => {}
            }
            let Envelope { kind, flags, order, .. } = envelope;
            messages.push(Message { kind, flags, order, body });
            Ok(())
        })?;
        Ok(continuations)
    }

    /// Bytes of all chunks.
    pub(crate) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// All messages but those that hold nothing or lead on: type, flags, creation order and body.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (u16, u8, Option<u16>, &[u8])> {
        self.messages.iter().map(|m| (m.kind, m.flags, m.order, &self.bytes[m.body.clone()]))
    }

    /// The bodies of all messages of a kind, in order.
    pub(crate) fn all(&self, kind: u16) -> impl Iterator<Item = Body<'_>> {
        self.messages.iter().filter(move |m| m.kind == kind).map(|m| self.body(m))
    }

    /// The first message of a kind among those from `start` on, and which one it is.
    pub(crate) fn next_of(&self, kind: u16, start: usize) -> Option<(usize, Body<'_>)> {
        let rest = self.messages.get(start..)?;
        rest.iter().zip(start..).find(|(m, _)| m.kind == kind).map(|(m, i)| (i, self.body(m)))
    }

    fn body(&self, m: &Message) -> Body<'_> {
        Body { bytes: &self.bytes[m.body.clone()], shared: m.flags & 2 != 0, order: m.order }
    }

    /// The body of the first message of a kind.
    pub(crate) fn find(&self, kind: u16) -> Option<Body<'_>> {
        self.all(kind).next()
    }

    /// The body of the first message of a kind, which may stand in the header of a committed datatype instead.
    /// `use_it` gets the bytes; the address is that of the other header.
    pub(crate) fn resolved<T>(
        &self,
        reader: &Reader,
        kind: u16,
        use_it: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<(T, Option<Address>)>> {
        match self.find(kind) {
            None => Ok(None),
            Some(Body { bytes, shared: false, .. }) => Ok(Some((use_it(bytes)?, None))),
            Some(Body { bytes, shared: true, .. }) => {
                follow(reader, kind, &Shared::decode(bytes, reader.widths())?.0, use_it).map(Some)
            }
        }
    }

    /// The datatype, and the address of the committed datatype it comes from.
    pub(crate) fn datatype(&self, reader: &Reader) -> Result<(Datatype, Option<Address>)> {
        let found = self.resolved(reader, kind::DATATYPE, |b| datatype::decode_in(b, reader.widths()))?;
        found.ok_or_else(|| Error::damaged("no datatype").in_structure(STRUCTURE).at(self.address.get()))
    }

    /// What the object is: a group if it says where its links are, a dataset if it has datatype and dataspace.
    pub(crate) fn kind(&self) -> Option<ObjectKind> {
        let has = |kind| self.messages.iter().any(|m| m.kind == kind);
        if has(kind::SYMBOL_TABLE) || has(kind::LINK_INFO) {
            Some(ObjectKind::Group)
        } else if has(kind::DATATYPE) && has(kind::DATASPACE) {
            Some(ObjectKind::Dataset)
        } else if has(kind::DATATYPE) {
            Some(ObjectKind::Datatype)
        } else {
            None
        }
    }
}

/// Uses the message that a shared one stands for; tells the address of the header where it stands, if it does not
/// stand in the heap of shared messages.
pub(crate) fn follow<T>(
    reader: &Reader,
    kind: u16,
    shared: &Shared,
    use_it: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<(T, Option<Address>)> {
    let address = match shared {
        Shared::Committed(address) => address,
        Shared::Heap(id) => return Ok((use_it(&in_shared_heap(reader, kind, id)?)?, None)),
    };
    let other = ObjectHeader::load(reader, *address)?;
    // A committed datatype holds its message itself: one hop, so no chain and no circle.
    match other.find(kind) {
        Some(Body { bytes, shared: false, .. }) => Ok((use_it(bytes)?, Some(*address))),
        Some(_) => Err(Error::damaged("a shared message that is shared itself").at(address.get())),
        None => Err(Error::damaged(format!("no message of type {kind:#x} to share")).at(address.get())),
    }
}

/// A message in the heap of shared messages: which heap it is follows from the message's type.
pub(crate) fn in_shared_heap(reader: &Reader, kind: u16, id: &[u8; 8]) -> Result<Vec<u8>> {
    // Fill values of both kinds are kept together.
    let indexed = if kind == kind::FILL_VALUE_OLD { kind::FILL_VALUE } else { kind };
    let heap = reader.shared_messages(indexed).ok_or_else(|| {
        Error::damaged(format!("a shared message of type {kind:#x}, and no heap of those"))
            .in_structure("shared message")
    })?;
    fractal_heap::Objects::open(reader, heap)?.get(id)
}
