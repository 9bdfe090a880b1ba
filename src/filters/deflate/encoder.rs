//! From bytes to a zlib stream.

use super::batch;
use super::bits::Writer;
use super::block::{Block, Sequence, write_stored};
use super::huffman::{BIT, entropy};
use super::known::{Piece, Stretch};
use super::matcher::{Chains, Hash, Matcher, Near};
use super::parse::{Effort, Part};
use super::prices::{Prices, sample};
use crate::filters::best::with_best_instructions;

/// Makes zlib streams of one level; keeps its tables from one to the next.
pub(super) struct Encoder {
    level: u32,
    effort: Effort,
    near: Near,
    /// From level 2 on.
    chains: Option<Chains>,
    block: Block,
    writer: Writer,
}

impl Encoder {
    /// For levels 0 to 9.
    pub(super) fn new(level: u32) -> Encoder {
        // Level 0 looks for nothing.
        let (tries, tries_in_noise, lazy, enough, skip) = [
            (1, 1, 0, 32, 5),
            (1, 1, 0, 32, 5),
            (2, 2, 0, 32, 7),
            (3, 2, 4, 32, 7),
            (6, 2, 5, 32, 7),
            (8, 3, 16, 64, 9),
            (16, 6, 16, 64, 9),
            (32, 16, 32, 128, 9),
            (128, 64, 64, 258, 9),
            (1024, 256, 258, 258, 9),
        ][level.min(9) as usize];
        let effort = Effort { tries, tries_in_noise, skip, lazy, enough, thorough: level > 1 };
        let chains = (level > 1).then(Chains::default);
        Encoder { level, effort, near: Near::default(), chains, block: Block::default(), writer: Writer::default() }
    }

    pub(super) fn level(&self) -> u32 {
        self.level
    }

