//! New datasets without elements in this file: those of other datasets, those in files of raw bytes, and none at all.

use super::array::{self, Empty};
use super::dataset::DatasetBuilder;
use super::object::ObjectMut;
use super::tree::{self, Kind};
use crate::bytes::Length;
use crate::data::selection::Select;
use crate::error::{Context, Error, Result};
use crate::format::local_heap::{self, LocalHeap};
use crate::format::message::dataspace::{Dataspace, Dims};
use crate::format::message::datatype::{Datatype, Name};
use crate::format::message::external_files::{ExternalFiles, Slot};
use crate::format::message::fill_value::{Allocation, FillValue};
use crate::format::message::layout::Layout;
use crate::format::selection::StoredSelection;
use crate::format::virtual_map::{self, Mapping};
use crate::index::space::METADATA;
use crate::object::store::DatasetHeader;
use std::sync::Arc;

/// What its header says.
pub(super) struct Elsewhere {
    datatype: Datatype,
    dataspace: Dataspace,
    fill: FillValue,
    layout: Layout,
    external: Option<ExternalFiles>,
}

impl Elsewhere {
    pub(super) fn header(&self) -> DatasetHeader<'_> {
        DatasetHeader {
            dataspace: &self.dataspace,
            datatype: &self.datatype,
            fill: &self.fill,
            filters: &[],
            layout: &self.layout,
            committed: None,
            external: self.external.as_ref(),
        }
    }

    pub(super) fn rank(&self) -> usize {
        match &self.dataspace {
            Dataspace::Simple { dims, .. } => dims.len(),
            _ => 0,
        }
    }
}

/// Elements of another dataset that are elements of a virtual one. See
/// [`virtual_from`](DatasetBuilder::virtual_from).
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualSource {
    /// The file's name, relative to the folder of the virtual dataset's file; `.` for that file itself.
    pub file: Name,
    /// The dataset's path.
    pub dataset: Name,
    /// Which of its elements.
    pub source: StoredSelection,
    /// Where they stand in the virtual dataset, in the same order.
    pub own: StoredSelection,
}

/// A piece of a file that holds raw elements. See [`external`](DatasetBuilder::external).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalPiece {
    /// The file's name, relative to the folder of the dataset's file.
    pub file: Name,
    /// The piece's first byte.
    pub offset: u64,
    /// Its bytes; `None` for as many as there are, for the last piece alone.
    pub size: Option<u64>,
}

impl StoredSelection {
    /// What `part` selects in a dataset of shape `shape`, as a file holds it.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) where it does not fit.
    pub fn of(part: impl Select, shape: impl AsRef<[u64]>) -> Result<StoredSelection> {
        part.stored(shape.as_ref())
    }
}

impl DatasetBuilder {
    /// Makes a virtual dataset: its elements are those of `sources`, wherever those are, and the fill value where nobody
    /// has them. Where a source's own selection goes on without end, `%b` in the names is the number of its block; or
    /// the source's selection goes on without end, too, and both grow together. libhdf5 reads it from 1.10 on.
    ///
    /// ```
    /// # fn main() -> h5manager::Result<()> {
    /// use h5manager::{File, FileMut, StoredSelection, VirtualSource, io::MemoryStore};
    ///
    /// let store = MemoryStore::default();
    /// let mut out = FileMut::on_store(store.clone());
    /// out.build("a").write([1i32, 2, 3])?;
    /// out.build("b").write([4i32, 5, 6])?;
    /// let source = |dataset: &str, row: u64| -> h5manager::Result<VirtualSource> {
    ///     let own = StoredSelection::of((row, ..), [2, 3])?;
    ///     Ok(VirtualSource { file: ".".into(), dataset: dataset.into(), source: StoredSelection::All, own })
    /// };
    /// out.build("both").element::<i32>().shape([2, 3]).virtual_from([source("a", 0)?, source("b", 1)?])?;
    /// out.commit()?;
    ///
    /// let both: Vec<i32> = File::from_bytes(store.bytes())?.dataset("both")?.read()?;
    /// assert_eq!(both, [1, 2, 3, 4, 5, 6]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`create`](DatasetBuilder::create); of kind [`Mismatch`](crate::ErrorKind::Mismatch) for a selection that does
    /// not fit the shape, or its source's selection.
    pub fn virtual_from(self, sources: impl IntoIterator<Item = VirtualSource>) -> Result<ObjectMut> {
        let sources: Vec<VirtualSource> = sources.into_iter().collect();
        self.elsewhere(|builder, made| {
            let shape = match &made.dataspace {
                Dataspace::Simple { dims, .. } => dims.to_vec(),
                _ => Vec::new(),
            };
            for (i, source) in sources.iter().enumerate() {
                let which = |e: Error| Error::new(e.kind(), format!("source {i}: {}", e.message()));
                check_source(source, &shape).map_err(which)?;
            }
            let mappings: Vec<Mapping> = sources.into_iter().map(VirtualSource::mapping).collect();
            let id = builder.session.with(|open| {
                let block = virtual_map::encode(&mappings, open.libver)?;
                open.heap.keep(&mut open.space, &block)
            })?;
            made.layout = Layout::Virtual(id);
            made.fill.allocation = Allocation::Incremental;
            Ok(())
        })
    }

