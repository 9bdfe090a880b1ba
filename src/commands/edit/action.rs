//! One action of `edit`: parsed from its words, applied to a file.

use super::slices::{self, Slices};
use super::values::{Elements, Written, text};
use crate::FileEdit;
use crate::datatype::Name;
use crate::error::{Error, Result};
use std::fmt;

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    SetAttribute { path: Name, name: Name, value: Elements, list: bool },
    Write { path: Name, place: Slices, value: String },
    Resize { path: Name, shape: Vec<u64> },
    RemoveAttribute { path: Name, name: Name },
    RenameAttribute { path: Name, name: Name, to: Name },
    Remove { path: Name },
    Move { path: Name, to: Name },
    LinkHard { target: Name, path: Name },
    LinkSoft { target: Name, path: Name },
    LinkExternal { file: Name, target: Name, path: Name },
}

impl Action {
    /// Names may be any bytes.
    pub(super) fn parse<W: AsRef<[u8]>>(words: &[W]) -> Result<Action> {
        let all: Vec<&[u8]> = words.iter().map(W::as_ref).collect();
        let name = |word: &[u8]| Name::from_bytes(word);
        Ok(match &all[..] {
            [b"set-attr", path, attribute, value] => set([path, attribute], value, None)?,
            [b"set-attr", path, attribute, value, datatype] => set([path, attribute], value, Some(text(datatype)?))?,
            // A list may have blanks in it.
            [b"write", path, place, value @ ..] if !value.is_empty() => {
                let (place, value) = (Slices::parse(text(place)?)?, text(&value.join(&b' '))?.to_owned());
                Action::Write { path: name(path), place, value }
            }
            [b"resize", path, shape] => Action::Resize { path: name(path), shape: shape_of(text(shape)?)? },
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
                    Some(usage) => format!("usage: {usage}"),
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
            Action::Write { path, place, value } => slices::write(edit, path, place, value),
            Action::Resize { path, shape } => edit.resize(bytes(path), shape),
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

const USAGE: [&str; 10] = [
    "set-attr PATH NAME VALUE [TYPE]",
    "rm-attr PATH NAME",
    "rename-attr PATH NAME NEW",
    "write PATH WHERE VALUE",
    "resize PATH SHAPE",
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
            Action::Write { path, place, .. } => write!(f, "wrote {path}[{place}]"),
            Action::Resize { path, shape } => {
                let shape: Vec<String> = shape.iter().map(u64::to_string).collect();
                write!(f, "resized {path} to {}", shape.join(" × "))
            }
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
fn set([path, name]: [&[u8]; 2], value: &[u8], datatype: Option<&str>) -> Result<Action> {
    let value = Written::parse(value, datatype == Some("str"))?;
    let (list, value) = (value.list, value.elements(datatype)?);
    Ok(Action::SetAttribute { path: Name::from_bytes(path), name: Name::from_bytes(name), value, list })
}

/// A shape, as in `[480, 640]` or `480,640`.
fn shape_of(word: &str) -> Result<Vec<u64>> {
    let inner = word.trim().trim_start_matches('[').trim_end_matches(']');
    let wrong = |_| Error::invalid(format!("\"{word}\" is no shape; write it as in 480,640"));
    inner.split(',').map(|n| n.trim().parse().map_err(wrong)).collect()
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
        assert_eq!(message("mv /a"), "usage: mv PATH NEW");
        assert!(message("del /a").starts_with("no action \"del\"; possible: set-attr"));
    }
}
