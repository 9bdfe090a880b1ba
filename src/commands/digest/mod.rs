//! `digest`: what a file contains, whatever its layout, filters and format version. Two files with the same digest hold
//! the same objects, types, shapes, values, links and attributes.

mod canonical;
mod type_name;

use super::{Command, Outcome, Progress, open::Opening};
use crate::datatype::Datatype;
use crate::error::{ErrorKind, Result};
use crate::{Attribute, Dataset, File, LinkTarget, Object, Visit, Visited, Walk};
use canonical::{Canonical, Targets};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use type_name::{memory_size, text, type_name};

/// Larger data are described and not read, unless `--full` asks for it.
const MAX_BYTES: u64 = 256 << 20;

/// Bytes read and hashed at a time.
const BLOCK: u64 = 4 << 20;

/// Describes what a file contains: objects, types, shapes, links, attributes, and a SHA-256 of every value.
///
/// The digest does not depend on layout, chunking, filters or format version: a repacked file has the same one, and one
/// changed bit of data gives another.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  h5manager digest run.h5                     one hash for the whole file
  h5manager digest --json run.h5              one line of JSON for each object
  diff <(h5manager digest --json a.h5) <(h5manager digest --json b.h5)")]
pub struct Digest {
    /// The file.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// One JSON object a line for each object of the file, instead of one hash.
    #[arg(long)]
    json: bool,
    /// Read data of more than 256 MiB, too.
    #[arg(long)]
    full: bool,
    /// How files are opened.
    #[command(flatten)]
    pub opening: Opening,
}

