//! Which indices of one dimension are selected: blocks at regular distances, or any spans.
//!
//! A selected index has an *ordinal*: the number of selected ones before it.

use std::ops::Range;

/// The selected indices of one dimension, each with its ordinal. (What a read asks for along one is an [`Axis`](super::selection::Axis).)
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ordinals {
    /// `n` indices in blocks of `block`, which begin every `stride` from `start` on; the last block may be cut.
    Regular { start: u64, stride: u64, block: u64, n: u64 },
    /// Spans in ascending order that do not touch: first index, length, and its ordinal.
    Spans(Vec<(u64, u64, u64)>),
}

impl Ordinals {
    /// `n` indices from `start` on.
    pub(crate) fn run(start: u64, n: u64) -> Ordinals {
        Ordinals::Regular { start, stride: n.max(1), block: n.max(1), n }
    }

    /// What of regular blocks lies below `end`: `count` blocks, `None` for any number of them, and likewise `block`.
    pub(crate) fn blocks(start: u64, stride: u64, count: Option<u64>, block: Option<u64>, end: u64) -> Ordinals {
        let room = end.saturating_sub(start);
        let Some(block) = block.filter(|b| count == Some(1) || *b < stride) else {
            // One block, or blocks without gaps.
            let whole = match (count, block) {
                (Some(count), Some(block)) => count.saturating_mul(block),
                _ => u64::MAX,
            };
            return Ordinals::run(start, room.min(whole));
        };
        if count == Some(1) {
            return Ordinals::run(start, room.min(block));
        }
        let stride = stride.max(1);
        let below = (room / stride).saturating_mul(block).saturating_add(block.min(room % stride));
        let n = count.map_or(below, |count| below.min(count.saturating_mul(block)));
        Ordinals::Regular { start, stride, block: block.max(1), n }
    }

    /// From spans in ascending order that do not overlap.
    pub(crate) fn spans(spans: impl IntoIterator<Item = Range<u64>>) -> Ordinals {
        let mut found: Vec<(u64, u64, u64)> = Vec::new();
        let mut n = 0;
        for span in spans {
            let length = span.end - span.start;
            match found.last_mut() {
                Some((start, before, _)) if *start + *before == span.start => *before += length,
                _ => found.push((span.start, length, n)),
            }
            n += length;
        }
        match found[..] {
            [] => Ordinals::run(0, 0),
            [(start, n, _)] => Ordinals::run(start, n),
            _ => Ordinals::Spans(found),
        }
    }

    /// The number of selected indices.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Ordinals::Regular { n, .. } => *n,
            Ordinals::Spans(spans) => spans.last().map_or(0, |(_, n, ordinal)| ordinal + n),
        }
    }

    /// The longest run of selected indices that begins with this ordinal, which there must be: first index, length.
    pub(crate) fn run_at(&self, ordinal: u64) -> (u64, u64) {
        match self {
            Ordinals::Regular { start, stride, block, n } => {
                let within = ordinal % block;
                let first = start + ordinal / block * stride + within;
                (first, (block - within).min(n - ordinal))
            }
            Ordinals::Spans(spans) => {
                let at = spans.partition_point(|(_, _, first)| *first <= ordinal).saturating_sub(1);
                let (start, n, first) = spans[at];
                (start + (ordinal - first), n - (ordinal - first))
            }
        }
    }

    /// The index with this ordinal, which there must be.
    pub(crate) fn index(&self, ordinal: u64) -> u64 {
        self.run_at(ordinal).0
    }

    /// The number of selected indices below `index`.
    pub(crate) fn below(&self, index: u64) -> u64 {
        match self {
            Ordinals::Regular { start, stride, block, n } => {
                let room = index.saturating_sub(*start);
                let whole = (room / stride).saturating_mul(*block);
                whole.saturating_add((room % stride).min(*block)).min(*n)
            }
            Ordinals::Spans(spans) => {
                let at = spans.partition_point(|(start, _, _)| *start < index);
                let before = at.checked_sub(1).and_then(|i| spans.get(i));
                before.map_or(0, |(start, n, ordinal)| ordinal + (index - start).min(*n))
            }
        }
    }

    /// The ordinals of the selected indices in a range.
    pub(crate) fn ordinals(&self, range: &Range<u64>) -> Range<u64> {
        self.below(range.start)..self.below(range.end)
    }

    /// The range from the first selected index to the last.
    pub(crate) fn bounds(&self) -> Range<u64> {
        match self.len() {
            0 => 0..0,
            n => self.index(0)..self.index(n - 1) + 1,
        }
    }

    /// All spans of selected indices, if they are no more than `most`.
    pub(crate) fn to_spans(&self, most: u64) -> Option<Vec<Range<u64>>> {
        let mut spans = Vec::new();
        let mut ordinal = 0;
        while ordinal < self.len() {
            if spans.len() as u64 >= most {
                return None;
            }
            let (start, n) = self.run_at(ordinal);
            spans.push(start..start + n);
            ordinal += n;
        }
        Some(spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices(axis: &Ordinals) -> Vec<u64> {
        (0..axis.len()).map(|o| axis.index(o)).collect()
    }

    #[test]
    fn regular_blocks_are_cut_where_the_extent_ends() {
        assert_eq!(indices(&Ordinals::blocks(1, 4, None, Some(2), 11)), [1, 2, 5, 6, 9, 10]);
        assert_eq!(indices(&Ordinals::blocks(1, 4, None, Some(2), 10)), [1, 2, 5, 6, 9]);
        assert_eq!(indices(&Ordinals::blocks(1, 4, Some(2), Some(2), 100)), [1, 2, 5, 6]);
        assert_eq!(indices(&Ordinals::blocks(2, 1, Some(1), None, 5)), [2, 3, 4]);
        assert_eq!(indices(&Ordinals::blocks(2, 3, None, Some(3), 7)), [2, 3, 4, 5, 6]);
        assert_eq!(indices(&Ordinals::blocks(9, 3, None, Some(1), 7)), [0u64; 0]);
        assert_eq!(Ordinals::blocks(0, 2, Some(3), Some(2), 100), Ordinals::run(0, 6));
        assert_eq!(Ordinals::blocks(u64::MAX - 1, 5, None, Some(2), u64::MAX).len(), 1);
    }

    #[test]
    fn ordinals_and_indices_are_each_others_inverse() {
        let spans = Ordinals::spans([2..4, 7..8, 8..9, 20..23]);
        assert_eq!(indices(&spans), [2, 3, 7, 8, 20, 21, 22]);
        for axis in [spans, Ordinals::blocks(3, 5, None, Some(2), 29), Ordinals::run(4, 9)] {
            let all = indices(&axis);
            for index in 0..40 {
                assert_eq!(axis.below(index), all.iter().filter(|i| **i < index).count() as u64, "{axis:?} {index}");
            }
            let spans = axis.to_spans(100).unwrap();
            assert_eq!(spans.into_iter().flatten().collect::<Vec<_>>(), all);
            assert_eq!(axis.bounds(), all[0]..all[all.len() - 1] + 1);
        }
    }
}
