//! `convert` from .h5 to a folder of images.

use super::{Desk, fixtures};
use h5manager::{DatasetMut, File};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// All files below a folder with their bytes.
pub(super) fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").to_string_lossy().into_owned();
                files.insert(name, std::fs::read(&path).expect("read"));
            }
        }
    }
    files
}

/// A PNG of one shade.
fn png(shade: u8) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image::GrayImage::from_pixel(4, 3, image::Luma([shade])).write_to(&mut file, image::ImageFormat::Png).expect("PNG");
    file.into_inner()
}

/// An .h5 file whose rows are image files with these names.
fn files_named(desk: &Desk, name: &str, names: &[&str]) {
    let mut file = File::create(desk.path(name)).expect("created");
    let rows: Vec<Vec<u8>> = (0..names.len()).map(|i| png(i as u8)).collect();
    file.build("images").write(rows).expect("written");
    file.build("filenames").write(names).expect("written");
    file.commit().expect("committed");
}

fn images(desk: &Desk, name: &str, build: impl FnOnce(&mut h5manager::FileMut) -> h5manager::Result<DatasetMut>) {
    let mut file = File::create(desk.path(name)).expect("created");
    build(&mut file).expect("written");
    file.commit().expect("committed");
}

#[test]
fn a_folder_stored_as_bytes_comes_back_byte_for_byte() {
    let desk = Desk::new();
    let mut files: Vec<String> = [
        "cat/a.png",
        "dog/a.png",
        "dog/ä ö 🐕.png",
        "dog/no suffix",
        "dog/wrong.jpg",
        "dog/a/very/deep/folder/of folders/x.y.z.png",
        "dog/a/a.png",
        "dog/dog/a.png",
        "Katze und Maus/1:2?.PNG",
        "loose/..a.png",
        "loose/-rf.png",
        "loose/%2e%2e.png",
    ]
    .map(str::to_owned)
    .into();
    files.push(format!("long/{}.png", "x".repeat(251)));
    files.extend((0..200).map(|i| format!("many/{}/{i}.png", i % 7)));
    for (i, file) in files.iter().enumerate() {
        let path = desk.path("in").join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, png((i % 251) as u8)).expect("written");
    }
    let dotted = desk.path("in/loose/..a.png");
    std::fs::remove_file(dotted).expect("removed"); // Names that begin with a dot are never taken in.
    desk.good(&["convert", "in", "--output", "set", "--store", "bytes"]);
    let ran = desk.good(&["convert", "set.h5", "--output", "out"]);
    assert!(ran.out.contains("212 images, files as they are") && !ran.out.contains("renamed"), "{}", ran.out);
    assert!(tree(&desk.path("in")) == tree(&desk.path("out")));
    desk.good(&["convert", "set.h5", "--output", "again", "-j", "1"]);
    assert!(tree(&desk.path("in")) == tree(&desk.path("again")));
}

#[test]
fn one_folder_of_images_comes_back_as_it_was() {
    let desk = Desk::new();
    let photos = fixtures("photos/building");
    desk.good(&["convert", &photos, "--output", "set", "--store", "bytes"]);
    desk.good(&["convert", "set.h5", "--output", "out"]);
    let mut before = tree(Path::new(&photos));
    before.retain(|name, _| desk.path("out").join(name).exists());
    assert_eq!(before.len(), 19);
    assert!(before == tree(&desk.path("out")));
}

