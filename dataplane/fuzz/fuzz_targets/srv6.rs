//! The whole graph with packets to its SIDs that stand in the input as they are (see `scenario::run_srv6`).
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    support::scenario::run_srv6(octets);
});
