//! The members of a group, page by page.

use super::object::{kind, shape};
use super::value::error_info;
use crate::datatype::Name;
use crate::error::{Error, ErrorKind, Result};
use crate::{Group, Link, LinkTarget, Object};
use serde_json::{Map, Value, json};

/// The links of a group, as they were listed once. A part that cannot be read is an error among them.
pub(super) struct Links {
    pub(super) path: String,
    pub(super) by_creation: bool,
    pub(super) found: Vec<Result<Link, (Option<String>, Value)>>,
}

impl Links {
    pub(super) fn of(group: &Group, path: &str, by_creation: bool) -> Result<Links> {
        let by_creation = by_creation && group.tracks_creation_order()?;
        let keep = |link: Result<Link>| link.map_err(|e| (e.object().map(str::to_owned), error_info(&e)));
        let found = if by_creation {
            group.links_by_creation_order()?.map(keep).collect()
        } else {
            group.links()?.map(keep).collect()
        };
        Ok(Links { path: path.to_owned(), by_creation, found })
    }

    /// A page of them, each with what it leads to; calls `met` with the address and the path of each object.
    pub(super) fn page(&self, group: &Group, offset: u64, count: u64, met: &mut dyn FnMut(u64, &str)) -> Value {
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let children = self.found.iter().skip(skipped).take(count).map(|link| match link {
            Ok(link) => child(group, &self.path, link, met),
            Err((_, error)) => json!({
                "name": "?", "path": self.path, "kind": "broken", "link": {"kind": "hard"}, "error": error,
            }),
        });
        let children: Vec<Value> = children.collect();
        json!({"path": self.path, "total": self.found.len(), "offset": offset, "children": children})
    }
}

/// The path of a name in the group at `path`. One that a path cannot have (a slash in it, bytes that are no text) is told
/// by the object's address.
pub(super) fn path_below(path: &str, link: &Link) -> String {
    match (is_plain(link.name()), link.target()) {
        (false, LinkTarget::Hard(address)) => format!("<object at {address:#x}>"),
        _ => format!("{}/{}", path.trim_end_matches('/'), link.name().to_text()),
    }
}

fn is_plain(name: &Name) -> bool {
    std::str::from_utf8(name.as_bytes()).is_ok_and(|text| !text.contains('/') && text != "." && !text.is_empty())
}

/// What a link leads to.
pub(super) fn follow(group: &Group, link: &Link) -> Result<Object> {
    match link.target() {
        LinkTarget::Hard(address) => group.file().object_at(*address),
        _ if is_plain(link.name()) => group.object(&link.name().to_text()),
        _ => Err(Error::new(ErrorKind::Unsupported, "a link whose name is no text")),
    }
}

fn child(group: &Group, above: &str, link: &Link, met: &mut dyn FnMut(u64, &str)) -> Value {
    let path = path_below(above, link);
    let mut info = Map::new();
    let mut set = |key: &str, value: Value| info.insert(key.into(), value);
    set("name", link.name().to_text().into());
    set("path", path.as_str().into());
    set("link", link_info(link.target()));
    match follow(group, link) {
        Ok(object) => {
            set("kind", kind(&object).into());
            // Addresses of another file say nothing about this one.
            if object.file().is_first() {
                set("address", object.address().into());
            }
            if let LinkTarget::Hard(address) = link.target() {
                met(*address, &path);
            }
            match &object {
                Object::Dataset(dataset) => {
                    set("shape", shape(dataset));
                    set("type", dataset.datatype().to_string().into());
                }
                Object::Datatype(named) => {
                    set("type", named.datatype().to_string().into());
                }
                Object::Group(_) => {}
            }
        }
        Err(e) => {
            let elsewhere = matches!(link.target(), LinkTarget::External { .. } | LinkTarget::User { .. });
            set("kind", if elsewhere { "link" } else { "broken" }.into());
            set("error", error_info(&e));
        }
    }
    Value::Object(info)
}

fn link_info(target: &LinkTarget) -> Value {
    match target {
        LinkTarget::Hard(_) => json!({"kind": "hard"}),
        LinkTarget::Soft(path) => json!({"kind": "soft", "target": path.to_text()}),
        LinkTarget::External { file, path } => {
            json!({"kind": "external", "file": file.to_text(), "target": path.to_text()})
        }
        LinkTarget::User { class, .. } => json!({"kind": "user", "class": class}),
    }
}
