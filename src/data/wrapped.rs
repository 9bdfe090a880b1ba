//! Elements that a wrapper reads in another way: numbers that are clamped, sequences of any length.

use super::element::{Element, KeepHeap, Stored};
use super::number::{self, Numeric};
use crate::error::{Error, Result};
use crate::format::message::datatype::Datatype;

/// A number that is read by libhdf5's rules for values that do not fit, instead of refusing them: the nearest one that
/// fits, fractions cut off, 0 for NaN, an infinity for a float that is too large.
///
/// ```
/// # fn main() -> h5manager::Result<()> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("a.h5");
/// # let mut out = h5manager::File::create(&path)?;
/// # out.build("t").write(&[-3.5f64, 70.9, 300.0])?;
/// # out.commit()?;
/// # let file = h5manager::File::open(&path)?;
/// use h5manager::Clamped;
/// assert!(file.dataset("t")?.read::<Vec<u8>>().is_err());
/// let clamped: Vec<Clamped<u8>> = file.dataset("t")?.read()?;
/// assert_eq!(clamped, [Clamped(0), Clamped(70), Clamped(255)]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Clamped<T>(pub T);

impl<T: std::fmt::Display> std::fmt::Display for Clamped<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! clamped {
    ($($t:ty, $clamp:expr;)*) => {$(
        impl Numeric for Clamped<$t> {
            const ZERO: Self = Clamped(<$t as Numeric>::ZERO);
            fn from_i128(n: i128) -> Option<Self> { Some(Clamped($clamp(n))) }
            fn from_i64(n: i64) -> Option<Self> { Self::from_i128(n.into()) }
            fn from_u64(n: u64) -> Option<Self> { Self::from_i128(n.into()) }
            // `as` cuts fractions off, saturates, and makes 0 of NaN.
            fn from_f64(x: f64) -> Option<Self> { Some(Clamped(x as $t)) }
        }

        impl Element for Clamped<$t> {
            fn datatype() -> Datatype {
                <$t>::datatype()
            }

            fn blank() -> Option<Self> {
                Some(<Self as Numeric>::ZERO)
            }

            fn from_stored(stored: Stored<'_>) -> Result<Vec<Self>> {
                let no_number = || Error::mismatch(format!("elements are {}, no numbers", stored.datatype));
                number::convert(stored.bytes, stored.datatype).ok_or_else(no_number)?
            }

            fn to_stored(v: &[Self], datatype: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
                <$t>::to_stored(&v.iter().map(|c| c.0).collect::<Vec<$t>>(), datatype, heap, out)
            }
        }
    )*};
}

clamped! {
    u8, |n: i128| n.clamp(0, u8::MAX.into()) as u8;
    i8, |n: i128| n.clamp(i8::MIN.into(), i8::MAX.into()) as i8;
    u16, |n: i128| n.clamp(0, u16::MAX.into()) as u16;
    i16, |n: i128| n.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    u32, |n: i128| n.clamp(0, u32::MAX.into()) as u32;
    i32, |n: i128| n.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    u64, |n: i128| n.clamp(0, u64::MAX.into()) as u64;
    i64, |n: i128| n.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    f32, |n: i128| n as f32;
    f64, |n: i128| n as f64;
}

/// A variable-length sequence of other elements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VarLen<T>(pub Vec<T>);

impl<T: Element> Element for VarLen<T> {
    fn datatype() -> Datatype {
        Datatype::Sequence { base: Box::new(T::datatype()), size: 16 }
    }

    fn blank() -> Option<Self> {
        Some(VarLen(Vec::new()))
    }

    fn from_stored(stored: Stored<'_>) -> Result<Vec<Self>> {
        let Datatype::Sequence { base, .. } = stored.datatype else {
            return Err(Error::mismatch(format!("elements are {}, no sequences", stored.datatype)));
        };
        let one = |element| {
            let (_, bytes) = stored.heap.sequence(element, base.size())?;
            T::from_stored(Stored { bytes: bytes.as_slice(), datatype: base, heap: stored.heap }).map(VarLen)
        };
        stored.elements().map(one).collect()
    }

    fn to_stored(values: &[Self], datatype: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        let Datatype::Sequence { base, .. } = datatype else {
            return Err(Error::mismatch(format!("the dataset's elements are {datatype}, no sequences")));
        };
        for value in values {
            let mut bytes = Vec::new();
            T::to_stored(&value.0, base, heap, &mut bytes)?;
            let count =
                u32::try_from(value.0.len()).map_err(|_| Error::limit("a sequence of more than 2^32 elements"))?;
            out.extend_from_slice(&heap.keep(count, &bytes)?);
        }
        Ok(())
    }
}
