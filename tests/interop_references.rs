//! References of every kind that libhdf5 writes, followed by us: where they lead, and what they select.
#![cfg(feature = "cli")] // its parser of JSON
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use h5manager::{File, Object, Reference, VarLen};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn text(entry: &Value, key: &str) -> String {
    entry[key].as_str().unwrap_or_else(|| panic!("no {key} in {entry}")).to_owned()
}

/// Holds one reference against its description.
fn follow(file: &File, reference: &Reference, expected: &Value) {
    if expected.is_null() {
        assert_eq!(*reference, Reference::Null);
        assert!(file.dereference(reference).is_err());
        return;
    }
    let object = file.dereference(reference).unwrap_or_else(|e| panic!("{reference}: {e}"));
    let there = match expected.get("file") {
        Some(other) => {
            assert!(reference.file().expect("a file").to_text().ends_with(other.as_str().expect("a name")));
            object.file().clone()
        }
        None => file.clone(),
    };
    let by_path = there.object(&text(expected, "path")).expect("the object");
    assert_eq!(object.address(), by_path.address(), "{reference}, wanted {expected}");
    match reference {
        Reference::Object { .. } => assert!(expected.get("count").is_none() && expected.get("name").is_none()),
        Reference::Attribute { name, .. } => {
            assert_eq!(*name, *text(expected, "name"));
            assert!(object.attribute(&name.to_text()).expect("readable").is_some());
        }
        Reference::Region { selection, .. } => {
            let Object::Dataset(dataset) = object else { panic!("{reference} is no dataset") };
            let shape = dataset.shape();
            assert_eq!(Value::from(selection.len(shape).expect("a number")), expected["count"], "{reference}");
            let bounds = selection.bounds(shape).expect("bounds");
            let bounds: Option<Vec<[u64; 2]>> = bounds.map(|b| b.into_iter().map(|(low, high)| [low, high]).collect());
            assert_eq!(serde_json::json!(bounds), expected.get("bounds").cloned().unwrap_or_default(), "{reference}");
            let values: Vec<i32> = dataset.select(selection).expect("inside").read().expect("read");
            assert_eq!(serde_json::json!(values), expected["values"], "{reference}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn references_lead_where_libhdf5_says() {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py (scripts/test does)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/make_references.py");
    let made = Command::new(python).arg(script).arg(folder.path()).status().expect("Python starts");
    assert!(made.success(), "the script needs h5py");
    let mut followed = 0;
    for name in ["earliest", "v108", "v110", "v112", "latest"] {
        let path = folder.path().join(name);
        let expected = std::fs::read_to_string(path.with_extension("json")).expect("the description");
        let expected: serde_json::Map<String, Value> = serde_json::from_str(&expected).expect("JSON");
        let file = File::open(path.with_extension("h5")).expect("opened");
        for (place, wanted) in &expected {
            let references: Vec<Reference> = match place.split_once('@') {
                None if place == "/sequences" => {
                    let sequences: Vec<VarLen<Reference>> = file.dataset(place).and_then(|d| d.read()).expect("read");
                    sequences.into_iter().flat_map(|s| s.0).collect()
                }
                None => file.dataset(place).and_then(|d| d.read()).expect("read"),
                Some((object, attribute)) => {
                    let object = file.object(object).expect("the object");
                    object.attribute(attribute).expect("readable").expect("there").read().expect("read")
                }
            };
            let wanted = wanted.as_array().expect("a list");
            assert_eq!(references.len(), wanted.len(), "{place} of {name}");
            for (reference, wanted) in references.iter().zip(wanted) {
                follow(&file, reference, wanted);
                followed += 1;
            }
        }
    }
    assert_eq!(followed, 5 * (5 + 11 + 2 + 15 + 15));
}
