//! The end of packets that have done what they were for.

use crate::buffer::PacketBuf;
use crate::burst::Burst;
use crate::counters::Counters;
use crate::graph::NodeId;

/// Nothing leaves here.
pub const EDGES: &[crate::graph::Edge] = &[];

/// Frees a burst.
pub fn process<B: PacketBuf>(counters: &Counters, burst: &mut Burst<B>) {
    let list = burst.take_queue(NodeId::Consume);
    for &slot in list.as_slice() {
        let (buffer, _) = burst.take(slot);
        drop(buffer);
        counters.consumed.add(1);
    }
}
