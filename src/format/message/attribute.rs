//! Attribute message (IV.A.2.m): a name, a datatype, a dataspace and the data, all in one.

use super::Shared;
use super::dataspace::Dataspace;
use super::datatype::{self, Charset, Datatype, Name};
use crate::bytes::{self, Short, Widths};
use crate::error::{Error, Result};
use crate::format::libver::LibVer;

const STRUCTURE: &str = "attribute";

/// An attribute as its message has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attribute {
    pub(crate) name: Name,
    pub(crate) charset: Charset,
    pub(crate) datatype: Held<Datatype>,
    pub(crate) dataspace: Held<Dataspace>,
    pub(crate) data: Short,
}

/// A part that is here, or shared and so elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Held<T> {
    Here(T),
    Shared(Shared),
}

impl Attribute {
    pub(crate) fn decode(body: &[u8], w: Widths) -> Result<Attribute> {
        let wrong = |what: &str| Error::damaged(what).in_structure(STRUCTURE);
        // By hand, not from a declaration, as the encoding: they are what a file has most of.
        let &[version, flags, n0, n1, t0, t1, s0, s1, ref rest @ ..] = body else {
            return Err(wrong("ends before its last field"));
        };
        if !(1..=3).contains(&version) {
            return Err(Error::damaged(format!("version {version}")).in_structure(STRUCTURE));
        }
        let (charset, mut rest) = match (version, rest) {
            (3, [charset, rest @ ..]) => (*charset, rest),
            (3, []) => return Err(wrong("ends before its last field")),
            _ => (0, rest),
        };
        // Version 1 pads each part to a multiple of 8; its sizes do not count the padding.
        let mut part = |size: [u8; 2]| {
            let size = usize::from(u16::from_le_bytes(size));
            let place = if version == 1 { size.next_multiple_of(8) } else { size };
            let whole = rest.get(..place).ok_or_else(|| wrong("ends before its data"))?;
            rest = &rest[place..];
            Ok::<_, Error>(&whole[..size])
        };
        let (name, datatype, dataspace) = (part([n0, n1])?, part([t0, t1])?, part([s0, s1])?);
        let flags = if version == 1 { 0 } else { flags };
        Ok(Attribute {
            name: Name::from_bytes(bytes::until_nul(name)),
            charset: if charset == 1 { Charset::Utf8 } else { Charset::Ascii },
            datatype: match flags & 1 {
                0 => Held::Here(datatype::decode_in(datatype, w)?),
                _ => Held::Shared(Shared::decode(datatype, w)?.0),
            },
            dataspace: match flags & 2 {
                0 => Held::Here(Dataspace::decode(dataspace, w)?),
                _ => Held::Shared(Shared::decode(dataspace, w)?.0),
            },
            data: Short::from_slice(rest),
        })
    }

    /// The class of its datatype, where that is at hand: not shared, and not cut off.
    pub(crate) fn class(body: &[u8]) -> Option<u8> {
        let &[version @ 1..=3, flags, n0, n1, _, _, _, _, ref rest @ ..] = body else {
            return None;
        };
        let name = usize::from(u16::from_le_bytes([n0, n1]));
        let at = match version {
            1 => name.next_multiple_of(8),
            2 => name,
            _ => name + 1,
        };
        rest.get(at).filter(|_| version == 1 || flags & 1 == 0).map(|b| b & 15)
    }

    /// Encodes in version 3, or, where the bound asks for it and the name is ASCII, in version 1 or 2.
    pub(crate) fn encode(&self, w: Widths, libver: LibVer) -> Result<Vec<u8>> {
        let Held::Here(dataspace) = &self.dataspace else {
            return Err(Error::unsupported("writing attributes with shared dataspaces"));
        };
        let (flags, datatype) = match &self.datatype {
            Held::Here(datatype) => (0, datatype::encode(datatype, libver)?),
            Held::Shared(Shared::Committed(at)) => (1, Shared::encode_committed(*at, w)?),
            Held::Shared(Shared::Heap(_)) => {
                return Err(Error::unsupported("writing attributes with datatypes in the heap of shared messages"));
            }
        };
        if self.name.0.is_empty() || self.name.0.contains(&0) {
            return Err(Error::invalid("the name of an attribute must not be empty or contain a NUL"));
        }
        let dataspace = dataspace.encode(w, libver)?;
        let version = match libver {
            LibVer::Earliest if self.charset == Charset::Ascii => 1 + flags,
            _ => 3,
        };
        let sizes = self.name.0.len() + 1 + datatype.len() + dataspace.len();
        let mut out = Vec::with_capacity(9 + sizes + 3 * 7 + self.data.len());
        out.extend([version, flags]);
        for size in [self.name.0.len() + 1, datatype.len(), dataspace.len()] {
            let size = u16::try_from(size);
            let size = size.map_err(|_| Error::limit("a part of an attribute is larger than 65,535 bytes"))?;
            out.extend(size.to_le_bytes());
        }
        if version == 3 {
            out.push(u8::from(self.charset == Charset::Utf8));
        }
        for (part, end) in [(&self.name.0[..], &[0][..]), (&datatype, &[]), (&dataspace, &[])] {
            out.extend_from_slice(part);
            out.extend_from_slice(end);
            if version == 1 {
                out.resize(out.len().next_multiple_of(8), 0);
            }
        }
        out.extend_from_slice(&self.data);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back_as_they_were() {
        let utf8 = Attribute {
            name: "größe".into(),
            charset: Charset::Utf8,
            datatype: Held::Here(Datatype::integer(2, true)),
            dataspace: Held::Here(Dataspace::Simple { dims: [2][..].into(), max: None }),
            data: [1, 0, 2, 0][..].into(),
        };
        let ascii = Attribute { name: "size".into(), charset: Charset::Ascii, ..utf8.clone() };
        for (attribute, libver, version) in
            [(&utf8, LibVer::V18, 3), (&utf8, LibVer::Earliest, 3), (&ascii, LibVer::Earliest, 1)]
        {
            let bytes = attribute.encode(Widths::EIGHT, libver).unwrap();
            assert_eq!(bytes[0], version);
            assert_eq!(Attribute::decode(&bytes, Widths::EIGHT).unwrap(), *attribute);
            for cut in 0..bytes.len() - attribute.data.len() {
                assert!(Attribute::decode(&bytes[..cut], Widths::EIGHT).is_err());
            }
        }
    }

    #[test]
    fn version_1_pads_its_parts() {
        let mut bytes = vec![1, 0, 5, 0, 12, 0, 8, 0];
        bytes.extend(b"name\0\0\0\0");
        bytes.extend([0x10, 8, 0, 0, 4, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0]);
        bytes.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([7, 0, 0, 0]);
        let a = Attribute::decode(&bytes, Widths::EIGHT).unwrap();
        assert_eq!((a.name, &a.data[..]), ("name".into(), &[7, 0, 0, 0][..]));
        assert_eq!(a.dataspace, Held::Here(Dataspace::Scalar));
    }
}
