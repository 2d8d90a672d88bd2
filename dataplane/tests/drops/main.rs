//! Every drop has a name, a counter and a test: each reason is met by a packet, its counter goes up by one, and the ICMPv6
//! error that RFC 4443 asks for is on the wire, or none is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

mod srv6;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;

use dataplane::buffer::HeapBuf;
use dataplane::burst::{Burst, Meta};
use dataplane::drop::Drop;
use dataplane::graph::{self, Engine, NodeId};
use dataplane::id::{PortId, VrfId};
use dataplane::limit::{IcmpLimits, Limits};
use dataplane::node::lookup::{LookupBatch, MAX_LOOKUPS};
use dataplane::node::mex::Seekers;
use dataplane::node::output::TransmitQueue;
use dataplane::table::{MexPolicy, NextHop, Peer, PeerRef, Site, Tables, Trigger};
use dataplane::update::{Inject, PUNT_RING_LEN, Resume, Rings};
use dataplane::wire::ethernet::Mac;
use dataplane::worker::{Arrivals, PacketIo, Worker};
use support::octets::{self, AP, DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, ICMPV6, TCP, UDP};
use support::{Plan, Router, ip, octets4, port_mac};

const IN: PortId = PortId(0);
const OUT: PortId = PortId(1);
const HOST: &str = "2001:db8:100::1";
const OWN: &str = "2001:db8:f0::1";

/// Tables where each destination `2001:db8:<n>::/48` ends in another way.
fn plan() -> Plan {
    let mut plan = Plan::default();
    plan.port(0, 1500, &[OWN]);
    plan.port(0, 1400, &["2001:db8:f1::1"]);
    plan.port(0, 1500, &[]);
    plan.ports[2].is_up = false;
    plan.via("2001:db8:100::/48", IN, "2001:db8:f0::9");
    plan.neighbor(IN, "fe80::9");
    let onward = plan.via("2001:db8:1::/48", OUT, "2001:db8:f1::9");
    plan.route(0, "2001:db8:2::/48", NextHop::Unreachable);
    plan.route(0, "2001:db8:3::/48", NextHop::Blackhole);
    plan.route(0, "2001:db8:4::/48", NextHop::Mex);
    let dead = plan.via("2001:db8:5::/48", OUT, "2001:db8:f1::8");
    plan.dead.push(dead);
    plan.route(0, "2001:db8:6::/48", NextHop::OnLink(OUT));
    let via = plan.hop(NextHop::Adjacency(onward));
    plan.route(0, "2001:db8:7::/48", NextHop::Site { site: 0, via });
    plan.route(0, "2001:db8:bad::/48", NextHop::Adjacency(onward));
    plan.adjacencies[onward.index()].is_filtered = true;
    plan.ports[OUT.index()].egress_deny = [support::prefix("2001:db8:bad::/48")].into_iter().collect();
    plan
}

fn to(address: &str) -> Vec<u8> {
    udp(HOST, address, 64, 100)
}

fn udp(source: &str, destination: &str, hop_limit: u8, len: usize) -> Vec<u8> {
    let datagram = octets::udp(ip(source), ip(destination), (1, 2), &vec![0x5a; len]);
    octets::ip6(ip(source), ip(destination), hop_limit, UDP, &datagram)
}

fn with(destination: &str, parts: &[(u8, Vec<u8>)], last: (u8, &[u8])) -> Vec<u8> {
    octets::chain(ip(HOST), ip(destination), 64, parts, last)
}

/// Type, code and parameter of the error that goes back to the source.
type Told = Option<(u8, u8, u32)>;

/// One packet comes in on [`IN`] and is dropped for `reason`.
fn check(plan: &Plan, packet: &[u8], reason: Drop, told: Told) -> Drop {
    check_frame(plan, IN, &octets::frame(port_mac(IN.0), packet), reason, told)
}

fn check_frame(plan: &Plan, port: PortId, frame: &[u8], reason: Drop, told: Told) -> Drop {
    let mut router = plan.start();
    router.push(port, frame, 0);
    let mut out = router.drain();
    if !router.rings.punts.is_empty() {
        out = router.answer_neighbors();
    }
    check_end(&router, &out, &frame[14.min(frame.len())..], reason, told);
    reason
}

