//! What lookups lead to: next hops, adjacencies, ports, MEX policy. Written by control, read by workers.
//!
//! Most tables are immutable and shared; a change is a new table that replaces the old one through the worker's ring
//! ([`crate::update`]). The exceptions: routing tables ([`crate::fib`]), which control changes in place, word by word, and
//! [`Liveness`], a word per adjacency that control writes at once.

pub mod adjacency;
pub mod mex;
pub mod next_hop;
pub mod port;
pub mod srv6;

use std::sync::Arc;

use crate::fib::{Fib4, Fib6};
use crate::id::{MAX_VRFS, PortId, VrfId};
use crate::wire::{ipv4, ipv6};
pub use adjacency::{Adjacency, Liveness};
pub use mex::{MexPolicy, Peer, PeerRef, Site, Trigger, Triggers};
pub use next_hop::{Group, NextHop, NextHops};
pub use port::Port;
pub use srv6::Srv6;

/// 192.0.0.8, the source of ICMP errors of a node without an IPv4 address (RFC 7600, 4.8).
const IPV4_DUMMY: u32 = 0xc000_0008;

/// All that a worker reads.
#[derive(Clone, Debug)]
pub struct Tables {
    /// By [`VrfId`]; a VRF that is not configured has none.
    pub fibs: Box<[Option<Fib6>]>,
    /// The IPv4 tables, by [`VrfId`]; a VRF without an IPv4 route has none.
    pub fibs4: Box<[Option<Fib4>]>,
    /// By [`crate::id::NextHopId`].
    pub next_hops: Arc<NextHops>,
    /// By [`crate::id::AdjacencyId`].
    pub adjacencies: Arc<[Adjacency]>,
    /// By [`crate::id::AdjacencyId`]; shared with control and every worker.
    pub liveness: Arc<Liveness>,
    /// By [`PortId`].
    pub ports: Arc<[Port]>,
    /// MEX.
    pub mex: Arc<MexPolicy>,
    /// SIDs and SRv6 policies.
    pub srv6: Arc<Srv6>,
}

impl Tables {
    /// Tables without a port or route.
    pub fn new(liveness: Arc<Liveness>) -> Tables {
        Tables {
            fibs: (0..MAX_VRFS).map(|_| None).collect(),
            fibs4: (0..MAX_VRFS).map(|_| None).collect(),
            next_hops: Arc::default(),
            adjacencies: Arc::from([]),
            liveness,
            ports: Arc::from([]),
            mex: Arc::default(),
            srv6: Arc::default(),
        }
    }

    /// The table of a VRF, when it has one.
    pub fn fib(&self, vrf: VrfId) -> Option<&Fib6> {
        self.fibs.get(vrf.index())?.as_ref()
    }

    /// The IPv4 table of a VRF, when it has one.
    pub fn fib4(&self, vrf: VrfId) -> Option<&Fib4> {
        self.fibs4.get(vrf.index())?.as_ref()
    }

    /// A port, when there is such a port.
    pub fn port(&self, port: PortId) -> Option<&Port> {
        self.ports.get(port.index())
    }

    /// The source of an `ICMPv6` error about a packet that `port` received: its first address that is not link-local,
    /// else any of the node's (of the same VRF first), else its link-local address.
    pub fn icmp_source(&self, port: PortId) -> Option<u128> {
        let received = self.port(port)?;
        let is_source = |address: u128| !ipv6::is_link_local(address) && ipv4::unmapped(address).is_none();
        Some(self.first_address(received, is_source).unwrap_or(received.link_local))
    }

    /// The source of an ICMP error about an IPv4 packet that `port` received: its first IPv4 address, else any of the node's
    /// (of the same VRF first), else the address for nodes that have none.
    pub fn icmp_source4(&self, port: PortId) -> Option<u32> {
        let received = self.port(port)?;
        let found = self.first_address(received, |address| ipv4::unmapped(address).is_some());
        Some(found.and_then(ipv4::unmapped).unwrap_or(IPV4_DUMMY))
    }

    fn first_address(&self, received: &Port, is_source: impl Fn(u128) -> bool) -> Option<u128> {
        let first = |port: &Port| port.addresses.iter().copied().find(|address| is_source(*address));
        let in_vrf =
            |same: bool| self.ports.iter().filter(|p| (p.vrf == received.vrf) == same).find_map(first);
        first(received).or_else(|| in_vrf(true)).or_else(|| in_vrf(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_from_an_address_that_the_source_can_answer() {
        let port = |vrf, addresses: &[u128]| Port {
            vrf: VrfId(vrf),
            link_local: 0xfe80 << 112 | 9,
            addresses: addresses.into(),
            ..Port::default()
        };
        let link_local = 0xfe80 << 112 | 1;
        let of = |ports: &[Port]| {
            let mut tables = Tables::new(Arc::default());
            tables.ports = ports.iter().cloned().collect();
            tables.icmp_source(PortId(0))
        };
        assert_eq!(of(&[port(0, &[link_local, 5, 6]), port(0, &[7])]), Some(5));
        assert_eq!(
            of(&[port(1, &[link_local]), port(0, &[7]), port(1, &[8])]),
            Some(8),
            "of the same VRF first"
        );
        assert_eq!(of(&[port(1, &[]), port(0, &[7])]), Some(7));
        assert_eq!(of(&[port(0, &[link_local])]), Some(0xfe80 << 112 | 9));
        assert_eq!(of(&[port(0, &[ipv4::mapped(9), 5])]), Some(5), "an IPv4 address answers nobody in IPv6");
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn errors_about_ipv4_come_from_an_ipv4_address() {
        let port = |vrf, addresses: &[u128]| Port {
            vrf: VrfId(vrf),
            addresses: addresses.into(),
            ..Port::default()
        };
        let of = |ports: &[Port]| {
            let mut tables = Tables::new(Arc::default());
            tables.ports = ports.iter().cloned().collect();
            tables.icmp_source4(PortId(0))
        };
        let four = ipv4::mapped;
        assert_eq!(of(&[port(0, &[5, four(6)]), port(0, &[four(7)])]), Some(6));
        assert_eq!(of(&[port(1, &[5]), port(0, &[four(7)]), port(1, &[four(8)])]), Some(8));
        assert_eq!(of(&[port(1, &[5])]), Some(u32::from_be_bytes([192, 0, 0, 8])));
        assert_eq!(of(&[]), None);
    }
}
