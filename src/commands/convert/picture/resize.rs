//! Resizing as Pillow does it: along the rows, then along the columns, rounded and clipped in between.

use super::sample::Sample;
use crate::error::{Error, ErrorKind, Result};
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{Filter, FilterType, MulDiv, ResizeAlg, ResizeOptions, Resizer};

/// How samples are computed when the size changes. All but `nearest` are antialiased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Resampling {
    /// Sharpest
    #[default]
    Lanczos,
    /// A little softer, with less ringing
    Bicubic,
    /// The mean of the area that a pixel covers
    Area,
    /// One sample, unchanged: for masks and label images
    Nearest,
}

impl Resampling {
    /// Whether a mirrored picture becomes the mirrored result. Not so where, of two samples equally near, one is
    /// taken and the other not.
    pub(super) fn is_symmetric(self) -> bool {
        matches!(self, Resampling::Lanczos | Resampling::Bicubic)
    }

    fn algorithm(self) -> ResizeAlg {
        match self {
            Resampling::Lanczos => ResizeAlg::Convolution(lanczos()),
            Resampling::Bicubic => ResizeAlg::Convolution(FilterType::CatmullRom),
            Resampling::Area => ResizeAlg::Convolution(FilterType::Box),
            Resampling::Nearest => ResizeAlg::Nearest,
        }
    }
}

/// A picture and what it is to become. Widths come before heights.
pub(super) struct View<'a, T> {
    pub(super) pixels: &'a [T],
    pub(super) size: (u32, u32),
    pub(super) channels: usize,
    /// The part to take: left, top, width, height.
    pub(super) crop: (f64, f64, f64, f64),
    pub(super) to: (u32, u32),
}

impl<T> View<'_, T> {
    /// Whether nothing is to change.
    pub(super) fn is_whole(&self) -> bool {
        let (width, height) = self.size;
        self.to == self.size && self.crop == (0.0, 0.0, f64::from(width), f64::from(height))
    }
}

/// What resizing needs again and again; one for each thread.
#[derive(Default)]
pub(crate) struct Studio {
    resizer: Resizer,
}

impl Studio {
    /// Resizes; `sideways` says that the picture will be turned by a quarter afterwards.
    ///
    /// # Errors
    /// If the resizer refuses the picture.
    pub(super) fn resize<T: Sample>(
        &mut self,
        view: &View<'_, T>,
        filter: Resampling,
        sideways: bool,
    ) -> Result<Vec<T>> {
        if filter == Resampling::Nearest {
            return self.pass(view, filter);
        }
        // Colours are weighed by their alpha: otherwise what is transparent would bleed into what is not.
        if view.channels == 4 {
            let mut weighed = view.pixels.to_vec();
            let size = view.size;
            with_image(&mut weighed, size, 4, |image| MulDiv::new().multiply_alpha_inplace(image).map_err(refused))?;
            let mut result = self.passes(&View { pixels: &weighed, ..*view }, filter, sideways)?;
            with_image(&mut result, view.to, 4, |image| MulDiv::new().divide_alpha_inplace(image).map_err(refused))?;
            return Ok(result);
        }
        self.passes(view, filter, sideways)
    }

    /// One dimension, then the other.
    fn passes<T: Sample>(&mut self, view: &View<'_, T>, filter: Resampling, sideways: bool) -> Result<Vec<T>> {
        let (left, top, wide, high) = view.crop;
        let (width, height) = view.size;
        let columns_first = columns_come_first(view.size, view.to, sideways);
        let between = if columns_first { (width, view.to.1) } else { (view.to.0, height) };
        let (whole_width, whole_height) = (f64::from(width), f64::from(height));
        let first_crop = if columns_first { (0.0, top, whole_width, high) } else { (left, 0.0, wide, whole_height) };
        let first = View { crop: first_crop, to: between, ..*view };
        let middle = if first.is_whole() { None } else { Some(self.pass(&first, filter)?) };
        let pixels = middle.as_deref().unwrap_or(view.pixels);
        let second_crop = if columns_first {
            (left, 0.0, wide, f64::from(between.1))
        } else {
            (0.0, top, f64::from(between.0), high)
        };
        let second = View { pixels, size: between, crop: second_crop, ..*view };
        match middle {
            Some(middle) if second.is_whole() => Ok(middle),
            _ => self.pass(&second, filter),
        }
    }

