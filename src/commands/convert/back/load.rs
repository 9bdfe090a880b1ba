//! Rows of an image set → what their files will hold: the bytes of image files, or samples to encode.

use super::encode::{self, Form, Samples};
use crate::commands::convert::picture::{self, Format, HEAD, Recognised};
use crate::datatype::Datatype;
use crate::error::{Error, Result};
use crate::image_set::recognise::{Order, Pictures};
use crate::image_set::{ImageSet, Kind};
use crate::{Dataset, File, HeapBytes};
use rayon::prelude::*;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that are in memory at a time, unless a chunk or a picture has more.
const BATCH_BYTES: u64 = 16 << 20;
/// Rows of a chunk are read together up to this many bytes, so that it is decoded once.
const CHUNK_BYTES: u64 = 64 << 20;
/// Rows at a time, so that Ctrl-C is heard soon.
pub(super) const BATCH_ROWS: u64 = 512;

/// What one file will hold.
pub(super) enum Content {
    /// All of it.
    Bytes(FileBytes),
    /// Some of these samples.
    Picture { samples: Arc<Samples>, range: Range<usize>, form: Arc<Form>, suffix: &'static str },
}

/// The bytes of an image file.
pub(super) enum FileBytes {
    Shared(HeapBytes),
    Own(Vec<u8>),
}

impl std::ops::Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            FileBytes::Shared(bytes) => bytes,
            FileBytes::Own(bytes) => bytes,
        }
    }
}

impl Content {
    /// The file.
    ///
    /// # Errors
    /// As of [`Samples::encode`].
    pub(super) fn bytes(&self) -> Result<Cow<'_, [u8]>> {
        match self {
            Content::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
            Content::Picture { samples, range, form, .. } => samples.encode(range.clone(), form).map(Cow::Owned),
        }
    }

    /// The suffix that says what it is.
    pub(super) fn suffix(&self) -> &'static str {
        match self {
            Content::Picture { suffix, .. } => suffix,
            Content::Bytes(bytes) => suffix_of(bytes),
        }
    }
}

fn suffix_of(bytes: &[u8]) -> &'static str {
    match picture::recognise(bytes.get(..HEAD).unwrap_or(bytes), "") {
        Recognised::Image(Format::Jpeg) => "jpg",
        Recognised::Image(Format::Tiff) => "tif",
        Recognised::Image(Format::Other(format)) => format.extensions_str().first().copied().unwrap_or("bin"),
        _ => "bin",
    }
}

/// A set whose rows are to be loaded.
pub(super) struct Loader<'a> {
    file: &'a File,
    set: &'a ImageSet,
    /// Of a stack.
    dataset: Option<Dataset>,
    form: Arc<Form>,
    /// What the files will be, for people.
    pub(super) format: &'static str,
    suffix: &'static str,
    /// How many rows are read together.
    pub(super) batch: u64,
}

