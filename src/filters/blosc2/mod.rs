//! Blosc 2 (filter 32026): an HDF5 chunk is a contiguous frame of Blosc chunks. Where the dataset has two dimensions or
//! more, the frame holds an n-dimensional array whose blocks are boxes.

mod array;
mod frame;

use super::blosc::{Chunk, Work};
use super::{Call, Filter};
use crate::error::Result;
use array::Array;
use frame::{Frame, Part};

pub(super) struct Blosc2;

impl Filter for Blosc2 {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let frame = Frame::parse(stored, call)?;
        let array = match frame.metalayer(b"b2nd", call)? {
            Some(array) => Some(array),
            None => frame.metalayer(b"caterva", call)?,
        };
        match array {
            Some(metalayer) => {
                let array = Array::parse(metalayer, frame.element_size, call)?;
                decode_array(&frame, &array, call, out)
            }
            None => decode_plain(&frame, call, out),
        }
    }
}

/// Chunks one behind the other.
fn decode_plain(frame: &Frame<'_>, call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.reserve(call.check_size(frame.size)?);
    let mut work = Work::default();
    for number in 0..frame.chunks() {
        match frame.chunk(number, call)? {
            Part::Chunk(chunk) => {
                call.check_size((out.len() + chunk.size) as u64)?;
                decode_blocks(&chunk, call, &mut work, out)?;
            }
            Part::Value(value) => {
                let size = call.check_size(frame.chunk_size(number))?;
                call.check_size((out.len() + size) as u64)?;
                out.extend(value.iter().cycle().take(size));
            }
        }
    }
    Ok(())
}

fn decode_blocks(chunk: &Chunk<'_>, call: &Call<'_>, work: &mut Work, out: &mut Vec<u8>) -> Result<()> {
    (0..chunk.blocks()).try_for_each(|number| chunk.decode_block(number, call, work, out))
}

/// Chunks and blocks that are boxes of an array.
fn decode_array(frame: &Frame<'_>, array: &Array, call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.resize(array.size, 0);
    let (mut work, mut block) = (Work::default(), Vec::new());
    for (number, chunk_origin) in array.chunks().enumerate() {
        let part = frame.chunk(number, call)?;
        if let Part::Value(value) = part {
            block.clear();
            block.extend(value.iter().cycle().take(array.block_size));
        }
        for (number, block_origin) in array.blocks().enumerate() {
            if let Part::Chunk(chunk) = &part {
                if chunk.block_size != array.block_size || number >= chunk.blocks() {
                    let message =
                        format!("blocks of {} bytes, the array's have {}", chunk.block_size, array.block_size);
                    return Err(call.damaged(message));
                }
                block.clear();
                chunk.decode_block(number, call, &mut work, &mut block)?;
            }
            if let Some(block) = block.get(..array.block_size) {
                array.place(block, &chunk_origin, &block_origin, out);
            } else {
                return Err(call.damaged(format!("a block of {} bytes", block.len())));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Written by hdf5plugin 7.1.

    /// 15 numbers of two bytes, 0, 300 …, as 3 × 5.
    const ARRAY: &str = "\
        9ea862326672616d6500d2000000a5cf000000000000012ea412005103d3000000000000001ed3000000000000003ed200000002d200\
        00001ed20000001ed10000d10001c2d8060000000000010100000000000000000093cd0011de0001a462326e64d20000006bdc0001c6\
        0000003597000292d30000000000000003d3000000000000000592d200000003d20000000592d200000003d20000000500db00000003\
        7c5632050107021e0000001e0000003e0000000000000000010100000000000000000000002c0158028403b004dc050807340860098c\
        0ab80be40c100e3c0f681005010708080000000800000028000000000000000001000000000000000000000000000000000000940193\
        cd0006de0000dc0000ce00000023d80000000000000000000000000000000000";

    /// 200 zeros of four bytes: the index says so, there is no chunk.
    const ZEROS: &str = "\
        9ea862326672616d6500d200000061cf00000000000000aca412005003d30000000000000320d30000000000000000d200000004d200\
        000320d200000320d10000d10001c2d8060000000000010000000000000000000093cd0007de0000dc00000501070808000000080000\
        0028000000000000000001000000000000000000000000000000000081940193cd0006de0000dc0000ce00000023d800000000000000\
        00000000000000000000";

    /// 0 … 9 ten times each, of four bytes: byte planes as BloscLZ and as runs.
    const RUNS: &str = "\
        9ea862326672616d6500d200000061cf000000000000011da412005003d30000000000000190d30000000000000071d200000004d200\
        000190d200000190d10000d10001c2d8060000000000010000000000000000000093cd0007de0000dc00000501050490010000900100\
        007100000000000000000100000000000000000000240000003d0000002a0000000000000000000001c000010102c000010203c00001\
        0304c000010405c000010506c000010607c000010708c0000a0809090909090909090909000000000000000000000000050107080800\
        00000800000028000000000000000001000000000000000000000000000000000000940193cd0006de0000dc0000ce00000023d80000\
        000000000000000000000000000000";

    /// The same with differences and LZ4.
    const DELTA: &str = "\
        9ea862326672616d6500d200000061cf00000000000000fba412005103d30000000000000190d3000000000000004fd200000004d200\
        000190d200000190d10000d10001c2d8060000000000030100000000000000000093cd0007de0000dc000005013d0490010000900100\
        004f0000000000000000030100000000000000000024000000270000001f000100141f012800141f032800140f5000151f0750003c0f\
        a0003d1f0fa0003750000000000005010708080000000800000028000000000000000001000000000000000000000000000000000000\
        940193cd0006de0000dc0000ce00000023d80000000000000000000000000000000000";

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes().chunks(2).map(|h| u8::from_str_radix(str::from_utf8(h).unwrap(), 16).unwrap()).collect()
    }

    fn decode(stored: &[u8], most: usize) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        Blosc2.decode(stored, &Call { parameters: &[], most, name: "Blosc2" }, &mut out)?;
        assert!(out.len() <= most);
        Ok(out)
    }

    #[test]
    fn frames_of_the_c_library_decode() {
        let tens: Vec<u8> = (0..100u32).flat_map(|n| (n / 10).to_le_bytes()).collect();
        assert_eq!(
            decode(&bytes(ARRAY), 30).unwrap(),
            (0..15).flat_map(|n| u16::to_le_bytes(n * 300)).collect::<Vec<_>>()
        );
        assert_eq!(decode(&bytes(ZEROS), 800).unwrap(), [0; 800]);
        assert_eq!(decode(&bytes(RUNS), 400).unwrap(), tens);
        assert_eq!(decode(&bytes(DELTA), 400).unwrap(), tens);
        assert!(decode(&bytes(RUNS), 399).is_err());
        assert!(decode(&bytes(ZEROS), 799).is_err());
        assert!(decode(&bytes(ARRAY), 29).is_err());
    }

    #[test]
    fn no_damaged_byte_makes_it_panic() {
        for (frame, most) in [(ARRAY, 30), (ZEROS, 800), (RUNS, 400), (DELTA, 400)] {
            let frame = bytes(frame);
            for at in 0..frame.len() {
                for value in [0, 1, 0x7f, 0x80, 0xff, frame[at] ^ 1, frame[at].wrapping_add(1)] {
                    let mut bad = frame.clone();
                    bad[at] = value;
                    let _ = decode(&bad, most);
                }
                // The trailer, of 35 bytes, says nothing about values.
                assert!(decode(&frame[..at], most).is_err() || at >= frame.len() - 35, "cut at {at}");
            }
        }
    }
}
