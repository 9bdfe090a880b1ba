//! What a file consists of, byte by byte: a map of all its structures, and the account of one of them field by field.
//!
//! It is made by following every address from the superblock on, and goes on where something is damaged: what cannot be
//! read is a [`Finding`], the rest is told.
//!
//! ```
//! # fn main() -> h5manager::Result<()> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("a.h5");
//! # let mut out = h5manager::File::create(&path)?;
//! # out.build("t").write(&[1.0f32, 2.0])?;
//! # out.commit()?;
//! use h5manager::anatomy::{Anatomy, Kind};
//!
//! let anatomy = Anatomy::open(&path)?;
//! let map = anatomy.map(Default::default())?;
//! let total: u64 = map.pieces().map(|piece| piece.length).sum();
//! assert_eq!(total, map.size()); // nothing is left out
//!
//! let superblock = anatomy.structure(0)?.expect("there is one");
//! assert_eq!(superblock.kind, Kind::Superblock);
//! assert_eq!(superblock.fields[0].name, "signature");
//! # Ok(())
//! # }
//! ```

mod arrays;
mod btree2;
mod chunks;
mod data;
mod elements;
mod fractal_heap;
mod group;
mod header;
mod kind;
mod map;
mod message;
mod owners;
mod scribe;
mod space;
mod superblock;
mod unused;
mod walk;

pub use kind::Kind;
pub use map::{Map, Piece};
pub use scribe::Field;

use crate::bytes::{Address, Limits};
use crate::error::{Error, ErrorKind, Result};
use crate::file::File;
use crate::format::superblock::{SIGNATURE, positions};
use crate::io::{FileSource, Reader, Source};
use crate::object::members;
use std::path::Path;
use std::sync::Arc;
use superblock::Frame;
use walk::Walk;

/// A file whose structures are looked at.
pub struct Anatomy {
    source: Arc<dyn Source>,
    limits: Limits,
    /// One that knows pages of the file.
    reader: Option<Reader>,
}

/// What a map is to show.
#[derive(Clone, Copy, Debug, Default)]
pub struct MapOptions {
    /// Every chunk by itself. Otherwise chunks of one dataset that stand one behind the other are one piece.
    pub all: bool,
    /// Read the elements of datasets, to know whose data a global heap collection holds.
    pub deep: bool,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The address of the structure.
    pub address: Option<u64>,
    /// What it is.
    pub kind: Option<Kind>,
    /// The object that it belongs to; empty if it is the file's.
    pub owner: String,
    /// What is wrong.
    pub message: String,
}

/// One structure, field by field.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Structure {
    /// What it is.
    pub kind: Kind,
    /// Where it begins, from the first byte of the file.
    pub position: u64,
    /// Its address: from the superblock.
    pub address: u64,
    /// Its bytes in the file.
    pub length: u64,
    /// The object that it belongs to; empty if it is the file's.
    pub owner: String,
    /// What is worth saying of it.
    pub note: String,
    /// Its fields in the order of their places; none for elements of datasets.
    pub fields: Vec<Field>,
    /// What is wrong with it.
    pub faults: Vec<String>,
    /// Its bytes; none for elements of datasets.
    pub bytes: Vec<u8>,
}

