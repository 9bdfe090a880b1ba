//! What a merge will do: decided, and every conflict found, before a byte is written.

use super::attributes::Attributes;
use super::classes::{self, Classes};
use super::contents;
use super::inputs::Shelf;
use super::rows::Rows;
use super::storage::Storage;
use super::survey::{Facts, Input, Survey, What};
use super::wishes::{Missing, Static, Wishes};
use crate::commands::ls::shape_text;
use crate::commands::{Progress, output};
use crate::datatype::{Datatype, Name};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A checked merge.
pub(super) struct Plan {
    pub(super) inputs: Vec<Input>,
    pub(super) attributes: Attributes,
    /// Rows of each file.
    pub(super) counts: Vec<u64>,
    pub(super) joined: Vec<Joined>,
    pub(super) kept: BTreeMap<Name, Kept>,
    /// Datasets that are left out.
    pub(super) dropped: BTreeSet<Name>,
    /// All paths, in the order in which they are made.
    pub(super) order: Vec<Name>,
    pub(super) warnings: Vec<String>,
    /// Rows that are there already.
    pub(super) left_out: u64,
}

/// A dataset whose rows of all files are put one behind the other.
pub(super) struct Joined {
    pub(super) path: Name,
    /// The dimension along which.
    pub(super) axis: usize,
    /// Whether its rows are the file's.
    pub(super) main: bool,
    pub(super) shape: Vec<u64>,
    pub(super) datatype: Datatype,
    /// For each file how many rows it has; they are filled where it has no such dataset.
    pub(super) counts: Vec<u64>,
    pub(super) classes: Option<Classes>,
    /// Where the class names are, if they are no attribute.
    pub(super) list: Option<Name>,
    pub(super) storage: Storage,
}

impl Joined {
    pub(super) fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Bytes of all its elements.
    pub(super) fn bytes(&self) -> u64 {
        self.shape.iter().fold(self.datatype.size(), |n, &d| n.saturating_mul(d))
    }

    /// Whether its elements can be the numbers of classes: one integer a row.
    pub(super) fn has_labels(&self) -> bool {
        let inner = self.shape.iter().enumerate().filter(|(d, _)| *d != self.axis).all(|(_, n)| *n == 1);
        matches!(self.datatype, Datatype::Integer { .. }) && inner
    }

    /// The classes, if those of a file get other numbers.
    pub(super) fn renumbers(&self, input: usize) -> Option<&Classes> {
        self.classes.as_ref().filter(|c| !c.keeps(input))
    }
}

/// A dataset that is kept as it is.
pub(super) enum Kept {
    /// That of one file.
    Of(usize),
    /// Those of several files, each under the file's name.
    Each(Vec<usize>),
    /// A list of class names, which is written anew: the names are with the labels at this path.
    List(Name),
}

impl Plan {
    /// Checks that the inputs fit together. The error lists all conflicts.
    pub(super) fn new(survey: Survey, wishes: &Wishes<'_>, progress: &dyn Progress) -> Result<Plan> {
        let Survey { inputs, attributes, mut conflicts } = survey;
        let rows = if inputs.is_empty() { None } else { Some(Rows::find(&inputs, &wishes.axis)?) };
        let Some(rows) = rows else {
            return Err(refusal(&conflicts));
        };
        let mut planner = Planner {
            inputs: &inputs,
            rows: &rows,
            wishes,
            conflicts: Vec::new(),
            warnings: Vec::new(),
            unlike: BTreeSet::new(),
        };
        let mut decided = planner.decide();
        planner.unite_classes(&mut decided, progress)?;
        planner.compare(&mut decided, progress)?;
        planner.check_labels(&decided, progress)?;
        let Planner { conflicts: found, mut warnings, .. } = planner;
        conflicts.extend(found);
        if !conflicts.is_empty() {
            return Err(refusal(&conflicts));
        }
        warnings.extend(attributes.warnings());
        let Decided { mut joined, kept, dropped } = decided;
        for one in &mut joined {
            one.storage = Storage::plan(&inputs, one, wishes);
        }
        let order = order(&inputs);
        Ok(Plan { counts: rows.counts, attributes, joined, kept, dropped, order, warnings, inputs, left_out: 0 })
    }

