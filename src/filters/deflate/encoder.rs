//! From bytes to a zlib stream.

use super::bits::Writer;
use super::block::{Block, write_stored};
use super::matcher::{Chains, Clock, Hash, Latest, Matcher};
use super::parse::{Effort, Part, Prices};
use crate::filters::best::with_best_instructions;

/// Makes zlib streams of one level; keeps its tables from one to the next.
pub(super) struct Encoder {
    level: u32,
    tables: Tables,
    effort: Effort,
    clock: Clock,
    block: Block,
    writer: Writer,
}

enum Tables {
    None,
    Latest(Latest),
    Chains(Chains),
}

impl Encoder {
    /// For levels 0 to 9.
    pub(super) fn new(level: u32) -> Encoder {
        let (tables, effort) = match level {
            0 => (Tables::None, Effort { tries: 0, tries_in_noise: 0, skip: 0, lazy: 0, enough: 0, thorough: false }),
            1 => {
                let effort = Effort { tries: 1, tries_in_noise: 1, skip: 5, lazy: 0, enough: 32, thorough: false };
                (Tables::Latest(Latest::default()), effort)
            }
            _ => {
                let (tries, tries_in_noise, lazy, enough, skip) = [
                    (2, 2, 0, 32, 7),
                    (3, 2, 4, 32, 7),
                    (6, 2, 5, 32, 7),
                    (8, 3, 16, 64, 9),
                    (16, 6, 16, 64, 9),
                    (32, 16, 32, 128, 9),
                    (128, 64, 64, 258, 9),
                    (1024, 256, 258, 258, 9),
                ][level.clamp(2, 9) as usize - 2];
                (
                    Tables::Chains(Chains::default()),
                    Effort { tries, tries_in_noise, skip, lazy, enough, thorough: true },
                )
            }
        };
        Encoder { level, tables, effort, clock: Clock::START, block: Block::default(), writer: Writer::default() }
    }

    pub(super) fn level(&self) -> u32 {
        self.level
    }

    /// The zlib stream of `input`; `None` where it has more than `most` bytes.
    pub(super) fn encode(&mut self, input: &[u8], most: usize) -> Option<&[u8]> {
        let Encoder { level, tables, effort, clock, block, writer } = self;
        writer.restart();
        block.restart();
        writer.bytes(&zlib_header(*level));
        let mut run = Run { input, effort: *effort, clock, block, writer, most };
        let whole = match tables {
            Tables::None => {
                write_stored(input, true, run.writer);
                true
            }
            Tables::Latest(matcher) => run.encode(matcher),
            Tables::Chains(matcher) => run.encode(matcher),
        };
        writer.align();
        writer.bytes(&simd_adler32::adler32(&input).to_be_bytes());
        (whole && writer.written().len() <= most).then_some(writer.written())
    }
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

/// One stream.
struct Run<'a> {
    input: &'a [u8],
    effort: Effort,
    clock: &'a mut Clock,
    block: &'a mut Block,
    writer: &'a mut Writer,
    most: usize,
}

impl Run<'_> {
    /// Writes all blocks; `false` if it ended early, for they are too many bytes.
    fn encode<M: Matcher>(&mut self, matcher: &mut M) -> bool {
        let Run { input, effort, most, .. } = *self;
        let (mut at, mut begin) = (0, 0);
        while at < input.len() && self.writer.written().len() <= most {
            if let Some(set) = self.clock.set_back(at) {
                matcher.clear();
                *self.clock = set;
            }
            let part = if at == 0 { FIRST_PART } else { PART };
            let end = if input.len() - at < part + part / 2 { input.len() } else { at + part };
            let sampled = Prices::sampled(&input[at..end]);
            let least = sampled.least();
            // Texts and records repeat themselves; in noise, and where nearly all is the same, the nearest candidates are nearly
            // as good as any.
            let tries = if (4..16).contains(&least) { effort.tries } else { effort.tries.min(effort.tries_in_noise) };
            let (hash, effort) = (Hash::of(least), Effort { tries, ..effort });
            let prices = if at == 0 { sampled } else { Prices::after(&self.block.part) };
            let part = Part { input, clock: *self.clock, end, effort, prices, hash };
            let sequences = &mut self.block.sequences;
            at = with_best_instructions(
                #[inline(always)]
                || part.parse(at, matcher, sequences),
            );
            begin += self.block.take_part(&input[begin..at], self.writer);
        }
        self.block.write(&input[begin..at], true, self.writer);
        *self.clock = self.clock.next(at).unwrap_or_else(|| {
            matcher.clear();
            Clock::START
        });
        at == input.len()
    }
}
