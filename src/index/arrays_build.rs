//! Building the fixed or extensible array of a new dataset's chunks: all that are stored are known by then.
//!
//! Blocks and pages in which no element is set are left out where libhdf5 has not made them either, so that sparse
//! datasets stay small and libhdf5 can go on from there.

use super::space::{METADATA, Space};
use crate::bytes::{self, Address, Widths};
use crate::error::Result;
use crate::format::extensible_array::{self as extensible, Block};
use crate::format::fixed_array::{self as fixed, set_bit};
use crate::format::message::layout::ExtensibleArrayParameters;
use std::ops::Range;

const CHECKSUM: u64 = 4;

/// The elements of an array that are set.
pub(crate) struct Elements<'a> {
    /// 0: chunks without filters, 1: with.
    pub(crate) client: u8,
    /// Bytes of an element, and of the address that it begins with.
    pub(crate) size: usize,
    pub(crate) address_size: usize,
    /// Their indices, ascending.
    pub(crate) indices: &'a [u64],
    /// Appends the element with this place in `indices`.
    pub(crate) encode: &'a dyn Fn(usize, &mut Vec<u8>),
}

impl Elements<'_> {
    /// The places in `indices` of those in a range.
    fn places(&self, range: &Range<u64>) -> Range<usize> {
        let below = |end| self.indices.partition_point(|&i| i < end);
        below(range.start)..below(range.end)
    }

    fn any(&self, range: &Range<u64>) -> bool {
        !self.places(range).is_empty()
    }

    /// The elements of a range as bytes: one that is not set has an undefined address, and zeros behind it.
    fn bytes(&self, range: &Range<u64>) -> Vec<u8> {
        let mut out = Vec::with_capacity((range.end - range.start) as usize * self.size);
        let mut next = range.start;
        for place in self.places(range) {
            let index = self.indices.get(place).copied().unwrap_or(next);
            self.unset(index - next, &mut out);
            (self.encode)(place, &mut out);
            next = index + 1;
        }
        self.unset(range.end - next, &mut out);
        out
    }

    fn unset(&self, count: u64, out: &mut Vec<u8>) {
        for _ in 0..count {
            out.resize(out.len() + self.address_size, 0xff);
            out.resize(out.len() + self.size - self.address_size, 0);
        }
    }

    /// Writes the pages of a block from `at` on, those that have elements; returns the bits of their numbers.
    fn write_pages(&self, space: &mut Space, at: Address, all: &Range<u64>, page: u64) -> Result<Vec<u64>> {
        let mut written = Vec::new();
        for number in 0..(all.end - all.start).div_ceil(page) {
            let first = all.start + number * page;
            let range = first..all.end.min(first + page);
            if self.any(&range) {
                let mut bytes = self.bytes(&range);
                bytes::seal(&mut bytes);
                space.write(at.plus(number * (page * self.size as u64 + CHECKSUM))?, &bytes)?;
                written.push(number);
            }
        }
        Ok(written)
    }

    /// Bytes of a block of `count` elements in `pages` pages (0: not cut) behind its prefix.
    fn block_size(&self, count: u64, pages: u64) -> u64 {
        count * self.size as u64 + (1 + pages) * CHECKSUM
    }
}

/// Writes the fixed array of `count` elements, and returns where its header is.
pub(crate) fn fixed(space: &mut Space, elements: &Elements<'_>, count: u64) -> Result<Address> {
    let w = space.widths();
    let mut header = fixed::Header::new(elements.client, elements.size as u8, count);
    let at = space.allocate(fixed::Header::size(w), METADATA)?;
    if elements.indices.is_empty() {
        space.write(at, &header.encode(w)?)?;
        return Ok(at);
    }
    let (pages, all) = (header.pages(), 0..count);
    let bitmap = pages.div_ceil(8);
    let prefix = fixed::block_prefix_size(w) + bitmap;
    let block = space.allocate(prefix + elements.block_size(count, pages), METADATA)?;
    header.block = Some(block);
    space.write(at, &header.encode(w)?)?;
    let mut contents = vec![0; bitmap as usize];
    if pages == 0 {
        contents = elements.bytes(&all);
    } else {
        let written = elements.write_pages(space, block.plus(prefix + CHECKSUM)?, &all, header.page())?;
        written.into_iter().for_each(|page| set_bit(&mut contents, page));
    }
    space.write(block, &fixed::encode_block(&contents, elements.client, at, w)?)?;
    Ok(at)
}

