//! Filters: bytes to bytes, what is done to a chunk before it is stored and undone when it is read (IV.A.2.l).
//!
//! A pipeline is applied in its order when writing and backwards when reading. A chunk's filter mask says which filters
//! it skipped. Every decoder is told how many bytes may come out, so that no chunk can swell without bound.
//!
//! Deflate, shuffle and Fletcher-32 are stages of their own, which work in place where they can. Every other filter is a
//! [`Filter`]: one file, one line in [`registry`]; users [`register`] theirs.

mod again;
#[cfg(test)]
mod against_libhdf5;
pub(crate) mod best;
mod bit_planes;
mod bits;
mod bitshuffle;
mod blosc;
mod blosc2;
mod bzip2;
mod deflate;
mod fletcher32;
mod inflate;
#[cfg(feature = "jpeg")]
mod jpeg;
mod jpeg_ls;
mod lz4;
mod lz77;
mod lzf;
mod lzo;
mod nbit;
mod registry;
#[cfg(test)]
mod round_trips;
mod rounded;
mod scale_offset;
pub(crate) mod set_local;
mod shuffle;
mod snappy;
mod spec;
mod szip;
mod transpose;
mod vbz;
mod zfp;
mod zstd;

use crate::error::{Error, Result};
use crate::format::message::filter_pipeline::FilterInfo;
#[cfg(fuzzing)]
pub(crate) use deflate::check_deflate;
pub(crate) use deflate::{Matches, Piece};
#[cfg(fuzzing)]
pub(crate) use inflate::check_against_zlib;
pub use registry::register;
use registry::{find, registered_name};
pub use spec::{BitshuffleCodec, BloscCodec, FilterSpec, SzipCoding};
use std::borrow::Cow;
use std::sync::Arc;

/// Filters of the library itself.
pub(crate) const DEFLATE: u16 = 1;
pub(crate) const SHUFFLE: u16 = 2;
pub(crate) const FLETCHER32: u16 = 3;
/// h5py's own.
pub(crate) const LZF: u16 = 32000;

/// A filter: what is done to chunks before they are stored, and undone when they are read.
///
/// ```
/// use h5manager::filter::{Call, Filter, register};
///
/// /// Every bit the other way round.
/// struct Inverted;
///
/// impl Filter for Inverted {
///     fn decode(&self, stored: &[u8], _: &Call<'_>, out: &mut Vec<u8>) -> h5manager::Result<()> {
///         out.extend(stored.iter().map(|b| !b));
///         Ok(())
///     }
/// }
///
/// register(40_000, "inverted", Inverted); // from now on datasets that use filter 40000 can be read
/// ```
pub trait Filter: Send + Sync {
    /// Undoes the filter: appends to `out`, which is empty, what `stored` was made of, at most [`Call::most`] bytes.
    ///
    /// # Errors
    /// `Damaged` if the bytes were not made by this filter or would become more, `Unsupported` for a variant it lacks.
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()>;

    /// As [`decode`](Filter::decode), straight into all of `chunk`. Whether it was done: `false` if the filter has no
    /// such way, or what is stored is not as long.
    #[doc(hidden)]
    fn decode_into(&self, stored: &[u8], call: &Call<'_>, chunk: &mut [u8]) -> Result<bool> {
        let _ = (stored, call, chunk);
        Ok(false)
    }

    /// Applies the filter: appends to `out`, which is empty, what is to be stored for `chunk`. `false` says that it is of
    /// no use for this chunk (it would become larger, say): where the filter is optional the chunk is stored without it.
    ///
    /// # Errors
    /// `Unsupported`, unless the filter can be written.
    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        let _ = (chunk, out);
        Err(Error::unsupported(format!("writing with the filter {}", call.name)))
    }
}

/// Whether this is the module for browsers.
const READS_ONLY: bool = cfg!(all(feature = "wasm", target_family = "wasm"));

/// What a filter is told of the chunk at hand.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The parameters in the dataset's filter pipeline message ("client data values").
    pub parameters: &'a [u32],
    /// The most bytes that decoding may give: the chunk's size, and some more where another filter follows.
    pub most: usize,
    /// What the filter is called, for messages.
    pub name: &'a str,
}

