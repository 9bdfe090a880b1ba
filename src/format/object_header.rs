//! Object header (IV.A.1): the prefix of an object, and the envelopes of its messages. What a message says is read in
//! [`message`](super::message); which chunks a header consists of is known in `object`.

use super::message::kind::{CONTINUATION, NIL};
use super::message::small::Continuation;
use crate::bytes::{self, Address, Widths};
use crate::error::{Error, Result};
use binrw::binrw;
use std::ops::Range;

const STRUCTURE: &str = "object header";

/// What a header begins with, whatever its version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Prefix {
    pub(crate) version: u8,
    /// Version 1: how many messages all chunks hold together.
    pub(crate) message_count: Option<u16>,
    /// Version 1 only; version 2 has a message for it.
    pub(crate) reference_count: Option<u32>,
    /// Version 2: access, modification, change and birth, in seconds since 1970 UTC.
    pub(crate) times: Option<[u32; 4]>,
    /// Version 2: messages carry their creation order.
    pub(crate) creation_order: bool,
    /// Where the messages of the first chunk lie, from the first byte of the header.
    pub(crate) messages: Range<u64>,
}

/// Version 1, its 4 bytes of padding included: they bring the first message to a multiple of 8.
#[binrw]
#[brw(little)]
struct PrefixV1 {
    #[br(assert(version == 1, "version {version}"))]
    version: u8,
    reserved: u8,
    message_count: u16,
    reference_count: u32,
    chunk_size: u32,
    padding: u32,
}

#[binrw]
#[brw(little, magic = b"OHDR")]
struct PrefixV2 {
    #[br(assert(version == 2, "version {version}"))]
    version: u8,
    /// Bits 0–1 width of the chunk size, 2 attribute creation order tracked, 3 indexed, 4 phase change stored, 5 times
    /// stored.
    flags: u8,
    #[br(if(flags & 0x20 != 0))]
    times: Option<[u32; 4]>,
    /// Most compact and least dense attributes.
    #[br(if(flags & 0x10 != 0))]
    phase_change: Option<[u16; 2]>,
    #[br(parse_with = bytes::read_sized, args(1 << (flags & 3)))]
    #[bw(write_with = bytes::write_sized, args(1 << (flags & 3)))]
    chunk_size: u64,
}

fn short() -> Error {
    Error::damaged("ends before its last field").in_structure(STRUCTURE)
}

/// A message in its envelope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) kind: u16,
    /// Bit 0 constant, 1 shared, 2 not shareable, 3 fail on writing if unknown, 4 mark if unknown, 5 was unknown and
    /// the object changed, 6 shareable, 7 fail if unknown.
    pub(crate) flags: u8,
    /// Of an attribute: when it was made, where the header tracks that.
    pub(crate) order: Option<u16>,
    /// Where its body lies in the chunk.
    pub(crate) body: Range<usize>,
}

#[binrw]
#[brw(little)]
struct EnvelopeV1 {
    kind: u16,
    size: u16,
    flags: u8,
    reserved: [u8; 3],
}

#[binrw]
#[brw(little, import(creation_order: bool))]
struct EnvelopeV2 {
    kind: u8,
    size: u16,
    flags: u8,
    #[br(if(creation_order))]
    order: Option<u16>,
}

/// The most bytes that a prefix takes.
pub(crate) const MAX_PREFIX: u64 = 34;

