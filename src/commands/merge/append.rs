//! The rows of all files, one file after the other.

use super::contents::{self, Elements, Plain, Slab};
use super::gather::in_input;
use super::plan::Joined;
use super::references::References;
use super::target::Target;
use crate::builder::DatasetMut;
use crate::commands::{Progress, output};
use crate::error::Result;
use crate::{Dataset, Reference};
use std::ops::Range;

/// Rows of more bytes are written in parts.
const LARGE_ROW: u64 = 64 << 20;

impl Target<'_> {
    /// Appends the rows of all datasets in the order of the files, or only of those whose rows are not the files'.
    /// `progress` hears of bytes.
    pub(super) fn append_all(&mut self, others: bool, progress: &dyn Progress) -> Result<()> {
        let plan = self.plan;
        let mut starts = vec![0; plan.joined.len()];
        for input in 0..plan.inputs.len() {
            for (n, joined) in plan.joined.iter().enumerate().filter(|(_, j)| !(others && j.main)) {
                output::stop_if_asked(progress)?;
                let rows = joined.counts.get(input).copied().unwrap_or(0);
                let start = starts.get(n).copied().unwrap_or(0);
                if let Some(mut made) = self.made.get_mut(n).and_then(Option::take) {
                    let done = self.append(joined, input, start..start + rows, &mut made, progress);
                    done.map_err(|e| in_input(plan, input, joined, e))?;
                    if let Some(place) = self.made.get_mut(n) {
                        *place = Some(made);
                    }
                }
                if let Some(start) = starts.get_mut(n) {
                    *start += rows;
                }
            }
            self.shelf.close(input)?;
        }
        self.shelf.check_all()
    }

    fn append(
        &mut self,
        joined: &Joined,
        input: usize,
        range: Range<u64>,
        made: &mut DatasetMut,
        progress: &dyn Progress,
    ) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let facts = self.plan.inputs.get(input).and_then(|i| i.dataset(&joined.path));
        let Some(facts) = facts else {
            return self.fill(joined, range, made, progress);
        };
        let from = self.shelf.dataset(input, &joined.path)?;
        let raw = joined.storage.raw.get(input).copied().unwrap_or(0);
        if raw > 0 {
            copy_chunks(&from, joined, raw, range.start, made)?;
            progress.advance(facts.bytes() / (range.end - range.start) * raw);
        }
        if raw == range.end - range.start {
            return Ok(());
        }
        if joined.axis == 0 && joined.renumbers(input).is_none() {
            let mut watch = |bytes| {
                progress.advance(bytes);
                output::stop_if_asked(progress)
            };
            if made.rechunk(&from, raw..range.end - range.start, &mut watch)? {
                return Ok(());
            }
        }
        let references = References::new(self.plan, input, self.shelf.paths(input, from.datatype())?, true);
        let translate = |r: &Reference| references.translate(r);
        let root = self.out.root();
        let pieces = pieces(&from, joined, raw..range.end - range.start, range.start).into_iter();
        let parts = pieces.map(|(slab, own)| Ok((from.select(slab.ranges)?, own))).collect::<Result<Vec<_>>>()?;
        // While rows are written, the next ones are read: so no thread waits for the others at the end of either.
        let mut put = |(elements, own, bytes): Waiting<'_>| -> Result<()> {
            if let Elements::Copied(copied) = &elements {
                references.prepare(copied, &root)?;
            }
            match own {
                None => made.append(elements)?,
                Some(own) => made.write_selection(own, elements)?,
            }
            progress.advance(bytes);
            Ok(())
        };
        let mut waiting = None;
        for (part, own) in &parts {
            output::stop_if_asked(progress)?;
            let before = waiting.take();
            let (written, elements) =
                rayon::join(|| before.map_or(Ok(()), &mut put), || contents::elements(part, joined, input, &translate));
            written?;
            let bytes = part.shape().iter().product::<u64>() * from.datatype().size();
            waiting = Some((elements?, own.clone(), bytes));
        }
        waiting.map_or(Ok(()), put)?;
        Ok(())
    }

    /// Rows of a file that has no such dataset.
    fn fill(
        &mut self,
        joined: &Joined,
        range: Range<u64>,
        made: &mut DatasetMut,
        progress: &dyn Progress,
    ) -> Result<()> {
        let element = contents::fill_element(&mut self.shelf, joined)?;
        let mut shape = joined.shape.clone();
        let inner: u64 = shape.iter().enumerate().filter(|(d, _)| *d != joined.axis).map(|(_, n)| *n).product();
        let most = (contents::BLOCK / (inner * joined.datatype.size()).max(1)).max(1);
        let mut at = range.start;
        while at < range.end {
            output::stop_if_asked(progress)?;
            let end = range.end.min(at + most);
            if let Some(n) = shape.get_mut(joined.axis) {
                *n = end - at;
            }
            let bytes = element.repeat((inner * (end - at)) as usize);
            let plain = Plain { datatype: joined.datatype.clone(), shape: shape.clone(), bytes };
            match joined.axis {
                0 => made.append(plain)?,
                axis => made.write_selection(Slab::new(&joined.shape, axis, at..end), plain)?,
            }
            at = end;
        }
        Ok(())
    }
}

