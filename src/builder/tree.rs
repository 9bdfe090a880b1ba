//! The objects of a new file and the links between them, in memory until the file is committed.

use super::writer::DatasetWriter;
use crate::bytes::Address;
use crate::error::{Error, Result};
use crate::format::message::datatype::{Charset, Name};
use crate::format::message::link::{Link, Target};
use crate::object::store::Common;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

/// The longest name: with its address and flags it fits an object header message.
const MAX_NAME: usize = 65_000;

/// An object of the file, by its number in the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NodeId(usize);

/// All objects of a new file; the first is the root group.
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// New objects keep the order of what is made in them.
    track_order: bool,
}

/// An object.
pub(super) struct Node {
    /// Names, and encoded messages, in the order in which they were set.
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) kind: Kind,
    /// How many hard links lead here.
    pub(super) links: u32,
    /// The order in which links and attributes are made is kept.
    pub(super) track_order: bool,
    /// Of a group that keeps it: the numbers of the links.
    link_order: HashMap<Vec<u8>, i64>,
    /// Of a group: the most links in its header and the fewest in a heap, if asked for.
    pub(super) phase_change: Option<[u16; 2]>,
}

/// What an object is.
pub(super) enum Kind {
    /// A group, with its links by name.
    Group(BTreeMap<Vec<u8>, LinkTo>),
    /// A dataset.
    Dataset(Arc<Mutex<DatasetWriter>>),
}

/// Where a link leads.
#[derive(Clone, Debug)]
pub(super) enum LinkTo {
    Object(NodeId),
    Soft(Name),
    External { file: Name, path: Name },
}

/// The names of a path, one behind the other. Slashes at the ends and doubled ones do not matter.
pub(super) fn names(path: &[u8]) -> Result<Vec<&[u8]>> {
    let names: Vec<&[u8]> = path.split(|&b| b == b'/').filter(|n| !n.is_empty()).collect();
    for &name in &names {
        let shown = Name(name.to_vec());
        if name == b"." {
            return Err(Error::invalid("\".\" is not a name: it means the group itself"));
        }
        if name.contains(&0) {
            return Err(Error::invalid(format!("the name {shown} contains a NUL")));
        }
        if name.len() > MAX_NAME {
            let length = name.len();
            return Err(Error::limit(format!("a name of {length} bytes: {MAX_NAME} are possible")));
        }
    }
    Ok(names)
}

/// The path below `base` that these names make.
pub(super) fn joined(base: &str, names: &[&[u8]]) -> String {
    let mut path = base.trim_end_matches('/').to_owned();
    for name in names {
        path.push('/');
        path.push_str(&String::from_utf8_lossy(name));
    }
    if path.is_empty() { "/".into() } else { path }
}

impl Tree {
    /// The root group and nothing in it.
    pub(super) fn new() -> Tree {
        let root = Node::new(Kind::Group(BTreeMap::new()));
        Tree { nodes: vec![root], track_order: false }
    }

    pub(super) const ROOT: NodeId = NodeId(0);

    /// Lets the root group and all objects that are still to be made keep the order of what is made in them.
    pub(super) fn track_order_of_all(&mut self) {
        self.track_order = true;
        self.nodes.iter_mut().for_each(|node| node.track_order = true);
    }

    /// Lets an object keep the order of what is made in it, or not. There must be nothing in it yet.
    pub(super) fn set_track_order(&mut self, id: NodeId, track_order: bool) -> Result<()> {
        let node = self.node_mut(id)?;
        let has_links = matches!(&node.kind, Kind::Group(links) if !links.is_empty());
        if node.track_order != track_order && (has_links || !node.attributes.is_empty()) {
            return Err(Error::conflict("whether order is tracked must be said before there are links or attributes"));
        }
        node.track_order = track_order;
        Ok(())
    }

    /// Says how many links a group keeps in its header at most, and how few in a heap.
    pub(super) fn set_phase_change(&mut self, id: NodeId, most: u16, fewest: u16) -> Result<()> {
        if most < fewest {
            let message = format!("links move to a heap above {most} and back below {fewest}, which is more");
            return Err(Error::invalid(message));
        }
        self.node_mut(id)?.phase_change = Some([most, fewest]);
        Ok(())
    }

    pub(super) fn node(&self, id: NodeId) -> Result<&Node> {
        let lost = || Error::not_found("an object that is not of this file");
        self.nodes.get(id.0).ok_or_else(lost)
    }

    fn node_mut(&mut self, id: NodeId) -> Result<&mut Node> {
        let lost = || Error::not_found("an object that is not of this file");
        self.nodes.get_mut(id.0).ok_or_else(lost)
    }

    fn links_mut(&mut self, group: NodeId) -> Result<&mut BTreeMap<Vec<u8>, LinkTo>> {
        match &mut self.node_mut(group)?.kind {
            Kind::Group(links) => Ok(links),
            Kind::Dataset(_) => Err(Error::mismatch("a dataset has no links")),
        }
    }

