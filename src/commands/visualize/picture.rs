//! One picture on its way to a screen: numbers of any kind ([`Raw`]) → made as small as it is shown
//! → eight-bit RGB ([`Picture`]).
//!
//! Shrinking comes before scaling the values, so that a page of large 16-bit or float pictures never lies
//! in memory whole, and the range of what is shown can be known across the page first.

use super::source::Values;
use crate::error::{Error, Result};
use crate::image_set::recognise::Order;
use fast_image_resize as fir;
use fir::images::{Image, ImageRef};

/// What transparent pixels are shown on, as `convert` stores them.
const BACKGROUND: f32 = 255.0;

/// A picture of one, three or four channels, channels last, with values as they are in the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Raw {
    width: u32,
    height: u32,
    channels: u8,
    samples: Values,
    range: Range,
}

/// The smallest and the largest value of what is shown together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    low: f32,
    high: f32,
}

impl Range {
    pub(super) const EMPTY: Range = Range { low: f32::INFINITY, high: f32::NEG_INFINITY };

    fn of(values: &[f32]) -> Range {
        let finite = values.iter().copied().filter(|v| v.is_finite());
        finite.fold(Range::EMPTY, |r, v| Range { low: r.low.min(v), high: r.high.max(v) })
    }

    pub(super) fn and(self, other: Range) -> Range {
        Range { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// What becomes black and what becomes white: `0..1` and `0..255` where values are meant so, else the range itself.
    fn shown(self) -> (f32, f32) {
        match self {
            Range { low, high } if low > high => (0.0, 1.0),
            Range { low, high } if low >= 0.0 && high <= 1.0 => (0.0, 1.0),
            Range { low, high } if low >= 0.0 && (128.0..=255.0).contains(&high) => (0.0, 255.0),
            Range { low, high } if low == high => (low - 1.0, high),
            Range { low, high } => (low, high),
        }
    }
}

/// A picture as it is painted: eight-bit RGB, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    rgb: Vec<u8>,
}

impl Raw {
    /// A picture from the numbers of one row of a dataset.
    pub(super) fn new(width: u32, height: u32, channels: u8, order: Order, samples: Values) -> Result<Raw> {
        let expected = width as usize * height as usize * usize::from(channels);
        let size = (width as usize, height as usize, usize::from(channels));
        let samples = match samples {
            Values::Bytes(v) if v.len() == expected => Values::Bytes(channels_last(v, size, order)),
            Values::Floats(v) if v.len() == expected => Values::Floats(channels_last(v, size, order)),
            _ => {
                return Err(Error::damaged(format!("a picture of {width}×{height} has another number of values")));
            }
        };
        let range = match &samples {
            Values::Bytes(_) => Range::EMPTY,
            Values::Floats(v) => Range::of(v),
        };
        Ok(Raw { width, height, channels, samples, range })
    }

    /// The picture with the colours of `palette` (RGB triples) in place of its values.
    pub(super) fn with_palette(self, palette: &[[u8; 3]]) -> Raw {
        match self.samples {
            Values::Bytes(indexes) if self.channels == 1 => {
                let colour = |&i: &u8| palette.get(usize::from(i)).copied().unwrap_or_default();
                let rgb = indexes.iter().flat_map(colour).collect();
                Raw { channels: 3, samples: Values::Bytes(rgb), ..self }
            }
            _ => self,
        }
    }

