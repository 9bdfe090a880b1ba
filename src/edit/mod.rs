//! Editing a file in place: a commit happens as a whole or not at all, whatever interrupts it.
//!
//! [`FileEdit`] collects changes in memory; what is new is written behind the old end of the file, where nobody looks.
//! Object headers stay where they are, so that hard links and references stay right; one that becomes too large goes on
//! behind the old end. [`FileEdit::commit`] makes the changes of old bytes by way of a redo record, see `io/redo.rs`.

mod attributes;
mod chunks;
mod companion;
mod data;
mod dense;
mod dropped;
mod extension;
mod external;
mod header;
mod ledger;
mod limits;
mod links;
mod own_fill;
mod parts;
mod references;
#[cfg(test)]
mod several;
mod superblock;
mod symbols;
mod unused;
mod work;

use crate::builder::{ArrayLike, DatasetBuilder, GroupMut};
use crate::bytes::Limits;
use crate::copy::CopyOptions;
use crate::data::selection::Select;
use crate::error::{Context, Error, ErrorKind, Result};
use crate::file::{File, is_perhaps_a_part};
use crate::format::message::datatype::Name;
use crate::format::message::link::Target;
use crate::group::Object;
use crate::io::{Device, Durability, External, FileDevice, Locking, Neighbours, OtherFiles, WritableFiles};
use crate::object::members;
use ledger::Ledger;
use std::path::Path;
use std::sync::Arc;
use work::Work;

/// How a file is edited.
#[derive(Clone, Debug, Default)]
pub struct EditOptions {
    limits: Limits,
    locking: Locking,
    durability: Durability,
    ignore_marks: bool,
    reuse_space: bool,
    external: Option<External>,
}

impl EditOptions {
    /// The defaults: the file is locked, commits are synced.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bounds inside which the file is read.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What is done about other programs that have the file open.
    #[must_use]
    pub fn locking(mut self, locking: Locking) -> Self {
        self.locking = locking;
        self
    }

    /// What a commit stands: a power cut, the end of the process, or nothing.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Whether a file is edited that says a writer has it open: one may have died with it. Default: no.
    #[must_use]
    pub fn ignore_marks(mut self, ignore: bool) -> Self {
        self.ignore_marks = ignore;
        self
    }

    /// Which other files may be written to, and read, when this one leads to them. Those with external raw data and the sources
    /// of virtual datasets are written to by [`FileEdit::write`], and where a commit that is about some was interrupted, by
    /// whoever edits the file next. A file from a stranger may lead anywhere, and its last commit may be made up. Default:
    /// none.
    #[must_use]
    pub fn external(mut self, external: External) -> Self {
        self.external = Some(external).filter(|external| *external != External::Deny);
        self
    }

    /// Whether room in the file that nothing leads to, left by what was removed or replaced before it was opened, is used
    /// for what is new. To find it, all metadata of the file are read, and all elements of variable length; where any of
    /// it is damaged or unknown, or a reference leads to what no link does, none is used, nor of files with paged free-space
    /// management, shared messages, an image of the metadata cache or several parts. When a sixteenth of the file has been
    /// removed or replaced since, it is looked for again. Who has the file open, without a lock, since before something was
    /// removed from it, may find other bytes there. Default: no, the file grows.
    #[must_use]
    pub fn reuse_space(mut self, reuse: bool) -> Self {
        self.reuse_space = reuse;
        self
    }
}

/// A file that is edited in place. What is changed is seen by nobody before [`commit`](FileEdit::commit); dropped before
/// that, the file is as it was.
///
/// What this editor wrote itself, and replaced in a later commit, is room for the commits after the next one, as soon as no
/// [`File`](FileEdit::file) of an earlier state is left. What was in the file when it was opened keeps its place as long as
/// it is open, replaced or not: so who has it open before that goes on reading it. An editor with
/// [`EditOptions::reuse_space`] uses such room, too, and a file that is repacked is without it.
///
/// ```
/// # fn main() -> h5manager::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("run.h5");
/// use h5manager::File;
///
/// # let mut out = File::create(&path)?;
/// # out.build("counts").write(&[1u32, 2, 3])?;
/// # out.commit()?;
/// let mut edit = File::edit(&path)?;
/// edit.set_attribute("counts", "unit", "photons")?;
/// edit.commit()?;
/// assert_eq!(File::open(&path)?.dataset("counts")?.attribute("unit")?.unwrap().read_one::<String>()?, "photons");
/// # Ok(())
/// # }
/// ```
pub struct FileEdit {
    device: Arc<dyn Device>,
    others: Arc<WritableFiles>,
    options: EditOptions,
    /// Commits made.
    number: u32,
    phase: Phase,
}

