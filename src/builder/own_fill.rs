//! Fill values with data elsewhere: strings and other sequences, references into parts of datasets.
//!
//! The fill value message has such a value once. An element that it fills must have data of its own, for libhdf5 frees
//! the old data of an element that is overwritten: what several elements share would be gone for all of them.

use super::array::ArrayLike;
use super::session::Session;
use crate::error::Result;
use crate::format::message::datatype::Datatype;
use std::sync::Arc;

/// A fill value that is stored anew for each element.
#[derive(Clone)]
pub(super) struct OwnFill {
    pub(super) value: Arc<dyn ArrayLike + Send + Sync>,
    pub(super) datatype: Datatype,
    /// The element of the message. No other element has its data, so it shows what was filled with it.
    pub(super) element: Vec<u8>,
}

impl OwnFill {
    /// Gives every element that was filled with the one of the message its own data.
    pub(super) fn renew(&self, session: &Session, elements: &mut [u8]) -> Result<()> {
        let filled = elements.chunks_exact_mut(self.element.len().max(1)).filter(|e| **e == self.element);
        let mut bytes = Vec::with_capacity(self.element.len());
        for element in filled {
            bytes.clear();
            session.with(|open| self.value.store(0..1, &self.datatype, open, &mut bytes))?;
            if bytes.len() == element.len() {
                element.copy_from_slice(&bytes);
            }
        }
        Ok(())
    }
}
