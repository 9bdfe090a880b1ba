//! What is counted of one object or link: found for many at once, before it is added up in order.

use crate::datatype::{Datatype, Name};
use crate::error::Result;
use crate::{Attribute, ChunkInfo, Dataset, FilterInfo, HeaderInfo, LinkTarget, Object, Visit, Visited};

/// A step of the walk.
pub(super) struct Found {
    pub(super) depth: usize,
    pub(super) path: Name,
    pub(super) what: What,
    pub(super) errors: Vec<String>,
}

pub(super) enum What {
    /// A hard link to an object that was counted.
    Again,
    Soft,
    External,
    User,
    Object(Counted),
}

/// An object.
pub(super) struct Counted {
    pub(super) header: HeaderInfo,
    /// Its attributes: how many there are, how many can be read, and the bytes of those.
    pub(super) attributes: [u64; 3],
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Group,
    Datatype,
    Dataset(Box<Stored>),
}

/// How a dataset is stored.
pub(super) struct Stored {
    /// Bytes of its elements.
    pub(super) logical: u64,
    /// Bytes that those take in the file.
    pub(super) stored: u64,
    pub(super) layout: &'static str,
    pub(super) class: &'static str,
    /// Of one in chunks: the index, and the names of the filters.
    pub(super) index: Option<(&'static str, String)>,
    pub(super) chunks: Option<ChunkInfo>,
}

impl Found {
    pub(super) fn at(visit: &Visit) -> Found {
        let mut errors = Vec::new();
        let what = match visit.what() {
            Visited::Object(object) => What::Object(counted(object, &mut errors)),
            Visited::Again(_) | Visited::Link(LinkTarget::Hard(_)) => What::Again,
            Visited::Link(LinkTarget::Soft(_)) => What::Soft,
            Visited::Link(LinkTarget::External { .. }) => What::External,
            Visited::Link(LinkTarget::User { .. }) => What::User,
        };
        Found { depth: visit.depth(), path: visit.path().clone(), what, errors }
    }
}

fn counted(object: &Object, errors: &mut Vec<String>) -> Counted {
    let kind = match object {
        Object::Group(_) => Kind::Group,
        Object::Datatype(_) => Kind::Datatype,
        Object::Dataset(dataset) => Kind::Dataset(Box::new(stored(dataset, errors))),
    };
    let mut attributes = [0; 3];
    let mut count = |attribute: Result<Attribute>| {
        attributes[0] += 1;
        match attribute {
            Ok(attribute) => {
                attributes[1] += 1;
                attributes[2] += attribute.stored().len() as u64;
            }
            Err(e) => errors.push(e.to_string()),
        }
    };
    match object.attributes_unordered() {
        Ok(found) => found.for_each(count),
        Err(e) => count(Err(e)),
    }
    Counted { header: object.header(), attributes, kind }
}

fn stored(dataset: &Dataset, errors: &mut Vec<String>) -> Stored {
    // A dataset whose index is damaged is counted all the same.
    let stored = dataset.stored_size();
    let chunks = if stored.is_ok() { dataset.chunks() } else { Ok(None) };
    let index = dataset.chunk_index().map(|index| (index, filters(dataset.filters())));
    Stored {
        logical: dataset.len().saturating_mul(dataset.datatype().size()),
        stored: stored.unwrap_or_else(|e| {
            errors.push(e.to_string());
            0
        }),
        layout: dataset.layout(),
        class: class(dataset.datatype()),
        index,
        chunks: chunks.unwrap_or_else(|e| {
            errors.push(e.to_string());
            None
        }),
    }
}

fn filters(filters: &[FilterInfo]) -> String {
    let titles: Vec<String> = filters.iter().map(FilterInfo::title).collect();
    if titles.is_empty() { "none".into() } else { Name::from(&*titles.join(", ")).to_string() }
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
