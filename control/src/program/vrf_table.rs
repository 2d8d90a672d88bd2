//! One VRF's tables: their writers, and the changes that wait for the workers.
//!
//! The prefixes here are those of [`crate::family`]: what is IPv4 goes into a table of its own, so that no IPv6 prefix covers
//! it, whatever its length.

use std::collections::VecDeque;

use dataplane::fib::{FibError, Prefix4, Prefix6, Writer4, Writer6};
use dataplane::id::{NextHopId, VrfId};
use dataplane::update::Update;
use hashbrown::HashMap;

use crate::family;

/// See the module.
#[derive(Debug)]
pub struct VrfTable {
    six: Sent<Writer6>,
    /// `None`: there never was an IPv4 route.
    four: Option<Sent<Writer4>>,
    /// Prefixes whose entry is to be made anew, in the order of the changes.
    queue: VecDeque<Prefix6>,
    /// For each of them the id that it will need, with a use of it; `None` when it will be withdrawn.
    held: HashMap<Prefix6, Option<NextHopId>>,
    /// Something was published since the last grace period began.
    pub(super) is_changed: bool,
}

/// What workers see, as soon as they have the table at all.
#[derive(Debug)]
struct Sent<W> {
    writer: W,
    /// Number of the update that gave the table to the workers; `None`: it is not on its way yet.
    sent_as: Option<u64>,
}

impl<W> Sent<W> {
    fn not_yet(writer: W) -> Sent<W> {
        Sent { writer, sent_as: None }
    }
}

impl VrfTable {
    /// A table with these entries, in order, that no worker has yet. `has_four`: it begins with an IPv4 table, even if there
    /// is nothing in it.
    pub(super) fn build(routes: &[(Prefix6, NextHopId)], has_four: bool) -> Result<VrfTable, FibError> {
        let four =
            || routes.iter().filter_map(|(prefix, id)| family::prefix4(*prefix).map(|prefix| (prefix, *id)));
        let six = routes.iter().filter(|(prefix, _)| !family::is_ipv4_prefix(*prefix)).copied();
        let has_four = has_four || four().next().is_some();
        Ok(VrfTable {
            six: Sent::not_yet(Writer6::build(six)?),
            four: if has_four { Some(Sent::not_yet(Writer4::build(four())?)) } else { None },
            queue: VecDeque::new(),
            held: HashMap::new(),
            is_changed: false,
        })
    }

    /// The IPv6 entries.
    pub fn six(&self) -> &Writer6 {
        &self.six.writer
    }

    /// The IPv4 entries; `None`: there never was one.
    pub fn four(&self) -> Option<&Writer4> {
        self.four.as_ref().map(|four| &four.writer)
    }

    /// The entry of exactly this prefix.
    pub fn exact(&self, prefix: Prefix6) -> Option<NextHopId> {
        match family::prefix4(prefix) {
            Some(prefix) => self.four()?.exact(prefix),
            None => self.six().exact(prefix),
        }
    }

    /// The entry that decides about an address.
    pub fn longest_match(&self, address: u128) -> Option<(Prefix6, NextHopId)> {
        if family::is_ipv4(address) {
            self.four()?.longest_match(address as u32).map(mapped)
        } else {
            self.six().longest_match(address)
        }
    }

    /// The entry that would decide about a prefix if it had none of its own.
    pub fn cover(&self, prefix: Prefix6) -> Option<(Prefix6, NextHopId)> {
        match family::prefix4(prefix) {
            Some(prefix) => self.four()?.cover(prefix).map(mapped),
            None => self.six().cover(prefix),
        }
    }

    /// All entries, by address, then length.
    pub fn routes(&self) -> impl Iterator<Item = (Prefix6, NextHopId)> {
        let is_before = |(prefix, _): &(Prefix6, NextHopId)| *prefix < family::IPV4;
        let before = self.six().routes().take_while(is_before);
        let four = self.four().into_iter().flat_map(Writer4::routes).map(mapped);
        before.chain(four).chain(self.six().routes().skip_while(is_before))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.six().len() + self.four().map_or(0, Writer4::len)
    }

    /// True without an entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets of memory that the tables have in use.
    pub fn memory_bytes(&self) -> usize {
        self.six().memory_bytes() + self.four().map_or(0, Writer4::memory_bytes)
    }

    /// Steps of a lookup.
    pub fn depth(&self, address: u128) -> usize {
        if family::is_ipv4(address) {
            self.four().map_or(0, |four| four.fib().depth(address as u32))
        } else {
            self.six().fib().depth(address)
        }
    }

    /// Number of the update that gave the workers the table of this prefix's family; `None`: they will get it after all that
    /// they were sent so far.
    pub(super) fn sent_as(&self, prefix: Prefix6) -> Option<u64> {
        if family::is_ipv4_prefix(prefix) { self.four.as_ref()?.sent_as } else { self.six.sent_as }
    }

