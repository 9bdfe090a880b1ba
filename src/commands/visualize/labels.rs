//! What the axes of a plot are called, and where their values are: names, units, dimension scales.

use super::numbers::{along, are_numbers, read};
use super::text::printable;
use crate::error::Result;
use crate::view::overview::Sampled;
use crate::{Attribute, Dataset, File, Object, Value};

/// A name and a unit, printable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) name: String,
    pub(super) units: String,
}

impl Label {
    /// Of a dataset: what its attributes call it, else its own name.
    pub(super) fn of(dataset: &Dataset) -> Label {
        let text = |name: &str| {
            dataset.attribute(name).ok().flatten().and_then(|a| text(&a)).filter(|text| !text.trim().is_empty())
        };
        let name = text("long_name").or_else(|| text("standard_name"));
        // What was found by a reference has no path; a dimension scale says its name.
        let last = match dataset.path() {
            path if path.starts_with('/') => path.rsplit('/').next().unwrap_or_default().to_owned(),
            path => text("NAME").unwrap_or_else(|| path.to_owned()),
        };
        let printed = |text: String| printable(&text).into_owned();
        let name = name.map_or_else(|| printable(last.trim_start_matches('/')).into_owned(), printed);
        Label { name, units: text("units").map(printed).unwrap_or_default() }
    }

    /// `temperature (K)`.
    pub(super) fn text(&self) -> String {
        match (self.name.is_empty(), self.units.is_empty()) {
            (_, true) => self.name.clone(),
            (true, false) => format!("({})", self.units),
            (false, false) => format!("{} ({})", self.name, self.units),
        }
    }
}

/// The first string of an attribute.
fn text(attribute: &Attribute) -> Option<String> {
    match attribute.values(1).ok()?.pop()? {
        Value::String(name) => Some(name.to_text().into_owned()),
        Value::Sequence(mut values) if !values.is_empty() => match values.swap_remove(0) {
            Value::String(name) => Some(name.to_text().into_owned()),
            _ => None,
        },
        _ => None,
    }
}

/// One dimension of a dataset: its label, and the dataset that has its values.
#[derive(Clone)]
pub(super) struct Dimension {
    pub(super) label: Label,
    scale: Option<Dataset>,
}

impl Dimension {
    /// The dimension `axis`, with the dimension scale that is attached to it, or the label that it has.
    pub(super) fn of(file: &File, dataset: &Dataset, axis: usize) -> Dimension {
        let size = dataset.shape().get(axis).copied().unwrap_or(0);
        let scale = scale(file, dataset, axis);
        let own = || {
            let labels = dataset.attribute("DIMENSION_LABELS").ok().flatten()?;
            match labels.values(dataset.shape().len()).ok()?.into_iter().nth(axis)? {
                Value::String(name) if !name.to_text().is_empty() => Some(printable(&name.to_text()).into_owned()),
                _ => None,
            }
        };
        let label = scale.as_ref().map(Label::of).or_else(|| Some(Label { name: own()?, units: String::new() }));
        // netCDF marks dimensions without values so.
        let is_bare = |d: &Dataset| {
            let name = d.attribute("NAME").ok().flatten().and_then(|a| text(&a));
            name.is_some_and(|name| name.starts_with("This is a netCDF dimension but not a netCDF variable"))
        };
        let fits = |d: &Dataset| d.shape() == [size] && are_numbers(d.datatype()) && !is_bare(d);
        let label = label.unwrap_or_else(|| {
            let name = if dataset.shape().len() == 1 { "index".to_owned() } else { format!("dimension {axis}") };
            Label { name, units: String::new() }
        });
        Dimension { label, scale: scale.filter(fits) }
    }

    /// The values at some indices: those of the scale, else the indices themselves.
    pub(super) fn values(&self, at: Sampled) -> Result<Vec<f64>> {
        match &self.scale {
            Some(scale) => read(&scale.select(along(1, &[], &[(0, at.start, at.step, at.count())]))?),
            None => Ok((0..at.count()).map(|i| (at.start + i * at.step) as f64).collect()),
        }
    }

    /// The values, if they are finite and at equal distances; else the indices and the label of an index.
    pub(super) fn even_values(&self, at: Sampled) -> (Vec<f64>, String) {
        if let Some(values) = self.values(at).ok().filter(|v| are_even(v)) {
            return (values, self.label.text());
        }
        let indices = (0..at.count()).map(|i| (at.start + i * at.step) as f64).collect();
        (indices, format!("index of {}", self.label.name))
    }
}

fn are_even(values: &[f64]) -> bool {
    let (Some(first), Some(last)) = (values.first(), values.last()) else {
        return true;
    };
    let step = (last - first) / (values.len().saturating_sub(1).max(1)) as f64;
    let is_near = |(i, v): (usize, &f64)| (v - first - step * i as f64).abs() <= 0.05 * step.abs();
    values.len() == 1 && first.is_finite() || step.is_finite() && step != 0.0 && values.iter().enumerate().all(is_near)
}

/// The dimension scale that is attached first.
fn scale(file: &File, dataset: &Dataset, axis: usize) -> Option<Dataset> {
    let list = dataset.attribute("DIMENSION_LIST").ok().flatten()?;
    let Value::Sequence(references) = list.values(axis.checked_add(1)?).ok()?.into_iter().nth(axis)? else {
        return None;
    };
    let Value::Reference { to, .. } = references.first()? else {
        return None;
    };
    match file.dereference(to).ok()? {
        Object::Dataset(scale) => Some(scale),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_values_are_told_from_others() {
        assert!(are_even(&[]) && are_even(&[3.0]) && are_even(&[0.0, 0.5, 1.0]) && are_even(&[5.0, 3.0, 1.0]));
        assert!(!are_even(&[0.0, 1.0, 4.0]) && !are_even(&[1.0, 1.0]) && !are_even(&[0.0, f64::NAN, 2.0]));
        assert!(!are_even(&[f64::NAN]));
    }

    #[test]
    fn labels_have_units_where_there_are_any() {
        let of = |name: &str, units: &str| Label { name: name.into(), units: units.into() }.text();
        assert_eq!([of("t", "s"), of("t", ""), of("", "s")], ["t (s)", "t", "(s)"]);
    }
}
