//! Attributes of all files: equal ones are kept; of those that differ one is chosen, or they are conflicts.

use super::classes::CLASS_NAMES;
use crate::Object;
use crate::datatype::Name;
use crate::error::Result;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Which attribute is kept where files differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OnAttributes {
    /// That of the first file that has it, with a warning
    First,
    /// That of the last file
    Last,
    /// None: a difference is a conflict, and nothing is merged
    Error,
}

/// Attributes of the root that say where a file comes from, which no two files have in common.
const OWN: [&str; 7] = ["tool", "options", "source", "source_rows", "seed", "folder", "folder_rows"];

/// Attributes that say what numbers mean: the wrong one would make the values of other files wrong.
const MEANING: [&str; 7] =
    ["units", "calendar", "scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned"];

/// Attributes that name classes, wherever they are: with others labels would mean others.
const CLASSES: [&str; 3] = [CLASS_NAMES, "classes", "label_names"];

/// Begins the name of a netCDF dimension that has no variable.
pub(super) const NO_VARIABLE: &str = "This is a netCDF dimension but not a netCDF variable.";

/// Characters of a value that are shown.
const SHOWN: usize = 60;

/// The attributes of the merged file.
pub(super) struct Attributes {
    /// What the user asked for.
    policy: Option<OnAttributes>,
    /// By object and name.
    pub(super) kept: BTreeMap<Name, BTreeMap<Name, Kept>>,
}

/// An attribute that is kept.
pub(super) struct Kept {
    /// The file that it is taken from.
    pub(super) input: usize,
    /// In which order that file's object has it.
    pub(super) order: u32,
    file: String,
    digest: [u8; 32],
    shown: String,
    differing: Option<Differing>,
}

/// How others differ: the first of them, and their number.
struct Differing {
    file: String,
    shown: String,
    count: usize,
}

impl Attributes {
    pub(super) fn new(policy: Option<OnAttributes>) -> Attributes {
        Attributes { policy, kept: BTreeMap::new() }
    }

    /// Looks at the attributes of an object of a file.
    pub(super) fn look(
        &mut self,
        (input, file): (usize, &str),
        path: &Name,
        object: &Object,
        paths: &HashMap<u64, Name>,
        conflicts: &mut Vec<String>,
    ) -> Result<()> {
        let all = object.attributes_by_creation_order().or_else(|_| object.attributes())?;
        for (order, attribute) in (0u32..).zip(all) {
            let attribute = attribute?;
            let name = attribute.name().to_text();
            if (*path == *"/" && OWN.contains(&&*name)) || (*name == *CLASS_NAMES && is_dataset(object)) {
                continue;
            }
            let path_of = |address| paths.get(&address).map(ToString::to_string);
            let values = attribute.values(usize::MAX)?;
            let mut texts: Vec<String> = values.iter().map(|v| v.with_paths(&path_of).to_string()).collect();
            // Its length follows, which is that of this file.
            texts
                .iter_mut()
                .filter(|t| t.trim_start_matches('"').starts_with(NO_VARIABLE))
                .for_each(|t| t.truncate(NO_VARIABLE.len()));
            let digest = digest(attribute.shape(), &texts);
            let own = self.kept.entry(path.clone()).or_default();
            let Some(known) = own.get_mut(attribute.name()) else {
                let (file, shown) = (file.to_owned(), shown(&texts));
                let kept = Kept { input, order, file, digest, shown, differing: None };
                own.insert(attribute.name().clone(), kept);
                continue;
            };
            if known.digest == digest {
                continue;
            }
            let shown = shown(&texts);
            let means = (MEANING.contains(&&*name) && is_dataset(object)) || CLASSES.contains(&&*name);
            let means = means && self.policy.is_none();
            if means || self.policy == Some(OnAttributes::Error) {
                let hint = if means { " (--attrs first keeps the first)" } else { "" };
                conflicts
                    .push(format!("{file}::{path}@{name} is {shown}, in {} it is {}{hint}", known.file, known.shown));
                continue;
            }
            let differing = known.differing.get_or_insert_with(|| Differing { file: file.into(), shown, count: 0 });
            differing.count += 1;
            if self.policy == Some(OnAttributes::Last) {
                (known.input, known.order) = (input, order);
            }
        }
        Ok(())
    }

    /// A line for each attribute that differs.
    pub(super) fn warnings(&self) -> Vec<String> {
        let which = if self.policy == Some(OnAttributes::Last) { "last" } else { "first" };
        let mut lines = Vec::new();
        for (path, own) in &self.kept {
            for (name, kept) in own {
                let Some(Differing { file, shown, count }) = &kept.differing else {
                    continue;
                };
                let more = if *count > 1 { format!(" ({} more files differ)", count - 1) } else { String::new() };
                lines.push(format!(
                    "attribute {path}@{name} differs: {} in {}, {shown} in {file}{more}; the {which} is kept",
                    kept.shown, kept.file
                ));
            }
        }
        lines
    }

    /// The attributes of an object in the order in which they are set.
    pub(super) fn of(&self, path: &Name) -> Vec<(&Name, &Kept)> {
        let mut found: Vec<(&Name, &Kept)> = self.kept.get(path).into_iter().flatten().collect();
        found.sort_by_key(|(name, kept)| (kept.input, kept.order, *name));
        found
    }
}

fn is_dataset(object: &Object) -> bool {
    matches!(object, Object::Dataset(_))
}

fn digest(shape: Option<&[u64]>, texts: &[String]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(format!("{shape:?}"));
    for text in texts {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    hasher.finalize().into()
}

fn shown(texts: &[String]) -> String {
    let all = match texts {
        [one] => one.clone(),
        _ => format!("[{}]", texts.join(", ")),
    };
    match all.char_indices().nth(SHOWN) {
        None => all,
        Some((at, _)) => format!("{}…", all.get(..at).unwrap_or_default()),
    }
}
