//! The program as its users meet it: commands, their output, their exit codes, and what is left on disk.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

#[path = "cli/arrays.rs"]
mod arrays;
#[path = "cli/back.rs"]
mod back;
#[cfg(unix)]
#[path = "cli/convert.rs"]
mod convert;
#[cfg(unix)]
#[path = "cli/convert_faults.rs"]
mod convert_faults;
#[path = "cli/edit.rs"]
mod edit;
#[path = "cli/foreign.rs"]
mod foreign;
#[path = "cli/merge.rs"]
mod merge;
#[path = "cli/merge_faults.rs"]
mod merge_faults;
#[path = "cli/old_tool.rs"]
mod old_tool;
#[cfg(feature = "viewer")]
#[path = "cli/serve.rs"]
mod serve;
#[cfg(unix)]
#[path = "cli/terminal.rs"]
mod terminal;

use h5manager::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder to work in, and the program run there.
struct Desk {
    folder: TempDir,
}

/// What a run left: exit code, standard output, standard error.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Desk {
        Desk { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_h5manager"));
        let Output { status, stdout, stderr } =
            command.args(arguments).current_dir(self.folder.path()).output().expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ran { code: status.code().expect("no signal"), out: text(stdout), err: text(stderr) }
    }

    fn good(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.err);
        ran
    }

    /// The command must fail with a message that holds all of `words`, and without a panic.
    fn bad(&self, arguments: &[&str], words: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {} {}", ran.out, ran.err);
        for word in words {
            assert!(ran.err.contains(word), "{arguments:?} should say {word:?}, says: {}", ran.err);
        }
        ran
    }

    /// Files in the folder, sorted, those that start with a dot among them.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder");
        let mut names: Vec<String> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A folder with class folders, each with some pictures of `size`.
    fn pictures(&self, classes: &[(&str, usize)], size: u32) {
        for (class, count) in classes {
            let folder = self.path("photos").join(class);
            std::fs::create_dir_all(&folder).expect("a folder");
            for i in 0..*count {
                let shade = (i * 40) as u8;
                let picture =
                    image::RgbImage::from_fn(size, size + 2, |x, y| image::Rgb([x as u8 * 3, y as u8 * 3, shade]));
                picture.save(folder.join(format!("{i:02}.png"))).expect("saved");
            }
        }
    }
}

fn fixtures(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).to_string_lossy().into_owned()
}

fn labels(path: &Path) -> (Vec<i64>, Vec<String>, Vec<String>) {
    let file = File::open(path).expect("opened");
    let labels = file.dataset("labels").expect("labels");
    let names = labels.attribute("class_names").expect("readable").expect("there").read().expect("strings");
    (labels.read().expect("read"), names, file.dataset("filenames").expect("names").read().expect("read"))
}

#[test]
fn help_has_examples_for_every_command() {
    let desk = Desk::new();
    let top = desk.good(&["--help"]).out;
    for verb in ["convert", "merge", "visualize", "ls", "digest", "explain", "stat", "repack", "copy"] {
        assert!(top.contains(verb), "{top}");
        let help = desk.good(&[verb, "--help"]).out;
        assert!(help.contains("Examples:"), "{verb}: {help}");
    }
    assert!(desk.good(&["generate", "bash"]).out.contains("_h5manager"));
}

#[test]
fn an_unknown_option_says_what_exists() {
    let ran = Desk::new().bad(&["convert", "--outptu", "x", "y"], &["--outptu", "--output"]);
    assert!(!ran.err.contains("panicked"));
}

