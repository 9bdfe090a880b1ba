//! bzip2 (filter 307): a chunk is one bzip2 stream.

use super::{Call, Filter};
use crate::error::Result;
use bzip2::{Action, Compress, Compression, Decompress, Status};

pub(super) struct Bzip2;

/// hundreds of kilobytes a block: the library's default, and its best.
const DEFAULT_LEVEL: u32 = 9;

impl Filter for Bzip2 {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let mut stream = Decompress::new(false);
        loop {
            let room = (call.most - out.len()).min(out.len().max(4 * stored.len()).max(1 << 10));
            out.reserve(room);
            let before = (stream.total_in(), stream.total_out());
            let rest = &stored[stream.total_in() as usize..];
            let status = stream.decompress_vec(rest, out).map_err(|e| call.damaged(e))?;
            // `Vec` may have reserved more than it was asked for.
            call.check_size(out.len() as u64)?;
            if status == Status::StreamEnd {
                return Ok(());
            }
            if before == (stream.total_in(), stream.total_out()) && out.len() < out.capacity() {
                return Err(call.damaged(format!("ends after {} bytes, unfinished", out.len())));
            }
            if out.len() == call.most && out.len() == out.capacity() {
                // Its end may still be to come, behind the last byte.
                out.reserve(1);
            }
        }
    }

    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        call.may_encode()?;
        let level = call.parameters.first().copied().unwrap_or(DEFAULT_LEVEL).clamp(1, 9);
        let mut stream = Compress::new(Compression::new(level), 0);
        loop {
            out.reserve(chunk.len() / 4 + 1024);
            let rest = &chunk[stream.total_in() as usize..];
            match stream.compress_vec(rest, out, Action::Finish) {
                Ok(Status::StreamEnd) => return Ok(true),
                Ok(_) => {}
                Err(e) => return Err(call.damaged(e)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_stops_at_the_size_of_the_chunk() {
        let call = Call { parameters: &[1], most: 100_000, name: "bzip2" };
        let mut stored = Vec::new();
        Bzip2.encode(&[7; 100_000], &call, &mut stored).unwrap();
        let mut out = Vec::new();
        Bzip2.decode(&stored, &call, &mut out).unwrap();
        assert_eq!(out, [7; 100_000]);
        for most in [0, 1, 99_999] {
            let mut out = Vec::new();
            assert!(Bzip2.decode(&stored, &Call { most, ..call }, &mut out).is_err());
            assert!(out.capacity() < 200_000);
        }
    }
}
