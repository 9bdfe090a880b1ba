//! Building a version 2 B-tree of sorted records: every node gets its even share of them.

use super::space::{METADATA, Space};
use crate::bytes::Address;
use crate::error::Result;
use crate::format::btree2::{Child, Header, Levels, NODE_SIZE, encode_node};

/// Writes the tree of `records`, all of `record_size` bytes and in the tree's order, and returns where its header is.
pub(crate) fn build(space: &mut Space, kind: u8, record_size: u16, records: &[Vec<u8>]) -> Result<Address> {
    build_in(space, kind, NODE_SIZE, record_size, records)
}

/// As [`build`], in nodes of `node_size` bytes.
pub(crate) fn build_in(
    space: &mut Space,
    kind: u8,
    node_size: u32,
    record_size: u16,
    records: &[Vec<u8>],
) -> Result<Address> {
    let w = space.widths();
    let mut header = Header::new(kind, node_size, record_size, records.len() as u64, w)?;
    let levels = Levels::new(&header, w)?;
    if !records.is_empty() {
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let root = subtree(space, kind, header.depth.into(), &records, &levels)?;
        (header.root, header.root_records) = (Some(root.address), root.records);
    }
    space.append(&header.encode(w)?, METADATA)
}

/// Writes the node of `level` that holds `records`, after the nodes below it.
fn subtree(space: &mut Space, kind: u8, level: usize, records: &[&[u8]], levels: &Levels) -> Result<Child> {
    let (mut own, mut children) = (records.to_vec(), Vec::new());
    if let Some(below) = level.checked_sub(1) {
        own.clear();
        // One record stands between every two children.
        let (_, most) = levels.capacity(below);
        let count = (records.len() + 1).div_ceil(most as usize + 1).max(2);
        let mut rest = records;
        for left in (1..=count).rev() {
            // What is left, without the records between, in even shares.
            let share = (rest.len() - (left - 1)).div_ceil(left);
            let (these, others) = rest.split_at(share);
            children.push(subtree(space, kind, below, these, levels)?);
            if let Some((between, others)) = others.split_first() {
                own.push(*between);
                rest = others;
            }
        }
    }
    let node = encode_node(kind, level, &own, &children, levels, space.widths())?;
    let address = space.append(&node, METADATA)?;
    Ok(Child::new(address, own.len() as u16, records.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Widths;

    const W: Widths = Widths::EIGHT;
    use crate::format::btree2::decode_node;
    use crate::io::MemoryStore;
    use std::sync::Arc;

    fn walk(file: &[u8], child: &Child, level: usize, levels: &Levels, found: &mut Vec<Vec<u8>>) {
        let start = child.address.get() as usize;
        let used = levels.used_size(level, child.records) as usize;
        let node = decode_node(&file[start..start + used], 5, level, child.records, levels, W).unwrap();
        let before = found.len();
        let mut records = node.records.chunks_exact(11).map(<[u8]>::to_vec);
        for below in &node.children {
            walk(file, below, level - 1, levels, found);
            found.extend(records.next());
        }
        found.extend(records);
        if level > 0 && child.total() > 0 {
            assert_eq!(child.total(), (found.len() - before) as u64);
        }
    }

    #[test]
    fn every_record_is_found_in_order() {
        for count in [0u32, 1, 45, 46, 91, 92, 1149, 1150, 30_000] {
            let records: Vec<Vec<u8>> = (0..count).map(|n| [&n.to_be_bytes()[..], &[7; 7]].concat()).collect();
            let store = MemoryStore::default();
            let mut space = Space::new(Arc::new(store.clone()), 48);
            let at = build(&mut space, 5, 11, &records).unwrap().get() as usize;
            space.into_store().unwrap();
            let file = store.bytes();
            let header = Header::decode(&file[at..at + Header::size(W) as usize], W).unwrap();
            assert_eq!(header.total_records, u64::from(count));
            let mut found = Vec::new();
            if let Some(address) = header.root {
                let levels = Levels::new(&header, W).unwrap();
                let root = Child::new(address, header.root_records, header.total_records);
                walk(&file, &root, header.depth.into(), &levels, &mut found);
            }
            assert!(found == records, "{count} records");
        }
    }
}
