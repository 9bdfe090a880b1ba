//! The lossy and rare filters of hdf5plugin: what libzfp and CharLS decode we decode to the same bits, and libzfp decodes
//! what we encode to what it makes of its own.
//!
//! `interop/lossy.py` makes the files and compares; the Python that has h5py and hdf5plugin is taken from
//! `H5MANAGER_PYTHON`; without it there is nothing to compare with, which is said and not hidden.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use h5manager::{File, FileMut};
use std::path::Path;
use std::process::{Command, Stdio};

const ZFP: u16 = 32013;

#[test]
fn zfp_and_jpeg_ls_decode_as_in_c_and_zfp_encodes_for_it() {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py and hdf5plugin (scripts/test does)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let script = |verb: &str| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/lossy.py");
        let output = Command::new(&python).arg(script).arg(verb).arg(folder.path()).stderr(Stdio::inherit()).output();
        let output = output.expect("Python starts");
        assert!(output.status.success(), "the script needs h5py and hdf5plugin");
        String::from_utf8(output.stdout).expect("text")
    };
    script("make");
    let theirs = File::open(folder.path().join("lossy.h5")).expect("opened");
    compare(&theirs, folder.path());
    let mut ours = File::create(folder.path().join("ours.h5")).expect("created");
    let copied = copy_zfp(&theirs, &mut ours);
    ours.commit().expect("committed");
    assert_eq!(script("check").trim(), copied.to_string());
    assert!(copied > 200, "{copied} datasets copied");
}

/// Holds what we read against what h5py read.
fn compare(theirs: &File, folder: &Path) {
    let read = |name: &str| std::fs::read(folder.join(name)).expect("what the script wrote");
    let (raw, index) = (read("lossy.raw"), String::from_utf8(read("lossy.txt")).expect("text"));
    let (mut wrong, mut filtered) = (Vec::new(), 0);
    for line in index.lines() {
        let [name, start, length, chunks] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let number = |text: &str| text.parse::<usize>().expect("a number");
        let wanted = &raw[number(start)..number(start) + number(length)];
        filtered += number(chunks);
        match theirs.dataset(name).and_then(|d| d.select(..)?.read_stored()) {
            Ok(bytes) if bytes == wanted => {}
            Ok(_) => wrong.push(format!("{name}: other values")),
            Err(e) => wrong.push(e.to_string()),
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(filtered > 4_000, "{filtered} chunks went through their filters");
}

/// Writes what ZFP was given in C with the same parameters; returns how many datasets there are.
fn copy_zfp(theirs: &File, ours: &mut FileMut) -> usize {
    let (mut copied, plain) = (0, theirs.group("plain").expect("the plain values"));
    for entry in plain.walk() {
        let entry = entry.expect("walked");
        let path = entry.path().to_string();
        let Ok(coded) = theirs.dataset(path.trim_start_matches("/plain")) else { continue };
        if coded.filters().iter().any(|f| f.id == ZFP) {
            let values = theirs.dataset(&path).expect("the plain values");
            let builder =
                ours.build(coded.path()).chunks(coded.chunk_shape().expect("chunks")).filters(coded.filters());
            let all = values.select(..).expect("all of it");
            builder.write(all.to_copy().expect("read")).expect("written");
            copied += 1;
        }
    }
    copied
}
