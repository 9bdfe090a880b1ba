//! `edit`: elements from the command line and from scripts.

use super::Desk;
use h5manager::{File, WithShape};

h5manager::compound! {
    /// What no value stands for.
    pub struct Pair {
        /// Two bytes.
        pub n: i16,
        /// Four.
        pub x: f32,
    }
}

/// A dataset of each kind.
fn desk() -> Desk {
    let desk = Desk::new();
    let mut file = File::create(desk.path("run.h5")).unwrap();
    file.build("n").write(WithShape::new((0i16..12).collect::<Vec<_>>(), [3, 4]).unwrap()).unwrap();
    file.build("x").chunks([2]).deflate(1).extendible().write([0.5f32; 5]).unwrap();
    file.build("text").write(["a", "b", "c"]).unwrap();
    file.build("flags").write([false; 3]).unwrap();
    file.build("one").write(5u64).unwrap();
    file.build("pairs").write([Pair { n: 1, x: 2.0 }]).unwrap();
    file.commit().unwrap();
    desk
}

fn read<T: h5manager::Element>(desk: &Desk, path: &str) -> Vec<T> {
    File::open(desk.path("run.h5")).unwrap().dataset(path).unwrap().read().unwrap()
}

#[test]
fn elements_are_written_to_a_part_of_a_dataset() {
    let desk = desk();
    let edit = |words: &[&str]| desk.good(&[&["edit", "run.h5"][..], words].concat()).out;
    assert_eq!(edit(&["write", "/n", "1,::2", "[70, -7]"]), "wrote /n[1,::2]\nrun.h5: 1 change committed\n");
    edit(&["write", "/n", "[-1, 2:]", "[[300, 301]]"]);
    edit(&["write", "n", "0", "[9,", "9,", "9,", "9]"]);
    assert_eq!(read::<i16>(&desk, "n"), [9, 9, 9, 9, 70, 5, -7, 7, 8, 9, 300, 301]);
    edit(&["write", "x", "1:3", "[nan, 1e-3]".replace("nan", "\"nan\"").as_str()]);
    let x = read::<f32>(&desk, "x");
    assert!(x[1].is_nan() && x[2] == 1e-3 && x[3] == 0.5);
    edit(&["write", "text", "...", "5"]);
    edit(&["write", "text", "-1", "a longer text"]);
    assert_eq!(read::<String>(&desk, "text"), ["5", "5", "a longer text"]);
    edit(&["write", "flags", "::2", "true"]);
    assert_eq!(read::<bool>(&desk, "flags"), [true, false, true]);
    edit(&["write", "one", "...", "18446744073709551615"]);
    assert_eq!(read::<u64>(&desk, "one"), [u64::MAX]);
    edit(&["resize", "x", "7"]);
    edit(&["write", "x", "5:", "[1, 2]"]);
    assert_eq!(read::<f32>(&desk, "x")[4..], [0.5, 1.0, 2.0]);
    std::fs::write(desk.path("script"), "write /n 0,0 '-1' # a comment\nresize x [3]\nset-attr x unit m\n").unwrap();
    let out = edit(&["--script", "script"]);
    assert_eq!(out, "wrote /n[0,0]\nresized x to 3\nset x@unit\nrun.h5: 3 changes committed\n");
    assert_eq!((read::<i16>(&desk, "n")[0], read::<f32>(&desk, "x").len()), (-1, 3));
    desk.good(&["check", "run.h5"]);
}

#[test]
fn what_cannot_be_written_is_told_and_changes_nothing() {
    let desk = desk();
    let before = std::fs::read(desk.path("run.h5")).unwrap();
    let bad = |words: &[&str], told: &[&str]| {
        desk.bad(&[&["edit", "run.h5"][..], words].concat(), told);
    };
    bad(&["write", "/n", "0"], &["usage: write PATH WHERE VALUE"]);
    bad(&["write", "/n", "0,x", "1"], &["\"0,x\" is no part of a dataset", "3,4:6,::2"]);
    bad(&["write", "/n", "3", "1"], &["index 3 of a dimension of 3"]);
    bad(&["write", "/n", "0,0,0", "1"], &["3 dimensions of a dataset that has 2"]);
    bad(&["write", "/n", "0", "[1,2]"], &["2 elements for a selection of 4"]);
    bad(&["write", "/n", "0", "40000"], &["40000 is no value of type i16"]);
    bad(&["write", "/n", "0", "1.5"], &["1.5 is no value of type i16"]);
    bad(&["write", "/x", "0:2", "[1, nan]"], &["\"[1, nan]\" is no list", "[1, 2.5, \"nan\"]"]);
    bad(&["write", "/x", "0", "1e300"], &["1e+300 is no value of type f32"]);
    bad(&["write", "/x", "0", "much"], &["\"much\" is no value of type f32"]);
    bad(&["write", "/flags", "0", "1"], &["1 is no value of type bool"]);
    bad(&["write", "/none", "0", "1"], &["/none"]);
    bad(&["write", "/", "0", "1"], &["not a dataset"]);
    bad(&["resize", "/n", "4,4"], &["at most"]);
    bad(&["resize", "/n", "four"], &["\"four\" is no shape"]);
    let ran = desk.run(&["edit", "run.h5", "write", "/pairs", "0", "1"]);
    assert!(ran.code != 0 && ran.err.contains("no numbers of 1 to 8 bytes"), "{}", ran.err);
    assert_eq!(before, std::fs::read(desk.path("run.h5")).unwrap());
}
