//! Files of libhdf5 in all their forms, edited in place by the program, are read, extended and checked by libhdf5.
//!
//! The Python that has h5py is taken from `H5MANAGER_PYTHON`; without it there is nothing to compare with, which is said
//! and not hidden.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails should panic")]

use h5manager::{EditOptions, ErrorKind, External, File, FileEdit, Selection, every};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Runs a script beside this file; `false` where there is no Python to run it.
fn python(script: &str, arguments: &[&str]) -> bool {
    let Ok(python) = std::env::var("H5MANAGER_PYTHON") else {
        // Written past the test harness, which would swallow it.
        let note = b"NOT RUN: set H5MANAGER_PYTHON to a Python with h5py to compare with h5py and h5dump\n";
        std::io::stderr().write_all(note).unwrap();
        return false;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script);
    let done = Command::new(&python).arg(script).args(arguments).output();
    let done = done.unwrap_or_else(|e| panic!("{python}: {e}"));
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    println!("{out}");
    assert!(done.status.success(), "{out}{err}");
    true
}

#[test]
fn libhdf5_reads_and_extends_what_was_edited() {
    let folder = tempfile::tempdir().unwrap();
    python("edit.py", &[folder.path().to_str().unwrap(), env!("CARGO_BIN_EXE_h5manager")]);
}

/// Of three bounds, with addresses and lengths of other widths, and with nodes of B-trees of other sizes.
const FILES: [&str; 9] = [
    "earliest",
    "v110",
    "latest",
    "narrow_old",
    "narrow_new",
    "short_lengths",
    "short_addresses",
    "small_nodes",
    "large_nodes",
];

/// Writes to some places of a dataset.
fn write(edit: &mut FileEdit, path: &str) {
    let values: Vec<i32> = (0..18).map(|i| i - 100).collect();
    edit.write(path, (2..5, 3..9), values).unwrap();
    edit.write(path, (every(.., 3), 0..1), vec![-2i32; 7]).unwrap();
}

/// A dataset whose chunks at the edge are stored without its filter: h5py cannot ask for one.
fn add_plain_edges(edit: &mut FileEdit) {
    let edges = edit.build("d/plain_edges").unwrap().chunks([7, 8]).deflate(1).plain_edges();
    let edges = edges.max_shape([None, Some(30)]).fill_value(77i32);
    let values = h5manager::WithShape::new((0..600).collect::<Vec<i32>>(), [20, 30]).unwrap();
    edges.write(values).unwrap();
}

#[test]
fn libhdf5_reads_and_extends_elements_that_were_edited() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    if !python("edit_data.py", &["make", place]) {
        return;
    }
    for name in FILES {
        let path = folder.path().join(format!("{name}.h5"));
        let mut edit = File::edit(&path).unwrap();
        if ["v110", "latest", "short_addresses"].contains(&name) {
            add_plain_edges(&mut edit);
            edit.commit().unwrap();
        }
        let datasets: Vec<(String, bool)> = {
            let group = File::open(&path).unwrap().group("d").unwrap();
            let names = group.links().unwrap().map(|l| l.unwrap().name().to_string());
            names.map(|n| (format!("d/{n}"), group.dataset(&n).unwrap().max_shape()[0] != Some(20))).collect()
        };
        assert!(datasets.len() >= 18);
        for (path, grows) in &datasets {
            write(&mut edit, path);
            if *grows {
                edit.append(path, vec![7i32; 5 * 30]).unwrap();
            }
        }
        let mut made = edit.build("made/inside/data").unwrap().shape([2, 2]).write([1i16, 2, 3, 4]).unwrap();
        made.set_attribute("unit", "m").unwrap();
        edit.create_group("d2").unwrap().link_soft("there", "/d/grows").unwrap();
        assert!(edit.build("d/grows").is_err() && edit.build("d/grows/x").is_err());
        assert!(edit.link_soft("d2", "/d").is_err(), "a new group has that name");
        for name in ["contiguous", "chunked", "gzip"] {
            edit.write(format!("texts/{name}"), 1..2, ["1"]).unwrap();
        }
        edit.write("names", 1..2, ["a longer text"]).unwrap();
        edit.append("names", ["four", "five"]).unwrap();
        edit.commit().unwrap();
        edit.resize("texts/gzip", [6]).unwrap();
        edit.resize("texts/gzip", [7]).unwrap();
        for (path, _) in datasets.iter().filter(|(_, grows)| *grows) {
            edit.resize(path, [16, 30]).unwrap();
            edit.resize(path, [30, 30]).unwrap();
            edit.write(path, (29..30, ..), vec![9i32; 30]).unwrap();
        }
        edit.commit().unwrap();
        let error = edit.append("d/contiguous", vec![7i32; 30]).unwrap_err();
        assert!(error.to_string().contains("at most"), "{error}");
    }
    python("edit_data.py", &["check", place]);
    for name in FILES {
        let path = folder.path().join(format!("{name}.h5"));
        let done = Command::new(env!("CARGO_BIN_EXE_h5manager")).arg("check").arg(&path).output().unwrap();
        assert!(done.status.success(), "{name}, extended by libhdf5: {}", String::from_utf8_lossy(&done.stdout));
    }
}

