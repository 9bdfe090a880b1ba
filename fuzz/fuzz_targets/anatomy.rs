//! Any bytes as a file whose structures are looked at: every byte must be accounted for.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|data: &[u8]| h5manager::fuzz::anatomy(data));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let size = fuzzer_mutate(data, size, max_size);
    if seed % 16 != 0 {
        h5manager::fuzz::repair(&mut data[..size]);
    }
    size
});
