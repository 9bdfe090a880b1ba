//! Dimension scales (the H5DS convention): which datasets say what the dimensions of another one mean.
//!
//! Both sides hold references to the other. They are kept here and become attributes at the commit, when their numbers
//! are known: each is written once.

use super::array::{ArrayLike, FixedString};
use super::attribute;
use super::dataset::DatasetMut;
use super::object::ObjectMut;
use super::session::{Open, Session};
use super::tree::{Kind, NodeId};
use crate::data::element::KeepHeap;
use crate::error::{Context, Error, Result};
use crate::format::message::datatype::{Charset, Datatype, Member, Name, Padding, ReferenceKind};
use crate::format::reference::Reference;
use std::collections::BTreeMap;
use std::ops::Range;

/// What is known of all dimensions of a file.
#[derive(Default)]
pub(super) struct Scales {
    /// The scales, and what they are scales of: datasets and their dimensions.
    of: BTreeMap<NodeId, Vec<(NodeId, u32)>>,
    /// The dimensions of datasets.
    dimensions: BTreeMap<NodeId, Vec<Dimension>>,
}

#[derive(Clone, Default)]
struct Dimension {
    scales: Vec<NodeId>,
    label: Option<String>,
}

impl Scales {
    fn dimension(&mut self, data: NodeId, rank: usize, dimension: usize) -> Result<&mut Dimension> {
        let all = self.dimensions.entry(data).or_insert_with(|| vec![Dimension::default(); rank]);
        let beyond = || Error::mismatch(format!("dimension {dimension} of a dataset with {rank}"));
        all.get_mut(dimension).ok_or_else(beyond)
    }

    fn has_scales(&self, data: NodeId) -> bool {
        self.dimensions.get(&data).is_some_and(|all| all.iter().any(|d| !d.scales.is_empty()))
    }
}

fn make_scale(session: &Session, node: NodeId, name: &str) -> Result<()> {
    session.with(|open| {
        if open.scales.has_scales(node) {
            return Err(Error::conflict("it has dimension scales, so it cannot be one"));
        }
        open.scales.of.entry(node).or_default();
        Ok(())
    })?;
    attribute::set(session, node, b"CLASS", &FixedString("DIMENSION_SCALE"))?;
    if name.is_empty() { Ok(()) } else { attribute::set(session, node, b"NAME", &FixedString(name)) }
}

fn attach(session: &Session, data: NodeId, dimension: usize, (other, scale): (&Session, NodeId)) -> Result<()> {
    if !std::ptr::eq(session, other) {
        return Err(Error::invalid("the scale is a dataset of another file"));
    }
    if data == scale {
        return Err(Error::invalid("a dataset cannot be a scale of itself"));
    }
    if session.with(|open| Ok(!open.scales.of.contains_key(&scale)))? {
        // As H5DSattach_scale does.
        make_scale(session, scale, "")?;
    }
    session.with(|open| {
        if open.scales.of.contains_key(&data) {
            return Err(Error::conflict("it is a dimension scale, so it cannot have one"));
        }
        let rank = rank(open, data)?;
        let scales = &mut open.scales.dimension(data, rank, dimension)?.scales;
        if !scales.contains(&scale) {
            scales.push(scale);
            open.scales.of.entry(scale).or_default().push((data, dimension as u32));
        }
        Ok(())
    })
}

fn set_label(session: &Session, data: NodeId, dimension: usize, label: &str) -> Result<()> {
    if label.contains('\0') {
        return Err(Error::invalid(format!("{label:?} contains a NUL, which ends a string")));
    }
    session.with(|open| {
        let rank = rank(open, data)?;
        open.scales.dimension(data, rank, dimension)?.label = Some(label.to_owned());
        Ok(())
    })
}

fn rank(open: &Open, data: NodeId) -> Result<usize> {
    let node = open.tree.node(data)?;
    if !matches!(node.kind, Kind::Dataset(_) | Kind::Elsewhere(_)) {
        return Err(Error::mismatch("only datasets have dimensions"));
    }
    Ok(node.rank.unwrap_or(0))
}

macro_rules! scales {
    ($($t:ty),*) => {$(
        impl $t {
            /// Makes this dataset a dimension scale: what it holds are the coordinates along a dimension of others. `name`
            /// may be empty.
            ///
            /// # Errors
            /// Of kind [`Conflict`](crate::ErrorKind::Conflict) if it has scales itself.
            pub fn make_scale(&mut self, name: &str) -> Result<()> {
                let (session, node) = self.object_of();
                make_scale(session, node, name).on(self.path())
            }

            /// Says that `scale` is a scale of dimension `dimension` of this dataset, counted from 0, the slowest. A
            /// dataset that is no scale yet becomes one; a dimension may have several.
            ///
            /// # Errors
            /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) without such a dimension,
            /// [`Conflict`](crate::ErrorKind::Conflict) if this dataset is a scale itself.
            pub fn attach_scale(&mut self, dimension: usize, scale: &DatasetMut) -> Result<()> {
                let (session, node) = self.object_of();
                attach(session, node, dimension, scale.object_of()).on(self.path())
            }

            /// Says what dimension `dimension` is called, counted from 0, the slowest.
            ///
            /// # Errors
            /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) without such a dimension.
            pub fn set_dimension_label(&mut self, dimension: usize, label: &str) -> Result<()> {
                let (session, node) = self.object_of();
                set_label(session, node, dimension, label).on(self.path())
            }
        }
    )*};
}