#[test]
fn merged_halves_equal_the_whole() {
    let desk = Desk::new();
    let photos = fixtures("photos");
    let class = |name: &str| format!("{photos}/{name}");
    desk.good(&["convert", &class("animal"), "--output", "a", "--dim", "16"]);
    desk.good(&["convert", &class("building"), "--output", "b", "--dim", "16"]);
    desk.good(&["convert", &photos, "--output", "whole", "--dim", "16"]);
    desk.good(&["merge", "--inputs", "a.h5,b.h5", "--output", "merged"]);
    let records = |file: &str| {
        let out = desk.good(&["digest", "--json", file]).out;
        out.lines().filter(|l| !l.contains("\"path\":\"/\"}")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(records("merged.h5"), records("whole.h5"));
    assert_eq!(records("merged.h5").len(), 3);
}

#[test]
fn broken_files_are_skipped_named_and_counted() {
    let desk = Desk::new();
    let ran = desk.good(&["convert", &fixtures("photos"), "--output", "all", "--dim", "16"]);
    let said = ran.out + &ran.err;
    for word in ["2 files skipped", "text_not_jpeg.jpg", "truncated.jpg"] {
        assert!(said.contains(word), "{said}");
    }
    desk.bad(
        &["convert", &fixtures("photos"), "--output", "b", "--dim", "16", "--on-error", "stop"],
        &["text_not_jpeg.jpg"],
    );
    assert_eq!(desk.files(), ["all.h5"]);
}

#[test]
fn a_dot_in_the_output_is_kept() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 2)], 8);
    desk.good(&["convert", "photos", "--output", "set.v2", "--dim", "8"]);
    desk.good(&["merge", "set.v2.h5", "set.v2.h5", "--output", "twice.hdf5"]);
    assert_eq!(desk.files(), ["photos", "set.v2.h5", "twice.hdf5"]);
}

#[test]
fn a_folder_of_class_folders_is_labelled_by_them() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 2), ("dog", 3)], 8);
    desk.good(&["convert", "photos", "--output", "set", "--dim", "8"]);
    let (labels, classes, names) = labels(&desk.path("set.h5"));
    assert_eq!(labels, [0, 0, 1, 1, 1]);
    assert_eq!(classes, ["cat", "dog"]);
    assert_eq!(names[2], "dog/00.png");
}

#[test]
fn the_orientation_of_photographs_is_applied_and_0_and_9_mean_1() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("turned")).expect("a folder");
    for n in 0..10 {
        let name = format!("exif_{n}.jpg");
        std::fs::copy(fixtures("images") + "/" + &name, desk.path("turned").join(name)).expect("copied");
    }
    desk.good(&["convert", "turned", "--output", "turned", "--dim", "8"]);
    let pixels: Vec<u8> =
        File::open(desk.path("turned.h5")).expect("opened").dataset("images").expect("there").read().expect("read");
    let upright = &pixels[192..384];
    for (n, picture) in pixels.chunks(192).enumerate() {
        let worst = picture.iter().zip(upright).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0);
        assert!(worst < 24, "orientation {n}: {worst}");
    }
}

#[test]
fn nothing_to_convert_is_an_error_that_says_what_was_found() {
    let desk = Desk::new();
    desk.bad(&["convert", "nowhere", "--output", "a", "--dim", "8"], &["nowhere"]);
    std::fs::create_dir(desk.path("texts")).expect("a folder");
    std::fs::write(desk.path("texts/a.txt"), "no picture").expect("written");
    desk.bad(&["convert", "texts", "--output", "a", "--dim", "8"], &["no image"]);
    desk.bad(&["convert", "texts/a.txt", "--output", "a", "--dim", "8"], &["is a file"]);
    assert_eq!(desk.files(), ["texts"]);
}

#[test]
fn an_existing_output_is_kept_unless_overwrite_is_said() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 2)], 8);
    std::fs::write(desk.path("a.h5"), "precious").expect("written");
    desk.bad(&["convert", "photos", "--output", "a", "--dim", "8"], &["exists", "--overwrite"]);
    desk.bad(&["merge", "a.h5", "--output", "a.h5"], &["exists", "--overwrite"]);
    assert_eq!(std::fs::read(desk.path("a.h5")).expect("read"), b"precious");
    desk.good(&["convert", "photos", "--output", "a", "--dim", "8", "--overwrite"]);
    assert!(File::open(desk.path("a.h5")).is_ok());
    std::fs::create_dir(desk.path("b.h5")).expect("a folder");
    desk.bad(&["convert", "photos", "--output", "b", "--dim", "8", "--overwrite"], &["folder"]);
}

