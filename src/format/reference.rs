//! References (Appendix D.B to D.D): elements that lead to an object, to a part of a dataset, or to an attribute.
//!
//! The address of an object header (the oldest kind), or a global heap object with an address and a selection in it, or
//! the kind of HDF5 1.12, which says itself what it is. What lies in the heap is fetched elsewhere: here
//! [`decode_element`] tells what is needed, and [`Blob::decode`] finishes.

use super::global_heap::HeapId;
use super::libver::LibVer;
use super::message::datatype::{Name, ReferenceKind};
use super::selection::{self, StoredSelection};
use crate::bytes::{self, Address, Length, Widths, read_bytes};
use crate::error::{Error, Result};
use binrw::binrw;
use std::fmt;

const STRUCTURE: &str = "reference";

/// Where a reference leads.
///
/// Addresses are those of object headers; [`File::dereference`](crate::File::dereference) opens what is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reference {
    /// Nowhere.
    Null,
    /// To an object.
    Object {
        /// Of the object's header.
        address: u64,
        /// The other file that it is in, if it is in another.
        file: Option<Name>,
    },
    /// To a part of a dataset.
    Region {
        /// Of the dataset's header.
        address: u64,
        /// Which elements.
        selection: StoredSelection,
        /// The other file that it is in, if it is in another.
        file: Option<Name>,
    },
    /// To an attribute of an object.
    Attribute {
        /// Of the object's header.
        address: u64,
        /// The attribute's name.
        name: Name,
        /// The other file that it is in, if it is in another.
        file: Option<Name>,
    },
}

impl Reference {
    /// The address of the object header that it leads to; `None` for a null reference.
    pub fn address(&self) -> Option<u64> {
        match self {
            Reference::Null => None,
            Reference::Object { address, .. }
            | Reference::Region { address, .. }
            | Reference::Attribute { address, .. } => Some(*address),
        }
    }

    /// The other file that it leads to, as it is named there; `None` where it stays in its own.
    pub fn file(&self) -> Option<&Name> {
        match self {
            Reference::Null => None,
            Reference::Object { file, .. } | Reference::Region { file, .. } | Reference::Attribute { file, .. } => {
                file.as_ref()
            }
        }
    }

    /// As text, with `object` for what is at the address.
    pub(crate) fn write_with(&self, f: &mut fmt::Formatter<'_>, object: &dyn fmt::Display) -> fmt::Result {
        match self {
            Reference::Null => return f.write_str("null reference"),
            Reference::Object { .. } => write!(f, "-> {object}")?,
            Reference::Region { selection, .. } => write!(f, "-> {object} [{selection}]")?,
            Reference::Attribute { name, .. } => write!(f, "-> {object}@{name}")?,
        }
        self.file().map_or(Ok(()), |file| write!(f, " in {file}"))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_with(f, &format_args!("object at {:#x}", self.address().unwrap_or(0)))
    }
}

const OBJECT: u8 = 2;
const REGION: u8 = 3;
const ATTRIBUTE: u8 = 4;

/// Flag: a file name follows the token.
const EXTERNAL: u8 = 1;

/// What an element itself says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// Everything.
    Whole(Reference),
    /// The rest is an object of the global heap.
    InHeap(HeapId, Blob),
}

/// How a global heap object becomes a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blob {
    /// Address and selection.
    Region,
    /// The kind of HDF5 1.12, whose first two bytes stand in the element.
    Standard { kind: u8, flags: u8, size: u32 },
}

/// The beginning of an element of the kind of HDF5 1.12.
#[binrw]
#[brw(little)]
struct Head {
    kind: u8,
    flags: u8,
}

/// The address of a reference that leads nowhere, though it is not null.
const NOWHERE: u64 = u64::MAX;

/// The object's address in as many bytes as it says; the undefined one leads nowhere, and is not null.
#[binrw]
#[brw(little)]
struct Token {
    #[br(assert((1..=16).contains(&size), "a token of {size} bytes"))]
    size: u8,
    #[br(parse_with = Address::read_optional, args(Widths { offset: size, ..Widths::EIGHT }))]
    #[bw(write_with = Address::write_optional, args(Widths { offset: *size, ..Widths::EIGHT }))]
    address: Option<Address>,
}

#[binrw]
#[brw(little)]
struct Text {
    #[bw(try_calc = u16::try_from(bytes.len()))]
    length: u16,
    #[br(parse_with = read_bytes, args(length.into()))]
    bytes: Vec<u8>,
}

#[binrw]
#[brw(little)]
struct Region {
    /// Of the selection alone.
    #[bw(try_calc = u32::try_from(selection.len()))]
    size: u32,
    rank: u32,
    #[br(parse_with = read_bytes, args(size.into()))]
    selection: Vec<u8>,
}

