//! Bytes to datatype.

use super::{Bits, ByteOrder, Charset, Datatype, Float, Member, Name, Normalization, Padding, ReferenceKind};
use crate::bytes::{self, Limits, Widths, bytes_needed};
use crate::error::{Error, Result};
use binrw::binrw;

pub(super) const STRUCTURE: &str = "datatype";

/// What follows the name and offset of a version 1 compound member, before its datatype.
#[binrw]
#[brw(little)]
pub(super) struct MemberArray {
    rank: u8,
    reserved: [u8; 3],
    permutation: u32,
    reserved2: u32,
    dims: [u32; 4],
}

impl MemberArray {
    /// Nothing but the member's datatype; arrays are datatypes of their own.
    pub(super) const NONE: MemberArray =
        MemberArray { rank: 0, reserved: [0; 3], permutation: 0, reserved2: 0, dims: [0; 4] };
}

/// Properties of an array datatype; version 2 pads the rank and carries a permutation that was never used.
#[binrw]
#[brw(little, import(version: u8))]
pub(super) struct ArrayProperties {
    #[br(assert((1..=32).contains(&rank), "an array of rank {rank}"))]
    pub(super) rank: u8,
    #[br(if(version < 3))]
    pub(super) reserved: Option<[u8; 3]>,
    #[br(count = rank)]
    pub(super) dims: Vec<u32>,
    #[br(if(version < 3), count = rank)]
    #[bw(if(version < 3))]
    pub(super) permutation: Vec<u32>,
}

fn wrong(what: impl Into<String>) -> Error {
    Error::damaged(what).in_structure(STRUCTURE)
}

/// Decodes the datatype of elements in a file of these widths.
pub(crate) fn decode_in(bytes: &[u8], w: Widths) -> Result<Datatype> {
    let (mut datatype, _) = decode(bytes)?;
    datatype.place_references(w);
    Ok(datatype)
}

