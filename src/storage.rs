//! How objects and datasets are stored: headers, times, chunk indexes, addresses; what `ls -v` and `stat` tell.

use crate::error::{Context, Result};
use crate::format::message::kind;
use crate::format::message::layout::{ChunkIndex, Layout};
use crate::format::message::small::ReferenceCount;
use crate::object::chunks::ChunkRecord;
use crate::{Dataset, Object};

/// The header of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderInfo {
    /// 1 or 2.
    pub version: u8,
    /// The parts that it consists of.
    pub chunks: u32,
    /// Bytes of all parts.
    pub bytes: u64,
    /// Bytes of messages that hold nothing.
    pub free: u64,
    /// How many hard links lead to the object, as its header says.
    pub links: u32,
    /// When it was read last, in seconds since 1970 UTC.
    pub accessed: Option<u32>,
    /// When its data changed last.
    pub modified: Option<u32>,
    /// When its header changed last.
    pub changed: Option<u32>,
    /// When it was made.
    pub born: Option<u32>,
}

/// The chunks of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkInfo {
    /// What leads to them.
    pub index: &'static str,
    /// How many there are if all were stored.
    pub total: u64,
    /// How many are stored.
    pub stored: u64,
    /// The bytes of those in the file.
    pub bytes: u64,
    /// Bytes of the smallest and of the largest one that is stored.
    pub extremes: Option<(u64, u64)>,
}

/// A chunk as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredChunk {
    /// Its place, counted in chunks.
    pub position: Vec<u64>,
    /// Where it is.
    pub address: u64,
    /// Its bytes in the file.
    pub size: u64,
    /// Bit i: filter i was skipped.
    pub mask: u32,
}

impl Object {
    /// How its header is stored, and what that says of the object as such.
    pub fn header(&self) -> HeaderInfo {
        let header = &self.node().header;
        let count = header.find(kind::REFERENCE_COUNT);
        let count = count.and_then(|b| crate::bytes::decode::<ReferenceCount>(b.bytes, (), "reference count").ok());
        let times = header.prefix.times;
        // Version 1 has a message for the one time that it knows: a version, three bytes, seconds.
        let modified = header.find(kind::MODIFICATION_TIME).and_then(|b| b.bytes.get(4..)?.first_chunk::<4>());
        HeaderInfo {
            version: header.prefix.version,
            chunks: header.chunks,
            bytes: header.size(),
            free: header.free,
            links: header.prefix.reference_count.or(count.map(|(c, _)| c.count)).unwrap_or(1),
            accessed: times.map(|t| t[0]),
            modified: times.map(|t| t[1]).or(modified.map(|b| u32::from_le_bytes(*b))),
            changed: times.map(|t| t[2]),
            born: times.map(|t| t[3]),
        }
    }
}

impl Dataset {
    /// What leads to its chunks: `single`, `implicit`, `fixed array`, `extensible array`, `B-tree v1`, `B-tree v2`.
    pub fn chunk_index(&self) -> Option<&'static str> {
        match &self.raw().layout {
            Layout::Chunked(c) => Some(match c.index {
                ChunkIndex::BTree1 => "B-tree v1",
                ChunkIndex::Single { .. } => "single",
                ChunkIndex::Implicit => "implicit",
                ChunkIndex::FixedArray { .. } => "fixed array",
                ChunkIndex::ExtensibleArray(_) => "extensible array",
                ChunkIndex::BTree2 { .. } => "B-tree v2",
            }),
            _ => None,
        }
    }

    /// The address of its elements or of the index of its chunks; `None` where nothing was written yet, or where they
    /// are in the header or in other files.
    pub fn storage_address(&self) -> Option<u64> {
        match &self.raw().layout {
            Layout::Contiguous { address, .. } => address.map(|a| a.get()),
            Layout::Chunked(c) => c.address.map(|a| a.get()),
            _ => None,
        }
    }

    /// What its chunks are. Reads their index. `None` where it has no chunks.
    ///
    /// # Errors
    /// `Damaged` if the index cannot be read.
    pub fn chunks(&self) -> Result<Option<ChunkInfo>> {
        let raw = self.raw();
        let (Layout::Chunked(c), Some(index)) = (&raw.layout, self.chunk_index()) else {
            return Ok(None);
        };
        let (grid, table) = raw.chunks(self.node().reader(), c).on(self.path())?;
        let (stored, bytes) = table.stored(grid);
        Ok(Some(ChunkInfo { index, total: grid.len(), stored, bytes, extremes: table.extremes() }))
    }

    /// The bytes of a chunk before any filter; `None` where elements are not stored in chunks.
    pub fn chunk_bytes(&self) -> Option<u64> {
        match &self.raw().layout {
            Layout::Chunked(c) => c.chunk_bytes().ok(),
            _ => None,
        }
    }

    /// All chunks that are stored, by their place; none for other layouts. Reads their index.
    ///
    /// # Errors
    /// `Damaged` if the index cannot be read.
    pub fn stored_chunks(&self) -> Result<Vec<StoredChunk>> {
        let Layout::Chunked(c) = &self.raw().layout else {
            return Ok(Vec::new());
        };
        let (grid, table) = self.raw().chunks(self.node().reader(), c).on(self.path())?;
        let place = |(number, record): (u64, ChunkRecord)| {
            let ChunkRecord { address, size, mask } = record;
            StoredChunk { position: grid.position(number), address: address.get(), size, mask }
        };
        table.records(grid).map(|record| record.map(place)).collect::<Result<_>>().on(self.path())
    }
}