#[test]
fn files_of_all_kinds_beside_folders_of_classes_come_back_where_they_were() {
    let desk = Desk::new();
    for (name, bytes) in [
        ("README", &b"first by name, and no image"[..]),
        ("in/x.png", &png(1)[..]),
        ("in/deep/notes.txt", b"hello"),
        ("zoo/y.png", &png(2)[..]),
        ("zoo/empty", b"!"),
    ] {
        let path = desk.path("in").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
    // Two folders are called `in`: then it is not known which files were directly in the outer one.
    desk.good(&["convert", "in", "--output", "two", "--store", "files"]);
    desk.good(&["convert", "two.h5", "--output", "two"]);
    assert_eq!(tree(&desk.path("two")).len(), 5);
    std::fs::rename(desk.path("in/in"), desk.path("in/inner")).expect("renamed");
    desk.good(&["convert", "in", "--output", "set", "--store", "files"]);
    desk.good(&["convert", "set.h5", "--output", "out"]);
    assert!(tree(&desk.path("in")) == tree(&desk.path("out")));
    // After a merge the names alone count.
    desk.good(&["merge", "set.h5", "set.h5", "--output", "merged"]);
    desk.good(&["convert", "merged.h5", "--output", "merged"]);
    let merged = tree(&desk.path("merged"));
    assert!(merged.len() == 10 && merged.contains_key("in/README"), "{:?}", merged.keys());
}

#[test]
fn pixels_labels_and_names_survive_the_way_there_and_back() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 5), ("dog", 7)], 9);
    desk.good(&["convert", "photos", "--output", "a"]);
    let ran = desk.good(&["convert", "a.h5", "--output", "folder"]);
    assert_eq!(ran.out, "folder: 12 images, PNG, 8 bits\n  cat  5\n  dog  7\n");
    desk.good(&["convert", "folder", "--output", "b"]);
    let digest = |file: &str| {
        let out = desk.good(&["digest", "--json", file]).out;
        out.lines().filter(|line| !line.contains("\"path\":\"/\"}")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(digest("a.h5"), digest("b.h5"));
    let list = std::fs::read_to_string(desk.path("folder/metadata.csv")).expect("the list");
    assert!(list.starts_with("file_name,label\ncat/00.png,cat\ncat/01.png,cat\n"), "{list}");
    assert_eq!(list.lines().count(), 13);
}

#[test]
fn rows_and_classes_can_be_chosen_and_nothing_is_replaced_unasked() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 5), ("dog", 7)], 9);
    desk.good(&["convert", "photos", "--output", "a"]);
    let ran = desk.good(&["convert", "a.h5", "--output", "x", "--rows", "3:8", "--class", "dog", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((&summary["images"], &summary["classes"]["dog"]), (&3.into(), &3.into()));
    let names = |folder: &str| tree(&desk.path(folder)).into_keys().collect::<Vec<_>>();
    assert_eq!(names("x"), ["dog/00.png", "dog/01.png", "dog/02.png", "metadata.csv"]);
    desk.bad(&["convert", "a.h5", "--output", "x"], &["x exists", "--overwrite"]);
    desk.bad(&["convert", "a.h5", "--output", "x", "--overwrite", "--class", "cow"], &["cow", "cat, dog"]);
    desk.bad(&["convert", "a.h5", "--output", "x", "--overwrite", "--rows", "12:"], &["the last is 11"]);
    assert_eq!(names("x").len(), 4);
    let ran = desk.good(&["convert", "a.h5", "-o", "x", "--overwrite", "--class", "1", "--metadata", "never", "-q"]);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    assert_eq!(names("x").len(), 7);
    std::fs::create_dir(desk.path("empty")).expect("made");
    desk.good(&["convert", "a.h5", "--output", "empty"]);
    desk.bad(&["convert", "a.h5", "--output", ".", "--overwrite"], &["current folder"]);
    desk.bad(&["convert", "a.h5", "--output", "b.h5"], &["repack"]);
    desk.bad(&["convert", "a.h5::/labels", "--output", "y"], &["no image set", "/images"]);
    desk.bad(&["convert", "none.h5", "--output", "y"], &["none.h5", "no such file"]);
    std::fs::write(desk.path("file"), "precious").expect("written");
    desk.bad(&["convert", "a.h5", "--output", "file", "--overwrite"], &["a file"]);
    assert_eq!(desk.files(), ["a.h5", "empty", "file", "photos", "x"]);
}

#[test]
fn names_from_a_stranger_stay_in_the_folder() {
    let desk = Desk::new();
    let names =
        ["../../evil.png", "/etc/evil.png", "a.png", "a.png", "a.png/b.png", "", ".ssh/keys", "c\u{1b}[2J\n.png"];
    files_named(&desk, "x.h5", &names);
    let ran = desk.good(&["convert", "x.h5", "--output", "deep/er/out"]);
    let there: Vec<String> = tree(&desk.path("deep/er/out")).into_keys().collect();
    assert_eq!(
        there,
        ["5.png", "_ssh/keys.png", "a-1.png", "a-2.png/b.png", "a.png", "c_[2J_.png", "evil-1.png", "evil.png"]
    );
    assert!(ran.out.contains("renamed"), "{}", ran.out);
    assert_eq!(tree(&desk.path("deep/er/out"))["a-1.png"], png(3));
    assert_eq!(desk.files(), ["deep", "x.h5"]);
}

#[test]
fn sixteen_bits_and_floats_stay_what_they_are() {
    let desk = Desk::new();
    let deep: Vec<u16> = (0..2 * 9 * 8).map(|i| i * 433).collect();
    images(&desk, "deep.h5", |file| file.build("images").shape([2, 9, 8]).write(&deep));
    desk.good(&["convert", "deep.h5", "--output", "deep"]);
    let second = image::open(desk.path("deep/1.png")).expect("PNG").into_luma16().into_raw();
    assert_eq!(second, deep[72..]);
    let fine: Vec<f32> = (0..20 * 20 * 3).map(|i| i as f32 / 7.0 - 60.0).collect();
    images(&desk, "fine.h5", |file| file.build("images").shape([1, 20, 20, 3]).write(&fine));
    desk.good(&["convert", "fine.h5", "--output", "fine"]);
    let file = std::fs::File::open(desk.path("fine/0.tif")).expect("TIFF");
    let mut decoder = tiff::decoder::Decoder::new(std::io::BufReader::new(file)).expect("TIFF");
    assert!(matches!(decoder.read_image(), Ok(tiff::decoder::DecodingResult::F32(v)) if v == fine));
    // And back again.
    desk.good(&["convert", "fine", "--output", "again"]);
    let again: Vec<f32> = File::open(desk.path("again.h5")).unwrap().dataset("images").unwrap().read().unwrap();
    assert_eq!(again, fine);
}

#[test]
fn a_damaged_chunk_costs_only_its_own_rows() {
    let desk = Desk::new();
    images(&desk, "a.h5", |file| {
        let values: Vec<u8> = (0..12u8).flat_map(|i| [i; 20 * 20]).collect();
        file.build("images").shape([12, 20, 20]).chunks([2, 20, 20]).fletcher32().write(values)
    });
    let mut bytes = std::fs::read(desk.path("a.h5")).unwrap();
    let at = bytes.windows(400).position(|w| w == [5; 400]).expect("row 5");
    bytes[at + 7] = 99;
    std::fs::write(desk.path("a.h5"), bytes).unwrap();
    let ran = desk.good(&["convert", "a.h5", "--output", "out", "--report", "report.csv"]);
    assert!(ran.out.contains("10 images") && ran.out.contains("2 rows skipped"), "{}", ran.out);
    assert!(ran.out.contains("row 4: ") && ran.out.contains("row 5: "), "{}", ran.out);
    assert!(std::fs::read_to_string(desk.path("report.csv")).unwrap().contains("row 5"));
    assert!(desk.path("out/11.png").exists() && !desk.path("out/05.png").exists());
    desk.bad(&["convert", "a.h5", "--output", "strict", "--on-error", "stop"], &["row 4"]);
    assert!(!desk.path("strict").exists());
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_a_full_disk_leave_no_half_folder() {
    let desk = Desk::new();
    images(&desk, "a.h5", |file| {
        let values: Vec<u8> = (0..3000 * 64 * 64u32).map(|i| (i.wrapping_mul(7919) >> 8) as u8).collect();
        file.build("images").shape([3000, 64, 64]).write(values)
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_h5manager"))
        .args(["convert", "a.h5", "--output", "out"])
        .current_dir(desk.folder.path())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the program starts");
    // Once the new folder is there, the work has begun.
    while desk.files().len() < 2 && child.try_wait().expect("asked").is_none() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(desk.files().iter().any(|name| name.starts_with(".out.part-")), "{:?}", desk.files());
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill starts");
    assert!(sent.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(desk.files(), ["a.h5"]);
    // A limit on the size of files stands in for the disk's end; ignoring the signal makes it an error.
    let script =
        format!("trap '' XFSZ; ulimit -f 3; exec '{}' convert a.h5 --output out", env!("CARGO_BIN_EXE_h5manager"));
    let done =
        Command::new("bash").args(["-c", &script]).current_dir(desk.folder.path()).output().expect("bash starts");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("out/") && !said.contains(".part-"), "{said}");
    assert_eq!(desk.files(), ["a.h5"]);
}
