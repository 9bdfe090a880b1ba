//! The messages of a few fields, and links.

use super::{Lead, Parts};
use crate::anatomy::scribe::{Names, Scribe, quoted};
use crate::anatomy::time_text;
use crate::bytes::{Widths, until_nul};
use crate::error::Result;
use crate::format::message::link::{Link, Target};
use crate::format::message::small::form_of_file_space_info;

const LINK_FLAGS: Names = &[
    (1, "width of the name's length (low bit)"),
    (2, "width of the name's length (high bit)"),
    (4, "creation order"),
    (8, "type"),
    (16, "character set"),
];

/// A message that is somewhere else (IV.A.2, "shared").
pub(super) fn shared(s: &mut Scribe<'_>, parts: &mut Parts) -> Result<()> {
    let version = s.version("shared message version", 1..=3)?;
    let kind = s.u8("where it is")?;
    match version {
        3 if kind == 1 => {
            s.means(|| "in the heap of shared messages".into());
            return s.bytes("heap ID", 8).map(drop);
        }
        1 => {
            s.reserved(6)?;
            s.bytes("what was a name's offset", s.w.length())?;
        }
        _ => {}
    }
    if let Some(at) = s.address("object header that holds it")? {
        parts.leads.push(Lead::Committed(at));
    }
    Ok(())
}

pub(super) fn link_info(s: &mut Scribe<'_>, parts: &mut Parts) -> Result<()> {
    s.version("version", 0..=0)?;
    let flags = s.flags("flags", 1, &[(1, "creation order tracked"), (2, "creation order indexed")])?;
    if flags & 1 != 0 {
        s.number("next creation order", 8)?;
    }
    let heap = s.address("fractal heap of links")?;
    if heap.is_none() {
        s.means(|| "links are messages of the header".into());
    }
    let by_name = s.address("B-tree by name")?;
    let by_order = if flags & 2 != 0 { s.address("B-tree by creation order")? } else { None };
    if let Some(heap) = heap {
        parts.leads.push(Lead::Links { heap, by_name, by_order });
    }
    Ok(())
}

pub(super) fn attribute_info(s: &mut Scribe<'_>, parts: &mut Parts) -> Result<()> {
    s.version("version", 0..=0)?;
    let flags = s.flags("flags", 1, &[(1, "creation order tracked"), (2, "creation order indexed")])?;
    if flags & 1 != 0 {
        s.u16("next creation order")?;
    }
    let heap = s.address("fractal heap of attributes")?;
    if heap.is_none() {
        s.means(|| "attributes are messages of the header".into());
    }
    let by_name = s.address("B-tree by name")?;
    let by_order = if flags & 2 != 0 { s.address("B-tree by creation order")? } else { None };
    if let Some(heap) = heap {
        parts.leads.push(Lead::Attributes { heap, by_name, by_order });
    }
    Ok(())
}

pub(super) fn group_info(s: &mut Scribe<'_>) -> Result<()> {
    s.version("version", 0..=0)?;
    let flags = s.flags("flags", 1, &[(1, "phase change stored"), (2, "estimates stored")])?;
    if flags & 1 != 0 {
        s.u16("most compact links")?;
        s.u16("least dense links")?;
    }
    if flags & 2 != 0 {
        s.u16("estimated number of links")?;
        s.u16("estimated length of names")?;
    }
    Ok(())
}

/// A link message, or one as a fractal heap holds it.
pub(super) fn link(s: &mut Scribe<'_>, parts: &mut Parts) -> Result<()> {
    parts.leads.extend(link_in_heap(s.ahead(), s.w));
    s.version("version", 1..=1)?;
    let flags = s.flags("flags", 1, LINK_FLAGS)?;
    let mut kind = 0;
    if flags & 8 != 0 {
        kind = s.u8("type of link")?;
        s.means(|| match kind {
            0 => "hard".into(),
            1 => "soft".into(),
            64 => "external".into(),
            65.. => "user-defined".into(),
            _ => "a value that does not exist".into(),
        });
    }
    if flags & 4 != 0 {
        s.number("creation order", 8)?;
    }
    if flags & 16 != 0 {
        s.choice("character set of the name", 1, &[(0, "ASCII"), (1, "UTF-8")])?;
    }
    let length = s.number("length of the name", 1 << (flags & 3))?;
    s.text("name", usize::try_from(length).unwrap_or(usize::MAX))?;
    match kind {
        0 => s.address("object header").map(drop),
        1 => {
            let length = s.u16("length of the target")?;
            s.text("target", length.into()).map(drop)
        }
        64 => {
            s.u16("length of the value")?;
            s.u8("version and flags")?;
            s.terminated("file")?;
            s.terminated("path in the file").map(drop)
        }
        _ => {
            let length = s.u16("length of the value")?;
            s.bytes("value", length.into()).map(drop)
        }
    }
}

