//! A Blosc chunk: a header, where each block starts, and the blocks, each of one stream or of one for each byte of an
//! element. Blosc 2 adds 16 bytes to the header, runs of one byte, and chunks that are one value.

use super::codec::{Codec, Decoders};
use super::undo::Undo;
use crate::bytes;
use crate::error::{Error, Result};
use crate::filters::Call;
use binrw::binread;

/// Flags of the header; its codec is in the three highest bits.
pub(super) const SHUFFLED: u8 = 1;
pub(super) const COPIED: u8 = 2;
pub(super) const BIT_SHUFFLED: u8 = 4;
const DELTA: u8 = 8;
pub(super) const NOT_SPLIT: u8 = 16;
/// Both shuffles say that the header is Blosc 2's.
const EXTENDED: u8 = SHUFFLED | BIT_SHUFFLED;

pub(super) const HEADER_SIZE: usize = 16;
const EXTENDED_SIZE: usize = 32;

/// The version of all chunks of Blosc 1, and the newest there is.
pub(super) const VERSION: u8 = 2;
const NEWEST_VERSION: u8 = 6;

/// Elements that are split have at most as many bytes, and each stream of a block has at least as many.
pub(super) const MOST_STREAMS: usize = 16;
pub(super) const SHORTEST_STREAM: usize = 128;

#[binread]
#[br(little)]
struct Header {
    version: u8,
    _codec_version: u8,
    flags: u8,
    #[br(map = |n: u8| usize::from(n))]
    element_size: usize,
    size: u32,
    block_size: u32,
    stored_size: u32,
    #[br(if(flags & EXTENDED == EXTENDED))]
    extension: Option<Extension>,
}

#[binread]
#[br(little)]
struct Extension {
    filters: [u8; 6],
    codec: u8,
    _codec_meta: u8,
    filters_meta: [u8; 6],
    flags2: u8,
    flags: u8,
}

impl Extension {
    /// The value that all of the chunk is, if any: a number of a kind.
    fn special(&self) -> u8 {
        self.flags >> 4 & 7
    }
}

/// A chunk whose header is understood.
pub(in crate::filters) struct Chunk<'a> {
    /// All of it.
    bytes: &'a [u8],
    /// Bytes of the decoded chunk.
    pub(in crate::filters) size: usize,
    /// Bytes of a block; the last may have fewer.
    pub(in crate::filters) block_size: usize,
    header_size: usize,
    content: Content,
    undo: Vec<Undo>,
}

enum Content {
    /// Bytes over and over.
    Repeated(Vec<u8>),
    /// As it was.
    Copied,
    /// Blocks of streams; so many streams in a whole block.
    Packed { codec: Codec, streams: usize },
}

/// What decoding blocks needs besides the chunk.
#[derive(Default)]
pub(in crate::filters) struct Work {
    decoders: Decoders,
    buffers: [Vec<u8>; 2],
    spare: Vec<u8>,
    /// The chunk's first block, where others are differences from it.
    reference: Vec<u8>,
}

impl<'a> Chunk<'a> {
    /// Understands the chunk at the front of `bytes`. A frame knows the size of elements that do not fit the header's
    /// byte.
    pub(in crate::filters) fn parse(bytes: &'a [u8], frame_element: Option<usize>, call: &Call<'_>) -> Result<Self> {
        let (header, header_size) = bytes::decode::<Header>(bytes, (), "Blosc chunk")?;
        let Header { version, flags, element_size, size, block_size, .. } = header;
        if !(VERSION..=NEWEST_VERSION).contains(&version) {
            return Err(Error::unsupported(format!("{} chunk of version {version}", call.name)));
        }
        let stored = bytes.get(..header.stored_size as usize).filter(|b| b.len() >= header_size);
        let bytes = stored.ok_or_else(|| call.damaged("a chunk ends before its last byte"))?;
        let too_large = size > i32::MAX as u32 || block_size > i32::MAX as u32;
        if too_large || block_size == 0 || element_size == 0 {
            return Err(call.damaged(format!("{size} bytes in blocks of {block_size}, elements of {element_size}")));
        }
        let undo = match &header.extension {
            None => undo_of_flags(flags, version, element_size, call)?,
            Some(extension) => undo_of_filters(extension, element_size, frame_element.unwrap_or(element_size), call)?,
        };
        let content = content(&header, bytes, call)?;
        let (size, block_size) = (size as usize, (block_size as usize).min((size as usize).max(1)));
        if let Content::Packed { streams, .. } = content
            && !block_size.is_multiple_of(streams)
        {
            return Err(call.damaged(format!("blocks of {block_size} bytes split by {streams}")));
        }
        Ok(Chunk { bytes, size, block_size, header_size, content, undo })
    }

