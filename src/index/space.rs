//! Room in a file that is written: handed out from its end, and written in large pieces. Chunks that are written anew give
//! theirs back, for other chunks; in a file that is edited, room that nobody needs any more is used first.
//!
//! What is written right behind what was written before waits in memory until there is enough of it for one write.
//! Anything else goes to its place at once. Gaps that nobody writes are zeros.

use super::reuse::{Ranges, Reuse};
use crate::bytes::{Address, Widths};
use crate::error::{Error, Result};
use crate::format::superblock::NodeRanks;
use crate::io::Store;
use std::sync::Arc;

/// Where metadata begins: at multiples of this.
pub(crate) const METADATA: u64 = 8;

/// Bytes that are gathered for one write.
const BATCH: usize = 1 << 20;

/// Pieces of this size are not worth gathering: copying them costs more than another write.
pub(crate) const LARGE: usize = 1 << 20;

/// The space of a file that is being written from its beginning to its end.
pub(crate) struct Space {
    store: Arc<dyn Store>,
    /// Where address 0 is in the store.
    base: u64,
    end: u64,
    /// How wide addresses and lengths are in this file.
    widths: Widths,
    /// Half of the children of a node of this file's version 1 B-trees of chunks.
    chunk_rank: u16,
    /// The size of the pages that room is handed out in, if it is: what is smaller stays within one, what is larger
    /// begins with one.
    page: Option<u64>,
    /// Written, but still here; it belongs at `waiting_at`.
    waiting: Vec<u8>,
    waiting_at: u64,
    /// Behind it nothing was ever written.
    written_to: u64,
    /// Room that was given back and that nobody has seen.
    holes: Ranges,
    /// Of a file that is edited.
    reuse: Option<Box<Reuse>>,
    broken: bool,
}

impl Space {
    /// A file whose first `reserved` bytes are written by somebody else, at the end.
    pub(crate) fn new(store: Arc<dyn Store>, reserved: u64) -> Space {
        Space {
            store,
            base: 0,
            end: reserved,
            widths: Widths::EIGHT,
            chunk_rank: NodeRanks::DEFAULT.chunk,
            page: None,
            waiting: Vec::new(),
            waiting_at: reserved,
            written_to: 0,
            holes: Ranges::default(),
            reuse: None,
            broken: false,
        }
    }

    /// The same behind `base` bytes that do not belong to the file's addresses.
    pub(crate) fn behind(self, base: u64) -> Space {
        Space { base, ..self }
    }

    /// Where address 0 is in the store.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// The same space, of a file whose addresses and lengths have other widths.
    pub(crate) fn with_widths(self, widths: Widths) -> Space {
        Space { widths, ..self }
    }

    /// How wide addresses and lengths are in this file.
    pub(crate) fn widths(&self) -> Widths {
        self.widths
    }

    /// The same space, of a file whose version 1 B-trees of chunks have nodes of another size.
    pub(crate) fn with_chunk_rank(self, chunk_rank: u16) -> Space {
        Space { chunk_rank, ..self }
    }

    /// Half of the children of a node of this file's version 1 B-trees of chunks.
    pub(crate) fn chunk_rank(&self) -> u16 {
        self.chunk_rank
    }

    /// The same space, handed out in pages.
    pub(crate) fn in_pages(self, page: Option<u64>) -> Space {
        Space { page, ..self }
    }

    /// The same space, of a file that is edited.
    pub(crate) fn reusing(self, reuse: Reuse) -> Space {
        Space { reuse: Some(Box::new(reuse)), ..self }
    }

    /// What became of the room of an edited file; what was given back of what nobody has seen is spare.
    pub(crate) fn take_reuse(&mut self) -> Reuse {
        let mut reuse = self.reuse.take().map(|r| *r).unwrap_or_default();
        reuse.spare.extend(std::mem::take(&mut self.holes));
        reuse
    }

    /// Does something, and tells which room was handed out for it; that of chunks is not counted.
    pub(crate) fn owned<R>(&mut self, work: impl FnOnce(&mut Space) -> Result<R>) -> Result<(R, Vec<(u64, u64)>)> {
        self.watch();
        let done = work(self);
        let handed_out = self.watched();
        Ok((done?, handed_out))
    }

