//! Shared object header messages (III.I): messages that many objects have in common, kept once in a fractal heap.
//!
//! The table, which the superblock's extension leads to, names for each index the types of messages it holds, their heap,
//! and the index of what is in the heap: a list or a version 2 B-tree. Reading a message needs the heap alone, for who
//! refers to a message holds its heap ID; the index is for writers who look for a message equal to theirs.

// Reading needs the heaps alone; the indexes are decoded for who shows what a file is made of.
#![allow(dead_code)]

use crate::bytes::{self, Address, Widths};
use crate::error::{Error, Result};
use binrw::binrw;

const TABLE: &str = "shared message table";
const LIST: &str = "shared message list";
const RECORD: &str = "shared message record";

/// The most indexes of a file: one for each type of message that can be shared, and some to spare.
const MOST_INDEXES: u8 = 8;

/// The message of the superblock's extension that leads to the table.
#[binrw]
#[brw(little, import_raw(w: Widths))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TableMessage {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    pub(crate) table: Option<Address>,
    #[br(assert((1..=MOST_INDEXES).contains(&indexes), "{indexes} indexes"))]
    pub(crate) indexes: u8,
}

/// What an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexKind {
    List,
    BTree,
}

/// One index of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Index {
    pub(crate) kind: IndexKind,
    /// Bit i: messages of type i. Both kinds of fill values go by the newer one's bit.
    pub(crate) messages: u16,
    /// Smaller messages are not shared.
    pub(crate) least_size: u32,
    /// Where a list becomes a B-tree, and a B-tree a list again.
    pub(crate) list_most: u16,
    pub(crate) btree_least: u16,
    pub(crate) count: u16,
    pub(crate) index: Option<Address>,
    pub(crate) heap: Option<Address>,
}

#[binrw]
#[brw(little, import_raw(w: Widths))]
struct IndexFields {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    #[br(assert(kind < 2, "an index of kind {kind}"))]
    kind: u8,
    messages: u16,
    least_size: u32,
    list_most: u16,
    btree_least: u16,
    count: u16,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    index: Option<Address>,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    heap: Option<Address>,
}

/// Bytes of a table of so many indexes.
pub(crate) fn table_size(indexes: u8, w: Widths) -> u64 {
    8 + u64::from(indexes) * (14 + 2 * w.offset() as u64)
}

/// The indexes of a table; `bytes` are just the table.
pub(crate) fn decode_table(bytes: &[u8], w: Widths) -> Result<Vec<Index>> {
    let covered = bytes::verified(bytes, TABLE)?;
    let mut rest = signed(covered, b"SMTB", TABLE)?;
    let mut found = Vec::new();
    let mut seen = 0;
    while !rest.is_empty() {
        let (f, used) = bytes::decode::<IndexFields>(rest, w, TABLE)?;
        if f.messages & seen != 0 {
            return Err(Error::damaged("two indexes for one type of message").in_structure(TABLE));
        }
        seen |= f.messages;
        found.push(Index {
            kind: if f.kind == 0 { IndexKind::List } else { IndexKind::BTree },
            messages: f.messages,
            least_size: f.least_size,
            list_most: f.list_most,
            btree_least: f.btree_least,
            count: f.count,
            index: f.index,
            heap: f.heap,
        });
        rest = &rest[used..];
    }
    Ok(found)
}

/// The bytes behind a signature.
fn signed<'a>(bytes: &'a [u8], signature: &[u8; 4], structure: &'static str) -> Result<&'a [u8]> {
    let rest = bytes.strip_prefix(signature);
    rest.ok_or_else(|| Error::damaged("its signature is missing").in_structure(structure))
}

/// The records of both kinds of index, of this kind in a version 2 B-tree.
pub(crate) const RECORD_KIND: u8 = 7;

/// What an index knows of one message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Record {
    /// Of the message's bytes: lookup3, with the message's type as initial value.
    pub(crate) hash: u32,
    pub(crate) place: RecordPlace,
}

/// Where a message of an index is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RecordPlace {
    /// In the heap; so many messages refer to it.
    Heap { references: u32, id: [u8; 8] },
    /// Still in the header of the only object that has it.
    Header { kind: u8, index: u16, header: Address },
}

#[binrw]
#[brw(little, import_raw(w: Widths))]
enum RecordFields {
    #[brw(magic = 0u8)]
    Heap { hash: u32, references: u32, id: [u8; 8] },
    #[brw(magic = 1u8)]
    Header {
        hash: u32,
        reserved: u8,
        kind: u8,
        index: u16,
        #[brw(args_raw = w)]
        header: Address,
    },
}

/// Bytes of a record, whatever its place: room for the larger kind.
pub(crate) fn record_size(w: Widths) -> usize {
    5 + (4 + 8).max(4 + w.offset())
}

