//! New files: what is visible when, what happens when the disk fails, and that the bytes do not depend on chance.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails should panic")]

use h5manager::io::{FaultStore, MemoryStore, Store};
use h5manager::{CreateOptions, ErrorKind, File, FileMut, WithShape};
use std::sync::{Arc, Mutex};

/// A file with everything in it: groups, filters, strings, attributes, contiguous and chunked datasets.
fn fill(file: &mut FileMut) -> h5manager::Result<()> {
    let mut images = file.build("set/images").shape([0, 8, 9]).element::<u8>().extendible();
    images = images.chunks([2, 8, 5]).shuffle().deflate(4).fill_value(7u8);
    let mut images = images.create()?;
    let mut names = file.build("set/names").element::<String>().extendible().chunks([16]).create()?;
    let mut labels = file.build("set/labels").element::<i64>().shape([101]).create()?;
    for row in 0..101usize {
        images.append((0..72).map(|i| (row * 3 + i) as u8).collect::<Vec<_>>())?;
        names.append([format!("row {row}").repeat(row % 7)])?;
        labels.append([row as i64])?;
    }
    images.set_attribute("CLASS", "IMAGE")?;
    file.set_attribute("names", vec!["many"; 5000])?;
    for i in 0..20 {
        file.create_group(format!("group {i}"))?.set_attribute("number", i)?;
    }
    file.build("table").write(WithShape::new((0..60_000).collect::<Vec<i32>>(), [300, 200])?)?;
    Ok(())
}

fn bytes_of(work: impl FnOnce(&mut FileMut) -> h5manager::Result<()>) -> Vec<u8> {
    let store = MemoryStore::default();
    let mut file = FileMut::on_store(store.clone());
    work(&mut file).unwrap();
    file.commit().unwrap();
    store.bytes()
}

#[test]
fn what_is_written_is_read_again() {
    let file = File::from_bytes(bytes_of(fill)).unwrap();
    let images: Vec<u8> = file.dataset("set/images").unwrap().read().unwrap();
    assert!(images.chunks(72).enumerate().all(|(r, row)| row.iter().enumerate().all(|(i, v)| *v == (r * 3 + i) as u8)));
    assert_eq!(images.len(), 101 * 72);
    let names: Vec<String> = file.dataset("set/names").unwrap().read().unwrap();
    assert!(names.iter().enumerate().all(|(row, name)| *name == format!("row {row}").repeat(row % 7)));
    let labels: Vec<i64> = file.dataset("set/labels").unwrap().read().unwrap();
    assert_eq!(labels, (0..101).collect::<Vec<_>>());
    let root = file.root().unwrap();
    let words: Vec<String> = root.attribute("names").unwrap().unwrap().read().unwrap();
    assert_eq!(words, vec!["many"; 5000]);
    assert_eq!(root.links().unwrap().count(), 22);
    let number = file.group("group 13").unwrap().attribute("number").unwrap().unwrap();
    assert_eq!(number.read_one::<i32>().unwrap(), 13);
}

#[test]
fn the_bytes_depend_neither_on_threads_nor_on_the_cuts_between_appends() {
    let rows: Vec<u16> = (0..40_000u32).map(|i| ((i * i) >> 7) as u16).collect();
    let words: Vec<String> = (0..4000).map(|i| "word ".repeat(i % 90)).collect();
    let write = |threads: usize, pieces: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            bytes_of(|file| {
                let builder = file.build("numbers").shape([0, 10]).element::<u16>().extendible();
                let mut numbers = builder.chunks([7, 4]).shuffle().deflate(6).create()?;
                rows.chunks(pieces * 10).try_for_each(|rows| numbers.append(rows))?;
                let builder = file.build("plain").shape([0, 10]).element::<u16>().extendible();
                let mut plain = builder.chunks([7, 10]).create()?;
                rows.chunks(pieces * 10).try_for_each(|rows| plain.append(rows))?;
                let builder = file.build("words").element::<String>().extendible();
                let mut strings = builder.chunks([10]).deflate(1).create()?;
                words.chunks(pieces).try_for_each(|words| strings.append(words))?;
                let mut fixed = file.build("contiguous").element::<u16>().shape([4000, 10]).create()?;
                rows.chunks(pieces * 10).try_for_each(|rows| fixed.append(rows))
            })
        })
    };
    let once = write(1, 4000);
    for (threads, pieces) in [(1, 1), (2, 3), (3, 7), (4, 1000), (2, 4000)] {
        assert!(write(threads, pieces) == once, "{threads} threads, {pieces} rows at a time");
    }
}

