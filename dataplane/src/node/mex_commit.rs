//! Makes the changes that MEX has decided on, now that the packet is sure to leave: inserts the AP header, exchanges
//! prefixes, or strips the header and restores the destination (docs/mex.md, "commit late").

use super::rewrite;
use crate::buffer::{PacketBuf, packet_mut};
use crate::burst::{Burst, Meta, Pending};
use crate::counters::Counters;
use crate::graph::NodeId;
use crate::table::Tables;
use crate::wire::{ap, ipv6};

edges! {
    /// Changed, and written: ready for the wire.
    Output => node Output,
    /// Stripped: what the header hid may need a rewrite of its own (`mex-quote`).
    Rewrite => node Rewrite,
    /// No room for the header, and the packet needs it: its destination is an alternative.
    Headroom => drop Headroom,
}

fn insert<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &mut B, meta: &Meta) -> bool {
    let mex = &tables.mex;
    let Some(peer) = mex.peers.get(usize::from(meta.peer.peer)) else { return false };
    let inserted = ap::insert(buffer, meta.ap, mex.next_header, peer.alternatives(meta.peer.own));
    if inserted {
        counters.mex.inserted.add(1);
    } else {
        counters.mex.not_inserted.add(1);
    }
    inserted
}

/// Strips the AP header and puts the original destination back.
pub(super) fn strip<B: PacketBuf>(counters: &Counters, buffer: &mut B, meta: &Meta) {
    if ap::strip(buffer, meta.ap) {
        if let Some(mut header) = ipv6::Header::of_mut(packet_mut(buffer)) {
            header.set_destination(meta.destination);
        }
        counters.mex.restored.add(1);
    }
}

/// Inserts the AP header and exchanges, as far as either is pending. False when there is no room for a header that the
/// packet needs.
#[must_use]
pub(super) fn add<B: PacketBuf>(
    tables: &Tables,
    counters: &Counters,
    buffer: &mut B,
    meta: &Meta,
    pending: Pending,
) -> bool {
    if pending.has(Pending::INSERT) && !insert(tables, counters, buffer, meta) {
        // Without the header the packet is what its sender made: unprotected, but it goes where it would have gone.
        return !pending.has(Pending::EXCHANGE);
    }
    let offset = usize::from(meta.ap.offset);
    if pending.has(Pending::EXCHANGE) && ap::exchange(packet_mut(buffer), offset, meta.ap_exchanges).is_some()
    {
        counters.mex.exchanged.add(1);
    }
    true
}

fn step<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &mut B, meta: &mut Meta) -> Next {
    let pending = std::mem::take(&mut meta.pending);
    if !add(tables, counters, buffer, meta, pending) {
        return Next::Headroom;
    }
    if pending.has(Pending::STRIP) {
        strip(counters, buffer, meta);
    }
    match tables.adjacencies.get(meta.adjacency.index()) {
        // The rewrite has made every check with this change in mind.
        Some(adjacency) if !pending.has(Pending::STRIP) => {
            rewrite::write(counters, adjacency, buffer, meta);
            Next::Output
        }
        _ => Next::Rewrite,
    }
}

/// Changes a burst.
pub fn process<B: PacketBuf>(tables: &Tables, counters: &Counters, burst: &mut Burst<B>) {
    burst.sort(NodeId::MexCommit, |buffer, meta| step(tables, counters, buffer, meta));
}
