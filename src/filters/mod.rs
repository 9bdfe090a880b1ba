//! Filters: bytes to bytes, what is done to a chunk before it is stored and undone when it is read (IV.A.2.l).
//!
//! A pipeline is applied in its order when writing and backwards when reading. A chunk's filter mask says which filters
//! it skipped. Every decoder is told how many bytes may come out, so that no chunk can swell without bound.

mod deflate;
mod fletcher32;
mod lzf;
mod registry;
mod shuffle;

use crate::error::{Error, Result};
use crate::format::message::filter_pipeline::FilterInfo;
use registry::registered_name;

/// Filters of the library itself.
pub(crate) const DEFLATE: u16 = 1;
pub(crate) const SHUFFLE: u16 = 2;
pub(crate) const FLETCHER32: u16 = 3;
/// h5py's own.
pub(crate) const LZF: u16 = 32000;

/// What filters keep from chunk to chunk: one for each thread.
#[derive(Default)]
pub(crate) struct Scratch {
    inflater: deflate::Inflater,
    deflater: deflate::Deflater,
    /// Two buffers that the stages of a pipeline use in turn.
    buffers: [Vec<u8>; 2],
}

/// One stage of a pipeline.
#[derive(Clone, Debug, PartialEq)]
enum Filter {
    Deflate {
        level: u32,
    },
    Shuffle {
        element_size: usize,
    },
    Fletcher32,
    Lzf,
    /// BitGroom, GranularBR, BitRound: they round numbers when writing, and leave nothing to undo.
    Rounded,
    /// Only chunks that need it fail.
    Unknown {
        id: u16,
        name: String,
    },
}

/// The filters of a dataset, in the order of writing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pipeline {
    stages: Vec<(Filter, bool)>,
}

impl Pipeline {
    /// Understands the filters of a dataset.
    pub(crate) fn new(filters: &[FilterInfo]) -> Result<Pipeline> {
        let stages = filters.iter().map(|f| Ok((Filter::new(f)?, f.optional))).collect::<Result<_>>()?;
        Ok(Pipeline { stages })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Whether a chunk with this mask went through no filter.
    pub(crate) fn skips_all(&self, mask: u32) -> bool {
        (0..self.stages.len()).all(|i| mask >> i & 1 == 1)
    }

    /// Undoes the filters that `mask` does not name, from `stored` into `chunk`: all of it, or at least its first
    /// `least` bytes. (Programs that write chunks themselves cut those at the edge; libhdf5 reads them.)
    pub(crate) fn decode(
        &self,
        stored: &[u8],
        mask: u32,
        chunk: &mut [u8],
        least: usize,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let stages: Vec<&Filter> =
            self.stages.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 0).map(|(_, (f, _))| f).rev().collect();
        let Some((last, before)) = stages.split_last() else {
            return copy_start(stored, chunk, least);
        };
        // Between the stages a chunk may be somewhat larger than in the end: a checksum, an incompressible block.
        let most = 2 * chunk.len() + (64 << 10);
        let Scratch { inflater, buffers: [from, to], .. } = scratch;
        let mut first = true;
        for stage in before {
            let input = if first { stored } else { &from[..] };
            stage.decode(input, to, most, inflater)?;
            std::mem::swap(from, to);
            first = false;
        }
        let input = if first { stored } else { &from[..] };
        last.decode_into(input, chunk, least, to, inflater)
    }

    /// Applies the filters to `chunk`; returns what is to be stored, and the mask of the filters that were skipped:
    /// optional ones that failed.
    pub(crate) fn encode(&self, chunk: &[u8], scratch: &mut Scratch) -> Result<(Vec<u8>, u32)> {
        let mut mask = 0;
        let mut current: Option<Vec<u8>> = None;
        for (i, (filter, optional)) in self.stages.iter().enumerate() {
            let input = current.as_deref().unwrap_or(chunk);
            match filter.encode(input, &mut scratch.deflater)? {
                Some(out) => current = Some(out),
                None if *optional => mask |= 1 << i,
                None => {
                    return Err(Error::unsupported(format!("a chunk that filter {} cannot store", i + 1)));
                }
            }
        }
        Ok((current.unwrap_or_else(|| chunk.to_vec()), mask))
    }
}

