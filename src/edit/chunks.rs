//! The chunks of an edited dataset: those that change are kept decoded until there are many, or the commit comes.

use super::data::Stored;
use crate::bytes::{Address, zeroed};
use crate::error::{Error, Result};
use crate::filters::{Pipeline, Scratch};
use crate::format::btree2::CHUNK_NODE_SIZE;
use crate::format::message::layout::{ChunkIndex, Chunked};
use crate::index::btree1_build::PlacedChunk;
use crate::index::chunk_index_build::{self, Facts};
use crate::index::space::Space;
use crate::io::Reader;
use crate::object::chunks::{ChunkRecord, ChunkTable, Grid};
use crate::object::raw_data::RawData;
use crate::object::runs::{self, Place, fill_run};
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Decoded bytes that are kept before they go to new space.
const MOST_KEPT: usize = 64 << 20;

pub(super) struct Chunks {
    layout: Chunked,
    grid: Grid,
    max: Vec<Option<u64>>,
    bytes: usize,
    pipeline: Pipeline,
    filtered: bool,
    fill: Vec<u8>,
    /// Where chunks are stored, by their positions, counted in chunks: the order of the index.
    stored: BTreeMap<Vec<u64>, ChunkRecord>,
    /// Chunks that change, decoded.
    open: BTreeMap<Vec<u64>, Vec<u8>>,
    /// Chunks that were encoded, and have no place yet.
    ready: Vec<(Vec<u64>, Vec<u8>, u32)>,
    /// Chunks that lie outside by now.
    cut_off: Vec<ChunkRecord>,
    changed: bool,
}

impl Chunks {
    pub(super) fn load(raw: &RawData, reader: &Reader, layout: &Chunked) -> Result<Chunks> {
        let (grid, table) = raw.chunks(reader, layout)?;
        let bytes = reader.ctx().check_chunk(layout.chunk_bytes()?)?;
        let mut stored = BTreeMap::new();
        let mut add = |number: u64, record: ChunkRecord| stored.insert(grid.position(number), record);
        match table {
            ChunkTable::Dense(all) => {
                for (number, record) in all.iter().enumerate().filter_map(|(n, r)| Some((n, (*r)?))) {
                    add(number as u64, record);
                }
            }
            ChunkTable::Sparse(all) => {
                for (number, record) in all {
                    add(*number, *record);
                }
            }
            ChunkTable::Implicit { .. } => {
                reader.ctx().burn(grid.len())?;
                for number in 0..grid.len() {
                    if let Some(record) = table.get(number, grid)? {
                        add(number, record);
                    }
                }
            }
        }
        Ok(Chunks {
            layout: layout.clone(),
            grid: grid.clone(),
            max: raw.max().to_vec(),
            bytes,
            pipeline: Pipeline::new(&raw.filters),
            filtered: !raw.filters.is_empty(),
            fill: raw.fill().to_vec(),
            stored,
            open: BTreeMap::new(),
            ready: Vec::new(),
            cut_off: Vec::new(),
            changed: false,
        })
    }

