//! Elements in external files, and in sources that are other files, are written there with the commit or not at all, and only
//! where that is allowed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails should panic")]

use h5manager::io::{Device, MemoryStore, OtherFiles, Source, Store};
use h5manager::{
    EditOptions, Error, ErrorKind, External, ExternalPiece, File, FileEdit, FileMut, Result, StoredSelection,
    VirtualSource,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

fn piece(file: &str, offset: u64, size: Option<u64>) -> ExternalPiece {
    ExternalPiece { file: file.into(), offset, size }
}

/// A file whose dataset `x` has six numbers in others.
fn with_pieces(pieces: &[ExternalPiece]) -> Vec<u8> {
    let store = MemoryStore::default();
    let mut file = FileMut::on_store(store.clone());
    file.build("x").element::<u16>().shape([6]).external(pieces.to_vec()).unwrap();
    file.commit().unwrap();
    store.bytes()
}

fn open(path: &Path, external: External) -> Result<FileEdit> {
    File::edit_with(path, EditOptions::new().external(external))
}

fn refused<T>(done: Result<T>, kind: ErrorKind, word: &str) {
    let error = done.err().unwrap();
    assert!(error.kind() == kind && error.to_string().contains(word), "{error}");
}

fn numbers(path: &Path) -> Vec<u16> {
    File::open(path).unwrap().dataset("x").unwrap().read().unwrap()
}

#[test]
fn they_are_written_where_that_is_allowed_and_the_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (path, raw) = (folder.path().join("run.h5"), folder.path().join("raw.bin"));
    std::fs::write(&path, with_pieces(&[piece("raw.bin", 2, Some(4)), piece("more.bin", 0, None)])).unwrap();
    let before = std::fs::read(&path).unwrap();
    for options in [EditOptions::new(), EditOptions::new().external(External::Deny)] {
        let mut edit = File::edit_with(&path, options).unwrap();
        refused(edit.write("x", .., [1u16; 6]), ErrorKind::Denied, "allow it with --external FOLDER");
        edit.commit().unwrap();
    }
    // Given up, nothing happens.
    open(&path, External::OwnFolder).unwrap().write("x", .., [9u16; 6]).unwrap();
    assert!(!raw.exists() && before == std::fs::read(&path).unwrap());
    let mut edit = open(&path, External::OwnFolder).unwrap();
    edit.write("x", .., [1u16, 2, 3, 4, 5, 6]).unwrap();
    edit.commit().unwrap();
    assert_eq!(std::fs::read(&raw).unwrap(), [0, 0, 1, 0, 2, 0]);
    assert_eq!(std::fs::read(folder.path().join("more.bin")).unwrap(), [3, 0, 4, 0, 5, 0, 6, 0]);
    // What is written is read by the editor, too, and by who comes later.
    assert_eq!(edit.file().unwrap().dataset("x").unwrap().read::<Vec<u16>>().unwrap(), [1, 2, 3, 4, 5, 6]);
    edit.write("x", 1..4, [7u16, 8, 9]).unwrap();
    edit.commit().unwrap();
    assert_eq!((numbers(&path), before), (vec![1, 7, 8, 9, 5, 6], std::fs::read(&path).unwrap()));
    refused(edit.resize("x", [7]), ErrorKind::Mismatch, "at most");
    refused(edit.write("x", .., [1u16; 5]), ErrorKind::Mismatch, "5 elements");
    // As long as it is edited, the files with its elements are locked.
    refused(open(&folder.path().join("more.bin"), External::Any), ErrorKind::Conflict, "open in another program");
}