impl Prefix {
    /// Decodes the prefix that `bytes` begins with.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Prefix> {
        if bytes.starts_with(b"OHDR") {
            return Prefix::decode_v2(bytes);
        }
        // By hand, as the envelopes: there is one in each object.
        match *bytes {
            [1, _, m0, m1, r0, r1, r2, r3, s0, s1, s2, s3, _, _, _, _, ..] => Ok(Prefix {
                version: 1,
                message_count: Some(u16::from_le_bytes([m0, m1])),
                reference_count: Some(u32::from_le_bytes([r0, r1, r2, r3])),
                times: None,
                creation_order: false,
                messages: 16..16 + u64::from(u32::from_le_bytes([s0, s1, s2, s3])),
            }),
            [version, ..] if version != 1 => Err(Error::damaged(format!("version {version}")).in_structure(STRUCTURE)),
            _ => Err(short()),
        }
    }

    fn decode_v2(bytes: &[u8]) -> Result<Prefix> {
        let &[_, _, _, _, version, flags, ref rest @ ..] = bytes else {
            return Err(short());
        };
        if version != 2 {
            return Err(Error::damaged(format!("version {version}")).in_structure(STRUCTURE));
        }
        let (times, rest) = match rest.split_first_chunk::<16>() {
            _ if flags & 0x20 == 0 => (None, rest),
            Some((times, rest)) => (Some(times), rest),
            None => return Err(short()),
        };
        let phase_change = if flags & 0x10 == 0 { 0 } else { 4 };
        let width = 1 << (flags & 3);
        let size = rest.get(phase_change..phase_change + width).ok_or_else(short)?;
        let size = size.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b));
        let start = (bytes.len() - rest.len() + phase_change + width) as u64;
        let end = start.checked_add(size);
        let time = |t: &[u8; 16], i: usize| u32::from_le_bytes([t[4 * i], t[4 * i + 1], t[4 * i + 2], t[4 * i + 3]]);
        Ok(Prefix {
            version: 2,
            message_count: None,
            reference_count: None,
            times: times.map(|t| std::array::from_fn(|i| time(t, i))),
            creation_order: flags & 4 != 0,
            messages: start..end.ok_or_else(|| Error::damaged("its size overflows").in_structure(STRUCTURE))?,
        })
    }

    /// Bytes of the first chunk with the prefix and, in version 2, the checksum.
    pub(crate) fn first_chunk_size(&self) -> u64 {
        self.messages.end.saturating_add(if self.version == 2 { 4 } else { 0 })
    }

    /// Checks the first chunk: `chunk` is all of it, prefix and checksum included.
    pub(crate) fn verify_first(&self, chunk: &[u8]) -> Result<()> {
        if self.version == 2 {
            bytes::verified(chunk, STRUCTURE)?;
        }
        Ok(())
    }

    /// Checks a continuation chunk and says where its messages lie in it.
    pub(crate) fn verify_continuation(&self, chunk: &[u8]) -> Result<Range<usize>> {
        if self.version == 1 {
            return Ok(0..chunk.len());
        }
        let covered = bytes::verified(chunk, "object header continuation")?;
        if !covered.starts_with(b"OCHK") {
            return Err(Error::damaged("its signature is missing").in_structure("object header continuation"));
        }
        Ok(4..covered.len())
    }

    /// The envelope that `bytes` begins with: a message's type, flags and size, and when it was made. Decoded by hand:
    /// there are a handful of them in each header.
    fn envelope(&self, bytes: &[u8]) -> Result<(u16, u8, u16, Option<u16>)> {
        let two = |low, high| u16::from_le_bytes([low, high]);
        match *bytes {
            [kind, high, s0, s1, flags, _, _, _, ..] if self.version == 1 => {
                Ok((two(kind, high), flags, two(s0, s1), None))
            }
            [kind, s0, s1, flags, o0, o1, ..] if self.version != 1 && self.creation_order => {
                Ok((kind.into(), flags, two(s0, s1), Some(two(o0, o1))))
            }
            [kind, s0, s1, flags, ..] if self.version != 1 && !self.creation_order => {
                Ok((kind.into(), flags, two(s0, s1), None))
            }
            _ => Err(Error::damaged("ends before its last field").in_structure(STRUCTURE)),
        }
    }

    /// The envelopes of a chunk whose messages lie at `range`, one after the other.
    pub(crate) fn for_each_envelope(
        &self,
        chunk: &[u8],
        range: Range<usize>,
        mut each: impl FnMut(Envelope) -> Result<()>,
    ) -> Result<()> {
        let mut at = range.start;
        let smallest = match (self.version, self.creation_order) {
            (1, _) => 8,
            (_, true) => 6,
            (_, false) => 4,
        };
        // Version 2: fewer bytes than an envelope takes are a gap.
        while at + smallest <= range.end {
            let (kind, flags, size, order) = self.envelope(&chunk[at..range.end])?;
            let start = at + smallest;
            let end = start + usize::from(size);
            if end > range.end {
                let message = format!("a message of type {kind:#x} and {size} bytes runs past its chunk");
                return Err(Error::damaged(message).in_structure(STRUCTURE));
            }
            check_flags(kind, flags)?;
            // Reading on from anywhere but a multiple of 8 would read something else than what was written.
            if self.version == 1 && size % 8 != 0 {
                let message = format!("a message of type {kind:#x} and {size} bytes, no multiple of 8");
                return Err(Error::damaged(message).in_structure(STRUCTURE));
            }
            each(Envelope { kind, flags, order, body: start..end })?;
            at = end;
        }
        if self.version == 1 && at != range.end {
            let message = format!("{} bytes behind its last message, which version 1 cannot have", range.end - at);
            return Err(Error::damaged(message).in_structure(STRUCTURE));
        }
        Ok(())
    }

    /// All of them.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn envelopes(&self, chunk: &[u8], range: Range<usize>) -> Result<Vec<Envelope>> {
        let mut found = Vec::new();
        self.for_each_envelope(chunk, range, |e| {
            found.push(e);
            Ok(())
        })?;
        Ok(found)
    }
}

