//! Imports go down only. The layers are those of ARCHITECTURE.md; a module that is not named there fails here.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each module's layer; modules of one layer may use each other.
const LAYERS: &[(&str, u8)] = &[
    ("error", 0),
    ("bytes", 0),
    ("io", 1),
    ("format", 1),
    ("filters", 1),
    ("index", 2),
    ("data", 2),
    ("object", 3),
    ("file", 4),
    ("open_files", 4),
    ("group", 4),
    ("dataset", 4),
    ("attribute", 4),
    ("walk", 4),
    ("builder", 4),
    ("copy", 4),
    ("edit", 4),
    ("anatomy", 4),
    ("storage", 4),
    ("commands", 5),
    ("progress", 5),
    ("view", 5),
    ("image_set", 5),
    ("wasm", 6),
    ("fuzz", 6),
];

/// What `format` may not use although it is of its own layer: it is pure, bytes in and values out.
const FORBIDDEN: &[(&str, &str)] = &[("format", "io"), ("format", "filters"), ("io", "format"), ("io", "filters")];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the source folder is there") {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The names behind every `crate::` of a line: `crate::{a::b, c}` gives `a` and `c`.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let word = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let Some(group) = rest.strip_prefix('{') else {
            found.push(word(rest));
            continue;
        };
        let (mut depth, mut part) = (1, String::new());
        for c in group.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (c == ',' && depth == 1) {
                found.push(word(part.trim()));
                part.clear();
                if depth == 0 {
                    break;
                }
                continue;
            }
            part.push(c);
        }
    }
    found
}

#[test]
fn imports_go_down_only() {
    let layers: BTreeMap<_, _> = LAYERS.iter().copied().collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 40, "only {} sources found", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&root).expect("below the source folder");
        let first = inside.iter().next().expect("a name").to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs");
        if matches!(module, "lib" | "main") {
            continue;
        }
        let Some(layer) = layers.get(module) else {
            wrong.push(format!("{}: module {module} has no layer", inside.display()));
            continue;
        };
        let text = fs::read_to_string(&file).expect("a source file");
        // Tests may use what they like; documentation is no import.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: String = code.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for import in imports(&code) {
            let forbidden = FORBIDDEN.contains(&(module, &*import));
            if layers.get(&*import).is_some_and(|l| l > layer) || forbidden {
                wrong.push(format!("{}: uses {import}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that point upward:\n{}", wrong.join("\n"));
}

#[test]
fn the_importer_sees_grouped_names() {
    assert_eq!(imports("use crate::{a::{b, c}, d, e::f};"), ["a", "d", "e"]);
    assert_eq!(imports("let x = crate::bytes::decode(y);"), ["bytes"]);
}
