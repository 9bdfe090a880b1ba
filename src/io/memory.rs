//! A file that lies in memory.

use super::{Device, Source, Store, too_short};
use crate::error::Result;
use std::sync::{Arc, Mutex, PoisonError};

/// A file's bytes in memory.
pub struct MemorySource(Arc<[u8]>);

impl MemorySource {
    /// The file whose bytes are `bytes`.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        MemorySource(bytes.into())
    }
}

impl Source for MemorySource {
    fn size(&self) -> Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        let from = usize::try_from(position).ok();
        let bytes = from.and_then(|p| self.0.get(p..)?.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or_else(|| too_short(position, buffer.len(), self.0.len() as u64))?);
        Ok(())
    }

    fn as_slice(&self) -> Option<&[u8]> {
        Some(&self.0)
    }
}

/// A file being written in memory; clones share the bytes.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Mutex<Vec<u8>>>);

impl MemoryStore {
    /// A file that holds `bytes` already.
    pub fn holding(bytes: Vec<u8>) -> Self {
        MemoryStore(Arc::new(Mutex::new(bytes)))
    }

    /// The bytes written so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Store for MemoryStore {
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = position as usize;
        let to = from + bytes.len();
        if all.len() < to {
            all.resize(to, 0);
        }
        all[from..to].copy_from_slice(bytes);
        Ok(())
    }

    fn read_back(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let there = usize::try_from(position).ok().and_then(|p| all.get(p..)).unwrap_or_default();
        let there = &there[..there.len().min(buffer.len())];
        let (start, rest) = buffer.split_at_mut(there.len());
        start.copy_from_slice(there);
        rest.fill(0);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

impl Source for MemoryStore {
    fn size(&self) -> Result<u64> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = usize::try_from(position).ok();
        let bytes = from.and_then(|p| all.get(p..)?.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or_else(|| too_short(position, buffer.len(), all.len() as u64))?);
        Ok(())
    }
}

impl Device for MemoryStore {
    fn resize(&self, size: u64) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).resize(size as usize, 0);
        Ok(())
    }
}
