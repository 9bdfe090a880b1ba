//! Symbol table node (III.B) and entry (III.C): the links of an old-style group, sorted by the bytes of their names.

use crate::bytes::{self, Address, Length, Widths};
use crate::error::{Error, Result};
use crate::format::message::small::SymbolTable;
use binrw::{binrw, binwrite};

const STRUCTURE: &str = "symbol table node";

/// One link: a name in the group's local heap, and where it leads.
#[binrw]
#[brw(little, import_raw(w: Widths))]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SymbolTableEntry {
    /// The specification says "size of offsets"; libhdf5 reads it with the size of lengths.
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    pub(crate) name_offset: u64,
    /// Undefined for a soft link.
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    pub(crate) header: Option<Address>,
    cache_type: u32,
    reserved: u32,
    /// Always 16 bytes, whatever the widths.
    scratch: [u8; 16],
}

/// What the scratch space of an entry holds.
const TABLE: u32 = 1;
const SOFT: u32 = 2;

impl SymbolTableEntry {
    /// A hard link.
    pub(crate) fn hard(name_offset: u64, header: Address) -> SymbolTableEntry {
        SymbolTableEntry { name_offset, header: Some(header), cache_type: 0, reserved: 0, scratch: [0; 16] }
    }

    /// The same for an old-style group, whose links are at `table`.
    pub(crate) fn with_table(self, table: SymbolTable) -> SymbolTableEntry {
        let mut scratch = [0; 16];
        scratch[..8].copy_from_slice(&table.btree.get().to_le_bytes());
        scratch[8..].copy_from_slice(&table.heap.get().to_le_bytes());
        SymbolTableEntry { cache_type: TABLE, scratch, ..self }
    }

    /// A soft link, whose target's name is in the heap as well.
    pub(crate) fn soft(name_offset: u64, target_offset: u32) -> SymbolTableEntry {
        let mut scratch = [0; 16];
        scratch[..4].copy_from_slice(&target_offset.to_le_bytes());
        SymbolTableEntry { name_offset, header: None, cache_type: SOFT, reserved: 0, scratch }
    }

    /// The offset in the local heap of a soft link's target.
    pub(crate) fn soft_target(&self) -> Option<u64> {
        let offset = u32::from_le_bytes([self.scratch[0], self.scratch[1], self.scratch[2], self.scratch[3]]);
        (self.cache_type == SOFT).then_some(offset.into())
    }

    /// Decodes one that is all of `bytes`.
    fn decode(bytes: &[u8], w: Widths) -> Result<SymbolTableEntry> {
        let wrong = |what: &str| Error::damaged(what).in_structure(STRUCTURE);
        let short = || wrong("ends before its last field");
        let (name, rest) = bytes.split_at_checked(w.length()).ok_or_else(short)?;
        let (header, rest) = rest.split_at_checked(w.offset()).ok_or_else(short)?;
        let (&[c0, c1, c2, c3, r0, r1, r2, r3], rest) = rest.split_first_chunk().ok_or_else(short)?;
        let number = |field| bytes::uint(field).ok_or_else(|| wrong("an address or length above 64 bits"));
        Ok(SymbolTableEntry {
            name_offset: number(name)?.ok_or_else(|| wrong("a length of all ones"))?,
            header: number(header)?.map(Address),
            cache_type: u32::from_le_bytes([c0, c1, c2, c3]),
            reserved: u32::from_le_bytes([r0, r1, r2, r3]),
            scratch: *rest.first_chunk().ok_or_else(short)?,
        })
    }

    /// Bytes that one entry takes.
    pub(crate) fn size(w: Widths) -> u64 {
        (w.length() + w.offset() + 24) as u64
    }
}

#[binwrite]
#[bw(little, magic = b"SNOD", import_raw(w: Widths))]
struct Node {
    version: u8,
    reserved: u8,
    count: u16,
    #[bw(args_raw = w)]
    entries: Vec<SymbolTableEntry>,
}

