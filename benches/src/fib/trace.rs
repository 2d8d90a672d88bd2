//! What is looked up, and what is changed: traces of addresses and of updates, the same on every machine.

use dataplane::fib::Prefix6;

use super::random::{Random, Weighted};
use super::table::{Family, Route, Table};

/// Addresses of a trace that no cache holds: 256 MB of IPv6 addresses.
pub const COLD_ADDRESSES: usize = 16 << 20;
/// Addresses of a trace that the second-level cache holds.
pub const HOT_ADDRESSES: usize = 64 << 10;

/// How the addresses are spread over the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// A prefix chosen at random, then an address in it at random.
    Uniform,
    /// The same with Zipf's law: the prefix of rank r is chosen in proportion to 1/r. Ranks are given out at random.
    Zipf,
    /// One prefix after the other in ascending order, an address in each at random.
    Sequential,
}

impl Spread {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Spread::Uniform => "uniform",
            Spread::Zipf => "zipf",
            Spread::Sequential => "sequential",
        }
    }
}

/// Addresses to look up, in every form that an engine may want, so that none converts while it is measured.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Name in reports: spread and size.
    pub name: String,
    /// IPv6 addresses as numbers.
    pub host: Vec<u128>,
    /// The same addresses in network byte order.
    pub bytes: Vec<[u8; 16]>,
    /// IPv4 addresses as numbers; `host` and `bytes` are empty then.
    pub v4: Vec<u32>,
}

impl Trace {
    /// A trace of `count` addresses. `label` is its size in words, for the name.
    pub fn new(table: &Table, spread: Spread, count: usize, label: &str, seed: u64) -> Trace {
        let mut random = Random::new(seed);
        let mut prefixes: Vec<_> = table.routes().iter().map(|route| route.prefix).collect();
        let ranks = (spread == Spread::Zipf).then(|| {
            random.shuffle(&mut prefixes);
            zipf(prefixes.len())
        });
        let addresses = (0..count).map(|n| {
            let index = match (&ranks, spread) {
                (Some(ranks), _) => ranks.draw(&mut random),
                (None, Spread::Sequential) => n % prefixes.len().max(1),
                (None, _) => random.below(prefixes.len()),
            };
            let host_bits = random.wide_bits();
            prefixes.get(index).map_or(host_bits, |prefix| {
                prefix.address() | host_bits & (prefix.address() ^ prefix.last_address())
            })
        });
        let name = format!("{}-{label}", spread.name());
        Trace::of(table.family, name, addresses.collect())
    }

    /// A trace of these addresses; those of IPv4 in the first 32 bits.
    pub fn of(family: Family, name: String, addresses: Vec<u128>) -> Trace {
        match family {
            Family::V6 => {
                let bytes = addresses.iter().map(|address| address.to_be_bytes()).collect();
                Trace { name, host: addresses, bytes, v4: Vec::new() }
            }
            Family::V4 => {
                let v4 = addresses.iter().map(|address| (address >> 96) as u32).collect();
                Trace { name, v4, ..Trace::default() }
            }
        }
    }

    /// Number of addresses.
    pub fn len(&self) -> usize {
        self.host.len().max(self.v4.len())
    }

    /// True when there is no address.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The addresses as the oracle wants them.
    pub fn addresses(&self) -> impl Iterator<Item = u128> {
        self.host.iter().copied().chain(self.v4.iter().map(|address| u128::from(*address) << 96))
    }
}

/// Zipf's law with exponent 1 over `count` ranks.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn zipf(count: usize) -> Weighted {
    Weighted::new((1..=count).map(|rank| 1.0 / rank as f64))
}

/// The traces of a measurement: uniform and Zipf, each of `cold` addresses and of 64k. Names end with `16m` and `64k`;
/// another number of cold addresses is written out.
pub fn standard(table: &Table, cold: usize) -> Vec<Trace> {
    let cold_label = if cold == COLD_ADDRESSES { "16m".to_owned() } else { cold.to_string() };
    let sizes = [(cold, cold_label.as_str()), (HOT_ADDRESSES, "64k")];
    let trace = |(seed, ((count, label), spread))| Trace::new(table, spread, count, label, seed);
    let all = sizes.into_iter().flat_map(|size| [Spread::Uniform, Spread::Zipf].map(|spread| (size, spread)));
    (1..).zip(all).map(trace).collect()
}

/// One change of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new route, or another next hop for the one that is there.
    Announce(Route),
    /// The route goes. It is there.
    Withdraw(Route),
}

/// `count` changes: random routes are withdrawn and, `delay` withdrawals later, announced again. At the end of the
/// trace the table is what it was.
pub fn flaps(table: &Table, count: usize, delay: usize, seed: u64) -> Vec<Change> {
    let mut order: Vec<Route> = table.routes().to_vec();
    Random::new(seed).shuffle(&mut order);
    order.truncate(count / 2);
    let mut changes = Vec::with_capacity(count);
    for index in 0..order.len() + delay {
        changes.extend(order.get(index).copied().map(Change::Withdraw));
        changes.extend(index.checked_sub(delay).and_then(|at| order.get(at)).copied().map(Change::Announce));
    }
    changes
}

