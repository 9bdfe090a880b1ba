//! Datasets: arrays of elements, read whole or in part.

mod virtual_data;
mod virtual_extent;
mod virtual_places;

use crate::attribute::Attribute;
use crate::data::element::{Element, HeapBytes, HeapReader, Stored};
use crate::data::flat_base;
use crate::data::gather::gather;
use crate::data::selection::{Bounds, Select, Selection};
use crate::data::value::Value;
use crate::error::{Context, Error, Result};
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::{Datatype, ReferenceKind};
use crate::format::message::fill_value::FillValue;
use crate::format::message::filter_pipeline::FilterInfo;
use crate::format::message::kind;
use crate::format::message::layout::Layout;
use crate::format::reference::Reference;
use crate::format::virtual_map;
use crate::group::{Node, Object};
use crate::index::global_heap::HeapView;
use crate::io::advise_huge_pages;
use crate::object::raw_data::RawData;
use crate::open_files::Errand;
use std::sync::Arc;
use virtual_data::VirtualData;
pub(crate) use virtual_places::{Place, Stretch};

/// A dataset: an array of elements of one datatype.
#[derive(Clone)]
pub struct Dataset {
    shared: Arc<Shared>,
}

struct Shared {
    node: Arc<Node>,
    datatype: Datatype,
    committed: Option<u64>,
    raw: RawData,
    virtual_data: Option<VirtualData>,
}

/// Bytes that a read which converts takes at a time.
const STREAMED: u64 = 1 << 20;

/// A part of a dataset, chosen by [`Dataset::select`].
pub struct Part<'a> {
    dataset: &'a Dataset,
    selection: Selection,
}

/// The global heap of a file: what variable-length elements and references, read as they are stored, stand for.
///
/// One value counts what it hands out against [`Limits::max_vlen_bytes`](crate::Limits): make a new one for each read.
pub struct Heap<'a>(pub(crate) HeapView<'a>);

impl Heap<'_> {
    /// The elements, `size` bytes each, that a variable-length element stands for, and their number.
    ///
    /// # Errors
    /// `Damaged` if the element leads nowhere, `Limit` if this value has given too much.
    pub fn sequence(&self, element: &[u8], size: u64) -> Result<(u64, HeapBytes)> {
        self.0.sequence(element, size)
    }

    /// Where an element of a reference datatype leads.
    ///
    /// # Errors
    /// As [`sequence`](Heap::sequence); `Unsupported` if it is of a kind that is newer than this version.
    pub fn reference(&self, element: &[u8], kind: ReferenceKind) -> Result<Reference> {
        self.0.reference(element, kind)
    }
}

/// What a read may return: `Vec<T>` (row by row), or an `ndarray` array with the feature of that name.
pub trait FromElements: Sized {
    /// The type of an element.
    type Element: Element;

    /// Makes it from elements in row-major order.
    ///
    /// # Errors
    /// `Mismatch` if the shape does not fit.
    fn from_elements(elements: Vec<Self::Element>, shape: &[u64]) -> Result<Self>;
}

impl<T: Element> FromElements for Vec<T> {
    type Element = T;

    fn from_elements(elements: Vec<T>, _: &[u64]) -> Result<Self> {
        Ok(elements)
    }
}

#[cfg(feature = "ndarray")]
impl<T: Element, D: ndarray::Dimension> FromElements for ndarray::Array<T, D> {
    type Element = T;

    fn from_elements(elements: Vec<T>, shape: &[u64]) -> Result<Self> {
        let shape: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
        let array = ndarray::ArrayD::from_shape_vec(shape, elements).map_err(|e| Error::mismatch(e.to_string()))?;
        let rank = array.ndim();
        array.into_dimensionality().map_err(|_| Error::mismatch(format!("the result has {rank} dimensions")))
    }
}

impl Dataset {
    pub(crate) fn load(node: Arc<Node>) -> Result<Dataset> {
        let shared = Self::load_parts(&node, true).on(&node.path)?;
        Ok(Dataset { shared: Arc::new(shared) })
    }

    /// What its own file says of it; elements in other files or datasets cannot be read.
    pub(crate) fn load_as_stored(node: Arc<Node>) -> Result<Dataset> {
        let shared = Self::load_parts(&node, false).on(&node.path)?;
        Ok(Dataset { shared: Arc::new(shared) })
    }

