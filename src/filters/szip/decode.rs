//! Undoing the entropy coder, an interval at a time.
//!
//! An interval is a number of blocks. A block begins with how it is coded:
//!
//! | id | then | the samples |
//! | --- | --- | --- |
//! | 0…0 | 0, first sample, run in unary | zeros for so many blocks |
//! | 0…0 | 1, first sample | two at a time, as one number in unary |
//! | 1…1 | | as they are, the first among them |
//! | k + 1 | first sample | what remains above k bits in unary for each, then the k bits of each |
//!
//! The first sample stands there only in an interval's first block, and only where samples are differences.

use super::super::bits::BitReader;
use super::Coding;

const ENDS: &str = "the stream ends before its samples";

/// A run that reaches to the end of a segment of 64 blocks, or of the interval.
const REST_OF_SEGMENT: u32 = 4;

/// Decodes the blocks of an interval, at least `wanted` samples of it.
pub(super) fn interval(
    coding: Coding,
    bits: &mut BitReader<'_>,
    wanted: usize,
    samples: &mut Vec<u32>,
) -> Result<(), &'static str> {
    samples.clear();
    let uncompressed = (1 << coding.id_bits()) - 1;
    while samples.len() < wanted {
        let first = coding.differences && samples.is_empty();
        let id = bits.take(coding.id_bits()).ok_or(ENDS)?;
        if id == uncompressed {
            for _ in 0..coding.block {
                samples.push(bits.take(coding.bits).ok_or(ENDS)?);
            }
            continue;
        }
        let low_entropy = if id == 0 { bits.take(1).ok_or(ENDS)? } else { 0 };
        if first {
            samples.push(bits.take(coding.bits).ok_or(ENDS)?);
        }
        let count = coding.block - usize::from(first);
        match (id, low_entropy) {
            (0, 0) => zeros(coding, bits, samples)?,
            (0, _) => pairs(bits, count, samples)?,
            (id, _) => split(id - 1, bits, count, samples).ok_or(ENDS)?,
        }
    }
    if coding.differences {
        add_up(samples, coding.greatest());
    }
    Ok(())
}

/// Blocks of zeros; the first may have its first sample already.
fn zeros(coding: Coding, bits: &mut BitReader<'_>, samples: &mut Vec<u32>) -> Result<(), &'static str> {
    let before = samples.len() / coding.block;
    let left = coding.blocks.saturating_sub(before);
    let run = match bits.take_unary().ok_or(ENDS)? {
        REST_OF_SEGMENT => left.min(64 - before % 64),
        n if n < REST_OF_SEGMENT => n as usize + 1,
        n => n as usize,
    };
    if run > left {
        return Err("a run of zeros beyond its interval");
    }
    samples.resize((before + run) * coding.block, 0);
    Ok(())
}

/// The second extension: the pair (a, b) as (a + b)(a + b + 1) / 2 + b. With a first sample before it, the first pair
/// gives only its second.
fn pairs(bits: &mut BitReader<'_>, count: usize, samples: &mut Vec<u32>) -> Result<(), &'static str> {
    let end = samples.len() + count;
    let mut only_second = count % 2 == 1;
    while samples.len() < end {
        let pair = bits.take_unary().ok_or(ENDS)?;
        // libaec's table ends here; a larger sum never pays.
        let sum = (0..13u32).rev().find(|n| n * (n + 1) / 2 <= pair).unwrap_or(0);
        let second = pair - sum * (sum + 1) / 2;
        let first = sum.checked_sub(second).ok_or("a pair of samples that does not exist")?;
        if !only_second {
            samples.push(first);
        }
        only_second = false;
        samples.push(second);
    }
    Ok(())
}

/// Samples cut in two: the upper parts in unary, then the lower `k` bits.
fn split(k: u32, bits: &mut BitReader<'_>, count: usize, samples: &mut Vec<u32>) -> Option<()> {
    let start = samples.len();
    for _ in 0..count {
        samples.push(bits.take_unary()? << k);
    }
    if k > 0 {
        for sample in &mut samples[start..] {
            *sample |= bits.take(k)?;
        }
    }
    Some(())
}

/// Makes samples of the mapped differences behind the first: those that go both ways alternate in sign, the others say
/// how far it is from the nearer end of the range. Wrapping, as damaged streams leave the range.
fn add_up(samples: &mut [u32], greatest: u32) {
    let Some((&mut first, rest)) = samples.split_first_mut() else { return };
    let upper_half = greatest / 2 + 1;
    let mut last = first;
    for sample in rest {
        let mapped = *sample;
        let mirror = if last & upper_half != 0 { greatest } else { 0 };
        last = if mapped.div_ceil(2) <= mirror ^ last {
            let sign = 0u32.wrapping_sub(mapped & 1);
            last.wrapping_add(mapped >> 1 ^ sign)
        } else {
            mirror ^ mapped
        };
        *sample = last;
    }
}
