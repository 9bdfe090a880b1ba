//! Chunks that are cut anew: the matches that were found when they were deflated serve once more.

use super::deflate::{Matches, Piece};
use super::{Pipeline, Scratch, Stage, fletcher32, shuffle};
use crate::error::Result;

/// The filters of chunks whose matches can serve.
struct Form {
    /// Bytes of an element where they are shuffled, else 1.
    element_size: usize,
    level: u32,
    /// Whether a checksum follows.
    checked: bool,
}

impl Pipeline {
    fn form(&self) -> Option<Form> {
        let (rest, checked) = match &self.stages[..] {
            [rest @ .., (Stage::Fletcher32, _)] => (rest, true),
            rest => (rest, false),
        };
        let (rest, element_size) = match rest {
            [(Stage::Shuffle { element_size }, _), rest @ ..] => (rest, *element_size),
            rest => (rest, 1),
        };
        match rest {
            [(Stage::Deflate { level }, _)] if *level > 0 => Some(Form { element_size, level: *level, checked }),
            _ => None,
        }
    }

    /// Whether the matches in chunks that went through this pipeline are as good as any that `to` would look for: the
    /// number of parts that a chunk has when it is deflated, one for each byte of an element where they are shuffled.
    pub(crate) fn matches_for(&self, to: &Pipeline) -> Option<usize> {
        let (from, to) = (self.form()?, to.form()?);
        let alike = from.element_size == to.element_size && from.checked == to.checked;
        (alike && from.level >= to.level).then_some(from.element_size)
    }

    /// As [`decode`](Self::decode), with the chunk's matches, where there are any that serve.
    pub(crate) fn decode_noting(
        &self,
        stored: &[u8],
        mask: u32,
        chunk: &mut [u8],
        least: usize,
        scratch: &mut Scratch,
    ) -> Result<Option<Matches>> {
        if let Some(Form { element_size, checked, .. }) = self.form()
            && self.undone(mask).count() == self.stages.len()
        {
            let stream = if checked { fletcher32::verified(stored)? } else { stored };
            let Scratch { inflater, buffers: [shuffled, _], .. } = &mut *scratch;
            let matches = if element_size == 1 {
                inflater.inflate_noting(stream, chunk)?
            } else {
                shuffled.resize(chunk.len(), 0);
                let matches = inflater.inflate_noting(stream, shuffled)?;
                if matches.is_some() {
                    shuffle::unshuffle(shuffled, element_size, chunk);
                }
                matches
            };
            if matches.is_some() {
                return Ok(matches);
            }
        }
        // What is longer or shorter than its chunk is not to be had for others.
        self.decode(stored, mask, chunk, least, scratch).map(|()| None)
    }
}

