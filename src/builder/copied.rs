//! Elements of another file, with their variable-length data: what copies are made of.

use super::array::ArrayLike;
use super::converted::{self, Step};
use crate::attribute::Attribute;
use crate::bytes::Widths;
use crate::data::element::KeepHeap;
use crate::dataset::{Dataset, Heap, Part};
use crate::error::{Error, Result};
use crate::format::message::datatype::{Datatype, Member, ReferenceKind, variable_size};
use crate::format::reference::Reference;
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// Elements of another file as they are stored there. Written, their variable-length data go into the new file's heap;
/// nothing is converted, so whatever a string holds comes over as it is.
pub struct CopiedElements<'a> {
    source: Cow<'a, Datatype>,
    datatype: Datatype,
    /// How they become elements of another datatype.
    step: Option<Step>,
    shape: Vec<u64>,
    /// Whether there are no elements at all, and no shape.
    null: bool,
    bytes: Cow<'a, [u8]>,
    heap: Heap<'a>,
    references: Option<Translate<'a>>,
}

/// What a reference within the source becomes in the new file. It is called while the new file is locked, so it can ask
/// nothing of it: [`references`](CopiedElements::references) tells before what it will be asked.
pub(crate) type Translate<'a> = &'a (dyn Fn(&Reference) -> Result<Reference> + Sync);

impl Part<'_> {
    /// The elements, to be written to another file.
    ///
    /// # Errors
    /// As [`Part::read_stored`]; `Unsupported` if there are references among them.
    pub fn to_copy(&self) -> Result<CopiedElements<'_>> {
        self.copied(self.dataset().datatype().in_new_file()?, None)
    }

    /// As [`to_copy`](Part::to_copy), with references, which become what `references` makes of them. Null references and
    /// those into other files stay as they are.
    ///
    /// # Errors
    /// As [`Part::read_stored`].
    pub fn to_copy_with<'a>(&'a self, references: Translate<'a>) -> Result<CopiedElements<'a>> {
        self.copied(self.dataset().datatype().with_references_in_new_file()?, Some(references))
    }

    fn copied<'a>(&'a self, datatype: Datatype, references: Option<Translate<'a>>) -> Result<CopiedElements<'a>> {
        Ok(CopiedElements {
            source: Cow::Borrowed(self.dataset().datatype()),
            datatype,
            step: None,
            shape: self.shape(),
            null: self.dataset().is_null(),
            bytes: self.read_stored()?.into(),
            heap: self.dataset().heap(),
            references,
        })
    }
}

impl Dataset {
    /// One element of this dataset's datatype, as its file stores it, to be written to another file.
    pub(crate) fn element_to_copy_with<'a>(
        &'a self,
        bytes: &'a [u8],
        references: Translate<'a>,
    ) -> Result<CopiedElements<'a>> {
        if bytes.len() as u64 != self.datatype().size() {
            return Err(Error::damaged(format!("{} bytes, elements have {}", bytes.len(), self.datatype().size())));
        }
        Ok(CopiedElements {
            source: Cow::Borrowed(self.datatype()),
            step: None,
            datatype: self.datatype().with_references_in_new_file()?,
            shape: Vec::new(),
            null: false,
            bytes: bytes.into(),
            heap: self.heap(),
            references: Some(references),
        })
    }
}

impl Attribute {
    /// The elements, to be written to another file.
    ///
    /// # Errors
    /// `Unsupported` if there are references among them.
    pub fn to_copy(&self) -> Result<CopiedElements<'_>> {
        Ok(self.copied(self.datatype().in_new_file()?, None))
    }

    /// As [`to_copy`](Attribute::to_copy), with references, as [`Part::to_copy_with`] has them.
    ///
    /// # Errors
    /// None for what is read already.
    pub fn to_copy_with<'a>(&'a self, references: Translate<'a>) -> Result<CopiedElements<'a>> {
        Ok(self.copied(self.datatype().with_references_in_new_file()?, Some(references)))
    }

    fn copied<'a>(&'a self, datatype: Datatype, references: Option<Translate<'a>>) -> CopiedElements<'a> {
        CopiedElements {
            source: Cow::Borrowed(self.datatype()),
            datatype,
            step: None,
            shape: self.shape().unwrap_or_default().to_vec(),
            null: self.shape().is_none(),
            bytes: self.stored().into(),
            heap: self.heap(),
            references,
        }
    }
}

