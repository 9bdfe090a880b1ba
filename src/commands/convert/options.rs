//! The values that options of `convert` take, as they are written on the command line.

use crate::commands::repack::spec::Filters;
use crate::filter::FilterSpec;
use std::fmt;
use std::path::PathBuf;
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

/// Whether and how the pixels are compressed: `auto`, `none`, `gzip:LEVEL`, `zstd` or other filters joined by `+`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compress {
    /// By gzip if that saves a fifth on a few samples.
    Auto,
    /// Not at all.
    None,
    /// By these filters, which are written so.
    Filters(Vec<FilterSpec>, String),
}

impl Compress {
    /// The level of `gzip` without one.
    pub(super) const LEVEL: u8 = 4;

    /// gzip as `auto` uses it, for elements of `size` bytes.
    pub(super) fn gzip(size: usize) -> Vec<FilterSpec> {
        let shuffle = (size > 1).then(FilterSpec::shuffle);
        shuffle.into_iter().chain([FilterSpec::deflate(Self::LEVEL.into())]).collect()
    }

    /// The filters of a list for elements of `size` bytes: those of more than one are shuffled first, unless the list
    /// says itself what comes first.
    pub(super) fn complete(filters: &[FilterSpec], written: &str, size: usize) -> Vec<FilterSpec> {
        let plain = ["gzip", "deflate", "lzf", "lz4", "zstd", "zstandard", "bzip2"];
        let name = written.split([':', '=']).next().unwrap_or_default().to_ascii_lowercase();
        let shuffle = (size > 1 && plain.contains(&name.as_str()) && !written.contains('+')).then(FilterSpec::shuffle);
        shuffle.into_iter().chain(filters.iter().cloned()).collect()
    }
}

impl FromStr for Compress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Compress::Auto),
            "none" => Ok(Compress::None),
            _ => {
                let filters: Filters = text.parse().map_err(|e| format!("{e}, or auto"))?;
                Ok(Compress::Filters(filters.into_list(), text.to_owned()))
            }
        }
    }
}

impl fmt::Display for Compress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Compress::Auto => f.write_str("auto"),
            Compress::None => f.write_str("none"),
            Compress::Filters(_, written) => f.write_str(written),
        }
    }
}

/// The order of classes, and so their labels: `bytes`, `natural` or a file that names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClassOrder {
    /// By the bytes of their names.
    #[default]
    Bytes,
    /// Numbers in names by their value: class2 before class10.
    Natural,
    /// As a text file names them, one a line.
    File(PathBuf),
}

impl FromStr for ClassOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("write bytes, natural or the name of a file".to_owned()),
            "bytes" => Ok(ClassOrder::Bytes),
            "natural" => Ok(ClassOrder::Natural),
            path => Ok(ClassOrder::File(path.into())),
        }
    }
}

impl fmt::Display for ClassOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClassOrder::Bytes => f.write_str("bytes"),
            ClassOrder::Natural => f.write_str("natural"),
            ClassOrder::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// How a folder is divided into several files.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Split {
    /// By the folders at the top if they are called train, val, test or the like; else not.
    #[default]
    Auto,
    /// By the folders at the top, whatever they are called.
    Folders,
    /// Not at all: folders are classes.
    None,
    /// By these shares, with their names.
    Shares(Vec<(String, f64)>),
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => return Ok(Split::Auto),
            "folders" => return Ok(Split::Folders),
            "none" => return Ok(Split::None),
            _ => {}
        }
        let wrong = || "write shares like 0.8,0.1,0.1 or train=80,test=20, or auto, folders, none".to_owned();
        let parts: Vec<&str> = text.split(',').collect();
        let usual: &[&str] = if parts.len() == 2 { &["train", "test"] } else { &["train", "val", "test"] };
        let mut shares = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            let (name, share) = match part.split_once('=') {
                Some((name, share)) => (name.trim(), share),
                None => (*usual.get(i).ok_or_else(|| format!("{part} needs a name: train=0.8"))?, *part),
            };
            let share = share.trim().parse::<f64>().ok().filter(|s| s.is_finite() && *s > 0.0).ok_or_else(wrong)?;
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
            if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
                return Err(format!("{name:?} cannot be part of a file's name: use letters, digits, - and _"));
            }
            if shares.iter().any(|(known, _)| known == name) {
                return Err(format!("two parts are called {name}"));
            }
            shares.push((name.to_owned(), share));
        }
        let total: f64 = shares.iter().map(|(_, share)| share).sum();
        let whole = [1.0, 100.0].into_iter().find(|whole| (total - whole).abs() < whole * 1e-6);
        let whole =
            whole.ok_or_else(|| format!("the shares add up to {}, not to 1 or 100", (total * 1e6).round() / 1e6))?;
        shares.iter_mut().for_each(|(_, share)| *share /= whole);
        Ok(Split::Shares(shares))
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Split::Auto => f.write_str("auto"),
            Split::Folders => f.write_str("folders"),
            Split::None => f.write_str("none"),
            Split::Shares(shares) => {
                let shares: Vec<String> = shares.iter().map(|(name, share)| format!("{name}={share}")).collect();
                f.write_str(&shares.join(","))
            }
        }
    }
}

