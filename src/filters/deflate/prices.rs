//! What symbols will cost, about, in parts of a bit.

use super::block::{Counts, LONGEST, SHORTEST};
use super::huffman::{BIT, logarithm};

pub(super) struct Prices {
    pub(super) literals: [u16; 256],
    /// Of a literal on average.
    pub(super) literal: u32,
    /// Of a match, by its length, with the extra bits.
    lengths: [i32; 512],
    /// And by the bits of its distance less 1.
    distances: [i32; 64],
    /// The least length that saves anything, by the same.
    shortest: [u8; 64],
}

/// Of what cannot be.
const NEVER: i32 = 1 << 24;

impl Prices {
    /// By a sample of the bytes alone.
    pub(super) fn sampled(sample: &[u32; 256]) -> Prices {
        let distances = std::array::from_fn(|bits| bits.saturating_sub(1) as u32 * BIT);
        Prices::new(sample, sample, |_| 5 * BIT, distances)
    }

    /// By what was found in the part before; where much has a period, matches are never so dear that none is taken: when they
    /// are taken, they are cheap.
    pub(super) fn after(part: &Counts, sample: &[u32; 256], period: bool) -> Prices {
        let (literals, lengths, distances) = part.kinds();
        let (n, m) = (literals.iter().sum::<u32>(), lengths.iter().sum::<u32>());
        let price = |count: u32, all: u32| logarithm(all).saturating_sub(logarithm(count));
        // What did not occur may do so yet.
        let rare = m / 32 + 1;
        let cap = if period { 6 * BIT } else { 16 * BIT };
        let all = n + m + 8 * rare;
        let long = price(lengths[5..].iter().sum::<u32>() / 4 + rare, all);
        let length = |length: usize| match length {
            ..8 => price(lengths[length - SHORTEST] + rare, all).min(cap),
            _ => long.min(cap),
        };
        let rare = m / 64 + 1;
        let all = m + 16 * rare;
        let distances = std::array::from_fn(|bits| match bits {
            0 | 1 => price(distances[bits] + rare, all),
            _ => {
                let count = (distances[2 * bits - 2] + distances[2 * bits - 1]) / 2;
                price(count + rare, all) + (bits as u32 - 2) * BIT
            }
        });
        Prices::new(literals, sample, length, distances)
    }

    fn new(literals: &[u32], sample: &[u32; 256], length: impl Fn(usize) -> u32, distances: [u32; 16]) -> Prices {
        let n = literals.iter().sum::<u32>();
        let all = logarithm(n + 1);
        let mut prices = Prices {
            literals: [0; 256],
            literal: 0,
            lengths: [NEVER; 512],
            distances: [NEVER; 64],
            shortest: [u8::MAX; 64],
        };
        let (mut sum, mut of) = (0, 0);
        for ((price, &count), &weight) in prices.literals.iter_mut().zip(literals).zip(sample) {
            let bits = if count == 0 { all + BIT } else { all.saturating_sub(logarithm(count)) };
            let bits = bits.clamp(BIT / 8, 13 * BIT);
            *price = bits as u16;
            sum += bits * weight;
            of += weight;
        }
        prices.literal = sum.checked_div(of).unwrap_or(0).clamp(BIT / 8, 9 * BIT);
        for n in SHORTEST..=LONGEST {
            let extra = if n < 8 { 0 } else { 29 - (n as u32 - 3).leading_zeros() };
            prices.lengths[n] = (length(n) + extra * BIT) as i32;
        }
        for (price, distance) in prices.distances.iter_mut().zip(distances) {
            *price = distance as i32;
        }
        let cheapest = prices.lengths[SHORTEST..=8].iter().copied().min().unwrap_or(0);
        for (shortest, price) in prices.shortest.iter_mut().zip(prices.distances).take(distances.len()) {
            let saves = |n: &u32| (n * prices.literal) as i32 > prices.lengths[*n as usize] + price;
            let least = (cheapest + price) as u32 / prices.literal;
            *shortest = (least.clamp(SHORTEST as u32, 255)..255).find(saves).unwrap_or(255) as u8;
        }
        prices
    }

    /// Of a length: never where it is too short.
    #[inline(always)]
    pub(super) fn length(&self, length: usize) -> i32 {
        self.lengths[length & 511]
    }

    /// The least length that saves anything at a distance.
    #[inline(always)]
    pub(super) fn shortest(&self, distance: u32) -> usize {
        self.shortest[(32 - distance.wrapping_sub(1).leading_zeros()) as usize & 63].into()
    }

    /// Of a distance: never where that is 0 or beyond a window.
    #[inline(always)]
    pub(super) fn distance(&self, distance: u32) -> i32 {
        self.distances[(32 - distance.wrapping_sub(1).leading_zeros()) as usize & 63]
    }
}

/// How often each byte occurs in a sample.
pub(super) fn sample(bytes: &[u8]) -> [u32; 256] {
    const PIECES: usize = 8;
    const PIECE: usize = 128;
    let mut counts = [0; 256];
    for piece in bytes.chunks(bytes.len().div_ceil(PIECES).max(PIECE)) {
        for &byte in piece.iter().take(PIECE) {
            counts[usize::from(byte)] += 1;
        }
    }
    counts
}
