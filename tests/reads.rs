//! How sources are read: in few requests, and resumable where bytes are not there yet.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use h5manager::io::{CountingSource, MemorySource, Source};
use h5manager::{Error, ErrorKind, File, Limits, Object, Result, Visited};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// A file with the things that people have: groups, attributes, strings, contiguous and compressed data.
fn example() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let mut out = File::create(&path).unwrap();
    out.build("plain").write((0..1000).collect::<Vec<i32>>()).unwrap();
    let pixels: Vec<u8> = (0..200 * 30).map(|n| (n / 7) as u8).collect();
    out.build("deep/er/images").shape([200, 30]).chunks([10, 30]).shuffle().deflate(4).write(&pixels).unwrap();
    out.build("names").write(&["eins", "zwei", "drei"].map(String::from)[..]).unwrap();
    let mut deep = out.root().group("deep").unwrap();
    for i in 0..20 {
        deep.set_attribute(format!("a{i}"), i).unwrap();
    }
    out.commit().unwrap();
    std::fs::read(&path).unwrap()
}

/// Everything that can be read of a file, as text.
fn everything(file: &File) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for visit in file.walk() {
        let visit = visit?;
        let Visited::Object(object) = visit.what() else { continue };
        for attribute in object.attributes()? {
            let attribute = attribute?;
            found.push(format!("{}@{} {:?}", visit.path(), attribute.name(), attribute.values(100)?));
        }
        if let Object::Dataset(dataset) = object {
            found.push(format!("{} {:?}", visit.path(), dataset.select(..)?.values()?));
        }
    }
    Ok(found)
}

/// A source that knows nothing until somebody asked; `step` bytes of each range that was missing arrive at a time.
struct Slow {
    bytes: Vec<u8>,
    known: Mutex<Vec<bool>>,
    step: usize,
}

impl Slow {
    fn new(bytes: Vec<u8>, step: usize) -> Slow {
        Slow { known: Mutex::new(vec![false; bytes.len()]), bytes, step }
    }

    fn missing(&self, range: Range<u64>) -> Option<Range<u64>> {
        let known = self.known.lock().unwrap();
        let unknown = (range.start as usize..range.end as usize).find(|&i| !known[i])?;
        Some(unknown as u64..range.end)
    }

    fn fetch(&self, range: &Range<u64>) {
        let mut known = self.known.lock().unwrap();
        let end = (range.end as usize).min((range.start as usize).saturating_add(self.step)).min(known.len());
        known[range.start as usize..end].fill(true);
    }
}

impl Source for Slow {
    fn size(&self) -> Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        let range = position..position + buffer.len() as u64;
        if let Some(missing) = self.missing(range) {
            return Err(Error::missing(vec![missing]));
        }
        buffer.copy_from_slice(&self.bytes[position as usize..][..buffer.len()]);
        Ok(())
    }

    fn wants_plan(&self) -> bool {
        true
    }

    fn announce(&self, ranges: &[Range<u64>]) -> Result<()> {
        let missing: Vec<_> = ranges.iter().filter_map(|r| self.missing(r.clone())).collect();
        if missing.is_empty() { Ok(()) } else { Err(Error::missing(missing)) }
    }
}

/// Runs an operation until nothing is missing; how often bytes had to be fetched.
fn until_it_is_there<T>(source: &Slow, operation: impl Fn() -> Result<T>) -> (T, usize) {
    for rounds in 0.. {
        match operation() {
            Ok(value) => return (value, rounds),
            Err(e) if e.kind() == ErrorKind::Missing => {
                assert!(!e.missing_ranges().is_empty());
                e.missing_ranges().iter().for_each(|r| source.fetch(r));
            }
            Err(e) => panic!("{e}"),
        }
    }
    unreachable!("the loop has no end")
}

