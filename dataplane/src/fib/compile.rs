//! From boundaries to nodes: what a word has to say so that its part of the address space is looked up right.
//!
//! A *cell* is what one word of the front, of a page or of a node answers for: all addresses with certain first bits. The
//! compiler gets a cell, the longest match at its first address and where it changes, and picks the form that takes the
//! fewest steps:
//!
//! 1. no change: a leaf;
//! 2. changes at 32-bit steps, at most [`NODE_KEYS`]: one node;
//! 3. at most [`LONG_KEYS`] changes in one half of the address: one long node;
//! 4. all changes in a much smaller cell: a long node that leads there at once (path compression);
//! 5. some more changes: two levels of nodes, in which what is finer than 32 bits is a cell of its own;
//! 6. else a page: 256 cells, each compiled in turn.
//!
//! What the front leads to is a tree ([`super::forest`]), whose words are cells. IPv4 has only leaves and pages: DIR-24-8.

use std::ops::Range;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use super::FibError;
use super::entry::{
    Entry, Kind, LINE_WORDS, LONG_KEYS, LONG_WORDS_AT, NODE_KEYS, NODE_WORDS_AT, PAGE_ORDER, PAGE_WORDS,
};
use super::lines::Lines;
use super::prefix::mask;
use super::routes::Boundary;

/// Words of a node.
const NODE_WORDS: usize = NODE_KEYS + 1;
/// Ranges of keys that two levels of nodes take, where a page would take fewer steps but more memory.
const MAX_SEGMENTS: usize = 24;

/// Puts compiled nodes into free lines.
#[derive(Debug)]
pub struct Compiler<'a> {
    /// All lines of the table.
    pub words: &'a [AtomicU32],
    /// Which of them are free.
    pub lines: &'a mut Lines,
    /// Only leaves and pages: a DIR-24-8 table.
    pub pages_only: bool,
}

/// Cells side by side.
#[derive(Clone, Copy, Debug)]
pub struct Cells {
    /// First address of the first one.
    pub first: u128,
    /// First bits of the address that are the same in a cell.
    pub bits: u32,
    /// How many.
    pub count: usize,
}

/// Keys from one on, up to the next segment's, and what they lead to.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// The first one.
    pub key: u32,
    /// The longest match at the first address.
    pub leaf: Entry,
    /// Which boundaries are inside, when the one key is a cell of its own.
    inner: (usize, usize),
}

/// 32 bits of an address, in whole octets.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    at: u32,
}

impl Window {
    /// The one that a node of a cell goes by: the next bits from a whole octet on, or the last ones of the address.
    fn after(bits: u32) -> Window {
        Window { at: 12u32.saturating_sub(bits / 8) }
    }

    /// The one with so many bits before its end, in whole octets from 32 on.
    pub const fn ending(bits: u32) -> Window {
        Window { at: (128 - bits) / 8 }
    }

    fn key(self, address: u128) -> u32 {
        (address >> (8 * self.at)) as u32
    }

    /// Bits up to the window's end.
    const fn end(self) -> u32 {
        128 - 8 * self.at
    }

    /// True when `address` is the first one with its key.
    fn is_aligned(self, address: u128) -> bool {
        address & !mask(self.end() as u8) == 0
    }

    /// Cuts a range of addresses that have what is before the window in common. Each segment begins at a boundary or behind
    /// a cell.
    pub fn cut(self, first: u128, last: u128, leaf: Entry, boundaries: &[Boundary]) -> Vec<Segment> {
        let mut segments = Vec::with_capacity(boundaries.len() + 2);
        let (first_key, last_key) = (self.key(first), self.key(last));
        if boundaries.first().is_none_or(|b| self.key(b.start) != first_key) {
            segments.push(Segment { key: first_key, leaf, inner: (0, 0) });
        }
        let (mut leaf, mut rest) = (leaf, boundaries);
        while let Some(boundary) = rest.first() {
            let key = self.key(boundary.start);
            if self.is_aligned(boundary.start) {
                leaf = boundary.leaf;
                rest = rest.get(1..).unwrap_or_default();
            }
            let begin = boundaries.len() - rest.len();
            let inside = rest.iter().take_while(|b| self.key(b.start) == key).count();
            segments.push(Segment { key, leaf, inner: (begin, begin + inside) });
            if inside > 0 {
                leaf = rest.get(inside - 1).map_or(leaf, |last| last.leaf);
                rest = rest.get(inside..).unwrap_or_default();
                let next_is_cut =
                    rest.first().is_some_and(|next| self.key(next.start) == key.wrapping_add(1));
                if key < last_key && !next_is_cut {
                    segments.push(Segment { key: key + 1, leaf, inner: (0, 0) });
                }
            }
        }
        segments
    }
}

