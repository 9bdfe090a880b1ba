//! The object header of a new object, as libhdf5 writes it under the same bound of library versions.

mod attributes;
mod group;

pub(crate) use group::{GroupLinks, encode_group};

use crate::bytes::{self, Address};
use crate::error::Result;
use crate::format::libver::LibVer;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::{self, Datatype};
use crate::format::message::external_files::ExternalFiles;
use crate::format::message::fill_value::FillValue;
use crate::format::message::filter_pipeline::{self, FilterInfo};
use crate::format::message::layout::Layout;
use crate::format::message::small::{ModificationTime, ReferenceCount};
use crate::format::message::{Shared, kind};
use crate::format::object_header::{self, Extras, MAX_MESSAGE_V1, Outgoing};
use crate::index::space::Space;

/// A message that never changes.
pub(crate) const CONSTANT: u8 = 1;

/// A message that stands elsewhere.
const SHARED: u8 = 2;

/// A message that is not to be shared.
const UNSHARED: u8 = 4;

/// The fewest bytes of messages, as with libhdf5: room for one that leads on, when more comes.
const LEAST_BYTES: usize = 32;

/// What every object has.
pub(crate) struct Common<'a> {
    /// Attributes in the order in which they were made: names, and encoded messages.
    pub(crate) attributes: &'a [(Vec<u8>, Vec<u8>)],
    /// Hard links that lead to it.
    pub(crate) reference_count: u32,
    /// The order of the attributes is kept.
    pub(crate) track_order: bool,
    /// When it was accessed, modified, changed and made, in seconds since 1970 UTC, if it should say.
    pub(crate) times: Option<[u32; 4]>,
    /// What somebody has to say of it.
    pub(crate) comment: Option<&'a [u8]>,
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

fn message(kind: u16, flags: u8, body: Vec<u8>) -> Outgoing {
    Outgoing { kind, flags, order: 0, body }
}

/// The header of a dataset.
pub(crate) fn encode_dataset(
    space: &mut Space,
    libver: LibVer,
    dataset: &DatasetHeader<'_>,
    common: &Common<'_>,
) -> Result<Vec<u8>> {
    let old = libver == LibVer::Earliest;
    let fill = if old { dataset.fill.encode_v2()? } else { dataset.fill.encode()? };
    let mut messages = vec![
        message(kind::DATASPACE, 0, dataset.dataspace.encode(space.widths(), libver)?),
        match dataset.committed {
            None => message(kind::DATATYPE, CONSTANT, datatype::encode(dataset.datatype, libver)?),
            Some(at) => message(kind::DATATYPE, CONSTANT | SHARED, Shared::encode_committed(at, space.widths())?),
        },
        message(kind::FILL_VALUE, CONSTANT, fill),
    ];
    if let (true, Some(value)) = (old, &dataset.fill.value) {
        // For libraries that do not know the new message.
        messages.push(message(kind::FILL_VALUE_OLD, CONSTANT, FillValue::encode_old(value)?));
    }
    if !dataset.filters.is_empty() {
        let encode = if old { filter_pipeline::encode_v1 } else { filter_pipeline::encode };
        messages.push(message(kind::FILTER_PIPELINE, CONSTANT, encode(dataset.filters)?));
    }
    if let Some(files) = dataset.external {
        messages.push(message(kind::EXTERNAL_FILES, 0, files.encode(space.widths())?));
    }
    messages.push(message(kind::LAYOUT, 0, dataset.layout.encode(space.widths())?));
    encode(space, libver, messages, common)
}

/// The header of a committed datatype.
pub(crate) fn encode_datatype(
    space: &mut Space,
    libver: LibVer,
    datatype: &Datatype,
    common: &Common<'_>,
) -> Result<Vec<u8>> {
    let body = datatype::encode(datatype, libver)?;
    encode(space, libver, vec![message(kind::DATATYPE, CONSTANT | UNSHARED, body)], common)
}

/// The header of an object: its own messages, then what every object has.
fn encode(space: &mut Space, libver: LibVer, mut messages: Vec<Outgoing>, common: &Common<'_>) -> Result<Vec<u8>> {
    if let Some(comment) = common.comment {
        messages.push(message(kind::COMMENT, 0, [comment, &[0]].concat()));
    }
    if is_version_1(libver, &messages, common) {
        if let Some([_, seconds, ..]) = common.times {
            let time = bytes::encode(&ModificationTime { version: 1, reserved: [0; 3], seconds }, (), "time")?;
            messages.push(message(kind::MODIFICATION_TIME, 0, time));
        }
        let attributes = common.attributes.iter().map(|(_, body)| message(kind::ATTRIBUTE, 0, body.clone()));
        messages.extend(attributes);
        leave_room(&mut messages, |m| 8 + m.body.len().next_multiple_of(8));
        return object_header::encode_v1(&messages, common.reference_count);
    }
    if common.reference_count != 1 {
        let count = ReferenceCount { version: 0, count: common.reference_count };
        let body = bytes::encode(&count, (), "reference count")?;
        messages.push(message(kind::REFERENCE_COUNT, 0, body));
    }
    let phase_change = attributes::push(space, &mut messages, common)?;
    let envelope = if common.track_order { 6 } else { 4 };
    leave_room(&mut messages, |m| envelope + m.body.len());
    object_header::encode(&messages, &Extras { phase_change, times: common.times, creation_order: common.track_order })
}

/// Adds a message that says nothing where there are few; `size` is that of a message with what stands before it.
fn leave_room(messages: &mut Vec<Outgoing>, size: impl Fn(&Outgoing) -> usize) {
    let used: usize = messages.iter().map(&size).sum();
    if used < LEAST_BYTES {
        let nothing = message(kind::NIL, 0, Vec::new());
        let body = (LEAST_BYTES - used).saturating_sub(size(&nothing));
        messages.push(Outgoing { body: vec![0; body], ..nothing });
    }
}

/// Whether the header is of version 1. The bound asks for it, but it can neither keep an order nor leave attributes to a
/// heap; like libhdf5 we then take version 2, in a file that is old otherwise.
fn is_version_1(libver: LibVer, messages: &[Outgoing], common: &Common<'_>) -> bool {
    let fits = |(_, body): &(Vec<u8>, Vec<u8>)| body.len() <= MAX_MESSAGE_V1;
    libver == LibVer::Earliest
        && !common.track_order
        && common.attributes.iter().all(fits)
        && messages.len() + common.attributes.len() < usize::from(u16::MAX) - 8
}
