//! VBZ (filter 32020, of Oxford Nanopore's fast5 files): integers as their zig-zag differences, each in as few bytes as
//! it needs ("Stream VByte"), and that as a Zstandard frame.
//!
//! Parameters: version (0 or 1), the integers' bytes (1, 2, 4; 0: bytes as they are), whether differences are taken,
//! Zstandard's level (0: no frame; 1 where it is missing). A chunk begins with its decoded size.
//!
//! ```text
//! size: u32    lengths: 2 bits an integer, lowest first    integers, little-endian
//! ```
//!
//! The lengths are 1 to 4 bytes; in version 1 integers of one byte have 0, 1, 2 or 4 half bytes, lowest first.

use super::{Call, Filter, zstd};
use crate::error::{Error, Result};
use std::borrow::Cow;

pub(super) struct Vbz;

/// What the parameters say.
struct Options {
    /// The bytes of an integer.
    size: usize,
    differences: bool,
    level: i32,
    /// Lengths are in half bytes.
    halves: bool,
}

impl Options {
    fn read(call: &Call<'_>) -> Result<Options> {
        let version = call.parameter(0)?;
        let size = call.parameter(1)?;
        let differences = call.parameter(2)? != 0;
        if version > 1 {
            return Err(Error::unsupported(format!("version {version} of {}", call.name)));
        }
        if !matches!(size, 0 | 1 | 2 | 4) {
            return Err(call.damaged(format!("integers of {size} bytes")));
        }
        let level = call.parameters.get(3).map_or(1, |&level| level as i32);
        Ok(Options { size: size as usize, differences, level, halves: version == 1 && size == 1 })
    }
}

impl Filter for Vbz {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let options = Options::read(call)?;
        let (size, coded) = stored.split_first_chunk().ok_or_else(|| call.damaged("ends in its size"))?;
        let size = call.check_size(u64::from(u32::from_le_bytes(*size)))?;
        let mut coded = Cow::Borrowed(coded);
        if options.level != 0 {
            // No integer takes more than 4 bytes and 2 bits.
            let integers = size.checked_div(options.size).unwrap_or(0);
            let most = size.saturating_add(integers.saturating_mul(4)).saturating_add(1);
            let mut unpacked = Vec::new();
            zstd::unpack(&coded, most, call, &mut unpacked)?;
            coded = Cow::Owned(unpacked);
        }
        if options.size == 0 {
            out.extend_from_slice(&coded);
        } else {
            decode(&coded, size, &options, call, out)?;
        }
        if out.len() != size {
            return Err(call.damaged(format!("decodes to {} bytes, not {size}", out.len())));
        }
        Ok(())
    }

    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        call.may_encode()?;
        let options = Options::read(call)?;
        let Ok(size) = u32::try_from(chunk.len()) else { return Ok(false) };
        if options.size != 0 && !chunk.len().is_multiple_of(options.size) {
            return Err(Error::mismatch(format!("{}: a chunk that is no whole number of integers", call.name)));
        }
        let coded = if options.size == 0 { Cow::Borrowed(chunk) } else { Cow::Owned(encode(chunk, &options)) };
        out.extend(size.to_le_bytes());
        if options.level == 0 {
            out.extend_from_slice(&coded);
        } else {
            out.append(&mut zstd::pack(&coded, options.level));
        }
        Ok(true)
    }
}

/// The integers behind their lengths, as bytes.
fn decode(coded: &[u8], size: usize, options: &Options, call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
    let cut = || call.damaged("the integers are cut off");
    let count = size / options.size;
    let (lengths, mut bytes) = coded.split_at_checked(count.div_ceil(4)).ok_or_else(cut)?;
    let mut halves = Halves { bytes, at: 0 };
    let mut last = 0u32;
    out.reserve(size);
    for i in 0..count {
        let length = usize::from(lengths[i / 4] >> (2 * (i % 4)) & 3);
        let mut value = [0; 4];
        if options.halves {
            let half_bytes = [0, 1, 2, 4][length];
            value = halves.next(half_bytes).ok_or_else(cut)?.to_le_bytes();
        } else {
            let (own, rest) = bytes.split_at_checked(length + 1).ok_or_else(cut)?;
            value[..=length].copy_from_slice(own);
            bytes = rest;
        }
        let mut value = u32::from_le_bytes(value);
        if options.differences {
            last = last.wrapping_add(value >> 1 ^ (value & 1).wrapping_neg());
            value = last;
        }
        out.extend_from_slice(&value.to_le_bytes()[..options.size]);
    }
    let left = if options.halves { halves.left() } else { bytes.len() };
    if left != 0 {
        return Err(call.damaged(format!("{left} bytes behind the integers")));
    }
    Ok(())
}

