//! Packets that control itself answers: neighbor discovery (RFC 4861) and ARP (RFC 826).

use crate::buffer::PacketBuf;
use crate::burst::Burst;
use crate::graph::NodeId;
use crate::update::{Punt, Rings, Why};
use crate::wire::{arp, ethernet};

edges! {
    /// Control is behind.
    Full => drop ControlQueueFull,
}

fn why<B: PacketBuf>(buffer: &B) -> Why {
    let ether_type = ethernet::Header::of(buffer.bytes()).map(|header| header.ether_type());
    if ether_type == Some(arp::ETHER_TYPE) { Why::Arp } else { Why::NeighborDiscovery }
}

/// Hands a burst to control.
pub fn process<B: PacketBuf>(rings: &Rings<B>, burst: &mut Burst<B>) {
    let list = burst.take_queue(NodeId::Control);
    for &slot in list.as_slice() {
        // This worker is the ring's only producer: what has room now has room at the push.
        if rings.punts.is_full() {
            burst.route(NodeId::Control, slot, Next::Full.into());
        } else if let (Some(buffer), meta) = burst.take(slot) {
            rings.counters.consumed.add(1);
            let _ = rings.punts.push(Punt { why: why(&buffer), buffer, meta });
        }
    }
}
