//! Objects in one line, or as JSON.

use crate::anatomy::time_text;
use crate::commands::first_paths::FirstPaths;
use crate::datatype::Name;
use crate::error::{Error, Result};
use crate::{Attribute, Dataset, FilterInfo, LinkTarget, Object, Visited};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fmt;

/// How much is said of an object.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Detail {
    Short,
    Storage,
}

/// Values of an attribute that are shown.
const VALUES: usize = 8;

/// Characters of an attribute's values that are shown.
const WIDTH: usize = 120;

/// What stands behind the name of an object or link.
pub(super) struct Behind<'a>(pub(super) &'a Visited);

impl fmt::Display for Behind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Visited::Object(Object::Group(_)) => Ok(()),
            Visited::Object(Object::Datatype(named)) => write!(f, "  datatype {}", named.datatype()),
            Visited::Object(Object::Dataset(dataset)) => write!(f, "  {} {}", Extent(dataset), dataset.datatype()),
            Visited::Again(first) => write!(f, "  = {first}"),
            Visited::Link(LinkTarget::Soft(target)) => write!(f, " -> {target}"),
            Visited::Link(LinkTarget::External { file, path }) => write!(f, " -> {file}::{path}"),
            Visited::Link(LinkTarget::User { class, .. }) => write!(f, "  user-defined link of class {class}"),
            Visited::Link(LinkTarget::Hard(address)) => write!(f, " -> {address:#x}"),
        }
    }
}

/// How an object is stored, in a few lines; an error is one of them.
pub(crate) fn details(object: &Object, creation_order: Option<i64>) -> Vec<Result<String>> {
    let mut lines = Vec::new();
    if let Object::Dataset(dataset) = object {
        lines.push(storage(dataset));
    }
    lines.push(Ok(header(object, creation_order)));
    lines
}

fn header(object: &Object, creation_order: Option<i64>) -> String {
    let header = object.header();
    let mut text = format!("header {:#x}, version {}, {} bytes", object.address(), header.version, header.bytes);
    if header.free > 0 {
        text.push_str(&format!(" ({} free)", header.free));
    }
    if header.links != 1 {
        text.push_str(&format!(", {} links", header.links));
    }
    if let Some(order) = creation_order {
        text.push_str(&format!(", link {order} of its group"));
    }
    // Times that are the same as the one before say nothing new.
    let mut said = None;
    for (time, what) in [(header.born, "made"), (header.modified, "modified"), (header.changed, "changed")] {
        if let Some(seconds) = time.filter(|_| time != said) {
            text.push_str(&format!(", {what} {}", time_text(seconds.into())));
            said = time;
        }
    }
    text
}

/// A shape as numpy writes it; `None` is a null dataspace.
pub(crate) fn shape_text(shape: Option<&[u64]>) -> String {
    shape.map_or_else(|| "null".into(), |dims| Tuple(dims.iter()).to_string())
}

/// Dimensions as numpy writes them.
struct Tuple<I>(I);

impl<I: ExactSizeIterator<Item: fmt::Display> + Clone> fmt::Display for Tuple<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, dim) in self.0.clone().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}{dim}")?;
        }
        f.write_str(if self.0.len() == 1 { ",)" } else { ")" })
    }
}

/// The shape of a dataset, and what it may become.
struct Extent<'a>(&'a Dataset);

impl fmt::Display for Extent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_null() {
            return f.write_str("null");
        }
        write!(f, "{}", Tuple(self.0.shape().iter()))?;
        let max = self.0.max_shape();
        if max.iter().zip(self.0.shape()).any(|(max, dim)| *max != Some(*dim)) {
            let max = max.iter().map(|m| m.map_or(Cow::Borrowed("∞"), |m| m.to_string().into()));
            write!(f, " up to {}", Tuple(max))?;
        }
        Ok(())
    }
}

fn storage(dataset: &Dataset) -> Result<String> {
    let mut text = dataset.layout().to_owned();
    if let Some(chunk) = dataset.chunk_shape() {
        text.push_str(&format!(" {}", shape_text(Some(chunk))));
    }
    if let Some(index) = dataset.chunk_index() {
        text.push_str(&format!(" by {index}"));
    }
    if let Some(address) = dataset.storage_address() {
        text.push_str(&format!(" at {address:#x}"));
    }
    for filter in dataset.filters() {
        text.push_str(&format!(", {}", filter_text(filter)));
    }
    let stored = dataset.stored_size()?;
    if let Some(chunks) = dataset.chunks()? {
        text.push_str(&format!(", {} of {} chunks", chunks.stored, chunks.total));
    }
    text.push_str(&format!(", {stored} bytes"));
    if let Some(ratio) = ratio(dataset, stored) {
        text.push_str(&format!(" ({ratio:.2}:1)"));
    }
    Ok(text)
}

/// How many times smaller filters make the data; nothing where there are none.
fn ratio(dataset: &Dataset, stored: u64) -> Option<f64> {
    let whole = dataset.len().saturating_mul(dataset.datatype().size());
    (!dataset.filters().is_empty() && stored > 0).then(|| whole as f64 / stored as f64)
}

/// A filter with its parameters; the level of gzip is in its name.
fn filter_text(filter: &FilterInfo) -> String {
    let title = Name::from(&*filter.title()).to_string();
    if filter.parameters.is_empty() || title.ends_with(|c: char| c.is_ascii_digit()) {
        return title;
    }
    format!("{title} {:?}", filter.parameters)
}

