//! What becomes of all changes when they are committed.

use super::super::data::{Data, Stored, add};
use super::super::dropped::Dropped;
use super::super::ledger::{Ledger, Part};
use super::{Edited, Work};
use crate::builder::{Open, write_grafts};
use crate::bytes::Address;
use crate::error::{Error, Result};
use crate::index::reuse::Reuse;
use crate::index::space::Space;
use crate::io::{Commit, Device, Durability, OtherFile, Patch, WritableFile};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

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
    /// Makes all changes; returns what is known of the room then.
    pub(in crate::edit) fn commit(
        &mut self,
        device: &dyn Device,
        number: u32,
        durability: Durability,
    ) -> Result<Ledger> {
        let companions = self.companions.values_mut().map(|c| c.prepare(number, durability));
        let companions = companions.collect::<Result<_>>()?;
        let (commit, reuse) = self.ready(number, durability)?;
        Commit { companions, ..commit }.make(device).map_err(|(happened, e)| {
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

    /// Writes all that is new; returns what is to be done then.
    pub(in crate::edit) fn ready(&mut self, number: u32, durability: Durability) -> Result<(Commit<'_>, Reuse)> {
        let mut open = self.close()?;
        self.ledger.made(std::mem::take(&mut open.made));
        self.ledger.know_heap(open.heap.take_closed());
        let mut patches = self.patches(&mut open)?;
        let others = self.external()?;
        self.ledger.settle_heap(&mut open.space);
        patches.sort_by_key(|(turn, _)| *turn);
        let patches = patches.into_iter().map(|(_, patch)| patch).collect();
        let extension = self.extension.store(&self.file, &self.superblock, &mut open.space, &mut self.ledger)?;
        let patches = self.extension.with_image(patches, extension);
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
        let (end, companions) = (position + end, Vec::new());
        let old_superblock = &*self.superblock.bytes;
        let commit = Commit { number, superblock, old_superblock, patches, end, new, others, companions, durability };
        Ok((commit, reuse))
    }

    /// What changes in files with external raw data.
    fn external(&mut self) -> Result<Vec<OtherFile>> {
        let mut others: BTreeMap<PathBuf, (WritableFile, BTreeMap<u64, Vec<u8>>)> = BTreeMap::new();
        let edited = self.objects.values_mut().filter(|edited| !edited.gone);
        for data in edited.filter_map(|edited| edited.data.as_mut()) {
            for (name, patch) in data.take_external()? {
                let file = self.others.find(&name)?;
                let (_, changes) = others.entry(file.path().clone()).or_insert_with(|| (file, BTreeMap::new()));
                add(changes, patch.position, &patch.bytes);
            }
        }
        let other = |(file, changes): (WritableFile, BTreeMap<u64, Vec<u8>>)| {
            let patches = changes.into_iter().map(|(position, bytes)| Patch { position, bytes }).collect();
            Ok(OtherFile { device: self.others.open(&file)?.0, place: file.place, patches })
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

    /// What becomes of the old bytes of all edited objects.
    fn patches(&mut self, open: &mut Open) -> Result<Vec<(Turn, Patch)>> {
        let reader = self.file.reader();
        let mut patches = Vec::new();
        let ledger = &mut self.ledger;
        for (&at, edited) in &mut self.objects {
            if edited.gone {
                let is_known = open.space.asks_for_old() || ledger.knows_heap();
                // What cannot be read keeps its room.
                let load = || if is_known { Data::load(&reader, at).ok().map(Box::new) } else { None };
                let data = edited.data.take().or_else(load);
                if let Some(data) = data.as_ref().filter(|_| ledger.knows_heap()) {
                    open.space.flush()?;
                    ledger.drop_from_heap(Dropped::with(data, &reader, self.superblock.position));
                }
                let header = edited.header.stored().len() as u64;
                ledger.release(&mut open.space, at, header, |known| data.map_or(Vec::new(), |d| d.pieces(known)));
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