fn check_end(router: &Router, out: &[(PortId, Vec<u8>)], received: &[u8], reason: Drop, told: Told) {
    let counters = &router.rings.counters;
    let counted: Vec<_> = Drop::ALL.iter().filter(|d| counters.drops(**d) > 0).collect();
    assert_eq!(counted, [&reason]);
    assert_eq!(counters.drops(reason), 1);
    assert!(counters.drop_octets(reason) > 0 || received.is_empty(), "octets are counted, too");
    assert_eq!(reason.reply().map(|r| (r.kind, r.code)), told.map(|(kind, code, _)| (kind, code)));
    let Some((kind, code, parameter)) = told else {
        assert!(out.is_empty(), "{} is silent", reason.name());
        return;
    };
    assert_eq!(out.len(), 1, "{} is answered", reason.name());
    assert_eq!(out[0].0, IN);
    let error = octets::error(&out[0].1);
    assert_eq!((error.kind, error.code, error.parameter), (kind, code, parameter), "{}", reason.name());
    assert_eq!(error.quote, octets::quoted(received), "the packet as received");
    assert_eq!(octets::destination(&out[0].1[14..]), octets::source(received));
    assert_eq!(counters.icmp_errors[usize::from(kind)].value(), 1);
}

/// Ethernet and IPv6 input.
fn input() -> Vec<Drop> {
    let plan = plan();
    let good = octets::frame(port_mac(0), &to("2001:db8:1::1"));
    let altered = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = good.clone();
        change(&mut frame);
        frame
    };
    let silent = |frame: &[u8], reason| check_frame(&plan, IN, frame, reason, None);
    vec![
        silent(&good[..13], Drop::EthernetShort),
        silent(&altered(&|f| f[5] ^= 0x40), Drop::EthernetDestination),
        silent(&altered(&|f| f[12..14].copy_from_slice(&[0x88, 0xcc])), Drop::EthernetType),
        silent(&altered(&|f| f[12..14].copy_from_slice(&[0x08, 0x06])), Drop::ArpMalformed),
        silent(&altered(&|f| f[12..14].copy_from_slice(&[0x08, 0x00])), Drop::Ip4Version),
        check_frame(&plan, PortId(2), &octets::frame(port_mac(2), &to(HOST)), Drop::PortDown, None),
        silent(&good[..14 + 39], Drop::Ip6Length),
        silent(&good[..good.len() - 1], Drop::Ip6Length),
        silent(&altered(&|f| f[14] = 0x40), Drop::Ip6Version),
        check(&plan, &udp("ff02::1", "2001:db8:1::1", 64, 1), Drop::SourceAddress, None),
        check(&plan, &udp("::1", "2001:db8:1::1", 64, 1), Drop::SourceAddress, None),
        check(&plan, &udp("::", "2001:db8:1::1", 64, 1), Drop::SourceAddress, None),
        check(&plan, &to("::"), Drop::DestinationAddress, None),
        check(&plan, &to("::1"), Drop::DestinationAddress, None),
        check(&plan, &to("ff0e::1"), Drop::Multicast, None),
        check(&plan, &to("ff02::1"), Drop::Multicast, None),
        check(&plan, &to("fe80::77"), Drop::LinkLocal, None),
        // IPv4, of which ipv4.rs has more.
        silent(&octets4::frame(port_mac(0), &[0x45; 19]), Drop::Ip4Length),
        silent(&octets4::frame(port_mac(0), &[0x45, 0, 0, 20].repeat(5)), Drop::Ip4Checksum),
        silent(&octets4::frame(port_mac(0), &octets4::packet(octets4::TO_ALL, &[])), Drop::Broadcast),
    ]
}

