//! Walking version 1 B-trees, by an iterator that keeps one node a level in memory.

use crate::bytes::Address;
use crate::error::{Context, Error, Result};
use crate::format::btree1::{Key, Node, header_size};
use crate::io::Reader;

const STRUCTURE: &str = "version 1 B-tree node";

/// The entries of a tree's leaves, in order: each with its key. A damaged node is one `Err`; the rest follows.
pub(crate) struct Entries<K: Key> {
    reader: Reader,
    form: K::Form,
    rank: u16,
    /// From the root down: the level of a node, and what of it is still to come.
    stack: Vec<(u8, std::vec::IntoIter<(K, Address)>)>,
    /// The root, until it is read.
    root: Option<Address>,
}

impl<K: Key> Entries<K> {
    /// Walks the tree at `root` whose nodes have rank `rank`.
    pub(crate) fn new(reader: &Reader, root: Address, form: K::Form, rank: u16) -> Entries<K> {
        Entries { reader: reader.clone(), form, rank, stack: Vec::new(), root: Some(root) }
    }

    /// Reads a node; below another one its level is known.
    fn push(&mut self, at: Address, level: Option<u8>) -> Result<()> {
        let node = read::<K>(&self.reader, at, self.form, self.rank)?;
        let wrong = |what: String| Err(Error::damaged(what).in_structure(STRUCTURE).at(at.get()));
        match level {
            Some(level) if node.level != level => {
                return wrong(format!("level {} below level {}", node.level, level + 1));
            }
            _ => {}
        }
        let entries: Vec<(K, Address)> = node.keys.into_iter().zip(node.children).collect();
        self.stack.push((node.level, entries.into_iter()));
        Ok(())
    }
}

/// Reads one node, as far as it is used.
pub(crate) fn read<K: Key>(reader: &Reader, at: Address, form: K::Form, rank: u16) -> Result<Node<K>> {
    let w = reader.widths();
    let head = reader.metadata(at, header_size(w) as u64).in_structure(STRUCTURE)?;
    // The number of entries stands behind signature, kind and level; the rest of a node's room is junk.
    let count = u64::from(u16::from_le_bytes([head[6], head[7]]));
    let size = K::size(form, w) as u64;
    let used = head.len() as u64 + count * (size + w.offset() as u64) + size;
    let bytes = reader.metadata(at, used).in_structure(STRUCTURE)?;
    Node::decode(&bytes, form, w, rank).at(at.get())
}

impl<K: Key> Iterator for Entries<K> {
    type Item = Result<(K, Address)>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(root) = self.root.take()
            && let Err(e) = self.push(root, None)
        {
            return Some(Err(e));
        }
        loop {
            let (level, entries) = self.stack.last_mut()?;
            match (entries.next(), *level) {
                (Some(entry), 0) => return Some(Ok(entry)),
                (Some((_, child)), level) => {
                    if let Err(e) = self.push(child, Some(level - 1)) {
                        return Some(Err(e));
                    }
                }
                (None, _) => {
                    self.stack.pop();
                }
            }
        }
    }
}