impl Anatomy {
    /// Opens a file. It need not be whole; where it is split over several, and the others are there, it is looked at with them.
    ///
    /// # Errors
    /// `NotFound` or `Io` if it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Anatomy> {
        let path = path.as_ref();
        let first = members::first_of(path);
        let path = first.as_deref().unwrap_or(path);
        let source = match joined(path) {
            Some(source) => source,
            None => Arc::new(FileSource::open(path).map_err(|e| e.on(path.display().to_string()))?),
        };
        Ok(Self::from_source(source, Limits::default()))
    }

    /// Looks at a file from wherever its bytes come.
    pub fn from_source(source: Arc<dyn Source>, limits: Limits) -> Anatomy {
        Anatomy { source, limits, reader: None }
    }

    /// Looks at a file that is being read, and does not read again what was read of it; `None` where the file is not read
    /// as it stands on disk.
    #[cfg(feature = "cli")]
    pub(crate) fn of(file: &File) -> Option<Anatomy> {
        let reader = &file.inner.reader;
        reader.source().as_file()?;
        let (source, limits) = (reader.source().clone(), reader.limits().clone());
        (!reader.is_live()).then(|| Anatomy { source, limits, reader: Some(reader.refuelled()) })
    }

    /// The map of the whole file.
    ///
    /// # Errors
    /// `Damaged` if there is no superblock that could be followed, `Io` if the file cannot be read.
    pub fn map(&self, options: MapOptions) -> Result<Map> {
        self.map_unless(options, &|| false)
    }

    /// The map of the whole file, unless somebody wants it no more: `stopped` is asked now and then.
    ///
    /// # Errors
    /// As [`Anatomy::map`], and `Interrupted`.
    pub fn map_unless(&self, options: MapOptions, stopped: &dyn Fn() -> bool) -> Result<Map> {
        self.made_of(self.walk(None, !options.all)?, options, stopped)
    }

    /// As [`map_unless`](Anatomy::map_unless) by default, for who counts pieces: what is worth saying of an object is not
    /// said.
    #[cfg(feature = "cli")]
    pub(crate) fn terse_map_unless(&self, stopped: &dyn Fn() -> bool) -> Result<Map> {
        let options = MapOptions::default();
        let (mut walk, frame, end) = self.walk(None, !options.all)?;
        walk.is_terse = true;
        self.made_of((walk, frame, end), options, stopped)
    }

    fn made_of(
        &self,
        (mut walk, frame, end): (Walk, Frame, u64),
        options: MapOptions,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Map> {
        walk.run(stopped)?;
        if options.deep {
            self.read_elements(&mut walk, stopped)?;
        }
        Map::new(walk, (end, self.source.size()?), frame.version, stopped)
    }

    /// The pieces of one object, whose header is at `address`: of a group, what leads to its links, and not what they lead
    /// to. `path` is what it is called. Nothing is said of gaps.
    ///
    /// # Errors
    /// As [`Anatomy::map`].
    pub fn map_of(&self, address: u64, path: &str) -> Result<Map> {
        let (mut walk, frame, end) = self.prepared(None, true)?;
        walk.stays = true;
        // The superblock is nobody's.
        walk.claims.clear();
        header::object(&mut walk, Address(address), walk::Owner::FILE, path);
        walk.run(&|| false)?;
        Ok(Map::of_pieces(walk, (end, self.source.size()?), frame.version))
    }

    /// The structure that the byte at an address belongs to; `None` if it belongs to none.
    ///
    /// # Errors
    /// As [`Anatomy::map`].
    pub fn structure(&self, address: u64) -> Result<Option<Structure>> {
        let (mut walk, _, _) = self.walk(Some(address), false)?;
        walk.run(&|| false)?;
        if walk.told.is_none() {
            alone(&mut walk, Address(address));
        }
        Ok(walk.told)
    }

    /// The address of an object's header.
    ///
    /// # Errors
    /// As [`File::object`].
    pub fn address_of(&self, path: &str) -> Result<u64> {
        Ok(File::from_source(self.source.clone(), self.limits.clone())?.object(path)?.address())
    }

    /// `length` bytes at an address, less where the file ends before.
    ///
    /// # Errors
    /// `Damaged` if the address is behind the end of the file.
    pub fn bytes(&self, address: u64, length: u64) -> Result<Vec<u8>> {
        let (walk, _, _) = self.walk(None, false)?;
        Ok(walk.reader.metadata_up_to(Address(address), length)?.to_vec())
    }

    /// A walk that knows the superblock and where to go from there; with the position where the file ends.
    fn walk(&self, wanted: Option<u64>, joins: bool) -> Result<(Walk, Frame, u64)> {
        let (mut walk, frame, end) = self.prepared(wanted, joins)?;
        start(&mut walk, &frame);
        Ok((walk, frame, end))
    }

    /// A walk that knows the superblock, and has nowhere to go yet.
    fn prepared(&self, wanted: Option<u64>, joins: bool) -> Result<(Walk, Frame, u64)> {
        let reader = Reader::new(self.source.clone(), self.limits.clone(), None)?;
        let position = find_superblock(&reader)?;
        let wanted = wanted.map(|address| address.saturating_add(position));
        let mut walk = Walk::new(reader.clone(), wanted, joins);
        let frame = superblock::superblock(&mut walk, position)?;
        // A block put in front of the file, or taken away, shifts everything by the same distance.
        let base = frame.base.map_or(position, Address::get);
        let length = frame.end.and_then(|end| end.get().checked_sub(base)).filter(|&n| n > 0);
        let whole = reader.size();
        // The superblock of a file that is split by use says where one of its parts ends.
        let end = if reader.source().is_joined() { Some(whole) } else { length.and_then(|n| position.checked_add(n)) };
        walk.reader = match &self.reader {
            Some(known) if (known.base(), known.widths()) == (position, frame.widths) && Some(known.size()) == end => {
                known.refuelled()
            }
            _ => reader.with_superblock(position, end.unwrap_or(whole), frame.widths, false),
        };
        // What was said so far said positions, not addresses.
        walk.findings.iter_mut().for_each(|f| f.address = f.address.map(|a| a - position));
        if let Some(told) = &mut walk.told {
            told.address -= position;
        }
        let mut tell = |message: String| {
            walk.finding(Kind::Superblock, Address(0), walk::Owner::FILE, message);
        };
        match end {
            Some(end) if end > whole => {
                tell(format!("the file is truncated: it has {whole} bytes and should have {end}"))
            }
            None => tell("says no end of the file that could be".into()),
            _ => {}
        }
        if let Err(e) = frame.ranks.checked() {
            tell(e.message().into());
        }
        walk.ranks = frame.ranks;
        if frame.version >= 2 {
            walk.ranks = extension_ranks(&walk, &frame);
        }
        let end = end.unwrap_or(whole);
        Ok((walk, frame, end))
    }
}

fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped")
}

/// Looks for the superblock at 0, 512, 1024, 2048 … (II.A).
fn find_superblock(reader: &Reader) -> Result<u64> {
    for position in positions(reader.size()) {
        if reader.metadata_up_to(Address(position), SIGNATURE.len() as u64)?[..] == SIGNATURE {
            return Ok(position);
        }
    }
    let empty = reader.size() == 0;
    Err(Error::damaged(if empty { "the file is empty" } else { "not an HDF5 file: its signature is nowhere" }))
}

/// All files that a file is split over.
fn joined(path: &Path) -> Option<Arc<dyn Source>> {
    let file = File::open(path).ok()?;
    let source = file.inner.reader.source();
    source.is_joined().then(|| source.clone())
}

/// The sizes of nodes, where the superblock's extension says them.
fn extension_ranks(walk: &Walk, frame: &Frame) -> crate::format::superblock::NodeRanks {
    use crate::format::message::{kind, small};
    let header = frame.extension.and_then(|at| crate::object::ObjectHeader::load(&walk.reader, at).ok());
    let ranks = header.and_then(|h| h.find(kind::BTREE_RANKS).and_then(|b| small::decode_ranks(b.bytes).ok()));
    ranks.unwrap_or(frame.ranks)
}

/// What the superblock leads to.
fn start(walk: &mut Walk, frame: &Frame) {
    // The last one is done first: a cache image, which the extension names, goes before everything.
    match frame.root {
        Some(root) => walk.then(move |walk| header::object(walk, root, walk::Owner::FILE, "/")),
        None => walk.finding(Kind::Superblock, Address(0), walk::Owner::FILE, "the root group has no address"),
    }
    if let Some(at) = frame.driver {
        walk.then(move |walk| superblock::driver(walk, at));
    }
    if let Some(at) = frame.extension {
        walk.then(move |walk| header::object(walk, at, walk::Owner::FILE, "superblock extension"));
    }
}

/// A structure that nothing leads to, and that begins with a signature: those that need no others to be understood.
fn alone(walk: &mut Walk, at: Address) {
    let owner = walk.owners.add(walk::Owner::FILE, "(nothing leads here)");
    let Some(kind) = walk.peek(at, 4).ok().and_then(|head| Kind::of_signature(&head)) else {
        return;
    };
    match kind {
        Kind::ObjectHeader => header::object(walk, at, walk::Owner::FILE, "(nothing leads here)"),
        Kind::GroupNode => group::node(walk, at, None, &None, owner),
        Kind::LocalHeap => drop(group::local_heap(walk, at, owner)),
        Kind::BTree2 => btree2::tree(walk, at, btree2::Use::Nothing, owner),
        Kind::FractalHeap => fractal_heap::heap(walk, at, owner),
        Kind::GlobalHeap => data::collection(walk, at, owner),
        Kind::FreeSpace => space::manager(walk, at, owner),
        _ => {}
    }
}

/// A time for people: seconds since 1970 as a date of the Gregorian calendar, UTC.
pub fn time_text(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01: years then end with their leap day, and months are 153 days to every five.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates() {
        assert_eq!(time_text(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(time_text(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(time_text(u32::MAX.into()), "2106-02-07 06:28:15 UTC");
    }
}