/// What pieces of a chunk become where its elements of `size` bytes are shuffled, as those were that they come from: a piece
/// for each byte of an element. None where their elements are cut.
pub(super) fn shuffled<'a>(pieces: &[Piece<'a>], size: usize) -> Vec<Piece<'a>> {
    let held = |piece: &Piece<'_>| piece.matches.map_or(0, |m| m.held);
    let cut = |piece: &Piece<'_>| [piece.bytes, piece.from, held(piece)].iter().any(|n| n % size != 0);
    if pieces.iter().any(cut) {
        return Vec::new();
    }
    let part = |plane: usize, piece: &Piece<'a>| {
        let from = plane * (held(piece) / size) + piece.from / size;
        Piece { bytes: piece.bytes / size, matches: piece.matches, from }
    };
    (0..size).flat_map(|plane| pieces.iter().map(move |piece| part(plane, piece))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{DEFLATE, FLETCHER32, SHUFFLE};
    use super::*;
    use crate::format::message::filter_pipeline::FilterInfo;

    fn pipeline(filters: &[(u16, u32)]) -> Pipeline {
        let info =
            |&(id, n): &(u16, u32)| FilterInfo { id, name: "".into(), optional: id == DEFLATE, parameters: vec![n] };
        Pipeline::new(&filters.iter().map(info).collect::<Vec<_>>())
    }

    /// A chunk of the last third of one and the first two thirds of another.
    fn check(pipeline: &Pipeline, chunks: [&[u8]; 2]) {
        let mut scratch = Scratch::default();
        let decoded = chunks.map(|chunk| {
            let (stored, mask) = pipeline.encode(chunk, &mut scratch).unwrap();
            let mut back = vec![0; chunk.len()];
            let matches = pipeline.decode_noting(&stored, mask, &mut back, chunk.len(), &mut scratch).unwrap();
            assert!(back == chunk);
            matches
        });
        let cut = [chunks[0].len() / 3 * 2, chunks[1].len() / 3 * 2].map(|n| n / 24 * 24);
        let new = [&chunks[0][cut[0]..], &chunks[1][..cut[1]]].concat();
        let pieces = [
            Piece { bytes: chunks[0].len() - cut[0], matches: decoded[0].as_ref(), from: cut[0] },
            Piece { bytes: cut[1], matches: decoded[1].as_ref(), from: 0 },
        ];
        let (stored, mask) = pipeline.encode_pieces(&new, &pieces, &mut scratch).unwrap();
        let mut back = vec![0; new.len()];
        pipeline.decode(&stored, mask, &mut back, new.len(), &mut scratch).unwrap();
        assert!(back == new);
        let before = pipeline.encode(&new, &mut scratch).unwrap().0.len();
        assert!(stored.len() * 100 <= before * 105, "{} bytes, {before} anew", stored.len());
    }

    #[test]
    fn chunks_of_every_form_are_cut_anew() {
        let wave = |n: u32| ((f64::from(n) / 900.0).sin() * 4000.0) as u32 + n.wrapping_mul(2_654_435_761) % 5;
        let one: Vec<u8> = (0..300_000).flat_map(|n| wave(n).to_le_bytes()).collect();
        let other: Vec<u8> = (0..270_000).flat_map(|n| wave(n * 3).to_le_bytes()).collect();
        for filters in [
            &[(DEFLATE, 4)][..],
            &[(SHUFFLE, 4), (DEFLATE, 4)],
            &[(SHUFFLE, 8), (DEFLATE, 2), (FLETCHER32, 0)],
            &[(DEFLATE, 6), (FLETCHER32, 0)],
        ] {
            check(&pipeline(filters), [&one, &other]);
        }
        // Elements of seven bytes are cut at the borders of pieces.
        check(&pipeline(&[(SHUFFLE, 7), (DEFLATE, 4)]), [&one, &other]);
    }

    #[test]
    fn what_shuffling_makes_of_pieces() {
        let matches = Matches { held: 40, ..Matches::default() };
        let pieces =
            [Piece { bytes: 12, matches: Some(&matches), from: 28 }, Piece { bytes: 8, matches: None, from: 0 }];
        let places = |size| -> Vec<_> { shuffled(&pieces, size).iter().map(|p| (p.bytes, p.from)).collect() };
        assert_eq!(places(4), [(3, 7), (2, 0), (3, 17), (2, 0), (3, 27), (2, 0), (3, 37), (2, 0)]);
        assert_eq!(places(3), []);
    }

    #[test]
    fn matches_serve_only_the_same_filters_of_no_higher_level() {
        let serve = |from: &[(u16, u32)], to: &[(u16, u32)]| pipeline(from).matches_for(&pipeline(to));
        assert_eq!(serve(&[(DEFLATE, 6)], &[(DEFLATE, 4)]), Some(1));
        assert_eq!(serve(&[(SHUFFLE, 4), (DEFLATE, 4)], &[(SHUFFLE, 4), (DEFLATE, 4)]), Some(4));
        assert_eq!(serve(&[(DEFLATE, 4)], &[(DEFLATE, 6)]), None);
        assert_eq!(serve(&[(DEFLATE, 0)], &[(DEFLATE, 0)]), None);
        assert_eq!(serve(&[(SHUFFLE, 4), (DEFLATE, 4)], &[(SHUFFLE, 8), (DEFLATE, 4)]), None);
        assert_eq!(serve(&[(DEFLATE, 4), (FLETCHER32, 0)], &[(DEFLATE, 4)]), None);
        assert_eq!(serve(&[(DEFLATE, 4), (SHUFFLE, 4)], &[(DEFLATE, 4), (SHUFFLE, 4)]), None);
        assert_eq!(serve(&[(32_015, 3)], &[(32_015, 3)]), None);
        assert_eq!(serve(&[], &[]), None);
    }
}
