//! Blosc 1 (filter 32001): a chunk is cut into blocks that fit a cache, their bytes or bits are shuffled, and a codec
//! packs them. The chunk's own header says all that decoding needs; the dataset's parameters are for writing.

mod blosclz;
mod chunk;
mod codec;
mod undo;

pub(super) use chunk::{Chunk, Work};

use super::{Call, Filter, bit_planes, deflate, shuffle};
use crate::error::{Error, Result};
use chunk::{BIT_SHUFFLED, HEADER_SIZE, MOST_STREAMS, NOT_SPLIT, SHORTEST_STREAM, SHUFFLED, VERSION};
use codec::Codec;

pub(super) struct Blosc;

impl Filter for Blosc {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let chunk = Chunk::parse(stored, None, call)?;
        out.reserve(call.check_size(chunk.size as u64)?);
        let mut work = Work::default();
        (0..chunk.blocks()).try_for_each(|number| chunk.decode_block(number, call, &mut work, out))
    }

    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        call.may_encode()?;
        let plan = Plan::of(chunk.len(), call)?;
        // C-Blosc copies such a chunk behind a header, which does not fit where the chunk was.
        if plan.effort == 0 || chunk.len() < SHORTEST_STREAM || i32::try_from(chunk.len()).is_err() {
            return Ok(false);
        }
        out.extend([VERSION, 1, plan.flags(), plan.element_size as u8]);
        for number in [chunk.len(), plan.block_size, 0] {
            out.extend((number as u32).to_le_bytes());
        }
        let starts = out.len();
        out.resize(starts + 4 * chunk.len().div_ceil(plan.block_size), 0);
        let (mut shuffled, mut deflater) = (Vec::new(), deflate::Deflater::default());
        for (number, block) in chunk.chunks(plan.block_size).enumerate() {
            let (place, start) = (starts + 4 * number, out.len() as u32);
            out[place..place + 4].copy_from_slice(&start.to_le_bytes());
            plan.shuffle(block, &mut shuffled);
            plan.pack(&shuffled, &mut deflater, out)?;
            if out.len() >= chunk.len() {
                return Ok(false);
            }
        }
        let size = out.len() as u32;
        out[HEADER_SIZE - 4..HEADER_SIZE].copy_from_slice(&size.to_le_bytes());
        Ok(true)
    }
}

/// How a chunk is to be written.
struct Plan {
    element_size: usize,
    /// 0 to 9.
    effort: u32,
    shuffle: u32,
    codec: Codec,
    block_size: usize,
    split: bool,
}

impl Plan {
    /// By a dataset's parameters: two of versions, the element's size, the chunk's, effort, shuffle, codec.
    fn of(size: usize, call: &Call<'_>) -> Result<Plan> {
        let optional = |i: usize, default| call.parameters.get(i).copied().unwrap_or(default);
        let element_size = match call.parameter(2)? {
            n @ 1..=255 => n as usize,
            _ => 1,
        };
        let (effort, shuffle) = (optional(4, 5).min(9), optional(5, 1));
        if shuffle > 2 {
            return Err(Error::unsupported(format!("{} with shuffle {shuffle}", call.name)));
        }
        let code = optional(6, 0);
        let codec = Codec::of_parameter(code, call)?;
        // LZ4HC, zlib and Zstandard do better on larger blocks.
        let (block_size, split) = blocks(size, element_size, effort, codec, matches!(code, 2 | 4 | 5));
        Ok(Plan { element_size, effort, shuffle, codec, block_size, split })
    }

    fn flags(&self) -> u8 {
        let shuffle = [0, SHUFFLED, BIT_SHUFFLED][self.shuffle as usize];
        let split = if self.split { 0 } else { NOT_SPLIT };
        shuffle | split | self.codec.format() << 5
    }

    /// Puts the block, shuffled, into `out`.
    fn shuffle(&self, block: &[u8], out: &mut Vec<u8>) {
        out.clear();
        match self.shuffle {
            1 if self.element_size > 1 => out.append(&mut shuffle::shuffle(block, self.element_size)),
            2 => {
                let planes = block.len() - undo::bytes_left(block.len(), self.element_size, true);
                out.extend_from_slice(block);
                bit_planes::split(&block[..planes], self.element_size, &mut out[..planes]);
            }
            _ => out.extend_from_slice(block),
        }
    }

