//! A dataset that is being written: rows come in, chunks (or one contiguous block) go out.
//!
//! Rows wait until there is a group of them that is worth the work: several rows of chunks where chunks are filtered, so
//! that they are filtered in parallel even if rows come one by one. Where groups begin and end depends on the dataset
//! alone, neither on the cuts between the appends nor on the number of threads; so the file does not either.

use super::array::{self, ArrayLike};
use super::chunking::Chunking;
use super::session::{Open, Session};
use crate::bytes::Address;
use crate::error::{Context, Error, Result};
use crate::filters::{Pipeline, Scratch};
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::Datatype;
use crate::format::message::fill_value::FillValue;
use crate::format::message::filter_pipeline::FilterInfo;
use crate::format::message::layout::{ChunkIndex, Chunked, Layout};
use crate::index::btree1_build::{self, PlacedChunk};
use crate::index::space::{METADATA, Space};
use crate::object::runs;
use crate::object::store::DatasetHeader;
use rayon::prelude::*;
use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;

/// Bytes of rows that wait to be filtered together.
const GROUP: u64 = 8 << 20;

/// Bytes of rows that wait to be written without filters.
const SMALL_GROUP: u64 = 64 << 10;

/// Bytes of chunks that are filtered before the first of them is written.
const BATCH: usize = 8 << 20;

/// A thread's buffer that has grown beyond this is not kept.
const MOST_KEPT: usize = 32 << 20;

/// What a new dataset is.
pub(super) struct Plan {
    pub(super) path: String,
    pub(super) datatype: Datatype,
    /// Empty for a single value.
    pub(super) shape: Vec<u64>,
    /// How far it may grow; nothing where it cannot.
    pub(super) max: Option<Vec<Option<u64>>>,
    /// A chunk's shape; nothing for contiguous storage.
    pub(super) chunk: Option<Vec<u64>>,
    pub(super) filters: Vec<FilterInfo>,
    /// One element, where it was given.
    pub(super) fill: Option<Vec<u8>>,
}

/// A dataset that is being written.
pub(super) struct DatasetWriter {
    plan: Plan,
    row_bytes: usize,
    /// Elements of a row.
    row_elements: usize,
    /// Rows of a group.
    group: u64,
    storage: Storage,
    /// Rows that came, but are not stored yet: they end before `next_row`.
    waiting: Vec<u8>,
    next_row: u64,
    /// No more rows can come.
    finished: bool,
}

