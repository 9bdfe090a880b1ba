//! Samples of a dataset → an image file that holds just them: PNG for 8 and 16 bits, TIFF for everything else.

use crate::data::selection::Select;
use crate::datatype::Datatype;
use crate::error::{Error, Result};
use crate::image_set::recognise::{Order, Pictures};
use crate::{Dataset, Element};
use std::io::Cursor;
use std::ops::Range;
use tiff::encoder::{TiffEncoder, colortype as color};

/// Samples of one picture or many, in the type that they are stored in; half-precision ones as `f32`.
pub(super) enum Samples {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// How the samples of a picture lie and what they mean.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) width: u32,
    pub(super) height: u32,
    /// 1 grey, 3 RGB, 4 RGBA.
    pub(super) channels: u8,
    pub(super) order: Order,
    pub(super) white_is_zero: bool,
    /// Colours, where samples are numbers of them.
    pub(super) palette: Vec<[u8; 3]>,
}

impl Form {
    pub(super) fn of(pictures: &Pictures, palette: &[[u8; 3]]) -> Form {
        let palette = if pictures.indexed && pictures.channels == 1 { palette.to_vec() } else { Vec::new() };
        Form {
            width: pictures.width,
            height: pictures.height,
            channels: pictures.channels,
            order: pictures.order,
            white_is_zero: pictures.white_is_zero,
            palette,
        }
    }

    /// Samples of a picture.
    pub(super) fn len(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.channels)
    }
}

/// What an image file of such samples is, for people, and its suffix.
///
/// # Errors
/// `Unsupported` for what no image file holds.
pub(super) fn format_of(datatype: &Datatype, channels: u8) -> Result<(&'static str, &'static str)> {
    match datatype {
        Datatype::Integer { bits, signed: false } => match bits.size {
            1 => Ok(("PNG, 8 bits", "png")),
            2 => Ok(("PNG, 16 bits", "png")),
            4 => Ok(("TIFF, 32 bits", "tif")),
            8 => Ok(("TIFF, 64 bits", "tif")),
            _ => Err(none(datatype)),
        },
        Datatype::Integer { bits, signed: true } if channels == 1 && matches!(bits.size, 1 | 2 | 4 | 8) => {
            Ok(("TIFF, signed integers", "tif"))
        }
        Datatype::Float(float) => match float.bits.size {
            2 | 4 => Ok(("TIFF, 32-bit floating point", "tif")),
            8 => Ok(("TIFF, 64-bit floating point", "tif")),
            _ => Err(none(datatype)),
        },
        _ => Err(none(datatype)),
    }
}

fn none(datatype: &Datatype) -> Error {
    Error::unsupported(format!("image files of {datatype}; `--output x.npy` writes an array"))
}

/// Reads a part of a dataset of numbers.
///
/// # Errors
/// As of [`Part::read`](crate::Part::read).
pub(super) fn read(dataset: &Dataset, what: impl Select) -> Result<Samples> {
    fn all<T: Element>(dataset: &Dataset, what: impl Select, wrap: fn(Vec<T>) -> Samples) -> Result<Samples> {
        Ok(wrap(dataset.select(what)?.read()?))
    }
    let datatype = dataset.datatype();
    match datatype {
        Datatype::Integer { bits, signed: false } => match bits.size {
            1 => all(dataset, what, Samples::U8),
            2 => all(dataset, what, Samples::U16),
            4 => all(dataset, what, Samples::U32),
            _ => all(dataset, what, Samples::U64),
        },
        Datatype::Integer { bits, .. } => match bits.size {
            1 => all(dataset, what, Samples::I8),
            2 => all(dataset, what, Samples::I16),
            4 => all(dataset, what, Samples::I32),
            _ => all(dataset, what, Samples::I64),
        },
        Datatype::Float(float) if float.bits.size <= 4 => all(dataset, what, Samples::F32),
        Datatype::Float(_) => all(dataset, what, Samples::F64),
        _ => Err(none(datatype)),
    }
}

