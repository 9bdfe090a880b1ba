//! Datatype to bytes, in the versions that the oldest wanted library reads: of compounds, arrays and enumerations there are
//! five, the rest is mostly as it ever was.

use super::decode::{ArrayProperties, MemberArray, STRUCTURE};
use super::{Bits, ByteOrder, Charset, Datatype, Float, Member, Normalization, Padding, ReferenceKind};
use crate::bytes::{self, bytes_needed};
use crate::error::{Error, Result};
use crate::format::libver::LibVer;

/// Encodes a datatype.
pub(crate) fn encode(datatype: &Datatype, libver: LibVer) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(32);
    // What libhdf5 writes compounds, arrays and enumerations with.
    let least = match libver {
        LibVer::Earliest => 1,
        LibVer::V18 | LibVer::V110 => 3,
        LibVer::V112 | LibVer::V114 => 4,
        LibVer::V200 => 5,
    };
    push(datatype, least, &mut out)?;
    Ok(out)
}

/// The version that a datatype is written with: that of the newest kind inside.
///
/// The members are folded by a loop: written as an iterator's `max`, rustc 1.95 lost the lower bound of 3 when optimizing,
/// and compounds of plain members came out as version 1 in release builds only.
fn version(datatype: &Datatype, least: u8) -> u8 {
    match datatype {
        Datatype::Compound { members, .. } => {
            let mut newest = least;
            for member in members {
                newest = newest.max(version(&member.datatype, least));
            }
            newest
        }
        // Version 1 knows arrays only as members of compounds, and nobody writes them so.
        Datatype::Array { base, .. } => version(base, least).max(least).max(2),
        Datatype::Enumeration { base, .. } => version(base, least).max(least),
        Datatype::Sequence { base, .. } => version(base, least),
        Datatype::Float(f) if f.bits.order == ByteOrder::Vax => 3,
        // Libraries before 1.12 do not know them, but open what says 1, as early files of that kind do.
        Datatype::Reference { kind: ReferenceKind::Standard, .. } if least >= 4 => 4,
        Datatype::Complex(_) => 5,
        _ => 1,
    }
}

fn push(datatype: &Datatype, least: u8, out: &mut Vec<u8>) -> Result<()> {
    let version = version(datatype, least);
    let mut header = |class: u8, bits: u32| -> Result<()> {
        let size = u32::try_from(datatype.size()).map_err(|_| Error::limit("an element of more than 4 GiB"))?;
        let [low, middle, high, _] = bits.to_le_bytes();
        out.extend([version << 4 | class, low, middle, high]);
        out.extend(size.to_le_bytes());
        Ok(())
    };
    match datatype {
        Datatype::Integer { bits, signed } => {
            header(0, order_bit(bits.order) | u32::from(*signed) << 3)?;
            push_bits(bits, out);
            Ok(())
        }
        Datatype::Float(float) => {
            header(1, float_flags(float))?;
            push_float(float, out);
            Ok(())
        }
        Datatype::Time(bits) => {
            header(2, order_bit(bits.order))?;
            out.extend(bits.precision.to_le_bytes());
            Ok(())
        }
        Datatype::FixedString { padding, charset, .. } => {
            header(3, padding_bits(*padding) | charset_bits(*charset) << 4)
        }
        Datatype::BitField(bits) => {
            header(4, order_bit(bits.order))?;
            push_bits(bits, out);
            Ok(())
        }
        Datatype::Opaque { tag, .. } => {
            let padded = padded_tag(&tag.0)?;
            header(5, padded.len() as u32)?;
            out.extend(padded);
            Ok(())
        }
        Datatype::Compound { size, members } => {
            header(6, count(members.len())?)?;
            push_members(*size, members, version, least, out)
        }
        Datatype::Reference { kind, .. } => header(7, reference_bits(*kind)),
        Datatype::Enumeration { base, members } => {
            header(8, count(members.len())?)?;
            push(base, least, out)?;
            for (name, _) in members {
                push_name(&name.0, version, out)?;
            }
            out.extend(members.iter().flat_map(|(_, value)| value));
            Ok(())
        }
        Datatype::Sequence { base, .. } => {
            header(9, 0)?;
            push(base, least, out)
        }
        Datatype::VariableString { padding, charset, .. } => {
            header(9, 1 | padding_bits(*padding) << 4 | charset_bits(*charset) << 8)?;
            // What the string consists of: libhdf5 says unsigned bytes, whatever the character set.
            push(&Datatype::integer(1, false), least, out)
        }
        Datatype::Array { dims, base } => {
            header(10, 0)?;
            push_dims(dims, version, out)?;
            push(base, least, out)
        }
        Datatype::Complex(base) => {
            header(11, 1)?;
            push(base, least, out)
        }
    }
}

