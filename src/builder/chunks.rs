//! The chunks of a dataset that is being written: cut from rows, filtered in parallel, stored in order, indexed.

use super::chunking::Chunking;
use super::in_order::in_order;
use super::open_chunks::OpenChunks;
use super::own_fill::OwnFill;
use super::plan::{AllocationTime, Plan};
use super::session::{Open, Session};
use crate::bytes::Address;
use crate::error::{Error, Result};
use crate::filters::{Pipeline, Scratch};
use crate::format::message::layout::{ChunkIndex, Layout};
use crate::index::btree1_build::PlacedChunk;
use crate::index::chunk_index_build;
use crate::index::space::{METADATA, Space};
use crate::object::chunks::ChunkRecord;
use foldhash::{HashMap, HashMapExt};
use std::cell::Cell;

/// Bytes of chunks that are filtered before the first of them is written.
pub(super) const BATCH: usize = 8 << 20;

/// A thread's buffer that has grown beyond this is not kept.
const MOST_KEPT: usize = 32 << 20;

/// How rows become chunks, and the chunks that are stored.
pub(super) struct Chunks {
    pub(super) chunking: Chunking,
    pub(super) pipeline: Pipeline,
    pub(super) placed: Placed,
    /// Chunks that are written in part, once elements came out of order.
    pub(super) open: Option<OpenChunks>,
    /// Where chunks lie that have no index.
    pub(super) in_line: Option<InLine>,
    plain_edges: bool,
    /// Where the fill value has data elsewhere: then chunks are completed one by one, for the places of those data to be
    /// the same each time.
    pub(super) own_fill: Option<OwnFill>,
}

/// All chunks one behind the other, as many as there can ever be: the first one's place, once it is known, and how many
/// there are in each dimension.
pub(super) struct InLine {
    first: Option<Address>,
    counts: Vec<u64>,
}

/// The chunks that are stored.
#[derive(Default)]
pub(super) struct Placed {
    chunks: Vec<PlacedChunk>,
    /// Once chunks came out of order: where each is in `chunks`, by number.
    by_number: Option<HashMap<u64, usize>>,
}

/// A chunk that is ready to be stored: its bytes, and the filters that it skipped.
pub(super) type Ready = (Vec<u8>, u32);

/// What a thread keeps from chunk to chunk.
type Kept = Box<(Scratch, Vec<u8>)>;

thread_local! {
    static KEPT: Cell<Option<Kept>> = const { Cell::new(None) };
}

/// Calls `work` with what this thread keeps: what filters need, and a buffer for a chunk. Work that waits for other threads
/// may be interrupted by more work, which finds nothing kept.
pub(super) fn with_kept<R>(work: impl FnOnce(&mut Scratch, &mut Vec<u8>) -> R) -> R {
    let mut kept = KEPT.take().unwrap_or_default();
    let (scratch, buffer) = &mut *kept;
    let result = work(scratch, buffer);
    if buffer.capacity() > MOST_KEPT {
        *buffer = Vec::new();
    }
    KEPT.set(Some(kept));
    result
}

impl Chunks {
    pub(super) fn new(plan: &Plan, chunk: &[u64]) -> Result<Chunks> {
        let (fill, element_size) = (plan.fill_element().to_vec(), plan.datatype.size());
        let max = plan.max_dims();
        let is_in_line = plan.facts(&max).layout().index == ChunkIndex::Implicit;
        let counts = || max.iter().zip(chunk).map(|(m, c)| m.unwrap_or(0).div_ceil(*c)).collect();
        Ok(Chunks {
            chunking: Chunking::new(&plan.shape, chunk.to_vec(), element_size, fill)?,
            pipeline: Pipeline::new(&plan.filters),
            placed: Placed::default(),
            open: None,
            in_line: is_in_line.then(|| InLine { first: None, counts: counts() }),
            plain_edges: plan.plain_edges(),
            own_fill: plan.own_fill.clone(),
        })
    }

    /// Stores `rows` rows that begin with row `first`, the first of a chunk, of a dataset of shape `shape`.
    pub(super) fn store(
        &mut self,
        session: &Session,
        shape: &[u64],
        bytes: &[u8],
        rows: u64,
        first: u64,
    ) -> Result<()> {
        self.find_place(session)?;
        let Chunks { chunking, pipeline, placed, in_line, plain_edges, own_fill, .. } = self;
        let plain_edges = plain_edges.then_some(shape);
        let own_fill = own_fill.as_ref().map(|own| (own, session));
        let in_line = in_line.as_ref();
        let block = Block { chunking, pipeline, in_line, plain_edges, own_fill, bytes, rows, first };
        block.store(session, placed)
    }

