//! Packets for this node: echo is answered here, neighbor discovery goes to control, the rest ends as RFC 8200 (4) and
//! RFC 4443 (3.1, 3.4) say.

use super::srv6::commit;
use crate::buffer::{PacketBuf, packet, packet_mut};
use crate::burst::{Burst, Meta, Pending};
use crate::counters::Counters;
use crate::graph::NodeId;
use crate::table::{NextHop, Tables};
use crate::wire::ext::{MAX_UPPER_LAYER_WALK, UpperLayer};
use crate::wire::srh::{self, Found};
use crate::wire::{ext, icmpv6, ipv6, ipv6::protocol};

edges! {
    /// A reply.
    Reply => node Lookup,
    /// A reply to a neighbor's link-local address.
    ReplyOnLink => node Resolve,
    /// For control.
    NeighborDiscovery => node Control,
    /// Taken note of.
    Consumed => node Consume,
    /// No room for a header that was decided on before.
    Headroom => drop Headroom,
    /// A routing header of another type than this node processes, or segments left at an address that is no SID.
    RoutingType => drop RoutingType,
    /// Not what it says it is.
    Malformed => drop LocalMalformed,
    /// This node does not reassemble.
    Fragment => drop LocalFragment,
    /// Nobody listens.
    Port => drop LocalPort,
    /// Nothing here speaks TCP.
    Tcp => drop LocalTcp,
    /// Unknown next header.
    Protocol => drop LocalProtocol,
    /// From beyond the link.
    HopLimit => drop NeighborDiscoveryHopLimit,
    /// To a group, and nothing that groups are for.
    Group => drop Multicast,
    /// From nobody.
    Source => drop SourceAddress,
}

/// Answers an echo request (RFC 4443, 4.2). The source is the address that was asked, or for a group or the
/// subnet-router anycast address one of the port's.
fn echo<B: PacketBuf>(
    tables: &Tables,
    counters: &Counters,
    buffer: &mut B,
    meta: &mut Meta,
    upper: UpperLayer,
) -> Next {
    if !ext::remove_all(buffer, upper) {
        return Next::Malformed;
    }
    let packet = packet_mut(buffer);
    let Some(header) = ipv6::Header::of(packet) else { return Next::Malformed };
    let (asked, from) = (header.destination(), header.source());
    if from == ipv6::UNSPECIFIED {
        return Next::Source;
    }
    let is_sid = matches!(tables.next_hops.entry(meta.next_hop), NextHop::Sid(_));
    let is_own = is_sid || tables.ports.iter().any(|port| port.owns(asked));
    let Some(source) = (if is_own { Some(asked) } else { tables.icmp_source(meta.port) }) else {
        return Next::Malformed;
    };
    if !icmpv6::make_echo_reply(packet, source) {
        return Next::Malformed;
    }
    counters.consumed.add(1);
    counters.made.add(1);
    *meta = meta.originated(from);
    if ipv6::is_link_local(from) {
        meta.out = meta.port;
        Next::ReplyOnLink
    } else {
        Next::Reply
    }
}

/// A routing header with segments left: an address that is no SID is no place to process it (RFC 8754, 4.3.2; RFC 8200,
/// 4.4).
fn is_under_way(packet: &[u8], meta: &mut Meta) -> bool {
    let mut found = srh::find(packet);
    // Beyond as many headers the packet has no upper layer for this node, see `ext::upper_layer`.
    for _ in 0..MAX_UPPER_LAYER_WALK {
        let at = match found {
            Found::Srh(srh) if srh.header().segments_left() == 0 => {
                found = srh::find_behind(packet, &srh);
                continue;
            }
            Found::Srh(srh) => usize::from(srh.place().offset) + srh::ROUTING_TYPE_AT,
            Found::UnknownRouting { routing_type_at } => routing_type_at,
            _ => return false,
        };
        meta.parameter = at as u32;
        return true;
    }
    false
}

fn step<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &mut B, meta: &mut Meta) -> Next {
    // This node's own address in a site's prefix: verified like any host's, so it is restored like any host's. What SRv6
    // has sent here is as it would have arrived.
    if meta.pending != Pending::NONE && !commit::settle(tables, counters, buffer, meta) {
        return Next::Headroom;
    }
    let packet = packet(buffer);
    let Some(header) = ipv6::Header::of(packet) else { return Next::Malformed };
    let is_group = ipv6::is_multicast(header.destination());
    if is_under_way(packet, meta) {
        return Next::RoutingType;
    }
    let hop_limit = header.hop_limit();
    // The AP header is no stop here: it is for hosts, and this node is none, so it counts as unknown.
    let Some(upper) = ext::upper_layer(packet, None) else { return Next::Malformed };
    let kind = packet.get(usize::from(upper.place.offset)).copied();
    match (upper.protocol, kind) {
        (protocol::ICMPV6, Some(kind)) if icmpv6::NEIGHBOR_DISCOVERY.contains(&kind) => {
            if hop_limit == icmpv6::NEIGHBOR_DISCOVERY_HOP_LIMIT {
                Next::NeighborDiscovery
            } else {
                Next::HopLimit
            }
        }
        (protocol::ICMPV6, Some(icmpv6::ECHO_REQUEST)) => echo(tables, counters, buffer, meta, upper),
        (protocol::ICMPV6, Some(_)) => Next::Consumed,
        (protocol::ICMPV6, None) => Next::Malformed,
        _ if is_group => Next::Group,
        (protocol::FRAGMENT, _) => Next::Fragment,
        (protocol::UDP, _) => Next::Port,
        (protocol::TCP, _) => Next::Tcp,
        (protocol::NONE, _) => Next::Consumed,
        _ => {
            meta.parameter = u32::from(upper.place.next_header_at);
            Next::Protocol
        }
    }
}

/// Serves a burst.
pub fn process<B: PacketBuf>(tables: &Tables, counters: &Counters, burst: &mut Burst<B>) {
    burst.sort(NodeId::Local, |buffer, meta| step(tables, counters, buffer, meta));
}
