//! Elements of one datatype as those of another, by libhdf5's rules: for the sources of virtual datasets.
//!
//! Integers are cut to the range of their target, floats to integers lose what is behind the point, floats are rounded to
//! nearest and even, members of compounds and enumerations meet by name. What libhdf5 would not convert is refused.

use super::{float, number, soft_float};
use crate::error::{Error, Result};
use crate::format::message::datatype::{Bits, ByteOrder, Datatype, Float, Padding};

/// Bits of a heap address that may say which file it is of. No file is so large that it needs them.
const FILE_SHIFT: u32 = 48;

/// How an element becomes one of another datatype.
#[derive(Clone, Debug)]
pub(crate) struct Conversion {
    step: Step,
    from: usize,
    to: usize,
}

#[derive(Clone, Debug)]
enum Step {
    Copy,
    Reverse,
    Number(Number, Number),
    Text {
        from: Padding,
        to: Padding,
    },
    /// A reference into the global heap, to be marked with its file.
    Heap {
        mark: u64,
        marked: bool,
    },
    /// Values by value.
    Names(Vec<(Vec<u8>, Vec<u8>)>),
    /// Places in both, and what happens there.
    Members(Vec<(usize, usize, Conversion)>),
    Repeat(Box<Conversion>),
}

#[derive(Clone, Debug)]
enum Number {
    Integer { bits: Bits, signed: bool },
    Float(Float),
}

/// Where elements come from, as far as those matter that lead into a file's global heap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The number of the file, if it is another one.
    pub(crate) other: Option<u16>,
    /// They may be marked already, as those of a virtual dataset.
    pub(crate) marked: bool,
}

/// The number of the file that a heap address is marked with, and the address.
pub(crate) fn unmark(address: u64) -> (Option<u16>, u64) {
    let mark = (address >> FILE_SHIFT) as u16;
    (mark.checked_sub(1), address & ((1 << FILE_SHIFT) - 1))
}

impl Conversion {
    /// From one datatype to another.
    pub(crate) fn new(from: &Datatype, to: &Datatype, origin: Origin) -> Result<Conversion> {
        let refuse = || Error::unsupported(format!("a source of {from} in a virtual dataset of {to}"));
        let of = |step| Ok(Conversion { step, from: from.size() as usize, to: to.size() as usize });
        if !from.has_references_to_file() && from == to {
            return of(Step::Copy);
        }
        match (from, to) {
            // libhdf5 looks for this first, and at nothing but sizes and orders: a sign that differs is taken as it is.
            (Datatype::Integer { bits: a, .. }, Datatype::Integer { bits: b, .. })
                if a.size == b.size && a.order != b.order && a.offset == 0 && b.offset == 0 =>
            {
                of(Step::Reverse)
            }
            (Datatype::Float(a), Datatype::Float(b)) if a.is_ieee() && b.is_ieee() && a.bits.size == b.bits.size => {
                of(Step::Reverse)
            }
            (Datatype::FixedString { padding, charset, .. }, Datatype::FixedString { padding: p, charset: c, .. })
                if charset == c =>
            {
                of(Step::Text { from: *padding, to: *p })
            }
            (Datatype::Sequence { base, .. }, _) if from == to => heap(from, base, origin).and_then(of),
            (Datatype::VariableString { size: a, .. }, Datatype::VariableString { size: b, .. }) if a == b => {
                heap(from, &Datatype::integer(1, false), origin).and_then(of)
            }
            (Datatype::Reference { .. }, _) if from == to && origin.other.is_none() => of(Step::Copy),
            (Datatype::Enumeration { members, .. }, Datatype::Enumeration { members: others, .. }) => {
                let mut pairs = Vec::with_capacity(members.len());
                for (name, value) in members {
                    let (_, other) = others.iter().find(|(n, _)| n == name).ok_or_else(refuse)?;
                    pairs.push((value.clone(), other.clone()));
                }
                pairs.sort();
                of(Step::Names(pairs))
            }
            (Datatype::Enumeration { base, .. }, Datatype::Integer { .. } | Datatype::Float(_)) => {
                Conversion::new(base, to, origin)
            }
            (Datatype::Compound { members, .. }, Datatype::Compound { members: others, .. }) => {
                let mut parts = Vec::with_capacity(others.len());
                for other in others {
                    if let Some(member) = members.iter().find(|m| m.name == other.name) {
                        let inner = Conversion::new(&member.datatype, &other.datatype, origin)?;
                        parts.push((member.offset as usize, other.offset as usize, inner));
                    }
                }
                of(Step::Members(parts))
            }
            (Datatype::Array { dims: a, base: x }, Datatype::Array { dims: b, base: y }) if a == b => {
                of(Step::Repeat(Box::new(Conversion::new(x, y, origin)?)))
            }
            (Datatype::Complex(a), Datatype::Complex(b)) => of(Step::Repeat(Box::new(Conversion::new(a, b, origin)?))),
            _ => match (number_of(from), number_of(to)) {
                (Some(a), Some(b)) if b.is_writable() => of(Step::Number(a, b)),
                _ => Err(refuse()),
            },
        }
    }

