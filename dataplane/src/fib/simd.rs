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
//! - Every word of an IPv6 front is the place of as many roots as its low bits choose from (zero: of the empty tree's), every place in a root that of its
//!   branches, in a branch that of its twigs, and a line has no more keys than children less one: the writer made them from
//!   lines that it took (`Lines::new(_, TABLE_LINES)`), so all lines read are inside `lines`. `Table` keeps that and the next
//!   two points as its invariants.
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
mod x86 {
    use std::arch::asm;
    #[allow(clippy::wildcard_imports, reason = "every name of it begins with _mm or __m")]
    use std::arch::x86_64::*;
    use std::array;
    use std::mem::MaybeUninit;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::Acquire;

    use super::BLOCK;
    use crate::fib::entry::{
        AT_SHIFT, KIND_MASK, KIND_SHIFT, LINE_WORDS, LONG_KEYS, LONG_WORDS_AT, MAX_LINES, NODE_KEYS,
        NODE_WORDS_AT,
    };
    use crate::fib::forest::{Front, LINE_BYTES, TREE_END, TREE_KEYS, TWIG_KEYS, TWIG_WORDS_AT};
    use crate::fib::table::{DefaultRoute, FRONT_BITS, Table};

    const PAGE: u32 = 1 << KIND_SHIFT;
    const NODE: u32 = 2 << KIND_SHIFT;
    const LONG: u32 = 3 << KIND_SHIFT;
    /// Lanes in a list are kept as byte offsets into the output.
    const LANE_BYTES: usize = size_of::<u32>();
    /// Addresses are so many times as large as results.
    const ADDRESS_LANES: usize = size_of::<u128>() / LANE_BYTES;
    const VECTOR: usize = 16;
    /// Where the key for a tree begins in an address, in octets from its end.
    const TREE_AT: usize = (128 - TREE_END as usize) / 8;
    /// Where an address's first four octets are.
    const HIGH_AT: usize = 12;
    /// Where the 16 bits behind those that the front decides are.
    const NEXT_AT: usize = 11;
    /// Lookups whose keys stay in registers from the front to the branch.
    const ROW: usize = 16;

    /// Lanes of one kind; room for a whole vector behind the last one.
    type List = [MaybeUninit<u32>; BLOCK + VECTOR];

    /// A table as addresses of memory.
    #[derive(Clone, Copy)]
    pub struct View {
        front: *const AtomicU32,
        lines: *const AtomicU32,
        default: u32,
    }

    impl View {
        pub fn new(table: &Table, default: DefaultRoute) -> View {
            View {
                front: table.front().as_ptr(),
                lines: table.lines().as_ptr(),
                default: default.next_hop().0,
            }
        }

        /// The word of the front for an address's first four octets.
        #[inline(always)]
        fn front(self, high: u32) -> u32 {
            // SAFETY: the front has 2^24 words.
            unsafe { (*self.front.add((high >> (32 - FRONT_BITS)) as usize)).load(Acquire) }
        }

        /// # Safety
        /// `word` leads to a page, and `octet` is below 256.
        #[inline(always)]
        unsafe fn page(self, word: u32, octet: usize) -> u32 {
            // SAFETY: a page has 256 words from its first line on, all inside `lines`.
            unsafe { (*self.line(word).cast::<AtomicU32>().add(octet)).load(Acquire) }
        }

        /// The line of a node.
        #[inline(always)]
        fn line(self, word: u32) -> *const u32 {
            // Bits above the line's number fall off at the left.
            self.lines.cast::<u32>().wrapping_byte_add((word << LINE_BYTES.ilog2()) as usize)
        }
    }

    /// One block: addresses, results, how many.
    #[derive(Clone, Copy)]
    pub struct Block {
        addresses: *const u8,
        words: *mut u32,
        len: usize,
    }

    impl Block {
        /// # Safety
        /// Both point to `len` elements, at most [`BLOCK`], that nobody else uses as long as the block lives.
        pub unsafe fn new(addresses: *const u128, words: *mut u32, len: usize) -> Block {
            Block { addresses: addresses.cast(), words, len }
        }

