//! `--append`: more images for a file that is there.
//!
//! Images whose names the file has are left out, so the command can be run again and again over a folder that grows, and
//! after it was stopped. The file is changed in place, all or nothing, every so many bytes.

use super::folder::word;
use super::journal::State;
use super::keys::Scheme;
use super::pipeline::{Batch, Files, Sink};
use super::scan::Entry;
use super::set::Set;
use super::survey::Survey;
use super::{Convert, Labels, Store};
use crate::commands::output::printable;
use crate::error::{Error, ErrorKind, Result};
use crate::{Dataset, Element, File, FileEdit};
use clap::Parser;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// A file that was made by `convert`.
pub(super) struct Existing {
    path: PathBuf,
    made: Convert,
    scheme: Scheme,
    /// Of one image.
    pub(super) shape: Vec<u64>,
    images: Dataset,
    labelled: bool,
    pub(super) classes: Vec<String>,
    names: HashSet<String>,
}

/// The options as a file has kept them.
#[derive(Parser)]
struct Made {
    #[command(flatten)]
    convert: Convert,
}

impl Made {
    fn parse_line(line: &str) -> Option<Convert> {
        let words = ["convert", "folder", "--output", "file"].into_iter().chain(line.split_whitespace());
        Made::try_parse_from(words).ok().map(|made| made.convert)
    }
}

impl Existing {
    /// Reads what a file says of itself; nothing if there is none.
    ///
    /// # Errors
    /// If it is no file that `convert` has made.
    pub(super) fn open(path: &Path) -> Result<Option<Existing>> {
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        let shown = printable(path);
        let foreign = || {
            let message = "it was not made by convert, so nothing is known of how to add to it; convert to another file \
                           and join both with merge";
            Error::new(ErrorKind::Unsupported, message).on(shown.clone())
        };
        let file = File::open(path)?;
        let options = file.root()?.attribute("options")?.ok_or_else(foreign)?;
        let made = Made::parse_line(&options.read_one::<String>()?).ok_or_else(foreign)?;
        let scheme = Scheme::of(made.keys, None);
        if scheme.one_hot {
            return Err(Error::unsupported("--append to --keys tflearn, whose labels have a fixed width").on(shown));
        }
        let images = file.dataset(&scheme.images).map_err(|_| foreign())?;
        let names: Vec<String> = file.dataset("filenames").map_err(|_| foreign())?.read()?;
        let labelled = file.root()?.contains(&scheme.labels)?;
        let mut classes = Vec::new();
        if labelled && let Some(list) = file.dataset(&scheme.labels)?.attribute("class_names")? {
            classes = list.read()?;
        }
        let shape = images.shape().get(1..).unwrap_or_default().to_vec();
        let names = names.into_iter().collect();
        Ok(Some(Existing { path: path.to_owned(), made, scheme, shape, images, labelled, classes, names }))
    }

    /// The options that count: what the file was made with, as far as nothing else is said.
    ///
    /// # Errors
    /// `Conflict` if something else is said.
    pub(super) fn settle(&self, said: &Convert) -> Result<Convert> {
        let usual = Made::parse_line("").ok_or_else(|| Error::invalid("the usual options"))?;
        let made = &self.made;
        let mut settled = said.clone();
        let conflict = |option: &str, said: &str, made: &str| {
            let message = format!("--{option} {said}, and it was made with --{option} {made}; leave the option out");
            Err(Error::new(ErrorKind::Conflict, message).on(printable(&self.path)))
        };
        macro_rules! settle {
            ($($field:ident $option:literal $text:expr;)*) => {$(
                if said.$field == usual.$field {
                    settled.$field = made.$field.clone();
                } else if said.$field != made.$field {
                    return conflict($option, &$text(&said.$field), &$text(&made.$field));
                }
            )*};
        }
        settle! {
            dim "dim" |dim: &Option<super::Dim>| dim.map_or_else(|| "of each image".to_owned(), |d| d.to_string());
            fit "fit" |v: &_| word(*v);
            filter "filter" |v: &_| word(*v);
            jpeg "jpeg" |v: &_| word(*v);
            color "color" |v: &_| word(*v);
            depth "depth" |v: &_| word(*v);
            background "background" |v: &super::Background| v.to_string();
            layout "layout" |v: &_| word(*v);
            frames "frames" |v: &_| word(*v);
            keys "keys" |v: &_| word(*v);
            store "store" |v: &Option<Store>| v.map_or_else(|| "pixels".to_owned(), word);
        }
        // Sizes that differ are an error here, and no reason to store files.
        settled.store = settled.store.or(Some(Store::Pixels));
        if !self.labelled {
            settled.labels = Labels::None;
        } else if said.labels == Labels::None && said.labels_csv.is_none() {
            return conflict("labels", "none", "folder");
        }
        Ok(settled)
    }

