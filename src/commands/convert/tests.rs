//! Whole conversions: folders in, files out, read back.

use super::*;
use crate::File;
use crate::commands::Silent;
use clap::Parser;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    convert: Convert,
}

/// `convert photos --output set` and more arguments.
pub(super) fn options(more: &[&str]) -> Convert {
    let line = ["convert", "photos", "--output", "set"].into_iter().chain(more.iter().copied());
    Line::try_parse_from(line).map(|line| line.convert).unwrap()
}

/// A folder that goes away with the test.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Copies a file of `fixtures/images`.
    fn put(&self, fixture: &str, path: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/images").join(fixture);
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::copy(from, self.at(path)).unwrap();
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), bytes).unwrap();
    }

    /// Converts the folder `from` to the file `to`; what was printed.
    fn convert(&self, from: &str, to: &str, more: &[&str]) -> Result<String> {
        self.convert_with(from, to, more, &Silent)
    }

    fn convert_with(&self, from: &str, to: &str, more: &[&str], progress: &dyn Progress) -> Result<String> {
        let command = Convert { input: self.at(from), output: self.at(to), ..options(more) };
        let mut out = Vec::new();
        command.run(&mut out, progress)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    fn open(&self, path: &str) -> File {
        File::open(self.at(path)).unwrap()
    }
}

fn names(file: &File) -> Vec<String> {
    file.dataset("filenames").unwrap().read().unwrap()
}

fn labels(file: &File) -> (Vec<i64>, Vec<String>) {
    let labels = file.dataset("labels").unwrap();
    let classes = labels.attribute("class_names").unwrap().unwrap();
    (labels.read().unwrap(), classes.read().unwrap())
}

fn pixels(file: &File) -> Vec<u8> {
    file.dataset("images").unwrap().read().unwrap()
}

/// Stops the work once so many steps are done.
struct StopAfter(AtomicU64);

impl Progress for StopAfter {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, steps: u64) {
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(steps)));
    }
    fn finish(&self) {}
    fn notice(&self, _: &str) {}
    fn stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }
}

#[test]
fn the_set_of_a_folder_is_the_sets_of_its_classes_one_after_the_other() {
    let place = Place::new();
    place.put("exif_6.jpg", "all/cat/1.jpg");
    place.put("rgba.png", "all/cat/2.png");
    place.put("exif_3.jpg", "all/dog/1.jpg");
    place.put("grey16.png", "all/dog/2.png");
    place.write("all/README.txt", b"not an image");
    for folder in ["all", "all/cat", "all/dog"] {
        place.convert(folder, &folder.replace('/', "_"), &["--dim", "16"]).unwrap();
    }
    let (all, cat, dog) = (place.open("all.h5"), place.open("all_cat.h5"), place.open("all_dog.h5"));
    assert_eq!(names(&all), ["cat/1.jpg", "cat/2.png", "dog/1.jpg", "dog/2.png"]);
    assert_eq!(names(&all), [names(&cat), names(&dog)].concat());
    assert_eq!(labels(&all), (vec![0, 0, 1, 1], vec!["cat".to_owned(), "dog".to_owned()]));
    assert_eq!(labels(&dog), (vec![0, 0], vec!["dog".to_owned()]));
    assert_eq!(all.dataset("images").unwrap().shape(), [4, 16, 16, 3]);
    assert_eq!(pixels(&all), [pixels(&cat), pixels(&dog)].concat());
}

#[test]
fn nothing_but_images_of_one_length_is_at_the_root() {
    let place = Place::new();
    place.put("grey8.png", "set/a.png");
    place.convert("set", "set", &[]).unwrap();
    let file = place.open("set.h5");
    for name in ["images", "labels", "filenames"] {
        let dataset = file.dataset(name).unwrap();
        assert_eq!((dataset.shape()[0], dataset.max_shape()[0]), (1, None), "{name}");
    }
    assert_eq!(file.root().unwrap().links().unwrap().count(), 3);
    // All grey: one channel, the size kept.
    assert_eq!(file.dataset("images").unwrap().shape(), [1, 32, 48, 1]);
    let tool: String = file.root().unwrap().attribute("tool").unwrap().unwrap().read_one().unwrap();
    assert!(tool.starts_with("h5manager "));
}

