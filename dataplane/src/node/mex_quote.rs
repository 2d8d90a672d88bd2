//! The correspondent's edge, on the way back: an ICMPv6 error about a packet that got the AP header here quotes that
//! header, and perhaps an exchanged destination. The host inside has sent neither, so the quote is restored before it
//! gets there (docs/mex.md, "ICMP errors received"); a Packet Too Big then tells it what it may send.

use crate::buffer::PacketBuf;
use crate::burst::{Burst, Flags, Meta};
use crate::counters::Counters;
use crate::graph::NodeId;
use crate::table::Tables;
use crate::wire::quote;

edges! {
    /// Translated or not: on to the rewrite.
    Rewrite => node Rewrite,
}

fn step<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &mut B, meta: &mut Meta) -> Next {
    meta.flags = meta.flags.and(Flags::QUOTE_SEEN);
    // A packet from the inside that dies here has not got the header yet: its error quotes what the host sent.
    let is_quote_as_sent = meta.flags.has(Flags::ORIGINATED)
        && tables.port(meta.port).is_some_and(|received| !received.peers.is_empty());
    if is_quote_as_sent {
        return Next::Rewrite;
    }
    let adjacency = tables.adjacencies.get(meta.adjacency.index());
    if let Some(port) = adjacency.and_then(|adjacency| tables.port(adjacency.port)) {
        let is_peer = |prefix| port.peers.contains_key(&prefix);
        if quote::restore(buffer, tables.mex.next_header, tables.mex.bounds, is_peer) {
            counters.mex.quotes_restored.add(1);
        }
    }
    Next::Rewrite
}

/// Translates a burst.
pub fn process<B: PacketBuf>(tables: &Tables, counters: &Counters, burst: &mut Burst<B>) {
    burst.sort(NodeId::MexQuote, |buffer, meta| step(tables, counters, buffer, meta));
}
