//! Changes to a table while it is being read.
//!
//! A change is compiled into fresh lines, then published word by word, each with one atomic store: a lookup finds the old
//! route or the new one. Only the smallest part around the prefix is compiled again: a word of a page, the twig or branch of
//! a tree ([`super::trees`]), at most the trees that the prefix touches. When something is missing (lines, ids) the change
//! is refused and the table stays what it was.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, Release};

use hashbrown::HashMap;

use super::FibError;
use super::compile::{Cells, Compiler};
use super::entry::{
    Entry, Kind, LINE_WORDS, LONG_WORDS_AT, MAX_NEXT_HOP_ID, NODE_WORDS_AT, PAGE_ORDER, PAGE_WORDS,
};
use super::forest::{EMPTY_TREE_LINES, Front};
use super::lines::Lines;
use super::prefix::{Prefix6, mask};
use super::routes::{Routes, Scan};
use super::scalar;
use super::table::{FRONT_BITS, FRONT_WORDS, TABLE_LINES, Table};
use super::trees::Tree;
use crate::id::NextHopId;

/// A page in which all words are leaves, in at most so many runs of equal ones, is given up for something smaller.
const MAX_RUNS_OF_SPARSE_PAGE: usize = 5;
/// Routes from which on a table is worth huge pages.
const HUGE_PAGES_FROM_ROUTES: usize = 4096;
/// Words of the front in one page of memory.
const WORDS_PER_MEMORY_PAGE: usize = 1024;

/// Words side by side that get the same content.
type Run = (Range<usize>, Entry);

/// Where words stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// IPv4: the front.
    Front,
    /// The line of a twig.
    Twig(u32),
    /// The first line of a page.
    Page(u32),
}

/// Words side by side that readers go by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    pub(super) place: Place,
    /// Index of the first word there.
    pub(super) index: usize,
    pub(super) cells: Cells,
}

impl Slots {
    /// Those for `prefix` where the bits from `from` to `to` decide: one, or as many as the prefix is shorter than a word's
    /// cell.
    fn new(place: Place, prefix: Prefix6, from: u32, to: u32) -> Slots {
        let len = u32::from(prefix.len()).clamp(from, to);
        let first = Prefix6::new(prefix.address(), len as u8).address();
        let index = (first >> (128 - to)) as usize & ((1 << (to - from)) - 1);
        Slots { place, index, cells: Cells { first, bits: to, count: 1 << (to - len) } }
    }

    fn last_address(&self) -> u128 {
        // The bits of a cell, and as many as it takes to count them.
        let bits = self.cells.bits - self.cells.count.ilog2();
        self.cells.first | !mask(bits as u8)
    }
}

/// The one that changes a table.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) table: Arc<Table>,
    pub(super) lines: Lines,
    pub(super) routes: Routes,
    /// By the word of the front that leads to it.
    pub(super) trees: HashMap<Front, Tree>,
    pub(super) scan: Scan,
    /// Compiled and not yet published.
    staged: Vec<Run>,
    /// From the first word to the one of the last change.
    path: Vec<Slots>,
    pages_only: bool,
    /// No word is published yet: all say "default".
    is_new: bool,
    /// Which memory pages of the front were written.
    touched: Box<[bool]>,
}

impl Writer {
    /// An empty table. `pages_only`: without trees and nodes, for IPv4.
    pub(super) fn new(pages_only: bool) -> Result<Writer, FibError> {
        let table = Table::reserve(!pages_only).map_err(|error| FibError::OutOfMemory(error.to_string()))?;
        let mut writer = Writer {
            table: Arc::new(table),
            lines: Lines::new(EMPTY_TREE_LINES, TABLE_LINES),
            routes: Routes::default(),
            trees: HashMap::new(),
            scan: Scan::default(),
            staged: Vec::new(),
            path: Vec::new(),
            pages_only,
            is_new: false,
            touched: vec![false; FRONT_WORDS / WORDS_PER_MEMORY_PAGE].into(),
        };
        writer.compiler().0.empty_tree();
        Ok(writer)
    }

    /// A table with these routes; of equal prefixes the last one counts.
    pub(super) fn build(
        routes: impl IntoIterator<Item = (Prefix6, NextHopId)>,
        pages_only: bool,
    ) -> Result<Writer, FibError> {
        let mut writer = Writer::new(pages_only)?;
        writer.is_new = true;
        let leaf = |(prefix, next_hop)| Ok((prefix, leaf(next_hop)?));
        writer.routes = Routes::from_list(routes.into_iter().map(leaf).collect::<Result<_, _>>()?);
        if writer.routes.len() >= HUGE_PAGES_FROM_ROUTES {
            writer.table.prefer_huge_pages();
        }
        writer.publish_default();
        let all = Prefix6::new(0, 0);
        if pages_only {
            writer.rebuild(Slots::new(Place::Front, all, 0, FRONT_BITS))?;
        } else {
            writer.regrow(all)?;
        }
        writer.is_new = false;
        Ok(writer)
    }

