//! Counting: one object after the other, nothing kept but sums and the largest ones.

use crate::anatomy::Map;
use crate::datatype::{Datatype, Name};
use crate::error::Result;
use crate::{Dataset, LinkTarget, Object, Visit, Visited};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Datasets that have something in common.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sum {
    pub(super) datasets: u64,
    /// Bytes of their elements.
    pub(super) logical: u64,
    /// Bytes that those take in the file.
    pub(super) stored: u64,
}

impl Sum {
    fn add(&mut self, logical: u64, stored: u64) {
        self.datasets += 1;
        self.logical = self.logical.saturating_add(logical);
        self.stored = self.stored.saturating_add(stored);
    }
}

/// A dataset among the largest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Large {
    pub(super) stored: u64,
    pub(super) path: String,
    pub(super) logical: u64,
}

/// A number of things and the most that one has of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Most {
    pub(super) number: u64,
    pub(super) path: String,
}

impl Most {
    fn offer(&mut self, number: u64, path: &str) {
        if number > self.number {
            (self.number, self.path) = (number, path.to_owned());
        }
    }
}

/// Everything that is counted.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) groups: u64,
    pub(super) datatypes: u64,
    pub(super) hard: u64,
    pub(super) soft: u64,
    pub(super) external: u64,
    pub(super) user: u64,
    pub(super) deepest: usize,
    /// The group with most links.
    pub(super) most_links: Most,
    pub(super) headers: [u64; 2],
    pub(super) header_bytes: u64,
    pub(super) header_free: u64,
    pub(super) header_chunks: u64,
    pub(super) attributes: u64,
    pub(super) attribute_bytes: u64,
    pub(super) with_attributes: u64,
    /// The object with most attributes.
    pub(super) most_attributes: Most,
    pub(super) datasets: Sum,
    pub(super) layouts: BTreeMap<String, Sum>,
    pub(super) indexes: BTreeMap<String, Sum>,
    pub(super) filters: BTreeMap<String, Sum>,
    pub(super) classes: BTreeMap<String, Sum>,
    pub(super) chunks_stored: u64,
    pub(super) chunks_total: u64,
    pub(super) chunk_bytes: u64,
    pub(super) chunk_extremes: Option<(u64, u64)>,
    pub(super) largest: BTreeSet<Large>,
    most: usize,
    /// Pieces and bytes of the file, by kind.
    pub(super) kinds: Vec<(&'static str, u64, u64)>,
    pub(super) file_bytes: u64,
    pub(super) unused: u64,
    pub(super) errors: Vec<String>,
    /// Links of the groups on the way to where the walk is.
    open: Vec<(String, u64)>,
}

impl Tally {
    pub(super) fn new(most: usize) -> Tally {
        Tally { most, ..Tally::default() }
    }

    /// Takes in a step of the walk.
    pub(super) fn visit(&mut self, visit: &Visit) {
        let depth = visit.depth();
        self.deepest = self.deepest.max(depth);
        if depth > 0 {
            self.open.truncate(depth);
            if let Some((path, links)) = self.open.last_mut() {
                *links += 1;
                self.most_links.offer(*links, path);
            }
        }
        match visit.what() {
            Visited::Object(object) => {
                self.hard += u64::from(depth > 0);
                if matches!(object, Object::Group(_)) {
                    self.open.push((visit.path().to_string(), 0));
                }
                self.object(object, visit.path());
            }
            Visited::Again(_) | Visited::Link(LinkTarget::Hard(_)) => self.hard += 1,
            Visited::Link(LinkTarget::Soft(_)) => self.soft += 1,
            Visited::Link(LinkTarget::External { .. }) => self.external += 1,
            Visited::Link(LinkTarget::User { .. }) => self.user += 1,
        }
    }

