//! Packets to SIDs that are cut, at every octet, and with every octet of their headers at its bounds: a named drop, the
//! right error or the right packet, never a panic. What is right the model knows (support/srv6.rs).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

mod support;

use support::check::check_frame;
use support::headers::{self, ETHERNET, IPV4, IPV6, srh};
use support::octets::{self, DESTINATION_OPTIONS, HOP_BY_HOP, ROUTING, UDP};
use support::packets::Dice;
use support::{Plan, Router, ip, port_mac, sr_world, world};

const HOST: &str = "2001:db8:1::1";

/// The last SIDs of the router that has everything: compressed.
fn sids() -> Vec<u128> {
    let compressed = (1..10).map(|n| ip("fcbb:bbbb::") | n << 80 | 2 << 64);
    let replace = (1..7).flat_map(|n| [ip("fd01::2") | n << 64, ip("fd02::2") | n << 48]);
    let plain = (0..sr_world::PLAIN).map(sr_world::plain);
    plain.chain(compressed).chain(replace).collect()
}

fn packets(to: u128, left: u8) -> Vec<Vec<u8>> {
    let list = [ip("2001:db8:1::5"), to, ip("fd00:0:0:2::1")];
    let mut header = srh(left, 2, &list, &headers::hmac_tlv(true, sr_world::KEY.0));
    headers::sign(ip(HOST), &mut header, sr_world::KEY.0, sr_world::KEY.1);
    let datagram = octets::udp(ip(HOST), ip(HOST), (1, 2), b"data");
    let six = octets::ip6(ip("2001:db8:9::1"), ip("2001:db8:1::9"), 9, UDP, &datagram);
    let four = headers::ip4(0xc000_0201, 0xc633_6401, 9, 17, &[7; 12]);
    let frame = octets::frame(port_mac(77), &six);
    let parts = [(DESTINATION_OPTIONS, octets::options(0)), (ROUTING, header.clone())];
    let hop_by_hop = [(HOP_BY_HOP, octets::options(0)), (ROUTING, header)];
    vec![
        octets::chain(ip(HOST), to, 64, &parts[1..], (IPV6, &six)),
        octets::chain(ip(HOST), to, 64, &parts, (IPV4, &four)),
        octets::chain(ip(HOST), to, 64, &hop_by_hop, (ETHERNET, &frame)),
    ]
}

/// The frame comes in, and whatever it leads to is right.
fn play(plan: &Plan, router: &mut Router, packet: &[u8]) {
    let frame = octets::frame(port_mac(0), packet);
    let counters = router.rings.counters.dropped() + router.rings.counters.sent();
    router.push(world::LAN, &frame, 0);
    for (port, out) in router.drain() {
        check_frame(plan, port, &out, Some((world::LAN, &frame)));
    }
    let after = router.rings.counters.dropped() + router.rings.counters.sent();
    let punted = router.punts().len() as u64;
    assert!(after - counters + punted > 0, "it ended somewhere");
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of thousands of packets")]
fn cut_at_every_octet() {
    let plan = world::plan(&mut Dice::new(&[]));
    let mut router = plan.start();
    for to in sids() {
        for packet in packets(to, 0).into_iter().chain(packets(to, 1)) {
            for len in 40..=packet.len() {
                let mut cut = packet[..len].to_vec();
                play(&plan, &mut router, &cut);
                headers::set_payload_len(&mut cut);
                play(&plan, &mut router, &cut);
            }
        }
    }
    assert!(router.rings.counters.sent() > 1000);
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of thousands of packets")]
fn every_octet_at_its_bounds() {
    let plan = world::plan(&mut Dice::new(&[]));
    let mut router = plan.start();
    for to in sids() {
        for packet in packets(to, 1) {
            for at in (6..8).chain(40..72) {
                for value in [0, 1, 2, 3, packet[at].wrapping_sub(1), packet[at].wrapping_add(1), 0x7f, 0xff]
                {
                    let mut changed = packet.clone();
                    changed[at] = value;
                    play(&plan, &mut router, &changed);
                }
            }
        }
    }
}
