//! Bit planes: bit 0 of byte 0 of all elements, then bit 1 …, as Bitshuffle and Blosc store them. Number of elements a
//! multiple of 8; the first element's bit is the lowest of a byte.
//!
//! Two passes without a loop over bits: elements to byte planes, and each byte plane to its eight bit planes, 64 elements
//! at a time in eight 64-bit numbers.

use super::shuffle::{shuffle, unshuffle};
use super::transpose;

/// Puts the bits of elements in planes. Both as long as a multiple of 8 elements.
pub(super) fn split(elements: &[u8], element_size: usize, planes: &mut [u8]) {
    let rows = elements.len() / element_size / 8;
    if rows == 0 {
        return;
    }
    if element_size == 1 {
        return split_bytes(elements, rows, planes);
    }
    let bytes = shuffle(elements, element_size);
    for (plane, bits) in bytes.chunks_exact(8 * rows).zip(planes.chunks_exact_mut(8 * rows)) {
        split_bytes(plane, rows, bits);
    }
}

/// Puts the bits of one plane of bytes in eight of bits.
fn split_bytes(plane: &[u8], rows: usize, bits: &mut [u8]) {
    let (eights, _) = plane.as_chunks::<8>();
    let (groups, last) = eights.as_chunks::<8>();
    let mut each = bits.chunks_exact_mut(rows).map(|row| row.as_chunks_mut::<8>());
    // Eight of them: that is how the slice was cut.
    let mut bits: [_; 8] = std::array::from_fn(|_| each.next().unwrap_or_default());
    for (i, group) in groups.iter().enumerate() {
        let mut square = group.map(u64::from_le_bytes);
        transpose::bytes(&mut square);
        transpose::bits(&mut square);
        for ((row, _), number) in bits.iter_mut().zip(square) {
            row[i] = number.to_le_bytes();
        }
    }
    let mut square: [u64; 8] = std::array::from_fn(|c| last.get(c).map_or(0, |e| u64::from_le_bytes(*e)));
    transpose::bytes(&mut square);
    transpose::bits(&mut square);
    for ((_, rest), number) in bits.iter_mut().zip(square) {
        rest.copy_from_slice(&number.to_le_bytes()[..last.len()]);
    }
}

/// Puts planes of bits back into elements. Both as long as a multiple of 8 elements; `spare`'s content does not matter.
pub(super) fn join(planes: &[u8], element_size: usize, elements: &mut [u8], spare: &mut Vec<u8>) {
    let rows = planes.len() / element_size / 8;
    if rows == 0 {
        return;
    }
    if element_size == 1 {
        return join_planes(planes, rows, elements);
    }
    spare.resize(planes.len(), 0);
    join_planes(planes, rows, spare);
    unshuffle(spare, element_size, elements);
}

/// Puts eight planes of bits each back into one of bytes.
fn join_planes(bits: &[u8], rows: usize, bytes: &mut [u8]) {
    for (bits, plane) in bits.chunks_exact(8 * rows).zip(bytes.chunks_exact_mut(8 * rows)) {
        join_bytes(bits, rows, plane);
    }
}

/// Puts eight planes of bits back into one of bytes.
fn join_bytes(bits: &[u8], rows: usize, plane: &mut [u8]) {
    let (eights, _) = plane.as_chunks_mut::<8>();
    let (groups, last) = eights.as_chunks_mut::<8>();
    let mut each = bits.chunks_exact(rows).map(|row| row.as_chunks::<8>());
    let bits: [_; 8] = std::array::from_fn(|_| each.next().unwrap_or_default());
    let (whole, rest) = (bits.map(|row| row.0), bits.map(|row| row.1));
    for (i, group) in groups.iter_mut().enumerate() {
        let mut square: [u64; 8] = std::array::from_fn(|k| u64::from_le_bytes(whole[k][i]));
        transpose::bits(&mut square);
        transpose::bytes(&mut square);
        for (to, row) in group.iter_mut().zip(square) {
            *to = row.to_le_bytes();
        }
    }
    for (i, eight) in last.iter_mut().enumerate() {
        let mut square: [u64; 8] = std::array::from_fn(|k| u64::from(rest[k][i]));
        transpose::bits(&mut square);
        *eight = square.map(|number| number as u8);
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
