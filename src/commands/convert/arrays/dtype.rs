//! NumPy's types and HDF5's: which stands for which, and what must be done to the elements.
//!
//! Nearly all elements are the same bytes in both. Truth values and complex numbers are stored as h5py stores them, dates
//! as its opaque elements with the tag `NUMPY:`, so that they come back as what they were.

use super::literal::{Literal, quoted};
use crate::Element;
use crate::datatype::{Bits, ByteOrder, Charset, Datatype, Float, Member, Name, Padding};
use crate::error::{Error, Result};

/// What elements of a .npy file are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Elements {
    /// The same bytes as in the dataset.
    Same(Datatype),
    /// Texts of so many characters of 4 bytes each.
    Texts { characters: usize, order: ByteOrder },
}

impl Elements {
    /// Bytes of an element in the file.
    pub(super) fn size(&self) -> u64 {
        match self {
            Elements::Same(datatype) => datatype.size(),
            Elements::Texts { characters, .. } => 4 * *characters as u64,
        }
    }

    /// What they are stored as.
    pub(super) fn datatype(&self) -> Datatype {
        match self {
            Elements::Same(datatype) => datatype.clone(),
            Elements::Texts { .. } => String::datatype(),
        }
    }

    /// What `descr` of a header says.
    ///
    /// # Errors
    /// `Unsupported` with the type's name.
    pub(super) fn of(descr: &Literal) -> Result<Elements> {
        if let Literal::Text(code) = descr
            && let (order, 'U', number) = split(code)?
        {
            let characters = number.parse().ok().filter(|&n: &usize| n < 1 << 28).ok_or_else(|| unknown(code))?;
            return Ok(Elements::Texts { characters, order });
        }
        datatype(descr, 0).map(Elements::Same)
    }
}

fn unknown(code: &str) -> Error {
    Error::unsupported(format!("arrays of NumPy's type {code:?}"))
}

/// `<f8` → little, `f`, `8`.
fn split(code: &str) -> Result<(ByteOrder, char, &str)> {
    let order = match code.chars().next() {
        Some('>') => ByteOrder::Big,
        Some('<' | '|' | '=') => ByteOrder::Little,
        _ => return Err(unknown(code)),
    };
    let mut rest = code.chars();
    let kind = rest.nth(1).ok_or_else(|| unknown(code))?;
    Ok((order, kind, rest.as_str()))
}

fn datatype(descr: &Literal, depth: usize) -> Result<Datatype> {
    match descr {
        Literal::Text(code) => simple(code),
        Literal::List(fields) if depth < 16 => compound(fields, depth),
        _ => Err(Error::damaged("the header of the array names no type")),
    }
}

fn simple(code: &str) -> Result<Datatype> {
    let (order, kind, number) = split(code)?;
    let size = |text: &str| text.parse::<u32>().ok().filter(|&n| n > 0 && n < 1 << 30);
    let opaque = |tag: String| size(number).map(|size| Datatype::Opaque { size, tag: Name::from(tag.as_str()) });
    let found = match (kind, number) {
        ('b', "1") => Some(bool::datatype()),
        ('i' | 'u', "1" | "2" | "4" | "8") => {
            size(number).map(|size| Datatype::Integer { bits: Bits::full(size, order), signed: kind == 'i' })
        }
        ('f', "2" | "4" | "8") => size(number).map(|size| Datatype::Float(Float::ieee(size, order))),
        ('c', "8" | "16") => size(number).map(|size| complex(Datatype::Float(Float::ieee(size / 2, order)))),
        // A field of no bytes cannot be stored; its texts are empty in one byte as well.
        ('S' | 'a', _) => size(number).map(|size| Datatype::FixedString {
            size,
            padding: Padding::NullPadded,
            charset: Charset::Ascii,
        }),
        ('V', _) => opaque(String::new()),
        ('M' | 'm', _) if number.starts_with('8') => {
            Some(Datatype::Opaque { size: 8, tag: Name::from(format!("NUMPY:{code}").as_str()) })
        }
        ('O', _) => {
            return Err(Error::unsupported(
                "arrays of Python objects (pickle): reading one can run any program; save numbers or texts instead",
            ));
        }
        _ => None,
    };
    found.ok_or_else(|| unknown(code))
}

