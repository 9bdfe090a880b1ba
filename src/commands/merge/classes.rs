//! Class names: united over all files, and the labels that follow from it.

use super::survey::Input;
use crate::datatype::{ByteOrder, Datatype, Name};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The attribute of a label dataset that names its classes.
pub(super) const CLASS_NAMES: &str = "class_names";

/// What a dataset of class names is called, where they are no attribute.
const LISTS: [&str; 4] = ["class_names", "list_classes", "label_names", "class_list"];

/// What a dataset of labels is called, beside such a list.
const LABELS: [&str; 6] = ["labels", "label", "y", "targets", "target", "set_y"];

/// Whether a path is that of a list of class names.
pub(super) fn is_list(path: &Name) -> bool {
    let text = path.to_text().to_ascii_lowercase();
    let name = text.rsplit('/').next().unwrap_or_default().to_owned();
    LISTS.iter().any(|list| name == *list || name.ends_with(&format!("_{list}")))
}

/// Whether the labels at `path` are those of the list at `list`: in the same group, by the usual names.
pub(super) fn are_labels_of(path: &Name, list: &Name) -> bool {
    let (path, list) = (path.to_text().to_ascii_lowercase(), list.to_text().to_ascii_lowercase());
    let split = |p: &str| p.rsplit_once('/').map(|(g, n)| (g.to_owned(), n.to_owned())).unwrap_or_default();
    let ((group, name), (other, _)) = (split(&path), split(&list));
    group == other && LABELS.iter().any(|label| name == *label || name.ends_with(&format!("_{label}")))
}

/// The united class names, and what each file's labels become.
pub(super) struct Classes {
    pub(super) names: Vec<String>,
    /// The number of each name.
    numbers: HashMap<String, i64>,
    /// For each file: the new number of each of its classes.
    renumbered: Vec<Option<Arc<Vec<i64>>>>,
}

impl Classes {
    /// Unites the names of all files. A file that has none is a conflict if others have some.
    pub(super) fn unite(
        path: &Name,
        inputs: &[Input],
        of_file: &[Option<Arc<Vec<String>>>],
        conflicts: &mut Vec<String>,
    ) -> Option<Classes> {
        let named = of_file.iter().position(Option::is_some)?;
        let mut classes = Classes { names: Vec::new(), numbers: HashMap::new(), renumbered: Vec::new() };
        // Files often have the same names.
        let mut known: HashMap<Arc<Vec<String>>, Arc<Vec<i64>>> = HashMap::new();
        for (input, names) in inputs.iter().zip(of_file) {
            let Some(names) = names else {
                if input.dataset(path).is_some_and(|f| f.shape.first() != Some(&0)) {
                    let (there, first) = (&input.name, inputs.get(named).map_or("", |i| &i.name));
                    let message = format!("{there}::{path} does not name its classes ({CLASS_NAMES}), {first} does");
                    conflicts.push(message);
                }
                classes.renumbered.push(None);
                continue;
            };
            if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
                conflicts.push(format!("{}::{path} names a class twice in {CLASS_NAMES}", input.name));
            }
            let numbers = match known.get(names) {
                Some(numbers) => numbers.clone(),
                None => Arc::new(names.iter().map(|name| classes.number(name)).collect()),
            };
            known.insert(names.clone(), numbers.clone());
            classes.renumbered.push(Some(numbers));
        }
        Some(classes)
    }

    fn number(&mut self, name: &str) -> i64 {
        let next = self.names.len() as i64;
        *self.numbers.entry(name.to_owned()).or_insert_with_key(|name| {
            self.names.push(name.clone());
            next
        })
    }

    /// The label in the merged file of a label in file `input`. One below zero names no class and stays.
    pub(super) fn renumber(&self, input: usize, label: i64) -> Result<i64> {
        if label < 0 {
            return Ok(label);
        }
        let numbers = self.renumbered.get(input).and_then(Option::as_ref);
        let known = usize::try_from(label).ok().and_then(|l| numbers?.get(l).copied());
        known.ok_or_else(|| {
            let message = format!("the label {label} has no name in {CLASS_NAMES}");
            Error::new(ErrorKind::Mismatch, message)
        })
    }

    /// Whether the labels of file `input` stay as they are.
    pub(super) fn keeps(&self, input: usize) -> bool {
        let numbers = self.renumbered.get(input).and_then(Option::as_ref);
        numbers.is_none_or(|numbers| (0..).zip(numbers.iter()).all(|(old, new)| old == *new))
    }

    /// The names in one line.
    pub(super) fn shown(&self) -> String {
        const MOST: usize = 12;
        let mut shown: Vec<&str> = self.names.iter().take(MOST).map(String::as_str).collect();
        let more = format!("… ({} in all)", self.names.len());
        if self.names.len() > MOST {
            shown.push(&more);
        }
        Name::from(&*shown.join(", ")).to_string()
    }
}

