//! Finishing a new file: the last data, then indexes, then object headers from below, then the superblock.

use super::scales;
use super::session::{Open, Session};
use super::tree::{Kind, Node, NodeId, Tree};
use super::writer::DatasetWriter;
use crate::bytes::{Address, Widths};
use crate::error::{Context, Error, Result};
use crate::format::libver::LibVer;
use crate::format::message::link::Link;
use crate::format::message::small::SymbolTable;
use crate::format::object_header;
use crate::format::superblock::{NodeRanks, Superblock};
use crate::index::space::METADATA;
use crate::object::store::{self, DatasetHeader, GroupLinks};
use foldhash::{HashMap, HashMapExt};
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard};

/// Where the header of each object is.
type Addresses = HashMap<NodeId, Address>;

/// The links that are to be added to groups, by the names of the stand-ins for those.
type Grafts = Vec<(Vec<u8>, Vec<Link>)>;

/// The memory of more objects than these is given back by another thread, while this one waits for the disk.
const MANY: usize = 1000;

type Datasets = Vec<(NodeId, Arc<Mutex<DatasetWriter>>)>;

/// Bytes of the superblock, at the beginning of the file.
pub(super) fn superblock_size(libver: LibVer) -> u64 {
    if libver == LibVer::Earliest { 96 } else { 48 }
}

/// Writes everything that is left. `barriers`: nothing but this call makes the file durable.
pub(super) fn commit(session: &Session, barriers: bool) -> Result<()> {
    let (mut open, mut addresses) = write_leaves(session)?;
    let tables = write_groups(&mut open, &mut addresses, |_| false)?;
    let root = addresses.get(&Tree::ROOT).copied().ok_or_else(|| Error::not_found("no root group"))?;
    finish(open, root, tables.get(&root).copied(), barriers)
}

/// Writes everything that is left of objects that are to come into groups of a file that is there already: of each
/// [`graft`](super::GroupMut::graft) its name, and the links that are to be added. What was open is given back.
pub(crate) fn write_grafts(session: &Session) -> Result<(Open, Grafts)> {
    let (mut open, mut addresses) = write_leaves(session)?;
    let grafts = open.tree.grafts()?;
    write_groups(&mut open, &mut addresses, |id| id == Tree::ROOT || grafts.iter().any(|(_, graft)| *graft == id))?;
    let mut links = Vec::with_capacity(grafts.len());
    for (name, id) in grafts {
        links.push((name, open.tree.messages(id, |object| addresses.get(&object).copied())?));
    }
    Ok((open, links))
}

/// Writes all objects but the groups.
fn write_leaves(session: &Session) -> Result<(Open, Addresses)> {
    let datasets = session.with(|open| Ok(datasets(&open.tree)))?;
    for (_, dataset) in &datasets {
        unused(dataset)?.finish(session)?;
    }
    scales::write(session)?;
    let mut open = session.close()?;
    open.tree.settle_promises()?;
    open.heap.flush(&mut open.space)?;
    let mut addresses = Addresses::new();
    write_datatypes(&mut open, &mut addresses)?;
    write_elsewhere(&mut open, &mut addresses)?;
    write_datasets(&mut open, &datasets, &mut addresses)?;
    Ok((open, addresses))
}

/// Writes the superblock of a new file.
fn finish(open: Open, root: Address, table: Option<SymbolTable>, barriers: bool) -> Result<()> {
    let Open { space, tree, libver, .. } = open;
    if tree.nodes().len() > MANY {
        rayon::spawn(move || drop(tree));
    }
    let (base, end) = (space.base(), space.end());
    let version = match libver {
        LibVer::Earliest => 0,
        LibVer::V18 => 2,
        _ => 3,
    };
    let store = space.into_store()?;
    if barriers {
        store.sync()?;
    }
    let superblock = Superblock {
        version,
        widths: Widths::EIGHT,
        flags: 0,
        base,
        // What is before the superblock counts, unlike in addresses.
        end: base + end,
        extension: None,
        driver: None,
        root,
        ranks: NodeRanks::DEFAULT,
    };
    let superblock = if version == 0 { superblock.encode_old(table)? } else { superblock.encode()? };
    store.write_at(base, &superblock)?;
    if barriers {
        store.sync()?;
    }
    Ok(())
}

fn datasets(tree: &Tree) -> Datasets {
    let dataset = |(id, node): (NodeId, &Node)| match &node.kind {
        Kind::Dataset(writer) => Some((id, writer.clone())),
        _ => None,
    };
    tree.nodes().filter_map(dataset).collect()
}

