//! The elements of a dataset, as they are stored: plan, fetch, decode.
//!
//! A read of chunks is cut along the first dimension in which it meets more than one: every band is then one piece of
//! the output, and bands are read in parallel without a lock or a copy more than needed.

use super::ObjectHeader;
use super::chunks::{ChunkRecord, ChunkTable, Grid};
use super::runs::{self, Place};
use crate::bytes::{Address, zeroed};
use crate::data::selection::Selection;
use crate::error::{Error, Result};
use crate::filters::{Pipeline, Scratch};
use crate::format::message::dataspace::Dataspace;
use crate::format::message::fill_value::FillValue;
use crate::format::message::filter_pipeline::{self, FilterInfo};
use crate::format::message::kind;
use crate::format::message::layout::{Chunked, Layout};
use crate::io::Reader;
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::OnceLock;

/// Output that one thread takes at a time.
const TASK: usize = 256 << 10;

/// Gaps up to this size are read rather than skipped.
const GAP: u64 = 32 << 10;

/// Bytes fetched in one piece for scattered runs.
const SPAN: u64 = 4 << 20;

/// Where and how the elements of a dataset are stored.
pub(crate) struct RawData {
    dims: Vec<u64>,
    max: Vec<Option<u64>>,
    element_size: u64,
    pub(crate) layout: Layout,
    pub(crate) filters: Vec<FilterInfo>,
    pipeline: Pipeline,
    /// One element, or nothing for zeros.
    fill: Vec<u8>,
    /// There are external files, which hold the elements.
    external: bool,
    chunks: OnceLock<(Grid, ChunkTable)>,
}

/// What a thread keeps from chunk to chunk.
#[derive(Default)]
struct Buffers {
    scratch: Scratch,
    stored: Vec<u8>,
    chunk: Vec<u8>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// Buffers of a thread that have grown beyond this are not kept.
const KEPT: usize = 32 << 20;

impl RawData {
    /// Reads what the header says of a dataset of this shape.
    pub(crate) fn load(
        header: &ObjectHeader,
        reader: &Reader,
        dataspace: &Dataspace,
        element_size: u64,
    ) -> Result<RawData> {
        let layout = header
            .find(kind::LAYOUT)
            .ok_or_else(|| Error::damaged("a dataset without a layout"))?;
        let layout = Layout::decode(layout.bytes, reader.widths())?;
        let filters = header.resolved(reader, kind::FILTER_PIPELINE, filter_pipeline::decode)?;
        let filters = filters.map(|(f, _)| f).unwrap_or_default();
        let fill = match header.resolved(reader, kind::FILL_VALUE, FillValue::decode)? {
            Some((fill, _)) => fill.value,
            None => header
                .resolved(reader, kind::FILL_VALUE_OLD, FillValue::decode_old)?
                .and_then(|(v, _)| v),
        };
        let fill = fill.unwrap_or_default();
        if !fill.is_empty() && fill.len() as u64 != element_size {
            let message = format!("{} bytes, elements have {element_size}", fill.len());
            return Err(Error::damaged(message).in_structure("fill value"));
        }
        if let Layout::Chunked(c) = &layout
            && c.element_size != element_size
        {
            let message = format!(
                "elements of {} bytes, the datatype has {element_size}",
                c.element_size
            );
            return Err(Error::damaged(message).in_structure("data layout"));
        }
        Ok(RawData {
            dims: dataspace.dims().to_vec(),
            max: dataspace.max_dims(),
            element_size,
            layout,
            pipeline: Pipeline::new(&filters)?,
            filters,
            fill: if fill.iter().all(|&b| b == 0) {
                Vec::new()
            } else {
                fill
            },
            external: header.find(kind::EXTERNAL_FILES).is_some(),
            chunks: OnceLock::new(),
        })
    }