/// Decodes the datatype that `bytes` begins with as it says of itself, and tells how many bytes it took.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Datatype, usize)> {
    let mut cursor = Cursor { bytes, at: 0 };
    let datatype = cursor.datatype(Limits::MAX_NESTING)?;
    Ok((datatype, cursor.at))
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let taken = self.rest().get(..n).ok_or_else(|| wrong("ends before its last field"))?;
        self.at += n;
        Ok(taken)
    }

    fn fields<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        let taken = self.rest().first_chunk().ok_or_else(|| wrong("ends before its last field"))?;
        self.at += N;
        Ok(taken)
    }

    fn declared<T: for<'x> binrw::BinRead<Args<'x> = A>, A>(&mut self, args: A) -> Result<T> {
        let (value, used) = bytes::decode::<T>(self.rest(), args, STRUCTURE)?;
        self.at += used;
        Ok(value)
    }

    /// A name with its NUL, padded to a multiple of 8 before version 3.
    fn name(&mut self, version: u8) -> Result<Name> {
        let end = self.rest().iter().position(|&b| b == 0).ok_or_else(|| wrong("a name without an end"))?;
        let size = if version < 3 { (end + 1).next_multiple_of(8) } else { end + 1 };
        Ok(Name::from_bytes(&self.take(size)?[..end]))
    }

    fn datatype(&mut self, depth: usize) -> Result<Datatype> {
        let depth = depth.checked_sub(1).ok_or_else(|| Error::limit("datatypes nested more than 64 deep"))?;
        // What every datatype begins with and the properties of numbers are decoded by hand: there is one in each dataset
        // and each attribute.
        let &[class_and_version, b0, b1, b2, s0, s1, s2, s3] = self.fields()?;
        let (bits, size) = (u32::from_le_bytes([b0, b1, b2, 0]), u32::from_le_bytes([s0, s1, s2, s3]));
        let (class, version) = (class_and_version & 15, class_and_version >> 4);
        if !(1..=5).contains(&version) {
            return Err(Error::unsupported(format!("datatype version {version}")).in_structure(STRUCTURE));
        }
        if size == 0 {
            return Err(wrong("elements of 0 bytes"));
        }
        match class {
            0 => Ok(Datatype::Integer { bits: self.bits(bits, size)?, signed: bits & 8 != 0 }),
            1 => self.float(bits, size),
            2 => {
                let precision = self.declared(())?;
                let order = if bits & 1 != 0 { ByteOrder::Big } else { ByteOrder::Little };
                Ok(Datatype::Time(Bits { size, order, offset: 0, precision }))
            }
            3 => Ok(Datatype::FixedString { size, padding: padding(bits)?, charset: charset(bits >> 4)? }),
            4 => Ok(Datatype::BitField(self.bits(bits, size)?)),
            5 => {
                let tag = self.take((bits & 0xff) as usize)?;
                Ok(Datatype::Opaque { size, tag: Name::from_bytes(bytes::until_nul(tag)) })
            }
            6 => self.compound(version, bits & 0xffff, size, depth),
            7 => reference(bits, size),
            8 => self.enumeration(version, bits & 0xffff, size, depth),
            9 => self.variable(bits, size, depth),
            10 => self.array(version, size, depth),
            11 => self.complex(bits, size, depth),
            _ => Err(Error::unsupported(format!("datatype class {class}")).in_structure(STRUCTURE)),
        }
    }

    fn bits(&mut self, flags: u32, size: u32) -> Result<Bits> {
        let &[o0, o1, p0, p1] = self.fields()?;
        let (offset, precision) = (u16::from_le_bytes([o0, o1]), u16::from_le_bytes([p0, p1]));
        let order = if flags & 1 != 0 { ByteOrder::Big } else { ByteOrder::Little };
        let bits = Bits { size, order, offset, precision };
        check_bits(&bits)?;
        Ok(bits)
    }

    fn float(&mut self, flags: u32, size: u32) -> Result<Datatype> {
        let &[o0, o1, p0, p1, exponent, exponent_bits, mantissa, mantissa_bits, b0, b1, b2, b3] = self.fields()?;
        let (offset, precision) = (u16::from_le_bytes([o0, o1]), u16::from_le_bytes([p0, p1]));
        let bias = u32::from_le_bytes([b0, b1, b2, b3]);
        let order = match flags & 0x41 {
            0 => ByteOrder::Little,
            1 => ByteOrder::Big,
            0x41 => ByteOrder::Vax,
            _ => return Err(wrong("a byte order that does not exist")),
        };
        let norm = match flags >> 4 & 3 {
            0 => Normalization::None,
            1 => Normalization::Set,
            2 => Normalization::Implied,
            _ => return Err(wrong("a normalization that does not exist")),
        };
        let bits = Bits { size, order, offset, precision };
        check_bits(&bits)?;
        let within = |position: u8, length: u8| u64::from(position) + u64::from(length) <= 8 * u64::from(size);
        let sign = (flags >> 8) as u8;
        if !within(exponent, exponent_bits) || !within(mantissa, mantissa_bits) || !within(sign, 1) {
            return Err(wrong("parts of a float outside of it"));
        }
        if exponent_bits == 0 || exponent_bits > 32 || mantissa_bits == 0 {
            return Err(wrong(format!("{} bits of exponent, {} of mantissa", exponent_bits, mantissa_bits)));
        }
        Ok(Datatype::Float(Float { bits, sign, exponent, exponent_bits, mantissa, mantissa_bits, bias, norm }))
    }

    fn compound(&mut self, version: u8, count: u32, size: u32, depth: usize) -> Result<Datatype> {
        if count == 0 {
            return Err(wrong("a compound without members"));
        }
        let mut members = Vec::new();
        for _ in 0..count {
            let name = self.name(version)?;
            let offset = if version < 3 {
                self.declared::<u32, ()>(())?
            } else {
                let width = bytes_needed(size.into());
                self.take(width)?.iter().rev().fold(0, |n, &b| n << 8 | u32::from(b))
            };
            let shape = if version == 1 { Some(self.declared::<MemberArray, ()>(())?) } else { None };
            let mut datatype = self.datatype(depth)?;
            if let Some(shape) = shape.filter(|s| s.rank > 0) {
                let dims = shape.dims.get(..shape.rank.into()).ok_or_else(|| wrong("a member of rank above 4"))?;
                datatype = array(dims.to_vec(), datatype)?;
            }
            if u64::from(offset) + datatype.size() > size.into() {
                return Err(wrong(format!("member {name} runs past the element's {size} bytes")));
            }
            members.push(Member { name, offset, datatype });
        }
        Ok(Datatype::Compound { size, members })
    }

    fn enumeration(&mut self, version: u8, count: u32, size: u32, depth: usize) -> Result<Datatype> {
        let base = self.datatype(depth)?;
        if !matches!(base, Datatype::Integer { .. }) || base.size() != u64::from(size) {
            return Err(wrong("an enumeration of something else than integers"));
        }
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(self.name(version)?);
        }
        let values = self.take(count as usize * size as usize)?;
        let members = names.into_iter().zip(values.chunks_exact(size as usize).map(<[u8]>::to_vec)).collect();
        Ok(Datatype::Enumeration { base: Box::new(base), members })
    }

    fn variable(&mut self, bits: u32, size: u32, depth: usize) -> Result<Datatype> {
        let base = self.datatype(depth)?;
        match bits & 15 {
            0 => Ok(Datatype::Sequence { base: Box::new(base), size }),
            1 => Ok(Datatype::VariableString { padding: padding(bits >> 4)?, charset: charset(bits >> 8)?, size }),
            kind => Err(wrong(format!("variable length of kind {kind}"))),
        }
    }

    fn array(&mut self, version: u8, size: u32, depth: usize) -> Result<Datatype> {
        let p: ArrayProperties = self.declared((version,))?;
        let base = self.datatype(depth)?;
        let array = array(p.dims, base)?;
        if array.size() != u64::from(size) {
            return Err(wrong(format!("an array of {} bytes in an element of {size}", array.size())));
        }
        Ok(array)
    }

    fn complex(&mut self, bits: u32, size: u32, depth: usize) -> Result<Datatype> {
        let base = self.datatype(depth)?;
        if bits & 7 != 1 {
            return Err(Error::unsupported("complex numbers in another form than rectangular").in_structure(STRUCTURE));
        }
        if !matches!(base, Datatype::Float(_)) || 2 * base.size() != u64::from(size) {
            return Err(wrong("a complex number that is not two floats"));
        }
        Ok(Datatype::Complex(Box::new(base)))
    }
}

