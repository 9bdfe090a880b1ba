//! Any bytes as a datatype and as elements of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| h5manager::fuzz::datatype(data));
