//! Datatypes as the digest writes them.

use crate::datatype::{Bits, ByteOrder, Charset, Datatype, Float, Normalization, Padding, ReferenceKind};

/// Text of a name's bytes; a byte that is not UTF-8 becomes the six characters `\udcNN`.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|b| format!("\\udc{b:02x}")));
    }
    out
}

/// A JSON string with everything above ASCII escaped.
fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for c in text(bytes).chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                let mut units = [0; 2];
                out.extend(c.encode_utf16(&mut units).iter().map(|u| format!("\\u{u:04x}")));
            }
        }
    }
    out.push('"');
    out
}

fn order(order: ByteOrder, size: u32) -> &'static str {
    match order {
        _ if size == 1 => "",
        ByteOrder::Little => "le",
        ByteOrder::Big => "be",
        ByteOrder::Vax => "vax",
    }
}

fn bits_name(letter: &str, bits: &Bits) -> String {
    let name = format!("{letter}{}{}", bits.size, order(bits.order, bits.size));
    if bits.is_full() { name } else { format!("{name}:{}@{}", bits.precision, bits.offset) }
}

fn float_name(f: &Float) -> String {
    let name = format!("f{}{}", f.bits.size, order(f.bits.order, f.bits.size));
    if f.is_ieee() {
        return name;
    }
    let norm = match f.norm {
        Normalization::Implied => 0,
        Normalization::Set => 1,
        Normalization::None => 2,
    };
    let Float { sign, exponent, exponent_bits, mantissa, mantissa_bits, bias, .. } = f;
    format!("{name}:{sign},{exponent},{exponent_bits},{mantissa},{mantissa_bits},{bias},{norm}")
}

fn padding_letter(padding: Padding) -> char {
    match padding {
        Padding::NullTerminated => 'z',
        Padding::NullPadded => 'n',
        Padding::SpacePadded => 'p',
    }
}

fn charset_letter(charset: Charset) -> char {
    match charset {
        Charset::Ascii => 'a',
        Charset::Utf8 => 'u',
    }
}

/// The name of a datatype in the digest.
pub(super) fn type_name(datatype: &Datatype) -> String {
    let joined = |parts: Vec<String>| parts.join(",");
    match datatype {
        Datatype::Integer { bits, signed } => bits_name(if *signed { "i" } else { "u" }, bits),
        Datatype::Float(f) => float_name(f),
        Datatype::Time(bits) => bits_name("t", bits),
        Datatype::BitField(bits) => bits_name("b", bits),
        Datatype::FixedString { size, padding, charset } => {
            format!("s{size}{}{}", padding_letter(*padding), charset_letter(*charset))
        }
        Datatype::VariableString { padding, charset, .. } => {
            format!("S{}{}", padding_letter(*padding), charset_letter(*charset))
        }
        Datatype::Opaque { size, tag } => format!("o{size}{}", quoted(tag.as_bytes())),
        Datatype::Compound { members, .. } => {
            let member =
                |m: &crate::datatype::Member| format!("{}:{}", quoted(m.name.as_bytes()), type_name(&m.datatype));
            format!("{{{}}}", joined(members.iter().map(member).collect()))
        }
        Datatype::Enumeration { base, members } => {
            let mut values: Vec<(i128, String)> =
                members.iter().map(|(name, value)| (integer(value, base), text(name.as_bytes()))).collect();
            // Unsigned integers of 16 bytes fill all of an i128: their sign bit is a bit like any other.
            let unsigned = matches!(**base, Datatype::Integer { signed: false, .. });
            values.sort_by_key(|(value, name)| {
                (if unsigned { value.cast_unsigned() } else { (value ^ i128::MIN).cast_unsigned() }, name.clone())
            });
            let value = |(value, name): &(i128, String)| match unsigned {
                true => format!("{}:{}", quoted(name.as_bytes()), value.cast_unsigned()),
                false => format!("{}:{value}", quoted(name.as_bytes())),
            };
            format!("e({}){{{}}}", type_name(base), joined(values.iter().map(value).collect()))
        }
        Datatype::Sequence { base, .. } => format!("v({})", type_name(base)),
        Datatype::Array { dims, base } => {
            format!("a[{}]({})", joined(dims.iter().map(u32::to_string).collect()), type_name(base))
        }
        Datatype::Complex(base) => format!("c({})", type_name(base)),
        Datatype::Reference { kind, .. } => match kind {
            ReferenceKind::Object => "r:obj".into(),
            ReferenceKind::Region => "r:reg".into(),
            ReferenceKind::Standard => "r:std".into(),
        },
    }
}

/// The value of an enumeration's member.
fn integer(bytes: &[u8], base: &Datatype) -> i128 {
    let Datatype::Integer { bits, signed } = base else {
        return 0;
    };
    let add = |n: i128, b: &u8| n << 8 | i128::from(*b);
    let n = match bits.order {
        ByteOrder::Big => bytes.iter().fold(0, add),
        _ => bytes.iter().rev().fold(0, add),
    };
    let width = 8 * bytes.len() as u32;
    if *signed && width < 128 && n >> (width - 1) & 1 == 1 { n - (1 << width) } else { n }
}

/// Bytes of an element in libhdf5's memory: what the limit of the digest is counted in.
pub(super) fn memory_size(datatype: &Datatype) -> u64 {
    match datatype {
        Datatype::VariableString { .. } => 8,
        Datatype::Sequence { .. } => 16,
        Datatype::Reference { kind, .. } => match kind {
            ReferenceKind::Object => 8,
            ReferenceKind::Region => 12,
            ReferenceKind::Standard => 64,
        },
        Datatype::Array { dims, base } => dims.iter().fold(memory_size(base), |n, &d| n.saturating_mul(d.into())),
        Datatype::Compound { size, members } => {
            let stored: u64 = members.iter().map(|m| m.datatype.size()).sum();
            let memory: u64 = members.iter().map(|m| memory_size(&m.datatype)).sum();
            (u64::from(*size) + memory).saturating_sub(stored)
        }
        _ => datatype.size(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ascii_and_keep_bytes_that_are_no_text() {
        assert_eq!(text(b"a\xffb"), "a\\udcffb");
        assert_eq!(quoted("ü😀\"\x07".as_bytes()), "\"\\u00fc\\ud83d\\ude00\\\"\\u0007\"");
    }

    #[test]
    fn an_enumeration_is_ordered_by_value() {
        let base = Box::new(Datatype::Integer { bits: Bits::full(1, ByteOrder::Little), signed: true });
        let members = vec![("b".into(), vec![1]), ("a".into(), vec![0xff])];
        assert_eq!(type_name(&Datatype::Enumeration { base, members }), "e(i1){\"a\":-1,\"b\":1}");
    }
}
