//! One value of any datatype, for programs that do not know what they read.

use super::element::{Stored, string_bytes};
use super::{float, number};
use crate::error::Result;
use crate::format::message::datatype::{Datatype, Name};
use crate::format::reference::Reference;
use std::fmt;

/// One element of whatever datatype.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// An integer of up to 16 bytes; values of unsigned ones above `i128::MAX` wrap.
    Integer(i128),
    /// A floating-point number, rounded to `f64` where it is wider.
    Float(f64),
    /// A string; its bytes are normally UTF-8.
    String(Name),
    /// Bytes without a meaning: opaque, bit fields, wide numbers.
    Bytes(Vec<u8>),
    /// The value of an enumeration and, if it has one, its name.
    Enumeration(i128, Option<Name>),
    /// Members with their names, in stored order.
    Compound(Vec<(Name, Value)>),
    /// A sequence or array.
    Sequence(Vec<Value>),
    /// Real and imaginary part.
    Complex(f64, f64),
    /// A reference.
    Reference {
        /// Where it leads.
        to: Reference,
        /// Its bytes in the file.
        stored: Vec<u8>,
    },
}

impl Value {
    /// The first `limit` of the stored elements.
    pub(crate) fn from_stored(stored: Stored<'_>, limit: usize) -> Result<Vec<Value>> {
        stored.elements().take(limit).map(|e| one(stored, e)).collect()
    }
}

fn one(stored: Stored<'_>, element: &[u8]) -> Result<Value> {
    let inside = |datatype, bytes| Stored { bytes, datatype, heap: stored.heap };
    Ok(match stored.datatype {
        Datatype::Integer { bits, signed } if bits.size <= 16 => {
            Value::Integer(number::integer(element, *bits, *signed))
        }
        Datatype::Float(f) => float::decode(element, f).map_or_else(|| Value::Bytes(element.to_vec()), Value::Float),
        Datatype::FixedString { .. } | Datatype::VariableString { .. } => {
            Value::String(Name(string_bytes(stored, element)?.into_owned().into()))
        }
        Datatype::Compound { members, .. } => {
            let mut values = Vec::with_capacity(members.len());
            for m in members {
                let start = m.offset as usize;
                let field = &element[start..start + m.datatype.size() as usize];
                values.push((m.name.clone(), one(inside(&m.datatype, field), field)?));
            }
            Value::Compound(values)
        }
        Datatype::Enumeration { base, members } => {
            let Value::Integer(n) = one(inside(base, element), element)? else {
                return Ok(Value::Bytes(element.to_vec()));
            };
            let name = members.iter().find(|(_, v)| v[..] == *element).map(|(n, _)| n.clone());
            Value::Enumeration(n, name)
        }
        Datatype::Sequence { base, .. } => {
            let (_, bytes) = stored.heap.sequence(element, base.size())?;
            Value::Sequence(Value::from_stored(inside(base, bytes.as_slice()), usize::MAX)?)
        }
        Datatype::Array { base, .. } => Value::Sequence(Value::from_stored(inside(base, element), usize::MAX)?),
        Datatype::Complex(base) => {
            let (re, im) = element.split_at(element.len() / 2);
            match (one(inside(base, re), re)?, one(inside(base, im), im)?) {
                (Value::Float(re), Value::Float(im)) => Value::Complex(re, im),
                _ => Value::Bytes(element.to_vec()),
            }
        }
        Datatype::Reference { kind, .. } => {
            Value::Reference { to: stored.heap.reference(element, *kind)?, stored: element.to_vec() }
        }
        _ => Value::Bytes(element.to_vec()),
    })
}

/// What an object is called, for a reference that has only its address.
type PathOf<'a> = &'a dyn Fn(u64) -> Option<String>;

/// See [`Value::with_paths`].
struct WithPaths<'a> {
    value: &'a Value,
    path_of: PathOf<'a>,
}

impl fmt::Display for WithPaths<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.write(f, self.path_of)
    }
}

impl Value {
    /// The value as text, with paths for the addresses of references where `path_of` knows one.
    pub fn with_paths<'a>(&'a self, path_of: &'a dyn Fn(u64) -> Option<String>) -> impl fmt::Display + 'a {
        WithPaths { value: self, path_of }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, path_of: PathOf<'_>) -> fmt::Result {
        match self {
            Value::Integer(n) | Value::Enumeration(n, None) => write!(f, "{n}"),
            Value::Float(x) => write!(f, "{x}"),
            Value::String(s) => write!(f, "\"{s}\""),
            Value::Bytes(bytes) => {
                f.write_str("0x")?;
                bytes.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
            Value::Enumeration(_, Some(name)) => write!(f, "{name}"),
            Value::Compound(members) => {
                f.write_str("{")?;
                for (i, (name, v)) in members.iter().enumerate() {
                    write!(f, "{}{name}: ", if i == 0 { "" } else { ", " })?;
                    v.write(f, path_of)?;
                }
                f.write_str("}")
            }
            Value::Sequence(values) => {
                f.write_str("[")?;
                for (i, v) in values.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { ", " })?;
                    v.write(f, path_of)?;
                }
                f.write_str("]")
            }
            Value::Complex(re, im) => write!(f, "{re}{im:+}i"),
            // A path of this file says nothing about another one.
            Value::Reference { to, .. } => match to.address().filter(|_| to.file().is_none()).and_then(path_of) {
                Some(path) => to.write_with(f, &path),
                None => write!(f, "{to}"),
            },
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &|_| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_shown_with_paths_where_they_are_known() {
        let reference =
            |address, file| Value::Reference { to: Reference::Object { address, file }, stored: Vec::new() };
        let value = Value::Sequence(vec![
            reference(0x60, None),
            reference(0x70, None),
            reference(0x60, Some("b.h5".into())),
            Value::Reference { to: Reference::Null, stored: Vec::new() },
        ]);
        let path_of = |address| (address == 0x60).then(|| "/group".to_owned());
        let shown = "[-> /group, -> object at 0x70, -> object at 0x60 in b.h5, null reference]";
        assert_eq!(value.with_paths(&path_of).to_string(), shown);
        assert_eq!(value.to_string(), shown.replace("/group", "object at 0x60"));
    }
}