/// As h5py stores complex numbers.
fn complex(part: Datatype) -> Datatype {
    Datatype::compound([("r", part.clone()), ("i", part)])
}

fn compound(fields: &[Literal], depth: usize) -> Result<Datatype> {
    let (mut members, mut offset) = (Vec::new(), 0u64);
    for field in fields {
        let Literal::List(parts) = field else {
            return Err(Error::damaged("the header of the array has a field that is none"));
        };
        let (name, descr) = parts.first().zip(parts.get(1)).ok_or_else(|| Error::damaged("a field without a type"))?;
        let name = match name {
            Literal::Text(name) => name.as_str(),
            // A title and a name.
            Literal::List(both) => match both.as_slice() {
                [_, Literal::Text(name)] => name.as_str(),
                _ => return Err(Error::damaged("a field without a name")),
            },
            _ => return Err(Error::damaged("a field without a name")),
        };
        if matches!(descr, Literal::Text(code) if code.contains('U')) {
            return Err(Error::unsupported(format!(
                "texts of 4 bytes a character in a field ({name:?}); save them as S"
            )));
        }
        let mut member = datatype(descr, depth + 1)?;
        if let Some(shape) = parts.get(2) {
            let dims = shape.numbers().ok_or_else(|| Error::damaged("a field with a shape that is none"))?;
            let dims: Option<Vec<u32>> = dims.into_iter().map(|d| u32::try_from(d).ok().filter(|&d| d > 0)).collect();
            let dims = dims.ok_or_else(|| Error::unsupported(format!("a field of no elements ({name:?})")))?;
            if !dims.is_empty() {
                member = Datatype::Array { dims, base: Box::new(member) };
            }
        }
        let size = member.size();
        // A field without a name only fills up.
        if !(name.is_empty() && matches!(member, Datatype::Opaque { .. })) {
            let offset = u32::try_from(offset).map_err(|_| Error::limit("elements of more than 4 GiB"))?;
            members.push(Member { name: name.into(), offset, datatype: member });
        }
        offset = offset.saturating_add(size);
    }
    let size = u32::try_from(offset).map_err(|_| Error::limit("elements of more than 4 GiB"))?;
    if members.is_empty() {
        return Err(Error::unsupported("arrays of elements without fields"));
    }
    Ok(Datatype::Compound { size, members })
}

/// How a dataset becomes an array of NumPy's.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Output {
    /// The bytes as they are stored, but for the texts in them.
    Stored {
        descr: String,
        texts: Vec<TextField>,
        dims: Vec<u32>,
    },
    /// Converted to these.
    Signed,
    Unsigned,
    Double,
    /// Texts of any length, declared as UTF-8.
    Texts,
}

/// A text in an element, which must be filled up with NULs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextField {
    pub(super) offset: usize,
    pub(super) size: usize,
    pub(super) padding: Padding,
}

impl Output {
    /// # Errors
    /// `Unsupported` for what NumPy has only as Python objects.
    pub(super) fn of(datatype: &Datatype) -> Result<Output> {
        match datatype {
            Datatype::VariableString { .. } | Datatype::FixedString { charset: Charset::Utf8, .. } => Ok(Output::Texts),
            Datatype::Integer { bits, signed } if !is_plain(bits) && bits.size <= 8 => {
                Ok(if *signed { Output::Signed } else { Output::Unsigned })
            }
            Datatype::Float(float) if !float.is_ieee() || float.bits.order == ByteOrder::Vax => Ok(Output::Double),
            Datatype::Array { dims, base } => {
                let mut texts = Vec::new();
                let descr = code(base, 0, &mut texts)?;
                Ok(Output::Stored { descr, texts: repeated(&texts, dims, base.size()), dims: dims.clone() })
            }
            _ => {
                let mut texts = Vec::new();
                let descr = code(datatype, 0, &mut texts)?;
                Ok(Output::Stored { descr, texts, dims: Vec::new() })
            }
        }
    }
}