/// Writes the extensible array of the elements, and returns where its header is.
pub(crate) fn extensible(
    space: &mut Space,
    elements: &Elements<'_>,
    parameters: &ExtensibleArrayParameters,
) -> Result<Address> {
    let header = extensible::Header::new(elements.client, elements.size as u8, parameters);
    let w = space.widths();
    let at = space.allocate(extensible::Header::size(w), METADATA)?;
    let mut building = Extensible { space, elements, header, at, statistics: [0; 6] };
    if !elements.indices.is_empty() {
        building.index_block()?;
    }
    let Extensible { mut header, statistics, .. } = building;
    header.set_statistics(statistics);
    space.write(at, &header.encode(w)?)?;
    Ok(at)
}

struct Extensible<'a> {
    space: &'a mut Space,
    elements: &'a Elements<'a>,
    header: extensible::Header,
    at: Address,
    /// Super blocks, their bytes, data blocks, their bytes, one more than the highest index set, elements with room.
    statistics: [u64; 6],
}

impl Extensible<'_> {
    fn index_block(&mut self) -> Result<()> {
        let used = self.elements.indices.last().map_or(0, |&i| i + 1);
        let first = 0..u64::from(self.header.index_elements);
        let mut contents = self.elements.bytes(&first);
        let pointers = self.header.index_pointers() + self.header.super_pointers();
        let w = self.space.widths();
        let room = u64::from(w.offset) * pointers;
        let size = self.header.prefix_size(Block::Index, w) + contents.len() as u64 + room + CHECKSUM;
        let block = self.space.allocate(size, METADATA)?;
        self.header.index_block = Some(block);
        (self.statistics[4], self.statistics[5]) = (used, first.end);
        // Offsets are counted behind the elements of the index block.
        let (mut offset, mut blocks_before) = (0u64, 0);
        for u in 0..self.header.super_blocks() {
            let (blocks, count) = (extensible::data_blocks(u), self.header.block_elements(u));
            let start = first.end + offset;
            let end = start.saturating_add(blocks.saturating_mul(count));
            if u < self.header.unfolded() {
                for i in 0..blocks {
                    let range = start + i * count..start + (i + 1) * count;
                    // libhdf5 counts the block among all that the index block lists, which gives another offset than
                    // its place in the array.
                    let said = offset + (blocks_before + i) * count;
                    let address = self.data_block(range, said)?.map(|(at, _)| at);
                    contents.extend(pointer(address, w));
                }
            } else {
                let address = if self.elements.any(&(start..end)) { Some(self.super_block(u, offset)?) } else { None };
                contents.extend(pointer(address, w));
            }
            offset = offset.saturating_add(blocks.saturating_mul(count));
            blocks_before += blocks;
        }
        self.space.write(block, &self.header.encode_block(Block::Index, self.at, 0, &contents, w)?)
    }

    /// Super block `u`, whose first element is the one at `offset` behind those of the index block.
    fn super_block(&mut self, u: u32, offset: u64) -> Result<Address> {
        let (blocks, count) = (extensible::data_blocks(u), self.header.block_elements(u));
        let pages = self.header.pages(count);
        let mut bitmap = vec![0; (blocks * pages.div_ceil(8)) as usize];
        let w = self.space.widths();
        let room = u64::from(w.offset) * blocks;
        let size = self.header.prefix_size(Block::Super, w) + bitmap.len() as u64 + room + CHECKSUM;
        let at = self.space.allocate(size, METADATA)?;
        self.statistics[0] += 1;
        self.statistics[1] += size;
        let start = u64::from(self.header.index_elements) + offset;
        let mut pointers = Vec::with_capacity(room as usize);
        for i in 0..blocks {
            let block = self.data_block(start + i * count..start + (i + 1) * count, offset + i * count)?;
            let (address, written) = block.map_or((None, Vec::new()), |(at, written)| (Some(at), written));
            pointers.extend(pointer(address, w));
            written.into_iter().for_each(|page| set_bit(&mut bitmap, i * pages + page));
        }
        bitmap.extend(pointers);
        self.space.write(at, &self.header.encode_block(Block::Super, self.at, offset, &bitmap, w)?)?;
        Ok(at)
    }

    /// A data block, and the pages that are written of it; nothing where no element is set.
    fn data_block(&mut self, range: Range<u64>, offset: u64) -> Result<Option<(Address, Vec<u64>)>> {
        if !self.elements.any(&range) {
            return Ok(None);
        }
        let count = range.end - range.start;
        let pages = self.header.pages(count);
        let w = self.space.widths();
        let prefix = self.header.prefix_size(Block::Data, w);
        let size = prefix + self.elements.block_size(count, pages);
        let at = self.space.allocate(size, METADATA)?;
        self.statistics[2] += 1;
        self.statistics[3] += size;
        self.statistics[5] += count;
        let (mut contents, mut written) = (Vec::new(), Vec::new());
        if pages == 0 {
            contents = self.elements.bytes(&range);
        } else {
            let first = at.plus(prefix + CHECKSUM)?;
            written = self.elements.write_pages(self.space, first, &range, self.header.page())?;
        }
        self.space.write(at, &self.header.encode_block(Block::Data, self.at, offset, &contents, w)?)?;
        Ok(Some((at, written)))
    }
}

