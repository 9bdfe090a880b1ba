//! The second pass: files → rows of the data set, on all threads, in order, in bounded memory.
//!
//! Files are taken in batches. While one batch is being written the next is decoded, each image straight into its
//! row; rows of files that could not be read are closed up before the batch is handed on. So what is written does
//! not depend on the number of threads, and no more than two batches are in memory.

use super::gate::{Gate, Pass};
use super::picture::{self, Depth, Look, Sample, Samples, Studio};
use super::report::{Changes, Skipped};
use super::scan::Entry;
use super::survey;
use crate::commands::Progress;
use crate::error::{Error, ErrorKind, Result};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What the pipeline is told of a file.
pub(super) trait Files: Sync {
    /// Where to open it.
    fn path(&self, entry: &Entry) -> PathBuf;
    /// What it is called in messages.
    fn relative(&self, entry: &Entry) -> String;
    /// What it is called in the set, and the number of its class.
    fn name_and_label(&self, entry: &Entry) -> (String, i64);
}

/// Where rows go. `T` is a sample, or all bytes of a file.
pub(super) trait Sink<T>: Send {
    /// Appends some images with their names and labels.
    fn append(&mut self, batch: &Batch<T>) -> Result<()>;
}

/// Some images, one behind the other.
pub(super) struct Batch<T> {
    pub(super) images: Vec<T>,
    pub(super) names: Vec<String>,
    pub(super) labels: Vec<i64>,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) images: u64,
    /// How many images have each label.
    pub(super) labels: BTreeMap<i64, u64>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) more_frames: Changes,
    pub(super) scaled: Changes,
}

/// The work at hand, shared by all threads.
pub(super) struct Pipeline<'a> {
    pub(super) files: &'a dyn Files,
    pub(super) max_pixels: u64,
    /// Whether the first file that cannot be read ends it.
    pub(super) strict: bool,
    pub(super) progress: &'a dyn Progress,
    gate: Gate,
    desks: Mutex<Vec<Desk>>,
}

/// What a thread needs for one image after the other.
#[derive(Default)]
struct Desk {
    file: Vec<u8>,
    pixels: Vec<u8>,
    studio: Studio,
}

/// What is worth saying of an image that was stored.
#[derive(Clone, Copy, Default)]
struct Remarks {
    more_frames: bool,
    scaled: bool,
}

/// Memory for pictures that are being decoded, for each thread; what needs more than all of it is decoded alone.
const MEMORY: u64 = 64 << 20;
/// Bytes of a batch, unless a single image has more.
const BATCH_BYTES: usize = 8 << 20;
/// Images in a batch at most, so that Ctrl-C is heard soon.
const BATCH_IMAGES: usize = 512;
/// Scratch memory that a thread keeps for the next image.
const KEPT: usize = 16 << 20;

