//! Numbers of a dataset for plots: a window of a line as its smallest and largest values, a plane as samples. What is read and
//! decoded is bounded, however large the dataset is.

use crate::datatype::Datatype;
use crate::error::{Error, Result};
use crate::view::overview::{Sampled, Wish, affordable, cost};
use crate::view::type_info::complex_base;
use crate::{Dataset, Hyperslab, Part};
use std::ops::Range;

/// Bytes that one plot may cost.
const BUDGET: u64 = 64 << 20;
/// Elements of a line that are in memory at once.
const AT_ONCE: u64 = 1 << 20;

/// How elements are read as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Signed,
    Unsigned,
    Float,
}

/// The form of the numbers, and whether two of them are a complex one.
fn form(datatype: &Datatype) -> Option<(Form, bool)> {
    match datatype {
        Datatype::Integer { bits, signed } if bits.size <= 8 => {
            Some((if *signed { Form::Signed } else { Form::Unsigned }, false))
        }
        Datatype::BitField(bits) if bits.size <= 8 => Some((Form::Unsigned, false)),
        Datatype::Float(_) => Some((Form::Float, false)),
        Datatype::Enumeration { base, .. } => form(base),
        Datatype::Complex(base) => Some((form(base)?.0, true)),
        _ => Some((form(complex_base(datatype)?)?.0, true)),
    }
}

/// Whether the elements are numbers that can be plotted.
pub(super) fn are_numbers(datatype: &Datatype) -> bool {
    form(datatype).is_some()
}

/// Whether the elements are complex numbers, which are plotted by their magnitude.
pub(super) fn are_complex(datatype: &Datatype) -> bool {
    form(datatype).is_some_and(|(_, complex)| complex)
}

/// The elements as floats: rounded where they are long integers, the magnitude where they are complex.
pub(super) fn read(part: &Part<'_>) -> Result<Vec<f64>> {
    let Some((form, complex)) = form(part.dataset().datatype()) else {
        return Err(Error::mismatch("its elements are no numbers").on(part.dataset().path()));
    };
    let numbers: Vec<f64> = match form {
        Form::Signed => part.read_flat::<i64>()?.into_iter().map(|n| n as f64).collect(),
        Form::Unsigned => part.read_flat::<u64>()?.into_iter().map(|n| n as f64).collect(),
        Form::Float => part.read_flat()?,
    };
    if !complex {
        return Ok(numbers);
    }
    Ok(numbers.as_chunks::<2>().0.iter().map(|[re, im]| re.hypot(*im)).collect())
}

/// The smallest and the largest of some values that are finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extent {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Extent {
    pub(super) const EMPTY: Extent = Extent { low: f64::INFINITY, high: f64::NEG_INFINITY };

    pub(super) fn with(self, value: f64) -> Extent {
        if value.is_finite() { Extent { low: self.low.min(value), high: self.high.max(value) } } else { self }
    }

    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Extent {
        values.into_iter().fold(Extent::EMPTY, Extent::with)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.low > self.high
    }
}

/// A window of a line, as many bins as the plot has room for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// The first index.
    pub(super) start: u64,
    /// Indices in each bin; the last bin may have fewer.
    pub(super) step: u64,
    /// Of each bin what its values extend over; empty where none is finite.
    pub(super) bins: Vec<Extent>,
    /// The first value of each bin stands for all of them: the rest was not read.
    pub(super) is_sampled: bool,
}

impl Line {
    pub(super) fn extent(&self) -> Extent {
        Extent::of(self.bins.iter().filter(|b| !b.is_empty()).flat_map(|b| [b.low, b.high]))
    }
}

/// The elements `window` along `axis`, at `index` in the other dimensions, in at most `most` bins.
pub(super) fn line(dataset: &Dataset, index: &[u64], axis: usize, window: Range<u64>, most: u64) -> Result<Line> {
    let (axes, ends) = ([axis], [(window.start, window.end)]);
    let all = Sampled { start: window.start, stop: window.end, step: 1 };
    if window.is_empty() {
        return Ok(Line { start: window.start, step: 1, bins: Vec::new(), is_sampled: false });
    }
    if cost(dataset, &axes, &[all]) <= BUDGET {
        return whole_line(dataset, index, axis, window, most);
    }
    let wish = Wish { axes: &axes, ends: &ends, index, wanted: &[most.max(1)], budget: BUDGET };
    let (sampled, slab) = affordable(dataset, &wish)?;
    let bins = read(&dataset.select(&slab)?)?.into_iter().map(|v| Extent::EMPTY.with(v)).collect();
    let step = sampled.first().map_or(1, |s| s.step);
    Ok(Line { start: window.start, step, bins, is_sampled: step > 1 })
}

fn whole_line(dataset: &Dataset, index: &[u64], axis: usize, window: Range<u64>, most: u64) -> Result<Line> {
    let step = Sampled::of(window.start, window.end, most).step;
    // Whole chunks and whole bins at a time.
    let chunk = dataset.chunk_shape().and_then(|c| c.get(axis)).copied().unwrap_or(1);
    let at_once = AT_ONCE.max(chunk).div_ceil(step).saturating_mul(step);
    let mut bins = Vec::new();
    let mut at = window.start;
    while at < window.end {
        let end = window.end.min(at.saturating_add(at_once));
        let slab = along(dataset.shape().len(), index, &[(axis, at, 1, end - at)]);
        let values = read(&dataset.select(&slab)?)?;
        let size = usize::try_from(step).unwrap_or(usize::MAX).max(1);
        bins.extend(values.chunks(size).map(|bin| Extent::of(bin.iter().copied())));
        at = end;
    }
    Ok(Line { start: window.start, step, bins, is_sampled: false })
}

