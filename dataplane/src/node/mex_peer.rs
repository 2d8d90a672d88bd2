//! The correspondent's edge: packets from the inside toward a configured multi-homed site are to carry the AP header
//! (docs/mex.md, Header order). Only decides; `mex_commit` inserts, once the packet is sure to leave.

use crate::buffer::{PacketBuf, packet};
use crate::burst::{Burst, Meta, Pending};
use crate::counters::Counters;
use crate::graph::NodeId;
use crate::table::Tables;
use crate::wire::ext;

edges! {
    /// With or without the header.
    Lookup => node Lookup,
}

fn step<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &B, meta: &mut Meta) -> Next {
    let Some(port) = tables.port(meta.port) else { return Next::Lookup };
    let Some(reference) = port.peers.get(&((meta.destination >> 64) as u64)) else { return Next::Lookup };
    let mex = &tables.mex;
    let Some(peer) = mex.peers.get(usize::from(reference.peer)) else { return Next::Lookup };
    let packet = packet(buffer);
    match ext::insertion_place(packet, mex.next_header, mex.bounds) {
        Some(place) => {
            meta.pending = Pending::INSERT;
            meta.ap = place;
            meta.ap_prefixes = peer.alternatives(reference.own).len() as u8;
            meta.peer = *reference;
        }
        // The host has added it itself, or a segment list is under way: that is as it should be.
        None if ext::find_ap(packet, mex.next_header, mex.bounds).is_some() => {}
        None => counters.mex.not_inserted.add(1),
    }
    Next::Lookup
}

/// Marks the packets of a burst that will get the header.
pub fn process<B: PacketBuf>(tables: &Tables, counters: &Counters, burst: &mut Burst<B>) {
    burst.sort(NodeId::MexPeer, |buffer, meta| step(tables, counters, buffer, meta));
}