/// Flags that contradict each other, or their message, are damage: who trusts them takes one thing for another.
fn check_flags(kind: u16, flags: u8) -> Result<()> {
    const SHARED: u8 = 1 << 1;
    const NOT_SHAREABLE: u8 = 1 << 2;
    const FAIL_ON_WRITING: u8 = 1 << 3;
    const MARK: u8 = 1 << 4;
    const MARKED: u8 = 1 << 5;
    const SHAREABLE: u8 = 1 << 6;
    /// Dataspace, datatype, both fill values, filter pipeline, attribute.
    const SHAREABLE_KINDS: [u16; 6] = [0x01, 0x03, 0x04, 0x05, 0x0b, 0x0c];
    /// Those that have a meaning: all below but one.
    const KINDS: u16 = 0x19;
    const BOGUS: u16 = 0x09;
    let has = |all: u8| flags & all == all;
    let wrong = if has(SHARED | NOT_SHAREABLE) {
        "shared and not to be shared"
    } else if has(MARKED | FAIL_ON_WRITING) || (has(MARKED) && !has(MARK)) {
        "marked as not understood by somebody who should not have"
    } else if flags & (SHARED | SHAREABLE) != 0 && (kind < KINDS && kind != BOGUS) && !SHAREABLE_KINDS.contains(&kind) {
        "shared, which this type cannot be"
    } else {
        return Ok(());
    };
    Err(Error::damaged(format!("a message of type {kind:#x} that is {wrong}: flags {flags:#x}"))
        .in_structure(STRUCTURE))
}

/// A message to be encoded: its type, its flags and its body.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) kind: u16,
    pub(crate) flags: u8,
    /// Of an attribute: when it was made, where the header tracks that; of others 0.
    pub(crate) order: u16,
    pub(crate) body: Vec<u8>,
}

/// What the prefix of a version 2 header says beside its size.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras {
    /// Where attributes move out of the header and back, if not at 8 and 6: the most compact and the least dense ones.
    pub(crate) phase_change: Option<[u16; 2]>,
    /// Access, modification, change and birth, in seconds since 1970 UTC.
    pub(crate) times: Option<[u32; 4]>,
    /// Messages carry their creation order, by which attributes are indexed.
    pub(crate) creation_order: bool,
}

