//! Image files to pictures in memory: which format, which size and colours, and the samples themselves.
//!
//! [`recognise`] names the format by content, [`header`] tells what a picture will be without decoding it,
//! [`decode`] decodes it, and [`Look::render`](render::Look::render) brings it to the shape that is stored.

mod frames;
mod jpeg;
mod render;
mod resize;
mod sample;
mod signature;
mod tiff;

pub(crate) use frames::{decode_frames, has_more, headers};
pub(crate) use render::Look;
pub use render::{Fit, JpegSize, Layout};
pub use resize::Resampling;
pub(crate) use resize::Studio;
use sample::Samples;
pub(crate) use sample::{Channels, Depth, Sample};
pub(crate) use signature::{Format, HEAD, Recognised, has_image_suffix, recognise, suffix_of};

use crate::error::{Error, ErrorKind, Result};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageReader};
use std::io::{BufRead, Cursor, Seek};

/// What a file says of its picture before any sample is decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Header {
    /// Width as stored, in pixels.
    pub(crate) width: u32,
    /// Height as stored, in pixels.
    pub(crate) height: u32,
    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    pub(crate) channels: usize,
    pub(crate) depth: Depth,
    /// The turn that makes it upright; an invalid one is none.
    pub(crate) orientation: Orientation,
    /// Bytes that the decoder may need for each pixel beside the samples.
    scratch_per_pixel: u64,
}

/// A decoded picture, not yet upright.
#[derive(Debug)]
pub(crate) struct Raster {
    /// Of the samples that are here: those in the file, or so many eighths of them, rounded up.
    pub(crate) width: u32,
    pub(crate) height: u32,
    eighths: u32,
    /// Width and height in the file.
    whole: (u32, u32),
    pub(crate) channels: usize,
    pub(crate) samples: Samples,
    pub(crate) orientation: Orientation,
}

impl Header {
    /// Width and height once it is upright.
    pub(crate) fn upright(&self) -> (u32, u32) {
        if lies_on_its_side(self.orientation) { (self.height, self.width) } else { (self.width, self.height) }
    }

    /// Whether it has more than shades of grey.
    pub(crate) fn coloured(&self) -> bool {
        self.channels >= 3
    }

    /// How many pixels it declares to have.
    pub(crate) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// About how many bytes decoding takes at most.
    pub(crate) fn memory(&self) -> u64 {
        let sample = match self.depth {
            Depth::Eight => 1,
            Depth::Sixteen => 2,
            Depth::Float => 4,
        };
        self.pixels().saturating_mul(self.channels as u64 * sample + self.scratch_per_pixel).saturating_add(1 << 16)
    }

    fn raster(self, samples: Samples) -> Raster {
        let Header { width, height, channels, orientation, .. } = self;
        Raster { width, height, eighths: 8, whole: (width, height), channels, samples, orientation }
    }
}

impl Raster {
    /// The depth of its samples.
    pub(crate) fn depth(&self) -> Depth {
        match self.samples {
            Samples::U8(_) => Depth::Eight,
            Samples::U16(_) => Depth::Sixteen,
            Samples::F32(_) => Depth::Float,
        }
    }
}

impl Samples {
    pub(crate) fn len(&self) -> usize {
        match self {
            Samples::U8(v) => v.len(),
            Samples::U16(v) => v.len(),
            Samples::F32(v) => v.len(),
        }
    }
}

/// Reads what a file says of its picture.
///
/// # Errors
/// Of a file that is damaged, cut short or of a kind that is not supported.
pub(crate) fn header<R: BufRead + Seek>(reader: R, format: Format) -> Result<Header> {
    match format {
        Format::Jpeg => jpeg::header(reader),
        Format::Tiff => tiff::header(reader),
        Format::Other(format) => open(reader, format).map(|(header, _)| header),
    }
}

/// Decodes the picture in `bytes`, the first if there are several, smaller where that is faster and all the same to
/// `look`. `buffer` is memory to reuse. `admit` is asked
/// when the size is known and no memory has been taken yet.
///
/// # Errors
/// Those of [`header`] and of `admit`; and a picture whose data end early is an error, never half a picture.
pub(crate) fn decode(
    bytes: &[u8],
    format: Format,
    buffer: Vec<u8>,
    look: Option<&Look>,
    admit: &mut dyn FnMut(&Header) -> Result<()>,
) -> Result<Raster> {
    match format {
        Format::Jpeg => jpeg::decode(bytes, buffer, look, admit),
        Format::Tiff => tiff::decode(bytes, admit),
        Format::Other(format) => decode_other(bytes, format, buffer, admit),
    }
}

