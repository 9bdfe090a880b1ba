//! What a stored selection amounts to: how many elements, between which coordinates, in which blocks.

use super::{STRUCTURE, StoredSelection, Strided};
use crate::error::{Error, Result};
use std::ops::Range;

/// So many blocks in no order are compared pair by pair; libhdf5 writes them in order.
const MAX_UNORDERED: usize = 64;

/// The first and the last element of a block.
type Corners<'a> = (&'a [u64], &'a [u64]);

impl StoredSelection {
    /// The number of dimensions, where the selection itself says it.
    pub fn rank(&self) -> Option<usize> {
        match self {
            StoredSelection::None | StoredSelection::All => None,
            StoredSelection::Points { rank, .. } | StoredSelection::Blocks { rank, .. } => Some(*rank),
            StoredSelection::Regular(dimensions) => Some(dimensions.len()),
        }
    }

    /// Whether it goes on as far as the dataset does, whatever its size.
    pub fn is_unlimited(&self) -> bool {
        let endless = |d: &Strided| d.count.is_none() || d.block.is_none();
        matches!(self, StoredSelection::Regular(dimensions) if dimensions.iter().any(endless))
    }

    /// The number of elements that it selects in a dataset of `shape`.
    ///
    /// What is unlimited ends with the dataset; what is limited is counted in full, also where the dataset is smaller.
    /// Points are counted as often as they are listed.
    ///
    /// # Errors
    ///
    /// When the dataset has another rank, when the number exceeds 64 bits, and when blocks overlap.
    pub fn len(&self, shape: &[u64]) -> Result<u64> {
        self.check_in(shape)?;
        match self {
            StoredSelection::None => Ok(0),
            StoredSelection::All => product(shape.iter().copied()),
            StoredSelection::Points { rank, coordinates } => Ok((coordinates.len() / *rank) as u64),
            StoredSelection::Regular(dimensions) => {
                product(dimensions.iter().zip(shape).map(|(d, &extent)| d.len(extent)))
            }
            StoredSelection::Blocks { rank, corners } => {
                self.check_disjoint()?;
                let mut sum = 0u64;
                for block in corners.chunks_exact(2 * *rank) {
                    let (first, last) = block.split_at(*rank);
                    let size = product(first.iter().zip(last).map(|(a, b)| (b - a).saturating_add(1)))?;
                    sum = sum.checked_add(size).ok_or_else(too_many)?;
                }
                Ok(sum)
            }
        }
    }

    /// For each dimension the lowest and the highest selected coordinate (inclusive); `None` where nothing is selected.
    ///
    /// # Errors
    ///
    /// When the dataset has another rank.
    pub fn bounds(&self, shape: &[u64]) -> Result<Option<Vec<(u64, u64)>>> {
        self.check_in(shape)?;
        Ok(match self {
            StoredSelection::None => None,
            StoredSelection::All => shape.iter().map(|&n| Some((0, n.checked_sub(1)?))).collect(),
            StoredSelection::Points { rank, coordinates } => hull(coordinates, *rank),
            StoredSelection::Blocks { rank, corners } => hull(corners, *rank),
            StoredSelection::Regular(dimensions) => {
                dimensions.iter().zip(shape).map(|(d, &extent)| d.bounds(extent)).collect()
            }
        })
    }

