//! Elements of another file, with their variable-length data: what copies are made of.

use super::array::ArrayLike;
use crate::attribute::Attribute;
use crate::bytes::Widths;
use crate::data::element::KeepHeap;
use crate::dataset::{Heap, Part};
use crate::error::{Error, Result};
use crate::format::message::datatype::{Datatype, Member, ReferenceKind, variable_size};
use crate::format::reference::Reference;
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
    references: Option<&'a dyn MapReferences>,
}

/// Where the references among copied elements lead in the new file.
pub(crate) trait MapReferences {
    /// The reference to write for one of the file that is copied from.
    fn map(&self, reference: &Reference) -> Result<Reference>;
}

impl Part<'_> {
    /// The elements, to be written to another file.
    ///
    /// # Errors
    /// As [`Part::read_stored`]; `Unsupported` if there are references among them.
    pub fn to_copy(&self) -> Result<CopiedElements<'_>> {
        self.to_copy_with(None)
    }

    /// The same, with references that are mapped.
    pub(crate) fn to_copy_with<'a>(&'a self, references: Option<&'a dyn MapReferences>) -> Result<CopiedElements<'a>> {
        let source = self.dataset().datatype();
        let datatype = source.rehomed(references.is_some())?;
        let (shape, bytes, heap) = (self.shape(), self.read_stored()?.into(), self.dataset().heap());
        Ok(CopiedElements { source, datatype, shape, bytes, heap, references })
    }
}

impl Attribute {
    /// The elements, to be written to another file.
    ///
    /// # Errors
    /// `Unsupported` if there are references among them, or no elements at all (a null dataspace).
    pub fn to_copy(&self) -> Result<CopiedElements<'_>> {
        self.to_copy_with(None)
    }

    /// The same, with references that are mapped.
    pub(crate) fn to_copy_with<'a>(&'a self, references: Option<&'a dyn MapReferences>) -> Result<CopiedElements<'a>> {
        let shape = self.shape().ok_or_else(|| Error::unsupported("writing attributes without elements"))?.to_vec();
        let (source, bytes, heap) = (self.datatype(), self.stored().into(), self.heap());
        Ok(CopiedElements { source, datatype: source.rehomed(references.is_some())?, shape, bytes, heap, references })
    }
}

impl Datatype {
    /// The datatype as a new file stores it: variable-length elements take 16 bytes there.
    ///
    /// # Errors
    /// `Unsupported` for references, which mean nothing in another file.
    pub fn in_new_file(&self) -> Result<Datatype> {
        self.rehomed(false)
    }

    /// The same; references are allowed if somebody maps them.
    pub(crate) fn rehomed(&self, references: bool) -> Result<Datatype> {
        let size = variable_size(Widths::EIGHT);
        let boxed = |base: &Datatype| base.rehomed(references).map(Box::new);
        Ok(match self {
            Datatype::VariableString { padding, charset, .. } => {
                Datatype::VariableString { padding: *padding, charset: *charset, size }
            }
            Datatype::Sequence { base, .. } => Datatype::Sequence { base: boxed(base)?, size },
            Datatype::Array { dims, base } => Datatype::Array { dims: dims.clone(), base: boxed(base)? },
            Datatype::Reference { .. } if !references => {
                return Err(Error::unsupported("copying references to another file"));
            }
            Datatype::Reference { kind, .. } => Datatype::Reference { kind: *kind, size: reference_size(*kind) },
            Datatype::Compound { size, members } => rehomed_compound(*size, members, references)?,
            _ => self.clone(),
        })
    }
}

/// Bytes of a reference in a file of 8-byte addresses.
fn reference_size(kind: ReferenceKind) -> u32 {
    match kind {
        ReferenceKind::Object => 8,
        ReferenceKind::Region => 12,
        ReferenceKind::Standard => 18,
    }
}

