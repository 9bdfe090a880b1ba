//! Snappy (filter 32003): a chunk is one raw Snappy block.

use super::{Call, Filter};
use crate::error::Result;
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

pub(super) struct Snappy;

impl Filter for Snappy {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let size = decompress_len(stored).map_err(|e| call.damaged(e))?;
        out.resize(call.check_size(size as u64)?, 0);
        unpack(stored, out, call)
    }

    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        call.may_encode()?;
        Ok(pack(chunk, out))
    }
}

/// Undoes a Snappy block that is all of `raw`.
pub(super) fn unpack(packed: &[u8], raw: &mut [u8], call: &Call<'_>) -> Result<()> {
    match Decoder::new().decompress(packed, raw) {
        Ok(n) if n == raw.len() => Ok(()),
        Ok(n) => Err(call.damaged(format!("a block of {} bytes decodes to {n}", raw.len()))),
        Err(e) => Err(call.damaged(e)),
    }
}

/// Appends `raw` as a Snappy block, which may be larger; `false` if it is too large for one.
pub(super) fn pack(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.resize(start + max_compress_len(raw.len()), 0);
    let size = Encoder::new().compress(raw, &mut out[start..]);
    out.truncate(start + size.as_ref().copied().unwrap_or(0));
    size.is_ok()
}
