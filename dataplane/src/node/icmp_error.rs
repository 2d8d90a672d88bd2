//! Drops that the source hears of: the packet becomes the `ICMPv6` error about itself (RFC 4443, 2.4 and 3), or the ICMP
//! error (RFC 792; RFC 1812, 4.3.2), if the rules and the rate allow one.

use crate::buffer::{PacketBuf, packet};
use crate::burst::{Burst, Flags, Meta, Pending};
use crate::counters::Counters;
use crate::drop::Drop;
use crate::graph::NodeId;
use crate::limit::Limits;
use crate::table::Tables;
use crate::wire::{ethernet, icmpv4, icmpv6, ipv4, ipv6};

edges! {
    /// An error, on its way to the source.
    Error => node Lookup,
    /// The same for IPv4.
    Error4 => node Lookup4,
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
    if meta.flags.has(Flags::IPV4) {
        return step4(tables, counters, limits, buffer, meta);
    }
    let Some(reply) = meta.reason.reply() else { return Next::Silent };
    let Some(frame_destination) = ethernet::Header::of(buffer.bytes()).map(|h| h.destination()) else {
        return Next::Silent;
    };
    let cause = packet(buffer);
    if meta.flags.has(Flags::ORIGINATED.and(Flags::ETHERNET))
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
    become_error(counters, meta, octets, kind, destination);
    if ipv6::is_link_local(destination) {
        meta.out = meta.port;
        Next::ErrorOnLink
    } else {
        Next::Error
    }
}

/// The packet died; what goes on in its buffer is another one.
fn become_error(counters: &Counters, meta: &mut Meta, octets: usize, kind: usize, destination: u128) {
    counters.drop_packet(meta.reason, octets);
    counters.icmp_errors[kind].add(1);
    counters.made.add(1);
    if meta.pending.has(Pending::SRV6) {
        // Steered into another table, to which its source is no stranger only by chance.
        meta.vrf = meta.source_vrf;
    }
    *meta = meta.originated(destination);
}

/// The same for an IPv4 packet: its errors share the buckets of the `ICMPv6` errors that say the same.
fn step4<B: PacketBuf>(
    tables: &Tables,
    counters: &Counters,
    limits: &mut Limits,
    buffer: &mut B,
    meta: &mut Meta,
) -> Next {
    let (Some(reply), Some(like)) = (meta.reason.reply4(), meta.reason.reply()) else { return Next::Silent };
    let Some(frame_destination) = ethernet::Header::of(buffer.bytes()).map(|h| h.destination()) else {
        return Next::Silent;
    };
    let cause = packet(buffer);
    if meta.flags.has(Flags::ORIGINATED) || icmpv4::is_error_forbidden(frame_destination, cause) {
        return Next::Silent;
    }
    let (Some(source), Some(header)) = (tables.icmp_source4(meta.port), ipv4::Header::of(cause)) else {
        return Next::Silent;
    };
    let destination = header.source();
    let kind = usize::from(like.kind) % limits.icmp.len();
    if !limits.icmp[kind].take(meta.arrival_ns) {
        counters.icmp_limited[kind].add(1);
        return Next::Silent;
    }
    let parameter = if meta.reason == Drop::TooBig { meta.parameter } else { 0 };
    let octets = buffer.bytes().len();
    let error = icmpv4::Error { kind: reply.kind, code: reply.code, parameter };
    if !icmpv4::make_error(buffer, source, error) {
        return Next::Silent;
    }
    become_error(counters, meta, octets, kind, ipv4::mapped(destination));
    meta.flags = meta.flags.and(Flags::IPV4);
    Next::Error4
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
