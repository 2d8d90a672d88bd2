//! Longest-prefix match: N addresses in, N next-hop ids out.
//!
//! [`Fib6`] is what workers read: immutable, shared by [`std::sync::Arc`], replaced as a whole, so that a lookup sees
//! the old table or the new one, never a mixture. [`Fib6::build`] makes it on control.
//!
//! The structure: the prefixes cut the address space into elementary intervals; equal neighbours are merged, and a
//! lookup is one branch-free binary search for the interval that holds the address.

pub mod prefix;

use crate::id::NextHopId;
pub use prefix::{Prefix6, PrefixSet};

/// A compiled IPv6 table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fib6 {
    /// First address of each interval, ascending; the first is 0.
    starts: Box<[u128]>,
    /// What the interval of the same index leads to.
    next_hops: Box<[NextHopId]>,
}

impl Default for Fib6 {
    /// The table without a route.
    fn default() -> Self {
        Fib6::build(std::iter::empty())
    }
}

/// Intervals under construction.
struct Intervals {
    starts: Vec<u128>,
    next_hops: Vec<NextHopId>,
}

impl Intervals {
    /// From `start` on, addresses lead to `next_hop`.
    fn begin(&mut self, start: u128, next_hop: NextHopId) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.next_hops.pop();
        }
        if self.next_hops.last() != Some(&next_hop) {
            self.starts.push(start);
            self.next_hops.push(next_hop);
        }
    }
}

impl Fib6 {
    /// Compiles a table from routes in ascending order of (address, length), each prefix at most once.
    pub fn build(routes: impl IntoIterator<Item = (Prefix6, NextHopId)>) -> Fib6 {
        let mut out = Intervals { starts: vec![0], next_hops: vec![NextHopId::NO_ROUTE] };
        // The prefixes that cover the current position, outermost first.
        let mut open: Vec<(Prefix6, NextHopId)> = Vec::with_capacity(129);
        let close = |open: &mut Vec<(Prefix6, NextHopId)>, out: &mut Intervals, until: Option<Prefix6>| {
            while let Some((inner, _)) = open.last() {
                if until.is_some_and(|next| inner.covers(next)) {
                    break;
                }
                let after = inner.last_address().checked_add(1);
                open.pop();
                let outer = open.last().map_or(NextHopId::NO_ROUTE, |(_, next_hop)| *next_hop);
                if let Some(after) = after {
                    out.begin(after, outer);
                }
            }
        };
        for (prefix, next_hop) in routes {
            close(&mut open, &mut out, Some(prefix));
            out.begin(prefix.address(), next_hop);
            open.push((prefix, next_hop));
        }
        close(&mut open, &mut out, None);
        Fib6 { starts: out.starts.into_boxed_slice(), next_hops: out.next_hops.into_boxed_slice() }
    }

    /// What the longest prefix that covers `address` leads to.
    pub fn lookup(&self, address: u128) -> NextHopId {
        // starts[0] is 0, so the interval's index is at least 1 - 1.
        let after = self.starts.partition_point(|start| *start <= address);
        self.next_hops.get(after.wrapping_sub(1)).copied().unwrap_or(NextHopId::NO_ROUTE)
    }

    /// [`Fib6::lookup`] of each address; as many as the shorter slice has.
    pub fn lookup_batch(&self, addresses: &[u128], next_hops: &mut [NextHopId]) {
        for (address, next_hop) in addresses.iter().zip(next_hops) {
            *next_hop = self.lookup(*address);
        }
    }

    /// Intervals, equal neighbours merged.
    pub fn intervals(&self) -> usize {
        self.starts.len()
    }

    /// Octets of memory.
    pub fn memory_bytes(&self) -> usize {
        self.starts.len() * (size_of::<u128>() + size_of::<NextHopId>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn naive(routes: &BTreeMap<Prefix6, NextHopId>, address: u128) -> NextHopId {
        routes
            .iter()
            .filter(|(prefix, _)| prefix.contains(address))
            .max_by_key(|(prefix, _)| prefix.len())
            .map_or(NextHopId::NO_ROUTE, |(_, next_hop)| *next_hop)
    }

    fn check(routes: &BTreeMap<Prefix6, NextHopId>, extra: &[u128]) {
        let fib = Fib6::build(routes.iter().map(|(p, n)| (*p, *n)));
        let mut probes: Vec<u128> = extra.to_vec();
        for prefix in routes.keys() {
            let (first, last) = (prefix.address(), prefix.last_address());
            probes.extend([first, last, first.wrapping_sub(1), last.wrapping_add(1), first / 2 + last / 2]);
        }
        probes.extend([0, u128::MAX]);
        let mut found = vec![NextHopId(77); probes.len()];
        fib.lookup_batch(&probes, &mut found);
        for (probe, found) in probes.iter().zip(found) {
            assert_eq!(found, naive(routes, *probe), "{probe:032x}");
        }
    }

    #[test]
    fn nested_chain_of_every_length() {
        let address = 0x2001_0db8_dead_beef_0123_4567_89ab_cdef;
        let routes: BTreeMap<_, _> =
            (0..=128u8).map(|len| (Prefix6::new(address, len), NextHopId(1 + u32::from(len)))).collect();
        check(&routes, &[address]);
        // All ones: the last address of every prefix is the end of the address space.
        let routes: BTreeMap<_, _> =
            (0..=128u8).map(|len| (Prefix6::new(u128::MAX, len), NextHopId(1 + u32::from(len)))).collect();
        check(&routes, &[]);
    }

    #[test]
    fn equal_neighbours_merge() {
        let routes = [(Prefix6::new(0, 0), NextHopId(1)), (Prefix6::new(1 << 64, 64), NextHopId(1))];
        assert_eq!(Fib6::build(routes).intervals(), 1);
        assert_eq!(Fib6::default().lookup(5), NextHopId::NO_ROUTE);
    }

    proptest! {
        #[test]
        fn random_tables_agree_with_a_naive_match(
            routes in proptest::collection::vec((any::<u128>(), 0u8..=128, 0u32..6, 0u8..4), 0..80),
            probes in proptest::collection::vec(any::<u128>(), 0..40),
        ) {
            // Few distinct high bits, so that prefixes nest and touch.
            let spread = |address: u128, kind: u8| match kind {
                0 => address,
                1 => address & 0x3 << 126,
                2 => address & 0xff,
                _ => !(address & 0xff),
            };
            let routes: BTreeMap<_, _> = routes.into_iter()
                .map(|(a, len, id, kind)| (Prefix6::new(spread(a, kind), len), NextHopId(id))).collect();
            check(&routes, &probes);
        }
    }
}
