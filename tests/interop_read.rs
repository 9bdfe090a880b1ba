//! What h5py writes, read by us: every form of the format that it can choose, value by value.
#![cfg(feature = "cli")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use h5manager::{Attribute, Dataset, File, Value as Stored};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A value of ours in the form of the list that Python wrote.
fn plain(value: &Stored) -> Value {
    match value {
        Stored::Integer(n) => i64::try_from(*n).map_or_else(|_| Value::from(*n as u64), Value::from),
        Stored::Float(x) => Value::from(*x),
        Stored::String(s) => Value::from(s.to_text()),
        Stored::Enumeration(_, Some(name)) if *name == "TRUE" || *name == "FALSE" => Value::from(*name == "TRUE"),
        Stored::Enumeration(n, _) => Value::from(*n as i64),
        Stored::Compound(members) => members.iter().map(|(_, v)| plain(v)).collect(),
        Stored::Sequence(values) => values.iter().map(plain).collect(),
        other => panic!("no form for {other:?}"),
    }
}

fn dataset(d: &Dataset) -> (Vec<u64>, Vec<Value>) {
    let values = d.select(..).and_then(|all| all.values()).unwrap_or_else(|e| panic!("{e}"));
    (d.shape().to_vec(), values.iter().map(plain).collect())
}

fn attribute(a: &Attribute) -> (Vec<u64>, Vec<Value>) {
    let values = a.values(usize::MAX).unwrap_or_else(|e| panic!("{e}"));
    (a.shape().expect("a shape").to_vec(), values.iter().map(plain).collect())
}

/// Holds a file, or all that the description names, against the description; returns how much was compared.
fn compare(path: &Path, options: &h5manager::OpenOptions) -> usize {
    let expected = std::fs::read_to_string(path.with_extension("json")).expect("the description");
    let expected: serde_json::Map<String, Value> = serde_json::from_str(&expected).expect("JSON");
    let beside = |name: &Value| path.with_file_name(name.as_str().expect("a name"));
    let files: Vec<PathBuf> = match expected.get("file:") {
        Some(names) => names.as_array().expect("names").iter().map(beside).collect(),
        None => vec![path.with_extension("h5")],
    };
    for path in &files {
        let file = options.open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        compare_with(&file, path, &expected);
    }
    expected.len()
}

/// The names of links or attributes in some order.
fn names(file: &File, what: &str) -> Vec<Value> {
    let name = |n: &h5manager::datatype::Name| Value::from(n.to_text());
    let links: Vec<h5manager::Link> = match what.split_once(':').expect("a colon") {
        ("order", path) if path.ends_with('@') => {
            let object = file.object(path.trim_end_matches('@')).expect("the object");
            let found = object.attributes_by_creation_order().expect("tracked");
            let stored = object.attributes_unordered().expect("there").map(|a| a.expect("readable").name().clone());
            let sorted = object.attributes().expect("there").into_iter().map(|a| a.expect("readable").name().clone());
            assert_eq!(BTreeSet::from_iter(stored), BTreeSet::from_iter(sorted));
            return found.iter().map(|a| name(a.as_ref().expect("readable").name())).collect();
        }
        ("order", path) => {
            let group = file.group(path).expect("the group");
            group.links_by_creation_order().expect("tracked").collect::<Result<_, _>>().expect("readable")
        }
        (_, path) => {
            let group = file.group(path).expect("the group");
            let mut stored: Vec<_> = group.links_unordered().expect("there").map(|l| l.expect("readable")).collect();
            let sorted: Vec<_> = group.links().expect("there").collect::<Result<_, _>>().expect("readable");
            stored.sort_by_key(|l| l.name().as_bytes().to_vec());
            assert_eq!(stored, sorted);
            for link in &sorted {
                assert_eq!(group.link(&link.name().to_text()).expect("readable").as_ref(), Some(link));
            }
            sorted
        }
    };
    links.iter().map(|l| name(l.name())).collect()
}

fn compare_with(file: &File, path: &Path, expected: &serde_json::Map<String, Value>) {
    for (name, wanted) in expected {
        if name == "file:" {
            continue;
        }
        if name.starts_with("order:") || name.starts_with("names:") {
            assert_eq!(&Value::from(names(file, name)), wanted, "{name} of {}", path.display());
            continue;
        }
        let (shape, values) = match name.split_once('@') {
            None => dataset(&file.dataset(name).expect("the dataset")),
            Some((object, attribute_name)) => {
                let object = file.object(object).expect("the object");
                attribute(&object.attribute(attribute_name).expect("readable").expect("there"))
            }
        };
        assert_eq!(Value::from(shape), wanted["shape"], "{name} of {}", path.display());
        assert_eq!(Value::from(values), wanted["values"], "{name} of {}", path.display());
    }
}

/// A Python with h5py, and a script of ours.
fn python(script: &str) -> Option<Command> {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py (scripts/test does)");
        return None;
    };
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script));
    Some(command)
}

