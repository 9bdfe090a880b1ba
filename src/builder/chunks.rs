//! The chunks of a dataset that is being written: cut from rows, filtered in parallel, stored in order, indexed.

use super::chunking::Chunking;
use super::session::{Open, Session};
use crate::error::{Error, Result};
use crate::filters::{Pipeline, Scratch};
use crate::format::message::filter_pipeline::FilterInfo;
use crate::format::message::layout::{ChunkIndex, Chunked, Layout};
use crate::index::btree1_build::{self, PlacedChunk};
use crate::index::space::Space;
use rayon::prelude::*;
use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;

/// Bytes of chunks that are filtered before the first of them is written.
const BATCH: usize = 8 << 20;

/// A thread's buffer that has grown beyond this is not kept.
const MOST_KEPT: usize = 32 << 20;

/// How rows become chunks, and the chunks that are stored.
pub(super) struct Chunks {
    pub(super) chunking: Chunking,
    pipeline: Pipeline,
    placed: Placed,
}

/// The chunks that are stored.
#[derive(Default)]
struct Placed {
    chunks: Vec<PlacedChunk>,
    /// Once chunks came out of order: the numbers of all of them.
    numbers: Option<HashSet<u64>>,
}

/// A chunk that is ready to be stored: its bytes, and the filters that it skipped.
type Ready = (Vec<u8>, u32);

thread_local! {
    /// What a thread keeps from chunk to chunk.
    static KEPT: RefCell<(Scratch, Vec<u8>)> = RefCell::default();
}

impl Chunks {
    pub(super) fn new(chunking: Chunking, filters: &[FilterInfo]) -> Result<Chunks> {
        Ok(Chunks { chunking, pipeline: Pipeline::new(filters), placed: Placed::default() })
    }

    /// Stores `rows` rows that begin with row `first`, the first of a chunk.
    pub(super) fn store(&mut self, session: &Session, bytes: &[u8], rows: u64, first: u64) -> Result<()> {
        let block = Block {
            chunking: &self.chunking,
            pipeline: &self.pipeline,
            bytes,
            rows,
            first_number: first / self.chunking.rows() * self.chunking.in_a_row(),
        };
        block.store(session, &mut self.placed)
    }

    /// The number of the chunk that begins at `offset`, if one that is filtered already can be stored there.
    pub(super) fn check_filtered(&mut self, offset: &[u64], raw: &[u8], mask: u32) -> Result<u64> {
        let Chunking { chunk, chunk_bytes, .. } = &self.chunking;
        if self.pipeline.skips_all(mask) && raw.len() != *chunk_bytes {
            let raw = raw.len();
            return Err(Error::mismatch(format!("a chunk of {raw} bytes without filters: chunks have {chunk_bytes}")));
        }
        let number = self
            .chunking
            .number_at(offset)
            .ok_or_else(|| Error::mismatch(format!("no chunk begins at {offset:?}; chunks have shape {chunk:?}")))?;
        stored_size(raw)?;
        self.placed.check_free(number, offset)?;
        Ok(number)
    }

    /// Stores a chunk that is filtered already, and that was checked.
    pub(super) fn store_filtered(&mut self, session: &Session, number: u64, raw: &[u8], mask: u32) -> Result<()> {
        let address = session.with(|open| open.space.append(raw, 1))?;
        self.placed.push(PlacedChunk { number, address, size: stored_size(raw)?, mask });
        Ok(())
    }

    /// Writes the index, and says where the elements are.
    pub(super) fn index(&mut self, space: &mut Space, element_size: u64) -> Result<Layout> {
        let (chunks, shape) = (self.placed.sorted(), &self.chunking.chunk);
        let offset = |number| self.chunking.offset(number);
        let address = btree1_build::build(space, chunks, shape, element_size, offset)?;
        Ok(Layout::Chunked(Chunked {
            shape: shape.clone(),
            element_size,
            index: ChunkIndex::BTree1,
            address,
            plain_edges: false,
            wide_sizes: false,
        }))
    }
}

fn stored_size(chunk: &[u8]) -> Result<u32> {
    u32::try_from(chunk.len()).map_err(|_| Error::limit("a stored chunk of more than 4 GiB"))
}

