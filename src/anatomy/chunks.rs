//! Where the elements of a dataset are: in one piece, or in chunks that an index leads to (IV.A.2.i, VII).

use super::arrays;
use super::btree2::{self, Use};
use super::group;
use super::kind::Kind;
use super::message::Parts;
use super::scribe::Scribe;
use super::walk::{Owner, Place, Walk};
use crate::bytes::Address;
use crate::format::btree1::{ChunkKey, node_size};
use crate::format::message::dataspace::Dataspace;
use crate::format::message::layout::{ChunkIndex, Chunked, Layout};
use crate::object::ObjectHeader;
use std::rc::Rc;

/// What must be known of chunks to find them in an index.
pub(super) struct Form {
    /// Bytes of a chunk without filters.
    pub(super) bytes: u64,
    /// Dimensions.
    pub(super) rank: usize,
}

impl Form {
    /// An address, and with filters a size as wide as what is left before the mask: what indexes say of a chunk.
    pub(super) fn element(&self, element: &[u8], is_filtered: bool, w: crate::bytes::Widths) -> Option<(Address, u64)> {
        let mut s = Scribe::new(element, w, false);
        let at = s.address("chunk").ok().flatten()?;
        if !is_filtered {
            return Some((at, self.bytes));
        }
        let width = s.left().checked_sub(4).filter(|w| (1..=8).contains(w))?;
        Some((at, s.number("size", width).ok()?))
    }

    /// A record of a version 2 B-tree: an element, and a position in chunks.
    pub(super) fn record(&self, walk: &mut Walk, record: &[u8], is_filtered: bool, owner: Owner) {
        let split = record.len().checked_sub(8 * self.rank);
        let Some((element, position)) = split.and_then(|n| record.split_at_checked(n)) else {
            return;
        };
        if let Some((at, length)) = self.element(element, is_filtered, walk.reader.widths()) {
            let place = Place { kind: Kind::Chunk, at, length, owner };
            walk.raw(place, || {
                let position: Vec<u64> = position.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).collect();
                format!("chunk {position:?}")
            });
        }
    }
}

/// Everything that a dataset's layout leads to.
pub(super) fn storage(walk: &mut Walk, parts: &Parts, owner: Owner) {
    let w = walk.reader.widths();
    let Some(body) = &parts.layout else {
        return;
    };
    // What is wrong with it was said where its message was read.
    match Layout::decode(body, w) {
        Ok(Layout::Contiguous { address: Some(at), size }) => {
            let Some(length) = size.or_else(|| size_of(walk, parts)) else {
                return walk.finding(Kind::Contiguous, at, owner, "its size is not known");
            };
            walk.raw(Place { kind: Kind::Contiguous, at, length, owner }, String::new);
        }
        Ok(Layout::Chunked(chunked)) => {
            if let (Some(at), Ok(bytes)) = (chunked.address, chunked.chunk_bytes()) {
                let form = Rc::new(Form { bytes, rank: chunked.shape.len() });
                index(walk, at, &chunked, &form, parts, owner);
            }
        }
        _ => {}
    }
}

/// The bytes of a dataset whose layout message is too old to say: elements times their size.
fn size_of(walk: &Walk, parts: &Parts) -> Option<u64> {
    let space = Dataspace::decode(parts.dataspace.as_ref()?, walk.reader.widths()).ok()?;
    let element = match parts.element_size {
        Some(size) => size,
        None => {
            let at = parts.committed_datatype?;
            let header = ObjectHeader::load(&walk.reader, at).ok()?;
            header.datatype(&walk.reader).ok()?.0.size()
        }
    };
    space.len().checked_mul(element)
}

fn index(walk: &mut Walk, at: Address, chunked: &Chunked, form: &Rc<Form>, parts: &Parts, owner: Owner) {
    let form = form.clone();
    match &chunked.index {
        ChunkIndex::BTree1 => walk.then(move |walk| node(walk, at, None, &form, owner)),
        ChunkIndex::Single { filtered } => {
            let length = filtered.map_or(form.bytes, |(size, _)| size);
            walk.raw(Place { kind: Kind::Chunk, at, length, owner }, || "the single chunk".into());
        }
        ChunkIndex::Implicit => {
            let space = parts.dataspace.as_ref().and_then(|b| Dataspace::decode(b, walk.reader.widths()).ok());
            let max = space.map(|s| s.max_dims()).unwrap_or_default();
            let chunks = max
                .iter()
                .zip(&chunked.shape)
                .try_fold(1u64, |n, (max, chunk)| n.checked_mul((*max)?.div_ceil(*chunk)));
            let Some(length) = chunks.and_then(|n| n.checked_mul(form.bytes)) else {
                return walk.finding(Kind::Chunk, at, owner, "the number of chunks is not known");
            };
            walk.raw(Place { kind: Kind::Chunk, at, length, owner }, || "all chunks".into());
        }
        ChunkIndex::FixedArray { .. } => walk.then(move |walk| arrays::fixed(walk, at, &form, owner)),
        ChunkIndex::ExtensibleArray(_) => walk.then(move |walk| arrays::extensible(walk, at, &form, owner)),
        ChunkIndex::BTree2 { .. } => walk.then(move |walk| btree2::tree(walk, at, Use::Chunks(form), owner)),
    }
}

/// A node of a version 1 B-tree of chunks.
fn node(walk: &mut Walk, at: Address, level: Option<u8>, form: &Rc<Form>, owner: Owner) {
    let (w, rank, coordinates) = (walk.reader.widths(), walk.ranks.chunk, form.rank + 1);
    let length = node_size::<ChunkKey>(coordinates, w, rank);
    let (mut found, mut children) = (0, Vec::new());
    walk.structure(Place { kind: Kind::ChunkNode, at, length, owner }, |s| {
        let count;
        (found, count) = group::node_head(s, 1, level, rank)?;
        for i in 0..=count {
            let (mut size, mut position) = (0, Vec::new());
            s.part(
                || if i < count { format!("key {i}") } else { "last key: behind the last chunk".into() },
                |s| {
                    size = s.u32("bytes in the file")?.into();
                    s.u32("filters that were skipped")?;
                    for d in 0..coordinates {
                        position.push(s.number(if d < form.rank { "offset" } else { "offset in the element" }, 8)?);
                    }
                    Ok(())
                },
            )?;
            if i < count {
                let child = s.address(if found == 0 { "chunk" } else { "child node" })?;
                children.extend(child.map(|at| (at, size, position)));
            }
        }
        s.unused("room for more entries");
        Ok(())
    });
    for (child, length, position) in children {
        match found.checked_sub(1) {
            None => walk.raw(Place { kind: Kind::Chunk, at: child, length, owner }, || {
                format!("chunk at {:?}", position.get(..form.rank).unwrap_or_default())
            }),
            Some(below) => {
                let form = form.clone();
                walk.then(move |walk| node(walk, child, Some(below), &form, owner));
            }
        }
    }
}
