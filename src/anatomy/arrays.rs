//! Fixed and extensible arrays of chunks (VII.C, VII.D): headers, blocks, pages.

use super::chunks::Form;
use super::kind::Kind;
use super::scribe::{Names, Scribe};
use super::walk::{Owner, Place, Walk};
use crate::bytes::{Address, Widths};
use crate::error::{Context, Result};
use crate::format::extensible_array::{self as extensible, Block};
use crate::format::fixed_array::{self as fixed, bit};
use std::rc::Rc;

const CLIENTS: Names = &[(0, "chunks without filters"), (1, "chunks with filters")];

/// Elements of a block: how large they are, and the chunks that they lead to.
struct Elements<'a> {
    size: usize,
    is_filtered: bool,
    form: &'a Form,
    w: Widths,
    /// The index of the next element, its chunk's address and size.
    next: u64,
    found: Vec<(u64, Address, u64)>,
}

impl Elements<'_> {
    /// Reads `count` elements.
    fn read(&mut self, s: &mut Scribe<'_>, count: u64) -> Result<()> {
        for _ in 0..count {
            let element = s.ahead().get(..self.size).unwrap_or_default();
            let found = self.form.element(element, self.is_filtered, self.w);
            self.found.extend(found.map(|(at, size)| (self.next, at, size)));
            let index = self.next;
            self.next += 1;
            s.within(
                self.size,
                || format!("element {index}"),
                |s| {
                    s.address("chunk")?;
                    if s.left() > 4 {
                        s.number("its size in the file", (s.left() - 4).min(8))?;
                        s.u32("filters that it skipped")?;
                    }
                    Ok(())
                },
            )?;
        }
        Ok(())
    }

    /// Reads elements that are cut into pages; `is_written` says whether a page ever was.
    fn pages(&mut self, s: &mut Scribe<'_>, count: u64, page: u64, is_written: impl Fn(u64) -> bool) -> Result<()> {
        for p in 0..count.div_ceil(page) {
            let here = page.min(count - p * page);
            if !is_written(p) {
                self.next += here;
                let bytes = usize::try_from(here).ok().and_then(|n| n.checked_mul(self.size)?.checked_add(4));
                s.bytes("page that was never written", bytes.unwrap_or(usize::MAX))?;
                continue;
            }
            let start = s.position();
            s.part(
                || format!("page {p}"),
                |s| {
                    self.read(s, here)?;
                    s.checksum_from(start)
                },
            )?;
        }
        Ok(())
    }

    /// Reads the pages of a fixed array, which begin at `at`. There may be far more of them than were ever written.
    fn stored_pages(&mut self, walk: &mut Walk, at: Address, header: &fixed::Header, written: &[u8], owner: Owner) {
        let (size, pages) = (self.size as u64, header.pages());
        let stride = header.page().saturating_mul(size).saturating_add(4);
        let mut next = 0;
        while next < pages {
            let page = next;
            let is_written = bit(written, page);
            next = (page + 1..pages).find(|&p| is_written || bit(written, p)).unwrap_or(pages);
            let count = header.elements.min(next.saturating_mul(header.page())) - page * header.page();
            let length = count.saturating_mul(size).saturating_add((next - page) * 4);
            let at = Address(at.get().saturating_add(page.saturating_mul(stride)));
            let kind = if is_written { Kind::FixedArrayPage } else { Kind::UnwrittenPages };
            let place = Place { kind, at, length, owner };
            if is_written {
                walk.structure(place, |s| {
                    s.note = format!("page {page}");
                    self.read(s, count)?;
                    s.checksum()
                });
            } else {
                self.next += count;
                walk.raw(place, || format!("{} pages from page {page} on", next - page));
            }
        }
    }

    /// Notes the chunks.
    fn claim(self, walk: &mut Walk, owner: Owner) {
        for (index, at, length) in self.found {
            walk.raw(Place { kind: Kind::Chunk, at, length, owner }, || format!("chunk {index}"));
        }
    }
}