        /// Octets of a lane's address, from the `at`-th before its end on: the memory of a number on this processor begins
        /// with its last octet.
        ///
        /// # Safety
        /// `lane` is one of the block's (in bytes), and `at + size_of::<T>()` at most 16.
        #[inline(always)]
        unsafe fn key<T>(self, lane: u32, at: usize) -> T {
            // SAFETY: inside the address of the lane, which any octets of are a T (an unsigned number).
            unsafe { self.addresses.add(lane as usize * ADDRESS_LANES + at).cast::<T>().read_unaligned() }
        }

        /// # Safety
        /// `lane` is one of the block's.
        #[inline(always)]
        unsafe fn word(self, lane: u32) -> *mut u32 {
            // SAFETY: inside the block's results.
            unsafe { self.words.byte_add(lane as usize) }
        }
    }

    #[inline(always)]
    fn at(word: u32) -> usize {
        (word >> AT_SHIFT) as usize
    }

    /// A page step for every lane of a list.
    ///
    /// # Safety
    /// The lanes are the block's, and their words lead to pages.
    #[inline(always)]
    unsafe fn pages(view: View, block: Block, lanes: &[u32]) {
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
    unsafe fn nodes<T>(
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
    fn root(view: View, block: Block, lane: usize) -> u32 {
        let lane = (lane * LANE_BYTES) as u32;
        // SAFETY: the lane is one of the block's.
        unsafe { Front(view.front(block.key(lane, HIGH_AT))).root(block.key(lane, NEXT_AT)) }
    }

    // ---- AVX-512 ----

    /// A step from a root or branch, `at` octets from the first line, to the child that answers for `key`.
    ///
    /// # Safety
    /// The processor has the features, and a root or branch is there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,popcnt,lzcnt")]
    unsafe fn down_avx512(view: View, at: u32, key: __m512i) -> u32 {
        let child: u32;
        // SAFETY: reads the line, which is there; the place in it is not a key, and masked out.
        unsafe {
            asm!(
                "vpcmpnleud {mask}, {key}, [{lines} + {at}]", // key above the line's
                "kmovw {child:e}, {mask}",
                "and {child:e}, {keys}",
                "popcnt {child:e}, {child:e}",
                "shl {child:e}, {line_shift}",
                "add {child:e}, [{lines} + {at} + {place}]",
                lines = in(reg) view.lines,
                at = in(reg) u64::from(at),
                key = in(zmm_reg) key,
                mask = out(kreg) _,
                child = out(reg) child,
                keys = const (1 << TREE_KEYS) - 1,
                line_shift = const LINE_BYTES.ilog2(),
                place = const TREE_KEYS * LANE_BYTES,
                options(pure, readonly, nostack),
            );
        }
        child
    }

    /// The word of a twig, `at` octets from the first line, for `key`.
    ///
    /// # Safety
    /// The processor has the features, and a twig is there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,popcnt,lzcnt")]
    unsafe fn twig_avx512(view: View, at: u32, key: __m256i) -> u32 {
        let word: u32;
        // SAFETY: reads the line, which is there: half of it are keys, of which as many are counted as it has words less one.
        unsafe {
            asm!(
                "vpcmpnleud {mask}, {key}, [{lines} + {at}]", // key above the line's
                "kmovw {word:e}, {mask}",
                "popcnt {word:e}, {word:e}",
                "add {at}, {lines}",
                "mov {word:e}, [{at} + {word:r} * 4 + {words}]",
                lines = in(reg) view.lines,
                at = inout(reg) u64::from(at) => _,
                key = in(ymm_reg) key,
                mask = out(kreg) _,
                word = out(reg) word,
                words = const TWIG_WORDS_AT * LANE_BYTES,
                options(pure, readonly, nostack),
            );
        }
        word
    }

    /// The word of the twig for every lane.
    ///
    /// # Safety
    /// The processor has the features; as [`Block::new`]; the table keeps its invariants.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,popcnt,lzcnt")]
    unsafe fn trees_avx512(view: View, block: Block) {
        let mut twigs = [MaybeUninit::<u32>::uninit(); BLOCK];
        let key = |lane: usize| {
            // SAFETY: the lane is one of the block's.
            _mm512_set1_epi32(unsafe { block.key::<i32>((lane * LANE_BYTES) as u32, TREE_AT) })
        };
        let root = |lane: usize| root(view, block, lane);
        let whole = block.len / ROW * ROW;
        // SAFETY: lanes are the block's; every place comes from the front, a root or a branch.
        unsafe {
            for row in (0..whole).step_by(ROW) {
                let keys: [__m512i; ROW] = array::from_fn(|lane| key(row + lane));
                let roots: [u32; ROW] = array::from_fn(|lane| root(row + lane));
                let branches: [u32; ROW] = array::from_fn(|lane| down_avx512(view, roots[lane], keys[lane]));
                for lane in 0..ROW {
                    let twig = down_avx512(view, branches[lane], keys[lane]);
                    _mm_prefetch::<_MM_HINT_T0>(view.lines.wrapping_byte_add(twig as usize).cast());
                    twigs.get_unchecked_mut(row + lane).write(twig);
                }
            }
            for (lane, twig) in twigs.iter_mut().enumerate().take(block.len).skip(whole) {
                let branch = down_avx512(view, root(lane), key(lane));
                twig.write(down_avx512(view, branch, key(lane)));
            }
            let word = |lane: usize| {
                let twig = twigs.get_unchecked(lane).assume_init();
                twig_avx512(view, twig, _mm512_castsi512_si256(key(lane)))
            };
            for row in (0..whole).step_by(ROW) {
                for lane in row..row + ROW {
                    *block.words.add(lane) = word(lane);
                }
            }
            for lane in whole..block.len {
                *block.words.add(lane) = word(lane);
            }
        }
    }

    /// # Safety
    /// The processor has the features; as [`Block::new`]; the table keeps its invariants.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,popcnt,lzcnt")]
    pub unsafe fn block6_avx512(view: View, block: Block) {
        // SAFETY: lists hold lanes of this block by the kind of their word (see `sort`).
        unsafe {
            trees_avx512(view, block);
            if !finish_avx512(view, block) {
                let mut lists = [[MaybeUninit::uninit(); BLOCK + VECTOR]; 3];
                while round_avx512(view, block, &mut lists) > 0 {}
                finish_avx512(view, block);
            }
        }
    }

    /// A step of all lanes that are not done; how many there were.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,popcnt,lzcnt")]
    unsafe fn round_avx512(view: View, block: Block, lists: &mut [List; 3]) -> usize {
        let [page_list, node_list, long_list] = lists;
        // SAFETY: lists hold lanes of this block by the kind of their word (see `sort`).
        unsafe {
            let [page_len, node_len, long_len] =
                sort_avx512(block, [(page_list, PAGE), (node_list, NODE), (long_list, LONG)]);
            nodes(view, block, lanes(node_list, node_len), NODE_WORDS_AT, |line, key| node_avx512(line, key));
            pages(view, block, lanes(page_list, page_len));
            nodes(view, block, lanes(long_list, long_len), LONG_WORDS_AT, |line, key| long_avx512(line, key));
            page_len + node_len + long_len
        }
    }

    /// IPv4: front and pages only, by gathers: two for sixteen lookups are all there is to do.
    ///
    /// # Safety
    /// As [`block6_avx512`], with 32-bit addresses.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,popcnt,lzcnt")]
    pub unsafe fn block4_avx512(view: View, addresses: *const u32, block: Block) {
        let default = _mm512_set1_epi32(view.default as i32);
        for from in (0..block.len).step_by(VECTOR) {
            let present = tail(block.len - from);
            // SAFETY: only the lanes that are present are read from the addresses and written; the others look up address 0.
            // Indexes into the front are below 2^24; a page's word is inside its lines.
            unsafe {
                let addresses = _mm512_maskz_loadu_epi32(present, addresses.add(from).cast());
                let front = _mm512_srli_epi32::<{ 32 - FRONT_BITS }>(addresses);
                let mut words = _mm512_i32gather_epi32::<4>(front, view.front.cast());
                let is_page = _mm512_test_epi32_mask(words, _mm512_set1_epi32(KIND_MASK as i32));
                if is_page != 0 {
                    let line = _mm512_and_si512(words, _mm512_set1_epi32((MAX_LINES - 1) as i32));
                    let octet = _mm512_and_si512(addresses, _mm512_set1_epi32(0xff));
                    let index = _mm512_add_epi32(_mm512_slli_epi32::<{ LINE_WORDS.ilog2() }>(line), octet);
                    words = _mm512_mask_i32gather_epi32::<4>(words, is_page, index, view.lines.cast());
                }
                let routed = _mm512_test_epi32_mask(words, words);
                let next_hops = _mm512_mask_sub_epi32(default, routed, words, _mm512_set1_epi32(1));
                _mm512_mask_storeu_epi32(block.words.add(from).cast(), present, next_hops);
            }
        }
    }

    /// Sorts the lanes of the block into a list a kind.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,popcnt,lzcnt")]
    unsafe fn sort_avx512<const N: usize>(block: Block, lists: [(&mut List, u32); N]) -> [usize; N] {
        let mut lens = [0; N];
        let steps = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60);
        let mut lists = lists;
        for from in (0..block.len).step_by(VECTOR) {
            let present = tail(block.len - from);
            // SAFETY: only the lanes that are present are read.
            let words = unsafe { _mm512_maskz_loadu_epi32(present, block.words.add(from).cast()) };
            let kinds = _mm512_and_si512(words, _mm512_set1_epi32(KIND_MASK as i32));
            let lanes = _mm512_add_epi32(steps, _mm512_set1_epi32((from * LANE_BYTES) as i32));
            for ((list, kind), len) in lists.iter_mut().zip(&mut lens) {
                // Lanes that are not present are zero: leaves.
                let of_kind = _mm512_cmpeq_epi32_mask(kinds, _mm512_set1_epi32(*kind as i32));
                // SAFETY: at most `from` lanes are in the list, below BLOCK; it has room for a vector more.
                unsafe {
                    _mm512_storeu_si512(
                        list.as_mut_ptr().add(*len).cast(),
                        _mm512_maskz_compress_epi32(of_kind, lanes),
                    );
                }
                *len += of_kind.count_ones() as usize;
            }
        }
        lens
    }

    /// From leaves to next hops; false, and nothing done, when a word is not a leaf yet.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,popcnt,lzcnt")]
    unsafe fn finish_avx512(view: View, block: Block) -> bool {
        let default = _mm512_set1_epi32(view.default as i32);
        let mut left = 0;
        let mut found = [_mm512_setzero_si512(); BLOCK / VECTOR];
        for (from, found) in (0..block.len).step_by(VECTOR).zip(&mut found) {
            // SAFETY: only the lanes that are present are read.
            unsafe {
                let words = _mm512_maskz_loadu_epi32(tail(block.len - from), block.words.add(from).cast());
                let routed = _mm512_test_epi32_mask(words, words);
                left |= _mm512_test_epi32_mask(words, _mm512_set1_epi32(KIND_MASK as i32));
                *found = _mm512_mask_sub_epi32(default, routed, words, _mm512_set1_epi32(1));
            }
        }
        if left != 0 {
            return false;
        }
        for (from, found) in (0..block.len).step_by(VECTOR).zip(found) {
            // SAFETY: only the lanes that are present are written.
            unsafe { _mm512_mask_storeu_epi32(block.words.add(from).cast(), tail(block.len - from), found) };
        }
        true
    }

    /// The first lanes of a list.
    ///
    /// # Safety
    /// So many were written.
    #[inline(always)]
    unsafe fn lanes(list: &List, len: usize) -> &[u32] {
        // SAFETY: as the contract says.
        unsafe { std::slice::from_raw_parts(list.as_ptr().cast(), len) }
    }

    /// The word of the front for every lane: IPv4.
    ///
    /// # Safety
    /// As [`Block::new`], with 32-bit addresses.
    #[inline(always)]
    unsafe fn front4(view: View, addresses: *const u32, block: Block) {
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
    unsafe fn pages4(view: View, addresses: *const u32, block: Block, lanes: &[u32]) {
        for &lane in lanes {
            // SAFETY: as the contract says.
            unsafe {
                let word = block.word(lane);
                let octet = *addresses.byte_add(lane as usize) & 0xff;
                *word = view.page(*word, octet as usize);
            }
        }
    }

    /// The lanes of a vector that are there when `left` are.
    #[inline(always)]
    fn tail(left: usize) -> u16 {
        if left >= VECTOR { u16::MAX } else { (1u16 << left) - 1 }
    }

    /// # Safety
    /// `line` is a line in use that holds a node.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,popcnt,lzcnt")]
    unsafe fn node_avx512(line: *const u32, key: u32) -> u32 {
        const KEYS: u8 = (1 << NODE_KEYS) - 1;
        // SAFETY: the first half of the line.
        let keys = unsafe { _mm256_load_si256(line.cast()) };
        u32::from(_mm256_mask_cmple_epu32_mask(KEYS, keys, _mm256_set1_epi32(key as i32))).count_ones()
    }

    /// # Safety
    /// `line` is a line in use that holds a long node.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,popcnt,lzcnt")]
    unsafe fn long_avx512(line: *const u32, key: u64) -> u32 {
        const KEYS: u8 = (1 << LONG_KEYS) - 1;
        // SAFETY: the line.
        let keys = unsafe { _mm512_load_si512(line.cast()) };
        u32::from(_mm512_mask_cmple_epu64_mask(KEYS, keys, _mm512_set1_epi64(key as i64))).count_ones()
    }

    // ---- AVX2 ----

    /// How many of the first `KEYS` keys of a line are below `key`.
    ///
    /// # Safety
    /// The processor has the features, and a line is there.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    unsafe fn below_avx2<const KEYS: u32>(line: *const u32, key: u32) -> u32 {
        let key = _mm256_set1_epi32(key as i32);
        let mut not_below = 0;
        for half in 0..KEYS.div_ceil(8) {
            // SAFETY: half of the line.
            let keys = unsafe { _mm256_load_si256(line.cast::<__m256i>().add(half as usize)) };
            let is_not_below = _mm256_cmpeq_epi32(_mm256_max_epu32(keys, key), keys);
            not_below |= (_mm256_movemask_ps(_mm256_castsi256_ps(is_not_below)) as u32) << (8 * half);
        }
        (!not_below & ((1 << KEYS) - 1)).count_ones()
    }

    /// The word of the twig for every lane.
    ///
    /// # Safety
    /// As [`trees_avx512`].
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    unsafe fn trees_avx2(view: View, block: Block) {
        for lane in 0..block.len {
            // SAFETY: the lane is one of the block's; every place comes from the front, a root or a branch.
            unsafe {
                let key: u32 = block.key((lane * LANE_BYTES) as u32, TREE_AT);
                let mut at = root(view, block, lane);
                for _ in 0..2 {
                    let line = view.lines.wrapping_byte_add(at as usize);
                    let below = below_avx2::<{ TREE_KEYS as u32 }>(line.cast(), key);
                    at = (*line.add(TREE_KEYS)).load(Acquire) + LINE_BYTES * below;
                }
                let line = view.lines.wrapping_byte_add(at as usize);
                let below = below_avx2::<{ TWIG_KEYS as u32 }>(line.cast(), key) as usize;
                *block.words.add(lane) = (*line.add(TWIG_WORDS_AT + below)).load(Acquire);
            }
        }
    }

    /// # Safety
    /// As [`block6_avx512`].
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    pub unsafe fn block6_avx2(view: View, block: Block) {
        let mut lists = [[MaybeUninit::uninit(); BLOCK + VECTOR]; 4];
        // SAFETY: lists hold lanes of this block by the kind of their word (see `sort`).
        unsafe {
            trees_avx2(view, block);
            loop {
                let [leaves, page_len, node_len, long_len] = sort(block, &mut lists);
                if leaves == block.len {
                    break;
                }
                let [_, page_list, node_list, long_list] = &lists;
                pages(view, block, lanes(page_list, page_len));
                nodes(view, block, lanes(node_list, node_len), NODE_WORDS_AT, |line, key| {
                    node_avx2(line, key)
                });
                nodes(view, block, lanes(long_list, long_len), LONG_WORDS_AT, |line, key| {
                    long_avx2(line, key)
                });
            }
            finish(view, block);
        }
    }

    /// IPv4: front, table and pages only.
    ///
    /// # Safety
    /// As [`block4_avx512`].
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    pub unsafe fn block4_avx2(view: View, addresses: *const u32, block: Block) {
        let mut lists = [[MaybeUninit::uninit(); BLOCK + VECTOR]; 4];
        // SAFETY: as block6_avx2.
        unsafe {
            front4(view, addresses, block);
            let [_, len, ..] = sort(block, &mut lists);
            pages4(view, addresses, block, lanes(&lists[1], len));
            finish(view, block);
        }
    }

    /// Sorts the lanes of the block into a list a kind, without a branch on data.
    ///
    /// # Safety
    /// As [`Block::new`].
    #[inline(always)]
    unsafe fn sort(block: Block, lists: &mut [List; 4]) -> [usize; 4] {
        let mut lens = [0; 4];
        for lane in 0..block.len {
            // SAFETY: two bits are below 4; no list gets more than BLOCK lanes.
            unsafe {
                let kind = (*block.words.add(lane) >> KIND_SHIFT & 3) as usize;
                let len = lens.get_unchecked_mut(kind);
                lists.get_unchecked_mut(kind).get_unchecked_mut(*len).write((lane * LANE_BYTES) as u32);
                *len += 1;
            }
        }
        lens
    }

    /// From leaves to next hops.
    ///
    /// # Safety
    /// As [`Block::new`].
    #[inline(always)]
    unsafe fn finish(view: View, block: Block) {
        for lane in 0..block.len {
            // SAFETY: the lane is one of the block's.
            let word = unsafe { &mut *block.words.add(lane) };
            *word = if *word == 0 { view.default } else { *word - 1 };
        }
    }

    /// # Safety
    /// `line` is a line in use that holds a node.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    unsafe fn node_avx2(line: *const u32, key: u32) -> u32 {
        const KEYS: u32 = (1 << NODE_KEYS) - 1;
        // SAFETY: the first half of the line.
        let keys = unsafe { _mm256_load_si256(line.cast()) };
        let key = _mm256_set1_epi32(key as i32);
        let is_below = _mm256_cmpeq_epi32(_mm256_max_epu32(keys, key), key);
        (_mm256_movemask_ps(_mm256_castsi256_ps(is_below)) as u32 & KEYS).count_ones()
    }

