//! What a selection takes along one dimension.

use crate::error::{Error, Result};
use std::ops::Range;

/// The indices taken along one dimension, in the order of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    Range(Range<u64>),
    /// Blocks at equal distances; `block` is not 0 and at most `stride`.
    Steps {
        start: u64,
        stride: u64,
        count: u64,
        block: u64,
    },
    /// Any indices, in any order: index and place in the result, sorted by the index.
    Indices(Vec<(u64, u64)>),
}

/// Neighbouring indices that are neighbours in the result, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) length: u64,
}

/// What an axis takes of one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The chunk's position along this dimension, in chunks.
    pub(crate) chunk: u64,
    /// The indices' places in the result, where the axis is [ordered](Axis::is_ordered).
    pub(crate) to: Range<u64>,
}

impl Axis {
    /// Indices in the order given.
    pub(crate) fn indices(indices: &[u64]) -> Axis {
        let mut sorted: Vec<(u64, u64)> = indices.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        Axis::Indices(sorted)
    }

    /// How many indices there are.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Axis::Range(r) => r.end - r.start,
            Axis::Steps { count, block, .. } => count * block,
            Axis::Indices(list) => list.len() as u64,
        }
    }

    /// Whether larger indices stand behind smaller ones in the result, none twice.
    pub(crate) fn is_ordered(&self) -> bool {
        match self {
            Axis::Range(_) | Axis::Steps { .. } => true,
            Axis::Indices(list) => list.iter().zip(0..).all(|(&(_, to), i)| to == i),
        }
    }

    /// Refuses indices beyond a dimension of `size`.
    pub(crate) fn check(&self, size: u64) -> Result<()> {
        let fits = match self {
            Axis::Range(r) => r.start <= r.end && r.end <= size,
            Axis::Steps { count: 0, .. } => true,
            &Axis::Steps { start, stride, count, block } => {
                let last = (count - 1).checked_mul(stride).and_then(|n| n.checked_add(start)?.checked_add(block));
                (block <= stride || count == 1) && block > 0 && last.is_some_and(|end| end <= size)
            }
            Axis::Indices(list) => list.last().is_none_or(|(last, _)| *last < size),
        };
        if fits { Ok(()) } else { Err(Error::mismatch(format!("{self} in a dimension of {size}"))) }
    }

    /// The chunks of `size` indices that it meets, in order.
    pub(crate) fn cuts(&self, size: u64) -> Vec<Cut> {
        let mut cuts: Vec<Cut> = Vec::new();
        let mut add = |from: u64, to: u64, length: u64| {
            let (mut from, mut to, end) = (from, to, from + length);
            while from < end {
                let chunk = from / size;
                let n = (end - from).min((chunk + 1).saturating_mul(size) - from);
                match cuts.last_mut() {
                    Some(last) if last.chunk == chunk => last.to.end = to + n,
                    _ => cuts.push(Cut { chunk, to: to..to + n }),
                }
                (from, to) = (from + n, to + n);
            }
        };
        match self {
            Axis::Range(r) => add(r.start, 0, r.end - r.start),
            &Axis::Steps { start, stride, count, block } => {
                (0..count).for_each(|i| add(start + i * stride, i * block, block));
            }
            Axis::Indices(list) => list.iter().for_each(|&(from, to)| add(from, to, 1)),
        }
        cuts
    }

    /// What lies in `within`, as few long runs, by ascending index.
    pub(crate) fn runs(&self, within: Range<u64>, mut each: impl FnMut(Run)) {
        match self {
            Axis::Range(r) => {
                let (from, end) = (r.start.max(within.start), r.end.min(within.end));
                if from < end {
                    each(Run { from, to: from - r.start, length: end - from });
                }
            }
            &Axis::Steps { start, stride, count, block } => {
                let first = within.start.saturating_sub(start.saturating_add(block - 1)).div_ceil(stride);
                for i in first..count {
                    let block_start = start + i * stride;
                    if block_start >= within.end {
                        break;
                    }
                    let (from, end) = (block_start.max(within.start), (block_start + block).min(within.end));
                    if from < end {
                        each(Run { from, to: i * block + (from - block_start), length: end - from });
                    }
                }
            }
            Axis::Indices(list) => {
                let first = list.partition_point(|(from, _)| *from < within.start);
                let here = list[first..].iter().take_while(|(from, _)| *from < within.end);
                let mut run: Option<Run> = None;
                for &(from, to) in here {
                    match &mut run {
                        Some(r) if (r.from + r.length, r.to + r.length) == (from, to) => r.length += 1,
                        _ => run.replace(Run { from, to, length: 1 }).into_iter().for_each(&mut each),
                    }
                }
                run.into_iter().for_each(each);
            }
        }
    }
}

/// Copies a box of elements, one run long in each dimension, to its place in an array of `shape`.
pub(super) fn place(part: &[Run], bytes: &[u8], shape: &[u64], size: usize, out: &mut [u8]) {
    let (Some((run, inner)), Some((_, inner_shape))) = (part.split_first(), shape.split_first()) else {
        return out[..size].copy_from_slice(bytes);
    };
    let from = bytes.len() / run.length.max(1) as usize;
    let to = inner_shape.iter().product::<u64>() as usize * size;
    for (i, row) in bytes.chunks_exact(from.max(1)).enumerate() {
        place(inner, row, inner_shape, size, &mut out[(run.to as usize + i) * to..]);
    }
}

impl std::fmt::Display for Axis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Axis::Range(r) => write!(f, "{r:?}"),
            Axis::Steps { start, stride, count, block } => {
                write!(f, "{count} blocks of {block} from {start}, one every {stride},")
            }
            Axis::Indices(list) => write!(f, "index {}", list.last().map_or(0, |(last, _)| *last)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(axis: &Axis, within: Range<u64>) -> Vec<(u64, u64, u64)> {
        let mut found = Vec::new();
        axis.runs(within, |r| found.push((r.from, r.to, r.length)));
        found
    }

    #[test]
    fn steps_are_cut_at_chunk_borders() {
        let steps = Axis::Steps { start: 1, stride: 4, count: 3, block: 2 };
        assert!(steps.check(11).is_ok() && steps.check(10).is_err());
        assert_eq!(runs(&steps, 0..11), [(1, 0, 2), (5, 2, 2), (9, 4, 2)]);
        assert_eq!(runs(&steps, 2..6), [(2, 1, 1), (5, 2, 1)]);
        assert_eq!(runs(&steps, 7..9), []);
        let cuts: Vec<_> = steps.cuts(3).into_iter().map(|c| (c.chunk, c.to)).collect();
        assert_eq!(cuts, [(0, 0..2), (1, 2..3), (2, 3..4), (3, 4..6)].map(|(c, r)| (c, r)));
    }

    #[test]
    fn indices_may_come_in_any_order() {
        let list = Axis::indices(&[7, 2, 3, 7]);
        assert_eq!(runs(&list, 0..10), [(2, 1, 2), (7, 0, 1), (7, 3, 1)]);
        assert!(!list.is_ordered() && Axis::indices(&[1, 2, 9]).is_ordered());
        assert!(list.check(8).is_ok() && list.check(7).is_err());
    }
}
