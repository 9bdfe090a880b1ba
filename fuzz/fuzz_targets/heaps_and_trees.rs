//! Any bytes as heaps, B-trees and arrays that begin anywhere among them; checksums are let pass.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| h5manager::fuzz::heaps_and_trees(data));
