//! What can be written as a dataset or an attribute: single values, slices, vectors, arrays.

use crate::data::Element;
use crate::data::element::{KeepHeap, push_string};
use crate::error::{Error, Result};
use crate::format::message::datatype::{Charset, Datatype, Padding};
use crate::format::reference::Reference;
use std::ops::Range;

/// A shape, and elements in row-major order (the last dimension varies fastest).
///
/// Implemented for numbers, `bool`, `&str`, [`String`] and [`Reference`] as single values; for slices, arrays and vectors of anything
/// that is an [`Element`], and of `&str`, as arrays of one dimension; for references to all of them. [`WithShape`] gives
/// them another shape, [`WithDatatype`] another datatype; [`FixedString`] and [`StoredElements`] are for special cases.
pub trait ArrayLike {
    /// Elements in each dimension; empty for a single value.
    fn shape(&self) -> Vec<u64>;

    /// How the elements are stored where nothing else is said.
    fn element_datatype(&self) -> Datatype;

    /// Appends the elements of `range` to `out` as elements of `datatype`.
    #[doc(hidden)]
    fn store(&self, range: Range<usize>, datatype: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>)
    -> Result<()>;

    /// Whether there are no elements and no shape either: a null dataspace.
    #[doc(hidden)]
    fn is_null(&self) -> bool {
        false
    }

    /// The bytes of all elements, where they are just what elements of `datatype` look like.
    #[doc(hidden)]
    fn as_stored(&self, _datatype: &Datatype) -> Option<&[u8]> {
        None
    }
}

/// The number of elements of a shape.
pub(super) fn count(shape: &[u64]) -> Result<usize> {
    let product = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
    product
        .and_then(|n| usize::try_from(n).ok())
        .ok_or_else(|| Error::limit(format!("shape {shape:?} has too many elements for memory")))
}

fn out_of_range() -> Error {
    Error::invalid("elements beyond the end of an array")
}

macro_rules! single {
    ($($t:ty)*) => {$(
        impl ArrayLike for $t {
            fn shape(&self) -> Vec<u64> {
                Vec::new()
            }

            fn element_datatype(&self) -> Datatype {
                <$t as Element>::datatype()
            }

            fn store(
                &self,
                range: Range<usize>,
                datatype: &Datatype,
                heap: &mut dyn KeepHeap,
                out: &mut Vec<u8>,
            ) -> Result<()> {
                std::slice::from_ref(self).store(range, datatype, heap, out)
            }

            fn as_stored(&self, datatype: &Datatype) -> Option<&[u8]> {
                <$t as Element>::as_stored(std::slice::from_ref(self), datatype)
            }
        }
    )*};
}

single!(u8 i8 u16 i16 u32 i32 u64 i64 f32 f64 bool String Reference);

impl ArrayLike for str {
    fn shape(&self) -> Vec<u64> {
        Vec::new()
    }

    fn element_datatype(&self) -> Datatype {
        <String as Element>::datatype()
    }

    fn store(
        &self,
        range: Range<usize>,
        datatype: &Datatype,
        heap: &mut dyn KeepHeap,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        [self].store(range, datatype, heap, out)
    }
}

impl<T: Element> ArrayLike for [T] {
    fn shape(&self) -> Vec<u64> {
        vec![self.len() as u64]
    }

    fn element_datatype(&self) -> Datatype {
        T::datatype()
    }

    fn store(
        &self,
        range: Range<usize>,
        datatype: &Datatype,
        heap: &mut dyn KeepHeap,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let values = self.get(range).ok_or_else(out_of_range)?;
        T::to_stored(values, datatype, heap, out)
    }

    fn as_stored(&self, datatype: &Datatype) -> Option<&[u8]> {
        T::as_stored(self, datatype)
    }
}

impl ArrayLike for [&str] {
    fn shape(&self) -> Vec<u64> {
        vec![self.len() as u64]
    }

    fn element_datatype(&self) -> Datatype {
        <String as Element>::datatype()
    }

    fn store(
        &self,
        range: Range<usize>,
        datatype: &Datatype,
        heap: &mut dyn KeepHeap,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if !matches!(datatype, Datatype::VariableString { .. }) {
            // Whether strings fit at all is to be known even where there is none.
            push_string("", datatype, heap, &mut Vec::new())?;
        }
        let values = self.get(range).ok_or_else(out_of_range)?;
        values.iter().try_for_each(|v| push_string(v, datatype, heap, out))
    }
}

/// Passes methods on to what is inside.
macro_rules! delegate {
    ($self:ident => $inner:expr; $($method:ident)*) => {
        $(delegate!(@$method $self $inner);)*
    };
    (@shape $self:ident $inner:expr) => {
        fn shape(&$self) -> Vec<u64> {
            $inner.shape()
        }
    };
    (@element_datatype $self:ident $inner:expr) => {
        fn element_datatype(&$self) -> Datatype {
            $inner.element_datatype()
        }
    };
    (@store $self:ident $inner:expr) => {
        fn store(
            &$self,
            range: Range<usize>,
            datatype: &Datatype,
            heap: &mut dyn KeepHeap,
            out: &mut Vec<u8>,
        ) -> Result<()> {
            $inner.store(range, datatype, heap, out)
        }

        fn as_stored(&$self, datatype: &Datatype) -> Option<&[u8]> {
            $inner.as_stored(datatype)
        }

        fn is_null(&$self) -> bool {
            $inner.is_null()
        }
    };
}

