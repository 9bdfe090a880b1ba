//! What is not raw numbers, read by us: `cargo bench -p h5manager-benches --bench metadata`. Small files, made here; rows as in
//! benches/compare/README.md, where others are measured beside us.
#![allow(clippy::expect_used, missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use h5manager::{File, OpenOptions, Visited, compound};
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

compound! {
    struct Row {
        id: i32,
        value: f64,
        name: [u8; 16],
    }
}

/// 10 groups of 100 datasets with 3 attributes each.
fn objects(path: &Path) {
    let mut out = File::create(path).expect("a new file");
    for group in 0..10 {
        for n in 0..100i32 {
            let place = format!("group{group}/data{n:03}");
            let mut dataset = out.build(&place).write([n; 10]).expect("a dataset");
            dataset.set_attribute("unit", "kelvin").expect("an attribute");
            dataset.set_attribute("scale", 0.5).expect("an attribute");
            dataset.set_attribute("range", [n, n + 1]).expect("an attribute");
        }
    }
    out.commit().expect("a whole file");
}

/// 20,000 groups in one.
fn many(path: &Path) {
    let mut out = File::create(path).expect("a new file");
    for n in 0..20_000 {
        out.create_group(format!("child{n:06}")).expect("a group");
    }
    out.commit().expect("a whole file");
}

/// 100,000 strings and as many rows, these in one piece and in chunks.
fn values(path: &Path) {
    let n = 100_000;
    let strings: Vec<String> = (0..n as u64).map(|i| format!("name of number {}", i * i)).collect();
    let rows: Vec<Row> =
        (0..n).map(|i| Row { id: i, value: f64::from(i) / 7.0, name: [(i % 100) as u8; 16] }).collect();
    let mut out = File::create(path).expect("a new file");
    out.build("strings").write(&strings).expect("strings");
    out.build("rows").write(&rows).expect("rows");
    out.build("gzip").chunks([8192]).deflate(4).write(&rows).expect("rows");
    out.commit().expect("a whole file");
}

/// Every object, with the bytes of all its attributes.
fn walk(file: &File) -> usize {
    let mut bytes = 0;
    for visit in file.walk() {
        if let Visited::Object(object) = visit.expect("a step").what() {
            for attribute in object.attributes().expect("attributes") {
                bytes += attribute.expect("an attribute").stored().len();
            }
        }
    }
    bytes
}

fn structure(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = |name: &str| dir.path().join(name);
    objects(&path("objects"));
    many(&path("many"));
    let mut group = c.benchmark_group("structure");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group.bench_function("open", |b| b.iter(|| File::open(path("many")).expect("a file")));
    group.throughput(Throughput::Elements(1011));
    for (label, map) in [("walk with attributes", false), ("walk with attributes, mapped", true)] {
        // Opened anew: what a walk has read is kept.
        let open = || OpenOptions::new().map(map).open(path("objects")).expect("a file");
        group.bench_function(label, |b| b.iter(|| walk(&open())));
    }
    group.throughput(Throughput::Elements(20_000));
    let open = || File::open(path("many")).and_then(|f| f.root()).expect("the root");
    group.bench_function("list names", |b| b.iter(|| open().links().expect("links").count()));
    group.bench_function("list in no order", |b| b.iter(|| open().links_unordered().expect("links").count()));
    group.throughput(Throughput::Elements(1));
    group.bench_function("first name", |b| b.iter(|| open().links().expect("links").next()));
    group.bench_function("any name", |b| b.iter(|| open().links_unordered().expect("links").next()));
    group.bench_function("one of 20,000", |b| b.iter(|| open().group("child012345").expect("a group")));
    group.finish();
}

fn elements(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("values");
    values(&path);
    let mut group = c.benchmark_group("elements");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Elements(100_000));
    let open = |name: &str| File::open(&path).and_then(|f| f.dataset(name)).expect("a dataset");
    group.bench_function("strings", |b| {
        b.iter(|| black_box(open("strings").read::<Vec<String>>().expect("all")));
    });
    for name in ["rows", "gzip"] {
        group.bench_function(format!("compounds, {name}"), |b| {
            b.iter(|| black_box(open(name).read::<Vec<Row>>().expect("all")));
        });
    }
    group.finish();
}

criterion_group!(benches, structure, elements);
criterion_main!(benches);
