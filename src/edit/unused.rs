//! Room of a file that nothing leads to: what earlier editors did without, and libhdf5.

use super::extension::Extension;
use crate::anatomy::Anatomy;
use crate::bytes::Limits;
use crate::error::{ErrorKind, Result};
use crate::index::reuse::Ranges;
use crate::io::Device;
use std::sync::Arc;

/// All of it, by address; nothing where it cannot be told what is needed.
pub(super) fn find(device: &Arc<dyn Device>, extension: &Extension, limits: &Limits) -> Result<Ranges> {
    let mut found = Ranges::default();
    // Pages of a paged file are of one kind each, and what an image holds comes to its place whether it is used or not.
    if device.is_joined() || extension.has_image() || extension.page().is_some() {
        return Ok(found);
    }
    match Anatomy::from_source(device.clone(), limits.clone()).unused() {
        Ok(unused) => unused.into_iter().flatten().for_each(|(at, length)| found.add(at, length)),
        Err(e) if e.kind() == ErrorKind::Io => return Err(e),
        // Whatever is wrong with the file, it can be edited without that.
        Err(_) => {}
    }
    Ok(found)
}
