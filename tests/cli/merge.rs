//! `merge`: every row of the table of its options.

#[path = "merge_modes.rs"]
mod modes;

use super::Desk;
use h5manager::datatype::{Charset, Datatype, Name, Padding, ReferenceKind};
use h5manager::{Element, Error, File, FileMut, FixedString, Reference, Result, WithDatatype};

h5manager::compound! { struct Hit { time: f64, channel: u16, name: String } }
h5manager::compound! { struct WideHit { time: f64, channel: u32, name: String } }

impl Desk {
    /// A file made by `fill`.
    pub(super) fn file(&self, name: &str, fill: impl FnOnce(&mut FileMut) -> Result<()>) {
        let mut out = File::create(self.path(name)).expect("begun");
        fill(&mut out).expect("filled");
        out.commit().expect("committed");
    }

    fn opened(&self, name: &str) -> File {
        File::open(self.path(name)).expect("opened")
    }

    fn values<T: Element>(&self, name: &str, path: &str) -> Vec<T> {
        self.opened(name).dataset(path).expect("there").read().expect("read")
    }

    /// `count` rows of two numbers from `first` on, and labels of the classes `classes`.
    fn set(&self, name: &str, first: i32, count: i32, classes: &[&str]) {
        self.file(name, |out| {
            let rows: Vec<i32> = (first..first + count).flat_map(|n| [n, -n]).collect();
            out.build("images").shape([count as u64, 2]).extendible().chunks([2, 2]).deflate(1).write(&rows)?;
            let labels: Vec<u8> = (0..count).map(|n| (n as usize % classes.len()) as u8).collect();
            out.build("labels").write(&labels)?.set_attribute("class_names", classes)?;
            let names: Vec<String> = (first..first + count).map(|n| format!("{n}.png")).collect();
            out.build("filenames").write(&names).map(drop)
        });
    }
}

#[test]
fn inputs_are_named_in_any_way_and_their_order_is_kept() {
    let desk = Desk::new();
    desk.set("b.h5", 10, 2, &["cat"]);
    desk.set("a.h5", 0, 2, &["cat"]);
    desk.good(&["merge", "*.h5", "-o", "sorted"]);
    assert_eq!(desk.values::<String>("sorted.h5", "filenames"), ["0.png", "1.png", "10.png", "11.png"]);
    desk.good(&["merge", "--inputs", "b.h5,a.h5", "--output", "new/folder/named"]);
    assert_eq!(desk.values::<String>("new/folder/named.h5", "filenames")[0], "10.png");
    desk.good(&["merge", "-i", "b.h5", "-i", "a.h5", "a.h5", "-o", "again.hdf5"]);
    assert_eq!(desk.values::<i32>("again.hdf5", "images").len(), 12);
}

#[test]
fn the_same_file_twice_is_a_warning_and_the_output_among_the_inputs_an_error() {
    let desk = Desk::new();
    desk.set("a.h5", 0, 2, &["cat"]);
    std::fs::hard_link(desk.path("a.h5"), desk.path("hard.h5")).expect("linked");
    let ran = desk.good(&["merge", "a.h5", "hard.h5", "-o", "m"]);
    assert!(ran.err.contains("hard.h5 is merged more than once (also as a.h5)"), "{}", ran.err);
    for output in ["a.h5", "hard.h5", "./a"] {
        desk.bad(&["merge", "a.h5", "-o", output, "--overwrite"], &["both an input and the output", "--output"]);
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(desk.path("a.h5"), desk.path("soft.h5")).expect("linked");
        desk.bad(&["merge", "a.h5", "-o", "soft", "--overwrite"], &["both an input and the output"]);
    }
    desk.bad(&["merge", "a.h5", ".", "-o", "n"], &["is a folder", "*.h5"]);
}