    /// The chunks, read at the first call.
    pub(crate) fn chunks(&self, reader: &Reader, layout: &Chunked) -> Result<&(Grid, ChunkTable)> {
        if let Some(known) = self.chunks.get() {
            return Ok(known);
        }
        let grid = Grid::new(&self.dims, &self.max, &layout.shape)?;
        let table = ChunkTable::load(reader, layout, &grid)?;
        Ok(self.chunks.get_or_init(|| (grid, table)))
    }

    /// Bytes in the file, if they are known without effort or `exact` asks for them.
    pub(crate) fn stored_bytes(&self, reader: &Reader) -> Result<u64> {
        match &self.layout {
            Layout::Compact(data) => Ok(data.len() as u64),
            Layout::Contiguous { address: None, .. } => Ok(0),
            Layout::Contiguous { .. } => Ok(self.dims.iter().product::<u64>() * self.element_size),
            Layout::Chunked(c) => {
                let (grid, table) = self.chunks(reader, c)?;
                Ok(table.stored(grid).1)
            }
            Layout::Virtual(_) => Ok(0),
        }
    }

    /// Fills `out` with the selected elements. It must be just as long.
    pub(crate) fn read_into(
        &self,
        reader: &Reader,
        selection: &Selection,
        out: &mut [u8],
    ) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        match &self.layout {
            Layout::Compact(data) => self.read_memory(data, selection, out),
            Layout::Contiguous { address: None, .. } if self.external => {
                Err(Error::unsupported("external raw data files"))
            }
            Layout::Contiguous { address: None, .. } => {
                runs::fill_run(out, &self.fill);
                Ok(())
            }
            Layout::Contiguous {
                address: Some(address),
                size,
            } => self.read_contiguous(reader, *address, *size, selection, out),
            Layout::Chunked(layout) => self.read_chunked(reader, layout, selection, out),
            Layout::Virtual(_) => Err(Error::unsupported("virtual datasets")),
        }
    }

    /// A chunk as it is stored, with the mask of its filters. `position` counts in chunks.
    pub(crate) fn raw_chunk(
        &self,
        reader: &Reader,
        position: &[u64],
    ) -> Result<Option<(Vec<u8>, u32)>> {
        let Layout::Chunked(layout) = &self.layout else {
            return Err(Error::mismatch("not stored in chunks"));
        };
        let (grid, table) = self.chunks(reader, layout)?;
        if position.len() != grid.counts.len()
            || position.iter().zip(&grid.counts).any(|(p, n)| p >= n)
        {
            return Err(Error::mismatch(format!(
                "no chunk {position:?}, there are {:?}",
                grid.counts
            )));
        }
        let Some(record) = table.get(grid.number(position), grid)? else {
            return Ok(None);
        };
        reader.check_range(record.address, record.size)?;
        let mut bytes = zeroed(record.size)?;
        reader.raw_into(record.address, &mut bytes)?;
        Ok(Some((bytes, record.mask)))
    }

    fn total_bytes(&self) -> Result<u64> {
        let total = self
            .dims
            .iter()
            .try_fold(self.element_size, |n, &d| n.checked_mul(d));
        total
            .ok_or_else(|| Error::damaged("more than 2^64 bytes of data").in_structure("dataspace"))
    }

    fn read_memory(&self, data: &[u8], selection: &Selection, out: &mut [u8]) -> Result<()> {
        if (data.len() as u64) < self.total_bytes()? {
            let message = format!(
                "{} bytes of data, {} are needed",
                data.len(),
                self.total_bytes()?
            );
            return Err(Error::damaged(message).in_structure("data layout"));
        }
        let (start, shape) = (starts(selection), selection.shape());
        let (from, to) = places(&self.dims, &start, &shape);
        runs::copy(&shape, self.element_size, (data, from), (out, to))
    }

