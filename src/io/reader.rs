//! The file as the structures see it: addresses instead of positions, and nothing outside the file.

use super::{ChunkCache, Neighbours, PatchedSource, Source, cache, cache::PageCache};
use crate::bytes::{Address, Ctx, Limits, Widths, zeroed};
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::ops::{Deref, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Reads one file by address. Cheap to clone; clones share the pages and burn the same fuel.
#[derive(Clone)]
pub(crate) struct Reader {
    shared: Arc<Shared>,
    ctx: Ctx,
    /// Whether a little raw data comes through the pages, too.
    pages_data: bool,
}

struct Shared {
    source: Arc<dyn Source>,
    /// Grows only where a writer is at work.
    size: AtomicU64,
    /// What of it no file holds: a source of several files has gaps.
    gaps: Vec<Range<u64>>,
    base: u64,
    widths: Widths,
    /// Whether a writer is at work: then nothing is kept, and what does not fit together is read again.
    live: bool,
    /// How often something may still be read again.
    retries: AtomicU64,
    pages: PageCache,
    chunks: ChunkCache,
    blocks: ChunkCache,
    neighbours: Option<Neighbours>,
    shared_messages: Vec<SharedMessages>,
}

/// What checked blocks of heaps may take.
const BLOCK_BYTES: u64 = 32 << 20;

/// How often something is read again until the file is refreshed: one that is damaged, and not just being written, shall not
/// keep its reader waiting for each of its structures.
const MOST_RETRIES: u64 = 1000;

/// A heap of messages that many objects have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SharedMessages {
    /// Bit i: messages of type i.
    pub(crate) kinds: u16,
    /// Absent while there is none.
    pub(crate) heap: Option<Address>,
}

/// Some bytes of a file: borrowed from memory, a part of a kept page, or copied together.
pub(crate) enum Block<'a> {
    Borrowed(&'a [u8]),
    Page(Arc<[u8]>, Range<usize>),
    Owned(Vec<u8>),
}

impl Block<'_> {
    /// The bytes for everybody who wants them: those of a whole page, and where they lie in it, or a copy.
    pub(crate) fn into_shared(self) -> (Arc<[u8]>, Range<usize>) {
        match self {
            Block::Borrowed(bytes) => (bytes.into(), 0..bytes.len()),
            Block::Page(page, range) => (page, range),
            Block::Owned(bytes) => {
                let range = 0..bytes.len();
                (bytes.into(), range)
            }
        }
    }
}

impl Deref for Block<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Block::Borrowed(bytes) => bytes,
            Block::Page(page, range) => &page[range.clone()],
            Block::Owned(bytes) => bytes,
        }
    }
}

impl Shared {
    fn new(source: Arc<dyn Source>, neighbours: Option<Neighbours>, limits: &Limits, size: u64, live: bool) -> Shared {
        let kept = |bytes| ChunkCache::new(if live { 0 } else { bytes });
        Shared {
            gaps: source.gaps(),
            pages: PageCache::new(source.wants_plan()),
            source,
            size: size.into(),
            base: 0,
            widths: Widths::EIGHT,
            live,
            retries: MOST_RETRIES.into(),
            chunks: kept(limits.chunk_cache_bytes),
            blocks: kept(BLOCK_BYTES),
            neighbours,
            shared_messages: Vec::new(),
        }
    }

    fn size(&self) -> u64 {
        self.size.load(Relaxed)
    }

    /// Bytes that some file holds.
    fn bytes(&self) -> u64 {
        self.gaps.iter().fold(self.size(), |n, gap| n.saturating_sub(gap.end - gap.start))
    }
}

impl Reader {
    /// Reads `source` before its superblock is known: addresses are positions, all widths 8.
    pub(crate) fn new(source: Arc<dyn Source>, limits: Limits, neighbours: Option<Neighbours>) -> Result<Reader> {
        let size = source.size()?;
        let shared = Shared::new(source, neighbours, &limits, size, false);
        let ctx = Ctx::new(limits, shared.bytes());
        Ok(Reader { shared: Arc::new(shared), ctx, pages_data: false })
    }

    /// The same source with what its superblock says; bytes from `end` on (a position) do not belong to the file.
    /// `live` says that a writer is at work on it, if it can be: one that lies in memory stays as it is.
    pub(crate) fn with_superblock(self, base: u64, end: u64, widths: Widths, live: bool) -> Reader {
        let Shared { source, neighbours, .. } = &*self.shared;
        let live = live && source.as_slice().is_none();
        let size = end.min(self.shared.size());
        let fresh = Shared::new(source.clone(), neighbours.clone(), self.limits(), size, live);
        Reader { shared: Arc::new(Shared { base, widths, ..fresh }), ..self }
    }

    /// The same file with what its superblock's extension says of shared messages.
    pub(crate) fn with_shared_messages(self, shared_messages: Vec<SharedMessages>) -> Reader {
        let Shared { base, widths, source, neighbours, live, .. } = &*self.shared;
        let fresh = Shared::new(source.clone(), neighbours.clone(), self.limits(), self.size(), *live);
        let shared = Shared { base: *base, widths: *widths, shared_messages, ..fresh };
        Reader { shared: Arc::new(shared), ..self }
    }