    /// Dark for light and light for dark.
    pub(super) fn inverted(mut self) -> Raw {
        match &mut self.samples {
            Values::Bytes(v) => v.iter_mut().for_each(|v| *v = 255 - *v),
            Values::Floats(v) => {
                v.iter_mut().for_each(|v| *v = -*v);
                self.range = Range { low: -self.range.high, high: -self.range.low };
            }
        }
        self
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    pub(super) fn height(&self) -> u32 {
        self.height
    }

    /// The range of the values; empty for bytes, which are shown as they are.
    pub(super) fn range(&self) -> Range {
        self.range
    }

    /// The picture in exactly `width` × `height` pixels, if it is larger than that; smaller ones are left alone.
    pub(super) fn shrunk(self, width: u32, height: u32) -> Result<Raw> {
        let (width, height) = (width.clamp(1, self.width), height.clamp(1, self.height));
        if (width, height) == (self.width, self.height) {
            return Ok(self);
        }
        let (byte_type, float_type) = (self.byte_type(), self.float_type());
        let (from, to) = ((self.width, self.height), (width, height));
        let samples = match self.samples {
            Values::Bytes(v) => Values::Bytes(resized(&v, byte_type, from, to)?),
            Values::Floats(mut v) => {
                // A single NaN would spread over all its neighbours.
                v.iter_mut().filter(|v| !v.is_finite()).for_each(|v| *v = 0.0);
                let small = resized(bytemuck::must_cast_slice(&v), float_type, from, to)?;
                Values::Floats(small.as_chunks::<4>().0.iter().map(|&bytes| f32::from_ne_bytes(bytes)).collect())
            }
        };
        Ok(Raw { width, height, samples, ..self })
    }

    fn byte_type(&self) -> fir::PixelType {
        match self.channels {
            1 => fir::PixelType::U8,
            3 => fir::PixelType::U8x3,
            _ => fir::PixelType::U8x4,
        }
    }

    fn float_type(&self) -> fir::PixelType {
        match self.channels {
            1 => fir::PixelType::F32,
            3 => fir::PixelType::F32x3,
            _ => fir::PixelType::F32x4,
        }
    }

    /// Eight-bit RGB: values of `range` from black to white, transparency on white.
    pub(super) fn into_picture(self, range: Range) -> Picture {
        let (low, high) = range.shown();
        let levels: Vec<u8> = match self.samples {
            Values::Bytes(v) => v,
            Values::Floats(v) => v.iter().map(|v| level((v - low) / (high - low) * 255.0)).collect(),
        };
        let rgb = match self.channels {
            1 => levels.iter().flat_map(|&v| [v; 3]).collect(),
            3 => levels,
            _ => levels.as_chunks::<4>().0.iter().flat_map(|&pixel| on_background(pixel)).collect(),
        };
        Picture { width: self.width, height: self.height, rgb }
    }
}

/// A float as a level of brightness; NaN is black.
fn level(v: f32) -> u8 {
    // The cast saturates and makes NaN 0.
    (v + 0.5) as u8
}

fn on_background([r, g, b, a]: [u8; 4]) -> [u8; 3] {
    let share = f32::from(a) / 255.0;
    [r, g, b].map(|v| level(f32::from(v) * share + BACKGROUND * (1.0 - share)))
}

/// The values in the order height, width, channel.
fn channels_last<T: Copy>(values: Vec<T>, (width, height, channels): (usize, usize, usize), order: Order) -> Vec<T> {
    let (row, pixel, channel) = match order {
        Order::Planes => (width, 1, width * height),
        Order::Lines => (width * channels, 1, width),
        Order::Pixels | Order::Encoded => return values,
    };
    let places = (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..channels).map(move |c| (y, x, c))));
    places.filter_map(|(y, x, c)| values.get(y * row + x * pixel + c * channel).copied()).collect()
}

/// Lanczos when it gets smaller, which keeps detail; Catmull–Rom when it gets larger, which does not ring.
fn resized(bytes: &[u8], pixel: fir::PixelType, from: (u32, u32), to: (u32, u32)) -> Result<Vec<u8>> {
    let failed = |e: &dyn std::fmt::Display| Error::invalid(format!("the picture cannot be scaled: {e}"));
    let source = ImageRef::new(from.0, from.1, bytes, pixel).map_err(|e| failed(&e))?;
    let mut target = Image::new(to.0, to.1, pixel);
    let filter = if to.0 <= from.0 && to.1 <= from.1 { fir::FilterType::Lanczos3 } else { fir::FilterType::CatmullRom };
    let options = fir::ResizeOptions::new().resize_alg(fir::ResizeAlg::Convolution(filter));
    fir::Resizer::new().resize(&source, &mut target, &options).map_err(|e| failed(&e))?;
    Ok(target.into_vec())
}