    /// Refuses images that are not stored as those that are there.
    pub(super) fn check<T: Element>(&self, shape: &[u64]) -> Result<()> {
        if self.shape != shape || *self.images.datatype() != T::datatype() {
            let message = format!(
                "its images are {:?} of {}, the new ones would be {shape:?} of {}",
                self.shape,
                self.images.datatype(),
                T::datatype()
            );
            return Err(Error::new(ErrorKind::Mismatch, message).on(printable(&self.path)));
        }
        Ok(())
    }

    /// Leaves out the images that are in the file; returns how many.
    pub(super) fn leave_out(&self, set: &Set<'_>, survey: &mut Survey) -> Result<u64> {
        let before = survey.images.len();
        survey.images.retain(|entry| !self.names.contains(&set.name_and_label(entry, 0).0));
        Ok((before - survey.images.len()) as u64)
    }
}

/// Rows on their way into a file that is there.
pub(super) struct Addition<'a> {
    edit: FileEdit,
    existing: &'a Existing,
    set: &'a Set<'a>,
    /// The frames that have not been looked at, with their places.
    frames: Box<dyn Iterator<Item = (u64, &'a Entry, u32)> + Send + 'a>,
    state: State,
    labels: BTreeMap<i64, u64>,
    added: u64,
    fresh: u64,
    every: u64,
}

impl<'a> Addition<'a> {
    /// Opens the file for it.
    ///
    /// # Errors
    /// `Conflict` if another program writes to it.
    pub(super) fn begin(
        existing: &'a Existing,
        entries: &'a [Entry],
        set: &'a Set<'a>,
        every: u64,
    ) -> Result<Addition<'a>> {
        let mut edit = File::edit(&existing.path)?;
        if existing.labelled && set.classes != existing.classes {
            edit.set_attribute(&existing.scheme.labels, "class_names", &set.classes)?;
        }
        let frames = entries.iter().flat_map(|entry| (0..entry.frames).map(move |frame| (entry, frame)));
        let frames = Box::new((0u64..).zip(frames).map(|(place, (entry, frame))| (place, entry, frame)));
        let (state, labels) = (State::default(), BTreeMap::new());
        Ok(Addition { edit, existing, set, frames, state, labels, added: 0, fresh: 0, every })
    }

    /// Makes all of it part of the file; returns how many images were added, how many there are, how many of each label
    /// were added, and what was not.
    pub(super) fn finish(mut self) -> Result<(u64, u64, BTreeMap<i64, u64>, State)> {
        self.edit.commit()?;
        let before = self.existing.images.shape().first().copied().unwrap_or(0);
        Ok((self.added, before + self.added, self.labels, self.state))
    }
}

impl<T: Element> Sink<T> for Addition<'_> {
    fn append(&mut self, batch: &Batch<T>) -> Result<()> {
        let (mut names, mut labels) = (Vec::new(), Vec::new());
        let mut dropped = batch.dropped.iter().copied().peekable();
        for _ in 0..batch.rows + batch.dropped.len() as u64 {
            let Some((place, entry, frame)) = self.frames.next() else { break };
            if dropped.next_if_eq(&place).is_some() {
                continue;
            }
            let (name, label) = self.set.name_and_label(entry, frame);
            *self.labels.entry(label).or_default() += 1;
            names.push(name);
            labels.push(label);
        }
        self.state.skipped.extend(batch.skipped.iter().cloned());
        self.state.more_frames.join(&batch.more_frames);
        self.state.scaled.join(&batch.scaled);
        if names.is_empty() {
            return Ok(());
        }
        self.edit.append(&self.existing.scheme.images, &batch.images)?;
        if self.existing.labelled {
            self.edit.append(&self.existing.scheme.labels, &labels)?;
        }
        self.edit.append("filenames", &names)?;
        self.added += batch.rows;
        self.fresh += batch.bytes;
        if self.fresh >= self.every {
            self.edit.commit()?;
            self.fresh = 0;
        }
        Ok(())
    }
}