    /// Whether elements stay as they are.
    pub(crate) fn is_copy(&self) -> bool {
        matches!(self.step, Step::Copy)
    }

    /// Converts elements, one behind the other.
    pub(crate) fn all(&self, from: &[u8]) -> Result<Vec<u8>> {
        let n = from.len() / self.from.max(1);
        let mut out = crate::bytes::zeroed((n as u64).saturating_mul(self.to as u64))?;
        self.slice(from, &mut out)?;
        Ok(out)
    }

    fn slice(&self, from: &[u8], to: &mut [u8]) -> Result<()> {
        let pairs = from.chunks_exact(self.from.max(1)).zip(to.chunks_exact_mut(self.to.max(1)));
        pairs.into_iter().try_for_each(|(from, to)| self.one(from, to))
    }

    fn one(&self, from: &[u8], to: &mut [u8]) -> Result<()> {
        match &self.step {
            Step::Copy => to.copy_from_slice(from),
            Step::Reverse => to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from),
            Step::Number(a, b) => convert_number(from, a, to, b)?,
            Step::Text { from: padding, to: wanted } => copy_text(from, *padding, to, *wanted),
            Step::Heap { mark, marked } => copy_marked(from, to, *mark, *marked)?,
            Step::Names(pairs) => match pairs.binary_search_by(|(value, _)| value[..].cmp(from)) {
                Ok(at) => to.copy_from_slice(&pairs[at].1),
                // A value without a name.
                Err(_) => to.fill(0xff),
            },
            Step::Members(parts) => {
                for (a, b, inner) in parts {
                    inner.one(&from[*a..a + inner.from], &mut to[*b..b + inner.to])?;
                }
            }
            Step::Repeat(inner) => inner.slice(from, to)?,
        }
        Ok(())
    }
}

/// An element that leads into a heap, which may be that of another file.
fn heap(from: &Datatype, base: &Datatype, origin: Origin) -> Result<Step> {
    if origin.other.is_some() && base.has_references_to_file() {
        let message = format!("elements of {from} from another file: what they lead to leads further on");
        return Err(Error::unsupported(message));
    }
    if from.size() != 16 {
        return Err(Error::unsupported("variable-length elements of a file whose addresses have not 8 bytes"));
    }
    let mark = origin.other.map_or(0, |number| (u64::from(number) + 1) << FILE_SHIFT);
    Ok(Step::Heap { mark, marked: origin.marked })
}

fn copy_marked(from: &[u8], to: &mut [u8], mark: u64, marked: bool) -> Result<()> {
    to.copy_from_slice(from);
    let Some(place) = to.get_mut(4..12) else {
        return Ok(());
    };
    let address = place.iter().rev().fold(0u64, |n, &b| n << 8 | u64::from(b));
    if address == 0 || address == u64::MAX {
        return Ok(());
    }
    match unmark(address) {
        (None, _) => place.copy_from_slice(&(address | mark).to_le_bytes()),
        (Some(_), _) if marked => {}
        _ => return Err(Error::damaged(format!("address {address:#x}")).in_structure("variable-length element")),
    }
    Ok(())
}

fn copy_text(from: &[u8], padding: Padding, to: &mut [u8], wanted: Padding) {
    let text = super::element::trimmed(from, padding);
    let room = to.len() - usize::from(wanted == Padding::NullTerminated && !to.is_empty());
    let n = text.len().min(room);
    to.fill(if wanted == Padding::SpacePadded { b' ' } else { 0 });
    to[..n].copy_from_slice(&text[..n]);
}

