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
