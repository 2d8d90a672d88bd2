//! IPv6 sanity: version, length against the frame, addresses that may not be on the wire (RFC 8200, 3; RFC 4291, 2).
//! Octets after the payload length are link padding and are cut.

use crate::buffer::{FRONT_LEN, PacketBuf, front};
use crate::burst::{Burst, Flags, Meta};
use crate::graph::NodeId;
use crate::table::{Port, Tables};
use crate::wire::ipv6;

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
    if ipv6::is_multicast(source) || source == ipv6::LOOPBACK {
        return Next::Source;
    }
    if source == ipv6::UNSPECIFIED {
        meta.flags = Flags::UNSPECIFIED_SOURCE;
    } else if ipv6::is_link_local(source) {
        meta.flags = Flags::LINK_LOCAL_SOURCE;
    }
    let destination = meta.destination;
    if ipv6::is_multicast(destination) {
        let is_member = destination == ipv6::ALL_NODES
            || destination == ipv6::ALL_ROUTERS
            || ipv6::is_solicited_node(destination);
        return if is_member { Next::Local } else { Next::Multicast };
    }
    if destination == ipv6::UNSPECIFIED || destination == ipv6::LOOPBACK {
        return Next::Destination;
    }
    if ipv6::is_link_local(destination) {
        return if port.owns(destination) { Next::Local } else { Next::LinkLocal };
    }
    onward(port)
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
    meta.vrf = port.vrf;
    meta.destination = destination;
    if is_ordinary(source) && is_ordinary(destination) { onward(port) } else { special(port, source, meta) }
}

/// Checks a burst.
pub fn process<B: PacketBuf>(tables: &Tables, burst: &mut Burst<B>) {
    burst.sort(NodeId::Ip6Input, |buffer, meta| step(tables, buffer, meta));
}
