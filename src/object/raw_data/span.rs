//! Runs of bytes that lie scattered in a contiguous dataset, fetched in few pieces.

use crate::bytes::{Address, zeroed};
use crate::error::Result;
use crate::io::Reader;
use std::ops::Range;

/// Gaps up to this size are read rather than skipped.
const GAP: u64 = 32 << 10;

/// Bytes fetched in one piece for scattered runs.
const SPAN: u64 = 4 << 20;

/// Scattered runs of a contiguous dataset, gathered until it pays to fetch them in one piece.
pub(super) struct Span<'a> {
    reader: &'a Reader,
    address: Address,
    out: &'a mut [u8],
    /// Offset in the data, offset in the output, length.
    runs: Vec<(u64, usize, usize)>,
    /// What of the data the runs cover.
    range: Range<u64>,
}

impl<'a> Span<'a> {
    pub(super) fn new(reader: &'a Reader, address: Address, out: &'a mut [u8]) -> Span<'a> {
        Span { reader, address, out, runs: Vec::new(), range: 0..0 }
    }

    pub(super) fn add(&mut self, from: u64, to: u64, length: u64) -> Result<()> {
        let far = from > self.range.end + GAP || from + length - self.range.start > SPAN;
        if far && !self.runs.is_empty() {
            self.fetch()?;
        }
        if self.runs.is_empty() {
            self.range = from..from;
        }
        self.range.end = from + length;
        self.runs.push((from, to as usize, length as usize));
        Ok(())
    }

    pub(super) fn fetch(&mut self) -> Result<()> {
        let start = self.address.plus(self.range.start)?;
        match self.runs[..] {
            [] => {}
            [(_, to, length)] => self.reader.raw_into(start, &mut self.out[to..to + length])?,
            _ => {
                let mut bytes = zeroed(self.range.end - self.range.start)?;
                self.reader.raw_into(start, &mut bytes)?;
                for &(from, to, length) in &self.runs {
                    let from = (from - self.range.start) as usize;
                    self.out[to..to + length].copy_from_slice(&bytes[from..from + length]);
                }
            }
        }
        self.runs.clear();
        Ok(())
    }
}
