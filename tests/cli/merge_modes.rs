//! The modes of `merge`, and rows in another order.

use super::Desk;
use h5manager::Reference;

#[test]
fn groups_and_links_keep_each_file_apart() {
    let desk = Desk::new();
    desk.set("a.h5", 0, 2, &["cat"]);
    std::fs::create_dir(desk.path("in")).expect("a folder");
    desk.file("in/a.h5", |out| {
        out.build("x").write([1, 2])?;
        out.link_soft("y", "/x")?;
        out.build("to").write([out.reference("x")?])?;
        out.set_attribute("why", "test")
    });
    desk.good(&["merge", "a.h5", "in/a.h5", "-o", "g", "--mode", "group", "--verify"]);
    assert_eq!(desk.values::<i32>("g.h5", "a-2/y"), [1, 2]);
    assert_eq!(desk.values::<String>("g.h5", "a/filenames"), ["0.png", "1.png"]);
    let file = desk.opened("g.h5");
    let to: Vec<Reference> = file.dataset("a-2/to").unwrap().read().unwrap();
    assert_eq!(file.dereference(&to[0]).unwrap().address(), file.object("a-2/x").unwrap().address());
    assert!(file.group("a-2").unwrap().attribute("why").unwrap().is_some());
    desk.good(&["merge", "a.h5", "in/a.h5", "-o", "l", "--mode", "link"]);
    assert_eq!(desk.values::<i32>("l.h5", "a-2/y"), [1, 2]);
    assert!(std::fs::metadata(desk.path("l.h5")).expect("there").len() < 8192);
    desk.bad(&["merge", "a.h5", "-o", "z", "--mode", "group", "--shuffle"], &["--shuffle", "--mode"]);
    desk.bad(&["merge", "a.h5", "lost.h5", "-o", "z", "--mode", "link"], &["lost.h5: no such file"]);
}

#[test]
fn virtual_rows_stay_in_their_files_and_the_folder_can_be_moved() {
    let desk = Desk::new();
    std::fs::create_dir_all(desk.path("data/in")).expect("a folder");
    desk.set("data/in/a 100%.h5", 0, 3, &["cat", "dog"]);
    desk.set("data/in/b.h5", 5, 2, &["bird"]);
    desk.file("data/in/contiguous.h5", |out| {
        out.build("images").shape([1, 2]).write([77, 78])?;
        out.build("labels").write([0u8])?.set_attribute("class_names", ["cat"])?;
        out.build("filenames").write(["x"]).map(drop)
    });
    let ran = desk.good(&["merge", "data/in/*.h5", "-o", "data/all", "--mode", "virtual", "--verify"]);
    assert!(ran.out.contains("/images  (6, 2) int32, rows stay in their files"), "{}", ran.out);
    std::fs::rename(desk.path("data"), desk.path("moved")).expect("moved");
    let images = desk.values::<i32>("moved/all.h5", "images");
    assert_eq!(images, [0, 0, 1, -1, 2, -2, 5, -5, 6, -6, 77, 78]);
    assert_eq!(desk.values::<String>("moved/all.h5", "filenames")[3], "5.png");
    // These got other numbers, so they are copies.
    assert_eq!(desk.values::<u8>("moved/all.h5", "labels"), [0, 1, 0, 2, 2, 0]);
    let file = desk.opened("moved/all.h5");
    assert_eq!(file.dataset("images").unwrap().layout(), "virtual");
    assert_eq!(file.dataset("labels").unwrap().layout(), "contiguous");
    desk.bad(&["merge", "moved/in/b.h5", "-o", "z", "--mode", "virtual", "--shuffle"], &["--shuffle", "virtual"]);
    let ran = desk.good(&["merge", "moved/in/b.h5", "-o", "far/z", "--mode", "virtual"]);
    assert!(ran.err.contains("outside the folder of the output"), "{}", ran.err);
}

#[test]
fn a_shuffle_moves_whole_rows_and_its_seed_makes_it() {
    let desk = Desk::new();
    desk.set("a.h5", 0, 40, &["cat", "dog"]);
    desk.set("b.h5", 40, 30, &["dog"]);
    desk.good(&["merge", "a.h5", "b.h5", "-o", "one", "--shuffle", "--seed", "7", "--provenance", "--verify"]);
    desk.good(&["merge", "a.h5", "b.h5", "-o", "two", "--shuffle", "--seed", "7", "--provenance", "-j", "1"]);
    desk.good(&["merge", "a.h5", "b.h5", "-o", "three", "--shuffle", "--seed", "8"]);
    let bytes = |name: &str| std::fs::read(desk.path(name)).expect("read");
    assert_eq!(bytes("one.h5"), bytes("two.h5"));
    let names = desk.values::<String>("one.h5", "filenames");
    assert_ne!(names, desk.values::<String>("three.h5", "filenames"));
    let (images, labels) = (desk.values::<i32>("one.h5", "images"), desk.values::<u8>("one.h5", "labels"));
    let (files, rows) = (desk.values::<u32>("one.h5", "source_file"), desk.values::<u64>("one.h5", "source_row"));
    let mut seen = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let number: i32 = name.trim_end_matches(".png").parse().expect("a number");
        assert_eq!((images[2 * n], images[2 * n + 1]), (number, -number));
        let dog = number >= 40 || number % 2 == 1;
        assert_eq!(labels[n], u8::from(dog));
        assert_eq!((files[n], rows[n]), if number < 40 { (0, number as u64) } else { (1, number as u64 - 40) });
        seen.push(number);
    }
    assert!(!seen.is_sorted());
    seen.sort_unstable();
    assert_eq!(seen, (0..70).collect::<Vec<_>>());
    desk.bad(&["merge", "a.h5", "-o", "z", "--seed", "3"], &["--shuffle"]);
}