#[test]
fn all_conflicts_are_told_at_once_with_file_path_and_both_values() {
    let desk = Desk::new();
    let make = |name: &str, width: u64, mean: f64, last: i64, text: bool| {
        desk.file(name, |out| {
            out.build("images").shape([2, width]).write(vec![1u8; 2 * width as usize])?;
            let mut labels = out.build("labels").write([0, last])?;
            labels.set_attribute("class_names", if last > 0 { &["dog"][..] } else { &["cat"] })?;
            out.build("mean").write([mean])?;
            if text { out.build("extra").write(["a", "b"]) } else { out.build("extra").write([1, 2]) }.map(drop)
        });
    };
    make("a.h5", 3, 0.5, 0, true);
    make("b.h5", 4, 0.25, 7, false);
    let words = [
        "nothing was merged",
        "b.h5::/images: shape (2, 4), in a.h5 it is (2, 3)",
        "b.h5::/mean holds [0.25], in a.h5 [0.5]",
        "b.h5::/extra: type int32, in a.h5 it is string",
        "b.h5::/labels: the label 7 has no name",
    ];
    desk.bad(&["merge", "a.h5", "b.h5", "-o", "m"], &words);
    desk.bad(&["merge", "a.h5", "b.h5", "-o", "m", "--dry-run"], &words);
    assert_eq!(desk.files(), ["a.h5", "b.h5"]);
}

#[test]
fn a_dry_run_tells_what_is_copied_what_is_encoded_and_how_large_it_will_be() {
    let desk = Desk::new();
    for (name, rows) in [("a.h5", 4), ("b.h5", 3), ("c.h5", 2)] {
        desk.set(name, 0, rows, &["cat"]);
    }
    let arguments = ["merge", "a.h5", "b.h5", "c.h5", "-o", "m"];
    let ran = desk.good(&[&arguments[..], &["--dry-run", "--json"]].concat());
    let told: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let images = &told["joined"][1];
    assert_eq!((&images["path"], &images["shape"]), (&"/images".into(), &serde_json::json!([9, 2])));
    // Of b.h5 one whole chunk of two rows; behind its third row nothing is aligned any more.
    assert_eq!(
        (&images["rows_raw"], &images["rows_encoded"], &images["chunks_raw"]),
        (&6.into(), &3.into(), &3.into())
    );
    assert_eq!(told["written"], false);
    assert_eq!(desk.files(), ["a.h5", "b.h5", "c.h5"]);
    let text = desk.good(&[&arguments[..], &["--dry-run"]].concat()).out;
    assert!(text.contains("would join 3 files, 9 rows") && text.contains("(6 rows, 3 chunks,"), "{text}");
    let told = desk.good(&[&arguments[..], &["--json", "--verify"]].concat()).out;
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let size = std::fs::metadata(desk.path("m.h5")).expect("there").len();
    assert_eq!((told["bytes"].as_u64(), &told["verified"]), (Some(size), &true.into()));
    let expected: Vec<i32> = [0..4, 0..3, 0..2].into_iter().flatten().flat_map(|n| [n, -n]).collect();
    assert_eq!(desk.values::<i32>("m.h5", "images"), expected);
}

