//! What readers and the writer share: the front, the lines behind it, and the route to everywhere.
//!
//! # Memory ordering
//!
//! Only words of the front, of the tables behind it and of pages change while readers look. The writer fills fresh lines first (relaxed stores),
//! then stores the one word that leads to them with [`Ordering::Release`](std::sync::atomic::Ordering::Release); readers
//! load those words with [`Ordering::Acquire`](std::sync::atomic::Ordering::Acquire), so that whoever sees the word sees
//! the lines. Nodes never change once they are published, so they are read with plain loads, a line at a time. A line is
//! written again only after a grace period ([`super::grace`]), when no reader can hold a word that led to it.

use std::io;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use memory::Words;

use super::entry::{FRONT_BITS, LINE_WORDS, MAX_TABLE_BITS, order_of};
use super::kernel::Kernel;
use crate::id::NextHopId;

/// Words of the front: one for each value of an address's first 16 bits.
pub const FRONT_WORDS: usize = 1 << FRONT_BITS;
/// Lines that hold nodes and pages, at most, a table: 512 MB of address space, of which only what is used is memory.
pub const TABLE_LINES: u32 = 1 << 23;
/// Lines at the beginning that are never written: what words of the front that are zero lead to.
pub const EMPTY_LINES: u32 = 1 << order_of(MAX_TABLE_BITS);
/// IPv4: bits of the address that the direct words decide, as in DIR-24-8.
pub const DIRECT_BITS: u32 = 24;
/// IPv4: where the direct words begin.
pub const DIRECT_LINE: u32 = EMPTY_LINES;
const DIRECT_WORDS: usize = 1 << DIRECT_BITS;
/// IPv4: lines of the direct words.
pub const DIRECT_LINES: u32 = (DIRECT_WORDS / LINE_WORDS) as u32;

/// A table. Invariant: every word of the front, and every word in use that is not a leaf, leads to lines inside `lines`.
#[derive(Debug)]
pub(super) struct Table {
    front: Words,
    lines: Words,
    default: AtomicU32,
    kernel: Kernel,
}

impl Table {
    /// An empty table.
    pub(super) fn reserve() -> io::Result<Table> {
        Ok(Table {
            front: Words::reserve(FRONT_WORDS)?,
            lines: Words::reserve(TABLE_LINES as usize * LINE_WORDS)?,
            default: AtomicU32::new(NextHopId::NO_ROUTE.0),
            kernel: Kernel::detect(),
        })
    }

    /// By the first 16 bits of the address. Always [`FRONT_WORDS`].
    pub(super) fn front(&self) -> &[AtomicU32] {
        &self.front
    }

    /// Nodes and pages. Always [`TABLE_LINES`] lines.
    pub(super) fn lines(&self) -> &[AtomicU32] {
        &self.lines
    }

    /// IPv4: one word for each value of an address's first 24 bits, in lines that nothing else uses.
    pub(super) fn direct(&self) -> &[AtomicU32] {
        let from = DIRECT_LINE as usize * LINE_WORDS;
        self.lines.get(from..from + DIRECT_WORDS).unwrap_or_default()
    }

    /// The next hop of the route to everywhere.
    pub(super) fn default(&self) -> NextHopId {
        NextHopId(self.default.load(Acquire))
    }

    /// Changes the route to everywhere.
    pub(super) fn set_default(&self, next_hop: NextHopId) {
        self.default.store(next_hop.0, Release);
    }

    /// How lookups are done on this processor.
    pub(super) fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Asks for huge pages for the lines: a table of some size is hot in more places than the processor has entries for
    /// small ones.
    pub(super) fn prefer_huge_pages(&self) {
        self.lines.prefer_huge_pages(0);
    }

    /// One word of the lines, for the writer itself, which is the only one that changes it.
    pub(super) fn word(&self, line: u32, index: usize) -> u32 {
        self.lines.get(line as usize * LINE_WORDS + index).map_or(0, |word| word.load(Relaxed))
    }
}
