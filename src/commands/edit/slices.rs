//! `edit … write`: a part of a dataset, named as in Python, and the values that it gets.

use super::values::{Written, type_of};
use crate::data::selection::Selection;
use crate::datatype::Name;
use crate::error::{Context, Error, Result};
use crate::{FileEdit, Hyperslab, Object, Select};
use std::fmt;

/// A part of a dataset as in `3,4:6,::2`; dimensions that are not named are taken whole.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slices(Vec<Slice>);

/// What is taken along a dimension. Negative indices count from its end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Slice {
    Index(i64),
    Range { start: Option<i64>, stop: Option<i64>, step: u64 },
}

impl Slices {
    /// Parses it; in brackets or not.
    pub(super) fn parse(word: &str) -> Result<Slices> {
        let inner = word.trim().trim_start_matches('[').trim_end_matches(']');
        if inner.trim().is_empty() || inner.trim() == "..." {
            return Ok(Slices(Vec::new()));
        }
        let wrong = || Error::invalid(format!("\"{word}\" is no part of a dataset; write it as in 3,4:6,::2"));
        let number = |text: &str| text.parse::<i64>().map_err(|_| wrong());
        let slice = |text: &str| {
            let bounds: Vec<&str> = text.split(':').map(str::trim).collect();
            let bound = |text: &&str| if text.is_empty() { Ok(None) } else { number(text).map(Some) };
            match &bounds[..] {
                [index] => Ok(Slice::Index(number(index)?)),
                [start, stop, rest @ ..] if rest.len() < 2 => {
                    let step = rest.first().map(bound).transpose()?.flatten().unwrap_or(1);
                    let step = u64::try_from(step).ok().filter(|&step| step > 0).ok_or_else(wrong)?;
                    Ok(Slice::Range { start: bound(start)?, stop: bound(stop)?, step })
                }
                _ => Err(wrong()),
            }
        };
        inner.split(',').map(slice).collect::<Result<_>>().map(Slices)
    }
}

impl Slice {
    /// Its first index, its step, and how many there are, in a dimension of this size.
    fn resolve(self, size: u64) -> Result<(u64, u64, u64)> {
        let from_end = |index: i64| match u64::try_from(index) {
            Ok(index) => index,
            Err(_) => size.saturating_sub(index.unsigned_abs()),
        };
        match self {
            Slice::Index(index) => {
                let inside = if index < 0 { index.unsigned_abs() <= size } else { (index as u64) < size };
                let outside = || Error::mismatch(format!("index {index} of a dimension of {size}"));
                if inside { Ok((from_end(index), 1, 1)) } else { Err(outside()) }
            }
            Slice::Range { start, stop, step } => {
                let (start, stop) = (start.map_or(0, from_end), stop.map_or(size, from_end).min(size));
                Ok((start.min(size), step, stop.saturating_sub(start).div_ceil(step)))
            }
        }
    }
}

impl Select for Slices {
    fn select(&self, shape: &[u64]) -> Result<Selection> {
        if self.0.len() > shape.len() {
            let message = format!("a part in {} dimensions of a dataset that has {}", self.0.len(), shape.len());
            return Err(Error::mismatch(message));
        }
        if shape.is_empty() {
            return (..).select(shape);
        }
        let all = Slice::Range { start: None, stop: None, step: 1 };
        let slices = self.0.iter().copied().chain(std::iter::repeat(all));
        let axes = slices.zip(shape).map(|(slice, &size)| slice.resolve(size)).collect::<Result<Vec<_>>>()?;
        let slab = Hyperslab {
            start: axes.iter().map(|(start, ..)| *start).collect(),
            stride: axes.iter().map(|(_, step, _)| *step).collect(),
            count: axes.iter().map(|(.., count)| *count).collect(),
            block: vec![1; axes.len()],
        };
        slab.select(shape)
    }
}

impl fmt::Display for Slices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = |bound: Option<i64>| bound.map_or(String::new(), |n| n.to_string());
        let slice = |slice: &Slice| match *slice {
            Slice::Index(index) => index.to_string(),
            Slice::Range { start, stop, step: 1 } => format!("{}:{}", bound(start), bound(stop)),
            Slice::Range { start, stop, step } => format!("{}:{}:{step}", bound(start), bound(stop)),
        };
        let all: Vec<String> = self.0.iter().map(slice).collect();
        f.write_str(if all.is_empty() { "..." } else { "" })?;
        f.write_str(&all.join(","))
    }
}

/// The most elements that one value is written to at once.
const MOST: u64 = 16 << 20;

/// Writes values, row by row in nested lists or one behind the other, or one value everywhere.
pub(super) fn write(edit: &mut FileEdit, path: &Name, place: &Slices, value: &str) -> Result<()> {
    let Object::Dataset(dataset) = edit.file()?.root()?.object_at(path.as_bytes()).on(&path.to_string())? else {
        return Err(Error::mismatch(format!("{path} is not a dataset")));
    };
    let count = place.select(dataset.shape())?.len();
    if count > MOST {
        return Err(Error::limit(format!(
            "a value for {count} elements, more than {MOST}; write them in several parts"
        )));
    }
    let is_text = dataset.datatype().is_string();
    let written = Written::parse(value.as_bytes(), is_text)?.flat();
    if value.starts_with('[') && !written.list && !is_text {
        return Err(Error::invalid(format!("\"{value}\" is no list as in JSON, such as [1, 2.5, \"nan\"]")));
    }
    let elements = written.elements(Some(type_of(dataset.datatype())?))?;
    elements.write(edit, path.as_bytes(), place, (written.list, count as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_as_in_python() {
        let chosen =
            |word: &str, shape: &[u64]| Slices::parse(word).and_then(|s| s.select(shape)).map(|part| part.len());
        for (word, count) in [
            ("", 60),
            ("...", 60),
            ("1", 15),
            ("[1, -2]", 5),
            (":,:,:", 60),
            ("1:3,::2,-1", 4),
            ("9:", 0),
            ("-2:,0:99", 30),
        ] {
            assert_eq!(chosen(word, &[4, 3, 5]).unwrap(), count, "{word}");
        }
        for word in ["x", "1:2:0", "1:2:-1", "1:2:3:4", "4", "-5", "1,1,1,1", "1,,"] {
            assert!(chosen(word, &[4, 3, 5]).is_err(), "{word}");
        }
        assert_eq!(Slices::parse("[1, 2: ,::3]").unwrap().to_string(), "1,2:,::3");
        assert_eq!(Slices::parse(" ").unwrap().to_string(), "...");
    }
}