    fn read_contiguous(
        &self,
        reader: &Reader,
        address: Address,
        size: Option<u64>,
        selection: &Selection,
        out: &mut [u8],
    ) -> Result<()> {
        let total = self.total_bytes()?;
        if size.is_some_and(|s| s < total) {
            let message = format!("{} bytes of data, {total} are needed", size.unwrap_or(0));
            return Err(Error::damaged(message).in_structure("data layout"));
        }
        reader.check_range(address, total)?;
        if let Some(data) = reader.raw_slice(address, total)? {
            return self.read_memory(data, selection, out);
        }
        let (start, shape) = (starts(selection), selection.shape());
        let (from, to) = places(&self.dims, &start, &shape);
        let mut span = Span {
            reader,
            address,
            out,
            runs: Vec::new(),
            range: 0..0,
        };
        runs::for_each(&shape, self.element_size, from, to, |from, to, length| {
            span.add(from, to, length)
        })?;
        span.fetch()
    }

    fn read_chunked(
        &self,
        reader: &Reader,
        layout: &Chunked,
        selection: &Selection,
        out: &mut [u8],
    ) -> Result<()> {
        let (grid, table) = self.chunks(reader, layout)?;
        let bytes = reader.ctx().check_chunk(layout.chunk_bytes()?)?;
        let read = ChunkRead {
            raw: self,
            reader,
            layout,
            grid,
            table,
            bytes,
        };
        let (dim, bands) = read.bands(selection);
        if bands.len() < 2 {
            return read.scattered(selection, out);
        }
        // Bands of the cut dimension are pieces of the output, one behind the other.
        let row = (out.len() as u64 / (selection.0[dim].end - selection.0[dim].start)) as usize;
        let mut tasks: Vec<(Selection, &mut [u8])> = Vec::new();
        let mut rest = out;
        let mut bands = bands.into_iter().peekable();
        while let Some(mut range) = bands.next() {
            while let Some(next) =
                bands.next_if(|_| ((range.end - range.start) as usize) * row < TASK)
            {
                range.end = next.end;
            }
            let (here, behind) = rest.split_at_mut((range.end - range.start) as usize * row);
            rest = behind;
            let mut part = selection.clone();
            part.0[dim] = range;
            tasks.push((part, here));
        }
        tasks
            .into_par_iter()
            .try_for_each(|(part, out)| read.serial(&part, out))
    }

    /// The selected part of the box cut at chunk borders: pieces of whole bands whose output has about `bytes` bytes,
    /// in row-major order, for streaming.
    pub(crate) fn blocks(&self, bytes: u64) -> Vec<Selection> {
        let row: u64 = self
            .dims
            .iter()
            .skip(1)
            .product::<u64>()
            .saturating_mul(self.element_size);
        let (Some(&rows), false) = (self.dims.first(), self.dims.contains(&0)) else {
            return vec![Selection::all(&self.dims)];
        };
        let band = match &self.layout {
            Layout::Chunked(c) => c.shape.first().copied().unwrap_or(1),
            _ => 1,
        };
        let wanted = (bytes / row.max(1)).max(1);
        // Whole bands, unless one alone is many times too large: then its chunks are decoded more than once.
        let step = if band <= wanted {
            wanted / band * band
        } else if band <= 8 * wanted {
            band
        } else {
            wanted
        };
        let mut blocks = Vec::new();
        let mut start = 0;
        while start < rows {
            let end = rows.min(start.saturating_add(step));
            let mut block = Selection::all(&self.dims);
            block.0[0] = start..end;
            if row > 8 * bytes && end - start == 1 {
                split_row(&block, &self.dims, self.element_size, bytes, &mut blocks);
            } else {
                blocks.push(block);
            }
            start = end;
        }
        blocks
    }
}

/// Cuts one huge row along the next dimension, and so on.
fn split_row(
    block: &Selection,
    dims: &[u64],
    element_size: u64,
    bytes: u64,
    blocks: &mut Vec<Selection>,
) {
    let Some(dim) = (1..dims.len()).find(|&d| dims[d] > 1) else {
        blocks.push(block.clone());
        return;
    };
    let row: u64 = dims[dim + 1..]
        .iter()
        .product::<u64>()
        .saturating_mul(element_size);
    let step = (bytes / row.max(1)).max(1);
    let mut start = 0;
    while start < dims[dim] {
        let end = dims[dim].min(start.saturating_add(step));
        let mut part = block.clone();
        part.0[dim] = start..end;
        blocks.push(part);
        start = end;
    }
}

