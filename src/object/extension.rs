//! The superblock's extension: an object header of messages about the file as a whole (versions 2 and 3).

use super::ObjectHeader;
use crate::bytes::{Address, decode};
use crate::error::{Context, Error, Result};
use crate::format::message::{kind, small};
use crate::format::shared_messages::{self, TableMessage};
use crate::format::superblock::NodeRanks;
use crate::io::{Reader, SharedMessages};

/// What an extension says that reading depends on.
pub(crate) struct Extension {
    pub(crate) ranks: NodeRanks,
    pub(crate) shared_messages: Vec<SharedMessages>,
}

/// Reads the extension at `at`.
pub(crate) fn read(reader: &Reader, at: Address) -> Result<Extension> {
    const DRIVER_INFO: u16 = 0x14;
    let header = ObjectHeader::load(reader, at)?;
    if header.find(kind::METADATA_CACHE_IMAGE).is_some() {
        return Err(Error::unsupported("a metadata cache image"));
    }
    if header.find(DRIVER_INFO).is_some() {
        return Err(Error::unsupported("a file that is one of a family or split"));
    }
    let ranks =
        header.find(kind::BTREE_RANKS).map_or(Ok(NodeRanks::DEFAULT), |body| small::decode_ranks(body.bytes))?;
    let shared_messages = match header.find(kind::SHARED_MESSAGE_TABLE) {
        None => Vec::new(),
        Some(body) => shared_heaps(reader, body.bytes)?,
    };
    Ok(Extension { ranks, shared_messages })
}

/// The heaps of shared messages, by the types of messages.
fn shared_heaps(reader: &Reader, message: &[u8]) -> Result<Vec<SharedMessages>> {
    let w = reader.widths();
    let (message, _) = decode::<TableMessage>(message, w, "shared message table message")?;
    let Some(at) = message.table else {
        return Ok(Vec::new());
    };
    let bytes = reader.metadata(at, shared_messages::table_size(message.indexes, w));
    let bytes = bytes.in_structure("shared message table")?;
    let indexes = shared_messages::decode_table(&bytes, w).at(at.get())?;
    Ok(indexes.iter().map(|i| SharedMessages { kinds: i.messages, heap: i.heap }).collect())
}
