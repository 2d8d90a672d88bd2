//! The longest-prefix match of a whole burst of IPv4 packets at once, then each result sorted by its kind.

use super::lookup::{LookupBatch, MAX_LOOKUPS, ip4};
use super::next_hop;
use crate::buffer::PacketBuf;
use crate::burst::{Burst, Meta};
use crate::graph::NodeId;
use crate::id::{AdjacencyId, NextHopId};
use crate::table::{NextHop, Tables};

edges! {
    /// A neighbor is known.
    Forward => node Rewrite4,
    /// The destination itself is a neighbor whose entry is not made yet.
    OnLink => node Resolve,
    /// This node.
    Local => node Local4,
    /// Into a policy.
    Policy => node Srv6Headend,
    /// No entry.
    NoRoute => drop NoRoute,
    /// A reject route.
    Unreachable => drop Unreachable,
    /// A discard route.
    Blackhole => drop Blackhole,
    /// Every next hop is down.
    NextHopDown => drop NextHopDown,
    /// Looked up too often.
    Loop => drop Loop,
}

fn step<B: PacketBuf>(tables: &Tables, buffer: &B, meta: &mut Meta, next_hop: NextHopId) -> Next {
    meta.lookups += 1;
    if meta.lookups > MAX_LOOKUPS {
        return Next::Loop;
    }
    meta.next_hop = next_hop;
    match tables.next_hops.entry(next_hop) {
        NextHop::Adjacency(adjacency) => forward(tables, meta, Some(adjacency)),
        NextHop::Group(index) => {
            let picked = next_hop::pick(tables, buffer, meta, index);
            forward(tables, meta, picked)
        }
        NextHop::OnLink(port) => {
            meta.out = port;
            meta.adjacency = AdjacencyId(u32::MAX);
            Next::OnLink
        }
        NextHop::Local => Next::Local,
        NextHop::Policy(_) => Next::Policy,
        NextHop::NoRoute => Next::NoRoute,
        NextHop::Blackhole => Next::Blackhole,
        // SIDs, sites and the MEX sink are IPv6: control makes no such entry here.
        NextHop::Unreachable | NextHop::Sid(_) | NextHop::Site { .. } | NextHop::Mex => Next::Unreachable,
    }
}

fn forward(tables: &Tables, meta: &mut Meta, adjacency: Option<AdjacencyId>) -> Next {
    match adjacency {
        Some(adjacency) if tables.liveness.is_up(adjacency) => {
            meta.adjacency = adjacency;
            Next::Forward
        }
        _ => Next::NextHopDown,
    }
}

/// Looks a burst up.
pub fn process<B: PacketBuf>(tables: &Tables, batch: &mut LookupBatch<u32>, burst: &mut Burst<B>) {
    let list = burst.take_queue(NodeId::Lookup4);
    batch.clear();
    for &slot in list.as_slice() {
        let (_, meta) = burst.slot(slot);
        batch.push(meta.vrf, meta.destination as u32);
    }
    let next_hops = batch.run(ip4(tables));
    burst.sort_with(NodeId::Lookup4, &list, next_hops, |buffer, meta, next_hop| {
        step(tables, buffer, meta, next_hop)
    });
}
