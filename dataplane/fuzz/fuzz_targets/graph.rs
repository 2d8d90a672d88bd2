//! The whole graph: packets, tables and control's answers all chosen by the input (see `scenario::run`).
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    support::scenario::run(octets);
});
