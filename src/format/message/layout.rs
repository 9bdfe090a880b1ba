//! Data layout message (IV.A.2.i): where the elements of a dataset are.

use crate::bytes::{self, Address, Length, Widths};
use crate::error::{Error, Result};
use crate::format::global_heap::HeapId;
use binrw::binrw;

const STRUCTURE: &str = "data layout";

/// Where the elements are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Layout {
    /// In the message itself.
    Compact(Vec<u8>),
    /// In one piece. Without an address nothing was written yet.
    Contiguous { address: Option<Address>, size: Option<u64> },
    /// In pieces of equal shape, found through an index.
    Chunked(Chunked),
    /// In other datasets.
    Virtual(HeapId),
}

/// A chunked layout.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chunked {
    /// Elements in each dimension.
    pub(crate) shape: Vec<u64>,
    /// Bytes of an element, which the layout repeats.
    pub(crate) element_size: u64,
    pub(crate) index: ChunkIndex,
    /// Where the index is (where the chunk is, if there is but one). Without it nothing was written yet.
    pub(crate) address: Option<Address>,
    /// Chunks that reach beyond the dataset's edge are stored without filters.
    pub(crate) plain_edges: bool,
    /// Version 5: sizes of filtered chunks are as wide as a length.
    pub(crate) wide_sizes: bool,
}

/// How chunks are found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ChunkIndex {
    BTree1,
    /// There is one chunk; with filters the message holds its size and the filters that it skipped.
    Single {
        filtered: Option<(u64, u32)>,
    },
    /// All chunks, one behind the other.
    Implicit,
    FixedArray {
        page_bits: u8,
    },
    ExtensibleArray(ExtensibleArrayParameters),
    BTree2 {
        node_size: u32,
    },
}

/// Creation parameters of an extensible array, repeated in its header.
#[binrw]
#[brw(little)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ExtensibleArrayParameters {
    pub(crate) max_bits: u8,
    pub(crate) index_elements: u8,
    pub(crate) min_pointers: u8,
    pub(crate) min_elements: u8,
    pub(crate) page_bits: u8,
}

impl ExtensibleArrayParameters {
    /// Those of every dataset that libhdf5 makes.
    pub(crate) const USUAL: ExtensibleArrayParameters =
        ExtensibleArrayParameters { max_bits: 32, index_elements: 4, min_pointers: 4, min_elements: 16, page_bits: 10 };
}

/// Versions 1 and 2.
#[binrw]
#[brw(little, import_raw(w: Widths))]
struct Old {
    #[br(assert((1..=33).contains(&rank), "{rank} dimensions"))]
    rank: u8,
    class: u8,
    reserved: [u8; 5],
    #[br(if(class != 0), parse_with = Address::read_optional, args(w))]
    #[bw(if(*class != 0), write_with = Address::write_optional, args(w))]
    address: Option<Address>,
    #[br(count = rank)]
    dims: Vec<u32>,
}

/// Compact data of versions 1 and 2: a wider size.
#[binrw]
#[brw(little)]
struct OldCompact {
    size: u32,
    #[br(parse_with = bytes::read_bytes, args(size.into()))]
    data: Vec<u8>,
}

#[binrw]
#[brw(little)]
struct Compact {
    size: u16,
    #[br(count = size)]
    data: Vec<u8>,
}

#[binrw]
#[brw(little, import_raw(w: Widths))]
struct Contiguous {
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    address: Option<Address>,
    #[brw(args_raw = w)]
    size: Length,
}

/// Version 3.
#[binrw]
#[brw(little, import_raw(w: Widths))]
struct Chunked3 {
    /// One more than the dataset's rank: the last dimension is the element's size.
    #[br(assert((2..=33).contains(&rank), "{rank} dimensions"))]
    rank: u8,
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    address: Option<Address>,
    #[br(count = rank)]
    dims: Vec<u32>,
}