impl Picture {
    /// A picture of one colour.
    pub(super) fn plain(width: u32, height: u32, colour: [u8; 3]) -> Picture {
        Picture { width, height, rgb: colour.repeat(width as usize * height as usize) }
    }

    /// The pixel in column `x` of row `y`, if there is one.
    pub(super) fn pixel(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        if x >= self.width {
            return None;
        }
        let place = y as usize * self.width as usize + x as usize;
        self.rgb.as_chunks::<3>().0.get(place).copied()
    }

    /// Puts `colour` into column `x` of row `y`; outside of the picture nothing happens.
    pub(super) fn set(&mut self, x: u32, y: u32, colour: [u8; 3]) {
        let place = y as usize * self.width as usize + x as usize;
        if x < self.width
            && let Some(pixel) = self.rgb.as_chunks_mut::<3>().0.get_mut(place)
        {
            *pixel = colour;
        }
    }

    /// All rows, one after the other.
    pub(super) fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The picture in exactly `width` × `height` pixels.
    ///
    /// Pixels become crisp squares when the picture grows by a whole factor.
    pub(super) fn scaled(self, width: u32, height: u32) -> Result<Picture> {
        let (width, height) = (width.max(1), height.max(1));
        let (across, down) = (width / self.width.max(1), height / self.height.max(1));
        if (width, height) == (self.width, self.height) {
            return Ok(self);
        }
        if across == down && (width, height) == (self.width * across, self.height * across) {
            return Ok(self.enlarged(across));
        }
        let rgb = resized(&self.rgb, fir::PixelType::U8x3, (self.width, self.height), (width, height))?;
        Ok(Picture { width, height, rgb })
    }

    /// The picture in exactly `width` × `height` pixels, each of them one of its own: values are not mixed.
    pub(super) fn stretched(&self, width: u32, height: u32) -> Picture {
        let mut large = Picture::plain(width, height, [0; 3]);
        let at = |i: u32, from: u32, to: u32| (u64::from(i) * u64::from(from) / u64::from(to.max(1))) as u32;
        for y in 0..height {
            for x in 0..width {
                let pixel = self.pixel(at(x, self.width, width), at(y, self.height, height));
                large.set(x, y, pixel.unwrap_or_default());
            }
        }
        large
    }

    /// Every pixel as a square of `factor` × `factor`.
    fn enlarged(&self, factor: u32) -> Picture {
        let mut large = Picture::plain(self.width * factor, self.height * factor, [0; 3]);
        for y in 0..large.height {
            for x in 0..large.width {
                large.set(x, y, self.pixel(x / factor, y / factor).unwrap_or_default());
            }
        }
        large
    }
}

