//! Object headers: their chunks, their messages, and where those lead (IV.A.1).

use super::kind::Kind;
use super::message::{self, Lead, Parts};
use super::scribe::Scribe;
use super::walk::{Owner, Place, Walk};
use super::{btree2, chunks, data, fractal_heap, group, space};
use crate::bytes::Address;
use crate::error::Result;
use crate::format::object_header::{MAX_PREFIX, Prefix};

/// Bits of an object header's flags.
const HEADER_FLAGS: super::scribe::Names = &[
    (1, "width of the chunk's size (low bit)"),
    (2, "width of the chunk's size (high bit)"),
    (4, "attribute creation order tracked"),
    (8, "attribute creation order indexed"),
    (16, "phase change stored"),
    (32, "times stored"),
];

const MESSAGE_FLAGS: super::scribe::Names = &[
    (1, "constant"),
    (2, "shared"),
    (4, "not to be shared"),
    (8, "fail on writing if unknown"),
    (16, "mark if unknown"),
    (32, "was unknown when the object changed"),
    (64, "may be shared"),
    (128, "fail if unknown"),
];

/// The most chunks of one header.
const MOST_CHUNKS: usize = 1024;

/// An object that a link leads to.
pub(super) fn child(walk: &mut Walk, at: Address, name: Option<&[u8]>, group: Owner) {
    if walk.stays {
        return;
    }
    if walk.owners.depth(group) > walk.reader.limits().max_depth {
        let message = format!("max_depth: groups nested more than {} deep", walk.reader.limits().max_depth);
        return walk.finding(Kind::ObjectHeader, at, group, message);
    }
    // Nobody asks what a piece of a terse map belongs to.
    let text = match name {
        _ if walk.is_terse => "".into(),
        Some(name) => walk.owners.link(group, &String::from_utf8_lossy(name)),
        None => walk.owners.link(group, "?"),
    };
    walk.then_object(at, group, text);
}

/// An object: its header, and everything that this leads to. Its path is that of another with a text behind it.
pub(super) fn object(walk: &mut Walk, at: Address, before: Owner, text: impl Into<Box<str>>) {
    // Other links may lead here, too.
    if !walk.is_first(Kind::ObjectHeader, at) {
        return;
    }
    let owner = walk.owners.add(before, text);
    let prefix = walk.peek(at, MAX_PREFIX).and_then(|head| Prefix::decode(&head));
    let prefix = match prefix {
        Ok(prefix) => prefix,
        Err(e) => return walk.unreadable(Kind::ObjectHeader, at, owner, &e),
    };
    let length = prefix.first_chunk_size();
    if length > walk.reader.limits().max_header_bytes {
        return walk.finding(Kind::ObjectHeader, at, owner, format!("a size of {length} bytes"));
    }
    let mut parts = Parts::default();
    walk.first_structure(Place { kind: Kind::ObjectHeader, at, length, owner }, |s| {
        first_chunk(s, &prefix, &mut parts)
    });
    let first = walk.claims.len();
    let mut chunks = 1;
    while let Some((at, length)) = parts.continuations.pop() {
        chunks += 1;
        if chunks > MOST_CHUNKS || length > walk.reader.limits().max_header_bytes {
            walk.finding(Kind::Continuation, at, owner, format!("part {chunks} of a header, {length} bytes"));
            break;
        }
        let before = parts.messages;
        walk.structure(Place { kind: Kind::Continuation, at, length, owner }, |s| {
            let end = if prefix.version == 1 {
                s.left()
            } else {
                s.signature(b"OCHK")?;
                s.left().saturating_sub(4)
            };
            messages(s, end, &prefix, &mut parts)?;
            s.note = format!("{} messages", parts.messages - before);
            if prefix.version == 1 { Ok(()) } else { s.checksum() }
        });
    }
    if let Some(count) = prefix.message_count.map(u32::from).filter(|&c| c != parts.messages) {
        let found = parts.messages;
        walk.finding(Kind::ObjectHeader, at, owner, format!("says it has {count} messages, and has {found}"));
    }
    // What it is of, all of its messages say together.
    if !walk.is_terse {
        walk.describe(first, Kind::ObjectHeader, format!("version {}, {}", prefix.version, parts.summary()));
    }
    walk.is_complete &= !parts.has_unknown;
    follow(walk, parts, owner);
}

