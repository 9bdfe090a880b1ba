//! Objects, and groups: links from names to objects.

use crate::Dataset;
use crate::attribute::Attribute;
use crate::bytes::{Address, Limits};
use crate::error::{Context, Error, Result};
use crate::file::File;
use crate::format::message::datatype::{Datatype, Name};
use crate::format::message::{kind, link};
use crate::index::global_heap::HeapView;
use crate::io::Reader;
use crate::object::header::ObjectKind;
use crate::object::links::Order;
use crate::object::{ObjectHeader, attributes, links};
use crate::walk::{self, Visit, Walk};
use std::sync::Arc;

/// What a name leads to.
#[derive(Clone)]
#[non_exhaustive]
pub enum Object {
    /// A group.
    Group(Group),
    /// A dataset.
    Dataset(Dataset),
    /// A committed datatype.
    Datatype(NamedDatatype),
}

/// What every object has: its header, its path, attributes.
pub(crate) struct Node {
    pub(crate) access: Arc<Access>,
    pub(crate) header: ObjectHeader,
    pub(crate) path: String,
}

/// How an object's file is read: the file, and the reader of an operation.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) file: File,
    pub(crate) reader: Reader,
}

impl Access {
    /// Whether it costs little to load what may not be needed: its bytes are at hand, and there is fuel enough.
    pub(crate) fn is_for_looking_ahead(&self) -> bool {
        !self.reader.wants_plan() && self.reader.ctx().is_well_fuelled()
    }
}

impl Node {
    pub(crate) fn file(&self) -> &File {
        &self.access.file
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.access.reader
    }

    pub(crate) fn heap(&self) -> HeapView<'_> {
        HeapView::new(&self.file().inner.heap, self.reader())
    }

    pub(crate) fn attributes(self: &Arc<Self>) -> Result<Vec<Result<Attribute>>> {
        let make = |found: Result<_>| found.map(|a| Attribute::new(self, a)).on(&self.path);
        attributes::all(&self.header, self.reader(), make, Attribute::name).on(&self.path)
    }

    pub(crate) fn attributes_unordered(self: &Arc<Self>) -> Result<impl Iterator<Item = Result<Attribute>> + use<>> {
        let (node, mut found) =
            (self.clone(), attributes::Unordered::open(&self.header, self.reader()).on(&self.path)?);
        Ok(std::iter::from_fn(move || {
            let next = found.next(&node.header, node.reader())?;
            Some(next.map(|a| Attribute::new(&node, a)).on(&node.path))
        }))
    }

    pub(crate) fn attributes_by_creation_order(self: &Arc<Self>) -> Result<Vec<Result<Attribute>>> {
        if !attributes::tracks_order(&self.header) {
            let message = "the object does not track the order in which its attributes were made";
            return Err(Error::mismatch(message).on(&*self.path));
        }
        let mut found = self.attributes()?;
        found.sort_by_key(|a| a.as_ref().ok().and_then(Attribute::creation_order));
        Ok(found)
    }

    pub(crate) fn attribute(self: &Arc<Self>, name: &str) -> Result<Option<Attribute>> {
        let found = attributes::find(&self.header, self.reader(), name.as_bytes()).on(&self.path)?;
        Ok(found.map(|a| Attribute::new(self, a)))
    }
}

impl Object {
    pub(crate) fn load(access: &Arc<Access>, address: Address, path: String) -> Result<Object> {
        Self::load_with(access, address, path, Dataset::load)
    }

    /// As [`load`](Object::load), for copying: other files that have a dataset's elements are not looked for, and those
    /// elements cannot be read.
    pub(crate) fn load_as_stored(access: &Arc<Access>, address: Address, path: String) -> Result<Object> {
        Self::load_with(access, address, path, Dataset::load_as_stored)
    }

    fn load_with(
        access: &Arc<Access>,
        address: Address,
        path: String,
        dataset: fn(Arc<Node>) -> Result<Dataset>,
    ) -> Result<Object> {
        let reader = &access.reader;
        let header = reader.settled(|| ObjectHeader::load(reader, address)).on(&path)?;
        let kind = header.kind();
        let node = Arc::new(Node { access: access.clone(), header, path });
        match kind {
            Some(ObjectKind::Group) => Ok(Object::Group(Group { node })),
            Some(ObjectKind::Dataset) => Ok(Object::Dataset(dataset(node)?)),
            Some(ObjectKind::Datatype) => Ok(Object::Datatype(NamedDatatype::load(node)?)),
            None => {
                Err(Error::damaged("neither a group nor a dataset nor a datatype").at(address.get()).on(&node.path))
            }
        }
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        match self {
            Object::Group(g) => &g.node,
            Object::Dataset(d) => d.node(),
            Object::Datatype(d) => &d.node,
        }
    }

