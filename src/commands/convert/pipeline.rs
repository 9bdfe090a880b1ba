//! The second pass: files → rows of the data set, on all threads, in order, in bounded memory.
//!
//! Files are taken in batches. While one batch is being written the next is decoded, each image straight into its
//! row; rows of files that could not be read are closed up before the batch is handed on. So what is written does
//! not depend on the number of threads, and no more than two batches are in memory.

use super::gate::{Gate, Pass};
use super::picture::{self, Header, Look, Raster, Sample, Studio};
use super::report::{Changes, Skipped};
use super::scan::Entry;
use super::survey;
use crate::commands::{Progress, output};
use crate::error::{Error, ErrorKind, Result};
use rayon::prelude::*;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What the pipeline is told of a file.
pub(super) trait Files: Sync {
    /// Where to open it.
    fn path(&self, entry: &Entry) -> PathBuf;
    /// What it is called in messages.
    fn relative(&self, entry: &Entry) -> String;
    /// What one of its frames is called in the set, and the number of its class.
    fn name_and_label(&self, entry: &Entry, frame: u32) -> (String, i64);
}

/// Where rows go. `T` is a sample, or all bytes of a file.
pub(super) trait Sink<T>: Send {
    /// Appends some images.
    fn append(&mut self, batch: &Batch<T>) -> Result<()>;
}

/// Some images, one behind the other. Every frame of every file has a place, counted from 0, whether it is stored or not.
#[derive(Default)]
pub(super) struct Batch<T> {
    pub(super) images: Vec<T>,
    /// How many images these are.
    pub(super) rows: u64,
    /// And how many bytes.
    pub(super) bytes: u64,
    /// The place behind the last one that was looked at.
    pub(super) end: u64,
    /// Places that are not stored, in order, since the batch before.
    pub(super) dropped: Vec<u64>,
    /// Why, for each file.
    pub(super) skipped: Vec<(u64, Skipped)>,
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
    /// Bytes of a batch, unless a single image has more.
    batch_bytes: usize,
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

impl Desk {
    /// Gives back memory that only a large picture needs.
    fn trim(&mut self) {
        if self.file.capacity() > KEPT {
            self.file = Vec::new();
        }
        if self.pixels.capacity() > KEPT {
            self.pixels = Vec::new();
        }
    }
}

/// A file, or some of its frames.
struct Item<'e> {
    entry: &'e Entry,
    /// The place of the first of these frames.
    place: u64,
    frames: Range<u32>,
}

/// Cuts entries into batches.
struct Items<'e> {
    entries: std::slice::Iter<'e, Entry>,
    /// The entry that goes on in the next batch, with the first of its frames that is left.
    open: Option<(&'e Entry, u32)>,
    /// The place of the next frame.
    place: u64,
}

impl<'e> Items<'e> {
    fn skip_to(&mut self, place: u64) {
        while self.place < place {
            let Some(entry) = self.entries.next() else { return };
            let rest = place - self.place;
            if rest < u64::from(entry.frames) {
                self.open = Some((entry, rest as u32));
                self.place = place;
            } else {
                self.place += u64::from(entry.frames);
            }
        }
    }

    fn batch(&mut self, cost: &impl Fn(&Entry) -> u64, most: u64) -> Vec<Item<'e>> {
        let (mut items, mut total): (Vec<Item<'e>>, u64) = (Vec::new(), 0);
        while let Some((entry, first)) = self.open.take().or_else(|| self.entries.next().map(|entry| (entry, 0))) {
            let each = cost(entry).max(1);
            let room = u32::try_from(most.saturating_sub(total) / each).unwrap_or(u32::MAX);
            let frames = (entry.frames - first).min(if items.is_empty() { room.max(1) } else { room });
            if frames > 0 {
                items.push(Item { entry, place: self.place, frames: first..first + frames });
                self.place += u64::from(frames);
                total = total.saturating_add(each.saturating_mul(frames.into()));
            }
            if first + frames < entry.frames {
                self.open = Some((entry, first + frames));
                break;
            }
        }
        items
    }
}

/// What is worth saying of an image that was stored.
#[derive(Clone, Copy, Default)]
struct Remarks {
    more_frames: bool,
    scaled: bool,
}

/// Memory for pictures that are being decoded, for each thread; what needs more than all of it is decoded alone.
const MEMORY: u64 = 64 << 20;
/// Bytes of a batch, or fewer if the file is to be gone on from oftener.
const BATCH_BYTES: usize = 8 << 20;
/// Images in a batch at most, so that Ctrl-C is heard soon.
const BATCH_IMAGES: usize = 512;
/// Scratch memory that a thread keeps for the next image.
const KEPT: usize = 16 << 20;