/// Versions 4 and 5, up to the index's own parameters.
#[binrw]
#[brw(little)]
struct Chunked4 {
    /// Bit 0: partial chunks at the edge are not filtered. Bit 1: the single chunk is filtered.
    flags: u8,
    #[br(assert((2..=33).contains(&rank), "{rank} dimensions"))]
    rank: u8,
    #[br(assert((1..=8).contains(&width), "dimensions of {width} bytes"))]
    width: u8,
    #[br(count = usize::from(rank) * usize::from(width))]
    dims: Vec<u8>,
    index: u8,
}

#[binrw]
#[brw(little, import_raw(w: Widths))]
struct SingleFiltered {
    #[br(parse_with = Length::read_finite, args(w))]
    #[bw(write_with = Length::write_finite, args(w))]
    size: u64,
    mask: u32,
}

#[binrw]
#[brw(little)]
struct BTree2Parameters {
    node_size: u32,
    split: u8,
    merge: u8,
}

impl Layout {
    pub(crate) fn decode(body: &[u8], w: Widths) -> Result<Layout> {
        let wrong = |what: String| Error::damaged(what).in_structure(STRUCTURE);
        let (&version, rest) = body.split_first().ok_or_else(|| wrong("no bytes".into()))?;
        match version {
            1 | 2 => return Self::decode_old(rest, w),
            3..=5 => {}
            _ => return Err(Error::unsupported(format!("data layout version {version}"))),
        }
        let (&class, rest) = rest.split_first().ok_or_else(|| wrong("no class".into()))?;
        match class {
            0 => Ok(Layout::Compact(bytes::decode::<Compact>(rest, (), STRUCTURE)?.0.data)),
            1 => {
                // By hand, not from a declaration: it is what most datasets of a file with many have.
                let fields = rest.get(..w.offset() + w.length()).map(|fields| fields.split_at(w.offset()));
                let (address, size) = fields.ok_or_else(|| wrong("ends before its last field".into()))?;
                let number = |n| bytes::uint(n).ok_or_else(|| wrong("an address or length above 64 bits".into()));
                Ok(Layout::Contiguous { address: number(address)?.map(Address), size: number(size)? })
            }
            2 if version == 3 => {
                let (c, _) = bytes::decode::<Chunked3>(rest, w, STRUCTURE)?;
                Self::chunked3(c.dims, c.address)
            }
            2 => Self::decode_chunked4(version, rest, w),
            3 => Ok(Layout::Virtual(bytes::decode::<HeapId>(rest, w, STRUCTURE)?.0)),
            _ => Err(Error::unsupported(format!("data layout class {class}"))),
        }
    }

    fn decode_old(rest: &[u8], w: Widths) -> Result<Layout> {
        let (old, used) = bytes::decode::<Old>(rest, w, STRUCTURE)?;
        match old.class {
            0 => Ok(Layout::Compact(bytes::decode::<OldCompact>(&rest[used..], (), STRUCTURE)?.0.data)),
            // The dimensions may be cut to 32 bits: the dataspace knows better.
            1 => Ok(Layout::Contiguous { address: old.address, size: None }),
            2 if old.dims.len() >= 2 => Self::chunked3(old.dims, old.address),
            class => Err(Error::damaged(format!("class {class}")).in_structure(STRUCTURE)),
        }
    }

    /// Up to version 3: a version 1 B-tree, the element's size behind the dimensions.
    fn chunked3(mut dims: Vec<u32>, address: Option<Address>) -> Result<Layout> {
        let element_size = dims.pop().unwrap_or(0).into();
        let shape = checked_shape(dims.into_iter().map(u64::from).collect())?;
        let (index, plain_edges, wide_sizes) = (ChunkIndex::BTree1, false, false);
        Ok(Layout::Chunked(Chunked { shape, element_size, index, address, plain_edges, wide_sizes }))
    }

