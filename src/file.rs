//! An open file: where reading begins.

use crate::bytes::{Address, Limits};
use crate::error::{Error, ErrorKind, Result};
use crate::format::reference::Reference;
use crate::format::superblock::Superblock;
use crate::group::{Access, Group};
use crate::index::global_heap::GlobalHeap;
use crate::io::{External, FileSource, Found, MapSource, MemorySource, Neighbours, OtherFiles, Reader, Source};
use crate::object::{members, start};
use crate::open_files::{Errand, OpenFiles};
use crate::walk::{self, Visit, Walk};
use crate::{Dataset, Object};
use std::path::Path;
use std::sync::Arc;

/// An HDF5 file, open for reading.
///
/// Opening reads the superblock and nothing else, whatever the file's size. A clone is another handle of the same open
/// file; handles may be used from any number of threads at once.
///
/// ```
/// # fn main() -> h5manager::Result<()> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("run42.h5");
/// let mut out = h5manager::File::create(&path)?;
/// out.build("detector/counts").write(&[1u32, 2, 3])?;
/// out.commit()?;
///
/// let file = h5manager::File::open(&path)?;
/// let counts: Vec<u32> = file.dataset("/detector/counts")?.read()?;
/// assert_eq!(counts, [1, 2, 3]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct File {
    pub(crate) inner: Arc<Inner>,
    /// The other files that this one has led to.
    pub(crate) open_files: Arc<OpenFiles>,
    /// Whether a virtual dataset has led here.
    pub(crate) errand: Errand,
}

/// What all handles of a file share.
pub(crate) struct Inner {
    pub(crate) reader: Reader,
    pub(crate) superblock: Superblock,
    pub(crate) heap: GlobalHeap,
    /// Its place among the open files.
    pub(crate) number: u16,
}

/// How a file is opened.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    limits: Limits,
    map: bool,
    external: External,
}

impl OpenOptions {
    /// The default: reads by position, default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bounds inside which the file is read.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Maps the file into memory instead of reading it piece by piece: faster for many small reads.
    ///
    /// The process is killed (SIGBUS) if another one cuts the file meanwhile; use it for files that are yours.
    #[must_use]
    pub fn map(mut self, map: bool) -> Self {
        self.map = map;
        self
    }

    /// Which other files may be read when this one leads to them: by external links, virtual datasets or external raw
    /// data. Default: those in its own folder and below.
    #[must_use]
    pub fn external(mut self, external: External) -> Self {
        self.external = external;
        self
    }

    /// Opens a file.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<File> {
        let path = path.as_ref();
        let first = members::first_of(path);
        let path = first.as_deref().unwrap_or(path);
        let source: Arc<dyn Source> =
            if self.map { Arc::new(MapSource::open(path)?) } else { Arc::new(FileSource::open(path)?) };
        let in_file = |e: Error| e.on(path.display().to_string());
        let place = Neighbours::of(path, &self.external).map_err(in_file)?;
        let open = |source| File::new(source, self.limits.clone(), self.map, place.clone());
        let opened = match open(source) {
            Err(e) if is_perhaps_a_part(&e) => members::join(path, e).and_then(open),
            done => done,
        };
        opened.map_err(in_file)
    }
}

/// Whether a file that cannot be opened may be a part of a whole that is split over several.
pub(crate) fn is_perhaps_a_part(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Unsupported)
}

impl File {
    /// Opens a file for reading. Where a file is split over several, any one of them may be named, or a family's pattern
    /// (`run%d.h5`): the others are looked for beside it.
    ///
    /// # Errors
    /// `NotFound` or `Io` if it cannot be read; `Damaged` if it is no HDF5 file or shorter than it says; `Unsupported`
    /// for a newer format.
    pub fn open(path: impl AsRef<Path>) -> Result<File> {
        OpenOptions::new().open(path)
    }

