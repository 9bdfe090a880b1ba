//! One image set → files in a folder, batch by batch.

use super::labels::{Label, Labelling};
use super::load::{Content, Loader};
use super::names::{Name, Names, Place, Suffix};
use super::{Metadata, Summary, is_strict};
use crate::File;
use crate::commands::convert::Convert;
use crate::commands::convert::report::Skipped;
use crate::commands::{Progress, output};
use crate::error::{Error, Result};
use crate::image_set::source::Source;
use crate::image_set::{BLOCK, Class, ImageSet, Kind};
use rayon::prelude::*;
use std::fs;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The folder that is being filled, and what it is filled from.
pub(super) struct Unpacker<'a> {
    options: &'a Convert,
    file: &'a File,
    source: &'a dyn Source,
    folder: &'a Path,
    progress: &'a dyn Progress,
    names: Names,
    /// The class of rows that lay in no folder of a class when this program took them in.
    loose: Option<String>,
    /// The class that `convert` gave to files directly in its folder, and the rows of the set then.
    own_folder: Option<(String, u64)>,
    /// Whether the names in the file are those of files, so that they stay what they are.
    own: bool,
}

/// What is known of a block of rows.
struct Block {
    rows: Vec<u64>,
    first: u64,
    classes: Vec<Class>,
    values: Vec<String>,
    names: Vec<String>,
}

/// The list of files and labels of a set.
struct List {
    path: PathBuf,
    /// Its own name in the folder.
    shown: String,
    out: BufWriter<fs::File>,
    /// Whether it says what the paths of the files do not say.
    is_needed: bool,
}

/// The set at hand.
struct Task<'t> {
    set: &'t ImageSet,
    /// The folder for all of it.
    part: &'t str,
    labelling: Labelling,
    list: Option<List>,
}

impl<'a> Unpacker<'a> {
    pub(super) fn new(
        options: &'a Convert,
        file: &'a File,
        source: &'a dyn Source,
        folder: &'a Path,
        progress: &'a dyn Progress,
    ) -> Unpacker<'a> {
        let text = |name: &str| source.text_attribute("/", name).and_then(|texts| texts.into_iter().next());
        let own = text("tool").is_some_and(|tool| tool.starts_with(env!("CARGO_PKG_NAME")));
        let rows = text("folder_rows").and_then(|rows| rows.parse().ok());
        let own_folder = text("folder").zip(rows).filter(|_| own);
        Unpacker { options, file, source, folder, progress, names: Names::default(), loose: None, own_folder, own }
    }

    /// Writes those of the rows `all` of `set` that were asked for, into the folder `part` if it has one.
    ///
    /// # Errors
    /// If labels or names cannot be read, a file cannot be written, or the user asked to stop; if strict, the first row
    /// that cannot be read.
    pub(super) fn unpack(&mut self, set: &ImageSet, part: &str, all: Range<u64>, summary: &mut Summary) -> Result<()> {
        let loader = Loader::new(self.file, set)?;
        let rows = self.rows_of(set, all)?;
        let labelling = Labelling::of(self.source, set, self.progress)?;
        let class = self.options.back.class.as_deref().map(|name| labelling.class_called(name)).transpose()?;
        summary.format = loader.format;
        let own_folder = self.own_folder.as_ref().filter(|(_, rows)| *rows == set.rows && loader.holds_files());
        self.loose = own_folder.map(|(folder, _)| folder.clone());
        let list = self.begin_list(part, labelling.is_there())?;
        let mut task = Task { set, part, labelling, list };
        self.progress.start("writing files", class.is_none().then(|| rows.end - rows.start));
        let mut at = rows.start;
        while at < rows.end {
            let end = rows.end.min(at + BLOCK);
            let block = self.block(&task, at..end, class.as_ref())?;
            let mut rest = block.rows.as_slice();
            while !rest.is_empty() {
                output::stop_if_asked(self.progress)?;
                let (batch, later) = rest.split_at(loader.fitting(rest)?);
                self.write(&mut task, &block, batch, loader.load(batch), summary)?;
                rest = later;
            }
            at = end;
        }
        self.progress.finish();
        if let Some(list) = task.list {
            finish_list(list, !loader.holds_files(), summary)?;
        }
        summary.renamed = self.names.changed;
        Ok(())
    }

    fn rows_of(&self, set: &ImageSet, all: Range<u64>) -> Result<Range<u64>> {
        let Some(rows) = self.options.back.rows else {
            return Ok(all);
        };
        let end = rows.end.unwrap_or(set.rows).min(set.rows);
        if rows.start >= end {
            let last = set.rows.saturating_sub(1);
            return Err(Error::not_found(format!("there are no rows from {} on; the last is {last}", rows.start)));
        }
        Ok(rows.start..end)
    }

    fn block(&self, task: &Task<'_>, rows: Range<u64>, class: Option<&Class>) -> Result<Block> {
        let Task { set, labelling, .. } = task;
        let classes = labelling.classes(self.source, set, rows.clone())?;
        let values = labelling.values(self.source, set, rows.clone())?;
        let mut names = set.names(self.source, rows.clone())?;
        if let Kind::Gallery(_) = &set.kind {
            // Paths in the file begin at its root, which is the output's.
            names.iter_mut().for_each(|name| drop(name.drain(..usize::from(name.starts_with('/')))));
        }
        let is_wanted = |row: &u64| {
            let at = (row - rows.start) as usize;
            class.is_none_or(|class| classes.get(at) == Some(class))
        };
        Ok(Block { rows: rows.clone().filter(is_wanted).collect(), first: rows.start, classes, values, names })
    }

    /// Names the files of a batch one after the other, and writes them side by side.
    fn write(
        &mut self,
        task: &mut Task<'_>,
        block: &Block,
        rows: &[u64],
        contents: Vec<Result<Content>>,
        summary: &mut Summary,
    ) -> Result<()> {
        let mut files: Vec<(String, Content)> = Vec::with_capacity(contents.len());
        for (&row, content) in rows.iter().zip(contents) {
            let at = (row - block.first) as usize;
            let text = block.names.get(at).map_or("", String::as_str);
            match content {
                Ok(content) => {
                    let label = task.labelling.label(block.classes.get(at), block.values.get(at).cloned());
                    let place = self.place(task, row, text, &label, &content);
                    place.new_folders.iter().try_for_each(|folder| make_folder(&self.folder.join(folder)))?;
                    if let Some(list) = &mut task.list {
                        list.add(task.part, &place.path, text, &label)?;
                    }
                    if let Label::Class(class) = label {
                        *summary.classes.entry(class.name.clone()).or_default() += 1;
                    }
                    files.push((place.path, content));
                }
                Err(e) => {
                    let file = if text.is_empty() { format!("row {row}") } else { format!("row {row} ({text})") };
                    if is_strict(self.options) {
                        return Err(Error::new(e.kind(), e.to_string()).on(file));
                    }
                    summary.skipped.push(Skipped { file, reason: e.to_string() });
                    self.progress.advance(1);
                }
            }
        }
        let (folder, progress) = (self.folder, self.progress);
        let one = |(path, content): &(String, Content)| write_file(&folder.join(path), content, progress);
        let written = files.par_iter().map(one).collect::<Result<Vec<u64>>>()?;
        summary.images += written.len() as u64;
        summary.bytes += written.iter().sum::<u64>();
        Ok(())
    }

    fn place(&mut self, task: &Task<'_>, row: u64, text: &str, label: &Label<'_>, content: &Content) -> Place {
        let suffix = match content {
            Content::Picture { suffix, .. } => Suffix::Replaced(suffix),
            Content::Bytes(_) if self.own && !text.is_empty() => Suffix::Kept,
            Content::Bytes(_) => Suffix::Added(content.suffix()),
        };
        let digits = task.set.rows.saturating_sub(1).to_string().len();
        let name = Name { text, number: format!("{row:0digits$}") };
        let (class, folder) = match label {
            Label::Class(class) if self.loose.as_deref() == Some(&class.name) => (class.name.as_str(), ""),
            Label::Class(class) => (class.name.as_str(), class.folder.as_str()),
            _ => ("", ""),
        };
        let between = if task.part.is_empty() || folder.is_empty() { "" } else { "/" };
        let folder = format!("{}{between}{folder}", task.part);
        self.names.place(&folder, class, &name, suffix)
    }

    fn begin_list(&mut self, part: &str, labelled: bool) -> Result<Option<List>> {
        if !labelled || self.options.back.metadata == Metadata::Never {
            return Ok(None);
        }
        if !part.is_empty() {
            make_folder(&self.folder.join(part))?;
        }
        let shown = if part.is_empty() { "metadata.csv".to_owned() } else { format!("{part}/metadata.csv") };
        self.names.reserve(&shown);
        let path = self.folder.join(&shown);
        let mut out = BufWriter::new(fs::File::create(&path).map_err(|e| Error::from(e).on(path.to_string_lossy()))?);
        out.write_all(b"file_name,label\n")?;
        Ok(Some(List { path, shown, out, is_needed: self.options.back.metadata == Metadata::Always }))
    }
}

