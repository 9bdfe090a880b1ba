//! Walking fixed and extensible arrays: every element that is set, with its index.

use crate::bytes::{Address, Widths};
use crate::error::{Context, Error, Result};
use crate::format::extensible_array::{self as extensible, Block};
use crate::format::fixed_array::{self as fixed, bit};
use crate::io::Reader;

/// Takes the index and the bytes of an element.
pub(crate) type Visit<'a> = dyn FnMut(u64, &[u8]) -> Result<()> + 'a;

/// Elements of one block or page that are read.
struct Elements {
    first: u64,
    count: u64,
    size: u64,
}

impl Elements {
    fn bytes(&self) -> Result<u64> {
        self.count.checked_mul(self.size).ok_or_else(|| Error::damaged("elements of more than 2^64 bytes"))
    }

    fn visit(&self, bytes: &[u8], used: u64, visit: &mut Visit<'_>) -> Result<()> {
        let numbered = (self.first..used).zip(bytes.chunks_exact(self.size as usize));
        numbered.take(self.count as usize).try_for_each(|(index, element)| visit(index, element))
    }

    /// A page: elements with a checksum of their own.
    fn page(&self, reader: &Reader, at: Address, used: u64, visit: &mut Visit<'_>) -> Result<()> {
        let bytes = reader.metadata(at, self.bytes()? + 4)?;
        self.visit(crate::bytes::verified(&bytes, "page of an array").at(at.get())?, used, visit)
    }
}

/// Visits the elements of the fixed array at `at`, all of `wanted` bytes.
pub(crate) fn fixed(reader: &Reader, at: Address, visit: &mut Visit<'_>) -> Result<()> {
    let w = reader.widths();
    let header = reader.metadata(at, fixed::Header::size(w)).in_structure("fixed array header")?;
    let header = fixed::Header::decode(&header, w).at(at.get())?;
    let Some(block) = header.block else {
        return Ok(());
    };
    let size = element_size(header.element_size, header.client, w)?;
    let all = Elements { first: 0, count: header.elements, size };
    let prefix = fixed::block_prefix_size(w);
    let between = if header.pages() == 0 { all.bytes()? } else { header.pages().div_ceil(8) };
    let bytes = reader.metadata(block, prefix.saturating_add(between).saturating_add(4))?;
    let inside = fixed::decode_block(&bytes, at, w).at(block.get())?;
    if header.pages() == 0 {
        return all.visit(inside, header.elements, visit);
    }
    // Pages that were never written hold junk: the bitmap says which ones are there.
    let page_bytes = header.page() * size + 4;
    for page in (0..header.pages()).filter(|&p| bit(inside, p)) {
        let first = page * header.page();
        let elements = Elements { first, count: header.page().min(header.elements - first), size };
        let offset = page.checked_mul(page_bytes).and_then(|o| o.checked_add(bytes.len() as u64));
        let offset = offset.ok_or_else(|| Error::damaged("a page beyond 64 bits"))?;
        elements.page(reader, block.plus(offset)?, header.elements, visit)?;
    }
    Ok(())
}

/// Visits the elements of the extensible array at `at`.
pub(crate) fn extensible(reader: &Reader, at: Address, visit: &mut Visit<'_>) -> Result<()> {
    let w = reader.widths();
    let header = reader.metadata(at, extensible::Header::size(w)).in_structure("extensible array header")?;
    let header = extensible::Header::decode(&header, w).at(at.get())?;
    let Some(block) = header.index_block else {
        return Ok(());
    };
    let size = element_size(header.element_size, header.client, w)?;
    let walk = Extensible { reader, at, w, size, used: header.used(), header };
    walk.index_block(block, visit)
}

struct Extensible<'a> {
    reader: &'a Reader,
    at: Address,
    w: Widths,
    size: u64,
    /// One more than the highest index that is set.
    used: u64,
    header: extensible::Header,
}

