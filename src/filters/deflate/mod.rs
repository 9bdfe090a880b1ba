//! Deflate (filter 1): one zlib stream a chunk.

mod batch;
mod bits;
mod block;
mod encoder;
mod huffman;
mod known;
mod matcher;
mod parse;
mod prices;
#[cfg(test)]
mod tests;

use super::inflate::{self, Fault, Inflated, SLACK};
use crate::error::{Error, Result};
use encoder::Encoder;
pub(crate) use known::{Matches, Piece};

/// What inflating keeps from chunk to chunk: one for each thread.
#[derive(Default)]
pub(super) struct Inflater(inflate::Inflater);

fn wrong(what: impl Into<String>) -> Error {
    Error::damaged(what).in_structure("deflate stream")
}

/// Two of them.
pub(super) type Both<T> = [T; 2];

impl Inflater {
    /// Inflates into `chunk`, at least `least` bytes. What the stream has beyond it is ignored; libhdf5 does so too.
    pub(super) fn inflate_into(&mut self, stream: &[u8], chunk: &mut [u8], least: usize) -> Result<()> {
        enough(self.0.inflate(stream, chunk), chunk.len(), least)
    }

    /// Inflates a stream of just as many bytes as `chunk` has, with its matches; `None` if it has more or fewer.
    pub(super) fn inflate_noting(&mut self, stream: &[u8], chunk: &mut [u8]) -> Result<Option<Matches>> {
        let mut matches = Matches { list: Vec::new(), held: chunk.len() };
        let inflated = self.0.inflate_noting(stream, chunk, &mut matches.list).map_err(fault)?;
        Ok(Some(matches).filter(|_| inflated == Inflated { written: chunk.len(), whole: true }))
    }

    /// As [`inflate_into`](Self::inflate_into), two at once, which takes less time.
    pub(super) fn inflate_both_into(
        &mut self,
        streams: Both<&[u8]>,
        chunks: Both<&mut [u8]>,
        least: Both<usize>,
    ) -> Both<Result<()>> {
        let sizes = [chunks[0].len(), chunks[1].len()];
        let [a, b] = self.0.inflate_pair(streams, chunks);
        [enough(a, sizes[0], least[0]), enough(b, sizes[1], least[1])]
    }

    /// Inflates into `out`, whose old content does not matter: `expected` bytes or so, at most `most`.
    pub(super) fn inflate(&mut self, stream: &[u8], out: &mut Vec<u8>, expected: usize, most: usize) -> Result<()> {
        let mut room = expected.saturating_add(SLACK).min(most);
        loop {
            out.resize(room, 0);
            match self.0.inflate(stream, out).map_err(fault)? {
                Inflated { written, whole: true } => {
                    out.truncate(written);
                    return Ok(());
                }
                _ if room < most => room = room.saturating_mul(2).min(most),
                _ => return Err(wrong(format!("inflates to more than {most} bytes"))),
            }
        }
    }

    /// As [`inflate`](Self::inflate), two at once.
    pub(super) fn inflate_both(
        &mut self,
        streams: Both<&[u8]>,
        [a, b]: Both<&mut Vec<u8>>,
        expected: usize,
        most: usize,
    ) -> Both<Result<()>> {
        let room = expected.saturating_add(SLACK).min(most);
        a.resize(room, 0);
        b.resize(room, 0);
        let both = self.0.inflate_pair(streams, [a, b]);
        let mut both = both.into_iter().zip(streams).zip([a, b]).map(|((result, stream), out)| match result {
            Ok(Inflated { written, whole: true }) => {
                out.truncate(written);
                Ok(())
            }
            // There is more of it than expected.
            Ok(_) => self.inflate(stream, out, expected, most),
            Err(e) => Err(fault(e)),
        });
        // Two: as many as went in.
        std::array::from_fn(|_| both.next().unwrap_or(Ok(())))
    }
}

fn fault(Fault { written, what }: Fault) -> Error {
    wrong(format!("after {written} bytes: {what}"))
}

/// Whether inflating into `size` bytes gave at least `least`.
fn enough(result: std::result::Result<Inflated, Fault>, size: usize, least: usize) -> Result<()> {
    match result.map_err(fault)? {
        Inflated { written, whole: true } if written < least => {
            Err(wrong(format!("ends after {written} of {size} bytes")))
        }
        _ => Ok(()),
    }
}

/// A deflater that is made once a thread and level.
#[derive(Default)]
pub(super) struct Deflater(Option<Encoder>);

impl Deflater {
    /// Deflates `chunk`; `None` if that gives more than `most` bytes. Of its `pieces` matches may be known.
    pub(super) fn deflate(&mut self, chunk: &[u8], pieces: &[Piece<'_>], level: u32, most: usize) -> Option<Vec<u8>> {
        let encoder = match &mut self.0 {
            Some(encoder) if encoder.level() == level => encoder,
            slot => slot.insert(Encoder::new(level)),
        };
        encoder.encode(chunk, pieces, most).map(<[u8]>::to_vec)
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

/// Panics where deflating any bytes does not give a zlib stream of them, the same a second time, no larger than told.
#[cfg(fuzzing)]
pub(crate) fn check_deflate(data: &[u8], level: u32) {
    let mut encoder = Encoder::new(level);
    let first = encoder.encode(data, &[], most_at_all(data.len())).map(<[u8]>::to_vec).unwrap_or_default();
    assert_eq!(encoder.encode(data, &[], first.len()), Some(&first[..]));
    assert_eq!(encoder.encode(data, &[], first.len() - 1), None);
    let mut back = vec![0; data.len()];
    let mut decompress = flate2::Decompress::new(true);
    let status = decompress.decompress(&first, &mut back, flate2::FlushDecompress::Finish);
    assert!(matches!(status, Ok(flate2::Status::StreamEnd)) && decompress.total_in() == first.len() as u64);
    assert!(decompress.total_out() == data.len() as u64 && back == data);
    back.fill(0xaa);
    let whole = Inflated { written: data.len(), whole: true };
    assert!(inflate::Inflater::default().inflate(&first, &mut back) == Ok(whole) && back == data);
}
