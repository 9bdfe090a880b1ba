//! Deflate (filter 1): one zlib stream a chunk.

use crate::error::{Error, Result};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// An inflater that is made once a thread and reset for each chunk.
pub(super) struct Inflater(Decompress);

impl Default for Inflater {
    fn default() -> Self {
        Inflater(Decompress::new(true))
    }
}

fn wrong(what: impl Into<String>) -> Error {
    Error::damaged(what).in_structure("deflate stream")
}

impl Inflater {
    /// Inflates into `chunk`, at least `least` bytes. What the stream has beyond it is ignored; libhdf5 does so too.
    pub(super) fn inflate_into(&mut self, stream: &[u8], chunk: &mut [u8], least: usize) -> Result<()> {
        self.0.reset(true);
        let status = self.0.decompress(stream, chunk, FlushDecompress::Finish);
        let got = self.0.total_out() as usize;
        match status {
            Err(e) => Err(wrong(format!("after {got} bytes: {e}"))),
            Ok(Status::StreamEnd) if got >= least => Ok(()),
            Ok(_) if got < chunk.len() => Err(wrong(format!("ends after {got} of {} bytes", chunk.len()))),
            Ok(_) => Ok(()),
        }
    }

    /// Inflates into `out`, which grows to `most` bytes and no further.
    pub(super) fn inflate(&mut self, stream: &[u8], out: &mut Vec<u8>, most: usize) -> Result<()> {
        self.0.reset(true);
        out.reserve((4 * stream.len()).clamp(1 << 10, most));
        loop {
            let rest = &stream[self.0.total_in() as usize..];
            let before = (self.0.total_in(), self.0.total_out());
            let status = self.0.decompress_vec(rest, out, FlushDecompress::None).map_err(|e| wrong(e.to_string()))?;
            if status == Status::StreamEnd {
                return Ok(());
            }
            if out.len() >= most {
                return Err(wrong(format!("inflates to more than {most} bytes")));
            }
            if out.len() == out.capacity() {
                out.reserve(out.len().min(most - out.len()).max(1));
            } else if before == (self.0.total_in(), self.0.total_out()) {
                return Err(wrong(format!("ends after {} bytes, unfinished", out.len())));
            }
        }
    }
}

/// A deflater that is made once a thread and level, and reset for each chunk.
#[derive(Default)]
pub(super) struct Deflater(Option<(u32, Compress)>);

impl Deflater {
    /// Deflates `chunk`; `None` if that gives more than `most` bytes.
    pub(super) fn deflate(&mut self, chunk: &[u8], level: u32, most: usize) -> Result<Option<Vec<u8>>> {
        let compress = match &mut self.0 {
            Some((known, compress)) if *known == level => {
                compress.reset();
                compress
            }
            slot => &mut slot.insert((level, Compress::new(Compression::new(level), true))).1,
        };
        let mut out = Vec::with_capacity(most);
        let status = compress.compress_vec(chunk, &mut out, FlushCompress::Finish);
        match status {
            Ok(Status::StreamEnd) => {
                out.shrink_to_fit();
                Ok(Some(out))
            }
            Ok(_) => Ok(None),
            Err(e) => Err(Error::new(crate::ErrorKind::Io, format!("deflate: {e}"))),
        }
    }
}

/// The most bytes that libhdf5 lets its filter make of a chunk. It skips the filter only beyond that: a chunk that grows
/// by a little is deflated all the same, and must be, for libhdf5 does not always put down a mask that changes.
pub(super) fn most_of_libhdf5(chunk: usize) -> usize {
    chunk + chunk.div_ceil(1000) + 12
}

/// Room for whatever deflate makes of a chunk.
pub(super) fn most_at_all(chunk: usize) -> usize {
    chunk + chunk / 256 + 64
}
