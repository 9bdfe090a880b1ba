//! The index of a new dataset's chunks: which one, by the choice of libhdf5, and writing it.

use super::arrays_build::{self, Elements};
use super::btree1_build::{self, PlacedChunk};
use super::btree2_build;
use super::space::Space;
use crate::bytes::{Address, Widths};
use crate::error::{Error, Result};
use crate::format::btree2::CHUNK_NODE_SIZE;
use crate::format::fixed_array::PAGE_BITS;
use crate::format::libver::LibVer;
use crate::format::message::layout::{ChunkIndex, Chunked, ExtensibleArrayParameters};

/// What the choice of an index depends on.
pub(crate) struct Facts<'a> {
    pub(crate) libver: LibVer,
    pub(crate) dims: &'a [u64],
    /// How far each dimension may grow.
    pub(crate) max: &'a [Option<u64>],
    pub(crate) chunk: &'a [u64],
    pub(crate) element_size: u64,
    pub(crate) filtered: bool,
    /// All chunks have their place from the beginning.
    pub(crate) early: bool,
    pub(crate) plain_edges: bool,
}

impl Facts<'_> {
    /// The index that libhdf5 chooses, but for arrays that are far too large, and what the layout says of it; without an address.
    pub(crate) fn layout(&self) -> Chunked {
        let index = self.index();
        let newer = index != ChunkIndex::BTree1;
        Chunked {
            shape: self.chunk.to_vec(),
            element_size: self.element_size,
            // Sizes of the old width could be too narrow for a filter that makes chunks larger.
            wide_sizes: newer && self.filtered && self.libver >= LibVer::V200,
            plain_edges: newer && self.plain_edges,
            index,
            address: None,
        }
    }

    fn index(&self) -> ChunkIndex {
        if self.libver < LibVer::V110 {
            return ChunkIndex::BTree1;
        }
        let grows = self.dims.iter().zip(self.max).any(|(dim, max)| *max != Some(*dim));
        match self.max.iter().filter(|m| m.is_none()).count() {
            0 if !grows && self.dims == self.chunk => {
                // The room for a size must be there before the chunk is: libhdf5 does not make it later.
                ChunkIndex::Single { filtered: self.filtered.then_some((0, 0)) }
            }
            // Every chunk that there may ever be has a place in the file then.
            0 if !self.filtered && self.early && !(grows && self.is_beyond_arrays()) => ChunkIndex::Implicit,
            0 if self.is_beyond_arrays() => ChunkIndex::BTree2 { node_size: CHUNK_NODE_SIZE },
            0 => ChunkIndex::FixedArray { page_bits: PAGE_BITS },
            1 => ChunkIndex::ExtensibleArray(ExtensibleArrayParameters::USUAL),
            _ => ChunkIndex::BTree2 { node_size: CHUNK_NODE_SIZE },
        }
    }

    /// Whether there can be so many chunks that a fixed array, which has room for each, is no good index of those that there
    /// are. libhdf5 takes one nevertheless: a dataset that may grow to 10¹³ elements becomes a file of 65 GB at its first.
    pub(crate) fn is_beyond_arrays(&self) -> bool {
        self.most_chunks().map_or(true, |most| most > MOST_IN_FIXED_ARRAY)
    }

    /// How many chunks there can be, if an array can have them.
    pub(crate) fn most_chunks(&self) -> Result<u64> {
        let mut counts = self.max.iter().zip(self.chunk).map(|(m, c)| m.map_or(1, |m| m.div_ceil(*c)));
        let most = counts.try_fold(1u64, |n, count| n.checked_mul(count));
        most.filter(|&n| n <= u32::MAX.into()).ok_or_else(too_many)
    }

    /// The index in an array of chunks of the one at `position`, counted in chunks. Arrays number the chunks of the
    /// dataset as large as it can become, and the dimension without end comes first: so growing moves none.
    pub(crate) fn array_index(&self, position: &[u64]) -> Result<u64> {
        let (mut index, mut weight) = (0u64, 1u64);
        let unlimited = self.max.iter().position(Option::is_none);
        let limited = (0..self.max.len()).rev().filter(|&d| Some(d) != unlimited);
        for d in limited.chain(unlimited) {
            let at = position.get(d).copied().unwrap_or(0);
            index = at.checked_mul(weight).and_then(|n| index.checked_add(n)).ok_or_else(too_many)?;
            let count = self.max.get(d).copied().flatten().zip(self.chunk.get(d)).map_or(1, |(m, c)| m.div_ceil(*c));
            weight = weight.checked_mul(count.max(1)).ok_or_else(too_many)?;
        }
        if index > u32::MAX.into() {
            return Err(too_many());
        }
        Ok(index)
    }
}