    /// The number of rows of the merged file.
    pub(super) fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Where what is at `path` of a file is in the merged one; `None` if it is not there.
    pub(super) fn place(&self, input: usize, path: &Name) -> Option<Name> {
        if self.dropped.contains(path) {
            return None;
        }
        match self.kept.get(path) {
            Some(Kept::Each(of)) if of.contains(&input) => Some(below(path, &self.inputs.get(input)?.short)),
            Some(Kept::Each(_)) => None,
            _ => Some(path.clone()),
        }
    }
}

/// The path of `name` in the group that is at `path`.
pub(super) fn below(path: &Name, name: &str) -> Name {
    let mut bytes = path.as_bytes().to_vec();
    if bytes != b"/" {
        bytes.push(b'/');
    }
    bytes.extend_from_slice(name.as_bytes());
    Name::from_bytes(&bytes)
}

fn refusal(conflicts: &[String]) -> Error {
    let message = format!("nothing was merged, the files do not fit together:\n  {}", conflicts.join("\n  "));
    Error::new(ErrorKind::Conflict, message)
}

/// For each link on the way to an object when it was made, and its path.
type Way<'a> = Vec<(i64, &'a [u8])>;

/// All paths: those of the first file as they were made, then what others have besides.
fn order(inputs: &[Input]) -> Vec<Name> {
    let mut order = Vec::new();
    let mut known = BTreeSet::new();
    for input in inputs {
        let mut paths: Vec<(Way<'_>, &Name)> = Vec::new();
        for path in input.items.keys() {
            // A path sorts behind its parents, and by when each link on the way was made.
            let bytes = path.as_bytes();
            let ends =
                bytes.iter().enumerate().filter(|(i, b)| **b == b'/' && *i > 0).map(|(i, _)| i).chain([bytes.len()]);
            let link = |end: usize| {
                let part = bytes.get(..end).unwrap_or_default();
                let made = input.items.get(&Name::from_bytes(part)).and_then(|item| item.order);
                (made.unwrap_or(i64::MAX), part)
            };
            let key = if bytes == b"/" { Vec::new() } else { ends.map(link).collect() };
            paths.push((key, path));
        }
        paths.sort();
        for (_, path) in paths {
            if known.insert(path.clone()) {
                order.push(path.clone());
            }
        }
    }
    order
}

struct Planner<'a> {
    inputs: &'a [Input],
    rows: &'a Rows,
    wishes: &'a Wishes<'a>,
    conflicts: Vec<String>,
    warnings: Vec<String>,
    /// Datasets that are known not to hold the same.
    unlike: BTreeSet<Name>,
}

#[derive(Default)]
struct Decided {
    joined: Vec<Joined>,
    kept: BTreeMap<Name, Kept>,
    dropped: BTreeSet<Name>,
}

impl<'a> Planner<'a> {
    fn decide(&mut self) -> Decided {
        let mut decided = Decided::default();
        let paths: BTreeSet<&'a Name> = self.inputs.iter().flat_map(|i| i.items.keys()).collect();
        for path in paths {
            if self.check_kinds(path) && self.inputs.iter().any(|i| i.dataset(path).is_some()) {
                self.dataset(path, &mut decided);
            }
        }
        decided
    }

    /// Whether a path leads to the same kind of thing in all files that have it.
    fn check_kinds(&mut self, path: &Name) -> bool {
        let mut found = self.inputs.iter().filter_map(|i| Some((i, i.items.get(path)?)));
        let Some((first, here)) = found.next() else {
            return true;
        };
        let before = self.conflicts.len();
        if let What::Unsupported(what) = here.what {
            self.conflicts.push(format!("{}::{path} is {what}, which cannot be merged", first.name));
        }
        for (input, item) in found {
            let (a, b) = (described(&here.what), described(&item.what));
            let same = match (&here.what, &item.what) {
                (What::Datatype(a), What::Datatype(b)) => a == b,
                (What::Dataset(_), What::Dataset(_)) | (What::Group { .. }, What::Group { .. }) => true,
                (What::Unsupported(_), _) | (_, What::Unsupported(_)) => false,
                _ => a == b,
            };
            if !same {
                let (there, here) = (&input.name, &first.name);
                self.conflicts.push(format!("{there}::{path} is {b}, in {here} it is {a}"));
            }
        }
        self.conflicts.len() == before
    }

