//! What the files of a set are called in it, and which class each belongs to.

use super::options::ClassOrder;
use super::pipeline::Files;
use super::scan::{Entry, Listing};
use super::table::{Label, Table};
use crate::commands::output::printable;
use crate::error::{Error, ErrorKind, Result};
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

/// The files of a set, named and numbered as they are stored.
pub(super) struct Set<'a> {
    listing: &'a Listing,
    /// The level of the folders that are classes: 1 is the top, 2 below folders of parts (train, test).
    level: u8,
    labelling: Labelling,
    /// Names of the classes, in the order of their labels; none if labels are plain numbers.
    pub(super) classes: Vec<String>,
    /// The class of images that lie in no such folder.
    own_class: String,
    /// How many of these there are beside folders that are classes.
    pub(super) loose: u64,
}

enum Labelling {
    None,
    /// The label of each folder.
    Folders(HashMap<u32, i64>),
    /// The label of each file.
    Files(HashMap<String, i64>),
}

impl<'a> Set<'a> {
    /// A set without labels.
    pub(super) fn unlabelled(listing: &'a Listing, level: u8) -> Set<'a> {
        let own_class = listing.folder_name(0);
        Set { listing, level, labelling: Labelling::None, classes: Vec::new(), own_class, loose: 0 }
    }

    /// The classes are folders: those of `counts`, with the numbers of images in them.
    ///
    /// # Errors
    /// If the order of classes cannot be read or does not have all.
    pub(super) fn of_folders(
        listing: &'a Listing,
        level: u8,
        counts: &HashMap<u32, u64>,
        order: &ClassOrder,
    ) -> Result<Set<'a>> {
        let classes = arrange(counts.keys().map(|&folder| listing.folder_name(folder)).collect(), order)?;
        let numbers: HashMap<&String, i64> = classes.iter().zip(0..).collect();
        let label = |&folder: &u32| Some((folder, *numbers.get(&listing.folder_name(folder))?));
        let label_of = counts.keys().filter_map(label).collect();
        let loose = if counts.len() > 1 { counts.get(&0).copied().unwrap_or(0) } else { 0 };
        Ok(Set { labelling: Labelling::Folders(label_of), classes, loose, ..Set::unlabelled(listing, level) })
    }

    /// The labels are those of a table.
    ///
    /// # Errors
    /// As of [`of_folders`](Set::of_folders).
    pub(super) fn of_table(listing: &'a Listing, level: u8, table: &Table, order: &ClassOrder) -> Result<Set<'a>> {
        let classes = arrange(table.names(), order)?;
        let numbers: HashMap<&String, i64> = classes.iter().zip(0..).collect();
        let label = |(file, label): (&String, &Label)| match label {
            Label::Number(number) => Some((file.clone(), *number)),
            Label::Name(name) => Some((file.clone(), *numbers.get(name)?)),
        };
        let labels = table.labels.iter().filter_map(label).collect();
        Ok(Set { labelling: Labelling::Files(labels), classes, ..Set::unlabelled(listing, level) })
    }

    /// Gives the classes other numbers: those that `known` has keep theirs, the others follow.
    pub(super) fn renumber(&mut self, known: &[String]) {
        let mut all = known.to_vec();
        all.extend(self.classes.iter().filter(|class| !known.contains(class)).cloned());
        let number: HashMap<&String, i64> = all.iter().zip(0..).collect();
        let new: Vec<i64> = self.classes.iter().map(|class| number.get(class).copied().unwrap_or(0)).collect();
        let change = |label: &mut i64| {
            if let Some(&changed) = usize::try_from(*label).ok().and_then(|old| new.get(old)) {
                *label = changed;
            }
        };
        match &mut self.labelling {
            Labelling::Folders(labels) => labels.values_mut().for_each(change),
            Labelling::Files(labels) if !self.classes.is_empty() => labels.values_mut().for_each(change),
            _ => {}
        }
        self.classes = all;
    }

    pub(super) fn labelled(&self) -> bool {
        !matches!(self.labelling, Labelling::None)
    }

    /// The label of a file; nothing if it has none although files of this set have labels.
    pub(super) fn label(&self, entry: &Entry) -> Option<i64> {
        match &self.labelling {
            Labelling::None => Some(0),
            Labelling::Folders(labels) => labels.get(&self.listing.ancestor(entry, self.level)).copied(),
            Labelling::Files(labels) => {
                labels.get(&self.listing.relative(entry)).or_else(|| labels.get(&self.name(entry))).copied()
            }
        }
    }

    /// The class of images that lie directly in the folder, if there are any and no other folder is called so: their
    /// names have it before them, and on the way back it is no folder.
    pub(super) fn own_folder(&self) -> Option<&str> {
        let Labelling::Folders(labels) = &self.labelling else {
            return None;
        };
        let own = labels.get(&0)?;
        (labels.values().filter(|label| *label == own).count() == 1).then_some(self.own_class.as_str())
    }

    /// What a file is called in the set.
    fn name(&self, entry: &Entry) -> String {
        let mut name = self.listing.relative(entry);
        if self.level == 2 {
            // The folder of the part is not in the names: they are the same whichever way a set was cut.
            name = name.split_once('/').map(|(_, rest)| rest.to_owned()).unwrap_or(name);
        }
        let in_no_class = self.listing.ancestor(entry, self.level) == 0;
        if in_no_class && matches!(self.labelling, Labelling::Folders(_)) {
            // As it would be called if the folder were one class of several.
            name = format!("{}/{name}", self.own_class);
        }
        name
    }
}

impl Files for Set<'_> {
    fn path(&self, entry: &Entry) -> PathBuf {
        self.listing.path(entry)
    }