impl Extensible<'_> {
    fn index_block(&self, block: Address, visit: &mut Visit<'_>) -> Result<()> {
        let Extensible { header, w, size, .. } = self;
        let first = Elements { first: 0, count: header.index_elements.into(), size: *size };
        let pointers = (header.index_pointers() + header.super_pointers()) * w.offset() as u64;
        let length = header.prefix_size(Block::Index, *w) + first.bytes()? + pointers + 4;
        let bytes = self.reader.metadata(block, length)?;
        let inside = header.decode_block(&bytes, Block::Index, self.at, *w).at(block.get())?;
        let (elements, pointers) = inside.split_at(first.bytes()? as usize);
        first.visit(elements, self.used, visit)?;
        let mut pointers = pointers.chunks_exact(w.offset());
        let mut next = || -> Result<Option<Address>> { optional(pointers.next().unwrap_or_default(), *w) };
        let mut index = u64::from(header.index_elements);
        let mut u = 0;
        while index < self.used {
            let (blocks, elements) = (extensible::data_blocks(u), header.block_elements(u));
            if u < header.unfolded() {
                for i in 0..blocks {
                    if let Some(block) = next()? {
                        let first = index + i * elements;
                        self.data_block(block, Elements { first, count: elements, size: *size }, None, visit)?;
                    }
                }
            } else if let Some(block) = next()? {
                self.super_block(block, u, index, visit)?;
            }
            index = index.saturating_add(blocks.saturating_mul(elements));
            u += 1;
        }
        Ok(())
    }

    /// The data blocks of super block `u`, whose first element is `index`.
    fn super_block(&self, block: Address, u: u32, index: u64, visit: &mut Visit<'_>) -> Result<()> {
        let Extensible { header, w, size, .. } = self;
        let (blocks, elements) = (extensible::data_blocks(u), header.block_elements(u));
        // Bits for all pages of all blocks, one behind the other; room is made for each block in whole bytes.
        let bitmap = blocks.saturating_mul(header.pages(elements).div_ceil(8));
        let pointers = blocks.saturating_mul(w.offset() as u64);
        let length = header.prefix_size(Block::Super, *w).saturating_add(bitmap).saturating_add(pointers);
        let bytes = self.reader.metadata(block, length.saturating_add(4))?;
        let inside = header.decode_block(&bytes, Block::Super, self.at, *w).at(block.get())?;
        let (bitmap, pointers) = inside.split_at(bitmap as usize);
        for (i, pointer) in (0..).zip(pointers.chunks_exact(w.offset())) {
            let first = index + i * elements;
            if first >= self.used {
                break;
            }
            if let Some(block) = optional(pointer, *w)? {
                let pages = (bitmap, i * header.pages(elements));
                self.data_block(block, Elements { first, count: elements, size: *size }, Some(pages), visit)?;
            }
        }
        Ok(())
    }

    /// One data block; `pages` are the bitmap of its super block and its first bit in it.
    fn data_block(
        &self,
        block: Address,
        all: Elements,
        pages: Option<(&[u8], u64)>,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        let Extensible { header, w, .. } = self;
        let prefix = header.prefix_size(Block::Data, *w);
        let count = header.pages(all.count);
        let between = if count == 0 { all.bytes()? } else { 0 };
        let bytes = self.reader.metadata(block, prefix.saturating_add(between).saturating_add(4))?;
        let inside = header.decode_block(&bytes, Block::Data, self.at, *w).at(block.get())?;
        if count == 0 {
            return all.visit(inside, self.used, visit);
        }
        let page_bytes = header.page() * all.size + 4;
        for page in 0..count {
            let first = all.first + page * header.page();
            if first >= self.used || pages.is_some_and(|(bitmap, bit_0)| !bit(bitmap, bit_0 + page)) {
                continue;
            }
            let at = block.plus(bytes.len() as u64 + page * page_bytes)?;
            Elements { first, count: header.page(), size: all.size }.page(self.reader, at, self.used, visit)?;
        }
        Ok(())
    }
}

fn optional(pointer: &[u8], w: Widths) -> Result<Option<Address>> {
    /// An address that may be undefined.
    #[binrw::binrw]
    #[brw(little, import_raw(w: Widths))]
    struct Pointer(
        #[br(parse_with = Address::read_optional, args(w))]
        #[bw(write_with = Address::write_optional, args(w))]
        Option<Address>,
    );
    Ok(crate::bytes::decode::<Pointer>(pointer, w, "address of a block")?.0.0)
}

/// Elements are an address, and with filters a size of some width and a mask of 4 bytes.
fn element_size(size: u8, client: u8, w: Widths) -> Result<u64> {
    let least = w.offset() + if client == 1 { 5 } else { 0 };
    let most = w.offset() + if client == 1 { 12 } else { 0 };
    if !(least..=most).contains(&usize::from(size)) {
        return Err(Error::damaged(format!("elements of {size} bytes")).in_structure("array of chunks"));
    }
    Ok(size.into())
}
