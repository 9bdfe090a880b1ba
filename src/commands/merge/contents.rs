//! What datasets hold, read piece by piece: as it will be in the merged file, and as a digest.

use super::classes;
use super::inputs::Shelf;
use super::plan::Joined;
use crate::builder::Step;
use crate::compound::{HeapElement, KeepHeap};
use crate::datatype::{Datatype, Name, ReferenceKind};
use crate::error::{Error, ErrorKind, Result};
use crate::{ArrayLike, CopiedElements, Dataset, Part, Reference, Select};
use sha2::{Digest as _, Sha256};
use std::ops::Range;

/// Bytes read at a time.
pub(super) const BLOCK: u64 = 8 << 20;

/// The same where what elements lead to may be much more than they are themselves.
pub(super) const SMALL_BLOCK: u64 = 64 << 10;

/// Bytes to read at a time of elements of `datatype`.
pub(super) fn block(datatype: &Datatype) -> u64 {
    if datatype.has_references_to_file() { SMALL_BLOCK } else { BLOCK }
}

/// What references become.
pub(super) type Translate<'a> = &'a (dyn Fn(&Reference) -> Result<Reference> + Sync);

/// Elements on their way into the merged file.
pub(super) enum Elements<'a> {
    Copied(CopiedElements<'a>),
    Plain(Plain),
}

/// Elements that lead nowhere, as they are stored.
pub(super) struct Plain {
    pub(super) datatype: Datatype,
    pub(super) shape: Vec<u64>,
    pub(super) bytes: Vec<u8>,
}

impl ArrayLike for Plain {
    fn shape(&self) -> Vec<u64> {
        self.shape.clone()
    }

    fn element_datatype(&self) -> Datatype {
        self.datatype.clone()
    }

    fn store(&self, range: Range<usize>, datatype: &Datatype, _: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        let size = self.datatype.size() as usize;
        let bytes = self.bytes.get(range.start * size..range.end * size).filter(|_| *datatype == self.datatype);
        let refuse = || Error::new(ErrorKind::Mismatch, format!("elements of {} for {datatype}", self.datatype));
        out.extend_from_slice(bytes.ok_or_else(refuse)?);
        Ok(())
    }

    fn as_stored(&self, datatype: &Datatype) -> Option<&[u8]> {
        (*datatype == self.datatype).then_some(&self.bytes)
    }
}

impl Elements<'_> {
    fn inner(&self) -> &dyn ArrayLike {
        match self {
            Elements::Copied(copied) => copied,
            Elements::Plain(plain) => plain,
        }
    }
}

impl ArrayLike for Elements<'_> {
    fn shape(&self) -> Vec<u64> {
        self.inner().shape()
    }

    fn element_datatype(&self) -> Datatype {
        self.inner().element_datatype()
    }

    fn store(&self, range: Range<usize>, to: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        self.inner().store(range, to, heap, out)
    }

    fn as_stored(&self, datatype: &Datatype) -> Option<&[u8]> {
        self.inner().as_stored(datatype)
    }
}

/// The elements of a part of a file's dataset, as those of the merged one.
pub(super) fn elements<'a>(
    part: &'a Part<'_>,
    joined: &Joined,
    input: usize,
    translate: Translate<'a>,
) -> Result<Elements<'a>> {
    if let Some(classes) = joined.renumbers(input) {
        let labels: Vec<i64> = part.read()?;
        let mut bytes = Vec::with_capacity(labels.len() * joined.datatype.size() as usize);
        for label in labels {
            classes::stored(classes.renumber(input, label)?, &joined.datatype, &mut bytes)?;
        }
        return Ok(Elements::Plain(Plain { datatype: joined.datatype.clone(), shape: part.shape(), bytes }));
    }
    Ok(Elements::Copied(part.to_copy_with(translate)?.converted_to(&joined.datatype)?))
}

/// Hashes elements, whatever they lead to, so that neither the pieces in which they come nor their places count.
#[derive(Clone, Default)]
pub(super) struct Content {
    elements: Sha256,
    heap: Sha256,
}

impl Content {
    pub(super) fn add(&mut self, values: &dyn ArrayLike, range: Range<usize>, datatype: &Datatype) -> Result<()> {
        if let Some(bytes) = values.as_stored(datatype) {
            let size = datatype.size() as usize;
            let bytes = bytes.get(range.start * size..range.end * size);
            self.elements.update(bytes.ok_or_else(|| Error::new(ErrorKind::Invalid, "elements beyond the end"))?);
            return Ok(());
        }
        let mut out = Vec::new();
        values.store(range, datatype, self, &mut out)?;
        self.elements.update(out);
        Ok(())
    }

    pub(super) fn finish(self) -> [u8; 32] {
        let mut both = self.elements;
        both.update(self.heap.finalize());
        both.finalize().into()
    }
}