/// Lookup and what comes behind it.
fn forwarding() -> Vec<Drop> {
    let plan = plan();
    let mut narrow = plan.clone();
    narrow.adjacencies[2].mtu = 1280;
    vec![
        check(&plan, &to("2001:db8:aaaa::1"), Drop::NoRoute, Some((1, 0, 0))),
        check(&plan, &to("2001:db8:2::1"), Drop::Unreachable, Some((1, 0, 0))),
        check(&plan, &to("2001:db8:3::1"), Drop::Blackhole, None),
        check(&plan, &to("2001:db8:4::1"), Drop::MexRoute, Some((1, 0, 0))),
        check(&plan, &to("2001:db8:5::1"), Drop::NextHopDown, Some((1, 0, 0))),
        check(&plan, &udp("fe80::9", "2001:db8:1::1", 64, 1), Drop::BeyondScope, Some((1, 2, 0))),
        check(&plan, &udp(HOST, "2001:db8:1::1", 1, 1), Drop::HopLimit, Some((3, 0, 0))),
        check(&plan, &udp(HOST, "2001:db8:1::1", 0, 1), Drop::HopLimit, Some((3, 0, 0))),
        check(&plan, &udp(HOST, "2001:db8:1::1", 64, 1400 - 47), Drop::TooBig, Some((2, 0, 1400))),
        check(&narrow, &udp(HOST, "2001:db8:1::1", 64, 1280 - 47), Drop::TooBig, Some((2, 0, 1280))),
        check(&plan, &to("2001:db8:bad::1"), Drop::EgressFilter, None),
    ]
}

fn prefixes(count: u64) -> Box<[u64]> {
    (0..count).map(|i| 0x2001_0db8_000c_0000 + i).collect()
}

fn mex() -> Vec<Drop> {
    let mut plan = plan();
    plan.mex = MexPolicy {
        triggers: [Trigger::NoRoute].into_iter().collect(),
        max_prefixes: 255,
        rate: 1,
        burst: 1,
        sites: Box::new([Site { prefixes: Box::new([0x2001_0db8_0007_0000]) }]),
        peers: Box::new([Peer { prefixes: prefixes(32) }]),
        ..MexPolicy::default()
    };
    let ap = |pleft, listed: &[u64]| vec![(AP, octets::ap(pleft, listed))];
    let two = [0x2001_0db8_000b_0000, 0x2001_0db8_000c_0000];
    let mut long = octets::ap(1, &two);
    long[1] = 200;
    let mut met = vec![
        check(&plan, &with("2001:db8:a::1", &ap(3, &two), (UDP, &[0; 8])), Drop::MexHeader, Some((4, 0, 42))),
        check(
            &plan,
            &with("2001:db8:a::1", &[(AP, long)], (UDP, &[0; 8])),
            Drop::MexHeader,
            Some((4, 0, 41)),
        ),
        check(&plan, &with("2001:db8:7::1", &ap(2, &two), (UDP, &[0; 8])), Drop::MexSiteVerify, None),
    ];

    // The policer lets one packet a second through; the first ends as an ordinary packet without a route.
    let mut router = plan.start();
    let packet = with("2001:db8:a::1", &ap(2, &two), (UDP, &[0; 8]));
    assert_eq!(router.send(IN, &packet).len(), 1);
    assert_eq!(router.send(IN, &packet).len(), 0);
    assert_eq!(router.rings.counters.drops(Drop::NoRoute), 1);
    assert_eq!(router.rings.counters.drops(Drop::MexPoliced), 1);
    met.push(Drop::MexPoliced);

    // 31 alternatives need more room in front than a buffer has, and the destination itself leads nowhere.
    for (own, high) in prefixes(32).iter().enumerate() {
        plan.ports[IN.index()].peers.insert(*high, PeerRef { peer: 0, own: own as u8 });
    }
    plan.route(0, "2001:db8:c:1f::/64", NextHop::Adjacency(dataplane::id::AdjacencyId(2)));
    met.push(check(&plan, &to("2001:db8:c:3::1"), Drop::Headroom, None));
    met
}

fn local() -> Vec<Drop> {
    let plan = plan();
    let nd = octets::icmp(ip(HOST), ip(OWN), 135, 0, &[0; 20]);
    vec![
        check(&plan, &to(OWN), Drop::LocalPort, Some((1, 4, 0))),
        check(&plan, &with(OWN, &[], (TCP, &[0; 20])), Drop::LocalTcp, None),
        check(&plan, &with(OWN, &[], (200, &[0; 4])), Drop::LocalProtocol, Some((4, 1, 6))),
        check(
            &plan,
            &with(OWN, &[(DESTINATION_OPTIONS, octets::options(0))], (AP, &octets::ap(0, &[]))),
            Drop::LocalProtocol,
            Some((4, 1, 40)),
        ),
        check(
            &plan,
            &with(OWN, &[(FRAGMENT, octets::fragment(1, false))], (UDP, &[0; 8])),
            Drop::LocalFragment,
            None,
        ),
        check(&plan, &with(OWN, &[], (HOP_BY_HOP, &[58, 9, 0, 0])), Drop::LocalMalformed, None),
        check(&plan, &with(OWN, &[], (ICMPV6, &[128, 0, 1, 2, 0, 0, 0, 0])), Drop::LocalMalformed, None),
        check(
            &plan,
            &octets::ip6(ip(HOST), ip(OWN), 254, ICMPV6, &nd),
            Drop::NeighborDiscoveryHopLimit,
            None,
        ),
    ]
}

