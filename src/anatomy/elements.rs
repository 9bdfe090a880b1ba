//! What elements lead to: collections of the global heap (III.E).

use super::walk::{Owner, Walk};
use super::{Anatomy, Finding, data, interrupted};
use crate::dataset::Dataset;
use crate::error::Result;
use crate::file::File;
use crate::group::Object;
use crate::walk::Visited;

/// Bytes of elements that are read at a time.
pub(super) const BLOCK: u64 = 4 << 20;

impl Anatomy {
    /// Reads the elements of datasets that lead into the global heap.
    pub(super) fn read_elements(&self, walk: &mut Walk, stopped: &dyn Fn() -> bool) -> Result<()> {
        // What keeps the file from being opened is among the findings.
        let Ok(file) = File::from_source(self.source.clone(), self.limits.clone()) else {
            return Ok(());
        };
        for visit in file.walk().flatten() {
            if let Visited::Object(Object::Dataset(dataset)) = visit.what()
                && dataset.datatype().has_references_to_file()
            {
                read_dataset(walk, dataset, stopped)?;
            }
        }
        Ok(())
    }
}

fn read_dataset(walk: &mut Walk, dataset: &Dataset, stopped: &dyn Fn() -> bool) -> Result<()> {
    let owner = walk.owners.add(Owner::FILE, dataset.path());
    let mut note = |what: &str, elements: Result<Vec<u8>>| match elements {
        Ok(bytes) => {
            for at in data::collections(dataset.datatype(), &bytes, walk.reader.widths()) {
                data::collection(walk, at, owner);
            }
        }
        Err(e) => walk.findings.push(Finding {
            address: None,
            kind: None,
            owner: dataset.path().to_owned(),
            message: format!("its {what} cannot be read: {e}"),
        }),
    };
    note("fill value", dataset.fill_value().map(Option::unwrap_or_default));
    for block in dataset.blocks(BLOCK) {
        if stopped() {
            return Err(interrupted());
        }
        note("elements", dataset.select(block).and_then(|part| part.read_stored()));
    }
    match edges(dataset) {
        Ok(chunks) => {
            for chunk in chunks {
                if stopped() {
                    return Err(interrupted());
                }
                note("chunk at the edge", chunk);
            }
        }
        Err(e) => note("chunks", Err(e)),
    }
    Ok(())
}

/// The chunks that reach beyond the dataset, as wholes: what lies there comes to light when it grows.
pub(super) fn edges(dataset: &Dataset) -> Result<impl Iterator<Item = Result<Vec<u8>>>> {
    let (raw, reader) = (dataset.raw(), dataset.node().reader());
    let chunk = dataset.chunk_shape().unwrap_or_default();
    let reaches_beyond = |offset: &[u64]| {
        let mut dims = offset.iter().zip(chunk).zip(dataset.shape());
        dims.any(|((from, length), end)| from.saturating_add(*length) > *end)
    };
    let mut chunks = raw.stored_chunks(reader)?;
    chunks.retain(|(offset, _)| reaches_beyond(offset));
    Ok(chunks.into_iter().map(move |(offset, record)| {
        let mut bytes = Vec::new();
        raw.whole_chunk(reader, &offset, &record, &mut bytes).map(|()| bytes)
    }))
}
