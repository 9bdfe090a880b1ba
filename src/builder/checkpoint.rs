//! Going on with a new file whose writer was stopped: what it has to remember for that.
//!
//! A new file is no HDF5 file before it is committed, but the chunks of its datasets stand in the store from early on.
//! Who notes where they are can begin the file again behind them and write only what is missing.

use super::dataset::DatasetMut;
use super::session::Session;
use super::writer::{DatasetWriter, Storage};
use super::{CreateOptions, FileMut};
use crate::bytes::Address;
use crate::error::{Context, Error, Result};
use crate::index::space::Space;
use crate::io::Store;
use crate::object::chunks::ChunkRecord;
use std::sync::Arc;

/// What of a dataset is stored for good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Rows in whole chunks; what was appended behind them is to be appended again.
    pub rows: u64,
    /// Where the file went on.
    pub end: u64,
    /// Chunks that are stored.
    pub chunks: Vec<CheckpointChunk>,
}

/// A chunk of a [`Checkpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointChunk {
    /// Its number, rows of chunks first.
    pub number: u64,
    /// Where it is.
    pub address: u64,
    /// Its bytes there.
    pub size: u32,
    /// Bit i: it skipped filter i.
    pub mask: u32,
}

impl FileMut {
    /// Begins a file on `store` again: what its first `end` bytes hold of a file that was not committed stays, and is
    /// taken over by [`DatasetMut::resume`]. The options must be those of the first time.
    ///
    /// # Errors
    /// As [`on_store_with`](FileMut::on_store_with); `Unsupported` with a user block.
    pub fn resume_on(store: impl Store + 'static, options: CreateOptions, end: u64) -> Result<FileMut> {
        let session = options.checked()?.begin_at(Arc::new(store), end)?;
        Ok(FileMut { session, staged: None })
    }
}

impl DatasetMut {
    /// Stores the rows that wait, as far as they fill chunks, syncs the store, and says what is stored: the chunks behind
    /// the first `known`. For a dataset in chunks whose rows were appended.
    ///
    /// # Errors
    /// Of kind [`Unsupported`](crate::ErrorKind::Unsupported) for any other dataset, [`Io`](crate::ErrorKind::Io) if the
    /// disk is full, among others.
    pub fn checkpoint(&mut self, known: usize) -> Result<Checkpoint> {
        let (session, _, writer) = self.place_of();
        let mut writer = writer.lock().map_err(|_| Error::conflict("a thread panicked while it wrote"))?;
        writer.checkpoint(session, known).on(self.path())
    }

    /// Takes over what a checkpoint of the same dataset in an earlier run knew, before anything is appended.
    ///
    /// # Errors
    /// Of kind [`Damaged`](crate::ErrorKind::Damaged) if it cannot have been of this dataset and file.
    pub fn resume(&mut self, from: &Checkpoint) -> Result<()> {
        let (session, _, writer) = self.place_of();
        let mut writer = writer.lock().map_err(|_| Error::conflict("a thread panicked while it wrote"))?;
        writer.resume(session, from).on(self.path())
    }
}

fn unsupported() -> Error {
    Error::unsupported("a checkpoint of a dataset that is not appended to in chunks of whole rows")
}

impl DatasetWriter {
    fn checkpoint(&mut self, session: &Session, known: usize) -> Result<Checkpoint> {
        self.check_open()?;
        let stored = self.store_whole_chunks(session);
        self.give_up_on_error(session, stored)?;
        let end = session.with(|open| {
            open.heap.flush(&mut open.space)?;
            open.space.sync()?;
            Ok(open.space.end())
        })?;
        let Storage::Chunked(chunks) = &self.storage else {
            return Err(unsupported());
        };
        let stored = chunks.placed.all().get(known..).unwrap_or_default();
        let stored = stored.iter().map(|c| CheckpointChunk {
            number: c.number,
            address: c.address.get(),
            size: c.size,
            mask: c.mask,
        });
        Ok(Checkpoint { rows: self.stored_rows(), end, chunks: stored.collect() })
    }

