//! Arrays and tables → datasets of a new .h5 file.

use super::Tables;
use super::npy::{self, Header};
use super::sources::{self, Format, Source};
use super::table::{CellType, Reading, Table};
use crate::commands::convert::report::{Skipped, count, nothing_of, print_skipped, printable, write_csv};
use crate::commands::convert::{Compress, Convert, OnError};
use crate::commands::{Outcome, Progress, output};
use crate::datatype::Datatype;
use crate::error::{Error, Result};
use crate::{CreateOptions, DatasetBuilder, DatasetMut, FileMut, GroupMut, StoredElements};
use serde::Serialize;
use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::path::Path;
use zip::read::ZipFile;

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Summary {
    output: String,
    datasets: Vec<Made>,
    skipped: Vec<Skipped>,
    other_files: u64,
}

/// A dataset that was made.
#[derive(Debug, Serialize)]
struct Made {
    path: String,
    shape: Vec<u64>,
    r#type: String,
    /// Of a table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<Column>,
}

#[derive(Debug, Serialize)]
struct Column {
    name: String,
    r#type: String,
    /// Whether values are missing.
    missing: bool,
}

/// Columns that a row can have: the type of the rows must fit a message of 64 KiB.
const MOST_COLUMNS: usize = 1000;

/// Converts the file or folder `options.input`.
///
/// # Errors
/// If nothing can be read or the file cannot be written; if strict, the first file that cannot be read.
pub(in super::super) fn run(
    options: &Convert,
    out: &mut (dyn Write + Send),
    progress: &dyn Progress,
) -> Result<Outcome> {
    let place = output::h5_path(&options.output)?;
    output::check(&place, options.overwrite)?;
    if let Some(report) = &options.report {
        output::check(report, options.overwrite)?;
    }
    let (sources, others) = sources::list(&options.input, progress)?;
    output::make_parents(&place)?;
    let mut file = crate::File::create_with(&place, CreateOptions::new().overwrite(options.overwrite))?;
    let summary = Summary { output: output::printable(&place), other_files: others, ..Summary::default() };
    let mut taker = Taker { options, progress, is_single: !options.input.is_dir(), summary };
    progress.start("reading arrays", None);
    for source in &sources {
        output::stop_if_asked(progress)?;
        taker.take(source, &mut file).map_err(|e| e.on(source.shown.as_str()))?;
    }
    progress.finish();
    let summary = taker.summary;
    if let Some(path) = &options.report {
        write_csv(path, &summary.skipped)?;
    }
    if summary.datasets.is_empty() {
        return Err(nothing_of(&options.input, &summary.skipped, "array", |input| {
            format!("no .npy, .npz or .csv file in {input}")
        }));
    }
    let tool = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    file.set_attribute("tool", tool)?;
    file.set_attribute("source", &*options.input.to_string_lossy())?;
    file.commit()?;
    if options.json {
        serde_json::to_writer_pretty(&mut *out, &summary).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        summary.print(out)?;
    }
    Ok(Outcome::Fine)
}

struct Taker<'a> {
    options: &'a Convert,
    progress: &'a dyn Progress,
    /// One file is all there is: what is wrong with it is the error.
    is_single: bool,
    summary: Summary,
}

