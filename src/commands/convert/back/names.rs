//! The names of rows as paths of new files: below the output whatever the file says, each path once.

use crate::commands::convert::picture::has_image_suffix;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Bytes of a name that every file system takes.
const LONGEST: usize = 255;
/// Bytes of a whole path; systems take about 4096.
const LONGEST_PATH: usize = 3000;

/// What the systems of names know that others do not.
const WINDOWS: bool = cfg!(windows);
/// Whether `A` and `a` are one file.
const FOLDS_CASE: bool = cfg!(any(windows, target_os = "macos"));

/// Which suffix a file gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suffix {
    /// This one, in place of another image's.
    Replaced(&'static str),
    /// This one, if the name has none of an image.
    Added(&'static str),
    /// That of the name.
    Kept,
}

/// Gives out paths, and remembers which are taken: a hash of each, as there may be millions. Two paths of one hash are
/// told apart by a number, which does no harm.
#[derive(Default)]
pub(super) struct Names {
    files: HashSet<u64>,
    folders: HashSet<u64>,
    /// The next number to try for a path that was taken.
    next: HashMap<u64, u32>,
    /// How many names are not what the file says.
    pub(super) changed: u64,
}

/// A path to be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// With `/` between names.
    pub(super) path: String,
    /// Folders on the way that were not there before, outermost first.
    pub(super) new_folders: Vec<String>,
}

impl Names {
    /// Keeps a path of its own from being given out.
    pub(super) fn reserve(&mut self, path: &str) {
        self.files.insert(hash(path));
    }

    /// The place of a file with this `name` (of row `row` if it has none) in `folder`, a path that is safe; the
    /// name's own first folder is that one if it is called `class`.
    pub(super) fn place(&mut self, folder: &str, class: &str, name: &Name<'_>, suffix: Suffix) -> Place {
        let mut parts = parts(name.text);
        if let [first, _, ..] = parts.as_slice()
            && !class.is_empty()
            && first == class
        {
            parts.remove(0);
        }
        if name.text.len() > LONGEST_PATH || parts.len() > 100 {
            parts.drain(..parts.len().saturating_sub(1));
        }
        let last = parts.pop();
        let wanted = last.as_deref().map(|last| joined(&joined(folder, &parts.join("/")), &with_suffix(last, suffix)));
        let file = limited(with_suffix(&safe(last.as_ref().unwrap_or(&name.number), WINDOWS), suffix));
        let mut place = Place { path: String::new(), new_folders: Vec::new() };
        let above = folder.split('/').filter(|part| !part.is_empty()).map(str::to_owned);
        for part in above.chain(parts.iter().map(|part| limited(safe(part, WINDOWS)))) {
            self.enter(&mut place, &part);
        }
        let path = joined(&place.path, &file);
        place.path = self.free(path, |names, key| names.files.contains(&key) || names.folders.contains(&key));
        self.files.insert(hash(&place.path));
        let is_changed = wanted.map_or(!name.text.is_empty(), |wanted| wanted != place.path || leads_out(name.text));
        self.changed += u64::from(is_changed);
        place
    }

    /// Goes down to a folder, which must not be a file.
    fn enter(&mut self, place: &mut Place, part: &str) {
        place.path = self.free(joined(&place.path, part), |names, key| names.files.contains(&key));
        if self.folders.insert(hash(&place.path)) {
            place.new_folders.push(place.path.clone());
        }
    }

    /// `path`, or with a number before its suffix if it is taken.
    fn free(&mut self, path: String, is_taken: impl Fn(&Names, u64) -> bool) -> String {
        if !is_taken(self, hash(&path)) {
            return path;
        }
        let key = hash(&path);
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let (stem, suffix) = split_suffix(name);
        let mut number = self.next.get(&key).copied().unwrap_or(1);
        loop {
            let tail = format!("-{number}{suffix}");
            let candidate = joined(folder, &format!("{}{tail}", cut(stem, LONGEST - tail.len())));
            number = number.saturating_add(1);
            if !is_taken(self, hash(&candidate)) {
                self.next.insert(key, number);
                return candidate;
            }
        }
    }
}

/// What a row is called.
pub(super) struct Name<'a> {
    /// As the file says; empty if it says nothing.
    pub(super) text: &'a str,
    /// Its number, for a row without a name.
    pub(super) number: String,
}

/// A name that can be one folder: of a class.
pub(super) fn folder_name(class: &str) -> String {
    let name = safe(&class.replace('/', "_"), WINDOWS);
    if name.is_empty() || name == "." { "_".to_owned() } else { limited(name) }
}