    fn pass<T: Sample>(&mut self, view: &View<'_, T>, filter: Resampling) -> Result<Vec<T>> {
        let (left, top, wide, high) = view.crop;
        let options = ResizeOptions::new().resize_alg(filter.algorithm()).crop(left, top, wide, high).use_alpha(false);
        let kind = *T::PIXELS
            .get(view.channels - 1)
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, "more than four channels"))?;
        let bytes: &[u8] = bytemuck::cast_slice(view.pixels);
        let source = ImageRef::new(view.size.0, view.size.1, bytes, kind).map_err(refused)?;
        let mut pixels = vec![T::default(); view.to.0 as usize * view.to.1 as usize * view.channels];
        with_image(&mut pixels, view.to, view.channels, |image| {
            self.resizer.resize(&source, image, &options).map_err(refused)
        })?;
        if self.resizer.size_of_internal_buffers() > 16 << 20 {
            // One huge picture must not hold its memory until the end.
            self.resizer.reset_internal_buffers();
        }
        Ok(pixels)
    }
}

/// The order of the passes, which matters where a filter overshoots and is clipped: rows first, unless the height
/// shrinks much more. That is the rule of Pillow since 13, in the picture's upright position.
fn columns_come_first(size: (u32, u32), to: (u32, u32), sideways: bool) -> bool {
    let shrinks = |from: u32, to: u32| i64::from(from) - i64::from(to);
    let (mut across, mut down) = (shrinks(size.0, to.0), shrinks(size.1, to.1));
    if sideways {
        (across, down) = (down, across);
    }
    let columns_first = (down > 0 && down > 2 * across) != sideways;
    // A picture of one column and millions of rows must not become as many rows of many columns in between. Of the
    // two orders one never needs more than the larger of both ends.
    let pixels = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let between = if columns_first { (size.0, to.1) } else { (to.0, size.1) };
    columns_first != (pixels(between) > 4 * pixels(size).max(pixels(to)))
}