impl<T> ArrayLike for Vec<T>
where
    [T]: ArrayLike,
{
    delegate!(self => self.as_slice(); shape element_datatype store);
}

impl<T, const N: usize> ArrayLike for [T; N]
where
    [T]: ArrayLike,
{
    delegate!(self => self.as_slice(); shape element_datatype store);
}

impl<A: ArrayLike + ?Sized> ArrayLike for &A {
    delegate!(self => (**self); shape element_datatype store);
}

/// The same elements in another shape.
#[derive(Clone, Debug)]
pub struct WithShape<A> {
    inner: A,
    shape: Vec<u64>,
}

impl<A: ArrayLike> WithShape<A> {
    /// Gives `inner` the shape `shape`.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) if that is another number of elements.
    pub fn new(inner: A, shape: impl AsRef<[u64]>) -> Result<Self> {
        let (shape, before) = (shape.as_ref().to_vec(), inner.shape());
        if count(&shape)? != count(&before)? {
            return Err(Error::mismatch(format!("an array of shape {before:?} cannot have the shape {shape:?}")));
        }
        Ok(WithShape { inner, shape })
    }
}

impl<A: ArrayLike> ArrayLike for WithShape<A> {
    fn shape(&self) -> Vec<u64> {
        self.shape.clone()
    }

    delegate!(self => self.inner; element_datatype store);
}

/// The same elements in another datatype that can hold them: strings of a fixed size, for example.
#[derive(Clone, Debug)]
pub struct WithDatatype<A> {
    inner: A,
    datatype: Datatype,
}

impl<A: ArrayLike> WithDatatype<A> {
    /// Stores `inner` as elements of `datatype`; whether they can be is seen when they are written.
    pub fn new(inner: A, datatype: Datatype) -> Self {
        WithDatatype { inner, datatype }
    }
}

impl<A: ArrayLike> ArrayLike for WithDatatype<A> {
    fn element_datatype(&self) -> Datatype {
        self.datatype.clone()
    }

    delegate!(self => self.inner; shape store);
}

/// One string in a field of just its size, ended by a NUL: what the conventions of older tools ask for, such as the
/// attribute `CLASS = "IMAGE"` of the Image specification.
#[derive(Clone, Copy, Debug)]
pub struct FixedString<'a>(pub &'a str);

impl ArrayLike for FixedString<'_> {
    fn shape(&self) -> Vec<u64> {
        Vec::new()
    }

    fn element_datatype(&self) -> Datatype {
        Datatype::FixedString {
            size: u32::try_from(self.0.len() + 1).unwrap_or(u32::MAX),
            padding: Padding::NullTerminated,
            charset: if self.0.is_ascii() { Charset::Ascii } else { Charset::Utf8 },
        }
    }

    delegate!(self => self.0; store);
}

/// No element and no shape, only a datatype: an attribute or dataset with a null dataspace, h5py's `Empty`.
#[derive(Clone, Debug)]
pub struct Empty(pub Datatype);

impl ArrayLike for Empty {
    fn shape(&self) -> Vec<u64> {
        Vec::new()
    }

    fn element_datatype(&self) -> Datatype {
        self.0.clone()
    }

    fn store(&self, _: Range<usize>, _: &Datatype, _: &mut dyn KeepHeap, _: &mut Vec<u8>) -> Result<()> {
        Err(Error::mismatch("there are no elements; datasets without any are made with `create_null`"))
    }

    fn is_null(&self) -> bool {
        true
    }
}

/// Elements as a file stores them: for copying what no Rust type stands for.
#[derive(Clone, Debug)]
pub struct StoredElements<'a> {
    datatype: Datatype,
    shape: Vec<u64>,
    bytes: &'a [u8],
}

impl<'a> StoredElements<'a> {
    /// The elements of `datatype` in an array of shape `shape` whose bytes are `bytes`.
    ///
    /// # Errors
    /// Of kind [`Mismatch`](crate::ErrorKind::Mismatch) if that is another number of bytes, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the elements refer to other places of the file that they come
    /// from: variable-length data and references mean nothing elsewhere.
    pub fn new(datatype: Datatype, shape: impl AsRef<[u64]>, bytes: &'a [u8]) -> Result<Self> {
        if datatype.has_references_to_file() {
            return Err(Error::unsupported(format!(
                "copying the stored bytes of {datatype}, which refer to another place of their file"
            )));
        }
        let shape = shape.as_ref().to_vec();
        let wanted = (count(&shape)? as u64).checked_mul(datatype.size());
        if wanted != Some(bytes.len() as u64) {
            return Err(Error::mismatch(format!(
                "{} bytes, an array of {datatype} of shape {shape:?} has {}",
                bytes.len(),
                wanted.map_or("more than 2^64".into(), |n| n.to_string())
            )));
        }
        Ok(StoredElements { datatype, shape, bytes })
    }
}

