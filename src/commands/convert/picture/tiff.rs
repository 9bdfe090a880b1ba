//! TIFF, by the `tiff` crate itself: through `image` grey floating point and grey with alpha would be lost.

mod palette;

use super::sample::{Depth, Samples};
use super::{Header, Raster, truncated};
use crate::error::{Error, ErrorKind, Result};
use image::metadata::Orientation;
use std::io::{BufRead, Cursor, Seek};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::{ExtraSamples, Tag};
use tiff::{ColorType, TiffError};

/// Reads the directory of the first page.
pub(super) fn header<R: BufRead + Seek>(reader: R) -> Result<Header> {
    let mut decoder = Decoder::new(reader).map_err(explain)?;
    describe(&mut decoder).map(|(header, _)| header)
}

/// Reads the directories of all pages.
pub(super) fn headers<R: BufRead + Seek>(reader: R) -> Result<Vec<Header>> {
    let mut decoder = Decoder::new(reader).map_err(explain)?;
    let mut headers = vec![describe(&mut decoder)?.0];
    while next_page(&mut decoder)? {
        headers.push(describe(&mut decoder)?.0);
    }
    Ok(headers)
}

/// Decodes the first page; `admit` sees the header before memory is taken.
pub(super) fn decode(bytes: &[u8], admit: &mut dyn FnMut(&Header) -> Result<()>) -> Result<Raster> {
    page(bytes, open(bytes)?, admit).1
}

/// Decodes some pages, which `take` gets one by one; after a damaged one the others are decoded all the same.
pub(super) fn decode_pages(
    bytes: &[u8],
    pages: std::ops::Range<u32>,
    admit: &mut dyn FnMut(&Header) -> Result<()>,
    take: &mut dyn FnMut(Result<Raster>),
) -> Result<()> {
    let mut decoder = open(bytes)?;
    for number in 0..pages.end {
        if number > 0 && !next_page(&mut decoder)? {
            return Err(truncated());
        }
        if number >= pages.start {
            let raster;
            (decoder, raster) = page(bytes, decoder, admit);
            take(raster);
        }
    }
    Ok(())
}

fn open(bytes: &[u8]) -> Result<Decoder<Cursor<&[u8]>>> {
    Decoder::new(Cursor::new(bytes)).map_err(explain)
}

/// Goes on to the next page, if there is one. Smaller versions of a page and masks are none.
fn next_page<R: BufRead + Seek>(decoder: &mut Decoder<R>) -> Result<bool> {
    const REDUCED_OR_MASK: u32 = 1 | 4;
    while decoder.more_images() {
        decoder.next_image().map_err(explain)?;
        let kind = decoder.find_tag_unsigned::<u32>(Tag::NewSubfileType).map_err(explain)?;
        if kind.unwrap_or(0) & REDUCED_OR_MASK == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Decodes the current page; the decoder is given back.
fn page<'a>(
    bytes: &'a [u8],
    mut decoder: Decoder<Cursor<&'a [u8]>>,
    admit: &mut dyn FnMut(&Header) -> Result<()>,
) -> (Decoder<Cursor<&'a [u8]>>, Result<Raster>) {
    let described = describe(&mut decoder).and_then(|(header, kind)| {
        admit(&header)?;
        let most = usize::try_from(header.memory())
            .map_err(|_| Error::new(ErrorKind::Limit, "the picture is larger than memory"))?;
        Ok((header, kind, most))
    });
    match described {
        Err(error) => (decoder, Err(error)),
        Ok((header, kind, most)) => {
            let mut limits = Limits::default();
            limits.decoding_buffer_size = most;
            limits.intermediate_buffer_size = most;
            let raster = match kind {
                Kind::Palette(bits) => palette::decode(bytes, &mut decoder, header, bits, limits.clone()),
                _ => {
                    decoder = decoder.with_limits(limits);
                    samples_of(&mut decoder, header, kind)
                }
            };
            (decoder, raster)
        }
    }
}

fn samples_of<R: BufRead + Seek>(decoder: &mut Decoder<R>, mut header: Header, kind: Kind) -> Result<Raster> {
    let mut result = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut result).map_err(explain)?;
    let stored = kind.samples();
    let pixels = u64::from(header.width) * u64::from(header.height);
    let samples = match unpack(result, kind, header.width)? {
        samples if layout.planes > 1 => interleave(samples, stored),
        samples => samples,
    };
    if samples.len() as u64 != pixels * stored as u64 {
        return Err(truncated());
    }
    let samples = match kind {
        Kind::Cmyk => from_cmyk(samples),
        Kind::Alpha(_, Alpha::Multiplied) => divide(samples, stored),
        Kind::Alpha(_, Alpha::None) => drop_last(samples, stored),
        Kind::Plain { .. } | Kind::Palette(_) | Kind::Alpha(_, Alpha::Straight) => samples,
    };
    header.channels = kind.channels();
    Ok(header.raster(samples))
}

