//! Built tables of every shape against a naive match: all kernels, batches of all sizes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

#[path = "support/lpm.rs"]
mod lpm;
#[path = "support/shapes.rs"]
mod shapes;

use dataplane::fib::{Fib6, FibError, Kernel, MAX_NEXT_HOP_ID, Prefix4, Prefix6, Writer4, Writer6};
use dataplane::id::NextHopId;
use lpm::{Naive, Random, Table, UNTOUCHED, agree, agree_in_batches, kernels, probes_around};
use shapes::{BASES, Shape};

/// Prefixes of the shapes that can have any number.
const SCALE: usize = if cfg!(miri) { 40 } else { 6_000 };
/// Probes that go through batches of every size.
const BATCHED_PROBES: usize = if cfg!(miri) { 70 } else { 4_000 };
/// Routes of the large table.
const MANY: usize = if cfg!(miri) { 100 } else { 1_000_000 };
/// Its prefixes whose surroundings are looked up.
const MANY_PROBED: usize = 60_000;

fn with_next_hops(shape: &Shape, random: &mut Random) -> Vec<(Prefix6, NextHopId)> {
    shape.prefixes.iter().map(|prefix| (*prefix, shapes::next_hop(random))).collect()
}

fn built_shapes_agree<T: Table>(shapes: &[Shape], random: &mut Random) {
    for shape in shapes {
        let routes = with_next_hops(shape, random);
        let naive: Naive = routes.iter().copied().collect();
        let table = T::of(&routes).unwrap();
        let around = |(prefix, _): &(Prefix6, _)| probes_around(*prefix, T::BITS, random.address());
        let mut probes: Vec<u128> = routes.iter().flat_map(around).collect();
        probes.extend([0, u128::MAX]);
        agree(&table, &naive, &probes, shape.name);
        // Any order: lanes of a block that take different numbers of steps.
        for last in (1..probes.len()).rev() {
            probes.swap(last, random.below(last + 1));
        }
        probes.truncate(BATCHED_PROBES);
        agree_in_batches(&table, &naive, &probes, shape.name);
        // What the table itself chose.
        let mut found = vec![UNTOUCHED; probes.len()];
        table.find(None, &probes, &mut found);
        assert!(
            found.iter().zip(&probes).all(|(found, probe)| *found == naive.lookup(*probe)),
            "{}",
            shape.name
        );
    }
}

#[test]
fn tables_of_every_shape_agree() {
    let mut random = Random(1);
    let shapes = shapes::all(SCALE, &mut random);
    built_shapes_agree::<Writer6>(&shapes, &mut random);
}

#[test]
fn all_shapes_in_one_table_agree() {
    let mut random = Random(2);
    let prefixes = shapes::all(SCALE, &mut random).into_iter().flat_map(|shape| shape.prefixes).collect();
    built_shapes_agree::<Writer6>(&[Shape { name: "all in one", prefixes }], &mut random);
}

#[test]
fn ipv4_tables_of_every_shape_agree() {
    let mut random = Random(3);
    let shapes = shapes::all4(SCALE, &mut random);
    built_shapes_agree::<Writer4>(&shapes, &mut random);
}

#[test]
fn every_single_prefix_agrees() {
    let mut random = Random(4);
    for base in BASES {
        for len in 0..=128 {
            let prefix = Prefix6::new(base, len);
            let naive: Naive = [(prefix, NextHopId(5))].into_iter().collect();
            let table = Writer6::of(&[(prefix, NextHopId(5))]).unwrap();
            agree(&table, &naive, &probes_around(prefix, 128, random.address()), &prefix.to_string());
        }
    }
}

#[test]
fn a_million_random_prefixes_agree() {
    let mut random = Random(5);
    let mut routes: Vec<_> = (0..MANY)
        .map(|at| {
            (
                Prefix6::new(random.address() >> 3 | 1 << 125, 20 + random.below(109) as u8),
                NextHopId(at as u32 % 1000),
            )
        })
        .collect();
    routes.sort_unstable();
    let naive: Naive = routes.iter().copied().collect();
    let table = Writer6::of(&routes).unwrap();
    assert_eq!(table.len(), naive.len());
    let mut probes = Vec::new();
    for _ in 0..MANY_PROBED.min(MANY) {
        let (prefix, _) = routes[random.below(routes.len())];
        probes.extend(probes_around(prefix, 128, random.address()));
    }
    agree(&table, &naive, &probes, "a million");
}

