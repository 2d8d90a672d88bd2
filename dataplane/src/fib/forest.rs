//! Trees of fixed depth behind the front: three steps, the same for every address, without a branch.
//!
//! ```text
//! front[24 bits] -> root -> branch -> twig: a leaf, or a cell behind the bits that are decided so far
//!    or, where routes are very dense: front[24 bits], up to 13 bits -> root -> …
//! ```
//! A *tree* answers for neighbouring words of the front that have their first 16 bits in common; its nodes go by the
//! address's bits 16 to 47. A root and a branch are a line each: 15 keys, and the place of the first child; the children of
//! a node stand side by side, so that the number of keys below the address's leads to the next one. A twig is a line of 7
//! keys and 8 words in the form of [`super::entry`].
//!
//! A key is one less than the first of what it begins: then a key is counted when it is below the address's, and keys of all
//! ones, which fill the rest, never are. The first three lines of a table are the tree in which all words say "default".

use super::FibError;
use super::compile::{Compiler, Window};
use super::entry::{Entry, LINE_WORDS};
use super::prefix::Prefix6;
use super::routes::Boundary;
use super::table::FRONT_BITS;

/// Keys of a root and of a branch.
pub const TREE_KEYS: usize = LINE_WORDS - 1;
/// Children of a root and of a branch, at most.
pub const TREE_WAYS: usize = LINE_WORDS;
/// Keys of a twig.
pub const TWIG_KEYS: usize = 7;
/// Words of a twig.
pub const TWIG_WORDS: usize = TWIG_KEYS + 1;
/// Where the words of a twig begin, after its keys and one that no address is above: so half a line is compared as it is.
pub const TWIG_WORDS_AT: usize = TWIG_KEYS + 1;
/// Words of a tree, at most.
pub const MAX_TREE_WORDS: usize = TREE_WAYS * TREE_WAYS * TWIG_WORDS;
/// Changes of the longest match in a tree for several words of the front, at most when it is made.
pub const MAX_SHARED_BOUNDARIES: usize = 400;
/// Lines of the tree without a route.
pub const EMPTY_TREE_LINES: u32 = 3;
/// Octets of a line.
pub const LINE_BYTES: u32 = (LINE_WORDS * size_of::<u32>()) as u32;
/// The bit up to which a tree's words decide, unless it would have too many.
pub const TREE_END: u32 = 48;

/// Children that a node is given at first, and words that a twig is: some fewer than there is room for.
const FILL: (usize, usize) = (12, 7);
/// The same when that is too few.
const FULL: (usize, usize) = (TREE_WAYS, TWIG_WORDS);

/// The line of the empty tree's branch, which roots of empty trees share.
pub const EMPTY_BRANCH: u32 = 1;
/// Bits by which a word of the front is split over roots, at most.
const MAX_SPLIT_BITS: u32 = 13;

/// A word of the front: where its roots begin, in octets (a multiple of [`LINE_BYTES`]), and in the low five bits by how many
/// of the address's next bits one of them is chosen. Zero is the empty tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Front(pub u32);

impl Front {
    const BITS_MASK: u32 = 31;

    fn new(line: u32, bits: u32) -> Front {
        Front((line * LINE_BYTES) | bits)
    }

    /// The line of the first root.
    pub const fn line(self) -> u32 {
        self.0 / LINE_BYTES
    }

    /// Bits that choose a root.
    pub const fn bits(self) -> u32 {
        self.0 & Front::BITS_MASK
    }

    /// Where the root for an address begins, in octets; `next` are the 16 bits behind those that the front decides.
    #[inline]
    pub const fn root(self, next: u16) -> u32 {
        let index = (next as u32).wrapping_shl(self.0) >> 16;
        (self.0 & !(LINE_BYTES - 1)) + index * LINE_BYTES
    }
}

/// A range of addresses and what is known about it.
struct Range<'a> {
    first: u128,
    last: u128,
    leaf: Entry,
    boundaries: &'a [Boundary],
}

