//! Scale-offset (filter 6): numbers as what they are above the least of their chunk, in as few bits as that takes.
//! Integers come back as they were; floats are rounded to a number of decimal digits first.
//!
//! A chunk is 21 bytes of header (bits of a code as u32, the 8 bytes that the next field has, the least value, zeros) and
//! the codes, most significant bit first, with a spare byte where they end at a byte's end. Where the codes would be no
//! shorter than the numbers these follow as they are, little-endian. The highest code is the fill value, if that is
//! defined.
//!
//! | parameter | meaning |
//! | --- | --- |
//! | 0 | 0 decimal digits of floats ("D-scaling"), 1 "E-scaling", which libhdf5 never had, 2 integers |
//! | 1 | digits, may be negative; or bits of a code, 0 where the chunk decides |
//! | 2 | elements of a chunk |
//! | 3–6 | class (0 integer, 1 float), bytes, signed, byte order (0 little, 1 big) |
//! | 7 | whether a fill value is defined |
//! | 8–19 | the fill value, 32 bits each, the lowest first |
//!
//! All arithmetic is libhdf5's, in the type's own precision, so that its chunks and ours are the same. Only where it would
//! store what cannot be read back (NaN, infinity, more bits than the user allows) our filter is of no use for the chunk.

use super::bits::{BitReader, BitWriter};
use super::set_local::Target;
use super::{Call, Filter};
use crate::error::{Error, Result};
use crate::format::message::datatype::{ByteOrder, Datatype};
use std::ops::{Add, Div, Mul, Sub};

const DECIMAL_DIGITS: u32 = 0;
const EXPONENT: u32 = 1;
const INTEGERS: u32 = 2;

const PARAMETERS: usize = 20;
const FILL: usize = 8;
const HEADER: usize = 21;

pub(super) struct ScaleOffset;

#[derive(Clone, Copy)]
enum Kind {
    Integer { signed: bool },
    Float { digits: i32 },
}

/// The parameters, understood.
struct Numbers {
    kind: Kind,
    size: usize,
    big_endian: bool,
    /// Bytes of a chunk.
    chunk: u64,
    /// Bits of a code, if the user decided.
    bits: Option<u32>,
    /// As the bits of a number.
    fill: Option<u64>,
}

/// The codes of a chunk.
struct Coded {
    bits: u32,
    /// The least value: an integer with all signs, or the bits of a float.
    least: u64,
    /// None where the numbers are as they are.
    codes: Option<Vec<u64>>,
}

impl Numbers {
    fn new(call: &Call<'_>) -> Result<Numbers> {
        let &[scaling, factor, elements, class, size, sign, order, has_fill, low, high, ..] = call.parameters else {
            return Err(call.damaged(format!("{} parameters", call.parameters.len())));
        };
        let factor = factor as i32;
        let kind = match (class, scaling, size) {
            (0, INTEGERS, 1 | 2 | 4 | 8) if sign <= 1 => Kind::Integer { signed: sign == 1 },
            (1, DECIMAL_DIGITS, 4 | 8) => Kind::Float { digits: factor },
            (1, EXPONENT, _) => return Err(Error::unsupported("E-scaling of the filter scale-offset")),
            _ => return Err(call.damaged(format!("scaling {scaling} of numbers of class {class}, {size} bytes"))),
        };
        if call.parameters.len() != PARAMETERS || order > 1 {
            return Err(call.damaged(format!("{} parameters, byte order {order}", call.parameters.len())));
        }
        let bits = match kind {
            Kind::Integer { .. } if factor > 0 => Some(factor as u32),
            _ => None,
        };
        if bits > Some(8 * size) {
            return Err(call.damaged(format!("codes of {factor} bits for numbers of {size} bytes")));
        }
        let size = size as usize;
        let fill = (u64::from(high) << 32 | u64::from(low)) & mask(8 * size as u32);
        let chunk = u64::from(elements) * size as u64;
        Ok(Numbers { kind, size, big_endian: order == 1, chunk, bits, fill: (has_fill == 1).then_some(fill) })
    }

