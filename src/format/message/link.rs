//! Link message (IV.A.2.g): a name, and where it leads. The same bytes are the objects of a dense group's heap.

use super::datatype::{Charset, Name};
use crate::bytes::{self, Address, Widths, bytes_needed};
use crate::error::{Error, Result};
use binrw::binrw;
use std::ops::Range;

const STRUCTURE: &str = "link";

/// A link.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Link {
    pub(crate) name: Name,
    pub(crate) charset: Charset,
    pub(crate) creation_order: Option<i64>,
    pub(crate) target: Target,
}

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// To an object of this file.
    Hard(Address),
    /// To whatever is at a path of this file.
    Soft(Name),
    /// To whatever is at a path of another file.
    External { file: Name, path: Name },
    /// Somewhere only its maker knows, by these bytes.
    User { class: u8, data: Vec<u8> },
}

const HARD: u8 = 0;
const SOFT: u8 = 1;
const EXTERNAL: u8 = 64;

#[binrw]
#[brw(little)]
struct Fields {
    #[br(assert(version == 1, "version {version}"))]
    version: u8,
    /// Bits 0–1 width of the name's length, 2 creation order, 3 type, 4 character set.
    #[br(assert(flags & !0x1f == 0, "flags {flags:#x}"))]
    flags: u8,
    #[br(if(flags & 8 != 0))]
    kind: Option<u8>,
    #[br(if(flags & 4 != 0))]
    creation_order: Option<i64>,
    #[br(if(flags & 16 != 0))]
    charset: Option<u8>,
    #[br(parse_with = bytes::read_sized, args(1 << (flags & 3)))]
    #[bw(write_with = bytes::write_sized, args(1 << (flags & 3)))]
    name_length: u64,
    #[br(parse_with = bytes::read_bytes, args(name_length))]
    name: Vec<u8>,
}

/// Soft and user-defined links: a length and as many bytes.
#[binrw]
#[brw(little)]
struct Counted {
    length: u16,
    #[br(count = length)]
    value: Vec<u8>,
}

impl Link {
    /// Whether an old-style group can hold it: its symbol table knows no character sets and no other files.
    pub(crate) fn fits_symbol_table(&self) -> bool {
        self.charset == Charset::Ascii && matches!(self.target, Target::Hard(_) | Target::Soft(_))
    }

    /// What links are sorted by, without decoding where this one leads: where its name stands in the message, and when it
    /// was made.
    pub(crate) fn key(body: &[u8]) -> Result<(Range<usize>, Option<i64>)> {
        if let Some(name) = Self::plain_name(body) {
            return Ok((name, None));
        }
        let (f, used) = bytes::decode::<Fields>(body, (), STRUCTURE)?;
        Ok((used - f.name.len()..used, f.creation_order))
    }

    /// Where the name of a hard link stands that is short and has no creation order, as nearly all of a large group are.
    fn plain_name(body: &[u8]) -> Option<Range<usize>> {
        let (start, length) = match *body {
            [1, 0, length, ..] => (3, length),
            [1, 16, 0 | 1, length, ..] => (4, length),
            _ => return None,
        };
        let end = start + usize::from(length);
        (end <= body.len()).then_some(start..end)
    }

    pub(crate) fn decode(body: &[u8], w: Widths) -> Result<Link> {
        let wrong = |what: &str| Error::damaged(what).in_structure(STRUCTURE);
        if let Some(name) = Self::plain_name(body).filter(|n| !n.is_empty()) {
            let target = Target::Hard(bytes::decode::<Address>(&body[name.end..], w, STRUCTURE)?.0);
            let charset = if body[1] & 16 != 0 && body[2] == 1 { Charset::Utf8 } else { Charset::Ascii };
            return Ok(Link { name: Name::from_bytes(&body[name]), charset, creation_order: None, target });
        }
        let (f, used) = bytes::decode::<Fields>(body, (), STRUCTURE)?;
        if f.name.is_empty() {
            return Err(wrong("an empty name"));
        }
        let rest = &body[used..];
        let counted = || bytes::decode::<Counted>(rest, (), STRUCTURE).map(|(c, _)| c.value);
        let target = match f.kind.unwrap_or(HARD) {
            HARD => Target::Hard(bytes::decode::<Address>(rest, w, STRUCTURE)?.0),
            SOFT => Target::Soft(Name(counted()?.into())),
            EXTERNAL => decode_external(&counted()?)?,
            class @ 65.. => Target::User { class, data: counted()? },
            _ => return Err(wrong("a kind that does not exist")),
        };
        let charset = match f.charset.unwrap_or(0) {
            0 => Charset::Ascii,
            1 => Charset::Utf8,
            _ => return Err(wrong("a character set that does not exist")),
        };
        Ok(Link { name: Name(f.name.into()), charset, creation_order: f.creation_order, target })
    }

