//! CSV → a dataset: what its columns are, found in a first pass, and its rows, written in a second.

use crate::Element;
use crate::commands::{Progress, output};
use crate::datatype::{Charset, Datatype, Member, Padding};
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::str::FromStr;

/// What the cells of a column are stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellType {
    /// Truth values.
    Bool,
    /// Signed integers of so many bytes.
    Int(u32),
    /// Unsigned integers of so many bytes.
    Uint(u32),
    /// Floating point of so many bytes.
    Float(u32),
    /// Texts in so many bytes of UTF-8; 0 where that is still to be found.
    Text(u32),
}

const NAMES: [(&str, CellType); 13] = [
    ("bool", CellType::Bool),
    ("i8", CellType::Int(1)),
    ("i16", CellType::Int(2)),
    ("i32", CellType::Int(4)),
    ("i64", CellType::Int(8)),
    ("u8", CellType::Uint(1)),
    ("u16", CellType::Uint(2)),
    ("u32", CellType::Uint(4)),
    ("u64", CellType::Uint(8)),
    ("f32", CellType::Float(4)),
    ("f64", CellType::Float(8)),
    ("str", CellType::Text(0)),
    ("text", CellType::Text(0)),
];

impl FromStr for CellType {
    type Err = String;

    fn from_str(text: &str) -> Result<CellType, String> {
        let named = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, cell)| *cell);
        named.ok_or_else(|| format!("{text} is no type; there are bool, i8 to i64, u8 to u64, f32, f64 and str"))
    }
}

impl fmt::Display for CellType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, cell)| cell == self).map(|(name, _)| *name);
        f.write_str(name.unwrap_or("str"))
    }
}

impl CellType {
    fn datatype(self) -> Datatype {
        match self {
            CellType::Bool => bool::datatype(),
            CellType::Int(size) => Datatype::integer(size, true),
            CellType::Uint(size) => Datatype::integer(size, false),
            CellType::Float(4) => f32::datatype(),
            CellType::Float(_) => f64::datatype(),
            CellType::Text(size) => {
                Datatype::FixedString { size: size.max(1), padding: Padding::NullPadded, charset: Charset::Utf8 }
            }
        }
    }

    /// Appends a cell as it is stored; `None` if the text is no such value.
    fn store(self, cell: &str, out: &mut Vec<u8>) -> Option<()> {
        let text = cell.trim();
        match self {
            CellType::Bool => out.push(u8::from(truth(text)?)),
            CellType::Int(size) => {
                let value: i64 = text.parse().ok()?;
                let (bytes, unused) = (value.to_le_bytes(), 64 - 8 * size);
                ((value << unused) >> unused == value).then(|| out.extend(bytes.iter().take(size as usize)))?;
            }
            CellType::Uint(size) => {
                let value: u64 = text.parse().ok()?;
                let (bytes, unused) = (value.to_le_bytes(), 64 - 8 * size);
                ((value << unused) >> unused == value).then(|| out.extend(bytes.iter().take(size as usize)))?;
            }
            CellType::Float(4) => out.extend(number(text)?.parse::<f32>().ok()?.to_le_bytes()),
            CellType::Float(_) => out.extend(number(text)?.parse::<f64>().ok()?.to_le_bytes()),
            CellType::Text(size) => {
                let end = out.len() + size.max(1) as usize;
                out.extend(cell.as_bytes());
                (out.len() <= end).then(|| out.resize(end, 0))?;
            }
        }
        Some(())
    }
}

/// Whether a cell holds no value, by what pandas takes for none.
fn is_missing(text: &str) -> bool {
    matches!(text, "" | "NA" | "N/A" | "n/a" | "#N/A" | "NaN" | "nan" | "NULL" | "null" | "None" | "<NA>")
}

/// A number as Rust reads it; a missing one is none.
fn number(text: &str) -> Option<&str> {
    Some(if is_missing(text) { "NaN" } else { text })
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// What has been seen of a column.
#[derive(Clone, Debug)]
struct Seen {
    bools: bool,
    ints: bool,
    uints: bool,
    floats: bool,
    missing: bool,
    any: bool,
    /// A value of more digits than floating point keeps.
    long: bool,
    widest: usize,
}

impl Seen {
    const NOTHING: Seen =
        Seen { bools: true, ints: true, uints: true, floats: true, missing: false, any: false, long: false, widest: 0 };

    fn add(&mut self, cell: &str) {
        self.widest = self.widest.max(cell.len());
        let text = cell.trim();
        if is_missing(text) {
            self.missing = true;
            return;
        }
        self.any = true;
        self.bools &= truth(text).is_some();
        let digits = text.trim_start_matches(['-', '+']);
        // 007 is a code and no number: as one it would lose its zeros.
        let is_code = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        let int: Option<i64> = text.parse().ok().filter(|_| !is_code);
        self.ints &= int.is_some();
        self.uints &= !is_code && text.parse::<u64>().is_ok();
        self.long |= int.is_some_and(|n| n.unsigned_abs() > 1 << 53);
        // `infinity` is what Rust reads and some people are called.
        let is_number = text.bytes().any(|b| b.is_ascii_digit()) || matches!(digits, "inf" | "Inf" | "INF");
        let is_whole = digits.bytes().all(|b| b.is_ascii_digit());
        // A whole number that no integer holds is an identifier; floating point would change it.
        self.floats &= is_number && !is_code && (!is_whole || int.is_some()) && text.parse::<f64>().is_ok();
    }

    fn cell_type(&self) -> CellType {
        match self {
            Seen { any: false, .. } if self.widest == 0 => CellType::Text(1),
            Seen { any: false, .. } => CellType::Float(8),
            Seen { bools: true, missing: false, .. } => CellType::Bool,
            Seen { ints: true, missing: false, .. } => CellType::Int(8),
            Seen { uints: true, missing: false, .. } => CellType::Uint(8),
            // Missing integers become NaN, unless their neighbours would be rounded.
            Seen { floats: true, .. } if !(self.ints && self.long) => CellType::Float(8),
            _ => CellType::Text(0),
        }
    }
}

/// Whether the first line names the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum HeaderLine {
    /// If no cell of it is a number
    #[default]
    Auto,
    /// It does
    Yes,
    /// It is a row as the others
    No,
}

