//! Rust types as elements: numbers, `bool`, `String`, and sequences as `Vec`.

use super::number::{self, Numeric};
use crate::error::{Error, Result};
use crate::format::message::datatype::{Bits, ByteOrder, Charset, Datatype, Float, Name, Padding, ReferenceKind};
use crate::format::reference::Reference;
use crate::io::advise_huge_pages;
use rayon::prelude::*;
use std::borrow::Cow;
use std::sync::Arc;

/// Elements as the file stores them, one behind the other.
#[derive(Clone, Copy)]
pub struct Stored<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) datatype: &'a Datatype,
    pub(crate) heap: &'a dyn HeapReader,
}

/// Where the data of variable-length elements come from.
pub(crate) trait HeapReader: Sync {
    /// The number of elements and the bytes that a variable-length element stands for, `size` bytes each.
    fn sequence(&self, element: &[u8], size: u64) -> Result<(u64, HeapBytes)>;

    /// The same for many elements of `element` bytes that stand one behind the other, without a copy.
    fn for_each(&self, elements: &[u8], element: usize, size: u64, each: Each<'_>) -> Result<()>;

    /// Where an element of a reference datatype leads.
    fn reference(&self, element: &[u8], kind: ReferenceKind) -> Result<Reference>;
}

/// Takes the number of elements of a sequence, and their bytes.
pub(crate) type Each<'a> = &'a mut dyn FnMut(u64, &[u8]) -> Result<()>;

/// Some variable-length data: a part of a global heap collection, shared with everybody who reads it.
#[derive(Clone)]
pub struct HeapBytes {
    pub(crate) collection: Arc<[u8]>,
    pub(crate) range: std::ops::Range<usize>,
}

impl HeapBytes {
    pub(crate) fn empty() -> HeapBytes {
        HeapBytes { collection: Arc::new([]), range: 0..0 }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.collection[self.range.clone()]
    }
}

impl std::ops::Deref for HeapBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// A Rust type whose values can be read from, and written to, the elements of datasets and attributes.
///
/// Reading converts: any number type can be read as any other as long as no value is lost. An integer that does not
/// fit is an error; a float may be rounded to a narrower float.
pub trait Element: Sized + Clone + Send + Sync {
    /// The datatype that values are written in where the file does not say otherwise.
    fn datatype() -> Datatype;

    /// Converts stored elements.
    #[doc(hidden)]
    fn from_stored(stored: Stored<'_>) -> Result<Vec<Self>>;

    /// Appends `values` to `out` as elements of `datatype`.
    #[doc(hidden)]
    fn to_stored(values: &[Self], datatype: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()>;

    /// Some value: it stands where a read that failed has none.
    #[doc(hidden)]
    fn blank() -> Option<Self> {
        None
    }

    /// `n` values whose bytes may be filled as they are stored, if elements of `datatype` look so in memory.
    #[doc(hidden)]
    fn in_place(_datatype: &Datatype, _n: usize) -> Option<Vec<Self>> {
        None
    }

    /// Whether elements of `datatype` look in the file as [`from_native`](Element::from_native) takes them.
    #[doc(hidden)]
    fn is_native(_datatype: &Datatype) -> bool {
        false
    }

    /// One value from its bytes, where [`is_native`](Element::is_native) says that they are just that.
    #[doc(hidden)]
    fn from_native(_bytes: &[u8]) -> Option<Self> {
        None
    }

    /// As [`from_native`](Element::from_native), of several that stand one behind the other.
    #[doc(hidden)]
    fn array_from_native<const N: usize>(_bytes: &[u8]) -> Option<[Self; N]> {
        None
    }

    /// The bytes of values made by [`in_place`](Element::in_place).
    #[doc(hidden)]
    fn bytes_mut(_values: &mut [Self]) -> &mut [u8] {
        &mut []
    }

    /// The bytes of values that may be filled as they are stored, if elements of `datatype` look so in memory.
    #[doc(hidden)]
    fn stored_in_place<'a>(_values: &'a mut [Self], _datatype: &Datatype) -> Option<&'a mut [u8]> {
        None
    }