    /// How many blocks there are.
    pub(in crate::filters) fn blocks(&self) -> usize {
        self.size.div_ceil(self.block_size)
    }

    /// Appends the block of this number; those before it must have been decoded with the same `work`.
    pub(in crate::filters) fn decode_block(
        &self,
        number: usize,
        call: &Call<'_>,
        work: &mut Work,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let at = number * self.block_size;
        let length = self.block_size.min(self.size - at);
        let (codec, streams) = match &self.content {
            Content::Repeated(value) => {
                out.extend(value.iter().cycle().skip(at % value.len()).take(length));
                return Ok(());
            }
            Content::Copied => {
                let block = self.bytes.get(self.header_size + at..).and_then(|b| b.get(..length));
                out.extend_from_slice(block.ok_or_else(|| call.damaged("ends before its last block"))?);
                return Ok(());
            }
            Content::Packed { codec, streams } => (*codec, if length < self.block_size { 1 } else { *streams }),
        };
        let starts = self.bytes[self.header_size..].as_chunks::<4>().0;
        let start = starts.get(number).map(|s| u32::from_le_bytes(*s) as usize);
        let block = start.filter(|&s| s >= self.header_size).and_then(|s| self.bytes.get(s..));
        let block = block.ok_or_else(|| call.damaged(format!("block {number} starts behind the end")))?;
        if self.undo.is_empty() {
            return self.unpack(block, codec, (streams, length / streams), call, &mut work.decoders, out);
        }
        let Work { decoders, buffers: [from, to], .. } = work;
        from.clear();
        self.unpack(block, codec, (streams, length / streams), call, decoders, from)?;
        let (before, last) = self.undo.split_at(self.undo.len() - 1);
        for undo in before {
            to.resize(length, 0);
            undo.apply(from, to, &[], &mut work.spare);
            std::mem::swap(from, to);
        }
        let start = out.len();
        out.resize(start + length, 0);
        let reference = if number == 0 { &[] } else { &work.reference[..] };
        last.iter().for_each(|undo| undo.apply(from, &mut out[start..], reference, &mut work.spare));
        if number == 0 && matches!(last, [Undo::Delta(_)]) {
            work.reference.clear();
            work.reference.extend_from_slice(&out[start..]);
        }
        Ok(())
    }

    /// Appends what the streams of a block hold: so many of so many bytes.
    fn unpack(
        &self,
        mut block: &[u8],
        codec: Codec,
        (streams, length): (usize, usize),
        call: &Call<'_>,
        decoders: &mut Decoders,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let short = || call.damaged("ends in a block");
        for _ in 0..streams {
            let (size, behind) = block.split_first_chunk().ok_or_else(short)?;
            let size = i32::from_le_bytes(*size);
            if size <= 0 && self.header_size == EXTENDED_SIZE {
                let (byte, behind) = run(size, behind).ok_or_else(|| call.damaged("a run of what is no byte"))?;
                out.resize(out.len() + length, byte);
                block = behind;
                continue;
            }
            let size = usize::try_from(size).map_err(|_| call.damaged(format!("a stream of {size} bytes")))?;
            let (packed, behind) = behind.split_at_checked(size).ok_or_else(short)?;
            if packed.len() == length {
                out.extend_from_slice(packed);
            } else {
                codec.unpack(packed, length, call, decoders, out)?;
            }
            block = behind;
        }
        Ok(())
    }
}

/// The byte that a whole stream is, as a size of zero or less says, and what is behind it.
fn run(size: i32, behind: &[u8]) -> Option<(u8, &[u8])> {
    if size == 0 {
        return Some((0, behind));
    }
    let (token, behind) = behind.split_first()?;
    let byte = u8::try_from(size.checked_neg()?).ok()?;
    (token & 1 == 1).then_some((byte, behind))
}

