//! Building the links of a new old-style group: names in a local heap, entries in symbol table nodes, found through a
//! version 1 B-tree. All links are known by then, so every node but the last of its level is full.

use super::space::{METADATA, Space};
use crate::bytes::Address;
use crate::error::{Error, Result};
use crate::format::btree1::{NameKey, Node, node_size};
use crate::format::local_heap::{LocalHeap, push_string};
use crate::format::message::small::SymbolTable;
use crate::format::superblock::NodeRanks;
use crate::format::symbol_table::{self, SymbolTableEntry};

const RANKS: NodeRanks = NodeRanks::DEFAULT;

/// A link of the group.
pub(crate) struct NamedTarget<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) target: OldTarget<'a>,
}

/// Where such a link can lead.
pub(crate) enum OldTarget<'a> {
    /// To the object at an address; for an old-style group with its own table, if that is known.
    Hard(Address, Option<SymbolTable>),
    Soft(&'a [u8]),
}

/// A node, and the greatest name below it.
struct Below {
    last: NameKey,
    address: Address,
}

/// Writes the links, which are sorted by name, and returns where they are.
pub(crate) fn build(space: &mut Space, links: &[NamedTarget<'_>]) -> Result<SymbolTable> {
    // Before all names stands the empty one, at offset 0.
    let mut names = Vec::new();
    push_string(&mut names, b"");
    let entries = links.iter().map(|link| entry(&mut names, link)).collect::<Result<Vec<_>>>()?;
    let heap = write_names(space, &names)?;
    let mut level = 0;
    let mut nodes = write_entries(space, &entries)?;
    let btree = loop {
        nodes = write_level(space, level, &nodes)?;
        if let [root] = &nodes[..] {
            break root.address;
        }
        level += 1;
    };
    Ok(SymbolTable { btree, heap })
}

fn entry(names: &mut Vec<u8>, link: &NamedTarget<'_>) -> Result<SymbolTableEntry> {
    let name = push_string(names, link.name);
    Ok(match link.target {
        OldTarget::Hard(header, table) => {
            let entry = SymbolTableEntry::hard(name, header);
            table.map_or(entry.clone(), |table| entry.with_table(table))
        }
        OldTarget::Soft(path) => {
            let target = u32::try_from(push_string(names, path));
            let too_many = |_| Error::limit("more than 4 GiB of names in an old-style group");
            SymbolTableEntry::soft(name, target.map_err(too_many)?)
        }
    })
}

/// Writes the heap: its header, and the segment right behind.
fn write_names(space: &mut Space, names: &[u8]) -> Result<Address> {
    let w = space.widths();
    let at = space.allocate(LocalHeap::size(w) + names.len() as u64, METADATA)?;
    space.write(at, &LocalHeap::encode_full(names, at, w)?)?;
    Ok(at)
}

/// Writes the symbol table nodes side by side.
fn write_entries(space: &mut Space, entries: &[SymbolTableEntry]) -> Result<Vec<Below>> {
    let most = 2 * usize::from(RANKS.group_leaf);
    let mut nodes = Vec::with_capacity(entries.len().div_ceil(most));
    for entries in entries.chunks(most) {
        let address = space.append(&symbol_table::encode_node(entries, space.widths(), RANKS.group_leaf)?, METADATA)?;
        nodes.extend(entries.last().map(|last| Below { last: NameKey(last.name_offset), address }));
    }
    Ok(nodes)
}

/// Writes the B-tree's nodes of one level side by side: at least one, which is empty where there is nothing below.
fn write_level(space: &mut Space, level: u8, below: &[Below]) -> Result<Vec<Below>> {
    let w = space.widths();
    let size = node_size::<NameKey>((), w, RANKS.group_internal);
    let most = 2 * usize::from(RANKS.group_internal);
    let count = below.len().div_ceil(most).max(1);
    let first = space.allocate(count as u64 * size, METADATA)?;
    let place = |node: usize| first.plus(node as u64 * size);
    let mut nodes = Vec::with_capacity(count);
    // Before all names is the empty one.
    let mut last = NameKey(0);
    for number in 0..count {
        let children = below.get(number * most..).unwrap_or_default();
        let children = children.get(..most).unwrap_or(children);
        let keys = [last].into_iter().chain(children.iter().map(|c| c.last)).collect();
        last = children.last().map_or(last, |c| c.last);
        let node = Node {
            level,
            left: number.checked_sub(1).map(place).transpose()?,
            right: (number + 1 < count).then(|| place(number + 1)).transpose()?,
            keys,
            children: children.iter().map(|c| c.address).collect(),
        };
        let address = place(number)?;
        space.write(address, &node.encode((), w, RANKS.group_internal)?)?;
        nodes.push(Below { last, address });
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Widths;

    const W: Widths = Widths::EIGHT;
    use crate::format::local_heap::string_at;
    use crate::io::MemoryStore;
    use std::sync::Arc;

    /// Reads a tree back and checks what libhdf5 relies on; returns the names in order.
    fn walk(file: &[u8], at: Address, between: (u64, u64), names: &[u8], found: &mut Vec<Vec<u8>>) -> u8 {
        let node = Node::<NameKey>::decode(&file[at.get() as usize..], (), W, 16).unwrap();
        assert!(node.keys.first() == Some(&NameKey(between.0)));
        assert!(node.keys.last() == Some(&NameKey(between.1)));
        let name = |offset: u64| string_at(names, offset).unwrap().to_vec();
        for (keys, child) in node.keys.windows(2).zip(&node.children) {
            let before = found.len();
            if node.level > 0 {
                assert_eq!(walk(file, *child, (keys[0].0, keys[1].0), names, found) + 1, node.level);
            } else {
                let entries = symbol_table::decode_node(&file[child.get() as usize..], W, 4).unwrap();
                found.extend(entries.iter().map(|e| name(e.name_offset)));
            }
            assert!(found[before..].iter().all(|n| *n > name(keys[0].0) && *n <= name(keys[1].0)));
        }
        node.level
    }

    #[test]
    fn every_name_is_found_in_order_at_any_number_of_levels() {
        for (count, level) in [(0, 0), (1, 0), (8, 0), (9, 0), (256, 0), (257, 1), (8192, 1), (8193, 2)] {
            let names: Vec<String> = (0..count).map(|n| format!("link {n:06}")).collect();
            let targets = |(i, n): (usize, &String)| OldTargetOf(i, n.clone());
            let made: Vec<OldTargetOf> = names.iter().enumerate().map(targets).collect();
            let links: Vec<NamedTarget<'_>> = made.iter().map(OldTargetOf::link).collect();
            let store = MemoryStore::default();
            let mut space = Space::new(Arc::new(store.clone()), 96);
            let table = build(&mut space, &links).unwrap();
            space.into_store().unwrap();
            let file = store.bytes();
            let heap = LocalHeap::decode(&file[table.heap.get() as usize..], W).unwrap();
            let start = heap.data.get() as usize;
            let segment = &file[start..start + heap.data_size as usize];
            let root = Node::<NameKey>::decode(&file[table.btree.get() as usize..], (), W, 16).unwrap();
            let between = (0, root.keys.last().map_or(0, |k| k.0));
            let mut found = Vec::new();
            assert_eq!(walk(&file, table.btree, between, segment, &mut found), level, "{count} links");
            assert!(found.iter().map(Vec::as_slice).eq(names.iter().map(String::as_bytes)), "{count} links");
        }
    }

    /// Every third link is soft.
    struct OldTargetOf(usize, String);

    impl OldTargetOf {
        fn link(&self) -> NamedTarget<'_> {
            let target = match self.0 % 3 {
                0 => OldTarget::Soft(b"/somewhere/else"),
                _ => OldTarget::Hard(Address(4096), None),
            };
            NamedTarget { name: self.1.as_bytes(), target }
        }
    }
}