    /// Values that lie in memory as they are stored, if elements of `datatype` look so and these are aligned.
    #[doc(hidden)]
    fn borrowed<'a>(_stored: &'a [u8], _datatype: &Datatype) -> Option<&'a [Self]> {
        None
    }

    /// The bytes of values where they are just what elements of `datatype` look like.
    #[doc(hidden)]
    fn as_stored<'a>(_values: &'a [Self], _datatype: &Datatype) -> Option<&'a [u8]> {
        None
    }
}

/// An element whose data are kept in a heap: their number, and where they are, as wide as the file's addresses.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeapElement {
    bytes: [u8; 16],
    size: u8,
}

impl HeapElement {
    /// One of which there is nothing.
    pub(crate) const NOTHING: HeapElement = HeapElement { bytes: [0; 16], size: 16 };

    /// `count` elements behind `reference`, which has at most 12 bytes.
    pub(crate) fn new(count: u32, reference: &[u8]) -> Result<HeapElement> {
        let mut element = HeapElement { bytes: [0; 16], size: 4 + reference.len() as u8 };
        let wide = || Error::unsupported("heap references of more than 12 bytes");
        element.bytes[..4].copy_from_slice(&count.to_le_bytes());
        element.bytes.get_mut(4..4 + reference.len()).ok_or_else(wide)?.copy_from_slice(reference);
        Ok(element)
    }
}

impl std::ops::Deref for HeapElement {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.size)]
    }
}

/// What [`Element::to_stored`] keeps variable-length data in; nothing for users.
#[doc(hidden)]
pub trait KeepHeap {
    /// Keeps `data` (`count` elements) and returns the element that stands for them.
    fn keep(&mut self, count: u32, data: &[u8]) -> Result<HeapElement>;

    /// Returns the element of a reference datatype of kind `kind` that leads to `to`.
    fn keep_reference(&mut self, to: &Reference, kind: ReferenceKind) -> Result<Vec<u8>>;
}

impl<'a> Stored<'a> {
    /// Bytes of one element.
    fn size(&self) -> usize {
        self.datatype.size() as usize
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.bytes.chunks_exact(self.size().max(1))
    }

    fn cannot_be(&self, wanted: &str) -> Error {
        Error::mismatch(format!("elements are {}, they cannot be read as {wanted}", self.datatype))
    }

    /// The same elements, seen as those of an enumeration's base.
    fn numbers(self) -> Self {
        match self.datatype {
            Datatype::Enumeration { base, .. } => Stored { datatype: base, ..self },
            _ => self,
        }
    }
}

fn cannot_store(datatype: &Datatype, what: &str) -> Error {
    Error::mismatch(format!("the dataset's elements are {datatype}, {what} cannot be written to it"))
}

macro_rules! number_element {
    ($($t:ty => $datatype:expr, $name:literal;)*) => {$(
        impl Element for $t {
            fn datatype() -> Datatype {
                $datatype
            }

            fn from_stored(stored: Stored<'_>) -> Result<Vec<Self>> {
                let stored = stored.numbers();
                number::convert(stored.bytes, stored.datatype).unwrap_or_else(|| Err(stored.cannot_be($name)))
            }

            fn to_stored(values: &[Self], datatype: &Datatype, _: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
                if *datatype != Self::datatype() {
                    return Err(cannot_store(datatype, $name));
                }
                out.reserve(size_of_val(values));
                out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
                Ok(())
            }

            fn blank() -> Option<Self> {
                Some(<$t as Numeric>::ZERO)
            }

            fn in_place(datatype: &Datatype, n: usize) -> Option<Vec<Self>> {
                (cfg!(target_endian = "little") && *datatype == Self::datatype()).then(|| vec![<$t as Numeric>::ZERO; n])
            }

            fn is_native(datatype: &Datatype) -> bool {
                *datatype == Self::datatype()
            }

            #[inline]
            fn from_native(bytes: &[u8]) -> Option<Self> {
                bytes.first_chunk().map(|b| <$t>::from_le_bytes(*b))
            }

            #[inline]
            fn array_from_native<const N: usize>(bytes: &[u8]) -> Option<[Self; N]> {
                let mut array = [<$t as Numeric>::ZERO; N];
                let all: &mut [u8] = bytemuck::must_cast_slice_mut(&mut array);
                all.copy_from_slice(bytes.get(..all.len())?);
                if cfg!(target_endian = "big") {
                    array.iter_mut().for_each(|v| *v = <$t>::from_le_bytes(v.to_ne_bytes()));
                }
                Some(array)
            }

            fn bytes_mut(values: &mut [Self]) -> &mut [u8] {
                bytemuck::must_cast_slice_mut(values)
            }

            fn stored_in_place<'a>(values: &'a mut [Self], datatype: &Datatype) -> Option<&'a mut [u8]> {
                let same = cfg!(target_endian = "little") && *datatype == Self::datatype();
                same.then(|| bytemuck::must_cast_slice_mut(values))
            }

            fn borrowed<'a>(stored: &'a [u8], datatype: &Datatype) -> Option<&'a [Self]> {
                let same = cfg!(target_endian = "little") && *datatype == Self::datatype();
                same.then(|| bytemuck::try_cast_slice(stored).ok()).flatten()
            }

            fn as_stored<'a>(values: &'a [Self], datatype: &Datatype) -> Option<&'a [u8]> {
                let same = cfg!(target_endian = "little") && *datatype == Self::datatype();
                same.then(|| bytemuck::must_cast_slice(values))
            }
        }
    )*};
}