/// Decodes one record.
pub(crate) fn decode_record(bytes: &[u8], w: Widths) -> Result<Record> {
    if bytes.len() < record_size(w) {
        return Err(Error::damaged("ends before its last field").in_structure(RECORD));
    }
    Ok(match bytes::decode::<RecordFields>(bytes, w, RECORD)?.0 {
        RecordFields::Heap { hash, references, id } => Record { hash, place: RecordPlace::Heap { references, id } },
        RecordFields::Header { hash, kind, index, header, .. } => {
            Record { hash, place: RecordPlace::Header { kind, index, header } }
        }
    })
}

/// Bytes of a list of `count` records as far as it is used: its checksum follows the last record, and room for more
/// follows that.
pub(crate) fn list_size(count: u16, w: Widths) -> u64 {
    8 + u64::from(count) * record_size(w) as u64
}

/// The records of a list; `bytes` are the used part of it.
pub(crate) fn decode_list(bytes: &[u8], index: &Index, w: Widths) -> Result<Vec<Record>> {
    if index.count > index.list_most {
        let message = format!("{} messages, there is room for {}", index.count, index.list_most);
        return Err(Error::damaged(message).in_structure(LIST));
    }
    let covered = bytes::verified(bytes, LIST)?;
    let records = signed(covered, b"SMLI", LIST)?.chunks_exact(record_size(w));
    let records = records.map(|r| decode_record(r, w)).collect::<Result<Vec<_>>>()?;
    if records.len() != usize::from(index.count) {
        let message = format!("{} messages, the table says {}", records.len(), index.count);
        return Err(Error::damaged(message).in_structure(LIST));
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: Widths = Widths::EIGHT;

    fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes::seal(&mut bytes);
        bytes
    }

    /// A table of two indexes: a list of datatypes, a B-tree of dataspaces and fill values.
    fn table(second_messages: u16) -> Vec<u8> {
        let mut bytes = b"SMTB".to_vec();
        bytes.extend([0, 0, 8, 0, 40, 0, 0, 0, 50, 0, 40, 0, 2, 0]);
        bytes.extend(0x1000u64.to_le_bytes());
        bytes.extend(0x2000u64.to_le_bytes());
        bytes.extend([0, 1]);
        bytes.extend(second_messages.to_le_bytes());
        bytes.extend([10, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0xff; 16]);
        sealed(bytes)
    }

    #[test]
    fn the_table_names_a_heap_for_each_type_of_message() {
        let bytes = table(0x22);
        assert_eq!(table_size(2, W), bytes.len() as u64);
        let found = decode_table(&bytes, W).unwrap();
        assert_eq!((found[0].kind, found[0].messages, found[0].count), (IndexKind::List, 8, 2));
        assert_eq!((found[0].index, found[0].heap), (Some(Address(0x1000)), Some(Address(0x2000))));
        assert_eq!((found[1].kind, found[1].messages, found[1].heap), (IndexKind::BTree, 0x22, None));
        for cut in 0..bytes.len() {
            assert!(decode_table(&bytes[..cut], W).is_err());
        }
    }

    #[test]
    fn a_type_of_message_has_one_heap() {
        assert!(decode_table(&table(0x0a), W).is_err());
    }

    #[test]
    fn a_list_holds_messages_in_the_heap_and_in_headers() {
        let index = decode_table(&table(0x22), W).unwrap()[0];
        let mut bytes = b"SMLI".to_vec();
        bytes.extend([0, 1, 2, 3, 4, 9, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]);
        bytes.extend([1, 1, 2, 3, 4, 0, 3, 5, 0]);
        bytes.extend(0x800u64.to_le_bytes());
        let bytes = sealed(bytes);
        assert_eq!(list_size(2, W), bytes.len() as u64);
        let found = decode_list(&bytes, &index, W).unwrap();
        let in_heap = RecordPlace::Heap { references: 9, id: [0, 1, 2, 3, 4, 5, 6, 7] };
        let in_header = RecordPlace::Header { kind: 3, index: 5, header: Address(0x800) };
        assert_eq!(found, [in_heap, in_header].map(|place| Record { hash: 0x0403_0201, place }));
        for cut in 0..bytes.len() {
            assert!(decode_list(&bytes[..cut], &index, W).is_err());
        }
        assert!(decode_list(&bytes, &Index { list_most: 1, ..index }, W).is_err());
        assert!(decode_list(&bytes, &Index { count: 3, ..index }, W).is_err());
    }

    #[test]
    fn records_are_as_long_as_the_longer_kind() {
        assert_eq!(record_size(Widths { offset: 4, length: 4 }), 17);
        assert_eq!(record_size(Widths { offset: 16, length: 8 }), 25);
    }
}
