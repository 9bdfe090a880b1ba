//! The chunks of a dataset: whatever the index, one table that is asked by a chunk's number.

use crate::bytes::{Address, decode};
use crate::error::{Context, Error, Result};
use crate::format::btree1::ChunkKey;
use crate::format::message::layout::{ChunkIndex, Chunked};
use crate::index::arrays;
use crate::index::btree1::Entries;
use crate::index::btree2::Tree;
use crate::io::Reader;
use std::ops::Range;

/// Where a chunk is stored, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ChunkRecord {
    pub(crate) address: Address,
    /// Bytes in the file.
    pub(crate) size: u64,
    /// Bit i: filter i of the pipeline was skipped.
    pub(crate) mask: u32,
}

/// How a dataset is cut into chunks.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    /// The dataset's shape.
    pub(crate) dims: Vec<u64>,
    /// A chunk's shape.
    pub(crate) chunk: Vec<u64>,
    /// Chunks in each dimension.
    pub(crate) counts: Vec<u64>,
    /// Chunks in each dimension when it has grown as far as it can.
    most: Vec<Option<u64>>,
}

impl Grid {
    pub(crate) fn new(dims: &[u64], max: &[Option<u64>], chunk: &[u64]) -> Result<Grid> {
        if dims.len() != chunk.len() || dims.len() != max.len() {
            let message = format!("chunks of {} dimensions in a dataset of {}", chunk.len(), dims.len());
            return Err(Error::damaged(message).in_structure("data layout"));
        }
        let counts = dims.iter().zip(chunk).map(|(d, c)| d.div_ceil(*c)).collect();
        let most = max.iter().zip(chunk).map(|(d, c)| d.map(|d| d.div_ceil(*c))).collect();
        Ok(Grid { dims: dims.to_vec(), chunk: chunk.to_vec(), counts, most })
    }

    /// The number of chunks.
    pub(crate) fn len(&self) -> u64 {
        // Before anything is multiplied: there may be an immense number of none.
        if self.counts.contains(&0) { 0 } else { self.counts.iter().product() }
    }

    /// The number of the chunk at `position`, counted in chunks.
    pub(crate) fn number(&self, position: &[u64]) -> u64 {
        position.iter().zip(&self.counts).fold(0, |n, (p, c)| n * c + p)
    }

    /// The position, in chunks, of the chunk of this number.
    pub(crate) fn position(&self, number: u64) -> Vec<u64> {
        let (mut position, mut rest) = (vec![0; self.counts.len()], number);
        for (p, count) in position.iter_mut().zip(&self.counts).rev() {
            (*p, rest) = (rest % count.max(&1), rest / count.max(&1));
        }
        position
    }

    /// The number of the chunk whose first element is at `offset`; `None` if it lies outside of the dataset, as
    /// chunks may that a dataset left behind when it shrank.
    fn number_at(&self, offset: &[u64]) -> Result<Option<u64>> {
        let mut number = 0;
        for ((o, chunk), (dim, count)) in offset.iter().zip(&self.chunk).zip(self.dims.iter().zip(&self.counts)) {
            if o % chunk != 0 {
                return Err(Error::damaged(format!("a chunk at {offset:?}, chunks have shape {:?}", self.chunk)));
            }
            if o >= dim {
                return Ok(None);
            }
            number = number * count + o / chunk;
        }
        Ok(Some(number))
    }

    /// The number of the chunk at `position`, counted in chunks; `None` if it lies outside of the dataset.
    fn number_inside(&self, position: &[u64]) -> Option<u64> {
        let inside = position.iter().zip(&self.counts).all(|(p, c)| p < c);
        inside.then(|| self.number(position))
    }