number_element! {
    u8 => Datatype::integer(1, false), "u8";
    i8 => Datatype::integer(1, true), "i8";
    u16 => Datatype::integer(2, false), "u16";
    i16 => Datatype::integer(2, true), "i16";
    u32 => Datatype::integer(4, false), "u32";
    i32 => Datatype::integer(4, true), "i32";
    u64 => Datatype::integer(8, false), "u64";
    i64 => Datatype::integer(8, true), "i64";
    f32 => Datatype::Float(Float::ieee(4, ByteOrder::Little)), "f32";
    f64 => Datatype::Float(Float::ieee(8, ByteOrder::Little)), "f64";
}

/// Stored as h5py does: an enumeration of i8 with FALSE = 0 and TRUE = 1.
impl Element for bool {
    fn datatype() -> Datatype {
        let members = vec![(Name::from("FALSE"), vec![0]), (Name::from("TRUE"), vec![1])];
        Datatype::Enumeration { base: Box::new(Datatype::integer(1, true)), members }
    }

    fn blank() -> Option<Self> {
        Some(false)
    }

    fn from_stored(stored: Stored<'_>) -> Result<Vec<Self>> {
        // PyTables stores truth values as bit fields, others as plain integers.
        let numbers = match stored.datatype {
            Datatype::BitField(bits @ Bits { size: 1, .. }) => {
                number::convert::<i64>(stored.bytes, &Datatype::Integer { bits: *bits, signed: false })
            }
            _ => number::convert::<i64>(stored.bytes, stored.numbers().datatype),
        };
        let numbers = numbers.unwrap_or_else(|| Err(stored.cannot_be("bool")))?;
        let truth = |n: i64| match n {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Error::mismatch(format!("{n} is neither 0 nor 1, so not a bool"))),
        };
        numbers.into_iter().map(truth).collect()
    }

    fn to_stored(values: &[Self], datatype: &Datatype, _: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        if *datatype != Self::datatype() {
            return Err(cannot_store(datatype, "bool"));
        }
        out.extend(values.iter().map(|&v| u8::from(v)));
        Ok(())
    }
}

/// Strings of fixed and variable length. Read, they lose their padding; bytes that are not UTF-8 are an error: read
/// `Vec<u8>` for those.
impl Element for String {
    fn datatype() -> Datatype {
        Datatype::text(crate::bytes::Widths::EIGHT)
    }

    fn blank() -> Option<Self> {
        Some(String::new())
    }

    fn from_stored(stored: Stored<'_>) -> Result<Vec<Self>> {
        match stored.datatype {
            Datatype::VariableString { .. } => variable_strings(stored),
            _ => stored.elements().map(|e| text_of(&string_bytes(stored, e)?)).collect(),
        }
    }

    fn to_stored(values: &[Self], datatype: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        for value in values {
            push_string(value, datatype, heap, out)?;
        }
        Ok(())
    }
}

/// Bytes: the elements of a sequence of u8, of an opaque or of a string.
impl Element for Vec<u8> {
    fn datatype() -> Datatype {
        Datatype::Sequence { base: Box::new(Datatype::integer(1, false)), size: 16 }
    }

    fn blank() -> Option<Self> {
        Some(Vec::new())
    }

