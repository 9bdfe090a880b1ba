//! Values of any datatype as the page gets them, and errors.

use super::type_info::{complex_base, integer, is_boolean};
use crate::datatype::Datatype;
use crate::error::{Error, ErrorKind};
use crate::{Reference, Value as Element};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fmt::Write;

/// What an object is called, for a reference that has only its address.
#[derive(Clone, Copy)]
pub(super) enum PathOf<'a> {
    /// The paths of those that were met, by the addresses of their headers.
    Here(&'a HashMap<u64, String>),
    /// Addresses are those of another file, at this place.
    Elsewhere(&'a str),
}

impl PathOf<'_> {
    fn of(self, address: u64) -> Option<String> {
        match self {
            PathOf::Here(paths) => paths.get(&address).cloned(),
            PathOf::Elsewhere(_) => None,
        }
    }
}

/// A value of this datatype.
pub(super) fn value(element: &Element, datatype: &Datatype, path_of: PathOf<'_>) -> Value {
    match (element, datatype) {
        (Element::Enumeration(n, _), _) if is_boolean(datatype) && (0..=1).contains(n) => (*n == 1).into(),
        (Element::Integer(n) | Element::Enumeration(n, _), _) => integer(*n, datatype.size()),
        (Element::Float(x), _) => float(*x),
        (Element::Complex(re, im), _) => json!({"re": float(*re), "im": float(*im)}),
        (Element::String(text), _) => text.to_text().into(),
        (Element::Bytes(bytes), _) => json!({"b": hex(bytes)}),
        (Element::Compound(values), Datatype::Compound { members, .. }) => match values.as_slice() {
            [(_, Element::Float(re)), (_, Element::Float(im))] if complex_base(datatype).is_some() => {
                json!({"re": float(*re), "im": float(*im)})
            }
            _ => values.iter().zip(members).map(|((_, v), m)| value(v, &m.datatype, path_of)).collect(),
        },
        (Element::Sequence(values), Datatype::Sequence { base, .. } | Datatype::Array { base, .. }) => {
            values.iter().map(|v| value(v, base, path_of)).collect()
        }
        (Element::Reference { to, .. }, _) => reference(element, to, path_of),
        _ => Value::Null,
    }
}

/// JSON has no infinities.
fn float(x: f64) -> Value {
    match x {
        _ if x.is_finite() => x.into(),
        _ if x.is_nan() => json!({"f": "NaN"}),
        _ if x > 0.0 => json!({"f": "Infinity"}),
        _ => json!({"f": "-Infinity"}),
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for b in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{b:02x}");
    }
    text
}

fn reference(element: &Element, to: &Reference, path_of: PathOf<'_>) -> Value {
    let mut map = Map::new();
    let kind = match to {
        Reference::Null => "null",
        Reference::Region { .. } => "region",
        Reference::Attribute { .. } => "attribute",
        Reference::Object { .. } => "object",
    };
    map.insert("reference".into(), kind.into());
    map.insert("text".into(), element.with_paths(&|address| path_of.of(address)).to_string().into());
    if let Some(address) = to.address() {
        map.insert("address".into(), address.into());
        if let Some(path) = path_of.of(address).filter(|_| to.file().is_none()) {
            map.insert("path".into(), path.into());
        }
    }
    if let Reference::Attribute { name, .. } = to {
        map.insert("attribute".into(), name.to_text().into());
    }
    if let Some(file) = to.file() {
        map.insert("file".into(), file.to_text().into());
    } else if let PathOf::Elsewhere(file) = path_of {
        map.insert("file".into(), file.into());
    }
    Value::Object(map)
}

/// The names of kinds of errors that the page knows.
pub(super) fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Io | ErrorKind::Missing => "io",
        ErrorKind::Damaged => "damaged",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Denied => "denied",
        ErrorKind::Limit => "limit",
        ErrorKind::NotFound => "not-found",
        ErrorKind::Mismatch => "mismatch",
        ErrorKind::Interrupted => "cancelled",
        ErrorKind::Conflict | ErrorKind::Invalid => "invalid",
    }
}

/// An error that is the answer to a request.
pub(super) fn failure(e: &Error) -> Value {
    json!({
        "kind": kind_name(e.kind()), "message": e.to_string(), "path": e.object(), "structure": e.structure(),
        "address": e.address(),
    })
}

/// An error that is a part of an answer.
pub(super) fn error_info(e: &Error) -> Value {
    json!({"kind": kind_name(e.kind()), "text": e.to_string()})
}
