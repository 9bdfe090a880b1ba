//! References in the merged file: to where their objects are there, and regions to where their rows are.

use super::plan::Plan;
use crate::datatype::Name;
use crate::error::{Error, ErrorKind, Result};
use crate::{CopiedElements, GroupMut, Reference, StoredSelection, Strided};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What the references of one file become. They are found before elements are written, for the merged file is locked then.
pub(super) struct References<'a> {
    plan: &'a Plan,
    input: usize,
    /// The objects of the file by their addresses.
    paths: HashMap<u64, Name>,
    /// Whether rows keep their order.
    ordered: bool,
    known: Mutex<HashMap<Reference, Reference>>,
}

impl<'a> References<'a> {
    pub(super) fn new(plan: &'a Plan, input: usize, paths: HashMap<u64, Name>, ordered: bool) -> References<'a> {
        References { plan, input, paths, ordered, known: Mutex::default() }
    }

    pub(super) fn translate(&self, reference: &Reference) -> Result<Reference> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(known.get(reference).cloned().unwrap_or(Reference::Null))
    }

    /// Finds what the references among `elements` become in the file of `root`.
    pub(super) fn prepare(&self, elements: &CopiedElements<'_>, root: &GroupMut) -> Result<()> {
        for reference in elements.references()? {
            if self.known.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&reference) {
                continue;
            }
            let new = self.moved(&reference, &|place| Ok(root.reference(place.as_bytes())?.address()))?;
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(reference, new);
        }
        Ok(())
    }

    /// A reference with the address that `address` gives for the place of its object; null if the object is not there.
    pub(super) fn moved(
        &self,
        reference: &Reference,
        address: &dyn Fn(&Name) -> Result<Option<u64>>,
    ) -> Result<Reference> {
        let path = reference.address().and_then(|a| self.paths.get(&a));
        let place = path.and_then(|path| self.plan.place(self.input, path));
        let (Some(path), Some(place)) = (path, place) else {
            return Ok(Reference::Null);
        };
        let mut new = reference.moved_to(address(&place)?);
        if let Reference::Region { selection, .. } = &mut new {
            self.shift(path, selection)?;
        }
        Ok(new)
    }

    /// Moves what is selected of a joined dataset to where the rows of this file are.
    fn shift(&self, path: &Name, selection: &mut StoredSelection) -> Result<()> {
        let Some(joined) = self.plan.joined.iter().find(|j| j.path == *path) else {
            return Ok(());
        };
        if !self.ordered && joined.main {
            let message = format!("a reference to a part of {path}, whose rows get another order");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let by: u64 = joined.counts.iter().take(self.input).sum();
        let shape = self.plan.inputs.get(self.input).and_then(|i| i.dataset(path)).map_or(&[][..], |f| &f.shape);
        shift(selection, joined.axis, by, shape);
        Ok(())
    }
}

/// Moves a selection of a dataset of `shape` along a dimension.
fn shift(selection: &mut StoredSelection, axis: usize, by: u64, shape: &[u64]) {
    match selection {
        StoredSelection::None => {}
        StoredSelection::All => {
            let whole = |&n: &u64| Strided { start: 0, stride: n.max(1), count: Some(1), block: Some(n) };
            *selection = StoredSelection::Regular(shape.iter().map(whole).collect());
            shift(selection, axis, by, shape);
        }
        StoredSelection::Points { rank, coordinates } => {
            coordinates.chunks_exact_mut((*rank).max(1)).filter_map(|p| p.get_mut(axis)).for_each(|n| *n += by);
        }
        StoredSelection::Blocks { rank, corners } => {
            corners.chunks_exact_mut((*rank).max(1)).filter_map(|p| p.get_mut(axis)).for_each(|n| *n += by);
        }
        StoredSelection::Regular(dimensions) => {
            if let Some(dimension) = dimensions.get_mut(axis) {
                dimension.start += by;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_move_along_one_dimension() {
        let moved = |mut selection| {
            shift(&mut selection, 1, 10, &[2, 3]);
            selection
        };
        let points = StoredSelection::Points { rank: 2, coordinates: vec![0, 1, 1, 2] };
        assert_eq!(moved(points), StoredSelection::Points { rank: 2, coordinates: vec![0, 11, 1, 12] });
        let blocks = StoredSelection::Blocks { rank: 2, corners: vec![0, 0, 1, 2] };
        assert_eq!(moved(blocks), StoredSelection::Blocks { rank: 2, corners: vec![0, 10, 1, 12] });
        let all = moved(StoredSelection::All);
        assert_eq!(all.bounds(&[2, 20]).unwrap(), Some(vec![(0, 1), (10, 12)]));
    }
}
