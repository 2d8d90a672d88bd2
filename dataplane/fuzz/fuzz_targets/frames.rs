//! The whole graph with frames that stand in the input as they are (see `scenario::run_raw`).
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    support::scenario::run_raw(octets);
});