fn too_long(bytes: usize, most: usize) -> Error {
    let message = format!("an object header message of {bytes} bytes: {most} are possible");
    Error::limit(message).in_structure(STRUCTURE)
}

/// The most bytes of a version 1 message: a multiple of 8 that fits its length.
pub(crate) const MAX_MESSAGE_V1: usize = 65_528;

/// Encodes a version 1 header of one chunk: prefix and messages, each padded to a multiple of 8.
pub(crate) fn encode_v1(messages: &[Outgoing], reference_count: u32) -> Result<Vec<u8>> {
    let mut body = Vec::with_capacity(messages.iter().map(|m| 8 + m.body.len() + 7).sum());
    for m in messages {
        let padded = m.body.len().next_multiple_of(8);
        if padded > MAX_MESSAGE_V1 {
            return Err(too_long(m.body.len(), MAX_MESSAGE_V1));
        }
        body.extend(m.kind.to_le_bytes());
        body.extend((padded as u16).to_le_bytes());
        body.extend([m.flags, 0, 0, 0]);
        body.extend_from_slice(&m.body);
        body.resize(body.len().next_multiple_of(8), 0);
    }
    let limit = |what: &str| Error::limit(what).in_structure(STRUCTURE);
    let message_count = u16::try_from(messages.len()).map_err(|_| limit("more than 65,535 messages"))?;
    let chunk_size = u32::try_from(body.len()).map_err(|_| limit("messages of more than 4 GiB"))?;
    let prefix = PrefixV1 { version: 1, reserved: 0, message_count, reference_count, chunk_size, padding: 0 };
    let mut out = bytes::encode(&prefix, (), STRUCTURE)?;
    out.extend(body);
    Ok(out)
}

/// Encodes a version 2 header of one chunk: prefix, messages, checksum.
pub(crate) fn encode(messages: &[Outgoing], extras: &Extras) -> Result<Vec<u8>> {
    let envelope = if extras.creation_order { 6 } else { 4 };
    let size: usize = messages.iter().map(|m| envelope + m.body.len()).sum();
    let chunk_size = size as u64;
    // The field's width is 1, 2, 4 or 8 bytes: two bits of the flags.
    let flags = match bytes::bytes_needed(chunk_size) {
        1 => 0,
        2 => 1,
        3 | 4 => 2,
        _ => 3,
    } | u8::from(extras.phase_change.is_some()) << 4
        | u8::from(extras.times.is_some()) << 5
        | if extras.creation_order { 0xc } else { 0 };
    let Extras { phase_change, times, .. } = *extras;
    let prefix = PrefixV2 { version: 2, flags, times, phase_change, chunk_size };
    let mut out = bytes::encode(&prefix, (), STRUCTURE)?;
    out.reserve_exact(size + 4);
    for m in messages {
        let [low, high] =
            u16::try_from(m.body.len()).map_err(|_| too_long(m.body.len(), u16::MAX.into()))?.to_le_bytes();
        out.extend([m.kind as u8, low, high, m.flags]);
        if extras.creation_order {
            out.extend(m.order.to_le_bytes());
        }
        out.extend_from_slice(&m.body);
    }
    bytes::seal(&mut out);
    Ok(out)
}

/// Bytes of a first chunk that only leads on, see [`divide`].
pub(crate) const STUB: u64 = 56;

/// A header of two chunks.
pub(crate) struct Divided {
    pub(crate) first: Vec<u8>,
    /// Where the second chunk belongs.
    pub(crate) at: Address,
    pub(crate) second: Vec<u8>,
}

