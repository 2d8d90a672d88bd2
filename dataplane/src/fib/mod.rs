//! Longest-prefix match: N addresses in, N next-hop ids out, while routes change.
//!
//! # The structure
//!
//! ```text
//! address | 24 bits |      16 to 47: root -> branch -> twig      | 48 ...
//!           front --> tree of three steps, a line of keys each ---> leaf, or page / node / long node -> ...
//! ```
//! - The *front* is a direct table of 2^24 words, as in DIR-24-8. It is reserved as address space; only the parts of it that
//!   routes fall into become memory, so a small VRF costs a few pages of it, and a full one 66 KB.
//! - Behind it stand *trees* of fixed depth ([`forest`]): all lookups take the same three steps, so that a batch goes down
//!   side by side and without a branch. A step compares a cache line of keys with the address in one instruction; the
//!   number of keys below it is the index of the child.
//! - What is finer than 48 bits is in cells behind the trees ([`compile`]): *pages* (256 words) where routes are dense,
//!   *nodes* of one line where they are not; *long nodes*, which go by a whole half of the address, are path compression.
//! - Neighbours with equal next hops are merged; the default route is a word of its own, so that it costs nothing.
//! - IPv4 is DIR-24-8 itself: the front's words are leaves or lead to pages.
//!
//! [`Fib6`] and [`Fib4`] are what workers hold: lookups only. [`Writer6`] and [`Writer4`] belong to control: they keep the
//! routes in order, compile the smallest part around a change into fresh lines, publish it with one atomic store,
//! and reuse what it replaced after a grace period ([`grace`]). The memory ordering is described in `table.rs`.

mod compile;
mod entry;
mod forest;
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
mod trees;
mod writer;

pub use entry::MAX_NEXT_HOP_ID;
pub use kernel::Kernel;
pub use prefix::{Prefix4, Prefix6, PrefixSet};
pub use public::{Fib4, Fib6, FibError, Writer4, Writer6};
pub use simd::BLOCK;
pub use stats::FibStats;