impl<'a> Loader<'a> {
    /// # Errors
    /// `Unsupported` if no image file holds such pictures.
    pub(super) fn new(file: &'a File, set: &'a ImageSet) -> Result<Loader<'a>> {
        let empty =
            Form { width: 0, height: 0, channels: 1, order: Order::Encoded, white_is_zero: false, palette: Vec::new() };
        let whole = "files as they are";
        let mut loader =
            Loader { file, set, dataset: None, form: Arc::new(empty), format: whole, suffix: "", batch: BATCH_ROWS };
        match &set.kind {
            Kind::Gallery(pictures) => {
                let files = pictures.iter().filter(|p| p.order == Order::Encoded).count();
                loader.format = if files == pictures.len() { whole } else { "one a dataset" };
                // Each of them is loaded whole.
                let largest = pictures.iter().map(|p| 8 * Form::of(p, &[]).len()).max().unwrap_or(1);
                loader.batch = (4 * BATCH_BYTES / largest.max(1)).clamp(1, BATCH_ROWS);
            }
            Kind::Stack(pictures) => {
                let dataset = file.dataset(&pictures.path)?;
                if pictures.order != Order::Encoded {
                    (loader.format, loader.suffix) = encode::format_of(dataset.datatype(), pictures.channels)?;
                    loader.form = Arc::new(Form::of(pictures, &set.palette));
                    loader.batch = rows_at_once(loader.form.len() * dataset.datatype().size(), pictures.chunk_rows);
                }
                loader.dataset = Some(dataset);
            }
        }
        Ok(loader)
    }

    /// Whether rows hold image files.
    pub(super) fn holds_files(&self) -> bool {
        matches!(&self.set.kind, Kind::Stack(pictures) if pictures.order == Order::Encoded)
    }

    /// How many of the first of `rows` fit the memory.
    ///
    /// # Errors
    /// If what the file says of their sizes cannot be read.
    pub(super) fn fitting(&self, rows: &[u64]) -> Result<usize> {
        let most = rows.len().min(self.batch as usize);
        let (Some(dataset), true) = (&self.dataset, self.holds_files()) else {
            return Ok(most);
        };
        let rows = rows.get(..most).unwrap_or(rows);
        let sizes: Vec<u64> = match dataset.datatype() {
            Datatype::Sequence { size, .. } => {
                let stored = stored(dataset, rows)?;
                let length = |element: &[u8]| element.first_chunk().map_or(0, |n| u32::from_le_bytes(*n).into());
                stored.chunks_exact((*size).max(1) as usize).map(length).collect()
            }
            datatype => vec![dataset.shape().get(1).copied().unwrap_or(datatype.size()); rows.len()],
        };
        let mut total = 0u64;
        let fits = |size: &&u64| {
            total = total.saturating_add(**size);
            total <= BATCH_BYTES
        };
        Ok(sizes.iter().take_while(fits).count().max(1).min(most))
    }

    /// What the files of `rows` will hold.
    pub(super) fn load(&self, rows: &[u64]) -> Vec<Result<Content>> {
        match (&self.set.kind, &self.dataset) {
            (Kind::Gallery(pictures), _) => {
                let one = |&row: &u64| {
                    let place = usize::try_from(row).ok().and_then(|row| pictures.get(row));
                    self.single(place.ok_or_else(|| Error::not_found(format!("there is no picture {row}")))?)
                };
                rows.par_iter().map(one).collect()
            }
            (Kind::Stack(_), Some(dataset)) => match self.stacked(dataset, rows) {
                Ok(contents) => contents,
                // One damaged chunk must not take its neighbours with it.
                Err(_) if rows.len() > 1 => rows.iter().flat_map(|row| self.load(&[*row])).collect(),
                Err(e) => vec![Err(e)],
            },
            _ => Vec::new(),
        }
    }

    fn stacked(&self, dataset: &Dataset, rows: &[u64]) -> Result<Vec<Result<Content>>> {
        if self.holds_files() {
            return self.files(dataset, rows);
        }
        let samples = Arc::new(match run(rows) {
            Some(run) => encode::read(dataset, run)?,
            None => encode::read(dataset, rows)?,
        });
        let each = self.form.len() as usize;
        let picture = |n: usize| Content::Picture {
            samples: samples.clone(),
            range: n * each..(n + 1) * each,
            form: self.form.clone(),
            suffix: self.suffix,
        };
        Ok((0..rows.len()).map(|n| Ok(picture(n))).collect())
    }

    /// Rows that hold image files: of any length, or filled up with NULs to one length.
    fn files(&self, dataset: &Dataset, rows: &[u64]) -> Result<Vec<Result<Content>>> {
        let stored = stored(dataset, rows)?;
        let size = stored.len() / rows.len().max(1);
        let elements = stored.par_chunks_exact(size.max(1));
        if let Datatype::Sequence { .. } = dataset.datatype() {
            let heap = dataset.heap();
            let whole = |element| not_empty(FileBytes::Shared(heap.sequence(element, 1)?.1));
            return Ok(elements.map(whole).collect());
        }
        Ok(elements.map(|element| not_empty(FileBytes::Own(unpadded(element).to_vec()))).collect())
    }

    /// A picture that is a dataset of its own.
    fn single(&self, pictures: &Pictures) -> Result<Content> {
        let dataset = self.file.dataset(&pictures.path)?;
        if pictures.order == Order::Encoded {
            let stored = dataset.select(..)?.read_stored()?;
            return match dataset.datatype() {
                Datatype::Sequence { .. } => not_empty(FileBytes::Shared(dataset.heap().sequence(&stored, 1)?.1)),
                _ => not_empty(FileBytes::Own(stored)),
            };
        }
        let (_, suffix) = encode::format_of(dataset.datatype(), pictures.channels)?;
        let form = Arc::new(Form::of(pictures, &self.set.palette));
        let samples = Arc::new(encode::read(&dataset, ..)?);
        Ok(Content::Picture { samples, range: 0..form.len() as usize, form, suffix })
    }
}

