//! Floating-point numbers of one layout as those of another, on their bits alone and by libhdf5's rules.
//!
//! Where both are the processor's own, libhdf5 lets the processor convert ([`as_processors_do`]); else it goes through the
//! bits itself, rounds halves away from zero, and has one pattern for what is not a number ([`as_libhdf5_does`]).

use super::float;
use crate::format::message::datatype::Float;

/// `width` ones.
fn ones(width: u8) -> u128 {
    1u128.checked_shl(width.into()).unwrap_or(0).wrapping_sub(1)
}

/// What the bits of a number say.
struct Fields {
    negative: bool,
    exponent: u128,
    mantissa: u128,
}

impl Fields {
    fn of(bits: u128, f: &Float) -> Fields {
        Fields {
            negative: bits >> f.sign & 1 != 0,
            exponent: bits >> f.exponent & ones(f.exponent_bits),
            mantissa: bits >> f.mantissa & ones(f.mantissa_bits),
        }
    }

    fn bits(&self, f: &Float) -> u128 {
        let sign = u128::from(self.negative) << f.sign;
        sign | (self.exponent & ones(f.exponent_bits)) << f.exponent
            | (self.mantissa & ones(f.mantissa_bits)) << f.mantissa
    }
}

/// The number as a processor converts it: rounded to nearest and even; what is not a number keeps its sign and the upper
/// bits of its mantissa, and is quiet.
pub(crate) fn as_processors_do(bits: u128, from: &Float, to: &Float) -> u128 {
    let Fields { negative, exponent, mantissa } = Fields::of(bits, from);
    let (m, n) = (from.mantissa_bits, to.mantissa_bits);
    if exponent == ones(from.exponent_bits) {
        let kept = if n >= m { mantissa << (n - m) } else { mantissa >> (m - n) };
        let mantissa = if mantissa == 0 { 0 } else { kept | 1 << (n - 1) };
        return Fields { negative, exponent: ones(to.exponent_bits), mantissa }.bits(to);
    }
    let x = float::decode_bits(bits, from).unwrap_or(0.0);
    let near = nearest(x, to);
    // libhdf5 looks at the range first: what is larger than the largest number is never rounded down to it.
    let too_large = float::decode_bits(near, to).is_some_and(|y| y.abs() < x.abs());
    let Fields { exponent, mantissa, .. } = Fields::of(near, to);
    if too_large && exponent + 1 == ones(to.exponent_bits) && mantissa == ones(n) {
        return Fields { negative, exponent: exponent + 1, mantissa: 0 }.bits(to);
    }
    near
}

/// `x` in the layout `to`, whose first bit is implied: the nearest number, the even one of two, infinity where it is too
/// large.
pub(crate) fn nearest(x: f64, to: &Float) -> u128 {
    let (bits, m, bias) = (x.abs().to_bits(), i64::from(to.mantissa_bits), i64::from(to.bias));
    let infinity = ones(to.exponent_bits) << m;
    let magnitude = if x.is_nan() {
        infinity | 1 << (m - 1)
    } else if x.is_infinite() {
        infinity
    } else if bits == 0 {
        0
    } else {
        let exponent = (bits >> 52).max(1) as i64;
        let significand = bits & ((1 << 52) - 1) | u64::from(bits >> 52 != 0) << 52;
        let power = exponent - 1075;
        // The power of the last bit that is kept: a number too small for its exponent keeps fewer.
        let last = (power + i64::from(significand.ilog2()) - m).max(1 - bias - m);
        let kept = match last - power {
            dropped @ ..=0 => u128::from(significand) << -dropped,
            dropped @ 1..=63 => {
                let (kept, rest, half) =
                    (significand >> dropped, significand & ((1 << dropped) - 1), 1 << (dropped - 1));
                u128::from(kept + u64::from(rest > half || (rest == half && kept & 1 == 1)))
            }
            _ => 0,
        };
        // The first bit, which is not stored, adds 1 to the exponent.
        infinity.min((((last + m + bias - 1) as u128) << m).saturating_add(kept))
    };
    Fields { negative: x.is_sign_negative(), exponent: magnitude >> m, mantissa: magnitude & ones(to.mantissa_bits) }
        .bits(to)
}

