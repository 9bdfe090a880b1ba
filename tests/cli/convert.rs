//! `convert` from a folder to .h5: every option.

use super::{Command, Desk, File, Path, fixtures, labels};
use std::fs;
use std::process::Stdio;

impl Desk {
    /// Writes a file below the folder.
    pub(super) fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Copies a file of `fixtures/images`.
    fn fixture(&self, name: &str, path: &str) {
        self.put(path, fs::read(fixtures("images") + "/" + name).unwrap());
    }

    /// Links one picture to many names: enough work to be disturbed in.
    pub(super) fn many(&self, folder: &str, count: usize, size: u32) {
        fs::create_dir_all(self.path(folder)).unwrap();
        let first = self.path(&format!("{folder}/00000.png"));
        // Noise, so that no filter makes it small.
        let mut state = 1u32;
        let noise = image::RgbImage::from_fn(size, size, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, _] = state.to_be_bytes();
            image::Rgb([a, b, c])
        });
        noise.save(&first).unwrap();
        for i in 1..count {
            fs::hard_link(&first, self.path(&format!("{folder}/{i:05}.png"))).unwrap();
        }
    }

    pub(super) fn names(&self, file: &str) -> Vec<String> {
        File::open(self.path(file)).unwrap().dataset("filenames").unwrap().read().unwrap()
    }

    fn pixels(&self, file: &str) -> Vec<u8> {
        File::open(self.path(file)).unwrap().dataset("images").unwrap().read().unwrap()
    }

    fn bytes(&self, file: &str) -> Vec<Vec<u8>> {
        File::open(self.path(file)).unwrap().dataset("images").unwrap().read().unwrap()
    }

    /// What every object holds, without the root's attributes, which name the options.
    pub(super) fn records(&self, file: &str) -> Vec<String> {
        let out = self.good(&["digest", "--json", file]).out;
        out.lines().filter(|l| !l.contains("\"path\":\"/\"}")).map(str::to_owned).collect()
    }

    pub(super) fn spawn(&self, arguments: &[&str]) -> std::process::Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_h5manager"));
        command.args(arguments).current_dir(self.folder.path()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }
}

#[test]
fn a_table_names_the_labels() {
    let desk = Desk::new();
    for name in ["a.png", "b.png", "sub/c.png", "d.png"] {
        desk.fixture("grey8.png", &format!("set/{name}"));
    }
    desk.put("labels.csv", "file_name,label\na.png,zebra\r\nsub/c.png,\"big, cat\"\nb.png,zebra\nnowhere.png,dog\n");
    let ran = desk.good(&["convert", "set", "-o", "a", "--labels-csv", "labels.csv"]);
    assert!(ran.out.contains("d.png: no label in the table"), "{}", ran.out);
    let (numbers, classes, names) = labels(&desk.path("a.h5"));
    assert_eq!(classes, ["big, cat", "dog", "zebra"]);
    assert_eq!((numbers, names), (vec![2, 2, 0], vec!["a.png".into(), "b.png".into(), "sub/c.png".into()]));
    desk.bad(
        &["convert", "set", "-o", "b", "--labels-csv", "labels.csv", "--on-error", "stop"],
        &["d.png", "no label"],
    );

    desk.put("numbers.csv", "a.png,7\nb.png,-1\nd.png,0\nsub/c.png,7\n");
    desk.good(&["convert", "set", "-o", "n", "--labels-csv", "numbers.csv"]);
    let file = File::open(desk.path("n.h5")).unwrap();
    assert_eq!(file.dataset("labels").unwrap().read::<Vec<i64>>().unwrap(), [7, -1, 0, 7]);
    assert!(file.dataset("labels").unwrap().attribute("class_names").unwrap().is_none());

    desk.put("bad.csv", "a.png,cat\na.png,dog\n");
    desk.bad(&["convert", "set", "-o", "b", "--labels-csv", "bad.csv"], &["bad.csv", "line 2", "second label"]);
    desk.bad(&["convert", "set", "-o", "b", "--labels-csv", "none.csv"], &["none.csv"]);
    desk.bad(&["convert", "set", "-o", "b", "--labels-csv", "bad.csv", "--labels", "none"], &["--labels"]);
    assert_eq!(desk.files(), ["a.h5", "bad.csv", "labels.csv", "n.h5", "numbers.csv", "set"]);
}

