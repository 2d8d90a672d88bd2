//! MEX and SRv6 on one node (docs/mex.md, cases 15 and 23): what is inside may be exchanged, before a header is pushed and
//! after it has gone; an outer header and a segment list under way never are.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

mod support;

use dataplane::drop::Drop;
use dataplane::id::PortId;
use dataplane::table::srv6::{Behavior, Flavors, Mode};
use dataplane::table::{MexPolicy, NextHop, Peer, PeerRef, Site};
use support::headers::{self, IPV6, srh};
use support::octets::{self, AP, ROUTING, UDP};
use support::sids::{PolicySpec, sid};
use support::{Plan, ip, model, world};

const IN: PortId = PortId(0);
const OUT: PortId = PortId(1);
const HOST: &str = "2001:db8:100::1";
/// Without a route: the destination that fails.
const DEAD: &str = "2001:db8:a:0::77";
/// The high half of an alternative that is reachable.
const ALIVE: u64 = 0x2001_0db8_000b_0000;

fn plan() -> Plan {
    let mut plan = Plan::default();
    plan.port(0, 1500, &["2001:db8:f0::1"]);
    plan.port(0, 1500, &["2001:db8:f1::1"]);
    plan.ports[IN.index()].is_sr_domain = true;
    plan.via("2001:db8:100::/48", IN, "2001:db8:f0::9");
    plan.via("2001:db8:b::/48", OUT, "2001:db8:f1::9");
    plan.mex = MexPolicy {
        triggers: world::TRIGGERS.into_iter().collect(),
        max_prefixes: 8,
        ..MexPolicy::default()
    };
    plan
}

fn into_policy(plan: &mut Plan, to: &str, mode: Mode, first: &str) {
    let policy = plan.policy(PolicySpec::new(mode, ip("2001:db8:f0::1"), &[ip(first), ip("2001:db8:b::2")]));
    plan.route(0, to, NextHop::Policy(policy));
}

fn with_ap(to: &str, listed: &[u64]) -> Vec<u8> {
    let ap = octets::ap(listed.len() as u8, listed);
    octets::chain(ip(HOST), ip(to), 64, &[(AP, ap)], (UDP, &[0; 8]))
}

fn exchanged(packet: &[u8], number: usize) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let (at, _) = model::find_ap(&packet).unwrap();
    for used in 1..=number {
        model::exchange(&mut packet, at, used);
        packet[at + 2] -= 1;
    }
    packet[7] -= 1;
    packet
}

fn outer(packet: &[u8], inner: &[u8]) {
    assert_eq!(&packet[80..], inner, "behind 40 + 8 + 2 * 16 octets");
    assert_eq!((packet[6], packet[40]), (ROUTING, IPV6));
}

/// Case 23: the packet that End.DT6 exposes has no way out but by an alternative.
#[test]
fn an_inner_packet_is_exchanged_after_decapsulation() {
    for behavior in [Behavior::EndDt6, Behavior::EndDt46] {
        let mut plan = plan();
        plan.sid("fd00::1/128", sid(behavior, Flavors::NONE));
        let inner = with_ap(DEAD, &[ALIVE]);
        let header = srh(0, 0, &[ip("fd00::1")], &[]);
        let packet = octets::chain(ip(HOST), ip("fd00::1"), 64, &[(ROUTING, header)], (IPV6, &inner));
        let out = plan.start().send(IN, &packet);
        assert_eq!(out.len(), 1);
        assert_eq!((out[0].0, &out[0].1[14..]), (OUT, &exchanged(&inner, 1)[..]));
    }
}

/// Case 23: MEX first, then the policy that leads to the alternative.
#[test]
fn a_packet_is_exchanged_before_its_header_is_pushed() {
    let packet = with_ap(DEAD, &[ALIVE + 1]);
    for (mode, to) in [(Mode::Encap, "2001:db8:b:1::/64"), (Mode::Insert, "2001:db8:b:1::/64")] {
        let mut plan = plan();
        into_policy(&mut plan, to, mode, "2001:db8:b::1");
        let out = plan.start().send(IN, &packet);
        assert_eq!(out.len(), 1);
        let inner = exchanged(&packet, 1);
        if mode == Mode::Encap {
            outer(&out[0].1[14..], &inner);
        } else {
            let path = [octets::destination(&inner), ip("2001:db8:b::2"), ip("2001:db8:b::1")];
            let mut expected = headers::with(&inner, srh(2, 2, &path, &[]));
            headers::set_destination(&mut expected, path[2]);
            assert_eq!(out[0].1[14..], expected);
        }
    }
}

