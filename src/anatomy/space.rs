//! What serves the file as a whole: free-space managers (III.H), shared messages (III.I), the metadata cache image.

use super::kind::Kind;
use super::scribe::{Names, Scribe};
use super::walk::{Owner, Place, Walk};
use super::{btree2, fractal_heap, message};
use crate::bytes::{Address, Widths};
use crate::error::Result;
use crate::format::free_space::{Header, decode_list};

const CLIENTS: Names = &[(0, "fractal heap"), (1, "file")];
const FILE_SECTIONS: Names = &[(0, "simple"), (1, "small"), (2, "large")];
const HEAP_SECTIONS: Names = &[(0, "single"), (1, "first row"), (2, "row"), (3, "indirect")];

/// A free-space manager: of a fractal heap, or of the file.
pub(super) fn manager(walk: &mut Walk, at: Address, owner: Owner) {
    let w = walk.reader.widths();
    let mut header = None;
    walk.structure(Place { kind: Kind::FreeSpace, at, length: Header::size(w), owner }, |s| {
        header = Header::decode(s.whole(), w).ok();
        s.signature(b"FSHD")?;
        s.version("version", 0..=0)?;
        s.choice("client", 1, CLIENTS)?;
        let total = s.finite("free bytes")?;
        let sections = s.finite("sections")?;
        s.finite("sections in the list")?;
        s.finite("sections not in the list")?;
        s.u16("classes of sections")?;
        s.u16("shrink percent")?;
        s.u16("expand percent")?;
        s.u16("bits of an address")?;
        s.finite("largest section")?;
        s.address("list of sections")?;
        s.finite("its size")?;
        s.finite("its size with room to grow")?;
        s.note = format!("{total} bytes in {sections} sections");
        s.checksum()
    });
    let Some((header, list)) = header.and_then(|h| h.list.map(|list| (h, list))) else {
        return;
    };
    let mut free = Vec::new();
    let place = Place { kind: Kind::FreeSections, at: list, length: header.allocated, owner };
    walk.structure(place, |s| {
        let used = usize::try_from(header.used).unwrap_or(usize::MAX);
        let known = s.whole().get(..used).map(|bytes| decode_list(bytes, &header, at, w));
        free = known.and_then(Result::ok).unwrap_or_default();
        sections(s, &header, at, used.saturating_sub(4))
    });
    if header.client == 1 {
        walk.free.extend(free.into_iter().map(|section| (section.at, section.size)));
    }
}

fn sections(s: &mut Scribe<'_>, header: &Header, manager: Address, end: usize) -> Result<()> {
    s.signature(b"FSSE")?;
    s.version("version", 0..=0)?;
    if s.address("manager")? != Some(manager) {
        s.wrong("belongs to another manager");
    }
    let [count, size, place] = header.widths();
    // Of the two widths that a size may have, the one with which the list ends where it should.
    let ends = |size| {
        let mut silent = Scribe::new(s.ahead(), s.w, false);
        let end = end.saturating_sub(s.position());
        all_sections(&mut silent, header, [count, size, place], end).is_ok() && silent.position() == end
    };
    let old = header.old_size_width();
    let size = if !ends(size) && ends(old) { old } else { size };
    all_sections(s, header, [count, size, place], end)?;
    s.checksum()?;
    s.unused("room for more sections");
    Ok(())
}

/// The sections up to `end`, grouped by their size.
fn all_sections(s: &mut Scribe<'_>, header: &Header, widths: [usize; 3], end: usize) -> Result<()> {
    let [count_width, size_width, place_width] = widths;
    let is_file = header.client == 1;
    while s.position() < end {
        s.part(
            || "sections of one size".into(),
            |s| {
                let count = s.number("number", count_width)?;
                s.number("size", size_width)?;
                for _ in 0..count {
                    let place = s.number(if is_file { "address" } else { "offset" }, place_width)?;
                    s.means(|| format!("{place:#x}"));
                    let class = s.choice("class", 1, if is_file { FILE_SECTIONS } else { HEAP_SECTIONS })?;
                    if header.class_bytes(class as u8) > 0 {
                        s.number("offset of the indirect block", place_width)?;
                        s.u16("row")?;
                        s.u16("column")?;
                        s.u16("number of entries")?;
                    }
                }
                Ok(())
            },
        )?;
    }
    Ok(())
}

const INDEX_KINDS: Names = &[(0, "list"), (1, "B-tree v2")];
const SHARED_TYPES: Names = &[
    (1 << 1, "dataspaces"),
    (1 << 3, "datatypes"),
    (1 << 4, "old fill values"),
    (1 << 5, "fill values"),
    (1 << 11, "filter pipelines"),
    (1 << 12, "attributes"),
];

