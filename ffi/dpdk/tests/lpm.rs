//! DPDK's lookup tables: real ones, filled, asked, emptied and freed.
#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::Command;

use dpdk::lpm::{Fib4, Fib6, LPM6_NEXT_HOP_MAX, Lookup, Lpm6, TableConfig, heap_bytes};
use dpdk::{Eal, EalOptions, Error};

/// What is found where there is no route.
const NONE: u32 = 999;

/// Each first level of IPv6 and IPv4 has 2^24 entries of 4 bytes.
const FIRST_LEVEL_BYTES: u64 = 4 << 24;

/// The routes of IPv6 and their next hops.
const ROUTES: [(&str, u8, u32); 7] = [
    ("2000::", 3, 10),
    ("2001:db8::", 32, 20),
    ("2001:db8:1::", 48, 30),
    ("2001:db8:1:ff00::", 57, 40),
    ("2001:db8:1:ff01::", 64, 50),
    ("2001:db8:1:ff01::80", 121, 60),
    ("2001:db8:1:ff01::ff", 128, 70),
];

/// Addresses, and the next hops that longest match gives them by the routes above.
const EXPECTED: [(&str, u32); 19] = [
    ("::", NONE),
    ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NONE),
    ("2000::", 10),
    ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", 10),
    ("2001:db8::", 20),
    ("2001:db8:0:ffff:ffff:ffff:ffff:ffff", 20),
    ("2001:db8:1::", 30),
    ("2001:db8:1:feff::", 30),
    ("2001:db8:1:ff00::1", 40),
    ("2001:db8:1:ff7f::1", 40),
    ("2001:db8:1:ff80::1", 30),
    ("2001:db8:1:ff01::1", 50),
    ("2001:db8:1:ff01:ffff:ffff:ffff:ffff", 50),
    ("2001:db8:1:ff01::7f", 50),
    ("2001:db8:1:ff01::80", 60),
    ("2001:db8:1:ff01::fe", 60),
    ("2001:db8:1:ff01::ff", 70),
    ("2001:db9::", 10),
    ("4000::", NONE),
];

fn octets(text: &str) -> [u8; 16] {
    text.parse::<Ipv6Addr>().unwrap().octets()
}

fn config(name: &str) -> TableConfig<'_> {
    TableConfig { name, max_routes: 64, num_tbl8: 256, no_route: NONE }
}

/// More addresses than a vector has room for, so that the vector functions' remainders are seen too.
fn addresses() -> Vec<[u8; 16]> {
    EXPECTED.iter().cycle().take(2 * EXPECTED.len()).map(|(text, _)| octets(text)).collect()
}

/// EAL is one per process: all that needs it is one test.
#[test]
fn tables() {
    let eal = Eal::init(&options().force_max_simd_bitwidth(512)).unwrap();
    let before = heap_bytes(&eal);
    let avx512 = std::arch::is_x86_feature_detected!("avx512f");
    for lookup in [Lookup::Scalar, Lookup::Avx512] {
        if lookup == Lookup::Avx512 && !avx512 {
            let refused = Fib6::create(&eal, &config("refused"), lookup).unwrap_err();
            assert!(refused.to_string().contains("AVX-512"), "{refused}");
            continue;
        }
        fib6(&eal, lookup);
        fib4(&eal, lookup);
    }
    lpm6(&eal);
    assert_eq!(heap_bytes(&eal), before, "all that the tables had is given back");
}