    pub(crate) fn encode(&self, w: Widths) -> Result<Vec<u8>> {
        let (kind, info) = match &self.target {
            Target::Hard(address) => (HARD, bytes::encode(address, w, STRUCTURE)?),
            Target::Soft(path) => (SOFT, encode_counted(&path.0)?),
            Target::External { file, path } => {
                let value = [&[0], &file.0[..], &[0], &path.0, &[0]].concat();
                (EXTERNAL, encode_counted(&value)?)
            }
            Target::User { class, data } => (*class, encode_counted(data)?),
        };
        let length = self.name.0.len() as u64;
        // The width is 1, 2, 4 or 8: two bits of the flags.
        let width = match bytes_needed(length) {
            1 => 0,
            2 => 1,
            3 | 4 => 2,
            _ => 3,
        };
        let utf8 = self.charset == Charset::Utf8;
        let flags =
            width | u8::from(self.creation_order.is_some()) << 2 | u8::from(kind != HARD) << 3 | u8::from(utf8) << 4;
        let fields = Fields {
            version: 1,
            flags,
            kind: (kind != HARD).then_some(kind),
            creation_order: self.creation_order,
            charset: utf8.then_some(1),
            name_length: length,
            name: self.name.0.to_vec(),
        };
        let mut out = bytes::encode(&fields, (), STRUCTURE)?;
        out.extend(info);
        Ok(out)
    }
}

fn encode_counted(value: &[u8]) -> Result<Vec<u8>> {
    let length = u16::try_from(value.len()).map_err(|_| Error::limit("a link's target of more than 65,535 bytes"))?;
    bytes::encode(&Counted { length, value: value.to_vec() }, (), STRUCTURE)
}

/// The value of an external link: version and flags in one byte, a file's name, a path in it, both ended by NUL.
fn decode_external(value: &[u8]) -> Result<Target> {
    let wrong = |what: &str| Error::damaged(what).in_structure("external link");
    let (&version, rest) = value.split_first().ok_or_else(|| wrong("no bytes"))?;
    if version >> 4 != 0 {
        return Err(Error::unsupported(format!("external links of version {}", version >> 4)));
    }
    let mut parts = rest.split(|&b| b == 0);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(path), Some(_)) => {
            Ok(Target::External { file: Name::from_bytes(file), path: Name::from_bytes(path) })
        }
        _ => Err(wrong("a name without an end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_every_kind_come_back_as_they_were() {
        let targets = [
            Target::Hard(Address(800)),
            Target::Soft("/a/b".into()),
            Target::External { file: "other.h5".into(), path: "/x".into() },
            Target::User { class: 187, data: b"\x00any\xff".to_vec() },
            Target::User { class: 65, data: Vec::new() },
        ];
        for target in targets {
            for name in ["a", "größe", &"x".repeat(300)] {
                let charset = if name.is_ascii() { Charset::Ascii } else { Charset::Utf8 };
                let link = Link { name: name.into(), charset, creation_order: None, target: target.clone() };
                let bytes = link.encode(Widths::EIGHT).unwrap();
                assert_eq!(Link::decode(&bytes, Widths::EIGHT).unwrap(), link);
                let (at, order) = Link::key(&bytes).unwrap();
                assert_eq!((&bytes[at], order), (name.as_bytes(), None));
                for cut in 0..bytes.len() {
                    assert!(Link::decode(&bytes[..cut], Widths::EIGHT).is_err());
                }
            }
        }
    }

    #[test]
    fn what_is_decoded_by_hand_is_what_the_declaration_says() {
        for charset in [Charset::Ascii, Charset::Utf8] {
            let name = if charset == Charset::Ascii { "a" } else { "größe" };
            let link = Link { name: name.into(), charset, creation_order: None, target: Target::Hard(Address(7)) };
            let mut bytes = link.encode(Widths::EIGHT).unwrap();
            assert!(Link::plain_name(&bytes).is_some());
            let (f, used) = bytes::decode::<Fields>(&bytes, (), STRUCTURE).unwrap();
            assert_eq!((Name(f.name.into()), used), (link.name, bytes.len() - 8));
            // An empty name, an unknown version, a character set that does not exist.
            bytes.splice(used - name.len()..used, []);
            bytes[used - name.len() - 1] = 0;
            assert!(Link::decode(&bytes, Widths::EIGHT).is_err());
            let mut bytes = link_bytes(charset);
            bytes[0] = 2;
            assert!(Link::decode(&bytes, Widths::EIGHT).is_err());
        }
        let mut bytes = link_bytes(Charset::Utf8);
        bytes[2] = 2;
        assert!(Link::decode(&bytes, Widths::EIGHT).is_err());
    }

    fn link_bytes(charset: Charset) -> Vec<u8> {
        let link = Link { name: "a".into(), charset, creation_order: None, target: Target::Hard(Address(7)) };
        link.encode(Widths::EIGHT).unwrap()
    }

    #[test]
    fn a_name_longer_than_memory_is_an_error_and_not_an_abort() {
        let mut bytes = vec![1, 3];
        bytes.extend(u64::MAX.to_le_bytes());
        assert!(Link::decode(&bytes, Widths::EIGHT).is_err());
        bytes[2..10].copy_from_slice(&(1u64 << 45).to_le_bytes());
        assert!(Link::decode(&bytes, Widths::EIGHT).is_err());
    }
}
