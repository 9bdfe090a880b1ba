//! The object header of a new group or dataset, as libhdf5 1.8 and later write it with their "v18" bound.

use crate::bytes::Widths;
use crate::error::{Error, Result};
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::{self, Datatype};
use crate::format::message::fill_value::FillValue;
use crate::format::message::filter_pipeline::{self, FilterInfo};
use crate::format::message::kind;
use crate::format::message::layout::Layout;
use crate::format::message::link::Link;
use crate::format::message::small::{AttributeInfo, GroupInfo, LinkInfo, ReferenceCount};
use crate::format::object_header::{self, Outgoing};

/// Most messages in a header: libhdf5 counts them in 16 bits.
const MAX_MESSAGES: usize = u16::MAX as usize - 16;

/// More links or attributes than this move out of the header, if nothing else is said.
const USUAL_COMPACT: usize = 8;

/// A message that never changes.
const CONSTANT: u8 = 1;

/// A message that is not to be shared.
const UNSHARED: u8 = 4;

/// What every object has: attributes, each an encoded message, and links that lead to it.
pub(crate) struct Common<'a> {
    pub(crate) attributes: &'a [&'a [u8]],
    pub(crate) reference_count: u32,
}

/// What makes up a dataset.
pub(crate) struct DatasetHeader<'a> {
    pub(crate) dataspace: &'a Dataspace,
    pub(crate) datatype: &'a Datatype,
    pub(crate) fill: &'a FillValue,
    pub(crate) filters: &'a [FilterInfo],
    pub(crate) layout: &'a Layout,
}

const W: Widths = Widths::EIGHT;

fn message(kind: u16, flags: u8, body: Vec<u8>) -> Outgoing {
    Outgoing { kind, flags, body }
}

/// The header of a dataset.
pub(crate) fn encode_dataset(dataset: &DatasetHeader<'_>, common: &Common<'_>) -> Result<Vec<u8>> {
    let mut messages = vec![
        message(kind::DATASPACE, 0, dataset.dataspace.encode(W)?),
        message(
            kind::DATATYPE,
            CONSTANT,
            datatype::encode(dataset.datatype)?,
        ),
        message(kind::FILL_VALUE, CONSTANT, dataset.fill.encode()?),
    ];
    if !dataset.filters.is_empty() {
        let body = filter_pipeline::encode(dataset.filters)?;
        messages.push(message(kind::FILTER_PIPELINE, CONSTANT, body));
    }
    messages.push(message(kind::LAYOUT, 0, dataset.layout.encode(W)?));
    encode(messages, common)
}

/// The header of a group whose links are all in it.
pub(crate) fn encode_group(links: &[Link], common: &Common<'_>) -> Result<Vec<u8>> {
    let link_info = crate::bytes::encode(&LinkInfo::COMPACT, W, "link info")?;
    let mut group_info = GroupInfo::default();
    if links.len() > USUAL_COMPACT {
        // So many stay in the header if they are allowed to; a group that shrinks to 6 loses nothing by it.
        (group_info.flags, group_info.phase_change) = (1, Some([u16::MAX, 6]));
    }
    let mut messages = vec![
        message(kind::LINK_INFO, 0, link_info),
        message(
            kind::GROUP_INFO,
            CONSTANT,
            crate::bytes::encode(&group_info, (), "group info")?,
        ),
    ];
    for link in links {
        messages.push(message(kind::LINK, 0, link.encode(W)?));
    }
    encode(messages, common)
}

/// The header of an object: its own messages, then what every object has.
fn encode(mut messages: Vec<Outgoing>, common: &Common<'_>) -> Result<Vec<u8>> {
    if common.reference_count != 1 {
        let count = ReferenceCount {
            version: 0,
            count: common.reference_count,
        };
        let body = crate::bytes::encode(&count, (), "reference count")?;
        messages.push(message(kind::REFERENCE_COUNT, 0, body));
    }
    let attributes = common.attributes;
    if !attributes.is_empty() {
        let info = crate::bytes::encode(&AttributeInfo::COMPACT, W, "attribute info")?;
        messages.push(message(kind::ATTRIBUTE_INFO, UNSHARED, info));
    }
    for body in attributes {
        messages.push(message(kind::ATTRIBUTE, 0, body.to_vec()));
    }
    if messages.len() > MAX_MESSAGES {
        return Err(Error::limit(format!(
            "{} links and attributes in one object: {MAX_MESSAGES} are possible",
            messages.len()
        )));
    }
    let phase_change = (attributes.len() > USUAL_COMPACT).then_some([u16::MAX, 6]);
    object_header::encode(&messages, phase_change)
}