/// `count` changes: a third each of new routes, other next hops, and withdrawals, in random order. New routes are
/// next to or within those of the table, no longer than /48 (IPv4: /24) or the route that they are next to.
pub fn mix(table: &Table, count: usize, seed: u64) -> Vec<Change> {
    let mut random = Random::new(seed);
    let mut routes: Vec<Route> = table.routes().to_vec();
    let mut used: hashbrown::HashSet<_> = routes.iter().map(|route| route.prefix).collect();
    let next_hops = routes.iter().map(|route| route.next_hop).max().unwrap_or(1) as usize;
    let max_len = if table.family == Family::V6 { 48 } else { 24 };
    let mut changes = Vec::with_capacity(count);
    while changes.len() < count && !routes.is_empty() {
        let index = random.below(routes.len());
        let next_hop = 1 + random.below(next_hops) as u32;
        changes.push(match random.below(3) {
            0 => {
                let near = routes[index].prefix;
                let len = (near.len() + random.below(8) as u8).min(max_len.max(near.len()));
                if len == 0 {
                    continue;
                }
                // Somewhere in the old route, or beside it: the last octet of the new one is another.
                let within = random.wide_bits() & (near.address() ^ near.last_address());
                let beside = (1 + random.below(255) as u128) << (128 - len);
                let address = (near.address() | within) ^ beside;
                let route = Route { prefix: Prefix6::new(address, len), next_hop };
                if !used.insert(route.prefix) {
                    continue;
                }
                routes.push(route);
                Change::Announce(route)
            }
            1 => {
                routes[index].next_hop = next_hop;
                Change::Announce(routes[index])
            }
            _ => {
                let route = routes.swap_remove(index);
                used.remove(&route.prefix);
                Change::Withdraw(route)
            }
        });
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fib::oracle::Oracle;
    use std::collections::HashMap;

    fn counts(spread: Spread) -> Vec<usize> {
        // Disjoint prefixes: each address tells which one was drawn.
        let route = |n: u32| Route { prefix: Prefix6::new(u128::from(n) << 96, 32), next_hop: n };
        let table = Table::new(Family::V6, "test", (1..=1000).map(route));
        let oracle = Oracle::new(table.routes());
        let mut counts = HashMap::new();
        for address in Trace::new(&table, spread, 100_000, "test", 5).addresses() {
            *counts.entry(oracle.lookup(address)).or_insert(0) += 1;
        }
        assert_eq!(counts.get(&0), None);
        let mut counts: Vec<usize> = counts.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts
    }

    #[test]
    fn zipf_is_the_law() {
        let counts = counts(Spread::Zipf);
        // 100,000 / H(1000) = 13,359 for the first, half of that for the second, a tenth for the tenth.
        for (rank, want) in [(1, 13_359), (2, 6_680), (10, 1_336)] {
            let found = counts[rank - 1];
            assert!(found.abs_diff(want) < want / 10, "rank {rank}: {found}, not {want}");
        }
    }

    #[test]
    fn uniform_and_sequential_draw_every_prefix_alike() {
        let uniform = counts(Spread::Uniform);
        assert_eq!(uniform.len(), 1000);
        assert!(uniform[0] < 150 && uniform[999] > 60, "{} {}", uniform[0], uniform[999]);
        assert_eq!(counts(Spread::Sequential), [100; 1000]);
    }

    #[test]
    fn the_same_trace_from_the_same_seed() {
        let table = Table::synthetic(1000);
        let trace = |seed| Trace::new(&table, Spread::Zipf, 1000, "test", seed);
        assert_eq!(trace(1).host, trace(1).host);
        assert_ne!(trace(1).host, trace(2).host);
        assert!(trace(1).host.iter().zip(&trace(1).bytes).all(|(host, bytes)| host.to_be_bytes() == *bytes));
        let names: Vec<String> = standard(&table, 100).into_iter().map(|trace| trace.name).collect();
        assert_eq!(names, ["uniform-100", "zipf-100", "uniform-64k", "zipf-64k"]);
    }

    #[test]
    fn flaps_end_where_they_began() {
        let table = Table::synthetic(1000);
        let mut now: HashMap<_, _> =
            table.routes().iter().map(|route| (route.prefix, route.next_hop)).collect();
        let before = now.clone();
        let changes = flaps(&table, 500, 16, 1);
        assert_eq!(changes.len(), 500);
        let mut fewest = now.len();
        for change in changes {
            match change {
                Change::Announce(route) => assert_eq!(now.insert(route.prefix, route.next_hop), None),
                Change::Withdraw(route) => assert_eq!(now.remove(&route.prefix), Some(route.next_hop)),
            }
            fewest = fewest.min(now.len());
        }
        assert_eq!(now, before);
        assert_eq!(fewest, 1000 - 17);
    }

    #[test]
    fn a_mix_withdraws_only_what_is_there() {
        let table = Table::synthetic(1000);
        let mut now: HashMap<_, _> =
            table.routes().iter().map(|route| (route.prefix, route.next_hop)).collect();
        let (mut new, mut other, mut gone) = (0, 0, 0);
        for change in mix(&table, 3000, 1) {
            match change {
                Change::Announce(route) => match now.insert(route.prefix, route.next_hop) {
                    None => new += 1,
                    Some(_) => other += 1,
                },
                Change::Withdraw(route) => {
                    assert_eq!(now.remove(&route.prefix), Some(route.next_hop));
                    gone += 1;
                }
            }
        }
        assert!([new, other, gone].iter().all(|count| (850..1150).contains(count)), "{new} {other} {gone}");
    }
}