/// A fixed array, from its header on.
pub(super) fn fixed(walk: &mut Walk, at: Address, form: &Rc<Form>, owner: Owner) {
    let w = walk.reader.widths();
    let mut header = None;
    walk.structure(Place { kind: Kind::FixedArray, at, length: fixed::Header::size(w), owner }, |s| {
        header = fixed::Header::decode(s.whole(), w).ok();
        s.signature(b"FAHD")?;
        s.version("version", 0..=0)?;
        s.choice("client", 1, CLIENTS)?;
        s.u8("size of an element")?;
        let bits = s.u8("page bits")?;
        s.means(|| format!("pages of 2^{bits} elements"));
        let elements = s.finite("number of elements")?;
        s.address("data block")?;
        s.note = format!("{elements} elements");
        s.checksum()
    });
    let Some((header, block)) = header.and_then(|h| h.block.map(|b| (h, b))) else {
        return;
    };
    let (count, size, pages) = (header.elements, u64::from(header.element_size), header.pages());
    let bitmap = pages.div_ceil(8);
    let own = if pages == 0 { count.saturating_mul(size) } else { bitmap };
    let length = fixed::block_prefix_size(w).saturating_add(own).saturating_add(4);
    if let Err(e) = walk.reader.check_range(block, length) {
        return walk.unreadable(Kind::FixedArrayBlock, block, owner, &e);
    }
    let is_filtered = header.client == 1;
    let mut elements = Elements { size: size as usize, is_filtered, form, w, next: 0, found: Vec::new() };
    let mut written = Vec::new();
    walk.structure(Place { kind: Kind::FixedArrayBlock, at: block, length, owner }, |s| {
        s.signature(b"FADB")?;
        s.version("version", 0..=0)?;
        s.choice("client", 1, CLIENTS)?;
        belongs(s, at)?;
        s.note = format!("{count} elements");
        if pages == 0 {
            elements.read(s, count)?;
        } else {
            written = s.bytes("pages that were written", bitmap as usize)?.to_vec();
        }
        s.checksum()
    });
    if !written.is_empty()
        && let Ok(first) = block.plus(length)
    {
        elements.stored_pages(walk, first, &header, &written, owner);
    }
    elements.claim(walk, owner);
}

fn belongs(s: &mut Scribe<'_>, header: Address) -> Result<()> {
    if s.address("header of the array")? != Some(header) {
        s.wrong("belongs to another array");
    }
    Ok(())
}

/// An extensible array whose header is read.
struct Array {
    at: Address,
    header: extensible::Header,
    form: Rc<Form>,
    owner: Owner,
}

impl Array {
    fn elements(&self, w: Widths, first: u64) -> Elements<'_> {
        let (size, is_filtered) = (self.header.element_size.into(), self.header.client == 1);
        Elements { size, is_filtered, form: &self.form, w, next: first, found: Vec::new() }
    }

    fn element_bytes(&self, count: u64) -> u64 {
        count.saturating_mul(self.header.element_size.into())
    }

    /// What all blocks begin with.
    fn prefix(&self, s: &mut Scribe<'_>, signature: &[u8; 4], kind: Block) -> Result<()> {
        s.signature(signature)?;
        s.version("version", 0..=0)?;
        s.choice("client", 1, CLIENTS)?;
        belongs(s, self.at)?;
        let before = s.position() as u64;
        let width = self.header.prefix_size(kind, s.w) - before;
        if width > 0 {
            s.number("offset of the block in the array", width as usize)?;
        }
        Ok(())
    }
}

/// An extensible array, from its header on.
pub(super) fn extensible(walk: &mut Walk, at: Address, form: &Rc<Form>, owner: Owner) {
    let w = walk.reader.widths();
    let mut header = None;
    walk.structure(Place { kind: Kind::ExtensibleArray, at, length: extensible::Header::size(w), owner }, |s| {
        let decoded = extensible::Header::decode(s.whole(), w);
        s.signature(b"EAHD")?;
        s.version("version", 0..=0)?;
        s.choice("client", 1, CLIENTS)?;
        for name in [
            "size of an element",
            "bits of an index",
            "elements in the index block",
            "least elements of a data block",
            "least data block addresses of a super block",
            "page bits",
        ] {
            s.u8(name)?;
        }
        for name in ["super blocks", "their bytes", "data blocks", "their bytes", "indexes set", "elements with room"] {
            let n = s.length(name)?;
            if name == "indexes set" {
                s.note = format!("{} elements", n.unwrap_or(0));
            }
        }
        s.address("index block")?;
        s.checksum()?;
        header = Some(decoded.in_structure("header")?);
        Ok(())
    });
    if let Some((header, block)) = header.and_then(|h| h.index_block.map(|b| (h, b))) {
        let array = Rc::new(Array { at, header, form: form.clone(), owner });
        walk.then(move |walk| index_block(walk, block, &array));
    }
}

