//! The express lane: packets of the most frequent kinds, forwarded in bulk, a column at a time, without a visit to any node.
//!
//! ```text
//!  received ─ admission ─ longest-prefix match ─┬─ a neighbor ───────────────────────────────────┬─ transmit queue
//!                 │                             ├─ SID, policy, no route: decision ─ second match ┘
//!                 └─ not sure ──────────────────┴─ the graph, from its beginning
//! ```
//!
//! A packet is admitted when one look at its fixed headers shows that nothing about it is unusual, and leaves by this lane when
//! everything else that the nodes would ask is usual, too. Whoever is not sure touches nothing: the packet goes through
//! the graph as if there were no such lane, so that every rule, drop and error has its one place there. What is done here
//! is done exactly as the nodes do it; `tests/express.rs` compares both on packets and tables of all kinds.
//!
//! Packets of one burst that go by the lane leave before those that go through the graph.

mod admit;
mod change;
mod decide;
mod endpoint;
mod exits;
mod forward;
mod segments;

use crate::arrivals::{Ingress, Run};
use crate::buffer::PacketBuf;
use crate::burst::{Burst, Meta, SLOTS};
use crate::counters::Counters;
use crate::fib::BLOCK;
use crate::graph::{Engine, NodeId};
use crate::id::NextHopId;
use crate::table::srv6::HmacRule;
use crate::table::{Port, Tables};
use crate::wire::ipv6;
use admit::Gate;
use change::Changes;
use endpoint::Endpoints;
use exits::Exits;
use forward::Leaving;
use segments::Segments;

/// The lane of one worker: what it knows of the tables, and its passengers.
#[derive(Debug, Default)]
pub struct Lane {
    /// All packets go through the graph.
    pub(crate) is_closed: bool,
    exits: Exits,
    endpoints: Endpoints,
    /// Of ports outside the SR domain, and inside.
    gates: [Gate; 2],
    columns: Columns,
    segments: Segments,
    /// Numbers of those that are not simply forwarded.
    others: Others,
    changes: Changes,
    leaving: Leaving,
}

/// Numbers of passengers.
#[derive(Debug)]
struct Others([u8; BLOCK]);

impl Default for Others {
    fn default() -> Self {
        Others([0; BLOCK])
    }
}

/// What all passengers of a block have in common.
struct Passage<'a> {
    tables: &'a Tables,
    counters: &'a Counters,
    port: &'a Port,
    /// Of ports inside the SR domain, and of what comes out of an outer header.
    inside: &'a Gate,
    /// The port is inside the SR domain, and wants no HMAC.
    trusts_segments: bool,
    /// Packets with the O-flag are copied.
    is_sampled: bool,
    /// When each frame of the block came, ns.
    arrival_ns: &'a [u64],
}

impl Passage<'_> {
    /// True when nothing about a packet is unusual that has been inside another one and now has so many octets.
    #[inline]
    fn is_usual_inside(&self, header: ipv6::Header<&[u8; ipv6::LEN]>, len: usize) -> bool {
        (header.version() == 6)
            & (ipv6::LEN + usize::from(header.payload_len()) == len)
            & (header.hop_limit() > 1)
            & self.inside.lets(header.source(), header.destination())
    }
}

impl Lane {
    /// Compiles what the lane needs to know of the tables; called whenever ports, adjacencies, SRv6 or a whole routing
    /// table are replaced. Without an allocation.
    pub(crate) fn rebuild(&mut self, tables: &Tables) {
        self.exits.rebuild(tables);
        self.endpoints.rebuild(&tables.srv6);
        self.segments.clear();
        self.gates = [false, true].map(|is_sr_domain| Gate::new(&tables.srv6, is_sr_domain));
    }
}

/// The packets of one block that were admitted, a column for each thing that is known about them.
#[derive(Debug)]
struct Columns {
    /// Their places among the block's frames.
    places: [u8; BLOCK],
    destinations: [u128; BLOCK],
    next_hops: [NextHopId; BLOCK],
}

impl Default for Columns {
    fn default() -> Self {
        Columns { places: [0; BLOCK], destinations: [0; BLOCK], next_hops: [NextHopId::NO_ROUTE; BLOCK] }
    }
}

