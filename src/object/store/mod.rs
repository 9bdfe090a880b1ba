//! The object header of a new group or dataset, as libhdf5 1.8 and later write it with their "v18" bound.

use super::dense;
use crate::bytes::{self, Address, Widths};
use crate::error::{Error, Result};
use crate::format::libver::LibVer;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::{self, Datatype};
use crate::format::message::external_files::ExternalFiles;
use crate::format::message::fill_value::FillValue;
use crate::format::message::filter_pipeline::{self, FilterInfo};
use crate::format::message::layout::Layout;
use crate::format::message::link::Link;
use crate::format::message::small::{AttributeInfo, GroupInfo, LinkInfo, ReferenceCount};
use crate::format::message::{Shared, kind};
use crate::format::object_header::{self, Outgoing};
use crate::index::space::Space;

/// More links than this move out of the header, as with libhdf5.
const MOST_LINKS: usize = 8;

/// More attributes than this move out of the header if nothing is said there: then it says that they stay.
const USUAL_ATTRIBUTES: usize = 8;

/// More attributes than this do move out.
const MOST_ATTRIBUTES: usize = 1024;

/// The same for their bytes: readers take a header into memory as a whole.
const MOST_ATTRIBUTE_BYTES: usize = 1 << 20;

/// What fits one message.
const MOST_BYTES: usize = u16::MAX as usize;

/// A message that never changes.
const CONSTANT: u8 = 1;

/// A message that stands elsewhere.
const SHARED: u8 = 2;

/// A message that is not to be shared.
const UNSHARED: u8 = 4;

/// What every object has: attributes, each a name and an encoded message, and links that lead to it.
pub(crate) struct Common<'a> {
    pub(crate) attributes: &'a [(Vec<u8>, Vec<u8>)],
    pub(crate) reference_count: u32,
}

/// What makes up a dataset.
#[derive(Clone, Copy)]
pub(crate) struct DatasetHeader<'a> {
    pub(crate) dataspace: &'a Dataspace,
    pub(crate) datatype: &'a Datatype,
    pub(crate) fill: &'a FillValue,
    pub(crate) filters: &'a [FilterInfo],
    pub(crate) layout: &'a Layout,
    /// Where the datatype is committed, if it is.
    pub(crate) committed: Option<Address>,
    /// The files beside this one that hold the elements, if there are any.
    pub(crate) external: Option<&'a ExternalFiles>,
}

const W: Widths = Widths::EIGHT;

fn message(kind: u16, flags: u8, body: Vec<u8>) -> Outgoing {
    Outgoing { kind, flags, body }
}

/// Older bounds are not built yet; newer libraries read these headers, too.
fn checked(libver: LibVer) -> Result<()> {
    match libver {
        known if known >= LibVer::V18 => Ok(()),
        other => Err(Error::unsupported(format!("object headers for the library version bound {other}"))),
    }
}

/// The header of a dataset.
pub(crate) fn encode_dataset(
    space: &mut Space,
    libver: LibVer,
    dataset: &DatasetHeader<'_>,
    common: &Common<'_>,
) -> Result<Vec<u8>> {
    checked(libver)?;
    let mut messages = vec![
        message(kind::DATASPACE, 0, dataset.dataspace.encode(W)?),
        match dataset.committed {
            None => message(kind::DATATYPE, CONSTANT, datatype::encode(dataset.datatype)?),
            Some(at) => message(kind::DATATYPE, CONSTANT | SHARED, Shared::encode_committed(at)),
        },
        message(kind::FILL_VALUE, CONSTANT, dataset.fill.encode()?),
    ];
    if !dataset.filters.is_empty() {
        let body = filter_pipeline::encode(dataset.filters)?;
        messages.push(message(kind::FILTER_PIPELINE, CONSTANT, body));
    }
    if let Some(files) = dataset.external {
        messages.push(message(kind::EXTERNAL_FILES, 0, files.encode(W)?));
    }
    messages.push(message(kind::LAYOUT, 0, dataset.layout.encode(W)?));
    encode(space, messages, common)
}

/// The header of a committed datatype.
pub(crate) fn encode_datatype(
    space: &mut Space,
    libver: LibVer,
    datatype: &Datatype,
    common: &Common<'_>,
) -> Result<Vec<u8>> {
    checked(libver)?;
    encode(space, vec![message(kind::DATATYPE, CONSTANT | UNSHARED, datatype::encode(datatype)?)], common)
}

/// The header of a group, after its links where those are too many or too large for it.
pub(crate) fn encode_group(space: &mut Space, libver: LibVer, links: &[Link], common: &Common<'_>) -> Result<Vec<u8>> {
    checked(libver)?;
    let mut info = LinkInfo::COMPACT;
    let mut compact = Vec::new();
    let fits = |l: &Link| l.name.0.len() < MOST_BYTES / 2;
    if links.len() <= MOST_LINKS && links.iter().all(fits) {
        for link in links {
            compact.push(message(kind::LINK, 0, link.encode(W)?));
        }
    } else {
        let dense = dense::links(space, links)?;
        (info.heap, info.name_index) = (Some(dense.heap), Some(dense.name_index));
    }
    let group_info = bytes::encode(&GroupInfo::default(), (), "group info")?;
    let mut messages = vec![
        message(kind::LINK_INFO, 0, bytes::encode(&info, W, "link info")?),
        message(kind::GROUP_INFO, CONSTANT, group_info),
    ];
    messages.extend(compact);
    encode(space, messages, common)
}

/// The header of an object: its own messages, then what every object has.
fn encode(space: &mut Space, mut messages: Vec<Outgoing>, common: &Common<'_>) -> Result<Vec<u8>> {
    if common.reference_count != 1 {
        let count = ReferenceCount { version: 0, count: common.reference_count };
        let body = bytes::encode(&count, (), "reference count")?;
        messages.push(message(kind::REFERENCE_COUNT, 0, body));
    }
    let attributes = common.attributes;
    if attributes.is_empty() {
        return object_header::encode(&messages, None);
    }
    let total: usize = attributes.iter().map(|(_, m)| m.len()).sum();
    let too_large = attributes.iter().any(|(_, m)| m.len() > MOST_BYTES);
    let dense = too_large || attributes.len() > MOST_ATTRIBUTES || total > MOST_ATTRIBUTE_BYTES;
    let info = if dense {
        let dense = dense::attributes(space, attributes)?;
        AttributeInfo::dense(dense.heap, dense.name_index)
    } else {
        AttributeInfo::COMPACT
    };
    let info = bytes::encode(&info, W, "attribute info")?;
    messages.push(message(kind::ATTRIBUTE_INFO, UNSHARED, info));
    if dense {
        return object_header::encode(&messages, None);
    }
    for (_, body) in attributes {
        messages.push(message(kind::ATTRIBUTE, 0, body.clone()));
    }
    let phase_change = (attributes.len() > USUAL_ATTRIBUTES).then_some([u16::MAX, 6]);
    object_header::encode(&messages, phase_change)
}
