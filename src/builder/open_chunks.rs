//! Chunks that are written out of order: those that are written in part wait in memory, so many bytes of them; then
//! those that were not used for longest are filtered and stored, and read again if more comes for them.

use super::chunks::{BATCH, Chunks, Ready, with_kept};
use super::session::Session;
use crate::error::Result;
use crate::object::runs::{self, Place};
use foldhash::HashMap;
use rayon::prelude::*;

/// A patch of fewer bytes than this is likely to be followed by its neighbours, or by the same again: it waits.
const SMALL: u64 = 1 << 20;

/// Bytes of chunks that wait.
const BUDGET: usize = 64 << 20;

/// Chunks that wait, by number.
#[derive(Default)]
pub(super) struct OpenChunks {
    chunks: HashMap<u64, OpenChunk>,
    /// Counts uses.
    clock: u64,
}

struct OpenChunk {
    bytes: Vec<u8>,
    used: u64,
}

/// A box of elements that is to be written, and where its elements are.
pub(super) struct Patch<'a> {
    /// Where it begins in the dataset.
    pub(super) start: &'a [u64],
    pub(super) extent: &'a [u64],
    pub(super) bytes: &'a [u8],
    /// Where it lies in `bytes`.
    pub(super) source: Place<'a>,
}

/// The part of a patch that lies in one chunk.
struct Piece {
    number: u64,
    offset: Vec<u64>,
    start: Vec<u64>,
    extent: Vec<u64>,
}

impl OpenChunks {
    pub(super) fn has(&self, number: u64) -> bool {
        self.chunks.contains_key(&number)
    }

    /// The numbers of those that were not used for longest, so many that half of the budget is left over.
    fn oldest(&self, chunk_bytes: usize) -> Vec<u64> {
        let most = (BUDGET / 2 / chunk_bytes.max(1)).max(1);
        let mut by_use: Vec<(u64, u64)> = self.chunks.iter().map(|(number, c)| (c.used, *number)).collect();
        by_use.sort_unstable();
        let out = by_use.len().saturating_sub(most);
        by_use.into_iter().take(out).map(|(_, number)| number).collect()
    }
}

impl Chunks {
    /// Writes a patch of a dataset of shape `shape`. Chunks of which a large one covers everything are filtered at once.
    pub(super) fn patch(&mut self, session: &Session, shape: &[u64], patch: &Patch<'_>) -> Result<()> {
        self.open.get_or_insert_default();
        let bytes = patch.extent.iter().fold(self.element_size(), |n, &d| n.saturating_mul(d));
        let mut whole = Vec::new();
        let mut at: Vec<u64> = patch.start.iter().zip(&self.chunking.chunk).map(|(s, c)| s / c).collect();
        let first = at.clone();
        loop {
            let (piece, is_whole) = self.piece(&at, shape, patch)?;
            if is_whole && bytes >= SMALL {
                whole.push(piece);
                if whole.len() >= (BATCH / self.chunking.chunk_bytes.max(1)).max(2) {
                    self.put_whole(session, shape, patch, std::mem::take(&mut whole))?;
                }
            } else {
                let (chunk, size) = (self.chunking.chunk.clone(), self.element_size());
                let bytes = self.opened(session, shape, &piece)?;
                piece.copy(patch, &chunk, size, bytes)?;
                self.store_oldest(session, shape)?;
            }
            // The next position, like the digits of a counter.
            let more = |d: &usize| at[*d] + 1 < self.end(*d, patch);
            let Some(d) = (0..at.len()).rev().find(more) else {
                break;
            };
            at[d] += 1;
            at[d + 1..].copy_from_slice(&first[d + 1..]);
        }
        self.put_whole(session, shape, patch, whole)
    }

    /// The position behind the last chunk of a patch.
    fn end(&self, d: usize, patch: &Patch<'_>) -> u64 {
        (patch.start[d] + patch.extent[d]).div_ceil(self.chunking.chunk[d])
    }

