//! Writing in any order, growth along any dimension, and chunks copied as they are, against a model in memory.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails should panic")]

use h5manager::io::MemoryStore;
use h5manager::{CreateOptions, DatasetMut, ErrorKind, File, FileMut, LibVer, Selection, WithShape};
use proptest::prelude::*;

fn file_of(libver: LibVer, work: impl FnOnce(&mut FileMut)) -> Vec<u8> {
    let store = MemoryStore::default();
    let mut file = FileMut::on_store_with(store.clone(), CreateOptions::new().libver(libver)).unwrap();
    work(&mut file);
    file.commit().unwrap();
    store.bytes()
}

/// A dataset of two dimensions in memory.
#[derive(Clone)]
struct Model {
    shape: [u64; 2],
    values: Vec<i32>,
}

const FILL: i32 = -9;

impl Model {
    fn grow(&mut self, shape: [u64; 2]) {
        let mut values = vec![FILL; (shape[0] * shape[1]) as usize];
        for row in 0..self.shape[0] {
            for column in 0..self.shape[1] {
                values[(row * shape[1] + column) as usize] = self.values[(row * self.shape[1] + column) as usize];
            }
        }
        (self.shape, self.values) = (shape, values);
    }

    fn set(&mut self, row: u64, column: u64, value: i32) {
        self.values[(row * self.shape[1] + column) as usize] = value;
    }
}

/// Something that is done to a dataset.
#[derive(Clone, Debug)]
enum Verb {
    Rows(u64),
    Columns(u64),
    Grow(u64, u64),
    Box([u64; 4]),
    Steps([u64; 4]),
    Points(Vec<(u64, u64)>),
}

fn verb() -> impl Strategy<Value = Verb> {
    prop_oneof![
        (1u64..9).prop_map(Verb::Rows),
        (1u64..6).prop_map(Verb::Columns),
        (0u64..5, 0u64..5).prop_map(|(a, b)| Verb::Grow(a, b)),
        [0u64..30, 0..30, 1..20, 1..20].prop_map(Verb::Box),
        [0u64..9, 0..9, 1..5, 1..5].prop_map(Verb::Steps),
        prop::collection::vec((0u64..40, 0u64..40), 1..12).prop_map(Verb::Points),
    ]
}

/// Does it to the dataset and to the model; values count up from `next`.
fn act(verb: &Verb, dataset: &mut DatasetMut, model: &mut Model, grows: bool, next: &mut i32) {
    let mut values = |n: u64| -> Vec<i32> {
        let first = *next;
        *next += n as i32;
        (first..*next).collect()
    };
    let [rows, columns] = model.shape;
    match verb {
        Verb::Rows(_) | Verb::Columns(_) | Verb::Grow(..) if !grows => {}
        Verb::Rows(more) => {
            let (first, new) = (dataset.rows(), values(more * columns));
            dataset.append(&new).unwrap();
            model.grow([rows.max(first + more), columns]);
            let start = (first * columns) as usize;
            model.values[start..start + new.len()].copy_from_slice(&new);
        }
        Verb::Columns(more) => {
            let new = values(rows * more);
            dataset.append_along(1, &new).unwrap();
            model.grow([rows, columns + more]);
            for (i, value) in (0..).zip(new) {
                model.set(i / more, columns + i % more, value);
            }
        }
        Verb::Grow(a, b) => {
            dataset.grow([rows + a, columns + b]).unwrap();
            model.grow([rows + a, columns + b]);
        }
        Verb::Box([row, column, height, width]) => {
            let (row, column) = (row % rows, column % columns);
            let (height, width) = (*height.min(&(rows - row)), *width.min(&(columns - column)));
            let new = values(height * width);
            dataset.write_selection((row..row + height, column..column + width), &new).unwrap();
            for (i, value) in (0..).zip(new) {
                model.set(row + i / width, column + i % width, value);
            }
        }
        Verb::Steps([row, column, down, across]) => {
            let list = |first: u64, step: u64, n: u64| -> Vec<u64> { (first % n..n).step_by(step as usize).collect() };
            let (r, c) = (list(*row, *down, rows), list(*column, *across, columns));
            let new = values((r.len() * c.len()) as u64);
            dataset.write_selection((&r[..], &c[..]), &new).unwrap();
            for (i, value) in new.into_iter().enumerate() {
                model.set(r[i / c.len()], c[i % c.len()], value);
            }
        }
        Verb::Points(points) => {
            let points: Vec<[u64; 2]> = points.iter().map(|(r, c)| [r % rows, c % columns]).collect();
            let new = values(points.len() as u64);
            dataset.write_selection(Selection::points(&points), &new).unwrap();
            for (point, value) in points.iter().zip(new) {
                model.set(point[0], point[1], value);
            }
        }
    }
    assert_eq!(dataset.shape(), model.shape);
}