    /// Bits of a number.
    fn width(&self) -> u32 {
        8 * self.size as u32
    }

    /// Whether the user chose codes as wide as the numbers: then there is not even a header.
    fn are_untouched(&self) -> bool {
        self.bits == Some(self.width())
    }

    fn load(&self, number: &[u8]) -> u64 {
        let add = |n: u64, b: &u8| n << 8 | u64::from(*b);
        if self.big_endian { number.iter().fold(0, add) } else { number.iter().rfold(0, add) }
    }

    fn store(&self, number: u64, out: &mut Vec<u8>) {
        if self.big_endian {
            out.extend_from_slice(&number.to_be_bytes()[8 - self.size..]);
        } else {
            out.extend_from_slice(&number.to_le_bytes()[..self.size]);
        }
    }

    /// The number of each code.
    fn decoder(&self, bits: u32, least: u64) -> Box<dyn Fn(u64) -> u64> {
        let plain: Box<dyn Fn(u64) -> u64> = match (self.kind, self.size) {
            (Kind::Integer { .. }, _) => Box::new(move |code| code.wrapping_add(least)),
            (Kind::Float { digits }, 4) => Box::new(float_decoder::<f32>(digits, least)),
            (Kind::Float { digits }, _) => Box::new(float_decoder::<f64>(digits, least)),
        };
        match self.fill {
            Some(fill) => Box::new(move |code| if code == mask(bits) { fill } else { plain(code) }),
            None => plain,
        }
    }

    /// The codes of numbers, or `None` if they have none that come back.
    fn encode(&self, numbers: &[u64]) -> Option<Coded> {
        match (self.kind, self.size) {
            (Kind::Integer { signed }, _) => self.encode_integers(numbers, signed),
            (Kind::Float { digits }, 4) => self.encode_floats::<f32>(numbers, digits),
            (Kind::Float { digits }, _) => self.encode_floats::<f64>(numbers, digits),
        }
    }

    fn encode_integers(&self, numbers: &[u64], signed: bool) -> Option<Coded> {
        let width = self.width();
        // With the sign turned over signed numbers compare as unsigned ones.
        let sign = if signed { 1 << (width - 1) } else { 0 };
        let others = || numbers.iter().filter(|&&n| Some(n) != self.fill).map(|&n| n ^ sign);
        let (min, max) = (others().min().unwrap_or(sign), others().max().unwrap_or(sign));
        let least = sign_extended(min ^ sign, width, signed);
        if self.bits.is_none() && max - min > mask(width) - 2 {
            // libhdf5 leaves before it has stored the least value, but for this type.
            let stored = signed && self.size == 1 && self.fill.is_none();
            return Some(Coded { bits: width, least: if stored { least } else { 0 }, codes: None });
        }
        let highest = (max - min).checked_add(self.fill.is_some().into())?;
        let bits = self.bits.unwrap_or_else(|| 64 - highest.leading_zeros());
        if bits == width {
            return Some(Coded { bits, least, codes: None });
        }
        let code = |&n: &u64| if Some(n) == self.fill { mask(bits) } else { (n ^ sign) - min };
        (highest <= mask(bits)).then(|| Coded { bits, least, codes: Some(numbers.iter().map(code).collect()) })
    }