    /// The path by which it was reached.
    pub fn path(&self) -> &str {
        &self.node().path
    }

    /// The file that it is in: another one where an external link led to it.
    pub fn file(&self) -> &File {
        self.node().file()
    }

    /// The address of its header: the same for every path that leads to it.
    pub fn address(&self) -> u64 {
        self.node().header.address.get()
    }

    /// Its attributes, sorted by the bytes of their names. A damaged one is one `Err`.
    ///
    /// # Errors
    /// `Damaged` if they cannot be found at all.
    pub fn attributes(&self) -> Result<Vec<Result<Attribute>>> {
        self.node().attributes()
    }

    /// Its attributes in the order in which they were made. A damaged one is one `Err`.
    ///
    /// # Errors
    /// `Mismatch` if the object does not track that order, `Damaged` if they cannot be found at all.
    pub fn attributes_by_creation_order(&self) -> Result<Vec<Result<Attribute>>> {
        self.node().attributes_by_creation_order()
    }

    /// Its attributes in the order in which they happen to be stored, one after the other: those of an object with
    /// millions are never in memory together. A damaged one is one `Err`.
    ///
    /// # Errors
    /// `Damaged` if they cannot be found at all.
    pub fn attributes_unordered(&self) -> Result<impl Iterator<Item = Result<Attribute>> + use<>> {
        self.node().attributes_unordered()
    }

    /// The attribute of this name.
    ///
    /// # Errors
    /// `Damaged` if it cannot be read.
    pub fn attribute(&self, name: &str) -> Result<Option<Attribute>> {
        self.node().attribute(name)
    }
}

/// A group: links from names to objects.
#[derive(Clone)]
pub struct Group {
    pub(crate) node: Arc<Node>,
}

/// A link of a group: a name, and where it leads.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    name: Name,
    creation_order: Option<i64>,
    target: LinkTarget,
}

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkTarget {
    /// To the object whose header is at this address of the same file.
    Hard(u64),
    /// To whatever is at a path of the same file.
    Soft(Name),
    /// To whatever is at a path of another file.
    External {
        /// The other file, as the link names it.
        file: Name,
        /// The path in it.
        path: Name,
    },
    /// Somewhere only its maker knows.
    User {
        /// Its registered class, 65 to 255.
        class: u8,
        /// What its maker keeps with it.
        data: Vec<u8>,
    },
}

impl Link {
    fn new(link: link::Link) -> Link {
        let target = match link.target {
            link::Target::Hard(address) => LinkTarget::Hard(address.get()),
            link::Target::Soft(path) => LinkTarget::Soft(path),
            link::Target::External { file, path } => LinkTarget::External { file, path },
            link::Target::User { class, data } => LinkTarget::User { class, data },
        };
        Link { name: link.name, creation_order: link.creation_order, target }
    }

    /// Name, creation order and target.
    pub(crate) fn into_parts(self) -> (Name, Option<i64>, LinkTarget) {
        (self.name, self.creation_order, self.target)
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// A number that counts up with every link of the group that is made; `None` where the group does not track it.
    pub fn creation_order(&self) -> Option<i64> {
        self.creation_order
    }

    /// Where it leads.
    pub fn target(&self) -> &LinkTarget {
        &self.target
    }
}

impl Group {
    /// The path by which it was reached.
    pub fn path(&self) -> &str {
        &self.node.path
    }

    /// The file that it is in.
    pub fn file(&self) -> &File {
        self.node.file()
    }

    /// Its links, sorted by the bytes of their names. A damaged part is one `Err`; the rest follows.
    ///
    /// # Errors
    /// `Damaged` if they cannot be found at all.
    pub fn links(&self) -> Result<impl Iterator<Item = Result<Link>> + use<>> {
        self.links_in(Order::Name)
    }