    /// Writes bytes to elements that follow each other in the dataset, from the byte `at` of it on.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8], source: &Stored<'_>) -> Result<()> {
        let size = self.layout.element_size;
        let (mut element, mut rest) = (at / size, bytes);
        while !rest.is_empty() {
            let (position, within, room) = self.place(element);
            let length = (room * size).min(rest.len() as u64) as usize;
            let (part, others) = rest.split_at(length);
            let chunk = self.open(position, source)?;
            let place = &mut chunk[(within * size) as usize..][..length];
            source.let_go(place)?;
            place.copy_from_slice(part);
            element += length as u64 / size;
            rest = others;
        }
        self.changed = true;
        Ok(())
    }

    /// The chunk of an element, its place in it, and how many elements follow in the same row of both.
    fn place(&self, element: u64) -> (Vec<u64>, u64, u64) {
        let Grid { dims, chunk, .. } = &self.grid;
        let rank = dims.len();
        let (mut position, mut within, mut rest) = (vec![0; rank], 0, element);
        let (mut weight, mut room) = (1, 1);
        for d in (0..rank).rev() {
            let coordinate = rest % dims[d].max(1);
            rest /= dims[d].max(1);
            position[d] = coordinate / chunk[d];
            let inner = coordinate % chunk[d];
            within += inner * weight;
            weight *= chunk[d];
            if d + 1 == rank {
                room = (chunk[d] - inner).min(dims[d] - coordinate);
            }
        }
        (position, within, room)
    }

    /// A chunk, decoded, to be changed.
    fn open(&mut self, position: Vec<u64>, source: &Stored<'_>) -> Result<&mut Vec<u8>> {
        if !self.open.contains_key(&position) {
            if self.open.len() * self.bytes >= MOST_KEPT {
                self.encode()?;
            }
            let chunk = self.decoded(&self.grid, &position, source)?;
            self.open.insert(position.clone(), chunk);
        }
        self.open.get_mut(&position).ok_or_else(|| Error::not_found("a chunk that was just read"))
    }

    fn decoded(&self, grid: &Grid, position: &[u64], source: &Stored<'_>) -> Result<Vec<u8>> {
        let mut chunk = zeroed(self.bytes as u64)?;
        if let Some((_, ready, mask)) = self.ready.iter().rev().find(|(p, ..)| p == position) {
            self.decode(ready, *mask, self.is_plain(grid, position), &mut chunk)?;
        } else if let Some(record) = self.stored.get(position) {
            let mut stored = zeroed(record.size)?;
            (source.flush)()?;
            source.read(record.address, &mut stored)?;
            self.decode(&stored, record.mask, self.is_plain(grid, position), &mut chunk)?;
        } else {
            fill_run(&mut chunk, &self.fill);
            source.renew(&self.fill, &mut chunk)?;
        }
        Ok(chunk)
    }

    fn decode(&self, stored: &[u8], mask: u32, plain: bool, chunk: &mut [u8]) -> Result<()> {
        if plain {
            let there = stored.get(..chunk.len());
            chunk.copy_from_slice(there.ok_or_else(|| Error::damaged("a chunk that is too short"))?);
            return Ok(());
        }
        let all = chunk.len();
        self.pipeline.decode(stored, mask, chunk, all, &mut Scratch::default())?;
        Ok(())
    }

    /// Whether the chunk at `position` is stored without filters.
    fn is_plain(&self, grid: &Grid, position: &[u64]) -> bool {
        !self.filtered || (self.layout.plain_edges && grid.is_partial(position))
    }

    /// Encodes the chunks that change, in parallel.
    fn encode(&mut self) -> Result<()> {
        let open: Vec<(Vec<u64>, Vec<u8>)> = std::mem::take(&mut self.open).into_iter().collect();
        let one = |(position, chunk): (Vec<u64>, Vec<u8>)| {
            if self.is_plain(&self.grid, &position) {
                return Ok((position, chunk, 0));
            }
            let (bytes, mask) = self.pipeline.encode(&chunk, &mut Scratch::default())?;
            Ok((position, bytes, mask))
        };
        let encoded: Vec<_> = open.into_par_iter().map(one).collect::<Result<_>>()?;
        // A chunk that was encoded before, and opened again, counts once.
        let again: HashSet<&Vec<u64>> = encoded.iter().map(|(p, ..)| p).collect();
        self.ready.retain(|(p, ..)| !again.contains(p));
        self.ready.extend(encoded);
        Ok(())
    }

    /// Gives the encoded chunks their places, where that need not wait for all of them.
    ///
    /// What stood there before gives its room back.
    pub(super) fn settle(&mut self, space: &mut Space) -> Result<()> {
        if self.layout.index == ChunkIndex::Implicit {
            return Ok(());
        }
        for old in std::mem::take(&mut self.cut_off) {
            space.free(old.address, old.size);
        }
        for (position, bytes, mask) in std::mem::take(&mut self.ready) {
            if let Some(old) = self.stored.get(&position) {
                space.free(old.address, old.size);
            }
            let address = space.append_reusing(&bytes)?;
            self.stored.insert(position, ChunkRecord { address, size: bytes.len() as u64, mask });
        }
        Ok(())
    }

    /// Where chunks are stored; of those that stand in one piece, not if that is `known`.
    pub(super) fn pieces(&self, known: bool) -> Vec<(Address, u64)> {
        if known && self.layout.index == ChunkIndex::Implicit {
            return Vec::new();
        }
        self.stored.values().chain(&self.cut_off).map(|record| (record.address, record.size)).collect()
    }

    pub(super) fn resize(&mut self, dims: &[u64], source: &Stored<'_>) -> Result<()> {
        let new = Grid::new(dims, &self.max, &self.layout.shape)?;
        let shrinks = dims.iter().zip(&self.grid.dims).any(|(new, old)| new < old);
        let old = std::mem::replace(&mut self.grid, new);
        self.changed = true;
        for position in self.known() {
            if position.iter().zip(&self.grid.counts).any(|(p, n)| p >= n) {
                if source.gone.is_some() {
                    source.let_go(&self.contents(&old, &position, source)?)?;
                }
                self.cut_off.extend(self.stored.remove(&position));
                self.open.remove(&position);
                self.ready.retain(|(p, ..)| *p != position);
                continue;
            }
            let (was, is) = (old.is_partial(&position), self.grid.is_partial(&position));
            // One that is filtered only inside of the dataset is stored anew; of one at the edge that moved in, what is
            // outside now must hold the fill value when it comes back.
            let filters_change = self.filtered && self.layout.plain_edges && was != is;
            if filters_change || (shrinks && is) {
                let mut chunk = match self.open.remove(&position) {
                    Some(chunk) => chunk,
                    None => self.decoded(&old, &position, source)?,
                };
                if shrinks {
                    let before = source.gone.map(|_| chunk.clone());
                    self.clear_outside(&position, &mut chunk)?;
                    source.renew(&self.fill, &mut chunk)?;
                    self.let_go_of_changes(before.as_deref().unwrap_or_default(), &chunk, source)?;
                }
                self.open.insert(position, chunk);
                if self.open.len() * self.bytes >= MOST_KEPT {
                    self.encode()?;
                }
            }
        }
        Ok(())
    }

    /// The positions of all chunks that there are.
    fn known(&self) -> BTreeSet<Vec<u64>> {
        let ready = self.ready.iter().map(|(p, ..)| p);
        self.stored.keys().chain(ready).chain(self.open.keys()).cloned().collect()
    }

    /// A chunk as it is now.
    fn contents(&self, grid: &Grid, position: &[u64], source: &Stored<'_>) -> Result<Cow<'_, [u8]>> {
        match self.open.get(position) {
            Some(chunk) => Ok(Cow::Borrowed(chunk)),
            None => Ok(Cow::Owned(self.decoded(grid, position, source)?)),
        }
    }

    /// All elements are gone.
    pub(super) fn let_go(&self, source: &Stored<'_>) -> Result<()> {
        self.known().iter().try_for_each(|p| source.let_go(&self.contents(&self.grid, p, source)?))
    }

    /// The elements are gone in whose place there are others.
    fn let_go_of_changes(&self, before: &[u8], after: &[u8], source: &Stored<'_>) -> Result<()> {
        let size = (self.layout.element_size as usize).max(1);
        let mut pairs = before.chunks_exact(size).zip(after.chunks_exact(size)).filter(|(b, a)| b != a);
        pairs.try_for_each(|(before, _)| source.let_go(before))
    }

    /// Puts the fill value wherever a chunk reaches beyond the dataset.
    fn clear_outside(&self, position: &[u64], chunk: &mut [u8]) -> Result<()> {
        let mut cleared = zeroed(self.bytes as u64)?;
        fill_run(&mut cleared, &self.fill);
        let shape = &self.layout.shape;
        let left = |d: usize| shape[d].min(self.grid.dims[d].saturating_sub(position[d] * shape[d]));
        let extent: Vec<u64> = (0..shape.len()).map(left).collect();
        let start = vec![0; shape.len()];
        let place = Place { shape, start: &start };
        runs::copy(&extent, self.layout.element_size, (chunk, place), (&mut cleared, place))?;
        chunk.copy_from_slice(&cleared);
        Ok(())
    }

    /// Writes everything that changed, and the index; returns where that is.
    pub(super) fn store(&mut self, space: &mut Space, source: &Stored<'_>) -> Result<Chunked> {
        if !self.changed {
            return Ok(self.layout.clone());
        }
        self.encode()?;
        if self.layout.index == ChunkIndex::Implicit {
            return self.store_in_order(space, source);
        }
        self.settle(space)?;
        let (mut chunks, mut offsets) = (Vec::with_capacity(self.stored.len()), Vec::with_capacity(self.stored.len()));
        for (number, (position, record)) in self.stored.iter().enumerate() {
            let size = u32::try_from(record.size).map_err(|_| Error::limit("a stored chunk of more than 4 GiB"))?;
            chunks.push(PlacedChunk { number: number as u64, address: record.address, size, mask: record.mask });
            offsets.push(position.iter().zip(&self.layout.shape).map(|(p, c)| p * c).collect::<Vec<u64>>());
        }
        let offset = |number: u64| offsets.get(number as usize).cloned().unwrap_or_default();
        let facts = self.facts();
        let index = match &self.layout.index {
            // It is written anew each time.
            ChunkIndex::FixedArray { .. } if facts.is_beyond_arrays() => {
                ChunkIndex::BTree2 { node_size: CHUNK_NODE_SIZE }
            }
            index => index.clone(),
        };
        let empty = Chunked { address: None, index, ..self.layout.clone() };
        chunk_index_build::build_as(space, empty, &facts, &chunks, offset)
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            libver: Default::default(),
            dims: &self.grid.dims,
            max: &self.max,
            chunk: &self.layout.shape,
            element_size: self.layout.element_size,
            filtered: self.filtered,
            early: false,
            plain_edges: self.layout.plain_edges,
        }
    }

    /// Chunks without an index stand one behind the other: all go to new space together.
    fn store_in_order(&mut self, space: &mut Space, source: &Stored<'_>) -> Result<Chunked> {
        let all = self.facts().most_chunks()?.checked_mul(self.bytes as u64);
        let start = space.allocate(all.ok_or_else(|| Error::limit("more than 2^64 bytes of chunks"))?, 8)?;
        for number in 0..self.grid.len() {
            let position = self.grid.position(number);
            let index = self.facts().array_index(&position)?;
            let chunk = self.decoded(&self.grid, &position, source)?;
            space.write(start.plus(index * self.bytes as u64)?, &chunk)?;
        }
        Ok(Chunked { address: Some(start), ..self.layout.clone() })
    }
}
