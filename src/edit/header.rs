//! An object header that is changed: its messages in memory, and how they are put back.
//!
//! The header's first chunk stays where it is, for hard links and references lead there. What does not fit into it goes
//! to one continuation chunk in new space; the old ones are left behind. So one patch, of the first chunk, makes all
//! changes of an object at once.

use crate::bytes::{self, Address, Widths};
use crate::error::{Error, Result};
use crate::format::message::kind;
use crate::format::message::small::{Continuation, ReferenceCount};
use crate::index::space::{METADATA, Space};
use crate::io::Reader;
use crate::object::ObjectHeader;

const STRUCTURE: &str = "object header";

/// The most bytes of one message.
pub(super) const MOST_BODY: usize = u16::MAX as usize;

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub(super) kind: u16,
    pub(super) flags: u8,
    /// Of an attribute: when it was made; 0 for other messages. Stored where the header tracks it.
    pub(super) order: u16,
    pub(super) body: Vec<u8>,
}

/// A header's first chunk, and all messages.
pub(super) struct Header {
    pub(super) address: Address,
    pub(super) version: u8,
    /// How wide addresses and lengths are in this file.
    pub(super) w: Widths,
    /// The first chunk as it is stored: prefix, messages, and in version 2 the checksum.
    old: Vec<u8>,
    /// Version 1: how many hard links lead here; version 2 has a message for it.
    old_count: u32,
    /// Where messages begin in it, and where they end.
    start: usize,
    end: usize,
    /// Version 2: bit 2 attribute creation order tracked, 3 indexed.
    flags: u8,
    /// When attributes move out of the header and back: the most that stay in, the least that stay out.
    pub(super) phase_change: (u16, u16),
    pub(super) messages: Vec<Message>,
}

impl Header {
    /// Reads the header at `address`; refuses one with messages that nobody may change who does not know them.
    pub(super) fn load(reader: &Reader, address: Address) -> Result<Header> {
        let loaded = ObjectHeader::load(reader, address)?;
        let prefix = &loaded.prefix;
        let old = reader.metadata(address, prefix.first_chunk_size())?.to_vec();
        let (start, end) = (prefix.messages.start as usize, prefix.messages.end as usize);
        let flags = if prefix.version == 2 { old.get(5).copied().unwrap_or(0) } else { 0 };
        let phase_change = match flags & 0x10 {
            0 => (8, 6),
            _ => phase_change(&old, flags).ok_or_else(|| Error::damaged("no phase change").in_structure(STRUCTURE))?,
        };
        let version = prefix.version;
        let mut messages: Vec<Message> = Vec::new();
        for (kind, mut flags, order, body) in loaded.messages() {
            if kind >= kind::UNASSIGNED && flags & 0x08 != 0 {
                let message = format!("changing an object with a message of type {kind:#x}, which must be understood");
                return Err(Error::unsupported(message).in_structure(STRUCTURE).at(address.get()));
            }
            // "Mark if unknown": whoever knows the message learns that somebody changed the object who did not.
            if kind >= kind::UNASSIGNED && flags & 0x10 != 0 {
                flags |= 0x20;
            }
            messages.push(Message { kind, flags, order: order.unwrap_or(0), body: body.to_vec() });
        }
        if version == 1 && (end - start) % 8 != 0 {
            return Err(Error::unsupported("changing a version 1 header that is no multiple of 8 bytes long"));
        }
        let old_count = prefix.reference_count.unwrap_or(1);
        Ok(Header { address, version, w: reader.widths(), old, old_count, start, end, flags, phase_change, messages })
    }

    /// Whether attributes remember in which order they were made.
    pub(super) fn tracks_order(&self) -> bool {
        self.flags & 4 != 0
    }

    /// Whether they are indexed by that order where they are in a heap.
    pub(super) fn indexes_order(&self) -> bool {
        self.flags & 8 != 0
    }

    pub(super) fn find(&self, kind: u16) -> Option<&Message> {
        self.messages.iter().find(|m| m.kind == kind)
    }

    /// Puts a body in place of that of the first message of its kind, or adds the message.
    pub(super) fn set(&mut self, kind: u16, flags: u8, body: Vec<u8>) {
        match self.messages.iter_mut().find(|m| m.kind == kind) {
            // What was shared is no longer.
            Some(m) => (m.body, m.flags) = (body, m.flags & !2),
            None => self.messages.push(Message { kind, flags, order: 0, body }),
        }
    }

    pub(super) fn remove(&mut self, kind: u16) {
        self.messages.retain(|m| m.kind != kind);
    }

    /// How many hard links lead here.
    pub(super) fn reference_count(&self) -> Result<u32> {
        if self.version == 1 {
            return Ok(self.old_count);
        }
        let stored = self.find(kind::REFERENCE_COUNT);
        let decode = |m: &Message| bytes::decode::<ReferenceCount>(&m.body, (), "reference count");
        stored.map_or(Ok(1), |m| Ok(decode(m)?.0.count))
    }

    pub(super) fn set_reference_count(&mut self, count: u32) -> Result<()> {
        if self.version == 1 {
            self.old_count = count;
        } else if count == 1 {
            self.remove(kind::REFERENCE_COUNT);
        } else {
            let body = bytes::encode(&ReferenceCount { version: 0, count }, (), "reference count")?;
            self.set(kind::REFERENCE_COUNT, 0, body);
        }
        Ok(())
    }