    /// Its links in the order in which they were made, as [`links`](Self::links).
    ///
    /// # Errors
    /// `Mismatch` if the group does not track that order, `Damaged` if they cannot be found at all.
    pub fn links_by_creation_order(&self) -> Result<impl Iterator<Item = Result<Link>> + use<>> {
        self.links_in(Order::Creation)
    }

    /// Its links in the order in which they happen to be stored, as [`links`](Self::links): a group of millions is never
    /// in memory as a whole.
    ///
    /// # Errors
    /// `Damaged` if they cannot be found at all.
    pub fn links_unordered(&self) -> Result<impl Iterator<Item = Result<Link>> + use<>> {
        self.links_in(Order::Stored)
    }

    /// Whether it remembers in which order its links were made.
    ///
    /// # Errors
    /// `Damaged` if its header cannot be read.
    pub fn tracks_creation_order(&self) -> Result<bool> {
        links::tracks_order(&self.node.header, self.node.reader()).on(&self.node.path)
    }

    fn links_in(&self, order: Order) -> Result<impl Iterator<Item = Result<Link>> + use<>> {
        let ranks = self.node.file().inner.superblock.ranks;
        let links = links::all(&self.node.header, self.node.reader(), ranks.group_leaf, ranks.group_internal, order);
        let path = self.node.path.clone();
        Ok(links.on(&self.node.path)?.map(move |link| link.map(Link::new).on(&path)))
    }

    /// The link of this name.
    ///
    /// # Errors
    /// `Damaged` if the group cannot be searched.
    pub fn link(&self, name: &str) -> Result<Option<Link>> {
        Ok(self.find(name.as_bytes())?.map(Link::new))
    }

    fn find(&self, name: &[u8]) -> Result<Option<link::Link>> {
        let ranks = self.node.file().inner.superblock.ranks;
        let Node { header, path, .. } = &*self.node;
        links::find(header, self.node.reader(), ranks.group_leaf, ranks.group_internal, name).on(path)
    }

    /// Everything below this group, and the group itself first, as [`File::walk`].
    pub fn walk(&self) -> Walk {
        Walk::new(self.begin())
    }

    /// Goes through the same on all threads, as [`File::par_walk`].
    ///
    /// # Errors
    /// The first that `each` returns.
    pub fn par_walk<T: Send>(
        &self,
        look: impl Fn(Visit) -> T + Sync,
        each: impl FnMut(Result<T>) -> Result<()> + Send,
    ) -> Result<()> {
        walk::par_walk(self.begin(), look, each)
    }

    fn begin(&self) -> walk::Beginning {
        let Node { access, header, path } = &*self.node;
        (access.file.access(), Name::from(&**path), header.address)
    }

