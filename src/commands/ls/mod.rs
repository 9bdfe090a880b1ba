//! `ls`: what is in a file, as a tree, as paths, or as JSON.

mod describe;

use super::first_paths::FirstPaths;
use super::{Command, Outcome, Progress, open::Opening};
use crate::datatype::Name;
use crate::error::{Error, ErrorKind, Result};
use crate::{File, LinkTarget, Object, Visit, Visited};
use describe::{Detail, json_record, summary};
use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) use describe::{details, shape_text};

/// Shows what is in a file: names, kinds, shapes, types.
///
/// Damaged branches are shown as errors, the rest is shown, and the exit code is 1. FILE may name an object inside:
/// run.h5::/detector.
///
/// With --json each line is an object with its path, its kind (group, dataset, datatype, soft, external, user, error),
/// and what that kind has: shape, max, type, layout, chunks, filters; target, file; same_as. With -v: address, header,
/// times, index, data_address, stored, ratio, chunks_stored, chunks_total. With -a: attributes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  h5manager ls run.h5                   the tree
  h5manager ls -v -a run.h5             with storage, filters and attributes
  h5manager ls run.h5::/detector        one branch
  h5manager ls -r run.h5 | grep counts  one path a line")]
pub struct Ls {
    /// The file, or FILE::/PATH.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Full paths, one a line, instead of a tree.
    #[arg(short, long)]
    recursive: bool,
    /// Storage: layout, chunk index, filters with parameters, bytes and ratio, addresses; header, times, creation order.
    #[arg(short, long)]
    verbose: bool,
    /// Attributes with their values.
    #[arg(short, long)]
    attributes: bool,
    /// Show groups down to this depth only.
    #[arg(short, long, value_name = "N")]
    depth: Option<usize>,
    /// One JSON object a line for each object.
    #[arg(long)]
    json: bool,
    /// How files are opened.
    #[command(flatten)]
    pub opening: Opening,
}

impl Command for Ls {
    fn run(&self, out: &mut dyn Write, progress: &dyn Progress) -> Result<Outcome> {
        let mut outcome = Outcome::Fine;
        for (i, path) in self.files.iter().enumerate() {
            if i > 0 && !self.json {
                writeln!(out)?;
            }
            let (path, inside) = split_path(path);
            let file = self.opening.open(&path)?;
            let top = file.object(inside.as_deref().unwrap_or("/"))?;
            let mut listing = Listing::new(self, out, &top);
            listing.list(&path, &top, progress)?;
            if listing.damaged {
                outcome = Outcome::Finding;
            }
        }
        Ok(outcome)
    }
}

/// `FILE::/PATH` in its two parts.
pub(crate) fn split_path(argument: &Path) -> (PathBuf, Option<String>) {
    let text = argument.to_string_lossy();
    match text.rsplit_once("::") {
        Some((file, inside)) if !argument.exists() && !file.is_empty() => (file.into(), Some(inside.to_owned())),
        _ => (argument.to_owned(), None),
    }
}

/// The tree of a whole file, as `ls` without options shows it.
pub(crate) fn tree(file: &File, name: &Path, out: &mut dyn Write) -> Result<()> {
    let opening = Opening::default();
    let options = Ls {
        files: Vec::new(),
        recursive: false,
        verbose: false,
        attributes: false,
        depth: None,
        json: false,
        opening,
    };
    let top = file.object("/")?;
    Listing::new(&options, out, &top).list(name, &top, &super::Silent)
}

struct Listing<'a> {
    options: &'a Ls,
    out: &'a mut dyn Write,
    damaged: bool,
    /// What references lead to.
    paths: FirstPaths<'a>,
}

impl<'a> Listing<'a> {
    fn new(options: &'a Ls, out: &'a mut dyn Write, top: &'a Object) -> Listing<'a> {
        Listing { options, out, damaged: false, paths: FirstPaths::new(top.file()) }
    }

    fn list(&mut self, name: &Path, top: &Object, progress: &dyn Progress) -> Result<()> {
        let walk = match top {
            Object::Group(group) => group.walk(),
            other => return self.single(other),
        };
        let shown = Name::from(&*name.to_string_lossy());
        // For each depth on the way: whether the branch goes on below.
        let mut open: Vec<bool> = Vec::new();
        for step in walk {
            if progress.stopped() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped"));
            }
            match step {
                Ok(visit) => self.step(&visit, &shown, top, &mut open)?,
                Err(e) => self.broken(&e, &mut open)?,
            }
        }
        Ok(())
    }

    fn single(&mut self, object: &Object) -> Result<()> {
        let path = Name::from(object.path());
        if self.options.json {
            return self.json(&path, &Visited::Object(object.clone()), None);
        }
        write!(self.out, "{path}")?;
        self.line(&Visited::Object(object.clone()), "    ", None)
    }