/// The largest size within `box_width` × `box_height` of a picture of `width` × `height` whose pixels are shown
/// `pixel_aspect` times as high as wide; at least one pixel.
pub(super) fn fitted(width: u32, height: u32, box_width: u32, box_height: u32, pixel_aspect: f32) -> (u32, u32) {
    let (w, h) = (width.max(1) as f32, height.max(1) as f32 / pixel_aspect);
    let scale = (box_width as f32 / w).min(box_height as f32 / h);
    let side = |v: f32, limit: u32| ((v * scale).round() as u32).clamp(1, limit.max(1));
    (side(w, box_width), side(h, box_height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(values: &[f32]) -> Raw {
        Raw::new(values.len() as u32, 1, 1, Order::Pixels, Values::Floats(values.to_vec())).unwrap()
    }

    fn levels(raw: Raw) -> Vec<u8> {
        let range = raw.range();
        raw.into_picture(range).rgb.chunks(3).map(|p| p[0]).collect()
    }

    #[test]
    fn planes_and_lines_become_pixels() {
        let pixels = vec![1, 2, 3, 4, 5, 6]; // two pixels: (1,2,3) and (4,5,6)
        let of = |order, v: &[u8]| Raw::new(2, 1, 3, order, Values::Bytes(v.to_vec())).unwrap().samples;
        assert_eq!(of(Order::Planes, &[1, 4, 2, 5, 3, 6]), Values::Bytes(pixels.clone()));
        assert_eq!(of(Order::Lines, &[1, 4, 2, 5, 3, 6]), Values::Bytes(pixels.clone()));
        assert_eq!(of(Order::Pixels, &pixels), Values::Bytes(pixels));
        let planes: Vec<u8> = (0..12).collect();
        let raw = Raw::new(2, 2, 3, Order::Planes, Values::Bytes(planes)).unwrap();
        assert_eq!(raw.samples, Values::Bytes(vec![0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]));
    }

    #[test]
    fn a_wrong_number_of_values_is_an_error() {
        assert!(Raw::new(2, 2, 3, Order::Pixels, Values::Bytes(vec![0; 11])).is_err());
    }

    #[test]
    fn floats_between_0_and_1_keep_their_brightness_and_others_fill_the_scale() {
        assert_eq!(levels(grey(&[0.2, 0.5])), [51, 128]);
        assert_eq!(levels(grey(&[-1.0, 0.0, 1.0])), [0, 128, 255]);
        assert_eq!(levels(grey(&[10.0, 200.0])), [10, 200]);
        assert_eq!(levels(grey(&[1000.0, 3000.0, f32::NAN])), [0, 255, 0]);
        assert_eq!(levels(grey(&[7.0, 7.0])), [255, 255]);
        assert_eq!(levels(grey(&[f32::NAN])), [0]);
    }

    #[test]
    fn transparency_is_shown_on_white() {
        let raw = Raw::new(2, 1, 4, Order::Pixels, Values::Bytes(vec![9, 9, 9, 0, 9, 9, 9, 255])).unwrap();
        assert_eq!(raw.into_picture(Range::EMPTY).rgb, [255, 255, 255, 9, 9, 9]);
    }

    #[test]
    fn shrinking_averages_and_ignores_what_is_not_a_number() {
        let mut values = vec![4.0; 64];
        values[0] = f32::INFINITY;
        let raw = Raw::new(8, 8, 1, Order::Pixels, Values::Floats(values)).unwrap().shrunk(2, 2).unwrap();
        let Values::Floats(small) = &raw.samples else { unreachable!() };
        assert_eq!(small.len(), 4);
        assert!(small.iter().all(|v| v.is_finite()) && (small[3] - 4.0).abs() < 0.2, "{small:?}");
        let raw = Raw::new(1, 1, 1, Order::Pixels, Values::Bytes(vec![9])).unwrap();
        assert_eq!(raw.clone().shrunk(5, 5).unwrap(), raw);
    }

    #[test]
    fn a_picture_fits_its_box_in_its_own_proportions() {
        assert_eq!(fitted(64, 64, 20, 10, 1.0), (10, 10));
        assert_eq!(fitted(500, 375, 40, 100, 1.0), (40, 30));
        assert_eq!(fitted(64, 64, 20, 20, 2.0), (20, 10));
        assert_eq!(fitted(10_000, 1, 20, 20, 1.0), (20, 1));
        assert_eq!(fitted(0, 0, 0, 0, 1.0), (1, 1));
    }

    #[test]
    fn a_palette_gives_colours_and_unknown_positions_are_black() {
        let raw = Raw::new(3, 1, 1, Order::Pixels, Values::Bytes(vec![1, 0, 7])).unwrap();
        let picture = raw.with_palette(&[[1, 2, 3], [4, 5, 6]]).into_picture(Range::EMPTY);
        assert_eq!(picture.rgb, [4, 5, 6, 1, 2, 3, 0, 0, 0]);
    }

    #[test]
    fn enlarging_repeats_pixels() {
        let mut small = Picture::plain(2, 1, [1; 3]);
        small.set(1, 0, [2; 3]);
        small.set(2, 0, [9; 3]);
        let large = small.enlarged(2);
        assert_eq!((large.width, large.height), (4, 2));
        assert_eq!((large.pixel(1, 1), large.pixel(2, 1), large.pixel(4, 0)), (Some([1; 3]), Some([2; 3]), None));
    }
}
