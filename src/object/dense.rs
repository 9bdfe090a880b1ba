//! Links and attributes that are too many or too large for an object header: messages in a fractal heap, found by name
//! through a version 2 B-tree.

use crate::bytes::{Address, lookup3};
use crate::error::Result;
use crate::format::fractal_heap::Form;
use crate::format::message::link::Link;
use crate::index::space::Space;
use crate::index::{btree2_build, fractal_heap_build};

/// The B-trees of links and of attributes by name.
const LINK_TREE: u8 = 5;
const LINK_RECORD: u16 = 4 + 7;
const ATTRIBUTE_TREE: u8 = 8;
const ATTRIBUTE_RECORD: u16 = 8 + 1 + 4 + 4;

/// The B-trees of both by creation order.
const LINK_ORDER_TREE: u8 = 6;
const LINK_ORDER_RECORD: u16 = 8 + 7;
const ATTRIBUTE_ORDER_TREE: u8 = 9;
const ATTRIBUTE_ORDER_RECORD: u16 = 8 + 1 + 4;

/// The creation order of an attribute whose object tracks none.
const NO_ORDER: u32 = 0xffff;

/// Where links or attributes are.
pub(crate) struct Dense {
    pub(crate) heap: Address,
    pub(crate) name_index: Address,
    /// Where creation order is tracked.
    pub(crate) order_index: Option<Address>,
}

/// Writes a group's links, with an index of their creation order if all of them have one.
pub(crate) fn links(space: &mut Space, links: &[Link]) -> Result<Dense> {
    let messages = links.iter().map(|l| l.encode(space.widths())).collect::<Result<Vec<_>>>()?;
    let (heap, ids) = fractal_heap_build::build(space, Form::LINKS, &messages)?;
    let names = links.iter().map(|l| &l.name.0[..]);
    let records = by_hash(names, &ids, |hash, id| [&hash[..], id].concat());
    let name_index = btree2_build::build(space, LINK_TREE, LINK_RECORD, &records)?;
    let mut by_order: Vec<(i64, &Vec<u8>)> =
        links.iter().zip(&ids).filter_map(|(l, id)| Some((l.creation_order?, id))).collect();
    by_order.sort_unstable();
    let records: Vec<Vec<u8>> = by_order.iter().map(|(order, id)| [&order.to_le_bytes()[..], id].concat()).collect();
    let tracked = !records.is_empty() && records.len() == links.len();
    let order_index =
        tracked.then(|| btree2_build::build(space, LINK_ORDER_TREE, LINK_ORDER_RECORD, &records)).transpose()?;
    Ok(Dense { heap, name_index, order_index })
}

/// Writes an object's attributes: names, and encoded messages; if `ordered`, with an index of the order in which they
/// stand here.
pub(crate) fn attributes(space: &mut Space, attributes: &[(Vec<u8>, Vec<u8>)], ordered: bool) -> Result<Dense> {
    let messages: Vec<Vec<u8>> = attributes.iter().map(|(_, m)| m.clone()).collect();
    let (heap, ids) = fractal_heap_build::build(space, Form::ATTRIBUTES, &messages)?;
    let names = attributes.iter().map(|(name, _)| &name[..]);
    let with_order: Vec<Vec<u8>> = ids
        .iter()
        .zip(0u32..)
        .map(|(id, order)| [&id[..], &[0], &if ordered { order } else { NO_ORDER }.to_le_bytes()].concat())
        .collect();
    let records = by_hash(names, &with_order, |hash, start| [start, &hash].concat());
    let name_index = btree2_build::build(space, ATTRIBUTE_TREE, ATTRIBUTE_RECORD, &records)?;
    let by_order = || btree2_build::build(space, ATTRIBUTE_ORDER_TREE, ATTRIBUTE_ORDER_RECORD, &with_order);
    let order_index = ordered.then(by_order).transpose()?;
    Ok(Dense { heap, name_index, order_index })
}

/// The records of a tree by name: sorted by the hash of the name, and by the name where hashes agree.
fn by_hash<'a>(
    names: impl Iterator<Item = &'a [u8]>,
    ids: &[Vec<u8>],
    record: impl Fn([u8; 4], &[u8]) -> Vec<u8>,
) -> Vec<Vec<u8>> {
    let mut order: Vec<(u32, &[u8], &[u8])> =
        names.zip(ids).map(|(name, id)| (lookup3(name, 0), name, &id[..])).collect();
    order.sort_unstable();
    order.into_iter().map(|(hash, _, id)| record(hash.to_le_bytes(), id)).collect()
}
