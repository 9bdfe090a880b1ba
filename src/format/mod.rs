//! Bytes on disk, by the specification: bytes in, plain values out, and back. Nothing here reads a file.
//!
//! Every structure is declared once, with `binrw`; both directions come from that declaration.

pub(crate) mod btree1;
pub(crate) mod btree2;
pub(crate) mod fractal_heap;
pub(crate) mod global_heap;
pub(crate) mod local_heap;
pub(crate) mod message;
pub(crate) mod object_header;
pub(crate) mod superblock;
pub(crate) mod symbol_table;