    fn load_parts(node: &Arc<Node>, elsewhere: bool) -> Result<Shared> {
        let (header, reader) = (&node.header, node.reader());
        let (datatype, committed) = header.datatype(reader)?;
        let space = header.resolved(reader, kind::DATASPACE, |b| Dataspace::decode(b, reader.widths()))?;
        let (dataspace, _) = space.ok_or_else(|| Error::damaged("a dataset without a dataspace"))?;
        let mut raw = RawData::load(header, reader, dataspace, datatype.size(), elsewhere)?;
        let virtual_data = match raw.layout {
            Layout::Virtual(id) if elsewhere => {
                let map = match id.collection {
                    Some(_) => virtual_map::decode(&node.file().inner.heap.object(reader, id)?, reader.widths())?,
                    None => Vec::new(),
                };
                let (data, dims) = VirtualData::open(&map, node, &raw.dataspace)?;
                raw.resize(&dims)?;
                Some(data)
            }
            _ => None,
        };
        let committed = committed.map(|a| a.get());
        Ok(Shared { node: node.clone(), datatype, committed, raw, virtual_data })
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.shared.node
    }

    pub(crate) fn raw(&self) -> &RawData {
        &self.shared.raw
    }

    /// The path by which it was reached.
    pub fn path(&self) -> &str {
        &self.shared.node.path
    }

    /// How its elements are stored.
    pub fn datatype(&self) -> &Datatype {
        &self.shared.datatype
    }

    /// The address of the committed datatype that it uses.
    pub fn committed_datatype(&self) -> Option<u64> {
        self.shared.committed
    }

    /// Its shape; empty for a scalar, and for a dataset without elements (see [`is_null`](Dataset::is_null)).
    pub fn shape(&self) -> &[u64] {
        self.shared.raw.dataspace.dims()
    }

    /// How far each dimension may grow; `None` without end.
    pub fn max_shape(&self) -> &[Option<u64>] {
        self.shared.raw.max()
    }

    /// Whether it has no elements by declaration: a null dataspace.
    pub fn is_null(&self) -> bool {
        self.shared.raw.dataspace == Dataspace::Null
    }

    /// The number of elements.
    pub fn len(&self) -> u64 {
        self.shared.raw.dataspace.len()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A chunk's shape; `None` where elements are not stored in chunks.
    pub fn chunk_shape(&self) -> Option<&[u64]> {
        match &self.shared.raw.layout {
            Layout::Chunked(c) => Some(&c.shape),
            _ => None,
        }
    }

    /// How the elements are laid out: `compact`, `contiguous`, `chunked`, `virtual`.
    pub fn layout(&self) -> &'static str {
        match &self.shared.raw.layout {
            Layout::Compact(_) => "compact",
            Layout::Contiguous { .. } => "contiguous",
            Layout::Chunked(_) => "chunked",
            Layout::Virtual(_) => "virtual",
        }
    }

    /// The filters that chunks go through, in the order of writing.
    pub fn filters(&self) -> &[FilterInfo] {
        &self.shared.raw.filters
    }

    /// Bytes that the elements take in the file. Reads the index of chunks.
    ///
    /// # Errors
    /// `Damaged` if the index cannot be read.
    pub fn stored_size(&self) -> Result<u64> {
        self.shared.raw.stored_bytes(self.node().reader()).on(self.path())
    }

    /// What elements hold that were never written: one element as it is stored; `None` for zeros.
    ///
    /// # Errors
    /// `Damaged` if its header cannot be read.
    pub fn fill_value(&self) -> Result<Option<Vec<u8>>> {
        Ok(self.fill_message()?.value.filter(|bytes| bytes.iter().any(|&b| b != 0)))
    }

    /// Whether chunks that reach beyond its edge are stored without filters.
    pub fn has_plain_edges(&self) -> bool {
        self.raw().has_plain_edges()
    }

