//! Whether the merged file holds what the files do.

use super::contents::{self, Content, Elements};
use super::gather::{Gathered, Rows};
use super::inputs::Shelf;
use super::plan::{Joined, Kept, Plan, below};
use super::references::References;
use super::target::Making;
use crate::commands::{Progress, output};
use crate::datatype::Name;
use crate::error::{Error, ErrorKind, Result};
use crate::{ArrayLike, Dataset, File, Object, Reference, Visited};
use std::collections::HashMap;
use std::path::Path;

/// Reads the merged file at `path` and all files, and refuses it if the digest of anything differs.
pub(super) fn same(
    plan: &Plan,
    order: Option<&[u64]>,
    making: &Making<'_>,
    path: &Path,
    progress: &dyn Progress,
) -> Result<()> {
    let merged = making.opening.open(path)?;
    let mut paths = HashMap::new();
    for visit in merged.walk() {
        let visit = visit?;
        if let Visited::Object(object) = visit.what() {
            paths.insert(object.address(), visit.path().clone());
        }
    }
    let total = plan.joined.iter().map(Joined::bytes).fold(0, u64::saturating_add);
    progress.start("verifying", Some(total));
    let check = Check { plan, making, merged, paths, progress };
    for joined in &plan.joined {
        let order = order.filter(|_| joined.main);
        check.joined(joined, order)?;
    }
    for (path, kept) in &plan.kept {
        check.kept(path, kept)?;
    }
    progress.finish();
    Ok(())
}

struct Check<'a> {
    plan: &'a Plan,
    making: &'a Making<'a>,
    merged: File,
    /// Of the merged file's objects.
    paths: HashMap<u64, Name>,
    progress: &'a dyn Progress,
}

impl Check<'_> {
    fn open(&self, path: &Name) -> Result<Dataset> {
        let at = self.paths.iter().find(|(_, known)| *known == path).map(|(at, _)| *at);
        match at.map(|at| self.merged.object_at(at)).transpose()? {
            Some(Object::Dataset(dataset)) => Ok(dataset),
            _ => Err(differs(path, "is missing")),
        }
    }

    /// The digest of a dataset of the merged file, row by row.
    fn found(&self, dataset: &Dataset, joined: &Joined) -> Result<[u8; 32]> {
        let marked = |r: &Reference| Ok(r.moved_to(contents::mark(r.address().and_then(|a| self.paths.get(&a)))));
        let mut content = Content::default();
        contents::each_part(dataset, &mut |part| {
            output::stop_if_asked(self.progress)?;
            let copied = part.to_copy_with(&marked)?;
            let n = copied.shape().iter().product::<u64>();
            self.progress.advance(n * joined.datatype.size());
            content.add(&copied, 0..n as usize, &joined.datatype)
        })?;
        Ok(content.finish())
    }

    fn joined(&self, joined: &Joined, order: Option<&[u64]>) -> Result<()> {
        let dataset = self.open(&joined.path)?;
        if dataset.shape() != joined.shape || *dataset.datatype() != joined.datatype {
            return Err(differs(&joined.path, "has another shape or type"));
        }
        let mut rows = Rows::new(self.plan, self.making.opening, None, order.is_none());
        if joined.axis != 0 || joined.storage.padded {
            return self.blocks(joined, &dataset, &mut rows);
        }
        let mut expected = Content::default();
        let mut add = |gathered: &Gathered<'_>| {
            let n = gathered.shape().iter().product::<u64>() as usize;
            expected.add(gathered, 0..n, &joined.datatype)
        };
        rows.each_band(joined, order, self.progress, &mut add)?;
        if expected.finish() == self.found(&dataset, joined)? {
            return Ok(());
        }
        Err(differs(&joined.path, "does not hold the rows of the files"))
    }

    /// Compares file by file what does not lie row behind row.
    fn blocks(&self, joined: &Joined, merged: &Dataset, rows: &mut Rows<'_>) -> Result<()> {
        let mut start = 0;
        for (input, count) in joined.counts.iter().enumerate() {
            let there = self.plan.inputs.get(input).is_some_and(|i| i.dataset(&joined.path).is_some());
            if there && *count > 0 {
                let from = rows.shelf.dataset(input, &joined.path)?;
                let paths = rows.shelf.paths(input, from.datatype())?;
                let references = References::new(self.plan, input, paths, true);
                let marked = |r: &Reference| references.moved(r, &|place| Ok(contents::mark(Some(place))));
                let here = |r: &Reference| Ok(r.moved_to(contents::mark(r.address().and_then(|a| self.paths.get(&a)))));
                for block in from.blocks(contents::block(from.datatype())) {
                    output::stop_if_asked(self.progress)?;
                    let Some(mut own) = block.ranges() else { continue };
                    if let Some(along) = own.get_mut(joined.axis) {
                        *along = along.start + start..along.end + start;
                    }
                    let (part, other) = (from.select(block)?, merged.select(own)?);
                    let a: Elements<'_> = contents::elements(&part, joined, input, &marked)?;
                    let b = other.to_copy_with(&here)?;
                    let n = part.shape().iter().product::<u64>() as usize;
                    let (mut left, mut right) = (Content::default(), Content::default());
                    left.add(&a, 0..n, &joined.datatype)?;
                    right.add(&b, 0..n, &joined.datatype)?;
                    self.progress.advance(n as u64 * joined.datatype.size());
                    if left.finish() != right.finish() {
                        return Err(differs(&joined.path, "does not hold the rows of the files"));
                    }
                }
            }
            start += count;
        }
        Ok(())
    }

    fn kept(&self, path: &Name, kept: &Kept) -> Result<()> {
        let of: Vec<(usize, Name)> = match kept {
            Kept::Of(input) => vec![(*input, path.clone())],
            Kept::Each(of) => {
                let short = |i: usize| self.plan.inputs.get(i).map_or("", |i| &i.short);
                of.iter().map(|&i| (i, below(path, short(i)))).collect()
            }
            Kept::List(_) => return Ok(()),
        };
        let mut shelf = Shelf::new(&self.plan.inputs, self.making.opening);
        for (input, place) in of {
            let from = shelf.dataset(input, path)?;
            let paths = shelf.paths(input, from.datatype())?;
            let references = References::new(self.plan, input, paths, self.making.ordered);
            let theirs = |r: &Reference| references.moved(r, &|place| Ok(contents::mark(Some(place))));
            let ours = |r: &Reference| Ok(r.moved_to(contents::mark(r.address().and_then(|a| self.paths.get(&a)))));
            let merged = self.open(&place)?;
            if contents::digest_with(&from, &theirs)? != contents::digest_with(&merged, &ours)? {
                return Err(differs(&place, "is not the same as in the files"));
            }
        }
        Ok(())
    }
}

fn differs(path: &Name, how: &str) -> Error {
    Error::new(ErrorKind::Damaged, format!("{how}; the merged file was thrown away")).on(path.to_string())
}
