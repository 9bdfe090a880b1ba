//! Old-style groups: a B-tree of symbol table nodes, and a heap with the names (III.A.1, III.B, III.C, III.D).

use super::header;
use super::kind::Kind;
use super::scribe::{Scribe, quoted};
use super::walk::{Owner, Place, Walk};
use crate::bytes::Address;
use crate::error::Result;
use crate::format::btree1::{NameKey, node_size};
use crate::format::local_heap::{LocalHeap, string_at};
use crate::format::symbol_table;
use std::rc::Rc;

/// The names of a group, where they could be read.
pub(super) type Names = Option<Rc<[u8]>>;

/// What a symbol table entry caches.
const CACHE: super::scribe::Names = &[(0, "nothing is cached"), (1, "a group is cached"), (2, "a soft link")];

/// A group: its heap, then its tree.
pub(super) fn group(walk: &mut Walk, btree: Option<Address>, heap: Option<Address>, owner: Owner) {
    let names = heap.and_then(|heap| local_heap(walk, heap, owner));
    if let Some(btree) = btree {
        walk.then(move |walk| node(walk, btree, None, &names, owner));
    }
}

/// A local heap; returns its data.
pub(super) fn local_heap(walk: &mut Walk, at: Address, owner: Owner) -> Names {
    let w = walk.reader.widths();
    let (mut data, mut size, mut first_free) = (None, 0, None);
    let length = LocalHeap::size(w).next_multiple_of(8);
    walk.structure(Place { kind: Kind::LocalHeap, at, length, owner }, |s| {
        s.signature(b"HEAP")?;
        s.version("version", 0..=0)?;
        s.reserved(3)?;
        size = s.finite("size of the data segment")?;
        first_free = s.length("offset of the first free block")?.filter(|&o| o != 1);
        if first_free.is_none() {
            s.means(|| "there is none".into());
        }
        data = s.address("address of the data segment")?;
        s.note = format!("{size} bytes of names");
        Ok(())
    });
    let data = data?;
    let place = Place { kind: Kind::LocalHeapData, at: data, length: size, owner };
    let mut names = None;
    walk.structure(place, |s| {
        names = Some(Rc::from(s.whole()));
        if (s.whole().len() as u64) < size {
            s.wrong("runs past the end of the file");
        }
        strings(s, first_free)
    });
    names
}

/// The data of a local heap: strings, each at a multiple of 8, and free blocks that know the next one.
fn strings(s: &mut Scribe<'_>, first_free: Option<u64>) -> Result<()> {
    let least = 2 * s.w.length();
    let mut free = first_free;
    while s.left() > 0 {
        let here = s.position() as u64;
        if free == Some(here) && s.left() >= least {
            let mut next = None;
            s.part(
                || "free block".into(),
                |s| {
                    next = s.length("offset of the next free block")?.filter(|&o| o != 1);
                    let size = s.finite("size")?;
                    let rest = (size as usize).checked_sub(least).filter(|&n| n <= s.left());
                    if rest.is_none() {
                        s.wrong(format!("a free block of {size} bytes at offset {here}"));
                    }
                    let rest = rest.unwrap_or(s.left());
                    s.bytes("free", rest).map(drop)
                },
            )?;
            free = next;
            continue;
        }
        // Up to the NUL, and that padded.
        let text = s.ahead();
        let until = free.filter(|&f| f > here).map_or(text.len(), |f| (f - here) as usize).min(text.len());
        let end = text.iter().take(until).position(|&b| b == 0).map_or(until, |n| (n + 1).next_multiple_of(8));
        s.text("name", end.clamp(1, until.max(1)))?;
    }
    Ok(())
}

/// A node of the tree.
pub(super) fn node(walk: &mut Walk, at: Address, level: Option<u8>, names: &Names, owner: Owner) {
    let (w, rank) = (walk.reader.widths(), walk.ranks.group_internal);
    let length = node_size::<NameKey>((), w, rank);
    let (mut found, mut children) = (0, Vec::new());
    walk.structure(Place { kind: Kind::GroupNode, at, length, owner }, |s| {
        let count;
        (found, count) = node_head(s, 0, level, rank)?;
        for i in 0..=count {
            let offset = s.length("key: offset of a name in the heap")?;
            s.means(|| name_at(names, offset));
            if i < count {
                children.extend(s.address(if found == 0 { "symbol table node" } else { "child node" })?);
            }
        }
        s.unused("room for more entries");
        Ok(())
    });
    for child in children {
        let names = names.clone();
        match found.checked_sub(1) {
            None => walk.then(move |walk| symbols(walk, child, &names, owner)),
            Some(below) => walk.then(move |walk| node(walk, child, Some(below), &names, owner)),
        }
    }
}

