//! SIDs that the lane has met lately. A node has few, and most packets to it go to the same ones; but they are long prefixes,
//! whose lookup takes more steps than any other. Their packets go by this cache: a destination's next hop, as long as
//! nothing in the table has changed.

use super::Columns;
use super::admit::Gate;
use crate::fib::{BLOCK, Fib6};
use crate::id::{NextHopId, VrfId};
use crate::table::{NextHop, Tables};

/// Destinations in the cache, at most.
const PLACES: usize = 256;

/// See the module.
#[derive(Debug)]
pub(super) struct Segments {
    /// The table that the entries are of, and its version.
    of: (VrfId, u64),
    /// 0: none.
    destinations: Box<[u128; PLACES]>,
    next_hops: Box<[NextHopId; PLACES]>,
    /// Passengers whose next hop was found here.
    pub(super) found: Columns,
}

impl Default for Segments {
    fn default() -> Self {
        Segments {
            of: (VrfId(0), 0),
            destinations: Box::new([0; PLACES]),
            next_hops: Box::new([NextHopId::NO_ROUTE; PLACES]),
            found: Columns::default(),
        }
    }
}

/// Where a destination may stand: SIDs differ in node, function and argument.
fn place(destination: u128) -> usize {
    let folded = (destination >> 64) as u64 ^ destination as u64;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACES.ilog2())) as usize % PLACES
}

impl Segments {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.destinations.fill(0);
    }

    /// Moves the passengers whose next hop is known from `columns` to `found`; returns how many are left, and found.
    #[inline(never)]
    pub(super) fn split(
        &mut self,
        (vrf, fib): (VrfId, &Fib6),
        columns: &mut Columns,
        admitted: usize,
    ) -> (usize, usize) {
        let of = (vrf, fib.version());
        if self.of != of {
            self.of = of;
            self.clear();
        }
        let (mut left, mut found) = (0, 0);
        for number in 0..admitted.min(BLOCK) {
            let (at, destination) = (columns.places[number], columns.destinations[number]);
            let entry = place(destination);
            let is_known = self.destinations[entry] == destination;
            // Both are written, one is kept.
            columns.places[left % BLOCK] = at;
            columns.destinations[left % BLOCK] = destination;
            self.found.places[found % BLOCK] = at;
            self.found.destinations[found % BLOCK] = destination;
            self.found.next_hops[found % BLOCK] = self.next_hops[entry];
            left += usize::from(!is_known);
            found += usize::from(is_known);
        }
        (left, found)
    }

    /// Takes in what lookups of the block have found.
    #[inline(never)]
    pub(super) fn learn(&mut self, tables: &Tables, gate: &Gate, columns: &Columns, count: usize) {
        for number in 0..count.min(BLOCK) {
            let (destination, next_hop) = (columns.destinations[number], columns.next_hops[number]);
            if gate.leads_to_segments(destination)
                && matches!(tables.next_hops.entry(next_hop), NextHop::Sid(_))
            {
                let entry = place(destination);
                self.destinations[entry] = destination;
                self.next_hops[entry] = next_hop;
            }
        }
    }
}
