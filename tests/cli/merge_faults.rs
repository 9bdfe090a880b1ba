//! `merge` where something goes wrong: nothing is lost, and what happened is said.

use super::Desk;
use h5manager::File;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

impl Desk {
    /// Rows of many values, with as much to do as `rows` says.
    fn heavy(&self, name: &str, rows: u64) {
        self.file(name, |out| {
            let values: Vec<u32> = (0..rows * 2000).map(|n| (n as u32).wrapping_mul(2_654_435_761) >> 12).collect();
            out.build("data").shape([rows, 2000]).chunks([7.min(rows), 2000]).deflate(1).write(&values).map(drop)
        });
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_h5manager"));
        command.args(arguments).current_dir(self.folder.path()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    }

    /// Waits until a file is being written beside the output.
    fn wait_for_part(&self, child: &mut Child) {
        while !self.files().iter().any(|f| f.ends_with(".part")) && child.try_wait().expect("asked").is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The old tool went on without a file that was not there, and lost its rows with exit code 0.
#[test]
fn old_fault_a_missing_input_was_skipped_in_silence() {
    let desk = Desk::new();
    desk.heavy("a.h5", 2);
    let words = ["nothing was merged", "b.h5: no such file", "c.h5: no such file", "d*.h5: matches no file"];
    desk.bad(&["merge", "a.h5", "b.h5", "--inputs", "c.h5,d*.h5", "-o", "m"], &words);
    assert_eq!(desk.files(), ["a.h5"]);
}

/// The old tool ended with a traceback where images had two sizes.
#[test]
fn old_fault_images_of_64_and_32_pixels_were_a_traceback() {
    let desk = Desk::new();
    for (name, size) in [("large.h5", 64u64), ("small.h5", 32)] {
        desk.file(name, |out| {
            out.build("images").shape([2, size, size, 3]).write(vec![1u8; (2 * size * size * 3) as usize])?;
            out.build("labels").write([0i64, 0])?.set_attribute("class_names", ["cat"])
        });
    }
    let words = ["small.h5::/images: shape (2, 32, 32, 3), in large.h5 it is (2, 64, 64, 3)", "nothing was merged"];
    let ran = desk.bad(&["merge", "large.h5", "small.h5", "-o", "m"], &words);
    assert!(!ran.err.contains("panicked"));
    assert_eq!(desk.files(), ["large.h5", "small.h5"]);
}

/// The old tool kept the images and nothing else.
#[test]
fn old_fault_labels_names_and_attributes_were_lost() {
    let desk = Desk::new();
    for (name, class) in [("a.h5", "cat"), ("b.h5", "dog")] {
        desk.file(name, |out| {
            out.set_attribute("licence", "CC BY 4.0")?;
            out.build("images").shape([1, 2, 2, 3]).write([7u8; 12])?.set_attribute("CLASS", "IMAGE")?;
            out.build("labels").write([0i64])?.set_attribute("class_names", [class])?;
            out.build("filenames").write([format!("{class}/1.png")]).map(drop)
        });
    }
    desk.good(&["merge", "a.h5", "b.h5", "-o", "m"]);
    let (labels, classes, names) = super::labels(&desk.path("m.h5"));
    assert_eq!(
        (labels, classes, names),
        (vec![0, 1], vec!["cat".into(), "dog".into()], vec!["cat/1.png".into(), "dog/1.png".into()])
    );
    let file = File::open(desk.path("m.h5")).unwrap();
    assert!(file.root().unwrap().attribute("licence").unwrap().is_some());
    assert!(file.dataset("images").unwrap().attribute("CLASS").unwrap().is_some());
}

#[test]
fn a_killed_merge_leaves_what_was_there_and_can_be_repeated() {
    let desk = Desk::new();
    desk.heavy("a.h5", 800);
    desk.heavy("b.h5", 801);
    std::fs::write(desk.path("m.h5"), "precious").expect("written");
    for delay in [0, 5, 40] {
        let mut child = desk.start(&["merge", "a.h5", "b.h5", "-o", "m", "--overwrite", "--shuffle"]);
        desk.wait_for_part(&mut child);
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().expect("killed");
        child.wait().expect("it ends");
        let left = std::fs::read(desk.path("m.h5")).expect("read");
        // It may have been done before it was killed; half of it is never there.
        assert!(left == b"precious" || File::open(desk.path("m.h5")).is_ok());
    }
    desk.good(&["merge", "a.h5", "b.h5", "-o", "m", "--overwrite"]);
    assert_eq!(File::open(desk.path("m.h5")).unwrap().dataset("data").unwrap().shape(), [1601, 2000]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_merge_leaves_nothing() {
    let desk = Desk::new();
    desk.heavy("a.h5", 1000);
    // Many times the same file: enough work to be interrupted in.
    let many = ["a.h5"; 60];
    let mut child = desk.start(&[&["merge", "-o", "m", "-q", "--shuffle"], &many[..]].concat());
    desk.wait_for_part(&mut child);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill starts");
    assert!(sent.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(desk.files(), ["a.h5"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_that_leaves_what_was_there() {
    let desk = Desk::new();
    desk.heavy("a.h5", 30);
    std::fs::write(desk.path("m.h5"), "precious").expect("written");
    for more in [&["--verify"][..], &["--mode", "group"], &["--shuffle"], &[]] {
        let options = more.join(" ");
        // A limit on the size of files stands in for the disk's end; ignoring the signal makes it an error.
        let script = format!(
            "trap '' XFSZ; ulimit -f 100; exec '{}' merge a.h5 a.h5 -q -o m --overwrite {options}",
            env!("CARGO_BIN_EXE_h5manager")
        );
        let done = Command::new("bash").args(["-c", &script]).current_dir(desk.folder.path()).output().expect("bash");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{options}: {said}");
        assert!(said.contains("m.h5") || said.contains(".part"), "{options}: {said}");
        assert_eq!(std::fs::read(desk.path("m.h5")).expect("read"), b"precious");
        assert_eq!(desk.files(), ["a.h5", "m.h5"]);
    }
}

#[test]
fn inputs_that_cannot_be_read_are_all_named() {
    let desk = Desk::new();
    desk.heavy("a.h5", 3);
    std::fs::write(desk.path("text.h5"), "this is no HDF5 file, just text").expect("written");
    std::fs::write(desk.path("empty.h5"), "").expect("written");
    let whole = std::fs::read(desk.path("a.h5")).expect("read");
    std::fs::write(desk.path("short.h5"), &whole[..whole.len() / 2]).expect("written");
    for mode in ["concat", "group", "virtual"] {
        desk.bad(
            &["merge", "a.h5", "text.h5", "empty.h5", "short.h5", "-o", "m", "--mode", mode],
            &["nothing was merged", "text.h5", "empty.h5", "short.h5"],
        );
    }
    assert_eq!(desk.files(), ["a.h5", "empty.h5", "short.h5", "text.h5"]);
}

#[test]
fn a_damaged_chunk_is_found_by_verify_and_by_what_must_decode_it() {
    let desk = Desk::new();
    for name in ["a.h5", "b.h5"] {
        desk.file(name, |out| {
            let values: Vec<u32> = (0..4000).collect();
            out.build("data").shape([4, 1000]).chunks([2, 1000]).fletcher32().write(&values).map(drop)
        });
    }
    // One bit of the elements, which stand in the file as they are.
    let mut bytes = std::fs::read(desk.path("b.h5")).expect("read");
    let at = bytes.windows(8).position(|w| w == [0xd0, 0x07, 0, 0, 0xd1, 0x07, 0, 0]).expect("2000, 2001");
    bytes[at + 40] ^= 1;
    std::fs::write(desk.path("b.h5"), bytes).expect("written");
    let ran = desk.bad(&["merge", "a.h5", "b.h5", "-o", "m", "--verify"], &["/data"]);
    assert!(ran.err.contains("checksum") || ran.err.contains("Fletcher"), "{}", ran.err);
    desk.bad(&["merge", "a.h5", "b.h5", "-o", "m", "--shuffle"], &["b.h5::/data"]);
    assert_eq!(desk.files(), ["a.h5", "b.h5"]);
}

#[test]
fn an_input_that_changes_while_it_is_read_is_an_error() {
    let desk = Desk::new();
    desk.heavy("a.h5", 1000);
    desk.heavy("b.h5", 3);
    desk.heavy("new.h5", 4);
    let many = ["a.h5"; 20];
    let mut child = desk.start(&[&["merge", "-o", "m", "-q", "--shuffle"], &many[..], &["b.h5"]].concat());
    desk.wait_for_part(&mut child);
    // Another file of the same name, as a program makes it that writes anew.
    std::fs::rename(desk.path("new.h5"), desk.path("b.h5")).expect("renamed");
    let done = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("b.h5 changed while it was merged"), "{said}");
    assert_eq!(desk.files(), ["a.h5", "b.h5"]);
}

#[test]
fn of_two_processes_on_one_output_one_writes_it_and_the_other_says_so() {
    let desk = Desk::new();
    desk.heavy("a.h5", 300);
    desk.heavy("b.h5", 301);
    for more in [&[][..], &["--verify"]] {
        let arguments = [&["merge", "a.h5", "b.h5", "-o", "m", "-q"], more].concat();
        let children = [desk.start(&arguments), desk.start(&arguments)];
        let done = children.map(|child| child.wait_with_output().expect("it ends"));
        let codes = done.each_ref().map(|d| d.status.code());
        let said: String = done.iter().map(|d| String::from_utf8_lossy(&d.stderr).into_owned()).collect();
        assert!(codes == [Some(0), Some(2)] || codes == [Some(2), Some(0)], "{codes:?}: {said}");
        assert!(said.contains("m.h5 exists"), "{said}");
        assert_eq!(desk.files(), ["a.h5", "b.h5", "m.h5"]);
        assert_eq!(File::open(desk.path("m.h5")).unwrap().dataset("data").unwrap().shape(), [601, 2000]);
        std::fs::remove_file(desk.path("m.h5")).expect("removed");
    }
}

/// Many small files: each is opened when its rows are due, none stays open.
#[test]
fn hundreds_of_files_are_merged_with_few_open_at_a_time() {
    let desk = Desk::new();
    for n in 0..300 {
        desk.file(&format!("part-{n:03}.h5"), |out| out.build("n").write([n; 2]).map(drop));
    }
    let open_few = |more: &str| {
        let program = env!("CARGO_BIN_EXE_h5manager");
        let script = format!("ulimit -n 200; exec '{program}' merge 'part-*.h5' -q -o all --overwrite {more}");
        let done = Command::new("bash").args(["-c", &script]).current_dir(desk.folder.path()).output().expect("bash");
        assert!(done.status.success(), "{more}: {}", String::from_utf8_lossy(&done.stderr));
        File::open(desk.path("all.h5")).unwrap().dataset("n").unwrap().read::<Vec<i32>>().unwrap()
    };
    let expected: Vec<i32> = (0..300).flat_map(|n| [n, n]).collect();
    assert_eq!(open_few("--verify"), expected);
    assert_eq!(open_few("--mode virtual"), expected);
    let mut shuffled = open_few("--shuffle");
    assert_ne!(shuffled, expected);
    shuffled.sort_unstable();
    assert_eq!(shuffled, expected);
}