impl Datatype {
    /// The datatype as a new file stores it: variable-length elements take 16 bytes there. Where the source has narrower
    /// addresses, members of compounds move apart.
    ///
    /// # Errors
    /// `Unsupported` for references, which mean nothing in another file.
    pub fn in_new_file(&self) -> Result<Datatype> {
        if self.has_references() {
            return Err(Error::unsupported("copying references to another file"));
        }
        self.with_references_in_new_file()
    }

    /// Whether elements are references, or something inside of them is.
    pub fn has_references(&self) -> bool {
        match self {
            Datatype::Reference { .. } => true,
            Datatype::Sequence { base, .. } | Datatype::Array { base, .. } => base.has_references(),
            Datatype::Compound { members, .. } => members.iter().any(|m| m.datatype.has_references()),
            _ => false,
        }
    }

    /// As [`in_new_file`](Datatype::in_new_file), with references.
    ///
    /// # Errors
    /// `Limit` for elements that would take more than 4 GiB.
    pub fn with_references_in_new_file(&self) -> Result<Datatype> {
        self.in_widths(Widths::EIGHT)
    }

    /// The same datatype in a file whose addresses have another width: what lies in a heap is found by its address.
    pub(crate) fn in_widths(&self, w: Widths) -> Result<Datatype> {
        let size = variable_size(w);
        Ok(match self {
            Datatype::VariableString { padding, charset, .. } => {
                Datatype::VariableString { padding: *padding, charset: *charset, size }
            }
            Datatype::Sequence { base, .. } => Datatype::Sequence { base: Box::new(base.in_widths(w)?), size },
            Datatype::Array { dims, base } => {
                Datatype::Array { dims: dims.clone(), base: Box::new(base.in_widths(w)?) }
            }
            Datatype::Reference { kind, .. } => Datatype::Reference { kind: *kind, size: kind.size(w) },
            Datatype::Compound { members, size } => compound_in_widths(members, *size, w)?,
            _ => self.clone(),
        })
    }
}

/// Every member moves by as much as those before it grew or shrank.
fn compound_in_widths(members: &[Member], size: u32, w: Widths) -> Result<Datatype> {
    let too_large = || Error::limit("an element of more than 4 GiB");
    let mut new = Vec::with_capacity(members.len());
    for member in members {
        new.push(Member { datatype: member.datatype.in_widths(w)?, ..member.clone() });
    }
    let grown: Vec<(u32, i64)> = members
        .iter()
        .zip(&new)
        .map(|(old, new)| (old.offset, new.datatype.size() as i64 - old.datatype.size() as i64))
        .collect();
    let before = |offset: u32| grown.iter().filter(|(at, _)| *at < offset).map(|(_, by)| by).sum::<i64>();
    for member in &mut new {
        let offset = i64::from(member.offset) + before(member.offset);
        member.offset = u32::try_from(offset).map_err(|_| too_large())?;
    }
    let size = u32::try_from(i64::from(size) + before(u32::MAX)).map_err(|_| too_large())?;
    Ok(Datatype::Compound { members: new, size })
}

