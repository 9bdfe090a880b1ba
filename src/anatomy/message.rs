//! The messages of object headers, field by field (IV.A.2), and where they lead.

mod attribute;
mod datatype;
mod small;
mod storage;

use super::scribe::Scribe;
use crate::bytes::Address;
use crate::error::Result;
use crate::format::message::kind;

/// The body of a message that others are needed for to be understood.
type Body = smallvec::SmallVec<[u8; 36]>;

/// What the messages of a header amount to.
#[derive(Default)]
pub(super) struct Parts {
    /// Messages so far, those without a meaning included.
    pub(super) messages: u32,
    pub(super) continuations: Vec<(Address, u64)>,
    pub(super) leads: Vec<Lead>,
    /// Bodies of the messages that say how a dataset is stored.
    pub(super) layout: Option<Body>,
    pub(super) dataspace: Option<Body>,
    /// Bytes of an element, where the datatype is here; else where it is.
    pub(super) element_size: Option<u64>,
    pub(super) committed_datatype: Option<Address>,
    pub(super) is_group: bool,
    pub(super) is_datatype: bool,
    /// Whether there is a message that is not known: it may lead anywhere.
    pub(super) has_unknown: bool,
}

/// Something that a message leads to.
pub(super) enum Lead {
    SymbolTable { btree: Option<Address>, heap: Option<Address> },
    Links { heap: Address, by_name: Option<Address>, by_order: Option<Address> },
    Attributes { heap: Address, by_name: Option<Address>, by_order: Option<Address> },
    Child { name: Vec<u8>, at: Address },
    Committed(Address),
    LocalHeap(Address),
    GlobalHeap(Address),
    SharedMessages { at: Address, count: u8 },
    FreeSpace(Address),
    CacheImage { at: Address, length: u64 },
}

impl Parts {
    /// What the header is of, and how many messages it has.
    pub(super) fn summary(&self) -> String {
        let what = match self {
            Parts { is_group: true, .. } => "group",
            Parts { is_datatype: true, dataspace: Some(_), .. } => "dataset",
            Parts { is_datatype: true, .. } => "datatype",
            _ => "messages about the file",
        };
        format!("{what}, {} messages", self.messages)
    }
}

/// Names of the messages by their numbers, and the letters of their sections.
const MESSAGES: [(&str, &str); 25] = [
    ("NIL", "a"),
    ("dataspace", "b"),
    ("link info", "c"),
    ("datatype", "d"),
    ("fill value (old)", "e"),
    ("fill value", "f"),
    ("link", "g"),
    ("external data files", "h"),
    ("data layout", "i"),
    ("bogus", "j"),
    ("group info", "k"),
    ("filter pipeline", "l"),
    ("attribute", "m"),
    ("object comment", "n"),
    ("modification time (old)", "o"),
    ("shared message table", "p"),
    ("continuation", "q"),
    ("symbol table", "r"),
    ("modification time", "s"),
    ("B-tree K values", "t"),
    ("driver info", "u"),
    ("attribute info", "v"),
    ("reference count", "w"),
    ("file space info", "x"),
    ("metadata cache image", "y"),
];

/// How a type of message is called.
pub(super) fn name(kind: u16) -> &'static str {
    MESSAGES.get(usize::from(kind)).map_or("unknown", |(name, _)| name)
}

/// Where a type of message is specified.
pub(super) fn section(kind: u16) -> String {
    MESSAGES.get(usize::from(kind)).map_or("no section".into(), |(_, letter)| format!("IV.A.2.{letter}"))
}

/// The body of a message.
pub(super) fn body(s: &mut Scribe<'_>, kind: u16, flags: u8, parts: &mut Parts) -> Result<()> {
    if kind == kind::LAYOUT {
        parts.layout = Some(Body::from_slice(s.ahead()));
    }
    parts.is_group |= matches!(kind, kind::SYMBOL_TABLE | kind::LINK_INFO);
    parts.is_datatype |= kind == kind::DATATYPE;
    if flags & 2 != 0 {
        let before = parts.leads.len();
        let done = small::shared(s, parts);
        if let (kind::DATATYPE, Some(Lead::Committed(at))) = (kind, parts.leads.get(before)) {
            parts.committed_datatype = Some(*at);
        }
        return done;
    }
    if kind == kind::DATATYPE {
        parts.element_size = s.ahead().get(4..8).map(super::scribe::little);
    }
    match kind {
        kind::NIL => {
            s.unused("free");
            Ok(())
        }
        kind::DATASPACE => {
            parts.dataspace = Some(Body::from_slice(s.ahead()));
            storage::dataspace(s)
        }
        kind::LINK_INFO => small::link_info(s, parts),
        kind::DATATYPE => datatype::datatype(s),
        kind::FILL_VALUE_OLD => storage::fill_value_old(s),
        kind::FILL_VALUE => storage::fill_value(s),
        kind::LINK => small::link(s, parts),
        kind::EXTERNAL_FILES => storage::external_files(s, parts),
        kind::LAYOUT => storage::layout(s, parts),
        0x09 => s.u32("value").map(drop),
        kind::GROUP_INFO => small::group_info(s),
        kind::FILTER_PIPELINE => storage::filter_pipeline(s),
        kind::ATTRIBUTE => attribute::attribute(s, parts),
        kind::COMMENT => s.terminated("comment").map(drop),
        0x0e => small::modification_time_old(s),
        0x0f => small::shared_message_table(s, parts),
        kind::CONTINUATION => small::continuation(s, parts),
        kind::SYMBOL_TABLE => small::symbol_table(s, parts),
        0x12 => small::modification_time(s),
        kind::BTREE_RANKS => small::btree_ranks(s),
        0x14 => small::driver_info(s),
        kind::ATTRIBUTE_INFO => small::attribute_info(s, parts),
        kind::REFERENCE_COUNT => {
            s.version("version", 0..=0)?;
            s.u32("reference count").map(drop)
        }
        0x17 => small::file_space_info(s, parts),
        kind::METADATA_CACHE_IMAGE => small::cache_image(s, parts),
        _ => {
            parts.has_unknown = true;
            s.unused("unknown");
            Ok(())
        }
    }
}

pub(super) use attribute::heap_object as attribute_in_heap;
pub(super) use small::link_in_heap;
