//! SRv6 workloads for [`Bench`]: the same kinds of packets as `scripts/bench forward`.

use std::sync::Arc;

use dataplane::fib::{Fib6, Prefix6};
use dataplane::id::{AdjacencyId, NextHopId, PolicyId, PortId, SegmentListId, SidId, VrfId};
use dataplane::table::srv6::{Behavior, Flavors, Mode, Policy, SegmentList, Sid};
use dataplane::table::{Adjacency, NextHop, NextHops, Port, Srv6};
use dataplane::update::Update;
use dataplane::wire::ethernet::{self, Mac};
use dataplane::wire::ipv6::{self, protocol};
use dataplane::wire::srh;

use crate::{Bench, MAC, frame};

/// The block that all SIDs are in.
const BLOCK: u128 = 0xfc00 << 112;
/// Next hop of segments and of what comes out.
const ONWARD: NextHopId = NextHopId(1);
const SOURCE: u128 = 0x2001_0db8 << 96 | 9;

/// `fc00:0:<node>:<function>::`.
const fn sid(node: u16, function: u16) -> u128 {
    BLOCK | (node as u128) << 80 | (function as u128) << 64
}

/// One workload: a name, what it sends, and the policy that plain destinations go into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// As reports name it.
    pub name: &'static str,
    outer: Option<Outer>,
    policy: Option<(Mode, usize)>,
}

/// The header that packets arrive in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outer {
    destination: u128,
    /// Segments left of an SRH of three, when there is one.
    segments_left: Option<u8>,
}

/// All of them; the first is plain forwarding.
pub const WORKLOADS: [Workload; 11] = [
    Workload { name: "plain forwarding", outer: None, policy: None },
    Workload {
        name: "End, SRH of 3",
        outer: Some(Outer { destination: sid(1, 0x100), segments_left: Some(2) }),
        policy: None,
    },
    Workload {
        name: "End with PSP, SRH of 3",
        outer: Some(Outer { destination: sid(1, 0x101), segments_left: Some(1) }),
        policy: None,
    },
    Workload {
        name: "uN (End with NEXT-CSID)",
        outer: Some(Outer { destination: sid(5, 2), segments_left: None }),
        policy: None,
    },
    Workload { name: "H.Encaps, 1 segment", outer: None, policy: Some((Mode::Encap, 1)) },
    Workload { name: "H.Encaps, 3 segments", outer: None, policy: Some((Mode::Encap, 3)) },
    Workload { name: "H.Encaps.Red, 3 segments", outer: None, policy: Some((Mode::EncapRed, 3)) },
    Workload {
        name: "End.DT6",
        outer: Some(Outer { destination: sid(1, 0xd6), segments_left: None }),
        policy: None,
    },
    Workload {
        name: "End.DT6, SRH of 3",
        outer: Some(Outer { destination: sid(1, 0xd6), segments_left: Some(0) }),
        policy: None,
    },
    Workload {
        name: "End.DT46, IPv6 inside",
        outer: Some(Outer { destination: sid(1, 0xd46), segments_left: None }),
        policy: None,
    },
    Workload {
        name: "End.B6.Encaps, SRH of 3, 1 segment",
        outer: Some(Outer { destination: sid(1, 0xb), segments_left: Some(2) }),
        policy: None,
    },
];

/// A worker that takes IPv4 packets out of what comes to its End.DT46, and these that come, each in a frame. `routes` are
/// the tables that what was inside needs.
pub fn dt46_with_ipv4(plain: &[Vec<u8>], routes: impl IntoIterator<Item = Update>) -> Bench {
    let outer = Outer { destination: sid(1, 0xd46), segments_left: None };
    let frames = (0..).zip(plain).map(|(flow, plain)| outer.around(plain, protocol::IPV4, flow)).collect();
    let [first, ..] = WORKLOADS;
    Bench::with(frames, first.tables().into_iter().chain(routes))
}

impl Workload {
    /// The frames of a burst.
    fn frames(&self, count: u32) -> Vec<Vec<u8>> {
        (0..count)
            .map(|flow| {
                let plain = frame(crate::REACHABLE, &[], flow);
                self.outer.map_or_else(|| plain.clone(), |outer| outer.around(&plain, protocol::IPV6, flow))
            })
            .collect()
    }

    /// A worker with the tables of all workloads, and `count` packets of this one that go round.
    pub fn bench(&self, count: u32) -> Bench {
        Bench::with(self.frames(count), self.tables())
    }