    fn decode_chunked4(version: u8, rest: &[u8], w: Widths) -> Result<Layout> {
        let (c, mut used) = bytes::decode::<Chunked4>(rest, (), STRUCTURE)?;
        let mut dims: Vec<u64> = c.dims.chunks(c.width.into()).map(little_endian).collect();
        let element_size = dims.pop().unwrap_or(0);
        let mut parameters = |size: usize| {
            let field = rest.get(used..used + size);
            used += size;
            field.ok_or_else(|| Error::damaged("ends before its index").in_structure(STRUCTURE))
        };
        let index = match c.index {
            1 if c.flags & 2 != 0 => {
                let (f, _) = bytes::decode::<SingleFiltered>(parameters(w.length() + 4)?, w, STRUCTURE)?;
                ChunkIndex::Single { filtered: Some((f.size, f.mask)) }
            }
            1 => ChunkIndex::Single { filtered: None },
            2 => ChunkIndex::Implicit,
            3 => ChunkIndex::FixedArray { page_bits: parameters(1)?[0] },
            4 => ChunkIndex::ExtensibleArray(bytes::decode(parameters(5)?, (), STRUCTURE)?.0),
            5 => {
                let (p, _) = bytes::decode::<BTree2Parameters>(parameters(6)?, (), STRUCTURE)?;
                ChunkIndex::BTree2 { node_size: p.node_size }
            }
            index => return Err(Error::unsupported(format!("chunk index of kind {index}"))),
        };
        let rest = rest.get(used..).unwrap_or_default();
        let (address, _) = bytes::decode::<OptionalAddress>(rest, w, STRUCTURE)?;
        Ok(Layout::Chunked(Chunked {
            shape: checked_shape(dims)?,
            element_size,
            index,
            address: address.0,
            plain_edges: c.flags & 1 != 0,
            wide_sizes: version >= 5,
        }))
    }

    /// Encodes in version 3, which every libhdf5 since 1.6 reads, but for chunks with one of the newer indexes.
    pub(crate) fn encode(&self, w: Widths) -> Result<Vec<u8>> {
        let mut out = vec![3];
        match self {
            Layout::Compact(data) => {
                let size = u16::try_from(data.len()).map_err(|_| Error::limit("more than 64 KiB of compact data"))?;
                out.push(0);
                out.extend(bytes::encode(&Compact { size, data: data.clone() }, (), STRUCTURE)?);
            }
            Layout::Contiguous { address, size } => {
                out.push(1);
                let fields = Contiguous { address: *address, size: Length(*size) };
                out.extend(bytes::encode(&fields, w, STRUCTURE)?);
            }
            Layout::Chunked(c) if c.index == ChunkIndex::BTree1 => {
                out.push(2);
                let dims: Result<Vec<u32>, _> =
                    c.shape.iter().chain([&c.element_size]).map(|&d| d.try_into()).collect();
                let dims = dims.map_err(|_| Error::limit("a chunk of more than 2^32 elements in a dimension"))?;
                let fields = Chunked3 { rank: dims.len() as u8, address: c.address, dims };
                out.extend(bytes::encode(&fields, w, STRUCTURE)?);
            }
            Layout::Virtual(id) => {
                // Version 4 was the first to know it.
                out = vec![4, 3];
                out.extend(bytes::encode(id, w, STRUCTURE)?);
            }
            Layout::Chunked(c) => return c.encode4(w),
        }
        Ok(out)
    }
}

#[binrw]
#[brw(little, import_raw(w: Widths))]
struct OptionalAddress(
    #[br(parse_with = Address::read_optional, args(w))]
    #[bw(write_with = Address::write_optional, args(w))]
    Option<Address>,
);

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b))
}

fn checked_shape(shape: Vec<u64>) -> Result<Vec<u64>> {
    if shape.contains(&0) {
        return Err(Error::damaged(format!("chunks of shape {shape:?}")).in_structure(STRUCTURE));
    }
    Ok(shape)
}

