//! The first pass: reads the headers of all files, so that what the set will hold is known before it is begun.

use super::picture::{self, Depth, Format, HEAD, Header, Look, Recognised};
use super::report::{Others, Skipped};
use super::scan::{Entry, Listing};
use crate::commands::Progress;
use crate::error::{Error, ErrorKind, Result};
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// What the headers say.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The files whose header is that of an image, in order.
    pub(super) images: Vec<Entry>,
    /// What should be an image and is none.
    pub(super) skipped: Vec<Skipped>,
    /// What nobody called an image.
    pub(super) others: Others,
    pub(super) eight: u64,
    pub(super) sixteen: u64,
    pub(super) float: u64,
    /// How many have more than shades of grey.
    pub(super) coloured: u64,
    pub(super) shapes: Shapes,
}

/// Heights and widths of the images once they are rendered, as far as that is known from their headers.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Shapes {
    #[default]
    None,
    /// All have this one.
    One((u32, u32)),
    /// They differ, as these two show.
    Several { one: Example, other: Example },
}

/// An image and its shape.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Example {
    pub(super) file: String,
    pub(super) shape: (u32, u32),
}

/// What one file is.
enum Verdict {
    Image(Header),
    Refused(Error),
    Other,
}

/// How many files are looked at between two questions whether to stop.
const BATCH: usize = 1024;

impl Survey {
    /// Looks at all files of `listing`, which loses them to the survey. Only the size and fit of `look` matter.
    ///
    /// # Errors
    /// The first file in order that should be an image and is none, if `strict`; or that the user asked to stop.
    pub(super) fn of(
        listing: &mut Listing,
        look: &Look,
        max_pixels: u64,
        strict: bool,
        progress: &dyn Progress,
    ) -> Result<Survey> {
        let mut survey = Survey::default();
        survey.others.count += listing.special;
        for (file, error) in std::mem::take(&mut listing.refused) {
            survey.refuse(file, error, strict)?;
        }
        let mut files = std::mem::take(&mut listing.files).into_iter();
        let mut first: Option<Example> = None;
        loop {
            let batch: Vec<Entry> = files.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                return Ok(survey);
            }
            let judge = |entry: &Entry| {
                progress.advance(1);
                judge(&listing.path(entry), &entry.name(), max_pixels)
            };
            let verdicts: Vec<Verdict> = batch.par_iter().map(judge).collect();
            for (entry, verdict) in batch.into_iter().zip(verdicts) {
                match verdict {
                    Verdict::Image(header) => {
                        let (width, height) = header.upright();
                        let shape = look.shape_of(width, height);
                        survey.compare(shape, &mut first, || listing.relative(&entry));
                        survey.count(&header);
                        survey.images.push(entry);
                    }
                    Verdict::Refused(error) => survey.refuse(listing.relative(&entry), error, strict)?,
                    Verdict::Other => survey.others.add(&entry.name()),
                }
            }
            if progress.stopped() {
                return Err(Error::new(ErrorKind::Interrupted, "stopped; nothing was written"));
            }
        }
    }

    fn count(&mut self, header: &Header) {
        match header.depth {
            Depth::Eight => self.eight += 1,
            Depth::Sixteen => self.sixteen += 1,
            Depth::Float => self.float += 1,
        }
        self.coloured += u64::from(header.coloured());
    }

    fn compare(&mut self, shape: (u32, u32), first: &mut Option<Example>, file: impl Fn() -> String) {
        match (&self.shapes, &first) {
            (Shapes::None, _) => {
                self.shapes = Shapes::One(shape);
                *first = Some(Example { file: file(), shape });
            }
            (Shapes::One(known), Some(one)) if *known != shape => {
                self.shapes = Shapes::Several { one: one.clone(), other: Example { file: file(), shape } };
            }
            _ => {}
        }
    }

    fn refuse(&mut self, file: String, error: Error, strict: bool) -> Result<()> {
        if strict {
            return Err(error.on(file));
        }
        self.skipped.push(Skipped { file, reason: error.to_string() });
        Ok(())
    }
}

fn judge(path: &Path, name: &str, max_pixels: u64) -> Verdict {
    // A decoder that panics must not end a run over a million files.
    let looked = std::panic::catch_unwind(|| look_at(path, name));
    match looked.unwrap_or_else(|_| Err(Error::new(ErrorKind::Damaged, "the decoder failed at its header"))) {
        Ok(Some(header)) => match check(&header, max_pixels) {
            Ok(()) => Verdict::Image(header),
            Err(error) => Verdict::Refused(error),
        },
        Ok(None) => Verdict::Other,
        Err(error) => Verdict::Refused(error),
    }
}

fn look_at(path: &Path, name: &str) -> Result<Option<Header>> {
    let opened = File::open(path);
    if opened.is_err() && !picture::has_image_suffix(name) {
        return Ok(None);
    }
    let mut reader = BufReader::new(opened?);
    match recognise(&mut reader, name)? {
        Recognised::Image(format) => picture::header(reader, format).map(Some),
        Recognised::Refused(what) => Err(Error::new(ErrorKind::Mismatch, what)),
        Recognised::Other => Ok(None),
    }
}

fn recognise(reader: &mut BufReader<File>, name: &str) -> Result<Recognised> {
    let head = reader.fill_buf()?;
    Ok(picture::recognise(head.get(..HEAD).unwrap_or(head), name))
}

/// The format of a file that has been read.
///
/// # Errors
/// If it is no image.
pub(super) fn format_of(bytes: &[u8], name: &str) -> Result<Format> {
    match picture::recognise(bytes.get(..HEAD).unwrap_or(bytes), name) {
        Recognised::Image(format) => Ok(format),
        Recognised::Refused(what) => Err(Error::new(ErrorKind::Mismatch, what)),
        Recognised::Other => Err(Error::new(ErrorKind::Mismatch, "not an image any more")),
    }
}

/// Refuses a picture that has no pixels or claims to have too many.
pub(super) fn check(header: &Header, max_pixels: u64) -> Result<()> {
    let Header { width, height, .. } = header;
    match header.pixels() {
        0 => Err(Error::new(ErrorKind::Damaged, "its picture has no pixels")),
        pixels if pixels > max_pixels => Err(Error::new(
            ErrorKind::Limit,
            format!(
                "{width}x{height} are {} million pixels, over the limit of {} million (--max-pixels)",
                pixels.div_ceil(1_000_000),
                max_pixels as f64 / 1e6
            ),
        )),
        _ => Ok(()),
    }
}