/// The table of shared messages, with its indexes and heaps.
pub(super) fn shared_messages(walk: &mut Walk, at: Address, count: u8) {
    let w = walk.reader.widths();
    let length = 8 + u64::from(count) * (14 + 2 * w.offset()) as u64;
    let mut indexes = Vec::new();
    walk.structure(Place { kind: Kind::SharedMessageTable, at, length, owner: Owner::FILE }, |s| {
        s.signature(b"SMTB")?;
        s.note = format!("{count} indexes");
        for i in 0..count {
            s.part(
                || format!("index {i}"),
                |s| {
                    s.version("version", 0..=0)?;
                    let kind = s.choice("kind of index", 1, INDEX_KINDS)?;
                    s.flags("messages", 2, SHARED_TYPES)?;
                    s.u32("least bytes of a message")?;
                    let most = s.u16("most messages of a list")?;
                    s.u16("least messages of a B-tree")?;
                    let messages = s.u16("messages")?;
                    let index = s.address("index")?;
                    let heap = s.address("fractal heap")?;
                    indexes.push((kind, most, messages, index, heap));
                    Ok(())
                },
            )?;
        }
        s.checksum()
    });
    for (kind, most, messages, index, heap) in indexes {
        match index {
            Some(index) if kind == 0 => list(walk, index, most, messages),
            Some(index) => walk.then(move |walk| btree2::tree(walk, index, btree2::Use::Nothing, Owner::FILE)),
            None => {}
        }
        if let Some(heap) = heap {
            walk.then(move |walk| fractal_heap::heap(walk, heap, Owner::FILE));
        }
    }
}

/// Bytes of a shared message's record: a place in a heap or in a header, whichever needs more.
fn record_size(w: Widths) -> usize {
    5 + 12.max(4 + w.offset())
}

fn list(walk: &mut Walk, at: Address, most: u16, messages: u16) {
    let w = walk.reader.widths();
    let length = 8 + u64::from(most) * record_size(w) as u64;
    walk.structure(Place { kind: Kind::SharedMessageList, at, length, owner: Owner::FILE }, |s| {
        s.signature(b"SMLI")?;
        s.note = format!("{messages} messages");
        for i in 0..messages {
            s.within(record_size(w), || format!("message {i}"), |s| shared_message(s, w))?;
        }
        s.checksum()?;
        s.unused("room for more messages");
        Ok(())
    });
}

/// Where a shared message is.
pub(super) fn shared_message(s: &mut Scribe<'_>, _: Widths) -> Result<()> {
    let place = s.choice("where it is", 1, &[(0, "in the heap"), (1, "in an object header")])?;
    let hash = s.u32("hash")?;
    s.means(|| format!("{hash:08x}"));
    if place == 0 {
        s.u32("reference count")?;
        s.bytes("heap ID", 8).map(drop)
    } else {
        s.reserved(1)?;
        let kind = s.u8("type of the message")?;
        s.means(|| message::name(kind.into()).into());
        s.u16("its index in the header")?;
        s.address("object header").map(drop)
    }
}

const IMAGE_TYPES: Names = &[
    (0, "B-tree v1 node"),
    (1, "symbol table node"),
    (2, "local heap"),
    (3, "local heap data"),
    (4, "global heap collection"),
    (5, "object header"),
    (6, "object header continuation"),
    (7, "B-tree v2 header"),
    (8, "B-tree v2 internal node"),
    (9, "B-tree v2 leaf"),
    (10, "fractal heap header"),
    (11, "fractal heap direct block"),
    (12, "fractal heap indirect block"),
    (13, "free-space manager header"),
    (14, "free-space section list"),
    (15, "shared message table"),
    (16, "shared message list"),
    (17, "extensible array header"),
    (18, "extensible array index block"),
    (19, "extensible array super block"),
    (20, "extensible array data block"),
    (21, "extensible array data block page"),
    (22, "fixed array header"),
    (23, "fixed array data block"),
    (24, "fixed array data block page"),
    (25, "superblock"),
    (26, "driver information"),
];

const IMAGE_FLAGS: Names =
    &[(1, "dirty"), (2, "in the list of recently used"), (4, "others depend on it"), (8, "depends on others")];

/// The image of the cache: what stands in it takes the place of what the file has at the same address.
pub(super) fn cache_image(walk: &mut Walk, at: Address, length: u64) {
    if let Err(e) = walk.reader.check_range(at, length) {
        return walk.unreadable(Kind::CacheImage, at, Owner::FILE, &e);
    }
    let mut entries = Vec::new();
    walk.structure(Place { kind: Kind::CacheImage, at, length, owner: Owner::FILE }, |s| {
        s.signature(b"MDCI")?;
        s.version("version", 0..=0)?;
        s.u8("flags")?;
        s.length("size of the image")?;
        let count = s.u32("entries")?;
        s.note = format!("{count} entries");
        for i in 0..count {
            s.part(|| format!("entry {i}"), |s| image_entry(s, &mut entries))?;
        }
        s.checksum()
    });
    walk.image.extend(entries);
}

fn image_entry(s: &mut Scribe<'_>, entries: &mut Vec<(u64, Vec<u8>)>) -> Result<()> {
    let kind = s.u8("type")?;
    s.means(|| IMAGE_TYPES.iter().find(|(n, _)| *n == u64::from(kind)).map_or("", |(_, name)| name).into());
    s.flags("flags", 1, IMAGE_FLAGS)?;
    s.u8("ring")?;
    s.u8("age")?;
    s.u16("entries that depend on it")?;
    s.u16("dirty ones among them")?;
    let parents = s.u16("entries that it depends on")?;
    s.number("rank in the list of recently used", 4)?;
    let at = s.address("address")?;
    let length = s.finite("length")?;
    for _ in 0..parents {
        s.address("an entry that it depends on")?;
    }
    let bytes = s.bytes("bytes", usize::try_from(length).unwrap_or(usize::MAX))?;
    entries.extend(at.map(|at| (at.get(), bytes.to_vec())));
    Ok(())
}
