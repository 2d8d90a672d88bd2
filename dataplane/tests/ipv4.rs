//! IPv4 through the graph: what leaves octet by octet, every error and drop, what goes to control.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

mod support;

use dataplane::drop::Drop;
use dataplane::id::AdjacencyId;
use dataplane::update::{Inject, Resume, Why};
use dataplane::wire::ethernet::Mac;
use proptest::prelude::*;
use support::four::{AWAY, HOST, IN, OUT, OWN, leaves, mapped, node, send, start, to};
use support::octets4::{self as octets, Fields, ICMP, TCP, a_hop_on, ip4, packet};
use support::{Router, ip, neighbor_mac, port_mac};

#[test]
fn packets_leave_a_hop_older() {
    let mut router = start();
    for ttl in [2, 64, 255] {
        let packet = packet(Fields { ttl, tos: 0xb9, ..to(AWAY) }, &[7; 100]);
        assert_eq!(send(&mut router, &packet), [leaves(1, OUT, &a_hop_on(&packet))]);
    }
    // An IPv6 next hop (RFC 8950); options stay; fragments pass.
    for (fragment, options) in [(0, &[][..]), (0x2005, &[7, 7, 4, 0, 0, 0, 0, 0]), (0x0009, &[0x94, 4, 0, 0])]
    {
        let packet = packet(Fields { fragment, options, ..to("198.18.0.1") }, &[7; 64]);
        assert_eq!(send(&mut router, &packet), [leaves(2, OUT, &a_hop_on(&packet))]);
    }
    // Padding stays behind; a link carries what fits exactly.
    let short = packet(to(AWAY), &[1]);
    let mut padded = short.clone();
    padded.extend([0xee; 25]);
    assert_eq!(send(&mut router, &padded), [leaves(1, OUT, &a_hop_on(&short))]);
    let full = packet(to(AWAY), &[1; 1380]);
    assert_eq!(send(&mut router, &full), [leaves(1, OUT, &a_hop_on(&full))]);
    assert_eq!(router.rings.counters.dropped(), 0);
}

#[test]
fn every_checksum_is_right_after_the_hop() {
    let mut router = start();
    for tos in 0..=255 {
        for ttl in [2, 3, 128, 255] {
            let packet = packet(Fields { ttl, tos, ..to(AWAY) }, &[]);
            assert_eq!(send(&mut router, &packet)[0].1[14..], a_hop_on(&packet));
        }
    }
}

#[test]
fn flows_stay_on_their_next_hop_and_spread() {
    let mut router = start();
    let mut counts = [0; 2];
    for flow in 0..200_u8 {
        let packet = packet(to("10.1.2.3"), &[flow, 1, 0, 2, 0, 8, 0, 0]);
        let (first, second) = (send(&mut router, &packet), send(&mut router, &packet));
        assert_eq!(first, second);
        counts[usize::from(first[0].1[..6] == neighbor_mac(2).0)] += 1;
    }
    assert!(counts.iter().all(|count| *count > 60), "{counts:?}");
    // Fragments of a packet have no ports but the first: they go one way.
    let piece = |fragment, data: [u8; 8]| packet(Fields { fragment, ..to("10.1.2.3") }, &data);
    let way = |router: &mut Router, packet: &[u8]| send(router, packet)[0].1[..6].to_vec();
    for ports in 0..20 {
        let first = way(&mut router, &piece(0x2000, [ports; 8]));
        assert_eq!(first, way(&mut router, &piece(0x0001, [99 - ports; 8])));
    }
}

/// Type, code and parameter of the error.
type Told = Option<(u8, u8, u32)>;

fn dropped(packet: &[u8], reason: Drop, told: Told) -> Drop {
    dropped_by(start(), packet, reason, told)
}

fn dropped_by(mut router: Router, packet: &[u8], reason: Drop, told: Told) -> Drop {
    let out = send(&mut router, packet);
    let counted: Vec<_> = Drop::ALL.iter().filter(|d| router.rings.counters.drops(**d) > 0).collect();
    assert_eq!(counted, [&reason], "{packet:02x?}");
    let Some((kind, code, parameter)) = told else {
        assert!(out.is_empty(), "{} is silent", reason.name());
        return reason;
    };
    assert_eq!(out.len(), 1, "{} is answered", reason.name());
    assert_eq!((out[0].0, &out[0].1[..6]), (IN, &neighbor_mac(0).0[..]), "by the route to the source");
    let expected = octets::Error {
        source: ip4(OWN),
        destination: ip4(HOST),
        kind,
        code,
        parameter,
        quote: octets::quoted(packet),
    };
    assert_eq!(octets::error(&out[0].1), expected, "{}", reason.name());
    reason
}

