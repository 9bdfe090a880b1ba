//! Which files are arrays or tables, and what their datasets are called.

use crate::commands::Progress;
use crate::commands::convert::picture::{self, HEAD, Recognised};
use crate::commands::convert::scan;
use crate::error::Result;
use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The kind of a file, by its suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Npy,
    Npz,
    Csv,
}

/// A file and the path in the .h5 file that is its own.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: PathBuf,
    /// What it is called in messages.
    pub(super) shown: String,
    pub(super) format: Format,
    /// A dataset's path, or a group's; empty for the root.
    pub(super) path: String,
}

fn format_of(path: &Path) -> Option<Format> {
    let suffix = path.extension()?.to_string_lossy().to_ascii_lowercase();
    match suffix.as_str() {
        "npy" => Some(Format::Npy),
        "npz" => Some(Format::Npz),
        "csv" | "tsv" => Some(Format::Csv),
        _ => None,
    }
}

/// Whether a file is an array or a table by its name.
pub(in super::super) fn is_array_file(path: &Path) -> bool {
    format_of(path).is_some()
}

/// Whether a folder holds arrays or tables, and no image: then it is taken for a tree of arrays. With images it is a set
/// of these, and tables beside them are lists of labels more often than data.
pub(in super::super) fn is_tree(folder: &Path) -> bool {
    let mut folders = vec![(folder.to_owned(), 0)];
    let mut found = false;
    while let Some((next, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(next) else { continue };
        for entry in entries.flatten().filter(|e| !e.file_name().as_encoded_bytes().starts_with(b".")) {
            let path = entry.path();
            // Links to folders are left to the scan: here they could lead in a circle.
            if entry.file_type().is_ok_and(|t| t.is_dir()) && depth < 100 {
                folders.push((path, depth + 1));
            } else if is_array_file(&path) {
                found |= path.is_file();
            } else if path.is_file() && is_image(&path) {
                return false;
            }
        }
    }
    found
}

fn is_image(path: &Path) -> bool {
    let mut head = Vec::new();
    if File::open(path).and_then(|f| f.take(HEAD as u64).read_to_end(&mut head)).is_err() {
        return false;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !matches!(picture::recognise(&head, &name), Recognised::Other)
}

/// The file at `input`, or all below it, in order; and how many other files there are.
///
/// # Errors
/// If a folder cannot be read, or the user asked to stop.
pub(super) fn list(input: &Path, progress: &dyn Progress) -> Result<(Vec<Source>, u64)> {
    if !input.is_dir() {
        let stem = input.file_stem().unwrap_or_default().to_string_lossy();
        let shown = input.to_string_lossy().into_owned();
        // Of a suffix that says nothing its caller has seen the first bytes.
        let format = format_of(input).unwrap_or(Format::Npy);
        let path = if format == Format::Npz { String::new() } else { clean(&stem) };
        return Ok((vec![Source { file: input.to_owned(), shown, format, path }], 0));
    }
    let listing = scan::scan(input, progress)?;
    let (mut sources, mut others, mut taken) = (Vec::new(), listing.special, HashSet::new());
    for entry in &listing.files {
        let (file, shown) = (listing.path(entry), listing.relative(entry));
        let Some(format) = format_of(&file) else {
            others += 1;
            continue;
        };
        let stem = shown.rsplit_once('.').map_or(shown.as_str(), |(stem, _)| stem);
        // `x.npy` beside `x.csv`: the second keeps its suffix.
        let path = Some(clean(stem)).filter(|path| taken.insert(path.clone())).unwrap_or_else(|| clean(&shown));
        sources.push(Source { file, shown, format, path });
    }
    Ok((sources, others))
}

/// A path that a file can have: nothing of it is empty, a dot or two.
pub(super) fn clean(path: &str) -> String {
    let named = path.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
    named.map(|part| part.replace('\0', "_")).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Silent;

    #[test]
    fn a_folder_with_an_image_is_no_tree_of_arrays() {
        let desk = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = desk.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        assert!(!is_tree(desk.path()));
        write("a/readme.txt", b"hello");
        assert!(!is_tree(desk.path()));
        write("a/b/x.NPY", b"");
        write("a/b/x.csv", b"");
        write("t.csv", b"");
        assert!(is_tree(desk.path()));
        let (sources, others) = list(desk.path(), &Silent).unwrap();
        let paths: Vec<&str> = sources.iter().map(|s| s.path.as_str()).collect();
        assert_eq!((paths, others), (vec!["a/b/x", "a/b/x.csv", "t"], 1));
        write("z/photo", b"\x89PNG\r\n\x1a\n");
        assert!(!is_tree(desk.path()));
        assert_eq!(clean("/a/../b/./c//d"), "a/b/c/d");
    }
}