fn is_plain(bits: &Bits) -> bool {
    matches!(bits.size, 1 | 2 | 4 | 8) && bits.is_full() && bits.order != ByteOrder::Vax
}

/// The same fields in each element of an array.
fn repeated(texts: &[TextField], dims: &[u32], size: u64) -> Vec<TextField> {
    if texts.is_empty() {
        return Vec::new();
    }
    let count = dims.iter().map(|&d| d as usize).product::<usize>();
    let moved = |n: usize| texts.iter().map(move |t| TextField { offset: t.offset + n * size as usize, ..*t });
    (0..count).flat_map(moved).collect()
}

/// What NumPy calls elements that are stored as it stores them; texts in them are added to `texts`.
fn code(datatype: &Datatype, at: usize, texts: &mut Vec<TextField>) -> Result<String> {
    let numbered = |bits: &Bits, kind: char| match (bits.order, bits.size) {
        (_, 1) => format!("'|{kind}1'"),
        (ByteOrder::Big, size) => format!("'>{kind}{size}'"),
        (_, size) => format!("'<{kind}{size}'"),
    };
    match datatype {
        Datatype::Integer { bits, signed } if is_plain(bits) => Ok(numbered(bits, if *signed { 'i' } else { 'u' })),
        Datatype::BitField(bits) if is_plain(bits) => Ok(numbered(bits, 'u')),
        Datatype::Float(float) if float.is_ieee() && float.bits.order != ByteOrder::Vax => {
            Ok(numbered(&float.bits, 'f'))
        }
        Datatype::Enumeration { base, .. } if is_bool(datatype) && base.size() == 1 => Ok("'|b1'".to_owned()),
        Datatype::Enumeration { base, .. } => code(base, at, texts),
        Datatype::FixedString { size, padding, .. } => {
            texts.push(TextField { offset: at, size: *size as usize, padding: *padding });
            Ok(format!("'|S{size}'"))
        }
        Datatype::Opaque { size, tag } => Ok(match tag.to_text().strip_prefix("NUMPY:") {
            Some(code) if simple(code).is_ok_and(|d| d.size() == u64::from(*size)) => quoted(code),
            _ => format!("'|V{size}'"),
        }),
        Datatype::Complex(base) => complex_code(base).ok_or_else(|| refused(datatype)),
        Datatype::Compound { size, members } => match members.as_slice() {
            [r, i] if r.name == "r" && i.name == "i" && is_pair(r, i, *size) => {
                complex_code(&r.datatype).ok_or_else(|| refused(datatype))
            }
            _ => structured(members, *size, at, texts),
        },
        _ => Err(refused(datatype)),
    }
}

fn refused(datatype: &Datatype) -> Error {
    Error::unsupported(format!("{datatype} as an array of NumPy's, which would have to hold Python objects"))
}

fn is_pair(r: &Member, i: &Member, size: u32) -> bool {
    r.datatype == i.datatype && r.offset == 0 && u64::from(i.offset) == r.datatype.size() && i.offset * 2 == size
}

fn complex_code(part: &Datatype) -> Option<String> {
    match part {
        Datatype::Float(f) if f.is_ieee() && matches!(f.bits.size, 4 | 8) => {
            let order = if f.bits.order == ByteOrder::Big { '>' } else { '<' };
            Some(format!("'{order}c{}'", 2 * f.bits.size))
        }
        _ => None,
    }
}

fn is_bool(datatype: &Datatype) -> bool {
    let Datatype::Enumeration { members, .. } = datatype else {
        return false;
    };
    let has = |name: &str, value: u8| members.iter().any(|(n, v)| *n == *name && v.as_slice() == [value]);
    members.len() == 2 && has("FALSE", 0) && has("TRUE", 1)
}

