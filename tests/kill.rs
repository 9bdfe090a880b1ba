//! The real program, killed at each of its system calls while it edits a file: the file holds what it held or what it was
//! to hold, for us and for libhdf5.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails should panic")]

use h5manager::{EditOptions, External, ExternalPiece, File, FileMut, StoredSelection, VirtualSource, WithShape};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// What changes a file, or takes a member of a family away.
const CALLS: [&str; 4] = ["pwrite64", "fsync", "ftruncate", "unlink"];

/// The name of the case whose file is a family, and the bytes of each member but the last.
const FAMILY: &str = "family";
const MEMBER: usize = 1100;

/// The name of the case whose file is split into metadata and elements.
const SPLIT: &str = "split";

/// The names of the cases whose rows are in an external file, and in sources of a virtual dataset.
const EXTERNAL: &str = "external";
const VIRTUAL: &str = "virtual";

fn note(text: &str) {
    // Written past the test harness, which would swallow it.
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// Runs `command` under strace, which does something at the `number`th call of a kind.
fn traced(command: &[&str], environment: &[(&str, &Path)], call: &str, what: &str, number: usize) -> ExitStatus {
    let inject = format!("inject={call}:{what}:when={number}");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]).args(command);
    strace.envs(environment.iter().copied()).output().unwrap().status
}

/// The file of the tests; its rows are where the case has them.
fn make(path: &Path, name: &str) {
    let mut file = File::create(path).unwrap();
    match name {
        EXTERNAL => make_external(&mut file, path),
        VIRTUAL => make_virtual(&mut file, path),
        _ => {
            let rows = file.build("rows").element::<i32>().shape([0, 4]).extendible();
            rows.chunks([3, 4]).deflate(1).create().unwrap().append((0..40).collect::<Vec<i32>>()).unwrap();
        }
    }
    file.build("other").write([1.5f64, 2.5]).unwrap();
    file.set_attribute("note", "before").unwrap();
    file.commit().unwrap();
}

fn make_external(file: &mut FileMut, path: &Path) {
    let piece = ExternalPiece { file: "rows.bin".into(), offset: 8, size: None };
    file.build("rows").element::<i32>().shape([10, 4]).external([piece]).unwrap();
    let bytes: Vec<u8> = [-2, -2].into_iter().chain(0..40i32).flat_map(i32::to_le_bytes).collect();
    std::fs::write(path.with_file_name("rows.bin"), bytes).unwrap();
}

/// Rows from two other files, one behind the other.
fn make_virtual(file: &mut FileMut, path: &Path) {
    let half = |number: u64| {
        let name = format!("half{number}.h5");
        let mut half = File::create(path.with_file_name(&name)).unwrap();
        let first = number as i32 * 20;
        let rows = WithShape::new((first..first + 20).collect::<Vec<_>>(), [5, 4]).unwrap();
        half.build("half").chunks([3, 4]).deflate(1).write(rows).unwrap();
        half.commit().unwrap();
        let own = StoredSelection::of((number * 5..number * 5 + 5, ..), [10, 4]).unwrap();
        VirtualSource { file: name.as_str().into(), dataset: "half".into(), source: StoredSelection::All, own }
    };
    file.build("rows").element::<i32>().shape([10, 4]).virtual_from([half(0), half(1)]).unwrap();
}

/// What changes rows in both halves, and the note.
const SCRIPT: &str = "write rows 2:7,1:3 -1
set-attr / note after";

/// The same of a split file, which libhdf5 must make.
const MAKE_SPLIT: &str = "
import sys, h5py, numpy
with h5py.File(sys.argv[1] + '/file', 'w', driver='split') as f:
    rows = numpy.arange(40, dtype='i4').reshape(10, 4)
    f.create_dataset('rows', data=rows, chunks=(3, 4), maxshape=(None, 4), compression='gzip')
    f['other'] = [1.5, 2.5]
    f.attrs['note'] = 'before'
";

/// A folder with the file of the tests, as one file or as several.
fn make_folder(folder: &Path, name: &str) {
    std::fs::create_dir(folder).unwrap();
    if name == SPLIT {
        return python(MAKE_SPLIT, &[folder]);
    }
    make(&folder.join("file.h5"), name);
    std::fs::write(folder.join("script"), SCRIPT).unwrap();
    if name == FAMILY {
        let whole = std::fs::read(folder.join("file.h5")).unwrap();
        std::fs::remove_file(folder.join("file.h5")).unwrap();
        for (number, member) in whole.chunks(MEMBER).enumerate() {
            std::fs::write(folder.join(format!("file{number}.h5")), member).unwrap();
        }
    }
}

