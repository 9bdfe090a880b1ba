//! A part of the input as literals and matches: candidates for many positions in a row are looked at without a branch that
//! depends on them, then the best of what was found is chosen.

use super::block::{LONGEST, Sequence};
use super::matcher::{Hash, Matcher, Near, common, word};
use super::prices::Prices;
use std::hint::select_unpredictable;

/// Positions that are looked at before it is chosen among their matches.
const BATCH: usize = 64;
/// A match that is as long is taken without a look at others.
const LONG: usize = 32;
/// Positions at the end of a longer match that are noted.
const NOTED: usize = 64;

/// A part of the input that is to be parsed.
pub(super) struct Part<'a> {
    pub(super) input: &'a [u8],
    pub(super) end: usize,
    pub(super) prices: &'a Prices,
    pub(super) hash: Hash,
    /// After `2^skip` positions without a match one of two is looked at, then one of three …
    pub(super) skip: u32,
    /// Where fewer bytes of 1,024 are within matches, one of two positions is looked at.
    pub(super) noise: u32,
    /// Whether matches have the distance of the one before often.
    pub(super) repeats: bool,
    /// The distance at which most is the same, or 0.
    pub(super) period: u32,
}

#[derive(Clone, Copy)]
struct Match {
    length: usize,
    distance: u32,
    saved: i32,
}

const NONE: Match = Match { length: 0, distance: 0, saved: 0 };

/// The best match at each position of a batch, and what literals cost up to there.
struct Batch {
    saved: [i32; BATCH],
    lengths: [u16; BATCH],
    distances: [u16; BATCH],
    costs: [u32; BATCH + 9],
}

