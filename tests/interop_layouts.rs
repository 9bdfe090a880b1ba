//! Every layout, chunk index and filter that we write, with h5py (libhdf5 2): it reads the elements, chooses the same
//! index for the same dataset, and goes on writing to ours; what it leaves behind we read again, and `check` finds nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails should panic")]

use h5manager::filter::{BitshuffleCodec, BloscCodec, SzipCoding};
use h5manager::{
    AllocationTime, CreateOptions, DatasetBuilder, DatasetMut, File, FileMut, FillTime, LibVer, WithShape,
};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// The element at these coordinates.
fn element(at: &[u64]) -> i32 {
    let sum = at.iter().fold(17u64, |n, &i| n.wrapping_mul(31).wrapping_add(i * 7));
    (sum % 30_011) as i32
}

fn box_of(start: &[u64], extent: &[u64]) -> Vec<i32> {
    let count: u64 = extent.iter().product();
    let one = |n: u64| {
        let (mut rest, mut at) = (n, start.to_vec());
        for d in (0..extent.len()).rev() {
            at[d] += rest % extent[d];
            rest /= extent[d];
        }
        element(&at)
    };
    (0..count).map(one).collect()
}

/// How a dataset is filled.
#[derive(Clone, Copy, Debug)]
enum Filled {
    All,
    /// A few boxes here and there.
    Sparse,
    Nothing,
    /// By boxes that cut chunks, in any order, more than once.
    Scattered,
    /// Index by index along the last dimension.
    AlongLast,
}

/// A dataset and what it is made like.
struct Dataset {
    name: String,
    shape: Vec<u64>,
    max: Vec<Option<u64>>,
    chunk: Vec<u64>,
    filters: usize,
    early: bool,
    plain_edges: bool,
    filled: Filled,
}

const FILTERS: usize = 3;

fn filtered(builder: DatasetBuilder, kind: usize) -> DatasetBuilder {
    match kind {
        0 => builder,
        1 => builder.shuffle().deflate(4),
        _ => builder.deflate(1).fletcher32(),
    }
}

/// How far each dimension may grow.
type Max<'a> = &'a [Option<u64>];

