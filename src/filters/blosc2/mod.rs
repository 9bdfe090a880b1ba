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
