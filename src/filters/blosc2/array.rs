//! An n-dimensional array in a frame ("b2nd", once "caterva"): chunks are boxes of it, blocks are boxes of a chunk, both
//! padded at the far ends.

use crate::bytes;
use crate::error::Result;
use crate::filters::Call;
use binrw::binread;

/// The metalayer; it goes on with the element type, which HDF5 knows better.
#[binread]
#[br(big)]
struct Metalayer {
    #[br(temp, assert(array & 0xf0 == 0x90))]
    array: u8,
    #[br(temp)]
    _version: u8,
    #[br(temp, assert(rank <= 15))]
    rank: u8,
    #[br(temp)]
    _shape: u8,
    #[br(count = rank)]
    shape: Vec<Long>,
    #[br(temp)]
    _chunk: u8,
    #[br(count = rank)]
    chunk: Vec<Int>,
    #[br(temp)]
    _block: u8,
    #[br(count = rank)]
    block: Vec<Int>,
}

#[binread]
#[br(big, magic = b"\xd3")]
struct Long(u64);

#[binread]
#[br(big, magic = b"\xd2")]
struct Int(u32);

/// The shapes of an array, of its chunks and of their blocks, in elements.
pub(super) struct Array {
    shape: Vec<usize>,
    chunk: Vec<usize>,
    block: Vec<usize>,
    element_size: usize,
    /// Bytes of the array.
    pub(super) size: usize,
    /// Bytes of a block.
    pub(super) block_size: usize,
}

impl Array {
    pub(super) fn parse(metalayer: &[u8], element_size: usize, call: &Call<'_>) -> Result<Array> {
        let (meta, _) = bytes::decode::<Metalayer>(metalayer, (), "Blosc2 array")?;
        let shape: Vec<u64> = meta.shape.into_iter().map(|n| n.0).collect();
        let sizes = |numbers: Vec<Int>| numbers.into_iter().map(|n| n.0 as usize).collect::<Vec<_>>();
        let (chunk, block) = (sizes(meta.chunk), sizes(meta.block));
        let bytes = |shape: &[u64]| shape.iter().try_fold(element_size as u64, |n, &d| n.checked_mul(d));
        let size = call.check_size(bytes(&shape).unwrap_or(u64::MAX))?;
        let shape: Vec<usize> = shape.into_iter().map(|n| n as usize).collect();
        let within = |inner: &[usize], outer: &[usize]| inner.iter().zip(outer).all(|(i, o)| (1..=*o).contains(i));
        // A block that reaches over its chunk, or a chunk over its array, would be mostly padding.
        if !within(&block, &chunk) || !within(&chunk, &shape) {
            return Err(call.damaged(format!("blocks of {block:?} in chunks of {chunk:?} of an array of {shape:?}")));
        }
        // No overflow, for the array's size had none.
        let block_size = element_size * block.iter().product::<usize>();
        Ok(Array { shape, chunk, block, element_size, size, block_size })
    }

    /// The origins of the chunks, in their order.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Vec<usize>> + use<> {
        origins(self.shape.clone(), self.chunk.clone())
    }

    /// The origins of the blocks of a chunk, in it, in their order.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Vec<usize>> + use<> {
        origins(self.chunk.clone(), self.block.clone())
    }

    /// Puts a block where it belongs in the array, without its padding.
    pub(super) fn place(&self, block: &[u8], chunk_origin: &[usize], block_origin: &[usize], out: &mut [u8]) {
        let (mut from, mut to) = (0, 0);
        let mut dimensions = Vec::with_capacity(self.shape.len());
        // Bytes from one to the next, in the innermost dimension first.
        let (mut block_stride, mut stride) = (self.element_size, self.element_size);
        for d in (0..self.shape.len()).rev() {
            let origin = chunk_origin[d] + block_origin[d];
            // What of the block is in its chunk and in the array.
            let in_chunk = self.block[d].min(self.chunk[d] - block_origin[d]);
            let count = in_chunk.min(self.shape[d].saturating_sub(origin));
            if count == 0 {
                return;
            }
            to += origin * stride;
            dimensions.push(Dimension { count, block_stride, stride });
            block_stride *= self.block[d];
            stride *= self.shape[d];
        }
        // Runs: inner dimensions for as long as they are whole both in the block and in the array.
        let mut run = self.element_size;
        let joined = dimensions.iter().take_while(|d| {
            let together = d.block_stride == run && d.stride == run;
            run *= if together { d.count } else { 1 };
            together
        });
        let outer = &dimensions[joined.count()..];
        let mut at = vec![0; outer.len()];
        loop {
            out[to..to + run].copy_from_slice(&block[from..from + run]);
            let mut carried = outer.iter().zip(&mut at);
            let next = carried.find_map(|(d, at)| {
                *at += 1;
                (from, to) = (from + d.block_stride, to + d.stride);
                if *at < d.count {
                    return Some(());
                }
                (from, to) = (from - d.count * d.block_stride, to - d.count * d.stride);
                *at = 0;
                None
            });
            if next.is_none() {
                return;
            }
        }
    }
}

/// One dimension of what is copied of a block.
struct Dimension {
    count: usize,
    block_stride: usize,
    stride: usize,
}

/// The origins of boxes that tile a shape, the last dimension fastest.
fn origins(shape: Vec<usize>, step: Vec<usize>) -> impl Iterator<Item = Vec<usize>> {
    let first = shape.iter().all(|&n| n > 0).then(|| vec![0; shape.len()]);
    std::iter::successors(first, move |origin| {
        let mut next = origin.clone();
        for d in (0..shape.len()).rev() {
            next[d] += step[d];
            if next[d] < shape[d] {
                return Some(next);
            }
            next[d] = 0;
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_tile_a_shape_in_row_major_order() {
        let all: Vec<_> = origins(vec![3, 4], vec![2, 3]).collect();
        assert_eq!(all, [[0, 0], [0, 3], [2, 0], [2, 3]]);
        assert_eq!(origins(vec![], vec![]).count(), 1);
        assert_eq!(origins(vec![2, 0], vec![1, 1]).count(), 0);
    }

    #[test]
    fn padding_is_left_out() {
        let array =
            Array { shape: vec![3, 5], chunk: vec![3, 3], block: vec![2, 2], element_size: 1, size: 15, block_size: 4 };
        let mut out = vec![b'.'; 15];
        array.place(b"abcd", &[0, 3], &[0, 0], &mut out);
        array.place(b"efgh", &[0, 0], &[2, 2], &mut out);
        array.place(b"ijkl", &[0, 3], &[2, 2], &mut out);
        assert_eq!(out, b"...ab...cd..e..");
    }
}