/// What the samples of a pixel are.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Grey of `bits` or RGB.
    Plain { channels: usize, bits: u8 },
    /// So many colours and one sample more.
    Alpha(usize, Alpha),
    /// Cyan, magenta, yellow and black.
    Cmyk,
    /// Numbers of so many bits, which stand for colours.
    Palette(u8),
}

/// What the sample behind the colours is.
#[derive(Clone, Copy, Debug)]
enum Alpha {
    Straight,
    /// The colours have been multiplied by it.
    Multiplied,
    /// Something unsaid, which is no alpha.
    None,
}

impl Kind {
    fn samples(self) -> usize {
        match self {
            Kind::Plain { channels, .. } => channels,
            Kind::Alpha(colours, _) => colours + 1,
            Kind::Cmyk => 4,
            Kind::Palette(_) => 1,
        }
    }

    fn channels(self) -> usize {
        match self {
            Kind::Alpha(colours, Alpha::None) => colours,
            Kind::Cmyk | Kind::Palette(_) => 3,
            other => other.samples(),
        }
    }
}

/// What the current page is.
fn describe<R: BufRead + Seek>(decoder: &mut Decoder<R>) -> Result<(Header, Kind)> {
    let (width, height) = decoder.dimensions().map_err(explain)?;
    let extra = extra_sample(decoder);
    let refuse = |what: String| Err(Error::new(ErrorKind::Unsupported, what));
    if let Some(bits) = palette::bits(decoder)? {
        let kind = Kind::Palette(bits);
        let orientation = orientation(decoder);
        let (channels, depth) = (3, Depth::Eight);
        return Ok((Header { width, height, channels, depth, orientation, scratch_per_pixel: 2 }, kind));
    }
    let (kind, bits) = match decoder.colortype().map_err(explain)? {
        ColorType::Gray(bits @ (1 | 2 | 4 | 8 | 16 | 32 | 64)) => (Kind::Plain { channels: 1, bits }, bits),
        ColorType::RGB(bits @ (8 | 16 | 32 | 64)) => (Kind::Plain { channels: 3, bits }, bits),
        ColorType::RGBA(bits @ (8 | 16 | 32 | 64)) => (Kind::Alpha(3, extra), bits),
        ColorType::Multiband { bit_depth: bits @ (8 | 16 | 32 | 64), num_samples: 2 } => (Kind::Alpha(1, extra), bits),
        ColorType::CMYK(bits @ (8 | 16)) => (Kind::Cmyk, bits),
        other => return refuse(format!("TIFF of kind {other:?}")),
    };
    let formats = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat).map_err(explain)?.unwrap_or_default();
    let depth = match (formats.first().copied().unwrap_or(1), bits) {
        (1, ..=8) => Depth::Eight,
        (1, 16) => Depth::Sixteen,
        (3, 16 | 32 | 64) => Depth::Float,
        (1, bits) => return refuse(format!("TIFF of unsigned integers of {bits} bits")),
        (2, bits) => return refuse(format!("TIFF of signed integers of {bits} bits")),
        (format, bits) => return refuse(format!("TIFF of sample format {format} and {bits} bits")),
    };
    let header = Header {
        width,
        height,
        channels: kind.channels(),
        depth,
        orientation: orientation(decoder),
        scratch_per_pixel: kind.samples() as u64 * u64::from(bits.div_ceil(8)),
    };
    Ok((header, kind))
}

