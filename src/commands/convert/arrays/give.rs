//! Datasets of an .h5 file → .npy, .npz and .csv files.

use super::cells;
use super::save::{self, Pieces};
use super::staging::{Staging, ours};
use crate::commands::convert::report::{Skipped, count, print_skipped, printable};
use crate::commands::convert::{Compress, Convert, OnError};
use crate::commands::{Outcome, Progress, output};
use crate::error::{Error, Result};
use crate::{Dataset, Group, Object, Visited};
use serde::Serialize;
use std::io::{BufWriter, Write};
use std::path::Path;

/// The kind of file to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Npy,
    Npz,
    Csv,
}

impl Kind {
    /// By the suffix of the output.
    pub(in super::super) fn of(path: &Path) -> Option<Kind> {
        match path.extension()?.to_string_lossy().to_ascii_lowercase().as_str() {
            "npy" => Some(Kind::Npy),
            "npz" => Some(Kind::Npz),
            "csv" => Some(Kind::Csv),
            _ => None,
        }
    }
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Summary {
    output: String,
    datasets: Vec<String>,
    skipped: Vec<Skipped>,
}

/// Rows of a table that are read together.
const ROWS: u64 = 1 << 12;

/// Writes what is at `inside` of the file at `input` (or all of it) to `options.output`.
///
/// # Errors
/// If there is no such dataset, or not just one where one is wanted; `Unsupported` for what the output cannot hold.
pub(in super::super) fn run(
    options: &Convert,
    kind: Kind,
    input: &Path,
    inside: Option<&str>,
    out: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<Outcome> {
    output::check(&options.output, options.overwrite)?;
    if options.back.class.is_some() {
        return Err(Error::invalid("--class chooses images; arrays have --path and --rows"));
    }
    let file = options.opening.open(input)?;
    let top = file.object(inside.or(options.back.path.as_deref()).unwrap_or("/"))?;
    let mut summary = Summary { output: output::printable(&options.output), ..Summary::default() };
    let staging = Staging::create(&options.output, options.overwrite)?;
    let mut stream = BufWriter::with_capacity(1 << 20, staging);
    progress.start("writing arrays", None);
    let stream = match kind {
        Kind::Npy => {
            let dataset = only(&top)?;
            save::npy(&dataset, options.back.rows, &mut stream, progress)?;
            summary.datasets.push(dataset.path().to_owned());
            stream
        }
        Kind::Npz => npz(options, &top, stream, &mut summary, progress)?,
        Kind::Csv => {
            table(options, &top, &mut stream, &mut summary, progress)?;
            stream
        }
    };
    progress.finish();
    stream.into_inner().map_err(|e| ours(e.into_error()))?.publish()?;
    if options.json {
        serde_json::to_writer_pretty(&mut *out, &summary).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        summary.print(out)?;
    }
    Ok(Outcome::Fine)
}

/// The datasets at or below an object, in the order of their paths.
fn datasets(top: &Object) -> Result<Vec<Dataset>> {
    let group = match top {
        Object::Dataset(dataset) => return Ok(vec![dataset.clone()]),
        Object::Group(group) => group,
        _ => return Err(Error::not_found("a datatype is no dataset")),
    };
    let mut found = Vec::new();
    for step in group.walk() {
        if let Visited::Object(Object::Dataset(dataset)) = step?.what() {
            found.push(dataset.clone());
        }
    }
    Ok(found)
}

/// The dataset, if there is just one.
fn only(top: &Object) -> Result<Dataset> {
    let mut found = datasets(top)?;
    match (found.pop(), found.as_slice()) {
        (Some(only), []) => Ok(only),
        (None, _) => Err(Error::not_found("there is no dataset")),
        (Some(last), rest) => {
            let paths: Vec<String> = rest.iter().chain([&last]).take(10).map(|d| printable(d.path())).collect();
            let more = if rest.len() >= 10 { ", …" } else { "" };
            Err(Error::invalid(format!(
                "which dataset? add --path with one of {}{more}; a .npz file holds them all",
                paths.join(", ")
            )))
        }
    }
}

fn npz(
    options: &Convert,
    top: &Object,
    stream: BufWriter<Staging>,
    summary: &mut Summary,
    progress: &dyn Progress,
) -> Result<BufWriter<Staging>> {
    let failed = |e: zip::result::ZipError| match e {
        zip::result::ZipError::Io(e) => ours(e),
        other => Error::invalid(format!("the archive cannot be written: {other}")),
    };
    let base = match top {
        Object::Group(group) => group.path().trim_end_matches('/').to_owned(),
        _ => String::new(),
    };
    let mut archive = zip::ZipWriter::new(stream);
    let method = match &options.compress {
        Compress::Auto | Compress::None => zip::CompressionMethod::Stored,
        Compress::Filters(_, written) if written.starts_with("gzip") => zip::CompressionMethod::Deflated,
        Compress::Filters(_, written) => {
            return Err(Error::invalid(format!("a .npz file is packed by gzip or not at all, not by {written}")));
        }
    };
    for dataset in datasets(top)? {
        let is_large = save::size_of(&dataset) > u32::MAX as u64 / 8;
        let form = zip::write::SimpleFileOptions::default().compression_method(method).large_file(is_large);
        let name = dataset.path().strip_prefix(&base).unwrap_or(dataset.path()).trim_start_matches('/');
        archive.start_file(format!("{name}.npy"), form).map_err(failed)?;
        match save::npy(&dataset, options.back.rows, &mut archive, progress) {
            Ok(()) => summary.datasets.push(dataset.path().to_owned()),
            // Refused before anything was written of it.
            Err(e) if e.kind() == crate::ErrorKind::Unsupported && options.on_error == OnError::Skip => {
                archive.abort_file().map_err(failed)?;
                summary.skipped.push(Skipped { file: dataset.path().to_owned(), reason: e.to_string() });
            }
            Err(e) => return Err(e),
        }
    }
    if summary.datasets.is_empty() {
        let why = summary.skipped.first().map_or("there is no dataset", |s| s.reason.as_str());
        return Err(Error::not_found(format!("nothing to write: {}", printable(why))));
    }
    archive.finish().map_err(failed)
}

/// A table: a dataset of one or two dimensions, or the datasets of a group that are equally long.
fn table(
    options: &Convert,
    top: &Object,
    stream: &mut BufWriter<Staging>,
    summary: &mut Summary,
    progress: &dyn Progress,
) -> Result<()> {
    let columns = match top {
        Object::Group(group) => match group_columns(group)? {
            columns if columns.len() > 1 => columns,
            _ => vec![only(top)?],
        },
        _ => vec![only(top)?],
    };
    let matrix = match columns.as_slice() {
        [dataset] => match dataset.shape() {
            [_] => false,
            [_, 1..=16_384] => true,
            shape => {
                let shape = super::dtype::shape_text(shape.iter().copied());
                let path = printable(dataset.path());
                return Err(Error::unsupported(format!(
                    "{path} of shape {shape} as a table; `--output x.npy` writes it as an array"
                )));
            }
        },
        _ => false,
    };
    let delimiter = options.arrays.delimiter.unwrap_or(b',');
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(stream);
    let failed = |e: csv::Error| match e.into_kind() {
        csv::ErrorKind::Io(e) => ours(e),
        other => Error::invalid(format!("the table cannot be written: {other:?}")),
    };
    let mut names = Vec::new();
    for dataset in &columns {
        let is_compound = matches!(dataset.datatype(), crate::datatype::Datatype::Compound { .. });
        let name = dataset.path().rsplit('/').next().unwrap_or_default();
        names.extend(cells::columns(if is_compound && columns.len() == 1 { "" } else { name }, dataset.datatype())?);
    }
    if !matrix {
        writer.write_record(&names).map_err(failed)?;
    }
    let first = columns.first().ok_or_else(|| Error::not_found("there is no dataset"))?;
    let rows = Pieces::of(first, options.back.rows)?.shape.first().copied().unwrap_or(0);
    let start = options.back.rows.map_or(0, |rows| rows.start);
    let width = if matrix { first.shape().get(1).copied().unwrap_or(1) } else { 1 };
    let step = (ROWS / width).max(1);
    let mut at = start;
    while at < start + rows {
        output::stop_if_asked(progress)?;
        let end = (start + rows).min(at + step);
        let mut lines: Vec<Vec<String>> = vec![Vec::new(); (end - at) as usize];
        for dataset in &columns {
            let values = dataset.select(at..end)?.values()?;
            for (line, values) in lines.iter_mut().zip(values.chunks(width as usize)) {
                values.iter().for_each(|value| cells::fill(value, dataset.datatype(), line));
            }
        }
        for line in &lines {
            writer.write_record(line).map_err(failed)?;
        }
        progress.advance(end - at);
        at = end;
    }
    writer.flush().map_err(ours)?;
    summary.datasets.extend(columns.iter().map(|d| d.path().to_owned()));
    Ok(())
}

/// The columns of a group: all its datasets, if they have one dimension and one length; in the order that the attribute
/// `columns` names, where there is one.
fn group_columns(group: &Group) -> Result<Vec<Dataset>> {
    let mut found = Vec::new();
    for link in group.links()? {
        let name = link?.name().to_text().into_owned();
        if let Ok(Object::Dataset(dataset)) = group.object(&name) {
            found.push(dataset);
        }
    }
    let alike = |a: &Dataset, b: &Dataset| a.shape() == b.shape() && a.shape().len() == 1;
    if found.first().is_none_or(|first| !found.iter().all(|dataset| alike(first, dataset))) {
        return Ok(Vec::new());
    }
    let order: Vec<String> = match group.attribute("columns")? {
        Some(names) if names.datatype().is_string() => names.read()?,
        _ => Vec::new(),
    };
    let place = |dataset: &Dataset| {
        let name = dataset.path().rsplit('/').next().unwrap_or_default();
        order.iter().position(|n| n == name).unwrap_or(usize::MAX)
    };
    found.sort_by_key(place);
    Ok(found)
}

impl Summary {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        match self.datasets.as_slice() {
            [only] => writeln!(out, "{}: {}", self.output, printable(only))?,
            all => writeln!(out, "{}: {}", self.output, count(all.len() as u64, "dataset"))?,
        }
        if !self.skipped.is_empty() {
            writeln!(out, "{} skipped:", count(self.skipped.len() as u64, "dataset"))?;
            print_skipped(&self.skipped, out)?;
        }
        Ok(())
    }
}
