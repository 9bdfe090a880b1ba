//! Compounds as structs, and arrays: Rust types that are made of other elements.

use super::element::{Element, KeepHeap, Stored};
use crate::error::{Error, Result};
use crate::format::message::datatype::{Datatype, Member, Name};
use std::ops::Range;

/// Declares a struct whose values are the elements of a compound datatype.
///
/// Members are found by their names, whatever their order, their offsets and whatever else there is in the file's
/// compound; each is converted as an [`Element`] of its own. Written, the struct's members stand one behind the other.
/// `Clone`, `Debug` and `PartialEq` are derived; `as "…"` gives a member another name in the file.
///
/// ```
/// # fn main() -> h5manager::Result<()> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("run.h5");
/// h5manager::compound! {
///     /// What the detector saw.
///     pub struct Hit {
///         pub time as "time (s)": f64,
///         pub channel: u16,
///         pub place: [f32; 3],
///     }
/// }
///
/// let hits = [Hit { time: 0.5, channel: 7, place: [1.0, 2.0, 3.0] }];
/// let mut out = h5manager::File::create(&path)?;
/// out.build("hits").write(&hits[..])?;
/// out.commit()?;
///
/// let file = h5manager::File::open(&path)?;
/// let read: Vec<Hit> = file.dataset("hits")?.read()?;
/// assert_eq!(read, hits);
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! compound {
    ($(
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_visibility:vis $field:ident $(as $text:literal)? : $type:ty),* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        $visibility struct $name {
            $($(#[$field_meta])* $field_visibility $field: $type,)*
        }

        impl $crate::Element for $name {
            fn datatype() -> $crate::datatype::Datatype {
                $crate::datatype::Datatype::compound([
                    $(($crate::compound!(@name $field $($text)?), <$type as $crate::Element>::datatype()),)*
                ])
            }

            fn blank() -> ::std::option::Option<Self> {
                ::std::option::Option::Some($name { $($field: <$type as $crate::Element>::blank()?,)* })
            }

            fn from_stored(stored: $crate::compound::Stored<'_>) -> $crate::Result<::std::vec::Vec<Self>> {
                let native = ($(stored.native::<$type>($crate::compound!(@name $field $($text)?)),)*);
                if let ($(::std::option::Option::Some($field),)*) = native {
                    return stored.rows(|row| ::std::option::Option::Some($name {
                        $($field: <$type as $crate::Element>::from_native(row.get($field.clone())?)?,)*
                    }));
                }
                let mut all = ::std::vec::Vec::with_capacity(stored.len());
                for block in stored.blocks() {
                    $(let mut $field = block.member::<$type>($crate::compound!(@name $field $($text)?))?.into_iter();)*
                    while let ($(::std::option::Option::Some($field),)*) = ($($field.next(),)*) {
                        all.push($name { $($field,)* });
                    }
                }
                ::std::result::Result::Ok(all)
            }

            fn to_stored(
                values: &[Self],
                datatype: &$crate::datatype::Datatype,
                heap: &mut dyn $crate::compound::KeepHeap,
                out: &mut ::std::vec::Vec<u8>,
            ) -> $crate::Result<()> {
                let mut rows = $crate::compound::Rows::new(values.len(), datatype, &Self::datatype(), out)?;
                $(
                    let column: ::std::vec::Vec<$type> = values.iter().map(|v| v.$field.clone()).collect();
                    rows.set($crate::compound!(@name $field $($text)?), &column, heap)?;
                )*
                ::std::result::Result::Ok(())
            }
        }
    )*};
    (@name $field:ident) => { ::std::stringify!($field) };
    (@name $field:ident $text:literal) => { $text };
}

/// Elements that one pass takes: few enough that their columns stay in the processor's cache.
const BLOCK: usize = 1024;

impl<'a> Stored<'a> {
    /// The number of elements.
    #[doc(hidden)]
    pub fn len(&self) -> usize {
        self.bytes.len() / (self.datatype.size() as usize).max(1)
    }

    /// Whether there are none.
    #[doc(hidden)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, some at a time.
    #[doc(hidden)]
    pub fn blocks(self) -> impl Iterator<Item = Stored<'a>> {
        let size = (self.datatype.size() as usize).max(1);
        self.bytes.chunks(BLOCK * size).map(move |bytes| Stored { bytes, ..self })
    }

    /// Where a member stands, if it looks in the file as in memory.
    #[doc(hidden)]
    pub fn native<T: Element>(&self, name: &str) -> Option<Range<usize>> {
        let Datatype::Compound { members, .. } = self.datatype else {
            return None;
        };
        let member = members.iter().find(|m| m.name.as_bytes() == name.as_bytes() && T::is_native(&m.datatype))?;
        let start = member.offset as usize;
        Some(start..start + member.datatype.size() as usize)
    }

    /// One value of every element, each made from the element's bytes alone.
    #[doc(hidden)]
    pub fn rows<T>(&self, one: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>> {
        let size = (self.datatype.size() as usize).max(1);
        let mut all = Vec::with_capacity(self.len());
        for element in self.bytes.chunks_exact(size) {
            let Some(row) = one(element) else {
                return Err(Error::damaged("an element too short for its members"));
            };
            all.push(row);
        }
        Ok(all)
    }

    /// One member of all elements.
    #[doc(hidden)]
    pub fn member<T: Element>(&self, name: &str) -> Result<Vec<T>> {
        let Datatype::Compound { members, size } = self.datatype else {
            return Err(Error::mismatch(format!("elements are {}, no compounds", self.datatype)));
        };
        let Some(member) = members.iter().find(|m| m.name.as_bytes() == name.as_bytes()) else {
            let names: Vec<String> = members.iter().map(|m| m.name.to_string()).collect();
            return Err(Error::mismatch(format!("no member {name:?}; there are {}", names.join(", "))));
        };
        let (from, length) = (member.offset as usize, member.datatype.size() as usize);
        let mut column = Vec::with_capacity(self.len() * length);
        for element in self.bytes.chunks_exact((*size as usize).max(1)) {
            column.extend_from_slice(&element[from..from + length]);
        }
        T::from_stored(Stored { bytes: &column, datatype: &member.datatype, heap: self.heap })
            .map_err(|e| Error::new(e.kind(), format!("member {name:?}: {}", e.message())))
    }
}

/// Rows of a compound that are filled member by member.
#[doc(hidden)]
pub struct Rows<'a> {
    bytes: &'a mut [u8],
    size: usize,
    members: &'a [Member],
}

