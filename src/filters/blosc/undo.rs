//! What Blosc does to a block before a codec packs it, undone: shuffles and differences.

use crate::filters::{bit_planes, shuffle};

/// One step back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::filters) enum Undo {
    /// Byte planes of elements of so many bytes.
    Shuffle(usize),
    /// Bit planes of elements of so many bytes. Blosc 1 leaves a block alone whose elements are not whole eights, Blosc 2
    /// only those behind the last eight.
    BitShuffle { element_size: usize, all_or_nothing: bool },
    /// Every element XOR the one before it, in the chunk's first block; in others, XOR the one at its place in that.
    Delta(usize),
    /// Every byte less the one before it, in each of so many byte planes.
    ByteDelta(usize),
}

impl Undo {
    /// Undoes the step from `input` into `out`, which is as long. `reference` is the chunk's first block, or empty for
    /// that block itself.
    pub(super) fn apply(self, input: &[u8], out: &mut [u8], reference: &[u8], spare: &mut Vec<u8>) {
        match self {
            Undo::Shuffle(size) => shuffle::unshuffle(input, size, out),
            Undo::BitShuffle { element_size, all_or_nothing } => {
                let planes = input.len() - bytes_left(input.len(), element_size, all_or_nothing);
                bit_planes::join(&input[..planes], element_size, &mut out[..planes], spare);
                out[planes..].copy_from_slice(&input[planes..]);
            }
            Undo::Delta(size) => {
                out.copy_from_slice(input);
                let whole = out.len() / size * size;
                if reference.is_empty() {
                    for i in size..whole {
                        out[i] ^= out[i - size];
                    }
                } else {
                    out[..whole].iter_mut().zip(reference).for_each(|(byte, other)| *byte ^= other);
                }
            }
            Undo::ByteDelta(size) => {
                let plane = input.len() / size;
                out.copy_from_slice(input);
                for plane in out[..plane * size].chunks_exact_mut(plane.max(1)) {
                    let mut sum = 0u8;
                    for byte in plane {
                        sum = sum.wrapping_add(*byte);
                        *byte = sum;
                    }
                }
            }
        }
    }
}

/// The bytes at the end of a block that a bit shuffle leaves as they are.
pub(super) fn bytes_left(length: usize, element_size: usize, all_or_nothing: bool) -> usize {
    let count = length / element_size;
    if all_or_nothing && !count.is_multiple_of(8) { length } else { length - (count - count % 8) * element_size }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undone(undo: Undo, input: &[u8], reference: &[u8]) -> Vec<u8> {
        let mut out = vec![0xaa; input.len()];
        undo.apply(input, &mut out, reference, &mut Vec::new());
        out
    }

    #[test]
    fn differences_are_added_up() {
        assert_eq!(undone(Undo::Delta(2), &[1, 2, 4, 8, 1, 1, 9], &[]), [1, 2, 5, 10, 4, 11, 9]);
        assert_eq!(undone(Undo::Delta(2), &[1, 2, 4], &[1, 1, 1, 1]), [0, 3, 4]);
        assert_eq!(undone(Undo::ByteDelta(2), &[1, 2, 255, 10, 1, 1, 7], &[]), [1, 3, 2, 10, 11, 12, 7]);
    }

    #[test]
    fn elements_that_are_no_whole_eight_stay() {
        let input = [0xff, 0, 0, 0, 0, 0, 0, 0, 0x77];
        let bits = |all_or_nothing| Undo::BitShuffle { element_size: 1, all_or_nothing };
        assert_eq!(undone(bits(false), &input, &[]), [1, 1, 1, 1, 1, 1, 1, 1, 0x77]);
        assert_eq!(undone(bits(true), &input, &[]), input);
    }
}
