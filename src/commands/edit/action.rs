//! One action of `edit`: parsed from its words, applied to a file.

use crate::datatype::Name;
use crate::error::{Error, Result};
use crate::{ArrayLike, FileEdit};
use serde_json::Value;
use std::fmt;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    SetAttribute { path: Name, name: Name, value: Elements, list: bool },
    RemoveAttribute { path: Name, name: Name },
    RenameAttribute { path: Name, name: Name, to: Name },
    Remove { path: Name },
    Move { path: Name, to: Name },
    LinkHard { target: Name, path: Name },
    LinkSoft { target: Name, path: Name },
    LinkExternal { file: Name, target: Name, path: Name },
}

/// The elements of an attribute.
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

impl Action {
    /// Names may be any bytes.
    pub(super) fn parse<W: AsRef<[u8]>>(words: &[W]) -> Result<Action> {
        let all: Vec<&[u8]> = words.iter().map(W::as_ref).collect();
        let name = |word: &[u8]| Name::from_bytes(word);
        Ok(match &all[..] {
            [b"set-attr", path, attribute, value] => set([path, attribute], value, None)?,
            [b"set-attr", path, attribute, value, datatype] => set([path, attribute], value, Some(datatype))?,
            [b"rm-attr", path, attribute] => Action::RemoveAttribute { path: name(path), name: name(attribute) },
            [b"rename-attr", path, attribute, to] => {
                Action::RenameAttribute { path: name(path), name: name(attribute), to: name(to) }
            }
            [b"rm", path] => Action::Remove { path: name(path) },
            [b"mv", path, to] => Action::Move { path: name(path), to: name(to) },
            [b"ln", target, path] => Action::LinkHard { target: name(target), path: name(path) },
            [b"ln-soft", target, path] => Action::LinkSoft { target: name(target), path: name(path) },
            [b"ln-external", file, target, path] => {
                Action::LinkExternal { file: name(file), target: name(target), path: name(path) }
            }
            [verb, ..] => {
                let usage = USAGE.iter().find(|u| u.as_bytes().split(|&b| b == b' ').next() == Some(verb));
                return Err(Error::invalid(match usage {
                    Some(usage) => format!("write {usage}"),
                    None => format!("no action \"{}\"; possible: {}", name(verb), USAGE.join(", ")),
                }));
            }
            [] => return Err(Error::invalid("an empty action")),
        })
    }

    pub(super) fn apply(&self, edit: &mut FileEdit) -> Result<()> {
        let bytes = Name::as_bytes;
        match self {
            Action::SetAttribute { path, name, value, list } => value.set(edit, bytes(path), bytes(name), *list),
            Action::RemoveAttribute { path, name } => edit.remove_attribute(bytes(path), bytes(name)),
            Action::RenameAttribute { path, name, to } => edit.rename_attribute(bytes(path), bytes(name), bytes(to)),
            Action::Remove { path } => edit.remove(bytes(path)),
            Action::Move { path, to } => edit.rename(bytes(path), bytes(to)),
            Action::LinkHard { target, path } => edit.link_hard(bytes(path), bytes(target)),
            Action::LinkSoft { target, path } => edit.link_soft(bytes(path), bytes(target)),
            Action::LinkExternal { file, target, path } => edit.link_external(bytes(path), bytes(file), bytes(target)),
        }
    }
}

const USAGE: [&str; 8] = [
    "set-attr PATH NAME VALUE [TYPE]",
    "rm-attr PATH NAME",
    "rename-attr PATH NAME NEW",
    "rm PATH",
    "mv PATH NEW",
    "ln TARGET PATH",
    "ln-soft TARGET PATH",
    "ln-external FILE TARGET PATH",
];

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::SetAttribute { path, name, .. } => write!(f, "set {path}@{name}"),
            Action::RemoveAttribute { path, name } => write!(f, "removed {path}@{name}"),
            Action::RenameAttribute { path, name, to } => {
                write!(f, "renamed {path}@{name} to {path}@{to}")
            }
            Action::Remove { path } => write!(f, "removed {path}"),
            Action::Move { path, to } => write!(f, "moved {path} to {to}"),
            Action::LinkHard { target, path } | Action::LinkSoft { target, path } => {
                write!(f, "linked {path} to {target}")
            }
            Action::LinkExternal { file, target, path } => {
                write!(f, "linked {path} to {target} in {file}")
            }
        }
    }
}

/// `set-attr`, its value understood.
fn set([path, name]: [&[u8]; 2], value: &[u8], datatype: Option<&[u8]>) -> Result<Action> {
    let (value, datatype) = (text(value)?, datatype.map(text).transpose()?);
    let parsed = match serde_json::from_str(value) {
        Ok(Value::Object(_) | Value::Null) | Err(_) => Value::String(value.to_owned()),
        // What is to be a text may look like a number.
        Ok(Value::Number(_) | Value::Bool(_)) if datatype == Some("str") => Value::String(value.to_owned()),
        Ok(parsed) => parsed,
    };
    let (values, list) = match parsed {
        Value::Array(values) => (values, true),
        one => (vec![one], false),
    };
    let value = Elements::new(&values, datatype)?;
    Ok(Action::SetAttribute { path: Name::from_bytes(path), name: Name::from_bytes(name), value, list })
}

