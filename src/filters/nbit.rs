//! nbit (filter 5): of every number only its significant bits, packed without gaps.
//!
//! The parameters say how elements are made of numbers, so that the filter needs no datatype: how many parameters there
//! are, whether the filter has nothing to do, how many elements a chunk has, and then a tree.
//!
//! | class | what follows |
//! | --- | --- |
//! | 1, a number | bytes, byte order (0 little, 1 big), significant bits, how many bits below them are not |
//! | 2, an array | bytes, and what it is made of, beginning with its class |
//! | 3, a compound | bytes, how many members, and for each its offset and what it is, beginning with its class |
//! | 4, anything else | bytes, which are stored as they are |
//!
//! Bits go from the most significant to the least, whatever the byte order. libhdf5 ends a chunk with the byte that the
//! next bit would be in, so one that ends at a byte's end has a spare.

use super::bits::{BitReader, BitWriter};
use super::set_local::Target;
use super::{Call, Filter};
use crate::bytes::Limits;
use crate::error::{Error, Result};
use crate::format::message::datatype::{Bits, ByteOrder, Datatype, Member};
use std::ops::Range;

const NUMBER: u32 = 1;
const ARRAY: u32 = 2;
const COMPOUND: u32 = 3;
const AS_IT_IS: u32 = 4;

/// Parameters before the tree.
const FIRST: usize = 3;
/// The most that libhdf5 stores.
const MOST: usize = 4096;
/// Parts of an element that are read: many more than so many parameters make.
const MOST_PARTS: u32 = 1 << 16;

pub(super) struct Nbit;

/// What an element, or a part of one, is made of.
#[derive(PartialEq)]
enum Packed {
    Number {
        size: usize,
        big_endian: bool,
        /// Counted from the least significant.
        significant: Range<usize>,
    },
    Array {
        size: usize,
        base: Box<Packed>,
    },
    Compound {
        size: usize,
        /// With their offsets.
        members: Vec<(usize, Packed)>,
    },
    AsItIs {
        size: usize,
    },
}

impl Packed {
    fn size(&self) -> usize {
        match self {
            Packed::Number { size, .. }
            | Packed::Array { size, .. }
            | Packed::Compound { size, .. }
            | Packed::AsItIs { size } => *size,
        }
    }

    /// Fills an element, which is zeros; `None` where the bits end.
    fn decode(&self, bits: &mut BitReader<'_>, element: &mut [u8]) -> Option<()> {
        match self {
            Packed::Number { big_endian, significant, .. } => {
                for (byte, part) in bytes(element.len(), *big_endian, significant) {
                    element[byte] = (bits.take(part.len() as u32)? << part.start) as u8;
                }
            }
            Packed::Array { base, .. } => {
                for item in element.chunks_exact_mut(base.size()) {
                    base.decode(bits, item)?;
                }
            }
            Packed::Compound { members, .. } => {
                for (offset, member) in members {
                    member.decode(bits, &mut element[*offset..offset + member.size()])?;
                }
            }
            Packed::AsItIs { .. } => {
                for byte in element {
                    *byte = bits.take(8)? as u8;
                }
            }
        }
        Some(())
    }

    fn encode(&self, element: &[u8], bits: &mut BitWriter<'_>) {
        match self {
            Packed::Number { big_endian, significant, .. } => {
                for (byte, part) in bytes(element.len(), *big_endian, significant) {
                    bits.put(u32::from(element[byte] >> part.start), part.len() as u32);
                }
            }
            Packed::Array { base, .. } => {
                element.chunks_exact(base.size()).for_each(|item| base.encode(item, bits));
            }
            Packed::Compound { members, .. } => {
                for (offset, member) in members {
                    member.encode(&element[*offset..offset + member.size()], bits);
                }
            }
            Packed::AsItIs { .. } => element.iter().for_each(|&byte| bits.put(byte.into(), 8)),
        }
    }
}

/// The bytes that hold a number's significant bits, the most significant first, and which bits of each.
fn bytes(size: usize, big_endian: bool, significant: &Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
    let Range { start, end } = *significant;
    (start / 8..end.div_ceil(8)).rev().map(move |power| {
        let part = start.saturating_sub(8 * power)..(end - 8 * power).min(8);
        (if big_endian { size - 1 - power } else { power }, part)
    })
}

/// Reads the tree of parameters.
///
/// libhdf5 has an error here that became part of the format: behind an array of arrays or compounds it goes on with the
/// parameters of the inner type, as if they were the next member's. It writes so; what chunks then lack (the last
/// members) it reads as zeros, or it cannot read them. Chunks must be decoded as they were encoded; ours we leave
/// unfiltered.
struct Tree<'a> {
    call: &'a Call<'a>,
    at: usize,
    as_libhdf5: bool,
    /// Parts that may still come: by the error some are read twice, and twice again inside of these.
    left: u32,
}