#[test]
fn classes_have_the_order_that_is_asked_for() {
    let desk = Desk::new();
    for class in ["c10", "c9", "x"] {
        desk.fixture("grey8.png", &format!("set/{class}/1.png"));
    }
    desk.put("order", "x\nc9\nempty\nc10\n");
    desk.put("short", "x\nc9\n");
    let classes = |order: &str| {
        desk.good(&["convert", "set", "-o", "a", "--class-order", order, "--overwrite"]);
        let (numbers, classes, names) = labels(&desk.path("a.h5"));
        assert_eq!(names, ["c10/1.png", "c9/1.png", "x/1.png"]);
        (numbers, classes.join(" "))
    };
    assert_eq!(classes("bytes"), (vec![0, 1, 2], "c10 c9 x".into()));
    assert_eq!(classes("natural"), (vec![1, 0, 2], "c9 c10 x".into()));
    assert_eq!(classes("order"), (vec![3, 1, 0], "x c9 empty c10".into()));
    desk.bad(&["convert", "set", "-o", "b", "--class-order", "short"], &["short", "c10"]);
}

#[test]
fn files_are_stored_to_the_byte_under_their_names() {
    let desk = Desk::new();
    let jpeg = fs::read(fixtures("images") + "/exif_6.jpg").unwrap();
    let files: [(&str, &[u8]); 8] = [
        ("a/1.jpg", &jpeg),
        ("a/deep/er/still/ünï cödé 日本.jpg", &jpeg),
        ("b/1.jpg", &jpeg[..jpeg.len() / 2]),
        ("b/photo.avif", b"\0\0\0\x20ftypavif\0\0\0\0 and what follows"),
        ("b/.hidden", b"hidden"),
        ("b/empty.png", b""),
        ("b/notes.txt", b"no image"),
        ("c/sp ace.gif", b"GIF89a"),
    ];
    files.iter().for_each(|(name, bytes)| desk.put(&format!("set/{name}"), bytes));
    let stored = |file: &str| {
        let (names, bytes) = (desk.names(file), desk.bytes(file));
        for (name, bytes) in names.iter().zip(&bytes) {
            assert_eq!(*bytes, fs::read(desk.path("set").join(name)).unwrap(), "{name}");
        }
        assert_eq!(names.len(), bytes.len());
        names
    };
    let ran = desk.good(&["convert", "set", "-o", "a", "--store", "bytes"]);
    // Nothing is decoded: half a picture, or one that nobody here can decode, is kept.
    let images = ["a/1.jpg", "a/deep/er/still/ünï cödé 日本.jpg", "b/1.jpg", "b/photo.avif", "c/sp ace.gif"];
    assert_eq!(stored("a.h5"), images);
    assert!(ran.out.contains("b/empty.png: an empty file") && ran.out.contains("1 .txt"), "{}", ran.out);
    desk.good(&["convert", "set", "-o", "b", "--store", "files"]);
    assert_eq!(stored("b.h5").len(), files.len() - 1);
    assert_eq!(labels(&desk.path("b.h5")).1, ["a", "b", "c"]);
    desk.bad(&["convert", "set", "-o", "c", "--store", "bytes", "--dim", "8"], &["--dim"]);
    desk.bad(&["convert", "set", "-o", "c", "--store", "files", "--frames", "all"], &["--frames"]);
}

