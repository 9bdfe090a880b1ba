//! A file and those that it leads to: external raw data, and sources of virtual datasets.

use super::*;
use crate::io::OtherFiles;
use crate::{ExternalPiece, StoredSelection, VirtualSource, WithShape};

/// The files beside file 0, which are called by their numbers.
struct Beside {
    files: Files,
    log: Log,
    /// Those that are written to.
    open: Mutex<BTreeMap<u64, Arc<Part>>>,
}

impl OtherFiles for Beside {
    fn file(&self, place: &str, _: bool) -> Result<Option<Arc<dyn Source>>> {
        let Ok(number) = place.parse() else { return Ok(None) };
        if let Some(part) = self.open.lock().unwrap().get(&number) {
            return Ok(Some(part.clone()));
        }
        let memory = |bytes: &Vec<u8>| Arc::new(MemorySource::new(bytes.clone())) as Arc<dyn Source>;
        Ok(self.files.get(&number).map(memory))
    }

    fn device(&self, place: &str) -> Result<Arc<dyn Device>> {
        let number = place.parse().unwrap();
        let mut open = self.open.lock().unwrap();
        if let Some(part) = open.get(&number) {
            return Ok(part.clone());
        }
        let there = self.files.get(&number);
        if there.is_none() {
            self.log.add(number, Op::Make)?;
            self.log.add(FOLDER, Op::Sync)?;
        }
        let now = MemoryStore::holding(there.cloned().unwrap_or_default());
        let part = Arc::new(Part { number, now, log: self.log.clone() });
        open.insert(number, part.clone());
        Ok(part)
    }
}

/// The first of those that are sources of virtual datasets.
const SOURCES: u64 = 3;

pub(super) fn open(files: &Files, number: u64) -> Result<File> {
    let host = Beside { files: files.clone(), log: Log::default(), open: Mutex::default() };
    let source = Arc::new(MemorySource::new(files[&number].clone()));
    File::from_host(source, Default::default(), "main.h5", Arc::new(host))
}

pub(super) fn edit(device: Arc<dyn Device>, files: &Files, log: &Log) -> Result<FileEdit> {
    let host = Beside { files: files.clone(), log: log.clone(), open: Mutex::default() };
    File::edit_from_host(device, EditOptions::new(), "main.h5", Arc::new(host))
}

/// What whoever opens one of the sources by itself finds in it.
pub(super) fn alone(files: &Files) -> Result<BTreeMap<u64, String>> {
    let sources = files.range(SOURCES..).map(|(&number, _)| {
        let x = open(files, number)?.dataset("a/x")?;
        Ok((number, format!("{:?}", x.read::<Vec<i32>>()?)))
    });
    sources.collect()
}

/// One whose raw data are in files 1 and 2, of which the second is not there yet.
fn with_external() -> Files {
    let store = MemoryStore::default();
    let mut file = FileMut::on_store(store.clone());
    let piece = |file: &str, offset, size| ExternalPiece { file: file.into(), offset, size };
    let rows = file.build("rows").element::<i32>().shape([5, 4]).extendible();
    rows.external([piece("1", 700, Some(100)), piece("2", 30, None)]).unwrap();
    file.build("plain").element::<i16>().shape([6]).external([piece("1", 900, Some(12))]).unwrap();
    file.set_attribute("note", "before").unwrap();
    file.commit().unwrap();
    Files::from([(0, store.bytes()), (1, vec![3; 650])])
}

/// Writes to both files, and makes them longer.
fn change_external(edit: &mut FileEdit, round: i32) -> Result<()> {
    edit.append("rows", (1..=240).map(|i| i * round).collect::<Vec<i32>>())?;
    edit.write("rows", 1..3, [round; 8])?;
    edit.write("plain", 2..4, [round as i16; 2])?;
    if round != 2 {
        edit.set_attribute("", "note", "round ".repeat(20))?;
    }
    edit.commit()
}

