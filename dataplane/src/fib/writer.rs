//! Changes to a table while it is being read.
//!
//! A change is compiled into fresh lines, then published word by word, each with one atomic store: a lookup finds the old
//! route or the new one. Only the smallest cell around the prefix that a word of the front or of a page answers for is
//! compiled again. When something is missing (lines, ids) the change is refused and the table stays what it was.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};

use hashbrown::HashMap;

use super::FibError;
use super::compile::{Cells, Compiler};
use super::entry::{
    Entry, FRONT_BITS, Kind, LINE_WORDS, LONG_WORDS_AT, MAX_NEXT_HOP_ID, MAX_TABLE_BITS, NODE_WORDS_AT,
    PAGE_ORDER, PAGE_WORDS, Root,
};
use super::lines::Lines;
use super::prefix::Prefix6;
use super::routes::{Routes, Scan};
use super::scalar;
use super::table::{DIRECT_BITS, DIRECT_LINE, DIRECT_LINES, EMPTY_LINES, FRONT_WORDS, TABLE_LINES, Table};
use crate::id::NextHopId;

/// A page in which all words are leaves, in at most so many runs of equal ones, is given up for something smaller.
const MAX_RUNS_OF_SPARSE_PAGE: usize = 5;
/// Routes from which on a table is worth huge pages.
const HUGE_PAGES_FROM_ROUTES: usize = 4096;
/// Words of the front in one page of memory.
const WORDS_PER_MEMORY_PAGE: usize = 1024;
/// Below a word of the front with at most so many routes there is no table, only a node.
const MAX_ROUTES_WITHOUT_TABLE: usize = 3;
/// Words of a table behind the front for each route below it, as a power of two.
const TABLE_BITS_PER_ROUTE: u32 = 4;

/// Words side by side that readers go by, in a table behind the front or in a page.
#[derive(Clone, Copy, Debug)]
struct Slots {
    /// Where the table or page begins.
    line: u32,
    is_page: bool,
    /// Index of the first word there.
    index: usize,
    cells: Cells,
}

impl Slots {
    /// Those for `prefix` where the bits from `from` to `to` decide: one, or as many as the prefix is shorter than a word's
    /// cell.
    fn new(line: u32, is_page: bool, prefix: Prefix6, from: u32, to: u32) -> Slots {
        let len = u32::from(prefix.len()).clamp(from, to);
        let first = Prefix6::new(prefix.address(), len as u8).address();
        let index = (first >> (128 - to)) as usize & ((1 << (to - from)) - 1);
        Slots { line, is_page, index, cells: Cells { first, bits: to, count: 1 << (to - len) } }
    }

    /// The addresses that they answer for: there are always as many as a prefix has.
    fn prefix(&self) -> Prefix6 {
        Prefix6::new(self.cells.first, (self.cells.bits - self.cells.count.ilog2()) as u8)
    }
}

/// The one that changes a table.
#[derive(Debug)]
pub(super) struct Writer {
    table: Arc<Table>,
    lines: Lines,
    routes: Routes,
    /// How many routes longer than 16 bits there are, by those bits.
    counts: HashMap<u16, usize>,
    scan: Scan,
    /// Compiled and not yet published.
    staged: Vec<(Range<usize>, Entry)>,
    staged_roots: Vec<(usize, Root)>,
    /// From the front to the cell of the last change.
    path: Vec<Slots>,
    pages_only: bool,
    /// Which memory pages of the front were ever written.
    touched: [bool; FRONT_WORDS / WORDS_PER_MEMORY_PAGE],
}

impl Writer {
    /// An empty table. `pages_only`: without nodes, for IPv4.
    pub(super) fn new(pages_only: bool) -> Result<Writer, FibError> {
        let table = Table::reserve().map_err(|error| FibError::OutOfMemory(error.to_string()))?;
        Ok(Writer {
            table: Arc::new(table),
            lines: Lines::new(EMPTY_LINES + if pages_only { DIRECT_LINES } else { 0 }, TABLE_LINES),
            routes: Routes::default(),
            counts: HashMap::new(),
            scan: Scan::default(),
            staged: Vec::new(),
            staged_roots: Vec::new(),
            path: Vec::new(),
            pages_only,
            touched: [false; FRONT_WORDS / WORDS_PER_MEMORY_PAGE],
        })
    }