    /// All objects with their numbers.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(i, n)| (NodeId(i), n))
    }

    /// What `name` leads to from `group`.
    fn look(&self, group: NodeId, name: &[u8]) -> Result<Option<&LinkTo>> {
        match &self.node(group)?.kind {
            Kind::Group(links) => Ok(links.get(name)),
            Kind::Dataset(_) => Err(Error::conflict("is a dataset, so nothing can be in it")),
        }
    }

    /// The group at `names` below `from`; those that are missing are made.
    pub(super) fn make_groups(&mut self, from: NodeId, names: &[&[u8]]) -> Result<NodeId> {
        let mut here = from;
        for name in names {
            let next = match self.look(here, name)? {
                None => None,
                Some(LinkTo::Object(id)) => Some(*id),
                Some(_) => {
                    let name = Name(name.to_vec());
                    return Err(Error::conflict(format!("{name} is a link to elsewhere, not a group")));
                }
            };
            here = match next {
                Some(id) if matches!(self.node(id)?.kind, Kind::Group(_)) => id,
                Some(_) => {
                    let name = Name(name.to_vec());
                    return Err(Error::conflict(format!("{name} is a dataset, so nothing can be in it")));
                }
                None => self.add(here, name, Kind::Group(BTreeMap::new()))?,
            };
        }
        Ok(here)
    }

    /// Adds an object to a group under a name that is free.
    pub(super) fn add(&mut self, group: NodeId, name: &[u8], kind: Kind) -> Result<NodeId> {
        let id = NodeId(self.nodes.len());
        self.link(group, name, LinkTo::Object(id))?;
        self.nodes.push(Node::new(kind));
        let track_order = self.track_order;
        self.node_mut(id)?.track_order = track_order;
        Ok(id)
    }

    /// Adds a link to a group under a name that is free.
    pub(super) fn link(&mut self, group: NodeId, name: &[u8], to: LinkTo) -> Result<()> {
        if self.look(group, name)?.is_some() {
            let name = Name(name.to_vec());
            return Err(Error::conflict(format!("{name} exists already")));
        }
        self.links_mut(group)?.insert(name.to_vec(), to);
        let node = self.node_mut(group)?;
        if node.track_order {
            let number = node.link_order.len() as i64;
            node.link_order.insert(name.to_vec(), number);
        }
        Ok(())
    }

    /// The object at `names` below `from`.
    pub(super) fn find(&self, from: NodeId, names: &[&[u8]]) -> Result<NodeId> {
        let mut here = from;
        for name in names {
            here = match self.look(here, name)? {
                Some(LinkTo::Object(id)) => *id,
                _ => {
                    let name = Name(name.to_vec());
                    return Err(Error::not_found(format!("no object {name}")));
                }
            };
        }
        Ok(here)
    }

    /// Adds a further hard link to an object. A group cannot come to lie in itself.
    pub(super) fn link_again(&mut self, group: NodeId, name: &[u8], to: NodeId) -> Result<()> {
        let mut below = vec![to];
        let mut seen = HashSet::new();
        while let Some(id) = below.pop() {
            if id == group {
                return Err(Error::unsupported("a hard link that puts a group into itself"));
            }
            if let (true, Kind::Group(links)) = (seen.insert(id), &self.node(id)?.kind) {
                below.extend(links.values().filter_map(LinkTo::object));
            }
        }
        self.link(group, name, LinkTo::Object(to))?;
        self.node_mut(to)?.links += 1;
        Ok(())
    }

    /// Sets an attribute to an encoded message, in place of one of the same name.
    pub(super) fn set_attribute(&mut self, id: NodeId, name: &[u8], message: Vec<u8>) -> Result<()> {
        let attributes = &mut self.node_mut(id)?.attributes;
        match attributes.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = message,
            None => attributes.push((name.to_vec(), message)),
        }
        Ok(())
    }

    /// All groups, each behind the groups that it links to.
    pub(super) fn groups_from_below(&self) -> Result<Vec<NodeId>> {
        let mut order = Vec::new();
        let mut seen = HashSet::new();
        // A group comes out when it is met again, after everything that was pushed on top of it.
        let mut stack = vec![(Tree::ROOT, false)];
        while let Some((id, done)) = stack.pop() {
            if done {
                order.push(id);
            } else if seen.insert(id)
                && let Kind::Group(links) = &self.node(id)?.kind
            {
                stack.push((id, true));
                for child in links.values().rev().filter_map(LinkTo::object) {
                    if matches!(self.node(child)?.kind, Kind::Group(_)) {
                        stack.push((child, false));
                    }
                }
            }
        }
        Ok(order)
    }

    /// A group's links as messages, by name; `address` knows where objects are.
    pub(super) fn messages(&self, group: NodeId, address: impl Fn(NodeId) -> Option<Address>) -> Result<Vec<Link>> {
        let node = self.node(group)?;
        let Kind::Group(links) = &node.kind else {
            return Ok(Vec::new());
        };
        let encode = |(name, to): (&Vec<u8>, &LinkTo)| {
            let target = match to {
                LinkTo::Object(id) => {
                    Target::Hard(address(*id).ok_or_else(|| Error::not_found("an object without an address"))?)
                }
                LinkTo::Soft(path) => Target::Soft(path.clone()),
                LinkTo::External { file, path } => Target::External { file: file.clone(), path: path.clone() },
            };
            let creation_order = node.link_order.get(name).copied();
            Ok(Link { name: Name(name.clone()), charset: charset(name), creation_order, target })
        };
        links.iter().map(encode).collect()
    }
}

/// The character set that a name declares: ASCII if it is, UTF-8 if it must be. Bytes that are neither declare nothing.
pub(crate) fn charset(name: &[u8]) -> Charset {
    if !name.is_ascii() && std::str::from_utf8(name).is_ok() { Charset::Utf8 } else { Charset::Ascii }
}

impl Node {
    fn new(kind: Kind) -> Node {
        Node {
            attributes: Vec::new(),
            kind,
            links: 1,
            track_order: false,
            link_order: HashMap::new(),
            phase_change: None,
        }
    }

    /// What every object has; `time` is when it was made, if it is to say.
    pub(super) fn common(&self, time: Option<u32>) -> Common<'_> {
        let Node { attributes, links, track_order, .. } = self;
        Common { attributes, reference_count: *links, track_order: *track_order, time }
    }
}

impl LinkTo {
    fn object(&self) -> Option<NodeId> {
        match self {
            LinkTo::Object(id) => Some(*id),
            _ => None,
        }
    }
}