    fn dataset(&mut self, path: &'a Name, decided: &mut Decided) {
        let before = self.conflicts.len();
        let axis = self.axis(path);
        let found: Vec<(usize, &Facts)> =
            self.inputs.iter().enumerate().filter_map(|(i, input)| Some((i, input.dataset(path)?))).collect();
        let lacking = found.len() < self.inputs.len();
        if lacking && axis.is_some() && self.wishes.missing == Missing::Drop {
            self.warnings.push(format!("{path} is left out: {}", self.lacking(path)));
            decided.dropped.insert(path.clone());
            return;
        }
        if lacking && axis.is_some() && self.wishes.missing == Missing::Error {
            for input in self.inputs.iter().filter(|i| i.dataset(path).is_none()) {
                let has = self.inputs.iter().find(|i| i.dataset(path).is_some()).map_or("", |i| &i.name);
                self.conflicts.push(format!("{}::{path} is missing, {has} has it (--missing drop|fill)", input.name));
            }
        }
        match axis {
            Some((axis, main)) => {
                if let Some(joined) = self.join(path, axis, main, &found) {
                    decided.joined.push(joined);
                }
            }
            None => {
                let kept = self.keep(path, &found);
                decided.kept.insert(path.clone(), kept);
            }
        }
        if self.conflicts.len() > before && self.wishes.missing == Missing::Drop && axis.is_some() {
            let reasons = self.conflicts.split_off(before).join("; ");
            self.warnings.push(format!("{path} is left out: {reasons}"));
            decided.joined.retain(|j| j.path != *path);
            decided.dropped.insert(path.clone());
        }
    }

    fn lacking(&self, path: &Name) -> String {
        let names: Vec<&str> =
            self.inputs.iter().filter(|i| i.dataset(path).is_none()).map(|i| i.name.as_str()).collect();
        match names[..] {
            [one] => format!("{one} has none"),
            [first, ..] => format!("{} files, {first} among them, have none", names.len()),
            [] => String::new(),
        }
    }

    /// The dimension along which a dataset is joined, and whether its rows are the file's.
    fn axis(&self, path: &Name) -> Option<(usize, bool)> {
        if self.wishes.keeps(path) {
            return None;
        }
        let by_rows = self.rows.axis_of(self.inputs, path).map(|axis| (axis, true));
        by_rows.or_else(|| self.wishes.joins(path).then_some((self.wishes.axis_number(), false)))
    }

    fn join(&mut self, path: &Name, axis: usize, main: bool, found: &[(usize, &Facts)]) -> Option<Joined> {
        let &(first, facts) = found.first()?;
        let here = &self.inputs.get(first)?.name;
        let before = self.conflicts.len();
        let mut shape = facts.shape.clone();
        let mut datatype = match facts.form.datatype.with_references_in_new_file() {
            Ok(datatype) => datatype,
            Err(e) => {
                self.conflicts.push(format!("{here}::{path}: {}", e.message()));
                return None;
            }
        };
        for &(i, other) in found {
            let there = &self.inputs.get(i)?.name;
            let mut differs = |what: &str, a: String, b: String| {
                self.conflicts.push(format!("{there}::{path}: {what} {b}, in {here} it is {a}"));
            };
            let (a, b) = (shape_text(Some(&facts.shape)), shape_text(Some(&other.shape)));
            let inner =
                |s: &[u64]| s.iter().enumerate().filter(|(d, _)| *d != axis).map(|(_, n)| *n).collect::<Vec<_>>();
            if other.shape.len() != shape.len() || axis >= shape.len() {
                differs("shape", a, b);
            } else if inner(&other.shape) != inner(&facts.shape) {
                match self.wishes.missing {
                    // Rows that get another order are put together whole.
                    Missing::Fill if !self.wishes.reorders => {
                        shape.iter_mut().zip(&other.shape).for_each(|(n, m)| *n = *m.max(n))
                    }
                    _ => differs("shape", a, b),
                }
            }
            let theirs = other.form.datatype.with_references_in_new_file().ok();
            match theirs.and_then(|theirs| datatype.widened(&theirs)) {
                Some(wide) => datatype = wide,
                None => {
                    differs("type", facts.form.datatype.to_string(), other.form.datatype.to_string());
                }
            }
        }
        if self.conflicts.len() > before {
            return None;
        }
        let counts: Vec<u64> = (self.inputs.iter().zip(&self.rows.counts))
            .map(|(input, rows)| match input.dataset(path) {
                Some(facts) => facts.shape.get(axis).copied().unwrap_or(0),
                None if main => *rows,
                None => 0,
            })
            .collect();
        *shape.get_mut(axis)? = counts.iter().sum();
        let path = path.clone();
        let storage = Storage::default();
        Some(Joined { path, axis, main, shape, datatype, counts, classes: None, list: None, storage })
    }

