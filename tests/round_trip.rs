//! Random datasets, written and read back: whole and in parts, in every storage.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

mod models;

use h5manager::io::MemoryStore;
use h5manager::{Element, File, FileMut};
use proptest::prelude::*;

/// How a dataset is stored.
#[derive(Clone, Debug)]
struct Storage {
    shape: Vec<u64>,
    /// None: in one piece.
    chunk: Option<Vec<u64>>,
    extendible: bool,
    shuffle: bool,
    deflate: Option<u32>,
    fletcher32: bool,
    /// Rows are appended in pieces of this many; None: written at once.
    append: Option<u64>,
}

prop_compose! {
    fn storage()(rank in 1usize..4)(
        shape in prop::collection::vec(0u64..9, rank),
        chunk in prop::option::weighted(0.8, prop::collection::vec(1u64..6, rank)),
        extendible in any::<bool>(),
        shuffle in any::<bool>(),
        deflate in prop::option::of(0u32..=9),
        fletcher32 in any::<bool>(),
        append in prop::option::of(1u64..5),
    ) -> Storage {
        let extendible = extendible && chunk.is_some();
        // A chunk may reach beyond a dimension only where that can grow.
        let fits = |(d, (c, n)): (usize, (u64, &u64))| if extendible && d == 0 { c } else { c.min((*n).max(1)) };
        let chunk = chunk.map(|c: Vec<u64>| c.into_iter().zip(&shape).enumerate().map(fits).collect());
        Storage { shape, chunk, extendible, shuffle, deflate, fletcher32, append }
    }
}

fn write<T: Element>(storage: &Storage, values: &[T]) -> Vec<u8>
where
    for<'a> &'a [T]: h5manager::ArrayLike,
{
    let store = MemoryStore::default();
    let mut out = FileMut::on_store(store.clone());
    let mut builder = out.build("a/b").element::<T>();
    let growing = storage.extendible && storage.append.is_some();
    let mut shape = storage.shape.clone();
    if growing {
        shape[0] = 0;
    }
    builder = builder.shape(&shape);
    if let Some(chunk) = &storage.chunk {
        builder = builder.chunks(chunk);
        if storage.extendible {
            builder = builder.extendible();
        }
        if storage.shuffle {
            builder = builder.shuffle();
        }
        if let Some(level) = storage.deflate {
            builder = builder.deflate(level);
        }
        if storage.fletcher32 {
            builder = builder.fletcher32();
        }
    }
    let mut dataset = builder.create().expect("created");
    let row = storage.shape[1..].iter().product::<u64>() as usize;
    if row > 0 {
        let piece = storage.append.unwrap_or(u64::MAX).min(1 << 20) as usize * row;
        for rows in values.chunks(piece) {
            dataset.append(rows).expect("appended");
        }
    }
    dataset.set_attribute("of", values).expect("set");
    drop(dataset);
    out.commit().expect("committed");
    store.bytes()
}

fn check<T: Element + PartialEq + std::fmt::Debug>(storage: &Storage, values: &[T], start: f64, end: f64)
where
    for<'a> &'a [T]: h5manager::ArrayLike,
{
    let file = File::from_bytes(write(storage, values)).expect("opened");
    let dataset = file.dataset("/a/b").expect("there");
    let empty_rows = storage.extendible && storage.append.is_some() && storage.shape[1..].contains(&0);
    if !empty_rows {
        assert_eq!(dataset.shape(), storage.shape);
    }
    assert_eq!(dataset.read::<Vec<T>>().expect("read"), values);
    let attribute = dataset.attribute("of").expect("readable").expect("there");
    assert_eq!(attribute.read::<Vec<T>>().expect("read"), values);
    // Some part of it, by rows.
    let rows = dataset.shape()[0];
    let (a, b) = ((start * rows as f64) as u64, (end * rows as f64) as u64);
    let (a, b) = (a.min(b), a.max(b));
    let row = dataset.shape()[1..].iter().product::<u64>();
    let part: Vec<T> = dataset.select(a..b).and_then(|p| p.read()).expect("read");
    assert_eq!(part, values[(a * row) as usize..(b * row) as usize]);
}

fn count(storage: &Storage) -> usize {
    storage.shape.iter().product::<u64>() as usize
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn numbers_come_back((storage, values) in storage().prop_flat_map(|s| {
        let n = count(&s);
        (Just(s), prop::collection::vec(any::<i32>(), n))
    }), start in 0.0..1.0, end in 0.0..1.0) {
        check(&storage, &values, start, end);
    }

    #[test]
    fn strings_come_back((storage, values) in storage().prop_flat_map(|s| {
        let n = count(&s);
        (Just(s), prop::collection::vec("[^\u{0}]{0,12}", n))
    }), start in 0.0..1.0, end in 0.0..1.0) {
        check(&storage, &values, start, end);
    }

    #[test]
    fn floats_widen_without_loss(values in prop::collection::vec(any::<f32>().prop_filter("equal to itself", |x| !x.is_nan()), 1..50)) {
        let store = MemoryStore::default();
        let mut out = FileMut::on_store(store.clone());
        out.build("x").write(&values).expect("written");
        out.commit().expect("committed");
        let file = File::from_bytes(store.bytes()).expect("opened");
        let wide: Vec<f64> = file.dataset("x").and_then(|d| d.read()).expect("read");
        prop_assert_eq!(wide, values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_files_come_back(bytes in prop::collection::vec(any::<u8>(), 0..900)) {
        models::round_trip(&bytes);
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_edits_come_back_however_they_are_interrupted(bytes in prop::collection::vec(any::<u8>(), 0..1200)) {
        models::edit(&bytes, 12);
    }
}

/// What the fuzz target `edit` found.
#[test]
fn what_was_found_in_edits_is_not_found_again() {
    // Of a copy, a reference to an object that was gone, in whose place another one was.
    models::edit(include_bytes!("models/found/edit_stale_reference"), 4);
    models::edit(include_bytes!("models/found/edit_reused_heap"), 4);
}

/// Files written and edited at random, the same ones each time: libhdf5 reads them and goes on with them.
#[cfg(feature = "cli")]
#[test]
fn libhdf5_reads_random_files_and_goes_on_with_them() {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        // Written past the test harness, which would swallow it.
        let note = b"NOT RUN: set H5MANAGER_PYTHON to a Python with h5py to let libhdf5 read random files\n";
        std::io::Write::write_all(&mut std::io::stderr(), note).expect("a note");
        return;
    };
    let count = std::env::var("H5MANAGER_RANDOM_FILES").map_or(24, |n| n.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..count {
        let mut state = (number + 1u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut any = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        };
        let mut bytes: Vec<u8> = (0..900).map(|_| any()).collect();
        // Each bound in turn.
        bytes[0] = number as u8 % 6;
        let bound = models::make::BOUNDS[number as usize % 6];
        let mut choices = models::choices::Choices::new(&bytes);
        let (mut model, mut file) = models::make::file(&mut choices, 16);
        if number % 2 == 1 {
            file = models::edits::run(&mut choices, &mut model, file, 30).bytes();
        }
        std::fs::write(folder.path().join(format!("{number:03}-{bound}.h5")), file).expect("written");
    }
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/random_files.py");
    let program = env!("CARGO_BIN_EXE_h5manager");
    let mut command = std::process::Command::new(python);
    let done = command.arg(script).arg(program).arg(folder.path()).env("PYTHONDONTWRITEBYTECODE", "1").output();
    let done = done.expect("Python starts");
    print!("{}", String::from_utf8_lossy(&done.stdout));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
