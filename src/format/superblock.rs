//! Superblock (specification II.A): where the file begins and ends, how wide its addresses are, where its root group is.
//!
//! It stands at byte 0, or behind a user block at 512, 1024, 2048 …. Versions 0 and 1 carry the root group as a symbol
//! table entry; versions 2 and 3 point to its object header and end with a checksum.

use super::symbol_table::SymbolTableEntry;
use crate::bytes::{self, Address, MAX_PROBES, Widths};
use crate::error::{Context, Error, Result};
use crate::format::message::small::SymbolTable;
use binrw::binrw;

pub(crate) const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// Where a superblock may stand in a file of `size` bytes: 0, 512, 1024, 2048 … (II.A).
pub(crate) fn positions(size: u64) -> impl Iterator<Item = u64> {
    let all = std::iter::once(0).chain((9..9 + MAX_PROBES).map(|n| 1 << n));
    all.take_while(move |position| position + SIGNATURE.len() as u64 <= size)
}

/// The most bytes that a superblock of any version and width takes.
pub(crate) const MAX_SIZE: u64 = 256;

const STRUCTURE: &str = "superblock";

/// What a superblock says, whatever its version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Superblock {
    pub(crate) version: u8,
    pub(crate) widths: Widths,
    /// Version 3: bit 0 open for writing, bit 2 with a single writer and many readers. Ignored when reading.
    pub(crate) flags: u32,
    /// The position of address 0, normally that of the superblock itself.
    pub(crate) base: u64,
    /// The end of file address: the first that does not belong to the file.
    pub(crate) end: u64,
    /// The object header of messages about the file as a whole (versions 2 and 3).
    pub(crate) extension: Option<Address>,
    /// Driver information block (versions 0 and 1): the file is one of a family, or split.
    pub(crate) driver: Option<Address>,
    /// The object header of the root group.
    pub(crate) root: Address,
    pub(crate) ranks: NodeRanks,
}

/// "K": half the number of entries that a node of each kind has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeRanks {
    pub(crate) group_leaf: u16,
    pub(crate) group_internal: u16,
    pub(crate) chunk: u16,
}

impl NodeRanks {
    pub(crate) const DEFAULT: NodeRanks = NodeRanks { group_leaf: 4, group_internal: 16, chunk: 32 };
}

/// Versions 0 and 1, behind the signature and the version.
#[binrw]
#[brw(little, import(version: u8))]
struct Old {
    #[br(assert(free_space_version == 0, "free-space version {free_space_version}"))]
    free_space_version: u8,
    #[br(assert(root_entry_version == 0, "root entry version {root_entry_version}"))]
    root_entry_version: u8,
    reserved: u8,
    shared_header_version: u8,
    offset_width: u8,
    length_width: u8,
    reserved2: u8,
    group_leaf: u16,
    group_internal: u16,
    flags: u32,
    #[br(if(version == 1))]
    chunk: Option<u16>,
    #[br(if(version == 1))]
    reserved3: Option<u16>,
}

/// The addresses of versions 0 and 1, whose widths are known by now.
#[binrw]
#[brw(little, import_raw(w: Widths))]
struct OldAddresses {
    #[brw(args_raw = w)]
    base: Address,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    free_space: Option<Address>,
    #[brw(args_raw = w)]
    end: Address,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    driver: Option<Address>,
    #[brw(args_raw = w)]
    root: SymbolTableEntry,
}

/// Versions 2 and 3, behind the signature and the version.
#[binrw]
#[brw(little)]
struct New {
    offset_width: u8,
    length_width: u8,
    flags: u8,
}

/// The addresses of versions 2 and 3; the checksum over everything follows.
#[binrw]
#[brw(little, import_raw(w: Widths))]
struct NewAddresses {
    #[brw(args_raw = w)]
    base: Address,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    extension: Option<Address>,
    #[brw(args_raw = w)]
    end: Address,
    #[brw(args_raw = w)]
    root: Address,
}