/// The entries of a node; its slots behind the last used one hold junk.
pub(crate) fn decode_node(bytes: &[u8], w: Widths, leaf_rank: u16) -> Result<Vec<SymbolTableEntry>> {
    let wrong = |what: String| Error::damaged(what).in_structure(STRUCTURE);
    // By hand, not from a declaration: there is one for every few objects of an old file.
    let (version, count, rest) = match *bytes {
        [b'S', b'N', b'O', b'D', version, _, c0, c1, ref rest @ ..] => (version, u16::from_le_bytes([c0, c1]), rest),
        [a, b, c, d, ..] if [a, b, c, d] != *b"SNOD" => return Err(wrong("its signature is missing".into())),
        _ => return Err(wrong("ends before its last field".into())),
    };
    if version != 1 {
        return Err(wrong(format!("version {version}")));
    }
    let (count, size) = (usize::from(count), SymbolTableEntry::size(w) as usize);
    if count > 2 * usize::from(leaf_rank) {
        return Err(wrong(format!("{count} entries, there is room for {}", 2 * u32::from(leaf_rank))));
    }
    let entries = rest.get(..count * size).ok_or_else(|| wrong("ends before its last field".into()))?;
    entries.chunks_exact(size).map(|entry| SymbolTableEntry::decode(entry, w)).collect()
}

/// Encodes a node, its unused slots zero.
pub(crate) fn encode_node(entries: &[SymbolTableEntry], w: Widths, leaf_rank: u16) -> Result<Vec<u8>> {
    let node = Node { version: 1, reserved: 0, count: entries.len() as u16, entries: entries.to_vec() };
    let mut out = bytes::encode(&node, w, STRUCTURE)?;
    let size = node_size(w, leaf_rank) as usize;
    if out.len() > size {
        return Err(Error::limit("more entries than a symbol table node has room for").in_structure(STRUCTURE));
    }
    out.resize(size, 0);
    Ok(out)
}

/// Bytes that a node takes, used or not.
pub(crate) fn node_size(w: Widths, leaf_rank: u16) -> u64 {
    8 + 2 * u64::from(leaf_rank) * SymbolTableEntry::size(w)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_of_the_usual_rank_takes_328_bytes() {
        assert_eq!(node_size(Widths::EIGHT, 4), 328);
    }

    #[test]
    fn a_soft_link_is_never_taken_for_a_hard_one() {
        let mut bytes = b"SNOD\x01\x00\x01\x00".to_vec();
        bytes.extend(8u64.to_le_bytes());
        bytes.extend([0xff; 8]);
        bytes.extend([2, 0, 0, 0, 0, 0, 0, 0, 24, 0, 0, 0]);
        bytes.extend([0; 12]);
        let entries = decode_node(&bytes, Widths::EIGHT, 4).unwrap();
        assert_eq!((entries[0].header, entries[0].soft_target()), (None, Some(24)));
        assert!(decode_node(&bytes[..40], Widths::EIGHT, 4).is_err());
    }

    #[test]
    fn what_is_encoded_is_decoded_again() {
        let table = SymbolTable { btree: Address(0x100), heap: Address(0x200) };
        let entries = [
            SymbolTableEntry::hard(8, Address(0x300)).with_table(table),
            SymbolTableEntry::hard(16, Address(0x400)),
            SymbolTableEntry::soft(24, 32),
        ];
        let bytes = encode_node(&entries, Widths::EIGHT, 4).unwrap();
        assert_eq!(bytes.len(), 328);
        // The first entry's cache: its type, then B-tree and heap.
        assert_eq!((bytes[8 + 16], bytes[8 + 25], bytes[8 + 33]), (1, 1, 2));
        let found = decode_node(&bytes, Widths::EIGHT, 4).unwrap();
        assert_eq!(found, entries);
        assert_eq!(found[2].soft_target(), Some(32));
        assert!(encode_node(&vec![entries[0].clone(); 9], Widths::EIGHT, 4).is_err());
    }

    #[test]
    fn more_entries_than_there_is_room_for_are_refused() {
        let mut bytes = b"SNOD\x01\x00\x09\x00".to_vec();
        bytes.extend([0; 400]);
        assert!(decode_node(&bytes, Widths::EIGHT, 4).is_err());
    }
}
