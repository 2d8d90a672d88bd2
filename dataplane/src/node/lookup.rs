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

/// Room for the lookups of one burst, of IPv6 addresses (`u128`) or IPv4 ones (`u32`).
#[derive(Debug)]
pub struct LookupBatch<A> {
    addresses: Box<[A; SLOTS]>,
    vrfs: Box<[VrfId; SLOTS]>,
    next_hops: Box<[NextHopId; SLOTS]>,
    len: usize,
}

impl<A: Copy + Default> Default for LookupBatch<A> {
    fn default() -> Self {
        LookupBatch {
            addresses: Box::new([A::default(); SLOTS]),
            vrfs: Box::new([VrfId(0); SLOTS]),
            next_hops: Box::new([NextHopId::NO_ROUTE; SLOTS]),
            len: 0,
        }
    }
}

impl<A> LookupBatch<A> {
    /// Empties the batch.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds a lookup. At most [`SLOTS`] are looked up.
    pub fn push(&mut self, vrf: VrfId, address: A) {
        self.addresses[self.len % SLOTS] = address;
        self.vrfs[self.len % SLOTS] = vrf;
        self.len += 1;
    }

    /// Looks all up by `fib_lookup`, one VRF after the other; false says that the VRF has no table. The results are in the
    /// order of the pushes.
    pub fn run(&mut self, fib_lookup: impl Fn(VrfId, &[A], &mut [NextHopId]) -> bool) -> &[NextHopId] {
        let len = self.len.min(SLOTS);
        let mut done = 0;
        // One call for each run of packets of one VRF: one call, as a rule.
        for run in self.vrfs.get(..len).unwrap_or_default().chunk_by(|a, b| a == b) {
            let range = done..done + run.len();
            done = range.end;
            if let (Some(vrf), Some(addresses), Some(next_hops)) =
                (run.first(), self.addresses.get(range.clone()), self.next_hops.get_mut(range))
                && !fib_lookup(*vrf, addresses, next_hops)
            {
                next_hops.fill(NextHopId::NO_ROUTE);
            }
        }
        self.next_hops.get(..len).unwrap_or_default()
    }
}

/// Looks IPv6 addresses up.
pub fn ip6(tables: &Tables) -> impl Fn(VrfId, &[u128], &mut [NextHopId]) -> bool {
    |vrf, addresses, next_hops| tables.fib(vrf).map(|fib| fib.lookup_batch(addresses, next_hops)).is_some()
}

/// Looks IPv4 addresses up.
pub fn ip4(tables: &Tables) -> impl Fn(VrfId, &[u32], &mut [NextHopId]) -> bool {
    |vrf, addresses, next_hops| tables.fib4(vrf).map(|fib| fib.lookup_batch(addresses, next_hops)).is_some()
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
pub fn process<B: PacketBuf>(tables: &Tables, batch: &mut LookupBatch<u128>, burst: &mut Burst<B>) {
    let list = burst.take_queue(NodeId::Lookup);
    batch.clear();
    for &slot in list.as_slice() {
        let (_, meta) = burst.slot(slot);
        batch.push(meta.vrf, meta.destination);
    }
    let next_hops = batch.run(ip6(tables));
    burst.sort_with(NodeId::Lookup, &list, next_hops, |buffer, meta, next_hop| {
        step(tables, buffer, meta, next_hop)
    });
}