/// Elements that were read, where they go if they are not just appended, and their bytes.
type Waiting<'a> = (Elements<'a>, Option<Vec<Range<u64>>>, u64);

/// Copies the chunks of the first rows as they are.
fn copy_chunks(from: &Dataset, joined: &Joined, rows: u64, start: u64, made: &mut DatasetMut) -> Result<()> {
    if joined.axis == 0 {
        return made.copy_chunks_of_rows(from, rows);
    }
    let Some(chunk) = from.chunk_shape() else {
        return Ok(());
    };
    // In the order of the rows of chunks, as they usually lie in the file.
    let counts: Vec<u64> = (from.shape().iter().zip(chunk).enumerate())
        .map(|(d, (n, c))| if d == joined.axis { rows.div_ceil(*c) } else { n.div_ceil(*c) })
        .collect();
    let total: u64 = counts.iter().product();
    for number in 0..total {
        let (mut rest, mut position) = (number, vec![0; counts.len()]);
        for (place, n) in position.iter_mut().zip(&counts).rev() {
            *place = rest % n;
            rest /= n;
        }
        if let Some((raw, mask)) = from.raw_chunk(&position)? {
            let mut offset: Vec<u64> = position.iter().zip(chunk).map(|(p, c)| p * c).collect();
            if let Some(at) = offset.get_mut(joined.axis) {
                *at += start;
            }
            made.write_chunk(&offset, &raw, mask)?;
        }
    }
    Ok(())
}

/// Some rows of a dataset in pieces that fit the memory: what to read, and where it goes if it is not just appended.
fn pieces(from: &Dataset, joined: &Joined, rows: Range<u64>, start: u64) -> Vec<(Slab, Option<Vec<Range<u64>>>)> {
    let shape = from.shape();
    let row_bytes = shape.iter().skip(1).product::<u64>() * from.datatype().size();
    let inner =
        |s: &[u64]| s.iter().enumerate().filter(|(d, _)| *d != joined.axis).map(|(_, n)| *n).collect::<Vec<_>>();
    let whole = inner(shape) == inner(&joined.shape);
    let mut found = Vec::new();
    if joined.axis == 0 && whole && row_bytes <= LARGE_ROW {
        let band = from.chunk_shape().and_then(|c| c.first().copied()).unwrap_or(1);
        let step = (contents::block(from.datatype()) / row_bytes.max(1)).max(1).next_multiple_of(band);
        let mut at = rows.start;
        while at < rows.end {
            // Up to the next border of chunks, so that each is decoded once.
            let end = rows.end.min((at / step + 1).saturating_mul(step));
            found.push((Slab::new(shape, 0, at..end), None));
            at = end;
        }
        return found;
    }
    for block in from.blocks(contents::block(from.datatype())) {
        let Some(mut ranges) = block.ranges() else { continue };
        let Some(along) = ranges.get_mut(joined.axis) else { continue };
        *along = along.start.max(rows.start)..along.end.min(rows.end);
        if along.is_empty() {
            continue;
        }
        let mut own = ranges.clone();
        if let Some(along) = own.get_mut(joined.axis) {
            *along = along.start + start..along.end + start;
        }
        found.push((Slab { ranges }, Some(own)));
    }
    found
}
