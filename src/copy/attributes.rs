//! Attributes of copied objects.

use super::Job;
use super::references::Places;
use crate::attribute::Attribute;
use crate::builder::ArrayLike;
use crate::error::{Context, Result};
use crate::group::Object;
use crate::object::attributes::tracks_order;

/// Sets all attributes of `object` with `set`, in the order in which they were made where that is known.
pub(super) fn copy(
    object: &Object,
    job: &Job<'_>,
    places: &Places<'_>,
    set: &mut dyn FnMut(&[u8], &dyn ArrayLike) -> Result<()>,
) -> Result<()> {
    if job.options.without_attributes {
        return Ok(());
    }
    let tracked = tracks_order(&object.node().header);
    let found = if tracked { object.attributes_by_creation_order()? } else { object.attributes()? };
    for attribute in found {
        one(object, &attribute?, places, set)?;
    }
    Ok(())
}

fn one(
    object: &Object,
    attribute: &Attribute,
    places: &Places<'_>,
    set: &mut dyn FnMut(&[u8], &dyn ArrayLike) -> Result<()>,
) -> Result<()> {
    let mapped = places.of(object.file());
    let copied = attribute.to_copy_with(Some(&mapped)).and_then(|value| set(attribute.name().as_bytes(), &value));
    copied.on(&format!("{}@{}", object.path(), attribute.name()))
}
