//! Class names: united over all files, and the labels that follow from it.

use super::inputs::Input;
use crate::error::{Error, ErrorKind, Result};
use std::collections::HashMap;

/// The attribute of a label dataset that names its classes.
pub(super) const CLASS_NAMES: &str = "class_names";

/// The united class names, and what each file's labels become.
pub(super) struct Classes {
    /// The dataset of labels.
    pub(super) path: String,
    pub(super) names: Vec<String>,
    /// The number of each name.
    numbers: HashMap<String, i64>,
    /// For each file: the new number of each of its classes.
    pub(super) renumbered: Vec<Vec<i64>>,
}

impl Classes {
    /// Unites the class names of the joined datasets `paths`; `None` where no file names classes.
    pub(super) fn unite<'a>(inputs: &[Input], paths: impl Iterator<Item = &'a str>) -> Result<Option<Classes>> {
        for path in paths {
            let mut of_file = Vec::new();
            for input in inputs {
                let attribute = input.datasets.get(path).map(|d| d.attribute(CLASS_NAMES)).transpose()?.flatten();
                of_file.push(attribute.map(|a| a.read::<Vec<String>>()).transpose()?);
            }
            if of_file.iter().all(Option::is_none) {
                continue;
            }
            if let Some(i) = of_file.iter().position(Option::is_none) {
                let message = format!(
                    "nothing was merged:\n  {}::{path} does not name its classes (attribute {CLASS_NAMES}), other files do",
                    inputs[i].name()
                );
                return Err(Error::new(ErrorKind::Conflict, message));
            }
            let mut classes =
                Classes { path: path.to_owned(), names: Vec::new(), numbers: HashMap::new(), renumbered: Vec::new() };
            of_file.into_iter().flatten().for_each(|names| classes.add(names));
            return Ok(Some(classes));
        }
        Ok(None)
    }

    fn add(&mut self, names: Vec<String>) {
        let number = |name: String| {
            let next = self.names.len() as i64;
            *self.numbers.entry(name).or_insert_with_key(|name| {
                self.names.push(name.clone());
                next
            })
        };
        let renumbered = names.into_iter().map(number).collect();
        self.renumbered.push(renumbered);
    }

    /// The label in the merged file of a label in file `input`.
    pub(super) fn renumber(&self, input: usize, label: i64) -> Result<i64> {
        let known = usize::try_from(label).ok().and_then(|l| self.renumbered[input].get(l));
        known.copied().ok_or_else(|| {
            let message = format!("the label {label} has no name in {CLASS_NAMES}");
            Error::new(ErrorKind::Mismatch, message).on(&*self.path)
        })
    }

    /// Whether the labels of file `input` stay as they are.
    pub(super) fn keeps(&self, input: usize) -> bool {
        self.renumbered[input].iter().enumerate().all(|(old, new)| old as i64 == *new)
    }

    /// The names in one line.
    pub(super) fn shown(&self) -> String {
        const MOST: usize = 12;
        let mut shown: Vec<&str> = self.names.iter().take(MOST).map(String::as_str).collect();
        let more = format!("… ({} in all)", self.names.len());
        if self.names.len() > MOST {
            shown.push(&more);
        }
        crate::datatype::Name::from(&*shown.join(", ")).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_united_and_labels_follow() {
        let mut classes =
            Classes { path: "/labels".into(), names: Vec::new(), numbers: HashMap::new(), renumbered: Vec::new() };
        classes.add(vec!["cat".into(), "dog".into()]);
        classes.add(vec!["bird".into(), "cat".into()]);
        assert_eq!(classes.names, ["cat", "dog", "bird"]);
        assert!(classes.keeps(0) && !classes.keeps(1));
        assert_eq!((classes.renumber(1, 0).unwrap(), classes.renumber(1, 1).unwrap()), (2, 0));
        assert!(classes.renumber(1, 2).is_err() && classes.renumber(1, -1).is_err());
    }
}
