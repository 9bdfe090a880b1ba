//! Shuffle (filter 2): all first bytes of the elements, then all second bytes …; what does not fill an element follows
//! as it is. Written so that the compiler vectorises it: a fixed number of planes, zipped; where eight bytes of an element
//! are at hand, squares of 8 × 8 bytes.

use super::best::with_best_instructions;
use super::set_local::Target;
use super::transpose;
use crate::error::{Error, Result};

/// The parameter that libhdf5 stores: the bytes of an element.
pub(super) fn set_local(target: &Target<'_>) -> Result<Vec<u32>> {
    let size = u32::try_from(target.datatype.size()).map_err(|_| Error::invalid("elements of 4 GiB or more"))?;
    Ok(vec![size])
}

/// Puts the bytes of elements in planes.
pub(super) fn shuffle(input: &[u8], element_size: usize) -> Vec<u8> {
    let mut out = vec![0; input.len()];
    let count = input.len() / element_size;
    if element_size <= 1 || count <= 1 {
        out.copy_from_slice(input);
        return out;
    }
    let (elements, rest) = input.split_at(count * element_size);
    let (planes, tail) = out.split_at_mut(elements.len());
    tail.copy_from_slice(rest);
    match element_size {
        2 => with_best_instructions(|| {
            shuffle_numbers::<2>(elements, planes, count, |bytes, k| (u16::from_le_bytes(bytes) >> (8 * k)) as u8)
        }),
        4 => with_best_instructions(|| {
            shuffle_numbers::<4>(elements, planes, count, |bytes, k| (u32::from_le_bytes(bytes) >> (8 * k)) as u8)
        }),
        8 => with_best_instructions(|| shuffle_squares::<8>(elements, planes, count)),
        16 => with_best_instructions(|| shuffle_squares::<16>(elements, planes, count)),
        _ => {
            for (k, plane) in planes.chunks_exact_mut(count).enumerate() {
                for (to, from) in plane.iter_mut().zip(elements[k..].iter().step_by(element_size)) {
                    *to = *from;
                }
            }
        }
    }
    out
}

/// Elements that fit the first-level cache with their planes.
const BLOCK: usize = 1 << 10;

/// `byte` gives the byte of a number, by shifting: that is vectorised, indexing is not.
#[inline(always)]
fn shuffle_numbers<const N: usize>(
    elements: &[u8],
    planes: &mut [u8],
    count: usize,
    byte: impl Fn([u8; N], usize) -> u8 + Copy,
) {
    let (elements, _) = elements.as_chunks::<N>();
    let mut planes: Vec<&mut [u8]> = planes.chunks_exact_mut(count).collect();
    for (block, start) in elements.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
        for (k, plane) in planes.iter_mut().enumerate() {
            for (to, from) in plane[start..start + block.len()].iter_mut().zip(block) {
                *to = byte(*from, k);
            }
        }
    }
}

/// Elements whose size `N` is a multiple of 8: squares of eight bytes of eight elements.
#[inline(always)]
fn shuffle_squares<const N: usize>(elements: &[u8], planes: &mut [u8], count: usize) {
    let (eights, _) = elements.as_chunks::<8>();
    let (groups, last) = eights.as_chunks::<N>();
    for (column, planes) in planes.chunks_exact_mut(8 * count).enumerate() {
        let mut each = planes.chunks_exact_mut(count).map(|plane| plane.as_chunks_mut::<8>());
        // Eight of them: that is how the slice was cut.
        let mut planes: [_; 8] = std::array::from_fn(|_| each.next().unwrap_or_default());
        for (i, group) in groups.iter().enumerate() {
            let mut square: [u64; 8] = std::array::from_fn(|e| u64::from_le_bytes(group[e * (N / 8) + column]));
            transpose::bytes(&mut square);
            for ((plane, _), row) in planes.iter_mut().zip(square) {
                plane[i] = row.to_le_bytes();
            }
        }
        for (i, element) in last.chunks_exact(N / 8).enumerate() {
            for ((_, rest), byte) in planes.iter_mut().zip(element[column]) {
                rest[i] = byte;
            }
        }
    }
}