    /// Makes room for chunks that have their places from the beginning.
    fn find_place(&mut self, session: &Session) -> Result<()> {
        let Some(line @ InLine { first: None, .. }) = &mut self.in_line else {
            return Ok(());
        };
        let bytes = line.counts.iter().try_fold(self.chunking.chunk_bytes as u64, |n, &c| n.checked_mul(c));
        let bytes = bytes.ok_or_else(|| Error::limit("a dataset of more than 2^64 bytes"))?;
        line.first = Some(session.with(|open| open.space.allocate(bytes, METADATA))?);
        Ok(())
    }

    /// Whether the chunk at `offset` is stored without filters, in a dataset of shape `shape`.
    pub(super) fn is_plain(&self, offset: &[u64], shape: &[u64]) -> bool {
        self.plain_edges && self.chunking.is_partial(offset, shape)
    }

    pub(super) fn has_plain_edges(&self) -> bool {
        self.plain_edges
    }

    /// Whether chunks are written one behind the other, and all alike.
    pub(super) fn is_in_order(&self) -> bool {
        self.open.is_none() && self.in_line.is_none() && self.own_fill.is_none() && !self.plain_edges
    }

    /// Stores chunks anew, or for the first time, by number.
    pub(super) fn put(&mut self, session: &Session, ready: Vec<(u64, Ready)>) -> Result<()> {
        self.find_place(session)?;
        session.with(|open| {
            ready.into_iter().try_for_each(|(number, (bytes, mask))| {
                let size = stored_size(&bytes)?;
                let address = match (&self.in_line, self.placed.find(number)) {
                    (Some(line), _) => line.write(open, &self.chunking, number, &bytes)?,
                    (None, Some(old)) => {
                        open.space.free(old.address, old.size.into());
                        open.space.append_reusing(&bytes)?
                    }
                    (None, None) => open.space.append_reusing(&bytes)?,
                };
                self.placed.set(PlacedChunk { number, address, size, mask });
                Ok(())
            })
        })
    }

    /// The number of the chunk that begins at `offset`, if one that is filtered already can be stored there.
    pub(super) fn check_filtered(&mut self, shape: &[u64], offset: &[u64], raw: &[u8], mask: u32) -> Result<u64> {
        let Chunking { chunk, chunk_bytes, .. } = &self.chunking;
        let plain = self.pipeline.skips_all(mask) || self.is_plain(offset, shape);
        if plain && raw.len() != *chunk_bytes {
            let raw = raw.len();
            return Err(Error::mismatch(format!("a chunk of {raw} bytes without filters: chunks have {chunk_bytes}")));
        }
        let number = self
            .chunking
            .number_at(offset)
            .ok_or_else(|| Error::mismatch(format!("no chunk begins at {offset:?}; chunks have shape {chunk:?}")))?;
        stored_size(raw)?;
        if self.has(number) {
            return Err(Error::conflict(format!("the chunk at {offset:?} is stored already")));
        }
        Ok(number)
    }

    /// Whether something was written to the chunk of this number.
    pub(super) fn has(&mut self, number: u64) -> bool {
        !self.placed.is_free(number) || self.open.as_ref().is_some_and(|open| open.has(number))
    }

    /// Remembers a chunk that is in the file already.
    pub(super) fn place(&mut self, number: u64, address: Address, record: &ChunkRecord) -> Result<()> {
        let size = u32::try_from(record.size).map_err(|_| Error::limit("a stored chunk of more than 4 GiB"))?;
        self.placed.push(PlacedChunk { number, address, size, mask: record.mask });
        Ok(())
    }

    /// Stores a chunk that is filtered already, and that was checked.
    pub(super) fn store_filtered(&mut self, session: &Session, number: u64, raw: &[u8], mask: u32) -> Result<()> {
        self.find_place(session)?;
        let size = stored_size(raw)?;
        let address = session.with(|open| match &self.in_line {
            Some(line) => line.write(open, &self.chunking, number, raw),
            None => open.space.append(raw, 1),
        })?;
        self.placed.push(PlacedChunk { number, address, size, mask });
        Ok(())
    }