fn starts(selection: &Selection) -> Vec<u64> {
    selection.0.iter().map(|r| r.start).collect()
}

/// A selection in the dataset, and as an array of its own.
fn places<'a>(dims: &'a [u64], start: &'a [u64], shape: &'a [u64]) -> (Place<'a>, Place<'a>) {
    const ZEROS: [u64; 32] = [0; 32];
    (
        Place { shape: dims, start },
        Place {
            shape,
            start: &ZEROS[..shape.len()],
        },
    )
}

/// Scattered runs of a contiguous dataset, gathered until it pays to fetch them in one piece.
struct Span<'a> {
    reader: &'a Reader,
    address: Address,
    out: &'a mut [u8],
    /// Offset in the data, offset in the output, length.
    runs: Vec<(u64, usize, usize)>,
    /// What of the data the runs cover.
    range: Range<u64>,
}

impl Span<'_> {
    fn add(&mut self, from: u64, to: u64, length: u64) -> Result<()> {
        let far = from > self.range.end + GAP || from + length - self.range.start > SPAN;
        if far && !self.runs.is_empty() {
            self.fetch()?;
        }
        if self.runs.is_empty() {
            self.range = from..from;
        }
        self.range.end = from + length;
        self.runs.push((from, to as usize, length as usize));
        Ok(())
    }

    fn fetch(&mut self) -> Result<()> {
        let start = self.address.plus(self.range.start)?;
        match self.runs[..] {
            [] => {}
            [(_, to, length)] => self
                .reader
                .raw_into(start, &mut self.out[to..to + length])?,
            _ => {
                let mut bytes = zeroed(self.range.end - self.range.start)?;
                self.reader.raw_into(start, &mut bytes)?;
                for &(from, to, length) in &self.runs {
                    let from = (from - self.range.start) as usize;
                    self.out[to..to + length].copy_from_slice(&bytes[from..from + length]);
                }
            }
        }
        self.runs.clear();
        Ok(())
    }
}

/// One read of chunks.
struct ChunkRead<'a> {
    raw: &'a RawData,
    reader: &'a Reader,
    layout: &'a Chunked,
    grid: &'a Grid,
    table: &'a ChunkTable,
    /// Bytes of a chunk, decoded.
    bytes: usize,
}

