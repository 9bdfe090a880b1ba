//! Room of a file that is edited: what may be overwritten, and what was taken of it since the last commit.
//!
//! Nobody who has the file open, and nobody who finds it after a crash, may miss what he needs. So room that a commit
//! does without is only remembered here; whoever edits decides when nobody can need it any more, see `edit/ledger.rs`.

use crate::bytes::Address;
use std::collections::{BTreeMap, BTreeSet};

/// Ranges of bytes. No two touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges {
    lengths: BTreeMap<u64, u64>,
    /// Lengths with positions: the smallest first.
    by_length: BTreeSet<(u64, u64)>,
}

impl Ranges {
    /// Adds a range; one that touches others becomes one with them.
    pub(crate) fn add(&mut self, at: u64, length: u64) {
        let (mut position, mut length) = (at, length);
        if let Some((&before, &n)) = self.lengths.range(..position).next_back()
            && before + n == position
        {
            self.remove(before);
            (position, length) = (before, length + n);
        }
        length += self.remove(position + length);
        self.insert(position, length);
    }

    fn insert(&mut self, position: u64, length: u64) {
        if length > 0 {
            self.lengths.insert(position, length);
            self.by_length.insert((length, position));
        }
    }

    /// Takes away the range that begins at a position; returns its length, or 0 if there is none.
    fn remove(&mut self, position: u64) -> u64 {
        let length = self.lengths.remove(&position).unwrap_or(0);
        self.by_length.remove(&(length, position));
        length
    }

    /// Takes `wanted` bytes out of the smallest range in which `place` finds a place for them, given its position and its
    /// length.
    pub(crate) fn take(&mut self, wanted: u64, place: impl Fn(u64, u64) -> Option<u64>) -> Option<u64> {
        let fits = |&(length, position): &(u64, u64)| Some((length, position, place(position, length)?));
        let (length, position, start) = self.by_length.range((wanted, 0)..).find_map(fits)?;
        self.remove(position);
        let end = start + wanted;
        self.insert(position, start - position);
        self.insert(end, position + length - end);
        Some(start)
    }

    /// Whether a position lies in one.
    fn contains(&self, position: u64) -> bool {
        self.lengths.range(..=position).next_back().is_some_and(|(start, n)| position - start < *n)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.lengths.iter().map(|(position, length)| (*position, *length))
    }

    pub(crate) fn extend(&mut self, other: Ranges) {
        other.iter().for_each(|(position, length)| self.add(position, length));
    }

    /// What of these lies in none of the others.
    pub(crate) fn without(&self, others: &Ranges) -> Ranges {
        let mut left = Ranges::default();
        for (mut at, length) in self.iter() {
            let end = at + length;
            let first = others.lengths.range(..=at).next_back().map_or(at, |(start, _)| *start);
            for (start, n) in others.lengths.range(first..end) {
                left.insert(at, start.saturating_sub(at));
                at = at.max(start + n);
            }
            left.insert(at, end.saturating_sub(at));
        }
        left
    }
}

/// What an editor knows of the room of its file.
#[derive(Debug, Default)]
pub(crate) struct Reuse {
    /// Where the file ended when this editor opened it: what is before that is not ours.
    pub(crate) ours: u64,
    /// Room before that that nothing led to then: it is this editor's, too.
    pub(crate) found: Ranges,
    /// Where it ended after the last commit.
    pub(crate) since: u64,
    /// What nobody needs.
    pub(crate) spare: Ranges,
    /// What was taken of it since the last commit.
    pub(crate) taken: Ranges,
    /// What the last commit has, and the next one does without.
    pub(crate) retired: Ranges,
    /// How many bytes it does without of what is not this editor's, where somebody wants to know.
    pub(crate) gone: Option<u64>,
    /// What was handed out since [`Space::owned`](super::space::Space::owned) began to ask, if it does.
    pub(crate) handed_out: Option<Vec<(u64, u64)>>,
}

impl Reuse {
    /// The next commit does without a piece that the last one has.
    pub(super) fn retire(&mut self, at: Address, length: u64) {
        let is_ours = at.get() >= self.ours || self.found.contains(at.get());
        match &mut self.gone {
            _ if is_ours => self.retired.add(at.get(), length),
            Some(gone) => *gone = gone.saturating_add(length),
            None => {}
        }
    }

    /// Whether it matters what is given back of what the last commit has.
    pub(super) fn asks_for_old(&self) -> bool {
        self.since > self.ours || !self.found.is_empty() || self.gone.is_some()
    }

    /// Whether what is at an address was written since the last commit.
    pub(super) fn is_new(&self, at: Address) -> bool {
        at.get() >= self.since || self.taken.contains(at.get())
    }

    /// Room of nobody for `bytes` bytes at a multiple of `alignment`, which lie in one of the file's pages if it has any.
    pub(super) fn take(&mut self, bytes: u64, alignment: u64, page: Option<u64>) -> Option<u64> {
        let place = |position: u64, length: u64| {
            let mut start = position.checked_next_multiple_of(alignment)?;
            if let Some(page) = page
                && start % page + bytes > page
            {
                start = start.checked_next_multiple_of(page)?;
            }
            (start.checked_add(bytes)? <= position + length).then_some(start)
        };
        let start = self.spare.take(bytes, place).filter(|_| bytes > 0)?;
        self.taken.add(start, bytes);
        Some(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_one_and_the_smallest_that_fits_is_taken() {
        let mut ranges = Ranges::default();
        for (at, length) in [(100, 10), (120, 10), (110, 10), (200, 16), (300, 0)] {
            ranges.add(at, length);
        }
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [(100, 30), (200, 16)]);
        assert_eq!(ranges.take(12, |at, _| Some(at)), Some(200));
        assert_eq!(ranges.take(40, |at, _| Some(at)), None);
        assert_eq!(ranges.take(8, |at, _| Some(at + 5)), Some(105));
        assert_eq!(ranges.iter().collect::<Vec<_>>(), [(100, 5), (113, 17), (212, 4)]);
        assert!(ranges.contains(104) && !ranges.contains(105) && !ranges.contains(216) && !ranges.contains(1));
    }

    #[test]
    fn what_is_left_of_ranges_without_others() {
        let ranges = |all: &[(u64, u64)]| {
            let mut ranges = Ranges::default();
            all.iter().for_each(|&(at, length)| ranges.add(at, length));
            ranges
        };
        let all = ranges(&[(10, 10), (30, 10), (50, 10), (70, 10)]);
        let others = ranges(&[(0, 5), (8, 4), (14, 2), (18, 20), (45, 30), (79, 1), (90, 9)]);
        let left = all.without(&others);
        assert_eq!(left, ranges(&[(12, 2), (16, 2), (38, 2), (75, 4)]));
        assert_eq!(left.without(&others), left);
        assert_eq!(all.without(&Ranges::default()), all);
        assert_eq!(all.without(&all), Ranges::default());
    }

    #[test]
    fn room_is_taken_at_multiples_and_within_pages() {
        let mut reuse = Reuse { since: 10_000, ..Reuse::default() };
        reuse.spare.add(4003, 200);
        assert_eq!(reuse.take(0, 8, None), None);
        assert_eq!(reuse.take(100, 8, Some(4096)), Some(4096));
        assert_eq!(reuse.take(80, 8, None), Some(4008));
        assert!(reuse.is_new(Address(4100)) && reuse.is_new(Address(10_000)) && !reuse.is_new(Address(4200)));
    }
}
