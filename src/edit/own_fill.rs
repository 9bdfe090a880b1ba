//! Fill values of old datasets that have data elsewhere.

use crate::builder::{ArrayLike, Open};
use crate::bytes::Address;
use crate::data::element::{HeapElement, KeepHeap};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::format::message::datatype::ReferenceKind;
use crate::format::reference::Reference;
use crate::group::{Access, Object};
use std::sync::Arc;

/// A dataset's fill value.
pub(super) struct OwnFill {
    dataset: Dataset,
    element: Vec<u8>,
}

impl OwnFill {
    pub(super) fn new(access: &Arc<Access>, dataset: Address, element: &[u8]) -> Result<OwnFill> {
        match Object::load_as_stored(access, dataset, String::new())? {
            Object::Dataset(dataset) => Ok(OwnFill { dataset, element: element.to_vec() }),
            _ => Err(Error::damaged("a dataset that is something else the next time").at(dataset.get())),
        }
    }

    /// One more element like it, with data of its own in the heap of the same file.
    pub(super) fn store(&self, open: &mut Open) -> Result<Vec<u8>> {
        let same_place = |reference: &Reference| Ok(reference.clone());
        let element = self.dataset.element_to_copy_with(&self.element, &same_place)?;
        let (datatype, mut bytes) = (element.element_datatype(), Vec::new());
        element.store(0..1, &datatype, &mut AsBefore(open), &mut bytes)?;
        Ok(bytes)
    }
}

/// The heap of the file, for references that lead to where they led before, be there an object or not.
struct AsBefore<'a>(&'a mut Open);

impl KeepHeap for AsBefore<'_> {
    fn keep(&mut self, count: u32, data: &[u8]) -> Result<HeapElement> {
        self.0.keep(count, data)
    }

    fn keep_reference(&mut self, to: &Reference, kind: ReferenceKind) -> Result<Vec<u8>> {
        if let (Some(address), None) = (to.address(), to.file()) {
            self.0.know(Address(address));
        }
        self.0.keep_reference(to, kind)
    }
}
