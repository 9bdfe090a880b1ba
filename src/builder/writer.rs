//! A dataset that is being written: rows come in, chunks (or one contiguous block) go out.
//!
//! Rows wait until there is a group of them that is worth the work: several rows of chunks where chunks are filtered, so
//! that they are filtered in parallel even if rows come one by one. Where groups begin and end depends on the dataset
//! alone, neither on the cuts between the appends nor on the number of threads; so the file does not either.

use super::array::{self, ArrayLike};
use super::chunks::Chunks;
use super::plan::{AllocationTime, FillTime, LayoutPlan, Plan};
use super::session::Session;
use crate::bytes::Address;
use crate::error::{Context, Error, Result};
use crate::format::message::dataspace::{Dataspace, Dims};
use crate::format::message::layout::Layout;
use crate::index::space::{METADATA, Space};
use crate::object::runs;
use crate::object::store::DatasetHeader;

/// Bytes of rows that wait to be filtered together.
const GROUP: u64 = 8 << 20;

/// Bytes of rows that wait to be written without filters.
const SMALL_GROUP: u64 = 64 << 10;

/// A dataset that is being written.
pub(super) struct DatasetWriter {
    pub(super) plan: Plan,
    row_bytes: usize,
    /// Elements of a row.
    row_elements: usize,
    /// Rows of a group.
    group: u64,
    pub(super) storage: Storage,
    /// Rows that came, but are not stored yet: they end before `next_row`.
    waiting: Vec<u8>,
    next_row: u64,
    /// No more rows can come.
    finished: bool,
}

pub(super) enum Storage {
    /// All elements, for the object header.
    Compact(Vec<u8>),
    Contiguous {
        address: Option<Address>,
        /// Whether what was never written is filled already.
        filled: bool,
    },
    Chunked(Box<Chunks>),
}

impl DatasetWriter {
    pub(super) fn new(plan: Plan) -> Result<DatasetWriter> {
        let storage = match &plan.layout {
            LayoutPlan::Compact => {
                // The plan is for less than 64 KiB.
                let elements = array::count(&plan.shape)?;
                let mut bytes = vec![0; elements * plan.datatype.size() as usize];
                runs::fill_run(&mut bytes, plan.fill_element());
                Storage::Compact(bytes)
            }
            LayoutPlan::Contiguous => Storage::Contiguous { address: None, filled: false },
            LayoutPlan::Chunked { chunk, .. } => Storage::Chunked(Box::new(Chunks::new(&plan, chunk)?)),
        };
        let mut writer = DatasetWriter {
            row_bytes: 0,
            row_elements: 0,
            group: 0,
            storage,
            waiting: Vec::new(),
            next_row: 0,
            finished: false,
            plan,
        };
        writer.measure_rows()?;
        Ok(writer)
    }

