//! The lines of `ls`: what was looked at, many objects at once, and how it is written, in order.

use super::Ls;
use super::describe::{self, Behind, Detail, json_record};
use crate::commands::Outcome;
use crate::commands::first_paths::FirstPaths;
use crate::datatype::Name;
use crate::error::{Error, Result};
use crate::{Object, Visit, Visited};
use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::Write;
use std::path::Path;

/// Bytes of a usual line.
const LINE: usize = 64;

/// What a group that is listed is called.
pub(super) fn top_name(file: &Path, top: &Object) -> String {
    let file = Name::from(&*file.to_string_lossy());
    if top.path() == "/" { file.to_string() } else { format!("{file}::{}", Name::from(top.path())) }
}

/// A step of the walk, as it is shown.
pub(super) struct Shown {
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
pub(super) struct Look<'a> {
    pub(super) options: &'a Ls,
    pub(super) top: String,
    /// What references lead to.
    pub(super) paths: FirstPaths<'a>,
}

impl Look<'_> {
    pub(super) fn at(&self, visit: &Visit) -> Shown {
        let place = Place::Tree { depth: visit.depth(), last: visit.is_last() };
        if self.options.json {
            return self.json(visit.path(), visit.what(), visit.creation_order());
        }
        let name: &dyn Display = match visit.depth() {
            _ if self.options.recursive => visit.path(),
            0 => &self.top,
            _ => &last_name(visit.path()),
        };
        self.shown(place, name, visit.what(), visit.creation_order())
    }

    pub(super) fn alone(&self, object: &Object) -> Shown {
        let (path, what) = (Name::from(object.path()), Visited::Object(object.clone()));
        if self.options.json {
            return self.json(&path, &what, None);
        }
        self.shown(Place::Alone, &path, &what, None)
    }

    fn shown(&self, place: Place, name: &dyn Display, what: &Visited, creation_order: Option<i64>) -> Shown {
        let mut text = String::with_capacity(LINE);
        // Writing to a text cannot fail.
        let _ = write!(text, "{name}{}", Behind(what));
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
    pub(super) fn error(&self, e: &Error) -> Shown {
        let text = describe::error_text(e);
        let text = match self.options.json {
            true => serde_json::json!({"path": e.object(), "kind": "error", "error": text}).to_string(),
            false => format!("!! {text}"),
        };
        Shown { place: Place::Damaged, text, below: Vec::new(), damaged: true }
    }
}

/// Writes what was looked at, in order.
pub(super) struct Listing<'a> {
    pub(super) options: &'a Ls,
    pub(super) out: &'a mut (dyn Write + Send),
    /// For each depth on the way: whether the branch goes on below.
    pub(super) open: Vec<bool>,
    pub(super) outcome: Outcome,
}

impl Listing<'_> {
    pub(super) fn show(&mut self, shown: Shown) -> Result<()> {
        if shown.damaged {
            self.outcome = Outcome::Finding;
        }
        let (lead, lead_below) = self.leads(&shown);
        self.line(&lead, &shown.text)?;
        shown.below.iter().try_for_each(|line| self.line(&lead_below, line))
    }

    fn line(&mut self, lead: &str, text: &str) -> Result<()> {
        [lead, text, "\n"].iter().try_for_each(|part| self.out.write_all(part.as_bytes()))?;
        Ok(())
    }

    /// What stands before the first line, and before those below it.
    fn leads(&mut self, shown: &Shown) -> (Cow<'static, str>, Cow<'static, str>) {
        let lead = |open: &[bool]| open.iter().map(|&more| if more { "│   " } else { "    " }).collect::<String>();
        match shown.place {
            _ if self.options.json || self.options.recursive => ("".into(), "    ".into()),
            Place::Alone => ("".into(), "    ".into()),
            Place::Damaged => (lead(&self.open).into(), "".into()),
            Place::Tree { depth: 0, .. } => ("".into(), "  ".into()),
            Place::Tree { depth, last } => {
                self.open.truncate(depth - 1);
                let before = lead(&self.open);
                self.open.push(!last);
                let (branch, below) = if last { ("└── ", "      ") } else { ("├── ", "│     ") };
                (format!("{before}{branch}").into(), format!("{before}{below}").into())
            }
        }
    }
}

fn last_name(path: &Name) -> Name {
    Name::from_bytes(path.as_bytes().rsplit(|&b| b == b'/').next().unwrap_or_default())
}