    /// Opens a file that lies in memory.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Result<File> {
        Self::from_source(Arc::new(MemorySource::new(bytes)), Limits::default())
    }

    /// Opens a file from wherever its bytes come. It leads to no other files.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn from_source(source: Arc<dyn Source>, limits: Limits) -> Result<File> {
        Self::new(source, limits, false, None)
    }

    /// The same for one whose host has the files that it leads to, or the others that it is split over; `name` is what it
    /// is called there, and what other files' names count from.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn from_host(source: Arc<dyn Source>, limits: Limits, name: &str, host: Arc<dyn OtherFiles>) -> Result<File> {
        let place = Neighbours::hosted(name, host.clone());
        let open = |source| Self::new(source, limits.clone(), false, Some(place.clone()));
        match open(source.clone()) {
            Err(e) if is_perhaps_a_part(&e) => members::join_hosted(name, &source, &*host, e).and_then(open),
            done => done,
        }
    }

    /// Whether everything began with this file: no other one led to it.
    #[cfg(any(feature = "cli", feature = "wasm"))]
    pub(crate) fn is_first(&self) -> bool {
        self.inner.number == 0
    }

    pub(crate) fn new(
        source: Arc<dyn Source>,
        limits: Limits,
        map: bool,
        place: Option<(Neighbours, Found)>,
    ) -> Result<File> {
        let neighbours = place.as_ref().map(|(n, _)| n.clone());
        let inner = Arc::new(Inner::open(source, limits.clone(), neighbours, 0)?);
        let open_files = OpenFiles::new(limits, map);
        open_files.add_first(&inner, place);
        Ok(File { inner, open_files: Arc::new(open_files), errand: Errand::default() })
    }

    /// Reads again what the file says of itself as a whole, and forgets everything that was kept of it: for following a
    /// file that a writer is at work on (SWMR). Handles that were made before go on showing what they showed;
    /// [`Dataset::refresh`] renews one.
    ///
    /// Files that are being written in a mode that lets others read are never kept in memory, and what does not fit
    /// together is read again, up to a hundred times.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn refresh(&mut self) -> Result<()> {
        let Inner { reader, number, .. } = &*self.inner;
        let inner = reader.settled(|| {
            let source = reader.source().reopened()?.unwrap_or_else(|| reader.source().clone());
            // What was interrupted then may be finished now.
            let neighbours = reader.neighbours().map(|n| n.clone().with_interrupted(Vec::new()));
            Inner::open(source, reader.limits().clone(), neighbours, *number)
        })?;
        self.inner = Arc::new(inner);
        self.open_files.replace(&self.inner);
        Ok(())
    }

    /// Whether a writer has the file open, or had when it died. Only files with a superblock of version 3 tell.
    ///
    /// What a writer that does not let others read (SWMR) is halfway through may be read wrongly, or not at all.
    pub fn is_open_for_writing(&self) -> bool {
        self.inner.superblock.is_open_for_writing()
    }

    /// A reader with a full tank, for an operation of its own.
    pub(crate) fn reader(&self) -> Reader {
        self.inner.reader.refuelled()
    }

    /// For an operation of its own, with a full tank.
    pub(crate) fn access(&self) -> Arc<Access> {
        Arc::new(Access { file: self.clone(), reader: self.reader() })
    }

    /// The root group.
    ///
    /// # Errors
    /// `Damaged` if its header cannot be read.
    pub fn root(&self) -> Result<Group> {
        match Object::load(&self.access(), self.inner.superblock.root, "/".into())? {
            Object::Group(group) => Ok(group),
            _ => Err(Error::damaged("the root is not a group")),
        }
    }

    /// The object at a path; it may lead through soft links.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub fn object(&self, path: &str) -> Result<Object> {
        self.root()?.object(path)
    }

    /// The group at a path.
    ///
    /// # Errors
    /// `NotFound` if there is nothing, `Mismatch` if it is something else.
    pub fn group(&self, path: &str) -> Result<Group> {
        self.root()?.group(path)
    }

    /// The dataset at a path.
    ///
    /// # Errors
    /// `NotFound` if there is nothing, `Mismatch` if it is something else.
    pub fn dataset(&self, path: &str) -> Result<Dataset> {
        self.root()?.dataset(path)
    }

    /// The object whose header is at an address, as hard links and references have it.
    ///
    /// Its path is unknown: [`Object::path`] says `<object at 0x320>`.
    ///
    /// # Errors
    /// `Damaged` if no object is there.
    pub fn object_at(&self, address: u64) -> Result<Object> {
        Object::load(&self.access(), Address(address), format!("<object at {address:#x}>"))
    }

    /// The object that a reference leads to: where to read the region from, or what has the attribute.
    ///
    /// ```no_run
    /// # fn main() -> h5manager::Result<()> {
    /// use h5manager::{File, Object, Reference};
    ///
    /// let file = File::open("run42.h5")?;
    /// for reference in file.dataset("regions")?.read::<Vec<Reference>>()? {
    ///     if let Reference::Region { selection, .. } = &reference
    ///         && let Object::Dataset(dataset) = file.dereference(&reference)?
    ///     {
    ///         let part: Vec<f64> = dataset.select(selection)?.read()?;
    ///         println!("{reference}: {part:?}");
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NotFound` for a null reference and for one into another file that is not there, `Damaged` if no object is there;
    /// where [`OpenOptions::external`] does not allow the other file, as for links.
    pub fn dereference(&self, reference: &Reference) -> Result<Object> {
        let nowhere = || Error::not_found("a null reference leads nowhere");
        let address = reference.address().ok_or_else(nowhere)?;
        let Some(name) = reference.file() else {
            return self.object_at(address);
        };
        let other = self.neighbour(name.as_bytes())?;
        other.ok_or_else(|| Error::not_found(format!("the other file {name} of a reference")))?.object_at(address)
    }

    /// Everything in the file, depth first, by name; every object once, whatever number of links lead to it.
    ///
    /// A damaged branch is one `Err`; the walk goes on behind it.
    pub fn walk(&self) -> Walk {
        Walk::new(self.begin())
    }

    /// Goes through everything on all threads: `look` is called for many objects and links at once, some of them ahead of
    /// their turn, and `each` for one after the other, in the order of [`walk`](File::walk), with what `look` returned.
    ///
    /// `look` may be called for an object that turns out to have been visited by then: what it returned is dropped, and it
    /// is called again with what the visit has become. About 2,000 results wait for their turn, at most.
    ///
    /// ```
    /// # fn main() -> h5manager::Result<()> {
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("run42.h5");
    /// # let mut out = h5manager::File::create(&path)?;
    /// # out.build("detector/counts").write(&[1u32, 2, 3])?;
    /// # out.commit()?;
    /// let file = h5manager::File::open(&path)?;
    /// let mut bytes = 0;
    /// file.par_walk(
    ///     |visit| match visit.what() {
    ///         h5manager::Visited::Object(h5manager::Object::Dataset(dataset)) => dataset.stored_size(),
    ///         _ => Ok(0),
    ///     },
    ///     |stored| {
    ///         bytes += stored??;
    ///         Ok(())
    ///     },
    /// )?;
    /// assert_eq!(bytes, 12);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The first that `each` returns; the walk ends with it. A damaged branch alone is no error, `each` is told.
    pub fn par_walk<T: Send>(
        &self,
        look: impl Fn(Visit) -> T + Sync,
        each: impl FnMut(Result<T>) -> Result<()> + Send,
    ) -> Result<()> {
        walk::par_walk(self.begin(), look, each)
    }

    fn begin(&self) -> walk::Beginning {
        (self.access(), "/".into(), self.inner.superblock.root)
    }

    /// Bytes of the file that belong to it, from its superblock's user block on.
    pub fn size(&self) -> u64 {
        self.inner.reader.size()
    }

    /// The version of the superblock: 0 to 3.
    pub fn superblock_version(&self) -> u8 {
        self.inner.superblock.version
    }

    /// Bytes before the superblock, which belong to the user.
    pub fn user_block_size(&self) -> u64 {
        self.inner.reader.base()
    }
}

impl Inner {
    /// Reads what stands at the beginning.
    pub(crate) fn open(
        source: Arc<dyn Source>,
        limits: Limits,
        neighbours: Option<Neighbours>,
        number: u16,
    ) -> Result<Inner> {
        let (reader, superblock) = start::read(source, limits, neighbours)?;
        Ok(Inner { reader, superblock, heap: GlobalHeap::default(), number })
    }
}
