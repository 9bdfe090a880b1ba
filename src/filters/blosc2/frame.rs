//! A contiguous frame: a header in msgpack with named "metalayers", chunks, and an index of where they are, which is a
//! chunk too. Numbers of the header are big-endian, those of chunks little-endian.

use crate::bytes;
use crate::error::{Error, Result};
use crate::filters::Call;
use crate::filters::blosc::{Chunk, Work};
use binrw::binread;

const STRUCTURE: &str = "Blosc2 frame";
const NEWEST_VERSION: u8 = 3;

/// The fields that every header has, each behind the byte that msgpack puts before it.
#[binread]
#[br(big, magic = b"\x9e\xa8b2frame\0\xd2")]
struct Header {
    header_size: u32,
    #[br(magic = b"\xcf")]
    _frame_size: u64,
    #[br(magic = b"\xa4")]
    version: u8,
    kind: u8,
    _codec: u8,
    _flags: u8,
    #[br(magic = b"\xd3")]
    size: u64,
    #[br(magic = b"\xd3")]
    stored_size: u64,
    #[br(magic = b"\xd2")]
    element_size: u32,
    #[br(magic = b"\xd2")]
    _block_size: u32,
    #[br(magic = b"\xd2")]
    chunk_size: u32,
    /// Numbers of threads, whether the trailer has metalayers, the filter pipeline: chunks say that themselves.
    _rest: [u8; 25],
}

#[binread]
#[br(big, magic = b"\x93\xcd")]
struct Metalayers {
    _index_size: u16,
    #[br(temp, magic = b"\xde")]
    count: u16,
    #[br(count = count)]
    entries: Vec<Entry>,
}

#[binread]
#[br(big)]
struct Entry {
    #[br(temp, map = |n: u8| n & 0x1f)]
    length: u8,
    #[br(count = length)]
    name: Vec<u8>,
    #[br(magic = b"\xd2")]
    offset: u32,
}

/// A frame whose header is understood.
pub(super) struct Frame<'a> {
    header: &'a [u8],
    chunks: &'a [u8],
    /// Bytes of all chunks, decoded.
    pub(super) size: u64,
    pub(super) element_size: usize,
    chunk_size: u64,
    /// Where each chunk is, or what it is.
    index: Vec<i64>,
    /// The named parts of the header and where they begin.
    metalayers: Vec<Entry>,
}

/// A chunk of a frame.
pub(super) enum Part<'a> {
    Chunk(Chunk<'a>),
    /// So many bytes over and over.
    Value(&'static [u8]),
}

impl<'a> Frame<'a> {
    pub(super) fn parse(bytes: &'a [u8], call: &Call<'_>) -> Result<Frame<'a>> {
        let (header, used) = bytes::decode::<Header>(bytes, (), STRUCTURE)?;
        if header.version & 0x0f > NEWEST_VERSION || header.kind & 0x0f != 0 {
            let Header { version, kind, .. } = header;
            return Err(Error::unsupported(format!("{} frame of version {version:#x}, kind {kind}", call.name)));
        }
        let wrong = || call.damaged("a frame ends before its last chunk");
        let (head, rest) = bytes.split_at_checked(header.header_size as usize).ok_or_else(wrong)?;
        let stored = usize::try_from(header.stored_size).map_err(|_| wrong())?;
        let (chunks, behind) = rest.split_at_checked(stored).ok_or_else(wrong)?;
        let fields = head.get(used..).ok_or_else(wrong)?;
        let (Metalayers { entries: metalayers, .. }, _) = bytes::decode(fields, (), STRUCTURE)?;
        let index = if header.size == 0 { Vec::new() } else { read_index(behind, call)? };
        Ok(Frame {
            header: head,
            chunks,
            size: header.size,
            element_size: header.element_size.max(1) as usize,
            chunk_size: u64::from(header.chunk_size),
            index,
            metalayers,
        })
    }

    /// The content of a metalayer.
    pub(super) fn metalayer(&self, name: &[u8], call: &Call<'_>) -> Result<Option<&'a [u8]>> {
        let Some(entry) = self.metalayers.iter().find(|e| e.name == name) else { return Ok(None) };
        let content = self.header.get(entry.offset as usize..).and_then(|content| {
            let (size, content) = content.strip_prefix(b"\xc6")?.split_first_chunk()?;
            content.get(..u32::from_be_bytes(*size) as usize)
        });
        content.map(Some).ok_or_else(|| call.damaged("a metalayer ends behind its header"))
    }

    /// How many chunks there are.
    pub(super) fn chunks(&self) -> usize {
        self.index.len()
    }

    /// The chunk of this number.
    pub(super) fn chunk(&self, number: usize, call: &Call<'_>) -> Result<Part<'a>> {
        let wrong = || call.damaged(format!("chunk {number} is not in its frame"));
        let offset = *self.index.get(number).ok_or_else(wrong)?;
        if let Ok(offset) = usize::try_from(offset) {
            let bytes = self.chunks.get(offset..).ok_or_else(wrong)?;
            return Ok(Part::Chunk(Chunk::parse(bytes, Some(self.element_size), call)?));
        }
        // The highest bit says that the highest byte is the kind of a value.
        const NAN: [[u8; 8]; 2] = [[0, 0, 0xc0, 0x7f, 0, 0, 0xc0, 0x7f], [0, 0, 0, 0, 0, 0, 0xf8, 0x7f]];
        Ok(Part::Value(match (offset >> 56 & 7, self.element_size) {
            // Zeros, and what was never written.
            (1 | 4, _) => &[0],
            (2, 4) => &NAN[0],
            (2, 8) => &NAN[1],
            (kind, size) => return Err(call.damaged(format!("special value {kind} of {size} bytes"))),
        }))
    }

    /// The bytes of the chunk of this number, decoded, where chunks follow each other.
    pub(super) fn chunk_size(&self, number: usize) -> u64 {
        self.chunk_size.min(self.size.saturating_sub(number as u64 * self.chunk_size))
    }
}

/// The index of chunks: a chunk of 64-bit numbers.
fn read_index(bytes: &[u8], call: &Call<'_>) -> Result<Vec<i64>> {
    let chunk = Chunk::parse(bytes, None, call)?;
    // Nobody makes chunks that are smaller than their place in the index.
    if chunk.size > call.most.max(64) {
        return Err(call.damaged(format!("an index of {} bytes", chunk.size)));
    }
    let (mut index, mut work) = (Vec::new(), Work::default());
    for number in 0..chunk.blocks() {
        chunk.decode_block(number, call, &mut work, &mut index)?;
    }
    let (offsets, rest) = index.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(call.damaged("an index of no whole numbers"));
    }
    Ok(offsets.iter().map(|o| i64::from_le_bytes(*o)).collect())
}