    /// The same file with some bytes replaced: positions, and what stands there instead.
    pub(crate) fn with_patches(self, patches: Vec<(u64, Vec<u8>)>) -> Result<Reader> {
        let Shared { base, widths, source, neighbours, live, .. } = &*self.shared;
        let source = Arc::new(PatchedSource::new(source.clone(), patches)?);
        let fresh = Shared::new(source, neighbours.clone(), self.limits(), self.size(), *live);
        Ok(Reader { shared: Arc::new(Shared { base: *base, widths: *widths, ..fresh }), ..self })
    }

    /// Where the bytes come from.
    pub(crate) fn source(&self) -> &Arc<dyn Source> {
        &self.shared.source
    }

    /// Reads something again, a bounded number of times, if a writer is at work and seems to have been caught halfway.
    pub(crate) fn settled<T>(&self, mut read: impl FnMut() -> Result<T>) -> Result<T> {
        /// As in libhdf5.
        const TRIES: u32 = 100;
        for tried in 1.. {
            let retries = &self.shared.retries;
            match read() {
                Err(e)
                    if self.shared.live
                        && e.kind() == crate::ErrorKind::Damaged
                        && tried < TRIES
                        && retries.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok() => {}
                done => return done,
            }
            #[cfg(not(target_family = "wasm"))]
            if tried > 10 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        read()
    }

    /// The same file with a full tank, for an operation of its own.
    pub(crate) fn refuelled(&self) -> Reader {
        Reader { ctx: self.ctx.refuelled(self.shared.bytes()), ..self.clone() }
    }

    /// The same file for going through all of it once: the data of small datasets, which stand beside their headers, come
    /// through the pages that those are in. Who reads the same data again, of a file that changes, wants it anew.
    pub(crate) fn with_data_in_pages(self) -> Reader {
        Reader { pages_data: true, ..self }
    }

    pub(crate) fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.ctx.limits()
    }

    /// Whether a writer is at work on the file.
    #[cfg(feature = "cli")]
    pub(crate) fn is_live(&self) -> bool {
        self.shared.live
    }

    pub(crate) fn widths(&self) -> Widths {
        self.shared.widths
    }

    /// The files beside this one that it may lead to; a file in memory has none.
    pub(crate) fn neighbours(&self) -> Option<&Neighbours> {
        self.shared.neighbours.as_ref()
    }

    /// The position of address 0.
    pub(crate) fn base(&self) -> u64 {
        self.shared.base
    }

    /// The first position that does not belong to the file.
    pub(crate) fn size(&self) -> u64 {
        self.shared.size()
    }

    /// The position of `length` bytes at `at`, if they lie in the file.
    fn position(&self, at: Address, length: u64) -> Result<u64> {
        let position = self.shared.base.checked_add(at.get());
        let end = position.and_then(|p| p.checked_add(length)).unwrap_or(u64::MAX);
        if end > self.shared.size() && self.shared.live {
            self.shared.size.fetch_max(self.shared.source.size()?, Relaxed);
        }
        let wrong = |what: String| Err(Error::damaged(format!("{length} bytes that {what}")).at(at.get()));
        if end > self.shared.size() || end == u64::MAX {
            return wrong(format!("would run past the end of the file ({})", self.shared.size()));
        }
        let start = end - length;
        if self.shared.gaps.iter().any(|gap| gap.start < end && start < gap.end) {
            return wrong("are in none of the files that this one consists of".into());
        }
        Ok(start)
    }

    /// Whether `length` bytes at `at` lie in the file.
    pub(crate) fn check_range(&self, at: Address, length: u64) -> Result<()> {
        self.position(at, length).map(drop)
    }

