//! Elements that are several numbers, or numbers under another name.

use crate::format::message::datatype::{Bits, ByteOrder, Datatype};

/// The numbers that stand one behind the other in elements of a datatype; nothing where an element is a number itself, or
/// none at all.
pub(crate) fn flat_base(datatype: &Datatype) -> Option<Datatype> {
    match datatype {
        Datatype::Array { base, .. } | Datatype::Complex(base) => {
            Some(flat_base(base).unwrap_or_else(|| (**base).clone()))
        }
        Datatype::BitField(bits) => Some(Datatype::Integer { bits: *bits, signed: false }),
        Datatype::Opaque { .. } => Some(Datatype::Integer { bits: Bits::full(1, ByteOrder::Little), signed: false }),
        Datatype::Compound { size, members } => {
            let first = &members.first()?.datatype;
            let part = first.size();
            let behind = |i: usize, offset: u32| u64::from(offset) == i as u64 * part;
            let packed = members.iter().enumerate().all(|(i, m)| m.datatype == *first && behind(i, m.offset));
            let is_number = matches!(first, Datatype::Integer { .. } | Datatype::Float(_));
            (is_number && packed && u64::from(*size) == members.len() as u64 * part).then(|| first.clone())
        }
        _ => None,
    }
}