fn reference(bits: u32, size: u32) -> Result<Datatype> {
    let kind = match bits & 15 {
        0 => ReferenceKind::Object,
        1 => ReferenceKind::Region,
        // Should come with version 4, but early files of the 1.12 kind say 1.
        2..=4 => ReferenceKind::Standard,
        kind => {
            return Err(Error::unsupported(format!("references of kind {kind}")).in_structure(STRUCTURE));
        }
    };
    Ok(Datatype::Reference { kind, size })
}

fn array(dims: Vec<u32>, base: Datatype) -> Result<Datatype> {
    let size = dims.iter().try_fold(base.size(), |n, &d| n.checked_mul(d.into()).filter(|&n| n > 0));
    if size.is_none_or(|n| n > u32::MAX.into()) {
        return Err(wrong(format!("an array of shape {dims:?}")));
    }
    Ok(Datatype::Array { dims, base: Box::new(base) })
}

fn check_bits(bits: &Bits) -> Result<()> {
    let end = u64::from(bits.offset) + u64::from(bits.precision);
    if bits.precision == 0 || end > 8 * u64::from(bits.size) {
        return Err(wrong(format!("{} bits from bit {} in {} bytes", bits.precision, bits.offset, bits.size)));
    }
    Ok(())
}

fn padding(bits: u32) -> Result<Padding> {
    match bits & 15 {
        0 => Ok(Padding::NullTerminated),
        1 => Ok(Padding::NullPadded),
        2 => Ok(Padding::SpacePadded),
        p => Err(wrong(format!("string padding {p}"))),
    }
}

fn charset(bits: u32) -> Result<Charset> {
    match bits & 15 {
        0 => Ok(Charset::Ascii),
        1 => Ok(Charset::Utf8),
        c => Err(wrong(format!("character set {c}"))),
    }
}