/// One of several runs that share the work: `3/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 1.
    pub number: u64,
    /// Of how many.
    pub of: u64,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((number, of)) if number >= 1 && number <= of => Ok(Shard { number, of }),
            Some((0, of)) => Err(format!("shards are counted from 1: 1/{of} to {of}/{of}")),
            _ => Err("write the number of this shard and of all, like 3/16".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// Whose names and forms of the datasets are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Keys {
    /// images, labels, filenames
    #[default]
    Default,
    /// X (floats from 0 to 1) and Y (one-hot), as tflearn's build_hdf5_image_dataset
    Tflearn,
    /// imgs (channels first) and labels, as BigGAN-PyTorch's make_hdf5
    Biggan,
    /// train_set_x, train_set_y and list_classes, as in the courses of Coursera
    Coursera,
}

/// Which frames of an animation or pages of a document are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Frames {
    /// The first one
    #[default]
    First,
    /// Each as an image of its own
    All,
}

/// A number of bytes: `256M`, `2G` or plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteCount(pub u64);

impl FromStr for ByteCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count = text.parse::<PixelCount>();
        count.map(|PixelCount(n)| ByteCount(n)).map_err(|_| "write a number of bytes, like 256M or 2G".to_owned())
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PixelCount(self.0).fmt(f)
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
    #[value(name = "folder", alias = "folders")]
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
    /// The same, of all files, also of those that are no images
    Files,
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
    fn compression_is_filters_and_numbers_of_several_bytes_are_shuffled_first() {
        let filters = |text: &str, size| match text.parse() {
            Ok(Compress::Filters(list, written)) => Compress::complete(&list, &written, size).len(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!("none".parse(), Ok(Compress::None));
        assert_eq!(again::<Compress>("gzip:9"), Ok("gzip:9".to_owned()));
        for text in ["gzip", "gzip:9", "lzf", "lz4", "zstd:5", "bzip2"] {
            assert_eq!([filters(text, 1), filters(text, 2)], [1, 2], "{text}");
        }
        assert_eq!([filters("bitshuffle", 2), filters("blosc:3", 2), filters("gzip+fletcher32", 2)], [1, 1, 2]);
        for wrong in ["gzip:10", "gzip:", "zip"] {
            assert!(wrong.parse::<Compress>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_have_names_and_add_up() {
        let shares = |text: &str| text.parse::<Split>().map(|s| s.to_string());
        assert_eq!(shares("0.8,0.2").as_deref(), Ok("train=0.8,test=0.2"));
        assert_eq!(shares("80,10,10").as_deref(), Ok("train=0.8,val=0.1,test=0.1"));
        assert_eq!(shares("a=0.5,b=0.25,c=0.125,d=0.125").as_deref(), Ok("a=0.5,b=0.25,c=0.125,d=0.125"));
        assert_eq!(shares("auto").as_deref(), Ok("auto"));
        for wrong in ["0.8", "0.8,0.1", "a=0.5,a=0.5", "0.5,0.5,0,0", "../x=0.5,y=0.5", "1,-0.5,0.5", "nan,1", ""] {
            assert!(shares(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shards_are_counted_from_1() {
        assert_eq!("3/16".parse(), Ok(Shard { number: 3, of: 16 }));
        for wrong in ["0/4", "5/4", "4", "a/b", "1/0"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
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
