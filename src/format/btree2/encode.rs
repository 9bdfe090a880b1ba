//! The nodes of a version 2 B-tree that is written at once.

use super::{Child, HEADER, Header, Levels, NODE, NodePrefix};
use crate::bytes::{self, Address, Widths};
use crate::error::Result;

/// Bytes of a node, as libhdf5 makes the trees of links, attributes and huge objects.
pub(crate) const NODE_SIZE: u32 = 512;

/// The same for trees of chunks.
pub(crate) const CHUNK_NODE_SIZE: u32 = 2048;

impl Header {
    /// The header of a tree of `total` records of `record_size` bytes in nodes of `node_size`; how deep it is follows, its root is to be set.
    pub(crate) fn new(kind: u8, node_size: u32, record_size: u16, total: u64, w: Widths) -> Result<Header> {
        let mut header = Header {
            version: 0,
            kind,
            node_size,
            record_size,
            depth: 0,
            split_percent: 100,
            merge_percent: 40,
            root: None,
            root_records: 0,
            total_records: total,
        };
        while Levels::new(&header, w)?.capacity(header.depth.into()).1 < total {
            header.depth += 1;
        }
        Ok(header)
    }

    pub(crate) fn encode(&self, w: Widths) -> Result<Vec<u8>> {
        let mut out = bytes::encode(self, w, HEADER)?;
        bytes::seal(&mut out);
        Ok(out)
    }
}

impl Levels {
    /// The most records of one node of a level, and of its whole subtree.
    pub(crate) fn capacity(&self, level: usize) -> (u64, u64) {
        self.capacity.get(level).copied().unwrap_or_default()
    }
}

impl Child {
    /// A child at `address` with `records` records of its own and `total` in its subtree.
    pub(crate) fn new(address: Address, records: u16, total: u64) -> Child {
        Child { address, records, total }
    }

    /// Records in the whole subtree.
    #[cfg(test)]
    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}

/// Encodes a node of `level` with its children between and around its records (none in a leaf). Its checksum follows what
/// is used, not the whole node.
pub(crate) fn encode_node(
    kind: u8,
    level: usize,
    records: &[&[u8]],
    children: &[Child],
    levels: &Levels,
    w: Widths,
) -> Result<Vec<u8>> {
    let prefix = NodePrefix { signature: if level == 0 { *b"BTLF" } else { *b"BTIN" }, version: 0, kind };
    let mut out = bytes::encode(&prefix, (), NODE)?;
    for record in records {
        out.extend_from_slice(record);
    }
    for child in children {
        // Without a width there is no field, so its value must be zero to be accepted.
        let total_width = levels.total_width(level);
        let child = Child { total: if total_width == 0 { 0 } else { child.total }, ..child.clone() };
        let widths = (w, levels.count_width(), total_width);
        out.extend(bytes::encode(&child, widths, NODE)?);
    }
    bytes::seal(&mut out);
    out.resize(levels.node_size as usize, 0);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::decode_node;
    use super::*;

    #[test]
    fn trees_are_as_deep_as_those_of_libhdf5() {
        let depth = |total| Header::new(5, NODE_SIZE, 11, total, Widths::EIGHT).unwrap().depth;
        assert_eq!([0, 45, 46, 1149, 1150, 20_000].map(depth), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn nodes_come_back_as_they_were() {
        let w = Widths::EIGHT;
        let header = Header::new(5, NODE_SIZE, 11, 2000, w).unwrap();
        assert_eq!(Header::decode(&header.encode(w).unwrap(), w).unwrap(), header);
        let levels = Levels::new(&header, w).unwrap();
        let (a, b) = ([1; 11], [2; 11]);
        for level in 0..=2 {
            let children: Vec<Child> = (0..if level == 0 { 0 } else { 3 })
                .map(|i| Child::new(Address(4096 + i), 20, if level > 1 { 900 } else { 0 }))
                .collect();
            let bytes = encode_node(5, level, &[&a, &b], &children, &levels, w).unwrap();
            let used = levels.used_size(level, 2) as usize;
            let node = decode_node(&bytes[..used], 5, level, 2, &levels, w).unwrap();
            assert_eq!(node.records, [&a[..], &b[..]].concat());
            assert_eq!(node.children, children);
        }
    }
}
