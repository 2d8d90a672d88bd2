//! The adjacencies: which neighbor has which number.
//!
//! A number that nothing refers to any more is given out again only after a commit: the rings are first in, first out,
//! so by then every worker has the tables that do not use it. It also rests until [`RESTING_IDS`] others have been given
//! back after it: a packet that control has released may be on its way to a worker with the old number, and must not meet
//! another neighbor under it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use dataplane::fib::Prefix6;
use dataplane::id::{AdjacencyId, MAX_ADJACENCIES, PortId};
use dataplane::table::Adjacency;
use dataplane::update::INJECT_RING_LEN;
use dataplane::wire::ethernet::{self, Mac};
use hashbrown::HashMap;

use super::links::Links;

/// Numbers that rest before the oldest of them is used again: as many as packets can be on their way to a worker.
pub const RESTING_IDS: usize = INJECT_RING_LEN;

/// What is known about a neighbor that is a next hop.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Neighbor {
    /// Its MAC address, once resolved.
    pub mac: Option<Mac>,
    /// It did not answer: not to be used.
    pub has_failed: bool,
}

/// See the module.
#[derive(Debug)]
pub struct AdjacencyTable {
    ids: HashMap<(PortId, u128), AdjacencyId>,
    keys: Vec<Option<(PortId, u128)>>,
    neighbors: HashMap<(PortId, u128), Neighbor>,
    /// Those whose MAC address is known, by address.
    resolved: BTreeSet<(u128, PortId)>,
    /// How many next hops use a number.
    uses: Vec<usize>,
    /// Given back, oldest first.
    free: VecDeque<AdjacencyId>,
    /// There is a number that the workers were not told of.
    is_new: bool,
    /// There may be a number that nothing uses.
    is_loose: bool,
    links: Arc<Links>,
}

/// What the rewrite needs to know about a port.
#[derive(Clone, Copy, Debug)]
pub struct PortFacts {
    /// Source of the frames.
    pub mac: Mac,
    /// Octets of an IPv6 packet.
    pub mtu: u16,
    /// Has an egress filter.
    pub is_filtered: bool,
    /// The inside of a correspondent's edge.
    pub is_mex_inside: bool,
    /// Administratively up, with a link.
    pub is_up: bool,
}

impl AdjacencyTable {
    /// No adjacency.
    pub fn new(links: Arc<Links>) -> AdjacencyTable {
        AdjacencyTable {
            ids: HashMap::new(),
            keys: Vec::new(),
            neighbors: HashMap::new(),
            resolved: BTreeSet::new(),
            uses: Vec::new(),
            free: VecDeque::new(),
            is_new: false,
            is_loose: false,
            links,
        }
    }

    /// The number of a neighbor, which gets one when it has none; `None` when all [`MAX_ADJACENCIES`] are in use.
    pub fn id(&mut self, port: PortId, address: u128) -> Option<AdjacencyId> {
        if let Some(id) = self.ids.get(&(port, address)) {
            return Some(*id);
        }
        let has_fresh = self.keys.len() < MAX_ADJACENCIES;
        let id = if has_fresh && self.free.len() <= RESTING_IDS {
            self.keys.push(None);
            self.uses.push(0);
            AdjacencyId((self.keys.len() - 1) as u32)
        } else {
            self.free.pop_front()?
        };
        self.keys[id.index()] = Some((port, address));
        self.ids.insert((port, address), id);
        self.links.add(port, id);
        (self.is_new, self.is_loose) = (true, true);
        Some(id)
    }

    /// One more next hop uses this neighbor; its number, as [`AdjacencyTable::id`] gives it.
    pub fn acquire(&mut self, port: PortId, address: u128) -> Option<AdjacencyId> {
        let id = self.id(port, address)?;
        *self.uses.get_mut(id.index())? += 1;
        Some(id)
    }

    /// One next hop less.
    pub fn release(&mut self, id: AdjacencyId) {
        if let Some(uses) = self.uses.get_mut(id.index()) {
            *uses = uses.saturating_sub(1);
            self.is_loose |= *uses == 0;
        }
    }

    /// True once when there are numbers that the workers were not told of.
    pub fn take_new(&mut self) -> bool {
        std::mem::take(&mut self.is_new)
    }

    /// Neighbors may have been forgotten without a word: looks again which numbers nothing uses.
    pub fn recheck(&mut self) {
        self.is_loose = true;
    }

    /// True when [`AdjacencyTable::collect`] may find something.
    pub fn is_loose(&self) -> bool {
        self.is_loose
    }

    /// The number of a neighbor that has one.
    pub fn find(&self, port: PortId, address: u128) -> Option<AdjacencyId> {
        self.ids.get(&(port, address)).copied()
    }

    /// Whose number it is.
    pub fn key(&self, id: AdjacencyId) -> Option<(PortId, u128)> {
        self.keys.get(id.index()).copied().flatten()
    }

    /// What is known about a neighbor.
    pub fn neighbor(&self, port: PortId, address: u128) -> Neighbor {
        self.neighbors.get(&(port, address)).copied().unwrap_or_default()
    }

