//! Blocks: what was found in a part of the input, how often each symbol occurs in it, where a block had better end, and
//! how it is written with the fewest bits.

use super::bits::Writer;
use super::huffman::{BIT, Code, DISTANCES, LITLENS, codes, entropy, lengths};
use crate::filters::best::with_best_instructions;
use std::hint::select_unpredictable;

pub(super) const SHORTEST: usize = 3;
pub(super) const LONGEST: usize = 258;

/// Literals have short enough codes that four of them fit between two flushes.
const LONGEST_LITLEN: usize = 14;
const LONGEST_DISTANCE: usize = 15;
const END: usize = 256;

/// Literals, and the match behind them.
#[derive(Clone, Copy)]
pub(super) struct Sequence {
    pub(super) literals: u32,
    /// 0 where there is no match.
    pub(super) length: u16,
    pub(super) distance: u16,
}

/// For each length less 3: its symbol, its extra bits, how many they are.
static LENGTH_SYMBOLS: [(u16, u8, u8); LONGEST - SHORTEST + 1] = {
    let mut table = [(0, 0, 0); LONGEST - SHORTEST + 1];
    let mut n = 0;
    while n < table.len() as u32 {
        table[n as usize] = match n {
            0..8 => (257 + n as u16, 0, 0),
            255 => (285, 0, 0),
            _ => {
                let extra = n.ilog2() - 2;
                ((257 + 4 * extra + (n >> extra)) as u16, (n & ((1 << extra) - 1)) as u8, extra as u8)
            }
        };
        n += 1;
    }
    table
};

/// The symbol of a distance, and how many extra bits it has: the lowest ones of the distance less 1.
#[inline(always)]
fn distance_symbol(distance: u16) -> (usize, u32) {
    let n = u32::from(distance).wrapping_sub(1);
    if n < 4 {
        return (n as usize & 3, 0);
    }
    let extra = 30 - n.leading_zeros();
    ((2 * extra + (n >> extra)) as usize, extra)
}

/// Bits behind the code of a symbol for a length or a distance.
fn extra_bits(litlen: usize) -> u32 {
    match litlen {
        265..285 => (litlen as u32 - 261) / 4,
        _ => 0,
    }
}

fn extra_bits_of_distance(symbol: usize) -> u32 {
    (symbol as u32 / 2).saturating_sub(1)
}

/// The next three bytes, or zeros where there are fewer.
#[inline(always)]
fn three(bytes: &[u8]) -> [u8; 3] {
    match bytes.first_chunk() {
        Some(three) => *three,
        None => std::array::from_fn(|i| bytes.get(i).copied().unwrap_or(0)),
    }
}

/// How often each symbol occurs.
#[derive(Clone)]
pub(super) struct Counts {
    litlens: [u32; LITLENS],
    distances: [u32; DISTANCES],
}

impl Default for Counts {
    fn default() -> Self {
        Counts { litlens: [0; LITLENS], distances: [0; DISTANCES] }
    }
}

