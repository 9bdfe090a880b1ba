//! `convert` of arrays and tables, both ways. `interop/arrays.py` holds the same against NumPy and pandas.

use super::{Desk, fixtures};
use h5manager::File;
use h5manager::datatype::Datatype;
use std::path::Path;
use std::process::Command;

/// A .npy file of version 1.
fn npy(descr: &str, fortran: bool, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let text = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\0".to_vec();
    file.extend((text.len() as u16).to_le_bytes());
    file.extend(text.as_bytes());
    file.extend(bytes);
    file
}

fn le(values: &[i32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn write(desk: &Desk, name: &str, bytes: impl AsRef<[u8]>) {
    let path = desk.path(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, bytes).expect("written");
}

fn open(desk: &Desk, name: &str) -> File {
    File::open(desk.path(name)).expect("opened")
}

#[test]
fn a_folder_of_arrays_becomes_groups_of_datasets() {
    let desk = Desk::new();
    write(&desk, "in/a/x.npy", npy("'<i4'", false, "(2, 3)", &le(&[1, 2, 3, 4, 5, 6])));
    write(&desk, "in/a/f.npy", npy("'<i4'", true, "(2, 3)", &le(&[1, 4, 2, 5, 3, 6])));
    write(&desk, "in/deep/er/t.csv", "id,name\n1,Ann\n2,Ben\n");
    write(&desk, "in/m.csv", "1;2\n3;4\n");
    write(&desk, "in/torn.npy", &npy("'<i4'", false, "(2, 3)", &le(&[1, 2, 3]))[..]);
    write(&desk, "in/objects.npy", npy("'|O'", false, "(1,)", b"..."));
    write(&desk, "in/notes.txt", "hello");
    let ran = desk.good(&["convert", "in", "--output", "set"]);
    for said in
        ["4 datasets", "2 arrays skipped", "torn.npy: it ends within", "pickle", "1 other file left out", "id: i64"]
    {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    let file = open(&desk, "set.h5");
    for path in ["a/x", "a/f"] {
        let dataset = file.dataset(path).unwrap();
        assert_eq!((dataset.shape(), dataset.read::<Vec<i32>>().unwrap()), (&[2, 3][..], vec![1, 2, 3, 4, 5, 6]));
    }
    assert_eq!(file.dataset("m").unwrap().read::<Vec<i64>>().unwrap(), [1, 2, 3, 4]);
    assert_eq!(file.dataset("deep/er/t").unwrap().shape(), [2]);
    desk.bad(&["convert", "in", "--output", "b", "--on-error", "stop"], &["objects.npy", "pickle"]);
    desk.bad(&["convert", "in/torn.npy", "--output", "b"], &["torn.npy", "24 bytes", "12"]);
    desk.bad(&["convert", "in", "--output", "set"], &["exists", "--overwrite"]);
    assert_eq!(desk.files(), ["in", "set.h5"]);
}

#[test]
fn with_images_in_it_a_folder_is_a_set_of_images_unless_arrays_are_asked_for() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 2)], 8);
    write(&desk, "photos/labels.csv", "file,label\na,1\n");
    desk.good(&["convert", "photos", "--output", "a"]);
    assert!(open(&desk, "a.h5").dataset("images").is_ok());
    desk.good(&["convert", "photos", "--output", "b", "--arrays"]);
    let file = open(&desk, "b.h5");
    assert!(file.dataset("images").is_err() && file.dataset("labels").is_ok());
}

