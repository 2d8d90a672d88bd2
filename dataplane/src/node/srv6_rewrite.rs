//! The way out of packets that SRv6 changes: every check with the change in mind, then the change, then the Ethernet
//! header. What fails a check leaves as it came, so that errors quote it as received.

use super::srv6::commit;
use crate::buffer::{PacketBuf, packet};
use crate::burst::{Burst, Flags, Meta};
use crate::counters::Counters;
use crate::graph::NodeId;
use crate::table::{Adjacency, Tables};
use crate::wire::{ethernet, ipv4};

edges! {
    /// Ready for the wire.
    Output => node Output,
    /// The neighbor's MAC address is not known yet.
    Unresolved => node Resolve,
    /// An IPv4 packet that may be cut: control does it.
    Fragment => node Fragment,
    /// The hop limit ran out.
    HopLimit => drop HopLimit,
    /// Longer than the link carries.
    TooBig => drop TooBig,
    /// A frame longer than the link carries.
    TooBigL2 => drop TooBigL2,
    /// Not through this port.
    Filter => drop EgressFilter,
    /// An unspecified source is not forwarded.
    Source => drop SourceAddress,
    /// A link-local source stays on its link.
    BeyondScope => drop BeyondScope,
    /// The adjacency went away under the packet.
    Gone => drop NextHopDown,
    /// No room for the header.
    Headroom => drop Headroom,
}

/// Longer than the link carries: who is told, and how much there is room for.
fn too_big<B: PacketBuf>(buffer: &B, meta: &mut Meta, room: usize) -> Next {
    meta.parameter = room as u32;
    if meta.flags.has(Flags::ETHERNET) {
        return Next::TooBigL2;
    }
    let may_cut =
        meta.flags.has(Flags::IPV4) && ipv4::Header::of(packet(buffer)).is_some_and(|h| !h.dont_fragment());
    if may_cut { Next::Fragment } else { Next::TooBig }
}

fn check<B: PacketBuf>(tables: &Tables, adjacency: &Adjacency, buffer: &B, meta: &mut Meta) -> Option<Next> {
    if meta.flags.has(Flags::UNSPECIFIED_SOURCE) {
        return Some(Next::Source);
    }
    if meta.flags.has(Flags::LINK_LOCAL_SOURCE) {
        return Some(Next::BeyondScope);
    }
    if commit::hops(buffer, meta).is_some_and(|hops| hops <= 1) {
        return Some(Next::HopLimit);
    }
    let len = buffer.bytes().len().saturating_sub(ethernet::LEN);
    let room = usize::from(adjacency.mtu).saturating_add_signed(-commit::growth(tables, buffer, meta));
    if len > room {
        // What is removed here makes room, but the link's MTU is what there is to tell (RFC 4443, 3.2).
        return Some(too_big(buffer, meta, room.min(usize::from(adjacency.mtu))));
    }
    let is_denied =
        || tables.port(adjacency.port).is_some_and(|port| port.egress_deny.contains(meta.destination));
    if adjacency.is_filtered && is_denied() {
        return Some(Next::Filter);
    }
    (!adjacency.is_resolved).then_some(Next::Unresolved)
}

fn step<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &mut B, meta: &mut Meta) -> Next {
    let Some(adjacency) = tables.adjacencies.get(meta.adjacency.index()) else { return Next::Gone };
    if let Some(stop) = check(tables, adjacency, buffer, meta) {
        return stop;
    }
    if !commit::apply(tables, counters, buffer, meta) {
        return Next::Headroom;
    }
    if let Some(front) = buffer.bytes_mut().first_chunk_mut() {
        *front = adjacency.ethernet;
    }
    counters.use_adjacency(meta.adjacency, 1);
    meta.out = adjacency.port;
    Next::Output
}

/// Changes and rewrites a burst.
pub fn process<B: PacketBuf>(tables: &Tables, counters: &Counters, burst: &mut Burst<B>) {
    burst.sort(NodeId::Srv6Rewrite, |buffer, meta| step(tables, counters, buffer, meta));
}
