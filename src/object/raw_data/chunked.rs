//! Reading chunks: planned, fetched, decoded into their places.
//!
//! A read is cut along the first dimension in which it meets more than one chunk: every band is then one piece of the
//! output, and bands are read in parallel without a lock or a copy more than needed. In each band all chunks are looked
//! up first; those that stand together in the file are fetched together; a chunk that is one run of the output is
//! decoded straight into it.

use super::piece::Piece;
use super::{RawData, direct};
use crate::bytes::zeroed;
use crate::data::selection::{Axis, Cut};
use crate::error::{Error, Result};
use crate::filters::Scratch;
use crate::format::message::layout::Chunked;
use crate::io::Reader;
use crate::object::chunks::{ChunkRecord, ChunkTable, Grid};
use rayon::prelude::*;
use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

/// Output that one thread takes at a time.
const TASK: usize = 256 << 10;

/// Chunks that stand together in the file are fetched together, up to so many bytes.
const FETCH: u64 = 1 << 20;

/// What a thread keeps from chunk to chunk.
#[derive(Default)]
struct Buffers {
    scratch: Scratch,
    stored: Vec<u8>,
    chunk: Vec<u8>,
    /// A second chunk that is decoded at the same time.
    beside: Vec<u8>,
}

thread_local! {
    static BUFFERS: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
}

/// Calls `work` with what this thread keeps. They are not there meanwhile: a thread that waits for others, which help it to
/// fetch a large chunk, may take up another chunk.
fn with_buffers<R>(work: impl FnOnce(&mut Buffers) -> R) -> R {
    let mut buffers = BUFFERS.take().unwrap_or_default();
    let result = work(&mut buffers);
    if buffers.are_kept() {
        BUFFERS.set(Some(buffers));
    }
    result
}

/// Chunks up to this size may be decoded two at once.
const PAIRED: usize = 4 << 20;

/// Buffers of a thread that have grown beyond this are not kept.
const KEPT: usize = 32 << 20;

/// A chunk that a read needs.
struct Wanted {
    position: Vec<u64>,
    record: ChunkRecord,
}

/// Fills `out` with the selected elements of a chunked dataset.
pub(super) fn read(raw: &RawData, reader: &Reader, layout: &Chunked, axes: &[Axis], out: &mut [u8]) -> Result<()> {
    if direct::read_run(raw, reader, layout, axes, out)? {
        return Ok(());
    }
    let read = ChunkRead::new(raw, reader, layout, axes)?;
    let cuts: Vec<Vec<Cut>> = axes.iter().zip(&read.grid.chunk).map(|(a, &c)| a.cuts(c)).collect();
    read.announce(&cuts)?;
    let Some(dim) = read.cut_dimension(&cuts) else {
        return read.interleaved(&cuts, out);
    };
    // Bands of the cut dimension are pieces of the output, one behind the other.
    let row = (out.len() as u64 / axes[dim].len()) as usize;
    let mut tasks: Vec<Task<'_>> = Vec::new();
    // Bands of one large chunk go two together where those are better decoded at once, and threads have enough to do.
    let single = cuts.iter().enumerate().all(|(d, c)| d == dim || c.len() == 1);
    let enough = cuts[dim].len() >= 8 * rayon::current_num_threads();
    let least = if single && enough && read.bytes <= PAIRED && raw.pipeline.is_for_two(0) { 2 } else { 1 };
    let (mut bands, mut rest) = (&cuts[dim][..], out);
    while let Some(first) = bands.first() {
        let start = first.to.start;
        let small = |c: &Cut| ((c.to.start - start) as usize) * row < TASK;
        let n = bands.iter().skip(1).take_while(|c| small(c)).count() + 1;
        let n = n.max(least).min(bands.len());
        let (here, behind) = bands.split_at(n);
        let rows = here.last().map_or(0, |c| c.to.end) - start;
        let (bytes, more) = rest.split_at_mut(rows as usize * row);
        (bands, rest) = (behind, more);
        let mut part: Vec<&[Cut]> = cuts.iter().map(|c| &c[..]).collect();
        part[dim] = here;
        tasks.push((part, start, bytes));
    }
    let one = |(part, start, out): Task<'_>| {
        let mut origin = vec![0; axes.len()];
        origin[dim] = start;
        read.serial(&part, &origin, out)
    };
    match tasks.len() {
        1 => tasks.into_iter().try_for_each(one),
        _ => tasks.into_par_iter().try_for_each(one),
    }
}

