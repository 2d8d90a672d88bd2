//! DPDK's tables: rte_fib6, rte_lpm6 and, for IPv4, rte_fib. Their memory comes from EAL.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use dataplane::fib::Prefix6;
use dpdk::lpm::{Fib4, Fib6, Lookup, Lpm6, TableConfig, heap_bytes};
use dpdk::{Eal, EalOptions, LogLevel, free_hugepages_mb};
use hashbrown::HashSet;

use crate::fib::engine::{self, Built, Engine, Kind};
use crate::fib::table::{Family, Table};
use crate::fib::trace::{Change, Trace};

/// Every engine of DPDK.
pub const KINDS: &[Kind] = &[
    rival("rte-fib6-avx512", Family::V6, |table| fib6(table, Lookup::Avx512)),
    Kind { is_variant: true, ..rival("rte-fib6-scalar", Family::V6, |table| fib6(table, Lookup::Scalar)) },
    rival("rte-lpm6", Family::V6, lpm6),
    rival("rte-fib-avx512", Family::V4, |table| fib4(table, Lookup::Avx512)),
    Kind { is_variant: true, ..rival("rte-fib-scalar", Family::V4, |table| fib4(table, Lookup::Scalar)) },
];

/// What EAL gets, in MiB: two of the largest tables at once. Ordinary pages cost nothing before they are used.
pub const MEMORY_MB: u32 = 6144;
/// Room for more routes and second-level tables than there are at first: for updates.
const SPARE_PERCENT: usize = 25;
const SPARE: usize = 4096;
const NO_ROUTE: u32 = 0;
/// Bits of an address that the first table is indexed with, and each further one.
const FRONT_LEN: u8 = 24;
const STRIDE: u8 = 8;
/// rte_lpm6 says so itself.
const LPM6_NO_ROUTE: i32 = -1;

const fn rival(name: &'static str, family: Family, build: fn(&Table) -> Result<Built, String>) -> Kind {
    Kind { name, family, is_ours: false, is_variant: false, build }
}

/// EAL, started when the first table needs it; or why it cannot be.
static EAL: Mutex<Option<Result<Eal, String>>> = Mutex::new(None);

/// Starts EAL: with hugepages if `may_use_hugepages` and enough are free. True when it has hugepages. Only the first call
/// counts, and a table that is built before any call does without hugepages.
///
/// # Errors
/// What EAL said.
pub fn start(may_use_hugepages: bool) -> Result<bool, String> {
    let huge = may_use_hugepages && free_hugepages_mb() >= u64::from(MEMORY_MB);
    eal_with(huge).map(|_| huge)
}

/// Ends EAL and removes its directory, which DPDK leaves there. All tables are gone; no more can be built.
pub fn stop() {
    let mut eal = EAL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(Ok(_)) = eal.replace(Err("EAL has ended".to_owned())) {
        // As DPDK looks for a place; only an empty directory is removed.
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let places = [
            variable("RUNTIME_DIRECTORY"),
            Some("/var/run".into()),
            variable("XDG_RUNTIME_DIR"),
            Some(std::env::temp_dir()),
        ];
        for place in places.into_iter().flatten() {
            let _ = std::fs::remove_dir(place.join("dpdk").join(file_prefix()));
        }
    }
}

fn file_prefix() -> String {
    format!("bench-fib-{}", std::process::id())
}

fn eal_with(huge: bool) -> Result<Eal, String> {
    let options = EalOptions::new()
        .in_memory(true)
        .no_huge(!huge)
        .no_pci(true)
        .iova_va(true)
        .memory_mb(MEMORY_MB)
        .file_prefix(&file_prefix())
        .log_level(LogLevel::Error)
        .force_max_simd_bitwidth(512);
    let mut eal = EAL.lock().unwrap_or_else(PoisonError::into_inner);
    eal.get_or_insert_with(|| Eal::init(&options).map_err(|error| format!("EAL: {error}"))).clone()
}

fn eal() -> Result<Eal, String> {
    eal_with(false)
}