fn number_of(datatype: &Datatype) -> Option<Number> {
    match datatype {
        Datatype::Integer { bits, signed } if bits.size <= 16 && bits.precision <= 64 && bits.precision > 0 => {
            Some(Number::Integer { bits: *bits, signed: *signed })
        }
        // Wider ones are not known exactly.
        Datatype::Float(float) if float.mantissa_bits <= 52 && float.exponent_bits <= 11 => Some(Number::Float(*float)),
        _ => None,
    }
}

impl Number {
    fn is_writable(&self) -> bool {
        match self {
            Number::Integer { .. } => true,
            Number::Float(float) => float.is_ieee(),
        }
    }
}

fn convert_number(from: &[u8], a: &Number, to: &mut [u8], b: &Number) -> Result<()> {
    let unknown = || Error::unsupported("a floating-point number of this layout");
    match (a, b) {
        (Number::Integer { bits, signed }, Number::Integer { bits: b, signed: s }) => {
            write_integer(number::integer(from, *bits, *signed), to, *b, *s);
        }
        (Number::Integer { bits, signed }, Number::Float(f)) => {
            let n = number::integer(from, *bits, *signed);
            // Rounded once: not by way of f64.
            match f.bits.size {
                4 => write_ordered(&(n as f32).to_le_bytes(), to, f.bits.order),
                _ => write_float(n as f64, to, f),
            }
        }
        (Number::Float(f), Number::Float(g)) if f.is_ieee() && g.is_ieee() => {
            let bits = float::bits(from, f.bits.order).ok_or_else(unknown)?;
            let little = f.bits.order == ByteOrder::Little && g.bits.order == ByteOrder::Little;
            let cast = if little { soft_float::as_processors_do } else { soft_float::as_libhdf5_does };
            write_ordered(&cast(bits, f, g).to_le_bytes(), to, g.bits.order);
        }
        (Number::Float(f), Number::Float(g)) => write_float(float::decode(from, f).ok_or_else(unknown)?, to, g),
        (Number::Float(f), Number::Integer { bits, signed }) => {
            // `as` cuts towards zero and to the range, and makes 0 of what is not a number.
            write_integer(float::decode(from, f).ok_or_else(unknown)? as i128, to, *bits, *signed);
        }
    }
    Ok(())
}

fn write_integer(n: i128, to: &mut [u8], bits: Bits, signed: bool) {
    let width = u32::from(bits.precision.min(64));
    let (least, most) = match signed {
        true => (-(1i128 << (width - 1)), (1i128 << (width - 1)) - 1),
        false => (0, (1i128 << width) - 1),
    };
    let mask = (1u128 << width) - 1;
    let placed = (n.clamp(least, most) as u128 & mask).checked_shl(bits.offset.into()).unwrap_or(0);
    write_ordered(&placed.to_le_bytes()[..to.len().min(16)], to, bits.order);
}

fn write_float(x: f64, to: &mut [u8], f: &Float) {
    write_ordered(&soft_float::nearest(x, f).to_le_bytes(), to, f.bits.order);
}