enum Phase {
    Open(Box<Work>),
    /// A commit was made, and nothing is asked for since.
    Committed(Box<Ledger>),
    /// What went wrong; the file must be opened again.
    Failed(ErrorKind, String),
}

impl File {
    /// Opens a file to edit it in place; finishes the commit that an earlier editor was interrupted in. Of a family, any
    /// member may be named: all are opened, and there are more of them as it grows. Of a file that is split by what its
    /// bytes are for, any part: what is new goes to the first one.
    ///
    /// # Errors
    /// As [`File::open`]; `Conflict` if another program has the file open, or says so; `Unsupported` for files whose
    /// addresses are wider than 8 bytes.
    pub fn edit(path: impl AsRef<Path>) -> Result<FileEdit> {
        Self::edit_with(path, EditOptions::new())
    }

    /// As [`edit`](File::edit), with options.
    ///
    /// # Errors
    /// As [`edit`](File::edit).
    pub fn edit_with(path: impl AsRef<Path>, options: EditOptions) -> Result<FileEdit> {
        let path = path.as_ref();
        let first = members::first_of(path);
        let path = first.as_deref().unwrap_or(path);
        let locking = options.locking;
        let open = || {
            let named: Arc<dyn Device> = Arc::new(FileDevice::open(path, locking)?);
            let place = options.external.as_ref().map(|external| Neighbours::of(path, external)).transpose()?;
            let others = Arc::new(WritableFiles::new(place.flatten(), locking));
            match FileEdit::begin(named.clone(), &others, options.clone()) {
                Err(e) if is_perhaps_a_part(&e) => {
                    FileEdit::begin(members::join_to_edit(path, &named, locking, e)?, &others, options)
                }
                done => done,
            }
        };
        open().on(&path.display().to_string())
    }

    /// Edits a file wherever its bytes are; locks are the caller's.
    ///
    /// # Errors
    /// As [`edit`](File::edit).
    pub fn edit_on(device: Arc<dyn Device>, options: EditOptions) -> Result<FileEdit> {
        let others = Arc::new(WritableFiles::new(None, options.locking));
        FileEdit::begin(device, &others, options)
    }

    /// The same for one whose host has the files that it leads to; `name` is what it is called there, and what other files'
    /// names count from. The host says which of them may be written to, whatever the [options](EditOptions::external).
    ///
    /// # Errors
    /// As [`edit`](File::edit).
    pub fn edit_from_host(
        device: Arc<dyn Device>,
        options: EditOptions,
        name: &str,
        host: Arc<dyn OtherFiles>,
    ) -> Result<FileEdit> {
        let others = Arc::new(WritableFiles::new(Some(Neighbours::hosted(name, host)), options.locking));
        FileEdit::begin(device, &others, options)
    }
}

impl FileEdit {
    fn begin(device: Arc<dyn Device>, others: &Arc<WritableFiles>, options: EditOptions) -> Result<FileEdit> {
        let work = Work::begin(&device, others, &options, None)?;
        Ok(FileEdit { device, others: others.clone(), options, number: 0, phase: Phase::Open(Box::new(work)) })
    }

    /// The changes since the last commit. If they cannot be begun, no room is used again from then on.
    fn work(&mut self) -> Result<&mut Work> {
        if let Phase::Committed(ledger) = &mut self.phase {
            let ledger = std::mem::take(&mut **ledger);
            let work = Work::begin(&self.device, &self.others, &self.options, Some(ledger))?;
            self.phase = Phase::Open(Box::new(work));
        }
        match &mut self.phase {
            Phase::Open(work) => Ok(work),
            Phase::Failed(kind, message) => {
                let message = format!("the file must be opened again, for an earlier step failed: {message}");
                Err(Error::new(*kind, message))
            }
            Phase::Committed(_) => Err(Error::not_found("changes that were just begun")),
        }
    }

    /// Sets an attribute of the object at `path`, in place of one of the same name.
    ///
    /// # Errors
    /// `NotFound` without the object; `Invalid` for an empty name; `Limit` for more than 64 MiB, or for more than 64 KiB
    /// where the object has a header of version 1.
    pub fn set_attribute(
        &mut self,
        path: impl AsRef<[u8]>,
        name: impl AsRef<[u8]>,
        value: impl ArrayLike,
    ) -> Result<()> {
        self.work()?.set_attribute(path.as_ref(), name.as_ref(), &value).on(&shown(&path))
    }