fn cases(libver: LibVer) -> Vec<Dataset> {
    const SHAPES: &[(&[u64], Max<'_>, &[u64])] = &[
        (&[40], &[Some(40)], &[40]),
        (&[40], &[Some(40)], &[7]),
        (&[40], &[Some(100)], &[7]),
        (&[3000], &[Some(3000)], &[2]),
        (&[9, 10], &[Some(9), Some(10)], &[4, 3]),
        (&[9, 10], &[Some(20), Some(35)], &[4, 3]),
        (&[50], &[None], &[7]),
        (&[40_000], &[None], &[3]),
        (&[9, 10], &[None, Some(10)], &[4, 3]),
        (&[9, 10], &[None, Some(15)], &[4, 3]),
        (&[9, 10], &[Some(12), None], &[4, 3]),
        (&[9, 10, 6], &[Some(9), None, Some(8)], &[2, 2, 4]),
        (&[9, 10], &[None, None], &[4, 3]),
        (&[120, 130], &[None, None], &[2, 3]),
        (&[9, 10, 6], &[None, None, None], &[2, 2, 4]),
    ];
    let mut all = Vec::new();
    for (shape, max, chunk) in SHAPES {
        for filters in 0..FILTERS {
            for filled in [Filled::All, Filled::Sparse, Filled::Nothing, Filled::Scattered, Filled::AlongLast] {
                for (early, plain_edges) in [(false, false), (true, false), (false, true)] {
                    let large = shape.iter().product::<u64>() > 10_000;
                    let odd = early || plain_edges || filters == 2 || matches!(filled, Filled::AlongLast);
                    let grows = max.last() == Some(&None) && shape.len() > 1;
                    if (plain_edges && (libver < LibVer::V110 || filters == 0))
                        || (large && odd)
                        || (matches!(filled, Filled::AlongLast) && !grows)
                    {
                        continue;
                    }
                    let edges = if plain_edges { " plain" } else { "" };
                    let early_name = if early { " early" } else { "" };
                    all.push(Dataset {
                        name: format!("{shape:?} {max:?} {chunk:?} {filters} {filled:?}{early_name}{edges}"),
                        shape: shape.to_vec(),
                        max: max.to_vec(),
                        chunk: chunk.to_vec(),
                        filters,
                        early,
                        plain_edges,
                        filled,
                    });
                }
            }
        }
    }
    all
}

/// Boxes that cut chunks.
fn boxes(shape: &[u64], how: Filled) -> Vec<(Vec<u64>, Vec<u64>)> {
    let count = match how {
        Filled::Sparse => 3,
        _ => 12,
    };
    let mut found = Vec::new();
    for i in 0..count {
        let start: Vec<u64> = shape.iter().map(|n| (i * 37 + 5) % n).collect();
        let extent = start.iter().zip(shape).map(|(s, n)| (n - s).min(1 + i * 5 % 9)).collect();
        found.push((start, extent));
    }
    found
}

fn write_box(dataset: &mut DatasetMut, start: &[u64], extent: &[u64]) {
    let ranges: Vec<_> = start.iter().zip(extent).map(|(s, n)| *s..s + n).collect();
    dataset.write_selection(&ranges[..], box_of(start, extent)).unwrap();
}

fn write(file: &mut FileMut, d: &Dataset) {
    let mut shape = d.shape.clone();
    if matches!(d.filled, Filled::AlongLast) {
        *shape.last_mut().unwrap() = 2;
    }
    let builder = file.build(&d.name).element::<i32>().shape(&shape).max_shape(&d.max).chunks(&d.chunk);
    let mut builder = filtered(builder, d.filters).fill_value(-5i32);
    if d.early {
        builder = builder.allocation(AllocationTime::Early);
    }
    if d.plain_edges {
        builder = builder.plain_edges();
    }
    let mut dataset = builder.create().unwrap();
    match d.filled {
        Filled::All => dataset.append(box_of(&vec![0; shape.len()], &shape)).unwrap(),
        Filled::Nothing => {}
        Filled::AlongLast => {
            dataset.append(box_of(&vec![0; shape.len()], &shape)).unwrap();
            let last = shape.len() - 1;
            while shape[last] < d.shape[last] {
                let mut start = vec![0; shape.len()];
                let mut extent = shape.clone();
                (start[last], extent[last]) = (shape[last], 1 + shape[last] % 2);
                extent[last] = extent[last].min(d.shape[last] - shape[last]);
                dataset.append_along(last, box_of(&start, &extent)).unwrap();
                shape[last] += extent[last];
            }
        }
        how => boxes(&d.shape, how).iter().for_each(|(start, extent)| write_box(&mut dataset, start, extent)),
    }
}

/// The elements that a dataset must hold, with the places that were never written.
fn expected(d: &Dataset) -> Vec<i32> {
    if matches!(d.filled, Filled::All | Filled::AlongLast) {
        return box_of(&vec![0; d.shape.len()], &d.shape);
    }
    let mut all = vec![-5; d.shape.iter().product::<u64>() as usize];
    if !matches!(d.filled, Filled::Nothing) {
        for (start, extent) in boxes(&d.shape, d.filled) {
            for (n, value) in box_of(&start, &extent).into_iter().enumerate() {
                let (mut rest, mut index, mut weight) = (n as u64, 0, 1);
                for k in (0..extent.len()).rev() {
                    index += (start[k] + rest % extent[k]) * weight;
                    rest /= extent[k];
                    weight *= d.shape[k];
                }
                all[index as usize] = value;
            }
        }
    }
    all
}

fn line(d: &Dataset, file: &str, libver: LibVer, index: Option<&str>) -> String {
    let max: Vec<String> = d.max.iter().map(|m| m.map_or("null".into(), |m| m.to_string())).collect();
    let (max, index) = (max.join(", "), index.unwrap_or("none"));
    format!(
        r#"{{"file": "{file}", "libver": "{libver}", "name": "{}", "shape": {:?}, "max": [{max}], "chunk": {:?}, "filters": {}, "early": {}, "plain_edges": {}, "filled": {}, "index": "{index}", "values": {:?}}}"#,
        d.name,
        d.shape,
        d.chunk,
        d.filters,
        d.early,
        d.plain_edges,
        matches!(d.filled, Filled::All | Filled::AlongLast),
        expected(d)
    )
}

fn checked(path: &Path, lost: bool) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_h5manager"));
    command.arg("check").arg(path);
    if lost {
        command.arg("--lost");
    }
    let done = command.output().unwrap();
    let out = String::from_utf8_lossy(&done.stdout).into_owned();
    // Fewer than 8 bytes lie between metadata and what is before it; chunks at the edge of a dataset that grew were
    // stored anew, where they fitted.
    let aligns = |line: &str| {
        (1..8).any(|n| line.contains(&format!(": {n} bytes that nothing leads to: zeros")))
            || (1..50).any(|n| line.contains(&format!(": {n} bytes that nothing leads to: not all zeros")))
    };
    let found: Vec<&str> = out.lines().filter(|l| l.starts_with("!!") && !aligns(l)).collect();
    assert!(done.status.code().is_some_and(|code| code < 2) && found.is_empty(), "{}", found.join("\n"));
}