#[test]
fn images_of_several_sizes_become_files_with_a_notice() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 1)], 8);
    desk.fixture("rgba.png", "photos/cat/wide.png");
    let ran = desk.good(&["convert", "photos", "-o", "a"]);
    assert!(ran.err.contains("different sizes") && ran.err.contains("--dim"), "{}", ran.err);
    assert_eq!(desk.bytes("a.h5")[0], fs::read(desk.path("photos/cat/00.png")).unwrap());
    assert_eq!(desk.good(&["convert", "photos", "-o", "b", "--quiet"]).err, "");
}

#[test]
fn pixels_are_compressed_as_asked_and_read_back() {
    let desk = Desk::new();
    desk.fixture("grey16.png", "deep/1.png");
    desk.fixture("grey8.png", "flat/1.png");
    let filters = |folder: &str, how: &str| {
        let name = how.replace([':', '+'], "_");
        desk.good(&["convert", folder, "-o", &name, "--compress", how, "--overwrite"]);
        let images = File::open(desk.path(&format!("{name}.h5"))).unwrap().dataset("images").unwrap();
        let values: Vec<i64> = images.read().unwrap();
        assert_eq!(values.len(), 32 * 48);
        (values, images.filters().iter().map(|f| f.id).collect::<Vec<u16>>())
    };
    for folder in ["deep", "flat"] {
        let (plain, none) = filters(folder, "none");
        assert!(none.is_empty());
        let shuffled = |id: u16| if folder == "deep" { vec![2, id] } else { vec![id] };
        for (how, ids) in [
            ("gzip", shuffled(1)),
            ("gzip:9", shuffled(1)),
            ("lzf", shuffled(32000)),
            ("lz4", shuffled(32004)),
            ("zstd:5", shuffled(32015)),
            ("bzip2", shuffled(307)),
            ("blosc", vec![32001]),
            ("bitshuffle", vec![32008]),
            ("gzip+fletcher32", vec![1, 3]),
        ] {
            assert_eq!(filters(folder, how), (plain.clone(), ids), "{folder} {how}");
        }
        // Plain colours: a fifth is saved.
        assert_eq!(filters(folder, "auto").1, shuffled(1));
    }
    desk.many("noise", 5, 40);
    let ran = desk.good(&["convert", "noise", "-o", "noise"]);
    assert!(ran.out.contains("uncompressed (gzip would save about"), "{}", ran.out);
    desk.bad(&["convert", "flat", "-o", "x", "--compress", "zip"], &["zip is no filter", "gzip", "auto"]);
}

#[test]
fn datasets_are_called_as_others_call_them() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 2), ("dog", 1)], 8);
    let made = |keys: &str| {
        desk.good(&["convert", "photos", "-o", keys, "--dim", "6x5", "--keys", keys]);
        File::open(desk.path(&format!("{keys}.h5"))).unwrap()
    };
    let usual: Vec<u8> = made("default").dataset("images").unwrap().read().unwrap();
    let tflearn = made("tflearn");
    let x: Vec<f32> = tflearn.dataset("X").unwrap().read().unwrap();
    assert_eq!(tflearn.dataset("X").unwrap().shape(), [3, 6, 5, 3]);
    assert!(x.iter().zip(&usual).all(|(f, u)| (f * 255.0 - f32::from(*u)).abs() <= 1.0), "0 to 1");
    let y = tflearn.dataset("Y").unwrap();
    assert_eq!((y.shape(), y.read::<Vec<f32>>().unwrap()), (&[3, 2][..], vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0]));
    let biggan = made("biggan");
    assert_eq!(biggan.dataset("imgs").unwrap().shape(), [3, 3, 6, 5]);
    assert_eq!(biggan.dataset("labels").unwrap().read::<Vec<i64>>().unwrap(), [0, 0, 1]);
    let coursera = made("coursera");
    assert_eq!(coursera.dataset("train_set_x").unwrap().read::<Vec<u8>>().unwrap(), usual);
    assert_eq!(coursera.dataset("train_set_y").unwrap().read::<Vec<i64>>().unwrap(), [0, 0, 1]);
    assert_eq!(coursera.dataset("list_classes").unwrap().read::<Vec<String>>().unwrap(), ["cat", "dog"]);
    desk.good(&["convert", "photos", "-o", "c", "--size", "6", "--keys", "coursera", "--split", "0.5,0.5"]);
    assert!(File::open(desk.path("c_test.h5")).unwrap().dataset("test_set_x").is_ok());
    desk.bad(&["convert", "photos", "-o", "x", "--keys", "tflearn", "--store", "bytes"], &["--keys"]);
}