impl CopiedElements<'_> {
    /// Bytes of the elements in the file that they come from.
    pub(crate) fn stored_len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The same as elements of another datatype that can hold each of them, as [`Datatype::widened`] finds one.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) if it cannot, as a rule or for one of them.
    pub fn converted_to(mut self, datatype: &Datatype) -> Result<Self> {
        if *datatype == self.datatype {
            return Ok(self);
        }
        let step = Step::new(&self.source, datatype)?;
        let lead_on = self.source.has_references_to_file() || datatype.has_references_to_file();
        self.datatype = datatype.clone();
        if lead_on {
            self.step = Some(step);
        } else {
            let sizes = (self.source.size() as usize, datatype.size() as usize);
            self.bytes = Cow::Owned(converted::all(&step, &self.bytes, sizes)?);
            self.source = Cow::Owned(datatype.clone());
        }
        Ok(self)
    }

    /// The references within the source's file that are among them, each once.
    ///
    /// # Errors
    /// `Damaged` if one leads nowhere.
    pub fn references(&self) -> Result<Vec<Reference>> {
        let mut found = HashSet::new();
        if self.source.has_references() {
            self.collect(&self.source, &self.bytes, &mut found)?;
        }
        Ok(found.into_iter().collect())
    }

    fn collect(&self, from: &Datatype, bytes: &[u8], found: &mut HashSet<Reference>) -> Result<()> {
        if !from.has_references() {
            return Ok(());
        }
        for element in bytes.chunks_exact((from.size() as usize).max(1)) {
            match from {
                Datatype::Reference { kind, .. } => {
                    let reference = self.heap.reference(element, *kind)?;
                    if reference.address().is_some() && reference.file().is_none() {
                        found.insert(reference);
                    }
                }
                Datatype::Sequence { base, .. } => {
                    let (_, data) = self.heap.sequence(element, base.size())?;
                    self.collect(base, &data, found)?;
                }
                Datatype::Array { base, .. } => self.collect(base, element, found)?,
                Datatype::Compound { members, .. } => {
                    for m in members {
                        let place = m.offset as usize..m.offset as usize + m.datatype.size() as usize;
                        self.collect(&m.datatype, element.get(place).unwrap_or_default(), found)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
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
        // In a file with addresses of another width it is what they were in a new one, moved together.
        let here = self.step.is_none() && datatype.with_references_in_new_file()? == self.datatype;
        if *datatype != self.datatype && !here {
            return Err(Error::mismatch(format!("elements of {} cannot be copied to {datatype}", self.datatype)));
        }
        let size = self.source.size() as usize;
        let bytes = range.start.checked_mul(size).zip(range.end.checked_mul(size));
        let bytes = bytes.and_then(|(start, end)| self.bytes.get(start..end));
        let bytes = bytes.ok_or_else(|| Error::invalid("elements beyond the end of an array"))?;
        match &self.step {
            None => self.copy(&self.source, datatype, bytes, heap, out),
            Some(step) => {
                let mut convert = |element: &[u8]| step.one(self, element, heap, out);
                bytes.chunks_exact(size.max(1)).try_for_each(&mut convert)
            }
        }
    }

    fn is_null(&self) -> bool {
        self.null
    }

    fn as_stored(&self, datatype: &Datatype) -> Option<&[u8]> {
        let plain = self.step.is_none() && !self.source.has_references_to_file();
        (plain && *datatype == self.datatype).then_some(&self.bytes)
    }
}

impl CopiedElements<'_> {
    /// Appends elements of the source's datatype `from` as those of `to`.
    pub(super) fn copy(
        &self,
        from: &Datatype,
        to: &Datatype,
        bytes: &[u8],
        heap: &mut dyn KeepHeap,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if !from.has_references_to_file() {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        bytes.chunks_exact((from.size() as usize).max(1)).try_for_each(|e| self.copy_one(from, to, e, heap, out))
    }

    fn copy_one(
        &self,
        from: &Datatype,
        to: &Datatype,
        element: &[u8],
        heap: &mut dyn KeepHeap,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        match (from, to) {
            (Datatype::VariableString { .. }, _) => {
                let (count, data) = self.heap.sequence(element, 1)?;
                out.extend_from_slice(&heap.keep(count as u32, &data)?);
            }
            (Datatype::Sequence { base, .. }, Datatype::Sequence { base: new, .. }) => {
                let (count, data) = self.heap.sequence(element, base.size())?;
                let mut inner = Vec::with_capacity(data.len());
                self.copy(base, new, &data, heap, &mut inner)?;
                out.extend_from_slice(&heap.keep(count as u32, &inner)?);
            }
            (Datatype::Array { base, .. }, Datatype::Array { base: new, .. }) => {
                self.copy(base, new, element, heap, out)?;
            }
            (Datatype::Compound { members, .. }, Datatype::Compound { members: new, size }) => {
                let start = out.len();
                // Holes stay as they are where nothing moves.
                if from.size() == u64::from(*size) {
                    out.extend_from_slice(element);
                }
                out.resize(start + *size as usize, 0);
                for (old, new) in members.iter().zip(new) {
                    let place = |m: &Member| m.offset as usize..m.offset as usize + m.datatype.size() as usize;
                    let mut member = Vec::with_capacity(place(new).len());
                    self.copy(&old.datatype, &new.datatype, &element[place(old)], heap, &mut member)?;
                    out[start..][place(new)].copy_from_slice(&member);
                }
            }
            // The undefined address leads nowhere there, too; null is something else to libhdf5.
            (Datatype::Reference { kind: ReferenceKind::Object, .. }, _) if element.iter().all(|&b| b == 0xff) => {
                out.resize(out.len() + to.size() as usize, 0xff);
            }
            (Datatype::Reference { kind, .. }, _) => {
                let reference = self.translated(self.heap.reference(element, *kind)?)?;
                out.extend(heap.keep_reference(&reference, *kind)?);
            }
            _ => return Err(Error::unsupported(format!("copying {from}"))),
        }
        Ok(())
    }

    /// What a variable-length element stands for, `size` bytes each.
    pub(super) fn sequence(&self, element: &[u8], size: u64) -> Result<(u64, crate::HeapBytes)> {
        self.heap.sequence(element, size)
    }

    /// A reference of the source as one of the new file. Those to other files stay as they are.
    fn translated(&self, reference: Reference) -> Result<Reference> {
        if reference.address().is_none() || reference.file().is_some() {
            return Ok(reference);
        }
        let translate = self.references.ok_or_else(|| Error::unsupported("copying references to another file"))?;
        translate(&reference)
    }
}

impl Reference {
    /// The same one to the object whose header is at `address`; null if there is none.
    #[must_use]
    pub fn moved_to(&self, address: Option<u64>) -> Reference {
        let Some(new) = address else {
            return Reference::Null;
        };
        let mut reference = self.clone();
        match &mut reference {
            Reference::Object { address, .. }
            | Reference::Region { address, .. }
            | Reference::Attribute { address, .. } => *address = new,
            Reference::Null => {}
        }
        reference
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::{FileMut, WithDatatype};
    use crate::data::VarLen;
    use crate::format::message::datatype::{Charset, Padding};
    use crate::io::MemoryStore;
    use crate::{Element, File};

    fn file(fill: impl FnOnce(&mut FileMut) -> Result<()>) -> File {
        let store = MemoryStore::default();
        let mut out = FileMut::on_store(store.clone());
        fill(&mut out).unwrap();
        out.commit().unwrap();
        File::from_bytes(store.bytes()).unwrap()
    }

    #[test]
    fn references_are_copied_to_where_their_objects_are_in_the_new_file() {
        let standard = Datatype::reference(ReferenceKind::Standard);
        let source = file(|out| {
            // Other addresses than in the copy.
            out.build("before").write([0u8; 100])?;
            let grid = out.build("grid").shape([4, 5]).write([1i32; 20])?;
            let part = grid.region_reference((1u64..3, ..))?;
            let region = Datatype::reference(ReferenceKind::Region);
            let (lost, unit) = (out.reference("before")?, out.attribute_reference("grid", "unit")?);
            out.build("objects").write([grid.reference()?, lost, Reference::Null])?;
            out.build("regions").write(WithDatatype::new(vec![part.clone()], region))?;
            let list = Datatype::Sequence { base: Box::new(standard.clone()), size: 16 };
            out.build("lists").write(WithDatatype::new([VarLen(vec![part, unit])], list))?;
            Ok(())
        });
        let moved = source.object("grid").unwrap().address();
        let names = ["objects", "regions", "lists"];
        let copy = file(|out| {
            let grid = out.reference("new grid")?.address();
            let translate = |r: &Reference| Ok(r.moved_to(grid.filter(|_| r.address() == Some(moved))));
            for name in names {
                let dataset = source.dataset(name)?;
                let all = dataset.select(..)?;
                assert_eq!(all.to_copy().map(drop).unwrap_err().kind(), crate::ErrorKind::Unsupported);
                out.build(name).write(all.to_copy_with(&translate)?)?;
            }
            out.build("new grid").shape([4, 5]).write([1i32; 20]).map(drop)
        });
        let there = copy.object("new grid").unwrap().address();
        let objects: Vec<Reference> = copy.dataset("objects").unwrap().read().unwrap();
        assert_eq!(objects, [Reference::Object { address: there, file: None }, Reference::Null, Reference::Null]);
        for name in names {
            let shown = |file: &File| {
                let dataset = file.dataset(name).unwrap();
                dataset.select(..).unwrap().values().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
            };
            let expected = shown(&source).join(" ").replace(&format!("{moved:#x}"), &format!("{there:#x}"));
            if name != "objects" {
                assert_eq!(shown(&copy).join(" "), expected);
            }
        }
    }

    #[test]
    fn members_move_apart_where_addresses_grow() {
        let text = |size| Datatype::VariableString { padding: Padding::NullTerminated, charset: Charset::Utf8, size };
        let object = |size| Datatype::Reference { kind: ReferenceKind::Object, size };
        let member = |name: &str, offset, datatype| Member { name: name.into(), offset, datatype };
        let compound = |offsets: [u32; 4], size, text, object| Datatype::Compound {
            size,
            members: vec![
                member("late", offsets[0], u8::datatype()),
                member("text", offsets[1], text),
                member("first", offsets[2], u8::datatype()),
                member("to", offsets[3], object),
            ],
        };
        let narrow = compound([20, 2, 0, 15], 24, text(12), object(4));
        let wide = compound([28, 2, 0, 19], 32, text(16), object(8));
        assert_eq!(narrow.with_references_in_new_file().unwrap(), wide);
        assert_eq!(wide.with_references_in_new_file().unwrap(), wide);
        assert!(narrow.in_new_file().is_err());
    }
}