impl Samples {
    /// The image file of the samples in `range`.
    ///
    /// # Errors
    /// `Unsupported` for what no image file holds.
    pub(super) fn encode(&self, range: Range<usize>, form: &Form) -> Result<Vec<u8>> {
        match self {
            Samples::U8(v) => png_8(pixels(v, range, form, |s| u8::MAX - s)?, form),
            Samples::U16(v) => {
                let samples = pixels(v, range, form, |s| u16::MAX - s)?;
                let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_be_bytes()).collect();
                png(&bytes, form, png::BitDepth::Sixteen, png_color(form))
            }
            Samples::U32(v) => colours::<color::Gray32, color::RGB32, color::RGBA32, _>(
                pixels(v, range, form, |s| u32::MAX - s)?,
                form,
            ),
            Samples::U64(v) => colours::<color::Gray64, color::RGB64, color::RGBA64, _>(
                pixels(v, range, form, |s| u64::MAX - s)?,
                form,
            ),
            Samples::I8(v) => grey::<color::GrayI8, _>(pixels(v, range, form, |s| !s)?, form),
            Samples::I16(v) => grey::<color::GrayI16, _>(pixels(v, range, form, |s| !s)?, form),
            Samples::I32(v) => grey::<color::GrayI32, _>(pixels(v, range, form, |s| !s)?, form),
            Samples::I64(v) => grey::<color::GrayI64, _>(pixels(v, range, form, |s| !s)?, form),
            Samples::F32(v) => colours::<color::Gray32Float, color::RGB32Float, color::RGBA32Float, _>(
                pixels(v, range, form, |s| 1.0 - s)?,
                form,
            ),
            Samples::F64(v) => colours::<color::Gray64Float, color::RGB64Float, color::RGBA64Float, _>(
                pixels(v, range, form, |s| 1.0 - s)?,
                form,
            ),
        }
    }
}

/// The samples of a picture pixel by pixel, row by row, black as the least.
fn pixels<T: Copy>(all: &[T], range: Range<usize>, form: &Form, invert: fn(T) -> T) -> Result<Vec<T>> {
    let stored = all.get(range).ok_or_else(|| Error::mismatch("fewer samples than a picture has"))?;
    let (width, channels) = (form.width as usize, form.channels as usize);
    let plane = width * form.height as usize;
    let mut samples: Vec<T> = match form.order {
        _ if channels == 1 => stored.to_vec(),
        Order::Planes => {
            let pixel = |p: usize| stored.iter().skip(p).step_by(plane.max(1)).take(channels).copied();
            (0..plane).flat_map(pixel).collect()
        }
        Order::Lines => {
            let line = |line: &[T]| {
                let pixel = |p: usize| line.iter().skip(p).step_by(width.max(1)).copied().collect::<Vec<T>>();
                (0..width).flat_map(pixel).collect::<Vec<T>>()
            };
            stored.chunks((width * channels).max(1)).flat_map(line).collect()
        }
        Order::Pixels | Order::Encoded => stored.to_vec(),
    };
    if form.white_is_zero {
        samples.iter_mut().for_each(|s| *s = invert(*s));
    }
    Ok(samples)
}

fn png_8(samples: Vec<u8>, form: &Form) -> Result<Vec<u8>> {
    let largest = samples.iter().copied().max().unwrap_or(0);
    // A number beyond the palette is no colour: then the numbers are kept as they are.
    let indexed = !form.white_is_zero && usize::from(largest) < form.palette.len();
    let color = if indexed { png::ColorType::Indexed } else { png_color(form) };
    png(&samples, form, png::BitDepth::Eight, color)
}

fn png_color(form: &Form) -> png::ColorType {
    match form.channels {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    }
}