    /// From now on it is noted which room of an edited file is handed out, but for chunks.
    pub(crate) fn watch(&mut self) {
        if let Some(reuse) = &mut self.reuse {
            reuse.handed_out = Some(Vec::new());
        }
    }

    /// What was noted.
    pub(crate) fn watched(&mut self) -> Vec<(u64, u64)> {
        self.reuse.as_mut().and_then(|r| r.handed_out.take()).unwrap_or_default()
    }

    /// Whether it matters what is given back of what the last commit of an edited file has.
    pub(crate) fn asks_for_old(&self) -> bool {
        self.reuse.as_ref().is_some_and(|r| r.asks_for_old())
    }

    /// Whether a write failed: the file is then not what it should be, and never will.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// The first address that nobody has.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Hands out `bytes` bytes at a multiple of `alignment`.
    pub(crate) fn allocate(&mut self, bytes: u64, alignment: u64) -> Result<Address> {
        if let Some(at) = self.reused(bytes, alignment) {
            // What of it nobody writes must be zeros.
            let zeros = vec![0; bytes.min(LARGE as u64) as usize];
            for done in (0..bytes).step_by(LARGE) {
                self.put(at.get() + done, &zeros[..(bytes - done).min(LARGE as u64) as usize])?;
            }
            return Ok(self.noted(at, bytes));
        }
        let at = self.at_the_end(bytes, alignment)?;
        Ok(self.noted(at, bytes))
    }

    /// Room that nobody needs any more.
    fn reused(&mut self, bytes: u64, alignment: u64) -> Option<Address> {
        self.reuse.as_mut()?.take(bytes, alignment, self.page).map(Address)
    }

    /// Remembers what was handed out.
    fn noted(&mut self, at: Address, bytes: u64) -> Address {
        if let Some(handed_out) = self.reuse.as_mut().and_then(|r| r.handed_out.as_mut()) {
            handed_out.push((at.get(), bytes));
        }
        at
    }

    fn at_the_end(&mut self, bytes: u64, alignment: u64) -> Result<Address> {
        let full = || Error::limit(format!("{bytes} more bytes in a file of {}", self.end));
        let mut start = self.end.checked_next_multiple_of(alignment);
        if let (Some(page), Some(s)) = (self.page, start)
            && s % page + bytes > page
        {
            start = s.checked_next_multiple_of(page);
        }
        // Positions are signed in operating systems.
        let end = start.and_then(|s| s.checked_add(bytes)?.checked_add(self.base));
        let (Some(start), Some(end)) = (start, end.filter(|&e| e <= i64::MAX as u64)) else {
            return Err(full());
        };
        if end - self.base > self.widths.most_address() {
            let message = format!(
                "{bytes} more bytes in a file of {} whose addresses have {} bytes",
                self.end, self.widths.offset
            );
            return Err(Error::limit(message));
        }
        self.end = end - self.base;
        Ok(Address(start))
    }

    /// Allocates room for `bytes` and writes them.
    pub(crate) fn append(&mut self, bytes: &[u8], alignment: u64) -> Result<Address> {
        let wanted = bytes.len() as u64;
        let at = self.reused(wanted, alignment).map_or_else(|| self.at_the_end(wanted, alignment), Ok)?;
        self.write(at, bytes)?;
        Ok(self.noted(at, wanted))
    }

    /// As [`append`](Space::append), for chunks: in room that was given back, where some is large enough.
    pub(crate) fn append_reusing(&mut self, bytes: &[u8]) -> Result<Address> {
        let wanted = bytes.len() as u64;
        let hole = if wanted > 0 { self.holes.take(wanted, |position, _| Some(position)).map(Address) } else { None };
        let at = match hole.or_else(|| self.reused(wanted, 1)) {
            Some(at) => at,
            None => self.at_the_end(wanted, 1)?,
        };
        self.write(at, bytes)?;
        Ok(at)
    }