    fn relative(&self, entry: &Entry) -> String {
        self.listing.relative(entry)
    }

    fn name_and_label(&self, entry: &Entry, frame: u32) -> (String, i64) {
        let mut name = self.name(entry);
        if entry.frames > 1 {
            name = format!("{name}#{frame}");
        }
        (name, self.label(entry).unwrap_or(0))
    }
}

/// Puts classes in order.
fn arrange(names: BTreeSet<String>, order: &ClassOrder) -> Result<Vec<String>> {
    match order {
        ClassOrder::Bytes => Ok(names.into_iter().collect()),
        ClassOrder::Natural => {
            let mut names: Vec<String> = names.into_iter().collect();
            names.sort_by(|a, b| natural(a, b).then_with(|| a.cmp(b)));
            Ok(names)
        }
        ClassOrder::File(path) => {
            let shown = printable(path);
            let text = std::fs::read_to_string(path).map_err(|e| Error::from(e).on(shown.clone()))?;
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            let listed: Vec<String> = text.lines().map(|l| l.trim_end().to_owned()).filter(|l| !l.is_empty()).collect();
            let known: BTreeSet<&String> = listed.iter().collect();
            if known.len() != listed.len() {
                return Err(Error::new(ErrorKind::Conflict, "a class is named twice").on(shown));
            }
            let missing: Vec<&str> = names.iter().filter(|n| !known.contains(n)).map(String::as_str).collect();
            if let [_, ..] = missing[..] {
                let few = missing.iter().take(5).copied().collect::<Vec<_>>().join(", ");
                let more = if missing.len() > 5 { format!(" and {} more", missing.len() - 5) } else { String::new() };
                let message = format!("these classes are not named in it: {}{more}", super::report::printable(&few));
                return Err(Error::new(ErrorKind::NotFound, message).on(shown));
            }
            Ok(listed)
        }
    }
}

/// Compares names as people count: `class2` before `class10`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        let (m, n) = (digits(a), digits(b));
        if m > 0 && n > 0 {
            let (x, rest_a) = a.split_at(m);
            let (y, rest_b) = b.split_at(n);
            let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
            match x.len().cmp(&y.len()).then_with(|| x.cmp(y)) {
                Ordering::Equal => (a, b) = (rest_a, rest_b),
                other => return other,
            }
            continue;
        }
        match (a.chars().next(), b.chars().next()) {
            (Some(x), Some(y)) if x == y => (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]),
            (x, y) => return x.cmp(&y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(names: &[&str], order: &ClassOrder) -> Result<Vec<String>> {
        arrange(names.iter().map(|n| (*n).to_owned()).collect(), order)
    }

    #[test]
    fn numbers_are_compared_as_numbers_where_that_is_asked_for() {
        let names = ["c10", "c2", "c", "c02", "d1", "c2b"];
        assert_eq!(arranged(&names, &ClassOrder::Natural).unwrap(), ["c", "c02", "c2", "c2b", "c10", "d1"]);
        assert_eq!(arranged(&names, &ClassOrder::Bytes).unwrap(), ["c", "c02", "c10", "c2", "c2b", "d1"]);
    }

    #[test]
    fn a_file_says_the_order_and_must_know_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("order");
        std::fs::write(&path, "dog\r\n\ncat\nempty\n").unwrap();
        let order = ClassOrder::File(path.clone());
        assert_eq!(arranged(&["cat", "dog"], &order).unwrap(), ["dog", "cat", "empty"]);
        let error = arranged(&["cat", "bird"], &order).unwrap_err().to_string();
        assert!(error.contains("order") && error.contains("bird"), "{error}");
        std::fs::write(&path, "dog\ndog\n").unwrap();
        assert!(arranged(&["dog"], &order).unwrap_err().to_string().contains("twice"));
    }
}
