//! The changes between two commits: edited objects by the address of their header, and new space behind the old end.

mod commit;
mod elements;

use super::EditOptions;
use super::attributes::{self, Attributes, missing};
use super::companion::Companion;
use super::data::Data;
use super::dropped::Dropped;
use super::extension::Extension;
use super::header::Header;
use super::ledger::Ledger;
use super::limits;
use super::links::Links;
use super::superblock;
use super::unused;
use crate::builder::{ArrayLike, GroupMut, Session};
use crate::bytes::{Address, Limits};
use crate::copy::{self, CopyOptions};
use crate::error::{Error, Result};
use crate::file::File;
use crate::format::message::datatype::Name;
use crate::format::message::link::Target;
use crate::format::message::{Shared, kind};
use crate::group::Object;
use crate::index::space::Space;
use crate::io::{self, Device, Reader, Source, Tail, WritableFiles};
use crate::object::{ObjectHeader, links};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

pub(super) struct Work {
    /// The file as it is.
    file: File,
    superblock: superblock::Stored,
    extension: Extension,
    /// Where the file ends, as an address: behind that everything new goes.
    end: u64,
    tail: Arc<Tail>,
    /// Those that may be written to.
    others: Arc<WritableFiles>,
    /// Those of HDF5 that change, too, by their numbers among the open files.
    companions: BTreeMap<u16, Companion>,
    options: EditOptions,
    /// New space, and the heap of new variable-length data.
    session: Arc<Session>,
    objects: BTreeMap<Address, Edited>,
    /// Whether new objects were made.
    built: bool,
    /// Whose the room is that this editor has written.
    ledger: Ledger,
}

/// The longest name, as for new files.
const MOST_NAME: usize = 1 << 20;

/// An object that changes.
struct Edited {
    header: Header,
    attributes: Option<Attributes>,
    links: Option<Links>,
    data: Option<Box<Data>>,
    /// Whether it got a further link.
    raised: bool,
    /// Whether nothing leads to it any more.
    gone: bool,
}

impl Work {
    /// Opens the file, after finishing what an earlier editor left unfinished. What is known of its room is that of the
    /// commit before, if there was one.
    pub(super) fn begin(
        device: &Arc<dyn Device>,
        others: &Arc<WritableFiles>,
        options: &EditOptions,
        known: Option<Ledger>,
    ) -> Result<Work> {
        let source: Arc<dyn Source> = device.clone();
        let open = || File::new(source.clone(), options.limits.clone(), false, others.place());
        let file = open()?;
        io::finish(&**device, file.inner.superblock.base, others)?;
        let file = open()?;
        limits::check(&file, options)?;
        let superblock = superblock::Stored::read(&**device, &file.inner.superblock)?;
        let extension = Extension::load(&file, &superblock)?;
        let end = extension.end_of_first_part().unwrap_or(superblock.end());
        let is_first = known.is_none();
        let mut ledger = known.unwrap_or_default();
        if options.reuse_space && (is_first || ledger.is_worth_a_look(end)) {
            ledger.find(unused::find(device, &extension, &options.limits)?, end);
        }
        let tail = Arc::new(Tail::new(device.clone(), superblock.position));
        let w = file.inner.superblock.widths;
        let space = Space::new(tail.clone(), end).in_pages(extension.page()).with_widths(w);
        let space = space.with_chunk_rank(file.inner.superblock.ranks.chunk).reusing(ledger.begin(end));
        let session = Arc::new(Session::new(space, limits::bound(&file), false, None));
        let (others, options) = (others.clone(), options.clone());
        let (companions, objects) = (BTreeMap::new(), BTreeMap::new());
        let built = false;
        Ok(Work {
            file,
            superblock,
            extension,
            end,
            tail,
            others,
            companions,
            options,
            session,
            objects,
            built,
            ledger,
        })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn is_changed(&self) -> bool {
        self.built || !self.objects.is_empty() || !self.companions.is_empty()
    }

    fn edited(&mut self, address: Address, reader: &Reader) -> Result<&mut Edited> {
        Ok(match self.objects.entry(address) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(place) => place.insert(Edited {
                header: Header::load(reader, address)?,
                attributes: None,
                links: None,
                data: None,
                raised: false,
                gone: false,
            }),
        })
    }