enum Storage {
    Contiguous {
        address: Option<Address>,
    },
    Chunked {
        chunking: Chunking,
        pipeline: Pipeline,
        placed: Placed,
    },
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

impl DatasetWriter {
    pub(super) fn new(plan: Plan) -> Result<DatasetWriter> {
        let element_size = plan.datatype.size();
        let inner = plan.shape.get(1..).unwrap_or_default();
        let row_elements = array::count(inner)?;
        let row_bytes = (row_elements as u64).checked_mul(element_size);
        let row_bytes = row_bytes
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(|| {
                Error::limit(format!("shape {:?}: a row does not fit memory", plan.shape))
            })?;
        let (storage, rows) = match &plan.chunk {
            None => (Storage::Contiguous { address: None }, 1),
            Some(chunk) => {
                let fill = plan.fill.clone().unwrap_or_default();
                let fill = if fill.iter().all(|&b| b == 0) {
                    Vec::new()
                } else {
                    fill
                };
                let chunking = Chunking::new(&plan.shape, chunk.clone(), element_size, fill)?;
                let rows = chunking.rows();
                let storage = Storage::Chunked {
                    chunking,
                    pipeline: Pipeline::new(&plan.filters)?,
                    placed: Placed::default(),
                };
                (storage, rows)
            }
        };
        let worth = if plan.filters.is_empty() {
            SMALL_GROUP
        } else {
            GROUP
        };
        let bytes = rows.saturating_mul(row_bytes as u64).max(1);
        Ok(DatasetWriter {
            row_bytes,
            row_elements,
            group: rows.saturating_mul((worth / bytes).max(1)),
            storage,
            waiting: Vec::new(),
            next_row: 0,
            finished: false,
            plan,
        })
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The row that the next append begins with.
    pub(super) fn next_row(&self) -> u64 {
        self.next_row
    }

    /// How many rows there can be; a single value is one row.
    fn most_rows(&self) -> u64 {
        match (&self.plan.max, self.plan.shape.first()) {
            (_, None) => 1,
            (Some(max), Some(_)) => max.first().copied().flatten().unwrap_or(u64::MAX),
            (None, Some(rows)) => *rows,
        }
    }

    fn check_open(&self) -> Result<()> {
        if self.finished {
            return Err(Error::conflict("the dataset is finished"));
        }
        Ok(())
    }

    /// Appends whole rows.
    pub(super) fn append(&mut self, session: &Session, rows: &dyn ArrayLike) -> Result<()> {
        self.check_open()?;
        let elements = array::count(&rows.shape())?;
        if elements == 0 {
            return Ok(());
        }
        if self.row_elements == 0 || elements % self.row_elements != 0 {
            return Err(Error::mismatch(format!(
                "{elements} elements, which are no whole rows: a row has {}",
                self.row_elements
            )));
        }
        if let Storage::Chunked { chunking, .. } = &self.storage
            && self.waiting.is_empty()
            && !self.next_row.is_multiple_of(chunking.rows())
        {
            let rows = self.next_row;
            return Err(Error::conflict(format!(
                "row {rows} lies in a chunk that is stored already"
            )));
        }
        let count = (elements / self.row_elements) as u64;
        let room = self.most_rows().saturating_sub(self.next_row);
        if count > room {
            return Err(Error::mismatch(format!(
                "{count} rows, there is room for {room} more; make the dataset extendible"
            )));
        }
        // A first look, before anything is written: are these elements of the right kind at all?
        session.with(|open| rows.store(0..0, &self.plan.datatype, open, &mut Vec::new()))?;
        let taken = self.take_all(session, rows, count);
        taken.inspect_err(|e| session.fail(e))
    }

    fn take_all(&mut self, session: &Session, rows: &dyn ArrayLike, count: u64) -> Result<()> {
        self.allocate(session)?;
        if let Some(bytes) = rows.as_stored(&self.plan.datatype) {
            self.take(session, bytes)?;
        } else {
            self.convert(session, rows, count)?;
        }
        if self.next_row == self.most_rows() {
            self.finish(session)?;
        }
        Ok(())
    }

    /// The place of contiguous elements, at the first row.
    fn allocate(&mut self, session: &Session) -> Result<()> {
        let rows = self.plan.shape.first().copied().unwrap_or(1);
        let bytes = rows.checked_mul(self.row_bytes as u64);
        if let Storage::Contiguous { address } = &mut self.storage
            && address.is_none()
        {
            let bytes = bytes.ok_or_else(|| Error::limit("a dataset of more than 2^64 bytes"))?;
            *address = Some(session.with(|open| open.space.allocate(bytes, METADATA))?);
        }
        Ok(())
    }

    /// Takes rows that look as they are stored. Whole groups are stored from where they are, without a copy.
    fn take(&mut self, session: &Session, mut bytes: &[u8]) -> Result<()> {
        let group = self.group_bytes();
        if !self.waiting.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(group - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            self.advance(now.len());
            bytes = later;
            self.store_full_group(session)?;
        }
        let whole = bytes.len() / group * group;
        if whole > 0 {
            let (now, later) = bytes.split_at(whole);
            let first = self.next_row;
            self.advance(now.len());
            self.store(session, now, first)?;
            bytes = later;
        }
        self.waiting.extend_from_slice(bytes);
        self.advance(bytes.len());
        Ok(())
    }

    /// Converts rows into the waiting ones, never beyond the end of a group: variable-length data get their places in
    /// the heap while they are converted, between the same groups however rows were appended.
    fn convert(&mut self, session: &Session, rows: &dyn ArrayLike, count: u64) -> Result<()> {
        let mut done = 0;
        while done < count {
            let room = (self.group_bytes() - self.waiting.len()) / self.row_bytes.max(1);
            let now = (count - done).min(room as u64);
            let before = self.waiting.len();
            let range =
                done as usize * self.row_elements..(done + now) as usize * self.row_elements;
            session.with(|open| rows.store(range, &self.plan.datatype, open, &mut self.waiting))?;
            if self.waiting.len() - before != now as usize * self.row_bytes {
                return Err(Error::invalid(
                    "an array stored another number of bytes than its shape says",
                ));
            }
            self.advance(self.waiting.len() - before);
            done += now;
            self.store_full_group(session)?;
        }
        Ok(())
    }

    fn group_bytes(&self) -> usize {
        usize::try_from(self.group)
            .unwrap_or(usize::MAX)
            .saturating_mul(self.row_bytes)
    }

    fn advance(&mut self, bytes: usize) {
        self.next_row += (bytes / self.row_bytes.max(1)) as u64;
        self.cover(self.next_row);
    }

    /// Lets the dataset reach to `rows`, where it can grow.
    fn cover(&mut self, rows: u64) {
        if let Some(first) = self.plan.shape.first_mut() {
            *first = rows.max(*first);
        }
    }

    fn store_full_group(&mut self, session: &Session) -> Result<()> {
        if self.waiting.len() < self.group_bytes() {
            return Ok(());
        }
        self.store_waiting(session)
    }

    /// Stores the rows that wait, be they a whole group or not.
    fn store_waiting(&mut self, session: &Session) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let rows = waiting.len() / self.row_bytes.max(1);
        self.store(session, &waiting, self.next_row - rows as u64)?;
        waiting.clear();
        self.waiting = waiting;
        Ok(())
    }