#[test]
fn what_cannot_be_forwarded_is_dropped_by_name_and_its_source_told() {
    let plain = packet(to(AWAY), &[5; 700]);
    let altered = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = plain.clone();
        change(&mut packet);
        packet
    };
    let from = |source| packet(Fields { source, ..to(AWAY) }, &[0; 8]);
    for len in [0, 1, 19, 20, 719] {
        dropped(&plain[..len], Drop::Ip4Length, None);
    }
    dropped(&altered(&|p| p[0] = 0x44), Drop::Ip4Length, None);
    dropped(&altered(&|p| p[2..4].copy_from_slice(&[0, 19])), Drop::Ip4Length, None);
    dropped(&altered(&|p| p[0] = 0x65), Drop::Ip4Version, None);
    for at in [1, 5, 8, 9, 11, 12, 19] {
        dropped(&altered(&|p| p[at] ^= 0x10), Drop::Ip4Checksum, None);
    }
    for source in ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255"] {
        dropped(&from(source), Drop::SourceAddress, None);
    }
    dropped(&from("169.254.7.7"), Drop::LinkLocal, None);
    for destination in ["0.0.0.1", "127.0.0.1"] {
        dropped(&packet(to(destination), &[]), Drop::DestinationAddress, None);
    }
    dropped(&packet(to("224.0.0.1"), &[]), Drop::Multicast, None);
    dropped(&packet(to("255.255.255.255"), &[]), Drop::Broadcast, None);
    dropped(&packet(to("192.0.2.127"), &octets::icmp(8, 0, &[0; 4])), Drop::Broadcast, None);
    dropped(&packet(to("169.254.0.1"), &[]), Drop::LinkLocal, None);

    dropped(&packet(to("8.8.8.8"), &[1; 9]), Drop::NoRoute, Some((3, 0, 0)));
    dropped(&packet(to("100.64.1.1"), &[1; 9]), Drop::Unreachable, Some((3, 1, 0)));
    dropped(&packet(to("100.64.2.1"), &[1; 9]), Drop::Blackhole, None);
    dropped(&packet(to("100.64.3.1"), &[1; 9]), Drop::NextHopDown, Some((3, 0, 0)));
    dropped(&packet(to("100.64.6.1"), &[1; 9]), Drop::PolicyDown, Some((3, 0, 0)));
    dropped(&packet(to("172.16.0.1"), &[1; 9]), Drop::EgressFilter, None);
    for ttl in [0, 1] {
        dropped(&packet(Fields { ttl, ..to(AWAY) }, &[9; 600]), Drop::HopLimit, Some((11, 0, 0)));
    }
    dropped(&packet(to(AWAY), &[9; 1381]), Drop::TooBig, Some((3, 4, 1400)));
    let mut wide = node();
    wide.plan.adjacencies[1].mtu = 1280;
    dropped_by(wide.start(), &packet(to(AWAY), &[9; 1261]), Drop::TooBig, Some((3, 4, 1280)));
}

