//! Files with several pictures: animations, and documents of several pages.

use super::{Depth, Format, Header, Raster, Samples, decode, explain, header, open, tiff};
use crate::error::{Error, ErrorKind, Result};
use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{AnimationDecoder, Frames, ImageFormat};
use std::io::Cursor;
use std::ops::Range;

/// More frames than this are not looked for in one file.
const MOST: usize = 1 << 20;

/// What a file says of each of its pictures.
///
/// # Errors
/// As [`header`].
pub(crate) fn headers(bytes: &[u8], format: Format) -> Result<Vec<Header>> {
    let reader = Cursor::new(bytes);
    if format == Format::Tiff {
        return tiff::headers(reader);
    }
    let one = header(reader, format)?;
    let count = match format {
        Format::Other(ImageFormat::Gif) => gif_frames(bytes, MOST),
        Format::Other(ImageFormat::WebP) => webp_frames(bytes),
        Format::Other(ImageFormat::Png) => png_frames(bytes),
        _ => 1,
    };
    if count < 2 {
        return Ok(vec![one]);
    }
    if one.depth != Depth::Eight {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "an animation of more than 8 bits; --frames first takes its first",
        ));
    }
    // All frames of an animation are put on one canvas, which may shine through.
    Ok(vec![Header { channels: 4, orientation: Orientation::NoTransforms, ..one }; count.min(MOST)])
}

/// Decodes some frames of a file that has several; `take` gets each as far as they can be decoded: a damaged page of a
/// TIFF is an error among the others, behind a damaged frame of an animation there is nothing.
///
/// # Errors
/// Those of [`header`] and of `admit`, and of a file that ends before the last frame.
pub(crate) fn decode_frames(
    bytes: &[u8],
    format: Format,
    wanted: Range<u32>,
    admit: &mut dyn FnMut(&Header) -> Result<()>,
    take: &mut dyn FnMut(Result<Raster>),
) -> Result<()> {
    if format == Format::Tiff {
        return tiff::decode_pages(bytes, wanted, admit, take);
    }
    let Format::Other(kind) = format else {
        take(decode(bytes, format, Vec::new(), None, admit));
        return Ok(());
    };
    let header = header(Cursor::new(bytes), format)?;
    admit(&Header { channels: 4, ..header })?;
    // For its limits on memory.
    open(Cursor::new(bytes), kind)?;
    let mut frames = animation(bytes, kind).map_err(|e| explain(e, kind))?;
    for number in 0..wanted.end {
        let frame = match frames.next() {
            Some(frame) => frame.map_err(|e| explain(e, kind))?,
            None => return Err(super::truncated()),
        };
        if number >= wanted.start {
            let picture = frame.into_buffer();
            let (width, height) = picture.dimensions();
            let samples = Samples::U8(picture.into_raw());
            let header = Header { width, height, channels: 4, orientation: Orientation::NoTransforms, ..header };
            take(Ok(header.raster(samples)));
        }
    }
    Ok(())
}

fn animation(bytes: &[u8], kind: ImageFormat) -> image::ImageResult<Frames<'_>> {
    let reader = Cursor::new(bytes);
    match kind {
        ImageFormat::Gif => Ok(GifDecoder::new(reader)?.into_frames()),
        ImageFormat::WebP => Ok(WebPDecoder::new(reader)?.into_frames()),
        _ => Ok(PngDecoder::new(reader)?.apng()?.into_frames()),
    }
}

/// Whether the file holds further frames or pages, beside the first.
pub(crate) fn has_more(bytes: &[u8], format: Format) -> bool {
    match format {
        Format::Other(ImageFormat::Gif) => gif_frames(bytes, 2) > 1,
        Format::Other(ImageFormat::WebP) => {
            bytes.get(12..16) == Some(b"VP8X") && bytes.get(20).is_some_and(|flags| flags & 2 != 0)
        }
        Format::Other(ImageFormat::Png) => png_frames(bytes) > 1,
        Format::Tiff => ::tiff::decoder::Decoder::new(Cursor::new(bytes)).is_ok_and(|decoder| decoder.more_images()),
        _ => false,
    }
}

/// Counts frames, but not beyond `most`.
fn gif_frames(bytes: &[u8], most: usize) -> usize {
    let table = |flags: u8| {
        if flags & 0x80 == 0 { 0 } else { 3usize << ((flags & 7) + 1) }
    };
    let mut frames = 0;
    let mut at = 13 + bytes.get(10).map_or(0, |&flags| table(flags));
    while frames < most {
        match bytes.get(at) {
            Some(0x21) => at += 2,
            Some(0x2c) => {
                frames += 1;
                at += 11 + bytes.get(at + 9).map_or(0, |&flags| table(flags));
            }
            _ => break,
        }
        while let Some(&length @ 1..) = bytes.get(at) {
            at += 1 + usize::from(length);
        }
        at += 1;
    }
    frames
}

/// Counts the chunks of frames.
fn webp_frames(bytes: &[u8]) -> usize {
    let (mut at, mut frames) = (12usize, 0);
    while let Some(&[a, b, c, d, ref size @ ..]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        frames += usize::from([a, b, c, d] == *b"ANMF");
        let &[w, x, y, z] = size;
        let size = u32::from_le_bytes([w, x, y, z]) as usize;
        at = at.saturating_add(8).saturating_add(size.next_multiple_of(2));
    }
    frames
}

/// How many frames the control chunk of an animation, which stands before the picture, names.
fn png_frames(bytes: &[u8]) -> usize {
    let mut at = 8usize;
    while let Some(&[a, b, c, d, ref name @ ..]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        match name {
            b"acTL" => {
                let count = bytes.get(at + 8..).and_then(|rest| rest.first_chunk::<4>());
                return count.map_or(1, |&count| u32::from_be_bytes(count) as usize);
            }
            b"IDAT" => return 1,
            _ => {}
        }
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let Some(next) = at.checked_add(12).and_then(|at| at.checked_add(length)) else {
            return 1;
        };
        at = next;
    }
    1
}
