//! Chunks of another file as they are stored there: read and written in large pieces, in the order in which they lie.

use super::chunks::Chunks;
use super::session::Session;
use super::writer::{DatasetWriter, Storage};
use crate::bytes::Address;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::index::space::LARGE;
use crate::io::Reader;
use crate::object::chunks::ChunkRecord;
use std::ops::Range;

/// Bytes that are read at a time: few enough that the processor still has them when they are written.
const PIECE: u64 = 2 << 20;

/// So many bytes between two chunks are read rather than skipped.
const GAP: u64 = 64 << 10;

/// A chunk on its way: its number here, and where it is there.
pub(super) type Moving = (u64, ChunkRecord);

impl DatasetWriter {
    /// Appends the chunks of the first `rows` rows of `source`, or of all, behind the rows that are there.
    pub(super) fn copy_chunks(&mut self, session: &Session, source: &Dataset, rows: Option<u64>) -> Result<()> {
        self.check_open()?;
        self.check_alike(source)?;
        let all = source.shape().first().copied().unwrap_or(0);
        let (first, rows) = (self.next_row(), rows.unwrap_or(all));
        let band = self.plan().chunk().and_then(|c| c.first().copied()).unwrap_or(1);
        if rows > all || (rows < all && !rows.is_multiple_of(band)) {
            return Err(Error::mismatch(format!("the chunks of {rows} rows out of {all}, where chunks have {band}")));
        }
        let end = first.checked_add(rows).ok_or_else(|| Error::limit("2^64 rows"))?;
        if end > self.most_rows() {
            return Err(Error::mismatch(format!("{rows} rows, there is room for {} more", self.most_rows() - first)));
        }
        let reader = source.node().reader();
        let mut moving = self.moving(source, first, rows)?;
        self.check_sizes(&moving)?;
        moving.sort_by_key(|(number, record)| (record.address, *number));
        self.store_waiting(session).inspect_err(|e| session.fail(e))?;
        self.cover(end);
        let copied = match &mut self.storage {
            // In the pool: to go there for each piece would take long.
            Storage::Chunked(chunks) => rayon::scope(|_| chunks.copy(session, reader, &moving)),
            _ => Ok(()),
        };
        self.give_up_on_error(session, copied)?;
        self.reach(end);
        Ok(())
    }

    /// Refuses a dataset whose chunks would mean something else here.
    fn check_alike(&self, source: &Dataset) -> Result<()> {
        let plan = self.plan();
        let differ = |what: &str| Err(Error::mismatch(format!("chunks of a dataset with {what}: {}", source.path())));
        if plan.chunk().is_none() || plan.chunk() != source.chunk_shape() {
            return differ("chunks of another shape");
        }
        if plan.datatype != *source.datatype() {
            return differ("another datatype");
        }
        if plan.datatype.has_references_to_file() {
            return Err(Error::unsupported(format!(
                "copying the chunks of {}, which refer to another place of their file",
                plan.datatype
            )));
        }
        let alike = |(ours, theirs): (&crate::FilterInfo, &crate::FilterInfo)| {
            ours.id == theirs.id && ours.parameters == theirs.parameters
        };
        if plan.filters.len() != source.filters().len() || !plan.filters.iter().zip(source.filters()).all(alike) {
            return differ("other filters");
        }
        if plan.shape.get(1..) != source.shape().get(1..) {
            return differ("another shape of its rows");
        }
        let rows = plan.chunk().and_then(|c| c.first().copied()).unwrap_or(1);
        if !self.next_row().is_multiple_of(rows) {
            return Err(Error::mismatch(format!("{} rows are there, which do not end with a chunk", self.next_row())));
        }
        // Chunks without filters must be the ones at the edge here, too.
        let edges = plan.plain_edges() || source.raw().has_plain_edges();
        let same = plan.plain_edges() && source.raw().has_plain_edges() && plan.shape == source.shape();
        if edges && !(same && self.next_row() == 0) {
            return differ("chunks at its edge that have no filters");
        }
        Ok(())
    }

    /// Refuses chunks of other sizes than those that are not filtered have, or than any can have.
    fn check_sizes(&self, moving: &[Moving]) -> Result<()> {
        let Storage::Chunked(chunks) = &self.storage else { return Ok(()) };
        let (whole, plain) = (chunks.chunking.chunk_bytes as u64, chunks.pipeline.is_empty());
        match moving.iter().find(|(_, r)| r.size > u32::MAX.into() || (plain && r.size != whole)) {
            Some((_, r)) => Err(Error::damaged(format!("a chunk of {} bytes", r.size)).in_structure("chunk index")),
            None => Ok(()),
        }
    }

    /// The chunks of another dataset's first rows, with their numbers here.
    pub(super) fn moving(&mut self, source: &Dataset, first: u64, rows: u64) -> Result<Vec<Moving>> {
        let Storage::Chunked(chunks) = &mut self.storage else {
            return Ok(Vec::new());
        };
        let one = |(mut offset, record): (Vec<u64>, ChunkRecord)| {
            if let Some(row) = offset.first_mut() {
                *row = row.checked_add(first).ok_or_else(|| Error::limit("2^64 rows"))?;
            }
            let number = chunks.number(&offset)?;
            if chunks.has(number) {
                return Err(Error::conflict(format!("the chunk at {offset:?} is stored already")));
            }
            Ok((number, record))
        };
        let stored = source.raw().stored_chunks(source.node().reader())?.into_iter();
        stored.filter(|(offset, _)| offset.first().is_none_or(|&row| row < rows)).map(one).collect()
    }
}

