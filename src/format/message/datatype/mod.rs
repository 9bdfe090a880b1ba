//! Datatype message (IV.A.2.d): how an element is stored.
//!
//! A header of 8 bytes (class, version, 24 bits of the class's own, size) and the class's properties, among which may be
//! further datatypes; a nested datatype has no length of its own, so decoding tells how many bytes it took.

mod decode;
mod encode;
mod text;

pub(crate) use decode::{decode, decode_in};
pub(crate) use encode::encode;

use crate::bytes::{Short, Widths};

/// A name as the file holds it: bytes, normally UTF-8.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Name(pub(crate) Short);

/// The order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
    /// 16-bit words little-endian, the most significant word first; only for floats.
    Vax,
}

/// Where the significant bits of an integer or bit field lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bits {
    /// Bytes of an element.
    pub size: u32,
    /// Byte order.
    pub order: ByteOrder,
    /// First significant bit, counted from the least.
    pub offset: u16,
    /// Number of significant bits.
    pub precision: u16,
}

impl Bits {
    /// All bits of `size` bytes.
    pub const fn full(size: u32, order: ByteOrder) -> Bits {
        Bits { size, order, offset: 0, precision: 8 * size as u16 }
    }

    /// Whether every bit of the element is significant.
    pub fn is_full(&self) -> bool {
        self.offset == 0 && u64::from(self.precision) == 8 * u64::from(self.size)
    }
}

/// Where the parts of a floating-point number lie, in bits from the least significant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Float {
    /// The bits that belong to the number.
    pub bits: Bits,
    /// Position of the sign.
    pub sign: u8,
    /// Position of the exponent.
    pub exponent: u8,
    /// Bits of the exponent.
    pub exponent_bits: u8,
    /// Position of the mantissa.
    pub mantissa: u8,
    /// Bits of the mantissa.
    pub mantissa_bits: u8,
    /// Exponent bias.
    pub bias: u32,
    /// What stands before the point.
    pub norm: Normalization,
}

/// The most significant bit of a mantissa.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Normalization {
    /// Stored as it is.
    None,
    /// Stored, and always 1 (x87).
    Set,
    /// Not stored, and 1 (IEEE 754).
    Implied,
}

impl Float {
    /// IEEE 754 of 2, 4 or 8 bytes.
    pub const fn ieee(size: u32, order: ByteOrder) -> Float {
        let (exponent_bits, bias) = match size {
            2 => (5, 15),
            4 => (8, 127),
            _ => (11, 1023),
        };
        let sign = 8 * size as u8 - 1;
        let mantissa_bits = sign - exponent_bits;
        Float {
            bits: Bits::full(size, order),
            sign,
            exponent: mantissa_bits,
            exponent_bits,
            mantissa: 0,
            mantissa_bits,
            bias,
            norm: Normalization::Implied,
        }
    }

    /// Whether this is IEEE 754 of 2, 4 or 8 bytes, in whatever byte order.
    pub fn is_ieee(&self) -> bool {
        matches!(self.bits.size, 2 | 4 | 8) && *self == Float::ieee(self.bits.size, self.bits.order)
    }
}

/// How strings are ended or filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// Up to the first NUL; a string may fill its field without one.
    NullTerminated,
    /// Filled with NULs.
    NullPadded,
    /// Filled with spaces.
    SpacePadded,
}

/// The encoding that a string or name declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Charset {
    /// US-ASCII, by declaration; other bytes occur.
    Ascii,
    /// UTF-8, by declaration; other bytes occur.
    Utf8,
}

/// What a reference points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReferenceKind {
    /// An object, by address.
    Object,
    /// A region of a dataset, in the global heap.
    Region,
    /// An object, region or attribute: the kind of HDF5 1.12.
    Standard,
}

impl ReferenceKind {
    /// Bytes of an element.
    pub(crate) fn size(self, w: Widths) -> u32 {
        match self {
            ReferenceKind::Object => w.offset.into(),
            ReferenceKind::Region => u32::from(w.offset) + 4,
            // Kind, flags, and the size and place of a heap object, or an address with its size.
            ReferenceKind::Standard => u32::from(w.offset) + 10,
        }
    }

    /// As messages name it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            ReferenceKind::Object => "object references",
            ReferenceKind::Region => "region references",
            ReferenceKind::Standard => "references",
        }
    }
}

/// A member of a compound datatype.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: Name,
    /// Its first byte in the element.
    pub offset: u32,
    /// How it is stored.
    pub datatype: Datatype,
}

