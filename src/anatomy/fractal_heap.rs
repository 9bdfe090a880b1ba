//! Fractal heaps (III.G): header, blocks by the doubling table, huge objects, free space.

use super::kind::Kind;
use super::message;
use super::scribe::Scribe;
use super::walk::{Owner, Place, Walk};
use super::{btree2, space};
use crate::bytes::{Address, lookup3};
use crate::error::Result;
use std::rc::Rc;

/// The numbers of a heap that its blocks depend on.
#[derive(Default)]
struct Heap {
    at: u64,
    filter_length: u16,
    has_checksums: bool,
    width: u16,
    start: u64,
    most_direct: u64,
    bits: u16,
    root: Option<Address>,
    root_rows: u16,
    /// With filters: the size of a root that is a direct block.
    root_size: u64,
    huge: Option<Address>,
    free_space: Option<Address>,
}

impl Heap {
    fn is_sound(&self) -> bool {
        let power = |n: u64| n.is_power_of_two() && n <= 1 << 32;
        power(self.width.into())
            && power(self.start)
            && power(self.most_direct)
            && self.start <= self.most_direct
            && (1..=64).contains(&self.bits)
            && self.root_rows <= 64
    }

    fn offset_width(&self) -> usize {
        usize::from(self.bits).div_ceil(8)
    }

    /// Bytes of the blocks of a row: the first two rows have the starting size, each further one twice as much.
    fn row_size(&self, row: u16) -> u64 {
        self.start.checked_shl(u32::from(row).saturating_sub(1)).unwrap_or(u64::MAX)
    }

    fn direct_rows(&self) -> u16 {
        (self.most_direct.ilog2() - self.start.ilog2() + 2) as u16
    }

    /// Rows of an indirect block that stands in a row.
    fn rows_below(&self, row: u16) -> u16 {
        let first = self.start.ilog2() + u32::from(self.width).ilog2();
        (self.row_size(row).ilog2().saturating_sub(first) + 1) as u16
    }

    /// Bytes of an entry of an indirect block.
    fn entry(&self, is_direct: bool, w: crate::bytes::Widths) -> u64 {
        let filtered = is_direct && self.filter_length > 0;
        w.offset() as u64 + if filtered { w.length() as u64 + 4 } else { 0 }
    }
}

/// A heap, from its header on.
pub(super) fn heap(walk: &mut Walk, at: Address, owner: Owner) {
    let w = walk.reader.widths();
    let mut length = (26 + 3 * w.offset() + 12 * w.length()) as u64;
    // The filters make the header longer.
    if let Ok(head) = walk.peek(at, 9)
        && let Some(&[low, high]) = head.get(7..9)
        && (low, high) != (0, 0)
    {
        length += (w.length() + 4) as u64 + u64::from(u16::from_le_bytes([low, high]));
    }
    let mut heap = Heap { at: at.get(), ..Heap::default() };
    walk.structure(Place { kind: Kind::FractalHeap, at, length, owner }, |s| read(s, &mut heap));
    if let Some(huge) = heap.huge {
        walk.then(move |walk| btree2::tree(walk, huge, btree2::Use::Huge, owner));
    }
    if let Some(free) = heap.free_space {
        walk.then(move |walk| space::manager(walk, free, owner));
    }
    let Some(root) = heap.root else {
        return;
    };
    if !heap.is_sound() {
        return walk.finding(Kind::FractalHeap, at, owner, "its doubling table cannot be");
    }
    let heap = Rc::new(heap);
    if heap.root_rows > 0 {
        let rows = heap.root_rows;
        walk.then(move |walk| indirect(walk, root, rows, &heap, owner));
    } else {
        let size = if heap.filter_length > 0 { heap.root_size } else { heap.start };
        walk.then(move |walk| direct(walk, root, size, &heap, owner));
    }
}

