//! Links and attributes of an edited object that go to a heap of their own, with their flags and their order.

use crate::bytes::{Address, lookup3};
use crate::error::Result;
use crate::format::fractal_heap::Form;
use crate::index::space::Space;
use crate::index::{btree2_build, fractal_heap_build};

/// The B-trees of links by name and by order, and of attributes by name and by order, with the sizes of their records.
const LINKS_BY_NAME: (u8, u16) = (5, 4 + 7);
const LINKS_BY_ORDER: (u8, u16) = (6, 8 + 7);
const ATTRIBUTES_BY_NAME: (u8, u16) = (8, 8 + 1 + 4 + 4);
const ATTRIBUTES_BY_ORDER: (u8, u16) = (9, 8 + 1 + 4);

/// Where links or attributes are.
pub(super) struct Dense {
    pub(super) heap: Address,
    pub(super) name_index: Address,
    pub(super) order_index: Option<Address>,
}

/// A link or an attribute.
pub(super) struct Item<'a> {
    pub(super) name: &'a [u8],
    /// Of the message of an attribute.
    pub(super) flags: u8,
    pub(super) order: i64,
    pub(super) body: &'a [u8],
    /// Of an attribute that stands in the file's heap of shared messages: its ID there.
    pub(super) shared: Option<[u8; 8]>,
}

/// Writes a group's links.
pub(super) fn links(space: &mut Space, items: &[Item<'_>], index_order: bool) -> Result<Dense> {
    let by_name = |hash: [u8; 4], id: &[u8], _: &Item<'_>| [&hash[..], id].concat();
    let by_order = |id: &[u8], item: &Item<'_>| [&item.order.to_le_bytes()[..], id].concat();
    let trees = (LINKS_BY_NAME, index_order.then_some(LINKS_BY_ORDER));
    write(space, Form::LINKS, items, trees, by_name, by_order)
}

/// Writes an object's attributes.
pub(super) fn attributes(space: &mut Space, items: &[Item<'_>], index_order: bool) -> Result<Dense> {
    let common = |id: &[u8], i: &Item<'_>| [id, &[i.flags], &(i.order as u32).to_le_bytes()].concat();
    let by_name = |hash: [u8; 4], id: &[u8], i: &Item<'_>| [&common(id, i)[..], &hash].concat();
    let trees = (ATTRIBUTES_BY_NAME, index_order.then_some(ATTRIBUTES_BY_ORDER));
    write(space, Form::ATTRIBUTES, items, trees, by_name, common)
}

fn write(
    space: &mut Space,
    form: Form,
    items: &[Item<'_>],
    ((name_kind, name_size), order_tree): ((u8, u16), Option<(u8, u16)>),
    by_name: impl Fn([u8; 4], &[u8], &Item<'_>) -> Vec<u8>,
    by_order: impl Fn(&[u8], &Item<'_>) -> Vec<u8>,
) -> Result<Dense> {
    let own: Vec<Vec<u8>> = items.iter().filter(|i| i.shared.is_none()).map(|i| i.body.to_vec()).collect();
    let (heap, ids) = fractal_heap_build::build(space, form, &own)?;
    let mut ids = ids.into_iter();
    let mut placed: Vec<(&Item<'_>, Vec<u8>)> = Vec::with_capacity(items.len());
    for item in items {
        let id = item.shared.map_or_else(|| ids.next().unwrap_or_default(), |id| id.to_vec());
        placed.push((item, id));
    }
    placed.sort_by_cached_key(|(item, _)| (lookup3(item.name, 0), item.name.to_vec()));
    let records: Vec<Vec<u8>> =
        placed.iter().map(|(item, id)| by_name(lookup3(item.name, 0).to_le_bytes(), id, item)).collect();
    let name_index = btree2_build::build(space, name_kind, name_size, &records)?;
    let order_index = match order_tree {
        None => None,
        Some((kind, size)) => {
            placed.sort_by_key(|(item, _)| item.order);
            let records: Vec<Vec<u8>> = placed.iter().map(|(item, id)| by_order(id, item)).collect();
            Some(btree2_build::build(space, kind, size, &records)?)
        }
    };
    Ok(Dense { heap, name_index, order_index })
}