#[test]
fn columns_have_types_that_lose_nothing_or_those_asked_for() {
    let desk = Desk::new();
    let text = "\u{feff}id,name,x,ok,code,maybe,big,none\n\
        1,Ann,0.5,true,007,3,18446744073709551615,\n\
        2,\"B, \"\"o\"\"\",,false,010,NA,1,\n\
        3,Ül,1e5,true,100,5,2,\n";
    write(&desk, "t.csv", text);
    let json = |arguments: &[&str]| {
        let ran = desk.good(&[&["convert", "t.csv", "--json"], arguments].concat());
        serde_json::from_str::<serde_json::Value>(&ran.out).expect("JSON")
    };
    let types = |summary: &serde_json::Value| {
        let columns = summary["datasets"][0]["columns"].as_array().expect("columns").clone();
        columns.iter().map(|c| c["type"].as_str().expect("a type").to_owned()).collect::<Vec<_>>()
    };
    let found = json(&["--output", "a"]);
    assert_eq!(types(&found), ["i64", "str", "f64", "bool", "str", "f64", "u64", "str"]);
    assert_eq!(found["datasets"][0]["columns"][5]["missing"], true);
    let dataset = open(&desk, "a.h5").dataset("t").unwrap();
    let Datatype::Compound { members, .. } = dataset.datatype() else { panic!("{}", dataset.datatype()) };
    assert_eq!(members.len(), 8);
    assert_eq!(dataset.attribute("CLASS").unwrap().unwrap().read_one::<String>().unwrap(), "TABLE");
    let asked = json(&["--output", "b", "--types", "id=u8,code=i16,x=f32", "--tables", "columns"]);
    assert_eq!(types(&asked)[..5], ["u8", "str", "f32", "bool", "i16"]);
    let file = open(&desk, "b.h5");
    assert_eq!(file.dataset("t/code").unwrap().read::<Vec<i16>>().unwrap(), [7, 10, 100]);
    assert_eq!(file.dataset("t/name").unwrap().read::<Vec<String>>().unwrap(), ["Ann", "B, \"o\"", "Ül"]);
    // And back: missing values are empty cells, texts what they were.
    for name in ["a.h5::/t", "b.h5::/t"] {
        desk.good(&["convert", name, "--output", "again.csv", "--overwrite"]);
        let again = std::fs::read_to_string(desk.path("again.csv")).unwrap();
        let first = again.lines().next().unwrap();
        assert_eq!(first, "id,name,x,ok,code,maybe,big,none");
        let code = if name.starts_with('a') { "007" } else { "7" };
        let wanted = format!("1,Ann,0.5,true,{code},3.0,18446744073709551615,");
        assert_eq!(again.lines().nth(1), Some(wanted.as_str()));
        assert!(again.contains("\"B, \"\"o\"\"\",,false,"), "{again}");
    }
    desk.bad(&["convert", "t.csv", "-o", "c", "--types", "id=u8,big=i32"], &["line 2", "big", "i32"]);
    desk.bad(&["convert", "t.csv", "-o", "c", "--types", "nix=u8"], &["nix", "id, name"]);
    desk.bad(&["convert", "t.csv", "-o", "c", "--types", "id=u9"], &["u9", "f64"]);
    assert_eq!(desk.files(), ["a.h5", "again.csv", "b.h5", "t.csv"]);
}

#[test]
fn a_table_that_is_none_says_in_which_line() {
    let desk = Desk::new();
    write(&desk, "ragged.csv", "a,b\n1,2\n1,2,3\n");
    desk.bad(&["convert", "ragged.csv", "-o", "x"], &["line 3 has 3 cells, the first has 2"]);
    write(&desk, "latin.csv", b"a,b\n1,\xe4\n");
    desk.bad(&["convert", "latin.csv", "-o", "x"], &["line 2 is not UTF-8"]);
    write(&desk, "wide.csv", b"\xff\xfea\0,\0b\0");
    desk.bad(&["convert", "wide.csv", "-o", "x"], &["UTF-16"]);
    write(&desk, "empty.csv", "");
    desk.bad(&["convert", "empty.csv", "-o", "x"], &["empty"]);
    write(&desk, "tabs.tsv", "a\tb\n1\t2\n");
    desk.good(&["convert", "tabs.tsv", "-o", "tabs"]);
    write(&desk, "texts.csv", "x,y\nz,w\n");
    desk.good(&["convert", "texts.csv", "-o", "texts", "--header", "no"]);
    assert_eq!(open(&desk, "texts.h5").dataset("texts").unwrap().shape(), [2]);
    desk.good(&["convert", "texts.h5", "-o", "bar.csv", "--delimiter", "|"]);
    assert_eq!(std::fs::read_to_string(desk.path("bar.csv")).unwrap(), "c0|c1\nx|y\nz|w\n");
    assert!(!desk.path("x.h5").exists());
}

