//! Lookups with 256-bit vectors. See the module above for how, and why it is sound.

#[allow(clippy::wildcard_imports, reason = "every name of it begins with _mm or __m")]
use std::arch::x86_64::*;
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::Acquire;

use super::BLOCK;
use super::x86::{Block, LANE_BYTES, List, TREE_AT, VECTOR, View, front4, lanes, nodes, pages, pages4, root};
use crate::fib::entry::{KIND_SHIFT, LONG_WORDS_AT, NODE_KEYS, NODE_WORDS_AT};
use crate::fib::forest::{LINE_BYTES, TREE_KEYS, TWIG_KEYS, TWIG_WORDS_AT};

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
pub(super) unsafe fn block6_avx2(view: View, block: Block) {
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
            nodes(view, block, lanes(node_list, node_len), NODE_WORDS_AT, |line, key| node_avx2(line, key));
            nodes(view, block, lanes(long_list, long_len), LONG_WORDS_AT, |line, key| long_avx2(line, key));
        }
        finish(view, block);
    }
}

/// IPv4: front, table and pages only.
///
/// # Safety
/// As [`block4_avx512`].
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
pub(super) unsafe fn block4_avx2(view: View, addresses: *const u32, block: Block) {
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