/// How an element is stored.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Datatype {
    /// A fixed-point number.
    Integer {
        /// Its significant bits.
        bits: Bits,
        /// Whether it is two's complement.
        signed: bool,
    },
    /// A floating-point number.
    Float(Float),
    /// A point in time, without a meaning that libhdf5 knows.
    Time(Bits),
    /// A string of fixed size.
    FixedString {
        /// Bytes, a terminator included.
        size: u32,
        /// How it ends.
        padding: Padding,
        /// Its declared encoding.
        charset: Charset,
    },
    /// A set of bits.
    BitField(Bits),
    /// Bytes with a tag that says what they are.
    Opaque {
        /// Bytes of an element.
        size: u32,
        /// The tag.
        tag: Name,
    },
    /// Named members at fixed places.
    Compound {
        /// Bytes of an element, holes included.
        size: u32,
        /// In stored order.
        members: Vec<Member>,
    },
    /// A reference.
    Reference {
        /// To what.
        kind: ReferenceKind,
        /// Bytes of an element.
        size: u32,
    },
    /// Named values of an integer.
    Enumeration {
        /// The integer.
        base: Box<Datatype>,
        /// Names, and values as bytes of the base.
        members: Vec<(Name, Vec<u8>)>,
    },
    /// A sequence of any length.
    Sequence {
        /// Of what.
        base: Box<Datatype>,
        /// Bytes of an element in the file: a length and a global heap reference.
        size: u32,
    },
    /// A string of any length.
    VariableString {
        /// How it ends, by declaration.
        padding: Padding,
        /// Its declared encoding.
        charset: Charset,
        /// Bytes of an element in the file: a length and a global heap reference.
        size: u32,
    },
    /// A small array as one element.
    Array {
        /// Its shape.
        dims: Vec<u32>,
        /// Of what.
        base: Box<Datatype>,
    },
    /// A complex number: real part, imaginary part.
    Complex(Box<Datatype>),
}

impl Datatype {
    /// Bytes of an element in the file.
    pub fn size(&self) -> u64 {
        match self {
            Datatype::Integer { bits, .. } | Datatype::Time(bits) | Datatype::BitField(bits) => bits.size.into(),
            Datatype::Float(float) => float.bits.size.into(),
            Datatype::FixedString { size, .. }
            | Datatype::Opaque { size, .. }
            | Datatype::Compound { size, .. }
            | Datatype::Reference { size, .. }
            | Datatype::Sequence { size, .. }
            | Datatype::VariableString { size, .. } => (*size).into(),
            Datatype::Enumeration { base, .. } => base.size(),
            Datatype::Array { dims, base } => dims.iter().fold(base.size(), |n, &d| n.saturating_mul(d.into())),
            Datatype::Complex(base) => 2 * base.size(),
        }
    }

    /// Gives the references in sequences the size that they have in the heap. libhdf5 tells that of its memory instead, 64
    /// bytes for [`ReferenceKind::Standard`]: the heap object is as large as it says, and its elements stand close together.
    fn place_references(&mut self, w: Widths) {
        match self {
            Datatype::Sequence { base, .. } => match &mut **base {
                Datatype::Reference { kind, size } => *size = kind.size(w),
                base => base.place_references(w),
            },
            Datatype::Array { base, .. } => base.place_references(w),
            Datatype::Compound { members, .. } => members.iter_mut().for_each(|m| m.datatype.place_references(w)),
            _ => {}
        }
    }

    /// A little-endian integer of 1, 2, 4 or 8 bytes.
    pub(crate) const fn integer(size: u32, signed: bool) -> Datatype {
        Datatype::Integer { bits: Bits::full(size, ByteOrder::Little), signed }
    }

    /// References of one kind, as this library writes them.
    pub const fn reference(kind: ReferenceKind) -> Datatype {
        // Addresses take 8 bytes.
        let size = match kind {
            ReferenceKind::Object => 8,
            ReferenceKind::Region => 12,
            ReferenceKind::Standard => 18,
        };
        Datatype::Reference { kind, size }
    }

    /// Variable-length UTF-8, as h5py stores `str`.
    pub(crate) fn text(w: Widths) -> Datatype {
        Datatype::VariableString { padding: Padding::NullTerminated, charset: Charset::Utf8, size: variable_size(w) }
    }

    /// Whether elements are strings, of fixed or variable length.
    pub fn is_string(&self) -> bool {
        matches!(self, Datatype::FixedString { .. } | Datatype::VariableString { .. })
    }

    /// Whether elements are unsigned bytes, as image pixels are.
    pub fn is_unsigned_byte(&self) -> bool {
        matches!(self, Datatype::Integer { bits, signed: false } if bits.size == 1 && bits.is_full())
    }

    /// Whether elements hold references into the global heap, or to objects, somewhere inside: such bytes mean nothing
    /// in another file.
    pub fn has_references_to_file(&self) -> bool {
        match self {
            Datatype::Reference { .. } | Datatype::Sequence { .. } | Datatype::VariableString { .. } => true,
            Datatype::Compound { members, .. } => members.iter().any(|m| m.datatype.has_references_to_file()),
            Datatype::Array { base, .. } => base.has_references_to_file(),
            _ => false,
        }
    }

    /// Whether elements are of any length, or something inside of them is.
    pub fn is_variable_length(&self) -> bool {
        match self {
            Datatype::Sequence { .. } | Datatype::VariableString { .. } => true,
            Datatype::Compound { members, .. } => members.iter().any(|m| m.datatype.is_variable_length()),
            Datatype::Array { base, .. } => base.is_variable_length(),
            _ => false,
        }
    }
}

/// Bytes of a variable-length element in a file: u32 length, address, u32 index.
pub(crate) fn variable_size(w: Widths) -> u32 {
    8 + u32::from(w.offset)
}