impl<'a> Pipeline<'a> {
    pub(super) fn new(files: &'a dyn Files, max_pixels: u64, strict: bool, progress: &'a dyn Progress) -> Pipeline<'a> {
        let gate = Gate::new(MEMORY.saturating_mul(rayon::current_num_threads() as u64));
        let desks = Mutex::default();
        Pipeline { files, max_pixels, strict, progress, gate, desks }
    }

    /// Renders all of `entries` to rows of `row` samples and hands them to `sink`.
    ///
    /// # Errors
    /// Those of the sink; that the user asked to stop; if strict, the first file that cannot be read.
    pub(super) fn pixels<T: Sample>(
        &self,
        entries: &[Entry],
        look: &Look,
        row: usize,
        sink: &mut dyn Sink<T>,
    ) -> Result<Tally> {
        let bytes = (row * size_of::<T>()).max(1);
        // An image for each thread even if that is more, within reason.
        let least = (8 * BATCH_BYTES / bytes).clamp(1, rayon::current_num_threads().min(BATCH_IMAGES));
        let batches = entries.chunks((BATCH_BYTES / bytes).clamp(least, BATCH_IMAGES));
        self.run(batches, sink, |entries, batch, tally| {
            batch.images.resize(entries.len() * row, T::default());
            let rows = batch.images.par_chunks_exact_mut(row);
            let results = rows.zip(entries).map(|(row, entry)| self.render(entry, look, row));
            let results: Vec<Result<Remarks>> = results.collect();
            let mut kept = 0;
            for (i, (entry, result)) in entries.iter().zip(results).enumerate() {
                if self.keep(entry, result, batch, tally)? {
                    if kept < i {
                        batch.images.copy_within(i * row..(i + 1) * row, kept * row);
                    }
                    kept += 1;
                }
            }
            batch.images.truncate(kept * row);
            Ok(())
        })
    }

    /// Hands all bytes of each of `entries` to `sink`.
    ///
    /// # Errors
    /// As of [`pixels`](Self::pixels).
    pub(super) fn bytes(&self, entries: &[Entry], sink: &mut dyn Sink<Vec<u8>>) -> Result<Tally> {
        let sizes: Vec<u64> = entries.par_iter().map(|entry| self.size(entry)).collect();
        let mut rest = entries;
        let mut sizes = sizes.as_slice();
        let batches = std::iter::from_fn(|| {
            let mut total = 0u64;
            let fits = |&&size: &&u64| {
                total = total.saturating_add(size);
                total <= BATCH_BYTES as u64
            };
            let n = sizes.iter().take(BATCH_IMAGES).take_while(fits).count().max(1).min(rest.len());
            let (batch, tail) = rest.split_at(n);
            (rest, sizes) = (tail, sizes.get(n..).unwrap_or_default());
            (!batch.is_empty()).then_some(batch)
        });
        self.run(batches, sink, |entries, batch, tally| {
            let read = |entry: &Entry| -> Result<Vec<u8>> {
                self.heed_stop()?;
                let mut bytes = Vec::new();
                read_file(&self.files.path(entry), u64::MAX, &mut bytes)?;
                self.progress.advance(1);
                Ok(bytes)
            };
            let results: Vec<Result<Vec<u8>>> = entries.par_iter().map(read).collect();
            batch.images.clear();
            for (entry, result) in entries.iter().zip(results) {
                let (bytes, result) = match result {
                    Ok(bytes) => (bytes, Ok(Remarks::default())),
                    Err(error) => (Vec::new(), Err(error)),
                };
                if self.keep(entry, result, batch, tally)? {
                    batch.images.push(bytes);
                }
            }
            Ok(())
        })
    }

    /// Rows of up to `count` images from all over the set, for a look at what they are like.
    pub(super) fn samples<T: Sample>(&self, entries: &[Entry], look: &Look, row: usize, count: usize) -> Vec<Vec<T>> {
        let step = entries.len().div_ceil(count).max(1);
        let chosen: Vec<&Entry> = entries.iter().step_by(step).collect();
        let render = |entry: &&Entry| {
            let mut samples = vec![T::default(); row];
            self.render_quietly(entry, look, &mut samples).ok().map(|_| samples)
        };
        chosen.par_iter().filter_map(render).collect()
    }

    /// Fills one batch with `fill` while the one before is being appended.
    fn run<'e, T: Send + Sync>(
        &self,
        batches: impl Iterator<Item = &'e [Entry]>,
        sink: &mut dyn Sink<T>,
        mut fill: impl FnMut(&[Entry], &mut Batch<T>, &mut Tally) -> Result<()> + Send,
    ) -> Result<Tally> {
        let empty = || Batch { images: Vec::new(), names: Vec::new(), labels: Vec::new() };
        let (mut ready, mut next, mut tally) = (empty(), empty(), Tally::default());
        for entries in batches {
            next.names.clear();
            next.labels.clear();
            let write = || {
                if ready.names.is_empty() { Ok(()) } else { sink.append(&ready) }
            };
            let (written, filled) = rayon::join(write, || fill(entries, &mut next, &mut tally));
            written?;
            filled?;
            std::mem::swap(&mut ready, &mut next);
        }
        if !ready.names.is_empty() {
            sink.append(&ready)?;
        }
        Ok(tally)
    }

    /// Notes what became of a file; says whether it is to be stored.
    fn keep<T>(&self, entry: &Entry, result: Result<Remarks>, batch: &mut Batch<T>, tally: &mut Tally) -> Result<bool> {
        let file = || self.files.relative(entry);
        match result {
            Ok(Remarks { more_frames, scaled }) => {
                if more_frames {
                    tally.more_frames.add(file);
                }
                if scaled {
                    tally.scaled.add(file);
                }
                let (name, label) = self.files.name_and_label(entry);
                batch.names.push(name);
                batch.labels.push(label);
                *tally.labels.entry(label).or_default() += 1;
                tally.images += 1;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            Err(error) if self.strict => Err(error.on(file())),
            Err(error) => {
                tally.skipped.push(Skipped { file: file(), reason: error.to_string() });
                Ok(false)
            }
        }
    }

    fn render<T: Sample>(&self, entry: &Entry, look: &Look, row: &mut [T]) -> Result<Remarks> {
        self.heed_stop()?;
        let remarks = self.render_quietly(entry, look, row);
        self.progress.advance(1);
        remarks
    }

    fn render_quietly<T: Sample>(&self, entry: &Entry, look: &Look, row: &mut [T]) -> Result<Remarks> {
        let mut desk = self.desks.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let path = self.files.path(entry);
        // A decoder that panics must not end a run over a million files. Its desk is not used again.
        let remarks = std::panic::catch_unwind(AssertUnwindSafe(|| self.render_at(&mut desk, &path, look, row)));
        let remarks = remarks.map_err(|_| Error::new(ErrorKind::Damaged, "the decoder failed at it"))?;
        if desk.file.capacity() > KEPT {
            desk.file = Vec::new();
        }
        if desk.pixels.capacity() > KEPT {
            desk.pixels = Vec::new();
        }
        self.desks.lock().unwrap_or_else(PoisonError::into_inner).push(desk);
        remarks
    }

    fn render_at<T: Sample>(&self, desk: &mut Desk, path: &Path, look: &Look, row: &mut [T]) -> Result<Remarks> {
        // No format spends more on a pixel than this; what is longer is not read at all.
        let limit = self.max_pixels.saturating_mul(32).saturating_add(64 << 20);
        let mut pass: Option<Pass<'_>> = None;
        if self.size_of(path) > MEMORY {
            // Read alone, before a size in pixels is known. Never two passes at once: threads could wait for each other.
            pass = Some(self.gate.enter(u64::MAX));
        }
        read_file(path, limit, &mut desk.file)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let format = survey::format_of(&desk.file, &name)?;
        let pixels = std::mem::take(&mut desk.pixels);
        let raster = picture::decode(&desk.file, format, pixels, &mut |header| {
            survey::check(header, self.max_pixels)?;
            if pass.is_none() {
                pass = Some(self.gate.enter(header.memory()));
            }
            Ok(())
        })?;
        let depth = match raster.samples {
            Samples::U8(_) => Depth::Eight,
            Samples::U16(_) => Depth::Sixteen,
            Samples::F32(_) => Depth::Float,
        };
        let samples = look.render(raster, row, &mut desk.studio)?;
        desk.pixels = T::into_bytes(samples);
        Ok(Remarks { more_frames: picture::has_more(&desk.file, format), scaled: depth != T::DEPTH })
    }

    fn size(&self, entry: &Entry) -> u64 {
        self.size_of(&self.files.path(entry))
    }

    fn size_of(&self, path: &Path) -> u64 {
        std::fs::metadata(path).map_or(0, |metadata| metadata.len())
    }

    fn heed_stop(&self) -> Result<()> {
        if self.progress.stopped() {
            return Err(Error::new(ErrorKind::Interrupted, "stopped; nothing was written"));
        }
        Ok(())
    }
}

/// Reads a whole file into memory that is reused.
fn read_file(path: &Path, limit: u64, bytes: &mut Vec<u8>) -> Result<()> {
    bytes.clear();
    let read = File::open(path)?.take(limit.saturating_add(1)).read_to_end(bytes)?;
    if read as u64 > limit {
        return Err(Error::new(
            ErrorKind::Limit,
            format!("the file is larger than any picture within --max-pixels: {limit} bytes"),
        ));
    }
    Ok(())
}
