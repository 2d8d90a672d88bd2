//! The express lane: packets of the most frequent kinds, forwarded in bulk, a column at a time, without a visit to any node.
//!
//! ```text
//!  received ─ admission ─ longest-prefix match ─┬─ forward: a neighbor ───────────────────────── transmit queue
//!                 │                │
//!                 └────────────────┴── not sure ──── the graph, from its beginning
//! ```
//!
//! A packet is admitted when one look at its fixed headers shows that nothing about it is unusual, and leaves by this lane when
//! everything else that the nodes would ask is usual, too. Whoever is not sure touches nothing: the packet goes through
//! the graph as if there were no such lane, so that every rule, drop and error has its one place there. What is done here
//! is done exactly as the nodes do it; `tests/express.rs` compares both on packets and tables of all kinds.
//!
//! Packets of one burst that go by the lane leave before those that go through the graph.

mod admit;
mod exits;
mod forward;

use crate::arrivals::{Ingress, Run};
use crate::buffer::PacketBuf;
use crate::burst::{Burst, Meta, SLOTS};
use crate::fib::BLOCK;
use crate::graph::{Engine, NodeId};
use crate::id::NextHopId;
use crate::table::Tables;
use admit::Gate;
use exits::Exits;
use forward::Leaving;

/// The lane of one worker: what it knows of the tables, and its passengers.
#[derive(Debug, Default)]
pub struct Lane {
    exits: Exits,
    /// Of ports outside the SR domain, and inside.
    gates: [Gate; 2],
    columns: Columns,
    leaving: Leaving,
}

impl Lane {
    /// Compiles what the lane needs to know of the tables; called whenever ports, adjacencies or SRv6 have changed. Without
    /// an allocation.
    pub(crate) fn rebuild(&mut self, tables: &Tables) {
        self.exits.rebuild(tables);
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
pub(crate) fn run<B: PacketBuf>(
    engine: &mut Engine<B>,
    lane: &mut Lane,
    ingress: &mut Ingress<B>,
    burst: &mut Burst<B>,
) {
    let mut number = 0;
    while let Some(run) = ingress.run(number) {
        let mut start = run.start;
        while start < run.end {
            let block = Run { start, end: run.end.min(start + BLOCK), ..run };
            start = block.end;
            let left = if burst.is_traced() { None } else { take_block(engine, lane, ingress, block) };
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
    let Engine { tables, rings, transmit, .. } = engine;
    let port = tables.port(block.port).filter(|port| admit::is_open(port))?;
    let fib = tables.fib(port.vrf)?;
    let frames = ingress.frames.get_mut(block.start..block.end)?;
    let Lane { exits, gates, columns, leaving } = lane;
    let (admitted, octets) = admit::admit(port.mac, &gates[usize::from(port.is_sr_domain)], frames, columns);
    if let Some(counters) = rings.counters.port(block.port) {
        counters.rx_packets.add(frames.len() as u64);
        counters.rx_octets.add(octets);
    }
    fib.lookup_batch(columns.destinations.get(..admitted)?, columns.next_hops.get_mut(..admitted)?);
    leaving.clear();
    forward::forward(tables, frames, exits, columns, admitted, leaving);
    leaving.leave(exits, &rings.counters, transmit, frames);
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
