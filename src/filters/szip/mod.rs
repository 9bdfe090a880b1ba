//! szip (filter 4): a u32 of how many bytes there were, and an entropy-coded stream of the pixels (CCSDS 121.0-B).
//!
//! | parameter | meaning |
//! | --- | --- |
//! | 0 | options: 1 "K13" and 128 "no header" are always set and mean nothing here, 4 coded as it is (EC), 32 coded as differences of neighbours (NN), 8 or 16 pixels are little- or big-endian |
//! | 1 | pixels of a block, even, at most 32 |
//! | 2 | bits of a pixel |
//! | 3 | pixels of a scanline: after each the coder begins anew |
//!
//! What szip itself adds to the coder ([`decode`], [`encode`]): pixels of 32 and 64 bits are taken apart, all first
//! bytes before all second bytes, and coded as pixels of 8 bits; and scanlines are filled up to whole blocks.

mod decode;
mod encode;

use super::bits::{BitReader, BitWriter};
use super::set_local::Target;
use super::{Call, Filter, shuffle};
use crate::error::{Error, Result};
use crate::format::message::datatype::{Bits, ByteOrder, Datatype};

const ALLOW_K13: u32 = 1;
const CHIP: u32 = 2;
const LITTLE_ENDIAN: u32 = 8;
const BIG_ENDIAN: u32 = 16;
const NEAREST_NEIGHBOUR: u32 = 32;
const RAW: u32 = 128;

const MAX_PIXELS_PER_BLOCK: u32 = 32;
/// A scanline that libhdf5 stores.
const MAX_BLOCKS_PER_SCANLINE: u32 = 128;
/// What the coder of libaec can do; libhdf5 stores no more than 128, but reads these.
const MAX_BLOCKS: usize = 4096;

pub(super) struct Szip;

/// How pixels are coded.
#[derive(Clone, Copy)]
struct Coding {
    /// Bits of a sample, 1 to 32.
    bits: u32,
    /// Samples of a block.
    block: usize,
    /// Blocks of an interval: a scanline, filled up.
    blocks: usize,
    /// Whether samples are differences of neighbours, and the first of an interval is stored as it is.
    differences: bool,
}

impl Coding {
    /// Bits of the number that says how a block is coded.
    fn id_bits(self) -> u32 {
        match self.bits {
            ..=8 => 3,
            9..=16 => 4,
            _ => 5,
        }
    }

    /// The greatest sample.
    fn greatest(self) -> u32 {
        u32::MAX >> (32 - self.bits)
    }

    /// Samples of an interval.
    fn interval(self) -> usize {
        self.block * self.blocks
    }
}

/// The parameters, understood.
struct Pixels {
    coding: Coding,
    /// Samples of a scanline, not filled up.
    scanline: usize,
    /// Bytes of a sample.
    size: usize,
    big_endian: bool,
    /// Bytes of a pixel that is taken apart, else 1.
    planes: usize,
}

impl Pixels {
    fn new(call: &Call<'_>) -> Result<Pixels> {
        let (options, block) = (call.parameter(0)?, call.parameter(1)?);
        let (bits, scanline) = (call.parameter(2)?, call.parameter(3)? as usize);
        if block == 0 || block % 2 == 1 || block > MAX_PIXELS_PER_BLOCK {
            return Err(call.damaged(format!("blocks of {block} pixels")));
        }
        let block = block as usize;
        if scanline == 0 || scanline.div_ceil(block) > MAX_BLOCKS {
            return Err(call.damaged(format!("scanlines of {scanline} pixels")));
        }
        let (bits, planes) = match bits {
            32 | 64 => (8, bits as usize / 8),
            1..32 => (bits, 1),
            _ => return Err(call.damaged(format!("pixels of {bits} bits"))),
        };
        let coding =
            Coding { bits, block, blocks: scanline.div_ceil(block), differences: options & NEAREST_NEIGHBOUR != 0 };
        let size = match bits {
            ..=8 => 1,
            9..=16 => 2,
            _ => 4,
        };
        Ok(Pixels { coding, scanline, size, big_endian: options & BIG_ENDIAN != 0, planes })
    }

    /// Whether that many bytes are whole pixels; libaec loses the rest.
    fn are_whole(&self, bytes: usize) -> bool {
        bytes.is_multiple_of(self.size * self.planes)
    }

    /// The samples of these bytes.
    fn load(&self, bytes: &[u8], samples: &mut Vec<u32>) {
        samples.clear();
        match (self.size, self.big_endian) {
            (1, _) => samples.extend(bytes.iter().map(|&b| u32::from(b))),
            (2, false) => samples.extend(bytes.as_chunks().0.iter().map(|&b| u32::from(u16::from_le_bytes(b)))),
            (2, true) => samples.extend(bytes.as_chunks().0.iter().map(|&b| u32::from(u16::from_be_bytes(b)))),
            (_, false) => samples.extend(bytes.as_chunks().0.iter().map(|&b| u32::from_le_bytes(b))),
            (_, true) => samples.extend(bytes.as_chunks().0.iter().map(|&b| u32::from_be_bytes(b))),
        }
    }

    /// The bytes of these samples.
    fn store(&self, samples: &[u32], out: &mut Vec<u8>) {
        match (self.size, self.big_endian) {
            (1, _) => out.extend(samples.iter().map(|&s| s as u8)),
            (2, false) => out.extend(samples.iter().flat_map(|&s| (s as u16).to_le_bytes())),
            (2, true) => out.extend(samples.iter().flat_map(|&s| (s as u16).to_be_bytes())),
            (_, false) => out.extend(samples.iter().flat_map(|&s| s.to_le_bytes())),
            (_, true) => out.extend(samples.iter().flat_map(|&s| s.to_be_bytes())),
        }
    }

