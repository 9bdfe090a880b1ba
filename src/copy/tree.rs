//! Going through the groups that are copied: every link, every object once.

use super::references::Places;
use super::{CopyOptions, Job, attributes, dataset};
use crate::builder::{GroupMut, ObjectMut};
use crate::bytes::{self, Address};
use crate::error::{Context, Error, ErrorKind, Result};
use crate::format::libver::LibVer;
use crate::format::message::datatype::Name;
use crate::format::message::kind;
use crate::format::message::small::GroupInfo;
use crate::group::{Access, Group, Link, LinkTarget, NamedDatatype, Object};
use crate::object::attributes::tracks_order;
use foldhash::{HashMap, HashMapExt};
use std::sync::Arc;

/// An object of the files that are copied from: the number of the file, the address of its header.
pub(super) type Source = (u16, u64);

pub(super) fn source(object: &Object) -> Source {
    (object.file().inner.number, object.address())
}

/// Groups inside one another, at most.
const MOST_DEEP: usize = 1024;

pub(super) fn check_depth(deep: usize) -> Result<()> {
    if deep >= MOST_DEEP {
        return Err(Error::limit(format!("max_depth: groups nested more than {MOST_DEEP} deep")));
    }
    Ok(())
}

/// Copies `object` to `path` below `root`.
pub(super) fn copy(root: GroupMut, object: &Object, path: &[u8], job: &Job<'_>) -> Result<()> {
    let at: Vec<&[u8]> = path.split(|&b| b == b'/').filter(|n| !n.is_empty()).collect();
    let places = Places::new(root.clone(), object, &at.join(&b'/'), job.options);
    let mut copier = Copier { root, job, places: &places, copied: HashMap::new(), types: HashMap::new() };
    copier.run(object, &at)
}

/// A copy at work.
pub(super) struct Copier<'a> {
    root: GroupMut,
    pub(super) job: &'a Job<'a>,
    pub(super) places: &'a Places<'a>,
    /// The path in the new file of every object that is there.
    copied: HashMap<Source, Vec<u8>>,
    /// The committed datatypes that are there.
    types: HashMap<Source, ObjectMut>,
}

/// A group whose links are being copied.
struct Level {
    from: Group,
    to: GroupMut,
    path: Vec<u8>,
    links: Box<dyn Iterator<Item = Result<Link>>>,
}

/// What is done with a link.
pub(super) enum Step {
    /// It stays the link that it is.
    Keep,
    /// What it leads to is copied, or linked to where it was copied.
    Object(Object),
}

/// What a link means to a copy.
pub(super) fn step(from: &Group, link: &Link, options: &CopyOptions) -> Result<Step> {
    let follow = match link.target() {
        LinkTarget::Hard(address) => {
            let path = crate::group::join(from.path(), link.name());
            let node = &from.node;
            return Object::load_as_stored(&node.access, Address(*address), path).map(Step::Object);
        }
        LinkTarget::Soft(_) => options.follow_soft,
        LinkTarget::External { .. } => options.follow_external,
        LinkTarget::User { .. } => false,
    };
    if !follow {
        return Ok(Step::Keep);
    }
    match from.object_at(&link.name().0) {
        Ok(object) => Ok(Step::Object(object)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Step::Keep),
        Err(e) => Err(e.on(crate::group::join(from.path(), link.name()))),
    }
}

/// The links of a group in the order in which they are copied.
pub(super) fn links(group: &Group) -> Result<Box<dyn Iterator<Item = Result<Link>>>> {
    Ok(if group.tracks_creation_order()? {
        Box::new(group.links_by_creation_order()?)
    } else {
        Box::new(group.links()?)
    })
}

/// The path of `name` in the group at `path`.
pub(super) fn join(path: &[u8], name: &Name) -> Vec<u8> {
    if path.is_empty() { name.0.to_vec() } else { [path, &name.0].join(&b'/') }
}

/// An object with a reader whose tank is full: one for all that is read of it, and read once.
pub(super) fn refuelled(object: &Object) -> Result<Object> {
    let node = object.node();
    let reader = node.reader().refuelled().with_data_in_pages();
    let access = Arc::new(Access { file: node.file().clone(), reader });
    Object::load_as_stored(&access, node.header.address, node.path.clone())
}

