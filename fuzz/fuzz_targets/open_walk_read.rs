//! Any bytes as a file: opened, walked, everything read. Built for fuzzing the library does not verify checksums of
//! metadata, so that mutations come past them.
#![no_main]

use h5manager::{File, Limits, Object, Visited, io::MemorySource};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::untrusted();
    let Ok(file) = File::from_source(Arc::new(MemorySource::new(data)), limits) else { return };
    for visit in file.walk().flatten() {
        let Visited::Object(object) = visit.what() else { continue };
        for attribute in object.attributes().into_iter().flatten().flatten() {
            let _ = attribute.values(100);
        }
        if let Object::Dataset(dataset) = object {
            if dataset.len() < 1 << 16 {
                let _ = dataset.select(..).and_then(|all| all.values());
            }
            let first: Vec<_> = dataset.shape().iter().map(|&n| 0..n.min(2)).collect();
            let _ = dataset.select(first).and_then(|part| part.values());
        }
    }
});
