//! Rows of images, labels and names → the datasets of a new file.
//!
//! Everything that knows the HDF5 side of a conversion is here.

use super::pipeline::{Batch, Sink};
use crate::error::Result;
use crate::{CreateOptions, DatasetMut, Element, File, FileMut};
use std::path::Path;

/// How the images are stored.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    /// Shape of one image; empty if an image is one element.
    pub(super) shape: Vec<u64>,
    /// Images in a chunk.
    pub(super) chunk: u64,
    /// Level of deflate.
    pub(super) deflate: Option<u8>,
    /// Whether bytes are sorted by significance before they are compressed.
    pub(super) shuffle: bool,
}

/// Labels and names in a chunk: 8 and 16 KiB.
const CHUNK: u64 = 1024;

/// The file that is being written; without [`commit`](Output::commit) nothing of it is left.
pub(super) struct Output {
    file: FileMut,
    images: DatasetMut,
    labels: Option<DatasetMut>,
    names: DatasetMut,
}

impl Output {
    /// Begins a file with empty datasets.
    ///
    /// # Errors
    /// Those of [`File::create_with`].
    pub(super) fn create<T: Element>(path: &Path, overwrite: bool, storage: &Storage, labels: bool) -> Result<Output> {
        let mut file = File::create_with(path, CreateOptions::new().overwrite(overwrite))?;
        let shape: Vec<u64> = std::iter::once(0).chain(storage.shape.iter().copied()).collect();
        let chunk: Vec<u64> = std::iter::once(storage.chunk).chain(storage.shape.iter().copied()).collect();
        let mut images = file.build("images").element::<T>().shape(shape).extendible().chunks(chunk);
        if storage.shuffle {
            images = images.shuffle();
        }
        if let Some(level) = storage.deflate {
            images = images.deflate(level.into());
        }
        let images = images.create()?;
        let labels = if labels {
            Some(file.build("labels").element::<i64>().shape([0]).extendible().chunks([CHUNK]).create()?)
        } else {
            None
        };
        let names = file.build("filenames").element::<String>().shape([0]).extendible().chunks([CHUNK]).create()?;
        Ok(Output { file, images, labels, names })
    }

    /// Completes the file: the names of the classes, and where all this comes from.
    pub(super) fn commit(mut self, classes: &[String], about: &[(&str, String)]) -> Result<()> {
        if let Some(labels) = &mut self.labels {
            labels.set_attribute("class_names", classes)?;
        }
        for (name, value) in about {
            self.file.root().set_attribute(name, value.as_str())?;
        }
        self.file.commit()
    }
}

impl<T: Element> Sink<T> for Output {
    fn append(&mut self, batch: &Batch<T>) -> Result<()> {
        self.images.append(&batch.images)?;
        if let Some(labels) = &mut self.labels {
            labels.append(&batch.labels)?;
        }
        self.names.append(&batch.names)
    }
}
