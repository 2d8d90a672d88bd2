//! Tables against a naive match: the longest of all prefixes that contain the address.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

#[path = "support/lpm.rs"]
mod lpm;
#[path = "support/shapes.rs"]
mod shapes;

use std::collections::BTreeMap;

use dataplane::fib::{Fib6, Prefix6, Writer6};
use dataplane::id::NextHopId;
use lpm::kernels;
use proptest::prelude::*;

type Routes = BTreeMap<Prefix6, NextHopId>;

fn naive(routes: &Routes, address: u128) -> NextHopId {
    // From the longest on: the first that is there.
    (0..=128u8)
        .rev()
        .find_map(|len| routes.get(&Prefix6::new(address, len)))
        .copied()
        .unwrap_or(NextHopId::NO_ROUTE)
}

/// The addresses around both ends of every prefix, and some inside.
fn probes(routes: &Routes) -> Vec<u128> {
    let mut probes = vec![0, u128::MAX];
    for prefix in routes.keys() {
        let (first, last) = (prefix.address(), prefix.last_address());
        probes.extend([first, last, first.wrapping_sub(1), last.wrapping_add(1), first / 2 + last / 2]);
    }
    probes
}

fn agree(fib: &Fib6, routes: &Routes, probes: &[u128], when: &str) {
    let expected: Vec<_> = probes.iter().map(|address| naive(routes, *address)).collect();
    for kernel in kernels() {
        let mut found = vec![NextHopId(77); probes.len()];
        fib.lookup_batch_by(kernel, probes, &mut found);
        for ((probe, found), expected) in probes.iter().zip(found).zip(&expected) {
            assert_eq!(found, *expected, "{when}, {kernel}: {}", std::net::Ipv6Addr::from(*probe));
        }
    }
}

/// Prefixes that nest, touch and share their first bits.
fn prefix() -> impl Strategy<Value = Prefix6> {
    let base = prop_oneof![
        Just(0u128),
        Just(u128::MAX),
        Just(0x2001_0db8u128 << 96),
        Just(0x2001_0db8_0000_0001u128 << 64),
        Just(0xfe80u128 << 112),
        any::<u128>(),
    ];
    // Any length, more often one around which something changes.
    let len = || prop_oneof![0u8..=128, proptest::sample::select(&shapes::BORDERS[..])];
    (base, any::<u128>(), len(), len()).prop_map(|(base, noise, from, len)| {
        let kept = if from == 0 { 0 } else { u128::MAX << (128 - from) };
        Prefix6::new(base & kept | noise & !kept, len)
    })
}

#[derive(Clone, Debug)]
enum Change {
    Insert(Prefix6, u32),
    Remove(prop::sample::Index),
    RemoveMany(prop::sample::Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (prefix(), 0u32..6).prop_map(|(prefix, id)| Change::Insert(prefix, id)),
        2 => any::<prop::sample::Index>().prop_map(Change::Remove),
        1 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(i, n)| Change::RemoveMany(i, n % 8)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 120 }))]

    #[test]
    fn built_tables_agree(list in proptest::collection::vec((prefix(), 0u32..6), 0..120), extra in proptest::collection::vec(any::<u128>(), 0..70)) {
        let routes: Routes = list.iter().map(|(p, n)| (*p, NextHopId(*n))).collect();
        let fib = Fib6::build(list.iter().map(|(p, n)| (*p, NextHopId(*n)))).unwrap();
        let mut probes = probes(&routes);
        probes.extend(extra);
        agree(&fib, &routes, &probes, "built");
    }

    #[test]
    fn changed_tables_agree(
        list in proptest::collection::vec((prefix(), 0u32..6), 0..60),
        changes in proptest::collection::vec(change(), 1..60),
    ) {
        let mut routes: Routes = list.iter().map(|(p, n)| (*p, NextHopId(*n))).collect();
        let mut writer = Writer6::build(routes.iter().map(|(p, n)| (*p, *n))).unwrap();
        for change in changes {
            match change {
                Change::Insert(prefix, id) => {
                    prop_assert_eq!(writer.insert(prefix, NextHopId(id)).unwrap(), routes.insert(prefix, NextHopId(id)));
                }
                Change::Remove(index) => {
                    let Some(prefix) = routes.keys().nth(index.index(routes.len().max(1))).copied() else { continue };
                    prop_assert_eq!(writer.remove(prefix).unwrap(), routes.remove(&prefix));
                }
                Change::RemoveMany(index, count) => {
                    let from = index.index(routes.len().max(1));
                    let some: Vec<_> = routes.keys().skip(from).take(usize::from(count)).copied().collect();
                    for prefix in some {
                        prop_assert_eq!(writer.remove(prefix).unwrap(), routes.remove(&prefix));
                    }
                }
            }
            writer.reclaim_unread();
            agree(&writer.fib(), &routes, &probes(&routes), "changed");
        }
        for prefix in routes.keys() {
            writer.remove(*prefix).unwrap();
        }
        writer.reclaim_unread();
        prop_assert_eq!(writer.stats().node_bytes, 0, "an emptied table has no node left");
    }
}
