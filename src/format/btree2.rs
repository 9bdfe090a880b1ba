//! Version 2 B-tree (III.A.2): the index of dense links and attributes (and, in newer files, of chunks).
//!
//! Records in internal nodes are records of their own, not copies: in order they come between the children.

use crate::bytes::{self, Address, Length, Widths, bytes_needed, read_sized, write_sized};
use crate::error::{Error, Result};
use binrw::binrw;

mod encode;

pub(crate) use encode::{CHUNK_NODE_SIZE, NODE_SIZE, encode_node};

const HEADER: &str = "version 2 B-tree header";
const NODE: &str = "version 2 B-tree node";

/// The header, up to its checksum.
#[binrw]
#[brw(little, magic = b"BTHD", import_raw(w: Widths))]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    /// 5 links by name, 6 by creation order, 8 attributes by name, 9 by creation order, 10 and 11 chunks ….
    pub(crate) kind: u8,
    pub(crate) node_size: u32,
    pub(crate) record_size: u16,
    pub(crate) depth: u16,
    split_percent: u8,
    merge_percent: u8,
    /// Undefined where there is no record.
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    pub(crate) root: Option<Address>,
    pub(crate) root_records: u16,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    pub(crate) total_records: u64,
}

impl Header {
    pub(crate) fn size(w: Widths) -> u64 {
        (22 + w.offset() + w.length()) as u64
    }

    pub(crate) fn decode(bytes: &[u8], w: Widths) -> Result<Header> {
        let (header, _) = bytes::decode::<Header>(bytes::verified(bytes, HEADER)?, w, HEADER)?;
        let wrong = |what: String| Error::damaged(what).in_structure(HEADER);
        if header.record_size == 0 || header.depth > 64 {
            return Err(wrong(format!("records of {} bytes, depth {}", header.record_size, header.depth)));
        }
        Ok(header)
    }
}

/// How many records the nodes of each level hold at most, and so how wide the counts in child pointers are.
#[derive(Clone, Debug)]
pub(crate) struct Levels {
    node_size: u32,
    record_size: usize,
    offset_width: usize,
    /// Of each level from the leaves up: the most records of one node, and of the whole subtree.
    capacity: Vec<(u64, u64)>,
}

impl Levels {
    pub(crate) fn new(header: &Header, w: Widths) -> Result<Levels> {
        Self::of(header.node_size, header.record_size, header.depth, w)
    }

    /// The same from the three numbers that it depends on.
    pub(crate) fn of(node_size: u32, record_size: u16, depth: u16, w: Widths) -> Result<Levels> {
        let record_size = usize::from(record_size);
        let room = u64::from(node_size).saturating_sub(10);
        let leaf = room / record_size.max(1) as u64;
        let mut levels = Levels { node_size, record_size, offset_width: w.offset(), capacity: vec![(leaf, leaf)] };
        for level in 1..=usize::from(depth) {
            let pointer = levels.pointer_size(level) as u64;
            let here = room.saturating_sub(pointer) / (record_size as u64 + pointer);
            let (_, below) = levels.capacity[level - 1];
            let all = here.saturating_add(1).saturating_mul(below).saturating_add(here);
            levels.capacity.push((here, all));
        }
        if levels.capacity.iter().any(|&(here, _)| here == 0) {
            return Err(Error::damaged(format!("nodes of {node_size} bytes hold no record")).in_structure(HEADER));
        }
        Ok(levels)
    }

    /// The count of a child's own records is as wide as a leaf's maximum needs, at every level (the specification
    /// says otherwise).
    pub(crate) fn count_width(&self) -> usize {
        bytes_needed(self.capacity[0].0)
    }

    /// The count of a child's whole subtree is there only where the child is an internal node.
    pub(crate) fn total_width(&self, level: usize) -> usize {
        if level > 1 { bytes_needed(self.capacity[level - 1].1) } else { 0 }
    }

    fn pointer_size(&self, level: usize) -> usize {
        self.offset_width + self.count_width() + self.total_width(level)
    }

