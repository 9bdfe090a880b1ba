//! Files that libhdf5 wrote are repacked and merged by us; libhdf5 finds the same in what comes of it.
#![cfg(feature = "cli")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use std::path::Path;
use std::process::Command;

/// Runs a script of the folder `interop` with the program and a folder to work in; what it printed. Nothing without Python.
fn run(script: &str, arguments: &[&str]) -> Option<String> {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py (scripts/test does)");
        return None;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let done = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script))
        .arg(env!("CARGO_BIN_EXE_h5manager"))
        .arg(folder.path())
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python starts");
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    eprintln!("{told}{}", String::from_utf8_lossy(&done.stderr));
    Some(told)
}

#[test]
fn merged_files_of_h5py_and_netcdf_are_theirs_still() {
    let Some(told) = run("merge.py", &[]) else { return };
    assert_eq!(told.lines().last(), Some("0 failures"));
}

#[test]
fn repacked_files_hold_the_same_in_the_eyes_of_libhdf5() {
    let Some(told) = run("copies.py", &["11", "24", "v18"]) else { return };
    let last = told.lines().last().unwrap_or_default();
    let numbers: Vec<usize> = last.split(", ").filter_map(|n| n.split(' ').next()?.parse().ok()).collect();
    let [passed, failed, refused] = numbers[..] else { panic!("no count at the end of: {told}") };
    assert_eq!(failed, 0);
    assert!(passed >= 20 && refused <= 4, "{last}");
}

#[test]
fn chunks_of_all_kinds_go_through_other_filters() {
    let Some(told) = run("refilter.py", &[]) else { return };
    assert_eq!(told.lines().last(), Some("0 failures"));
}
