//! What elements have in the global heap that are overwritten, cut off or removed: nothing else leads there.
//!
//! What such data lead to in turn, as in sequences of sequences, keeps its room, and so does what a reference has there.

use super::data::{Data, Stored};
use crate::bytes::Widths;
use crate::error::Result;
use crate::format::global_heap::HeapId;
use crate::format::message::attribute::{Attribute, Held};
use crate::format::message::datatype::Datatype;
use crate::io::Reader;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// How many objects of each collection are done without, by its address.
#[derive(Debug, Default)]
pub(super) struct Dropped(pub(super) BTreeMap<u64, u32>);

impl Dropped {
    /// An attribute is gone. What one of a committed datatype has is left alone.
    pub(super) fn attribute(&mut self, message: &[u8], w: Widths) -> Result<()> {
        let attribute = Attribute::decode(message, w)?;
        match &attribute.datatype {
            Held::Here(datatype) => self.elements(datatype, &attribute.data, w),
            Held::Shared(_) => Ok(()),
        }
    }

    /// A dataset is gone, with all its elements that can be read.
    pub(super) fn with(data: &Data, reader: &Reader, base: u64) -> Dropped {
        let dropped = RefCell::new(Dropped::default());
        if data.datatype.is_variable_length() {
            let gone = |elements: &[u8]| dropped.borrow_mut().elements(&data.datatype, elements, reader.widths());
            let flush = || Ok(());
            let source = Stored { source: &**reader.source(), base, flush: &flush, fresh: None, gone: Some(&gone) };
            let _ = data.let_go(&source);
        }
        dropped.into_inner()
    }

    /// Elements are gone.
    pub(super) fn elements(&mut self, datatype: &Datatype, elements: &[u8], w: Widths) -> Result<()> {
        if !datatype.is_variable_length() {
            return Ok(());
        }
        let size = (datatype.size() as usize).max(1);
        elements.chunks_exact(size).try_for_each(|element| self.element(datatype, element, w))
    }

    fn element(&mut self, datatype: &Datatype, element: &[u8], w: Widths) -> Result<()> {
        match datatype {
            Datatype::VariableString { .. } | Datatype::Sequence { .. } => {
                if let Some(at) = HeapId::decode(element.get(4..).unwrap_or_default(), w)?.collection {
                    *self.0.entry(at.get()).or_default() += 1;
                }
                Ok(())
            }
            Datatype::Array { base, .. } => self.elements(base, element, w),
            Datatype::Compound { members, .. } => members.iter().try_for_each(|m| {
                let (start, size) = (m.offset as usize, m.datatype.size() as usize);
                self.elements(&m.datatype, element.get(start..start + size).unwrap_or_default(), w)
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn extend(&mut self, other: Dropped) {
        other.0.into_iter().for_each(|(at, count)| *self.0.entry(at).or_default() += count);
    }
}
