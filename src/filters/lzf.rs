//! LZF (filter 32000, h5py's own): literal runs and references up to 8 KiB back, without a header.

use super::lz77::{Parse, Reach, copy_back};
use super::{Call, Filter};
use crate::error::Result;

pub(super) struct Lzf;

impl Filter for Lzf {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let mut rest = stored.iter();
        while let Some(&control) = rest.next() {
            let control = usize::from(control);
            if control < 32 {
                let literals = rest.as_slice().get(..=control);
                let literals = literals.ok_or_else(|| call.damaged("ends in a run of literals"))?;
                out.extend_from_slice(literals);
                rest = rest.as_slice()[control + 1..].iter();
            } else {
                let mut next = || {
                    let byte = rest.next().copied().map(usize::from);
                    byte.ok_or_else(|| call.damaged("ends in a reference"))
                };
                let mut length = control >> 5;
                if length == 7 {
                    length += next()?;
                }
                let distance = ((control & 31) << 8 | next()?) + 1;
                let copied = copy_back(out, distance, length + 2);
                copied.ok_or_else(|| call.damaged("refers to before its beginning"))?;
            }
            if out.len() > call.most {
                return Err(call.damaged("decodes to more than the chunk's bytes"));
            }
        }
        Ok(())
    }

    fn encode(&self, chunk: &[u8], _: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
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
