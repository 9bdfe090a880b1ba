//! The elements of a dataset, as they are stored: plan, fetch, decode.

mod chunked;
mod direct;
mod external;
mod piece;
mod span;
mod whole;

use super::ObjectHeader;
use super::chunks::{ChunkRecord, ChunkTable, Grid};
use super::runs;
use crate::bytes::{Address, zeroed};
use crate::data::selection::{Axis, Bounds, Kind, Run, Scattered, Selection};
use crate::error::{Error, Result};
use crate::filters::Pipeline;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::external_files::ExternalFiles;
use crate::format::message::fill_value::FillValue;
use crate::format::message::filter_pipeline::{self, FilterInfo};
use crate::format::message::kind;
use crate::format::message::layout::{Chunked, Layout};
use crate::io::Reader;
pub(crate) use external::ExternalPiece;
use span::Span;
use std::sync::{Arc, OnceLock};
pub(crate) use whole::NotedChunk;

/// Where and how the elements of a dataset are stored.
pub(crate) struct RawData {
    /// The address of the dataset's header: what tells its chunks from those of others.
    identity: u64,
    pub(crate) dataspace: Dataspace,
    /// How far each dimension may grow, once somebody has asked.
    max: OnceLock<Vec<Option<u64>>>,
    element_size: u64,
    pub(crate) layout: Layout,
    pub(crate) filters: Vec<FilterInfo>,
    pipeline: Pipeline,
    /// One element, or nothing for zeros.
    fill: Vec<u8>,
    /// The external files that hold the elements, as one file.
    external: Option<Reader>,
    chunks: OnceLock<Box<(Grid, ChunkTable)>>,
}

