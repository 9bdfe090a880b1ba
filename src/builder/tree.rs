//! The objects of a new file and the links between them, in memory until the file is committed.

use super::elsewhere::Elsewhere;
use super::writer::DatasetWriter;
use crate::bytes::Address;
use crate::error::{Error, Result};
use crate::format::message::datatype::{Charset, Datatype, Name};
use crate::format::message::link::{Link, Target};
use crate::object::store::Common;
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The longest name. What does not fit an object header message goes to a heap.
const MAX_NAME: usize = 1 << 20;

/// The name of a group, in the root group, that never comes into the file: objects in it are in the file, and no link
/// leads to them. No name that is asked for has a NUL.
const UNLINKED: &[u8] = b"\0unlinked";

/// An object of the file, by its number in the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(usize);

/// All objects of a new file; the first is the root group.
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// New objects keep the order of what is made in them.
    track_order: bool,
    /// Objects that references lead to although they are not made yet, by the names of their paths.
    promised: BTreeMap<Vec<Vec<u8>>, NodeId>,
    /// Whose headers will be at addresses that are given away already.
    early: HashMap<u64, NodeId>,
}

/// An object.
pub(super) struct Node {
    /// Names, and encoded messages, in the order in which they were set.
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// The committed datatypes of those that have one, by name.
    attribute_types: HashMap<Vec<u8>, NodeId>,
    /// A dataset's committed datatype.
    pub(super) committed: Option<NodeId>,
    pub(super) kind: Kind,
    /// How many hard links lead here; for a committed datatype also how many use it.
    pub(super) links: u32,
    /// The order in which links and attributes are made is kept.
    pub(super) track_order: bool,
    /// Of a group that keeps it: the numbers of the links.
    link_order: HashMap<Vec<u8>, i64>,
    /// Of a group: the most links in its header and the fewest in a heap, if asked for.
    pub(super) phase_change: Option<[u16; 2]>,
    /// Where its header will be, if somebody had to know that before the header was written.
    early: Option<Address>,
    /// Of a dataset.
    pub(super) rank: Option<usize>,
    /// The group it was made in, and its name there; nothing for the root group.
    made_in: Option<(NodeId, Vec<u8>)>,
    /// What the header tells beside its messages of purpose.
    pub(super) notes: Notes,
}

/// What a header may tell of its object's past.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// When it was accessed, modified, changed and made, in seconds since 1970 UTC.
    pub(crate) times: Option<[u32; 4]>,
    /// What somebody has to say of it.
    pub(crate) comment: Option<Vec<u8>>,
}

/// What an object is.
pub(super) enum Kind {
    /// A group, with its links by name.
    Group(BTreeMap<Vec<u8>, LinkTo>),
    /// A dataset.
    Dataset(Arc<Mutex<DatasetWriter>>),
    /// A dataset that has no elements in this file.
    Elsewhere(Box<Elsewhere>),
    /// A committed datatype.
    Committed(Box<Datatype>),
    /// Not made yet.
    Promised,
}

impl Kind {
    /// As messages name it.
    fn noun(&self) -> &'static str {
        match self {
            Kind::Group(_) => "group",
            Kind::Dataset(_) | Kind::Elsewhere(_) => "dataset",
            Kind::Committed(_) => "committed datatype",
            Kind::Promised => "promised object",
        }
    }
}

/// Where a link leads.
#[derive(Clone, Debug)]
pub(super) enum LinkTo {
    Object(NodeId),
    Soft(Name),
    External { file: Name, path: Name },
    User { class: u8, data: Vec<u8> },
}

