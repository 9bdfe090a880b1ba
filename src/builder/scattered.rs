//! Writing to a dataset in any order: selections, and growth along any dimension.

use super::array::{self, ArrayLike};
use super::open_chunks::Patch;
use super::session::Session;
use super::writer::{DatasetWriter, Storage};
use crate::data::selection::{Bounds, Kind, Run, Selection};
use crate::error::{Error, Result};
use crate::object::runs::{self, Place};

/// Bytes of elements that are converted at a time.
const CONVERTED: u64 = 8 << 20;

impl DatasetWriter {
    /// Writes elements to the places that a selection names.
    pub(super) fn write_selection(
        &mut self,
        session: &Session,
        selection: &Selection,
        values: &dyn ArrayLike,
    ) -> Result<()> {
        self.check_open()?;
        let selection = selection.clone().checked(&self.plan.shape)?;
        let elements = array::count(&values.shape())? as u64;
        if elements != selection.len() {
            return Err(Error::mismatch(format!("{elements} elements for a selection of {}", selection.len())));
        }
        session.with(|open| values.store(0..0, &self.plan.datatype, open, &mut Vec::new()))?;
        if elements == 0 {
            return Ok(());
        }
        let written = self.prepare(session).and_then(|()| match selection.bounds() {
            Some(Bounds(ranges)) => {
                let start: Vec<u64> = ranges.iter().map(|r| r.start).collect();
                let extent: Vec<u64> = ranges.iter().map(|r| r.end - r.start).collect();
                self.write_values(session, &start, &extent, values)
            }
            None => self.write_pieces(session, &selection, values),
        });
        self.give_up_on_error(session, written)?;
        self.reach(last_row(&selection));
        Ok(())
    }

    /// Lets the dataset grow along a dimension by what comes.
    pub(super) fn append_along(&mut self, session: &Session, dimension: usize, values: &dyn ArrayLike) -> Result<()> {
        let shape = self.plan.shape.clone();
        if dimension == 0 || dimension >= shape.len() {
            if dimension > 0 {
                let message = format!("dimension {dimension} of a dataset of {} dimensions", shape.len());
                return Err(Error::mismatch(message));
            }
            return self.append(session, values);
        }
        self.check_open()?;
        let mut others = shape.iter().enumerate().filter(|(d, _)| *d != dimension).map(|(_, n)| n);
        let others = others.try_fold(1u64, |n, &d| n.checked_mul(d)).unwrap_or(u64::MAX);
        let elements = array::count(&values.shape())? as u64;
        if others == 0 || !elements.is_multiple_of(others) {
            return Err(Error::mismatch(format!(
                "{elements} elements, which are no multiple of the {others} at an index of dimension {dimension}"
            )));
        }
        session.with(|open| values.store(0..0, &self.plan.datatype, open, &mut Vec::new()))?;
        let (mut start, mut extent, mut grown) = (vec![0; shape.len()], shape.clone(), shape);
        let more = elements / others;
        let end = grown[dimension].checked_add(more).ok_or_else(|| Error::limit("a dimension of 2^64"))?;
        (start[dimension], extent[dimension], grown[dimension]) = (grown[dimension], more, end);
        self.grow(session, &grown)?;
        if more == 0 {
            return Ok(());
        }
        let written = self.prepare(session).and_then(|()| self.write_values(session, &start, &extent, values));
        self.give_up_on_error(session, written)?;
        self.reach(extent[0]);
        Ok(())
    }

    /// Lets the dataset grow; what is new was never written.
    pub(super) fn grow(&mut self, session: &Session, shape: &[u64]) -> Result<()> {
        self.check_open()?;
        let old = self.plan.shape.clone();
        if shape == old {
            return Ok(());
        }
        if shape.len() != old.len() {
            return Err(Error::mismatch(format!("a shape of {shape:?} for a dataset of shape {old:?}")));
        }
        if shape.iter().zip(&old).any(|(new, old)| new < old) {
            return Err(Error::unsupported(format!("a dataset of shape {old:?} that shrinks to {shape:?}")));
        }
        let max = self.plan.max_dims();
        if shape.iter().zip(&max).any(|(new, max)| max.is_some_and(|m| *new > m)) {
            return Err(Error::mismatch(format!("a shape of {shape:?}, the dataset grows up to {max:?}")));
        }
        let bytes = shape.iter().filter(|d| **d > 0).try_fold(self.plan.datatype.size(), |n, d| n.checked_mul(*d));
        if bytes.is_none() {
            return Err(Error::limit(format!("a dataset of shape {shape:?} has more than 2^64 bytes")));
        }
        if shape[1..] == old[1..] {
            let grown = self.grow_to(session, shape[0]);
            return self.give_up_on_error(session, grown);
        }
        let grown = self.scatter(session).and_then(|()| {
            if let Storage::Chunked(chunks) = &mut self.storage {
                chunks.grow(session, &old, shape)?;
            }
            self.plan.shape = shape.to_vec();
            self.measure_rows()
        });
        self.give_up_on_error(session, grown)
    }

    /// Makes the storage ready for elements in any order.
    fn prepare(&mut self, session: &Session) -> Result<()> {
        self.allocate(session)?;
        self.scatter(session)?;
        self.fill_rest(session)
    }