#[test]
fn the_file_does_not_depend_on_the_number_of_threads() {
    let place = Place::new();
    for i in 0..40 {
        place.put(["exif_6.jpg", "rgba.png", "grey8.png", "garbage.png"][i % 4], &format!("set/{i}.png"));
    }
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let to = format!("set_{threads}");
        pool.install(|| place.convert("set", &to, &["--dim", "9x7", "--compress", "gzip"])).unwrap();
    }
    assert_eq!(fs::read(place.at("set_1.h5")).unwrap(), fs::read(place.at("set_3.h5")).unwrap());
}

#[test]
fn what_cannot_be_read_is_skipped_and_listed_or_stops_it() {
    let place = Place::new();
    place.put("exif_1.jpg", "set/a/good.jpg");
    place.write("set/a/text.jpg", b"hello");
    place.write("set/a/notes.txt", b"hello");
    let whole = fs::read(place.at("set/a/good.jpg")).unwrap();
    place.write("set/a/torn.jpg", &whole[..whole.len() - 50]);
    let report = place.at("report.csv");
    let said = place.convert("set", "set", &["--dim", "8", "--report", report.to_str().unwrap()]).unwrap();
    assert!(said.contains("1 image, (1, 8, 8, 3) uint8"), "{said}");
    assert!(
        said.contains("2 files skipped:\n  a/text.jpg: a text file, not an image\n  a/torn.jpg: the file ends"),
        "{said}"
    );
    assert!(said.contains("1 other file (1 .txt) left out"), "{said}");
    assert_eq!(names(&place.open("set.h5")), ["a/good.jpg"]);
    assert_eq!(fs::read_to_string(report).unwrap().lines().count(), 3);

    let error = place.convert("set", "strict", &["--dim", "8", "--on-error", "stop"]).unwrap_err();
    assert_eq!(error.to_string(), "a/text.jpg: a text file, not an image");
    fs::remove_file(place.at("set/a/text.jpg")).unwrap();
    let error = place.convert("set", "strict", &["--dim", "8", "--on-error", "stop"]).unwrap_err();
    assert!(error.to_string().starts_with("a/torn.jpg: the file ends"), "{error}");
    assert!(!place.at("strict.h5").exists());
}

