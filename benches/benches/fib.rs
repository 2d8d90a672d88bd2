//! Longest-prefix match: lookups by trace, size of trace and batch; builds; updates. The comparison with other tables is
//! `scripts/bench fib`.

use std::time::{Duration, Instant};

use benches::fib::engine::{Engine, Kind};
use benches::fib::engines;
use benches::fib::table::{DEFAULT_ROUTES, Family, Table};
use benches::fib::trace::{self, HOT_ADDRESSES, Spread, Trace};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const BATCHES: [usize; 5] = [1, 8, 32, 64, 256];
/// Addresses of the cold traces: 64 MB, more than the caches hold.
const COLD_ADDRESSES: usize = 4 << 20;
/// Changes of one iteration of the update benches.
const CHANGES: usize = 20_000;
const FLAP_DELAY: usize = 1000;
const WARM_UP: Duration = Duration::from_millis(300);
const MEASUREMENT: Duration = Duration::from_secs(1);
const SAMPLES: usize = 10;

/// What the dataplane uses.
fn ours() -> Kind {
    let kinds = engines::chosen(Family::V6, &["mexfwd".to_owned()]).unwrap_or_default();
    kinds.into_iter().next().unwrap_or_else(|| panic!("mexfwd is among the engines"))
}

fn built(kind: &Kind, table: &Table) -> Box<dyn Engine> {
    (kind.build)(table).unwrap_or_else(|error| panic!("{error}")).engine
}

fn lookup(c: &mut Criterion) {
    let table = Table::synthetic(DEFAULT_ROUTES);
    let engine = built(&ours(), &table);
    for spread in [Spread::Uniform, Spread::Zipf, Spread::Sequential] {
        for (count, label) in [(HOT_ADDRESSES, "hot"), (COLD_ADDRESSES, "cold")] {
            let trace = Trace::new(&table, spread, count, label, 1);
            let mut group = c.benchmark_group(format!("lookup/{}", trace.name));
            group.throughput(Throughput::Elements(count as u64));
            group.sample_size(SAMPLES).warm_up_time(WARM_UP).measurement_time(MEASUREMENT);
            for batch in BATCHES {
                group.bench_function(BenchmarkId::new("batch", batch), |b| {
                    b.iter(|| engine.pass(&trace, usize::MAX, batch));
                });
            }
            group.finish();
        }
    }
}

fn build(c: &mut Criterion) {
    let mut group = c.benchmark_group("build");
    group.sample_size(SAMPLES).warm_up_time(WARM_UP);
    for routes in [1_000, 10_000, DEFAULT_ROUTES] {
        let table = Table::synthetic(routes);
        group.throughput(Throughput::Elements(routes as u64));
        group.bench_function(BenchmarkId::from_parameter(routes), |b| {
            // The engine says how long it took, without the preparation of the routes and the end of the table.
            b.iter_custom(|iterations| {
                let time = |_| (ours().build)(&table).map_or(Duration::ZERO, |built| built.elapsed);
                (0..iterations).map(time).sum()
            });
        });
    }
    group.finish();
}

fn update(c: &mut Criterion) {
    let table = Table::synthetic(DEFAULT_ROUTES);
    let mixes = [
        ("withdraw and announce", trace::flaps(&table, CHANGES, FLAP_DELAY, 1)),
        ("random", trace::mix(&table, CHANGES, 1)),
    ];
    let mut group = c.benchmark_group("update");
    group.sample_size(SAMPLES).warm_up_time(WARM_UP);
    for (name, changes) in mixes {
        group.throughput(Throughput::Elements(changes.len() as u64));
        group.bench_function(name, |b| {
            b.iter_custom(|iterations| {
                (0..iterations)
                    .map(|_| {
                        // The table as it was: the random changes do not end where they begin.
                        let mut engine = built(&ours(), &table);
                        let begin = Instant::now();
                        for change in &changes {
                            engine.update(change).unwrap_or_else(|error| panic!("{error}"));
                        }
                        begin.elapsed()
                    })
                    .sum()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, lookup, build, update);
criterion_main!(benches);
