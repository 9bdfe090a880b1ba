//! Datatypes as the page gets them.

use crate::datatype::{ByteOrder, Charset, Datatype, Member, Padding, ReferenceKind};
use serde_json::{Map, Value, json};

/// A datatype: its class and what that class has, its text, its bytes in the file.
pub(super) fn type_info(datatype: &Datatype) -> Value {
    let mut info = Map::new();
    info.insert("text".into(), datatype.to_string().into());
    info.insert("size".into(), datatype.size().into());
    let class = match datatype {
        Datatype::Integer { bits, signed } => json!({"class": "integer", "signed": signed, "order": order(bits.order)}),
        Datatype::Float(float) => json!({"class": "float", "order": order(float.bits.order)}),
        Datatype::Time(_) => json!({"class": "time"}),
        Datatype::FixedString { size, padding, charset: c } => {
            json!({"class": "string", "charset": charset(*c), "length": size, "padding": padding_name(*padding)})
        }
        Datatype::VariableString { padding, charset: c, .. } => {
            json!({"class": "string", "charset": charset(*c), "padding": padding_name(*padding)})
        }
        Datatype::BitField(bits) => json!({"class": "bitfield", "order": order(bits.order)}),
        Datatype::Opaque { tag, .. } => json!({"class": "opaque", "tag": tag.to_text()}),
        Datatype::Compound { members, .. } => compound(datatype, members),
        Datatype::Reference { kind, .. } => {
            let to = match kind {
                ReferenceKind::Object => "object",
                ReferenceKind::Region => "region",
                ReferenceKind::Standard => "any",
            };
            json!({"class": "reference", "to": to})
        }
        Datatype::Enumeration { .. } if is_boolean(datatype) => json!({"class": "boolean"}),
        Datatype::Enumeration { base, members } => {
            let value = |bytes: &[u8]| match &**base {
                Datatype::Integer { bits, signed } => integer(stored_integer(bytes, bits.order, *signed), base.size()),
                _ => Value::Null,
            };
            let members = members.iter().map(|(name, v)| json!({"name": name.to_text(), "value": value(v)}));
            json!({"class": "enum", "base": type_info(base), "members": members.collect::<Vec<_>>()})
        }
        Datatype::Sequence { base, .. } => json!({"class": "vlen", "base": type_info(base)}),
        Datatype::Array { dims, base } => json!({"class": "array", "dims": dims, "base": type_info(base)}),
        Datatype::Complex(base) => json!({"class": "complex", "base": type_info(base)}),
    };
    if let Value::Object(class) = class {
        info.extend(class);
    }
    Value::Object(info)
}

fn compound(datatype: &Datatype, members: &[Member]) -> Value {
    if let Some(base) = complex_base(datatype) {
        let names: Vec<_> = members.iter().map(|m| m.name.to_text()).collect();
        return json!({"class": "complex", "base": type_info(base), "members": names});
    }
    let member = |m: &Member| json!({"name": m.name.to_text(), "offset": m.offset, "type": type_info(&m.datatype)});
    json!({"class": "compound", "members": members.iter().map(member).collect::<Vec<_>>()})
}

/// Whether it is what h5py stores truth values in.
pub(super) fn is_boolean(datatype: &Datatype) -> bool {
    let Datatype::Enumeration { base, members } = datatype else { return false };
    let [(no, zero), (yes, one)] = members.as_slice() else { return false };
    base.size() == 1 && no == "FALSE" && yes == "TRUE" && zero[..] == [0] && one[..] == [1]
}

/// What the two parts of a complex number are, of a compound that stands for one: two floats alike, one behind the other,
/// with the names that h5py and others give them.
pub(crate) fn complex_base(datatype: &Datatype) -> Option<&Datatype> {
    let Datatype::Compound { size, members } = datatype else { return None };
    let [re, im] = members.as_slice() else { return None };
    let part = re.datatype.size();
    let named = [("r", "i"), ("re", "im"), ("real", "imag")].iter().any(|(r, i)| re.name == *r && im.name == *i);
    let packed = re.offset == 0 && u64::from(im.offset) == part && u64::from(*size) == 2 * part;
    let alike = matches!(re.datatype, Datatype::Float(_)) && re.datatype == im.datatype;
    (named && packed && alike).then_some(&re.datatype)
}

/// An integer of a datatype of `size` bytes: those of 8 and more never fit a number of JavaScript, whatever their value.
pub(super) fn integer(n: i128, size: u64) -> Value {
    match i64::try_from(n) {
        Ok(n) if size < 8 => n.into(),
        _ => json!({"i": n.to_string()}),
    }
}

fn stored_integer(bytes: &[u8], order: ByteOrder, signed: bool) -> i128 {
    let mut bytes = bytes.to_vec();
    if order == ByteOrder::Big {
        bytes.reverse();
    }
    let negative = signed && bytes.last().is_some_and(|b| b & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 16];
    wide.iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
    i128::from_le_bytes(wide)
}

fn order(order: ByteOrder) -> &'static str {
    match order {
        ByteOrder::Little => "little",
        ByteOrder::Big => "big",
        ByteOrder::Vax => "vax",
    }
}

fn charset(charset: Charset) -> &'static str {
    match charset {
        Charset::Ascii => "ascii",
        Charset::Utf8 => "utf8",
    }
}

fn padding_name(padding: Padding) -> &'static str {
    match padding {
        Padding::NullTerminated => "null-terminated",
        Padding::NullPadded => "null-padded",
        Padding::SpacePadded => "space-padded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Element;

    #[test]
    fn truth_values_and_complex_numbers_are_told_from_what_they_are_stored_as() {
        assert_eq!(type_info(&bool::datatype())["class"], "boolean");
        let float = f32::datatype();
        let member = |name: &str, offset| Member { name: name.into(), offset, datatype: float.clone() };
        let complex = Datatype::Compound { size: 8, members: vec![member("r", 0), member("i", 4)] };
        assert_eq!(type_info(&complex)["class"], "complex");
        let holes = Datatype::Compound { size: 12, members: vec![member("r", 0), member("i", 8)] };
        assert_eq!(type_info(&holes)["class"], "compound");
    }

    #[test]
    fn integers_of_eight_bytes_are_texts_and_smaller_ones_numbers() {
        assert_eq!(integer(5, 8), json!({"i": "5"}));
        assert_eq!(integer(-5, 4), json!(-5));
        assert_eq!(stored_integer(&[0xff, 0xfe], ByteOrder::Big, true), -2);
        assert_eq!(stored_integer(&[0xff, 0xfe], ByteOrder::Little, false), 0xfeff);
    }
}