impl Taker<'_> {
    fn take(&mut self, source: &Source, file: &mut FileMut) -> Result<()> {
        match source.format {
            Format::Npy => {
                let opened = open_npy(&source.file);
                let Some((header, mut reader, start)) = self.or_skip(&source.shown, opened)? else {
                    return Ok(());
                };
                let builder = self.filtered(file.build(&source.path), &header.shape, &header.elements.datatype());
                let dataset = if header.needs_seek() {
                    npy::store_fortran(&header, builder, reader.get_mut(), start, self.progress)?
                } else {
                    npy::store(&header, builder, &mut reader, self.progress)?
                };
                self.made(&dataset, &header.elements.datatype(), Vec::new());
                Ok(())
            }
            Format::Npz => self.take_npz(source, file),
            Format::Csv => self.take_csv(source, file),
        }
    }

    /// What is wrong before anything is written of it: skipped and listed, unless that is to stop everything.
    fn or_skip<T>(&mut self, shown: &str, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(e) if self.is_single || self.options.on_error == OnError::Stop => Err(e),
            Err(e) => {
                self.summary.skipped.push(Skipped { file: shown.to_owned(), reason: e.to_string() });
                Ok(None)
            }
        }
    }

    fn take_npz(&mut self, source: &Source, file: &mut FileMut) -> Result<()> {
        let opened = File::open(&source.file).map_err(Error::from);
        let opened = opened.and_then(|f| zip::ZipArchive::new(BufReader::new(f)).map_err(explain));
        let Some(mut archive) = self.or_skip(&source.shown, opened)? else {
            return Ok(());
        };
        for index in 0..archive.len() {
            output::stop_if_asked(self.progress)?;
            let opened = archive.by_index(index).map_err(explain);
            let name = opened.as_ref().map_err(|_| ()).and_then(|member| member.name().map(String::from).map_err(drop));
            let name = name.unwrap_or_else(|()| format!("member {index}"));
            let shown = format!("{}/{name}", source.shown);
            let opened = opened.and_then(|member| open_member(&name, member)).map_err(|e| e.on(shown.as_str()));
            let Some((header, mut member)) = self.or_skip(&shown, opened)? else {
                continue;
            };
            let path = sources::clean(&format!("{}/{}", source.path, name.strip_suffix(".npy").unwrap_or(&name)));
            let builder = self.filtered(file.build(&path), &header.shape, &header.elements.datatype());
            let dataset = if header.needs_seek() {
                // Elements out of order: the member is unpacked to where one can seek.
                let mut whole = tempfile::tempfile()?;
                std::io::copy(&mut member, &mut whole)?;
                whole.rewind()?;
                npy::store_fortran(&header, builder, &mut whole, 0, self.progress)
            } else {
                npy::store(&header, builder, &mut member, self.progress)
            };
            // To its end, so that the checksum is looked at.
            let dataset = dataset.and_then(|dataset| match std::io::copy(&mut member, &mut std::io::sink()) {
                Ok(_) => Ok(dataset),
                Err(e) => Err(e.into()),
            });
            let dataset = dataset.map_err(|e| e.on(shown.as_str()))?;
            self.made(&dataset, &header.elements.datatype(), Vec::new());
        }
        Ok(())
    }

    fn take_csv(&mut self, source: &Source, file: &mut FileMut) -> Result<()> {
        let super::Arrays { types, delimiter, header, tables, .. } = &self.options.arrays;
        let reading = Reading { delimiter: *delimiter, header: *header, types: types.clone() };
        let surveyed = Table::survey(&source.file, &reading, self.progress).and_then(|table| {
            if *tables == Tables::Rows && table.matrix().is_none() && table.columns.len() > MOST_COLUMNS {
                let columns = table.columns.len();
                return Err(Error::limit(format!("{columns} columns are too many for one row; add --tables columns")));
            }
            Ok(table)
        });
        let Some(table) = self.or_skip(&source.shown, surveyed)? else {
            return Ok(());
        };
        match (table.matrix(), tables) {
            (Some(cell), _) => self.matrix(&table, cell, source, file.build(&source.path)),
            (None, Tables::Rows) => self.rows(&table, source, file.build(&source.path)),
            (None, Tables::Columns) => self.columns(&table, source, file.create_group(&source.path)?),
        }
    }

    /// Numbers without names of columns: an array of two dimensions.
    fn matrix(&mut self, table: &Table, cell: CellType, source: &Source, builder: DatasetBuilder) -> Result<()> {
        let (datatype, width) = (Table::column_datatype(cell), table.columns.len() as u64);
        let shape = if width == 1 { vec![table.rows] } else { vec![table.rows, width] };
        let mut dataset =
            self.filtered(builder, &shape, &datatype).datatype(datatype.clone()).shape(&shape).create()?;
        table.rows(&source.file, self.progress, &mut |rows, bytes| {
            dataset.append(StoredElements::new(datatype.clone(), [rows * width], bytes)?)
        })?;
        self.made(&dataset, &datatype, Vec::new());
        Ok(())
    }

    fn rows(&mut self, table: &Table, source: &Source, builder: DatasetBuilder) -> Result<()> {
        let datatype = table.datatype()?;
        let shape = [table.rows];
        let mut dataset = self.filtered(builder, &shape, &datatype).datatype(datatype.clone()).shape(shape).create()?;
        let title = source.path.rsplit('/').next().unwrap_or_default();
        dataset.mark_table(title)?;
        table.rows(&source.file, self.progress, &mut |rows, bytes| {
            dataset.append(StoredElements::new(datatype.clone(), [rows], bytes)?)
        })?;
        self.made(&dataset, &datatype, columns(table));
        Ok(())
    }

    fn columns(&mut self, table: &Table, source: &Source, mut group: GroupMut) -> Result<()> {
        let mut datasets = Vec::with_capacity(table.columns.len());
        for (name, cell) in &table.columns {
            // A slash would make a group of it.
            let builder = group.build(name.replace('/', "_"));
            let datatype = Table::column_datatype(*cell);
            let builder = self.filtered(builder, &[table.rows], &datatype).datatype(datatype);
            datasets.push(builder.shape([table.rows]).create()?);
        }
        // Columns are found in their order, also by who lists the group.
        group.set_attribute(
            "columns",
            table.columns.iter().map(|(name, _)| name.replace('/', "_")).collect::<Vec<_>>(),
        )?;
        table.rows(&source.file, self.progress, &mut |rows, bytes| {
            for (i, (dataset, (_, cell))) in datasets.iter_mut().zip(&table.columns).enumerate() {
                let column = table.column(i, bytes);
                dataset.append(StoredElements::new(Table::column_datatype(*cell), [rows], &column)?)?;
            }
            Ok(())
        })?;
        self.summary.datasets.push(Made {
            path: group.path().to_owned(),
            shape: vec![table.rows],
            r#type: "columns".to_owned(),
            columns: columns(table),
        });
        Ok(())
    }

    /// With the filters that were asked for; without a word arrays stay as they are, to be mapped and read in place.
    fn filtered(&self, builder: DatasetBuilder, shape: &[u64], datatype: &Datatype) -> DatasetBuilder {
        match &self.options.compress {
            Compress::Filters(list, written) if !shape.is_empty() && !shape.contains(&0) => {
                let size = usize::try_from(datatype.size()).unwrap_or(usize::MAX);
                let filters = Compress::complete(list, written, size);
                filters.into_iter().fold(builder, DatasetBuilder::filter)
            }
            _ => builder,
        }
    }

    fn made(&mut self, dataset: &DatasetMut, datatype: &Datatype, columns: Vec<Column>) {
        let r#type = if columns.is_empty() { datatype.to_string() } else { "table".to_owned() };
        self.summary.datasets.push(Made { path: dataset.path().to_owned(), shape: dataset.shape(), r#type, columns });
    }
}

fn columns(table: &Table) -> Vec<Column> {
    let column = |(name, cell): &(String, CellType)| Column {
        name: name.clone(),
        r#type: cell.to_string(),
        missing: table.missing.contains(name),
    };
    table.columns.iter().map(column).collect()
}

/// A .npy file behind its header, and where that is.
fn open_npy(path: &Path) -> Result<(Header, BufReader<File>, u64)> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let header = Header::read(&mut reader)?;
    let start = reader.stream_position()?;
    whole(&header, length.saturating_sub(start))?;
    Ok((header, reader, start))
}

