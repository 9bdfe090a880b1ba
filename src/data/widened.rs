//! The datatype that holds all values of two others.

use crate::format::message::datatype::{Bits, ByteOrder, Charset, Datatype, Float, Member, Name, Padding};

impl Datatype {
    /// The narrowest datatype that holds every value of this one and of another, without loss: integers become wider
    /// ones, or floats that hold them all; texts longer ones; enumerations one with all names; compounds meet by their
    /// members' names. `None` if there is none.
    ///
    /// ```
    /// use h5manager::Element;
    ///
    /// let (byte, word) = (u8::datatype(), i16::datatype());
    /// assert_eq!(byte.widened(&word), Some(i16::datatype()));
    /// assert_eq!(word.widened(&f32::datatype()), Some(f32::datatype()));
    /// // No float holds all of these.
    /// assert_eq!(i64::datatype().widened(&f64::datatype()), None);
    /// ```
    pub fn widened(&self, other: &Datatype) -> Option<Datatype> {
        if self == other {
            return Some(self.clone());
        }
        match (self, other) {
            (Datatype::Integer { bits: a, signed: s }, Datatype::Integer { bits: b, signed: t }) => {
                integers((*a, *s), (*b, *t))
            }
            (Datatype::Float(a), Datatype::Float(b)) => floats(a, b).map(Datatype::Float),
            (Datatype::Integer { bits, signed }, Datatype::Float(float))
            | (Datatype::Float(float), Datatype::Integer { bits, signed }) => number(*bits, *signed, float),
            (Datatype::FixedString { .. } | Datatype::VariableString { .. }, _) => texts(self, other),
            (Datatype::Enumeration { base, members }, Datatype::Enumeration { base: b, members: m }) => {
                enumerations((base, members), (b, m))
            }
            (Datatype::Sequence { base, size }, Datatype::Sequence { base: b, size: s }) => {
                Some(Datatype::Sequence { base: Box::new(base.widened(b)?), size: *size.max(s) })
            }
            (Datatype::Array { dims, base }, Datatype::Array { dims: d, base: b }) if dims == d => {
                Some(Datatype::Array { dims: dims.clone(), base: Box::new(base.widened(b)?) })
            }
            (Datatype::Complex(a), Datatype::Complex(b)) => Some(Datatype::Complex(Box::new(a.widened(b)?))),
            (Datatype::Reference { kind, size }, Datatype::Reference { kind: k, size: s }) if kind == k => {
                Some(Datatype::Reference { kind: *kind, size: *size.max(s) })
            }
            (Datatype::Compound { members, size }, Datatype::Compound { members: m, .. }) => {
                compounds(members, *size, m)
            }
            _ => None,
        }
    }

    /// Whether every value of another datatype is one of this one's, too.
    pub(crate) fn holds(&self, other: &Datatype) -> bool {
        match (self, other) {
            // The byte order does not matter.
            (Datatype::Integer { bits: a, signed: s }, Datatype::Integer { bits: b, signed: t }) => {
                (a.size, a.offset, a.precision, s) == (b.size, b.offset, b.precision, t)
            }
            (Datatype::Float(a), Datatype::Float(b)) => {
                Float { bits: b.bits, ..*a } == *b && a.bits.size == b.bits.size
            }
            _ => self == other,
        }
    }
}

fn common(a: ByteOrder, b: ByteOrder) -> ByteOrder {
    if a == b && a != ByteOrder::Vax { a } else { ByteOrder::Little }
}

fn integers((a, s): (Bits, bool), (b, t): (Bits, bool)) -> Option<Datatype> {
    let signed = s || t;
    // A sign takes one bit more than what has none.
    let needed = |bits: Bits, own: bool| bits.precision + u16::from(signed && !own);
    let needed = needed(a, s).max(needed(b, t));
    let size = [1u32, 2, 4, 8].into_iter().find(|n| u32::from(needed) <= 8 * n)?.max(a.size).max(b.size);
    let bits = Bits::full(size, common(a.order, b.order));
    matches!(size, 1 | 2 | 4 | 8).then_some(Datatype::Integer { bits, signed })
}

fn floats(a: &Float, b: &Float) -> Option<Float> {
    let order = common(a.bits.order, b.bits.order);
    let holds =
        |wide: &Float, f: &Float| wide.exponent_bits >= f.exponent_bits && wide.mantissa_bits >= f.mantissa_bits;
    let known = |f: &Float| f.is_ieee() || (f.exponent_bits <= 8 && f.mantissa_bits <= 23);
    if !known(a) || !known(b) {
        return None;
    }
    [2, 4, 8].into_iter().map(|size| Float::ieee(size, order)).find(|wide| holds(wide, a) && holds(wide, b))
}

fn number(bits: Bits, signed: bool, float: &Float) -> Option<Datatype> {
    let digits = u32::from(bits.precision) - u32::from(signed);
    // Of a half-precision number the exponent ends before the digits of a wide integer do.
    let exact = |f: &Float| f.is_ieee() && digits <= u32::from(f.mantissa_bits) + 1;
    let wide = [float.bits.size, 4, 8].into_iter().map(|size| Float::ieee(size.max(float.bits.size), float.bits.order));
    wide.into_iter().find(|f| exact(f) && floats(float, f) == Some(*f)).map(Datatype::Float)
}