impl<'a> Rows<'a> {
    /// Appends `n` rows to `out`. The file's datatype must be that of the struct.
    pub fn new(n: usize, datatype: &'a Datatype, own: &Datatype, out: &'a mut Vec<u8>) -> Result<Rows<'a>> {
        let (Datatype::Compound { members, size }, true) = (datatype, datatype == own) else {
            let message = format!("the dataset's elements are {datatype}, {own} cannot be written to it");
            return Err(Error::mismatch(message));
        };
        let (start, size) = (out.len(), *size as usize);
        out.resize(start + n * size, 0);
        Ok(Rows { bytes: &mut out[start..], size, members })
    }

    /// Fills one member of all rows.
    pub fn set<T: Element>(&mut self, name: &str, values: &[T], heap: &mut dyn KeepHeap) -> Result<()> {
        let Some(member) = self.members.iter().find(|m| m.name.as_bytes() == name.as_bytes()) else {
            return Err(Error::mismatch(format!("no member {name:?}")));
        };
        let (at, length) = (member.offset as usize, member.datatype.size() as usize);
        let mut column = Vec::new();
        T::to_stored(values, &member.datatype, heap, &mut column)?;
        for (row, field) in self.bytes.chunks_exact_mut(self.size).zip(column.chunks_exact(length.max(1))) {
            row[at..at + length].copy_from_slice(field);
        }
        Ok(())
    }
}

impl Datatype {
    /// A compound whose members stand one behind the other.
    pub fn compound<N: Into<Name>>(members: impl IntoIterator<Item = (N, Datatype)>) -> Datatype {
        let mut offset = 0;
        let mut place = |(name, datatype): (N, Datatype)| {
            let member = Member { name: name.into(), offset, datatype };
            offset = offset.saturating_add(member.datatype.size() as u32);
            member
        };
        let members = members.into_iter().map(&mut place).collect();
        Datatype::Compound { members, size: offset }
    }
}

