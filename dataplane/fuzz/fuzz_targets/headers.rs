//! Ethernet, IPv6 and extension headers of any frame: the walks stay inside the packet, and find the AP header where an
//! independent walk finds it.
#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

use dataplane::flow;
use dataplane::wire::ext::{self, Place, WalkBounds};
use dataplane::wire::{ethernet, icmpv6, ipv6};
use libfuzzer_sys::fuzz_target;

fn check(place: Place, packet: &[u8]) {
    assert!(usize::from(place.next_header_at) < usize::from(place.offset));
    assert!(usize::from(place.offset) <= packet.len());
}

fuzz_target!(|frame: &[u8]| {
    let Some(header) = ethernet::Header::of(frame) else { return };
    let packet = &frame[ethernet::LEN..];
    let bounds = WalkBounds::default();
    let found = ext::find_ap(packet, 253, bounds);
    if packet.len() >= ipv6::LEN {
        let model = support::model::find_ap(packet);
        assert_eq!(found.map(|p| (usize::from(p.offset), usize::from(p.next_header_at))), model);
    }
    if let Some(place) = ext::insertion_place(packet, 253, bounds) {
        assert!(found.is_none(), "there is one already");
        check(place, packet);
    }
    for ap in [None, Some(253)] {
        if let Some(upper) = ext::upper_layer(packet, ap) {
            check(upper.place, packet);
        }
    }
    let _ = icmpv6::is_error_forbidden(header.destination(), packet, 253);
    let _ = flow::hash(packet, 1);
});