    fn from_stored(stored: Stored<'_>) -> Result<Vec<Self>> {
        match stored.datatype {
            Datatype::Opaque { .. } => Ok(stored.elements().map(<[u8]>::to_vec).collect()),
            Datatype::Sequence { base, .. } if base.size() == 1 => {
                let bytes = |e| Ok(stored.heap.sequence(e, 1)?.1.as_slice().to_vec());
                stored.elements().map(bytes).collect()
            }
            _ if stored.datatype.is_string() => {
                stored.elements().map(|e| Ok(string_bytes(stored, e)?.into_owned())).collect()
            }
            _ => Err(stored.cannot_be("bytes")),
        }
    }

    fn to_stored(values: &[Self], datatype: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        if !matches!(datatype, Datatype::Sequence { base, .. } if **base == Datatype::integer(1, false)) {
            return Err(cannot_store(datatype, "bytes"));
        }
        for value in values {
            let count = u32::try_from(value.len()).map_err(|_| Error::limit("an element of more than 4 GiB"))?;
            out.extend_from_slice(&heap.keep(count, value)?);
        }
        Ok(())
    }
}

/// Strings of any length, by all threads where they are many.
fn variable_strings(stored: Stored<'_>) -> Result<Vec<String>> {
    const PIECE: usize = 16 << 10;
    let size = stored.size().max(1);
    let mut strings = Vec::with_capacity(stored.len());
    advise_huge_pages(strings.spare_capacity_mut());
    strings.resize_with(stored.len(), String::new);
    let fill = |(elements, strings): (&[u8], &mut [String])| {
        let mut places = strings.iter_mut();
        stored.heap.for_each(elements, size, 1, &mut |_, bytes| {
            // Some writers count the terminator.
            if let Some(place) = places.next() {
                *place = text_of(crate::bytes::until_nul(bytes))?;
            }
            Ok(())
        })
    };
    if strings.len() <= PIECE {
        fill((stored.bytes, &mut strings))?;
    } else {
        stored.bytes.par_chunks(PIECE * size).zip(strings.par_chunks_mut(PIECE)).try_for_each(fill)?;
    }
    Ok(strings)
}

/// References of every kind. Written they are object references, unless the datatype says otherwise.
impl Element for Reference {
    fn datatype() -> Datatype {
        Datatype::Reference { kind: ReferenceKind::Object, size: 8 }
    }

    fn blank() -> Option<Self> {
        Some(Reference::Null)
    }

    fn from_stored(stored: Stored<'_>) -> Result<Vec<Self>> {
        let Datatype::Reference { kind, .. } = *stored.datatype else {
            return Err(stored.cannot_be("references"));
        };
        stored.elements().map(|e| stored.heap.reference(e, kind)).collect()
    }

    fn to_stored(values: &[Self], datatype: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        let Datatype::Reference { kind, .. } = *datatype else {
            return Err(cannot_store(datatype, "references"));
        };
        for value in values {
            out.extend(heap.keep_reference(value, kind)?);
        }
        Ok(())
    }
}

/// The bytes of one string element, without terminator and padding.
pub(crate) fn string_bytes<'a>(stored: Stored<'a>, element: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    match stored.datatype {
        Datatype::FixedString { padding, .. } => Ok(Cow::Borrowed(trimmed(element, *padding))),
        Datatype::VariableString { .. } => {
            let (_, bytes) = stored.heap.sequence(element, 1)?;
            // Some writers count the terminator.
            Ok(Cow::Owned(crate::bytes::until_nul(bytes.as_slice()).to_vec()))
        }
        _ => Err(stored.cannot_be("strings")),
    }
}

pub(crate) fn trimmed(field: &[u8], padding: Padding) -> &[u8] {
    match padding {
        Padding::NullTerminated => crate::bytes::until_nul(field),
        Padding::NullPadded => &field[..field.iter().rposition(|&b| b != 0).map_or(0, |n| n + 1)],
        Padding::SpacePadded => &field[..field.iter().rposition(|&b| b != b' ').map_or(0, |n| n + 1)],
    }
}

/// Checked before it is copied: the copy of what is not wanted would have to be given back.
#[inline]
fn text_of(bytes: &[u8]) -> Result<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => {
            let shown = String::from_utf8_lossy(bytes).into_owned();
            Err(Error::mismatch(format!("{shown:?} is not UTF-8; read it as bytes")))
        }
    }
}

