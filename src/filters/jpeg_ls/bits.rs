//! The bits of coded samples. Behind a byte of ones stands one with 7 bits only, its first bit zero, so that nothing in
//! them looks like a marker; a marker, or the end of the bytes, ends them.

use super::super::Call;
use crate::error::Result;

pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The byte that comes next.
    at: usize,
    /// Bits that were taken from the bytes, from the highest on.
    ready: u64,
    count: u32,
    after_ones: bool,
    call: &'a Call<'a>,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], call: &'a Call<'a>) -> Self {
        Bits { bytes, at: 0, ready: 0, count: 0, after_ones: false, call }
    }

    /// Takes bytes until there are 57 bits, or a marker or the end comes.
    fn fill(&mut self) {
        while self.count <= 56 {
            let Some(&byte) = self.bytes.get(self.at) else { return };
            let bits = 8 - u32::from(self.after_ones);
            if self.after_ones && byte >= 0x80 || byte == 0xff && self.marker_at(self.at) {
                return;
            }
            self.ready |= u64::from(byte) << (64 - bits - self.count);
            self.count += bits;
            self.after_ones = byte == 0xff;
            self.at += 1;
        }
    }

    fn marker_at(&self, at: usize) -> bool {
        self.bytes.get(at + 1).is_some_and(|&b| b >= 0x80)
    }

    fn drop(&mut self, count: u32) {
        self.ready = self.ready.checked_shl(count).unwrap_or(0);
        self.count -= count;
    }

    /// The next `count` bits, at most 32, as a number.
    pub(super) fn number(&mut self, count: u32) -> Result<u32> {
        if count == 0 {
            return Ok(0);
        }
        self.fill();
        if count > self.count {
            return Err(self.call.damaged("the samples end too early"));
        }
        let number = self.ready >> (64 - count);
        self.drop(count);
        Ok(number as u32)
    }

    pub(super) fn bit(&mut self) -> Result<bool> {
        self.number(1).map(|bit| bit == 1)
    }

    /// How many zeros come before the next one, which is taken, too: at most `most`.
    pub(super) fn zeros(&mut self, most: u32) -> Result<u32> {
        self.fill();
        // Codes are never longer than what is filled in: 16 and 16 and 16 zeros.
        let zeros = self.ready.leading_zeros();
        if zeros >= self.count {
            return Err(self.call.damaged("the samples end too early"));
        }
        if zeros > most {
            return Err(self.call.damaged("a code that no sample has"));
        }
        self.drop(zeros + 1);
        Ok(zeros)
    }

    /// Where the marker is that ends the bits.
    pub(super) fn end(&self) -> Result<usize> {
        let marker = (self.at..self.bytes.len()).find(|&at| self.bytes[at] == 0xff && self.marker_at(at));
        marker.ok_or_else(|| self.call.damaged("has no marker behind the samples"))
    }
}
