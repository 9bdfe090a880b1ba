//! Which elements of a dataset are wanted: boxes, steps, lists of indices, points, unions.

mod axis;
mod scattered;
mod select;
mod stored;
mod to_stored;

pub(crate) use axis::{Axis, Cut, Run};
pub(crate) use scattered::Scattered;
pub use select::{Along, Hyperslab, Select, Steps, every};

use crate::error::{Error, Result};
use std::ops::Range;

/// Elements of a dataset, in an order.
///
/// Made from ranges, steps and lists of indices by everything that is [`Select`], or by [`Selection::points`] and
/// [`Selection::union`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection(pub(crate) Kind);

/// The two ways to choose: dimension by dimension, or any elements in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All combinations of what each axis takes: the result has as many dimensions as the dataset.
    Grid(Vec<Axis>),
    /// Rows of elements, one behind the other: the result has one dimension.
    Scattered(Scattered),
}

impl Selection {
    /// Everything in a dataset of this shape.
    pub fn all(shape: &[u64]) -> Selection {
        Self::of_bounds(Bounds(shape.iter().map(|&n| 0..n).collect()))
    }

    pub(crate) fn of_bounds(bounds: Bounds) -> Selection {
        Selection(Kind::Grid(bounds.0.into_iter().map(Axis::Range).collect()))
    }

    /// Single elements of a dataset of any shape, in the order given; each has as many coordinates as the dataset
    /// dimensions. The result has one dimension.
    pub fn points<P: AsRef<[u64]>>(points: impl IntoIterator<Item = P>) -> Selection {
        Selection(Kind::Scattered(Scattered::points(points)))
    }

    /// Every element of a dataset of this shape that is in any of `parts`, once, row by row. The result has one dimension.
    ///
    /// # Errors
    /// `Mismatch` where a part does not fit the shape, `Limit` where the union falls into too many pieces.
    pub fn union<S: Select>(shape: &[u64], parts: impl IntoIterator<Item = S>) -> Result<Selection> {
        let parts = parts.into_iter().map(|p| p.select(shape)).collect::<Result<Vec<_>>>()?;
        Ok(Selection(Kind::Scattered(Scattered::union(shape.len(), &parts)?)))
    }

