//! Rows in an order of their own: for each band of the merged file they are fetched from where they are.

use super::contents::{self, Elements, Plain};
use super::inputs::Shelf;
use super::plan::{Joined, Plan};
use super::references::References;
use super::target::Target;
use crate::builder::{ArrayLike, DatasetMut, GroupMut};
use crate::commands::open::Opening;
use crate::commands::{Progress, output};
use crate::compound::KeepHeap;
use crate::datatype::Datatype;
use crate::error::{Error, ErrorKind, Result};
use crate::{Dataset, Part, Reference};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Bytes of rows that are gathered at a time.
const BAND: u64 = 32 << 20;

/// Rows at most, where what they lead to may be much more than they are.
const MOST: u64 = 2048;

/// Files whose rows are gathered at a time, where they must stay open meanwhile.
const FILES: usize = 48;

/// Rows of several files in one order.
pub(super) struct Gathered<'a> {
    datatype: &'a Datatype,
    shape: Vec<u64>,
    /// Elements of a row.
    row: usize,
    parts: Vec<Elements<'a>>,
    /// For each row: the part, and its number there.
    rows: Vec<(usize, usize)>,
    /// All of them in one piece, where they lead nowhere.
    bytes: Option<Vec<u8>>,
}

impl ArrayLike for Gathered<'_> {
    fn shape(&self) -> Vec<u64> {
        self.shape.clone()
    }

    fn element_datatype(&self) -> Datatype {
        self.datatype.clone()
    }

    fn store(&self, range: Range<usize>, to: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        let rows = range.start / self.row.max(1)..range.end / self.row.max(1);
        for (part, n) in self.rows.get(rows).unwrap_or_default() {
            let part = self.parts.get(*part).ok_or_else(|| Error::new(ErrorKind::Invalid, "rows of no file"))?;
            part.store(n * self.row..(n + 1) * self.row, to, heap, out)?;
        }
        Ok(())
    }

    fn as_stored(&self, datatype: &Datatype) -> Option<&[u8]> {
        self.bytes.as_deref().filter(|_| datatype == self.datatype)
    }
}

impl Gathered<'_> {
    /// Puts the rows one behind the other, if they are what they look like.
    fn join(&mut self) {
        let size = self.row * self.datatype.size() as usize;
        let parts: Option<Vec<&[u8]>> = self.parts.iter().map(|p| p.as_stored(self.datatype)).collect();
        let Some(parts) = parts else { return };
        let mut bytes = Vec::with_capacity(self.rows.len() * size);
        for (part, n) in &self.rows {
            let row = parts.get(*part).and_then(|p| p.get(n * size..(n + 1) * size));
            bytes.extend_from_slice(row.unwrap_or_default());
        }
        self.bytes = Some(bytes);
    }
}

/// Which rows of all files together are those of which file.
pub(super) struct Starts(Vec<u64>);

impl Starts {
    pub(super) fn new(counts: &[u64]) -> Starts {
        let mut next = 0;
        let start = |rows: &u64| {
            next += rows;
            next - rows
        };
        Starts(counts.iter().map(start).collect())
    }

    /// The file of a row of all files together, and its number there.
    pub(super) fn place(&self, row: u64) -> (usize, u64) {
        // Of files without rows the last one begins where the next begins.
        let input = self.0.partition_point(|start| *start <= row).saturating_sub(1);
        (input, row - self.0.get(input).copied().unwrap_or(0))
    }
}

/// Rows of all files, fetched from where they are.
pub(super) struct Rows<'a> {
    plan: &'a Plan,
    pub(super) shelf: Shelf<'a>,
    /// The merged file that references are to lead into; without one they are only told from each other.
    root: Option<GroupMut>,
    /// Whether the rows of files keep their order.
    ordered: bool,
}

