//! What libhdf5 writes by chance, read by us: files of `fixtures/matrix`, digest by digest.
//!
//! The generator draws versions, layouts, indexes, filters, types, links and references by a seed; the oracle beside it tells
//! what libhdf5 reads in each file. `fixtures/matrix/check.py` runs many seeds; this is one small one.
#![cfg(feature = "cli")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use std::path::Path;
use std::process::Command;

#[test]
fn what_libhdf5_writes_by_chance_is_read_as_libhdf5_reads_it() {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py (scripts/test does)");
        return;
    };
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/matrix");
    let done = Command::new(python)
        .arg(scripts.join("check.py"))
        .args(["--bin", env!("CARGO_BIN_EXE_h5manager"), "--seeds", "2", "--count", "35", "--not-yet"])
        .arg(scripts.join("not_yet.txt"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python starts");
    let told = String::from_utf8_lossy(&done.stdout);
    let last = told.lines().last().unwrap_or_default();
    let passed: usize = last
        .split_once(" passed, ")
        .and_then(|(n, _)| n.parse().ok())
        .unwrap_or_else(|| panic!("no count at the end of:\n{told}\n{}", String::from_utf8_lossy(&done.stderr)));
    assert!(last.ends_with(" passed, 0 failed") && done.status.success(), "{told}");
    assert!(passed >= 70, "files went missing: {told}");
    eprintln!("{told}");
}
