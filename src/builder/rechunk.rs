//! Rows of another dataset in chunks that begin elsewhere, or have another number of rows (re-chunking): deflated chunks are
//! inflated, put together anew, and deflated with the matches that were found when they were deflated first. Looking for them
//! is most of the work of deflating.

use super::chunks::{Chunks, Ready, with_kept};
use super::session::Session;
use super::writer::{DatasetWriter, Storage};
use crate::dataset::Dataset;
use crate::error::{Context, Error, Result};
use crate::filters::{Piece, Pipeline};
use crate::object::raw_data::NotedChunk;
use crate::object::runs;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of chunks that are put together while those before them are written.
const BATCH: u64 = 8 << 20;

/// The least bytes of each part of a chunk: cut in two, one piece is as long as the encoder asks for
/// (`filters/deflate/known.rs`).
const WORTH: u64 = 128 << 10;

/// What hears of the bytes that are done, and may stop the work.
pub(super) type Watch<'a> = &'a mut (dyn FnMut(u64) -> Result<()> + Send);

impl DatasetWriter {
    /// Appends rows of `source` if its chunks and these are such that it can be done this way. Whether it was.
    pub(super) fn rechunk(
        &mut self,
        session: &Session,
        source: &Dataset,
        rows: Range<u64>,
        watch: Watch<'_>,
    ) -> Result<bool> {
        self.check_open()?;
        let Some(rechunk) = self.plan_rechunk(source, &rows)? else { return Ok(false) };
        let (first, band) = (self.next_row(), rechunk.bands.here);
        let head = rows.start + (first.next_multiple_of(band) - first).min(rows.end - rows.start);
        let tail = rows.end - (rows.end - head) % band;
        let done = self.append_part(session, source, rows.start..head, watch).and_then(|()| {
            if head < tail {
                self.store_waiting(session)?;
                self.store_rechunked(session, &rechunk, head..tail, watch)?;
            }
            self.append_part(session, source, tail..rows.end, watch)
        });
        self.give_up_on_error(session, done)?;
        Ok(true)
    }

    fn plan_rechunk<'a>(&self, source: &'a Dataset, rows: &Range<u64>) -> Result<Option<Rechunk<'a>>> {
        let (plan, shape) = (self.plan(), source.shape());
        let (Storage::Chunked(chunks), Some(there)) = (&self.storage, source.chunk_shape()) else {
            return Ok(None);
        };
        let pipeline = Pipeline::new(&plan.filters);
        let Some(parts) = source.raw().matches_for(&pipeline) else { return Ok(None) };
        let row_bytes = shape.iter().skip(1).fold(plan.datatype.size(), |n, &d| n.saturating_mul(d));
        let bands = Bands { here: chunks.chunking.rows(), there: there.first().copied().unwrap_or(1) };
        let worth = bands.here.min(bands.there).saturating_mul(row_bytes) >= WORTH.saturating_mul(parts as u64);
        let whole_rows = chunks.chunking.is_whole_rows() && shape.get(1..) == there.get(1..);
        let alike = plan.datatype == *source.datatype()
            && !plan.datatype.has_references_to_file()
            && plan.shape.get(1..) == shape.get(1..);
        let in_order =
            chunks.is_in_order() && !source.raw().has_plain_edges() && self.stored_rows().is_multiple_of(bands.here);
        if !(worth && whole_rows && alike && in_order) {
            return Ok(None);
        }
        if rows.end > shape.first().copied().unwrap_or(0) || rows.end - rows.start > self.most_rows() - self.next_row()
        {
            return Err(Error::mismatch(format!("rows {rows:?}, where there are fewer or there is no room for them")));
        }
        // The index of chunks is read now, before all threads ask for it.
        source.stored_size()?;
        let sparse = self.fills_as(source);
        Ok(Some(Rechunk { source, pipeline, bands, row_bytes: row_bytes as usize, sparse }))
    }

    /// Whether elements that were never written are the same here and there.
    pub(super) fn fills_as(&self, source: &Dataset) -> bool {
        let zeros = |element: &[u8]| element.iter().all(|&byte| byte == 0);
        let (fill, other) = (self.plan().fill_element(), source.raw().fill());
        fill == other || (zeros(fill) && zeros(other))
    }

    /// Appends a few rows as any others.
    fn append_part(&mut self, session: &Session, source: &Dataset, rows: Range<u64>, watch: Watch<'_>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let bytes = source.select(rows)?.read_stored()?;
        self.take(session, &bytes)?;
        watch(bytes.len() as u64)
    }

    /// Appends rows that are whole chunks here, and begin with one. While some are written, the next ones are deflated, and
    /// those behind them inflated.
    fn store_rechunked(
        &mut self,
        session: &Session,
        rechunk: &Rechunk<'_>,
        rows: Range<u64>,
        watch: Watch<'_>,
    ) -> Result<()> {
        let first = self.next_row();
        self.cover(first + (rows.end - rows.start));
        let Storage::Chunked(chunks) = &mut self.storage else { return Ok(()) };
        let batch =
            (BATCH / chunks.chunking.chunk_bytes as u64).max(rayon::current_num_threads() as u64) * rechunk.bands.here;
        let behind = |at: u64| at..rows.end.min(at.saturating_add(batch));
        let mut write = |(row, ready): (u64, Vec<Option<Ready>>)| store(session, chunks, row, ready);
        let mut now = behind(rows.start);
        let (mut inflated, mut ready) = (rechunk.inflate(&now, None)?, (first, Vec::new()));
        while !now.is_empty() {
            let (next, last) = (behind(now.end), inflated.last().cloned());
            let (written, (deflated, more)) = rayon::join(
                || write(ready),
                || rayon::join(|| rechunk.deflate(&now, &inflated), || rechunk.inflate(&next, last)),
            );
            written?;
            watch((now.end - now.start) * rechunk.row_bytes as u64)?;
            ready = (first + (now.start - rows.start), deflated?);
            (inflated, now) = (more?, next);
        }
        write(ready)?;
        self.reach(first + (rows.end - rows.start));
        Ok(())
    }
}