/// The most elements of a fixed array: up to 80 MB.
const MOST_IN_FIXED_ARRAY: u64 = 1 << 22;

/// Stands for the first of no chunks.
const NO_CHUNK: PlacedChunk = PlacedChunk { number: 0, address: Address(0), size: 0, mask: 0 };

fn too_many() -> Error {
    Error::limit("more than 2³² chunks in an array of chunks; make the chunks larger")
}

/// Writes the index of `chunks`, sorted by number, and completes the layout. `offset` gives the first element of the
/// chunk of a number.
pub(crate) fn build(
    space: &mut Space,
    facts: &Facts<'_>,
    chunks: &[PlacedChunk],
    offset: impl Fn(u64) -> Vec<u64>,
) -> Result<Chunked> {
    build_as(space, facts.layout(), facts, chunks, offset)
}

/// Writes the index that `layout` names, which has no address yet.
pub(crate) fn build_as(
    space: &mut Space,
    mut layout: Chunked,
    facts: &Facts<'_>,
    chunks: &[PlacedChunk],
    offset: impl Fn(u64) -> Vec<u64>,
) -> Result<Chunked> {
    // Where no chunk is stored there is no index, but for one case: libhdf5 looks for chunks that were at the edge when a
    // dataset grows, and does not see that there is no index.
    let Some(first) = chunks.first().copied().or_else(|| layout.plain_edges.then_some(NO_CHUNK)) else {
        return Ok(layout);
    };
    let position =
        |c: &PlacedChunk| -> Vec<u64> { offset(c.number).iter().zip(facts.chunk).map(|(o, c)| o / c).collect() };
    let record = Record::new(facts, &layout, space.widths())?;
    layout.address = match &mut layout.index {
        ChunkIndex::BTree1 => btree1_build::build(space, chunks, facts.chunk, facts.element_size, offset)?,
        ChunkIndex::Single { .. } | ChunkIndex::Implicit if chunks.is_empty() => None,
        ChunkIndex::Single { filtered } => {
            *filtered = facts.filtered.then_some((first.size.into(), first.mask));
            Some(first.address)
        }
        // Chunks have their places by their numbers, so the first place is where the first of them would be.
        ChunkIndex::Implicit => {
            let before = facts.array_index(&position(&first))?.checked_mul(u64::from(first.size));
            let start = before.and_then(|before| first.address.get().checked_sub(before));
            Some(Address(start.ok_or_else(|| Error::invalid("a chunk that is not in its place"))?))
        }
        ChunkIndex::FixedArray { .. } => {
            let most = facts.most_chunks()?;
            Some(record.array(chunks, facts, position, |elements| arrays_build::fixed(space, elements, most))?)
        }
        ChunkIndex::ExtensibleArray(parameters) => Some(
            record.array(chunks, facts, position, |elements| arrays_build::extensible(space, elements, parameters))?,
        ),
        ChunkIndex::BTree2 { node_size } => {
            Some(record.tree(space, *node_size, facts.chunk.len(), chunks, position)?)
        }
    };
    Ok(layout)
}

/// What stands in an index for a chunk: its address, and with filters its size and its mask.
struct Record {
    filtered: bool,
    w: Widths,
    size_width: usize,
}

impl Record {
    fn new(facts: &Facts<'_>, layout: &Chunked, w: Widths) -> Result<Record> {
        let size_width = if layout.wide_sizes {
            w.length()
        } else {
            // One byte more than the size of a whole chunk needs.
            (1 + (layout.chunk_bytes()?.max(1).ilog2() as usize + 8) / 8).min(8)
        };
        Ok(Record { filtered: facts.filtered, w, size_width })
    }

    fn bytes(&self) -> usize {
        self.w.offset() + if self.filtered { self.size_width + 4 } else { 0 }
    }

    fn check(&self, chunks: &[PlacedChunk]) -> Result<()> {
        let fits = |c: &PlacedChunk| u64::from(c.size).checked_shr(8 * self.size_width as u32).unwrap_or(0) == 0;
        if self.filtered && !chunks.iter().all(fits) {
            return Err(Error::limit("a stored chunk that is far larger than what it was made of"));
        }
        Ok(())
    }

    fn encode(&self, chunk: &PlacedChunk, out: &mut Vec<u8>) {
        out.extend(chunk.address.get().to_le_bytes().into_iter().take(self.w.offset()));
        if self.filtered {
            out.extend(u64::from(chunk.size).to_le_bytes().into_iter().take(self.size_width));
            out.extend(chunk.mask.to_le_bytes());
        }
    }

