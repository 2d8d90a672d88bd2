//! Lookups with 512-bit vectors. See the module above for how, and why it is sound.

use std::arch::asm;
#[allow(clippy::wildcard_imports, reason = "every name of it begins with _mm or __m")]
use std::arch::x86_64::*;
use std::array;
use std::mem::MaybeUninit;

use super::BLOCK;
use super::x86::{
    Block, LANE_BYTES, LONG, List, NODE, PAGE, ROW, TREE_AT, VECTOR, View, lanes, nodes, pages, root,
};
use crate::fib::entry::{
    KIND_MASK, LINE_WORDS, LONG_KEYS, LONG_WORDS_AT, MAX_LINES, NODE_KEYS, NODE_WORDS_AT,
};
use crate::fib::forest::{LINE_BYTES, TREE_KEYS, TWIG_WORDS_AT};
use crate::fib::table::FRONT_BITS;

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
pub(super) unsafe fn block6_avx512(view: View, block: Block) {
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
pub(super) unsafe fn block4_avx512(view: View, addresses: *const u32, block: Block) {
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
