//! Writing a new file: nothing is seen under its name before it is whole.
//!
//! The objects are kept in memory as a tree; elements go to the store as they come. [`FileMut::commit`] writes what is
//! left: the last chunks, their indexes, the object headers, and at the very end the superblock, without which the bytes
//! are no HDF5 file. Files are those of libhdf5's "v18" bound, which libhdf5 1.8 and everything later read, unless
//! [`CreateOptions::libver`] asks for others.

mod array;
mod attribute;
mod checkpoint;
mod chunking;
mod chunks;
mod commit;
mod conventions;
mod converted;
mod copied;
mod copy_chunks;
mod dataset;
mod elsewhere;
mod group;
mod in_order;
mod object;
mod open_chunks;
mod options;
mod own_fill;
mod plan;
mod rechunk;
mod reference;
mod refilter;
mod scales;
mod scattered;
mod session;
mod tree;
mod writer;

pub use array::{ArrayLike, Empty, FixedString, StoredElements, WithDatatype, WithShape};
pub use checkpoint::{Checkpoint, CheckpointChunk};
pub(crate) use commit::write_grafts;
pub use conventions::ImageClass;
#[cfg(feature = "cli")]
pub(crate) use converted::Step;
pub use copied::CopiedElements;
pub(crate) use copied::Translate;
pub use dataset::{DatasetBuilder, DatasetMut};
pub use elsewhere::{ExternalPiece, VirtualSource};
pub use group::GroupMut;
pub use object::ObjectMut;
pub use options::CreateOptions;
pub use plan::{AllocationTime, FillTime};
pub(crate) use session::{Open, Session};
pub(crate) use tree::{Notes, charset};

use crate::error::{Error, Result};
use crate::file::File;
use crate::format::libver::LibVer;
use crate::index::space::Space;
use crate::io::{StagedFile, Store};
use std::path::Path;
use std::sync::Arc;

impl File {
    /// Begins a new file at `path`, where nothing may be yet.
    ///
    /// # Errors
    /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if something is there, [`NotFound`](crate::ErrorKind::NotFound)
    /// without the folder, [`Io`](crate::ErrorKind::Io) if the system refuses.
    pub fn create(path: impl AsRef<Path>) -> Result<FileMut> {
        Self::create_with(path, CreateOptions::new())
    }

    /// As [`create`](File::create), with options.
    ///
    /// # Errors
    /// As [`create`](File::create).
    pub fn create_with(path: impl AsRef<Path>, options: CreateOptions) -> Result<FileMut> {
        let overwrite = options.overwrite;
        let options = options.checked()?;
        let staged = Arc::new(StagedFile::create(path.as_ref(), overwrite)?);
        let session = options.begin(staged.clone())?;
        Ok(FileMut { session, staged: Some(staged) })
    }
}

/// A new file that is being written. Dropped before [`commit`](FileMut::commit) it leaves nothing behind.
///
/// ```
/// # fn main() -> h5manager::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("run.h5");
/// use h5manager::File;
///
/// let mut out = File::create(&path)?;
/// out.set_attribute("tool", "camera 7")?;
/// // Rows come as they like; chunks are compressed in parallel.
/// let images = out.build("run/images").element::<u8>().shape([0, 64, 64, 3]).extendible();
/// let mut images = images.chunks([1, 64, 64, 3]).deflate(4).create()?;
/// for frame in 0..10u8 {
///     images.append(vec![frame; 64 * 64 * 3])?;
/// }
/// let mut labels = out.build("run/labels").write([0i64; 10])?;
/// labels.set_attribute("class_names", ["hot dog", "not hot dog"])?;
/// out.commit()?;
/// # assert_eq!(File::open(&path)?.dataset("run/images")?.shape(), [10, 64, 64, 3]);
/// # Ok(())
/// # }
/// ```
pub struct FileMut {
    session: Arc<Session>,
    /// Nothing for a file on a store of the caller's.
    staged: Option<Arc<StagedFile>>,
}

impl FileMut {
    /// Writes a new file to `store`, which holds nothing yet. Before the commit it holds no HDF5 file: its first bytes
    /// are written last.
    pub fn on_store(store: impl Store + 'static) -> FileMut {
        let space = Space::new(Arc::new(store), commit::superblock_size(LibVer::default()));
        FileMut { session: Arc::new(Session::new(space, LibVer::default(), false, None)), staged: None }
    }

    /// The same with options. A store has no name, so nothing is ever overwritten.
    ///
    /// # Errors
    /// Of kind [`Invalid`](crate::ErrorKind::Invalid) or [`Limit`](crate::ErrorKind::Limit) for options that the format
    /// does not allow, [`Io`](crate::ErrorKind::Io) if the user block cannot be written.
    pub fn on_store_with(store: impl Store + 'static, options: CreateOptions) -> Result<FileMut> {
        Ok(FileMut { session: options.checked()?.begin(Arc::new(store))?, staged: None })
    }

    /// The root group.
    pub fn root(&self) -> GroupMut {
        GroupMut::root(self.session.clone())
    }

    /// Describes a new dataset at `path`, to be created or written. Groups on the way are made as needed.
    pub fn build(&mut self, path: impl AsRef<[u8]>) -> DatasetBuilder {
        self.root().build(path)
    }

    /// Makes a group.
    ///
    /// # Errors
    /// As [`GroupMut::create_group`].
    pub fn create_group(&mut self, path: impl AsRef<[u8]>) -> Result<GroupMut> {
        self.root().create_group(path)
    }

    /// Sets an attribute of the root group, in place of one of the same name.
    ///
    /// # Errors
    /// As [`GroupMut::set_attribute`].
    pub fn set_attribute(&mut self, name: impl AsRef<[u8]>, value: impl ArrayLike) -> Result<()> {
        self.root().set_attribute(name, value)
    }

    /// Makes a soft link: a name for whatever is at the path `target`, if anything is.
    ///
    /// # Errors
    /// As [`GroupMut::link_soft`].
    pub fn link_soft(&mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Result<()> {
        self.root().link_soft(path, target)
    }

    /// Finishes the file: when this returns, all of it is on the disk, under its name. Datasets that are still open take
    /// nothing more.
    ///
    /// # Errors
    /// Of kind [`Io`](crate::ErrorKind::Io) if the disk is full, among others; of the kind of an earlier error if
    /// something was written only in part. Then there is no file, and one that was there before is untouched.
    pub fn commit(mut self) -> Result<()> {
        let staged = self.staged.take();
        // A staged file is synced when it gets its name; any other needs its barriers here.
        commit::commit(&self.session, staged.is_none())?;
        match staged.map(Arc::into_inner) {
            None => Ok(()),
            Some(Some(staged)) => staged.publish(),
            Some(None) => Err(Error::conflict("the file is still being written to")),
        }
    }
}

impl Drop for FileMut {
    fn drop(&mut self) {
        // Handles on datasets may live on: they get errors, and the staged file goes away now.
        drop(self.session.close());
    }
}