    /// The first chunk as it is to be, behind a continuation chunk in new space where it is too small.
    pub(super) fn encode(&self, space: &mut Space) -> Result<Vec<u8>> {
        self.encode_with(&mut |chunk| space.append(chunk, METADATA))
    }

    /// The same with the continuation chunk put wherever `place` puts it.
    pub(super) fn encode_with(&self, place: &mut dyn FnMut(&[u8]) -> Result<Address>) -> Result<Vec<u8>> {
        let messages = self.messages.iter().map(|m| self.enveloped(m)).collect::<Result<Vec<_>>>()?;
        let room = self.end - self.start;
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let mut count = messages.len();
        if messages.iter().map(Vec::len).sum::<usize>() <= room {
            first = messages.concat();
        } else {
            let leads_on = self.w.offset() + self.w.length();
            let padded = if self.version == 1 { leads_on.next_multiple_of(8) } else { leads_on };
            let continuation = self.envelope_size() + padded;
            let room = room.checked_sub(continuation).ok_or_else(|| {
                Error::unsupported("enlarging an object header without room for a link to its continuation")
                    .at(self.address.get())
            })?;
            for message in messages {
                let chunk = if first.len() + message.len() <= room { &mut first } else { &mut second };
                chunk.extend(message);
            }
            let second = self.continuation(second);
            let (address, length) = (place(&second)?, second.len() as u64);
            let body = bytes::encode(&Continuation { address, length }, self.w, "continuation message")?;
            first.extend(self.enveloped(&Message { kind: kind::CONTINUATION, flags: 0, order: 0, body })?);
            count += 1;
        }
        count += self.fill(&mut first, room)?;
        self.chunk(&first, count)
    }

    /// A continuation chunk around its messages.
    fn continuation(&self, mut chunk: Vec<u8>) -> Vec<u8> {
        if self.version == 2 {
            chunk.splice(0..0, *b"OCHK");
            bytes::seal(&mut chunk);
        }
        chunk
    }

    /// Fills what is left of the first chunk with messages that hold nothing; returns how many.
    fn fill(&self, first: &mut Vec<u8>, room: usize) -> Result<usize> {
        let envelope = self.envelope_size();
        let mut nils = 0;
        // In version 2, less than an envelope is a gap; it must not stand behind a message that holds nothing.
        while room - first.len() >= envelope {
            let left = room - first.len() - envelope;
            let size = match left {
                n if n <= self.most_body() => n,
                // So that a whole envelope is left.
                n => self.most_body().min(n - envelope),
            };
            first.extend(self.enveloped(&Message { kind: kind::NIL, flags: 0, order: 0, body: vec![0; size] })?);
            nils += 1;
        }
        first.resize(room, 0);
        Ok(nils)
    }

    /// The first chunk around its messages.
    fn chunk(&self, messages: &[u8], count: usize) -> Result<Vec<u8>> {
        let mut out = self.old.clone();
        let short = || Error::damaged("a chunk shorter than its messages").in_structure(STRUCTURE);
        out.get_mut(self.start..self.end).filter(|p| p.len() == messages.len()).ok_or_else(short)?;
        out.splice(self.start..self.end, messages.iter().copied());
        if self.version == 1 {
            let count =
                u16::try_from(count).map_err(|_| Error::limit("an object header of more than 65,535 messages"))?;
            out.get_mut(2..4).ok_or_else(short)?.copy_from_slice(&count.to_le_bytes());
            out.get_mut(4..8).ok_or_else(short)?.copy_from_slice(&self.old_count.to_le_bytes());
        } else {
            out.truncate(self.end);
            bytes::seal(&mut out);
        }
        Ok(out)
    }

    /// The first chunk as it is in the file.
    pub(super) fn stored(&self) -> &[u8] {
        &self.old
    }

    /// The most bytes of one message here: version 1 pads them to multiples of 8.
    pub(super) fn most_body(&self) -> usize {
        if self.version == 1 { MOST_BODY / 8 * 8 } else { MOST_BODY }
    }

    fn envelope_size(&self) -> usize {
        match (self.version, self.tracks_order()) {
            (1, _) => 8,
            (_, true) => 6,
            (_, false) => 4,
        }
    }

    /// A message in its envelope.
    fn enveloped(&self, m: &Message) -> Result<Vec<u8>> {
        let padded = if self.version == 1 { m.body.len().next_multiple_of(8) } else { m.body.len() };
        let size = u16::try_from(padded).map_err(|_| {
            let message = format!("a message of {} bytes; {MOST_BODY} are possible in an object header", m.body.len());
            Error::limit(message).in_structure(STRUCTURE)
        })?;
        let size = size.to_le_bytes();
        let mut out = Vec::with_capacity(padded + 8);
        if self.version == 1 {
            out.extend(m.kind.to_le_bytes());
            out.extend(size);
            out.extend([m.flags, 0, 0, 0]);
        } else {
            out.push(m.kind as u8);
            out.extend(size);
            out.push(m.flags);
            if self.tracks_order() {
                out.extend(m.order.to_le_bytes());
            }
        }
        let end = out.len() + padded;
        out.extend_from_slice(&m.body);
        out.resize(end, 0);
        Ok(out)
    }
}

/// The phase change of a version 2 prefix, behind its times.
fn phase_change(prefix: &[u8], flags: u8) -> Option<(u16, u16)> {
    let at = 6 + if flags & 0x20 != 0 { 16 } else { 0 };
    let [a, b, c, d] = *prefix.get(at..)?.first_chunk::<4>()?;
    Some((u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])))
}