fn index_block(walk: &mut Walk, at: Address, array: &Rc<Array>) {
    let (w, owner, header) = (walk.reader.widths(), array.owner, &array.header);
    let count = u64::from(header.index_elements);
    let pointers = header.index_pointers() + header.super_pointers();
    let length = header.prefix_size(Block::Index, w) + array.element_bytes(count) + pointers * w.offset() as u64 + 4;
    let mut elements = array.elements(w, 0);
    // The super block that each block belongs to, and the index of its first element.
    let (mut blocks, mut supers) = (Vec::new(), Vec::new());
    walk.structure(Place { kind: Kind::IndexBlock, at, length, owner }, |s| {
        array.prefix(s, b"EAIB", Block::Index)?;
        elements.read(s, count)?;
        let mut first = count;
        for u in 0..header.unfolded() {
            for _ in 0..extensible::data_blocks(u) {
                blocks.extend(s.address("data block")?.map(|b| (b, u, first)));
                first = first.saturating_add(header.block_elements(u));
            }
        }
        for u in header.unfolded()..header.unfolded() + header.super_pointers() as u32 {
            supers.extend(s.address("super block")?.map(|b| (b, u, first)));
            first = first.saturating_add(extensible::data_blocks(u).saturating_mul(header.block_elements(u)));
        }
        s.note = format!("{} data blocks, {} super blocks", blocks.len(), supers.len());
        s.checksum()
    });
    elements.claim(walk, owner);
    for (block, u, first) in blocks {
        let array = array.clone();
        walk.then(move |walk| data_block(walk, block, u, first, &array, None));
    }
    for (block, u, first) in supers {
        let array = array.clone();
        walk.then(move |walk| super_block(walk, block, u, first, &array));
    }
}

fn super_block(walk: &mut Walk, at: Address, u: u32, first: u64, array: &Rc<Array>) {
    let (w, owner, header) = (walk.reader.widths(), array.owner, &array.header);
    let (blocks, count) = (extensible::data_blocks(u), header.block_elements(u));
    let pages = header.pages(count);
    let bitmap_bytes = blocks.saturating_mul(pages.div_ceil(8));
    let length = header
        .prefix_size(Block::Super, w)
        .saturating_add(bitmap_bytes)
        .saturating_add(blocks.saturating_mul(w.offset() as u64))
        .saturating_add(4);
    if let Err(e) = walk.reader.check_range(at, length) {
        return walk.unreadable(Kind::SuperBlock, at, owner, &e);
    }
    let mut bitmap: Rc<[u8]> = Rc::from([]);
    let mut found = Vec::new();
    walk.structure(Place { kind: Kind::SuperBlock, at, length, owner }, |s| {
        array.prefix(s, b"EASB", Block::Super)?;
        bitmap = Rc::from(s.bytes("pages that were written", bitmap_bytes as usize)?);
        for i in 0..blocks {
            found.extend(s.address("data block")?.map(|b| (b, i)));
        }
        s.note = format!("{} data blocks", found.len());
        s.checksum()
    });
    for (block, i) in found {
        let (array, bitmap) = (array.clone(), bitmap.clone());
        let first = first.saturating_add(i.saturating_mul(count));
        walk.then(move |walk| data_block(walk, block, u, first, &array, Some((bitmap, i * pages))));
    }
}

/// A data block of super block `u`; `pages` are the bitmap of its super block, and its first bit there.
fn data_block(walk: &mut Walk, at: Address, u: u32, first: u64, array: &Rc<Array>, pages: Option<(Rc<[u8]>, u64)>) {
    let (w, owner, header) = (walk.reader.widths(), array.owner, &array.header);
    let count = header.block_elements(u);
    let cut = header.pages(count);
    let length = header
        .prefix_size(Block::Data, w)
        .saturating_add(array.element_bytes(count))
        .saturating_add(cut.saturating_add(1).saturating_mul(4));
    if let Err(e) = walk.reader.check_range(at, length) {
        return walk.unreadable(Kind::DataBlock, at, owner, &e);
    }
    let mut elements = array.elements(w, first);
    walk.structure(Place { kind: Kind::DataBlock, at, length, owner }, |s| {
        array.prefix(s, b"EADB", Block::Data)?;
        s.note = format!("{count} elements from {first}");
        if cut == 0 {
            elements.read(s, count)?;
            return s.checksum();
        }
        s.checksum()?;
        let is_written = |p| pages.as_ref().is_none_or(|(bitmap, bit_0)| bit(bitmap, bit_0 + p));
        elements.pages(s, count, header.page(), is_written)
    });
    elements.claim(walk, owner);
}