#[test]
fn what_is_for_this_node_ends_here() {
    dropped(&packet(to(OWN), &[0; 8]), Drop::LocalPort, Some((3, 3, 0)));
    dropped(&packet(Fields { protocol: TCP, ..to(OWN) }, &[0; 20]), Drop::LocalTcp, None);
    dropped(&packet(Fields { protocol: 47, ..to(OWN) }, &[0; 20]), Drop::LocalProtocol, Some((3, 2, 0)));
    let ping = |fields: Fields<'_>, message: &[u8]| packet(Fields { protocol: ICMP, ..fields }, message);
    dropped(&ping(Fields { fragment: 0x2000, ..to(OWN) }, &[0; 8]), Drop::LocalFragment, None);
    dropped(&ping(Fields { fragment: 0x0003, ..to(OWN) }, &[0; 8]), Drop::LocalFragment, None);
    dropped(&ping(to(OWN), &[]), Drop::LocalMalformed, None);
    dropped(&ping(to(OWN), &[8, 0, 1, 2, 0, 0, 0, 0]), Drop::LocalMalformed, None);

    // RFC 792; the address that was asked answers, whichever port it is on, and options stay.
    for (own, options) in [(OWN, &[][..]), ("192.0.2.129", &[0x94, 4, 0, 0])] {
        let mut router = start();
        let asked =
            ping(Fields { ttl: 3, options, ..to(own) }, &octets::icmp(8, 0, b"\x12\x34\0\x01as it was"));
        let fields = Fields { source: own, destination: HOST, protocol: ICMP, options, ..to(HOST) };
        let answer = packet(fields, &octets::icmp(0, 0, b"\x12\x34\0\x01as it was"));
        assert_eq!(send(&mut router, &asked), [leaves(0, IN, &answer)]);
        assert_eq!(router.rings.counters.dropped(), 0);
    }
    let mut router = start();
    assert!(send(&mut router, &ping(to(OWN), &octets::icmp(0, 0, &[0; 4]))).is_empty());
    assert_eq!(router.rings.counters.consumed.value(), 1, "an answer to nobody's question");
}

#[test]
fn a_neighbor_on_the_link_is_asked_for() {
    let mut router = start();
    for (destination, port, address) in [("192.0.2.77", IN, "192.0.2.77"), ("100.64.4.1", OUT, "192.0.2.150")]
    {
        let packet = packet(to(destination), &[3; 30]);
        assert!(send(&mut router, &packet).is_empty());
        let punt = router.punts().remove(0);
        assert_eq!(punt.why, Why::Resolve { port, address: mapped(address) });
        let resume = Resume::Forward(AdjacencyId(1));
        router.rings.injects.push(Inject { buffer: punt.buffer, meta: punt.meta, resume }).unwrap();
        assert_eq!(router.drain(), [leaves(1, OUT, &a_hop_on(&packet))]);
    }
    let unanswered = packet(to("192.0.2.77"), &[3; 30]);
    send(&mut router, &unanswered);
    let punt = router.punts().remove(0);
    let resume = Resume::Fail(Drop::NeighborUnresolved);
    router.rings.injects.push(Inject { buffer: punt.buffer, meta: punt.meta, resume }).unwrap();
    let out = router.drain();
    let error = octets::error(&out[0].1);
    assert_eq!((error.kind, error.code, error.quote), (3, 1, &unanswered[..]));
}

#[test]
fn what_may_be_cut_goes_to_control_and_its_pieces_come_back() {
    let mut router = start();
    let large = packet(Fields { fragment: 0, ..to(AWAY) }, &[3; 1381]);
    assert!(send(&mut router, &large).is_empty());
    let punt = router.punts().remove(0);
    assert_eq!((punt.why, punt.meta.adjacency), (Why::Fragment { room: 1400 }, AdjacencyId(1)));
    assert_eq!(dataplane::buffer::packet(&punt.buffer), large, "as received");
    for (len, resume) in [(100, Resume::Forward(AdjacencyId(1))), (50, Resume::Fragment)] {
        let piece = packet(Fields { fragment: 0x2000, ..to(AWAY) }, &vec![3; len]);
        let buffer = dataplane::buffer::HeapBuf::new(&octets::frame(Mac::default(), &piece), 0);
        router.rings.injects.push(Inject { buffer, meta: punt.meta, resume }).unwrap();
        assert_eq!(router.drain(), [leaves(1, OUT, &a_hop_on(&piece))]);
    }
    assert_eq!(router.rings.counters.made.value(), 1, "one came in, two went out");

    assert!(send(&mut router, &large).is_empty());
    let punt = router.punts().remove(0);
    let resume = Resume::Fail(Drop::FragmentLimit);
    router.rings.injects.push(Inject { buffer: punt.buffer, meta: punt.meta, resume }).unwrap();
    assert!(router.drain().is_empty());
    assert_eq!(router.rings.counters.drops(Drop::FragmentLimit), 1);
}

