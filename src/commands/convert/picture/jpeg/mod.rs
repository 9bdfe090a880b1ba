//! JPEG, by `zune-jpeg`: twice as fast as the other decoders in Rust, and within 2 of 255 of libjpeg-turbo; and by
//! [`reduced`] where a half, a quarter or an eighth of a picture is enough.

mod huffman;
mod inverse;
mod reduced;

use super::sample::{Depth, Samples};
use super::{Header, Look, Raster, truncated};
use crate::error::{Error, ErrorKind, Result};
use image::metadata::Orientation;
use zune_core::bytestream::{ZByteIoError, ZByteReaderTrait, ZCursor};
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

/// Reads as far as the first scan.
pub(super) fn header<R: ZByteReaderTrait>(reader: R) -> Result<Header> {
    open(reader).map(|(header, _)| header)
}

/// Decodes a whole file into `pixels`, which is reused, smaller where `look` allows it; `admit` sees the header before
/// memory is taken.
pub(super) fn decode(
    bytes: &[u8],
    mut pixels: Vec<u8>,
    look: Option<&Look>,
    admit: &mut dyn FnMut(&Header) -> Result<()>,
) -> Result<Raster> {
    let (mut header, mut decoder) = open(ZCursor::new(bytes))?;
    let layout = Layout::of(bytes).ok_or_else(truncated)?;
    if layout.progressive {
        // 16-bit coefficients of the whole picture, beside its pixels.
        header.scratch_per_pixel = 2 * header.channels.max(4) as u64;
    }
    admit(&header)?;
    let eighths = look.map_or(8, |look| look.eighths(&header));
    if eighths < 8
        && !layout.progressive
        && let Some(size) = reduced::decode(bytes, eighths as usize, &mut pixels)
    {
        let (width, height) = size;
        return Ok(Raster { width, height, eighths, ..header.raster(Samples::U8(pixels)) });
    }
    // The decoder notices missing data only at the next row of blocks; the last row is guarded by the end marker,
    // as in Pillow.
    if !layout.has_end(bytes) {
        return Err(truncated());
    }
    let space = if header.channels == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = decoder.options().jpeg_set_out_colorspace(space);
    decoder.set_options(options);
    let size = decoder
        .output_buffer_size()
        .ok_or_else(|| Error::new(ErrorKind::Limit, "the picture is larger than memory"))?;
    pixels.resize(size, 0);
    decoder.decode_into(&mut pixels).map_err(explain)?;
    Ok(header.raster(Samples::U8(pixels)))
}

fn open<R: ZByteReaderTrait>(reader: R) -> Result<(Header, JpegDecoder<R>)> {
    let side = usize::from(u16::MAX);
    let options = DecoderOptions::default().set_strict_mode(true).set_max_width(side).set_max_height(side);
    let mut decoder = JpegDecoder::new_with_options(reader, options);
    decoder.decode_headers().map_err(explain)?;
    let (Some(info), Some(space)) = (decoder.info(), decoder.input_colorspace()) else {
        return Err(truncated());
    };
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let header = Header {
        width: u32::from(info.width),
        height: u32::from(info.height),
        // CMYK and its relatives are turned into RGB by the decoder.
        channels: if space == ColorSpace::Luma { 1 } else { 3 },
        depth: Depth::Eight,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        scratch_per_pixel: 0,
    };
    Ok((header, decoder))
}

/// What the markers in front of the first scan say.
struct Layout {
    progressive: bool,
    /// The position behind the marker of the first scan.
    scan: usize,
}

impl Layout {
    fn of(bytes: &[u8]) -> Option<Layout> {
        let mut progressive = false;
        let mut at = 2;
        loop {
            at += bytes.get(at..)?.iter().position(|&b| b == 0xff)?;
            at += bytes.get(at..)?.iter().position(|&b| b != 0xff)?;
            let marker = *bytes.get(at)?;
            at += 1;
            match marker {
                0xda => {
                    return Some(Layout { progressive, scan: at });
                }
                // Markers without a length.
                0x00 | 0x01 | 0xd0..=0xd8 => {}
                _ => {
                    progressive |= marker == 0xc2;
                    let &[high, low] = bytes.get(at..at + 2)? else {
                        return None;
                    };
                    at += usize::from(u16::from_be_bytes([high, low]));
                }
            }
        }
    }

    /// Whether an end-of-image marker stands behind the first scan; one in front of it belongs to a thumbnail.
    fn has_end(&self, bytes: &[u8]) -> bool {
        let scan = bytes.get(self.scan..).unwrap_or_default();
        scan.windows(2).rev().any(|pair| pair == [0xff, 0xd9])
    }
}