#[test]
fn datasets_are_joined_at_every_depth_whatever_their_elements_are() {
    let desk = Desk::new();
    let text = Datatype::FixedString { size: 4, padding: Padding::NullPadded, charset: Charset::Ascii };
    let list = Datatype::Sequence { base: Box::new(i16::datatype()), size: 16 };
    let make = |name: &str, first: u16| {
        desk.file(name, |out| {
            let hit = out.commit_datatype("types/hit", Hit::datatype())?;
            let one = |n: u16| Hit { time: n.into(), channel: n, name: format!("hit {n}") };
            out.build("run/deep/hits").committed_datatype(&hit).write([one(first), one(first + 1)])?;
            let codes = [format!("c{first}"), "x".to_owned()];
            out.build("run/codes").write(WithDatatype::new(&codes, text.clone()))?;
            let lists = vec![h5manager::VarLen(vec![first as i16; first as usize]), h5manager::VarLen(vec![7])];
            out.build("run/lists").write(WithDatatype::new(lists, list.clone()))?;
            out.build("run/deep/grid").shape([2, 2, 2]).chunks([1, 2, 1]).shuffle().lzf().write([first; 8])?;
            out.build("config/scale").write(2.5)?;
            out.create_group("empty/group")?.set_attribute("why", "kept")
        });
    };
    make("a.h5", 1);
    make("b.h5", 3);
    desk.good(&["merge", "a.h5", "b.h5", "-o", "m", "--verify"]);
    let file = desk.opened("m.h5");
    let hits = file.dataset("run/deep/hits").unwrap();
    assert_eq!(hits.committed_datatype(), Some(file.object("types/hit").unwrap().address()));
    let hits: Vec<Hit> = hits.read().unwrap();
    assert_eq!(
        hits.iter().map(|h| (h.channel, h.name.as_str())).collect::<Vec<_>>(),
        [(1, "hit 1"), (2, "hit 2"), (3, "hit 3"), (4, "hit 4")]
    );
    assert!(hits.iter().all(|h| h.time == f64::from(h.channel)));
    assert_eq!(desk.values::<String>("m.h5", "run/codes"), ["c1", "x", "c3", "x"]);
    let lists: Vec<h5manager::VarLen<i16>> = file.dataset("run/lists").unwrap().read().unwrap();
    assert_eq!(lists.into_iter().map(|l| l.0).collect::<Vec<_>>(), [vec![1], vec![7], vec![3; 3], vec![7]]);
    let grid = file.dataset("run/deep/grid").unwrap();
    assert_eq!((grid.shape(), grid.chunk_shape()), (&[4, 2, 2][..], Some(&[1, 2, 1][..])));
    assert_eq!(grid.filters(), desk.opened("a.h5").dataset("run/deep/grid").unwrap().filters());
    assert_eq!(desk.values::<f64>("m.h5", "config/scale"), [2.5]);
    let why: String = file.group("empty/group").unwrap().attribute("why").unwrap().unwrap().read_one().unwrap();
    assert_eq!(why, "kept");
}

#[test]
fn types_widen_only_where_nothing_is_lost() {
    let desk = Desk::new();
    let text = |size| Datatype::FixedString { size, padding: Padding::NullTerminated, charset: Charset::Ascii };
    let colours = |members: &[(&str, u8)]| Datatype::Enumeration {
        base: Box::new(u8::datatype()),
        members: members.iter().map(|(name, value)| (Name::from(*name), vec![*value])).collect(),
    };
    desk.file("a.h5", |out| {
        out.build("n").chunks([2]).deflate(3).write([1u8, 255])?;
        out.build("x").write([0.5f32, 1.5])?;
        out.build("t").write(WithDatatype::new(["ab", "cd"], text(3)))?;
        out.build("u").write(WithDatatype::new(["ab", "cd"], text(3)))?;
        let bytes = [0u8, 1];
        let red_blue = colours(&[("RED", 0), ("BLUE", 1)]);
        out.build("c").write(h5manager::StoredElements::new(red_blue, [2], &bytes)?)?;
        out.build("h").write([
            Hit { time: 1.0, channel: 1, name: "a".into() },
            Hit { time: 2.0, channel: 2, name: "b".into() },
        ])?;
        Ok(())
    });
    desk.file("b.h5", |out| {
        out.build("n").chunks([2]).deflate(3).write([-1i16, 300])?;
        out.build("x").write([i32::MAX, 1])?;
        out.build("t").write(WithDatatype::new(["longer", "cd"], text(9)))?;
        out.build("u").write(["any length", "cd"])?;
        let bytes = [0u8, 1];
        let blue_red = colours(&[("BLUE", 0), ("RED", 1)]);
        out.build("c").write(h5manager::StoredElements::new(blue_red, [2], &bytes)?)?;
        let wide = |channel| WideHit { time: 3.0, channel, name: "w".into() };
        out.build("h").write([wide(70_000), wide(4)])?;
        Ok(())
    });
    desk.good(&["merge", "a.h5", "b.h5", "-o", "m", "--verify"]);
    let file = desk.opened("m.h5");
    let datatype = |path: &str| file.dataset(path).unwrap().datatype().clone();
    assert_eq!((datatype("n"), datatype("x")), (i16::datatype(), f64::datatype()));
    assert_eq!(desk.values::<i16>("m.h5", "n"), [1, 255, -1, 300]);
    assert_eq!(desk.values::<f64>("m.h5", "x"), [0.5, 1.5, f64::from(i32::MAX), 1.0]);
    assert_eq!(desk.values::<String>("m.h5", "t"), ["ab", "cd", "longer", "cd"]);
    assert_eq!(desk.values::<String>("m.h5", "u"), ["ab", "cd", "any length", "cd"]);
    assert_eq!(datatype("t"), text(9));
    // By their names: blue is 1 in the first file, 0 in the second.
    assert_eq!(desk.values::<u8>("m.h5", "c"), [0, 1, 1, 0]);
    assert_eq!(desk.values::<WideHit>("m.h5", "h").iter().map(|h| h.channel).collect::<Vec<_>>(), [1, 2, 70_000, 4]);
    desk.file("lossy.h5", |out| {
        out.build("n").write([u64::MAX, 1])?;
        Ok(())
    });
    desk.file("signed.h5", |out| out.build("n").write([-1i64, 1]).map(drop));
    desk.bad(&["merge", "lossy.h5", "signed.h5", "-o", "l"], &["/n: type int64, in lossy.h5 it is uint64"]);
}

