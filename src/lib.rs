//! HDF5 in pure Rust.
mod bytes;
mod data;
pub mod error;
mod format;
pub mod io;
pub use bytes::Limits;
pub use error::{Error, ErrorKind, Result};