impl Counts {
    /// Counts what sequences are made of; they begin with `input`.
    pub(super) fn of(sequences: &[Sequence], input: &[u8]) -> Counts {
        let mut counts = Counts::default();
        // Four tables: the same byte twice in a row need not wait for itself.
        let (mut four, mut at) = ([[0u32; 256]; 4], 0);
        for s in sequences {
            let literals = &input[at..at + s.literals as usize];
            let (fours, few) = literals.as_chunks::<4>();
            for bytes in fours {
                for (table, byte) in four.iter_mut().zip(bytes) {
                    table[usize::from(*byte)] += 1;
                }
            }
            // Up to three more, without a branch: how many they are cannot be foretold.
            for ((i, table), byte) in four.iter_mut().enumerate().zip(three(&input[at + 4 * fours.len()..])) {
                table[usize::from(byte)] += u32::from(i < few.len());
            }
            at += literals.len() + usize::from(s.length);
            if s.length > 0 {
                counts.litlens[usize::from(LENGTH_SYMBOLS[usize::from(s.length) - SHORTEST].0)] += 1;
                counts.distances[distance_symbol(s.distance).0] += 1;
            }
        }
        let [a, b, c, d] = &four;
        for ((((count, a), b), c), d) in counts.litlens.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *count = a + b + c + d;
        }
        counts
    }

    /// Of literals, lengths, distances.
    pub(super) fn kinds(&self) -> (&[u32], &[u32], &[u32; DISTANCES]) {
        (&self.litlens[..END], &self.litlens[END + 1..], &self.distances)
    }

    fn add(&mut self, other: &Counts) {
        self.litlens.iter_mut().zip(&other.litlens).for_each(|(a, b)| *a += b);
        self.distances.iter_mut().zip(&other.distances).for_each(|(a, b)| *a += b);
    }

    /// What a block of them will cost, codes and all, without the extra bits; in parts of a bit.
    fn cost(&self) -> u64 {
        let used = |counts: &[u32]| counts.iter().filter(|n| **n > 0).count() as u64;
        let header = 60 + 3 * used(&self.litlens) + 3 * used(&self.distances);
        entropy(&self.litlens) + entropy(&self.distances) + header * u64::from(BIT)
    }

    /// Bits of the symbols in codes of such lengths, and of what follows them.
    fn bits(&self, litlens: &[u8], distances: &[u8]) -> u64 {
        let litlens = self.litlens.iter().zip(litlens).enumerate();
        let distances = self.distances.iter().zip(distances).enumerate();
        let litlens = litlens.map(|(s, (n, l))| u64::from(*n) * u64::from(u32::from(*l) + extra_bits(s)));
        let distances =
            distances.map(|(s, (n, l))| u64::from(*n) * u64::from(u32::from(*l) + extra_bits_of_distance(s)));
        litlens.sum::<u64>() + distances.sum::<u64>()
    }
}

/// A block that is being gathered.
#[derive(Default)]
pub(super) struct Block {
    pub(super) sequences: Vec<Sequence>,
    /// Of the part that was taken last.
    pub(super) part: Counts,
    /// Of the sequences before `counted`.
    counts: Counts,
    counted: usize,
    cost: u64,
    /// The bytes of the input before `counted`.
    bytes: usize,
}

/// A block is no longer than this, in sequences and in bytes of the input, and one part.
const MOST_SEQUENCES: usize = 1 << 14;
const MOST_BYTES: usize = 1 << 18;

impl Block {
    /// Begins a new stream.
    pub(super) fn restart(&mut self) {
        self.sequences.clear();
        (self.counted, self.bytes, self.cost) = (0, 0, 0);
        self.counts = Counts::default();
    }

    /// Takes the sequences that were added since the last call as a part of the block, or as the beginning of the next
    /// one where that costs less. `input` begins with the block and ends with the part.
    pub(super) fn take_part(&mut self, input: &[u8], writer: &mut Writer) -> usize {
        let part = Counts::of(&self.sequences[self.counted..], &input[self.bytes..]);
        let mut both = part.clone();
        both.add(&self.counts);
        let (cost, apart) = (both.cost(), part.cost());
        let mut done = 0;
        if self.counted > 0 && self.cost + apart < cost {
            done = self.bytes;
            self.write(&input[..done], false, writer);
            (self.counts, self.cost) = (part.clone(), apart);
        } else {
            (self.counts, self.cost) = (both, cost);
        }
        self.part = part;
        self.counted = self.sequences.len();
        self.bytes = input.len() - done;
        if self.counted > MOST_SEQUENCES || self.bytes > MOST_BYTES {
            self.write(&input[done..], false, writer);
            self.restart();
            done = input.len();
        }
        done
    }

    /// Writes what was taken, `bytes`, as one block, and forgets it.
    pub(super) fn write(&mut self, bytes: &[u8], last: bool, writer: &mut Writer) {
        self.counts.litlens[END] = 1;
        let litlens = lengths(&self.counts.litlens, LONGEST_LITLEN);
        let distances = lengths(&self.counts.distances, LONGEST_DISTANCE);
        let header = Header::new(&litlens, &distances);
        let dynamic = header.bits() + self.counts.bits(&litlens, &distances);
        let fixed = self.counts.bits(&FIXED_LITLENS, &FIXED_DISTANCES);
        let stored = 8 * (bytes.len() + 5 * bytes.len().div_ceil(MOST_STORED).max(1)) as u64;
        let sequences = &self.sequences[..self.counted];
        if stored <= dynamic.min(fixed) {
            write_stored(bytes, last, writer);
        } else {
            writer.reserve((dynamic.min(fixed) / 8) as usize + 8);
            writer.put(u64::from(last), 1);
            if fixed <= dynamic {
                writer.put(1, 2);
                Codes::new(&FIXED_LITLENS, &FIXED_DISTANCES).write(sequences, bytes, writer);
            } else {
                writer.put(2, 2);
                header.write(writer);
                Codes::new(&litlens, &distances).write(sequences, bytes, writer);
            }
        }
        self.sequences.drain(..self.counted);
        self.counted = 0;
    }
}

