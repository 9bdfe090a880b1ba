//! Attributes of new objects: a name and an array, as one message of the object's header.

use super::array::{self, ArrayLike};
use super::session::Session;
use super::tree::{Kind, NodeId, charset};
use crate::error::{Error, Result};
use crate::format::message::Shared;
use crate::format::message::attribute::{Attribute, Held};
use crate::format::message::dataspace::{Dataspace, MAX_RANK};
use crate::format::message::datatype::Name;

/// The most bytes of an attribute. The format knows no bound, but readers take an attribute into memory as a whole.
const MOST: u64 = 64 << 20;

/// Sets an attribute of an object, in place of one of the same name.
pub(super) fn set(session: &Session, object: NodeId, name: &[u8], value: &dyn ArrayLike) -> Result<()> {
    set_as(session, object, name, value, None)
}

/// The same, with the committed datatype that it uses.
pub(super) fn set_as(
    session: &Session,
    object: NodeId,
    name: &[u8],
    value: &dyn ArrayLike,
    committed: Option<NodeId>,
) -> Result<()> {
    let shape = value.shape();
    let elements = array::count(&shape)?;
    if shape.len() > MAX_RANK {
        return Err(Error::limit(format!("{} dimensions, {MAX_RANK} are possible", shape.len())));
    }
    let shown = Name::from_bytes(name);
    let datatype = session.with(|open| open.datatype(value.element_datatype()))?;
    // Before its data are kept: an attribute that is too large should leave nothing behind.
    if (elements as u64).saturating_mul(datatype.size()) > MOST {
        return Err(Error::limit(format!("attribute {shown}: more than 64 MiB; write it as a dataset")));
    }
    session.with(|open| {
        let held = match committed {
            None => Held::Here(datatype.clone()),
            Some(node) => {
                if !matches!(&open.tree.node(node)?.kind, Kind::Committed(known) if **known == datatype) {
                    return Err(Error::mismatch(format!(
                        "attribute {shown}: {datatype} is not the committed datatype"
                    )));
                }
                Held::Shared(Shared::Committed(open.address_of(node)?))
            }
        };
        let mut data = Vec::new();
        match value.as_stored(&datatype) {
            Some(bytes) => data.extend_from_slice(bytes),
            None if value.is_null() => {}
            None => value.store(0..elements, &datatype, open, &mut data)?,
        }
        let message = Attribute {
            name: shown.clone(),
            charset: charset(name),
            datatype: held,
            dataspace: Held::Here(match &shape[..] {
                _ if value.is_null() => Dataspace::Null,
                [] => Dataspace::Scalar,
                _ => Dataspace::Simple { dims: shape.into(), max: None },
            }),
            data: data.into(),
        }
        .encode(open.space.widths(), open.libver)?;
        open.tree.set_attribute(object, name, message, committed)
    })
}
