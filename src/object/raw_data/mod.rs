//! The elements of a dataset, as they are stored: plan, fetch, decode.

mod chunked;
mod external;
mod span;

use super::ObjectHeader;
use super::chunks::{ChunkTable, Grid};
use super::runs::{self, Place};
use crate::bytes::{Address, zeroed};
use crate::data::selection::Selection;
use crate::error::{Error, Result};
use crate::filters::Pipeline;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::external_files::ExternalFiles;
use crate::format::message::fill_value::FillValue;
use crate::format::message::filter_pipeline::{self, FilterInfo};
use crate::format::message::kind;
use crate::format::message::layout::{Chunked, Layout};
use crate::io::Reader;
use span::Span;
use std::sync::{Arc, OnceLock};

/// Where and how the elements of a dataset are stored.
pub(crate) struct RawData {
    dims: Vec<u64>,
    max: Vec<Option<u64>>,
    element_size: u64,
    pub(crate) layout: Layout,
    pub(crate) filters: Vec<FilterInfo>,
    pipeline: Pipeline,
    /// One element, or nothing for zeros.
    fill: Vec<u8>,
    /// The external files that hold the elements, as one file.
    external: Option<Reader>,
    chunks: OnceLock<(Grid, ChunkTable)>,
}

impl RawData {
    /// Reads what the header says of a dataset of this shape.
    pub(crate) fn load(
        header: &ObjectHeader,
        reader: &Reader,
        dataspace: &Dataspace,
        element_size: u64,
    ) -> Result<RawData> {
        let layout = header.find(kind::LAYOUT).ok_or_else(|| Error::damaged("a dataset without a layout"))?;
        let layout = Layout::decode(layout.bytes, reader.widths())?;
        let filters = header.resolved(reader, kind::FILTER_PIPELINE, filter_pipeline::decode)?;
        let filters = filters.map(|(f, _)| f).unwrap_or_default();
        let fill = match header.resolved(reader, kind::FILL_VALUE, FillValue::decode)? {
            Some((fill, _)) => fill.value,
            None => header.resolved(reader, kind::FILL_VALUE_OLD, FillValue::decode_old)?.and_then(|(v, _)| v),
        };
        let fill = fill.unwrap_or_default();
        if !fill.is_empty() && fill.len() as u64 != element_size {
            let message = format!("{} bytes, elements have {element_size}", fill.len());
            return Err(Error::damaged(message).in_structure("fill value"));
        }
        let external = match header.find(kind::EXTERNAL_FILES) {
            Some(body) => Some(open_external(body.bytes, reader)?),
            None => None,
        };
        if let Layout::Chunked(c) = &layout
            && c.element_size != element_size
        {
            let message = format!("elements of {} bytes, the datatype has {element_size}", c.element_size);
            return Err(Error::damaged(message).in_structure("data layout"));
        }
        Ok(RawData {
            dims: dataspace.dims().to_vec(),
            max: dataspace.max_dims(),
            element_size,
            layout,
            pipeline: Pipeline::new(&filters),
            filters,
            fill: if fill.iter().all(|&b| b == 0) { Vec::new() } else { fill },
            external,
            chunks: OnceLock::new(),
        })
    }

    /// One element that fills what nobody wrote; empty for zeros.
    pub(crate) fn fill(&self) -> &[u8] {
        &self.fill
    }

    /// Says how large a virtual dataset has become.
    pub(crate) fn resize(&mut self, dims: &[u64]) {
        self.dims = dims.to_vec();
    }

    /// The chunks, read at the first call.
    pub(crate) fn chunks(&self, reader: &Reader, layout: &Chunked) -> Result<&(Grid, ChunkTable)> {
        if let Some(known) = self.chunks.get() {
            return Ok(known);
        }
        let grid = Grid::new(&self.dims, &self.max, &layout.shape)?;
        let table = ChunkTable::load(reader, layout, &grid)?;
        Ok(self.chunks.get_or_init(|| (grid, table)))
    }

    /// Bytes in the file, if they are known without effort or `exact` asks for them.
    pub(crate) fn stored_bytes(&self, reader: &Reader) -> Result<u64> {
        match &self.layout {
            Layout::Compact(data) => Ok(data.len() as u64),
            Layout::Contiguous { address: None, .. } => Ok(0),
            Layout::Contiguous { .. } => Ok(self.dims.iter().product::<u64>() * self.element_size),
            Layout::Chunked(c) => {
                let (grid, table) = self.chunks(reader, c)?;
                Ok(table.stored(grid).1)
            }
            Layout::Virtual(_) => Ok(0),
        }
    }

