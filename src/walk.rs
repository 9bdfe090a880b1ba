//! Walking a file: every object once.

use crate::bytes::Address;
use crate::error::{Context, Error, Result};
use crate::file::File;
use crate::format::message::datatype::Name;
use crate::group::{Group, Link, LinkTarget, Object};
use crate::io::Reader;
use std::collections::HashMap;

/// Everything in a file, depth first, the links of a group by the bytes of their names. Made by [`File::walk`].
pub struct Walk {
    file: File,
    reader: Reader,
    root: bool,
    /// From the root down: a group's path, and what of its links is still to come.
    stack: Vec<(Name, Box<dyn Iterator<Item = Result<Link>> + Send>)>,
    /// The first path of every object, by the address of its header.
    seen: HashMap<u64, Name>,
}

/// One step of a walk.
pub struct Visit {
    path: Name,
    what: Visited,
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

    /// What is there.
    pub fn what(&self) -> &Visited {
        &self.what
    }
}

impl Walk {
    pub(crate) fn new(file: &File, reader: Reader) -> Walk {
        Walk { file: file.clone(), reader, root: true, stack: Vec::new(), seen: HashMap::new() }
    }

    fn visit(&mut self, path: Name, address: Address) -> Result<Visit> {
        if let Some(first) = self.seen.get(&address.get()) {
            return Ok(Visit { path, what: Visited::Again(first.clone()) });
        }
        let limits = self.reader.limits();
        if self.seen.len() as u64 >= limits.max_objects {
            return Err(Error::limit(format!("max_objects: more than {} objects", limits.max_objects)));
        }
        if self.stack.len() >= limits.max_depth {
            return Err(Error::limit(format!("max_depth: groups nested more than {} deep", limits.max_depth)));
        }
        let object = self.file.load(&self.reader, address, path.to_text().into_owned())?;
        self.seen.insert(address.get(), path.clone());
        if let Object::Group(group) = &object {
            self.enter(path.clone(), group);
        }
        Ok(Visit { path, what: Visited::Object(object) })
    }

    fn enter(&mut self, path: Name, group: &Group) {
        let links: Box<dyn Iterator<Item = Result<Link>> + Send> = match group.links() {
            Ok(links) => Box::new(links),
            Err(e) => Box::new(std::iter::once(Err(e))),
        };
        self.stack.push((path, links));
    }
}

impl Iterator for Walk {
    type Item = Result<Visit>;

    fn next(&mut self) -> Option<Self::Item> {
        if std::mem::take(&mut self.root) {
            return Some(self.visit("/".into(), self.file.inner.superblock.root));
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
            let mut path = if group.0 == b"/" { Vec::new() } else { group.0.clone() };
            path.push(b'/');
            path.extend_from_slice(&link.name().0);
            let path = Name(path);
            return Some(match link.target() {
                LinkTarget::Hard(address) => {
                    let shown = path.to_text().into_owned();
                    self.visit(path, Address(*address)).on(&shown)
                }
                target => Ok(Visit { path, what: Visited::Link(target.clone()) }),
            });
        }
    }
}
