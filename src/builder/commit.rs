//! Finishing a new file: the last data, then indexes, then object headers from below, then the superblock.

use super::session::{Open, Session};
use super::tree::{Kind, NodeId, Tree};
use super::writer::DatasetWriter;
use crate::bytes::{Address, Widths};
use crate::error::{Context, Error, Result};
use crate::format::superblock::{NodeRanks, Superblock};
use crate::index::space::METADATA;
use crate::object::store::{self, Common};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Where the header of each object is.
type Addresses = HashMap<NodeId, Address>;

type Datasets = Vec<(NodeId, Arc<Mutex<DatasetWriter>>)>;

/// Bytes of the superblock, at the beginning of the file.
pub(super) const SUPERBLOCK: u64 = 48;

/// Writes everything that is left. `barriers`: nothing but this call makes the file durable.
pub(super) fn commit(session: &Session, barriers: bool) -> Result<()> {
    let datasets = session.with(|open| Ok(datasets(&open.tree)))?;
    for (_, dataset) in &datasets {
        unused(dataset)?.finish(session)?;
    }
    let mut open = session.close()?;
    open.heap.flush(&mut open.space)?;
    let mut addresses = Addresses::new();
    write_datasets(&mut open, &datasets, &mut addresses)?;
    let root = write_groups(&mut open, &mut addresses)?;
    let end = open.space.end();
    let store = open.space.into_store()?;
    if barriers {
        store.sync()?;
    }
    let superblock = Superblock {
        version: 2,
        widths: Widths::EIGHT,
        flags: 0,
        base: 0,
        end,
        extension: None,
        driver: None,
        root,
        ranks: NodeRanks::DEFAULT,
    };
    store.write_at(0, &superblock.encode()?)?;
    if barriers {
        store.sync()?;
    }
    Ok(())
}

fn datasets(tree: &Tree) -> Datasets {
    let dataset = |(id, node): (NodeId, &super::tree::Node)| match &node.kind {
        Kind::Dataset(writer) => Some((id, writer.clone())),
        Kind::Group(_) => None,
    };
    tree.nodes().filter_map(dataset).collect()
}

/// A dataset that nobody writes to at this moment. Waiting for it could be waiting for ourselves: a thread that filters
/// chunks takes up other work meanwhile.
fn unused(dataset: &Mutex<DatasetWriter>) -> Result<MutexGuard<'_, DatasetWriter>> {
    dataset.try_lock().map_err(|_| Error::conflict("a dataset is being written to; commit when that is done"))
}

fn write_datasets(open: &mut Open, datasets: &Datasets, addresses: &mut Addresses) -> Result<()> {
    let libver = open.libver;
    let mut layouts = Vec::with_capacity(datasets.len());
    for (_, dataset) in datasets {
        layouts.push(unused(dataset)?.index(&mut open.space)?);
    }
    for ((id, dataset), layout) in datasets.iter().zip(layouts) {
        let dataset = unused(dataset)?;
        let node = open.tree.node(*id)?;
        let common = Common { attributes: node.attributes(), reference_count: node.links };
        let header = dataset.header(&layout, |d| store::encode_dataset(&mut open.space, libver, d, &common));
        let header = header.on(&dataset.plan().path)?;
        addresses.insert(*id, open.space.append(&header, METADATA)?);
    }
    Ok(())
}

/// Writes the groups, each behind those below it, and returns where the root is.
fn write_groups(open: &mut Open, addresses: &mut Addresses) -> Result<Address> {
    for id in open.tree.groups_from_below()? {
        let links = open.tree.messages(id, |object| addresses.get(&object).copied())?;
        let node = open.tree.node(id)?;
        let common = Common { attributes: node.attributes(), reference_count: node.links };
        let header = store::encode_group(&mut open.space, open.libver, &links, &common)?;
        addresses.insert(id, open.space.append(&header, METADATA)?);
    }
    let root = addresses.get(&Tree::ROOT).copied();
    root.ok_or_else(|| Error::not_found("no root group"))
}