impl Chunked {
    /// Encodes in version 4 or 5.
    fn encode4(&self, w: Widths) -> Result<Vec<u8>> {
        let dims = || self.shape.iter().chain([&self.element_size]);
        let width = dims().map(|&d| bytes::bytes_needed(d)).max().unwrap_or(1);
        let (index, parameters) = match &self.index {
            ChunkIndex::Single { filtered: None } => (1, Vec::new()),
            ChunkIndex::Single { filtered: Some((size, mask)) } => {
                (1, bytes::encode(&SingleFiltered { size: *size, mask: *mask }, w, STRUCTURE)?)
            }
            ChunkIndex::Implicit => (2, Vec::new()),
            ChunkIndex::FixedArray { page_bits } => (3, vec![*page_bits]),
            ChunkIndex::ExtensibleArray(parameters) => (4, bytes::encode(parameters, (), STRUCTURE)?),
            ChunkIndex::BTree2 { node_size } => {
                let parameters = BTree2Parameters { node_size: *node_size, split: 100, merge: 40 };
                (5, bytes::encode(&parameters, (), STRUCTURE)?)
            }
            ChunkIndex::BTree1 => return Err(Error::unsupported("chunks in a version 1 B-tree in a newer layout")),
        };
        let filtered = matches!(self.index, ChunkIndex::Single { filtered: Some(_) });
        let fields = Chunked4 {
            flags: u8::from(self.plain_edges) | u8::from(filtered) << 1,
            rank: self.shape.len() as u8 + 1,
            width: width as u8,
            dims: dims().flat_map(|d| d.to_le_bytes().into_iter().take(width)).collect(),
            index,
        };
        let mut out = vec![if self.wide_sizes { 5 } else { 4 }, 2];
        out.extend(bytes::encode(&fields, (), STRUCTURE)?);
        out.extend(parameters);
        out.extend(bytes::encode(&OptionalAddress(self.address), w, STRUCTURE)?);
        Ok(out)
    }

    /// Bytes of one chunk, decoded.
    pub(crate) fn chunk_bytes(&self) -> Result<u64> {
        let bytes = self.shape.iter().try_fold(self.element_size, |n, &d| n.checked_mul(d));
        bytes.ok_or_else(|| Error::damaged(format!("chunks of shape {:?}", self.shape)).in_structure(STRUCTURE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_come_back_as_they_were() {
        let chunked = Chunked {
            shape: vec![1, 64, 64, 3],
            element_size: 1,
            index: ChunkIndex::BTree1,
            address: Some(Address(2048)),
            plain_edges: false,
            wide_sizes: false,
        };
        let mut layouts = vec![
            Layout::Compact(vec![1, 2, 3]),
            Layout::Contiguous { address: None, size: Some(40) },
            Layout::Virtual(HeapId { collection: Some(Address(0x800)), index: 3 }),
            Layout::Chunked(chunked.clone()),
        ];
        let newer = [
            ChunkIndex::Single { filtered: None },
            ChunkIndex::Single { filtered: Some((70_000, 2)) },
            ChunkIndex::Implicit,
            ChunkIndex::FixedArray { page_bits: 10 },
            ChunkIndex::ExtensibleArray(ExtensibleArrayParameters::USUAL),
            ChunkIndex::BTree2 { node_size: 2048 },
        ];
        for (i, index) in newer.into_iter().enumerate() {
            let shape = vec![1, 64, 300, 70_000];
            let (plain_edges, wide_sizes) = (i % 2 == 1, i % 3 == 1);
            layouts.push(Layout::Chunked(Chunked { shape, index, plain_edges, wide_sizes, ..chunked.clone() }));
        }
        for layout in layouts {
            let bytes = layout.encode(Widths::EIGHT).unwrap();
            assert_eq!(Layout::decode(&bytes, Widths::EIGHT).unwrap(), layout);
            for cut in 0..bytes.len() {
                assert!(Layout::decode(&bytes[..cut], Widths::EIGHT).is_err());
            }
        }
    }

    #[test]
    fn an_unwritten_contiguous_layout_is_that_of_libhdf5() {
        let bytes = Layout::Contiguous { address: None, size: Some(40) }.encode(Widths::EIGHT).unwrap();
        assert_eq!(bytes, [3, 1, 255, 255, 255, 255, 255, 255, 255, 255, 40, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn chunks_without_elements_are_refused() {
        let bytes = [3, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0];
        assert!(Layout::decode(&bytes, Widths::EIGHT).is_err());
    }
}