/// Bytes that a stored block can have.
const MOST_STORED: usize = 0xffff;

/// Bytes as they are, in one block or more.
pub(super) fn write_stored(bytes: &[u8], last: bool, writer: &mut Writer) {
    writer.reserve(bytes.len() + 5 * bytes.len().div_ceil(MOST_STORED).max(1));
    let mut rest = bytes;
    loop {
        let (part, behind) = rest.split_at(rest.len().min(MOST_STORED));
        rest = behind;
        writer.put(u64::from(last && rest.is_empty()), 3);
        writer.align();
        let length = part.len() as u16;
        writer.put(u64::from(length) | u64::from(!length) << 16, 32);
        writer.flush();
        writer.bytes(part);
        if rest.is_empty() {
            return;
        }
    }
}

/// The lengths of the codes that need not be told; two symbols have some that never occur.
static FIXED_LITLENS: [u8; LITLENS + 2] = {
    let mut lengths = [8; LITLENS + 2];
    let mut symbol = 144;
    while symbol < 280 {
        lengths[symbol] = if symbol < 256 { 9 } else { 7 };
        symbol += 1;
    }
    lengths
};
static FIXED_DISTANCES: [u8; DISTANCES] = [5; DISTANCES];

/// How a block tells the lengths of its codes.
struct Header {
    litlens: usize,
    distances: usize,
    /// Symbols of the code for lengths, and the repetition behind them.
    symbols: Vec<(u8, u8)>,
    lengths: [u8; 19],
    /// How many of its lengths are told.
    told: usize,
}

const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const EXTRA: [u32; 3] = [2, 3, 7];

impl Header {
    fn new(litlens: &[u8; LITLENS], distances: &[u8; DISTANCES]) -> Header {
        let used = |lengths: &[u8], least: usize| lengths.iter().rposition(|l| *l > 0).map_or(0, |n| n + 1).max(least);
        let (n, m) = (used(litlens, 257), used(distances, 1));
        let mut all = [0; LITLENS + DISTANCES];
        all[..n].copy_from_slice(&litlens[..n]);
        all[n..n + m].copy_from_slice(&distances[..m]);
        let symbols = runs(&all[..n + m]);
        let mut counts = [0; 19];
        symbols.iter().for_each(|(symbol, _)| counts[usize::from(*symbol)] += 1);
        let lengths = lengths(&counts, 7);
        let told = ORDER.iter().rposition(|&s| lengths[s] > 0).map_or(4, |n| n + 1).max(4);
        Header { litlens: n, distances: m, symbols, lengths, told }
    }

    fn extra(symbol: u8) -> u32 {
        usize::from(symbol).checked_sub(16).and_then(|s| EXTRA.get(s)).copied().unwrap_or(0)
    }

    fn bits(&self) -> u64 {
        let each = self.symbols.iter().map(|(s, _)| u32::from(self.lengths[usize::from(*s)]) + Header::extra(*s));
        u64::from(each.sum::<u32>()) + 14 + 3 * self.told as u64
    }

    fn write(&self, writer: &mut Writer) {
        writer.put(self.litlens as u64 - 257, 5);
        writer.put(self.distances as u64 - 1, 5);
        writer.put(self.told as u64 - 4, 4);
        writer.flush();
        for &symbol in &ORDER[..self.told] {
            writer.put(self.lengths[symbol].into(), 3);
            writer.flush();
        }
        let codes = codes(&self.lengths);
        for &(symbol, repeat) in &self.symbols {
            let code = codes[usize::from(symbol)];
            writer.put(code.bits.into(), code.length.into());
            writer.put(repeat.into(), Header::extra(symbol));
            writer.flush();
        }
    }
}

