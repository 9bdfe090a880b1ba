//! Any changes to any file of the builder, compared with a model after each commit, and stopped at some moments; shared
//! with `tests/round_trip.rs`.
#![no_main]

#[path = "../../tests/models/mod.rs"]
mod models;

libfuzzer_sys::fuzz_target!(|data: &[u8]| models::edit(data, 4));
