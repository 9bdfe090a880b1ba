//! The classes of rows: the folder that each goes into, and what is said of it.

use super::names;
use crate::commands::{Progress, output};
use crate::error::{Error, Result};
use crate::image_set::recognise::Labels;
use crate::image_set::source::{Source, Values};
use crate::image_set::{BLOCK, Census, Class, ImageSet};
use std::collections::HashMap;
use std::ops::Range;

/// What a class is called, and its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    /// As the file says, else its number.
    pub(super) name: String,
    /// Its folder, safe.
    pub(super) folder: String,
}

/// What is known of the labels of a set.
pub(super) enum Labelling {
    /// The rows have none.
    None,
    /// Each row has a class, with a folder.
    Classes(HashMap<Class, Folder>),
    /// Each row has a value, and there are more of them than classes could be: no folders.
    Values,
}

/// The label of a row.
pub(super) enum Label<'a> {
    None,
    Class(&'a Folder),
    Value(String),
}

impl Labelling {
    /// Looks at all labels of `set`.
    ///
    /// # Errors
    /// If they cannot be read, or the user asked to stop.
    pub(super) fn of(source: &dyn Source, set: &ImageSet, progress: &dyn Progress) -> Result<Labelling> {
        let Some(labels) = &set.labels else {
            return Ok(Labelling::None);
        };
        let mut census = Census::default();
        let mut at = 0;
        while at < set.rows && !census.overflowed {
            output::stop_if_asked(progress)?;
            let end = set.rows.min(at + BLOCK);
            match set.classes(source, at..end) {
                Ok(classes) => census.add(classes),
                // Fractions: measurements.
                Err(e) if e.kind() == crate::ErrorKind::Mismatch && matches!(labels, Labels::Numbers(_)) => {
                    census.overflowed = true;
                }
                Err(e) => return Err(e),
            }
            at = end;
        }
        if census.overflowed {
            let path = output::printable(labels.path().as_ref());
            progress.notice(&format!("{path} holds too many different values for classes: they get no folders"));
            return Ok(Labelling::Values);
        }
        let classes: Vec<Class> = census.counts.into_keys().collect();
        let names: Vec<String> = called(set, &classes);
        let folders = names::folder_names(&names);
        let named = names.into_iter().zip(folders).map(|(name, folder)| Folder { name, folder });
        Ok(Labelling::Classes(classes.into_iter().zip(named).collect()))
    }

    /// The class that the user calls `name`: by its name, else by its number.
    ///
    /// # Errors
    /// `NotFound`, with the names that there are.
    pub(super) fn class_called(&self, name: &str) -> Result<Class> {
        let Labelling::Classes(classes) = self else {
            return Err(Error::not_found(format!("no image is of the class {name}: they have no classes")));
        };
        let by_name = classes.iter().find(|(_, folder)| folder.name == name).map(|(class, _)| class);
        let number = name.parse().ok().map(Class::Number).filter(|class| classes.contains_key(class));
        if let Some(class) = by_name.cloned().or(number) {
            return Ok(class);
        }
        let mut there: Vec<&str> = classes.values().map(|folder| folder.name.as_str()).collect();
        there.sort_unstable();
        let more = if there.len() > 10 { ", …" } else { "" };
        there.truncate(10);
        let there = output::printable(there.join(", ").as_ref());
        Err(Error::not_found(format!("no image is of the class {name}; there are: {there}{more}")))
    }

    /// The classes of `rows`; empty where they have none.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) fn classes(&self, source: &dyn Source, set: &ImageSet, rows: Range<u64>) -> Result<Vec<Class>> {
        match self {
            Labelling::Classes(_) => set.classes(source, rows),
            _ => Ok(Vec::new()),
        }
    }

    /// The labels of `rows` where they are no classes, as text.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) fn values(&self, source: &dyn Source, set: &ImageSet, rows: Range<u64>) -> Result<Vec<String>> {
        match (self, &set.labels) {
            (Labelling::Values, Some(Labels::Numbers(path))) => match source.integers(path, rows.clone()) {
                Ok(values) => Ok(values.iter().map(i64::to_string).collect()),
                Err(_) => match source.values(path, Some(rows))? {
                    Values::Bytes(values) => Ok(values.iter().map(u8::to_string).collect()),
                    Values::Floats(values) => Ok(values.iter().map(f32::to_string).collect()),
                },
            },
            (Labelling::Values, Some(Labels::Texts(path))) => source.texts(path, rows),
            _ => Ok(Vec::new()),
        }
    }

    /// The label of a row.
    pub(super) fn label(&self, class: Option<&Class>, value: Option<String>) -> Label<'_> {
        match (self, class, value) {
            (Labelling::Classes(classes), Some(class), _) => classes.get(class).map_or(Label::None, Label::Class),
            (Labelling::Values, _, Some(value)) => Label::Value(value),
            _ => Label::None,
        }
    }

    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Labelling::None)
    }
}

/// What classes are called; numbers without names get as many digits as the largest has, so that they sort.
fn called(set: &ImageSet, classes: &[Class]) -> Vec<String> {
    let largest = classes.iter().map(|class| if let Class::Number(n) = class { *n } else { 0 }).max().unwrap_or(0);
    let digits = largest.max(0).to_string().len();
    let name = |class: &Class| match class {
        Class::Text(text) => text.clone(),
        Class::Number(n) => match usize::try_from(*n).ok().and_then(|n| set.class_names.get(n)) {
            Some(name) => name.clone(),
            None if *n < 0 => n.to_string(),
            None => format!("{n:0digits$}"),
        },
    };
    classes.iter().map(name).collect()
}
