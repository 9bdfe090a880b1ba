//! Virtual datasets: made of parts of other datasets, in this file or others.
//!
//! Opening finds out how large the dataset is: where a part may grow, that depends on its source, as it is now. Reading
//! fills the selection, then goes through the parts that meet it; a later one wins. A source that is not there leaves the
//! fill value.

use super::virtual_extent::{self, Kind};
use super::{Dataset, Shared};
use crate::data::convert::{Conversion, Origin};
use crate::data::region::Region;
use crate::data::selection::{Bounds, Selection};
use crate::data::transfer::{Read, Transfer};
use crate::error::{Context, Error, ErrorKind, Result};
use crate::file::File;
use crate::format::message::dataspace::Dataspace;
use crate::format::selection::StoredSelection;
use crate::format::virtual_map::{self, Mapping, SAME_FILE};
use crate::group::{Node, Object};
use crate::object::runs;
use crate::open_files::Errand;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Sources kept open.
const MOST_OPEN: usize = 32;

/// The parts of a virtual dataset.
pub(super) struct VirtualData {
    pub(super) parts: Vec<Part>,
    /// What each dimension must at least have room for; nothing where the shape follows from the sources, or they from it.
    pub(super) least: Option<Vec<u64>>,
    /// The sources used last, the newest in front.
    open: Mutex<Vec<(Name, Option<Dataset>)>>,
}

/// A source: the file's name as the map has it, and the dataset's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) file: Arc<[u8]>,
    pub(super) dataset: Arc<[u8]>,
}

/// One source, and where it goes.
pub(super) struct Part {
    pub(super) name: Name,
    /// In the virtual dataset.
    pub(super) target: Region,
    /// In the source; `None` is all of it, whatever its shape.
    pub(super) source: Option<Region>,
}

impl Name {
    /// Whether the source is in the file of the virtual dataset.
    pub(super) fn is_same_file(&self) -> bool {
        &*self.file == SAME_FILE
    }
}

impl VirtualData {
    /// Takes the map in, and finds out how large the dataset is.
    pub(super) fn open(map: &[Mapping], node: &Node, space: &Dataspace) -> Result<(VirtualData, Vec<u64>)> {
        let mut data = VirtualData { parts: Vec::with_capacity(map.len()), least: None, open: Mutex::default() };
        let errand = node.file().errand.begin();
        let stored = space.dims();
        // Where parts may grow, the largest counts, but never less than what the others need.
        let mut least = vec![0; stored.len()];
        let mut grown: Vec<Option<u64>> = vec![None; stored.len()];
        for mapping in map {
            let kind = virtual_extent::kind(mapping, stored.len())?;
            virtual_extent::add_least(mapping, kind, &mut least)?;
            let reach = match kind {
                Kind::Fixed => {
                    data.parts.push(virtual_extent::fixed(mapping, stored)?);
                    continue;
                }
                Kind::Growing { target, source } => {
                    data.add_growing(mapping, (target, source), node, &errand)?.map(|n| (target, n))
                }
                Kind::Blocks { target } => data.add_blocks(mapping, target, node, &errand)?.map(|n| (target, n)),
            };
            let (Kind::Growing { target, .. } | Kind::Blocks { target }) = kind else {
                continue;
            };
            let reach = reach.map_or(0, |(_, n)| n);
            grown[target] = Some(grown[target].unwrap_or(0).max(reach));
        }
        if least.iter().zip(stored).any(|(least, dim)| least > dim) {
            let message = format!("a virtual dataset of shape {stored:?} made of parts that need {least:?}");
            return Err(Error::damaged(message));
        }
        let dims: Vec<u64> =
            grown.iter().zip(&least).zip(stored).map(|((g, least), dim)| g.map_or(*dim, |g| g.max(*least))).collect();
        if grown.iter().all(Option::is_none) && map.iter().all(|m| !matches!(m.target, StoredSelection::All)) {
            data.least = Some(least);
        }
        if space.max_dims().iter().zip(&dims).any(|(max, dim)| max.is_some_and(|m| m < *dim)) {
            let message = format!("sources make a virtual dataset {dims:?} large, it may be {:?}", space.max_dims());
            return Err(Error::damaged(message));
        }
        Ok((data, dims))
    }

    /// A part that grows with its source; returns how far it reaches now.
    fn add_growing(
        &mut self,
        mapping: &Mapping,
        dims: (usize, usize),
        node: &Node,
        errand: &Errand,
    ) -> Result<Option<u64>> {
        let name = Name::fixed(mapping)?;
        let Some(source) = self.source(&name, node, errand)? else {
            return Ok(None);
        };
        let (part, reach) = virtual_extent::growing(mapping, name, dims, source.shape())?;
        self.parts.push(part);
        Ok(Some(reach))
    }

    /// Parts from sources with numbers in their names, up to the first that is not there; returns how far they reach.
    fn add_blocks(&mut self, mapping: &Mapping, target: usize, node: &Node, errand: &Errand) -> Result<Option<u64>> {
        let mut reach = None;
        for block in 0.. {
            let name = Name::of_block(mapping, block)?;
            if self.source(&name, node, errand)?.is_none() {
                break;
            }
            let part = virtual_extent::block(mapping, name, target, block)?;
            reach = part.target.bounds().map(|b| b[target].end);
            self.parts.push(part);
        }
        Ok(reach)
    }

