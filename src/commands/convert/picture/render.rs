//! A decoded picture → one sample of the data set: colours, size, upright, in the order that is stored.

use super::resize::{Resampling, Studio, View};
use super::sample::{Channels, Sample, reduce, spread};
use super::{Header, Raster, lies_on_its_side};
use crate::error::{Error, ErrorKind, Result};
use image::metadata::Orientation;

/// How a picture of one shape is brought to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Fit {
    /// Fill the shape, whatever that does to the proportions
    #[default]
    Stretch,
    /// Keep the proportions and cut off what stands over, equally on both sides
    Crop,
    /// Keep the proportions and fill the rest with the background
    Pad,
    /// Keep the proportions; the shorter side becomes DIM
    Shorter,
    /// Keep the proportions; the longer side becomes DIM
    Longer,
}

/// The order of the dimensions of a stored picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// Image, row, column, channel: as TensorFlow and image viewers have it
    #[default]
    Nhwc,
    /// Image, channel, row, column: as PyTorch has it
    Nchw,
}

/// At which size a JPEG is decoded that will be much smaller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum JpegSize {
    /// A half, a quarter or an eighth of its own, but at least twice that asked for: faster, and hardly to be told apart
    #[default]
    Fast,
    /// All of it
    Full,
}

/// What all pictures of a set are made to look like.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Height and width asked for.
    pub(crate) dim: Option<(u32, u32)>,
    pub(crate) fit: Fit,
    pub(crate) filter: Resampling,
    pub(crate) channels: Channels,
    pub(crate) background: [u8; 3],
    pub(crate) layout: Layout,
    pub(crate) jpeg: JpegSize,
}

/// Where a picture ends up: cut to `crop`, resized to `size` and put at `at` on a `canvas`. Widths come first.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Placement {
    /// Left, top, width, height.
    crop: (f64, f64, f64, f64),
    size: (u32, u32),
    at: (u32, u32),
    canvas: (u32, u32),
}

impl Look {
    /// Height and width of an upright picture of `width` × `height` once rendered.
    pub(crate) fn shape_of(&self, width: u32, height: u32) -> (u32, u32) {
        let (width, height) = self.place(width, height).canvas;
        (height, width)
    }

    /// How many eighths of a picture are enough to be decoded: 1, 2, 4 or all 8.
    pub(super) fn eighths(&self, header: &Header) -> u32 {
        // The others take or leave a sample: with fewer of them the edges would be elsewhere.
        let is_smooth = matches!(self.filter, Resampling::Lanczos | Resampling::Bicubic);
        if self.dim.is_none() || self.jpeg == JpegSize::Full || !is_smooth {
            return 8;
        }
        let (width, height) = header.upright();
        let Placement { crop: (_, _, wide, high), size, .. } = self.place(width, height);
        let samples = (wide / f64::from(size.0)).min(high / f64::from(size.1));
        // So many samples of the decoded picture are for one, at least; the means of blocks, which an eighth is, blur more.
        let enough = |&n: &u32| samples * f64::from(n) / 8.0 >= if n == 1 { 3.0 } else { 2.0 };
        [1, 2, 4].into_iter().find(enough).unwrap_or(8)
    }

    /// Renders `raster` into `row`, which has exactly its rendered size, and gives back the memory of its samples.
    ///
    /// # Errors
    /// If the samples cannot be brought to `T` or the picture does not have the shape of `row`.
    pub(crate) fn render<T: Sample>(&self, raster: Raster, row: &mut [T], studio: &mut Studio) -> Result<Vec<T>> {
        let Raster { mut width, mut height, eighths, mut whole, channels, samples, mut orientation } = raster;
        let pixels = T::adopt(samples)?;
        let (mut pixels, channels) = reduce(pixels, channels, self.channels, self.background);
        if width == 0 || height == 0 || pixels.len() as u64 != u64::from(width) * u64::from(height) * channels as u64 {
            return Err(Error::new(ErrorKind::Damaged, "its samples do not fill its size"));
        }
        if !self.filter.is_symmetric() && orientation != Orientation::NoTransforms {
            pixels = turned(&pixels, (width, height), channels, orientation);
            if lies_on_its_side(orientation) {
                (width, height) = (height, width);
                whole = (whole.1, whole.0);
            }
            orientation = Orientation::NoTransforms;
        }
        let sideways = lies_on_its_side(orientation);
        let (upright_width, upright_height) = if sideways { (whole.1, whole.0) } else { whole };
        let place = self.place(upright_width, upright_height);
        let wanted = place.canvas.0 as usize * place.canvas.1 as usize * self.channels as usize;
        if row.len() != wanted {
            let (width, height) = place.canvas;
            return Err(Error::new(ErrorKind::Mismatch, format!("becomes {height}x{width}, unlike the others")));
        }
        let (left, top, wide, high) = place.crop;
        let [left, top, wide, high] = [left, top, wide, high].map(|edge| edge * f64::from(eighths) / 8.0);
        let crop = (left, top, wide, high);
        let mut view = View { pixels: &pixels, size: (width, height), channels, crop, to: place.size };
        if sideways {
            // The crop is in the middle: a turn exchanges its sides, a flip changes nothing.
            view.crop = (top, left, high, wide);
            view.to = (place.size.1, place.size.0);
        }
        let small = if view.is_whole() { None } else { Some(studio.resize(&view, self.filter, sideways)?) };
        let small = small.as_deref().unwrap_or(&pixels);
        if orientation == Orientation::NoTransforms {
            self.store(small, channels, &place, row);
        } else {
            self.store(&turned(small, view.to, channels, orientation), channels, &place, row);
        }
        Ok(pixels)
    }

