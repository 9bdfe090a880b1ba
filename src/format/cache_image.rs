//! Metadata cache image (III.J): the metadata that a writer still had in memory when it closed the file.
//!
//! What the image holds for an address counts, and not what stands there in the file: a reader that misses the image reads
//! old metadata, or none.

use crate::bytes::{self, Address, Length, Widths};
use crate::error::{Error, Result};
use binrw::binrw;

const STRUCTURE: &str = "metadata cache image";

/// The message of the superblock's extension that leads to the image.
#[binrw]
#[brw(little, import_raw(w: Widths))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ImageMessage {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    /// Undefined where there is no image.
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    pub(crate) image: Option<Address>,
    #[brw(args_raw = w)]
    pub(crate) size: Length,
}

/// Some metadata: where it belongs, and its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry<'a> {
    pub(crate) address: Address,
    pub(crate) bytes: &'a [u8],
}

#[binrw]
#[brw(little, magic = b"MDCI", import_raw(w: Widths))]
struct Fields {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    /// Bit 0: how the writer's cache had adapted its size follows; no library writes that.
    #[br(assert(flags == 0, "flags {flags:#x}"))]
    flags: u8,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    size: u64,
    count: u32,
}

/// An entry up to its bytes. All but the last three fields are for who puts it into a cache again.
#[binrw]
#[brw(little, import_raw(w: Widths))]
struct EntryFields {
    kind: u8,
    /// Bit 0 not yet written to its place, 1 among the recently used, 2 others depend on it, 3 it depends on others.
    flags: u8,
    ring: u8,
    age: u8,
    children: u16,
    dirty_children: u16,
    parent_count: u16,
    rank: i32,
    #[brw(args_raw = w)]
    address: Address,
    #[br(assert(size > 0, "an entry without bytes"), parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    size: u64,
    #[br(count = parent_count, args { inner: w })]
    #[bw(args_raw = w)]
    parents: Vec<Address>,
}

/// The entries of an image; `bytes` are just the image.
pub(crate) fn decode(bytes: &[u8], w: Widths) -> Result<Vec<Entry<'_>>> {
    let wrong = |what: String| Error::damaged(what).in_structure(STRUCTURE);
    let covered = bytes::verified(bytes, STRUCTURE)?;
    let (fields, used) = bytes::decode::<Fields>(covered, w, STRUCTURE)?;
    if fields.size != bytes.len() as u64 {
        return Err(wrong(format!("{} bytes, its message says {}", fields.size, bytes.len())));
    }
    let mut rest = &covered[used..];
    let mut entries = Vec::new();
    for _ in 0..fields.count {
        let (entry, used) = bytes::decode::<EntryFields>(rest, w, STRUCTURE)?;
        let size = usize::try_from(entry.size).ok();
        let split = size.and_then(|size| rest.get(used..)?.split_at_checked(size));
        let (bytes, behind) = split.ok_or_else(|| wrong(format!("ends inside of entry {}", entries.len())))?;
        entries.push(Entry { address: entry.address, bytes });
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(wrong(format!("{} bytes behind its last entry", rest.len())));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: Widths = Widths::EIGHT;

    fn image(count: u32) -> Vec<u8> {
        let mut out = b"MDCI\0\0".to_vec();
        let entry = |address: u64, parents: &[u64], bytes: &[u8]| {
            let mut out = vec![5, 1, 1, 0, 0, 0, 0, 0, parents.len() as u8, 0, 3, 0, 0, 0];
            out.extend(address.to_le_bytes());
            out.extend((bytes.len() as u64).to_le_bytes());
            out.extend(parents.iter().flat_map(|p| p.to_le_bytes()));
            out.extend(bytes);
            out
        };
        let entries = [entry(800, &[], b"abc"), entry(96, &[800, 900], b"defgh")].concat();
        out.extend((6 + 8 + 4 + entries.len() as u64 + 4).to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(entries);
        bytes::seal(&mut out);
        out
    }

    #[test]
    fn entries_say_what_stands_where() {
        let bytes = image(2);
        let (first, second) = (Address(800), Address(96));
        let wanted = [Entry { address: first, bytes: b"abc" }, Entry { address: second, bytes: b"defgh" }];
        assert_eq!(decode(&bytes, W).unwrap(), wanted);
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut], W).is_err());
        }
    }

    #[test]
    fn another_number_of_entries_is_damage() {
        for count in [0, 1, 3, u32::MAX] {
            assert!(decode(&image(count), W).is_err());
        }
    }
}