    fn element_size(&self) -> u64 {
        self.chunking.chunk_bytes as u64 / self.chunking.chunk.iter().product::<u64>().max(1)
    }

    /// The part of a patch in the chunk at a position, and whether it is all of the chunk that is in the dataset.
    fn piece(&self, at: &[u64], shape: &[u64], patch: &Patch<'_>) -> Result<(Piece, bool)> {
        let chunk = &self.chunking.chunk;
        let offset: Vec<u64> = at.iter().zip(chunk).map(|(p, c)| p * c).collect();
        let (mut start, mut extent, mut is_whole) = (Vec::new(), Vec::new(), true);
        for (d, o) in offset.iter().enumerate() {
            let chunk_end = o.saturating_add(chunk[d]).min(shape[d]);
            let from = patch.start[d].max(*o);
            let to = (patch.start[d] + patch.extent[d]).min(chunk_end);
            is_whole &= from == *o && to == chunk_end;
            start.push(from);
            extent.push(to.saturating_sub(from));
        }
        let number = self.number(&offset)?;
        Ok((Piece { number, offset, start, extent }, is_whole))
    }

    /// Filters and stores chunks that a patch covers.
    fn put_whole(&mut self, session: &Session, shape: &[u64], patch: &Patch<'_>, pieces: Vec<Piece>) -> Result<()> {
        if pieces.is_empty() {
            return Ok(());
        }
        let one = |piece: Piece| -> Result<(u64, Ready)> {
            let ready = with_kept(|scratch, buffer| {
                if self.chunking.is_partial(&piece.offset, shape) {
                    self.chunking.fill(buffer);
                } else {
                    buffer.resize(self.chunking.chunk_bytes, 0);
                }
                piece.copy(patch, &self.chunking.chunk, self.element_size(), buffer)?;
                if let Some(own) = &self.own_fill {
                    own.renew(session, buffer)?;
                }
                if self.is_plain(&piece.offset, shape) {
                    return Ok((buffer.clone(), 0));
                }
                self.pipeline.encode(buffer, scratch)
            })?;
            Ok((piece.number, ready))
        };
        let ready: Vec<(u64, Ready)> = match self.own_fill {
            None => pieces.into_par_iter().map(one).collect::<Result<_>>()?,
            Some(_) => pieces.into_iter().map(one).collect::<Result<_>>()?,
        };
        if let Some(open) = &mut self.open {
            ready.iter().for_each(|(number, _)| drop(open.chunks.remove(number)));
        }
        self.put(session, ready)
    }

    /// The bytes of a chunk, to be written to: those that wait, those that are stored, or the fill value.
    fn opened(&mut self, session: &Session, shape: &[u64], piece: &Piece) -> Result<&mut [u8]> {
        let number = piece.number;
        if !self.open.as_ref().is_some_and(|open| open.has(number)) {
            let bytes = self.load(session, shape, number, &piece.offset)?;
            self.open.get_or_insert_default().chunks.insert(number, OpenChunk { bytes, used: 0 });
        }
        let open = self.open.get_or_insert_default();
        open.clock += 1;
        let chunk = open.chunks.entry(number).or_insert_with(|| OpenChunk { bytes: Vec::new(), used: 0 });
        chunk.used = open.clock;
        Ok(&mut chunk.bytes)
    }

