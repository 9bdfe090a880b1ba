//! Where objects are in the new file, for the references that lead to them.

use super::CopyOptions;
use super::tree::{self, Source, Step};
use crate::builder::{ArrayLike, CopiedElements, GroupMut};
use crate::bytes::Address;
use crate::data::element::{HeapElement, KeepHeap};
use crate::error::{ErrorKind, Result};
use crate::format::message::datatype::{Datatype, ReferenceKind};
use crate::format::reference::Reference;
use crate::group::Object;
use foldhash::HashMap;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// The path in the new file of every object that is or will be copied: found by going through all groups when the first
/// reference asks, for references may lead to what comes later.
pub(super) struct Places<'a> {
    root: GroupMut,
    start: &'a Object,
    path: Vec<u8>,
    options: &'a CopyOptions,
    found: Mutex<Option<Found>>,
}

#[derive(Default)]
struct Found {
    paths: HashMap<Source, Vec<u8>>,
    /// Objects that only references lead to, and that are still to be copied, with their paths.
    pending: VecDeque<(Object, Vec<u8>)>,
}

/// What stands before the paths of objects that no link leads to; no name has a NUL.
const UNLINKED: &[u8] = b"\0/";

/// The address of nothing. References that lead nowhere do so in the copy, too.
const NOWHERE: u64 = u64::MAX;

impl<'a> Places<'a> {
    pub(super) fn new(root: GroupMut, start: &'a Object, path: &[u8], options: &'a CopyOptions) -> Places<'a> {
        Places { root, start, path: path.to_vec(), options, found: Mutex::default() }
    }

    /// The group that a path begins in, and what is left of the path.
    pub(super) fn base<'p>(&self, path: &'p [u8]) -> Result<(GroupMut, &'p [u8])> {
        match path.strip_prefix(UNLINKED) {
            Some(rest) => Ok((self.root.unlinked()?, rest)),
            None => Ok((self.root.clone(), path)),
        }
    }

    /// The path that an object of the file of `user` has or will have; nothing if it is not copied.
    pub(super) fn get(&self, user: &Object, address: u64) -> Result<Option<Vec<u8>>> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.is_none() {
            let mut all = Found::default();
            self.find(&mut all.paths, tree::refuelled(self.start)?, &self.path)?;
            *found = Some(all);
        }
        let found = found.get_or_insert_default();
        let object = (user.file().inner.number, address);
        if let Some(path) = found.paths.get(&object) {
            return Ok(Some(path.clone()));
        }
        if !self.options.expand_references {
            return Ok(None);
        }
        let node = user.node();
        let object = match Object::load_as_stored(&node.file().access(), Address(address), "(unlinked)".into()) {
            Ok(object) => object,
            Err(e) if e.kind() == ErrorKind::Io => return Err(e),
            Err(_) => return Ok(None),
        };
        let path = [UNLINKED, &self.root.unlinked()?.free_number(found.pending.len())?].concat();
        self.find(&mut found.paths, object.clone(), &path)?;
        found.pending.push_back((object, path.clone()));
        Ok(Some(path))
    }

    /// An object that only references lead to, and its path, until all are copied.
    pub(super) fn next_unlinked(&self) -> Option<(Object, Vec<u8>)> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?.pending.pop_front()
    }

    /// The address that an object's header has or will have; nothing if it is not copied.
    fn address(&self, user: &Object, address: u64) -> Result<Option<u64>> {
        let Some(path) = self.get(user, address)? else {
            return Ok(self.options.expand_references.then_some(NOWHERE));
        };
        let (base, path) = self.base(&path)?;
        match base.reference(path)? {
            Reference::Object { address, .. } => Ok(Some(address)),
            _ => Ok(None),
        }
    }

    /// In the same order as objects are copied, so that an object that several links lead to has the same path.
    fn find(&self, paths: &mut HashMap<Source, Vec<u8>>, start: Object, path: &[u8]) -> Result<()> {
        paths.insert(tree::source(&start), path.to_vec());
        let Object::Group(group) = start else { return Ok(()) };
        let mut stack = vec![(tree::links(&group)?, group, path.to_vec())];
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
        Ok(())
    }
}

/// Where the references among some elements lead: found before the elements are written, for the file is locked then.
pub(super) struct Translator<'a> {
    places: &'a Places<'a>,
    /// An object of the file that the elements are in.
    user: &'a Object,
    known: Mutex<HashMap<u64, Option<u64>>>,
}

impl<'a> Translator<'a> {
    pub(super) fn new(places: &'a Places<'a>, user: &'a Object) -> Translator<'a> {
        Translator { places, user, known: Mutex::default() }
    }

    /// The new address of an object; those that are asked for first are only noted.
    pub(super) fn address(&self, old: u64) -> Result<Option<u64>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(*known.entry(old).or_default())
    }

    /// A reference in the new file; null where its object is not copied, or not asked for yet.
    pub(super) fn reference(&self, old: &Reference) -> Result<Reference> {
        Ok(old.moved_to(old.address().map(|address| self.address(address)).transpose()?.flatten()))
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
            let new = self.places.address(self.user, old)?;
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(old, new);
        }
        Ok(())
    }
}

/// Keeps nothing.
struct Nowhere;

impl KeepHeap for Nowhere {
    fn keep(&mut self, _: u32, _: &[u8]) -> Result<HeapElement> {
        Ok(HeapElement::NOTHING)
    }

    fn keep_reference(&mut self, _: &Reference, kind: ReferenceKind) -> Result<Vec<u8>> {
        Ok(vec![0; Datatype::reference(kind).size() as usize])
    }
}
