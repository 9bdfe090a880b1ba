//! The codecs that Blosc puts around: each stream of a block is one piece of what they make.

use super::blosclz;
use crate::error::{Error, Result};
use crate::filters::{Call, deflate, lz4, snappy, zstd};

/// What a stream was packed with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::filters) enum Codec {
    BloscLz,
    Lz4,
    Snappy,
    Zlib,
    Zstandard,
}

/// What decoding keeps from block to block.
#[derive(Default)]
pub(in crate::filters) struct Decoders {
    inflater: Option<deflate::Inflater>,
}

impl Codec {
    /// The codec of the number in a chunk's flags; they number formats, not codecs: LZ4HC is LZ4.
    pub(super) fn of_format(format: u8, call: &Call<'_>) -> Result<Codec> {
        Ok(match format {
            0 => Codec::BloscLz,
            1 => Codec::Lz4,
            2 => Codec::Snappy,
            3 => Codec::Zlib,
            4 => Codec::Zstandard,
            _ => return Err(call.damaged(format!("codec format {format}"))),
        })
    }

    /// The number in a chunk's flags.
    pub(super) fn format(self) -> u8 {
        match self {
            Codec::BloscLz => 0,
            Codec::Lz4 => 1,
            Codec::Snappy => 2,
            Codec::Zlib => 3,
            Codec::Zstandard => 4,
        }
    }

    /// The codec of a dataset's parameter. LZ4HC is LZ4 with more effort; there is only the one effort here.
    pub(super) fn of_parameter(code: u32, call: &Call<'_>) -> Result<Codec> {
        Ok(match code {
            0 => Codec::BloscLz,
            1 | 2 => Codec::Lz4,
            3 => Codec::Snappy,
            4 => Codec::Zlib,
            5 => Codec::Zstandard,
            _ => return Err(Error::unsupported(format!("{} with codec {code}", call.name))),
        })
    }

    /// Appends the `length` bytes that `packed` was made of.
    pub(super) fn unpack(
        self,
        packed: &[u8],
        length: usize,
        call: &Call<'_>,
        decoders: &mut Decoders,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let start = out.len();
        match self {
            Codec::BloscLz => return blosclz::unpack(packed, length, call, out),
            Codec::Zstandard => zstd::unpack(packed, length, call, out)?,
            Codec::Lz4 | Codec::Snappy | Codec::Zlib => {
                out.resize(start + length, 0);
                let raw = &mut out[start..];
                return match self {
                    Codec::Lz4 => lz4::unpack(packed, raw, call),
                    Codec::Snappy => snappy::unpack(packed, raw, call),
                    _ => decoders.inflater.get_or_insert_default().inflate_into(packed, raw, length),
                };
            }
        }
        if out.len() - start != length {
            return Err(call.damaged(format!("a block of {length} bytes decodes to {}", out.len() - start)));
        }
        Ok(())
    }

    /// Appends `raw` packed with an effort of 1 to 9; `false` where that would be no smaller.
    pub(super) fn pack(
        self,
        raw: &[u8],
        effort: u32,
        deflater: &mut deflate::Deflater,
        out: &mut Vec<u8>,
    ) -> Result<bool> {
        let start = out.len();
        let fits = match self {
            Codec::BloscLz => blosclz::pack(raw, out),
            Codec::Lz4 => {
                lz4::pack(raw, out);
                true
            }
            Codec::Snappy => snappy::pack(raw, out),
            Codec::Zlib => match deflater.deflate(raw, &[], effort, raw.len()) {
                Some(mut packed) => {
                    out.append(&mut packed);
                    true
                }
                None => false,
            },
            Codec::Zstandard => {
                let level = if effort < 9 { 2 * effort as i32 - 1 } else { zstd::HIGHEST_LEVEL };
                out.append(&mut zstd::pack(raw, level));
                true
            }
        };
        Ok(fits && out.len() - start < raw.len())
    }
}
