//! LZF (filter 32000, h5py's own): literal runs and references up to 8 KiB back, without a header.

use super::inflate::copy::{LONGEST, OVERSHOOT, copy};
use super::lz77::{Parse, Reach};
use super::{Call, Filter};
use crate::error::Result;

pub(super) struct Lzf;

impl Filter for Lzf {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let mut room = call.most.min(8 * stored.len());
        out.resize(room + BEHIND, 0);
        let (mut at, mut rest) = (0, stored);
        while let Some((&control, behind)) = rest.split_first() {
            let step;
            (step, rest) = Token::read(usize::from(control), behind, call)?;
            let end = at + step.length();
            if end > call.most {
                return Err(call.damaged("decodes to more than the chunk's bytes"));
            }
            if end > room {
                room = call.most.min(2 * end);
                out.resize(room + BEHIND, 0);
            }
            match step {
                Token::Literals(literals) => match (behind.first_chunk::<32>(), out[at..].first_chunk_mut::<32>()) {
                    // What is too much is written over.
                    (Some(word), Some(place)) => *place = *word,
                    _ => out[at..end].copy_from_slice(literals),
                },
                Token::Reference { distance, .. } if distance > at => {
                    return Err(call.damaged("refers to before its beginning"));
                }
                Token::Reference { distance, length } => copy(out, at, distance, length),
            }
            at = end;
        }
        out.truncate(at);
        Ok(())
    }

    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        call.may_encode()?;
        if u32::try_from(chunk.len()).is_err() {
            return Ok(false);
        }
        for step in Parse::new(chunk, REACH) {
            for run in chunk[step.literals].chunks(32) {
                out.push(run.len() as u8 - 1);
                out.extend_from_slice(run);
            }
            if let Some((distance, length)) = step.reference {
                let (offset, length) = (distance - 1, length - 2);
                let high = (offset >> 8) as u8;
                if length < 7 {
                    out.push((length as u8) << 5 | high);
                } else {
                    out.extend([7 << 5 | high, (length - 7) as u8]);
                }
                out.push(offset as u8);
            }
            if out.len() >= chunk.len() {
                return Ok(false);
            }
        }
        Ok(!chunk.is_empty())
    }
}

/// Bytes behind the output that a step may touch.
const BEHIND: usize = LONGEST + OVERSHOOT;

/// A step of a stream.
enum Token<'a> {
    Literals(&'a [u8]),
    Reference { distance: usize, length: usize },
}

impl<'a> Token<'a> {
    /// Reads the step that begins with `control`; returns what is behind it, too.
    #[inline(always)]
    fn read(control: usize, behind: &'a [u8], call: &Call<'_>) -> Result<(Token<'a>, &'a [u8])> {
        let short = || call.damaged("ends in a reference");
        if control < 32 {
            let parts = behind.split_at_checked(control + 1);
            let (literals, rest) = parts.ok_or_else(|| call.damaged("ends in a run of literals"))?;
            return Ok((Token::Literals(literals), rest));
        }
        let (&next, mut rest) = behind.split_first().ok_or_else(short)?;
        let (mut length, mut low) = ((control >> 5) + 2, next);
        if length == 9 {
            length += usize::from(next);
            let (&last, behind) = rest.split_first().ok_or_else(short)?;
            (low, rest) = (last, behind);
        }
        let distance = ((control & 31) << 8 | usize::from(low)) + 1;
        Ok((Token::Reference { distance, length }, rest))
    }

    #[inline(always)]
    fn length(&self) -> usize {
        match self {
            Token::Literals(literals) => literals.len(),
            Token::Reference { length, .. } => *length,
        }
    }
}

/// 13 bits of offset, three bits or a byte of length.
const REACH: Reach = Reach { farthest: 1 << 13, longest: 255 + 7 + 2, shortest: 4, last_literals: 0 };

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(stream: &[u8], out: &mut Vec<u8>, most: usize) -> Result<()> {
        Lzf.decode(stream, &Call { parameters: &[], most, name: "LZF" }, out)
    }

    #[test]
    fn literals_and_overlapping_references_decode() {
        let mut out = Vec::new();
        decode(&[1, b'a', b'b', 0x60, 1, 0, b'!'], &mut out, 100).unwrap();
        assert_eq!(out, b"abababa!");
        out.clear();
        decode(&[0, b'x', 0xe0, 10, 0], &mut out, 100).unwrap();
        assert_eq!(out, vec![b'x'; 20]);
    }

    #[test]
    fn damage_is_an_error() {
        for bad in [&[5u8, 1][..], &[0x20], &[0x20, 0], &[0xe0]] {
            assert!(decode(bad, &mut Vec::new(), 100).is_err());
        }
        assert!(decode(&[0, b'x', 0xe0, 200, 0], &mut Vec::new(), 10).is_err());
    }

    #[test]
    fn what_cannot_be_made_smaller_is_left_alone() {
        let call = Call { parameters: &[], most: 5, name: "LZF" };
        assert!(!Lzf.encode(b"abcde", &call, &mut Vec::new()).unwrap());
        assert!(!Lzf.encode(b"", &call, &mut Vec::new()).unwrap());
    }
}
