//! Version 1 B-tree node (III.A.1): the index of old-style groups and of chunks.
//!
//! A node of level 0 points to symbol table nodes, or to chunks. There is one key more than there are children: a
//! group's key i+1 is the greatest name below child i; a chunk's key i is the first offset of child i. There is no
//! checksum, so everything is doubted.

use crate::bytes::{self, Address, Length, Widths};
use crate::error::{Error, Result};
use binrw::binrw;

const STRUCTURE: &str = "version 1 B-tree node";

#[binrw]
#[brw(little, magic = b"TREE", import_raw(w: Widths))]
struct Header {
    kind: u8,
    level: u8,
    count: u16,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    left: Option<Address>,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    right: Option<Address>,
}

/// Key of a chunk: its size in the file, the filters it skipped, its first element's offset in every dimension. The
/// offset in the element itself, always 0 but in the last key, is kept as the file has it.
#[binrw]
#[brw(little, import(coordinates: usize))]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChunkKey {
    pub(crate) stored_size: u32,
    pub(crate) filter_mask: u32,
    /// Rank + 1 of them, 8 bytes each whatever the widths.
    #[br(count = coordinates)]
    pub(crate) offset: Vec<u64>,
}

/// A node: its level above the leaves, its children, their keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node<K> {
    pub(crate) level: u8,
    pub(crate) left: Option<Address>,
    pub(crate) right: Option<Address>,
    /// One more than there are children.
    pub(crate) keys: Vec<K>,
    pub(crate) children: Vec<Address>,
}

/// What a node indexes: its number in the header, and how its keys look.
pub(crate) trait Key: Sized {
    const KIND: u8;
    /// What is needed to know a key's form.
    type Form: Copy;
    fn size(form: Self::Form, w: Widths) -> usize;
    fn decode(bytes: &[u8], form: Self::Form, w: Widths) -> Result<Self>;
    fn encode(&self, form: Self::Form, w: Widths) -> Result<Vec<u8>>;
}

/// Key of a group: the offset of a name in the local heap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NameKey(pub(crate) u64);

impl Key for NameKey {
    const KIND: u8 = 0;
    type Form = ();

    fn size(_: (), w: Widths) -> usize {
        w.length()
    }

    fn decode(bytes: &[u8], _: (), w: Widths) -> Result<Self> {
        let (length, _) = bytes::decode::<Length>(bytes, w, STRUCTURE)?;
        Ok(NameKey(length.0.unwrap_or(u64::MAX)))
    }

    fn encode(&self, _: (), w: Widths) -> Result<Vec<u8>> {
        bytes::encode(&Length(Some(self.0)), w, STRUCTURE)
    }
}

impl Key for ChunkKey {
    const KIND: u8 = 1;
    /// The number of coordinates: rank + 1.
    type Form = usize;

    fn size(coordinates: usize, _: Widths) -> usize {
        8 + 8 * coordinates
    }

    fn decode(bytes: &[u8], coordinates: usize, _: Widths) -> Result<Self> {
        Ok(bytes::decode(bytes, (coordinates,), STRUCTURE)?.0)
    }

    fn encode(&self, coordinates: usize, _: Widths) -> Result<Vec<u8>> {
        bytes::encode(self, (coordinates,), STRUCTURE)
    }
}

/// Bytes of a node's header.
pub(crate) fn header_size(w: Widths) -> usize {
    8 + 2 * w.offset()
}

/// Bytes of a node of rank `k`, used or not: it always has room for 2K children.
pub(crate) fn node_size<K: Key>(form: K::Form, w: Widths, k: u16) -> u64 {
    let k = 2 * usize::from(k);
    (header_size(w) + (k + 1) * K::size(form, w) + k * w.offset()) as u64
}

impl<K: Key> Node<K> {
    /// Decodes a node of rank `k`. `bytes` may end behind the last used entry.
    pub(crate) fn decode(bytes: &[u8], form: K::Form, w: Widths, k: u16) -> Result<Node<K>> {
        let (header, used) = bytes::decode::<Header>(bytes, w, STRUCTURE)?;
        let wrong = |what: String| Error::damaged(what).in_structure(STRUCTURE);
        if header.kind != K::KIND {
            return Err(wrong(format!("its kind is {}, wanted is {}", header.kind, K::KIND)));
        }
        let room = 2 * u32::from(k);
        if u32::from(header.count) > room {
            return Err(wrong(format!("{} entries, there is room for {room}", header.count)));
        }
        let count = usize::from(header.count);
        let (key, pair) = (K::size(form, w), K::size(form, w) + w.offset());
        let body = bytes.get(used..).and_then(|b| b.get(..count * pair + key));
        let body = body.ok_or_else(|| wrong("ends before its last entry".into()))?;
        let mut node = Node {
            level: header.level,
            left: header.left,
            right: header.right,
            keys: Vec::with_capacity(count + 1),
            children: Vec::with_capacity(count),
        };
        for entry in body.chunks(pair) {
            node.keys.push(K::decode(entry, form, w)?);
            if entry.len() == pair {
                node.children.push(bytes::decode::<Address>(&entry[key..], w, STRUCTURE)?.0);
            }
        }
        Ok(node)
    }

    /// Encodes a node of rank `k`, its unused slots zero.
    pub(crate) fn encode(&self, form: K::Form, w: Widths, k: u16) -> Result<Vec<u8>> {
        let header = Header {
            kind: K::KIND,
            level: self.level,
            count: self.children.len() as u16,
            left: self.left,
            right: self.right,
        };
        let mut out = bytes::encode(&header, w, STRUCTURE)?;
        for (i, key) in self.keys.iter().enumerate() {
            out.extend(key.encode(form, w)?);
            if let Some(child) = self.children.get(i) {
                out.extend(bytes::encode(child, w, STRUCTURE)?);
            }
        }
        out.resize(node_size::<K>(form, w, k) as usize, 0);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_the_usual_rank_have_the_sizes_of_libhdf5() {
        assert_eq!(node_size::<NameKey>((), Widths::EIGHT, 16), 544);
        assert_eq!(node_size::<ChunkKey>(3, Widths::EIGHT, 32), 2616);
    }

    #[test]
    fn what_is_encoded_is_decoded_again() {
        let key = |x| ChunkKey { stored_size: 100, filter_mask: 1, offset: vec![x, 0, 0] };
        let node = Node {
            level: 0,
            left: None,
            right: Some(Address(9)),
            keys: vec![key(0), key(4), key(8)],
            children: vec![Address(4096), Address(8192)],
        };
        let bytes = node.encode(3, Widths::EIGHT, 32).unwrap();
        assert_eq!(Node::decode(&bytes, 3, Widths::EIGHT, 32).unwrap(), node);
        assert!(Node::<ChunkKey>::decode(&bytes[..100], 3, Widths::EIGHT, 32).is_err());
        assert!(Node::<NameKey>::decode(&bytes, (), Widths::EIGHT, 16).is_err());
    }
}