/// A name for the next table: DPDK keeps them in one list.
fn name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("bench{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// How many second-level tables of 256 entries hang below a front of 24 bits: one for each prefix of that many bits,
/// and of each 8 bits more, that a longer route has.
pub(crate) fn tbl8_count(table: &Table) -> usize {
    let mut count = 0;
    let mut len = FRONT_LEN;
    while len < table.longest_len() {
        let longer = table.routes().iter().map(|route| route.prefix).filter(|prefix| prefix.len() > len);
        count += longer.map(|prefix| prefix.address() >> (128 - len)).collect::<HashSet<_>>().len();
        len += STRIDE;
    }
    count
}

/// How many of them rte_fib6 wants to have room for. It does not count what it shares: a route reserves one for each 8
/// bits between its length and that of the route around it.
pub(crate) fn tbl8_reserved(table: &Table) -> usize {
    let steps = |len: u8| usize::from(len.max(FRONT_LEN).div_ceil(STRIDE));
    let mut open: Vec<Prefix6> = Vec::new();
    let mut count = 0;
    for prefix in table.routes().iter().map(|route| route.prefix) {
        while open.pop_if(|outer| !outer.covers(prefix)).is_some() {}
        count += steps(prefix.len()) - steps(open.last().map_or(0, |outer| outer.len()));
        open.push(prefix);
    }
    count
}

fn with_spare(count: usize) -> u32 {
    u32::try_from(count + count * SPARE_PERCENT / 100 + SPARE).unwrap_or(u32::MAX)
}

/// The bytes of a prefix, and its length.
fn octets(route: &crate::fib::table::Route) -> ([u8; 16], u8) {
    (route.prefix.address().to_be_bytes(), route.prefix.len())
}

/// The number of an IPv4 prefix, and its length.
fn number(route: &crate::fib::table::Route) -> (u32, u8) {
    ((route.prefix.address() >> 96) as u32, route.prefix.len())
}

/// An engine around one of DPDK's tables. `$none`: the result without a route.
macro_rules! engine {
    ($engine:ident, $table:ty, $build:ident($($argument:ident: $type:ty)?), $tbl8s:ident, $addresses:ident,
     $none:expr, $prefix:ident, $id:expr) => {
        struct $engine {
            table: $table,
            memory_bytes: usize,
        }

        fn $build(table: &Table $(, $argument: $type)?) -> Result<Built, String> {
            let eal = eal()?;
            let routes: Vec<_> = table.routes().iter().map(|route| ($prefix(route), route.next_hop)).collect();
            let name = name();
            let config = TableConfig {
                name: &name,
                max_routes: with_spare(routes.len()),
                num_tbl8: with_spare($tbl8s(table)),
                no_route: NO_ROUTE,
            };
            let before = heap_bytes(&eal);
            let begin = Instant::now();
            let mut table = <$table>::create(&eal, &config $(, $argument)?).map_err(|error| error.to_string())?;
            for ((prefix, len), next_hop) in routes {
                table.add(prefix, len, next_hop).map_err(|error| format!("a route of /{len}: {error}"))?;
            }
            let elapsed = begin.elapsed();
            let memory_bytes = heap_bytes(&eal).saturating_sub(before) as usize;
            Ok(Built { engine: Box::new($engine { table, memory_bytes }), elapsed })
        }

        impl Engine for $engine {
            fn pass(&self, trace: &Trace, count: usize, batch: usize) {
                engine::pass(&trace.$addresses, count, batch, $none, |addresses, found| {
                    self.table.lookup_bulk(addresses, found);
                });
            }

            fn answers(&self, trace: &Trace, batch: usize) -> Vec<u32> {
                engine::answers(&trace.$addresses, batch, $none, |a, found| self.table.lookup_bulk(a, found), $id)
            }

            fn memory_bytes(&self) -> usize {
                self.memory_bytes
            }

            fn update(&mut self, change: &Change) -> Result<(), String> {
                let done = match change {
                    Change::Announce(route) => {
                        let (prefix, len) = $prefix(route);
                        self.table.add(prefix, len, route.next_hop)
                    }
                    Change::Withdraw(route) => {
                        let (prefix, len) = $prefix(route);
                        self.table.delete(prefix, len)
                    }
                };
                done.map_err(|error| error.to_string())
            }

            fn has_updates(&self) -> bool {
                true
            }
        }
    };
}

engine!(RteFib6, Fib6, fib6(lookup: Lookup), tbl8_reserved, bytes, u64::from(NO_ROUTE), octets, |found| found as u32);
engine!(RteFib4, Fib4, fib4(lookup: Lookup), tbl8_count, v4, u64::from(NO_ROUTE), number, |found| found as u32);
engine!(RteLpm6, Lpm6, lpm6(), tbl8_count, bytes, LPM6_NO_ROUTE, octets, |found| u32::try_from(found)
    .unwrap_or(0));