#[test]
fn a_folder_in_which_nothing_can_be_read_is_an_error_and_leaves_no_file() {
    let place = Place::new();
    fs::create_dir(place.at("empty")).unwrap();
    place.put("exif_1.jpg", "torn/a.jpg");
    let whole = fs::read(place.at("torn/a.jpg")).unwrap();
    place.write("torn/a.jpg", &whole[..whole.len() / 2]);
    for folder in ["empty", "torn"] {
        let error = place.convert(folder, folder, &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(!place.at(&format!("{folder}.h5")).exists());
    }
}

#[test]
fn a_stopped_conversion_leaves_no_file_and_loses_none() {
    let place = Place::new();
    for i in 0..30 {
        place.put("exif_1.jpg", &format!("set/{i}.jpg"));
    }
    place.write("set.h5", b"precious");
    for steps in [1, 40, 75] {
        let stop = StopAfter(AtomicU64::new(steps));
        let error = place.convert_with("set", "set", &["--dim", "8", "--overwrite"], &stop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert_eq!(fs::read(place.at("set.h5")).unwrap(), b"precious");
        assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 2);
    }
}

#[test]
fn an_output_that_exists_is_kept_unless_it_is_to_be_replaced() {
    let place = Place::new();
    place.put("exif_1.jpg", "set/1.jpg");
    place.write("v2.h5", b"precious");
    let error = place.convert("set", "v2", &["--dim", "8"]).unwrap_err();
    assert!(error.message().contains("--overwrite"), "{error}");
    assert_eq!(fs::read(place.at("v2.h5")).unwrap(), b"precious");
    place.convert("set", "v2", &["--dim", "8", "--overwrite"]).unwrap();
    assert_eq!(names(&place.open("v2.h5")), ["set/1.jpg"]);
    place.convert("set", "new/folder/set.v2", &["--dim", "8"]).unwrap();
    assert!(place.at("new/folder/set.v2.h5").exists());
}

#[test]
fn bytes_are_the_files_as_they_are() {
    let place = Place::new();
    place.put("exif_6.jpg", "set/a/1.jpg");
    place.put("palette_alpha.png", "set/b/2.png");
    place.put("exif_1.jpg", "set/b/3.jpg");
    for arguments in [&["--store", "bytes"][..], &[]] {
        let said = place.convert("set", "set", &[arguments, &["--overwrite"]].concat()).unwrap();
        // The second run finds one size in all (upright), so it stores pixels.
        if arguments.is_empty() {
            assert!(said.contains("(3, 32, 48, 3) uint8"), "{said}");
            continue;
        }
        let file = place.open("set.h5");
        let stored: Vec<Vec<u8>> = file.dataset("images").unwrap().read().unwrap();
        assert_eq!(labels(&file).0, [0, 1, 1]);
        for (bytes, name) in stored.iter().zip(names(&file)) {
            assert_eq!(*bytes, fs::read(place.at("set").join(name)).unwrap());
        }
    }
}

#[test]
fn sixteen_bits_are_kept_where_all_have_them_or_it_is_asked_for() {
    let place = Place::new();
    place.put("grey16.png", "deep/1.png");
    place.convert("deep", "deep", &["--compress", "gzip:1"]).unwrap();
    let kept: Vec<u16> = place.open("deep.h5").dataset("images").unwrap().read().unwrap();
    assert_eq!((kept[1], kept[48]), (1000, 100));

    place.put("grey8.png", "deep/2.png");
    place.convert("deep", "mixed", &[]).unwrap();
    assert_eq!(pixels(&place.open("mixed.h5"))[1], 4); // 1000 / 257
    place.convert("deep", "asked", &["--depth", "16"]).unwrap();
    let both: Vec<u16> = place.open("asked.h5").dataset("images").unwrap().read().unwrap();
    assert_eq!((both[1], both[32 * 48 + 1]), (1000, 5 * 257));

    place.put("float32.tif", "float/1.tif");
    place.convert("float", "float", &[]).unwrap();
    let float: Vec<f32> = place.open("float.h5").dataset("images").unwrap().read().unwrap();
    assert_eq!((float[1], float[48]), (0.25, -0.5));
}

#[test]
fn images_beside_the_folders_are_a_class_of_their_own() {
    let place = Place::new();
    place.put("grey8.png", "set/loose.png");
    place.put("grey8.png", "set/b/1.png");
    place.put("grey8.png", "set/z/2.png");
    place.convert("set", "out", &[]).unwrap();
    let file = place.open("out.h5");
    assert_eq!(names(&file), ["b/1.png", "set/loose.png", "z/2.png"]);
    let classes = ["b", "set", "z"].map(str::to_owned).to_vec();
    assert_eq!(labels(&file), (vec![0, 1, 2], classes));

    place.convert("set", "plain", &["--labels", "none"]).unwrap();
    let file = place.open("plain.h5");
    assert_eq!(names(&file), ["b/1.png", "loose.png", "z/2.png"]);
    assert!(!file.root().unwrap().contains("labels").unwrap());
}

#[test]
fn thousands_of_classes_still_have_names() {
    let place = Place::new();
    for i in 0..4001 {
        place.put("grey8.png", &format!("set/{i:04}/1.png"));
    }
    place.convert("set", "set", &["--dim", "4"]).unwrap();
    let labels = place.open("set.h5").dataset("labels").unwrap();
    let classes: Vec<String> = labels.attribute("class_names").unwrap().unwrap().read().unwrap();
    assert_eq!((classes.len(), classes[4000].as_str()), (4001, "4000"));
    assert_eq!(labels.read::<Vec<i64>>().unwrap()[4000], 4000);
}

#[test]
fn channels_come_first_if_asked_for() {
    let place = Place::new();
    place.put("picture.ppm", "set/1.ppm");
    place.convert("set", "last", &[]).unwrap();
    place.convert("set", "first", &["--layout", "nchw"]).unwrap();
    let first = place.open("first.h5");
    assert_eq!(first.dataset("images").unwrap().shape(), [1, 3, 32, 48]);
    let (last, first) = (pixels(&place.open("last.h5")), pixels(&first));
    assert!((0..32 * 48).all(|i| (0..3).all(|c| last[i * 3 + c] == first[c * 32 * 48 + i])));
}

#[test]
fn a_wrong_option_is_said_before_anything_is_read() {
    let place = Place::new();
    place.put("picture.ppm", "set/1.ppm");
    let why = |more: &[&str]| place.convert("set", "x", more).unwrap_err().to_string();
    assert!(why(&["--fit", "crop"]).contains("add --dim"));
    assert!(why(&["--fit", "shorter", "--dim", "4x5"]).contains("one number"));
    assert!(why(&["--store", "bytes", "--dim", "4"]).contains("leave out"));
    assert!(why(&["--dim", "9000"]).contains("--max-pixels"));
    assert!(place.convert("none", "x", &[]).unwrap_err().to_string().contains("no folder"));
    assert!(place.convert("set/1.ppm", "x", &[]).unwrap_err().to_string().contains("is a file"));
}
