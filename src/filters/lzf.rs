//! LZF (filter 32000, h5py's own): literal runs and references up to 8 KiB back, without a header.

use super::{Call, Filter};
use crate::error::{Error, Result};

pub(super) struct Lzf;

impl Filter for Lzf {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        decode(stored, out, call.most)
    }
}

/// Decodes a stream into `out`, at most `most` bytes.
fn decode(stream: &[u8], out: &mut Vec<u8>, most: usize) -> Result<()> {
    let wrong = |what: &str| Error::damaged(what).in_structure("LZF stream");
    let mut rest = stream.iter();
    while let Some(&control) = rest.next() {
        let control = usize::from(control);
        if control < 32 {
            let literals = rest.as_slice().get(..=control).ok_or_else(|| wrong("ends in a run of literals"))?;
            out.extend_from_slice(literals);
            rest = rest.as_slice()[control + 1..].iter();
        } else {
            let mut next = || rest.next().copied().map(usize::from).ok_or_else(|| wrong("ends in a reference"));
            let mut length = control >> 5;
            if length == 7 {
                length += next()?;
            }
            let distance = ((control & 31) << 8 | next()?) + 1;
            let start = out.len().checked_sub(distance).ok_or_else(|| wrong("refers to before its beginning"))?;
            // The reference may overlap what it produces.
            for i in start..start + length + 2 {
                out.push(out[i]);
            }
        }
        if out.len() > most {
            return Err(wrong("decodes to more than the chunk's bytes"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
