//! A dataset that is being written: rows come in, chunks (or one contiguous block) go out.
//!
//! Rows wait until there is a group of them that is worth the work: several rows of chunks where chunks are filtered, so
//! that they are filtered in parallel even if rows come one by one. Where groups begin and end depends on the dataset
//! alone, neither on the cuts between the appends nor on the number of threads; so the file does not either.

use super::array::{self, ArrayLike};
use super::chunking::Chunking;
use super::chunks::Chunks;
use super::session::Session;
use crate::bytes::Address;
use crate::error::{Context, Error, Result};
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::Datatype;
use crate::format::message::fill_value::FillValue;
use crate::format::message::filter_pipeline::FilterInfo;
use crate::format::message::layout::Layout;
use crate::index::space::{METADATA, Space};
use crate::object::runs;
use crate::object::store::DatasetHeader;

/// Bytes of rows that wait to be filtered together.
const GROUP: u64 = 8 << 20;

/// Bytes of rows that wait to be written without filters.
const SMALL_GROUP: u64 = 64 << 10;

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
    Contiguous { address: Option<Address> },
    Chunked(Chunks),
}

impl DatasetWriter {
    pub(super) fn new(plan: Plan) -> Result<DatasetWriter> {
        let element_size = plan.datatype.size();
        let inner = plan.shape.get(1..).unwrap_or_default();
        let row_elements = array::count(inner)?;
        let row_bytes = (row_elements as u64).checked_mul(element_size);
        let row_bytes = row_bytes
            .and_then(|n| usize::try_from(n).ok())
            .ok_or_else(|| Error::limit(format!("shape {:?}: a row does not fit memory", plan.shape)))?;
        let (storage, rows) = match &plan.chunk {
            None => (Storage::Contiguous { address: None }, 1),
            Some(chunk) => {
                let fill = plan.fill.clone().unwrap_or_default();
                let fill = if fill.iter().all(|&b| b == 0) { Vec::new() } else { fill };
                let chunking = Chunking::new(&plan.shape, chunk.clone(), element_size, fill)?;
                let rows = chunking.rows();
                (Storage::Chunked(Chunks::new(chunking, &plan.filters)?), rows)
            }
        };
        let worth = if plan.filters.is_empty() { SMALL_GROUP } else { GROUP };
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
        let count = self.check(session, rows)?;
        if count == 0 {
            return Ok(());
        }
        self.take_all(session, rows, count).inspect_err(|e| {
            // Some of the rows are in, some are not, and nobody knows which.
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
        if let Storage::Chunked(chunks) = &self.storage
            && self.waiting.is_empty()
            && !self.next_row.is_multiple_of(chunks.chunking.rows())
        {
            let rows = self.next_row;
            return Err(Error::conflict(format!("row {rows} lies in a chunk that is stored already")));
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
            Storage::Chunked(chunks) => {
                let rows = (bytes.len() / self.row_bytes.max(1)) as u64;
                chunks.store(session, bytes, rows, first)
            }
        }
    }

    /// Stores a chunk that is filtered already.
    pub(super) fn write_chunk(&mut self, session: &Session, offset: &[u64], raw: &[u8], mask: u32) -> Result<()> {
        self.check_open()?;
        let Storage::Chunked(chunks) = &mut self.storage else {
            return Err(Error::mismatch("the dataset is not stored in chunks"));
        };
        let number = chunks.check_filtered(offset, raw, mask)?;
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
        if !self.waiting.is_empty() && first >= self.next_row {
            self.store_waiting(session).inspect_err(|e| session.fail(e))?;
        }
        if let Storage::Chunked(chunks) = &mut self.storage {
            chunks.store_filtered(session, number, raw, mask)?;
        }
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
        let stored = self.store_waiting(session).and_then(|()| self.fill_rest(session));
        self.waiting = Vec::new();
        stored.on(&self.plan.path).inspect_err(|e| session.fail(e))
    }

    /// Writes the fill value to the rows of a contiguous dataset that never came; zeros are there already.
    fn fill_rest(&self, session: &Session) -> Result<()> {
        let (Storage::Contiguous { address: Some(address) }, Some(fill)) = (&self.storage, &self.plan.fill) else {
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
                Ok(Layout::Contiguous { address: *address, size: Some(rows.saturating_mul(self.row_bytes as u64)) })
            }
            Storage::Chunked(chunks) => chunks.index(space, element_size),
        }
    }

    /// Calls `encode` with the header's messages of a dataset that is stored as `layout` says.
    pub(super) fn header<R>(&self, layout: &Layout, encode: impl FnOnce(&DatasetHeader<'_>) -> Result<R>) -> Result<R> {
        let dataspace = match &self.plan.shape[..] {
            [] => Dataspace::Scalar,
            dims => Dataspace::Simple { dims: dims.to_vec(), max: self.plan.max.clone() },
        };
        let unset = match layout {
            Layout::Chunked(_) => FillValue::INCREMENTAL,
            _ => FillValue::LATE,
        };
        encode(&DatasetHeader {
            dataspace: &dataspace,
            datatype: &self.plan.datatype,
            fill: &FillValue { value: self.plan.fill.clone(), ..unset },
            filters: &self.plan.filters,
            layout,
            committed: None,
            external: None,
        })
    }
}
