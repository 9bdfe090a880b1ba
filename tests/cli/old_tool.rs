//! The faults of the older tool of this name, one test each; those of merge are beside its other tests.

use super::{Desk, File, fixtures, labels};
use std::fs;

#[test]
fn a_dot_in_the_name_of_the_output_is_no_suffix() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 1)], 8);
    desk.good(&["convert", "photos", "--output", "set.v2", "--dim", "8"]);
    assert_eq!(desk.files(), ["photos", "set.v2.h5"]);
}

#[test]
fn a_folder_of_class_folders_has_images() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 1), ("dog", 2)], 8);
    let ran = desk.good(&["convert", "photos", "--output", "set", "--dim", "8"]);
    assert!(ran.out.contains("3 images"), "{}", ran.out);
}

#[test]
fn one_truncated_jpeg_is_named_and_does_not_end_the_run() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 2)], 8);
    let jpeg = fs::read(fixtures("images") + "/exif_1.jpg").unwrap();
    fs::write(desk.path("photos/cat/torn.jpg"), &jpeg[..jpeg.len() / 2]).unwrap();
    let ran = desk.good(&["convert", "photos", "--output", "set", "--dim", "8"]);
    assert!(ran.out.contains("2 images") && ran.out.contains("cat/torn.jpg: the file ends"), "{}", ran.out);
}

#[test]
fn sixteen_bits_of_grey_are_not_white() {
    let desk = Desk::new();
    fs::create_dir(desk.path("set")).unwrap();
    fs::copy(fixtures("images") + "/grey16.png", desk.path("set/a.png")).unwrap();
    desk.good(&["convert", "set", "--output", "deep"]);
    let read =
        |file: &str| -> Vec<u16> { File::open(desk.path(file)).unwrap().dataset("images").unwrap().read().unwrap() };
    let deep = read("deep.h5");
    desk.good(&["convert", "set", "--output", "flat", "--depth", "8"]);
    let flat = read("flat.h5");
    assert!(deep.iter().any(|&s| s > 255) && deep.iter().any(|&s| s < 60_000));
    assert!(deep.iter().zip(&flat).all(|(&d, &f)| (u32::from(d) + 128) / 257 == u32::from(f)));
}

#[test]
fn photographs_are_upright_whatever_their_orientation_says() {
    let desk = Desk::new();
    fs::create_dir(desk.path("set")).unwrap();
    for n in 0..10 {
        fs::copy(fixtures("images") + &format!("/exif_{n}.jpg"), desk.path(&format!("set/{n}.jpg"))).unwrap();
    }
    desk.good(&["convert", "set", "--output", "set", "--dim", "8"]);
    let pixels: Vec<u8> = File::open(desk.path("set.h5")).unwrap().dataset("images").unwrap().read().unwrap();
    let upright = pixels[192..384].to_vec();
    assert!(pixels.chunks(192).all(|p| p.iter().zip(&upright).all(|(a, b)| a.abs_diff(*b) < 24)));
}

#[test]
fn labels_names_and_attributes_are_kept() {
    let desk = Desk::new();
    desk.pictures(&[("cat", 1), ("dog", 1)], 8);
    desk.good(&["convert", "photos", "--output", "set", "--dim", "8"]);
    let (numbers, classes, names) = labels(&desk.path("set.h5"));
    assert_eq!((numbers, classes), (vec![0, 1], vec!["cat".to_owned(), "dog".to_owned()]));
    assert_eq!(names, ["cat/00.png", "dog/00.png"]);
    let root = File::open(desk.path("set.h5")).unwrap().root().unwrap();
    let text = |name: &str| root.attribute(name).unwrap().unwrap().read_one::<String>().unwrap();
    assert!(text("options").contains("--dim 8") && text("tool").starts_with("h5manager") && text("source") == "photos");
}

#[test]
fn the_file_is_no_bigger_than_the_folder() {
    let desk = Desk::new();
    let photos = fixtures("photos");
    // Photographs of several sizes: without a word about size their files are stored.
    desk.good(&["convert", &photos, "--output", "set", "--quiet"]);
    let folder: u64 = ["animal", "building"]
        .iter()
        .flat_map(|class| fs::read_dir(format!("{photos}/{class}")).unwrap())
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    let file = desk.path("set.h5").metadata().unwrap().len();
    assert!(file < folder + folder / 10, "{file} bytes of {folder}");
}