    /// Stores the chunks that nobody wrote, where the dataset is to have all of them.
    pub(super) fn complete(&mut self, session: &Session, plan: &Plan) -> Result<()> {
        let wanted = match plan.allocation {
            AllocationTime::Early => true,
            AllocationTime::Late => !self.placed.chunks.is_empty(),
            AllocationTime::Incremental => false,
        };
        if !wanted || plan.shape.contains(&0) {
            return Ok(());
        }
        let mut plain = Vec::new();
        self.chunking.fill(&mut plain);
        let mut filtered = with_kept(|scratch, _| self.pipeline.encode(&plain, scratch))?;
        let rows = plan.shape.first().map_or(0, |d| d.div_ceil(self.chunking.rows()));
        let count = rows.saturating_mul(self.chunking.in_a_row());
        for local in 0..count {
            let offset = self.chunking.offset_in_block(local);
            let number = self.number(&offset)?;
            if self.placed.find(number).is_none() {
                if let Some(own) = &self.own_fill {
                    self.chunking.fill(&mut plain);
                    own.renew(session, &mut plain)?;
                    filtered = with_kept(|scratch, _| self.pipeline.encode(&plain, scratch))?;
                }
                let ready = if self.is_plain(&offset, &plan.shape) { (plain.clone(), 0) } else { filtered.clone() };
                self.put(session, vec![(number, ready)])?;
            }
        }
        Ok(())
    }

    /// The number of the chunk that begins at `offset`, where one does.
    pub(super) fn number(&self, offset: &[u64]) -> Result<u64> {
        let none = || Error::limit(format!("a chunk at {offset:?}"));
        self.chunking.number_at(offset).ok_or_else(none)
    }

    /// Writes the index, and says where the elements are.
    pub(super) fn index(&mut self, space: &mut Space, plan: &Plan) -> Result<Layout> {
        let Chunks { chunking, placed, .. } = self;
        let (max, chunks) = (plan.max_dims(), placed.sorted());
        let layout = chunk_index_build::build(space, &plan.facts(&max), chunks, |number| chunking.offset(number))?;
        Ok(Layout::Chunked(layout))
    }
}

pub(super) fn stored_size(chunk: &[u8]) -> Result<u32> {
    u32::try_from(chunk.len()).map_err(|_| Error::limit("a stored chunk of more than 4 GiB"))
}

impl InLine {
    /// Writes a chunk to its place.
    fn write(&self, open: &mut Open, chunking: &Chunking, number: u64, bytes: &[u8]) -> Result<Address> {
        let offset = chunking.offset(number);
        let position = offset.iter().zip(&chunking.chunk).map(|(o, c)| o / c);
        let index = position.zip(&self.counts).fold(0, |n, (p, count)| n * count + p);
        let first = self.first.ok_or_else(|| Error::invalid("a chunk without a place"))?;
        let at = first.plus(index * chunking.chunk_bytes as u64)?;
        open.space.write(at, bytes)?;
        Ok(at)
    }
}

impl Placed {
    /// Whether no chunk of this number is stored yet.
    fn is_free(&mut self, number: u64) -> bool {
        (self.by_number.is_none() && self.chunks.last().is_none_or(|last| last.number < number))
            || self.find(number).is_none()
    }

    /// The chunk of this number.
    pub(super) fn find(&mut self, number: u64) -> Option<PlacedChunk> {
        let chunks = &self.chunks;
        let by_number =
            self.by_number.get_or_insert_with(|| chunks.iter().enumerate().map(|(i, c)| (c.number, i)).collect());
        by_number.get(&number).and_then(|&i| chunks.get(i)).copied()
    }

    /// All of them, in any order.
    pub(super) fn all(&self) -> &[PlacedChunk] {
        &self.chunks
    }

    /// Adds a chunk that is not there yet.
    pub(super) fn push(&mut self, chunk: PlacedChunk) {
        if let Some(by_number) = &mut self.by_number {
            by_number.insert(chunk.number, self.chunks.len());
        } else if self.chunks.last().is_some_and(|last| last.number >= chunk.number) {
            // Out of order from now on.
            self.find(0);
            return self.push(chunk);
        }
        self.chunks.push(chunk);
    }

    /// Adds a chunk, or replaces what is known of it.
    fn set(&mut self, chunk: PlacedChunk) {
        let at = self.by_number.as_ref().and_then(|b| b.get(&chunk.number)).copied();
        match at.and_then(|i| self.chunks.get_mut(i)) {
            Some(known) => *known = chunk,
            None => self.push(chunk),
        }
    }

    /// Gives all chunks other numbers, in the same order.
    pub(super) fn renumber(&mut self, new: impl Fn(u64) -> Result<u64>) -> Result<()> {
        self.by_number = self.by_number.is_some().then(HashMap::new);
        for (i, chunk) in self.chunks.iter_mut().enumerate() {
            chunk.number = new(chunk.number)?;
            if let Some(by_number) = &mut self.by_number {
                by_number.insert(chunk.number, i);
            }
        }
        Ok(())
    }

