//! The chunks of a dataset: whatever the index, one table that is asked by a chunk's number.

use crate::bytes::Address;
use crate::error::{Context, Error, Result};
use crate::format::btree1::ChunkKey;
use crate::format::message::layout::{ChunkIndex, Chunked};
use crate::index::btree1::Entries;
use crate::io::Reader;

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
}

impl Grid {
    pub(crate) fn new(dims: &[u64], chunk: &[u64]) -> Result<Grid> {
        if dims.len() != chunk.len() {
            let message = format!("chunks of {} dimensions in a dataset of {}", chunk.len(), dims.len());
            return Err(Error::damaged(message).in_structure("data layout"));
        }
        let counts = dims.iter().zip(chunk).map(|(d, c)| d.div_ceil(*c)).collect();
        Ok(Grid { dims: dims.to_vec(), chunk: chunk.to_vec(), counts })
    }

    /// The number of chunks.
    pub(crate) fn len(&self) -> u64 {
        self.counts.iter().product()
    }

    /// The number of the chunk at `position`, counted in chunks.
    pub(crate) fn number(&self, position: &[u64]) -> u64 {
        position.iter().zip(&self.counts).fold(0, |n, (p, c)| n * c + p)
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
        let unsupported = |index: &str| Err(Error::unsupported(format!("chunks indexed by {index}")));
        let size = layout.chunk_bytes()?;
        match &layout.index {
            ChunkIndex::BTree1 => from_btree1(reader, address, grid),
            ChunkIndex::Single { filtered } => {
                let (size, mask) = filtered.unwrap_or((size, 0));
                Ok(ChunkTable::Sparse(vec![(0, ChunkRecord { address, size, mask })]))
            }
            ChunkIndex::Implicit => Ok(ChunkTable::Implicit { address, size }),
            ChunkIndex::FixedArray { .. } => unsupported("a fixed array"),
            ChunkIndex::ExtensibleArray(_) => unsupported("an extensible array"),
            ChunkIndex::BTree2 { .. } => unsupported("a version 2 B-tree"),
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
    pub(crate) fn get(&self, number: u64) -> Result<Option<ChunkRecord>> {
        match self {
            ChunkTable::Dense(table) => Ok(table.get(number as usize).copied().flatten()),
            ChunkTable::Sparse(table) => {
                let found = table.binary_search_by_key(&number, |(n, _)| *n);
                Ok(found.ok().and_then(|i| table.get(i)).map(|(_, record)| *record))
            }
            ChunkTable::Implicit { address, size } => {
                let offset = number.checked_mul(*size).ok_or_else(|| Error::damaged("a chunk beyond 64 bits"))?;
                Ok(Some(ChunkRecord { address: address.plus(offset)?, size: *size, mask: 0 }))
            }
        }
    }

    /// The number of chunks that are stored, and their bytes.
    pub(crate) fn stored(&self, grid: &Grid) -> (u64, u64) {
        let sum = |records: &mut dyn Iterator<Item = &ChunkRecord>| records.fold((0, 0), |(n, b), r| (n + 1, b + r.size));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_numbered_row_by_row() {
        let grid = Grid::new(&[10, 10], &[4, 3]).unwrap();
        assert_eq!((grid.counts.clone(), grid.len()), (vec![3, 4], 12));
        assert_eq!(grid.number(&[2, 3]), 11);
        assert_eq!(grid.number_at(&[8, 9]).unwrap(), Some(11));
        assert_eq!(grid.number_at(&[12, 0]).unwrap(), None);
        assert!(grid.number_at(&[1, 0]).is_err());
        assert!(grid.is_partial(&[2, 0]) && grid.is_partial(&[0, 3]) && !grid.is_partial(&[1, 2]));
        assert_eq!(Grid::new(&[0, 10], &[4, 3]).unwrap().len(), 0);
        assert!(Grid::new(&[10], &[4, 3]).is_err());
    }
}