/// RFC 1812, 4.3.2.7.
#[test]
fn no_error_is_made_about_errors_pieces_or_groups() {
    let error =
        |kind| packet(Fields { protocol: ICMP, ttl: 1, ..to(AWAY) }, &octets::icmp(kind, 0, &[0; 44]));
    for kind in [3, 4, 5, 11, 12] {
        dropped(&error(kind), Drop::HopLimit, None);
    }
    dropped(&error(8), Drop::HopLimit, Some((11, 0, 0)));
    dropped(&packet(Fields { ttl: 1, fragment: 0x2001, ..to(AWAY) }, &[0; 8]), Drop::HopLimit, None);
    dropped(
        &packet(Fields { ttl: 1, fragment: 0x2000, ..to(AWAY) }, &[0; 8]),
        Drop::HopLimit,
        Some((11, 0, 0)),
    );
    for mac in [Mac::BROADCAST, Mac([1, 0, 0x5e, 0, 0, 1])] {
        let mut router = start();
        router.push(IN, &octets::frame(mac, &packet(to(AWAY), &[0; 8])), 0);
        assert!(router.drain().is_empty());
        assert_eq!(router.rings.counters.drops(Drop::Broadcast), 1, "not forwarded (RFC 1812, 5.3.4)");
    }
    // An error that this node made and cannot deliver is not answered in turn.
    let mut router = start();
    assert!(send(&mut router, &packet(Fields { source: "8.8.8.8", ttl: 1, ..to(AWAY) }, &[0; 8])).is_empty());
    let counters = &router.rings.counters;
    assert_eq!(
        (counters.drops(Drop::HopLimit), counters.drops(Drop::NoRoute), counters.made.value()),
        (1, 1, 1)
    );
}

#[test]
fn errors_share_the_limits_of_icmpv6() {
    let mut node = node();
    node.plan.icmp = dataplane::limit::IcmpLimits { rate: 10, burst: 3 };
    let mut router = node.start();
    let lost = packet(to("8.8.8.8"), &[]);
    let told = (0..8).map(|_| send(&mut router, &lost).len()).sum::<usize>();
    assert_eq!((told, router.rings.counters.icmp_limited[1].value()), (3, 5));
}

#[test]
fn arp_goes_to_control_when_it_concerns_this_node() {
    let (neighbor, group) = (Mac([2, 0, 0, 0, 0, 7]), Mac::BROADCAST);
    let cases = [
        (octets::arp(group, 1, (neighbor, "192.0.2.7"), OWN), true, "asks for us"),
        (octets::arp(port_mac(0), 2, (neighbor, "192.0.2.7"), OWN), true, "answers us"),
        (octets::arp(group, 1, (neighbor, "192.0.2.7"), "192.0.2.7"), true, "tells of itself"),
        (octets::arp(group, 1, (neighbor, OWN), "192.0.2.9"), true, "claims our address"),
        (octets::arp(group, 1, (neighbor, "192.0.2.7"), "192.0.2.9"), false, "asks for another"),
        (octets::arp(group, 1, (neighbor, "192.0.2.7"), "192.0.2.129"), false, "asks for another port"),
    ];
    for (frame, is_for_control, what) in cases {
        let mut router = start();
        router.push(IN, &frame, 0);
        assert!(router.drain().is_empty());
        let whys: Vec<_> = router.punts().iter().map(|punt| punt.why).collect();
        assert_eq!(whys, if is_for_control { vec![Why::Arp] } else { vec![] }, "{what}");
        assert_eq!(router.rings.counters.consumed.value(), 1, "{what}");
    }
    let mut router = start();
    router.push(IN, &octets::arp(group, 3, (neighbor, "192.0.2.7"), OWN), 0);
    router.drain();
    assert_eq!(router.rings.counters.drops(Drop::ArpMalformed), 1);
}

