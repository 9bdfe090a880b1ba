//! The global heap (III.E), and what leads into it: variable-length elements and references to regions.

use super::kind::Kind;
use super::walk::{Owner, Place, Walk};
use crate::bytes::{Address, Widths};
use crate::datatype::{Datatype, ReferenceKind};
use crate::format::global_heap::{HeapId, decode_size, header_size};
use std::collections::BTreeSet;

/// Names of objects in a collection that are told in one line.
const MOST_OBJECTS: usize = 65_536;

/// A collection; many elements lead to the same one.
pub(super) fn collection(walk: &mut Walk, at: Address, owner: Owner) {
    if walk.was_seen(Kind::GlobalHeap, at) {
        return;
    }
    let w = walk.reader.widths();
    let size = walk.peek(at, header_size(w)).and_then(|head| decode_size(&head, w));
    let length = match size {
        Ok(size) => size,
        Err(e) => {
            walk.is_first(Kind::GlobalHeap, at);
            return walk.unreadable(Kind::GlobalHeap, at, owner, &e);
        }
    };
    walk.structure(Place { kind: Kind::GlobalHeap, at, length, owner }, |s| {
        s.signature(b"GCOL")?;
        s.version("version", 1..=1)?;
        s.reserved(3)?;
        let size = s.finite("size of the collection")?;
        if (s.whole().len() as u64) < size {
            s.wrong("runs past the end of the file");
        }
        let head = header_size(w) as usize;
        s.reserved(head - s.position())?;
        let mut objects = 0;
        // A tail too short for an object's header is free space without one.
        while s.left() >= head && objects < MOST_OBJECTS {
            let index = s.ahead().first_chunk::<2>().map_or(0, |b| u16::from_le_bytes(*b));
            if index == 0 {
                s.part(
                    || "free space".into(),
                    |s| {
                        s.u16("object")?;
                        s.reserved(6)?;
                        s.length("size, this header included")?;
                        s.unused("free");
                        Ok(())
                    },
                )?;
                break;
            }
            objects += 1;
            s.part(
                || format!("object {index}"),
                |s| {
                    let start = s.position();
                    s.u16("object")?;
                    s.u16("reference count")?;
                    s.reserved(4)?;
                    let size = s.finite("size")?;
                    s.reserved(head - (s.position() - start))?;
                    let size = usize::try_from(size).unwrap_or(usize::MAX);
                    if size > s.left() {
                        return Err(crate::Error::damaged(format!("object {index} of {size} bytes runs past the end")));
                    }
                    s.text("data", size)?;
                    let padding = (size.next_multiple_of(8) - size).min(s.left());
                    s.bytes("padding", padding).map(drop)
                },
            )?;
        }
        s.note = format!("{objects} objects");
        Ok(())
    });
}

/// The collections that stored elements lead to.
pub(super) fn collections(datatype: &Datatype, elements: &[u8], w: Widths) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    let size = usize::try_from(datatype.size()).unwrap_or(usize::MAX).max(1);
    if datatype.has_references_to_file() {
        for element in elements.chunks_exact(size) {
            collect(datatype, element, w, &mut found);
        }
    }
    found
}

fn collect(datatype: &Datatype, element: &[u8], w: Widths, found: &mut BTreeSet<Address>) {
    // Where in the element the reference stands, and whether there is one at all.
    let id = match datatype {
        Datatype::Sequence { .. } | Datatype::VariableString { .. } => element.get(4..),
        Datatype::Reference { kind: ReferenceKind::Region, .. } => Some(element),
        // Type, flags, then the size of what is in the heap and where; an object of the same file is here itself.
        Datatype::Reference { kind: ReferenceKind::Standard, .. } => {
            let inline = matches!(element, [2, flags, ..] if flags & 1 == 0) || element.first() == Some(&0);
            element.get(6..).filter(|_| !inline)
        }
        Datatype::Compound { members, .. } => {
            for member in members.iter().filter(|m| m.datatype.has_references_to_file()) {
                let end = u64::from(member.offset) + member.datatype.size();
                if let Some(part) = element.get(member.offset as usize..).filter(|_| end <= element.len() as u64) {
                    collect(&member.datatype, part, w, found);
                }
            }
            None
        }
        Datatype::Array { base, .. } => {
            let size = usize::try_from(base.size()).unwrap_or(usize::MAX).max(1);
            let whole = usize::try_from(datatype.size()).unwrap_or(usize::MAX).min(element.len());
            element[..whole].chunks_exact(size).for_each(|part| collect(base, part, w, found));
            None
        }
        _ => None,
    };
    if let Some(id) = id.and_then(|id| HeapId::decode(id, w).ok())
        && let Some(at) = id.collection.filter(|a| a.get() != 0)
    {
        found.insert(at);
    }
}
