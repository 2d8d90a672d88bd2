//! Neighbor Discovery messages of any octets: what passes has the hop limit, code and checksum of RFC 4861, 7.1.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

use dataplane::wire::ndp;
use libfuzzer_sys::fuzz_target;
use support::octets::{self, ICMPV6};

fuzz_target!(|packet: &[u8]| {
    // A fuzzer does not guess checksums: put the right one in, and try both.
    let mut mended = packet.to_vec();
    if let Some(len) = packet.get(4..6).map(|l| usize::from(u16::from_be_bytes([l[0], l[1]])))
        && len >= 4
        && packet.len() >= 40 + len
    {
        mended[42..44].fill(0);
        let sum = octets::checksum(
            octets::source(packet),
            octets::destination(packet),
            ICMPV6,
            &mended[40..40 + len],
        );
        mended[42..44].copy_from_slice(&sum.to_be_bytes());
    }
    for packet in [packet, &mended] {
        if ndp::parse(packet).is_ok() {
            let len = usize::from(u16::from_be_bytes([packet[4], packet[5]]));
            let (source, destination) = (octets::source(packet), octets::destination(packet));
            assert_eq!((packet[0] >> 4, packet[6], packet[7], packet[41]), (6, ICMPV6, 255, 0));
            assert_eq!(octets::checksum(source, destination, ICMPV6, &packet[40..40 + len]), 0);
        }
    }
});
