//! HDF5 in pure Rust.
//!
//! ```
//! # fn main() -> h5manager::Result<()> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("run.h5");
//! use h5manager::File;
//!
//! let mut out = File::create(&path)?;
//! out.build("grid/t").shape([2, 3]).write(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
//! out.commit()?; // nothing is visible under the name before
//!
//! let file = File::open(&path)?; // reads the superblock, nothing else
//! let column: Vec<f64> = file.dataset("grid/t")?.select((.., 1..2))?.read()?;
//! assert_eq!(column, [2.0, 5.0]);
//! # Ok(())
//! # }
//! ```
//!
//! # Layers
//!
//! Imports go down only; `tests/layers.rs` holds that.
//!
//! | layer | modules | what |
//! | --- | --- | --- |
//! | 6 | `wasm` | the engine of the page in the browser |
//! | 5 | `commands`, `view`, `image_set` | the program's verbs, and what a viewer asks, on the public API |
//! | 4 | `file`, `open_files`, `group`, `dataset`, `attribute`, `walk`, `storage`, `builder`, `copy`, `edit`, `anatomy` | the public API |
//! | 3 | `object` | what an object header amounts to |
//! | 2 | `index`, `data` | walking and growing; values in memory |
//! | 1 | `io`, `format`, `filters` | bytes at rest; bytes on disk, by the specification; bytes to bytes |
//! | 0 | `error`, `bytes` | |

pub mod anatomy;
mod attribute;
mod builder;
mod bytes;
#[cfg(feature = "cli")]
pub mod commands;
mod copy;
mod data;
mod dataset;
mod edit;
pub mod error;
mod file;
mod filters;
mod format;
#[cfg(fuzzing)]
pub mod fuzz;
mod group;
#[cfg(any(feature = "cli", feature = "wasm"))]
mod image_set;
mod index;
pub mod io;
mod object;
mod open_files;
#[cfg(feature = "cli")]
pub mod progress;
mod storage;
#[cfg(any(feature = "cli", feature = "wasm"))]
pub mod view;
mod walk;
#[cfg(all(feature = "wasm", target_family = "wasm"))]
pub mod wasm;

pub use attribute::Attribute;
pub use builder::{
    AllocationTime, ArrayLike, Checkpoint, CheckpointChunk, CopiedElements, CreateOptions, DatasetBuilder, DatasetMut,
    Empty, ExternalPiece, FileMut, FillTime, FixedString, GroupMut, ImageClass, ObjectMut, StoredElements,
    VirtualSource, WithDatatype, WithShape,
};
pub use bytes::Limits;
pub use copy::{CopyOptions, NewLayout, Storage};
pub use data::element::HeapBytes;
pub use data::selection::{Along, Hyperslab, Select, Selection, Steps, every};
pub use data::{Clamped, Element, Value, VarLen};
pub use dataset::{Dataset, FromElements, Heap, Part};
pub use edit::{EditOptions, FileEdit};
pub use error::{Error, ErrorKind, Result};
pub use file::{File, OpenOptions};
pub use format::libver::LibVer;
pub use format::message::filter_pipeline::FilterInfo;
pub use format::reference::Reference;
pub use format::selection::{Blocks, StoredSelection, Strided};
pub use group::{Group, Link, LinkTarget, Object};
pub use io::{Durability, External, Locking};
pub use storage::{ChunkInfo, HeaderInfo, StoredChunk};
pub use walk::{Visit, Visited, Walk};

/// Filters: what is done to chunks before they are stored, and how to add one.
pub mod filter {
    pub use crate::filters::{BitshuffleCodec, BloscCodec, Call, Filter, FilterSpec, SzipCoding, register};
}

/// What [`compound!`] needs; nothing for users.
#[doc(hidden)]
pub mod compound {
    pub use crate::data::compound::Rows;
    pub use crate::data::element::{HeapElement, KeepHeap, Stored};
}

/// Datatypes: how elements are stored.
pub mod datatype {
    pub use crate::format::message::datatype::{
        Bits, ByteOrder, Charset, Datatype, Float, Member, Name, Normalization, Padding, ReferenceKind,
    };
    pub use crate::group::NamedDatatype;
}
