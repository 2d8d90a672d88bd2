//! The worker's part: forwards packets to the story's flows, and checks where each one went.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use dataplane::buffer::{HeapBuf, PacketBuf};
use dataplane::burst::SLOTS;
use dataplane::fib::Fib6;
use dataplane::id::{AdjacencyId, PortId, VrfId};
use dataplane::table::{Adjacency, Liveness, NextHop, NextHops, Port};
use dataplane::update::{Rings, Update};
use dataplane::wire::ethernet::{self, Mac};
use dataplane::wire::ipv6;
use dataplane::worker::{Arrivals, PacketIo, Worker};

use super::story::{Flow, MAX_NEXT_HOP, Story};
use super::{Clock, Packets, nanoseconds};
use crate::{MAC, REACHABLE, frame};

/// Offsets in a frame (RFC 8200, 3): the next header, source and destination.
const NEXT_HEADER_AT: usize = ethernet::LEN + 6;
const SOURCE_AT: usize = ethernet::LEN + 8;
const DESTINATION_AT: usize = ethernet::LEN + 24;
/// Where a frame says which of its burst it is: in the UDP header's ports.
const MARK_AT: usize = ethernet::LEN + ipv6::LEN;
/// Where the MAC address of a next hop says which one it is: its last four octets.
const NEXT_HOP_AT: usize = 2;
/// A unique local address (RFC 4193): errors that go back to it find no route in a table of the Internet.
const SOURCE: u128 = 0xfd00 << 112 | 1;
/// Bursts between two looks at the time.
const BURSTS_OF_A_LOOK: usize = 16;
/// What a packet that was not sent leads to.
const NOWHERE: u32 = 0;

/// Hands the flows' packets to the worker, a burst a turn, and takes them back.
#[derive(Debug)]
struct Ports<'a> {
    flows: &'a [Flow],
    template: Vec<u8>,
    next: usize,
    /// The flows of the burst that is in the graph.
    burst: Vec<usize>,
    /// Where each packet of the burst went.
    next_hops: [u32; SLOTS],
    spare: Vec<HeapBuf>,
}

impl PacketIo<HeapBuf> for Ports<'_> {
    fn receive_queues(&self) -> usize {
        1
    }

    fn receive(&mut self, _queue: usize, arrivals: &mut Arrivals<'_, HeapBuf>) {
        self.burst.clear();
        self.next_hops = [NOWHERE; SLOTS];
        for mark in 0..arrivals.room().min(SLOTS) as u32 {
            let Some(flow) = self.flows.get(self.next) else { return };
            // Those that were dropped in the graph are gone.
            let mut frame = self.spare.pop().unwrap_or_else(|| HeapBuf::new(&self.template, 0));
            let octets = frame.bytes_mut();
            octets.copy_from_slice(&self.template);
            octets[DESTINATION_AT..][..16].copy_from_slice(&flow.address.to_be_bytes());
            octets[MARK_AT..][..4].copy_from_slice(&mark.to_be_bytes());
            if arrivals.push(PortId(0), frame).is_err() {
                return;
            }
            self.burst.push(self.next);
            self.next = (self.next + 1) % self.flows.len();
        }
    }

    fn transmit(&mut self, _port: PortId, frames: &mut [Option<HeapBuf>]) {
        for frame in frames.iter_mut().filter_map(Option::take) {
            let octets = frame.bytes();
            // Else it is an error message, about a packet that was dropped.
            if octets.get(NEXT_HEADER_AT) == Some(&ipv6::protocol::UDP) && octets.len() == self.template.len()
            {
                let mark = number(octets, MARK_AT) as usize;
                if let Some(next_hop) = self.next_hops.get_mut(mark) {
                    *next_hop = number(octets, NEXT_HOP_AT);
                }
                self.spare.push(frame);
            }
        }
    }
}

/// Four octets in network order; 0 behind the end.
fn number(octets: &[u8], at: usize) -> u32 {
    octets.get(at..).and_then(|octets| octets.first_chunk()).map_or(0, |octets| u32::from_be_bytes(*octets))
}

/// A worker with its ports and a neighbor for each next hop.
#[derive(Debug)]
pub(super) struct Router<'a> {
    worker: Worker<HeapBuf>,
    ports: Ports<'a>,
    packets: Packets,
}

impl<'a> Router<'a> {
    /// A worker that goes by `fib`; and its rings.
    pub(super) fn new(story: &'a Story, fib: Fib6) -> (Router<'a>, Arc<Rings<HeapBuf>>) {
        let mut template = frame(REACHABLE, &[], 0);
        template[SOURCE_AT..][..16].copy_from_slice(&SOURCE.to_be_bytes());
        let rings = Arc::new(Rings::default());
        for update in tables(fib) {
            // The ring has room for more than these.
            let _ = rings.updates.push(update);
        }
        let mut worker = Worker::new(Arc::clone(&rings), Arc::new(Liveness::default()));
        let mut ports = Ports {
            flows: &[],
            template,
            next: 0,
            burst: Vec::with_capacity(SLOTS),
            next_hops: [NOWHERE; SLOTS],
            spare: Vec::with_capacity(2 * SLOTS),
        };
        // Without packets: the tables come first.
        worker.poll(&mut ports, 0);
        ports.flows = story.flows();
        (Router { worker, ports, packets: Packets::default() }, rings)
    }

