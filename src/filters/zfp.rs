//! ZFP (filter 32013): numbers in blocks of 4 to the power of the rank, each coded in so many bits, exactly or nearly.
//!
//! The stream has no header of its own: it stands in the filter's parameters, behind a word of versions, as the bytes of
//! their words. Where a machine of the other byte order wrote them each word is reversed, and so are the numbers then:
//! the dataset's type says so. Type, dimensions (fastest first) and mode all come from that header.
//!
//! The codec is the crate `zfp_rs`, which gives bit for bit what libzfp does (built as it is by default, to round never).

use super::{Call, Filter};
use crate::error::{Error, Result};
use zfp_rs::codec::block::decode_block;
use zfp_rs::{ZfpBitStream, ZfpConfig, ZfpField, ZfpFieldMetadata, ZfpHeaderError, ZfpHeaderMask};
use zfp_rs::{ZfpDimensionality, ZfpScalar, ZfpScalarType};

pub(super) struct Zfp;

/// The format of streams that all releases of libzfp since 2015 write.
const CODEC: u8 = 5;
/// What libzfp's streams are counted in.
const WORD: usize = 8;

impl Filter for Zfp {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let header = Header::read(call)?;
        call.check_size(header.bytes())?;
        match header.field.scalar_type {
            ZfpScalarType::I32 => header.decode(stored, call, 0i32, out),
            ZfpScalarType::I64 => header.decode(stored, call, 0i64, out),
            ZfpScalarType::F32 => header.decode(stored, call, 0f32, out),
            ZfpScalarType::F64 => header.decode(stored, call, 0f64, out),
        }
    }

    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        call.may_encode()?;
        let header = Header::read(call)?;
        if header.bytes() != chunk.len() as u64 {
            let message =
                format!("{}: parameters for {} bytes, the chunk has {}", call.name, header.bytes(), chunk.len());
            return Err(Error::mismatch(message));
        }
        match header.field.scalar_type {
            ZfpScalarType::I32 => header.encode(chunk, call, 0i32, out),
            ZfpScalarType::I64 => header.encode(chunk, call, 0i64, out),
            ZfpScalarType::F32 => header.encode(chunk, call, 0f32, out),
            ZfpScalarType::F64 => header.encode(chunk, call, 0f64, out),
        }
    }
}

/// What the parameters say of every chunk.
struct Header {
    field: ZfpFieldMetadata,
    config: ZfpConfig,
    /// Written by a machine of the other byte order, numbers and all.
    big_endian: bool,
}

impl Header {
    fn read(call: &Call<'_>) -> Result<Header> {
        let versions = call.parameter(0)?;
        // Older plug-ins left the codec's version out.
        if versions & 0xfff >= 0x110 && versions >> 12 & 0xf > u32::from(CODEC) {
            return Err(Error::unsupported(format!("version {} of {} streams", versions >> 12 & 0xf, call.name)));
        }
        let words = &call.parameters[1..];
        // A header has 5 words at most.
        let words = &words[..words.len().min(8)];
        let little: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let big: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
        let (bytes, big_endian) = match (little.starts_with(b"zfp"), big.starts_with(b"zfp")) {
            (true, _) => (little, false),
            (_, true) => (big, true),
            _ => return Err(call.damaged("the parameters hold no header")),
        };
        match bytes.get(3) {
            Some(&CODEC) => {}
            Some(other) => return Err(Error::unsupported(format!("version {other} of {} streams", call.name))),
            None => return Err(call.damaged("the header is cut off")),
        }
        let mut stream = stream(&bytes, call)?;
        let wrong = |e: ZfpHeaderError| call.damaged(e);
        let header = stream.read_header(ZfpHeaderMask::FULL).map_err(wrong)?;
        let (Some(field), Some(config), true) = (header.metadata, header.config, header.bits_read <= 8 * bytes.len())
        else {
            return Err(call.damaged("the header is cut off"));
        };
        Ok(Header { field, config, big_endian })
    }

    /// The dimensions that there are.
    fn dims(&self) -> impl Iterator<Item = usize> {
        self.field.dims.into_iter().filter(|&n| n != 0)
    }

    /// The size of a chunk, or more than any.
    fn bytes(&self) -> u64 {
        let size = match self.field.scalar_type {
            ZfpScalarType::I32 | ZfpScalarType::F32 => 4,
            ZfpScalarType::I64 | ZfpScalarType::F64 => 8,
        };
        self.dims().fold(size, |bytes: u64, n| bytes.saturating_mul(n as u64))
    }