fn orientation<R: BufRead + Seek>(decoder: &mut Decoder<R>) -> Orientation {
    let turn = decoder.find_tag_unsigned::<u16>(Tag::Orientation).ok().flatten();
    let turn = turn.and_then(|value| Orientation::from_exif(u8::try_from(value).ok()?));
    turn.unwrap_or(Orientation::NoTransforms)
}

fn extra_sample<R: BufRead + Seek>(decoder: &mut Decoder<R>) -> Alpha {
    let values = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten().unwrap_or_default();
    match values.first().and_then(|&value| ExtraSamples::from_u16(value)) {
        Some(ExtraSamples::AssociatedAlpha) => Alpha::Multiplied,
        Some(ExtraSamples::UnassociatedAlpha) => Alpha::Straight,
        _ => Alpha::None,
    }
}

/// Samples of fewer than 8 bits, which come packed by row, to 8; floating point of any size to `f32`.
fn unpack(result: DecodingResult, kind: Kind, width: u32) -> Result<Samples> {
    match result {
        DecodingResult::U8(packed) => match kind {
            Kind::Plain { bits: bits @ (1 | 2 | 4), .. } => Ok(Samples::U8(unpack_bits(&packed, bits, width))),
            _ => Ok(Samples::U8(packed)),
        },
        DecodingResult::U16(v) => Ok(Samples::U16(v)),
        DecodingResult::F16(v) => Ok(Samples::F32(v.into_iter().map(f32::from).collect())),
        DecodingResult::F32(v) => Ok(Samples::F32(v)),
        DecodingResult::F64(v) => Ok(Samples::F32(v.into_iter().map(|s| s as f32).collect())),
        _ => Err(Error::new(ErrorKind::Unsupported, "TIFF of integers that are signed or longer than 16 bits")),
    }
}

fn unpack_bits(packed: &[u8], bits: u8, width: u32) -> Vec<u8> {
    let per_byte = usize::from(8 / bits);
    let width = width as usize;
    let top = (1u16 << bits) - 1;
    let mut levels = Vec::with_capacity(packed.len() * per_byte);
    for row in packed.chunks(width.div_ceil(per_byte).max(1)) {
        for x in 0..width.min(row.len() * per_byte) {
            let shift = 8 - bits * (x % per_byte + 1) as u8;
            let value = u16::from(row[x / per_byte] >> shift) & top;
            levels.push((value * 255 / top) as u8);
        }
    }
    levels
}

fn interleave(samples: Samples, planes: usize) -> Samples {
    fn weave<T: Copy>(v: &[T], planes: usize) -> Vec<T> {
        let each = v.len() / planes;
        (0..each * planes).map(|i| v[i % planes * each + i / planes]).collect()
    }
    match samples {
        Samples::U8(v) => Samples::U8(weave(&v, planes)),
        Samples::U16(v) => Samples::U16(weave(&v, planes)),
        Samples::F32(v) => Samples::F32(weave(&v, planes)),
    }
}

/// Without a colour profile, as Pillow does it: what the ink leaves of the light, times what the black leaves.
fn from_cmyk(samples: Samples) -> Samples {
    fn mix<T: Copy + Into<u64> + TryFrom<u64> + Default>(v: &[T], top: u64) -> Vec<T> {
        let light = |ink: T, black: T| {
            let left = (top - ink.into().min(top)) * (top - black.into().min(top));
            T::try_from((left + top / 2) / top).unwrap_or_default()
        };
        v.as_chunks::<4>().0.iter().flat_map(|&[c, m, y, k]| [light(c, k), light(m, k), light(y, k)]).collect()
    }
    match samples {
        Samples::U8(v) => Samples::U8(mix(&v, 255)),
        Samples::U16(v) => Samples::U16(mix(&v, 65535)),
        other => other,
    }
}