/// The integer that holds the numbers of `count` classes and all that another one does.
pub(super) fn wide_enough(labels: &Datatype, count: usize) -> Option<Datatype> {
    let Datatype::Integer { bits, signed } = labels else {
        return None;
    };
    let width = u32::from(bits.precision.min(64)) - u32::from(*signed);
    if count as u128 <= 1 << width {
        return Some(labels.clone());
    }
    let least = [8, 16, 32].into_iter().find(|n| count as u64 <= 1 << n)?;
    let unsigned = match least {
        8 => <u8 as crate::Element>::datatype(),
        16 => <u16 as crate::Element>::datatype(),
        _ => <u32 as crate::Element>::datatype(),
    };
    labels.widened(&unsigned)
}

/// A label as it is stored.
pub(super) fn stored(label: i64, datatype: &Datatype, out: &mut Vec<u8>) -> Result<()> {
    let refuse = || Error::new(ErrorKind::Mismatch, format!("the label {label} does not fit {datatype}"));
    let Datatype::Integer { bits, signed } = datatype else {
        return Err(refuse());
    };
    let size = bits.size as usize;
    if !bits.is_full() || size > 8 {
        return Err(refuse());
    }
    let all = label.to_le_bytes();
    let (kept, rest) = all.split_at(size);
    let sign = if label < 0 { 0xff } else { 0 };
    let negative = kept.last().is_some_and(|b| b & 0x80 != 0);
    if rest.iter().any(|&b| b != sign) || (*signed && negative != (label < 0)) || (!signed && label < 0) {
        return Err(refuse());
    }
    let start = out.len();
    out.extend_from_slice(kept);
    if bits.order == ByteOrder::Big {
        out.get_mut(start..).unwrap_or_default().reverse();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Element;

    #[test]
    fn names_are_united_and_labels_follow() {
        let mut classes = Classes { names: Vec::new(), numbers: HashMap::new(), renumbered: Vec::new() };
        for names in [["cat", "dog"], ["bird", "cat"]] {
            let numbers = names.iter().map(|n| classes.number(n)).collect();
            classes.renumbered.push(Some(Arc::new(numbers)));
        }
        assert_eq!(classes.names, ["cat", "dog", "bird"]);
        assert!(classes.keeps(0) && !classes.keeps(1));
        assert_eq!((classes.renumber(1, 0).unwrap(), classes.renumber(1, 1).unwrap()), (2, 0));
        assert!(classes.renumber(1, 2).is_err());
        assert_eq!(classes.renumber(1, -1).unwrap(), -1);
    }

    #[test]
    fn labels_widen_with_the_number_of_classes() {
        let byte = u8::datatype();
        assert_eq!(wide_enough(&byte, 256), Some(byte.clone()));
        assert_eq!(wide_enough(&byte, 257), Some(u16::datatype()));
        assert_eq!(wide_enough(&i8::datatype(), 128), Some(i8::datatype()));
        assert_eq!(wide_enough(&i8::datatype(), 129), Some(i16::datatype()));
    }

    #[test]
    fn labels_are_stored_or_refused() {
        let bytes = |label, datatype| {
            let mut out = Vec::new();
            stored(label, &datatype, &mut out).map(|()| out).ok()
        };
        assert_eq!(bytes(-1, i8::datatype()), Some(vec![255]));
        assert_eq!(bytes(200, u8::datatype()), Some(vec![200]));
        assert_eq!(
            (bytes(200, i8::datatype()), bytes(-1, u8::datatype()), bytes(256, u8::datatype())),
            (None, None, None)
        );
    }

    #[test]
    fn lists_of_classes_and_their_labels_are_known_by_name() {
        let name = |s: &str| Name::from(s);
        assert!(is_list(&name("/list_classes")) && is_list(&name("/a/class_names")) && !is_list(&name("/names")));
        assert!(are_labels_of(&name("/train_set_y"), &name("/list_classes")));
        assert!(are_labels_of(&name("/a/labels"), &name("/a/class_names")));
        assert!(!are_labels_of(&name("/b/labels"), &name("/a/class_names")));
        assert!(!are_labels_of(&name("/array"), &name("/class_names")));
    }
}