    fn tables(&self) -> Vec<Update> {
        let port = || Port {
            mac: MAC,
            is_up: true,
            link_local: 1,
            is_sr_domain: true,
            mtu: 1500,
            ..Port::default()
        };
        let adjacency = Adjacency {
            address: 2,
            ethernet: ethernet::bytes(Mac([2, 0, 0, 0, 0, 2]), MAC, ethernet::TYPE_IPV6),
            port: PortId(1),
            mtu: 1500,
            is_resolved: true,
            is_filtered: false,
            is_mex_inside: false,
        };
        let mut next_hops =
            vec![NextHop::NoRoute, NextHop::Adjacency(AdjacencyId(0)), NextHop::Policy(PolicyId(0))];
        next_hops.extend((0..6).map(|id| NextHop::Sid(SidId(id))));
        let plain = if self.policy.is_some() { NextHopId(2) } else { ONWARD };
        let routes = [
            (Prefix6::new(u128::from(crate::REACHABLE) << 64, 64), plain),
            (Prefix6::new(BLOCK, 32), ONWARD),
            (Prefix6::new(sid(1, 0x100), 128), NextHopId(3)),
            (Prefix6::new(sid(1, 0x101), 128), NextHopId(4)),
            (Prefix6::new(sid(5, 0), 48), NextHopId(5)),
            (Prefix6::new(sid(1, 0xd6), 128), NextHopId(6)),
            (Prefix6::new(sid(1, 0xd46), 128), NextHopId(7)),
            (Prefix6::new(sid(1, 0xb), 128), NextHopId(8)),
        ];
        vec![
            Update::Ports(Arc::from([port(), port()])),
            Update::Adjacencies(Arc::from([adjacency])),
            Update::Srv6(Arc::new(self.srv6())),
            Update::NextHops(Arc::new(NextHops::new(next_hops, Vec::new()))),
            Update::Fib(VrfId(0), Fib6::build(routes).ok()),
        ]
    }

    fn srv6(&self) -> Srv6 {
        let of = |behavior, flavors, prefix_len| {
            Some(Sid {
                behavior,
                flavors,
                prefix_len,
                block_len: 32,
                csid_len: 32,
                policy: PolicyId(1),
                ..Sid::default()
            })
        };
        let (mode, count) = self.policy.unwrap_or_default();
        let list = |policy, mode, count: usize| {
            let segments: Vec<_> = (2..).map(|node| sid(node, 0x100)).take(count.max(1)).collect();
            SegmentList::new(policy, mode, SOURCE, &segments, None).ok()
        };
        Srv6 {
            sids: Box::new([
                of(Behavior::End, Flavors::NONE, 128),
                of(Behavior::End, Flavors::PSP, 128),
                of(Behavior::End, Flavors::NEXT_CSID, 48),
                of(Behavior::EndDt6, Flavors::NONE, 128),
                of(Behavior::EndDt46, Flavors::NONE, 128),
                of(Behavior::EndB6, Flavors::NONE, 128),
            ]),
            policies: Box::new([
                Some(Policy::new(mode, [(SegmentListId(0), 1)])),
                Some(Policy::new(Mode::Encap, [(SegmentListId(1), 1)])),
            ]),
            lists: Box::new([list(PolicyId(0), mode, count), list(PolicyId(1), Mode::Encap, 1)]),
            blocks: [Prefix6::new(BLOCK, 32)].into_iter().collect(),
            ..Srv6::default()
        }
    }
}

impl Outer {
    /// This header around the packet of `plain`, which is of this protocol.
    fn around(&self, plain: &[u8], inside: u8, flow: u32) -> Vec<u8> {
        let inner = plain.get(ethernet::LEN..).unwrap_or_default();
        let path = [sid(2, 0x100), sid(3, 0x100), self.destination];
        let srh = self
            .segments_left
            .map(|segments_left| srh_octets(segments_left, inside, &path))
            .unwrap_or_default();
        let mut made = plain.get(..ethernet::LEN - 2).unwrap_or_default().to_vec();
        made.extend(ethernet::TYPE_IPV6.to_be_bytes());
        let mut header = [0; ipv6::LEN];
        let repr = ipv6::Repr {
            payload_len: (srh.len() + inner.len()) as u16,
            next_header: if srh.is_empty() { inside } else { protocol::ROUTING },
            hop_limit: 64,
            source: SOURCE,
            destination: self.destination,
        };
        if let Some(mut lens) = ipv6::Header::of_mut(&mut header) {
            repr.emit(&mut lens);
            lens.set_version_class_label(0, flow + 1);
        }
        made.extend(header);
        made.extend(srh);
        made.extend(inner);
        made
    }
}

/// An SRH with these segments, the last of the path first.
fn srh_octets(segments_left: u8, next_header: u8, entries: &[u128]) -> Vec<u8> {
    let path: Vec<u128> = entries.iter().rev().copied().collect();
    let repr = srh::Repr { next_header, flags: 0, tag: 0, path: &path, is_reduced: false, hmac_key_id: None };
    let mut octets = vec![0; repr.total_len().unwrap_or_default()];
    let _ = repr.emit(&mut octets);
    if let Some(mut header) = srh::Header::of_mut(&mut octets) {
        header.set_segments_left(segments_left);
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_of_every_workload_is_sent() {
        for workload in WORKLOADS {
            let mut bench = workload.bench(64);
            bench.turn();
            assert_eq!(bench.turn(), 64, "{}", workload.name);
        }
    }
}
