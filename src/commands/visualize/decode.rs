//! A whole image file, as `convert --store bytes` keeps it in a row, as pixels: upright, eight bit RGB or RGBA.

use super::picture::Raw;
use super::source::Values;
use crate::error::{Error, Result};
use crate::image_set::recognise::Order;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};
use std::io::Cursor;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// No picture for a screen needs more; a hostile header may claim more.
const LONGEST_SIDE: usize = 1 << 15;
const MOST_BYTES: u64 = 192 << 20;

const JPEG: &[u8] = b"\xff\xd8\xff";

/// The picture in an image file.
pub(super) fn decode(bytes: &[u8]) -> Result<Raw> {
    let failed = |why: String| Error::damaged(format!("the picture cannot be decoded: {why}"));
    let picture = if bytes.starts_with(JPEG) { jpeg(bytes) } else { other(bytes) }.map_err(failed)?;
    let (width, height) = (picture.width(), picture.height());
    if picture.color().has_alpha() {
        Raw::new(width, height, 4, Order::Pixels, Values::Bytes(picture.into_rgba8().into_raw()))
    } else {
        Raw::new(width, height, 3, Order::Pixels, Values::Bytes(picture.into_rgb8().into_raw()))
    }
}

fn jpeg(bytes: &[u8]) -> Result<DynamicImage, String> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGB)
        .set_max_width(LONGEST_SIDE)
        .set_max_height(LONGEST_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("it has no size")?;
    if width as u64 * height as u64 * 3 > MOST_BYTES {
        return Err(format!("it has {width}×{height} pixels, more than can be shown"));
    }
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    let pixels = decoder.decode().map_err(|e| e.to_string())?;
    let size = (u32::try_from(width).unwrap_or(0), u32::try_from(height).unwrap_or(0));
    let picture = RgbImage::from_raw(size.0, size.1, pixels).ok_or("it ends too early")?;
    Ok(upright(picture.into(), orientation))
}

fn other(bytes: &[u8]) -> Result<DynamicImage, String> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let mut limits = image::Limits::default();
    limits.max_image_width = u32::try_from(LONGEST_SIDE).ok();
    limits.max_image_height = limits.max_image_width;
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let orientation = decoder.orientation().ok();
    let picture = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    Ok(upright(picture, orientation))
}

/// As the camera was held; an orientation of no meaning, which some programs write, means upright.
fn upright(mut picture: DynamicImage, orientation: Option<Orientation>) -> DynamicImage {
    picture.apply_orientation(orientation.unwrap_or(Orientation::NoTransforms));
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(picture: &DynamicImage) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
        file.into_inner()
    }

    #[test]
    fn a_png_is_recognised_and_decoded() {
        let file = png(&RgbImage::from_pixel(3, 2, image::Rgb([1, 2, 3])).into());
        let raw = decode(&file).unwrap();
        assert_eq!((raw.width(), raw.height()), (3, 2));
        assert_eq!(raw.into_picture(super::super::picture::Range::EMPTY).pixel(2, 1), Some([1, 2, 3]));
    }

    #[test]
    fn text_and_torn_files_are_errors_not_pictures() {
        assert!(decode(b"hello").is_err());
        assert!(decode(b"\xff\xd8\xff\xe0 no more").is_err());
        assert!(decode(b"").is_err());
        let file = png(&RgbImage::new(64, 64).into());
        assert!(decode(&file[..file.len() / 2]).is_err());
    }

    #[test]
    fn a_png_that_claims_a_huge_size_is_refused() {
        let mut file = png(&RgbImage::new(4, 4).into());
        file[16..20].copy_from_slice(&0x7fff_ffff_u32.to_be_bytes());
        assert!(decode(&file).is_err());
    }
}
