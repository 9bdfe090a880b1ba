//! The changes between two commits: edited objects by the address of their header, and new space behind the old end.

mod elements;

use super::EditOptions;
use super::attributes::{self, Attributes, missing};
use super::data::{Data, Stored, add};
use super::dropped::Dropped;
use super::extension::Extension;
use super::header::Header;
use super::ledger::{Ledger, Part};
use super::limits;
use super::links::Links;
use super::superblock;
use super::unused;
use crate::builder::{ArrayLike, GroupMut, Open, Session, write_grafts};
use crate::bytes::{Address, Limits};
use crate::copy::{self, CopyOptions};
use crate::error::{Error, Result};
use crate::file::File;
use crate::format::message::datatype::Name;
use crate::format::message::link::Target;
use crate::format::message::{Shared, kind};
use crate::group::Object;
use crate::index::space::Space;
use crate::io::{self, Commit, Device, Durability, OtherFile, Patch, RawFile, RawFiles, Reader, Source, Tail};
use crate::object::{ObjectHeader, links};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) struct Work {
    /// The file as it is.
    file: File,
    superblock: superblock::Stored,
    extension: Extension,
    /// Where the file ends, as an address: behind that everything new goes.
    end: u64,
    tail: Arc<Tail>,
    raw_files: Arc<RawFiles>,
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

/// When a patch is made: whoever reads the file between two patches should find in it what was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// What gets a further link counts it first.
    Raised,
    /// Groups with new links.
    Addition,
    /// Groups that lose links.
    Removal,
    /// Everything else; what loses a link is counted down last.
    Object,
}

