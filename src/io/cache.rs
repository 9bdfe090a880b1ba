//! Pages of a source, kept by a budget of bytes.
//!
//! Two generations instead of a list: what is asked for lies in `young`; when that has filled half the budget it
//! becomes `old`, and the pages nobody asked for since are dropped. Look-up and eviction cost O(1).

use super::{Budget, Source};
use crate::error::Result;
use foldhash::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a page: one request fetches the structures that stand together, as libhdf5 places them.
pub(super) const PAGE: u64 = 16 << 10;

/// Half the budget of all shards together: at first, and when it has proved too little.
const LEAST: u64 = 2 << 20;
const MOST: u64 = 8 << 20;
const SHARDS: usize = 8;

struct Shard {
    young: Pages,
    old: Pages,
    budget: Budget,
}

type Pages = HashMap<u64, Arc<[u8]>>;

/// The pages of one source.
pub(super) struct PageCache {
    shards: [Mutex<Shard>; SHARDS],
}

impl PageCache {
    /// For a source from which it is `slow` to read again, or not.
    pub(super) fn new(slow: bool) -> PageCache {
        let least = if slow { MOST } else { LEAST };
        let budget = || Budget::new(least / SHARDS as u64, MOST / SHARDS as u64);
        let shard = |_| Mutex::new(Shard { young: Pages::default(), old: Pages::default(), budget: budget() });
        PageCache { shards: std::array::from_fn(shard) }
    }

    /// The bytes of page `number`; the last page of a source of `size` bytes is shorter.
    pub(super) fn page(&self, source: &dyn Source, size: u64, number: u64) -> Result<Arc<[u8]>> {
        let shard = &self.shards[number as usize % SHARDS];
        let known = |shard: &mut Shard| {
            if let Some(page) = shard.young.get(&number) {
                return Some(page.clone());
            }
            let page = shard.old.remove(&number)?;
            shard.young.insert(number, page.clone());
            Some(page)
        };
        if let Some(page) = known(&mut shard.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(page);
        }
        // Fetched without the lock: two threads may fetch the same page, which costs time and nothing else.
        let position = number * PAGE;
        let mut page: Arc<[u8]> = std::iter::repeat_n(0, size.saturating_sub(position).min(PAGE) as usize).collect();
        if let Some(bytes) = Arc::get_mut(&mut page) {
            source.read_at(position, bytes)?;
        }
        shard.lock().unwrap_or_else(PoisonError::into_inner).insert(number, page.clone());
        Ok(page)
    }
}

impl Shard {
    fn insert(&mut self, number: u64, page: Arc<[u8]>) {
        self.budget.read(number, PAGE);
        self.young.insert(number, page);
        if self.budget.is_exceeded_by(self.young.len() as u64 * PAGE) {
            let dropped = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.budget.dropped(dropped.into_keys());
        }
    }
}

/// Decoded chunks of a file's datasets, kept by a budget of bytes for who reads parts of them: two generations, too.
pub(crate) struct ChunkCache {
    shards: [Mutex<ChunkShard>; SHARDS],
    budget: usize,
}

/// A dataset (the address of its header), and the number of a chunk.
pub(crate) type ChunkKey = (u64, u64);

#[derive(Default)]
struct ChunkShard {
    young: HashMap<ChunkKey, Arc<Vec<u8>>>,
    young_bytes: usize,
    old: HashMap<ChunkKey, Arc<Vec<u8>>>,
}

impl ChunkCache {
    /// Keeps at most `budget` bytes.
    pub(super) fn new(budget: u64) -> ChunkCache {
        ChunkCache { shards: Default::default(), budget: usize::try_from(budget).unwrap_or(usize::MAX) }
    }

    /// Whether chunks of so many bytes are kept.
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        bytes <= self.budget / (2 * SHARDS)
    }

    fn shard(&self, key: ChunkKey) -> std::sync::MutexGuard<'_, ChunkShard> {
        self.shards[(key.0 ^ key.1) as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, key: ChunkKey) -> Option<Arc<Vec<u8>>> {
        let mut shard = self.shard(key);
        if let Some(chunk) = shard.young.get(&key) {
            return Some(chunk.clone());
        }
        let chunk = shard.old.remove(&key)?;
        shard.insert(key, chunk.clone(), self.budget);
        Some(chunk)
    }

    pub(crate) fn insert(&self, key: ChunkKey, chunk: Arc<Vec<u8>>) {
        if self.fits(chunk.len()) {
            self.shard(key).insert(key, chunk, self.budget);
        }
    }
}

impl ChunkShard {
    /// A generation ends when it has filled its share.
    fn insert(&mut self, key: ChunkKey, chunk: Arc<Vec<u8>>, budget: usize) {
        self.young_bytes += chunk.len();
        if self.young_bytes > budget / (2 * SHARDS) {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = chunk.len();
        }
        self.young.insert(key, chunk);
    }
}
