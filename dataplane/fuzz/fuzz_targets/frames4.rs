//! IPv4 through the whole graph: packets made of the choices that the input gives, and the input as a packet.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    match octets.split_first() {
        Some((0..128, packet)) => support::four::run_raw(packet),
        Some((_, choices)) => drop(support::four::run(choices)),
        None => {}
    }
});
