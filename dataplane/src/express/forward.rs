//! The way out by the lane: what `rewrite` and `output` ask, then the Ethernet header and the hop limit, then the transmit
//! queue.

use super::Columns;
use super::exits::Exits;
use crate::buffer::{FRONT_LEN, PacketBuf};
use crate::counters::Counters;
use crate::fib::BLOCK;
use crate::flow;
use crate::id::{AdjacencyId, NextHopId};
use crate::node::output::TransmitQueue;
use crate::table::{NextHop, Tables};
use crate::wire::{ethernet, ipv6};

/// Packets that are ready for the wire, and still in their frames.
#[derive(Debug)]
pub(super) struct Leaving {
    places: [u8; BLOCK],
    adjacencies: [AdjacencyId; BLOCK],
    len: usize,
    octets: usize,
}

impl Default for Leaving {
    fn default() -> Self {
        Leaving { places: [0; BLOCK], adjacencies: [AdjacencyId(0); BLOCK], len: 0, octets: 0 }
    }
}

impl Leaving {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Empties the list.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.octets = 0;
    }

    /// Adds the packet at `place`.
    #[inline]
    pub(super) fn push(&mut self, place: u8, adjacency: AdjacencyId, octets: usize) {
        if let (Some(at), Some(to)) = (self.places.get_mut(self.len), self.adjacencies.get_mut(self.len)) {
            *at = place;
            *to = adjacency;
        }
        self.len += 1;
        self.octets += octets;
    }

    /// Puts the packets on their ports' transmit queues, in order, and counts them.
    ///
    /// Nearly always all of a block go to one neighbor: one addition for all then. One by one, each would wait for the one
    /// before it to have written the same counters (0.4 ns a packet).
    #[inline(never)]
    pub(super) fn leave<B: PacketBuf>(
        &self,
        exits: &Exits,
        counters: &Counters,
        transmit: &mut [TransmitQueue<B>],
        frames: &mut [Option<B>],
    ) {
        let (Some(places), Some(adjacencies)) =
            (self.places.get(..self.len), self.adjacencies.get(..self.len))
        else {
            return;
        };
        let Some(&first) = adjacencies.first() else { return };
        counters.express.add(self.len as u64);
        let differ = adjacencies.iter().fold(0, |differ, id| differ | (id.0 ^ first.0));
        if differ == 0 {
            let Some(queue) = transmit.get_mut(exits.port(first).index()) else { return };
            counters.use_adjacency(first, self.len as u64);
            queue.take_all(frames, places, self.octets);
            return;
        }
        for (&place, &id) in places.iter().zip(adjacencies) {
            let (Some(queue), Some(slot)) =
                (transmit.get_mut(exits.port(id).index()), frames.get_mut(usize::from(place)))
            else {
                continue;
            };
            counters.use_adjacency(id, 1);
            queue.take(slot);
        }
    }
}

/// The neighbor that a next hop is, or picks for the flow of a packet to `destination`.
#[inline]
pub(super) fn neighbor(
    tables: &Tables,
    packet: &[u8],
    destination: u128,
    next_hop: NextHopId,
) -> Option<AdjacencyId> {
    match tables.next_hops.entry(next_hop) {
        NextHop::Adjacency(id) => Some(id),
        NextHop::Group(index) => member(tables, packet, destination, index),
        _ => None,
    }
}

#[inline(never)]
fn member(tables: &Tables, packet: &[u8], destination: u128, group: u32) -> Option<AdjacencyId> {
    tables.next_hops.group(group)?.pick(flow::hash(packet, destination), &tables.liveness)
}

/// Makes the passengers ready whose next hop is a neighbor. The others stay as they are; `others` gets their numbers among
/// the passengers. Returns how many those are.
#[inline(never)]
pub(super) fn forward<B: PacketBuf>(
    tables: &Tables,
    frames: &mut [Option<B>],
    exits: &Exits,
    columns: &Columns,
    admitted: usize,
    leaving: &mut Leaving,
    others: &mut [u8; BLOCK],
) -> usize {
    let mut other_count = 0;
    let admitted = admitted.min(BLOCK);
    let passengers = columns.places[..admitted].iter().zip(&columns.next_hops[..admitted]);
    let passengers = passengers.zip(&columns.destinations[..admitted]);
    for (number, ((&place, &next_hop), &destination)) in (0u8..).zip(passengers) {
        let Some(frame) = frames.get_mut(usize::from(place)).and_then(Option::as_mut) else { continue };
        let id = match tables.next_hops.entry(next_hop) {
            NextHop::Adjacency(id) => id,
            NextHop::Group(index) => {
                let packet = frame.bytes().get(ethernet::LEN..).unwrap_or_default();
                let Some(id) = member(tables, packet, destination, index) else { continue };
                id
            }
            _ => {
                if let Some(other) = others.get_mut(other_count) {
                    *other = number;
                    other_count += 1;
                }
                continue;
            }
        };
        let Some(exit) = exits.alive(tables, id) else { continue };
        let bytes = frame.bytes_mut();
        let octets = bytes.len();
        if !exit.takes(octets, (destination >> 120) as u8) {
            continue;
        }
        let Some(front) = bytes.first_chunk_mut::<FRONT_LEN>() else { continue };
        front[..ethernet::LEN].copy_from_slice(&exit.ethernet);
        // Above 1: see `admit`.
        front[ethernet::LEN + ipv6::HOP_LIMIT_AT] -= 1;
        leaving.push(place, id, octets);
    }
    other_count
}