/// What nodes of version 1 B-trees begin with; returns level and number of children.
pub(super) fn node_head(s: &mut Scribe<'_>, kind: u64, level: Option<u8>, rank: u16) -> Result<(u8, u16)> {
    s.signature(b"TREE")?;
    let found = s.choice("kind of node", 1, &[(0, "group"), (1, "chunks")])?;
    if found != kind {
        s.wrong("a node of another kind is wanted here");
    }
    let depth = s.u8("level")?;
    s.means(|| if depth == 0 { "a leaf".into() } else { String::new() });
    if level.is_some_and(|l| l != depth) {
        s.wrong(format!("level {depth} below level {}", level.map_or(0, |l| u16::from(l) + 1)));
    }
    let count = s.u16("entries used")?;
    if u32::from(count) > 2 * u32::from(rank) {
        s.wrong(format!("{count} entries, there is room for {}", 2 * u32::from(rank)));
    }
    s.address("left sibling")?;
    s.address("right sibling")?;
    s.note = format!("level {depth}, {count} {}", if count == 1 { "child" } else { "children" });
    // Below a leaf there is no node, whatever it says.
    Ok((level.unwrap_or(depth), count))
}

fn name_at(names: &Names, offset: Option<u64>) -> String {
    let name = names.as_ref().zip(offset).and_then(|(n, o)| string_at(n, o).ok());
    name.map(quoted).unwrap_or_default()
}

/// A symbol table node.
fn symbols(walk: &mut Walk, at: Address, names: &Names, owner: Owner) {
    let (w, rank) = (walk.reader.widths(), walk.ranks.group_leaf);
    let length = symbol_table::node_size(w, rank);
    let mut children: Vec<(Option<u64>, Address)> = Vec::new();
    walk.structure(Place { kind: Kind::SymbolTableNode, at, length, owner }, |s| {
        s.signature(b"SNOD")?;
        s.version("version", 1..=1)?;
        s.reserved(1)?;
        let count = s.u16("number of links")?;
        if u32::from(count) > 2 * u32::from(rank) {
            s.wrong(format!("{count} links, there is room for {}", 2 * u32::from(rank)));
        }
        s.note = format!("{count} {}", if count == 1 { "link" } else { "links" });
        for i in 0..count {
            s.part(
                || format!("link {i}"),
                |s| {
                    let (name, header, is_soft) = entry(s, names)?;
                    children.extend(header.filter(|_| !is_soft).map(|h| (name, h)));
                    Ok(())
                },
            )?;
        }
        s.unused("room for more links");
        Ok(())
    });
    for (name, header) in children {
        let name = names.as_ref().zip(name).and_then(|(n, o)| string_at(n, o).ok().map(<[u8]>::to_vec));
        if name.is_none() {
            walk.finding(Kind::SymbolTableNode, at, owner, "a link whose name cannot be read");
        }
        header::child(walk, header, name.as_deref(), owner);
    }
}

/// A symbol table entry: offset of its name, address of the object, whether it is a soft link.
pub(super) fn entry(s: &mut Scribe<'_>, names: &Names) -> Result<(Option<u64>, Option<Address>, bool)> {
    let name = s.length("offset of the name in the heap")?;
    s.means(|| name_at(names, name));
    if names.as_ref().zip(name).is_some_and(|(n, o)| string_at(n, o).is_err()) {
        s.wrong("the heap has no name there");
    }
    let header = s.address("object header")?;
    let cache = s.choice("cache type", 4, CACHE)?;
    s.reserved(4)?;
    match cache {
        1 if 2 * s.w.offset() <= 16 => {
            s.address("cached: B-tree")?;
            s.address("cached: local heap")?;
            let used = 2 * s.w.offset();
            s.reserved(16usize.saturating_sub(used))?;
        }
        2 => {
            let target = s.number("offset of the target in the heap", 4)?;
            s.means(|| name_at(names, Some(target)));
            s.reserved(12)?;
        }
        _ => s.bytes("scratch pad", 16).map(drop)?,
    }
    Ok((name, header, cache == 2))
}
