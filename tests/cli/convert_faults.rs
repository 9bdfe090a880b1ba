//! `convert` from a folder to .h5 when it is stopped, disturbed or given bad files.

use super::{Command, Desk};
use std::fs;
use std::os::unix::fs::symlink;

/// Kills the run as soon as its journal has so many bytes; says whether that happened before it ended.
fn kill_at(desk: &Desk, arguments: &[&str], journal: &str, bytes: u64) -> bool {
    let mut child = desk.spawn(arguments);
    loop {
        if desk.path(journal).metadata().is_ok_and(|m| m.len() >= bytes) {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return false;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let desk = Desk::new();
    desk.many("noise/a", 120, 60);
    desk.many("noise/b", 80, 50);
    desk.put("noise/a/00100_broken.png", "text");
    for (output, more) in [
        ("pixels", &["--dim", "80", "--compress", "gzip:1"][..]),
        ("small", &["--dim", "40"]),
        ("files", &["--store", "files"]),
    ] {
        let usual = [&["convert", "noise", "-o"][..], &[output], more, &["--checkpoint", "100K"]].concat();
        let (file, journal) = (format!("{output}.h5"), format!("{output}.h5.journal"));
        let (mut bytes, mut kills) = (300, 0);
        while kill_at(&desk, &usual, &journal, bytes) {
            assert!(!desk.path(&file).exists());
            kills += 1;
            bytes = desk.path(&journal).metadata().unwrap().len() + 900;
        }
        assert!(kills > 1, "{output}: {kills}");
        let left: Vec<String> = desk.files().into_iter().filter(|name| name.contains(output)).collect();
        assert_eq!(left, std::slice::from_ref(&file));
        desk.good(&["check", &file]);
        let whole = [&["convert", "noise", "-o", "whole", "--overwrite"][..], more].concat();
        let said = desk.good(&whole).out;
        assert_eq!(desk.records(&file), desk.records("whole.h5"), "{output}");
        assert_eq!(desk.names(&file).len(), if output == "files" { 201 } else { 200 });
        assert_eq!(said.contains("00100_broken"), output != "files");
    }
}

#[test]
fn what_another_run_has_left_is_neither_used_nor_lost() {
    let desk = Desk::new();
    desk.many("noise", 150, 60);
    let usual = ["convert", "noise", "-o", "a", "--dim", "60", "--checkpoint", "100K"];
    assert!(kill_at(&desk, &usual, "a.h5.journal", 300));
    desk.bad(&["convert", "noise", "-o", "a", "--dim", "50"], &["a.h5.part", "other options", "--overwrite"]);
    desk.pictures(&[("new", 1)], 60);
    fs::rename(desk.path("photos/new/00.png"), desk.path("noise/new.png")).unwrap();
    desk.bad(&usual, &["a.h5.part", "changed since"]);
    fs::remove_file(desk.path("noise/new.png")).unwrap();
    // Nor images that a table leaves out, for then the others are at other places.
    desk.put("some.csv", "00001.png,1\n00002.png,2\n");
    desk.bad(&[&usual[..], &["--labels-csv", "some.csv"]].concat(), &["a.h5.part"]);
    desk.bad(&[&usual[..], &["--shuffle"]].concat(), &["a.h5.part"]);
    let ran = desk.good(&usual);
    assert!(ran.err.contains("going on where an earlier run was stopped"), "{}", ran.err);
    assert_eq!(desk.names("a.h5").len(), 150);
    assert!(kill_at(&desk, &[&usual[..], &["--overwrite"]].concat(), "a.h5.journal", 300));
    // The old file stays until the new one is whole.
    assert_eq!(desk.names("a.h5").len(), 150);
    desk.good(&["convert", "noise", "-o", "a", "--dim", "50", "--overwrite"]);
    assert!(!desk.path("a.h5.part").exists() && !desk.path("a.h5.journal").exists());
}

#[test]
fn two_programs_do_not_write_one_file() {
    let desk = Desk::new();
    desk.many("noise", 300, 60);
    let usual = ["convert", "noise", "-o", "a", "--dim", "60", "--checkpoint", "100K"];
    let mut first = desk.spawn(&usual);
    while !desk.path("a.h5.journal").exists() && first.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    // Stopped, it holds its lock: the other one finds it at work for certain.
    let signal =
        |name: &str| assert!(Command::new("kill").args([name, &first.id().to_string()]).status().unwrap().success());
    signal("-STOP");
    desk.bad(&usual, &["another program is writing a.h5.part"]);
    signal("-CONT");
    assert!(first.wait().unwrap().success());
    desk.bad(&usual, &["exists"]);
    assert_eq!(desk.names("a.h5").len(), 300);
    assert_eq!(desk.files(), ["a.h5", "noise"]);
}

#[cfg(target_os = "linux")]
#[test]
fn after_a_full_disk_the_same_command_goes_on() {
    let desk = Desk::new();
    desk.many("noise", 200, 60);
    // A limit on the size of files stands in for the disk's end; ignoring the signal makes it an error.
    let script = format!(
        "trap '' XFSZ; ulimit -f 1000; exec '{}' convert noise -o a --dim 60 --checkpoint 200K",
        env!("CARGO_BIN_EXE_h5manager")
    );
    let done = Command::new("bash").args(["-c", &script]).current_dir(desk.folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("a.h5.part keeps what is done; the same command goes on"), "{said}");
    assert_eq!(desk.files(), ["a.h5.journal", "a.h5.part", "noise"]);
    let ran = desk.good(&["convert", "noise", "-o", "a", "--dim", "60", "--checkpoint", "200K"]);
    assert!(ran.err.contains("going on"), "{}", ran.err);
    desk.good(&["convert", "noise", "-o", "b", "--dim", "60"]);
    assert!(fs::read(desk.path("a.h5")).unwrap() == fs::read(desk.path("b.h5")).unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_read_is_named() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 1)], 8);
    // The memory of the process itself cannot be read at 0, whoever asks.
    symlink("/proc/self/mem", desk.path("photos/cat/unreadable.png")).unwrap();
    symlink("nowhere.png", desk.path("photos/cat/gone.png")).unwrap();
    for more in [&["--dim", "8"][..], &["--store", "bytes"], &["--store", "files"]] {
        let ran = desk.good(&[&["convert", "photos", "-o", "a", "--overwrite", "--report", "r.csv"], more].concat());
        for word in ["2 files skipped", "cat/unreadable.png: ", "cat/gone.png: a link to a file that does not exist"] {
            assert!(ran.out.contains(word), "{more:?}: {}", ran.out);
        }
        assert_eq!(desk.names("a.h5"), ["cat/00.png"]);
        assert_eq!(fs::read_to_string(desk.path("r.csv")).unwrap().lines().count(), 3);
    }
    desk.bad(&["convert", "photos", "-o", "b", "--dim", "8", "--on-error", "stop"], &["cat/gone.png"]);
    assert_eq!(desk.files(), ["a.h5", "photos", "r.csv"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_name_that_is_not_utf8_is_skipped_by_name_and_never_stored_as_another() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::new();
    desk.many("set/cat", 1, 8);
    let picture = fs::read(desk.path("set/cat/00000.png")).unwrap();
    for name in [&b"set/cat/\xff.png"[..], b"set/cat/\xfe.png", b"set/d\xe9/b.png"] {
        let path = desk.folder.path().join(std::ffi::OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &picture).unwrap();
    }
    for store in ["pixels", "bytes", "files"] {
        let ran = desk.good(&["convert", "set", "-o", store, "--store", store]);
        assert!(ran.out.contains("3 files skipped") && ran.out.contains("UTF-8"), "{}", ran.out);
        assert_eq!(desk.names(&format!("{store}.h5")), ["cat/00000.png"]);
        desk.bad(&["convert", "set", "-o", "no", "--store", store, "--on-error", "stop"], &["UTF-8"]);
    }
}

#[test]
fn an_output_in_the_folder_itself_is_never_one_of_its_files() {
    let desk = Desk::new();
    desk.many("set/cat", 3, 8);
    let usual = ["convert", "set", "-o", "set/all.h5", "--store", "files"];
    desk.good(&usual);
    desk.good(&["convert", "set", "-o", "set/all.h5", "--append"]);
    assert_eq!(desk.names("set/all.h5").len(), 3);
    desk.put("set/all.h5.journal", "of another run");
    desk.good(&[&usual[..], &["--overwrite"]].concat());
    assert_eq!(desk.names("set/all.h5").len(), 3);
    // Another one is a file as any other.
    desk.good(&["convert", "set", "-o", "other", "--store", "files"]);
    assert_eq!(desk.names("other.h5").len(), 4);
}
