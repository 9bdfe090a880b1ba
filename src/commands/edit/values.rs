//! The values of `edit`: written as JSON or plain text, stored as the type that is asked for.

use crate::datatype::{Datatype, Name};
use crate::error::{Error, Result};
use crate::{FileEdit, Select};
use serde_json::Value;

/// Elements of an attribute or a dataset.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Elements {
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bool(Vec<bool>),
    Text(Vec<String>),
}

/// Does the same with the values, whatever their type.
macro_rules! for_each_type {
    ($elements:expr, $values:ident => $what:expr) => {
        match $elements {
            Elements::I8($values) => $what,
            Elements::I16($values) => $what,
            Elements::I32($values) => $what,
            Elements::I64($values) => $what,
            Elements::U8($values) => $what,
            Elements::U16($values) => $what,
            Elements::U32($values) => $what,
            Elements::U64($values) => $what,
            Elements::F32($values) => $what,
            Elements::F64($values) => $what,
            Elements::Bool($values) => $what,
            Elements::Text($values) => $what,
        }
    };
}

/// What stands on the command line or in a script.
pub(super) struct Written {
    values: Vec<Value>,
    /// Whether it is a list.
    pub(super) list: bool,
}

impl Written {
    /// `is_text`: it is to be a text, whatever it looks like.
    pub(super) fn parse(word: &[u8], is_text: bool) -> Result<Written> {
        let word = text(word)?;
        let parsed = match serde_json::from_str(word) {
            Ok(Value::Object(_) | Value::Null) | Err(_) => Value::String(word.to_owned()),
            Ok(Value::Number(_) | Value::Bool(_)) if is_text => Value::String(word.to_owned()),
            Ok(parsed) => parsed,
        };
        Ok(match parsed {
            Value::Array(values) => Written { values, list: true },
            one => Written { values: vec![one], list: false },
        })
    }

    /// The same with the elements of all lists in the list one behind the other.
    pub(super) fn flat(self) -> Written {
        fn flatten(value: Value, out: &mut Vec<Value>) {
            match value {
                Value::Array(values) => values.into_iter().for_each(|v| flatten(v, out)),
                one => out.push(one),
            }
        }
        let mut values = Vec::new();
        self.values.into_iter().for_each(|v| flatten(v, &mut values));
        Written { values, ..self }
    }

    /// As elements of the type that is called so, or, without one, of the type that they look like.
    pub(super) fn elements(&self, datatype: Option<&str>) -> Result<Elements> {
        Elements::new(&self.values, datatype)
    }
}

pub(super) fn text(word: &[u8]) -> Result<&str> {
    std::str::from_utf8(word).map_err(|_| Error::invalid(format!("\"{}\" is no UTF-8", Name::from_bytes(word))))
}

impl Elements {
    fn new(values: &[Value], datatype: Option<&str>) -> Result<Elements> {
        let datatype = match datatype {
            Some(datatype) => datatype,
            None => guess(values)?,
        };
        Ok(match datatype {
            "i8" => Elements::I8(whole(values, datatype)?),
            "i16" => Elements::I16(whole(values, datatype)?),
            "i32" => Elements::I32(whole(values, datatype)?),
            "i64" => Elements::I64(whole(values, datatype)?),
            "u8" => Elements::U8(whole(values, datatype)?),
            "u16" => Elements::U16(whole(values, datatype)?),
            "u32" => Elements::U32(whole(values, datatype)?),
            "u64" => Elements::U64(whole(values, datatype)?),
            "f32" => Elements::F32(each(values, datatype, single)?),
            "f64" => Elements::F64(each(values, datatype, double)?),
            "bool" => Elements::Bool(each(values, datatype, Value::as_bool)?),
            "str" => Elements::Text(each(values, datatype, |v| v.as_str().map(str::to_owned))?),
            other => {
                let possible = "i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, bool, str";
                return Err(Error::invalid(format!("no type {other:?}; possible: {possible}")));
            }
        })
    }