fn explain(error: DecodeErrors) -> Error {
    match error {
        DecodeErrors::ExhaustedData
        | DecodeErrors::FormatStatic("Premature end of buffer")
        | DecodeErrors::IoErrors(ZByteIoError::NotEnoughBytes(..)) => truncated(),
        DecodeErrors::IoErrors(ZByteIoError::StdIoError(e)) => e.into(),
        DecodeErrors::Unsupported(_) => {
            Error::new(ErrorKind::Unsupported, "JPEG in arithmetic, lossless or 12-bit coding")
        }
        DecodeErrors::Format(what) => damaged(&what),
        DecodeErrors::FormatStatic(what) => damaged(what),
        other => damaged(&format!("{other:?}")),
    }
}

fn damaged(what: &str) -> Error {
    let what = what.trim().trim_start_matches("[strict-mode]: ");
    Error::new(ErrorKind::Damaged, format!("damaged JPEG: {what}"))
}

#[cfg(test)]
mod tests {
    use super::super::{Channels, Fit, JpegSize, Resampling};
    use super::*;

    fn fixture() -> Vec<u8> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/images/exif_1.jpg");
        std::fs::read(path).unwrap_or_default()
    }

    /// Allows pictures of 48 by 32 to be decoded at 4 and 2 eighths.
    fn small(side: u32) -> Look {
        Look {
            dim: Some((side, side)),
            fit: Fit::Stretch,
            filter: Resampling::Lanczos,
            channels: Channels::Rgb,
            background: [255; 3],
            layout: super::super::Layout::Nhwc,
            jpeg: JpegSize::Fast,
        }
    }

    #[test]
    fn a_jpeg_cut_anywhere_is_an_error() {
        let file = fixture();
        let (half, quarter) = (small(8), small(4));
        for look in [None, Some(&half), Some(&quarter)] {
            let decoded = |bytes: &[u8]| decode(bytes, Vec::new(), look, &mut |_| Ok(()));
            assert!(decoded(&file).is_ok());
            for end in 0..file.len() {
                assert!(decoded(&file[..end]).is_err(), "cut at {end} of {}", file.len());
            }
        }
    }

    #[test]
    fn a_part_of_the_size_is_the_mean_of_the_whole() -> Result<()> {
        let pixels = |raster: Raster| match raster.samples {
            Samples::U8(pixels) => pixels,
            _ => Vec::new(),
        };
        let whole = pixels(decode(&fixture(), Vec::new(), None, &mut |_| Ok(()))?);
        for (side, times) in [(8, 2), (4, 4)] {
            let raster = decode(&fixture(), Vec::new(), Some(&small(side)), &mut |_| Ok(()))?;
            assert_eq!((raster.width, raster.height, raster.whole), (48 / times, 32 / times, (48, 32)));
            let (width, times) = (raster.width as usize, times as usize);
            for (i, &sample) in pixels(raster).iter().enumerate() {
                let (x, y, c) = (i / 3 % width * times, i / 3 / width * times, i % 3);
                let of = |n: usize| u32::from(whole[((y + n / times) * 48 + x + n % times) * 3 + c]);
                let mean = (0..times * times).map(of).sum::<u32>() / (times * times) as u32;
                assert!(u32::from(sample).abs_diff(mean) < 12, "{sample} is not {mean} at {x}, {y}");
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_not_in_order_is_left_to_the_whole_decoder() {
        let file = fixture();
        let reduced = |file: &[u8]| reduced::decode(file, 4, &mut Vec::new());
        assert_eq!(reduced(&file), Some((24, 16)));
        assert_eq!(reduced(&[&file[..file.len() - 2], &[0xff, 0xff, 0xd9, 1, 2]].concat()), Some((24, 16)));
        // A byte too many, a restart that nobody announced, no end.
        for wrong in [&[1, 0xff, 0xd9][..], &[0xff, 0xd0, 0xff, 0xd9], &[]] {
            assert_eq!(reduced(&[&file[..file.len() - 2], wrong].concat()), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_end_marker_of_a_thumbnail_is_not_that_of_the_picture() {
        let file = [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 0, 0, 0xff, 0xda, 0, 2, 1, 2, 3];
        let ends = |file: &[u8]| Layout::of(file).map(|layout| (layout.scan, layout.has_end(file)));
        assert_eq!(ends(&file), Some((12, false)));
        assert_eq!(ends(&[&file[..], &[0xff, 0xd9]].concat()), Some((12, true)));
    }
}