/// How a CSV file is to be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) delimiter: Option<u8>,
    pub(super) header: HeaderLine,
    /// Types that were asked for, by the names of columns.
    pub(super) types: Vec<(String, CellType)>,
}

/// What a CSV file holds.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<(String, CellType)>,
    pub(super) rows: u64,
    /// Columns in which values are missing.
    pub(super) missing: Vec<String>,
    named: bool,
    delimiter: u8,
}

/// Bytes of rows that are stored together.
const BATCH: usize = 4 << 20;
/// Texts longer than this would waste too much in short rows.
const LONGEST_TEXT: usize = 1 << 16;

impl Table {
    /// Reads the whole file and finds out what its columns are.
    ///
    /// # Errors
    /// `Mismatch` with the line for rows of another length and text that is not UTF-8; `NotFound` for an empty file or an
    /// unknown column.
    pub(super) fn survey(path: &Path, reading: &Reading, progress: &dyn Progress) -> Result<Table> {
        let delimiter = match reading.delimiter {
            Some(delimiter) => delimiter,
            None => delimiter_of(path)?,
        };
        let mut reader = reader(path, delimiter)?;
        let mut record = csv::StringRecord::new();
        let (mut seen, mut first, mut rows): (Vec<Seen>, Vec<String>, u64) = (Vec::new(), Vec::new(), 0);
        while read(&mut reader, &mut record)? {
            if rows.is_multiple_of(1 << 12) {
                output::stop_if_asked(progress)?;
            }
            rows += 1;
            if rows == 1 {
                first = record.iter().map(str::to_owned).collect();
                seen = vec![Seen::NOTHING; record.len()];
                if is_header(reading.header, &first) {
                    continue;
                }
            }
            seen.iter_mut().zip(&record).for_each(|(seen, cell)| seen.add(cell));
        }
        if first.is_empty() {
            return Err(Error::not_found("an empty file holds no table"));
        }
        let named = is_header(reading.header, &first);
        let names = if named { unique(first) } else { (0..first.len()).map(|i| format!("c{i}")).collect() };
        let mut columns: Vec<(String, CellType)> = names.into_iter().zip(seen.iter().map(Seen::cell_type)).collect();
        for (name, wanted) in &reading.types {
            let there = || columns.iter().take(12).map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
            let none = Error::not_found(format!("--types names the column {name}; there are: {}", there()));
            columns.iter_mut().find(|(column, _)| column == name).ok_or(none)?.1 = *wanted;
        }
        for ((name, cell), seen) in columns.iter_mut().zip(&seen) {
            if let CellType::Text(0) = cell {
                if seen.widest > LONGEST_TEXT {
                    return Err(Error::limit(format!("a text of {} bytes in the column {name}", seen.widest)));
                }
                *cell = CellType::Text(seen.widest.max(1) as u32);
            }
        }
        let missing = columns.iter().zip(&seen).filter(|(_, seen)| seen.missing).map(|((name, _), _)| name.clone());
        Ok(Table { missing: missing.collect(), rows: rows - u64::from(named), columns, named, delimiter })
    }

    /// The type that all columns have, for a file without names: it is an array of numbers.
    pub(super) fn matrix(&self) -> Option<CellType> {
        let first = self.columns.first()?.1;
        let is_number = matches!(first, CellType::Int(_) | CellType::Uint(_) | CellType::Float(_) | CellType::Bool);
        (!self.named && is_number && self.columns.iter().all(|(_, cell)| *cell == first)).then_some(first)
    }

    /// The datatype of one column.
    pub(super) fn column_datatype(cell: CellType) -> Datatype {
        cell.datatype()
    }