impl Tree<'_> {
    fn next(&mut self) -> Result<usize> {
        let value = self.call.parameter(self.at)?;
        self.at += 1;
        Ok(value as usize)
    }

    fn packed(&mut self, depth: usize) -> Result<Packed> {
        let depth = depth.checked_sub(1).ok_or_else(|| Error::limit("nbit: datatypes nested more than 64 deep"))?;
        self.left = self.left.checked_sub(1).ok_or_else(|| Error::limit("nbit: elements of more than 65536 parts"))?;
        let (class, size) = (self.next()? as u32, self.next()?);
        if size == 0 {
            return Err(self.call.damaged("a part of 0 bytes"));
        }
        match class {
            NUMBER => self.number(size),
            ARRAY => self.array(size, depth),
            COMPOUND => self.compound(size, depth),
            AS_IT_IS => Ok(Packed::AsItIs { size }),
            _ => Err(self.call.damaged(format!("class {class}"))),
        }
    }

    fn number(&mut self, size: usize) -> Result<Packed> {
        let (order, precision, offset) = (self.next()?, self.next()?, self.next()?);
        let end = precision.saturating_add(offset);
        if order > 1 || precision == 0 || end > size.saturating_mul(8) {
            let what = format!("a number of {size} bytes, {precision} bits from bit {offset}, order {order}");
            return Err(self.call.damaged(what));
        }
        Ok(Packed::Number { size, big_endian: order == 1, significant: offset..end })
    }

    fn array(&mut self, size: usize, depth: usize) -> Result<Packed> {
        let inner = self.at + 1;
        let base = match self.packed(depth)? {
            // libhdf5 does not look at the size of the base.
            Packed::AsItIs { .. } => Packed::AsItIs { size },
            base => base,
        };
        if !size.is_multiple_of(base.size()) {
            return Err(self.call.damaged(format!("an array of {size} bytes, of {} each", base.size())));
        }
        if self.as_libhdf5 && matches!(base, Packed::Array { .. } | Packed::Compound { .. }) {
            self.at = inner;
        }
        Ok(Packed::Array { size, base: Box::new(base) })
    }

    fn compound(&mut self, size: usize, depth: usize) -> Result<Packed> {
        let count = self.next()?;
        let mut members = Vec::new();
        let mut used = 0usize;
        for _ in 0..count {
            let offset = self.next()?;
            let member = self.packed(depth)?;
            used = used.saturating_add(member.size());
            if used > size || offset.saturating_add(member.size()) > size {
                return Err(self.call.damaged("a member that reaches beyond its compound"));
            }
            members.push((offset, member));
        }
        if members.is_empty() {
            return Err(self.call.damaged("a compound without members"));
        }
        Ok(Packed::Compound { size, members })
    }
}

/// How an element is packed, as it is meant or as libhdf5 does it; `None` if chunks are stored as they are.
fn element(call: &Call<'_>, as_libhdf5: bool) -> Result<Option<Packed>> {
    if call.parameter(0)? as usize != call.parameters.len() {
        return Err(call.damaged(format!("{} parameters", call.parameters.len())));
    }
    if call.parameter(1)? != 0 {
        return Ok(None);
    }
    let mut tree = Tree { call, at: FIRST, as_libhdf5, left: MOST_PARTS };
    tree.packed(Limits::MAX_NESTING).map(Some)
}

/// Whether libhdf5 does what is meant, so that nothing is lost.
fn is_whole(call: &Call<'_>, meant: &Packed) -> bool {
    element(call, true).is_ok_and(|done| done.as_ref() == Some(meant))
}

/// Bytes of a chunk.
fn size(call: &Call<'_>, element: &Packed) -> Result<u64> {
    Ok(u64::from(call.parameter(2)?).saturating_mul(element.size() as u64))
}

