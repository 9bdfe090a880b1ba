//! ZFP (filter 32013): numbers in blocks of 4 to the power of the rank, each coded in so many bits, exactly or nearly.
//!
//! The stream has no header of its own: it stands in the filter's parameters, behind a word of versions, as the bytes of
//! their words. Where a machine of the other byte order wrote them each word is reversed, and so are the numbers then:
//! the dataset's type says so. Type, dimensions (fastest first) and mode all come from that header.
//!
//! The codec is the crate `zfp_rs`, which gives bit for bit what libzfp does (built as it is by default, to round never).

use super::{Call, Filter};
use crate::error::{Error, Result};
use zfp_rs::{ZfpBitStream, ZfpConfig, ZfpField, ZfpFieldMetadata, ZfpFieldMut, ZfpHeaderError, ZfpHeaderMask};
use zfp_rs::{ZfpMode, ZfpScalar, ZfpScalarType};

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

    /// The bits that all blocks together must have, where each has the same number.
    fn fixed_bits(&self) -> Option<u64> {
        if self.config.mode() != ZfpMode::FixedRate {
            return None;
        }
        let blocks = self.dims().fold(1u64, |blocks, n| blocks.saturating_mul(n.div_ceil(4) as u64));
        Some(blocks.saturating_mul(u64::from(self.config.max_bits())))
    }

    /// Decodes numbers of the type of `zero`.
    fn decode<T: ZfpScalar + Bytes>(&self, stored: &[u8], call: &Call<'_>, zero: T, out: &mut Vec<u8>) -> Result<()> {
        let cut = |needed: u64| call.damaged(format!("a stream of {} bytes, {needed} are needed", stored.len()));
        // The zeros behind its last word would else stand for what is missing of it.
        if let Some(bits) = self.fixed_bits()
            && bits.div_ceil(8) > stored.len() as u64
        {
            return Err(cut(bits.div_ceil(8)));
        }
        let mut numbers = vec![zero; self.bytes() as usize / size_of::<T>()];
        let mut field = ZfpFieldMut::new(&mut numbers, self.field.dims).map_err(|e| call.damaged(e))?;
        let used = stream(stored, call)?.decompress(&self.config, &mut field).map_err(|e| call.damaged(e))?;
        if used > stored.len().next_multiple_of(WORD) {
            return Err(cut(used as u64));
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
