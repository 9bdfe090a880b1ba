//! What keeps a hostile file from taking the process down: limits with names, and fuel.
//!
//! Every byte of metadata that is parsed burns one unit of fuel. A file's structures are each needed about once, so an
//! operation that has burnt many times the file's size walks in circles, whatever trick leads it there. Fuel is counted,
//! not timed: the same file fails at the same place on every machine.

use crate::error::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The bounds inside which a file is read. Every error of kind [`Limit`](crate::ErrorKind::Limit) names one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most bytes that one call may return (a whole dataset at once). Default 4 GiB.
    pub max_read_bytes: u64,
    /// The most bytes of one chunk, decoded. Default 1 GiB.
    pub max_chunk_bytes: u64,
    /// The most bytes of variable-length data that one call may return. Default 1 GiB.
    pub max_vlen_bytes: u64,
    /// The most objects that a walk visits. Default 10 million.
    pub max_objects: u64,
    /// The deepest nesting of groups that a walk follows. Default 1,024.
    pub max_depth: usize,
    /// The most bytes of one object header with all its continuations. Default 64 MiB.
    pub max_header_bytes: u64,
    /// Decoded chunks that a file keeps for who reads parts of them, in bytes. Default 64 MiB.
    pub chunk_cache_bytes: u64,
}

/// Positions behind a user block where a superblock is looked for: 512 to 16 MiB.
pub(crate) const MAX_PROBES: u32 = 16;

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_read_bytes: 4 << 30,
            max_chunk_bytes: 1 << 30,
            max_vlen_bytes: 1 << 30,
            max_objects: 10_000_000,
            max_depth: 1024,
            max_header_bytes: 64 << 20,
            chunk_cache_bytes: 64 << 20,
        }
    }
}

impl Limits {
    /// Narrow bounds for files from strangers.
    pub fn untrusted() -> Self {
        Limits {
            max_read_bytes: 256 << 20,
            max_chunk_bytes: 64 << 20,
            max_vlen_bytes: 64 << 20,
            max_objects: 1_000_000,
            max_depth: 128,
            max_header_bytes: 16 << 20,
            chunk_cache_bytes: 16 << 20,
        }
    }

    /// The deepest recursion anywhere: nested datatypes, B-trees.
    pub(crate) const MAX_NESTING: usize = 64;

    /// The most soft links that the resolution of one path follows, as in libhdf5.
    pub(crate) const MAX_LINK_HOPS: usize = 16;

    /// The most components that the resolution of one path takes, those of soft links included.
    pub(crate) const MAX_COMPONENTS: usize = 10_000;
}

/// How much metadata an operation may still parse.
#[derive(Debug)]
pub(crate) struct Fuel {
    left: AtomicU64,
    full: u64,
}

impl Fuel {
    /// Enough for any honest operation on a file of `size` bytes.
    pub(crate) fn for_file(size: u64) -> Fuel {
        let full = size.saturating_mul(16).saturating_add(16 << 20);
        Fuel { left: full.into(), full }
    }

    pub(crate) fn burn(&self, units: u64) -> Result<()> {
        // A wrapped-around tank would be full: stop at the first failure, and never subtract below zero.
        self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(units)).map(drop).map_err(|_| {
            Error::limit(
                "fuel: the file's structures lead in circles or repeat without end (16 times its size was parsed)",
            )
        })
    }
}

/// The limits and the fuel of one operation; cloned into every handle that the operation makes.
#[derive(Clone, Debug)]
pub(crate) struct Ctx {
    limits: Arc<Limits>,
    fuel: Arc<Fuel>,
}

impl Ctx {
    pub(crate) fn new(limits: Limits, file_size: u64) -> Ctx {
        Ctx { limits: Arc::new(limits), fuel: Arc::new(Fuel::for_file(file_size)) }
    }

    /// The same limits with a full tank, for an operation of its own.
    pub(crate) fn refuelled(&self, file_size: u64) -> Ctx {
        Ctx { limits: self.limits.clone(), fuel: Arc::new(Fuel::for_file(file_size)) }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn burn(&self, units: u64) -> Result<()> {
        self.fuel.burn(units)
    }

    /// Whether the tank is at least half full.
    pub(crate) fn is_well_fuelled(&self) -> bool {
        self.fuel.left.load(Relaxed) >= self.fuel.full / 2
    }

    /// A zeroed buffer for `bytes` bytes that one call returns.
    pub(crate) fn result_buffer(&self, bytes: u64) -> Result<Vec<u8>> {
        self.check_result(bytes)?;
        zeroed(bytes)
    }

    /// Refuses a result that is too large for one call, or for the machine.
    pub(crate) fn check_result(&self, bytes: u64) -> Result<()> {
        if bytes > self.limits.max_read_bytes {
            return Err(Error::limit(format!(
                "max_read_bytes: {bytes} bytes in one call, allowed are {}; select a part",
                self.limits.max_read_bytes
            )));
        }
        zeroed(bytes).map(drop)
    }

    /// A zeroed buffer for one decoded chunk.
    pub(crate) fn check_chunk(&self, bytes: u64) -> Result<usize> {
        match usize::try_from(bytes) {
            Ok(n) if bytes <= self.limits.max_chunk_bytes => Ok(n),
            _ => Err(Error::limit(format!(
                "max_chunk_bytes: a chunk of {bytes} bytes, allowed are {}",
                self.limits.max_chunk_bytes
            ))),
        }
    }
}

/// A zeroed buffer, or an error where the machine has no such memory.
pub(crate) fn zeroed(bytes: u64) -> Result<Vec<u8>> {
    let refuse = || Error::limit(format!("memory: no room for {bytes} bytes"));
    let n = usize::try_from(bytes).map_err(|_| refuse())?;
    // `vec![0; n]` asks for zeroed pages, which cost nothing until touched, but aborts when there are none. So ask first;
    // without the black box an optimizer sees that the answer is not used, and leaves the question out.
    let mut probe = Vec::<u8>::new();
    probe.try_reserve_exact(n).map_err(|_| refuse())?;
    std::hint::black_box(&probe);
    drop(probe);
    Ok(vec![0; n])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn an_empty_tank_stays_empty() {
        let fuel = Fuel::for_file(0);
        assert!(fuel.burn(16 << 20).is_ok());
        assert_eq!(fuel.burn(1).unwrap_err().kind(), ErrorKind::Limit);
        assert_eq!(fuel.burn(u64::MAX).unwrap_err().kind(), ErrorKind::Limit);
    }

    #[test]
    fn memory_that_is_not_there_is_an_error_and_not_an_abort() {
        assert_eq!(zeroed(1 << 62).unwrap_err().kind(), ErrorKind::Limit);
    }
}
