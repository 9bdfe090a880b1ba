//! From the selected elements of one array to those of another, in order: which boxes of the source are read, and where
//! their elements go. Boxes are as large as it pays and no larger than the memory for them.

use super::ordinals::Ordinals;
use super::region::Region;
use super::selection::Bounds;
use crate::bytes::zeroed;
use crate::error::{Error, Result};
use std::ops::Range;

/// Bytes read at a time, unless a chunk of the source is larger or they need no place of their own.
const MOST_BYTES: u64 = 32 << 20;

/// A box is read although only one in so many of its elements is wanted.
const SPARSE: u64 = 8;

/// Runs that are arranged irregularly, gathered before they are read.
const MOST_RUNS: usize = 4096;

/// Reads a box of the source: elements in row-major order, as the target stores them.
pub(crate) type Read<'a> = dyn FnMut(&Bounds, &mut [u8]) -> Result<()> + 'a;

/// Copies what `part` has of the elements of `target`, from the elements of `source` with the same ordinals.
pub(crate) struct Transfer<'a> {
    pub(crate) target: &'a Region,
    pub(crate) source: &'a Region,
    /// Of the target's array; `out` is this part as an array of its own.
    pub(crate) part: &'a Bounds,
    /// Bytes of an element.
    pub(crate) size: u64,
    /// The shape of the source's chunks: they are read as a whole where possible.
    pub(crate) chunk: &'a [u64],
    pub(crate) out: &'a mut [u8],
    pub(crate) read: &'a mut Read<'a>,
}

/// A dimension in which target and source go together.
#[derive(Clone, Debug)]
struct Lane {
    /// Of the source.
    dim: usize,
    /// Elements of the output from one index to the next.
    stride: u64,
    runs: Vec<Run>,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    /// Index in the output.
    to: u64,
    /// Index in the source.
    from: u64,
    n: u64,
}

/// A run of elements in the output, and where it begins in the source.
struct Piece {
    to: u64,
    from: Vec<u64>,
    n: u64,
}

