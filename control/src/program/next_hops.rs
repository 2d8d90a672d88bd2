//! The next-hop ids: equal next hops share one, and each counts its uses.
//!
//! Ids are stable as long as an entry of a table uses them. One that no entry uses any more may name something else at
//! once: the workers hear of that by a new table of next hops, which they apply between two bursts, and every burst after
//! that sees a routing table without the old use. The other way round, an entry with a new id may be published only when
//! every worker has the next hops that name it: [`NextHopTable::sent_as`] says which update that was.

use std::sync::Arc;

use dataplane::id::{AdjacencyId, NextHopId};
use dataplane::table::{Group, NextHop, NextHops};
use hashbrown::HashMap;

use super::leaf::{Leaf, Target};
use super::{AdjacencyTable, ProgramError};

/// Ids, at most: bounded by memory, not by the 32 bits of a table's leaf.
pub const MAX_NEXT_HOPS: usize = 1 << 20;

/// What needs no number of its own to exist, and so has one for ever: a table can always take it.
const ALWAYS: [(Target, NextHop); 4] = [
    (Target::Unreachable, NextHop::Unreachable),
    (Target::Blackhole, NextHop::Blackhole),
    (Target::Mex, NextHop::Mex),
    (Target::Local, NextHop::Local),
];

type Members = Vec<(AdjacencyId, u8)>;

#[derive(Debug)]
struct Slot {
    leaf: Leaf,
    next_hop: NextHop,
    uses: usize,
    /// Number of the update that named it first.
    sent_as: Option<u64>,
}

/// See the module.
#[derive(Debug)]
pub struct NextHopTable {
    ids: HashMap<Leaf, NextHopId>,
    /// By id; the first is always free: "no route".
    slots: Vec<Option<Slot>>,
    free: Vec<NextHopId>,
    groups: Vec<Option<Members>>,
    free_groups: Vec<u32>,
    /// Ids that the workers have not been told of.
    unsent: Vec<NextHopId>,
}

impl Default for NextHopTable {
    fn default() -> Self {
        let mut table = NextHopTable {
            ids: HashMap::new(),
            slots: vec![None],
            free: Vec::new(),
            groups: Vec::new(),
            free_groups: Vec::new(),
            unsent: Vec::new(),
        };
        for (target, next_hop) in ALWAYS {
            // There is room for so few.
            let _ = table.name(Leaf { site: None, target }, next_hop);
        }
        table
    }
}

impl NextHopTable {
    /// One more use of what `leaf` says; its id, which is new when nothing else uses it.
    ///
    /// # Errors
    /// There are [`MAX_NEXT_HOPS`], or all adjacencies are in use; nothing has changed then.
    pub fn acquire(
        &mut self,
        leaf: &Leaf,
        adjacencies: &mut AdjacencyTable,
    ) -> Result<NextHopId, ProgramError> {
        if let Some(id) = self.ids.get(leaf).copied() {
            if let Some(Some(slot)) = self.slots.get_mut(id.index()) {
                slot.uses += 1;
            }
            return Ok(id);
        }
        if self.free.is_empty() && self.slots.len() >= MAX_NEXT_HOPS {
            return Err(ProgramError::NextHops);
        }
        let next_hop = match (leaf.site, &leaf.target) {
            (Some(site), target) => {
                let inner = Leaf { site: None, target: target.clone() };
                NextHop::Site { site, via: self.acquire(&inner, adjacencies)? }
            }
            (None, Target::OnLink(port)) => NextHop::OnLink(*port),
            (None, Target::Neighbor(port, address)) => {
                NextHop::Adjacency(adjacencies.acquire(*port, *address).ok_or(ProgramError::Adjacencies)?)
            }
            (None, Target::Group(members)) => NextHop::Group(self.group(members, adjacencies)?),
            // These have their ids from the start.
            (None, Target::Unreachable) => NextHop::Unreachable,
            (None, Target::Blackhole) => NextHop::Blackhole,
            (None, Target::Mex) => NextHop::Mex,
            (None, Target::Local) => NextHop::Local,
            (None, Target::Sid(id)) => NextHop::Sid(*id),
            (None, Target::Policy(id)) => NextHop::Policy(*id),
        };
        if let Some(id) = self.name(leaf.clone(), next_hop) {
            return Ok(id);
        }
        // The site's inner next hop took the last id.
        self.let_go(next_hop, adjacencies);
        Err(ProgramError::NextHops)
    }

