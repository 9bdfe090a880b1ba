//! A part of the input as literals and matches, by what they will cost: position by position.

use super::block::{LONGEST, Sequence};
use super::matcher::{Hash, Matcher, WINDOW, common, word};
use super::prices::Prices;

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
    /// Whether all positions within a match are noted, but for the first ones of a long match.
    pub(super) thorough: bool,
}

/// Positions at the end of a long match that are noted.
const NOTED: usize = 64;

#[derive(Clone, Copy, Default)]
struct Match {
    length: usize,
    distance: u32,
    saved: i32,
}

/// A part of the input that is to be parsed.
pub(super) struct Part<'a> {
    pub(super) input: &'a [u8],
    pub(super) end: usize,
    pub(super) effort: Effort,
    pub(super) prices: &'a Prices,
    pub(super) hash: Hash,
    /// A distance at which much is the same, or 0.
    pub(super) period: u32,
}

impl Part<'_> {
    /// Parses from `at` to the end of the part or a match behind it; returns where that is.
    #[inline(always)]
    pub(super) fn parse<M: Matcher>(&self, mut at: usize, matcher: &mut M, sequences: &mut Vec<Sequence>) -> usize {
        let Part { input, end, effort, .. } = *self;
        // There must be a word ahead.
        let last = end.min(input.len().saturating_sub(8));
        let (mut first, mut misses, mut recent) = (at, 0, self.period);
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
        let here = word(self.input, at);
        let most = LONGEST.min(self.input.len() - at);
        if !self.effort.thorough {
            return self.nearest(matcher, at, here, most);
        }
        let mut best = Match::default();
        let mut look = |distance: u32| {
            let before = at.wrapping_sub(distance as usize);
            let differ = word(self.input, before) ^ here;
            let mut length = (differ.trailing_zeros() / 8) as usize;
            if length == 8 {
                length = common(self.input, before, at, 8, most);
            }
            let saved = (length as u32 * self.prices.literal) as i32
                - self.prices.length(length)
                - self.prices.distance(distance);
            if saved > best.saved {
                best = Match { length, distance, saved };
            }
            length
        };
        if recent > 0 && recent as usize <= at && look(recent) >= self.effort.enough {
            matcher.first(self.hash, here, at);
            return best;
        }
        let mut distance = matcher.first(self.hash, here, at);
        let mut tries = self.effort.tries;
        while distance.wrapping_sub(1) < WINDOW {
            tries -= 1;
            if look(distance) >= self.effort.enough || tries == 0 {
                break;
            }
            distance = matcher.next(at, distance);
        }
        best
    }

    /// The match at the nearest candidate, if it saves anything.
    #[inline(always)]
    fn nearest<M: Matcher>(&self, matcher: &mut M, at: usize, here: u64, most: usize) -> Match {
        let distance = matcher.first(self.hash, here, at);
        let shortest = self.prices.shortest(distance);
        let before = at.wrapping_sub(distance as usize);
        let mut length = ((word(self.input, before) ^ here).trailing_zeros() / 8) as usize;
        if length == 8 && distance.wrapping_sub(1) < WINDOW {
            length = common(self.input, before, at, 8, most);
        }
        Match { length, distance, saved: i32::from(length >= shortest) }
    }

    /// Takes note of what is in a match.
    #[inline(always)]
    fn note<M: Matcher>(&self, matcher: &mut M, at: usize, length: usize) {
        let last = self.input.len().saturating_sub(8).min(at + length);
        let mut one = |at: usize| _ = matcher.first(self.hash, word(self.input, at), at);
        if self.effort.thorough {
            (at + 1..last).skip(length.saturating_sub(NOTED)).for_each(one);
        } else if at + length == last {
            one(at + 1);
            one(last - 1);
        }
    }
}
