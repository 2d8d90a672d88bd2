//! One VRF's table: its writer, and the changes that wait for the workers.

use std::collections::VecDeque;

use dataplane::fib::Writer6;
use dataplane::fib::{FibError, Prefix6};
use dataplane::id::NextHopId;
use hashbrown::HashMap;

/// See the module.
#[derive(Debug)]
pub(super) struct VrfTable {
    /// What workers see, as soon as they have the table at all.
    pub writer: Writer6,
    /// Number of the update that gave the table to the workers; `None`: it is not on its way yet.
    pub sent_as: Option<u64>,
    /// Prefixes whose entry is to be made anew, in the order of the changes.
    queue: VecDeque<Prefix6>,
    /// For each of them the id that it will need, with a use of it; `None` when it will be withdrawn.
    held: HashMap<Prefix6, Option<NextHopId>>,
    /// Something was published since the last grace period began.
    pub is_changed: bool,
}

impl VrfTable {
    /// A table that no worker has yet.
    pub fn new(writer: Writer6) -> VrfTable {
        VrfTable { writer, sent_as: None, queue: VecDeque::new(), held: HashMap::new(), is_changed: false }
    }

    /// Lets a change of `prefix` wait behind those that do already. `id`: what it needs, with a use of it. Returns a use that is
    /// no longer needed.
    pub fn wait(&mut self, prefix: Prefix6, id: Option<NextHopId>) -> Option<NextHopId> {
        if let Some(before) = self.held.insert(prefix, id) {
            return before;
        }
        self.queue.push_back(prefix);
        None
    }

    /// The change that waits longest.
    pub fn first_waiting(&self) -> Option<Prefix6> {
        self.queue.front().copied()
    }

    /// The first change is made: returns the use that it held.
    pub fn pop_waiting(&mut self) -> Option<NextHopId> {
        let prefix = self.queue.pop_front()?;
        self.held.remove(&prefix).flatten()
    }

    /// Changes that wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Publishes an entry, or the end of one; returns what it replaced. Workers see it now.
    pub fn publish(&mut self, prefix: Prefix6, id: Option<NextHopId>) -> Result<Option<NextHopId>, FibError> {
        let replaced = match id {
            Some(id) => self.writer.insert(prefix, id),
            None => self.writer.remove(prefix),
        }?;
        self.is_changed = true;
        Ok(replaced)
    }
}