/// An address as a block lists it: it was allocated, so it fits.
fn pointer(address: Option<Address>, w: Widths) -> impl Iterator<Item = u8> {
    address.map_or([0xff; 8], |a| a.get().to_le_bytes()).into_iter().take(w.offset())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::arrays;
    use crate::io::{MemorySource, MemoryStore, Reader};
    use std::sync::Arc;

    /// Writes an array of these indices, and walks it.
    fn there_and_back(indices: &[u64], count: Option<u64>) -> (Vec<(u64, Vec<u8>)>, usize) {
        let store = MemoryStore::default();
        let mut space = Space::new(Arc::new(store.clone()), 96);
        let encode = |place: usize, out: &mut Vec<u8>| {
            out.extend(indices[place].to_le_bytes());
            out.extend([1, 2, 3, 4, 5, 6, 7]);
        };
        let elements = Elements { client: 1, size: 15, address_size: 8, indices, encode: &encode };
        let at = match count {
            Some(count) => fixed(&mut space, &elements, count),
            None => extensible(&mut space, &elements, &ExtensibleArrayParameters::USUAL),
        };
        let at = at.unwrap();
        space.append(&[0], 1).unwrap();
        space.into_store().unwrap();
        let bytes = store.bytes();
        let size = bytes.len();
        let reader = Reader::new(Arc::new(MemorySource::new(bytes)), Default::default(), None).unwrap();
        let mut found = Vec::new();
        let visit: &mut arrays::Visit<'_> = &mut |index, element| {
            if element[..8] != [0xff; 8] {
                found.push((index, element.to_vec()));
            }
            Ok(())
        };
        match count {
            Some(_) => arrays::fixed(&reader, at, visit).unwrap(),
            None => arrays::extensible(&reader, at, visit).unwrap(),
        }
        (found, size)
    }

    #[test]
    fn every_element_is_found_again_and_no_other() {
        let dense: Vec<u64> = (0..300_000).collect();
        let cases: [&[u64]; 10] = [
            &[],
            &[0],
            &[3],
            &[4],
            &[5, 19, 20, 21],
            &[100, 200, 7_000],
            &[200_000],
            &[1 << 31],
            &dense[..5_000],
            &dense,
        ];
        for indices in cases {
            let expected: Vec<u64> = indices.to_vec();
            for count in [None, Some(1024), Some(1025), Some(300_000)] {
                if count.is_some_and(|count| indices.iter().any(|&i| i >= count)) {
                    continue;
                }
                let (found, size) = there_and_back(indices, count);
                assert!(found.iter().map(|(i, _)| *i).eq(expected.iter().copied()), "{} in {count:?}", indices.len());
                assert!(found.iter().all(|(i, e)| e[..8] == i.to_le_bytes() && e[8..] == [1, 2, 3, 4, 5, 6, 7]));
                assert!(count.is_some() || size < 100 + indices.len() * 40 + 5_000_000, "{size}");
            }
        }
    }
}
