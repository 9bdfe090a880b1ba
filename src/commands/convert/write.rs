//! Rows of images, labels and names → the datasets of a new file.
//!
//! Everything that knows the HDF5 side of a conversion is here.

use super::journal::{Draft, Line, State};
use super::keys::Scheme;
use super::pipeline::{Batch, Files, Sink};
use super::scan::Entry;
use crate::commands::{Progress, output};
use crate::error::{Error, Result};
use crate::filter::FilterSpec;
use crate::{CreateOptions, DatasetMut, Element, FileMut};

/// How the images are stored.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    /// Shape of one image; empty if an image is one element.
    pub(super) shape: Vec<u64>,
    /// Images in a chunk.
    pub(super) chunk: u64,
    pub(super) filters: Vec<FilterSpec>,
}

/// Labels and names in a chunk: 8 and 16 KiB.
const CHUNK: u64 = 1024;
/// Labels and names that are appended at a time.
const BLOCK: usize = 4096;

/// The file that is being written. Without [`commit`](Output::commit) nothing of it is left but what can be gone on with.
pub(super) struct Output {
    file: FileMut,
    /// Until all are there.
    images: Option<DatasetMut>,
    scheme: Scheme,
    draft: Draft,
    pub(super) state: State,
    /// How many rows there are, and how many bytes of them since the last line of the journal.
    rows: u64,
    fresh: u64,
    /// After how many bytes the next line is written.
    every: u64,
    /// What the journal has of the state's lists.
    noted: (usize, usize),
}

impl Output {
    /// Begins the file with an empty dataset of images, or with those of `state`.
    ///
    /// # Errors
    /// Those of the file system; `Damaged` if `state` is of another file.
    pub(super) fn create<T: Element>(
        draft: Draft,
        state: Option<State>,
        storage: &Storage,
        scheme: Scheme,
        every: u64,
    ) -> Result<Output> {
        let state = state.unwrap_or_default();
        let mut file = FileMut::resume_on(draft.store(), CreateOptions::new(), state.stored.end)?;
        let shape: Vec<u64> = std::iter::once(0).chain(storage.shape.iter().copied()).collect();
        let chunk: Vec<u64> = std::iter::once(storage.chunk).chain(storage.shape.iter().copied()).collect();
        let mut images = file.build(&scheme.images).element::<T>().shape(shape).extendible().chunks(chunk);
        for filter in &storage.filters {
            images = images.filter(filter.clone());
        }
        let mut images = images.create()?;
        images.resume(&state.stored)?;
        let noted = (state.dropped.len(), state.skipped.len());
        Ok(Output { file, images: Some(images), scheme, draft, rows: state.stored.rows, state, fresh: 0, every, noted })
    }

    /// How many images there are.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// What is left if the work ends now, in words.
    pub(super) fn left(&self) -> Option<String> {
        self.draft.left()
    }

    /// Makes all that is stored so far something to go on with.
    fn checkpoint(&mut self) -> Result<()> {
        let known = self.state.stored.chunks.len();
        let mut stored = self.images.as_mut().ok_or_else(over)?.checkpoint(known)?;
        let place = place_of(stored.rows, &self.state.dropped).min(self.state.place);
        let new = std::mem::take(&mut stored.chunks);
        let State { dropped, skipped, more_frames, scaled, .. } = &self.state;
        let before = (dropped.partition_point(|d| *d < place), skipped.partition_point(|(d, _)| *d < place));
        self.draft.note(&Line {
            rows: stored.rows,
            end: stored.end,
            place,
            chunks: new.iter().map(|c| (c.address, c.size, c.mask)).collect(),
            dropped: dropped.get(self.noted.0..before.0).unwrap_or_default().to_vec(),
            skipped: skipped.get(self.noted.1..before.1).unwrap_or_default().to_vec(),
            more_frames: more_frames.clone(),
            scaled: scaled.clone(),
        })?;
        self.noted = before;
        self.fresh = 0;
        self.state.stored.chunks.extend(new);
        Ok(())
    }

