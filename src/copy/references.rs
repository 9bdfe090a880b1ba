//! Where objects are in the new file, for the references that lead to them.

use super::CopyOptions;
use super::tree::{self, Source, Step};
use crate::builder::GroupMut;
use crate::error::{Error, Result};
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
    options: &'a CopyOptions,
    paths: OnceLock<Result<HashMap<Source, Vec<u8>>>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(root: GroupMut, start: &'a Object, path: &[u8], options: &'a CopyOptions) -> Places<'a> {
        Places { root, start, path: path.to_vec(), options, paths: OnceLock::new() }
    }

    /// The path that an object has or will have; nothing if it is not copied.
    pub(super) fn get(&self, object: Source) -> Result<Option<&[u8]>> {
        match self.paths.get_or_init(|| self.find()) {
            Ok(paths) => Ok(paths.get(&object).map(Vec::as_slice)),
            Err(e) => Err(Error::new(e.kind(), e.to_string())),
        }
    }

    /// The address that an object's header has or will have; nothing if it is not copied.
    pub(super) fn address(&self, object: Source) -> Result<Option<u64>> {
        let Some(path) = self.get(object)? else { return Ok(None) };
        match self.root.reference(path)? {
            Reference::Object { address, .. } => Ok(Some(address)),
            _ => Ok(None),
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
            let Step::Object(object) = tree::step(group, &link, self.options)? else { continue };
            let path = tree::join(path, link.name());
            if paths.contains_key(&tree::source(&object)) {
                continue;
            }
            paths.insert(tree::source(&object), path.clone());
            if let Object::Group(group) = object
                && !self.options.shallow
            {
                tree::check_depth(stack.len())?;
                stack.push((tree::links(&group)?, group, path));
            }
        }
        Ok(paths)
    }
}