    /// Makes a dataset whose elements are raw bytes of other files, piece behind piece. Those files are not touched:
    /// whoever has the elements puts them there, row by row, as the datatype says. Only its first dimension may grow.
    ///
    /// # Errors
    /// As [`create`](DatasetBuilder::create); of kind [`Mismatch`](crate::ErrorKind::Mismatch) if the pieces are too
    /// short, or a piece before the last has no end.
    pub fn external(self, pieces: impl IntoIterator<Item = ExternalPiece>) -> Result<ObjectMut> {
        let pieces: Vec<ExternalPiece> = pieces.into_iter().collect();
        self.elsewhere(|builder, made| {
            if builder.chunks.is_some() {
                return Err(Error::invalid("elements in other files are not stored in chunks"));
            }
            check_pieces(&pieces, made)?;
            let mut segment = Vec::new();
            // The empty name that libhdf5 begins with.
            local_heap::push_string(&mut segment, b"");
            let slots = pieces.iter().map(|piece| Slot {
                name: local_heap::push_string(&mut segment, &piece.file.0),
                offset: piece.offset,
                size: Length(piece.size),
            });
            let slots: Vec<Slot> = slots.collect();
            let heap = builder.session.with(|open| {
                let w = open.space.widths();
                let bytes = LocalHeap::size(w) + segment.len() as u64;
                let at = open.space.allocate(bytes, METADATA)?;
                open.space.write(at, &LocalHeap::encode_full(&segment, at, w)?)?;
                Ok(at)
            })?;
            made.external = Some(ExternalFiles { heap, slots });
            Ok(())
        })
    }

    /// Makes a dataset without elements and without a shape: one with a null dataspace.
    ///
    /// # Errors
    /// As [`create`](DatasetBuilder::create).
    pub fn create_null(mut self) -> Result<ObjectMut> {
        if self.shape.is_some() || self.chunks.is_some() || self.extendible || self.max_shape.is_some() {
            return Err(Error::invalid("a dataset without elements has neither a shape nor chunks"));
        }
        self.shape = Some(Vec::new());
        self.elsewhere(|_, made| {
            made.dataspace = Dataspace::Null;
            made.layout = Layout::Contiguous { address: None, size: Some(0) };
            Ok(())
        })
    }

    /// Makes a dataset that has no elements here; `complete` says where they are.
    fn elsewhere(self, complete: impl FnOnce(&Self, &mut Elsewhere) -> Result<()>) -> Result<ObjectMut> {
        let names = tree::names(&self.path)?;
        let path = tree::joined(&self.base, &names);
        self.make_elsewhere(&names, path.clone(), complete).on(&path)
    }

    fn make_elsewhere(
        &self,
        names: &[&[u8]],
        path: String,
        complete: impl FnOnce(&Self, &mut Elsewhere) -> Result<()>,
    ) -> Result<ObjectMut> {
        let (&name, parents) = names.split_last().ok_or_else(|| Error::conflict("the root group exists already"))?;
        let plan = self.plan(path.clone())?;
        if !plan.filters.is_empty() {
            return Err(Error::invalid("elements that are not in this file cannot be filtered"));
        }
        let bytes = array::count(&plan.shape)? as u64 * plan.datatype.size();
        let mut made = Elsewhere {
            dataspace: match &plan.shape[..] {
                [] => Dataspace::Scalar,
                dims => Dataspace::Simple { dims: Dims::from_slice(dims), max: plan.max.clone() },
            },
            fill: FillValue { allocation: Allocation::Late, ..plan.fill_message() },
            layout: Layout::Contiguous { address: None, size: Some(bytes) },
            external: None,
            datatype: plan.datatype,
        };
        // Before anything is kept for it.
        self.session.with(|open| {
            let group = open.tree.make_groups(self.group, parents)?;
            open.tree.check_free(group, name)
        })?;
        complete(self, &mut made)?;
        let (datatype, rank) = (made.datatype.clone(), made.rank());
        let committed = self.committed_node()?;
        let node = self.session.with(|open| {
            let group = open.tree.make_groups(self.group, parents)?;
            let node = open.tree.add(group, name, Kind::Elsewhere(Box::new(made)))?;
            if let Some(track_order) = self.track_order {
                open.tree.set_track_order(node, track_order)?;
            }
            open.tree.set_rank(node, rank)?;
            if let Some(committed) = committed {
                open.tree.set_committed(node, committed)?;
            }
            Ok(node)
        })?;
        Ok(ObjectMut::new(self.session.clone(), node, path, datatype))
    }
}

