//! What the bounds of library versions, creation order, object times and user blocks make of a file: libhdf5 must see just
//! that, open it as strictly as the bound says, and go on writing to it.
//!
//! The Python that has h5py is taken from `H5MANAGER_PYTHON`; without it only our own reader and map look.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails should panic")]

use h5manager::anatomy::{Anatomy, Kind, MapOptions};
use h5manager::{CreateOptions, File, FileMut, LibVer};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

/// Every byte belongs to one structure, but for the zeros up to the next multiple of 8.
fn assert_accounted_for(path: &Path) {
    let map = Anatomy::open(path).unwrap().map(MapOptions::default()).unwrap();
    assert_eq!(map.findings(), [], "{path:?}");
    for gap in map.pieces().filter(|p| p.kind == Kind::Gap) {
        assert!(gap.note == "zeros" && gap.length < 8, "{path:?}: {gap:?}");
    }
}

/// Writes a file and, beside it, what libhdf5 must see.
fn write(folder: &Path, name: &str, options: CreateOptions, wants: &str, fill: impl Fn(&mut FileMut)) {
    let path = folder.join(format!("{name}.h5"));
    let mut out = File::create_with(&path, options).unwrap();
    fill(&mut out);
    out.commit().unwrap();
    assert_accounted_for(&path);
    std::fs::write(path.with_extension("json"), wants).unwrap();
}

/// Names in an order that is not that of the alphabet.
fn shuffled(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("n{}", i * 7 % count)).collect()
}

fn ordered(folder: &Path, libver: LibVer, superblock: u8, links: usize, attributes: usize) {
    let (names, marks) = (shuffled(links), shuffled(attributes));
    let storage = if links > 8 { 2 } else { 1 };
    let wants = format!(
        r#"{{"superblock": {superblock}, "edit": [3, 12], "objects": {{
            "/": {{"links": ["g", "plain", "d"], "attributes": [], "header": 2}},
            "g": {{"links": {names:?}, "attributes": {marks:?}, "header": 2, "storage": {storage}, "count": {links}}},
            "plain": {{"links": null, "attributes": null}},
            "d": {{"attributes": {marks:?}, "header": 2}}}}}}"#
    );
    let options = CreateOptions::new().libver(libver).track_order(true);
    write(folder, &format!("ordered_{links}_{attributes}.{libver}"), options, &wants, |out| {
        let mut group = out.create_group("g").unwrap();
        for name in &names {
            group.build(name).write([1u8]).unwrap();
        }
        out.create_group("plain").unwrap().track_order(false).unwrap();
        let mut dataset = out.build("d").write([2u8]).unwrap();
        for mark in &marks {
            group.set_attribute(mark, 1).unwrap();
            dataset.set_attribute(mark, "x").unwrap();
        }
        // Once more: it keeps its place.
        dataset.set_attribute("n0", "y").unwrap();
    });
}

/// Old groups as far as they go, new ones where they do not.
fn mixed(folder: &Path) {
    // Storage is 0 for symbol tables, 1 for messages, 2 for heaps.
    let wants = r#"{"superblock": 0, "edit": [2, 20], "objects": {
        "/": {"storage": 0, "header": 1, "links": null, "count": 8},
        "old": {"storage": 0, "header": 1, "count": 301},
        "old/deep/er": {"storage": 0, "header": 1, "links_here": 2},
        "umlaut": {"storage": 1, "header": 1, "count": 1},
        "elsewhere": {"storage": 1, "header": 1, "count": 1},
        "umlauts": {"storage": 2, "header": 1, "count": 20},
        "ordered": {"storage": 1, "header": 2, "links": ["b", "a"], "attributes": []},
        "phase": {"storage": 2, "header": 1, "count": 3},
        "large": {"header": 2}, "marked": {"header": 1}},
        "values": {"old/7": [7, 8], "umlaut/ü": [1], "ordered/b": [3]}}"#;
    write(folder, "mixed.earliest", CreateOptions::new().libver(LibVer::Earliest), wants, |out| {
        for i in 0..300 {
            out.build(format!("old/{i}")).write([i, i + 1]).unwrap();
        }
        out.create_group("old/deep/er").unwrap();
        out.link_soft("soft", "/old/7").unwrap();
        out.build("umlaut/ü").write([1u8]).unwrap();
        out.root().link_external("elsewhere/x", "nowhere.h5", "/y").unwrap();
        for i in 0..20 {
            out.build(format!("umlauts/ü{i}")).write(i).unwrap();
        }
        let mut ordered = out.create_group("ordered").unwrap();
        ordered.track_order(true).unwrap();
        ordered.build("b").write([3u8]).unwrap();
        ordered.link_hard("a", "b").unwrap();
        let mut phase = out.create_group("phase").unwrap();
        phase.link_phase_change(2, 1).unwrap();
        for name in ["a", "b", "c"] {
            phase.create_group(name).unwrap();
        }
        let mut large = out.build("large").write([1u8]).unwrap();
        large.set_attribute("all", vec![7u8; 70_000]).unwrap();
        let mut marked = out.build("marked").write([1u8]).unwrap();
        for i in 0..200 {
            marked.set_attribute(format!("mark {i}"), vec![i as u8; 1000]).unwrap();
        }
        out.root().link_hard("old/deep/again", "old/deep/er").unwrap();
    });
}