/// What control says of packets that waited.
fn waiting() -> Vec<Drop> {
    let packet = to("2001:db8:6::1");
    let cases = [
        (Drop::NeighborUnresolved, Some((1, 3, 0))),
        (Drop::NeighborQueueFull, None),
        (Drop::FragmentLimit, None),
    ];
    for (reason, told) in cases {
        let mut router = plan().start();
        assert!(router.send(IN, &packet).is_empty());
        let punt = router.punts().remove(0);
        let inject = Inject { buffer: punt.buffer, meta: punt.meta, resume: Resume::Fail(reason) };
        router.rings.injects.push(inject).unwrap();
        let out = router.drain();
        check_end(&router, &out, &packet, reason, told);
    }
    cases.map(|(reason, _)| reason).to_vec()
}

/// Rings and queues that are full.
fn full() -> Vec<Drop> {
    let nd = octets::icmp(ip(HOST), ip(OWN), 135, 0, &[0; 20]);
    for packet in [octets::ip6(ip(HOST), ip(OWN), 255, ICMPV6, &nd), to("2001:db8:6::1")] {
        let mut router = plan().start();
        for _ in 0..PUNT_RING_LEN {
            assert!(router.send(IN, &packet).is_empty());
        }
        assert_eq!(router.rings.counters.dropped(), 0);
        let out = router.send(IN, &packet);
        check_end(&router, &out, &packet, Drop::ControlQueueFull, None);
    }
    // The device takes two of three.
    let mut router = plan().start();
    router.io.accept = 2;
    let packet = to("2001:db8:1::1");
    for _ in 0..3 {
        router.push(IN, &octets::frame(port_mac(0), &packet), 0);
    }
    assert_eq!(router.drain().len(), 2);
    check_end(&router, &[], &packet, Drop::TransmitFull, None);
    vec![Drop::ControlQueueFull, Drop::TransmitFull]
}

/// A device that gives frames in several buffers refuses them by itself.
fn refused() -> Drop {
    struct Refuses(u32);
    impl PacketIo<HeapBuf> for Refuses {
        fn receive_queues(&self) -> usize {
            1
        }
        fn receive(&mut self, _queue: usize, arrivals: &mut Arrivals<'_, HeapBuf>) {
            if self.0 > 0 {
                self.0 -= 1;
                arrivals.refuse(IN, 9000, Drop::MultiSegment);
            }
        }
        fn transmit(&mut self, _port: PortId, _frames: &mut [Option<HeapBuf>]) {}
    }
    let mut router = plan().start();
    let mut worker = Worker::new(router.rings.clone(), router.liveness.clone());
    worker.poll(&mut Refuses(1), 0);
    check_end(&router, &[], &[], Drop::MultiSegment, None);
    assert_eq!(router.rings.counters.received(), 1);
    router.drain();
    Drop::MultiSegment
}

/// The limit is met by a packet that says it has had as many lookups.
fn looped() -> Drop {
    let rings: std::sync::Arc<Rings<HeapBuf>> = std::sync::Arc::default();
    let mut engine = Engine {
        tables: Tables::new(std::sync::Arc::default()),
        limits: Limits::new(IcmpLimits::default()),
        rings: rings.clone(),
        transmit: [TransmitQueue::default()].into(),
        batch: LookupBatch::default(),
        batch4: LookupBatch::default(),
        seekers: Seekers::default(),
    };
    let mut burst = Burst::default();
    let frame = octets::frame(Mac::default(), &to("2001:db8:1::1"));
    for lookups in [MAX_LOOKUPS - 1, MAX_LOOKUPS] {
        let meta = Meta { lookups, vrf: VrfId(0), destination: 1, ..Meta::received(IN, 0) };
        assert!(burst.push(NodeId::Lookup, HeapBuf::new(&frame, 0), meta).is_ok());
    }
    graph::run(&mut engine, &mut burst);
    assert_eq!(rings.counters.drops(Drop::NoRoute), 1, "one lookup was left");
    assert_eq!(rings.counters.drops(Drop::Loop), 1);
    assert_eq!(rings.counters.dropped(), 2);
    Drop::Loop
}

