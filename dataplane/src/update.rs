//! The lock-free rings between control and a worker.
//!
//! Control → worker: [`Update`]s (new tables) and [`Inject`]ed packets. Worker → control: [`Punt`]ed packets, and
//! the tables that an update replaced, so that their memory is freed on control. A worker drops its last reference to an
//! old table by sending it back between two bursts: that is the grace period, no packet is in the graph then.
//!
//! Every ring is bounded. Control keeps what does not fit and tries again: a change is delayed, never lost. A worker
//! that cannot send an old table back leaves the update in its hand until it can; a packet that does not fit is dropped
//! by name.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use crate::burst::Meta;
use crate::counters::Counters;
use crate::drop::Drop;
use crate::fib::grace::Grace;
use crate::fib::{Fib4, Fib6};
use crate::id::{AdjacencyId, PortId, SidId, VrfId};
use crate::limit::IcmpLimits;
use crate::table::{Adjacency, MexPolicy, NextHops, Port, Srv6};

/// Updates that a worker applies between two bursts, at most: a storm costs bounded time.
pub const UPDATES_PER_POLL: usize = 8;
/// Updates on their way to one worker.
pub const UPDATE_RING_LEN: usize = 256;
/// Old tables on their way back.
pub const RETIRED_RING_LEN: usize = 2 * UPDATE_RING_LEN;
/// Packets on their way to control.
pub const PUNT_RING_LEN: usize = 1024;
/// Packets on their way from control.
pub const INJECT_RING_LEN: usize = 1024;

/// One change, whole: what it replaces is never seen mixed with it.
#[derive(Clone, Debug)]
pub enum Update {
    /// The routing table of a VRF; `None`: it has no route. Changes inside a table do not come this way, see [`crate::fib`].
    Fib(VrfId, Option<Fib6>),
    /// The IPv4 routing table of a VRF, likewise.
    Fib4(VrfId, Option<Fib4>),
    /// The next hops and groups. Sent before a table that uses new ids.
    NextHops(Arc<NextHops>),
    /// The adjacencies. Sent before next hops that use new ids.
    Adjacencies(Arc<[Adjacency]>),
    /// The ports.
    Ports(Arc<[Port]>),
    /// MEX.
    Mex(Arc<MexPolicy>),
    /// SIDs and SRv6 policies. Sent behind the next hops that SIDs name, and before an entry that leads to a new one is
    /// published.
    Srv6(Arc<Srv6>),
    /// `ICMPv6` error limits.
    Icmp(IcmpLimits),
}

/// A packet for control.
#[derive(Debug)]
pub struct Punt<B> {
    /// The frame, with no pending change made.
    pub buffer: B,
    /// What is known about it.
    pub meta: Meta,
    /// What control is to do.
    pub why: Why,
}

/// What control is to do with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It is neighbor discovery for this node.
    NeighborDiscovery,
    /// It is ARP that concerns this node.
    Arp,
    /// It is an IPv4 packet that is to be cut: the fragments go by the same next hop ([`Resume::Fragment`]).
    Fragment {
        /// Octets of a fragment, its header included, at most.
        room: u32,
    },
    /// Find this neighbor's MAC address, then send the packet on.
    Resolve {
        /// The port that the neighbor is on.
        port: PortId,
        /// Its address.
        address: u128,
    },
}

/// A packet from control.
#[derive(Debug)]
pub struct Inject<B> {
    /// The frame.
    pub buffer: B,
    /// What is known about it.
    pub meta: Meta,
    /// Where it goes on.
    pub resume: Resume,
}

/// Where a packet from control goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resume {
    /// Made by control: a whole frame for this port.
    Transmit(PortId),
    /// It waited for this neighbor, which is resolved now.
    Forward(AdjacencyId),
    /// One of the pieces of a packet that was cut, other than the first, which resumes as the packet itself.
    Fragment,
    /// It waited in vain.
    Fail(Drop),
}

/// Octets of a packet that a [`Sample`] holds, at most.
pub const SAMPLE_LEN: usize = 1536;
/// Samples on their way to control.
pub const SAMPLE_RING_LEN: usize = 64;

/// A copy of a packet with the O-flag, as it arrived at a SID (RFC 9259, 2.1.1).
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it came, ns of the worker's clock.
    pub arrival_ns: u64,
    /// The port that received it.
    pub port: PortId,
    /// The SID.
    pub sid: SidId,
    /// Octets of the packet, of which [`SAMPLE_LEN`] are kept at most.
    pub len: u32,
    octets: [u8; SAMPLE_LEN],
}

impl Sample {
    /// A copy of `packet`, from its IPv6 header on.
    pub fn new(packet: &[u8], meta: &Meta, sid: SidId) -> Sample {
        let mut octets = [0; SAMPLE_LEN];
        for (to, from) in octets.iter_mut().zip(packet) {
            *to = *from;
        }
        Sample { arrival_ns: meta.arrival_ns, port: meta.port, sid, len: packet.len() as u32, octets }
    }

    /// The octets that are kept.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.len as usize).unwrap_or(&self.octets)
    }
}

/// What one worker and control share.
#[derive(Debug)]
pub struct Rings<B> {
    /// Control → worker: new tables.
    pub updates: ArrayQueue<Update>,
    /// Worker → control: the tables that they replaced.
    pub retired: ArrayQueue<Update>,
    /// Worker → control: packets.
    pub punts: ArrayQueue<Punt<B>>,
    /// Control → worker: packets.
    pub injects: ArrayQueue<Inject<B>>,
    /// Worker → control: copies of packets with the O-flag.
    pub samples: ArrayQueue<Sample>,
    /// When the worker no longer reads what a change to a routing table replaced.
    pub grace: Grace,
    /// Written by the worker, read by control.
    pub counters: Counters,
}

impl<B> Default for Rings<B> {
    fn default() -> Self {
        Rings {
            updates: ArrayQueue::new(UPDATE_RING_LEN),
            retired: ArrayQueue::new(RETIRED_RING_LEN),
            punts: ArrayQueue::new(PUNT_RING_LEN),
            injects: ArrayQueue::new(INJECT_RING_LEN),
            samples: ArrayQueue::new(SAMPLE_RING_LEN),
            grace: Grace::default(),
            counters: Counters::default(),
        }
    }
}
