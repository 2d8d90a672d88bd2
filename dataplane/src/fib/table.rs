//! What readers and the writer share: the front, the lines behind it, and the route to everywhere.
//!
//! # Memory ordering
//!
//! Of what readers look at, only words change: those of the front, of pages and of twigs, and the places of children in
//! roots and branches. The writer fills fresh lines first (relaxed stores), then stores the one word that leads to them
//! with [`Ordering::Release`](std::sync::atomic::Ordering::Release); readers load those words with
//! [`Ordering::Acquire`](std::sync::atomic::Ordering::Acquire) (every load is that on x86-64), so that whoever sees the word
//! sees the lines. Keys never change once they are published, so they are read with plain loads, a line at a time. A line
//! is written again only after a grace period ([`super::grace`]), when no reader can hold a word that led to it.
//!
//! The route to everywhere stands apart from the words that say "default". A lookup that overlaps a change of it could mix
//! the one of one moment with the words of another; so it has a version, and lookups that see two of them are repeated.

use std::io;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

use memory::Words;

use super::entry::LINE_WORDS;
use super::kernel::Kernel;
use crate::id::NextHopId;

/// Bits of the address that the front decides.
pub const FRONT_BITS: u32 = 24;
/// Words of the front: one for each value of an address's first bits.
pub const FRONT_WORDS: usize = 1 << FRONT_BITS;
/// Lines that hold trees, nodes and pages, at most, a table: 512 MB of address space, of which only what is used is memory.
pub const TABLE_LINES: u32 = 1 << 23;

/// A table. Invariant: every word of the front, and every word or place in use, leads to lines inside `lines`.
#[derive(Debug)]
pub(super) struct Table {
    front: Words,
    lines: Words,
    /// The next hop in the low half, how often it was changed in the high half.
    default: AtomicU64,
    /// How often anything was changed.
    version: AtomicU64,
    kernel: Kernel,
    has_trees: bool,
}

/// The route to everywhere at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DefaultRoute(u64);

impl DefaultRoute {
    /// Its next hop.
    pub(super) const fn next_hop(self) -> NextHopId {
        NextHopId(self.0 as u32)
    }
}

impl Table {
    /// An empty table; `has_trees` is for IPv6.
    pub(super) fn reserve(has_trees: bool) -> io::Result<Table> {
        Ok(Table {
            front: Words::reserve(FRONT_WORDS)?,
            lines: Words::reserve(TABLE_LINES as usize * LINE_WORDS)?,
            default: AtomicU64::new(u64::from(NextHopId::NO_ROUTE.0)),
            version: AtomicU64::new(0),
            kernel: Kernel::detect(),
            has_trees,
        })
    }

    /// By the first 24 bits of the address; always [`FRONT_WORDS`]. IPv6: where the root of a tree begins, in octets. IPv4:
    /// words in the form of [`super::entry`].
    pub(super) fn front(&self) -> &[AtomicU32] {
        &self.front
    }

    /// Trees, nodes and pages. Always [`TABLE_LINES`] lines.
    pub(super) fn lines(&self) -> &[AtomicU32] {
        &self.lines
    }

    /// The route to everywhere.
    pub(super) fn default(&self) -> DefaultRoute {
        DefaultRoute(self.default.load(Acquire))
    }

    /// Changes the route to everywhere. Only the writer does.
    pub(super) fn set_default(&self, next_hop: NextHopId) {
        let version = (self.default.load(Relaxed) >> 32).wrapping_add(1);
        self.default.store(version << 32 | u64::from(next_hop.0), Release);
    }

    /// How often anything was changed: what was found at one version still holds as long as that is the version.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Acquire)
    }

    /// Says that something has been changed. Only the writer does.
    pub(super) fn count_change(&self) {
        self.version.store(self.version.load(Relaxed).wrapping_add(1), Release);
    }

    /// IPv6: the front leads to trees. IPv4: to leaves and pages.
    pub(super) fn has_trees(&self) -> bool {
        self.has_trees
    }

    /// How lookups are done on this processor.
    pub(super) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Asks for huge pages for the lines: a table of some size is hot in more places than the processor has entries for
    /// small ones.
    pub(super) fn prefer_huge_pages(&self) {
        self.lines.prefer_huge_pages(0);
        if !self.has_trees {
            // A full IPv4 table is in all of the front. Of an IPv6 one's, few pages are hot.
            self.front.prefer_huge_pages(0);
        }
    }

    /// Gives the memory of a front back in which every word is zero.
    pub(super) fn discard_front(&self) {
        self.front.discard(0..FRONT_WORDS);
    }

    /// One word of the lines, for the writer itself, which is the only one that changes it.
    pub(super) fn word(&self, line: u32, index: usize) -> u32 {
        self.lines.get(line as usize * LINE_WORDS + index).map_or(0, |word| word.load(Relaxed))
    }
}
