//! What a file is, by its first bytes; its name only settles what bytes cannot.

use image::ImageFormat;

/// How many bytes of a file's beginning [`recognise`] wants to see, if there are so many.
pub(crate) const HEAD: usize = 512;

/// The decoder that an image needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Jpeg,
    Tiff,
    /// One of the formats of the `image` crate.
    Other(ImageFormat),
}

impl Format {
    /// Whether a file of this format can hold several pictures.
    pub(crate) fn may_have_frames(self) -> bool {
        matches!(self, Format::Tiff | Format::Other(ImageFormat::Gif | ImageFormat::WebP | ImageFormat::Png))
    }
}

/// The answer of [`recognise`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recognised {
    Image(Format),
    /// Should be an image, but is none; the text completes "this is …".
    Refused(String),
    /// An image that cannot be decoded.
    Unsupported(&'static str),
    /// Something else, which nobody called an image.
    Other,
}

/// Names the format of a file that begins with `head` and is called `name`.
pub(crate) fn recognise(head: &[u8], name: &str) -> Recognised {
    let suffix = suffix_of(name);
    if let Some(format) = by_magic(head) {
        if format == Format::Tiff && RAW_SUFFIXES.contains(&suffix.as_str()) {
            // A raw file is a TIFF whose first page is a thumbnail: not what anybody wants.
            return Recognised::Unsupported("a camera's raw file");
        }
        return Recognised::Image(format);
    }
    if let Some(known) = unsupported(head) {
        return Recognised::Unsupported(known);
    }
    if suffix == "tga" && is_targa(head) {
        return Recognised::Image(Format::Other(ImageFormat::Tga));
    }
    if has_image_suffix(name) {
        return Recognised::Refused(describe(head).to_owned());
    }
    Recognised::Other
}

/// Whether a file of this name is meant to be an image.
pub(crate) fn has_image_suffix(name: &str) -> bool {
    let suffix = suffix_of(name);
    IMAGE_SUFFIXES.contains(&suffix.as_str()) || RAW_SUFFIXES.contains(&suffix.as_str())
}

/// The part of `name` after its last dot, in lower case; empty if there is none.
pub(crate) fn suffix_of(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, suffix)) if !stem.is_empty() => suffix.to_ascii_lowercase(),
        _ => String::new(),
    }
}

const IMAGE_SUFFIXES: [&str; 30] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "bmp", "dib", "tif", "tiff", "webp", "pnm", "pbm", "pgm",
    "ppm", "pam", "qoi", "tga", "hdr", "exr", "ico", "ff", "avif", "heic", "heif", "jxl", "jp2", "psd", "svg",
];

const RAW_SUFFIXES: [&str; 11] = ["cr2", "cr3", "nef", "arw", "dng", "orf", "rw2", "pef", "raf", "srw", "nrw"];