/// A dataset that nobody writes to at this moment. Waiting for it could be waiting for ourselves: a thread that filters
/// chunks takes up other work meanwhile.
fn unused(dataset: &Mutex<DatasetWriter>) -> Result<MutexGuard<'_, DatasetWriter>> {
    dataset.try_lock().map_err(|_| Error::conflict("a dataset is being written to; commit when that is done"))
}

/// Writes the committed datatypes, which datasets lead to.
fn write_datatypes(open: &mut Open, addresses: &mut Addresses) -> Result<()> {
    for id in open.tree.ids() {
        let node = open.tree.node(id)?;
        if let Kind::Committed(datatype) = &node.kind {
            open.space.watch();
            let header = store::encode_datatype(&mut open.space, open.libver, datatype, &node.common(open.time))?;
            addresses.insert(id, place(open, id, &header)?);
        }
    }
    Ok(())
}

/// Writes the datasets that have no elements in this file.
fn write_elsewhere(open: &mut Open, addresses: &mut Addresses) -> Result<()> {
    for id in open.tree.ids() {
        let node = open.tree.node(id)?;
        if let Kind::Elsewhere(dataset) = &node.kind {
            let committed = node.committed.and_then(|datatype| addresses.get(&datatype).copied());
            let header = DatasetHeader { committed, ..dataset.header() };
            open.space.watch();
            let header = store::encode_dataset(&mut open.space, open.libver, &header, &node.common(open.time))?;
            addresses.insert(id, place(open, id, &header)?);
        }
    }
    Ok(())
}

fn write_datasets(open: &mut Open, datasets: &Datasets, addresses: &mut Addresses) -> Result<()> {
    let (libver, time) = (open.libver, open.time);
    let mut layouts = Vec::with_capacity(datasets.len());
    for (_, dataset) in datasets {
        layouts.push(open.space.owned(|space| unused(dataset)?.index(space))?);
    }
    for ((id, dataset), (layout, index)) in datasets.iter().zip(layouts) {
        let dataset = unused(dataset)?;
        let node = open.tree.node(*id)?;
        let (common, committed) = (node.common(time), node.committed.and_then(|d| addresses.get(&d).copied()));
        open.space.watch();
        let header = dataset.header(&layout, |d| {
            let header = DatasetHeader { committed, ..*d };
            store::encode_dataset(&mut open.space, libver, &header, &common)
        });
        let header = header.on(&dataset.plan().path)?;
        let at = place(open, *id, &header)?;
        addresses.insert(*id, at);
        open.made.push((at, index));
    }
    Ok(())
}

/// Writes an object's header: behind everything else, or where somebody was told that it would be.
fn place(open: &mut Open, id: NodeId, header: &[u8]) -> Result<Address> {
    let at = match open.tree.early(id)? {
        None => open.space.append(header, METADATA)?,
        Some(early) => {
            let w = open.space.widths();
            let divided = object_header::divide(header, w, |bytes| open.space.allocate(bytes, METADATA))?;
            open.space.write(divided.at, &divided.second)?;
            open.space.write(early, &divided.first)?;
            early
        }
    };
    let room = open.space.watched();
    open.made.push((at, room));
    Ok(at)
}

/// Writes the groups, each behind those below it, but those that are left out; returns where the links of old-style groups
/// are.
fn write_groups(
    open: &mut Open,
    addresses: &mut Addresses,
    left_out: impl Fn(NodeId) -> bool,
) -> Result<HashMap<Address, SymbolTable>> {
    let mut tables = HashMap::new();
    for id in open.tree.groups_from_below()? {
        if left_out(id) || open.tree.is_unlinked(id)? {
            continue;
        }
        // A group that leads back to one above it cannot wait for the other's header.
        for child in open.tree.children(id)? {
            if let Entry::Vacant(unknown) = addresses.entry(child) {
                unknown.insert(open.address_of(child)?);
            }
        }
        let links = open.tree.messages(id, |object| addresses.get(&object).copied())?;
        let node = open.tree.node(id)?;
        let (track_order, phase_change) = (node.track_order, node.phase_change);
        let group = GroupLinks { links: &links, track_order, phase_change, tables: &tables };
        open.space.watch();
        let group = store::encode_group(&mut open.space, open.libver, &group, &node.common(open.time))?;
        let at = place(open, id, &group.header)?;
        addresses.insert(id, at);
        tables.extend(group.table.map(|table| (at, table)));
    }
    Ok(tables)
}