    /// Forwards and checks for some time; packets a second.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub(super) fn forward(&mut self, clock: &Clock, duration: Duration) -> f64 {
        let (begin, before) = (Instant::now(), self.packets.received);
        while begin.elapsed() < duration {
            for _ in 0..BURSTS_OF_A_LOOK {
                let done = clock.done.load(Ordering::Acquire);
                self.worker.poll(&mut self.ports, 0);
                // The words that were looked up were loaded with acquire: what had begun by then is seen here.
                self.check(done, clock.begun.load(Ordering::Acquire));
            }
        }
        (self.packets.received - before) as f64 * 1e9 / nanoseconds(begin).max(1) as f64
    }

    pub(super) fn into_packets(self) -> Packets {
        self.packets
    }

    fn check(&mut self, done: u64, begun: u64) {
        for (index, next_hop) in self.ports.burst.iter().zip(self.ports.next_hops) {
            if let Some(flow) = self.ports.flows.get(*index) {
                self.packets.count(flow, next_hop, done, begun);
            }
        }
    }
}

impl Packets {
    /// One packet, that was in the graph between two changes and went to a next hop.
    fn count(&mut self, flow: &Flow, next_hop: u32, done: u64, begun: u64) {
        let mut right = flow.right(done, begun);
        self.received += 1;
        self.unchanged += u64::from(flow.is_unchanged());
        self.during_change += u64::from(right.clone().nth(1).is_some());
        if right.any(|right| right == next_hop) {
            *(if next_hop == NOWHERE { &mut self.dropped } else { &mut self.right }) += 1;
            return;
        }
        *(if next_hop == NOWHERE { &mut self.lost } else { &mut self.wrong }) += 1;
        if self.first_error.is_none() {
            let address = std::net::Ipv6Addr::from(flow.address);
            let right: Vec<_> = flow.right(done, begun).collect();
            self.first_error = Some(format!(
                "a packet to {address} went to {next_hop} between changes {done} and {begun}, right were {right:?} (0: no route)"
            ));
        }
    }
}

/// Two ports, a neighbor for each next hop, whose MAC address says which, and the routes.
fn tables(fib: Fib6) -> [Update; 4] {
    let port = || Port { mac: MAC, vrf: VrfId(0), is_up: true, link_local: 1, ..Port::default() };
    let adjacency = |next_hop: u32| {
        let [a, b, c, d] = next_hop.to_be_bytes();
        Adjacency {
            address: u128::from(next_hop),
            ethernet: ethernet::bytes(Mac([2, 0, a, b, c, d]), MAC, ethernet::TYPE_IPV6),
            port: PortId(1),
            mtu: 1500,
            is_resolved: true,
            is_filtered: false,
            is_mex_inside: false,
        }
    };
    let next_hops = (1..=MAX_NEXT_HOP).map(|next_hop| NextHop::Adjacency(AdjacencyId(next_hop - 1)));
    let next_hops = std::iter::once(NextHop::NoRoute).chain(next_hops).collect();
    [
        Update::Ports(Arc::from([port(), port()])),
        Update::Adjacencies((1..=MAX_NEXT_HOP).map(adjacency).collect()),
        Update::NextHops(Arc::new(NextHops::new(next_hops, Vec::new()))),
        Update::Fib(VrfId(0), Some(fib)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fib::table::Table;
    use dataplane::fib::{Prefix6, Writer6};
    use dataplane::id::NextHopId;

    const TURN: Duration = Duration::from_millis(20);

    #[test]
    fn a_route_that_should_be_there_and_is_not_loses_packets() {
        let story = Story::new(&Table::synthetic(2000), 0);
        let mut writer = Writer6::build(story.routes().iter().copied()).unwrap();
        let (mut router, _) = Router::new(&story, writer.fib());
        router.forward(&Clock::default(), TURN);
        assert!(router.packets.is_right() && router.packets.right > 0, "{:?}", router.packets);
        // No change was announced for these: so they are errors, each of its kind.
        let flow = story.flows()[0].address;
        writer.insert(Prefix6::new(flow, 128), NextHopId::NO_ROUTE).unwrap();
        router.forward(&Clock::default(), TURN);
        assert!(router.packets.lost > 0 && router.packets.wrong == 0, "{:?}", router.packets);
        let lost = router.packets.lost;
        let other = NextHopId(1 + writer.longest_match(flow + 1).map_or(0, |(_, id)| id.0) % MAX_NEXT_HOP);
        writer.insert(Prefix6::new(flow, 128), other).unwrap();
        router.forward(&Clock::default(), TURN);
        assert!(router.packets.wrong > 0 && router.packets.lost == lost, "{:?}", router.packets);
        assert!(router.packets.first_error.unwrap().contains(&std::net::Ipv6Addr::from(flow).to_string()));
    }
}