/// Puts a whole chunk, which begins at an offset and is stored as a record says, into `chunk`.
pub(super) fn whole(
    raw: &RawData,
    reader: &Reader,
    layout: &Chunked,
    (offset, record): (&[u64], &ChunkRecord),
    chunk: &mut Vec<u8>,
) -> Result<()> {
    let read = ChunkRead::new(raw, reader, layout, &[])?;
    let position = offset.iter().zip(&read.grid.chunk).map(|(o, c)| o / c).collect();
    let wanted = Wanted { position, record: *record };
    let least = read.least(&wanted.position);
    chunk.resize(read.bytes, 0);
    // A stream may be as short as that.
    chunk[least..].fill(0);
    with_buffers(|buffers| read.decode(&wanted, None, buffers, chunk, least))
}

/// Some bands: the cuts in each dimension, where they begin in the result, and their piece of the output.
type Task<'a> = (Vec<&'a [Cut]>, u64, &'a mut [u8]);

/// One read of chunks.
pub(super) struct ChunkRead<'a> {
    pub(super) raw: &'a RawData,
    reader: &'a Reader,
    layout: &'a Chunked,
    pub(super) grid: &'a Grid,
    table: &'a ChunkTable,
    pub(super) axes: &'a [Axis],
    /// The shape of the result.
    pub(super) shape: Vec<u64>,
    /// Bytes of a chunk, decoded.
    pub(super) bytes: usize,
}

