//! The routes of one table in order, and what the compiler asks of them: which prefix covers this one, and where in a
//! range of addresses the longest match changes.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::prefix::Prefix6;

/// From `start` on, addresses have the longest match `leaf`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Boundary {
    /// First address.
    pub start: u128,
    /// Always a leaf.
    pub leaf: Entry,
}

/// Routes in ascending order of (address, length): a covering prefix comes before what it covers.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    map: BTreeMap<Prefix6, Entry>,
}

impl Routes {
    /// The routes of a list, which is sorted first; of equal prefixes the last one counts.
    pub fn from_list(mut list: Vec<(Prefix6, Entry)>) -> Routes {
        if !list.is_sorted_by_key(|(prefix, _)| *prefix) {
            list.sort_by_key(|(prefix, _)| *prefix);
        }
        // `BTreeMap` keeps the last of equal keys, and builds in one pass from what is sorted.
        Routes { map: list.into_iter().collect() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// The leaf of exactly this prefix.
    pub fn exact(&self, prefix: Prefix6) -> Option<Entry> {
        self.map.get(&prefix).copied()
    }

    /// Puts a route in; returns what it replaced.
    pub fn insert(&mut self, prefix: Prefix6, leaf: Entry) -> Option<Entry> {
        self.map.insert(prefix, leaf)
    }

    /// Takes a route out.
    pub fn remove(&mut self, prefix: Prefix6) -> Option<Entry> {
        self.map.remove(&prefix)
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix6, Entry)> {
        self.map.iter().map(|(prefix, leaf)| (*prefix, *leaf))
    }

    /// The longest prefix shorter than `prefix` that covers it.
    ///
    /// Whatever stands between a cover and `prefix` in the order lies inside the cover. So what stands right before
    /// `prefix` either is a cover, or shares at least the cover's bits with `prefix`: the search goes on at those bits.
    pub fn cover(&self, prefix: Prefix6) -> Option<(Prefix6, Entry)> {
        let mut before = prefix;
        loop {
            let (found, leaf) = self.map.range(..before).next_back()?;
            if found.covers(prefix) {
                return Some((*found, *leaf));
            }
            let shared = (found.address() ^ prefix.address()).leading_zeros() as u8;
            // Everything up to the prefix of the shared bits itself, which has the largest length that is asked for.
            before = Prefix6::new(prefix.address(), shared).successor();
        }
    }

    /// The longest match of one address.
    pub fn longest_match(&self, address: u128) -> Option<(Prefix6, Entry)> {
        let host = Prefix6::new(address, 128);
        self.map.get_key_value(&host).map(|(prefix, leaf)| (*prefix, *leaf)).or_else(|| self.cover(host))
    }

    /// Where the longest match changes from `first` to `last`: the leaf at `first`, and in `scan.boundaries` every later
    /// change. Equal neighbours are merged. A route to everywhere counts as none.
    pub fn scan(&self, first: u128, last: u128, scan: &mut Scan) -> Entry {
        scan.start(first);
        self.open_before(first, scan);
        for (prefix, leaf) in self.map.range(Prefix6::before_all_at(first)..=Prefix6::new(last, 128)) {
            if prefix.len() > 0 {
                scan.close(prefix.address());
                scan.begin(prefix.address(), *leaf);
                scan.open.push((prefix.last_address(), *leaf));
            }
        }
        // Prefixes that reach the end stay open: behind it nobody asks.
        scan.close(last);
        scan.at_first
    }

    /// The prefixes that begin before `first` and hold it, outermost first.
    ///
    /// As in [`Routes::cover`]; a prefix that begins before `first` is shorter than the place of its last bit that is set.
    fn open_before(&self, first: u128, scan: &mut Scan) {
        let Some(longest) = 127u32.checked_sub(first.trailing_zeros()) else { return };
        let mut before = Prefix6::new(first, longest as u8).successor();
        while let Some((found, leaf)) = self.map.range(..before).next_back() {
            before = if found.contains(first) {
                if found.len() > 0 {
                    scan.open.push((found.last_address(), *leaf));
                }
                *found
            } else {
                let shared = (found.address() ^ first).leading_zeros().min(longest);
                Prefix6::new(first, shared as u8).successor()
            };
        }
        scan.at_first = scan.open.first().map_or(Entry::DEFAULT, |(_, leaf)| *leaf);
        scan.open.reverse();
    }
}

/// The state of a sweep over a range of addresses, and its result. Kept from one to the next for its memory.
#[derive(Debug, Default)]
pub struct Scan {
    /// Where the longest match changes, ascending.
    pub boundaries: Vec<Boundary>,
    /// Last addresses and leaves of the prefixes around the current position, outermost first.
    open: Vec<(u128, Entry)>,
    first: u128,
    at_first: Entry,
}

impl Scan {
    fn start(&mut self, first: u128) {
        self.boundaries.clear();
        self.open.clear();
        (self.first, self.at_first) = (first, Entry::DEFAULT);
    }

    /// From `start` on, `leaf` is the longest match.
    fn begin(&mut self, start: u128, leaf: Entry) {
        if start == self.first {
            self.at_first = leaf;
            return;
        }
        if self.boundaries.last().is_some_and(|last| last.start == start) {
            self.boundaries.pop();
        }
        if self.boundaries.last().map_or(self.at_first, |last| last.leaf) != leaf {
            self.boundaries.push(Boundary { start, leaf });
        }
    }

    /// Ends the prefixes that lie before `address`: behind the last address of each, what is around it counts again.
    fn close(&mut self, address: u128) {
        while let Some((last, _)) = self.open.last().copied()
            && last < address
        {
            self.open.pop();
            let leaf = self.open.last().map_or(Entry::DEFAULT, |(_, leaf)| *leaf);
            // Less than `address`, so there is a next one.
            self.begin(last + 1, leaf);
        }
    }
}
