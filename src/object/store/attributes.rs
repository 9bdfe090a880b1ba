//! The attributes of a new object with a version 2 header: in the header, or in a heap.

use super::{Common, UNSHARED, message};
use crate::bytes;
use crate::error::Result;
use crate::format::message::kind;
use crate::format::message::small::AttributeInfo;
use crate::format::object_header::Outgoing;
use crate::index::space::Space;
use crate::object::dense;

/// More attributes than this move out of the header if nothing is said there: then it says that they stay.
const USUAL_ATTRIBUTES: usize = 8;

/// More attributes than this do move out.
const MOST_ATTRIBUTES: usize = 1024;

/// The same for their bytes: readers take a header into memory as a whole.
const MOST_ATTRIBUTE_BYTES: usize = 1 << 20;

/// What fits one message.
const MOST_BYTES: usize = u16::MAX as usize;

/// Adds the attributes to the messages, and returns the bounds at which they move if those are unusual.
pub(super) fn push(space: &mut Space, messages: &mut Vec<Outgoing>, common: &Common<'_>) -> Result<Option<[u16; 2]>> {
    let attributes = common.attributes;
    if attributes.is_empty() {
        return Ok(None);
    }
    // The field for it ends at 65,535, and nobody looks at it but to make further attributes.
    let next = attributes.len().min(usize::from(u16::MAX)) as u16;
    let mut info = if common.track_order { AttributeInfo::ordered(next) } else { AttributeInfo::COMPACT };
    let total: usize = attributes.iter().map(|(_, m)| m.len()).sum();
    let too_large = attributes.iter().any(|(_, m)| m.len() > MOST_BYTES);
    let dense = too_large || attributes.len() > MOST_ATTRIBUTES || total > MOST_ATTRIBUTE_BYTES;
    if dense {
        let dense = dense::attributes(space, attributes, common.track_order)?;
        (info.heap, info.name_index) = (Some(dense.heap), Some(dense.name_index));
        info.order_index = dense.order_index;
    }
    messages.push(message(kind::ATTRIBUTE_INFO, UNSHARED, bytes::encode(&info, space.widths(), "attribute info")?));
    if dense {
        return Ok(None);
    }
    for ((_, body), order) in attributes.iter().zip(0u16..) {
        messages.push(Outgoing { order, ..message(kind::ATTRIBUTE, 0, body.clone()) });
    }
    Ok((attributes.len() > USUAL_ATTRIBUTES).then_some([u16::MAX, 6]))
}