    fn encode_floats<F: Float>(&self, numbers: &[u64], digits: i32) -> Option<Coded> {
        let numbers: Vec<F> = numbers.iter().map(|&n| F::of_bits(n)).collect();
        let fill = self.fill.map(F::of_bits);
        let digits = i64::from(digits);
        let (factor, near, near_in_double) = (F::ten_to(digits), F::ten_to(-digits), f64::ten_to(-digits));
        // libhdf5 asks this twice, in two precisions.
        let is_nearly_fill = |n: F| fill.is_some_and(|fill| (n - fill).wide().abs() < near_in_double);
        let is_fill = |n: F| fill.is_some_and(|fill| (n - fill).magnitude() < near);
        let mut range: Option<(F, F)> = None;
        for &n in &numbers {
            if !n.wide().is_finite() {
                return None;
            }
            if !is_nearly_fill(n) {
                let (min, max) = range.unwrap_or((n, n));
                range = Some((if n < min { n } else { min }, if n > max { n } else { max }));
            }
        }
        let (min, max) = range.unwrap_or((F::of_bits(0), F::of_bits(0)));
        let above = |n: F| (n * factor - min * factor).rounded().wide();
        let spread = above(max);
        if spread > 2f64.powi(F::WIDTH as i32 - 1) {
            return Some(Coded { bits: F::WIDTH, least: 0, codes: None });
        }
        if spread.is_nan() {
            return None;
        }
        let highest = spread as u64 + u64::from(fill.is_some());
        let (bits, least) = (64 - highest.leading_zeros(), min.bits());
        if bits == F::WIDTH {
            return Some(Coded { bits, least, codes: None });
        }
        let code = |&n: &F| {
            let above = above(n);
            if is_fill(n) { Some(mask(bits)) } else { (0.0..=spread).contains(&above).then_some(above as u64) }
        };
        Some(Coded { bits, least, codes: Some(numbers.iter().map(code).collect::<Option<_>>()?) })
    }
}

impl Filter for ScaleOffset {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let numbers = Numbers::new(call)?;
        if numbers.are_untouched() {
            call.check_size(stored.len() as u64)?;
            out.extend_from_slice(stored);
            return Ok(());
        }
        let ends = || call.damaged("ends before its numbers");
        let size = call.check_size(numbers.chunk)?;
        let (bits, rest) = stored.split_first_chunk().ok_or_else(ends)?;
        let bits = u32::from_le_bytes(*bits);
        let (&bytes, rest) = rest.split_first().ok_or_else(ends)?;
        let least = rest.get(..usize::from(bytes.min(8))).ok_or_else(ends)?;
        let least = least.iter().rfold(0, |n, &b| n << 8 | u64::from(b));
        let payload = stored.get(HEADER..).unwrap_or_default();
        out.reserve(size);
        if bits > numbers.width() {
            return Err(call.damaged(format!("codes of {bits} bits for numbers of {}", numbers.width())));
        }
        if bits == numbers.width() {
            let plain = payload.get(..size).ok_or_else(ends)?;
            let plain = plain.chunks_exact(numbers.size).map(|n| n.iter().rfold(0, |n, &b| n << 8 | u64::from(b)));
            plain.for_each(|n| numbers.store(n, out));
            return Ok(());
        }
        let number = numbers.decoder(bits, least);
        let mut codes = BitReader::new(payload);
        for _ in 0..size / numbers.size {
            numbers.store(number(codes.take_long(bits).ok_or_else(ends)?), out);
        }
        Ok(())
    }

    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        call.may_encode()?;
        let numbers = Numbers::new(call)?;
        if numbers.are_untouched() {
            out.extend_from_slice(chunk);
            return Ok(true);
        }
        if chunk.len() as u64 != numbers.chunk {
            return Ok(false);
        }
        let plain: Vec<u64> = chunk.chunks_exact(numbers.size).map(|n| numbers.load(n)).collect();
        let Some(coded) = numbers.encode(&plain) else { return Ok(false) };
        out.extend(coded.bits.to_le_bytes());
        out.push(8);
        out.extend(coded.least.to_le_bytes());
        out.resize(HEADER, 0);
        if let Some(codes) = coded.codes {
            let mut writer = BitWriter::new(out);
            codes.iter().for_each(|&code| writer.put_long(code, coded.bits));
            writer.finish_with_spare();
        } else {
            plain.iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()[..numbers.size]));
        }
        Ok(true)
    }
}

