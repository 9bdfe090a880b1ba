//! What reading begins with: the superblock, and its extension, an object header of messages about the file as a whole.

use super::ObjectHeader;
use crate::bytes::{Address, Limits, MAX_PROBES, decode};
use crate::error::{Context, Error, Result};
use crate::format::cache_image::{self, ImageMessage};
use crate::format::drivers::{self, Drivers};
use crate::format::message::{kind, small};
use crate::format::shared_messages::{self, TableMessage};
use crate::format::superblock::{MAX_SIZE, SIGNATURE, Superblock};
use crate::io::{Neighbours, Reader, SharedMessages, Source};
use std::sync::Arc;

/// The most bytes of a metadata cache image.
const MOST_IMAGE_BYTES: u64 = 1 << 30;

/// Reads what stands at the beginning of a file.
pub(crate) fn read(
    source: Arc<dyn Source>,
    limits: Limits,
    neighbours: Option<Neighbours>,
) -> Result<(Reader, Superblock)> {
    let joined = source.is_joined();
    let reader = Reader::new(source, limits, neighbours)?;
    let (mut superblock, position) = find_superblock(&reader)?;
    // A block put in front of the file, or taken away, shifts everything by the same distance.
    let length = superblock.end.checked_sub(superblock.base);
    let end = length.and_then(|n| position.checked_add(n)).ok_or_else(|| {
        Error::damaged(format!("ends at {}, before it begins", superblock.end)).in_structure("superblock")
    })?;
    superblock.base = position;
    let live = superblock.is_written_by_one();
    // While a writer is at work the end is where it was, or will be. That of a file split by use is what old libraries
    // made of it.
    let unreliable = live || joined;
    if end > reader.size() && !unreliable {
        let message = format!("the file is truncated: it has {} bytes and should have {end}", reader.size());
        return Err(Error::damaged(message));
    }
    let end = if unreliable { reader.size() } else { end };
    let mut reader = reader.with_superblock(position, end, superblock.widths, live);
    if !joined && matches!(driver_block(&reader, &superblock)?, Some(Drivers::Multi(_))) {
        return Err(split());
    }
    if let Some(at) = superblock.extension {
        let header = reader.settled(|| ObjectHeader::load(&reader, at))?;
        if !joined && matches!(driver_message(&header)?, Some(Drivers::Multi(_))) {
            return Err(split());
        }
        if let Some(body) = header.find(kind::BTREE_RANKS) {
            superblock.ranks = small::decode_ranks(body.bytes)?;
        }
        // Before anything else is read: what the image holds counts, and not what stands in the file.
        if let Some(body) = header.find(kind::METADATA_CACHE_IMAGE) {
            reader = under_image(reader, body.bytes)?;
        }
        if let Some(body) = header.find(kind::SHARED_MESSAGE_TABLE) {
            let heaps = shared_heaps(&reader, body.bytes)?;
            reader = reader.with_shared_messages(heaps);
        }
    }
    Ok((reader, superblock))
}

fn split() -> Error {
    Error::unsupported("a file that is split over several, from anywhere but a folder with all of them")
}

/// Looks for the superblock at 0, 512, 1024, 2048 … (II.A).
fn find_superblock(reader: &Reader) -> Result<(Superblock, u64)> {
    let positions = std::iter::once(0).chain((9..9 + MAX_PROBES).map(|n| 1u64 << n));
    for position in positions.take_while(|p| p + SIGNATURE.len() as u64 <= reader.size()) {
        let bytes = reader.metadata_up_to(Address(position), MAX_SIZE)?;
        if bytes.starts_with(&SIGNATURE) {
            return Ok((Superblock::decode(&bytes).map_err(|e| e.at(position))?, position));
        }
    }
    let empty = reader.size() == 0;
    Err(Error::damaged(if empty { "the file is empty" } else { "not an HDF5 file: its signature is nowhere" }))
}

/// Reads what the first file of several says of the others: how the whole is split, and where it ends.
pub(crate) fn read_drivers(source: Arc<dyn Source>) -> Result<(Option<Drivers>, u64)> {
    let reader = Reader::new(source, Limits::default(), None)?;
    let (superblock, position) = find_superblock(&reader)?;
    let size = reader.size();
    let reader = reader.with_superblock(position, size, superblock.widths, false);
    let mut found = driver_block(&reader, &superblock)?;
    if let (None, Some(at)) = (&found, superblock.extension) {
        found = driver_message(&ObjectHeader::load(&reader, at)?)?;
    }
    Ok((found, superblock.end))
}

/// The driver information of superblock versions 0 and 1.
fn driver_block(reader: &Reader, superblock: &Superblock) -> Result<Option<Drivers>> {
    let Some(at) = superblock.driver else {
        return Ok(None);
    };
    let block = reader.metadata_up_to(at, drivers::MOST_BYTES)?;
    drivers::decode_block(&block).at(at.get()).map(Some)
}

/// The driver information of later versions.
fn driver_message(header: &ObjectHeader) -> Result<Option<Drivers>> {
    header.find(kind::DRIVER_INFO).map(|body| drivers::decode_message(body.bytes)).transpose()
}

/// The file with its metadata cache image laid over it.
fn under_image(reader: Reader, message: &[u8]) -> Result<Reader> {
    const STRUCTURE: &str = "metadata cache image";
    let w = reader.widths();
    let (message, _) = decode::<ImageMessage>(message, w, "metadata cache image message")?;
    let (Some(at), Some(size)) = (message.image, message.size.0) else {
        return Ok(reader);
    };
    if size > MOST_IMAGE_BYTES {
        return Err(Error::limit(format!("a metadata cache image of {size} bytes")).at(at.get()));
    }
    let patches = {
        let bytes = reader.metadata(at, size).in_structure(STRUCTURE)?;
        let entries = cache_image::decode(&bytes, w).at(at.get())?;
        let base = reader.base();
        let place = |e: &cache_image::Entry<'_>| Some((base.checked_add(e.address.get())?, e.bytes.to_vec()));
        let patches: Option<Vec<_>> = entries.iter().map(place).collect();
        patches.ok_or_else(|| Error::damaged("an address past 64 bits").in_structure(STRUCTURE).at(at.get()))?
    };
    reader.with_patches(patches).in_structure(STRUCTURE).at(at.get())
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
