//! Figures about a table.

use super::entry::{Kind, LINE_WORDS};
use super::prefix::Prefix6;
use super::routes::{Routes, Scan};
use super::scalar;
use super::table::{FRONT_WORDS, TABLE_LINES, Table};
use super::writer::Writer;

/// Octets of a line.
pub const LINE_BYTES: usize = LINE_WORDS * size_of::<u32>();
/// Root, branch, twig.
const TREE_STEPS: usize = 3;
/// Octets of a route that the writer keeps beside the table: its key and its value.
const ROUTE_BYTES: usize = size_of::<Prefix6>() + size_of::<u32>();

/// Figures about a table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FibStats {
    /// Routes.
    pub routes: usize,
    /// Octets of the front that are memory.
    pub front_bytes: usize,
    /// Octets of nodes and pages in use, those that wait for a grace period included.
    pub node_bytes: usize,
    /// Octets of the routes in order, which only the writer reads.
    pub route_bytes: usize,
    /// Octets of address space that are set aside.
    pub reserved_bytes: usize,
    /// Nodes and pages that wait for a grace period.
    pub retired: usize,
    /// Stretches of addresses between two neighbouring ends of prefixes.
    pub intervals: usize,
    /// The same when neighbours with equal next hops are one.
    pub merged_intervals: usize,
    /// Routes by the number of steps that a lookup of their first address takes after the front.
    pub depths: Vec<usize>,
    /// Routes by length.
    pub lengths: Vec<usize>,
}

impl FibStats {
    pub(super) fn of(writer: &Writer) -> FibStats {
        let routes = writer.routes();
        let mut stats = FibStats {
            routes: routes.len(),
            front_bytes: writer.front_bytes(),
            node_bytes: writer.lines().used() as usize * LINE_BYTES,
            route_bytes: routes.len() * ROUTE_BYTES,
            reserved_bytes: FRONT_WORDS * size_of::<u32>() + TABLE_LINES as usize * LINE_BYTES,
            retired: writer.lines().retired(),
            intervals: intervals(routes),
            ..FibStats::default()
        };
        let mut scan = Scan::default();
        routes.scan(0, u128::MAX, &mut scan);
        stats.merged_intervals = scan.boundaries.len() + 1;
        for (prefix, _) in routes.iter() {
            count(&mut stats.depths, depth(writer.table(), prefix));
            count(&mut stats.lengths, usize::from(prefix.len()));
        }
        stats
    }

    /// Octets of the table itself.
    pub fn memory_bytes(&self) -> usize {
        self.front_bytes + self.node_bytes
    }
}

fn count(histogram: &mut Vec<usize>, index: usize) {
    if histogram.len() <= index {
        histogram.resize(index + 1, 0);
    }
    if let Some(count) = histogram.get_mut(index) {
        *count += 1;
    }
}

fn intervals(routes: &Routes) -> usize {
    let ends =
        routes.iter().flat_map(|(prefix, _)| [Some(prefix.address()), prefix.last_address().checked_add(1)]);
    let mut starts: Vec<u128> = ends.flatten().chain([0]).collect();
    starts.sort_unstable();
    starts.dedup();
    starts.len()
}

/// Steps of a lookup of a prefix's first address, after the front.
pub(super) fn depth(table: &Table, prefix: Prefix6) -> usize {
    let mut steps = if table.has_trees() { TREE_STEPS } else { 0 };
    scalar::walk(table, prefix.address(), |entry| steps += usize::from(entry.kind() != Kind::Leaf));
    steps
}
