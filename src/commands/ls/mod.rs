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
    fn run(&self, out: &mut (dyn Write + Send), progress: &dyn Progress) -> Result<Outcome> {
        let mut outcome = Outcome::Fine;
        for (i, path) in self.files.iter().enumerate() {
            if i > 0 && !self.json {
                writeln!(out)?;
            }
            let (path, inside) = split_path(path);
            let file = self.opening.open(&path)?;
            let top = file.object(inside.as_deref().unwrap_or("/"))?;
            if self.list(&path, &top, out, progress)? == Outcome::Finding {
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
pub(crate) fn tree(file: &File, name: &Path, out: &mut (dyn Write + Send)) -> Result<()> {
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
    options.list(name, &file.object("/")?, out, &super::Silent).map(drop)
}

impl Ls {
    /// Lists what is in `top`; tells whether some of it is damaged.
    fn list(
        &self,
        file: &Path,
        top: &Object,
        out: &mut (dyn Write + Send),
        progress: &dyn Progress,
    ) -> Result<Outcome> {
        let look = Look { options: self, top: top_name(file, top), paths: FirstPaths::new(top.file()) };
        let mut listing = Listing { options: self, out, open: Vec::new(), outcome: Outcome::Fine };
        let mut show = |step: Result<Shown>| {
            if progress.stopped() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped"));
            }
            listing.show(step.unwrap_or_else(|e| look.error(&e)))
        };
        match (top, self.depth) {
            (Object::Group(group), None) => group.par_walk(|visit| look.at(&visit), show)?,
            (Object::Group(group), Some(most)) => {
                let mut walk = group.walk();
                while let Some(step) = walk.next() {
                    if step.as_ref().is_ok_and(|visit| visit.depth() >= most) {
                        walk.skip_group();
                    }
                    show(step.map(|visit| look.at(&visit)))?;
                }
            }
            (other, _) => show(Ok(look.alone(other)))?,
        }
        Ok(listing.outcome)
    }
}

/// What a group that is listed is called.
fn top_name(file: &Path, top: &Object) -> String {
    let file = Name::from(&*file.to_string_lossy());
    if top.path() == "/" { file.to_string() } else { format!("{file}::{}", Name::from(top.path())) }
}

/// A step of the walk, as it is shown.
struct Shown {
    place: Place,
    /// The first line.
    text: String,
    below: Vec<String>,
    damaged: bool,
}

/// Where a step stands in the tree.
enum Place {
    Tree {
        depth: usize,
        last: bool,
    },
    /// No group was to be listed.
    Alone,
    /// Somewhere in the group that comes last.
    Damaged,
}

/// Looks at objects, many at once.
struct Look<'a> {
    options: &'a Ls,
    top: String,
    /// What references lead to.
    paths: FirstPaths<'a>,
}

impl Look<'_> {
    fn at(&self, visit: &Visit) -> Shown {
        let place = Place::Tree { depth: visit.depth(), last: visit.is_last() };
        if self.options.json {
            return self.json(visit.path(), visit.what(), visit.creation_order());
        }
        let name = match visit.depth() {
            _ if self.options.recursive => visit.path().to_string(),
            0 => self.top.clone(),
            _ => last_name(visit.path()).to_string(),
        };
        self.shown(place, &name, visit.what(), visit.creation_order())
    }

    fn alone(&self, object: &Object) -> Shown {
        let (path, what) = (Name::from(object.path()), Visited::Object(object.clone()));
        if self.options.json {
            return self.json(&path, &what, None);
        }
        self.shown(Place::Alone, &path.to_string(), &what, None)
    }

    fn shown(&self, place: Place, name: &str, what: &Visited, creation_order: Option<i64>) -> Shown {
        let text = format!("{name}{}", behind_name(what));
        let mut shown = Shown { place, text, below: Vec::new(), damaged: false };
        if let Visited::Object(object) = what {
            self.details(object, creation_order, &mut shown);
            self.attributes(object, &mut shown);
        }
        shown
    }

    /// How an object is stored: below it, or with full paths in the same line.
    fn details(&self, object: &Object, creation_order: Option<i64>, shown: &mut Shown) {
        let details = if self.options.verbose { describe::details(object, creation_order) } else { Vec::new() };
        for detail in details {
            shown.damaged |= detail.is_err();
            let text = detail.unwrap_or_else(|e| format!("!! {}", describe::error_text(&e)));
            match self.options.recursive {
                true => shown.text.extend(["; ", &text]),
                false => shown.below.push(text),
            }
        }
    }

    fn attributes(&self, object: &Object, shown: &mut Shown) {
        if !self.options.attributes {
            return;
        }
        for attribute in object.attributes().unwrap_or_else(|e| vec![Err(e)]) {
            shown.damaged |= attribute.is_err();
            shown.below.push(match attribute {
                Ok(a) => format!("@{} = {}", a.name(), describe::attribute_text(&a, &self.paths)),
                Err(e) => format!("@ {}", describe::error_text(&e)),
            });
        }
    }

    fn json(&self, path: &Name, what: &Visited, creation_order: Option<i64>) -> Shown {
        let detail = if self.options.verbose { Detail::Storage } else { Detail::Short };
        let paths = self.options.attributes.then_some(&self.paths);
        let mut record = json_record(path, what, detail, paths);
        if let (Some(record), Some(order)) = (record.as_object_mut(), creation_order) {
            record.insert("creation_order".into(), order.into());
        }
        let damaged = describe::has_error(&record);
        Shown { place: Place::Alone, text: record.to_string(), below: Vec::new(), damaged }
    }

    /// A branch that is damaged.
    fn error(&self, e: &Error) -> Shown {
        let text = describe::error_text(e);
        let text = match self.options.json {
            true => serde_json::json!({"path": e.object(), "kind": "error", "error": text}).to_string(),
            false => format!("!! {text}"),
        };
        Shown { place: Place::Damaged, text, below: Vec::new(), damaged: true }
    }
}

