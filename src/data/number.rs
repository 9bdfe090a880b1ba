//! Stored numbers as Rust's, without losing a value.

use super::float;
use crate::error::{Error, Result};
use crate::format::message::datatype::{Bits, ByteOrder, Datatype};
use byteorder::{BE, ByteOrder as _, LE};

/// A Rust number that stored ones can become.
pub(crate) trait Numeric: Copy + std::fmt::Display {
    const ZERO: Self;
    fn from_i128(n: i128) -> Option<Self>;
    fn from_i64(n: i64) -> Option<Self>;
    fn from_u64(n: u64) -> Option<Self>;
    fn from_f64(x: f64) -> Option<Self>;
}

macro_rules! integer {
    ($($t:ty)*) => {$(
        impl Numeric for $t {
            const ZERO: Self = 0;
            fn from_i128(n: i128) -> Option<Self> { n.try_into().ok() }
            fn from_i64(n: i64) -> Option<Self> { n.try_into().ok() }
            fn from_u64(n: u64) -> Option<Self> { n.try_into().ok() }
            // Only whole numbers in range: `as` saturates, so what it changes does not compare equal. The largest
            // value rounds up to a power of two as a float, which compares equal though it does not fit.
            fn from_f64(x: f64) -> Option<Self> {
                let n = x as $t;
                (n as f64 == x && !(n == <$t>::MAX && x >= 2f64.powi(63))).then_some(n)
            }
        }
    )*};
}

integer!(u8 i8 u16 i16 u32 i32 u64 i64);

macro_rules! float {
    ($($t:ty)*) => {$(
        impl Numeric for $t {
            const ZERO: Self = 0.0;
            fn from_i128(n: i128) -> Option<Self> { Some(n as $t).filter(|&x| x as i128 == n) }
            fn from_i64(n: i64) -> Option<Self> { Some(n as $t).filter(|&x| x as i128 == i128::from(n)) }
            fn from_u64(n: u64) -> Option<Self> { Some(n as $t).filter(|&x| x as i128 == i128::from(n)) }
            fn from_f64(x: f64) -> Option<Self> { Some(x as $t) }
        }
    )*};
}

float!(f32 f64);

/// Converts stored numbers; `None` where the elements are no numbers.
pub(crate) fn convert<T: Numeric>(bytes: &[u8], datatype: &Datatype) -> Option<Result<Vec<T>>> {
    match datatype {
        Datatype::Integer { bits, signed } => Some(integers(bytes, *bits, *signed)),
        Datatype::Float(f) if f.is_ieee() && f.bits.order != ByteOrder::Vax && f.bits.size > 2 => {
            let big = f.bits.order == ByteOrder::Big;
            Some(match (f.bits.size, big) {
                (4, false) => each(bytes, 4, |e| LE::read_f32(e).into(), T::from_f64),
                (4, true) => each(bytes, 4, |e| BE::read_f32(e).into(), T::from_f64),
                (_, false) => each(bytes, 8, LE::read_f64, T::from_f64),
                (_, true) => each(bytes, 8, BE::read_f64, T::from_f64),
            })
        }
        Datatype::Float(f) => {
            let size = f.bits.size as usize;
            if size > 16 {
                return Some(Err(Error::unsupported(format!("floating-point numbers of {size} bytes"))));
            }
            Some(each(bytes, size, |e| float::decode(e, f).unwrap_or(f64::NAN), T::from_f64))
        }
        _ => None,
    }
}