    /// What its header says of elements that were never written.
    pub(crate) fn fill_message(&self) -> Result<FillValue> {
        let node = self.node();
        let (header, reader, path) = (&node.header, node.reader(), &node.path);
        let new = header.resolved(reader, kind::FILL_VALUE, FillValue::decode).on(path)?;
        let old = || header.resolved(reader, kind::FILL_VALUE_OLD, FillValue::decode_old).on(path);
        Ok(match new {
            Some((fill, _)) => fill,
            None => FillValue { value: old()?.and_then(|(value, _)| value), ..FillValue::UNKNOWN },
        })
    }

    /// Whether anything in a block was ever written.
    pub(crate) fn has_elements_in(&self, block: &Selection) -> Result<bool> {
        let (Layout::Chunked(layout), Some(bounds)) = (&self.raw().layout, block.bounds()) else {
            return Ok(true);
        };
        let (grid, table) = self.raw().chunks(self.node().reader(), layout).on(self.path())?;
        table.any_in(grid, &bounds.0).on(self.path())
    }

    /// All elements, converted to the type asked for.
    ///
    /// # Errors
    /// `Mismatch` if they are of another kind or a value does not fit, `Limit` if they are too many for one call,
    /// `Damaged` or `Unsupported` if they cannot be decoded.
    pub fn read<T: FromElements>(&self) -> Result<T> {
        self.part(Selection::all(self.shape())).read()
    }

    /// A part of the elements: ranges, one a dimension; what is not named is taken whole.
    ///
    /// ```
    /// # fn main() -> h5manager::Result<()> {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("a.h5");
    /// # let mut out = h5manager::File::create(&path)?;
    /// # out.build("image").shape([4, 6]).write(&(0..24).collect::<Vec<i32>>())?;
    /// # out.commit()?;
    /// # let file = h5manager::File::open(&path)?;
    /// let part: Vec<f64> = file.dataset("image")?.select((1..3, ..2))?.read()?;
    /// assert_eq!(part, [6.0, 7.0, 12.0, 13.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Mismatch` if the ranges do not fit the shape.
    pub fn select(&self, what: impl Select) -> Result<Part<'_>> {
        Ok(self.part(what.select(self.shape()).on(self.path())?))
    }

    fn part(&self, selection: Selection) -> Part<'_> {
        Part { dataset: self, selection }
    }

    /// All elements where they lie in the file, without a copy: of a contiguous dataset whose elements are just what
    /// `T` is in memory, in a file opened with [`OpenOptions::map`](crate::OpenOptions::map) or from bytes, if they
    /// happen to be aligned. `None` otherwise: [`read`](Dataset::read) then.
    ///
    /// # Errors
    /// `Damaged` if they leave the file.
    pub fn borrow<T: Element>(&self) -> Result<Option<&[T]>> {
        let Shared { node, datatype, raw, .. } = &*self.shared;
        let Some(address) = raw.in_one_piece() else {
            return Ok(None);
        };
        let size = self.len().saturating_mul(datatype.size());
        let bytes = node.reader().raw_slice(address, size).on(self.path())?;
        Ok(bytes.and_then(|b| T::borrowed(b, datatype)))
    }

    /// All elements, converted to the type of a buffer of yours, which must be just as long.
    ///
    /// # Errors
    /// As [`Part::read_into`].
    pub fn read_into<T: Element>(&self, buffer: &mut [T]) -> Result<()> {
        self.part(Selection::all(self.shape())).read_into(buffer)
    }

    /// Boxes that together are the whole dataset in row-major order, each of about `bytes` bytes, cut so that chunks
    /// are decoded once where possible: for reading a dataset that does not fit the memory.
    pub fn blocks(&self, bytes: u64) -> Vec<Selection> {
        let all = Bounds::all(self.shape());
        self.shared.raw.blocks(&all, bytes).into_iter().map(Selection::of_bounds).collect()
    }

    /// Fills `out` with the selected elements as they are stored.
    fn read_stored_into(&self, errand: &Errand, selection: &Selection, out: &mut [u8]) -> Result<()> {
        let Shared { node, raw, virtual_data, .. } = &*self.shared;
        let dataspace = &raw.dataspace;
        match virtual_data {
            Some(parts) => {
                let selection = selection.clone().checked(dataspace.dims())?;
                selection.for_each_box(dataspace.dims(), self.datatype().size(), out, &mut |bounds, out| {
                    parts.read(&self.shared, errand, bounds, out)
                })
            }
            None => raw.read_into(node.reader(), &selection.clone().checked(dataspace.dims())?, out),
        }
    }

    /// What its variable-length elements and references stand for.
    pub fn heap(&self) -> Heap<'_> {
        Heap(self.heap_view())
    }

    /// Elements of a virtual dataset may lead into the heaps of its sources.
    fn heap_view(&self) -> HeapView<'_> {
        let view = self.node().heap();
        match self.shared.virtual_data {
            Some(_) => view.with_others(&*self.node().file().open_files),
            None => view,
        }
    }

    /// A chunk as it is stored, before any filter is undone: its bytes, and the mask of the filters it skipped (bit i:
    /// filter i). `position` counts in chunks. `None` if it was never written.
    ///
    /// # Errors
    /// `Mismatch` if the dataset is not chunked or has no such chunk.
    pub fn raw_chunk(&self, position: &[u64]) -> Result<Option<(Vec<u8>, u32)>> {
        self.shared.raw.raw_chunk(self.node().reader(), position).on(self.path())
    }

    /// Its attributes in the order in which they happen to be stored, one after the other: those of an object with
    /// millions are never in memory together. A damaged one is one `Err`.
    ///
    /// # Errors
    /// `Damaged` if they cannot be found at all.
    pub fn attributes_unordered(&self) -> Result<impl Iterator<Item = Result<Attribute>> + use<>> {
        self.node().attributes_unordered()
    }

    /// The attribute of this name.
    ///
    /// # Errors
    /// `Damaged` if it cannot be read.
    pub fn attribute(&self, name: &str) -> Result<Option<Attribute>> {
        self.node().attribute(name)
    }

    /// Its attributes, sorted by the bytes of their names. A damaged one is one `Err`.
    ///
    /// # Errors
    /// `Damaged` if they cannot be found at all.
    pub fn attributes(&self) -> Result<Vec<Result<Attribute>>> {
        self.node().attributes()
    }

    /// Its attributes in the order in which they were made. A damaged one is one `Err`.
    ///
    /// # Errors
    /// `Mismatch` if the object does not track that order, `Damaged` if they cannot be found at all.
    pub fn attributes_by_creation_order(&self) -> Result<Vec<Result<Attribute>>> {
        self.node().attributes_by_creation_order()
    }

    /// Reads again what the file says of the dataset: its shape, where its chunks are. For following a dataset that a
    /// writer is appending to (SWMR); what was read before stays what it was.
    ///
    /// # Errors
    /// As [`File::refresh`](crate::File::refresh); `NotFound` if the dataset is gone.
    pub fn refresh(&mut self) -> Result<()> {
        let node = self.node();
        let mut file = node.file().clone();
        file.refresh()?;
        match Object::load(&file.access(), node.header.address, node.path.clone())? {
            Object::Dataset(dataset) => *self = dataset,
            _ => return Err(Error::not_found("the dataset is gone").on(&*node.path)),
        }
        Ok(())
    }
}

