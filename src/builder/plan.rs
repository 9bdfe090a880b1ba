//! What a new dataset is to be: what was asked for, checked and completed.

use super::array;
use super::chunking;
use super::dataset::DatasetBuilder;
use super::own_fill::OwnFill;
use super::session::Open;
use crate::error::{Error, Result};
use crate::filters::set_local::Target;
use crate::format::libver::LibVer;
use crate::format::message::dataspace::MAX_RANK;
use crate::format::message::datatype::Datatype;
use crate::format::message::fill_value::{self, FillValue};
use crate::format::message::filter_pipeline::FilterInfo;
use crate::index::chunk_index_build::Facts;

/// When the storage of a dataset is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllocationTime {
    /// All of it, when the dataset is made.
    Early,
    /// All of it, when the first element is written.
    Late,
    /// Each chunk, when the first of its elements is written.
    Incremental,
}

/// When the fill value is written to storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FillTime {
    /// When storage is made, if there is a fill value.
    #[default]
    IfSet,
    /// Never: what was not written holds anything.
    Never,
    /// Always when storage is made.
    Allocation,
}

/// What elements hold that were never written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Fill {
    /// Zeros.
    #[default]
    Default,
    /// Nothing that anybody defined; it reads as zeros.
    Undefined,
    /// One element, as it is stored.
    Value(Vec<u8>),
}

/// What a new dataset is.
pub(super) struct Plan {
    pub(super) path: String,
    pub(super) libver: LibVer,
    pub(super) datatype: Datatype,
    /// Empty for a single value.
    pub(super) shape: Vec<u64>,
    /// How far it may grow; nothing where it cannot.
    pub(super) max: Option<Vec<Option<u64>>>,
    pub(super) layout: LayoutPlan,
    pub(super) filters: Vec<FilterInfo>,
    pub(super) allocation: AllocationTime,
    pub(super) fill_time: FillTime,
    pub(super) fill: Fill,
    /// Where the fill value has data elsewhere.
    pub(super) own_fill: Option<OwnFill>,
}

/// How the elements are to be stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LayoutPlan {
    /// In the object header.
    Compact,
    Contiguous,
    Chunked {
        /// A chunk's shape.
        chunk: Vec<u64>,
        /// Chunks that reach beyond the dataset are stored without filters.
        plain_edges: bool,
    },
}

/// The most bytes of elements in an object header: a message has at most 65,535, and begins with four of its own. Old
/// headers pad messages to a multiple of 8.
fn most_compact(libver: LibVer) -> u64 {
    if libver < LibVer::V18 { 65_524 } else { 65_531 }
}

impl Plan {
    /// A chunk's shape; nothing for other layouts.
    pub(super) fn chunk(&self) -> Option<&[u64]> {
        match &self.layout {
            LayoutPlan::Chunked { chunk, .. } => Some(chunk),
            _ => None,
        }
    }

    pub(super) fn plain_edges(&self) -> bool {
        matches!(self.layout, LayoutPlan::Chunked { plain_edges: true, .. })
    }

    /// The element that fills what was never written; nothing for zeros.
    pub(super) fn fill_element(&self) -> &[u8] {
        match &self.fill {
            Fill::Value(bytes) if bytes.iter().any(|&b| b != 0) => bytes,
            _ => &[],
        }
    }

    /// How far each dimension may grow.
    pub(super) fn max_dims(&self) -> Vec<Option<u64>> {
        self.max.clone().unwrap_or_else(|| self.shape.iter().map(|&d| Some(d)).collect())
    }

    /// What the index of its chunks depends on; `max` are its [`max_dims`](Plan::max_dims).
    pub(super) fn facts<'a>(&'a self, max: &'a [Option<u64>]) -> Facts<'a> {
        Facts {
            libver: self.libver,
            dims: &self.shape,
            max,
            chunk: self.chunk().unwrap_or_default(),
            element_size: self.datatype.size(),
            filtered: !self.filters.is_empty(),
            early: self.allocation == AllocationTime::Early,
            plain_edges: self.plain_edges(),
        }
    }