impl Work {
    /// Opens the file, after finishing what an earlier editor left unfinished. What is known of its room is that of the
    /// commit before, if there was one.
    pub(super) fn begin(
        device: &Arc<dyn Device>,
        raw_files: &Arc<RawFiles>,
        options: &EditOptions,
        known: Option<Ledger>,
    ) -> Result<Work> {
        let source: Arc<dyn Source> = device.clone();
        let open = || File::new(source.clone(), options.limits.clone(), false, raw_files.place());
        let file = open()?;
        io::finish(&**device, file.inner.superblock.base, raw_files)?;
        let file = open()?;
        limits::check(&file, options)?;
        let superblock = superblock::Stored::read(&**device, &file.inner.superblock)?;
        let extension = Extension::load(&file, &superblock)?;
        let mut ledger = match known {
            Some(ledger) => ledger,
            None if options.reuse_space => Ledger::with(unused::find(device, &extension, &options.limits)?),
            None => Ledger::default(),
        };
        let end = extension.end_of_first_part().unwrap_or(superblock.end());
        let tail = Arc::new(Tail::new(device.clone(), superblock.position));
        let w = file.inner.superblock.widths;
        let space = Space::new(tail.clone(), end).in_pages(extension.page()).with_widths(w);
        let space = space.with_chunk_rank(file.inner.superblock.ranks.chunk).reusing(ledger.begin(end));
        let session = Arc::new(Session::new(space, limits::bound(&file), false, None));
        let (raw_files, objects) = (raw_files.clone(), BTreeMap::new());
        Ok(Work { file, superblock, extension, end, tail, raw_files, session, objects, built: false, ledger })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn is_changed(&self) -> bool {
        self.built || !self.objects.is_empty()
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
    }

    /// Makes all changes; returns what is known of the room then.
    pub(super) fn commit(&mut self, device: &dyn Device, number: u32, durability: Durability) -> Result<Ledger> {
        let mut open = self.close()?;
        self.ledger.made(std::mem::take(&mut open.made));
        self.ledger.know_heap(open.heap.take_closed());
        let mut patches = self.patches(&mut open)?;
        let others = self.others()?;
        self.ledger.settle_heap(&mut open.space);
        patches.sort_by_key(|(turn, _)| *turn);
        let patches = patches.into_iter().map(|(_, patch)| patch).collect();
        let extension = self.extension.store(&self.file, &self.superblock, &mut open.space, &mut self.ledger)?;
        let all = self.extension.with_image(patches, extension);
        let end = open.space.end();
        let reuse = open.space.take_reuse();
        open.space.into_store()?;
        let position = self.superblock.position;
        let root = self.objects.get(&self.file.inner.superblock.root).and_then(|root| root.links.as_ref());
        let converted = root.is_some_and(|links| links.converted);
        // What old libraries say of a split file's end here is not that of its first part.
        let said = if self.superblock.end() == self.end { end } else { self.superblock.end() };
        let superblock = Patch { position, bytes: self.superblock.with_end(said, converted)? };
        let range = |(at, length): (u64, u64)| position + at..position + at + length;
        let mut new: Vec<Range<u64>> = reuse.taken.iter().map(range).collect();
        new.push(position + self.end..position + end);
        let end = position + end;
        let old_superblock = &*self.superblock.bytes;
        let commit = Commit { number, superblock, old_superblock, patches: all, end, new, others, durability };
        commit.make(device).map_err(|(happened, e)| {
            let state = match happened {
                false => "the file is as it was",
                true => "open the file again to see whether the commit has happened",
            };
            Error::new(e.kind(), format!("{}; {state}", e.message())).because(e)
        })?;
        let mut ledger = std::mem::take(&mut self.ledger);
        ledger.end(reuse, &self.file);
        Ok(ledger)
    }

    /// What changes in files with external raw data.
    fn others(&mut self) -> Result<Vec<OtherFile>> {
        let mut others: BTreeMap<PathBuf, (RawFile, BTreeMap<u64, Vec<u8>>)> = BTreeMap::new();
        let edited = self.objects.values_mut().filter(|edited| !edited.gone);
        for data in edited.filter_map(|edited| edited.data.as_mut()) {
            for (name, patch) in data.take_external()? {
                let file = self.raw_files.find(&name)?;
                let (_, changes) = others.entry(file.path().clone()).or_insert_with(|| (file, BTreeMap::new()));
                add(changes, patch.position, &patch.bytes);
            }
        }
        let other = |(file, changes): (RawFile, BTreeMap<u64, Vec<u8>>)| {
            let patches = changes.into_iter().map(|(position, bytes)| Patch { position, bytes }).collect();
            Ok(OtherFile { device: self.raw_files.open(&file)?, place: file.place, patches })
        };
        others.into_values().map(other).collect()
    }

    /// Writes the new objects, and adds their links to the groups that they were made in.
    fn close(&mut self) -> Result<Open> {
        let (open, grafts) = write_grafts(&self.session)?;
        let reader = self.file.reader();
        for (name, mut links) in grafts {
            links.sort_by_key(|link| link.creation_order);
            let address = std::str::from_utf8(&name).ok().and_then(|n| n.parse().ok()).map(Address);
            let address = address.ok_or_else(|| Error::not_found("the group of new objects"))?;
            for link in links {
                self.links(address, &reader)?.add(&link.name.0, link.target)?;
            }
        }
        Ok(open)
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

    /// What becomes of the old bytes of all edited objects.
    fn patches(&mut self, open: &mut Open) -> Result<Vec<(Turn, Patch)>> {
        let reader = self.file.reader();
        let mut patches = Vec::new();
        let ledger = &mut self.ledger;
        for (&at, edited) in &mut self.objects {
            if edited.gone {
                let is_known = open.space.has_earlier() || ledger.knows_heap();
                // What cannot be read keeps its room.
                let load = || if is_known { Data::load(&reader, at).ok().map(Box::new) } else { None };
                let data = edited.data.take().or_else(load);
                if let Some(data) = data.as_ref().filter(|_| ledger.knows_heap()) {
                    open.space.flush()?;
                    ledger.drop_from_heap(Dropped::with(data, &reader, self.superblock.position));
                }
                ledger.release(&mut open.space, at, |known| data.map_or(Vec::new(), |data| data.pieces(known)));
                continue;
            }
            let turn = edited.turn();
            let Edited { header, attributes, links, data, .. } = edited;
            if let Some(attributes) = attributes {
                ledger.replace(&mut open.space, at, Part::Attributes, |space| attributes.store(header, space))?;
            }
            if let Some(data) = data {
                // What waits to be written may be read again.
                open.space.flush()?;
                let (source, base) = (&**reader.source(), self.superblock.position);
                let source = Stored { source, base, flush: &|| Ok(()), fresh: None, gone: None };
                let libver = open.libver;
                let store = |space: &mut Space| data.store(header, (space, libver), &source);
                let old = ledger.replace(&mut open.space, at, Part::Data, store)?;
                patches.extend(old.into_iter().map(|p| (turn, p)));
            }
            let mut replaced = Vec::new();
            if let Some(links) = links.as_mut().filter(|l| l.added || l.removed) {
                let store = |space: &mut Space| links.store(&reader, header, space);
                replaced = ledger.replace(&mut open.space, at, Part::Links, store)?;
            }
            let first = ledger.replace(&mut open.space, at, Part::Header, |space| header.encode(space))?;
            replaced.push((header.address, header.stored().to_vec(), first));
            let patch = |(at, old, new): (Address, Vec<u8>, Vec<u8>)| self.superblock.patch(at, &old, &new);
            patches.extend(replaced.into_iter().filter_map(patch).map(|p| (turn, p)));
        }
        Ok(patches)
    }
}

impl Edited {
    fn turn(&self) -> Turn {
        match &self.links {
            Some(links) if links.removed => Turn::Removal,
            Some(links) if links.added => Turn::Addition,
            _ if self.raised => Turn::Raised,
            _ => Turn::Object,
        }
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
