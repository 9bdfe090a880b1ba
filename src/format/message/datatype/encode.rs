//! Datatype to bytes, in the versions that libhdf5 1.8 reads: 3 for compounds, arrays and enumerations, 1 for the rest.

use super::decode::{ArrayProperties, BitProperties, FloatProperties, Header, STRUCTURE};
use super::{Bits, ByteOrder, Charset, Datatype, Float, Member, Normalization, Padding, ReferenceKind};
use crate::bytes::{self, bytes_needed};
use crate::error::{Error, Result};

/// Encodes a datatype.
pub(crate) fn encode(datatype: &Datatype) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    push(datatype, &mut out)?;
    Ok(out)
}

/// The version that a datatype is written with: that of the newest kind inside.
///
/// The members are folded by a loop: written as an iterator's `max`, rustc 1.95 lost the lower bound of 3 when optimizing,
/// and compounds of plain members came out as version 1 in release builds only.
fn version(datatype: &Datatype) -> u8 {
    match datatype {
        Datatype::Compound { members, .. } => {
            let mut newest = 3;
            for member in members {
                newest = newest.max(version(&member.datatype));
            }
            newest
        }
        Datatype::Array { base, .. } | Datatype::Enumeration { base, .. } => version(base).max(3),
        Datatype::Sequence { base, .. } => version(base),
        Datatype::Float(f) if f.bits.order == ByteOrder::Vax => 3,
        Datatype::Reference { kind: ReferenceKind::Standard, .. } => 4,
        Datatype::Complex(_) => 5,
        _ => 1,
    }
}

fn push(datatype: &Datatype, out: &mut Vec<u8>) -> Result<()> {
    let version = version(datatype);
    let mut header = |class: u8, bits: u32| -> Result<()> {
        let size = u32::try_from(datatype.size()).map_err(|_| Error::limit("an element of more than 4 GiB"))?;
        let header = Header { class_and_version: version << 4 | class, bits, size };
        out.extend(bytes::encode(&header, (), STRUCTURE)?);
        Ok(())
    };
    match datatype {
        Datatype::Integer { bits, signed } => {
            header(0, order_bit(bits.order) | u32::from(*signed) << 3)?;
            push_bits(bits, out)
        }
        Datatype::Float(float) => {
            header(1, float_flags(float))?;
            push_float(float, out)
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
            push_bits(bits, out)
        }
        Datatype::Opaque { tag, .. } => {
            let padded = padded_tag(&tag.0)?;
            header(5, padded.len() as u32)?;
            out.extend(padded);
            Ok(())
        }
        Datatype::Compound { size, members } => {
            header(6, count(members.len())?)?;
            push_members(*size, members, out)
        }
        Datatype::Reference { kind, .. } => header(
            7,
            match kind {
                ReferenceKind::Object => 0,
                ReferenceKind::Region => 1,
                // Kind 2, and the version of the encoding in the next four bits.
                ReferenceKind::Standard => 0x12,
            },
        ),
        Datatype::Enumeration { base, members } => {
            header(8, count(members.len())?)?;
            push(base, out)?;
            for (name, _) in members {
                push_name(&name.0, out)?;
            }
            out.extend(members.iter().flat_map(|(_, value)| value));
            Ok(())
        }
        Datatype::Sequence { base, .. } => {
            header(9, 0)?;
            push(base, out)
        }
        Datatype::VariableString { padding, charset, .. } => {
            header(9, 1 | padding_bits(*padding) << 4 | charset_bits(*charset) << 8)?;
            // What the string consists of: libhdf5 says unsigned bytes, whatever the character set.
            push(&Datatype::integer(1, false), out)
        }
        Datatype::Array { dims, base } => {
            header(10, 0)?;
            let p =
                ArrayProperties { rank: dims.len() as u8, reserved: None, dims: dims.clone(), permutation: Vec::new() };
            out.extend(bytes::encode(&p, (version,), STRUCTURE)?);
            push(base, out)
        }
        Datatype::Complex(base) => {
            header(11, 1)?;
            push(base, out)
        }
    }
}

/// The number of members or names, 16 bits of the header.
fn count(members: usize) -> Result<u32> {
    let count = u16::try_from(members).map_err(|_| Error::limit("more than 65,535 members in a datatype"))?;
    Ok(count.into())
}

fn push_members(size: u32, members: &[Member], out: &mut Vec<u8>) -> Result<()> {
    let width = bytes_needed(size.into());
    for member in members {
        push_name(&member.name.0, out)?;
        out.extend_from_slice(&member.offset.to_le_bytes()[..width]);
        push(&member.datatype, out)?;
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

fn push_name(name: &[u8], out: &mut Vec<u8>) -> Result<()> {
    if name.contains(&0) {
        return Err(Error::invalid("a name that contains a NUL"));
    }
    out.extend_from_slice(name);
    out.push(0);
    Ok(())
}

fn push_bits(bits: &Bits, out: &mut Vec<u8>) -> Result<()> {
    let p = BitProperties { offset: bits.offset, precision: bits.precision };
    out.extend(bytes::encode(&p, (), STRUCTURE)?);
    Ok(())
}

fn push_float(f: &Float, out: &mut Vec<u8>) -> Result<()> {
    let p = FloatProperties {
        offset: f.bits.offset,
        precision: f.bits.precision,
        exponent: f.exponent,
        exponent_bits: f.exponent_bits,
        mantissa: f.mantissa,
        mantissa_bits: f.mantissa_bits,
        bias: f.bias,
    };
    out.extend(bytes::encode(&p, (), STRUCTURE)?);
    Ok(())
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

    fn round_trip(datatype: Datatype) {
        let bytes = encode(&datatype).unwrap();
        assert_eq!(decode(&bytes).unwrap(), (datatype, bytes.len()));
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
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
        let name = |n: &str| Name(n.as_bytes().to_vec());
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
