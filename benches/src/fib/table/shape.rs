//! What matters about a table's shape, in numbers.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::{Route, Table};

/// A table in numbers. In the names: `slash32` is a /32 that holds the address of a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shape {
    /// Number of routes.
    pub routes: usize,
    /// Number of different next hops.
    pub next_hops: usize,
    /// Number of prefixes by length.
    pub lengths: BTreeMap<u8, usize>,
    /// Number of /16s in use.
    pub slash16: usize,
    /// Number of /24s in use.
    pub slash24: usize,
    /// Number of /32s in use.
    pub slash32: usize,
    /// Number of /32s with longer prefixes inside.
    pub sites: usize,
    /// Longer prefixes in such a /32: the median.
    pub site_median: usize,
    /// The 99th percentile.
    pub site_p99: usize,
    /// The most.
    pub site_max: usize,
    /// Ranges of addresses between the ends of prefixes.
    pub intervals: usize,
    /// The same with neighbours merged that lead to the same next hop.
    pub merged_intervals: usize,
    /// Routes by the number of routes that cover them.
    pub depths: BTreeMap<usize, usize>,
}

impl Shape {
    /// The shape of a table.
    pub fn of(table: &Table) -> Shape {
        let routes = table.routes();
        let mut shape = Shape { routes: routes.len(), ..Shape::default() };
        let distinct = |bits: u32| {
            routes.iter().map(|r| r.prefix.address() >> (128 - bits)).collect::<HashSet<_>>().len()
        };
        (shape.slash16, shape.slash24, shape.slash32) = (distinct(16), distinct(24), distinct(32));
        shape.next_hops = routes.iter().map(|r| r.next_hop).collect::<HashSet<_>>().len();
        let mut sites: HashMap<u128, usize> = HashMap::new();
        for route in routes {
            *shape.lengths.entry(route.prefix.len()).or_default() += 1;
            if route.prefix.len() > 32 {
                *sites.entry(route.prefix.address() >> 96).or_default() += 1;
            }
        }
        let mut sizes: Vec<usize> = sites.into_values().collect();
        sizes.sort_unstable();
        shape.sites = sizes.len();
        let quantile = |percent: usize| sizes.get(sizes.len() * percent / 100).copied().unwrap_or(0);
        (shape.site_median, shape.site_p99) = (quantile(50), quantile(99));
        shape.site_max = sizes.last().copied().unwrap_or(0);
        shape.count_intervals(routes);
        shape
    }

    fn count_intervals(&mut self, routes: &[Route]) {
        // (last address, next hop) of the prefixes around the current position, and where each interval begins.
        let mut open: Vec<(u128, u32)> = Vec::new();
        let mut starts: BTreeMap<u128, u32> = BTreeMap::from([(0, 0)]);
        let close = |open: &mut Vec<(u128, u32)>, starts: &mut BTreeMap<u128, u32>, next: Option<u128>| {
            while let Some((last, _)) = open.pop_if(|(last, _)| next.is_none_or(|next| *last < next)) {
                if let Some(after) = last.checked_add(1) {
                    starts.insert(after, open.last().map_or(0, |(_, next_hop)| *next_hop));
                }
            }
        };
        for route in routes {
            close(&mut open, &mut starts, Some(route.prefix.address()));
            *self.depths.entry(open.len()).or_default() += 1;
            starts.insert(route.prefix.address(), route.next_hop);
            open.push((route.prefix.last_address(), route.next_hop));
        }
        close(&mut open, &mut starts, None);
        self.intervals = starts.len();
        let next_hops: Vec<u32> = starts.into_values().collect();
        self.merged_intervals = next_hops.chunk_by(|a, b| a == b).count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fib::table::Family;
    use dataplane::fib::Prefix6;

    #[test]
    fn nested_and_adjacent_routes() {
        let route = |address: u128, len: u8, next_hop: u32| Route {
            prefix: Prefix6::new(address << 64, len),
            next_hop,
        };
        let routes = [
            route(0x2001_0db8_0000_0000, 32, 1),
            route(0x2001_0db8_0001_0000, 48, 1),
            route(0x2001_0db8_0002_0000, 48, 2),
            route(0xff00_0000_0000_0000, 8, 3),
        ];
        let shape = Shape::of(&Table::new(Family::V6, "test", routes));
        // 0, 2001:db8::, :1::, :2::, :3::, 2001:db9::, ff00:: (which ends with the space).
        assert_eq!((shape.intervals, shape.merged_intervals), (7, 6));
        assert_eq!((shape.next_hops, shape.slash16, shape.slash24, shape.slash32), (3, 2, 2, 2));
        assert_eq!((shape.sites, shape.site_median, shape.site_max), (1, 2, 2));
        assert_eq!(shape.depths, BTreeMap::from([(0, 2), (1, 2)]));
        assert_eq!(shape.lengths, BTreeMap::from([(8, 1), (32, 1), (48, 2)]));
    }
}
