//! Any pipeline of filters with any parameters on any bytes, decoded and encoded.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| h5manager::fuzz::filters(data));