impl ArrayLike for StoredElements<'_> {
    fn shape(&self) -> Vec<u64> {
        self.shape.clone()
    }

    fn element_datatype(&self) -> Datatype {
        self.datatype.clone()
    }

    fn store(&self, range: Range<usize>, datatype: &Datatype, _: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        if *datatype != self.datatype {
            return Err(Error::mismatch(format!(
                "the dataset's elements are {datatype}, stored {} cannot be written to it",
                self.datatype
            )));
        }
        // Both products are bounded by the number of bytes there are.
        let size = self.datatype.size() as usize;
        let part = range.start.checked_mul(size).zip(range.end.checked_mul(size));
        let bytes = part.and_then(|(start, end)| self.bytes.get(start..end));
        out.extend_from_slice(bytes.ok_or_else(out_of_range)?);
        Ok(())
    }

    fn as_stored(&self, datatype: &Datatype) -> Option<&[u8]> {
        (*datatype == self.datatype).then_some(self.bytes)
    }
}

/// Arrays of any memory layout; they are written in row-major order.
#[cfg(feature = "ndarray")]
impl<T, S, D> ArrayLike for ndarray::ArrayBase<S, D>
where
    T: Element,
    S: ndarray::Data<Elem = T>,
    D: ndarray::Dimension,
{
    fn shape(&self) -> Vec<u64> {
        ndarray::ArrayBase::shape(self).iter().map(|&n| n as u64).collect()
    }

    fn element_datatype(&self) -> Datatype {
        T::datatype()
    }

    fn store(
        &self,
        range: Range<usize>,
        datatype: &Datatype,
        heap: &mut dyn KeepHeap,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        if let Some(values) = self.as_slice() {
            return values.store(range, datatype, heap, out);
        }
        let values: Vec<T> = self.iter().skip(range.start).take(range.len()).cloned().collect();
        values.store(0..range.len(), datatype, heap, out)
    }

    fn as_stored(&self, datatype: &Datatype) -> Option<&[u8]> {
        T::as_stored(self.as_slice()?, datatype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::element::HeapElement;

    struct NoHeap;

    impl KeepHeap for NoHeap {
        fn keep(&mut self, _: u32, _: &[u8]) -> Result<HeapElement> {
            Err(Error::invalid("no heap here"))
        }

        fn keep_reference(&mut self, _: &crate::Reference, _: crate::datatype::ReferenceKind) -> Result<Vec<u8>> {
            Err(Error::invalid("no heap here"))
        }
    }

    fn stored(array: impl ArrayLike) -> (Vec<u64>, Vec<u8>) {
        let mut out = Vec::new();
        let (shape, datatype) = (array.shape(), array.element_datatype());
        let all = 0..count(&shape).unwrap();
        array.store(all, &datatype, &mut NoHeap, &mut out).unwrap();
        if let Some(bytes) = array.as_stored(&datatype) {
            assert_eq!(bytes, out);
        }
        (shape, out)
    }

    #[test]
    fn values_slices_vectors_and_arrays_have_their_shape_and_bytes() {
        assert_eq!(stored(7u8), (vec![], vec![7]));
        assert_eq!(stored(true), (vec![], vec![1]));
        assert_eq!(stored([1i16, 2]), (vec![2], vec![1, 0, 2, 0]));
        let vector = vec![1u8, 2];
        assert_eq!(stored(&vector), (vec![2], vec![1, 2]));
        assert_eq!(stored(&vector[..1]), (vec![1], vec![1]));
        assert_eq!(stored(FixedString("ab")), (vec![], b"ab\0".to_vec()));
        let shaped = WithShape::new([1u8, 2, 3, 4], [2, 2]).unwrap();
        assert_eq!(stored(shaped), (vec![2, 2], vec![1, 2, 3, 4]));
        assert!(WithShape::new([1u8, 2, 3], [2, 2]).is_err());
    }

    #[test]
    fn strings_take_the_datatype_they_are_given() {
        let two = Datatype::FixedString { size: 2, padding: Padding::NullPadded, charset: Charset::Utf8 };
        let strings = WithDatatype::new(vec!["a", "ü", ""], two);
        assert_eq!(stored(strings).1, "a\0ü\0\0".as_bytes());
    }

    #[test]
    fn bytes_that_refer_to_their_file_are_not_copied() {
        let error = StoredElements::new(String::datatype(), [1], &[0; 16]).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
        assert!(StoredElements::new(u16::datatype(), [2], &[0; 3]).is_err());
        let bytes = [1, 0, 2, 0];
        let elements = StoredElements::new(u16::datatype(), [2], &bytes).unwrap();
        assert_eq!(stored(elements).1, bytes);
    }

    #[cfg(feature = "ndarray")]
    #[test]
    fn arrays_are_written_row_by_row_whatever_their_memory_layout() {
        let a = ndarray::arr2(&[[1u8, 2, 3], [4, 5, 6]]);
        assert_eq!(stored(&a), (vec![2, 3], vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(stored(a.t()), (vec![3, 2], vec![1, 4, 2, 5, 3, 6]));
    }
}