#[test]
fn another_axis_is_joined_by_its_number_or_its_name() {
    let desk = Desk::new();
    let make = |name: &str, first: i32, columns: u64| {
        desk.file(name, |out| {
            let all: Vec<i32> = (0..2).flat_map(|r| (0..columns as i32).map(move |c| 100 * r + first + c)).collect();
            let mut grid = out.build("grid").shape([2, columns]).chunks([1, 2]).deflate(2).write(&all)?;
            let time: Vec<f64> = (0..columns).map(|c| f64::from(first) + c as f64).collect();
            let mut scale = out.build("time").write(&time)?;
            scale.make_scale("time")?;
            grid.attach_scale(1, &scale)?;
            out.build("rows").write([7, 8]).map(drop)
        });
    };
    make("a.h5", 0, 2);
    make("b.h5", 2, 3);
    let expected = [0, 1, 2, 3, 4, 100, 101, 102, 103, 104];
    desk.good(&["merge", "a.h5", "b.h5", "-o", "named", "--axis", "time", "--verify"]);
    assert_eq!(desk.values::<i32>("named.h5", "grid"), expected);
    assert_eq!(desk.values::<f64>("named.h5", "time"), [0.0, 1.0, 2.0, 3.0, 4.0]);
    assert_eq!(desk.values::<i32>("named.h5", "rows"), [7, 8]);
    desk.good(&["merge", "a.h5", "b.h5", "-o", "numbered", "--axis", "1", "--static", "first"]);
    assert_eq!(desk.values::<i32>("numbered.h5", "grid"), expected);
    desk.bad(&["merge", "a.h5", "b.h5", "-o", "m", "--axis", "place"], &["--axis place", "/time"]);
}

#[test]
fn what_is_not_joined_is_kept_once_or_for_each_file() {
    let desk = Desk::new();
    for (name, n) in [("a.h5", 1), ("b.h5", 2)] {
        desk.file(name, |out| {
            out.build("images").write([n; 3])?;
            out.build("labels").write([n; 3])?;
            out.build("camera/matrix").write([f64::from(n), 0.5])?;
            out.build("version").write(4).map(drop)
        });
    }
    desk.bad(&["merge", "a.h5", "b.h5", "-o", "m"], &["/camera/matrix", "--static"]);
    desk.good(&["merge", "a.h5", "b.h5", "-o", "first", "--static", "first", "--verify"]);
    desk.good(&["merge", "a.h5", "b.h5", "-o", "last", "--static", "last", "--verify"]);
    desk.good(&["merge", "a.h5", "b.h5", "-o", "each", "--static", "per-source", "--verify"]);
    assert_eq!(desk.values::<f64>("first.h5", "camera/matrix"), [1.0, 0.5]);
    assert_eq!(desk.values::<f64>("last.h5", "camera/matrix"), [2.0, 0.5]);
    assert_eq!(desk.values::<f64>("each.h5", "camera/matrix/a"), [1.0, 0.5]);
    assert_eq!(desk.values::<f64>("each.h5", "camera/matrix/b"), [2.0, 0.5]);
    assert_eq!(desk.values::<i32>("each.h5", "version"), [4]);
}