    /// The object at a path, soft links followed; the last name first. Tells which objects lie on the way.
    fn walk(&self, mut rest: Vec<Vec<u8>>, reader: &Reader) -> Result<Vec<Address>> {
        let root = self.file.inner.superblock.root;
        let mut way = vec![root];
        let (mut hops, mut taken) = (0, 0);
        while let Some(name) = rest.pop() {
            taken += 1;
            if taken > Limits::MAX_COMPONENTS {
                return Err(Error::limit(format!("a path of more than {} components", Limits::MAX_COMPONENTS)));
            }
            let here = way.last().copied().unwrap_or(root);
            let target = self.look(here, &name, reader)?;
            match target.ok_or_else(|| Error::not_found(format!("no object {}", Name::from_bytes(&name))))? {
                Target::Hard(address) => way.push(address),
                Target::Soft(target) => {
                    hops += 1;
                    if hops > Limits::MAX_LINK_HOPS {
                        return Err(Error::limit("more than 16 soft links on the way"));
                    }
                    rest.extend(components(&target.0));
                    if target.0.starts_with(b"/") {
                        way.push(root);
                    }
                }
                Target::External { file, .. } => {
                    return Err(Error::unsupported(format!("editing {file} through an external link; edit it itself")));
                }
                Target::User { class, .. } => {
                    return Err(Error::unsupported(format!("a user-defined link of class {class}")));
                }
            }
        }
        Ok(way)
    }

    fn resolve(&self, path: &[u8], reader: &Reader) -> Result<Address> {
        let way = self.walk(components(path), reader)?;
        Ok(way.last().copied().unwrap_or(self.file.inner.superblock.root))
    }

    /// The way to the group that a path's last name stands in, and that name.
    fn parent(&self, path: &[u8], reader: &Reader) -> Result<(Vec<Address>, Vec<u8>)> {
        let mut names = components(path);
        if names.is_empty() {
            return Err(Error::invalid("the root group has no name that could change"));
        }
        let name = names.remove(0);
        if name.contains(&0) || name.len() > MOST_NAME {
            return Err(Error::invalid(format!("{} cannot be a name", Name::from_bytes(&name))));
        }
        Ok((self.walk(names, reader)?, name))
    }

    /// Where the link of this name of a group leads.
    fn look(&self, group: Address, name: &[u8], reader: &Reader) -> Result<Option<Target>> {
        if let Some(Edited { links: Some(links), .. }) = self.objects.get(&group) {
            return Ok(links.get(name).cloned());
        }
        let ranks = self.file.inner.superblock.ranks;
        let header = ObjectHeader::load(reader, group)?;
        let link = links::find(&header, reader, ranks.group_leaf, ranks.group_internal, name)?;
        Ok(link.map(|l| l.target))
    }

    /// The links of a group in memory.
    fn links(&mut self, group: Address, reader: &Reader) -> Result<&mut Links> {
        let ranks = self.file.inner.superblock.ranks;
        let Edited { header, links, .. } = self.edited(group, reader)?;
        if links.is_none() {
            *links = Some(Links::load(reader, header, ranks)?);
        }
        links.as_mut().ok_or_else(|| Error::not_found("links that were just read"))
    }

    /// The object at a path with its attributes in memory.
    fn with_attributes(&mut self, path: &[u8]) -> Result<(&mut Attributes, bool)> {
        let reader = self.file.reader();
        let address = self.resolve(path, &reader)?;
        self.attributes(address, &reader)
    }

    fn attributes(&mut self, address: Address, reader: &Reader) -> Result<(&mut Attributes, bool)> {
        let Edited { header, attributes, .. } = self.edited(address, reader)?;
        if attributes.is_none() {
            *attributes = Some(Attributes::load(reader, header)?);
        }
        let tracked = header.tracks_order();
        let loaded = attributes.as_mut().ok_or_else(|| Error::not_found("attributes that were just read"))?;
        Ok((loaded, tracked))
    }

    /// Adds a link to the group that `path` names a new member of.
    pub(super) fn link(&mut self, path: &[u8], target: Target) -> Result<()> {
        let reader = self.file.reader();
        let (way, name) = self.parent(path, &reader)?;
        let group = way.last().copied().unwrap_or(self.file.inner.superblock.root);
        self.check_free(group, &name)?;
        self.links(group, &reader)?.add(&name, target.clone())?;
        if let Target::Hard(address) = target {
            let edited = self.edited(address, &reader)?;
            let count = edited.header.reference_count()?;
            edited.header.set_reference_count(count.saturating_add(1))?;
            edited.raised = true;
        }
        Ok(())
    }