impl Chunks {
    /// Copies chunks that are sorted by their addresses: long runs of them from file to file by the system, if it can.
    fn copy(&mut self, session: &Session, reader: &Reader, moving: &[Moving]) -> Result<()> {
        let (mut left, mut by_system) = (moving, self.in_line.is_none());
        while !left.is_empty() {
            let mut count = left.len();
            if by_system {
                count = before_long_run(left);
                let (run, rest) = left.split_at(neighbours(left));
                if count == 0 && self.copy_by_system(session, reader, run)? {
                    left = rest;
                    continue;
                }
                if count == 0 {
                    // What stands elsewhere in its page here than there will do so behind it, too.
                    (by_system, count) = (false, left.len());
                }
            }
            let (some, rest) = left.split_at(count);
            self.copy_through_memory(session, reader, some)?;
            left = rest;
        }
        Ok(())
    }

    /// While one piece is written the next one is read.
    fn copy_through_memory(&mut self, session: &Session, reader: &Reader, moving: &[Moving]) -> Result<()> {
        let (mut buffer, mut spare) = (Vec::new(), Vec::new());
        let mut left = moving;
        let mut here = next_piece(&mut left);
        read(reader, here, &mut buffer)?;
        while !here.is_empty() {
            let next = next_piece(&mut left);
            let (written, read) =
                rayon::join(|| self.write_piece(session, here, &buffer), || read(reader, next, &mut spare));
            written?;
            read?;
            std::mem::swap(&mut buffer, &mut spare);
            here = next;
        }
        Ok(())
    }

    /// Copies chunks that lie one behind the other; `false` if the system cannot, and nothing was done.
    fn copy_by_system(&mut self, session: &Session, reader: &Reader, run: &[Moving]) -> Result<bool> {
        let Some((_, first)) = run.first() else {
            return Ok(true);
        };
        let length = length_of(run);
        reader.check_range(first.address, length)?;
        let Some((file, from)) = reader.raw_file(first.address, length)? else {
            return Ok(false);
        };
        let Some(mut at) = session.with(|open| open.space.append_from(file, from, length))? else {
            return Ok(false);
        };
        for (number, record) in run {
            self.place(*number, at, record)?;
            at = at.plus(record.size)?;
        }
        Ok(true)
    }

    /// Writes the chunks of one piece; those that are neighbours there are written together.
    fn write_piece(&mut self, session: &Session, piece: &[Moving], bytes: &[u8]) -> Result<()> {
        let start = piece.first().map_or(0, |(_, r)| r.address.get());
        let mut rest = piece;
        while let Some((_, first)) = rest.first() {
            // Chunks that have their own places are written one by one.
            let (run, others) = rest.split_at(if self.in_line.is_some() { 1 } else { neighbours(rest) });
            let from = first.address.get() - start;
            let range = from as usize..(from + length_of(run)) as usize;
            self.write_run(session, run, bytes.get(range).unwrap_or_default())?;
            rest = others;
        }
        Ok(())
    }

    fn write_run(&mut self, session: &Session, run: &[Moving], bytes: &[u8]) -> Result<()> {
        if let ([(number, record)], true) = (run, self.in_line.is_some()) {
            return self.store_filtered(session, *number, bytes, record.mask);
        }
        let mut at = session.with(|open| open.space.append(bytes, 1))?;
        for (number, record) in run {
            self.place(*number, at, record)?;
            at = at.plus(record.size)?;
        }
        Ok(())
    }
}

/// How many chunks come before some that lie one behind the other and are long enough for the system to copy them.
fn before_long_run(chunks: &[Moving]) -> usize {
    let mut before = 0;
    while let Some(left) = chunks.get(before..).filter(|left| !left.is_empty()) {
        let count = neighbours(left);
        if length_of(&left[..count]) >= LARGE as u64 {
            break;
        }
        before += count;
    }
    before
}

fn length_of(chunks: &[Moving]) -> u64 {
    chunks.iter().map(|(_, record)| record.size).sum()
}

/// How many chunks in front lie one behind the other.
fn neighbours(chunks: &[Moving]) -> usize {
    let follow = |pair: &&[Moving]| match pair {
        [(_, a), (_, b)] => a.address.get().checked_add(a.size) == Some(b.address.get()),
        _ => false,
    };
    chunks.windows(2).take_while(follow).count() + usize::from(!chunks.is_empty())
}

/// Takes chunks that are to be read together off the front.
fn next_piece<'a>(left: &mut &'a [Moving]) -> &'a [Moving] {
    let Some((_, first)) = left.first() else {
        return &[];
    };
    let start = first.address.get();
    let (mut end, mut count) = (start, 0);
    for (_, record) in left.iter() {
        let at = record.address.get();
        let far = at > end.saturating_add(GAP) || at < end || at.saturating_add(record.size) - start > PIECE;
        if count > 0 && far {
            break;
        }
        end = at.saturating_add(record.size);
        count += 1;
    }
    let (piece, rest) = left.split_at(count);
    *left = rest;
    piece
}

fn range(piece: &[Moving]) -> Range<u64> {
    let first = piece.first().map_or(0, |(_, r)| r.address.get());
    let end = piece.last().map_or(first, |(_, r)| r.address.get().saturating_add(r.size));
    first..end
}

/// Reads the bytes of a piece.
fn read(reader: &Reader, piece: &[Moving], buffer: &mut Vec<u8>) -> Result<()> {
    let Range { start, end } = range(piece);
    if start < end {
        reader.check_range(Address(start), end - start)?;
        buffer.resize((end - start) as usize, 0);
        reader.raw_into(Address(start), buffer)?;
    }
    Ok(())
}