/// A global heap object behind an element of the kind of HDF5 1.12.
#[binrw]
#[brw(little, import(kind: u8, flags: u8))]
struct Body {
    token: Token,
    #[brw(if(flags & EXTERNAL != 0))]
    file: Option<Text>,
    #[brw(if(kind == REGION))]
    region: Option<Region>,
    #[brw(if(kind == ATTRIBUTE))]
    attribute: Option<Text>,
}

/// A part of the heap: how many bytes it has, and where.
#[binrw]
#[brw(little, import_raw(w: Widths))]
struct HeapPart {
    size: u32,
    #[brw(args_raw = w)]
    id: HeapId,
}

/// Decodes an element of a reference datatype.
pub(crate) fn decode_element(kind: ReferenceKind, bytes: &[u8], w: Widths) -> Result<Element> {
    match kind {
        ReferenceKind::Object => {
            let widths = Widths { length: w.offset, ..w };
            let address = bytes::decode::<Length>(bytes, widths, STRUCTURE)?.0;
            // Some writers mean all ones, the undefined address, as null.
            let address = address.0.filter(|&a| a != 0);
            Ok(Element::Whole(address.map_or(Reference::Null, |address| Reference::Object { address, file: None })))
        }
        ReferenceKind::Region => {
            let (id, _) = bytes::decode::<HeapId>(bytes, w, STRUCTURE)?;
            Ok(match id.collection {
                None | Some(Address(0)) => Element::Whole(Reference::Null),
                Some(_) => Element::InHeap(id, Blob::Region),
            })
        }
        ReferenceKind::Standard => decode_standard(bytes, w),
    }
}

fn decode_standard(bytes: &[u8], w: Widths) -> Result<Element> {
    let (Head { kind, flags }, used) = bytes::decode::<Head>(bytes, (), STRUCTURE)?;
    let rest = &bytes[used..];
    if kind == OBJECT && flags & EXTERNAL == 0 {
        return Blob::Standard { kind, flags, size: rest.len() as u32 }.decode(rest, w).map(Element::Whole);
    }
    let (HeapPart { size, id }, _) = bytes::decode::<HeapPart>(rest, w, STRUCTURE)?;
    match kind {
        0 if id.collection.is_none_or(|a| a.get() == 0) => Ok(Element::Whole(Reference::Null)),
        OBJECT..=ATTRIBUTE => Ok(Element::InHeap(id, Blob::Standard { kind, flags, size })),
        _ => Err(Error::damaged(format!("kind {kind}")).in_structure(STRUCTURE)),
    }
}

impl Blob {
    /// Decodes what the global heap holds.
    pub(crate) fn decode(self, bytes: &[u8], w: Widths) -> Result<Reference> {
        let wrong = |message: String| Error::damaged(message).in_structure(STRUCTURE);
        let Blob::Standard { kind, flags, size } = self else {
            let (address, used) = bytes::decode::<Address>(bytes, w, STRUCTURE)?;
            let (selection, _) = selection::decode(&bytes[used..])?;
            return Ok(Reference::Region { address: address.get(), selection, file: None });
        };
        if bytes.len() as u64 != u64::from(size) {
            return Err(wrong(format!("{} bytes in the heap, {size} in the element", bytes.len())));
        }
        let (body, _) = bytes::decode::<Body>(bytes, (kind, flags), STRUCTURE)?;
        let address = body.token.address.map_or(NOWHERE, Address::get);
        let file = body.file.map(|text| Name(text.bytes.into()));
        match (body.region, body.attribute) {
            (Some(region), _) => {
                let (selection, _) = selection::decode(&region.selection)?;
                if selection.rank().is_some_and(|rank| rank as u64 != u64::from(region.rank)) {
                    return Err(wrong(format!("a selection of another rank than {}", region.rank)));
                }
                Ok(Reference::Region { address, selection, file })
            }
            (_, Some(name)) => Ok(Reference::Attribute { address, name: Name(name.bytes.into()), file }),
            _ => Ok(Reference::Object { address, file }),
        }
    }
}

/// What is to be stored of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// An element.
    Whole(Vec<u8>),
    /// What an element begins with, before the ID of a global heap object, and the object.
    InHeap(Vec<u8>, Vec<u8>),
}

