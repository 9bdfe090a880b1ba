//! Another dataset's chunks through other filters: each is fetched, decoded and filtered by one thread, without going through
//! an array of elements.

use super::chunks::{Chunks, Ready, with_kept};
use super::copy_chunks::Moving;
use super::in_order::in_order;
use super::rechunk::Watch;
use super::session::Session;
use super::writer::{DatasetWriter, Storage};
use crate::dataset::Dataset;
use crate::error::{Context, Result};
use crate::filters::Pipeline;

impl DatasetWriter {
    /// Writes the chunks that `source` stores, if nothing but their filters is to be another. Whether it was done.
    pub(super) fn refilter(&mut self, session: &Session, source: &Dataset, watch: Watch<'_>) -> Result<bool> {
        self.check_open()?;
        let rows = source.shape().first().copied().unwrap_or(0);
        if !self.differs_in_filters(source) {
            return Ok(false);
        }
        let moving = self.moving(source, 0, rows)?;
        let pipeline = Pipeline::new(&self.plan().filters);
        // What is only to be inflated is better read two chunks at once.
        if pipeline.is_empty() && moving.len() as u64 == source.raw().chunk_count(source.node().reader())? {
            return Ok(false);
        }
        let done = match &mut self.storage {
            Storage::Chunked(chunks) => chunks.refilter(session, &pipeline, (source, &moving), watch),
            _ => Ok(()),
        };
        self.give_up_on_error(session, done)?;
        self.reach(rows);
        Ok(true)
    }

    /// Whether nothing is written yet, and chunks here and there have the same elements.
    fn differs_in_filters(&self, source: &Dataset) -> bool {
        let plan = self.plan();
        let Storage::Chunked(chunks) = &self.storage else { return false };
        let alike = plan.chunk() == source.chunk_shape()
            && plan.shape == source.shape()
            && plan.datatype == *source.datatype()
            && !plan.datatype.has_references_to_file()
            && self.fills_as(source);
        let in_order = chunks.is_in_order() && !source.raw().has_plain_edges();
        alike && in_order && self.next_row() == 0 && chunks.placed.all().is_empty()
    }
}

impl Chunks {
    fn refilter(
        &mut self,
        session: &Session,
        pipeline: &Pipeline,
        (source, moving): (&Dataset, &[Moving]),
        watch: Watch<'_>,
    ) -> Result<()> {
        let (raw, reader, chunking) = (source.raw(), source.node().reader(), self.chunking.clone());
        let one = |(number, record): &Moving| {
            let ready = with_kept(|scratch, chunk| {
                raw.whole_chunk(reader, &chunking.offset(*number), record, chunk).on(source.path())?;
                pipeline.encode(chunk, scratch)
            })?;
            Ok((*number, ready))
        };
        let (portion, ahead) = chunking.portions();
        let portions: Vec<&[Moving]> = moving.chunks(portion as usize).collect();
        let filter = |n| portions.get(n as usize).into_iter().flat_map(|p| p.iter()).map(one).collect();
        let mut done = portions.iter();
        in_order(portions.len() as u64, ahead, filter, |ready: Vec<(u64, Ready)>| {
            for (number, (bytes, mask)) in ready {
                self.store_filtered(session, number, &bytes, mask)?;
            }
            watch(done.next().into_iter().flat_map(|p| p.iter()).map(|(_, record)| record.size).sum())
        })
    }
}
