//! Which list a flow takes, and the label that its packets carry outside (RFC 6437, RFC 6438, RFC 9256, 2.11).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

mod support;

use std::collections::BTreeSet;

use dataplane::id::PortId;
use dataplane::table::NextHop;
use dataplane::table::srv6::Mode;
use support::octets::{self, UDP};
use support::sids::PolicySpec;
use support::{Plan, Router, ip, port_mac};

const FLOWS: u32 = if cfg!(miri) { 100 } else { 1_000_000 };
const IN: PortId = PortId(0);
const WEIGHTS: [u32; 3] = [1, 2, 5];

fn segment(list: usize) -> u128 {
    ip("2001:db8:1::1") + list as u128
}

fn router(mode: Mode) -> Router {
    let mut plan = Plan::default();
    plan.port(0, 1500, &["2001:db8:f0::1"]);
    plan.via("2001:db8:1::/48", IN, "2001:db8:f0::9");
    let lists = WEIGHTS.iter().enumerate().map(|(list, weight)| (vec![segment(list)], *weight)).collect();
    let policy = plan.policy(PolicySpec { lists, ..PolicySpec::new(mode, ip("2001:db8:f0::1"), &[]) });
    plan.route(0, "2001:db8:2::/48", NextHop::Policy(policy));
    if mode == Mode::L2EncapRed {
        plan.ports[0].policy = Some(policy);
    }
    plan.start()
}

/// A packet of a flow, and one of many that the flow has.
fn packet(flow: u32, number: u8) -> Vec<u8> {
    let ports = ((flow >> 16) as u16, flow as u16);
    let datagram = octets::udp(ip("2001:db8:9::1"), ip("2001:db8:2::1"), ports, &[number; 4]);
    octets::ip6(ip("2001:db8:9::1"), ip("2001:db8:2::1"), 64 - number, UDP, &datagram)
}

/// List and label of each packet.
fn picks(router: &mut Router, flows: impl Iterator<Item = u32>, number: u8) -> Vec<(usize, u32)> {
    let mut picked = Vec::new();
    let mut flows = flows.peekable();
    while flows.peek().is_some() {
        let before = picked.len();
        for flow in flows.by_ref().take(256) {
            router.push(IN, &octets::frame(port_mac(0), &packet(flow, number)), picked.len() as u64);
            picked.push((usize::MAX, flow));
        }
        let sent = router.drain();
        assert_eq!(sent.len(), picked.len() - before);
        for ((_, frame), picked) in sent.iter().zip(&mut picked[before..]) {
            let label = u32::from_be_bytes([0, frame[15] & 15, frame[16], frame[17]]);
            *picked = ((octets::destination(&frame[14..]) - segment(0)) as usize, label);
        }
    }
    picked
}

#[test]
fn flows_keep_their_list_and_label_and_lists_their_share() {
    for (mode, flows) in [(Mode::EncapRed, FLOWS), (Mode::L2EncapRed, FLOWS / 10)] {
        let mut router = router(mode);
        let first = picks(&mut router, 0..flows, 0);
        assert!(first.iter().all(|(_, label)| *label != 0), "a label of 0 is none");
        let again = picks(&mut router, (0..flows).step_by(97), 7);
        assert!(again.iter().eq(first.iter().step_by(97)), "a flow has moved, or its label has changed");
        if cfg!(miri) {
            continue;
        }
        let total: u32 = WEIGHTS.iter().sum();
        for (list, weight) in WEIGHTS.iter().enumerate() {
            let count = first.iter().filter(|(picked, _)| *picked == list).count() as u32;
            let expected = flows / total * weight;
            assert!(count.abs_diff(expected) < expected / 50, "{count} of list {list}, not {expected}");
        }
        let labels: BTreeSet<_> = first.iter().take(10_000).map(|(_, label)| label).collect();
        assert!(labels.len() > 9_900, "10000 flows have {} labels", labels.len());
    }
}