fn integers<T: Numeric>(bytes: &[u8], bits: Bits, signed: bool) -> Result<Vec<T>> {
    let size = bits.size as usize;
    let big = bits.order == ByteOrder::Big;
    if !bits.is_full() || !matches!(size, 1 | 2 | 4 | 8) {
        if size > 16 {
            return Err(Error::unsupported(format!("integers of {size} bytes")));
        }
        return each(bytes, size, |e| integer(e, bits, signed), T::from_i128);
    }
    match (size, signed, big) {
        (1, true, _) => each(bytes, 1, |e| i64::from(e[0] as i8), T::from_i64),
        (1, false, _) => each(bytes, 1, |e| u64::from(e[0]), T::from_u64),
        (2, true, false) => each(bytes, 2, |e| LE::read_i16(e).into(), T::from_i64),
        (2, true, true) => each(bytes, 2, |e| BE::read_i16(e).into(), T::from_i64),
        (2, false, false) => each(bytes, 2, |e| LE::read_u16(e).into(), T::from_u64),
        (2, false, true) => each(bytes, 2, |e| BE::read_u16(e).into(), T::from_u64),
        (4, true, false) => each(bytes, 4, |e| LE::read_i32(e).into(), T::from_i64),
        (4, true, true) => each(bytes, 4, |e| BE::read_i32(e).into(), T::from_i64),
        (4, false, false) => each(bytes, 4, |e| LE::read_u32(e).into(), T::from_u64),
        (4, false, true) => each(bytes, 4, |e| BE::read_u32(e).into(), T::from_u64),
        (_, true, false) => each(bytes, 8, LE::read_i64, T::from_i64),
        (_, true, true) => each(bytes, 8, BE::read_i64, T::from_i64),
        (_, false, false) => each(bytes, 8, LE::read_u64, T::from_u64),
        (_, false, true) => each(bytes, 8, BE::read_u64, T::from_u64),
    }
}

fn each<N: Copy + std::fmt::Display, T>(
    bytes: &[u8],
    size: usize,
    read: impl Fn(&[u8]) -> N,
    convert: impl Fn(N) -> Option<T>,
) -> Result<Vec<T>> {
    let one = |element: &[u8]| {
        let number = read(element);
        convert(number).ok_or_else(|| {
            let wanted = std::any::type_name::<T>();
            Error::mismatch(format!("the value {number} does not fit {wanted}; read it as a wider type"))
        })
    };
    bytes.chunks_exact(size).map(one).collect()
}

/// An integer of up to 16 bytes whose significant bits lie anywhere.
pub(crate) fn integer(element: &[u8], bits: Bits, signed: bool) -> i128 {
    let add = |n: u128, &b: &u8| n << 8 | u128::from(b);
    let all = match bits.order {
        ByteOrder::Big => element.iter().fold(0, add),
        _ => element.iter().rev().fold(0, add),
    };
    // Push the significant bits to the top and back: that drops the others and extends the sign.
    let unused = 128 - u32::from(bits.precision.min(128));
    let top = (all >> bits.offset.min(127)) << unused.min(127);
    if signed { (top as i128) >> unused.min(127) } else { (top >> unused.min(127)) as i128 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::message::datatype::Float;

    #[test]
    fn a_value_that_does_not_fit_is_an_error_and_not_another_value() {
        let i64s = Datatype::integer(8, true);
        let bytes: Vec<u8> = [1i64, 255, 256].iter().flat_map(|n| n.to_le_bytes()).collect();
        assert_eq!(convert::<u8>(&bytes[..16], &i64s).unwrap().unwrap(), [1, 255]);
        let error = convert::<u8>(&bytes, &i64s).unwrap().unwrap_err();
        assert_eq!(error.message(), "the value 256 does not fit u8; read it as a wider type");
    }

    #[test]
    fn floats_become_integers_only_where_they_are_whole() {
        assert_eq!(<i64 as Numeric>::from_f64(3.0), Some(3));
        assert_eq!(<i64 as Numeric>::from_f64(2f64.powi(63)), None);
        assert_eq!(<u64 as Numeric>::from_f64(2f64.powi(63)), Some(1 << 63));
        assert_eq!(<u64 as Numeric>::from_f64(2f64.powi(64)), None);
        assert_eq!(<u8 as Numeric>::from_f64(255.0), Some(255));
        assert_eq!(<u8 as Numeric>::from_f64(0.5), None);
        assert_eq!(<u8 as Numeric>::from_f64(f64::NAN), None);
        assert_eq!(<f64 as Numeric>::from_i64((1 << 53) + 1), None);
    }

    #[test]
    fn significant_bits_are_found_wherever_they_lie() {
        let bits = Bits { size: 2, order: ByteOrder::Big, offset: 4, precision: 5 };
        assert_eq!(integer(&[0xff, 0x0f], bits, true), -16);
        assert_eq!(integer(&[0xff, 0x0f], bits, false), 16);
        let wide = Bits::full(16, ByteOrder::Little);
        assert_eq!(integer(&[0xff; 16], wide, true), -1);
    }

    #[test]
    fn byte_orders_agree() {
        let big = Datatype::Float(Float::ieee(8, ByteOrder::Big));
        assert_eq!(convert::<f32>(&1.5f64.to_be_bytes(), &big).unwrap().unwrap(), [1.5f32]);
    }
}