#[test]
fn whatever_fails_no_half_file_is_taken_for_a_whole_one() {
    let mut good = 0;
    loop {
        let memory = MemoryStore::default();
        let mut file = FileMut::on_store(FaultStore::new(memory.clone(), good));
        let filled = fill(&mut file);
        let committed = file.commit();
        let readable = File::from_bytes(memory.bytes()).and_then(|f| f.root());
        match committed {
            Ok(()) => {
                assert!(filled.is_ok() && readable.is_ok());
                break;
            }
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Io, "{e}");
                assert!(e.to_string().contains("injected fault"), "{e}");
                // The one exception: all is written, and only the last sync failed.
                let whole = File::from_bytes(memory.bytes()).is_ok_and(|f| f.dataset("table").is_ok());
                assert!(readable.is_err() || whole, "after {good} operations");
            }
        }
        good += 1;
    }
    assert!(good > 5, "{good} operations");
}

#[test]
fn the_superblock_is_written_after_everything_else_is_synced() {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<Option<u64>>>>);
    impl Store for Log {
        fn write_at(&self, position: u64, _: &[u8]) -> h5manager::Result<()> {
            self.0.lock().unwrap().push(Some(position));
            Ok(())
        }
        fn sync(&self) -> h5manager::Result<()> {
            self.0.lock().unwrap().push(None);
            Ok(())
        }
    }
    let log = Log::default();
    let mut file = FileMut::on_store(log.clone());
    fill(&mut file).unwrap();
    file.commit().unwrap();
    let log = log.0.lock().unwrap();
    let (before, last) = log.split_at(log.len() - 3);
    assert_eq!(last, [None, Some(0), None]);
    assert!(before.iter().all(|w| w.is_some_and(|position| position >= 48)));
}

#[test]
fn nothing_is_under_the_name_before_the_commit_nor_beside_it_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.h5");
    let mut file = File::create(&path).unwrap();
    fill(&mut file).unwrap();
    assert!(!path.exists());
    file.commit().unwrap();
    assert!(File::open(&path).is_ok());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(File::create(&path).map(drop).unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn dropped_without_commit_it_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.h5");
    std::fs::write(&path, "what was there").unwrap();
    let mut file = File::create_with(&path, CreateOptions::new().overwrite(true)).unwrap();
    let mut dataset = file.build("x").element::<u8>().extendible().deflate(1).create().unwrap();
    dataset.append([1u8; 100]).unwrap();
    drop(file);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a handle on a dataset keeps the file");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "what was there");
    let error = dataset.append([1u8]).unwrap_err();
    assert_eq!(error.to_string(), "/x: the file is committed or given up already");
}

#[test]
fn a_file_that_appears_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.h5");
    let file = File::create(&path).unwrap();
    std::fs::write(&path, "somebody else's").unwrap();
    assert_eq!(file.commit().unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody else's");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn names_that_are_taken_or_cannot_be_are_refused() {
    let mut file = FileMut::on_store(MemoryStore::default());
    file.build("a/data").write([1u8]).unwrap();
    file.link_soft("link", "/a").unwrap();
    let kind = |result: h5manager::Result<()>| result.unwrap_err().kind();
    for taken in ["a/data", "a", "/a//data/", "a/data/below", "link", "link/below", "/", ""] {
        assert_eq!(kind(file.build(taken).write([1u8]).map(drop)), ErrorKind::Conflict, "{taken:?}");
        assert_eq!(kind(file.create_group(taken).map(drop)), ErrorKind::Conflict, "{taken:?}");
    }
    for bad in ["a/./b", ".", "nul\0"] {
        assert_eq!(kind(file.create_group(bad).map(drop)), ErrorKind::Invalid, "{bad:?}");
    }
    let error = file.build("a/data").write([1u8]).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "/a/data: data exists already");
    file.create_group("x".repeat(1 << 20)).unwrap();
    assert_eq!(kind(file.create_group("x".repeat((1 << 20) + 1)).map(drop)), ErrorKind::Limit);
    let mut a = file.root().group("a").unwrap();
    a.link_hard("itself", "").unwrap();
    assert_eq!(kind(a.link_hard("nothing", "nowhere")), ErrorKind::NotFound);
    file.commit().unwrap();
}

