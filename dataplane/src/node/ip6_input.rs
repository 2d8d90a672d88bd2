//! IPv6 sanity: version, length against the frame, addresses that may not be on the wire (RFC 8200, 3; RFC 4291, 2).
//! Octets after the payload length are link padding and are cut.

use super::srv6::admit;
use crate::buffer::{FRONT_LEN, PacketBuf, front, packet};
use crate::burst::{Burst, Flags, Meta};
use crate::graph::NodeId;
use crate::table::{Port, Tables};
use crate::wire::{ipv4, ipv6};

edges! {
    /// To be looked up.
    Lookup => node Lookup,
    /// From the inside of a correspondent's edge.
    MexPeer => node MexPeer,
    /// To a group or link-local address of this node.
    Local => node Local,
    /// Shorter than it says.
    Length => drop Ip6Length,
    /// Not version 6.
    Version => drop Ip6Version,
    /// A source that is no source.
    Source => drop SourceAddress,
    /// A destination that is no destination.
    Destination => drop DestinationAddress,
    /// From outside to where SIDs are.
    Domain => drop SrDomain,
    /// A group that this node is not in.
    Multicast => drop Multicast,
    /// Another node's link-local address.
    LinkLocal => drop LinkLocal,
}

/// True for an address without special rules: not multicast, link-local, unspecified or loopback.
fn is_ordinary(address: u128) -> bool {
    let high = (address >> 64) as u64;
    high != 0 && high >> 54 != 0xfe80 >> 6 && high >> 56 != 0xff
}

/// The few packets whose source or destination has special rules.
#[cold]
fn special(port: &Port, source: u128, meta: &mut Meta) -> Next {
    if ipv6::is_multicast(source) || source == ipv6::LOOPBACK || ipv4::unmapped(source).is_some() {
        return Next::Source;
    }
    if source == ipv6::UNSPECIFIED {
        meta.flags = meta.flags.and(Flags::UNSPECIFIED_SOURCE);
    } else if ipv6::is_link_local(source) {
        meta.flags = meta.flags.and(Flags::LINK_LOCAL_SOURCE);
    }
    let destination = meta.destination;
    if meta.flags.has(Flags::DECAPSULATED) {
        return special_inside(destination);
    }
    if ipv6::is_multicast(destination) {
        let is_member = destination == ipv6::ALL_NODES
            || destination == ipv6::ALL_ROUTERS
            || ipv6::is_solicited_node(destination);
        return if is_member { Next::Local } else { Next::Multicast };
    }
    if is_nobody(destination) {
        return Next::Destination;
    }
    if ipv6::is_link_local(destination) {
        return if port.owns(destination) { Next::Local } else { Next::LinkLocal };
    }
    onward(port)
}

/// No destination on a wire; IPv4-mapped addresses stay inside nodes (RFC 4291, 2.5.5.2; RFC 6890).
fn is_nobody(destination: u128) -> bool {
    matches!(destination, ipv6::UNSPECIFIED | ipv6::LOOPBACK) || ipv4::unmapped(destination).is_some()
}

/// A tunnel is no link: what links have of their own does not come out of one.
fn special_inside(destination: u128) -> Next {
    if ipv6::is_multicast(destination) {
        Next::Multicast
    } else if ipv6::is_link_local(destination) {
        Next::LinkLocal
    } else if is_nobody(destination) {
        Next::Destination
    } else {
        Next::Lookup
    }
}

/// Where SIDs are is no place for packets from outside the SR domain (RFC 8754, 5.1; RFC 9602); a port's own address may
/// be there, and its neighbors have to find it.
#[cold]
fn may_enter(tables: &Tables, port: &Port, packet: &[u8], source: u128, destination: u128) -> bool {
    !tables.srv6.edge_filter.contains(source)
        && (!tables.srv6.blocks.contains(destination)
            || port.owns(destination) && admit::is_neighbor_discovery(packet))
}

fn onward(port: &Port) -> Next {
    if port.peers.is_empty() { Next::Lookup } else { Next::MexPeer }
}

fn step<B: PacketBuf>(tables: &Tables, buffer: &mut B, meta: &mut Meta) -> Next {
    let Some(header) = front(buffer) else { return Next::Length };
    if header.version() != 6 {
        return Next::Version;
    }
    let len = FRONT_LEN + usize::from(header.payload_len());
    let (source, destination) = (header.source(), header.destination());
    let frame_len = buffer.bytes().len();
    if frame_len < len {
        return Next::Length;
    }
    if frame_len > len {
        buffer.truncate(len);
    }
    let Some(port) = tables.port(meta.port) else { return Next::Length };
    meta.destination = destination;
    if meta.flags.has(Flags::DECAPSULATED) {
        let is_plain = is_ordinary(source) && is_ordinary(destination);
        return if is_plain { Next::Lookup } else { special(port, source, meta) };
    }
    meta.vrf = port.vrf;
    if !port.is_sr_domain
        && tables.srv6.guards(source, destination)
        && !may_enter(tables, port, packet(buffer), source, destination)
    {
        return Next::Domain;
    }
    if is_ordinary(source) && is_ordinary(destination) { onward(port) } else { special(port, source, meta) }
}

/// Checks a burst.
pub fn process<B: PacketBuf>(tables: &Tables, burst: &mut Burst<B>) {
    burst.sort(NodeId::Ip6Input, |buffer, meta| step(tables, buffer, meta));
}
