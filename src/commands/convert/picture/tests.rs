//! Every kind of picture in `fixtures/images`, whose README says what each is.

use super::*;
use std::path::PathBuf;

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/images").join(name);
    std::fs::read(path).unwrap_or_default()
}

fn read(bytes: &[u8], name: &str) -> Result<Raster> {
    match recognise(&bytes[..bytes.len().min(HEAD)], name) {
        Recognised::Image(format) => {
            let seen = header(Cursor::new(bytes), format);
            let raster = decode(bytes, format, Vec::new(), None, &mut |header| {
                assert_eq!(seen.as_ref().ok(), Some(header));
                if header.pixels() > 1 << 26 { Err(Error::new(ErrorKind::Limit, "too many pixels")) } else { Ok(()) }
            })?;
            Ok(raster)
        }
        other => Err(Error::new(ErrorKind::Mismatch, format!("{other:?}"))),
    }
}

/// Rendered to colour on white, at its own size.
fn rgb(name: &str) -> Result<(u32, u32, Vec<u8>)> {
    let raster = read(&fixture(name), name)?;
    let look = Look {
        dim: None,
        fit: Fit::Stretch,
        filter: Resampling::Lanczos,
        channels: Channels::Rgb,
        background: [255; 3],
        layout: Layout::Nhwc,
        jpeg: JpegSize::Full,
    };
    let upright = lies_on_its_side(raster.orientation);
    let (width, height) = if upright { (raster.height, raster.width) } else { (raster.width, raster.height) };
    let mut row = vec![0u8; (width * height * 3) as usize];
    look.render(raster, &mut row, &mut Studio::default())?;
    Ok((width, height, row))
}

/// Red, green, blue and white quadrants, 48 by 32.
fn quadrants() -> Vec<u8> {
    let colour = |x: u32, y: u32| match (x < 24, y < 16) {
        (true, true) => [255, 0, 0],
        (false, true) => [0, 255, 0],
        (true, false) => [0, 0, 255],
        (false, false) => [255; 3],
    };
    (0..32).flat_map(|y| (0..48).flat_map(move |x| colour(x, y))).collect()
}

#[track_caller]
fn assert_picture(name: &str, expected: &[u8], tolerance: u8) {
    let result = rgb(name);
    assert!(result.is_ok(), "{name}: {:?}", result.err());
    let (width, height, row) = result.unwrap_or_default();
    assert_eq!((width, height), (48, 32), "{name}");
    let worst = row.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(tolerance), "{name}: off by {worst:?}");
}

#[test]
fn every_orientation_and_every_invalid_one_shows_upright() {
    for value in 0..=9 {
        assert_picture(&format!("exif_{value}.jpg"), &quadrants(), 2);
    }
}

#[test]
fn lossless_formats_are_exact() {
    for name in ["picture.ppm", "picture.bmp", "picture.tga", "picture.qoi", "picture.webp"] {
        assert_picture(name, &quadrants(), 0);
    }
    assert_picture("with space.png", &quadrants(), 0);
    assert_picture("grün blau.png", &quadrants(), 0);
}

#[test]
fn alpha_of_every_kind_goes_over_white() {
    let over = |s: u32, a: u32| ((s * a + 255 * (255 - a) + 127) / 255) as u8;
    let each = |f: &dyn Fn(u32, u32) -> [u8; 3]| -> Vec<u8> {
        (0..32).flat_map(|y| (0..48).flat_map(move |x| f(x, y))).collect()
    };
    let plain = quadrants();
    let sample = |x: u32, y: u32, c: u32| u32::from(plain[((y * 48 + x) * 3 + c) as usize]);
    assert_picture("rgba.png", &each(&|x, y| [0, 1, 2].map(|c| over(sample(x, y, c), 5 * x))), 1);
    assert_picture("la.png", &each(&|x, y| [over(5 * x, 8 * y); 3]), 1);
    let alpha = |x: u32, y: u32| match (x < 24, y < 16) {
        (true, false) => 128,
        (false, false) => 0,
        _ => 255,
    };
    assert_picture("palette_alpha.png", &each(&|x, y| [0, 1, 2].map(|c| over(sample(x, y, c), alpha(x, y)))), 1);
}