#[test]
fn a_merge_names_every_missing_input() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 2)], 8);
    desk.good(&["convert", "photos", "--output", "a", "--dim", "8"]);
    desk.bad(
        &["merge", "--inputs", "a.h5,b.h5", "c.h5", "x*.h5", "--output", "m"],
        &["b.h5", "c.h5", "x*.h5", "nothing was merged"],
    );
    desk.bad(&["merge", "--output", "m"], &["--inputs"]);
    assert_eq!(desk.files(), ["a.h5", "photos"]);
}

#[test]
fn sizes_that_do_not_fit_are_listed_before_anything_is_written() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 2)], 8);
    desk.good(&["convert", "photos", "--output", "small", "--dim", "8"]);
    desk.good(&["convert", "photos", "--output", "large", "--dim", "16"]);
    desk.bad(
        &["merge", "small.h5", "large.h5", "--output", "m"],
        &["/images", "(2, 8, 8, 3)", "(2, 16, 16, 3)", "nothing was merged"],
    );
    assert_eq!(desk.files(), ["large.h5", "photos", "small.h5"]);
}

#[test]
fn classes_are_united_and_labels_renumbered() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 2), ("dog", 1)], 8);
    desk.good(&["convert", "photos", "--output", "a", "--dim", "8"]);
    std::fs::rename(desk.path("photos/cat"), desk.path("photos/bird")).expect("renamed");
    desk.good(&["convert", "photos", "--output", "b", "--dim", "8"]);
    let ran = desk.good(&["merge", "a.h5", "b.h5", "--output", "m", "--dry-run"]);
    assert!(ran.out.contains("would join 2 files, 6 rows"), "{}", ran.out);
    assert!(!desk.path("m.h5").exists());
    desk.good(&["merge", "a.h5", "b.h5", "--output", "m"]);
    let (labels, classes, _) = labels(&desk.path("m.h5"));
    assert_eq!(classes, ["cat", "dog", "bird"]);
    assert_eq!(labels, [0, 0, 1, 2, 2, 1]);
}

#[test]
fn the_threads_do_not_change_a_byte() {
    let desk = Desk::new();
    let photos = fixtures("photos/animal");
    for n in ["1", "2", "5"] {
        desk.good(&["convert", &photos, "--output", n, "--dim", "24", "-j", n, "--compress", "gzip"]);
    }
    let bytes = |name: &str| std::fs::read(desk.path(name)).expect("read");
    assert_eq!(bytes("1.h5"), bytes("2.h5"));
    assert_eq!(bytes("1.h5"), bytes("5.h5"));
}

#[test]
fn visualize_into_a_pipe_prints_the_tree() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 2)], 8);
    desk.good(&["convert", "photos", "--output", "a", "--dim", "8"]);
    let ran = desk.good(&["visualize", "a.h5"]);
    assert!(ran.out.starts_with("a.h5\n") && ran.out.contains("images  (2, 8, 8, 3)"), "{}", ran.out);
    assert_eq!(desk.good(&["ls", "a.h5"]).out, ran.out);
    desk.good(&["visualize", "a.h5", "--export", "sheet.png"]);
    let sheet = image::open(desk.path("sheet.png")).expect("a picture");
    assert!(sheet.width() > 100 && sheet.height() > 100);
    desk.bad(&["visualize", "a.h5", "--export", "sheet.png"], &["--overwrite"]);
    desk.bad(&["visualize", "a.h5", "--export", "sheet.pdf"], &[".png"]);
}