    /// Puts an upright picture into a row of the data set.
    fn store<T: Sample>(&self, pixels: &[T], channels: usize, place: &Placement, row: &mut [T]) {
        let depth = self.channels as usize;
        let ((width, height), (left, top)) = (place.size, place.at);
        let (across, down) = (place.canvas.0 as usize, place.canvas.1 as usize);
        if self.layout == Layout::Nhwc && channels == depth && place.size == place.canvas {
            row.copy_from_slice(pixels);
            return;
        }
        // Steps from a column, a row and a channel to the next.
        let (x_step, y_step, c_step) = match self.layout {
            Layout::Nhwc => (depth, depth * across, 1),
            Layout::Nchw => (1, across, across * down),
        };
        if place.size != place.canvas {
            let ground = self.background.map(T::level);
            let ground = if depth == 1 { [T::luma(ground); 4] } else { spread(&ground) };
            for pixel in 0..across * down {
                for (c, &sample) in ground.iter().enumerate().take(depth) {
                    row[pixel * x_step + c * c_step] = sample;
                }
            }
        }
        for (y, line) in pixels.chunks_exact(width as usize * channels).take(height as usize).enumerate() {
            let start = (y + top as usize) * y_step + left as usize * x_step;
            for (x, pixel) in line.chunks_exact(channels).enumerate() {
                for (c, &sample) in spread(pixel).iter().enumerate().take(depth) {
                    row[start + x * x_step + c * c_step] = sample;
                }
            }
        }
    }

    fn place(&self, width: u32, height: u32) -> Placement {
        let (w, h) = (f64::from(width), f64::from(height));
        let whole = (0.0, 0.0, w, h);
        let filled = |size: (u32, u32)| Placement { crop: whole, size, at: (0, 0), canvas: size };
        let Some((down, across)) = self.dim else {
            return filled((width, height));
        };
        let (wanted_w, wanted_h) = (f64::from(across), f64::from(down));
        match self.fit {
            Fit::Stretch => filled((across, down)),
            // Crop and pad divide and round as Pillow's ImageOps.fit and ImageOps.pad do.
            Fit::Crop => {
                let wanted = wanted_w / wanted_h;
                let (cut_w, cut_h) = if w / h >= wanted { (wanted * h, h) } else { (w, w / wanted) };
                let crop = ((w - cut_w) / 2.0, (h - cut_h) / 2.0, cut_w, cut_h);
                Placement { crop, ..filled((across, down)) }
            }
            Fit::Pad => {
                let size = if w / h > wanted_w / wanted_h {
                    (across, rounded(h / w * wanted_w).min(down))
                } else {
                    (rounded(w / h * wanted_h).min(across), down)
                };
                let middle = |whole: u32, part: u32| (f64::from(whole - part) / 2.0).round_ties_even() as u32;
                let at = (middle(across, size.0), middle(down, size.1));
                Placement { crop: whole, size, at, canvas: (across, down) }
            }
            // The other side is cut to whole pixels, as torchvision's Resize does.
            Fit::Shorter if width <= height => filled((across, whole_pixels(wanted_w * h / w))),
            Fit::Shorter => filled((whole_pixels(wanted_w * w / h), across)),
            Fit::Longer if width >= height => filled((across, whole_pixels(wanted_w * h / w))),
            Fit::Longer => filled((whole_pixels(wanted_w * w / h), across)),
        }
    }
}

fn rounded(side: f64) -> u32 {
    (side.round_ties_even() as u32).max(1)
}

fn whole_pixels(side: f64) -> u32 {
    (side as u32).max(1)
}

