//! Samples of data that are larger than anybody wants to read: every so-many-th row and column.

use super::buffer::Buffers;
use super::read::numbers;
use super::request::{Request, wrong};
use super::type_info::type_info;
use crate::error::{Error, Result};
use crate::{Dataset, Hyperslab};
use serde_json::{Value, json};

/// Rows and columns, if the request says nothing else.
const WANTED: u64 = 512;
/// Bytes to be read and decoded, if the request says nothing else.
const BUDGET: u64 = 64 << 20;
/// A read of a single element fetches about as much.
const FETCH: u64 = 64 << 10;

/// What is taken along one dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampled {
    pub(crate) start: u64,
    pub(crate) stop: u64,
    pub(crate) step: u64,
}

/// What samples are taken of.
pub(crate) struct Wish<'a> {
    /// One or two dimensions.
    pub(crate) axes: &'a [usize],
    /// For each of them where it starts and stops.
    pub(crate) ends: &'a [(u64, u64)],
    /// The index in every dimension; 0 where it is short.
    pub(crate) index: &'a [u64],
    /// How many samples are enough along each.
    pub(crate) wanted: &'a [u64],
    /// The most bytes that may be read and decoded.
    pub(crate) budget: u64,
}

impl Sampled {
    /// At most `wanted` indices at equal distances.
    pub(crate) fn of(start: u64, stop: u64, wanted: u64) -> Sampled {
        Sampled { start, stop, step: (stop - start).div_ceil(wanted.max(1)).max(1) }
    }

    pub(crate) fn count(&self) -> u64 {
        (self.stop - self.start).div_ceil(self.step)
    }

    /// How many of the parts of `size` that the dimension is stored in are met.
    fn parts(&self, size: u64) -> u64 {
        if self.count() == 0 {
            return 0;
        }
        let last = self.start + (self.count() - 1) * self.step;
        if self.step >= size { self.count() } else { last / size - self.start / size + 1 }
    }

    fn positions(&self) -> Vec<f64> {
        (0..self.count()).map(|i| (self.start + i * self.step) as f64).collect()
    }
}

/// Samples of a dataset along one or two of its dimensions.
pub(super) fn overview(dataset: &Dataset, request: &Request, buffers: &mut Buffers) -> Result<Value> {
    let shape = dataset.shape();
    let axes = axes(request, shape)?;
    let budget = request.number("budget")?.unwrap_or(BUDGET);
    let window = request.numbers("window")?;
    let ends: Vec<(u64, u64)> = match window.as_deref() {
        None => axes.iter().map(|&a| (0, shape.get(a).copied().unwrap_or(0))).collect(),
        Some(w) if w.len() == 2 * axes.len() => w.chunks(2).filter_map(|p| Some((*p.first()?, *p.get(1)?))).collect(),
        Some(_) => return Err(wrong("window", "a start and a stop for each axis")),
    };
    for (&axis, &(start, stop)) in axes.iter().zip(&ends) {
        if start > stop || stop > shape.get(axis).copied().unwrap_or(0) {
            return Err(Error::mismatch(format!("a window from {start} to {stop} in dimension {axis} of {shape:?}")));
        }
    }
    let rows = request.number("rows")?.unwrap_or(WANTED);
    let columns = request.number("columns")?.unwrap_or(WANTED);
    let wanted: &[u64] = if axes.len() == 1 { &[columns] } else { &[rows, columns] };
    let index = request.numbers("index")?.unwrap_or_default();
    let (sampled, slab) = affordable(dataset, &Wish { axes: &axes, ends: &ends, index: &index, wanted, budget })?;
    let part = dataset.select(&slab)?;
    let (buffer, each) = numbers(&part)?.ok_or_else(|| Error::mismatch("its elements are no numbers"))?;
    if each != 1 {
        return Err(Error::mismatch("its elements are several numbers each"));
    }
    let transposed = matches!(axes.as_slice(), [row, column] if row > column);
    let (down, across) = match sampled.as_slice() {
        [row, column] => (*row, *column),
        [only] => (Sampled { start: 0, stop: 1, step: 1 }, *only),
        _ => return Err(wrong("axes", "one or two dimensions")),
    };
    Ok(json!({
        "rows": down.count(), "columns": across.count(), "exact": sampled.iter().all(|s| s.step == 1),
        "transposed": transposed, "type": type_info(dataset.datatype()), "array": buffers.add(buffer),
        "rowIndex": buffers.add(down.positions()), "columnIndex": buffers.add(across.positions()),
    }))
}

