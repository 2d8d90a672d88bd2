//! The next-hop ids: equal next hops share one.
//!
//! Ids are stable as long as a table uses them, and one that no table uses any more is given out again only after the
//! tables without it are on their way: so that a worker which has the new next hops and still an old table never follows
//! an id to something else.

use std::sync::Arc;

use dataplane::id::{AdjacencyId, NextHopId};
use dataplane::table::{Group, NextHop, NextHops};
use hashbrown::{HashMap, HashSet};

/// Ids, at most: bounded by memory, not by the 32 bits of a table's leaf.
pub const MAX_NEXT_HOPS: usize = 1 << 20;

type Members = Vec<(AdjacencyId, u8)>;

/// Something with an id that equal ones share.
#[derive(Debug)]
struct Interned<T> {
    ids: HashMap<T, u32>,
    entries: Vec<Option<T>>,
    used: Vec<bool>,
    free: Vec<u32>,
}

impl<T: Clone + Eq + std::hash::Hash> Interned<T> {
    fn new() -> Self {
        Interned { ids: HashMap::new(), entries: Vec::new(), used: Vec::new(), free: Vec::new() }
    }

    /// The id of `entry`, which gets one when it has none; `None` when there are `max`.
    fn id(&mut self, entry: T, max: usize) -> Option<u32> {
        if let Some(id) = self.ids.get(&entry) {
            self.used[*id as usize] = true;
            return Some(*id);
        }
        let id = match self.free.pop() {
            Some(id) => id,
            None if self.entries.len() < max => {
                self.entries.push(None);
                self.used.push(false);
                (self.entries.len() - 1) as u32
            }
            None => return None,
        };
        self.entries[id as usize] = Some(entry.clone());
        self.used[id as usize] = true;
        self.ids.insert(entry, id);
        Some(id)
    }

    fn begin(&mut self) {
        self.used.fill(false);
    }

    fn collect(&mut self) {
        for id in 0..self.entries.len() {
            if !self.used[id]
                && let Some(entry) = self.entries[id].take()
            {
                self.ids.remove(&entry);
                self.free.push(id as u32);
            }
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct NextHopTable {
    entries: Interned<NextHop>,
    groups: Interned<Members>,
}

impl Default for NextHopTable {
    fn default() -> Self {
        let mut table = NextHopTable { entries: Interned::new(), groups: Interned::new() };
        table.begin();
        table
    }
}

impl NextHopTable {
    /// Begins a compilation: what it does not ask for is unused.
    pub fn begin(&mut self) {
        self.entries.begin();
        self.groups.begin();
        // Always the first: id 0.
        let _ = self.entries.id(NextHop::NoRoute, MAX_NEXT_HOPS);
    }

    /// The id of a next hop; `None` when there are [`MAX_NEXT_HOPS`].
    pub fn id(&mut self, next_hop: NextHop) -> Option<NextHopId> {
        self.entries.id(next_hop, MAX_NEXT_HOPS).map(NextHopId)
    }

    /// The id of a group of adjacencies by weight.
    pub fn group(&mut self, members: Members) -> Option<NextHopId> {
        let group = self.groups.id(members, MAX_NEXT_HOPS)?;
        self.id(NextHop::Group(group))
    }

    /// Adjacencies that the last compilation uses.
    pub fn used_adjacencies(&self) -> HashSet<AdjacencyId> {
        let single = self.entries.ids.keys().filter_map(|next_hop| match next_hop {
            NextHop::Adjacency(adjacency) => Some(*adjacency),
            _ => None,
        });
        let grouped = self.groups.ids.keys().flatten().map(|(adjacency, _)| *adjacency);
        single.chain(grouped).collect()
    }

    /// The entry of an id.
    pub fn entry(&self, id: NextHopId) -> NextHop {
        self.entries.entries.get(id.index()).copied().flatten().unwrap_or(NextHop::NoRoute)
    }

    /// The members of a group.
    pub fn members(&self, group: u32) -> &[(AdjacencyId, u8)] {
        self.groups.entries.get(group as usize).and_then(Option::as_deref).unwrap_or_default()
    }

    /// Ends a compilation: ids that it did not ask for may be given out by the next one.
    pub fn collect(&mut self) {
        self.entries.collect();
        self.groups.collect();
    }

    /// The table for the workers.
    pub fn compile(&self) -> Arc<NextHops> {
        let entries = self.entries.entries.iter().map(|e| e.unwrap_or(NextHop::NoRoute)).collect();
        let group = |members: &Option<Members>| Group::new(members.iter().flatten().copied());
        Arc::new(NextHops::new(entries, self.groups.entries.iter().map(group).collect()))
    }
}