/// What stands in the line of an object or link behind its name.
fn behind_name(what: &Visited) -> String {
    match what {
        Visited::Object(object) => match summary(object) {
            text if text.is_empty() => text,
            text => format!("  {text}"),
        },
        Visited::Again(first) => format!("  = {first}"),
        Visited::Link(LinkTarget::Soft(target)) => format!(" -> {target}"),
        Visited::Link(LinkTarget::External { file, path }) => format!(" -> {file}::{path}"),
        Visited::Link(LinkTarget::User { class, .. }) => format!("  user-defined link of class {class}"),
        Visited::Link(LinkTarget::Hard(address)) => format!(" -> {address:#x}"),
    }
}

/// Writes what was looked at, in order.
struct Listing<'a> {
    options: &'a Ls,
    out: &'a mut (dyn Write + Send),
    /// For each depth on the way: whether the branch goes on below.
    open: Vec<bool>,
    outcome: Outcome,
}

impl Listing<'_> {
    fn show(&mut self, shown: Shown) -> Result<()> {
        if shown.damaged {
            self.outcome = Outcome::Finding;
        }
        let (lead, lead_below) = self.leads(&shown);
        writeln!(self.out, "{lead}{}", shown.text)?;
        for line in &shown.below {
            writeln!(self.out, "{lead_below}{line}")?;
        }
        Ok(())
    }

    /// What stands before the first line, and before those below it.
    fn leads(&mut self, shown: &Shown) -> (String, String) {
        let lead = |open: &[bool]| open.iter().map(|&more| if more { "│   " } else { "    " }).collect::<String>();
        match shown.place {
            _ if self.options.json || self.options.recursive => (String::new(), "    ".into()),
            Place::Alone => (String::new(), "    ".into()),
            Place::Damaged => (lead(&self.open), String::new()),
            Place::Tree { depth: 0, .. } => (String::new(), "  ".into()),
            Place::Tree { depth, last } => {
                self.open.truncate(depth - 1);
                let before = lead(&self.open);
                self.open.push(!last);
                let (branch, below) = if last { ("└── ", "      ") } else { ("├── ", "│     ") };
                (format!("{before}{branch}"), format!("{before}{below}"))
            }
        }
    }
}

fn last_name(path: &Name) -> Name {
    Name::from_bytes(path.as_bytes().rsplit(|&b| b == b'/').next().unwrap_or_default())
}