#[test]
fn every_frame_and_page_can_be_an_image() {
    let desk = Desk::new();
    desk.fixture("animated.gif", "set/a.gif");
    desk.fixture("pages.tif", "set/b.tif");
    desk.fixture("rgba.png", "set/c.png");
    let ran = desk.good(&["convert", "set", "-o", "first", "--dim", "8"]);
    assert!(ran.err.contains("of 2 images with several frames or pages only the first"), "{}", ran.err);
    let ran = desk.good(&["convert", "set", "-o", "all", "--dim", "8", "--frames", "all"]);
    assert_eq!(ran.err, "");
    let names = desk.names("all.h5");
    assert_eq!(
        names,
        ["a.gif#0", "a.gif#1", "a.gif#2", "b.tif#0", "b.tif#1", "b.tif#2", "c.png"].map(|n| format!("set/{n}"))
    );
    let (first, all) = (desk.pixels("first.h5"), desk.pixels("all.h5"));
    let image = |pixels: &[u8], i: usize| pixels[i * 192..(i + 1) * 192].to_vec();
    for (one, other) in [(0, 0), (1, 3), (2, 6)] {
        assert_eq!(image(&first, one), image(&all, other));
    }
    assert_ne!(image(&all, 0), image(&all, 1));
    assert_ne!(image(&all, 3), image(&all, 4));
    // A file that ends within its frames: those before are kept, the rest is named.
    let gif = fs::read(desk.path("set/a.gif")).unwrap();
    desk.put("torn/a.gif", &gif[..gif.len() - 40]);
    let ran = desk.good(&["convert", "torn", "-o", "torn", "--dim", "8", "--frames", "all"]);
    assert!(ran.out.contains("a.gif#2: "), "{}", ran.out);
    assert_eq!(desk.names("torn.h5"), ["torn/a.gif#0", "torn/a.gif#1"]);
}

#[test]
fn folders_for_training_and_testing_become_a_file_each() {
    let desk = Desk::new();
    for path in ["train/cat/1", "train/cat/2", "train/dog/1", "test/dog/2", "val/emu/1"] {
        desk.fixture("grey8.png", &format!("set/{path}.png"));
    }
    let ran = desk.good(&["convert", "set", "-o", "out/set"]);
    assert!(ran.err.contains("test, train, val become a file each"), "{}", ran.err);
    let part = |name: &str| labels(&desk.path(&format!("out/set_{name}.h5")));
    let classes: Vec<String> = ["cat", "dog", "emu"].map(str::to_owned).to_vec();
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<String>>();
    assert_eq!(part("train"), (vec![0, 0, 1], classes.clone(), names(&["cat/1.png", "cat/2.png", "dog/1.png"])));
    assert_eq!(part("test"), (vec![1], classes.clone(), names(&["dog/2.png"])));
    assert_eq!(part("val").0, [2]);
    assert!(!desk.path("out/set.h5").exists());
    // The parts are the same file as a conversion of their folder, but for the classes that only others have.
    desk.good(&["convert", "set/train", "-o", "train"]);
    assert_eq!(desk.names("train.h5"), part("train").2);
    desk.bad(&["convert", "set", "-o", "out/set"], &["set_test.h5", "--overwrite"]);
    desk.good(&["convert", "set", "-o", "one", "--split", "none"]);
    assert_eq!(labels(&desk.path("one.h5")).1, ["test", "train", "val"]);
    // What has other names is no such folder, unless it is said.
    for path in ["yes/a/1", "no/a/2"] {
        desk.fixture("grey8.png", &format!("other/{path}.png"));
    }
    desk.good(&["convert", "other", "-o", "other"]);
    assert_eq!(labels(&desk.path("other.h5")).1, ["no", "yes"]);
    desk.good(&["convert", "other", "-o", "other", "--split", "folders"]);
    assert_eq!(labels(&desk.path("other_yes.h5")).2, ["a/1.png"]);
}

