//! Datasets of copied trees: how the new one is stored, and getting the elements there.

use super::references::{Places, Translator};
use super::tree::Copier;
use super::{Job, NewLayout, Storage, attributes};
use crate::builder::{
    AllocationTime, ArrayLike, CopiedElements, DatasetBuilder, DatasetMut, ExternalPiece, FillTime, GroupMut,
    ObjectMut, Translate, VirtualSource,
};
use crate::bytes::zeroed;
use crate::data::element::KeepHeap;
use crate::dataset::Dataset;
use crate::error::{Context, Error, Result};
use crate::filters::FilterSpec;
use crate::format::libver::LibVer;
use crate::format::message::datatype::{Datatype, Name};
use crate::format::message::fill_value::{Allocation, FillValue};
use crate::format::message::layout::{Chunked, Layout};
use crate::format::reference::Reference;
use crate::format::virtual_map;
use crate::group::Object;
use crate::object::attributes::tracks_order;
use crate::object::raw_data;
use foldhash::{HashMap, HashMapExt};
use std::ops::Range;

/// Bytes of elements read and written at a time.
const BLOCK: u64 = 8 << 20;

/// The same where elements have data elsewhere, of which there may be much more, and where most of them were never
/// written: a block in which something is becomes chunks as a whole.
const SMALL_BLOCK: u64 = 256 << 10;

/// How the new dataset is stored.
pub(super) struct Plan {
    layout: NewLayout,
    /// In place of the filters that there are.
    filters: Option<Vec<FilterSpec>>,
    /// Chunks stay as they are stored.
    raw: bool,
    /// Chunks at the edge have no filters, and the new file can say so.
    plain_edges: bool,
}

/// Copies a dataset with its attributes to `name` in the group `to`.
pub(super) fn copy(copier: &mut Copier<'_>, from: &Dataset, to: &mut GroupMut, name: &[u8]) -> Result<()> {
    let object = Object::Dataset(from.clone());
    let committed = copier.committed(&object, from.committed_datatype())?;
    let wanted = copier.job.options.storage_of(from)?;
    let mut builder = to.build(name);
    if tracks_order(&from.node().header) {
        builder = builder.track_order(true);
    }
    builder = match &committed {
        Some(datatype) => builder.committed_datatype(datatype),
        None => builder.datatype(from.datatype().with_references_in_new_file()?),
    };
    let bound = to.libver()?;
    if wanted == Storage::default()
        && let Some(is) = Elsewhere::of(from).on(from.path())?
    {
        let mut made = is.make(copier.places, from, builder).on(from.path())?;
        return attributes::copy(copier, &object, &mut made);
    }
    // Where its elements are elsewhere and are to be here, they must be found.
    let node = from.node();
    let from = match Elsewhere::of(from)? {
        None => from.clone(),
        Some(_) => match Object::load(&node.access, node.header.address, node.path.clone())? {
            Object::Dataset(found) => found,
            _ => return Err(Error::damaged("a dataset that is something else the next time").on(from.path())),
        },
    };
    let plan = Plan::new(&from, wanted, bound).on(from.path())?;
    let mut made = plan.build(copier.places, &from, builder).and_then(DatasetBuilder::create).on(from.path())?;
    plan.fill(copier, &from, &mut made).on(from.path())?;
    attributes::copy(copier, &object, &mut made)
}

/// A dataset without elements in its file.
enum Elsewhere {
    Null,
    Virtual(Vec<VirtualSource>),
    External(Vec<ExternalPiece>),
}

impl Elsewhere {
    fn of(from: &Dataset) -> Result<Option<Elsewhere>> {
        if from.is_null() {
            return Ok(Some(Elsewhere::Null));
        }
        let node = from.node();
        let reader = node.reader();
        if let Layout::Virtual(id) = &from.raw().layout {
            let map = match id.collection {
                Some(_) => virtual_map::decode(&node.file().inner.heap.object(reader, *id)?, reader.widths())?,
                None => Vec::new(),
            };
            let source = |m: virtual_map::Mapping| VirtualSource {
                file: Name::from_bytes(&m.file),
                dataset: Name::from_bytes(&m.dataset),
                source: m.source,
                own: m.target,
            };
            return Ok(Some(Elsewhere::Virtual(map.into_iter().map(source).collect())));
        }
        let pieces = raw_data::external_pieces(&node.header, reader)?;
        let piece = |(file, offset, size): (Vec<u8>, _, _)| ExternalPiece { file: Name(file.into()), offset, size };
        Ok(pieces.map(|pieces| Elsewhere::External(pieces.into_iter().map(piece).collect())))
    }

