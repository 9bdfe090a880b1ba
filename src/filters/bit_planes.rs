//! Bit planes: bit 0 of byte 0 of all elements, then bit 1 …, as Bitshuffle and Blosc store them. Number of elements a
//! multiple of 8; the first element's bit is the lowest of a byte.
//!
//! Two passes that the compiler vectorises, no loop over bits: elements to byte planes, and each byte plane to its eight
//! bit planes, 8 × 8 bits at a time in a 64-bit number.

use super::shuffle::{shuffle, unshuffle};

/// Transposes 8 × 8 bits: bit `i` of byte `k` becomes bit `k` of byte `i`.
const fn transposed(mut x: u64) -> u64 {
    let mut t = (x ^ (x >> 7)) & 0x00aa_00aa_00aa_00aa;
    x ^= t ^ (t << 7);
    t = (x ^ (x >> 14)) & 0x0000_cccc_0000_cccc;
    x ^= t ^ (t << 14);
    t = (x ^ (x >> 28)) & 0x0000_0000_f0f0_f0f0;
    x ^ t ^ (t << 28)
}

/// Puts the bits of elements in planes. Both as long as a multiple of 8 elements.
pub(super) fn split(elements: &[u8], element_size: usize, planes: &mut [u8]) {
    let bytes = shuffle(elements, element_size);
    let rows = elements.len() / element_size / 8;
    if rows == 0 {
        return;
    }
    for (plane, bits) in bytes.chunks_exact(8 * rows).zip(planes.chunks_exact_mut(8 * rows)) {
        let mut bits = bits.chunks_exact_mut(rows);
        // Eight of them: that is how the slice was cut.
        let bits: [&mut [u8]; 8] = std::array::from_fn(|_| bits.next().unwrap_or_default());
        let (eights, _) = plane.as_chunks::<8>();
        for (i, eight) in eights.iter().enumerate() {
            let column = transposed(u64::from_le_bytes(*eight)).to_le_bytes();
            for k in 0..8 {
                bits[k][i] = column[k];
            }
        }
    }
}

/// Puts planes of bits back into elements. Both as long as a multiple of 8 elements; `spare`'s content does not matter.
pub(super) fn join(planes: &[u8], element_size: usize, elements: &mut [u8], spare: &mut Vec<u8>) {
    let rows = planes.len() / element_size / 8;
    if rows == 0 {
        return;
    }
    if element_size == 1 {
        return join_bytes(planes, rows, elements);
    }
    spare.resize(planes.len(), 0);
    for (bits, plane) in planes.chunks_exact(8 * rows).zip(spare.chunks_exact_mut(8 * rows)) {
        join_bytes(bits, rows, plane);
    }
    unshuffle(spare, element_size, elements);
}

/// Puts eight planes of bits back into one of bytes.
fn join_bytes(bits: &[u8], rows: usize, plane: &mut [u8]) {
    let mut bits = bits.chunks_exact(rows);
    let bits: [&[u8]; 8] = std::array::from_fn(|_| bits.next().unwrap_or_default());
    let (eights, _) = plane.as_chunks_mut::<8>();
    for (i, eight) in eights.iter_mut().enumerate() {
        let column = u64::from_le_bytes(std::array::from_fn(|k| bits[k][i]));
        *eight = transposed(column).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, bit by bit.
    fn by_definition(elements: &[u8], size: usize) -> Vec<u8> {
        let count = elements.len() / size;
        let mut planes = vec![0; elements.len()];
        for (i, element) in elements.chunks_exact(size).enumerate() {
            for bit in 0..8 * size {
                let one = element[bit / 8] >> (bit % 8) & 1;
                planes[bit * (count / 8) + i / 8] |= one << (i % 8);
            }
        }
        planes
    }

    #[test]
    fn planes_are_those_of_the_definition_and_come_back() {
        for size in 1..=17 {
            for count in [0, 8, 16, 24, 1000] {
                let elements: Vec<u8> = (0..count * size).map(|n| (n * n / 7 % 251) as u8).collect();
                let mut planes = vec![0xaa; elements.len()];
                split(&elements, size, &mut planes);
                assert_eq!(planes, by_definition(&elements, size), "{count} of {size}");
                let mut back = vec![0x55; elements.len()];
                join(&planes, size, &mut back, &mut Vec::new());
                assert_eq!(back, elements, "{count} of {size}");
            }
        }
    }
}
