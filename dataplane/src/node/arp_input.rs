//! ARP (RFC 826): what concerns this node goes to control. What others ask each other ends here, so that a noisy link does
//! not keep control busy.

use crate::buffer::{PacketBuf, packet};
use crate::burst::{Burst, Meta};
use crate::graph::NodeId;
use crate::table::Tables;
use crate::wire::{arp, ethernet, ipv4};

edges! {
    /// A message to this node, about one of its addresses, or about the sender's own.
    Control => node Control,
    /// Nobody here is meant.
    Consumed => node Consume,
    /// No ARP for IPv4 on Ethernet.
    Malformed => drop ArpMalformed,
}

fn step<B: PacketBuf>(tables: &Tables, buffer: &B, meta: &Meta) -> Next {
    let (Ok(message), Some(header)) = (arp::parse(packet(buffer)), ethernet::Header::of(buffer.bytes()))
    else {
        return Next::Malformed;
    };
    let Some(port) = tables.port(meta.port) else { return Next::Malformed };
    let is_own = |address| port.owns(ipv4::mapped(address));
    let is_announcement = message.source == message.target;
    let is_for_us = is_own(message.target) || is_own(message.source) || is_announcement;
    if is_for_us || !header.destination().is_multicast() { Next::Control } else { Next::Consumed }
}

/// Sorts a burst.
pub fn process<B: PacketBuf>(tables: &Tables, burst: &mut Burst<B>) {
    burst.sort(NodeId::ArpInput, |buffer, meta| step(tables, buffer, meta));
}
