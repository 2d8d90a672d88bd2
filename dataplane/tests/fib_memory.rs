//! What a table's memory does: nothing is used again while readers may see it, nothing leaks, and running out of it
//! leaves the table as it was.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

#[path = "support/lpm.rs"]
mod lpm;
#[path = "support/shapes.rs"]
mod shapes;

use dataplane::fib::grace::Grace;
use dataplane::fib::{FibError, Prefix6, Writer6};
use dataplane::id::NextHopId;
use lpm::{Naive, Random, agree, probes_around};

/// What two periods' changes may leave waiting.
const MAX_WAITING_BYTES: usize = 256 << 10;
const SITE: u128 = 0x2001_0db8 << 96;

fn host(number: u128) -> Prefix6 {
    Prefix6::new(SITE | (number * 0x1_0001), 128)
}

/// A table that a reader holds, with nodes, of which some were replaced.
fn held() -> (Writer6, dataplane::fib::Fib6) {
    let mut writer = Writer6::build((0..500).map(|number| (host(number), NextHopId(1)))).unwrap();
    let fib = writer.fib();
    writer.insert(host(3), NextHopId(2)).unwrap();
    (writer, fib)
}

#[test]
fn what_was_replaced_waits_for_the_period_that_it_was_sealed_with() {
    let (mut writer, fib) = held();
    let waiting = writer.stats().retired;
    assert!(waiting > 0);
    assert!(!writer.reclaim_unread(), "a reader holds the table");
    writer.reclaim(u64::MAX);
    assert_eq!(writer.stats().retired, waiting, "no period was named yet");
    assert!(writer.seal(5));
    writer.insert(host(4), NextHopId(2)).unwrap();
    let both = writer.stats().retired;
    assert!(both > waiting);
    writer.reclaim(4);
    assert_eq!(writer.stats().retired, both);
    writer.reclaim(5);
    assert_eq!(writer.stats().retired, both - waiting);
    assert!(writer.seal(6));
    writer.reclaim(6);
    assert_eq!(writer.stats().retired, 0);
    assert!(!writer.seal(7), "nothing to wait for");
    assert_eq!((fib.lookup(host(3).address()), fib.handles()), (NextHopId(2), 2));
}

#[test]
fn without_a_grace_period_nothing_is_used_again() {
    let (mut writer, _fib) = held();
    let mut used = writer.stats().node_bytes;
    for change in 0..2_000 {
        writer.insert(host(change % 500), NextHopId(3 + change as u32)).unwrap();
        writer.seal(change as u64 + 1);
        let now = writer.stats().node_bytes;
        assert!(now > used, "change {change} used lines that a reader may be in");
        used = now;
    }
}

#[test]
fn with_grace_periods_memory_stays_what_it_is() {
    let (mut writer, fib) = held();
    let grace = Grace::default();
    let mut most = 0;
    for change in 0..if cfg!(miri) { 200u64 } else { 100_000 } {
        writer.insert(host(u128::from(change) % 500), NextHopId(3 + change as u32)).unwrap();
        if change % 64 == 0 {
            writer.seal(change + 1);
            grace.begin(change + 1);
            // The worker comes by a little later.
            writer.reclaim(grace.passed());
            grace.pass();
        }
        if change % 1_000 == 0 {
            most = most.max(writer.memory_bytes());
            assert_eq!(fib.lookup(host(u128::from(change) % 500).address()), NextHopId(3 + change as u32));
        }
    }
    writer.seal(u64::MAX);
    writer.reclaim(u64::MAX);
    let at_rest = writer.memory_bytes();
    assert!(most <= at_rest + MAX_WAITING_BYTES, "{most} octets, {at_rest} at rest");
}

#[test]
fn a_table_that_is_held_is_empty_again_after_all_is_withdrawn() {
    let mut random = Random(21);
    for shape in shapes::all(if cfg!(miri) { 20 } else { 2_000 }, &mut random) {
        let mut writer = Writer6::new().unwrap();
        let fib = writer.fib();
        let grace = Grace::default();
        let mut memory = None;
        for round in 1..=2 {
            for (prefix, next_hop) in shape.prefixes.iter().zip(1..) {
                writer.insert(*prefix, NextHopId(next_hop)).unwrap();
            }
            for prefix in &shape.prefixes {
                writer.remove(*prefix).unwrap();
            }
            assert!(writer.seal(round), "{}", shape.name);
            grace.begin(round);
            writer.reclaim(grace.passed());
            assert!(writer.stats().node_bytes > 0, "the reader has not passed");
            grace.pass();
            writer.reclaim(grace.passed());
            let stats = writer.stats();
            assert_eq!((stats.node_bytes, stats.retired, stats.routes), (0, 0, 0), "{}", shape.name);
            assert_eq!(*memory.get_or_insert(writer.memory_bytes()), writer.memory_bytes(), "{}", shape.name);
        }
        assert_eq!((fib.lookup(SITE), fib.handles()), (NextHopId::NO_ROUTE, 2));
    }
}

#[test]
#[cfg_attr(miri, ignore = "half a gigabyte")]
fn a_table_without_room_refuses_a_change_and_stays_what_it_was() {
    // One /16 full of /32s: to change its own route takes a fresh table of many lines, and nobody gives any back.
    let top = Prefix6::new(SITE, 16);
    let inside = |number: u128| Prefix6::new(top.address() | number << 96, 32);
    let routes: Vec<_> =
        (0..0x1_0000).step_by(2).map(|number| (inside(number), NextHopId(number as u32 % 7 + 1))).collect();
    let mut naive: Naive = routes.iter().copied().collect();
    let mut writer = Writer6::build(routes.iter().copied()).unwrap();
    let fib = writer.fib();
    let mut random = Random(22);
    let probes: Vec<_> = routes
        .iter()
        .step_by(50)
        .flat_map(|(prefix, _)| probes_around(*prefix, 128, random.address()))
        .collect();
    let refused = (0..20_000u32).find_map(|change| {
        let next_hop = NextHopId(10 + change);
        let error = writer.insert(top, next_hop).err();
        if error.is_none() {
            naive.insert(top, next_hop);
        }
        error
    });
    assert!(matches!(refused, Some(FibError::OutOfLines { retired, .. }) if retired > 0), "{refused:?}");
    let used = writer.memory_bytes();
    assert!(writer.remove(top).is_err());
    assert_eq!((writer.memory_bytes(), writer.exact(top)), (used, naive.get(top)));
    assert_eq!(writer.len(), naive.len());
    agree(&writer, &naive, &probes, "full");
    // After a grace period there is room again.
    writer.seal(1);
    writer.reclaim(1);
    assert_eq!(writer.remove(top), Ok(naive.remove(top)));
    agree(&writer, &naive, &probes, "after the grace period");
    assert_eq!(fib.handles(), 2);
}