#[test]
fn the_writer_answers_as_a_naive_match_does() {
    let mut random = Random(6);
    for shape in shapes::all(SCALE / 8, &mut random) {
        let routes = with_next_hops(&shape, &mut random);
        let naive: Naive = routes.iter().copied().collect();
        let writer = Writer6::of(&routes).unwrap();
        assert_eq!(writer.routes().map(|(prefix, _)| prefix).collect::<Vec<_>>(), naive.prefixes());
        for (prefix, _) in &routes {
            assert_eq!(writer.exact(*prefix), naive.get(*prefix));
            for address in probes_around(*prefix, 128, random.address()) {
                let found = writer.longest_match(address);
                assert_eq!(
                    found.map_or(NextHopId::NO_ROUTE, |(_, next_hop)| next_hop),
                    naive.lookup(address)
                );
                assert!(found.is_none_or(|(prefix, next_hop)| naive.get(prefix) == Some(next_hop)));
            }
            let cover = (0..prefix.len()).rev().map(|len| Prefix6::new(prefix.address(), len));
            let cover = cover.into_iter().find_map(|cover| Some((cover, naive.get(cover)?)));
            assert_eq!(writer.cover(*prefix), cover, "{}: the cover of {prefix}", shape.name);
        }
    }
}

#[test]
fn next_hop_ids_from_zero_to_the_largest() {
    let prefixes: Vec<_> = [0, 3, 16, 20, 32, 47, 64, 100, 128].map(|len| Prefix6::new(BASES[2], len)).into();
    for next_hop in [0, 1, MAX_NEXT_HOP_ID.0 - 1, MAX_NEXT_HOP_ID.0].map(NextHopId) {
        for prefix in &prefixes {
            // Another next hop around it, and none: words that say "default" are not those that say "next hop 0".
            for outside in [None, Some(NextHopId(9))] {
                let mut routes = vec![(*prefix, next_hop)];
                routes.extend(
                    outside.filter(|_| prefix.len() > 0).map(|outside| (Prefix6::new(0, 0), outside)),
                );
                let naive: Naive = routes.iter().copied().collect();
                let table = Writer6::of(&routes).unwrap();
                agree(
                    &table,
                    &naive,
                    &probes_around(*prefix, 128, 12345),
                    &format!("{prefix} to {}", next_hop.0),
                );
            }
        }
    }
}

#[test]
fn a_next_hop_id_above_the_largest_is_refused() {
    let refused = |next_hop| FibError::NextHopTooLarge { next_hop, max: MAX_NEXT_HOP_ID };
    for too_large in [NextHopId(MAX_NEXT_HOP_ID.0 + 1), NextHopId(u32::MAX)] {
        for len in [0, 8, 32, 64, 128] {
            let prefix = Prefix6::new(BASES[2], len);
            let inside = Prefix6::new(BASES[2], 128);
            assert_eq!(Fib6::build([(prefix, too_large)]).unwrap_err(), refused(too_large));
            let mut writer = Writer6::build([(prefix, NextHopId(7))]).unwrap();
            assert_eq!(writer.insert(prefix, too_large), Err(refused(too_large)));
            assert_eq!(writer.fib().lookup(BASES[2]), NextHopId(7));
            assert_eq!(writer.exact(prefix), Some(NextHopId(7)));
            if len < 128 {
                assert_eq!(writer.insert(inside, too_large), Err(refused(too_large)));
                assert_eq!((writer.exact(inside), writer.len()), (None, 1));
                assert_eq!(writer.fib().lookup(BASES[2]), NextHopId(7));
            }
        }
        let mut writer = Writer4::new().unwrap();
        assert_eq!(writer.insert(Prefix4::new(1, 32), too_large), Err(refused(too_large)));
        assert!(writer.is_empty());
    }
}

#[test]
fn as_many_are_looked_up_as_the_shorter_slice_has() {
    let fib = Fib6::build([(Prefix6::new(0, 0), NextHopId(3))]).unwrap();
    for kernel in kernels() {
        for (addresses, results) in [(0, 5), (5, 0), (64, 65), (130, 64), (63, 200), (200, 129)] {
            let mut found = vec![UNTOUCHED; results];
            fib.lookup_batch_by(kernel, &vec![1; addresses], &mut found);
            let expected = |at| if at < addresses { NextHopId(3) } else { UNTOUCHED };
            assert!(found.iter().enumerate().all(|(at, found)| *found == expected(at)), "{kernel}");
        }
    }
    assert!(Kernel::Scalar.is_available());
}
