//! What h5py writes, read by us: every form of the format that it can choose, value by value.
#![cfg(feature = "cli")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use h5manager::{Attribute, Dataset, File, Value as Stored};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

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

/// Holds a file against its description; returns how many arrays were compared.
fn compare(path: &Path, options: &h5manager::OpenOptions) -> usize {
    let expected = std::fs::read_to_string(path.with_extension("json")).expect("the description");
    let expected: serde_json::Map<String, Value> = serde_json::from_str(&expected).expect("JSON");
    let file = options.open(path).expect("opened");
    for (name, wanted) in &expected {
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
    expected.len()
}

#[test]
fn files_of_h5py_are_read_value_by_value() {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py (scripts/test does)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/make_files.py");
    let made = Command::new(python).arg(script).arg(folder.path()).status().expect("Python starts");
    assert!(made.success(), "the script needs h5py");
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|e| e == "h5") {
            files += 1;
            for options in [h5manager::OpenOptions::new(), h5manager::OpenOptions::new().map(true)] {
                assert!(compare(&path, &options) > 200);
            }
        }
    }
    assert_eq!(files, 8);
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
