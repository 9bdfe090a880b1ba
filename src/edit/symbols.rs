//! Old-style groups: a B-tree of symbol table nodes, and a local heap with the names.
//!
//! Where the tree's root and the heap are is written down in many places: in the group's header, and wherever a link to
//! the group caches it. So both stay where they are. Names are added to a copy of the heap's data, so that what led to
//! a name before still does; all nodes are written anew, and the root over the old one.

use crate::bytes::{Address, Widths};
use crate::error::{Context, Error, Result};
use crate::format::btree1::{NameKey, Node, node_size};
use crate::format::local_heap::{LocalHeap, string_at};
use crate::format::message::link::{Link, Target};
use crate::format::message::small::SymbolTable;
use crate::format::superblock::NodeRanks;
use crate::format::symbol_table::{SymbolTableEntry, decode_node, encode_node, node_size as leaf_size};
use crate::index::btree1::Entries;
use crate::index::space::{METADATA, Space};
use crate::io::Reader;
use std::collections::HashMap;

/// An old-style group as it is stored.
pub(super) struct Symbols {
    table: SymbolTable,
    w: Widths,
    ranks: NodeRanks,
    names: Vec<u8>,
    entries: HashMap<Vec<u8>, SymbolTableEntry>,
}

/// Old bytes that are replaced: where, what they were, what they become.
pub(super) type Replaced = (Address, Vec<u8>, Vec<u8>);

impl Symbols {
    pub(super) fn load(reader: &Reader, table: SymbolTable, ranks: NodeRanks) -> Result<Symbols> {
        let (at, w) = (table.heap, reader.widths());
        let heap = LocalHeap::decode(&reader.metadata(at, LocalHeap::size(w))?, w).at(at.get())?;
        let names = reader.metadata(heap.data, heap.data_size).in_structure("local heap").at(at.get())?.to_vec();
        let mut entries = HashMap::new();
        for leaf in Entries::<NameKey>::new(reader, table.btree, (), ranks.group_internal) {
            let (_, at) = leaf?;
            let bytes = reader.metadata_up_to(at, leaf_size(w, ranks.group_leaf))?;
            for entry in decode_node(&bytes, w, ranks.group_leaf).at(at.get())? {
                entries.insert(string_at(&names, entry.name_offset)?.to_vec(), entry);
            }
        }
        Ok(Symbols { table, w, ranks, names, entries })
    }

    /// Writes the group with these links, sorted by name, in place of its own; returns what becomes of its old bytes, in
    /// the order in which that must happen.
    pub(super) fn store(&self, reader: &Reader, space: &mut Space, links: &[&Link]) -> Result<[Replaced; 2]> {
        let mut names = self.names.clone();
        let mut entries = Vec::with_capacity(links.len());
        for link in links {
            entries.push(match self.entries.get(&*link.name.0) {
                Some(entry) if self.leads_there(entry, &link.target) => entry.clone(),
                _ => add(&mut names, link)?,
            });
        }
        let heap = LocalHeap::full(space.append(&names, METADATA)?, names.len() as u64);
        let root = self.tree(space, &entries)?;
        let replaced = |at: Address, new: Vec<u8>| {
            let old = reader.metadata(at, new.len() as u64)?.to_vec();
            Ok::<_, Error>((at, old, new))
        };
        Ok([replaced(self.table.heap, heap.encode(self.w)?)?, replaced(self.table.btree, root)?])
    }

    fn leads_there(&self, entry: &SymbolTableEntry, target: &Target) -> bool {
        match target {
            Target::Hard(address) => entry.soft_target().is_none() && entry.header == Some(*address),
            Target::Soft(path) => {
                let stored = entry.soft_target().and_then(|offset| string_at(&self.names, offset).ok());
                stored.is_some_and(|s| *s == *path.0)
            }
            _ => false,
        }
    }

    /// Writes all nodes but the root, and returns that.
    fn tree(&self, space: &mut Space, entries: &[SymbolTableEntry]) -> Result<Vec<u8>> {
        let most = 2 * usize::from(self.ranks.group_leaf);
        // Each child with the greatest name in it.
        let mut level: Vec<(Address, u64)> = Vec::new();
        for leaf in even(entries, most) {
            let at = space.append(&encode_node(leaf, self.w, self.ranks.group_leaf)?, METADATA)?;
            level.push((at, leaf.last().map_or(0, |e| e.name_offset)));
        }
        let most = 2 * usize::from(self.ranks.group_internal);
        let mut height = 0;
        while level.len() > most {
            level = self.level(space, height, &level, most)?;
            height += 1;
        }
        self.node(height, &level, 0, None, None)
    }

    /// Writes the nodes of one level below the root, side by side.
    fn level(
        &self,
        space: &mut Space,
        height: u8,
        below: &[(Address, u64)],
        most: usize,
    ) -> Result<Vec<(Address, u64)>> {
        let size = node_size::<NameKey>((), self.w, self.ranks.group_internal);
        let nodes: Vec<&[(Address, u64)]> = even(below, most).collect();
        let start = space.allocate(size * nodes.len() as u64, METADATA)?;
        let mut done: Vec<(Address, u64)> = Vec::with_capacity(nodes.len());
        for (i, children) in nodes.iter().enumerate() {
            let at = |i: usize| start.plus(i as u64 * size);
            let before = done.last().copied();
            let right = if i + 1 < nodes.len() { Some(at(i + 1)?) } else { None };
            let first = before.map_or(0, |(_, name)| name);
            let node = self.node(height, children, first, before.map(|(at, _)| at), right)?;
            space.write(at(i)?, &node)?;
            done.push((at(i)?, children.last().map_or(0, |c| c.1)));
        }
        Ok(done)
    }

    /// A node: its first key is the greatest name before it, each further one the greatest name below a child.
    fn node(
        &self,
        level: u8,
        children: &[(Address, u64)],
        first: u64,
        left: Option<Address>,
        right: Option<Address>,
    ) -> Result<Vec<u8>> {
        let node = Node {
            level,
            left,
            right,
            keys: std::iter::once(NameKey(first)).chain(children.iter().map(|c| NameKey(c.1))).collect(),
            children: children.iter().map(|c| c.0).collect(),
        };
        node.encode((), self.w, self.ranks.group_internal)
    }
}

/// Cuts `items` into as few pieces of at most `most` as possible, of even size.
fn even<T>(items: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    let pieces = items.len().div_ceil(most).max(1);
    items.chunks(items.len().div_ceil(pieces).max(1))
}

/// A new entry, its name and target added to the heap's data.
fn add(names: &mut Vec<u8>, link: &Link) -> Result<SymbolTableEntry> {
    let mut put = |bytes: &[u8]| {
        let at = names.len() as u64;
        names.extend_from_slice(bytes);
        names.push(0);
        names.resize(names.len().next_multiple_of(8), 0);
        at
    };
    let name = put(&link.name.0);
    match &link.target {
        Target::Hard(address) => Ok(SymbolTableEntry::hard(name, *address)),
        Target::Soft(path) => {
            let target = u32::try_from(put(&path.0)).map_err(|_| Error::limit("a local heap of more than 4 GiB"))?;
            Ok(SymbolTableEntry::soft(name, target))
        }
        // `Links` makes a new-style group first.
        Target::External { .. } | Target::User { .. } => {
            Err(Error::unsupported("a link to elsewhere in an old-style group"))
        }
    }
}
