//! Attributes of copied objects.

use super::references::Translator;
use super::tree::Copier;
use crate::attribute::Attribute;
use crate::builder::{ArrayLike, DatasetMut, GroupMut, ObjectMut};
use crate::error::{Context, Result};
use crate::group::Object;
use crate::object::attributes::tracks_order;

/// A new object that takes attributes.
pub(super) trait Owner {
    fn set(&mut self, name: &[u8], value: &dyn ArrayLike, datatype: Option<&ObjectMut>) -> Result<()>;
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
        }
    )*};
}

owners!(GroupMut DatasetMut ObjectMut);

/// Sets all attributes of `from`, in the order in which they were made where that is known.
pub(super) fn copy(copier: &mut Copier<'_>, from: &Object, to: &mut dyn Owner) -> Result<()> {
    if copier.job.options.without_attributes {
        return Ok(());
    }
    let tracked = tracks_order(&from.node().header);
    let found = if tracked { from.attributes_by_creation_order()? } else { from.attributes()? };
    for attribute in found {
        let attribute = attribute?;
        one(copier, from, &attribute, to).on(&format!("{}@{}", from.path(), attribute.name()))?;
    }
    Ok(())
}

fn one(copier: &mut Copier<'_>, from: &Object, attribute: &Attribute, to: &mut dyn Owner) -> Result<()> {
    let committed = copier.committed(from, attribute.committed_datatype())?;
    let translator = Translator::new(copier.places, from.file().inner.number);
    let translate = |address| translator.address(address);
    let value = attribute.to_copy_with(&translate)?;
    translator.prepare(&value)?;
    to.set(attribute.name().as_bytes(), &value, committed.as_ref())
}