    /// Adds the names and labels of all images that are stored; returns how many have each label.
    pub(super) fn names(
        &mut self,
        entries: &[Entry],
        files: &dyn Files,
        classes: &[String],
        labelled: bool,
        progress: &dyn Progress,
    ) -> Result<std::collections::BTreeMap<i64, u64>> {
        // The last rows go into the file before anything else, wherever it was gone on with.
        self.images = None;
        let one_hot = self.scheme.one_hot && labelled;
        let width = classes.len() as u64;
        let mut labels = match (labelled, one_hot) {
            (false, _) => None,
            (true, false) => {
                Some(self.file.build(&self.scheme.labels).element::<i64>().shape([0]).extendible().chunks([CHUNK]))
            }
            (true, true) => {
                let rows = (CHUNK / width.max(1)).max(1);
                let labels = self.file.build(&self.scheme.labels).element::<f32>();
                Some(labels.shape([0, width]).extendible().chunks([rows, width]))
            }
        };
        let mut labels = labels.take().map(|labels| labels.create()).transpose()?;
        if let Some(labels) = labels.as_mut().filter(|_| !classes.is_empty()) {
            labels.set_attribute("class_names", classes)?;
        }
        let names = self.file.build("filenames").element::<String>().shape([0]).extendible().chunks([CHUNK]);
        let mut names = names.create()?;
        let mut counts = std::collections::BTreeMap::new();
        let mut dropped = self.state.dropped.clone().into_iter().peekable();
        let frames = entries.iter().flat_map(|entry| (0..entry.frames).map(move |frame| (entry, frame)));
        let stored = (0u64..).zip(frames).filter(|(place, _)| dropped.next_if_eq(place).is_none());
        let mut stored = stored.map(|(_, (entry, frame))| files.name_and_label(entry, frame)).peekable();
        while stored.peek().is_some() {
            output::stop_if_asked(progress)?;
            let (block, numbers): (Vec<String>, Vec<i64>) = stored.by_ref().take(BLOCK).unzip();
            numbers.iter().for_each(|&label| *counts.entry(label).or_default() += 1);
            names.append(&block)?;
            match &mut labels {
                Some(labels) if one_hot => {
                    let row = |&label: &i64| (0..width as i64).map(move |class| f32::from(class == label));
                    labels.append(numbers.iter().flat_map(row).collect::<Vec<f32>>())?;
                }
                Some(labels) => labels.append(&numbers)?,
                None => {}
            }
        }
        if let Some(name) = self.scheme.classes.filter(|_| labelled && !classes.is_empty()) {
            let longest = classes.iter().map(String::len).max().unwrap_or(0).max(1);
            let list = self.file.build(name).fixed_strings(longest as u32);
            list.write(classes)?;
        }
        if names.rows() != self.rows {
            let (names, rows) = (names.rows(), self.rows);
            return Err(Error::invalid(format!("{names} names for {rows} images; nothing was written")));
        }
        Ok(counts)
    }

    /// Completes the file: where all this comes from, and its name.
    pub(super) fn commit(self, about: &[(&str, String)]) -> Result<()> {
        let Output { mut file, draft, .. } = self;
        for (name, value) in about {
            file.set_attribute(name, value.as_str())?;
        }
        file.commit()?;
        draft.finish()
    }
}

impl<T: Element> Sink<T> for Output {
    fn append(&mut self, batch: &Batch<T>) -> Result<()> {
        self.images.as_mut().ok_or_else(over)?.append(&batch.images)?;
        self.rows += batch.rows;
        self.fresh += batch.bytes;
        let state = &mut self.state;
        state.place = batch.end;
        state.dropped.extend(&batch.dropped);
        state.skipped.extend(batch.skipped.iter().cloned());
        state.more_frames.join(&batch.more_frames);
        state.scaled.join(&batch.scaled);
        if self.fresh >= self.every {
            self.checkpoint()?;
        }
        Ok(())
    }
}

fn over() -> Error {
    Error::invalid("the images are complete already")
}

/// The place behind so many stored images, and behind what is dropped right after them.
fn place_of(rows: u64, dropped: &[u64]) -> u64 {
    let mut place = rows;
    for &drop in dropped {
        if drop > place {
            break;
        }
        place += 1;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_places_differ_by_what_is_dropped() {
        assert_eq!(place_of(3, &[]), 3);
        assert_eq!(place_of(3, &[1, 3]), 5);
        assert_eq!(place_of(3, &[1, 3, 5, 7]), 6);
        assert_eq!(place_of(0, &[0, 1]), 2);
    }
}
