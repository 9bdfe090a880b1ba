//! Elements for datasets that are edited, as those store them.

use super::data::{Data, Stored};
use crate::builder::{ArrayLike, Session};
use crate::data::selection::Selection;
use crate::error::{Error, Result};
use crate::format::message::datatype::{ByteOrder, Datatype, Float};

pub(super) fn count(shape: &[u64]) -> Result<u64> {
    let product = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
    product.ok_or_else(|| Error::limit(format!("shape {shape:?} has too many elements for memory")))
}

/// The same numbers in the other byte order.
fn reversed(datatype: &Datatype) -> Option<Datatype> {
    let mut datatype = datatype.clone();
    let (Datatype::Integer { bits, .. } | Datatype::Float(Float { bits, .. })) = &mut datatype else {
        return None;
    };
    bits.order = match bits.order {
        ByteOrder::Little => ByteOrder::Big,
        ByteOrder::Big => ByteOrder::Little,
        ByteOrder::Vax => return None,
    };
    Some(datatype)
}

/// Writes elements to a dataset; their variable-length data go to the heap.
pub(super) fn write(
    data: &mut Data,
    session: &Session,
    source: &Stored<'_>,
    selection: &Selection,
    elements: &dyn ArrayLike,
) -> Result<()> {
    let count = count(&elements.shape())?;
    if count != selection.len() {
        return Err(Error::mismatch(format!("{count} elements for a selection of {}", selection.len())));
    }
    let datatype = data.datatype.clone();
    if let Some(bytes) = elements.as_stored(&datatype) {
        return data.write(selection, bytes, source);
    }
    // Numbers of the other byte order are turned round.
    let reversed = reversed(&datatype).filter(|r| *r == elements.element_datatype());
    let mut bytes = Vec::new();
    session.with(|open| elements.store(0..count as usize, reversed.as_ref().unwrap_or(&datatype), open, &mut bytes))?;
    if reversed.is_some() {
        bytes.chunks_exact_mut(datatype.size().max(1) as usize).for_each(<[u8]>::reverse);
    }
    data.write(selection, &bytes, source)
}