/// Layouts by number, each with whether it grows.
const LAYOUTS: usize = 8;

fn check(layout: usize, libver: LibVer, verbs: &[Verb]) {
    let shape = [11u64, 7];
    let mut model = Model { shape, values: vec![FILL; 77] };
    let bytes = file_of(libver, |file| {
        let builder = file.build("x").element::<i32>().shape(shape).fill_value(FILL);
        let unlimited = [None, None];
        let (builder, grows) = match layout {
            0 => (builder.compact(), false),
            1 => (builder, false),
            2 => (builder.chunks([3, 4]), false),
            3 => (builder.chunks([4, 2]).shuffle().deflate(1), false),
            4 => (builder.chunks([3, 4]).max_shape(unlimited), true),
            5 => (builder.chunks([2, 3]).max_shape(unlimited).deflate(1).fletcher32(), true),
            6 => (builder.chunks([5, 7]).max_shape([None, Some(400)]).lzf(), true),
            _ if libver >= LibVer::V110 => (builder.chunks([3, 3]).max_shape(unlimited).deflate(1).plain_edges(), true),
            _ => (builder.chunks([3, 3]).max_shape(unlimited).nbit(), true),
        };
        let mut dataset = builder.create().unwrap();
        let mut next = 0;
        verbs.iter().for_each(|verb| act(verb, &mut dataset, &mut model, grows, &mut next));
    });
    let file = File::from_bytes(bytes).unwrap();
    let dataset = file.dataset("x").unwrap();
    assert_eq!(dataset.shape(), model.shape);
    assert_eq!(dataset.read::<Vec<i32>>().unwrap(), model.values, "layout {layout}, {libver}: {verbs:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_in_whatever_order_is_read_again(
        layout in 0..LAYOUTS,
        newer in any::<bool>(),
        verbs in prop::collection::vec(verb(), 1..12),
    ) {
        check(layout, if newer { LibVer::V200 } else { LibVer::V18 }, &verbs);
    }
}

#[test]
fn chunks_that_do_not_fit_the_memory_are_stored_and_read_again() {
    // 100 chunks of 1 MiB, and 64 MiB may wait.
    let write = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            file_of(LibVer::V18, |file| {
                let builder = file.build("x").element::<u8>().shape([100, 1 << 20]).chunks([1, 1 << 20]);
                let mut x = builder.shuffle().deflate(1).create().unwrap();
                for turn in 0..3u64 {
                    for row in 0..100 {
                        let row = row * 37 % 100;
                        let noise: Vec<u8> = (0..5000).map(|i| ((i * i * (row + 3)) >> (turn + 3)) as u8).collect();
                        x.write_selection((row, turn * 100_000..turn * 100_000 + 5000), noise).unwrap();
                    }
                }
            })
        })
    };
    let bytes = write(1);
    assert!(bytes == write(3), "the bytes do not depend on threads");
    // What chunks gave back was used again.
    assert!(bytes.len() < 100 * 20_000 + 400_000, "{} bytes", bytes.len());
    let file = File::from_bytes(bytes).unwrap();
    let x = file.dataset("x").unwrap();
    for turn in 0..3u64 {
        for row in [0u64, 1, 50, 99] {
            let part: Vec<u8> = x.select((row, turn * 100_000..turn * 100_000 + 5001)).unwrap().read().unwrap();
            assert!((0..5000).all(|i| part[i as usize] == ((i * i * (row + 3)) >> (turn + 3)) as u8));
            assert_eq!(part[5000], 0);
        }
    }
}

#[test]
fn chunks_are_copied_as_they_are() {
    let values: Vec<i32> = (0..1000 * 60).map(|i| i / 7 % 1000).collect();
    for libver in [LibVer::V18, LibVer::V200] {
        for (max, early) in [([Some(1000), Some(60)], false), ([None, Some(60)], false), ([Some(1000), Some(60)], true)]
        {
            for filtered in [false, true] {
                let make = |file: &mut FileMut| {
                    let mut builder =
                        file.build("x").element::<i32>().shape([1000, 60]).max_shape(max).chunks([10, 25]);
                    if early {
                        builder = builder.allocation(h5manager::AllocationTime::Early);
                    }
                    if filtered {
                        builder = builder.shuffle().deflate(4);
                    }
                    builder.create().unwrap()
                };
                let source = file_of(libver, |file| {
                    let mut x = make(file);
                    x.write_selection((500..900, ..), &values[500 * 60..900 * 60]).unwrap();
                    x.write_selection((0..500, ..), &values[..500 * 60]).unwrap();
                });
                let source = File::from_bytes(source).unwrap();
                let from = source.dataset("x").unwrap();
                let copy = file_of(LibVer::V18, |file| make(file).copy_chunks(&from).unwrap());
                let copy = File::from_bytes(copy).unwrap();
                let to = copy.dataset("x").unwrap();
                assert_eq!(to.read::<Vec<i32>>().unwrap(), from.read::<Vec<i32>>().unwrap());
                assert_eq!(to.chunks().unwrap().unwrap().stored, from.chunks().unwrap().unwrap().stored);
                assert_eq!(to.raw_chunk(&[7, 1]).unwrap(), from.raw_chunk(&[7, 1]).unwrap());
            }
        }
    }
}

