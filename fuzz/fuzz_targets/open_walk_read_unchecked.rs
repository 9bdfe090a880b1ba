//! Any bytes as a file: opened, walked, everything read. Wrong checksums of metadata are let pass, so that mutations come past
//! them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| h5manager::fuzz::open_walk_read_unchecked(data));