    /// The order in which arrays of chunks number the dimensions: the unlimited one first, the others as they are.
    fn array_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.most.len()).collect();
        order.sort_by_key(|&d| self.most[d].is_some());
        order
    }

    /// The position of the chunk that an array of chunks has at `index`: such arrays number the chunks of the dataset
    /// as large as it can become, so that growing moves none.
    fn position_of(&self, index: u64, order: &[usize]) -> Vec<u64> {
        let mut position = vec![0; order.len()];
        let mut rest = index;
        for (i, &d) in order.iter().enumerate().rev() {
            match self.most[d] {
                Some(most) if i > 0 => (position[d], rest) = (rest % most.max(1), rest / most.max(1)),
                _ => position[d] = rest,
            }
        }
        position
    }

    /// The index in an array of chunks of the chunk of this number; the reverse of [`Grid::position_of`].
    fn index_of(&self, number: u64) -> Option<u64> {
        let (mut index, mut weight, mut rest) = (0u64, 1u64, number);
        for (d, count) in self.counts.iter().enumerate().rev() {
            index = index.checked_add((rest % count.max(&1)).checked_mul(weight)?)?;
            rest /= count.max(&1);
            weight = weight.checked_mul(self.most[d].unwrap_or(1))?;
        }
        Some(index)
    }

    /// The elements of the chunk at `position`, counted in chunks, up to the last one inside the dataset.
    pub(crate) fn elements_inside(&self, position: &[u64]) -> u64 {
        let last = position.iter().zip(&self.chunk).zip(&self.dims).fold(0, |n, ((p, c), d)| {
            let inside = (d - p * c).min(*c);
            n * c + inside - 1
        });
        last + 1
    }

    /// Whether the chunk at `position` reaches beyond the dataset.
    pub(crate) fn is_partial(&self, position: &[u64]) -> bool {
        position.iter().zip(&self.chunk).zip(&self.dims).any(|((p, c), d)| (p + 1) * c > *d)
    }
}

/// All chunks that are stored.
#[derive(Debug)]
pub(crate) enum ChunkTable {
    /// By number.
    Dense(Vec<Option<ChunkRecord>>),
    /// Sorted by number.
    Sparse(Vec<(u64, ChunkRecord)>),
    /// One behind the other, all of the same size.
    Implicit { address: Address, size: u64 },
}

impl ChunkTable {
    /// Reads the whole index of a layout.
    pub(crate) fn load(reader: &Reader, layout: &Chunked, grid: &Grid) -> Result<ChunkTable> {
        let Some(address) = layout.address else {
            return Ok(ChunkTable::Sparse(Vec::new()));
        };
        let size = layout.chunk_bytes()?;
        match &layout.index {
            ChunkIndex::BTree1 => from_btree1(reader, address, grid),
            ChunkIndex::Single { filtered } => {
                let (size, mask) = filtered.unwrap_or((size, 0));
                Ok(ChunkTable::Sparse(vec![(0, ChunkRecord { address, size, mask })]))
            }
            ChunkIndex::Implicit => Ok(ChunkTable::Implicit { address, size }),
            ChunkIndex::FixedArray { .. } => {
                from_array(reader, size, grid, |visit| arrays::fixed(reader, address, visit))
            }
            ChunkIndex::ExtensibleArray(_) => {
                from_array(reader, size, grid, |visit| arrays::extensible(reader, address, visit))
            }
            ChunkIndex::BTree2 { .. } => from_btree2(reader, address, size, grid),
        }
    }