    /// The source of this name; `None` if there is none.
    pub(super) fn source(&self, name: &Name, node: &Node, errand: &Errand) -> Result<Option<Dataset>> {
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = open.iter().position(|(n, _)| n == name) {
                let found = open.remove(at);
                let dataset = found.1.clone();
                open.insert(0, found);
                return Ok(dataset);
            }
        }
        errand.count()?;
        let found = open_source(name, node, errand.deeper()?).map_err(|e| {
            // What ends a whole way is no fault of its last step; what asks for bytes must reach who can fetch them.
            if matches!(e.kind(), ErrorKind::Limit | ErrorKind::Missing) {
                return e;
            }
            let Name { file, dataset } = name;
            let place = format!("{}::{}", String::from_utf8_lossy(file), String::from_utf8_lossy(dataset));
            Error::new(e.kind(), format!("its source {place}: {}", e.message()))
        })?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(0, (name.clone(), found.clone()));
        open.truncate(MOST_OPEN);
        Ok(found)
    }

    /// Fills `out` with the selected elements.
    pub(super) fn read(&self, shared: &Shared, errand: &Errand, selection: &Bounds, out: &mut [u8]) -> Result<()> {
        let fill = shared.raw.fill();
        if !fill.is_empty() {
            let here = Origin { other: None, marked: false };
            Conversion::new(&shared.datatype, &shared.datatype, here)?.all(fill)?;
        }
        runs::fill_run(out, fill);
        if out.is_empty() {
            return Ok(());
        }
        for part in self.parts.iter().filter(|p| meets(&p.target, selection)) {
            let Some(source) = self.source(&part.name, &shared.node, errand)? else {
                continue;
            };
            errand.count()?;
            part.read(shared, &source, errand, selection, out).on(&shared.node.path)?;
        }
        Ok(())
    }
}

pub(super) fn meets(region: &Region, selection: &Bounds) -> bool {
    let meet = |(a, b): (&Range<u64>, &Range<u64>)| a.start < b.end && b.start < a.end;
    region.bounds().is_some_and(|bounds| bounds.iter().zip(&selection.0).all(meet))
}

impl Part {
    fn read(
        &self,
        shared: &Shared,
        source: &Dataset,
        errand: &Errand,
        selection: &Bounds,
        out: &mut [u8],
    ) -> Result<()> {
        let other = source.node().file().inner.number;
        let origin = Origin {
            other: (other != shared.node.file().inner.number).then_some(other),
            marked: source.shared.virtual_data.is_some(),
        };
        let conversion = Conversion::new(source.datatype(), &shared.datatype, origin)?;
        let deeper = errand.deeper()?;
        let source_size = source.datatype().size();
        let mut read = |what: &Bounds, into: &mut [u8]| {
            let selection = Selection::of_bounds(what.clone());
            if conversion.is_copy() {
                return source.read_stored_into(&deeper, &selection, into);
            }
            let mut bytes = crate::bytes::zeroed(what.len().saturating_mul(source_size))?;
            source.read_stored_into(&deeper, &selection, &mut bytes)?;
            into.copy_from_slice(&conversion.all(&bytes)?);
            Ok(())
        };
        self.transfer(source, selection, shared.datatype.size(), out, &mut read)
    }

    /// Has all elements of a box of the virtual dataset that are in this part's source read, `size` bytes each, to where they
    /// belong.
    pub(super) fn transfer(
        &self,
        source: &Dataset,
        part: &Bounds,
        size: u64,
        out: &mut [u8],
        read: &mut Read<'_>,
    ) -> Result<()> {
        let all = Region::all(source.shape());
        let region = self.source.as_ref().unwrap_or(&all);
        let inside = |b: &[Range<u64>]| {
            b.len() == source.shape().len() && b.iter().zip(source.shape()).all(|(r, n)| r.end <= *n)
        };
        if region.bounds().is_some_and(|b| !inside(&b)) {
            let Name { dataset, .. } = &self.name;
            let message = format!(
                "elements {:?} of its source {}, which has shape {:?}",
                region.bounds().unwrap_or_default(),
                String::from_utf8_lossy(dataset),
                source.shape()
            );
            return Err(Error::damaged(message));
        }
        let (target, chunk) = (&self.target, source.chunk_shape().unwrap_or_default());
        Transfer { target, source: region, part, size, chunk, out, read }.run()
    }
}

impl Name {
    /// Of a mapping whose names have no block numbers.
    pub(super) fn fixed(mapping: &Mapping) -> Result<Name> {
        let plain = |name: &Arc<[u8]>| match name.contains(&b'%') {
            true => virtual_map::with_block(name, 0).map(Arc::from),
            false => Ok(name.clone()),
        };
        Ok(Name { file: plain(&mapping.file)?, dataset: plain(&mapping.dataset)? })
    }

    fn of_block(mapping: &Mapping, block: u64) -> Result<Name> {
        let with = |name: &[u8]| virtual_map::with_block(name, block).map(Arc::from);
        Ok(Name { file: with(&mapping.file)?, dataset: with(&mapping.dataset)? })
    }
}

fn open_source(name: &Name, node: &Node, errand: Errand) -> Result<Option<Dataset>> {
    let file = if name.is_same_file() { Some(node.file().clone()) } else { node.file().neighbour(&name.file)? };
    let Some(file) = file else {
        return Ok(None);
    };
    let file = File { errand, ..file };
    match file.root()?.object_at(&name.dataset) {
        Ok(Object::Dataset(dataset)) => Ok(Some(dataset)),
        Ok(_) => Err(Error::mismatch("not a dataset")),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