impl Copier<'_> {
    fn run(&mut self, object: &Object, at: &[&[u8]]) -> Result<()> {
        let object = refuelled(object)?;
        let path = at.join(&b'/');
        let first = match (at.split_last(), &object) {
            (None, Object::Group(group)) => {
                self.copied.insert(source(&object), path.clone());
                let root = self.root.clone();
                self.group(group, root, &path)?
            }
            (None, _) => return Err(Error::conflict("the root is a group; give the copy a name")),
            (Some((name, parents)), _) => {
                let mut parent = self.root.clone().group(parents.join(&b'/'))?;
                match &object {
                    Object::Group(group) => {
                        self.copied.insert(source(&object), path.clone());
                        let made = parent.create_group(name)?;
                        self.group(group, made, &path)?
                    }
                    _ => self.object(&object, &mut parent, &Name::from_bytes(name), path)?,
                }
            }
        };
        self.below(first)?;
        while let Some((object, path)) = self.places.next_unlinked() {
            let (mut parent, name) = self.places.base(&path)?;
            let name = Name::from_bytes(name);
            let first = self.object(&object, &mut parent, &name, path)?;
            self.below(first)?;
        }
        Ok(())
    }

    /// Copies everything below a group.
    fn below(&mut self, first: Option<Level>) -> Result<()> {
        let mut stack: Vec<Level> = first.into_iter().collect();
        while let Some(level) = stack.last_mut() {
            let Some(link) = level.links.next() else {
                stack.pop();
                continue;
            };
            (self.job.watch)(0)?;
            let below = self.link(level, &link?)?;
            if let Some(below) = below.filter(|_| !self.job.options.shallow) {
                check_depth(stack.len())?;
                stack.push(below);
            }
        }
        Ok(())
    }

    /// Copies a link, and what it leads to if that is new; returns the group whose links are next.
    fn link(&mut self, level: &mut Level, link: &Link) -> Result<Option<Level>> {
        let path = join(&level.path, link.name());
        // Hard links to what is known need no object loaded.
        if let LinkTarget::Hard(address) = link.target()
            && let Some(known) = self.copied.get(&(level.from.node.file().inner.number, *address))
        {
            return again(&mut level.to, link.name(), self.places, &path, known).map(|()| None);
        }
        match step(&level.from, link, self.job.options)? {
            Step::Object(object) => self.object(&object, &mut level.to, link.name(), path),
            Step::Keep => {
                keep(&mut level.to, link, self.job.options).on(&crate::group::join(level.from.path(), link.name()))?;
                Ok(None)
            }
        }
    }

    fn object(&mut self, object: &Object, to: &mut GroupMut, name: &Name, path: Vec<u8>) -> Result<Option<Level>> {
        if let Some(known) = self.copied.get(&source(object)) {
            return again(to, name, self.places, &path, known).map(|()| None);
        }
        self.copied.insert(source(object), path.clone());
        match object {
            Object::Group(group) => {
                // It may be there already: for a committed datatype in it that something earlier uses.
                let made = to.group(&name.0)?;
                self.group(group, made, &path)
            }
            Object::Dataset(from) => dataset::copy(self, from, to, &name.0).map(|()| None),
            Object::Datatype(from) => self.datatype(from, &path).map(|_| None),
        }
    }

    fn group(&mut self, from: &Group, mut to: GroupMut, path: &[u8]) -> Result<Option<Level>> {
        // A group that something is in already, a committed datatype, goes without.
        if from.tracks_creation_order()?
            && let Err(e) = to.track_order(true)
            && e.kind() != ErrorKind::Conflict
        {
            return Err(e);
        }
        // Files of the oldest bound have groups that know no such thing.
        if let Some([most, fewest]) = phase_change(from)?
            && to.libver()? > LibVer::Earliest
        {
            to.link_phase_change(most, fewest)?;
        }
        attributes::copy(self, &Object::Group(from.clone()), &mut to)?;
        Ok(Some(Level { from: from.clone(), to, path: path.to_vec(), links: links(from)? }))
    }

    fn datatype(&mut self, from: &NamedDatatype, path: &[u8]) -> Result<ObjectMut> {
        let object = Object::Datatype(from.clone());
        let datatype = from.datatype().with_references_in_new_file()?;
        let (mut base, name) = self.places.base(path)?;
        let mut made = base.commit_datatype(name, datatype)?;
        if tracks_order(&from.node.header) {
            made.track_order(true)?;
        }
        self.copied.insert(source(&object), path.to_vec());
        self.types.insert(source(&object), made.clone());
        attributes::copy(self, &object, &mut made)?;
        Ok(made)
    }

    /// The committed datatype that something of `user` uses, which is copied if it is not yet; nothing if it is not among
    /// what is copied.
    pub(super) fn committed(&mut self, user: &Object, address: Option<u64>) -> Result<Option<ObjectMut>> {
        let Some(address) = address else { return Ok(None) };
        let at = (user.file().inner.number, address);
        if let Some(known) = self.types.get(&at) {
            return Ok(Some(known.clone()));
        }
        let Some(path) = self.places.get(user, address)? else { return Ok(None) };
        let node = user.node();
        let object = Object::load_as_stored(&node.access, Address(address), node.path.clone())?;
        match &object {
            Object::Datatype(from) => self.datatype(from, &path).map(Some),
            _ => Err(Error::damaged("a datatype that is committed as something else").at(address)),
        }
    }
}

/// Makes a further hard link to what is at the path `known`; nothing if it is the one that was made with it.
fn again(to: &mut GroupMut, name: &Name, places: &Places<'_>, path: &[u8], known: &[u8]) -> Result<()> {
    if path == known {
        return Ok(());
    }
    let (base, known) = places.base(known)?;
    to.link_hard_to(&name.0, &base, known)
}

/// Where the links of a group move out of its header and back, if it says so and that makes sense.
fn phase_change(group: &Group) -> Result<Option<[u16; 2]>> {
    let Some(body) = group.node.header.find(kind::GROUP_INFO) else { return Ok(None) };
    let (info, _) = bytes::decode::<GroupInfo>(body.bytes, (), "group info").on(group.path())?;
    Ok(info.phase_change.filter(|[most, fewest]| most >= fewest))
}

/// Makes the link that there is.
fn keep(to: &mut GroupMut, link: &Link, options: &CopyOptions) -> Result<()> {
    let name = &link.name().0;
    match &options.target_of(link.target()) {
        LinkTarget::Soft(target) => to.link_soft(name, &target.0),
        LinkTarget::External { file, path } => to.link_external(name, &file.0, &path.0),
        LinkTarget::User { class, data } => to.link_user(name, *class, data),
        LinkTarget::Hard(_) => Ok(()),
    }
}