impl Transfer<'_> {
    /// Does it.
    pub(crate) fn run(&mut self) -> Result<()> {
        if self.target.len() != self.source.len() {
            let (target, source) = (self.target.len(), self.source.len());
            let message = format!("{target} elements of a virtual dataset from {source} of a source");
            return Err(Error::damaged(message));
        }
        match (self.target, self.source) {
            (Region::Product(target), Region::Product(source)) if counts(target).eq(counts(source)) => {
                self.run_lanes(target, source)
            }
            _ => self.run_pieces(),
        }
    }

    /// Elements from one index of the part to the next, in each dimension.
    fn strides(&self) -> Vec<u64> {
        let mut strides = vec![1; self.part.0.len()];
        for d in (1..strides.len()).rev() {
            strides[d - 1] = strides[d] * (self.part.0[d].end - self.part.0[d].start);
        }
        strides
    }

    fn chunk(&self, dim: usize) -> u64 {
        self.chunk.get(dim).copied().unwrap_or(1).max(1)
    }

    fn most_bytes(&self) -> u64 {
        self.chunk.iter().fold(self.size, |n, &c| n.saturating_mul(c)).max(MOST_BYTES)
    }

    /// Both are products of the same numbers of indices: every dimension for itself.
    fn run_lanes(&mut self, target: &[Ordinals], source: &[Ordinals]) -> Result<()> {
        let strides = self.strides();
        let mut base = 0;
        let mut around: Vec<Range<u64>> = source.iter().map(Ordinals::bounds).collect();
        let mut dims = (0..source.len()).filter(|&d| source[d].len() != 1);
        let mut lanes = Vec::new();
        for ((axis, range), &stride) in target.iter().zip(&self.part.0).zip(&strides) {
            let ordinals = axis.ordinals(range);
            if ordinals.is_empty() {
                return Ok(());
            }
            if axis.len() == 1 {
                base += (axis.index(0) - range.start) * stride;
                continue;
            }
            let Some(dim) = dims.next() else {
                return Ok(());
            };
            lanes.push(Lane { dim, stride, runs: pair(axis, &source[dim], ordinals, range.start) });
        }
        for lane in &lanes {
            around[lane.dim] = lane.span();
        }
        self.read_lanes(base, &mut around, &lanes)
    }

    fn read_lanes(&mut self, base: u64, around: &mut Vec<Range<u64>>, lanes: &[Lane]) -> Result<()> {
        let elements = lanes.iter().fold(self.size, |n, l| n.saturating_mul(l.span().end - l.span().start));
        let sparse = lanes.iter().position(|l| l.is_sparse(self.chunk(l.dim)));
        let at_once = sparse.is_none() && (elements <= self.most_bytes() || self.is_one_run(lanes));
        let cut = match sparse {
            Some(i) => Some((i, lanes[i].middle_run())),
            None if at_once => None,
            None => lanes.iter().enumerate().find_map(|(i, l)| Some((i, l.middle(self.chunk(l.dim))?))),
        };
        if let Some((i, at)) = cut {
            let (low, high) = lanes[i].split(at);
            let mut lanes = lanes.to_vec();
            for half in [low, high] {
                lanes[i] = half;
                self.read_lanes(base, around, &lanes)?;
            }
            return Ok(());
        }
        for lane in lanes {
            around[lane.dim] = lane.span();
        }
        let selection = Bounds(around.clone());
        if self.is_one_run(lanes) {
            let first: u64 = lanes.iter().flat_map(|l| l.runs.first().map(|r| r.to * l.stride)).sum();
            let start = ((base + first) * self.size) as usize;
            let length = (selection.len() * self.size) as usize;
            return (self.read)(&selection, &mut self.out[start..start + length]);
        }
        let mut bytes = zeroed(selection.len().saturating_mul(self.size))?;
        (self.read)(&selection, &mut bytes)?;
        scatter(lanes, self.size as usize, &bytes, (0, base), self.out);
        Ok(())
    }

    /// Whether the lanes' elements lie together in the output, in the order of the source.
    fn is_one_run(&self, lanes: &[Lane]) -> bool {
        let mut expected = 1;
        lanes.iter().rev().all(|lane| {
            let fits = lane.runs.len() == 1 && (lane.stride == expected || lane.runs[0].n == 1);
            expected *= lane.runs.first().map_or(1, |r| r.n);
            fits
        })
    }

    /// Anything else: run by run of the target, which are runs of the source.
    fn run_pieces(&mut self) -> Result<()> {
        let (target, source) = (self.target.tree()?, self.source.tree()?);
        let (strides, part) = (self.strides(), self.part);
        let mut pieces: Vec<Piece> = Vec::new();
        target.runs_in(&part.0, &mut |ordinal, at, n| {
            let to: u64 = at.iter().zip(&part.0).zip(&strides).map(|((i, r), s)| (i - r.start) * s).sum();
            source.runs_of(ordinal..ordinal + n, &mut |first, from, n| {
                pieces.push(Piece { to: to + (first - ordinal), from: from.to_vec(), n });
                if pieces.len() == MOST_RUNS {
                    self.read_pieces(&pieces)?;
                    pieces.clear();
                }
                Ok(())
            })
        })?;
        self.read_pieces(&pieces)
    }

    fn read_pieces(&mut self, pieces: &[Piece]) -> Result<()> {
        let Some(first) = pieces.first() else {
            return Ok(());
        };
        let last = first.from.len().saturating_sub(1);
        let mut around: Vec<Range<u64>> = first.from.iter().map(|&i| i..i + 1).collect();
        for piece in pieces {
            for (d, (range, &i)) in around.iter_mut().zip(&piece.from).enumerate() {
                let end = if d == last { i + piece.n } else { i + 1 };
                *range = range.start.min(i)..range.end.max(end);
            }
        }
        let selection = Bounds(around);
        let volume = selection.0.iter().fold(1u64, |n, r| n.saturating_mul(r.end - r.start));
        let wanted: u64 = pieces.iter().map(|p| p.n).sum();
        let chunk = self.chunk.iter().fold(1u64, |n, &c| n.saturating_mul(c));
        let dense = volume <= wanted.saturating_mul(SPARSE).saturating_add(chunk);
        if pieces.len() > 1 && !(dense && volume.saturating_mul(self.size) <= self.most_bytes()) {
            let (low, high) = pieces.split_at(pieces.len() / 2);
            self.read_pieces(low)?;
            return self.read_pieces(high);
        }
        if let [piece] = pieces {
            let start = (piece.to * self.size) as usize;
            let length = (piece.n * self.size) as usize;
            return (self.read)(&selection, &mut self.out[start..start + length]);
        }
        let size = self.size as usize;
        let mut bytes = zeroed(volume.saturating_mul(self.size))?;
        (self.read)(&selection, &mut bytes)?;
        for piece in pieces {
            let place = piece.from.iter().zip(&selection.0);
            let at = place.fold(0, |n, (i, r)| n * (r.end - r.start) + (i - r.start)) as usize;
            let (to, n) = (piece.to as usize, piece.n as usize);
            self.out[to * size..(to + n) * size].copy_from_slice(&bytes[at * size..(at + n) * size]);
        }
        Ok(())
    }
}

