//! What a set will hold: fixed by the options and by what the headers of its images say.

use super::picture::{Channels, Depth, Look};
use super::report::printable;
use super::survey::{Shapes, Survey};
use super::{Color, Convert, SampleDepth, Store};
use crate::error::{Error, ErrorKind, Result};

/// What is stored of each image.
#[derive(Debug)]
pub(super) enum Plan {
    /// The bytes of its file.
    Bytes,
    /// Its samples.
    Pixels {
        look: Look,
        /// Rows and columns.
        shape: (u32, u32),
        depth: Depth,
    },
}

/// How images are to look, but for their channels.
pub(super) fn look(options: &Convert, channels: Channels) -> Look {
    Look {
        dim: options.dim.map(|dim| (dim.height, dim.width)),
        fit: options.fit,
        filter: options.filter,
        channels,
        background: options.background.0,
        layout: options.layout,
        jpeg: options.jpeg,
    }
}

impl Plan {
    /// Decides; `notice` hears of what the user may not expect.
    ///
    /// # Errors
    /// If the images cannot have one shape and their files were not to be stored instead.
    pub(super) fn of(options: &Convert, survey: &Survey, notice: impl FnOnce(&str)) -> Result<Plan> {
        if matches!(options.store, Some(Store::Bytes | Store::Files)) {
            return Ok(Plan::Bytes);
        }
        let (one, other) = match &survey.shapes {
            Shapes::None => return Ok(Plan::Bytes),
            Shapes::One(shape) => {
                let look = look(options, channels(options.color, survey));
                return Ok(Plan::Pixels { look, shape: *shape, depth: depth(options.depth, survey) });
            }
            Shapes::Several { one, other } => (one, other),
        };
        let size = |(height, width): (u32, u32)| format!("{height}x{width}");
        let (first, second) = (printable(&one.file), printable(&other.file));
        let sizes = format!("{first} is {}, {second} {}", size(one.shape), size(other.shape));
        match (options.dim, options.store) {
            (Some(_), _) => Err(Error::new(
                ErrorKind::Mismatch,
                format!(
                    "--fit shorter and longer keep proportions, and these differ: at that --dim {sizes}; \
                 use --fit stretch, crop or pad"
                ),
            )),
            (None, Some(_)) => Err(Error::new(
                ErrorKind::Mismatch,
                format!("images have different sizes: {sizes}; add --dim, for example --dim 64"),
            )),
            (None, None) => {
                notice(&format!(
                    "images have different sizes ({sizes}), so their files are stored as they are; \
                     --dim makes them pixels of one size"
                ));
                Ok(Plan::Bytes)
            }
        }
    }
}

fn channels(wanted: Color, survey: &Survey) -> Channels {
    match wanted {
        Color::Gray => Channels::Grey,
        Color::Rgb => Channels::Rgb,
        Color::Rgba => Channels::Rgba,
        Color::Auto if survey.coloured == 0 => Channels::Grey,
        Color::Auto => Channels::Rgb,
    }
}

/// A set is as deep as its shallowest images: one 16-bit image among thousands of 8 bits must not double the file.
/// Whatever is scaled for that is reported.
fn depth(wanted: SampleDepth, survey: &Survey) -> Depth {
    match wanted {
        SampleDepth::Eight => Depth::Eight,
        SampleDepth::Sixteen => Depth::Sixteen,
        SampleDepth::Float => Depth::Float,
        SampleDepth::Auto if survey.eight > 0 => Depth::Eight,
        SampleDepth::Auto if survey.sixteen > 0 => Depth::Sixteen,
        SampleDepth::Auto => Depth::Float,
    }
}

/// How many files make a chunk, of which the dataset itself only has their places: few, so that one need not wait long
/// for a chunk that can be gone on from.
pub(super) const FILES_PER_CHUNK: u64 = 128;

/// How many images of so many bytes make a chunk: one, or as many small ones as 16 KiB hold.
pub(super) fn images_per_chunk(bytes: u64) -> u64 {
    ((16 << 10) / bytes.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::survey::Example;
    use super::*;
    use crate::commands::convert::tests::options;

    fn survey(eight: u64, sixteen: u64, float: u64, coloured: u64) -> Survey {
        let mut survey = Survey::default();
        (survey.eight, survey.sixteen, survey.float) = (eight, sixteen, float);
        (survey.coloured, survey.shapes) = (coloured, Shapes::One((64, 64)));
        survey
    }

    fn planned(line: &str, survey: &Survey) -> (Channels, Depth) {
        match Plan::of(&options(&line.split_whitespace().collect::<Vec<_>>()), survey, |_| ()) {
            Ok(Plan::Pixels { look, depth, .. }) => (look.channels, depth),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_set_is_grey_only_if_all_of_it_is() {
        assert_eq!(planned("", &survey(5, 0, 0, 0)).0, Channels::Grey);
        assert_eq!(planned("", &survey(5, 0, 0, 1)).0, Channels::Rgb);
        assert_eq!(planned("--color rgb", &survey(5, 0, 0, 0)).0, Channels::Rgb);
    }

    #[test]
    fn a_set_is_deep_only_if_all_of_it_is() {
        assert_eq!(planned("", &survey(0, 3, 0, 0)).1, Depth::Sixteen);
        assert_eq!(planned("", &survey(9, 1, 0, 0)).1, Depth::Eight);
        assert_eq!(planned("", &survey(0, 0, 2, 0)).1, Depth::Float);
        assert_eq!(planned("", &survey(0, 1, 2, 0)).1, Depth::Sixteen);
        assert_eq!(planned("--depth 16", &survey(9, 1, 0, 0)).1, Depth::Sixteen);
    }

    #[test]
    fn images_of_several_sizes_need_a_size_or_are_stored_as_files() {
        let example = |file: &str, shape| Example { file: file.to_owned(), shape };
        let mut mixed = survey(2, 0, 0, 2);
        mixed.shapes = Shapes::Several { one: example("a.jpg", (3, 4)), other: example("b.jpg", (5, 6)) };
        let mut said = String::new();
        let plan = Plan::of(&options(&[]), &mixed, |text| said = text.to_owned());
        assert!(matches!(plan, Ok(Plan::Bytes)));
        assert!(said.contains("a.jpg is 3x4, b.jpg 5x6"), "{said}");
        let why = |line: &str| {
            Plan::of(&options(&line.split_whitespace().collect::<Vec<_>>()), &mixed, |_| ())
                .map(|_| ())
                .unwrap_err()
                .to_string()
        };
        assert!(why("--store pixels").contains("add --dim"));
        assert!(why("--dim 8 --fit shorter").contains("--fit stretch, crop or pad"));
        assert!(matches!(Plan::of(&options(&["--store", "bytes"]), &mixed, |_| ()), Ok(Plan::Bytes)));
    }

    #[test]
    fn small_images_share_a_chunk() {
        assert_eq!(images_per_chunk(64 * 64 * 3), 1);
        assert_eq!(images_per_chunk(28 * 28), 20);
        assert_eq!(images_per_chunk(1 << 30), 1);
    }
}