/// EAL's limit on vectors is one per process too: this starts another.
#[test]
fn avx512_refused() {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--exact", "narrow", "--ignored"]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

#[test]
#[ignore = "avx512_refused runs it, in a process of its own"]
fn narrow() {
    let eal = Eal::init(&options().force_max_simd_bitwidth(256)).unwrap();
    let refused = Fib6::create(&eal, &config("six"), Lookup::Avx512).unwrap_err();
    assert!(matches!(refused, Error::Dpdk { call: "rte_fib6_select_lookup", .. }), "{refused:?}");
    assert!(refused.to_string().contains("AVX-512"), "{refused}");
    let refused = Fib4::create(&eal, &config("four"), Lookup::Avx512).unwrap_err();
    assert!(matches!(refused, Error::Dpdk { call: "rte_fib_select_lookup", .. }), "{refused:?}");
    let mut scalar = Fib6::create(&eal, &config("six"), Lookup::Scalar).unwrap();
    assert!(scalar.select_lookup(Lookup::Avx512).is_err());
    scalar.add(octets("2001:db8::"), 32, 7).unwrap();
    let mut found = [0];
    scalar.lookup_bulk(&[octets("2001:db8::1")], &mut found);
    assert_eq!(found, [7], "a refused choice leaves the table as it was");
}

fn options() -> EalOptions {
    EalOptions::new().in_memory(true).no_huge(true).no_pci(true).iova_va(true).memory_mb(256)
}

fn fib6(eal: &Eal, lookup: Lookup) {
    let before = heap_bytes(eal);
    let mut table = Fib6::create(eal, &config("six"), lookup).unwrap();
    assert!(heap_bytes(eal) - before > FIRST_LEVEL_BYTES);
    for (prefix, len, next_hop) in ROUTES {
        table.add(octets(prefix), len, next_hop).unwrap();
    }
    let found = |table: &Fib6| {
        let addresses = addresses();
        let mut found = vec![u64::MAX; addresses.len()];
        table.lookup_bulk(&addresses, &mut found);
        let (first, second) = found.split_at(EXPECTED.len());
        assert_eq!(first, second);
        first.to_vec()
    };
    assert_eq!(found(&table), EXPECTED.map(|(_, next_hop)| u64::from(next_hop)));

    table.add([0; 16], 0, 5).unwrap();
    let covered = |next_hop| if next_hop == NONE { 5 } else { u64::from(next_hop) };
    assert_eq!(found(&table), EXPECTED.map(|(_, next_hop)| covered(next_hop)), "the default route");
    table.delete(octets("2001:db8:1:ff01::"), 64).unwrap();
    let without = |next_hop| if next_hop == 50 { 40 } else { covered(next_hop) };
    assert_eq!(found(&table), EXPECTED.map(|(_, next_hop)| without(next_hop)), "the /57 again");

    assert!(matches!(table.delete(octets("2001:db8:1:ff01::"), 64), Err(Error::Dpdk { .. })), "gone already");
    assert!(matches!(table.add([0; 16], 129, 1), Err(Error::Dpdk { .. })), "no such length");
    assert!(matches!(table.add([0; 16], 1, 1 << 31), Err(Error::Dpdk { .. })), "31 bits");
    let again = Fib6::create(eal, &config("six"), lookup).unwrap_err();
    assert!(matches!(again, Error::Dpdk { call: "rte_fib6_create", .. }), "{again:?}");
    let nul = Fib6::create(eal, &config("a\0b"), lookup);
    assert!(matches!(nul, Err(Error::InvalidOption(_))));
    let many = Fib6::create(eal, &TableConfig { max_routes: 1 << 31, ..config("many") }, lookup);
    assert!(matches!(many, Err(Error::InvalidOption(_))));
}

fn fib4(eal: &Eal, lookup: Lookup) {
    let address = |text: &str| u32::from(text.parse::<Ipv4Addr>().unwrap());
    let mut table = Fib4::create(eal, &config("four"), lookup).unwrap();
    for (prefix, len, next_hop) in
        [("10.0.0.0", 8, 1), ("10.1.0.0", 16, 2), ("10.1.2.128", 25, 3), ("10.1.2.255", 32, 4)]
    {
        table.add(address(prefix), len, next_hop).unwrap();
    }
    let expected = [
        ("9.255.255.255", NONE),
        ("10.0.0.0", 1),
        ("10.1.0.0", 2),
        ("10.1.2.127", 2),
        ("10.1.2.128", 3),
        ("10.1.2.254", 3),
        ("10.1.2.255", 4),
        ("10.1.3.0", 2),
        ("10.2.0.0", 1),
        ("11.0.0.0", NONE),
    ];
    let addresses: Vec<u32> = expected.iter().cycle().take(40).map(|(text, _)| address(text)).collect();
    let mut found = [u64::MAX; 40];
    table.lookup_bulk(&addresses, &mut found);
    for found in found.chunks(expected.len()) {
        assert_eq!(found, expected.map(|(_, next_hop)| u64::from(next_hop)));
    }
    table.add(0, 0, 9).unwrap();
    table.delete(address("10.1.2.255"), 32).unwrap();
    table.lookup_bulk(&[0, address("10.1.2.255")], &mut found);
    assert_eq!(found[..2], [9, 3]);
    assert!(matches!(table.add(0, 33, 1), Err(Error::Dpdk { .. })));
}

fn lpm6(eal: &Eal) {
    let mut table = Lpm6::create(eal, &config("lpm")).unwrap();
    for (prefix, len, next_hop) in ROUTES {
        table.add(octets(prefix), len, next_hop).unwrap();
    }
    let addresses = addresses();
    let mut found = vec![0; addresses.len()];
    table.lookup_bulk(&addresses, &mut found);
    let expected = EXPECTED.map(|(_, next_hop)| if next_hop == NONE { -1 } else { next_hop.cast_signed() });
    assert_eq!(found, [expected, expected].concat());

    table.add(octets("4000::"), 2, LPM6_NEXT_HOP_MAX).unwrap();
    table.delete(octets("2001:db8:1:ff01::ff"), 128).unwrap();
    table.lookup_bulk(&[octets("4000::"), octets("2001:db8:1:ff01::ff")], &mut found);
    assert_eq!(found[..2], [LPM6_NEXT_HOP_MAX.cast_signed(), 60]);

    let above = table.add(octets("4000::"), 2, LPM6_NEXT_HOP_MAX + 1);
    assert!(matches!(above, Err(Error::InvalidOption(_))), "not cut off silently");
    assert!(matches!(table.add([0; 16], 0, 1), Err(Error::Dpdk { .. })), "the library has no /0");
}
