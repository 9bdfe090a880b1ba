//! The header of a new group, and its links: messages of the header, in a heap, or in the old way a symbol table.

use super::{CONSTANT, Common, encode, message};
use crate::bytes::{self, Address};
use crate::error::{Error, Result};
use crate::format::libver::LibVer;
use crate::format::message::kind;
use crate::format::message::link::{Link, Target};
use crate::format::message::small::{GroupInfo, LinkInfo, SymbolTable};
use crate::format::object_header::Outgoing;
use crate::index::space::Space;
use crate::index::symbol_table_build::{self, NamedTarget, OldTarget};
use crate::object::dense;
use foldhash::HashMap;

/// More links than this move out of the header if nothing else is asked for, as with libhdf5.
const USUAL_LINKS: u16 = 8;

/// A link of more bytes than this does not fit a message of the header: its name may be half of it.
const MOST_BYTES: usize = u16::MAX as usize / 2;

/// The links of a group, and how they are to be kept.
pub(crate) struct GroupLinks<'a> {
    /// Sorted by name; with their creation order where that is tracked.
    pub(crate) links: &'a [Link],
    pub(crate) track_order: bool,
    /// The most links in the header, and the fewest in a heap, if asked for.
    pub(crate) phase_change: Option<[u16; 2]>,
    /// Where old-style groups below keep their links, by the addresses of their headers.
    pub(crate) tables: &'a HashMap<Address, SymbolTable>,
}

/// A group's header.
pub(crate) struct EncodedGroup {
    pub(crate) header: Vec<u8>,
    /// Where its links are, if it is an old-style group.
    pub(crate) table: Option<SymbolTable>,
}

/// The header of a group, after its links where those are not in it.
pub(crate) fn encode_group(
    space: &mut Space,
    libver: LibVer,
    group: &GroupLinks<'_>,
    common: &Common<'_>,
) -> Result<EncodedGroup> {
    if libver == LibVer::Earliest && group.can_be_old() {
        let table = symbol_table_build::build(space, &group.named_targets()?)?;
        let body = bytes::encode(&table, space.widths(), "symbol table")?;
        let header = encode(space, libver, vec![message(kind::SYMBOL_TABLE, 0, body)], common)?;
        return Ok(EncodedGroup { header, table: Some(table) });
    }
    let messages = group.messages(space)?;
    Ok(EncodedGroup { header: encode(space, libver, messages, common)?, table: None })
}

impl GroupLinks<'_> {
    /// Whether a symbol table can say all that is wanted.
    fn can_be_old(&self) -> bool {
        !self.track_order && self.phase_change.is_none() && self.links.iter().all(Link::fits_symbol_table)
    }

    fn named_targets(&self) -> Result<Vec<NamedTarget<'_>>> {
        self.links.iter().map(|link| self.named_target(link)).collect()
    }

    fn named_target<'a>(&self, link: &'a Link) -> Result<NamedTarget<'a>> {
        let target = match &link.target {
            Target::Hard(address) => OldTarget::Hard(*address, self.tables.get(address).copied()),
            Target::Soft(path) => OldTarget::Soft(&path.0),
            _ => return Err(Error::unsupported("links to other files in an old-style group")),
        };
        Ok(NamedTarget { name: &link.name.0, target })
    }

    /// The messages of a new-style group.
    fn messages(&self, space: &mut Space) -> Result<Vec<Outgoing>> {
        let links = self.links;
        let mut info = if self.track_order { LinkInfo::ordered(links.len() as i64) } else { LinkInfo::COMPACT };
        let most = self.phase_change.map_or(USUAL_LINKS, |[most, _]| most);
        let mut compact = Vec::new();
        if links.len() <= most.into() && links.iter().all(|l| l.name.0.len() < MOST_BYTES) {
            for link in links {
                compact.push(message(kind::LINK, 0, link.encode(space.widths())?));
            }
        } else {
            let dense = dense::links(space, links)?;
            (info.heap, info.name_index) = (Some(dense.heap), Some(dense.name_index));
            info.order_index = dense.order_index;
        }
        let flags = u8::from(self.phase_change.is_some());
        let group_info = GroupInfo { flags, phase_change: self.phase_change, ..GroupInfo::default() };
        let mut messages = vec![
            message(kind::LINK_INFO, 0, bytes::encode(&info, space.widths(), "link info")?),
            message(kind::GROUP_INFO, CONSTANT, bytes::encode(&group_info, (), "group info")?),
        ];
        messages.extend(compact);
        Ok(messages)
    }
}