/// Case 23, at the correspondent's edge: the header that it inserts is inside what the policy pushes.
#[test]
fn an_edge_inserts_before_its_header_is_pushed() {
    let mut plan = plan();
    plan.mex.peers = Box::new([Peer { prefixes: Box::new([0x2001_0db8_000a_0000, ALIVE]) }]);
    plan.ports[IN.index()].peers.insert(0x2001_0db8_000a_0000, PeerRef { peer: 0, own: 0 });
    into_policy(&mut plan, "2001:db8:a::/48", Mode::Encap, "2001:db8:b::1");
    let plain = octets::ip6(ip(HOST), ip(DEAD), 64, UDP, &[0; 8]);
    let out = plan.start().send(IN, &plain);
    let mut inner = with_ap(DEAD, &[ALIVE]);
    inner[7] -= 1;
    assert_eq!(out.len(), 1);
    outer(&out[0].1[14..], &inner);
}

/// A segment list under way and an outer header have no alternatives, whatever is behind them.
#[test]
fn what_is_under_way_is_not_exchanged() {
    let mut plan = plan();
    plan.sid("fd00::1/128", sid(Behavior::End, Flavors::NONE));
    into_policy(&mut plan, "2001:db8:c::/48", Mode::Encap, DEAD);
    let header = srh(1, 1, &[ip(DEAD), ip("fd00::1")], &[]);
    let parts = [(ROUTING, header), (AP, octets::ap(1, &[ALIVE]))];
    for packet in [
        octets::chain(ip(HOST), ip("fd00::1"), 64, &parts, (UDP, &[0; 8])),
        with_ap("2001:db8:c::1", &[ALIVE]),
    ] {
        let mut router = plan.start();
        let out = router.send(IN, &packet);
        assert_eq!(router.rings.counters.drops(Drop::NoRoute), 1);
        let error = octets::error(&out[0].1);
        assert_eq!((error.kind, error.code, error.quote), (1, 0, octets::quoted(&packet)));
        assert!(
            router.rings.counters.mex.values().iter().all(|(_, count)| *count == 0),
            "not even looked at"
        );
    }
}

/// Case 15: an alternative that is a SID of this node is passed over.
#[test]
fn an_alternative_that_is_a_local_sid_is_refused() {
    let sid_high = 0x2001_0db8_000d_0000;
    let mut plan = plan();
    plan.sid("2001:db8:d::/64", sid(Behavior::EndDt6, Flavors::NONE));
    let both = with_ap(DEAD, &[sid_high, ALIVE]);
    let out = plan.start().send(IN, &both);
    assert_eq!(out[0].1[14..], exchanged(&both, 2), "the second is taken");
    let only = with_ap(DEAD, &[sid_high]);
    let mut router = plan.start();
    let out = router.send(IN, &only);
    assert_eq!(router.rings.counters.drops(Drop::NoRoute), 1);
    assert_eq!(octets::error(&out[0].1).quote, only);
}

/// A first segment that a site's route covers: the outer header is no packet of the site.
#[test]
fn a_sites_route_leaves_outer_headers_alone() {
    let mut plan = plan();
    plan.mex.sites = Box::new([Site { prefixes: Box::new([0x2001_0db8_000e_0000, ALIVE]) }]);
    let via = plan.hop(NextHop::Adjacency(dataplane::id::AdjacencyId(1)));
    plan.route(0, "2001:db8:e::/48", NextHop::Site { site: 0, via });
    into_policy(&mut plan, "2001:db8:c::/48", Mode::Encap, "2001:db8:e::1");
    // The site's own prefixes, so that it would be taken for one of its packets.
    let packet = with_ap("2001:db8:c::1", &[0x2001_0db8_000e_0000, ALIVE]);
    let out = plan.start().send(IN, &packet);
    assert_eq!(out.len(), 1);
    let mut inner = packet;
    inner[7] -= 1;
    outer(&out[0].1[14..], &inner);
    // Nor does what the edge was to insert undo the push.
    plan.mex.peers = Box::new([Peer { prefixes: Box::new([0x2001_0db8_000c_0000, ALIVE]) }]);
    plan.ports[IN.index()].peers.insert(0x2001_0db8_000c_0000, PeerRef { peer: 0, own: 0 });
    let out = plan.start().send(IN, &octets::ip6(ip(HOST), ip("2001:db8:c::1"), 64, UDP, &[0; 8]));
    let mut inner = with_ap("2001:db8:c::1", &[ALIVE]);
    inner[7] -= 1;
    assert_eq!(out.len(), 1);
    outer(&out[0].1[14..], &inner);
}
