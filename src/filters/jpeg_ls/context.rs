//! What the coding of a sample depends on: the scan's parameters (T.87, C.2.4.1.1), and what was seen so far of samples
//! with similar neighbours (A.2 and A.6).

use super::super::Call;
use crate::error::Result;

/// The parameters of a scan.
#[derive(Clone, Copy)]
pub(super) struct Coding {
    pub(super) highest: i32,
    /// By how much samples may differ from what they were.
    pub(super) near: i32,
    pub(super) thresholds: [i32; 3],
    pub(super) reset: i32,
    /// How many values an error can have.
    pub(super) range: i32,
    /// The bits of an error.
    pub(super) error_bits: u32,
    /// The longest code.
    pub(super) limit: u32,
}

/// Parameters from a file; zeros stand for what the standard proposes.
#[derive(Clone, Copy, Default)]
pub(super) struct Preset {
    pub(super) highest: i32,
    pub(super) thresholds: [i32; 3],
    pub(super) reset: i32,
}

/// The bits that numbers below `count` take.
fn bits_below(count: i32) -> u32 {
    (count - 1).max(0).checked_ilog2().map_or(0, |n| n + 1)
}

impl Coding {
    pub(super) fn new(precision: u32, near: i32, preset: Preset, call: &Call<'_>) -> Result<Coding> {
        let full = (1i32 << precision) - 1;
        let highest = if preset.highest == 0 { full } else { preset.highest };
        if highest > full || near > 255.min(highest / 2) {
            return Err(call.damaged("its parameters are out of range"));
        }
        let mut thresholds = default_thresholds(highest, near);
        let mut before = near + 1;
        for (value, own) in thresholds.iter_mut().zip(preset.thresholds) {
            if own != 0 {
                *value = own;
            }
            if *value < before || *value > highest.max(before) {
                return Err(call.damaged("its thresholds are out of order"));
            }
            before = *value;
        }
        let reset = if preset.reset == 0 { 64 } else { preset.reset };
        if !(3..=highest.max(255)).contains(&reset) {
            return Err(call.damaged("its parameters are out of range"));
        }
        let range = (highest + 2 * near) / (2 * near + 1) + 1;
        let bits = bits_below(highest + 1).max(2);
        Ok(Coding {
            highest,
            near,
            thresholds,
            reset,
            range,
            error_bits: bits_below(range),
            limit: 2 * (bits + bits.max(8)),
        })
    }

    /// A sample from its prediction and the error.
    pub(super) fn corrected(&self, predicted: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut sample = predicted + error * step;
        if sample < -self.near {
            sample += self.range * step;
        } else if sample > self.highest + self.near {
            sample -= self.range * step;
        }
        sample.clamp(0, self.highest)
    }

    /// Which of 9 classes a gradient is in.
    pub(super) fn class(&self, gradient: i32) -> i32 {
        let size = gradient.abs();
        let class =
            if size <= self.near { 0 } else { 1 + self.thresholds.iter().map(|&t| i32::from(size >= t)).sum::<i32>() };
        if gradient < 0 { -class } else { class }
    }
}

fn default_thresholds(highest: i32, near: i32) -> [i32; 3] {
    let clamped = |value: i32, least: i32| if value > highest || value < least { least } else { value };
    let [t1, t2, t3] = if highest >= 128 {
        let factor = (highest.min(4095) + 128) / 256;
        [factor + 2 + 3 * near, 4 * factor + 3 + 5 * near, 17 * factor + 4 + 7 * near]
    } else {
        let factor = 256 / (highest + 1);
        [(3 / factor + 3 * near).max(2), (7 / factor + 5 * near).max(3), (21 / factor + 7 * near).max(4)]
    };
    let t1 = clamped(t1, near + 1);
    let t2 = clamped(t2, t1);
    [t1, t2, clamped(t3, t2)]
}

/// What was seen of samples whose gradients are alike.
#[derive(Clone, Copy)]
pub(super) struct Context {
    /// The sum of the errors' sizes.
    size: i64,
    /// The sum of the errors.
    bias: i32,
    /// What predictions are put right by.
    pub(super) correction: i32,
    count: i32,
}

/// What was seen of samples that end a run.
#[derive(Clone, Copy)]
pub(super) struct RunContext {
    size: i64,
    count: i32,
    negative: i32,
    /// Whether the sample before and the one above are (nearly) the same.
    pub(super) same: bool,
}

/// The first `k` with `count << k` at least `size`.
fn golomb(count: i32, size: i64) -> u32 {
    (0..40).find(|&k| i64::from(count) << k >= size).unwrap_or(40)
}

fn first_size(coding: &Coding) -> i64 {
    i64::from(((coding.range + 32) / 64).max(2))
}

impl Context {
    pub(super) fn new(coding: &Coding) -> Self {
        Context { size: first_size(coding), bias: 0, correction: 0, count: 1 }
    }

    pub(super) fn golomb(&self) -> u32 {
        golomb(self.count, self.size)
    }

    /// The error that a code stands for (A.5.2).
    pub(super) fn error(&self, code: i32, k: u32, coding: &Coding) -> i32 {
        let error = code >> 1 ^ -(code & 1);
        let turned = k == 0 && coding.near == 0 && 2 * self.bias <= -self.count;
        if turned { !error } else { error }
    }

    pub(super) fn update(&mut self, error: i32, coding: &Coding) {
        self.size += i64::from(error.abs());
        self.bias += error * (2 * coding.near + 1);
        if self.count == coding.reset {
            self.size >>= 1;
            self.bias = if self.bias >= 0 { self.bias >> 1 } else { -((1 - self.bias) >> 1) };
            self.count >>= 1;
        }
        self.count += 1;
        if self.bias <= -self.count {
            self.bias = (self.bias + self.count).max(1 - self.count);
            self.correction = (self.correction - 1).max(-128);
        } else if self.bias > 0 {
            self.bias = (self.bias - self.count).min(0);
            self.correction = (self.correction + 1).min(127);
        }
    }
}

impl RunContext {
    pub(super) fn new(same: bool, coding: &Coding) -> Self {
        RunContext { size: first_size(coding), count: 1, negative: 0, same }
    }

    pub(super) fn golomb(&self) -> u32 {
        let more = if self.same { i64::from(self.count >> 1) } else { 0 };
        golomb(self.count, self.size + more)
    }

    /// The error that a code stands for (A.7.2.2).
    pub(super) fn error(&self, code: i32, k: u32) -> i32 {
        let doubled = code + i32::from(self.same);
        let mapped = doubled & 1;
        let size = (doubled + mapped) >> 1;
        let mostly_negative = k != 0 || 2 * self.negative >= self.count;
        if mostly_negative == (mapped == 1) { -size } else { size }
    }

    pub(super) fn update(&mut self, error: i32, code: i32, coding: &Coding) {
        self.negative += i32::from(error < 0);
        self.size += i64::from((code + i32::from(!self.same)) >> 1);
        if self.count == coding.reset {
            self.size >>= 1;
            self.count >>= 1;
            self.negative >>= 1;
        }
        self.count += 1;
    }
}
