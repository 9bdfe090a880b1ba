//! Bytes on disk, by the specification: bytes in, plain values out, and back. Nothing here reads a file.
//!
//! Every structure is declared once, with `binrw`; both directions come from that declaration.

pub(crate) mod btree1;
pub(crate) mod btree2;
pub(crate) mod cache_image;
pub(crate) mod drivers;
#[cfg(fuzzing)]
pub(crate) mod everything;
pub(crate) mod extensible_array;
pub(crate) mod fixed_array;
pub(crate) mod fractal_heap;
pub(crate) mod free_space;
pub(crate) mod global_heap;
pub(crate) mod libver;
pub(crate) mod local_heap;
pub(crate) mod message;
pub(crate) mod object_header;
pub(crate) mod reference;
pub(crate) mod selection;
pub(crate) mod shared_messages;
pub(crate) mod superblock;
pub(crate) mod symbol_table;
pub(crate) mod virtual_map;