fn text(word: &[u8]) -> Result<&str> {
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
            "f32" => Elements::F32(each(values, datatype, |v| v.as_f64().map(|x| x as f32))?),
            "f64" => Elements::F64(each(values, datatype, Value::as_f64)?),
            "bool" => Elements::Bool(each(values, datatype, Value::as_bool)?),
            "str" => Elements::Text(each(values, datatype, |v| v.as_str().map(str::to_owned))?),
            other => {
                let possible = "i8, i16, i32, i64, u8, u16, u32, u64, f32, f64, bool, str";
                return Err(Error::invalid(format!("no type {other:?}; possible: {possible}")));
            }
        })
    }

    fn set(&self, edit: &mut FileEdit, path: &[u8], name: &[u8], list: bool) -> Result<()> {
        match self {
            Elements::I8(v) => put(edit, path, name, v, list),
            Elements::I16(v) => put(edit, path, name, v, list),
            Elements::I32(v) => put(edit, path, name, v, list),
            Elements::I64(v) => put(edit, path, name, v, list),
            Elements::U8(v) => put(edit, path, name, v, list),
            Elements::U16(v) => put(edit, path, name, v, list),
            Elements::U32(v) => put(edit, path, name, v, list),
            Elements::U64(v) => put(edit, path, name, v, list),
            Elements::F32(v) => put(edit, path, name, v, list),
            Elements::F64(v) => put(edit, path, name, v, list),
            Elements::Bool(v) => put(edit, path, name, v, list),
            Elements::Text(v) => put(edit, path, name, v, list),
        }
    }
}

/// Sets an attribute to a list, or to the one element of it.
fn put<T>(edit: &mut FileEdit, path: &[u8], name: &[u8], values: &[T], list: bool) -> Result<()>
where
    T: ArrayLike,
    for<'a> &'a [T]: ArrayLike,
{
    match values {
        [one] if !list => edit.set_attribute(path, name, one),
        all => edit.set_attribute(path, name, all),
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

fn whole<T: TryFrom<i128>>(values: &[Value], datatype: &str) -> Result<Vec<T>> {
    let number = |v: &Value| v.as_i64().map(i128::from).or(v.as_u64().map(i128::from));
    each(values, datatype, |v| number(v).and_then(|n| T::try_from(n).ok()))
}

/// The words of a line: separated by blanks, in single or double quotes as they stand; `#` begins a comment. Double quotes
/// around a whole word stay, so that `"5"` is a text.
pub(super) fn words(line: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while let Some(&first) = rest.first().filter(|&&b| b != b'#') {
        let mut word = Vec::new();
        let mut quote: Option<u8> = None;
        let mut end = rest.len();
        for (i, &b) in rest.iter().enumerate() {
            match quote {
                Some(q) if b == q => quote = None,
                Some(_) => word.push(b),
                None if b.is_ascii_whitespace() => {
                    end = i;
                    break;
                }
                None if b == b'\'' || b == b'"' => quote = Some(b),
                None => word.push(b),
            }
        }
        if quote.is_some() {
            return Err(Error::invalid("a quote without an end"));
        }
        let (this, others) = rest.split_at(end);
        let is_text = first == b'"' && this.len() > 1 && this.ends_with(b"\"") && words.len() == 3;
        words.push(if is_text { this.to_owned() } else { word });
        rest = others.trim_ascii_start();
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Action> {
        Action::parse(&words(line.as_bytes())?)
    }

    #[test]
    fn lines_are_words_with_quotes_and_comments() {
        let words = |line: &[u8]| super::words(line).unwrap();
        assert_eq!(words(b"  rm '/a b'\t# gone"), [&b"rm"[..], b"/a b"]);
        assert_eq!(words(b"set-attr / note 'it is \"so\"'")[3], b"it is \"so\"");
        assert_eq!(words(b"mv \"/a b\" /c\r"), [&b"mv"[..], b"/a b", b"/c"]);
        assert_eq!(words(b"rm '/\xe4 \xff'")[1], b"/\xe4 \xff");
        assert!(words(b"# only a comment").is_empty());
        assert!(super::words(b"rm '/a").is_err());
    }

    #[test]
    fn names_may_be_any_bytes_and_values_not() {
        let action = Action::parse(&[&b"rm"[..], b"/\xe4"]).unwrap();
        assert_eq!(action, Action::Remove { path: Name::from_bytes(b"/\xe4") });
        let error = Action::parse(&[&b"set-attr"[..], b"/", b"a", b"\xe4"]).unwrap_err();
        assert!(error.to_string().contains("UTF-8"), "{error}");
    }

    #[test]
    fn values_are_what_they_look_like_or_what_is_said() {
        let value = |line: &str| match parsed(line).unwrap() {
            Action::SetAttribute { value, list, .. } => (value, list),
            other => panic!("{other:?}"),
        };
        assert_eq!(value("set-attr / n -5"), (Elements::I64(vec![-5]), false));
        assert_eq!(value("set-attr / n 2.5"), (Elements::F64(vec![2.5]), false));
        assert_eq!(value("set-attr / n 18446744073709551615"), (Elements::U64(vec![u64::MAX]), false));
        assert_eq!(value("set-attr / n [1,2] u8"), (Elements::U8(vec![1, 2]), true));
        assert_eq!(value("set-attr / n 5 str"), (Elements::Text(vec!["5".into()]), false));
        assert_eq!(value("set-attr / n \"5\""), (Elements::Text(vec!["5".into()]), false));
        assert_eq!(value("set-attr / n photons"), (Elements::Text(vec!["photons".into()]), false));
        assert_eq!(value("set-attr / n true"), (Elements::Bool(vec![true]), false));
        assert_eq!(value("set-attr / n '[\"a\", \"b\"]'"), (Elements::Text(vec!["a".into(), "b".into()]), true));
        for wrong in ["set-attr / n 300 u8", "set-attr / n [1,true]", "set-attr / n []", "set-attr / n x f64"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_action_says_what_to_write() {
        let message = |line: &str| parsed(line).unwrap_err().to_string();
        assert_eq!(message("mv /a"), "write mv PATH NEW");
        assert!(message("del /a").starts_with("no action \"del\"; possible: set-attr"));
    }
}