scales!(DatasetMut, ObjectMut);

/// Sets all attributes that say what is known.
pub(super) fn write(session: &Session) -> Result<()> {
    let scales = session.with(|open| Ok(std::mem::take(&mut open.scales)))?;
    for (scale, of) in scales.of {
        if !of.is_empty() {
            let of = of.into_iter().map(|(data, n)| Ok((reference(session, data)?, n))).collect::<Result<Vec<_>>>()?;
            attribute::set(session, scale, b"REFERENCE_LIST", &ReferenceList(of))?;
        }
    }
    for (data, dimensions) in scales.dimensions {
        if dimensions.iter().any(|d| !d.scales.is_empty()) {
            let of = |d: &Dimension| d.scales.iter().map(|&scale| reference(session, scale)).collect::<Result<_>>();
            let lists = dimensions.iter().map(of).collect::<Result<Vec<_>>>()?;
            attribute::set(session, data, b"DIMENSION_LIST", &DimensionList(lists))?;
        }
        if dimensions.iter().any(|d| d.label.is_some()) {
            let labels = dimensions.into_iter().map(|d| d.label).collect();
            attribute::set(session, data, b"DIMENSION_LABELS", &Labels(labels))?;
        }
    }
    Ok(())
}

fn reference(session: &Session, node: NodeId) -> Result<Reference> {
    let address = session.with(|open| Ok(open.address_of(node)?.get()))?;
    Ok(Reference::Object { address, file: None })
}

/// The scales of each dimension.
struct DimensionList(Vec<Vec<Reference>>);

impl ArrayLike for DimensionList {
    fn shape(&self) -> Vec<u64> {
        vec![self.0.len() as u64]
    }

    fn element_datatype(&self) -> Datatype {
        Datatype::Sequence { base: Box::new(Datatype::reference(ReferenceKind::Object)), size: 16 }
    }

    fn store(&self, range: Range<usize>, to: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        for scales in self.0.get(range).unwrap_or_default() {
            let mut bytes = Vec::new();
            for scale in scales {
                bytes.extend(heap.keep_reference(scale, ReferenceKind::Object)?);
            }
            if scales.is_empty() {
                out.resize(out.len() + to.size() as usize, 0);
            } else {
                out.extend_from_slice(&heap.keep(scales.len() as u32, &bytes)?);
            }
        }
        Ok(())
    }
}

/// What a scale is a scale of.
struct ReferenceList(Vec<(Reference, u32)>);

impl ArrayLike for ReferenceList {
    fn shape(&self) -> Vec<u64> {
        vec![self.0.len() as u64]
    }

    /// As a C compiler lays out its struct.
    fn element_datatype(&self) -> Datatype {
        let member = |name: &str, offset, datatype| Member { name: Name::from(name), offset, datatype };
        let dataset = member("dataset", 0, Datatype::reference(ReferenceKind::Object));
        Datatype::Compound { size: 16, members: vec![dataset, member("dimension", 8, Datatype::integer(4, false))] }
    }

    fn store(&self, range: Range<usize>, _: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        for (dataset, dimension) in self.0.get(range).unwrap_or_default() {
            out.extend(heap.keep_reference(dataset, ReferenceKind::Object)?);
            out.extend(dimension.to_le_bytes());
            out.extend([0; 4]);
        }
        Ok(())
    }
}

/// What dimensions are called.
struct Labels(Vec<Option<String>>);

impl ArrayLike for Labels {
    fn shape(&self) -> Vec<u64> {
        vec![self.0.len() as u64]
    }

    fn element_datatype(&self) -> Datatype {
        let ascii = self.0.iter().flatten().all(|l| l.is_ascii());
        let charset = if ascii { Charset::Ascii } else { Charset::Utf8 };
        Datatype::VariableString { padding: Padding::NullTerminated, charset, size: 16 }
    }

    fn store(&self, range: Range<usize>, to: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        for label in self.0.get(range).unwrap_or_default() {
            match label {
                None => out.resize(out.len() + to.size() as usize, 0),
                Some(label) => out.extend_from_slice(&heap.keep(label.len() as u32, label.as_bytes())?),
            }
        }
        Ok(())
    }
}
