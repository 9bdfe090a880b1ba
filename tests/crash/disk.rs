//! A disk in memory that remembers everything that was done to it, and can fail.

use h5manager::io::{Device, MemoryStore, Source, Store};
use h5manager::{Error, ErrorKind, Result};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Something that was done to a file.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Write(u64, Vec<u8>),
    Resize(u64),
    Sync,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Nothing happens.
    Refused,
    /// The first half of a write happens.
    Short,
    /// All of it happens, and is reported as failed.
    Reported,
}

/// The file and what was done to it.
pub(crate) struct Disk {
    now: MemoryStore,
    done: Mutex<Vec<Op>>,
    /// Which operation fails, and how; from then on everything does.
    fault: Option<(usize, Fault)>,
    count: AtomicUsize,
}

impl Disk {
    pub(crate) fn new(bytes: Vec<u8>, fault: Option<(usize, Fault)>) -> Disk {
        Disk { now: MemoryStore::holding(bytes), done: Mutex::default(), fault, count: AtomicUsize::new(0) }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.now.bytes()
    }

    pub(crate) fn done(&self) -> Vec<Op> {
        self.done.lock().unwrap().clone()
    }

    fn operate(&self, op: Op) -> Result<()> {
        let number = self.count.fetch_add(1, SeqCst);
        let fault = match self.fault {
            Some((at, fault)) if number == at => Some(fault),
            Some((at, _)) if number > at => Some(Fault::Refused),
            _ => None,
        };
        match (&op, fault) {
            (_, Some(Fault::Refused)) | (Op::Sync, Some(_)) => {}
            (Op::Write(at, bytes), Some(Fault::Short)) => self.now.write_at(*at, &bytes[..bytes.len() / 2])?,
            (Op::Write(at, bytes), _) => self.now.write_at(*at, bytes)?,
            (Op::Resize(size), _) => self.now.resize(*size)?,
            (Op::Sync, None) => {}
        }
        if fault.is_some() {
            return Err(Error::new(ErrorKind::Io, "injected fault"));
        }
        self.done.lock().unwrap().push(op);
        Ok(())
    }
}

impl Source for Disk {
    fn size(&self) -> Result<u64> {
        self.now.size()
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        self.now.read_at(position, buffer)
    }
}

impl Store for Disk {
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        self.operate(Op::Write(position, bytes.to_vec()))
    }

    fn sync(&self) -> Result<()> {
        self.operate(Op::Sync)
    }
}

impl Device for Disk {
    fn resize(&self, size: u64) -> Result<()> {
        self.operate(Op::Resize(size))
    }
}

/// Does an operation to bytes.
pub(crate) fn apply(bytes: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Write(at, data) => {
            let (from, to) = (*at as usize, *at as usize + data.len());
            if bytes.len() < to {
                bytes.resize(to, 0);
            }
            bytes[from..to].copy_from_slice(data);
        }
        Op::Resize(size) => bytes.resize(*size as usize, 0),
        Op::Sync => {}
    }
}

/// The parts of a write that a disk does one by one, at multiples of `unit`.
pub(crate) fn parts(op: &Op, unit: u64) -> Vec<Op> {
    let Op::Write(at, data) = op else {
        return vec![op.clone()];
    };
    let (mut parts, mut from) = (Vec::new(), 0);
    while from < data.len() {
        let position = at + from as u64;
        let to = (from + (unit - position % unit) as usize).min(data.len());
        parts.push(Op::Write(position, data[from..to].to_vec()));
        from = to;
    }
    parts
}
