//! Changes to the trees of a table: the smallest part of a tree that holds the prefix is compiled again, next to copies of
//! its siblings, and published with one store of their place.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering::{Relaxed, Release};

use super::FibError;
use super::compile::{Cells, Compiler};
use super::entry::{Entry, LINE_WORDS};
use super::forest::{
    EMPTY_BRANCH, Front, LINE_BYTES, TREE_KEYS, TREE_WAYS, TWIG_KEYS, TWIG_WORDS, TWIG_WORDS_AT, Word, key,
    order_of, partition,
};
use super::prefix::{Prefix6, mask};
use super::routes::Boundary;
use super::table::FRONT_BITS;
use super::writer::{Place, Slots, Writer};

/// Bits that all addresses of a tree have in common.
const SHARED_BITS: u32 = 16;
/// Words of the front that a tree can answer for, as a power of two.
const TREE_SHIFT: u32 = FRONT_BITS - SHARED_BITS;

/// What becomes of words of the front, first to last: what they all say, and the tree.
type Staged = ((usize, usize), Front, Option<Tree>);

/// What the writer knows about a tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree {
    /// First word of the front.
    first: usize,
    /// Last word of the front.
    last: usize,
    /// The bit up to which its words decide.
    end: u32,
}

impl Tree {
    fn first_address(self) -> u128 {
        front_address(self.first)
    }

    fn last_address(self) -> u128 {
        front_address(self.last) | u128::MAX >> FRONT_BITS
    }
}

/// A part of a tree: its line, how many siblings stand before it and are there in all, and the keys that it answers for.
#[derive(Clone, Copy, Debug)]
struct Part {
    line: u32,
    /// The line of the first sibling.
    family: u32,
    siblings: usize,
    /// The line of the parent.
    parent: u32,
    first_key: u32,
    last_key: u32,
}

impl Part {
    fn holds(&self, first_key: u32, last_key: u32) -> bool {
        self.first_key <= first_key && last_key <= self.last_key
    }
}

fn front_address(index: usize) -> u128 {
    (index as u128) << (128 - FRONT_BITS)
}

fn front_index(address: u128) -> usize {
    (address >> (128 - FRONT_BITS)) as usize
}

impl Writer {
    pub(super) fn update_trees(&mut self, prefix: Prefix6) -> Result<(), FibError> {
        let mut is_made = false;
        match self.update_or_regrow(prefix, &mut is_made) {
            // The change is made; what failed would only have made the table smaller.
            Err(_) if is_made => {
                self.lines.give_back();
                Ok(())
            }
            updated => updated,
        }
    }

    fn update_or_regrow(&mut self, prefix: Prefix6, is_made: &mut bool) -> Result<(), FibError> {
        let front = self.front_word(front_index(prefix.address()));
        if u32::from(prefix.len()) > FRONT_BITS + front.bits()
            && let Some(tree) = self.trees.get(&front).copied()
            && self.update_in(front, tree, prefix, is_made)?
        {
            return Ok(());
        }
        self.regrow(prefix)
    }

    fn front_word(&self, index: usize) -> Front {
        self.table.front().get(index).map_or(Front::default(), |word| Front(word.load(Relaxed)))
    }