fn png(bytes: &[u8], form: &Form, depth: png::BitDepth, color: png::ColorType) -> Result<Vec<u8>> {
    let failed = |e: png::EncodingError| Error::invalid(format!("the picture cannot be written as PNG: {e}"));
    let mut file = Vec::with_capacity(bytes.len() / 2 + 256);
    let mut encoder = png::Encoder::new(&mut file, form.width, form.height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    encoder.set_compression(png::Compression::Fast);
    if color == png::ColorType::Indexed {
        encoder.set_palette(form.palette.as_flattened());
    }
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(bytes).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}

fn colours<G, C, A, T>(samples: Vec<T>, form: &Form) -> Result<Vec<u8>>
where
    G: color::ColorType<Inner = T>,
    C: color::ColorType<Inner = T>,
    A: color::ColorType<Inner = T>,
    [T]: tiff::encoder::TiffValue,
{
    match form.channels {
        1 => grey::<G, T>(samples, form),
        3 => tiff_file::<C, T>(&samples, form),
        _ => tiff_file::<A, T>(&samples, form),
    }
}

fn grey<G: color::ColorType<Inner = T>, T>(samples: Vec<T>, form: &Form) -> Result<Vec<u8>>
where
    [T]: tiff::encoder::TiffValue,
{
    if form.channels != 1 {
        return Err(Error::unsupported("image files of signed colours; `--output x.npy` writes an array"));
    }
    tiff_file::<G, T>(&samples, form)
}

fn tiff_file<C: color::ColorType<Inner = T>, T>(samples: &[T], form: &Form) -> Result<Vec<u8>>
where
    [T]: tiff::encoder::TiffValue,
{
    let mut file = Cursor::new(Vec::with_capacity(size_of_val(samples) + 1024));
    TiffEncoder::new(&mut file)
        .and_then(|mut encoder| encoder.write_image::<C>(form.width, form.height, samples))
        .map_err(|e| Error::invalid(format!("the picture cannot be written as TIFF: {e}")))?;
    Ok(file.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(channels: u8, order: Order) -> Form {
        Form { width: 3, height: 2, channels, order, white_is_zero: false, palette: Vec::new() }
    }

    fn decoded(file: &[u8]) -> image::DynamicImage {
        image::load_from_memory(file).unwrap()
    }

    #[test]
    fn pixels_come_out_in_the_order_of_png_whatever_their_order_was() {
        let interleaved: Vec<u8> = (0..18).collect();
        let planes: Vec<u8> = (0..3).flat_map(|c| (0..6).map(move |p| 3 * p + c)).collect();
        let lines: Vec<u8> =
            (0..2).flat_map(|y| (0..3).flat_map(move |c| (0..3).map(move |x| 9 * y + 3 * x + c))).collect();
        for (samples, order) in [(interleaved.clone(), Order::Pixels), (planes, Order::Planes), (lines, Order::Lines)] {
            let file = Samples::U8(samples).encode(0..18, &form(3, order)).unwrap();
            assert_eq!(decoded(&file).into_rgb8().into_raw(), interleaved, "{order:?}");
        }
    }

    #[test]
    fn sixteen_bits_stay_sixteen_and_white_may_be_zero() {
        let values = vec![9, 0, 65535, 1, 256, 4660];
        let file = Samples::U16([vec![7], values.clone()].concat()).encode(1..7, &form(1, Order::Pixels)).unwrap();
        assert_eq!(decoded(&file).into_luma16().into_raw(), values);
        let inverted = Form { white_is_zero: true, ..form(1, Order::Pixels) };
        let file = Samples::U8(vec![0, 255, 1, 2, 3, 4]).encode(0..6, &inverted).unwrap();
        assert_eq!(decoded(&file).into_luma8().into_raw(), [255, 0, 254, 253, 252, 251]);
    }

    #[test]
    fn numbers_of_colours_become_a_palette() {
        let palette = vec![[1, 2, 3], [40, 50, 60]];
        let indexed = Form { palette, ..form(1, Order::Pixels) };
        let file = Samples::U8(vec![0, 1, 0, 1, 1, 0]).encode(0..6, &indexed).unwrap();
        assert_eq!(decoded(&file).into_rgb8().get_pixel(1, 0).0, [40, 50, 60]);
        let beyond = Samples::U8(vec![0, 1, 2, 0, 0, 0]).encode(0..6, &indexed).unwrap();
        assert_eq!(decoded(&beyond).into_luma8().into_raw(), [0, 1, 2, 0, 0, 0]);
    }

    #[test]
    fn other_numbers_become_tiff_without_a_loss() {
        let decoder = |file: Vec<u8>| tiff::decoder::Decoder::new(Cursor::new(file)).unwrap().read_image().unwrap();
        let floats = vec![-1.5, f32::MAX, 0.0, 1e-40, f32::INFINITY, 3.0];
        let file = Samples::F32(floats.clone()).encode(0..6, &form(1, Order::Pixels)).unwrap();
        assert!(matches!(decoder(file), tiff::decoder::DecodingResult::F32(v) if v == floats));
        let file = Samples::I16(vec![-5, 4, 3, 2, 1, 0]).encode(0..6, &form(1, Order::Pixels)).unwrap();
        assert!(matches!(decoder(file), tiff::decoder::DecodingResult::I16(v) if v == [-5, 4, 3, 2, 1, 0]));
        let rgb: Vec<f64> = (0..18).map(f64::from).collect();
        let file = Samples::F64(rgb.clone()).encode(0..18, &form(3, Order::Pixels)).unwrap();
        assert!(matches!(decoder(file), tiff::decoder::DecodingResult::F64(v) if v == rgb));
        let signed = Samples::I16(vec![0; 18]).encode(0..18, &form(3, Order::Pixels));
        assert_eq!(signed.unwrap_err().kind(), crate::ErrorKind::Unsupported);
    }
}