    fn detail(&self) -> Detail {
        if self.options.verbose { Detail::Storage } else { Detail::Short }
    }

    fn step(&mut self, visit: &Visit, file: &Name, top: &Object, open: &mut Vec<bool>) -> Result<()> {
        let depth = visit.depth();
        if self.options.depth.is_some_and(|most| depth > most) {
            return Ok(());
        }
        if self.options.json {
            return self.json(visit.path(), visit.what(), visit.creation_order());
        }
        if self.options.recursive {
            write!(self.out, "{}", visit.path())?;
            return self.line(visit.what(), "    ", visit.creation_order());
        }
        open.truncate(depth.saturating_sub(1));
        let lead: String = open.iter().map(|&more| if more { "│   " } else { "    " }).collect();
        if depth == 0 {
            let name = if top.path() == "/" { file.to_string() } else { format!("{file}::{}", visit.path()) };
            write!(self.out, "{name}")?;
            return self.line(visit.what(), "  ", None);
        }
        let branch = if visit.is_last() { "└── " } else { "├── " };
        write!(self.out, "{lead}{branch}{}", last_name(visit.path()))?;
        open.push(!visit.is_last());
        let below = if visit.is_last() { "      " } else { "│     " };
        self.line(visit.what(), &format!("{lead}{below}"), visit.creation_order())
    }

    /// The rest of a line behind the name, and the attributes below it.
    fn line(&mut self, what: &Visited, lead: &str, creation_order: Option<i64>) -> Result<()> {
        match what {
            Visited::Object(object) => {
                let text = summary(object);
                write!(self.out, "{}{text}", if text.is_empty() { "" } else { "  " })?;
                self.details(object, lead, creation_order)?;
                self.attributes(object, lead)
            }
            Visited::Again(first) => Ok(writeln!(self.out, "  = {first}")?),
            Visited::Link(LinkTarget::Soft(target)) => Ok(writeln!(self.out, " -> {target}")?),
            Visited::Link(LinkTarget::External { file, path }) => Ok(writeln!(self.out, " -> {file}::{path}")?),
            Visited::Link(LinkTarget::User { class, .. }) => {
                Ok(writeln!(self.out, "  user-defined link of class {class}")?)
            }
            Visited::Link(LinkTarget::Hard(address)) => Ok(writeln!(self.out, " -> {address:#x}")?),
        }
    }

    /// Ends the line of an object; how it is stored stands below it, or with full paths behind it.
    fn details(&mut self, object: &Object, lead: &str, creation_order: Option<i64>) -> Result<()> {
        let details = if self.options.verbose { describe::details(object, creation_order) } else { Vec::new() };
        let (before, after) = if self.options.recursive { ("; ", "") } else { (lead, "\n") };
        write!(self.out, "{after}")?;
        for detail in details {
            let text = detail.unwrap_or_else(|e| {
                self.damaged = true;
                format!("!! {}", describe::error_text(&e))
            });
            write!(self.out, "{before}{text}{after}")?;
        }
        if self.options.recursive {
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn attributes(&mut self, object: &Object, lead: &str) -> Result<()> {
        if !self.options.attributes {
            return Ok(());
        }
        let found = match object.attributes() {
            Ok(found) => found,
            Err(e) => vec![Err(e)],
        };
        for attribute in found {
            match attribute {
                Ok(a) => writeln!(self.out, "{lead}@{} = {}", a.name(), describe::attribute_text(&a, &self.paths))?,
                Err(e) => {
                    self.damaged = true;
                    writeln!(self.out, "{lead}@ {}", describe::error_text(&e))?;
                }
            }
        }
        Ok(())
    }

    fn json(&mut self, path: &Name, what: &Visited, creation_order: Option<i64>) -> Result<()> {
        let paths = self.options.attributes.then_some(&self.paths);
        let mut record = json_record(path, what, self.detail(), paths);
        if let (Some(record), Some(order)) = (record.as_object_mut(), creation_order) {
            record.insert("creation_order".into(), order.into());
        }
        self.damaged |= describe::has_error(&record);
        Ok(writeln!(self.out, "{record}")?)
    }

    fn broken(&mut self, e: &Error, open: &mut [bool]) -> Result<()> {
        self.damaged = true;
        let text = describe::error_text(e);
        if self.options.json {
            let record = serde_json::json!({"path": e.object(), "kind": "error", "error": text});
            return Ok(writeln!(self.out, "{record}")?);
        }
        let lead: String = open.iter().map(|&more| if more { "│   " } else { "    " }).collect();
        let lead = if self.options.recursive { "" } else { &lead };
        Ok(writeln!(self.out, "{lead}!! {text}")?)
    }
}

fn last_name(path: &Name) -> Name {
    Name::from_bytes(path.as_bytes().rsplit(|&b| b == b'/').next().unwrap_or_default())
}
