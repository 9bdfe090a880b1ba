//! Following addresses from the superblock to everything that a file holds. What is to be done waits in a list, so no
//! nesting in the file is nesting here; every structure is read once, so no circle is walked twice.

use super::header;
use super::kind::Kind;
pub(super) use super::owners::Owner;
use super::owners::Owners;
use super::scribe::Scribe;
use super::{Finding, Structure};
use crate::bytes::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::format::superblock::NodeRanks;
use crate::io::{Block, Reader};
use foldhash::{HashSet, HashSetExt};
use std::collections::BTreeMap;

/// A piece of the file.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) position: u64,
    pub(super) length: u64,
    pub(super) kind: Kind,
    pub(super) owner: Owner,
    /// How many pieces one behind the other it stands for.
    pub(super) count: u32,
    /// Its first bytes as far as checksums in it cover them.
    pub(super) under_checksum: u64,
    pub(super) note: Option<Box<str>>,
}

impl Claim {
    /// Bytes from one position to another that belong to no object.
    pub(super) fn of_file(position: u64, end: u64, kind: Kind) -> Claim {
        let (length, owner) = (end - position, Owner::FILE);
        Claim { position, length, kind, owner, count: 1, under_checksum: 0, note: None }
    }

    /// The position behind its last byte.
    pub(super) fn end(&self) -> u64 {
        self.position + self.length
    }
}

/// Where a structure is expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) at: Address,
    pub(super) length: u64,
    pub(super) owner: Owner,
}

/// Something to be done.
enum Task {
    /// Most of what a file of small objects leads to.
    Object {
        at: Address,
        before: Owner,
        text: Box<str>,
    },
    Other(Box<dyn FnOnce(&mut Walk)>),
}

/// Fuel for a thing to do: a bound on how long the list of them can become.
const TASK: u64 = 64;

/// The most findings that are kept.
const MOST_FINDINGS: usize = 10_000;

pub(super) struct Walk {
    pub(super) reader: Reader,
    pub(super) ranks: NodeRanks,
    pub(super) claims: Vec<Claim>,
    pub(super) owners: Owners,
    pub(super) findings: Vec<Finding>,
    /// Findings that were too many to keep.
    pub(super) more_findings: u64,
    /// Space that the file's own free-space managers know: address and length.
    pub(super) free: Vec<(u64, u64)>,
    /// Metadata as they are in a cache image, by address: they stand for what the file has there.
    pub(super) image: BTreeMap<u64, Vec<u8>>,
    /// The position whose structure is to be told field by field.
    pub(super) wanted: Option<u64>,
    pub(super) told: Option<Structure>,
    /// Whether chunks that stand one behind the other are one piece.
    pub(super) joins: bool,
    /// Whether links to other objects are left alone.
    pub(super) stays: bool,
    /// Whether it is of no use to say what an object is.
    pub(super) is_terse: bool,
    seen: HashSet<(Kind, u64)>,
    todo: Vec<Task>,
    /// What is done when nothing else is left: things that have a better name if somebody else leads to them first.
    last: Vec<Task>,
    exhausted: bool,
    /// Whether nothing may have been missed: a message that is not known may lead anywhere.
    pub(super) is_complete: bool,
}

impl Walk {
    pub(super) fn new(reader: Reader, wanted: Option<u64>, joins: bool) -> Walk {
        // As many as a file of small objects has.
        let pieces = (reader.size() / 256).min(1 << 14) as usize;
        Walk {
            reader,
            ranks: NodeRanks::DEFAULT,
            claims: Vec::with_capacity(pieces),
            owners: Owners::new(),
            findings: Vec::new(),
            more_findings: 0,
            free: Vec::new(),
            image: BTreeMap::new(),
            wanted,
            told: None,
            joins,
            stays: false,
            is_terse: false,
            seen: HashSet::with_capacity(pieces),
            todo: Vec::new(),
            last: Vec::new(),
            exhausted: false,
            is_complete: true,
        }
    }