/// Lengths of codes with their repetitions: symbols, and what is told of each repetition.
fn runs(lengths: &[u8]) -> Vec<(u8, u8)> {
    let mut symbols = Vec::with_capacity(lengths.len());
    for run in lengths.chunk_by(|a, b| a == b) {
        let (value, mut left) = (run[0], run.len());
        if value > 0 {
            symbols.push((value, 0));
            left -= 1;
        }
        while left >= 3 {
            let (symbol, n, least) = match left {
                _ if value > 0 => (16, left.min(6), 3),
                11.. => (18, left.min(138), 11),
                _ => (17, left.min(10), 3),
            };
            symbols.push((symbol, (n - least) as u8));
            left -= n;
        }
        symbols.extend(std::iter::repeat_n((value, 0), left));
    }
    symbols
}

/// The codes of a block, as they are written.
struct Codes {
    /// Bits, and above them how many they are.
    literals: [u32; 256],
    /// With the extra bits.
    lengths: [u32; LONGEST - SHORTEST + 1],
    distances: [Code; DISTANCES + 2],
    end: Code,
}

/// Where the number of bits is.
const COUNT_AT: u32 = 24;

impl Codes {
    fn new<const N: usize>(litlens: &[u8; N], distances: &[u8; DISTANCES]) -> Codes {
        let litlens = codes(litlens);
        let entry = |code: Code| u32::from(code.bits) | u32::from(code.length) << COUNT_AT;
        let mut all = [Code::default(); DISTANCES + 2];
        all[..DISTANCES].copy_from_slice(&codes(distances));
        Codes {
            literals: std::array::from_fn(|byte| entry(litlens[byte])),
            lengths: std::array::from_fn(|n| {
                let (symbol, bits, count) = LENGTH_SYMBOLS[n];
                let code = litlens[usize::from(symbol)];
                let bits = u32::from(code.bits) | u32::from(bits) << code.length;
                bits | (u32::from(code.length) + u32::from(count)) << COUNT_AT
            }),
            distances: all,
            end: litlens[END],
        }
    }

    /// Writes sequences, for which there must be room; they begin with `input`.
    fn write(&self, sequences: &[Sequence], input: &[u8], writer: &mut Writer) {
        with_best_instructions(
            #[inline(always)]
            || self.write_all(sequences, input, writer),
        );
        writer.put(self.end.bits.into(), self.end.length.into());
        writer.flush();
    }

    #[inline(always)]
    fn write_all(&self, sequences: &[Sequence], input: &[u8], whole: &mut Writer) {
        // A copy, which stays in registers.
        let mut writer = std::mem::take(whole);
        writer.flush();
        let mut rest = input;
        for s in sequences {
            let (literals, behind) = rest.split_at(s.literals as usize);
            let (fours, few) = literals.as_chunks::<4>();
            for four in fours {
                let (mut bits, mut count) = (0, 0);
                for byte in four {
                    let entry = self.literals[usize::from(*byte)];
                    bits |= u64::from(entry & ((1 << COUNT_AT) - 1)) << count;
                    count += entry >> COUNT_AT;
                }
                writer.put(bits, count);
                writer.flush();
            }
            // As above: whatever is behind the few is put as no bits.
            let (mut bits, mut count) = (0, 0);
            for (i, byte) in three(&rest[4 * fours.len()..]).into_iter().enumerate() {
                let entry = self.literals[usize::from(byte)];
                let entry = select_unpredictable(i < few.len(), entry, 0);
                bits |= u64::from(entry & ((1 << COUNT_AT) - 1)) << count;
                count += entry >> COUNT_AT;
            }
            writer.put(bits, count);
            writer.flush();
            rest = behind.get(usize::from(s.length)..).unwrap_or_default();
            if let Some(&entry) = usize::from(s.length).checked_sub(SHORTEST).and_then(|n| self.lengths.get(n)) {
                self.put(entry, &mut writer);
                let (symbol, extra) = distance_symbol(s.distance);
                let code = self.distances[symbol & 31];
                let low = u32::from(s.distance).wrapping_sub(1) & ((1 << extra) - 1);
                writer.put(u64::from(code.bits) | u64::from(low) << code.length, u32::from(code.length) + extra);
                writer.flush();
            }
        }
        *whole = writer;
    }

    #[inline(always)]
    fn put(&self, entry: u32, writer: &mut Writer) {
        writer.put((entry & ((1 << COUNT_AT) - 1)).into(), entry >> COUNT_AT);
    }
}