fn texts(a: &Datatype, b: &Datatype) -> Option<Datatype> {
    let charset = |t: &Datatype| match t {
        Datatype::FixedString { charset, .. } | Datatype::VariableString { charset, .. } => Some(*charset),
        _ => None,
    };
    let charset = if charset(a)? == charset(b)? { charset(a)? } else { Charset::Utf8 };
    match (a, b) {
        (Datatype::FixedString { size, padding, .. }, Datatype::FixedString { size: s, padding: p, .. }) => {
            let padding = if padding == p { *padding } else { Padding::NullPadded };
            Some(Datatype::FixedString { size: *size.max(s), padding, charset })
        }
        (Datatype::VariableString { padding, size, .. }, Datatype::VariableString { size: s, .. }) => {
            Some(Datatype::VariableString { padding: *padding, charset, size: *size.max(s) })
        }
        (Datatype::VariableString { padding, size, .. }, _) | (_, Datatype::VariableString { padding, size, .. }) => {
            Some(Datatype::VariableString { padding: *padding, charset, size: *size })
        }
        _ => None,
    }
}

type Members = [(Name, Vec<u8>)];

/// The names of the first keep their values; new ones keep theirs if those are free.
fn enumerations((a, names): (&Datatype, &Members), (b, others): (&Datatype, &Members)) -> Option<Datatype> {
    let base = a.widened(b)?;
    let Datatype::Integer { bits, signed } = &base else {
        return None;
    };
    let value = |bytes: &[u8], of: &Datatype| match of {
        Datatype::Integer { bits, signed } if bits.size <= 16 => Some(super::number::integer(bytes, *bits, *signed)),
        _ => None,
    };
    let mut all: Vec<(Name, i128)> = Vec::new();
    for (name, bytes) in names {
        all.push((name.clone(), value(bytes, a)?));
    }
    for (name, bytes) in others {
        if all.iter().any(|(known, _)| known == name) {
            continue;
        }
        let own = value(bytes, b)?;
        let free = |n: i128| all.iter().all(|(_, taken)| *taken != n);
        // Another name has its value: the next one behind all.
        let number = if free(own) { own } else { all.iter().map(|(_, n)| *n).max().unwrap_or(0) + 1 };
        all.push((name.clone(), number));
    }
    let width = u32::from(bits.precision.min(64));
    let most = if *signed { (1i128 << (width - 1)) - 1 } else { (1i128 << width) - 1 };
    let mut members = Vec::with_capacity(all.len());
    for (name, number) in all {
        if number > most {
            return None;
        }
        let mut bytes = number.to_le_bytes().get(..bits.size as usize)?.to_vec();
        if bits.order == ByteOrder::Big {
            bytes.reverse();
        }
        members.push((name, bytes));
    }
    Some(Datatype::Enumeration { base: Box::new(base), members })
}

/// In the order of the first; packed where a member grew.
fn compounds(members: &[Member], size: u32, others: &[Member]) -> Option<Datatype> {
    if members.len() != others.len() {
        return None;
    }
    let mut wide = Vec::with_capacity(members.len());
    for member in members {
        let other = others.iter().find(|o| o.name == member.name)?;
        wide.push(Member { datatype: member.datatype.widened(&other.datatype)?, ..member.clone() });
    }
    if wide.iter().zip(members).all(|(new, old)| new.datatype.size() == old.datatype.size()) {
        return Some(Datatype::Compound { size, members: wide });
    }
    let mut end = 0u64;
    for member in &mut wide {
        member.offset = u32::try_from(end).ok()?;
        end += member.datatype.size();
    }
    Some(Datatype::Compound { size: u32::try_from(end).ok()?, members: wide })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Element;

    #[test]
    fn numbers_widen_only_to_what_holds_them_all() {
        let wide = |a: Datatype, b: Datatype| {
            let both = (a.widened(&b), b.widened(&a));
            assert_eq!(both.0, both.1);
            both.0
        };
        assert_eq!(wide(u8::datatype(), i8::datatype()), Some(i16::datatype()));
        assert_eq!(wide(u32::datatype(), i8::datatype()), Some(i64::datatype()));
        assert_eq!(wide(u64::datatype(), i8::datatype()), None);
        assert_eq!(wide(u16::datatype(), u64::datatype()), Some(u64::datatype()));
        assert_eq!(wide(i32::datatype(), f32::datatype()), Some(f64::datatype()));
        assert_eq!(wide(i16::datatype(), f32::datatype()), Some(f32::datatype()));
        assert_eq!(wide(u64::datatype(), f64::datatype()), None);
        let half = Datatype::Float(Float::ieee(2, ByteOrder::Little));
        assert_eq!(wide(half.clone(), u16::datatype()), Some(f32::datatype()));
        assert_eq!(wide(half.clone(), u8::datatype()), Some(half));
        assert_eq!(wide(u8::datatype(), String::datatype()), None);
    }

    #[test]
    fn byte_orders_meet_at_little() {
        let big = Datatype::Integer { bits: Bits::full(4, ByteOrder::Big), signed: true };
        assert_eq!(big.widened(&i32::datatype()), Some(i32::datatype()));
        assert_eq!(big.widened(&big), Some(big.clone()));
    }

    #[test]
    fn enumerations_keep_their_names() {
        let of = |members: &[(&str, u8)]| Datatype::Enumeration {
            base: Box::new(u8::datatype()),
            members: members.iter().map(|(name, value)| (Name::from(*name), vec![*value])).collect(),
        };
        let (a, b) = (of(&[("cat", 0), ("dog", 1)]), of(&[("dog", 0), ("bird", 1), ("cow", 7)]));
        assert_eq!(a.widened(&b), Some(of(&[("cat", 0), ("dog", 1), ("bird", 2), ("cow", 7)])));
    }
}