impl Filter for Nbit {
    fn decode(&self, stored: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<()> {
        let Some(element) = element(call, true)? else {
            call.check_size(stored.len() as u64)?;
            out.extend_from_slice(stored);
            return Ok(());
        };
        out.resize(call.check_size(size(call, &element)?)?, 0);
        let mut bits = BitReader::new(stored);
        for item in out.chunks_exact_mut(element.size()) {
            element.decode(&mut bits, item).ok_or_else(|| call.damaged("ends before its elements"))?;
        }
        Ok(())
    }

    fn encode(&self, chunk: &[u8], call: &Call<'_>, out: &mut Vec<u8>) -> Result<bool> {
        call.may_encode()?;
        let Some(element) = element(call, false)? else {
            out.extend_from_slice(chunk);
            return Ok(true);
        };
        if size(call, &element)? != chunk.len() as u64 || !is_whole(call, &element) {
            return Ok(false);
        }
        let mut bits = BitWriter::new(out);
        chunk.chunks_exact(element.size()).for_each(|item| element.encode(item, &mut bits));
        bits.finish_with_spare();
        Ok(true)
    }
}

/// The parameters that libhdf5 stores.
pub(super) fn set_local(target: &Target<'_>) -> Result<Vec<u32>> {
    let elements = target.elements()? as u32;
    let mut tree = vec![0, 1, elements];
    let nothing_to_do = match target.datatype {
        Datatype::Integer { .. } | Datatype::Float(_) | Datatype::Array { .. } | Datatype::Compound { .. } => {
            describe(target.datatype, &mut tree)?
        }
        _ => true,
    };
    if tree.len() > MOST {
        return Err(Error::unsupported("nbit: a datatype of so many parts"));
    }
    (tree[0], tree[1]) = (tree.len() as u32, nothing_to_do.into());
    let call = Call { parameters: &tree, most: usize::MAX, name: "nbit" };
    if element(&call, false)?.is_some_and(|meant| !is_whole(&call, &meant)) {
        return Err(Error::unsupported(
            "nbit of compounds with arrays of arrays or compounds, as libhdf5 loses members",
        ));
    }
    Ok(tree)
}

/// Appends what a datatype is made of; returns whether all of its bits are significant.
fn describe(datatype: &Datatype, tree: &mut Vec<u32>) -> Result<bool> {
    let size = u32::try_from(datatype.size()).map_err(|_| Error::invalid("elements of 4 GiB or more"))?;
    match datatype {
        Datatype::Integer { bits, .. } => describe_number(bits, tree),
        Datatype::Float(float) => describe_number(&float.bits, tree),
        Datatype::Array { base, .. } => {
            if let Datatype::Sequence { .. } | Datatype::VariableString { .. } = **base {
                return Err(Error::unsupported("nbit of arrays of variable-length elements"));
            }
            tree.extend([ARRAY, size]);
            describe(base, tree)
        }
        Datatype::Compound { members, .. } => {
            tree.extend([COMPOUND, size, members.len() as u32]);
            let mut nothing_to_do = true;
            for (i, Member { offset, datatype, .. }) in members.iter().enumerate() {
                tree.push(*offset);
                if let Datatype::Sequence { .. } | Datatype::VariableString { .. } = datatype {
                    // libhdf5 does not trust its size, and takes all up to the next member.
                    let next = members.get(i + 1).map_or(size, |m| m.offset);
                    let room = next.checked_sub(*offset).filter(|&n| n > 0);
                    let room = room.ok_or_else(|| Error::unsupported("nbit of members out of order"))?;
                    tree.extend([AS_IT_IS, room]);
                } else {
                    nothing_to_do &= describe(datatype, tree)?;
                }
            }
            Ok(nothing_to_do)
        }
        _ => {
            tree.extend([AS_IT_IS, size]);
            Ok(true)
        }
    }
}

fn describe_number(bits: &Bits, tree: &mut Vec<u32>) -> Result<bool> {
    let order = match bits.order {
        ByteOrder::Little => 0,
        ByteOrder::Big => 1,
        ByteOrder::Vax => return Err(Error::unsupported("nbit of VAX numbers")),
    };
    tree.extend([NUMBER, bits.size, order, bits.precision.into(), bits.offset.into()]);
    Ok(bits.is_full())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(parameters: &[u32], most: usize) -> Call<'_> {
        Call { parameters, most, name: "nbit" }
    }

    #[test]
    fn only_significant_bits_are_stored() {
        let parameters = [8, 0, 8, 1, 4, 0, 12, 4];
        let values = [1, -2, 3, 2047, -2048, 0, 5, 6];
        let chunk: Vec<u8> = values.iter().flat_map(|n: &i32| (n << 4 & 0xfff0).to_le_bytes()).collect();
        let (mut stored, mut back) = (Vec::new(), Vec::new());
        assert!(Nbit.encode(&chunk, &call(&parameters, 32), &mut stored).unwrap());
        assert_eq!(stored, [0, 0x1f, 0xfe, 0, 0x37, 0xff, 0x80, 0, 0, 0, 0x50, 6, 0]);
        // The spare byte is not needed.
        Nbit.decode(&stored[..12], &call(&parameters, 32), &mut back).unwrap();
        assert_eq!(back, chunk);
        assert!(Nbit.decode(&stored[..11], &call(&parameters, 32), &mut Vec::new()).is_err());
    }