impl KeepHeap for Content {
    fn keep(&mut self, count: u32, data: &[u8]) -> Result<HeapElement> {
        self.heap.update(count.to_le_bytes());
        self.heap.update((data.len() as u64).to_le_bytes());
        self.heap.update(data);
        Ok(HeapElement::NOTHING)
    }

    fn keep_reference(&mut self, to: &Reference, kind: ReferenceKind) -> Result<Vec<u8>> {
        self.heap.update(format!("{to:?}"));
        Ok(vec![0; Datatype::reference(kind).size() as usize])
    }
}

/// A number that stands for a path where references are hashed.
pub(super) fn mark(path: Option<&Name>) -> Option<u64> {
    let hash: [u8; 32] = Sha256::digest(path?.as_bytes()).into();
    hash.first_chunk::<8>().map(|b| u64::from_le_bytes(*b))
}

/// What rows get that are not there: no class where there are classes, else the fill value.
pub(super) fn fill_element(shelf: &mut Shelf<'_>, joined: &Joined) -> Result<Vec<u8>> {
    let mut element = Vec::new();
    if joined.classes.is_some() && classes::stored(-1, &joined.datatype, &mut element).is_ok() {
        return Ok(element);
    }
    let model = shelf.dataset(joined.storage.model, &joined.path)?;
    match model.fill_value()? {
        Some(fill) if !joined.datatype.has_references_to_file() => {
            Step::new(model.datatype(), &joined.datatype)?.plain(&fill, &mut element)?;
            Ok(element)
        }
        _ => Ok(vec![0; joined.datatype.size() as usize]),
    }
}

/// The digest of all elements of a dataset that is not joined, and how its first ones look.
pub(super) fn digest(shelf: &mut Shelf<'_>, input: usize, path: &Name) -> Result<([u8; 32], String)> {
    let dataset = shelf.dataset(input, path)?;
    let paths = shelf.paths(input, dataset.datatype())?;
    let translate = |r: &Reference| Ok(r.moved_to(mark(r.address().and_then(|a| paths.get(&a)))));
    let shown = if dataset.is_null() { "nothing".into() } else { shown(&dataset)? };
    Ok((digest_with(&dataset, &translate)?, shown))
}

/// The digest of a dataset, with what references become.
pub(super) fn digest_with(dataset: &Dataset, translate: Translate<'_>) -> Result<[u8; 32]> {
    let mut content = Content::default();
    content.elements.update(format!("{:?}{}", dataset.shape(), dataset.is_null()));
    each_part(dataset, &mut |part| {
        let copied = part.to_copy_with(translate)?;
        let (n, datatype) = (copied.shape().iter().product::<u64>() as usize, copied.element_datatype());
        content.add(&copied, 0..n, &datatype)
    })?;
    Ok(content.finish())
}

/// Goes through a dataset piece by piece.
pub(super) fn each_part(dataset: &Dataset, each: &mut dyn FnMut(Part<'_>) -> Result<()>) -> Result<()> {
    if dataset.is_empty() {
        return Ok(());
    }
    dataset.blocks(block(dataset.datatype())).into_iter().try_for_each(|piece| each(dataset.select(piece)?))
}

/// The first values.
fn shown(dataset: &Dataset) -> Result<String> {
    const MOST: u64 = 4;
    let first: Vec<Range<u64>> = match dataset.shape().split_last() {
        None => Vec::new(),
        Some((last, before)) => {
            let first = before.iter().map(|n| 0..1.min(*n));
            first.chain(std::iter::once(0..MOST.min(*last))).collect()
        }
    };
    let values = dataset.select(first)?.values()?;
    let texts: Vec<String> = values.iter().map(|v| v.to_string().chars().take(30).collect()).collect();
    let more = if dataset.len() > values.len() as u64 { ", …" } else { "" };
    Ok(if dataset.shape().is_empty() { texts.concat() } else { format!("[{}{more}]", texts.join(", ")) })
}

/// Calls `each` with all labels of a dataset.
pub(super) fn each_label(
    shelf: &mut Shelf<'_>,
    input: usize,
    path: &Name,
    each: &mut dyn FnMut(i64) -> Result<()>,
) -> Result<()> {
    let dataset = shelf.dataset(input, path)?;
    each_part(&dataset, &mut |part| part.read::<Vec<i64>>()?.into_iter().try_for_each(&mut *each))
}

/// The part of a dataset that consists of some indices along one dimension.
pub(super) struct Slab {
    pub(super) ranges: Vec<Range<u64>>,
}

impl Slab {
    /// The indices `range` of dimension `axis`, everything of the others.
    pub(super) fn new(shape: &[u64], axis: usize, range: Range<u64>) -> Slab {
        let whole = |(d, n): (usize, &u64)| if d == axis { range.clone() } else { 0..*n };
        Slab { ranges: shape.iter().enumerate().map(whole).collect() }
    }
}

impl Select for Slab {
    fn select(&self, shape: &[u64]) -> Result<crate::Selection> {
        self.ranges.select(shape)
    }
}