    /// Appends a shuffled block as its streams, each behind its size.
    fn pack(&self, block: &[u8], deflater: &mut deflate::Deflater, out: &mut Vec<u8>) -> Result<()> {
        let split = self.split && block.len() == self.block_size;
        let length = if split { block.len() / self.element_size } else { block.len() };
        for raw in block.chunks(length) {
            let start = out.len();
            out.extend([0; 4]);
            if !self.codec.pack(raw, self.effort, deflater, out)? {
                out.truncate(start + 4);
                out.extend_from_slice(raw);
            }
            let size = (out.len() - start - 4) as u32;
            out[start..start + 4].copy_from_slice(&size.to_le_bytes());
        }
        Ok(())
    }
}

/// The size of blocks, and whether each byte of an element is a stream of its own, as C-Blosc chooses them.
fn blocks(size: usize, element_size: usize, effort: u32, codec: Codec, large: bool) -> (usize, bool) {
    const FIRST_LEVEL_CACHE: usize = 32 << 10;
    let splits = |block: usize| {
        codec != Codec::Zstandard && element_size <= MOST_STREAMS && block / element_size >= SHORTEST_STREAM
    };
    let mut block = size.max(1);
    if size >= FIRST_LEVEL_CACHE {
        let quarters = [1, 2, 4, 8, 16, 16, 32, 32, 32, 32][effort.min(9) as usize];
        let more = if large { 1 << (1 + u32::from(effort == 9)) } else { 1 };
        block = FIRST_LEVEL_CACHE / 4 * quarters * more;
    }
    if effort > 0 && splits(block) {
        block = (block.min(1 << 18) * element_size).clamp(1 << 16, 1 << 20);
    }
    block = block.min(size.max(1));
    if block > element_size {
        block = block / element_size * element_size;
    }
    (block, splits(block))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n / 50 % 97) as u8).collect()
    }

    #[test]
    fn every_codec_shuffle_and_size_comes_back() {
        for code in 0..=5 {
            for (shuffle, element_size) in [(0, 4), (1, 1), (1, 3), (1, 8), (2, 2), (2, 5), (1, 17), (2, 300)] {
                for length in [500, 1_000, 40_003, 300_000] {
                    let parameters = [2, 2, element_size, length as u32, 5, shuffle, code];
                    let call = Call { parameters: &parameters, most: length, name: "Blosc" };
                    let (chunk, mut stored, mut back) = (chunk(length), Vec::new(), Vec::new());
                    assert!(Blosc.encode(&chunk, &call, &mut stored).unwrap(), "{parameters:?}");
                    Blosc.decode(&stored, &call, &mut back).unwrap();
                    assert!(back == chunk, "{parameters:?}");
                    for cut in [0, 15, 16, 17, stored.len() / 2, stored.len() - 1] {
                        let cut = Blosc.decode(&stored[..cut], &call, &mut Vec::new());
                        assert!(cut.is_err(), "{parameters:?}");
                    }
                    let less = Call { most: length - 1, ..call };
                    assert!(Blosc.decode(&stored, &less, &mut Vec::new()).is_err());
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_made_smaller_is_left_alone() {
        let noise = crate::filters::round_trips::noise(5_000);
        for code in 0..=5 {
            let parameters = [2, 2, 4, 5_000, 5, 0, code];
            let call = Call { parameters: &parameters, most: 5_000, name: "Blosc" };
            assert!(!Blosc.encode(&noise, &call, &mut Vec::new()).unwrap());
            assert!(!Blosc.encode(&noise[..100], &call, &mut Vec::new()).unwrap());
        }
    }

    #[test]
    fn a_copied_chunk_and_headers_that_lie() {
        let call = Call { parameters: &[], most: 20, name: "Blosc" };
        let mut stored = vec![2, 1, 2, 1, 5, 0, 0, 0, 2, 0, 0, 0, 21, 0, 0, 0];
        stored.extend(b"hello");
        let mut out = Vec::new();
        Blosc.decode(&stored, &call, &mut out).unwrap();
        assert_eq!(out, b"hello");
        for (at, lie) in [(0, 9), (2, 0), (2, 8), (2, 0xe0), (3, 0), (4, 21), (7, 0x80), (8, 0), (12, 22), (12, 15)] {
            let mut bad = stored.clone();
            bad[at] = lie;
            assert!(Blosc.decode(&bad, &call, &mut Vec::new()).is_err(), "byte {at}");
        }
    }
}