/// A member of an archive behind its header.
fn open_member<'a, R: Read>(name: &str, mut member: ZipFile<'a, R>) -> Result<(Header, ZipFile<'a, R>)> {
    if !name.ends_with(".npy") {
        return Err(Error::unsupported("a member that is no .npy"));
    }
    let length = member.size();
    let header = Header::read(&mut member)?;
    // The header is at least 10 bytes, and as many as there are behind the elements at most.
    whole(&header, length)?;
    Ok((header, member))
}

/// Refuses a file that is too short for its elements before any is taken from it.
fn whole(header: &Header, length: u64) -> Result<()> {
    if header.bytes() > length {
        let wanted = header.bytes();
        return Err(Error::damaged(format!("it ends within its elements: {wanted} bytes of them, there are {length}")));
    }
    Ok(())
}

fn explain(e: zip::result::ZipError) -> Error {
    match e {
        zip::result::ZipError::Io(e) => e.into(),
        zip::result::ZipError::UnsupportedArchive(what) => Error::unsupported(what.to_string()),
        other => Error::damaged(format!("not a .npz file: {other}")),
    }
}

impl Summary {
    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{}: {}", self.output, count(self.datasets.len() as u64, "dataset"))?;
        for made in self.datasets.iter().take(20) {
            let shape = super::dtype::shape_text(made.shape.iter().copied());
            writeln!(out, "  {}  {shape} {}", printable(&made.path), printable(&made.r#type))?;
            for column in made.columns.iter().take(50) {
                let missing = if column.missing { ", some missing" } else { "" };
                writeln!(out, "    {}: {}{missing}", printable(&column.name), column.r#type)?;
            }
            if let Some(more) = made.columns.len().checked_sub(51) {
                writeln!(out, "    and {}", count(more as u64 + 1, "further column"))?;
            }
        }
        if let Some(more) = self.datasets.len().checked_sub(21) {
            writeln!(out, "  and {}", count(more as u64 + 1, "further dataset"))?;
        }
        if !self.skipped.is_empty() {
            writeln!(out, "{} skipped:", count(self.skipped.len() as u64, "array"))?;
            print_skipped(&self.skipped, out)?;
        }
        if self.other_files > 0 {
            writeln!(out, "{} left out", count(self.other_files, "other file"))?;
        }
        Ok(())
    }
}
