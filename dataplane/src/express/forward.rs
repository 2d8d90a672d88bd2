//! The way out by the lane: what `rewrite` and `output` ask, then the Ethernet header and the hop limit.

use super::Columns;
use super::exits::Exits;
use crate::buffer::{FRONT_LEN, PacketBuf};
use crate::counters::Counters;
use crate::node::output::TransmitQueue;
use crate::table::{NextHop, Tables};
use crate::wire::{ethernet, ipv6};

/// Sends the passengers on whose next hop is a neighbor; returns how many. The others stay in their frames.
#[inline(never)]
pub(super) fn forward<B: PacketBuf>(
    tables: &Tables,
    counters: &Counters,
    transmit: &mut [TransmitQueue<B>],
    frames: &mut [Option<B>],
    exits: &Exits,
    columns: &Columns,
    admitted: usize,
) -> usize {
    let mut forwarded = 0;
    let passengers = columns.places.iter().zip(&columns.next_hops).zip(&columns.destinations).take(admitted);
    for ((&place, &next_hop), &destination) in passengers {
        let NextHop::Adjacency(id) = tables.next_hops.entry(next_hop) else { continue };
        let Some(exit) = exits.alive(tables, id) else { continue };
        let Some(slot) = frames.get_mut(usize::from(place)) else { continue };
        let Some(bytes) = slot.as_mut().map(PacketBuf::bytes_mut) else { continue };
        let octets = bytes.len();
        if !exit.takes(octets, (destination >> 120) as u8) {
            continue;
        }
        let Some(queue) = transmit.get_mut(exit.port.index()) else { continue };
        let Some(front) = bytes.first_chunk_mut::<FRONT_LEN>() else { continue };
        if queue.is_full() {
            continue;
        }
        front[..ethernet::LEN].copy_from_slice(&exit.ethernet);
        // Above 1: see `admit`.
        front[ethernet::LEN + ipv6::HOP_LIMIT_AT] -= 1;
        counters.use_adjacency(id);
        queue.take(slot, octets);
        forwarded += 1;
    }
    forwarded
}