    /// The number of elements.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Kind::Grid(axes) => axes.iter().fold(1, |n: u64, a| n.saturating_mul(a.len())),
            Kind::Scattered(s) => s.len(),
        }
    }

    /// Whether there is no element in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Elements in each dimension of the result.
    pub fn shape(&self) -> Vec<u64> {
        match &self.0 {
            Kind::Grid(axes) => axes.iter().map(Axis::len).collect(),
            Kind::Scattered(s) => vec![s.len()],
        }
    }

    /// Calls `read` with boxes that together are the selection, for storage that knows no other form, and puts what it
    /// gives in its place in `out`. `size` are the bytes of an element, `shape` is the dataset's.
    pub(crate) fn for_each_box(
        &self,
        shape: &[u64],
        size: u64,
        out: &mut [u8],
        read: &mut dyn FnMut(&Bounds, &mut [u8]) -> Result<()>,
    ) -> Result<()> {
        if let Some(bounds) = self.bounds() {
            return read(&bounds, out);
        }
        let mut bytes = Vec::new();
        match &self.0 {
            Kind::Grid(axes) => {
                let all = |axis: &Axis| {
                    let mut found = Vec::new();
                    axis.runs(0..u64::MAX, |r| found.push(r));
                    found
                };
                let runs: Vec<Vec<Run>> = axes.iter().map(all).collect();
                let mut chosen = vec![0; runs.len()];
                if runs.iter().any(Vec::is_empty) {
                    return Ok(());
                }
                loop {
                    let part: Vec<Run> = runs.iter().zip(&chosen).map(|(r, &i)| r[i]).collect();
                    let bounds = Bounds(part.iter().map(|r| r.from..r.from + r.length).collect());
                    bytes.clear();
                    bytes.resize((bounds.len() * size) as usize, 0);
                    read(&bounds, &mut bytes)?;
                    axis::place(&part, &bytes, &self.shape(), size as usize, out);
                    let Some(d) = (0..runs.len()).rev().find(|&d| chosen[d] + 1 < runs[d].len()) else {
                        return Ok(());
                    };
                    chosen[d] += 1;
                    chosen[d + 1..].fill(0);
                }
            }
            Kind::Scattered(rows) => rows.rows().try_for_each(|row| {
                let mut bounds: Vec<Range<u64>> = row.start.iter().map(|&i| i..i + 1).collect();
                if let Some(last) = bounds.last_mut() {
                    last.end = last.start + row.length;
                }
                debug_assert_eq!(bounds.len(), shape.len());
                let (to, length) = ((row.to * size) as usize, (row.length * size) as usize);
                read(&Bounds(bounds), &mut out[to..to + length])
            }),
        }
    }

    /// The ranges of the box that it is, one a dimension; `None` if it is none.
    pub fn ranges(&self) -> Option<Vec<Range<u64>>> {
        self.bounds().map(|bounds| bounds.0)
    }

    /// The box that it is, if it is one.
    pub(crate) fn bounds(&self) -> Option<Bounds> {
        let Kind::Grid(axes) = &self.0 else {
            return None;
        };
        let range = |a: &Axis| if let Axis::Range(r) = a { Some(r.clone()) } else { None };
        axes.iter().map(range).collect::<Option<_>>().map(Bounds)
    }

    /// Refuses what does not fit a dataset of this shape.
    pub(crate) fn checked(self, shape: &[u64]) -> Result<Selection> {
        let rank = match &self.0 {
            Kind::Grid(axes) => axes.len(),
            Kind::Scattered(s) => s.rank().unwrap_or(shape.len()),
        };
        if rank != shape.len() {
            let message = format!("a selection of {rank} dimensions in a dataset of {}", shape.len());
            return Err(Error::mismatch(message));
        }
        match &self.0 {
            Kind::Grid(axes) => axes.iter().zip(shape).try_for_each(|(a, &n)| a.check(n))?,
            Kind::Scattered(s) => s.check(shape)?,
        }
        Ok(self)
    }
}

/// A box of elements: a range in every dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds(pub(crate) Vec<Range<u64>>);

impl Bounds {
    /// The number of elements.
    pub(crate) fn len(&self) -> u64 {
        self.0.iter().fold(1, |n, r| n.saturating_mul(r.end - r.start))
    }

    /// Everything in a dataset of this shape.
    pub(crate) fn all(shape: &[u64]) -> Bounds {
        Bounds(shape.iter().map(|&n| 0..n).collect())
    }

    /// Elements in each dimension.
    pub(crate) fn shape(&self) -> Vec<u64> {
        self.0.iter().map(|r| r.end - r.start).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_keep_their_order_and_are_checked() {
        let points = Selection::points([[1, 2], [0, 0], [1, 2]]);
        assert_eq!((points.len(), points.shape()), (3, vec![3]));
        assert!(points.clone().checked(&[2, 3]).is_ok());
        assert!(points.clone().checked(&[2, 2]).is_err());
        assert!(points.checked(&[2]).is_err());
        assert!(Selection::points(Vec::<[u64; 1]>::new()).checked(&[4, 4]).unwrap().is_empty());
    }

    #[test]
    fn a_union_has_every_element_once() {
        let union = Selection::union(&[4, 6], [(0..2, 0..3), (1..3, 2..5)]).unwrap();
        assert_eq!(union.len(), 6 + 6 - 1);
        let Kind::Scattered(s) = &union.0 else { panic!("a union is scattered") };
        let rows: Vec<_> = s.rows().map(|r| (r.start.to_vec(), r.length)).collect();
        assert_eq!(rows, [(vec![0, 0], 3), (vec![1, 0], 5), (vec![2, 2], 3)]);
    }
}