impl Superblock {
    /// Decodes the superblock that `bytes` begins with; they may go on behind it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Superblock> {
        let Some((&version, rest)) = bytes.strip_prefix(&SIGNATURE).and_then(<[u8]>::split_first) else {
            return Err(Error::damaged("its signature is missing").in_structure(STRUCTURE));
        };
        match version {
            0 | 1 => Self::decode_old(version, rest),
            2 | 3 => Self::decode_new(version, bytes, rest),
            _ => Err(Error::unsupported(format!("superblock version {version}: the file was made by a newer format"))),
        }
    }

    /// Whether a writer is at work on it that lets others read meanwhile (SWMR), or was when it died.
    pub(crate) fn is_written_by_one(&self) -> bool {
        self.version >= 3 && self.flags & 4 != 0
    }

    /// Whether a writer has it open, or had when it died. Older versions do not tell reliably.
    pub(crate) fn is_open_for_writing(&self) -> bool {
        self.version >= 3 && self.flags & 5 != 0
    }

    fn decode_old(version: u8, rest: &[u8]) -> Result<Superblock> {
        let (fixed, used) = bytes::decode::<Old>(rest, (version,), STRUCTURE)?;
        let widths = Widths::checked(fixed.offset_width, fixed.length_width).in_structure(STRUCTURE)?;
        let (addresses, _) = bytes::decode::<OldAddresses>(&rest[used..], widths, STRUCTURE)?;
        let chunk = fixed.chunk.unwrap_or(NodeRanks::DEFAULT.chunk);
        Ok(Superblock {
            version,
            widths,
            flags: fixed.flags,
            base: addresses.base.get(),
            end: addresses.end.get(),
            extension: None,
            driver: addresses.driver,
            root: addresses
                .root
                .header
                .ok_or_else(|| Error::damaged("the root group has no address").in_structure(STRUCTURE))?,
            ranks: NodeRanks { group_leaf: fixed.group_leaf, group_internal: fixed.group_internal, chunk }.checked()?,
        })
    }

    fn decode_new(version: u8, bytes: &[u8], rest: &[u8]) -> Result<Superblock> {
        let (fixed, used) = bytes::decode::<New>(rest, (), STRUCTURE)?;
        let widths = Widths::checked(fixed.offset_width, fixed.length_width).in_structure(STRUCTURE)?;
        let (addresses, more) = bytes::decode::<NewAddresses>(&rest[used..], widths, STRUCTURE)?;
        let size = SIGNATURE.len() + 1 + used + more + 4;
        let whole =
            bytes.get(..size).ok_or_else(|| Error::damaged("ends before its checksum").in_structure(STRUCTURE))?;
        bytes::verified(whole, STRUCTURE)?;
        Ok(Superblock {
            version,
            widths,
            flags: fixed.flags.into(),
            base: addresses.base.get(),
            end: addresses.end.get(),
            extension: addresses.extension,
            driver: None,
            root: addresses.root,
            ranks: NodeRanks::DEFAULT,
        })
    }

    /// Encodes a superblock of version 0, 96 bytes with addresses of 8. For an old-style root group `table` says where its
    /// links are.
    pub(crate) fn encode_old(&self, table: Option<SymbolTable>) -> Result<Vec<u8>> {
        let mut out = SIGNATURE.to_vec();
        out.push(0);
        let fixed = Old {
            free_space_version: 0,
            root_entry_version: 0,
            reserved: 0,
            shared_header_version: 0,
            offset_width: self.widths.offset,
            length_width: self.widths.length,
            reserved2: 0,
            group_leaf: self.ranks.group_leaf,
            group_internal: self.ranks.group_internal,
            flags: self.flags,
            chunk: None,
            reserved3: None,
        };
        out.extend(bytes::encode(&fixed, (0,), STRUCTURE)?);
        let root = SymbolTableEntry::hard(0, self.root);
        let addresses = OldAddresses {
            base: Address(self.base),
            free_space: None,
            end: Address(self.end),
            driver: self.driver,
            root: table.map_or(root.clone(), |table| root.with_table(table)),
        };
        out.extend(bytes::encode(&addresses, self.widths, STRUCTURE)?);
        Ok(out)
    }

    /// Encodes a superblock of version 2 or 3, 48 bytes with addresses of 8.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        if !matches!(self.version, 2 | 3) {
            return Err(Error::unsupported(format!("writing superblock version {}", self.version)));
        }
        let Widths { offset, length } = self.widths;
        let mut out = SIGNATURE.to_vec();
        out.push(self.version);
        let fixed = New { offset_width: offset, length_width: length, flags: self.flags as u8 };
        out.extend(bytes::encode(&fixed, (), STRUCTURE)?);
        let addresses = NewAddresses {
            base: Address(self.base),
            extension: self.extension,
            end: Address(self.end),
            root: self.root,
        };
        out.extend(bytes::encode(&addresses, self.widths, STRUCTURE)?);
        bytes::seal(&mut out);
        Ok(out)
    }
}

impl NodeRanks {
    /// Nodes without room cannot be.
    pub(crate) fn checked(self) -> Result<NodeRanks> {
        if self.group_leaf == 0 || self.group_internal == 0 || self.chunk == 0 {
            return Err(Error::damaged("a B-tree rank (K) of 0").in_structure(STRUCTURE));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Superblock {
        Superblock {
            version: 2,
            widths: Widths::EIGHT,
            flags: 0,
            base: 0,
            end: 4096,
            extension: None,
            driver: None,
            root: Address(48),
            ranks: NodeRanks::DEFAULT,
        }
    }

    #[test]
    fn what_is_encoded_is_decoded_again() {
        let bytes = example().encode().unwrap();
        assert_eq!(bytes.len(), 48);
        assert_eq!(Superblock::decode(&bytes).unwrap(), example());
    }

    #[test]
    fn version_0_comes_back_and_leads_to_the_links() {
        let old = Superblock { version: 0, ..example() };
        let table = SymbolTable { btree: Address(136), heap: Address(680) };
        let bytes = old.encode_old(Some(table)).unwrap();
        assert_eq!(bytes.len(), 96);
        assert_eq!(Superblock::decode(&bytes).unwrap(), old);
        let scratch: Vec<u8> = [1u64, 136, 680].iter().flat_map(|n| n.to_le_bytes()).collect();
        assert_eq!(bytes[96 - 24..], scratch);
    }

    #[test]
    fn a_torn_superblock_is_reported_not_repaired() {
        let mut bytes = example().encode().unwrap();
        bytes[30] ^= 1;
        let error = Superblock::decode(&bytes).unwrap_err();
        assert!(error.to_string().starts_with("superblock: checksum is "), "{error}");
        for cut in 0..48 {
            assert!(Superblock::decode(&example().encode().unwrap()[..cut]).is_err());
        }
    }
}
