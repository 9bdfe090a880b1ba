//! One action of `edit`: parsed from its words, applied to a file.

use crate::datatype::Name;
use crate::error::{Error, Result};
use crate::{ArrayLike, FileEdit};
use serde_json::Value;
use std::fmt;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    SetAttribute { path: String, name: String, value: Elements, list: bool },
    RemoveAttribute { path: String, name: String },
    RenameAttribute { path: String, name: String, to: String },
    Remove { path: String },
    Move { path: String, to: String },
    LinkHard { target: String, path: String },
    LinkSoft { target: String, path: String },
    LinkExternal { file: String, target: String, path: String },
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
    pub(super) fn parse(words: &[String]) -> Result<Action> {
        let all: Vec<&str> = words.iter().map(String::as_str).collect();
        let own = |s: &str| s.to_owned();
        Ok(match &all[..] {
            ["set-attr", path, name, value] => set(path, name, value, None)?,
            ["set-attr", path, name, value, datatype] => set(path, name, value, Some(datatype))?,
            ["rm-attr", path, name] => Action::RemoveAttribute { path: own(path), name: own(name) },
            ["rename-attr", path, name, to] => {
                Action::RenameAttribute { path: own(path), name: own(name), to: own(to) }
            }
            ["rm", path] => Action::Remove { path: own(path) },
            ["mv", path, to] => Action::Move { path: own(path), to: own(to) },
            ["ln", target, path] => Action::LinkHard { target: own(target), path: own(path) },
            ["ln-soft", target, path] => Action::LinkSoft { target: own(target), path: own(path) },
            ["ln-external", file, target, path] => {
                Action::LinkExternal { file: own(file), target: own(target), path: own(path) }
            }
            [verb, ..] => {
                let usage = USAGE.iter().find(|u| u.split(' ').next() == Some(verb));
                return Err(Error::invalid(match usage {
                    Some(usage) => format!("write {usage}"),
                    None => format!("no action {verb:?}; possible: {}", USAGE.join(", ")),
                }));
            }
            [] => return Err(Error::invalid("an empty action")),
        })
    }

    pub(super) fn apply(&self, edit: &mut FileEdit) -> Result<()> {
        match self {
            Action::SetAttribute { path, name, value, list } => value.set(edit, path, name, *list),
            Action::RemoveAttribute { path, name } => edit.remove_attribute(path, name),
            Action::RenameAttribute { path, name, to } => edit.rename_attribute(path, name, to),
            Action::Remove { path } => edit.remove(path),
            Action::Move { path, to } => edit.rename(path, to),
            Action::LinkHard { target, path } => edit.link_hard(path, target),
            Action::LinkSoft { target, path } => edit.link_soft(path, target),
            Action::LinkExternal { file, target, path } => edit.link_external(path, file, target),
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
        let shown = |s: &String| Name::from(&**s);
        match self {
            Action::SetAttribute { path, name, .. } => write!(f, "set {}@{}", shown(path), shown(name)),
            Action::RemoveAttribute { path, name } => write!(f, "removed {}@{}", shown(path), shown(name)),
            Action::RenameAttribute { path, name, to } => {
                write!(f, "renamed {0}@{1} to {0}@{2}", shown(path), shown(name), shown(to))
            }
            Action::Remove { path } => write!(f, "removed {}", shown(path)),
            Action::Move { path, to } => write!(f, "moved {} to {}", shown(path), shown(to)),
            Action::LinkHard { target, path } | Action::LinkSoft { target, path } => {
                write!(f, "linked {} to {}", shown(path), shown(target))
            }
            Action::LinkExternal { file, target, path } => {
                write!(f, "linked {} to {} in {}", shown(path), shown(target), shown(file))
            }
        }
    }
}

/// `set-attr`, its value understood.
fn set(path: &str, name: &str, value: &str, datatype: Option<&str>) -> Result<Action> {
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
    Ok(Action::SetAttribute { path: path.to_owned(), name: name.to_owned(), value, list })
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

    fn set(&self, edit: &mut FileEdit, path: &str, name: &str, list: bool) -> Result<()> {
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
fn put<T>(edit: &mut FileEdit, path: &str, name: &str, values: &[T], list: bool) -> Result<()>
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
pub(super) fn words(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next().filter(|&c| c != '#') {
        let mut word = String::new();
        let mut quote: Option<char> = None;
        let mut end = rest.len();
        for (i, c) in rest.char_indices() {
            match quote {
                Some(q) if c == q => quote = None,
                Some(_) => word.push(c),
                None if c.is_whitespace() => {
                    end = i;
                    break;
                }
                None if c == '\'' || c == '"' => quote = Some(c),
                None => word.push(c),
            }
        }
        if quote.is_some() {
            return Err(Error::invalid("a quote without an end"));
        }
        let (this, others) = rest.split_at(end);
        let is_text = first == '"' && this.len() > 1 && this.ends_with('"') && words.len() == 3;
        words.push(if is_text { this.to_owned() } else { word });
        rest = others.trim_start();
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Action> {
        Action::parse(&words(line)?)
    }

    #[test]
    fn lines_are_words_with_quotes_and_comments() {
        assert_eq!(words("  rm '/a b'\t# gone").unwrap(), ["rm", "/a b"]);
        assert_eq!(words("set-attr / note 'it is \"so\"'").unwrap()[3], "it is \"so\"");
        assert_eq!(words("mv \"/a b\" /c").unwrap(), ["mv", "/a b", "/c"]);
        assert!(words("# only a comment").unwrap().is_empty());
        assert!(words("rm '/a").is_err());
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