    /// Removes an attribute of the object at `path`.
    ///
    /// # Errors
    /// `NotFound` without the object or the attribute.
    pub fn remove_attribute(&mut self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> Result<()> {
        self.work()?.remove_attribute(path.as_ref(), name.as_ref()).on(&shown(&path))
    }

    /// Gives an attribute of the object at `path` another name; its elements stay as they are.
    ///
    /// # Errors
    /// `NotFound` without the object or the attribute, `Conflict` if there is one of the new name.
    pub fn rename_attribute(
        &mut self,
        path: impl AsRef<[u8]>,
        name: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
    ) -> Result<()> {
        self.work()?.rename_attribute(path.as_ref(), name.as_ref(), to.as_ref()).on(&shown(&path))
    }

    /// Describes a new dataset at `path`, to be created or written as in a new file; groups on the way are made as needed.
    /// It can be found, and what it holds be read, after the commit.
    ///
    /// # Errors
    /// `Conflict` if something has that path, or lies on the way and is no group.
    pub fn build(&mut self, path: impl AsRef<[u8]>) -> Result<DatasetBuilder> {
        let (mut group, rest) = self.work()?.graft(path.as_ref()).on(&shown(&path))?;
        Ok(group.build(rest))
    }

    /// Makes a group, and those on the way to it as needed.
    ///
    /// # Errors
    /// `Conflict` if something has that path, or lies on the way and is no group.
    pub fn create_group(&mut self, path: impl AsRef<[u8]>) -> Result<GroupMut> {
        let (mut group, rest) = self.work()?.graft(path.as_ref()).on(&shown(&path))?;
        group.create_group(rest)
    }

    /// Copies an object of an open file, and everything below it, to `path`, where nothing may be yet; groups on the way are
    /// made as needed. It may be of this file, as [the last commit left it](Self::file), or of another one. References
    /// among what is copied lead to the copies. The copy can be found, and what it holds be read, after the commit.
    ///
    /// ```
    /// # fn main() -> h5manager::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("run.h5");
    /// use h5manager::{CopyOptions, File};
    ///
    /// # let mut out = File::create(&path)?;
    /// # out.build("day1/counts").write(&[1u32, 2, 3])?;
    /// # out.commit()?;
    /// let mut edit = File::edit(&path)?;
    /// let day = edit.file()?.object("day1")?;
    /// edit.copy_from(&day, "day2", &CopyOptions::new())?;
    /// edit.commit()?;
    /// assert_eq!(File::open(&path)?.dataset("day2/counts")?.read::<Vec<u32>>()?, [1, 2, 3]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`FileMut::copy_from`](crate::FileMut::copy_from); `Conflict` if something has that path. After an error of
    /// another kind the edit should be given up: a part may be copied.
    pub fn copy_from(&mut self, object: &Object, path: impl AsRef<[u8]>, options: &CopyOptions) -> Result<()> {
        self.work()?.copy_from(object, path.as_ref(), options).on(&shown(&path))
    }

    /// Gives the object at `target` a further name, `path`.
    ///
    /// # Errors
    /// `NotFound` without the object or the group of the new name, `Conflict` if something has that name.
    pub fn link_hard(&mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Result<()> {
        self.work()?.link_hard(path.as_ref(), target.as_ref()).on(&shown(&path))
    }

    /// Makes a soft link: a name for whatever is at the path `target`, if anything is.
    ///
    /// # Errors
    /// `NotFound` without the group of the new name, `Conflict` if something has that name.
    pub fn link_soft(&mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Result<()> {
        let target = Target::Soft(Name::from_bytes(target.as_ref()));
        self.work()?.link(path.as_ref(), target).on(&shown(&path))
    }

    /// Makes an external link: a name for whatever is at the path `target` of another file, named as this file is to look
    /// for it.
    ///
    /// # Errors
    /// As [`link_soft`](Self::link_soft).
    pub fn link_external(
        &mut self,
        path: impl AsRef<[u8]>,
        file: impl AsRef<[u8]>,
        target: impl AsRef<[u8]>,
    ) -> Result<()> {
        let (file, inside) = (Name::from_bytes(file.as_ref()), Name::from_bytes(target.as_ref()));
        self.work()?.link(path.as_ref(), Target::External { file, path: inside }).on(&shown(&path))
    }

    /// Removes a link, and the object with it if nothing else leads there. The room that it took is used again if
    /// this editor made it, or one has [`EditOptions::reuse_space`]. References to it stay, for they are
    /// addresses: where this editor made it, they may come to lead to what takes its place.
    ///
    /// # Errors
    /// `NotFound` without the link, `Invalid` for the root group.
    pub fn remove(&mut self, path: impl AsRef<[u8]>) -> Result<()> {
        self.work()?.remove(path.as_ref()).on(&shown(&path))
    }

    /// Gives a link another name, in the same group or another one.
    ///
    /// # Errors
    /// `NotFound` without the link or the group of the new name, `Conflict` if something has that name, `Invalid` for a
    /// group that would come to lie in itself.
    pub fn rename(&mut self, path: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Result<()> {
        self.work()?.rename(path.as_ref(), to.as_ref()).on(&shown(&path))
    }

    /// Writes elements to the places of a dataset that a selection names, in its order. Those of a virtual dataset are written
    /// to its sources, as they and it were at the last commit; where several have an element, to the last one.
    ///
    /// Elements in external files and sources in other files are written there, if [`EditOptions::external`] allows it: with
    /// the commit to this file or not at all. If that is interrupted, whoever edits this file next finishes it; until then
    /// readers of this file see it as finished, and so they do of another HDF5 file by itself, or as if it had not begun.
    ///
    /// # Errors
    /// `NotFound` without the dataset; `Mismatch` if there are not as many elements, they are of another kind, or no source of
    /// a virtual dataset has them; `Conflict` for such a source that was moved or resized since the last commit, or whose file
    /// is open elsewhere; `Denied` for other files that may not be written to; `Unsupported` for references to be written to
    /// another file through a virtual dataset.
    pub fn write(&mut self, path: impl AsRef<[u8]>, what: impl Select, elements: impl ArrayLike) -> Result<()> {
        self.work()?.write(path.as_ref(), &what, &elements).on(&shown(&path))
    }

    /// Adds elements behind the last row of a dataset that can grow: whole rows, as many as there are elements for.
    ///
    /// # Errors
    /// As [`write`](Self::write); `Mismatch` if they are no whole rows, or the dataset cannot grow that far.
    pub fn append(&mut self, path: impl AsRef<[u8]>, elements: impl ArrayLike) -> Result<()> {
        self.work()?.append(path.as_ref(), &elements).on(&shown(&path))
    }

    /// Gives a dataset another shape. What is new holds the fill value, in external files what these have there, zeros behind
    /// their ends; what is cut off is gone.
    ///
    /// # Errors
    /// `NotFound` without the dataset; `Mismatch` if it is stored neither in chunks nor in external files nor is a virtual one,
    /// has another number of dimensions, cannot grow that far, or would have no room for its parts; `Denied` as
    /// [`write`](Self::write); `Unsupported` for virtual datasets whose sources say how large they are.
    pub fn resize(&mut self, path: impl AsRef<[u8]>, shape: impl AsRef<[u64]>) -> Result<()> {
        self.work()?.resize(path.as_ref(), shape.as_ref()).on(&shown(&path))
    }

    /// The file as the last commit left it.
    ///
    /// # Errors
    /// That of an earlier step that failed.
    pub fn file(&mut self) -> Result<&File> {
        Ok(self.work()?.file())
    }

    /// Makes all changes since the last commit. When this returns, they are on the disk, as far as
    /// [`EditOptions::durability`] wants it; if it fails, or the machine does meanwhile, the file holds all of them or
    /// none, once it is opened again.
    ///
    /// # Errors
    /// `Io` if the disk is full or fails: then this handle takes nothing more. `Limit` if more than 256 MiB change that
    /// are there already, without having moved.
    pub fn commit(&mut self) -> Result<()> {
        if let Phase::Committed(_) = &self.phase {
            return Ok(());
        }
        let (device, number, durability) = (self.device.clone(), self.number + 1, self.options.durability);
        let work = self.work()?;
        if !work.is_changed() {
            return Ok(());
        }
        match work.commit(&*device, number, durability) {
            Ok(ledger) => {
                (self.number, self.phase) = (number, Phase::Committed(Box::new(ledger)));
                Ok(())
            }
            Err(e) => {
                self.phase = Phase::Failed(e.kind(), e.to_string());
                Err(e)
            }
        }
    }
}

impl Drop for FileEdit {
    fn drop(&mut self) {
        if let Phase::Open(work) = &mut self.phase {
            work.give_up(&*self.device);
        }
    }
}

/// A path for people.
fn shown(path: &impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(path.as_ref()).into_owned()
}
