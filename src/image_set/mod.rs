//! Image sets: which datasets of a file are pictures, what labels and names go with them.
//!
//! [`hdf5`] answers the questions of [`source`] from a file; [`recognise`] decides by what is known without reading
//! values; [`find`] puts pictures, labels and names together. `visualize`, `merge`, `convert` and the page share it.
// The page asks for the sets and reads their rows itself.
#![cfg_attr(not(feature = "cli"), allow(dead_code))]

pub(crate) mod find;
pub(crate) mod hdf5;
pub(crate) mod recognise;
pub(crate) mod source;

use crate::datatype::Name;
use crate::error::Result;
use recognise::{Labels, Pictures};
use source::{Source, Values};
use std::collections::BTreeMap;
use std::ops::Range;

/// More classes than this are measurements, not classes.
pub(crate) const MOST_CLASSES: usize = 10_000;
/// The rows of larger sets are not counted by class.
const MOST_COUNTED: u64 = 50_000_000;
/// Labels are read this many at a time.
pub(crate) const BLOCK: u64 = 1 << 16;

/// Pictures, one for each row.
#[derive(Clone, Debug)]
pub(crate) struct ImageSet {
    pub(crate) kind: Kind,
    pub(crate) rows: u64,
    pub(crate) labels: Option<Labels>,
    pub(crate) class_names: Vec<String>,
    /// Where the names of the rows are.
    pub(crate) names: Option<String>,
    /// Colours of pictures that are indexes.
    pub(crate) palette: Vec<[u8; 3]>,
}

/// How the pictures of a set lie in the file.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// One dataset, a picture in each row.
    Stack(Pictures),
    /// Many datasets, each a picture.
    Gallery(Vec<Pictures>),
}

/// The class of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Class {
    Number(i64),
    Text(String),
}

/// How many pictures each class has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) counts: BTreeMap<Class, u64>,
    /// There were too many different labels to be classes.
    pub(crate) overflowed: bool,
}

impl Census {
    pub(crate) fn add(&mut self, classes: impl IntoIterator<Item = Class>) {
        for class in classes {
            if self.counts.len() >= MOST_CLASSES && !self.counts.contains_key(&class) {
                self.overflowed = true;
                return;
            }
            *self.counts.entry(class).or_default() += 1;
        }
    }
}

impl ImageSet {
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// The path of the dataset, or of the first of many.
    pub(crate) fn path(&self) -> &str {
        match &self.kind {
            Kind::Stack(pictures) => &pictures.path,
            Kind::Gallery(pictures) => pictures.first().map_or("/", |p| &p.path),
        }
    }

    /// Whether each row has a name, and so whether searching makes sense.
    pub(crate) fn has_names(&self) -> bool {
        self.names.is_some() || matches!(self.kind, Kind::Gallery(_))
    }

    pub(crate) fn has_classes(&self) -> bool {
        self.labels.is_some()
    }

    /// Whether the classes of all rows can be looked at.
    pub(crate) fn is_countable(&self) -> bool {
        self.has_classes() && self.rows <= MOST_COUNTED
    }

    /// How many classes the file names; 0 if it names none.
    pub(crate) fn named_classes(&self) -> usize {
        self.class_names.len()
    }

    /// The name of a class as it is shown.
    pub(crate) fn class_name(&self, class: &Class) -> String {
        let named = |n: &i64| usize::try_from(*n).ok().and_then(|n| self.class_names.get(n));
        match class {
            Class::Number(n) => named(n).map_or_else(|| format!("class {n}"), |name| Name::from(&**name).to_string()),
            Class::Text(name) => Name::from(&**name).to_string(),
        }
    }

    /// The classes that the file names, or else those that occur.
    pub(crate) fn known_classes(&self, source: &dyn Source) -> Result<Vec<Class>> {
        if !self.class_names.is_empty() && !matches!(self.labels, Some(Labels::Texts(_))) {
            return Ok((0i64..).take(self.class_names.len()).map(Class::Number).collect());
        }
        let mut census = Census::default();
        let mut at = 0;
        while self.is_countable() && at < self.rows && !census.overflowed {
            let end = self.rows.min(at + BLOCK);
            census.add(self.classes(source, at..end)?);
            at = end;
        }
        Ok(census.counts.into_keys().collect())
    }

    /// The classes of consecutive rows.
    pub(crate) fn classes(&self, source: &dyn Source, rows: Range<u64>) -> Result<Vec<Class>> {
        match &self.labels {
            None => Ok(Vec::new()),
            Some(Labels::Numbers(path)) => Ok(source.integers(path, rows)?.into_iter().map(Class::Number).collect()),
            Some(Labels::Texts(path)) => Ok(source.texts(path, rows)?.into_iter().map(Class::Text).collect()),
            Some(Labels::OneHot { path, classes }) => {
                let width = usize::try_from(*classes).unwrap_or(usize::MAX);
                let hottest = match source.values(path, Some(rows))? {
                    Values::Bytes(v) => v.chunks(width).map(largest).collect::<Vec<_>>(),
                    Values::Floats(v) => v.chunks(width).map(largest).collect(),
                };
                Ok(hottest.into_iter().map(Class::Number).collect())
            }
        }
    }

    /// The names of consecutive rows as they are in the file; empty if they have none.
    pub(crate) fn names(&self, source: &dyn Source, rows: Range<u64>) -> Result<Vec<String>> {
        match (&self.names, &self.kind) {
            (Some(path), _) => source.texts(path, rows),
            (None, Kind::Gallery(pictures)) => {
                let of = |row| usize::try_from(row).ok().and_then(|row: usize| pictures.get(row));
                Ok(rows.map(|row| of(row).map_or_else(String::new, |p| p.path.clone())).collect())
            }
            (None, Kind::Stack(_)) => Ok(Vec::new()),
        }
    }
}

fn largest<T: PartialOrd>(row: &[T]) -> i64 {
    let better = |best: usize, i: usize| if row.get(i) > row.get(best) { i } else { best };
    (0..row.len()).fold(0, better).try_into().unwrap_or(i64::MAX)
}
