//! Inflating zlib streams (RFC 1950, 1951) that lie in memory as a whole, into memory as a whole.
//!
//! Nothing is copied through a window: what was written is the window. While there is room ahead in the input and in the
//! output, a loop that looks at neither end decodes; near the ends a careful one does. Two streams can be inflated at
//! once: each symbol tells only where the next one begins, and while the processor waits for that of one stream it works
//! at the other's. That is worth 5 to 40 % on chunks.

pub(super) mod copy;
mod job;
mod stream;
mod table;
#[cfg(test)]
pub(super) mod tests;
mod witness;

use job::Job;
use stream::{OUTPUT_AHEAD, fast, fast_pair};
use table::Tables;
pub(crate) use witness::Match;

/// Room behind what is expected with which the output's end is met at full speed.
pub(super) const SLACK: usize = OUTPUT_AHEAD;

/// What an inflater keeps from stream to stream: nothing before the first, for many a one is made and not needed.
#[derive(Default)]
pub(super) struct Inflater {
    tables: [Option<Box<Tables>>; 2],
}

/// What inflating came to where the stream is as it should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Inflated {
    /// Bytes of the output.
    pub(super) written: usize,
    /// Whether that is the whole stream, its checksum right; otherwise there is more of it than room.
    pub(super) whole: bool,
}

/// Why a stream is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fault {
    /// Bytes that had been written.
    pub(super) written: usize,
    pub(super) what: &'static str,
}

impl Inflater {
    /// Inflates one stream. What is behind it in `input` is ignored.
    pub(super) fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Result<Inflated, Fault> {
        let [tables, _] = &mut self.tables;
        Job::new(input, out, &mut ()).finish(tables.get_or_insert_default())
    }

    /// As [`inflate`](Self::inflate); adds the matches of the stream to `matches`.
    pub(super) fn inflate_noting(
        &mut self,
        input: &[u8],
        out: &mut [u8],
        matches: &mut Vec<Match>,
    ) -> Result<Inflated, Fault> {
        let [tables, _] = &mut self.tables;
        Job::new(input, out, matches).finish(tables.get_or_insert_default())
    }

    /// Inflates two streams at once.
    pub(super) fn inflate_pair(&mut self, inputs: [&[u8]; 2], outs: [&mut [u8]; 2]) -> [Result<Inflated, Fault>; 2] {
        let ([ta, tb], [out_a, out_b]) = (&mut self.tables, outs);
        let (ta, tb) = (ta.get_or_insert_default(), tb.get_or_insert_default());
        let (mut nobody, mut nor_here) = ((), ());
        let (mut a, mut b) = (Job::new(inputs[0], out_a, &mut nobody), Job::new(inputs[1], out_b, &mut nor_here));
        loop {
            a.enter(ta);
            b.enter(tb);
            if a.is_done() || b.is_done() {
                return [a.finish(ta), b.finish(tb)];
            }
            let (one, two) = fast_pair(&mut a.stream, ta, &mut b.stream, tb);
            a.leave(one, ta);
            b.leave(two, tb);
        }
    }
}

/// Panics where any bytes are told in another way than zlib-rs tells them: with room to spare, and with hardly any.
#[cfg(fuzzing)]
pub(crate) fn check_against_zlib(stream: &[u8]) {
    use flate2::{Decompress, FlushDecompress, Status};
    let mut theirs = vec![0; 20_000];
    let mut decompress = Decompress::new(true);
    let status = decompress.decompress(stream, &mut theirs, FlushDecompress::Finish);
    let whole = matches!(status, Ok(Status::StreamEnd));
    theirs.truncate(decompress.total_out() as usize);
    let expected = whole.then_some(&theirs[..]);
    let mut inflater = Inflater::default();
    for room in [20_000, theirs.len() + stream.len() % 9] {
        let (mut ours, mut beside) = (vec![0xaa; room], vec![0x55; room]);
        let alone = inflater.inflate(stream, &mut ours);
        let written = alone.ok().filter(|i| i.whole).map(|i| i.written);
        assert_eq!(written.map(|n| &ours[..n]), expected);
        for both in inflater.inflate_pair([stream; 2], [&mut ours, &mut beside]) {
            assert_eq!(both, alone);
        }
        assert_eq!(written.map(|n| (&ours[..n], &beside[..n])), expected.map(|e| (e, e)));
    }
}