fn make_folder(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        // Made for the list of files before, or of a name that the file system takes for the same.
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.map_err(|e| Error::from(e).on(path.to_string_lossy())),
    }
}

fn write_file(path: &Path, content: &Content, progress: &dyn Progress) -> Result<u64> {
    output::stop_if_asked(progress)?;
    let bytes = content.bytes()?;
    // Never into a file that is there: two names may be one to the file system.
    let created = fs::OpenOptions::new().write(true).create_new(true).open(path);
    created.and_then(|mut file| file.write_all(&bytes)).map_err(|e| Error::from(e).on(path.to_string_lossy()))?;
    progress.advance(1);
    Ok(bytes.len() as u64)
}

/// Completes a list; one that says nothing new is removed.
fn finish_list(mut list: List, of_pixels: bool, summary: &mut Summary) -> Result<()> {
    let flushed = list.out.flush();
    flushed.map_err(|e| list.failed(e))?;
    if list.is_needed || of_pixels {
        summary.metadata.push(list.shown);
        return Ok(());
    }
    let List { path, out, .. } = list;
    drop(out);
    fs::remove_file(&path).map_err(|e| Error::from(e).on(path.to_string_lossy()))
}

impl List {
    fn failed(&self, e: std::io::Error) -> Error {
        Error::from(e).on(self.path.to_string_lossy())
    }

    fn add(&mut self, part: &str, path: &str, text: &str, label: &Label<'_>) -> Result<()> {
        let (value, folder) = match label {
            Label::None => ("", ""),
            Label::Class(class) => (class.name.as_str(), class.name.as_str()),
            Label::Value(value) => (value.as_str(), ""),
        };
        let said = text.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')) && !folder.is_empty();
        self.is_needed |= !said;
        let inside = path.strip_prefix(part).and_then(|p| p.strip_prefix('/')).filter(|_| !part.is_empty());
        let written = writeln!(self.out, "{},{}", cell(inside.unwrap_or(path)), cell(value));
        written.map_err(|e| self.failed(e))
    }
}

/// A cell of a CSV file, quoted where it must be.
fn cell(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}
