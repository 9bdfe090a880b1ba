//! The links of a group: in a symbol table, in the header, or in a fractal heap.

use super::ObjectHeader;
use crate::bytes::{Address, Widths, decode, lookup3};
use crate::error::{Context, Error, Result};
use crate::format::btree1::{self, NameKey};
use crate::format::local_heap::{LocalHeap, string_at};
use crate::format::message::datatype::{Charset, Name};
use crate::format::message::kind;
use crate::format::message::link::{Link, Target};
use crate::format::message::small::{LinkInfo, SymbolTable};
use crate::format::symbol_table::{SymbolTableEntry, decode_node, node_size};
use crate::index::{btree1 as walk1, btree2, fractal_heap};
use crate::io::{Block, Reader};
use std::cmp::Ordering;
use std::ops::Range;

/// Records of links by name: u32 hash, heap ID; and by creation order: i64 order, heap ID.
const BY_NAME: u8 = 5;
const BY_ORDER: u8 = 6;
const ID: usize = 7;

/// Where a group keeps its links.
pub(crate) enum Place {
    SymbolTable(SymbolTable),
    Header,
    Heap { heap: Address, name_index: Address, order_index: Option<Address> },
}

/// Where the group whose header this is keeps its links.
pub(crate) fn place(header: &ObjectHeader, reader: &Reader) -> Result<Place> {
    let w = reader.widths();
    if let Some(body) = header.find(kind::SYMBOL_TABLE) {
        return Ok(Place::SymbolTable(decode(body.bytes, w, "symbol table message")?.0));
    }
    let body = header.find(kind::LINK_INFO).ok_or_else(|| Error::mismatch("not a group"))?;
    let (info, _) = decode::<LinkInfo>(body.bytes, w, "link info")?;
    match (info.heap, info.name_index) {
        (None, _) => Ok(Place::Header),
        (Some(heap), Some(name_index)) => Ok(Place::Heap { heap, name_index, order_index: info.order_index }),
        (Some(_), None) => Err(Error::damaged("a heap of links without an index").in_structure("link info")),
    }
}

/// Whether the group remembers in which order its links were made.
pub(crate) fn tracks_order(header: &ObjectHeader, reader: &Reader) -> Result<bool> {
    match header.find(kind::LINK_INFO) {
        None => Ok(false),
        Some(body) => Ok(decode::<LinkInfo>(body.bytes, reader.widths(), "link info")?.0.flags & 1 != 0),
    }
}

/// The order of a group's links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// By the bytes of their names.
    Name,
    /// The one they were made in; the group must track it.
    Creation,
    /// The one they are stored in: needs no memory for them.
    Stored,
}

/// The links of a group. A damaged part is one `Err`; the rest follows.
pub(crate) fn all(
    header: &ObjectHeader,
    reader: &Reader,
    leaf_rank: u16,
    internal_rank: u16,
    order: Order,
) -> Result<Links> {
    if order == Order::Creation && !tracks_order(header, reader)? {
        return Err(Error::mismatch("the group does not track the order in which its links were made"));
    }
    let w = reader.widths();
    let messages: Box<dyn Iterator<Item = Result<Vec<u8>>>> = match place(header, reader)? {
        // Symbol tables are sorted by name.
        Place::SymbolTable(table) => {
            return Ok(Links::Symbols(Symbols::new(reader, table, leaf_rank, internal_rank)?));
        }
        Place::Header => Box::new(header.all(kind::LINK).map(|body| Ok(body.bytes.to_vec()))),
        Place::Heap { heap, order_index: Some(index), .. } if order == Order::Creation => {
            return Ok(Links::Heap(Box::new(InHeap::indexed(reader, heap, open(reader, index, BY_ORDER, 8 + ID)?)?)));
        }
        Place::Heap { heap, name_index, .. } => {
            let stored = InHeap::stored(reader, heap, &mut open(reader, name_index, BY_NAME, 4 + ID)?.records())?;
            if order == Order::Stored {
                return Ok(Links::Heap(Box::new(stored)));
            }
            Box::new(stored.messages())
        }
    };
    Sorted::new(messages, w, order).map(Links::Sorted)
}

/// The links of a new-style group as the messages that they are stored as, in no certain order.
pub(crate) fn stored(header: &ObjectHeader, reader: &Reader) -> Result<Vec<Vec<u8>>> {
    match place(header, reader)? {
        Place::SymbolTable(_) => Err(Error::mismatch("an old-style group has no link messages")),
        Place::Header => Ok(header.all(kind::LINK).map(|body| body.bytes.to_vec()).collect()),
        Place::Heap { heap, name_index, .. } => {
            let mut names = open(reader, name_index, BY_NAME, 4 + ID)?.records();
            InHeap::stored(reader, heap, &mut names)?.messages().collect()
        }
    }
}

