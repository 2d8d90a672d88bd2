//! IPv4 packets that are longer than the link carries and may be cut: control cuts them and sends the fragments on (RFC 791,
//! 3.2). Whoever cares for speed sets DF, as every host that probes its path MTU does.

use crate::buffer::PacketBuf;
use crate::burst::Burst;
use crate::graph::NodeId;
use crate::update::{Punt, Rings, Why};

edges! {
    /// Control is behind.
    Full => drop ControlQueueFull,
}

/// Hands a burst to control.
pub fn process<B: PacketBuf>(rings: &Rings<B>, burst: &mut Burst<B>) {
    let list = burst.take_queue(NodeId::Fragment);
    for &slot in list.as_slice() {
        // This worker is the ring's only producer: what has room now has room at the push.
        if rings.punts.is_full() {
            burst.route(NodeId::Fragment, slot, Next::Full.into());
        } else if let (Some(buffer), meta) = burst.take(slot) {
            rings.counters.held.add(1);
            let _ = rings.punts.push(Punt { buffer, meta, why: Why::Fragment { room: meta.parameter } });
        }
    }
}