    /// What is kept of datasets that are not joined; whether they hold the same is found out later.
    fn keep(&mut self, path: &Name, found: &[(usize, &Facts)]) -> Kept {
        let all: Vec<usize> = found.iter().map(|(i, _)| *i).collect();
        let (first, last) = (all.first().copied().unwrap_or(0), all.last().copied().unwrap_or(0));
        match self.wishes.statics {
            Some(Static::First) => Kept::Of(first),
            Some(Static::Last) => Kept::Of(last),
            Some(Static::PerSource) => Kept::Each(all),
            None => {
                // A list of classes may differ: it is united.
                if !classes::is_list(path) {
                    self.check_alike(path, found);
                }
                Kept::Of(first)
            }
        }
    }

    fn check_alike(&mut self, path: &Name, found: &[(usize, &Facts)]) {
        let Some((&(first, facts), rest)) = found.split_first() else {
            return;
        };
        let name = |i: usize| self.inputs.get(i).map_or("", |i| i.name.as_str());
        let mut lines = Vec::new();
        for &(i, other) in rest {
            if (&other.shape, other.form.null) != (&facts.shape, facts.form.null) {
                let (a, b) = (shape_text(Some(&facts.shape)), shape_text(Some(&other.shape)));
                lines.push(format!(
                    "{}::{path}: shape {b}, in {} it is {a}; it is not joined (--concat {path} joins it, --static keeps one or all)",
                    name(i), name(first)
                ));
            } else if other.form.datatype.widened(&facts.form.datatype).is_none() {
                let (a, b) = (&facts.form.datatype, &other.form.datatype);
                lines.push(format!("{}::{path}: type {b}, in {} it is {a}", name(i), name(first)));
            }
        }
        if !lines.is_empty() {
            self.unlike.insert(path.clone());
        }
        self.conflicts.extend(lines);
    }