    /// Bytes of a node of `records` records, checksum included.
    pub(crate) fn used_size(&self, level: usize, records: u16) -> u64 {
        let records = usize::from(records);
        let pointers = if level == 0 { 0 } else { (records + 1) * self.pointer_size(level) };
        (10 + records * self.record_size + pointers) as u64
    }
}

/// A child of an internal node: where it is, and how many records it holds itself.
#[binrw]
#[brw(little, import(w: Widths, count_width: usize, total_width: usize))]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Child {
    #[brw(args_raw = w)]
    pub(crate) address: Address,
    #[br(parse_with = read_count, args(count_width))]
    #[bw(write_with = write_count, args(count_width))]
    pub(crate) records: u16,
    #[br(parse_with = read_sized, args(total_width))]
    #[bw(write_with = write_sized, args(total_width))]
    total: u64,
}

#[binrw::parser(reader, endian)]
fn read_count(width: usize) -> binrw::BinResult<u16> {
    let at = reader.stream_position()?;
    let count = read_sized(reader, endian, (width,))?;
    u16::try_from(count).map_err(|_| bytes::malformed(at, format!("{count} records in a node")))
}

#[binrw::writer(writer, endian)]
fn write_count(count: &u16, width: usize) -> binrw::BinResult<()> {
    write_sized(&u64::from(*count), writer, endian, (width,))
}

#[binrw]
#[brw(little)]
struct NodePrefix {
    signature: [u8; 4],
    version: u8,
    kind: u8,
}

/// A node's records, and between and around them its children (none in a leaf).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// One behind the other.
    pub(crate) records: Vec<u8>,
    pub(crate) children: Vec<Child>,
}

/// Decodes a node of `level` (0 is a leaf) with `records` records; `bytes` are just those that it uses.
pub(crate) fn decode_node(
    bytes: &[u8],
    kind: u8,
    level: usize,
    records: u16,
    levels: &Levels,
    w: Widths,
) -> Result<Node> {
    let wrong = |what: String| Error::damaged(what).in_structure(NODE);
    let covered = bytes::verified(bytes, NODE)?;
    let (prefix, used) = bytes::decode::<NodePrefix>(covered, (), NODE)?;
    let signature: &[u8; 4] = if level == 0 { b"BTLF" } else { b"BTIN" };
    if prefix.signature != *signature || prefix.version != 0 || prefix.kind != kind {
        return Err(wrong(format!("not a node of level {level} and kind {kind}")));
    }
    let (most, _) = levels.capacity.get(level).copied().unwrap_or_default();
    if u64::from(records) > most {
        return Err(wrong(format!("{records} records, there is room for {most}")));
    }
    let split = usize::from(records) * levels.record_size;
    let (front, back) =
        covered[used..].split_at_checked(split).ok_or_else(|| wrong("ends before its last record".into()))?;
    let mut node = Node { records: front.to_vec(), children: Vec::new() };
    if level > 0 {
        for pointer in back.chunks_exact(levels.pointer_size(level)).take(usize::from(records) + 1) {
            let widths = (w, levels.count_width(), levels.total_width(level));
            node.children.push(bytes::decode::<Child>(pointer, widths, NODE)?.0);
        }
        if node.children.len() != usize::from(records) + 1 {
            return Err(wrong("ends before its last child".into()));
        }
    }
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_as_wide_as_libhdf5_makes_them() {
        let header = Header {
            version: 0,
            kind: 5,
            node_size: 512,
            record_size: 11,
            depth: 2,
            split_percent: 100,
            merge_percent: 40,
            root: None,
            root_records: 0,
            total_records: 2500,
        };
        let levels = Levels::new(&header, Widths::EIGHT).unwrap();
        assert_eq!(levels.capacity[..2], [(45, 45), (24, 1149)]);
        assert_eq!(levels.capacity[2].0, 22);
        assert_eq!((levels.pointer_size(1), levels.pointer_size(2)), (9, 11));
    }
}