    /// Refuses a name that a new object has.
    fn check_free(&self, group: Address, name: &[u8]) -> Result<()> {
        if self.session.with(|open| open.tree.has(&graft_name(group), name))? {
            return Err(Error::conflict(format!("{} exists already", Name::from_bytes(name))));
        }
        Ok(())
    }

    /// Adds a further name of the object at `target`.
    pub(super) fn link_hard(&mut self, path: &[u8], target: &[u8]) -> Result<()> {
        let address = self.resolve(target, &self.file.reader())?;
        self.link(path, Target::Hard(address))
    }

    /// Takes a link away, and the object with it if it has no other name.
    pub(super) fn remove(&mut self, path: &[u8]) -> Result<()> {
        let reader = self.file.reader();
        let (way, name) = self.parent(path, &reader)?;
        let group = way.last().copied().unwrap_or(self.file.inner.superblock.root);
        let gone = self.links(group, &reader)?.remove(&name);
        match gone.ok_or_else(|| Error::not_found(format!("no link {}", Name::from_bytes(&name))))? {
            Target::Hard(address) => self.release(address, &reader),
            _ => Ok(()),
        }
    }

    /// Gives a link another name, in the same group or another one.
    pub(super) fn rename(&mut self, path: &[u8], to: &[u8]) -> Result<()> {
        let reader = self.file.reader();
        let (from_way, from) = self.parent(path, &reader)?;
        let (to_way, to) = self.parent(to, &reader)?;
        let root = self.file.inner.superblock.root;
        let (old, new) = (from_way.last().copied().unwrap_or(root), to_way.last().copied().unwrap_or(root));
        let target = self.look(old, &from, &reader)?;
        let target = target.ok_or_else(|| Error::not_found(format!("no link {}", Name::from_bytes(&from))))?;
        if matches!(target, Target::Hard(address) if to_way.contains(&address)) {
            return Err(Error::invalid("a group cannot be moved into itself"));
        }
        self.check_free(new, &to)?;
        self.links(old, &reader)?;
        self.links(new, &reader)?.add(&to, target)?;
        self.links(old, &reader)?.remove(&from);
        Ok(())
    }

    /// A link to an object is gone. One that no other leads to is gone with it, and so are its links and the datatypes
    /// that it used.
    fn release(&mut self, address: Address, reader: &Reader) -> Result<()> {
        let mut pending = vec![address];
        while let Some(address) = pending.pop() {
            let edited = self.edited(address, reader)?;
            let count = edited.header.reference_count()?;
            if count > 1 {
                edited.header.set_reference_count(count - 1)?;
                continue;
            }
            if std::mem::replace(&mut edited.gone, true) {
                continue;
            }
            let is_group = edited.header.find(kind::SYMBOL_TABLE).or(edited.header.find(kind::LINK_INFO)).is_some();
            let datatype = edited.header.find(kind::DATATYPE).filter(|m| m.flags & 2 != 0).map(|m| m.body.clone());
            if let Some(body) = datatype
                && let (Shared::Committed(at), _) = Shared::decode(&body, reader.widths())?
            {
                self.let_go(at, reader)?;
            }
            let attributes = self.attributes(address, reader)?.0;
            let (types, dropped) = (attributes.committed_types(reader.widths())?, attributes.dropped(reader.widths()));
            self.ledger.drop_from_heap(dropped);
            types.into_iter().try_for_each(|at| self.let_go(at, reader))?;
            if is_group {
                let hard = |t: &Target| if let Target::Hard(at) = t { Some(*at) } else { None };
                pending.extend(self.links(address, reader)?.targets().filter_map(hard));
            }
        }
        Ok(())
    }

    /// A committed datatype has one user less.
    fn let_go(&mut self, datatype: Address, reader: &Reader) -> Result<()> {
        let header = &mut self.edited(datatype, reader)?.header;
        match header.reference_count()? {
            // Not every writer counts the users of a datatype; its links keep it.
            0 | 1 => Ok(()),
            n => header.set_reference_count(n - 1),
        }
    }

