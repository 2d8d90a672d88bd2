//! The end of packets that are dropped without a word: counted by reason, freed.

use crate::buffer::PacketBuf;
use crate::burst::Burst;
use crate::counters::Counters;
use crate::graph::NodeId;

/// Nothing leaves here.
pub const EDGES: &[crate::graph::Edge] = &[];

/// Drops a burst.
pub fn process<B: PacketBuf>(counters: &Counters, burst: &mut Burst<B>) {
    let list = burst.take_queue(NodeId::Drop);
    for &slot in list.as_slice() {
        let (buffer, meta) = burst.take(slot);
        counters.drop_packet(meta.reason, buffer.map_or(0, |buffer| buffer.bytes().len()));
    }
}