fn structured(members: &[Member], size: u32, at: usize, texts: &mut Vec<TextField>) -> Result<String> {
    let mut sorted: Vec<&Member> = members.iter().collect();
    sorted.sort_by_key(|m| m.offset);
    let (mut fields, mut end) = (Vec::new(), 0u64);
    let hole = |from: u64, to: u64| format!("('', '|V{}')", to - from);
    for member in sorted {
        let offset = u64::from(member.offset);
        if offset < end {
            return Err(Error::unsupported("compounds whose members overlap as an array of NumPy's"));
        }
        if offset > end {
            fields.push(hole(end, offset));
        }
        end = offset + member.datatype.size();
        let place = at + member.offset as usize;
        let (descr, shape) = match &member.datatype {
            Datatype::Array { dims, base } => {
                let mut inner = Vec::new();
                let descr = code(base, place, &mut inner)?;
                texts.extend(repeated(&inner, dims, base.size()));
                (descr, format!(", {}", shape_text(dims.iter().map(|&d| d.into()))))
            }
            other => (code(other, place, texts)?, String::new()),
        };
        fields.push(format!("({}, {descr}{shape})", quoted(&member.name.to_text())));
    }
    if u64::from(size) > end {
        fields.push(hole(end, size.into()));
    }
    Ok(format!("[{}]", fields.join(", ")))
}

/// A shape as Python writes it.
pub(super) fn shape_text(dims: impl Iterator<Item = u64>) -> String {
    let dims: Vec<String> = dims.map(|d| d.to_string()).collect();
    let comma = if dims.len() == 1 { "," } else { "" };
    format!("({}{comma})", dims.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(descr: &str) -> String {
        let Ok(Elements::Same(datatype)) = Elements::of(&Literal::parse(descr).unwrap()) else { panic!("{descr}") };
        match Output::of(&datatype).unwrap() {
            Output::Stored { descr, .. } => descr,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn types_come_back_as_what_they_were() {
        for descr in [
            "'|b1'",
            "'|i1'",
            "'|u1'",
            "'<i2'",
            "'>u8'",
            "'<f2'",
            "'>f4'",
            "'<f8'",
            "'<c8'",
            "'>c16'",
            "'|S7'",
            "'|V12'",
            "'<M8[ns]'",
            "'<m8[25s]'",
            "[('a', '<f4'), ('b', '|u1', (2, 3))]",
            "[('x', '|u1'), ('', '|V3'), ('y', '<i4'), ('z', [('re', '<c8'), ('t', '|S2')])]",
            "[('a', '|i1'), ('', '|V7')]",
        ] {
            assert_eq!(there_and_back(descr), descr);
        }
    }

    #[test]
    fn what_cannot_be_stored_is_refused_by_name() {
        let why = |descr: &str| Elements::of(&Literal::parse(descr).unwrap()).unwrap_err();
        assert!(why("'|O'").message().contains("pickle"));
        assert!(why("'<f16'").message().contains("<f16"));
        assert!(why("[('a', '<U3')]").message().contains("\"a\""));
        assert_eq!(why("'f8'").kind(), crate::ErrorKind::Unsupported);
        assert!(Elements::of(&Literal::Number(3)).is_err());
    }

    #[test]
    fn texts_in_elements_are_found_wherever_they_are() {
        let text = |size| Datatype::FixedString { size, padding: Padding::NullTerminated, charset: Charset::Ascii };
        let inner = Datatype::compound([("n", u16::datatype()), ("s", text(3))]);
        let outer = Datatype::compound([
            ("a", u8::datatype()),
            ("b", Datatype::Array { dims: vec![2], base: Box::new(inner) }),
        ]);
        let Ok(Output::Stored { texts, .. }) = Output::of(&outer) else { panic!() };
        assert_eq!(texts.iter().map(|t| (t.offset, t.size)).collect::<Vec<_>>(), [(3, 3), (8, 3)]);
    }
}
