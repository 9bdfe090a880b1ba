//! The map of a file accounts for every byte, every structure in it is told to its last byte, and damage stops neither.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use h5manager::anatomy::{Anatomy, Kind, Map, MapOptions, Structure};
use h5manager::io::{MemorySource, MemoryStore};
use h5manager::{CreateOptions, File, FileMut, LibVer, Limits};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn of(bytes: &[u8]) -> Anatomy {
    Anatomy::from_source(Arc::new(MemorySource::new(bytes.to_vec())), Limits::default())
}

/// The pieces must follow each other without a gap or an overlap, from the first byte of the file to the last.
fn assert_tiled(map: &Map, name: &str) {
    let mut end = 0;
    for piece in map.pieces() {
        assert_eq!(piece.position, end, "{name}: {piece:?}");
        end += piece.length;
    }
    assert_eq!(end, map.size(), "{name}");
}

/// The same where pieces overlap, as in a damaged file.
fn assert_covered(map: &Map, name: &str) {
    let mut reach = 0;
    for piece in map.pieces() {
        assert!(piece.position <= reach, "{name}: nothing before {piece:?}");
        reach = reach.max(piece.position + piece.length);
    }
    assert_eq!(reach, map.size(), "{name}");
}

/// The fields must follow each other in the same way, from the first byte of the structure to the last.
fn assert_told(structure: &Structure, name: &str) {
    let mut end = 0;
    for field in structure.fields.iter().filter(|f| !f.is_part) {
        assert_eq!(field.offset, end, "{name}: {} at {:#x}: {field:?}", structure.kind, structure.address);
        end += field.length;
    }
    assert_eq!(end, structure.bytes.len() as u64, "{name}: {} at {:#x}", structure.kind, structure.address);
}

fn assert_whole(anatomy: &Anatomy, name: &str) -> Map {
    let map = anatomy.map(MapOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(map.findings(), [], "{name}");
    assert_tiled(&map, name);
    map
}

fn assert_all_told(anatomy: &Anatomy, map: &Map, name: &str) {
    for piece in map.pieces().filter(|p| !p.kind.is_unused() && p.kind != Kind::UserBlock) {
        let address = u64::try_from(piece.address).expect("behind the superblock");
        // Collections that are found by their signature are led to by elements, which are not read here.
        let told = anatomy.structure(address).unwrap_or_else(|e| panic!("{name}: {e}"));
        let told = told.unwrap_or_else(|| panic!("{name}: nothing at {address:#x}, should be {piece:?}"));
        assert_eq!((told.kind, told.address), (piece.kind, address), "{name}");
        assert_told(&told, name);
    }
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/structures").join(name)).expect("a fixture")
}

#[test]
fn every_byte_of_every_structure_is_told() {
    for name in ["old.h5", "new.h5"] {
        let anatomy = of(&fixture(name));
        let map = assert_whole(&anatomy, name);
        assert_all_told(&anatomy, &map, name);
        let kinds: std::collections::BTreeSet<_> = map.pieces().map(|p| p.kind).collect();
        assert!(kinds.len() >= 10, "{name} has only {kinds:?}");
    }
}

#[test]
fn files_that_we_write_have_no_gap_but_zeros() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.h5");
    let mut out = File::create(&path).expect("created");
    for i in 0..40 {
        out.build(format!("many/d{i}")).write([i, i + 1]).expect("written");
    }
    let data: Vec<i64> = (0..100_000).collect();
    out.build("chunks").shape([1000, 100]).chunks([7, 30]).shuffle().deflate(1).write(&data).expect("written");
    out.build("texts").write(["one", "two", ""].map(String::from)).expect("written");
    out.set_attribute("run", 42).expect("set");
    out.commit().expect("committed");
    let anatomy = Anatomy::open(&path).expect("opened");
    let map = assert_whole(&anatomy, "ours");
    for gap in map.pieces().filter(|p| p.kind == Kind::Gap) {
        assert!(gap.note == "zeros" && gap.length < 8, "{gap:?}");
    }
    assert_all_told(&anatomy, &map, "ours");
    let deep = anatomy.map(MapOptions { deep: true, all: false }).expect("read");
    let owners: Vec<String> = deep.pieces().filter(|p| p.kind == Kind::GlobalHeap).map(|p| p.owner).collect();
    assert!(owners.iter().any(|o| o == "/texts"), "{owners:?}");
    let every = anatomy.map(MapOptions { deep: false, all: true }).expect("read");
    assert_eq!(every.pieces().filter(|p| p.kind == Kind::Chunk).count(), 143 * 4);
}

