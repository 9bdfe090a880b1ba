//! Elements in external files: what changes, and in which file that is.

use crate::bytes::Address;
use crate::error::{Error, ErrorKind, Result};
use crate::io::{Patch, Reader};
use crate::object::ObjectHeader;
use crate::object::raw_data::{ExternalPiece, RawData, external_pieces};
use std::collections::BTreeMap;

/// The parts of other files that hold the elements of a dataset, one behind the other.
pub(super) struct External {
    pieces: Vec<ExternalPiece>,
    /// All of them as one file.
    reader: Reader,
}

/// Changed bytes, and the name of the file that they are in.
pub(super) type Change = (Vec<u8>, Patch);

impl External {
    pub(super) fn load(header: &ObjectHeader, raw: &RawData, reader: &Reader) -> Result<Option<External>> {
        let Some(pieces) = external_pieces(header, reader)? else { return Ok(None) };
        Ok(raw.external().map(|whole| External { pieces, reader: whole.clone() }))
    }

    /// The names of all files.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|(name, ..)| &**name)
    }

    /// How many bytes they have room for.
    pub(super) fn room(&self) -> Result<u64> {
        self.reader.source().size()
    }

    /// What is there; nobody has written yet to a file that is still to be made.
    pub(super) fn read(&self, at: Address, buffer: &mut [u8]) -> Result<()> {
        match self.reader.raw_into(at, buffer) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                buffer.fill(0);
                Ok(())
            }
            done => done,
        }
    }

    /// Changes by where they are in all files, as those of each.
    pub(super) fn divide(&self, changes: BTreeMap<u64, Vec<u8>>) -> Result<Vec<Change>> {
        let mut divided = Vec::new();
        for (mut at, bytes) in changes {
            let (mut rest, mut start) = (&*bytes, 0u64);
            for (name, offset, size) in &self.pieces {
                let end = start.saturating_add(size.unwrap_or(u64::MAX));
                let length = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX).min(rest.len());
                let (here, behind) = rest.split_at(length);
                if !here.is_empty() {
                    let position = offset.checked_add(at - start).filter(|p| p.checked_add(length as u64).is_some());
                    let position = position.ok_or_else(|| Error::limit("external raw data beyond 64 bits"))?;
                    divided.push((name.clone(), Patch { position, bytes: here.to_vec() }));
                }
                (rest, at, start) = (behind, at + length as u64, end);
            }
            if !rest.is_empty() {
                return Err(Error::mismatch(format!("the external files have no room for {} bytes", rest.len())));
            }
        }
        Ok(divided)
    }
}