/// One element in each dimension, at `index`, but of each of `axes` (dimension, start, stride, count).
pub(super) fn along(rank: usize, index: &[u64], axes: &[(usize, u64, u64, u64)]) -> Hyperslab {
    let mut start: Vec<u64> = (0..rank).map(|d| index.get(d).copied().unwrap_or(0)).collect();
    let (mut stride, mut count) = (vec![1; rank], vec![1; rank]);
    for &(axis, first, step, many) in axes {
        for (list, value) in [(&mut start, first), (&mut stride, step), (&mut count, many)] {
            if let Some(place) = list.get_mut(axis) {
                *place = value;
            }
        }
    }
    Hyperslab { start, stride, count, block: vec![1; rank] }
}

/// Samples of two dimensions, rows from the top.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plane {
    pub(super) down: Sampled,
    pub(super) across: Sampled,
    pub(super) values: Vec<f64>,
}

impl Plane {
    /// Whether values between those shown were left out.
    pub(super) fn is_sampled(&self) -> bool {
        self.down.step > 1 || self.across.step > 1
    }

    pub(super) fn extent(&self) -> Extent {
        Extent::of(self.values.iter().copied())
    }

    /// The value in a column of a row.
    pub(super) fn at(&self, column: u64, row: u64) -> Option<f64> {
        let place = row.checked_mul(self.across.count())?.checked_add(column)?;
        self.values.get(usize::try_from(place).ok()?).copied()
    }
}

/// About `rows` × `columns` samples of the dimensions `down` and `across`, at `index` in the others.
pub(super) fn plane(
    dataset: &Dataset,
    index: &[u64],
    (down, across): (usize, usize),
    windows: (Range<u64>, Range<u64>),
    (rows, columns): (u64, u64),
) -> Result<Plane> {
    let wish = Wish {
        axes: &[down, across],
        ends: &[(windows.0.start, windows.0.end), (windows.1.start, windows.1.end)],
        index,
        wanted: &[rows.max(1), columns.max(1)],
        budget: BUDGET,
    };
    let (sampled, slab) = affordable(dataset, &wish)?;
    let mut values = read(&dataset.select(&slab)?)?;
    let (Some(&rows), Some(&columns)) = (sampled.first(), sampled.get(1)) else {
        return Err(Error::mismatch("a plane has two dimensions"));
    };
    if down > across {
        values = transposed(&values, rows.count() as usize, columns.count() as usize);
    }
    Ok(Plane { down: rows, across: columns, values })
}

/// Values that came column by column, row by row.
fn transposed(values: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let places = (0..rows).flat_map(|r| (0..columns).map(move |c| c * rows + r));
    places.filter_map(|place| values.get(place).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    fn file(make: impl FnOnce(&mut crate::FileMut)) -> (tempfile::TempDir, File) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let mut out = File::create(&path).unwrap();
        make(&mut out);
        out.commit().unwrap();
        let file = File::open(path).unwrap();
        (dir, file)
    }

    #[test]
    fn a_line_keeps_every_peak_and_every_bin_its_place() {
        let mut values = vec![0i32; 10_000];
        values[7_777] = 50;
        values[3] = -9;
        let (_dir, file) = file(|out| drop(out.build("x").write(&values).unwrap()));
        let line = line(&file.dataset("x").unwrap(), &[], 0, 0..10_000, 100).unwrap();
        assert_eq!((line.bins.len(), line.step, line.is_sampled), (100, 100, false));
        assert_eq!(line.bins[77], Extent { low: 0.0, high: 50.0 });
        assert_eq!(line.extent(), Extent { low: -9.0, high: 50.0 });
    }

    #[test]
    fn planes_are_sampled_and_turned() {
        let values: Vec<u64> = (0..24).collect();
        let (_dir, file) = file(|out| drop(out.build("x").shape([2, 3, 4]).write(&values).unwrap()));
        let dataset = file.dataset("x").unwrap();
        let of = |axes, rows, columns| plane(&dataset, &[1], axes, (0..3, 0..4), (rows, columns)).unwrap();
        assert_eq!(of((1, 2), 9, 9).values[..5], [12.0, 13.0, 14.0, 15.0, 16.0]);
        let few = of((1, 2), 2, 2);
        assert_eq!((few.values.as_slice(), few.is_sampled()), (&[12.0, 14.0, 20.0, 22.0][..], true));
        let turned = plane(&dataset, &[1], (2, 1), (0..4, 0..3), (9, 9)).unwrap();
        assert_eq!(turned.values[..4], [12.0, 16.0, 20.0, 13.0]);
        assert_eq!(turned.at(1, 0), Some(16.0));
    }

    #[test]
    fn a_line_that_costs_too_much_is_sampled() {
        let (_dir, file) = file(|out| {
            drop(out.build("x").shape([1 << 40]).chunks([1 << 20]).element::<f64>().create().unwrap());
        });
        let line = line(&file.dataset("x").unwrap(), &[], 0, 0..1 << 40, 200).unwrap();
        assert!(line.is_sampled && line.bins.len() > 1 && line.bins.len() <= 200, "{}", line.bins.len());
    }
}
