//! New objects that take attributes and nothing else: committed datatypes, and datasets without elements in this file.

use super::array::ArrayLike;
use super::attribute;
use super::dataset::{DatasetBuilder, DatasetMut};
use super::group::GroupMut;
use super::session::Session;
use super::tree::{self, Kind, NodeId, Notes};
use super::{FileMut, tree::Tree};
use crate::error::{Context, Error, Result};
use crate::format::message::datatype::Datatype;
use crate::format::reference::Reference;
use std::sync::Arc;

/// A new object that takes attributes: a [committed datatype](GroupMut::commit_datatype), or a dataset that has no
/// elements in this file.
#[derive(Clone)]
pub struct ObjectMut {
    session: Arc<Session>,
    node: NodeId,
    path: String,
    datatype: Datatype,
}

impl ObjectMut {
    pub(super) fn new(session: Arc<Session>, node: NodeId, path: String, datatype: Datatype) -> ObjectMut {
        ObjectMut { session, node, path, datatype }
    }

    pub(super) fn object_of(&self) -> (&Session, NodeId) {
        (&self.session, self.node)
    }

    /// The path in the file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The datatype.
    pub fn datatype(&self) -> &Datatype {
        &self.datatype
    }

    /// Sets an attribute, in place of one of the same name.
    ///
    /// # Errors
    /// As [`GroupMut::set_attribute`].
    pub fn set_attribute(&mut self, name: impl AsRef<[u8]>, value: impl ArrayLike) -> Result<()> {
        attribute::set(&self.session, self.node, name.as_ref(), &value).on(&self.path)
    }

    /// Whether the order in which attributes are made is kept, so that readers can list them in it.
    ///
    /// # Errors
    /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if there are attributes already.
    pub fn track_order(&mut self, track_order: bool) -> Result<()> {
        self.session.with(|open| open.tree.set_track_order(self.node, track_order)).on(&self.path)
    }

    /// What the header tells of the object's past.
    pub(crate) fn set_notes(&mut self, notes: Notes) -> Result<()> {
        self.session.with(|open| open.tree.set_notes(self.node, notes)).on(&self.path)
    }

    /// As [`GroupMut::set_attribute_as`].
    ///
    /// # Errors
    /// As there.
    pub fn set_attribute_as(
        &mut self,
        name: impl AsRef<[u8]>,
        value: impl ArrayLike,
        datatype: &ObjectMut,
    ) -> Result<()> {
        set_as(&self.session, self.node, name.as_ref(), &value, datatype).on(&self.path)
    }

    /// A reference to this object.
    ///
    /// # Errors
    /// Of kind [`Io`](crate::ErrorKind::Io) if the disk is full, among others.
    pub fn reference(&self) -> Result<Reference> {
        let address = self.session.with(|open| Ok(open.address_of(self.node)?.get()))?;
        Ok(Reference::Object { address, file: None })
    }
}

/// The node of a committed datatype of the same file.
fn committed_in(session: &Session, datatype: &ObjectMut) -> Result<NodeId> {
    if !std::ptr::eq(session, &raw const *datatype.session) {
        return Err(Error::invalid(format!("{} is a datatype of another file", datatype.path)));
    }
    let is_one = session.with(|open| Ok(matches!(open.tree.node(datatype.node)?.kind, Kind::Committed(_))))?;
    if is_one { Ok(datatype.node) } else { Err(Error::invalid(format!("{} is no committed datatype", datatype.path))) }
}

fn set_as(session: &Session, object: NodeId, name: &[u8], value: &dyn ArrayLike, datatype: &ObjectMut) -> Result<()> {
    let committed = committed_in(session, datatype)?;
    attribute::set_as(session, object, name, value, Some(committed))
}

impl FileMut {
    /// Gives a datatype a name of its own.
    ///
    /// # Errors
    /// As [`GroupMut::commit_datatype`].
    pub fn commit_datatype(&mut self, path: impl AsRef<[u8]>, datatype: Datatype) -> Result<ObjectMut> {
        self.root().commit_datatype(path, datatype)
    }
}

