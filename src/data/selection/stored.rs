//! Selections as region references hold them, made what a dataset can be read by.

use super::{Bounds, Hyperslab, Select, Selection};
use crate::error::{Error, Result};
use crate::format::selection::{StoredSelection, Strided};
use std::ops::Range;

/// Points come in their own order, everything else row by row. The result has as many dimensions as the dataset where
/// the selection is a product of them, else one.
impl Select for StoredSelection {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        let bounds = self.bounds(shape)?;
        match self {
            StoredSelection::All => Ok(Selection::all(shape)),
            StoredSelection::Points { rank, coordinates } => {
                Selection::points(coordinates.chunks_exact(*rank)).checked(shape)
            }
            StoredSelection::Regular(dimensions) if bounds.is_some() => regular(dimensions, shape),
            StoredSelection::Blocks { .. } => {
                let hull: Vec<Range<u64>> =
                    bounds.into_iter().flatten().map(|(first, last)| first..last.saturating_add(1)).collect();
                // Not where blocks overlap: then their number of elements is not told.
                if self.len(shape).is_ok_and(|n| n == Bounds(hull.clone()).len()) {
                    return hull.select(shape);
                }
                Selection::union(shape, self.blocks(shape)?)
            }
            _ => Ok(Selection::points::<&[u64]>([])),
        }
    }

    /// As it is: it may go beyond the dataset as it is now.
    fn stored(&self, shape: &[u64]) -> Result<StoredSelection> {
        self.check()?;
        match self.rank() {
            Some(rank) if rank != shape.len() => {
                Err(Error::mismatch(format!("a selection of {rank} dimensions in a dataset of shape {shape:?}")))
            }
            _ => Ok(self.clone()),
        }
    }
}

/// A regular hyperslab that selects something. What is unlimited ends with the dataset, which may cut the last block.
fn regular(dimensions: &[Strided], shape: &[u64]) -> Result<Selection> {
    let mut slab = Hyperslab { start: Vec::new(), stride: Vec::new(), count: Vec::new(), block: Vec::new() };
    let mut cut = None;
    for (d, (strided, &extent)) in dimensions.iter().zip(shape).enumerate() {
        let count = strided.blocks(extent);
        let first = strided.range(0, extent);
        let last = strided.range(count.saturating_sub(1), extent);
        if last.end - last.start < first.end - first.start {
            cut = Some((d, last));
        }
        slab.start.push(first.start);
        slab.stride.push(strided.stride);
        slab.count.push(count);
        slab.block.push(first.end - first.start);
    }
    let Some((d, last)) = cut else {
        return slab.select(shape);
    };
    let mut rest = slab.clone();
    (rest.start[d], rest.count[d], rest.block[d]) = (last.start, 1, last.end - last.start);
    slab.count[d] -= 1;
    Selection::union(shape, [slab, rest])
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;
    use crate::ErrorKind;

    /// All selected coordinates in their order.
    fn elements(selection: &Selection) -> Vec<Vec<u64>> {
        let Kind::Scattered(scattered) = &selection.0 else { panic!("not scattered: {selection:?}") };
        let row = |start: &[u64], i| {
            start.iter().rev().enumerate().map(|(d, n)| if d == 0 { n + i } else { *n }).rev().collect()
        };
        scattered.rows().flat_map(|r| (0..r.length).map(move |i| row(r.start, i))).collect()
    }

    fn blocks(corners: &[u64]) -> StoredSelection {
        StoredSelection::Blocks { rank: 2, corners: corners.to_vec() }
    }

    fn strided(start: u64, stride: u64, count: impl Into<Option<u64>>, block: impl Into<Option<u64>>) -> Strided {
        Strided { start, stride, count: count.into(), block: block.into() }
    }

    #[test]
    fn what_is_one_box_keeps_its_dimensions() {
        let shape = [10, 20];
        let bounds = |s: &StoredSelection| s.select(&shape).unwrap().bounds().unwrap().0;
        assert_eq!(bounds(&blocks(&[1, 0, 2, 3, 1, 4, 2, 5])), [1..3, 0..6]);
        assert_eq!(bounds(&StoredSelection::All), [0..10, 0..20]);
        assert_eq!(bounds(&StoredSelection::Regular(vec![strided(1, 2, 2, 2), strided(3, 1, 1, None)])), [1..5, 3..20]);
        assert!(StoredSelection::None.select(&shape).unwrap().is_empty());
        assert!(StoredSelection::None.select(&[]).unwrap().is_empty());
        let nothing = StoredSelection::Regular(vec![strided(1, 2, 0, 2), strided(3, 1, 1, 1)]);
        assert!(nothing.select(&shape).unwrap().is_empty());
    }

    #[test]
    fn steps_are_a_hyperslab() {
        let steps = StoredSelection::Regular(vec![strided(1, 4, 2, 2), strided(0, 3, None, 1)]);
        assert_eq!(steps.select(&[10, 5]).unwrap().shape(), [4, 2]);
        assert_eq!(steps.select(&[6, 5]).unwrap_err().kind(), ErrorKind::Mismatch);
    }

    #[test]
    fn a_last_block_that_the_dataset_cuts_is_read_as_far_as_it_goes() {
        let steps = StoredSelection::Regular(vec![strided(1, 4, None, 3), strided(0, 1, 1, 1)]);
        let selected = steps.select(&[6, 2]).unwrap();
        assert_eq!(elements(&selected), [[1, 0], [2, 0], [3, 0], [5, 0]]);
        assert_eq!(steps.len(&[6, 2]).unwrap(), 4);
    }

    #[test]
    fn points_keep_their_order_and_blocks_are_a_union() {
        let points = StoredSelection::Points { rank: 2, coordinates: vec![3, 5, 3, 4, 3, 5] };
        assert_eq!(elements(&points.select(&[4, 6]).unwrap()), [[3, 5], [3, 4], [3, 5]]);
        assert_eq!(points.select(&[4, 5]).unwrap_err().kind(), ErrorKind::Mismatch);
        let overlapping = blocks(&[0, 0, 1, 1, 1, 1, 1, 2]);
        assert_eq!(elements(&overlapping.select(&[2, 3]).unwrap()), [[0, 0], [0, 1], [1, 0], [1, 1], [1, 2]]);
        assert_eq!(overlapping.select(&[2, 2]).unwrap_err().kind(), ErrorKind::Mismatch);
    }
}