fn python(script: &str, folder: &Path) -> bool {
    let Ok(python) = std::env::var("H5MANAGER_PYTHON") else {
        let note = b"NOT RUN: set H5MANAGER_PYTHON to a Python with h5py to compare with libhdf5\n";
        std::io::stderr().write_all(note).unwrap();
        return false;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script);
    let done = Command::new(&python).arg(script).arg(folder).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    println!("{out}");
    assert!(done.status.success(), "{err}");
    true
}

#[test]
fn every_chunk_index_is_read_and_extended_by_libhdf5() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    let bounds = [LibVer::V18, LibVer::V110, LibVer::V200];
    for libver in bounds {
        let (file, cases) = (format!("{libver}.h5"), cases(libver));
        let path = folder.path().join(&file);
        let mut out = File::create_with(&path, CreateOptions::new().libver(libver)).unwrap();
        cases.iter().for_each(|d| write(&mut out, d));
        out.commit().unwrap();
        let written = File::open(&path).unwrap();
        for d in &cases {
            let dataset = written.dataset(&d.name).unwrap();
            assert!(dataset.read::<Vec<i32>>().unwrap() == expected(d), "{file}: {}", d.name);
            writeln!(lines, "{}", line(d, &file, libver, dataset.chunk_index())).unwrap();
        }
        checked(&path, true);
    }
    std::fs::write(folder.path().join("cases.jsonl"), lines).unwrap();
    if !python("layouts.py", folder.path()) {
        return;
    }
    for libver in bounds {
        // libhdf5 has put its elements everywhere, and let grow what can.
        let path = folder.path().join(format!("{libver}.h5"));
        let (ours, theirs) = (File::open(&path).unwrap(), folder.path().join(format!("{libver}_twin.h5")));
        let theirs = File::open(theirs).unwrap();
        for d in cases(libver) {
            let dataset = ours.dataset(&d.name).unwrap();
            let shape = dataset.shape().to_vec();
            let all = box_of(&vec![0; shape.len()], &shape);
            assert!(dataset.read::<Vec<i32>>().unwrap() == all, "{libver}: {}", d.name);
            assert!(d.max.iter().zip(shape.iter().zip(&d.shape)).all(|(m, (new, old))| m.is_some() || new > old));
            let twin = theirs.dataset(&d.name).unwrap();
            assert_eq!(dataset.chunk_index(), twin.chunk_index(), "{libver}: {}", d.name);
        }
        checked(&path, false);
    }
}

fn values(n: usize) -> Vec<i32> {
    (0..n).map(|i| (i as i32 / 3) % 1000 + (i as i32 * 7919 % 5)).collect()
}

/// What a filter does to the builder.
type Filtering = fn(DatasetBuilder) -> DatasetBuilder;

