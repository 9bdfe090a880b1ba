//! Bitshuffle (filter 32008): blocks of elements as bit planes, each block alone or behind LZ4 or Zstandard.

use super::{Call, Filter, bit_planes, lz4, zstd};
use crate::error::{Error, Result};

pub(super) struct Bitshuffle;

/// What is done to a block of bit planes.
#[derive(Clone, Copy, PartialEq)]
enum Codec {
    /// There is no header and no size of a block then.
    None,
    Lz4,
    Zstandard,
}

/// Elements go eight at a time; fewer at the end of a chunk are stored as they are.
const UNIT: usize = 8;

/// The parameters of a dataset: two of versions, then these.
struct Parameters {
    element_size: usize,
    /// Elements a block; a chunk's header overrides it.
    block: usize,
    codec: Codec,
    level: i32,
}

impl Parameters {
    fn of(call: &Call<'_>) -> Result<Parameters> {
        let optional = |i: usize| call.parameters.get(i).copied().unwrap_or(0);
        let element_size = call.parameter(2)? as usize;
        if element_size == 0 {
            return Err(call.damaged("elements of no bytes"));
        }
        let block = match optional(3) as usize {
            0 => default_block(element_size),
            n if n % UNIT == 0 => n,
            n => return Err(call.damaged(format!("blocks of {n} elements, not a multiple of 8"))),
        };
        let codec = match optional(4) {
            0 => Codec::None,
            2 => Codec::Lz4,
            3 => Codec::Zstandard,
            n => return Err(Error::unsupported(format!("{} with codec {n}", call.name))),
        };
        Ok(Parameters { element_size, block, codec, level: optional(5) as i32 })
    }

    /// The lengths of the blocks of a chunk, in bytes: whole ones, a last one, and what is left.
    fn blocks(&self, size: usize, block: usize) -> (impl Iterator<Item = usize> + use<>, usize) {
        let block = block.saturating_mul(self.element_size);
        let left = size % self.element_size.saturating_mul(UNIT);
        let (whole, last) = (size / block, (size - left) % block);
        (std::iter::repeat_n(block, whole).chain((last > 0).then_some(last)), left)
    }
}

/// Elements a block where nobody said: about 8 KiB.
fn default_block(element_size: usize) -> usize {
    (8192 / element_size / UNIT * UNIT).max(128)
}

impl Filter for Bitshuffle {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let parameters = Parameters::of(call)?;
        if parameters.codec == Codec::None {
            return decode_bare(stored, &parameters, call, out);
        }
        let (size, blocks) = Blocks::parse(stored, &parameters, call)?;
        out.resize(size, 0);
        blocks.unpack(&parameters, call, out)
    }

    fn decode_into(&self, stored: &[u8], call: &Call<'_>, chunk: &mut [u8]) -> Result<bool> {
        let parameters = Parameters::of(call)?;
        if parameters.codec == Codec::None {
            return Ok(false);
        }
        let (size, blocks) = Blocks::parse(stored, &parameters, call)?;
        if size != chunk.len() {
            return Ok(false);
        }
        blocks.unpack(&parameters, call, chunk).map(|()| true)
    }

    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        call.may_encode()?;
        let parameters = Parameters::of(call)?;
        let block_bytes = u32::try_from(parameters.block.saturating_mul(parameters.element_size));
        let Ok(block_bytes) = block_bytes else { return Ok(false) };
        if !chunk.len().is_multiple_of(parameters.element_size) {
            return Ok(false);
        }
        if parameters.codec != Codec::None {
            out.extend((chunk.len() as u64).to_be_bytes());
            out.extend(block_bytes.to_be_bytes());
        }
        let (lengths, left) = parameters.blocks(chunk.len(), parameters.block);
        let (whole, last) = chunk.split_at(chunk.len() - left);
        let (mut rest, mut planes) = (whole, Vec::new());
        for length in lengths {
            let (elements, behind) = rest.split_at(length);
            planes.resize(length, 0);
            bit_planes::split(elements, parameters.element_size, &mut planes);
            pack(&planes, &parameters, out);
            rest = behind;
        }
        out.extend_from_slice(last);
        Ok(true)
    }
}

/// A chunk behind its header.
struct Blocks<'a> {
    /// Elements a block.
    block: usize,
    packed: &'a [u8],
}

