//! What reading begins with: the superblock, and its extension, an object header of messages about the file as a whole.

use super::ObjectHeader;
use crate::bytes::{Address, Limits, decode};
use crate::error::{Context, Error, Result};
use crate::format::cache_image::{self, ImageMessage};
use crate::format::drivers::{self, Drivers};
use crate::format::message::{kind, small};
use crate::format::shared_messages::{self, TableMessage};
use crate::format::superblock::{self, MAX_SIZE, SIGNATURE, Superblock};
use crate::io::{self, Neighbours, PatchedSource, Reader, SharedMessages, Source};
use std::sync::Arc;

/// What is said of a file that is none of HDF5, or not the first of several.
pub(crate) const NO_SIGNATURE: &str = "not an HDF5 file: its signature is nowhere";

/// The most bytes of a metadata cache image.
const MOST_IMAGE_BYTES: u64 = 1 << 30;

/// Reads what stands at the beginning of a file.
pub(crate) fn read(
    source: Arc<dyn Source>,
    limits: Limits,
    neighbours: Option<Neighbours>,
) -> Result<(Reader, Superblock)> {
    let joined = source.is_joined();
    let mut reader = Reader::new(source, limits.clone(), neighbours)?;
    let (mut superblock, mut position) = find_superblock(&reader)?;
    if let Some(finished) = with_interrupted(&reader, &superblock, position)? {
        reader = finished;
        (superblock, position) = find_superblock(&reader)?;
    }
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

/// The file as the commit makes it that its last editor was interrupted in, where it ends with the record of one.
fn with_interrupted(reader: &Reader, superblock: &Superblock, position: u64) -> Result<Option<Reader>> {
    // Nobody else leaves anything behind the end.
    let end = superblock.end.saturating_sub(superblock.base).saturating_add(position);
    if reader.size() <= end {
        return Ok(None);
    }
    let source = reader.source();
    let Some(redo) = io::pending(&**source, position)? else {
        return Ok(None);
    };
    let patches = redo.pieces.into_iter().map(|p| (p.position, p.bytes)).collect();
    // Patches on one another are not of our making.
    let Ok(source) = PatchedSource::new(source.clone(), patches) else { return Ok(None) };
    let neighbours = reader.neighbours().map(|n| n.clone().with_interrupted(redo.others));
    Reader::new(Arc::new(source), reader.limits().clone(), neighbours).map(Some)
}

fn split() -> Error {
    Error::unsupported("a file that is split over several, from anywhere but a folder with all of them")
}

/// Looks for the superblock at 0, 512, 1024, 2048 … (II.A).
fn find_superblock(reader: &Reader) -> Result<(Superblock, u64)> {
    for position in superblock::positions(reader.size()) {
        let bytes = reader.metadata_up_to(Address(position), MAX_SIZE)?;
        if bytes.starts_with(&SIGNATURE) {
            return Ok((Superblock::decode(&bytes).map_err(|e| e.at(position))?, position));
        }
    }
    let empty = reader.size() == 0;
    Err(Error::damaged(if empty { "the file is empty" } else { NO_SIGNATURE }))
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
pub(crate) fn driver_block(reader: &Reader, superblock: &Superblock) -> Result<Option<Drivers>> {
    let Some(at) = superblock.driver else {
        return Ok(None);
    };
    let block = reader.metadata_up_to(at, drivers::MOST_BYTES)?;
    drivers::decode_block(&block).at(at.get()).map(Some)
}

/// The driver information of later versions.
pub(crate) fn driver_message(header: &ObjectHeader) -> Result<Option<Drivers>> {
    header.find(kind::DRIVER_INFO).map(|body| drivers::decode_message(body.bytes)).transpose()
}

/// The file with its metadata cache image laid over it.
fn under_image(reader: Reader, message: &[u8]) -> Result<Reader> {
    match image(&reader, message)? {
        None => Ok(reader),
        Some(image) => reader.with_patches(image.entries).in_structure(IMAGE).at(image.at.get()),
    }
}

const IMAGE: &str = "metadata cache image";

/// A metadata cache image.
pub(crate) struct Image {
    at: Address,
    /// Positions, with the bytes that count there.
    pub(crate) entries: Vec<(u64, Vec<u8>)>,
}

/// The metadata cache image that a message of the extension leads to.
pub(crate) fn image(reader: &Reader, message: &[u8]) -> Result<Option<Image>> {
    let w = reader.widths();
    let (message, _) = decode::<ImageMessage>(message, w, "metadata cache image message")?;
    let (Some(at), Some(size)) = (message.image, message.size.0) else {
        return Ok(None);
    };
    if size > MOST_IMAGE_BYTES {
        return Err(Error::limit(format!("a metadata cache image of {size} bytes")).at(at.get()));
    }
    let bytes = reader.metadata(at, size).in_structure(IMAGE)?;
    let entries = cache_image::decode(&bytes, w).at(at.get())?;
    let base = reader.base();
    let place = |e: &cache_image::Entry<'_>| Some((base.checked_add(e.address.get())?, e.bytes.to_vec()));
    let entries: Option<Vec<_>> = entries.iter().map(place).collect();
    let entries = entries.ok_or_else(|| Error::damaged("an address past 64 bits").in_structure(IMAGE).at(at.get()))?;
    Ok(Some(Image { at, entries }))
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

#[cfg(test)]
mod tests {
    use crate::bytes::{Address, Limits, Widths, encode, seal};
    use crate::format::message::dataspace::Dataspace;
    use crate::format::message::datatype::{self, Charset, Datatype};
    use crate::format::message::layout::Layout;
    use crate::format::message::link::{Link, Target};
    use crate::format::message::small::LinkInfo;
    use crate::format::object_header::{self, Outgoing};
    use crate::format::superblock::{NodeRanks, Superblock};
    use crate::{ErrorKind, File};

    fn message(kind: u16, body: Vec<u8>) -> Outgoing {
        Outgoing { kind, flags: 0, order: 0, body }
    }

    /// A superblock, `extra` messages in its extension, a root group, a dataset `a` of `values`; then what `behind` makes
    /// of the address where it stands.
    fn file(w: Widths, values: &[u8], extra: &dyn Fn(u64) -> Vec<Outgoing>, behind: &[u8]) -> Vec<u8> {
        let build = |root: u64, dataset: u64, data: u64, extension: u64, tail: u64, end: u64| {
            let space = Dataspace::Simple { dims: [values.len() as u64][..].into(), max: None };
            let layout = Layout::Contiguous { address: Some(Address(data)), size: Some(values.len() as u64) };
            let target = Target::Hard(Address(dataset));
            let link = Link { name: "a".into(), charset: Charset::Ascii, creation_order: None, target };
            let superblock = Superblock {
                version: 3,
                widths: w,
                flags: 0,
                base: 0,
                end,
                extension: Some(Address(extension)),
                driver: None,
                root: Address(root),
                ranks: NodeRanks::DEFAULT,
            };
            let group =
                [message(2, encode(&LinkInfo::COMPACT, w, "test").unwrap()), message(6, link.encode(w).unwrap())];
            let dataset = [
                message(1, space.encode(w, crate::LibVer::V18).unwrap()),
                message(3, datatype::encode(&Datatype::integer(1, false), crate::LibVer::V18).unwrap()),
                message(8, layout.encode(w).unwrap()),
            ];
            let headers =
                [&extra(tail)[..], &group, &dataset].map(|m| object_header::encode(m, &Default::default()).unwrap());
            [vec![superblock.encode().unwrap()], headers.to_vec(), vec![values.to_vec(), behind.to_vec()]].concat()
        };
        let parts = build(0, 0, 0, 0, 0, 0);
        let at: Vec<u64> = parts
            .iter()
            .scan(0, |at, p| {
                *at += p.len() as u64;
                Some(*at)
            })
            .collect();
        build(at[1], at[2], at[3], at[0], at[4], at[5]).concat()
    }

    #[test]
    fn addresses_and_lengths_may_have_any_legal_width() {
        for offset in [2, 4, 8, 16, 32] {
            for length in [2, 4, 8, 16, 32] {
                let bytes = file(Widths { offset, length }, &[1, 2, 3], &|_| Vec::new(), &[]);
                let file = File::from_bytes(bytes).unwrap();
                assert_eq!(file.dataset("a").unwrap().read::<Vec<u8>>().unwrap(), [1, 2, 3]);
            }
        }
    }

    /// An image that says of the elements that they are 7, 8, 9; they stand just before it.
    fn image(at: u64, size: u64) -> Vec<u8> {
        let mut out = b"MDCI\0\0".to_vec();
        out.extend(62u64.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend([5, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        out.extend(at.to_le_bytes());
        out.extend(size.to_le_bytes());
        out.extend([7, 8, 9, 0][..size.min(4) as usize].iter());
        let size = out.len() as u64 + 4;
        out[6..14].copy_from_slice(&size.to_le_bytes());
        seal(&mut out);
        out
    }

    #[test]
    fn what_a_cache_image_holds_counts_and_not_what_stands_there() {
        let open = |at: u64, size: u64| {
            let image = image(at, size);
            let length = image.len() as u64;
            let extra = move |tail: u64| {
                let body = [&[0][..], &tail.to_le_bytes(), &length.to_le_bytes()].concat();
                vec![message(0x18, body)]
            };
            File::from_bytes(file(Widths::EIGHT, &[1, 2, 3], &extra, &image))
        };
        // The elements stand where they do without the image: the message is as long.
        let plain = file(Widths::EIGHT, &[1, 2, 3], &|_| vec![message(0x18, vec![0; 17])], &[]);
        let data = plain.len() as u64 - 3;
        let read = open(data, 3).unwrap().dataset("a").unwrap().read::<Vec<u8>>().unwrap();
        assert_eq!(read, [7, 8, 9]);
        for (at, size) in [(data, 5), (1 << 40, 3), (u64::MAX - 1, 3), (data, 0), (data, u64::MAX - 1)] {
            assert_eq!(open(at, size).err().map(|e| e.kind()), Some(ErrorKind::Damaged), "{at} {size}");
        }
    }

    #[test]
    fn a_file_split_by_use_is_refused_where_its_parts_are_not() {
        let mut data = vec![1, 1, 3, 1, 1, 1, 0, 0];
        data.extend([0, 0x800, 0x7fff_ffff_ffff_ffff, 0x800u64].iter().flat_map(|n| n.to_le_bytes()));
        data.extend(b"%s-m.h5\0%s-r.h5\0");
        let body = [&[0][..], b"NCSAmult", &[data.len() as u8, 0], &data].concat();
        let bytes = file(Widths::EIGHT, &[1, 2, 3], &|_| vec![message(0x14, body.clone())], &[]);
        let error = File::from_bytes(bytes.clone()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alone-m.h5");
        std::fs::write(&path, bytes).unwrap();
        let error = File::open(&path).err().unwrap();
        assert!(error.to_string().contains("alone-r.h5"), "{error}");
    }

    #[test]
    fn a_table_of_shared_messages_is_bounded_by_the_file() {
        for (count, table) in [(0u8, 48u64), (9, 48), (8, 48), (8, 1 << 40)] {
            let body = [&[0][..], &table.to_le_bytes(), &[count]].concat();
            let bytes = file(Widths::EIGHT, &[1, 2, 3], &|_| vec![message(0x0f, body.clone())], &[]);
            let opened = File::from_source(std::sync::Arc::new(crate::io::MemorySource::new(bytes)), Limits::default());
            assert_eq!(opened.err().map(|e| e.kind()), Some(ErrorKind::Damaged), "{count} {table}");
        }
    }
}