fn content(header: &Header, bytes: &[u8], call: &Call<'_>) -> Result<Content> {
    let lacks = |what: &str| Err(Error::unsupported(format!("{} with {what}", call.name)));
    let repeated = |value: &[u8]| Ok(Content::Repeated(value.to_vec()));
    let mut streams = 1;
    if header.flags & NOT_SPLIT == 0 {
        // Before there was the flag, this rule said it; for headers of Blosc 2 there always is the flag.
        let size = header.element_size;
        let split = size <= MOST_STREAMS && header.block_size.min(header.size) as usize / size >= SHORTEST_STREAM;
        streams = if split || header.extension.is_some() { size } else { 1 };
    }
    let format = header.flags >> 5;
    if let Some(extension) = &header.extension {
        match (extension.special(), header.element_size) {
            (0, _) => {}
            // Zeros, and what was never written.
            (1 | 4, _) => return repeated(&[0]),
            (2, 4) => return repeated(&f32::NAN.to_le_bytes()),
            (2, 8) => return repeated(&f64::NAN.to_le_bytes()),
            (3, _) if bytes.len() > EXTENDED_SIZE => return repeated(&bytes[EXTENDED_SIZE..]),
            (kind, size) => return Err(call.damaged(format!("special value {kind} of {size} bytes"))),
        }
        if extension.flags2 & 1 != 0 {
            return lacks("blocks of variable length");
        }
        match extension.flags & 0x89 {
            0 => {}
            1 => return lacks("dictionaries"),
            8 => return lacks("a lazy chunk"),
            _ => return lacks("measurements instead of data"),
        }
        if format == 6 {
            return match extension.codec {
                32 => lacks("codec NDLZ"),
                33..=35 => lacks("codec ZFP"),
                36 | 37 | 39 | 40 => lacks("codec JPEG 2000"),
                38 => lacks("codec OpenZL"),
                n => lacks(&format!("codec {n}")),
            };
        }
    }
    if header.flags & COPIED != 0 {
        return Ok(Content::Copied);
    }
    Ok(Content::Packed { codec: Codec::of_format(format, call)?, streams })
}

/// What Blosc 1's flags say was done to blocks, backwards.
fn undo_of_flags(flags: u8, version: u8, element_size: usize, call: &Call<'_>) -> Result<Vec<Undo>> {
    let mut undo = Vec::new();
    if flags & SHUFFLED != 0 && element_size > 1 {
        undo.push(Undo::Shuffle(element_size));
    }
    if flags & BIT_SHUFFLED != 0 {
        undo.push(Undo::BitShuffle { element_size, all_or_nothing: version == VERSION });
    }
    if flags & DELTA != 0 {
        if version == VERSION {
            return Err(call.damaged("a flag that Blosc 1 does not know"));
        }
        undo.push(Undo::Delta(delta_size(element_size)));
    }
    Ok(undo)
}

/// What Blosc 2's pipeline says was done to blocks, backwards.
fn undo_of_filters(
    extension: &Extension,
    element_size: usize,
    frame_element: usize,
    call: &Call<'_>,
) -> Result<Vec<Undo>> {
    let lacks = |what: &str| Err(Error::unsupported(format!("{} with filter {what}", call.name)));
    let mut undo = Vec::new();
    for (filter, meta) in extension.filters.iter().zip(extension.filters_meta).rev() {
        if let Some(Undo::Delta(_)) = undo.last()
            && !matches!(filter, 0 | 4 | 36)
        {
            return lacks("delta behind another");
        }
        let meta_or = |size: usize| if meta == 0 { size } else { usize::from(meta) };
        match filter {
            // None; bits and integers that were cut off stay so.
            0 | 4 | 36 => {}
            1 => undo.push(Undo::Shuffle(meta_or(element_size))),
            2 => undo.push(Undo::BitShuffle { element_size, all_or_nothing: false }),
            3 => undo.push(Undo::Delta(delta_size(element_size))),
            35 => undo.push(Undo::ByteDelta(meta_or(frame_element))),
            32 => return lacks("NDCELL"),
            33 => return lacks("NDMEAN"),
            34 => return lacks("bytedelta of an early version"),
            n => return lacks(&n.to_string()),
        }
    }
    Ok(undo)
}

/// The bytes at a time that the delta filter takes.
fn delta_size(element_size: usize) -> usize {
    match element_size {
        2 | 4 => element_size,
        n if n % 8 == 0 => 8,
        _ => 1,
    }
}