    /// Sorts the records, and spreads them out by number where that wastes little.
    fn from_records(mut records: Vec<(u64, ChunkRecord)>, grid: &Grid) -> Result<ChunkTable> {
        records.sort_by_key(|(number, _)| *number);
        if records.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::damaged("two chunks at the same place").in_structure("chunk index"));
        }
        let most = 4 * records.len() as u64 + 1024;
        if grid.len() > most {
            return Ok(ChunkTable::Sparse(records));
        }
        let mut dense = vec![None; grid.len() as usize];
        for (number, record) in records {
            dense[number as usize] = Some(record);
        }
        Ok(ChunkTable::Dense(dense))
    }

    /// The chunk of this number, if it is stored.
    pub(crate) fn get(&self, number: u64, grid: &Grid) -> Result<Option<ChunkRecord>> {
        match self {
            ChunkTable::Dense(table) => Ok(table.get(number as usize).copied().flatten()),
            ChunkTable::Sparse(table) => {
                let found = table.binary_search_by_key(&number, |(n, _)| *n);
                Ok(found.ok().and_then(|i| table.get(i)).map(|(_, record)| *record))
            }
            ChunkTable::Implicit { address, size } => {
                let offset = grid.index_of(number).and_then(|i| i.checked_mul(*size));
                let offset = offset.ok_or_else(|| Error::damaged("a chunk beyond 64 bits"))?;
                Ok(Some(ChunkRecord { address: address.plus(offset)?, size: *size, mask: 0 }))
            }
        }
    }

    /// Whether any chunk of a box of elements is stored.
    pub(crate) fn any_in(&self, grid: &Grid, block: &[Range<u64>]) -> Result<bool> {
        if matches!(self, ChunkTable::Implicit { .. }) {
            return Ok(true);
        }
        let ends = block.iter().zip(&grid.chunk).map(|(r, c)| (r.start / c, r.end.div_ceil(*c)));
        let ends: Vec<(u64, u64)> = ends.collect();
        let mut position: Vec<u64> = ends.iter().map(|(first, _)| *first).collect();
        if ends.iter().any(|(first, end)| first >= end) {
            return Ok(false);
        }
        loop {
            if self.get(grid.number(&position), grid)?.is_some() {
                return Ok(true);
            }
            // The next one, like the digits of a counter.
            let mut next = position.iter_mut().zip(&ends).rev();
            let moved = next.any(|(p, (first, end))| {
                *p = if *p + 1 < *end { *p + 1 } else { *first };
                *p > *first
            });
            if !moved {
                return Ok(false);
            }
        }
    }

    /// All chunks that are stored, with their numbers.
    pub(crate) fn records<'a>(&'a self, grid: &'a Grid) -> Box<dyn Iterator<Item = Result<(u64, ChunkRecord)>> + 'a> {
        match self {
            ChunkTable::Dense(table) => Box::new((0..).zip(table).filter_map(|(n, r)| r.map(|r| Ok((n, r))))),
            ChunkTable::Sparse(table) => Box::new(table.iter().map(|r| Ok(*r))),
            ChunkTable::Implicit { .. } => {
                let record = |number| Ok(self.get(number, grid)?.map(|r| (number, r)));
                Box::new((0..grid.len()).filter_map(move |number| record(number).transpose()))
            }
        }
    }

    /// The smallest and the largest number of bytes that a stored chunk takes; nothing where none is stored.
    pub(crate) fn extremes(&self) -> Option<(u64, u64)> {
        let ends = |records: &mut dyn Iterator<Item = &ChunkRecord>| {
            records.fold(None, |ends: Option<(u64, u64)>, r| {
                Some(ends.map_or((r.size, r.size), |(least, most)| (least.min(r.size), most.max(r.size))))
            })
        };
        match self {
            ChunkTable::Dense(table) => ends(&mut table.iter().flatten()),
            ChunkTable::Sparse(table) => ends(&mut table.iter().map(|(_, r)| r)),
            ChunkTable::Implicit { size, .. } => Some((*size, *size)),
        }
    }

    /// The number of chunks that are stored, and their bytes.
    pub(crate) fn stored(&self, grid: &Grid) -> (u64, u64) {
        let sum = |records: &mut dyn Iterator<Item = &ChunkRecord>| {
            records.fold((0, 0u64), |(n, b), r| (n + 1, b.saturating_add(r.size)))
        };
        match self {
            ChunkTable::Dense(table) => sum(&mut table.iter().flatten()),
            ChunkTable::Sparse(table) => sum(&mut table.iter().map(|(_, r)| r)),
            ChunkTable::Implicit { size, .. } => (grid.len(), grid.len().saturating_mul(*size)),
        }
    }
}

fn from_btree1(reader: &Reader, root: Address, grid: &Grid) -> Result<ChunkTable> {
    const STRUCTURE: &str = "version 1 B-tree node";
    let coordinates = grid.chunk.len() + 1;
    // The rank of the tree does not matter for reading: a node says how much of it is used.
    let entries = Entries::<ChunkKey>::new(reader, root, coordinates, u16::MAX / 2);
    let mut records = Vec::new();
    for entry in entries {
        let (key, address) = entry?;
        let offset = &key.offset[..coordinates - 1];
        if let Some(number) = grid.number_at(offset).in_structure(STRUCTURE)? {
            let record = ChunkRecord { address, size: key.stored_size.into(), mask: key.filter_mask };
            records.push((number, record));
        }
    }
    ChunkTable::from_records(records, grid)
}