/// RFC 8986, 4.7 and 5.1.
#[test]
fn a_policy_carries_it_and_end_dt4_gives_it_back() {
    let inner = packet(Fields { tos: 0x2e, ..to("100.64.5.1") }, &[6; 40]);
    let mut router = start();
    let out = send(&mut router, &inner);
    assert_eq!(out.len(), 1);
    let outer = &out[0].1;
    assert_eq!(outer[12..14], [0x86, 0xdd]);
    assert_eq!((outer[14] << 4 | outer[15] >> 4, outer[14 + 7]), (0x2e, 64), "traffic class and hop limit");
    assert_ne!(u32::from_be_bytes([0, outer[15] & 15, outer[16], outer[17]]), 0, "flow label");
    assert_eq!(outer[14 + 40], 4, "IPv4 is next");
    assert_eq!(outer[14 + 40 + 40..], a_hop_on(&inner), "one hop older before it is carried");
    // What is longer than the link carries with the header.
    let room = 1400 - 40 - 40;
    dropped(&packet(to("100.64.5.1"), &vec![6; room - 19]), Drop::TooBig, Some((3, 4, room as u32)));
    let mut router = start();
    assert!(
        send(&mut router, &packet(Fields { fragment: 0, ..to("100.64.5.1") }, &vec![6; room - 19]))
            .is_empty()
    );
    assert_eq!(router.punts()[0].why, Why::Fragment { room: room as u32 });

    // Into table 1, where the same destination has another next hop.
    let inner = packet(to(AWAY), &[6; 40]);
    let carry = |inner: &[u8]| {
        let sid = ip("2001:db8:51d::1");
        let packet = support::octets::ip6(ip("2001:db8:5::1"), sid, 9, 4, inner);
        support::octets::frame(port_mac(IN.0), &packet)
    };
    let mut router = start();
    router.push(IN, &carry(&inner), 0);
    assert_eq!(router.drain(), [leaves(2, OUT, &a_hop_on(&inner))]);
    // An error about it goes to its own source, by the same table.
    let old = packet(Fields { ttl: 1, ..to(AWAY) }, &[6; 40]);
    let mut router = start();
    router.push(IN, &carry(&old), 0);
    let out = router.drain();
    let error = octets::error(&out[0].1);
    assert_eq!((error.kind, error.destination, error.quote), (11, ip4(HOST), &old[..]));
    for (inner, reason) in [
        (packet(to("169.254.0.1"), &[]), Drop::LinkLocal),
        (packet(to("8.8.8.8"), &[])[..19].to_vec(), Drop::Ip4Length),
        (vec![], Drop::Ip4Length),
    ] {
        let mut router = start();
        router.push(IN, &carry(&inner), 0);
        assert!(router.drain().is_empty());
        assert_eq!(router.rings.counters.drops(reason), 1, "{}", reason.name());
    }
}

/// RFC 4291, 2.5.5.2: inside nodes only.
#[test]
fn an_ipv6_packet_cannot_pose_as_ipv4() {
    let mut router = start();
    for (source, destination, reason) in [
        ("2001:db8:9::1", "::ffff:192.0.2.77", Drop::DestinationAddress),
        ("2001:db8:9::1", "::ffff:192.0.2.1", Drop::DestinationAddress),
        ("::ffff:203.0.113.7", "2001:db8:5::1", Drop::SourceAddress),
    ] {
        let packet = support::octets::ip6(ip(source), ip(destination), 9, 59, &[]);
        let before = router.rings.counters.drops(reason);
        assert!(router.send(IN, &packet).is_empty());
        assert_eq!(router.rings.counters.drops(reason), before + 1);
    }
}

const CASES: u32 = if cfg!(miri) { 1 } else { 300 };

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_out_is_what_went_in_or_an_answer_to_it(octets in proptest::collection::vec(any::<u8>(), 0..600)) {
        support::four::run(&octets);
    }

    #[test]
    fn any_octets_are_answered(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
        support::four::run_raw(&octets);
    }
}

/// One octet of a fixed sequence (xorshift).
fn next(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 32) as u8
}

/// The packets above are worth their name.
#[test]
#[cfg_attr(miri, ignore = "thousands of packets")]
fn any_packets_reach_everything() {
    let mut state = 1;
    let octets: Vec<u8> = std::iter::repeat_with(|| next(&mut state)).take(200_000).collect();
    let router = support::four::run(&octets);
    let counters = &router.rings.counters;
    for reason in [
        Drop::Ip4Length,
        Drop::Ip4Version,
        Drop::Ip4Checksum,
        Drop::SourceAddress,
        Drop::LinkLocal,
        Drop::Multicast,
        Drop::Broadcast,
        Drop::NoRoute,
        Drop::Unreachable,
        Drop::Blackhole,
        Drop::NextHopDown,
        Drop::PolicyDown,
        Drop::EgressFilter,
        Drop::HopLimit,
        Drop::TooBig,
        Drop::LocalPort,
        Drop::LocalTcp,
        Drop::LocalProtocol,
        Drop::LocalFragment,
        Drop::LocalMalformed,
    ] {
        assert!(counters.drops(reason) > 0, "never met: {}", reason.name());
    }
    assert!(counters.sent() > 1000 && counters.made.value() > 1000 && counters.held.value() > 100);
}
