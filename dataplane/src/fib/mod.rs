//! Longest-prefix match: N addresses in, N next-hop ids out, while routes change.
//!
//! # The structure
//!
//! ```text
//! address  | 24 bits | 8 bits |          16 bits          | 16 bits | ... |      64 bits      |
//!            front --> page ---> short node -> short node --> ...          long node -> ...
//! ```
//! - The *front* is a direct table of 2^24 words, as in DIR-24-8: a leaf, or where to go on. It is reserved as address
//!   space; only the parts of it that routes fall into become memory, so a small VRF costs a few pages of it.
//! - Behind it stand *pages* (256 words, by one octet of the address) where routes are dense, and *nodes* of one cache line
//!   where they are not: the keys of a line are compared with the address in one instruction, and the number of keys that
//!   are not above it is the index of the next word. A *short* node goes by 16 bits (10 keys, 11 words), a *long* one by a
//!   whole half of the address (5 keys, 6 words): that is path compression for whatever is sparse.
//! - Neighbours with equal next hops are merged; the default route is a word of its own, so that it costs nothing.
//!
//! [`Fib6`] and [`Fib4`] are what workers hold: lookups only. [`Writer6`] and [`Writer4`] belong to control: they keep the
//! routes in order, compile the smallest cell around a change into fresh lines, publish it with one atomic store a word,
//! and reuse what it replaced after a grace period ([`grace`]). The memory ordering is described in `table.rs`.

mod compile;
mod entry;
pub mod grace;
mod kernel;
mod lines;
pub mod prefix;
mod public;
mod routes;
mod scalar;
mod simd;
mod stats;
mod table;
mod writer;

pub use entry::MAX_NEXT_HOP_ID;
pub use kernel::Kernel;
pub use prefix::{Prefix4, Prefix6, PrefixSet};
pub use public::{Fib4, Fib6, FibError, Writer4, Writer6};
pub use simd::BLOCK;
pub use stats::FibStats;
