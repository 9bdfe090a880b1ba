//! Whole chunks without their filters, for those who filter them anew; if asked for with the matches in the streams that they
//! came from.

use super::{RawData, chunked};
use crate::bytes::zeroed;
use crate::error::{Error, Result};
use crate::filters::{Matches, Pipeline, Scratch};
use crate::format::message::layout::{Chunked, Layout};
use crate::io::Reader;
use crate::object::chunks::ChunkRecord;

/// A chunk, and the matches in its stream; without them where it was not deflated.
pub(crate) struct NotedChunk {
    /// `None` where it is not in the file: it holds fill values, of which there may be more than memory.
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) matches: Option<Matches>,
}

impl RawData {
    /// The parts of its chunks whose matches are as good as those that `to` would look for, if there are such.
    pub(crate) fn matches_for(&self, to: &Pipeline) -> Option<usize> {
        self.pipeline.matches_for(to)
    }

    /// The chunk of this number where there [are matches](Self::matches_for), and no edges without filters. What lies
    /// beyond the dataset may be anything.
    pub(crate) fn noted_chunk(&self, reader: &Reader, number: u64, scratch: &mut Scratch) -> Result<NotedChunk> {
        let layout = self.chunked()?;
        let (grid, table) = self.chunks(reader, layout)?;
        let Some(record) = table.get(number, grid)? else {
            return Ok(NotedChunk { bytes: None, matches: None });
        };
        let mut bytes = zeroed(reader.ctx().check_chunk(layout.chunk_bytes()?)? as u64)?;
        let least = (grid.elements_inside(&grid.position(number)) * self.element_size) as usize;
        let mut decode = |stored: &[u8]| self.pipeline.decode_noting(stored, record.mask, &mut bytes, least, scratch);
        let decoded = match reader.raw_slice(record.address, record.size)? {
            Some(stored) => decode(stored),
            None => {
                reader.check_range(record.address, record.size)?;
                let mut stored = zeroed(record.size)?;
                reader.raw_into(record.address, &mut stored)?;
                decode(&stored)
            }
        };
        let matches = decoded.map_err(|e| e.in_structure("chunk").at(record.address.get()))?;
        Ok(NotedChunk { bytes: Some(bytes), matches })
    }

    /// Puts the chunk that begins at `offset`, which `record` tells, into `chunk`. What lies beyond the dataset may be anything.
    pub(crate) fn whole_chunk(
        &self,
        reader: &Reader,
        offset: &[u64],
        record: &ChunkRecord,
        chunk: &mut Vec<u8>,
    ) -> Result<()> {
        chunked::whole(self, reader, self.chunked()?, (offset, record), chunk)
    }

    /// How many chunks there are, stored or not.
    pub(crate) fn chunk_count(&self, reader: &Reader) -> Result<u64> {
        Ok(self.chunks(reader, self.chunked()?)?.0.len())
    }

    fn chunked(&self) -> Result<&Chunked> {
        match &self.layout {
            Layout::Chunked(layout) => Ok(layout),
            _ => Err(Error::mismatch("not stored in chunks")),
        }
    }
}