    fn object(&mut self, object: &Object, path: &Name) {
        let header = object.header();
        self.headers[usize::from(header.version > 1)] += 1;
        self.header_bytes += header.bytes;
        self.header_free += header.free;
        self.header_chunks += u64::from(header.chunks);
        match object {
            Object::Group(_) => self.groups += 1,
            Object::Datatype(_) => self.datatypes += 1,
            Object::Dataset(dataset) => {
                if let Err(e) = self.dataset(dataset, path) {
                    self.errors.push(e.to_string());
                }
            }
        }
        match object.attributes() {
            Err(e) => self.errors.push(e.to_string()),
            Ok(found) => {
                self.with_attributes += u64::from(!found.is_empty());
                if found.len() as u64 > self.most_attributes.number {
                    self.most_attributes = Most { number: found.len() as u64, path: path.to_string() };
                }
                for attribute in found {
                    match attribute {
                        Ok(attribute) => {
                            self.attributes += 1;
                            self.attribute_bytes += attribute.stored().len() as u64;
                        }
                        Err(e) => self.errors.push(e.to_string()),
                    }
                }
            }
        }
    }

    fn dataset(&mut self, dataset: &Dataset, path: &Name) -> Result<()> {
        let logical = dataset.len().saturating_mul(dataset.datatype().size());
        let stored = dataset.stored_size();
        // A dataset whose index is damaged is counted all the same.
        let bytes = *stored.as_ref().unwrap_or(&0);
        self.datasets.add(logical, bytes);
        let add = |sums: &mut BTreeMap<String, Sum>, name: String| sums.entry(name).or_default().add(logical, bytes);
        add(&mut self.layouts, dataset.layout().into());
        add(&mut self.classes, class(dataset.datatype()).into());
        if let Some(index) = dataset.chunk_index() {
            add(&mut self.indexes, index.into());
            let titles: Vec<String> = dataset.filters().iter().map(crate::FilterInfo::title).collect();
            let name = if titles.is_empty() { "none".into() } else { Name::from(&*titles.join(", ")).to_string() };
            add(&mut self.filters, name);
        }
        if bytes > 0 {
            self.largest.insert(Large { stored: bytes, path: path.to_string(), logical });
            if self.largest.len() > self.most {
                self.largest.pop_first();
            }
        }
        stored?;
        if let Some(chunks) = dataset.chunks()? {
            self.chunks_stored += chunks.stored;
            self.chunks_total = self.chunks_total.saturating_add(chunks.total);
            self.chunk_bytes += chunks.bytes;
            self.chunk_extremes = match (self.chunk_extremes, chunks.extremes) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (known, new) => known.or(new),
            };
        }
        Ok(())
    }

    /// Takes in where the bytes of the file go.
    pub(super) fn space(&mut self, map: &Map) {
        let mut kinds: HashMap<_, (u64, u64)> = HashMap::new();
        for piece in map.pieces() {
            let sum = kinds.entry(piece.kind).or_default();
            sum.0 += u64::from(piece.count);
            sum.1 += piece.length;
            if piece.kind.is_unused() {
                self.unused += piece.length;
            }
        }
        self.file_bytes = map.size();
        self.kinds = kinds.into_iter().map(|(kind, (pieces, bytes))| (kind.name(), pieces, bytes)).collect();
        self.kinds.sort_by_key(|(name, _, bytes)| (std::cmp::Reverse(*bytes), *name));
        if !map.findings().is_empty() {
            let n = map.findings().len() as u64 + map.more_findings();
            self.errors.push(format!("{n} findings in the file's structures; `explain` says which"));
        }
    }
}

/// The class of a datatype.
fn class(datatype: &Datatype) -> &'static str {
    match datatype {
        Datatype::Integer { .. } => "integer",
        Datatype::Float(_) => "float",
        Datatype::Time(_) => "time",
        Datatype::FixedString { .. } | Datatype::VariableString { .. } => "string",
        Datatype::BitField(_) => "bit field",
        Datatype::Opaque { .. } => "opaque",
        Datatype::Compound { .. } => "compound",
        Datatype::Reference { .. } => "reference",
        Datatype::Enumeration { .. } => "enumeration",
        Datatype::Sequence { .. } => "sequence",
        Datatype::Array { .. } => "array",
        Datatype::Complex(_) => "complex",
    }
}