    fn sorted(&mut self) -> &[PlacedChunk] {
        if self.by_number.take().is_some() {
            self.chunks.sort_unstable_by_key(|c| c.number);
        }
        &self.chunks
    }
}

/// Rows that are cut into chunks, filtered and stored.
struct Block<'a> {
    chunking: &'a Chunking,
    pipeline: &'a Pipeline,
    in_line: Option<&'a InLine>,
    /// The dataset's shape, if chunks that reach beyond it go without filters.
    plain_edges: Option<&'a [u64]>,
    own_fill: Option<(&'a OwnFill, &'a Session)>,
    bytes: &'a [u8],
    rows: u64,
    /// The first row.
    first: u64,
}

impl Block<'_> {
    /// Stores all chunks in their order.
    fn store(&self, session: &Session, placed: &mut Placed) -> Result<()> {
        let rows_of_chunks = self.rows.div_ceil(self.chunking.rows());
        let count = rows_of_chunks * self.chunking.in_a_row();
        let whole = self.chunking.is_whole_rows() && self.rows.is_multiple_of(self.chunking.rows());
        if self.pipeline.is_empty() && self.in_line.is_none() && whole {
            return self.store_as_it_is(session, placed, count);
        }
        if self.own_fill.is_some() {
            let one = |local| with_kept(|scratch, buffer| self.filter_one(local, scratch, buffer));
            return (0..count).try_for_each(|local| self.write(session, placed, local, vec![one(local)?]));
        }
        let (portion, ahead) = self.chunking.portions();
        let one = |number| with_kept(|scratch, buffer| self.filter_one(number, scratch, buffer));
        let filter = |n| (n * portion..count.min((n + 1) * portion)).map(one).collect::<Result<Vec<Ready>>>();
        let mut from = 0;
        in_order(count.div_ceil(portion), ahead, filter, |ready| {
            let first = from;
            from += ready.len() as u64;
            self.write(session, placed, first, ready)
        })
    }

    /// The offset in the dataset of a chunk of the block.
    fn offset(&self, local: u64) -> Vec<u64> {
        let mut offset = self.chunking.offset_in_block(local);
        if let Some(row) = offset.first_mut() {
            *row += self.first;
        }
        offset
    }

    fn number(&self, local: u64) -> Result<u64> {
        let offset = self.offset(local);
        self.chunking.number_at(&offset).ok_or_else(|| Error::limit(format!("a chunk at {offset:?}")))
    }

    /// Chunks of whole rows without filters: the rows are the chunks, one behind the other.
    fn store_as_it_is(&self, session: &Session, placed: &mut Placed, count: u64) -> Result<()> {
        let start = session.with(|open| open.space.append(self.bytes, 1))?;
        let size = self.chunking.chunk_bytes as u64;
        for i in 0..count {
            let (number, address) = (self.number(i)?, start.plus(i * size)?);
            placed.push(PlacedChunk { number, address, size: size as u32, mask: 0 });
        }
        Ok(())
    }

    /// Cuts out and filters a chunk of the block, by number.
    fn filter_one(&self, number: u64, scratch: &mut Scratch, buffer: &mut Vec<u8>) -> Result<Ready> {
        let run = self.chunking.cut(self.bytes, self.rows, number, buffer)?;
        if let (None, Some((own, session))) = (run, self.own_fill) {
            own.renew(session, buffer)?;
        }
        if run.is_none() && self.pipeline.is_empty() {
            return Ok((std::mem::take(buffer), 0));
        }
        let chunk = run.unwrap_or(buffer);
        if self.plain_edges.is_some_and(|shape| self.chunking.is_partial(&self.offset(number), shape)) {
            return Ok((chunk.to_vec(), 0));
        }
        self.pipeline.encode(chunk, scratch)
    }

    fn write(&self, session: &Session, placed: &mut Placed, from: u64, ready: Vec<Ready>) -> Result<()> {
        let mut one = |open: &mut Open, (local, (bytes, mask)): (u64, Ready)| {
            let number = self.number(local)?;
            let address = match self.in_line {
                Some(line) => line.write(open, self.chunking, number, &bytes)?,
                None => open.space.append(&bytes, 1)?,
            };
            placed.push(PlacedChunk { number, address, size: stored_size(&bytes)?, mask });
            Ok(())
        };
        session.with(|open| (from..).zip(ready).try_for_each(|chunk| one(open, chunk)))
    }
}
