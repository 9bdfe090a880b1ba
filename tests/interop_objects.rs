//! References, committed datatypes, virtual and external data, conventions: h5py and h5dump read what we write, h5py
//! goes on writing to it, and we read that again. `interop/read_objects.py` holds what must be in each file.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

mod objects;

use h5manager::anatomy::{Anatomy, MapOptions};
use h5manager::{CreateOptions, File, FileMut, LibVer, Object, Selection, Visited};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Writes a file, and the name of the function that checks it in Python.
struct Case {
    name: &'static str,
    write: fn(&mut FileMut, &Path) -> h5manager::Result<()>,
    /// Checks what must be in it, before and after h5py edited it.
    check: fn(&File) -> h5manager::Result<()>,
}

macro_rules! cases {
    ($($name:literal, $module:ident, $write:ident, $check:ident;)*) => {
        &[$(Case { name: $name, write: objects::$module::$write, check: objects::$module::$check }),*]
    };
}

const CASES: &[Case] = cases! {
    "cycles", references, cycles, check_cycles;
    "references", references, old, check_old;
    "new_references", references, new, check_new;
    "committed", datatypes, committed, check_committed;
    "every_class", datatypes, every_class, check_every_class;
    "nothing", datatypes, nothing, check_nothing;
    "virtual_data", elsewhere, virtual_data, check_virtual_data;
    "external_data", elsewhere, external_data, check_external_data;
    "copied", copies, copied, check_copied;
    "scales", conventions, scales, check_scales;
    "images", conventions, images, check_images;
    "netcdf", conventions, netcdf, check_netcdf;
};

const BOUNDS: [LibVer; 4] = [LibVer::Earliest, LibVer::V18, LibVer::V110, LibVer::LATEST];

/// No gap, no overlap, no finding.
fn assert_sound(path: &Path) {
    let map = Anatomy::open(path).unwrap().map(MapOptions::default()).unwrap();
    assert_eq!(map.findings(), [], "{}", path.display());
    let mut end = 0;
    for piece in map.pieces() {
        assert_eq!(piece.position, end, "{}: {piece:?}", path.display());
        end += piece.length;
    }
}

/// Reads everything there is.
fn read_all(file: &File) {
    let mut seen = 0;
    for visited in file.walk() {
        let visited = visited.unwrap();
        seen += 1;
        if let Visited::Object(Object::Dataset(dataset)) = visited.what()
            && !dataset.is_null()
        {
            dataset.select(Selection::all(dataset.shape())).unwrap().values().unwrap();
        }
    }
    assert!(seen > 0);
}

#[test]
fn h5py_and_h5dump_read_and_edit_these_objects() {
    let folder = tempfile::tempdir().unwrap();
    // A folder for each bound: the files that others lead to have the same names in all.
    let home = |bound: LibVer| folder.path().join(bound.to_string());
    let path = |case: &Case, bound: LibVer, end: &str| home(bound).join(format!("{}{end}", case.name));
    for bound in BOUNDS {
        std::fs::create_dir(home(bound)).unwrap();
        for case in CASES {
            let path = path(case, bound, ".h5");
            let mut out = File::create_with(&path, CreateOptions::new().libver(bound)).unwrap();
            (case.write)(&mut out, &home(bound)).unwrap_or_else(|e| panic!("{} {bound}: {e}", case.name));
            out.commit().unwrap_or_else(|e| panic!("{} {bound}: {e}", case.name));
            let file = File::open(&path).unwrap();
            (case.check)(&file).unwrap_or_else(|e| panic!("{} {bound}: {e}", case.name));
            read_all(&file);
            assert_sound(&path);
        }
    }
    let Ok(python) = std::env::var("H5MANAGER_PYTHON") else {
        // Written past the test harness, which would swallow it.
        let note = b"NOT RUN: set H5MANAGER_PYTHON to a Python with h5py to compare with h5py and h5dump\n";
        std::io::stderr().write_all(note).unwrap();
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/read_objects.py");
    let done = Command::new(&python).arg(script).arg(folder.path()).output();
    let done = done.unwrap_or_else(|e| panic!("{python}: {e}"));
    println!("{}", String::from_utf8_lossy(&done.stdout));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for bound in BOUNDS {
        for case in CASES {
            let edited = path(case, bound, ".edited.h5");
            let file = File::open(&edited).unwrap();
            (case.check)(&file).unwrap_or_else(|e| panic!("{} {bound} edited by h5py: {e}", case.name));
            read_all(&file);
        }
    }
}
