//! The links of a group: in a symbol table, in the header, or in a fractal heap.

use super::ObjectHeader;
use crate::bytes::{Address, decode, lookup3};
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

/// Links by name: u32 hash, heap ID.
const BY_NAME: u8 = 5;

/// Where a group keeps its links.
pub(crate) enum Place {
    SymbolTable(SymbolTable),
    Header,
    Heap { heap: Address, name_index: Address },
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
        (Some(heap), Some(name_index)) => Ok(Place::Heap { heap, name_index }),
        (Some(_), None) => Err(Error::damaged("a heap of links without an index").in_structure("link info")),
    }
}

/// The links of a group, sorted by the bytes of their names. A damaged part is one `Err`; the rest follows.
pub(crate) fn all(header: &ObjectHeader, reader: &Reader, leaf_rank: u16, internal_rank: u16) -> Result<Links> {
    let w = reader.widths();
    let mut links = match place(header, reader)? {
        Place::SymbolTable(table) => {
            return Ok(Links::Symbols(Symbols::new(reader, table, leaf_rank, internal_rank)?));
        }
        Place::Header => header.all(kind::LINK).map(|body| Link::decode(body.bytes, w)).collect(),
        Place::Heap { heap, name_index } => dense(reader, heap, name_index)?,
    };
    let name = |link: &Result<Link>| link.as_ref().ok().map(|l| l.name.clone());
    links.sort_by_cached_key(name);
    Ok(Links::Sorted(links.into_iter()))
}

fn dense(reader: &Reader, heap: Address, name_index: Address) -> Result<Vec<Result<Link>>> {
    let mut objects = fractal_heap::Objects::open(reader, heap)?;
    let tree = btree2::Tree::open(reader, name_index, BY_NAME)?;
    check_record_size(&tree, 4)?;
    let decode = |record: Result<Vec<u8>>| Link::decode(&objects.get(&record?[4..])?, reader.widths());
    Ok(tree.records().map(decode).collect())
}

fn check_record_size(tree: &btree2::Tree, fixed: usize) -> Result<()> {
    if tree.record_size() <= fixed {
        let message = format!("records of {} bytes", tree.record_size());
        return Err(Error::damaged(message).in_structure("version 2 B-tree header"));
    }
    Ok(())
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
        Place::Heap { heap, name_index } => {
            let mut objects = fractal_heap::Objects::open(reader, heap)?;
            let tree = btree2::Tree::open(reader, name_index, BY_NAME)?;
            check_record_size(&tree, 4)?;
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
    Sorted(std::vec::IntoIter<Result<Link>>),
}

impl Iterator for Links {
    type Item = Result<Link>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Links::Symbols(symbols) => symbols.next(),
            Links::Sorted(links) => links.next(),
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