#[test]
fn libhdf5_finds_in_the_sources_what_was_written_to_virtual_datasets() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    if !python("edit_virtual.py", &["make", place]) {
        return;
    }
    for name in ["v110", "latest"] {
        let path = folder.path().join(format!("{name}.h5"));
        let mut edit = File::edit(&path).unwrap();
        edit.write("stacked", (2..10, 3..15), (0..96).map(|n| -n).collect::<Vec<i32>>()).unwrap();
        // Made of another virtual dataset.
        edit.write("above", (every(.., 5), every(.., 7)), vec![1000; 9]).unwrap();
        let woven: Vec<i32> = (0..80).collect();
        let columns = |columns: &[usize], rows: usize| -> Vec<i32> {
            (0..rows).flat_map(|row| columns.iter().map(move |c| (row * 20 + c) as i32)).collect()
        };
        // Where nothing is mapped nothing can be written, nor where there are too few.
        let refused = |done: h5manager::Result<()>, kind, word: &str| {
            let error = done.unwrap_err();
            assert!(error.kind() == kind && error.to_string().contains(word), "{error}");
        };
        refused(edit.write("woven", (0..4, ..), &woven[..]), ErrorKind::Mismatch, "none of its sources");
        refused(edit.write("woven", (4..5, ..), vec![0; 20]), ErrorKind::Mismatch, "none of its sources");
        refused(edit.write("woven", (0..2, 0..3), vec![0; 5]), ErrorKind::Mismatch, "5 elements");
        refused(edit.write("words", .., &["x"; 4][..]), ErrorKind::Mismatch, "none of its sources");
        refused(edit.append("grown", vec![0; 20]), ErrorKind::Unsupported, "virtual");
        edit.write("woven", (0..4, every(.., 2)), columns(&[0, 2, 4, 6, 8, 10, 12, 14, 16, 18], 4)).unwrap();
        edit.write("woven", (0..2, every(1..13, 2)), columns(&[1, 3, 5, 7, 9, 11], 2)).unwrap();
        let words = ["é".repeat(40), "x".to_string()];
        edit.write("words", every(1.., 2), &words[..]).unwrap();
        // A point, within a source that changed since.
        edit.write("grown", Selection::points([[1, 9]]), vec![77]).unwrap();
        edit.append("s/growing", [[5i32; 20], [6; 20]].concat()).unwrap();
        refused(edit.write("grown", (0..1, ..), vec![0; 20]), ErrorKind::Conflict, "s/growing");
        edit.commit().unwrap();
        refused(edit.resize("grown", [9, 20]), ErrorKind::Unsupported, "whose sources say");
        refused(edit.resize("wide", [2, 25]), ErrorKind::Mismatch, "[3, 20] at least");
        refused(edit.resize("wide", [6, 31]), ErrorKind::Mismatch, "at most");
        edit.resize("wide", [5, 25]).unwrap();
        edit.resize("wide", [6, 25]).unwrap();
        refused(edit.write("wide", (1..2, 0..1), vec![0]), ErrorKind::Conflict, "resized since");
        edit.commit().unwrap();
        // Now it is as long as its source.
        edit.write("grown", (4..6, ..), [[5i32; 20], [6; 20]].concat()).unwrap();
        edit.commit().unwrap();
        drop(edit);
        write_to_frames(&folder.path().join(format!("run_{name}.h5")));
    }
    python("edit_virtual.py", &["check", place]);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        let done = Command::new(env!("CARGO_BIN_EXE_h5manager")).arg("check").arg(&path).output().unwrap();
        assert!(done.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&done.stdout));
    }
}