#[test]
fn looking_into_something_else_says_what_it_is() {
    let desk = Desk::new();
    std::fs::write(desk.path("a.h5"), "this is not HDF5 at all, just text").expect("written");
    std::fs::write(desk.path("empty.h5"), "").expect("written");
    for verb in ["ls", "digest", "visualize", "explain", "stat"] {
        desk.bad(&[verb, "a.h5"], &["a.h5", "not an HDF5 file"]);
        desk.bad(&[verb, "empty.h5"], &["empty"]);
        desk.bad(&[verb, "nothing.h5"], &["nothing.h5", "no such file"]);
        desk.bad(&[verb, "."], &["folder"]);
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 3)], 8);
    desk.good(&["convert", "photos", "--output", "a", "--dim", "8"]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_h5manager"))
        .args(["ls", "-r"])
        .args(std::iter::repeat_n(desk.path("a.h5"), 2000))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("it ends");
    assert_eq!((done.status.code(), done.stderr.len()), (Some(0), 0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_what_was_there() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 40)], 30);
    desk.good(&["convert", "photos", "--output", "a", "--dim", "8"]);
    let before = std::fs::read(desk.path("a.h5")).expect("read");
    // A limit on the size of files stands in for the disk's end; ignoring the signal makes it an error.
    let script = format!(
        "trap '' XFSZ; ulimit -f 8; exec '{}' convert photos --output a --dim 64 --overwrite",
        env!("CARGO_BIN_EXE_h5manager")
    );
    let done =
        Command::new("bash").args(["-c", &script]).current_dir(desk.folder.path()).output().expect("bash starts");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("a.h5"), "{said}");
    assert_eq!(std::fs::read(desk.path("a.h5")).expect("read"), before);
    assert_eq!(desk.files(), ["a.h5", "photos"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_no_half_file() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 1)], 60);
    // Thousands of names for one picture: enough work to be interrupted in.
    for i in 0..3000 {
        std::fs::hard_link(desk.path("photos/cat/00.png"), desk.path(&format!("photos/cat/x{i}.png"))).expect("linked");
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_h5manager"))
        .args(["convert", "photos", "--output", "a", "--dim", "200"])
        .current_dir(desk.folder.path())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the program starts");
    // Once the new file is there, the work has begun.
    while desk.files().len() < 2 && child.try_wait().expect("asked").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill starts");
    assert!(sent.success());
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    assert_eq!(desk.files(), ["photos"]);
}

#[test]
fn repacked_files_have_the_same_digest_and_the_storage_that_was_asked_for() {
    let desk = Desk::new();
    desk.good(&["convert", &fixtures("photos"), "--output", "a", "--dim", "16"]);
    let digest = |file: &str| desk.good(&["digest", file]).out.split(' ').next().map(str::to_owned);
    desk.bad(&["repack", "a.h5", "a.h5"], &["exists", "--overwrite"]);
    desk.bad(&["repack", "a.h5", "b.h5", "--filter", "zip"], &["zip is no filter", "gzip"]);
    desk.bad(&["repack", "a.h5", "b.h5", "--libver", "v9"], &["v9", "earliest"]);
    desk.good(&["repack", "a.h5", "b.h5", "--filter", "images:shuffle+gzip:9", "-c", "images:7x16x16x3", "--verify"]);
    assert_eq!(digest("b.h5"), digest("a.h5"));
    let images = File::open(desk.path("b.h5")).unwrap().dataset("images").unwrap();
    assert_eq!(images.chunk_shape(), Some(&[7, 16, 16, 3][..]));
    assert_eq!(images.filters().len(), 2);
    // In place, and back to no filters.
    desk.good(&["repack", "b.h5", "b.h5", "--overwrite", "-f", "none", "-l", "images:chunked=1x16x16x3"]);
    assert_eq!(digest("b.h5"), digest("a.h5"));
    assert!(File::open(desk.path("b.h5")).unwrap().dataset("images").unwrap().filters().is_empty());
    desk.good(&["check", "b.h5"]);
    // Into another file, beside what is there.
    desk.good(&["copy", "a.h5", "labels", "b.h5", "old/labels", "--parents"]);
    desk.bad(&["copy", "a.h5", "labels", "b.h5", "labels"], &["labels already"]);
    desk.bad(&["copy", "a.h5", "labels", "b.h5", "new/labels"], &["no group /new", "--parents"]);
    let file = File::open(desk.path("b.h5")).unwrap();
    let labels = |path: &str| file.dataset(path).unwrap().read::<Vec<i64>>().unwrap();
    assert_eq!(labels("old/labels"), labels("labels"));
    assert_eq!(desk.files(), ["a.h5", "b.h5"]);
}