#[test]
fn shares_have_all_classes_in_proportion_and_each_image_once() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 20), ("dog", 10)], 4);
    let split = |output: &str, more: &[&str]| {
        desk.good(&[&["convert", "photos", "-o", output, "--split", "0.7,0.2,0.1"], more].concat());
        ["train", "val", "test"].map(|part| labels(&desk.path(&format!("{output}_{part}.h5"))))
    };
    let parts = split("a", &["--seed", "5"]);
    let dogs = |(labels, _, _): &(Vec<i64>, Vec<String>, Vec<String>)| labels.iter().sum::<i64>();
    assert_eq!(parts.each_ref().map(|p| p.0.len()), [21, 6, 3]);
    assert_eq!(parts.each_ref().map(dogs), [7, 2, 1]);
    let mut all: Vec<String> = parts.iter().flat_map(|p| p.2.clone()).collect();
    all.sort();
    desk.good(&["convert", "photos", "-o", "whole"]);
    assert_eq!(all, desk.names("whole.h5"));
    assert_eq!(split("b", &["--seed", "5"]), parts);
    let seeded = ["convert", "photos", "-o", "b", "--split", "0.7,0.2,0.1", "--seed", "5"];
    assert!(!desk.bad(&seeded, &["b_train.h5 exists", "--overwrite"]).err.contains("was stopped"));
    fs::remove_file(desk.path("b_val.h5")).unwrap();
    desk.bad(&seeded, &["b_train.h5 exists", "a run that was stopped", "--overwrite"]);
    assert_eq!(split("b", &["--seed", "5", "--overwrite"]), parts);
    assert_ne!(split("c", &["--seed", "6"]), parts);
    desk.bad(&["convert", "photos", "-o", "d", "--split", "0.7,0.2"], &["add up to 0.9,", "not to 1"]);
    desk.bad(&["convert", "photos/dog", "-o", "d", "--split", "0.99,0.01"], &["d_test.h5", "too few"]);
    assert!(!desk.path("d_train.h5").exists());
}

#[test]
fn a_seed_shuffles_images_with_their_names_and_labels() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 5), ("dog", 5)], 4);
    let convert = |output: &str, more: &[&str]| {
        desk.good(&[&["convert", "photos", "-o", output], more].concat());
        let file = format!("{output}.h5");
        let (numbers, _, names) = labels(&desk.path(&file));
        let pixels = desk.pixels(&file);
        let size = pixels.len() / names.len();
        names.into_iter().zip(numbers).zip(pixels.chunks(size).map(<[u8]>::to_vec)).collect::<Vec<_>>()
    };
    let plain = convert("plain", &[]);
    let mut shuffled = convert("shuffled", &["--shuffle", "--seed", "3"]);
    assert_ne!(plain, shuffled);
    assert_eq!(shuffled, convert("again", &["--shuffle", "--seed", "3"]));
    assert_ne!(shuffled, convert("other", &["--shuffle", "--seed", "4"]));
    shuffled.sort();
    assert_eq!(plain, shuffled);
    let root = File::open(desk.path("again.h5")).unwrap().root().unwrap();
    assert_eq!(root.attribute("seed").unwrap().unwrap().read_one::<String>().unwrap(), "3");
}

