//! Copying objects from an open file into one that is being written: whole trees, with their links, attributes,
//! references and committed datatypes.
//!
//! Every object is copied once, whatever number of links lead to it, and references to it lead to the copy. Chunks are
//! copied as they are stored where nothing of their storage changes; everything else goes through memory in pieces.

mod attributes;
mod dataset;
mod like;
mod references;
mod tree;

use crate::builder::{FileMut, GroupMut};
use crate::dataset::Dataset;
use crate::error::Result;
use crate::filters::FilterSpec;
use crate::group::{LinkTarget, Object};
use std::sync::Arc;

/// How objects are copied; the default copies all there is, as it is.
#[derive(Clone, Default)]
pub struct CopyOptions {
    follow_soft: bool,
    follow_external: bool,
    shallow: bool,
    without_attributes: bool,
    expand_references: bool,
    storage: Option<Arc<ChooseStorage>>,
    relink: Option<Arc<Relink>>,
}

type Relink = dyn Fn(&LinkTarget) -> LinkTarget + Send + Sync;

type ChooseStorage = dyn Fn(&Dataset) -> Result<Storage> + Send + Sync;

/// A copy: how it is made, and who is told how far it is.
struct Job<'a> {
    options: &'a CopyOptions,
    /// Hears of bytes of the file that is copied from.
    watch: &'a (dyn Fn(u64) -> Result<()> + Sync),
}

/// Copies an object to `path` in a group.
pub(crate) fn into_group(group: GroupMut, object: &Object, path: &[u8], options: &CopyOptions) -> Result<()> {
    tree::copy(group, object, path, &Job { options, watch: &|_| Ok(()) })
}

/// What of a dataset's storage is to be another than in the file that is copied from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Storage {
    /// How elements are laid out; `None` as before.
    pub layout: Option<NewLayout>,
    /// The filters that chunks go through; `None` as before. A dataset without chunks gets some.
    pub filters: Option<Vec<FilterSpec>>,
}

/// How the elements of a copied dataset are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewLayout {
    /// In one piece. A dataset that can grow cannot be, nor one with filters.
    Contiguous,
    /// In the object's header; less than 64 KiB.
    Compact,
    /// In chunks of this shape, which are cut to the dataset's where they are larger.
    Chunked(Vec<u64>),
}

impl CopyOptions {
    /// The default: everything, as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies what soft links lead to, in their place. Those that lead nowhere stay links.
    #[must_use]
    pub fn follow_soft(mut self, follow: bool) -> Self {
        self.follow_soft = follow;
        self
    }

    /// Copies what external links lead to, in their place. Those that lead nowhere stay links.
    #[must_use]
    pub fn follow_external(mut self, follow: bool) -> Self {
        self.follow_external = follow;
        self
    }

    /// Of a group copies only what is in it, and of groups in it only that they are there.
    #[must_use]
    pub fn shallow(mut self, shallow: bool) -> Self {
        self.shallow = shallow;
        self
    }

    /// Leaves attributes out.
    #[must_use]
    pub fn without_attributes(mut self, without: bool) -> Self {
        self.without_attributes = without;
        self
    }

    /// Copies what references and datatypes lead to, too, where no link does: such objects are in the new file, and only
    /// those references lead to them. Without it references to what is not copied become null, and datatypes that are
    /// committed elsewhere belong to their dataset or attribute alone. References that lead nowhere go on doing so.
    #[must_use]
    pub fn expand_references(mut self, expand: bool) -> Self {
        self.expand_references = expand;
        self
    }

    /// Asks `choose` for every dataset how its copy is to be stored.
    #[must_use]
    pub fn storage(mut self, choose: impl Fn(&Dataset) -> Result<Storage> + Send + Sync + 'static) -> Self {
        self.storage = Some(Arc::new(choose));
        self
    }

    /// Asks `change` for every soft and external link that stays one where it is to lead.
    #[must_use]
    pub fn relink(mut self, change: impl Fn(&LinkTarget) -> LinkTarget + Send + Sync + 'static) -> Self {
        self.relink = Some(Arc::new(change));
        self
    }

    fn target_of(&self, target: &LinkTarget) -> LinkTarget {
        self.relink.as_ref().map_or_else(|| target.clone(), |change| change(target))
    }

    fn storage_of(&self, dataset: &Dataset) -> Result<Storage> {
        self.storage.as_ref().map_or_else(|| Ok(Storage::default()), |choose| choose(dataset))
    }
}

impl FileMut {
    /// Copies an object of an open file, and everything below it, to `path`, where nothing may be yet; groups on the way
    /// are made as needed. A group copied to `/` gives the root its links and attributes.
    ///
    /// Memory does not depend on the size of datasets.
    ///
    /// ```
    /// # fn main() -> h5manager::Result<()> {
    /// use h5manager::{CopyOptions, File, FileMut, io::MemoryStore};
    ///
    /// let store = MemoryStore::default();
    /// let mut out = FileMut::on_store(store.clone());
    /// out.build("run/counts").write([4u32, 8, 15])?;
    /// out.commit()?;
    /// let source = File::from_bytes(store.bytes())?;
    ///
    /// let store = MemoryStore::default();
    /// let mut out = FileMut::on_store(store.clone());
    /// out.copy_from(&source.object("run")?, "runs/7", &CopyOptions::new())?;
    /// out.commit()?;
    ///
    /// let counts: Vec<u32> = File::from_bytes(store.bytes())?.dataset("runs/7/counts")?.read()?;
    /// assert_eq!(counts, [4, 8, 15]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if there is something of its name; those of reading the one file
    /// and of writing the other; [`Unsupported`](crate::ErrorKind::Unsupported), by name, for what this version cannot
    /// write. After an error the file should be given up: a part may be copied.
    pub fn copy_from(&mut self, object: &Object, path: impl AsRef<[u8]>, options: &CopyOptions) -> Result<()> {
        self.copy_from_watched(object, path, options, &|_| Ok(()))
    }

    /// As [`copy_from`](FileMut::copy_from), and tells `watch` how many bytes of the file that is copied from are done,
    /// piece by piece. Its error ends the copy.
    ///
    /// # Errors
    /// As [`copy_from`](FileMut::copy_from), and that of `watch`.
    pub fn copy_from_watched(
        &mut self,
        object: &Object,
        path: impl AsRef<[u8]>,
        options: &CopyOptions,
        watch: &(dyn Fn(u64) -> Result<()> + Sync),
    ) -> Result<()> {
        tree::copy(self.root(), object, path.as_ref(), &Job { options, watch })
    }
}