#[test]
fn an_operation_runs_again_until_its_bytes_are_there() {
    let bytes = example();
    let expected = everything(&File::from_bytes(bytes.clone()).unwrap()).unwrap();
    for step in [usize::MAX, 1000, 1] {
        let source = Arc::new(Slow::new(bytes.clone(), step));
        let (file, _) = until_it_is_there(&source, || File::from_source(source.clone(), Limits::default()));
        let (found, _) = until_it_is_there(&source, || everything(&file));
        assert_eq!(found, expected, "{step} bytes at a time");
    }
}

#[test]
fn all_chunks_of_a_read_are_asked_for_at_once() {
    let source = Arc::new(Slow::new(example(), usize::MAX));
    let (file, _) = until_it_is_there(&source, || File::from_source(source.clone(), Limits::default()));
    let (dataset, _) = until_it_is_there(&source, || file.dataset("deep/er/images"));
    let (_, before) = until_it_is_there(&source, || dataset.stored_size());
    let (pixels, rounds) = until_it_is_there(&source, || dataset.select((5..195, ..))?.read::<Vec<u8>>());
    assert_eq!(pixels.len(), 190 * 30);
    assert!(rounds <= 1, "{rounds} rounds, {before} for the index");
}

/// The requests that an operation makes of the source.
fn requests(source: &CountingSource<MemorySource>, operation: impl FnOnce()) -> u64 {
    let before = source.requests();
    operation();
    source.requests() - before
}

#[test]
fn typical_operations_take_few_requests() {
    let source = Arc::new(CountingSource::new(MemorySource::new(example())));
    let mut file = None;
    let open = requests(&source, || file = Some(File::from_source(source.clone(), Limits::default()).unwrap()));
    let file = file.unwrap();
    let list = requests(&source, || assert_eq!(file.root().unwrap().links().unwrap().count(), 3));
    let mut dataset = None;
    let find = requests(&source, || dataset = Some(file.dataset("deep/er/images").unwrap()));
    let dataset = dataset.unwrap();
    let part = requests(&source, || drop(dataset.select((0..10, ..)).unwrap().read::<Vec<u8>>().unwrap()));
    let again = requests(&source, || drop(dataset.select((3..5, ..)).unwrap().read::<Vec<u8>>().unwrap()));
    let cached = requests(&source, || drop(dataset.select((2..4, ..)).unwrap().read::<Vec<u8>>().unwrap()));
    let whole = requests(&source, || drop(dataset.read::<Vec<u8>>().unwrap()));
    // The superblock; the root's structures; the way to the dataset; its chunk; all chunks, which stand together.
    assert_eq!([open, list, find, part, again, cached, whole], [1, 1, 0, 1, 1, 0, 1]);
}

/// A source that takes its time.
struct Resting(Vec<u8>);

impl Source for Resting {
    fn size(&self) -> Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        std::thread::sleep(std::time::Duration::from_millis(position % 37));
        buffer.copy_from_slice(&self.0[position as usize..][..buffer.len()]);
        Ok(())
    }
}

/// A thread that waits for others to bring parts of its chunk takes up other chunks meanwhile.
#[test]
fn chunks_that_several_threads_bring_are_read_by_several_threads() {
    const ROWS: usize = 12;
    const CHUNK: usize = (4 << 20) + 4096;
    let store = h5manager::io::MemoryStore::default();
    let mut out = h5manager::FileMut::on_store(store.clone());
    let elements: Vec<u16> = (0..ROWS * CHUNK).map(|n| (n / 999) as u16).collect();
    out.build("d").shape([ROWS as u64, CHUNK as u64]).chunks([1, CHUNK as u64]).shuffle().write(&elements).unwrap();
    out.commit().unwrap();
    let file = File::from_source(Arc::new(Resting(store.bytes())), Limits::default()).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build().unwrap();
    for _ in 0..3 {
        let read: Vec<u16> = pool.install(|| file.dataset("d").unwrap().read().unwrap());
        assert!(read == elements);
    }
}
