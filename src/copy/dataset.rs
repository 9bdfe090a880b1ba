//! Datasets of copied trees: how the new one is stored, and getting the elements there.

use super::references::{Places, PlacesOf};
use super::{Job, NewLayout, Storage};
use crate::builder::{DatasetBuilder, DatasetMut, GroupMut};
use crate::bytes::zeroed;
use crate::dataset::Dataset;
use crate::error::{Context, Error, Result};
use crate::filters::Pipeline;
use crate::format::message::filter_pipeline::FilterInfo;
use crate::format::message::layout::{Chunked, Layout};

/// Bytes of elements read and written at a time.
const BLOCK: u64 = 8 << 20;

/// The same where elements have data elsewhere: of those there may be much more.
const BLOCK_OF_REFERENCES: u64 = 256 << 10;

/// How the new dataset is stored.
struct Plan {
    /// A chunk's shape, if it has chunks.
    chunk: Option<Vec<u64>>,
    filters: Vec<FilterInfo>,
    /// Chunks stay as they are stored.
    raw: bool,
}

/// Copies a dataset without its attributes to `name` in the group `to`.
pub(super) fn copy(
    from: &Dataset,
    to: &mut GroupMut,
    name: &[u8],
    job: &Job<'_>,
    places: &Places<'_>,
) -> Result<DatasetMut> {
    copy_parts(from, to, name, job, &places.of(&from.node().file)).on(from.path())
}

fn copy_parts(
    from: &Dataset,
    to: &mut GroupMut,
    name: &[u8],
    job: &Job<'_>,
    references: &PlacesOf<'_>,
) -> Result<DatasetMut> {
    let plan = Plan::new(from, job.options.storage_of(from)?)?;
    let mut made = plan.build(from, to.build(name))?.create()?;
    match (&from.raw().layout, plan.raw) {
        (Layout::Chunked(layout), true) => copy_chunks(from, layout, &mut made, job)?,
        (Layout::Contiguous { address: None, .. }, _) if !from.raw().is_external() => {}
        (Layout::Chunked(Chunked { address: None, .. }), _) => {}
        _ => copy_elements(from, &mut made, job, references)?,
    }
    Ok(made)
}

impl Plan {
    fn new(from: &Dataset, wanted: Storage) -> Result<Plan> {
        if from.is_null() {
            return Err(Error::unsupported("copying a dataset without elements (a null dataspace)"));
        }
        let before = from.chunk_shape().map(<[u64]>::to_vec);
        let filters = wanted.filters.unwrap_or_else(|| from.filters().to_vec());
        let chunk = match wanted.layout {
            None => before.clone(),
            Some(NewLayout::Contiguous) => None,
            Some(NewLayout::Compact) => return Err(Error::unsupported("writing compact datasets")),
            Some(NewLayout::Chunked(_)) if from.shape().is_empty() => None,
            Some(NewLayout::Chunked(chunk)) => Some(chunk),
        };
        let chunk = chunk.map(|chunk| cut(from, chunk)).transpose()?;
        let filters = if from.shape().is_empty() { Vec::new() } else { filters };
        let plain = !from.datatype().has_references_to_file();
        let raw = plain && chunk.is_some() && chunk == before && filters == from.filters();
        Ok(Plan { chunk, filters, raw })
    }

    fn build(&self, from: &Dataset, mut builder: DatasetBuilder) -> Result<DatasetBuilder> {
        builder = builder.datatype(from.datatype().rehomed(true)?).shape(from.shape());
        if from.max_shape().iter().zip(from.shape()).any(|(max, dim)| *max != Some(*dim)) {
            builder = builder.max_shape(from.max_shape());
        }
        if let Some(chunk) = &self.chunk {
            builder = builder.chunks(chunk);
        }
        Ok(builder.filters(self.filters.clone()))
    }
}

/// A chunk's shape that is nowhere larger than a dataset which cannot grow: libhdf5 refuses such ones.
fn cut(from: &Dataset, mut chunk: Vec<u64>) -> Result<Vec<u64>> {
    if chunk.len() != from.shape().len() {
        let (rank, dims) = (chunk.len(), from.shape().len());
        return Err(Error::invalid(format!("chunks of {rank} dimensions for a dataset of {dims}")));
    }
    for (size, max) in chunk.iter_mut().zip(from.max_shape()) {
        if let Some(most) = max.filter(|&m| m > 0) {
            *size = most.min(*size);
        }
    }
    Ok(chunk)
}

/// Copies the chunks that are stored, as they are.
fn copy_chunks(from: &Dataset, layout: &Chunked, made: &mut DatasetMut, job: &Job<'_>) -> Result<()> {
    let reader = &from.node().reader;
    let (grid, table) = from.raw().chunks(reader, layout)?;
    let pipeline = Pipeline::new(from.filters());
    let whole = layout.chunk_bytes()?;
    let mut bytes = Vec::new();
    for number in table.numbers(grid) {
        let Some(record) = table.get(number, grid)? else { continue };
        let position = grid.position(number);
        let mut mask = record.mask;
        if layout.plain_edges && grid.is_partial(&position) {
            mask = every_filter(from.filters().len());
        }
        let plain = pipeline.skips_all(mask);
        let size = if plain { whole } else { record.size };
        reader.check_range(record.address, size).in_structure("chunk")?;
        if bytes.len() as u64 != size {
            bytes = zeroed(size)?;
        }
        reader.raw_into(record.address, &mut bytes)?;
        let offset: Vec<u64> = position.iter().zip(&grid.chunk).map(|(p, c)| p * c).collect();
        made.write_chunk(&offset, &bytes, mask)?;
        (job.watch)(size)?;
    }
    Ok(())
}

/// The mask of a chunk that went through none of `count` filters.
fn every_filter(count: usize) -> u32 {
    u32::try_from((1u64 << count.min(32)) - 1).unwrap_or(u32::MAX)
}

/// Copies all elements through memory.
fn copy_elements(from: &Dataset, made: &mut DatasetMut, job: &Job<'_>, references: &PlacesOf<'_>) -> Result<()> {
    let refers = from.datatype().has_references_to_file();
    let total = from.len().saturating_mul(from.datatype().size()).max(1);
    let stored = u128::from(from.stored_size()?);
    for block in from.blocks(if refers { BLOCK_OF_REFERENCES } else { BLOCK }) {
        let part = from.select(block)?;
        let copied = part.to_copy_with(Some(references))?;
        let share = u128::from(copied.bytes()) * stored / u128::from(total);
        made.append(copied)?;
        (job.watch)(share as u64)?;
    }
    Ok(())
}
