//! The entropy coder, an interval at a time: for each block the shortest of the codings that [`decode`](super::decode)
//! lists, chosen as libaec does, so that its streams and ours are the same.

use super::super::bits::BitWriter;
use super::Coding;

pub(super) struct Encoder {
    coding: Coding,
    /// Where the last block was split; the best place for the next is near.
    split: u32,
    mapped: Vec<u32>,
}

/// Blocks of zeros that wait for the end of their run.
#[derive(Default)]
struct Zeros {
    run: u32,
    /// The interval's first sample, if it is in the run.
    first: Option<u32>,
}

/// How a block is coded.
enum Choice {
    Split,
    Pairs,
    Uncompressed,
}

impl Encoder {
    pub(super) fn new(coding: Coding) -> Self {
        Encoder { coding, split: 0, mapped: Vec::new() }
    }

    /// Encodes the samples of a whole interval, none greater than [`Coding::greatest`].
    pub(super) fn interval(&mut self, samples: &[u32], bits: &mut BitWriter<'_>) {
        let mut mapped = std::mem::take(&mut self.mapped);
        mapped.clear();
        if self.coding.differences {
            mapped.push(0);
            mapped.extend(samples.windows(2).map(|w| difference(w[0], w[1], self.coding.greatest())));
        } else {
            mapped.extend_from_slice(samples);
        }
        let mut zeros = Zeros::default();
        for (i, block) in mapped.chunks_exact(self.coding.block).enumerate() {
            let first = (self.coding.differences && i == 0).then(|| samples[0]);
            if block.iter().all(|&s| s == 0) {
                zeros.run += 1;
                zeros.first = zeros.first.or(first);
                if i + 1 == self.coding.blocks || (i + 1) % 64 == 0 {
                    self.put_zeros(&mut zeros, true, bits);
                }
            } else {
                self.put_zeros(&mut zeros, false, bits);
                self.put_block(block, first, bits);
            }
        }
        self.mapped = mapped;
    }

    fn put_zeros(&self, zeros: &mut Zeros, ends_segment: bool, bits: &mut BitWriter<'_>) {
        let Zeros { run, first } = std::mem::take(zeros);
        if run == 0 {
            return;
        }
        bits.put(0, self.coding.id_bits() + 1);
        self.put_first(first, bits);
        bits.put_unary(match run {
            ..=4 => run - 1,
            _ if ends_segment => 4,
            _ => run,
        });
    }

    fn put_first(&self, first: Option<u32>, bits: &mut BitWriter<'_>) {
        if let Some(first) = first {
            bits.put(first, self.coding.bits);
        }
    }

    /// Encodes a block that is not all zeros; with `first`, its own first sample is only a place for it.
    fn put_block(&mut self, block: &[u32], first: Option<u32>, bits: &mut BitWriter<'_>) {
        let id_bits = self.coding.id_bits();
        let coded = &block[usize::from(first.is_some())..];
        match self.choose(block, coded.len()) {
            Choice::Split => {
                let k = self.split;
                bits.put(k + 1, id_bits);
                self.put_first(first, bits);
                coded.iter().for_each(|&s| bits.put_unary(s >> k));
                coded.iter().for_each(|&s| bits.put(s, k));
            }
            Choice::Pairs => {
                bits.put(1, id_bits + 1);
                self.put_first(first, bits);
                for pair in block.chunks_exact(2) {
                    let sum = pair[0] + pair[1];
                    bits.put_unary(sum * (sum + 1) / 2 + pair[1]);
                }
            }
            Choice::Uncompressed => {
                bits.put((1 << id_bits) - 1, id_bits);
                self.put_first(first, bits);
                coded.iter().for_each(|&s| bits.put(s, self.coding.bits));
            }
        }
    }

    fn choose(&mut self, block: &[u32], coded: usize) -> Choice {
        let uncompressed = coded as u64 * u64::from(self.coding.bits);
        let split = self.find_split(block, coded as u64);
        let pairs = pairs_length(block, uncompressed).unwrap_or(u64::MAX);
        if split < uncompressed.min(pairs) {
            Choice::Split
        } else if split >= uncompressed && uncompressed <= pairs {
            Choice::Uncompressed
        } else {
            Choice::Pairs
        }
    }

    /// Finds the best place to split, from that of the last block on, and the length of the block then. The length has
    /// only one minimum; beyond a place where the upper parts take less than a bit each it grows.
    fn find_split(&mut self, block: &[u32], coded: u64) -> u64 {
        let most = (1 << self.coding.id_bits()) - 3;
        let upper = |k: u32| block.iter().map(|&s| u64::from(s >> k)).sum::<u64>();
        let length = |upper: u64, k: u32| upper + coded * u64::from(k + 1);
        let start = self.split;
        let mut sum = upper(start);
        let mut best = length(sum, start);
        let mut k = start;
        while sum >= coded && k < most {
            k += 1;
            sum = upper(k);
            if length(sum, k) >= best {
                break;
            }
            (best, self.split) = (length(sum, k), k);
        }
        if self.split > start {
            return best;
        }
        for k in (0..start).rev() {
            sum = upper(k);
            if length(sum, k) >= best {
                break;
            }
            (best, self.split) = (length(sum, k), k);
            if sum >= coded {
                break;
            }
        }
        best
    }
}

/// Bits of a block coded in pairs, or `None` if they are more than `most`.
fn pairs_length(block: &[u32], most: u64) -> Option<u64> {
    let mut length = 1;
    for pair in block.chunks_exact(2) {
        let sum = u64::from(pair[0]) + u64::from(pair[1]);
        if sum > most {
            return None;
        }
        length += sum * (sum + 1) / 2 + u64::from(pair[1]) + 1;
        if length > most {
            return None;
        }
    }
    Some(length)
}

/// The mapped difference of two neighbours: the undoing is in [`decode`](super::decode).
fn difference(last: u32, next: u32, greatest: u32) -> u32 {
    if next >= last {
        let up = next - last;
        if up <= last { 2 * up } else { next }
    } else {
        let down = last - next;
        if down <= greatest - last { 2 * down - 1 } else { greatest - next }
    }
}
