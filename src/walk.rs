//! Walking a file: every object once.

use crate::bytes::Address;
use crate::error::{Error, Result};
use crate::file::File;
use crate::format::message::datatype::Name;
use crate::group::{Group, Link, LinkTarget, Object};
use crate::io::Reader;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Everything in a file, depth first, the links of a group by the bytes of their names. Made by [`File::walk`] and
/// [`Group::walk`].
pub struct Walk {
    file: File,
    reader: Reader,
    /// Where the walk begins, until it has begun.
    start: Option<(Name, Address)>,
    /// From the root down: a group's path, and what of its links is still to come.
    stack: Vec<(Name, Links)>,
    /// The first path of every object, by the address of its header.
    seen: HashMap<u64, Name>,
    /// Whether what came last is a group, whose links come next.
    entered: bool,
}

/// What of a group's links is still to come; looking ahead tells which one is the last.
type Links = std::iter::Peekable<Box<dyn Iterator<Item = Result<Link>> + Send>>;

/// One step of a walk.
pub struct Visit {
    path: Name,
    what: Visited,
    depth: usize,
    last: bool,
    creation_order: Option<i64>,
}

/// What a walk comes by.
#[non_exhaustive]
pub enum Visited {
    /// An object, for the first time.
    Object(Object),
    /// A further hard link to an object; the path is that of the first time.
    Again(Name),
    /// A link that is no hard one; it is not followed.
    Link(LinkTarget),
}

impl Visit {
    /// The path, from the root, by the names' bytes.
    pub fn path(&self) -> &Name {
        &self.path
    }

    /// Links from the root: 0 is the root itself.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// When the link to it was made, counted from the group's first link; `None` where the group keeps no such count.
    pub fn creation_order(&self) -> Option<i64> {
        self.creation_order
    }

    /// Whether it is the last of its group.
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// What is there.
    pub fn what(&self) -> &Visited {
        &self.what
    }
}

impl Walk {
    pub(crate) fn new(file: &File, reader: Reader, path: Name, start: Address) -> Walk {
        Walk {
            file: file.clone(),
            reader,
            start: Some((path, start)),
            stack: Vec::new(),
            seen: HashMap::new(),
            entered: false,
        }
    }

    /// Leaves out what is in the group that came last: the walk goes on behind it.
    pub fn skip_group(&mut self) {
        if self.entered {
            self.stack.pop();
            self.entered = false;
        }
    }

    fn visit(&mut self, path: &Name, address: Address) -> Result<Visited> {
        let seen = self.seen.len() as u64;
        let unseen = match self.seen.entry(address.get()) {
            Entry::Occupied(first) => return Ok(Visited::Again(first.get().clone())),
            Entry::Vacant(unseen) => unseen,
        };
        let limits = self.reader.limits();
        if seen >= limits.max_objects {
            return Err(Error::limit(format!("max_objects: more than {} objects", limits.max_objects)));
        }
        if self.stack.len() >= limits.max_depth {
            return Err(Error::limit(format!("max_depth: groups nested more than {} deep", limits.max_depth)));
        }
        let object = self.file.load(&self.reader, address, path.to_text().into_owned())?;
        unseen.insert(path.clone());
        if let Object::Group(group) = &object {
            self.enter(path.clone(), group);
        }
        Ok(Visited::Object(object))
    }

    fn enter(&mut self, path: Name, group: &Group) {
        let links: Box<dyn Iterator<Item = Result<Link>> + Send> = match group.links() {
            Ok(links) => Box::new(links),
            Err(e) => Box::new(std::iter::once(Err(e))),
        };
        self.stack.push((path, links.peekable()));
        self.entered = true;
    }
}

impl Iterator for Walk {
    type Item = Result<Visit>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entered = false;
        if let Some((path, address)) = self.start.take() {
            let what = self.visit(&path, address).map_err(|e| e.on(path.to_text()));
            return Some(what.map(|what| Visit { path, what, depth: 0, last: true, creation_order: None }));
        }
        loop {
            let (group, links) = self.stack.last_mut()?;
            let Some(link) = links.next() else {
                self.stack.pop();
                continue;
            };
            let link = match link {
                Ok(link) => link,
                Err(e) => return Some(Err(e)),
            };
            let mut path = Vec::with_capacity(group.0.len() + 1 + link.name().0.len());
            path.extend_from_slice(if group.0 == b"/" { b"" } else { &group.0 });
            path.push(b'/');
            path.extend_from_slice(&link.name().0);
            let path = Name(path);
            let last = links.peek().is_none();
            let (depth, creation_order) = (self.stack.len(), link.creation_order());
            let what = match link.target() {
                LinkTarget::Hard(address) => self.visit(&path, Address(*address)).map_err(|e| e.on(path.to_text())),
                target => Ok(Visited::Link(target.clone())),
            };
            return Some(what.map(|what| Visit { path, what, depth, last, creation_order }));
        }
    }
}