    /// Decodes numbers of the type of `zero`, block by block: so it is known how many bits were used. (The crate's own
    /// loop over a field counts words, and takes the zeros behind the last one for what is missing of it.)
    fn decode<T: ZfpScalar + Bytes>(&self, stored: &[u8], call: &Call<'_>, zero: T, out: &mut Vec<u8>) -> Result<()> {
        let mut stream = stream(stored, call)?;
        let mut left = 8 * stored.len();
        let rank = match self.dims().count() {
            1 => ZfpDimensionality::D1,
            2 => ZfpDimensionality::D2,
            3 => ZfpDimensionality::D3,
            _ => ZfpDimensionality::D4,
        };
        let mut block = vec![zero; rank.block_size()];
        let mut numbers = vec![zero; self.bytes() as usize / size_of::<T>()];
        let dims = self.field.dims.map(|n| n.max(1));
        for first in block_origins(dims) {
            let bits = decode_block(&mut stream, &self.config, &mut block, rank).map_err(|e| call.damaged(e))?;
            left = left.checked_sub(bits).ok_or_else(|| call.damaged("the stream is cut off"))?;
            place(&block, &mut numbers, dims, first);
        }
        out.reserve(size_of_val(&numbers[..]));
        for number in numbers {
            number.put(self.big_endian, out);
        }
        Ok(())
    }

    /// Encodes numbers of the type of `zero`.
    fn encode<T: ZfpScalar + Bytes>(&self, chunk: &[u8], call: &Call<'_>, _: T, out: &mut Vec<u8>) -> Result<bool> {
        let numbers: Vec<T> = chunk.chunks_exact(size_of::<T>()).map(|b| T::get(b, self.big_endian)).collect();
        let field = ZfpField::new(&numbers, self.field.dims).map_err(|e| call.damaged(e))?;
        let most = self.config.maximum_size(self.field.scalar_type, self.field.dims);
        let most = most.ok_or_else(|| Error::unsupported(format!("{} chunks of this size", call.name)))?;
        let refused = |e: String| Error::unsupported(format!("{}: {e}", call.name));
        let mut stream = ZfpBitStream::new(most).map_err(|e| refused(e.to_string()))?;
        stream.compress(&self.config, &field).map_err(|e| refused(e.to_string()))?;
        out.extend(stream.into_words().iter().flat_map(|w| w.to_le_bytes()));
        Ok(true)
    }
}

/// Where the blocks of an array begin, in the order of the stream: the first dimension is the fastest.
fn block_origins(dims: [usize; 4]) -> impl Iterator<Item = [usize; 4]> {
    let [nx, ny, nz, nw] = dims;
    let starts = |n: usize| (0..n).step_by(4);
    let planes = starts(nw).flat_map(move |w| starts(nz).map(move |z| (z, w)));
    let rows = planes.flat_map(move |(z, w)| starts(ny).map(move |y| (y, z, w)));
    rows.flat_map(move |(y, z, w)| starts(nx).map(move |x| [x, y, z, w]))
}

/// Copies a block to its place in the array, as far as it is inside.
fn place<T: Copy>(block: &[T], numbers: &mut [T], dims: [usize; 4], first: [usize; 4]) {
    let [nx, ny, nz, nw] = dims;
    let [x, y, z, w] = first;
    let length = (nx - x).min(4);
    for (i, row) in block.chunks_exact(4).enumerate() {
        let (y, z, w) = (y + i % 4, z + i / 4 % 4, w + i / 16);
        if y < ny && z < nz && w < nw {
            let start = ((w * nz + z) * ny + y) * nx + x;
            numbers[start..start + length].copy_from_slice(&row[..length]);
        }
    }
}

/// A stream of these bytes, whose words are little-endian.
fn stream(bytes: &[u8], call: &Call<'_>) -> Result<ZfpBitStream> {
    let mut words = Vec::new();
    words.try_reserve_exact(bytes.len().div_ceil(WORD)).map_err(|e| call.damaged(e))?;
    let (whole, rest) = bytes.as_chunks::<WORD>();
    words.extend(whole.iter().map(|w| u64::from_le_bytes(*w)));
    if !rest.is_empty() {
        let mut last = [0; WORD];
        last[..rest.len()].copy_from_slice(rest);
        words.push(u64::from_le_bytes(last));
    }
    Ok(ZfpBitStream::from_words(words))
}

/// Numbers as bytes in an order.
trait Bytes: Copy {
    fn get(bytes: &[u8], big_endian: bool) -> Self;
    fn put(self, big_endian: bool, out: &mut Vec<u8>);
}

macro_rules! bytes {
    ($($number:ty),*) => {$(
        impl Bytes for $number {
            fn get(bytes: &[u8], big_endian: bool) -> Self {
                let mut array = [0; size_of::<$number>()];
                array.copy_from_slice(bytes);
                if big_endian { <$number>::from_be_bytes(array) } else { <$number>::from_le_bytes(array) }
            }

            fn put(self, big_endian: bool, out: &mut Vec<u8>) {
                out.extend(if big_endian { self.to_be_bytes() } else { self.to_le_bytes() });
            }
        }
    )*};
}

