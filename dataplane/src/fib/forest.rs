//! Trees of fixed depth behind the front: three steps, the same for every address, without a branch.
//!
//! ```text
//! front[24 bits] -> root -> branch -> twig: a leaf, or a cell behind the bits that are decided so far
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

/// Keys of a root and of a branch.
pub const TREE_KEYS: usize = LINE_WORDS - 1;
/// Children of a root and of a branch, at most.
pub const TREE_WAYS: usize = LINE_WORDS;
/// Keys of a twig.
pub const TWIG_KEYS: usize = 7;
/// Words of a twig.
pub const TWIG_WORDS: usize = TWIG_KEYS + 1;
/// Words of a tree, at most.
pub const MAX_TREE_WORDS: usize = TREE_WAYS * TREE_WAYS * TWIG_WORDS;
/// Changes of the longest match in a tree for several words of the front, at most when it is made.
pub const MAX_SHARED_BOUNDARIES: usize = 1000;
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

    /// Compiles a tree for the addresses from `first` to `last`, which are those of whole words of the front: where its root
    /// begins, in octets, and up to which bit its words decide.
    ///
    /// # Errors
    /// Not enough lines are free.
    pub fn grow(
        &mut self,
        first: u128,
        last: u128,
        leaf: Entry,
        boundaries: &[Boundary],
    ) -> Result<(u32, u32), FibError> {
        let mut end = TREE_END;
        let words = loop {
            // In a dense part the words are coarser, and what is finer is in cells behind them.
            if let Some(words) = self.tree_words(end, (first, last), leaf, boundaries, MAX_TREE_WORDS)? {
                break words;
            }
            end -= 8;
        };
        let (fill, twig) = if words.len() > FILL.0 * FILL.1 * TREE_WAYS { FULL } else { FILL };
        let root = self.lines.take(0)?;
        let branches = words.len().div_ceil(fill * twig);
        self.parent(root, &words, branches, &mut |this, line, words| this.branch(line, words, twig))?;
        Ok((root * LINE_BYTES, end))
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
        child: &mut dyn FnMut(&mut Self, u32, &[Word]) -> Result<(), FibError>,
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
        for index in 0..TWIG_KEYS {
            self.store(line, index, words.get(index + 1).map_or(u32::MAX, |(key, _)| key.wrapping_sub(1)));
        }
        for index in 0..LINE_WORDS - TWIG_KEYS {
            self.store(line, TWIG_KEYS + index, words.get(index).map_or(0, |(_, entry)| entry.0));
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
        if cell.address() > part_first && end > before && end - begun > MAX_SHARED_BOUNDARIES {
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