impl Compiler<'_> {
    /// Compiles cells side by side; `set` gets each run of equal words.
    ///
    /// # Errors
    /// No line is free.
    pub fn cells(
        &mut self,
        cells: Cells,
        leaf: Entry,
        boundaries: &[Boundary],
        set: &mut dyn FnMut(Range<usize>, Entry),
    ) -> Result<(), FibError> {
        let size_bits = 128 - cells.bits;
        let (mut next, mut leaf, mut rest) = (0, leaf, boundaries);
        while let Some(boundary) = rest.first() {
            let index = ((boundary.start - cells.first) >> size_bits) as usize;
            if next < index {
                set(next..index, leaf);
            }
            let first = boundary.start & mask(cells.bits as u8);
            let last = first | !mask(cells.bits as u8);
            let inside = rest.iter().take_while(|b| b.start <= last).count();
            let (inside, behind) = rest.split_at(inside);
            let cell = Cells { first, bits: cells.bits, count: 1 };
            let entry = match inside.split_first() {
                Some((at_first, inner)) if at_first.start == first => {
                    self.cell(cell, at_first.leaf, inner)?
                }
                _ => self.cell(cell, leaf, inside)?,
            };
            set(index..index + 1, entry);
            leaf = inside.last().map_or(leaf, |last| last.leaf);
            (next, rest) = (index + 1, behind);
        }
        if next < cells.count {
            set(next..cells.count, leaf);
        }
        Ok(())
    }

    /// The word of one cell: `leaf` at its first address, boundaries behind it.
    fn cell(&mut self, cell: Cells, leaf: Entry, boundaries: &[Boundary]) -> Result<Entry, FibError> {
        if boundaries.is_empty() {
            return Ok(leaf);
        }
        if self.pages_only {
            return self.page(cell, leaf, boundaries);
        }
        let window = Window::after(cell.bits);
        let last = cell.first | !mask(cell.bits as u8);
        let is_flat = boundaries.len() < NODE_WORDS && boundaries.iter().all(|b| window.is_aligned(b.start));
        if !is_flat {
            if let Some(entry) = self.long(cell, leaf, boundaries)? {
                return Ok(entry);
            }
            if let Some(entry) = self.skip(cell, leaf, boundaries)? {
                return Ok(entry);
            }
            if boundaries.len() >= MAX_SEGMENTS {
                return self.page(cell, leaf, boundaries);
            }
        }
        let segments = window.cut(cell.first, last, leaf, boundaries);
        if segments.len() > MAX_SEGMENTS {
            return self.page(cell, leaf, boundaries);
        }
        let words = self.words_of(window, &segments, boundaries)?;
        self.nodes(window, &words)
    }

    /// What segments lead to: leaves, and cells from the window's end on.
    ///
    /// # Errors
    /// No line is free.
    pub fn words_of(
        &mut self,
        window: Window,
        segments: &[Segment],
        boundaries: &[Boundary],
    ) -> Result<Vec<(u32, Entry)>, FibError> {
        let mut words = Vec::with_capacity(segments.len());
        for segment in segments {
            let inner = boundaries.get(segment.inner.0..segment.inner.1).unwrap_or_default();
            let entry = match inner.first() {
                None => segment.leaf,
                Some(boundary) => {
                    let bits = window.end();
                    let first = boundary.start & mask(bits as u8);
                    self.cell(Cells { first, bits, count: 1 }, segment.leaf, inner)?
                }
            };
            words.push((segment.key, entry));
        }
        Ok(words)
    }

    /// Nodes: one, or two levels of them.
    fn nodes(&mut self, window: Window, words: &[(u32, Entry)]) -> Result<Entry, FibError> {
        if words.len() <= NODE_WORDS {
            return self.node(window, words);
        }
        let mut children = [(0, Entry::DEFAULT); NODE_WORDS];
        let count = words.len().div_ceil(NODE_WORDS);
        for (index, child) in children.iter_mut().take(count).enumerate() {
            let share = words.get(words.len() * index / count..words.len() * (index + 1) / count);
            let share = share.unwrap_or_default();
            *child = (share.first().map_or(0, |(key, _)| *key), self.node(window, share)?);
        }
        self.node(window, children.get(..count).unwrap_or_default())
    }

    fn node(&mut self, window: Window, words: &[(u32, Entry)]) -> Result<Entry, FibError> {
        let mut keys = [u32::MAX; NODE_KEYS];
        for (key, (first, _)) in keys.iter_mut().zip(words.iter().skip(1)) {
            *key = *first;
        }
        let line = self.lines.take(0)?;
        for (index, key) in keys.iter().enumerate() {
            self.store(line, index, *key);
        }
        self.store_words(line, NODE_WORDS_AT, words.iter().map(|(_, entry)| *entry));
        Ok(Entry::node(Kind::Node, window.at, line))
    }

    /// One long node, when the boundaries are few and in one half of the address.
    fn long(&mut self, cell: Cells, leaf: Entry, boundaries: &[Boundary]) -> Result<Option<Entry>, FibError> {
        let at = if cell.bits >= 64 { 0 } else { 8 };
        let is_in_half = |b: &Boundary| at == 0 || b.start << 64 == 0;
        if boundaries.len() > LONG_KEYS || !boundaries.iter().all(is_in_half) {
            return Ok(None);
        }
        let mut words = [(0, leaf); LONG_KEYS + 1];
        for (word, boundary) in words.iter_mut().skip(1).zip(boundaries) {
            *word = ((boundary.start >> (8 * at)) as u64, boundary.leaf);
        }
        let words = words.get(..=boundaries.len()).unwrap_or_default();
        self.long_node(at, words).map(Some)
    }

    fn long_node(&mut self, at: u32, words: &[(u64, Entry)]) -> Result<Entry, FibError> {
        let line = self.lines.take(0)?;
        let mut keys = [u64::MAX; LONG_KEYS];
        for (key, (first, _)) in keys.iter_mut().zip(words.iter().skip(1)) {
            *key = *first;
        }
        for (index, key) in keys.iter().enumerate() {
            self.store(line, 2 * index, *key as u32);
            self.store(line, 2 * index + 1, (*key >> 32) as u32);
        }
        self.store_words(line, LONG_WORDS_AT, words.iter().map(|(_, entry)| *entry));
        Ok(Entry::node(Kind::Long, at, line))
    }

    /// A long node that leads to the one small cell in which all changes are.
    fn skip(&mut self, cell: Cells, leaf: Entry, boundaries: &[Boundary]) -> Result<Option<Entry>, FibError> {
        let (Some(first), Some(last)) = (boundaries.first(), boundaries.last()) else { return Ok(None) };
        let shared = (first.start ^ first.start.max(last.start - 1)).leading_zeros().min(120) / 8 * 8;
        // A long node goes by one half of the address only.
        let bits = if cell.bits < 64 { shared.min(64) } else { shared };
        if bits < cell.bits + 16 {
            return Ok(None);
        }
        let at = if cell.bits >= 64 { 0 } else { 8 };
        let key = |address: u128| (address >> (8 * at)) as u64;
        let inner_first = first.start & mask(bits as u8);
        let inner_last = inner_first | !mask(bits as u8);
        let (inner_leaf, rest) = match boundaries.split_first() {
            Some((at_first, rest)) if at_first.start == inner_first => (at_first.leaf, rest),
            _ => (leaf, boundaries),
        };
        let inside = rest.iter().take_while(|b| b.start <= inner_last).count();
        let inner = self.cell(
            Cells { first: inner_first, bits, count: 1 },
            inner_leaf,
            rest.get(..inside).unwrap_or_default(),
        )?;
        let mut words = [(0, leaf), (0, inner), (0, inner)];
        let mut len = 0;
        let mut push = |word| {
            if let Some(slot) = words.get_mut(len) {
                *slot = word;
                len += 1;
            }
        };
        if inner_first != cell.first {
            push((0, leaf));
        }
        push((key(inner_first), inner));
        if inner_last != cell.first | !mask(cell.bits as u8) {
            // The last boundary is the one at its end, or the last one inside: what it says goes on behind.
            push((key(inner_last.wrapping_add(1)), last.leaf));
        }
        self.long_node(at, words.get(..len).unwrap_or_default()).map(Some)
    }

    fn page(&mut self, cell: Cells, leaf: Entry, boundaries: &[Boundary]) -> Result<Entry, FibError> {
        let line = self.lines.take(PAGE_ORDER)?;
        self.fill(line, Cells { bits: cell.bits + 8, count: PAGE_WORDS, ..cell }, leaf, boundaries)?;
        Ok(Entry::node(Kind::Page, 15 - cell.bits / 8, line))
    }

    /// Compiles cells into the words of a page.
    fn fill(
        &mut self,
        line: u32,
        cells: Cells,
        leaf: Entry,
        boundaries: &[Boundary],
    ) -> Result<(), FibError> {
        let words = self.words;
        let base = line as usize * LINE_WORDS;
        self.cells(cells, leaf, boundaries, &mut |range, entry| {
            for word in words.get(base + range.start..base + range.end).unwrap_or_default() {
                word.store(entry.0, Relaxed);
            }
        })
    }

    /// The words of a node; the last one again in the words that are left, where keys of all ones lead.
    fn store_words(&self, line: u32, from: usize, entries: impl Iterator<Item = Entry>) {
        let mut last = Entry::DEFAULT;
        let mut entries = entries;
        for index in from..LINE_WORDS {
            last = entries.next().unwrap_or(last);
            self.store(line, index, last.0);
        }
    }

    /// Relaxed: nobody reads the line before a word that leads to it is published.
    pub fn store(&self, line: u32, index: usize, value: u32) {
        if let Some(word) = self.words.get(line as usize * LINE_WORDS + index) {
            word.store(value, Relaxed);
        }
    }
}
