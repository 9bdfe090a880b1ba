//! Raw data, read by us: `cargo bench -p h5manager-benches --bench read`. Small files, made here; rows as in
//! benches/compare/README.md, where others are measured beside us.
#![allow(clippy::expect_used, missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use h5manager::{ArrayLike, Dataset, DatasetBuilder, File, FilterInfo, OpenOptions, WithShape};
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

/// A generator of numbers that look random.
fn noise(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

/// A smooth field with some noise, as simulations and microscopes give.
fn field() -> Vec<f32> {
    let mut state = 2;
    let value = |i: usize| {
        let (x, y) = ((i % 1024) as f32 / 1024.0, (i / 1024 % 1024) as f32 / 1024.0);
        (7.0 * x + (i >> 20) as f32).sin() * (5.0 * y).cos() * 1000.0
    };
    (0..4 << 20).map(|i| (value(i) + noise(&mut state, 9) as f32).round()).collect()
}

/// Images: squares of one colour, some noise on them.
fn images() -> Vec<u8> {
    let (mut state, mut squares) = (4, vec![0u8; 8 * 8 * 3]);
    let mut all = Vec::new();
    for _ in 0..1024 {
        squares.fill_with(|| noise(&mut state, 240) as u8);
        for i in 0..64 * 64 * 3 {
            let (row, column, colour) = (i / 192 / 8, i / 3 % 64 / 8, i % 3);
            all.push(squares[(8 * row + column) * 3 + colour] + noise(&mut state, 9) as u8);
        }
    }
    all
}

fn filter(id: u16, parameters: &[u32]) -> Vec<FilterInfo> {
    vec![FilterInfo { id, name: "".into(), optional: false, parameters: parameters.to_vec() }]
}

/// Makes a file with one dataset, `d`.
fn make(path: &Path, values: impl ArrayLike, chosen: impl FnOnce(DatasetBuilder) -> DatasetBuilder) {
    let mut out = File::create(path).expect("a new file");
    chosen(out.build("d")).write(values).expect("a dataset");
    out.commit().expect("a whole file");
}

fn open(path: &Path, map: bool) -> Dataset {
    OpenOptions::new().map(map).open(path).and_then(|f| f.dataset("d")).expect("the dataset")
}

fn rows(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name);
    let (field, images) = (field(), images());
    let numbers: Vec<i64> = (0..1 << 21).map(|n| n ^ 0x5555).collect();
    let volume = |b: DatasetBuilder| b.shape([4, 1024, 1024]);
    let chunked = |b: DatasetBuilder| b.shape([4, 1024, 1024]).chunks([1, 512, 512]);
    make(&path("contiguous"), &field, volume);
    make(&path("gzip"), &field, |b| chunked(b).shuffle().deflate(4));
    make(&path("lzf"), &field, |b| chunked(b).filters(filter(32_000, &[4, 261, 1 << 20])));
    make(&path("bitshuffle"), &field, |b| chunked(b).filters(filter(32_008, &[0, 5, 4, 0, 2])));
    for images_a_chunk in [1, 64] {
        let stack = WithShape::new(&images, [1024, 64, 64, 3]).expect("a stack");
        make(&path(&format!("images{images_a_chunk}")), stack, |b| b.chunks([images_a_chunk, 64, 64, 3]).deflate(4));
    }
    make(&path("small"), &numbers, |b| b.chunks([1024]));

    let mut group = c.benchmark_group("read");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Bytes(4 * field.len() as u64));
    for (name, map) in
        [("contiguous", false), ("contiguous", true), ("gzip", false), ("lzf", false), ("bitshuffle", false)]
    {
        let dataset = open(&path(name), map);
        let label = if map { format!("{name}, mapped") } else { name.to_owned() };
        group.bench_function(label, |b| b.iter(|| black_box(dataset.read::<Vec<f32>>().expect("all"))));
    }
    let (dataset, mut buffer) = (open(&path("contiguous"), false), vec![0f32; field.len()]);
    group.bench_function("contiguous, caller's buffer", |b| b.iter(|| dataset.read_into(&mut buffer).expect("all")));
    group.throughput(Throughput::Bytes(images.len() as u64));
    for name in ["images1", "images64"] {
        let dataset = open(&path(name), false);
        group.bench_function(name, |b| b.iter(|| black_box(dataset.read::<Vec<u8>>().expect("all"))));
    }
    group.throughput(Throughput::Bytes(8 * numbers.len() as u64));
    let dataset = open(&path("small"), false);
    group.bench_function("small chunks", |b| b.iter(|| black_box(dataset.read::<Vec<i64>>().expect("all"))));
    group.throughput(Throughput::Elements(1));
    for (label, map) in [("100 of small chunks", false), ("100 of small chunks, mapped", true)] {
        let (dataset, mut state) = (open(&path("small"), map), 1);
        group.bench_function(label, |b| {
            b.iter(|| {
                let at = noise(&mut state, numbers.len() as u64 - 100);
                let part: Vec<i64> = dataset.select(at..at + 100).and_then(|p| p.read()).expect("a part");
                black_box(part)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rows);
criterion_main!(benches);