/// Lends `pixels` to the resizer.
fn with_image<T: Sample>(
    pixels: &mut [T],
    (width, height): (u32, u32),
    channels: usize,
    work: impl FnOnce(&mut Image<'_>) -> Result<()>,
) -> Result<()> {
    let kind =
        *T::PIXELS.get(channels - 1).ok_or_else(|| Error::new(ErrorKind::Unsupported, "more than four channels"))?;
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(pixels);
    let mut image = Image::from_slice_u8(width, height, bytes, kind).map_err(refused)?;
    work(&mut image)
}

/// The Lanczos filter of three lobes. The resizer's own spends a tenth of a conversion in the sine: the weights of
/// an image are thousands, and it computes them anew for each.
fn lanczos() -> FilterType {
    Filter::new("Lanczos3", lanczos_weight, 3.0).map_or(FilterType::Lanczos3, FilterType::Custom)
}

/// sinc(x) · sinc(x / 3) within 1e-9, from one sine.
fn lanczos_weight(x: f64) -> f64 {
    let third = (x / 3.0).abs();
    if third >= 1.0 {
        return 0.0;
    }
    if third < 1e-8 {
        return 1.0;
    }
    // The sine is the same on both sides of a right angle; below it seven terms of its series are enough.
    const TERMS: [f64; 6] =
        [1.0 / 6_227_020_800.0, -1.0 / 39_916_800.0, 1.0 / 362_880.0, -1.0 / 5_040.0, 1.0 / 120.0, -1.0 / 6.0];
    let angle = std::f64::consts::PI * third.min(1.0 - third);
    let square = angle * angle;
    let series = TERMS.iter().fold(0.0, |sum, term| (sum + term) * square);
    let sine = angle + angle * series;
    let triple = sine * (3.0 - 4.0 * sine * sine);
    let pi_third = std::f64::consts::PI * third;
    triple * sine / (3.0 * pi_third * pi_third)
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Unsupported, format!("resizing this picture: {error}")).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_passes_is_pillows() {
        assert!(!columns_come_first((500, 375), (64, 64), false));
        assert!(!columns_come_first((384, 512), (64, 64), false));
        assert!(columns_come_first((232, 320), (100, 48), false));
        // The same picture lying on its side: what are columns upright are rows here.
        assert!(!columns_come_first((320, 232), (48, 100), true));
        assert!(columns_come_first((375, 500), (64, 64), true));
    }

    #[test]
    fn a_picture_of_one_column_does_not_become_wide_before_it_becomes_short() {
        // Lying on its side, its rows would come first: 12 million pixels of 30 thousand.
        assert!(columns_come_first((1, 30_000), (400, 2), true));
        let samples = vec![9u8; 30_000];
        let view = View { pixels: &samples, size: (1, 30_000), channels: 1, crop: (0.0, 0.0, 1.0, 3e4), to: (400, 2) };
        let resized = Studio::default().resize(&view, Resampling::Lanczos, true).unwrap_or_default();
        assert_eq!(resized, [9; 800]);
    }

    #[test]
    fn what_is_transparent_does_not_bleed() {
        // Red, and a transparent green that must not be seen.
        let samples: Vec<u8> = [[255, 0, 0, 255], [0, 255, 0, 0]].repeat(8).concat();
        let view = View { pixels: &samples, size: (16, 1), channels: 4, crop: (0.0, 0.0, 16.0, 1.0), to: (1, 1) };
        let pixel = Studio::default().resize(&view, Resampling::Area, false).unwrap_or_default();
        assert_eq!(pixel, [255, 0, 0, 128]);
    }

    #[test]
    fn the_lanczos_filter_is_that_of_the_books() {
        let sinc = |x: f64| {
            if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) }
        };
        for i in -3100..=3100 {
            let x = f64::from(i) / 1000.0;
            let expected = if x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 };
            assert!((lanczos_weight(x) - expected).abs() < 1e-9, "at {x}: {} is not {expected}", lanczos_weight(x));
        }
    }

    #[test]
    fn resampling_agrees_with_pillow() {
        // im = Image.fromarray((np.arange(9)[:, None] * 37 + np.arange(13) * 53) % 256 % 251).astype("u1"))
        // list(im.resize((4, 3), filter).getdata()), Pillow 13.
        let samples: Vec<u8> =
            (0..9u32).flat_map(|y| (0..13u32).map(move |x| ((y * 37 + x * 53) % 256 % 251) as u8)).collect();
        for (filter, expected) in PILLOW {
            let view = View { pixels: &samples, size: (13, 9), channels: 1, crop: (0.0, 0.0, 13.0, 9.0), to: (4, 3) };
            let row = Studio::default().resize(&view, filter, false).unwrap_or_default();
            assert_eq!(row.len(), expected.len());
            for (ours, theirs) in row.iter().zip(expected) {
                assert!(ours.abs_diff(theirs) <= 1, "{filter:?}: {row:?}, Pillow has {expected:?}");
            }
        }
    }

    const PILLOW: [(Resampling, [u8; 12]); 4] = [
        (Resampling::Lanczos, [114, 132, 122, 114, 127, 124, 125, 130, 100, 119, 125, 104]),
        (Resampling::Bicubic, [113, 128, 129, 111, 129, 125, 120, 131, 99, 119, 127, 103]),
        (Resampling::Area, [90, 127, 148, 108, 145, 131, 88, 134, 84, 114, 143, 102]),
        (Resampling::Nearest, [90, 249, 205, 108, 201, 104, 60, 219, 56, 215, 171, 74]),
    ];
}
