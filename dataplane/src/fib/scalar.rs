//! The lookup in plain code: what the processor's vectors must agree with, and what processors without them use.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use super::entry::{
    Entry, FRONT_BITS, Kind, LINE_WORDS, LONG_KEYS, LONG_WORDS_AT, MAX_TABLE_BITS, NODE_KEYS, NODE_WORDS_AT,
    Root,
};
use super::table::{DIRECT_BITS, Table};
use crate::id::NextHopId;

/// The longest match of one address.
pub(super) fn lookup(table: &Table, address: u128) -> NextHopId {
    walk(table, address, |_| ()).next_hop(table.default())
}

/// The longest match of one IPv4 address.
pub(super) fn lookup4(table: &Table, address: u32) -> NextHopId {
    let mut entry = Entry(word(table.direct(), (address >> (32 - DIRECT_BITS)) as usize));
    while !entry.is_leaf() {
        entry = step(table, entry, u128::from(address) << 96);
    }
    entry.next_hop(table.default())
}

/// The leaf of one address; `visit` sees every word on the way that is not the leaf.
pub(super) fn walk(table: &Table, address: u128, mut visit: impl FnMut(Entry)) -> Entry {
    let mut entry = front(table, address);
    while !entry.is_leaf() {
        visit(entry);
        entry = step(table, entry, address);
    }
    entry
}

/// The word of the table behind the front.
pub(super) fn front(table: &Table, address: u128) -> Entry {
    let root = Root(word(table.front(), (address >> (128 - FRONT_BITS)) as usize));
    let next = (address >> (128 - FRONT_BITS - MAX_TABLE_BITS)) as usize & ((1 << MAX_TABLE_BITS) - 1);
    Entry(word(table.lines(), root.line() as usize * LINE_WORDS + (next >> (MAX_TABLE_BITS - root.bits()))))
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
fn word(words: &[std::sync::atomic::AtomicU32], index: usize) -> u32 {
    words.get(index).map_or(0, |word| word.load(Acquire))
}
