//! A file compared with what must be in it.

use super::arrays::{ANYTHING, Array, Cell, Kind, Mixed};
use super::model::{Data, LinkTo, Model, What};
use h5manager::{Attribute, Dataset, File, Group, Link, LinkTarget, Object, Reference, Result, VarLen};
use std::collections::HashMap;

/// What is in a file, as far as it was seen.
#[derive(Default)]
struct Seen {
    /// Where objects are.
    addresses: HashMap<usize, u64>,
    /// References, and what they must lead to.
    leads: Vec<(String, Option<usize>, Reference)>,
}

/// Panics where a file holds something else than the model.
pub(crate) fn check(model: &Model, file: &File) {
    let mut seen = Seen::default();
    let mut stack = vec![(0, Object::Group(file.root().expect("a root group")))];
    seen.addresses.insert(0, stack[0].1.address());
    while let Some((node, object)) = stack.pop() {
        object_is(model, node, &object, &mut seen).unwrap_or_else(|e| panic!("{}: {e}", object.path()));
        if let Object::Group(group) = &object {
            links_are(model, node, group, &mut seen, &mut stack).unwrap_or_else(|e| panic!("{}: {e}", object.path()));
        }
    }
    let mut places: Vec<u64> = seen.addresses.values().copied().collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), seen.addresses.len(), "two objects at one place");
    for (path, node, found) in &seen.leads {
        match node {
            None => assert_eq!(*found, Reference::Null, "{path}"),
            Some(node) if *node == ANYTHING => {}
            // An object that is not there any more leaves its references.
            Some(node) => match seen.addresses.get(node) {
                Some(address) => assert_eq!(found.address(), Some(*address), "{path}: a reference to object {node}"),
                None => assert!(found.address().is_some(), "{path}: {found:?}"),
            },
        }
    }
}

fn links_are(
    model: &Model,
    node: usize,
    group: &Group,
    seen: &mut Seen,
    stack: &mut Vec<(usize, Object)>,
) -> Result<()> {
    let ordered = model.nodes[node].ordered;
    let found: Vec<Link> = match ordered {
        true => group.links_by_creation_order()?.collect::<Result<_>>()?,
        false => group.links()?.collect::<Result<_>>()?,
    };
    let mut wanted: Vec<&(String, LinkTo)> = model.links(node).iter().collect();
    if !ordered {
        wanted.sort();
    }
    let names: Vec<String> = found.iter().map(|l| l.name().to_string()).collect();
    assert_eq!(names, wanted.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>(), "links of {}", group.path());
    for (link, (name, to)) in found.iter().zip(wanted) {
        match (link.target(), to) {
            (LinkTarget::Hard(address), LinkTo::Node(to)) => match seen.addresses.get(to) {
                Some(known) => assert_eq!(known, address, "{}/{name}", group.path()),
                None => {
                    seen.addresses.insert(*to, *address);
                    stack.push((*to, group.object(name)?));
                }
            },
            (LinkTarget::Soft(path), LinkTo::Soft(want)) => assert_eq!(path.to_string(), *want),
            (LinkTarget::External { file, path }, LinkTo::External(f, p)) => {
                assert_eq!((file.to_string(), path.to_string()), (f.clone(), p.clone()));
            }
            (LinkTarget::User { class, data }, LinkTo::User(c, d)) => assert_eq!((class, data), (c, d)),
            (found, wanted) => panic!("{}/{name}: {found:?} in place of {wanted:?}", group.path()),
        }
    }
    Ok(())
}

fn object_is(model: &Model, node: usize, object: &Object, seen: &mut Seen) -> Result<()> {
    let want = &model.nodes[node];
    match (&want.what, object) {
        (What::Group(_), Object::Group(_)) => {}
        (What::Data(data), Object::Dataset(found)) => dataset_is(data, found, seen)?,
        (What::Type(datatype), Object::Datatype(found)) => assert_eq!(found.datatype(), datatype),
        _ => panic!("{}: another kind of object", object.path()),
    }
    let found = match want.ordered {
        true => object.attributes_by_creation_order()?,
        false => object.attributes()?,
    };
    let found: Vec<Attribute> = found.into_iter().collect::<Result<_>>()?;
    let mut wanted: Vec<&(String, Array)> = want.attributes.iter().collect();
    if !want.ordered {
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let names: Vec<String> = found.iter().map(|a| a.name().to_string()).collect();
    assert_eq!(names, wanted.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>(), "attributes of {}", object.path());
    for (found, (name, array)) in found.iter().zip(wanted) {
        let place = format!("{}@{name}", object.path());
        assert_eq!(*found.datatype(), array.kind.datatype(), "{place}");
        assert_eq!(found.shape().map(<[u64]>::to_vec), array.shape, "{place}");
        if array.shape.is_some() {
            let read = match &array.kind {
                Kind::Raw(datatype) => raw(found.stored(), datatype.size()),
                Kind::Text => texts(found.read()?),
                Kind::List => lists(found.read()?),
                Kind::Mixed => mixed(found.read()?),
                Kind::Lead => leads(&place, array, found.read()?, seen),
            };
            assert_eq!(read, array.cells, "{place}");
        }
    }
    Ok(())
}

fn dataset_is(data: &Data, found: &Dataset, seen: &mut Seen) -> Result<()> {
    let (array, place) = (&data.array, found.path());
    assert_eq!(*found.datatype(), array.kind.datatype(), "{place}");
    assert_eq!(found.is_null(), array.shape.is_none(), "{place}");
    let Some(shape) = &array.shape else { return Ok(()) };
    assert_eq!((found.shape(), found.max_shape()), (&shape[..], &data.max[..]), "{place}");
    if let Some(node) = data.committed
        && let Some(address) = seen.addresses.get(&node)
    {
        assert_eq!(found.committed_datatype(), Some(*address), "{place}");
    }
    let read = match &array.kind {
        Kind::Raw(datatype) => raw(&found.select(..)?.read_stored()?, datatype.size()),
        Kind::Text => texts(found.read()?),
        Kind::List => lists(found.read()?),
        Kind::Mixed => mixed(found.read()?),
        Kind::Lead => leads(place, array, found.read()?, seen),
    };
    assert_eq!(read, array.cells, "{place}");
    Ok(())
}

fn raw(bytes: &[u8], size: u64) -> Vec<Cell> {
    bytes.chunks_exact(size as usize).map(|b| Cell::Raw(b.to_vec())).collect()
}

fn texts(found: Vec<String>) -> Vec<Cell> {
    found.into_iter().map(Cell::Text).collect()
}

fn lists(found: Vec<VarLen<i32>>) -> Vec<Cell> {
    found.into_iter().map(|l| Cell::List(l.0)).collect()
}

fn mixed(found: Vec<Mixed>) -> Vec<Cell> {
    found.into_iter().map(|m| Cell::Mixed(m.number, m.name, m.list.0)).collect()
}

/// Where references lead is looked at when all objects are known.
fn leads(place: &str, wanted: &Array, found: Vec<Reference>, seen: &mut Seen) -> Vec<Cell> {
    for (cell, reference) in wanted.cells.iter().zip(found) {
        if let Cell::Lead(node) = cell {
            seen.leads.push((place.into(), *node, reference));
        }
    }
    wanted.cells.clone()
}