    /// True when a part of the tree took the change. `is_made`: lookups are right already.
    fn update_in(
        &mut self,
        front: Front,
        tree: Tree,
        prefix: Prefix6,
        is_made: &mut bool,
    ) -> Result<bool, FibError> {
        let (first_key, last_key) = (key(prefix.address()), key(prefix.last_address()));
        let root = front.root((prefix.address() >> (112 - FRONT_BITS)) as u16) / LINE_BYTES;
        let (first, last) = if front.bits() == 0 {
            (tree.first_address(), tree.last_address())
        } else {
            let part = Prefix6::new(prefix.address(), (FRONT_BITS + front.bits()) as u8);
            (part.address(), part.last_address())
        };
        let (first_of_tree, last_of_tree) = (key(first), key(last));
        let whole = Part {
            line: root,
            family: root,
            siblings: 1,
            parent: root,
            first_key: first_of_tree,
            last_key: last_of_tree,
        };
        // Of several roots one may say the same everywhere; else what is above is compiled again, and becomes smaller.
        let min = |part: &Part| {
            let is_root = part.first_key == whole.first_key && part.last_key == whole.last_key;
            if is_root && front.bits() > 0 { 1 } else { 2 }
        };
        let branch = self.child(&whole, first_key);
        if !branch.holds(first_key, last_key) {
            return Ok(false);
        }
        if branch.line != EMPTY_BRANCH {
            let twig = self.child(&branch, first_key);
            if u32::from(prefix.len()) > tree.end && self.update_cell(&twig, tree, prefix, is_made)? {
                return Ok(true);
            }
            if twig.holds(first_key, last_key) && self.rebuild_twig(&twig, min(&twig), tree, prefix)? {
                return Ok(true);
            }
        }
        self.rebuild_branch(&branch, min(&branch), tree, prefix)
    }

    /// The child of a root or branch that answers for a key.
    fn child(&self, part: &Part, key: u32) -> Part {
        let key_at = |index| self.table.word(part.line, index);
        let below = (0..TREE_KEYS).take_while(|index| key_at(*index) < key).count();
        let family = key_at(TREE_KEYS) / LINE_BYTES;
        Part {
            line: family + below as u32,
            family,
            siblings: 1 + (0..TREE_KEYS).take_while(|index| key_at(*index) != u32::MAX).count(),
            parent: part.line,
            first_key: below.checked_sub(1).map_or(part.first_key, |before| key_at(before) + 1),
            last_key: if below < TREE_KEYS && key_at(below) != u32::MAX {
                key_at(below)
            } else {
                part.last_key
            },
        }
    }

    /// A change inside a cell that has a word of its own: true when the word is still no leaf after it.
    fn update_cell(
        &mut self,
        twig: &Part,
        tree: Tree,
        prefix: Prefix6,
        is_made: &mut bool,
    ) -> Result<bool, FibError> {
        let key = key(prefix.address());
        let below = (0..TWIG_KEYS).take_while(|index| self.table.word(twig.line, *index) < key).count();
        let index = TWIG_WORDS_AT + below;
        let word = |this: &Self| Entry(this.table.word(twig.line, index));
        if word(self).is_leaf() {
            return Ok(false);
        }
        let first = prefix.address() & mask(tree.end as u8);
        let cells = Cells { first, bits: tree.end, count: 1 };
        self.change(Slots { place: Place::Twig(twig.line), index, cells }, prefix)?;
        *is_made = true;
        Ok(!word(self).is_leaf())
    }

    /// The words of a part of a tree as they are now; `None` when they are more or fewer than `count` says: then the part
    /// above is compiled again.
    fn part_words(
        &mut self,
        part: &Part,
        tree: Tree,
        prefix: Prefix6,
        count: RangeInclusive<usize>,
    ) -> Result<Option<Vec<Word>>, FibError> {
        let address = |key: u32| prefix.address() & mask(SHARED_BITS as u8) | u128::from(key) << 80;
        let (first, last) = (address(part.first_key), address(part.last_key) | u128::MAX >> 48);
        let leaf = self.routes.scan(first, last, &mut self.scan);
        let (mut compiler, scan, _) = self.compiler();
        let words = compiler.tree_words(tree.end, (first, last), leaf, &scan.boundaries, *count.end())?;
        if words.as_ref().is_some_and(|words| count.contains(&words.len())) {
            return Ok(words);
        }
        self.lines.give_back();
        Ok(None)
    }

