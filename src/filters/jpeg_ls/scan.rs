//! Coded samples (T.87, annex A): each is predicted from its neighbours before and above, the errors are Golomb codes;
//! where all neighbours are alike, a run of samples is.
//!
//! ```text
//!  c b d     the row above
//!  a x       the row at hand
//! ```

use super::super::Call;
use super::bits::Bits;
use super::context::{Coding, Context, RunContext};
use crate::error::Result;

/// The lengths of runs that one bit stands for, as powers of two (A.2.1).
const RUNS: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];
/// Errors of 16-bit samples are smaller; no sum can overflow below it.
const LARGEST: i32 = 1 << 17;
/// More bits of an error than any has that was coded.
const MOST_BITS: u32 = 24;

/// Two rows of a component: a sample before the first stands for what is left of the row, one behind the last for what
/// is right of it.
pub(super) struct Rows {
    above: Vec<i32>,
    row: Vec<i32>,
}

impl Rows {
    pub(super) fn new(width: usize) -> Rows {
        Rows { above: vec![0; width + 2], row: vec![0; width + 2] }
    }

    /// Goes on to the next row.
    pub(super) fn advance(&mut self) {
        std::mem::swap(&mut self.above, &mut self.row);
        let last = self.above.len() - 1;
        self.above[last] = self.above[last - 1];
        self.row[0] = self.above[1];
    }

    /// The samples of the row.
    pub(super) fn samples(&self) -> &[i32] {
        &self.row[1..self.row.len() - 1]
    }

    fn neighbours(&self, x: usize) -> Neighbours {
        Neighbours { a: self.row[x], b: self.above[x + 1], c: self.above[x], d: self.above[x + 2] }
    }
}

#[derive(Clone, Copy)]
struct Neighbours {
    a: i32,
    b: i32,
    c: i32,
    d: i32,
}

impl Neighbours {
    /// The number of the context, and whether it stands for its mirror image; context 0 is that of runs (A.3).
    fn context(&self, coding: &Coding) -> (usize, bool) {
        let classes = [self.d - self.b, self.b - self.c, self.c - self.a].map(|gradient| coding.class(gradient));
        let number = 81 * classes[0] + 9 * classes[1] + classes[2];
        (number.unsigned_abs() as usize, number < 0)
    }

    /// The median of what a flat, a rising and a falling edge would give (A.4.1).
    fn predicted(&self) -> i32 {
        let (low, high) = (self.a.min(self.b), self.a.max(self.b));
        if self.c >= high {
            low
        } else if self.c <= low {
            high
        } else {
            self.a + self.b - self.c
        }
    }
}

/// The state of a scan, until a restart.
pub(super) struct Scan<'a> {
    coding: Coding,
    contexts: Vec<Context>,
    runs: [RunContext; 2],
    pub(super) bits: Bits<'a>,
    call: &'a Call<'a>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(coding: Coding, bytes: &'a [u8], call: &'a Call<'a>) -> Self {
        Scan {
            contexts: vec![Context::new(&coding); 4 * (81 + 9 + 1) + 1],
            runs: [false, true].map(|same| RunContext::new(same, &coding)),
            bits: Bits::new(bytes, call),
            coding,
            call,
        }
    }

    /// Decodes a row of some components, whose samples follow each other; `run` counts how well runs went.
    pub(super) fn row(&mut self, components: &mut [Rows], width: usize, run: &mut usize) -> Result<()> {
        let mut x = 0;
        while x < width {
            let mut flat = true;
            for rows in components.iter() {
                flat &= rows.neighbours(x).context(&self.coding).0 == 0;
            }
            if flat {
                x += self.run(components, x, width, run)?;
                continue;
            }
            for rows in components.iter_mut() {
                rows.row[x + 1] = self.sample(rows.neighbours(x))?;
            }
            x += 1;
        }
        Ok(())
    }

    /// One sample (A.4 to A.6).
    fn sample(&mut self, near: Neighbours) -> Result<i32> {
        let coding = self.coding;
        let (number, mirrored) = near.context(&coding);
        let context = self.contexts[number];
        let correction = if mirrored { -context.correction } else { context.correction };
        let predicted = (near.predicted() + correction).clamp(0, coding.highest);
        let k = context.golomb();
        let code = self.code(k, coding.limit)?;
        let error = context.error(code, k, &coding);
        self.contexts[number].update(error, &coding);
        Ok(coding.corrected(predicted, if mirrored { -error } else { error }))
    }

    /// A Golomb code of at most `limit` bits (A.5.3).
    fn code(&mut self, k: u32, limit: u32) -> Result<i32> {
        let wrong = || self.call.damaged("an error that no sample has");
        let longest = limit.checked_sub(self.coding.error_bits + 1).ok_or_else(wrong)?;
        let zeros = self.bits.zeros(longest)?;
        let code = if zeros < longest {
            if k > MOST_BITS {
                return Err(wrong());
            }
            zeros << k | self.bits.number(k)?
        } else {
            self.bits.number(self.coding.error_bits)? + 1
        };
        i32::try_from(code).ok().filter(|&code| code <= LARGEST).ok_or_else(wrong)
    }

    /// A run, and the sample that ends it where the row does not; returns how many samples there are (A.7).
    fn run(&mut self, components: &mut [Rows], x: usize, width: usize, index: &mut usize) -> Result<usize> {
        let length = self.run_length(width - x, index)?;
        for rows in components.iter_mut() {
            let value = rows.row[x];
            rows.row[x + 1..=x + length].fill(value);
        }
        if x + length == width {
            return Ok(length);
        }
        let single = components.len() == 1;
        for rows in components.iter_mut() {
            let near = rows.neighbours(x + length);
            rows.row[x + length + 1] = self.end_of_run(near, single, *index)?;
        }
        *index = index.saturating_sub(1);
        Ok(length + 1)
    }

    fn run_length(&mut self, most: usize, index: &mut usize) -> Result<usize> {
        let mut length = 0;
        while self.bits.bit()? {
            let whole = 1 << RUNS[*index];
            if whole <= most - length {
                *index = (*index + 1).min(RUNS.len() - 1);
            }
            length = most.min(length + whole);
            if length == most {
                return Ok(length);
            }
        }
        length += self.bits.number(RUNS[*index])? as usize;
        if length > most {
            return Err(self.call.damaged("a run is longer than the row"));
        }
        Ok(length)
    }

    /// The sample that ends a run. Only where components come one by one may it be like the one before.
    fn end_of_run(&mut self, near: Neighbours, single: bool, index: usize) -> Result<i32> {
        let coding = self.coding;
        let same = single && (near.a - near.b).abs() <= coding.near;
        let run = self.runs[usize::from(same)];
        let k = run.golomb();
        let code = self.code(k, coding.limit.saturating_sub(RUNS[index] + 1))?;
        let error = run.error(code, k);
        self.runs[usize::from(same)].update(error, code, &coding);
        if same {
            return Ok(coding.corrected(near.a, error));
        }
        Ok(coding.corrected(near.b, if near.a > near.b { -error } else { error }))
    }
}