    #[test]
    fn parameters_that_make_no_sense_are_damage() {
        for bad in [
            &[][..],
            &[3, 0, 1],
            &[8, 0, 8, 1, 4, 0, 12],
            &[9, 0, 8, 1, 4, 0, 12, 4],
            &[8, 0, 8, 1, 0, 0, 0, 0],
            &[8, 0, 8, 1, 4, 0, 0, 4],
            &[8, 0, 8, 1, 4, 2, 12, 4],
            &[8, 0, 8, 1, 4, 0, 12, 21],
            &[8, 0, 8, 1, 4, 0, u32::MAX, u32::MAX],
            &[8, 0, 9, 1, 4, 0, 12, 4],
            &[8, 0, u32::MAX, 1, u32::MAX, 0, 12, 4],
            &[10, 0, 1, 2, 7, 1, 4, 0, 12, 4],
            &[10, 0, 1, 2, 7, 1, 0, 0, 12, 4],
            &[6, 0, 1, 3, 8, 0],
            &[6, 0, 1, 3, 8, u32::MAX],
            &[9, 0, 1, 3, 8, 1, 5, 4, 4],
            &[9, 0, 1, 3, 8, 1, u32::MAX, 4, 4],
            &[12, 0, 1, 3, 8, 2, 0, 4, 5, 0, 4, 4],
            &[5, 0, 1, 5, 4],
        ] {
            let error = Nbit.decode(&[0xff; 64], &call(bad, 32), &mut Vec::new()).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Damaged, "{bad:?}");
            assert!(!matches!(Nbit.encode(&[0; 32], &call(bad, 32), &mut Vec::new()), Ok(true)), "{bad:?}");
        }
    }

    #[test]
    fn behind_an_array_of_arrays_libhdf5_goes_astray() {
        // Two arrays of one array of a byte of 4 bits, then a byte of which nothing is stored: in its place the array's
        // "size, class" is taken for "offset, class".
        let parameters = [22, 0, 1, 3, 3, 2, 0, 2, 1, 2, 1, 1, 1, 0, 4, 0, 2, 1, 1, 0, 4, 0];
        let call = call(&parameters, 3);
        let mut out = Vec::new();
        Nbit.decode(&[0x5a, 0xff], &call, &mut out).unwrap();
        assert_eq!(out, [5, 10, 0]);
        assert!(!Nbit.encode(&out, &call, &mut Vec::new()).unwrap());
    }

    #[test]
    fn arrays_in_arrays_without_end_are_a_limit() {
        let mut parameters = vec![203, 0, 1];
        parameters.extend([2, 4].repeat(100));
        let error = Nbit.decode(&[0xff; 64], &call(&parameters, 32), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Limit);
    }

    #[test]
    fn parts_that_are_read_again_and_again_are_a_limit() {
        // Taken for "offset, class, size" and for "class, size, count" these are arrays of compounds of arrays …
        let mut parameters = vec![0, 0, 1];
        parameters.extend([3, 2, 3, 2].repeat(8000));
        parameters[0] = parameters.len() as u32;
        for big in [3, 1 << 20, u32::MAX] {
            let parameters: Vec<u32> = parameters.iter().map(|&n| if n == 3 { big } else { n }).collect();
            let _ = Nbit.decode(&[0xff; 64], &call(&parameters, 32), &mut Vec::new());
        }
        for seed in 0..2000u32 {
            let mut n = seed.wrapping_mul(2_654_435_761) | 1;
            let mut parameters = vec![0, 0, 1, 3, 1 << 16];
            parameters.extend((0..400).map(|_| {
                n ^= n << 13;
                n ^= n >> 17;
                n ^= n << 5;
                [1, 2, 3, 4, 2, 3, 2, 3][n as usize % 8]
            }));
            parameters[0] = parameters.len() as u32;
            let _ = Nbit.decode(&[0xff; 64], &call(&parameters, 1 << 16), &mut Vec::new());
        }
    }

    #[test]
    fn nothing_to_do_is_left_as_it_is() {
        let mut out = Vec::new();
        Nbit.decode(b"abc", &call(&[3, 1, 100], 3), &mut out).unwrap();
        assert_eq!(out, b"abc");
        assert!(Nbit.decode(b"abc", &call(&[3, 1, 100], 2), &mut Vec::new()).is_err());
    }
}