/// One with virtual datasets whose sources are in itself and in files 3 and 4; those of the last are in file 1.
fn with_sources() -> Files {
    let make = |build: &dyn Fn(&mut FileMut)| {
        let store = MemoryStore::default();
        let mut file = FileMut::on_store(store.clone());
        build(&mut file);
        file.commit().unwrap();
        store.bytes()
    };
    let numbers = || WithShape::new((0..40).collect::<Vec<i32>>(), [10, 4]).unwrap();
    let piece = ExternalPiece { file: "1".into(), offset: 90, size: None };
    let main = make(&|file| {
        file.build("own").write(numbers()).unwrap();
        let part = |file: &str, dataset: &str, shape: [u64; 2], from: u64, own: u64| VirtualSource {
            file: file.into(),
            dataset: dataset.into(),
            source: StoredSelection::of((from..from + 2, ..), shape).unwrap(),
            own: StoredSelection::of((own..own + 2, ..), [6, 4]).unwrap(),
        };
        let parts = [part(".", "own", [10, 4], 3, 0), part("3", "a/x", [10, 4], 8, 2), part("4", "a/x", [10, 4], 2, 4)];
        file.build("rows").element::<i32>().shape([6, 4]).virtual_from(parts).unwrap();
        let all = VirtualSource {
            file: "4".into(),
            dataset: "a/x".into(),
            source: StoredSelection::of((7..9, 0..3), [10, 4]).unwrap(),
            own: StoredSelection::All,
        };
        file.build("plain").element::<i16>().shape([6]).virtual_from([all]).unwrap();
    });
    let chunked = make(&|file| _ = file.build("a/x").chunks([3, 4]).deflate(1).write(numbers()).unwrap());
    let external = make(&|file| {
        file.build("a/x").element::<i32>().shape([10, 4]).external([piece.clone()]).unwrap();
    });
    Files::from([(0, main), (1, vec![3; 120]), (3, chunked), (4, external)])
}

/// Writes to all sources, and to some.
fn change_sources(edit: &mut FileEdit, round: i32) -> Result<()> {
    if round != 3 {
        edit.write("rows", (1..6, 0..3), [round * 1000; 15])?;
    }
    if round != 1 {
        edit.write("plain", 2..4, [round as i16; 2])?;
    }
    if round == 2 {
        edit.set_attribute("", "note", "round ".repeat(20))?;
    }
    edit.commit()
}

#[test]
fn writing_to_external_files_is_stopped_anywhere() {
    stop_anywhere(with_external(), change_external);
}

#[test]
fn writing_to_the_sources_of_virtual_datasets_is_stopped_anywhere() {
    stop_anywhere(with_sources(), change_sources);
}

fn stop_anywhere(start: Files, change: Change) {
    let run = Run::new(Kind::Beside, start, change);
    let (count, wrong) = run.check(&run.ops, &run.commits);
    assert_eq!(wrong, None);
    println!("{} operations, {count} states", run.ops.len());
    assert!(count > 500, "{count} states");
    // Without any one sync something can go wrong, if the file is another than at the last one.
    let bytes = |file: u64, ops: &[(u64, Op)]| {
        let mut files = run.start.clone();
        ops.iter().for_each(|(number, op)| apply(&mut files, *number, op));
        files.remove(&file)
    };
    let is_needed = |&i: &usize| {
        let (file, op) = &run.ops[i];
        let before = run.ops[..i].iter().rposition(|(n, op)| n == file && matches!(op, Op::Sync)).unwrap_or(0);
        matches!(op, Op::Sync) && (*file == FOLDER || bytes(*file, &run.ops[..before]) != bytes(*file, &run.ops[..i]))
    };
    for without in (0..run.ops.len()).filter(is_needed) {
        let mut ops = run.ops.clone();
        let (file, _) = ops.remove(without);
        let commits: Vec<usize> = run.commits.iter().map(|&n| n - usize::from(n > without)).collect();
        let (_, wrong) = run.check(&ops, &commits);
        assert!(wrong.is_some(), "without sync {without}, of file {file}, nothing is wrong");
    }
}

#[test]
fn writing_to_external_files_fails_as_a_whole() {
    fail_anywhere(with_external(), change_external);
}

#[test]
fn writing_to_the_sources_of_virtual_datasets_fails_as_a_whole() {
    fail_anywhere(with_sources(), change_sources);
}

/// The disk is full, or fails, at any moment.
fn fail_anywhere(start: Files, change: Change) {
    let run = Run::new(Kind::Beside, start, change);
    for good in 0..run.ops.len() {
        let log = Log { good: Some(good), ..Log::default() };
        let mut edit = run.kind.edit(&run.start, &log).unwrap();
        let done = (1..=3).take_while(|&round| change(&mut edit, round).is_ok()).count();
        drop(edit);
        let mut files = run.start.clone();
        let ops = log.ops.lock().unwrap().clone();
        ops.iter().for_each(|(number, op)| apply(&mut files, *number, op));
        // Half of the one that failed may be done, too.
        if let (number, Op::Write(at, bytes)) = &run.ops[good] {
            apply(&mut files, *number, &Op::Write(*at, bytes[..bytes.len() / 2].to_vec()));
        }
        let state =
            run.look(&files, done..=(done + 1).min(3)).unwrap_or_else(|e| panic!("operation {good} fails: {e}"));
        assert!(state >= done);
    }
}