const ALL_FILTERS: &[(&str, Filtering)] = &[
    ("shuffle", |b| b.shuffle()),
    ("deflate", |b| b.deflate(6)),
    ("lzf", |b| b.lzf()),
    ("lz4", |b| b.lz4()),
    ("zstd", |b| b.zstd(3)),
    ("bzip2", |b| b.bzip2(9)),
    ("szip nn", |b| b.szip(SzipCoding::NearestNeighbour, 8)),
    ("szip ec", |b| b.szip(SzipCoding::Entropy, 16)),
    ("nbit", |b| b.nbit()),
    ("scale-offset", |b| b.scale_offset(0)),
    ("blosc lz4", |b| b.blosc(BloscCodec::Lz4, 5)),
    ("blosc zstd", |b| b.blosc(BloscCodec::Zstandard, 5)),
    ("blosc zlib", |b| b.blosc(BloscCodec::Zlib, 5)),
    ("blosc blosclz", |b| b.blosc(BloscCodec::BloscLz, 5)),
    ("bitshuffle", |b| b.bitshuffle(BitshuffleCodec::None)),
    ("bitshuffle lz4", |b| b.bitshuffle(BitshuffleCodec::Lz4)),
    ("bitshuffle zstd", |b| b.bitshuffle(BitshuffleCodec::Zstandard(3))),
    ("fletcher32", |b| b.fletcher32()),
    ("fletcher32, deflate, shuffle", |b| b.fletcher32().deflate(4).shuffle()),
    ("shuffle, zstd, fletcher32", |b| b.shuffle().zstd(1).fletcher32()),
    ("scale-offset, shuffle, lzf", |b| b.scale_offset(0).shuffle().lzf()),
    ("nbit, bitshuffle", |b| b.nbit().bitshuffle(BitshuffleCodec::Lz4)),
];

#[test]
fn every_filter_is_read_and_extended_by_libhdf5() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("filters.h5");
    let mut out = File::create(&path).unwrap();
    let noise: Vec<i32> = (0..4000u32).map(|i| (i.wrapping_mul(2_654_435_761) ^ (i << 13)) as i32).collect();
    for (name, filter) in ALL_FILTERS {
        for (kind, data) in [("smooth", values(4000)), ("noise", noise.clone()), ("alike", vec![7; 4000])] {
            let builder = out.build(format!("{kind}/{name}")).max_shape([None, Some(40)]).chunks([30, 40]);
            filter(builder).write(WithShape::new(data, [100, 40]).unwrap()).unwrap();
        }
    }
    let floats: Vec<f64> = (0..4000).map(|i| (f64::from(i) * 0.01).sin().mul_add(100.0, 0.0)).collect();
    out.build("digits").chunks([500]).scale_offset(3).write(floats).unwrap();
    out.commit().unwrap();
    checked(&path, true);
    if python("filters.py", folder.path()) {
        let file = File::open(&path).unwrap();
        for (name, _) in ALL_FILTERS {
            let dataset = file.dataset(&format!("smooth/{name}")).unwrap();
            assert_eq!(dataset.shape(), [130, 40]);
            let mut all = values(4000);
            all.extend(0..1200);
            assert_eq!(dataset.read::<Vec<i32>>().unwrap(), all, "{name}");
        }
        checked(&path, false);
    }
}