#[test]
fn every_drop_has_a_name_a_counter_and_a_test() {
    let mut met: BTreeSet<Drop> = BTreeSet::new();
    let others = vec![refused(), looped()];
    for table in [input(), forwarding(), mex(), local(), srv6::all(), waiting(), full(), others] {
        met.extend(table);
    }
    let missing: Vec<_> = Drop::ALL.iter().filter(|d| !met.contains(d)).collect();
    assert!(missing.is_empty(), "no test meets {missing:?}");
}

/// RFC 4443, 2.4 (e): each of these would be answered but for what it is.
#[test]
fn no_error_is_made_about_errors_groups_or_nobody() {
    let plan = plan();
    let error = |kind| {
        let message = octets::icmp(ip(HOST), ip("2001:db8:1::1"), kind, 0, &[0; 44]);
        octets::ip6(ip(HOST), ip("2001:db8:1::1"), 1, ICMPV6, &message)
    };
    let mut forbidden: Vec<(Vec<u8>, Mac)> = Vec::new();
    for kind in [1, 2, 3, 4, 127, 137] {
        forbidden.push((error(kind), port_mac(0)));
    }
    // An error behind a Destination Options, an AP and a first Fragment header.
    for part in [
        (DESTINATION_OPTIONS, octets::options(1)),
        (AP, octets::ap(1, &[7])),
        (FRAGMENT, octets::fragment(0, true)),
    ] {
        let mut packet = with("2001:db8:1::1", &[part], (ICMPV6, &[1, 0, 0, 0, 0, 0, 0, 0]));
        packet[7] = 1;
        forbidden.push((packet, port_mac(0)));
    }
    forbidden.push((udp(HOST, "2001:db8:1::1", 1, 9), Mac::BROADCAST));
    forbidden.push((udp(HOST, "2001:db8:1::1", 1, 9), Mac([0x33, 0x33, 0, 0, 0, 1])));
    for (packet, mac) in forbidden {
        let mut router = plan.start();
        router.push(IN, &octets::frame(mac, &packet), 0);
        assert!(router.drain().is_empty(), "{packet:02x?}");
        assert_eq!(router.rings.counters.drops(Drop::HopLimit), 1);
        assert_eq!(router.rings.counters.made.value(), 0);
    }
    // Echo requests and unknown informational messages are no errors.
    for kind in [128, 200] {
        assert_eq!(plan.start().send(IN, &error(kind)).len(), 1);
    }
    // An error that this node made and cannot deliver is not answered in turn.
    let mut router = plan.start();
    assert!(router.send(IN, &udp("2001:db8:aaaa::1", "2001:db8:1::1", 1, 9)).is_empty());
    assert_eq!(router.rings.counters.drops(Drop::HopLimit), 1);
    assert_eq!(router.rings.counters.drops(Drop::NoRoute), 1);
    assert_eq!(router.rings.counters.made.value(), 1);
}

/// Each kind of error has a bucket of its own: a burst, then the rate.
#[test]
fn errors_are_limited_by_kind() {
    let mut plan = plan();
    plan.icmp = IcmpLimits { rate: 10, burst: 3 };
    let mut router = plan.start();
    let kinds = [
        (1, to("2001:db8:2::1")),
        (2, udp(HOST, "2001:db8:1::1", 64, 1400)),
        (3, udp(HOST, "2001:db8:1::1", 1, 1)),
        (4, with(OWN, &[], (200, &[0; 4]))),
    ];
    let answered =
        |router: &mut Router, packet: &[u8]| (0..8).map(|_| router.send(IN, packet).len()).sum::<usize>();
    for (step_ms, expected) in [(0, 3), (99, 0), (1, 1), (200, 2), (10_000, 3)] {
        router.now_ns += step_ms * 1_000_000;
        for (kind, packet) in &kinds {
            assert_eq!(answered(&mut router, packet), expected, "type {kind} after {step_ms} ms more");
        }
    }
    for (kind, _) in kinds {
        assert_eq!(router.rings.counters.icmp_errors[kind].value(), 9);
        assert_eq!(router.rings.counters.icmp_limited[kind].value(), 5 * 8 - 9);
    }
}