/// The number as libhdf5's own loop converts it (H5T__conv_f_f); the first bit of both is implied.
pub(crate) fn as_libhdf5_does(bits: u128, from: &Float, to: &Float) -> u128 {
    let Fields { negative, exponent, mantissa } = Fields::of(bits, from);
    let top = ones(to.exponent_bits);
    let of = |exponent, mantissa| Fields { negative, exponent, mantissa }.bits(to);
    if exponent == ones(from.exponent_bits) {
        return of(top, if mantissa == 0 { 0 } else { ones(to.mantissa_bits) });
    }
    if exponent == 0 && mantissa == 0 {
        return of(0, 0);
    }
    // The bits behind the leading one: how many, and which.
    let (m, n) = (i64::from(from.mantissa_bits), i64::from(to.mantissa_bits));
    let lead = if exponent == 0 { i64::from(mantissa.ilog2()) } else { m };
    let width = lead.max(1);
    let rest = mantissa & ((1 << lead) - 1);
    let power = exponent.max(1) as i64 - i64::from(from.bias) - (m - lead) + i64::from(to.bias);
    if power < -n {
        return of(0, 0);
    }
    if power >= top as i64 {
        return of(top, 0);
    }
    // A number too small for its exponent is shifted, and its leading one is stored.
    let (shift, power) = if power <= 0 { (1 - power, 0) } else { (0, power) };
    let denormal = exponent == 0 || shift > 0;
    let (rest, carry) =
        round(Rest { bits: rest, width }, shift + width - n, shift <= n, denormal, power + 1 < top as i64);
    let stored = match n - shift {
        ..=0 => 1,
        room => {
            let leading = if shift > 0 { 1 << room } else { 0 };
            let behind = if width >= room { rest >> (width - room) } else { rest << (room - width) };
            leading | behind & ((1 << room) - 1)
        }
    };
    match power + i64::from(carry) {
        power if power >= top as i64 => of(top, 0),
        power => of(power as u128, stored),
    }
}

/// The bits behind the leading one.
struct Rest {
    bits: u128,
    width: i64,
}

/// Rounds away from zero where the first of the `cut` bits that go is set; the bits, and whether the leading one is
/// carried. A denormal number loses that carry, and the largest number is not rounded to infinity, unless it `may_grow`.
fn round(rest: Rest, cut: i64, fits: bool, denormal: bool, may_grow: bool) -> (u128, bool) {
    let Rest { bits, width } = rest;
    if cut <= 0 || !fits || bits >> (cut - 1) & 1 == 0 {
        return (bits, false);
    }
    let mask = (1u128 << width) - 1;
    let (sum, full) = (bits + (1 << (cut - 1)), bits >> cut == mask >> cut);
    match (denormal, full) {
        (true, _) => (sum & mask, false),
        (false, true) if !may_grow => (bits, false),
        (false, _) => (sum & mask, sum > mask),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::message::datatype::ByteOrder;

    /// Bytes of the source and of the target, a number, what libhdf5 2.0 makes of it on x86-64 if both are little-endian,
    /// and what it makes of it if one is not.
    const BY_LIBHDF5: &[(u32, u32, u128, u128, u128)] = &[
        (4, 2, 0xffc00001, 0xfe00, 0xffff),
        (4, 2, 0x7f800001, 0x7e00, 0x7fff),
        (2, 8, 0xfe01, 0xfff8040000000000, 0xffffffffffffffff),
        (8, 4, 0x7ff4000000000000, 0x7fe00000, 0x7fffffff),
        (4, 2, 0x3f801000, 0x3c00, 0x3c01),
        (4, 2, 0x3f803000, 0x3c02, 0x3c02),
        (4, 2, 0x3f801001, 0x3c01, 0x3c01),
        (8, 2, 0x3ff0020000000001, 0x3c01, 0x3c01),
        (4, 2, 0x477fefff, 0x7c00, 0x7bff),
        (4, 2, 0x477ff000, 0x7c00, 0x7bff),
        (4, 2, 0x47800000, 0x7c00, 0x7c00),
        (4, 2, 0x33000000, 0x0, 0x1),
        (4, 2, 0x33000001, 0x1, 0x1),
        (4, 2, 0x33c00000, 0x2, 0x1),
        (4, 2, 0x387fe000, 0x400, 0x200),
        (4, 2, 0x387ff000, 0x400, 0x200),
        (4, 2, 0x38000fff, 0x200, 0x200),
        (2, 4, 0x1, 0x33800000, 0x33800000),
        (2, 4, 0x83ff, 0xb87fc000, 0xb87fc000),
        (8, 4, 0x3690000000000000, 0x0, 0x1),
        (8, 4, 0x380fffffffffffff, 0x800000, 0x400000),
        (8, 4, 0x47efffffffffffff, 0x7f800000, 0x7f7fffff),
        (8, 2, 0x8000000000000000, 0x8000, 0x8000),
        (8, 2, 0x1, 0x0, 0x0),
        (4, 8, 0x1, 0x36a0000000000000, 0x36a0000000000000),
        (4, 8, 0xff800000, 0xfff0000000000000, 0xfff0000000000000),
        (8, 4, 0x3ff0000010000000, 0x3f800000, 0x3f800001),
        (8, 4, 0xc00fffffffffffff, 0xc0800000, 0xc0800000),
    ];

    #[test]
    fn numbers_become_what_libhdf5_makes_of_them() {
        for &(from, to, number, processor, own) in BY_LIBHDF5 {
            let [f, t] = [from, to].map(|size| Float::ieee(size, ByteOrder::Little));
            assert_eq!(as_processors_do(number, &f, &t), processor, "{number:#x} of {from} bytes to {to}");
            assert_eq!(as_libhdf5_does(number, &f, &t), own, "{number:#x} of {from} bytes to {to}, in its own loop");
        }
    }
}
