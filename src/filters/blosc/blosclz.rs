//! BloscLZ, Blosc's own codec, a relative of FastLZ: literal runs up to 32 bytes, references up to 72 KiB back. A stream
//! begins and ends with literals.

use crate::error::Result;
use crate::filters::Call;
use crate::filters::lz77::{Parse, Reach, copy_back};

/// Farther references have two more bytes of distance, counted from here.
const FAR: usize = 8191;

const REACH: Reach = Reach { farthest: FAR + 1 + 0xffff, longest: 1 << 20, shortest: 5, last_literals: 4 };

/// Appends `length` bytes that `packed` was made of.
pub(super) fn unpack(packed: &[u8], length: usize, call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
    let end = out.len() + length;
    let start = out.len();
    let mut rest = packed.iter();
    let mut first = true;
    while let Some(&control) = rest.next() {
        // The first byte's high bits are a version.
        let control = usize::from(if first { control & 31 } else { control });
        first = false;
        if control < 32 {
            let literals = rest.as_slice().get(..=control).filter(|l| out.len() + l.len() <= end);
            let literals = literals.ok_or_else(|| call.damaged("ends in a run of literals"))?;
            out.extend_from_slice(literals);
            rest = rest.as_slice()[control + 1..].iter();
        } else {
            let (distance, n) = reference(control, &mut rest).ok_or_else(|| call.damaged("ends in a reference"))?;
            if distance > out.len() - start || n > end - out.len() {
                return Err(call.damaged("a reference to what is not there"));
            }
            copy_back(out, distance, n).ok_or_else(|| call.damaged("a reference to what is not there"))?;
        }
    }
    if out.len() < end {
        return Err(call.damaged(format!("a block of {length} bytes decodes to {}", out.len() - start)));
    }
    Ok(())
}

/// Distance and length of a reference that begins with `control`.
fn reference(control: usize, rest: &mut std::slice::Iter<'_, u8>) -> Option<(usize, usize)> {
    let mut next = || rest.next().copied().map(usize::from);
    let mut length = (control >> 5) + 2;
    if control >> 5 == 7 {
        loop {
            let more = next()?;
            length += more;
            if more < 255 {
                break;
            }
        }
    }
    let mut distance = (control & 31) << 8 | next()?;
    if distance == FAR {
        distance += next()? << 8 | next()?;
    }
    Some((distance + 1, length))
}

/// Appends `raw` packed; `false` where that would be no smaller, `out` is then of no use.
pub(super) fn pack(raw: &[u8], out: &mut Vec<u8>) -> bool {
    let limit = out.len() + raw.len();
    let mut head = Vec::new();
    for step in Parse::new(raw, REACH) {
        for run in raw[step.literals.clone()].chunks(32) {
            out.push(run.len() as u8 - 1);
            out.extend_from_slice(run);
        }
        if let Some((distance, length)) = step.reference {
            put_reference(distance - 1, length - 2, &mut head, out);
        }
        if out.len() >= limit {
            return false;
        }
    }
    true
}

/// Appends a reference: `offset` is the distance less 1, `length` the length less 2.
fn put_reference(offset: usize, mut length: usize, head: &mut Vec<u8>, out: &mut Vec<u8>) {
    let (high, low, far) = match offset.checked_sub(FAR) {
        Some(far) => (31, 255, Some(far as u16)),
        None => ((offset >> 8) as u8, offset as u8, None),
    };
    head.clear();
    if length < 7 {
        head.push((length as u8) << 5 | high);
    } else {
        head.push(7 << 5 | high);
        length -= 7;
        while length >= 255 {
            head.push(255);
            length -= 255;
        }
        head.push(length as u8);
    }
    head.push(low);
    out.append(head);
    if let Some(far) = far {
        out.extend(far.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call<'_> = Call { parameters: &[], most: 1 << 20, name: "Blosc" };

    #[test]
    fn near_and_far_references_decode() {
        // "abcd", 3 back 4 times, then a run by a long reference, then a literal.
        let stream = [0x23, b'a', b'b', b'c', b'd', 2 << 5, 2, 7 << 5, 3, 0, 0, b'!'];
        let mut out = Vec::new();
        unpack(&stream, 4 + 4 + 12 + 1, &CALL, &mut out).unwrap();
        assert_eq!(out, b"abcdbcdbbbbbbbbbbbbb!");
        assert!(unpack(&stream, 20, &CALL, &mut Vec::new()).is_err());
        assert!(unpack(&stream, 22, &CALL, &mut Vec::new()).is_err());
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let noise = crate::filters::round_trips::noise(3_000);
        let mut raw = noise.clone();
        raw.extend(vec![0; 6_000]);
        raw.extend(&noise);
        raw.extend((0..70_000u32).map(|n| (n / 50) as u8));
        raw.extend(&noise);
        for cut in [raw.len(), 20_000, 9_500] {
            let mut packed = Vec::new();
            assert!(pack(&raw[..cut], &mut packed));
            let mut back = vec![1, 2, 3];
            unpack(&packed, cut, &CALL, &mut back).unwrap();
            assert!(back[3..] == raw[..cut]);
            for end in 0..packed.len().min(300) {
                assert!(unpack(&packed[..end], cut, &CALL, &mut Vec::new()).is_err());
            }
        }
        assert!(!pack(&raw[..2_000], &mut Vec::new()));
    }
}
