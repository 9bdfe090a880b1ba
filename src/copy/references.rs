//! Where objects are in the new file, for the references that lead to them.

use super::CopyOptions;
use super::tree::{self, Source, Step};
use crate::builder::{ArrayLike, CopiedElements, GroupMut};
use crate::data::element::KeepHeap;
use crate::error::{Error, Result};
use crate::format::message::datatype::{Datatype, ReferenceKind};
use crate::format::reference::Reference;
use crate::group::Object;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

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

/// Where the references among some elements lead: found before the elements are written, for the file is locked then.
pub(super) struct Translator<'a> {
    places: &'a Places<'a>,
    /// The file that the elements are in.
    file: u16,
    known: Mutex<HashMap<u64, Option<u64>>>,
}

impl<'a> Translator<'a> {
    pub(super) fn new(places: &'a Places<'a>, file: u16) -> Translator<'a> {
        Translator { places, file, known: Mutex::default() }
    }

    /// The new address of an object; those that are asked for first are only noted.
    pub(super) fn address(&self, old: u64) -> Result<Option<u64>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(*known.entry(old).or_default())
    }

    /// What it found.
    pub(super) fn into_known(self) -> HashMap<u64, Option<u64>> {
        self.known.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the addresses that `elements` need.
    pub(super) fn prepare(&self, elements: &CopiedElements<'_>) -> Result<()> {
        let datatype = elements.element_datatype();
        if !datatype.has_references() {
            return Ok(());
        }
        let count = elements.shape().iter().product::<u64>();
        let count = if elements.is_null() { 0 } else { count as usize };
        elements.store(0..count, &datatype, &mut Nowhere, &mut Vec::new())?;
        let asked: Vec<u64> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.iter().filter(|(_, new)| new.is_none()).map(|(old, _)| *old).collect()
        };
        for old in asked {
            let new = self.places.address((self.file, old))?;
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(old, new);
        }
        Ok(())
    }
}

/// Keeps nothing.
struct Nowhere;

impl KeepHeap for Nowhere {
    fn keep(&mut self, _: u32, _: &[u8]) -> Result<[u8; 16]> {
        Ok([0; 16])
    }

    fn keep_reference(&mut self, _: &Reference, kind: ReferenceKind) -> Result<Vec<u8>> {
        Ok(vec![0; Datatype::reference(kind).size() as usize])
    }
}