    fn make(self, places: &Places<'_>, from: &Dataset, builder: DatasetBuilder) -> Result<ObjectMut> {
        if let Elsewhere::Null = self {
            return builder.create_null();
        }
        let (builder, _) = filled(places, from, shaped(from, builder), false)?;
        match self {
            Elsewhere::Virtual(sources) => builder.virtual_from(sources),
            Elsewhere::External(pieces) => builder.external(pieces),
            Elsewhere::Null => builder.create_null(),
        }
    }
}

pub(super) fn shaped(from: &Dataset, builder: DatasetBuilder) -> DatasetBuilder {
    let builder = builder.shape(from.shape());
    let grows = from.max_shape().iter().zip(from.shape()).any(|(max, dim)| *max != Some(*dim));
    if grows { builder.max_shape(from.max_shape()) } else { builder }
}

/// The builder with the fill value of `from`, and when that is written; and what the message says of allocation.
fn filled(
    places: &Places<'_>,
    from: &Dataset,
    mut builder: DatasetBuilder,
    times: bool,
) -> Result<(DatasetBuilder, Allocation)> {
    let fill = from.fill_message()?;
    let refers = from.datatype().has_references_to_file();
    // Zeros lead nowhere.
    let value = fill.value.clone();
    if let Some(bytes) = value.filter(|value| !refers || value.iter().any(|&b| b != 0)) {
        builder = builder.fill_value(FillElement::new(places, from, bytes).in_structure("fill value")?);
    }
    if fill.undefined {
        builder = builder.fill_undefined();
    }
    if !times {
        return Ok((builder, fill.allocation));
    }
    Ok((builder.fill_time(fill_time(from, &fill)), fill.allocation))
}

/// When the fill value of `from` is written.
pub(super) fn fill_time(from: &Dataset, fill: &FillValue) -> FillTime {
    match fill.write_time {
        0 if !fill.undefined => FillTime::Allocation,
        1 if !from.datatype().is_variable_length() => FillTime::Never,
        _ => FillTime::IfSet,
    }
}

/// The fill value of another dataset.
struct FillElement {
    from: Dataset,
    datatype: Datatype,
    bytes: Vec<u8>,
    /// Where the objects that it refers to are in the new file.
    places: HashMap<u64, Option<u64>>,
}

impl FillElement {
    fn new(places: &Places<'_>, from: &Dataset, bytes: Vec<u8>) -> Result<FillElement> {
        let datatype = from.datatype().with_references_in_new_file()?;
        let mut element = FillElement { from: from.clone(), datatype, bytes, places: HashMap::new() };
        let user = Object::Dataset(from.clone());
        let translator = Translator::new(places, &user);
        let translate = |reference: &Reference| translator.reference(reference);
        translator.prepare(&element.elements(&translate)?)?;
        element.places = translator.into_known();
        Ok(element)
    }

    fn elements<'a>(&'a self, references: Translate<'a>) -> Result<CopiedElements<'a>> {
        self.from.element_to_copy_with(&self.bytes, references)
    }
}

impl ArrayLike for FillElement {
    fn shape(&self) -> Vec<u64> {
        Vec::new()
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
        let place = |address| self.places.get(&address).copied().flatten();
        let translate = |reference: &Reference| Ok(reference.moved_to(reference.address().and_then(place)));
        self.elements(&translate)?.store(range, datatype, heap, out)
    }
}

impl Plan {
    pub(super) fn new(from: &Dataset, wanted: Storage, bound: LibVer) -> Result<Plan> {
        let before = from.chunk_shape().map(<[u64]>::to_vec);
        let scalar = from.shape().is_empty();
        let none = |filters: &Vec<FilterSpec>| filters.is_empty() && from.filters().is_empty();
        let filters = wanted.filters.filter(|filters| !scalar && !none(filters));
        let layout = match wanted.layout {
            None if from.layout() == "compact" && filters.is_none() => NewLayout::Compact,
            None => before.clone().map_or(NewLayout::Contiguous, NewLayout::Chunked),
            Some(NewLayout::Chunked(_)) if scalar => NewLayout::Contiguous,
            Some(layout) => layout,
        };
        let layout = match layout {
            NewLayout::Chunked(chunk) => NewLayout::Chunked(cut(from, chunk)?),
            other => other,
        };
        let same = layout == before.map_or(NewLayout::Contiguous, NewLayout::Chunked) && filters.is_none();
        let chunked = matches!(layout, NewLayout::Chunked(_));
        Ok(Plan {
            raw: same && chunked && !from.datatype().has_references_to_file(),
            plain_edges: chunked && from.raw().has_plain_edges() && bound >= LibVer::V110,
            layout,
            filters,
        })
    }

    fn build(&self, places: &Places<'_>, from: &Dataset, builder: DatasetBuilder) -> Result<DatasetBuilder> {
        let (builder, allocation) = filled(places, from, shaped(from, builder), true)?;
        Ok(self.stored(from, builder, allocation))
    }