#[test]
fn chunks_of_several_datasets_are_put_one_behind_the_other() {
    let part = |n: u16| {
        let values: Vec<u16> = (0..30 * 8).map(|i| i * n).collect();
        let bytes = file_of(LibVer::V18, |file| {
            file.build("x").chunks([10, 4]).deflate(1).write(WithShape::new(values, [30, 8]).unwrap()).unwrap();
        });
        File::from_bytes(bytes).unwrap().dataset("x").unwrap()
    };
    let (a, b) = (part(1), part(2));
    let joined = file_of(LibVer::V18, |file| {
        let builder = file.build("x").element::<u16>().shape([0, 8]).extendible().chunks([10, 4]).deflate(1);
        let mut x = builder.create().unwrap();
        x.copy_chunks(&a).unwrap();
        x.append([7u16; 80]).unwrap();
        x.copy_chunks(&b).unwrap();
        x.append([9u16; 8]).unwrap();
        assert_eq!(x.copy_chunks(&a).unwrap_err().kind(), ErrorKind::Mismatch);
        let other = file.build("y").element::<u16>().shape([0, 8]).extendible().chunks([10, 4]).deflate(2);
        assert_eq!(other.create().unwrap().copy_chunks(&a).unwrap_err().kind(), ErrorKind::Mismatch);
    });
    let all: Vec<u16> = File::from_bytes(joined).unwrap().dataset("x").unwrap().read().unwrap();
    let mut expected: Vec<u16> = (0..240).collect();
    expected.extend([7; 80]);
    expected.extend((0..240).map(|i| i * 2));
    expected.extend([9; 8]);
    assert_eq!(all, expected);
}

#[test]
fn strings_can_be_written_in_any_order() {
    let words: Vec<String> = (0..50).map(|i| format!("word {i} ").repeat(i % 5)).collect();
    let bytes = file_of(LibVer::V18, |file| {
        let mut x = file.build("x").element::<String>().shape([50]).chunks([7]).deflate(1).create().unwrap();
        let order: Vec<u64> = (0..50).map(|i| i * 17 % 50).collect();
        for part in order.chunks(9) {
            let chosen: Vec<String> = part.iter().map(|&i| words[i as usize].clone()).collect();
            x.write_selection(Selection::points(part.iter().map(|i| [*i])), chosen).unwrap();
        }
    });
    assert_eq!(File::from_bytes(bytes).unwrap().dataset("x").unwrap().read::<Vec<String>>().unwrap(), words);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let bytes = file_of(LibVer::V18, |file| {
        let mut x = file.build("x").element::<u8>().shape([4, 4]).max_shape([None, Some(6)]).create().unwrap();
        let kind = |result: h5manager::Result<()>| result.unwrap_err().kind();
        assert_eq!(kind(x.write_selection((0..5, ..), [1u8; 20])), ErrorKind::Mismatch);
        assert_eq!(kind(x.write_selection((0..2, ..), [1u8; 7])), ErrorKind::Mismatch);
        assert_eq!(kind(x.write_selection((0..1, ..), ["a"; 4])), ErrorKind::Mismatch);
        assert_eq!(kind(x.append_along(1, [1u8; 6])), ErrorKind::Mismatch);
        assert_eq!(kind(x.append_along(1, [1u8; 12])), ErrorKind::Mismatch);
        assert_eq!(kind(x.append_along(2, [1u8; 4])), ErrorKind::Mismatch);
        assert_eq!(kind(x.grow([3, 4])), ErrorKind::Unsupported);
        assert_eq!(kind(x.grow([4, 7])), ErrorKind::Mismatch);
        x.append_along(1, [1u8; 8]).unwrap();
        let mut fixed = file.build("y").element::<u8>().shape([4]).create().unwrap();
        assert_eq!(kind(fixed.grow([5])), ErrorKind::Mismatch);
    });
    let x = File::from_bytes(bytes).unwrap().dataset("x").unwrap();
    assert_eq!(x.shape(), [4, 6]);
    assert_eq!(x.read::<Vec<u8>>().unwrap()[..6], [0, 0, 0, 0, 1, 1]);
}