    fn rebuild_twig(
        &mut self,
        twig: &Part,
        min: usize,
        tree: Tree,
        prefix: Prefix6,
    ) -> Result<bool, FibError> {
        let Some(words) = self.part_words(twig, tree, prefix, min..=TWIG_WORDS)? else { return Ok(false) };
        let old_keys = (0..TWIG_KEYS).map(|index| self.table.word(twig.line, index));
        let new_keys = words.iter().skip(1).map(|(key, _)| key.wrapping_sub(1));
        if old_keys.eq(new_keys.chain(std::iter::repeat(u32::MAX)).take(TWIG_KEYS)) {
            // The same keys: word by word.
            let cells = Cells { first: 0, bits: tree.end, count: TWIG_WORDS };
            let slots = Slots { place: Place::Twig(twig.line), index: TWIG_WORDS_AT, cells };
            for (index, (_, entry)) in words.iter().enumerate() {
                self.publish(slots, index, *entry);
            }
            self.lines.keep();
            return Ok(true);
        }
        let family = self.copy_family(twig)?;
        self.compiler().0.twig(family + (twig.line - twig.family), &words);
        self.publish_family(twig, family);
        self.retire_words(twig.line, TWIG_WORDS_AT..LINE_WORDS);
        Ok(true)
    }

    fn rebuild_branch(
        &mut self,
        branch: &Part,
        min: usize,
        tree: Tree,
        prefix: Prefix6,
    ) -> Result<bool, FibError> {
        let max = TREE_WAYS * TWIG_WORDS;
        let Some(words) = self.part_words(branch, tree, prefix, min..=max)? else { return Ok(false) };
        let Some(fill) = Compiler::twig_fill(words.len()) else {
            self.lines.give_back();
            return Ok(false);
        };
        let family = self.copy_family(branch)?;
        self.compiler().0.branch(family + (branch.line - branch.family), &words, fill)?;
        self.publish_family(branch, family);
        if branch.line != EMPTY_BRANCH {
            self.retire_twigs(branch.line);
        }
        Ok(true)
    }

    /// Fresh lines with copies of a part and its siblings.
    fn copy_family(&mut self, part: &Part) -> Result<u32, FibError> {
        let family = self.lines.take(order_of(part.siblings))?;
        let lines = self.table.lines();
        let words = part.siblings * LINE_WORDS;
        let from = part.family as usize * LINE_WORDS;
        let to = family as usize * LINE_WORDS;
        let pairs = lines.get(from..from + words).unwrap_or_default().iter();
        for (from, to) in pairs.zip(lines.get(to..to + words).unwrap_or_default()) {
            to.store(from.load(Relaxed), Relaxed);
        }
        Ok(family)
    }

    /// Puts a family into the place of a part's: one store in the parent.
    fn publish_family(&mut self, part: &Part, family: u32) {
        if let Some(place) = self.table.lines().get(part.parent as usize * LINE_WORDS + TREE_KEYS) {
            // Release: whoever sees the place sees the lines there.
            place.store(family * LINE_BYTES, Release);
        }
        if part.family != EMPTY_BRANCH {
            self.lines.retire(part.family, order_of(part.siblings));
        }
        self.lines.keep();
    }

    /// Gives back the twigs of a branch, and what they led to.
    fn retire_twigs(&mut self, branch: u32) {
        let (family, count) = self.family(branch);
        for twig in family..family + count as u32 {
            self.retire_words(twig, TWIG_WORDS_AT..LINE_WORDS);
        }
        self.lines.retire(family, order_of(count));
    }

    fn family(&self, parent: u32) -> (u32, usize) {
        let keys = (0..TREE_KEYS).take_while(|index| self.table.word(parent, *index) != u32::MAX);
        (self.table.word(parent, TREE_KEYS) / LINE_BYTES, 1 + keys.count())
    }

    /// Gives back the trees of a word of the front.
    fn retire_trees(&mut self, front: Front) {
        for root in front.line()..front.line() + (1 << front.bits()) {
            let (family, count) = self.family(root);
            if family == EMPTY_BRANCH {
                continue;
            }
            for branch in family..family + count as u32 {
                self.retire_twigs(branch);
            }
            self.lines.retire(family, order_of(count));
        }
        self.lines.retire(front.line(), front.bits());
    }