    /// # Safety
    /// `line` is a line in use that holds a long node.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
    unsafe fn long_avx2(line: *const u32, key: u64) -> u32 {
        const FIRST: usize = 4;
        // Signed comparison: with the first bit the other way round the order is the unsigned one.
        let sign = _mm256_set1_epi64x(i64::MIN);
        // SAFETY: four keys of the line, and its fifth.
        let (keys, fifth) = unsafe { (_mm256_load_si256(line.cast()), *line.cast::<u64>().add(FIRST)) };
        let key_vector = _mm256_xor_si256(_mm256_set1_epi64x(key as i64), sign);
        let is_above = _mm256_cmpgt_epi64(_mm256_xor_si256(keys, sign), key_vector);
        let above = (_mm256_movemask_pd(_mm256_castsi256_pd(is_above)) as u32).count_ones();
        FIRST as u32 - above + u32::from(fifth <= key)
    }
}

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
    lookup6_avx512(u128), has_avx512, lookup6, |view, _a, block| x86::block6_avx512(view, block);
    /// IPv6 with 256-bit vectors.
    lookup6_avx2(u128), has_avx2, lookup6, |view, _a, block| x86::block6_avx2(view, block);
    /// IPv4 with 512-bit vectors.
    lookup4_avx512(u32), has_avx512, lookup4, |view, a, block| x86::block4_avx512(view, a, block);
    /// IPv4 with 256-bit vectors.
    lookup4_avx2(u32), has_avx2, lookup4, |view, a, block| x86::block4_avx2(view, a, block);
}
