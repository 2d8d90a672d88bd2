//! Longest-prefix match: a batch of 64 addresses in tables of several sizes.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dataplane::fib::{Fib6, Prefix6};
use dataplane::id::NextHopId;
use std::collections::BTreeMap;

const BATCH: usize = 64;

/// A fixed sequence of numbers (SplitMix64).
fn sequence(seed: u64) -> impl Iterator<Item = u64> {
    (1u64..).map(move |n| {
        let mut x = seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ x >> 31
    })
}

fn lookup(c: &mut Criterion) {
    let mut group = c.benchmark_group("lookup");
    group.throughput(Throughput::Elements(BATCH as u64));
    for routes in [8usize, 10_000, 280_000] {
        let table: BTreeMap<_, _> = sequence(1)
            .take(routes)
            .map(|n| {
                let len = 32 + (n % 17) as u8;
                (Prefix6::new(0x2000 << 112 | u128::from(n) << 61, len), NextHopId(1 + (n % 250) as u32))
            })
            .collect();
        let fib = Fib6::build(table.iter().map(|(p, n)| (*p, *n)));
        let addresses: Vec<u128> = sequence(2)
            .take(1 << 16)
            .zip(table.keys().cycle())
            .map(|(n, prefix)| prefix.address() | u128::from(n))
            .collect();
        let mut found = [NextHopId::NO_ROUTE; BATCH];
        let mut at = 0;
        group.bench_function(BenchmarkId::from_parameter(routes), |b| {
            b.iter(|| {
                at = (at + BATCH * 7) % (addresses.len() - BATCH);
                fib.lookup_batch(&addresses[at..at + BATCH], &mut found);
                found[0]
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lookup);
criterion_main!(benches);