impl Call<'_> {
    /// Whether chunks are written at all: the module for browsers only reads, and is a third smaller without what encodes.
    fn may_encode(&self) -> Result<()> {
        match READS_ONLY {
            true => Err(Error::unsupported(format!("writing with the filter {}", self.name))),
            false => Ok(()),
        }
    }

    /// The error of bytes that this filter cannot have made.
    pub fn damaged(&self, what: impl std::fmt::Display) -> Error {
        Error::damaged(format!("{}: {what}", self.name))
    }

    /// Refuses to decode to more bytes than may come out.
    ///
    /// # Errors
    /// `Damaged` if `bytes` is more than [`Call::most`].
    pub fn check_size(&self, bytes: u64) -> Result<usize> {
        match usize::try_from(bytes) {
            Ok(n) if n <= self.most => Ok(n),
            _ => Err(self.damaged(format!("decodes to {bytes} bytes, the chunk has {}", self.most))),
        }
    }

    /// A parameter, or the error that it is missing.
    ///
    /// # Errors
    /// `Damaged` if there are fewer.
    pub fn parameter(&self, index: usize) -> Result<u32> {
        let missing = || self.damaged(format!("parameter {} of {} is missing", index + 1, self.parameters.len()));
        self.parameters.get(index).copied().ok_or_else(missing)
    }
}

/// What filters keep from chunk to chunk: one for each thread.
#[derive(Default)]
pub(crate) struct Scratch {
    inflater: deflate::Inflater,
    deflater: deflate::Deflater,
    /// Two buffers that the stages of a pipeline use in turn.
    buffers: [Vec<u8>; 2],
    /// What a second chunk needs that is decoded at the same time.
    beside: Vec<u8>,
}

/// One stage of a pipeline.
enum Stage {
    Deflate {
        level: u32,
    },
    Shuffle {
        element_size: usize,
    },
    Fletcher32,
    Codec {
        name: String,
        parameters: Vec<u32>,
        filter: Arc<dyn Filter>,
    },
    /// Only chunks that need it fail.
    Unknown {
        id: u16,
        name: String,
    },
}

/// The filters of a dataset, in the order of writing.
pub(crate) struct Pipeline {
    /// With whether a chunk may go without it.
    stages: Vec<(Stage, bool)>,
}

impl Pipeline {
    /// Understands the filters of a dataset.
    pub(crate) fn new(filters: &[FilterInfo]) -> Pipeline {
        let stages = filters.iter().map(|f| (Stage::new(f), f.optional)).collect();
        Pipeline { stages }
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
        let stages: Vec<&Stage> = self.undone(mask).collect();
        let Some((last, before)) = stages.split_last() else {
            return copy_start(stored, chunk, least);
        };
        let sizes = between(chunk.len());
        let Scratch { inflater, buffers: [from, to], .. } = scratch;
        let mut first = true;
        for stage in before {
            let input = if first { stored } else { &from[..] };
            stage.decode(input, to, sizes, inflater)?;
            std::mem::swap(from, to);
            first = false;
        }
        let input = if first { stored } else { &from[..] };
        last.decode_into(input, chunk, least, to, inflater)
    }

    /// The stages that `mask` does not name, in the order of undoing.
    fn undone(&self, mask: u32) -> impl Iterator<Item = &Stage> {
        self.stages.iter().enumerate().rev().filter(move |(i, _)| mask >> i & 1 == 0).map(|(_, (stage, _))| stage)
    }

    /// Whether two chunks with this mask are better decoded at once.
    pub(crate) fn is_for_two(&self, mask: u32) -> bool {
        let mut stages = self.undone(mask);
        matches!(stages.next(), Some(Stage::Deflate { .. })) && stages.nth(1).is_none()
    }

