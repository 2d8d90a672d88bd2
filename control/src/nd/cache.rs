//! The neighbor cache (RFC 4861, 5.1): entries, the packets they hold, and what is ordered by time.
//!
//! An entry is changed in place and then [`Cache::settle`]d, which brings the orders up to date. All orders
//! are of values, so that the same events give the same actions in the same order.

use std::collections::{BTreeMap, BTreeSet, VecDeque, btree_map};

use dataplane::wire::ethernet::Mac;

use super::{HELD_PACKETS_PER_NEIGHBOR, HELD_PACKETS_TOTAL, State};

/// Port and address.
pub(super) type Key = (u16, u128);

/// What a deadline is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    /// Duplicate address detection of an own address.
    Address(u16, u128),
    /// A neighbor's state.
    Neighbor(u16, u128),
}

/// Who is evicted first: the class, then the age.
type Rank = (u8, u64);

/// One neighbor.
#[derive(Debug)]
pub(super) struct Entry<H> {
    pub state: State,
    /// `None` in INCOMPLETE and FAILED, known in all other states.
    pub mac: Option<Mac>,
    /// `IsRouter`.
    pub router: bool,
    /// A configured next hop: never evicted, and kept resolved.
    pub watched: bool,
    /// It was told that the neighbor is unreachable, and no address was learned since.
    pub dead: bool,
    /// When the state was entered or last confirmed.
    pub since: u64,
    /// Solicitations sent in this state.
    pub sent: u8,
    /// Resolutions that failed one after the other.
    pub failures: u8,
    /// Source of the packet that prompted resolution.
    pub prompting: u128,
    /// When the state ends.
    pub deadline: Option<u64>,
    held: VecDeque<(u64, H)>,
    /// What the orders hold of this entry.
    settled: (Option<u64>, Option<Rank>),
}

impl<H> Entry<H> {
    /// An entry of a neighbor of which nothing is known.
    fn new(now: u64) -> Self {
        Entry {
            state: State::Failed,
            mac: None,
            router: false,
            watched: false,
            dead: false,
            since: now,
            sent: 0,
            failures: 0,
            prompting: 0,
            deadline: None,
            held: VecDeque::new(),
            settled: (None, None),
        }
    }

    /// Packets that wait.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// What is known to be gone goes first, then what nobody has answered for, then what was not in use.
    fn rank(&self) -> Option<Rank> {
        let class = match self.state {
            State::Failed => 0,
            State::Incomplete => 1,
            State::Stale => 2,
            State::Reachable | State::Delay | State::Probe | State::Static => return None,
        };
        (!self.watched).then_some((class, self.since))
    }
}

/// All entries of all ports.
#[derive(Debug)]
pub(super) struct Cache<H> {
    entries: BTreeMap<Key, Entry<H>>,
    timers: BTreeSet<(u64, Timer)>,
    evictable: BTreeSet<(u16, Rank, u128)>,
    /// Who holds each packet, oldest first.
    holders: BTreeMap<u64, Key>,
    /// Number of the next packet held.
    next_held: u64,
    /// Entries of each port that has any.
    population: BTreeMap<u16, usize>,
}

impl<H> Cache<H> {
    pub fn new() -> Self {
        Cache {
            entries: BTreeMap::new(),
            timers: BTreeSet::new(),
            evictable: BTreeSet::new(),
            holders: BTreeMap::new(),
            next_held: 0,
            population: BTreeMap::new(),
        }
    }

    pub fn get(&self, key: Key) -> Option<&Entry<H>> {
        self.entries.get(&key)
    }

