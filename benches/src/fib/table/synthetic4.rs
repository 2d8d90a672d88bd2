//! An IPv4 table made up with the lengths of a BGP table, in runs of adjacent prefixes that lead to one next hop.

use std::collections::HashSet;

use dataplane::fib::Prefix6;

use super::{MAX_SYNTHETIC_ROUTES, Route};
use crate::fib::random::{Random, Weighted};

const SEED: u64 = 0x6d65_7866_7764_0004;
/// Prefixes by length, /8 to /32, in a table of about a million: a BGP table's, and some longer ones of one's own.
const LENGTHS: [u32; 25] = [
    16, 13, 40, 101, 306, 595, 1_205, 2_080, 13_700, 8_300, 14_200, 25_300, 46_000, 53_000, 112_000, 104_000,
    618_000, 300, 300, 300, 600, 800, 600, 100, 2_000,
];
const SHORTEST_LEN: u8 = 8;
/// Unicast addresses: 1.0.0.0 to 223.255.255.255.
const FIRST_OCTETS: (u32, u32) = (1, 224);
const NEXT_HOPS: usize = 250;
/// One prefix of a run leads elsewhere than the one before it.
const ELSEWHERE: f64 = 0.10;
/// Exponent of the Pareto distribution of the prefixes in a run.
const RUN_EXPONENT: f64 = 1.2;
const MAX_RUN: f64 = 256.0;

/// `count` routes (at most [`MAX_SYNTHETIC_ROUTES`]), in no order, each prefix once.
#[expect(clippy::cast_sign_loss, reason = "counts are not negative")]
pub fn routes(count: usize) -> Vec<Route> {
    let count = count.min(MAX_SYNTHETIC_ROUTES);
    let mut random = Random::new(SEED);
    let lengths = Weighted::new(LENGTHS.map(f64::from));
    let mut used = HashSet::with_capacity(count);
    let mut routes = Vec::with_capacity(count);
    let mut full = [0usize; 33];
    while routes.len() < count {
        let mut len = SHORTEST_LEN + lengths.draw(&mut random) as u8;
        // There are few short prefixes: a length whose room is half taken gives way to a longer one.
        while len < 32 && full[usize::from(len)] >= 1 << (len - 1) {
            len += 1;
        }
        let run = (1.0 - random.unit()).powf(-1.0 / RUN_EXPONENT).min(MAX_RUN) as usize;
        // A run of short prefixes would cover everything.
        let run = if len < 16 { 1 } else { run };
        let mut next_hop = 1 + random.below(NEXT_HOPS) as u32;
        let (first, end) = FIRST_OCTETS;
        let mut address = first * (1 << 24) + random.below(((end - first) as usize) << 24) as u32;
        for _ in 0..run.min(count - routes.len()) {
            if random.chance(ELSEWHERE) {
                next_hop = 1 + random.below(NEXT_HOPS) as u32;
            }
            let prefix = Prefix6::new(u128::from(address) << 96, len);
            if used.insert(prefix) {
                full[usize::from(len)] += 1;
                routes.push(Route { prefix, next_hop });
            }
            address = address.wrapping_add(1 << (32 - len));
            if !(first..end).contains(&(address >> 24)) {
                break;
            }
        }
    }
    routes
}

#[cfg(test)]
mod tests {
    use crate::fib::table::{Shape, Table};

    #[test]
    fn a_million_ipv4_routes() {
        let shape = Shape::of(&Table::synthetic4(1_000_000));
        assert_eq!(shape.routes, 1_000_000);
        let slash24 = shape.lengths[&24];
        assert!((580_000..650_000).contains(&slash24), "{slash24} /24s");
        assert!(shape.lengths.keys().all(|len| (8..=32).contains(len)));
        assert!(shape.lengths[&32] > 0);
    }
}
