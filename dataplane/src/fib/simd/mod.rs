//! The fenced module: lookups with vectors. The only place in the dataplane where raw memory is read.
//!
//! # How
//!
//! A block of [`BLOCK`] addresses goes down together, and all of them take the same steps: the front (a plain load each: many
//! in flight are faster than a vector gather), root, branch and twig of a tree. A step is one comparison of a line of keys
//! with the address's, a count of the ones, and an addition. There is no branch on data, so nothing to foresee wrongly; the
//! twigs are requested for all before the first is needed. The few words that are not leaves then (cells behind a tree) are
//! sorted into lists by kind, and each list goes on by itself, round by round.
//!
//! The step is in assembly because compilers gather the counts of several lookups in vectors and count there, at half the
//! speed.
//!
//! # Why it is sound
//!
//! - The functions with `target_feature` are called only from the safe ones below, each of which checks the features first
//!   and falls back to plain code.
//! - A block's addresses and results are slices of equal length, cut by the safe functions; lanes are below that length.
//! - The front has [`FRONT_WORDS`](super::table::FRONT_WORDS) words: a 24-bit index is inside.
//! - Every word of an IPv6 front is the place of as many roots as its low bits choose from (zero: of the empty tree's), every
//!   place in a root that of its branches, in a branch that of its twigs, and a line has no more keys than children less one:
//!   the writer made them from lines that it took (`Lines::new(_, TABLE_LINES)`), so all lines read are inside `lines`.
//!   `Table` keeps that and the next two points as its invariants.
//! - A word that is not a leaf leads to a line, or a page of 16 lines, inside `lines`. A page's word is one of its 256; a
//!   node's one of its 16, since at most as many keys are counted as the node has (the mask).
//! - The bits that a node goes by lie in the address: `at` is at most 15 for one octet, 12 for four, 8 for eight; the
//!   compiler makes no others (the tests compare every kernel with plain code).
//! - Words and places, which change, are read by one load each, which is atomic for a word that does not cross a line; on
//!   this processor every load is an acquire load. Keys are read a line at a time: they do not change from before the word
//!   that leads to them is published until after a grace period (see `table`), and what else is in the line is masked out.

#![allow(unsafe_code)]
#![allow(clippy::cast_ptr_alignment, reason = "lines begin at a multiple of 64 octets")]
#![allow(clippy::inline_always, reason = "what is not inlined loses the vector registers")]
#![allow(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the lanes of vectors are signed by type only"
)]

use super::table::{DefaultRoute, Table};
use crate::id::NextHopId;

/// Addresses that go down together: enough loads in flight to hide a cache miss, few enough for the first-level cache.
pub const BLOCK: usize = 64;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod x86;

/// True when this processor has what [`lookup6_avx2`] needs.
pub(super) fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("lzcnt")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// True when this processor has what [`lookup6_avx512`] needs.
pub(super) fn has_avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        has_avx2()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The safe functions: `$name` does with vectors, after `$has`, what the plain kernel does.
macro_rules! lookups {
    ($($(#[$doc:meta])* $name:ident($address:ty), $has:ident, $plain:ident, |$view:ident, $a:ident, $block:ident| $call:expr;)*) => { $(
        $(#[$doc])*
        pub(super) fn $name(
            table: &Table,
            default: DefaultRoute,
            addresses: &[$address],
            next_hops: &mut [NextHopId],
        ) {
            #[cfg(target_arch = "x86_64")]
            if $has() {
                let $view = x86::View::new(table, default);
                for (addresses, next_hops) in addresses.chunks(BLOCK).zip(next_hops.chunks_mut(BLOCK)) {
                    let len = addresses.len().min(next_hops.len());
                    let $a = addresses.as_ptr();
                    // SAFETY: `len` addresses and next hops, at most BLOCK, borrowed until after the call. (IPv4 blocks
                    // never read addresses through the block.) `NextHopId` is a u32 by its `repr(transparent)`. The
                    // features were checked above, the table keeps its invariants.
                    unsafe {
                        let $block = x86::Block::new($a.cast(), next_hops.as_mut_ptr().cast(), len);
                        $call;
                    }
                }
                return;
            }
            super::kernel::Kernel::Scalar.$plain(table, default, addresses, next_hops);
        }
    )* };
}

lookups! {
    /// IPv6 with 512-bit vectors.
    lookup6_avx512(u128), has_avx512, lookup6, |view, _a, block| avx512::block6_avx512(view, block);
    /// IPv6 with 256-bit vectors.
    lookup6_avx2(u128), has_avx2, lookup6, |view, _a, block| avx2::block6_avx2(view, block);
    /// IPv4 with 512-bit vectors.
    lookup4_avx512(u32), has_avx512, lookup4, |view, a, block| avx512::block4_avx512(view, a, block);
    /// IPv4 with 256-bit vectors.
    lookup4_avx2(u32), has_avx2, lookup4, |view, a, block| avx2::block4_avx2(view, a, block);
}
