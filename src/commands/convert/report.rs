//! What is said at the end: what was stored, and what was not and why.

use crate::commands::output;
use crate::datatype::Name;
use crate::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// A file that is not in the set though it should be an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Skipped {
    pub(super) file: String,
    pub(super) reason: String,
}

/// Files that nobody called images.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Others {
    pub(super) count: u64,
    /// How many have each suffix.
    pub(super) by_suffix: BTreeMap<String, u64>,
}

impl Others {
    pub(super) fn add(&mut self, name: &str) {
        self.count += 1;
        // A folder of a million different suffixes must not fill the memory.
        let suffix = super::picture::suffix_of(name);
        if self.by_suffix.len() < 1000 || self.by_suffix.contains_key(&suffix) {
            *self.by_suffix.entry(suffix).or_default() += 1;
        }
    }

    /// "12 other files (10 .txt, 2 without suffix)"
    pub(super) fn describe(&self) -> String {
        let mut kinds: Vec<(&String, &u64)> = self.by_suffix.iter().collect();
        kinds.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        let kinds: Vec<String> = kinds
            .into_iter()
            .take(5)
            .map(|(suffix, n)| if suffix.is_empty() { format!("{n} without suffix") } else { format!("{n} .{suffix}") })
            .collect();
        let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", printable(&kinds.join(", "))) };
        format!("{}{kinds}", count(self.count, "other file"))
    }
}

/// Something that was changed on the way, and in how many images.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Changes {
    pub(super) count: u64,
    /// The first of them.
    pub(super) first: String,
}

impl Changes {
    pub(super) fn add(&mut self, file: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = file();
        }
        self.count += 1;
    }

    /// Adds what came later.
    pub(super) fn join(&mut self, later: &Changes) {
        if self.count == 0 {
            self.first.clone_from(&later.first);
        }
        self.count += later.count;
    }
}

/// The result of a conversion.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Summary {
    /// The files that were written: one, or one for each part.
    pub(super) files: Vec<Written>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) other_files: Others,
    /// Images with further frames or pages, which were left out.
    pub(super) first_frame_only: Changes,
    /// Images of another depth than the set's.
    pub(super) scaled: Changes,
    /// Images that lie beside the folders of the classes.
    pub(super) beside_classes: u64,
    /// Images that an appended file had already.
    pub(super) had_already: u64,
}

/// A file that was written.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Written {
    pub(super) output: String,
    /// How many images this run put into it.
    pub(super) images: u64,
    /// Of the dataset of images.
    pub(super) shape: Vec<u64>,
    /// As NumPy names it; `bytes` for files stored as they are.
    pub(super) dtype: &'static str,
    pub(super) compression: String,
    /// Names and numbers of images, in the order of their labels.
    pub(super) classes: Vec<Class>,
}

/// A class and how many images it has.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) images: u64,
}

/// How many lines of each kind are printed; `--report` and `--json` have all.
const SHOWN: usize = 20;

impl Summary {
    /// For people.
    pub(super) fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for file in &self.files {
            file.print(out)?;
        }
        if self.had_already > 0 {
            writeln!(out, "{} were in it already", count(self.had_already, "image"))?;
        }
        if !self.skipped.is_empty() {
            writeln!(out, "{} skipped:", count(self.skipped.len() as u64, "file"))?;
            print_skipped(&self.skipped, out)?;
        }
        if self.other_files.count > 0 {
            writeln!(out, "{} left out", self.other_files.describe())?;
        }
        Ok(())
    }

    /// For programs.
    pub(super) fn print_json(&self, out: &mut dyn Write) -> Result<()> {
        serde_json::to_writer_pretty(&mut *out, self).map_err(std::io::Error::from)?;
        writeln!(out)?;
        Ok(())
    }
}

impl Written {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let shape: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        let comma = if shape.len() == 1 { "," } else { "" };
        writeln!(
            out,
            "{}: {}, ({}{comma}) {}, {}",
            printable(&self.output),
            count(self.images, "image"),
            shape.join(", "),
            self.dtype,
            self.compression
        )?;
        let width = self.classes.iter().take(SHOWN).map(|class| printable(&class.name).chars().count()).max();
        for class in self.classes.iter().take(SHOWN) {
            writeln!(out, "  {:width$}  {}", printable(&class.name), class.images, width = width.unwrap_or(0))?;
        }
        match self.classes.len().checked_sub(SHOWN + 1) {
            Some(more) => writeln!(out, "  and {}", count(more as u64 + 1, "further class")),
            None => Ok(()),
        }
    }
}

