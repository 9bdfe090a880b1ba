//! What a user writes to select: ranges, steps, indices, tuples of them.

use super::{Axis, Bounds, Kind, Selection};
use crate::error::{Error, Result};
use crate::format::selection::StoredSelection;
use std::ops::{Bound, Range, RangeBounds};

/// What names a part of a dataset: `..`, `3..8`, [`every`]`(.., 2)`, a list of indices, a tuple of these (one a
/// dimension), a slice of ranges, a [`Hyperslab`], a [`Selection`]. Dimensions that are not named are taken whole.
pub trait Select {
    /// The selection in a dataset of this shape.
    ///
    /// # Errors
    /// Of kind `Mismatch` where it does not fit.
    fn select(&self, shape: &[u64]) -> Result<Selection>;

    /// The selection as a file holds it.
    #[doc(hidden)]
    fn stored(&self, shape: &[u64]) -> Result<StoredSelection> {
        self.select(shape)?.to_stored()
    }
}

/// What can be taken along one dimension: a range, [`every`] so-many-th index, one index (the dimension stays, with
/// size 1), a list of indices in any order.
pub trait Along {
    #[doc(hidden)]
    fn axis(&self, size: u64) -> AlongAxis;
}

/// Keeps [`Axis`] out of the public interface.
#[doc(hidden)]
pub struct AlongAxis(pub(super) Axis);

/// Every so-many-th index of a range; see [`every`].
#[derive(Clone, Debug)]
pub struct Steps<R> {
    range: R,
    step: u64,
}

/// Every `step`-th index of a range, from its first.
///
/// ```
/// # fn main() -> h5manager::Result<()> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("a.h5");
/// # let mut out = h5manager::File::create(&path)?;
/// # out.build("image").shape([4, 6]).write(&(0..24).collect::<Vec<i32>>())?;
/// # out.commit()?;
/// # let file = h5manager::File::open(&path)?;
/// use h5manager::every;
/// let part: Vec<i32> = file.dataset("image")?.select((every(.., 3), every(1..6, 2)))?.read()?;
/// assert_eq!(part, [1, 3, 5, 19, 21, 23]);
/// # Ok(())
/// # }
/// ```
pub fn every<R: RangeBounds<u64>>(range: R, step: u64) -> Steps<R> {
    Steps { range, step }
}

/// Blocks at equal distances in every dimension, as libhdf5 describes a hyperslab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hyperslab {
    /// The first index of the first block.
    pub start: Vec<u64>,
    /// From the start of one block to the start of the next; not less than a block.
    pub stride: Vec<u64>,
    /// Blocks.
    pub count: Vec<u64>,
    /// Indices in a block.
    pub block: Vec<u64>,
}

impl Select for Hyperslab {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        let Hyperslab { start, stride, count, block } = self;
        if [stride, count, block].iter().any(|v| v.len() != start.len()) {
            return Err(Error::mismatch("a hyperslab whose parts have different numbers of dimensions"));
        }
        let axis = |d: usize| Axis::Steps { start: start[d], stride: stride[d], count: count[d], block: block[d] };
        Selection(Kind::Grid((0..start.len()).map(axis).map(plain).collect())).checked(shape)
    }
}

/// Steps without gaps are a range, which is read in longer runs.
fn plain(axis: Axis) -> Axis {
    match axis {
        Axis::Steps { start, count: 0, .. } | Axis::Steps { start, block: 0, .. } => Axis::Range(start..start),
        Axis::Steps { start, stride, count, block } if stride == block || count == 1 => {
            // An end beyond 64 bits is beyond every dimension.
            Axis::Range(start..count.saturating_mul(block).saturating_add(start))
        }
        other => other,
    }
}

impl Select for Selection {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        self.clone().checked(shape)
    }
}

impl Select for [Range<u64>] {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        filled(self.iter().cloned().map(Axis::Range).collect(), shape)
    }
}

impl<S: Select + ?Sized> Select for &S {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        (**self).select(shape)
    }

    fn stored(&self, shape: &[u64]) -> Result<StoredSelection> {
        (**self).stored(shape)
    }
}

impl Select for Vec<Range<u64>> {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        self[..].select(shape)
    }
}

impl Select for Bounds {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        self.0.select(shape)
    }
}

/// The dimensions behind the named ones are taken whole.
fn filled(mut axes: Vec<Axis>, shape: &[u64]) -> Result<Selection> {
    let rest = shape.get(axes.len()..).unwrap_or_default();
    axes.extend(rest.iter().map(|&n| Axis::Range(0..n)));
    Selection(Kind::Grid(axes)).checked(shape)
}

