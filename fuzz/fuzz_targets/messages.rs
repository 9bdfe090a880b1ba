//! Any bytes as any structure of the format: decoded, and what can be decoded, encoded and decoded again to the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| h5manager::fuzz::messages(data));
