//! Whole ways through several routers: a correspondent's edge, MEX routers in a row, a site's edge. What the host behind
//! the edge gets is what was sent, octet by octet, but for the hop limit.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

mod support;

use dataplane::drop::Drop;
use dataplane::id::PortId;
use dataplane::table::{MexPolicy, NextHop, Peer, PeerRef, Site, Trigger};
use proptest::prelude::*;
use support::octets::{self, DESTINATION_OPTIONS, ESP, FRAGMENT, HOP_BY_HOP, ROUTING, UDP};
use support::{Plan, Router, ip};

const CASES: u32 = if cfg!(miri) { 2 } else { 1000 };
const HOST: &str = "2001:db8:1::10";
const INTERFACE_ID: u128 = 0xa_000b_000c_000d;
const ONE: PortId = PortId(0);
const TWO: PortId = PortId(1);

/// Prefix `i` of the site: one of each provider.
fn site_prefix(i: usize) -> u64 {
    0x2001_0db8_0000_0001 | (0xa0 + i as u64) << 16
}

fn at(prefix: u64) -> u128 {
    u128::from(prefix) << 64 | INTERFACE_ID
}

fn two_ports() -> Plan {
    let mut plan = Plan::default();
    plan.port(0, 1500, &["2001:db8:f0::1"]);
    plan.port(0, 1500, &["2001:db8:f1::1"]);
    plan
}

/// The correspondent's edge: packets of the inside toward the site get the header.
fn correspondent(prefixes: &[u64]) -> Router {
    let mut plan = two_ports();
    plan.via("::/0", TWO, "2001:db8:f1::9");
    plan.via("2001:db8:1::/48", ONE, "2001:db8:f0::9");
    plan.adjacencies[1].is_mex_inside = true;
    for (own, high) in prefixes.iter().enumerate() {
        plan.ports[ONE.index()].peers.insert(*high, PeerRef { peer: 0, own: own as u8 });
    }
    plan.mex = MexPolicy { peers: Box::new([Peer { prefixes: prefixes.into() }]), ..MexPolicy::default() };
    plan.start()
}

/// A MEX router that knows a way to these prefixes only.
fn exchanger(alive: impl Iterator<Item = u64>) -> Router {
    let mut plan = two_ports();
    let onward = plan.neighbor(TWO, "2001:db8:f1::9");
    for high in alive {
        let to = format!("{}/64", std::net::Ipv6Addr::from(u128::from(high) << 64));
        plan.route(0, &to, NextHop::Adjacency(onward));
    }
    plan.mex = MexPolicy {
        triggers: [Trigger::NoRoute].into_iter().collect(),
        max_prefixes: 255,
        ..MexPolicy::default()
    };
    plan.start()
}

/// The site's edge: all of the site's prefixes lead inside.
fn site_edge(prefixes: &[u64]) -> Router {
    let mut plan = two_ports();
    let inside = plan.neighbor(TWO, "2001:db8:f1::9");
    let via = plan.hop(NextHop::Adjacency(inside));
    for high in prefixes {
        let to = format!("{}/64", std::net::Ipv6Addr::from(u128::from(*high) << 64));
        plan.route(0, &to, NextHop::Site { site: 0, via });
    }
    plan.mex = MexPolicy { sites: Box::new([Site { prefixes: prefixes.into() }]), ..MexPolicy::default() };
    plan.start()
}

/// What the host sends: headers before the place of the AP header, headers behind it, an upper layer.
fn sent(destination: u128, kinds: &[u8], len: usize) -> Vec<u8> {
    let mut parts: Vec<(u8, Vec<u8>)> = Vec::new();
    for kind in kinds {
        parts.push(match kind {
            0 => (HOP_BY_HOP, octets::options(1)),
            1 => (ROUTING, octets::routing(0)),
            2 => (FRAGMENT, octets::fragment(0, true)),
            3 => (FRAGMENT, octets::fragment(40, false)),
            4 => (ESP, vec![0, 1, 2, 3, 4, 5, 6, 7]),
            _ => (DESTINATION_OPTIONS, octets::options(kind % 3)),
        });
    }
    // The order that RFC 8200, 4.1 recommends.
    parts.sort_by_key(|(kind, _)| {
        [HOP_BY_HOP, ROUTING, FRAGMENT, ESP, DESTINATION_OPTIONS].iter().position(|k| k == kind)
    });
    parts.dedup_by_key(|(kind, _)| *kind);
    let datagram = octets::udp(ip(HOST), destination, (0x1234, 0x5678), &vec![0xa5; len]);
    octets::chain(ip(HOST), destination, 64, &parts, (UDP, &datagram))
}

