//! Files that libhdf5 wrote by chance are repacked by us under several bounds; libhdf5 finds the same in the copies.
#![cfg(feature = "cli")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use std::path::Path;
use std::process::Command;

#[test]
fn repacked_files_hold_the_same_in_the_eyes_of_libhdf5() {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py (scripts/test does)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/copies.py");
    let done = Command::new(python)
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_h5manager"))
        .arg(folder.path())
        .args(["11", "24", "v18"])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python starts");
    let told = String::from_utf8_lossy(&done.stdout);
    eprintln!("{told}{}", String::from_utf8_lossy(&done.stderr));
    let last = told.lines().last().unwrap_or_default();
    let numbers: Vec<usize> = last.split(", ").filter_map(|n| n.split(' ').next()?.parse().ok()).collect();
    let [passed, failed, refused] = numbers[..] else { panic!("no count at the end of: {told}") };
    assert_eq!(failed, 0);
    assert!(passed >= 20 && refused <= 4, "{last}");
}
