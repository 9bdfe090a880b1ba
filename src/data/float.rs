//! Floating-point numbers of any layout as `f64` (specification: floating-point datatype properties).

use crate::format::message::datatype::{ByteOrder, Float, Normalization};

/// Layouts of 8 bits and fewer without infinities: OCP 8-bit E4M3, and 6- and 4-bit numbers. libhdf5 converts these as
/// if they had some; we follow their definition.
#[derive(Clone, Copy, PartialEq)]
enum Special {
    /// An exponent of all ones is infinity or not a number.
    Ieee,
    /// Only all ones in exponent and mantissa is not a number.
    NanOnly,
    /// Every pattern is a number.
    Finite,
}

fn special(f: &Float) -> Special {
    if f.norm != Normalization::Implied {
        return Special::Ieee;
    }
    match (f.bits.size, f.bits.precision, f.exponent_bits, f.mantissa_bits) {
        (1, 8, 4, 3) => Special::NanOnly,
        (1, 6, _, _) | (1, 4, _, _) => Special::Finite,
        _ => Special::Ieee,
    }
}

/// The number that `element` holds, rounded to `f64`. Numbers wider than 16 bytes are not known.
pub(crate) fn decode(element: &[u8], f: &Float) -> Option<f64> {
    decode_bits(bits(element, f.bits.order)?, f)
}

/// The same for an element's bits.
pub(crate) fn decode_bits(bits: u128, f: &Float) -> Option<f64> {
    let field =
        |position: u8, width: u8| bits >> position & (1u128.checked_shl(width.into()).unwrap_or(0).wrapping_sub(1));
    let negative = field(f.sign, 1) != 0;
    let exponent = field(f.exponent, f.exponent_bits) as u64;
    let mantissa = field(f.mantissa, f.mantissa_bits);
    let signed = |magnitude: f64| if negative { -magnitude } else { magnitude };
    let top = u64::MAX >> (64 - u32::from(f.exponent_bits));
    // x87 stores the bit before the point.
    let fraction_bits = i64::from(f.mantissa_bits) - i64::from(f.norm == Normalization::Set);
    let fraction = if f.norm == Normalization::Set { mantissa & !(1u128 << fraction_bits.min(127)) } else { mantissa };
    match special(f) {
        Special::Ieee if exponent == top && fraction == 0 => return Some(signed(f64::INFINITY)),
        Special::Ieee if exponent == top => return Some(f64::NAN),
        Special::NanOnly if exponent == top && mantissa == (1 << f.mantissa_bits) - 1 => {
            return Some(f64::NAN);
        }
        _ => {}
    }
    let (significand, power) = match (f.norm, exponent) {
        // Subnormal: the exponent counts as 1 and nothing is implied.
        (Normalization::Implied, 0) => (mantissa, 1 - i64::from(f.bias)),
        (Normalization::Implied, e) => {
            (mantissa | 1u128.checked_shl(f.mantissa_bits.into())?, e as i64 - i64::from(f.bias))
        }
        (_, 0) => (mantissa, 1 - i64::from(f.bias)),
        (_, e) => (mantissa, e as i64 - i64::from(f.bias)),
    };
    Some(signed(scale(significand, power - fraction_bits)))
}

/// The element's bits as one number.
pub(crate) fn bits(element: &[u8], order: ByteOrder) -> Option<u128> {
    if element.len() > 16 {
        return None;
    }
    let little = |bytes: &mut dyn Iterator<Item = &u8>| bytes.fold(0u128, |n, &b| n << 8 | u128::from(b));
    Some(match order {
        ByteOrder::Big => little(&mut element.iter()),
        ByteOrder::Little => little(&mut element.iter().rev()),
        // Words of 16 bits, the most significant first, each little-endian.
        ByteOrder::Vax => element.chunks(2).fold(0, |n, w| w.iter().rev().fold(n, |n, &b| n << 8 | u128::from(b))),
    })
}

/// `significand × 2^power`, rounded once, to nearest and even.
fn scale(significand: u128, power: i64) -> f64 {
    if significand == 0 {
        return 0.0;
    }
    let length = i64::from(128 - significand.leading_zeros());
    // The power of the least significant bit that an f64 of this size keeps; subnormals keep fewer.
    let least = (power + length - 53).max(-1074);
    let dropped = least - power;
    let kept = if dropped <= 0 {
        // Exact: at most 53 bits.
        return exact(significand, power);
    } else if dropped >= 128 {
        0
    } else {
        let (kept, rest) = (significand >> dropped, significand & ((1 << dropped) - 1));
        let half = 1u128 << (dropped - 1);
        kept + u128::from(rest > half || (rest == half && kept & 1 == 1))
    };
    exact(kept, least)
}

/// `significand × 2^power` of at most 54 bits; no further rounding happens.
fn exact(significand: u128, power: i64) -> f64 {
    let value = significand as f64;
    // In two steps, as 2^power alone may be out of range while the product is not.
    let step = power.clamp(-1000, 1000);
    let rest = (power - step).clamp(-1000, 1000);
    value * pow2(step) * pow2(rest)
}

fn pow2(power: i64) -> f64 {
    f64::from_bits(((power + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::message::datatype::Bits;

    fn float(size: u32, sign: u8, exponent: (u8, u8), mantissa: (u8, u8), bias: u32, norm: Normalization) -> Float {
        let bits = Bits { precision: u16::from(sign) + 1, ..Bits::full(size, ByteOrder::Little) };
        let (exponent, exponent_bits) = exponent;
        let (mantissa, mantissa_bits) = mantissa;
        Float { bits, sign, exponent, exponent_bits, mantissa, mantissa_bits, bias, norm }
    }

    #[test]
    fn ieee_numbers_are_what_the_processor_says() {
        let (single, double) = (Float::ieee(4, ByteOrder::Little), Float::ieee(8, ByteOrder::Big));
        for x in [0.0, 1.5, -2.75, f64::MAX, 1e-310, f64::MIN_POSITIVE, f64::INFINITY] {
            assert_eq!(decode(&x.to_be_bytes(), &double), Some(x));
            assert_eq!(decode(&(x as f32).to_le_bytes(), &single), Some(f64::from(x as f32)));
        }
        assert!(decode(&f64::NAN.to_be_bytes(), &double).unwrap().is_nan());
    }

    #[test]
    fn small_and_large_layouts_are_known() {
        let bfloat16 = float(2, 15, (7, 8), (0, 7), 127, Normalization::Implied);
        assert_eq!(decode(&0x3fc0u16.to_le_bytes(), &bfloat16), Some(1.5));
        let e4m3 = float(1, 7, (3, 4), (0, 3), 7, Normalization::Implied);
        assert_eq!(decode(&[0x7e], &e4m3), Some(448.0));
        assert!(decode(&[0x7f], &e4m3).unwrap().is_nan());
        let x87 = float(16, 79, (64, 15), (0, 64), 16383, Normalization::Set);
        let mut pi = [0; 16];
        pi[..10].copy_from_slice(&[0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f, 0xc9, 0x00, 0x40]);
        assert_eq!(decode(&pi, &x87), Some(std::f64::consts::PI));
        let quad = float(16, 127, (112, 15), (0, 112), 16383, Normalization::Implied);
        let mut one = [0; 16];
        one[14..].copy_from_slice(&[0xff, 0x3f]);
        assert_eq!(decode(&one, &quad), Some(1.0));
    }
}
