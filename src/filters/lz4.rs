//! LZ4 (filter 32004): blocks of LZ4, each behind its size, behind the size of all; big-endian numbers. It is not an
//! LZ4 frame.

use super::{Call, Filter};
use crate::error::Result;
use lz4_flex::block;

pub(super) struct Lz4;

/// What a dataset without a parameter has as its block size.
const DEFAULT_BLOCK: u32 = 1 << 30;

impl Filter for Lz4 {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let short = || call.damaged("ends before its last block");
        let (total, rest) = stored.split_first_chunk().ok_or_else(short)?;
        let (block, mut rest) = rest.split_first_chunk().ok_or_else(short)?;
        let total = call.check_size(u64::from_be_bytes(*total))?;
        let block = u32::from_be_bytes(*block) as usize;
        if block == 0 && total > 0 {
            return Err(call.damaged("blocks of no bytes"));
        }
        out.resize(total, 0);
        for raw in out.chunks_mut(block.max(1)) {
            let (size, behind) = rest.split_first_chunk().ok_or_else(short)?;
            let (packed, behind) = behind.split_at_checked(u32::from_be_bytes(*size) as usize).ok_or_else(short)?;
            // A block that would have grown is stored as it is.
            if packed.len() == raw.len() {
                raw.copy_from_slice(packed);
            } else {
                unpack(packed, raw, call)?;
            }
            rest = behind;
        }
        Ok(())
    }

    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        call.may_encode()?;
        if i32::try_from(chunk.len()).is_err() || chunk.is_empty() {
            return Ok(false);
        }
        let block = call.parameters.first().copied().filter(|&b| b > 0).unwrap_or(DEFAULT_BLOCK);
        let block = (block as usize).min(chunk.len());
        out.extend((chunk.len() as u64).to_be_bytes());
        out.extend((block as u32).to_be_bytes());
        let mut packed = Vec::new();
        for raw in chunk.chunks(block) {
            packed.clear();
            pack(raw, &mut packed);
            let stored = if packed.len() < raw.len() { &packed[..] } else { raw };
            out.extend((stored.len() as u32).to_be_bytes());
            out.extend_from_slice(stored);
        }
        Ok(true)
    }
}

/// Undoes an LZ4 block that is all of `raw`.
pub(super) fn unpack(packed: &[u8], raw: &mut [u8], call: &Call<'_>) -> Result<()> {
    match block::decompress_into(packed, raw) {
        Ok(n) if n == raw.len() => Ok(()),
        Ok(n) => Err(call.damaged(format!("a block of {} bytes decodes to {n}", raw.len()))),
        Err(e) => Err(call.damaged(format!("a block: {e}"))),
    }
}

/// Appends `raw` as an LZ4 block, which may be larger.
pub(super) fn pack(raw: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + block::get_maximum_output_size(raw.len()), 0);
    // It fits: that is what the maximum is.
    let size = block::compress_into(raw, &mut out[start..]).unwrap_or_default();
    out.truncate(start + size);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_of_two_blocks_one_of_them_stored() {
        let call = Call { parameters: &[], most: 14, name: "LZ4" };
        // 12 × 'a' as literal, match of 6 at distance 1, five literals; then two bytes as they are.
        let packed = [0x17, b'a', 1, 0, 0];
        let mut stored = vec![0, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0, 12, 0, 0, 0, 5];
        stored.extend(packed);
        stored.extend([0, 0, 0, 2, b'y', b'z']);
        let mut out = Vec::new();
        Lz4.decode(&stored, &call, &mut out).unwrap();
        assert_eq!(out, b"aaaaaaaaaaaayz");
        let too_small = Call { most: 13, ..call };
        assert!(Lz4.decode(&stored, &too_small, &mut Vec::new()).is_err());
    }

    #[test]
    fn blocks_of_no_bytes_are_refused() {
        let call = Call { parameters: &[], most: 14, name: "LZ4" };
        assert!(Lz4.decode(&[0, 0, 0, 0, 0, 0, 0, 14, 0, 0, 0, 0], &call, &mut Vec::new()).is_err());
    }
}
