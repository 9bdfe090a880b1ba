//! References to objects of the file that is being written, whether they are made already or not.

use super::dataset::DatasetMut;
use super::group::GroupMut;
use super::session::Session;
use super::tree::{self, Kind, NodeId};
use super::{FileMut, writer};
use crate::data::selection::Select;
use crate::error::{Context, Error, Result};
use crate::format::message::datatype::Name;
use crate::format::reference::Reference;
use std::sync::{Arc, Mutex};

impl FileMut {
    /// A reference to the object at `path`, to be written as an element of this file. The object may be made later, but
    /// must be there at the [commit](FileMut::commit).
    ///
    /// ```
    /// # fn main() -> h5manager::Result<()> {
    /// use h5manager::{File, FileMut, Reference, io::MemoryStore};
    ///
    /// let store = MemoryStore::default();
    /// let mut out = FileMut::on_store(store.clone());
    /// let (counts, later) = (out.reference("counts")?, out.reference("later")?);
    /// out.build("index").write([counts, later])?;
    /// out.build("counts").write([4u32, 8, 15])?;
    /// out.create_group("later")?;
    /// out.commit()?;
    ///
    /// let file = File::from_bytes(store.bytes())?;
    /// let index: Vec<Reference> = file.dataset("index")?.read()?;
    /// assert_eq!(file.dereference(&index[1])?.address(), file.object("later")?.address());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Of kind [`Invalid`](crate::ErrorKind::Invalid) if `path` is none.
    pub fn reference(&self, path: impl AsRef<[u8]>) -> Result<Reference> {
        self.root().reference(path)
    }

    /// A reference to a part of the dataset at `path`, which must be there.
    ///
    /// # Errors
    /// As [`GroupMut::region_reference`].
    pub fn region_reference(&self, path: impl AsRef<[u8]>, part: impl Select) -> Result<Reference> {
        self.root().region_reference(path, part)
    }

    /// A reference to the attribute `name` of the object at `path`: both may be made later. It is an element of
    /// [references of HDF5 1.12](crate::datatype::ReferenceKind::Standard), which libhdf5 reads from 1.12 on.
    ///
    /// # Errors
    /// As [`reference`](FileMut::reference).
    pub fn attribute_reference(&self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> Result<Reference> {
        self.root().attribute_reference(path, name)
    }
}

impl GroupMut {
    /// As [`FileMut::reference`], with a path relative to this group; an empty one is the group itself.
    ///
    /// # Errors
    /// As there.
    pub fn reference(&self, path: impl AsRef<[u8]>) -> Result<Reference> {
        Ok(Reference::Object { address: self.address_at(path.as_ref())?, file: None })
    }

    /// A reference to a part of the dataset at `path`, which must be there.
    ///
    /// # Errors
    /// Of kind [`NotFound`](crate::ErrorKind::NotFound) without a dataset there,
    /// [`Mismatch`](crate::ErrorKind::Mismatch) if `part` does not fit its shape.
    pub fn region_reference(&self, path: impl AsRef<[u8]>, part: impl Select) -> Result<Reference> {
        let (session, here) = self.place_of();
        let names = tree::names(path.as_ref()).on(self.path())?;
        let (node, writer) = session.with(|open| {
            let node = open.tree.find(here, &names)?;
            match &open.tree.node(node)?.kind {
                Kind::Dataset(writer) => Ok((node, writer.clone())),
                _ => Err(Error::mismatch("no dataset, so no part of one").on(tree::joined(self.path(), &names))),
            }
        })?;
        region(session, node, &writer, &part).on(&tree::joined(self.path(), &names))
    }

    /// As [`FileMut::attribute_reference`], with a path relative to this group.
    ///
    /// # Errors
    /// As there.
    pub fn attribute_reference(&self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> Result<Reference> {
        let name = Name::from_bytes(name.as_ref());
        Ok(Reference::Attribute { address: self.address_at(path.as_ref())?, name, file: None })
    }

    fn address_at(&self, path: &[u8]) -> Result<u64> {
        let (session, here) = self.place_of();
        let names = tree::names(path).on(self.path())?;
        session.with(|open| {
            let node = open.tree.find_or_promise(here, &names)?;
            Ok(open.address_of(node)?.get())
        })
    }
}

impl DatasetMut {
    /// A reference to this dataset.
    ///
    /// # Errors
    /// Of kind [`Io`](crate::ErrorKind::Io) if the disk is full, among others.
    pub fn reference(&self) -> Result<Reference> {
        let (session, node, _) = self.place_of();
        session.with(|open| Ok(Reference::Object { address: open.address_of(node)?.get(), file: None }))
    }

    /// A reference to a part of this dataset.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) if `part` does not fit the shape that it has now.
    pub fn region_reference(&self, part: impl Select) -> Result<Reference> {
        let (session, node, writer) = self.place_of();
        region(session, node, writer, &part).on(self.path())
    }
}

fn region(
    session: &Session,
    node: NodeId,
    writer: &Arc<Mutex<writer::DatasetWriter>>,
    part: &dyn Select,
) -> Result<Reference> {
    // Whoever writes to the dataset at this moment may be waiting for the session.
    let busy = |_| Error::conflict("the dataset is being written to");
    let shape = writer.try_lock().map_err(busy)?.plan().shape.clone();
    let selection = part.stored(&shape)?;
    session.with(|open| Ok(Reference::Region { address: open.address_of(node)?.get(), selection, file: None }))
}
