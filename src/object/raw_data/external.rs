//! External raw data: parts of other files, one behind the other, as one source of bytes.

use crate::error::{Error, Result};
use crate::format::local_heap::{LocalHeap, string_at};
use crate::format::message::external_files::{ExternalFiles, Slot};
use crate::io::{Reader, Search, Source, read_or_zeros};
use std::sync::{Arc, Mutex, PoisonError};

/// Files kept open.
const MOST_OPEN: usize = 8;

/// The slots of a dataset as one run of bytes.
pub(super) struct Slots {
    /// Of the HDF5 file: knows its neighbours.
    reader: Reader,
    slots: Vec<Part>,
    /// The files used last, the newest in front, by slot.
    open: Mutex<Vec<(usize, Arc<dyn Source>)>>,
}

struct Part {
    name: Vec<u8>,
    /// The first byte in the file.
    offset: u64,
    /// The first byte, and the one behind the last, of the whole.
    start: u64,
    end: u64,
}

/// A part of a file: its name, the first byte, how many.
pub(crate) type ExternalPiece = (Vec<u8>, u64, Option<u64>);

/// What the slots of a message stand for.
pub(super) fn pieces(files: &ExternalFiles, reader: &Reader) -> Result<Vec<ExternalPiece>> {
    let w = reader.widths();
    let heap = LocalHeap::decode(&reader.metadata(files.heap, LocalHeap::size(w))?, w)?;
    let names = reader.metadata(heap.data, heap.data_size)?;
    let piece = |slot: &Slot| Ok((string_at(&names, slot.name)?.to_vec(), slot.offset, slot.size.0));
    files.slots.iter().map(piece).collect()
}

impl Slots {
    pub(super) fn new(files: &ExternalFiles, reader: &Reader) -> Result<Slots> {
        let mut slots = Vec::with_capacity(files.slots.len());
        let mut start = 0u64;
        for (name, offset, size) in pieces(files, reader)? {
            let end = start.saturating_add(size.unwrap_or(u64::MAX));
            slots.push(Part { name, offset, start, end });
            start = end;
        }
        Ok(Slots { reader: reader.clone(), slots, open: Mutex::default() })
    }

    /// The file of a slot.
    fn file(&self, slot: usize) -> Result<Arc<dyn Source>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|(s, _)| *s == slot) {
            let used = open.remove(at);
            open.insert(0, used.clone());
            return Ok(used.1);
        }
        let name = &self.slots[slot].name;
        let shown = || String::from_utf8_lossy(name).into_owned();
        let neighbours = self.reader.neighbours().ok_or_else(|| {
            Error::unsupported(format!("external raw data in {}: a file that is not on disk has no others", shown()))
        })?;
        let found = neighbours.find(name, Search::RawData)?;
        let found =
            found.ok_or_else(|| Error::not_found(format!("external raw data: there is no file {}", shown())))?;
        let file = found.open(false)?;
        open.insert(0, (slot, file.clone()));
        open.truncate(MOST_OPEN);
        Ok(file)
    }
}

impl Source for Slots {
    fn size(&self) -> Result<u64> {
        Ok(self.slots.last().map_or(0, |s| s.end))
    }

    fn read_at(&self, mut position: u64, mut buffer: &mut [u8]) -> Result<()> {
        let first = self.slots.partition_point(|s| s.end <= position);
        for (number, slot) in self.slots.iter().enumerate().skip(first) {
            let n = buffer.len().min(usize::try_from(slot.end - position).unwrap_or(usize::MAX));
            let (part, rest) = buffer.split_at_mut(n);
            if !part.is_empty() {
                let from = slot.offset.checked_add(position - slot.start);
                let from = from.ok_or_else(|| Error::damaged("external raw data beyond 64 bits"))?;
                let file = self.file(number)?;
                read_or_zeros(&*file, from, part)?;
            }
            (position, buffer) = (slot.end, rest);
            if buffer.is_empty() {
                return Ok(());
            }
        }
        Err(Error::damaged(format!("external raw data end {} bytes too early", buffer.len())))
    }
}