    /// Whether something is at a path.
    ///
    /// # Errors
    /// `Damaged` if the way there cannot be read.
    pub fn contains(&self, path: &str) -> Result<bool> {
        match self.object(path) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == crate::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The object at a path; it begins at this group, or with `/` at the root. Repeated slashes count as one, `.` is
    /// the group itself; `..` is a name like any other.
    ///
    /// # Errors
    /// `NotFound` if there is none, `Limit` if more than 16 soft and external links lead on, `Denied` for a link to a file
    /// that [`External`](crate::External) does not allow.
    pub fn object(&self, path: &str) -> Result<Object> {
        self.object_at(path.as_bytes()).on(path)
    }

    /// The same for a path that need not be UTF-8.
    pub(crate) fn object_at(&self, path: &[u8]) -> Result<Object> {
        let mut here = Object::Group(self.clone());
        let mut rest = components(path);
        if path.starts_with(b"/") {
            here = self.root()?;
        }
        let (mut hops, mut taken) = (0, 0);
        while let Some(name) = rest.pop() {
            taken += 1;
            if taken > Limits::MAX_COMPONENTS {
                return Err(Error::limit(format!("a path of more than {} components", Limits::MAX_COMPONENTS)));
            }
            let not_found = || Error::not_found("no such object");
            let Object::Group(group) = &here else {
                return Err(not_found());
            };
            let link = group.find(&name)?.ok_or_else(not_found)?;
            if !matches!(link.target, link::Target::Hard(_)) {
                hops += 1;
                if hops > Limits::MAX_LINK_HOPS {
                    return Err(Error::limit("more than 16 soft and external links on the way"));
                }
            }
            match link.target {
                link::Target::Hard(address) => {
                    let path = join(group.path(), &link.name);
                    here = Object::load(&group.node.access, address, path)?;
                }
                link::Target::Soft(target) => {
                    rest.extend(components(&target.0));
                    if target.0.starts_with(b"/") {
                        here = group.root()?;
                    }
                }
                link::Target::External { file, path: inside } => {
                    let other = group.node.file().neighbour(&file.0)?;
                    let missing = || {
                        Error::not_found(format!(
                            "a link leads to the file {file}, which is not there; put it beside this one"
                        ))
                    };
                    let root = other.ok_or_else(missing)?.root()?;
                    rest.extend(components(&inside.0));
                    here = Object::Group(root);
                }
                link::Target::User { class, .. } => {
                    return Err(Error::unsupported(format!("a user-defined link of class {class}")));
                }
            }
        }
        Ok(here)
    }

    fn root(&self) -> Result<Object> {
        Object::load(&self.node.access, self.node.file().inner.superblock.root, "/".into())
    }

    /// The group at a path.
    ///
    /// # Errors
    /// `NotFound` if there is nothing, `Mismatch` if it is something else.
    pub fn group(&self, path: &str) -> Result<Group> {
        match self.object(path)? {
            Object::Group(group) => Ok(group),
            _ => Err(Error::mismatch("not a group").on(path)),
        }
    }

    /// The dataset at a path.
    ///
    /// # Errors
    /// `NotFound` if there is nothing, `Mismatch` if it is something else.
    pub fn dataset(&self, path: &str) -> Result<Dataset> {
        match self.object(path)? {
            Object::Dataset(dataset) => Ok(dataset),
            _ => Err(Error::mismatch("not a dataset").on(path)),
        }
    }

    /// Its attributes, sorted by the bytes of their names. A damaged one is one `Err`.
    ///
    /// # Errors
    /// `Damaged` if they cannot be found at all.
    pub fn attributes(&self) -> Result<Vec<Result<Attribute>>> {
        self.node.attributes()
    }

    /// Its attributes in the order in which they were made. A damaged one is one `Err`.
    ///
    /// # Errors
    /// `Mismatch` if the object does not track that order, `Damaged` if they cannot be found at all.
    pub fn attributes_by_creation_order(&self) -> Result<Vec<Result<Attribute>>> {
        self.node.attributes_by_creation_order()
    }

    /// Its attributes in the order in which they happen to be stored, one after the other: those of an object with
    /// millions are never in memory together. A damaged one is one `Err`.
    ///
    /// # Errors
    /// `Damaged` if they cannot be found at all.
    pub fn attributes_unordered(&self) -> Result<impl Iterator<Item = Result<Attribute>> + use<>> {
        self.node.attributes_unordered()
    }

    /// The attribute of this name.
    ///
    /// # Errors
    /// `Damaged` if it cannot be read.
    pub fn attribute(&self, name: &str) -> Result<Option<Attribute>> {
        self.node.attribute(name)
    }

    /// The comment that somebody left on it.
    pub fn comment(&self) -> Option<Name> {
        let body = self.node.header.find(kind::COMMENT)?;
        Some(Name::from_bytes(crate::bytes::until_nul(body.bytes)))
    }
}

/// A committed datatype: one with a name of its own, which datasets and attributes share.
#[derive(Clone)]
pub struct NamedDatatype {
    pub(crate) node: Arc<Node>,
    datatype: Datatype,
}

impl NamedDatatype {
    pub(crate) fn load(node: Arc<Node>) -> Result<NamedDatatype> {
        let (datatype, _) = node.header.datatype(node.reader()).on(&node.path)?;
        Ok(NamedDatatype { node, datatype })
    }

    /// The datatype.
    pub fn datatype(&self) -> &Datatype {
        &self.datatype
    }
}

/// The components of a path, the last one first.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|&b| b == b'/').filter(|c| !c.is_empty() && *c != b".");
    parts.rev().map(<[u8]>::to_vec).collect()
}

/// The path of `name` in the group at `path`.
pub(crate) fn join(path: &str, name: &Name) -> String {
    format!("{}/{}", path.trim_end_matches('/'), name.to_text())
}