#[test]
fn pages_of_a_fixed_array_are_pieces_and_those_that_were_never_written_are_room() {
    let store = MemoryStore::default();
    let options = CreateOptions::new().libver(LibVer::V110);
    let mut out = FileMut::on_store_with(store.clone(), options).expect("made");
    let data = out.build("x").element::<u8>().shape([3000]).max_shape([Some(5000)]).chunks([1]);
    let mut data = data.create().expect("made");
    data.write_selection(5..6, [1u8]).expect("written");
    data.write_selection(2500..2501, [2u8]).expect("written");
    out.commit().expect("committed");
    let anatomy = of(&store.bytes());
    let map = assert_whole(&anatomy, "pages");
    assert_all_told(&anatomy, &map, "pages");
    let (page, last) = (1024 * 8 + 4, (5000 - 4096) * 8 + 4);
    let pieces = map.pieces().skip_while(|p| p.kind != Kind::FixedArrayBlock).skip(1).take(4);
    let pieces: Vec<_> = pieces.map(|p| (p.kind, p.length, p.under_checksum)).collect();
    let (written, unwritten) = (Kind::FixedArrayPage, Kind::UnwrittenPages);
    let expected = [(written, page, page), (unwritten, page, 0), (written, page, page), (unwritten, page + last, 0)];
    assert_eq!(pieces, expected);
}

#[test]
fn a_wrong_checksum_is_found_where_it_is() {
    let mut bytes = fixture("new.h5");
    let anatomy = of(&bytes);
    let map = assert_whole(&anatomy, "new.h5");
    let sealed: Vec<(Kind, u64)> = map
        .pieces()
        .filter(|p| matches!(p.kind, Kind::BTree2 | Kind::FractalHeap | Kind::ExtensibleArray | Kind::IndexBlock))
        .map(|p| (p.kind, p.position))
        .collect();
    assert!(sealed.len() >= 5, "{sealed:?}");
    for (kind, position) in sealed {
        // The version stands behind the signature in all of them.
        bytes[position as usize + 4] ^= 1;
        let map = of(&bytes).map(MapOptions::default()).expect("read");
        let found = map.findings().iter().find(|f| f.message.starts_with("checksum is"));
        assert_eq!(found.map(|f| (f.kind, f.address)), Some((Some(kind), Some(position))));
        bytes[position as usize + 4] ^= 1;
    }
}

#[test]
fn an_overlap_is_named() {
    let mut bytes = fixture("old.h5");
    let map = of(&bytes).map(MapOptions::default()).expect("read");
    let at = |kind: Kind, owner: &str| map.pieces().find(|p| p.kind == kind && p.owner == owner).expect("there");
    let (header, data) = (at(Kind::ObjectHeader, "/plain"), at(Kind::Contiguous, "/plain"));
    // The address of the data stands in the header: put it upon the superblock.
    let range = header.position as usize..(header.position + header.length) as usize;
    let needle = (data.address as u64).to_le_bytes();
    let place = bytes[range.clone()].windows(8).position(|w| w == needle).expect("the address") + range.start;
    bytes[place..place + 8].copy_from_slice(&40u64.to_le_bytes());
    let map = of(&bytes).map(MapOptions::default()).expect("read");
    let messages: Vec<&str> = map.findings().iter().map(|f| f.message.as_str()).collect();
    assert_eq!(messages, ["12 bytes overlap the superblock at 0x0"]);
}