impl ChunkRead<'_> {
    /// The dimension to cut along, and the ranges of it between chunk borders. All dimensions before it have one index,
    /// so that each range is one piece of the output.
    fn bands(&self, selection: &Selection) -> (usize, Vec<Range<u64>>) {
        for (dim, range) in selection.0.iter().enumerate() {
            let chunk = self.grid.chunk[dim];
            if range.start / chunk != (range.end - 1) / chunk {
                let mut bands = Vec::new();
                let mut start = range.start;
                while start < range.end {
                    let end = range.end.min((start / chunk + 1) * chunk);
                    bands.push(start..end);
                    start = end;
                }
                return (dim, bands);
            }
            if range.end - range.start > 1 {
                break;
            }
        }
        (0, Vec::new())
    }

    /// Calls `each` with the position, in chunks, of every chunk that the selection meets.
    fn for_each_chunk(
        &self,
        selection: &Selection,
        mut each: impl FnMut(&[u64]) -> Result<()>,
    ) -> Result<()> {
        let ranges: Vec<Range<u64>> = selection
            .0
            .iter()
            .zip(&self.grid.chunk)
            .map(|(r, c)| r.start / c..(r.end - 1) / c + 1)
            .collect();
        let mut position: Vec<u64> = ranges.iter().map(|r| r.start).collect();
        loop {
            each(&position)?;
            let mut d = ranges.len();
            loop {
                let Some(next) = d.checked_sub(1) else {
                    return Ok(());
                };
                d = next;
                position[d] += 1;
                if position[d] < ranges[d].end {
                    break;
                }
                position[d] = ranges[d].start;
            }
        }
    }

    /// One chunk after the other.
    fn serial(&self, selection: &Selection, out: &mut [u8]) -> Result<()> {
        BUFFERS.with_borrow_mut(|buffers| {
            let result = self.for_each_chunk(selection, |position| {
                let piece = Piece::new(self, position, selection);
                match self.table.get(self.grid.number(position), self.grid)? {
                    None => piece.fill(out),
                    Some(record) => self.decode_piece(&piece, record, position, buffers, out),
                }
            });
            buffers.shrink();
            result
        })
    }

    /// Chunks decoded in parallel, a few at a time, and put in their places by one thread: for reads whose chunks
    /// interleave in the output.
    fn scattered(&self, selection: &Selection, out: &mut [u8]) -> Result<()> {
        let batch = 2 * rayon::current_num_threads();
        let memory = (64 << 20) / self.bytes.max(1);
        let mut pending: Vec<(Vec<u64>, ChunkRecord)> = Vec::new();
        if memory < 2 || batch < 4 {
            return self.serial(selection, out);
        }
        let flush = |pending: &mut Vec<(Vec<u64>, ChunkRecord)>, out: &mut [u8]| {
            if let [(position, record)] = &pending[..] {
                let piece = Piece::new(self, position, selection);
                BUFFERS
                    .with_borrow_mut(|b| self.decode_piece(&piece, *record, position, b, out))?;
            } else {
                let decoded = pending.par_iter().map(|(position, record)| {
                    let mut chunk = zeroed(self.bytes as u64)?;
                    BUFFERS.with_borrow_mut(|b| {
                        self.decode(*record, position, b, &mut chunk, self.least(position))
                    })?;
                    Ok(chunk)
                });
                for ((position, _), chunk) in pending
                    .iter()
                    .zip(decoded.collect::<Vec<Result<Vec<u8>>>>())
                {
                    Piece::new(self, position, selection).copy(&chunk?, out)?;
                }
            }
            pending.clear();
            Ok(())
        };
        self.for_each_chunk(selection, |position| {
            match self.table.get(self.grid.number(position), self.grid)? {
                None => Piece::new(self, position, selection).fill(out)?,
                Some(record) => pending.push((position.to_vec(), record)),
            }
            if pending.len() == batch.min(memory) {
                flush(&mut pending, out)
            } else {
                Ok(())
            }
        })?;
        flush(&mut pending, out)
    }

    fn decode_piece(
        &self,
        piece: &Piece<'_>,
        record: ChunkRecord,
        position: &[u64],
        buffers: &mut Buffers,
        out: &mut [u8],
    ) -> Result<()> {
        if let Some(range) = piece.whole() {
            return self.decode(record, position, buffers, &mut out[range], self.bytes);
        }
        let mut chunk = std::mem::take(&mut buffers.chunk);
        if chunk.len() != self.bytes {
            chunk = zeroed(self.bytes as u64)?;
        }
        let least = self.least(position);
        let result = self
            .decode(record, position, buffers, &mut chunk, least)
            .and_then(|()| piece.copy(&chunk, out));
        buffers.chunk = chunk;
        result
    }

    /// The bytes of a chunk up to its last element inside the dataset.
    fn least(&self, position: &[u64]) -> usize {
        let last = position
            .iter()
            .zip(&self.grid.chunk)
            .zip(&self.grid.dims)
            .fold(0, |n, ((p, c), d)| {
                let inside = (d - p * c).min(*c);
                n * c + inside - 1
            });
        ((last + 1) * self.raw.element_size) as usize
    }

    /// Fetches a chunk and undoes its filters, into `chunk`: at least its first `least` bytes.
    fn decode(
        &self,
        record: ChunkRecord,
        position: &[u64],
        buffers: &mut Buffers,
        chunk: &mut [u8],
        least: usize,
    ) -> Result<()> {
        let pipeline = &self.raw.pipeline;
        let plain = self.layout.plain_edges && self.grid.is_partial(position);
        let context = |e: Error| e.in_structure("chunk").at(record.address.get());
        if plain || pipeline.skips_all(record.mask) {
            if record.size < chunk.len() as u64 && !plain {
                let message = format!(
                    "{} bytes in the file, {} are needed",
                    record.size,
                    chunk.len()
                );
                return Err(context(Error::damaged(message)));
            }
            return self.reader.raw_into(record.address, chunk).map_err(context);
        }
        if let Some(stored) = self
            .reader
            .raw_slice(record.address, record.size)
            .map_err(context)?
        {
            return pipeline
                .decode(stored, record.mask, chunk, least, &mut buffers.scratch)
                .map_err(context);
        }
        self.reader
            .check_range(record.address, record.size)
            .map_err(context)?;
        buffers.stored.clear();
        buffers.stored.resize(record.size as usize, 0);
        self.reader
            .raw_into(record.address, &mut buffers.stored)
            .map_err(context)?;
        pipeline
            .decode(
                &buffers.stored,
                record.mask,
                chunk,
                least,
                &mut buffers.scratch,
            )
            .map_err(context)
    }
}