    /// Layout, chunks and filters.
    pub(super) fn stored(&self, from: &Dataset, mut builder: DatasetBuilder, allocation: Allocation) -> DatasetBuilder {
        match &self.layout {
            NewLayout::Chunked(chunk) => builder = builder.chunks(chunk),
            NewLayout::Compact => builder = builder.compact(),
            // The filters of what has no chunks do nothing.
            NewLayout::Contiguous if self.filters.is_none() => return builder,
            NewLayout::Contiguous => {}
        }
        // Other storage is made at its usual time.
        if matches!(self.layout, NewLayout::Chunked(_)) && from.chunk_shape().is_some() {
            builder = match allocation {
                Allocation::Default => builder,
                Allocation::Early => builder.allocation(AllocationTime::Early),
                Allocation::Late => builder.allocation(AllocationTime::Late),
                Allocation::Incremental => builder.allocation(AllocationTime::Incremental),
            };
        }
        if self.plain_edges {
            builder = builder.plain_edges();
        }
        match &self.filters {
            Some(filters) => filters.iter().cloned().fold(builder, DatasetBuilder::filter),
            None if self.layout == NewLayout::Compact => builder,
            None => builder.filters(from.filters()),
        }
    }

    /// Copies the elements that are stored.
    fn fill(&self, copier: &Copier<'_>, from: &Dataset, made: &mut DatasetMut) -> Result<()> {
        match &from.raw().layout {
            Layout::Chunked(Chunked { address: None, .. }) => Ok(()),
            Layout::Contiguous { address: None, .. } if !from.raw().is_external() => Ok(()),
            Layout::Chunked(layout) if self.raw => self.copy_chunks(copier.job, from, layout, made),
            _ if from.is_empty() => Ok(()),
            _ => self.copy_elements(copier, from, made),
        }
    }

    /// Copies the chunks that are stored, as they are.
    fn copy_chunks(&self, job: &Job<'_>, from: &Dataset, layout: &Chunked, made: &mut DatasetMut) -> Result<()> {
        let reader = from.node().reader();
        if self.plain_edges == layout.plain_edges && !from.is_empty() {
            made.copy_chunks(from)?;
            return (job.watch)(from.stored_size()?);
        }
        let (grid, _) = from.raw().chunks(reader, layout)?;
        let mut bytes = Vec::new();
        for (offset, record) in from.raw().stored_chunks(reader)? {
            let position: Vec<u64> = offset.iter().zip(&grid.chunk).map(|(o, c)| o / c.max(&1)).collect();
            let is_plain = layout.plain_edges && grid.is_partial(&position);
            let (size, mask) = match is_plain {
                true => (layout.chunk_bytes()?, every_filter(from.filters().len())),
                false => (record.size, record.mask),
            };
            reader.check_range(record.address, size).in_structure("chunk")?;
            bytes = if bytes.len() as u64 == size { bytes } else { zeroed(size)? };
            reader.raw_into(record.address, &mut bytes)?;
            made.write_chunk(&offset, &bytes, mask)?;
            (job.watch)(size)?;
        }
        Ok(())
    }

    /// Copies all elements through memory. Where neither has a chunk nothing is written.
    fn copy_elements(&self, copier: &Copier<'_>, from: &Dataset, made: &mut DatasetMut) -> Result<()> {
        let user = Object::Dataset(from.clone());
        let translator = Translator::new(copier.places, &user);
        let translate = |reference: &Reference| translator.reference(reference);
        let total = u128::from(from.len()) * u128::from(from.datatype().size());
        let stored = u128::from(from.stored_size()?);
        if let Some(&rows) = from.shape().first() {
            let mut watch = |bytes| (copier.job.watch)((u128::from(bytes) * stored / total.max(1)) as u64);
            if made.rechunk(from, 0..rows, &mut watch)? {
                return Ok(());
            }
        }
        if made.refilter(from, &mut |bytes| (copier.job.watch)(bytes))? {
            return Ok(());
        }
        let refers = from.datatype().has_references_to_file();
        let sparse = from.chunk_shape().is_some() && stored.saturating_mul(2) < total && from.filters().is_empty();
        for block in from.blocks(if refers || sparse { SMALL_BLOCK } else { BLOCK }) {
            if made.chunk_shape().is_some() && !from.has_elements_in(&block)? {
                continue;
            }
            let part = from.select(block.clone())?;
            let copied = part.to_copy_with(&translate)?;
            translator.prepare(&copied)?;
            let share = u128::from(copied.stored_len()) * stored / total.max(1);
            made.write_selection(block, copied)?;
            (copier.job.watch)(share as u64)?;
        }
        Ok(())
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

/// The mask of a chunk that went through none of `count` filters.
fn every_filter(count: usize) -> u32 {
    u32::try_from((1u64 << count.min(32)) - 1).unwrap_or(u32::MAX)
}
