//! Where the elements of a virtual dataset really are: for those who write to them.

use super::Dataset;
use super::virtual_data::{Name, VirtualData, meets};
use crate::bytes::zeroed;
use crate::data::selection::{Bounds, Selection};
use crate::error::{Context, Error, Result};
use crate::io::denied;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Elements of a selection that stand one behind the other in a source, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The first one's index in the selection.
    pub(crate) from: u64,
    /// And in the source, row by row.
    pub(crate) to: u64,
    pub(crate) length: u64,
}

/// A source, and which of its elements a selection has.
pub(crate) struct Place {
    /// Its path.
    pub(crate) path: Arc<[u8]>,
    pub(crate) source: Dataset,
    pub(crate) stretches: Vec<Stretch>,
}

/// What an element is marked with while all are looked for: its index in the source, and above it the number of the source,
/// counted from 1.
const SOURCE_AT: u32 = 44;

const MARK: u64 = size_of::<u64>() as u64;

/// The sources that have been met, of virtual datasets and of those that these are made of.
#[derive(Default)]
struct Sources {
    /// By their files and addresses.
    numbers: HashMap<(u16, u64), u64>,
    all: Vec<(Arc<[u8]>, Dataset)>,
}

impl Dataset {
    /// Whether it may get another shape, if it is a virtual dataset.
    ///
    /// # Errors
    /// `Mismatch` for one without room for its parts; `Unsupported` where its sources say how large it is.
    pub(crate) fn check_new_shape(&self, shape: &[u64]) -> Result<()> {
        let Some(data) = &self.shared.virtual_data else { return Ok(()) };
        let least = data.least.as_ref().ok_or_else(|| {
            Error::unsupported(
                "changing the shape of a virtual dataset whose sources say how large it is; resize these",
            )
        })?;
        match least.iter().zip(shape).any(|(least, dim)| least > dim) {
            true => {
                Err(Error::mismatch(format!("the parts of the virtual dataset need a shape of {least:?} at least")))
            }
            false => Ok(()),
        }
    }

    /// Where the selected elements of a virtual dataset are; those that several parts have in the last one, as when they are
    /// read. Nothing for a dataset that is not virtual.
    ///
    /// # Errors
    /// `Mismatch` for elements that no source has; `Denied` for those in other files, where the file leads to none.
    pub(crate) fn places(&self, selection: &Selection) -> Result<Option<Vec<Place>>> {
        let Some(data) = &self.shared.virtual_data else { return Ok(None) };
        let mut marks = zeroed(selection.len().saturating_mul(MARK))?;
        let mut sources = Sources::default();
        selection.for_each_box(self.shape(), MARK, &mut marks, &mut |bounds, out| {
            data.mark(self, bounds, out, &mut sources)
        })?;
        let mut places = BTreeMap::new();
        for (from, mark) in (0..).zip(marks.as_chunks().0) {
            let mark = u64::from_le_bytes(*mark);
            let nowhere = || Error::mismatch("elements of a virtual dataset that none of its sources has");
            let number = (mark >> SOURCE_AT).checked_sub(1).ok_or_else(nowhere)?;
            let (path, source) = sources.all.get(number as usize).ok_or_else(nowhere)?;
            let new = || Place { path: path.clone(), source: source.clone(), stretches: Vec::new() };
            places.entry(number).or_insert_with(new).add(from, mark & ((1 << SOURCE_AT) - 1));
        }
        Ok(Some(places.into_values().collect()))
    }
}

impl Sources {
    /// What the elements of a source are marked with.
    fn number(&mut self, name: &Name, source: &Dataset) -> Result<u64> {
        let node = source.node();
        let next = self.all.len() as u64 + 1;
        if source.len() >> SOURCE_AT > 0 || next >> (u64::BITS - SOURCE_AT) > 0 {
            return Err(Error::limit("a virtual dataset of more or larger sources than can be written to"));
        }
        let number = *self.numbers.entry((node.file().inner.number, node.header.address.get())).or_insert(next);
        if number == next {
            self.all.push((name.dataset.clone(), source.clone()));
        }
        Ok(number)
    }
}

impl VirtualData {
    /// Marks the elements of a box with what they are.
    fn mark(&self, of: &Dataset, bounds: &Bounds, marks: &mut [u8], sources: &mut Sources) -> Result<()> {
        let errand = of.node().file().errand.begin();
        for part in self.parts.iter().filter(|part| meets(&part.target, bounds)) {
            if of.node().reader().neighbours().is_none() && !part.name.is_same_file() {
                let file = String::from_utf8_lossy(&part.name.file);
                return Err(denied(&format!("writing to {file} through a virtual dataset")));
            }
            let Some(source) = self.source(&part.name, of.node(), &errand)? else { continue };
            let mut read = |what: &Bounds, into: &mut [u8]| match &source.shared.virtual_data {
                Some(further) => further.mark(&source, what, into, sources),
                None => mark_stored(&source, what, sources.number(&part.name, &source)?, into),
            };
            part.transfer(&source, bounds, MARK, marks, &mut read).on(of.path())?;
        }
        Ok(())
    }
}

/// Marks the elements of a box of a dataset that has them itself.
fn mark_stored(source: &Dataset, what: &Bounds, number: u64, marks: &mut [u8]) -> Result<()> {
    let size = source.datatype().size().max(1);
    source.shared.raw.for_each_run(&Selection::of_bounds(what.clone()), |at, from, length| {
        let (first, count) = (from / size * MARK, length / size * MARK);
        let marks = marks.get_mut(first as usize..(first + count) as usize).unwrap_or_default();
        for (mark, index) in marks.as_chunks_mut().0.iter_mut().zip(at / size..) {
            *mark = (number << SOURCE_AT | index).to_le_bytes();
        }
        Ok(())
    })
}

impl Place {
    fn add(&mut self, from: u64, to: u64) {
        match self.stretches.last_mut() {
            Some(last) if (last.from + last.length, last.to + last.length) == (from, to) => last.length += 1,
            _ => self.stretches.push(Stretch { from, to, length: 1 }),
        }
    }
}