/// The names of a path, one behind the other. Slashes at the ends and doubled ones do not matter.
pub(super) fn names(path: &[u8]) -> Result<Vec<&[u8]>> {
    let names: Vec<&[u8]> = path.split(|&b| b == b'/').filter(|n| !n.is_empty()).collect();
    for &name in &names {
        let shown = Name::from_bytes(name);
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
        Tree { nodes: vec![root], promised: BTreeMap::new(), early: HashMap::new(), track_order: false }
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
        let has_links = matches!(&node.kind, Kind::Group(links) if links.keys().any(|name| name != UNLINKED));
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
            other => Err(Error::mismatch(format!("a {} has no links", other.noun()))),
        }
    }

    /// The numbers of all objects.
    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// All objects with their numbers.
    pub(super) fn nodes(&self) -> impl ExactSizeIterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(i, n)| (NodeId(i), n))
    }

    /// What `name` leads to from `group`.
    fn look(&self, group: NodeId, name: &[u8]) -> Result<Option<&LinkTo>> {
        match &self.node(group)?.kind {
            Kind::Group(links) => Ok(links.get(name)),
            other => Err(Error::conflict(format!("is a {}, so nothing can be in it", other.noun()))),
        }
    }

    /// The group whose objects no link leads to.
    pub(super) fn unlinked(&mut self) -> Result<NodeId> {
        if let Some(LinkTo::Object(id)) = self.look(Tree::ROOT, UNLINKED)? {
            return Ok(*id);
        }
        let id = NodeId(self.nodes.len());
        self.nodes.push(Node::new(Kind::Group(BTreeMap::new())));
        self.node_mut(id)?.made_in = Some((Tree::ROOT, UNLINKED.to_vec()));
        self.links_mut(Tree::ROOT)?.insert(UNLINKED.to_vec(), LinkTo::Object(id));
        Ok(id)
    }

    /// Whether a group is the one whose objects no link leads to.
    pub(super) fn is_unlinked(&self, group: NodeId) -> Result<bool> {
        Ok(matches!(&self.node(group)?.made_in, Some((_, name)) if name == UNLINKED))
    }

    /// Sets what an object's header tells of its past.
    pub(super) fn set_notes(&mut self, id: NodeId, notes: Notes) -> Result<()> {
        self.node_mut(id)?.notes = notes;
        Ok(())
    }

    /// The group at `names` below `from`; those that are missing are made.
    pub(super) fn make_groups(&mut self, from: NodeId, names: &[&[u8]]) -> Result<NodeId> {
        let mut here = from;
        for name in names {
            let next = match self.look(here, name)? {
                None => None,
                Some(LinkTo::Object(id)) => Some(*id),
                Some(_) => {
                    let name = Name::from_bytes(name);
                    return Err(Error::conflict(format!("{name} is a link to elsewhere, not a group")));
                }
            };
            here = match next {
                Some(id) if matches!(self.node(id)?.kind, Kind::Group(_)) => id,
                Some(id) => {
                    let (name, noun) = (Name::from_bytes(name), self.node(id)?.kind.noun());
                    return Err(Error::conflict(format!("{name} is a {noun}, so nothing can be in it")));
                }
                None => self.add(here, name, Kind::Group(BTreeMap::new()))?,
            };
        }
        Ok(here)
    }

    /// Adds an object to a group under a name that is free.
    pub(super) fn add(&mut self, group: NodeId, name: &[u8], kind: Kind) -> Result<NodeId> {
        // Only where promises are kept is there a need to know what the path is.
        let path = if self.promised.is_empty() { Vec::new() } else { self.names_of(group, &[name])? };
        let promised = self.promised.get(&path).copied();
        let id = promised.unwrap_or(NodeId(self.nodes.len()));
        self.link(group, name, LinkTo::Object(id))?;
        if promised.is_some() {
            self.promised.remove(&path);
            self.node_mut(id)?.kind = kind;
        } else {
            self.nodes.push(Node::new(kind));
        }
        self.node_mut(id)?.made_in = Some((group, name.to_vec()));
        let track_order = self.track_order;
        self.node_mut(id)?.track_order = track_order;
        Ok(id)
    }

    /// The names of the path from the root group to `group`, as it was made, and of `names` behind it.
    fn names_of(&self, group: NodeId, names: &[&[u8]]) -> Result<Vec<Vec<u8>>> {
        let mut found: Vec<Vec<u8>> = names.iter().rev().map(|n| n.to_vec()).collect();
        let mut here = group;
        while let Some((above, name)) = &self.node(here)?.made_in {
            found.push(name.clone());
            here = *above;
        }
        found.reverse();
        Ok(found)
    }

    /// The object at `names` below `from`, or, if there is none, the one that will have to be made there.
    pub(super) fn find_or_promise(&mut self, from: NodeId, names: &[&[u8]]) -> Result<NodeId> {
        if let Ok(id) = self.find(from, names) {
            return Ok(id);
        }
        let path = self.names_of(from, names)?;
        if let Some(&id) = self.promised.get(&path) {
            return Ok(id);
        }
        let id = NodeId(self.nodes.len());
        self.nodes.push(Node::new(Kind::Promised));
        self.promised.insert(path, id);
        Ok(id)
    }

    /// Sees to it that everything that was promised is there: what is not made under its path may be found there, over
    /// hard links that came later.
    pub(super) fn settle_promises(&mut self) -> Result<()> {
        for (path, promised) in std::mem::take(&mut self.promised) {
            let names: Vec<&[u8]> = path.iter().map(Vec::as_slice).collect();
            let shown = joined("/", &names);
            let never = |_| Error::not_found("references lead here, but no object was made").on(&shown);
            let id = self.find(Tree::ROOT, &names).map_err(never)?;
            let early = self.node(promised)?.early;
            let place = &mut self.node_mut(id)?.early;
            if early.is_some() && place.is_some() {
                let message = "references were made to this path and to another one that leads to the same object";
                return Err(Error::conflict(message).on(shown));
            }
            *place = early.or(*place);
        }
        Ok(())
    }

    /// Where an object's header will be, if that is known already.
    pub(super) fn early(&self, id: NodeId) -> Result<Option<Address>> {
        Ok(self.node(id)?.early)
    }

    /// Says where an object's header will be.
    pub(super) fn set_early(&mut self, id: NodeId, address: Address) -> Result<()> {
        self.node_mut(id)?.early = Some(address);
        self.early.insert(address.get(), id);
        Ok(())
    }

    /// Says how many dimensions a dataset has.
    pub(super) fn set_rank(&mut self, id: NodeId, rank: usize) -> Result<()> {
        self.node_mut(id)?.rank = Some(rank);
        Ok(())
    }

    /// Says that the file has an object at `address` already.
    pub(super) fn know(&mut self, address: Address) {
        self.early.insert(address.get(), Tree::ROOT);
    }

    /// The object whose header will be at `address`.
    pub(super) fn at(&self, address: u64) -> Option<NodeId> {
        self.early.get(&address).copied()
    }

    /// Adds a link to a group under a name that is free.
    pub(super) fn link(&mut self, group: NodeId, name: &[u8], to: LinkTo) -> Result<()> {
        if self.look(group, name)?.is_some() {
            let name = Name::from_bytes(name);
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
                    let name = Name::from_bytes(name);
                    return Err(Error::not_found(format!("no object {name}")));
                }
            };
        }
        Ok(here)
    }

    /// Adds a further hard link to an object. A group may come to lie in itself.
    pub(super) fn link_again(&mut self, group: NodeId, name: &[u8], to: NodeId) -> Result<()> {
        self.link(group, name, LinkTo::Object(to))?;
        self.node_mut(to)?.links += 1;
        Ok(())
    }

    /// Sets an attribute to an encoded message, in place of one of the same name. `committed` is its datatype, if that is
    /// one of its own.
    pub(super) fn set_attribute(
        &mut self,
        id: NodeId,
        name: &[u8],
        message: Vec<u8>,
        committed: Option<NodeId>,
    ) -> Result<()> {
        if let Some(datatype) = committed {
            self.node_mut(datatype)?.links += 1;
        }
        let node = self.node_mut(id)?;
        match node.attributes.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = message,
            None => node.attributes.push((name.to_vec(), message)),
        }
        let before = match committed {
            Some(datatype) => node.attribute_types.insert(name.to_vec(), datatype),
            None => node.attribute_types.remove(name),
        };
        if let Some(before) = before {
            self.node_mut(before)?.links -= 1;
        }
        Ok(())
    }

    /// Says which committed datatype a dataset uses.
    pub(super) fn set_committed(&mut self, id: NodeId, datatype: NodeId) -> Result<()> {
        self.node_mut(id)?.committed = Some(datatype);
        self.node_mut(datatype)?.links += 1;
        Ok(())
    }

    /// All groups, each behind the groups that it links to, as far as those do not lead back to it.
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

    /// The groups of the root group, by name.
    pub(super) fn grafts(&self) -> Result<Vec<(Vec<u8>, NodeId)>> {
        match &self.node(Tree::ROOT)?.kind {
            Kind::Group(links) => {
                let links = links.iter().filter(|(name, _)| *name != UNLINKED);
                Ok(links.filter_map(|(n, to)| Some((n.clone(), to.object()?))).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Whether the group `graft` of the root group has something of this name.
    pub(crate) fn has(&self, graft: &[u8], name: &[u8]) -> Result<bool> {
        match self.find(Tree::ROOT, &[graft]) {
            Ok(group) => Ok(self.look(group, name)?.is_some()),
            Err(_) => Ok(false),
        }
    }

    /// The objects that a group has hard links to.
    pub(super) fn children(&self, group: NodeId) -> Result<Vec<NodeId>> {
        match &self.node(group)?.kind {
            Kind::Group(links) => {
                let links = links.iter().filter(|(name, _)| *name != UNLINKED);
                Ok(links.filter_map(|(_, to)| to.object()).collect())
            }
            _ => Ok(Vec::new()),
        }
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
                LinkTo::User { class, data } => Target::User { class: *class, data: data.clone() },
            };
            let creation_order = node.link_order.get(name).copied();
            Ok(Link { name: Name::from_bytes(name), charset: charset(name), creation_order, target })
        };
        links.iter().filter(|(name, _)| *name != UNLINKED).map(encode).collect()
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
            attribute_types: HashMap::new(),
            committed: None,
            kind,
            links: 1,
            early: None,
            rank: None,
            made_in: None,
            track_order: false,
            link_order: HashMap::new(),
            phase_change: None,
            notes: Notes::default(),
        }
    }

    /// What every object has; `time` is when it was made, if it is to say.
    pub(super) fn common(&self, time: Option<u32>) -> Common<'_> {
        let Node { attributes, links, track_order, notes, .. } = self;
        let times = notes.times.or(time.map(|t| [t; 4]));
        let comment = notes.comment.as_deref();
        Common { attributes, reference_count: *links, track_order: *track_order, times, comment }
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
