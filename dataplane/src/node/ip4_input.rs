//! IPv4 sanity: the header's validation, and addresses that may not be on the wire (RFC 1812, 5.2.2 and 5.3.7). Octets
//! after the total length are link padding and are cut. Options are left alone.

use crate::buffer::{PacketBuf, packet};
use crate::burst::{Burst, Flags, Meta};
use crate::graph::NodeId;
use crate::table::Tables;
use crate::wire::ethernet;
use crate::wire::ipv4::{self, Fault};

edges! {
    /// To be looked up.
    Lookup => node Lookup4,
    /// To a link-local address of this node.
    Local => node Local4,
    /// Shorter than it says, or than it can be.
    Length => drop Ip4Length,
    /// Not version 4.
    Version => drop Ip4Version,
    /// The header's checksum is wrong.
    Checksum => drop Ip4Checksum,
    /// A source that is no source.
    Source => drop SourceAddress,
    /// A destination that is no destination.
    Destination => drop DestinationAddress,
    /// To all on a link, which is no way to ask for forwarding.
    Broadcast => drop Broadcast,
    /// A group that this node is not in.
    Multicast => drop Multicast,
    /// Another node's link-local address.
    LinkLocal => drop LinkLocal,
}

/// The few packets whose source or destination has special rules.
#[cold]
fn special(tables: &Tables, source: u32, destination: u32, meta: &mut Meta) -> Next {
    if !ipv4::is_unicast(source) {
        return Next::Source;
    }
    if ipv4::is_multicast(destination) {
        return Next::Multicast;
    }
    if destination == ipv4::LIMITED_BROADCAST {
        return Next::Broadcast;
    }
    if !ipv4::is_unicast(destination) {
        return Next::Destination;
    }
    if ipv4::is_link_local(source) {
        meta.flags = meta.flags.and(Flags::LINK_LOCAL_SOURCE);
    }
    if ipv4::is_link_local(destination) {
        // A tunnel is no link: what links have of their own does not come out of one.
        let is_from_link = !meta.flags.has(Flags::DECAPSULATED);
        let is_own = tables.port(meta.port).is_some_and(|port| port.owns(meta.destination));
        return if is_from_link && is_own { Next::Local } else { Next::LinkLocal };
    }
    Next::Lookup
}

const fn is_ordinary(address: u32) -> bool {
    ipv4::is_unicast(address) && !ipv4::is_link_local(address)
}

fn step<B: PacketBuf>(tables: &Tables, buffer: &mut B, meta: &mut Meta) -> Next {
    let packet = packet(buffer);
    let total_len = match ipv4::check(packet) {
        Ok(lengths) => lengths.total_len,
        Err(Fault::Truncated | Fault::Length) => return Next::Length,
        Err(Fault::Version) => return Next::Version,
        Err(Fault::Checksum) => return Next::Checksum,
    };
    let Some(header) = ipv4::Header::of(packet) else { return Next::Length };
    let (source, destination) = (header.source(), header.destination());
    if packet.len() > total_len {
        buffer.truncate(ethernet::LEN + total_len);
    }
    meta.destination = ipv4::mapped(destination);
    if !meta.flags.has(Flags::DECAPSULATED) {
        let Some(port) = tables.port(meta.port) else { return Next::Length };
        meta.flags = Flags::IPV4;
        meta.vrf = port.vrf;
        // RFC 1812, 5.3.4: who sends to all stations does not ask for forwarding.
        let is_to_all = ethernet::Header::of(buffer.bytes()).is_some_and(|h| h.destination().is_multicast());
        if is_to_all && ipv4::is_unicast(destination) {
            return Next::Broadcast;
        }
    }
    if is_ordinary(source) && is_ordinary(destination) {
        Next::Lookup
    } else {
        special(tables, source, destination, meta)
    }
}

/// Checks a burst.
pub fn process<B: PacketBuf>(tables: &Tables, burst: &mut Burst<B>) {
    burst.sort(NodeId::Ip4Input, |buffer, meta| step(tables, buffer, meta));
}