/// Encodes a reference as an element of the kind `kind`. `rank` is the dataset's, for regions.
pub(crate) fn encode(to: &Reference, kind: ReferenceKind, rank: u32, libver: LibVer, w: Widths) -> Result<Outgoing> {
    let size = kind.size(w) as usize;
    match (kind, to) {
        (_, Reference::Null) => Ok(Outgoing::Whole(vec![0; size])),
        (ReferenceKind::Object, Reference::Object { address, file: None }) => {
            Ok(Outgoing::Whole(bytes::encode(&Address(*address), w, STRUCTURE)?))
        }
        (ReferenceKind::Region, Reference::Region { address, selection, file: None }) => {
            Ok(Outgoing::InHeap(Vec::new(), encode_region(*address, selection, libver, w)?))
        }
        (ReferenceKind::Standard, _) => encode_standard(to, rank, libver, w),
        _ => Err(Error::mismatch(format!("{to}: elements of {} cannot lead there", kind.noun()))),
    }
}

/// Encodes the global heap object behind an old region reference.
fn encode_region(address: u64, selection: &StoredSelection, libver: LibVer, w: Widths) -> Result<Vec<u8>> {
    let mut bytes = bytes::encode(&Address(address), w, STRUCTURE)?;
    bytes.extend(selection::encode(selection, libver)?);
    Ok(bytes)
}

/// Encodes a reference of the kind of HDF5 1.12: all but an object of the same file lies in the global heap.
fn encode_standard(to: &Reference, rank: u32, libver: LibVer, w: Widths) -> Result<Outgoing> {
    let ([kind, flags], body) = encode_body(to, rank, libver, w)?;
    if (kind, flags) != (OBJECT, 0) {
        let size =
            u32::try_from(body.len()).map_err(|_| Error::limit("a reference of 4 GiB").in_structure(STRUCTURE))?;
        let front = [&[kind, flags][..], &size.to_le_bytes()].concat();
        return Ok(Outgoing::InHeap(front, body));
    }
    let mut element = [&[kind, flags][..], &body].concat();
    element.resize(ReferenceKind::Standard.size(w) as usize, 0);
    Ok(Outgoing::Whole(element))
}