    pub(super) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    pub(super) fn routes(&self) -> &Routes {
        &self.routes
    }

    pub(super) fn lines(&self) -> &Lines {
        &self.lines
    }

    pub(super) fn lines_mut(&mut self) -> &mut Lines {
        &mut self.lines
    }

    /// Octets of the front that are memory.
    pub(super) fn front_bytes(&self) -> usize {
        self.touched.iter().filter(|touched| **touched).count() * WORDS_PER_MEMORY_PAGE * size_of::<u32>()
    }

    /// Octets of memory in use.
    pub(super) fn memory_bytes(&self) -> usize {
        self.front_bytes() + self.lines.used() as usize * LINE_WORDS * size_of::<u32>()
    }

    /// Puts a route in; returns what it replaced.
    pub(super) fn insert(
        &mut self,
        prefix: Prefix6,
        next_hop: NextHopId,
    ) -> Result<Option<NextHopId>, FibError> {
        let leaf = leaf(next_hop)?;
        let old = self.routes.insert(prefix, leaf);
        if old == Some(leaf) {
            return Ok(Some(next_hop));
        }
        if self.routes.len() == HUGE_PAGES_FROM_ROUTES {
            self.table.prefer_huge_pages();
        }
        self.update_or_undo(prefix, old)?;
        Ok(old.map(|old| old.next_hop(NextHopId::NO_ROUTE)))
    }

    /// Takes a route out; returns what it was.
    pub(super) fn remove(&mut self, prefix: Prefix6) -> Result<Option<NextHopId>, FibError> {
        let old = self.routes.remove(prefix);
        if old.is_some() {
            self.update_or_undo(prefix, old)?;
        }
        Ok(old.map(|old| old.next_hop(NextHopId::NO_ROUTE)))
    }

    /// True when a route that came or went says what the next shorter one that covers it says: no lookup changes.
    fn is_redundant(&self, prefix: Prefix6, old: Option<Entry>) -> bool {
        let says = match (old, self.routes.exact(prefix)) {
            (Some(leaf), None) | (None, Some(leaf)) if prefix.len() > 0 => leaf,
            _ => return false,
        };
        self.routes.cover(prefix).is_some_and(|(cover, leaf)| cover.len() > 0 && leaf == says)
    }

    fn update_or_undo(&mut self, prefix: Prefix6, old: Option<Entry>) -> Result<(), FibError> {
        if self.is_redundant(prefix, old) {
            return Ok(());
        }
        let updated = self.update(prefix);
        self.table.count_change();
        if updated.is_err() {
            self.lines.give_back();
            match old {
                Some(leaf) => self.routes.insert(prefix, leaf),
                None => self.routes.remove(prefix),
            };
        }
        updated
    }

    fn update(&mut self, prefix: Prefix6) -> Result<(), FibError> {
        if prefix.len() == 0 {
            self.publish_default();
        } else if self.pages_only {
            self.change(Slots::new(Place::Front, prefix, 0, FRONT_BITS), prefix)?;
        } else {
            self.update_trees(prefix)?;
        }
        if self.routes.len() == 0 {
            // All words are zero: what was touched need not be memory any more.
            self.table.discard_front();
            self.touched.fill(false);
        }
        Ok(())
    }

    fn publish_default(&mut self) {
        let route = self.routes.exact(Prefix6::new(0, 0));
        self.table.set_default(route.map_or(NextHopId::NO_ROUTE, |leaf| leaf.next_hop(NextHopId::NO_ROUTE)));
    }

    /// Compiles again what is around `prefix` below words, and makes pages that have become sparse smaller.
    pub(super) fn change(&mut self, start: Slots, prefix: Prefix6) -> Result<(), FibError> {
        let mut slots = self.find(start, prefix);
        self.rebuild(slots)?;
        // The change is made. What follows only makes the table smaller, and may fail for want of lines.
        while let Place::Page(page) = slots.place
            && self.is_sparse(page)
            && let Some(above) = self.path.pop()
        {
            if self.rebuild(above).is_err() {
                break;
            }
            slots = above;
        }
        Ok(())
    }

    /// The words to compile again for a change of `prefix`: the smallest such cell that holds it, or those inside it. What
    /// leads there is put on the path.
    fn find(&mut self, start: Slots, prefix: Prefix6) -> Slots {
        self.path.clear();
        let len = u32::from(prefix.len());
        let mut slots = start;
        while len > slots.cells.bits {
            let Some((line, bits)) = self.page_below(slots, prefix) else { break };
            self.path.push(slots);
            slots = Slots::new(Place::Page(line), prefix, bits, bits + 8);
        }
        slots
    }

