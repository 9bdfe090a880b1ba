//! Reading chunks: fetched, decoded, put in their places.
//!
//! A read is cut along the first dimension in which it meets more than one chunk: every band is then one piece of the
//! output, and bands are read in parallel without a lock or a copy more than needed.

use super::RawData;
use crate::bytes::zeroed;
use crate::data::selection::Selection;
use crate::error::{Error, Result};
use crate::filters::Scratch;
use crate::format::message::layout::Chunked;
use crate::io::Reader;
use crate::object::chunks::{ChunkRecord, ChunkTable, Grid};
use crate::object::runs::{self, Place};
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;

/// Output that one thread takes at a time.
const TASK: usize = 256 << 10;

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

/// Fills `out` with the selected elements of a chunked dataset.
pub(super) fn read(
    raw: &RawData,
    reader: &Reader,
    layout: &Chunked,
    selection: &Selection,
    out: &mut [u8],
) -> Result<()> {
    let (grid, table) = raw.chunks(reader, layout)?;
    let bytes = reader.ctx().check_chunk(layout.chunk_bytes()?)?;
    let read = ChunkRead { raw, reader, layout, grid, table, bytes };
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
        while let Some(next) = bands.next_if(|_| ((range.end - range.start) as usize) * row < TASK) {
            range.end = next.end;
        }
        let (here, behind) = rest.split_at_mut((range.end - range.start) as usize * row);
        rest = behind;
        let mut part = selection.clone();
        part.0[dim] = range;
        tasks.push((part, here));
    }
    tasks.into_par_iter().try_for_each(|(part, out)| read.serial(&part, out))
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
    fn for_each_chunk(&self, selection: &Selection, mut each: impl FnMut(&[u64]) -> Result<()>) -> Result<()> {
        let ranges: Vec<Range<u64>> =
            selection.0.iter().zip(&self.grid.chunk).map(|(r, c)| r.start / c..(r.end - 1) / c + 1).collect();
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
                BUFFERS.with_borrow_mut(|b| self.decode_piece(&piece, *record, position, b, out))?;
            } else {
                let decoded = pending.par_iter().map(|(position, record)| {
                    let mut chunk = zeroed(self.bytes as u64)?;
                    BUFFERS.with_borrow_mut(|b| self.decode(*record, position, b, &mut chunk, self.least(position)))?;
                    Ok(chunk)
                });
                for ((position, _), chunk) in pending.iter().zip(decoded.collect::<Vec<Result<Vec<u8>>>>()) {
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
            if pending.len() == batch.min(memory) { flush(&mut pending, out) } else { Ok(()) }
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
        let result = self.decode(record, position, buffers, &mut chunk, least).and_then(|()| piece.copy(&chunk, out));
        buffers.chunk = chunk;
        result
    }

    /// The bytes of a chunk up to its last element inside the dataset.
    fn least(&self, position: &[u64]) -> usize {
        let last = position.iter().zip(&self.grid.chunk).zip(&self.grid.dims).fold(0, |n, ((p, c), d)| {
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
                let message = format!("{} bytes in the file, {} are needed", record.size, chunk.len());
                return Err(context(Error::damaged(message)));
            }
            return self.reader.raw_into(record.address, chunk).map_err(context);
        }
        if let Some(stored) = self.reader.raw_slice(record.address, record.size).map_err(context)? {
            return pipeline.decode(stored, record.mask, chunk, least, &mut buffers.scratch).map_err(context);
        }
        self.reader.check_range(record.address, record.size).map_err(context)?;
        buffers.stored.clear();
        buffers.stored.resize(record.size as usize, 0);
        self.reader.raw_into(record.address, &mut buffers.stored).map_err(context)?;
        pipeline.decode(&buffers.stored, record.mask, chunk, least, &mut buffers.scratch).map_err(context)
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
        Piece { size, fill, extent, chunk, in_chunk, shape: selection.shape(), in_output }
    }

    fn target(&self) -> Place<'_> {
        Place { shape: &self.shape, start: &self.in_output }
    }

    /// Where all of the chunk lies in the output, if it does and in one run.
    fn whole(&self) -> Option<Range<usize>> {
        // From the first dimension in which the chunk has more than one index, all further ones must be whole.
        let first = self.chunk.iter().position(|&c| c > 1).unwrap_or(self.chunk.len());
        let one_run = self.chunk.iter().zip(&self.shape).skip(first + 1).all(|(c, s)| c == s);
        if self.extent != self.chunk || !one_run {
            return None;
        }
        let index = self.in_output.iter().zip(&self.shape).fold(0, |n, (i, s)| n * s + i);
        let start = (index * self.size) as usize;
        let length = self.extent.iter().product::<u64>() * self.size;
        Some(start..start + length as usize)
    }

    fn copy(&self, chunk: &[u8], out: &mut [u8]) -> Result<()> {
        let from = Place { shape: self.chunk, start: &self.in_chunk };
        runs::copy(&self.extent, self.size, (chunk, from), (out, self.target()))
    }

    fn fill(&self, out: &mut [u8]) -> Result<()> {
        runs::fill(&self.extent, self.size, self.fill, (out, self.target()))
    }
}