/// The two bytes of the element, and the rest.
fn encode_body(to: &Reference, rank: u32, libver: LibVer, w: Widths) -> Result<([u8; 2], Vec<u8>)> {
    let text = |name: &Name| Text { bytes: name.0.to_vec() };
    let address = Some(to.address().unwrap_or(0)).filter(|&address| address != NOWHERE).map(Address);
    let token = Token { size: w.offset, address };
    let mut body = Body { token, file: to.file().map(text), region: None, attribute: None };
    let kind = match to {
        Reference::Region { selection, .. } => {
            body.region = Some(Region { rank, selection: selection::encode(selection, libver)? });
            REGION
        }
        Reference::Attribute { name, .. } => {
            body.attribute = Some(text(name));
            ATTRIBUTE
        }
        Reference::Null | Reference::Object { .. } => OBJECT,
    };
    let flags = if body.file.is_some() { EXTERNAL } else { 0 };
    Ok(([kind, flags], bytes::encode(&body, (kind, flags), STRUCTURE)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    const W: Widths = Widths::EIGHT;

    fn element(kind: ReferenceKind, bytes: &[u8]) -> Element {
        decode_element(kind, bytes, W).unwrap()
    }

    fn heap(address: u64, index: u32) -> HeapId {
        HeapId { collection: Some(Address(address)), index }
    }

    #[test]
    fn the_oldest_kind_is_an_address() {
        let object = |address| Element::Whole(Reference::Object { address, file: None });
        assert_eq!(element(ReferenceKind::Object, &[0x20, 3, 0, 0, 0, 0, 0, 0]), object(0x320));
        for null in [0, 0xff] {
            assert_eq!(element(ReferenceKind::Object, &[null; 8]), Element::Whole(Reference::Null));
        }
        let narrow = Widths { offset: 4, length: 4 };
        assert_eq!(decode_element(ReferenceKind::Object, &[1, 2, 0, 0], narrow).unwrap(), object(0x201));
    }

    #[test]
    fn a_region_is_in_the_global_heap() {
        let bytes = [0, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0];
        assert_eq!(element(ReferenceKind::Region, &bytes), Element::InHeap(heap(0x800, 3), Blob::Region));
        assert_eq!(element(ReferenceKind::Region, &[0; 12]), Element::Whole(Reference::Null));

        let selection = StoredSelection::Points { rank: 1, coordinates: vec![4, 2] };
        let blob = encode_region(0x320, &selection, LibVer::V18, W).unwrap();
        let expected = Reference::Region { address: 0x320, selection, file: None };
        assert_eq!(Blob::Region.decode(&blob, W).unwrap(), expected);
        for cut in 0..blob.len() {
            assert_eq!(Blob::Region.decode(&blob[..cut], W).unwrap_err().kind(), ErrorKind::Damaged);
        }
    }

    #[test]
    fn an_object_of_the_kind_of_1_12_is_in_the_element() {
        let bytes = [2, 0, 8, 0x20, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let object = Reference::Object { address: 0x320, file: None };
        assert_eq!(element(ReferenceKind::Standard, &bytes), Element::Whole(object));
        assert_eq!(element(ReferenceKind::Standard, &[0; 18]), Element::Whole(Reference::Null));
    }

    /// As libhdf5 2.0 wrote it. It reserves room for the selection's older and longer form and leaves it zero.
    const STORED: &[u8] = b"\x08\x36\x01\0\0\0\0\0\0\x1e\0\0\0\x02\0\0\0\x02\0\0\0\x03\0\0\0\x01\x02\x02\0\0\0\
        \x01\0\x01\0\x01\0\x03\0\x02\0\x01\0\x01\0\x04\0\0\0\0\0\0\0\0\0\0\0";

    #[test]
    fn a_region_of_the_kind_of_1_12_has_a_size_and_a_rank_before_its_selection() {
        let blob = Blob::Standard { kind: 3, flags: 0, size: 57 };
        let bytes = [3, 0, 57, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0];
        assert_eq!(element(ReferenceKind::Standard, &bytes), Element::InHeap(heap(0x800, 12), blob));
        let Reference::Region { address: 0x136, selection, file: None } = blob.decode(STORED, W).unwrap() else {
            panic!("a region");
        };
        assert_eq!(selection.bounds(&[6, 10]).unwrap(), Some(vec![(1, 3), (2, 5)]));
        let mut other_rank = STORED.to_vec();
        other_rank[13] = 3;
        assert_eq!(blob.decode(&other_rank, W).unwrap_err().kind(), ErrorKind::Damaged);
    }

    #[test]
    fn every_reference_of_the_kind_of_1_12_comes_back() {
        let selection = StoredSelection::Blocks { rank: 1, corners: vec![0, 1, 4, 5] };
        for file in [None, Some(Name::from("other.h5"))] {
            for reference in [
                Reference::Object { address: 0x320, file: file.clone() },
                Reference::Region { address: 0x320, selection: selection.clone(), file: file.clone() },
                Reference::Attribute { address: 0x320, name: "unit".into(), file: file.clone() },
            ] {
                let ([kind, flags], bytes) = encode_body(&reference, 1, LibVer::V112, W).unwrap();
                let size = bytes.len() as u32;
                assert_eq!(Blob::Standard { kind, flags, size }.decode(&bytes, W).unwrap(), reference);
                for cut in 0..bytes.len() {
                    let error = Blob::Standard { kind, flags, size: cut as u32 }.decode(&bytes[..cut], W).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Damaged, "{reference} cut at {cut}");
                }
                let longer = Blob::Standard { kind, flags, size: size + 1 };
                assert_eq!(longer.decode(&bytes, W).unwrap_err().kind(), ErrorKind::Damaged);
            }
        }
    }

    /// As those in a copy do whose object was gone.
    #[test]
    fn a_reference_that_leads_nowhere_is_none_to_null() {
        let nowhere = Reference::Object { address: NOWHERE, file: None };
        for (offset, bytes) in [(8, vec![0xff; 8]), (4, vec![0xff; 4])] {
            let w = Widths { offset, length: 8 };
            let mut element = [&[2, 0, offset][..], &bytes].concat();
            element.resize(ReferenceKind::Standard.size(w) as usize, 0);
            let encoded = encode(&nowhere, ReferenceKind::Standard, 1, LibVer::V112, w).unwrap();
            assert_eq!(encoded, Outgoing::Whole(element.clone()));
            assert_eq!(decode_element(ReferenceKind::Standard, &element, w).unwrap(), Element::Whole(nowhere.clone()));
        }
    }

    #[test]
    fn tokens_and_kinds_that_cannot_be_are_refused() {
        for bytes in [
            [2, 0, 17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            [2, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
            [5, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
            [0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
        ] {
            let error = decode_element(ReferenceKind::Standard, &bytes, W).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "{bytes:?}");
        }
    }

    #[test]
    fn references_say_in_text_where_they_lead() {
        let selection = StoredSelection::Points { rank: 2, coordinates: vec![4, 2] };
        let region = Reference::Region { address: 0x320, selection, file: None };
        assert_eq!(region.to_string(), "-> object at 0x320 [(4, 2)]");
        let attribute = Reference::Attribute { address: 0x320, name: "unit".into(), file: Some("b.h5".into()) };
        assert_eq!(attribute.to_string(), "-> object at 0x320@unit in b.h5");
        assert_eq!(Reference::Null.to_string(), "null reference");
    }
}
