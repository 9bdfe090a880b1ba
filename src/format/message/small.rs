//! The messages of a few fields: link info (IV.A.2.c), group info (k), continuation (q), symbol table (r), B-tree "K"
//! values (t), attribute info (v).

use crate::bytes::{self, Address, Length, Widths};
use crate::error::Result;
use crate::format::superblock::NodeRanks;
use binrw::binrw;

/// Link info: where a new-style group keeps its links. Without a heap they are messages of the group's header.
#[binrw]
#[brw(little, import_raw(w: Widths))]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LinkInfo {
    #[br(assert(version == 0, "version {version}"))]
    pub(crate) version: u8,
    /// Bit 0 creation order tracked, 1 indexed.
    pub(crate) flags: u8,
    #[br(if(flags & 1 != 0))]
    pub(crate) max_creation_order: Option<i64>,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    pub(crate) heap: Option<Address>,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    pub(crate) name_index: Option<Address>,
    #[br(if(flags & 2 != 0), parse_with = Address::read_optional, args(w))]
    #[bw(if(flags & 2 != 0), write_with = Address::write_optional, args(w))]
    pub(crate) order_index: Option<Address>,
}

impl LinkInfo {
    /// All links in the header, no creation order.
    pub(crate) const COMPACT: LinkInfo =
        LinkInfo { version: 0, flags: 0, max_creation_order: None, heap: None, name_index: None, order_index: None };

    /// All links in the header; the next one would be made as number `next`. They can be listed in that order.
    pub(crate) fn ordered(next: i64) -> LinkInfo {
        LinkInfo { flags: 3, max_creation_order: Some(next), ..LinkInfo::COMPACT }
    }
}

/// Group info: when links move from the header into a heap and back, and what to expect.
#[binrw]
#[brw(little)]
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GroupInfo {
    #[br(assert(version == 0, "version {version}"))]
    pub(crate) version: u8,
    /// Bit 0 phase change stored, 1 estimates stored.
    pub(crate) flags: u8,
    /// Most compact and least dense links; 8 and 6 where nothing is said.
    #[br(if(flags & 1 != 0))]
    pub(crate) phase_change: Option<[u16; 2]>,
    /// Number of links and length of their names, as estimated by the maker.
    #[br(if(flags & 2 != 0))]
    pub(crate) estimates: Option<[u16; 2]>,
}

/// Attribute info: where an object keeps its attributes. Without a heap they are messages of its header.
#[binrw]
#[brw(little, import_raw(w: Widths))]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AttributeInfo {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    /// Bit 0 creation order tracked, 1 indexed.
    flags: u8,
    /// The creation order of the next attribute.
    #[br(if(flags & 1 != 0))]
    pub(crate) max_creation_order: Option<u16>,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    pub(crate) heap: Option<Address>,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    pub(crate) name_index: Option<Address>,
    #[br(if(flags & 2 != 0), parse_with = Address::read_optional, args(w))]
    #[bw(if(flags & 2 != 0), write_with = Address::write_optional, args(w))]
    pub(crate) order_index: Option<Address>,
}

impl AttributeInfo {
    /// All attributes in the header, no creation order.
    pub(crate) const COMPACT: AttributeInfo = AttributeInfo {
        version: 0,
        flags: 0,
        max_creation_order: None,
        heap: None,
        name_index: None,
        order_index: None,
    };

    /// All attributes in the header; the next one would be made as number `next`. They can be listed in that order.
    pub(crate) fn ordered(next: u16) -> AttributeInfo {
        AttributeInfo { flags: 3, max_creation_order: Some(next), ..AttributeInfo::COMPACT }
    }

    /// All attributes in the header, with their creation order where that is tracked, and indexed in a heap.
    pub(crate) fn tracking(tracked: bool, indexed: bool) -> AttributeInfo {
        AttributeInfo {
            flags: u8::from(tracked) | u8::from(indexed) << 1,
            max_creation_order: tracked.then_some(0),
            ..AttributeInfo::COMPACT
        }
    }
}

/// Reference count: how many hard links lead to the object; 1 where the message is absent.
#[binrw]
#[brw(little)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ReferenceCount {
    #[br(assert(version == 0, "version {version}"))]
    pub(crate) version: u8,
    pub(crate) count: u32,
}

/// Continuation: where the next chunk of the header is.
#[binrw]
#[brw(little, import_raw(w: Widths))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Continuation {
    #[brw(args_raw = w)]
    pub(crate) address: Address,
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    pub(crate) length: u64,
}

/// Modification time, in seconds since 1970 UTC.
#[binrw]
#[brw(little)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ModificationTime {
    #[br(assert(version == 1, "version {version}"))]
    pub(crate) version: u8,
    pub(crate) reserved: [u8; 3],
    pub(crate) seconds: u32,
}

/// Symbol table: where an old-style group keeps its links.
#[binrw]
#[brw(little, import_raw(w: Widths))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SymbolTable {
    #[brw(args_raw = w)]
    pub(crate) btree: Address,
    #[brw(args_raw = w)]
    pub(crate) heap: Address,
}

/// B-tree "K" values of a superblock's extension; the order is not that of the superblock.
#[binrw]
#[brw(little)]
struct BTreeRanks {
    #[br(assert(version == 0, "version {version}"))]
    version: u8,
    chunk: u16,
    group_internal: u16,
    group_leaf: u16,
}

pub(crate) fn decode_ranks(body: &[u8]) -> Result<NodeRanks> {
    let (r, _) = bytes::decode::<BTreeRanks>(body, (), "B-tree K values")?;
    NodeRanks { group_leaf: r.group_leaf, group_internal: r.group_internal, chunk: r.chunk }.checked()
}

/// Which form file space info (IV.A.2.x) has, of a version and so many bytes behind that. Shortly before 1.10.1, libhdf5 wrote
/// what became version 1 under the number 0: only the size tells.
pub(crate) fn form_of_file_space_info(version: u8, bytes: usize, w: Widths) -> u8 {
    let old = 1 + w.length();
    let new = 4 + 2 * w.length() + w.offset();
    let is_new = bytes >= new && !(old + 6 * w.offset()..new + 12 * w.offset()).contains(&bytes);
    version.max(u8::from(is_new))
}
