//! The messages of a dataset: shape, fill value, filters, layout.

use super::{Lead, Parts, small};
use crate::anatomy::scribe::{Names, Scribe};
use crate::error::Result;
use crate::format::message::filter_pipeline::FilterInfo;

pub(super) fn dataspace(s: &mut Scribe<'_>) -> Result<()> {
    let version = s.version("version", 1..=2)?;
    let rank = s.u8("rank")?;
    let flags = s.flags("flags", 1, &[(1, "maximum dimensions stored"), (2, "permutation stored")])?;
    if version == 1 {
        s.reserved(5)?;
    } else {
        s.choice("type", 1, &[(0, "scalar"), (1, "simple"), (2, "null")])?;
    }
    for _ in 0..rank {
        s.length("dimension")?;
    }
    for _ in 0..if flags & 1 != 0 { rank } else { 0 } {
        if s.length("maximum dimension")?.is_none() {
            s.means(|| "without end".into());
        }
    }
    for _ in 0..if flags & 2 != 0 { rank } else { 0 } {
        s.length("permutation index")?;
    }
    Ok(())
}

const ALLOCATION: Names = &[(0, "default"), (1, "early"), (2, "late"), (3, "incremental")];
const WRITE: Names = &[(0, "at allocation"), (1, "never"), (2, "if the user set a value")];

pub(super) fn fill_value_old(s: &mut Scribe<'_>) -> Result<()> {
    let size = s.u32("size of the value")?;
    s.bytes("value", size as usize).map(drop)
}

pub(super) fn fill_value(s: &mut Scribe<'_>) -> Result<()> {
    let version = s.version("version", 1..=3)?;
    let has_value = if version < 3 {
        s.choice("when storage is made", 1, ALLOCATION)?;
        s.choice("when the value is written", 1, WRITE)?;
        s.choice("a value is defined", 1, &[(0, "no"), (1, "yes")])? != 0
    } else {
        let flags = s.number("flags", 1)?;
        let named = |value: u64, names: Names| names.iter().find(|(n, _)| *n == value).map_or("?", |(_, name)| name);
        s.means(|| {
            let value = match flags >> 4 & 3 {
                0 => "the default value",
                1 => "no value",
                2 => "a value follows",
                _ => "a value that is undefined",
            };
            let (made, written) = (named(flags & 3, ALLOCATION), named(flags >> 2 & 3, WRITE));
            format!("storage is made {made}; written {written}; {value}")
        });
        flags & 0x20 != 0
    };
    // Version 1 should have a size in any case, but libhdf5 wrote none where nothing is defined.
    if has_value || (version < 2 && s.left() >= 4) {
        let size = s.u32("size of the value")? as i32;
        s.bytes("value", size.max(0) as usize)?;
    }
    Ok(())
}

pub(super) fn filter_pipeline(s: &mut Scribe<'_>) -> Result<()> {
    let version = s.version("version", 1..=2)?;
    let count = s.u8("number of filters")?;
    if version == 1 {
        s.reserved(6)?;
    }
    for i in 0..count {
        s.part(
            || format!("filter {i}"),
            |s| {
                let id = s.u16("filter")?;
                s.means(|| filter_name(id));
                let name = if version == 1 || id >= 256 { s.u16("length of the name")? } else { 0 };
                s.flags("flags", 2, &[(1, "optional")])?;
                let values = s.u16("number of parameters")?;
                s.text("name", name.into())?;
                for _ in 0..values {
                    s.u32("parameter")?;
                }
                if version == 1 && values % 2 == 1 { s.reserved(4) } else { Ok(()) }
            },
        )?;
    }
    Ok(())
}

fn filter_name(id: u16) -> String {
    FilterInfo { id, name: "".into(), optional: false, parameters: Vec::new() }.title()
}

pub(super) fn external_files(s: &mut Scribe<'_>, parts: &mut Parts) -> Result<()> {
    s.version("version", 1..=1)?;
    s.reserved(3)?;
    s.u16("allocated slots")?;
    let used = s.u16("used slots")?;
    parts.leads.extend(s.address("local heap of the files' names")?.map(Lead::LocalHeap));
    for i in 0..used {
        s.part(
            || format!("slot {i}"),
            |s| {
                s.length("offset of the file's name in the heap")?;
                s.length("offset in the file")?;
                s.length("size in the file").map(drop)
            },
        )?;
    }
    Ok(())
}

const CLASSES: Names = &[(0, "compact"), (1, "contiguous"), (2, "chunked"), (3, "virtual")];

pub(super) fn layout(s: &mut Scribe<'_>, parts: &mut Parts) -> Result<()> {
    let version = s.version("version", 1..=5)?;
    if version < 3 {
        return old_layout(s);
    }
    match s.choice("class", 1, CLASSES)? {
        0 => {
            let size = s.u16("size of the data")?;
            s.bytes("data", size.into()).map(drop)
        }
        1 => {
            s.address("data")?;
            s.length("size of the data").map(drop)
        }
        2 if version == 3 => {
            let rank = s.u8("dimensions, the element's size included")?;
            s.address("B-tree of the chunks")?;
            for i in 0..rank {
                s.u32(if i + 1 < rank { "dimension of a chunk" } else { "size of an element" })?;
            }
            Ok(())
        }
        2 => chunked(s),
        3 => {
            let heap = s.address("global heap collection of the mapping")?;
            s.u32("object in it")?;
            parts.leads.extend(heap.map(Lead::GlobalHeap));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn old_layout(s: &mut Scribe<'_>) -> Result<()> {
    let rank = s.u8("dimensions")?;
    let class = s.choice("class", 1, CLASSES)?;
    s.reserved(5)?;
    if class != 0 {
        s.address(if class == 2 { "B-tree of the chunks" } else { "data" })?;
    }
    for _ in 0..rank {
        s.u32("dimension")?;
    }
    if class == 0 {
        let size = s.u32("size of the data")?;
        s.bytes("data", size as usize)?;
    }
    Ok(())
}

const INDEXES: Names = &[
    (1, "single chunk (VII.A)"),
    (2, "implicit (VII.B)"),
    (3, "fixed array (VII.C)"),
    (4, "extensible array (VII.D)"),
    (5, "B-tree v2 (VII.E)"),
];

fn chunked(s: &mut Scribe<'_>) -> Result<()> {
    let flags = s.flags("flags", 1, &[(1, "edge chunks are not filtered"), (2, "the single chunk is filtered")])?;
    let rank = s.u8("dimensions, the element's size included")?;
    let width = s.u8("width of a dimension")?;
    if !(1..=8).contains(&width) {
        s.wrong("not 1 to 8 bytes");
        return Ok(());
    }
    for i in 0..rank {
        s.number(if i + 1 < rank { "dimension of a chunk" } else { "size of an element" }, width.into())?;
    }
    match s.choice("chunk index", 1, INDEXES)? {
        1 if flags & 2 != 0 => {
            s.length("size of the chunk as it is stored")?;
            s.u32("filters that it skipped").map(drop)?;
        }
        3 => s.u8("page bits").map(drop)?,
        4 => {
            for name in [
                "bits of an index",
                "elements in the index block",
                "least data block addresses of a super block",
                "least elements of a data block",
                "page bits",
            ] {
                s.u8(name)?;
            }
        }
        5 => {
            s.u32("size of a node")?;
            s.u8("split percent")?;
            s.u8("merge percent")?;
        }
        _ => {}
    }
    s.address("index, or the single chunk").map(drop)
}

/// A name for people; re-exported so that all messages show names in one way.
pub(super) fn shown(name: &[u8]) -> String {
    small::shown(name)
}