/// Writes to three files of frames through a virtual dataset of them all.
fn write_to_frames(path: &Path) {
    let mut edit = File::edit(path).unwrap();
    let error = edit.write("run", .., vec![0; 280]).unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && error.to_string().contains("--external"), "{error}");
    drop(edit);
    let mut edit = File::edit_with(path, EditOptions::new().external(External::OwnFolder)).unwrap();
    edit.write("run", (2..14, 3..15), (0..144).collect::<Vec<i32>>()).unwrap();
    edit.write("words", 1.., ["é".repeat(40), "x".into()]).unwrap();
    edit.commit().unwrap();
    edit.write("run", (every(.., 5), every(.., 7)), vec![1000; 9]).unwrap();
    edit.set_attribute("run", "rows", 14).unwrap();
    edit.commit().unwrap();
}

#[test]
fn a_file_whose_addresses_have_two_bytes_is_edited_until_it_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    if !python("edit_data.py", &["make_tiny", place]) {
        return;
    }
    for name in ["tiny_old", "tiny_new", "tiny_lengths"] {
        let path = folder.path().join(format!("{name}.h5"));
        let mut edit = File::edit(&path).unwrap();
        for i in 0..12 {
            edit.set_attribute("a", format!("n{i:02}"), [i; 3]).unwrap();
            edit.build(format!("g/l{i:02}")).unwrap().write(i).unwrap();
        }
        edit.set_attribute("/", "title", "tiny").unwrap();
        edit.write("g/text", 1..2, ["longer"]).unwrap();
        edit.commit().unwrap();
        drop(edit);
        let before = std::fs::read(&path).unwrap();
        let mut edit = File::edit(&path).unwrap();
        let large = edit.build("large").unwrap().write(vec![1u8; 70_000]).map(drop).and_then(|()| edit.commit());
        let error = large.unwrap_err();
        assert_eq!(error.kind(), h5manager::ErrorKind::Limit, "{name}: {error}");
        drop(edit);
        assert!(std::fs::read(&path).unwrap() == before, "{name}");
    }
    python("edit_data.py", &["check_tiny", place]);
}

#[test]
fn libhdf5_finds_in_external_files_what_was_written_there() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    if !python("edit_external.py", &["make", place]) {
        return;
    }
    let names = ["earliest", "v110", "latest"];
    for name in names {
        let path = folder.path().join(format!("{name}.h5"));
        let mut edit = File::edit_with(&path, EditOptions::new().external(External::OwnFolder)).unwrap();
        edit.write("one", (2..5, 3..9), (0..18).map(|n| -n).collect::<Vec<i32>>()).unwrap();
        edit.append("several", [vec![5f64; 20], vec![6f64; 20]].concat()).unwrap();
        edit.write("texts", every(1.., 2), ["zz", "12345"]).unwrap();
        edit.commit().unwrap();
        edit.write("one", (every(.., 5), every(.., 7)), vec![1000; 9]).unwrap();
        edit.write("several", (0..1, 10..), [77.5; 10]).unwrap();
        edit.write("several", (5..6, 19..), [77.5]).unwrap();
        edit.set_attribute("several", "rows", 8).unwrap();
        edit.write("none", .., (0..10).collect::<Vec<u8>>()).unwrap();
        edit.write("pairs", 1..2, [Pair { n: -7, x: 0.5 }]).unwrap();
        edit.resize("odd", [9]).unwrap();
        edit.write("odd", 7..9, [8u8, 9]).unwrap();
        assert!(edit.resize("odd", [10]).is_err() && edit.append("one", vec![0; 20]).is_err());
        edit.commit().unwrap();
    }
    python("edit_external.py", &["check", place]);
    for name in names {
        let path = folder.path().join(format!("{name}.h5"));
        let file = File::open(&path).unwrap();
        let several: Vec<f64> = file.dataset("several").unwrap().read().unwrap();
        assert!(several.len() == 200 && several[160..180] == [0.0; 20] && several[180..] == [10.0; 20]);
        assert_eq!(file.dataset("odd").unwrap().shape(), [8]);
        let done = Command::new(env!("CARGO_BIN_EXE_h5manager")).arg("check").arg(&path).output().unwrap();
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stdout));
    }
}

h5manager::compound! {
    /// An element of a compound type.
    pub struct Pair {
        /// Two bytes.
        pub n: i16,
        /// Four bytes.
        pub x: f32,
    }
}