#[test]
fn what_contradicts_itself_is_refused_with_what_to_do() {
    let mut file = FileMut::on_store(MemoryStore::default());
    let mut refused = |work: &dyn Fn(&mut FileMut) -> h5manager::Result<()>, message: &str| {
        let error = work(&mut file).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    };
    refused(&|f| f.build("x").shape([3]).create().map(drop), "say what the elements are");
    refused(&|f| f.build("x").element::<u8>().create().map(drop), "no shape");
    refused(&|f| f.build("x").shape([3]).write([1u8, 2]).map(drop), "2 elements for a dataset of shape [3]");
    refused(&|f| f.build("x").extendible().shape([]).write(1u8).map(drop), "a single value cannot grow");
    refused(&|f| f.build("x").deflate(1).write(1u8).map(drop), "neither chunks nor filters");
    refused(&|f| f.build("x").deflate(10).write([1u8]).map(drop), "0 to 9");
    refused(&|f| f.build("x").chunks([2]).write([1u8]).map(drop), "larger than the dataset");
    refused(&|f| f.build("x").chunks([0]).write([1u8]).map(drop), "chunks of shape [0]");
    refused(&|f| f.build("x").chunks([1, 1]).write([1u8]).map(drop), "chunks of shape [1, 1]");
    refused(&|f| f.build("x").max_shape([Some(0)]).write([1u8]).map(drop), "grows up to");
    refused(&|f| f.build("x").element::<u8>().write([1i32]).map(drop), "cannot be written");
    refused(&|f| f.build("x").element::<u8>().shape([1 << 40, 1 << 40]).create().map(drop), "more than 2^64 bytes");
    refused(&|f| f.build("x").shape([0, 2]).extendible().write([1u8]).map(drop), "no whole rows");
    refused(&|f| f.build("x").fixed_strings(0).write(["a"]).map(drop), "elements of 0 bytes");
    // Each time before anything was made.
    file.build("x").write([1u8]).unwrap_or_else(|e| panic!("{e}"));
    file.commit().unwrap();
}

#[test]
fn rows_that_do_not_fit_are_refused_and_do_no_harm() {
    let mut file = FileMut::on_store(MemoryStore::default());
    let mut rows = file.build("x").element::<u8>().shape([2, 3]).create().unwrap();
    for (wrong, message) in [(4, "a row has 3"), (9, "room for 2 more")] {
        let error = rows.append(vec![0u8; wrong]).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    assert_eq!(rows.append([1i8, 2, 3]).unwrap_err().kind(), ErrorKind::Mismatch);
    rows.append([1u8, 2, 3]).unwrap();
    assert_eq!((rows.rows(), rows.shape()), (1, vec![2, 3]));
    assert!(rows.write_chunk(&[0, 0], &[], 0).is_err());
    drop(rows);
    file.commit().unwrap();
}

#[test]
fn an_append_that_stops_half_way_spoils_the_file() {
    let mut file = FileMut::on_store(MemoryStore::default());
    let mut words = file.build("x").fixed_strings(3).extendible().create().unwrap();
    assert_eq!(words.append(["one", "four"]).unwrap_err().kind(), ErrorKind::Mismatch);
    let error = file.commit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch);
    assert!(error.to_string().contains("an earlier write failed"), "{error}");
}