/// Writes chunks of whole rows that begin with row `first`.
fn store(session: &Session, chunks: &mut Chunks, first: u64, ready: Vec<Option<Ready>>) -> Result<()> {
    let mut offset = vec![0; chunks.chunking.chunk.len()];
    for (chunk, row) in ready.iter().zip((first..).step_by(chunks.chunking.rows() as usize)) {
        if let (Some((bytes, mask)), Some(place)) = (chunk, offset.first_mut()) {
            *place = row;
            let number = chunks.number(&offset)?;
            chunks.store_filtered(session, number, bytes, *mask)?;
        }
    }
    Ok(())
}

/// Rows of a chunk.
struct Bands {
    here: u64,
    there: u64,
}

struct Rechunk<'a> {
    source: &'a Dataset,
    /// The filters here.
    pipeline: Pipeline,
    bands: Bands,
    row_bytes: usize,
    /// Whether chunks that nobody wrote there need not be written here.
    sparse: bool,
}

/// A chunk of the source, and its number there.
type Inflated = Arc<(u64, NotedChunk)>;

impl Rechunk<'_> {
    /// The chunks of the source that have any of some rows. `known` may be the first of them.
    fn inflate(&self, rows: &Range<u64>, known: Option<Inflated>) -> Result<Vec<Inflated>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let numbers = rows.start / self.bands.there..rows.end.div_ceil(self.bands.there);
        let known = known.filter(|chunk| chunk.0 == numbers.start);
        let (raw, reader) = (self.source.raw(), self.source.node().reader());
        let one = |number| {
            let chunk = with_kept(|scratch, _| raw.noted_chunk(reader, number, scratch)).on(self.source.path())?;
            Ok(Arc::new((number, chunk)))
        };
        let others: Vec<u64> = numbers.skip(known.iter().len()).collect();
        let others: Vec<Inflated> = others.into_par_iter().with_max_len(1).map(one).collect::<Result<_>>()?;
        Ok(known.into_iter().chain(others).collect())
    }

    /// The chunks that some rows become here, of chunks that have them all; `None` for one that need not be written.
    fn deflate(&self, rows: &Range<u64>, inflated: &[Inflated]) -> Result<Vec<Option<Ready>>> {
        let count = ((rows.end - rows.start) / self.bands.here) as usize;
        let one = |k: usize| {
            let start = rows.start + k as u64 * self.bands.here;
            let rows = start..start + self.bands.here;
            let of = self.of(&rows, inflated);
            if self.sparse && of.iter().all(|chunk| chunk.1.bytes.is_none()) {
                return Ok(None);
            }
            with_kept(|scratch, chunk| {
                chunk.clear();
                let pieces = self.join(&rows, of, chunk)?;
                self.pipeline.encode_pieces(chunk, &pieces, scratch).map(Some)
            })
        };
        (0..count).into_par_iter().with_max_len(1).map(one).collect()
    }

    /// Those of some chunks that have any of some rows.
    fn of<'c>(&self, rows: &Range<u64>, inflated: &'c [Inflated]) -> &'c [Inflated] {
        let first = inflated.partition_point(|chunk| (chunk.0 + 1).saturating_mul(self.bands.there) <= rows.start);
        let end = inflated.partition_point(|chunk| chunk.0 * self.bands.there < rows.end);
        inflated.get(first..end).unwrap_or_default()
    }

    /// Puts some rows one behind the other, and tells where they come from.
    fn join<'c>(&self, rows: &Range<u64>, of: &'c [Inflated], out: &mut Vec<u8>) -> Result<Vec<Piece<'c>>> {
        let mut pieces = Vec::new();
        for (number, chunk) in of.iter().map(Arc::as_ref) {
            let first = number * self.bands.there;
            let part = rows.start.max(first)..rows.end.min(first.saturating_add(self.bands.there));
            let bytes = (part.start - first) as usize * self.row_bytes..(part.end - first) as usize * self.row_bytes;
            match &chunk.bytes {
                Some(all) => {
                    let run = all.get(bytes.clone());
                    out.extend_from_slice(run.ok_or_else(|| Error::invalid("rows beyond their chunk"))?);
                }
                None => {
                    let before = out.len();
                    out.resize(before + bytes.len(), 0);
                    runs::fill_run(&mut out[before..], self.source.raw().fill());
                }
            }
            pieces.push(Piece { bytes: bytes.len(), matches: chunk.matches.as_ref(), from: bytes.start });
        }
        Ok(pieces)
    }
}
