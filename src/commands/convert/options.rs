//! The values that options of `convert` take, as they are written on the command line.

use std::fmt;
use std::str::FromStr;

/// A size asked for: `64` or, rows first, `480x640`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dim {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
}

impl FromStr for Dim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.parse().ok().filter(|side| (1..=65535).contains(side));
        let sides = match text.split_once(['x', 'X', '×']) {
            Some((height, width)) => side(height).zip(side(width)),
            None => side(text).map(|side| (side, side)),
        };
        let (height, width) = sides.ok_or("write one side, like 64, or height x width, like 480x640")?;
        Ok(Dim { height, width })
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim { height, width } if height == width => write!(f, "{height}"),
            Dim { height, width } => write!(f, "{height}x{width}"),
        }
    }
}

/// An opaque colour: `white`, `black` or `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Background(pub [u8; 3]);

impl FromStr for Background {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hex = |digits: &str| {
            // The parser would take a sign for a digit.
            let plain = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let value = u32::from_str_radix(digits, 16).ok().filter(|_| plain)?;
            let [_, r, g, b] = value.to_be_bytes();
            Some([r, g, b])
        };
        let colour = match text {
            "white" => Some([255; 3]),
            "black" => Some([0; 3]),
            _ => text.strip_prefix('#').and_then(hex),
        };
        colour.map(Background).ok_or_else(|| "write white, black or six hexadecimal digits, like #ffcc00".to_owned())
    }
}

impl fmt::Display for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [255, 255, 255] => f.write_str("white"),
            [0, 0, 0] => f.write_str("black"),
            [r, g, b] => write!(f, "#{r:02x}{g:02x}{b:02x}"),
        }
    }
}

/// Whether and how hard the pixels are compressed: `auto`, `none`, `gzip` or `gzip:LEVEL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compress {
    /// By gzip if that saves a fifth on a few samples.
    Auto,
    /// Not at all.
    None,
    /// By gzip at this level, 1 to 9.
    Gzip(u8),
}

impl Compress {
    /// The level of `gzip` without one.
    pub(super) const LEVEL: u8 = 4;
}

impl FromStr for Compress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let level = |text: &str| text.parse().ok().filter(|level| (1..=9).contains(level));
        match (text, text.strip_prefix("gzip:").and_then(level)) {
            ("auto", _) => Ok(Compress::Auto),
            ("none", _) => Ok(Compress::None),
            ("gzip", _) => Ok(Compress::Gzip(Compress::LEVEL)),
            (_, Some(level)) => Ok(Compress::Gzip(level)),
            _ => Err("write auto, none, gzip or gzip:LEVEL with a level of 1 to 9".to_owned()),
        }
    }
}

impl fmt::Display for Compress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Compress::Auto => f.write_str("auto"),
            Compress::None => f.write_str("none"),
            Compress::Gzip(level) => write!(f, "gzip:{level}"),
        }
    }
}

/// A number of pixels: `64M`, `500K` or plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelCount(pub u64);

impl FromStr for PixelCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, unit) = match text.char_indices().last() {
            Some((at, 'k' | 'K')) => (&text[..at], 1_000),
            Some((at, 'm' | 'M')) => (&text[..at], 1_000_000),
            Some((at, 'g' | 'G')) => (&text[..at], 1_000_000_000),
            _ => (text, 1),
        };
        let count = digits.parse().ok().and_then(|n: u64| n.checked_mul(unit)).filter(|&n| n > 0);
        count.map(PixelCount).ok_or_else(|| "write a number of pixels, like 64M or 20000000".to_owned())
    }
}

impl fmt::Display for PixelCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n % 1_000_000 == 0 => write!(f, "{}M", n / 1_000_000),
            n => write!(f, "{n}"),
        }
    }
}

/// Which channels are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// One grey channel if every image is grey, else rgb
    #[default]
    Auto,
    /// Red, green, blue
    Rgb,
    /// One channel
    #[value(alias = "grey")]
    Gray,
    /// Red, green, blue, alpha
    Rgba,
}

/// How many bits a sample is stored in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SampleDepth {
    /// 16 bits if every image has more than 8, floating point if every image has that, else 8
    #[default]
    Auto,
    /// 8 bits; images of 16 are scaled down
    #[value(name = "8")]
    Eight,
    /// 16 bits; images of 8 are scaled up
    #[value(name = "16")]
    Sixteen,
    /// 32-bit floating point; integers are scaled to 0 … 1
    Float,
}

/// What names the class of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Labels {
    /// The sub-folder of DIR that it is in, or DIR itself
    #[default]
    Folders,
    /// Nothing: no labels are stored
    None,
}

/// What happens at a file that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OnError {
    /// It is left out and listed
    #[default]
    Skip,
    /// Nothing is written
    Stop,
}

/// What is stored of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Store {
    /// Its samples, all images in one shape
    Pixels,
    /// The bytes of its file, unchanged
    Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again<T: FromStr<Err = String> + fmt::Display>(text: &str) -> Result<String, String> {
        text.parse::<T>().map(|value| value.to_string())
    }

    #[test]
    fn sizes_are_one_side_or_height_by_width() {
        assert_eq!("480x640".parse(), Ok(Dim { height: 480, width: 640 }));
        assert_eq!(again::<Dim>("64"), Ok("64".to_owned()));
        for wrong in ["", "0", "64x", "x64", "-1", "64x64x3", "70000", "big"] {
            assert!(wrong.parse::<Dim>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn colours_have_names_or_six_digits() {
        assert_eq!("#FFcc00".parse(), Ok(Background([255, 204, 0])));
        assert_eq!(again::<Background>("#ffffff"), Ok("white".to_owned()));
        for wrong in ["#fff", "#+12345", "red", "", "#12345é"] {
            assert!(wrong.parse::<Background>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn compression_has_a_level_of_1_to_9() {
        assert_eq!("gzip".parse(), Ok(Compress::Gzip(4)));
        assert_eq!(again::<Compress>("gzip:9"), Ok("gzip:9".to_owned()));
        for wrong in ["gzip:0", "gzip:10", "gzip:", "zip"] {
            assert!(wrong.parse::<Compress>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn pixels_are_counted_in_thousands_and_millions_too() {
        assert_eq!("64M".parse(), Ok(PixelCount(64_000_000)));
        assert_eq!(again::<PixelCount>("1500"), Ok("1500".to_owned()));
        for wrong in ["0", "M", "1.5M", "99999999999999999999", "é"] {
            assert!(wrong.parse::<PixelCount>().is_err(), "{wrong}");
        }
    }
}
