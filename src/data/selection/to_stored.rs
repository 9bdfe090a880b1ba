//! Selections as files hold them: for region references and virtual datasets.

use super::{Axis, Kind, Scattered, Selection};
use crate::error::{Error, Result};
use crate::format::selection::{StoredSelection, Strided};

/// The most points or blocks: they are stored one by one.
const MOST: u64 = 1 << 22;

impl Selection {
    /// The same elements in the same order.
    pub(crate) fn to_stored(&self) -> Result<StoredSelection> {
        match &self.0 {
            _ if self.is_empty() => Ok(StoredSelection::None),
            Kind::Grid(axes) if axes.is_empty() => Ok(StoredSelection::All),
            Kind::Grid(axes) => match axes.iter().map(strided).collect() {
                Some(dimensions) => Ok(StoredSelection::Regular(dimensions)),
                None if axes.iter().all(Axis::is_ordered) => {
                    blocks(axes.len(), &Scattered::union(axes.len(), std::slice::from_ref(self))?)
                }
                None => points(axes, self.len()),
            },
            Kind::Scattered(rows) => match rows.rank() {
                None | Some(0) => Ok(StoredSelection::All),
                Some(rank) if rows.rows().all(|r| r.length == 1) => Ok(StoredSelection::Points {
                    rank,
                    coordinates: rows.rows().flat_map(|r| r.start.iter().copied()).collect(),
                }),
                Some(rank) => blocks(rank, rows),
            },
        }
    }
}

/// An axis as one dimension of a regular hyperslab, if it is one.
fn strided(axis: &Axis) -> Option<Strided> {
    match axis {
        Axis::Range(r) => Some(Strided { start: r.start, stride: 1, count: Some(1), block: Some(r.end - r.start) }),
        &Axis::Steps { start, stride, count, block } => {
            Some(Strided { start, stride, count: Some(count), block: Some(block) })
        }
        Axis::Indices(_) => None,
    }
}

fn too_many() -> Error {
    Error::limit(format!("a stored selection of more than {MOST} points or blocks"))
}

/// Rows that stand one behind the other in the dataset, each as a block.
fn blocks(rank: usize, rows: &Scattered) -> Result<StoredSelection> {
    let mut corners = Vec::new();
    for row in rows.rows() {
        if corners.len() as u64 >= MOST * 2 * rank as u64 {
            return Err(too_many());
        }
        corners.extend_from_slice(row.start);
        corners.extend_from_slice(row.start);
        if let Some(last) = corners.last_mut() {
            *last += row.length - 1;
        }
    }
    Ok(StoredSelection::Blocks { rank, corners })
}

/// A product of axes, point by point in the order of the result.
fn points(axes: &[Axis], len: u64) -> Result<StoredSelection> {
    if len > MOST {
        return Err(too_many());
    }
    let mut prefixes: Vec<Vec<u64>> = vec![Vec::new()];
    for axis in axes {
        let mut indices = vec![0; axis.len() as usize];
        axis.runs(0..u64::MAX, |run| {
            let places = indices.iter_mut().skip(run.to as usize).take(run.length as usize);
            places.zip(run.from..).for_each(|(place, index)| *place = index);
        });
        prefixes = prefixes.iter().flat_map(|p| indices.iter().map(move |&i| [&p[..], &[i]].concat())).collect();
    }
    Ok(StoredSelection::Points { rank: axes.len(), coordinates: prefixes.concat() })
}

#[cfg(test)]
mod tests {
    use super::super::{Hyperslab, Select, every};
    use super::*;

    /// What is stored selects what was selected.
    #[track_caller]
    fn same(selection: &dyn Select, shape: &[u64]) -> StoredSelection {
        let selection = selection.select(shape).unwrap();
        let stored = selection.to_stored().unwrap();
        let again = stored.select(shape).unwrap();
        assert_eq!(again.len(), selection.len());
        assert_eq!(again.to_stored().unwrap(), stored);
        stored
    }

    #[test]
    fn products_of_steps_are_hyperslabs_and_everything_else_is_listed() {
        let shape = [10, 20];
        let step = |start, stride, count, block| Strided { start, stride, count: Some(count), block: Some(block) };
        let regular = same(&(2u64..5, every(1..9, 3)), &shape);
        assert_eq!(regular, StoredSelection::Regular(vec![step(2, 1, 1, 3), step(1, 3, 3, 1)]));
        let ordered = same(&(vec![1, 2, 7], 3u64..5), &shape);
        let corners = vec![1, 3, 1, 4, 2, 3, 2, 4, 7, 3, 7, 4];
        assert_eq!(ordered, StoredSelection::Blocks { rank: 2, corners });
        let reversed = (vec![7, 1], vec![3, 5]).select(&shape).unwrap().to_stored().unwrap();
        assert_eq!(reversed, StoredSelection::Points { rank: 2, coordinates: vec![7, 3, 7, 5, 1, 3, 1, 5] });
        same(&Selection::points([[3, 1], [0, 0], [3, 1]]), &shape);
        same(&Selection::union(&shape, [[0..2, 0..3], [1..4, 2..5]].map(|b| b.to_vec())).unwrap(), &shape);
        let slab = Hyperslab { start: vec![0, 1], stride: vec![4, 5], count: vec![2, 3], block: vec![2, 2] };
        same(&slab, &shape);
        assert_eq!(same(&(0u64..0, ..), &shape), StoredSelection::None);
        assert_eq!(same(&Selection::all(&[]), &[]), StoredSelection::All);
    }
}
