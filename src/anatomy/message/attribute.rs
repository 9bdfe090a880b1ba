//! Attribute messages (IV.A.2.m), and the objects that their data lead to.

use super::{Lead, Parts, datatype, small, storage};
use crate::anatomy::data;
use crate::anatomy::scribe::Scribe;
use crate::bytes::Widths;
use crate::error::Result;
use crate::format::message::Shared;
use crate::format::message::attribute::{Attribute, Held};

pub(super) fn attribute(s: &mut Scribe<'_>, parts: &mut Parts) -> Result<()> {
    parts.leads.extend(heap_object(s.ahead(), s.w));
    let version = s.version("version", 1..=3)?;
    let flags = if version == 1 {
        s.reserved(1)?;
        0
    } else {
        s.flags("flags", 1, &[(1, "the datatype is shared"), (2, "the dataspace is shared")])?
    };
    let sizes =
        [s.u16("size of the name")?, s.u16("size of the datatype")?, s.u16("size of the dataspace")?].map(usize::from);
    if version == 3 {
        s.choice("character set of the name", 1, &[(0, "ASCII"), (1, "UTF-8")])?;
    }
    // Version 1 pads each part to a multiple of 8.
    let [name, datatype, dataspace] = sizes.map(|n| if version == 1 { n.next_multiple_of(8) } else { n });
    s.text("name", name)?;
    // What shared parts lead to was found above.
    let mut elsewhere = Parts::default();
    s.within(
        datatype,
        || "datatype (IV.A.2.d)".into(),
        |s| if flags & 1 != 0 { small::shared(s, &mut elsewhere) } else { datatype::datatype(s) },
    )?;
    s.within(
        dataspace,
        || "dataspace (IV.A.2.b)".into(),
        |s| if flags & 2 != 0 { small::shared(s, &mut elsewhere) } else { storage::dataspace(s) },
    )?;
    s.unused("data");
    Ok(())
}

/// Classes of datatypes that hold nothing but their elements: numbers, times, strings of fixed size, bit fields, opaque
/// bytes, enumerations.
const PLAIN: [u8; 7] = [0, 1, 2, 3, 4, 5, 8];

/// Where an attribute leads: to a committed datatype, to the collections that its data are in.
pub(in crate::anatomy) fn heap_object(body: &[u8], w: Widths) -> Vec<Lead> {
    // Most lead nowhere, which the class of their datatype tells.
    if Attribute::class(body).is_some_and(|class| PLAIN.contains(&class)) {
        return Vec::new();
    }
    let Ok(Attribute { datatype, data, .. }) = Attribute::decode(body, w) else {
        return Vec::new();
    };
    match datatype {
        Held::Here(datatype) => data::collections(&datatype, &data, w).into_iter().map(Lead::GlobalHeap).collect(),
        Held::Shared(Shared::Committed(at)) => vec![Lead::Committed(at)],
        Held::Shared(Shared::Heap(_)) => Vec::new(),
    }
}