    /// The datatype of a row.
    ///
    /// # Errors
    /// `Limit` for rows of more than 4 GiB.
    pub(super) fn datatype(&self) -> Result<Datatype> {
        let (mut members, mut offset) = (Vec::new(), 0u32);
        for (name, cell) in &self.columns {
            let datatype = cell.datatype();
            let size = u32::try_from(datatype.size()).unwrap_or(u32::MAX);
            members.push(Member { name: name.as_str().into(), offset, datatype });
            offset = offset.checked_add(size).ok_or_else(|| Error::limit("rows of more than 4 GiB"))?;
        }
        Ok(Datatype::Compound { size: offset, members })
    }

    /// Reads the file again and hands on its rows, some at a time, as they are stored: all cells of a row one behind the
    /// other.
    ///
    /// # Errors
    /// `Mismatch` with the line for a cell that is not of its column's type, and if the file was changed in between;
    /// those of `store`.
    pub(super) fn rows(
        &self,
        path: &Path,
        progress: &dyn Progress,
        store: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut reader = reader(path, self.delimiter)?;
        let mut record = csv::StringRecord::new();
        if self.named {
            read(&mut reader, &mut record)?;
        }
        let (mut batch, mut count, mut total) = (Vec::with_capacity(BATCH), 0, 0);
        while read(&mut reader, &mut record)? {
            for (cell, (name, wanted)) in record.iter().zip(&self.columns) {
                let line = record.position().map_or(0, csv::Position::line);
                let told = || {
                    let cell: String = cell.chars().take(40).collect();
                    Error::mismatch(format!("line {line}: {cell:?} in the column {name} is no {wanted}"))
                };
                wanted.store(cell, &mut batch).ok_or_else(told)?;
            }
            count += 1;
            if batch.len() >= BATCH {
                output::stop_if_asked(progress)?;
                store(count, &batch)?;
                progress.advance(count);
                total += count;
                (count, batch) = (0, Vec::with_capacity(BATCH));
            }
        }
        total += count;
        if total != self.rows {
            return Err(Error::new(ErrorKind::Conflict, "the file was changed while it was read"));
        }
        if count > 0 {
            store(count, &batch)?;
        }
        progress.advance(count);
        Ok(())
    }

    /// The cells of one column out of rows as [`rows`](Table::rows) hands them on.
    pub(super) fn column(&self, index: usize, rows: &[u8]) -> Vec<u8> {
        let sizes = || self.columns.iter().map(|(_, cell)| cell.datatype().size() as usize);
        let (row, at): (usize, usize) = (sizes().sum(), sizes().take(index).sum());
        let size = sizes().nth(index).unwrap_or(0);
        rows.chunks_exact(row.max(1)).filter_map(|row| row.get(at..at + size)).flatten().copied().collect()
    }
}

fn reader(path: &Path, delimiter: u8) -> Result<csv::Reader<BufReader<File>>> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let head = file.fill_buf()?;
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Err(Error::unsupported("text in UTF-16; save it as UTF-8"));
    }
    if head.starts_with(b"\xef\xbb\xbf") {
        file.consume(3);
    }
    Ok(csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(file))
}

fn read(reader: &mut csv::Reader<BufReader<File>>, record: &mut csv::StringRecord) -> Result<bool> {
    reader.read_record(record).map_err(|e| {
        let line = e.position().map_or(0, csv::Position::line);
        match e.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                Error::mismatch(format!("line {line} has {len} cells, the first has {expected_len}"))
            }
            csv::ErrorKind::Utf8 { .. } => Error::mismatch(format!("line {line} is not UTF-8")),
            _ => Error::damaged(e.to_string()),
        }
    })
}

/// What stands between cells: of the usual characters the one that the first line has most of.
fn delimiter_of(path: &Path) -> Result<u8> {
    let mut line = Vec::new();
    BufReader::new(File::open(path)?).take(1 << 20).read_until(b'\n', &mut line)?;
    let mut quoted = false;
    let mut counts = [(b',', 0u32), (b'\t', 0), (b';', 0), (b'|', 0)];
    for &b in &line {
        quoted ^= b == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(c, _)| !quoted && *c == b) {
            *count += 1;
        }
    }
    // Of equal counts the first in the list.
    let best = counts.iter().rev().max_by_key(|(_, count)| *count);
    Ok(best.map_or(b',', |(c, _)| *c))
}

fn is_header(wanted: HeaderLine, first: &[String]) -> bool {
    let is_number = |cell: &String| cell.trim().parse::<f64>().is_ok();
    match wanted {
        HeaderLine::Yes => true,
        HeaderLine::No => false,
        HeaderLine::Auto => !first.iter().any(is_number) && first.iter().any(|cell| !cell.trim().is_empty()),
    }
}

/// Names of columns, none empty and no two alike.
fn unique(names: Vec<String>) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut one = |(i, name): (usize, String)| {
        let name = name.trim().replace('\0', "");
        let name = if name.is_empty() { format!("c{i}") } else { name };
        let mut free = name.clone();
        let mut number = 1;
        while !taken.insert(free.clone()) {
            free = format!("{name}_{number}");
            number += 1;
        }
        free
    };
    names.into_iter().enumerate().map(&mut one).collect()
}