    pub(super) fn fill_message(&self) -> FillValue {
        FillValue {
            allocation: match self.allocation {
                AllocationTime::Early => fill_value::Allocation::Early,
                AllocationTime::Late => fill_value::Allocation::Late,
                AllocationTime::Incremental => fill_value::Allocation::Incremental,
            },
            write_time: match self.fill_time {
                FillTime::Allocation => 0,
                FillTime::Never => 1,
                FillTime::IfSet => 2,
            },
            undefined: self.fill == Fill::Undefined,
            value: if let Fill::Value(bytes) = &self.fill { Some(bytes.clone()) } else { None },
        }
    }
}

impl DatasetBuilder {
    /// Checks what was asked for, and completes it.
    pub(super) fn plan(&self, path: String) -> Result<Plan> {
        let datatype = self
            .datatype
            .clone()
            .ok_or_else(|| Error::invalid("no datatype; say what the elements are: `.element::<f32>()`"))?;
        let datatype = self.session.with(|open| open.datatype(datatype))?;
        let shape = self
            .shape
            .clone()
            .ok_or_else(|| Error::invalid("no shape; say it: `.shape([480, 640])`, or `.extendible()`"))?;
        if shape.len() > MAX_RANK {
            let rank = shape.len();
            return Err(Error::limit(format!("{rank} dimensions, {MAX_RANK} are possible")));
        }
        if datatype.size() == 0 || datatype.size() > u32::MAX.into() {
            let size = datatype.size();
            return Err(Error::invalid(format!("elements of {size} bytes")));
        }
        let bytes = shape.iter().filter(|d| **d > 0).try_fold(datatype.size(), |n, d| n.checked_mul(*d));
        let bytes =
            bytes.ok_or_else(|| Error::limit(format!("a dataset of shape {shape:?} has more than 2^64 bytes")))?;
        let libver = self.session.with(|open| Ok(open.libver))?;
        let max = self.max(&shape)?;
        let layout = self.layout(&shape, max.as_deref(), &datatype, libver)?;
        let bytes = if shape.contains(&0) { 0 } else { bytes };
        if layout == LayoutPlan::Compact && bytes > most_compact(libver) {
            let most = most_compact(libver);
            return Err(Error::limit(format!("{bytes} bytes in an object header: {most} are possible")));
        }
        let fill = self.fill(&datatype)?;
        let filters = self.pipeline(&datatype, &layout, &fill)?;
        let (allocation, fill_time) = self.times(&layout, &datatype, &fill)?;
        let own_fill = self.own_fill(&datatype, &fill);
        Ok(Plan { path, libver, datatype, shape, max, layout, filters, allocation, fill_time, fill, own_fill })
    }

    /// The filters with all their parameters.
    fn pipeline(&self, datatype: &Datatype, layout: &LayoutPlan, fill: &Fill) -> Result<Vec<FilterInfo>> {
        if let Some(filters) = &self.exact_filters {
            return Ok(filters.clone());
        }
        let LayoutPlan::Chunked { chunk, .. } = layout else {
            return Ok(Vec::new());
        };
        let zeros;
        let fill = match fill {
            Fill::Undefined => None,
            Fill::Value(bytes) => Some(&bytes[..]),
            Fill::Default => {
                zeros = vec![0; datatype.size() as usize];
                Some(&zeros[..])
            }
        };
        let target = Target { datatype, chunk, fill };
        self.filters.iter().map(|f| f.complete(&target)).collect()
    }

    /// How far the dataset may grow; nothing where it cannot.
    fn max(&self, shape: &[u64]) -> Result<Option<Vec<Option<u64>>>> {
        let mut max: Vec<Option<u64>> = match &self.max_shape {
            None => shape.iter().map(|&d| Some(d)).collect(),
            Some(max) => max.clone(),
        };
        let fits = |(max, dim): (&Option<u64>, &u64)| max.is_none_or(|m| m >= *dim);
        if max.len() != shape.len() || !max.iter().zip(shape).all(fits) {
            return Err(Error::invalid(format!("a shape of {shape:?} that grows up to {max:?}")));
        }
        if self.extendible {
            match max.first_mut() {
                Some(first) => *first = None,
                None => {
                    return Err(Error::invalid("a single value cannot grow; give it a shape"));
                }
            }
        }
        let grows = max.iter().zip(shape).any(|(max, dim)| *max != Some(*dim));
        Ok(grows.then_some(max))
    }

