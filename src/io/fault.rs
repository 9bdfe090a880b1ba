//! Sources and stores that count, refuse or break off: what the tests of robustness stand on.

use super::{Source, Store};
use crate::error::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A source that counts the requests made of the source inside.
pub struct CountingSource<S> {
    inner: S,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl<S: Source> CountingSource<S> {
    /// Counts from zero.
    pub fn new(inner: S) -> Self {
        CountingSource { inner, requests: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// How many requests were made so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// How many bytes were asked for so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}

impl<S: Source> Source for CountingSource<S> {
    fn size(&self) -> Result<u64> {
        self.inner.size()
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        self.requests.fetch_add(1, Relaxed);
        self.bytes.fetch_add(buffer.len() as u64, Relaxed);
        self.inner.read_at(position, buffer)
    }
}

/// A source whose reads fail after the first `good` ones.
pub struct FaultSource<S> {
    inner: S,
    good: AtomicU64,
}

impl<S: Source> FaultSource<S> {
    /// Lets `good` reads through.
    pub fn new(inner: S, good: u64) -> Self {
        FaultSource { inner, good: AtomicU64::new(good) }
    }
}

impl<S: Source> Source for FaultSource<S> {
    fn size(&self) -> Result<u64> {
        self.inner.size()
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        take_one(&self.good)?;
        self.inner.read_at(position, buffer)
    }
}

/// A store that fails at its `good + 1`-th operation and ever after; the failing write leaves its first half behind.
pub struct FaultStore<S> {
    inner: S,
    good: AtomicU64,
}

impl<S: Store> FaultStore<S> {
    /// Lets `good` operations through.
    pub fn new(inner: S, good: u64) -> Self {
        FaultStore { inner, good: AtomicU64::new(good) }
    }
}

impl<S: Store> Store for FaultStore<S> {
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        match take_one(&self.good) {
            Ok(()) => self.inner.write_at(position, bytes),
            Err(e) => {
                self.inner.write_at(position, &bytes[..bytes.len() / 2])?;
                Err(e)
            }
        }
    }

    fn read_back(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        self.inner.read_back(position, buffer)
    }

    fn sync(&self) -> Result<()> {
        take_one(&self.good)?;
        self.inner.sync()
    }
}

fn take_one(left: &AtomicU64) -> Result<()> {
    let taken = left.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1));
    taken.map(drop).map_err(|_| Error::new(ErrorKind::Io, "injected fault"))
}
