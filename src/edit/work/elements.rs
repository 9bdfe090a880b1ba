//! Writing elements of datasets, as those store them, and changing shapes.

use super::super::companion::Companion;
use super::super::data::{Data, Gone, Stored};
use super::super::dropped::Dropped;
use super::super::own_fill::OwnFill;
use super::Work;
use crate::builder::{ArrayLike, Session};
use crate::bytes::Address;
use crate::data::convert::{Conversion, Origin};
use crate::data::selection::{Bounds, Select, Selection};
use crate::dataset::{Dataset, Place, Stretch};
use crate::error::{Error, Result};
use crate::format::message::datatype::{ByteOrder, Datatype, Float};
use crate::group::{Access, Object};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::Arc;

impl Work {
    /// Does something with a dataset.
    fn with_data<R>(
        &mut self,
        address: Address,
        work: impl FnOnce(&mut Data, &Session, &Stored<'_>) -> Result<R>,
    ) -> Result<R> {
        let reader = self.file.reader();
        let (session, base) = (self.session.clone(), self.superblock.position);
        let flush = || session.with(|open| open.space.flush());
        let access = Arc::new(Access { file: self.file.clone(), reader: reader.clone() });
        let others = self.others.clone();
        let edited = self.edited(address, &reader)?;
        if edited.data.is_none() {
            let data = Data::load(&reader, address)?;
            others.check(data.external_files())?;
            edited.data = Some(Box::new(data));
        }
        let data = edited.data.as_mut().ok_or_else(|| Error::not_found("a dataset that was just read"))?;
        let fill = data.own_fill().map(|fill| OwnFill::new(&access, address, fill)).transpose()?;
        let fresh = || fill.as_ref().map_or_else(|| Ok(Vec::new()), |fill| session.with(|open| fill.store(open)));
        let fresh: Option<&dyn Fn() -> Result<Vec<u8>>> = if fill.is_some() { Some(&fresh) } else { None };
        let (datatype, dropped) = (data.datatype.clone(), RefCell::new(Dropped::default()));
        let gone = |elements: &[u8]| dropped.borrow_mut().elements(&datatype, elements, reader.widths());
        let gone: Option<Gone<'_>> = if datatype.is_variable_length() { Some(&gone) } else { None };
        let source = Stored { source: &**reader.source(), base, flush: &flush, fresh, gone };
        let done = work(data, &session, &source);
        session.with(|open| data.settle(&mut open.space))?;
        self.ledger.drop_from_heap(dropped.into_inner());
        done
    }

    pub(in crate::edit) fn write(&mut self, path: &[u8], what: &dyn Select, elements: &dyn ArrayLike) -> Result<()> {
        let address = self.resolve(path, &self.file.reader())?;
        if let Some(dataset) = self.virtual_dataset(address, path)?
            && self.data(address).is_none()
        {
            return self.write_through(&dataset, what, elements);
        }
        self.with_data(address, |data, session, source| {
            let selection = what.select(data.shape())?.checked(data.shape())?;
            write(data, session, source, &selection, elements)
        })
    }

    /// The elements of an edited object, if something becomes of them.
    fn data(&self, address: Address) -> Option<&Data> {
        self.objects.get(&address)?.data.as_deref()
    }

    /// The dataset at an address, as the last commit left it, if it is a virtual one.
    fn virtual_dataset(&self, address: Address, path: &[u8]) -> Result<Option<Dataset>> {
        if self.data(address).is_some_and(|data| !data.is_virtual()) {
            return Ok(None);
        }
        let (access, path) = (self.file.access(), String::from_utf8_lossy(path).into_owned());
        match Object::load_as_stored(&access, address, path.clone())? {
            Object::Dataset(dataset) if dataset.layout() == "virtual" => match Object::load(&access, address, path)? {
                Object::Dataset(dataset) => Ok(Some(dataset)),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// Writes to the sources of a virtual dataset: to all of them or to none.
    fn write_through(&mut self, dataset: &Dataset, what: &dyn Select, elements: &dyn ArrayLike) -> Result<()> {
        let selection = what.select(dataset.shape())?.checked(dataset.shape())?;
        check_count(&selection, elements)?;
        let places = dataset.places(&selection)?.unwrap_or_default();
        let for_source = |place: &Place| self.with_source(place)?.for_source(place, dataset, elements);
        let all = places.iter().map(for_source).collect::<Result<Vec<_>>>()?;
        places.iter().zip(all).try_for_each(|(place, bytes)| {
            let address = place.source.node().header.address;
            let write = |data: &mut Data, _: &Session, source: &Stored<'_>| {
                data.write_stretches(&place.stretches, &bytes, source)
            };
            self.with_source(place)?.with_data(address, write)
        })
    }

    /// Who edits the file that a source is in: this one, or another one that changes with it.
    fn with_source(&mut self, place: &Place) -> Result<&mut Work> {
        let file = place.source.node().file();
        let number = file.inner.number;
        if number == self.file.inner.number {
            return Ok(self);
        }
        Ok(match self.companions.entry(number) {
            Entry::Occupied(there) => &mut there.into_mut().work,
            Entry::Vacant(new) => {
                let found = file.found().ok_or_else(|| Error::not_found("the file of a source"))?;
                &mut new.insert(Companion::begin(&found, &self.others, &self.options)?).work
            }
        })
    }

    /// Those elements of a virtual dataset that are a source's of this file, as that stores them, if it is what it was.
    fn for_source(&mut self, place: &Place, dataset: &Dataset, elements: &dyn ArrayLike) -> Result<Vec<u8>> {
        let address = place.source.node().header.address;
        let same = self.resolve(&place.path, &self.file.reader())? == address;
        let shape = self.with_data(address, |data, _, _| Ok(data.shape().to_vec()))?;
        if !same || shape != place.source.shape() {
            let path = String::from_utf8_lossy(&place.path);
            return Err(Error::conflict(format!("its source {path} was moved or resized since the last commit")));
        }
        let (datatype, here) = (dataset.datatype(), Origin { other: None, marked: false });
        let conversion = Conversion::new(datatype, place.source.datatype(), here)?;
        let widths = dataset.node().file().inner.superblock.widths;
        if dataset.node().file().inner.number != place.source.node().file().inner.number {
            if datatype.has_references() {
                return Err(Error::unsupported("writing references to another file, through a virtual dataset"));
            }
            if datatype.is_variable_length() && self.file.inner.superblock.widths != widths {
                return Err(Error::unsupported("elements of any length for a file whose addresses have another width"));
            }
        }
        let mut own = Vec::new();
        for Stretch { from, length, .. } in &place.stretches {
            own.extend_from_slice(&stored(datatype, &self.session, elements, *from..from + length)?);
        }
        conversion.all(&own)
    }

    pub(in crate::edit) fn append(&mut self, path: &[u8], elements: &dyn ArrayLike) -> Result<()> {
        let address = self.resolve(path, &self.file.reader())?;
        if self.virtual_dataset(address, path)?.is_some() {
            return Err(Error::unsupported("appending to a virtual dataset; append to its sources"));
        }
        self.with_data(address, |data, session, source| {
            let mut shape = data.shape().to_vec();
            let count = count(&elements.shape())?;
            let row: u64 = shape.iter().skip(1).product();
            let (Some(rows), true) = (shape.first_mut(), row > 0 && count % row.max(1) == 0) else {
                return Err(Error::mismatch(format!("{count} elements are no whole rows of {row}")));
            };
            let from = *rows;
            *rows = from.saturating_add(count / row);
            data.resize(&shape, source)?;
            let mut bounds = Bounds::all(&shape);
            if let Some(first) = bounds.0.first_mut() {
                first.start = from;
            }
            write(data, session, source, &Selection::of_bounds(bounds), elements)
        })
    }

    pub(in crate::edit) fn resize(&mut self, path: &[u8], shape: &[u64]) -> Result<()> {
        let address = self.resolve(path, &self.file.reader())?;
        if let Some(dataset) = self.virtual_dataset(address, path)? {
            dataset.check_new_shape(shape)?;
        }
        self.with_data(address, |data, _, source| data.resize(shape, source))
    }
}

fn count(shape: &[u64]) -> Result<u64> {
    let product = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
    product.ok_or_else(|| Error::limit(format!("shape {shape:?} has too many elements for memory")))
}

/// The same numbers in the other byte order.
fn reversed(datatype: &Datatype) -> Option<Datatype> {
    let mut datatype = datatype.clone();
    let (Datatype::Integer { bits, .. } | Datatype::Float(Float { bits, .. })) = &mut datatype else {
        return None;
    };
    bits.order = match bits.order {
        ByteOrder::Little => ByteOrder::Big,
        ByteOrder::Big => ByteOrder::Little,
        ByteOrder::Vax => return None,
    };
    Some(datatype)
}

/// Some of `elements` as a dataset stores them; their variable-length data go to the heap.
fn stored<'a>(
    datatype: &Datatype,
    session: &Session,
    elements: &'a dyn ArrayLike,
    which: Range<u64>,
) -> Result<Cow<'a, [u8]>> {
    let size = datatype.size().max(1) as usize;
    let which = which.start as usize..which.end as usize;
    if let Some(bytes) = elements.as_stored(datatype) {
        let part = bytes.get(which.start * size..which.end * size);
        return part.map(Cow::from).ok_or_else(|| Error::mismatch("fewer elements than are selected"));
    }
    // Numbers of the other byte order are turned round.
    let reversed = reversed(datatype).filter(|r| *r == elements.element_datatype());
    let mut bytes = Vec::new();
    session.with(|open| elements.store(which, reversed.as_ref().unwrap_or(datatype), open, &mut bytes))?;
    if reversed.is_some() {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    Ok(bytes.into())
}

/// Refuses elements that are more or fewer than are selected.
fn check_count(selection: &Selection, elements: &dyn ArrayLike) -> Result<()> {
    match count(&elements.shape())? {
        count if count == selection.len() => Ok(()),
        count => Err(Error::mismatch(format!("{count} elements for a selection of {}", selection.len()))),
    }
}

/// Writes elements to a dataset.
fn write(
    data: &mut Data,
    session: &Session,
    source: &Stored<'_>,
    selection: &Selection,
    elements: &dyn ArrayLike,
) -> Result<()> {
    check_count(selection, elements)?;
    let bytes = stored(&data.datatype.clone(), session, elements, 0..selection.len())?;
    data.write(selection, &bytes, source)
}