/// Makes of a folder what another one is.
fn copy_folder(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// What is in it: rows, and the note.
fn content(path: &Path) -> (Vec<i32>, String) {
    let file = File::open(path).unwrap();
    assert_eq!(file.dataset("other").unwrap().read::<Vec<f64>>().unwrap(), [1.5, 2.5]);
    let note = file.root().unwrap().attribute("note").unwrap().unwrap();
    (file.dataset("rows").unwrap().read().unwrap(), note.read_one().unwrap())
}

/// Kills a command at each call, and lets each call fail; looks at the file each time.
fn interrupt(name: &str, command: &dyn Fn(&Path) -> Vec<String>, environment: &str) {
    if Command::new("strace").arg("-V").output().is_err() {
        note("NOT RUN: strace is needed to kill the program at its system calls");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (original, place) = (folder.path().join("original"), folder.path().join("place"));
    let first = match name {
        FAMILY => "file0.h5",
        SPLIT => "file-m.h5",
        _ => "file.h5",
    };
    let path = place.join(first);
    make_folder(&original, name);
    let before = content(&original.join(first));
    let run = |call: &str, what: &str, number: usize| {
        copy_folder(&original, &place);
        let words = command(&path);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        traced(&words, &[(environment, &path)], call, what, number)
    };
    assert!(run("fsync", "signal=SIGKILL", 1000).success(), "{name}: not interrupted, it fails");
    let after = content(&path);
    assert_ne!(before, after);
    let mut kept: Vec<PathBuf> = Vec::new();
    let (mut stopped, mut old, mut new) = (0, 0, 0);
    for call in CALLS {
        for what in ["signal=SIGKILL", "error=ENOSPC", "error=EIO"] {
            for number in 1.. {
                assert!(number < 100, "{name}: {call} without end");
                let status = run(call, what, number);
                if status.success() && number > 1 {
                    break;
                }
                stopped += usize::from(!status.success());
                let state = folder.path().join(format!("{name}-{call}-{}-{number}", &what[what.len() - 4..]));
                copy_folder(&place, &state);
                let found = content(&path);
                assert!(found == before || found == after, "{name}: {call} {number} {what}: {found:?}");
                // Whoever edits it next finishes or forgets what was begun.
                drop(File::edit_with(&path, EditOptions::new().external(External::OwnFolder)).unwrap());
                assert_eq!(content(&path), found, "{name}: {call} {number} {what}");
                *(if found == before { &mut old } else { &mut new }) += 1;
                kept.push(state);
            }
        }
    }
    println!("{name}: stopped {stopped} times; {old} times the old file, {new} times the new one");
    assert!(old > 0 && new > 0 && stopped > 10);
    // A process that was killed leaves a file that libhdf5 opens, with all that was there before.
    if has_python() {
        python(&OPEN.replace("MEMBER", &MEMBER.to_string()), &[&[PathBuf::from(name)], &kept[..]].concat());
    }
}

/// Opens a file of a kind in each folder.
const OPEN: &str = "
import os, sys, h5py
kind, *folders = sys.argv[1:]
driver = {'family': {'driver': 'family', 'memb_size': MEMBER}, 'split': {'driver': 'split'}}.get(kind, {})
name = {'family': 'file%d.h5', 'split': 'file'}.get(kind, 'file.h5')
for folder in folders:
    os.chdir(folder)  # libhdf5 looks for external files from there
    with h5py.File(name, 'r', **driver) as f:
        assert list(f['other']) == [1.5, 2.5] and 'note' in f.attrs, folder
        rows = f['rows'][...].ravel().tolist()
        # Elements that are patched in place are the old or the new ones.
        new = (-1,) if kind in ('external', 'virtual') else ()
        old = all(row == i or row in new for i, row in enumerate(rows[:40]))
        assert old and len(rows) in (40, 52), (folder, rows)
";

fn has_python() -> bool {
    let found = std::env::var("H5MANAGER_PYTHON").is_ok();
    if !found {
        note("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py to open with libhdf5 what a killed program leaves");
    }
    found
}

fn python(script: &str, arguments: &[impl AsRef<std::ffi::OsStr>]) {
    let python = std::env::var("H5MANAGER_PYTHON").unwrap();
    let done = Command::new(python).arg("-c").arg(script).args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Sets the note, by the program: a text of so many words.
fn set_note(words: usize) -> impl Fn(&Path) -> Vec<String> {
    move |path| {
        let (program, text) = (env!("CARGO_BIN_EXE_h5manager"), "after ".repeat(words));
        [program, "edit", path.to_str().unwrap(), "set-attr", "/", "note", &text].map(str::to_owned).to_vec()
    }
}

#[test]
fn the_program_is_killed_while_it_sets_an_attribute() {
    interrupt("attribute", &set_note(100), "H5MANAGER_TEST_NOTHING");
}

#[test]
fn the_program_is_killed_while_a_family_grows() {
    interrupt(FAMILY, &set_note(400), "H5MANAGER_TEST_NOTHING");
}

#[test]
fn the_program_is_killed_while_a_split_file_grows() {
    if has_python() {
        interrupt(SPLIT, &set_note(400), "H5MANAGER_TEST_NOTHING");
    }
}

fn run_script(path: &Path) -> Vec<String> {
    let script = path.with_file_name("script");
    let [path, folder, script] = [path, path.parent().unwrap(), &script].map(|p| p.to_str().unwrap());
    let program = env!("CARGO_BIN_EXE_h5manager");
    [program, "edit", path, "--external", folder, "--script", script].map(str::to_owned).to_vec()
}

#[test]
fn the_program_is_killed_while_it_writes_to_an_external_file() {
    interrupt(EXTERNAL, &run_script, "H5MANAGER_TEST_NOTHING");
}

#[test]
fn the_program_is_killed_while_it_writes_to_sources_in_other_files() {
    interrupt(VIRTUAL, &run_script, "H5MANAGER_TEST_NOTHING");
}

const APPEND: &str = "H5MANAGER_TEST_APPEND";

#[test]
fn the_library_is_killed_while_it_appends() {
    // The child is this test itself.
    if let Ok(path) = std::env::var(APPEND) {
        let mut edit = File::edit(path).unwrap();
        edit.append("rows", (40..52).collect::<Vec<i32>>()).unwrap();
        edit.commit().unwrap();
        return;
    }
    let own = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    let command = |_: &Path| {
        [&own, "--exact", "the_library_is_killed_while_it_appends", "--test-threads=1"].map(str::to_owned).to_vec()
    };
    interrupt("append", &command, APPEND);
}