    /// The page that decides about `prefix` below a word, through nodes that do not change: its line and the bits that are
    /// decided before it.
    fn page_below(&self, slots: Slots, prefix: Prefix6) -> Option<(u32, u32)> {
        let mut entry = Entry(self.words(slots).first()?.load(Relaxed));
        loop {
            match entry.kind() {
                Kind::Leaf => return None,
                Kind::Page => return Some((entry.line(), 120 - 8 * entry.at())),
                Kind::Node | Kind::Long => {
                    let next = scalar::step(&self.table, entry, prefix.address());
                    // The whole prefix has to go the same way, and into a cell that is no smaller.
                    if next.is_leaf() || scalar::step(&self.table, entry, prefix.last_address()) != next {
                        return None;
                    }
                    entry = next;
                }
            }
        }
    }

    fn words(&self, slots: Slots) -> &[AtomicU32] {
        let (words, base) = match slots.place {
            Place::Front => (self.table.front(), 0),
            Place::Twig(line) | Place::Page(line) => (self.table.lines(), line as usize * LINE_WORDS),
        };
        let from = base + slots.index;
        words.get(from..from + slots.cells.count).unwrap_or_default()
    }

    pub(super) fn compiler(&mut self) -> (Compiler<'_>, &Scan, &mut Vec<Run>) {
        let compiler =
            Compiler { words: self.table.lines(), lines: &mut self.lines, pages_only: self.pages_only };
        (compiler, &self.scan, &mut self.staged)
    }

    /// Compiles words again and publishes those that change.
    fn rebuild(&mut self, slots: Slots) -> Result<(), FibError> {
        let at_first = self.routes.scan(slots.cells.first, slots.last_address(), &mut self.scan);
        let (mut compiler, scan, staged) = self.compiler();
        staged.clear();
        let compiled = compiler.cells(slots.cells, at_first, &scan.boundaries, &mut |range, entry| {
            staged.push((range, entry));
        });
        if let Err(error) = compiled {
            self.lines.give_back();
            return Err(error);
        }
        let staged = std::mem::take(&mut self.staged);
        let is_new = self.is_new;
        for (range, entry) in staged.iter().filter(|(_, entry)| !is_new || *entry != Entry::DEFAULT) {
            for index in range.clone() {
                self.publish(slots, index, *entry);
            }
        }
        self.staged = staged;
        self.lines.keep();
        Ok(())
    }

    /// Stores one word, and gives back what the old one led to.
    pub(super) fn publish(&mut self, slots: Slots, index: usize, entry: Entry) {
        let Some(word) = self.words(slots).get(index) else { return };
        let old = Entry(word.load(Relaxed));
        if old != entry {
            // Release: whoever sees this word sees the lines that it leads to.
            word.store(entry.0, Release);
            self.retire(old);
            if slots.place == Place::Front {
                self.touch(slots.index + index);
            }
        }
    }

    /// Notes that a word of the front was written.
    pub(super) fn touch(&mut self, index: usize) {
        if let Some(touched) = self.touched.get_mut(index / WORDS_PER_MEMORY_PAGE) {
            *touched = true;
        }
    }

    /// Gives back what a word led to.
    pub(super) fn retire(&mut self, entry: Entry) {
        let (order, words) = match entry.kind() {
            Kind::Leaf => return,
            Kind::Page => (PAGE_ORDER, 0..PAGE_WORDS),
            Kind::Node => (0, NODE_WORDS_AT..LINE_WORDS - 1),
            Kind::Long => (0, LONG_WORDS_AT..LINE_WORDS),
        };
        self.lines.retire(entry.line(), order);
        self.retire_words(entry.line(), words);
    }

    /// Gives back what the words of a node, a page or a twig led to.
    pub(super) fn retire_words(&mut self, line: u32, words: Range<usize>) {
        // The words of a node that are left over repeat its last one.
        let mut last = Entry::DEFAULT;
        for index in words {
            let below = Entry(self.table.word(line, index));
            if !below.is_leaf() && below != last {
                self.retire(below);
            }
            last = below;
        }
    }

    /// True when a page holds so little that something smaller says the same.
    fn is_sparse(&self, page: u32) -> bool {
        let max_runs = if self.pages_only { 1 } else { MAX_RUNS_OF_SPARSE_PAGE };
        let (mut runs, mut last) = (0, None);
        for index in 0..PAGE_WORDS {
            let entry = Entry(self.table.word(page, index));
            runs += usize::from(last != Some(entry));
            last = Some(entry);
            if !entry.is_leaf() || runs > max_runs {
                return false;
            }
        }
        true
    }
}

fn leaf(next_hop: NextHopId) -> Result<Entry, FibError> {
    Entry::leaf(next_hop).ok_or(FibError::NextHopTooLarge { next_hop, max: MAX_NEXT_HOP_ID })
}
