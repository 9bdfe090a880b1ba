//! Counting: one object after the other, nothing kept but sums and the largest ones.

use super::found::{Counted, Found, Kind, Stored, What};
use crate::anatomy::Map;
use crate::datatype::Name;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Datasets that have something in common.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sum {
    pub(super) datasets: u64,
    /// Bytes of their elements.
    pub(super) logical: u64,
    /// Bytes that those take in the file.
    pub(super) stored: u64,
}

/// What datasets have in common, and their sums.
pub(super) type Sums = BTreeMap<Cow<'static, str>, Sum>;

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
    fn offer(&mut self, number: u64, path: &Name) {
        if number > self.number {
            (self.number, self.path) = (number, path.to_string());
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
    pub(super) layouts: Sums,
    pub(super) indexes: Sums,
    pub(super) filters: Sums,
    pub(super) classes: Sums,
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
    open: Vec<(Name, u64)>,
}

impl Tally {
    pub(super) fn new(most: usize) -> Tally {
        Tally { most, ..Tally::default() }
    }

    /// Takes in a step of the walk.
    pub(super) fn add(&mut self, found: Found) {
        let Found { depth, path, what, errors } = found;
        self.errors.extend(errors);
        self.deepest = self.deepest.max(depth);
        if depth > 0 {
            self.open.truncate(depth);
            if let Some((path, links)) = self.open.last_mut() {
                *links += 1;
                self.most_links.offer(*links, path);
            }
        }
        match what {
            What::Object(object) => {
                self.hard += u64::from(depth > 0);
                self.object(object, path);
            }
            What::Again => self.hard += 1,
            What::Soft => self.soft += 1,
            What::External => self.external += 1,
            What::User => self.user += 1,
        }
    }

    fn object(&mut self, object: Counted, path: Name) {
        let Counted { header, attributes: [found, read, bytes], kind } = object;
        self.headers[usize::from(header.version > 1)] += 1;
        self.header_bytes += header.bytes;
        self.header_free += header.free;
        self.header_chunks += u64::from(header.chunks);
        self.with_attributes += u64::from(found > 0);
        self.attributes += read;
        self.attribute_bytes += bytes;
        self.most_attributes.offer(found, &path);
        match kind {
            Kind::Group => {
                self.groups += 1;
                self.open.push((path, 0));
            }
            Kind::Datatype => self.datatypes += 1,
            Kind::Dataset(dataset) => self.dataset(*dataset, &path),
        }
    }

    fn dataset(&mut self, dataset: Stored, path: &Name) {
        let Stored { logical, stored, layout, class, index, chunks } = dataset;
        self.datasets.add(logical, stored);
        self.layouts.entry(layout.into()).or_default().add(logical, stored);
        self.classes.entry(class.into()).or_default().add(logical, stored);
        if let Some((index, filters)) = index {
            self.indexes.entry(index.into()).or_default().add(logical, stored);
            self.filters.entry(filters.into()).or_default().add(logical, stored);
        }
        let is_large = self.largest.len() < self.most || self.largest.first().is_some_and(|l| l.stored <= stored);
        if stored > 0 && is_large {
            self.largest.insert(Large { stored, path: path.to_string(), logical });
            if self.largest.len() > self.most {
                self.largest.pop_first();
            }
        }
        if let Some(chunks) = chunks {
            self.chunks_stored += chunks.stored;
            self.chunks_total = self.chunks_total.saturating_add(chunks.total);
            self.chunk_bytes += chunks.bytes;
            self.chunk_extremes = match (self.chunk_extremes, chunks.extremes) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (known, new) => known.or(new),
            };
        }
    }

    /// Takes in where the bytes of the file go.
    pub(super) fn space(&mut self, map: &Map) {
        let kinds = map.sums();
        self.unused = kinds.iter().filter(|(kind, _)| kind.is_unused()).map(|(_, (_, bytes))| bytes).sum();
        self.file_bytes = map.size();
        self.kinds = kinds.into_iter().map(|(kind, (pieces, bytes))| (kind.name(), pieces, bytes)).collect();
        self.kinds.sort_by_key(|(name, _, bytes)| (std::cmp::Reverse(*bytes), *name));
        if !map.findings().is_empty() {
            let n = map.findings().len() as u64 + map.more_findings();
            self.errors.push(format!("{n} findings in the file's structures; `explain` says which"));
        }
    }
}