const _: () = assert!(BLOCK <= 1 << u8::BITS && SLOTS.is_multiple_of(BLOCK));

/// Takes every frame in: onto a transmit queue, or into the burst, at the graph's beginning.
#[inline(never)]
pub(crate) fn run<B: PacketBuf>(
    engine: &mut Engine<B>,
    lane: &mut Lane,
    ingress: &mut Ingress<B>,
    burst: &mut Burst<B>,
) {
    let is_closed = lane.is_closed || burst.is_traced();
    let mut number = 0;
    while let Some(run) = ingress.run(number) {
        let mut start = run.start;
        while start < run.end {
            let block = Run { start, end: run.end.min(start + BLOCK), ..run };
            start = block.end;
            let left = if is_closed { None } else { take_block(engine, lane, ingress, block) };
            if left != Some(0) {
                board(engine, ingress, block, burst, left.is_none());
            }
        }
        number += 1;
    }
    ingress.restart();
}

/// The lane for one block; how many frames are left, or `None` when the lane is closed to the port.
fn take_block<B: PacketBuf>(
    engine: &mut Engine<B>,
    lane: &mut Lane,
    ingress: &mut Ingress<B>,
    block: Run,
) -> Option<usize> {
    let Engine { tables, limits, rings, transmit, .. } = engine;
    let counters = &rings.counters;
    let port = tables.port(block.port).filter(|port| admit::is_open(port))?;
    let fib = tables.fib(port.vrf)?;
    let frames = ingress.frames.get_mut(block.start..block.end)?;
    let Lane { exits, endpoints, gates, columns, segments, others, changes, leaving, .. } = lane;
    let gate = &gates[usize::from(port.is_sr_domain)];
    let (admitted, octets, has_segments) = admit::admit(port.mac, gate, frames, columns);
    if let Some(counters) = counters.port(block.port) {
        counters.rx_packets.add(frames.len() as u64);
        counters.rx_octets.add(octets);
    }
    let (unknown, known) =
        if has_segments { segments.split((port.vrf, fib), columns, admitted) } else { (admitted, 0) };
    leaving.clear();
    let mut other_count = 0;
    if unknown > 0 {
        fib.lookup_batch(columns.destinations.get(..unknown)?, columns.next_hops.get_mut(..unknown)?);
        other_count = forward::forward(tables, frames, exits, columns, unknown, leaving, &mut others.0);
    }
    if other_count + known > 0 {
        let arrival_ns = ingress.arrival_ns.get(block.start..block.end)?;
        let passage = Passage {
            tables,
            counters,
            port,
            inside: &gates[1],
            trusts_segments: port.is_sr_domain && port.hmac == HmacRule::Ignore,
            is_sampled: tables.srv6.sample_rate != 0,
            arrival_ns,
        };
        changes.clear();
        endpoints.decide(&passage, frames, &segments.found, known, changes);
        decide::decide(&passage, frames, endpoints, columns, others.0.get(..other_count)?, changes);
        changes.make(&passage, &mut limits.mex, exits, frames, leaving);
    }
    if has_segments && other_count > 0 {
        segments.learn(tables, gate, columns, unknown);
    }
    leaving.leave(exits, counters, transmit, frames);
    Some(frames.len() - leaving.len())
}

/// Puts the frames that are left into the burst; counts all of them when nobody has.
#[inline(never)]
fn board<B: PacketBuf>(
    engine: &Engine<B>,
    ingress: &mut Ingress<B>,
    block: Run,
    burst: &mut Burst<B>,
    is_uncounted: bool,
) {
    let counters = engine.rings.counters.port(block.port);
    for place in block.start..block.end {
        let (Some(slot), Some(arrival_ns)) = (ingress.frames.get_mut(place), ingress.arrival_ns.get(place))
        else {
            continue;
        };
        let Some(frame) = slot.take() else { continue };
        if is_uncounted && let Some(counters) = counters {
            counters.rx_packets.add(1);
            counters.rx_octets.add(frame.bytes().len() as u64);
        }
        // There is room: a burst has as many slots as there are places.
        drop(burst.push(NodeId::EthernetInput, frame, Meta::received(block.port, *arrival_ns)));
    }
}
