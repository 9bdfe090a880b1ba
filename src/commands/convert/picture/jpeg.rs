//! JPEG, by `zune-jpeg`: twice as fast as the other decoders in Rust, and within 2 of 255 of libjpeg-turbo.

use super::sample::{Depth, Samples};
use super::{Header, Raster, truncated};
use crate::error::{Error, Result};
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

/// Decodes a whole file into `pixels`, which is reused; `admit` sees the header before memory is taken.
pub(super) fn decode(
    bytes: &[u8],
    mut pixels: Vec<u8>,
    admit: &mut dyn FnMut(&Header) -> Result<()>,
) -> Result<Raster> {
    let (header, mut decoder) = open(ZCursor::new(bytes))?;
    admit(&header)?;
    // The decoder notices missing data only at the next row of blocks; the last row is guarded by the end marker,
    // as in Pillow.
    if !has_end(bytes) {
        return Err(truncated());
    }
    let space = if header.channels == 1 {
        ColorSpace::Luma
    } else {
        ColorSpace::RGB
    };
    let options = decoder.options().jpeg_set_out_colorspace(space);
    decoder.set_options(options);
    let size = decoder
        .output_buffer_size()
        .ok_or_else(|| Error::limit("the picture is larger than memory"))?;
    pixels.resize(size, 0);
    decoder.decode_into(&mut pixels).map_err(explain)?;
    Ok(header.raster(Samples::U8(pixels)))
}

fn open<R: ZByteReaderTrait>(reader: R) -> Result<(Header, JpegDecoder<R>)> {
    let side = usize::from(u16::MAX);
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(side)
        .set_max_height(side);
    let mut decoder = JpegDecoder::new_with_options(reader, options);
    decoder.decode_headers().map_err(explain)?;
    let (Some(info), Some(space)) = (decoder.info(), decoder.input_colorspace()) else {
        return Err(truncated());
    };
    let orientation = decoder
        .exif()
        .and_then(|exif| Orientation::from_exif_chunk(exif));
    let header = Header {
        width: u32::from(info.width),
        height: u32::from(info.height),
        // CMYK and its relatives are turned into RGB by the decoder.
        channels: if space == ColorSpace::Luma { 1 } else { 3 },
        depth: Depth::Eight,
        orientation: orientation.unwrap_or(Orientation::NoTransforms),
        // A progressive file keeps 16-bit coefficients of the whole picture beside its pixels.
        scratch_per_pixel: 2 * u64::from(info.components),
    };
    Ok((header, decoder))
}

/// Whether an end-of-image marker stands behind the first scan; one in front of it belongs to a thumbnail.
fn has_end(bytes: &[u8]) -> bool {
    let scan = scan_start(bytes).and_then(|start| bytes.get(start..));
    scan.is_some_and(|scan| scan.windows(2).rev().any(|pair| pair == [0xff, 0xd9]))
}

/// The position behind the marker of the first scan.
fn scan_start(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        at += bytes.get(at..)?.iter().position(|&b| b == 0xff)?;
        at += bytes.get(at..)?.iter().position(|&b| b != 0xff)?;
        match bytes.get(at)? {
            0xda => return Some(at + 1),
            0x00 | 0x01 | 0xd0..=0xd8 => at += 1,
            _ => {
                let &[high, low] = bytes.get(at + 1..at + 3)? else {
                    return None;
                };
                at += 1 + usize::from(u16::from_be_bytes([high, low]));
            }
        }
    }
}

fn explain(error: DecodeErrors) -> Error {
    match error {
        DecodeErrors::ExhaustedData
        | DecodeErrors::FormatStatic("Premature end of buffer")
        | DecodeErrors::IoErrors(ZByteIoError::NotEnoughBytes(..)) => truncated(),
        DecodeErrors::IoErrors(ZByteIoError::StdIoError(e)) => e.into(),
        DecodeErrors::Unsupported(_) => {
            Error::unsupported("JPEG in arithmetic, lossless or 12-bit coding")
        }
        other => Error::damaged(format!("damaged JPEG: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jpeg_cut_anywhere_is_an_error() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/images/exif_1.jpg");
        let file = std::fs::read(path).unwrap_or_default();
        let decoded = |bytes: &[u8]| decode(bytes, Vec::new(), &mut |_| Ok(()));
        assert!(decoded(&file).is_ok());
        for end in 0..file.len() {
            assert!(
                decoded(&file[..end]).is_err(),
                "cut at {end} of {}",
                file.len()
            );
        }
    }

    #[test]
    fn the_end_marker_of_a_thumbnail_is_not_that_of_the_picture() {
        let file = [
            0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 0, 0, 0xff, 0xda, 0, 2, 1, 2, 3,
        ];
        assert_eq!(scan_start(&file), Some(12));
        assert!(!has_end(&file));
        assert!(has_end(&[&file[..], &[0xff, 0xd9]].concat()));
    }
}
