//! What is compared: a table that answers batches of addresses. One dynamic call is one pass over a trace; inside it
//! every engine runs the same loop, compiled for it, on addresses and results of its own types.

use std::hint::black_box;
use std::time::Duration;

use super::table::{Family, Table};
use super::trace::{Change, Trace};

/// Lookups of one call, at most.
pub const MAX_BATCH: usize = 256;
/// Lookups of one call, unless the user says otherwise.
pub const DEFAULT_BATCH: usize = 64;
/// How far ahead of the batch the addresses are fetched: else a long trace measures the reading of the trace.
const PREFETCH_AHEAD_BYTES: usize = 8 << 10;
const CACHE_LINE_BYTES: usize = 64;

/// A table with its lookup, built and ready.
pub trait Engine {
    /// Looks up the first `count` addresses of the trace, or all if it has fewer, `batch` (1 to [`MAX_BATCH`]) a call, and
    /// forgets the results. This is timed.
    fn pass(&self, trace: &Trace, count: usize, batch: usize);

    /// The next-hop id for every address of the trace, 0 for none; `batch` a call. Not timed.
    fn answers(&self, trace: &Trace, batch: usize) -> Vec<u32>;

    /// Octets that the table takes.
    fn memory_bytes(&self) -> usize;

    /// Applies one change, when the engine can; this is timed.
    ///
    /// # Errors
    /// Why the change was refused.
    fn update(&mut self, change: &Change) -> Result<(), String>;

    /// True when [`Engine::update`] changes the table in place; else there is only building anew.
    fn has_updates(&self) -> bool;
}

/// A built engine, and how long the build took without the preparation of its input.
#[expect(missing_debug_implementations, reason = "engines are foreign tables")]
pub struct Built {
    /// The table.
    pub engine: Box<dyn Engine>,
    /// From the routes in memory to a table that can be asked.
    pub elapsed: Duration,
}

/// How to make an engine.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The name in reports and of `--engines`.
    pub name: &'static str,
    /// Which tables it takes.
    pub family: Family,
    /// True for mexfwd's own; the others are its rivals.
    pub is_ours: bool,
    /// True when it differs from another one only in the way to look up.
    pub is_variant: bool,
    /// Builds it; the error says why this machine or this table does not do.
    pub build: fn(&Table) -> Result<Built, String>,
}

/// The loop around every engine: `lookup` for each batch, results in a buffer that stays in the first-level cache (as
/// a burst's do), the addresses of later batches on their way.
pub fn pass<A, R: Copy>(
    addresses: &[A],
    count: usize,
    batch: usize,
    none: R,
    mut lookup: impl FnMut(&[A], &mut [R]),
) {
    let addresses = addresses.get(..count).unwrap_or(addresses);
    let ahead = PREFETCH_AHEAD_BYTES / size_of::<A>();
    let a_line = (CACHE_LINE_BYTES / size_of::<A>()).max(1);
    let mut results = [none; MAX_BATCH];
    let batch = batch.clamp(1, MAX_BATCH);
    let mut at = 0usize;
    for addresses_now in addresses.chunks(batch) {
        // With batches smaller than a line: once a line.
        let mut next = at.next_multiple_of(a_line);
        at += addresses_now.len();
        while next < at {
            if let Some(address) = addresses.get(next + ahead) {
                prefetch(address);
            }
            next += a_line;
        }
        lookup(addresses_now, &mut results[..addresses_now.len()]);
        black_box(&mut results);
    }
}

#[cfg(target_arch = "x86_64")]
fn prefetch<T>(what: &T) {
    safe_arch::prefetch_t0(what);
}

#[cfg(not(target_arch = "x86_64"))]
fn prefetch<T>(_: &T) {}

/// All results of the same calls, as next-hop ids.
pub fn answers<A, R: Copy>(
    addresses: &[A],
    batch: usize,
    none: R,
    mut lookup: impl FnMut(&[A], &mut [R]),
    id: impl Fn(R) -> u32,
) -> Vec<u32> {
    let mut results = [none; MAX_BATCH];
    let mut ids = Vec::with_capacity(addresses.len());
    for addresses in addresses.chunks(batch.clamp(1, MAX_BATCH)) {
        let results = &mut results[..addresses.len()];
        // What an engine does not write is wrong, not what the call before left there.
        results.fill(none);
        lookup(addresses, results);
        ids.extend(results.iter().copied().map(&id));
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_looked_up_once_and_in_order() {
        let addresses: Vec<u32> = (0..1000).collect();
        for batch in [0, 1, 8, 64, 255, 256, 9999] {
            let mut seen = Vec::new();
            pass(&addresses, usize::MAX, batch, 0u32, |now, results| {
                assert_eq!(now.len(), results.len());
                seen.extend_from_slice(now);
            });
            assert_eq!(seen, addresses);
            let mut lookups = 0;
            pass(&addresses, 777, batch, 0u32, |now, _| lookups += now.len());
            assert_eq!(lookups, 777);
            let twice = |now: &[u32], results: &mut [u64]| {
                now.iter().zip(results).for_each(|(now, result)| *result = u64::from(*now) * 2);
            };
            let found = answers(&addresses, batch, 0u64, twice, |result| result as u32);
            assert!(found.into_iter().eq((0..1000).map(|n| n * 2)));
        }
    }
}