/// The picture after the turn that its orientation asks for.
fn turned<T: Sample>(pixels: &[T], size: (u32, u32), channels: usize, orientation: Orientation) -> Vec<T> {
    use Orientation as O;
    let (width, height) = (size.0 as usize, size.1 as usize);
    let (across, down) = if lies_on_its_side(orientation) { (height, width) } else { (width, height) };
    let mut result = Vec::with_capacity(pixels.len());
    for y in 0..down {
        for x in 0..across {
            let (from_x, from_y) = match orientation {
                O::NoTransforms => (x, y),
                O::FlipHorizontal => (width - 1 - x, y),
                O::Rotate180 => (width - 1 - x, height - 1 - y),
                O::FlipVertical => (x, height - 1 - y),
                O::Rotate90FlipH => (y, x),
                O::Rotate90 => (y, height - 1 - x),
                O::Rotate270FlipH => (width - 1 - y, height - 1 - x),
                O::Rotate270 => (width - 1 - y, x),
            };
            let start = (from_y * width + from_x) * channels;
            result.extend_from_slice(&pixels[start..start + channels]);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::convert::picture::Samples;

    fn look(dim: Option<(u32, u32)>, fit: Fit) -> Look {
        Look {
            dim,
            fit,
            filter: Resampling::Lanczos,
            channels: Channels::Rgb,
            background: [255; 3],
            layout: Layout::Nhwc,
            jpeg: JpegSize::Fast,
        }
    }

    fn raster(width: u32, height: u32, channels: usize, samples: Vec<u8>) -> Raster {
        let (samples, orientation) = (Samples::U8(samples), Orientation::NoTransforms);
        Raster { width, height, eighths: 8, whole: (width, height), channels, samples, orientation }
    }

    fn rendered(look: &Look, raster: Raster) -> Vec<u8> {
        let (w, h) = match lies_on_its_side(raster.orientation) {
            true => (raster.height, raster.width),
            false => (raster.width, raster.height),
        };
        let (down, across) = look.shape_of(w, h);
        let mut row = vec![0; (down * across) as usize * look.channels as usize];
        assert!(look.render(raster, &mut row, &mut Studio::default()).is_ok());
        row
    }

    #[test]
    fn every_fit_has_the_shape_that_pillow_or_torchvision_gives_it() {
        let shape = |fit, w, h| look(Some((64, 64)), fit).shape_of(w, h);
        for fit in [Fit::Stretch, Fit::Crop, Fit::Pad] {
            assert_eq!(shape(fit, 500, 375), (64, 64));
            assert_eq!(shape(fit, 1, 3000), (64, 64));
        }
        assert_eq!(shape(Fit::Shorter, 500, 375), (64, 85));
        assert_eq!(shape(Fit::Shorter, 375, 500), (85, 64));
        assert_eq!(shape(Fit::Longer, 500, 375), (48, 64));
        assert_eq!(shape(Fit::Longer, 3000, 1), (1, 64));
        assert_eq!(look(None, Fit::Stretch).shape_of(5, 7), (7, 5));
    }

    #[test]
    fn a_wide_picture_is_padded_above_and_below() {
        let place = look(Some((64, 64)), Fit::Pad).place(100, 33);
        assert_eq!((place.size, place.at), ((64, 21), (0, 22)));
        let row = rendered(&look(Some((4, 4)), Fit::Pad), raster(2, 1, 3, vec![0; 6]));
        let white = |y: usize| row[y * 12..(y + 1) * 12].iter().all(|&s| s == 255);
        assert_eq!([white(0), white(1), white(2), white(3)], [true, false, false, true]);
    }

    #[test]
    fn a_crop_keeps_the_middle() {
        let mut grey = look(Some((1, 1)), Fit::Crop);
        grey.channels = Channels::Grey;
        grey.filter = Resampling::Area;
        assert_eq!(rendered(&grey, raster(3, 1, 1, vec![10, 77, 200])), [77]);
    }

    #[test]
    fn each_orientation_ends_upright() {
        // The letter "L", two columns by three rows, as each of the eight orientations stores it.
        const UPRIGHT: [u8; 6] = [1, 0, 1, 0, 1, 1];
        let stored: [(u8, [u8; 6]); 8] = [
            (1, [1, 0, 1, 0, 1, 1]),
            (2, [0, 1, 0, 1, 1, 1]),
            (3, [1, 1, 0, 1, 0, 1]),
            (4, [1, 1, 1, 0, 1, 0]),
            (5, [1, 1, 1, 0, 0, 1]),
            (6, [0, 0, 1, 1, 1, 1]),
            (7, [1, 0, 0, 1, 1, 1]),
            (8, [1, 1, 1, 1, 0, 0]),
        ];
        let mut grey = look(None, Fit::Stretch);
        grey.channels = Channels::Grey;
        for (value, samples) in stored {
            let mut raster = raster(2, 3, 1, samples.to_vec());
            raster.orientation = Orientation::from_exif(value).unwrap_or(Orientation::NoTransforms);
            if value >= 5 {
                (raster.width, raster.height) = (3, 2);
                raster.whole = (3, 2);
            }
            assert_eq!(rendered(&grey, raster), UPRIGHT, "orientation {value}");
        }
    }

    #[test]
    fn channels_first_is_the_same_picture_in_another_order() {
        let mut planes = look(None, Fit::Stretch);
        planes.layout = Layout::Nchw;
        assert_eq!(rendered(&planes, raster(2, 1, 3, vec![1, 2, 3, 4, 5, 6])), [1, 4, 2, 5, 3, 6]);
    }

    #[test]
    fn grey_becomes_colour_and_gets_an_opaque_alpha() {
        assert_eq!(rendered(&look(None, Fit::Stretch), raster(1, 1, 1, vec![9])), [9, 9, 9]);
        let mut rgba = look(None, Fit::Stretch);
        rgba.channels = Channels::Rgba;
        assert_eq!(rendered(&rgba, raster(1, 1, 1, vec![9])), [9, 9, 9, 255]);
    }
}