    /// As [`decode`](Self::decode), two chunks of one size at once, where it [is for two](Self::is_for_two).
    pub(crate) fn decode_two(
        &self,
        stored: [&[u8]; 2],
        mask: u32,
        chunks: [&mut [u8]; 2],
        least: [usize; 2],
        scratch: &mut Scratch,
    ) -> [Result<()>; 2] {
        let Scratch { inflater, buffers: [from, to], beside, .. } = scratch;
        let Some(last) = self.undone(mask).nth(1) else {
            return inflater.inflate_both_into(stored, chunks, least);
        };
        let (expected, most) = between(chunks[0].len());
        let inflated = inflater.inflate_both(stored, [from, beside], expected, most);
        let [one, two] = inflated;
        let [a, b] = chunks;
        [
            one.and_then(|()| last.decode_into(from, a, least[0], to, inflater)),
            two.and_then(|()| last.decode_into(beside, b, least[1], to, inflater)),
        ]
    }

    /// Applies the filters to `chunk`; returns what is to be stored, and the mask of the filters that were skipped:
    /// optional ones that failed.
    pub(crate) fn encode(&self, chunk: &[u8], scratch: &mut Scratch) -> Result<(Vec<u8>, u32)> {
        self.encode_pieces(chunk, &[], scratch)
    }

    /// As [`encode`](Self::encode), where the chunk consists of `pieces` of others that [have matches](Self::matches_for) for this
    /// pipeline; of none if nothing is known of them.
    pub(crate) fn encode_pieces(
        &self,
        chunk: &[u8],
        pieces: &[Piece<'_>],
        scratch: &mut Scratch,
    ) -> Result<(Vec<u8>, u32)> {
        let mut mask = 0;
        let mut current: Option<Vec<u8>> = None;
        let mut pieces = Cow::Borrowed(pieces);
        for (i, (filter, optional)) in self.stages.iter().enumerate() {
            let input = current.as_deref().unwrap_or(chunk);
            match filter.encode(input, &pieces, *optional, &mut scratch.deflater)? {
                Some(out) => {
                    if let Stage::Shuffle { element_size } = filter {
                        pieces = Cow::Owned(again::shuffled(&pieces, *element_size));
                    }
                    current = Some(out);
                }
                None if *optional => mask |= 1 << i,
                None => {
                    let name = filter.name();
                    return Err(Error::unsupported(format!("a chunk that filter {} ({name}) cannot store", i + 1)));
                }
            }
        }
        Ok((current.unwrap_or_else(|| chunk.to_vec()), mask))
    }
}

/// The bytes that a chunk of `size` is expected to have between its stages, and the most: it may be somewhat larger than
/// in the end, by a checksum, by an incompressible block.
fn between(size: usize) -> (usize, usize) {
    (size, 2 * size + (64 << 10))
}

impl Stage {
    fn new(f: &FilterInfo) -> Stage {
        let first = f.parameters.first().copied();
        match f.id {
            DEFLATE => Stage::Deflate { level: first.unwrap_or(6).min(9) },
            SHUFFLE => Stage::Shuffle { element_size: first.unwrap_or(1).max(1) as usize },
            FLETCHER32 => Stage::Fletcher32,
            id => match find(id) {
                Some((name, filter)) => Stage::Codec { name, parameters: f.parameters.clone(), filter },
                None => {
                    let name = registered_name(id).map_or_else(|| f.name.to_string(), str::to_owned);
                    Stage::Unknown { id, name }
                }
            },
        }
    }

    /// Undoes one stage into `out`, whose old content does not matter: about so many bytes, and the most.
    fn decode(
        &self,
        input: &[u8],
        out: &mut Vec<u8>,
        (expected, most): (usize, usize),
        inflater: &mut deflate::Inflater,
    ) -> Result<()> {
        match self {
            Stage::Deflate { .. } => inflater.inflate(input, out, expected, most),
            Stage::Shuffle { element_size } => {
                out.resize(input.len(), 0);
                shuffle::unshuffle(input, *element_size, out);
                Ok(())
            }
            Stage::Fletcher32 => {
                out.clear();
                out.extend_from_slice(fletcher32::verified(input)?);
                Ok(())
            }
            Stage::Codec { name, parameters, filter } => {
                out.clear();
                let call = Call { parameters, most, name };
                filter.decode(input, &call, out)?;
                call.check_size(out.len() as u64).map(drop)
            }
            Stage::Unknown { id, name } => Err(unknown(*id, name)),
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
            Stage::Deflate { .. } => inflater.inflate_into(input, chunk, least),
            Stage::Shuffle { element_size } => {
                let input = start(input, chunk.len(), least)?;
                shuffle::unshuffle(input, *element_size, &mut chunk[..input.len()]);
                Ok(())
            }
            Stage::Fletcher32 => copy_start(fletcher32::verified(input)?, chunk, least),
            Stage::Codec { name, parameters, filter }
                if filter.decode_into(input, &Call { parameters, most: chunk.len(), name }, chunk)? =>
            {
                Ok(())
            }
            _ => {
                self.decode(input, spare, (chunk.len(), chunk.len()), inflater)?;
                copy_start(spare, chunk, least)
            }
        }
    }

