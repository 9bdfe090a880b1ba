//! The elements of an edited dataset: written anywhere, its shape changed.
//!
//! What is in chunks goes to new space chunk by chunk, and the index is written anew: so the dataset's header, which
//! says where the index is and what shape the dataset has, makes all changes at once. What lies in one piece is
//! patched where it is while that is little, and else copied to new space with the changes in it. What is in external
//! files is patched there.

use super::chunks::Chunks;
use super::external::{self, External};
use super::header::Header;
use crate::bytes::{Address, zeroed};
use crate::data::selection::Selection;
use crate::dataset::Stretch;
use crate::error::{Error, Result};
use crate::format::libver::LibVer;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::datatype::Datatype;
use crate::format::message::kind;
use crate::format::message::layout::{ChunkIndex, Layout};
use crate::index::space::{METADATA, Space};
use crate::io::{Patch, Reader, Source};
use crate::object::ObjectHeader;
use crate::object::raw_data::RawData;
use crate::object::runs::fill_run;
use std::collections::BTreeMap;
use std::ops::Range;

/// More bytes than these are not patched where they are.
const MOST_PATCHED: usize = 1 << 20;

/// More bytes than these are not filled in memory.
const MOST_FILLED: u64 = 64 << 20;

/// Bytes of a dataset in one piece that are copied at a time.
const COPIED: u64 = 4 << 20;

/// A dataset whose elements change.
pub(super) struct Data {
    pub(super) datatype: Datatype,
    raw: RawData,
    form: Form,
}

enum Form {
    Compact(Vec<u8>),
    Contiguous {
        place: Place,
        /// What changes: by offset, none on or right behind another.
        changes: BTreeMap<u64, Vec<u8>>,
    },
    Chunked(Box<Chunks>),
    /// Elements are those of others; only the shape changes.
    Virtual,
}

/// Where elements in one piece are.
enum Place {
    /// Nobody has written any.
    Nowhere,
    Here(Address),
    Elsewhere(External),
}

/// A part of some elements.
fn run(bytes: &[u8], from: u64, length: u64) -> Result<&[u8]> {
    let part = bytes.get(from as usize..(from + length) as usize);
    part.ok_or_else(|| Error::mismatch("fewer elements than are selected"))
}

impl Form {
    /// Writes elements that lie one behind the other, from the byte `at` on.
    fn write(&mut self, at: u64, elements: &[u8], fill: &[u8], source: &Stored<'_>) -> Result<()> {
        let length = elements.len() as u64;
        match self {
            Form::Compact(data) => {
                let place = data.get_mut(at as usize..(at + length) as usize);
                let place = place.ok_or_else(|| Error::damaged("elements beyond the data"))?;
                source.let_go(place)?;
                place.copy_from_slice(elements);
                Ok(())
            }
            Form::Contiguous { place, changes } => {
                if source.gone.is_some() {
                    source.let_go(&piece(source, place, at..at + length, changes, fill)?)?;
                }
                add(changes, at, elements);
                Ok(())
            }
            Form::Chunked(chunks) => chunks.write(at, elements, source),
            Form::Virtual => Err(Error::conflict("the virtual dataset was resized since the last commit")),
        }
    }
}

impl Data {
    pub(super) fn load(reader: &Reader, address: Address) -> Result<Data> {
        let header = ObjectHeader::load(reader, address)?;
        let (datatype, _) = header.datatype(reader)?;
        let dataspace = header.resolved(reader, kind::DATASPACE, |b| Dataspace::decode(b, reader.widths()))?;
        let (dataspace, _) = dataspace.ok_or_else(|| Error::mismatch("not a dataset"))?;
        let raw = RawData::load(&header, reader, dataspace, datatype.size(), true)?;
        let form = match &raw.layout {
            Layout::Compact(data) => Form::Compact(data.clone()),
            Layout::Contiguous { address, .. } => {
                let place = match (External::load(&header, &raw, reader)?, address) {
                    (Some(external), _) => Place::Elsewhere(external),
                    (None, Some(address)) => Place::Here(*address),
                    (None, None) => Place::Nowhere,
                };
                Form::Contiguous { place, changes: BTreeMap::new() }
            }
            Layout::Chunked(layout) => {
                let own_fill = datatype.has_references_to_file() && !raw.fill().is_empty();
                if own_fill && layout.index == ChunkIndex::Implicit {
                    return Err(Error::unsupported(
                        "filling chunks without an index with elements that have data elsewhere",
                    ));
                }
                Form::Chunked(Box::new(Chunks::load(&raw, reader, layout)?))
            }
            Layout::Virtual(_) => Form::Virtual,
        };
        Ok(Data { datatype, raw, form })
    }