    /// The zlib stream of `input`; `None` where it has more than `most` bytes. The matches in `pieces`, which make up the
    /// input, are taken; where there are none they are looked for.
    pub(super) fn encode(&mut self, input: &[u8], pieces: &[Piece<'_>], most: usize) -> Option<&[u8]> {
        self.writer.restart();
        self.block.restart();
        self.writer.bytes(&zlib_header(self.level));
        let whole = match self.level {
            0 => {
                write_stored(input, true, &mut self.writer);
                true
            }
            _ => self.encode_parts(input, &Stretch::all(pieces), most),
        };
        let writer = &mut self.writer;
        writer.align();
        writer.bytes(&simd_adler32::adler32(&input).to_be_bytes());
        (whole && writer.written().len() <= most).then_some(writer.written())
    }

    /// Writes all blocks; `false` if it ended early, for they are too many bytes.
    fn encode_parts(&mut self, input: &[u8], mut known: &[Stretch<'_>], most: usize) -> bool {
        self.near.clear(input.len());
        if let Some(chains) = &mut self.chains {
            chains.clear(input.len());
        }
        let (mut at, mut begin, mut before) = (0, 0, None);
        while at < input.len() && self.writer.written().len() <= most {
            let part = if at == 0 { FIRST_PART } else { PART };
            let end = if input.len() - at < part + part / 2 { input.len() } else { at + part };
            let first = self.block.sequences.len();
            while let Some((stretch, rest)) = known.split_first()
                && stretch.end <= at
            {
                known = rest;
            }
            let next = match known.first() {
                Some(stretch) if stretch.begin <= at => stretch.retrace(input, at, end, &mut self.block.sequences),
                Some(stretch) => self.parse(input, at, end.min(stretch.begin), before),
                None => self.parse(input, at, end, before),
            };
            before = Some(Found::of(&self.block.sequences[first..], next - at));
            at = next;
            begin += self.block.take_part(&input[begin..at], &mut self.writer);
        }
        self.block.write(&input[begin..at], true, &mut self.writer);
        at == input.len()
    }

    /// Parses a part, in the way that suits what was found in the part before.
    fn parse(&mut self, input: &[u8], at: usize, end: usize, before: Option<Found>) -> usize {
        let look = Look::at(&input[at..end], self.level);
        let prices = match before {
            None => Prices::sampled(&look.sample),
            Some(_) => Prices::after(&self.block.part, &look.sample, look.period > 0),
        };
        let short = match before {
            None => look.literal > 6 * BIT && self.level > 1,
            Some(found) => found.short(self.level, look.period > 0),
        };
        let part = Part { input, end, effort: self.effort, prices: &prices, hash: look.hash(), period: look.period };
        let near = self.level < 5 && before.is_some_and(Found::near);
        match short && self.level < 7 {
            true if near => self.parse_nearest(part, at),
            true => self.parse_together(part, at, before.is_none_or(|found| found.repeats)),
            false => self.parse_one_by_one(part, at, &look),
        }
    }

    /// Where matches are short: those of many positions are looked for together.
    fn parse_together(&mut self, part: Part<'_>, at: usize, repeats: bool) -> usize {
        let Part { input, end, effort, prices, hash, period } = part;
        let noise = if self.level < 5 { 96 } else { 0 };
        let repeats = repeats || period > 0;
        let part = batch::Part { input, end, prices, hash, skip: effort.skip, noise, repeats, period };
        let (near, sequences) = (&mut self.near, &mut self.block.sequences);
        with_best_instructions(
            #[inline(always)]
            || part.parse(at, near, sequences),
        )
    }

    /// Where few values make up much of what is left by short matches, as in the planes of rounded numbers, the nearest
    /// candidate is as good as the best of many.
    fn parse_nearest(&mut self, mut part: Part<'_>, at: usize) -> usize {
        (part.effort.thorough, part.effort.lazy) = (false, 0);
        let (near, sequences) = (&mut self.near, &mut self.block.sequences);
        with_best_instructions(
            #[inline(always)]
            || part.parse(at, near, sequences),
        )
    }

    /// Texts and records repeat themselves; in noise, and where nearly all is the same, the nearest candidates are nearly as
    /// good as any.
    fn parse_one_by_one(&mut self, mut part: Part<'_>, at: usize, look: &Look) -> usize {
        let Effort { tries, tries_in_noise, .. } = self.effort;
        let tries = if (4..16).contains(&look.least) { tries } else { tries.min(tries_in_noise) };
        part.effort.tries = if part.period > 0 { tries.max(8) } else { tries };
        let Some(chains) = &mut self.chains else { return self.parse_nearest(part, at) };
        let sequences = &mut self.block.sequences;
        with_best_instructions(
            #[inline(always)]
            || part.parse(at, chains, sequences),
        )
    }
}

/// What can be seen of a part before it is parsed.
struct Look {
    /// The distance at which most is the same, or 0.
    period: u32,
    sample: [u32; 256],
    /// What a literal costs, if all are literals.
    literal: u32,
    /// The bytes that a match must have at most distances to be worth while.
    least: usize,
}

impl Look {
    fn at(bytes: &[u8], level: u32) -> Look {
        let period = match level {
            1 => 0,
            _ => with_best_instructions(
                #[inline(always)]
                || period(bytes),
            ),
        };
        let sample = sample(bytes);
        let literal = ((entropy(&sample) / bytes.len().clamp(1, 1024) as u64) as u32).clamp(BIT / 8, 9 * BIT);
        Look { period, sample, literal, least: (16 * BIT).div_ceil(literal) as usize }
    }

    fn hash(&self) -> Hash {
        Hash::of(self.least)
    }
}

/// What was found in a part.
#[derive(Clone, Copy)]
struct Found {
    bytes: usize,
    matches: usize,
    /// Bytes in matches.
    matched: usize,
    /// Whether many matches have the distance of the one before.
    repeats: bool,
}

impl Found {
    fn of(sequences: &[Sequence], bytes: usize) -> Found {
        let matches = sequences.iter().filter(|s| s.length > 0).count();
        let matched = sequences.iter().map(|s| usize::from(s.length)).sum();
        let same = sequences.windows(2).filter(|w| w[0].distance == w[1].distance).count();
        Found { bytes, matches, matched, repeats: same * 8 > matches }
    }

    /// Whether matches are not that short, make up a quarter at least, and have distances of all kinds.
    fn near(self) -> bool {
        self.matched > 5 * self.matches && 4 * self.matched > self.bytes && !self.repeats
    }

    /// Whether matches are short, or few: those of many positions are best looked for together.
    fn short(&self, level: u32, period: bool) -> bool {
        match level {
            1 => self.matched < 4 * self.matches && 4 * self.matched > self.bytes,
            _ if period => 2 * self.matched < 15 * self.matches || 4 * self.matched < 3 * self.bytes,
            _ => self.matched < 6 * self.matches || 5 * self.matched < 3 * self.bytes,
        }
    }
}

/// The distance at which at least half of the bytes are the same, most of all in a sample; 0 if there is none.
#[inline(always)]
fn period(bytes: &[u8]) -> u32 {
    const LONGEST: usize = 32;
    const SAMPLE: usize = 256;
    let from = bytes.len() / 2;
    let Some(sample) = bytes.get(from..from + LONGEST + SAMPLE) else { return 0 };
    let same = |distance: usize| {
        let pairs = sample[LONGEST..].iter().zip(&sample[LONGEST - distance..]);
        pairs.map(|(a, b)| u16::from(a == b)).sum::<u16>()
    };
    let (mut best, mut most) = (0, SAMPLE as u16 / 2);
    for distance in 1..=LONGEST {
        let same = same(distance);
        if same > most {
            (best, most) = (distance as u32, same);
        }
    }
    best
}

/// Deflate, a window of 32 KiB; the level roughly, as zlib tells it.
fn zlib_header(level: u32) -> [u8; 2] {
    let kind = match level {
        0..=1 => 0,
        2..=5 => 1,
        6 => 2,
        _ => 3,
    };
    let header = 0x7800 | kind << 6;
    (header + 31 - header % 31u16).to_be_bytes()
}

/// Bytes of the input after which it is asked whether a block should end.
const PART: usize = 1 << 13;
/// Those of the first part: nothing is known yet of what symbols cost.
const FIRST_PART: usize = 1 << 12;