/// Appends one string as an element of `datatype`.
pub(crate) fn push_string(value: &str, datatype: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
    if value.contains('\0') {
        return Err(Error::invalid(format!("{value:?} contains a NUL, which ends a string")));
    }
    match *datatype {
        Datatype::VariableString { .. } => {
            let count = u32::try_from(value.len()).map_err(|_| Error::limit("a string of more than 4 GiB"))?;
            out.extend_from_slice(&heap.keep(count, value.as_bytes())?);
            Ok(())
        }
        Datatype::FixedString { size, padding, charset } => {
            if charset == Charset::Ascii && !value.is_ascii() {
                return Err(Error::mismatch(format!("{value:?} is not ASCII")));
            }
            let room = size as usize - usize::from(padding == Padding::NullTerminated);
            if value.len() > room {
                return Err(Error::mismatch(format!("{value:?} has {} bytes, there is room for {room}", value.len())));
            }
            let fill = if padding == Padding::SpacePadded { b' ' } else { 0 };
            let end = out.len() + size as usize;
            out.extend_from_slice(value.as_bytes());
            out.resize(end, fill);
            Ok(())
        }
        _ => Err(cannot_store(datatype, "strings")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::data) struct NoHeap;

    impl HeapReader for NoHeap {
        fn sequence(&self, _: &[u8], _: u64) -> Result<(u64, HeapBytes)> {
            Err(Error::damaged("no heap here"))
        }

        fn for_each(&self, _: &[u8], _: usize, _: u64, _: Each<'_>) -> Result<()> {
            Err(Error::damaged("no heap here"))
        }

        fn reference(&self, _: &[u8], _: ReferenceKind) -> Result<Reference> {
            Err(Error::damaged("no heap here"))
        }
    }

    impl KeepHeap for NoHeap {
        fn keep(&mut self, _: u32, _: &[u8]) -> Result<HeapElement> {
            Err(Error::damaged("no heap here"))
        }

        fn keep_reference(&mut self, _: &Reference, _: ReferenceKind) -> Result<Vec<u8>> {
            Err(Error::damaged("no heap here"))
        }
    }

    fn read<T: Element>(bytes: &[u8], datatype: &Datatype) -> Result<Vec<T>> {
        T::from_stored(Stored { bytes, datatype, heap: &NoHeap })
    }

    #[test]
    fn fixed_strings_lose_their_padding_and_nothing_else() {
        let of = |padding| Datatype::FixedString { size: 4, padding, charset: Charset::Ascii };
        let read = |bytes: &[u8], padding| read::<String>(bytes, &of(padding)).unwrap();
        assert_eq!(read(b"ab\0cfull", Padding::NullTerminated), ["ab", "full"]);
        assert_eq!(read(b"a\0b\0full", Padding::NullPadded), ["a\0b", "full"]);
        assert_eq!(read(b"a b     ", Padding::SpacePadded), ["a b", ""]);
    }

    #[test]
    fn a_string_that_does_not_fit_is_not_cut() {
        let field = Datatype::FixedString { size: 4, padding: Padding::NullTerminated, charset: Charset::Utf8 };
        let mut out = Vec::new();
        push_string("abc", &field, &mut NoHeap, &mut out).unwrap();
        assert_eq!(out, b"abc\0");
        assert!(push_string("abcd", &field, &mut NoHeap, &mut out).is_err());
        assert!(push_string("a\0", &field, &mut NoHeap, &mut out).is_err());
    }

    #[test]
    fn truth_is_0_or_1() {
        assert_eq!(read::<bool>(&[0, 1], &bool::datatype()).unwrap(), [false, true]);
        assert!(read::<bool>(&[2], &bool::datatype()).is_err());
        assert_eq!(read::<u8>(&[0, 1], &bool::datatype()).unwrap(), [0, 1]);
    }

    #[test]
    fn what_cannot_be_read_as_numbers_says_so() {
        let error = read::<f64>(b"abcd", &Datatype::Opaque { size: 4, tag: "jpeg".into() }).unwrap_err();
        assert_eq!(error.message(), "elements are opaque of 4 bytes \"jpeg\", they cannot be read as f64");
    }
}