    fn name(&mut self, leaf: Leaf, next_hop: NextHop) -> Option<NextHopId> {
        let id = match self.free.pop() {
            Some(id) => id,
            None if self.slots.len() < MAX_NEXT_HOPS => {
                self.slots.push(None);
                NextHopId((self.slots.len() - 1) as u32)
            }
            None => return None,
        };
        self.ids.insert(leaf.clone(), id);
        *self.slots.get_mut(id.index())? = Some(Slot { leaf, next_hop, uses: 1, sent_as: None });
        self.unsent.push(id);
        Some(id)
    }

    fn group(
        &mut self,
        members: &[(dataplane::id::PortId, u128, u8)],
        adjacencies: &mut AdjacencyTable,
    ) -> Result<u32, ProgramError> {
        let mut acquired = Members::with_capacity(members.len());
        for (port, address, weight) in members {
            let Some(id) = adjacencies.acquire(*port, *address) else {
                for (id, _) in acquired {
                    adjacencies.release(id);
                }
                return Err(ProgramError::Adjacencies);
            };
            acquired.push((id, *weight));
        }
        let group = self.free_groups.pop().unwrap_or_else(|| {
            self.groups.push(None);
            (self.groups.len() - 1) as u32
        });
        if let Some(place) = self.groups.get_mut(group as usize) {
            *place = Some(acquired);
        }
        Ok(group)
    }

    /// One use less.
    pub fn release(&mut self, id: NextHopId, adjacencies: &mut AdjacencyTable) {
        let Some(place) = self.slots.get_mut(id.index()) else { return };
        let Some(slot) = place else { return };
        slot.uses = slot.uses.saturating_sub(1);
        if slot.uses == 0
            && let Some(slot) = place.take()
        {
            self.ids.remove(&slot.leaf);
            self.free.push(id);
            self.let_go(slot.next_hop, adjacencies);
        }
    }

    fn let_go(&mut self, next_hop: NextHop, adjacencies: &mut AdjacencyTable) {
        match next_hop {
            NextHop::Adjacency(id) => adjacencies.release(id),
            NextHop::Group(group) => {
                let members = self.groups.get_mut(group as usize).and_then(Option::take);
                members.into_iter().flatten().for_each(|(id, _)| adjacencies.release(id));
                self.free_groups.push(group);
            }
            NextHop::Site { via, .. } => self.release(via, adjacencies),
            _ => {}
        }
    }

    /// True when an id stands for this.
    pub fn has(&self, leaf: &Leaf) -> bool {
        self.ids.contains_key(leaf)
    }

    /// What an id stands for.
    pub fn leaf(&self, id: NextHopId) -> Option<&Leaf> {
        self.slots.get(id.index())?.as_ref().map(|slot| &slot.leaf)
    }

    /// The entry of an id, for the workers.
    pub fn entry(&self, id: NextHopId) -> NextHop {
        let slot = self.slots.get(id.index()).and_then(Option::as_ref);
        slot.map_or(NextHop::NoRoute, |slot| slot.next_hop)
    }

    /// The members of a group.
    pub fn members(&self, group: u32) -> &[(AdjacencyId, u8)] {
        self.groups.get(group as usize).and_then(Option::as_deref).unwrap_or_default()
    }

    /// Ids in use.
    pub fn used(&self) -> usize {
        self.ids.len()
    }

