//! Files that lead to other files, as h5py makes them: what libhdf5 finds there we find, and nowhere else do we look.
#![cfg(feature = "cli")] // the program, and its parser of JSON
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)] // a test that fails should

use h5manager::{Dataset, ErrorKind, External, File, OpenOptions, Value as Stored};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with what the script makes; `None` where there is no Python for it.
fn folder() -> Option<tempfile::TempDir> {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py (scripts/test does)");
        return None;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/make_external.py");
    let made = Command::new(python).arg(script).arg(folder.path()).status().expect("Python starts");
    assert!(made.success(), "the script needs h5py");
    Some(folder)
}

fn plain(value: &Stored) -> Value {
    match value {
        Stored::Integer(n) => i64::try_from(*n).map_or_else(|_| Value::from(*n as u64), Value::from),
        Stored::Float(x) => Value::from(*x),
        Stored::String(s) => Value::from(s.to_text()),
        Stored::Compound(members) => members.iter().map(|(_, v)| plain(v)).collect(),
        other => panic!("no form for {other:?}"),
    }
}

fn values(d: &Dataset) -> Vec<Value> {
    let values = d.select(..).and_then(|all| all.values()).unwrap_or_else(|e| panic!("{e}"));
    values.iter().map(plain).collect()
}

/// Holds every dataset of a file against its description, and parts of it against the whole.
fn compare(file: &File, path: &Path) -> usize {
    let expected = std::fs::read_to_string(path.with_extension("json")).expect("the description");
    let expected: serde_json::Map<String, Value> = serde_json::from_str(&expected).expect("JSON");
    for (name, wanted) in &expected {
        let found = file.dataset(name);
        if wanted.is_null() {
            let error = found.err().unwrap_or_else(|| panic!("{name} is there"));
            assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Limit), "{name}: {error:?}");
            continue;
        }
        let d = found.unwrap_or_else(|e| panic!("{name} of {}: {e}", path.display()));
        assert_eq!(Value::from(d.shape()), wanted["shape"], "{name} of {}", path.display());
        let max: Value = d.max_shape().iter().map(|m| Value::from(*m)).collect();
        assert_eq!(max, wanted["max"], "{name} of {}", path.display());
        let all = values(&d);
        assert_eq!(Value::from(all.clone()), wanted["values"], "{name} of {}", path.display());
        compare_parts(&d, &all);
    }
    expected.len()
}

/// Some boxes of a dataset are the same boxes of the whole.
fn compare_parts(d: &Dataset, all: &[Value]) {
    let shape = d.shape().to_vec();
    if shape.is_empty() || d.is_empty() {
        return;
    }
    for step in 1..6u64 {
        let part: Vec<_> = shape
            .iter()
            .map(|&n| (n * step / 7).min(n - 1)..(n * (step + 2)).div_ceil(8).clamp(n * step / 7 + 1, n))
            .collect();
        let got = d.select(&part[..]).and_then(|p| p.values()).unwrap_or_else(|e| panic!("{} {part:?}: {e}", d.path()));
        let inside = |mut i: u64| {
            part.iter().zip(&shape).rev().all(|(r, n)| {
                let index = i % n;
                i /= n;
                r.contains(&index)
            })
        };
        let wanted: Vec<&Value> = (0..).zip(all).filter(|(i, _)| inside(*i)).map(|(_, v)| v).collect();
        let got: Vec<Value> = got.iter().map(plain).collect();
        assert_eq!(got.iter().collect::<Vec<_>>(), wanted, "{} {part:?}", d.path());
    }
}

#[test]
fn what_libhdf5_finds_in_other_files_is_found() {
    let Some(folder) = folder() else {
        return;
    };
    let at = |name: &str| folder.path().join(name);
    for map in [false, true] {
        let open = |name: &str| OpenOptions::new().map(map).open(at(name)).expect("opened");
        assert_eq!(compare(&open("links.h5"), &at("links.h5")), 15);
        assert_eq!(compare(&open("raw.h5"), &at("raw.h5")), 5);
        for name in ["virtual_earliest.h5", "virtual_latest.h5"] {
            assert!(compare(&open(name), &at(name)) > 70);
        }
    }
}

