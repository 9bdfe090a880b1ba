//! Building the version 1 B-tree of a new dataset's chunks, from the leaves up: all chunks are known by then, so every
//! node but the last of its level is full.

use super::space::{METADATA, Space};
use crate::bytes::Address;
use crate::error::Result;
use crate::format::btree1::{ChunkKey, Node, node_size};

/// A chunk that is stored, and where it belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacedChunk {
    /// Its number in the dataset's grid, row by row.
    pub(crate) number: u64,
    pub(crate) address: Address,
    /// Bytes in the file.
    pub(crate) size: u32,
    /// Bit i: filter i of the pipeline was skipped.
    pub(crate) mask: u32,
}

/// One key with its child, in whatever level.
struct Entry {
    key: ChunkKey,
    child: Address,
}

/// Writes the tree of `chunks`, sorted by number, and returns its root; nothing where there is no chunk.
///
/// `offset` gives the first element of the chunk of a number, and `chunk` is the shape of all of them.
pub(crate) fn build(
    space: &mut Space,
    chunks: &[PlacedChunk],
    chunk: &[u64],
    element_size: u64,
    offset: impl Fn(u64) -> Vec<u64>,
) -> Result<Option<Address>> {
    let key = |c: &PlacedChunk| {
        let mut offset = offset(c.number);
        offset.push(0);
        ChunkKey { stored_size: c.size, filter_mask: c.mask, offset }
    };
    let Some(last) = chunks.last() else {
        return Ok(None);
    };
    let end = end_key(&key(last), chunk, element_size);
    let leaves = chunks.iter().map(|c| Entry { key: key(c), child: c.address });
    let mut level = 0;
    let mut entries = write_level(space, level, leaves, &end)?;
    while entries.len() > 1 {
        level += 1;
        entries = write_level(space, level, entries.into_iter(), &end)?;
    }
    Ok(entries.first().map(|root| root.child))
}

/// The key behind the last chunk: greater than every chunk's, one chunk further in every dimension as libhdf5 has it.
fn end_key(last: &ChunkKey, chunk: &[u64], element_size: u64) -> ChunkKey {
    let steps = chunk.iter().chain([&element_size]);
    let offset = last.offset.iter().zip(steps).map(|(o, s)| o.saturating_add(*s));
    ChunkKey { stored_size: 0, filter_mask: 0, offset: offset.collect() }
}

/// Writes the nodes of one level side by side, and returns the entries of the level above.
fn write_level(
    space: &mut Space,
    level: u8,
    entries: impl ExactSizeIterator<Item = Entry>,
    end: &ChunkKey,
) -> Result<Vec<Entry>> {
    let (w, rank) = (space.widths(), space.chunk_rank());
    let coordinates = end.offset.len();
    let size = node_size::<ChunkKey>(coordinates, w, rank);
    let most = 2 * usize::from(rank);
    let nodes = entries.len().div_ceil(most);
    let first = space.allocate(nodes as u64 * size, METADATA)?;
    let place = |node: usize| first.plus(node as u64 * size);
    let mut entries = entries.peekable();
    let mut above = Vec::with_capacity(nodes);
    for number in 0..nodes {
        let mut node = Node {
            level,
            left: number.checked_sub(1).map(place).transpose()?,
            right: (number + 1 < nodes).then(|| place(number + 1)).transpose()?,
            keys: Vec::with_capacity(most + 1),
            children: Vec::with_capacity(most),
        };
        for entry in entries.by_ref().take(most) {
            node.keys.push(entry.key);
            node.children.push(entry.child);
        }
        // Neighbours share the key between them.
        let next = entries.peek().map_or(end, |e| &e.key);
        node.keys.push(next.clone());
        let at = place(number)?;
        space.write(at, &node.encode(coordinates, w, rank)?)?;
        above.extend(node.keys.into_iter().next().map(|key| Entry { key, child: at }));
    }
    Ok(above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Widths;
    use crate::io::MemoryStore;
    use std::sync::Arc;

    type ChunkNode = Node<ChunkKey>;

    /// Reads a tree back and checks what libhdf5 relies on; returns its leaves' entries in order.
    fn walk(file: &[u8], at: Address, above: Option<u8>) -> Vec<(ChunkKey, Address)> {
        let bytes = &file[at.get() as usize..];
        let node = ChunkNode::decode(bytes, 3, Widths::EIGHT, 32).unwrap();
        assert!(above.is_none_or(|l| l == node.level + 1));
        assert!(node.keys.windows(2).all(|k| k[0].offset < k[1].offset));
        if node.level == 0 {
            return node.keys.into_iter().zip(node.children).collect();
        }
        let mut all = Vec::new();
        for (i, child) in node.children.iter().enumerate() {
            let bytes = &file[child.get() as usize..];
            let below = ChunkNode::decode(bytes, 3, Widths::EIGHT, 32).unwrap();
            assert_eq!(below.keys.first(), node.keys.get(i));
            assert_eq!(below.keys.last(), node.keys.get(i + 1));
            if let Some(next) = node.children.get(i + 1) {
                assert_eq!(below.right, Some(*next));
            }
            all.extend(walk(file, *child, Some(node.level)));
        }
        all
    }

    #[test]
    fn every_chunk_is_found_in_order_at_any_number_of_levels() {
        for count in [1, 64, 65, 4096, 4097, 10_000] {
            let store = MemoryStore::default();
            let mut space = Space::new(Arc::new(store.clone()), 48);
            let chunks: Vec<PlacedChunk> = (0..count)
                .map(|n| PlacedChunk { number: n, address: Address(1 << 20 | n), size: 7, mask: 2 })
                .collect();
            let offset = |n: u64| vec![n / 10 * 4, n % 10 * 5];
            let root = build(&mut space, &chunks, &[4, 5], 8, offset).unwrap();
            space.into_store().unwrap();
            let found = walk(&store.bytes(), root.unwrap(), None);
            assert_eq!(found.len() as u64, count);
            for (n, (key, child)) in found.iter().enumerate() {
                let n = n as u64;
                assert_eq!(key.offset, [n / 10 * 4, n % 10 * 5, 0]);
                assert_eq!((key.stored_size, key.filter_mask), (7, 2));
                assert_eq!(*child, Address(1 << 20 | n));
            }
        }
    }

    #[test]
    fn no_chunk_makes_no_tree() {
        let mut space = Space::new(Arc::new(MemoryStore::default()), 48);
        let root = build(&mut space, &[], &[4], 8, |_| vec![]).unwrap();
        assert_eq!((root, space.end()), (None, 48));
    }
}