impl GroupMut {
    /// Gives a datatype a name of its own: a committed datatype, which datasets
    /// ([`committed_datatype`](DatasetBuilder::committed_datatype)) and attributes
    /// ([`set_attribute_as`](GroupMut::set_attribute_as)) share.
    ///
    /// ```
    /// # fn main() -> h5manager::Result<()> {
    /// use h5manager::{Element, File, FileMut, io::MemoryStore};
    ///
    /// h5manager::compound! { pub struct Hit { pub time: f64, pub channel: u16 } }
    ///
    /// let store = MemoryStore::default();
    /// let mut out = FileMut::on_store(store.clone());
    /// let mut hit = out.commit_datatype("types/hit", Hit::datatype())?;
    /// hit.set_attribute("version", 2)?;
    /// let first = Hit { time: 0.5, channel: 7 };
    /// out.build("hits").committed_datatype(&hit).write([first.clone()])?;
    /// out.root().set_attribute_as("first", [first], &hit)?;
    /// out.commit()?;
    ///
    /// let file = File::from_bytes(store.bytes())?;
    /// let there = file.object("types/hit")?.address();
    /// assert_eq!(file.dataset("hits")?.committed_datatype(), Some(there));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if there is something of its name.
    pub fn commit_datatype(&mut self, path: impl AsRef<[u8]>, datatype: Datatype) -> Result<ObjectMut> {
        let datatype = self.shared_place().0.with(|open| open.datatype(datatype))?;
        let kind = Kind::Committed(Box::new(datatype.clone()));
        let add = |tree: &mut Tree, group: NodeId, name: &[u8]| tree.add(group, name, kind);
        let made = self.place(path.as_ref(), add)?;
        let (session, node) = made.shared_place();
        Ok(ObjectMut::new(session, node, made.path().to_owned(), datatype))
    }

    /// Sets an attribute whose datatype is a committed one, in place of one of the same name. The elements of `value` are
    /// stored just so.
    ///
    /// # Errors
    /// As [`set_attribute`](GroupMut::set_attribute); of kind [`Mismatch`](crate::ErrorKind::Mismatch) if `value` has
    /// another datatype.
    pub fn set_attribute_as(
        &mut self,
        name: impl AsRef<[u8]>,
        value: impl ArrayLike,
        datatype: &ObjectMut,
    ) -> Result<()> {
        let (session, node) = self.place_of();
        set_as(session, node, name.as_ref(), &value, datatype).on(self.path())
    }
}

impl DatasetMut {
    /// As [`GroupMut::set_attribute_as`].
    ///
    /// # Errors
    /// As there.
    pub fn set_attribute_as(
        &mut self,
        name: impl AsRef<[u8]>,
        value: impl ArrayLike,
        datatype: &ObjectMut,
    ) -> Result<()> {
        let (session, node, _) = self.place_of();
        set_as(session, node, name.as_ref(), &value, datatype).on(self.path())
    }
}

impl DatasetBuilder {
    /// The elements have the datatype that is committed as `datatype`, and share it.
    pub fn committed_datatype(mut self, datatype: &ObjectMut) -> Self {
        self.committed = Some(datatype.clone());
        self.datatype(datatype.datatype.clone())
    }

    /// The committed datatype, if that is what the elements still are.
    pub(super) fn committed_node(&self) -> Result<Option<NodeId>> {
        match &self.committed {
            Some(known) if self.datatype.as_ref() == Some(&known.datatype) => {
                committed_in(&self.session, known).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl Tree {
    /// Refuses a name that is taken.
    pub(super) fn check_free(&self, group: NodeId, name: &[u8]) -> Result<()> {
        match self.find(group, &[name]) {
            Ok(_) => Err(Error::conflict(format!("{} exists already", tree::joined("", &[name])))),
            Err(_) => Ok(()),
        }
    }
}