/// Folder names for classes, no two alike.
pub(super) fn folder_names(classes: &[String]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut unique = |class: &String| {
        let name = folder_name(class);
        let mut numbered = name.clone();
        let mut number = 1;
        while !taken.insert(folded(&numbered)) {
            let tail = format!("-{number}");
            numbered = format!("{}{tail}", cut(&name, LONGEST - tail.len()));
            number += 1;
        }
        numbered
    };
    classes.iter().map(&mut unique).collect()
}

/// The folders and the name that a text names. Of one that leads out of its folder only the last name counts.
fn parts(text: &str) -> Vec<String> {
    let is_name = |part: &&str| !part.is_empty() && *part != "." && *part != "..";
    let named: Vec<String> = text.split(is_separator).filter(is_name).map(str::to_owned).collect();
    match named.split_last() {
        Some((last, _)) if leads_out(text) => vec![last.clone()],
        _ => named,
    }
}

fn is_separator(c: char) -> bool {
    c == '/' || (WINDOWS && c == '\\')
}

/// Whether a path means something else than a place below its folder.
fn leads_out(text: &str) -> bool {
    text.starts_with(is_separator) || text.split(is_separator).any(|part| part == "..")
}

/// One name that does no harm: nothing that a terminal obeys, nothing hidden, and on Windows nothing that means a device
/// or is not allowed.
fn safe(part: &str, windows: bool) -> String {
    let is_bad = |c: char| c.is_control() || c == '/' || (windows && r#"<>:"|?*\"#.contains(c));
    let mut name: String = part.chars().map(|c| if is_bad(c) { '_' } else { c }).collect();
    if name.starts_with('.') {
        name.replace_range(..1, "_");
    }
    if windows {
        let bare = name.trim_end_matches(['.', ' ']).len();
        let ends = "_".repeat(name.len() - bare);
        name.replace_range(bare.., &ends);
        let stem = name.split('.').next().unwrap_or_default();
        if is_device(stem) {
            name.insert(stem.len(), '_');
        }
    }
    name
}

/// A name that Windows takes for a device, with whatever suffix.
fn is_device(stem: &str) -> bool {
    let stem = stem.trim_end().to_ascii_uppercase();
    let numbered = |prefix: &str| matches!(stem.strip_prefix(prefix), Some(n) if n.len() == 1 && n != "0");
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") || numbered("COM") || numbered("LPT")
}

fn with_suffix(name: &str, suffix: Suffix) -> String {
    match suffix {
        Suffix::Kept => name.to_owned(),
        Suffix::Added(_) if has_image_suffix(name) => name.to_owned(),
        Suffix::Replaced(new) if has_image_suffix(name) => {
            let old = name.rsplit_once('.').map_or("", |(_, old)| old);
            let is_same = old.eq_ignore_ascii_case(new) || matches!((old, new), ("tiff", "tif"));
            if is_same { name.to_owned() } else { format!("{}.{new}", split_suffix(name).0) }
        }
        Suffix::Added(new) | Suffix::Replaced(new) => format!("{name}.{new}"),
    }
}

/// The part before the last dot, and the dot with what follows.
fn split_suffix(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && name.len() - at <= 16 => name.split_at(at),
        _ => (name, ""),
    }
}

/// Shortened to what file systems take, its suffix kept.
fn limited(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    let (stem, suffix) = split_suffix(&name);
    format!("{}{suffix}", cut(stem, LONGEST - suffix.len()))
}

/// The first bytes of a text, up to `most`, whole characters only.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

fn joined(folder: &str, name: &str) -> String {
    let between = if folder.is_empty() || name.is_empty() { "" } else { "/" };
    format!("{folder}{between}{name}")
}

fn folded(path: &str) -> String {
    if FOLDS_CASE { path.to_lowercase() } else { path.to_owned() }
}

