//! Groups of a new file: what can be put into them.

use super::array::ArrayLike;
use super::attribute;
use super::dataset::DatasetBuilder;
use super::session::Session;
use super::tree::{self, LinkTo, NodeId, Notes, Tree};
use crate::error::{Context, Error, Result};
use crate::format::libver::LibVer;
use crate::format::message::datatype::Name;
use std::sync::Arc;

/// A group of a file that is being written. Paths are relative to it; groups on the way are made as needed.
///
/// Names are bytes, normally UTF-8: anything but `/` and NUL, and not a single dot.
///
/// ```
/// # fn main() -> h5manager::Result<()> {
/// use h5manager::{File, FileMut, io::MemoryStore};
///
/// let store = MemoryStore::default();
/// let mut out = FileMut::on_store(store.clone());
/// let mut run = out.create_group("runs/7")?;
/// run.build("counts").write([4u32, 8, 15])?;
/// run.set_attribute("operator", "Ada")?;
/// out.link_soft("latest", "/runs/7")?;
/// out.commit()?;
///
/// let counts: Vec<u32> = File::from_bytes(store.bytes())?.dataset("latest/counts")?.read()?;
/// assert_eq!(counts, [4, 8, 15]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct GroupMut {
    session: Arc<Session>,
    node: NodeId,
    path: String,
}

impl GroupMut {
    pub(super) fn root(session: Arc<Session>) -> GroupMut {
        GroupMut { session, node: Tree::ROOT, path: "/".into() }
    }

    /// A stand-in for a group of a file that is there already, whose path is `path`: what is put into it is added to
    /// that group when the file is committed. Two of one name are the same.
    pub(crate) fn graft(session: Arc<Session>, name: &[u8], path: String) -> Result<GroupMut> {
        let node = session.with(|open| {
            let node = open.tree.make_groups(Tree::ROOT, &[name])?;
            // What is made in it comes into the group in this order.
            if open.tree.children(node)?.is_empty() {
                open.tree.set_track_order(node, true)?;
            }
            Ok(node)
        })?;
        Ok(GroupMut { session, node, path })
    }

    /// The group whose objects no link leads to; it is not in the file itself.
    pub(crate) fn unlinked(&self) -> Result<GroupMut> {
        let node = self.session.with(|open| open.tree.unlinked())?;
        Ok(GroupMut { session: self.session.clone(), node, path: "(unlinked)".into() })
    }

    /// A name that is free in it when `promised` more objects are there.
    pub(crate) fn free_number(&self, promised: usize) -> Result<Vec<u8>> {
        let count = self.session.with(|open| Ok(open.tree.children(self.node)?.len()))?;
        Ok((count + promised).to_string().into_bytes())
    }

    /// The file and the object in it.
    pub(super) fn place_of(&self) -> (&Session, NodeId) {
        (&self.session, self.node)
    }

    /// The same, for another handle.
    pub(super) fn shared_place(&self) -> (Arc<Session>, NodeId) {
        (self.session.clone(), self.node)
    }

    /// The bound of the file.
    pub(crate) fn libver(&self) -> Result<LibVer> {
        self.session.with(|open| Ok(open.libver))
    }

    /// The path in the file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Describes a new dataset at `path`, to be created or written.
    pub fn build(&mut self, path: impl AsRef<[u8]>) -> DatasetBuilder {
        DatasetBuilder::new(self.session.clone(), self.node, self.path.clone(), path.as_ref())
    }

    /// Makes a group.
    ///
    /// # Errors
    /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if there is something of its name.
    pub fn create_group(&mut self, path: impl AsRef<[u8]>) -> Result<GroupMut> {
        self.place(path.as_ref(), |tree, group, name| {
            if tree.find(group, &[name]).is_ok() {
                let name = Name::from_bytes(name);
                return Err(Error::conflict(format!("{name} exists already")));
            }
            tree.make_groups(group, &[name])
        })
    }

    /// The group at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if something else is at its place.
    pub fn group(&mut self, path: impl AsRef<[u8]>) -> Result<GroupMut> {
        if tree::names(path.as_ref())?.is_empty() {
            return Ok(self.clone());
        }
        self.place(path.as_ref(), |tree, group, name| tree.make_groups(group, &[name]))
    }

    /// Sets an attribute, in place of one of the same name.
    ///
    /// # Errors
    /// Of kind [`Limit`](crate::ErrorKind::Limit) for more than 64 MiB.
    pub fn set_attribute(&mut self, name: impl AsRef<[u8]>, value: impl ArrayLike) -> Result<()> {
        attribute::set(&self.session, self.node, name.as_ref(), &value).on(&self.path)
    }

    /// Whether the order in which links and attributes are made is kept, so that readers can list them in it; for a group
    /// that is still empty.
    ///
    /// # Errors
    /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if there are links or attributes already.
    pub fn track_order(&mut self, track_order: bool) -> Result<()> {
        self.session.with(|open| open.tree.set_track_order(self.node, track_order)).on(&self.path)
    }

