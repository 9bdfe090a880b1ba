//! External data files message (IV.A.2.h): the files beside this one that hold a contiguous dataset's elements.

use crate::bytes::{self, Address, Length, Widths};
use crate::error::{Error, Result};
use binrw::binrw;

const STRUCTURE: &str = "external data files";

/// The slots, which together are the dataset's bytes, and the local heap with the names of the files.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ExternalFiles {
    pub(crate) heap: Address,
    pub(crate) slots: Vec<Slot>,
}

/// A part of a file.
#[binrw]
#[brw(little, import_raw(w: Widths))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slot {
    /// Where in the local heap the file's name stands.
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    pub(crate) name: u64,
    /// The first byte in the file.
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    pub(crate) offset: u64,
    /// Bytes; the last slot may be without end.
    #[brw(args_raw = w)]
    pub(crate) size: Length,
}

#[binrw]
#[brw(little, import_raw(w: Widths))]
struct Fields {
    #[br(assert(version == 1, "version {version}"))]
    version: u8,
    reserved: [u8; 3],
    /// Slots that there is room for; libhdf5 writes the number that is used.
    allocated: u16,
    #[br(assert(used <= allocated, "{used} slots in room for {allocated}"))]
    used: u16,
    #[brw(args_raw = w)]
    heap: Address,
    #[br(count = used, args { inner: w })]
    #[bw(args_raw = w)]
    slots: Vec<Slot>,
}

impl ExternalFiles {
    pub(crate) fn decode(body: &[u8], w: Widths) -> Result<ExternalFiles> {
        let (f, _) = bytes::decode::<Fields>(body, w, STRUCTURE)?;
        let wrong = |what: &str| Err(Error::damaged(what).in_structure(STRUCTURE));
        match f.slots.split_last() {
            None => return wrong("no files"),
            Some((_, all_but_last)) if all_but_last.iter().any(|s| s.size.0.is_none()) => {
                return wrong("a file without end before the last one");
            }
            _ => {}
        }
        Ok(ExternalFiles { heap: f.heap, slots: f.slots })
    }

    pub(crate) fn encode(&self, w: Widths) -> Result<Vec<u8>> {
        let count = u16::try_from(self.slots.len());
        let count = count.map_err(|_| Error::limit("more than 65,535 files").in_structure(STRUCTURE))?;
        let fields = Fields {
            version: 1,
            reserved: [0; 3],
            allocated: count,
            used: count,
            heap: self.heap,
            slots: self.slots.clone(),
        };
        bytes::encode(&fields, w, STRUCTURE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(slots: &[(u64, u64, u64)]) -> Vec<u8> {
        let n = slots.len() as u8;
        let mut bytes = vec![1, 0, 0, 0, n, 0, n, 0];
        bytes.extend(0x320u64.to_le_bytes());
        bytes.extend(slots.iter().flat_map(|s| [s.0, s.1, s.2]).flat_map(u64::to_le_bytes));
        bytes
    }

    #[test]
    fn slots_are_read() {
        let decoded = ExternalFiles::decode(&message(&[(8, 16, 24), (16, 0, u64::MAX)]), Widths::EIGHT).unwrap();
        assert_eq!(decoded.heap, Address(0x320));
        assert_eq!(decoded.slots[0], Slot { name: 8, offset: 16, size: Length(Some(24)) });
        assert_eq!(decoded.slots[1].size, Length(None));
        assert_eq!(decoded.encode(Widths::EIGHT).unwrap(), message(&[(8, 16, 24), (16, 0, u64::MAX)]));
    }

    #[test]
    fn only_the_last_slot_may_be_without_end() {
        assert!(ExternalFiles::decode(&message(&[(8, 0, u64::MAX), (16, 0, 4)]), Widths::EIGHT).is_err());
        assert!(ExternalFiles::decode(&message(&[]), Widths::EIGHT).is_err());
        let bytes = message(&[(8, 16, 24)]);
        for cut in 0..bytes.len() {
            assert!(ExternalFiles::decode(&bytes[..cut], Widths::EIGHT).is_err());
        }
    }
}
