//! New datasets: what they are to be ([`DatasetBuilder`]), and writing to them ([`DatasetMut`]).

use super::array::{self, ArrayLike};
use super::attribute;
use super::object::ObjectMut;
use super::plan::{AllocationTime, FillTime};
use super::session::Session;
use super::tree::{self, Kind, NodeId, Notes};
use super::writer::DatasetWriter;
use crate::data::Element;
use crate::data::selection::Select;
use crate::dataset::Dataset;
use crate::error::{Context, Error, Result};
use crate::filters::{BitshuffleCodec, BloscCodec, FilterSpec, SzipCoding};
use crate::format::message::datatype::{Charset, Datatype, Padding};
use crate::format::message::filter_pipeline::FilterInfo;
use std::ops::Range;
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
    pub(super) compact: bool,
    pub(super) chunks: Option<Vec<u64>>,
    pub(super) plain_edges: bool,
    /// In the order in which they are applied.
    pub(super) filters: Vec<FilterSpec>,
    /// In place of them: with all their parameters.
    pub(super) exact_filters: Option<Vec<FilterInfo>>,
    pub(super) allocation: Option<AllocationTime>,
    pub(super) fill_time: FillTime,
    pub(super) fill_undefined: bool,
    pub(super) fill: Option<Arc<dyn ArrayLike + Send + Sync>>,
    pub(super) track_order: Option<bool>,
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
            compact: false,
            chunks: None,
            plain_edges: false,
            filters: Vec::new(),
            exact_filters: None,
            allocation: None,
            fill_time: FillTime::IfSet,
            fill_undefined: false,
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

    /// The elements lie in the object header itself: for 64 KiB and less.
    pub fn compact(mut self) -> Self {
        self.compact = true;
        self
    }

    /// Chunks that reach beyond the edge of the dataset are stored without filters, which makes growing cheaper. Asks for
    /// a file of the bound [`V110`](crate::LibVer::V110) or newer.
    pub fn plain_edges(mut self) -> Self {
        self.plain_edges = true;
        self
    }

    /// A further filter for chunks: they are applied in the order in which they were named. With the first of them the
    /// dataset is stored in chunks.
    pub fn filter(mut self, filter: FilterSpec) -> Self {
        self.filters.push(filter);
        self
    }

    /// Groups the bytes of numbers by their significance, which helps the filters behind it.
    pub fn shuffle(self) -> Self {
        self.filter(FilterSpec::shuffle())
    }

    /// Compresses chunks with zlib, `level` 0 to 9.
    pub fn deflate(self, level: u32) -> Self {
        self.filter(FilterSpec::deflate(level))
    }

    /// Compresses chunks with LZF, which h5py has without a plug-in, other programs with one.
    pub fn lzf(self) -> Self {
        self.filter(FilterSpec::lzf())
    }

    /// Compresses chunks with LZ4, which libhdf5 reads with a plug-in.
    pub fn lz4(self) -> Self {
        self.filter(FilterSpec::lz4())
    }

    /// Compresses chunks with Zstandard, `level` up to 22, which libhdf5 reads with a plug-in.
    pub fn zstd(self, level: i32) -> Self {
        self.filter(FilterSpec::zstd(level))
    }

    /// Compresses chunks with bzip2, `level` 1 to 9, which libhdf5 reads with a plug-in.
    pub fn bzip2(self, level: u32) -> Self {
        self.filter(FilterSpec::bzip2(level))
    }

    /// Compresses chunks with szip, `pixels_per_block` an even number up to 32.
    pub fn szip(self, coding: SzipCoding, pixels_per_block: u32) -> Self {
        self.filter(FilterSpec::szip(coding, pixels_per_block))
    }

    /// Stores only the bits of numbers that their datatype calls significant.
    pub fn nbit(self) -> Self {
        self.filter(FilterSpec::nbit())
    }

    /// Stores differences from a chunk's least number: of integers in `amount` bits (0: as many as are needed), of floats
    /// rounded to `amount` decimal digits.
    pub fn scale_offset(self, amount: u32) -> Self {
        self.filter(FilterSpec::scale_offset(amount))
    }

    /// Compresses chunks with Blosc 1, `level` 1 to 9, which libhdf5 reads with a plug-in.
    pub fn blosc(self, codec: BloscCodec, level: u32) -> Self {
        self.filter(FilterSpec::blosc(codec, level))
    }

    /// Compresses the bit planes of chunks, which libhdf5 reads with a plug-in.
    pub fn bitshuffle(self, codec: BitshuffleCodec) -> Self {
        self.filter(FilterSpec::bitshuffle(codec))
    }

    /// Adds a checksum to every chunk.
    pub fn fletcher32(self) -> Self {
        self.filter(FilterSpec::fletcher32())
    }

    /// Just these filters in this order, in place of those of the other methods, with just these parameters: for copies
    /// of another dataset's raw chunks.
    pub fn filters(mut self, filters: impl Into<Vec<FilterInfo>>) -> Self {
        self.exact_filters = Some(filters.into());
        self
    }

    /// No filters, whatever was said before.
    pub fn without_filters(mut self) -> Self {
        self.filters.clear();
        self.exact_filters = None;
        self
    }

    /// In one piece: neither in chunks nor in the object header, whatever was said before.
    pub fn contiguous(mut self) -> Self {
        (self.chunks, self.compact) = (None, false);
        self.without_filters()
    }

    /// When storage is made. Without it: for compact elements early, for contiguous ones late, for chunks one by one.
    pub fn allocation(mut self, time: AllocationTime) -> Self {
        self.allocation = Some(time);
        self
    }

    /// When the fill value is written to storage.
    pub fn fill_time(mut self, time: FillTime) -> Self {
        self.fill_time = time;
        self
    }

    /// Nobody defines what elements hold that were never written, not even zeros.
    pub fn fill_undefined(mut self) -> Self {
        self.fill_undefined = true;
        self
    }

    /// What elements hold that were never written: one value, of the dataset's datatype.
    pub fn fill_value(mut self, value: impl ArrayLike + Send + Sync + 'static) -> Self {
        self.fill = Some(Arc::new(value));
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

    /// Appends the chunks of another dataset as they are stored, without a look at what is in them: behind the rows that
    /// are there, which must end with a chunk. Both have the same datatype, filters, and shape of chunks and of rows.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) if they do not, [`Damaged`](crate::ErrorKind::Damaged) if the
    /// other one's chunks cannot be found.
    pub fn copy_chunks(&mut self, source: &Dataset) -> Result<()> {
        let mut writer = self.writer()?;
        writer.copy_chunks(&self.session, source, None).on(&self.path)
    }

    /// As [`copy_chunks`](DatasetMut::copy_chunks), only the chunks of the first `rows` rows, which must end with a chunk.
    ///
    /// # Errors
    /// As there.
    pub fn copy_chunks_of_rows(&mut self, source: &Dataset, rows: u64) -> Result<()> {
        let mut writer = self.writer()?;
        writer.copy_chunks(&self.session, source, Some(rows)).on(&self.path)
    }

    /// Appends rows of another dataset by cutting its deflated chunks anew, where both are such that this is quicker than
    /// taking the rows as elements; whether it was done. `watch` hears of the bytes.
    pub(crate) fn rechunk(
        &mut self,
        source: &Dataset,
        rows: Range<u64>,
        watch: &mut (dyn FnMut(u64) -> Result<()> + Send),
    ) -> Result<bool> {
        let mut writer = self.writer()?;
        writer.rechunk(&self.session, source, rows, watch).on(&self.path)
    }

    /// Writes all chunks of another dataset through the filters of this one, where nothing else differs and nothing is written
    /// yet; whether it was done. `watch` hears of the bytes that are stored there.
    pub(crate) fn refilter(
        &mut self,
        source: &Dataset,
        watch: &mut (dyn FnMut(u64) -> Result<()> + Send),
    ) -> Result<bool> {
        let mut writer = self.writer()?;
        writer.refilter(&self.session, source, watch).on(&self.path)
    }

    /// Writes to a part of the dataset, wherever it is, and as often as you like; what was there is replaced.
    ///
    /// ```
    /// # fn main() -> h5manager::Result<()> {
    /// use h5manager::{File, FileMut, io::MemoryStore};
    ///
    /// let store = MemoryStore::default();
    /// let mut out = FileMut::on_store(store.clone());
    /// let mut map = out.build("map").element::<i32>().shape([4, 6]).chunks([2, 2]).deflate(4).create()?;
    /// map.write_selection((1..3, 2..4), [1, 2, 3, 4])?;
    /// map.write_selection((2, ..), [9; 6])?;
    /// out.commit()?;
    /// let map: Vec<i32> = File::from_bytes(store.bytes())?.dataset("map")?.read()?;
    /// assert_eq!(map[..18], [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 9, 9, 9, 9, 9, 9]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Chunks that are written in part wait in memory, 64 MiB of them; then those that were not used for longest are
    /// filtered and stored, and read again if they must be.
    ///
    /// The next [`append`](DatasetMut::append) begins behind the furthest row that was written.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) if the selection does not fit the shape or has another number of
    /// elements than `values`; [`Io`](crate::ErrorKind::Io) as [`append`](DatasetMut::append).
    pub fn write_selection(&mut self, selection: impl Select, values: impl ArrayLike) -> Result<()> {
        let mut writer = self.writer()?;
        let selection = selection.select(&writer.plan().shape).on(&self.path)?;
        writer.write_selection(&self.session, &selection, &values).on(&self.path)
    }

    /// Appends along any dimension that can grow: `values` are as many as the dataset has in all other dimensions,
    /// times the indices that it grows by. Along the first dimension this is [`append`](DatasetMut::append).
    ///
    /// # Errors
    /// As [`append`](DatasetMut::append).
    pub fn append_along(&mut self, dimension: usize, values: impl ArrayLike) -> Result<()> {
        let mut writer = self.writer()?;
        writer.append_along(&self.session, dimension, &values).on(&self.path)
    }

    /// Lets the dataset grow to `shape`; what is new holds the fill value until it is written.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) beyond its greatest shape, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a shape that is smaller somewhere.
    pub fn grow(&mut self, shape: impl AsRef<[u64]>) -> Result<()> {
        let mut writer = self.writer()?;
        writer.grow(&self.session, shape.as_ref()).on(&self.path)
    }

    /// Sets an attribute, in place of one of the same name.
    ///
    /// # Errors
    /// Of kind [`Limit`](crate::ErrorKind::Limit) for more than 64 MiB.
    pub fn set_attribute(&mut self, name: impl AsRef<[u8]>, value: impl ArrayLike) -> Result<()> {
        attribute::set(&self.session, self.node, name.as_ref(), &value).on(&self.path)
    }

    /// What the header tells of the object's past.
    pub(crate) fn set_notes(&mut self, notes: Notes) -> Result<()> {
        self.session.with(|open| open.tree.set_notes(self.node, notes)).on(&self.path)
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
        self.writer().ok().and_then(|w| w.plan().chunk().map(<[u64]>::to_vec))
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