#[test]
fn sizes_that_agree_or_differ_by_chance_can_be_overruled() {
    let desk = Desk::new();
    for (name, n) in [("a.h5", 1u64), ("b.h5", 2)] {
        desk.file(name, |out| {
            for path in ["train/images", "train/labels", "train/names"] {
                out.build(path).write(vec![n as i32; 3 * n as usize])?;
            }
            out.build("test/images").write(vec![n as i32; n as usize])?;
            out.build("test/labels").write(vec![n as i32; n as usize]).map(drop)
        });
    }
    desk.bad(&["merge", "a.h5", "b.h5", "-o", "m"], &["/test/images", "--concat"]);
    desk.good(&["merge", "a.h5", "b.h5", "-o", "m", "--concat", "test", "--verify"]);
    assert_eq!(desk.values::<i32>("m.h5", "test/labels"), [1, 2, 2]);
    assert_eq!(desk.values::<i32>("m.h5", "train/labels").len(), 9);
    desk.good(&["merge", "a.h5", "a.h5", "-o", "k", "--keep", "train/names,test"]);
    assert_eq!(desk.values::<i32>("k.h5", "train/names"), [1; 3]);
    assert_eq!(desk.values::<i32>("k.h5", "train/images"), [1; 6]);
}

#[test]
fn a_missing_dataset_is_an_error_or_left_out_or_filled() {
    let desk = Desk::new();
    desk.file("a.h5", |out| {
        out.build("images").shape([2, 2]).fill_value(9u8).chunks([1, 2]).write([1u8, 2, 3, 4])?;
        out.build("score").fill_value(-1.0).write([0.5, 0.25])?;
        out.build("names").write(["a", "b"]).map(drop)
    });
    desk.file("b.h5", |out| {
        out.build("images").shape([1, 3]).fill_value(9u8).write([5u8, 6, 7])?;
        out.build("names").write(["c"]).map(drop)
    });
    desk.file("c.h5", |out| {
        out.build("images").shape([1, 1]).fill_value(9u8).write([8u8])?;
        out.build("names").write(["d"]).map(drop)
    });
    desk.bad(
        &["merge", "a.h5", "b.h5", "-o", "m"],
        &["b.h5::/score is missing", "b.h5::/images: shape (1, 3), in a.h5 it is (2, 2)", "--missing"],
    );
    let ran = desk.good(&["merge", "a.h5", "b.h5", "-o", "drop", "--missing", "drop", "--verify"]);
    assert!(
        ran.err.contains("/score is left out: b.h5 has none") && ran.err.contains("/images is left out"),
        "{}",
        ran.err
    );
    assert_eq!(desk.values::<String>("drop.h5", "names"), ["a", "b", "c"]);
    assert!(desk.opened("drop.h5").dataset("score").is_err());
    desk.good(&["merge", "a.h5", "b.h5", "-o", "fill", "--missing", "fill", "--verify"]);
    assert_eq!(desk.values::<f64>("fill.h5", "score"), [0.5, 0.25, -1.0]);
    assert_eq!(desk.values::<u8>("fill.h5", "images"), [1, 2, 9, 3, 4, 9, 5, 6, 7]);
    desk.good(&["merge", "b.h5", "c.h5", "-o", "pieces", "--missing", "fill", "--verify"]);
    assert_eq!(desk.values::<u8>("pieces.h5", "images"), [5, 6, 7, 8, 9, 9]);
}