/// The kind of a reference, in the bits of the header.
fn reference_bits(kind: ReferenceKind) -> u32 {
    match kind {
        ReferenceKind::Object => 0,
        ReferenceKind::Region => 1,
        // Kind 2, and the version of the encoding in the next four bits.
        ReferenceKind::Standard => 0x12,
    }
}

/// The dimensions of an array; before version 3 with a permutation that nobody ever used.
fn push_dims(dims: &[u32], version: u8, out: &mut Vec<u8>) -> Result<()> {
    let old = version < 3;
    let p = ArrayProperties {
        rank: dims.len() as u8,
        reserved: old.then_some([0; 3]),
        dims: dims.to_vec(),
        permutation: if old { (0..dims.len() as u32).collect() } else { Vec::new() },
    };
    out.extend(bytes::encode(&p, (version,), STRUCTURE)?);
    Ok(())
}

/// The number of members or names, 16 bits of the header.
fn count(members: usize) -> Result<u32> {
    let count = u16::try_from(members).map_err(|_| Error::limit("more than 65,535 members in a datatype"))?;
    Ok(count.into())
}

fn push_members(size: u32, members: &[Member], version: u8, least: u8, out: &mut Vec<u8>) -> Result<()> {
    let width = if version < 3 { 4 } else { bytes_needed(size.into()) };
    for member in members {
        push_name(&member.name.0, version, out)?;
        out.extend_from_slice(&member.offset.to_le_bytes()[..width]);
        if version == 1 {
            out.extend(bytes::encode(&MemberArray::NONE, (), STRUCTURE)?);
        }
        push(&member.datatype, least, out)?;
    }
    Ok(())
}

/// A tag, padded to a multiple of 8: the length counts the padding, and a full field has no NUL.
fn padded_tag(tag: &[u8]) -> Result<Vec<u8>> {
    let mut padded = tag.to_vec();
    padded.resize(tag.len().next_multiple_of(8), 0);
    if padded.len() > usize::from(u8::MAX) {
        return Err(Error::limit("an opaque tag of more than 248 bytes"));
    }
    Ok(padded)
}

/// A name with its NUL, padded to a multiple of 8 before version 3.
fn push_name(name: &[u8], version: u8, out: &mut Vec<u8>) -> Result<()> {
    if name.contains(&0) {
        return Err(Error::invalid("a name that contains a NUL"));
    }
    let size = name.len() + 1;
    let size = if version < 3 { size.next_multiple_of(8) } else { size };
    out.extend_from_slice(name);
    out.resize(out.len() + size - name.len(), 0);
    Ok(())
}

fn push_bits(bits: &Bits, out: &mut Vec<u8>) {
    out.extend(bits.offset.to_le_bytes());
    out.extend(bits.precision.to_le_bytes());
}

fn push_float(f: &Float, out: &mut Vec<u8>) {
    push_bits(&f.bits, out);
    out.extend([f.exponent, f.exponent_bits, f.mantissa, f.mantissa_bits]);
    out.extend(f.bias.to_le_bytes());
}

fn float_flags(f: &Float) -> u32 {
    let order = match f.bits.order {
        ByteOrder::Little => 0,
        ByteOrder::Big => 1,
        ByteOrder::Vax => 0x41,
    };
    let norm = match f.norm {
        Normalization::None => 0,
        Normalization::Set => 1,
        Normalization::Implied => 2,
    };
    order | norm << 4 | u32::from(f.sign) << 8
}

fn order_bit(order: ByteOrder) -> u32 {
    u32::from(order != ByteOrder::Little)
}

fn padding_bits(padding: Padding) -> u32 {
    match padding {
        Padding::NullTerminated => 0,
        Padding::NullPadded => 1,
        Padding::SpacePadded => 2,
    }
}

