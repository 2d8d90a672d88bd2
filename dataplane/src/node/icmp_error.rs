//! Drops that the source hears of: the packet becomes the `ICMPv6` error about itself (RFC 4443, 2.4 and 3), if the rules
//! and the rate allow one.

use crate::buffer::{PacketBuf, packet};
use crate::burst::{Burst, Flags, Meta, Pending};
use crate::counters::Counters;
use crate::graph::NodeId;
use crate::limit::Limits;
use crate::table::Tables;
use crate::wire::{ethernet, icmpv6, ipv6};

edges! {
    /// An error, on its way to the source.
    Error => node Lookup,
    /// An error for a neighbor's link-local address.
    ErrorOnLink => node Resolve,
    /// No error may be made, or none more at this rate.
    Silent => node Drop,
}

fn step<B: PacketBuf>(
    tables: &Tables,
    counters: &Counters,
    limits: &mut Limits,
    buffer: &mut B,
    meta: &mut Meta,
) -> Next {
    let Some(reply) = meta.reason.reply() else { return Next::Silent };
    let Some(frame_destination) = ethernet::Header::of(buffer.bytes()).map(|h| h.destination()) else {
        return Next::Silent;
    };
    let cause = packet(buffer);
    if meta.flags.has(Flags::ORIGINATED.and(Flags::ETHERNET).and(Flags::IPV4))
        || icmpv6::is_error_forbidden(frame_destination, cause, tables.mex.next_header)
    {
        return Next::Silent;
    }
    let (Some(source), Some(header)) = (tables.icmp_source(meta.port), ipv6::Header::of(cause)) else {
        return Next::Silent;
    };
    let destination = header.source();
    let kind = usize::from(reply.kind) % limits.icmp.len();
    if !limits.icmp[kind].take(meta.arrival_ns) {
        counters.icmp_limited[kind].add(1);
        return Next::Silent;
    }
    let octets = buffer.bytes().len();
    let error = icmpv6::Error { kind: reply.kind, code: reply.code, parameter: meta.parameter };
    if !icmpv6::make_error(buffer, source, error) {
        return Next::Silent;
    }
    // The packet died; what goes on in its buffer is another one.
    counters.drop_packet(meta.reason, octets);
    counters.icmp_errors[kind].add(1);
    counters.made.add(1);
    if meta.pending.has(Pending::SRV6) {
        // Steered into another table, to which its source is no stranger only by chance.
        meta.vrf = meta.source_vrf;
    }
    *meta = meta.originated(destination);
    if ipv6::is_link_local(destination) {
        meta.out = meta.port;
        Next::ErrorOnLink
    } else {
        Next::Error
    }
}

/// Answers a burst.
pub fn process<B: PacketBuf>(
    tables: &Tables,
    counters: &Counters,
    limits: &mut Limits,
    burst: &mut Burst<B>,
) {
    burst.sort(NodeId::IcmpError, |buffer, meta| step(tables, counters, limits, buffer, meta));
}