impl<'a> Pipeline<'a> {
    /// Images are handed on at least every `every` bytes.
    pub(super) fn new(
        files: &'a dyn Files,
        max_pixels: u64,
        strict: bool,
        every: u64,
        progress: &'a dyn Progress,
    ) -> Pipeline<'a> {
        let gate = Gate::new(MEMORY.saturating_mul(rayon::current_num_threads() as u64));
        let desks = Mutex::default();
        let batch_bytes = BATCH_BYTES.min(usize::try_from(every).unwrap_or(BATCH_BYTES)).max(1);
        Pipeline { files, max_pixels, strict, progress, batch_bytes, gate, desks }
    }

    /// Renders `entries` from the place `start` on to rows of `row` samples and hands them to `sink`.
    ///
    /// # Errors
    /// Those of the sink; that the user asked to stop; if strict, the first file that cannot be read.
    pub(super) fn pixels<T: Sample>(
        &self,
        entries: &[Entry],
        start: u64,
        look: &Look,
        row: usize,
        sink: &mut dyn Sink<T>,
    ) -> Result<()> {
        let bytes = (row * size_of::<T>()).max(1);
        // An image for each thread even if that is more, within reason.
        let least = (8 * self.batch_bytes / bytes).clamp(1, rayon::current_num_threads().min(BATCH_IMAGES));
        let most = (self.batch_bytes / bytes).clamp(least, BATCH_IMAGES);
        self.run(
            entries,
            start,
            |_| 1,
            most as u64,
            sink,
            |items, batch| {
                let rows: usize = items.iter().map(|item| item.frames.len()).sum();
                batch.images.resize(rows * row, T::default());
                let mut rest = batch.images.as_mut_slice();
                let mut work = Vec::with_capacity(items.len());
                for item in items {
                    let (own, others) = std::mem::take(&mut rest).split_at_mut(item.frames.len() * row);
                    work.push((item, own));
                    rest = others;
                }
                let results = work.into_par_iter().map(|(item, rows)| self.render(item, look, rows, row));
                let results: Vec<Vec<Result<Remarks>>> = results.collect();
                let (mut kept, mut at) = (0, 0);
                for (item, results) in items.iter().zip(results) {
                    let place = item.place;
                    for (i, result) in results.into_iter().enumerate() {
                        if self.keep(item, place + i as u64, result, batch)? {
                            if kept < at {
                                batch.images.copy_within(at * row..(at + 1) * row, kept * row);
                            }
                            kept += 1;
                        }
                        at += 1;
                    }
                }
                batch.images.truncate(kept * row);
                batch.bytes = size_of_val(batch.images.as_slice()) as u64;
                Ok(())
            },
        )
    }

    /// Hands all bytes of each of `entries`, which have one frame each, to `sink`, from the place `start` on.
    ///
    /// # Errors
    /// As of [`pixels`](Self::pixels).
    pub(super) fn bytes(&self, entries: &[Entry], start: u64, sink: &mut dyn Sink<Vec<u8>>) -> Result<()> {
        // Small files count for more than they have, so that there are not too many of them.
        let least = (self.batch_bytes / BATCH_IMAGES) as u64;
        let cost = |entry: &Entry| self.size_of(&self.files.path(entry)).max(least);
        self.run(entries, start, cost, self.batch_bytes as u64, sink, |items, batch| {
            let read = |item: &Item<'_>| -> Result<Vec<u8>> {
                self.heed_stop()?;
                let mut bytes = Vec::new();
                read_file(&self.files.path(item.entry), u64::MAX, &mut bytes)?;
                self.progress.advance(1);
                Ok(bytes)
            };
            let results: Vec<Result<Vec<u8>>> = items.par_iter().map(read).collect();
            batch.images.clear();
            for (item, result) in items.iter().zip(results) {
                let (bytes, result) = match result {
                    Ok(bytes) => (bytes, Ok(Remarks::default())),
                    Err(error) => (Vec::new(), Err(error)),
                };
                if self.keep(item, item.place, result, batch)? {
                    batch.bytes += bytes.len() as u64;
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
            let item = Item { entry, place: 0, frames: 0..1 };
            let results = self.render_quietly(&item, look, &mut samples, row);
            results.into_iter().all(|r| r.is_ok()).then_some(samples)
        };
        chosen.par_iter().filter_map(render).collect()
    }

    /// Fills one batch with `fill` while the one before is being appended. The entries of a batch cost up to `most`, but
    /// for one that costs more alone.
    fn run<T: Send + Sync>(
        &self,
        entries: &[Entry],
        start: u64,
        cost: impl Fn(&Entry) -> u64,
        most: u64,
        sink: &mut dyn Sink<T>,
        mut fill: impl FnMut(&[Item<'_>], &mut Batch<T>) -> Result<()> + Send,
    ) -> Result<()> {
        let empty = || Batch {
            images: Vec::new(),
            rows: 0,
            bytes: 0,
            end: 0,
            dropped: Vec::new(),
            skipped: Vec::new(),
            more_frames: Changes::default(),
            scaled: Changes::default(),
        };
        let mut items = Items { entries: entries.iter(), open: None, place: 0 };
        items.skip_to(start);
        let (mut ready, mut next) = (empty(), empty());
        loop {
            let batch = items.batch(&cost, most);
            let Some(last) = batch.last() else { break };
            next = Batch { images: next.images, end: last.place + last.frames.len() as u64, ..empty() };
            let write = || if ready.end == 0 { Ok(()) } else { sink.append(&ready) };
            let (written, filled) = rayon::join(write, || fill(&batch, &mut next));
            written?;
            filled?;
            std::mem::swap(&mut ready, &mut next);
        }
        if ready.end > 0 { sink.append(&ready) } else { Ok(()) }
    }

    /// Notes what became of an image; says whether it is to be stored.
    fn keep<T>(&self, item: &Item<'_>, place: u64, result: Result<Remarks>, batch: &mut Batch<T>) -> Result<bool> {
        let mut file = self.files.relative(item.entry);
        if item.entry.frames > 1 {
            file = format!("{file}#{}", item.frames.start as u64 + (place - item.place));
        }
        match result {
            Ok(Remarks { more_frames, scaled }) => {
                if more_frames {
                    batch.more_frames.add(|| file.clone());
                }
                if scaled {
                    batch.scaled.add(|| file.clone());
                }
                batch.rows += 1;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            Err(error) if self.strict => Err(error.on(file)),
            Err(error) => {
                batch.dropped.push(place);
                batch.skipped.push((place, Skipped { file, reason: error.to_string() }));
                Ok(false)
            }
        }
    }

    fn render<T: Sample>(&self, item: &Item<'_>, look: &Look, rows: &mut [T], row: usize) -> Vec<Result<Remarks>> {
        if let Err(stopped) = self.heed_stop() {
            return vec![Err(stopped)];
        }
        let results = self.render_quietly(item, look, rows, row);
        self.progress.advance(item.frames.len() as u64);
        results
    }

    /// Renders the frames of an item to rows; there is a result for each.
    fn render_quietly<T: Sample>(
        &self,
        item: &Item<'_>,
        look: &Look,
        rows: &mut [T],
        row: usize,
    ) -> Vec<Result<Remarks>> {
        let mut desk = self.desks.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let path = self.files.path(item.entry);
        let mut results = Vec::with_capacity(1);
        // A decoder that panics must not end a run over a million files. Its desk is not used again.
        let done = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let done = self.render_at(&mut desk, &path, item, look, rows, row, &mut results);
            desk.trim();
            self.desks.lock().unwrap_or_else(PoisonError::into_inner).push(desk);
            done
        }));
        let done = done.unwrap_or_else(|_| Err(Error::new(ErrorKind::Damaged, "the decoder failed at it")));
        if let Err(error) = done {
            while results.len() + 1 < item.frames.len() {
                results.push(Err(Error::new(error.kind(), error.message())));
            }
            results.push(Err(error));
        }
        results
    }

    #[allow(clippy::too_many_arguments, reason = "one picture's way from its file to its rows")]
    fn render_at<T: Sample>(
        &self,
        desk: &mut Desk,
        path: &Path,
        item: &Item<'_>,
        look: &Look,
        rows: &mut [T],
        row: usize,
        results: &mut Vec<Result<Remarks>>,
    ) -> Result<()> {
        // No format spends more on a pixel than this; what is longer is not read at all.
        let pixels = self.max_pixels.saturating_mul(item.entry.frames.into());
        let limit = pixels.saturating_mul(32).saturating_add(64 << 20);
        let mut pass: Option<Pass<'_>> = None;
        if self.size_of(path) > MEMORY {
            // Read alone, before a size in pixels is known. Never two passes at once: threads could wait for each other.
            pass = Some(self.gate.enter(u64::MAX));
        }
        let Desk { file, pixels, studio } = desk;
        read_file(path, limit, file)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let format = survey::format_of(file, &name)?;
        let mut admit = |header: &Header| {
            survey::check(header, self.max_pixels)?;
            if pass.is_none() {
                pass = Some(self.gate.enter(header.memory()));
            }
            Ok(())
        };
        if item.entry.frames == 1 {
            let raster = picture::decode(file, format, std::mem::take(pixels), Some(look), &mut admit)?;
            let scaled = raster.depth() != T::DEPTH;
            *pixels = T::into_bytes(look.render(raster, rows, studio)?);
            results.push(Ok(Remarks { more_frames: picture::has_more(file, format), scaled }));
            return Ok(());
        }
        let mut rows = rows.chunks_exact_mut(row);
        let mut take = |raster: Result<Raster>| {
            let Some(row) = rows.next() else { return };
            results.push(raster.and_then(|raster| {
                let scaled = raster.depth() != T::DEPTH;
                look.render(raster, row, studio)?;
                Ok(Remarks { more_frames: false, scaled })
            }));
        };
        picture::decode_frames(file, format, item.frames.clone(), &mut admit, &mut take)
    }

    fn size_of(&self, path: &Path) -> u64 {
        std::fs::metadata(path).map_or(0, |metadata| metadata.len())
    }

    fn heed_stop(&self) -> Result<()> {
        output::stop_if_asked(self.progress)
    }
}

/// Reads a whole file into memory that is reused. A file that changes meanwhile is refused: what was read of it may never
/// have been in it.
fn read_file(path: &Path, limit: u64, bytes: &mut Vec<u8>) -> Result<()> {
    read_steadily(path, limit, bytes, || ())
}

/// As [`read_file`]; `meanwhile` is called when all is read and not yet compared.
fn read_steadily(path: &Path, limit: u64, bytes: &mut Vec<u8>, meanwhile: impl FnOnce()) -> Result<()> {
    bytes.clear();
    let mut file = File::open(path)?;
    let before = file.metadata()?;
    if before.len() > limit {
        return Err(Error::new(
            ErrorKind::Limit,
            format!("the file is larger than any picture within --max-pixels: {limit} bytes"),
        ));
    }
    bytes.reserve(before.len() as usize + 1);
    let read = Read::by_ref(&mut file).take(limit.saturating_add(1)).read_to_end(bytes)?;
    meanwhile();
    let after = file.metadata()?;
    let same_time = before.modified().ok() == after.modified().ok();
    if read as u64 != before.len() || after.len() != before.len() || !same_time {
        return Err(Error::new(ErrorKind::Conflict, "the file changed while it was read"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_that_changes_while_it_is_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        std::fs::write(&path, vec![7; 5000]).unwrap();
        let read = |meanwhile: &dyn Fn()| read_steadily(&path, 1 << 20, &mut Vec::new(), meanwhile);
        assert!(read(&|| ()).is_ok());
        let grow = || std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"x").unwrap();
        assert!(read(&grow).unwrap_err().to_string().contains("changed while"));
        let cut = || std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(10).unwrap();
        assert!(read(&cut).unwrap_err().to_string().contains("changed while"));
        let touch = || {
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.set_modified(std::time::UNIX_EPOCH).unwrap();
        };
        assert!(read(&touch).unwrap_err().to_string().contains("changed while"));
        assert_eq!(read_steadily(&path, 5, &mut Vec::new(), || ()).unwrap_err().kind(), ErrorKind::Limit);
    }

    #[test]
    fn batches_hold_so_much_and_go_on_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c", "d"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let mut entries = super::super::scan::scan(folder.path(), &crate::commands::Silent).unwrap().files;
        for (entry, frames) in entries.iter_mut().zip([1, 7, 1, 2]) {
            entry.frames = frames;
        }
        let cut = |start: u64| {
            let mut items = Items { entries: entries.iter(), open: None, place: 0 };
            items.skip_to(start);
            let mut batches = Vec::new();
            loop {
                let batch = items.batch(&|_| 1, 4);
                if batch.is_empty() {
                    return batches;
                }
                batches.push(batch.iter().map(|i| (i.place, i.frames.start, i.frames.len())).collect::<Vec<_>>());
            }
        };
        assert_eq!(cut(0), [vec![(0, 0, 1), (1, 0, 3)], vec![(4, 3, 4)], vec![(8, 0, 1), (9, 0, 2)]]);
        assert_eq!(cut(6), [vec![(6, 5, 2), (8, 0, 1), (9, 0, 1)], vec![(10, 1, 1)]]);
        assert!(cut(11).is_empty() && cut(50).is_empty());
    }
}
