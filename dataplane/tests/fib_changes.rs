//! Tables that change, against a naive match: around every change, everywhere now and then, and when all is withdrawn.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may")]

#[path = "support/lpm.rs"]
mod lpm;
#[path = "support/shapes.rs"]
mod shapes;

use dataplane::fib::{Prefix6, Writer4, Writer6};
use dataplane::id::NextHopId;
use lpm::{Naive, Random, Table, UNTOUCHED, agree, agree_in_batches, compare, kernels, probes_around};
use shapes::Shape;

/// Prefixes of the shapes that can have any number.
const SCALE: usize = if cfg!(miri) { 20 } else { 3_000 };
/// Changes of single routes, spread over the shapes.
const CHANGES: usize = if cfg!(miri) { 200 } else { 1_000_000 };
/// The same for IPv4.
const CHANGES4: usize = if cfg!(miri) { 100 } else { 100_000 };
/// Changes after which everything is looked up.
const CHANGES_OF_A_ROUND: usize = 5_000;
/// Octets that a table's front can become, and stay, when it is written everywhere.
const FRONT_BYTES: usize = 4 << 16;

/// A table, what must be in it, and how many changes were made.
struct Pair<T> {
    table: T,
    naive: Naive,
    random: Random,
    changes: usize,
}

impl<T: Table> Pair<T> {
    fn new(seed: u64) -> Pair<T> {
        Pair { table: T::empty(), naive: Naive::default(), random: Random(seed), changes: 0 }
    }

    /// One route comes, changes or goes; around it every kernel is right.
    fn change(&mut self, prefix: Prefix6, next_hop: Option<NextHopId>) {
        let (found, expected) = match next_hop {
            Some(next_hop) => (self.table.put(prefix, next_hop), self.naive.insert(prefix, next_hop)),
            None => (self.table.take(prefix), self.naive.remove(prefix)),
        };
        assert_eq!(found, Ok(expected), "{prefix} to {next_hop:?}");
        self.changes += 1;
        let probes = probes_around(prefix, T::BITS, self.random.address());
        let expected = probes.map(|probe| self.naive.lookup(probe));
        for kernel in kernels() {
            let mut found = [UNTOUCHED; 6];
            self.table.find(Some(kernel), &probes, &mut found);
            if found != expected {
                compare(&found, &expected, &probes, &format!("{prefix} to {next_hop:?}"), kernel);
            }
        }
    }

    /// A route of the shape comes or changes (more often), or goes.
    fn change_any(&mut self, prefixes: &[Prefix6]) {
        let prefix = self.random.pick(prefixes);
        let next_hop = (self.random.below(5) < 3).then(|| shapes::next_hop(&mut self.random));
        self.change(prefix, next_hop);
    }

    /// All that lies below some prefix goes, or comes.
    fn change_subtree(&mut self, prefixes: &[Prefix6]) {
        const MAX_SUBTREE: usize = 300;
        let top = self.random.pick(prefixes);
        let up = self.random.below(24) as u8;
        let top = Prefix6::new(top.address(), top.len().saturating_sub(up));
        let goes = self.random.below(2) == 0;
        for prefix in prefixes.iter().filter(|prefix| top.covers(**prefix)).take(MAX_SUBTREE) {
            let next_hop = (!goes).then(|| shapes::next_hop(&mut self.random));
            self.change(*prefix, next_hop);
        }
    }

    fn agree_everywhere(&mut self, prefixes: &[Prefix6], when: &str) {
        let random = &mut self.random;
        let probes: Vec<_> =
            prefixes.iter().flat_map(|prefix| probes_around(*prefix, T::BITS, random.address())).collect();
        agree(&self.table, &self.naive, &probes, when);
        agree_in_batches(&self.table, &self.naive, &probes[..probes.len().min(1100)], when);
    }

    /// Withdraws all, in any order: no node is left. Returns the octets that are.
    fn empty(&mut self) -> usize {
        let mut prefixes = self.naive.prefixes();
        while !prefixes.is_empty() {
            let prefix = prefixes.swap_remove(self.random.below(prefixes.len()));
            self.change(prefix, None);
        }
        self.table.reclaim_all();
        assert_eq!(self.naive.len(), 0);
        assert_eq!(self.table.node_bytes(), 0, "nodes of an empty table");
        self.table.memory()
    }
}

fn changed_shapes_agree<T: Table>(shapes: &[Shape], changes: usize) {
    for (seed, shape) in (10..).zip(shapes) {
        let mut pair: Pair<T> = Pair::new(seed);
        let at_start = pair.table.memory();
        // Once all in, each with a next hop of its own, and out again: the front was written wherever it will be.
        for (prefix, next_hop) in shape.prefixes.iter().zip(1..) {
            pair.change(*prefix, Some(NextHopId(next_hop)));
        }
        let when_empty = pair.empty();
        assert!(when_empty <= at_start + FRONT_BYTES, "{}: {when_empty} octets", shape.name);
        let share = changes / shapes.len();
        let mut next_round = pair.changes;
        for until in [share / 2, share] {
            while pair.changes + pair.naive.len() < until {
                if pair.random.below(200) == 0 {
                    pair.change_subtree(&shape.prefixes);
                } else {
                    pair.change_any(&shape.prefixes);
                }
                // Not after each change: what was replaced waits, and is used again.
                if pair.random.below(16) == 0 {
                    pair.table.reclaim_all();
                }
                if pair.changes >= next_round {
                    pair.agree_everywhere(&shape.prefixes, shape.name);
                    next_round += CHANGES_OF_A_ROUND;
                }
            }
            pair.agree_everywhere(&shape.prefixes, shape.name);
            assert_eq!(
                pair.empty(),
                when_empty,
                "{}: octets of the table when it is empty again",
                shape.name
            );
        }
    }
}

#[test]
fn a_million_changes_agree() {
    let shapes = shapes::all(SCALE, &mut Random(7));
    // Two halves, so that two cores do them.
    let (first, second) = shapes.split_at(shapes.len() / 2);
    std::thread::scope(|scope| {
        for half in [first, second] {
            scope.spawn(|| changed_shapes_agree::<Writer6>(half, CHANGES / 2));
        }
    });
}

#[test]
fn changes_to_ipv4_tables_agree() {
    changed_shapes_agree::<Writer4>(&shapes::all4(SCALE, &mut Random(8)), CHANGES4);
}

#[test]
fn changes_to_all_shapes_in_one_table_agree() {
    let prefixes =
        shapes::all(SCALE / 4, &mut Random(9)).into_iter().flat_map(|shape| shape.prefixes).collect();
    changed_shapes_agree::<Writer6>(&[Shape { name: "all in one", prefixes }], CHANGES / 20);
}