    /// The entry to change; [`Self::settle`] must follow.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut Entry<H>> {
        self.entries.get_mut(&key)
    }

    /// All entries, by port and address.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Entry<H>)> {
        self.entries.iter()
    }

    /// The addresses of a port's entries, in order.
    pub fn addresses(&self, port: u16) -> Vec<u128> {
        self.entries.range((port, 0)..=(port, u128::MAX)).map(|(key, _)| key.1).collect()
    }

    /// Number of a port's entries.
    pub fn population(&self, port: u16) -> usize {
        self.population.get(&port).copied().unwrap_or(0)
    }

    /// Packets that wait, of all ports.
    pub fn held(&self) -> usize {
        self.holders.len()
    }

    /// Adds an entry of which nothing is known, unless there is one.
    pub fn insert(&mut self, key: Key, now: u64) {
        if let btree_map::Entry::Vacant(vacant) = self.entries.entry(key) {
            vacant.insert(Entry::new(now));
            *self.population.entry(key.0).or_default() += 1;
            self.settle(key);
        }
    }

    /// Takes an entry out, with the packets it holds in order.
    pub fn remove(&mut self, key: Key) -> Option<(Entry<H>, Vec<H>)> {
        let packets = self.take_held(key);
        let entry = self.entries.remove(&key)?;
        self.order(key, entry.settled, (None, None));
        if let Some(count) = self.population.get_mut(&key.0) {
            *count -= 1;
            if *count == 0 {
                self.population.remove(&key.0);
            }
        }
        Some((entry, packets))
    }

    /// Brings the orders up to date with the entry's deadline, state and age.
    pub fn settle(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let new = (entry.deadline, entry.rank());
        let old = std::mem::replace(&mut entry.settled, new);
        self.order(key, old, new);
    }

    fn order(&mut self, key: Key, old: (Option<u64>, Option<Rank>), new: (Option<u64>, Option<Rank>)) {
        self.arm(Timer::Neighbor(key.0, key.1), old.0, new.0);
        if old.1 != new.1 {
            if let Some(rank) = old.1 {
                self.evictable.remove(&(key.0, rank, key.1));
            }
            if let Some(rank) = new.1 {
                self.evictable.insert((key.0, rank, key.1));
            }
        }
    }

    /// Moves a timer from deadline `old` to `new`.
    pub fn arm(&mut self, timer: Timer, old: Option<u64>, new: Option<u64>) {
        if let Some(at) = old {
            self.timers.remove(&(at, timer));
        }
        if let Some(at) = new {
            self.timers.insert((at, timer));
        }
    }

    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.first().map(|&(at, _)| at)
    }

    /// The timers whose deadline has come, in order. They stay armed until their owner moves them.
    pub fn due(&self, now: u64) -> Vec<(u64, Timer)> {
        self.timers.iter().take_while(|&&(at, _)| at <= now).copied().collect()
    }

    /// The entry of `port` that can best be spared.
    pub fn evictable(&self, port: u16) -> Option<Key> {
        let &(found, _, address) = self.evictable.range((port, (0, 0), 0)..).next()?;
        (found == port).then_some((port, address))
    }

    /// Adds a packet to those that `key` holds, and gives the one that had to go for it: the entry's oldest
    /// when the entry's queue is full (RFC 4861, 7.2.2), the oldest of all when all together are too many.
    pub fn hold(&mut self, key: Key, packet: H) -> Option<(Key, H)> {
        let Some(entry) = self.entries.get(&key) else { return Some((key, packet)) };
        let full = if entry.held.len() >= HELD_PACKETS_PER_NEIGHBOR {
            Some(key)
        } else if self.holders.len() >= HELD_PACKETS_TOTAL {
            self.holders.first_key_value().map(|(_, &oldest)| oldest)
        } else {
            None
        };
        let dropped = full.and_then(|key| self.pop_held(key).map(|packet| (key, packet)));
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.held.push_back((self.next_held, packet));
            self.holders.insert(self.next_held, key);
            self.next_held += 1;
        }
        dropped
    }

    fn pop_held(&mut self, key: Key) -> Option<H> {
        let (number, packet) = self.entries.get_mut(&key)?.held.pop_front()?;
        self.holders.remove(&number);
        Some(packet)
    }

    /// Takes the packets that `key` holds, in the order they came.
    pub fn take_held(&mut self, key: Key) -> Vec<H> {
        std::iter::from_fn(|| self.pop_held(key)).collect()
    }
}