/// By how many bits a word of the front has to be split so that no part has too much for a tree; 0, as a rule. More
/// roots than words are too much of a good thing: then the words become coarser.
fn split_bits(first: u128, last: u128, boundaries: &[Boundary]) -> u32 {
    if boundaries.len() < MAX_TREE_WORDS / 2 {
        return 0;
    }
    let segments = Window::ending(TREE_END).cut(first, last, Entry::DEFAULT, boundaries);
    if segments.len() <= MAX_TREE_WORDS {
        return 0;
    }
    let max = MAX_SPLIT_BITS.min(segments.len().ilog2() + 1);
    let is_enough = |bits: &u32| {
        let part = |key: u32| key >> (TREE_END - FRONT_BITS - bits);
        segments.chunk_by(|a, b| part(a.key) == part(b.key)).all(|part| part.len() < MAX_TREE_WORDS)
    };
    (1..max).find(is_enough).unwrap_or(max)
}

/// Cuts a range into 2^`bits` equal ones.
fn split(first: u128, last: u128, bits: u32, leaf: Entry, boundaries: &[Boundary]) -> Vec<Range<'_>> {
    let size = ((last - first) >> bits) + 1;
    let (mut leaf, mut rest) = (leaf, boundaries);
    let part = |index: u32| {
        let first = first + u128::from(index) * size;
        let last = first + (size - 1);
        let inside = rest.iter().take_while(|b| b.start <= last).count();
        let (inside, behind) = rest.split_at(inside);
        rest = behind;
        let (at_first, boundaries) = match inside.split_first() {
            Some((at_first, inner)) if at_first.start == first => (at_first.leaf, inner),
            _ => (leaf, inside),
        };
        leaf = inside.last().map_or(leaf, |last| last.leaf);
        Range { first, last, leaf: at_first, boundaries }
    };
    (0..1 << bits).map(part).collect()
}

/// Makes a child in a line from its words.
type MakeChild<'a, C> = dyn FnMut(&mut C, u32, &[Word]) -> Result<(), FibError> + 'a;

/// A key and what begins there.
pub type Word = (u32, Entry);

/// The bits that a tree goes by.
pub const fn key(address: u128) -> u32 {
    (address >> (128 - TREE_END)) as u32
}

/// The lines that hold `count` nodes side by side, as a power of two.
pub fn order_of(count: usize) -> u32 {
    count.next_power_of_two().ilog2()
}

