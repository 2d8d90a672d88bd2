//! A worker on heap buffers, for benches: no NIC, no EAL, the very graph that `run` runs.

pub mod churn;
pub mod fib;
pub mod footprint;
pub mod generator;
pub mod instructions;
pub mod live;
pub mod rfc2544;
pub mod srv6;
pub mod storm;
pub mod throughput;
pub mod workloads;

use std::sync::Arc;

use dataplane::buffer::{HeapBuf, PacketBuf};
use dataplane::fib::{Fib6, Prefix6};
use dataplane::id::{AdjacencyId, NextHopId, PortId, VrfId};
use dataplane::table::{Adjacency, Liveness, MexPolicy, NextHop, NextHops, Port, Trigger};
use dataplane::update::{Rings, Update};
use dataplane::wire::ethernet::{self, Mac};
use dataplane::wire::ipv6;
use dataplane::worker::{Arrivals, PacketIo, Worker};

/// Station address of the port under test.
pub const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);

/// The prefix that has a route.
pub const REACHABLE: u64 = 0x2001_0db8_000b_0001;
/// A prefix that has none.
pub const UNREACHABLE: u64 = 0x2001_0db8_000a_0001;

/// A UDP frame of 64 octets and what the AP header adds, to `prefix`; `alternatives` become its AP header.
pub fn frame(prefix: u64, alternatives: &[u64], flow: u32) -> Vec<u8> {
    let ap_octets = if alternatives.is_empty() { 0 } else { 8 + 8 * alternatives.len() };
    let mut frame = vec![0; 64 + ap_octets];
    if let Some(mut header) = ethernet::Header::of_mut(&mut frame) {
        header.set(MAC, Mac([2, 0, 0, 0, 0, 9]), ethernet::TYPE_IPV6);
    }
    let payload_len = (frame.len() - ethernet::LEN - ipv6::LEN) as u16;
    let next_header = if alternatives.is_empty() { ipv6::protocol::UDP } else { 253 };
    let repr = ipv6::Repr {
        payload_len,
        next_header,
        hop_limit: 64,
        source: 0x2001_0db8_0001 << 80 | 1,
        destination: u128::from(prefix) << 64 | u128::from(flow),
    };
    if let Some(mut header) = ipv6::Header::of_mut(&mut frame[ethernet::LEN..]) {
        repr.emit(&mut header);
    }
    if !alternatives.is_empty() {
        let n = alternatives.len() as u8;
        let ap = &mut frame[ethernet::LEN + ipv6::LEN..];
        ap[..8].copy_from_slice(&[ipv6::protocol::UDP, n, n, 0x10, 0x4d, 0x58, 0, 0]);
        for (cell, prefix) in ap[8..].chunks_exact_mut(8).zip(alternatives) {
            cell.copy_from_slice(&prefix.to_be_bytes());
        }
    }
    frame
}

/// Ports that hand the same frames to the worker again and again.
#[derive(Debug)]
struct Loop {
    templates: Vec<Vec<u8>>,
    frames: Vec<Option<HeapBuf>>,
    spare: Vec<HeapBuf>,
}

impl PacketIo<HeapBuf> for Loop {
    fn receive_queues(&self) -> usize {
        1
    }

    fn receive(&mut self, _queue: usize, arrivals: &mut Arrivals<'_, HeapBuf>) {
        for (frame, template) in self.frames.iter_mut().zip(&self.templates) {
            if let Some(mut frame) = frame.take() {
                let _ = frame.refill(template);
                let _ = arrivals.push(PortId(0), frame);
            }
        }
    }

    fn transmit(&mut self, _port: PortId, frames: &mut [Option<HeapBuf>]) {
        self.spare.extend(frames.iter_mut().filter_map(Option::take));
    }
}

/// A worker, its tables, and a burst of frames that goes round.
#[derive(Debug)]
pub struct Bench {
    rings: Arc<Rings<HeapBuf>>,
    worker: Worker<HeapBuf>,
    io: Loop,
}

impl Bench {
    /// A worker with two ports, a route to [`REACHABLE`], and MEX on; `frames` (at most 256) go through it.
    pub fn new(templates: Vec<Vec<u8>>) -> Bench {
        Bench::with(templates, tables())
    }

    /// The same with other tables, of which port 0 receives.
    pub fn with(templates: Vec<Vec<u8>>, tables: impl IntoIterator<Item = Update>) -> Bench {
        let liveness = Arc::new(Liveness::default());
        let rings = Arc::new(Rings::default());
        for update in tables {
            let _ = rings.updates.push(update);
        }
        let worker = Worker::new(Arc::clone(&rings), liveness);
        let io = Loop { templates, frames: Vec::new(), spare: Vec::with_capacity(256) };
        let mut bench = Bench { rings, worker, io };
        // Without frames: the tables come first.
        bench.turn();
        bench.io.frames = bench.io.templates.iter().map(|template| Some(HeapBuf::new(template, 0))).collect();
        bench
    }

    /// Opens or closes the express lane.
    pub fn set_express(&mut self, is_open: bool) {
        self.worker.set_express(is_open);
    }

    /// The frames that were sent last, in any order.
    pub fn sent(&self) -> impl Iterator<Item = &[u8]> {
        self.io.frames.iter().flatten().map(PacketBuf::bytes)
    }

    /// Packets that have left by the express lane.
    pub fn express(&self) -> u64 {
        self.rings.counters.express.value()
    }

    /// One burst through the worker; returns how many frames were sent.
    pub fn turn(&mut self) -> usize {
        self.worker.poll(&mut self.io, 0);
        let sent = self.io.spare.len();
        for (place, frame) in self.io.frames.iter_mut().zip(self.io.spare.drain(..)) {
            *place = Some(frame);
        }
        sent
    }
}

fn tables() -> [Update; 5] {
    let port = || Port { mac: MAC, vrf: VrfId(0), is_up: true, link_local: 1, ..Port::default() };
    let adjacency = Adjacency {
        address: 2,
        ethernet: ethernet::bytes(Mac([2, 0, 0, 0, 0, 2]), MAC, ethernet::TYPE_IPV6),
        port: PortId(1),
        mtu: 1500,
        is_resolved: true,
        is_filtered: false,
        is_mex_inside: false,
    };
    let triggers = [Trigger::NoRoute].into_iter().collect();
    let route = (Prefix6::new(u128::from(REACHABLE) << 64, 64), NextHopId(1));
    [
        Update::Ports(Arc::from([port(), port()])),
        Update::Adjacencies(Arc::from([adjacency])),
        Update::NextHops(Arc::new(NextHops::new(
            vec![NextHop::NoRoute, NextHop::Adjacency(AdjacencyId(0))],
            Vec::new(),
        ))),
        Update::Fib(VrfId(0), Fib6::build([route]).ok()),
        Update::Mex(Arc::new(MexPolicy { triggers, ..MexPolicy::default() })),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_of_a_bench_is_sent() {
        for alternatives in [&[][..], &[REACHABLE]] {
            let prefix = if alternatives.is_empty() { REACHABLE } else { UNREACHABLE };
            let mut bench = Bench::new((0..64).map(|flow| frame(prefix, alternatives, flow)).collect());
            bench.turn();
            assert_eq!(bench.turn(), 64);
        }
    }
}