    /// Stores rows that begin with row `first`, the first of a chunk.
    fn store(&mut self, session: &Session, bytes: &[u8], first: u64) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        match &mut self.storage {
            Storage::Contiguous { address } => {
                let address = address.ok_or_else(|| Error::invalid("rows without a place"))?;
                let at = address.plus(first * self.row_bytes as u64)?;
                session.with(|open| open.space.write(at, bytes))
            }
            Storage::Chunked {
                chunking,
                pipeline,
                placed,
            } => {
                let rows = (bytes.len() / self.row_bytes.max(1)) as u64;
                let block = Block {
                    chunking,
                    pipeline,
                    bytes,
                    rows,
                    first_number: first / chunking.rows() * chunking.in_a_row(),
                };
                block.store(session, placed)
            }
        }
    }

    /// Stores a chunk that is filtered already.
    pub(super) fn write_chunk(
        &mut self,
        session: &Session,
        offset: &[u64],
        raw: &[u8],
        mask: u32,
    ) -> Result<()> {
        self.check_open()?;
        let Storage::Chunked {
            chunking, pipeline, ..
        } = &self.storage
        else {
            return Err(Error::mismatch("the dataset is not stored in chunks"));
        };
        if pipeline.skips_all(mask) && raw.len() != chunking.chunk_bytes {
            let (raw, whole) = (raw.len(), chunking.chunk_bytes);
            return Err(Error::mismatch(format!(
                "a chunk of {raw} bytes without filters: chunks have {whole}"
            )));
        }
        let number = chunking.number_at(offset).ok_or_else(|| {
            Error::mismatch(format!(
                "no chunk begins at {offset:?}; chunks have shape {:?}",
                chunking.chunk
            ))
        })?;
        let (first, rows) = (offset.first().copied().unwrap_or(0), chunking.rows());
        if first >= self.most_rows() {
            return Err(Error::mismatch(format!(
                "a chunk at {offset:?}, beyond the last row"
            )));
        }
        let size = u32::try_from(raw.len())
            .map_err(|_| Error::limit("a stored chunk of more than 4 GiB"))?;
        let appended = self.next_row - (self.waiting.len() / self.row_bytes.max(1)) as u64;
        if !self.waiting.is_empty() && first >= appended && first < self.next_row {
            return Err(Error::conflict(format!(
                "the rows of the chunk at {offset:?} were appended already"
            )));
        }
        if !self.waiting.is_empty() && first >= self.next_row {
            self.store_waiting(session)
                .inspect_err(|e| session.fail(e))?;
        }
        let Storage::Chunked { placed, .. } = &mut self.storage else {
            return Err(Error::mismatch("the dataset is not stored in chunks"));
        };
        placed.check_free(number, offset)?;
        let address = session.with(|open| open.space.append(raw, 1))?;
        placed.push(PlacedChunk {
            number,
            address,
            size,
            mask,
        });
        // Inside the declared shape the dataset does not grow, beyond it by a whole chunk.
        let end = first.saturating_add(rows).min(self.most_rows());
        let declared = self.plan.shape.first().copied().unwrap_or(1);
        let end = if first < declared {
            end.min(declared)
        } else {
            end
        };
        self.next_row = self.next_row.max(end);
        self.cover(end);
        Ok(())
    }

    /// Stores what still waits. Nothing can be written after that.
    pub(super) fn finish(&mut self, session: &Session) -> Result<()> {
        if self.finished {
            return Ok(());
        }
        self.finished = true;
        let stored = self
            .store_waiting(session)
            .and_then(|()| self.fill_rest(session));
        self.waiting = Vec::new();
        stored.on(&self.plan.path).inspect_err(|e| session.fail(e))
    }