/// Divides an encoded header of one chunk in two: a first chunk of [`STUB`] bytes, which may have had its place before
/// anything was known of the object, and a second one with the messages. `place` gives the second its address, by its
/// number of bytes.
pub(crate) fn divide(header: &[u8], w: Widths, place: impl FnOnce(u64) -> Result<Address>) -> Result<Divided> {
    let short = || Error::damaged("ends too early").in_structure(STRUCTURE);
    let prefix = Prefix::decode(header)?;
    let range = prefix.messages.start as usize..prefix.messages.end as usize;
    let messages = header.get(range).ok_or_else(short)?;
    let second = match prefix.version {
        1 => messages.to_vec(),
        _ => {
            let mut chunk = [b"OCHK", messages].concat();
            bytes::seal(&mut chunk);
            chunk
        }
    };
    let at = place(second.len() as u64)?;
    let leads_on = Continuation { address: at, length: second.len() as u64 };
    let mut leads_on = bytes::encode(&leads_on, w, STRUCTURE)?;
    if prefix.version == 1 {
        leads_on.resize(leads_on.len().next_multiple_of(8), 0);
    }
    let first = if prefix.version == 1 { stub_v1(header, &leads_on)? } else { stub_v2(header, &prefix, &leads_on)? };
    Ok(Divided { first, at, second })
}

fn stub_v1(header: &[u8], leads_on: &[u8]) -> Result<Vec<u8>> {
    let (mut p, used) = bytes::decode::<PrefixV1>(header, (), STRUCTURE)?;
    // The way to the second chunk, and what fills the first.
    let more = p.message_count.checked_add(2);
    p.message_count = more.ok_or_else(|| Error::limit("more than 65,535 messages").in_structure(STRUCTURE))?;
    p.chunk_size = (STUB - used as u64) as u32;
    let mut out = bytes::encode(&p, (), STRUCTURE)?;
    let envelope = |kind, size: usize| EnvelopeV1 { kind, size: size as u16, flags: 0, reserved: [0; 3] };
    out.extend(bytes::encode(&envelope(CONTINUATION, leads_on.len()), (), STRUCTURE)?);
    out.extend_from_slice(leads_on);
    let left = STUB as usize - out.len();
    out.extend(bytes::encode(&envelope(NIL, left.saturating_sub(8)), (), STRUCTURE)?);
    out.resize(STUB as usize, 0);
    Ok(out)
}

