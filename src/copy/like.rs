//! New datasets that are like one of another file.

use super::Storage;
use super::dataset::{Plan, fill_time, shaped};
use crate::builder::{ArrayLike, DatasetBuilder, FileMut, GroupMut};
use crate::data::element::KeepHeap;
use crate::dataset::Dataset;
use crate::error::{Context, Error, Result};
use crate::format::message::datatype::Datatype;
use crate::format::reference::Reference;
use crate::object::attributes::tracks_order;
use std::ops::Range;

impl FileMut {
    /// As [`GroupMut::build_like`].
    ///
    /// # Errors
    /// As there.
    pub fn build_like(&mut self, path: impl AsRef<[u8]>, model: &Dataset) -> Result<DatasetBuilder> {
        self.root().build_like(path, model)
    }
}

impl GroupMut {
    /// Describes a new dataset at `path` that is like one of another file: its datatype, its shape and how far that may
    /// grow, layout, chunks, filters, fill value. What you say of it afterwards counts. It has no elements and no
    /// attributes; elements that the other one has in further files will be in this one.
    ///
    /// ```
    /// # fn main() -> h5manager::Result<()> {
    /// use h5manager::{File, FileMut, io::MemoryStore};
    ///
    /// let store = MemoryStore::default();
    /// let mut out = FileMut::on_store(store.clone());
    /// out.build("counts").chunks([2]).deflate(4).fill_value(7u32).write([4u32, 8, 15])?;
    /// out.commit()?;
    /// let model = File::from_bytes(store.bytes())?.dataset("counts")?;
    ///
    /// let store = MemoryStore::default();
    /// let mut out = FileMut::on_store(store.clone());
    /// out.build_like("twice", &model)?.shape([6]).create()?.append([4u32, 8, 15])?;
    /// out.commit()?;
    ///
    /// let twice = File::from_bytes(store.bytes())?.dataset("twice")?;
    /// assert_eq!((twice.chunk_shape(), twice.filters()), (model.chunk_shape(), model.filters()));
    /// assert_eq!(twice.read::<Vec<u32>>()?, [4, 8, 15, 7, 7, 7]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Of kind [`Unsupported`](crate::ErrorKind::Unsupported) for what this version cannot write.
    pub fn build_like(&mut self, path: impl AsRef<[u8]>, model: &Dataset) -> Result<DatasetBuilder> {
        let bound = self.libver()?;
        let mut builder = self.build(path).datatype(model.datatype().with_references_in_new_file()?);
        if tracks_order(&model.node().header) {
            builder = builder.track_order(true);
        }
        let fill = model.fill_message()?;
        let mut builder = shaped(model, builder).fill_time(fill_time(model, &fill));
        if fill.undefined {
            builder = builder.fill_undefined();
        } else if let Some(bytes) = model.fill_value()? {
            builder = builder.fill_value(Fill { model: model.clone(), bytes });
        }
        Ok(Plan::new(model, Storage::default(), bound).on(model.path())?.stored(model, builder, fill.allocation))
    }
}

/// The fill value of another dataset, for one whose datatype may be a wider one.
struct Fill {
    model: Dataset,
    bytes: Vec<u8>,
}

impl ArrayLike for Fill {
    fn shape(&self) -> Vec<u64> {
        Vec::new()
    }

    fn element_datatype(&self) -> Datatype {
        self.model.datatype().clone()
    }

    fn store(&self, all: Range<usize>, to: &Datatype, heap: &mut dyn KeepHeap, out: &mut Vec<u8>) -> Result<()> {
        let refuse =
            |_: &Reference| Err(Error::unsupported("references as the fill value of a dataset that is like another"));
        self.model.element_to_copy_with(&self.bytes, &refuse)?.converted_to(to)?.store(all, to, heap, out)
    }
}
