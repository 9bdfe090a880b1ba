//! Every way to select, from every layout, held against picking the elements one by one.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use h5manager::io::{CountingSource, FileSource};
use h5manager::{File, Hyperslab, Limits, Select, Selection, every};
use proptest::prelude::*;
use std::sync::Arc;

/// A dataset of u32 whose values are their own row-major numbers.
fn file(dir: &tempfile::TempDir, shape: &[u64], chunks: Option<&[u64]>, gzip: bool) -> File {
    let path = dir.path().join("a.h5");
    let mut out = File::create(&path).unwrap();
    let n = shape.iter().product::<u64>() as u32;
    let values: Vec<u32> = (0..n).collect();
    let mut builder = out.build("d").shape(shape);
    if let Some(chunks) = chunks {
        builder = builder.chunks(chunks);
        if gzip {
            builder = builder.shuffle().deflate(1);
        }
    }
    builder.write(&values).unwrap();
    out.commit().unwrap();
    File::open(&path).unwrap()
}

fn number(shape: &[u64], index: &[u64]) -> u32 {
    shape.iter().zip(index).fold(0, |n, (s, i)| n * s + i) as u32
}

/// All combinations of indices, row by row.
fn product(shape: &[u64], axes: &[Vec<u64>]) -> Vec<u32> {
    let mut all = vec![Vec::new()];
    for axis in axes {
        all = all.iter().flat_map(|p: &Vec<u64>| axis.iter().map(move |&i| [&p[..], &[i]].concat())).collect();
    }
    all.iter().map(|index| number(shape, index)).collect()
}

fn read(file: &File, what: impl Select) -> Vec<u32> {
    let dataset = file.dataset("d").unwrap();
    let part = dataset.select(what).unwrap();
    let read: Vec<u32> = part.read().unwrap();
    assert_eq!(part.shape().iter().product::<u64>(), read.len() as u64);
    let mut buffer = vec![0; read.len()];
    part.read_into(&mut buffer).unwrap();
    assert_eq!(buffer, read);
    read
}