fn range(bounds: &impl RangeBounds<u64>, size: u64) -> Range<u64> {
    let start = match bounds.start_bound() {
        Bound::Included(&n) => n,
        Bound::Excluded(&n) => n.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match bounds.end_bound() {
        Bound::Included(&n) => n.saturating_add(1),
        Bound::Excluded(&n) => n,
        Bound::Unbounded => size,
    };
    start..end
}

macro_rules! along_ranges {
    ($($t:ty)*) => {$(
        impl Along for $t {
            fn axis(&self, size: u64) -> AlongAxis {
                AlongAxis(Axis::Range(range(self, size)))
            }
        }
    )*};
}

along_ranges! {
    Range<u64> std::ops::RangeFrom<u64> std::ops::RangeTo<u64> std::ops::RangeInclusive<u64>
    std::ops::RangeToInclusive<u64> std::ops::RangeFull
}

impl<R: RangeBounds<u64>> Along for Steps<R> {
    fn axis(&self, size: u64) -> AlongAxis {
        let Range { start, end } = range(&self.range, size);
        // A range that is none stays as it is, to be refused.
        if start > end || end > size || self.step <= 1 {
            return AlongAxis(Axis::Range(start..end));
        }
        let count = (end - start).div_ceil(self.step);
        AlongAxis(plain(Axis::Steps { start, stride: self.step, count, block: 1 }))
    }
}

impl Along for u64 {
    fn axis(&self, _: u64) -> AlongAxis {
        AlongAxis(Axis::Range(*self..self.saturating_add(1)))
    }
}

impl Along for [u64] {
    fn axis(&self, _: u64) -> AlongAxis {
        AlongAxis(Axis::indices(self))
    }
}

impl Along for Vec<u64> {
    fn axis(&self, size: u64) -> AlongAxis {
        self[..].axis(size)
    }
}

impl<const N: usize> Along for [u64; N] {
    fn axis(&self, size: u64) -> AlongAxis {
        self[..].axis(size)
    }
}

impl<A: Along + ?Sized> Along for &A {
    fn axis(&self, size: u64) -> AlongAxis {
        (**self).axis(size)
    }
}

macro_rules! select_along {
    ($($t:ty)*) => {$(
        impl Select for $t {
            fn select(&self, shape: &[u64]) -> Result<Selection> {
                filled(vec![self.axis(shape.first().copied().unwrap_or(0)).0], shape)
            }
        }
    )*};
}

select_along! {
    Range<u64> std::ops::RangeFrom<u64> std::ops::RangeTo<u64> std::ops::RangeInclusive<u64>
    std::ops::RangeToInclusive<u64> u64 [u64] Vec<u64>
}

impl<R: RangeBounds<u64>> Select for Steps<R> {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        filled(vec![self.axis(shape.first().copied().unwrap_or(0)).0], shape)
    }
}

impl<const N: usize> Select for [u64; N] {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        self[..].select(shape)
    }
}

impl Select for std::ops::RangeFull {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        Ok(Selection::all(shape))
    }
}

macro_rules! select_tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: Along),*> Select for ($($name,)*) {
            #[allow(non_snake_case)]
            fn select(&self, shape: &[u64]) -> Result<Selection> {
                let ($($name,)*) = self;
                let mut sizes = shape.iter().copied();
                let axes = vec![$($name.axis(sizes.next().unwrap_or(0)).0),*];
                filled(axes, shape)
            }
        }
    )*};
}

select_tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_taken_whole() {
        let shape = [10, 20, 3];
        let bounds = |s: Result<Selection>| s.unwrap().bounds().unwrap().0;
        assert_eq!(bounds((2..4, ..).select(&shape)), [2..4, 0..20, 0..3]);
        assert_eq!(bounds((5..).select(&shape)), [5..10, 0..20, 0..3]);
        assert_eq!(bounds((..).select(&[])), []);
        assert_eq!(bounds((3, 7).select(&shape)), [3..4, 7..8, 0..3]);
    }

    #[test]
    fn steps_that_leave_nothing_out_are_a_range() {
        assert_eq!(every(2..9, 1).select(&[10]).unwrap().bounds().unwrap().0, [Range { start: 2, end: 9 }]);
        let slab = Hyperslab { start: vec![0], stride: vec![5], count: vec![2], block: vec![5] };
        assert_eq!(slab.select(&[10]).unwrap().bounds().unwrap().0, [Range { start: 0, end: 10 }]);
        assert_eq!(every(.., 4).select(&[10]).unwrap().shape(), [3]);
    }

    #[test]
    fn what_lies_outside_is_refused() {
        assert!((0..11).select(&[10]).is_err());
        assert!((.., ..).select(&[10]).is_err());
        assert!(every(0..11, 2).select(&[10]).is_err());
        assert!([3, 10].select(&[10]).is_err());
        assert!(vec![Range { start: 4, end: 2 }].select(&[10]).is_err());
        let slab = Hyperslab { start: vec![0], stride: vec![u64::MAX], count: vec![3], block: vec![1] };
        assert!(slab.select(&[10]).is_err());
    }
}