fn axes(request: &Request, shape: &[u64]) -> Result<Vec<usize>> {
    let axes: Vec<usize> = match request.numbers("axes")? {
        Some(axes) => axes.into_iter().map(|a| usize::try_from(a).unwrap_or(usize::MAX)).collect(),
        None => (shape.len().saturating_sub(2)..shape.len()).collect(),
    };
    let fits = axes.iter().all(|&a| a < shape.len()) && (1..=2).contains(&axes.len());
    let distinct = axes.first() != axes.get(1);
    if fits && distinct { Ok(axes) } else { Err(wrong("axes", "one or two dimensions of the dataset")) }
}

/// As many samples as the budget allows, and what selects them.
pub(crate) fn affordable(dataset: &Dataset, wish: &Wish<'_>) -> Result<(Vec<Sampled>, Hyperslab)> {
    let Wish { axes, ends, index, wanted, budget } = *wish;
    let shape = dataset.shape();
    let mut start: Vec<u64> = (0..shape.len()).map(|d| index.get(d).copied().unwrap_or(0)).collect();
    let mut wanted = wanted.to_vec();
    let sampled = loop {
        let sampled: Vec<Sampled> = ends.iter().zip(&wanted).map(|(&(a, b), &n)| Sampled::of(a, b, n)).collect();
        if cost(dataset, axes, &sampled) <= budget || wanted.iter().all(|&n| n <= 1) {
            break sampled;
        }
        // Whichever has more samples gives.
        if let Some(most) = wanted.iter_mut().max() {
            *most = (*most / 2).max(1);
        }
    };
    if cost(dataset, axes, &sampled) > budget.max(dataset.chunk_bytes().unwrap_or(0)) {
        return Err(Error::limit(format!("a single sample costs more than the {budget} bytes that are read at once")));
    }
    let (mut stride, mut count) = (vec![1; shape.len()], vec![1; shape.len()]);
    for (&axis, sample) in axes.iter().zip(&sampled) {
        for (list, value) in [(&mut start, sample.start), (&mut stride, sample.step), (&mut count, sample.count())] {
            if let Some(place) = list.get_mut(axis) {
                *place = value;
            }
        }
    }
    Ok((sampled, Hyperslab { start, stride, count, block: vec![1; shape.len()] }))
}

/// The bytes that must be read and decoded for some samples.
pub(crate) fn cost(dataset: &Dataset, axes: &[usize], sampled: &[Sampled]) -> u64 {
    let size = dataset.datatype().size();
    if let (Some(chunk), Some(bytes)) = (dataset.chunk_shape(), dataset.chunk_bytes()) {
        let parts = axes.iter().zip(sampled).map(|(&a, s)| s.parts(chunk.get(a).copied().unwrap_or(1).max(1)));
        return parts.fold(bytes, u64::saturating_mul);
    }
    // Runs along the dimension that stands last in the file; what lies near is fetched together.
    let rank = dataset.shape().len();
    let along = |s: &Sampled, step_bytes: u64| {
        let whole = (s.stop - s.start).saturating_mul(step_bytes);
        whole.min(s.count().saturating_mul(FETCH.max(step_bytes)))
    };
    let mut cost = size;
    for (&axis, sample) in axes.iter().zip(sampled).collect::<Vec<_>>().into_iter().rev() {
        cost = if axis + 1 == rank { along(sample, size) } else { cost.max(FETCH).saturating_mul(sample.count()) };
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_at_equal_distances_and_inside() {
        let s = Sampled::of(0, 1_000_000, 512);
        assert_eq!((s.step, s.count()), (1954, 512));
        assert_eq!(Sampled::of(3, 13, 4), Sampled { start: 3, stop: 13, step: 3 });
        assert_eq!(Sampled::of(3, 13, 4).positions(), [3.0, 6.0, 9.0, 12.0]);
        assert_eq!(Sampled::of(5, 5, 4).count(), 0);
    }

    #[test]
    fn chunks_that_samples_meet_are_counted() {
        assert_eq!(Sampled { start: 0, stop: 100, step: 10 }.parts(1), 10);
        assert_eq!(Sampled { start: 0, stop: 100, step: 10 }.parts(50), 2);
        assert_eq!(Sampled { start: 45, stop: 55, step: 1 }.parts(50), 2);
        assert_eq!(Sampled { start: 5, stop: 5, step: 1 }.parts(50), 0);
    }
}
