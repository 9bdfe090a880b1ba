//! A file that is being written, shared by all handles on it: its space, its heap, the tree of its objects.
//!
//! One lock guards all of it. It is held for the short time in which room is handed out and bytes go to the store; what
//! takes long, filtering chunks, happens outside. Once a write has failed nothing more is written, and the file cannot
//! be committed.

use super::tree::Tree;
use crate::bytes::{self, Widths};
use crate::data::element::KeepHeap;
use crate::error::{Error, ErrorKind, Result};
use crate::format::libver::LibVer;
use crate::index::heap_writer::HeapWriter;
use crate::index::space::Space;
use std::sync::Mutex;

/// The state of a file that is being written.
pub(super) struct Session(Mutex<Phase>);

enum Phase {
    Open(Box<Open>),
    /// What went wrong first.
    Failed(ErrorKind, String),
    /// Committed, or given up.
    Closed,
}

/// What is written to.
pub(super) struct Open {
    pub(super) space: Space,
    pub(super) heap: HeapWriter,
    pub(super) tree: Tree,
    /// The oldest library that is to read the file.
    pub(super) libver: LibVer,
}

impl Session {
    pub(super) fn new(space: Space, libver: LibVer) -> Session {
        let open = Open { space, heap: HeapWriter::new(), tree: Tree::new(), libver };
        Session(Mutex::new(Phase::Open(Box::new(open))))
    }

    /// Does something with the open file. If the store fails meanwhile, the file has failed.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Open) -> Result<R>) -> Result<R> {
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
    pub(super) fn fail(&self, error: &Error) {
        if let Ok(mut phase) = self.0.lock()
            && matches!(*phase, Phase::Open(_))
        {
            *phase = Phase::Failed(error.kind(), error.to_string());
        }
    }

    /// Takes what was open; every later call is refused.
    pub(super) fn close(&self) -> Result<Open> {
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

impl KeepHeap for Open {
    fn keep(&mut self, count: u32, data: &[u8]) -> Result<[u8; 16]> {
        let id = self.heap.keep(&mut self.space, data)?;
        let id = bytes::encode(&id, Widths::EIGHT, "global heap reference")?;
        let mut element = [0; 16];
        let (length, reference) = element.split_at_mut(4);
        length.copy_from_slice(&count.to_le_bytes());
        if reference.len() != id.len() {
            return Err(Error::damaged("a heap reference of another width"));
        }
        reference.copy_from_slice(&id);
        Ok(element)
    }
}
