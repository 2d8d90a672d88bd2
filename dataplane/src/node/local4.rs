//! IPv4 packets for this node: echo is answered here, the rest ends as RFC 1122 and RFC 1812 (4.3, 5.2.7.1) say.

use crate::buffer::{PacketBuf, packet, packet_mut};
use crate::burst::{Burst, Flags, Meta};
use crate::counters::Counters;
use crate::graph::NodeId;
use crate::table::Tables;
use crate::wire::icmpv4;
use crate::wire::ipv4::{self, protocol::ICMP};
use crate::wire::ipv6::protocol;

edges! {
    /// A reply.
    Reply => node Lookup4,
    /// Taken note of.
    Consumed => node Consume,
    /// Not what it says it is.
    Malformed => drop LocalMalformed,
    /// This node does not reassemble.
    Fragment => drop LocalFragment,
    /// Nobody listens.
    Port => drop LocalPort,
    /// Nothing here speaks TCP.
    Tcp => drop LocalTcp,
    /// Unknown protocol.
    Protocol => drop LocalProtocol,
    /// To all on one of this node's links.
    Broadcast => drop Broadcast,
}

/// Answers an echo request (RFC 792; RFC 1812, 4.3.3.6) from the address that was asked.
fn echo<B: PacketBuf>(counters: &Counters, buffer: &mut B, meta: &mut Meta) -> Next {
    let packet = packet_mut(buffer);
    let Some(header) = ipv4::Header::of(packet) else { return Next::Malformed };
    let (asked, from) = (header.destination(), header.source());
    if !icmpv4::make_echo_reply(packet, asked) {
        return Next::Malformed;
    }
    counters.consumed.add(1);
    counters.made.add(1);
    *meta = meta.originated(ipv4::mapped(from));
    meta.flags = meta.flags.and(Flags::IPV4);
    Next::Reply
}

fn step<B: PacketBuf>(tables: &Tables, counters: &Counters, buffer: &mut B, meta: &mut Meta) -> Next {
    let packet = packet(buffer);
    let Some(header) = ipv4::Header::of(packet) else { return Next::Malformed };
    // An entry for this node that is no address of it: a subnet's broadcast address (RFC 2644).
    let own = ipv4::mapped(header.destination());
    if !tables.ports.iter().any(|port| port.owns(own)) {
        return Next::Broadcast;
    }
    if header.is_fragment() {
        return Next::Fragment;
    }
    match (header.protocol(), ipv4::payload(packet).first().copied()) {
        (ICMP, Some(icmpv4::ECHO_REQUEST)) => echo(counters, buffer, meta),
        (ICMP, Some(_)) => Next::Consumed,
        (ICMP, None) => Next::Malformed,
        (protocol::UDP, _) => Next::Port,
        (protocol::TCP, _) => Next::Tcp,
        _ => Next::Protocol,
    }
}

/// Serves a burst.
pub fn process<B: PacketBuf>(tables: &Tables, counters: &Counters, burst: &mut Burst<B>) {
    burst.sort(NodeId::Local4, |buffer, meta| step(tables, counters, buffer, meta));
}