fn hash(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    folded(path).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(names: &mut Names, text: &str, suffix: Suffix) -> String {
        names.place("cat", "cat", &Name { text, number: "07".to_owned() }, suffix).path
    }

    #[test]
    fn names_stay_what_they_are_below_their_class() {
        let mut names = Names::default();
        for (text, path) in [
            ("cat/a.jpg", "cat/a.jpg"),
            ("b c/ü.jpg", "cat/b c/ü.jpg"),
            ("cat/deep/er/x.JPG", "cat/deep/er/x.JPG"),
            ("cat", "cat/cat"),
            ("", "cat/07"),
            ("cat/no suffix", "cat/no suffix"),
        ] {
            assert_eq!(placed(&mut names, text, Suffix::Kept), path);
        }
        assert_eq!(names.changed, 0);
    }

    #[test]
    fn nothing_leads_out_or_hides() {
        let mut names = Names::default();
        for (text, path) in [
            ("../../etc/passwd", "cat/passwd"),
            ("/etc/shadow", "cat/shadow"),
            ("cat/../../x", "cat/x"),
            ("..", "cat/07"),
            ("/", "cat/07-1"),
            ("./a//b", "cat/a/b"),
            ("cat/.bashrc", "cat/_bashrc"),
            ("cat/a\n\u{1b}[2Jb", "cat/a__[2Jb"),
            ("cat/..hidden/x", "cat/_.hidden/x"),
        ] {
            assert_eq!(placed(&mut names, text, Suffix::Kept), path);
        }
    }

    #[test]
    fn a_path_is_given_out_once() {
        let mut names = Names::default();
        names.reserve("cat/metadata.csv");
        let suffix = Suffix::Replaced("png");
        assert_eq!(placed(&mut names, "a.jpg", suffix), "cat/a.png");
        assert_eq!(placed(&mut names, "a.png", suffix), "cat/a-1.png");
        assert_eq!(placed(&mut names, "a.bmp", suffix), "cat/a-2.png");
        assert_eq!(placed(&mut names, "metadata.csv", Suffix::Kept), "cat/metadata-1.csv");
        // A file is no folder, and a folder no file.
        assert_eq!(placed(&mut names, "a.png/b", Suffix::Kept), "cat/a-3.png/b");
        assert_eq!(placed(&mut names, "a-3.png", Suffix::Kept), "cat/a-3-1.png");
        assert_eq!(names.changed, 5);
    }

    #[test]
    fn suffixes_say_what_is_in_the_file() {
        let mut names = Names::default();
        for (text, suffix, path) in [
            ("v1.2", Suffix::Replaced("png"), "cat/v1.2.png"),
            ("b.TIFF", Suffix::Replaced("tif"), "cat/b.tif"),
            ("c.tiff", Suffix::Replaced("tif"), "cat/c.tiff"),
            ("d.PNG", Suffix::Replaced("png"), "cat/d.PNG"),
            ("e", Suffix::Added("jpg"), "cat/e.jpg"),
            ("f.jpeg", Suffix::Added("jpg"), "cat/f.jpeg"),
        ] {
            assert_eq!(placed(&mut names, text, suffix), path);
        }
    }

    #[test]
    fn long_names_are_shortened_and_keep_their_suffix() {
        let mut names = Names::default();
        let long = format!("{}.jpg", "ü".repeat(200));
        let first = placed(&mut names, &long, Suffix::Kept);
        let second = placed(&mut names, &long, Suffix::Kept);
        for path in [&first, &second] {
            assert!(path.len() <= 4 + LONGEST && path.ends_with(".jpg"), "{path}");
        }
        assert!(second.ends_with("-1.jpg"));
        let kept = "x".repeat(255);
        assert_eq!(placed(&mut names, &kept, Suffix::Kept), format!("cat/{kept}"));
        let deep = "d/".repeat(2000) + "x";
        assert_eq!(placed(&mut names, &deep, Suffix::Kept), "cat/x");
    }

    #[test]
    fn windows_has_rules_of_its_own() {
        assert_eq!(safe("a:b?.jpg", true), "a_b_.jpg");
        assert_eq!(safe("con.txt", true), "con_.txt");
        assert_eq!(safe("LPT1", true), "LPT1_");
        assert_eq!(safe("COM0.x", true), "COM0.x");
        assert_eq!(safe("end. ", true), "end__");
        assert_eq!(safe("a:b?.jpg", false), "a:b?.jpg");
    }

    #[test]
    fn every_class_has_a_folder_of_its_own() {
        let classes = ["a/b", "a_b", "", "..", "cat"].map(str::to_owned);
        assert_eq!(folder_names(&classes), ["a_b", "a_b-1", "_", "_.", "cat"]);
    }

    #[test]
    fn many_equal_names_are_numbered_without_a_search() {
        let mut names = Names::default();
        let last = (0..5000).map(|_| placed(&mut names, "same.jpg", Suffix::Kept)).last();
        assert_eq!(last.as_deref(), Some("cat/same-4999.jpg"));
    }
}