fn write_ordered(little: &[u8], to: &mut [u8], order: ByteOrder) {
    let n = to.len().min(little.len());
    to[..n].copy_from_slice(&little[..n]);
    if order == ByteOrder::Big {
        to.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::message::datatype::{Charset, Member, Name};

    const HERE: Origin = Origin { other: None, marked: false };

    fn convert(from: &Datatype, to: &Datatype, bytes: &[u8]) -> Vec<u8> {
        Conversion::new(from, to, HERE).unwrap().all(bytes).unwrap()
    }

    fn integer(size: u32, signed: bool, order: ByteOrder) -> Datatype {
        Datatype::Integer { bits: Bits::full(size, order), signed }
    }

    #[test]
    fn integers_are_cut_to_their_targets_range() {
        let big = integer(4, true, ByteOrder::Big);
        let bytes: Vec<u8> = [-1i32, 7, 300].iter().flat_map(|n| n.to_be_bytes()).collect();
        assert_eq!(convert(&big, &Datatype::integer(1, false), &bytes), [0, 7, 255]);
        assert_eq!(convert(&big, &Datatype::integer(1, true), &bytes), [255, 7, 127]);
        let little: Vec<u8> = [-1i32, 7, 300].iter().flat_map(|n| n.to_le_bytes()).collect();
        assert_eq!(convert(&big, &Datatype::integer(4, true), &bytes), little);
        // Of the same size, they are only turned round, as in libhdf5: a sign is then no sign.
        assert_eq!(convert(&big, &Datatype::integer(4, false), &(-2i32).to_be_bytes()), (-2i32).to_le_bytes());
        // One byte, too, though there is nothing to turn.
        assert_eq!(convert(&integer(1, true, ByteOrder::Big), &Datatype::integer(1, false), &[0xac]), [0xac]);
        let wide: Vec<u8> = [-1i64, 7, 300].iter().flat_map(|n| n.to_be_bytes()).collect();
        assert_eq!(convert(&big, &integer(8, true, ByteOrder::Big), &bytes), wide);
        let most = convert(&Datatype::integer(8, false), &Datatype::integer(8, true), &[255; 8]);
        assert_eq!(most, i64::MAX.to_le_bytes());
    }

    #[test]
    fn floats_and_integers_become_each_other() {
        let double = Datatype::Float(Float::ieee(8, ByteOrder::Little));
        let single = Datatype::Float(Float::ieee(4, ByteOrder::Big));
        let bytes: Vec<u8> = [1.9f64, -1.9, 1e30, f64::NAN, -1e30].iter().flat_map(|x| x.to_le_bytes()).collect();
        let wanted: Vec<u8> = [1i32, -1, i32::MAX, 0, i32::MIN].iter().flat_map(|n| n.to_le_bytes()).collect();
        assert_eq!(convert(&double, &Datatype::integer(4, true), &bytes), wanted);
        assert_eq!(convert(&double, &single, &1e300f64.to_le_bytes()), f32::INFINITY.to_be_bytes());
        let n = (1i64 << 53) + 1;
        assert_eq!(convert(&Datatype::integer(8, true), &single, &n.to_le_bytes()), (n as f32).to_be_bytes());
        assert_eq!(convert(&single, &double, &0.1f32.to_be_bytes()), f64::from(0.1f32).to_le_bytes());
    }

    #[test]
    fn members_meet_by_name_and_strings_by_their_text() {
        let text = |size, padding| Datatype::FixedString { size, padding, charset: Charset::Ascii };
        assert_eq!(convert(&text(4, Padding::SpacePadded), &text(3, Padding::NullTerminated), b"abc "), b"ab\0");
        assert_eq!(convert(&text(2, Padding::NullPadded), &text(4, Padding::SpacePadded), b"a\0"), b"a   ");
        let member = |name: &str, offset, datatype| Member { name: Name::from(name), offset, datatype };
        let byte = Datatype::integer(1, false);
        let from = Datatype::Compound { size: 2, members: vec![member("x", 0, byte.clone()), member("y", 1, byte)] };
        let members = vec![member("y", 0, Datatype::integer(2, false)), member("z", 2, Datatype::integer(1, false))];
        assert_eq!(convert(&from, &Datatype::Compound { size: 3, members }, &[5, 6]), [6, 0, 0]);
    }

    #[test]
    fn elements_that_lead_into_another_files_heap_are_marked_with_it() {
        let text = Datatype::text(crate::bytes::Widths::EIGHT);
        let mut element = [0u8; 16];
        element[..4].copy_from_slice(&3u32.to_le_bytes());
        element[4..12].copy_from_slice(&0x800u64.to_le_bytes());
        let other = Conversion::new(&text, &text, Origin { other: Some(4), marked: false }).unwrap();
        let marked = other.all(&element).unwrap();
        let address = u64::from_le_bytes(marked[4..12].try_into().unwrap());
        assert_eq!(unmark(address), (Some(4), 0x800));
        // A mark that the file itself holds is no mark.
        assert!(other.all(&marked).is_err());
        let again = Conversion::new(&text, &text, Origin { other: Some(2), marked: true }).unwrap();
        assert_eq!(again.all(&marked).unwrap(), marked);
    }

    #[test]
    fn what_libhdf5_does_not_convert_is_refused() {
        let text = Datatype::FixedString { size: 4, padding: Padding::NullPadded, charset: Charset::Ascii };
        assert!(Conversion::new(&text, &Datatype::integer(4, true), HERE).is_err());
        assert!(Conversion::new(&Datatype::text(crate::bytes::Widths::EIGHT), &text, HERE).is_err());
    }
}
