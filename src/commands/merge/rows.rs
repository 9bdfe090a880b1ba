//! Which dimension of which dataset counts the rows of a file.

use super::survey::Input;
use crate::datatype::Name;
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// The dimension along which datasets are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Its number, from 0.
    Number(usize),
    /// The name of a dimension scale, such as `time`.
    Named(String),
}

impl FromStr for Axis {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Axis, Self::Err> {
        Ok(text.parse().map_or_else(|_| Axis::Named(text.to_owned()), Axis::Number))
    }
}

/// What is joined, as far as shapes and scales tell.
pub(super) struct Rows {
    /// Of each file.
    pub(super) counts: Vec<u64>,
    axis: usize,
    /// The scale of the dimension that is joined.
    scale: Option<Name>,
}

impl Rows {
    pub(super) fn find(inputs: &[Input], axis: &Axis) -> Result<Rows> {
        let number = if let Axis::Number(n) = axis { *n } else { 0 };
        let scale = match axis {
            Axis::Named(name) => Some(named(inputs, name)?),
            Axis::Number(n) => record(inputs, *n),
        };
        let counts = match &scale {
            Some(path) => {
                inputs.iter().map(|i| i.dataset(path).and_then(|f| f.shape.first().copied()).unwrap_or(0)).collect()
            }
            None => counted(inputs, number),
        };
        Ok(Rows { counts, axis: number, scale })
    }

    /// The dimension along which a dataset is joined; `None` if it is not.
    pub(super) fn axis_of(&self, inputs: &[Input], path: &Name) -> Option<usize> {
        let found: Vec<_> = inputs.iter().zip(&self.counts).filter_map(|(i, n)| Some((i.dataset(path)?, *n))).collect();
        let first = &found.first()?.0.form;
        if self.scale.as_ref() == Some(path) {
            return Some(0);
        }
        if let Some(axis) = first.scales.iter().position(|s| s.is_some() && *s == self.scale) {
            return Some(axis);
        }
        // What its scales say counts more than sizes that agree.
        let told = self.scale.is_some() && (first.scale || first.scales.get(self.axis).is_some_and(Option::is_some));
        let all = found.iter().all(|(facts, rows)| facts.shape.get(self.axis) == Some(rows));
        (all && !told).then_some(self.axis)
    }
}

/// The scale that the user named.
fn named(inputs: &[Input], name: &str) -> Result<Name> {
    let scales: BTreeSet<&Name> =
        inputs.iter().flat_map(Input::datasets).filter(|(_, f)| f.form.scale).map(|(path, _)| path).collect();
    let fits =
        |path: &&&Name| **path == name || path.to_text().ends_with(&format!("/{}", name.trim_start_matches('/')));
    let found: Vec<&&Name> = scales.iter().filter(fits).collect();
    match found[..] {
        [one] => Ok((*one).clone()),
        [] => {
            let all: Vec<String> = scales.iter().take(12).map(ToString::to_string).collect();
            let there = if all.is_empty() { "there is none".into() } else { format!("there are {}", all.join(", ")) };
            let message = format!("--axis {name}: no dimension scale of this name; {there}");
            Err(Error::new(ErrorKind::NotFound, message))
        }
        _ => Err(Error::new(ErrorKind::Invalid, format!("--axis {name}: several scales have this name; say its path"))),
    }
}

/// The scale of the dimension that grows, as netCDF-4 files have it: without end, and used most. Of scales that do not
/// grow none is told from the others: sizes decide.
fn record(inputs: &[Input], axis: usize) -> Option<Name> {
    let first = inputs.first()?;
    let mut uses: BTreeMap<&Name, usize> = BTreeMap::new();
    for (path, facts) in first.datasets() {
        if facts.form.scale && facts.form.endless.first() == Some(&true) && facts.shape.len() == 1 {
            *uses.entry(path).or_default() += 0;
        }
        for scale in facts.form.scales.iter().flatten() {
            *uses.entry(scale).or_default() += 1;
        }
    }
    let endless = |path: &&Name| first.dataset(path).is_some_and(|f| f.form.endless == [true]);
    let everywhere = |path: &&Name| inputs.iter().all(|i| i.dataset(path).is_some_and(|f| f.shape.len() == 1));
    let candidates = uses.iter().filter(|(path, _)| everywhere(path) && endless(path));
    // With an axis of his own the user has decided already.
    let best = candidates.max_by_key(|(path, uses)| (**uses, std::cmp::Reverse(**path)));
    best.filter(|_| axis == 0).map(|(path, _)| (*path).clone())
}

/// The size that most datasets have in all files: those that agree in every file are counted together, and those that can
/// grow twice. Of equally many those that differ between files count more than others, then large ones more than small.
fn counted(inputs: &[Input], axis: usize) -> Vec<u64> {
    let mut paths: BTreeMap<&Name, usize> = BTreeMap::new();
    for (path, facts) in inputs.iter().flat_map(Input::datasets) {
        *paths.entry(path).or_default() += usize::from(facts.shape.len() > axis);
    }
    let most = paths.values().copied().max().unwrap_or(0);
    let mut classes: BTreeMap<Vec<Option<u64>>, usize> = BTreeMap::new();
    for path in paths.iter().filter(|(_, n)| **n == most).map(|(path, _)| path) {
        let facts: Vec<_> = inputs.iter().map(|i| i.dataset(path)).collect();
        let sizes = facts.iter().map(|f| f.and_then(|f| f.shape.get(axis).copied())).collect();
        let grows = facts.iter().flatten().any(|f| f.form.endless.get(axis) == Some(&true));
        *classes.entry(sizes).or_default() += 1 + usize::from(grows);
    }
    let rank = |(sizes, members): &(Vec<Option<u64>>, usize)| {
        let differ = sizes.windows(2).any(|w| w[0] != w[1]);
        (*members, differ, sizes.iter().flatten().sum::<u64>())
    };
    let best = classes.into_iter().max_by_key(rank).map(|(sizes, _)| sizes).unwrap_or_default();
    let own = |(i, input): (usize, &Input)| best.get(i).copied().flatten().unwrap_or_else(|| most_common(input, axis));
    inputs.iter().enumerate().map(own).collect()
}

/// The size that most datasets of one file have; of equally frequent ones the largest.
fn most_common(input: &Input, axis: usize) -> u64 {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for (_, facts) in input.datasets() {
        if let Some(&size) = facts.shape.get(axis) {
            *counts.entry(size).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|&(size, count)| (count, size)).map_or(0, |(size, _)| size)
}