#[test]
fn datasets_are_written_side_by_side_from_several_threads() {
    let bytes = bytes_of(|file| {
        let mut datasets = Vec::new();
        for i in 0..6u32 {
            let builder = file.build(format!("{i}")).element::<u32>().extendible().chunks([100]);
            datasets.push((i, builder.deflate(1).create()?));
        }
        std::thread::scope(|scope| {
            for (i, mut dataset) in datasets {
                scope.spawn(move || (0..1000).try_for_each(|n| dataset.append([i, n, i * n])).unwrap());
            }
        });
        Ok(())
    });
    let file = File::from_bytes(bytes).unwrap();
    for i in 0..6u32 {
        let values: Vec<u32> = file.dataset(&format!("{i}")).unwrap().read().unwrap();
        assert!(values.chunks(3).zip(0..).all(|(v, n)| v == [i, n, i * n]));
        assert_eq!(values.len(), 3000);
    }
}

#[test]
fn raw_chunks_may_come_in_any_order_but_once() {
    let bytes = bytes_of(|file| {
        let builder = file.build("x").element::<u8>().shape([10]).extendible().chunks([4]);
        let mut x = builder.create()?;
        x.write_chunk(&[8], &[9, 10, 0, 0], 0)?;
        x.write_chunk(&[0], &[1, 2, 3, 4], 0)?;
        for (offset, raw, kind) in [
            (0, 4, ErrorKind::Conflict),
            (8, 4, ErrorKind::Conflict),
            (2, 4, ErrorKind::Mismatch),
            (4, 3, ErrorKind::Mismatch),
        ] {
            assert_eq!(x.write_chunk(&[offset], &vec![0; raw], 0).unwrap_err().kind(), kind);
        }
        assert_eq!((x.rows(), x.shape()), (10, vec![10]));
        // Row 10 lies in a chunk that is stored: it is read again.
        x.append([11u8])?;
        x.write_chunk(&[12], &[13, 14, 15, 16], 0)?;
        x.append([17u8])?;
        assert_eq!(x.write_chunk(&[16], &[0; 4], 0).unwrap_err().kind(), ErrorKind::Conflict);
        x.write_chunk(&[24], &[25, 26, 27, 28], 0)
    });
    let values: Vec<u8> = File::from_bytes(bytes).unwrap().dataset("x").unwrap().read().unwrap();
    let mut expected: Vec<u8> = (1..=28).collect();
    for missing in (4..8).chain(11..12).chain(17..24) {
        expected[missing] = 0;
    }
    assert_eq!(values, expected);
}

#[test]
fn references_are_to_what_is_there_at_the_commit() {
    let write = |fill: &dyn Fn(&mut FileMut) -> h5manager::Result<()>| {
        let store = MemoryStore::default();
        let mut file = FileMut::on_store(store.clone());
        fill(&mut file)?;
        file.commit()?;
        File::from_bytes(store.bytes())
    };
    let never = write(&|file| file.set_attribute("to", file.reference("/a//b/")?)).map(drop).unwrap_err();
    assert_eq!(never.to_string(), "/a/b: references lead here, but no object was made");
    // Over a hard link that came later.
    let file = write(&|file| {
        file.set_attribute("to", file.reference("alias/data")?)?;
        file.build("group/data").write(7u8)?;
        file.root().link_hard("alias", "group")
    });
    let file = file.unwrap();
    let to: Vec<h5manager::Reference> = file.root().unwrap().attribute("to").unwrap().unwrap().read().unwrap();
    assert_eq!(file.dereference(&to[0]).unwrap().address(), file.object("group/data").unwrap().address());
    // Two addresses cannot be those of one object.
    let two = write(&|file| {
        file.set_attribute("to", [file.reference("alias/data")?, file.reference("group/data")?])?;
        file.build("group/data").write(7u8)?;
        file.root().link_hard("alias", "group")
    });
    assert_eq!(two.map(drop).unwrap_err().kind(), ErrorKind::Conflict);
    // In a group that is made later, and next to others of the same name elsewhere.
    let file = write(&|file| {
        let inner = file.create_group("x")?.reference("y/z")?;
        file.set_attribute("to", inner)?;
        file.build("y/z").write(1u8)?;
        file.build("x/y/z").write(2u8).map(drop)
    });
    let file = file.unwrap();
    let to: Vec<h5manager::Reference> = file.root().unwrap().attribute("to").unwrap().unwrap().read().unwrap();
    assert_eq!(file.dereference(&to[0]).unwrap().address(), file.object("x/y/z").unwrap().address());
}