impl Buffers {
    /// A thread of the pool lives on after the read: it keeps what is useful and no more.
    fn shrink(&mut self) {
        if self.chunk.capacity() + self.stored.capacity() > KEPT {
            *self = Buffers::default();
        }
    }
}

/// What a chunk and a selection have in common.
struct Piece<'a> {
    size: u64,
    fill: &'a [u8],
    extent: Vec<u64>,
    chunk: &'a [u64],
    in_chunk: Vec<u64>,
    shape: Vec<u64>,
    in_output: Vec<u64>,
}

impl<'a> Piece<'a> {
    fn new(read: &'a ChunkRead<'_>, position: &[u64], selection: &Selection) -> Piece<'a> {
        let chunk = &read.grid.chunk[..];
        let rank = chunk.len();
        let (mut extent, mut in_chunk) = (Vec::with_capacity(rank), Vec::with_capacity(rank));
        let mut in_output = Vec::with_capacity(rank);
        for ((p, c), range) in position.iter().zip(chunk).zip(&selection.0) {
            let (first, last) = (p * c, p * c + c);
            let (start, end) = (first.max(range.start), last.min(range.end));
            extent.push(end - start);
            in_chunk.push(start - first);
            in_output.push(start - range.start);
        }
        let (size, fill) = (read.raw.element_size, &read.raw.fill[..]);
        Piece {
            size,
            fill,
            extent,
            chunk,
            in_chunk,
            shape: selection.shape(),
            in_output,
        }
    }

    fn target(&self) -> Place<'_> {
        Place {
            shape: &self.shape,
            start: &self.in_output,
        }
    }

    /// Where all of the chunk lies in the output, if it does and in one run.
    fn whole(&self) -> Option<Range<usize>> {
        // From the first dimension in which the chunk has more than one index, all further ones must be whole.
        let first = self
            .chunk
            .iter()
            .position(|&c| c > 1)
            .unwrap_or(self.chunk.len());
        let one_run = self
            .chunk
            .iter()
            .zip(&self.shape)
            .skip(first + 1)
            .all(|(c, s)| c == s);
        if self.extent != self.chunk || !one_run {
            return None;
        }
        let index = self
            .in_output
            .iter()
            .zip(&self.shape)
            .fold(0, |n, (i, s)| n * s + i);
        let start = (index * self.size) as usize;
        let length = self.extent.iter().product::<u64>() * self.size;
        Some(start..start + length as usize)
    }

    fn copy(&self, chunk: &[u8], out: &mut [u8]) -> Result<()> {
        let from = Place {
            shape: self.chunk,
            start: &self.in_chunk,
        };
        runs::copy(&self.extent, self.size, (chunk, from), (out, self.target()))
    }

    fn fill(&self, out: &mut [u8]) -> Result<()> {
        runs::fill(&self.extent, self.size, self.fill, (out, self.target()))
    }
}