/// A fixed or extensible array: elements are an address, and with filters a size and a mask.
fn from_array(
    reader: &Reader,
    chunk_bytes: u64,
    grid: &Grid,
    walk: impl FnOnce(&mut arrays::Visit<'_>) -> Result<()>,
) -> Result<ChunkTable> {
    let order = grid.array_order();
    let mut records = Vec::new();
    walk(&mut |index, element| {
        if let Some(record) = decode_element(reader, element, chunk_bytes)?
            && let Some(number) = grid.number_inside(&grid.position_of(index, &order))
        {
            records.push((number, record));
        }
        Ok(())
    })?;
    ChunkTable::from_records(records, grid)
}

/// An address, and with filters a size of as many bytes as are left before the mask of 4. `None` if it was never set.
fn decode_element(reader: &Reader, element: &[u8], chunk_bytes: u64) -> Result<Option<ChunkRecord>> {
    let (address, rest) = element.split_at(reader.widths().offset());
    if address.iter().all(|&b| b == 0xff) {
        return Ok(None);
    }
    let (address, _) = decode::<Address>(address, reader.widths(), "address of a chunk")?;
    let Some((size, mask)) = rest.split_last_chunk::<4>() else {
        return Ok(Some(ChunkRecord { address, size: chunk_bytes, mask: 0 }));
    };
    let size = size.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
    Ok(Some(ChunkRecord { address, size, mask: u32::from_le_bytes(*mask) }))
}

/// Records of kind 10 (no filters: an address) or 11 (with: an address, a size, a mask), then the position in chunks,
/// 8 bytes a dimension.
fn from_btree2(reader: &Reader, at: Address, chunk_bytes: u64, grid: &Grid) -> Result<ChunkTable> {
    let (tree, kind) = match Tree::open(reader, at, 10) {
        Ok(tree) => (tree, 10),
        Err(_) => (Tree::open(reader, at, 11)?, 11),
    };
    let rank = grid.chunk.len();
    let least = reader.widths().offset() + 8 * rank + if kind == 11 { 5 } else { 0 };
    if tree.record_size() < least || (kind == 10 && tree.record_size() != least) {
        let message = format!("records of {} bytes for chunks of {rank} dimensions", tree.record_size());
        return Err(Error::damaged(message).in_structure("version 2 B-tree header").at(at.get()));
    }
    let split = tree.record_size() - 8 * rank;
    let mut records = Vec::new();
    for record in tree.records() {
        let record = record?;
        let (element, position) = record.split_at(split);
        let position: Vec<u64> = position.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).collect();
        if let Some(record) = decode_element(reader, element, chunk_bytes)?
            && let Some(number) = grid.number_inside(&position)
        {
            records.push((number, record));
        }
    }
    ChunkTable::from_records(records, grid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_numbered_row_by_row() {
        let grid = Grid::new(&[10, 10], &[Some(10), Some(10)], &[4, 3]).unwrap();
        assert_eq!((grid.counts.clone(), grid.len()), (vec![3, 4], 12));
        assert_eq!(grid.number(&[2, 3]), 11);
        assert_eq!(grid.number_at(&[8, 9]).unwrap(), Some(11));
        assert_eq!(grid.number_at(&[12, 0]).unwrap(), None);
        assert!(grid.number_at(&[1, 0]).is_err());
        assert!(grid.is_partial(&[2, 0]) && grid.is_partial(&[0, 3]) && !grid.is_partial(&[1, 2]));
        assert_eq!(Grid::new(&[0, 10], &[None, Some(10)], &[4, 3]).unwrap().len(), 0);
        assert_eq!(Grid::new(&[1 << 40, 1 << 40, 0], &[None; 3], &[1; 3]).unwrap().len(), 0);
        assert!(Grid::new(&[10], &[None], &[4, 3]).is_err());
    }

    #[test]
    fn arrays_number_the_chunks_of_the_dataset_as_large_as_it_can_become() {
        let fixed = Grid::new(&[4, 4], &[Some(8), Some(8)], &[2, 2]).unwrap();
        let order = fixed.array_order();
        assert_eq!(fixed.position_of(5, &order), [1, 1]);
        assert_eq!(fixed.index_of(fixed.number(&[1, 1])), Some(5));
        // The unlimited dimension comes first, whichever it is.
        let growing = Grid::new(&[4, 4], &[Some(6), None], &[2, 2]).unwrap();
        let order = growing.array_order();
        assert_eq!(order, [1, 0]);
        assert_eq!(growing.position_of(4, &order), [1, 1]);
    }

    #[test]
    fn sizes_of_a_damaged_index_do_not_overflow() {
        let record = |size| Some(ChunkRecord { address: Address(0), size, mask: 0 });
        let grid = Grid::new(&[4], &[Some(4)], &[2]).unwrap();
        assert_eq!(ChunkTable::Dense(vec![record(7), None, record(8)]).stored(&grid), (2, 15));
        assert_eq!(ChunkTable::Dense(vec![record(u64::MAX), record(u64::MAX)]).stored(&grid), (2, u64::MAX));
    }
}