impl<'a> ChunkRead<'a> {
    pub(super) fn new(
        raw: &'a RawData,
        reader: &'a Reader,
        layout: &'a Chunked,
        axes: &'a [Axis],
    ) -> Result<ChunkRead<'a>> {
        let (grid, table) = raw.chunks(reader, layout)?;
        let bytes = reader.ctx().check_chunk(layout.chunk_bytes()?)?;
        let shape = axes.iter().map(Axis::len).collect();
        Ok(ChunkRead { raw, reader, layout, grid, table, axes, shape, bytes })
    }

    /// Tells a source that fetches on demand everything that the read is going to need.
    fn announce(&self, cuts: &[Vec<Cut>]) -> Result<()> {
        if !self.reader.wants_plan() {
            return Ok(());
        }
        let cuts: Vec<&[Cut]> = cuts.iter().map(|c| &c[..]).collect();
        let mut plan = Vec::new();
        for_each_chunk(&cuts, |position| {
            if let Some(record) = self.table.get(self.grid.number(position), self.grid)? {
                plan.push((record.address, record.size));
            }
            Ok(())
        })?;
        self.reader.announce(&plan)
    }

    /// The dimension to cut along: all before it have one index, so that each cut is one piece of the output.
    fn cut_dimension(&self, cuts: &[Vec<Cut>]) -> Option<usize> {
        let dim = self.axes.iter().position(|a| a.len() > 1)?;
        (cuts[dim].len() > 1 && self.axes[dim].is_ordered()).then_some(dim)
    }

    /// One chunk after the other. `origin` is where `out` begins in the result.
    fn serial(&self, cuts: &[&[Cut]], origin: &[u64], out: &mut [u8]) -> Result<()> {
        with_buffers(|buffers| {
            let mut wanted: Vec<Wanted> = Vec::new();
            let mut end = None;
            for_each_chunk(cuts, |position| {
                let Some(record) = self.table.get(self.grid.number(position), self.grid)? else {
                    return Piece::new(self, position, origin).fill(out);
                };
                // A damaged index may say any size.
                let size = wanted.iter().fold(record.size, |size, w| size.saturating_add(w.record.size));
                let together = size <= FETCH || (wanted.len() == 1 && size <= PAIRED as u64);
                if !wanted.is_empty() && (end != Some(record.address.get()) || !together) {
                    self.fetch(&mut wanted, origin, buffers, out)?;
                }
                end = record.address.get().checked_add(record.size);
                wanted.push(Wanted { position: position.to_vec(), record });
                Ok(())
            })?;
            self.fetch(&mut wanted, origin, buffers, out)
        })
    }

    /// Fetches chunks that stand one behind the other, and decodes them into their places.
    fn fetch(&self, wanted: &mut Vec<Wanted>, origin: &[u64], buffers: &mut Buffers, out: &mut [u8]) -> Result<()> {
        let [first, _, ..] = &wanted[..] else {
            return wanted.drain(..).try_for_each(|w| self.place(&w, None, origin, buffers, out));
        };
        let (start, size) = (first.record.address, wanted.iter().map(|w| w.record.size).sum());
        if let Some(stored) = self.reader.raw_slice(start, size)? {
            return self.place_all(wanted, stored, origin, buffers, out);
        }
        self.reader.check_range(start, size)?;
        let mut stored = std::mem::take(&mut buffers.stored);
        stored.resize(size as usize, 0);
        self.reader.raw_into(start, &mut stored)?;
        self.place_all(wanted, &stored, origin, buffers, out)?;
        buffers.stored = stored;
        Ok(())
    }

    /// Decodes chunks that stand one behind the other in `stored` into their places, two at once where that pays.
    fn place_all(
        &self,
        wanted: &mut Vec<Wanted>,
        mut stored: &[u8],
        origin: &[u64],
        buffers: &mut Buffers,
        out: &mut [u8],
    ) -> Result<()> {
        let mut take = |w: &Wanted| {
            let (here, behind) = stored.split_at(w.record.size as usize);
            stored = behind;
            here
        };
        let mut rest = wanted.drain(..);
        while let Some(one) = rest.next() {
            let here = take(&one);
            let two = rest.as_slice().first().filter(|two| self.are_for_two(&one, two, origin));
            let Some(_) = two else {
                self.place(&one, Some(here), origin, buffers, out)?;
                continue;
            };
            if let Some(two) = rest.next() {
                let both = [here, take(&two)];
                self.place_two([&one, &two], both, origin, buffers, out)?;
            }
        }
        Ok(())
    }

    /// Whether two chunks are better decoded at once.
    fn are_for_two(&self, one: &Wanted, two: &Wanted, origin: &[u64]) -> bool {
        let decoded = |w: &Wanted| {
            // A part of a chunk is kept for the next read.
            !self.is_plain(w) && !Piece::new(self, &w.position, origin).is_small()
        };
        let mask = one.record.mask;
        self.bytes <= PAIRED
            && mask == two.record.mask
            && self.raw.pipeline.is_for_two(mask)
            && decoded(one)
            && decoded(two)
    }

    fn place_two(
        &self,
        wanted: [&Wanted; 2],
        stored: [&[u8]; 2],
        origin: &[u64],
        buffers: &mut Buffers,
        out: &mut [u8],
    ) -> Result<()> {
        let mask = wanted[0].record.mask;
        let pieces = wanted.map(|w| Piece::new(self, &w.position, origin));
        let decode = |buffers: &mut Buffers, chunks: [&mut [u8]; 2], least: [usize; 2]| {
            let both = self.raw.pipeline.decode_two(stored, mask, chunks, least, &mut buffers.scratch);
            let context = |(result, w): (Result<()>, &Wanted)| {
                result.map_err(|e| e.in_structure("chunk").at(w.record.address.get()))
            };
            both.into_iter().zip(wanted).try_for_each(context)
        };
        if let [Some(one), Some(two)] = [&pieces[0], &pieces[1]].map(Piece::whole)
            && let Ok(chunks) = out.get_disjoint_mut([one, two])
        {
            return decode(buffers, chunks, [self.bytes; 2]);
        }
        let (mut one, mut two) = (std::mem::take(&mut buffers.chunk), std::mem::take(&mut buffers.beside));
        for chunk in [&mut one, &mut two] {
            if chunk.len() != self.bytes {
                *chunk = zeroed(self.bytes as u64)?;
            }
        }
        let least = wanted.map(|w| self.least(&w.position));
        decode(buffers, [&mut one, &mut two], least)?;
        pieces[0].copy(&one, out)?;
        pieces[1].copy(&two, out)?;
        (buffers.chunk, buffers.beside) = (one, two);
        Ok(())
    }

    /// Chunks decoded in parallel, a few at a time, and put in their places by one thread: for reads whose chunks
    /// interleave in the output.
    fn interleaved(&self, cuts: &[Vec<Cut>], out: &mut [u8]) -> Result<()> {
        let cuts: Vec<&[Cut]> = cuts.iter().map(|c| &c[..]).collect();
        let origin = vec![0; self.axes.len()];
        let memory = (64 << 20) / self.bytes.max(1);
        let batch = (4 * rayon::current_num_threads()).min(memory);
        let chunks = cuts.iter().fold(1usize, |n, c| n.saturating_mul(c.len()));
        if batch < 4 || chunks < 2 || self.raw.pipeline.is_empty() || chunks * self.bytes < TASK {
            return self.serial(&cuts, &origin, out);
        }
        let mut pending: Vec<Wanted> = Vec::new();
        let flush = |pending: &mut Vec<Wanted>, out: &mut [u8]| {
            let decode = |w: &Wanted| with_buffers(|buffers| self.decoded(w, None, buffers));
            let decoded: Vec<Result<Vec<u8>>> = pending.par_iter().map(decode).collect();
            for (w, chunk) in pending.drain(..).zip(decoded) {
                Piece::new(self, &w.position, &origin).copy(&chunk?, out)?;
            }
            Ok(())
        };
        for_each_chunk(&cuts, |position| {
            match self.table.get(self.grid.number(position), self.grid)? {
                None => Piece::new(self, position, &origin).fill(out)?,
                Some(record) => pending.push(Wanted { position: position.to_vec(), record }),
            }
            if pending.len() == batch { flush(&mut pending, out) } else { Ok(()) }
        })?;
        flush(&mut pending, out)
    }

    /// Puts what is wanted of a chunk in its place. `stored` is the chunk as it is in the file, if that is here already.
    fn place(
        &self,
        w: &Wanted,
        stored: Option<&[u8]>,
        origin: &[u64],
        buffers: &mut Buffers,
        out: &mut [u8],
    ) -> Result<()> {
        let piece = Piece::new(self, &w.position, origin);
        if let Some(range) = piece.whole() {
            return self.decode(w, stored, buffers, &mut out[range], self.bytes);
        }
        if self.is_plain(w) {
            return self.place_plain(w, &piece, stored, out);
        }
        // Who takes a part of a chunk comes back for another.
        if piece.is_small() && self.reader.chunks().fits(self.bytes) {
            return piece.copy(&self.kept(w, stored, buffers)?, out);
        }
        let mut chunk = std::mem::take(&mut buffers.chunk);
        if chunk.len() != self.bytes {
            chunk = zeroed(self.bytes as u64)?;
        }
        let least = self.least(&w.position);
        let result = self.decode(w, stored, buffers, &mut chunk, least).and_then(|()| piece.copy(&chunk, out));
        buffers.chunk = chunk;
        result
    }

    /// A part of a chunk that went through no filter: only that part is fetched.
    fn place_plain(&self, w: &Wanted, piece: &Piece<'_>, stored: Option<&[u8]>, out: &mut [u8]) -> Result<()> {
        let address = w.record.address;
        let context = |e: Error| e.in_structure("chunk").at(address.get());
        if w.record.size < self.bytes as u64 && !self.is_plain_edge(&w.position) {
            let message = format!("{} bytes in the file, {} are needed", w.record.size, self.bytes);
            return Err(context(Error::damaged(message)));
        }
        let here = match stored {
            Some(stored) => Some(stored),
            None => self.reader.raw_slice(address, self.bytes as u64).map_err(context)?,
        };
        if let Some(chunk) = here.filter(|c| c.len() >= self.bytes) {
            return piece.copy(chunk, out);
        }
        self.reader.check_range(address, self.bytes as u64).map_err(context)?;
        let mut span = super::span::Span::new(self.reader, address, out);
        piece.for_each(|from, to, length| span.add(from, to, length))?;
        span.fetch().map_err(context)
    }

    /// A decoded chunk out of the file's cache, or into it.
    fn kept(&self, w: &Wanted, stored: Option<&[u8]>, buffers: &mut Buffers) -> Result<Arc<Vec<u8>>> {
        let key = (self.raw.identity, self.grid.number(&w.position));
        if let Some(chunk) = self.reader.chunks().get(key) {
            return Ok(chunk);
        }
        let chunk = Arc::new(self.decoded(w, stored, buffers)?);
        self.reader.chunks().insert(key, chunk.clone());
        Ok(chunk)
    }

    fn decoded(&self, w: &Wanted, stored: Option<&[u8]>, buffers: &mut Buffers) -> Result<Vec<u8>> {
        let mut chunk = zeroed(self.bytes as u64)?;
        self.decode(w, stored, buffers, &mut chunk, self.least(&w.position))?;
        Ok(chunk)
    }

    /// The bytes of a chunk up to its last element inside the dataset.
    fn least(&self, position: &[u64]) -> usize {
        (self.grid.elements_inside(position) * self.raw.element_size) as usize
    }

    /// Whether it is a chunk at the edge that the layout leaves without filters.
    fn is_plain_edge(&self, position: &[u64]) -> bool {
        self.layout.plain_edges && self.grid.is_partial(position)
    }

    /// Whether the chunk is stored as it is in memory.
    fn is_plain(&self, w: &Wanted) -> bool {
        self.raw.pipeline.skips_all(w.record.mask) || self.is_plain_edge(&w.position)
    }

    /// Fetches a chunk and undoes its filters, into `chunk`: at least its first `least` bytes.
    fn decode(
        &self,
        w: &Wanted,
        stored: Option<&[u8]>,
        buffers: &mut Buffers,
        chunk: &mut [u8],
        least: usize,
    ) -> Result<()> {
        let (Wanted { position, record }, pipeline) = (w, &self.raw.pipeline);
        let context = |e: Error| e.in_structure("chunk").at(record.address.get());
        if self.is_plain(w) {
            if record.size < chunk.len() as u64 && !self.is_plain_edge(position) {
                let message = format!("{} bytes in the file, {} are needed", record.size, chunk.len());
                return Err(context(Error::damaged(message)));
            }
            return match stored.and_then(|s| s.get(..chunk.len())) {
                Some(stored) => {
                    chunk.copy_from_slice(stored);
                    Ok(())
                }
                None => self.reader.raw_into(record.address, chunk).map_err(context),
            };
        }
        let stored = match stored {
            Some(stored) => Some(stored),
            None => self.reader.raw_slice(record.address, record.size).map_err(context)?,
        };
        if let Some(stored) = stored {
            return pipeline.decode(stored, record.mask, chunk, least, &mut buffers.scratch).map_err(context);
        }
        self.reader.check_range(record.address, record.size).map_err(context)?;
        buffers.stored.clear();
        buffers.stored.resize(record.size as usize, 0);
        self.reader.raw_into(record.address, &mut buffers.stored).map_err(context)?;
        pipeline.decode(&buffers.stored, record.mask, chunk, least, &mut buffers.scratch).map_err(context)
    }
}