/// Rows that follow each other.
fn run(rows: &[u64]) -> Option<Range<u64>> {
    let (first, last) = (*rows.first()?, *rows.last()?);
    (last.checked_sub(first)? == rows.len() as u64 - 1).then(|| first..last + 1)
}

fn stored(dataset: &Dataset, rows: &[u64]) -> Result<Vec<u8>> {
    match run(rows) {
        Some(run) => dataset.select(run)?.read_stored(),
        None => dataset.select(rows)?.read_stored(),
    }
}

fn not_empty(bytes: FileBytes) -> Result<Content> {
    if bytes.is_empty() { Err(Error::damaged("there is nothing in it")) } else { Ok(Content::Bytes(bytes)) }
}

/// Without the NULs that fill it up, where they cannot belong to the file.
fn unpadded(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    match suffix_of(bytes) {
        // Each of them ends with a mark that is no NUL.
        "jpg" | "png" | "gif" => bytes.get(..end).unwrap_or(bytes),
        "webp" => {
            let length = bytes.get(4..8).and_then(|n| n.first_chunk()).map_or(0, |n| u32::from_le_bytes(*n) as usize);
            bytes.get(..(length + 8).max(end)).unwrap_or(bytes)
        }
        _ if end == 0 => &[],
        _ => bytes,
    }
}

/// Rows of so many bytes that are read together: whole chunks where they are not too large.
fn rows_at_once(bytes: u64, chunk_rows: u64) -> u64 {
    let some = (BATCH_BYTES / bytes.max(1)).clamp(1, BATCH_ROWS);
    let chunk_rows = chunk_rows.max(1);
    if bytes.saturating_mul(chunk_rows) > CHUNK_BYTES { some } else { some.next_multiple_of(chunk_rows) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_chunks_are_read_together_unless_they_are_huge() {
        assert_eq!(rows_at_once(64 * 64 * 3, 1), 512);
        assert_eq!(rows_at_once(28 * 28, 1000), 1000);
        assert_eq!(rows_at_once(1 << 20, 10), 20);
        assert_eq!(rows_at_once(1 << 20, 1000), 16);
        assert_eq!(rows_at_once(1 << 30, 1), 1);
    }

    #[test]
    fn only_what_fills_up_is_cut_off() {
        assert_eq!(unpadded(b"\xff\xd8\xff\xe0 ... \xff\xd9\0\0\0"), b"\xff\xd8\xff\xe0 ... \xff\xd9");
        assert_eq!(unpadded(b"II*\0data\0\0"), b"II*\0data\0\0");
        assert_eq!(unpadded(b"RIFF\x06\0\0\0WEBP\0\0\0\0"), b"RIFF\x06\0\0\0WEBP\0\0");
        assert_eq!(unpadded(b"\0\0\0"), b"");
    }
}