    /// Writes a box of elements, converted piece by piece where they must be.
    pub(super) fn write_values(
        &mut self,
        session: &Session,
        start: &[u64],
        extent: &[u64],
        values: &dyn ArrayLike,
    ) -> Result<()> {
        if let Some(bytes) = values.as_stored(&self.plan.datatype) {
            return self.write_box(session, start, extent, bytes);
        }
        let Some((&first, inner)) = start.first().zip(extent.get(1..)) else {
            let mut bytes = Vec::new();
            session.with(|open| values.store(0..1, &self.plan.datatype, open, &mut bytes))?;
            return self.write_box(session, start, extent, &bytes);
        };
        let row: u64 = inner.iter().product();
        let band = self.plan.chunk().and_then(|c| c.first().copied()).unwrap_or(1);
        let most = (CONVERTED / row.saturating_mul(self.plan.datatype.size()).max(1)).max(1);
        let step = if most > band { most / band * band } else { most };
        let (mut at, mut bytes) = (first, Vec::new());
        let (mut start, mut extent, end) = (start.to_vec(), extent.to_vec(), first + extent[0]);
        while at < end {
            // Up to the next border of chunks, so that each is filtered once.
            let until = end.min((at / step + 1).saturating_mul(step));
            let range = ((at - first) * row) as usize..((until - first) * row) as usize;
            bytes.clear();
            session.with(|open| values.store(range, &self.plan.datatype, open, &mut bytes))?;
            (start[0], extent[0]) = (at, until - at);
            self.write_box(session, &start, &extent, &bytes)?;
            at = until;
        }
        Ok(())
    }

    /// Writes a selection that is no box, box by box.
    fn write_pieces(&mut self, session: &Session, selection: &Selection, values: &dyn ArrayLike) -> Result<()> {
        let mut converted = Vec::new();
        let bytes = match values.as_stored(&self.plan.datatype) {
            Some(bytes) => bytes,
            None => {
                let all = 0..selection.len() as usize;
                session.with(|open| values.store(all, &self.plan.datatype, open, &mut converted))?;
                &converted
            }
        };
        match &selection.0 {
            Kind::Grid(axes) => {
                let runs: Vec<Vec<Run>> = axes
                    .iter()
                    .map(|axis| {
                        let mut found = Vec::new();
                        axis.runs(0..u64::MAX, |r| found.push(r));
                        found
                    })
                    .collect();
                let shape = selection.shape();
                let mut chosen = vec![0; runs.len()];
                loop {
                    let part: Vec<Run> = runs.iter().zip(&chosen).map(|(r, &i)| r[i]).collect();
                    let field = |of: fn(&Run) -> u64| part.iter().map(of).collect::<Vec<u64>>();
                    let (start, to, extent) = (field(|r| r.from), field(|r| r.to), field(|r| r.length));
                    let source = Place { shape: &shape, start: &to };
                    self.write_patch(session, &Patch { start: &start, extent: &extent, bytes, source })?;
                    let Some(d) = (0..runs.len()).rev().find(|&d| chosen[d] + 1 < runs[d].len()) else {
                        return Ok(());
                    };
                    chosen[d] += 1;
                    chosen[d + 1..].fill(0);
                }
            }
            Kind::Scattered(rows) => {
                let size = self.plan.datatype.size();
                rows.rows().try_for_each(|row| {
                    let mut extent = vec![1; row.start.len()];
                    if let Some(last) = extent.last_mut() {
                        *last = row.length;
                    }
                    let (from, to) = ((row.to * size) as usize, ((row.to + row.length) * size) as usize);
                    self.write_box(session, row.start, &extent, bytes.get(from..to).unwrap_or_default())
                })
            }
        }
    }

    /// Writes a box whose elements lie one behind the other.
    pub(super) fn write_box(&mut self, session: &Session, start: &[u64], extent: &[u64], bytes: &[u8]) -> Result<()> {
        let source = Place { shape: extent, start: &vec![0; extent.len()] };
        self.write_patch(session, &Patch { start, extent, bytes, source })
    }

    fn write_patch(&mut self, session: &Session, patch: &Patch<'_>) -> Result<()> {
        if patch.extent.contains(&0) {
            return Ok(());
        }
        let (size, shape) = (self.plan.datatype.size(), &self.plan.shape);
        let to = Place { shape, start: patch.start };
        match &mut self.storage {
            Storage::Compact(data) => runs::copy(patch.extent, size, (patch.bytes, patch.source), (data, to)),
            Storage::Contiguous { address, .. } => {
                let address = address.ok_or_else(|| Error::invalid("elements without a place"))?;
                session.with(|open| {
                    runs::for_each(patch.extent, size, patch.source, to, |from, to, length| {
                        let run = patch.bytes.get(from as usize..(from + length) as usize).unwrap_or_default();
                        open.space.write(address.plus(to)?, run)
                    })
                })
            }
            Storage::Chunked(chunks) => chunks.patch(session, shape, patch),
        }
    }
}

/// The row behind the last one of a selection.
fn last_row(selection: &Selection) -> u64 {
    match &selection.0 {
        Kind::Grid(axes) => axes.first().map_or(1, |axis| {
            let mut end = 0;
            axis.runs(0..u64::MAX, |r| end = end.max(r.from + r.length));
            end
        }),
        Kind::Scattered(rows) => {
            let end =
                |start: &[u64], length| start.first().map_or(1, |i| i + if start.len() == 1 { length } else { 1 });
            rows.rows().map(|r| end(r.start, r.length)).max().unwrap_or(0)
        }
    }
}
