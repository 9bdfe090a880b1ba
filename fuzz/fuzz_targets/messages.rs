//! Any bytes as any structure of the format: decoded, and what can be decoded, encoded and decoded again to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| h5manager::fuzz_structures(data));