#[test]
fn nothing_outside_the_allowed_folder_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let (path, outside) = (inner.join("run.h5"), folder.path().join("raw.bin"));
    let away = outside.to_str().unwrap();
    for name in ["../raw.bin", "./sub/../../raw.bin", away] {
        std::fs::write(&path, with_pieces(&[piece(name, 0, None)])).unwrap();
        let write = |external: External| {
            let mut edit = open(&path, external)?;
            edit.write("x", .., [1u16; 6])?;
            edit.commit()
        };
        for there in [false, true] {
            if there {
                std::fs::write(&outside, "secret").unwrap();
            }
            refused(write(External::OwnFolder), ErrorKind::Denied, "raw.bin");
            assert!(there == outside.exists() && (!there || std::fs::read(&outside).unwrap() == b"secret"));
        }
        if name != "./sub/../../raw.bin" {
            write(External::Beneath(folder.path().to_owned())).unwrap();
            assert_eq!(std::fs::read(&outside).unwrap(), [1, 0].repeat(6));
        }
        std::fs::remove_file(&outside).unwrap();
    }
    #[cfg(unix)]
    {
        std::fs::write(&outside, "secret").unwrap();
        std::os::unix::fs::symlink(&outside, inner.join("link.bin")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("none.bin"), inner.join("nowhere.bin")).unwrap();
        for name in ["link.bin", "nowhere.bin"] {
            std::fs::write(&path, with_pieces(&[piece(name, 0, None)])).unwrap();
            let mut edit = open(&path, External::OwnFolder).unwrap();
            let done = edit.write("x", .., [1u16; 6]).and_then(|()| edit.commit());
            assert!(done.is_err() && std::fs::read(&outside).unwrap() == b"secret", "{name}");
        }
        assert!(!folder.path().join("none.bin").exists());
    }
    std::fs::write(&path, with_pieces(&[piece("run.h5", 0, None)])).unwrap();
    let mut edit = open(&path, External::Any).unwrap();
    refused(edit.write("x", .., [1u16; 6]), ErrorKind::Unsupported, "in the file itself");
}

/// A file whose dataset `x` is virtual, with the numbers of `a/y` of another one, and that one.
fn with_source(name: &str) -> (Vec<u8>, Vec<u8>) {
    let [main, source] = [(); 2].map(|()| MemoryStore::default());
    let mut file = FileMut::on_store(main.clone());
    let all = VirtualSource {
        file: name.into(),
        dataset: "a/y".into(),
        source: StoredSelection::All,
        own: StoredSelection::All,
    };
    file.build("x").element::<u16>().shape([6]).virtual_from([all]).unwrap();
    file.commit().unwrap();
    let mut file = FileMut::on_store(source.clone());
    file.build("a/y").chunks([4]).deflate(1).write([7u16; 6]).unwrap();
    file.commit().unwrap();
    (main.bytes(), source.bytes())
}

/// Files in memory that are taken away from the editor after so many operations.
#[derive(Clone)]
struct Taken {
    file: MemoryStore,
    other: MemoryStore,
    left: Arc<AtomicUsize>,
}

impl Taken {
    fn may(&self) -> Result<()> {
        let taken = self.left.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1));
        taken.map(drop).map_err(|_| Error::new(ErrorKind::Io, "taken away"))
    }
}

struct Part(MemoryStore, Taken);

impl Source for Part {
    fn size(&self) -> Result<u64> {
        self.0.size()
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        self.0.read_at(position, buffer)
    }
}