impl<'a> Blocks<'a> {
    /// Reads the header: the size of the decoded chunk, and what is behind.
    fn parse(stored: &'a [u8], parameters: &Parameters, call: &Call<'_>) -> Result<(usize, Blocks<'a>)> {
        let short = || call.damaged("ends before its last block");
        let (size, rest) = stored.split_first_chunk().ok_or_else(short)?;
        let (block, packed) = rest.split_first_chunk().ok_or_else(short)?;
        let size = call.check_size(u64::from_be_bytes(*size))?;
        let block = u32::from_be_bytes(*block) as usize / parameters.element_size;
        if block == 0 || !block.is_multiple_of(UNIT) || !size.is_multiple_of(parameters.element_size) {
            return Err(call.damaged(format!("{size} bytes in blocks of {block} elements")));
        }
        Ok((size, Blocks { block, packed }))
    }

    /// Decodes into `out`, which has the chunk's size.
    fn unpack(&self, parameters: &Parameters, call: &Call<'_>, out: &mut [u8]) -> Result<()> {
        let short = || call.damaged("ends before its last block");
        let (lengths, left) = parameters.blocks(out.len(), self.block);
        let (mut at, mut rest, mut planes, mut spare) = (0, self.packed, Vec::new(), Vec::new());
        for length in lengths {
            let (packed, behind) = rest.split_first_chunk().ok_or_else(short)?;
            let (packed, behind) = behind.split_at_checked(u32::from_be_bytes(*packed) as usize).ok_or_else(short)?;
            unpack(packed, parameters.codec, length, call, &mut planes)?;
            bit_planes::join(&planes, parameters.element_size, &mut out[at..at + length], &mut spare);
            (at, rest) = (at + length, behind);
        }
        out[at..].copy_from_slice(rest.get(..left).ok_or_else(short)?);
        Ok(())
    }
}

/// A chunk that is bit planes and nothing else.
fn decode_bare(stored: &[u8], parameters: &Parameters, call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
    let size = call.check_size(stored.len() as u64)?;
    if !size.is_multiple_of(parameters.element_size) {
        return Err(call.damaged(format!("{size} bytes of elements of {}", parameters.element_size)));
    }
    out.resize(size, 0);
    let (lengths, left) = parameters.blocks(size, parameters.block);
    let (mut at, mut spare) = (0, Vec::new());
    for length in lengths {
        let place = at..at + length;
        bit_planes::join(&stored[place.clone()], parameters.element_size, &mut out[place], &mut spare);
        at += length;
    }
    out[at..].copy_from_slice(&stored[size - left..]);
    Ok(())
}

/// Undoes a block's codec into `planes`, which is `length` bytes then.
fn unpack(packed: &[u8], codec: Codec, length: usize, call: &Call<'_>, planes: &mut Vec<u8>) -> Result<()> {
    if codec == Codec::Lz4 {
        planes.resize(length, 0);
        return lz4::unpack(packed, planes, call);
    }
    planes.clear();
    zstd::unpack(packed, length, call, planes)?;
    if planes.len() < length {
        return Err(call.damaged(format!("a block of {length} bytes decodes to {}", planes.len())));
    }
    Ok(())
}

/// Appends a block, behind its size where it has a codec.
fn pack(planes: &[u8], parameters: &Parameters, out: &mut Vec<u8>) {
    let start = out.len();
    match parameters.codec {
        Codec::None => return out.extend_from_slice(planes),
        Codec::Lz4 => {
            out.extend([0; 4]);
            lz4::pack(planes, out);
        }
        Codec::Zstandard => {
            out.extend([0; 4]);
            out.append(&mut zstd::pack(planes, parameters.level));
        }
    }
    let size = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_about_8_kib_and_whole_eights() {
        assert_eq!([1, 2, 3, 8, 100, 10_000].map(default_block), [8192, 4096, 2728, 1024, 128, 128]);
    }

    #[test]
    fn a_bare_chunk_is_planes_and_what_is_left() {
        let call = Call { parameters: &[0, 4, 1, 8, 0], most: 19, name: "bitshuffle" };
        let mut chunk = vec![1; 8];
        chunk.extend([0x80; 8]);
        chunk.extend([7, 8, 9]);
        let mut stored = Vec::new();
        assert!(Bitshuffle.encode(&chunk, &call, &mut stored).unwrap());
        assert_eq!(stored, [0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 7, 8, 9]);
        let mut back = Vec::new();
        Bitshuffle.decode(&stored, &call, &mut back).unwrap();
        assert_eq!(back, chunk);
    }

    #[test]
    fn parameters_that_make_no_sense_are_refused() {
        for parameters in [&[0, 4][..], &[0, 4, 0], &[0, 4, 1, 7], &[0, 4, 1, 8, 9], &[0, 4, 3, 0, 0]] {
            let call = Call { parameters, most: 100, name: "bitshuffle" };
            assert!(Bitshuffle.decode(&[0; 16], &call, &mut Vec::new()).is_err(), "{parameters:?}");
        }
    }
}