fn by_magic(head: &[u8]) -> Option<Format> {
    let other = |format| Some(Format::Other(format));
    match head {
        [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => other(ImageFormat::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => other(ImageFormat::Gif),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Format::Tiff),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => other(ImageFormat::WebP),
        [b'q', b'o', b'i', b'f', ..] => other(ImageFormat::Qoi),
        [0x76, 0x2f, 0x31, 0x01, ..] => other(ImageFormat::OpenExr),
        // The two letters alone would take a text about "BMW": the size of the second header must be a known one.
        [b'B', b'M', _, _, _, _, _, _, _, _, _, _, _, _, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..] => {
            other(ImageFormat::Bmp)
        }
        [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n', ..] => other(ImageFormat::Pnm),
        [0, 0, 1, 0, 1..=255, 0, _, _, _, 0, ..] => other(ImageFormat::Ico),
        _ if head.starts_with(b"#?RADIANCE") || head.starts_with(b"#?RGBE") => other(ImageFormat::Hdr),
        _ if head.starts_with(b"farbfeld") => other(ImageFormat::Farbfeld),
        _ => None,
    }
}

fn unsupported(head: &[u8]) -> Option<&'static str> {
    if let [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] = head {
        return match brand.get(..4)? {
            b"avif" | b"avis" => Some("an AVIF image"),
            b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" => Some("a HEIF image"),
            b"crx " => Some("a camera's raw file"),
            _ => None,
        };
    }
    match head {
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => Some("a JPEG XL image"),
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => Some("a JPEG 2000 image"),
        [b'8', b'B', b'P', b'S', ..] => Some("a Photoshop document"),
        _ => None,
    }
}

/// TARGA has no magic number: only a file so named is looked at, and its header must make sense.
fn is_targa(head: &[u8]) -> bool {
    match head {
        [_, map @ (0 | 1), kind, _, _, _, _, _, _, _, _, _, _, _, _, _, depth, ..] => {
            matches!((map, kind), (1, 1 | 9) | (_, 2 | 3 | 10 | 11)) && matches!(depth, 8 | 15 | 16 | 24 | 32)
        }
        _ => false,
    }
}

fn describe(head: &[u8]) -> &'static str {
    let text = head.iter().all(|&b| b >= 0x20 || matches!(b, b'\t' | b'\n' | b'\r' | 0x0c));
    let start: Vec<u8> = head.trim_ascii_start().iter().take(14).map(u8::to_ascii_lowercase).collect();
    if head.is_empty() {
        "an empty file"
    } else if start.starts_with(b"<!doctype html") || start.starts_with(b"<html") {
        "a web page, not an image"
    } else if start.starts_with(b"<svg") || start.starts_with(b"<?xml") {
        "an SVG drawing or other XML, not an image of pixels"
    } else if text {
        "a text file, not an image"
    } else if head.iter().all(|&b| b == 0) {
        "filled with zeros, not an image"
    } else {
        "not an image of a known format"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_decides_and_not_the_suffix() {
        assert_eq!(recognise(b"\xff\xd8\xff\xe0", "a.png"), Recognised::Image(Format::Jpeg));
        let png = b"\x89PNG\r\n\x1a\n";
        assert_eq!(recognise(png, "notes.txt"), Recognised::Image(Format::Other(ImageFormat::Png)));
        assert_eq!(recognise(b"II*\0", "scan"), Recognised::Image(Format::Tiff));
    }

    #[test]
    fn a_text_is_refused_if_it_is_called_an_image_and_other_if_not() {
        let refused = |text: &str| Recognised::Refused(text.to_owned());
        assert_eq!(recognise(b"hello\n", "a.JPG"), refused("a text file, not an image"));
        assert_eq!(recognise(b"", "a.png"), refused("an empty file"));
        assert_eq!(recognise(b" <!DOCTYPE HTML>", "a.png"), refused("a web page, not an image"));
        assert_eq!(recognise(b"hello\n", "README.md"), Recognised::Other);
        assert_eq!(recognise(b"BMW is a maker of cars and motorcycles", "bmw.txt"), Recognised::Other);
        assert_eq!(recognise(b"", ".jpg"), Recognised::Other);
    }

    #[test]
    fn formats_without_a_decoder_are_named() {
        let avif = b"\0\0\0\x20ftypavif\0\0\0\0";
        assert_eq!(recognise(avif, "x"), Recognised::Unsupported("an AVIF image"));
        assert!(matches!(recognise(b"II*\0\x08\0\0\0", "p.NEF"), Recognised::Unsupported(_)));
    }

    #[test]
    fn a_targa_needs_its_suffix_and_a_sound_header() {
        let mut head = [0u8; 18];
        (head[2], head[16]) = (2, 24);
        assert_eq!(recognise(&head, "x.tga"), Recognised::Image(Format::Other(ImageFormat::Tga)));
        assert_eq!(recognise(&head, "x.bin"), Recognised::Other);
    }
}