impl Command for Digest {
    fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome> {
        let mut outcome = Outcome::Fine;
        for path in &self.files {
            let file = self.opening.open(path)?;
            if self.json {
                self.records(&file, progress, &mut |record| Ok(writeln!(out, "{record}")?))?;
                continue;
            }
            // The hash of the whole is that of its records, keys in order.
            let mut whole = Sha256::new();
            let mut unread = 0;
            self.records(&file, progress, &mut |record| {
                let record = record.to_string();
                // Keys are written with their quotes; those inside values are escaped.
                unread += record.matches("\"error\":").count() + record.matches("\"attrs_error\":").count();
                whole.update(record);
                whole.update(b"\n");
                Ok(())
            })?;
            writeln!(out, "{}  {}", hex(&whole.finalize()), path.display())?;
            if unread > 0 {
                let path = super::output::printable(path);
                progress.notice(&format!("{path}: {unread} things could not be read; --json says which and why"));
                outcome = Outcome::Finding;
            }
        }
        Ok(outcome)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut s, b| {
        // Writing to a string cannot fail.
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// Why the links of a group cannot all be told. A digest says what a group contains; of what is left of a damaged one
/// nobody knows that, and libhdf5 tells nothing of it either.
fn unlisted(visit: &Visit) -> Option<crate::Error> {
    let Visited::Object(Object::Group(group)) = visit.what() else {
        return None;
    };
    match group.links_unordered() {
        Ok(mut links) => links.find_map(Result::err),
        Err(e) => Some(e),
    }
}

impl Digest {
    /// Reads everything, however large.
    pub(super) fn in_full() -> Digest {
        Digest { files: Vec::new(), json: true, full: true, opening: Opening::default() }
    }

    pub(super) fn records(
        &self,
        file: &File,
        progress: &dyn Progress,
        emit: &mut dyn FnMut(Value) -> Result<()>,
    ) -> Result<()> {
        self.each(file.walk(), &Targets::new(file, ""), progress, emit)
    }

    /// The records of what is in a group, as if that were a file: paths begin there.
    pub(super) fn records_below(
        &self,
        (file, group): (&File, &str),
        progress: &dyn Progress,
        emit: &mut dyn FnMut(Value) -> Result<()>,
    ) -> Result<()> {
        self.each(file.group(group)?.walk(), &Targets::new(file, group), progress, emit)
    }

    fn each(
        &self,
        mut walk: Walk,
        targets: &Targets<'_>,
        progress: &dyn Progress,
        emit: &mut dyn FnMut(Value) -> Result<()>,
    ) -> Result<()> {
        while let Some(step) = walk.next() {
            if progress.stopped() {
                return Err(crate::Error::new(ErrorKind::Interrupted, "stopped"));
            }
            emit(match step {
                Ok(visit) => match unlisted(&visit) {
                    None => self.record(&visit, targets),
                    Some(e) => {
                        walk.skip_group();
                        json!({"path": text(visit.path().as_bytes()), "kind": "error", "error": e.to_string()})
                    }
                },
                Err(e) => {
                    json!({"path": e.object().unwrap_or("/"), "kind": "error", "error": e.to_string()})
                }
            })?;
        }
        Ok(())
    }

    fn record(&self, visit: &Visit, targets: &Targets<'_>) -> Value {
        let path = targets.below(&text(visit.path().as_bytes()));
        match visit.what() {
            Visited::Again(first) => json!({"path": path, "same_as": targets.below(&text(first.as_bytes()))}),
            Visited::Link(LinkTarget::Soft(target)) => {
                json!({"path": path, "kind": "soft", "target": targets.below(&text(target.as_bytes()))})
            }
            Visited::Link(LinkTarget::External { file, path: inside }) => {
                let (file, target) = (text(file.as_bytes()), text(inside.as_bytes()));
                json!({"path": path, "kind": "external", "file": file, "target": target})
            }
            Visited::Link(LinkTarget::User { class, .. }) => {
                json!({"path": path, "kind": "user", "class": class})
            }
            Visited::Link(_) => json!({"path": path, "kind": "error"}),
            Visited::Object(object) => Value::Object(self.object(path, object, targets)),
        }
    }

    fn object(&self, path: String, object: &Object, targets: &Targets<'_>) -> Map<String, Value> {
        let mut record = Map::new();
        record.insert("path".into(), path.into());
        match object {
            Object::Group(_) => {
                record.insert("kind".into(), "group".into());
            }
            Object::Datatype(named) => {
                record.insert("kind".into(), "datatype".into());
                record.insert("type".into(), type_name(named.datatype()).into());
            }
            Object::Dataset(dataset) => {
                record.insert("kind".into(), "dataset".into());
                self.dataset(&mut record, dataset, targets);
            }
        }
        let mut attributes = Map::new();
        match object.attributes() {
            Err(e) => {
                record.insert("attrs_error".into(), e.to_string().into());
            }
            Ok(found) => {
                for attribute in found {
                    match attribute {
                        Ok(a) => {
                            let described = self.attribute(&a, targets);
                            attributes.insert(text(a.name().as_bytes()), Value::Object(described));
                        }
                        Err(e) => {
                            record.insert("attrs_error".into(), e.to_string().into());
                        }
                    }
                }
            }
        }
        record.insert("attrs".into(), Value::Object(attributes));
        record
    }

    fn dataset(&self, record: &mut Map<String, Value>, dataset: &Dataset, targets: &Targets<'_>) {
        record.insert("type".into(), type_name(dataset.datatype()).into());
        if dataset.is_null() {
            record.insert("shape".into(), Value::Null);
            return;
        }
        let shape = dataset.shape();
        record.insert("shape".into(), shape.into());
        if dataset.max_shape().iter().zip(shape).any(|(max, dim)| *max != Some(*dim)) {
            record.insert("max".into(), json!(dataset.max_shape()));
        }
        if self.too_large(dataset.len(), dataset.datatype()) {
            record.insert("data".into(), Value::Null);
            return;
        }
        insert_data(record, hash_dataset(dataset, targets));
    }

    fn attribute(&self, attribute: &Attribute, targets: &Targets<'_>) -> Map<String, Value> {
        let mut record = Map::new();
        record.insert("type".into(), type_name(attribute.datatype()).into());
        let Some(shape) = attribute.shape() else {
            record.insert("shape".into(), Value::Null);
            return record;
        };
        record.insert("shape".into(), shape.into());
        let heap = attribute.heap();
        let mut hasher = Sha256::new();
        let hashed = Canonical::new(attribute.datatype(), &heap, targets).feed(attribute.stored(), &mut hasher);
        insert_data(&mut record, hashed.map(|()| hex(&hasher.finalize())));
        record
    }

    fn too_large(&self, elements: u64, datatype: &Datatype) -> bool {
        !self.full && elements.saturating_mul(memory_size(datatype)) > MAX_BYTES
    }
}

fn insert_data(record: &mut Map<String, Value>, hash: Result<String>) {
    match hash {
        Ok(hash) => record.insert("data".into(), hash.into()),
        Err(e) => record.insert("error".into(), e.to_string().into()),
    };
}

fn hash_dataset(dataset: &Dataset, targets: &Targets<'_>) -> Result<String> {
    let mut hasher = Sha256::new();
    for block in dataset.blocks(BLOCK) {
        let bytes = dataset.select(block)?.read_stored()?;
        // A heap for each block: the limit is meant for one call.
        let heap = dataset.heap();
        Canonical::new(dataset.datatype(), &heap, targets).feed(&bytes, &mut hasher)?;
    }
    Ok(hex(&hasher.finalize()))
}