    /// The number of the update that told the workers of an id; `None`: they were not told.
    pub fn sent_as(&self, id: NextHopId) -> Option<u64> {
        self.slots.get(id.index())?.as_ref()?.sent_as
    }

    /// The table for the workers when there is an id that they were not told of. It goes out as update `number`.
    pub fn take_unsent(&mut self, number: u64) -> Option<Arc<NextHops>> {
        if self.unsent.is_empty() {
            return None;
        }
        for id in std::mem::take(&mut self.unsent) {
            if let Some(Some(slot)) = self.slots.get_mut(id.index()) {
                slot.sent_as.get_or_insert(number);
            }
        }
        let entry = |slot: &Option<Slot>| slot.as_ref().map_or(NextHop::NoRoute, |slot| slot.next_hop);
        let group = |members: &Option<Members>| Group::new(members.iter().flatten().copied());
        let groups = self.groups.iter().map(group).collect();
        Some(Arc::new(NextHops::new(self.slots.iter().map(entry).collect(), groups)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Links;
    use dataplane::id::{MAX_ADJACENCIES, PortId};

    fn neighbor(address: u128) -> Leaf {
        Leaf { site: None, target: Target::Neighbor(PortId(0), address) }
    }

    #[test]
    fn an_id_is_stable_while_it_is_used_and_free_afterwards() {
        let (mut table, mut adjacencies) = (
            NextHopTable::default(),
            AdjacencyTable::new(std::sync::Arc::new(Links::new(std::sync::Arc::default()))),
        );
        assert!(table.take_unsent(1).is_some() && table.take_unsent(2).is_none());
        let before = table.used();
        let first = table.acquire(&neighbor(1), &mut adjacencies).unwrap();
        assert_eq!(table.acquire(&neighbor(1), &mut adjacencies).unwrap(), first);
        let site = Leaf { site: Some(3), ..neighbor(1) };
        let wrapped = table.acquire(&site, &mut adjacencies).unwrap();
        assert_eq!(table.entry(wrapped), NextHop::Site { site: 3, via: first });
        assert_eq!(table.sent_as(first), None);
        assert_eq!(table.take_unsent(7).unwrap().entry(wrapped), NextHop::Site { site: 3, via: first });
        assert_eq!((table.sent_as(first), table.sent_as(wrapped)), (Some(7), Some(7)));
        table.release(first, &mut adjacencies);
        table.release(first, &mut adjacencies);
        assert_eq!(table.leaf(first), Some(&neighbor(1)), "the site's entry uses it");
        table.release(wrapped, &mut adjacencies);
        assert_eq!((table.leaf(first), table.used()), (None, before));
        let second = table.acquire(&neighbor(2), &mut adjacencies).unwrap();
        assert!([first, wrapped].contains(&second));
        assert_eq!(table.sent_as(second), None, "what the workers know under this id is something else");
    }

    #[test]
    fn a_group_that_finds_no_adjacency_takes_none() {
        let (mut table, mut adjacencies) = (
            NextHopTable::default(),
            AdjacencyTable::new(std::sync::Arc::new(Links::new(std::sync::Arc::default()))),
        );
        let used = table.used();
        for address in 1..MAX_ADJACENCIES as u128 {
            table.acquire(&neighbor(address), &mut adjacencies).unwrap();
        }
        let two = vec![(PortId(1), 1, 1), (PortId(1), 2, 1)];
        let group = Leaf { site: Some(0), target: Target::Group(two) };
        assert_eq!(table.acquire(&group, &mut adjacencies), Err(ProgramError::Adjacencies));
        assert_eq!(table.used(), used + MAX_ADJACENCIES - 1);
        adjacencies.collect(|_, _| false);
        assert!(table.acquire(&neighbor(u128::MAX), &mut adjacencies).is_ok(), "the one that is left");
        assert_eq!(table.acquire(&neighbor(0), &mut adjacencies), Err(ProgramError::Adjacencies));
    }
}
