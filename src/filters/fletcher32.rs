//! Fletcher-32 (filter 3): four bytes of checksum behind the chunk.

use crate::bytes::Fletcher32;
use crate::error::{Error, Result};

/// The chunk without its checksum, which was right.
pub(super) fn verified(stored: &[u8]) -> Result<&[u8]> {
    let wrong = |what: String| Error::damaged(what).in_structure("chunk");
    let (data, sum) = stored.split_last_chunk::<4>().ok_or_else(|| wrong("too short for its checksum".into()))?;
    let (stored, computed) = (u32::from_le_bytes(*sum), Fletcher32::of(data));
    if !computed.accepts(stored) {
        return Err(wrong(format!("checksum is {stored:08x}, computed {:08x}", computed.0)));
    }
    Ok(data)
}

/// The chunk with its checksum.
pub(super) fn sealed(chunk: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(chunk.len() + 4);
    out.extend_from_slice(chunk);
    out.extend(Fletcher32::of(chunk).0.to_le_bytes());
    out
}