#[test]
fn what_is_said_of_storage_and_fill_values_libhdf5_reads_as_it_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fill.h5");
    let mut out = File::create(&path).unwrap();
    let times = [AllocationTime::Early, AllocationTime::Late, AllocationTime::Incremental];
    let fills = [FillTime::IfSet, FillTime::Never, FillTime::Allocation];
    for (a, allocation) in times.into_iter().enumerate() {
        for (f, fill) in fills.into_iter().enumerate() {
            for (layout, chunks) in [("contiguous", None), ("chunked", Some([4u64]))] {
                for value in ["default", "undefined", "user"] {
                    if value == "undefined" && fill == FillTime::Allocation {
                        continue;
                    }
                    for written in [false, true] {
                        let name = format!("{layout} {a} {f} {value} {}", u8::from(written));
                        let mut builder = out.build(&name).element::<i16>().shape([10]);
                        builder = builder.allocation(allocation).fill_time(fill);
                        builder = match value {
                            "user" => builder.fill_value(-7i16),
                            "undefined" => builder.fill_undefined(),
                            _ => builder,
                        };
                        if let Some(chunks) = chunks {
                            builder = builder.chunks(chunks);
                        }
                        let mut dataset = builder.create().unwrap();
                        if written {
                            dataset.write_selection(2..4, [1i16, 2]).unwrap();
                        }
                    }
                }
            }
        }
    }
    for bytes in [0u64, 1, 1000, 65_531] {
        let data: Vec<u8> = (0..bytes).map(|i| (i * 7 % 251) as u8).collect();
        out.build(format!("compact {bytes}")).compact().write(data).unwrap();
    }
    let mut compact =
        out.build("compact in part").element::<i16>().shape([10]).compact().fill_value(-7i16).create().unwrap();
    compact.write_selection(2..4, [1i16, 2]).unwrap();
    out.commit().unwrap();
    checked(&path, true);
    let refused = File::create(folder.path().join("no.h5")).unwrap().build("x").compact().write(vec![0u8; 65_532]);
    assert_eq!(refused.map(drop).unwrap_err().kind(), h5manager::ErrorKind::Limit);
    python("fill.py", folder.path());
    checked(&path, false);
}

/// What a vast dataset holds.
fn sevens(n: u64) -> Vec<i32> {
    (0..n as i32).map(|i| i * 7).collect()
}

fn check_sevens(path: &Path, count: u64) {
    let file = File::open(path).unwrap();
    for name in file.root().unwrap().links().unwrap().map(|link| link.unwrap().name().to_string()) {
        let dataset = file.dataset(&name).unwrap();
        assert!(dataset.len() >= count && dataset.read::<Vec<i32>>().unwrap() == sevens(dataset.len()), "{name}");
        assert_eq!(dataset.chunk_index(), Some("B-tree v2"), "{name}");
    }
}

#[test]
fn what_may_become_vast_has_an_index_of_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = [LibVer::V110, LibVer::V200];
    for libver in bounds {
        let path = folder.path().join(format!("{libver}.h5"));
        let mut out = File::create_with(&path, CreateOptions::new().libver(libver)).unwrap();
        for filters in 0..FILTERS {
            let line = out.build(format!("line {filters}")).max_shape([Some(50_000_005_000_000)]).chunks([120]);
            filtered(line, filters).write(sevens(1847)).unwrap();
            let plane = out.build(format!("plane {filters}")).max_shape([Some(u64::MAX), Some(20)]).chunks([7, 6]);
            filtered(plane, filters).write(WithShape::new(sevens(600), [30, 20]).unwrap()).unwrap();
        }
        let early = out.build("early").max_shape([Some(1 << 40)]).chunks([120]).allocation(AllocationTime::Early);
        early.write(sevens(1847)).unwrap();
        out.commit().unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 100_000);
        check_sevens(&path, 600);
        checked(&path, true);
    }
    if !python("vast.py", folder.path()) {
        return;
    }
    for libver in bounds {
        let path = folder.path().join(format!("{libver}.h5"));
        check_sevens(&path, 1800);
        checked(&path, false);
    }
    // Of libhdf5, with arrays that have room for all.
    let path = folder.path().join("theirs.h5");
    let before = std::fs::metadata(&path).unwrap().len();
    assert!(
        before > 60 << 20 && File::open(&path).unwrap().dataset("plain").unwrap().chunk_index() == Some("fixed array")
    );
    checked(&path, false);
    let mut edit = File::edit(&path).unwrap();
    for name in ["plain", "filtered"] {
        edit.append(name, sevens(5050)[5000..].to_vec()).unwrap();
    }
    edit.commit().unwrap();
    drop(edit);
    assert!(std::fs::metadata(&path).unwrap().len() < before + 100_000);
    check_sevens(&path, 5050);
    checked(&path, false);
    python("vast.py", folder.path());
    check_sevens(&path, 15_150);
    checked(&path, false);
}