    /// A table that the workers are to get, as update `number`.
    pub(super) fn take_unsent(&mut self, vrf: VrfId, number: u64) -> Option<Update> {
        if self.six.sent_as.is_none() {
            self.six.sent_as = Some(number);
            return Some(Update::Fib(vrf, Some(self.six.writer.fib())));
        }
        let four = self.four.as_mut().filter(|four| four.sent_as.is_none())?;
        four.sent_as = Some(number);
        Some(Update::Fib4(vrf, Some(four.writer.fib())))
    }

    /// Lets a change of `prefix` wait behind those that do already. `id`: what it needs, with a use of it. Returns a use that is
    /// no longer needed.
    pub(super) fn wait(&mut self, prefix: Prefix6, id: Option<NextHopId>) -> Option<NextHopId> {
        if let Some(before) = self.held.insert(prefix, id) {
            return before;
        }
        self.queue.push_back(prefix);
        None
    }

    /// The change that waits longest.
    pub(super) fn first_waiting(&self) -> Option<Prefix6> {
        self.queue.front().copied()
    }

    /// The first change is made: returns the use that it held.
    pub(super) fn pop_waiting(&mut self) -> Option<NextHopId> {
        let prefix = self.queue.pop_front()?;
        self.held.remove(&prefix).flatten()
    }

    /// Changes that wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Publishes an entry, or the end of one; returns what it replaced. Workers see it now.
    pub(super) fn publish(
        &mut self,
        prefix: Prefix6,
        id: Option<NextHopId>,
    ) -> Result<Option<NextHopId>, FibError> {
        let replaced = match (family::prefix4(prefix), id) {
            (None, Some(id)) => self.six.writer.insert(prefix, id),
            (None, None) => self.six.writer.remove(prefix),
            (Some(prefix), Some(id)) => self.four_mut()?.insert(prefix, id),
            (Some(prefix), None) => self.four_mut()?.remove(prefix),
        }?;
        self.is_changed = true;
        Ok(replaced)
    }

    fn four_mut(&mut self) -> Result<&mut Writer4, FibError> {
        let four = match self.four.take() {
            Some(four) => four,
            None => Sent::not_yet(Writer4::new()?),
        };
        Ok(&mut self.four.insert(four).writer)
    }

    /// Grace period `period` begins.
    pub(super) fn seal(&mut self, period: u64) {
        self.six.writer.seal(period);
        if let Some(four) = &mut self.four {
            four.writer.seal(period);
        }
        self.is_changed = false;
    }

    /// Every worker has passed grace period `passed`.
    pub(super) fn reclaim(&mut self, passed: u64) {
        self.six.writer.reclaim(passed);
        if let Some(four) = &mut self.four {
            four.writer.reclaim(passed);
        }
    }
}

fn mapped((prefix, id): (Prefix4, NextHopId)) -> (Prefix6, NextHopId) {
    (family::from_prefix4(prefix), id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix6 {
        family::prefix(text.parse().unwrap())
    }

    #[test]
    fn no_ipv6_prefix_covers_ipv4() {
        let routes = ["::/0", "::/80", "0.0.0.0/0", "192.0.2.0/24", "2001:db8::/32"];
        let routes: Vec<_> = (1..).map(NextHopId).zip(routes).map(|(id, p)| (prefix(p), id)).collect();
        let mut table = VrfTable::build(&routes, false).unwrap();
        assert_eq!(table.routes().collect::<Vec<_>>(), routes, "in order");
        let at = |table: &VrfTable, text: &str| table.longest_match(family::bits(text.parse().unwrap()));
        assert_eq!(at(&table, "192.0.2.1"), Some((prefix("192.0.2.0/24"), NextHopId(4))));
        assert_eq!(table.cover(prefix("192.0.2.0/24")), Some((prefix("0.0.0.0/0"), NextHopId(3))));
        table.publish(prefix("0.0.0.0/0"), None).unwrap();
        assert_eq!((at(&table, "198.51.100.1"), table.cover(prefix("192.0.2.0/24"))), (None, None));
        assert_eq!(at(&table, "::1"), Some((prefix("::/80"), NextHopId(2))));
        assert_eq!(at(&table, "3fff::1"), Some((prefix("::/0"), NextHopId(1))));
        assert_eq!(table.len(), 4);
    }

    #[test]
    fn each_family_goes_to_the_workers_when_it_is_there() {
        let mut table = VrfTable::build(&[], false).unwrap();
        assert!(matches!(table.take_unsent(VrfId(2), 1), Some(Update::Fib(VrfId(2), Some(_)))));
        assert!(table.take_unsent(VrfId(2), 2).is_none());
        table.publish(prefix("192.0.2.0/24"), Some(NextHopId(1))).unwrap();
        assert_eq!((table.sent_as(prefix("::/0")), table.sent_as(prefix("0.0.0.0/0"))), (Some(1), None));
        assert!(matches!(table.take_unsent(VrfId(2), 3), Some(Update::Fib4(VrfId(2), Some(_)))));
        assert_eq!(table.sent_as(prefix("10.0.0.0/8")), Some(3));
        assert!(VrfTable::build(&[], true).unwrap().four().is_some(), "in place of one that had entries");
    }
}