    /// What a row is, and how many of them wait for each other.
    pub(super) fn measure_rows(&mut self) -> Result<()> {
        let plan = &self.plan;
        self.row_elements = array::count(plan.shape.get(1..).unwrap_or_default())?;
        let row_bytes = (self.row_elements as u64).checked_mul(plan.datatype.size());
        let row_bytes = row_bytes
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(|| Error::limit(format!("shape {:?}: a row does not fit memory", plan.shape)))?;
        let rows = plan.chunk().and_then(|c| c.first().copied()).unwrap_or(1);
        let worth = if plan.filters.is_empty() { SMALL_GROUP } else { GROUP };
        let bytes = rows.saturating_mul(row_bytes as u64).max(1);
        self.row_bytes = row_bytes;
        self.group = rows.saturating_mul((worth / bytes).max(1));
        Ok(())
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The row that the next append begins with.
    pub(super) fn next_row(&self) -> u64 {
        self.next_row
    }

    /// How many rows there can be; a single value is one row.
    pub(super) fn most_rows(&self) -> u64 {
        match (&self.plan.max, self.plan.shape.first()) {
            (_, None) => 1,
            (Some(max), Some(_)) => max.first().copied().flatten().unwrap_or(u64::MAX),
            (None, Some(rows)) => *rows,
        }
    }

    pub(super) fn check_open(&self) -> Result<()> {
        if self.finished {
            return Err(Error::conflict("the dataset is finished"));
        }
        Ok(())
    }

    /// Appends whole rows.
    pub(super) fn append(&mut self, session: &Session, rows: &dyn ArrayLike) -> Result<()> {
        self.check_open()?;
        let count = self.check(session, rows)?;
        if count == 0 {
            return Ok(());
        }
        let taken = self.take_all(session, rows, count);
        self.give_up_on_error(session, taken)
    }

    /// After an error some of what came is in, some is not, and nobody knows which.
    pub(super) fn give_up_on_error(&mut self, session: &Session, result: Result<()>) -> Result<()> {
        result.inspect_err(|e| {
            self.finished = true;
            self.waiting = Vec::new();
            session.fail(e);
        })
    }

    /// Refuses what cannot be appended, before anything is written; returns how many rows it is.
    pub(super) fn check(&self, session: &Session, rows: &dyn ArrayLike) -> Result<u64> {
        let elements = array::count(&rows.shape())?;
        // A first look: are these elements of the right kind at all?
        session.with(|open| rows.store(0..0, &self.plan.datatype, open, &mut Vec::new()))?;
        if elements == 0 {
            return Ok(0);
        }
        if self.row_elements == 0 || elements % self.row_elements != 0 {
            return Err(Error::mismatch(format!(
                "{elements} elements, which are no whole rows: a row has {}",
                self.row_elements
            )));
        }
        let count = (elements / self.row_elements) as u64;
        let room = self.most_rows().saturating_sub(self.next_row);
        if count > room {
            return Err(Error::mismatch(format!(
                "{count} rows, there is room for {room} more; make the dataset extendible"
            )));
        }
        Ok(count)
    }

    fn take_all(&mut self, session: &Session, rows: &dyn ArrayLike, count: u64) -> Result<()> {
        self.allocate(session)?;
        if let Storage::Chunked(chunks) = &self.storage
            && self.waiting.is_empty()
            && !self.next_row.is_multiple_of(chunks.chunking.rows())
        {
            // The rows begin within a chunk that is stored already.
            self.scatter(session)?;
        }
        if self.is_scattered() {
            let mut start = vec![0; self.plan.shape.len()];
            if let Some(first) = start.first_mut() {
                *first = self.next_row;
            }
            self.grow_to(session, self.next_row + count)?;
            let mut extent = self.plan.shape.clone();
            if let Some(first) = extent.first_mut() {
                *first = count;
            }
            self.write_values(session, &start, &extent, rows)?;
            self.next_row += count;
            return Ok(());
        }
        if let Some(bytes) = rows.as_stored(&self.plan.datatype) {
            self.take(session, bytes)?;
        } else {
            self.convert(session, rows, count)?;
        }
        // Where it can grow in another dimension, more may come for the last chunks.
        if self.next_row == self.most_rows() && self.plan.max.is_none() {
            self.store_waiting(session)?;
            self.waiting = Vec::new();
        }
        Ok(())
    }

    /// Whether elements come in any order.
    fn is_scattered(&self) -> bool {
        matches!(&self.storage, Storage::Chunked(chunks) if chunks.open.is_some())
    }

    /// Goes over to elements that come in any order: stores the rows that wait, the last ones in chunks that stay open.
    pub(super) fn scatter(&mut self, session: &Session) -> Result<()> {
        let Storage::Chunked(chunks) = &mut self.storage else {
            return self.store_waiting(session);
        };
        if chunks.open.is_some() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        let rows = (waiting.len() / self.row_bytes.max(1)) as u64;
        let (first, whole) = (self.next_row - rows, rows / chunks.chunking.rows() * chunks.chunking.rows());
        let (now, rest) = waiting.split_at(whole as usize * self.row_bytes);
        chunks.open = Some(Default::default());
        self.store(session, now, first)?;
        if rest.is_empty() {
            return Ok(());
        }
        let (mut start, mut extent) = (vec![0; self.plan.shape.len()], self.plan.shape.clone());
        if let (Some(start), Some(extent)) = (start.first_mut(), extent.first_mut()) {
            (*start, *extent) = (first + whole, rows - whole);
        }
        self.write_box(session, &start, &extent, rest)
    }

    /// The place of contiguous elements, at the first row.
    pub(super) fn allocate(&mut self, session: &Session) -> Result<()> {
        let rows = self.plan.shape.first().copied().unwrap_or(1);
        let bytes = rows.checked_mul(self.row_bytes as u64);
        if let Storage::Contiguous { address, .. } = &mut self.storage
            && address.is_none()
        {
            let bytes = bytes.ok_or_else(|| Error::limit("a dataset of more than 2^64 bytes"))?;
            *address = Some(session.with(|open| open.space.allocate(bytes, METADATA))?);
        }
        Ok(())
    }

    /// Takes rows that look as they are stored. Whole groups are stored from where they are, without a copy.
    pub(super) fn take(&mut self, session: &Session, mut bytes: &[u8]) -> Result<()> {
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
            let range = done as usize * self.row_elements..(done + now) as usize * self.row_elements;
            session.with(|open| rows.store(range, &self.plan.datatype, open, &mut self.waiting))?;
            if self.waiting.len() - before != now as usize * self.row_bytes {
                return Err(Error::invalid("an array stored another number of bytes than its shape says"));
            }
            self.advance(self.waiting.len() - before);
            done += now;
            self.store_full_group(session)?;
        }
        Ok(())
    }