bytes!(i32, i64, f32, f64);

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters of chunks of this type and shape, fastest dimension first.
    fn parameters(config: ZfpConfig, scalar_type: ZfpScalarType, dims: [usize; 4]) -> Vec<u32> {
        let mut stream = ZfpBitStream::new(64).unwrap();
        stream.write_header(&config, &ZfpFieldMetadata { scalar_type, dims }, ZfpHeaderMask::FULL).unwrap();
        let words = stream.into_words();
        let halves = words.iter().flat_map(|w| [*w as u32, (*w >> 32) as u32]);
        [0x1010_5111].into_iter().chain(halves).collect()
    }

    fn decode(stored: &[u8], parameters: &[u32], most: usize) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        Zfp.decode(stored, &Call { parameters, most, name: "ZFP" }, &mut out).map(|()| out)
    }

    fn encode(chunk: &[u8], parameters: &[u32]) -> Vec<u8> {
        let mut stored = Vec::new();
        assert!(Zfp.encode(chunk, &Call { parameters, most: chunk.len(), name: "ZFP" }, &mut stored).unwrap());
        stored
    }

    /// 5 by 6 numbers as bytes.
    fn chunk() -> Vec<u8> {
        (0..30).flat_map(|n| (n as f32 * 1.37 - 9.0).to_le_bytes()).collect()
    }

    #[test]
    fn the_reversible_mode_gives_back_every_bit_in_either_byte_order() {
        let own = parameters(ZfpConfig::reversible(), ZfpScalarType::F32, [5, 6, 0, 0]);
        let stored = encode(&chunk(), &own);
        assert_eq!(decode(&stored, &own, 120).unwrap(), chunk());
        // A big-endian machine writes the same stream, its own order of bytes in the header, and numbers in that order.
        let other: Vec<u32> = own.iter().enumerate().map(|(i, p)| if i == 0 { *p } else { p.swap_bytes() }).collect();
        let swapped: Vec<u8> = chunk().chunks(4).flat_map(|n| n.iter().rev().copied()).collect();
        assert_eq!(decode(&stored, &other, 120).unwrap(), swapped);
        assert_eq!(encode(&swapped, &other), stored);
    }

    #[test]
    fn what_is_cut_off_is_missed() {
        let align = zfp_rs::ZfpStreamAlignment::Unaligned;
        let rate = ZfpConfig::fixed_rate(11.0, ZfpScalarType::F32, zfp_rs::ZfpDimensionality::D2, align).unwrap();
        let own = parameters(rate, ZfpScalarType::F32, [5, 6, 0, 0]);
        // 4 blocks of 176 bits.
        let stored = encode(&chunk(), &own);
        assert!(decode(&stored[..88], &own, 120).is_ok());
        for cut in 0..88 {
            assert!(decode(&stored[..cut], &own, 120).is_err(), "cut at {cut}");
        }
        let own = parameters(ZfpConfig::fixed_accuracy(0.1), ZfpScalarType::F32, [5, 6, 0, 0]);
        let stored = encode(&chunk(), &own);
        let whole = decode(&stored, &own, 120).unwrap();
        for cut in 0..stored.len() {
            // The last bytes may be there to fill a word only.
            match decode(&stored[..cut], &own, 120) {
                Ok(out) => assert!(cut > stored.len() - 8 && out == whole, "cut at {cut}"),
                Err(e) => assert!(e.to_string().contains("cut off")),
            }
        }
    }

    #[test]
    fn headers_are_held_against_the_chunk() {
        let own = parameters(ZfpConfig::reversible(), ZfpScalarType::F32, [5, 6, 0, 0]);
        let stored = encode(&chunk(), &own);
        assert!(decode(&stored, &own, 119).is_err());
        let huge = parameters(ZfpConfig::reversible(), ZfpScalarType::F64, [1 << 11, 1 << 11, 1 << 11, 1 << 11]);
        assert!(decode(&stored, &huge, 120).is_err());
        for length in 0..3 {
            assert!(decode(&stored, &own[..length], 120).is_err());
        }
        let newer = [&[0x1010_6111], &own[1..]].concat();
        assert!(decode(&stored, &newer, 120).unwrap_err().to_string().contains("version 6"));
        assert!(Zfp.encode(&[0; 8], &Call { parameters: &own, most: 8, name: "ZFP" }, &mut Vec::new()).is_err());
    }

    #[test]
    fn no_damage_makes_it_panic_or_swell() {
        let config = ZfpConfig::expert(1, 500, 40, -100).unwrap();
        for config in [config, ZfpConfig::reversible(), ZfpConfig::fixed_precision(20)] {
            let own = parameters(config, ZfpScalarType::F32, [5, 6, 0, 0]);
            let stored = encode(&chunk(), &own);
            for at in 0..stored.len() {
                let mut damaged = stored.clone();
                damaged[at] ^= 0x5a;
                assert!(decode(&damaged, &own, 120).map_or(true, |out| out.len() == 120));
            }
            for bit in 32..32 * own.len() {
                let mut damaged = own.clone();
                damaged[bit / 32] ^= 1 << (bit % 32);
                assert!(decode(&stored, &damaged, 120).map_or(true, |out| out.len() <= 120));
            }
        }
    }
}