#[test]
fn the_way_back_needs_one_dataset_and_says_which_there_are() {
    let desk = Desk::new();
    write(&desk, "in/x.npy", npy("'<i4'", false, "(4, 2)", &le(&[1, 2, 3, 4, 5, 6, 7, 8])));
    write(&desk, "in/y.npy", npy("'>u2'", false, "()", &[1, 2]));
    desk.good(&["convert", "in", "--output", "a"]);
    desk.bad(&["convert", "a.h5", "--output", "out.npy"], &["/x, /y", "--path", ".npz"]);
    desk.bad(&["convert", "a.h5::/z", "--output", "out.npy"], &["z"]);
    desk.bad(&["convert", "a.h5::/y", "--output", "out.csv"], &["shape ()", ".npy"]);
    assert_eq!(desk.files(), ["a.h5", "in"]);
    desk.good(&["convert", "a.h5", "--output", "out.npy", "--path", "x", "--rows", "1:3"]);
    let out = std::fs::read(desk.path("out.npy")).unwrap();
    assert!(out.ends_with(&le(&[3, 4, 5, 6])) && out.len() == 128 + 16, "{}", out.len());
    desk.bad(&["convert", "a.h5", "--output", "out.npy", "--path", "x"], &["exists", "--overwrite"]);
    desk.good(&["convert", "a.h5", "--output", "all.npz"]);
    desk.good(&["convert", "all.npz", "--output", "again"]);
    desk.good(&["convert", "a.h5", "--output", "packed.npz", "--compress", "gzip"]);
    desk.good(&["convert", "packed.npz", "--output", "packed"]);
    let digest = |file: &str| {
        let out = desk.good(&["digest", "--json", file]).out;
        out.lines().filter(|line| !line.contains("\"path\":\"/\"}")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(digest("a.h5"), digest("again.h5"));
    assert_eq!(digest("a.h5"), digest("packed.h5"));
    desk.good(&["convert", "a.h5::/x", "--output", "x.csv"]);
    assert_eq!(std::fs::read_to_string(desk.path("x.csv")).unwrap(), "1,2\n3,4\n5,6\n7,8\n");
    let texts = Path::new(&fixtures("foreign")).join("vlen_jpeg.h5");
    let texts = texts.to_string_lossy();
    desk.bad(&["convert", &format!("{texts}::/image"), "--output", "no.npy"], &["Python objects"]);
    desk.good(&["convert", &format!("{texts}::/label"), "--output", "label.npy"]);
    assert!(std::fs::read(desk.path("label.npy")).unwrap().starts_with(b"\x93NUMPY\x01\0v\0{'descr': '<U5'"));
}

#[test]
fn a_damaged_archive_is_refused() {
    let desk = Desk::new();
    write(&desk, "in/x.npy", npy("'<i4'", false, "(40,)", &le(&[7; 40])));
    desk.good(&["convert", "in", "--output", "a"]);
    desk.good(&["convert", "a.h5", "--output", "a.npz"]);
    let mut bytes = std::fs::read(desk.path("a.npz")).unwrap();
    let at = bytes.windows(4).position(|w| w == 7i32.to_le_bytes()).expect("an element");
    bytes[at] = 8;
    write(&desk, "flipped.npz", &bytes);
    desk.bad(&["convert", "flipped.npz", "--output", "b"], &["x.npy", "hecksum"]);
    write(&desk, "torn.npz", &bytes[..60]);
    desk.bad(&["convert", "torn.npz", "--output", "b"], &["torn.npz", "not a .npz file"]);
    assert!(!desk.path("b.h5").exists());
}

#[test]
fn numpy_and_pandas_read_what_is_written_and_the_other_way_round() {
    let Some(python) = std::env::var_os("H5MANAGER_PYTHON") else {
        eprintln!("NOT RUN: set H5MANAGER_PYTHON to a Python with h5py and Pillow (scripts/test does)");
        return;
    };
    let desk = Desk::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/arrays.py");
    let ran = Command::new(python)
        .arg(script)
        .args([Path::new(env!("CARGO_BIN_EXE_h5manager")), desk.folder.path()])
        .output()
        .expect("Python starts");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
    assert!(said.contains("all equal"), "{said}");
}
