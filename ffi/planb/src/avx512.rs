//! Lookups with AVX-512: 64 at a time, level by level.
//!
//! The upper levels are in the nearest caches: rows of 16 lookups go down there with their addresses in vector
//! registers, so that 16 chains of compare, count and step overlap. The lines of the lower levels and of the next
//! hops are requested for all lookups of the group before the first one needs its own. (Of the rows and groups
//! that were tried, these are the fastest on Zen 5.)

use std::arch::asm;
use std::arch::x86_64::{__m512i, _MM_HINT_T0, _mm_prefetch, _mm512_set1_epi64};
use std::array;

use crate::{KEYS, PlanB};

/// Lookups whose addresses stay in vector registers on the upper levels.
const ROW: usize = 16;

/// Rows that are in flight together.
const ROWS: usize = 4;

/// Levels at the lower end of the tree whose lines are requested ahead.
const FAR_LEVELS: usize = 2;

/// [`PlanB::lookup_batch`].
///
/// # Safety
/// The machine has the features that `lookup::avx512_usable` asks for.
#[target_feature(enable = "avx512f,avx512dq,popcnt,bmi2")]
pub(crate) unsafe fn lookup_batch(table: &PlanB, addresses: &[u128], next_hops: &mut [u32]) {
    let count = addresses.len().min(next_hops.len());
    let (rows, rest) = addresses[..count].as_chunks::<ROW>();
    let (results, rest_results) = next_hops[..count].as_chunks_mut::<ROW>();
    let (groups, rows) = rows.as_chunks::<ROWS>();
    let (group_results, results) = results.as_chunks_mut::<ROWS>();
    for (rows, results) in groups.iter().zip(group_results) {
        group(table, rows, results);
    }
    for (row, results) in rows.iter().zip(results) {
        group(table, array::from_ref(row), array::from_mut(results));
    }
    if !rest.is_empty() {
        let (mut row, mut results) = ([0; ROW], [0; ROW]);
        row[..rest.len()].copy_from_slice(rest);
        group(table, &[row], array::from_mut(&mut results));
        rest_results.copy_from_slice(&results[..rest.len()]);
    }
}

/// Looks up some rows together.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,popcnt,bmi2")]
fn group<const N: usize>(table: &PlanB, rows: &[[u128; ROW]; N], results: &mut [[u32; ROW]; N]) {
    let near = table.depth.saturating_sub(FAR_LEVELS);
    // Where each lookup is in its level, in keys; below the last level, its interval's number.
    let mut at = [[0; ROW]; N];
    for (row, at) in rows.iter().zip(&mut at) {
        upper_levels(table, near, row, at);
    }
    for number in near..table.depth - 1 {
        let (nodes, below) = (level(table, number), level(table, number + 1));
        for (row, at) in rows.iter().zip(&mut at) {
            for (address, at) in row.iter().zip(at) {
                // SAFETY: see `step`; `at` came from the root by `step` from level to level.
                *at = unsafe { step(nodes, *at, splat(*address)) };
                _mm_prefetch::<_MM_HINT_T0>(below.wrapping_add(*at).cast());
            }
        }
    }
    let (leaves, next_hops) = (level(table, table.depth - 1), table.next_hops.as_ptr());
    for (row, at) in rows.iter().zip(&mut at) {
        for (address, at) in row.iter().zip(at) {
            // SAFETY: as above.
            *at = unsafe { step(leaves, *at, splat(*address)) } / KEYS;
            _mm_prefetch::<_MM_HINT_T0>(next_hops.wrapping_add(*at).cast());
        }
    }
    for (results, at) in results.iter_mut().zip(&at) {
        for (result, at) in results.iter_mut().zip(at) {
            // SAFETY: the last level leads to the number of an interval (see `step`), and each has a next hop.
            *result = unsafe { load(next_hops, *at) };
        }
    }
}

/// Takes a row of lookups from the root to the level of number `near`, and requests the nodes there.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,popcnt,bmi2")]
fn upper_levels(table: &PlanB, near: usize, row: &[u128; ROW], reached: &mut [usize; ROW]) {
    let keys: [__m512i; ROW] = array::from_fn(|i| splat(row[i]));
    let mut at = [0; ROW];
    for number in 0..near {
        let nodes = level(table, number);
        for (at, key) in at.iter_mut().zip(&keys) {
            // SAFETY: see `step`; `at` is the root's, or came from it by `step` from level to level.
            *at = unsafe { step(nodes, *at, *key) };
        }
    }
    let nodes = level(table, near);
    for (reached, at) in reached.iter_mut().zip(at) {
        _mm_prefetch::<_MM_HINT_T0>(nodes.wrapping_add(at).cast());
        *reached = at;
    }
}

/// The nodes of a level; `number` is below the tree's depth.
#[inline]
fn level(table: &PlanB, number: usize) -> *const u64 {
    debug_assert!(number < table.depth);
    // SAFETY: `depth` is at least 1 and at most the array's length, and the callers stay below it.
    table.nodes.as_ptr().wrapping_add(unsafe { *table.level_starts.get_unchecked(number) })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(address: u128) -> __m512i {
    _mm512_set1_epi64((address >> 64) as i64)
}

/// From a node to its child: counts the keys below the address. `at` and the result count keys from the level's
/// start; below the last level, the result is 8 times the number of the interval.
///
/// In assembly because the compiler would gather the counts of several lookups in vectors, and count there, at
/// less than half the speed.
///
/// # Safety
/// `nodes` is a level of a tree, and `at` a node in it: 0 at the root, and what this function returned for the
/// level above elsewhere. That is always a node: a key that an address is greater than is the lower bound of an
/// interval, and `build` made nodes for all intervals; no address is greater than the keys that fill up.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,popcnt,bmi2")]
unsafe fn step(nodes: *const u64, at: usize, key: __m512i) -> usize {
    let child;
    // SAFETY: reads the 64 bytes of one node, which exists (see above); a node starts at a cache line, but the
    // comparison takes any address. Nothing but the named registers and the flags is written. Writing the low
    // half of `branch` clears its high half.
    unsafe {
        asm!(
            "vpcmpnleuq {mask}, {key}, [{nodes} + {at} * 8]", // unsigned: key > node's
            "lea {at}, [{at} + {at} * 8]",
            "kmovb {branch:e}, {mask}",
            "popcnt {branch:e}, {branch:e}",
            "lea {at}, [{at} + {branch} * 8]",
            nodes = in(reg) nodes,
            at = inout(reg) at => child,
            key = in(zmm_reg) key,
            mask = out(kreg) _,
            branch = out(reg) _,
            options(pure, readonly, nostack),
        );
    }
    child
}

/// `*values.add(at)`, by a load of its own: the compiler would gather several, which is slower.
///
/// # Safety
/// The element is in bounds and initialised.
#[inline]
unsafe fn load(values: *const u32, at: usize) -> u32 {
    let value;
    // SAFETY: reads one element, which the caller says there is.
    unsafe {
        asm!(
            "mov {value:e}, [{values} + {at} * 4]",
            values = in(reg) values,
            at = in(reg) at,
            value = lateout(reg) value,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    value
}