#[test]
fn sixteen_bits_and_floating_point_are_kept_to_the_last_bit() {
    let samples = |name: &str| read(&fixture(name), name).map(|raster| raster.samples);
    let grid = || (0..32u32).flat_map(|y| (0..48u32).map(move |x| (x, y)));
    let grey: Vec<u16> = grid().map(|(x, y)| (1000 * x + 100 * y) as u16).collect();
    assert_eq!(samples("grey16.png").ok(), Some(Samples::U16(grey)));
    let rgb = grid().flat_map(|(x, y)| [1365 * x, 2114 * y, 65535 - 1365 * x]).map(|s| s as u16).collect();
    assert_eq!(samples("rgb16.png").ok(), Some(Samples::U16(rgb)));
    let float = grid().map(|(x, y)| x as f32 / 4.0 - y as f32 / 2.0).collect();
    assert_eq!(samples("float32.tif").ok(), Some(Samples::F32(float)));
}

#[test]
fn one_bit_and_grey_are_spread_over_their_range() {
    let grid = || (0..32u32).flat_map(|y| (0..48u32).map(move |x| (x, y)));
    let bits: Vec<u8> = grid().flat_map(|(x, y)| [if x > y { 255 } else { 0 }; 3]).collect();
    assert_picture("bilevel.tif", &bits, 0);
    let grey: Vec<u8> = grid().flat_map(|(x, _)| [(5 * x) as u8; 3]).collect();
    assert_picture("grey8.png", &grey, 0);
    assert_picture("grey.pgm", &grey, 0);
}

#[test]
fn of_several_frames_or_pages_the_first_is_taken_and_that_is_known() {
    let red: Vec<u8> = (0..48 * 32).flat_map(|_| [255, 0, 0]).collect();
    assert_picture("animated.gif", &red, 0);
    assert_picture("pages.tif", &quadrants(), 0);
    assert!(has_more(&fixture("animated.gif"), Format::Other(ImageFormat::Gif)));
    assert!(has_more(&fixture("pages.tif"), Format::Tiff));
    assert!(!has_more(&fixture("bilevel.tif"), Format::Tiff));
    assert!(!has_more(&fixture("rgba.png"), Format::Other(ImageFormat::Png)));
}

#[test]
fn what_is_no_picture_is_an_error_that_says_why() {
    let why = |name: &str| read(&fixture(name), name).map(|_| ()).map_err(|e| e.to_string());
    assert_eq!(why("empty.png"), Err("Refused(\"an empty file\")".to_owned()));
    assert!(why("garbage.png").is_err());
    assert_eq!(why("bomb.png"), Err("too many pixels".to_owned()));
}

#[test]
fn a_file_cut_anywhere_is_never_half_a_picture() {
    for name in [
        "exif_6.jpg",
        "rgba.png",
        "grey16.png",
        "palette_alpha.png",
        "picture.bmp",
        "picture.webp",
        "picture.tga",
        "picture.qoi",
        "picture.ppm",
        "grey.pgm",
        "float32.tif",
        "bilevel.tif",
        "animated.gif",
    ] {
        let bytes = fixture(name);
        let whole = read(&bytes, name).map(|raster| raster.samples).ok();
        assert!(whole.is_some(), "{name}");
        for end in 0..bytes.len() {
            if let Ok(part) = read(&bytes[..end], name) {
                // What was cut off held no sample: an end marker, a checksum, a footer, further frames.
                assert_eq!(Some(&part.samples), whole.as_ref(), "{name} cut at {end} of {}", bytes.len());
            }
        }
    }
}