    /// What the header tells of the object's past.
    pub(crate) fn set_notes(&mut self, notes: Notes) -> Result<()> {
        self.session.with(|open| open.tree.set_notes(self.node, notes)).on(&self.path)
    }

    /// Up to `most` links are kept in the group's header; more go to a heap, and would come back if fewer than `fewest`
    /// were left. Where nothing is said these are 8 and 6, as with libhdf5.
    ///
    /// # Errors
    /// Of kind [`Invalid`](crate::ErrorKind::Invalid) if `most` is less than `fewest`.
    pub fn link_phase_change(&mut self, most: u16, fewest: u16) -> Result<()> {
        self.session.with(|open| open.tree.set_phase_change(self.node, most, fewest)).on(&self.path)
    }

    /// Makes a soft link: a name for whatever is at the path `target`, if anything is.
    ///
    /// # Errors
    /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if there is something of its name.
    pub fn link_soft(&mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Result<()> {
        let target = checked_target(target.as_ref())?;
        self.link(path.as_ref(), LinkTo::Soft(target))
    }

    /// Makes an external link: a name for what is at the path `target` of another file.
    ///
    /// # Errors
    /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if there is something of its name.
    pub fn link_external(
        &mut self,
        path: impl AsRef<[u8]>,
        file: impl AsRef<[u8]>,
        target: impl AsRef<[u8]>,
    ) -> Result<()> {
        let (file, path_there) = (checked_target(file.as_ref())?, checked_target(target.as_ref())?);
        let to = LinkTo::External { file, path: path_there };
        self.link(path.as_ref(), to)
    }

    /// Makes a user-defined link: programs that registered `class`, 65 to 255, with libhdf5 know what it leads to by the
    /// bytes `data`. To everybody else, this library too, it leads nowhere.
    ///
    /// # Errors
    /// Of kind [`Invalid`](crate::ErrorKind::Invalid) for another class, [`Limit`](crate::ErrorKind::Limit) for more than
    /// 30,000 bytes, [`Conflict`](crate::ErrorKind::Conflict) if there is something of its name.
    pub fn link_user(&mut self, path: impl AsRef<[u8]>, class: u8, data: impl AsRef<[u8]>) -> Result<()> {
        if class < 65 {
            return Err(Error::invalid(format!("user-defined links of class {class}: theirs are 65 to 255")));
        }
        let data = data.as_ref().to_vec();
        if data.len() > MOST_TARGET {
            return Err(Error::limit(format!(
                "a user-defined link with {} bytes: {MOST_TARGET} are possible",
                data.len()
            )));
        }
        self.link(path.as_ref(), LinkTo::User { class, data })
    }

    /// Makes a further hard link to the object at `target`, which is relative to this group too. A group may come to
    /// lie in itself.
    ///
    /// # Errors
    /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if there is something of its name, and
    /// [`NotFound`](crate::ErrorKind::NotFound) without an object at `target`.
    pub fn link_hard(&mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Result<()> {
        let here = self.node;
        let target =
            tree::names(target.as_ref()).and_then(|names| self.session.with(|open| open.tree.find(here, &names)));
        let target = target.on(&self.path)?;
        self.place(path.as_ref(), |tree, group, name| tree.link_again(group, name, target).map(|()| group)).map(drop)
    }

    /// Makes a further hard link to the object at `target` below `base`.
    pub(crate) fn link_hard_to(&mut self, name: &[u8], base: &GroupMut, target: &[u8]) -> Result<()> {
        let names = tree::names(target).on(&base.path)?;
        let target = self.session.with(|open| open.tree.find(base.node, &names)).on(&base.path)?;
        self.place(name, |tree, group, name| tree.link_again(group, name, target).map(|()| group)).map(drop)
    }

    fn link(&mut self, path: &[u8], to: LinkTo) -> Result<()> {
        let made = self.place(path, |tree, group, name| tree.link(group, name, to).map(|()| group));
        made.map(drop)
    }

    /// Does something with the last name of a path, in its group.
    pub(super) fn place(
        &mut self,
        path: &[u8],
        work: impl FnOnce(&mut Tree, NodeId, &[u8]) -> Result<NodeId>,
    ) -> Result<GroupMut> {
        let names = tree::names(path).on(&self.path)?;
        let full = tree::joined(&self.path, &names);
        let Some((name, parents)) = names.split_last() else {
            return Err(Error::conflict("the group exists already").on(full));
        };
        let node = self.session.with(|open| {
            let group = open.tree.make_groups(self.node, parents)?;
            work(&mut open.tree, group, name)
        });
        Ok(GroupMut { session: self.session.clone(), node: node.on(&full)?, path: full })
    }
}

/// The most bytes that say where a link leads.
const MOST_TARGET: usize = 30_000;

/// What a link leads to is ended by a NUL in the file, so it cannot contain one.
fn checked_target(target: &[u8]) -> Result<Name> {
    if target.is_empty() || target.contains(&0) {
        return Err(Error::invalid("the target of a link is empty or contains a NUL"));
    }
    if target.len() > MOST_TARGET {
        return Err(Error::limit(format!("the target of a link has more than {MOST_TARGET} bytes")));
    }
    Ok(Name::from_bytes(target))
}