impl Placed {
    /// Refuses a chunk that is stored already.
    fn check_free(&mut self, number: u64, offset: &[u64]) -> Result<()> {
        if self.chunks.last().is_none_or(|last| last.number < number) && self.numbers.is_none() {
            return Ok(());
        }
        let chunks = &self.chunks;
        let numbers = self.numbers.get_or_insert_with(|| chunks.iter().map(|c| c.number).collect());
        if numbers.contains(&number) {
            return Err(Error::conflict(format!("the chunk at {offset:?} is stored already")));
        }
        Ok(())
    }

    fn push(&mut self, chunk: PlacedChunk) {
        if let Some(numbers) = &mut self.numbers {
            numbers.insert(chunk.number);
        }
        self.chunks.push(chunk);
    }

    fn sorted(&mut self) -> &[PlacedChunk] {
        if self.numbers.is_some() {
            self.chunks.sort_unstable_by_key(|c| c.number);
        }
        &self.chunks
    }
}

/// Rows that are cut into chunks, filtered and stored.
struct Block<'a> {
    chunking: &'a Chunking,
    pipeline: &'a Pipeline,
    bytes: &'a [u8],
    rows: u64,
    /// The number of its first chunk.
    first_number: u64,
}

impl Block<'_> {
    /// Stores all chunks in their order. While one batch is written the next one is filtered.
    fn store(&self, session: &Session, placed: &mut Placed) -> Result<()> {
        let rows_of_chunks = self.rows.div_ceil(self.chunking.rows());
        let count = rows_of_chunks * self.chunking.in_a_row();
        if self.pipeline.is_empty() && self.chunking.is_whole_rows() && self.rows.is_multiple_of(self.chunking.rows()) {
            return self.store_as_it_is(session, placed, count);
        }
        let threads = rayon::current_num_threads();
        let batch = (BATCH / self.chunking.chunk_bytes.max(1)).max(threads) as u64;
        let mut from = 0;
        let mut ready = self.filter(0..batch.min(count))?;
        loop {
            let next = from + ready.len() as u64;
            let more = next..(next + batch).min(count);
            if more.is_empty() {
                return self.write(session, placed, from, ready);
            }
            let (written, filtered) = rayon::join(|| self.write(session, placed, from, ready), || self.filter(more));
            written?;
            (from, ready) = (next, filtered?);
        }
    }

    /// Chunks of whole rows without filters: the rows are the chunks, one behind the other.
    fn store_as_it_is(&self, session: &Session, placed: &mut Placed, count: u64) -> Result<()> {
        let start = session.with(|open| open.space.append(self.bytes, 1))?;
        let size = self.chunking.chunk_bytes as u64;
        for i in 0..count {
            placed.push(PlacedChunk {
                number: self.first_number + i,
                address: start.plus(i * size)?,
                size: size as u32,
                mask: 0,
            });
        }
        Ok(())
    }

    /// Cuts out and filters some chunks of the block, by number.
    fn filter(&self, numbers: Range<u64>) -> Result<Vec<Ready>> {
        let one = |number| KEPT.with_borrow_mut(|kept| self.filter_one(number, kept));
        if numbers.end - numbers.start == 1 {
            return numbers.map(one).collect();
        }
        numbers.into_par_iter().map(one).collect()
    }

    fn filter_one(&self, number: u64, (scratch, buffer): &mut (Scratch, Vec<u8>)) -> Result<Ready> {
        let run = self.chunking.cut(self.bytes, self.rows, number, buffer)?;
        if run.is_none() && self.pipeline.is_empty() {
            return Ok((std::mem::take(buffer), 0));
        }
        let ready = self.pipeline.encode(run.unwrap_or(buffer), scratch);
        if buffer.capacity() > MOST_KEPT {
            *buffer = Vec::new();
        }
        ready
    }

    fn write(&self, session: &Session, placed: &mut Placed, from: u64, ready: Vec<Ready>) -> Result<()> {
        let mut one = |open: &mut Open, (number, (bytes, mask)): (u64, Ready)| {
            let address = open.space.append(&bytes, 1)?;
            placed.push(PlacedChunk { number, address, size: stored_size(&bytes)?, mask });
            Ok(())
        };
        session.with(|open| {
            let numbers = self.first_number + from..;
            numbers.zip(ready).try_for_each(|chunk| one(open, chunk))
        })
    }
}
