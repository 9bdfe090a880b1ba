//! Elements of another file, with their variable-length data: what copies are made of.

use super::array::ArrayLike;
use crate::attribute::Attribute;
use crate::bytes::Widths;
use crate::data::element::KeepHeap;
use crate::dataset::{Heap, Part};
use crate::error::{Error, Result};
use crate::format::message::datatype::{Datatype, variable_size};
use std::borrow::Cow;
use std::ops::Range;

/// Elements of another file as they are stored there. Written, their variable-length data go into the new file's heap;
/// nothing is converted, so whatever a string holds comes over as it is.
pub struct CopiedElements<'a> {
    source: &'a Datatype,
    datatype: Datatype,
    shape: Vec<u64>,
    bytes: Cow<'a, [u8]>,
    heap: Heap<'a>,
}

impl Part<'_> {
    /// The elements, to be written to another file.
    ///
    /// # Errors
    /// As [`Part::read_stored`]; `Unsupported` if there are references among them.
    pub fn to_copy(&self) -> Result<CopiedElements<'_>> {
        let source = self.dataset().datatype();
        let (shape, bytes, heap) = (self.shape(), self.read_stored()?.into(), self.dataset().heap());
        Ok(CopiedElements { source, datatype: source.in_new_file()?, shape, bytes, heap })
    }
}

impl Attribute {
    /// The elements, to be written to another file.
    ///
    /// # Errors
    /// `Unsupported` if there are references among them, or no elements at all (a null dataspace).
    pub fn to_copy(&self) -> Result<CopiedElements<'_>> {
        let shape = self.shape().ok_or_else(|| Error::unsupported("writing attributes without elements"))?.to_vec();
        let (source, bytes, heap) = (self.datatype(), self.stored().into(), self.heap());
        Ok(CopiedElements { source, datatype: source.in_new_file()?, shape, bytes, heap })
    }
}

impl Datatype {
    /// The datatype as a new file stores it: variable-length elements take 16 bytes there.
    ///
    /// # Errors
    /// `Unsupported` for references, which mean nothing in another file.
    pub fn in_new_file(&self) -> Result<Datatype> {
        let size = variable_size(Widths::EIGHT);
        Ok(match self {
            Datatype::VariableString { padding, charset, .. } => {
                Datatype::VariableString { padding: *padding, charset: *charset, size }
            }
            Datatype::Sequence { base, .. } => Datatype::Sequence { base: Box::new(base.in_new_file()?), size },
            Datatype::Array { dims, base } => {
                Datatype::Array { dims: dims.clone(), base: Box::new(base.in_new_file()?) }
            }
            Datatype::Reference { .. } => {
                return Err(Error::unsupported("copying references to another file"));
            }
            Datatype::Compound { members, .. } => {
                for member in members {
                    if member.datatype.in_new_file()? != member.datatype {
                        let message = "copying variable-length members from a file of narrow addresses";
                        return Err(Error::unsupported(message));
                    }
                }
                self.clone()
            }
            _ => self.clone(),
        })
    }
}

impl ArrayLike for CopiedElements<'_> {
    fn shape(&self) -> Vec<u64> {
        self.shape.clone()
    }

    fn element_datatype(&self) -> Datatype {
        self.datatype.clone()
    }

    fn store(
        &self,
        range: Range<usize>,
        datatype: &Datatype,
        heap: &mut dyn KeepHeap,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if *datatype != self.datatype {
            return Err(Error::mismatch(format!("elements of {} cannot be copied to {datatype}", self.datatype)));
        }
        let size = self.source.size() as usize;
        let bytes = range.start.checked_mul(size).zip(range.end.checked_mul(size));
        let bytes = bytes.and_then(|(start, end)| self.bytes.get(start..end));
        let bytes = bytes.ok_or_else(|| Error::invalid("elements beyond the end of an array"))?;
        self.copy(self.source, bytes, heap, out)
    }

    fn as_stored(&self, datatype: &Datatype) -> Option<&[u8]> {
        let plain = !self.source.has_references_to_file();
        (plain && *datatype == self.datatype).then_some(&self.bytes)
    }
}

impl CopiedElements<'_> {
    fn copy(&self, datatype: &Datatype, bytes: &[u8], heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        if !datatype.has_references_to_file() {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        bytes.chunks_exact(datatype.size() as usize).try_for_each(|e| self.copy_one(datatype, e, heap, out))
    }

    fn copy_one(&self, datatype: &Datatype, element: &[u8], heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        match datatype {
            Datatype::VariableString { .. } => {
                let (count, data) = self.heap.sequence(element, 1)?;
                out.extend(heap.keep(count as u32, &data)?);
            }
            Datatype::Sequence { base, .. } => {
                let (count, data) = self.heap.sequence(element, base.size())?;
                let mut inner = Vec::with_capacity(data.len());
                self.copy(base, &data, heap, &mut inner)?;
                out.extend(heap.keep(count as u32, &inner)?);
            }
            Datatype::Array { base, .. } => self.copy(base, element, heap, out)?,
            Datatype::Compound { members, .. } => {
                // Holes stay as they are; the members with data elsewhere are put in again.
                let start = out.len();
                out.extend_from_slice(element);
                for m in members.iter().filter(|m| m.datatype.has_references_to_file()) {
                    let place = m.offset as usize..m.offset as usize + m.datatype.size() as usize;
                    let mut member = Vec::with_capacity(place.len());
                    self.copy(&m.datatype, &element[place.clone()], heap, &mut member)?;
                    out[start + place.start..start + place.end].copy_from_slice(&member);
                }
            }
            _ => return Err(Error::unsupported(format!("copying {datatype}"))),
        }
        Ok(())
    }
}
