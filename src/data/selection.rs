//! Which elements of a dataset are wanted: a box of ranges, one a dimension.

use crate::error::{Error, Result};
use std::ops::{Bound, Range, RangeBounds};

/// A box of elements: a range in every dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection(pub(crate) Vec<Range<u64>>);

impl Selection {
    /// Everything in a dataset of this shape.
    pub fn all(shape: &[u64]) -> Selection {
        Selection(shape.iter().map(|&n| 0..n).collect())
    }

    /// The number of elements.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|r| r.end - r.start).product()
    }

    /// Whether there is no element in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().any(Range::is_empty)
    }

    /// Elements in each dimension.
    pub fn shape(&self) -> Vec<u64> {
        self.0.iter().map(|r| r.end - r.start).collect()
    }

    /// Refuses what does not fit a dataset of this shape.
    pub(crate) fn checked(self, shape: &[u64]) -> Result<Selection> {
        if self.0.len() != shape.len() {
            let message = format!("a selection of {} dimensions in a dataset of {}", self.0.len(), shape.len());
            return Err(Error::mismatch(message));
        }
        for (range, &size) in self.0.iter().zip(shape) {
            if range.start > range.end || range.end > size {
                return Err(Error::mismatch(format!("{range:?} in a dimension of {size}")));
            }
        }
        Ok(self)
    }
}

/// What names a part of a dataset: `..`, `3..8`, a tuple of ranges, or a slice of them. Dimensions that are not named
/// are taken whole.
pub trait Select {
    /// The box in a dataset of this shape.
    ///
    /// # Errors
    /// Of kind `Mismatch` where it does not fit.
    fn select(&self, shape: &[u64]) -> Result<Selection>;
}

impl Select for Selection {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        self.clone().checked(shape)
    }
}

impl Select for [Range<u64>] {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        filled(self.to_vec(), shape)
    }
}

impl<S: Select + ?Sized> Select for &S {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        (**self).select(shape)
    }
}

impl Select for Vec<Range<u64>> {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        filled(self.clone(), shape)
    }
}

/// The dimensions behind the named ones are taken whole.
fn filled(mut ranges: Vec<Range<u64>>, shape: &[u64]) -> Result<Selection> {
    let rest = shape.get(ranges.len()..).unwrap_or_default();
    ranges.extend(rest.iter().map(|&n| 0..n));
    Selection(ranges).checked(shape)
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

macro_rules! select_ranges {
    ($($t:ty)*) => {$(
        impl Select for $t {
            fn select(&self, shape: &[u64]) -> Result<Selection> {
                filled(vec![range(self, shape.first().copied().unwrap_or(0))], shape)
            }
        }
    )*};
}

select_ranges!(Range<u64> std::ops::RangeFrom<u64> std::ops::RangeTo<u64> std::ops::RangeInclusive<u64>);

impl Select for std::ops::RangeFull {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        Ok(Selection::all(shape))
    }
}

macro_rules! select_tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: RangeBounds<u64>),*> Select for ($($name,)*) {
            #[allow(non_snake_case)]
            fn select(&self, shape: &[u64]) -> Result<Selection> {
                let ($($name,)*) = self;
                let mut sizes = shape.iter().copied();
                let ranges = vec![$(range($name, sizes.next().unwrap_or(0))),*];
                filled(ranges, shape)
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
        assert_eq!((2..4, ..).select(&shape).unwrap().0, [2..4, 0..20, 0..3]);
        assert_eq!((..=4).to_owned().end, 4);
        assert_eq!((5..).select(&shape).unwrap().0, [5..10, 0..20, 0..3]);
        assert_eq!((..).select(&[]).unwrap().0, []);
    }

    #[test]
    fn what_lies_outside_is_refused() {
        assert!((0..11).select(&[10]).is_err());
        assert!((.., ..).select(&[10]).is_err());
        assert!(Selection(Vec::from([Range { start: 4, end: 2 }])).select(&[10]).is_err());
    }
}