    /// Decodes the pixels of `bytes` bytes, still taken apart.
    fn decode(&self, stream: &[u8], bytes: usize, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let mut bits = BitReader::new(stream);
        let mut samples = Vec::with_capacity(self.coding.interval());
        let mut left = bytes / self.size;
        while left > 0 {
            let line = left.min(self.scanline);
            // Of the last line nothing is needed that only fills it up.
            let wanted = if line < left { self.coding.interval() } else { line };
            decode::interval(self.coding, &mut bits, wanted, &mut samples)?;
            self.store(&samples[..line], out);
            left -= line;
        }
        Ok(())
    }

    /// Encodes pixels that were taken apart; `false` if that makes them larger, or they have more bits than they should.
    fn encode(&self, chunk: &[u8], out: &mut Vec<u8>) -> bool {
        let most = out.len() + chunk.len();
        let mut bits = BitWriter::new(out);
        let mut encoder = encode::Encoder::new(self.coding);
        let mut samples = Vec::with_capacity(self.coding.interval());
        for line in chunk.chunks(self.scanline * self.size) {
            self.load(line, &mut samples);
            if samples.iter().any(|&s| s > self.coding.greatest()) || bits.whole_bytes() > most {
                return false;
            }
            let last = if self.coding.differences { samples.last().copied().unwrap_or(0) } else { 0 };
            samples.resize(self.coding.interval(), last);
            encoder.interval(&samples, &mut bits);
        }
        bits.finish();
        out.len() <= most
    }
}

impl Filter for Szip {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let pixels = Pixels::new(call)?;
        let (size, stream) = stored.split_first_chunk::<4>().ok_or_else(|| call.damaged("ends before its size"))?;
        let size = call.check_size(u32::from_le_bytes(*size).into())?;
        if !pixels.are_whole(size) {
            // libaec takes elements of 3 or 5 bytes for pixels of 4 or 8, and drops what does not fill one.
            return Err(Error::unsupported(format!(
                "szip of {size} bytes that are not whole pixels, which libhdf5 cuts"
            )));
        }
        out.reserve(size);
        if pixels.planes == 1 {
            return pixels.decode(stream, size, out).map_err(|what| match (pixels.size, size % 3) {
                // Elements of 3 bytes that filled whole pixels of 4: libaec coded fewer than there were.
                (4, 0) => Error::unsupported(format!(
                    "szip of elements of 3 bytes, which libhdf5 takes for pixels of 4: {what}"
                )),
                _ => call.damaged(what),
            });
        }
        let mut planes = Vec::with_capacity(size);
        pixels.decode(stream, size, &mut planes).map_err(|what| call.damaged(what))?;
        out.resize(size, 0);
        shuffle::unshuffle(&planes, pixels.planes, out);
        Ok(())
    }

    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        call.may_encode()?;
        let pixels = Pixels::new(call)?;
        let Ok(size) = u32::try_from(chunk.len()) else { return Ok(false) };
        if !pixels.are_whole(chunk.len()) {
            return Ok(false);
        }
        out.extend(size.to_le_bytes());
        if pixels.planes == 1 {
            return Ok(pixels.encode(chunk, out));
        }
        Ok(pixels.encode(&shuffle::shuffle(chunk, pixels.planes), out))
    }
}

/// The parameters that libhdf5 stores for options and pixels per block.
pub(super) fn set_local(user: &[u32], target: &Target<'_>) -> Result<Vec<u32>> {
    let &[options, block, ..] = user else {
        return Err(Error::invalid("szip needs its options and the pixels of a block"));
    };
    if block == 0 || block % 2 == 1 || block > MAX_PIXELS_PER_BLOCK {
        return Err(Error::invalid(format!("szip: blocks of {block} pixels; 2 to 32 are possible, an even number")));
    }
    let (size, inner) = (target.datatype.size(), scalar(target.datatype));
    let (Some(Bits { order, offset, precision, .. }), true) = (inner, size <= 4 || size == 8) else {
        return Err(Error::unsupported(format!("szip of elements of {}", target.datatype)));
    };
    let order = match order {
        ByteOrder::Little => LITTLE_ENDIAN,
        ByteOrder::Big => BIG_ENDIAN,
        ByteOrder::Vax => return Err(Error::unsupported("szip of VAX numbers")),
    };
    // With padding below the significant bits all are coded.
    let precision = if offset != 0 { 8 * size as u32 } else { precision.into() };
    let bits = match precision {
        ..=24 => precision,
        25..=32 => 32,
        _ => 64,
    };
    // libaec's pixels of 17 to 24 bits have 4 bytes: it would mangle elements of 3.
    if size == 3 {
        return Err(Error::unsupported("szip of elements of 3 bytes"));
    }
    let line = target.chunk.last().copied().unwrap_or(1);
    let scanline = if line < block.into() { target.elements()? } else { line };
    if scanline < block.into() {
        return Err(Error::invalid(format!("szip: a chunk of {scanline} elements is less than a block of {block}")));
    }
    let options = options & !(CHIP | LITTLE_ENDIAN | BIG_ENDIAN) | ALLOW_K13 | RAW | order;
    Ok(vec![options, block, bits, scanline.min((block * MAX_BLOCKS_PER_SCANLINE).into()) as u32])
}

/// The bits of the numbers that an element is made of.
fn scalar(datatype: &Datatype) -> Option<Bits> {
    match datatype {
        Datatype::Integer { bits, .. } | Datatype::BitField(bits) | Datatype::Time(bits) => Some(*bits),
        Datatype::Float(float) => Some(float.bits),
        Datatype::Enumeration { base, .. } | Datatype::Array { base, .. } => scalar(base),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