    /// Writes the fill value to the rows of a contiguous dataset that never came; zeros are there already.
    fn fill_rest(&self, session: &Session) -> Result<()> {
        let (
            Storage::Contiguous {
                address: Some(address),
            },
            Some(fill),
        ) = (&self.storage, &self.plan.fill)
        else {
            return Ok(());
        };
        if fill.iter().all(|&b| b == 0) {
            return Ok(());
        }
        let row_bytes = self.row_bytes as u64;
        let rows = self.plan.shape.first().copied().unwrap_or(1);
        let (mut at, end) = (self.next_row * row_bytes, rows * row_bytes);
        let piece = fill.len() * (SMALL_GROUP as usize / fill.len()).max(1);
        let mut filled = vec![0; piece];
        runs::fill_run(&mut filled, fill);
        while at < end {
            let now = (end - at).min(piece as u64);
            let place = address.plus(at)?;
            let bytes = filled.get(..now as usize).unwrap_or_default();
            session.with(|open| open.space.write(place, bytes))?;
            at += now;
        }
        Ok(())
    }

    /// Writes the index of the chunks, and says where the elements are.
    pub(super) fn index(&mut self, space: &mut Space) -> Result<Layout> {
        let element_size = self.plan.datatype.size();
        match &mut self.storage {
            Storage::Contiguous { address } => {
                let rows = self.plan.shape.first().copied().unwrap_or(1);
                Ok(Layout::Contiguous {
                    address: *address,
                    size: Some(rows.saturating_mul(self.row_bytes as u64)),
                })
            }
            Storage::Chunked {
                chunking, placed, ..
            } => {
                let chunks = placed.sorted();
                let offset = |number| chunking.offset(number);
                let address =
                    btree1_build::build(space, chunks, &chunking.chunk, element_size, offset)?;
                Ok(Layout::Chunked(Chunked {
                    shape: chunking.chunk.clone(),
                    element_size,
                    index: ChunkIndex::BTree1,
                    address,
                    plain_edges: false,
                    wide_sizes: false,
                }))
            }
        }
    }

    /// Calls `encode` with the header's messages of a dataset that is stored as `layout` says.
    pub(super) fn header<R>(
        &self,
        layout: &Layout,
        encode: impl FnOnce(&DatasetHeader<'_>) -> Result<R>,
    ) -> Result<R> {
        let dataspace = match &self.plan.shape[..] {
            [] => Dataspace::Scalar,
            dims => Dataspace::Simple {
                dims: dims.to_vec(),
                max: self.plan.max.clone(),
            },
        };
        let unset = match layout {
            Layout::Chunked(_) => FillValue::INCREMENTAL,
            _ => FillValue::LATE,
        };
        encode(&DatasetHeader {
            dataspace: &dataspace,
            datatype: &self.plan.datatype,
            fill: &FillValue {
                value: self.plan.fill.clone(),
                ..unset
            },
            filters: &self.plan.filters,
            layout,
        })
    }
}

impl Placed {
    /// Refuses a chunk that is stored already.
    fn check_free(&mut self, number: u64, offset: &[u64]) -> Result<()> {
        if self.chunks.last().is_none_or(|last| last.number < number) && self.numbers.is_none() {
            return Ok(());
        }
        let chunks = &self.chunks;
        let numbers = self
            .numbers
            .get_or_insert_with(|| chunks.iter().map(|c| c.number).collect());
        if numbers.contains(&number) {
            return Err(Error::conflict(format!(
                "the chunk at {offset:?} is stored already"
            )));
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
        if self.pipeline.is_empty()
            && self.chunking.is_whole_rows()
            && self.rows.is_multiple_of(self.chunking.rows())
        {
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
            let (written, filtered) = rayon::join(
                || self.write(session, placed, from, ready),
                || self.filter(more),
            );
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

    fn write(
        &self,
        session: &Session,
        placed: &mut Placed,
        from: u64,
        ready: Vec<Ready>,
    ) -> Result<()> {
        let mut one = |open: &mut Open, (number, (bytes, mask)): (u64, Ready)| {
            let size = u32::try_from(bytes.len())
                .map_err(|_| Error::limit("a stored chunk of more than 4 GiB"))?;
            let address = open.space.append(&bytes, 1)?;
            placed.push(PlacedChunk {
                number,
                address,
                size,
                mask,
            });
            Ok(())
        };
        session.with(|open| {
            let numbers = self.first_number + from..;
            numbers.zip(ready).try_for_each(|chunk| one(open, chunk))
        })
    }
}
