//! Any file that the builder can write is read as it was meant; shared with `tests/round_trip.rs`.
#![no_main]

#[path = "../../tests/models/mod.rs"]
mod models;

libfuzzer_sys::fuzz_target!(|data: &[u8]| models::round_trip(data));