/// The object that a link message leads to.
pub(in crate::anatomy) fn link_in_heap(body: &[u8], w: Widths) -> Option<Lead> {
    match Link::decode(body, w) {
        Ok(Link { name, target: Target::Hard(at), .. }) => Some(Lead::Child { name: name.0.into_vec(), at }),
        _ => None,
    }
}

pub(super) fn modification_time_old(s: &mut Scribe<'_>) -> Result<()> {
    s.text("time, as YYYYMMDDhhmmss", 14)?;
    s.reserved(2)
}

pub(super) fn modification_time(s: &mut Scribe<'_>) -> Result<()> {
    s.version("version", 1..=1)?;
    s.reserved(3)?;
    let seconds = s.u32("modification time")?;
    s.means(|| time_text(seconds.into()));
    Ok(())
}

pub(super) fn shared_message_table(s: &mut Scribe<'_>, parts: &mut Parts) -> Result<()> {
    s.version("version", 0..=0)?;
    let at = s.address("table")?;
    let count = s.u8("number of indexes")?;
    parts.leads.extend(at.map(|at| Lead::SharedMessages { at, count }));
    Ok(())
}

pub(super) fn continuation(s: &mut Scribe<'_>, parts: &mut Parts) -> Result<()> {
    let at = s.address("next chunk of the header")?;
    let length = s.finite("its length")?;
    match at {
        Some(at) => parts.continuations.push((at, length)),
        None => s.wrong("a continuation nowhere"),
    }
    Ok(())
}

pub(super) fn symbol_table(s: &mut Scribe<'_>, parts: &mut Parts) -> Result<()> {
    let btree = s.address("B-tree of the links")?;
    let heap = s.address("local heap of the names")?;
    parts.leads.push(Lead::SymbolTable { btree, heap });
    Ok(())
}

pub(super) fn btree_ranks(s: &mut Scribe<'_>) -> Result<()> {
    s.version("version", 0..=0)?;
    s.u16("K of chunk trees")?;
    s.u16("K of group trees")?;
    s.u16("K of symbol table nodes").map(drop)
}

/// Also the block of versions 0 and 1 of the superblock, which has its fields in another order.
pub(super) fn driver_info(s: &mut Scribe<'_>) -> Result<()> {
    s.version("version", 0..=0)?;
    s.text("driver", 8)?;
    let size = s.u16("size")?;
    s.bytes("what the driver needs", size.into()).map(drop)
}

const STRATEGIES: Names = &[
    (0, "free-space managers, then aggregators"),
    (1, "pages"),
    (2, "aggregators"),
    (3, "none: always at the end of the file"),
];

const OLD_STRATEGIES: Names = &[
    (1, "free-space managers, kept"),
    (2, "free-space managers, forgotten"),
    (3, "aggregators"),
    (4, "none: always at the end of the file"),
];

pub(super) fn file_space_info(s: &mut Scribe<'_>, parts: &mut Parts) -> Result<()> {
    let version = s.version("version", 0..=1)?;
    let form = form_of_file_space_info(version, s.left(), s.w);
    if form > version {
        s.means(|| "in the form of version 1".into());
    }
    let managers = if form == 0 {
        let strategy = s.choice("strategy", 1, OLD_STRATEGIES)?;
        s.length("smallest section that is tracked")?;
        if strategy == 1 { 6 } else { 0 }
    } else {
        s.choice("strategy", 1, STRATEGIES)?;
        let keeps = s.choice("free space is kept", 1, &[(0, "no"), (1, "yes")])?;
        s.length("smallest section that is tracked")?;
        s.length("size of a page")?;
        s.u16("smallest free end of a page of metadata that is tracked")?;
        s.address("end of the file before the managers were written")?;
        if keeps == 1 { 12 } else { 0 }
    };
    for _ in 0..managers {
        parts.leads.extend(s.address("free-space manager")?.map(Lead::FreeSpace));
    }
    Ok(())
}

pub(super) fn cache_image(s: &mut Scribe<'_>, parts: &mut Parts) -> Result<()> {
    s.version("version", 0..=0)?;
    let at = s.address("image")?;
    let length = s.finite("its length")?;
    parts.leads.extend(at.map(|at| Lead::CacheImage { at, length }));
    Ok(())
}

/// A name without its NUL, for people.
pub(super) fn shown(name: &[u8]) -> String {
    quoted(until_nul(name))
}