#[test]
fn shards_run_by_themselves_and_merge_to_the_whole() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 7), ("dog", 3), ("emu", 1)], 16);
    desk.put("photos/dog/broken.png", "text");
    let usual = ["convert", "photos", "-o", "set", "--dim", "64x80"];
    desk.good(&usual);
    for settled in [&[][..], &["--color", "rgb", "--depth", "8"]] {
        let shards: Vec<String> = (1..=4).map(|i| format!("{i}/4")).collect();
        let start = |shard: &String| desk.spawn(&[&usual[..], settled, &["--shard", shard, "--overwrite"]].concat());
        let running: Vec<_> = shards.iter().map(start).collect();
        for child in running {
            let done = child.wait_with_output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        let files: Vec<String> = (1..=4).map(|i| format!("set-{i}-of-4.h5")).collect();
        let all: Vec<String> = files.iter().flat_map(|file| desk.names(file)).collect();
        assert_eq!(all, desk.names("set.h5"));
        assert!(files.iter().all(|file| labels(&desk.path(file)).1 == ["cat", "dog", "emu"]));
        desk.good(&["merge", "set-*-of-4.h5", "-o", "merged", "--overwrite"]);
        assert_eq!(desk.records("merged.h5"), desk.records("set.h5"));
    }
    // More shards than images: some have nothing to do, which is no failure of theirs.
    for i in 1..=15 {
        desk.good(&["convert", "photos", "-o", "few", "--dim", "4", "--shard", &format!("{i}/15")]);
    }
    desk.good(&["merge", "few-*-of-15.h5", "-o", "few"]);
    assert_eq!(desk.names("few.h5"), desk.names("set.h5"));
    desk.bad(&["convert", "photos", "-o", "x", "--shard", "0/4"], &["counted from 1"]);
    desk.bad(&["convert", "photos", "-o", "x", "--dim", "4", "--shard", "1/4", "--split", "0.5,0.5"], &["--split"]);
}

#[test]
fn more_images_are_added_as_those_that_are_there_were_made() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 3), ("emu", 2)], 16);
    desk.good(&[
        "convert",
        "photos",
        "-o",
        "a",
        "--dim",
        "9x7",
        "--fit",
        "pad",
        "--background",
        "#102030",
        "--compress",
        "gzip",
    ]);
    let before = desk.pixels("a.h5");
    desk.pictures(&[("cat", 4), ("bird", 1)], 16);
    let ran = desk.good(&["convert", "photos", "-o", "a", "--append"]);
    assert!(
        ran.out.contains("2 images, (7, 9, 7, 3)") && ran.out.contains("5 images were in it already"),
        "{}",
        ran.out
    );
    let (numbers, classes, names) = labels(&desk.path("a.h5"));
    assert_eq!(classes, ["cat", "emu", "bird"]);
    assert_eq!(numbers, [0, 0, 0, 1, 1, 2, 0]);
    assert_eq!(names[5..], ["bird/00.png", "cat/03.png"]);
    let after = desk.pixels("a.h5");
    assert_eq!(after[..before.len()], before);
    desk.good(&["convert", "photos", "-o", "b", "--dim", "9x7", "--fit", "pad", "--background", "#102030"]);
    let all = desk.pixels("b.h5");
    assert_eq!(after[before.len()..before.len() + 189], all[..189]);
    // Again: nothing is there twice.
    desk.good(&["convert", "photos", "-o", "a", "--append"]);
    assert_eq!(desk.pixels("a.h5"), after);
    desk.good(&["check", "a.h5"]);
    desk.bad(&["convert", "photos", "-o", "a", "--append", "--fit", "crop"], &["--fit crop", "--fit pad"]);
    desk.bad(&["convert", "photos", "-o", "a", "--append", "--dim", "8"], &["--dim 8", "--dim 9x7"]);
    desk.bad(&["convert", "photos", "-o", "a", "--append", "--labels", "none"], &["--labels"]);
    assert_eq!(desk.pixels("a.h5"), after);
    // A file that is not there yet is made.
    desk.good(&["convert", "photos", "-o", "new", "--append"]);
    assert_eq!(desk.names("new.h5").len(), 7);
    // Sizes that do not fit are an error, and files can be added to files.
    desk.good(&["convert", "photos", "-o", "files", "--store", "bytes"]);
    desk.fixture("rgba.png", "photos/cat/large.png");
    desk.bad(&["convert", "photos", "-o", "new", "--append"], &["different sizes", "32x48"]);
    desk.good(&["convert", "photos", "-o", "files", "--append"]);
    assert_eq!(desk.bytes("files.h5")[7], fs::read(desk.path("photos/cat/large.png")).unwrap());
    // What convert has not made it does not touch.
    desk.good(&["copy", "a.h5", "images", "foreign.h5", "images"]);
    desk.bad(&["convert", "photos", "-o", "foreign", "--append"], &["not made by convert", "merge"]);
}