/// How many indices are selected in the dimensions that have more than one.
fn counts(axes: &[Ordinals]) -> impl Iterator<Item = u64> {
    axes.iter().map(Ordinals::len).filter(|&n| n != 1)
}

/// The indices with the same ordinals, as runs that both have.
fn pair(target: &Ordinals, source: &Ordinals, ordinals: Range<u64>, start: u64) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut ordinal = ordinals.start;
    while ordinal < ordinals.end {
        let ((to, n), (from, m)) = (target.run_at(ordinal), source.run_at(ordinal));
        let n = n.min(m).min(ordinals.end - ordinal);
        runs.push(Run { to: to - start, from, n });
        ordinal += n;
    }
    runs
}

impl Lane {
    /// From the first index of the source to the last.
    fn span(&self) -> Range<u64> {
        match (self.runs.first(), self.runs.last()) {
            (Some(first), Some(last)) => first.from..last.from + last.n,
            _ => 0..0,
        }
    }

    /// Whether what lies between the runs is too much to be read with them.
    fn is_sparse(&self, chunk: u64) -> bool {
        let wanted: u64 = self.runs.iter().map(|r| r.n).sum();
        let span = self.span();
        self.runs.len() > 1 && span.end - span.start > wanted.saturating_mul(SPARSE).saturating_add(chunk)
    }

    /// The first index of the run in the middle.
    fn middle_run(&self) -> u64 {
        self.runs[self.runs.len() / 2].from
    }

    /// An index to cut at, between chunks; `None` if all lie in one.
    fn middle(&self, chunk: u64) -> Option<u64> {
        let span = self.span();
        let middle = (span.start + (span.end - span.start) / 2) / chunk * chunk;
        [middle, middle.saturating_add(chunk)].into_iter().find(|m| *m > span.start && *m < span.end)
    }

    /// The part below `at` of the source, and the rest.
    fn split(&self, at: u64) -> (Lane, Lane) {
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for run in &self.runs {
            let n = at.saturating_sub(run.from).min(run.n);
            if n > 0 {
                low.push(Run { n, ..*run });
            }
            if n < run.n {
                high.push(Run { to: run.to + n, from: run.from + n, n: run.n - n });
            }
        }
        (Lane { runs: low, ..*self }, Lane { runs: high, ..*self })
    }
}

/// Copies the elements of a box to their places. `at` counts elements in the box and in the output.
fn scatter(lanes: &[Lane], size: usize, bytes: &[u8], at: (u64, u64), out: &mut [u8]) {
    let copy = |from: u64, to: u64, n: u64, out: &mut [u8]| {
        let (from, to, n) = (from as usize * size, to as usize * size, n as usize * size);
        out[to..to + n].copy_from_slice(&bytes[from..from + n]);
    };
    let Some((lane, inner)) = lanes.split_first() else {
        return copy(at.0, at.1, 1, out);
    };
    let width: u64 = inner.iter().map(|l| l.span().end - l.span().start).product();
    let start = lane.span().start;
    for run in &lane.runs {
        if inner.is_empty() && lane.stride == 1 {
            copy(at.0 + run.from - start, at.1 + run.to, run.n, out);
            continue;
        }
        for i in 0..run.n {
            let next = (at.0 + (run.from - start + i) * width, at.1 + (run.to + i) * lane.stride);
            scatter(inner, size, bytes, next, out);
        }
    }
}

#[cfg(test)]
mod tests;
