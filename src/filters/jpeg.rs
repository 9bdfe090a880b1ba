//! JPEG (filter 32019): every chunk is a JPEG file, of grey levels or of red, green and blue, 8 bits each.
//!
//! Two decoders need not give the same values: the standard lets them differ by one, and by more where colours were
//! subsampled. The filter's own plug-in uses libjpeg.
//!
//! The decoder is the crate `zune_jpeg`; without the feature `jpeg` (which `cli` switches on) the filter is not known.

use super::{Call, Filter};
use crate::error::{Error, Result};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

pub(super) struct Jpeg;

/// The marker that ends a file.
const END: [u8; 2] = [0xff, 0xd9];

impl Filter for Jpeg {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        // What is missing of the last row of blocks would be taken for grey.
        if !stored.windows(END.len()).rev().any(|bytes| bytes == END) {
            return Err(call.damaged("has no end"));
        }
        let wrong = |e: zune_jpeg::errors::DecodeErrors| call.damaged(e);
        // No image may have more pixels than the chunk has bytes.
        let side = call.most.min(1 << 16);
        let options = DecoderOptions::default().set_strict_mode(true).set_max_width(side).set_max_height(side);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stored), options);
        decoder.decode_headers().map_err(wrong)?;
        let colours = match decoder.info().map(|info| info.components) {
            Some(1) => ColorSpace::Luma,
            Some(3) => ColorSpace::RGB,
            _ => return Err(Error::unsupported("JPEG with other than one or three components")),
        };
        decoder.set_options(options.jpeg_set_out_colorspace(colours));
        let bytes = decoder.output_buffer_size().ok_or_else(|| call.damaged("has no size"))?;
        out.resize(call.check_size(bytes as u64)?, 0);
        decoder.decode_into(out).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8 by 8 grey levels.
    const STORED: [u8; 148] = [
        0xff, 0xd8, 0xff, 0xdb, 0x00, 0x43, 0x00, 0x14, 0x0e, 0x0f, 0x12, 0x0f, 0x0d, 0x14, 0x12, 0x10, 0x12, 0x17,
        0x15, 0x14, 0x18, 0x1e, 0x32, 0x21, 0x1e, 0x1c, 0x1c, 0x1e, 0x3d, 0x2c, 0x2e, 0x24, 0x32, 0x49, 0x40, 0x4c,
        0x4b, 0x47, 0x40, 0x46, 0x45, 0x50, 0x5a, 0x73, 0x62, 0x50, 0x55, 0x6d, 0x56, 0x45, 0x46, 0x64, 0x88, 0x65,
        0x6d, 0x77, 0x7b, 0x81, 0x82, 0x81, 0x4e, 0x60, 0x8d, 0x97, 0x8c, 0x7d, 0x96, 0x73, 0x7e, 0x81, 0x7c, 0xff,
        0xc0, 0x00, 0x0b, 0x08, 0x00, 0x08, 0x00, 0x08, 0x01, 0x01, 0x11, 0x00, 0xff, 0xc4, 0x00, 0x14, 0x00, 0x01,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0xff, 0xc4,
        0x00, 0x18, 0x10, 0x00, 0x02, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x04, 0x05, 0x22, 0x31, 0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x3f, 0x00, 0x32, 0x50,
        0xf9, 0x53, 0xff, 0xd9,
    ];
    /// What libjpeg makes of them.
    const LEVELS: [u8; 64] = [
        3, 12, 23, 33, 42, 52, 64, 72, 19, 28, 39, 50, 58, 68, 80, 88, 42, 50, 62, 72, 81, 91, 102, 111, 62, 71, 82,
        92, 101, 111, 123, 131, 80, 88, 100, 110, 119, 129, 140, 149, 100, 109, 120, 130, 139, 149, 161, 169, 123, 131,
        143, 153, 161, 172, 183, 192, 139, 147, 159, 169, 178, 188, 199, 208,
    ];

    fn decode(stored: &[u8], most: usize) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        Jpeg.decode(stored, &Call { parameters: &[40, 8, 8, 0], most, name: "JPEG" }, &mut out).map(|()| out)
    }

    #[test]
    fn levels_are_within_one_of_those_of_libjpeg() {
        let out = decode(&STORED, 64).unwrap();
        assert_eq!(out.len(), LEVELS.len());
        assert!(out.iter().zip(LEVELS).all(|(&own, wanted)| own.abs_diff(wanted) <= 1), "{out:?}");
    }

    #[test]
    fn damage_is_an_error_and_never_too_much() {
        assert!(decode(&STORED, 63).is_err());
        for cut in 0..STORED.len() {
            assert!(decode(&STORED[..cut], 64).is_err(), "cut at {cut}");
        }
        for at in 0..STORED.len() {
            for change in [0x01, 0x55, 0xff] {
                let mut damaged = STORED;
                damaged[at] ^= change;
                assert!(decode(&damaged, 64).map_or(true, |out| out.len() <= 64), "{at}");
            }
        }
    }
}
