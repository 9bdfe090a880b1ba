//! Zstandard (filter 32015): a chunk is one frame, or several.
//!
//! Frames are decoded by code without `unsafe`, for they come from anywhere; what encodes is a port of the C library
//! with all of its levels.

use super::{Call, Filter};
use crate::error::Result;
use std::cell::RefCell;
use zrip_decode::context::DecompressContext;

pub(super) struct Zstandard;

/// The C library's own default.
const DEFAULT_LEVEL: i32 = 3;
/// Its highest.
pub(super) const HIGHEST_LEVEL: i32 = 22;

thread_local! {
    /// Its tables are made once a thread.
    static DECODER: RefCell<DecompressContext> = RefCell::new(DecompressContext::new());
}

impl Filter for Zstandard {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        unpack(stored, call.most, call, out)
    }

    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        call.may_encode()?;
        // Negative levels are stored as 32 bits.
        let level = call.parameters.first().map_or(DEFAULT_LEVEL, |&level| level as i32);
        out.append(&mut pack(chunk, level));
        Ok(true)
    }
}

/// Appends what the frames hold, at most `most` bytes.
pub(super) fn unpack(frames: &[u8], most: usize, call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
    let decoded = DECODER.with_borrow_mut(|decoder| decoder.decompress_into_with_limit(frames, out, most));
    decoded.map(drop).map_err(|e| call.damaged(format!("a frame: {e}")))
}

/// A frame of `raw`.
pub(super) fn pack(raw: &[u8], level: i32) -> Vec<u8> {
    rust_zstd::compress(raw, level.min(HIGHEST_LEVEL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_follow_each_other_and_may_be_skippable() {
        let call = Call { parameters: &[], most: 6, name: "Zstandard" };
        let mut stored = pack(b"abc", 1);
        stored.extend([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]);
        stored.extend(pack(b"def", -5));
        let mut out = Vec::new();
        Zstandard.decode(&stored, &call, &mut out).unwrap();
        assert_eq!(out, b"abcdef");
        assert!(Zstandard.decode(&stored, &Call { most: 5, ..call }, &mut Vec::new()).is_err());
    }
}
