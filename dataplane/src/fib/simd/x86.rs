//! What the kernels for x86-64 share: a table and a block as addresses of memory, and the steps that need no vectors.

use std::mem::MaybeUninit;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;

use super::BLOCK;
use crate::fib::entry::{AT_SHIFT, KIND_SHIFT};
use crate::fib::forest::{Front, LINE_BYTES, TREE_END};
use crate::fib::table::{DefaultRoute, FRONT_BITS, Table};

pub(super) const PAGE: u32 = 1 << KIND_SHIFT;
pub(super) const NODE: u32 = 2 << KIND_SHIFT;
pub(super) const LONG: u32 = 3 << KIND_SHIFT;
/// Lanes in a list are kept as byte offsets into the output.
pub(super) const LANE_BYTES: usize = size_of::<u32>();
/// Addresses are so many times as large as results.
pub(super) const ADDRESS_LANES: usize = size_of::<u128>() / LANE_BYTES;
pub(super) const VECTOR: usize = 16;
/// Where the key for a tree begins in an address, in octets from its end.
pub(super) const TREE_AT: usize = (128 - TREE_END as usize) / 8;
/// Where an address's first four octets are.
pub(super) const HIGH_AT: usize = 12;
/// Where the 16 bits behind those that the front decides are.
pub(super) const NEXT_AT: usize = 11;
/// Lookups whose keys stay in registers from the front to the branch.
pub(super) const ROW: usize = 16;

/// Lanes of one kind; room for a whole vector behind the last one.
pub(super) type List = [MaybeUninit<u32>; BLOCK + VECTOR];

/// A table as addresses of memory.
#[derive(Clone, Copy)]
pub(super) struct View {
    pub(super) front: *const AtomicU32,
    pub(super) lines: *const AtomicU32,
    pub(super) default: u32,
}

impl View {
    pub(super) fn new(table: &Table, default: DefaultRoute) -> View {
        View { front: table.front().as_ptr(), lines: table.lines().as_ptr(), default: default.next_hop().0 }
    }

    /// The word of the front for an address's first four octets.
    #[inline(always)]
    pub(super) fn front(self, high: u32) -> u32 {
        // SAFETY: the front has 2^24 words.
        unsafe { (*self.front.add((high >> (32 - FRONT_BITS)) as usize)).load(Acquire) }
    }

    /// # Safety
    /// `word` leads to a page, and `octet` is below 256.
    #[inline(always)]
    pub(super) unsafe fn page(self, word: u32, octet: usize) -> u32 {
        // SAFETY: a page has 256 words from its first line on, all inside `lines`.
        unsafe { (*self.line(word).cast::<AtomicU32>().add(octet)).load(Acquire) }
    }

    /// The line of a node.
    #[inline(always)]
    pub(super) fn line(self, word: u32) -> *const u32 {
        // Bits above the line's number fall off at the left.
        self.lines.cast::<u32>().wrapping_byte_add((word << LINE_BYTES.ilog2()) as usize)
    }
}

/// One block: addresses, results, how many.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) addresses: *const u8,
    pub(super) words: *mut u32,
    pub(super) len: usize,
}

impl Block {
    /// # Safety
    /// Both point to `len` elements, at most [`BLOCK`], that nobody else uses as long as the block lives.
    pub(super) unsafe fn new(addresses: *const u128, words: *mut u32, len: usize) -> Block {
        Block { addresses: addresses.cast(), words, len }
    }

    /// Octets of a lane's address, from the `at`-th before its end on: the memory of a number on this processor begins
    /// with its last octet.
    ///
    /// # Safety
    /// `lane` is one of the block's (in bytes), and `at + size_of::<T>()` at most 16.
    #[inline(always)]
    pub(super) unsafe fn key<T>(self, lane: u32, at: usize) -> T {
        // SAFETY: inside the address of the lane, which any octets of are a T (an unsigned number).
        unsafe { self.addresses.add(lane as usize * ADDRESS_LANES + at).cast::<T>().read_unaligned() }
    }

    /// # Safety
    /// `lane` is one of the block's.
    #[inline(always)]
    pub(super) unsafe fn word(self, lane: u32) -> *mut u32 {
        // SAFETY: inside the block's results.
        unsafe { self.words.byte_add(lane as usize) }
    }
}

#[inline(always)]
pub(super) fn at(word: u32) -> usize {
    (word >> AT_SHIFT) as usize
}

/// A page step for every lane of a list.
///
/// # Safety
/// The lanes are the block's, and their words lead to pages.
#[inline(always)]
pub(super) unsafe fn pages(view: View, block: Block, lanes: &[u32]) {
    for &lane in lanes {
        // SAFETY: as the contract says; `at` of a page is at most 15.
        unsafe {
            let word = block.word(lane);
            let octet: u8 = block.key(lane, at(*word));
            *word = view.page(*word, usize::from(octet));
        }
    }
}

/// A node step for every lane of a list. `count` counts the keys of the line that are not above a lane's.
///
/// # Safety
/// The lanes are the block's, and their words lead to nodes whose words begin at `words_at` and whose keys are a T.
#[inline(always)]
pub(super) unsafe fn nodes<T>(
    view: View,
    block: Block,
    lanes: &[u32],
    words_at: usize,
    count: impl Fn(*const u32, T) -> u32,
) {
    for &lane in lanes {
        // SAFETY: as the contract says; the compiler makes nodes with `at` so that the key is inside the address, and
        // at most as many keys are counted as there are words less one.
        unsafe {
            let word = block.word(lane);
            let line = view.line(*word);
            let below = count(line, block.key(lane, at(*word)));
            *word = (*line.add(words_at + below as usize).cast::<AtomicU32>()).load(Acquire);
        }
    }
}

/// Where the root for a lane begins, in octets from the first line.
#[inline(always)]
pub(super) fn root(view: View, block: Block, lane: usize) -> u32 {
    let lane = (lane * LANE_BYTES) as u32;
    // SAFETY: the lane is one of the block's.
    unsafe { Front(view.front(block.key(lane, HIGH_AT))).root(block.key(lane, NEXT_AT)) }
}

/// The first lanes of a list.
///
/// # Safety
/// So many were written.
#[inline(always)]
pub(super) unsafe fn lanes(list: &List, len: usize) -> &[u32] {
    // SAFETY: as the contract says.
    unsafe { std::slice::from_raw_parts(list.as_ptr().cast(), len) }
}

/// The word of the front for every lane: IPv4.
///
/// # Safety
/// As [`Block::new`], with 32-bit addresses.
#[inline(always)]
pub(super) unsafe fn front4(view: View, addresses: *const u32, block: Block) {
    for lane in 0..block.len {
        // SAFETY: the lane is one of the block's.
        unsafe { *block.words.add(lane) = view.front(*addresses.add(lane)) };
    }
}

/// [`pages`] for IPv4, whose pages go by the last octet.
///
/// # Safety
/// As [`pages`], with 32-bit addresses.
#[inline(always)]
pub(super) unsafe fn pages4(view: View, addresses: *const u32, block: Block, lanes: &[u32]) {
    for &lane in lanes {
        // SAFETY: as the contract says.
        unsafe {
            let word = block.word(lane);
            let octet = *addresses.byte_add(lane as usize) & 0xff;
            *word = view.page(*word, octet as usize);
        }
    }
}