    /// As [`append`](Space::append), bytes of a file, one behind the other; `None` where the store cannot copy them.
    pub(crate) fn append_from(&mut self, file: &std::fs::File, from: u64, length: u64) -> Result<Option<Address>> {
        self.flush()?;
        let end = self.end;
        let at = self.at_the_end(length, 1)?;
        let copied = self.store.copy_at(self.base + at.get(), file, from, length);
        self.broken |= copied.is_err();
        if !copied? {
            self.end = end;
            return Ok(None);
        }
        self.waiting_at = at.get() + length;
        self.written_to = self.written_to.max(self.waiting_at);
        Ok(Some(self.noted(at, length)))
    }

    /// Takes room back. What readers of the last commit need is used again when they are gone; what was there before the
    /// file was edited is only counted.
    pub(crate) fn free(&mut self, at: Address, length: u64) {
        // In a further part of a split file, where nothing of this is.
        if at.get() >= self.end {
            return;
        }
        match &mut self.reuse {
            Some(reuse) if !reuse.is_new(at) => reuse.retire(at, length),
            _ => self.holes.add(at.get(), length),
        }
    }

    /// Reads what was written at `at`.
    pub(crate) fn read(&mut self, at: Address, buffer: &mut [u8]) -> Result<()> {
        if at.get() < self.waiting_at + self.waiting.len() as u64 && at.get() + buffer.len() as u64 > self.waiting_at {
            self.flush()?;
        }
        self.store.read_back(self.base + at.get(), buffer)
    }

