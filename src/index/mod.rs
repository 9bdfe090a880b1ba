//! How to walk (and grow) what `format` describes: B-trees and heaps. The same file names as in `format`.

pub(crate) mod arrays;
pub(crate) mod arrays_build;
pub(crate) mod btree1;
pub(crate) mod btree1_build;
pub(crate) mod btree2;
pub(crate) mod btree2_build;
pub(crate) mod chunk_index_build;
pub(crate) mod fractal_heap;
pub(crate) mod fractal_heap_build;
pub(crate) mod global_heap;
pub(crate) mod heap_writer;
pub(crate) mod reuse;
pub(crate) mod space;
pub(crate) mod symbol_table_build;
