//! Any bytes as a file: opened, walked, everything read. Checksums are verified; the mutator makes those right that its
//! mutations made wrong, nearly always.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|data: &[u8]| h5manager::fuzz::open_walk_read(data));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, max_size);
    if seed % 16 != 0 {
        h5manager::fuzz::repair(&mut data[..size]);
    }
    size
});
