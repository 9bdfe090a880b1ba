//! TIFFs whose samples are numbers of colours, which the decoder refuses.
//!
//! It is given a copy of the file that says they were shades of grey, and their colours are looked up here.

use super::{Kind, explain, samples_of};
use crate::commands::convert::picture::{Depth, Header, Raster, Samples};
use crate::error::{Error, ErrorKind, Result};
use std::io::{BufRead, Cursor, Seek};
use tiff::decoder::{Decoder, Limits};
use tiff::tags::{ByteOrder, Tag};

/// Photometric interpretations.
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u16 = 3;

/// How many bits the numbers have, if the current page has a palette.
pub(super) fn bits<R: BufRead + Seek>(decoder: &mut Decoder<R>) -> Result<Option<u8>> {
    let number = |decoder: &mut Decoder<R>, tag| decoder.find_tag_unsigned_vec::<u16>(tag).map_err(explain);
    if number(decoder, Tag::PhotometricInterpretation)?.and_then(|v| v.first().copied()) != Some(PALETTE) {
        return Ok(None);
    }
    let samples = number(decoder, Tag::SamplesPerPixel)?.and_then(|v| v.first().copied()).unwrap_or(1);
    match (number(decoder, Tag::BitsPerSample)?.and_then(|v| v.first().copied()).unwrap_or(1), samples) {
        (bits @ (1 | 2 | 4 | 8), 1) => Ok(Some(bits as u8)),
        (bits, samples) => {
            let message = format!("TIFF with a palette and {samples} samples of {bits} bits");
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

/// Decodes the current page.
pub(super) fn decode<R: BufRead + Seek>(
    bytes: &[u8],
    decoder: &mut Decoder<R>,
    header: Header,
    bits: u8,
    limits: Limits,
) -> Result<Raster> {
    let map = decoder.find_tag_unsigned_vec::<u16>(Tag::ColorMap).map_err(explain)?.unwrap_or_default();
    let colours = 1usize << bits;
    if map.len() < 3 * colours {
        return Err(Error::new(ErrorKind::Damaged, "damaged TIFF: its palette is too short"));
    }
    // Some programs write 8 bits where 16 belong.
    let shift = if map.iter().any(|&v| v > 255) { 8 } else { 0 };
    let colour = |i: usize| [0, 1, 2].map(|c| map.get(c * colours + i).map_or(0, |&v| (v >> shift) as u8));
    let table: Vec<[u8; 3]> = (0..colours).map(colour).collect();

    let place = decoder.ifd_pointer().map(|ifd| ifd.0);
    let grey = place.and_then(|ifd| as_grey(bytes, ifd, decoder.byte_order() == ByteOrder::BigEndian));
    let grey = grey.ok_or_else(|| Error::new(ErrorKind::Damaged, "damaged TIFF: its directory"))?;
    let mut grey = Decoder::new(Cursor::new(&grey[..])).map_err(explain)?.with_limits(limits);
    let one = Header { channels: 1, depth: Depth::Eight, ..header };
    let raster = samples_of(&mut grey, one, Kind::Plain { channels: 1, bits })?;
    let Samples::U8(levels) = raster.samples else {
        return Err(Error::new(ErrorKind::Damaged, "damaged TIFF: numbers of colours of another size"));
    };
    // Few bits have been spread over 0 to 255.
    let number = |level: u8| usize::from(level) * (colours - 1) / 255;
    let rgb = levels.iter().flat_map(|&level| table.get(number(level)).copied().unwrap_or_default());
    Ok(header.raster(Samples::U8(rgb.collect())))
}

/// A copy of the file whose first directory is the one at `ifd`, and says that samples are shades of grey.
fn as_grey(bytes: &[u8], ifd: u64, big: bool) -> Option<Vec<u8>> {
    let mut copy = bytes.to_vec();
    let two = |at: usize| {
        let pair: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    };
    let eight = |at: usize| {
        let all: [u8; 8] = bytes.get(at..at.checked_add(8)?)?.try_into().ok()?;
        Some(if big { u64::from_be_bytes(all) } else { u64::from_le_bytes(all) })
    };
    let is_large = two(2)? == 43;
    let at = usize::try_from(ifd).ok()?;
    let (count, first, entry, value) =
        if is_large { (eight(at)?, at.checked_add(8)?, 20, 12) } else { (two(at)?.into(), at.checked_add(2)?, 12, 8) };
    for i in 0..usize::try_from(count).ok()? {
        let start = first.checked_add(i.checked_mul(entry)?)?;
        if two(start)? == Tag::PhotometricInterpretation.to_u16() {
            let grey = if big { BLACK_IS_ZERO.to_be_bytes() } else { BLACK_IS_ZERO.to_le_bytes() };
            copy.get_mut(start + value..start + value + 2)?.copy_from_slice(&grey);
        }
    }
    let narrow = u32::try_from(ifd).ok();
    match (is_large, big) {
        (true, true) => copy.get_mut(8..16)?.copy_from_slice(&ifd.to_be_bytes()),
        (true, false) => copy.get_mut(8..16)?.copy_from_slice(&ifd.to_le_bytes()),
        (false, true) => copy.get_mut(4..8)?.copy_from_slice(&narrow?.to_be_bytes()),
        (false, false) => copy.get_mut(4..8)?.copy_from_slice(&narrow?.to_le_bytes()),
    }
    Some(copy)
}