    /// Does everything that is to be done.
    pub(super) fn run(&mut self, stopped: &dyn Fn() -> bool) -> Result<()> {
        while let Some(task) = self.todo.pop().or_else(|| self.last.pop()) {
            if stopped() {
                return Err(super::interrupted());
            }
            // What was asked for is told, or the file leads in circles.
            if self.told.is_some() || self.exhausted {
                break;
            }
            let before = self.todo.len();
            match task {
                Task::Object { at, before, text } => header::object(self, at, before, text),
                Task::Other(task) => task(self),
            }
            // What comes first in the file is done first.
            if let Some(added) = self.todo.get_mut(before..) {
                added.reverse();
            }
        }
        self.todo.clear();
        self.last.clear();
        Ok(())
    }

    /// Something to be done soon.
    pub(super) fn then(&mut self, task: impl FnOnce(&mut Walk) + 'static) {
        if self.burn(TASK) {
            self.todo.push(Task::Other(Box::new(task)));
        }
    }

    /// An object to be looked at soon: see [`header::object`].
    pub(super) fn then_object(&mut self, at: Address, before: Owner, text: Box<str>) {
        if self.burn(TASK) {
            self.todo.push(Task::Object { at, before, text });
        }
    }

    /// Something to be done when all else is.
    pub(super) fn at_last(&mut self, task: impl FnOnce(&mut Walk) + 'static) {
        if self.burn(TASK) {
            self.last.push(Task::Other(Box::new(task)));
        }
    }

    fn burn(&mut self, units: u64) -> bool {
        match self.reader.ctx().burn(units) {
            Ok(()) => true,
            Err(e) => {
                self.give_up(&e);
                false
            }
        }
    }

    fn give_up(&mut self, e: &crate::Error) {
        if !self.exhausted {
            self.exhausted = true;
            self.findings.push(Finding { address: None, kind: None, owner: String::new(), message: e.to_string() });
        }
    }

    pub(super) fn path(&self, owner: Owner) -> String {
        self.owners.path(owner)
    }

    /// Whether it is the first time that somebody leads to this piece.
    pub(super) fn is_first(&mut self, kind: Kind, at: Address) -> bool {
        self.seen.insert((kind, at.get()))
    }

    /// Whether somebody led to this piece before.
    pub(super) fn was_seen(&self, kind: Kind, at: Address) -> bool {
        self.seen.contains(&(kind, at.get()))
    }

    /// Tells what is wrong.
    pub(super) fn finding(&mut self, kind: Kind, at: Address, owner: Owner, message: impl Into<String>) {
        if self.findings.len() >= MOST_FINDINGS {
            self.more_findings += 1;
            return;
        }
        let owner = self.path(owner);
        self.findings.push(Finding { address: Some(at.get()), kind: Some(kind), owner, message: message.into() });
    }

