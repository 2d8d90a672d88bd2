//! The order of each flow is kept in bursts of any size and any mixture (docs/mex.md, case 24).

mod support;

use std::collections::HashMap;

use dataplane::id::PortId;
use dataplane::table::{MexPolicy, NextHop, Peer, PeerRef, Site};
use proptest::prelude::*;
use support::octets::{self, AP, DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, UDP};
use support::{Plan, ip, port_mac, world};

const CASES: u32 = if cfg!(miri) { 2 } else { 400 };
const INSIDE: PortId = PortId(0);

/// A router where each kind of destination takes another way through the graph.
fn plan() -> Plan {
    let mut plan = Plan::default();
    plan.port(0, 1500, &["2001:db8:f0::1"]);
    plan.port(0, 1500, &["2001:db8:f1::1"]);
    plan.port(0, 1400, &["2001:db8:f2::1"]);
    let one = plan.via("2001:db8:1::/48", PortId(1), "2001:db8:f1::9");
    let two = plan.via("2001:db8:2::/48", PortId(2), "2001:db8:f2::9");
    let both = plan.group(&[one, two]);
    plan.route(0, "2001:db8:3::/48", both);
    let via = plan.hop(NextHop::Adjacency(two));
    plan.route(0, "2001:db8:4::/48", NextHop::Site { site: 0, via });
    plan.route(0, "2001:db8:5::/48", NextHop::Unreachable);
    plan.via("2001:db8:ffff::/48", INSIDE, "2001:db8:f0::9");
    plan.adjacencies[2].is_mex_inside = true;
    plan.mex = MexPolicy {
        triggers: world::TRIGGERS.into_iter().collect(),
        sites: Box::new([Site { prefixes: Box::new([high(4), high(1)]) }]),
        peers: Box::new([Peer { prefixes: Box::new([high(2), high(1), high(6)]) }]),
        ..MexPolicy::default()
    };
    plan.ports[INSIDE.index()].peers.insert(high(2), PeerRef { peer: 0, own: 0 });
    plan.ports[INSIDE.index()].peers.insert(high(6), PeerRef { peer: 0, own: 2 });
    plan
}

fn high(i: u64) -> u64 {
    0x2001_0db8_0000_0001 | i << 16
}

/// Packet `sequence` of `flow`: the flow decides addresses, ports and headers, the sequence is at the end.
fn packet(flow: u8, sequence: u32, len: usize) -> Vec<u8> {
    let source = ip("2001:db8:ffff::10") + u128::from(flow / 64);
    let destination = u128::from(high(1 + u64::from(flow) % 7)) << 64 | 7;
    let parts = match flow / 8 % 6 {
        1 => vec![(AP, octets::ap(2, &[high(6), high(1)]))],
        2 => vec![(HOP_BY_HOP, octets::options(0)), (AP, octets::ap(1, &[high(4), high(1)]))],
        3 => vec![(FRAGMENT, octets::fragment(9, true))],
        4 => vec![(DESTINATION_OPTIONS, octets::options(1))],
        _ => vec![],
    };
    let mut data = vec![flow; len];
    data.extend(sequence.to_be_bytes());
    let datagram = octets::udp(source, destination, (1000 + u16::from(flow), 7), &data);
    octets::chain(source, destination, 64, &parts, (UDP, &datagram))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_flow_keeps_its_order(
        burst_size in 1usize..=256,
        flows in proptest::collection::vec((any::<u8>(), prop_oneof![9 => 0usize..40, 1 => 1300usize..1460]), 1..700),
    ) {
        // Flow 0 is always forwarded: what follows may all be dropped silently, as the site's edge does.
        let flows: Vec<_> = [(0, 0)].into_iter().chain(flows).collect();
        let mut router = plan().start();
        router.io.burst_size = burst_size;
        for (sequence, (flow, len)) in (0u32..).zip(&flows) {
            let frame = octets::frame(port_mac(INSIDE.0), &packet(*flow, sequence, *len));
            router.push(INSIDE, &frame, u64::from(sequence));
        }
        let out = router.drain();
        prop_assert!(!out.is_empty(), "flow 0 is gone");
        // By port and flow: the last sequence that was seen.
        let mut last: HashMap<(PortId, u8), u32> = HashMap::new();
        for (port, frame) in out {
            if frame[14 + 6] == octets::ICMPV6 {
                continue;
            }
            let end: [u8; 4] = frame[frame.len() - 4..].try_into().unwrap();
            let sequence = u32::from_be_bytes(end);
            let flow = flows[sequence as usize].0;
            let before = last.insert((port, flow), sequence);
            prop_assert!(before.is_none_or(|b| b < sequence), "flow {flow}: {before:?} before {sequence}");
        }
        // A flow stays on one port.
        let mut ports: HashMap<u8, PortId> = HashMap::new();
        for (port, flow) in last.keys() {
            prop_assert_eq!(*ports.entry(*flow).or_insert(*port), *port);
        }
    }
}