/// Runs a script that makes files and descriptions, and compares them; returns how many descriptions there were.
fn compare_files_of(script: &str, at_least: usize) -> Option<usize> {
    let folder = tempfile::tempdir().expect("a folder");
    let made = python(script)?.arg(folder.path()).status().expect("Python starts");
    assert!(made.success(), "the script needs h5py");
    let mut descriptions = 0;
    for entry in std::fs::read_dir(folder.path()).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "json") {
            descriptions += 1;
            for options in [h5manager::OpenOptions::new(), h5manager::OpenOptions::new().map(true)] {
                assert!(compare(&path, &options) > at_least, "{}", path.display());
            }
        }
    }
    Some(descriptions)
}

#[test]
fn files_of_h5py_are_read_value_by_value() {
    assert!(compare_files_of("make_files.py", 200).is_none_or(|n| n == 8));
}

#[test]
fn structures_that_h5py_does_not_choose_are_read_value_by_value() {
    assert!(compare_files_of("make_structures.py", 20).is_none_or(|n| n == 58));
}

/// A writer appends, by steps that we ask for and then as fast as it can, while we follow it.
#[test]
fn a_dataset_is_followed_while_it_grows() {
    let Some(mut command) = python("swmr_writer.py") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("growing.h5");
    let mut writer = command.arg(&path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
    let mut said = BufReader::new(writer.stdout.take().expect("its output")).lines();
    let mut say = writer.stdin.take().expect("its input");
    let mut hear = || said.next().expect("an answer").expect("text");
    assert_eq!(hear(), "ready");
    let file = File::open(&path).expect("opened while it is written");
    assert!(file.is_open_for_writing());
    let names = ["one", "packed", "two"];
    let mut datasets = names.map(|n| file.dataset(n).expect("there"));
    let check = |d: &Dataset| {
        let values: Vec<u64> = d.read().expect("read");
        let row: u64 = d.shape()[1..].iter().product();
        // What is not yet written are zeros, the fill value; everything else is the number of its row.
        let mut written =
            values.chunks_exact(row as usize).enumerate().rev().skip_while(|(_, v)| v.iter().all(|&v| v == 0));
        assert!(written.all(|(i, v)| v.iter().all(|&v| v == i as u64 + 1)), "{}", d.path());
        d.shape()[0]
    };
    for rows in [1, 10, 500, 501] {
        writeln!(say, "{rows}").expect("told");
        assert_eq!(hear(), rows.to_string());
        for d in &mut datasets {
            d.refresh().expect("refreshed");
            assert_eq!(check(d), rows, "{}", d.path());
        }
    }
    writeln!(say, "run").expect("told");
    let (mut last, mut steps) = (0, 0);
    while last < 20_000 {
        let d = &mut datasets[steps % 3];
        d.refresh().unwrap_or_else(|e| panic!("{} after {steps} steps: {e}", d.path()));
        last = check(d);
        steps += 1;
    }
    assert_eq!(hear(), "done");
    drop(say);
    assert!(writer.wait().expect("it ends").success());
    assert!(steps > 1, "the writer was through before we looked");
    let mut file = file;
    file.refresh().expect("refreshed");
    assert!(!file.is_open_for_writing());
    assert!(names.iter().all(|n| check(&file.dataset(n).expect("there")) == 20_000));
}

/// Parts of datasets are the same parts of the whole, whatever the chunks.
#[test]
fn any_part_is_that_part_of_the_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("parts.h5");
    let all: Vec<u16> = (0..6 * 7 * 5).collect();
    let mut out = File::create(&path).expect("created");
    out.build("whole").shape([6, 7, 5]).write(&all).expect("written");
    for (i, chunk) in [[1, 1, 1], [2, 3, 5], [6, 7, 5], [4, 2, 3], [1, 7, 5]].into_iter().enumerate() {
        out.build(format!("chunked{i}")).shape([6, 7, 5]).chunks(chunk).deflate(1).write(&all).expect("written");
    }
    out.commit().expect("committed");
    let file = File::open(&path).expect("opened");
    let names = ["whole", "chunked0", "chunked1", "chunked2", "chunked3", "chunked4"];
    let datasets = names.map(|n| file.dataset(n).expect("there"));
    let ranges = |n: u64| (0..n).flat_map(move |a| (a..=n).map(move |b| a..b));
    for x in ranges(6) {
        for y in ranges(7).step_by(3) {
            for z in ranges(5).step_by(2) {
                let part = [x.clone(), y.clone(), z.clone()];
                let mut wanted = Vec::new();
                for i in x.clone() {
                    for j in y.clone() {
                        wanted.extend(z.clone().map(|k| all[((i * 7 + j) * 5 + k) as usize]));
                    }
                }
                for d in &datasets {
                    let got: Vec<u16> = d.select(&part[..]).and_then(|p| p.read()).expect("read");
                    assert_eq!(got, wanted, "{} {part:?}", d.path());
                }
            }
        }
    }
}
