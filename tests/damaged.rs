//! Hostile and damaged files: every command ends by itself, without a panic or a signal, in time and in memory.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python with h5py; the test command makes one and says where it is.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("H5MANAGER_PYTHON").map(PathBuf::from);
    if python.is_none() {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py (scripts/test does)");
    }
    python
}

fn survive(python: &Path, folders: &[&Path]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/damaged/survive.py");
    // The release binary where there is one: the limits are meant for it.
    let release = std::env::var_os("H5MANAGER_BIN");
    let patience = if release.is_none() && cfg!(debug_assertions) { "10" } else { "1" };
    let status = Command::new(python)
        .arg(script)
        .arg(release.unwrap_or_else(|| env!("CARGO_BIN_EXE_h5manager").into()))
        .args(folders)
        .env("H5MANAGER_PATIENCE", patience)
        .status()
        .expect("Python starts");
    assert!(status.success(), "see above");
}

#[test]
fn generated_attacks_do_no_harm() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hostile/hostile_recipes.py");
    let made = Command::new(&python).arg(recipes).arg(folder.path()).status().expect("Python starts");
    assert!(made.success(), "the recipes need h5py");
    survive(&python, &[folder.path()]);
}

#[test]
fn known_reproducers_do_no_harm() {
    let Some(python) = python() else { return };
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/corpus/hostile");
    if !corpus.is_dir() {
        eprintln!("NOT RUN: the corpus of reproducers is not here");
        return;
    }
    survive(&python, &[&corpus]);
}

/// Opens, walks and reads all that can be read.
fn visit(bytes: Vec<u8>) {
    let Ok(file) = h5manager::File::from_bytes(bytes) else {
        return;
    };
    for visit in file.walk().flatten() {
        if let h5manager::Visited::Object(object) = visit.what() {
            for attribute in object.attributes().into_iter().flatten().flatten() {
                let _ = attribute.values(9);
            }
            if let h5manager::Object::Dataset(dataset) = object {
                let _ = dataset.stored_size();
                let _ = dataset.select(..).map(|part| part.values());
            }
        }
    }
}

/// What the fuzzers found, one file each: see fixtures/fuzz.
#[test]
fn findings_of_the_fuzzers_stay_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz");
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "h5")) {
        println!("{}", file.display());
        visit(std::fs::read(file).unwrap());
    }
}

/// A shape that the layout knows nothing of: more bytes than can be counted are an error, not a small number.
#[test]
fn a_damaged_shape_has_no_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("good.h5");
    let options = h5manager::CreateOptions::new().libver(h5manager::LibVer::Earliest);
    let mut out = h5manager::File::create_with(&path, options).expect("created");
    out.build("numbers").write(vec![0.5f64; 7_777]).expect("written");
    out.commit().expect("committed");
    let mut bytes = std::fs::read(&path).expect("read");
    let stored = 7_777u64.to_le_bytes();
    let places: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(&stored)).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + 8].copy_from_slice(&(1u64 << 61).to_le_bytes());
    }
    let dataset = h5manager::File::from_bytes(bytes).and_then(|file| file.dataset("numbers")).expect("it opens");
    assert_eq!(dataset.shape(), [1 << 61]);
    let error = dataset.stored_size().expect_err("2^64 bytes");
    assert!(error.to_string().contains("more than 2^64 bytes of data"), "{error}");
}

/// Every prefix of a good file, and every single byte turned over: an error or an answer, never a panic.
#[test]
fn no_cut_and_no_flipped_byte_brings_the_reader_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("good.h5");
    let mut out = h5manager::File::create(&path).expect("created");
    out.build("numbers")
        .chunks([8])
        .shuffle()
        .deflate(4)
        .fletcher32()
        .write((0..40).collect::<Vec<i32>>())
        .expect("written");
    out.build("group/names").write(["one".to_owned(), "two".to_owned()]).expect("written");
    out.root().set_attribute("unit", "kelvin").expect("set");
    out.commit().expect("committed");
    let good = std::fs::read(&path).expect("read");
    (0..good.len()).for_each(|cut| visit(good[..cut].to_vec()));
    for at in 0..good.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            visit(bytes);
        }
    }
}

/// What a damaged group still lists may not be all that it held: `ls` shows it, a digest does not vouch for it.
#[test]
fn a_digest_does_not_vouch_for_what_is_left_of_a_group() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("group.h5");
    let mut out = h5manager::File::create(&path).expect("created");
    for i in 0..60 {
        out.build(format!("group/member{i:02}")).write(i).expect("written");
    }
    out.build("other").write(1).expect("written");
    out.commit().expect("committed");
    let mut bytes = std::fs::read(&path).expect("read");
    // One block of the heap no longer has its checksum; the others are whole.
    let name = bytes.windows(8).position(|w| w == b"member07").expect("a link of this name");
    bytes[name] = b'M';
    std::fs::write(&path, bytes).expect("written");

    let said = |command: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_h5manager")).args(command).arg(&path).output().expect("runs");
        String::from_utf8(output.stdout).expect("text")
    };
    let digest = said(&["digest", "--json"]);
    assert!(digest.contains(r#""kind":"error""#) && digest.contains(r#""path":"/other""#), "{digest}");
    assert!(!digest.contains("member"), "{digest}");
    let listed = said(&["ls"]);
    assert!(listed.contains("member59"), "{listed}");
}
