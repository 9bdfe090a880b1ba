//! The first pass: reads the headers of all files, so that what the set will hold is known before it is begun.

use super::Frames;
use super::picture::{self, Depth, Format, HEAD, Header, Look, Recognised};
use super::report::{Others, Skipped};
use super::scan::{Entry, Listing};
use crate::commands::{Progress, output};
use crate::error::{Error, ErrorKind, Result};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::SystemTime;

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
    /// How many images lie in each folder.
    pub(super) images_in: HashMap<u32, u64>,
    /// The first image, to compare the others with.
    first: Option<Example>,
    /// Of all names, sizes and times of `images`: another one for a folder that has changed.
    digest: Sha256,
}

/// How files are looked at.
pub(super) struct How<'a> {
    /// Only its size and fit matter.
    pub(super) look: &'a Look,
    pub(super) max_pixels: u64,
    /// Whether the first file that should be an image and is none ends it.
    pub(super) strict: bool,
    pub(super) frames: Frames,
    /// Whether what decoders say does not matter: the bytes of images are stored, whatever they are.
    pub(super) as_files: bool,
    /// Whether not even that matters.
    pub(super) all_files: bool,
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
    Image(Vec<Header>, Stamp),
    Refused(Error),
    Other,
}

/// The size of a file in bytes, and when it was changed.
type Stamp = (u64, Option<SystemTime>);

/// How many files are looked at between two questions whether to stop.
const BATCH: usize = 1024;

impl Survey {
    /// Looks at some files. If they are not `kept`, only their sizes and colours count: they belong to another run.
    ///
    /// # Errors
    /// The first file in order that should be an image and is none, if strict; or that the user asked to stop.
    pub(super) fn look(
        &mut self,
        listing: &Listing,
        files: Vec<Entry>,
        how: &How<'_>,
        kept: bool,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut files = files.into_iter();
        loop {
            let batch: Vec<Entry> = files.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                return Ok(());
            }
            let judge = |entry: &Entry| {
                progress.advance(1);
                judge(&listing.path(entry), &entry.name(), how)
            };
            let verdicts: Vec<Verdict> = batch.par_iter().map(judge).collect();
            for (mut entry, verdict) in batch.into_iter().zip(verdicts) {
                match verdict {
                    Verdict::Image(headers, stamp) => {
                        *self.images_in.entry(entry.folder()).or_default() += 1;
                        for header in &headers {
                            let (width, height) = header.upright();
                            self.compare(how.look.shape_of(width, height), || listing.relative(&entry));
                            self.count(header);
                        }
                        if kept {
                            entry.frames = headers.len().max(1) as u32;
                            self.stamp(&listing.relative(&entry), &entry, stamp);
                            self.images.push(entry);
                        }
                    }
                    _ if !kept => {}
                    Verdict::Refused(error) => self.refuse(listing.relative(&entry), error, how.strict)?,
                    Verdict::Other => self.others.add(&entry.name()),
                }
            }
            output::stop_if_asked(progress)?;
        }
    }

    fn stamp(&mut self, name: &str, entry: &Entry, (size, time): Stamp) {
        let time = time.and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok()).map_or(0, |d| d.as_nanos());
        self.digest.update(name.as_bytes());
        self.digest.update([0]);
        self.digest.update(entry.frames.to_le_bytes());
        self.digest.update(size.to_le_bytes());
        self.digest.update(time.to_le_bytes());
    }

    /// Stands for the images as they are now, names, sizes and times.
    pub(super) fn digest(&self) -> String {
        self.digest.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn count(&mut self, header: &Header) {
        match header.depth {
            Depth::Eight => self.eight += 1,
            Depth::Sixteen => self.sixteen += 1,
            Depth::Float => self.float += 1,
        }
        self.coloured += u64::from(header.coloured());
    }

    fn compare(&mut self, shape: (u32, u32), file: impl Fn() -> String) {
        match (&self.shapes, &self.first) {
            (Shapes::None, _) => {
                self.shapes = Shapes::One(shape);
                self.first = Some(Example { file: file(), shape });
            }
            (Shapes::One(known), Some(one)) if *known != shape => {
                self.shapes = Shapes::Several { one: one.clone(), other: Example { file: file(), shape } };
            }
            _ => {}
        }
    }

    /// Notes a file that should be an image and is none.
    ///
    /// # Errors
    /// That, if strict.
    pub(super) fn refuse(&mut self, file: String, error: Error, strict: bool) -> Result<()> {
        if strict {
            return Err(error.on(file));
        }
        self.skipped.push(Skipped { file, reason: error.to_string() });
        Ok(())
    }
}

fn judge(path: &Path, name: &str, how: &How<'_>) -> Verdict {
    // A decoder that panics must not end a run over a million files.
    let looked = std::panic::catch_unwind(|| look_at(path, name, how));
    let looked = looked.unwrap_or_else(|_| Err(Error::new(ErrorKind::Damaged, "the decoder failed at its header")));
    match looked {
        Ok(Some((headers, stamp))) => match headers.iter().try_for_each(|header| check(header, how.max_pixels)) {
            Ok(()) => Verdict::Image(headers, stamp),
            Err(error) => Verdict::Refused(error),
        },
        Ok(None) => Verdict::Other,
        Err(error) => Verdict::Refused(error),
    }
}

fn look_at(path: &Path, name: &str, how: &How<'_>) -> Result<Option<(Vec<Header>, Stamp)>> {
    let opened = File::open(path);
    if opened.is_err() && !picture::has_image_suffix(name) && !how.all_files {
        return Ok(None);
    }
    let file = opened?;
    let about = file.metadata()?;
    let stamp = (about.len(), about.modified().ok());
    let mut reader = BufReader::new(file);
    if how.all_files {
        return Ok(Some((Vec::new(), stamp)));
    }
    let headers = match recognise(&mut reader, name)? {
        Recognised::Image(_) | Recognised::Unsupported(_) if how.as_files => Vec::new(),
        Recognised::Image(format) if how.frames == Frames::All && format.may_have_frames() => {
            let limit = how.max_pixels.saturating_mul(32).saturating_add(64 << 20);
            if stamp.0 > limit {
                return Err(Error::new(ErrorKind::Limit, "the file is larger than any picture within --max-pixels"));
            }
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes)?;
            picture::headers(&bytes, format)?
        }
        Recognised::Image(format) => vec![picture::header(reader, format)?],
        Recognised::Refused(what) => return Err(Error::new(ErrorKind::Mismatch, what)),
        Recognised::Unsupported(what) => {
            let message = format!("{what}, which is not supported: make a PNG of it, or keep it with --store bytes");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        Recognised::Other => return Ok(None),
    };
    Ok(Some((headers, stamp)))
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
        Recognised::Unsupported(what) => Err(Error::new(ErrorKind::Mismatch, what)),
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
