//! A part of the input as literals and matches, by what they will cost.

use super::block::{Counts, LONGEST, SHORTEST, Sequence};
use super::huffman::{BIT, entropy};
use super::matcher::{Clock, Hash, Matcher, common, word};

/// What is done to find matches.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Candidates that are looked at.
    pub(super) tries: u32,
    /// As many, where literals are so dear or so cheap that they are noise or nearly all the same.
    pub(super) tries_in_noise: u32,
    /// After `2^skip` positions without a match one of two is looked at, then one of three …
    pub(super) skip: u32,
    /// A match that is shorter is held back until the next position was looked at.
    pub(super) lazy: usize,
    /// A match that is as long ends the search.
    pub(super) enough: usize,
    /// Whether all positions within a match are noted.
    pub(super) thorough: bool,
}

/// What symbols will cost, about, in parts of a bit.
pub(super) struct Prices {
    literal: u32,
    /// A match, by the whole logarithm of its distance.
    matches: [u32; 16],
}

impl Prices {
    /// By a sample of the bytes.
    pub(super) fn sampled(bytes: &[u8]) -> Prices {
        const PIECES: usize = 8;
        const PIECE: usize = 128;
        let (mut counts, mut n) = ([0u32; 256], 0);
        for piece in bytes.chunks(bytes.len().div_ceil(PIECES).max(PIECE)) {
            for &byte in piece.iter().take(PIECE) {
                counts[usize::from(byte)] += 1;
                n += 1;
            }
        }
        Prices::new((entropy(&counts) / n.max(1)) as u32, 6 * BIT)
    }

    /// By what was found in the part before.
    pub(super) fn after(part: &Counts) -> Prices {
        let (literal, matches) = part.costs();
        Prices::new(literal, matches + BIT / 2)
    }

    fn new(literal: u32, matches: u32) -> Prices {
        let matches = matches.clamp(4 * BIT, 12 * BIT);
        Prices {
            literal: literal.clamp(BIT / 8, 9 * BIT),
            matches: std::array::from_fn(|bits| matches + (bits as u32).saturating_sub(1) * BIT),
        }
    }

    /// Bits that a match saves.
    #[inline(always)]
    fn saved(&self, length: usize, distance: u32) -> i32 {
        let bits = (31 - (distance | 1).leading_zeros()) as usize;
        (length as u32 * self.literal) as i32 - self.matches[bits & 15] as i32
    }

    /// The bytes that a match has to have at most distances, to be worth while.
    pub(super) fn least(&self) -> usize {
        (16 * BIT).div_ceil(self.literal) as usize
    }
}

#[derive(Clone, Copy, Default)]
struct Match {
    length: usize,
    distance: u32,
    saved: i32,
}

/// A part of the input that is to be parsed.
pub(super) struct Part<'a> {
    pub(super) input: &'a [u8],
    pub(super) clock: Clock,
    pub(super) end: usize,
    pub(super) effort: Effort,
    pub(super) prices: Prices,
    pub(super) hash: Hash,
}

impl Part<'_> {
    /// Parses from `at` to the end of the part or a match behind it; returns where that is.
    #[inline(always)]
    pub(super) fn parse<M: Matcher>(&self, mut at: usize, matcher: &mut M, sequences: &mut Vec<Sequence>) -> usize {
        let Part { input, end, effort, .. } = *self;
        // There must be a word ahead.
        let last = end.min(input.len().saturating_sub(8));
        let (mut first, mut misses, mut recent) = (at, 0, 0);
        while at < last {
            let mut found = self.find(matcher, at, recent);
            if found.saved <= 0 {
                misses += 1;
                at += 1 + (misses >> effort.skip);
                continue;
            }
            misses = 0;
            while found.length < effort.lazy && at + 1 < last {
                let next = self.find(matcher, at + 1, recent);
                if next.saved <= found.saved {
                    break;
                }
                (found, at) = (next, at + 1);
            }
            let Match { length, distance, .. } = found;
            recent = distance;
            let literals = (at - first) as u32;
            sequences.push(Sequence { literals, length: length as u16, distance: distance as u16 });
            self.note(matcher, at, length);
            at += length;
            first = at;
        }
        at = at.max(end).min(input.len());
        if at > first {
            sequences.push(Sequence { literals: (at - first) as u32, length: 0, distance: 0 });
        }
        at
    }

    /// The best match at a position. The distance of the match before, `recent`, is tried first: what has a period has it
    /// for long, and nearer places look like it for a while.
    #[inline(always)]
    fn find<M: Matcher>(&self, matcher: &mut M, at: usize, recent: u32) -> Match {
        let (here, time) = (word(self.input, at), self.clock.time(at));
        let most = LONGEST.min(self.input.len() - at);
        let mut best = Match::default();
        let mut look = |distance: u32| {
            let before = at - distance as usize;
            let differ = word(self.input, before) ^ here;
            let mut length = (differ.trailing_zeros() / 8) as usize;
            if length == 8 {
                length = common(self.input, before, at, 8, most);
            }
            let saved = self.prices.saved(length, distance);
            if saved > best.saved && length >= SHORTEST {
                best = Match { length, distance, saved };
            }
            length
        };
        if recent > 0 && self.effort.thorough && look(recent) >= self.effort.enough {
            matcher.insert(self.hash, here, time);
            return best;
        }
        let mut tries = self.effort.tries;
        matcher.find(self.hash, here, time, |distance| {
            tries -= 1;
            look(distance) < self.effort.enough && tries > 0
        });
        best
    }

    /// Takes note of what is in a match.
    #[inline(always)]
    fn note<M: Matcher>(&self, matcher: &mut M, at: usize, length: usize) {
        let last = self.input.len().saturating_sub(8).min(at + length);
        let mut one = |at: usize| matcher.insert(self.hash, word(self.input, at), self.clock.time(at));
        if self.effort.thorough {
            (at + 1..last).for_each(one);
        } else if at + length == last {
            one(at + 1);
            one(last - 1);
        }
    }
}
