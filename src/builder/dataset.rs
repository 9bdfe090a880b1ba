//! New datasets: what they are to be ([`DatasetBuilder`]), and writing to them ([`DatasetMut`]).

use super::array::{self, ArrayLike};
use super::object::ObjectMut;
use super::session::{Open, Session};
use super::tree::{self, Kind, NodeId};
use super::writer::{DatasetWriter, Plan};
use super::{attribute, chunking};
use crate::data::Element;
use crate::error::{Context, Error, Result};
use crate::filters;
use crate::format::message::dataspace::MAX_RANK;
use crate::format::message::datatype::{Charset, Datatype, Name, Padding};
use crate::format::message::filter_pipeline::FilterInfo;
use std::sync::{Arc, Mutex, MutexGuard};

/// Describes a new dataset; [`create`](DatasetBuilder::create) or [`write`](DatasetBuilder::write) make it.
///
/// A dataset is stored in one piece unless it can grow, has filters, or [`chunks`](DatasetBuilder::chunks) are asked
/// for.
#[must_use = "call `create` or `write` to make the dataset"]
pub struct DatasetBuilder {
    pub(super) session: Arc<Session>,
    pub(super) group: NodeId,
    pub(super) base: String,
    pub(super) path: Vec<u8>,
    pub(super) datatype: Option<Datatype>,
    /// Where the datatype is committed, if it is still that one.
    pub(super) committed: Option<ObjectMut>,
    pub(super) shape: Option<Vec<u64>>,
    pub(super) extendible: bool,
    pub(super) max_shape: Option<Vec<Option<u64>>>,
    pub(super) chunks: Option<Vec<u64>>,
    shuffle: bool,
    deflate: Option<u32>,
    fletcher32: bool,
    filters: Option<Vec<FilterInfo>>,
    fill: Option<Box<dyn ArrayLike + Send>>,
    track_order: Option<bool>,
}

impl DatasetBuilder {
    pub(super) fn new(session: Arc<Session>, group: NodeId, base: String, path: &[u8]) -> Self {
        DatasetBuilder {
            session,
            group,
            base,
            path: path.to_vec(),
            datatype: None,
            committed: None,
            shape: None,
            extendible: false,
            max_shape: None,
            chunks: None,
            shuffle: false,
            deflate: None,
            fletcher32: false,
            filters: None,
            fill: None,
            track_order: None,
        }
    }

    /// The elements are stored as `T` is by default.
    pub fn element<T: Element>(self) -> Self {
        self.datatype(T::datatype())
    }

    /// The elements are stored as `datatype`.
    pub fn datatype(mut self, datatype: Datatype) -> Self {
        self.datatype = Some(datatype);
        self
    }

    /// The elements are UTF-8 strings in fields of `size` bytes, filled with NULs. A string that does not fit is refused.
    pub fn fixed_strings(self, size: u32) -> Self {
        self.datatype(Datatype::FixedString { size, padding: Padding::NullPadded, charset: Charset::Utf8 })
    }

    /// Elements in each dimension; empty for a single value. Without it [`write`](DatasetBuilder::write) takes the shape
    /// of what is written.
    pub fn shape(mut self, shape: impl AsRef<[u64]>) -> Self {
        self.shape = Some(shape.as_ref().to_vec());
        self
    }

    /// The first dimension may grow without end.
    pub fn extendible(mut self) -> Self {
        self.extendible = true;
        self
    }

    /// How far each dimension may grow; `None` without end.
    pub fn max_shape(mut self, max: impl AsRef<[Option<u64>]>) -> Self {
        self.max_shape = Some(max.as_ref().to_vec());
        self
    }

    /// Elements of a chunk in each dimension. Where chunks are needed and nothing is said they are guessed as h5py does.
    pub fn chunks(mut self, chunk: impl AsRef<[u64]>) -> Self {
        self.chunks = Some(chunk.as_ref().to_vec());
        self
    }

    /// Groups the bytes of numbers by their significance, which helps [`deflate`](DatasetBuilder::deflate).
    pub fn shuffle(mut self) -> Self {
        self.shuffle = true;
        self
    }

    /// Compresses chunks with zlib, `level` 0 to 9.
    pub fn deflate(mut self, level: u32) -> Self {
        self.deflate = Some(level);
        self
    }

    /// Adds a checksum to every chunk.
    pub fn fletcher32(mut self) -> Self {
        self.fletcher32 = true;
        self
    }

    /// Just these filters in this order, in place of those of the other methods: for copies of another dataset's raw
    /// chunks.
    pub fn filters(mut self, filters: impl Into<Vec<FilterInfo>>) -> Self {
        self.filters = Some(filters.into());
        self
    }

    /// What elements hold that were never written: one value, of the dataset's datatype.
    pub fn fill_value(mut self, value: impl ArrayLike + Send + 'static) -> Self {
        self.fill = Some(Box::new(value));
        self
    }

    /// Whether the order in which attributes are made is kept, so that readers can list them in it. Where nothing is said,
    /// [`CreateOptions::track_order`](super::CreateOptions::track_order) counts.
    pub fn track_order(mut self, track_order: bool) -> Self {
        self.track_order = Some(track_order);
        self
    }

