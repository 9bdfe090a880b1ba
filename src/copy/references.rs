//! Where objects are in the new file, for the references that lead to them.

use super::Job;
use super::tree::{self, Source, Step};
use crate::builder::{GroupMut, MapReferences};
use crate::error::{Error, Result};
use crate::file::File;
use crate::format::reference::Reference;
use crate::group::Object;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The path in the new file of every object that is or will be copied: found by going through all groups when the first
/// reference asks, for references may lead to what comes later.
pub(super) struct Places<'a> {
    root: GroupMut,
    start: &'a Object,
    path: Vec<u8>,
    job: &'a Job<'a>,
    paths: OnceLock<Result<HashMap<Source, Vec<u8>>>>,
}

/// The same for references in one of the files that are copied from.
pub(super) struct PlacesOf<'a> {
    places: &'a Places<'a>,
    file: File,
}

impl<'a> Places<'a> {
    pub(super) fn new(root: GroupMut, start: &'a Object, path: &[u8], job: &'a Job<'a>) -> Places<'a> {
        Places { root, start, path: path.to_vec(), job, paths: OnceLock::new() }
    }

    pub(super) fn of(&'a self, file: &File) -> PlacesOf<'a> {
        PlacesOf { places: self, file: file.clone() }
    }

    fn get(&self, object: Source) -> Result<Option<&[u8]>> {
        match self.paths.get_or_init(|| self.find()) {
            Ok(paths) => Ok(paths.get(&object).map(Vec::as_slice)),
            Err(e) => Err(Error::new(e.kind(), e.to_string())),
        }
    }

    /// In the same order as objects are copied, so that an object that several links lead to has the same path.
    fn find(&self) -> Result<HashMap<Source, Vec<u8>>> {
        let mut paths = HashMap::new();
        let start = tree::refuelled(self.start)?;
        paths.insert(tree::source(&start), self.path.clone());
        let Object::Group(group) = start else { return Ok(paths) };
        let mut stack = vec![(tree::links(&group)?, group, self.path.clone())];
        while let Some((links, group, path)) = stack.last_mut() {
            let Some(link) = links.next() else {
                stack.pop();
                continue;
            };
            let link = link?;
            let Step::Object(object) = tree::step(group, &link, self.job)? else { continue };
            let path = tree::join(path, link.name());
            if paths.contains_key(&tree::source(&object)) {
                continue;
            }
            paths.insert(tree::source(&object), path.clone());
            if let Object::Group(group) = object
                && !self.job.options.shallow
            {
                stack.push((tree::links(&group)?, group, path));
            }
        }
        Ok(paths)
    }
}

impl MapReferences for PlacesOf<'_> {
    fn map(&self, reference: &Reference) -> Result<Reference> {
        let Some(address) = reference.address().filter(|_| reference.file().is_none()) else {
            return Ok(reference.clone());
        };
        let Some(path) = self.places.get((self.file.inner.number, address))? else {
            return Ok(Reference::Null);
        };
        let address: u64 =
            Err(Error::unsupported(format!("writing references to {} in {}", path.len(), self.places.root.path())))?;
        Ok(match reference.clone() {
            Reference::Region { selection, file, .. } => Reference::Region { address, selection, file },
            Reference::Attribute { name, file, .. } => Reference::Attribute { address, name, file },
            _ => Reference::Object { address, file: None },
        })
    }
}
