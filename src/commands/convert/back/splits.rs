//! The parts of a set that are ranges of its rows, as Fuel writes them down: the attribute `split` of the root, a row
//! for each part and dataset.

use crate::image_set::{ImageSet, Kind};
use crate::{File, Value};
use std::ops::Range;

/// The parts of `set` with their rows; none if it has no such parts, or if they are no plain ranges.
pub(super) fn of(file: &File, set: &ImageSet) -> Vec<(String, Range<u64>)> {
    let Kind::Stack(pictures) = &set.kind else {
        return Vec::new();
    };
    let Ok(Some(attribute)) = file.root().and_then(|root| root.attribute("split")) else {
        return Vec::new();
    };
    let source = pictures.path.trim_matches('/');
    let Ok(rows) = attribute.values(10_000) else {
        return Vec::new();
    };
    let parts: Vec<_> = rows.iter().filter_map(|row| part(row, source)).collect();
    let is_plain = |(_, range): &(String, Range<u64>)| range.start < range.end && range.end <= set.rows;
    if parts.iter().all(is_plain) { parts } else { Vec::new() }
}

/// The name and rows of a part, if it is one of `source`.
fn part(row: &Value, source: &str) -> Option<(String, Range<u64>)> {
    let Value::Compound(members) = row else {
        return None;
    };
    let member = |name: &str| members.iter().find(|(n, _)| *n == *name).map(|(_, value)| value);
    let text = |name: &str| match member(name)? {
        Value::String(text) => Some(text.to_text().into_owned()),
        _ => None,
    };
    let number = |name: &str| match member(name)? {
        Value::Integer(n) => u64::try_from(*n).ok(),
        _ => None,
    };
    // A list of rows that are no range lies elsewhere; its start and stop say nothing.
    let is_range = match member("indices") {
        Some(Value::Reference { stored, .. }) => stored.iter().all(|&b| b == 0),
        _ => true,
    };
    if text("source")? != source {
        return None;
    }
    Some((text("split")?, if is_range { number("start")?..number("stop")? } else { 0..0 }))
}