    fn group_bytes(&self) -> usize {
        usize::try_from(self.group).unwrap_or(usize::MAX).saturating_mul(self.row_bytes)
    }

    fn advance(&mut self, bytes: usize) {
        self.next_row += (bytes / self.row_bytes.max(1)) as u64;
        self.cover(self.next_row);
    }

    /// Lets the dataset reach to `rows`, where it can grow.
    pub(super) fn cover(&mut self, rows: u64) {
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

    /// As [`cover`](Self::cover), where a chunk at the edge may be stored already: without filters, it is to get them.
    pub(super) fn grow_to(&mut self, session: &Session, rows: u64) -> Result<()> {
        let old = self.plan.shape.clone();
        if self.plan.plain_edges() && old.first().is_some_and(|first| *first < rows) {
            self.scatter(session)?;
            let mut new = old.clone();
            if let Some(first) = new.first_mut() {
                *first = rows;
            }
            if let Storage::Chunked(chunks) = &mut self.storage {
                chunks.grow(session, &old, &new)?;
            }
        }
        self.cover(rows);
        Ok(())
    }

    /// What was written reaches to `rows`.
    pub(super) fn reach(&mut self, rows: u64) {
        self.next_row = self.next_row.max(rows);
    }

    /// Stores the rows that wait, be they a whole group or not.
    pub(super) fn store_waiting(&mut self, session: &Session) -> Result<()> {
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
            Storage::Compact(data) => {
                let from = first as usize * self.row_bytes;
                let place = data.get_mut(from..from + bytes.len());
                place.ok_or_else(|| Error::invalid("rows without a place"))?.copy_from_slice(bytes);
                Ok(())
            }
            Storage::Contiguous { address, .. } => {
                let address = address.ok_or_else(|| Error::invalid("rows without a place"))?;
                let at = address.plus(first * self.row_bytes as u64)?;
                session.with(|open| open.space.write(at, bytes))
            }
            Storage::Chunked(chunks) => {
                let rows = (bytes.len() / self.row_bytes.max(1)) as u64;
                chunks.store(session, &self.plan.shape, bytes, rows, first)
            }
        }
    }

    /// Stores a chunk that is filtered already.
    pub(super) fn write_chunk(&mut self, session: &Session, offset: &[u64], raw: &[u8], mask: u32) -> Result<()> {
        self.check_open()?;
        let Storage::Chunked(chunks) = &mut self.storage else {
            return Err(Error::mismatch("the dataset is not stored in chunks"));
        };
        let number = chunks.check_filtered(&self.plan.shape, offset, raw, mask)?;
        let (first, rows) = (offset.first().copied().unwrap_or(0), chunks.chunking.rows());
        if first >= self.most_rows() {
            return Err(Error::mismatch(format!("a chunk at {offset:?}, beyond the last row")));
        }
        // Inside the declared shape the dataset does not grow, beyond it by a whole chunk.
        let declared = self.plan.shape.first().copied().unwrap_or(1);
        let most = if first < declared { declared } else { self.most_rows() };
        let end = first.saturating_add(rows).min(most);
        if end.checked_mul(self.row_bytes as u64).is_none() {
            return Err(Error::limit(format!("a chunk at {offset:?}: a dataset of more than 2^64 bytes")));
        }
        let appended = self.next_row - (self.waiting.len() / self.row_bytes.max(1)) as u64;
        if !self.waiting.is_empty() && first >= appended && first < self.next_row {
            return Err(Error::conflict(format!("the rows of the chunk at {offset:?} were appended already")));
        }
        let grown = self.grow_to(session, end);
        self.give_up_on_error(session, grown)?;
        if !self.waiting.is_empty() && first >= self.next_row {
            self.store_waiting(session).inspect_err(|e| session.fail(e))?;
        }
        if let Storage::Chunked(chunks) = &mut self.storage {
            chunks.store_filtered(session, number, raw, mask)?;
        }
        self.reach(end);
        Ok(())
    }