/// An array of that many elements: of an array datatype (of any shape), the two parts of a complex number, or the
/// bytes of a fixed string or opaque.
impl<T: Element, const N: usize> Element for [T; N] {
    fn datatype() -> Datatype {
        Datatype::Array { dims: vec![N as u32], base: Box::new(T::datatype()) }
    }

    fn blank() -> Option<Self> {
        let blank = T::blank()?;
        Some(std::array::from_fn(|_| blank.clone()))
    }

    fn from_stored(stored: Stored<'_>) -> Result<Vec<Self>> {
        let byte = Datatype::integer(1, false);
        let (base, n) = match stored.datatype {
            Datatype::Array { base, dims } => (&**base, dims.iter().map(|&d| d as usize).product::<usize>()),
            Datatype::FixedString { size, .. } | Datatype::Opaque { size, .. } => (&byte, *size as usize),
            Datatype::Complex(base) => (&**base, 2),
            other => return Err(Error::mismatch(format!("elements are {other}, no arrays"))),
        };
        if n != N || N == 0 {
            return Err(Error::mismatch(format!("arrays of {n} elements, not {N}")));
        }
        let all = T::from_stored(Stored { bytes: stored.bytes, datatype: base, heap: stored.heap })?;
        let mut all = all.into_iter();
        let mut arrays = Vec::with_capacity(stored.len());
        while let Ok(array) = <[T; N]>::try_from(all.by_ref().take(N).collect::<Vec<T>>()) {
            arrays.push(array);
        }
        Ok(arrays)
    }

    fn is_native(datatype: &Datatype) -> bool {
        match datatype {
            Datatype::Array { base, dims } => {
                T::is_native(base) && dims.iter().map(|&d| d as usize).product::<usize>() == N
            }
            Datatype::FixedString { size, .. } | Datatype::Opaque { size, .. } => {
                T::is_native(&Datatype::integer(1, false)) && *size as usize == N
            }
            _ => false,
        }
    }

    #[inline]
    fn from_native(bytes: &[u8]) -> Option<Self> {
        T::array_from_native(bytes)
    }

    fn to_stored(values: &[Self], datatype: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        match datatype {
            Datatype::Array { base, dims } if dims.iter().map(|&d| d as usize).product::<usize>() == N => {
                values.iter().try_for_each(|v| T::to_stored(v, base, heap, out))
            }
            other => Err(Error::mismatch(format!("elements are {other}, no arrays of {N}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::element::tests::NoHeap;

    compound! {
        struct Pair {
            b: u8,
            a as "a b": [i16; 2],
        }
    }

    #[test]
    fn members_are_found_by_name_whatever_their_place() {
        let stored_type = Datatype::Compound {
            size: 9,
            members: vec![
                Member { name: "a b".into(), offset: 1, datatype: <[i16; 2]>::datatype() },
                Member { name: "b".into(), offset: 7, datatype: Datatype::integer(2, true) },
            ],
        };
        let bytes = [0xff, 1, 0, 2, 0, 0xff, 0xff, 7, 0];
        let stored = Stored { bytes: &bytes, datatype: &stored_type, heap: &NoHeap };
        assert_eq!(Pair::from_stored(stored).unwrap(), [Pair { b: 7, a: [1, 2] }]);
        let negative = [0xff, 1, 0, 2, 0, 0xff, 0xff, 0xff, 0xff];
        let error = Pair::from_stored(Stored { bytes: &negative, ..stored }).unwrap_err();
        assert_eq!(error.message(), "member \"b\": the value -1 does not fit u8; read it as a wider type");
        let error = Pair::from_stored(Stored { datatype: &u8::datatype(), ..stored }).unwrap_err();
        assert!(error.message().contains("no compounds"));
    }

    #[test]
    fn what_is_written_is_read() {
        let pairs: Vec<Pair> = (0..3000).map(|n| Pair { b: n as u8, a: [n, -n] }).collect();
        let mut bytes = Vec::new();
        Pair::to_stored(&pairs, &Pair::datatype(), &mut NoHeap, &mut bytes).unwrap();
        let stored = Stored { bytes: &bytes, datatype: &Pair::datatype(), heap: &NoHeap };
        assert_eq!(Pair::from_stored(stored).unwrap(), pairs);
    }
}