    /// The fill value, if it has data elsewhere, which no two elements may share.
    pub(super) fn own_fill(&self) -> Option<&[u8]> {
        let fill = self.raw.fill();
        (self.datatype.has_references_to_file() && !fill.is_empty()).then_some(fill)
    }

    pub(super) fn is_virtual(&self) -> bool {
        matches!(self.form, Form::Virtual)
    }

    pub(super) fn shape(&self) -> &[u64] {
        self.raw.dataspace.dims()
    }

    /// The names of the external files that hold the elements.
    pub(super) fn external_files(&self) -> impl Iterator<Item = &[u8]> {
        let external = match &self.form {
            Form::Contiguous { place: Place::Elsewhere(external), .. } => Some(external),
            _ => None,
        };
        external.into_iter().flat_map(External::names)
    }

    /// Writes elements as they are stored to the places that a selection names. `source` has the old elements.
    pub(super) fn write(&mut self, selection: &Selection, bytes: &[u8], source: &Stored<'_>) -> Result<()> {
        self.fill_all(source)?;
        let Data { raw, form, .. } = self;
        raw.for_each_run(selection, |at, from, length| form.write(at, run(bytes, from, length)?, raw.fill(), source))
    }

    /// Writes elements, one behind the other, to the places where stretches of them are to go.
    pub(super) fn write_stretches(&mut self, to: &[Stretch], mut bytes: &[u8], source: &Stored<'_>) -> Result<()> {
        self.fill_all(source)?;
        let size = self.datatype.size();
        to.iter().try_for_each(|stretch| {
            let (elements, rest) = bytes.split_at(bytes.len().min((stretch.length * size) as usize));
            bytes = rest;
            self.form.write(stretch.to * size, elements, self.raw.fill(), source)
        })
    }

    /// Makes all elements of one piece that nobody has written yet, where each needs data of its own.
    fn fill_all(&mut self, source: &Stored<'_>) -> Result<()> {
        let total = self.raw.dataspace.len().saturating_mul(self.datatype.size());
        let Data { raw, form: Form::Contiguous { place: Place::Nowhere, changes }, .. } = self else { return Ok(()) };
        if source.fresh.is_none() || raw.fill().is_empty() || !changes.is_empty() {
            return Ok(());
        }
        if total > MOST_FILLED {
            return Err(Error::unsupported(format!("filling {total} bytes of elements with data elsewhere")));
        }
        let mut bytes = zeroed(total)?;
        fill_run(&mut bytes, raw.fill());
        source.renew(raw.fill(), &mut bytes)?;
        changes.insert(0, bytes);
        Ok(())
    }

    /// All elements are gone, with what they have elsewhere.
    pub(super) fn let_go(&self, source: &Stored<'_>) -> Result<()> {
        match &self.form {
            Form::Compact(data) => source.let_go(data),
            Form::Virtual => Ok(()),
            Form::Chunked(chunks) => chunks.let_go(source),
            Form::Contiguous { place: Place::Nowhere, changes } if changes.is_empty() => Ok(()),
            Form::Contiguous { place, changes } => {
                let (fill, size) = (self.raw.fill(), self.datatype.size().max(1));
                let total = self.raw.dataspace.len().saturating_mul(size);
                for piece_of_it in pieces(total, size) {
                    source.let_go(&piece(source, place, piece_of_it, changes, fill)?)?;
                }
                Ok(())
            }
        }
    }

    /// Gives the dataset another shape; what is new holds the fill value, what is cut off is gone.
    pub(super) fn resize(&mut self, shape: &[u64], source: &Stored<'_>) -> Result<()> {
        let max = self.raw.dataspace.max_dims();
        if shape.len() != max.len() {
            return Err(Error::mismatch(format!("{} dimensions, the dataset has {}", shape.len(), max.len())));
        }
        if shape == self.shape() {
            return Ok(());
        }
        if let Some(d) = (0..max.len()).find(|&d| max[d].is_some_and(|most| shape[d] > most)) {
            let most = max[d].unwrap_or(0);
            return Err(Error::mismatch(format!("dimension {d} can have {most} elements at most, not {}", shape[d])));
        }
        let dataspace = self.raw.dataspace.clone().with_dims(shape)?;
        match &mut self.form {
            Form::Chunked(chunks) => chunks.resize(shape, source)?,
            Form::Contiguous { place: Place::Elsewhere(external), .. } => {
                let (bytes, room) = (dataspace.len().checked_mul(self.datatype.size()), external.room()?);
                if bytes.is_none_or(|bytes| bytes > room) {
                    return Err(Error::mismatch(format!("the external files have room for {room} bytes")));
                }
            }
            Form::Virtual => {}
            _ => return Err(Error::mismatch("only datasets that are stored in chunks can grow or shrink")),
        }
        self.raw.dataspace = dataspace;
        Ok(())
    }

