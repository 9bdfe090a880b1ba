//! What describes copied objects: attributes, times, comments.

use super::references::Translator;
use super::tree::Copier;
use crate::attribute::Attribute;
use crate::builder::{ArrayLike, DatasetMut, GroupMut, Notes, ObjectMut};
use crate::error::Result;
use crate::format::message::kind;
use crate::format::reference::Reference;
use crate::group::Object;
use crate::object::attributes::tracks_order;

/// A new object that takes attributes.
pub(super) trait Owner {
    fn set(&mut self, name: &[u8], value: &dyn ArrayLike, datatype: Option<&ObjectMut>) -> Result<()>;

    fn note(&mut self, notes: Notes) -> Result<()>;
}

macro_rules! owners {
    ($($t:ty)*) => {$(
        impl Owner for $t {
            fn set(&mut self, name: &[u8], value: &dyn ArrayLike, datatype: Option<&ObjectMut>) -> Result<()> {
                match datatype {
                    None => self.set_attribute(name, value),
                    Some(datatype) => self.set_attribute_as(name, value, datatype),
                }
            }

            fn note(&mut self, notes: Notes) -> Result<()> {
                self.set_notes(notes)
            }
        }
    )*};
}

owners!(GroupMut DatasetMut ObjectMut);

/// Copies the times and the comment of `from`, and all attributes, in the order in which they were made where that is
/// known.
pub(super) fn copy(copier: &mut Copier<'_>, from: &Object, to: &mut dyn Owner) -> Result<()> {
    to.note(notes(from))?;
    if copier.job.options.without_attributes {
        return Ok(());
    }
    let tracked = tracks_order(&from.node().header);
    let found = if tracked { from.attributes_by_creation_order()? } else { from.attributes()? };
    for attribute in found {
        let attribute = attribute?;
        let place = || format!("{}@{}", from.path(), attribute.name());
        one(copier, from, &attribute, to).map_err(|e| e.on(place()))?;
    }
    Ok(())
}

fn notes(from: &Object) -> Notes {
    let header = from.header();
    let all = [header.accessed, header.modified, header.changed, header.born];
    // Old headers know one time only.
    let times = header.modified.map(|modified| all.map(|time| time.unwrap_or(modified)));
    let comment = from.node().header.find(kind::COMMENT).map(|body| body.bytes);
    let comment = comment.and_then(|text| text.split(|&b| b == 0).next()).filter(|text| !text.is_empty());
    Notes { times, comment: comment.map(<[u8]>::to_vec) }
}

fn one(copier: &mut Copier<'_>, from: &Object, attribute: &Attribute, to: &mut dyn Owner) -> Result<()> {
    let committed = copier.committed(from, attribute.committed_datatype())?;
    let translator = Translator::new(copier.places, from);
    let translate = |reference: &Reference| translator.reference(reference);
    let value = attribute.to_copy_with(&translate)?;
    translator.prepare(&value)?;
    to.set(attribute.name().as_bytes(), &value, committed.as_ref())
}