    /// Unites class names: those that labels have as an attribute, and lists of their own.
    fn unite_classes(&mut self, decided: &mut Decided, progress: &dyn Progress) -> Result<()> {
        for joined in &mut decided.joined {
            let names: Vec<_> =
                self.inputs.iter().map(|i| i.dataset(&joined.path).and_then(|f| f.classes.clone())).collect();
            if joined.has_labels()
                || names.iter().flatten().all(|n| names.first().is_some_and(|f| f.as_ref() == Some(n)))
            {
                joined.classes = Classes::unite(&joined.path, self.inputs, &names, &mut self.conflicts);
            } else {
                let path = &joined.path;
                self.conflicts
                    .push(format!("{path} has other class names in other files, and is no dataset of labels"));
            }
        }
        let lists: Vec<Name> = decided.kept.keys().filter(|p| classes::is_list(p)).cloned().collect();
        for list in lists {
            if self.wishes.statics.is_some() {
                continue;
            }
            let labels = decided
                .joined
                .iter_mut()
                .find(|j| j.classes.is_none() && j.has_labels() && classes::are_labels_of(&j.path, &list));
            let found: Vec<(usize, &Facts)> =
                self.inputs.iter().enumerate().filter_map(|(i, input)| Some((i, input.dataset(&list)?))).collect();
            let texts = found.iter().all(|(_, f)| f.form.datatype.is_string() && f.shape.len() == 1);
            let Some(labels) = labels.filter(|_| texts) else {
                self.check_alike(&list, &found);
                continue;
            };
            let mut names = vec![None; self.inputs.len()];
            let mut shelf = Shelf::new(self.inputs, self.wishes.opening);
            for (i, _) in found {
                output::stop_if_asked(progress)?;
                let read = shelf.dataset(i, &list)?.read::<Vec<String>>()?;
                if let Some(place) = names.get_mut(i) {
                    *place = Some(Arc::new(read));
                }
            }
            labels.classes = Classes::unite(&labels.path, self.inputs, &names, &mut self.conflicts);
            labels.list = Some(list.clone());
            decided.kept.insert(list, Kept::List(labels.path.clone()));
        }
        for joined in &mut decided.joined {
            let Some(classes) = &joined.classes else { continue };
            match classes::wide_enough(&joined.datatype, classes.names.len()) {
                Some(wide) => joined.datatype = wide,
                None => {
                    let (path, datatype) = (&joined.path, &joined.datatype);
                    let renumbers = (0..self.inputs.len()).any(|i| !classes.keeps(i));
                    if renumbers {
                        self.conflicts.push(format!("{path}: labels of type {datatype} cannot be renumbered"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads what is to be the same in all files.
    fn compare(&mut self, decided: &mut Decided, progress: &dyn Progress) -> Result<()> {
        let per_source = self.wishes.statics == Some(Static::PerSource);
        if !(self.wishes.statics.is_none() || per_source) || self.inputs.len() < 2 {
            if per_source {
                decided.kept.values_mut().for_each(only_one);
            }
            return Ok(());
        }
        let mut known: BTreeMap<Name, [u8; 32]> = BTreeMap::new();
        let mut differing = self.unlike.clone();
        progress.start("comparing", Some(self.inputs.len() as u64));
        for (i, input) in self.inputs.iter().enumerate() {
            let mut shelf = Shelf::new(self.inputs, self.wishes.opening);
            for (path, kept) in &decided.kept {
                if input.dataset(path).is_none() || matches!(kept, Kept::List(_)) || differing.contains(path) {
                    continue;
                }
                output::stop_if_asked(progress)?;
                let (digest, shown) = match contents::digest(&mut shelf, i, path) {
                    Ok(found) => found,
                    Err(e) => {
                        self.conflicts.push(format!("{}::{path} cannot be read: {}", input.name, e.message()));
                        continue;
                    }
                };
                let first = known.entry(path.clone()).or_insert(digest);
                if *first == digest {
                    continue;
                }
                differing.insert(path.clone());
                if !per_source {
                    let of = self.inputs.iter().position(|f| f.dataset(path).is_some()).unwrap_or(0);
                    let there = contents::digest(&mut shelf, of, path).map(|(_, shown)| shown).unwrap_or_default();
                    let name = self.inputs.get(of).map_or("", |i| &i.name);
                    self.conflicts.push(format!(
                        "{}::{path} holds {shown}, in {name} {there}; it is not joined (--static keeps one or all)",
                        input.name
                    ));
                }
            }
            progress.advance(1);
        }
        progress.finish();
        if per_source {
            for (path, kept) in &mut decided.kept {
                if !differing.contains(path) {
                    only_one(kept);
                }
            }
        }
        Ok(())
    }

    /// Looks at all labels that get other numbers: each must have a name.
    fn check_labels(&mut self, decided: &Decided, progress: &dyn Progress) -> Result<()> {
        for joined in &decided.joined {
            for (i, input) in self.inputs.iter().enumerate() {
                let Some(classes) = joined.renumbers(i).filter(|_| input.dataset(&joined.path).is_some()) else {
                    continue;
                };
                output::stop_if_asked(progress)?;
                let mut shelf = Shelf::new(self.inputs, self.wishes.opening);
                let checked = contents::each_label(&mut shelf, i, &joined.path, &mut |label| {
                    classes.renumber(i, label).map(drop)
                });
                if let Err(e) = checked {
                    self.conflicts.push(format!("{}::{}: {}", input.name, joined.path, e.message()));
                }
            }
        }
        Ok(())
    }
}

fn only_one(kept: &mut Kept) {
    if let Kept::Each(of) = kept {
        *kept = Kept::Of(of.first().copied().unwrap_or(0));
    }
}

fn described(what: &What) -> String {
    match what {
        What::Group { .. } => "a group".into(),
        What::Dataset(_) => "a dataset".into(),
        What::Datatype(datatype) => format!("a committed datatype {datatype}"),
        What::Soft(to) => format!("a soft link to {to}"),
        What::External { file, path } => format!("a link to {path} in {file}"),
        What::Same(first) => format!("another name of {first}"),
        What::Unsupported(what) => (*what).into(),
    }
}
