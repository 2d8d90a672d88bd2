//! Lookups against a naive longest-prefix match, and against expectations written by hand.
#![allow(clippy::unwrap_used)]

use std::net::Ipv6Addr;

use planb::{Error, PREFIX_LEN_MAX, PlanB};
use proptest::collection::vec;
use proptest::prelude::*;

type Route = (u128, u8, u32);

/// The mask of a prefix length.
fn mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0)
}

/// Looks at every route; of equal prefixes the last counts.
fn naive(routes: &[Route], address: u128) -> u32 {
    let matching = routes.iter().filter(|(prefix, len, _)| (prefix ^ address) & mask(*len) == 0);
    matching.max_by_key(|(_, len, _)| *len).map_or(0, |(_, _, next_hop)| *next_hop)
}

/// Both ways of looking up agree with the naive match.
fn check(routes: &[Route], addresses: &[u128]) {
    let table = PlanB::build(routes.iter().copied()).unwrap();
    let expected: Vec<u32> = addresses.iter().map(|address| naive(routes, *address)).collect();
    let mut found = vec![u32::MAX; addresses.len()];
    table.lookup_batch(addresses, &mut found);
    assert_eq!(found, expected);
    found.fill(u32::MAX);
    table.lookup_batch_scalar(addresses, &mut found);
    assert_eq!(found, expected);
}

/// What lies at the bounds of the prefixes, within and without.
fn bounds(routes: &[Route]) -> Vec<u128> {
    let ends = |&(prefix, len, _): &Route| {
        let (first, last) = (prefix & mask(len), prefix | !mask(len));
        [first, first.wrapping_sub(1), last, last.wrapping_add(1), first / 2 + last / 2]
    };
    routes.iter().flat_map(ends).chain([0, u128::MAX]).collect()
}

/// Prefixes that nest and repeat: few bits vary in each part of the address.
fn routes(count: usize) -> impl Strategy<Value = Vec<Route>> {
    let address = (0..4_u128, 0..16_u128, 0..16_u128, any::<u64>(), any::<bool>()).prop_map(
        |(high, middle, low, rest, full)| {
            if full { u128::MAX } else { high << 126 | middle << 90 | low << 64 | u128::from(rest) }
        },
    );
    vec((address, 0..=PREFIX_LEN_MAX, 1..6_u32), 0..count)
}

proptest! {
    #[test]
    fn few_routes(routes in routes(12), more in vec(any::<u128>(), 0..70)) {
        check(&routes, &[bounds(&routes), more].concat());
    }

    #[test]
    fn many_routes(routes in routes(300)) {
        check(&routes, &bounds(&routes));
    }

    #[test]
    fn host_bits_do_not_matter(routes in routes(12), noise: u128) {
        let noisy: Vec<Route> =
            routes.iter().map(|(prefix, len, next_hop)| (prefix ^ noise & !mask(*len), *len, *next_hop)).collect();
        check(&noisy, &bounds(&routes));
    }
}

/// Trees of each depth up to 6, and just below and above what a depth holds: 9, 81, ... intervals.
#[test]
fn every_size() {
    for routes in [0_u32, 1, 3, 4, 5, 39, 40, 41, 363, 364, 365, 3279, 3280, 3281, 29524, 29525, 270_000] {
        // One /64 in every two, so each makes an interval, and the gap after it another.
        let routes: Vec<Route> = (0..routes).map(|n| (u128::from(2 * n + 1) << 64, 64, n + 1)).collect();
        let table = PlanB::build(routes.iter().copied()).unwrap();
        let intervals = 2 * routes.len() + 1;
        assert_eq!(table.intervals(), intervals);
        assert!(9_usize.pow(table.depth() as u32) >= intervals);
        assert!(table.depth() == 1 || 9_usize.pow(table.depth() as u32 - 1) < intervals);
        let addresses: Vec<u128> = (0..=2 * routes.len() as u128 + 1).map(|n| n << 64).collect();
        let mut found = vec![u32::MAX; addresses.len()];
        table.lookup_batch(&addresses, &mut found);
        for (number, next_hop) in found.iter().enumerate() {
            let expected = if number % 2 == 1 && number / 2 < routes.len() { number / 2 + 1 } else { 0 };
            assert_eq!(*next_hop as usize, expected, "/64 number {number} of {}", routes.len());
        }
    }
}

#[test]
fn by_hand() {
    let address = |text: &str| u128::from(text.parse::<Ipv6Addr>().unwrap());
    let routes = [
        (address("::"), 0, 1),
        (address("2001:db8::"), 32, 2),
        (address("2001:db8:0:ffff::"), 64, 3),
        (address("2001:db8:8000::"), 33, 4),
        (address("ffff:ffff:ffff:ffff::"), 64, 5),
    ];
    let table = PlanB::build(routes.into_iter()).unwrap();
    // From ::, 2001:db8::, its :ffff, after that, :8000, 2001:db9::, and ffff:: on; the /33 ends where the /32 does.
    assert_eq!(table.intervals(), 7);
    let expected = [
        ("::", 1),
        ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", 1),
        ("2001:db8::1", 2),
        ("2001:db8:0:ffff::1", 3),
        ("2001:db8:1::", 2),
        ("2001:db8:8000::", 4),
        ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 4),
        ("2001:db9::", 1),
        ("ffff:ffff:ffff:fffe:ffff:ffff:ffff:ffff", 1),
        ("ffff:ffff:ffff:ffff::", 5),
    ];
    let addresses: Vec<u128> = expected.iter().map(|(text, _)| address(text)).collect();
    let mut found = [0; 10];
    table.lookup_batch(&addresses, &mut found);
    assert_eq!(found, expected.map(|(_, next_hop)| next_hop));
}

#[test]
fn equal_neighbours_merge() {
    let halves = [(0, 1, 7), (1 << 127, 1, 7)];
    assert_eq!(PlanB::build(halves.into_iter()).unwrap().intervals(), 1);
}

#[test]
fn shorter_slice_counts() {
    let table = PlanB::build([(0, 0, 9)].into_iter()).unwrap();
    for (addresses, results) in [(100, 70), (70, 100), (3, 100), (100, 0)] {
        let mut found = vec![1; results];
        table.lookup_batch(&vec![0; addresses], &mut found);
        let made = addresses.min(results);
        assert!(found[..made].iter().all(|next_hop| *next_hop == 9));
        assert!(found[made..].iter().all(|next_hop| *next_hop == 1));
    }
}

#[test]
fn refused() {
    let error = |route: Route| PlanB::build([route].into_iter()).unwrap_err();
    assert_eq!(error((0, 65, 1)), Error::PrefixTooLong(65));
    assert_eq!(error((0, 255, 1)), Error::PrefixTooLong(255));
    assert_eq!(error((0, 64, 0)), Error::ZeroNextHop);
}