    /// Where the elements are: chunks, and, where nobody `knows` them, those in one piece.
    pub(super) fn pieces(&self, known: bool) -> Vec<(Address, u64)> {
        match &self.form {
            Form::Chunked(chunks) => chunks.pieces(known),
            Form::Contiguous { place: Place::Here(at), .. } if !known => {
                let total = self.raw.dataspace.len().checked_mul(self.datatype.size());
                total.map(|length| (*at, length)).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Writes the chunks that are ready, so that they need no memory.
    pub(super) fn settle(&mut self, space: &mut Space) -> Result<()> {
        match &mut self.form {
            Form::Chunked(chunks) => chunks.settle(space),
            _ => Ok(()),
        }
    }

    /// What changes in external files.
    pub(super) fn take_external(&mut self) -> Result<Vec<external::Change>> {
        match &mut self.form {
            Form::Contiguous { place: Place::Elsewhere(external), changes } => external.divide(std::mem::take(changes)),
            _ => Ok(Vec::new()),
        }
    }

    /// Writes what goes to new space, says the rest in the header, and returns the patches of old elements in this file.
    pub(super) fn store(
        &mut self,
        header: &mut Header,
        (space, libver): (&mut Space, LibVer),
        source: &Stored<'_>,
    ) -> Result<Vec<Patch>> {
        let mut patches = Vec::new();
        let layout = match &mut self.form {
            Form::Compact(data) => Layout::Compact(std::mem::take(data)),
            Form::Chunked(chunks) => Layout::Chunked(chunks.store(space, source)?),
            Form::Virtual | Form::Contiguous { place: Place::Elsewhere(_), .. } => self.raw.layout.clone(),
            Form::Contiguous { changes, .. } if changes.is_empty() => self.raw.layout.clone(),
            Form::Contiguous { place: Place::Here(at), changes }
                if changes.values().map(Vec::len).sum::<usize>() <= MOST_PATCHED =>
            {
                let patch = |(offset, bytes)| Patch { position: source.base + at.get() + offset, bytes };
                patches.extend(std::mem::take(changes).into_iter().map(patch));
                self.raw.layout.clone()
            }
            Form::Contiguous { place, changes } => {
                let total = self.raw.dataspace.len().checked_mul(self.datatype.size());
                let total = total.ok_or_else(|| Error::limit("more than 2^64 bytes of data"))?;
                let at = copy(space, source, place, total, changes, self.raw.fill())?;
                Layout::Contiguous { address: Some(at), size: Some(total) }
            }
        };
        if layout != self.raw.layout {
            header.set(kind::LAYOUT, 0, layout.encode(header.w)?);
        }
        if matches!(self.form, Form::Chunked(_) | Form::Virtual | Form::Contiguous { place: Place::Elsewhere(_), .. }) {
            header.set(kind::DATASPACE, 0, self.raw.dataspace.encode(header.w, libver)?);
        }
        Ok(patches)
    }
}

/// Told the elements that are gone.
pub(super) type Gone<'a> = &'a dyn Fn(&[u8]) -> Result<()>;

/// Where stored bytes come from: the file, behind its user block; what was written to new space is there, too.
pub(super) struct Stored<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) base: u64,
    /// Writes what still waits to be written.
    pub(super) flush: &'a dyn Fn() -> Result<()>,
    /// Makes an element like the fill value, with data of its own, where those are elsewhere.
    pub(super) fresh: Option<&'a dyn Fn() -> Result<Vec<u8>>>,
    /// Told where elements have data elsewhere.
    pub(super) gone: Option<Gone<'a>>,
}

impl Stored<'_> {
    pub(super) fn read(&self, at: Address, buffer: &mut [u8]) -> Result<()> {
        self.source.read_at(self.base + at.get(), buffer)
    }

    /// Elements are overwritten, or cut off.
    pub(super) fn let_go(&self, elements: &[u8]) -> Result<()> {
        self.gone.map_or(Ok(()), |gone| gone(elements))
    }

