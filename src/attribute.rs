//! Attributes: small named values of an object.

use crate::data::element::{Element, Stored};
use crate::data::value::Value;
use crate::dataset::{FromElements, Heap};
use crate::error::{Error, Result};
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::{Datatype, Name};
use crate::group::Node;
use crate::object::attributes::Resolved;
use std::sync::Arc;

/// An attribute: a name, and an array of elements.
#[derive(Clone)]
pub struct Attribute {
    node: Arc<Node>,
    resolved: Resolved,
}

impl Attribute {
    pub(crate) fn new(node: &Arc<Node>, resolved: Resolved) -> Attribute {
        Attribute { node: node.clone(), resolved }
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.resolved.name
    }

    /// A number that counts up with every attribute of the object that is made; `None` where the object does not track it.
    pub fn creation_order(&self) -> Option<u32> {
        self.resolved.order
    }

    /// How its elements are stored.
    pub fn datatype(&self) -> &Datatype {
        &self.resolved.datatype
    }

    /// The address of the committed datatype that it uses.
    pub fn committed_datatype(&self) -> Option<u64> {
        self.resolved.committed.map(|a| a.get())
    }

    /// Its shape; empty for a scalar, `None` for one without elements (a null dataspace).
    pub fn shape(&self) -> Option<&[u64]> {
        match &self.resolved.dataspace {
            Dataspace::Null => None,
            space => Some(space.dims()),
        }
    }

    /// The elements as they are stored, row by row.
    pub fn stored(&self) -> &[u8] {
        &self.resolved.data
    }

    /// All elements, row by row.
    ///
    /// # Errors
    /// `Mismatch` if they are of another kind, or a value does not fit.
    pub fn read<T: FromElements>(&self) -> Result<T> {
        let elements = self.elements()?;
        T::from_elements(elements, self.shape().unwrap_or(&[0])).map_err(|e| e.on(self.place()))
    }

    /// The only element.
    ///
    /// # Errors
    /// `Mismatch` if there is not just one, or it is of another kind.
    pub fn read_one<T: Element>(&self) -> Result<T> {
        let mut elements = self.elements::<T>()?;
        match (elements.pop(), elements.is_empty()) {
            (Some(one), true) => Ok(one),
            (one, _) => {
                let message = format!("{} elements, one is wanted", elements.len() + usize::from(one.is_some()));
                Err(Error::mismatch(message).on(self.place()))
            }
        }
    }

    /// The first `limit` elements, whatever they are.
    ///
    /// # Errors
    /// `Damaged` if variable-length data cannot be read.
    pub fn values(&self, limit: usize) -> Result<Vec<Value>> {
        let heap = self.node.heap();
        let stored = Stored { bytes: self.stored(), datatype: self.datatype(), heap: &heap };
        Value::from_stored(stored, limit).map_err(|e| e.on(self.place()))
    }

    /// What its variable-length elements and references stand for.
    pub fn heap(&self) -> Heap<'_> {
        Heap(self.node.heap())
    }

    fn elements<T: Element>(&self) -> Result<Vec<T>> {
        let heap = self.node.heap();
        T::from_stored(Stored { bytes: self.stored(), datatype: self.datatype(), heap: &heap })
            .map_err(|e| e.on(self.place()))
    }

    fn place(&self) -> String {
        format!("{}@{}", self.node.path, self.name())
    }
}