impl Filter {
    fn new(f: &FilterInfo) -> Result<Filter> {
        Ok(match f.id {
            DEFLATE => Filter::Deflate { level: f.parameters.first().copied().unwrap_or(6).min(9) },
            SHUFFLE => {
                let element_size = f.parameters.first().copied().unwrap_or(1).max(1) as usize;
                Filter::Shuffle { element_size }
            }
            FLETCHER32 => Filter::Fletcher32,
            LZF => Filter::Lzf,
            32022 | 32023 | 32032 => Filter::Rounded,
            id => {
                let registered = registered_name(id).map(str::to_owned);
                Filter::Unknown { id, name: registered.unwrap_or_else(|| f.name.to_string()) }
            }
        })
    }

    /// Undoes one stage into `out`, whose old content does not matter, with at most `most` bytes.
    fn decode(&self, input: &[u8], out: &mut Vec<u8>, most: usize, inflater: &mut deflate::Inflater) -> Result<()> {
        out.clear();
        match self {
            Filter::Deflate { .. } => inflater.inflate(input, out, most),
            Filter::Shuffle { element_size } => {
                out.resize(input.len(), 0);
                shuffle::unshuffle(input, *element_size, out);
                Ok(())
            }
            Filter::Fletcher32 => {
                out.extend_from_slice(fletcher32::verified(input)?);
                Ok(())
            }
            Filter::Lzf => lzf::decode(input, out, most),
            Filter::Rounded => {
                out.extend_from_slice(input);
                Ok(())
            }
            Filter::Unknown { id, name } => Err(unknown(*id, name)),
        }
    }

    /// Undoes the last stage straight into the chunk.
    fn decode_into(
        &self,
        input: &[u8],
        chunk: &mut [u8],
        least: usize,
        spare: &mut Vec<u8>,
        inflater: &mut deflate::Inflater,
    ) -> Result<()> {
        match self {
            Filter::Deflate { .. } => inflater.inflate_into(input, chunk, least),
            Filter::Shuffle { element_size } => {
                let input = start(input, chunk.len(), least)?;
                shuffle::unshuffle(input, *element_size, &mut chunk[..input.len()]);
                Ok(())
            }
            Filter::Fletcher32 => copy_start(fletcher32::verified(input)?, chunk, least),
            _ => {
                self.decode(input, spare, chunk.len(), inflater)?;
                copy_start(spare, chunk, least)
            }
        }
    }

    /// Applies one stage; `None` where the filter is of no use for this chunk.
    fn encode(&self, input: &[u8], deflater: &mut deflate::Deflater) -> Result<Option<Vec<u8>>> {
        match self {
            Filter::Deflate { level } => deflater.deflate(input, *level),
            Filter::Shuffle { element_size } => Ok(Some(shuffle::shuffle(input, *element_size))),
            Filter::Fletcher32 => Ok(Some(fletcher32::sealed(input))),
            Filter::Lzf => Err(Error::unsupported("writing with the LZF filter")),
            Filter::Rounded => Err(Error::unsupported("writing with a rounding filter")),
            Filter::Unknown { id, name } => Err(unknown(*id, name)),
        }
    }
}

fn unknown(id: u16, name: &str) -> Error {
    Error::unsupported(if name.is_empty() { format!("filter {id}") } else { format!("filter {id} ({name})") })
}

/// The bytes of a chunk of `size` that decoding gave, at least `least`; what is behind the chunk is ignored, as in
/// libhdf5.
fn start(decoded: &[u8], size: usize, least: usize) -> Result<&[u8]> {
    if decoded.len() < least {
        let message = format!("decoded to {} bytes, {least} are needed", decoded.len());
        return Err(Error::damaged(message).in_structure("chunk"));
    }
    Ok(&decoded[..size.min(decoded.len())])
}