impl Part<'_> {
    /// Parses from `at` to the end of the part or a match behind it; returns where that is.
    #[inline(always)]
    pub(super) fn parse(&self, mut at: usize, near: &mut Near, sequences: &mut Vec<Sequence>) -> usize {
        // There must be a word ahead.
        let last = self.end.min(self.input.len().saturating_sub(8));
        let mut batch = Batch { saved: [0; BATCH], lengths: [0; BATCH], distances: [0; BATCH], costs: [0; BATCH + 9] };
        let (mut first, mut misses, mut recent, mut matched) = (at, 0, self.period, 2 * self.noise);
        while at < last {
            let step = 1 + (misses >> self.skip);
            if step > 1 {
                let (next, found) = self.look_at_some(at, last, step, near);
                misses += BATCH;
                at = next;
                if found.saved > 0 {
                    misses = 0;
                    let literals = (at - first) as u32;
                    sequences.push(Sequence { literals, length: found.length as u16, distance: found.distance as u16 });
                    recent = found.distance;
                    first = at + found.length;
                    self.note(at + 1, first, near);
                    at = first;
                }
                continue;
            }
            let long = self.long(at, recent);
            if long > 0 {
                sequences.push(Sequence {
                    literals: (at - first) as u32,
                    length: long as u16,
                    distance: recent as u16,
                });
                first = at + long;
                self.note(at, first, near);
                at = first;
                continue;
            }
            let n = BATCH.min(last - at);
            let every = if matched >= self.noise {
                self.look::<1>(at, n, near, recent, &mut batch);
                1
            } else {
                self.look::<2>(at, n, near, recent, &mut batch);
                2
            };
            let mut chosen = batch.choose(n.div_ceil(every), every - 1);
            let behind = at + n;
            let mut covered = 0;
            misses += n;
            while chosen != 0 {
                let i = chosen.trailing_zeros() as usize & (BATCH - 1);
                let (length, distance) = (batch.lengths[i], batch.distances[i]);
                let literals = (at + every * i - first) as u32;
                sequences.push(Sequence { literals, length, distance });
                (recent, misses) = (distance.into(), 0);
                first = at + every * i + usize::from(length);
                covered += u32::from(length);
                let next = i + usize::from(length).div_ceil(every);
                chosen = if next < BATCH { chosen >> next << next } else { 0 };
            }
            matched = (7 * matched + 16 * covered.min(64)) / 8;
            self.note(behind, first, near);
            at = behind.max(first);
        }
        at = at.max(self.end).min(self.input.len());
        if at > first {
            sequences.push(Sequence { literals: (at - first) as u32, length: 0, distance: 0 });
        }
        at
    }

    /// Looks at each `STEP`th of `n` positions from `at` on. Loops are written out here, for calls of iterators are not sure
    /// to be inlined.
    #[inline(always)]
    fn look<const STEP: usize>(&self, at: usize, n: usize, near: &mut Near, recent: u32, batch: &mut Batch) {
        let n = n.min(BATCH);
        let bytes = &self.input[at..at + n + 8];
        let mut cost = 0;
        for (i, byte) in bytes.iter().enumerate() {
            batch.costs[i] = cost;
            cost += u32::from(self.prices.literals[usize::from(*byte)]);
        }
        batch.costs[n + 8] = cost;
        let mut candidates = [0; BATCH];
        let mut i = 0;
        while i < n {
            candidates[i / STEP] = near.first(self.hash, word(bytes, i), at + i);
            i += STEP;
        }
        self.weigh::<STEP, true>(at, n, &candidates, batch);
        if self.repeats && recent > 0 && recent as usize <= at {
            self.weigh::<STEP, false>(at, n, &[recent; BATCH], batch);
        }
    }

    /// Takes the match of each position at the distances given, if they are the `FIRST` or it saves more than what is there.
    #[inline(always)]
    fn weigh<const STEP: usize, const FIRST: bool>(
        &self,
        at: usize,
        n: usize,
        candidates: &[u32; BATCH],
        batch: &mut Batch,
    ) {
        // The end of a long match, and its distance: behind its first byte others need not be compared.
        let (mut known, mut of) = (0, 0);
        let mut ahead = 0;
        while ahead < n.min(BATCH) {
            let (i, here) = (ahead / STEP, at + ahead);
            let distance = candidates[i];
            let mut length = self.length(here, distance);
            let mut literals = batch.costs[ahead + length].wrapping_sub(batch.costs[ahead]) as i32;
            if length == 8 {
                if distance == of && here + 8 < known {
                    length = known - here;
                } else {
                    let most = LONGEST.min(self.input.len() - here);
                    length = common(self.input, here.wrapping_sub(distance as usize), here, 8, most);
                    (known, of) = (here + length, distance);
                }
                literals += ((length as u32 - 8) * self.prices.literal) as i32;
            }
            let saved = literals - self.prices.length(length) - self.prices.distance(distance);
            if FIRST {
                // What saves nothing is never chosen.
                (batch.saved[i], batch.lengths[i], batch.distances[i]) = (saved, length as u16, distance as u16);
            } else {
                let better = saved > batch.saved[i];
                batch.saved[i] = select_unpredictable(better, saved, batch.saved[i]);
                batch.lengths[i] = select_unpredictable(better, length as u16, batch.lengths[i]);
                batch.distances[i] = select_unpredictable(better, distance as u16, batch.distances[i]);
            }
            ahead += STEP;
        }
    }

    /// The length of a match at a distance, or 0 where it is no long one.
    #[inline(always)]
    fn long(&self, at: usize, distance: u32) -> usize {
        if distance == 0 || distance as usize > at || self.length(at, distance) < 8 {
            return 0;
        }
        let most = LONGEST.min(self.input.len() - at);
        let length = common(self.input, at.wrapping_sub(distance as usize), at, 8, most);
        if length < LONG { 0 } else { length }
    }

    /// How many bytes, at most eight, are those `distance` before; there must be some.
    #[inline(always)]
    fn length(&self, at: usize, distance: u32) -> usize {
        let before = at.wrapping_sub(distance as usize);
        let differ = word(self.input, before) ^ word(self.input, at);
        (differ.trailing_zeros() / 8) as usize
    }

    /// Looks at one position of `step`, until something is found; returns where that is.
    #[inline(always)]
    fn look_at_some(&self, mut at: usize, last: usize, step: usize, near: &mut Near) -> (usize, Match) {
        for _ in 0..BATCH {
            if at >= last {
                break;
            }
            let distance = near.first(self.hash, word(self.input, at), at);
            let mut length = self.length(at, distance);
            let price = self.prices.distance(distance);
            let saved =
                |length: usize| (length as u32 * self.prices.literal) as i32 - self.prices.length(length) - price;
            if saved(length) > 0 {
                if length == 8 {
                    let most = LONGEST.min(self.input.len() - at);
                    length = common(self.input, at - distance as usize, at, 8, most);
                }
                return (at, Match { length, distance, saved: saved(length) });
            }
            at += step;
        }
        (at.min(last), NONE)
    }

    /// Takes note of positions within a match.
    #[inline(always)]
    fn note(&self, from: usize, to: usize, near: &mut Near) {
        let to = to.min(self.input.len().saturating_sub(8));
        for at in from.max(to.saturating_sub(NOTED))..to {
            near.first(self.hash, word(self.input, at), at);
        }
    }
}

impl Batch {
    /// A bit for each position where the match found there is best taken, if one comes there by literals or a match.
    #[inline(always)]
    fn choose(&self, n: usize, half: usize) -> u64 {
        // Beyond the batch nothing is known to be saved; nor is there anything before it is written, where none is found.
        let mut saved = [0; 2 * BATCH];
        let (mut chosen, mut next) = (0u64, 0);
        let mut i = n.min(BATCH);
        while i > 0 {
            i -= 1;
            let behind = i + ((usize::from(self.lengths[i]) + half) >> half);
            let with = self.saved[i] + saved[behind & (2 * BATCH - 1)];
            let better = with > next;
            chosen = chosen << 1 | u64::from(better);
            next = select_unpredictable(better, with, next);
            saved[i] = next;
        }
        chosen
    }
}