    /// The selected elements, block by block: for each dimension a half-open range. Points are blocks of one element.
    ///
    /// Made one at a time, since a few bytes of a file can stand for more blocks than there is memory.
    ///
    /// # Errors
    ///
    /// When the dataset has another rank.
    pub fn blocks(&self, shape: &[u64]) -> Result<Blocks<'_>> {
        self.check_in(shape)?;
        let whole = |n: &u64| Strided { start: 0, stride: 1, count: Some(1), block: Some(*n) };
        Ok(Blocks(match self {
            StoredSelection::None => State::Listed { rank: 1, numbers: &[], inclusive: false },
            StoredSelection::All => State::strided(shape.iter().map(whole).zip(shape.iter().copied())),
            StoredSelection::Points { rank, coordinates } => {
                State::Listed { rank: *rank, numbers: coordinates, inclusive: false }
            }
            StoredSelection::Blocks { rank, corners } => {
                State::Listed { rank: *rank, numbers: corners, inclusive: true }
            }
            StoredSelection::Regular(dimensions) => {
                State::strided(dimensions.iter().copied().zip(shape.iter().copied()))
            }
        }))
    }

    /// Also that it makes sense in itself: anybody may have put it together.
    fn check_in(&self, shape: &[u64]) -> Result<()> {
        self.check().map_err(|e| e.in_structure(STRUCTURE))?;
        match self.rank() {
            Some(rank) if rank != shape.len() => {
                let message = format!("of {rank} dimensions in a dataset of {}", shape.len());
                Err(Error::damaged(message).in_structure(STRUCTURE))
            }
            _ => Ok(()),
        }
    }

    /// What libhdf5 demands of a selection, and that no coordinate exceeds 64 bits.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            StoredSelection::None | StoredSelection::All => Ok(()),
            StoredSelection::Points { rank, coordinates } => check_list(*rank, coordinates.len(), 1),
            StoredSelection::Regular(dimensions) => {
                check_list(dimensions.len(), dimensions.len(), 1)?;
                if dimensions.iter().filter(|d| d.count.is_none() || d.block.is_none()).count() > 1 {
                    return Err(Error::damaged("more than one dimension is unlimited"));
                }
                dimensions.iter().try_for_each(Strided::check)
            }
            StoredSelection::Blocks { rank, corners } => {
                check_list(*rank, corners.len(), 2)?;
                for block in corners.chunks_exact(2 * rank) {
                    let (first, last) = block.split_at(*rank);
                    if first.iter().zip(last).any(|(a, b)| a > b) {
                        return Err(Error::damaged("a block ends before its start"));
                    }
                }
                Ok(())
            }
        }
    }

    /// A list of blocks is their union. Those of libhdf5 come from a tree and do not overlap: from one block to the next, the
    /// first dimension that changes lies wholly behind. Then no two of all the blocks meet. Others are compared in pairs.
    fn check_disjoint(&self) -> Result<()> {
        let StoredSelection::Blocks { rank, corners } = self else { return Ok(()) };
        let blocks = || corners.chunks_exact(2 * rank).map(|b| b.split_at(*rank));
        let behind = |((first, last), (next, next_last)): (Corners<'_>, Corners<'_>)| {
            let changed = (0..*rank).find(|&d| (first[d], last[d]) != (next[d], next_last[d]));
            changed.is_some_and(|d| last[d] < next[d])
        };
        if blocks().zip(blocks().skip(1)).all(behind) {
            return Ok(());
        }
        if blocks().len() > MAX_UNORDERED {
            return Err(Error::unsupported("so many blocks in no order").in_structure(STRUCTURE));
        }
        let meet = |a: Corners<'_>, b: Corners<'_>| (0..*rank).all(|d| a.0[d] <= b.1[d] && b.0[d] <= a.1[d]);
        if blocks().enumerate().any(|(i, a)| blocks().skip(i + 1).any(|b| meet(a, b))) {
            return Err(Error::unsupported("a list of blocks that overlap").in_structure(STRUCTURE));
        }
        Ok(())
    }
}

impl Strided {
    /// How many blocks begin inside the extent; all of them where their number is limited.
    pub(crate) fn blocks(&self, extent: u64) -> u64 {
        let room = extent.saturating_sub(self.start);
        match (self.count, self.block) {
            (_, Some(0)) => 0,
            (Some(n), Some(_)) => n,
            (Some(n), None) => n.min(room).min(1),
            (None, _) => room.div_ceil(self.stride.max(1)),
        }
    }

    /// The range of block `i`, one of [`blocks`](Strided::blocks).
    pub(crate) fn range(&self, i: u64, extent: u64) -> Range<u64> {
        let start = self.start.saturating_add(i.saturating_mul(self.stride));
        match (self.count, self.block) {
            (Some(_), Some(n)) => start..start.saturating_add(n),
            (_, n) => start..start.saturating_add(n.unwrap_or(u64::MAX)).min(extent),
        }
    }

    fn len(&self, extent: u64) -> u64 {
        let Some(before) = self.blocks(extent).checked_sub(1) else { return 0 };
        let last = self.range(before, extent);
        // Checked when decoded: blocks do not overlap, and the last one ends within 64 bits.
        before.saturating_mul(self.block.unwrap_or(0)).saturating_add(last.end - last.start)
    }

    fn bounds(&self, extent: u64) -> Option<(u64, u64)> {
        let last = self.range(self.blocks(extent).checked_sub(1)?, extent);
        Some((self.start, last.end.checked_sub(1)?))
    }