    /// Sets an attribute to a list, or to the one element of it.
    pub(super) fn set(&self, edit: &mut FileEdit, path: &[u8], name: &[u8], list: bool) -> Result<()> {
        for_each_type!(self, values => match &values[..] {
            [one] if !list => edit.set_attribute(path, name, one),
            all => edit.set_attribute(path, name, all),
        })
    }

    /// Writes them to a part of a dataset; a single one to all `count` places of it, unless it is a list.
    pub(super) fn write(
        &self,
        edit: &mut FileEdit,
        path: &[u8],
        place: &impl Select,
        (list, count): (bool, usize),
    ) -> Result<()> {
        for_each_type!(self, values => match &values[..] {
            [one] if !list => edit.write(path, place, std::iter::repeat_n(one, count).cloned().collect::<Vec<_>>()),
            all => edit.write(path, place, all),
        })
    }
}

/// The type of values whose type is not said.
fn guess(values: &[Value]) -> Result<&'static str> {
    let all = |is: fn(&Value) -> bool| values.iter().all(is);
    match values {
        [] => Err(Error::invalid("an empty list; say its type, such as f64")),
        _ if all(Value::is_i64) => Ok("i64"),
        _ if all(|v| v.is_i64() || v.is_u64()) => Ok("u64"),
        _ if all(Value::is_number) => Ok("f64"),
        _ if all(Value::is_boolean) => Ok("bool"),
        _ if all(Value::is_string) => Ok("str"),
        _ => Err(Error::invalid("a list of values that are not all numbers, all true or false, or all texts")),
    }
}

fn each<T>(values: &[Value], datatype: &str, one: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>> {
    let wanted = |v: &Value| Error::invalid(format!("{v} is no value of type {datatype}"));
    values.iter().map(|v| one(v).ok_or_else(|| wanted(v))).collect()
}

/// A number, or the text `nan`, `inf` or `-inf`.
fn double(value: &Value) -> Option<f64> {
    let word = || value.as_str().and_then(|word| word.parse().ok()).filter(|x: &f64| !x.is_finite());
    value.as_f64().or_else(word)
}

/// The nearest one of four bytes.
fn single(value: &Value) -> Option<f32> {
    double(value).filter(|x| !x.is_finite() || (*x as f32).is_finite()).map(|x| x as f32)
}

/// What the type of a dataset's elements is called.
pub(super) fn type_of(datatype: &Datatype) -> Result<&'static str> {
    Ok(match (datatype, datatype.size()) {
        (Datatype::Integer { signed: true, .. }, 1) => "i8",
        (Datatype::Integer { signed: true, .. }, 2) => "i16",
        (Datatype::Integer { signed: true, .. }, 4) => "i32",
        (Datatype::Integer { signed: true, .. }, 8) => "i64",
        (Datatype::Integer { signed: false, .. }, 1) => "u8",
        (Datatype::Integer { signed: false, .. }, 2) => "u16",
        (Datatype::Integer { signed: false, .. }, 4) => "u32",
        (Datatype::Integer { signed: false, .. }, 8) => "u64",
        (Datatype::Float(_), 4) => "f32",
        (Datatype::Float(_), 8) => "f64",
        _ if datatype.is_string() => "str",
        (Datatype::Enumeration { members, .. }, 1) if members.len() == 2 => "bool",
        _ => {
            let message = "writing elements that are no numbers of 1 to 8 bytes, no texts and neither true nor false";
            return Err(Error::unsupported(message));
        }
    })
}

fn whole<T: TryFrom<i128>>(values: &[Value], datatype: &str) -> Result<Vec<T>> {
    let number = |v: &Value| v.as_i64().map(i128::from).or(v.as_u64().map(i128::from));
    each(values, datatype, |v| number(v).and_then(|n| T::try_from(n).ok()))
}