/// An attribute's values, as many as fit a line.
pub(super) fn attribute_text(attribute: &Attribute, paths: &FirstPaths<'_>) -> String {
    let Some(shape) = attribute.shape() else {
        return format!("null {}", attribute.datatype());
    };
    let values = match attribute.values(VALUES) {
        Ok(values) => values,
        Err(e) => return error_text(&e),
    };
    let total: u64 = shape.iter().product();
    let path_of = |address| paths.get(address).map(Name::to_string);
    let mut text = values.iter().map(|v| v.with_paths(&path_of).to_string()).collect::<Vec<_>>().join(", ");
    if text.chars().count() > WIDTH {
        text = text.chars().take(WIDTH).chain(['…']).collect();
    } else if total > values.len() as u64 {
        text.push_str(", …");
    }
    if shape.is_empty() { text } else { format!("[{text}]  {} {}", shape_text(Some(shape)), attribute.datatype()) }
}

/// An error in one line that cannot steer the terminal.
pub(super) fn error_text(e: &Error) -> String {
    Name::from(&*e.to_string()).to_string()
}

/// Whether a line of JSON tells of something that could not be read.
pub(super) fn has_error(record: &Value) -> bool {
    match record {
        Value::Object(map) => map.contains_key("error") || map.values().any(has_error),
        _ => false,
    }
}

/// An object as a line of JSON, with its attributes where `attributes` can say where their references lead.
pub(super) fn json_record(path: &Name, what: &Visited, detail: Detail, attributes: Option<&FirstPaths<'_>>) -> Value {
    let mut record = Map::new();
    record.insert("path".into(), path.to_text().into());
    let mut set = |key: &str, value: Value| record.insert(key.into(), value);
    match what {
        Visited::Again(first) => {
            set("same_as", first.to_text().into());
        }
        Visited::Link(LinkTarget::Soft(target)) => {
            set("kind", "soft".into());
            set("target", target.to_text().into());
        }
        Visited::Link(LinkTarget::External { file, path }) => {
            set("kind", "external".into());
            set("file", file.to_text().into());
            set("target", path.to_text().into());
        }
        Visited::Link(LinkTarget::User { class, .. }) => {
            set("kind", "user".into());
            set("class", (*class).into());
        }
        Visited::Link(LinkTarget::Hard(address)) => {
            set("kind", "hard".into());
            set("address", (*address).into());
        }
        Visited::Object(object) => {
            json_object(&mut record, object, detail);
            if let Some(paths) = attributes {
                record.insert("attributes".into(), json_attributes(object, paths));
            }
        }
    }
    Value::Object(record)
}

fn json_object(record: &mut Map<String, Value>, object: &Object, detail: Detail) {
    let mut set = |key: &str, value: Value| record.insert(key.into(), value);
    match object {
        Object::Group(_) => {
            set("kind", "group".into());
        }
        Object::Datatype(named) => {
            set("kind", "datatype".into());
            set("type", named.datatype().to_string().into());
        }
        Object::Dataset(dataset) => {
            set("kind", "dataset".into());
            set("shape", if dataset.is_null() { Value::Null } else { dataset.shape().into() });
            set("max", json!(dataset.max_shape()));
            set("type", dataset.datatype().to_string().into());
            set("layout", dataset.layout().into());
            set("chunks", json!(dataset.chunk_shape()));
            set("filters", dataset.filters().iter().map(|f| json!({"id": f.id, "name": f.title()})).collect());
            if detail == Detail::Storage {
                json_storage(record, dataset);
            }
        }
    }
    if detail == Detail::Storage {
        let header = object.header();
        let times = json!({
            "born": header.born, "modified": header.modified, "changed": header.changed, "accessed": header.accessed,
        });
        let header = json!({
            "version": header.version, "bytes": header.bytes, "free": header.free, "chunks": header.chunks,
            "links": header.links,
        });
        record.insert("address".into(), object.address().into());
        record.insert("header".into(), header);
        record.insert("times".into(), times);
    }
}

fn json_storage(record: &mut Map<String, Value>, dataset: &Dataset) {
    let mut set = |key: &str, value: Value| record.insert(key.into(), value);
    let filters = dataset.filters().iter();
    set("filters", filters.map(|f| json!({"id": f.id, "name": f.title(), "parameters": f.parameters})).collect());
    set("index", json!(dataset.chunk_index()));
    set("data_address", json!(dataset.storage_address()));
    match dataset.stored_size() {
        Err(e) => set("stored", json!({"error": error_text(&e)})),
        Ok(stored) => {
            set("ratio", json!(ratio(dataset, stored)));
            set("stored", stored.into())
        }
    };
    if let Ok(Some(chunks)) = dataset.chunks() {
        set("chunks_stored", chunks.stored.into());
        set("chunks_total", chunks.total.into());
    }
}

fn json_attributes(object: &Object, paths: &FirstPaths<'_>) -> Value {
    let found = match object.attributes() {
        Ok(found) => found,
        Err(e) => return json!({"error": error_text(&e)}),
    };
    let mut map = Map::new();
    for attribute in found {
        match attribute {
            Ok(a) => {
                let shape = a.shape().map_or(Value::Null, Value::from);
                let record =
                    json!({"type": a.datatype().to_string(), "shape": shape, "value": attribute_text(&a, paths)});
                map.insert(a.name().to_text().into_owned(), record);
            }
            Err(e) => {
                map.insert("!".into(), json!({"error": error_text(&e)}));
            }
        }
    }
    Value::Object(map)
}