    fn check(&self) -> Result<()> {
        if self.count.is_none() && self.block.is_none() {
            return Err(Error::damaged("count and block are both unlimited"));
        }
        let many = self.count.is_none_or(|n| n > 1);
        if many && self.block.is_none_or(|n| self.stride < n) {
            return Err(Error::damaged("blocks overlap"));
        }
        if let (Some(count), Some(block)) = (self.count, self.block) {
            let steps = count.saturating_sub(1).checked_mul(if many { self.stride } else { 0 });
            let end = steps.and_then(|n| n.checked_add(self.start)?.checked_add(block));
            end.ok_or_else(|| Error::damaged("ends past 64 bits"))?;
        }
        Ok(())
    }
}

/// The blocks of a selection, as [`StoredSelection::blocks`] makes them.
#[derive(Clone, Debug)]
pub struct Blocks<'a>(State<'a>);

#[derive(Clone, Debug)]
enum State<'a> {
    /// Points or blocks that are left.
    Listed { rank: usize, numbers: &'a [u64], inclusive: bool },
    /// What each dimension selects, with the extent; which block is next in each, `None` when all were there.
    Strided { dimensions: Vec<(Strided, u64)>, next: Option<Vec<u64>> },
}

impl State<'_> {
    fn strided(dimensions: impl Iterator<Item = (Strided, u64)>) -> Self {
        let dimensions: Vec<_> = dimensions.collect();
        let any = dimensions.iter().all(|(d, extent)| d.blocks(*extent) > 0);
        let next = any.then(|| vec![0; dimensions.len()]);
        State::Strided { dimensions, next }
    }
}

impl Iterator for Blocks<'_> {
    type Item = Vec<Range<u64>>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            State::Listed { rank, numbers, inclusive } => {
                let (one, rest) = numbers.split_at_checked(if *inclusive { 2 * *rank } else { *rank })?;
                if one.is_empty() {
                    return None;
                }
                *numbers = rest;
                let (first, last) = (&one[..*rank], &one[one.len() - *rank..]);
                Some(first.iter().zip(last).map(|(&a, &b)| a..b.saturating_add(1)).collect())
            }
            State::Strided { dimensions, next } => {
                let place = next.as_mut()?;
                let block = dimensions.iter().zip(&*place).map(|((d, extent), &i)| d.range(i, *extent)).collect();
                // The last dimension goes fastest.
                let more = (0..place.len()).rev().any(|d| {
                    place[d] += 1;
                    let more = place[d] < dimensions[d].0.blocks(dimensions[d].1);
                    if !more {
                        place[d] = 0;
                    }
                    more
                });
                if !more {
                    *next = None;
                }
                Some(block)
            }
        }
    }
}

/// That a list has a rank and whole entries of `per_rank` numbers a dimension.
fn check_list(rank: usize, numbers: usize, per_rank: usize) -> Result<()> {
    if rank == 0 || rank > super::MAX_RANK as usize || numbers == 0 || !numbers.is_multiple_of(rank * per_rank) {
        return Err(Error::damaged(format!("{numbers} numbers for rank {rank}")));
    }
    Ok(())
}

/// The bounding box of points; the corners of blocks are points, too.
fn hull(points: &[u64], rank: usize) -> Option<Vec<(u64, u64)>> {
    let mut points = points.chunks_exact(rank.max(1));
    let mut hull: Vec<_> = points.next()?.iter().map(|&n| (n, n)).collect();
    for point in points {
        for ((low, high), &n) in hull.iter_mut().zip(point) {
            *low = n.min(*low);
            *high = n.max(*high);
        }
    }
    Some(hull)
}

/// An empty dimension wins over the largest others.
fn product(sizes: impl Iterator<Item = u64> + Clone) -> Result<u64> {
    if sizes.clone().any(|n| n == 0) {
        return Ok(0);
    }
    sizes.into_iter().try_fold(1u64, u64::checked_mul).ok_or_else(too_many)
}

