//! The longest-prefix match of a whole burst of IPv4 packets at once, then each result sorted by its kind.

use super::lookup::MAX_LOOKUPS;
use super::next_hop;
use crate::buffer::PacketBuf;
use crate::burst::{Burst, Meta, SLOTS};
use crate::graph::NodeId;
use crate::id::{AdjacencyId, NextHopId, VrfId};
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

/// Room for the lookups of one burst.
#[derive(Debug)]
pub struct Lookup4Batch {
    addresses: Box<[u32; SLOTS]>,
    vrfs: Box<[VrfId; SLOTS]>,
    next_hops: Box<[NextHopId; SLOTS]>,
}

impl Default for Lookup4Batch {
    fn default() -> Self {
        Lookup4Batch {
            addresses: Box::new([0; SLOTS]),
            vrfs: Box::new([VrfId(0); SLOTS]),
            next_hops: Box::new([NextHopId::NO_ROUTE; SLOTS]),
        }
    }
}

impl Lookup4Batch {
    /// Looks up the first `len` addresses.
    fn run(&mut self, tables: &Tables, len: usize) -> &[NextHopId] {
        let mut done = 0;
        // One call for each run of packets of one VRF: one call, as a rule.
        for run in self.vrfs.get(..len).unwrap_or_default().chunk_by(|a, b| a == b) {
            let range = done..done + run.len();
            done = range.end;
            let (Some(addresses), Some(next_hops)) =
                (self.addresses.get(range.clone()), self.next_hops.get_mut(range))
            else {
                continue;
            };
            match run.first().and_then(|vrf| tables.fib4(*vrf)) {
                Some(fib) => fib.lookup_batch(addresses, next_hops),
                None => next_hops.fill(NextHopId::NO_ROUTE),
            }
        }
        self.next_hops.get(..len).unwrap_or_default()
    }
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
pub fn process<B: PacketBuf>(tables: &Tables, batch: &mut Lookup4Batch, burst: &mut Burst<B>) {
    let list = burst.take_queue(NodeId::Lookup4);
    let places = batch.addresses.iter_mut().zip(batch.vrfs.iter_mut());
    for (&slot, (address, vrf)) in list.as_slice().iter().zip(places) {
        let (_, meta) = burst.slot(slot);
        (*address, *vrf) = (meta.destination as u32, meta.vrf);
    }
    let next_hops = batch.run(tables, list.as_slice().len());
    burst.sort_with(NodeId::Lookup4, &list, next_hops, |buffer, meta, next_hop| {
        step(tables, buffer, meta, next_hop)
    });
}
