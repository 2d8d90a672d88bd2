//! The longest-prefix match of a whole burst at once, then each result sorted by its kind (`next_hop`).

use super::next_hop;
use crate::buffer::PacketBuf;
use crate::burst::{Burst, Meta, SLOTS};
use crate::graph::NodeId;
use crate::id::{NextHopId, VrfId};
use crate::table::Tables;
use crate::table::srv6::MAX_SEGMENTS;

/// Lookups of one packet, at most: every segment of a list may be on this node, and no sane configuration needs more than
/// a few besides.
pub const MAX_LOOKUPS: u8 = MAX_SEGMENTS as u8 + 8;

/// The edges of `next_hop`, and the bound on lookups.
pub use super::next_hop::Next;

/// Room for the lookups of one burst.
#[derive(Debug)]
pub struct LookupBatch {
    addresses: Box<[u128; SLOTS]>,
    vrfs: Box<[VrfId; SLOTS]>,
    next_hops: Box<[NextHopId; SLOTS]>,
    len: usize,
}

impl Default for LookupBatch {
    fn default() -> Self {
        LookupBatch {
            addresses: Box::new([0; SLOTS]),
            vrfs: Box::new([VrfId(0); SLOTS]),
            next_hops: Box::new([NextHopId::NO_ROUTE; SLOTS]),
            len: 0,
        }
    }
}

impl LookupBatch {
    /// Empties the batch.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds a lookup. At most [`SLOTS`] are looked up.
    pub fn push(&mut self, vrf: VrfId, address: u128) {
        self.addresses[self.len % SLOTS] = address;
        self.vrfs[self.len % SLOTS] = vrf;
        self.len += 1;
    }

    /// Looks all up; the results are in the order of the pushes.
    pub fn run(&mut self, tables: &Tables) -> &[NextHopId] {
        let len = self.len.min(SLOTS);
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
            match run.first().and_then(|vrf| tables.fib(*vrf)) {
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
    next_hop::step(tables, buffer, meta)
}

/// Looks a burst up.
pub fn process<B: PacketBuf>(tables: &Tables, batch: &mut LookupBatch, burst: &mut Burst<B>) {
    let list = burst.take_queue(NodeId::Lookup);
    batch.clear();
    for &slot in list.as_slice() {
        let (_, meta) = burst.slot(slot);
        batch.push(meta.vrf, meta.destination);
    }
    let next_hops = batch.run(tables);
    burst.sort_with(NodeId::Lookup, &list, next_hops, |buffer, meta, next_hop| {
        step(tables, buffer, meta, next_hop)
    });
}
