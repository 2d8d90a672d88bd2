//! Every engine's answers against the oracle's.

use super::engine::Engine;
use super::oracle::Oracle;
use super::table::{Family, Table};
use super::trace::Trace;

/// Addresses with the right answers.
#[derive(Clone, Debug)]
pub struct Check {
    trace: Trace,
    expected: Vec<u32>,
}

/// A wrong answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was looked up; an IPv4 address in the first 32 bits.
    pub address: u128,
    /// What the oracle says.
    pub expected: u32,
    /// What the engine said.
    pub found: u32,
}

impl Check {
    /// Checks the addresses of these traces, and both ends of every prefix with their neighbours.
    pub fn new(table: &Table, oracle: &Oracle, traces: &[&Trace]) -> Check {
        let mut addresses: Vec<u128> = traces.iter().flat_map(|trace| trace.addresses()).collect();
        let step: u128 = if table.family == Family::V6 { 1 } else { 1 << 96 };
        for route in table.routes() {
            let (first, last) = (route.prefix.address(), route.prefix.last_address());
            addresses.extend([first, last, first.wrapping_sub(step), last.wrapping_add(step)]);
        }
        addresses.extend([0, u128::MAX]);
        let trace = Trace::of(table.family, "check".to_owned(), addresses);
        let expected = trace.addresses().map(|address| oracle.lookup(address)).collect();
        Check { trace, expected }
    }

    /// Number of addresses.
    pub fn len(&self) -> usize {
        self.expected.len()
    }

    /// True when nothing is checked.
    pub fn is_empty(&self) -> bool {
        self.expected.is_empty()
    }

    /// How many answers are wrong, and the first of them.
    pub fn mismatches(&self, engine: &dyn Engine, batch: usize) -> (usize, Option<Mismatch>) {
        let found = engine.answers(&self.trace, batch);
        let missing = self.expected.len().abs_diff(found.len());
        let mut wrong = self
            .trace
            .addresses()
            .zip(self.expected.iter().zip(found))
            .filter(|(_, (expected, found))| *expected != found)
            .map(|(address, (expected, found))| Mismatch { address, expected: *expected, found });
        let first = wrong.next();
        (usize::from(first.is_some()) + wrong.count() + missing, first)
    }
}
