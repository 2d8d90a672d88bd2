//! Ethernet: is the frame for this station, and what does it carry (IEEE 802.3, RFC 2464).

use crate::buffer::PacketBuf;
use crate::burst::{Burst, Flags, Meta};
use crate::graph::NodeId;
use crate::table::Tables;
use crate::wire::arp;
use crate::wire::ethernet::{self, Header};

edges! {
    /// IPv6 for this station or a group.
    Ip6 => node Ip6Input,
    /// IPv4 for this station or a group.
    Ip4 => node Ip4Input,
    /// ARP for this station or all.
    Arp => node ArpInput,
    /// Whatever it is: the port's policy carries it whole.
    Steer => node Srv6Headend,
    /// The port is down.
    PortDown => drop PortDown,
    /// Shorter than the header.
    Short => drop EthernetShort,
    /// For another station.
    Destination => drop EthernetDestination,
    /// Nothing here speaks it.
    Type => drop EthernetType,
}

fn step<B: PacketBuf>(tables: &Tables, buffer: &B, meta: &mut Meta) -> Next {
    let Some(port) = tables.port(meta.port).filter(|port| port.is_up) else { return Next::PortDown };
    let Some(header) = Header::of(buffer.bytes()) else { return Next::Short };
    if port.policy.is_some() {
        meta.flags = Flags::ETHERNET;
        return Next::Steer;
    }
    let destination = header.destination();
    if destination != port.mac && !destination.is_multicast() {
        return Next::Destination;
    }
    match header.ether_type() {
        ethernet::TYPE_IPV6 => Next::Ip6,
        ethernet::TYPE_IPV4 => Next::Ip4,
        arp::ETHER_TYPE => Next::Arp,
        _ => Next::Type,
    }
}

/// Sorts a burst by `EtherType`.
pub fn process<B: PacketBuf>(tables: &Tables, burst: &mut Burst<B>) {
    burst.sort(NodeId::EthernetInput, |buffer, meta| step(tables, buffer, meta));
}