    /// A table with these routes; of equal prefixes the last one counts.
    pub(super) fn build(
        routes: impl IntoIterator<Item = (Prefix6, NextHopId)>,
        pages_only: bool,
    ) -> Result<Writer, FibError> {
        let mut writer = Writer::new(pages_only)?;
        let leaf = |(prefix, next_hop)| Ok((prefix, leaf(next_hop)?));
        writer.routes = Routes::from_list(routes.into_iter().map(leaf).collect::<Result<_, _>>()?);
        if writer.routes.len() >= HUGE_PAGES_FROM_ROUTES {
            writer.table.prefer_huge_pages();
        }
        for (prefix, _) in writer.routes.iter().filter(|(prefix, _)| u32::from(prefix.len()) > FRONT_BITS) {
            *writer.counts.entry(high(prefix.address())).or_default() += 1;
        }
        writer.publish_default();
        if pages_only {
            writer.rebuild(direct(Prefix6::new(0, 0)))?;
        } else {
            writer.rebuild_roots(Prefix6::new(0, 0))?;
        }
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

    /// Octets of the front that are memory. IPv4: of the direct words, all.
    pub(super) fn front_bytes(&self) -> usize {
        if self.pages_only {
            return 4 << DIRECT_BITS;
        }
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
        let old = self.set_route(prefix, Some(leaf));
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
        let old = self.set_route(prefix, None);
        if old.is_some() {
            self.update_or_undo(prefix, old)?;
        }
        Ok(old.map(|old| old.next_hop(NextHopId::NO_ROUTE)))
    }

    fn set_route(&mut self, prefix: Prefix6, leaf: Option<Entry>) -> Option<Entry> {
        let old = match leaf {
            Some(leaf) => self.routes.insert(prefix, leaf),
            None => self.routes.remove(prefix),
        };
        if old.is_some() != leaf.is_some() && u32::from(prefix.len()) > FRONT_BITS {
            let count = self.counts.entry(high(prefix.address())).or_default();
            *count = if leaf.is_some() { *count + 1 } else { count.saturating_sub(1) };
            if *count == 0 {
                self.counts.remove(&high(prefix.address()));
            }
        }
        old
    }

    fn update_or_undo(&mut self, prefix: Prefix6, old: Option<Entry>) -> Result<(), FibError> {
        let updated = self.update(prefix);
        if updated.is_err() {
            self.set_route(prefix, old);
        }
        updated
    }

    fn update(&mut self, prefix: Prefix6) -> Result<(), FibError> {
        let len = u32::from(prefix.len());
        if len == 0 {
            self.publish_default();
            return Ok(());
        }
        let start = if self.pages_only {
            direct(prefix)
        } else if len <= FRONT_BITS {
            return self.rebuild_roots(prefix);
        } else {
            let root = self.root(prefix);
            if root == Root::default() || !self.is_right_size(root, high(prefix.address())) {
                return self.rebuild_roots(Prefix6::new(prefix.address(), FRONT_BITS as u8));
            }
            Slots::new(root.line(), false, prefix, FRONT_BITS, FRONT_BITS + root.bits())
        };
        let mut slots = self.find(start, prefix);
        self.rebuild(slots)?;
        // The change is made. What follows only makes the table smaller, and may fail for want of lines.
        while slots.is_page
            && self.is_sparse(slots)
            && let Some(above) = self.path.pop()
        {
            if self.rebuild(above).is_err() {
                break;
            }
            slots = above;
        }
        Ok(())
    }

    fn root(&self, prefix: Prefix6) -> Root {
        let word = self.table.front().get(usize::from(high(prefix.address())));
        word.map_or(Root::default(), |word| Root(word.load(Relaxed)))
    }

    /// Bits that the table for one word of the front should go by.
    fn table_bits(&self, high: u16) -> u32 {
        match self.counts.get(&high).copied().unwrap_or(0) {
            0..=MAX_ROUTES_WITHOUT_TABLE => 0,
            count => (count.ilog2() + 1 + TABLE_BITS_PER_ROUTE).min(MAX_TABLE_BITS),
        }
    }

    /// A table is made anew only when it is far from the right size, or of no use any more: so that routes that come and go
    /// do not do it again and again.
    fn is_right_size(&self, root: Root, high: u16) -> bool {
        let wanted = self.table_bits(high);
        self.counts.contains_key(&high) && wanted <= root.bits() + 1 && root.bits() <= wanted + 2
    }

    fn publish_default(&mut self) {
        let route = self.routes.exact(Prefix6::new(0, 0));
        self.table.set_default(route.map_or(NextHopId::NO_ROUTE, |leaf| leaf.next_hop(NextHopId::NO_ROUTE)));
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
            slots = Slots::new(line, true, prefix, bits, bits + 8);
        }
        slots
    }