fn too_many() -> Error {
    Error::damaged("more elements than 64 bits count").in_structure(STRUCTURE)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // lists of one block
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn strided(start: u64, stride: u64, count: impl Into<Option<u64>>, block: impl Into<Option<u64>>) -> Strided {
        Strided { start, stride, count: count.into(), block: block.into() }
    }

    /// The number, the bounds and the union of the blocks agree.
    #[track_caller]
    fn selects(selection: &StoredSelection, shape: &[u64], blocks: &[&[Range<u64>]]) {
        selection.check().unwrap();
        assert_eq!(selection.blocks(shape).unwrap().collect::<Vec<_>>(), blocks);
        let count: u64 = blocks.iter().map(|b| b.iter().map(|r| r.end - r.start).product::<u64>()).sum();
        assert_eq!(selection.len(shape).unwrap(), count);
        let hull = |d: usize| (blocks.iter().map(|b| b[d].start).min(), blocks.iter().map(|b| b[d].end - 1).max());
        let bounds: Option<Vec<_>> = (0..shape.len()).map(|d| hull(d).0.zip(hull(d).1)).collect();
        assert_eq!(selection.bounds(shape).unwrap(), bounds);
    }

    #[test]
    fn everything_is_the_shape_and_nothing_is_nothing() {
        selects(&StoredSelection::All, &[3, 4], &[&[0..3, 0..4]]);
        selects(&StoredSelection::None, &[3, 4], &[]);
        assert_eq!(StoredSelection::All.len(&[]).unwrap(), 1);
        assert_eq!(StoredSelection::All.bounds(&[]).unwrap(), Some(vec![]));
        assert_eq!(StoredSelection::All.blocks(&[]).unwrap().count(), 1);
        assert_eq!(StoredSelection::All.bounds(&[0, 4]).unwrap(), None);
    }

    #[test]
    fn a_regular_hyperslab_goes_fastest_in_its_last_dimension() {
        let s = StoredSelection::Regular(vec![strided(1, 3, 2, 2), strided(0, 2, 2, 1)]);
        selects(&s, &[9, 9], &[&[1..3, 0..1], &[1..3, 2..3], &[4..6, 0..1], &[4..6, 2..3]]);
    }

    #[test]
    fn what_is_unlimited_ends_with_the_dataset() {
        let steps = StoredSelection::Regular(vec![strided(1, 4, None, 3), strided(0, 1, 1, 2)]);
        selects(&steps, &[10, 2], &[&[1..4, 0..2], &[5..8, 0..2], &[9..10, 0..2]]);
        selects(&steps, &[1, 2], &[]);
        let rest = StoredSelection::Regular(vec![strided(2, 1, 1, None)]);
        selects(&rest, &[7], &[&[2..7]]);
        selects(&rest, &[2], &[]);
    }

    #[test]
    fn what_is_limited_is_told_as_it_is() {
        selects(&StoredSelection::Regular(vec![strided(2, 1, 1, 9)]), &[4], &[&[2..11]]);
        let points = StoredSelection::Points { rank: 2, coordinates: vec![5, 0, 1, 2] };
        selects(&points, &[2, 2], &[&[5..6, 0..1], &[1..2, 2..3]]);
    }

    #[test]
    fn blocks_that_overlap_are_not_counted_twice() {
        let blocks = |corners: &[u64]| StoredSelection::Blocks { rank: 2, corners: corners.to_vec() };
        selects(
            &blocks(&[0, 0, 1, 1, 0, 3, 1, 3, 4, 0, 4, 9]),
            &[9, 9],
            &[&[0..2, 0..2], &[0..2, 3..4], &[4..5, 0..10]],
        );
        // In another order than libhdf5's.
        assert_eq!(blocks(&[4, 0, 4, 9, 0, 0, 1, 1]).len(&[9, 9]).unwrap(), 14);
        let twice = blocks(&[0, 0, 1, 1, 1, 1, 2, 2]);
        assert_eq!(twice.len(&[9, 9]).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(twice.bounds(&[9, 9]).unwrap(), Some(vec![(0, 2), (0, 2)]));
    }

    #[test]
    fn another_rank_is_reported() {
        let s = StoredSelection::Regular(vec![strided(0, 1, 1, 1)]);
        assert!(s.len(&[1, 1]).is_err() && s.bounds(&[]).is_err() && s.blocks(&[1, 1]).is_err());
    }

    #[test]
    fn hostile_numbers_are_counted_or_refused_without_a_loop() {
        let all = || strided(0, 1, u64::MAX - 1, 1);
        let huge = StoredSelection::Regular(vec![all(), all()]);
        huge.check().unwrap();
        assert_eq!(huge.len(&[1, 1]).unwrap_err().kind(), ErrorKind::Damaged);
        assert_eq!(huge.blocks(&[1, 1]).unwrap().nth(5), Some(vec![0..1, 5..6]));
        let corner = StoredSelection::Blocks { rank: 1, corners: vec![0, u64::MAX] };
        assert_eq!(corner.len(&[1]).unwrap(), u64::MAX);
        assert_eq!(StoredSelection::Regular(vec![strided(u64::MAX, 0, None, 0)]).len(&[u64::MAX]).unwrap(), 0);
    }
}
