//! What the table said, sorted by kind: forward, this node, an edge of MEX, or no way out. A group picks the next hop of
//! the flow among those that are up (RFC 2992 calls for flows to stay on their path).

use crate::buffer::{PacketBuf, packet};
use crate::burst::{Burst, Flags, Meta, Pending};
use crate::drop::Drop;
use crate::flow;
use crate::graph::NodeId;
use crate::id::AdjacencyId;
use crate::table::{NextHop, Tables, Trigger};

edges! {
    /// A neighbor is known.
    Forward => node Rewrite,
    /// A neighbor is known, and SRv6 has changes to make.
    ForwardSrv6 => node Srv6Rewrite,
    /// A neighbor is known, for an IPv4 packet.
    Forward4 => node Rewrite4,
    /// The destination itself is a neighbor whose entry is not made yet.
    OnLink => node Resolve,
    /// This node.
    Local => node Local,
    /// A SID of this node.
    Sid => node Srv6Endpoint,
    /// Into a policy.
    Policy => node Srv6Headend,
    /// A site behind this node.
    Site => node MexSite,
    /// No way out, but MEX may know one.
    Mex => node Mex,
    /// No entry.
    NoRoute => drop NoRoute,
    /// A reject route.
    Unreachable => drop Unreachable,
    /// A discard route.
    Blackhole => drop Blackhole,
    /// The MEX sink, with MEX switched off.
    MexRoute => drop MexRoute,
    /// Every next hop is down.
    NextHopDown => drop NextHopDown,
    /// Looked up too often.
    Loop => drop Loop,
}

/// No way out for `trigger`: MEX if policy says so, else the ordinary end.
fn no_way(tables: &Tables, meta: &mut Meta, trigger: Trigger) -> Next {
    let (reason, ordinary) = match trigger {
        Trigger::NoRoute => (Drop::NoRoute, Next::NoRoute),
        Trigger::Unreachable => (Drop::Unreachable, Next::Unreachable),
        Trigger::Blackhole => (Drop::Blackhole, Next::Blackhole),
        Trigger::Mex => (Drop::MexRoute, Next::MexRoute),
        Trigger::NextHopDown => (Drop::NextHopDown, Next::NextHopDown),
    };
    meta.reason = reason;
    // What SRv6 has under way has no alternatives: neither an outer header nor a segment list (docs/mex.md). IPv4 has none.
    let may_seek = !meta.pending.has(Pending::SRV6) && !meta.flags.has(Flags::IPV4);
    if may_seek && tables.mex.triggers.contains(trigger) { Next::Mex } else { ordinary }
}

fn forward(tables: &Tables, meta: &mut Meta, adjacency: Option<AdjacencyId>) -> Next {
    match adjacency {
        Some(adjacency) if tables.liveness.is_up(adjacency) => {
            meta.adjacency = adjacency;
            if meta.pending.has(Pending::SRV6) {
                Next::ForwardSrv6
            } else if meta.flags.has(Flags::IPV4) {
                Next::Forward4
            } else {
                Next::Forward
            }
        }
        _ => no_way(tables, meta, Trigger::NextHopDown),
    }
}

/// The member of a group that the packet's flow goes by.
pub(super) fn pick<B: PacketBuf>(
    tables: &Tables,
    buffer: &B,
    meta: &Meta,
    group: u32,
) -> Option<AdjacencyId> {
    let hash = if !meta.flags.has(Flags::IPV4.and(Flags::ETHERNET)) {
        flow::hash(packet(buffer), meta.destination)
    } else if meta.flags.has(Flags::IPV4) {
        flow::hash4(packet(buffer))
    } else {
        flow::hash_frame(buffer.bytes())
    };
    tables.next_hops.group(group)?.pick(hash, &tables.liveness)
}

/// Sorts one packet by what `meta.next_hop` is.
pub fn step<B: PacketBuf>(tables: &Tables, buffer: &B, meta: &mut Meta) -> Next {
    match tables.next_hops.entry(meta.next_hop) {
        NextHop::Adjacency(adjacency) => forward(tables, meta, Some(adjacency)),
        NextHop::Group(index) => {
            let picked = pick(tables, buffer, meta, index);
            forward(tables, meta, picked)
        }
        NextHop::OnLink(port) => {
            meta.out = port;
            meta.adjacency = AdjacencyId(u32::MAX);
            Next::OnLink
        }
        NextHop::Local => Next::Local,
        NextHop::Site { .. } => Next::Site,
        NextHop::Sid(_) => Next::Sid,
        NextHop::Policy(_) => Next::Policy,
        NextHop::NoRoute => no_way(tables, meta, Trigger::NoRoute),
        NextHop::Unreachable => no_way(tables, meta, Trigger::Unreachable),
        NextHop::Blackhole => no_way(tables, meta, Trigger::Blackhole),
        NextHop::Mex => no_way(tables, meta, Trigger::Mex),
    }
}

/// Sorts a burst: packets whose next hop was found without a lookup of their own.
pub fn process<B: PacketBuf>(tables: &Tables, burst: &mut Burst<B>) {
    burst.sort(NodeId::NextHop, |buffer, meta| step(tables, buffer, meta));
}