fn first_chunk(s: &mut Scribe<'_>, prefix: &Prefix, parts: &mut Parts) -> Result<()> {
    let size;
    if prefix.version == 1 {
        s.version("version", 1..=1)?;
        s.reserved(1)?;
        s.u16("number of messages")?;
        s.means(|| "in all chunks".into());
        s.u32("reference count")?;
        s.means(|| "hard links that lead here".into());
        size = s.number("size of the messages", 4)?;
        s.means(|| "in this chunk".into());
        s.reserved(4)?;
    } else {
        s.signature(b"OHDR")?;
        s.version("version", 2..=2)?;
        let flags = s.flags("flags", 1, HEADER_FLAGS)?;
        if flags & 32 != 0 {
            for name in ["access time", "modification time", "change time", "birth time"] {
                let seconds = s.u32(name)?;
                s.means(|| super::time_text(seconds.into()));
            }
        }
        if flags & 16 != 0 {
            s.u16("most compact attributes")?;
            s.u16("least dense attributes")?;
        }
        size = s.number("size of the messages", 1 << (flags & 3))?;
    }
    let size = usize::try_from(size).unwrap_or(usize::MAX).min(s.left());
    messages(s, size, prefix, parts)?;
    if prefix.version == 1 { Ok(()) } else { s.checksum() }
}

/// The messages in the next `size` bytes.
fn messages(s: &mut Scribe<'_>, size: usize, prefix: &Prefix, parts: &mut Parts) -> Result<()> {
    let envelope = match (prefix.version, prefix.creation_order) {
        (1, _) => 8,
        (_, true) => 6,
        (_, false) => 4,
    };
    let end = s.position() + size;
    while s.position() + envelope <= end {
        let kind =
            if prefix.version == 1 { little16(s.ahead()) } else { s.ahead().first().copied().unwrap_or(0).into() };
        let index = parts.messages;
        parts.messages += 1;
        s.part(
            || format!("message {index}: {} ({})", message::name(kind), message::section(kind)),
            |s| {
                s.number("type", if prefix.version == 1 { 2 } else { 1 })?;
                s.means(|| message::name(kind).into());
                let size = s.u16("size")?;
                let flags = s.flags("flags", 1, MESSAGE_FLAGS)? as u8;
                if prefix.version == 1 {
                    s.reserved(3)?;
                } else if prefix.creation_order {
                    s.u16("creation order")?;
                }
                let size = usize::from(size);
                if s.position() + size > end {
                    return Err(crate::Error::damaged(format!("a message of {size} bytes runs past its chunk")));
                }
                s.bounded(size, |s| message::body(s, kind, flags, parts))
            },
        )?;
    }
    let gap = end.saturating_sub(s.position());
    s.bytes("gap", gap).map(drop)
}

fn little16(bytes: &[u8]) -> u16 {
    bytes.first_chunk::<2>().map_or(0, |b| u16::from_le_bytes(*b))
}

/// Goes where the messages lead.
fn follow(walk: &mut Walk, mut parts: Parts, owner: Owner) {
    for lead in std::mem::take(&mut parts.leads) {
        match lead {
            Lead::SymbolTable { btree, heap } => group::group(walk, btree, heap, owner),
            Lead::Child { name, at } => child(walk, at, Some(&name), owner),
            Lead::Links { heap, by_name, by_order } => {
                let objects = btree2::Use::links(walk, heap);
                dense(walk, heap, by_name.map(|at| (at, objects)), by_order, owner);
            }
            Lead::Attributes { heap, by_name, by_order } => {
                let objects = btree2::Use::attributes(walk, heap);
                dense(walk, heap, by_name.map(|at| (at, objects)), by_order, owner);
            }
            Lead::Committed(_) if walk.stays => {}
            Lead::Committed(at) => {
                walk.at_last(move |walk| object(walk, at, owner, " (its datatype)"));
            }
            Lead::LocalHeap(at) => drop(group::local_heap(walk, at, owner)),
            Lead::GlobalHeap(at) => data::collection(walk, at, owner),
            Lead::SharedMessages { at, count } => walk.then(move |walk| space::shared_messages(walk, at, count)),
            Lead::FreeSpace(at) => walk.then(move |walk| space::manager(walk, at, Owner::FILE)),
            // At once: nothing else may be read before it.
            Lead::CacheImage { at, length } => space::cache_image(walk, at, length),
        }
    }
    chunks::storage(walk, &parts, owner);
}

/// A heap of links or attributes with its indexes.
fn dense(
    walk: &mut Walk,
    heap: Address,
    by_name: Option<(Address, btree2::Use)>,
    by_order: Option<Address>,
    owner: Owner,
) {
    walk.then(move |walk| fractal_heap::heap(walk, heap, owner));
    if let Some((at, objects)) = by_name {
        walk.then(move |walk| btree2::tree(walk, at, objects, owner));
    }
    if let Some(at) = by_order {
        walk.then(move |walk| btree2::tree(walk, at, btree2::Use::Nothing, owner));
    }
}
