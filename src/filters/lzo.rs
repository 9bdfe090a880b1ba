//! LZO (filter 305, of PyTables): LZO1X streams, with an Adler-32 checksum of what was coded and its size behind them,
//! but for the oldest tables. A stream marks its own end, which says whether those are there.
//!
//! Instructions by their first byte; `S` is how many literals (0 to 3) follow the copy, and `state` how many came
//! before, 4 standing for a run of its own:
//!
//! ```text
//! 0000LLLL                      state 0: 3 + L literals (L = 0: 15 and what follows)
//! 0000DDSS HHHHHHHH             state 1 to 3: 2 bytes from D + 4H + 1 back; state 4: 3 bytes from D + 4H + 2049 back
//! 0001HLLL DDDDDDSS DDDDDDDD    2 + L bytes (L = 0: 7 and what follows) from 16384 (1 + H) + D back; none: the end
//! 001LLLLL DDDDDDSS DDDDDDDD    2 + L bytes (L = 0: 31 and what follows) from D + 1 back
//! 01LDDDSS HHHHHHHH             3 + L bytes from D + 8H + 1 back
//! 1LLDDDSS HHHHHHHH             5 + L bytes from D + 8H + 1 back
//! ```
//!
//! Nothing is written, only read. (Tables of PyTables before 2.0 could use UCL, filter 306, too; that is not read.)

use super::{Call, Filter};
use crate::error::Result;

pub(super) struct Lzo;

impl Filter for Lzo {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let mut stream = Stream { rest: stored, out, call };
        stream.decode()?;
        match *stream.rest {
            [] => Ok(()),
            [a, b, c, d, e, f, g, h] => {
                let (sum, size) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
                if out.len() as u64 != u64::from(size) {
                    return Err(call.damaged(format!("decodes to {} bytes, not {size}", out.len())));
                }
                let computed = adler32(out);
                if computed != sum {
                    return Err(call.damaged(format!("checksum is {sum:08x}, computed {computed:08x}")));
                }
                Ok(())
            }
            _ => Err(call.damaged(format!("{} bytes behind the stream", stream.rest.len()))),
        }
    }
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    // So many bytes cannot overflow the sums.
    for part in bytes.chunks(5552) {
        for &byte in part {
            a += u32::from(byte);
            b += a;
        }
        a %= 65_521;
        b %= 65_521;
    }
    b << 16 | a
}

struct Stream<'a> {
    rest: &'a [u8],
    out: &'a mut Vec<u8>,
    call: &'a Call<'a>,
}