    /// How the elements are stored: in chunks where something needs them.
    fn layout(
        &self,
        shape: &[u64],
        max: Option<&[Option<u64>]>,
        datatype: &Datatype,
        libver: LibVer,
    ) -> Result<LayoutPlan> {
        let filtered = !self.filters.is_empty() || self.exact_filters.as_ref().is_some_and(|f| !f.is_empty());
        let chunked = self.chunks.is_some() || max.is_some() || filtered || self.plain_edges;
        if self.compact {
            if chunked {
                return Err(Error::invalid("compact storage has neither chunks nor filters, and cannot grow"));
            }
            return Ok(LayoutPlan::Compact);
        }
        if !chunked {
            return Ok(LayoutPlan::Contiguous);
        }
        if self.plain_edges && libver < LibVer::V110 {
            return Err(Error::unsupported(format!(
                "chunks at the edge without filters in a file of the bound {libver}: libhdf5 reads them since v110"
            )));
        }
        let chunk = self.chunk_shape(shape, max, datatype.size())?;
        Ok(LayoutPlan::Chunked { chunk, plain_edges: self.plain_edges })
    }

    fn chunk_shape(&self, shape: &[u64], max: Option<&[Option<u64>]>, element_size: u64) -> Result<Vec<u64>> {
        if shape.is_empty() {
            return Err(Error::invalid("a single value has neither chunks nor filters"));
        }
        let Some(chunk) = &self.chunks else {
            return Ok(chunking::guess(shape, element_size));
        };
        if chunk.len() != shape.len() || chunk.contains(&0) {
            return Err(Error::invalid(format!("chunks of shape {chunk:?} in a dataset of shape {shape:?}")));
        }
        // libhdf5 refuses to make chunks that are larger than a dimension that cannot grow.
        let most = |d: usize| max.map_or(shape.get(d).copied(), |m| m.get(d).copied().flatten());
        let too_large = |(d, c): (usize, &u64)| most(d).is_some_and(|m| m > 0 && *c > m);
        if chunk.iter().enumerate().any(too_large) {
            return Err(Error::invalid(format!(
                "chunks of shape {chunk:?} are larger than the dataset, which has shape {shape:?}"
            )));
        }
        Ok(chunk.clone())
    }

    /// When storage is made, and when it is filled.
    fn times(&self, layout: &LayoutPlan, datatype: &Datatype, fill: &Fill) -> Result<(AllocationTime, FillTime)> {
        let usual = match layout {
            LayoutPlan::Compact => AllocationTime::Early,
            LayoutPlan::Contiguous => AllocationTime::Late,
            LayoutPlan::Chunked { .. } => AllocationTime::Incremental,
        };
        let allocation = self.allocation.unwrap_or(usual);
        if *layout == LayoutPlan::Compact && allocation != AllocationTime::Early {
            return Err(Error::invalid("compact storage is there as soon as its dataset"));
        }
        let mut time = self.fill_time;
        if datatype.is_variable_length() {
            if time == FillTime::Never {
                return Err(Error::unsupported("variable-length elements that are never filled: they would be wild"));
            }
            // As libhdf5 has it.
            if time == FillTime::IfSet && *fill == Fill::Default {
                time = FillTime::Allocation;
            }
        }
        if *fill == Fill::Undefined && time == FillTime::Allocation {
            return Err(Error::invalid("storage that is filled with a value that is undefined"));
        }
        Ok((allocation, time))
    }

    fn fill(&self, datatype: &Datatype) -> Result<Fill> {
        if self.fill_undefined {
            return Ok(Fill::Undefined);
        }
        let Some(value) = &self.fill else {
            return Ok(Fill::Default);
        };
        if array::count(&value.shape())? != 1 {
            return Err(Error::invalid("a fill value is one value"));
        }
        let mut bytes = Vec::new();
        let store = |open: &mut Open| value.store(0..1, datatype, open, &mut bytes);
        self.session.with(store)?;
        if bytes.len() as u64 != datatype.size() {
            return Err(Error::invalid("a fill value of another size than the elements"));
        }
        Ok(Fill::Value(bytes))
    }

    fn own_fill(&self, datatype: &Datatype, fill: &Fill) -> Option<OwnFill> {
        match (fill, &self.fill) {
            (Fill::Value(element), Some(value)) if datatype.has_references_to_file() => {
                Some(OwnFill { value: value.clone(), datatype: datatype.clone(), element: element.clone() })
            }
            _ => None,
        }
    }
}
