//! The lookup in plain code: what the processor's vectors must agree with, and what processors without them use.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::entry::{Entry, Kind, LINE_WORDS, LONG_KEYS, LONG_WORDS_AT, NODE_KEYS, NODE_WORDS_AT};
use super::forest::{Front, TREE_KEYS, TWIG_KEYS, TWIG_WORDS_AT, key};
use super::table::{DefaultRoute, FRONT_BITS, Table};
use crate::id::NextHopId;

/// The longest match of one address.
pub(super) fn lookup6(table: &Table, default: DefaultRoute, address: u128) -> NextHopId {
    walk(table, address, |_| ()).next_hop(default.next_hop())
}

/// The longest match of one IPv4 address.
pub(super) fn lookup4(table: &Table, default: DefaultRoute, address: u32) -> NextHopId {
    walk(table, u128::from(address) << 96, |_| ()).next_hop(default.next_hop())
}

/// The leaf of one address; `visit` sees every word behind the tree that is not the leaf.
pub(super) fn walk(table: &Table, address: u128, mut visit: impl FnMut(Entry)) -> Entry {
    let mut entry = if table.has_trees() { twig_word(table, address) } else { front_word(table, address) };
    while !entry.is_leaf() {
        visit(entry);
        entry = step(table, entry, address);
    }
    entry
}

fn front_word(table: &Table, address: u128) -> Entry {
    Entry(word(table.front(), (address >> (128 - FRONT_BITS)) as usize))
}

/// The word that a tree leads to: root, branch, twig.
fn twig_word(table: &Table, address: u128) -> Entry {
    let (lines, key) = (table.lines(), key(address));
    let front = Front(front_word(table, address).0);
    let mut line = front.root((address >> (112 - FRONT_BITS)) as u16) as usize / WORD_BYTES;
    for _ in 0..2 {
        // The place last, and not from before the keys: they never change.
        let below = keys_below(lines, line, TREE_KEYS, key);
        line = word(lines, line + TREE_KEYS) as usize / WORD_BYTES + below * LINE_WORDS;
    }
    Entry(word(lines, line + TWIG_WORDS_AT + keys_below(lines, line, TWIG_KEYS, key)))
}

const WORD_BYTES: usize = size_of::<u32>();

fn keys_below(lines: &[AtomicU32], line: usize, count: usize, key: u32) -> usize {
    let keys = lines.get(line..line + count).unwrap_or_default();
    keys.iter().filter(|first| first.load(Relaxed) < key).count()
}

/// The word that a node or page leads to.
pub(super) fn step(table: &Table, entry: Entry, address: u128) -> Entry {
    let bits = address >> (8 * entry.at());
    let base = entry.line() as usize * LINE_WORDS;
    let lines = table.lines();
    let index = match entry.kind() {
        Kind::Leaf => return entry,
        Kind::Page => (bits & 0xff) as usize,
        Kind::Node => {
            let key = bits as u32;
            let keys = lines.get(base..base + NODE_KEYS).unwrap_or_default();
            NODE_WORDS_AT + keys.iter().filter(|first| first.load(Relaxed) <= key).count()
        }
        Kind::Long => {
            let key = bits as u64;
            let (halves, _) = lines.get(base..base + 2 * LONG_KEYS).unwrap_or_default().as_chunks::<2>();
            let keys = halves
                .iter()
                .map(|[low, high]| u64::from(low.load(Relaxed)) | u64::from(high.load(Relaxed)) << 32);
            LONG_WORDS_AT + keys.filter(|first| *first <= key).count()
        }
    };
    Entry(word(lines, base + index))
}

/// Acquire: what this word leads to must be seen as it was when the word was published.
fn word(words: &[AtomicU32], index: usize) -> u32 {
    words.get(index).map_or(0, |word| word.load(Acquire))
}
