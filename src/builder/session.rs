//! A file that is being written, shared by all handles on it: its space, its heap, the tree of its objects.
//!
//! One lock guards all of it. It is held for the short time in which room is handed out and bytes go to the store; what
//! takes long, filtering chunks, happens outside. Once a write has failed nothing more is written, and the file cannot
//! be committed.

use super::scales::Scales;
use super::tree::{NodeId, Tree};
use crate::bytes::{self, Address, Widths};
use crate::data::element::{HeapElement, KeepHeap};
use crate::error::{Error, ErrorKind, Result};
use crate::format::libver::LibVer;
use crate::format::message::datatype::{Datatype, ReferenceKind};
use crate::format::object_header;
use crate::format::reference::{self, Outgoing, Reference};
use crate::index::heap_writer::HeapWriter;
use crate::index::space::{METADATA, Space};
use std::sync::Mutex;

/// The state of a file that is being written.
pub(crate) struct Session(Mutex<Phase>);

enum Phase {
    Open(Box<Open>),
    /// What went wrong first.
    Failed(ErrorKind, String),
    /// Committed, or given up.
    Closed,
}

/// What is written to.
pub(crate) struct Open {
    pub(crate) space: Space,
    pub(crate) heap: HeapWriter,
    pub(crate) tree: Tree,
    /// The oldest library that is to read the file.
    pub(crate) libver: LibVer,
    /// What objects say of the time when they were made: seconds since 1970 UTC.
    pub(crate) time: Option<u32>,
    pub(super) scales: Scales,
    /// In an edited file: the objects that were made, and what room each took, but for their elements.
    pub(crate) made: Vec<(Address, Vec<(u64, u64)>)>,
}

impl Session {
    pub(crate) fn new(space: Space, libver: LibVer, track_order: bool, time: Option<u32>) -> Session {
        let mut tree = Tree::new();
        if track_order {
            tree.track_order_of_all();
        }
        let (heap, scales) = (HeapWriter::new(), Scales::default());
        let open = Open { space, heap, tree, libver, time, scales, made: Vec::new() };
        Session(Mutex::new(Phase::Open(Box::new(open))))
    }

    /// Does something with the open file. If the store fails meanwhile, the file has failed.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Open) -> Result<R>) -> Result<R> {
        let mut phase = self
            .0
            .lock()
            .map_err(|_| Error::conflict("a thread panicked while it wrote; the file cannot be finished"))?;
        let open = match &mut *phase {
            Phase::Open(open) => open,
            Phase::Failed(kind, message) => return Err(failed_before(*kind, message)),
            Phase::Closed => {
                return Err(Error::conflict("the file is committed or given up already"));
            }
        };
        let result = work(open);
        if let Err(e) = &result
            && open.space.is_broken()
        {
            *phase = Phase::Failed(e.kind(), e.to_string());
        }
        result
    }

    /// Declares the file failed: something was written in part.
    pub(crate) fn fail(&self, error: &Error) {
        if let Ok(mut phase) = self.0.lock()
            && matches!(*phase, Phase::Open(_))
        {
            *phase = Phase::Failed(error.kind(), error.to_string());
        }
    }

    /// Takes what was open; every later call is refused.
    pub(crate) fn close(&self) -> Result<Open> {
        let mut phase = self
            .0
            .lock()
            .map_err(|_| Error::conflict("a thread panicked while it wrote; the file cannot be finished"))?;
        match std::mem::replace(&mut *phase, Phase::Closed) {
            Phase::Open(open) => Ok(*open),
            Phase::Failed(kind, message) => Err(failed_before(kind, &message)),
            Phase::Closed => Err(Error::conflict("the file is committed or given up already")),
        }
    }
}

fn failed_before(kind: ErrorKind, message: &str) -> Error {
    Error::new(kind, format!("the file cannot be finished, for an earlier write failed: {message}"))
}

impl Open {
    /// A datatype as this file has it, whose addresses may be narrow.
    pub(crate) fn datatype(&self, datatype: Datatype) -> Result<Datatype> {
        match self.space.widths() {
            Widths::EIGHT => Ok(datatype),
            w => datatype.in_widths(w),
        }
    }

    /// Where an object's header will be. Asked for before the header is written, it gets a place at once, for a first
    /// chunk that only leads on: so references, and links that lead back to where they come from, never have to wait.
    pub(super) fn address_of(&mut self, id: NodeId) -> Result<Address> {
        if let Some(address) = self.tree.early(id)? {
            return Ok(address);
        }
        let address = self.space.allocate(object_header::STUB, METADATA)?;
        self.tree.set_early(id, address)?;
        Ok(address)
    }

    /// Says that the file has an object at `address` already, so that references may lead there.
    pub(crate) fn know(&mut self, address: Address) {
        self.tree.know(address);
    }

    /// Refuses what leads to an address of this file that was not given away as an object's: it comes from elsewhere.
    fn check_reference(&self, to: &Reference) -> Result<()> {
        match to.address().filter(|&address| to.file().is_none() && address != u64::MAX) {
            Some(address) if self.tree.at(address).is_none() => Err(Error::invalid(format!(
                "{to}: this file has no object there; references are made with `reference` of the file that is written"
            ))),
            _ => Ok(()),
        }
    }

    /// The rank of the dataset that a reference leads to, where it is known.
    fn rank_of(&self, to: &Reference) -> Option<usize> {
        let own = to.address().filter(|_| to.file().is_none()).and_then(|a| self.tree.at(a));
        let own = own.and_then(|id| self.tree.node(id).ok()).and_then(|node| node.rank);
        let Reference::Region { selection, .. } = to else { return own };
        selection.rank().or(own)
    }
}

impl KeepHeap for Open {
    fn keep_reference(&mut self, to: &Reference, kind: ReferenceKind) -> Result<Vec<u8>> {
        self.check_reference(to)?;
        let rank = self.rank_of(to).unwrap_or(0) as u32;
        let w = self.space.widths();
        match reference::encode(to, kind, rank, self.libver, w)? {
            Outgoing::Whole(bytes) => Ok(bytes),
            Outgoing::InHeap(mut front, data) => {
                let id = self.heap.keep(&mut self.space, &data)?;
                front.extend(bytes::encode(&id, w, "global heap reference")?);
                Ok(front)
            }
        }
    }

    fn keep(&mut self, count: u32, data: &[u8]) -> Result<HeapElement> {
        let id = self.heap.keep(&mut self.space, data)?;
        HeapElement::new(count, &bytes::encode(&id, self.space.widths(), "global heap reference")?)
    }
}
