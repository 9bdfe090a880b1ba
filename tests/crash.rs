//! A commit happens as a whole or not at all: every workload is interrupted at every moment, in every way that a disk or a
//! program can be, and what is found then must be what was committed last, or what was just being committed.
//!
//! Each barrier is then taken away in turn, and the same test must fail: it does see what a missing one does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test that fails should panic")]

#[path = "crash/content.rs"]
mod content;
#[path = "crash/disk.rs"]
mod disk;
#[path = "crash/states.rs"]
mod states;
#[path = "crash/workloads.rs"]
mod workloads;

use content::describe;
use disk::{Disk, Fault, Op};
use h5manager::io::{MemorySource, MemoryStore};
use h5manager::{EditOptions, File, Limits, Result};
use rayon::prelude::*;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::Arc;
use workloads::Workload;

/// A workload that was run to its end.
struct Run {
    start: Vec<u8>,
    ops: Vec<Op>,
    /// Operations done when each commit returned.
    commits: Vec<usize>,
    /// What the file holds before the first commit, and after each.
    contents: Vec<String>,
    /// The same as bytes, up to the file's end.
    files: Vec<Vec<u8>>,
}

fn content(bytes: &[u8]) -> Result<String> {
    describe(&File::from_source(Arc::new(MemorySource::new(bytes.to_vec())), Limits::default())?)
}

/// The bytes of a file as its next editor finds it: an unfinished commit is finished, what is behind the end is cut.
fn settled(bytes: &[u8]) -> Result<Vec<u8>> {
    let store = MemoryStore::holding(bytes.to_vec());
    let mut edit = File::edit_on(Arc::new(store.clone()), EditOptions::new())?;
    let end = edit.file()?.size() as usize;
    drop(edit);
    let mut bytes = store.bytes();
    bytes.truncate(end);
    Ok(bytes)
}

fn run(workload: &Workload) -> Run {
    let start = (workload.base)();
    let disk = Arc::new(Disk::new(start.clone(), None));
    let mut edit = workload.edit(disk.clone()).unwrap();
    let mut run = Run {
        contents: vec![content(&start).unwrap()],
        files: vec![settled(&start).unwrap()],
        start,
        ops: Vec::new(),
        commits: Vec::new(),
    };
    for change in &workload.commits {
        change(&mut edit).unwrap_or_else(|e| panic!("{}: {e}", workload.name));
        edit.commit().unwrap_or_else(|e| panic!("{}: {e}", workload.name));
        run.commits.push(disk.done().len());
        run.contents.push(content(&disk.bytes()).unwrap_or_else(|e| panic!("{}: {e}", workload.name)));
        run.files.push(disk.bytes());
    }
    run.ops = disk.done();
    let names = run.contents.windows(2).all(|w| w[0] != w[1]);
    assert!(names, "{}: a commit that changes nothing shows nothing", workload.name);
    run
}

impl Run {
    /// Which commits a file may hold when `done` operations are done and `begun` have begun: all that have returned, and
    /// none that has not begun.
    fn allowed(&self, done: usize, begun: usize) -> RangeInclusive<usize> {
        let returned = self.commits.iter().filter(|&&n| n <= done).count();
        let started = self.commits.iter().filter(|&&n| n < begun).count() + usize::from(begun > 0);
        returned..=started.clamp(returned, self.commits.len())
    }

    /// What is wrong with a state, if something is.
    fn verdict(&self, bytes: &[u8], allowed: RangeInclusive<usize>) -> Result<(), String> {
        let fits = |found: &String| self.contents[allowed.clone()].contains(found);
        let settled = settled(bytes).map_err(|e| format!("cannot be edited: {e}"))?;
        if self.files[allowed.clone()].contains(&settled) {
            return Ok(());
        }
        let after = content(&settled).map_err(|e| format!("cannot be read after it was opened for editing: {e}"))?;
        if !fits(&after) {
            return Err(format!("holds neither of {allowed:?} after it was opened for editing"));
        }
        Ok(())
    }

    /// The same for who only reads.
    fn seen(&self, bytes: &[u8], allowed: RangeInclusive<usize>) -> Result<(), String> {
        let seen = content(bytes).map_err(|e| format!("cannot be read: {e}"))?;
        match self.contents[allowed.clone()].contains(&seen) {
            true => Ok(()),
            false => Err(format!("shows neither of {allowed:?}")),
        }
    }

    /// Goes through all states of `ops`; returns how many there were, and what is wrong with the first bad one.
    fn check(&self, ops: &[Op], commits: &[usize], choices: u64, reads: u64) -> (u64, Option<String>) {
        let (mut count, mut wrong) = (0, None);
        let mut known: HashMap<(u64, usize, usize), ()> = HashMap::new();
        let whole = Run { ops: ops.to_vec(), commits: commits.to_vec(), start: Vec::new(), ..self.clone_contents() };
        states::all(&self.start, ops, choices, &mut |state| {
            count += 1;
            let allowed = whole.allowed(state.done, state.begun);
            let mut hasher = DefaultHasher::new();
            state.bytes.hash(&mut hasher);
            let key = (hasher.finish(), *allowed.start(), *allowed.end());
            if wrong.is_some() || known.insert(key, ()).is_some() {
                return;
            }
            let mut verdict = whole.verdict(&state.bytes, allowed.clone());
            if verdict.is_ok() && (known.len() as u64).is_multiple_of(reads) {
                verdict = whole.seen(&state.bytes, allowed);
            }
            wrong = verdict.err().map(|e| format!("{}: {e}", state.what));
        });
        (count, wrong)
    }