    /// Makes the dataset, without elements yet. Groups on the way to it are made as needed.
    ///
    /// # Errors
    /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if there is something of its name,
    /// [`Invalid`](crate::ErrorKind::Invalid) if what is asked for contradicts itself.
    pub fn create(mut self) -> Result<DatasetMut> {
        if self.shape.is_none() && (self.extendible || self.max_shape.is_some()) {
            let rank = self.max_shape.as_ref().map_or(1, Vec::len);
            self.shape = Some(vec![0; rank]);
        }
        self.make(None)
    }

    /// Makes the dataset and writes all of `values` to it.
    ///
    /// # Errors
    /// As [`create`](DatasetBuilder::create), and as [`DatasetMut::append`]; of kind
    /// [`Mismatch`](crate::ErrorKind::Mismatch) if a shape was given and it has another number of elements.
    pub fn write(mut self, values: impl ArrayLike) -> Result<DatasetMut> {
        let shape = self.shape.get_or_insert_with(|| values.shape());
        let (given, elements) = (array::count(&values.shape())?, array::count(shape)?);
        let grows = self.extendible || self.max_shape.is_some();
        if given != elements && !grows {
            let message = format!("{given} elements for a dataset of shape {shape:?}, which has {elements}");
            return Err(Error::mismatch(message).on(self.shown()));
        }
        self.datatype.get_or_insert_with(|| values.element_datatype());
        let mut dataset = self.make(Some(&values))?;
        dataset.append(values)?;
        Ok(dataset)
    }

    /// The path as far as it is known before it is checked.
    fn shown(&self) -> String {
        tree::joined(&self.base, &[self.path.strip_prefix(b"/").unwrap_or(&self.path)])
    }

    fn make(self, values: Option<&dyn ArrayLike>) -> Result<DatasetMut> {
        let shown = self.shown();
        self.make_checked(values).on(&shown)
    }

    /// Makes the dataset, if `values` can be appended to it.
    fn make_checked(self, values: Option<&dyn ArrayLike>) -> Result<DatasetMut> {
        let names = tree::names(&self.path)?;
        let (&name, parents) = names.split_last().ok_or_else(|| Error::conflict("the root group exists already"))?;
        let path = tree::joined(&self.base, &names);
        let plan = self.plan(path.clone())?;
        let writer = DatasetWriter::new(plan)?;
        if let Some(values) = values {
            writer.check(&self.session, values)?;
        }
        let (rank, committed) = (writer.plan().shape.len(), self.committed_node()?);
        let writer = Arc::new(Mutex::new(writer));
        let kind = Kind::Dataset(writer.clone());
        let node = self.session.with(|open| {
            let group = open.tree.make_groups(self.group, parents)?;
            let node = open.tree.add(group, name, kind)?;
            if let Some(track_order) = self.track_order {
                open.tree.set_track_order(node, track_order)?;
            }
            open.tree.set_rank(node, rank)?;
            if let Some(committed) = committed {
                open.tree.set_committed(node, committed)?;
            }
            Ok(node)
        })?;
        Ok(DatasetMut { session: self.session, node, path, writer })
    }

    /// Checks what was asked for, and completes it.
    pub(super) fn plan(&self, path: String) -> Result<Plan> {
        let datatype = self
            .datatype
            .clone()
            .ok_or_else(|| Error::invalid("no datatype; say what the elements are: `.element::<f32>()`"))?;
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
        if bytes.is_none() {
            return Err(Error::limit(format!("a dataset of shape {shape:?} has more than 2^64 bytes")));
        }
        let filters = self.pipeline(&datatype)?;
        let max = self.max(&shape)?;
        let chunk = self.chunk_shape(&shape, max.as_deref(), &filters, datatype.size())?;
        Ok(Plan { fill: self.fill_bytes(&datatype)?, path, datatype, shape, max, chunk, filters })
    }

