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
    let mut sorted = Unsorted::new(reader.widths());
    match place(header, reader)? {
        // Symbol tables are sorted by name.
        Place::SymbolTable(table) => {
            return Ok(Links::Symbols(Symbols::new(reader, table, leaf_rank, internal_rank)?));
        }
        Place::Header => header.all(kind::LINK).for_each(|body| sorted.push(Ok(body.bytes))),
        Place::Heap { heap, order_index: Some(index), .. } if order == Order::Creation => {
            let index = open(reader, index, BY_ORDER, 8 + ID)?;
            return Ok(Links::Heap(Box::new(InHeap::new(reader, heap, index, false)?)));
        }
        Place::Heap { heap, name_index, .. } => {
            let mut stored = InHeap::new(reader, heap, open(reader, name_index, BY_NAME, 4 + ID)?, true)?;
            if order == Order::Stored {
                return Ok(Links::Heap(Box::new(stored)));
            }
            stored.batch = usize::MAX;
            stored.for_each_message(|message| sorted.push(message));
        }
    };
    Ok(Links::Sorted(sorted.finish(order)))
}

/// The links of a new-style group as the messages that they are stored as, in no certain order.
pub(crate) fn stored(header: &ObjectHeader, reader: &Reader) -> Result<Vec<Vec<u8>>> {
    match place(header, reader)? {
        Place::SymbolTable(_) => Err(Error::mismatch("an old-style group has no link messages")),
        Place::Header => Ok(header.all(kind::LINK).map(|body| body.bytes.to_vec()).collect()),
        Place::Heap { heap, name_index, .. } => {
            let mut messages = Vec::new();
            let mut stored = InHeap::new(reader, heap, open(reader, name_index, BY_NAME, 4 + ID)?, true)?;
            stored.batch = usize::MAX;
            stored.for_each_message(|message| messages.push(message.map(<[u8]>::to_vec)));
            messages.into_iter().collect()
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
    records: btree2::Records,
    /// Records that are taken from the index at once.
    batch: usize,
    /// Whether those are put in the order in which they stand in the heap, which its blocks are then read in: an index by
    /// name, sorted by a hash, would have the blocks all in turn.
    as_stored: bool,
    errors: std::vec::IntoIter<Error>,
    ids: std::vec::IntoIter<[u8; ID]>,
    w: Widths,
}

impl InHeap {
    /// The first batch is small, for the first link to come soon; each is many times the one before, for no block to be
    /// read in many of them.
    const FIRST: usize = 64;
    const GROWTH: usize = 16;

    fn new(reader: &Reader, heap: Address, index: btree2::Tree, as_stored: bool) -> Result<InHeap> {
        let objects = fractal_heap::Objects::open(reader, heap)?;
        let (errors, ids) = (Vec::new().into_iter(), Vec::new().into_iter());
        let records = index.records();
        Ok(InHeap { objects, records, batch: Self::FIRST, as_stored, errors, ids, w: reader.widths() })
    }

    /// Takes the next batch from the index; `false` where it ends.
    fn fill(&mut self) -> bool {
        let (mut ids, mut errors) = (Vec::new(), Vec::new());
        while ids.len() + errors.len() < self.batch
            && let Some(record) = self.records.next_record()
        {
            match record {
                Ok(record) => ids.push(id_of(record)),
                Err(e) => errors.push(e),
            }
        }
        if self.as_stored {
            // Behind a byte of flags comes the offset, least byte first.
            ids.sort_unstable_by_key(place_of);
        }
        self.batch = self.batch.saturating_mul(Self::GROWTH);
        let any = !ids.is_empty() || !errors.is_empty();
        (self.errors, self.ids) = (errors.into_iter(), ids.into_iter());
        any
    }

    /// Hands out what is next, not yet decoded.
    fn next_message<T>(&mut self, use_it: impl FnOnce(&[u8]) -> Result<T>) -> Option<Result<T>> {
        loop {
            if let Some(e) = self.errors.next() {
                return Some(Err(e));
            }
            if let Some(id) = self.ids.next() {
                return Some(self.objects.with(&id, use_it));
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// All messages, each or why there is none.
    fn for_each_message(mut self, mut each: impl FnMut(Result<&[u8]>)) {
        while let Some(done) = self.next_message(|message| {
            each(Ok(message));
            Ok(())
        }) {
            if let Err(e) = done {
                each(Err(e));
            }
        }
    }
}

/// The heap ID at the end of a record.
fn id_of(record: &[u8]) -> [u8; ID] {
    record.last_chunk().copied().unwrap_or_default()
}

/// What orders heap IDs as the objects stand.
fn place_of(id: &[u8; ID]) -> u64 {
    let &[a, b, c, d, e, f, g] = id;
    u64::from_le_bytes([a, b, c, d, e, f, g, 0])
}

impl Iterator for InHeap {
    type Item = Result<Link>;

    fn next(&mut self) -> Option<Self::Item> {
        let w = self.w;
        self.next_message(|message| Link::decode(message, w))
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

/// The same while it is filled.
struct Unsorted {
    errors: Vec<Error>,
    messages: Vec<u8>,
    places: Vec<Unplaced>,
    w: Widths,
}

/// A link's name and the whole message, as places among all messages, and when it was made.
#[derive(Clone)]
struct Unplaced {
    name: Range<usize>,
    message: Range<usize>,
    made: Option<i64>,
}

impl Unsorted {
    fn new(w: Widths) -> Unsorted {
        Unsorted { errors: Vec::new(), messages: Vec::new(), places: Vec::new(), w }
    }

    fn push(&mut self, message: Result<&[u8]>) {
        match message.and_then(|m| Ok((Link::key(m)?, m))) {
            Ok(((name, made), message)) => {
                let start = self.messages.len();
                self.messages.extend_from_slice(message);
                let (name, message) = (start + name.start..start + name.end, start..self.messages.len());
                self.places.push(Unplaced { name, message, made });
            }
            Err(e) => self.errors.push(e),
        }
    }

    fn finish(self, order: Order) -> Sorted {
        let Unsorted { errors, messages, mut places, w } = self;
        match order {
            Order::Creation => places.sort_by_key(|p| p.made),
            _ => sort_by_name(&messages, &mut places),
        }
        let places: Vec<Range<usize>> = places.into_iter().map(|p| p.message).collect();
        Sorted { errors: errors.into_iter(), messages, places: places.into_iter(), w }
    }
}

/// Sorts by the bytes of the names. Most names of a large group begin alike: eight bytes behind that beginning, compared
/// as one number, tell nearly all of them apart.
fn sort_by_name(messages: &[u8], places: &mut [Unplaced]) {
    let name = |p: &Unplaced| &messages[p.name.clone()];
    let Some(first) = places.first().map(name) else {
        return;
    };
    let common = |p: &Unplaced| first.iter().zip(name(p)).take_while(|(a, b)| a == b).count();
    let common = places.iter().map(common).min().unwrap_or(0);
    let key = |p: &Unplaced| {
        let mut key = [0; 8];
        let rest = &name(p)[common..];
        let n = rest.len().min(8);
        key[..n].copy_from_slice(&rest[..n]);
        u64::from_be_bytes(key)
    };
    let mut order: Vec<(u64, usize)> = places.iter().map(key).zip(0..).collect();
    order.sort_unstable_by(|(a, i), (b, j)| {
        a.cmp(b).then_with(|| name(&places[*i]).cmp(name(&places[*j]))).then(i.cmp(j))
    });
    let sorted: Vec<Unplaced> = order.iter().map(|(_, i)| places[*i].clone()).collect();
    places.clone_from_slice(&sorted);
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
                if *link.name.0 == *name {
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
        let name = Name::from_bytes(self.name(entry)?);
        let target = match (entry.soft_target(), entry.header) {
            (Some(offset), _) => Target::Soft(Name::from_bytes(string_at(&self.names, offset)?)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_begin_alike_are_in_the_order_of_their_bytes() {
        let names: Vec<String> = (0..500u32)
            .map(|n| n.wrapping_mul(2_654_435_761) % 1000)
            .flat_map(|n| [format!("beginning of a name {n}"), format!("beginning of a name {n}\0"), "begin".into()])
            .collect();
        let mut unsorted = Unsorted::new(Widths::EIGHT);
        for name in &names {
            let (name, target) = (Name::from(&**name), Target::Hard(Address(1)));
            let link = Link { name, charset: Charset::Ascii, creation_order: None, target };
            unsorted.push(Ok(&link.encode(Widths::EIGHT).unwrap()));
        }
        let sorted = unsorted.finish(Order::Name).map(|l| l.unwrap().name.0.into_vec());
        let mut wanted: Vec<Vec<u8>> = names.into_iter().map(String::into_bytes).collect();
        wanted.sort();
        assert_eq!(sorted.collect::<Vec<_>>(), wanted);
    }
}
