//! PlanB's IPv6 lookup scheme, to compare our forwarding table with. For the benches only: nothing of the product
//! depends on this crate.
//!
//! Our own implementation, from the description in *PlanB: Efficient Software IPv6 Lookup with Linearized B+-Tree*
//! (Zhang et al., NSDI 2026, arXiv:2604.14650), made as fast as we can: a rival that is handicapped proves nothing.
//!
//! - The prefixes cut the space of the upper 64 address bits into elementary intervals, each with one next hop;
//!   neighbours with equal next hops are merged. A lookup is then a search for the interval's number.
//! - The interval bounds are in a 9-ary search tree without pointers. A node is one cache line of 8 keys; one
//!   AVX-512 comparison and the count of its ones give the branch, and `9 * node + branch` is the child. The same
//!   formula at the last level gives the number of the interval. Without AVX-512 the keys are compared one by one.
//! - Lookups go in groups: a group goes down level by level, so that its cache misses overlap, and the lines of the
//!   levels that may not be in the first-level cache are requested ahead.
//!
//! The scheme has 64 bits only: intervals are cut at /64, and a longer prefix is refused ([`Error::PrefixTooLong`]).
//! There are no updates: the table is built anew, as in the paper.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx512;
mod build;
mod lines;
mod lookup;

use std::fmt;

use lines::Lines;

/// The longest prefix that the scheme can hold, in bits.
pub const PREFIX_LEN_MAX: u8 = 64;

/// Children of a tree node.
const WAYS: usize = 9;

/// Keys of a tree node: as many as fill a cache line.
const KEYS: usize = WAYS - 1;

/// The deepest tree: 9^9 intervals, more than the address space of any machine holds prefixes for.
const DEPTH_MAX: usize = 9;

/// Why a table was not built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A prefix is longer than [`PREFIX_LEN_MAX`]; its length in bits.
    PrefixTooLong(u8),
    /// A route has next hop 0, which stands for "no route".
    ZeroNextHop,
    /// There are more elementary intervals than the deepest tree holds; their number.
    TooManyIntervals(usize),
    /// The system has no memory for the tables.
    NoMemory,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrefixTooLong(len) => write!(f, "prefix length {len} is above {PREFIX_LEN_MAX}"),
            Self::ZeroNextHop => f.write_str("next hop 0 stands for no route"),
            Self::TooManyIntervals(count) => write!(f, "{count} intervals are too many"),
            Self::NoMemory => f.write_str("no memory"),
        }
    }
}

impl std::error::Error for Error {}

/// A lookup table, built once.
#[derive(Debug)]
pub struct PlanB {
    /// The nodes of all levels, the root's level first, each level without gaps.
    nodes: Lines<u64>,
    /// Where each level starts in `nodes`, in keys; as many as `depth`.
    level_starts: [usize; DEPTH_MAX],
    depth: usize,
    /// Interval number to next hop.
    next_hops: Lines<u32>,
    avx512: bool,
}

impl PlanB {
    /// Builds a table of (address, prefix length, next hop), in any order; address bits beyond the prefix length
    /// are ignored, and of several routes for one prefix the last counts. Addresses are in host order.
    ///
    /// # Errors
    /// [`Error::PrefixTooLong`], [`Error::ZeroNextHop`], [`Error::TooManyIntervals`] and [`Error::NoMemory`].
    pub fn build(routes: impl Iterator<Item = (u128, u8, u32)>) -> Result<Self, Error> {
        build::build(&build::intervals(build::masked(routes)?))
    }

    /// The next hops of addresses in host order, 0 where there is no route. As many lookups are made as the shorter
    /// slice has elements.
    pub fn lookup_batch(&self, addresses: &[u128], next_hops: &mut [u32]) {
        lookup::lookup_batch(self, addresses, next_hops);
    }

    /// As [`lookup_batch`](Self::lookup_batch) on a machine without AVX-512.
    pub fn lookup_batch_scalar(&self, addresses: &[u128], next_hops: &mut [u32]) {
        lookup::lookup_batch_scalar(self, addresses, next_hops);
    }

    /// Whether lookups use AVX-512.
    pub fn uses_avx512(&self) -> bool {
        self.avx512
    }

    /// The memory that holds the tree and the next hops, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.nodes.bytes() + self.next_hops.bytes()
    }

    /// The number of nodes that a lookup visits.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The number of intervals, with equal neighbours merged.
    pub fn intervals(&self) -> usize {
        self.next_hops.len()
    }
}