    /// Compiles the trees again that `prefix` touches, and those that are missing.
    pub(super) fn regrow(&mut self, prefix: Prefix6) -> Result<(), FibError> {
        let mut first = self.widen(front_index(prefix.address()), false);
        let last = self.widen(front_index(prefix.last_address()), true);
        let last_address = front_address(last) | u128::MAX >> FRONT_BITS;
        let mut leaf = self.routes.scan(front_address(first), last_address, &mut self.scan);
        let is_new = self.trees.is_empty();
        let (mut compiler, scan, _) = self.compiler();
        let mut rest = scan.boundaries.as_slice();
        let mut staged = Vec::new();
        // One /16 after the other: no tree reaches from one into the next.
        while first <= last {
            if is_new && leaf == Entry::DEFAULT {
                // Without trees there is nothing to take away before the next route.
                let Some(next) = rest.first() else { break };
                first = first.max(front_index(next.start) >> TREE_SHIFT << TREE_SHIFT);
            }
            let end = (first | ((1 << TREE_SHIFT) - 1)).min(last);
            let end_address = front_address(end) | u128::MAX >> FRONT_BITS;
            let inside = rest.iter().take_while(|b| b.start <= end_address).count();
            let (inside, behind) = rest.split_at(inside);
            grow_range(&mut compiler, (front_address(first), end_address), leaf, inside, &mut staged)?;
            leaf = inside.last().map_or(leaf, |last| last.leaf);
            (first, rest) = (end + 1, behind);
        }
        for (range, front, tree) in staged {
            self.publish_tree(range, front, tree);
        }
        self.lines.keep();
        Ok(())
    }

    /// The first or last word of the front that goes with this one: of its tree, or of the gap between trees.
    fn widen(&self, index: usize, up: bool) -> usize {
        let front = self.front_word(index);
        if let Some(tree) = self.trees.get(&front) {
            return if up { tree.last } else { tree.first };
        }
        let low = index >> TREE_SHIFT << TREE_SHIFT;
        let high = low + (1 << TREE_SHIFT) - 1;
        let is_gap = |index: &usize| self.front_word(*index) == front;
        if up {
            (index..=high).take_while(is_gap).last().unwrap_or(index)
        } else {
            (low..=index).rev().take_while(is_gap).last().unwrap_or(index)
        }
    }

    fn publish_tree(&mut self, (first, last): (usize, usize), front: Front, tree: Option<Tree>) {
        let mut old = Front::default();
        for index in first..=last {
            let Some(word) = self.table.front().get(index) else { continue };
            let before = Front(word.load(Relaxed));
            if before == front {
                continue;
            }
            // Release: whoever sees this word sees the tree.
            word.store(front.0, Release);
            self.touch(index);
            // All words of an old tree are in this change: it is retired once, at the first of them.
            if before != old && self.trees.remove(&before).is_some() {
                self.retire_trees(before);
            }
            old = before;
        }
        if let Some(tree) = tree {
            self.trees.insert(front, tree);
        }
    }
}

/// Compiles the trees for a range of whole words of the front in one /16.
fn grow_range(
    compiler: &mut Compiler<'_>,
    (first, last): (u128, u128),
    leaf: Entry,
    boundaries: &[Boundary],
    staged: &mut Vec<Staged>,
) -> Result<(), FibError> {
    let (mut leaf, mut from, mut begin) = (leaf, 0, first);
    for (to, end) in partition(first, last, boundaries) {
        let inside = boundaries.get(from..to).unwrap_or_default();
        let (at_first, inner) = match inside.split_first() {
            Some((at_first, inner)) if at_first.start == begin => (at_first.leaf, inner),
            _ => (leaf, inside),
        };
        let range = (front_index(begin), front_index(end));
        if inner.is_empty() && at_first == Entry::DEFAULT {
            staged.push((range, Front::default(), None));
        } else {
            let (front, bits) = compiler.grow(begin, end, at_first, inner)?;
            staged.push((range, front, Some(Tree { first: range.0, last: range.1, end: bits })));
        }
        leaf = inside.last().map_or(leaf, |last| last.leaf);
        (from, begin) = (to, end.wrapping_add(1));
    }
    Ok(())
}