    /// Stores the rows that wait, but for those of a chunk that is not full yet.
    pub(super) fn store_whole_chunks(&mut self, session: &Session) -> Result<()> {
        let Storage::Chunked(chunks) = &self.storage else {
            return Err(Error::unsupported("chunks of a dataset that has none"));
        };
        if chunks.open.is_some() {
            return Err(Error::unsupported("a dataset whose rows came out of order"));
        }
        let chunk = chunks.chunking.rows() as usize * self.row_bytes;
        let whole = self.waiting.len() / chunk.max(1) * chunk;
        let rest = self.waiting.split_off(whole);
        let first = self.next_row - (rest.len() / self.row_bytes.max(1)) as u64;
        let now = std::mem::replace(&mut self.waiting, rest);
        self.store(session, &now, first - (whole / self.row_bytes.max(1)) as u64)
    }

    /// Rows that do not wait.
    pub(super) fn stored_rows(&self) -> u64 {
        self.next_row - (self.waiting.len() / self.row_bytes.max(1)) as u64
    }

    /// Stores what still waits. Nothing can be written after that.
    pub(super) fn finish(&mut self, session: &Session) -> Result<()> {
        if self.finished {
            return Ok(());
        }
        self.finished = true;
        let stored = self.store_waiting(session).and_then(|()| self.complete(session));
        self.waiting = Vec::new();
        stored.on(&self.plan.path).inspect_err(|e| session.fail(e))
    }

    /// Makes what storage there is to be for elements that never came.
    fn complete(&mut self, session: &Session) -> Result<()> {
        if self.plan.allocation == AllocationTime::Early {
            self.allocate(session)?;
        }
        match &mut self.storage {
            Storage::Compact(bytes) => self.plan.own_fill.as_ref().map_or(Ok(()), |own| own.renew(session, bytes)),
            Storage::Contiguous { .. } => self.fill_rest(session),
            Storage::Chunked(chunks) => {
                chunks.store_all_open(session, &self.plan.shape)?;
                chunks.open = None;
                chunks.complete(session, &self.plan)
            }
        }
    }

    /// Writes the fill value to the rows of a contiguous dataset that never came; zeros are there already.
    pub(super) fn fill_rest(&mut self, session: &Session) -> Result<()> {
        let Storage::Contiguous { address: Some(address), filled } = &mut self.storage else {
            return Ok(());
        };
        let fill = self.plan.fill_element();
        if std::mem::replace(filled, true) || fill.is_empty() || self.plan.fill_time == FillTime::Never {
            return Ok(());
        }
        let row_bytes = self.row_bytes as u64;
        let rows = self.plan.shape.first().copied().unwrap_or(1);
        let (mut at, end) = (self.next_row * row_bytes, rows * row_bytes);
        let piece = fill.len() * (SMALL_GROUP as usize / fill.len()).max(1);
        let mut bytes = vec![0; piece];
        runs::fill_run(&mut bytes, fill);
        while at < end {
            let now = (end - at).min(piece as u64);
            let place = address.plus(at)?;
            let bytes = bytes.get_mut(..now as usize).unwrap_or_default();
            if let Some(own) = &self.plan.own_fill {
                runs::fill_run(bytes, fill);
                own.renew(session, bytes)?;
            }
            session.with(|open| open.space.write(place, bytes))?;
            at += now;
        }
        Ok(())
    }

    /// Writes the index of the chunks, and says where the elements are.
    pub(super) fn index(&mut self, space: &mut Space) -> Result<Layout> {
        match &mut self.storage {
            Storage::Compact(data) => Ok(Layout::Compact(std::mem::take(data))),
            Storage::Contiguous { address, .. } => {
                let rows = self.plan.shape.first().copied().unwrap_or(1);
                Ok(Layout::Contiguous { address: *address, size: Some(rows.saturating_mul(self.row_bytes as u64)) })
            }
            Storage::Chunked(chunks) => chunks.index(space, &self.plan),
        }
    }

    /// Calls `encode` with the header's messages of a dataset that is stored as `layout` says.
    pub(super) fn header<R>(&self, layout: &Layout, encode: impl FnOnce(&DatasetHeader<'_>) -> Result<R>) -> Result<R> {
        let dataspace = match &self.plan.shape[..] {
            [] => Dataspace::Scalar,
            dims => Dataspace::Simple { dims: Dims::from_slice(dims), max: self.plan.max.clone() },
        };
        encode(&DatasetHeader {
            dataspace: &dataspace,
            datatype: &self.plan.datatype,
            fill: &self.plan.fill_message(),
            filters: &self.plan.filters,
            layout,
            committed: None,
            external: None,
        })
    }
}
