//! What the program prints, to the letter: every file in `tests/cli` is a case, its first line the arguments, its last
//! the exit code. `BLESS=1 cargo test --test golden` writes down what is printed now.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use std::path::Path;
use std::process::Command;

/// Puts the fixtures into a folder, and damaged copies of them: a checksum that is wrong, a node without its signature,
/// a file that ends too early.
fn lay_out(folder: &Path) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/structures");
    let read = |name: &str| std::fs::read(fixtures.join(name)).expect("a fixture");
    let (old, new) = (read("old.h5"), read("new.h5"));
    let mut checksum = new.clone();
    let at = new.windows(4).position(|w| w == b"FAHD").expect("a fixed array");
    checksum[at + 8] ^= 1;
    let mut signature = old.clone();
    let at = old.windows(4).rposition(|w| w == b"SNOD").expect("a symbol table node");
    signature[at..at + 4].copy_from_slice(b"XXXX");
    let truncated = old[..old.len() / 2].to_vec();
    let files = [
        ("old.h5", old),
        ("new.h5", new),
        ("checksum.h5", checksum),
        ("signature.h5", signature),
        ("truncated.h5", truncated),
    ];
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).expect("written");
    }
}

fn run(folder: &Path, arguments: &str) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_h5manager"))
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let code = done.status.code().expect("no signal");
    format!("$ h5manager {arguments}\n{}{}? {code}\n", text(done.stdout), text(done.stderr))
}

#[test]
fn the_program_prints_what_is_written_down() {
    let desk = tempfile::tempdir().expect("a folder");
    lay_out(desk.path());
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let bless = std::env::var_os("BLESS").is_some();
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(cases).expect("the cases") {
        let path = entry.expect("an entry").path();
        // The modules of tests/cli.rs stand beside the cases.
        if path.extension().is_none_or(|suffix| suffix != "txt") {
            continue;
        }
        let expected = std::fs::read_to_string(&path).expect("a case");
        let first = expected.lines().next().and_then(|l| l.strip_prefix("$ h5manager "));
        let found = run(desk.path(), first.expect("arguments in the first line"));
        count += 1;
        if bless {
            std::fs::write(&path, found).expect("written");
        } else if found != expected {
            let differs = found.lines().zip(expected.lines()).find(|(f, e)| f != e);
            wrong.push(format!("{}: {differs:?}", path.display()));
        }
    }
    assert!(count >= 20, "only {count} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