/// Opens an index whose records have this kind and size.
fn open(reader: &Reader, at: Address, kind: u8, record_size: usize) -> Result<btree2::Tree> {
    let tree = btree2::Tree::open(reader, at, kind)?;
    if tree.record_size() != record_size {
        let message = format!("records of {} bytes, those of links have {record_size}", tree.record_size());
        return Err(Error::damaged(message).in_structure("version 2 B-tree header").at(at.get()));
    }
    Ok(tree)
}

/// Links in a heap, read one by one.
pub(crate) struct InHeap {
    objects: fractal_heap::Objects,
    ids: Box<dyn Iterator<Item = Result<[u8; ID]>> + Send>,
    w: Widths,
}

impl InHeap {
    fn new(reader: &Reader, heap: Address, ids: Box<dyn Iterator<Item = Result<[u8; ID]>> + Send>) -> Result<InHeap> {
        Ok(InHeap { objects: fractal_heap::Objects::open(reader, heap)?, ids, w: reader.widths() })
    }

    /// In the order of an index.
    fn indexed(reader: &Reader, heap: Address, index: btree2::Tree) -> Result<InHeap> {
        let id = |record: Result<Vec<u8>>| record.map(|r| id_of(&r));
        Self::new(reader, heap, Box::new(index.records().map(id)))
    }

    /// In the order in which they stand in the heap, which its blocks are then read in: an index by name, sorted by a
    /// hash, would have them all in turn.
    fn stored(reader: &Reader, heap: Address, records: &mut dyn Iterator<Item = Result<Vec<u8>>>) -> Result<InHeap> {
        let (mut ids, mut errors) = (Vec::new(), Vec::new());
        for record in records {
            match record {
                Ok(record) => ids.push(id_of(&record)),
                Err(e) => errors.push(e),
            }
        }
        // Behind a byte of flags comes the offset, least byte first.
        ids.sort_unstable_by(|a, b| a.iter().rev().cmp(b.iter().rev()));
        Self::new(reader, heap, Box::new(errors.into_iter().map(Err).chain(ids.into_iter().map(Ok))))
    }

    /// The messages, not yet decoded.
    fn messages(mut self) -> impl Iterator<Item = Result<Vec<u8>>> {
        self.ids.map(move |id| self.objects.get(&id?))
    }
}

/// The heap ID at the end of a record.
fn id_of(record: &[u8]) -> [u8; ID] {
    record.last_chunk().copied().unwrap_or_default()
}

impl Iterator for InHeap {
    type Item = Result<Link>;

    fn next(&mut self) -> Option<Self::Item> {
        let id = self.ids.next()?;
        Some(id.and_then(|id| Link::decode(&self.objects.get(&id)?, self.w)))
    }
}

/// Links in another order than they are stored in. Kept as the messages that they are: a million of them take tens of
/// megabytes, decoded several times as much.
pub(crate) struct Sorted {
    errors: std::vec::IntoIter<Error>,
    messages: Vec<u8>,
    places: std::vec::IntoIter<Range<usize>>,
    w: Widths,
}

impl Sorted {
    fn new(messages: impl Iterator<Item = Result<Vec<u8>>>, w: Widths, order: Order) -> Result<Sorted> {
        let (mut errors, mut all, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for message in messages {
            match message.and_then(|m| Ok((Link::key(&m)?, m))) {
                Ok(((name, made), message)) => {
                    let start = all.len();
                    all.extend_from_slice(&message);
                    places.push((start + name.start..start + name.end, made, start..all.len()));
                }
                Err(e) => errors.push(e),
            }
        }
        match order {
            Order::Creation => places.sort_by_key(|(_, made, _)| *made),
            _ => places.sort_by(|(a, ..), (b, ..)| all[a.clone()].cmp(&all[b.clone()])),
        }
        let places: Vec<Range<usize>> = places.into_iter().map(|(.., place)| place).collect();
        Ok(Sorted { errors: errors.into_iter(), messages: all, places: places.into_iter(), w })
    }
}

impl Iterator for Sorted {
    type Item = Result<Link>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(e) = self.errors.next() {
            return Some(Err(e));
        }
        Some(Link::decode(&self.messages[self.places.next()?], self.w))
    }
}