fn read(s: &mut Scribe<'_>, heap: &mut Heap) -> Result<()> {
    s.signature(b"FRHP")?;
    s.version("version", 0..=0)?;
    s.u16("bytes of a heap ID")?;
    heap.filter_length = s.u16("bytes of the filters")?;
    let flags =
        s.flags("flags", 1, &[(1, "numbers of huge objects have wrapped"), (2, "direct blocks have checksums")])?;
    heap.has_checksums = flags & 2 != 0;
    s.u32("largest managed object")?;
    s.length("next number of a huge object")?;
    heap.huge = s.address("B-tree of huge objects")?;
    s.length("free space in managed blocks")?;
    heap.free_space = s.address("free-space manager")?;
    s.length("managed space")?;
    s.length("allocated managed space")?;
    s.length("offset of the allocation iterator")?;
    let managed = s.finite("managed objects")?;
    s.length("size of huge objects")?;
    let huge = s.finite("huge objects")?;
    s.length("size of tiny objects")?;
    let tiny = s.finite("tiny objects")?;
    s.note = format!("{} objects", managed.saturating_add(huge).saturating_add(tiny));
    heap.width = s.u16("columns of the doubling table")?;
    heap.start = s.finite("size of the first blocks")?;
    heap.most_direct = s.finite("size of the largest direct block")?;
    heap.bits = s.u16("bits of an offset")?;
    s.u16("rows of the first root")?;
    heap.root = s.address("root block")?;
    heap.root_rows = s.u16("rows of the root block")?;
    s.means(|| if heap.root_rows == 0 { "it is a direct block".into() } else { String::new() });
    if heap.filter_length > 0 {
        heap.root_size = s.finite("size of the filtered root block")?;
        s.u32("filters that it skipped")?;
        s.within(
            heap.filter_length.into(),
            || "filter pipeline (IV.A.2.l)".into(),
            |s| message::body(s, crate::format::message::kind::FILTER_PIPELINE, 0, &mut message::Parts::default()),
        )?;
    }
    s.checksum()
}

/// What blocks begin with.
fn block_prefix(s: &mut Scribe<'_>, signature: &[u8; 4], heap: &Heap) -> Result<u64> {
    s.signature(signature)?;
    s.version("version", 0..=0)?;
    if s.address("heap")?.map(Address::get) != Some(heap.at) {
        s.wrong("belongs to another heap");
    }
    s.number("offset in the heap", heap.offset_width())
}

fn indirect(walk: &mut Walk, at: Address, rows: u16, heap: &Rc<Heap>, owner: Owner) {
    let w = walk.reader.widths();
    let entries: u64 =
        (0..rows).map(|row| heap.entry(row < heap.direct_rows(), w).saturating_mul(heap.width.into())).sum();
    let length = (9 + w.offset() + heap.offset_width()) as u64 + entries;
    let (mut blocks, mut tables) = (Vec::new(), Vec::new());
    walk.structure(Place { kind: Kind::IndirectBlock, at, length, owner }, |s| {
        let offset = block_prefix(s, b"FHIB", heap)?;
        s.note = format!("{rows} rows, offset {offset:#x}");
        for row in 0..rows {
            let is_direct = row < heap.direct_rows();
            s.part(
                || format!("row {row}: blocks of {} bytes", heap.row_size(row)),
                |s| {
                    for _ in 0..heap.width {
                        let block = s.address(if is_direct { "direct block" } else { "indirect block" })?;
                        let mut size = heap.row_size(row);
                        if is_direct && heap.filter_length > 0 {
                            size = s.finite("its size in the file")?;
                            s.u32("filters that it skipped")?;
                        }
                        match block {
                            Some(block) if is_direct => blocks.push((block, size)),
                            Some(block) => tables.push((block, heap.rows_below(row))),
                            None => {}
                        }
                    }
                    Ok(())
                },
            )?;
        }
        s.checksum()
    });
    for (block, size) in blocks {
        let heap = heap.clone();
        walk.then(move |walk| direct(walk, block, size, &heap, owner));
    }
    for (table, below) in tables {
        // A table inside a table is smaller.
        if below >= rows {
            walk.finding(Kind::IndirectBlock, at, owner, format!("a table of {below} rows inside one of {rows}"));
            continue;
        }
        let heap = heap.clone();
        walk.then(move |walk| indirect(walk, table, below, &heap, owner));
    }
}

fn direct(walk: &mut Walk, at: Address, size: u64, heap: &Rc<Heap>, owner: Owner) {
    walk.structure(Place { kind: Kind::DirectBlock, at, length: size, owner }, |s| {
        if (s.whole().len() as u64) < size {
            s.wrong("runs past the end of the file");
        }
        if heap.filter_length > 0 {
            s.note = "filtered".into();
            s.unused("filtered bytes");
            return Ok(());
        }
        let offset = block_prefix(s, b"FHDB", heap)?;
        s.note = format!("offset {offset:#x}");
        if heap.has_checksums {
            let (start, whole) = (s.position(), s.whole());
            // It covers the whole block, with its own four bytes zero.
            s.checksum_over(whole.len(), || {
                let mut copy = whole.to_vec();
                if let Some(own) = copy.get_mut(start..start + 4) {
                    own.fill(0);
                }
                lookup3(&copy, 0)
            })?;
        }
        s.unused("objects and free space");
        Ok(())
    });
}
