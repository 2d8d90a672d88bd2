//! From routes to elementary intervals to the tree.

use crate::{DEPTH_MAX, Error, KEYS, Lines, PREFIX_LEN_MAX, PlanB, WAYS};

/// A route on the upper 64 bits of the address, the bits beyond the prefix cleared.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    first: u64,
    len: u8,
    next_hop: u32,
}

impl Route {
    /// The last /64 of the prefix.
    fn last(self) -> u64 {
        self.first | u64::MAX.checked_shr(u32::from(self.len)).unwrap_or(0)
    }
}

/// An interval begins here, and ends before the next one.
#[derive(Clone, Copy)]
pub(crate) struct Interval {
    first: u64,
    next_hop: u32,
}

pub(crate) fn masked(routes: impl Iterator<Item = (u128, u8, u32)>) -> Result<Vec<Route>, Error> {
    routes
        .map(|(address, len, next_hop)| {
            if len > PREFIX_LEN_MAX {
                return Err(Error::PrefixTooLong(len));
            }
            if next_hop == 0 {
                return Err(Error::ZeroNextHop);
            }
            let host_bits = u64::MAX.checked_shr(u32::from(len)).unwrap_or(0);
            Ok(Route { first: (address >> 64) as u64 & !host_bits, len, next_hop })
        })
        .collect()
}

/// Cuts the space at the prefixes' bounds: a sweep over them, covering prefixes before those within them, with a
/// stack of the prefixes that the sweep is in. The first interval begins at 0; neighbours' next hops differ.
pub(crate) fn intervals(mut routes: Vec<Route>) -> Vec<Interval> {
    // Stable, so that the last of equal prefixes stays last, and is on top of the others.
    routes.sort_by_key(|route| (route.first, route.len));
    let mut intervals = vec![Interval { first: 0, next_hop: 0 }];
    let mut open: Vec<Route> = Vec::new();
    for &route in &routes {
        while let Some(inner) = open.pop_if(|inner| inner.last() < route.first) {
            close(&mut intervals, &open, inner);
        }
        begin(&mut intervals, route.first, route.next_hop);
        open.push(route);
    }
    while let Some(inner) = open.pop() {
        close(&mut intervals, &open, inner);
    }
    intervals
}

/// After a prefix, what covers it goes on; after the last /64 there is nothing.
fn close(intervals: &mut Vec<Interval>, open: &[Route], inner: Route) {
    if let Some(after) = inner.last().checked_add(1) {
        begin(intervals, after, open.last().map_or(0, |outer| outer.next_hop));
    }
}

/// From `first` on the next hop is this one, which may replace an interval that began there too.
fn begin(intervals: &mut Vec<Interval>, first: u64, next_hop: u32) {
    intervals.pop_if(|last| last.first == first);
    if intervals.last().is_none_or(|last| last.next_hop != next_hop) {
        intervals.push(Interval { first, next_hop });
    }
}

/// Lays the tree out. With `below` levels under it, branch b of node n leads to the intervals from number
/// `(9 * n + b) * 9^below` on, so that interval's bound is the key before branch b.
pub(crate) fn build(intervals: &[Interval]) -> Result<PlanB, Error> {
    let depth = (1..=DEPTH_MAX)
        .find(|&depth| WAYS.pow(depth as u32) >= intervals.len())
        .ok_or(Error::TooManyIntervals(intervals.len()))?;
    let mut level_starts = [0; DEPTH_MAX];
    let mut keys = 0;
    for (level, start) in level_starts.iter_mut().enumerate().take(depth) {
        *start = keys;
        keys += intervals.len().div_ceil(WAYS.pow((depth - level) as u32)) * KEYS;
    }

    let mut nodes = Lines::zeroed(keys)?;
    // A comparison asks whether the address is greater than the key, so a key is the last /64 before an interval;
    // nothing is greater than the keys that fill up a node, which therefore lead nowhere.
    nodes.fill(u64::MAX);
    for (level, &start) in level_starts.iter().enumerate().take(depth) {
        let step = WAYS.pow((depth - 1 - level) as u32);
        for (number, interval) in intervals.iter().step_by(step).enumerate() {
            let (node, branch) = (number / WAYS, number % WAYS);
            if branch > 0 {
                nodes[start + node * KEYS + branch - 1] = interval.first - 1;
            }
        }
    }
    let mut next_hops = Lines::zeroed(intervals.len())?;
    for (next_hop, interval) in next_hops.iter_mut().zip(intervals) {
        *next_hop = interval.next_hop;
    }
    let avx512 = crate::lookup::avx512_usable();
    Ok(PlanB { nodes, level_starts, depth, next_hops, avx512 })
}