fn copy_start(decoded: &[u8], chunk: &mut [u8], least: usize) -> Result<()> {
    let decoded = start(decoded, chunk.len(), least)?;
    chunk[..decoded.len()].copy_from_slice(decoded);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(id: u16, parameters: &[u32]) -> FilterInfo {
        FilterInfo { id, name: "".into(), optional: id == DEFLATE, parameters: parameters.to_vec() }
    }

    fn round_trip(filters: &[FilterInfo], chunk: &[u8]) {
        let pipeline = Pipeline::new(filters).unwrap();
        let mut scratch = Scratch::default();
        let (stored, mask) = pipeline.encode(chunk, &mut scratch).unwrap();
        let mut back = vec![0xaa; chunk.len()];
        pipeline.decode(&stored, mask, &mut back, chunk.len(), &mut scratch).unwrap();
        assert_eq!(back, chunk, "{filters:?}");
        for cut in [0, 1, stored.len() / 2, stored.len().saturating_sub(1)] {
            let stored = &stored[..cut.min(stored.len())];
            if stored.len() < chunk.len() {
                // Any answer but a panic or a wrong value.
                assert!(pipeline.decode(stored, mask, &mut back, chunk.len(), &mut scratch).is_err() || back == chunk);
            }
        }
    }

    #[test]
    fn what_a_pipeline_does_it_undoes() {
        let smooth: Vec<u8> = (0..10_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let noise: Vec<u8> = (0..4_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for chunk in [&smooth[..], &noise, &smooth[..4], b"x"] {
            round_trip(&[], chunk);
            round_trip(&[info(SHUFFLE, &[4]), info(DEFLATE, &[4])], chunk);
            round_trip(&[info(SHUFFLE, &[4]), info(DEFLATE, &[9]), info(FLETCHER32, &[])], chunk);
            round_trip(&[info(FLETCHER32, &[]), info(DEFLATE, &[1])], chunk);
            round_trip(&[info(SHUFFLE, &[3])], chunk);
        }
    }

    #[test]
    fn a_short_chunk_is_taken_where_it_holds_what_is_needed() {
        let pipeline = Pipeline::new(&[info(SHUFFLE, &[2]), info(DEFLATE, &[6])]).unwrap();
        let mut scratch = Scratch::default();
        let (stored, _) = pipeline.encode(&[7; 60], &mut scratch).unwrap();
        let mut chunk = [0; 100];
        pipeline.decode(&stored, 0, &mut chunk, 60, &mut scratch).unwrap();
        assert_eq!(chunk[..60], [7; 60]);
        assert!(pipeline.decode(&stored, 0, &mut chunk, 61, &mut scratch).is_err());
    }

    #[test]
    fn an_unknown_filter_is_named_and_fails_only_where_it_was_used() {
        let pipeline = Pipeline::new(&[info(32013, &[])]).unwrap();
        let mut chunk = [0; 3];
        let error = pipeline.decode(b"abc", 0, &mut chunk, 3, &mut Scratch::default()).unwrap_err();
        assert_eq!(error.to_string(), "not supported: filter 32013 (ZFP)");
        pipeline.decode(b"abc", 1, &mut chunk, 3, &mut Scratch::default()).unwrap();
        assert_eq!(&chunk, b"abc");
    }

    #[test]
    fn a_bomb_stops_at_the_size_of_the_chunk() {
        let zeros = vec![0; 10 << 20];
        let twice = Pipeline::new(&[info(DEFLATE, &[9]), info(DEFLATE, &[9])]).unwrap();
        let (stored, _) = twice.encode(&zeros, &mut Scratch::default()).unwrap();
        assert!(stored.len() < 1000);
        let mut small = [0; 100];
        let mut scratch = Scratch::default();
        let _ = twice.decode(&stored, 0, &mut small, 100, &mut scratch);
        assert!(scratch.buffers.iter().all(|b| b.capacity() < 1 << 20));
    }
}