    fn clone_contents(&self) -> Run {
        Run {
            start: Vec::new(),
            ops: Vec::new(),
            commits: Vec::new(),
            contents: self.contents.clone(),
            files: self.files.clone(),
        }
    }
}

#[test]
fn an_interrupted_commit_has_happened_or_has_not() {
    let workloads = workloads::all();
    assert!(workloads.len() >= 20);
    let count: u64 = workloads
        .par_iter()
        .map(|workload| {
            let run = run(workload);
            let (count, wrong) = run.check(&run.ops, &run.commits, 400, 97);
            assert!(wrong.is_none(), "{}: {}", workload.name, wrong.unwrap());
            count
        })
        .sum();
    println!("{count} states of {} workloads", workloads.len());
    assert!(count >= 100_000, "{count}");
}

/// Before the record of a commit is synced nothing but new bytes is written; those that lie in the file went to room that
/// an earlier commit has left.
#[test]
fn workloads_of_many_commits_use_room_again() {
    let workloads = workloads::all();
    for name in ["ours: five commits", "old: room used again", "new: room used again", "old: room of others"] {
        let run = run(workloads.iter().find(|w| w.name == name).unwrap());
        let mut from = 0;
        let mut again = 0;
        for (&to, before) in run.commits.iter().zip(&run.files) {
            let new = run.ops[from..to].iter().take_while(|op| !matches!(op, Op::Sync));
            let inside =
                |op: &&Op| matches!(op, Op::Write(at, data) if at + (data.len() as u64) <= before.len() as u64);
            again += new.filter(inside).count();
            from = to;
        }
        assert!(again > 0, "{name}");
    }
}

#[test]
fn a_failing_disk_leaves_what_was_or_what_was_to_be() {
    workloads::all().par_iter().for_each(|workload| {
        let whole = run(workload);
        for number in 0..whole.ops.len() {
            for fault in [Fault::Refused, Fault::Short, Fault::Reported] {
                let disk = Arc::new(Disk::new(whole.start.clone(), Some((number, fault))));
                let Ok(mut edit) = workload.edit(disk.clone()) else {
                    continue;
                };
                // The last thing done is to cut the record off: that may fail, and the commit has happened.
                let done = workload
                    .commits
                    .iter()
                    .take_while(|change| change(&mut edit).and_then(|()| edit.commit()).is_ok())
                    .count();
                drop(edit);
                let bytes = disk.bytes();
                let most = (done + 1).min(workload.commits.len());
                let verdict = whole.verdict(&bytes, done..=most).and_then(|()| whole.seen(&bytes, done..=most));
                let what = || format!("{}: operation {number} {fault:?}, {done} commits", workload.name);
                verdict.unwrap_or_else(|e| panic!("{}: {e}", what()));
            }
        }
    });
}

#[test]
fn after_a_failure_nothing_more_is_taken() {
    let workload = &workloads::all()[0];
    let disk = Arc::new(Disk::new((workload.base)(), Some((1, Fault::Refused))));
    let mut edit = File::edit_on(disk, EditOptions::new()).unwrap();
    (workload.commits[0])(&mut edit).unwrap();
    edit.commit().unwrap_err();
    let error = edit.set_attribute("plain", "more", 1i8).unwrap_err();
    assert!(error.to_string().contains("must be opened again"), "{error}");
    assert!(edit.commit().is_err());
}

#[test]
fn each_barrier_is_needed() {
    // Several objects and several commits: everything that can go wrong does.
    let workloads = workloads::all();
    let named = ["ours: five commits", "new: moved and back", "old: moved and back"];
    for workload in workloads.iter().filter(|w| named.contains(&w.name)) {
        let run = run(workload);
        let syncs: Vec<usize> = (0..run.ops.len()).filter(|&i| matches!(run.ops[i], Op::Sync)).collect();
        assert_eq!(syncs.len(), 2 * run.commits.len(), "{}", workload.name);
        for (i, without) in syncs.iter().enumerate() {
            let mut ops = run.ops.clone();
            ops.remove(*without);
            let commits: Vec<usize> = run.commits.iter().map(|&n| n - usize::from(n > *without)).collect();
            let (_, wrong) = run.check(&ops, &commits, 24, 1);
            assert!(wrong.is_some(), "{}: barrier {i} is missing, and nothing is wrong", workload.name);
        }
    }
}