/// The first skipped files with their reasons, a line each.
pub(super) fn print_skipped(skipped: &[Skipped], out: &mut dyn Write) -> std::io::Result<()> {
    for Skipped { file, reason } in skipped.iter().take(SHOWN) {
        writeln!(out, "  {}: {}", printable(file), printable(reason))?;
    }
    match skipped.len().checked_sub(SHOWN + 1) {
        Some(more) => writeln!(out, "  and {} (--report FILE.csv lists all)", count(more as u64 + 1, "other")),
        None => Ok(()),
    }
}

/// The error of a folder in which nothing can be read.
pub(super) fn nothing_readable(folder: &str, skipped: &[Skipped], others: &Others) -> Error {
    let found = match (skipped, others.count) {
        ([], 0) => "it is empty".to_owned(),
        ([], _) => format!("found {}", others.describe()),
        ([one, rest @ ..], n) => {
            let first = format!("{}: {}", printable(&one.file), printable(&one.reason));
            let rest = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let others = if n > 0 { format!("; also {}", others.describe()) } else { String::new() };
            format!("could not read {first}{rest}{others}")
        }
    };
    Error::new(ErrorKind::NotFound, format!("no image in {}: {found}", printable(folder)))
}

/// The error of a file or folder of whose `what` none could be read: the first reason, or `otherwise`.
pub(super) fn nothing_of(
    input: &Path,
    skipped: &[Skipped],
    what: &str,
    otherwise: impl FnOnce(&str) -> String,
) -> Error {
    let input = output::printable(input);
    Error::not_found(match skipped.first() {
        Some(Skipped { file, reason }) => {
            format!("no {what} of {input} can be read: {}: {}", printable(file), printable(reason))
        }
        None => otherwise(&input),
    })
}

/// Writes all skipped files and their reasons as CSV.
///
/// # Errors
/// Of the file system, with the path.
pub(super) fn write_csv(path: &Path, skipped: &[Skipped]) -> Result<()> {
    let mut text = String::from("file,status,reason\r\n");
    for Skipped { file, reason } in skipped {
        text.push_str(&format!("{},skipped,{}\r\n", cell(file), cell(reason)));
    }
    output::make_parents(path)?;
    std::fs::write(path, text).map_err(|e| Error::from(e).on(path.display().to_string()))
}

/// A quoted cell. A leading apostrophe keeps a spreadsheet from taking the name of a file for a formula.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

/// `text` with everything made visible that could move a terminal's cursor or turn the writing direction.
pub(super) fn printable(text: &str) -> String {
    Name::from(text).to_string()
}

/// "1 file", "2 files", "1,234,567 classes"
pub(super) fn count(n: u64, noun: &str) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let plural = match noun {
        _ if n == 1 => "",
        noun if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{grouped} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_classes_skipped_files_and_others() {
        let mut others = Others::default();
        for name in ["a.txt", "b.txt", "Makefile"] {
            others.add(name);
        }
        let written = Written {
            output: "set.h5".to_owned(),
            images: 1234,
            shape: vec![1234, 64, 64, 3],
            dtype: "uint8",
            compression: "uncompressed".to_owned(),
            classes: vec![
                Class { name: "cat".to_owned(), images: 1000 },
                Class { name: "horse".to_owned(), images: 234 },
            ],
        };
        let summary = Summary {
            files: vec![written],
            skipped: vec![Skipped { file: "cat/\u{1b}[2J.jpg".to_owned(), reason: "an empty file".to_owned() }],
            other_files: others,
            ..Summary::default()
        };
        let mut text = Vec::new();
        assert!(summary.print(&mut text).is_ok());
        let expected = "set.h5: 1,234 images, (1234, 64, 64, 3) uint8, uncompressed\n  cat    1000\n  horse  234\n\
            1 file skipped:\n  cat/\\u{1b}[2J.jpg: an empty file\n\
            3 other files (2 .txt, 1 without suffix) left out\n";
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
    }

    #[test]
    fn an_empty_folder_and_one_of_texts_are_told_apart() {
        let mut others = Others::default();
        assert_eq!(nothing_readable("d", &[], &others).message(), "no image in d: it is empty");
        others.add("x.csv");
        assert_eq!(nothing_readable("d", &[], &others).message(), "no image in d: found 1 other file (1 .csv)");
    }
}