    /// The first bytes at `at`, less where the file ends before, to see what is there.
    pub(super) fn peek(&self, at: Address, length: u64) -> Result<Block<'_>> {
        if self.reader.check_range(at, 0).is_err() {
            return Err(Error::damaged(format!("stands behind the end of the file ({})", self.reader.size())));
        }
        let block = self.reader.metadata_up_to(at, length)?;
        if self.image.is_empty() {
            return Ok(block);
        }
        let mut bytes = block.to_vec();
        self.overlay(at.get(), &mut bytes);
        Ok(Block::Owned(bytes))
    }

    /// Puts what the cache image has of these bytes in their place.
    fn overlay(&self, at: u64, bytes: &mut [u8]) {
        let end = at.saturating_add(bytes.len() as u64);
        for (start, entry) in self.image.range(..end).rev() {
            let (from, to) = (at.max(*start), end.min(start.saturating_add(entry.len() as u64)));
            // Entries do not overlap: one that ends before is the last that could have reached here.
            if from >= to {
                break;
            }
            let place = bytes.get_mut((from - at) as usize..(to - at) as usize);
            let source = entry.get((from - start) as usize..(to - start) as usize);
            if let (Some(place), Some(source)) = (place, source) {
                place.copy_from_slice(source);
            }
        }
    }

    /// Reads a structure aloud and notes that its bytes are its own. `read` may end early: what it learnt until then is
    /// kept by its caller.
    pub(super) fn structure(&mut self, place: Place, read: impl FnOnce(&mut Scribe<'_>) -> Result<()>) {
        if !self.is_first(place.kind, place.at) {
            return self.finding(place.kind, place.at, place.owner, "is led to a second time");
        }
        self.first_structure(place, read);
    }

    /// As [`structure`](Walk::structure), where it is known that nobody led here before.
    pub(super) fn first_structure(&mut self, place: Place, read: impl FnOnce(&mut Scribe<'_>) -> Result<()>) {
        let Place { kind, at, length, owner } = place;
        let bytes = match self.peek(at, length) {
            Ok(bytes) => bytes,
            Err(e) => return self.unreadable(kind, at, owner, &e),
        };
        let position = self.reader.base() + at.get();
        let writes = self.wanted.is_some_and(|w| w >= position && w - position < length);
        let w = self.reader.widths();
        let mut scribe = Scribe::new(&bytes, w, writes);
        if let Err(e) = read(&mut scribe) {
            scribe.wrong(e.message().to_owned());
        }
        if scribe.left() > 0 {
            scribe.unused("not used");
        }
        let (faults, note) = (std::mem::take(&mut scribe.faults), std::mem::take(&mut scribe.note));
        let under_checksum = scribe.under_checksum;
        if writes {
            let (fields, owner, bytes) = (scribe.into_fields(), self.path(owner), bytes.to_vec());
            let note = note.clone();
            let (address, faults) = (at.get(), faults.clone());
            self.told = Some(Structure { kind, position, address, length, owner, note, fields, faults, bytes });
        }
        for fault in faults {
            self.finding(kind, at, owner, fault);
        }
        self.note(place, note);
        if let Some(claim) = self.claims.last_mut() {
            claim.under_checksum = under_checksum;
        }
    }

    /// Says in one line what the piece is that was noted last before there were `before` of them.
    pub(super) fn describe(&mut self, before: usize, kind: Kind, note: String) {
        if let Some(told) = self.told.as_mut().filter(|t| t.kind == kind) {
            told.note.clone_from(&note);
        }
        if let Some(claim) = before.checked_sub(1).and_then(|i| self.claims.get_mut(i)).filter(|c| c.kind == kind) {
            claim.note = Some(note.into_boxed_str());
        }
    }

    /// Notes that bytes are a piece of this kind.
    pub(super) fn note(&mut self, place: Place, note: String) {
        let Place { kind, at, length, owner } = place;
        // A piece that runs past the end is cut there; whoever read it said so.
        let position = self.reader.base().saturating_add(at.get());
        let length = length.min(self.reader.size().saturating_sub(position));
        let note = (!note.is_empty()).then(|| note.into_boxed_str());
        self.claims.push(Claim { position, length, kind, owner, count: 1, under_checksum: 0, note });
    }

    /// Notes that bytes are elements of a dataset.
    pub(super) fn raw(&mut self, place: Place, note: impl FnOnce() -> String) {
        let Place { kind, at, length, owner } = place;
        // As much as two addresses: what leads to a chunk is about as long.
        if length == 0 || !self.burn(16) {
            return;
        }
        if let Err(e) = self.reader.check_range(at, length) {
            self.unreadable(kind, at, owner, &e);
            return;
        }
        let position = self.reader.base() + at.get();
        if self.wanted.is_some_and(|w| w >= position && w - position < length) {
            self.told = Some(Structure {
                kind,
                position,
                address: at.get(),
                length,
                owner: self.path(owner),
                note: note(),
                fields: Vec::new(),
                faults: Vec::new(),
                bytes: Vec::new(),
            });
            return;
        }
        if self.joins
            && let Some(last) = self.claims.last_mut()
            && (last.kind, last.owner) == (kind, owner)
            && last.end() == position
        {
            last.length += length;
            last.count = last.count.saturating_add(1);
            last.note = None;
            return;
        }
        let note = if self.joins { String::new() } else { note() };
        self.note(place, note);
    }

    /// Tells why a structure could not be read.
    pub(super) fn unreadable(&mut self, kind: Kind, at: Address, owner: Owner, e: &crate::Error) {
        if e.kind() == ErrorKind::Limit && e.message().starts_with("fuel") {
            return self.give_up(e);
        }
        self.finding(kind, at, owner, e.message().to_owned());
    }
}
