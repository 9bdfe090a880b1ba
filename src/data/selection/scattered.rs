//! Selections that are no product of axes: points, and unions of hyperslabs, as rows along the last dimension.

use super::{Axis, Kind, Selection};
use crate::error::{Error, Result};
use std::ops::Range;

/// The most rows of a union: one needs a few words of memory.
const MAX_ROWS: usize = 1 << 25;

/// Rows of elements along the last dimension, in the order of the result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scattered {
    rank: usize,
    /// The coordinates of the rows' first elements, `rank` numbers each.
    starts: Vec<u64>,
    /// Elements of each row; none are listed where all have one.
    lengths: Vec<u64>,
    /// The number of rows.
    rows: usize,
}

/// A row: its first element, its length, and where it stands in the result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) start: &'a [u64],
    pub(crate) length: u64,
    pub(crate) to: u64,
}

impl Scattered {
    pub(super) fn points<P: AsRef<[u64]>>(points: impl IntoIterator<Item = P>) -> Scattered {
        let mut all = Scattered::default();
        for (i, point) in points.into_iter().enumerate() {
            let point = point.as_ref();
            // A point of another rank makes the coordinates no multiple of the first one's: `check` sees that.
            if i == 0 {
                all.rank = point.len();
            }
            all.starts.extend_from_slice(point);
            all.rows += 1;
        }
        all
    }

    pub(super) fn union(rank: usize, parts: &[Selection]) -> Result<Scattered> {
        let mut rows: Vec<(Vec<u64>, Range<u64>)> = Vec::new();
        for part in parts {
            match &part.0 {
                Kind::Grid(axes) => grid_rows(axes, &mut rows)?,
                Kind::Scattered(s) => rows.extend(s.rows().map(|r| {
                    let (outer, last) = r.start.split_at(rank.saturating_sub(1));
                    let start = last.first().copied().unwrap_or(0);
                    (outer.to_vec(), start..start + r.length)
                })),
            }
            if rows.len() > MAX_ROWS {
                return Err(Error::limit(format!("a selection of more than {MAX_ROWS} pieces")));
            }
        }
        rows.sort_unstable_by(|a, b| (&a.0, a.1.start).cmp(&(&b.0, b.1.start)));
        let mut union = Scattered { rank, ..Scattered::default() };
        let mut rows = rows.into_iter().peekable();
        while let Some((outer, mut row)) = rows.next() {
            while let Some((_, more)) = rows.next_if(|(o, r)| *o == outer && r.start <= row.end) {
                row.end = row.end.max(more.end);
            }
            union.starts.extend(outer);
            if rank > 0 {
                union.starts.push(row.start);
            }
            union.lengths.push(row.end - row.start);
            union.rows += 1;
        }
        Ok(union)
    }

    /// The number of coordinates of every row; `None` where there is none.
    pub(super) fn rank(&self) -> Option<usize> {
        (self.rows > 0).then_some(self.rank)
    }

    /// The number of elements.
    pub(crate) fn len(&self) -> u64 {
        if self.lengths.is_empty() { self.rows as u64 } else { self.lengths.iter().sum() }
    }

    /// The rows, in the order of the result.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let mut to = 0;
        (0..self.rows).map(move |i| {
            let length = self.lengths.get(i).copied().unwrap_or(1);
            let row = Row { start: &self.starts[i * self.rank..(i + 1) * self.rank], length, to };
            to += length;
            row
        })
    }

    pub(super) fn check(&self, shape: &[u64]) -> Result<()> {
        if self.starts.len() != self.rows * self.rank {
            return Err(Error::mismatch("points of different numbers of coordinates"));
        }
        for row in self.rows() {
            let inside = row.start.iter().zip(shape).all(|(i, n)| i < n);
            let ends = row.start.last().zip(shape.last()).is_none_or(|(i, n)| i + row.length <= *n);
            if !inside || !ends {
                return Err(Error::mismatch(format!("the point {:?} in a dataset of shape {shape:?}", row.start)));
            }
        }
        Ok(())
    }
}

/// Appends the rows of a product of axes.
fn grid_rows(axes: &[Axis], rows: &mut Vec<(Vec<u64>, Range<u64>)>) -> Result<()> {
    let Some((last, outer)) = axes.split_last() else {
        rows.push((Vec::new(), 0..1));
        return Ok(());
    };
    let ranges = |axis: &Axis| {
        let mut found = Vec::new();
        axis.runs(0..u64::MAX, |r| found.push(r.from..r.from + r.length));
        found
    };
    let lines = outer.iter().fold(1u64, |n, a| n.saturating_mul(a.len()));
    let last = ranges(last);
    if lines.saturating_mul(last.len() as u64) > (MAX_ROWS - rows.len().min(MAX_ROWS)) as u64 {
        return Err(Error::limit(format!("a selection of more than {MAX_ROWS} pieces")));
    }
    let outer: Vec<Vec<u64>> = outer.iter().map(|a| ranges(a).into_iter().flatten().collect()).collect();
    let mut prefixes = vec![Vec::new()];
    for axis in &outer {
        prefixes = prefixes.iter().flat_map(|p| axis.iter().map(move |&i| [&p[..], &[i]].concat())).collect();
    }
    rows.extend(prefixes.iter().flat_map(|p| last.iter().map(move |r| (p.clone(), r.clone()))));
    Ok(())
}
