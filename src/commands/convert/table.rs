//! `--labels-csv`: a table of files and their labels.

use crate::commands::output::printable;
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// What the columns of files and of labels may be called.
const FILES: [&str; 8] = ["file_name", "filename", "file", "path", "image", "image_path", "image_id", "name"];
const LABELS: [&str; 6] = ["label", "class", "class_name", "category", "target", "labels"];

/// The labels of files, by their paths below the folder.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) labels: HashMap<String, Label>,
}

/// A label as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Number(i64),
    Name(String),
}

impl Table {
    /// Reads a table: with a header that names its columns, or else the first two are files and labels.
    ///
    /// # Errors
    /// If it cannot be read, has no such columns, or gives a file two labels.
    pub(super) fn read(path: &Path) -> Result<Table> {
        let shown = printable(path);
        let bytes = std::fs::read(path).map_err(|e| Error::from(e).on(shown.clone()))?;
        let text = String::from_utf8(bytes).map_err(|_| Error::invalid("it is not UTF-8 text").on(shown.clone()))?;
        Table::parse(&text).map_err(|e| e.on(shown))
    }

    fn parse(text: &str) -> Result<Table> {
        let mut records = records(text.strip_prefix('\u{feff}').unwrap_or(text))?;
        let (file, label) = match records.first() {
            None => return Err(Error::invalid("it is empty; write a line for each file: its path, its label")),
            Some((_, head)) => match columns(head)? {
                Some(found) => {
                    records.remove(0);
                    found
                }
                None => (0, 1),
            },
        };
        // One name among numbers makes names of all.
        let numbers = records.iter().all(|(_, r)| r.get(label).is_some_and(|l| l.trim().parse::<i64>().is_ok()));
        let mut table = Table::default();
        for (line, record) in &records {
            let (Some(file), Some(text)) = (record.get(file), record.get(label)) else {
                return Err(Error::invalid(format!("line {line} has no {} columns", file.max(label) + 1)));
            };
            let text = text.trim();
            let label = match text.parse() {
                Ok(number) if numbers => Label::Number(number),
                Err(_) if text.parse::<f64>().is_ok_and(|n| n.is_finite()) => {
                    return Err(Error::unsupported(format!(
                        "line {line}: {text}; labels are classes or whole numbers"
                    )));
                }
                _ => Label::Name(text.to_owned()),
            };
            let name = file.trim().trim_start_matches("./").replace('\\', "/");
            match table.labels.get(&name) {
                Some(known) if *known != label => {
                    return Err(Error::new(ErrorKind::Conflict, format!("line {line} gives {name} a second label")));
                }
                _ => table.labels.insert(name, label),
            };
        }
        Ok(table)
    }

    /// The names of the classes; none if labels are numbers.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let name = |label: &Label| match label {
            Label::Name(name) => Some(name.clone()),
            Label::Number(_) => None,
        };
        self.labels.values().filter_map(name).collect()
    }
}

/// The columns of files and labels that a header names; nothing if it is no header.
fn columns(head: &[String]) -> Result<Option<(usize, usize)>> {
    let find = |names: &[&str]| {
        let is = |cell: &String| names.contains(&cell.trim().to_ascii_lowercase().as_str());
        head.iter().position(is)
    };
    match (find(&FILES), find(&LABELS)) {
        (Some(file), Some(label)) => Ok(Some((file, label))),
        (Some(0), None) if head.len() == 2 => Ok(Some((0, 1))),
        (Some(_), None) => {
            Err(Error::invalid(format!("none of its columns ({}) is called label or class", head.join(", "))))
        }
        (None, Some(_)) => {
            Err(Error::invalid(format!("none of its columns ({}) is called file_name or path", head.join(", "))))
        }
        (None, None) => Ok(None),
    }
}

/// The records of a table (RFC 4180), with the lines that they begin in. Empty lines are none.
fn records(text: &str) -> Result<Vec<(usize, Vec<String>)>> {
    let mut all = Vec::new();
    let (mut record, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let (mut line, mut start) = (1, 1);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            _ if quoted => cell.push(c),
            '"' if cell.is_empty() => quoted = true,
            ',' => record.push(std::mem::take(&mut cell)),
            '\n' => {
                if cell.ends_with('\r') {
                    cell.pop();
                }
                record.push(std::mem::take(&mut cell));
                if record.len() > 1 || record.iter().any(|c| !c.is_empty()) {
                    all.push((start, std::mem::take(&mut record)));
                }
                record.clear();
                start = line;
            }
            _ => cell.push(c),
        }
    }
    if quoted {
        return Err(Error::invalid(format!("line {start}: a quotation mark is not closed")));
    }
    if !cell.is_empty() || !record.is_empty() {
        record.push(cell);
        all.push((start, record));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Vec<(String, Label)> {
        let mut all: Vec<_> = Table::parse(text).unwrap().labels.into_iter().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    fn name(file: &str, label: &str) -> (String, Label) {
        (file.to_owned(), Label::Name(label.to_owned()))
    }

    #[test]
    fn columns_are_named_or_the_first_two() {
        assert_eq!(
            table("split,file_name,label\r\nx,\"a, b.jpg\",\"say \"\"cat\"\"\"\r\n"),
            [name("a, b.jpg", "say \"cat\"")]
        );
        assert_eq!(table("a.jpg,cat\n\n./b/c.jpg, dog \n"), [name("a.jpg", "cat"), name("b/c.jpg", "dog")]);
        assert_eq!(table("\u{feff}path,species\na.jpg,cat"), [name("a.jpg", "cat")]);
        assert_eq!(table("a,3\nb,-1"), [("a".to_owned(), Label::Number(3)), ("b".to_owned(), Label::Number(-1))]);
        assert_eq!(table("a,3\nb,x"), [name("a", "3"), name("b", "x")]);
    }

    #[test]
    fn what_is_no_table_of_labels_is_refused() {
        let why = |text: &str| Table::parse(text).unwrap_err().to_string();
        assert!(why("").contains("empty"));
        assert!(why("path,a,b\nx,1,2").contains("path, a, b"));
        assert!(why("a\n").contains("line 1"));
        assert!(why("a,cat\na,dog").contains("line 2 gives a a second label"));
        assert!(why("a,0.5\nb,1").contains("0.5"));
        assert!(why("a,\"cat\nb,dog").contains("line 1: a quotation mark"));
    }
}