impl<'a> Part<'a> {
    /// The dataset that it is a part of.
    pub fn dataset(&self) -> &'a Dataset {
        self.dataset
    }

    /// Which elements of the dataset it has.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The shape of the part.
    pub fn shape(&self) -> Vec<u64> {
        self.selection.shape()
    }

    /// The elements, converted to the type asked for.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    pub fn read<T: FromElements>(&self) -> Result<T> {
        let elements = self.elements().on(self.dataset.path())?;
        T::from_elements(elements, &self.shape()).on(self.dataset.path())
    }

    /// The elements, converted to the type of a buffer of yours, which must be just as long.
    ///
    /// # Errors
    /// As [`Dataset::read`]; `Mismatch` if the buffer has another length. What it holds then is not said.
    pub fn read_into<T: Element>(&self, buffer: &mut [T]) -> Result<()> {
        let path = self.dataset.path();
        if buffer.len() as u64 != self.selection.len() {
            let message = format!("a buffer for {} elements, there are {}", buffer.len(), self.selection.len());
            return Err(Error::mismatch(message).on(path));
        }
        let Shared { node, datatype, .. } = &*self.dataset.shared;
        if self.dataset.is_null() {
            return Ok(());
        }
        if let Some(bytes) = T::stored_in_place(buffer, datatype) {
            return self.dataset.read_stored_into(&node.file().errand.begin(), &self.selection, bytes).on(path);
        }
        for (to, from) in buffer.iter_mut().zip(self.elements().on(path)?) {
            *to = from;
        }
        Ok(())
    }

    /// The elements as they are stored, row by row.
    ///
    /// # Errors
    /// `Limit` if they are too many for one call, `Damaged` or `Unsupported` if they cannot be decoded.
    pub fn read_stored(&self) -> Result<Vec<u8>> {
        self.stored_bytes().on(self.dataset.path())
    }

    /// The numbers that the elements consist of, one behind the other: those of arrays, of complex numbers and of compounds
    /// that stand for them, bit fields as the numbers that their bits are, opaque bytes.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    pub fn read_flat<T: Element>(&self) -> Result<Vec<T>> {
        let Shared { datatype, .. } = &*self.dataset.shared;
        let Some(base) = flat_base(datatype) else {
            return self.read();
        };
        let bytes = self.read_stored()?;
        let heap = self.dataset.heap_view();
        T::from_stored(Stored { bytes: &bytes, datatype: &base, heap: &heap }).on(self.dataset.path())
    }

    /// The elements, whatever they are.
    ///
    /// # Errors
    /// As [`Part::read_stored`].
    pub fn values(&self) -> Result<Vec<Value>> {
        let Shared { datatype, .. } = &*self.dataset.shared;
        let bytes = self.read_stored()?;
        let heap = self.dataset.heap_view();
        Value::from_stored(Stored { bytes: &bytes, datatype, heap: &heap }, usize::MAX).on(self.dataset.path())
    }

    fn elements<T: Element>(&self) -> Result<Vec<T>> {
        let Shared { node, datatype, .. } = &*self.dataset.shared;
        if self.dataset.is_null() {
            return Ok(Vec::new());
        }
        let n = self.selection.len();
        node.reader().ctx().check_result(n.saturating_mul(size_of::<T>() as u64))?;
        let errand = node.file().errand.begin();
        if let Some(mut elements) = T::in_place(datatype, n as usize) {
            let bytes = T::bytes_mut(&mut elements);
            advise_huge_pages(bytes);
            self.dataset.read_stored_into(&errand, &self.selection, bytes)?;
            return Ok(elements);
        }
        let heap = self.dataset.heap_view();
        let part = |bytes: &[u8]| T::from_stored(Stored { bytes, datatype, heap: &heap });
        let bounds = self.selection.bounds().filter(|_| n.saturating_mul(datatype.size()) > 2 * STREAMED);
        let (Some(bounds), Some(blank)) = (bounds, T::blank()) else {
            return part(&self.stored_bytes()?);
        };
        // Block by block: what is stored stays in the processor's cache until it is converted.
        let mut elements = Vec::with_capacity(n as usize);
        advise_huge_pages(elements.spare_capacity_mut());
        let size = if self.dataset.shared.raw.in_one_piece().is_some() { STREAMED / 8 } else { STREAMED };
        let blocks = self.dataset.shared.raw.blocks(&bounds, size).into_iter().map(|block| {
            let length = block.len() as usize;
            (Selection::of_bounds(block), length)
        });
        gather(&blocks.collect::<Vec<_>>(), &blank, &mut elements, |block, bytes| {
            let size = block.len().saturating_mul(datatype.size());
            if size > bytes.capacity() as u64 {
                node.reader().ctx().check_result(size)?;
            }
            bytes.resize(size as usize, 0);
            self.dataset.read_stored_into(&errand, block, bytes)?;
            part(bytes)
        })?;
        Ok(elements)
    }

    fn stored_bytes(&self) -> Result<Vec<u8>> {
        let Shared { node, datatype, .. } = &*self.dataset.shared;
        if self.dataset.is_null() {
            return Ok(Vec::new());
        }
        let size = self.selection.len().saturating_mul(datatype.size());
        let mut bytes = node.reader().ctx().result_buffer(size)?;
        advise_huge_pages(&mut bytes);
        self.dataset.read_stored_into(&node.file().errand.begin(), &self.selection, &mut bytes)?;
        Ok(bytes)
    }
}
