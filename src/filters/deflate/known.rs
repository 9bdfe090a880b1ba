//! Pieces of other streams, put together anew: their matches are known, and need not be looked for again.
//!
//! That is most of the work of deflating. What changes is little: a match must not reach out of its piece, and where a
//! stream was cut, the matches behind the cut may have done so; there it is parsed as if nothing were known.

use super::block::{SHORTEST, Sequence};
use super::matcher::WINDOW;
use crate::filters::inflate::Match;

/// All matches of a stream, in order.
#[derive(Default)]
pub(crate) struct Matches {
    pub(in crate::filters) list: Vec<Match>,
    /// Bytes that the stream holds.
    pub(in crate::filters) held: usize,
}

/// The next bytes of what is to be deflated: a part of what a stream held.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) bytes: usize,
    /// Those of the stream; `None` where they are not known.
    pub(crate) matches: Option<&'a Matches>,
    /// Where in the stream the part begins.
    pub(crate) from: usize,
}

/// Fewer bytes are not worth it: matches that could be found across their borders would be missing.
const WORTH: usize = 2 * WINDOW as usize;

/// Where the matches of a piece hold good.
pub(super) struct Stretch<'a> {
    /// The piece in the input.
    start: usize,
    pub(super) end: usize,
    /// From here on.
    pub(super) begin: usize,
    matches: &'a [Match],
    from: usize,
}

impl<'a> Stretch<'a> {
    /// Those of all pieces where there are any.
    pub(super) fn all(pieces: &[Piece<'a>]) -> Vec<Stretch<'a>> {
        let mut end = 0;
        let one = |piece: &Piece<'a>| {
            let start = end;
            end += piece.bytes;
            let begin = if piece.from == 0 { start } else { start + WINDOW as usize };
            let matches = &piece.matches.filter(|_| piece.bytes >= WORTH)?.list;
            Some(Stretch { start, end, begin, matches, from: piece.from })
        };
        pieces.iter().filter_map(one).collect()
    }

    /// The sequences from `at` to `end`, or a match behind it; returns where that is.
    pub(super) fn retrace(&self, input: &[u8], at: usize, end: usize, sequences: &mut Vec<Sequence>) -> usize {
        let Stretch { start, from, .. } = *self;
        let (mut at, end) = (at, end.min(self.end));
        let first = self.matches.partition_point(|m| (m.at as usize) < at - start + from);
        for m in &self.matches[first..] {
            let place = m.at as usize - from + start;
            if place >= end {
                break;
            }
            let (length, distance) = (usize::from(m.length).min(self.end - place), usize::from(m.distance));
            if length < SHORTEST || distance > place - start {
                continue;
            }
            debug_assert!((place..place + length).all(|i| input[i] == input[i - distance]), "a match of other bytes");
            sequences.push(Sequence { literals: (place - at) as u32, length: length as u16, distance: m.distance });
            at = place + length;
        }
        if at < end {
            sequences.push(Sequence { literals: (end - at) as u32, length: 0, distance: 0 });
        }
        at.max(end)
    }
}
