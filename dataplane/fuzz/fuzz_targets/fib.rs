//! Routing tables: any sequence of routes that come and go leads where the longest prefix says, whatever is asked.
//!
//! The input's first octet says which family; the rest is a list of steps. A step says what to do, and how many octets of
//! its address are those of the one before: so that prefixes nest, touch and share their first bits.
#![no_main]

use std::collections::BTreeMap;

use dataplane::fib::{Fib4, Fib6, FibError, Kernel, Prefix4, Prefix6, Writer4, Writer6};
use dataplane::id::NextHopId;
use libfuzzer_sys::fuzz_target;

/// Octets of a step: what, length, next hop, octets of the last address that stay, and five others.
const STEP_BYTES: usize = 9;
/// Steps of one input.
const MAX_STEPS: usize = 100;
/// Next hops: few, so that neighbours merge.
const NEXT_HOPS: u8 = 5;
/// Changes of a large part of the address space, of which each takes long.
const MAX_SHORT: usize = 2;
/// The longest prefix that is one of those, by family.
const SHORT: [u8; 2] = [10, 12];

/// By length, then first address. IPv4 is in the first 32 bits.
type Routes = BTreeMap<(u8, u128), u32>;

/// Either family.
enum Table {
    V6(Writer6, Fib6),
    V4(Writer4, Fib4),
}

impl Table {
    fn new(is_v4: bool) -> Result<Table, FibError> {
        Ok(if is_v4 {
            let table = Writer4::new()?;
            let fib = table.fib();
            Table::V4(table, fib)
        } else {
            Table::of(Writer6::new()?)
        })
    }

    /// IPv6 only: to build an IPv4 table is to write every word of its front, which takes too long here.
    fn build(routes: &Routes) -> Result<Table, FibError> {
        let route = |((len, first), id): (&(u8, u128), &u32)| (Prefix6::new(*first, *len), NextHopId(*id));
        Ok(Table::of(Writer6::build(routes.iter().map(route))?))
    }

    fn of(table: Writer6) -> Table {
        let fib = table.fib();
        Table::V6(table, fib)
    }

    fn set(&mut self, (len, first): (u8, u128), next_hop: Option<u32>) -> Option<u32> {
        let (prefix, prefix4) = (Prefix6::new(first, len), Prefix4::new((first >> 96) as u32, len));
        let old = match (self, next_hop) {
            (Table::V6(table, _), Some(next_hop)) => table.insert(prefix, NextHopId(next_hop)),
            (Table::V6(table, _), None) => table.remove(prefix),
            (Table::V4(table, _), Some(next_hop)) => table.insert(prefix4, NextHopId(next_hop)),
            (Table::V4(table, _), None) => table.remove(prefix4),
        };
        old.unwrap().map(|id| id.0)
    }

    fn find(&self, kernel: Kernel, probes: &[u128], found: &mut [NextHopId]) {
        match self {
            Table::V6(_, fib) => fib.lookup_batch_by(kernel, probes, found),
            Table::V4(_, fib) => {
                let addresses: Vec<u32> = probes.iter().map(|probe| (*probe >> 96) as u32).collect();
                fib.lookup_batch_by(kernel, &addresses, found);
            }
        }
    }

    /// Nobody looks up: a grace period.
    fn reclaim(&mut self, period: u64) {
        match self {
            Table::V6(table, _) => {
                table.seal(period);
                table.reclaim(period);
            }
            Table::V4(table, _) => {
                table.seal(period);
                table.reclaim(period);
            }
        }
    }

    fn node_bytes(&self) -> usize {
        match self {
            Table::V6(table, _) => table.stats().node_bytes,
            Table::V4(table, _) => table.stats().node_bytes,
        }
    }
}

/// The longest of all prefixes that contain the address, by looking at each.
fn naive(routes: &Routes, address: u128) -> u32 {
    let contains = |len: u8, prefix: u128| len == 0 || (address ^ prefix) >> (128 - u32::from(len)) == 0;
    // In order of length: the last one that contains it is the longest.
    routes
        .iter()
        .rev()
        .find(|((len, prefix), _)| contains(*len, *prefix))
        .map_or(0, |(_, next_hop)| *next_hop)
}

fn check(table: &Table, routes: &Routes, probes: &[u128]) {
    let expected: Vec<u32> = probes.iter().map(|probe| naive(routes, *probe)).collect();
    let mut found = vec![NextHopId(u32::MAX); probes.len()];
    for kernel in Kernel::ALL {
        table.find(kernel, probes, &mut found);
        for ((probe, found), expected) in probes.iter().zip(&found).zip(&expected) {
            assert_eq!(found.0, *expected, "{kernel}: {probe:032x}");
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((family, steps)) = input.split_first() else { return };
    let is_v4 = family % 2 == 1;
    let bits: u8 = if is_v4 { 32 } else { 128 };
    // The last bit of an address: what is next to a prefix differs in it.
    let one = 1 << (128 - u32::from(bits));
    let mut routes = Routes::new();
    let mut table = Table::new(is_v4).unwrap();
    let mut address = 0x2001_0db8_u128 << 96;
    let mut probes = vec![0, u128::MAX];
    let mut short = 0;
    for (period, step) in (1..).zip(steps.chunks_exact(STEP_BYTES).take(MAX_STEPS)) {
        let (what, len, next_hop) = (step[0], step[1] % (bits + 1), u32::from(step[2] % NEXT_HOPS));
        if len > 0 && len <= SHORT[usize::from(is_v4)] {
            short += 1;
            if short > MAX_SHORT {
                continue;
            }
        }
        let kept = usize::from(step[3] % 17);
        let mut octets = address.to_be_bytes();
        for (octet, new) in octets[kept..].iter_mut().zip(&step[4..]) {
            *octet = *new;
        }
        address = u128::from_be_bytes(octets);
        let host_bits = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
        let (first, last) = (address & !host_bits, address | host_bits);
        let key = (len, first);
        match what % 4 {
            0 | 1 => assert_eq!(table.set(key, Some(next_hop)), routes.insert(key, next_hop)),
            2 => assert_eq!(table.set(key, None), routes.remove(&key)),
            _ => table.reclaim(period),
        }
        let around = [first, last, first.wrapping_sub(one), last.wrapping_add(one), address];
        check(&table, &routes, &around);
        probes.extend(around);
    }
    if is_v4 {
        check(&table, &routes, &probes);
    } else {
        check(&Table::build(&routes).unwrap(), &routes, &probes);
    }
    for key in routes.keys() {
        assert!(table.set(*key, None).is_some());
    }
    table.reclaim(u64::MAX);
    assert_eq!(table.node_bytes(), 0);
    check(&table, &Routes::new(), &probes);
});