    /// Applies one stage; `None` where the filter is of no use for this chunk.
    fn encode(
        &self,
        input: &[u8],
        pieces: &[Piece<'_>],
        optional: bool,
        deflater: &mut deflate::Deflater,
    ) -> Result<Option<Vec<u8>>> {
        match self {
            Stage::Deflate { .. } if READS_ONLY => Err(Error::unsupported("writing with the filter deflate")),
            Stage::Deflate { level } => {
                let most = if optional { deflate::most_of_libhdf5 } else { deflate::most_at_all };
                Ok(deflater.deflate(input, pieces, *level, most(input.len())))
            }
            Stage::Shuffle { element_size } => Ok(Some(shuffle::shuffle(input, *element_size))),
            Stage::Fletcher32 => Ok(Some(fletcher32::sealed(input))),
            Stage::Codec { name, parameters, filter } => {
                let mut out = Vec::new();
                let call = Call { parameters, most: input.len(), name };
                Ok(filter.encode(input, &call, &mut out)?.then_some(out))
            }
            Stage::Unknown { id, name } => Err(unknown(*id, name)),
        }
    }
}

impl Stage {
    fn name(&self) -> &str {
        match self {
            Stage::Deflate { .. } => "deflate",
            Stage::Shuffle { .. } => "shuffle",
            Stage::Fletcher32 => "Fletcher-32",
            Stage::Codec { name, .. } | Stage::Unknown { name, .. } => name,
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
        let pipeline = Pipeline::new(filters);
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
        let pipeline = Pipeline::new(&[info(SHUFFLE, &[2]), info(DEFLATE, &[6])]);
        let mut scratch = Scratch::default();
        let (stored, _) = pipeline.encode(&[7; 60], &mut scratch).unwrap();
        let mut chunk = [0; 100];
        pipeline.decode(&stored, 0, &mut chunk, 60, &mut scratch).unwrap();
        assert_eq!(chunk[..60], [7; 60]);
        assert!(pipeline.decode(&stored, 0, &mut chunk, 61, &mut scratch).is_err());
    }

    #[test]
    fn an_unknown_filter_is_named_and_fails_only_where_it_was_used() {
        let pipeline = Pipeline::new(&[info(32027, &[])]);
        let mut chunk = [0; 3];
        let error = pipeline.decode(b"abc", 0, &mut chunk, 3, &mut Scratch::default()).unwrap_err();
        assert_eq!(error.to_string(), "not supported: filter 32027 (FLAC)");
        pipeline.decode(b"abc", 1, &mut chunk, 3, &mut Scratch::default()).unwrap();
        assert_eq!(&chunk, b"abc");
    }

    #[test]
    fn a_bomb_stops_at_the_size_of_the_chunk() {
        let zeros = vec![0; 10 << 20];
        let twice = Pipeline::new(&[info(DEFLATE, &[9]), info(DEFLATE, &[9])]);
        let (stored, _) = twice.encode(&zeros, &mut Scratch::default()).unwrap();
        assert!(stored.len() < 1000);
        let mut small = [0; 100];
        let mut scratch = Scratch::default();
        let _ = twice.decode(&stored, 0, &mut small, 100, &mut scratch);
        assert!(scratch.buffers.iter().all(|b| b.capacity() < 1 << 20));
    }
}