fn open<'a, R: BufRead + Seek + 'a>(reader: R, format: ImageFormat) -> Result<(Header, impl ImageDecoder + 'a)> {
    let mut reader = ImageReader::with_format(reader, format);
    // The size is checked by who decodes; this only keeps a header from asking for gigabytes before that.
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(4 << 30);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| explain(e, format))?;
    let (width, height) = decoder.dimensions();
    let (channels, depth) = match decoder.color_type() {
        ColorType::L8 => (1, Depth::Eight),
        ColorType::La8 => (2, Depth::Eight),
        ColorType::Rgb8 => (3, Depth::Eight),
        ColorType::Rgba8 => (4, Depth::Eight),
        ColorType::L16 => (1, Depth::Sixteen),
        ColorType::La16 => (2, Depth::Sixteen),
        ColorType::Rgb16 => (3, Depth::Sixteen),
        ColorType::Rgba16 => (4, Depth::Sixteen),
        ColorType::Rgb32F => (3, Depth::Float),
        ColorType::Rgba32F => (4, Depth::Float),
        other => {
            return Err(Error::new(ErrorKind::Unsupported, format!("images of kind {other:?}")));
        }
    };
    // A broken EXIF block is no reason to lose the picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((Header { width, height, channels, depth, orientation, scratch_per_pixel: 4 }, decoder))
}

fn decode_other(
    bytes: &[u8],
    format: ImageFormat,
    mut buffer: Vec<u8>,
    admit: &mut dyn FnMut(&Header) -> Result<()>,
) -> Result<Raster> {
    let (header, decoder) = open(Cursor::new(bytes), format)?;
    admit(&header)?;
    let count = header.pixels().saturating_mul(header.channels as u64);
    let count =
        usize::try_from(count).map_err(|_| Error::new(ErrorKind::Limit, "the picture is larger than memory"))?;
    let samples = match header.depth {
        Depth::Eight => {
            buffer.resize(count, 0);
            decoder.read_image(&mut buffer).map_err(|e| explain(e, format))?;
            Samples::U8(buffer)
        }
        Depth::Sixteen => {
            let mut samples = vec![0u16; count];
            decoder.read_image(bytemuck::cast_slice_mut(&mut samples)).map_err(|e| explain(e, format))?;
            Samples::U16(samples)
        }
        Depth::Float => {
            let mut samples = vec![0f32; count];
            decoder.read_image(bytemuck::cast_slice_mut(&mut samples)).map_err(|e| explain(e, format))?;
            Samples::F32(samples)
        }
    };
    Ok(header.raster(samples))
}

/// Whether a turn exchanges width and height.
fn lies_on_its_side(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

fn truncated() -> Error {
    Error::new(ErrorKind::Damaged, "the file ends before its picture does (truncated)")
}

fn explain(error: ImageError, format: ImageFormat) -> Error {
    let format = format!("{format:?}").to_ascii_uppercase();
    let (kind, text) = match error {
        ImageError::Decoding(e) => match std::error::Error::source(&e) {
            Some(cause) => (ErrorKind::Damaged, cause.to_string()),
            None => (ErrorKind::Damaged, e.to_string()),
        },
        ImageError::Unsupported(e) => (ErrorKind::Unsupported, e.to_string()),
        ImageError::Limits(e) => (ErrorKind::Limit, e.to_string()),
        other => (ErrorKind::Damaged, other.to_string()),
    };
    // Most decoders say it in words only.
    let lower = text.to_ascii_lowercase();
    let early = ["failed to fill whole buffer", "unexpected end of file", "image truncated"];
    if early.iter().any(|words| lower.contains(words)) {
        return truncated();
    }
    match kind {
        ErrorKind::Damaged => Error::new(kind, format!("damaged {format}: {text}")),
        kind => Error::new(kind, text),
    }
}

#[cfg(test)]
mod tests;