#[test]
fn labels_follow_their_names_and_widen_with_them() {
    let desk = Desk::new();
    let many: Vec<String> = (0..200).map(|n| format!("class {n}")).collect();
    let more: Vec<String> = (150..320).map(|n| format!("class {n}")).collect();
    let make = |name: &str, names: &[String], labels: &[i8]| {
        desk.file(name, |out| {
            let labels: Vec<u8> = labels.iter().map(|n| *n as u8).collect();
            out.build("labels").write(&labels)?.set_attribute("class_names", names)?;
            out.build("images").write(vec![0u8; labels.len()]).map(drop)
        });
    };
    make("a.h5", &many, &[0, 100]);
    make("b.h5", &more, &[0, 100, 127]);
    desk.good(&["merge", "a.h5", "b.h5", "-o", "m", "--verify"]);
    assert_eq!(desk.values::<u16>("m.h5", "labels"), [0, 100, 150, 250, 277]);
    let labels = desk.opened("m.h5").dataset("labels").unwrap();
    let names: Vec<String> = labels.attribute("class_names").unwrap().unwrap().read().unwrap();
    assert_eq!((names.len(), names[277].as_str(), labels.datatype()), (320, "class 277", &u16::datatype()));
    // No class at all stays none.
    for (name, class) in [("c.h5", "x"), ("d.h5", "y")] {
        desk.file(name, |out| {
            out.build("labels").write([0i64, -1])?.set_attribute("class_names", [class])?;
            out.build("images").write([1u8, 2]).map(drop)
        });
    }
    desk.good(&["merge", "c.h5", "d.h5", "-o", "n", "--verify"]);
    assert_eq!(desk.values::<i64>("n.h5", "labels"), [0, -1, 1, -1]);
}