    /// Hands the chunks to `write` as the elements of an array.
    fn array(
        &self,
        chunks: &[PlacedChunk],
        facts: &Facts<'_>,
        position: impl Fn(&PlacedChunk) -> Vec<u64>,
        write: impl FnOnce(&Elements<'_>) -> Result<Address>,
    ) -> Result<Address> {
        self.check(chunks)?;
        let number = |(at, c): (usize, &PlacedChunk)| facts.array_index(&position(c)).map(|index| (index, at));
        let mut order: Vec<(u64, usize)> = chunks.iter().enumerate().map(number).collect::<Result<_>>()?;
        order.sort_unstable();
        let indices: Vec<u64> = order.iter().map(|(index, _)| *index).collect();
        let encode = |place: usize, out: &mut Vec<u8>| {
            if let Some(chunk) = order.get(place).and_then(|(_, at)| chunks.get(*at)) {
                self.encode(chunk, out);
            }
        };
        let client = u8::from(self.filtered);
        let address_size = self.w.offset();
        write(&Elements { client, size: self.bytes(), address_size, indices: &indices, encode: &encode })
    }

    /// Writes the chunks as a version 2 B-tree: behind each record stands its position.
    fn tree(
        &self,
        space: &mut Space,
        node_size: u32,
        rank: usize,
        chunks: &[PlacedChunk],
        position: impl Fn(&PlacedChunk) -> Vec<u64>,
    ) -> Result<Address> {
        self.check(chunks)?;
        let record = |c: &PlacedChunk| {
            let mut out = Vec::with_capacity(self.bytes() + 32);
            self.encode(c, &mut out);
            out.extend(position(c).into_iter().flat_map(u64::to_le_bytes));
            out
        };
        let records: Vec<Vec<u8>> = chunks.iter().map(record).collect();
        let size = (self.bytes() + 8 * rank) as u16;
        btree2_build::build_in(space, if self.filtered { 11 } else { 10 }, node_size, size, &records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(dims: &'a [u64], max: &'a [Option<u64>], chunk: &'a [u64]) -> Facts<'a> {
        Facts {
            libver: LibVer::V110,
            dims,
            max,
            chunk,
            element_size: 4,
            filtered: false,
            early: false,
            plain_edges: false,
        }
    }

    #[test]
    fn the_index_is_the_one_that_libhdf5_chooses() {
        let fixed = facts(&[8, 4], &[Some(8), Some(4)], &[8, 4]);
        assert_eq!(fixed.index(), ChunkIndex::Single { filtered: None });
        assert_eq!(Facts { libver: LibVer::V18, ..fixed }.index(), ChunkIndex::BTree1);
        let cut = || facts(&[8, 4], &[Some(8), Some(4)], &[4, 4]);
        assert_eq!(cut().index(), ChunkIndex::FixedArray { page_bits: 10 });
        assert_eq!(Facts { early: true, ..cut() }.index(), ChunkIndex::Implicit);
        let filtered = Facts { early: true, filtered: true, ..cut() };
        assert_eq!(filtered.index(), ChunkIndex::FixedArray { page_bits: 10 });
        assert!(!filtered.layout().wide_sizes);
        assert!(Facts { libver: LibVer::V200, ..filtered }.layout().wide_sizes);
        let grows = facts(&[8, 4], &[Some(8), None], &[8, 4]);
        assert_eq!(grows.index(), ChunkIndex::ExtensibleArray(ExtensibleArrayParameters::USUAL));
        assert_eq!(facts(&[8, 4], &[None, None], &[8, 4]).index(), ChunkIndex::BTree2 { node_size: 2048 });
    }

    #[test]
    fn no_fixed_array_has_more_elements_than_anybody_wants() {
        let index = |max: u64| facts(&[100], &[Some(max)], &[10]).index();
        assert_eq!(index(10 << 22), ChunkIndex::FixedArray { page_bits: 10 });
        for max in [(10 << 22) + 1, 50_000_005_000_000, u64::MAX] {
            assert_eq!(index(max), ChunkIndex::BTree2 { node_size: 2048 });
        }
        let (vast, wide) = ([1 << 30], [Some(1 << 30)]);
        let early = |dims| Facts { early: true, ..facts(dims, &wide, &[10]) }.index();
        assert_eq!(early(&vast), ChunkIndex::Implicit);
        assert_eq!(early(&[100]), ChunkIndex::BTree2 { node_size: 2048 });
    }

    #[test]
    fn arrays_number_the_dimension_without_end_first() {
        let f = facts(&[4, 4, 4], &[Some(6), None, Some(10)], &[2, 2, 2]);
        assert_eq!(f.array_index(&[1, 2, 3]).unwrap(), 2 * 15 + 5 + 3);
        assert_eq!(facts(&[4, 4], &[Some(6), Some(7)], &[2, 2]).array_index(&[1, 2]).unwrap(), 6);
        assert!(f.array_index(&[0, 1 << 60, 0]).is_err());
    }
}