    /// Fills `out` with the selected elements. It must be just as long.
    pub(crate) fn read_into(&self, reader: &Reader, selection: &Selection, out: &mut [u8]) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        match &self.layout {
            Layout::Compact(data) => self.read_memory(data, selection, out),
            Layout::Contiguous { address: None, .. } => match &self.external {
                Some(files) => self.read_contiguous(files, Address(0), None, selection, out),
                None => {
                    runs::fill_run(out, &self.fill);
                    Ok(())
                }
            },
            Layout::Contiguous { address: Some(address), size } => {
                self.read_contiguous(reader, *address, *size, selection, out)
            }
            Layout::Chunked(layout) => chunked::read(self, reader, layout, selection, out),
            Layout::Virtual(_) => Err(Error::unsupported("virtual datasets")),
        }
    }

    /// A chunk as it is stored, with the mask of its filters. `position` counts in chunks.
    pub(crate) fn raw_chunk(&self, reader: &Reader, position: &[u64]) -> Result<Option<(Vec<u8>, u32)>> {
        let Layout::Chunked(layout) = &self.layout else {
            return Err(Error::mismatch("not stored in chunks"));
        };
        let (grid, table) = self.chunks(reader, layout)?;
        if position.len() != grid.counts.len() || position.iter().zip(&grid.counts).any(|(p, n)| p >= n) {
            return Err(Error::mismatch(format!("no chunk {position:?}, there are {:?}", grid.counts)));
        }
        let Some(record) = table.get(grid.number(position), grid)? else {
            return Ok(None);
        };
        reader.check_range(record.address, record.size)?;
        let mut bytes = zeroed(record.size)?;
        reader.raw_into(record.address, &mut bytes)?;
        Ok(Some((bytes, record.mask)))
    }

    fn total_bytes(&self) -> Result<u64> {
        let total = self.dims.iter().try_fold(self.element_size, |n, &d| n.checked_mul(d));
        total.ok_or_else(|| Error::damaged("more than 2^64 bytes of data").in_structure("dataspace"))
    }

    fn read_memory(&self, data: &[u8], selection: &Selection, out: &mut [u8]) -> Result<()> {
        if (data.len() as u64) < self.total_bytes()? {
            let message = format!("{} bytes of data, {} are needed", data.len(), self.total_bytes()?);
            return Err(Error::damaged(message).in_structure("data layout"));
        }
        let (start, shape) = (starts(selection), selection.shape());
        let (from, to) = places(&self.dims, &start, &shape);
        runs::copy(&shape, self.element_size, (data, from), (out, to))
    }

    fn read_contiguous(
        &self,
        reader: &Reader,
        address: Address,
        size: Option<u64>,
        selection: &Selection,
        out: &mut [u8],
    ) -> Result<()> {
        let total = self.total_bytes()?;
        if size.is_some_and(|s| s < total) {
            let message = format!("{} bytes of data, {total} are needed", size.unwrap_or(0));
            return Err(Error::damaged(message).in_structure("data layout"));
        }
        reader.check_range(address, total)?;
        if let Some(data) = reader.raw_slice(address, total)? {
            return self.read_memory(data, selection, out);
        }
        let (start, shape) = (starts(selection), selection.shape());
        let (from, to) = places(&self.dims, &start, &shape);
        let mut span = Span::new(reader, address, out);
        runs::for_each(&shape, self.element_size, from, to, |from, to, length| span.add(from, to, length))?;
        span.fetch()
    }

    /// The selected part of the box cut at chunk borders: pieces of whole bands whose output has about `bytes` bytes,
    /// in row-major order, for streaming.
    pub(crate) fn blocks(&self, bytes: u64) -> Vec<Selection> {
        let row: u64 = self.dims.iter().skip(1).product::<u64>().saturating_mul(self.element_size);
        let (Some(&rows), false) = (self.dims.first(), self.dims.contains(&0)) else {
            return vec![Selection::all(&self.dims)];
        };
        let band = match &self.layout {
            Layout::Chunked(c) => c.shape.first().copied().unwrap_or(1),
            _ => 1,
        };
        let wanted = (bytes / row.max(1)).max(1);
        // Whole bands, unless one alone is many times too large: then its chunks are decoded more than once.
        let step = if band <= wanted {
            wanted / band * band
        } else if band <= 8 * wanted {
            band
        } else {
            wanted
        };
        let mut blocks = Vec::new();
        let mut start = 0;
        while start < rows {
            let end = rows.min(start.saturating_add(step));
            let mut block = Selection::all(&self.dims);
            block.0[0] = start..end;
            if row > 8 * bytes && end - start == 1 {
                split_row(&block, &self.dims, self.element_size, bytes, &mut blocks);
            } else {
                blocks.push(block);
            }
            start = end;
        }
        blocks
    }
}

/// Cuts one huge row along the next dimension, and so on.
fn split_row(block: &Selection, dims: &[u64], element_size: u64, bytes: u64, blocks: &mut Vec<Selection>) {
    let Some(dim) = (1..dims.len()).find(|&d| dims[d] > 1) else {
        blocks.push(block.clone());
        return;
    };
    let row: u64 = dims[dim + 1..].iter().product::<u64>().saturating_mul(element_size);
    let step = (bytes / row.max(1)).max(1);
    let mut start = 0;
    while start < dims[dim] {
        let end = dims[dim].min(start.saturating_add(step));
        let mut part = block.clone();
        part.0[dim] = start..end;
        blocks.push(part);
        start = end;
    }
}

/// The external files as one; none of them is opened yet.
fn open_external(body: &[u8], reader: &Reader) -> Result<Reader> {
    let files = ExternalFiles::decode(body, reader.widths())?;
    let slots = external::Slots::new(&files, reader)?;
    Reader::new(Arc::new(slots), reader.limits().clone(), None)
}

fn starts(selection: &Selection) -> Vec<u64> {
    selection.0.iter().map(|r| r.start).collect()
}

/// A selection in the dataset, and as an array of its own.
fn places<'a>(dims: &'a [u64], start: &'a [u64], shape: &'a [u64]) -> (Place<'a>, Place<'a>) {
    const ZEROS: [u64; 32] = [0; 32];
    (Place { shape: dims, start }, Place { shape, start: &ZEROS[..shape.len()] })
}