#[test]
fn a_record_of_somebody_elses_file_is_ignored() {
    let workload = &workloads::all()[0];
    let run = run(workload);
    // Between the record and the first patch.
    let at = run.ops.iter().position(|op| matches!(op, Op::Sync)).unwrap();
    let mut bytes = run.start.clone();
    run.ops[..at].iter().for_each(|op| disk::apply(&mut bytes, op));
    assert_eq!(content(&bytes).unwrap(), run.contents[1], "readers see the commit");
    assert_eq!(settled(&bytes).unwrap(), run.files[1], "editors finish it");
    // Whoever changes the superblock, what the commit replaces, or what it added has not seen the record.
    let Op::Write(_, new) = &run.ops[0] else { panic!("new bytes come first") };
    let end = run.files[0].len();
    assert!(!new.is_empty() && bytes.len() > end);
    let patched = run.ops[at + 1..].iter().filter_map(|op| match op {
        Op::Write(position, _) => Some(*position as usize),
        _ => None,
    });
    for changed in patched.clone() {
        let mut foreign = bytes.clone();
        foreign[changed] ^= 0x40;
        let mut original = run.start.clone();
        original[changed] ^= 0x40;
        match content(&original) {
            Ok(there) => assert_eq!(content(&foreign).unwrap(), there),
            Err(_) => assert!(content(&foreign).is_err()),
        }
    }
    for damaged in (end..bytes.len()).step_by(7) {
        let mut foreign = bytes.clone();
        foreign[damaged] ^= 1;
        assert_eq!(content(&foreign).unwrap(), run.contents[0], "byte {damaged}");
    }
}

#[test]
fn libhdf5_opens_what_a_stopped_program_leaves() {
    let Ok(python) = std::env::var("H5MANAGER_PYTHON") else {
        // Written past the test harness, which would swallow it.
        let note =
            b"NOT RUN: set H5MANAGER_PYTHON to a Python with h5py to open with libhdf5 what a stopped program leaves\n";
        std::io::Write::write_all(&mut std::io::stderr(), note).unwrap();
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (number, workload) in workloads::all().iter().enumerate() {
        let run = run(workload);
        let mut bytes = run.start.clone();
        for stop in 0..=run.ops.len() {
            let allowed = run.allowed(stop, stop);
            let put = |what: &str, bytes: &[u8]| {
                std::fs::write(folder.path().join(format!("{number:02}-{stop:03}.{what}.h5")), bytes).unwrap();
            };
            put("before", &run.files[*allowed.start()]);
            put("after", &run.files[*allowed.end()]);
            put("state", &bytes);
            run.ops[stop..].iter().take(1).for_each(|op| disk::apply(&mut bytes, op));
        }
    }
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/stopped.py");
    let done = std::process::Command::new(&python).arg(script).arg(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    println!("{}", String::from_utf8_lossy(&done.stdout));
}

/// Whether a file holds the many bytes of [`more_than_a_record_vouches_for`], and the attribute that came with them.
fn holds_much(bytes: Vec<u8>) -> Result<bool> {
    let file = File::from_source(Arc::new(MemorySource::new(bytes)), Limits::default())?;
    let tool: String = file.root()?.attribute("tool")?.expect("an attribute").read_one()?;
    if tool == "camera" {
        assert!(!file.root()?.contains("much")?);
        return Ok(false);
    }
    let found: Vec<u8> = file.dataset("much")?.read()?;
    assert!(found.len() == MUCH && found.iter().all(|&b| b == 5) && tool == "another");
    Ok(true)
}

/// More bytes than a record has a hash of.
const MUCH: usize = 9 << 20;

/// Then what is new is synced before the record is written: three syncs, and whatever is lost between them, the file is
/// the old or the new one.
#[test]
fn more_than_a_record_vouches_for_is_synced_before_it() {
    let start = workloads::own();
    let disk = Arc::new(Disk::new(start.clone(), None));
    let mut edit = File::edit_on(disk.clone(), EditOptions::new()).unwrap();
    edit.build("much").unwrap().write(vec![5u8; MUCH]).unwrap();
    edit.set_attribute("/", "tool", "another").unwrap();
    edit.commit().unwrap();
    let ops = disk.done();
    let syncs: Vec<usize> = (0..ops.len()).filter(|&i| matches!(ops[i], Op::Sync)).collect();
    assert_eq!(syncs.len(), 3);
    let (mut old, mut new) = (0, 0);
    for stop in 0..=ops.len() {
        let durable = syncs.iter().filter(|&&s| s < stop).max().map_or(0, |s| s + 1);
        let pending = stop - durable;
        for mask in 0..1u32 << pending.min(4) {
            let mut bytes = start.clone();
            ops[..durable].iter().for_each(|op| disk::apply(&mut bytes, op));
            let done = ops[durable..stop].iter().enumerate().filter(|(i, _)| mask >> i.min(&3) & 1 == 1);
            done.for_each(|(_, op)| disk::apply(&mut bytes, op));
            match holds_much(bytes).unwrap_or_else(|e| panic!("before operation {stop}, {mask:b}: {e}")) {
                true => new += 1,
                false => old += 1,
            }
            assert!(stop > syncs[0] || new == 0, "the new file before what is new is synced");
        }
    }
    assert!(old > 10 && new > 2, "{old} {new}");
}