    /// Notes what is known about a neighbor.
    pub fn set_neighbor(&mut self, port: PortId, address: u128, neighbor: Neighbor) {
        if neighbor.mac.is_some() {
            self.resolved.insert((address, port));
        } else {
            self.resolved.remove(&(address, port));
        }
        if neighbor == Neighbor::default() {
            self.is_loose = true;
            self.neighbors.remove(&(port, address));
        } else {
            self.neighbors.insert((port, address), neighbor);
        }
    }

    /// The neighbors inside a prefix whose MAC address is known, by address.
    pub fn resolved(&self, within: Prefix6) -> impl Iterator<Item = (u128, PortId)> {
        let last = (within.last_address(), PortId(u16::MAX));
        self.resolved.range((within.address(), PortId(0))..=last).copied()
    }

    /// All numbers in use.
    pub fn ids(&self) -> impl Iterator<Item = (AdjacencyId, PortId, u128)> {
        let keys = (0u32..).zip(&self.keys);
        keys.filter_map(|(id, key)| key.map(|(port, address)| (AdjacencyId(id), port, address)))
    }

    /// Gives back the numbers that no next hop uses, except those that `is_kept` names. Only after the tables without them
    /// are on their way.
    pub fn collect(&mut self, is_kept: impl Fn(PortId, u128) -> bool) {
        self.is_loose = false;
        for index in 0..self.keys.len() {
            let id = AdjacencyId(index as u32);
            let is_used = self.uses.get(index).is_some_and(|uses| *uses > 0);
            if !is_used
                && !self.keys[index].is_some_and(|(port, address)| is_kept(port, address))
                && let Some(key) = self.keys[index].take()
            {
                self.ids.remove(&key);
                self.links.remove(key.0, id);
                self.free.push_back(id);
            }
        }
    }

    /// A port's adjacencies are dead: at once, and all of them.
    pub fn kill_port(&self, port: PortId) {
        self.links.kill(port);
    }

    /// A neighbor is dead: at once.
    pub fn kill_neighbor(&self, port: PortId, address: u128) {
        if let Some(id) = self.find(port, address) {
            self.links.set(port, id, false);
        }
    }

    /// True when packets may go to an adjacency: its port is up, and the neighbor has not failed to answer.
    fn may_live(&self, id: AdjacencyId, port: impl Fn(PortId) -> Option<PortFacts>) -> bool {
        self.key(id).is_some_and(|(port_id, address)| {
            port(port_id).is_some_and(|p| p.is_up) && !self.neighbor(port_id, address).has_failed
        })
    }

    /// Marks the adjacencies that must not be used, and finds those that may be and are marked dead.
    pub fn part_dead(&self, port: impl Fn(PortId) -> Option<PortFacts>) -> Vec<AdjacencyId> {
        let mut may_revive = Vec::new();
        for (id, port_id, _) in self.ids() {
            if !self.may_live(id, &port) {
                self.links.set(port_id, id, false);
            } else if !self.links.is_up(id) {
                may_revive.push(id);
            }
        }
        may_revive
    }

    /// Lets those of these adjacencies live that still may.
    pub fn revive(&self, ids: &[AdjacencyId], port: impl Fn(PortId) -> Option<PortFacts>) {
        for id in ids {
            if let Some((port_id, _)) = self.key(*id)
                && self.may_live(*id, &port)
            {
                self.links.set(port_id, *id, true);
            }
        }
    }

    /// The table for the workers.
    pub fn compile(&self, port: impl Fn(PortId) -> Option<PortFacts>) -> Arc<[Adjacency]> {
        let entry = |key: &Option<(PortId, u128)>| {
            let (port_id, address) = key.unwrap_or_default();
            let facts = port(port_id);
            let mac = self.neighbor(port_id, address).mac.filter(|_| key.is_some());
            let source = facts.map(|f| f.mac).unwrap_or_default();
            Adjacency {
                address,
                ethernet: ethernet::bytes(mac.unwrap_or_default(), source, ethernet::TYPE_IPV6),
                port: port_id,
                mtu: facts.map_or(0, |f| f.mtu),
                is_resolved: mac.is_some(),
                is_filtered: facts.is_some_and(|f| f.is_filtered),
                is_mex_inside: facts.is_some_and(|f| f.is_mex_inside),
            }
        };
        self.keys.iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rest_before_they_name_another_neighbor_and_none_is_lost() {
        let mut table = AdjacencyTable::new(Arc::new(Links::new(Arc::default())));
        let mut last_named = std::collections::HashMap::new();
        // One neighbor comes and goes at a time, more often than there are numbers.
        for address in 0..3 * MAX_ADJACENCIES {
            let id = table.id(PortId(0), address as u128).expect("there is one to be had");
            if let Some(before) = last_named.insert(id, address) {
                assert!(address - before > RESTING_IDS, "{id:?} again after {}", address - before);
            }
            table.collect(|_, _| false);
        }
        assert!(
            last_named.len() <= RESTING_IDS + 2,
            "{} numbers for one neighbor at a time",
            last_named.len()
        );
        // All of them at once, and not one more.
        let all: Vec<_> = (0..MAX_ADJACENCIES).map(|n| table.id(PortId(1), n as u128)).collect();
        assert!(all.iter().all(Option::is_some));
        assert_eq!(table.id(PortId(2), 1), None);
    }
}
