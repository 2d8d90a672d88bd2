//! Packets whose next hop has no MAC address yet: control resolves it and sends them on (RFC 4861, 7.2.2).

use crate::buffer::PacketBuf;
use crate::burst::{Burst, Meta};
use crate::graph::NodeId;
use crate::table::Tables;
use crate::update::{Punt, Rings, Why};

edges! {
    /// Control is behind.
    Full => drop ControlQueueFull,
}

/// The neighbor that the packet waits for: its adjacency's, or itself on the link that it leaves by.
fn neighbor(tables: &Tables, meta: &Meta) -> Why {
    match tables.adjacencies.get(meta.adjacency.index()) {
        Some(adjacency) => Why::Resolve { port: adjacency.port, address: adjacency.address },
        None => Why::Resolve { port: meta.out, address: meta.destination },
    }
}

/// Hands a burst to control.
pub fn process<B: PacketBuf>(tables: &Tables, rings: &Rings<B>, burst: &mut Burst<B>) {
    let list = burst.take_queue(NodeId::Resolve);
    for &slot in list.as_slice() {
        // This worker is the ring's only producer: what has room now has room at the push.
        if rings.punts.is_full() {
            burst.route(NodeId::Resolve, slot, Next::Full.into());
        } else if let (Some(buffer), meta) = burst.take(slot) {
            let why = neighbor(tables, &meta);
            rings.counters.held.add(1);
            let _ = rings.punts.push(Punt { buffer, meta, why });
        }
    }
}