/// Puts planes back into elements; `out` is as long as `input`.
pub(super) fn unshuffle(input: &[u8], element_size: usize, out: &mut [u8]) {
    let count = input.len() / element_size;
    if element_size <= 1 || count <= 1 {
        out.copy_from_slice(input);
        return;
    }
    let (planes, rest) = input.split_at(count * element_size);
    let (elements, tail) = out.split_at_mut(planes.len());
    tail.copy_from_slice(rest);
    match element_size {
        2 => with_best_instructions(|| unshuffle_twos(planes, elements, count)),
        4 => with_best_instructions(|| unshuffle_fours(planes, elements, count)),
        8 => with_best_instructions(|| unshuffle_squares::<8>(planes, elements, count)),
        16 => with_best_instructions(|| unshuffle_squares::<16>(planes, elements, count)),
        _ => {
            for (k, plane) in planes.chunks_exact(count).enumerate() {
                for (to, from) in elements[k..].iter_mut().step_by(element_size).zip(plane) {
                    *to = *from;
                }
            }
        }
    }
}

#[inline(always)]
fn unshuffle_twos(planes: &[u8], elements: &mut [u8], count: usize) {
    let (low, high) = planes.split_at(count);
    for ((element, a), b) in elements.as_chunks_mut().0.iter_mut().zip(low).zip(high) {
        *element = (u16::from(*a) | u16::from(*b) << 8).to_le_bytes();
    }
}

#[inline(always)]
fn unshuffle_fours(planes: &[u8], elements: &mut [u8], count: usize) {
    let (low, high) = planes.split_at(2 * count);
    let ((a, b), (c, d)) = (low.split_at(count), high.split_at(count));
    for ((((element, a), b), c), d) in elements.as_chunks_mut().0.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        let number = u32::from(*a) | u32::from(*b) << 8 | u32::from(*c) << 16 | u32::from(*d) << 24;
        *element = number.to_le_bytes();
    }
}

/// Elements whose size `N` is a multiple of 8.
#[inline(always)]
fn unshuffle_squares<const N: usize>(planes: &[u8], elements: &mut [u8], count: usize) {
    let (eights, _) = elements.as_chunks_mut::<8>();
    let (groups, last) = eights.as_chunks_mut::<N>();
    for (column, planes) in planes.chunks_exact(8 * count).enumerate() {
        let mut each = planes.chunks_exact(count).map(|plane| plane.as_chunks::<8>());
        let planes: [_; 8] = std::array::from_fn(|_| each.next().unwrap_or_default());
        let (squares, rest) = (planes.map(|plane| plane.0), planes.map(|plane| plane.1));
        for (i, group) in groups.iter_mut().enumerate() {
            let mut square: [u64; 8] = std::array::from_fn(|k| u64::from_le_bytes(squares[k][i]));
            transpose::bytes(&mut square);
            for (element, row) in group.chunks_exact_mut(N / 8).zip(square) {
                element[column] = row.to_le_bytes();
            }
        }
        for (i, element) in last.chunks_exact_mut(N / 8).enumerate() {
            element[column] = std::array::from_fn(|k| rest[k][i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_those_of_the_specification() {
        let input = [1, 2, 3, 11, 12, 13, 21, 22, 23, 99];
        assert_eq!(shuffle(&input, 3), [1, 11, 21, 2, 12, 22, 3, 13, 23, 99]);
    }

    #[test]
    fn every_size_comes_back() {
        for size in 1..20 {
            for length in [0, 1, size, 2 * size + 1, 5000] {
                let input: Vec<u8> = (0..length).map(|n| (n * 7 % 251) as u8).collect();
                let mut back = vec![0; length];
                unshuffle(&shuffle(&input, size), size, &mut back);
                assert_eq!(back, input, "elements of {size}, {length} bytes");
            }
        }
    }
}