/// The lowest bits set, up to 64.
fn mask(bits: u32) -> u64 {
    u64::MAX.checked_shr(64 - bits).unwrap_or(0)
}

fn sign_extended(number: u64, width: u32, signed: bool) -> u64 {
    let unused = 64 - width;
    if signed { ((number << unused) as i64 >> unused) as u64 } else { number }
}

/// Floats that the filter knows.
trait Float: Copy + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> {
    const WIDTH: u32;

    fn of_bits(bits: u64) -> Self;
    fn bits(self) -> u64;
    /// The nearest float to a code, which has fewer bits than the float.
    fn of_code(code: u64) -> Self;
    fn wide(self) -> f64;
    fn magnitude(self) -> Self;
    /// To the nearest integer, halves away from zero.
    fn rounded(self) -> Self;
    /// The nearest float to a power of ten. Not from a function of the platform: these differ in the last bit.
    fn ten_to(exponent: i64) -> Self;
}

macro_rules! float {
    ($float:ty, $bits:ty) => {
        impl Float for $float {
            const WIDTH: u32 = <$bits>::BITS;

            fn of_bits(bits: u64) -> Self {
                <$float>::from_bits(bits as $bits)
            }

            fn bits(self) -> u64 {
                self.to_bits().into()
            }

            fn of_code(code: u64) -> Self {
                code as $float
            }

            fn wide(self) -> f64 {
                self.into()
            }

            fn magnitude(self) -> Self {
                self.abs()
            }

            fn rounded(self) -> Self {
                self.round()
            }

            fn ten_to(exponent: i64) -> Self {
                // Every such text is a number, if an infinite one.
                format!("1e{exponent}").parse().unwrap_or(<$float>::INFINITY)
            }
        }
    };
}

float!(f32, u32);
float!(f64, u64);

/// The float of each code, as bits.
fn float_decoder<F: Float + 'static>(digits: i32, least: u64) -> impl Fn(u64) -> u64 {
    let (factor, least) = (F::ten_to(digits.into()), F::of_bits(least));
    move |code| (F::of_code(code) / factor + least).bits()
}