impl VirtualSource {
    fn mapping(self) -> Mapping {
        Mapping {
            file: Arc::from(&*self.file.0),
            dataset: Arc::from(&*self.dataset.0),
            source: self.source,
            target: self.own,
        }
    }
}

/// Refuses what libhdf5 refuses to make: selections that do not fit each other, or a shape that cannot hold one.
fn check_source(source: &VirtualSource, shape: &[u64]) -> Result<()> {
    let VirtualSource { file, dataset, source, own } = source;
    let numbered = virtual_map::has_block(&file.0)? || virtual_map::has_block(&dataset.0)?;
    own.check()?;
    source.check()?;
    if [own, source].iter().any(|s| matches!(s, StoredSelection::Points { .. })) {
        // Nor does libhdf5 know it.
        return Err(Error::unsupported("points selected in a virtual dataset"));
    }
    if own.rank().is_some_and(|rank| rank != shape.len()) {
        return Err(Error::mismatch(format!("a selection of another rank than that of the shape {shape:?}")));
    }
    match (own.is_unlimited(), source.is_unlimited()) {
        (true, true) if !numbered => return Ok(()),
        (true, false) if numbered => return Ok(()),
        (false, false) if !numbered => {}
        (false, false) => return Err(Error::mismatch("%b in a name, and a selection that ends")),
        _ => return Err(Error::mismatch("one of the selections goes on without end, the other does not")),
    }
    if own.bounds(shape)?.is_some_and(|b| b.iter().zip(shape).any(|((_, last), n)| last >= n)) {
        return Err(Error::mismatch(format!("a selection beyond the shape {shape:?}")));
    }
    // How many elements everything is depends on the source.
    if *source != StoredSelection::All {
        let here = own.len(shape)?;
        let there = source.len(&vec![u64::MAX; source.rank().unwrap_or(0)])?;
        if here != there {
            return Err(Error::mismatch(format!("{there} elements of the source in {here} places")));
        }
    }
    Ok(())
}

fn check_pieces(pieces: &[ExternalPiece], made: &Elsewhere) -> Result<()> {
    let Some((last, before)) = pieces.split_last() else {
        return Err(Error::invalid("no file"));
    };
    if pieces.iter().any(|p| p.file.0.is_empty() || p.file.0.contains(&0) || p.size == Some(0)) {
        return Err(Error::invalid("a piece without a name or without bytes"));
    }
    let total = before.iter().map(|p| p.size).try_fold(0u64, |n, size| n.checked_add(size?));
    let total = total.ok_or_else(|| Error::mismatch("a piece without end before the last one"))?;
    let Dataspace::Simple { dims, max } = &made.dataspace else {
        return Ok(());
    };
    let most = max.clone().unwrap_or_else(|| dims.iter().map(|&n| Some(n)).collect());
    if most.iter().zip(dims).skip(1).any(|(most, n)| *most != Some(*n)) {
        return Err(Error::invalid("elements in other files: only the first dimension can grow"));
    }
    // Without end, or as many bytes as the dataset may come to have.
    let most = most.iter().try_fold(made.datatype.size(), |n, m| n.checked_mul((*m)?));
    let fits = match (last.size, most) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(size), Some(most)) => total.saturating_add(size) >= most,
    };
    if fits { Ok(()) } else { Err(Error::mismatch("the pieces are shorter than the dataset may become")) }
}

impl Empty {
    /// Of the datatype that `T` is stored as.
    pub fn of<T: crate::data::Element>() -> Empty {
        Empty(T::datatype())
    }
}
