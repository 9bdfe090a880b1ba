//! Random files, made from any bytes: a model in memory, what the builder writes of it, changes by the editor, and what is
//! read compared with the model. The property tests (`round_trip.rs`) and the fuzz targets (`fuzz/`) share it.
#![allow(dead_code, reason = "each of them uses a part")]

pub(crate) mod arrays;
pub(crate) mod choices;
pub(crate) mod compare;
#[path = "../crash/content.rs"]
mod content;
#[path = "../crash/disk.rs"]
mod disk;
pub(crate) mod edits;
pub(crate) mod make;
pub(crate) mod model;

use choices::Choices;
use h5manager::anatomy::{Anatomy, MapOptions};
use h5manager::io::MemorySource;
use h5manager::{File, Limits};
use std::sync::Arc;

/// Any bytes as a file: written, read, compared; every structure in it is sound.
pub(crate) fn round_trip(data: &[u8]) {
    let (model, bytes) = make::file(&mut Choices::new(data), 24);
    compare::check(&model, &File::from_bytes(bytes.clone()).expect("opened"));
    let anatomy = Anatomy::from_source(Arc::new(MemorySource::new(bytes)), Limits::default());
    let map = anatomy.map(MapOptions::default()).expect("mapped");
    assert_eq!(map.findings(), []);
}

/// Any bytes as a file and changes to it, which are interrupted `times` times.
pub(crate) fn edit(data: &[u8], times: usize) {
    let mut choices = Choices::new(data);
    let (mut model, start) = make::file(&mut choices, 8);
    let edited = edits::run(&mut choices, &mut model, start, 24);
    // The same bytes decide once more: so a long list of changes is interrupted, too.
    edited.interrupt(&mut Choices::new(data), times);
}