impl<'a> Rows<'a> {
    pub(super) fn new(plan: &'a Plan, opening: &'a Opening, root: Option<GroupMut>, ordered: bool) -> Rows<'a> {
        Rows { plan, shelf: Shelf::new(&plan.inputs, opening), root, ordered }
    }

    /// Hands on the rows of a dataset in some order, or in that of the files, band by band.
    pub(super) fn each_band(
        &mut self,
        joined: &Joined,
        order: Option<&[u64]>,
        progress: &dyn Progress,
        each: &mut dyn FnMut(&Gathered<'_>) -> Result<()>,
    ) -> Result<()> {
        let starts = Starts::new(&joined.counts);
        let row_bytes = joined.shape.iter().skip(1).product::<u64>() * joined.datatype.size();
        let most = if joined.datatype.has_references_to_file() { MOST } else { u64::MAX };
        let band = (BAND / row_bytes.max(1)).clamp(1, most);
        let total = order.map_or(joined.rows(), |order| order.len() as u64);
        let mut at = 0;
        while at < total {
            output::stop_if_asked(progress)?;
            let end = total.min(at.saturating_add(band));
            let rows: Vec<u64> = match order {
                None => (at..end).collect(),
                Some(order) => order.get(at as usize..end as usize).unwrap_or_default().to_vec(),
            };
            let mut rest = rows.as_slice();
            while !rest.is_empty() {
                let (now, later) = rest.split_at(few_files(joined, &starts, rest));
                self.band(joined, &starts, now, each)?;
                rest = later;
            }
            progress.advance(row_bytes * (end - at));
            at = end;
        }
        Ok(())
    }

    /// Fetches some rows and hands them on in their order.
    fn band(
        &mut self,
        joined: &Joined,
        starts: &Starts,
        band: &[u64],
        each: &mut dyn FnMut(&Gathered<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut wanted: BTreeMap<usize, Vec<(u64, usize)>> = BTreeMap::new();
        for (n, &row) in band.iter().enumerate() {
            let (input, own) = starts.place(row);
            wanted.entry(input).or_default().push((own, n));
        }
        let mut places = vec![(0, 0); band.len()];
        let mut groups = Vec::with_capacity(wanted.len());
        for (input, mut of) in wanted {
            // In the order of the file, so that each chunk is decoded once.
            of.sort_unstable();
            for (k, (_, n)) in of.iter().enumerate() {
                if let Some(place) = places.get_mut(*n) {
                    *place = (groups.len(), k);
                }
            }
            groups.push((input, of.into_iter().map(|(own, _)| own).collect::<Vec<u64>>()));
        }
        let row = joined.shape.iter().skip(1).product::<u64>() as usize;
        let shape = vec![(band.len() * row) as u64];
        let new = |parts| Gathered { datatype: &joined.datatype, shape, row, parts, rows: places, bytes: None };
        if !joined.datatype.has_references_to_file() {
            // Their files need not stay open.
            let parts = groups.into_iter().map(|(input, rows)| self.plain(joined, input, rows, row));
            let mut gathered = new(parts.collect::<Result<_>>()?);
            gathered.join();
            return each(&gathered);
        }
        let sources = groups.into_iter().map(|(input, rows)| self.source(joined, input, rows));
        let sources = sources.collect::<Result<Vec<_>>>()?;
        let translates: Vec<_> = sources.iter().map(|s| |to: &Reference| self.translated(&s.references, to)).collect();
        let parts = sources.iter().map(Source::part).collect::<Result<Vec<_>>>()?;
        let mut elements = Vec::with_capacity(parts.len());
        for ((source, part), translate) in sources.iter().zip(&parts).zip(&translates) {
            let found = match part {
                Some(part) => contents::elements(part, joined, source.input, translate)
                    .map_err(|e| in_input(self.plan, source.input, joined, e))?,
                None => Elements::Plain(nothing(joined, source.rows.len() * row)),
            };
            if let (Elements::Copied(copied), Some(root)) = (&found, &self.root) {
                source.references.prepare(copied, root)?;
            }
            elements.push(found);
        }
        each(&new(elements))
    }

    /// Rows of one file that lead nowhere.
    fn plain(&mut self, joined: &Joined, input: usize, rows: Vec<u64>, row: usize) -> Result<Elements<'static>> {
        let (datatype, shape) = (joined.datatype.clone(), vec![(rows.len() * row) as u64]);
        let source = self.source(joined, input, rows)?;
        let Some(part) = source.part()? else {
            let bytes = contents::fill_element(&mut self.shelf, joined)?.repeat(source.rows.len() * row);
            return Ok(Elements::Plain(Plain { datatype, shape, bytes }));
        };
        let nowhere = |_: &Reference| Ok(Reference::Null);
        let found = contents::elements(&part, joined, input, &nowhere);
        let found = found.map_err(|e| in_input(self.plan, input, joined, e))?;
        let bytes = found.as_stored(&datatype).unwrap_or_default().to_vec();
        Ok(Elements::Plain(Plain { datatype, shape, bytes }))
    }

    fn source(&mut self, joined: &Joined, input: usize, rows: Vec<u64>) -> Result<Source<'a>> {
        let there = self.plan.inputs.get(input).and_then(|i| i.dataset(&joined.path)).is_some();
        let dataset = if there { Some(self.shelf.dataset(input, &joined.path)?) } else { None };
        let paths = self.shelf.paths(input, &joined.datatype)?;
        let references = References::new(self.plan, input, paths, self.ordered);
        Ok(Source { input, dataset, rows, references })
    }

    fn translated(&self, references: &References<'_>, to: &Reference) -> Result<Reference> {
        match self.root {
            Some(_) => references.translate(to),
            None => references.moved(to, &|place| Ok(contents::mark(Some(place)))),
        }
    }
}