/// Members that take more room than before (from a file of narrow addresses) push those behind them.
fn rehomed_compound(size: u32, members: &[Member], references: bool) -> Result<Datatype> {
    let mut by_offset: Vec<usize> = (0..members.len()).collect();
    by_offset.sort_by_key(|&i| members.get(i).map(|m| m.offset));
    let (mut members, mut growth) = (members.to_vec(), 0i64);
    let too_large = || Error::limit("a compound datatype of 4 GiB");
    for i in by_offset {
        let Some(m) = members.get_mut(i) else { continue };
        let datatype = m.datatype.rehomed(references)?;
        m.offset = u32::try_from(i64::from(m.offset) + growth).map_err(|_| too_large())?;
        growth += datatype.size() as i64 - m.datatype.size() as i64;
        m.datatype = datatype;
    }
    let size = u32::try_from(i64::from(size) + growth).map_err(|_| too_large())?;
    Ok(Datatype::Compound { size, members })
}

impl CopiedElements<'_> {
    /// Bytes in the file that they come from.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.len() as u64
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
        self.copy((self.source, &self.datatype), bytes, heap, out)
    }

    fn as_stored(&self, datatype: &Datatype) -> Option<&[u8]> {
        let plain = !self.source.has_references_to_file();
        (plain && *datatype == self.datatype).then_some(&self.bytes)
    }
}

/// A datatype in the file that is copied from, and in the one that is written.
type Pair<'a> = (&'a Datatype, &'a Datatype);

impl CopiedElements<'_> {
    fn copy(&self, (from, to): Pair<'_>, bytes: &[u8], heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        if !from.has_references_to_file() {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        bytes.chunks_exact((from.size() as usize).max(1)).try_for_each(|e| self.copy_one((from, to), e, heap, out))
    }

    fn copy_one(&self, pair: Pair<'_>, element: &[u8], heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        match pair {
            (Datatype::VariableString { .. }, _) => {
                let (count, data) = self.heap.sequence(element, 1)?;
                out.extend(heap.keep(count as u32, &data)?);
            }
            (Datatype::Sequence { base: from, .. }, Datatype::Sequence { base: to, .. }) => {
                let (count, data) = self.heap.sequence(element, from.size())?;
                let mut inner = Vec::with_capacity(data.len());
                self.copy((from, to), &data, heap, &mut inner)?;
                out.extend(heap.keep(count as u32, &inner)?);
            }
            (Datatype::Array { base: from, .. }, Datatype::Array { base: to, .. }) => {
                self.copy((from, to), element, heap, out)?;
            }
            (Datatype::Compound { members: from, size: old }, Datatype::Compound { members: to, size }) => {
                let start = out.len();
                // Holes stay as they are where the layout does.
                if old == size {
                    out.extend_from_slice(element)
                } else {
                    out.resize(start + *size as usize, 0)
                }
                for (from, to) in from.iter().zip(to) {
                    let place = |m: &Member| m.offset as usize..m.offset as usize + m.datatype.size() as usize;
                    let mut member = Vec::with_capacity(to.datatype.size() as usize);
                    let bytes =
                        element.get(place(from)).ok_or_else(|| Error::damaged("a member beyond its element"))?;
                    self.copy((&from.datatype, &to.datatype), bytes, heap, &mut member)?;
                    let room = out.get_mut(start..).and_then(|e| e.get_mut(place(to)));
                    match room.filter(|room| room.len() == member.len()) {
                        Some(room) => room.copy_from_slice(&member),
                        None => return Err(Error::damaged("a member beyond its element")),
                    }
                }
            }
            (Datatype::Reference { kind, .. }, _) => {
                let mapper = self.references.ok_or_else(|| Error::unsupported("copying references to another file"))?;
                let reference = mapper.map(&self.heap.reference(element, *kind)?)?;
                out.extend(heap.keep_reference(&reference, *kind)?);
            }
            (datatype, _) => return Err(Error::unsupported(format!("copying {datatype}"))),
        }
        Ok(())
    }
}
