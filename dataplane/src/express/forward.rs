//! The way out by the lane: what `rewrite` and `output` ask, then the Ethernet header and the hop limit.

use super::Lane;
use crate::buffer::{FRONT_LEN, PacketBuf};
use crate::counters::Counters;
use crate::id::AdjacencyId;
use crate::node::output::TransmitQueue;
use crate::table::{Adjacency, NextHop, Tables};
use crate::wire::{ethernet, ipv6};

/// The adjacency of a packet to `destination` whose way out is usual: alive, resolved, not looked at by a filter, its port up.
#[inline]
pub(super) fn exit<'a, B: PacketBuf>(
    tables: &'a Tables,
    transmit: &'a mut [TransmitQueue<B>],
    id: AdjacencyId,
    destination: u128,
) -> Option<(&'a Adjacency, &'a mut TransmitQueue<B>)> {
    if !tables.liveness.is_up(id) {
        return None;
    }
    let adjacency = tables.adjacencies.get(id.index())?;
    let port = tables.port(adjacency.port)?;
    let queue = transmit.get_mut(adjacency.port.index())?;
    let is_usual = adjacency.is_resolved
        & !adjacency.is_mex_inside
        & port.is_up
        & !port.egress_deny.may_contain(destination)
        & !queue.is_full();
    is_usual.then_some((adjacency, queue))
}

/// Sends the passengers on whose next hop is a neighbor; returns how many. The others stay in their frames.
#[inline]
pub(super) fn forward<B: PacketBuf>(
    tables: &Tables,
    counters: &Counters,
    transmit: &mut [TransmitQueue<B>],
    frames: &mut [Option<B>],
    lane: &Lane,
    admitted: usize,
) -> usize {
    let mut forwarded = 0;
    let passengers = lane.places.iter().zip(&lane.next_hops).zip(&lane.destinations).take(admitted);
    for ((&place, &next_hop), &destination) in passengers {
        let Some(slot) = frames.get_mut(usize::from(place)) else { continue };
        let NextHop::Adjacency(id) = tables.next_hops.entry(next_hop) else { continue };
        let Some((adjacency, queue)) = exit(tables, transmit, id, destination) else { continue };
        let Some(bytes) = slot.as_mut().map(PacketBuf::bytes_mut) else { continue };
        let octets = bytes.len();
        if octets > ethernet::LEN + usize::from(adjacency.mtu) {
            continue;
        }
        let Some(front) = bytes.first_chunk_mut::<FRONT_LEN>() else { continue };
        front[..ethernet::LEN].copy_from_slice(&adjacency.ethernet);
        // Above 1: see `admit`.
        front[ethernet::LEN + ipv6::HOP_LIMIT_AT] -= 1;
        counters.use_adjacency(id);
        queue.take(slot, octets);
        forwarded += 1;
    }
    forwarded
}