fn stub_v2(header: &[u8], prefix: &Prefix, leads_on: &[u8]) -> Result<Vec<u8>> {
    const CHECKSUM: usize = 4;
    let (mut p, _) = bytes::decode::<PrefixV2>(header, (), STRUCTURE)?;
    // A size of one byte.
    p.flags &= !3;
    p.chunk_size = 0;
    let end = STUB as usize - CHECKSUM;
    p.chunk_size = (end - bytes::encode(&p, (), STRUCTURE)?.len()) as u64;
    let mut out = bytes::encode(&p, (), STRUCTURE)?;
    let order = prefix.creation_order.then_some(0);
    let envelope = |kind: u16, size: usize| {
        let envelope = EnvelopeV2 { kind: kind as u8, size: size as u16, flags: 0, order };
        bytes::encode(&envelope, (prefix.creation_order,), STRUCTURE)
    };
    out.extend(envelope(CONTINUATION, leads_on.len())?);
    out.extend_from_slice(leads_on);
    // What is too short for an empty message is a gap.
    let nothing = envelope(NIL, 0)?.len();
    if let Some(left) = (end - out.len()).checked_sub(nothing) {
        out.extend(envelope(NIL, left)?);
    }
    out.resize(end, 0);
    bytes::seal(&mut out);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Outgoing {
        Outgoing { kind, flags: 0, order: 0, body: body.to_vec() }
    }

    /// With another place where attributes move, or not.
    fn encode(messages: &[Outgoing], phase_change: Option<[u16; 2]>) -> Result<Vec<u8>> {
        super::encode(messages, &Extras { phase_change, ..Extras::default() })
    }

    #[test]
    fn version_1_pads_messages_and_counts_them() {
        let messages = [message(1, &[7; 20]), message(3, b"abcdefgh"), message(0x12, &[])];
        let bytes = encode_v1(&messages, 3).unwrap();
        assert_eq!(bytes.len(), 16 + (8 + 24) + (8 + 8) + 8);
        let prefix = Prefix::decode(&bytes).unwrap();
        assert_eq!((prefix.message_count, prefix.reference_count), (Some(3), Some(3)));
        let found = prefix.envelopes(&bytes, 16..bytes.len()).unwrap();
        assert_eq!(found.iter().map(|e| (e.kind, e.body.len())).collect::<Vec<_>>(), [(1, 24), (3, 8), (0x12, 0)]);
        assert!(encode_v1(&[message(1, &[0; 65_528])], 1).is_ok());
        assert_eq!(encode_v1(&[message(1, &[0; 65_529])], 1).unwrap_err().kind(), crate::ErrorKind::Limit);
    }

    #[test]
    fn creation_order_and_times_come_back() {
        let attribute = |order| Outgoing { order, ..message(12, b"abc") };
        let extras = Extras { phase_change: None, times: Some([1, 2, 3, 4]), creation_order: true };
        let bytes = super::encode(&[message(1, b"x"), attribute(7), attribute(2)], &extras).unwrap();
        let prefix = Prefix::decode(&bytes).unwrap();
        assert_eq!((prefix.times, prefix.creation_order), (Some([1, 2, 3, 4]), true));
        let range = prefix.messages.start as usize..prefix.messages.end as usize;
        let orders: Vec<_> = prefix.envelopes(&bytes, range).unwrap().iter().map(|e| e.order).collect();
        assert_eq!(orders, [Some(0), Some(7), Some(2)]);
    }

    #[test]
    fn what_is_encoded_is_decoded_again() {
        for (body, phase_change) in [(0usize, None), (10, Some([100, 6])), (300, None), (60_000, Some([9, 0]))] {
            let messages = [message(1, &vec![7; body]), message(3, b"abc")];
            let bytes = encode(&messages, phase_change).unwrap();
            let prefix = Prefix::decode(&bytes).unwrap();
            assert_eq!(prefix.first_chunk_size(), bytes.len() as u64);
            prefix.verify_first(&bytes).unwrap();
            let range = prefix.messages.start as usize..prefix.messages.end as usize;
            let found = prefix.envelopes(&bytes, range).unwrap();
            assert_eq!(found.len(), 2);
            assert_eq!(found[0].body.len(), body);
            assert_eq!(&bytes[found[1].body.clone()], b"abc");
        }
    }

    #[test]
    fn a_message_may_not_run_past_its_chunk() {
        let mut bytes = vec![1, 0, 1, 0, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend([1, 0, 9, 0, 0, 0, 0, 0]);
        bytes.extend([0; 8]);
        let prefix = Prefix::decode(&bytes).unwrap();
        assert!(prefix.envelopes(&bytes, 16..32).is_err());
    }

    #[test]
    fn flags_that_contradict_each_other_are_damage() {
        let with = |kind: u16, flags: u8| {
            let bytes = encode(&[Outgoing { flags, ..message(kind, &[0; 8]) }], None).unwrap();
            let prefix = Prefix::decode(&bytes).unwrap();
            prefix.envelopes(&bytes, prefix.messages.start as usize..prefix.messages.end as usize)
        };
        // A shared datatype; a constant layout; a message of the future, marked or not; attribute info, not to be shared.
        for (kind, flags) in [(3, 0x42), (8, 1), (0x30, 0x10), (0x30, 0x30), (0x30, 0x42), (9, 0x40), (0x15, 4)] {
            with(kind, flags).unwrap();
        }
        for (kind, flags) in [(3, 6), (0x30, 0x20), (0x30, 0x38), (8, 2), (6, 0x40), (0x15, 2)] {
            assert!(with(kind, flags).is_err(), "{kind:#x} {flags:#x}");
        }
    }

    #[test]
    fn messages_of_version_1_are_multiples_of_8_long() {
        let mut bytes = vec![1, 0, 2, 0, 1, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend([1, 0, 8, 0, 0, 0, 0, 0]);
        bytes.extend([0; 16]);
        let prefix = Prefix::decode(&bytes).unwrap();
        assert_eq!(prefix.envelopes(&bytes, 16..40).unwrap().len(), 2);
        assert!(prefix.envelopes(&bytes, 16..38).is_err());
        bytes[18] = 12;
        assert!(prefix.envelopes(&bytes, 16..40).is_err());
    }

    #[test]
    fn a_message_too_large_for_its_length_is_refused() {
        assert!(encode(&[message(12, &vec![0; 70_000])], None).is_err());
    }

    /// All messages but the empty ones, through the way on.
    fn both_chunks(divided: &Divided) -> Vec<(u16, Vec<u8>)> {
        let Divided { first, at, second } = divided;
        let prefix = Prefix::decode(first).unwrap();
        assert_eq!((first.len() as u64, prefix.first_chunk_size()), (STUB, STUB));
        prefix.verify_first(first).unwrap();
        let range = prefix.messages.start as usize..prefix.messages.end as usize;
        let found = prefix.envelopes(first, range).unwrap();
        assert_eq!(found[0].kind, CONTINUATION);
        let leads_on = [at.get().to_le_bytes(), (second.len() as u64).to_le_bytes()].concat();
        assert_eq!(first[found[0].body.clone()], leads_on);
        let empty = found.iter().skip(1).all(|e| e.kind == NIL && first[e.body.clone()].iter().all(|&b| b == 0));
        assert!(empty);
        let range = prefix.verify_continuation(second).unwrap();
        let behind = prefix.envelopes(second, range).unwrap();
        if let Some(count) = prefix.message_count {
            assert_eq!(usize::from(count), found.len() + behind.len());
        }
        behind.into_iter().map(|e| (e.kind, second[e.body].to_vec())).collect()
    }

    #[test]
    fn a_divided_header_leads_on_to_its_messages() {
        let messages = [message(1, &[7; 40]), message(3, b"abcdefgh")];
        let expected = vec![(1, vec![7; 40]), (3, b"abcdefgh".to_vec())];
        for phase_change in [None, Some([9, 0])] {
            let whole = encode(&messages, phase_change).unwrap();
            let divided = divide(&whole, Widths::EIGHT, |_| Ok(Address(0x1000))).unwrap();
            assert_eq!(both_chunks(&divided), expected);
        }
        let mut old = vec![1, 0, 2, 0, 5, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0];
        old.extend([[1, 0, 40, 0, 0, 0, 0, 0].to_vec(), vec![7; 40]].concat());
        old.extend([[3, 0, 8, 0, 0, 0, 0, 0].to_vec(), b"abcdefgh".to_vec()].concat());
        let divided = divide(&old, Widths::EIGHT, |_| Ok(Address(0x1000))).unwrap();
        assert_eq!(both_chunks(&divided), expected);
        assert_eq!(Prefix::decode(&divided.first).unwrap().reference_count, Some(5));
    }

    #[test]
    fn the_fullest_prefix_of_version_2_has_room_for_the_way_on() {
        let prefix =
            PrefixV2 { version: 2, flags: 0x34, times: Some([1; 4]), phase_change: Some([9, 0]), chunk_size: 6 };
        let mut whole = bytes::encode(&prefix, (), STRUCTURE).unwrap();
        whole.extend([3, 0, 0, 0, 7, 0]);
        bytes::seal(&mut whole);
        let divided = divide(&whole, Widths::EIGHT, |_| Ok(Address(0x1000))).unwrap();
        assert_eq!(both_chunks(&divided), [(3, vec![])]);
        assert_eq!(Prefix::decode(&divided.first).unwrap().times, Some([1; 4]));
    }
}
