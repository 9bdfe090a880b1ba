//! Driver information (II.B, message IV.A.2.u): into which files the file was split.
//!
//! A *family* is cut into members of equal size, `name0.h5`, `name1.h5` …. A file of the *multi* driver has a member for
//! each use of bytes (superblock, B-trees, raw data, global heap, local heap, object headers), several uses sharing one;
//! each member has a range of addresses for itself. *Split* is multi with two: metadata and raw data.

use crate::bytes::{self, until_nul};
use crate::error::{Error, Result};
use binrw::binrw;

const STRUCTURE: &str = "driver information";

/// The uses that the multi driver tells apart.
const USES: usize = 6;

/// The bytes of the map of uses, and two that are reserved.
const MAP: usize = USES + 2;

/// The most bytes of a block or message: six names of a kilobyte, and more than enough.
pub(crate) const MOST_BYTES: u64 = 16 << 10;

/// How a file is split.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Drivers {
    /// Into members of this size.
    Family { member_size: u64 },
    /// By what the bytes are for.
    Multi(Vec<MultiMember>),
    /// By a driver that is not known. As long as all is in one file it does not matter.
    Other([u8; 8]),
}

/// One file of the multi driver.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MultiMember {
    /// The address of its first byte.
    pub(crate) start: u64,
    /// The first address, counted from there, that it does not use.
    pub(crate) used: u64,
    /// Its name: `%s` stands for the name of the whole.
    pub(crate) template: Vec<u8>,
}

/// What stands in a file of superblock version 0 or 1.
#[binrw]
#[brw(little)]
struct Block {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    reserved: [u8; 3],
    size: u32,
    id: [u8; 8],
    #[br(parse_with = bytes::read_bytes, args(size.into()))]
    data: Vec<u8>,
}

/// The message in the superblock's extension.
#[binrw]
#[brw(little)]
struct Message {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    id: [u8; 8],
    size: u16,
    #[br(parse_with = bytes::read_bytes, args(size.into()))]
    data: Vec<u8>,
}

/// Decodes the block that a superblock of version 0 or 1 leads to; `bytes` may go on behind it.
pub(crate) fn decode_block(bytes: &[u8]) -> Result<Drivers> {
    let (block, _) = bytes::decode::<Block>(bytes, (), STRUCTURE)?;
    decode(block.id, &block.data)
}

/// Decodes the message of a superblock's extension.
pub(crate) fn decode_message(body: &[u8]) -> Result<Drivers> {
    let (message, _) = bytes::decode::<Message>(body, (), STRUCTURE)?;
    decode(message.id, &message.data)
}

/// The bytes of a block before the driver's own data, and of a message.
pub(crate) const BEFORE_DATA_OF_BLOCK: usize = 1 + 3 + 4 + 8;
pub(crate) const BEFORE_DATA_OF_MESSAGE: usize = 1 + 8 + 2;

/// Where the data of the multi driver say how much the member `number` uses.
pub(crate) const fn used_at(number: usize) -> usize {
    MAP + 16 * number + 8
}

fn decode(id: [u8; 8], data: &[u8]) -> Result<Drivers> {
    match &id {
        b"NCSAfami" => {
            let (member_size, _) = bytes::decode::<u64>(data, (), STRUCTURE)?;
            if member_size == 0 {
                return Err(Error::damaged("members without bytes").in_structure(STRUCTURE));
            }
            Ok(Drivers::Family { member_size })
        }
        b"NCSAmult" => Ok(Drivers::Multi(decode_multi(data)?)),
        _ => Ok(Drivers::Other(id)),
    }
}

/// Which member each use goes to; two reserved bytes; then of each member where it begins and what it uses; then of each
/// member its name, padded to a multiple of 8.
fn decode_multi(data: &[u8]) -> Result<Vec<MultiMember>> {
    let short = || Error::damaged("ends before its last member").in_structure(STRUCTURE);
    let (map, rest) = data.split_at_checked(MAP).ok_or_else(short)?;
    let mut seen = [false; USES];
    for (i, &to) in map[..USES].iter().enumerate() {
        // 0 is "as it comes": the use has a member of its own.
        let to = if to == 0 { i } else { usize::from(to) - 1 };
        let known = seen.get_mut(to).ok_or_else(|| {
            Error::damaged(format!("use {} goes to member {}", i + 1, to + 1)).in_structure(STRUCTURE)
        })?;
        *known = true;
    }
    let count = seen.iter().filter(|&&s| s).count();
    let (places, mut names) = rest.split_at_checked(16 * count).ok_or_else(short)?;
    let mut members = Vec::new();
    for place in places.as_chunks::<16>().0 {
        let (start, _) = bytes::decode::<u64>(place, (), STRUCTURE)?;
        let (used, _) = bytes::decode::<u64>(&place[8..], (), STRUCTURE)?;
        let template = until_nul(names).to_vec();
        if template.is_empty() || template.len() == names.len() {
            return Err(short());
        }
        let padded = (template.len() + 1).next_multiple_of(8);
        names = names.get(padded..).unwrap_or_default();
        members.push(MultiMember { start, used, template });
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data of a split file as libhdf5 1.6 wrote it.
    fn split() -> Vec<u8> {
        let mut data = vec![1, 1, 3, 1, 1, 1, 0, 0];
        for n in [0, 0x800, 0x7fff_ffff_ffff_ffff, 0x800u64] {
            data.extend(n.to_le_bytes());
        }
        data.extend(b"%s-m.h5\0%s-r.h5\0");
        data
    }

    #[test]
    fn a_split_file_has_two_members() {
        let data = split();
        let block = [&[0, 0, 0, 0, data.len() as u8, 0, 0, 0][..], b"NCSAmult", &data].concat();
        let member = |start, template: &[u8]| MultiMember { start, used: 0x800, template: template.to_vec() };
        let wanted = Drivers::Multi(vec![member(0, b"%s-m.h5"), member(0x7fff_ffff_ffff_ffff, b"%s-r.h5")]);
        assert_eq!(decode_block(&block).unwrap(), wanted);
        let message = [&[0][..], b"NCSAmult", &[data.len() as u8, 0], &data].concat();
        assert_eq!(decode_message(&message).unwrap(), wanted);
        for cut in 0..block.len() {
            assert!(decode_block(&block[..cut]).is_err());
        }
        for cut in 0..message.len() {
            assert!(decode_message(&message[..cut]).is_err());
        }
    }

    #[test]
    fn a_family_has_members_of_one_size() {
        let block = [&[0, 0, 0, 0, 8, 0, 0, 0][..], b"NCSAfami", &1024u64.to_le_bytes()].concat();
        assert_eq!(decode_block(&block).unwrap(), Drivers::Family { member_size: 1024 });
        let none = [&[0, 0, 0, 0, 8, 0, 0, 0][..], b"NCSAfami", &[0; 8]].concat();
        assert!(decode_block(&none).is_err());
    }

    #[test]
    fn maps_and_names_that_cannot_be_are_refused() {
        let mut wild = split();
        wild[2] = 7;
        assert!(decode(*b"NCSAmult", &wild).is_err());
        let unnamed = split()[..40].to_vec();
        assert!(decode(*b"NCSAmult", &unnamed).is_err());
        assert_eq!(decode(*b"whatever", &[]).unwrap(), Drivers::Other(*b"whatever"));
    }
}
