//! The way out of IPv4 packets: time to live, MTU, egress filter, then the Ethernet header (RFC 1812, 5.3.1; RFC 1191).
//! What fails a check leaves as it came, so that errors quote it as received.

use crate::buffer::{PacketBuf, packet};
use crate::burst::{Burst, Flags, Meta};
use crate::counters::Counters;
use crate::graph::NodeId;
use crate::table::{Adjacency, Tables};
use crate::wire::{ethernet, ipv4};

/// Octets of an Ethernet header and the IPv4 header behind it, without options.
const FRONT_LEN: usize = ethernet::LEN + ipv4::LEN;
/// Where the `EtherType` is.
const TYPE_AT: usize = ethernet::LEN - 2;

edges! {
    /// Ready for the wire.
    Output => node Output,
    /// The neighbor's MAC address is not known yet.
    Unresolved => node Resolve,
    /// Longer than the link carries, and may be cut.
    Fragment => node Fragment,
    /// The time to live ran out.
    HopLimit => drop HopLimit,
    /// Longer than the link carries.
    TooBig => drop TooBig,
    /// Not through this port.
    Filter => drop EgressFilter,
    /// A link-local source stays on its link.
    LinkLocal => drop LinkLocal,
    /// The adjacency went away under the packet.
    Gone => drop NextHopDown,
}

fn step<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &mut B, meta: &mut Meta) -> Next {
    let Some(adjacency) = tables.adjacencies.get(meta.adjacency.index()) else { return Next::Gone };
    let packet = packet(buffer);
    let Some(header) = ipv4::Header::of(packet) else { return Next::Gone };
    if meta.flags.has(Flags::LINK_LOCAL_SOURCE) {
        return Next::LinkLocal;
    }
    if !meta.flags.has(Flags::ORIGINATED) && header.ttl() <= 1 {
        return Next::HopLimit;
    }
    if packet.len() > usize::from(adjacency.mtu) {
        meta.parameter = u32::from(adjacency.mtu);
        return if header.dont_fragment() { Next::TooBig } else { Next::Fragment };
    }
    let is_denied =
        || tables.port(adjacency.port).is_some_and(|port| port.egress_deny.contains(meta.destination));
    if adjacency.is_filtered && is_denied() {
        return Next::Filter;
    }
    if !adjacency.is_resolved {
        return Next::Unresolved;
    }
    write(adjacency, buffer, meta);
    counters.use_adjacency(meta.adjacency, 1);
    meta.out = adjacency.port;
    Next::Output
}

/// Writes the Ethernet header and the time to live of a packet that has passed every check.
fn write<B: PacketBuf>(adjacency: &Adjacency, buffer: &mut B, meta: &Meta) {
    let Some(front) = buffer.bytes_mut().first_chunk_mut::<FRONT_LEN>() else { return };
    front[..ethernet::LEN].copy_from_slice(&adjacency.ethernet);
    front[TYPE_AT..ethernet::LEN].copy_from_slice(&ethernet::TYPE_IPV4.to_be_bytes());
    if !meta.flags.has(Flags::ORIGINATED)
        && let Some(mut header) = ipv4::Header::of_mut(&mut front[ethernet::LEN..])
    {
        // Checked to be above 1.
        header.decrement_ttl();
    }
}

/// Rewrites a burst.
pub fn process<B: PacketBuf>(tables: &Tables, counters: &Counters, burst: &mut Burst<B>) {
    burst.sort(NodeId::Rewrite4, |buffer, meta| step(tables, counters, buffer, meta));
}