#[test]
fn rows_that_are_chunks_are_shuffled_as_they_are_stored() {
    let desk = Desk::new();
    for (name, first) in [("a.h5", 0u8), ("b.h5", 5)] {
        desk.file(name, |out| {
            let images = out.build("images").shape([5, 3]).chunks([1, 3]).deflate(4);
            images.write((first..first + 5).flat_map(|n| [n; 3]).collect::<Vec<u8>>())?;
            // The third row was never written.
            let mut sparse = out.build("sparse").element::<i32>().shape([5]).chunks([1]).fill_value(-1).create()?;
            sparse.write_selection(0..2, [i32::from(first), i32::from(first) + 1])?;
            out.build("names").write((first..first + 5).map(|n| n.to_string()).collect::<Vec<_>>()).map(drop)
        });
    }
    let options = ["--shuffle", "--seed", "4", "--dedupe-by", "names", "--verify", "--json"];
    let told = desk.good(&[&["merge", "a.h5", "b.h5", "-o", "m"], &options[..]].concat()).out;
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&told["joined"][0]["rows_raw"], &told["joined"][0]["rows_encoded"]), (&10.into(), &0.into()));
    let names = desk.values::<String>("m.h5", "names");
    let numbers: Vec<u8> = names.iter().map(|n| n.parse().expect("a number")).collect();
    assert!(!numbers.is_sorted() && numbers.len() == 10);
    let rows = numbers.iter().flat_map(|n| [*n; 3]).collect::<Vec<u8>>();
    assert_eq!(desk.values::<u8>("m.h5", "images"), rows);
    let sparse: Vec<i32> = numbers.iter().map(|n| if n % 5 < 2 { i32::from(*n) } else { -1 }).collect();
    assert_eq!(desk.values::<i32>("m.h5", "sparse"), sparse);
}

#[test]
fn equal_rows_are_kept_once() {
    let desk = Desk::new();
    desk.set("a.h5", 0, 3, &["cat"]);
    // The same pictures under another class, and one more.
    desk.set("b.h5", 1, 3, &["dog"]);
    let ran = desk.good(&["merge", "a.h5", "b.h5", "a.h5", "-o", "all", "--dedupe", "--verify"]);
    assert!(ran.out.contains("joined 3 files, 6 rows") && ran.out.contains("3 rows are there already"), "{}", ran.out);
    desk.good(&["merge", "a.h5", "b.h5", "-o", "by", "--dedupe-by", "images", "--provenance", "--verify"]);
    assert_eq!(desk.values::<String>("by.h5", "filenames"), ["0.png", "1.png", "2.png", "3.png"]);
    assert_eq!(desk.values::<u8>("by.h5", "labels"), [0, 0, 0, 1]);
    assert_eq!(desk.values::<u32>("by.h5", "source_file"), [0, 0, 0, 1]);
    assert_eq!(desk.values::<u64>("by.h5", "source_row"), [0, 1, 2, 2]);
    desk.bad(&["merge", "a.h5", "-o", "z", "--dedupe-by", "pixels"], &["--dedupe-by pixels"]);
}

#[test]
fn the_root_says_which_rows_came_from_which_file() {
    let desk = Desk::new();
    desk.set("a.h5", 0, 3, &["cat"]);
    desk.set("b.h5", 3, 2, &["cat"]);
    desk.good(&["merge", "a.h5", "b.h5", "-o", "m", "--provenance"]);
    let root = desk.opened("m.h5").root().unwrap();
    assert_eq!(root.attribute("source").unwrap().unwrap().read::<Vec<String>>().unwrap(), ["a.h5", "b.h5"]);
    assert_eq!(root.attribute("source_rows").unwrap().unwrap().read::<Vec<u64>>().unwrap(), [3, 2]);
    assert_eq!(desk.values::<u32>("m.h5", "source_file"), [0, 0, 0, 1, 1]);
    desk.bad(&["merge", "m.h5", "-o", "z", "--provenance"], &["/source_file", "leave it out"]);
}

#[test]
fn a_merge_of_merges_is_the_merge_of_all() {
    let desk = Desk::new();
    for (name, first) in [("a.h5", 0), ("b.h5", 4), ("c.h5", 8)] {
        desk.set(name, first, 4, &["cat", name]);
    }
    desk.good(&["merge", "a.h5", "b.h5", "-o", "ab"]);
    desk.good(&["merge", "ab.h5", "c.h5", "-o", "ab_c"]);
    desk.good(&["merge", "a.h5", "b.h5", "c.h5", "-o", "abc"]);
    let records = |file: &str| -> Vec<String> {
        let out = desk.good(&["digest", "--json", file]).out;
        out.lines().filter(|l| !l.contains("\"path\":\"/\"}")).map(str::to_owned).collect()
    };
    assert_eq!(records("ab_c.h5"), records("abc.h5"));
    assert_eq!(records("abc.h5").len(), 3);
}