#[test]
fn a_map_that_nobody_wants_any_more_ends() {
    let asked = std::cell::Cell::new(0);
    let stopped = || {
        asked.set(asked.get() + 1);
        asked.get() > 10
    };
    let ended = of(&fixture("new.h5")).map_unless(MapOptions::default(), &stopped);
    assert_eq!(ended.unwrap_err().kind(), h5manager::ErrorKind::Interrupted);
}

#[test]
fn no_damage_ends_the_map() {
    for name in ["old.h5", "new.h5"] {
        let good = fixture(name);
        for cut in (0..good.len()).step_by(397) {
            if let Ok(map) = of(&good[..cut]).map(MapOptions { all: true, deep: true }) {
                assert_covered(&map, name);
            }
        }
        for i in (0..good.len()).step_by(if cfg!(debug_assertions) { 41 } else { 3 }) {
            let mut bytes = good.clone();
            bytes[i] ^= 0xff;
            let anatomy = of(&bytes);
            if let Ok(map) = anatomy.map(MapOptions::default()) {
                assert_covered(&map, name);
            }
            if let Ok(Some(told)) = anatomy.structure(i as u64) {
                assert!(told.fields.is_empty() || told.fields.iter().any(|f| !f.is_part));
            }
        }
    }
}

fn corpus(below: &str) -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, found);
            } else if std::fs::metadata(&path).is_ok_and(|m| (100..4 << 20).contains(&m.len())) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/corpus").join(below), &mut found);
    found.sort();
    found
}

#[test]
fn maps_of_other_peoples_files_account_for_every_byte() {
    let files = corpus("");
    if files.is_empty() {
        eprintln!("NOT RUN: the corpus is not here");
        return;
    }
    // Files that are damaged on purpose, or one of several.
    let spoilt = |path: &Path| {
        let text = path.to_string_lossy().to_lowercase();
        ["hostile", "cve", "corrupt", "broken", "err_", "bad_", "fuzz", "family", "subfiling", "peers", "hdfgroup"]
            .iter()
            .any(|word| text.contains(word))
    };
    let (mut whole, mut told) = (0, 0);
    for path in files.iter().filter(|p| !spoilt(p)).step_by(9) {
        let name = path.to_string_lossy();
        let Ok(anatomy) = Anatomy::open(path) else { continue };
        let Ok(map) = anatomy.map(MapOptions::default()) else { continue };
        whole += 1;
        assert_eq!(map.findings(), [], "{name}");
        assert_tiled(&map, &name);
        if map.size() < 20_000 && whole % 4 == 0 {
            told += 1;
            assert_all_told(&anatomy, &map, &name);
        }
    }
    assert!(whole >= 50 && told >= 5, "only {whole} files with a map, {told} told");
}

#[test]
fn hostile_files_end_in_time() {
    for path in corpus("hostile") {
        let begun = std::time::Instant::now();
        if let Ok(anatomy) = Anatomy::open(&path) {
            if let Ok(map) = anatomy.map(MapOptions { all: true, deep: true }) {
                assert_covered(&map, &path.to_string_lossy());
            }
            let _ = anatomy.structure(0);
        }
        let seconds = begun.elapsed().as_secs_f64();
        assert!(seconds < if cfg!(debug_assertions) { 20.0 } else { 1.0 }, "{}: {seconds} s", path.display());
    }
}

/// Where a piece is said to hold a checksum, no changed bit goes unseen.
#[test]
fn every_flipped_bit_under_a_checksum_is_found() {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/structures/new.h5")).expect("read");
    let map = assert_whole(&of(&bytes), "new.h5");
    let mut under = 0;
    for piece in map.pieces().filter(|p| p.under_checksum > 0) {
        under += piece.under_checksum;
        for position in piece.position..piece.position + piece.under_checksum {
            let mut flipped = bytes.clone();
            flipped[position as usize] ^= 1 << (position % 8);
            let found = of(&flipped).map(MapOptions::default()).map_or(1, |map| map.findings().len());
            assert!(found > 0, "{} at {:#x}: byte {position:#x}", piece.kind, piece.address);
        }
    }
    assert!(under > 5_000, "{under}");
}