fn charset_bits(charset: Charset) -> u32 {
    match charset {
        Charset::Ascii => 0,
        Charset::Utf8 => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Name, decode};
    use super::*;
    use crate::bytes::Widths;

    fn encode(datatype: &Datatype) -> Result<Vec<u8>> {
        super::encode(datatype, LibVer::V18)
    }

    fn round_trip(datatype: Datatype) {
        for libver in [LibVer::Earliest, LibVer::V18, LibVer::V112, LibVer::V200] {
            let bytes = super::encode(&datatype, libver).unwrap();
            assert_eq!(decode(&bytes).unwrap(), (datatype.clone(), bytes.len()), "{libver}");
            for cut in 0..bytes.len() {
                assert!(decode(&bytes[..cut]).is_err(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn versions_are_those_of_the_library() {
        let small = Datatype::integer(2, true);
        let array = Datatype::Array { dims: vec![2], base: Box::new(small.clone()) };
        let with = |datatype: &Datatype| Datatype::Compound {
            size: 4,
            members: vec![Member { name: "a".into(), offset: 0, datatype: datatype.clone() }],
        };
        let version = |d: &Datatype, libver| super::encode(d, libver).unwrap()[0] >> 4;
        let versions = |d: &Datatype| {
            [LibVer::Earliest, LibVer::V18, LibVer::V110, LibVer::V112, LibVer::V114, LibVer::V200]
                .map(|libver| version(d, libver))
        };
        assert_eq!(versions(&small), [1; 6]);
        assert_eq!(versions(&with(&small)), [1, 3, 3, 4, 4, 5]);
        assert_eq!(versions(&with(&array)), [2, 3, 3, 4, 4, 5]);
        assert_eq!(versions(&with(&with(&array))), [2, 3, 3, 4, 4, 5]);
        assert_eq!(versions(&Datatype::reference(ReferenceKind::Standard)), [1, 1, 1, 4, 4, 4]);
        assert_eq!(versions(&Datatype::Sequence { base: Box::new(array), size: 16 }), [2, 3, 3, 4, 4, 5]);
    }

    #[test]
    fn numbers_are_written_as_libhdf5_writes_them() {
        let i32le = encode(&Datatype::integer(4, true)).unwrap();
        assert_eq!(i32le, [0x10, 8, 0, 0, 4, 0, 0, 0, 0, 0, 0x20, 0]);
        let f32le = encode(&Datatype::Float(Float::ieee(4, ByteOrder::Little))).unwrap();
        assert_eq!(f32le, [0x11, 0x20, 0x1f, 0, 4, 0, 0, 0, 0, 0, 0x20, 0, 0x17, 8, 0, 0x17, 0x7f, 0, 0, 0]);
    }

    #[test]
    fn every_class_comes_back_as_it_was() {
        let float = Datatype::Float(Float::ieee(8, ByteOrder::Big));
        let name = |n: &str| Name::from_bytes(n.as_bytes());
        round_trip(float.clone());
        round_trip(Datatype::Time(Bits::full(4, ByteOrder::Little)));
        round_trip(Datatype::BitField(Bits { size: 2, order: ByteOrder::Big, offset: 3, precision: 7 }));
        round_trip(Datatype::Opaque { size: 9, tag: name("exactly8") });
        round_trip(Datatype::text(Widths::EIGHT));
        round_trip(Datatype::Reference { kind: ReferenceKind::Region, size: 12 });
        round_trip(Datatype::Reference { kind: ReferenceKind::Standard, size: 18 });
        round_trip(Datatype::Complex(Box::new(float.clone())));
        let boolean = Datatype::Enumeration {
            base: Box::new(Datatype::integer(1, true)),
            members: vec![(name("FALSE"), vec![0]), (name("TRUE"), vec![1])],
        };
        let array = Datatype::Array { dims: vec![2, 3], base: Box::new(boolean) };
        let inner =
            Datatype::Compound { size: 300, members: vec![Member { name: name("r"), offset: 290, datatype: float }] };
        round_trip(Datatype::Sequence { base: Box::new(inner.clone()), size: 16 });
        round_trip(Datatype::Compound {
            size: 306,
            members: vec![
                Member { name: name("a"), offset: 300, datatype: array },
                Member { name: name("ü"), offset: 0, datatype: inner },
            ],
        });
    }

    #[test]
    fn nesting_without_end_is_a_limit() {
        let mut datatype = Datatype::integer(1, false);
        for _ in 0..70 {
            datatype = Datatype::Array { dims: vec![1], base: Box::new(datatype) };
        }
        let bytes = encode(&datatype).unwrap();
        assert_eq!(decode(&bytes).unwrap_err().kind(), crate::ErrorKind::Limit);
    }
}