impl Compiler<'_> {
    /// Writes the tree without a route into the first lines.
    pub fn empty_tree(&self) {
        for line in 0..EMPTY_TREE_LINES - 1 {
            self.parent_line(line, [u32::MAX; TREE_KEYS], line + 1);
        }
        self.twig(EMPTY_TREE_LINES - 1, &[]);
    }

    /// Compiles what a word of the front leads to, for the addresses from `first` to `last`, which are those of whole words
    /// of the front: the word, and up to which bit the words of its trees decide.
    ///
    /// # Errors
    /// Not enough lines are free.
    pub fn grow(
        &mut self,
        first: u128,
        last: u128,
        leaf: Entry,
        boundaries: &[Boundary],
    ) -> Result<(Front, u32), FibError> {
        let bits =
            if last - first == u128::MAX >> FRONT_BITS { split_bits(first, last, boundaries) } else { 0 };
        let parts = split(first, last, bits, leaf, boundaries);
        let mut end = TREE_END;
        // In the densest parts the words are coarser, and what is finer is in cells behind them.
        let is_too_much = |end: u32, part: &Range| {
            Window::ending(end).cut(part.first, part.last, part.leaf, part.boundaries).len() > MAX_TREE_WORDS
        };
        while parts.iter().any(|part| part.boundaries.len() >= MAX_TREE_WORDS / 2 && is_too_much(end, part)) {
            end -= 8;
        }
        let root = self.lines.take(bits)?;
        for (line, part) in (root..).zip(&parts) {
            if part.boundaries.is_empty() && part.leaf == Entry::DEFAULT {
                self.parent_line(line, [u32::MAX; TREE_KEYS], EMPTY_BRANCH);
                continue;
            }
            let range = (part.first, part.last);
            let words =
                self.tree_words(end, range, part.leaf, part.boundaries, usize::MAX)?.unwrap_or_default();
            let (fill, twig) = if words.len() > FILL.0 * FILL.1 * TREE_WAYS { FULL } else { FILL };
            let branches = words.len().div_ceil(fill * twig);
            self.parent(line, &words, branches, &mut |this, line, words| this.branch(line, words, twig))?;
        }
        Ok((Front::new(root, bits), end))
    }

    /// The words of a tree, or of a part of it, that decide up to bit `end`; `None` when there are more than `max`.
    ///
    /// # Errors
    /// Not enough lines are free.
    pub fn tree_words(
        &mut self,
        end: u32,
        (first, last): (u128, u128),
        leaf: Entry,
        boundaries: &[Boundary],
        max: usize,
    ) -> Result<Option<Vec<Word>>, FibError> {
        let window = Window::ending(end);
        let segments = window.cut(first, last, leaf, boundaries);
        if segments.len() > max {
            return Ok(None);
        }
        let mut words = self.words_of(window, &segments, boundaries)?;
        for (key, _) in &mut words {
            *key <<= TREE_END - end;
        }
        Ok(Some(words))
    }

    /// A branch with twigs of at most `twig` words.
    ///
    /// # Errors
    /// Not enough lines are free.
    pub fn branch(&mut self, line: u32, words: &[Word], twig: usize) -> Result<(), FibError> {
        self.parent(line, words, words.len().div_ceil(twig), &mut |this, line, words| {
            this.twig(line, words);
            Ok(())
        })
    }

    /// Twigs that take all words of a branch; `None` when there is no room for so many.
    pub fn twig_fill(words: usize) -> Option<usize> {
        [FILL.1, FULL.1].into_iter().find(|twig| words.div_ceil(*twig) <= TREE_WAYS)
    }

    /// A node with `count` children, each with its share of the words.
    fn parent(
        &mut self,
        line: u32,
        words: &[Word],
        count: usize,
        child: &mut MakeChild<'_, Self>,
    ) -> Result<(), FibError> {
        let children = self.lines.take(order_of(count))?;
        let mut keys = [u32::MAX; TREE_KEYS];
        for index in 0..count {
            let share = words.get(words.len() * index / count..words.len() * (index + 1) / count);
            let share = share.unwrap_or_default();
            if let (Some(before), Some((key, _))) = (index.checked_sub(1), share.first())
                && let Some(slot) = keys.get_mut(before)
            {
                *slot = key.wrapping_sub(1);
            }
            child(self, children + index as u32, share)?;
        }
        self.parent_line(line, keys, children);
        Ok(())
    }

    fn parent_line(&self, line: u32, keys: [u32; TREE_KEYS], children: u32) {
        for (index, key) in keys.into_iter().enumerate() {
            self.store(line, index, key);
        }
        self.store(line, TREE_KEYS, children * LINE_BYTES);
    }

    /// A twig. Words that are left over are default.
    pub fn twig(&self, line: u32, words: &[Word]) {
        for index in 0..TWIG_WORDS_AT {
            self.store(line, index, words.get(index + 1).map_or(u32::MAX, |(key, _)| key.wrapping_sub(1)));
        }
        for index in 0..LINE_WORDS - TWIG_WORDS_AT {
            self.store(line, TWIG_WORDS_AT + index, words.get(index).map_or(0, |(_, entry)| entry.0));
        }
    }
}

/// Cuts a range of whole words of the front, all in one /16, into the ranges of trees: the index behind the last boundary
/// of each, and its last address.
pub fn partition(first: u128, last: u128, boundaries: &[Boundary]) -> Vec<(usize, u128)> {
    let mut parts: Vec<(usize, u128)> = Vec::new();
    let (mut part_first, mut begun, mut end) = (first, 0, 0);
    let mut cell = Prefix6::new(first, 24);
    loop {
        let before = end;
        while boundaries.get(end).is_some_and(|b| b.start <= cell.last_address()) {
            end += 1;
        }
        if cell.address() > part_first && end - begun > MAX_SHARED_BOUNDARIES {
            parts.push((before, cell.address() - 1));
            (part_first, begun) = (cell.address(), before);
        }
        if cell.last_address() >= last {
            parts.push((end, last));
            return parts;
        }
        cell = Prefix6::new(cell.last_address() + 1, 24);
    }
}