    fn resume(&mut self, session: &Session, from: &Checkpoint) -> Result<()> {
        let end = session.with(|open| Ok(open.space.end()))?;
        let Storage::Chunked(chunks) = &mut self.storage else {
            return Err(unsupported());
        };
        if chunks.open.is_some() || chunks.in_line.is_some() || !chunks.placed.all().is_empty() {
            return Err(unsupported());
        }
        let rows = chunks.chunking.rows();
        let wanted = (from.rows / rows.max(1)).checked_mul(chunks.chunking.in_a_row());
        let in_order = (0..).zip(&from.chunks).all(|(n, c)| c.number == n);
        if !from.rows.is_multiple_of(rows) || wanted != Some(from.chunks.len() as u64) || !in_order {
            return Err(Error::damaged("a checkpoint of other chunks"));
        }
        for chunk in &from.chunks {
            if chunk.address.checked_add(chunk.size.into()).is_none_or(|e| e > end) {
                return Err(Error::damaged("a checkpoint of a chunk behind the end of the file"));
            }
            let record = ChunkRecord { address: Address(chunk.address), size: chunk.size.into(), mask: chunk.mask };
            chunks.place(chunk.number, record.address, &record)?;
        }
        self.cover(from.rows);
        self.reach(from.rows);
        Ok(())
    }
}

impl Space {
    /// Writes what waits, and returns when it would survive a power cut.
    fn sync(&mut self) -> Result<()> {
        self.flush()?;
        self.store().sync()
    }
}

#[cfg(test)]
mod tests {
    use crate::io::MemoryStore;
    use crate::{Checkpoint, CreateOptions, Element, File, FileMut, VarLen};

    /// Appends rows until `stop`, then begins anew from a checkpoint; the file must be the same as without.
    fn resumed<T: Element + Clone>(rows: &[T], chunk: u64, filtered: bool) -> (Vec<u8>, Vec<u8>) {
        let make = |file: &mut FileMut| {
            let dataset = file.build("x").element::<T>().shape([0]).extendible().chunks([chunk]);
            (if filtered { dataset.shuffle().deflate(4) } else { dataset }).create().unwrap()
        };
        let half = rows.len() / 2 + 3;
        let whole = MemoryStore::default();
        let mut file = FileMut::on_store(whole.clone());
        let mut dataset = make(&mut file);
        dataset.append(&rows[..half]).unwrap();
        let first = dataset.checkpoint(0).unwrap();
        // The same without a stop; then the stop.
        let torn = MemoryStore::default();
        crate::io::Store::write_at(&torn, 0, &whole.bytes()[..first.end as usize]).unwrap();
        dataset.append(&rows[half..]).unwrap();
        drop(dataset);
        file.commit().unwrap();

        let mut file = FileMut::resume_on(torn.clone(), CreateOptions::new(), first.end).unwrap();
        let mut dataset = make(&mut file);
        dataset.resume(&first).unwrap();
        assert_eq!(dataset.rows(), first.rows);
        dataset.append(&rows[first.rows as usize..]).unwrap();
        drop(dataset);
        file.commit().unwrap();
        (whole.bytes(), torn.bytes())
    }

    #[test]
    fn a_resumed_file_is_the_file() {
        let numbers: Vec<u32> = (0..10_007).map(|n| n * n / 7).collect();
        for filtered in [false, true] {
            let (whole, torn) = resumed(&numbers, 64, filtered);
            assert!(whole == torn, "filtered: {filtered}");
            let read: Vec<u32> = File::from_bytes(torn).unwrap().dataset("x").unwrap().read().unwrap();
            assert_eq!(read, numbers);
        }
    }

    #[test]
    fn variable_length_rows_are_kept_too() {
        let rows: Vec<VarLen<u8>> = (0..700usize).map(|n| VarLen(vec![n as u8; n * 37 % 20_000])).collect();
        let (_, torn) = resumed(&rows, 16, false);
        let read: Vec<VarLen<u8>> = File::from_bytes(torn).unwrap().dataset("x").unwrap().read().unwrap();
        assert_eq!(read, rows);
    }

    #[test]
    fn a_checkpoint_of_something_else_is_refused() {
        let mut file = FileMut::resume_on(MemoryStore::default(), CreateOptions::new(), 500).unwrap();
        let mut dataset = file.build("x").element::<u8>().shape([0]).extendible().chunks([100]).create().unwrap();
        let chunk = |number, address| crate::CheckpointChunk { number, address, size: 100, mask: 0 };
        let with = |rows, chunks: &[_]| Checkpoint { rows, end: 500, chunks: chunks.to_vec() };
        for wrong in [
            with(100, &[]),
            with(150, &[chunk(0, 48)]),
            with(100, &[chunk(1, 48)]),
            with(100, &[chunk(0, 450)]),
            with(100, &[chunk(0, u64::MAX)]),
        ] {
            assert!(dataset.resume(&wrong).is_err(), "{wrong:?}");
        }
    }
}