/// Where `current` goes through routers that each know some prefixes: the prefix that arrives, if one does.
fn arrives(current: u64, others: &[u64], routers: &[Vec<u64>]) -> Option<u64> {
    let mut left = others.iter();
    let mut current = current;
    for alive in routers {
        while !alive.contains(&current) {
            current = *left.next()?;
        }
    }
    Some(current)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_host_gets_what_was_sent(
        count in 2usize..=16, own: prop::sample::Index, masks in proptest::collection::vec(any::<u16>(), 1..=3),
        kinds in proptest::collection::vec(0u8..12, 0..4), len in 0usize..1100,
    ) {
        let prefixes: Vec<u64> = (0..count).map(site_prefix).collect();
        let own = own.index(count);
        let alive: Vec<Vec<u64>> = masks.iter()
            .map(|mask| prefixes.iter().enumerate().filter(|(i, _)| mask & 1 << i != 0).map(|(_, p)| *p).collect())
            .collect();
        let packet = sent(at(prefixes[own]), &kinds, len);

        let mut out = correspondent(&prefixes).send(ONE, &packet);
        prop_assert_eq!(out.len(), 1);
        let mut in_the_network = out.remove(0).1[14..].to_vec();
        prop_assert_eq!(in_the_network.len(), packet.len() + 8 + 8 * (count - 1), "one header more");

        let others: Vec<u64> = prefixes.iter().copied().filter(|p| *p != prefixes[own]).collect();
        let expected = arrives(prefixes[own], &others, &alive);
        for known in &alive {
            let len = in_the_network.len();
            let out = exchanger(known.iter().copied()).send(ONE, &in_the_network);
            let Some((port, frame)) = out.first() else { break };
            prop_assert_eq!(*port, TWO);
            prop_assert_eq!(frame.len() - 14, len, "an exchange keeps the length");
            in_the_network = frame[14..].to_vec();
        }
        if let Some(arrived) = expected {
            prop_assert_eq!(octets::destination(&in_the_network), at(arrived));
            let delivered = site_edge(&prefixes).send(ONE, &in_the_network);
            prop_assert_eq!(delivered.len(), 1);
            let mut as_sent = packet;
            as_sent[7] = 64 - 2 - alive.len() as u8;
            prop_assert_eq!(&delivered[0].1[14..], &as_sent[..]);
        } else {
            prop_assert!(usize::from(64 - in_the_network[7]) <= alive.len(), "it died on the way");
        }
    }
}

/// The original destination leads nowhere, another prefix of the site does: the packet, once restored, must not be given
/// to whoever has that one, without a header to restore it from.
#[test]
fn a_restored_packet_goes_to_its_original_destination_or_nowhere() {
    let [a, b, c] = [0, 1, 2].map(site_prefix);
    let mut plan = two_ports();
    plan.via("2001:db8:1::/48", ONE, "2001:db8:f0::9");
    let inside = plan.neighbor(TWO, "2001:db8:f1::9");
    let via = plan.hop(NextHop::Adjacency(inside));
    for high in [b, c] {
        let to = format!("{}/64", std::net::Ipv6Addr::from(u128::from(high) << 64));
        plan.route(0, &to, NextHop::Site { site: 0, via });
    }
    plan.mex = MexPolicy {
        triggers: [Trigger::NoRoute].into_iter().collect(),
        sites: Box::new([Site { prefixes: Box::new([a, b, c]) }]),
        ..MexPolicy::default()
    };
    let datagram = octets::udp(ip(HOST), at(a), (1, 2), b"x");
    // To A with B and C unused; and to B after one exchange.
    for (destination, pleft, listed) in [(a, 2, [b, c]), (b, 1, [a, c])] {
        let parts = [(octets::AP, octets::ap(pleft, &listed))];
        let packet = octets::chain(ip(HOST), at(destination), 64, &parts, (UDP, &datagram));
        let mut router = plan.start();
        let out = router.send(ONE, &packet);
        assert_eq!(router.rings.counters.drops(Drop::NoRoute), 1);
        assert_eq!(out.len(), 1);
        assert_eq!(out[0].0, ONE, "back to the source");
        let error = octets::error(&out[0].1);
        assert_eq!((error.kind, error.code, error.quote), (1, 0, &packet[..]));
    }
}

/// A host inside that adds the header itself is told of its own packet, as it sent it.
#[test]
fn an_error_about_a_packet_of_the_inside_quotes_it_as_received() {
    let prefixes = [0, 1].map(site_prefix);
    let datagram = octets::udp(ip(HOST), at(prefixes[0]), (1, 2), b"x");
    let parts = [(octets::AP, octets::ap(1, &prefixes[1..]))];
    let packet = octets::chain(ip(HOST), at(prefixes[0]), 1, &parts, (UDP, &datagram));
    let out = correspondent(&prefixes).send(ONE, &packet);
    assert_eq!(out.len(), 1);
    let error = octets::error(&out[0].1);
    assert_eq!((error.kind, error.code, error.quote), (3, 0, &packet[..]));
}

/// The same packet comes back from outside, with the header that was inserted here, and dies here: the host inside, who
/// knows nothing of MEX, sees what it sent.
#[test]
fn an_error_about_a_packet_that_came_back_quotes_what_the_host_sent() {
    let prefixes = [0, 1].map(site_prefix);
    let packet = sent(at(prefixes[0]), &[], 9);
    let mut router = correspondent(&prefixes);
    let mut returned = router.send(ONE, &packet).remove(0).1[14..].to_vec();
    returned[7] = 1;
    let out = router.send(TWO, &returned);
    assert_eq!((out.len(), out[0].0), (1, ONE));
    let error = octets::error(&out[0].1);
    let mut as_sent = packet;
    as_sent[7] = 1;
    assert_eq!((error.kind, error.code, error.quote), (3, 0, &as_sent[..]));
}
