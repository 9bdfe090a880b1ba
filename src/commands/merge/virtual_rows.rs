//! Virtual datasets that lead to the rows where they are.

use super::contents::Slab;
use super::places;
use super::plan::{Joined, Plan};
use crate::datatype::Name;
use crate::error::Result;
use crate::{StoredSelection, VirtualSource};
use std::path::Path;

/// Whether rows can stay in their files: not labels that get other numbers, nor references.
pub(super) fn can_lead(joined: &Joined, inputs: usize) -> bool {
    !joined.datatype.has_references() && (0..inputs).all(|i| joined.renumbers(i).is_none())
}

/// Where the rows are.
pub(super) fn sources(plan: &Plan, joined: &Joined, output: &Path) -> Result<Vec<VirtualSource>> {
    let mut start = 0;
    let mut sources = Vec::new();
    for (input, rows) in plan.inputs.iter().zip(&joined.counts) {
        if let Some(facts) = input.dataset(&joined.path).filter(|f| !f.shape.contains(&0)) {
            let mut slab = Slab::new(&facts.shape, joined.axis, start..start + rows);
            // Percent signs would name a block.
            let escaped = |name: &Name| {
                let twice = |&b: &u8| std::iter::repeat_n(b, if b == b'%' { 2 } else { 1 });
                Name::from_bytes(&name.as_bytes().iter().flat_map(twice).collect::<Vec<_>>())
            };
            sources.push(VirtualSource {
                file: escaped(&places::relative(&input.path, output)),
                dataset: escaped(&joined.path),
                source: StoredSelection::All,
                own: StoredSelection::of(std::mem::take(&mut slab.ranges), &joined.shape)?,
            });
        }
        start += rows;
    }
    Ok(sources)
}
