//! Files of libhdf5 in all their forms, edited in place by the program, are read, extended and checked by libhdf5.
//!
//! The Python that has h5py is taken from `H5MANAGER_PYTHON`; without it there is nothing to compare with, which is said
//! and not hidden.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails should panic")]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

#[test]
fn libhdf5_reads_and_extends_what_was_edited() {
    let Ok(python) = std::env::var("H5MANAGER_PYTHON") else {
        // Written past the test harness, which would swallow it.
        let note = b"NOT RUN: set H5MANAGER_PYTHON to a Python with h5py to compare with h5py and h5dump\n";
        std::io::stderr().write_all(note).unwrap();
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/edit.py");
    let program = env!("CARGO_BIN_EXE_h5manager");
    let done = Command::new(&python).arg(script).arg(folder.path()).arg(program).output();
    let done = done.unwrap_or_else(|e| panic!("{python}: {e}"));
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    println!("{out}");
    assert!(done.status.success(), "{out}{err}");
}