    fn load(&mut self, session: &Session, shape: &[u64], number: u64, offset: &[u64]) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let Some(stored) = self.placed.find(number) else {
            self.chunking.fill(&mut bytes);
            return Ok(bytes);
        };
        let mut raw = vec![0; stored.size as usize];
        session.with(|open| open.space.read(stored.address, &mut raw))?;
        if self.pipeline.is_empty() || self.is_plain(offset, shape) {
            return Ok(raw);
        }
        bytes.resize(self.chunking.chunk_bytes, 0);
        let least = bytes.len();
        with_kept(|scratch, _| self.pipeline.decode(&raw, stored.mask, &mut bytes, least, scratch))?;
        Ok(bytes)
    }

    /// Stores what was not used for longest, once too much waits.
    fn store_oldest(&mut self, session: &Session, shape: &[u64]) -> Result<()> {
        let size = self.chunking.chunk_bytes;
        let Some(open) = self.open.as_ref().filter(|o| o.chunks.len().saturating_mul(size) > BUDGET.max(size)) else {
            return Ok(());
        };
        let oldest = open.oldest(size);
        self.store_open(session, shape, oldest)
    }

    /// Stores all chunks that wait.
    pub(super) fn store_all_open(&mut self, session: &Session, shape: &[u64]) -> Result<()> {
        let numbers = self.open.as_ref().map_or(Vec::new(), |open| open.chunks.keys().copied().collect());
        self.store_open(session, shape, numbers)
    }

    /// Filters and stores some chunks that wait, in the order of their numbers.
    fn store_open(&mut self, session: &Session, shape: &[u64], mut numbers: Vec<u64>) -> Result<()> {
        numbers.sort_unstable();
        for batch in numbers.chunks((BATCH / self.chunking.chunk_bytes.max(1)).max(2)) {
            let take = |number: &u64| self.open.as_mut()?.chunks.remove(number).map(|c| (*number, c.bytes));
            let mut taken: Vec<(u64, Vec<u8>)> = batch.iter().filter_map(take).collect();
            if let Some(own) = &self.own_fill {
                taken.iter_mut().try_for_each(|(_, bytes)| own.renew(session, bytes))?;
            }
            let one = |(number, bytes): (u64, Vec<u8>)| -> Result<(u64, Ready)> {
                if self.pipeline.is_empty() || self.is_plain(&self.chunking.offset(number), shape) {
                    return Ok((number, (bytes, 0)));
                }
                Ok((number, with_kept(|scratch, _| self.pipeline.encode(&bytes, scratch))?))
            };
            let ready: Vec<(u64, Ready)> = taken.into_par_iter().map(one).collect::<Result<_>>()?;
            self.put(session, ready)?;
        }
        Ok(())
    }

    /// Lets a dataset grow from one shape to another.
    pub(super) fn grow(&mut self, session: &Session, old: &[u64], new: &[u64]) -> Result<()> {
        // Chunks that are no longer at the edge are to be filtered now: they wait until they are stored again.
        let stored = self.placed.all().iter().filter(|_| self.has_plain_edges()).map(|c| c.number);
        for number in stored.collect::<Vec<u64>>() {
            let offset = self.chunking.offset(number);
            if self.is_plain(&offset, old) && !self.is_plain(&offset, new) {
                let piece = Piece { number, offset, start: Vec::new(), extent: Vec::new() };
                self.opened(session, old, &piece)?;
            }
        }
        let before = self.chunking.clone();
        if self.chunking.grow(new)? {
            let renumbered = |n: u64| self.chunking.number_at(&before.offset(n));
            let lost = || crate::Error::limit("more than 2^64 chunks");
            self.placed.renumber(|n| renumbered(n).ok_or_else(lost))?;
            if let Some(open) = &mut self.open {
                let chunks = std::mem::take(&mut open.chunks).into_iter();
                let moved = chunks.map(|(n, c)| renumbered(n).map(|n| (n, c)).ok_or_else(lost));
                open.chunks = moved.collect::<Result<_>>()?;
            }
        }
        Ok(())
    }
}

impl Piece {
    /// Copies the elements from the patch into the bytes of the chunk.
    fn copy(&self, patch: &Patch<'_>, chunk: &[u64], size: u64, bytes: &mut [u8]) -> Result<()> {
        let inside: Vec<u64> = self.start.iter().zip(&self.offset).map(|(s, o)| s - o).collect();
        let from: Vec<u64> =
            self.start.iter().zip(patch.start).zip(patch.source.start).map(|((s, p), f)| f + (s - p)).collect();
        let source = Place { shape: patch.source.shape, start: &from };
        runs::copy(&self.extent, size, (patch.bytes, source), (bytes, Place { shape: chunk, start: &inside }))
    }
}