impl Stream<'_> {
    fn byte(&mut self) -> Result<usize> {
        let (first, rest) = self.rest.split_first().ok_or_else(|| self.call.damaged("ends in an instruction"))?;
        self.rest = rest;
        Ok(usize::from(*first))
    }

    /// A length that did not fit into its bits: 255 for every zero byte, and the byte behind them.
    fn long(&mut self, least: usize) -> Result<usize> {
        let zeros = self.rest.iter().take_while(|&&b| b == 0).count();
        self.rest = &self.rest[zeros..];
        Ok(least + 255 * zeros + self.byte()?)
    }

    fn literals(&mut self, count: usize) -> Result<()> {
        let (literals, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| self.call.damaged("ends in a run of literals"))?;
        self.call.check_size((self.out.len() + count) as u64)?;
        self.out.extend_from_slice(literals);
        self.rest = rest;
        Ok(())
    }

    /// Copies what is `distance` back, which may overlap what it gives.
    fn copy(&mut self, distance: usize, length: usize) -> Result<()> {
        let begin = self.out.len().checked_sub(distance);
        let begin = begin.ok_or_else(|| self.call.damaged("refers to before its beginning"))?;
        self.call.check_size((self.out.len() + length) as u64)?;
        for at in begin..begin + length {
            self.out.push(self.out[at]);
        }
        Ok(())
    }

    fn decode(&mut self) -> Result<()> {
        let mut state = 0;
        if let Some(first) = self.rest.first().and_then(|&b| usize::from(b).checked_sub(17)).filter(|&n| n > 0) {
            self.byte()?;
            self.literals(first)?;
            state = first.min(4);
        }
        while let Some(literals) = self.instruction(state)? {
            state = literals;
        }
        Ok(())
    }

    /// One instruction; returns the state after it, `None` at the end of the stream.
    fn instruction(&mut self, state: usize) -> Result<Option<usize>> {
        let first = self.byte()?;
        let (length, distance, literals) = match first {
            0..16 if state == 0 => {
                let length = if first == 0 { self.long(15)? } else { first };
                self.literals(3 + length)?;
                return Ok(Some(4));
            }
            0..16 => {
                let distance = (first >> 2) + 4 * self.byte()? + 1;
                if state == 4 { (3, distance + 2048, first & 3) } else { (2, distance, first & 3) }
            }
            16..32 => {
                let length = 2 + if first & 7 == 0 { self.long(7)? } else { first & 7 };
                let (far, literals) = self.far()?;
                let distance = 16_384 + ((first & 8) << 11) + far;
                if distance == 16_384 {
                    return if length == 3 { Ok(None) } else { Err(self.call.damaged("its end is wrong")) };
                }
                (length, distance, literals)
            }
            32..64 => {
                let length = 2 + if first & 31 == 0 { self.long(31)? } else { first & 31 };
                let (far, literals) = self.far()?;
                (length, far + 1, literals)
            }
            64..128 => (3 + (first >> 5 & 1), (first >> 2 & 7) + 8 * self.byte()? + 1, first & 3),
            _ => (5 + (first >> 5 & 3), (first >> 2 & 7) + 8 * self.byte()? + 1, first & 3),
        };
        self.copy(distance, length)?;
        self.literals(literals)?;
        Ok(Some(literals))
    }

    /// The 14 bits of a distance, and the number of literals below them.
    fn far(&mut self) -> Result<(usize, usize)> {
        let both = self.byte()? | self.byte()? << 8;
        Ok((both >> 2, both & 3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(stored: &[u8], most: usize) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let call = Call { parameters: &[1, 20, 0], most, name: "LZO" };
        Lzo.decode(stored, &call, &mut out).map(|()| out)
    }

    #[test]
    fn instructions_of_every_form_decode() {
        // 5 literals, 4 bytes from 5 back with one literal behind, 2 bytes from 1 back, the end.
        let stream = [22, b'a', b'b', b'c', b'd', b'e', 0b0111_0001, 0, b'!', 0, 0, 0x11, 0, 0];
        assert_eq!(decode(&stream, 100).unwrap(), b"abcdeabcd!!!");
        assert!(decode(&stream, 11).is_err());
        for cut in 0..stream.len() {
            assert!(decode(&stream[..cut], 100).is_err(), "cut at {cut}");
        }
        // A long run of literals, then 40 bytes from 18 back.
        let mut stream = vec![0, 3];
        stream.extend(0..21);
        stream.extend([0x20, 7, 17 << 2, 0, 0x11, 0, 0]);
        let wanted: Vec<u8> = (0..21).chain((0..40).map(|n| n % 18 + 3)).collect();
        assert_eq!(decode(&stream, 100).unwrap(), wanted);
    }

    #[test]
    fn the_checksum_is_held_against_what_came_out() {
        let mut stored = vec![20, b'a', b'b', b'c', 0x11, 0, 0, 0x27, 1, 0x4d, 2, 3, 0, 0, 0];
        assert_eq!(decode(&stored, 3).unwrap(), b"abc");
        stored[1] = b'b';
        assert!(decode(&stored, 3).unwrap_err().to_string().contains("checksum"));
        assert!(decode(&stored[..14], 3).is_err());
    }

    #[test]
    fn references_to_before_the_beginning_are_errors() {
        for bad in [&[20u8, 1, 2, 3, 64, 9][..], &[20, 1, 2, 3, 0x18, 0, 0], &[0x30, 0, 0], &[0, 0, 0]] {
            assert!(decode(bad, 1000).is_err());
        }
    }
}