#[test]
fn the_summary_is_json_and_quiet_says_nothing() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 2)], 8);
    desk.put("photos/cat/x.jpg", "text");
    desk.put("photos/README.md", "text");
    let ran = desk.good(&["convert", "photos", "-o", "a", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(value["files"][0]["shape"], serde_json::json!([2, 10, 8, 3]));
    assert_eq!(value["files"][0]["classes"][0]["images"], 2);
    assert_eq!(value["skipped"][0]["file"], "cat/x.jpg");
    assert_eq!(value["other_files"]["by_suffix"]["md"], 1);
    let ran = desk.good(&["--quiet", "convert", "photos", "-o", "b"]);
    assert_eq!((ran.out, ran.err), (String::new(), String::new()));
}

#[test]
fn python_gets_the_lines_that_read_the_file() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 70), ("dog", 3)], 8);
    desk.good(&["convert", "photos", "-o", "my set.h5", "--dim", "8"]);
    desk.bad(&["convert", "--snippet", "numpy"], &["torch", "h5py"]);
    desk.bad(&["convert"], &["--output"]);
    assert!(desk.good(&["convert", "--snippet", "h5py", "--keys", "tflearn"]).out.contains("f[\"X\"]"));
    let Ok(python) = std::env::var("H5MANAGER_PYTHON") else {
        use std::io::Write;
        let _ = std::io::stderr().write_all(b"NOT RUN: set H5MANAGER_PYTHON to run the snippets\n");
        return;
    };
    let of_the_system = "/usr/bin/python3".to_owned();
    for library in ["h5py", "datasets", "torch", "keras"] {
        desk.put("read.py", desk.good(&["convert", "--snippet", library, "--output", "my set.h5"]).out);
        let run = |python: &str, arguments: &[&str]| {
            let mut command = Command::new(python);
            command.args(arguments).current_dir(desk.folder.path()).env("HF_HUB_OFFLINE", "1");
            command.env("HF_HOME", desk.path("cache")).output().unwrap()
        };
        assert!(run(&python, &["-m", "py_compile", "read.py"]).status.success(), "{library}");
        // PyTorch for processors alone is a package of Debian, for the Python of the system.
        let has_it = |p: &&String| run(p, &["-c", &format!("import h5py, {library}")]).status.success();
        let Some(python) = [&python, &of_the_system].into_iter().find(has_it) else {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "NOT RUN: the snippet for {library}, which is not installed");
            continue;
        };
        let done = run(python, &["read.py"]);
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{library}: {err}");
        assert!(out.contains("8, 8") && out.contains(')'), "{library}: {out}");
    }
}

#[test]
fn images_are_what_pillow_says() {
    let Ok(python) = std::env::var("H5MANAGER_PYTHON") else {
        use std::io::Write;
        let _ = std::io::stderr().write_all(b"NOT RUN: set H5MANAGER_PYTHON to a Python with h5py and Pillow\n");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/images.py");
    let desk = Desk::new();
    let mut command = Command::new(python);
    let done = command.arg(script).arg(desk.folder.path()).arg(env!("CARGO_BIN_EXE_h5manager")).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{err}");
}
