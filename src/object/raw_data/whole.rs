//! Whole chunks without their filters, for those who filter them anew; if asked for with the matches in the streams that they
//! came from.

use super::RawData;
use crate::bytes::zeroed;
use crate::error::{Error, Result};
use crate::filters::{Matches, Pipeline, Scratch};
use crate::format::message::layout::{Chunked, Layout};
use crate::io::Reader;
use crate::object::chunks::{ChunkRecord, Grid};
use std::borrow::Cow;

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
        let (grid, table) = self.chunks(reader, self.chunked()?)?;
        let Some(record) = table.get(number, grid)? else {
            return Ok(NotedChunk { bytes: None, matches: None });
        };
        let mut bytes = zeroed(self.chunk_bytes(reader)? as u64)?;
        let least = self.least_of(grid, &grid.position(number));
        let decode =
            |stored: Cow<'_, [u8]>| self.pipeline.decode_noting(&stored, record.mask, &mut bytes, least, scratch);
        let matches = stored(reader, &record).and_then(decode).map_err(|e| of_chunk(e, &record))?;
        Ok(NotedChunk { bytes: Some(bytes), matches })
    }

    /// The chunk that begins at `offset`, which `record` tells, where no edges are without filters; in `buffer`, unless it lies
    /// in memory as it is. What lies beyond the dataset may be anything.
    pub(crate) fn whole_chunk<'a>(
        &self,
        reader: &'a Reader,
        offset: &[u64],
        record: &ChunkRecord,
        scratch: &mut Scratch,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8]> {
        let bytes = self.chunk_bytes(reader)?;
        let plain = self.pipeline.skips_all(record.mask);
        if plain && record.size < bytes as u64 {
            let few = format!("{} bytes in the file, {bytes} are needed", record.size);
            return Err(of_chunk(Error::damaged(few), record));
        }
        let here = if plain { reader.raw_slice(record.address, bytes as u64) } else { Ok(None) };
        if let Some(here) = here.map_err(|e| of_chunk(e, record))? {
            return Ok(here);
        }
        reader.check_range(record.address, record.size).map_err(|e| of_chunk(e, record))?;
        buffer.resize(bytes, 0);
        let done = match plain {
            true => reader.raw_into(record.address, buffer),
            false => {
                let (grid, _) = self.chunks(reader, self.chunked()?)?;
                let position: Vec<u64> = offset.iter().zip(&grid.chunk).map(|(o, c)| o / c).collect();
                let least = self.least_of(grid, &position);
                // A stream may be as short as that.
                buffer[least..].fill(0);
                stored(reader, record).and_then(|s| self.pipeline.decode(&s, record.mask, buffer, least, scratch))
            }
        };
        done.map_err(|e| of_chunk(e, record))?;
        Ok(buffer)
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

    /// Bytes of a chunk.
    fn chunk_bytes(&self, reader: &Reader) -> Result<usize> {
        reader.ctx().check_chunk(self.chunked()?.chunk_bytes()?)
    }

    /// Bytes of a chunk up to its last element inside the dataset.
    fn least_of(&self, grid: &Grid, position: &[u64]) -> usize {
        (grid.elements_inside(position) * self.element_size) as usize
    }
}

fn of_chunk(error: Error, record: &ChunkRecord) -> Error {
    error.in_structure("chunk").at(record.address.get())
}

/// A chunk as it is stored.
fn stored<'a>(reader: &'a Reader, record: &ChunkRecord) -> Result<Cow<'a, [u8]>> {
    if let Some(stored) = reader.raw_slice(record.address, record.size)? {
        return Ok(stored.into());
    }
    reader.check_range(record.address, record.size)?;
    let mut stored = zeroed(record.size)?;
    reader.raw_into(record.address, &mut stored)?;
    Ok(stored.into())
}
