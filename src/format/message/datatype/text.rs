//! Datatypes and names for people.

use super::{ByteOrder, Charset, Datatype, Name, ReferenceKind};
use crate::bytes::Short;
use std::borrow::Cow;
use std::fmt;

impl Name {
    /// The name of these bytes.
    pub fn from_bytes(bytes: &[u8]) -> Name {
        Name(Short::from_slice(bytes))
    }

    /// The bytes as they are stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text; bytes that are not UTF-8 become the replacement character.
    pub fn to_text(&self) -> Cow<'_, str> {
        std::str::from_utf8(&self.0).map_or_else(|_| String::from_utf8_lossy(&self.0), Cow::Borrowed)
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Name::from_bytes(name.as_bytes())
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

/// Safe on a terminal: control characters, and those that change the direction of writing, are escaped.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_text();
        let mut rest = &*text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unsafe(*c)) {
            let (safe, behind) = rest.split_at(at);
            write!(f, "{safe}{}", c.escape_unicode())?;
            rest = behind.strip_prefix(c).unwrap_or_default();
        }
        f.write_str(rest)
    }
}

fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_text())
    }
}

/// The name that numpy users expect: `uint8`, `float32`, `>i4` as `int32 (big-endian)`, `{time: float64, …}`.
impl fmt::Display for Datatype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let big = |order: ByteOrder, size: u32| match order {
            ByteOrder::Big if size > 1 => " (big-endian)",
            ByteOrder::Vax => " (VAX)",
            _ => "",
        };
        match self {
            Datatype::Integer { bits, signed } => {
                let sign = if *signed { "" } else { "u" };
                write!(f, "{sign}int{}{}", u64::from(bits.size) * 8, big(bits.order, bits.size))?;
                if !bits.is_full() {
                    write!(f, " ({} bits from bit {})", bits.precision, bits.offset)?;
                }
                Ok(())
            }
            Datatype::Float(float) if float.is_ieee() => {
                write!(f, "float{}{}", float.bits.size * 8, big(float.bits.order, float.bits.size))
            }
            Datatype::Float(float) => {
                let (bits, exponent, mantissa) = (float.bits.precision, float.exponent_bits, float.mantissa_bits);
                let order = big(float.bits.order, float.bits.size);
                write!(f, "float of {bits} bits, {exponent} of exponent, {mantissa} of mantissa{order}")
            }
            Datatype::Time(bits) => write!(f, "time{}", u64::from(bits.size) * 8),
            Datatype::FixedString { size, charset, .. } => {
                write!(f, "string of {size} bytes{}", encoding(*charset))
            }
            Datatype::VariableString { charset, .. } => write!(f, "string{}", encoding(*charset)),
            Datatype::BitField(bits) => {
                write!(f, "bits{}{}", u64::from(bits.size) * 8, big(bits.order, bits.size))
            }
            Datatype::Opaque { size, tag } if tag.0.is_empty() => {
                write!(f, "opaque of {size} bytes")
            }
            Datatype::Opaque { size, tag } => write!(f, "opaque of {size} bytes \"{tag}\""),
            Datatype::Compound { members, .. } => {
                f.write_str("{")?;
                for (i, member) in members.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{}: {}", member.name, member.datatype)?;
                }
                f.write_str("}")
            }
            Datatype::Reference { kind, .. } => f.write_str(match kind {
                ReferenceKind::Object => "object reference",
                ReferenceKind::Region => "region reference",
                ReferenceKind::Standard => "reference",
            }),
            Datatype::Enumeration { members, .. } if is_boolean(members) => f.write_str("bool"),
            Datatype::Enumeration { base, members } => {
                write!(f, "enum of {base} (")?;
                for (i, (name, _)) in members.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{name}")?;
                }
                f.write_str(")")
            }
            Datatype::Sequence { base, .. } => write!(f, "sequence of {base}"),
            Datatype::Array { dims, base } => write!(f, "array {dims:?} of {base}"),
            Datatype::Complex(base) => write!(f, "complex of {base}"),
        }
    }
}

fn encoding(charset: Charset) -> &'static str {
    match charset {
        Charset::Ascii => " (ASCII)",
        Charset::Utf8 => "",
    }
}

/// As h5py stores `bool`.
fn is_boolean(members: &[(Name, Vec<u8>)]) -> bool {
    let [(no, zero), (yes, one)] = members else {
        return false;
    };
    *no == "FALSE" && *yes == "TRUE" && zero[..] == [0] && one[..] == [1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_nobody_has_is_told_all_the_same() {
        let huge = crate::format::message::datatype::Bits {
            size: u32::MAX,
            order: crate::format::message::datatype::ByteOrder::Little,
            offset: 0,
            precision: 8,
        };
        assert_eq!(Datatype::Time(huge).to_string(), "time34359738360");
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        let name = Name::from_bytes(b"a\x1b[2J\xe2\x80\xaeb");
        assert_eq!(name.to_string(), "a\\u{1b}[2J\\u{202e}b");
    }
}
