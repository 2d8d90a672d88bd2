//! The graph without a NIC: plain forwarding next to an exchange, the cost of a burst of 64.

use benches::{Bench, REACHABLE, UNREACHABLE, frame};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const BURST: u32 = 64;

fn forward(c: &mut Criterion) {
    let mut group = c.benchmark_group("forward");
    group.throughput(Throughput::Elements(u64::from(BURST)));
    let dead = 0x2001_0db8_000c_0001;
    let cases = [
        ("plain", REACHABLE, vec![]),
        ("plain, header carried", REACHABLE, vec![UNREACHABLE]),
        ("exchange, first alternative", UNREACHABLE, vec![REACHABLE]),
        ("exchange, second alternative", UNREACHABLE, vec![dead, REACHABLE]),
    ];
    for (name, prefix, alternatives) in cases {
        let mut bench = Bench::new((0..BURST).map(|flow| frame(prefix, &alternatives, flow)).collect());
        group.bench_function(name, |b| b.iter(|| bench.turn()));
    }
    group.finish();
}

criterion_group!(benches, forward);
criterion_main!(benches);