impl RawData {
    /// Reads what the header says of a dataset of this shape. External files are looked for if `open_files`.
    pub(crate) fn load(
        header: &ObjectHeader,
        reader: &Reader,
        dataspace: Dataspace,
        element_size: u64,
        open_files: bool,
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
            Some(body) if open_files => Some(open_external(body.bytes, reader)?),
            _ => None,
        };
        if let Layout::Chunked(c) = &layout
            && c.element_size != element_size
        {
            let message = format!("elements of {} bytes, the datatype has {element_size}", c.element_size);
            return Err(Error::damaged(message).in_structure("data layout"));
        }
        Ok(RawData {
            identity: header.address.get(),
            dataspace,
            max: OnceLock::new(),
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

    fn dims(&self) -> &[u64] {
        self.dataspace.dims()
    }

    /// How far each dimension may grow: `None` without end.
    pub(crate) fn max(&self) -> &[Option<u64>] {
        self.max.get_or_init(|| self.dataspace.max_dims())
    }

    /// The external files that hold the elements, as one.
    pub(crate) fn external(&self) -> Option<&Reader> {
        self.external.as_ref()
    }

    /// Whether the elements are in external files.
    pub(crate) fn is_external(&self) -> bool {
        self.external.is_some()
    }

    /// Says how large a dataset has become.
    pub(crate) fn resize(&mut self, dims: &[u64]) -> Result<()> {
        self.dataspace = self.dataspace.clone().with_dims(dims)?;
        Ok(())
    }

    /// The chunks, read at the first call.
    pub(crate) fn chunks(&self, reader: &Reader, layout: &Chunked) -> Result<&(Grid, ChunkTable)> {
        if let Some(known) = self.chunks.get() {
            return Ok(known);
        }
        let grid = Grid::new(self.dims(), self.max(), &layout.shape)?;
        let table = reader.settled(|| ChunkTable::load(reader, layout, &grid))?;
        Ok(self.chunks.get_or_init(|| Box::new((grid, table))))
    }

    /// Bytes that the elements take in the file. Reads the index of chunks.
    pub(crate) fn stored_bytes(&self, reader: &Reader) -> Result<u64> {
        match &self.layout {
            Layout::Compact(data) => Ok(data.len() as u64),
            Layout::Contiguous { address: None, .. } => Ok(0),
            Layout::Contiguous { .. } => self.total_bytes(),
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
            Layout::Chunked(layout) => match &selection.0 {
                Kind::Grid(axes) => chunked::read(self, reader, layout, axes, out),
                Kind::Scattered(rows) => chunked::read_rows(self, reader, layout, rows, out),
            },
            Layout::Virtual(_) => Err(Error::unsupported("virtual datasets")),
        }
    }

    /// Where all elements stand in the file one behind the other, as they are: their address.
    pub(crate) fn in_one_piece(&self) -> Option<Address> {
        match &self.layout {
            Layout::Contiguous { address, .. } if self.external.is_none() => *address,
            _ => None,
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

    /// All chunks that are stored: the first element of each, and where it is; nothing for other layouts.
    pub(crate) fn stored_chunks(&self, reader: &Reader) -> Result<Vec<(Vec<u64>, ChunkRecord)>> {
        let Layout::Chunked(layout) = &self.layout else {
            return Ok(Vec::new());
        };
        let (grid, table) = self.chunks(reader, layout)?;
        // A copy of chunks that share their bytes would become more than the file that they come from.
        if table.stored(grid).1 > reader.size() {
            return Err(Error::damaged("chunks that lie upon each other").in_structure("chunk index"));
        }
        let offset = |number| grid.position(number).iter().zip(&grid.chunk).map(|(p, c)| p * c).collect();
        table.records(grid).map(|r| r.map(|(number, record)| (offset(number), record))).collect()
    }

    /// Whether chunks that reach beyond the dataset are stored without filters.
    pub(crate) fn has_plain_edges(&self) -> bool {
        matches!(&self.layout, Layout::Chunked(layout) if layout.plain_edges)
    }

    fn total_bytes(&self) -> Result<u64> {
        let total = self.dims().iter().try_fold(self.element_size, |n, &d| n.checked_mul(d));
        total.ok_or_else(|| Error::damaged("more than 2^64 bytes of data").in_structure("dataspace"))
    }

    fn read_memory(&self, data: &[u8], selection: &Selection, out: &mut [u8]) -> Result<()> {
        if (data.len() as u64) < self.total_bytes()? {
            let message = format!("{} bytes of data, {} are needed", data.len(), self.total_bytes()?);
            return Err(Error::damaged(message).in_structure("data layout"));
        }
        self.for_each_run(selection, |from, to, length| {
            out[chunked::bytes(to, length)].copy_from_slice(&data[chunked::bytes(from, length)]);
            Ok(())
        })
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
        if reader.wants_plan() {
            let mut plan = Vec::new();
            self.for_each_run(selection, |from, _, length| {
                plan.push((address.plus(from)?, length));
                Ok(())
            })?;
            reader.announce(&plan)?;
        }
        let mut span = Span::new(reader, address, out);
        self.for_each_run(selection, |from, to, length| span.add(from, to, length))?;
        span.fetch()
    }

    /// Calls `each(offset in the data, offset in the result, length)`, in bytes, for every run of a selection in elements
    /// that lie in row-major order.
    pub(crate) fn for_each_run(
        &self,
        selection: &Selection,
        each: impl FnMut(u64, u64, u64) -> Result<()>,
    ) -> Result<()> {
        match &selection.0 {
            Kind::Grid(axes) => {
                let all = |axis: &Axis| {
                    let mut found: Vec<Run> = Vec::new();
                    axis.runs(0..u64::MAX, |r| found.push(r));
                    found
                };
                let runs: Vec<Vec<Run>> = axes.iter().map(all).collect();
                runs::for_each_combination(&runs, self.element_size, self.dims(), &selection.shape(), each)
            }
            Kind::Scattered(rows) => self.for_each_row(rows, each),
        }
    }

    /// As [`for_each_run`](Self::for_each_run), in the order of the data: that of the result may be any.
    fn for_each_row(&self, rows: &Scattered, mut each: impl FnMut(u64, u64, u64) -> Result<()>) -> Result<()> {
        let size = self.element_size;
        let offset = |start: &[u64]| start.iter().zip(self.dims()).fold(0, |n, (i, d)| n * d + i);
        let mut runs: Vec<_> = rows.rows().map(|r| (offset(r.start) * size, r.to * size, r.length * size)).collect();
        runs.sort_unstable();
        runs.into_iter().try_for_each(|(from, to, length)| each(from, to, length))
    }

    /// A box cut at chunk borders: pieces of whole bands of about `bytes` bytes each, in row-major order, for streaming.
    pub(crate) fn blocks(&self, bounds: &Bounds, bytes: u64) -> Vec<Bounds> {
        let shape = bounds.shape();
        if shape.contains(&0) || shape.is_empty() {
            return vec![bounds.clone()];
        }
        let mut blocks = Vec::new();
        self.cut(bounds, 0, bytes, &mut blocks);
        blocks
    }

    /// Cuts along one dimension; a single huge row along the next one, and so on.
    fn cut(&self, bounds: &Bounds, dim: usize, bytes: u64, blocks: &mut Vec<Bounds>) {
        let Some(range) = bounds.0.get(dim) else {
            blocks.push(bounds.clone());
            return;
        };
        let row = bounds.shape()[dim + 1..].iter().fold(self.element_size, |n, &d| n.saturating_mul(d));
        let band = match &self.layout {
            Layout::Chunked(c) => c.shape.get(dim).copied().unwrap_or(1),
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
        let mut start = range.start;
        while start < range.end {
            // Up to the next border.
            let end = range.end.min((start / step).saturating_add(1).saturating_mul(step));
            let mut block = bounds.clone();
            block.0[dim] = start..end;
            if row > 8 * bytes && end - start == 1 {
                self.cut(&block, dim + 1, bytes, blocks);
            } else {
                blocks.push(block);
            }
            start = end;
        }
    }
}

/// The parts of other files that hold a dataset's elements: names, first bytes, and how many; nothing if it has none.
pub(crate) fn external_pieces(header: &ObjectHeader, reader: &Reader) -> Result<Option<Vec<ExternalPiece>>> {
    let Some(body) = header.find(kind::EXTERNAL_FILES) else {
        return Ok(None);
    };
    external::pieces(&ExternalFiles::decode(body.bytes, reader.widths())?, reader).map(Some)
}

/// The external files as one; none of them is opened yet.
fn open_external(body: &[u8], reader: &Reader) -> Result<Reader> {
    let files = ExternalFiles::decode(body, reader.widths())?;
    let slots = external::Slots::new(&files, reader)?;
    Reader::new(Arc::new(slots), reader.limits().clone(), None)
}
