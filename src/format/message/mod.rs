//! Object header messages (IV.A.2): what an object says about itself. Envelopes are read in
//! [`object_header`](super::object_header); here a body becomes a value, and back.

pub(crate) mod attribute;
pub(crate) mod dataspace;
pub(crate) mod datatype;
pub(crate) mod external_files;
pub(crate) mod fill_value;
pub(crate) mod filter_pipeline;
pub(crate) mod layout;
pub(crate) mod link;
pub(crate) mod small;

/// The numbers of the messages.
pub(crate) mod kind {
    pub(crate) const NIL: u16 = 0x00;
    pub(crate) const DATASPACE: u16 = 0x01;
    pub(crate) const LINK_INFO: u16 = 0x02;
    pub(crate) const DATATYPE: u16 = 0x03;
    pub(crate) const FILL_VALUE_OLD: u16 = 0x04;
    pub(crate) const FILL_VALUE: u16 = 0x05;
    pub(crate) const LINK: u16 = 0x06;
    pub(crate) const EXTERNAL_FILES: u16 = 0x07;
    pub(crate) const LAYOUT: u16 = 0x08;
    /// Has no meaning but in libhdf5's own tests.
    pub(crate) const BOGUS: u16 = 0x09;
    pub(crate) const GROUP_INFO: u16 = 0x0a;
    pub(crate) const FILTER_PIPELINE: u16 = 0x0b;
    pub(crate) const ATTRIBUTE: u16 = 0x0c;
    pub(crate) const COMMENT: u16 = 0x0d;
    pub(crate) const SHARED_MESSAGE_TABLE: u16 = 0x0f;
    pub(crate) const CONTINUATION: u16 = 0x10;
    pub(crate) const SYMBOL_TABLE: u16 = 0x11;
    pub(crate) const MODIFICATION_TIME: u16 = 0x12;
    pub(crate) const BTREE_RANKS: u16 = 0x13;
    pub(crate) const DRIVER_INFO: u16 = 0x14;
    pub(crate) const ATTRIBUTE_INFO: u16 = 0x15;
    pub(crate) const REFERENCE_COUNT: u16 = 0x16;
    pub(crate) const FILE_SPACE_INFO: u16 = 0x17;
    pub(crate) const METADATA_CACHE_IMAGE: u16 = 0x18;
    /// The first number that no version of the format has given a meaning.
    pub(crate) const UNASSIGNED: u16 = 0x19;
}

/// A message body that holds the message, or one that says where it is (IV.A.2, "shared").
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shared {
    /// In the header of a committed datatype.
    Committed(crate::bytes::Address),
    /// In the file's heap of shared messages.
    Heap([u8; 8]),
}

impl Shared {
    /// Encodes a body that leads to a committed datatype, as every libhdf5 does.
    pub(crate) fn encode_committed(at: crate::bytes::Address, w: crate::bytes::Widths) -> crate::Result<Vec<u8>> {
        const VERSION: u8 = 2;
        const COMMITTED: u8 = 2;
        let mut body = vec![VERSION, COMMITTED];
        body.extend(crate::bytes::encode(&at, w, "shared message")?);
        Ok(body)
    }

    /// Encodes a body that leads to the file's heap of shared messages.
    pub(crate) fn encode_in_heap(id: &[u8; 8]) -> Vec<u8> {
        const VERSION: u8 = 3;
        const HEAP: u8 = 1;
        [&[VERSION, HEAP][..], id].concat()
    }

    /// Decodes the body of a message whose envelope has the "shared" bit set; tells how many bytes it took.
    pub(crate) fn decode(body: &[u8], w: crate::bytes::Widths) -> crate::Result<(Shared, usize)> {
        use crate::bytes::{Address, decode};
        const STRUCTURE: &str = "shared message";
        let short = || crate::Error::damaged("ends before its last field").in_structure(STRUCTURE);
        let (&version, rest) = body.split_first().ok_or_else(short)?;
        let (&kind, rest) = rest.split_first().ok_or_else(short)?;
        // Version 1 has a field that the specification leaves out, as wide as a length: the name offset of what was a
        // symbol table entry.
        let skipped = match version {
            1 => 6 + w.length(),
            2 | 3 => 0,
            _ => {
                return Err(crate::Error::unsupported(format!("shared message version {version}")));
            }
        };
        let rest = rest.get(skipped..).ok_or_else(short)?;
        if version == 3 && kind == 1 {
            let id = rest.first_chunk::<8>().ok_or_else(short)?;
            return Ok((Shared::Heap(*id), 2 + 8));
        }
        let (address, used) = decode::<Address>(rest, w, STRUCTURE)?;
        Ok((Shared::Committed(address), 2 + skipped + used))
    }
}
