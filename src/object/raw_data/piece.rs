//! What a chunk and a selection have in common.

use super::chunked::{ChunkRead, bytes};
use crate::data::selection::{Axis, Run};
use crate::error::Result;
use crate::object::runs::{self, Place};
use std::ops::Range;

/// The part of a chunk that a selection takes, and where it goes.
pub(super) struct Piece<'a> {
    size: u64,
    fill: &'a [u8],
    /// A chunk's shape.
    chunk: &'a [u64],
    /// The result's shape.
    shape: &'a [u64],
    /// Elements of the chunk inside the dataset.
    inside: u64,
    form: Form,
}

enum Form {
    /// A box in the chunk, a box in the output.
    Bounds { extent: Vec<u64>, in_chunk: Vec<u64>, in_output: Vec<u64> },
    /// Runs along every dimension, `from` counted in the chunk and `to` in the output.
    Runs(Vec<Vec<Run>>),
}

impl<'a> Piece<'a> {
    /// Of the chunk at `position`; `origin` is where the output begins in the result.
    pub(super) fn new(read: &'a ChunkRead<'_>, position: &[u64], origin: &[u64]) -> Piece<'a> {
        let chunk = &read.grid.chunk[..];
        let inside = position.iter().zip(chunk).zip(&read.grid.dims).fold(1, |n, ((p, c), d)| n * (d - p * c).min(*c));
        let form = bounds(read, position, origin).unwrap_or_else(|| {
            let along = |d: usize| {
                let (first, mut found) = (position[d] * chunk[d], Vec::new());
                read.axes[d].runs(first..first.saturating_add(chunk[d]), |r| {
                    found.push(Run { from: r.from - first, to: r.to - origin[d], length: r.length });
                });
                found
            };
            Form::Runs((0..chunk.len()).map(along).collect())
        });
        Piece { size: read.raw.element_size, fill: &read.raw.fill, chunk, shape: &read.shape, inside, form }
    }

    /// Elements.
    fn len(&self) -> u64 {
        match &self.form {
            Form::Bounds { extent, .. } => extent.iter().product(),
            Form::Runs(axes) => axes.iter().map(|a| a.iter().map(|r| r.length).sum::<u64>()).product(),
        }
    }

    /// Whether it is no more than half of what there is of the chunk.
    pub(super) fn is_small(&self) -> bool {
        2 * self.len() <= self.inside
    }

    /// Where all of the chunk lies in the output, if it does and in one run.
    pub(super) fn whole(&self) -> Option<Range<usize>> {
        let Form::Bounds { extent, in_output, .. } = &self.form else {
            return None;
        };
        // From the first dimension in which the chunk has more than one index, all further ones must be whole.
        let first = self.chunk.iter().position(|&c| c > 1).unwrap_or(self.chunk.len());
        let one_run = self.chunk.iter().zip(self.shape).skip(first + 1).all(|(c, s)| c == s);
        if extent != self.chunk || !one_run {
            return None;
        }
        let index = in_output.iter().zip(self.shape).fold(0, |n, (i, s)| n * s + i);
        Some(bytes(index * self.size, extent.iter().product::<u64>() * self.size))
    }

    /// Calls `each(offset in the chunk, offset in the output, length)`, in bytes, for every run.
    pub(super) fn for_each(&self, each: impl FnMut(u64, u64, u64) -> Result<()>) -> Result<()> {
        match &self.form {
            Form::Bounds { extent, in_chunk, in_output } => {
                let from = Place { shape: self.chunk, start: in_chunk };
                let to = Place { shape: self.shape, start: in_output };
                runs::for_each(extent, self.size, from, to, each)
            }
            Form::Runs(axes) => runs::for_each_combination(axes, self.size, self.chunk, self.shape, each),
        }
    }

    pub(super) fn copy(&self, chunk: &[u8], out: &mut [u8]) -> Result<()> {
        self.for_each(|from, to, length| {
            out[bytes(to, length)].copy_from_slice(&chunk[bytes(from, length)]);
            Ok(())
        })
    }

    pub(super) fn fill(&self, out: &mut [u8]) -> Result<()> {
        self.for_each(|_, to, length| {
            runs::fill_run(&mut out[bytes(to, length)], self.fill);
            Ok(())
        })
    }
}

/// The box that a selection of ranges takes of a chunk.
fn bounds(read: &ChunkRead<'_>, position: &[u64], origin: &[u64]) -> Option<Form> {
    let rank = position.len();
    let (mut extent, mut in_chunk) = (Vec::with_capacity(rank), Vec::with_capacity(rank));
    let mut in_output = Vec::with_capacity(rank);
    for (d, axis) in read.axes.iter().enumerate() {
        let Axis::Range(range) = axis else {
            return None;
        };
        let (first, last) = (position[d] * read.grid.chunk[d], (position[d] + 1) * read.grid.chunk[d]);
        let (start, end) = (first.max(range.start), last.min(range.end));
        extent.push(end - start);
        in_chunk.push(start - first);
        in_output.push(start - range.start - origin[d]);
    }
    Some(Form::Bounds { extent, in_chunk, in_output })
}