    /// `length` bytes of metadata. Burns as much fuel.
    pub(crate) fn metadata(&self, at: Address, length: u64) -> Result<Block<'_>> {
        let position = self.position(at, length)?;
        self.ctx.burn(length)?;
        self.block(position, length)
    }

    /// At most `length` bytes of metadata, less where the file ends before: for structures that tell their own size.
    pub(crate) fn metadata_up_to(&self, at: Address, length: u64) -> Result<Block<'_>> {
        let start = self.position(at, 0)?;
        let end = self.shared.gaps.iter().map(|g| g.start).filter(|&g| g >= start).fold(self.size(), u64::min);
        self.metadata(at, length.min(end - start))
    }

    fn block(&self, position: u64, length: u64) -> Result<Block<'_>> {
        let Shared { source, pages, live, .. } = &*self.shared;
        let size = self.shared.size();
        if let Some(all) = source.as_slice() {
            let bytes = all.get(position as usize..).and_then(|b| b.get(..length as usize));
            return bytes.map(Block::Borrowed).ok_or_else(|| super::too_short(position, length as usize, size));
        }
        if *live {
            let mut bytes = zeroed(length)?;
            source.read_at(position, &mut bytes)?;
            return Ok(Block::Owned(bytes));
        }
        let (first, within) = (position / cache::PAGE, position % cache::PAGE);
        if within + length <= cache::PAGE {
            let page = pages.page(source.as_ref(), size, first)?;
            let range = within as usize..(within + length) as usize;
            return Ok(Block::Page(page, range));
        }
        let mut bytes = zeroed(length)?;
        if length > 8 * cache::PAGE {
            source.read_at(position, &mut bytes)?;
            return Ok(Block::Owned(bytes));
        }
        let mut filled = 0;
        while filled < bytes.len() {
            let here = position + filled as u64;
            let page = pages.page(source.as_ref(), size, here / cache::PAGE)?;
            let part = &page[(here % cache::PAGE) as usize..];
            let n = part.len().min(bytes.len() - filled);
            bytes[filled..filled + n].copy_from_slice(&part[..n]);
            filled += n;
        }
        Ok(Block::Owned(bytes))
    }

    /// Fills `buffer` with raw data: a large one in pieces, by all threads.
    pub(crate) fn raw_into(&self, at: Address, buffer: &mut [u8]) -> Result<()> {
        const PIECE: usize = 4 << 20;
        let position = self.position(at, buffer.len() as u64)?;
        let source = &self.shared.source;
        if self.pages_data && buffer.len() as u64 <= cache::PAGE / 4 {
            buffer.copy_from_slice(&self.block(position, buffer.len() as u64)?);
            return Ok(());
        }
        if buffer.len() <= 2 * PIECE {
            return source.read_at(position, buffer);
        }
        let pieces = buffer.par_chunks_mut(PIECE).enumerate();
        pieces.try_for_each(|(i, piece)| source.read_at(position + (i * PIECE) as u64, piece))
    }

    /// Raw data where it lies in a file on disk, if it does: the file, and the position there.
    pub(crate) fn raw_file(&self, at: Address, length: u64) -> Result<Option<(&std::fs::File, u64)>> {
        let position = self.position(at, length)?;
        Ok(self.shared.source.as_file().map(|file| (file, position)))
    }

    /// Raw data where it lies in memory, if it does.
    pub(crate) fn raw_slice(&self, at: Address, length: u64) -> Result<Option<&[u8]>> {
        let position = self.position(at, length)? as usize;
        Ok(self.shared.source.as_slice().and_then(|all| all.get(position..position + length as usize)))
    }

    /// The heap that shares messages of this type.
    pub(crate) fn shared_messages(&self, kind: u16) -> Option<Address> {
        let of_kind = |s: &&SharedMessages| kind < 16 && s.kinds >> kind & 1 == 1;
        self.shared.shared_messages.iter().find(of_kind)?.heap
    }

    /// Blocks of heaps that have been checked, by the heap's address and something that is theirs in it.
    pub(crate) fn blocks(&self) -> &ChunkCache {
        &self.shared.blocks
    }

    /// The decoded chunks that are kept.
    pub(crate) fn chunks(&self) -> &ChunkCache {
        &self.shared.chunks
    }

    /// Whether [`announce`](Reader::announce) is of use.
    pub(crate) fn wants_plan(&self) -> bool {
        self.shared.source.wants_plan()
    }

    /// Tells the source all ranges, an address and a length each, that are going to be read.
    pub(crate) fn announce(&self, plan: &[(Address, u64)]) -> Result<()> {
        let mut ranges = plan
            .iter()
            .map(|&(at, length)| self.position(at, length).map(|p| p..p + length))
            .collect::<Result<Vec<_>>>()?;
        ranges.sort_unstable_by_key(|r| r.start);
        self.shared.source.announce(&ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{FaultSource, MemorySource};
    use std::cell::Cell;

    fn live() -> Reader {
        // One whose bytes do not lie in memory, as far as it says.
        let source = FaultSource::new(MemorySource::new(vec![0; 64]), u64::MAX);
        let reader = Reader::new(Arc::new(source), Limits::default(), None).unwrap();
        reader.with_superblock(0, 64, Widths::EIGHT, true)
    }

    #[test]
    fn what_a_writer_is_halfway_through_is_read_again_but_not_for_ever() {
        let reader = live();
        let tried = Cell::new(0);
        let after = |good: u32| {
            tried.set(0);
            reader.settled(|| {
                tried.set(tried.get() + 1);
                if tried.get() > good { Ok(tried.get()) } else { Err(Error::damaged("torn")) }
            })
        };
        assert_eq!(after(0).unwrap(), 1);
        assert_eq!(after(5).unwrap(), 6);
        assert!(after(1000).is_err());
        assert_eq!(tried.get(), 100);
        // Other errors do not pass by waiting.
        tried.set(0);
        let refused: Result<()> = reader.settled(|| {
            tried.set(tried.get() + 1);
            Err(Error::unsupported("something"))
        });
        assert!(refused.is_err() && tried.get() == 1);
        // All of it has an end, too.
        let mut all = 0;
        for _ in 0..100 {
            assert!(after(1000).is_err());
            all += tried.get();
        }
        assert!(all < 1200, "{all}");
    }
}