#[test]
fn nothing_is_read_where_nothing_is_allowed() {
    let Some(folder) = folder() else {
        return;
    };
    let open = |external: External| OpenOptions::new().external(external).open(folder.path().join("virtual_latest.h5"));
    let denied = open(External::Deny).expect("opened");
    let error = denied.dataset("v/strided").and_then(|d| d.read::<Vec<i32>>()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    // What has all its sources in the same file is read all the same.
    assert_eq!(values(&denied.dataset("v/same_file").expect("there")).len(), 20);
    let sub = open(External::Beneath(folder.path().join("sub"))).expect("opened");
    assert_eq!(sub.dataset("v/growing").err().expect("denied").kind(), ErrorKind::Denied);
    let bytes = std::fs::read(folder.path().join("virtual_latest.h5")).expect("read");
    let memory = File::from_bytes(bytes).expect("opened");
    assert!(memory.dataset("v/strided").and_then(|d| d.read::<Vec<i32>>()).is_err());
    assert_eq!(values(&memory.dataset("v/same_file").expect("there")).len(), 20);
}

/// Makes a folder `home` with files that lead out of it in every way, and what they lead to.
const HOSTILE: &str = r#"
import h5py, os, sys
from h5py import h5s
top = sys.argv[1]
home = top + "/home"
os.makedirs(home + "/sub")
with h5py.File(top + "/secret.h5", "w") as f:
    f["x"] = list(range(8))
open(top + "/secret.bin", "wb").write(b"secret!!")
os.symlink("../secret.h5", home + "/out.h5")
os.symlink("../secret.bin", home + "/out.bin")
os.symlink("..", home + "/up")
os.symlink("/dev/zero", home + "/zero")
os.mkfifo(home + "/fifo")
names = ["../secret", "sub/../../secret", top + "/secret", "out", "up/secret", "file://" + top + "/secret"]
with h5py.File(home + "/hostile.h5", "w") as f:
    others = [n + ".h5" for n in names] + ["fifo", "zero", "/dev/zero", "/dev/stdin", "/proc/self/mem", "http://169.254.169.254/latest", "s3://b/k", "", ".", "sub"]
    for i, name in enumerate(others):
        f[f"link{i}"] = h5py.ExternalLink(name or "\0", "/x") if name else h5py.ExternalLink("./", "/x")
        layout = h5py.VirtualLayout((8,), "i8")
        layout[:] = h5py.VirtualSource(name or "./", "/x", (8,), "i8")
        f.create_virtual_dataset(f"virtual{i}", layout)
    for i, name in enumerate([n + ".bin" for n in names] + ["fifo", "zero", "/dev/zero", "/etc/passwd"]):
        f.create_dataset(f"raw{i}", (8,), "u1", external=[(name, 0, 8)])
"#;

/// Every name that the program opens is below the folder, or what every program opens.
#[cfg(target_os = "linux")]
#[test]
fn nothing_outside_of_the_folder_is_opened() {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py (scripts/test does)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let top = folder.path().canonicalize().expect("a path");
    let made = Command::new(python).args(["-c", HOSTILE]).arg(&top).status().expect("Python starts");
    assert!(made.success());
    let home = top.join("home");
    let run = |options: &[&str], log: &Path| {
        let output = Command::new("strace")
            .args(["-f", "-qq", "-e", "trace=open,openat,openat2,creat", "-o"])
            .arg(log)
            .arg(std::env::var_os("H5MANAGER_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_h5manager").into()))
            .args(["digest", "--json"])
            .args(options)
            .arg("hostile.h5")
            .current_dir(&home)
            .env_remove("LD_LIBRARY_PATH")
            .stdin(std::process::Stdio::null())
            .output()
            .expect("strace is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let log = top.join("opened.txt");
    let records = run(&[], &log);
    // Nothing secret came out, and what was refused says how to allow it.
    let with = |kind: &str| {
        let start = format!("\"path\":\"/{kind}");
        records.lines().filter(|l| l.contains(&start)).map(str::to_owned).collect::<Vec<_>>()
    };
    let (raw, made) = (with("raw"), with("virtual"));
    assert_eq!((raw.len(), made.len()), (10, 16));
    assert!(raw.iter().all(|l| l.contains("\"error\"")), "{raw:#?}");
    for i in 0..5 {
        let record = with(&format!("virtual{i}\""));
        assert!(record[0].contains("--external any"), "{record:?}");
    }
    let inside = opened(&log, &home);
    assert!(inside.iter().any(|p| p.ends_with("hostile.h5")));
    let outside: Vec<_> = inside.iter().filter(|p| is_secret(p, &home)).collect();
    assert!(outside.is_empty(), "opened: {outside:?}");
    // The test sees what it looks for: where everything is allowed, the secret is opened, and devices still are not.
    run(&["--external", "any"], &log);
    let all = opened(&log, &home);
    assert!(all.iter().any(|p| p.ends_with("secret.h5")), "{all:?}");
    let special =
        |p: &PathBuf| p.ends_with("fifo") || p.ends_with("zero") || p.starts_with("/dev") || p.ends_with("self/mem");
    assert!(!all.iter().any(special), "{all:?}");
    run(&["--external", "deny"], &log);
    assert!(!opened(&log, &home).iter().any(|p| is_secret(p, &home)));
}

/// What was asked to be opened, from strace's record; relative names as absolute ones.
fn opened(log: &Path, home: &Path) -> Vec<PathBuf> {
    let log = std::fs::read_to_string(log).expect("strace's record");
    let names = log.lines().filter(|l| l.contains("open")).filter_map(|l| l.split('"').nth(1));
    names.map(|n| home.join(n)).collect()
}

/// Whether a file that was opened is none that the program needs: neither below the folder nor of the system.
fn is_secret(path: &Path, home: &Path) -> bool {
    // Libraries and what Rust's runtime asks of the machine.
    let system =
        ["/lib", "/usr/lib", "/etc/ld.so", "/proc/self/maps", "/proc/self/cgroup", "/sys/fs/cgroup", "/sys/devices"];
    let harmless = path.starts_with(home) && !["out.h5", "out.bin", "zero", "fifo"].iter().any(|n| path.ends_with(n));
    let of_the_system = system.iter().any(|s| path.to_string_lossy().starts_with(s));
    !harmless && !of_the_system
}
