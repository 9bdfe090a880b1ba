//! Writing elements of datasets, as those store them, and changing shapes.

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
        let raw_files = self.raw_files.clone();
        let edited = self.edited(address, &reader)?;
        if edited.data.is_none() {
            let data = Data::load(&reader, address)?;
            raw_files.check(data.external_files())?;
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
        if let Some(dataset) = self.virtual_dataset(address, path)? {
            return self.write_through(&dataset, what, elements);
        }
        self.with_data(address, |data, session, source| {
            let selection = what.select(data.shape())?.checked(data.shape())?;
            write(data, session, source, &selection, elements)
        })
    }

    /// The dataset at an address, as the last commit left it, if it is a virtual one.
    fn virtual_dataset(&self, address: Address, path: &[u8]) -> Result<Option<Dataset>> {
        if self.objects.get(&address).is_some_and(|object| object.data.is_some()) {
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

    /// Writes to the sources of a virtual dataset, which are in this file: to all of them or to none.
    fn write_through(&mut self, dataset: &Dataset, what: &dyn Select, elements: &dyn ArrayLike) -> Result<()> {
        let selection = what.select(dataset.shape())?.checked(dataset.shape())?;
        check_count(&selection, elements)?;
        let bytes = stored(dataset.datatype(), &self.session, elements)?;
        let places = dataset.places(&selection)?.unwrap_or_default();
        let all = places.iter().map(|place| self.for_source(place, dataset, &bytes)).collect::<Result<Vec<_>>>()?;
        places.iter().zip(all).try_for_each(|(place, bytes)| {
            let address = place.source.node().header.address;
            self.with_data(address, |data, _, source| data.write_stretches(&place.stretches, &bytes, source))
        })
    }

    /// Those elements of a virtual dataset that are a source's, as that stores them, if it is what it was.
    fn for_source(&mut self, place: &Place, dataset: &Dataset, elements: &[u8]) -> Result<Vec<u8>> {
        let address = place.source.node().header.address;
        let same = self.resolve(&place.path, &self.file.reader())? == address;
        let shape = self.with_data(address, |data, _, _| Ok(data.shape().to_vec()))?;
        if !same || shape != place.source.shape() {
            let path = String::from_utf8_lossy(&place.path);
            return Err(Error::conflict(format!("its source {path} was moved or resized since the last commit")));
        }
        let here = Origin { other: None, marked: false };
        let conversion = Conversion::new(dataset.datatype(), place.source.datatype(), here)?;
        let size = dataset.datatype().size();
        let of = |s: &Stretch| elements.get((s.from * size) as usize..((s.from + s.length) * size) as usize);
        let own: Vec<&[u8]> = place.stretches.iter().filter_map(of).collect();
        conversion.all(&own.concat())
    }

    pub(in crate::edit) fn append(&mut self, path: &[u8], elements: &dyn ArrayLike) -> Result<()> {
        let address = self.resolve(path, &self.file.reader())?;
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

/// Elements as a dataset stores them; their variable-length data go to the heap.
fn stored<'a>(datatype: &Datatype, session: &Session, elements: &'a dyn ArrayLike) -> Result<Cow<'a, [u8]>> {
    if let Some(bytes) = elements.as_stored(datatype) {
        return Ok(bytes.into());
    }
    let count = count(&elements.shape())?;
    // Numbers of the other byte order are turned round.
    let reversed = reversed(datatype).filter(|r| *r == elements.element_datatype());
    let mut bytes = Vec::new();
    session.with(|open| elements.store(0..count as usize, reversed.as_ref().unwrap_or(datatype), open, &mut bytes))?;
    if reversed.is_some() {
        bytes.chunks_exact_mut(datatype.size().max(1) as usize).for_each(<[u8]>::reverse);
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
    data.write(selection, &stored(&data.datatype.clone(), session, elements)?, source)
}