/// How many of `rows` are of few enough files.
fn few_files(joined: &Joined, starts: &Starts, rows: &[u64]) -> usize {
    if !joined.datatype.has_references_to_file() {
        return rows.len();
    }
    let mut files = BTreeSet::new();
    let fits = |row: &&u64| {
        files.insert(starts.place(**row).0);
        files.len() <= FILES
    };
    rows.iter().take_while(fits).count()
}

/// Elements of any length, of none.
fn nothing(joined: &Joined, count: usize) -> Plain {
    let bytes = vec![0; count * joined.datatype.size() as usize];
    Plain { datatype: joined.datatype.clone(), shape: vec![count as u64], bytes }
}

/// Rows that are wanted of one file.
struct Source<'a> {
    input: usize,
    dataset: Option<Dataset>,
    rows: Vec<u64>,
    references: References<'a>,
}

impl Source<'_> {
    fn part(&self) -> Result<Option<Part<'_>>> {
        let Some(dataset) = &self.dataset else { return Ok(None) };
        let (first, last) = (self.rows.first().copied().unwrap_or(0), self.rows.last().copied().unwrap_or(0));
        // One behind the other they are read in longer runs.
        if last - first + 1 == self.rows.len() as u64 {
            return dataset.select(first..last + 1).map(Some);
        }
        dataset.select(&self.rows).map(Some)
    }
}

/// An error of one file's rows, with the file's name.
pub(super) fn in_input(plan: &Plan, input: usize, joined: &Joined, e: Error) -> Error {
    match (e.kind(), plan.inputs.get(input)) {
        (ErrorKind::Io | ErrorKind::Interrupted | ErrorKind::Conflict, _) | (_, None) => e,
        (kind, Some(of)) => Error::new(kind, format!("{}::{}: {}", of.name, joined.path, e.message())),
    }
}

impl Target<'_> {
    /// Appends the rows of `order` to all datasets whose rows are the files', in this order.
    pub(super) fn append_ordered(&mut self, order: &[u64], progress: &dyn Progress) -> Result<()> {
        let plan = self.plan;
        let mut rows = Rows::new(plan, self.making.opening, Some(self.out.root()), false);
        for (n, joined) in plan.joined.iter().enumerate().filter(|(_, j)| j.main) {
            let Some(mut made) = self.made.get_mut(n).and_then(Option::take) else { continue };
            if joined.storage.row_chunks {
                self.move_chunks(joined, order, &mut made, progress)?;
            } else {
                rows.each_band(joined, Some(order), progress, &mut |rows| made.append(rows))?;
            }
            if let Some(slot) = self.made.get_mut(n) {
                *slot = Some(made);
            }
        }
        self.shelf.check_all()
    }

    /// Moves rows that are chunks of their own as they are stored, file by file.
    fn move_chunks(
        &mut self,
        joined: &Joined,
        order: &[u64],
        made: &mut DatasetMut,
        progress: &dyn Progress,
    ) -> Result<()> {
        let starts = Starts::new(&joined.counts);
        // Where each row goes, in the order of the files.
        let mut moves: Vec<(u64, u64)> = order.iter().copied().zip(0..).collect();
        moves.sort_unstable();
        let row_bytes = joined.shape.iter().skip(1).product::<u64>() * joined.datatype.size();
        let (mut position, mut offset) = (vec![0; joined.shape.len()], vec![0; joined.shape.len()]);
        for of_one in moves.chunk_by(|a, b| starts.place(a.0).0 == starts.place(b.0).0) {
            let input = of_one.first().map_or(0, |(row, _)| starts.place(*row).0);
            let from = self.shelf.dataset(input, &joined.path)?;
            for &(row, to) in of_one {
                output::stop_if_asked(progress)?;
                if let (Some(own), Some(new)) = (position.first_mut(), offset.first_mut()) {
                    (*own, *new) = (starts.place(row).1, to);
                }
                let chunk = from.raw_chunk(&position).map_err(|e| in_input(self.plan, input, joined, e))?;
                if let Some((raw, mask)) = chunk {
                    made.write_chunk(&offset, &raw, mask)?;
                }
                progress.advance(row_bytes);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_in_their_files() {
        let starts = Starts::new(&[2, 0, 3]);
        let places: Vec<(usize, u64)> = (0..5).map(|row| starts.place(row)).collect();
        assert_eq!(places, [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2)]);
    }
}