fn encode(chunk: &[u8], options: &Options) -> Vec<u8> {
    let count = chunk.len() / options.size;
    let mut out = vec![0; count.div_ceil(4)];
    let mut halves = Vec::new();
    let mut last = 0u32;
    for (i, bytes) in chunk.chunks_exact(options.size).enumerate() {
        // With its sign, as differences need it.
        let filler = if bytes[options.size - 1] >= 0x80 { 0xff } else { 0 };
        let mut value = [filler; 4];
        value[..options.size].copy_from_slice(bytes);
        let mut value = u32::from_le_bytes(value);
        if options.differences {
            let difference = value.wrapping_sub(last);
            last = value;
            value = difference << 1 ^ (difference >> 31).wrapping_neg();
        }
        let length = if options.halves {
            let (length, count) = match value {
                0 => (0, 0),
                1..=0xf => (1, 1),
                0x10..=0xff => (2, 2),
                _ => (3, 4),
            };
            halves.extend((0..count).map(|n| (value >> (4 * n) & 0xf) as u8));
            length
        } else {
            let length = (value.checked_ilog2().unwrap_or(0) / 8) as u8;
            out.extend_from_slice(&value.to_le_bytes()[..=usize::from(length)]);
            length
        };
        out[i / 4] |= length << (2 * (i % 4));
    }
    out.extend(halves.chunks(2).map(|pair| pair[0] | pair.get(1).map_or(0, |high| high << 4)));
    out
}

/// Half bytes, the low one of each byte first.
struct Halves<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Halves<'_> {
    /// The next few as a number.
    fn next(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for n in 0..count {
            let byte = *self.bytes.get(self.at / 2)?;
            value |= u32::from(byte >> (4 * (self.at % 2)) & 0xf) << (4 * n);
            self.at += 1;
        }
        Some(value)
    }

    /// Whole bytes that were not used.
    fn left(&self) -> usize {
        self.bytes.len() - self.at.div_ceil(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(parameters: &[u32], chunk: &[u8]) -> Vec<u8> {
        let call = Call { parameters, most: chunk.len(), name: "VBZ" };
        let (mut stored, mut back) = (Vec::new(), Vec::new());
        assert!(Vbz.encode(chunk, &call, &mut stored).unwrap());
        Vbz.decode(&stored, &call, &mut back).unwrap();
        assert_eq!(back, chunk, "{parameters:?}");
        for cut in 0..stored.len() {
            assert!(Vbz.decode(&stored[..cut], &call, &mut Vec::new()).is_err(), "{parameters:?} cut at {cut}");
        }
        assert!(Vbz.decode(&stored, &Call { most: chunk.len() - 1, ..call }, &mut Vec::new()).is_err());
        stored
    }

    #[test]
    fn every_version_size_and_level_round_trips() {
        let chunk: Vec<u8> =
            (0..48u32).flat_map(|n| n.wrapping_mul(n * n).wrapping_mul(50_021).to_le_bytes()).collect();
        for version in [0, 1] {
            for size in [0, 1, 2, 4] {
                for differences in [0, 1] {
                    for level in [0, 1, 5] {
                        round_trip(&[version, size, differences, level], &chunk);
                    }
                }
            }
        }
    }

    #[test]
    fn integers_stand_behind_their_lengths() {
        // 5, -3, 1000 as zig-zag differences: 10, 15, 2006.
        let chunk = [5, 0, 0xfd, 0xff, 0xe8, 3];
        assert_eq!(round_trip(&[0, 2, 1, 0], &chunk), [6, 0, 0, 0, 0b01_00_00, 10, 15, 0xd6, 7]);
        // Half bytes: 1, 0, 17, 255 have 1, 0, 2, 2 of them; those below zero have 4.
        assert_eq!(round_trip(&[1, 1, 0, 0], &[1, 0, 17, 127]), [4, 0, 0, 0, 0b10_10_00_01, 0x11, 0xf1, 0x07]);
        assert_eq!(round_trip(&[1, 1, 0, 0], &[0x80]), [1, 0, 0, 0, 3, 0x80, 0xff]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for parameters in [&[2u32, 2, 1, 1][..], &[0, 3, 1, 1], &[0, 8, 1, 1], &[0, 2]] {
            let call = Call { parameters, most: 100, name: "VBZ" };
            assert!(Vbz.decode(&[0; 8], &call, &mut Vec::new()).is_err());
        }
    }
}