/// Undoes a multiplication of the colours by their alpha.
fn divide(samples: Samples, stored: usize) -> Samples {
    fn straighten<T: Copy + Into<u64> + TryFrom<u64>>(v: &mut [T], stored: usize, top: u64) {
        for pixel in v.chunks_exact_mut(stored) {
            let Some((alpha, colours)) = pixel.split_last_mut() else {
                continue;
            };
            let alpha: u64 = (*alpha).into();
            for colour in colours.iter_mut().filter(|_| alpha > 0) {
                let straight = ((*colour).into() * top + alpha / 2) / alpha;
                *colour = T::try_from(straight.min(top)).unwrap_or(*colour);
            }
        }
    }
    match samples {
        Samples::U8(mut v) => {
            straighten(&mut v, stored, 255);
            Samples::U8(v)
        }
        Samples::U16(mut v) => {
            straighten(&mut v, stored, 65535);
            Samples::U16(v)
        }
        Samples::F32(mut v) => {
            for pixel in v.chunks_exact_mut(stored) {
                let Some((&mut alpha, colours)) = pixel.split_last_mut() else {
                    continue;
                };
                colours.iter_mut().filter(|_| alpha > 0.0).for_each(|colour| *colour /= alpha);
            }
            Samples::F32(v)
        }
    }
}

fn drop_last(samples: Samples, stored: usize) -> Samples {
    fn cut<T: Copy>(v: &[T], stored: usize) -> Vec<T> {
        v.chunks_exact(stored).flat_map(|pixel| &pixel[..stored - 1]).copied().collect()
    }
    match samples {
        Samples::U8(v) => Samples::U8(cut(&v, stored)),
        Samples::U16(v) => Samples::U16(cut(&v, stored)),
        Samples::F32(v) => Samples::F32(cut(&v, stored)),
    }
}

fn explain(error: TiffError) -> Error {
    match error {
        TiffError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => truncated(),
        TiffError::IoError(e) => Error::new(ErrorKind::Damaged, format!("damaged TIFF: {e}")),
        TiffError::UnsupportedError(what) => Error::new(ErrorKind::Unsupported, format!("TIFF: {what}")),
        TiffError::LimitsExceeded => {
            Error::new(ErrorKind::Limit, "its TIFF directory asks for more memory than the picture needs")
        }
        other => Error::new(ErrorKind::Damaged, format!("damaged TIFF: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bits_are_spread_over_eight() {
        assert_eq!(unpack_bits(&[0b1010_0000, 0b0100_0000], 1, 3), [255, 0, 255, 0, 255, 0]);
        assert_eq!(unpack_bits(&[0b0001_1011], 2, 4), [0, 85, 170, 255]);
        assert_eq!(unpack_bits(&[0x0f, 0x80], 4, 3), [0, 255, 136]);
    }

    #[test]
    fn planes_are_woven_into_pixels() {
        assert_eq!(interleave(Samples::U8(vec![1, 2, 3, 4, 5, 6]), 3), Samples::U8(vec![1, 3, 5, 2, 4, 6]));
    }

    #[test]
    fn ink_becomes_light_as_in_pillow() {
        // Image.new("CMYK", (1, 1), c).convert("RGB").getpixel((0, 0)), Pillow 13.
        let pixels = vec![0, 0, 0, 0, 255, 0, 0, 0, 10, 100, 200, 50, 0, 0, 0, 255];
        let light = vec![255, 255, 255, 0, 255, 255, 197, 125, 44, 0, 0, 0];
        assert_eq!(from_cmyk(Samples::U8(pixels)), Samples::U8(light));
    }

    #[test]
    fn multiplied_colours_are_divided_by_their_alpha() {
        assert_eq!(divide(Samples::U8(vec![50, 100, 0, 0]), 2), Samples::U8(vec![128, 100, 0, 0]));
    }
}