#[test]
fn class_names_that_are_not_those_of_labels_must_agree() {
    let desk = Desk::new();
    for (name, class) in [("a.h5", "cat"), ("b.h5", "dog"), ("c.h5", "cat")] {
        desk.file(name, |out| {
            // Pixels are no numbers of classes.
            let mut images = out.build("images").shape([2, 3]).write([0u8, 1, 2, 3, 4, 5])?;
            images.set_attribute("class_names", [class])?;
            out.root().set_attribute("classes", [class])?;
            out.build("labels").write([0u8, 0]).map(drop)
        });
    }
    let words = ["/images has other class names", "/@classes is \"dog\", in a.h5 it is \"cat\""];
    desk.bad(&["merge", "a.h5", "b.h5", "-o", "m"], &words);
    desk.good(&["merge", "a.h5", "c.h5", "-o", "m", "--verify"]);
    assert_eq!(desk.values::<u8>("m.h5", "images"), [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
}

#[test]
fn class_names_in_a_dataset_of_their_own_are_united_too() {
    let desk = Desk::new();
    let text = |size| Datatype::FixedString { size, padding: Padding::NullPadded, charset: Charset::Ascii };
    for (name, classes) in [("a.h5", ["cat", "non"]), ("b.h5", ["horse", "cat"])] {
        desk.file(name, |out| {
            out.build("train_set_x").shape([3, 2]).write([1u8; 6])?;
            out.build("train_set_y").write([0i64, 1, 0])?;
            let size = classes.iter().map(|c| c.len()).max().unwrap_or(1) as u32;
            out.build("list_classes").write(WithDatatype::new(classes, text(size))).map(drop)
        });
    }
    desk.good(&["merge", "a.h5", "b.h5", "-o", "m", "--verify"]);
    assert_eq!(desk.values::<i64>("m.h5", "train_set_y"), [0, 1, 0, 2, 0, 2]);
    assert_eq!(desk.values::<String>("m.h5", "list_classes"), ["cat", "non", "horse"]);
    assert_eq!(desk.opened("m.h5").dataset("list_classes").unwrap().datatype(), &text(5));
}

#[test]
fn equal_attributes_are_kept_and_of_others_the_one_that_was_asked_for() {
    let desk = Desk::new();
    let make = |name: &str, made: &str, unit: &str, only: Option<i32>| {
        desk.file(name, |out| {
            out.set_attribute("made", made)?;
            out.set_attribute("licence", "CC0")?;
            let mut images = out.build("images").write([1, 2])?;
            images.set_attribute("units", unit)?;
            images.set_attribute("camera", made)?;
            if let Some(only) = only {
                images.set_attribute("only", only)?;
            }
            Ok(())
        });
    };
    make("a.h5", "first", "m", None);
    make("b.h5", "last", "m", Some(5));
    make("km.h5", "last", "km", None);
    let attribute = |file: &str, path: &str, name: &str| {
        desk.opened(file).object(path).unwrap().attribute(name).unwrap().map(|a| a.values(9).unwrap()[0].to_string())
    };
    let ran = desk.good(&["merge", "a.h5", "b.h5", "-o", "m"]);
    assert!(ran.err.contains("/@made differs: \"first\" in a.h5, \"last\" in b.h5; the first is kept"), "{}", ran.err);
    assert_eq!(attribute("m.h5", "/", "made").as_deref(), Some("\"first\""));
    assert_eq!(attribute("m.h5", "/", "licence").as_deref(), Some("\"CC0\""));
    assert_eq!(attribute("m.h5", "/images", "only").as_deref(), Some("5"));
    desk.good(&["merge", "a.h5", "b.h5", "-o", "l", "--attrs", "last"]);
    assert_eq!(attribute("l.h5", "/images", "camera").as_deref(), Some("\"last\""));
    desk.bad(
        &["merge", "a.h5", "b.h5", "-o", "e", "--attrs", "error"],
        &["b.h5::/@made is \"last\", in a.h5 it is \"first\"", "/images@camera"],
    );
    // The wrong unit would make the values wrong.
    desk.bad(&["merge", "a.h5", "km.h5", "-o", "u"], &["/images@units is \"km\", in a.h5 it is \"m\""]);
    desk.good(&["merge", "a.h5", "km.h5", "-o", "u", "--attrs", "first"]);
    assert_eq!(attribute("u.h5", "/images", "units").as_deref(), Some("\"m\""));
}

#[test]
fn references_scales_and_links_lead_to_their_new_targets() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("in")).expect("a folder");
    desk.file("in/other.h5", |out| out.build("x").write(1).map(drop));
    let make = |name: &str, rows: u64| {
        desk.file(name, |out| {
            // Other addresses in each file.
            out.build("before").write([[rows; 3]; 1].concat())?;
            let mut images = out.build("images").shape([rows, 2]).write(vec![1i32; 2 * rows as usize])?;
            let mut scale = out.build("scale").write(vec![0.5; rows as usize])?;
            scale.make_scale("n")?;
            images.attach_scale(0, &scale)?;
            let last = images.region_reference((rows - 1..rows, ..))?;
            let (here, group) = (images.reference()?, out.reference("g")?);
            out.build("objects").write(vec![here.clone(); rows as usize])?;
            let region = Datatype::reference(ReferenceKind::Region);
            out.build("regions").write(WithDatatype::new(vec![last; rows as usize], region))?;
            out.create_group("g")?.set_attribute("to", [here, group])?;
            out.link_soft("soft", "/g/../images")?;
            out.root().link_hard("again", "images")?;
            out.root().link_external("far", "other.h5", "/x")
        });
    };
    make("in/a.h5", 2);
    make("in/b.h5", 3);
    desk.good(&["merge", "in/a.h5", "in/b.h5", "-o", "m", "--keep", "before", "--static", "first", "--verify"]);
    let file = desk.opened("m.h5");
    let images = file.object("images").unwrap().address();
    let leads = |r: &Reference| file.dereference(r).unwrap().address();
    let objects: Vec<Reference> = file.dataset("objects").unwrap().read().unwrap();
    assert!(objects.len() == 5 && objects.iter().all(|r| leads(r) == images));
    let regions: Vec<Reference> = file.dataset("regions").unwrap().read().unwrap();
    let rows: Vec<u64> = regions
        .iter()
        .map(|r| match r {
            Reference::Region { selection, .. } => selection.bounds(&[5, 2]).unwrap().unwrap()[0].0,
            _ => panic!("no region"),
        })
        .collect();
    // The last row of the second file is the last of all.
    assert_eq!(rows, [1, 1, 4, 4, 4]);
    assert!(regions.iter().all(|r| leads(r) == images));
    let to: Vec<Reference> = file.group("g").unwrap().attribute("to").unwrap().unwrap().read().unwrap();
    assert_eq!((leads(&to[0]), leads(&to[1])), (images, file.object("g").unwrap().address()));
    assert_eq!(file.object("again").unwrap().address(), images);
    assert_eq!(file.dataset("far").unwrap().read::<Vec<i32>>().unwrap(), [1]);
    let list = file.dataset("images").unwrap().attribute("DIMENSION_LIST").unwrap().unwrap();
    let scale = file.object("scale").unwrap().address();
    assert!(format!("{:?}", list.values(9).unwrap()).contains(&format!("address: {scale}")));
    desk.good(&["check", "m.h5"]);
}