    /// Gives elements that were filled with `fill` data of their own: libhdf5 frees those of an element that is
    /// overwritten.
    pub(super) fn renew(&self, fill: &[u8], elements: &mut [u8]) -> Result<()> {
        let Some(fresh) = self.fresh else { return Ok(()) };
        for element in elements.chunks_exact_mut(fill.len().max(1)).filter(|e| **e == *fill) {
            let new = fresh()?;
            if new.len() == element.len() {
                element.copy_from_slice(&new);
            }
        }
        Ok(())
    }
}

/// Adds a change to others that it may lie on: it counts, and all that touch become one.
pub(super) fn add(changes: &mut BTreeMap<u64, Vec<u8>>, at: u64, bytes: &[u8]) {
    let end = at + bytes.len() as u64;
    let touching: Vec<u64> = changes
        .range(..=end)
        .rev()
        .take_while(|(start, b)| **start + b.len() as u64 >= at)
        .map(|(start, _)| *start)
        .collect();
    let start = touching.last().copied().unwrap_or(at).min(at);
    // What follows on the last one, as rows do, is put behind it without copying.
    if let [only] = touching[..]
        && let Some(there) = changes.get_mut(&only)
        && only + there.len() as u64 == at
    {
        there.extend_from_slice(bytes);
        return;
    }
    let mut whole: Vec<u8> = Vec::new();
    for piece in touching.into_iter().rev() {
        let old = changes.remove(&piece).unwrap_or_default();
        put(&mut whole, (piece - start) as usize, &old);
    }
    put(&mut whole, (at - start) as usize, bytes);
    changes.insert(start, whole);
}

fn put(whole: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    whole.resize(whole.len().max(at + bytes.len()), 0);
    whole[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Copies the elements of a dataset to new space, with changes in them.
fn copy(
    space: &mut Space,
    source: &Stored<'_>,
    from: &Place,
    total: u64,
    changes: &BTreeMap<u64, Vec<u8>>,
    fill: &[u8],
) -> Result<Address> {
    let to = space.allocate(total, METADATA)?;
    for range in pieces(total, fill.len() as u64) {
        let at = range.start;
        space.write(to.plus(at)?, &piece(source, from, range, changes, fill)?)?;
    }
    Ok(to)
}

/// Cuts a dataset in one piece into parts of whole elements of `size` bytes, so that the fill value begins with each.
fn pieces(total: u64, size: u64) -> impl Iterator<Item = Range<u64>> {
    let step = (COPIED / size.max(1)).max(1) * size.max(1);
    (0..total).step_by(step as usize).map(move |at| at..(at + step).min(total))
}

/// A part of the elements of a dataset in one piece, with the changes in it.
fn piece(
    source: &Stored<'_>,
    from: &Place,
    range: Range<u64>,
    changes: &BTreeMap<u64, Vec<u8>>,
    fill: &[u8],
) -> Result<Vec<u8>> {
    let mut bytes = zeroed(range.end - range.start)?;
    match from {
        Place::Nowhere => fill_run(&mut bytes, fill),
        Place::Here(from) => source.read(from.plus(range.start)?, &mut bytes)?,
        Place::Elsewhere(external) => external.read(Address(range.start), &mut bytes)?,
    }
    let first = changes.range(..=range.start).next_back().map_or(range.start, |(start, _)| *start);
    for (&start, change) in changes.range(first..range.end) {
        let (from, to) = (start.max(range.start), (start + change.len() as u64).min(range.end));
        if from < to {
            let new = &change[(from - start) as usize..(to - start) as usize];
            bytes[(from - range.start) as usize..(to - range.start) as usize].copy_from_slice(new);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_that_touch_become_one() {
        let mut changes = BTreeMap::new();
        let mut whole = vec![0u8; 40];
        for (i, (at, length)) in
            [(10, 4), (20, 4), (14, 2), (8, 3), (12, 10), (30, 1), (0, 8), (3, 30)].iter().enumerate()
        {
            let bytes = vec![i as u8 + 1; *length];
            add(&mut changes, *at as u64, &bytes);
            whole[*at..at + length].copy_from_slice(&bytes);
            let mut seen = vec![0u8; 40];
            let mut end = None;
            for (start, bytes) in &changes {
                assert!(end.is_none_or(|end| end < *start), "{changes:?}");
                end = Some(start + bytes.len() as u64);
                seen[*start as usize..*start as usize + bytes.len()].copy_from_slice(bytes);
            }
            assert_eq!(seen, whole, "{i}");
        }
    }
}