    pub(super) fn set_attribute(&mut self, path: &[u8], name: &[u8], value: &dyn ArrayLike) -> Result<()> {
        let session = self.session.clone();
        self.with_attributes(path)?;
        let body = session.with(|open| attributes::encode(name, value, open))?;
        let (attributes, tracked) = self.with_attributes(path)?;
        let old = attributes.get(name).map(<[u8]>::to_vec);
        attributes.set(name, body, tracked)?;
        self.let_go_of_type(old)
    }

    pub(super) fn remove_attribute(&mut self, path: &[u8], name: &[u8]) -> Result<()> {
        let (attributes, _) = self.with_attributes(path)?;
        let (old, was_there) = attributes.remove(name);
        if !was_there {
            return Err(missing(name));
        }
        self.let_go_of_type(old)
    }

    /// Where the header of the object at a path is, for references that this file gets.
    pub(super) fn address_for_reference(&self, path: &[u8]) -> Result<Address> {
        let address = self.resolve(path, &self.file.reader())?;
        self.session.with(|open| {
            open.know(address);
            Ok(address)
        })
    }

    pub(super) fn rename_attribute(&mut self, path: &[u8], name: &[u8], to: &[u8]) -> Result<()> {
        self.with_attributes(path)?.0.rename(name, to)
    }

    /// An attribute is gone: if it used a committed datatype, that has one user less.
    fn let_go_of_type(&mut self, attribute: Option<Vec<u8>>) -> Result<()> {
        let w = self.file.inner.superblock.widths;
        let Some(body) = attribute else { return Ok(()) };
        let mut dropped = Dropped::default();
        dropped.attribute(&body, w)?;
        self.ledger.drop_from_heap(dropped);
        match attributes::committed(&body, w)? {
            Some(address) => self.let_go(address, &self.file.reader()),
            None => Ok(()),
        }
    }

    /// Cuts off what was written behind the end for a commit that will not be. What stays is harmless.
    pub(super) fn give_up(&mut self, device: &dyn Device) {
        if self.tail.is_used() {
            let _ = device.resize(self.superblock.position + self.end);
        }
        self.companions.values_mut().for_each(Companion::give_up);
    }

    /// Copies an object, of this file or another one, to `path`.
    pub(super) fn copy_from(&mut self, object: &Object, path: &[u8], options: &CopyOptions) -> Result<()> {
        let (group, rest) = self.graft(path)?;
        if rest.is_empty() {
            return Err(Error::conflict("the root is there already; give the copy a name"));
        }
        copy::into_group(group, object, &rest, options)
    }

    /// The group that `path` is to be made in, to be given to the builder of new files, and the rest of the path.
    pub(super) fn graft(&mut self, path: &[u8]) -> Result<(GroupMut, Vec<u8>)> {
        let reader = self.file.reader();
        let mut rest = components(path);
        let mut here = self.file.inner.superblock.root;
        let mut shown = String::new();
        while let Some(name) = rest.last() {
            // What is made already is of the builder.
            if self.session.with(|open| open.tree.has(&graft_name(here), name))? {
                break;
            }
            match self.look(here, name, &reader)? {
                None => break,
                Some(Target::Hard(_)) if rest.len() == 1 => {
                    return Err(Error::conflict("something of this name exists already"));
                }
                Some(Target::Hard(address)) => here = address,
                Some(_) => return Err(Error::conflict(format!("{} is a link to elsewhere", Name::from_bytes(name)))),
            }
            shown.push('/');
            shown.push_str(&String::from_utf8_lossy(name));
            rest.pop();
        }
        let shown = if shown.is_empty() { "/".into() } else { shown };
        // So that what is no group is found out now.
        self.links(here, &reader)?;
        self.built = true;
        rest.reverse();
        Ok((GroupMut::graft(self.session.clone(), &graft_name(here), shown)?, rest.join(&b'/')))
    }
}

/// The name of the stand-in for a group.
fn graft_name(group: Address) -> Vec<u8> {
    group.get().to_string().into_bytes()
}

/// The names of a path, the last one first; `.` is the group itself.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let names = path.split(|&b| b == b'/').filter(|n| !n.is_empty() && *n != b".");
    names.rev().map(<[u8]>::to_vec).collect()
}