/// A shape, a chunk shape, whether there are chunks at all, whether they are compressed.
fn layouts() -> impl Strategy<Value = (Vec<u64>, Vec<u64>, bool, bool)> {
    let dims = prop::collection::vec((1u64..14, 1u64..7), 1..4);
    (dims, any::<bool>(), any::<bool>()).prop_map(|(dims, chunked, gzip)| {
        let (shape, chunks) = dims.into_iter().map(|(n, chunk)| (n, chunk.min(n))).unzip();
        (shape, chunks, chunked, gzip)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_selected_is_what_is_read((shape, chunks, chunked, gzip) in layouts(), seeds in prop::collection::vec(any::<[u16; 4]>(), 4)) {
        let dir = tempfile::tempdir().unwrap();
        let file = file(&dir, &shape, chunked.then_some(&chunks[..]), gzip);
        let rank = shape.len();
        let seed = |d: usize, i: usize, n: u64| u64::from(seeds[d][i]) % n;

        let mut slab = Hyperslab { start: vec![], stride: vec![], count: vec![], block: vec![] };
        let mut axes = Vec::new();
        let mut ranges = Vec::new();
        for (d, &n) in shape.iter().enumerate() {
            let start = seed(d, 0, n);
            let block = 1 + seed(d, 1, (n - start).min(3));
            let stride = block + seed(d, 2, 3);
            let count = 1 + seed(d, 3, (n - start - block) / stride + 1);
            axes.push((0..count).flat_map(|i| (0..block).map(move |b| start + i * stride + b)).collect::<Vec<_>>());
            slab.start.push(start);
            slab.stride.push(stride);
            slab.count.push(count);
            slab.block.push(block);
            ranges.push(start..start + block);
        }
        prop_assert_eq!(read(&file, &slab), product(&shape, &axes));
        prop_assert_eq!(read(&file, every(.., 2)), {
            let mut axes: Vec<Vec<u64>> = shape.iter().map(|&n| (0..n).collect()).collect();
            axes[0].retain(|i| i % 2 == 0);
            product(&shape, &axes)
        });

        // Any indices along the first dimension, twice the same among them.
        let list: Vec<u64> = (0..4).map(|i| seed(0, i, shape[0])).chain([seed(0, 0, shape[0])]).collect();
        let mut listed: Vec<Vec<u64>> = shape.iter().map(|&n| (0..n).collect()).collect();
        listed[0] = list.clone();
        prop_assert_eq!(read(&file, &list[..]), product(&shape, &listed));

        let points: Vec<Vec<u64>> = (0..4).map(|i| (0..rank).map(|d| seed((d + i) % 4, i, shape[d])).collect()).collect();
        let expected: Vec<u32> = points.iter().map(|p| number(&shape, p)).collect();
        prop_assert_eq!(read(&file, Selection::points(&points)), expected);

        let parts = [slab.select(&shape).unwrap(), ranges.select(&shape).unwrap(), Selection::points(&points)];
        let union = Selection::union(&shape, &parts).unwrap();
        let mut expected = product(&shape, &axes);
        expected.extend(product(&shape, &ranges.iter().map(|r| r.clone().collect()).collect::<Vec<_>>()));
        expected.extend(points.iter().map(|p| number(&shape, p)));
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(read(&file, union), expected);
    }
}

#[test]
fn parts_of_a_chunk_decode_it_once() {
    let dir = tempfile::tempdir().unwrap();
    drop(file(&dir, &[64, 100], Some(&[64, 100]), true));
    let source = Arc::new(CountingSource::new(FileSource::open(dir.path().join("a.h5")).unwrap()));
    let file = File::from_source(source.clone(), Limits::default()).unwrap();
    let dataset = file.dataset("d").unwrap();
    let before = source.bytes();
    for row in 0..64u32 {
        let part: Vec<u32> = dataset.select(u64::from(row)).unwrap().read().unwrap();
        assert_eq!(part[99], row * 100 + 99);
    }
    let stored = dataset.stored_size().unwrap();
    assert!(source.bytes() - before < 3 * stored + 64 * 1024, "{} bytes", source.bytes() - before);
}

#[test]
fn native_elements_are_borrowed_from_a_map() {
    let dir = tempfile::tempdir().unwrap();
    drop(file(&dir, &[1000], None, false));
    let file = h5manager::OpenOptions::new().map(true).open(dir.path().join("a.h5")).unwrap();
    let dataset = file.dataset("d").unwrap();
    // The data of a new file begin at a multiple of 8.
    assert_eq!(dataset.borrow::<u32>().unwrap().unwrap()[999], 999);
    assert!(dataset.borrow::<u64>().unwrap().is_none());
}

/// The forms of web/src/export/code.ts; web/tests/stories.mjs holds the page against them.
#[test]
fn the_lines_that_the_viewer_shows_read_what_they_say() -> h5manager::Result<()> {
    h5manager::compound! { struct Row { id: i64, x: f64 } }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let mut out = File::create(&path)?;
    out.build("cube").shape([12, 20, 30]).write((0..7200).map(f64::from).collect::<Vec<_>>())?;
    out.build("scalar").shape([0u64; 0]).write([3.25f64])?;
    out.build("texts").write(["a".to_owned(), "b".to_owned()])?;
    out.build("rows").write(vec![Row { id: 1, x: 2.0 }; 9])?;
    out.commit()?;

    let values: Vec<f64> = h5manager::File::open(&path)?.dataset("/cube")?.read()?;
    assert_eq!(values.len(), 7200);
    let values: Vec<f64> = h5manager::File::open(&path)?.dataset("/cube")?.select((3, .., ..))?.read()?;
    assert_eq!((values.len(), values[0]), (600, 1800.0));
    let values: Vec<f64> =
        h5manager::File::open(&path)?.dataset("/cube")?.select((h5manager::every(0..12, 5), 1..3, ..))?.read()?;
    assert_eq!(values.len(), 180);
    let values: Vec<f64> = h5manager::File::open(&path)?.dataset("/scalar")?.read()?;
    assert_eq!(values, [3.25]);
    let values: Vec<String> = h5manager::File::open(&path)?.dataset("/texts")?.select((1..2,))?.read()?;
    assert_eq!(values, ["b"]);
    let values: Vec<h5manager::Value> = h5manager::File::open(&path)?.dataset("/rows")?.select(..)?.values()?;
    assert_eq!(values.len(), 9);
    let values: Vec<h5manager::Value> = h5manager::File::open(&path)?.dataset("/rows")?.select((3..9,))?.values()?;
    assert_eq!(values.len(), 6);
    Ok(())
}