#[test]
fn chunks_are_no_larger_than_the_data_and_fill_values_stay() {
    let desk = Desk::new();
    for (name, n) in [("a.h5", 1), ("b.h5", 2)] {
        desk.file(name, |out| {
            out.build("t")
                .element::<i32>()
                .shape([0])
                .extendible()
                .chunks([1024])
                .deflate(1)
                .create()?
                .append([n; 3])?;
            // Never written: its chunks are not there, in either file.
            out.build("sparse").element::<i32>().shape([3, 2]).chunks([3, 2]).fill_value(7).create()?;
            out.build("names").write(["a", "b", "c"]).map(drop)
        });
    }
    desk.good(&["merge", "a.h5", "b.h5", "-o", "m", "--verify"]);
    let file = desk.opened("m.h5");
    assert_eq!(file.dataset("t").unwrap().chunk_shape(), Some(&[6][..]));
    assert_eq!(desk.values::<i32>("m.h5", "t"), [1, 1, 1, 2, 2, 2]);
    assert_eq!(desk.values::<i32>("m.h5", "sparse"), [7; 12]);
    assert_eq!(file.dataset("sparse").unwrap().stored_size().unwrap(), 0);
    // Another fill value is another content of what was never written.
    desk.file("c.h5", |out| {
        out.build("t").write([3; 3])?;
        out.build("sparse").element::<i32>().shape([3, 2]).chunks([3, 2]).fill_value(8).create()?;
        out.build("names").write(["a", "b", "c"]).map(drop)
    });
    desk.good(&["merge", "a.h5", "c.h5", "-o", "n", "--verify"]);
    assert_eq!(desk.values::<i32>("n.h5", "sparse"), [[7; 6], [8; 6]].concat());
}

/// What cannot be merged is said, not done badly.
#[test]
fn names_that_lead_to_different_things_are_conflicts() {
    let desk = Desk::new();
    desk.file("a.h5", |out| {
        out.build("x").write([1, 2])?;
        out.build("y").write([1, 2])?;
        out.link_soft("z", "/x")
    });
    desk.file("b.h5", |out| {
        out.build("x").write([1, 2])?;
        out.root().link_hard("y", "x")?;
        out.link_soft("z", "/y")
    });
    desk.bad(
        &["merge", "a.h5", "b.h5", "-o", "m"],
        &[
            "b.h5::/y is another name of /x, in a.h5 it is a dataset",
            "b.h5::/z is a soft link to /y, in a.h5 it is a soft link to /x",
        ],
    );
    let odd: Result<(), Error> = (|| {
        let mut out = File::create(desk.path("odd.h5"))?;
        out.set_attribute("note", FixedString("no datasets at all"))?;
        out.commit()
    })();
    odd.unwrap();
    desk.good(&["merge", "odd.h5", "odd.h5", "-o", "nothing", "--verify"]);
    assert!(desk.opened("nothing.h5").root().unwrap().attribute("note").unwrap().is_some());
}