    /// Filters in the order in which h5py applies them.
    fn pipeline(&self, datatype: &Datatype) -> Result<Vec<FilterInfo>> {
        if let Some(filters) = &self.filters {
            return Ok(filters.clone());
        }
        let filter = |id, optional, parameters| FilterInfo { id, name: Name::default(), optional, parameters };
        let mut filters = Vec::new();
        if self.shuffle {
            filters.push(filter(filters::SHUFFLE, true, vec![datatype.size() as u32]));
        }
        if let Some(level) = self.deflate {
            if level > 9 {
                return Err(Error::invalid(format!("deflate level {level}: 0 to 9 are possible")));
            }
            filters.push(filter(filters::DEFLATE, true, vec![level]));
        }
        if self.fletcher32 {
            filters.push(filter(filters::FLETCHER32, false, Vec::new()));
        }
        Ok(filters)
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

    /// A chunk's shape, if there are to be chunks.
    fn chunk_shape(
        &self,
        shape: &[u64],
        max: Option<&[Option<u64>]>,
        filters: &[FilterInfo],
        element_size: u64,
    ) -> Result<Option<Vec<u64>>> {
        if self.chunks.is_none() && max.is_none() && filters.is_empty() {
            return Ok(None);
        }
        if shape.is_empty() {
            return Err(Error::invalid("a single value has neither chunks nor filters"));
        }
        let Some(chunk) = &self.chunks else {
            return Ok(Some(chunking::guess(shape, element_size)));
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
        Ok(Some(chunk.clone()))
    }

    fn fill_bytes(&self, datatype: &Datatype) -> Result<Option<Vec<u8>>> {
        let Some(value) = &self.fill else {
            return Ok(None);
        };
        if datatype.has_references_to_file() {
            return Err(Error::unsupported(format!("fill values of datatype {datatype}")));
        }
        if array::count(&value.shape())? != 1 {
            return Err(Error::invalid("a fill value is one value"));
        }
        let mut bytes = Vec::new();
        let store = |open: &mut Open| value.store(0..1, datatype, open, &mut bytes);
        self.session.with(store)?;
        if bytes.len() as u64 != datatype.size() {
            return Err(Error::invalid("a fill value of another size than the elements"));
        }
        Ok(Some(bytes))
    }
}

/// A dataset that is being written. Any number of them live side by side, and beside their file; each may be sent to
/// another thread.
///
/// When it is dropped the rows that still wait are stored; if that fails, the file cannot be committed.
pub struct DatasetMut {
    session: Arc<Session>,
    node: NodeId,
    path: String,
    writer: Arc<Mutex<DatasetWriter>>,
}

impl DatasetMut {
    /// The file, the object in it, and what writes to it.
    pub(super) fn place_of(&self) -> (&Session, NodeId, &Arc<Mutex<DatasetWriter>>) {
        (&self.session, self.node, &self.writer)
    }

    /// The file and the object in it.
    pub(super) fn object_of(&self) -> (&Session, NodeId) {
        (&self.session, self.node)
    }

    /// The datatype of the elements.
    pub(super) fn datatype(&self) -> Result<Datatype> {
        Ok(self.writer()?.plan().datatype.clone())
    }

    fn writer(&self) -> Result<MutexGuard<'_, DatasetWriter>> {
        let panicked = |_| Error::conflict("a thread panicked while it wrote to the dataset");
        self.writer.lock().map_err(panicked).on(&self.path)
    }

    /// Appends whole rows: elements of all dimensions but the first, as many times as you like. Only the number of
    /// elements matters, not the shape of `rows`.
    ///
    /// Chunks are filtered in parallel; the bytes of the file depend neither on the number of threads nor on the cuts
    /// between appends.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) if these are no whole rows, too many, or elements of another
    /// kind; [`Io`](crate::ErrorKind::Io) if the disk is full, among others. If it fails after something was written the
    /// file cannot be committed any more.
    pub fn append(&mut self, rows: impl ArrayLike) -> Result<()> {
        let mut writer = self.writer()?;
        writer.append(&self.session, &rows).on(&self.path)
    }

    /// Stores one whole chunk that is filtered already: `raw` are its bytes in the file, `filter_mask` the filters that
    /// it skipped (bit i for filter i), `offset` is its first element. For copies of chunks between datasets of the same
    /// filters.
    ///
    /// The next [`append`](DatasetMut::append) begins behind the furthest chunk. Where chunks lie beyond the shape that
    /// was declared, an extendible dataset grows by all their rows.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) if no chunk begins at `offset`,
    /// [`Conflict`](crate::ErrorKind::Conflict) if it is stored already.
    pub fn write_chunk(&mut self, offset: &[u64], raw: &[u8], filter_mask: u32) -> Result<()> {
        let mut writer = self.writer()?;
        writer.write_chunk(&self.session, offset, raw, filter_mask).on(&self.path)
    }

    /// Sets an attribute, in place of one of the same name.
    ///
    /// # Errors
    /// Of kind [`Limit`](crate::ErrorKind::Limit) for more than 64 MiB.
    pub fn set_attribute(&mut self, name: impl AsRef<[u8]>, value: impl ArrayLike) -> Result<()> {
        attribute::set(&self.session, self.node, name.as_ref(), &value).on(&self.path)
    }

    /// The row at which the next [`append`](DatasetMut::append) begins: how many there are, if they were written in order.
    pub fn rows(&self) -> u64 {
        self.writer().map_or(0, |w| w.next_row())
    }

    /// The path in the file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The shape at this moment: as it was declared, or as far as rows were written beyond that.
    pub fn shape(&self) -> Vec<u64> {
        self.writer().map_or(Vec::new(), |w| w.plan().shape.clone())
    }

    /// A chunk's shape; `None` for contiguous storage.
    pub fn chunk_shape(&self) -> Option<Vec<u64>> {
        self.writer().ok().and_then(|w| w.plan().chunk.clone())
    }
}

impl Drop for DatasetMut {
    fn drop(&mut self) {
        // A panic on its way must not become an abort, and what is being given up need not be stored.
        if !std::thread::panicking()
            && let Ok(mut writer) = self.writer.try_lock()
        {
            // A failure is kept in the session, where the commit meets it.
            let _ = writer.finish(&self.session);
        }
    }
}