    /// The page that decides about `prefix` below a word, through nodes that do not change: its line and the bits that are
    /// decided before it.
    fn page_below(&self, slots: Slots, prefix: Prefix6) -> Option<(u32, u32)> {
        let mut entry = Entry(self.table.word(slots.line, slots.index));
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

    fn compiler(
        &mut self,
    ) -> (Compiler<'_>, &Scan, &mut Vec<(Range<usize>, Entry)>, &mut Vec<(usize, Root)>) {
        let compiler =
            Compiler { words: self.table.lines(), lines: &mut self.lines, pages_only: self.pages_only };
        (compiler, &self.scan, &mut self.staged, &mut self.staged_roots)
    }

    /// Compiles the tables behind the front again that answer for `range`, which is no longer than the front's bits.
    fn rebuild_roots(&mut self, range: Prefix6) -> Result<(), FibError> {
        let mut leaf = self.routes.scan(range, &mut self.scan);
        self.staged_roots.clear();
        let (first, last) = (high(range.address()), high(range.last_address()));
        let mut from = 0;
        for index in first..=last {
            let cell = Prefix6::new(u128::from(index) << (128 - FRONT_BITS), FRONT_BITS as u8);
            let rest = self.scan.boundaries.get(from..).unwrap_or_default();
            let count = rest.iter().take_while(|b| b.start <= cell.last_address()).count();
            if count == 0 && leaf == Entry::DEFAULT && self.root(cell) == Root::default() {
                continue;
            }
            let bits = self.table_bits(index);
            let (mut compiler, scan, _, staged) = self.compiler();
            let inside = scan.boundaries.get(from..from + count).unwrap_or_default();
            let root = match inside.split_first() {
                Some((at_first, inner)) if at_first.start == cell.address() => {
                    compiler.root(cell.address(), bits, at_first.leaf, inner)
                }
                _ => compiler.root(cell.address(), bits, leaf, inside),
            };
            leaf = inside.last().map_or(leaf, |last| last.leaf);
            from += count;
            match root {
                Ok(root) => staged.push((usize::from(index), root)),
                Err(error) => {
                    self.lines.give_back();
                    return Err(error);
                }
            }
        }
        self.publish_roots();
        self.lines.keep();
        Ok(())
    }

    fn publish_roots(&mut self) {
        let staged = std::mem::take(&mut self.staged_roots);
        for (index, root) in &staged {
            let Some(word) = self.table.front().get(*index) else { continue };
            let old = Root(word.load(Relaxed));
            if old != *root {
                // Release: whoever sees this word sees the lines that it leads to.
                word.store(root.0, Release);
                if let Some(touched) = self.touched.get_mut(index / WORDS_PER_MEMORY_PAGE) {
                    *touched = true;
                }
                if old != Root::default() {
                    self.lines.retire(old.line(), old.order());
                    self.retire_words(old.line(), 0..1 << old.bits());
                }
            }
        }
        self.staged_roots = staged;
    }

    /// Compiles words again and publishes those that change.
    fn rebuild(&mut self, slots: Slots) -> Result<(), FibError> {
        let at_first = self.routes.scan(slots.prefix(), &mut self.scan);
        let (mut compiler, scan, staged, _) = self.compiler();
        staged.clear();
        let compiled = compiler.cells(slots.cells, at_first, &scan.boundaries, &mut |range, entry| {
            staged.push((range, entry));
        });
        if let Err(error) = compiled {
            self.lines.give_back();
            return Err(error);
        }
        self.publish(slots);
        self.lines.keep();
        Ok(())
    }

    fn publish(&mut self, slots: Slots) {
        let staged = std::mem::take(&mut self.staged);
        let base = slots.line as usize * LINE_WORDS + slots.index;
        for (range, entry) in &staged {
            for index in base + range.start..base + range.end {
                let Some(word) = self.table.lines().get(index) else { continue };
                let old = Entry(word.load(Relaxed));
                if old != *entry {
                    // Release: whoever sees this word sees the lines that it leads to.
                    word.store(entry.0, Release);
                    self.retire(old);
                }
            }
        }
        self.staged = staged;
    }

    /// Gives back what a word led to.
    fn retire(&mut self, entry: Entry) {
        let (order, words) = match entry.kind() {
            Kind::Leaf => return,
            Kind::Page => (PAGE_ORDER, 0..PAGE_WORDS),
            Kind::Node => (0, NODE_WORDS_AT..LINE_WORDS - 1),
            Kind::Long => (0, LONG_WORDS_AT..LINE_WORDS),
        };
        self.lines.retire(entry.line(), order);
        self.retire_words(entry.line(), words);
    }

    fn retire_words(&mut self, line: u32, words: Range<usize>) {
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
    fn is_sparse(&self, page: Slots) -> bool {
        let max_runs = if self.pages_only { 1 } else { MAX_RUNS_OF_SPARSE_PAGE };
        let (mut runs, mut last) = (0, None);
        for index in 0..PAGE_WORDS {
            let entry = Entry(self.table.word(page.line, index));
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

/// IPv4: the direct words for a prefix.
fn direct(prefix: Prefix6) -> Slots {
    Slots::new(DIRECT_LINE, false, prefix, 0, DIRECT_BITS)
}

/// The bits that the front goes by.
const fn high(address: u128) -> u16 {
    (address >> (128 - FRONT_BITS)) as u16
}