/// The parameters that libhdf5 stores for the kind of scaling and its factor.
pub(super) fn set_local(user: &[u32], target: &Target<'_>) -> Result<Vec<u32>> {
    let &[scaling, factor, ..] = user else {
        return Err(Error::invalid("scale-offset needs the kind of scaling and its factor"));
    };
    let refused = || Error::unsupported(format!("scale-offset of elements of {}", target.datatype));
    let (class, bits, signed, wanted) = match target.datatype {
        Datatype::Integer { bits, signed } if matches!(bits.size, 1 | 2 | 4 | 8) => (0, bits, *signed, INTEGERS),
        Datatype::Float(float) if matches!(float.bits.size, 4 | 8) => (1, &float.bits, false, DECIMAL_DIGITS),
        _ => return Err(refused()),
    };
    if scaling != wanted || (class == 0 && factor > 8 * bits.size) {
        return Err(Error::invalid(format!("scale-offset: scaling {scaling} by {factor} of {}", target.datatype)));
    }
    let order = match bits.order {
        ByteOrder::Little => 0,
        ByteOrder::Big => 1,
        ByteOrder::Vax => return Err(refused()),
    };
    let elements = target.elements()? as u32;
    let mut parameters = vec![scaling, factor, elements, class, bits.size, signed.into(), order, 0];
    parameters.resize(PARAMETERS, 0);
    if let Some(fill) = target.fill {
        if fill.len() as u64 != u64::from(bits.size) {
            return Err(Error::mismatch(format!("a fill value of {} bytes for {}", fill.len(), target.datatype)));
        }
        let add = |n: u64, b: &u8| n << 8 | u64::from(*b);
        let fill = if order == 1 { fill.iter().fold(0, add) } else { fill.iter().rfold(0, add) };
        parameters[FILL - 1] = 1;
        (parameters[FILL], parameters[FILL + 1]) = (fill as u32, (fill >> 32) as u32);
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(parameters: &[u32], most: usize) -> Call<'_> {
        Call { parameters, most, name: "scale-offset" }
    }

    fn parameters(first: &[u32]) -> Vec<u32> {
        let mut all = first.to_vec();
        all.resize(PARAMETERS, 0);
        all
    }

    /// Encodes to these bytes, all but the zeros behind the least value.
    fn stores(parameters: &[u32], chunk: &[u8], header: &[u8], codes: &[u8]) {
        let (mut stored, mut back) = (Vec::new(), Vec::new());
        let call = call(parameters, chunk.len());
        assert!(ScaleOffset.encode(chunk, &call, &mut stored).unwrap());
        assert_eq!(stored[..13], *header);
        assert_eq!(stored[13..HEADER], [0; 8]);
        assert_eq!(stored[HEADER..], *codes);
        ScaleOffset.decode(&stored, &call, &mut back).unwrap();
        assert_eq!(back, chunk);
        let end = stored.len() - 2;
        assert!(ScaleOffset.decode(&stored[..end], &call, &mut Vec::new()).is_err());
    }

    #[test]
    fn integers_are_stored_above_the_least() {
        let chunk: Vec<u8> =
            [100, 105, 97, 300, 250, 101, 99, 102].iter().flat_map(|n: &i32| n.to_le_bytes()).collect();
        let header = [8, 0, 0, 0, 8, 97, 0, 0, 0, 0, 0, 0, 0];
        stores(&parameters(&[2, 0, 8, 0, 4, 1, 0, 1]), &chunk, &header, &[3, 8, 0, 0xcb, 0x99, 4, 2, 5, 0]);
        let chunk: Vec<u8> = [5, 6, 7, 8, 9, 10, -1, -1].iter().flat_map(|n: &i16| n.to_le_bytes()).collect();
        let header = [3, 0, 0, 0, 8, 5, 0, 0, 0, 0, 0, 0, 0];
        stores(&parameters(&[2, 0, 8, 0, 2, 1, 0, 1, 0xffff]), &chunk, &header, &[5, 0x39, 0x7f, 0]);
    }

    #[test]
    fn floats_are_stored_in_decimal_digits() {
        let values = [1.25, 2.5, -3.75, 10.0, 0.0, 0.0, 7.5, 8.25f64];
        let chunk: Vec<u8> = values.iter().flat_map(|n| n.to_le_bytes()).collect();
        let mut header = [11, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        header[5..].copy_from_slice(&(-3.75f64).to_le_bytes());
        // 500, 625, 0, 1375, fill, fill, 1125, 1200 of 11 bits.
        let codes = [0x3e, 0x89, 0xc4, 0x00, 0x55, 0xff, 0xff, 0xff, 0xe3, 0x2c, 0xb0, 0];
        let parameters = parameters(&[0, 2, 8, 1, 8, 0, 0, 1]);
        stores(&parameters, &chunk, &header, &codes);
        // Others are rounded.
        let (mut stored, mut back) = (Vec::new(), Vec::new());
        let values = [1.234, 2.5, -3.75, 10.01, 0.0, 0.0, 7.5, 8.25f64];
        let chunk: Vec<u8> = values.iter().flat_map(|n| n.to_le_bytes()).collect();
        assert!(ScaleOffset.encode(&chunk, &call(&parameters, 64), &mut stored).unwrap());
        assert_eq!(stored[HEADER..], [0x3e, 0x49, 0xc4, 0, 0x56, 0x0f, 0xff, 0xff, 0xe3, 0x2c, 0xb0, 0]);
        ScaleOffset.decode(&stored, &call(&parameters, 64), &mut back).unwrap();
        assert_eq!(back[..8], (4.98f64 - 3.75).to_le_bytes());
    }

    #[test]
    fn what_would_not_come_back_is_not_stored() {
        let encode = |first: &[u32], chunk: &[u8]| {
            ScaleOffset.encode(chunk, &call(&parameters(first), chunk.len()), &mut Vec::new()).unwrap()
        };
        // More bits than the user allows; the fill value takes the highest code.
        assert!(encode(&[2, 3, 2, 0, 1, 0, 0, 0], &[1, 8]));
        assert!(!encode(&[2, 3, 2, 0, 1, 0, 0, 0], &[1, 9]));
        assert!(!encode(&[2, 3, 2, 0, 1, 0, 0, 1], &[1, 8]));
        assert!(!encode(
            &[2, 63, 2, 0, 8, 1, 0, 1],
            &[1, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]
        ));
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let chunk = [1f32.to_le_bytes(), odd.to_le_bytes()].concat();
            assert!(!encode(&[0, 2, 2, 1, 4, 0, 0, 0], &chunk));
            assert!(!encode(&[0, 2, 2, 1, 4, 0, 0, 1, 0x7fc0_0000], &chunk));
        }
        // Ten to the thousandth is no float.
        assert!(!encode(&[0, 1000, 2, 1, 4, 0, 0, 0], &[1, 2, 3, 4, 5, 6, 7, 8]));
        // A chunk of another size.
        assert!(!encode(&[2, 0, 3, 0, 1, 0, 0, 0], &[1, 8]));
    }

    #[test]
    fn parameters_that_make_no_sense_are_damage() {
        for bad in [
            &[2, 0, 2, 0, 3, 0, 0, 0][..],
            &[2, 0, 2, 0, 4, 2, 0, 0],
            &[2, 0, 2, 0, 4, 0, 2, 0],
            &[2, 33, 2, 0, 4, 0, 0, 0],
            &[0, 0, 2, 0, 4, 0, 0, 0],
            &[2, 0, 2, 1, 4, 0, 0, 0],
            &[0, 0, 2, 1, 2, 0, 0, 0],
            &[2, 0, 2, 2, 4, 0, 0, 0],
            &[2, 0, 3, 0, 4, 0, 0, 0],
            &[2, 0, u32::MAX, 0, 8, 0, 0, 0],
        ] {
            let error = ScaleOffset.decode(&[0; 64], &call(&parameters(bad), 8), &mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Damaged, "{bad:?}");
        }
        assert!(ScaleOffset.decode(&[0; 64], &call(&[2, 0, 2, 0, 4], 8), &mut Vec::new()).is_err());
        assert!(ScaleOffset.decode(&[0; 64], &call(&[2; 21], 8), &mut Vec::new()).is_err());
        let error = ScaleOffset.decode(&[0; 64], &call(&parameters(&[1, 5, 2, 1, 4]), 8), &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "not supported: E-scaling of the filter scale-offset");
    }

    #[test]
    fn every_width_of_code_is_bounded() {
        let parameters = parameters(&[2, 0, 4, 0, 8, 1, 1, 1, 5, 6]);
        for bits in (0..=64).chain([65, 1000, u32::MAX]) {
            for length in 0..64 {
                let stored = [&bits.to_le_bytes()[..], &[200; 60]].concat();
                let mut out = Vec::new();
                let decoded = ScaleOffset.decode(&stored[..length], &call(&parameters, 32), &mut out).is_ok();
                let needed = if bits == 0 { 13 } else { HEADER + (4 * bits as usize).div_ceil(8) };
                assert_eq!(decoded, bits <= 64 && length >= needed, "{bits} bits, {length} bytes");
                assert!(out.len() <= 32);
            }
        }
    }

    #[test]
    fn powers_of_ten_are_the_nearest_floats() {
        assert_eq!(f32::ten_to(-2), 0.01);
        assert_eq!(f64::ten_to(22), 1e22);
        assert_eq!(f32::ten_to(39), f32::INFINITY);
        assert_eq!(f64::ten_to(i64::from(i32::MIN)), 0.0);
    }
}
