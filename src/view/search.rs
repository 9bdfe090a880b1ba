//! Finding a text in paths, names of attributes and their texts.

use super::crawl::Met;
use super::object::{kind, shape};
use crate::{Attribute, LinkTarget, Object};
use serde_json::{Value, json};

/// Elements of an attribute that are searched.
const ELEMENTS: usize = 100;

/// What of a link matches a text in lower case.
pub(super) fn hits(met: &Met, text: &str, found: &mut Vec<Value>) {
    let matches = |candidate: &str| candidate.to_lowercase().contains(text);
    let name = met.link.name().to_text();
    if matches(&name) || (text.contains('/') && matches(&met.path)) {
        found.push(hit(met));
    }
    let Some(Ok(object)) = &met.object else { return };
    for attribute in object.attributes().into_iter().flatten().flatten() {
        if matches(&attribute.name().to_text()) || has_text(&attribute, &matches) {
            let mut hit = hit(met);
            hit["attribute"] = attribute.name().to_text().into();
            found.push(hit);
        }
    }
}

fn has_text(attribute: &Attribute, matches: &dyn Fn(&str) -> bool) -> bool {
    if !attribute.datatype().is_string() {
        return false;
    }
    let texts = attribute.values(ELEMENTS).unwrap_or_default();
    texts.iter().any(|v| matches!(v, crate::Value::String(text) if matches(&text.to_text())))
}

fn hit(met: &Met) -> Value {
    let mut hit = json!({"path": met.path, "kind": "link"});
    match &met.object {
        Some(Ok(object)) => {
            hit["kind"] = kind(object).into();
            if let Object::Dataset(dataset) = object {
                hit["shape"] = shape(dataset);
                hit["type"] = dataset.datatype().to_string().into();
            }
        }
        Some(Err(_)) => hit["kind"] = "broken".into(),
        None if matches!(met.link.target(), LinkTarget::Hard(_)) => hit["kind"] = "group".into(),
        None => {}
    }
    hit
}
