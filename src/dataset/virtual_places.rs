//! Where the elements of a virtual dataset really are: for those who write to them.

use super::Dataset;
use super::virtual_data::{VirtualData, meets};
use crate::bytes::zeroed;
use crate::data::selection::{Bounds, Selection};
use crate::error::{Context, Error, Result};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
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

/// What an element is marked with while all are looked for: its index in the source, and above it the number of the part,
/// counted from 1.
const PART_AT: u32 = 44;

const MARK: u64 = size_of::<u64>() as u64;

impl Dataset {
    /// Where the selected elements of a virtual dataset are; those that several parts have in the last one, as when they are
    /// read. Nothing for a dataset that is not virtual.
    ///
    /// # Errors
    /// `Mismatch` for elements that no source has; `Unsupported` for sources that are in other files, or virtual themselves.
    pub(crate) fn places(&self, selection: &Selection) -> Result<Option<Vec<Place>>> {
        let Some(data) = &self.shared.virtual_data else { return Ok(None) };
        let mut marks = zeroed(selection.len().saturating_mul(MARK))?;
        let shape = self.shape();
        selection.for_each_box(shape, MARK, &mut marks, &mut |bounds, out| data.mark(self, bounds, out))?;
        let mut places = BTreeMap::new();
        for (from, mark) in (0..).zip(marks.as_chunks().0) {
            let mark = u64::from_le_bytes(*mark);
            let part = mark >> PART_AT;
            let place = match places.entry(part) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.place(data, part)?),
            };
            place.add(from, mark & ((1 << PART_AT) - 1));
        }
        Ok(Some(places.into_values().collect()))
    }

    /// The source of a part, if it can be written to by who writes to this dataset.
    fn place(&self, data: &VirtualData, part: u64) -> Result<Place> {
        let part = part.checked_sub(1).and_then(|n| data.parts.get(n as usize));
        let source = match part {
            Some(part) => data.source(&part.name, self.node(), &self.node().file().errand.begin())?,
            None => None,
        };
        let nowhere = || Error::mismatch("elements of a virtual dataset that none of its sources has");
        let (part, source) = part.zip(source).ok_or_else(nowhere)?;
        if source.node().file().inner.number != self.node().file().inner.number {
            let file = String::from_utf8_lossy(&part.name.file);
            return Err(Error::unsupported(format!("writing to {file} through a virtual dataset; edit it itself")));
        }
        if source.shared.virtual_data.is_some() {
            let name = String::from_utf8_lossy(&part.name.dataset);
            return Err(Error::unsupported(format!("writing through a virtual dataset to {name}, another one")));
        }
        Ok(Place { path: part.name.dataset.clone(), source, stretches: Vec::new() })
    }
}

impl VirtualData {
    /// Marks the elements of a box with what they are.
    fn mark(&self, of: &Dataset, bounds: &Bounds, marks: &mut [u8]) -> Result<()> {
        let errand = of.node().file().errand.begin();
        for (number, part) in (1..).zip(&self.parts).filter(|(_, part)| meets(&part.target, bounds)) {
            let Some(source) = self.source(&part.name, of.node(), &errand)? else { continue };
            let (raw, size) = (&source.shared.raw, source.datatype().size().max(1));
            if source.len() >> PART_AT > 0 || number >> (u64::BITS - PART_AT) > 0 {
                return Err(Error::limit("a virtual dataset of more parts or larger sources than can be written to"));
            }
            let mut read = |what: &Bounds, into: &mut [u8]| {
                raw.for_each_run(&Selection::of_bounds(what.clone()), |at, from, length| {
                    let (first, count) = (from / size * MARK, length / size * MARK);
                    let into = into.get_mut(first as usize..(first + count) as usize).unwrap_or_default();
                    for (mark, index) in into.as_chunks_mut().0.iter_mut().zip(at / size..) {
                        *mark = (number << PART_AT | index).to_le_bytes();
                    }
                    Ok(())
                })
            };
            part.transfer(&source, bounds, MARK, marks, &mut read).on(of.path())?;
        }
        Ok(())
    }
}

impl Place {
    fn add(&mut self, from: u64, to: u64) {
        match self.stretches.last_mut() {
            Some(last) if (last.from + last.length, last.to + last.length) == (from, to) => last.length += 1,
            _ => self.stretches.push(Stretch { from, to, length: 1 }),
        }
    }
}