    /// Writes to room that was allocated.
    pub(crate) fn write(&mut self, at: Address, bytes: &[u8]) -> Result<()> {
        let position = at.get();
        let mut waiting_end = self.waiting_at + self.waiting.len() as u64;
        if position < waiting_end && position + bytes.len() as u64 > self.waiting_at {
            // Written again: what waits must not come after it.
            self.flush()?;
            waiting_end = self.waiting_at;
        }
        // A gap may be one that somebody has filled.
        let fits = |gap: &u64| *gap == 0 || (*gap < METADATA && self.written_to <= waiting_end);
        let gap = position.checked_sub(waiting_end).filter(fits);
        if gap.is_none() {
            if position + (bytes.len() as u64) < self.end {
                // Not the end of the file, so the next piece will hardly follow it.
                return self.put(position, bytes);
            }
            self.flush()?;
            self.waiting_at = position;
        } else {
            let padded = self.waiting.len() + gap.unwrap_or(0) as usize;
            self.waiting.resize(padded, 0);
        }
        if bytes.len() >= LARGE {
            self.flush()?;
            self.put(position, bytes)?;
            self.waiting_at = position + bytes.len() as u64;
            return Ok(());
        }
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= BATCH {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if !self.waiting.is_empty() {
            let mut waiting = std::mem::take(&mut self.waiting);
            self.put(self.waiting_at, &waiting)?;
            self.waiting_at += waiting.len() as u64;
            waiting.clear();
            self.waiting = waiting;
        }
        Ok(())
    }

    fn put(&mut self, position: u64, bytes: &[u8]) -> Result<()> {
        let written = self.store.write_at(self.base + position, bytes);
        self.broken |= written.is_err();
        self.written_to = self.written_to.max(position + bytes.len() as u64);
        written
    }

    /// The store; something may still wait for it.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The store, after everything that waits is in it.
    pub(crate) fn into_store(mut self) -> Result<Arc<dyn Store>> {
        self.flush()?;
        Ok(self.store)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::MemoryStore;
    use std::sync::Mutex;

    /// Remembers the place and size of each write.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<(u64, usize)>>>, MemoryStore);

    impl Store for Writes {
        fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
            self.0.lock().unwrap().push((position, bytes.len()));
            self.1.write_at(position, bytes)
        }

        fn sync(&self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_gap_that_was_filled_before_is_not_filled_with_zeros() {
        let store = MemoryStore::default();
        let mut space = Space::new(Arc::new(store.clone()), 0);
        let at = space.allocate(100, METADATA).unwrap();
        space.write(at.plus(16).unwrap(), &[7, 7]).unwrap();
        space.write(at, &[1; 14]).unwrap();
        space.write(at.plus(20).unwrap(), &[2, 2]).unwrap();
        space.flush().unwrap();
        let expected = [&[1; 14][..], &[0, 0, 7, 7, 0, 0, 2, 2]].concat();
        assert_eq!(store.bytes()[..22], expected);
    }

    #[test]
    fn neighbours_are_written_together() {
        let writes = Writes::default();
        let mut space = Space::new(Arc::new(writes.clone()), 48);
        assert_eq!(space.append(b"abc", 1).unwrap(), Address(48));
        assert_eq!(space.append(b"def", METADATA).unwrap(), Address(56));
        assert_eq!(space.append(b"ghi", 1).unwrap(), Address(59));
        space.into_store().unwrap();
        assert_eq!(*writes.0.lock().unwrap(), [(48, 14)]);
        assert_eq!(&writes.1.bytes()[48..], b"abc\0\0\0\0\0defghi");
    }

    #[test]
    fn room_may_be_filled_later_and_in_any_order() {
        let writes = Writes::default();
        let mut space = Space::new(Arc::new(writes.clone()), 48);
        let early = space.allocate(2 * LARGE as u64, 8).unwrap();
        space.append(&[1; 10], 1).unwrap();
        let late = space.allocate(20, 1).unwrap();
        space.write(Address(early.get() + 100), &vec![2; LARGE]).unwrap();
        space.append(&[3; 10], 1).unwrap();
        space.write(late, &[4; 20]).unwrap();
        space.write(early, &[5; 100]).unwrap();
        let end = space.end();
        space.into_store().unwrap();
        let bytes = writes.1.bytes();
        assert_eq!(bytes.len() as u64, end);
        let mut expected = vec![0; 48];
        expected.extend([5; 100]);
        expected.extend(vec![2; LARGE]);
        expected.resize(48 + 2 * LARGE, 0);
        expected.extend([1; 10]);
        expected.extend([4; 20]);
        expected.extend([3; 10]);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn addresses_count_from_the_base() {
        let store = MemoryStore::default();
        let mut space = Space::new(Arc::new(store.clone()), 48).behind(512);
        assert_eq!(space.append(b"abc", 8).unwrap(), Address(48));
        assert_eq!((space.end(), space.base()), (51, 512));
        space.into_store().unwrap();
        assert_eq!(&store.bytes()[512 + 48..], b"abc");
    }

    #[test]
    fn what_is_written_again_replaces_what_waits_and_is_read_again() {
        let store = MemoryStore::default();
        let mut space = Space::new(Arc::new(store.clone()), 48);
        let first = space.append(b"abcdef", 1).unwrap();
        space.append(b"ghi", 1).unwrap();
        space.write(first.plus(2).unwrap(), b"XY").unwrap();
        space.append(b"jkl", 1).unwrap();
        let mut back = [0; 14];
        space.read(first, &mut back).unwrap();
        assert_eq!(&back, b"abXYefghijkl\0\0");
        space.into_store().unwrap();
        assert_eq!(&store.bytes()[48..], b"abXYefghijkl");
    }

    #[test]
    fn room_that_was_given_back_is_used_where_it_fits_best() {
        let store = MemoryStore::default();
        let mut space = Space::new(Arc::new(store.clone()), 48);
        let at: Vec<Address> = (0..5).map(|i| space.append(&[i; 10], 1).unwrap()).collect();
        space.free(at[0], 10);
        space.free(at[2], 10);
        space.free(at[3], 10);
        assert_eq!(space.append_reusing(&[7; 12]).unwrap(), at[2]);
        assert_eq!(space.append_reusing(&[8; 8]).unwrap().get(), at[2].get() + 12);
        assert_eq!(space.append_reusing(&[9; 10]).unwrap(), at[0]);
        assert_eq!(space.append_reusing(&[6; 10]).unwrap().get(), at[4].get() + 10);
        space.into_store().unwrap();
        let expected = [[9; 10].to_vec(), vec![1; 10], vec![7; 12], vec![8; 8], vec![4; 10], vec![6; 10]].concat();
        assert_eq!(store.bytes()[48..], expected);
    }

    #[test]
    fn a_file_beyond_what_systems_can_address_is_a_limit() {
        let mut space = Space::new(Arc::new(MemoryStore::default()), 48);
        let error = space.allocate(u64::MAX - 10, 8).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Limit);
        assert_eq!(space.allocate(1, 8).unwrap(), Address(48));
    }
}
