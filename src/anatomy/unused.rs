//! What nothing in a file needs.

use super::elements::{BLOCK, edges};
use super::kind::Kind;
use super::{Anatomy, MapOptions};
use crate::builder::CopiedElements;
use crate::dataset::Dataset;
use crate::error::Result;
use crate::file::File;
use crate::format::reference::Reference;
use crate::group::Object;
use crate::walk::Visited;
use foldhash::HashSet;

impl Anatomy {
    /// The address and length of all that nothing leads to, neither links nor elements; `None` where that cannot be told:
    /// where something is damaged or of an unknown kind, where messages are shared, or a reference leads to what no link
    /// does.
    ///
    /// # Errors
    /// As [`Anatomy::map`].
    pub(crate) fn unused(&self) -> Result<Option<Vec<(u64, u64)>>> {
        let map = self.map(MapOptions { deep: true, ..MapOptions::default() })?;
        // Shared attributes may lead to collections of the global heap.
        if !map.is_complete() || map.sums().contains_key(&Kind::SharedMessageTable) {
            return Ok(None);
        }
        let (mut objects, mut unused) = (HashSet::default(), Vec::new());
        for piece in map.pieces() {
            let Ok(address) = u64::try_from(piece.address) else { continue };
            match piece.kind {
                Kind::ObjectHeader => _ = objects.insert(address),
                Kind::Gap | Kind::Free => unused.push((address, piece.length)),
                // It is there by its signature only.
                Kind::GlobalHeap if piece.owner.is_empty() => unused.push((address, piece.length)),
                _ => {}
            }
        }
        let file = File::from_source(self.source.clone(), self.limits.clone())?;
        Ok(refers_only_to(&file, &objects)?.then_some(unused))
    }
}

/// Whether all references of a file lead to objects with such addresses.
fn refers_only_to(file: &File, objects: &HashSet<u64>) -> Result<bool> {
    let known = |elements: CopiedElements<'_>| -> Result<bool> {
        let references = elements.references()?;
        Ok(references.iter().all(|to| to.address().is_none_or(|at| objects.contains(&at))))
    };
    for visit in file.walk() {
        let visit = visit?;
        let Visited::Object(object) = visit.what() else { continue };
        for attribute in object.node().attributes()? {
            let attribute = attribute?;
            if attribute.datatype().has_references() && !known(attribute.to_copy_with(&same)?)? {
                return Ok(false);
            }
        }
        if let Object::Dataset(dataset) = object
            && dataset.datatype().has_references()
            && !are_all(dataset, &known)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether something holds for all elements of a dataset, those that come to light when it grows among them.
fn are_all(dataset: &Dataset, what: &dyn Fn(CopiedElements<'_>) -> Result<bool>) -> Result<bool> {
    for block in dataset.blocks(BLOCK) {
        if !what(dataset.select(block)?.to_copy_with(&same)?)? {
            return Ok(false);
        }
    }
    for elements in edges(dataset)?.chain(dataset.fill_value().transpose()) {
        for element in elements?.chunks_exact((dataset.datatype().size() as usize).max(1)) {
            if !what(dataset.element_to_copy_with(element, &same)?)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn same(to: &Reference) -> Result<Reference> {
    Ok(to.clone())
}
