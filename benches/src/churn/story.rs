//! What happens in a run, made up in advance: which routes change when, and so what is right when.

use dataplane::fib::Prefix6;
use dataplane::id::{MAX_ADJACENCIES, NextHopId};

use crate::fib::oracle::Oracle;
use crate::fib::random::Random;
use crate::fib::table::{Route, Table};

/// The largest next hop of the bench: each leads to a neighbor of its own, which its frames name.
pub const MAX_NEXT_HOP: u32 = MAX_ADJACENCIES as u32 - 1;
/// Flows: one address each.
const FLOWS: usize = 32 << 10;
/// Of so many flows one goes to a route that changes.
const FLOWS_OF_A_CHANGING_ONE: usize = 4;
/// Routes that change, at most; never more than half of the table.
const CHANGING_ROUTES: usize = 8 << 10;
/// The shortest route that changes: a change of a shorter one would be one of half of the table.
const SHORTEST_CHANGING: u8 = 24;

/// A route comes or gets another next hop, or goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub prefix: Prefix6,
    pub next_hop: Option<NextHopId>,
}

/// One address, and what is right for it.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub address: u128,
    /// From which change on (0: from the start) it leads where; 0 is "no route". Ascending, the first one from 0 on.
    right: Vec<(u64, u32)>,
}

impl Flow {
    /// True when nothing changes for it.
    pub(super) fn is_unchanged(&self) -> bool {
        self.right.len() == 1
    }

    /// What is right from change `done` on up to change `begun`.
    pub(super) fn right(&self, done: u64, begun: u64) -> impl Iterator<Item = u32> + Clone {
        // The last one that came to be right up to `done`, and all that did up to `begun`.
        let first = self.right.partition_point(|(from, _)| *from <= done).saturating_sub(1);
        let end =
            if self.is_unchanged() { 1 } else { self.right.partition_point(|(from, _)| *from <= begun) };
        self.right.get(first..end).unwrap_or_default().iter().map(|(_, next_hop)| *next_hop)
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Story {
    routes: Vec<(Prefix6, NextHopId)>,
    changes: Vec<Change>,
    /// In no order.
    flows: Vec<Flow>,
    changing_routes: usize,
}

impl Story {
    /// `count` changes to some of a table's routes.
    pub(super) fn new(table: &Table, count: usize) -> Story {
        let mut random = Random::new(0x5707);
        let mapped = |route: &Route| Route { next_hop: 1 + route.next_hop % MAX_NEXT_HOP, ..*route };
        let routes: Vec<Route> = table.routes().iter().map(mapped).collect();
        let mut changing: Vec<Route> =
            routes.iter().filter(|route| route.prefix.len() >= SHORTEST_CHANGING).copied().collect();
        random.shuffle(&mut changing);
        changing.truncate(CHANGING_ROUTES.min(routes.len().div_ceil(2)));
        let mut flows: Vec<_> = (0..FLOWS)
            .filter_map(|flow| {
                let to_changing = flow % FLOWS_OF_A_CHANGING_ONE == 0 && !changing.is_empty();
                let routes = if to_changing { &changing } else { &routes };
                let prefix = routes.get(random.below(routes.len()))?.prefix;
                let host_bits = prefix.address() ^ prefix.last_address();
                Some(prefix.address() | random.wide_bits() & host_bits)
            })
            .collect();
        flows.sort_unstable();
        flows.dedup();
        let changes = changes(&changing, count, &mut random);
        let mut flows = histories(&routes, &changes, flows);
        random.shuffle(&mut flows);
        let changing_routes = changing.len();
        let routes = routes.iter().map(|route| (route.prefix, NextHopId(route.next_hop))).collect();
        Story { routes, changes, flows, changing_routes }
    }

    pub(super) fn routes(&self) -> &[(Prefix6, NextHopId)] {
        &self.routes
    }

    /// Numbered from 1.
    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub(super) fn flows(&self) -> &[Flow] {
        &self.flows
    }

    pub(super) fn changing_routes(&self) -> usize {
        self.changing_routes
    }
}

/// Routes that are there go, or get another next hop; those that are not come.
fn changes(changing: &[Route], count: usize, random: &mut Random) -> Vec<Change> {
    let mut is_there = vec![true; changing.len()];
    let change = |_| {
        let index = random.below(changing.len());
        let (route, is_there) = (changing.get(index)?, is_there.get_mut(index)?);
        *is_there = !*is_there || random.chance(0.5);
        let next_hop = NextHopId(1 + random.below(MAX_NEXT_HOP as usize) as u32);
        Some(Change { prefix: route.prefix, next_hop: is_there.then_some(next_hop) })
    };
    (0..count).map_while(change).collect()
}

/// `addresses` ascending.
fn histories(routes: &[Route], changes: &[Change], addresses: Vec<u128>) -> Vec<Flow> {
    let mut oracle = Oracle::new(routes);
    let start = |address| Flow { address, right: vec![(0, oracle.lookup(address))] };
    let mut flows: Vec<Flow> = addresses.into_iter().map(start).collect();
    for (number, change) in (1..).zip(changes) {
        match change.next_hop {
            Some(next_hop) => oracle.announce(Route { prefix: change.prefix, next_hop: next_hop.0 }),
            None => oracle.withdraw(change.prefix),
        }
        let first = flows.partition_point(|flow| flow.address < change.prefix.address());
        let inside = flows.iter_mut().skip(first).take_while(|flow| change.prefix.contains(flow.address));
        for flow in inside {
            let now = oracle.lookup(flow.address);
            if flow.right.last().is_none_or(|(_, before)| *before != now) {
                flow.right.push((number, now));
            }
        }
    }
    flows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fib::table::Family;

    #[test]
    fn what_is_right_follows_the_changes() {
        let prefix = |len| Prefix6::new(0x2001_0db8 << 96 | 1, len);
        let route = |len, next_hop| Route { prefix: prefix(len), next_hop };
        let change =
            |len, next_hop: Option<u32>| Change { prefix: prefix(len), next_hop: next_hop.map(NextHopId) };
        let changes = [change(48, None), change(128, Some(7)), change(32, Some(9)), change(128, None)];
        let addresses = vec![prefix(128).address(), prefix(128).address() + 1];
        let flows = histories(&[route(32, 2), route(48, 3)], &changes, addresses);
        assert_eq!(flows[0].right, [(0, 3), (1, 2), (2, 7), (4, 9)]);
        assert_eq!(flows[1].right, [(0, 3), (1, 2), (3, 9)]);
        assert!(flows[0].right(0, 0).eq([3]));
        assert!(flows[0].right(1, 3).eq([2, 7]));
        assert!(flows[0].right(3, 3).eq([7]));
        assert!(flows[0].right(2, 9).eq([7, 9]));
        assert!(!flows[0].is_unchanged());
    }

    #[test]
    fn a_story_has_flows_that_change_and_flows_that_do_not() {
        let table = Table::new(Family::V6, "", Table::synthetic(5000).routes().iter().copied());
        let story = Story::new(&table, 20_000);
        assert_eq!(story.changes().len(), 20_000);
        let unchanged = story.flows().iter().filter(|flow| flow.is_unchanged()).count();
        assert!(unchanged > 1000 && story.flows().len() - unchanged > 1000, "{unchanged}");
        assert!(story.flows().iter().any(|flow| flow.right(0, u64::MAX).any(|next_hop| next_hop == 0)));
    }
}
