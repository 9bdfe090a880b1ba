//! One object, as its header describes it.

use super::type_info::type_info;
use super::value::{PathOf, error_info, value};
use crate::error::{Error, Result};
use crate::{Attribute, Dataset, Object};
use serde_json::{Map, Value, json};

/// Elements of an attribute that are told with its object.
const ELEMENTS: usize = 1000;

/// Everything about an object that its header tells.
pub(super) fn object_info(object: &Object, path: &str, path_of: PathOf<'_>) -> Value {
    let header = object.header();
    let mut info = Map::new();
    let mut set = |key: &str, value: Value| info.insert(key.to_owned(), value);
    set("path", path.into());
    set("kind", kind(object).into());
    set("address", object.address().into());
    set("links", header.links.into());
    if let Some(file) = object.file().place() {
        set("file", file.into());
    }
    set("headerBytes", header.bytes.into());
    if let Some(modified) = header.modified {
        set("modified", modified.into());
    }
    match object {
        Object::Group(group) => {
            if let Some(comment) = group.comment() {
                set("comment", comment.to_text().into());
            }
        }
        Object::Dataset(dataset) => {
            set("dataset", dataset_info(dataset));
        }
        Object::Datatype(named) => {
            set("type", type_info(named.datatype()));
        }
    }
    match object.attributes() {
        Ok(found) => {
            let attribute = |a: &Result<Attribute>| match a {
                Ok(a) => attribute_info(a, ELEMENTS, path_of),
                Err(e) => damaged_attribute(e),
            };
            set("attributes", found.iter().map(attribute).collect());
        }
        Err(e) => {
            set("attributes", json!([]));
            set("attributesError", error_info(&e));
        }
    }
    Value::Object(info)
}

pub(super) fn kind(object: &Object) -> &'static str {
    match object {
        Object::Group(_) => "group",
        Object::Dataset(_) => "dataset",
        Object::Datatype(_) => "datatype",
    }
}

/// A shape; null where there are no elements by declaration.
pub(super) fn shape(dataset: &Dataset) -> Value {
    if dataset.is_null() { Value::Null } else { dataset.shape().into() }
}

fn dataset_info(dataset: &Dataset) -> Value {
    let filters = dataset.filters().iter();
    let mut info = json!({
        "type": type_info(dataset.datatype()),
        "shape": shape(dataset),
        "maxShape": dataset.max_shape(),
        "layout": dataset.layout(),
        "filters": filters.map(|f| json!({"id": f.id, "name": f.title(), "parameters": f.parameters})).collect::<Vec<_>>(),
        "bytes": dataset.len().saturating_mul(dataset.datatype().size()),
    });
    let mut set = |key: &str, value: Option<Value>| {
        if let (Some(info), Some(value)) = (info.as_object_mut(), value) {
            info.insert(key.into(), value);
        }
    };
    set("chunkShape", dataset.chunk_shape().map(Into::into));
    set("chunkIndex", dataset.chunk_index().map(Into::into));
    set("dataAddress", dataset.storage_address().map(Into::into));
    info
}

/// An attribute with its first `limit` elements.
pub(super) fn attribute_info(attribute: &Attribute, limit: usize, path_of: PathOf<'_>) -> Value {
    let datatype = attribute.datatype();
    let mut info = json!({
        "name": attribute.name().to_text(), "type": type_info(datatype), "shape": attribute.shape(), "value": null,
    });
    let Some(shape) = attribute.shape() else { return info };
    match attribute.values(limit) {
        Ok(values) => {
            let total = shape.iter().fold(1u64, |n, &d| n.saturating_mul(d));
            if total > values.len() as u64 {
                info["truncated"] = true.into();
            }
            let mut values = values.iter().map(|v| value(v, datatype, path_of));
            info["value"] = if shape.is_empty() { values.next().into() } else { values.collect() };
        }
        Err(e) => info["error"] = error_info(&e),
    }
    info
}

/// Stands where an attribute is that cannot be read.
fn damaged_attribute(e: &Error) -> Value {
    json!({
        "name": "?", "type": {"class": "opaque", "tag": "", "text": "?", "size": 0}, "shape": null, "value": null,
        "error": error_info(e),
    })
}

/// How a dataset is stored. Reads the index of its chunks.
pub(super) fn storage_info(dataset: &Dataset) -> Result<Value> {
    let stored = dataset.stored_size()?;
    let mut info = json!({"stored": stored});
    if !dataset.filters().is_empty() && stored > 0 {
        let whole = dataset.len().saturating_mul(dataset.datatype().size());
        info["ratio"] = (whole as f64 / stored as f64).into();
    }
    if let Some(chunks) = dataset.chunks()? {
        info["chunksStored"] = chunks.stored.into();
        info["chunksTotal"] = chunks.total.into();
        if let Some((least, most)) = chunks.extremes {
            info["smallestChunk"] = least.into();
            info["largestChunk"] = most.into();
        }
    }
    Ok(info)
}