/// Calls `each` with the position, in chunks, of every combination of cuts.
fn for_each_chunk(cuts: &[&[Cut]], mut each: impl FnMut(&[u64]) -> Result<()>) -> Result<()> {
    if cuts.iter().any(|c| c.is_empty()) {
        return Ok(());
    }
    let mut index = vec![0; cuts.len()];
    let mut position: Vec<u64> = cuts.iter().map(|c| c[0].chunk).collect();
    loop {
        each(&position)?;
        let mut d = cuts.len();
        loop {
            let Some(next) = d.checked_sub(1) else {
                return Ok(());
            };
            d = next;
            index[d] = (index[d] + 1) % cuts[d].len();
            position[d] = cuts[d][index[d]].chunk;
            if index[d] > 0 {
                break;
            }
        }
    }
}

impl Buffers {
    /// A thread of the pool lives on after the read: it keeps what is useful and no more.
    fn are_kept(&self) -> bool {
        self.chunk.capacity() + self.beside.capacity() + self.stored.capacity() <= KEPT
    }
}

/// Rows of single elements in chunks: every chunk is decoded once, whatever the order of the rows.
pub(super) fn read_rows(
    raw: &RawData,
    reader: &Reader,
    layout: &Chunked,
    rows: &crate::data::selection::Scattered,
    out: &mut [u8],
) -> Result<()> {
    let read = ChunkRead::new(raw, reader, layout, &[])?;
    let size = raw.element_size;
    let chunk = &read.grid.chunk;
    // The number of the chunk, the offset in it, the offset in the output, the length in bytes.
    let mut pieces: Vec<(u64, u64, u64, u64)> = Vec::new();
    for row in rows.rows() {
        let (mut at, mut to, mut left) = (row.start.to_vec(), row.to, row.length);
        while left > 0 {
            let position: Vec<u64> = at.iter().zip(chunk).map(|(i, c)| i / c).collect();
            let offset = at.iter().zip(chunk).fold(0, |n, (i, c)| n * c + i % c);
            let room = at.last().zip(chunk.last()).map_or(1, |(i, c)| c - i % c);
            let n = left.min(room);
            pieces.push((read.grid.number(&position), offset * size, to * size, n * size));
            (to, left) = (to + n, left - n);
            if let Some(last) = at.last_mut() {
                *last += n;
            }
        }
    }
    pieces.sort_unstable();
    with_buffers(|buffers| {
        for of_chunk in pieces.chunk_by(|a, b| a.0 == b.0) {
            let number = of_chunk[0].0;
            let range = |&(_, _, to, n): &(u64, u64, u64, u64)| to as usize..(to + n) as usize;
            let Some(record) = read.table.get(number, read.grid)? else {
                of_chunk.iter().for_each(|p| crate::object::runs::fill_run(&mut out[range(p)], &raw.fill));
                continue;
            };
            let w = Wanted { position: read.grid.position(number), record };
            let chunk = read.kept(&w, None, buffers)?;
            for p in of_chunk {
                out[range(p)].copy_from_slice(&chunk[p.1 as usize..(p.1 + p.3) as usize]);
            }
        }
        Ok(())
    })
}

/// The range that a run of `length` bytes takes at `to`.
pub(super) fn bytes(to: u64, length: u64) -> Range<usize> {
    to as usize..(to + length) as usize
}