fn before_and_times(folder: &Path) {
    let text = "#!/bin/sh\n".repeat(60);
    let when = UNIX_EPOCH + Duration::from_secs(1_234_567_890);
    for (libver, superblock) in [(LibVer::Earliest, 0), (LibVer::V18, 2), (LibVer::V110, 3)] {
        let wants = format!(
            r#"{{"superblock": {superblock}, "user_block": 1024, "edit": [2], "objects": {{
                "/": {{}}, "g/d": {{"time": 1234567890}}}}, "values": {{"g/d": [1, 2, 3]}}}}"#
        );
        let options = CreateOptions::new().libver(libver).user_block(text.clone()).object_times(when);
        let name = format!("before.{libver}");
        write(folder, &name, options, &wants, |out| {
            out.build("g/d").chunks([2]).write([1u8, 2, 3]).unwrap();
        });
        let path = folder.join(format!("{name}.h5"));
        assert!(std::fs::read(&path).unwrap().starts_with(text.as_bytes()));
        assert_eq!(File::open(&path).unwrap().dataset("g/d").unwrap().read::<Vec<u8>>().unwrap(), [1, 2, 3]);
    }
    let wants =
        r#"{"superblock": 0, "user_block": 512, "objects": {"/": {"storage": 0}}, "values": {"x": [[1.5], [2.5]]}}"#;
    write(folder, "matlab", CreateOptions::new().matlab(), wants, |out| {
        let mut x = out.build("x").shape([2, 1]).write([1.5, 2.5]).unwrap();
        x.set_attribute("MATLAB_class", h5manager::FixedString("double")).unwrap();
    });
    let bytes = std::fs::read(folder.join("matlab.h5")).unwrap();
    assert!(bytes.starts_with(b"MATLAB 7.3 MAT-file, ") && bytes[100..116] == [b' '; 16]);
    assert_eq!(bytes[124..128], [0, 2, b'I', b'M']);
}

#[test]
fn libhdf5_sees_what_was_asked_for_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (libver, superblock) in [(LibVer::Earliest, 0), (LibVer::V18, 2), (LibVer::V110, 3)] {
        ordered(folder, libver, superblock, 5, 5);
        ordered(folder, libver, superblock, 300, 9);
    }
    ordered(folder, LibVer::V18, 2, 9, 1100);
    mixed(folder);
    before_and_times(folder);
    let Ok(python) = std::env::var("H5MANAGER_PYTHON") else {
        // Written past the test harness, which would swallow it.
        let note = b"NOT RUN: set H5MANAGER_PYTHON to a Python with h5py to compare with h5py and h5dump\n";
        std::io::stderr().write_all(note).unwrap();
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/read_bounds.py");
    let done = Command::new(&python).arg(script).arg(folder).output();
    let done = done.unwrap_or_else(|e| panic!("{python}: {e}"));
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    println!("{out}");
    assert!(done.status.success(), "{err}");
}

#[test]
fn a_hundred_thousand_links_cost_little_under_every_bound() {
    for libver in [LibVer::Earliest, LibVer::V18, LibVer::LATEST] {
        for track_order in [false, true] {
            let store = h5manager::io::MemoryStore::default();
            let options = CreateOptions::new().libver(libver).track_order(track_order);
            let mut out = FileMut::on_store_with(store.clone(), options).unwrap();
            let mut group = out.create_group("many").unwrap();
            for i in 0..100_000 {
                group.link_soft(format!("link {i}"), "/x").unwrap();
            }
            out.commit().unwrap();
            let size = store.bytes().len();
            assert!(size < 12_000_000, "{libver} {track_order}: {size} bytes");
            let file = File::from_bytes(store.bytes()).unwrap();
            assert_eq!(file.group("many").unwrap().links().unwrap().count(), 100_000);
        }
    }
}

#[test]
fn what_the_format_cannot_say_is_refused() {
    let refused = |options: CreateOptions| {
        let made = FileMut::on_store_with(h5manager::io::MemoryStore::default(), options);
        made.map(drop).unwrap_err().kind()
    };
    let signature = b"\x89HDF\r\n\x1a\n".to_vec();
    assert_eq!(refused(CreateOptions::new().user_block(signature)), h5manager::ErrorKind::Invalid);
    let early = UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(refused(CreateOptions::new().object_times(early)), h5manager::ErrorKind::Limit);
    let mut out = FileMut::on_store(h5manager::io::MemoryStore::default());
    assert_eq!(out.root().link_phase_change(3, 4).unwrap_err().kind(), h5manager::ErrorKind::Invalid);
    out.set_attribute("a", 1).unwrap();
    assert_eq!(out.root().track_order(true).unwrap_err().kind(), h5manager::ErrorKind::Conflict);
}