/// The link of this name, if there is one.
pub(crate) fn find(
    header: &ObjectHeader,
    reader: &Reader,
    leaf_rank: u16,
    internal_rank: u16,
    name: &[u8],
) -> Result<Option<Link>> {
    let w = reader.widths();
    match place(header, reader)? {
        Place::SymbolTable(table) => Symbols::new(reader, table, leaf_rank, internal_rank)?.find(name),
        Place::Header => {
            for body in header.all(kind::LINK) {
                let link = Link::decode(body.bytes, w)?;
                if link.name.0 == name {
                    return Ok(Some(link));
                }
            }
            Ok(None)
        }
        Place::Heap { heap, name_index, .. } => {
            let mut objects = fractal_heap::Objects::open(reader, heap)?;
            let tree = open(reader, name_index, BY_NAME, 4 + ID)?;
            let hash = lookup3(name, 0);
            // Names of equal hash are ordered by their bytes.
            let found = tree.find(&mut |record| {
                let (h, id) = record.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
                match u32::from_le_bytes(*h).cmp(&hash) {
                    Ordering::Equal => Ok(Link::decode(&objects.get(id)?, w)?.name.0[..].cmp(name)),
                    other => Ok(other),
                }
            })?;
            found.map(|record| Link::decode(&objects.get(&record[4..])?, w)).transpose()
        }
    }
}

/// The links of a group, one after the other.
pub(crate) enum Links {
    Symbols(Symbols),
    Sorted(Sorted),
    Heap(Box<InHeap>),
}

impl Iterator for Links {
    type Item = Result<Link>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Links::Symbols(symbols) => symbols.next(),
            Links::Sorted(links) => links.next(),
            Links::Heap(links) => links.next(),
        }
    }
}

/// The links of an old-style group: a B-tree of symbol table nodes, names in a local heap.
pub(crate) struct Symbols {
    reader: Reader,
    table: SymbolTable,
    leaf_rank: u16,
    internal_rank: u16,
    names: Vec<u8>,
    nodes: walk1::Entries<NameKey>,
    entries: std::vec::IntoIter<SymbolTableEntry>,
}

impl Symbols {
    fn new(reader: &Reader, table: SymbolTable, leaf_rank: u16, internal_rank: u16) -> Result<Symbols> {
        let w = reader.widths();
        let at = table.heap;
        let bytes = reader.metadata(at, LocalHeap::size(w)).in_structure("local heap")?;
        let heap = LocalHeap::decode(&bytes, w).at(at.get())?;
        let names = reader.metadata(heap.data, heap.data_size).in_structure("local heap").at(at.get())?.to_vec();
        Ok(Symbols {
            reader: reader.clone(),
            table,
            leaf_rank,
            internal_rank,
            names,
            nodes: walk1::Entries::new(reader, table.btree, (), internal_rank),
            entries: Vec::new().into_iter(),
        })
    }

    fn node(&self, at: Address) -> Result<Vec<SymbolTableEntry>> {
        let w = self.reader.widths();
        let bytes: Block<'_> =
            self.reader.metadata_up_to(at, node_size(w, self.leaf_rank)).in_structure("symbol table node")?;
        decode_node(&bytes, w, self.leaf_rank).at(at.get())
    }

    fn name(&self, entry: &SymbolTableEntry) -> Result<&[u8]> {
        string_at(&self.names, entry.name_offset)
    }

    fn link(&self, entry: &SymbolTableEntry) -> Result<Link> {
        let name = Name(self.name(entry)?.to_vec());
        let target = match (entry.soft_target(), entry.header) {
            (Some(offset), _) => Target::Soft(Name(string_at(&self.names, offset)?.to_vec())),
            (None, Some(address)) => Target::Hard(address),
            (None, None) => return Err(Error::damaged(format!("{name}: a hard link to nowhere"))),
        };
        // Old groups declare no character set; names are what they are.
        Ok(Link { name, charset: Charset::Ascii, creation_order: None, target })
    }

    /// Looks a name up: down the tree by its keys, then in one node.
    fn find(&self, name: &[u8]) -> Result<Option<Link>> {
        let mut at = self.table.btree;
        let mut level = None;
        loop {
            let node: btree1::Node<NameKey> = walk1::read(&self.reader, at, (), self.internal_rank)?;
            if level.is_some_and(|l| l != node.level) {
                return Err(Error::damaged("its levels do not decrease")
                    .in_structure("version 1 B-tree node")
                    .at(at.get()));
            }
            // Key i + 1 is the greatest name below child i.
            let mut child = None;
            for (key, address) in node.keys.iter().skip(1).zip(&node.children) {
                if name <= string_at(&self.names, key.0)? {
                    child = Some(*address);
                    break;
                }
            }
            let Some(child) = child else {
                return Ok(None);
            };
            if node.level == 0 {
                for entry in self.node(child)? {
                    if self.name(&entry)? == name {
                        return self.link(&entry).map(Some);
                    }
                }
                return Ok(None);
            }
            (at, level) = (child, Some(node.level - 1));
        }
    }
}

impl Iterator for Symbols {
    type Item = Result<Link>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Some(self.link(&entry));
            }
            let node = match self.nodes.next()? {
                Ok((_, at)) => self.node(at),
                Err(e) => return Some(Err(e)),
            };
            match node {
                Ok(entries) => self.entries = entries.into_iter(),
                Err(e) => return Some(Err(e)),
            }
        }
    }
}