impl Store for Part {
    fn write_at(&self, position: u64, bytes: &[u8]) -> Result<()> {
        self.1.may()?;
        self.0.write_at(position, bytes)
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

impl Device for Part {
    fn resize(&self, size: u64) -> Result<()> {
        self.1.may()?;
        self.0.resize(size)
    }
}

impl OtherFiles for Taken {
    fn file(&self, _: &str, _: bool) -> Result<Option<Arc<dyn Source>>> {
        Ok(Some(Arc::new(self.other.clone())))
    }

    fn device(&self, _: &str) -> Result<Arc<dyn Device>> {
        Ok(Arc::new(Part(self.other.clone(), self.clone())))
    }
}

/// The bytes of a file and of the other one with its elements, when the editor of both was stopped after so many operations;
/// nothing if it was not.
fn stopped(start: &[u8], other: &[u8], after: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let [file, other] = [start, other].map(|bytes| MemoryStore::holding(bytes.to_vec()));
    let taken = Taken { file, other, left: Arc::new(AtomicUsize::new(after)) };
    let device = Arc::new(Part(taken.file.clone(), taken.clone()));
    let mut edit = File::edit_from_host(device, EditOptions::new(), "run.h5", Arc::new(taken.clone())).unwrap();
    let done = edit.write("x", 1..5, [21u16, 22, 23, 24]).and_then(|()| {
        edit.set_attribute("x", "unit", "mm")?;
        edit.commit()
    });
    drop(edit);
    done.is_err().then(|| (taken.file.bytes(), taken.other.bytes()))
}

/// The state behind the record, before any byte that was there has changed.
fn recorded(start: &[u8], other: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let states = (0..).map_while(|after| stopped(start, other, after));
    let mut before = states.take_while(|(_, now)| now.starts_with(other));
    before.find(|(file, _)| file.ends_with(b"\x89H5redo\n")).unwrap()
}

/// The same with raw data.
fn recorded_raw(name: &str) -> (Vec<u8>, Vec<u8>) {
    recorded(&with_pieces(&[piece(name, 0, None)]), &[7, 0].repeat(6))
}

#[test]
fn an_interrupted_commit_is_seen_by_readers_and_finished_by_editors() {
    let folder = tempfile::tempdir().unwrap();
    let (path, raw) = (folder.path().join("run.h5"), folder.path().join("raw.bin"));
    let (bytes, old) = recorded_raw("raw.bin");
    let put = || {
        std::fs::write(&path, &bytes).unwrap();
        std::fs::write(&raw, &old).unwrap();
    };
    put();
    let new = vec![7, 21, 22, 23, 24, 7];
    assert_eq!(numbers(&path), new);
    refused(File::edit(&path), ErrorKind::Denied, "interrupted, and goes on in raw.bin");
    assert_eq!((numbers(&path), std::fs::read(&raw).unwrap()), (new.clone(), old.clone()));
    drop(open(&path, External::OwnFolder).unwrap());
    assert_eq!(std::fs::read(&raw).unwrap(), new.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>());
    assert_eq!(numbers(&path), new);
    File::edit(&path).unwrap();
    // Moved together, they still belong together; alone, the file is not edited.
    put();
    let elsewhere = folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let moved = elsewhere.join("renamed.h5");
    std::fs::rename(&path, &moved).unwrap();
    refused(open(&moved, External::OwnFolder), ErrorKind::NotFound, "raw.bin, which is not there");
    std::fs::rename(&raw, elsewhere.join("raw.bin")).unwrap();
    drop(open(&moved, External::OwnFolder).unwrap());
    assert_eq!(numbers(&moved), new);
    // Where somebody else has written since, his elements stay; the rest of the commit is made.
    put();
    std::fs::write(&raw, [5, 0].repeat(6)).unwrap();
    assert_eq!(numbers(&path), [5; 6]);
    drop(open(&path, External::OwnFolder).unwrap());
    assert_eq!(numbers(&path), [5; 6]);
    let unit = File::open(&path).unwrap().dataset("x").unwrap().attribute("unit").unwrap().unwrap();
    assert_eq!(unit.read_one::<String>().unwrap(), "mm");
    File::edit(&path).unwrap();
}

#[test]
fn an_interrupted_commit_to_two_files_is_seen_and_finished() {
    let folder = tempfile::tempdir().unwrap();
    let (path, source) = (folder.path().join("run.h5"), folder.path().join("raw.h5"));
    let (main, old) = with_source("raw.h5");
    let (bytes, longer) = recorded(&main, &old);
    let put = || {
        std::fs::write(&path, &bytes).unwrap();
        std::fs::write(&source, &longer).unwrap();
    };
    let alone = || File::open(&source).unwrap().dataset("a/y").unwrap().read::<Vec<u16>>().unwrap();
    let new = vec![7, 21, 22, 23, 24, 7];
    put();
    assert_eq!((numbers(&path), alone()), (new.clone(), vec![7; 6]));
    refused(File::edit(&path), ErrorKind::Denied, "interrupted, and goes on in raw.h5");
    // As long as another program has the source, it cannot be finished.
    let held = File::edit(&source).unwrap();
    refused(open(&path, External::OwnFolder), ErrorKind::Conflict, "open in another program");
    drop(held);
    drop(open(&path, External::OwnFolder).unwrap());
    assert_eq!((numbers(&path), alone()), (new.clone(), new.clone()));
    File::edit(&path).unwrap();
    // A source that somebody has changed since, or cut off where libhdf5 says that it ends, stays as he left it.
    for change in [0, 1] {
        put();
        if change == 0 {
            let mut edit = File::edit(&source).unwrap();
            edit.write("a/y", .., [5u16; 6]).unwrap();
            edit.commit().unwrap();
        } else {
            std::fs::write(&source, &old).unwrap();
        }
        let there = alone();
        assert_eq!(numbers(&path), there);
        drop(open(&path, External::OwnFolder).unwrap());
        assert_eq!((numbers(&path), alone()), (there.clone(), there));
        assert!(File::open(&path).unwrap().dataset("x").unwrap().attribute("unit").unwrap().is_some());
    }
    // Without the permission nothing is written, and nothing is left behind in the source.
    std::fs::write(&path, &main).unwrap();
    std::fs::write(&source, &old).unwrap();
    let mut edit = File::edit(&path).unwrap();
    refused(edit.write("x", .., [1u16; 6]), ErrorKind::Denied, "writing to raw.h5 through a virtual dataset; allow it");
    drop(edit);
    open(&path, External::OwnFolder).unwrap().write("x", .., [1u16; 6]).unwrap();
    assert_eq!((std::fs::read(&path).unwrap(), std::fs::read(&source).unwrap()), (main, old));
}

/// Whoever makes up a record may write to no file that its reader would not be let read.
#[test]
fn a_record_that_leads_out_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let (path, outside) = (inner.join("run.h5"), folder.path().join("raw.bin"));
    for name in ["../raw.bin", outside.to_str().unwrap()] {
        let (bytes, old) = recorded_raw(name);
        std::fs::write(&path, &bytes).unwrap();
        std::fs::write(&outside, &old).unwrap();
        refused(File::edit(&path), ErrorKind::Denied, "interrupted");
        refused(open(&path, External::OwnFolder), ErrorKind::Denied, "raw.bin");
        assert_eq!((std::fs::read(&path).unwrap(), std::fs::read(&outside).unwrap()), (bytes, old));
        drop(open(&path, External::Any).unwrap());
        assert_eq!(std::fs::read(&outside).unwrap()[2..4], [21, 0], "{name}");
    }
}

#[test]
fn a_record_of_two_files_that_leads_out_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let (path, outside) = (inner.join("run.h5"), folder.path().join("raw.h5"));
    for name in ["../raw.h5", outside.to_str().unwrap()] {
        let (main, old) = with_source(name);
        let (bytes, longer) = recorded(&main, &old);
        std::fs::write(&path, &bytes).unwrap();
        std::fs::write(&outside, &longer).unwrap();
        refused(open(&path, External::OwnFolder), ErrorKind::Denied, "raw.h5");
        assert_eq!((std::fs::read(&path).unwrap(), std::fs::read(&outside).unwrap()), (bytes, longer));
        drop(open(&path, External::Any).unwrap());
        let there: Vec<u16> = File::open(&outside).unwrap().dataset("a/y").unwrap().read().unwrap();
        assert_eq!(there, [7, 21, 22, 23, 24, 7], "{name}");
    }
}
