//! Any packets, in any mix, through a router that has everything: none gets lost or made up, nothing panics, and what
//! leaves is well-formed and either the packet that came, one hop older, or an answer to it.

mod support;

use std::collections::BTreeMap;

use dataplane::drop::Drop;
use proptest::prelude::*;

const CASES: u32 = if cfg!(miri) { 2 } else { 1500 };

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_out_is_what_went_in_or_an_answer_to_it(octets in proptest::collection::vec(any::<u8>(), 0..9000)) {
        support::scenario::run(&octets);
    }

    /// Headers of SIDs as they fall.
    #[test]
    fn also_of_raw_headers(octets in proptest::collection::vec(prop_oneof![2 => 0u8..6, 1 => any::<u8>()], 0..6000)) {
        support::scenario::run_srv6(&octets);
    }

    /// Mostly zeros: short headers, default routers, few mutations.
    #[test]
    fn also_of_sparse_choices(octets in proptest::collection::vec(prop_oneof![2 => 0u8..4, 1 => any::<u8>()], 0..3000)) {
        support::scenario::run(&octets);
    }
}

/// The scenarios are worth their name: together they meet every drop that packets alone can cause, and everything that
/// MEX does.
#[test]
#[cfg_attr(miri, ignore = "thousands of packets")]
fn scenarios_reach_everything() {
    let mut drops = [0; Drop::COUNT];
    let mut mex = BTreeMap::new();
    let mut state = 1u64;
    for _ in 0..1000 {
        let octets: Vec<u8> = std::iter::repeat_with(|| next(&mut state)).take(16_000).collect();
        let router = support::scenario::run(&octets);
        let counters = &router.rings.counters;
        for (sum, reason) in drops.iter_mut().zip(Drop::ALL) {
            *sum += counters.drops(*reason);
        }
        for (name, value) in counters.mex.values() {
            *mex.entry(name).or_insert(0) += value;
        }
    }
    let not_here = [Drop::MultiSegment, Drop::Loop, Drop::ControlQueueFull, Drop::FragmentLimit];
    let missing: Vec<_> =
        Drop::ALL.iter().filter(|d| drops[**d as usize] == 0 && !not_here.contains(d)).collect();
    assert!(missing.is_empty(), "never met: {missing:?}");
    assert!(mex.values().all(|count| *count > 0), "never met: {mex:?}");
}

/// One octet of a fixed sequence (xorshift).
fn next(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 32) as u8
}
