//! Image sets as other programs lay them out (`fixtures/foreign`): `visualize` and the way back recognise each.

use super::back::tree;
use super::{Desk, fixtures};

/// A file, the paths that its images get, and the pixels of row 4.
struct Case {
    file: &'static str,
    paths: &'static [&'static str],
    fifth: [u8; 3],
}

const RED: [u8; 3] = [160, 0, 7];

const CASES: [Case; 9] = [
    Case {
        file: "biggan.h5",
        paths: &["0/0.png", "0/3.png", "1/1.png", "1/4.png", "2/2.png", "2/5.png", "metadata.csv"],
        fifth: RED,
    },
    Case {
        file: "coursera_train.h5",
        paths: &[
            "cat/1.png",
            "cat/4.png",
            "metadata.csv",
            "non-cat/0.png",
            "non-cat/2.png",
            "non-cat/3.png",
            "non-cat/5.png",
        ],
        fifth: RED,
    },
    Case {
        file: "pcam_x.h5",
        paths: &["0/0.png", "0/2.png", "0/3.png", "0/5.png", "1/1.png", "1/4.png", "metadata.csv"],
        fifth: RED,
    },
    Case {
        file: "fuel.hdf5",
        paths: &[
            "test/1/4.png",
            "test/2/5.png",
            "test/metadata.csv",
            "train/0/0.png",
            "train/0/3.png",
            "train/1/1.png",
            "train/2/2.png",
            "train/metadata.csv",
        ],
        fifth: [160; 3],
    },
    Case {
        file: "keras.h5",
        paths: &[
            "test/0/0.png",
            "test/1/1.png",
            "test/metadata.csv",
            "train/0/0.png",
            "train/0/3.png",
            "train/1/1.png",
            "train/1/4.png",
            "train/2/2.png",
            "train/2/5.png",
            "train/metadata.csv",
        ],
        fifth: RED,
    },
    Case {
        file: "vlen_jpeg.h5",
        paths: &["blue/2.jpg", "blue/5.jpg", "green/1.jpg", "green/4.jpg", "metadata.csv", "red/0.jpg", "red/3.jpg"],
        fifth: RED,
    },
    Case {
        file: "padded_png.h5",
        paths: &["0/0.png", "0/3.png", "1/1.png", "1/4.png", "2/2.png", "2/5.png", "metadata.csv"],
        fifth: RED,
    },
    Case { file: "opaque_png.h5", paths: &["0.png", "1.png", "2.png", "3.png", "4.png", "5.png"], fifth: RED },
    Case {
        file: "files_in_groups.h5",
        paths: &[
            "blue/photo2.jpg",
            "blue/photo5.jpg",
            "green/photo1.jpg",
            "green/photo4.jpg",
            "red/photo0.jpg",
            "red/photo3.jpg",
        ],
        fifth: RED,
    },
];

fn foreign(name: &str) -> String {
    fixtures(&format!("foreign/{name}"))
}

#[test]
fn sets_of_other_programs_become_folders_of_images() {
    let desk = Desk::new();
    for (i, case) in CASES.iter().enumerate() {
        let (file, out) = (foreign(case.file), i.to_string());
        desk.good(&["convert", &file, "--output", &out]);
        let there = tree(&desk.path(&out));
        assert_eq!(there.keys().map(String::as_str).collect::<Vec<_>>(), case.paths, "{}", case.file);
        let fifth = there.keys().find(|path| path.contains("4.")).expect("row 4");
        let bytes = &there[fifth];
        if fifth.ends_with(".jpg") {
            // The tests have no decoder of JPEG; the sheets below show what is in them.
            assert!(bytes.starts_with(b"\xff\xd8\xff") && bytes.ends_with(b"\xff\xd9"), "{}", case.file);
            continue;
        }
        let pixel = image::load_from_memory(bytes).expect("an image").into_rgb8().get_pixel(8, 8).0;
        assert_eq!(pixel, case.fifth, "{}", case.file);
    }
}

#[test]
fn floating_point_sets_keep_their_samples() {
    let desk = Desk::new();
    let sample = |path: &str| {
        let file = std::fs::File::open(desk.path(path)).expect("TIFF");
        tiff::decoder::Decoder::new(std::io::BufReader::new(file)).expect("TIFF").read_image().expect("samples")
    };
    use tiff::decoder::DecodingResult as R;
    desk.good(&["convert", &foreign("caffe.h5"), "--output", "caffe"]);
    assert!(matches!(sample("caffe/1/4.tif"), R::F32(v) if v[..4] == [160.0, 0.0, 7.0, 160.0]));
    desk.good(&["convert", &foreign("tflearn.h5"), "--output", "tflearn"]);
    assert!(matches!(sample("tflearn/1/4.tif"), R::F64(v) if v[..3] == [160.0 / 255.0, 0.0, 7.0 / 255.0]));
}

#[test]
fn weights_and_texts_are_no_images() {
    let desk = Desk::new();
    for file in ["keras_weights.h5", "texts.h5", "pcam_y.h5"] {
        desk.bad(&["convert", &foreign(file), "--output", "out"], &["no images were recognised", "x.npy"]);
    }
    // Of several tables of numbers the one that is named can be plotted.
    for (file, word) in [("texts.h5", "no pictures were recognised"), ("keras_weights.h5", "/dense/kernel")] {
        desk.bad(&["visualize", &foreign(file), "--export", "out.png"], &[word]);
    }
    assert!(desk.files().is_empty());
}

#[test]
fn visualize_shows_them_all() {
    let desk = Desk::new();
    for name in CASES.iter().map(|case| case.file).chain(["caffe.h5", "tflearn.h5"]) {
        let sheet = format!("{name}.png");
        desk.good(&["visualize", &foreign(name), "--export", &sheet, "--width", "400"]);
        let picture = image::open(desk.path(&sheet)).expect("a sheet").into_rgb8();
        // Some picture on it is that of row 4 or 5.
        let reddish = picture.pixels().filter(|p| p.0[0] > 120 && p.0[1] < 40 && p.0[2] < 60).count();
        assert!(reddish > 300 || name == "fuel.hdf5", "{name}: {reddish}");
    }
    // A class is known by the labels in the other file.
    desk.good(&["visualize", &foreign("pcam_x.h5"), "--export", "one.png", "--class", "1"]);
    let denied = ["visualize", &foreign("pcam_x.h5"), "--export", "no.png", "--class", "1", "--external", "deny"];
    desk.bad(&denied, &["there are no classes"]);
}
