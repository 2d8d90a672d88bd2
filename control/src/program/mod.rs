//! As programmed: from routes, neighbors and ports to the tables that workers read.
//!
//! A routing table is changed in place, entry by entry, and workers see each change at once. Next hops and adjacencies
//! travel to them through rings. So a change whose next hop the workers do not know yet waits until they do, and all later
//! changes of the same VRF wait behind it; one whose next hop they know is published at once.
//!
//! What an entry depends on: the route of its prefix, and for two kinds of entries what covers them: a site's prefix
//! without a route of its own, and a resolved neighbor on a link. When an entry changes, those of these kinds that it
//! covers are made anew, and nothing else.

pub mod adjacencies;
pub mod compile;
pub mod leaf;
pub mod links;
pub mod next_hops;
pub mod policy;
mod reprogram;
pub mod srv6;
mod vrf_table;

use std::fmt;
use std::sync::Arc;

use dataplane::fib::{FibError, FibStats, Prefix6, Writer6};
use dataplane::id::{NextHopId, PortId, VrfId};
use dataplane::table::NextHops;
use dataplane::update::Update;
use dataplane::wire::ipv6;

pub use adjacencies::AdjacencyTable;
pub use links::Links;
pub use next_hops::NextHopTable;
use srv6::{SID_VRF, Srv6Table};
pub use vrf_table::VrfTable;

use crate::family;
use crate::rib::Rib;
use adjacencies::Neighbor;
use leaf::{Leaf, Surroundings, Target};

/// Changes that may wait for the workers, over all VRFs; then no more are taken. Workers that poll know new next hops within
/// a burst or two, so that this many never wait unless one is stuck.
pub const MAX_WAITING_CHANGES: usize = 65_536;
/// Problems reported at most at one time: the first ones say it.
const MAX_PROBLEMS: usize = 10;
/// Entries noted at one time, at most, as not programmed: all changes of a batch.
const MAX_UNPROGRAMMED: usize = crate::ask::MAX_BATCH;

/// Why an entry cannot be programmed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProgramError {
    /// All next-hop ids are in use.
    NextHops,
    /// All adjacencies are in use.
    Adjacencies,
    /// A table of SRv6 is full.
    Srv6 {
        /// What it is a table of.
        what: &'static str,
        /// How many there can be.
        max: usize,
    },
    /// The routing table refuses.
    Fib(FibError),
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgramError::NextHops => {
                write!(
                    f,
                    "the table of next hops is full: all of its {} ids are in use",
                    next_hops::MAX_NEXT_HOPS
                )
            }
            ProgramError::Adjacencies => {
                let max = dataplane::id::MAX_ADJACENCIES;
                write!(f, "the table of adjacencies is full: {max} neighbors are next hops")
            }
            ProgramError::Srv6 { what, max } => write!(f, "there is no more room for {what}: at most {max}"),
            ProgramError::Fib(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ProgramError {}

/// An entry that could not be programmed when its turn came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unprogrammed {
    /// The VRF.
    pub vrf: VrfId,
    /// The entry's prefix.
    pub prefix: Prefix6,
    /// Why not.
    pub error: ProgramError,
}

impl fmt::Display for Unprogrammed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: not programmed: {}", family::text(self.prefix), self.error)
    }
}

/// See the module.
#[derive(Debug)]
pub struct Program {
    /// Neighbors and their numbers.
    pub adjacencies: AdjacencyTable,
    next_hops: NextHopTable,
    srv6: Srv6Table,
    around: Surroundings,
    /// By [`VrfId`]; one without a route has none.
    tables: Vec<Option<VrfTable>>,
    /// Uses of tables that were replaced as a whole; given back when the new ones are on their way.
    replaced: Vec<NextHopId>,
    /// Updates that every worker has applied.
    applied: u64,
    /// Number of the update with the policy of MEX, which entries of sites refer to.
    policy_sent_as: u64,
    /// Entries published in the VRF of SIDs so far.
    changes: u64,
    unprogrammed: Vec<Unprogrammed>,
}

/// How an attempt to make an entry anew ended.
enum Outcome {
    /// It is what it was.
    Same,
    /// Workers see it.
    Published,
    /// Not before the workers know this next hop, of which one use is taken; or before lines are free again.
    Wait(Option<NextHopId>),
}

impl Program {
    /// Nothing is programmed.
    pub fn new(links: Arc<Links>) -> Program {
        Program {
            adjacencies: AdjacencyTable::new(links),
            next_hops: NextHopTable::default(),
            srv6: Srv6Table::default(),
            around: Surroundings::default(),
            tables: Vec::new(),
            replaced: Vec::new(),
            applied: 0,
            policy_sent_as: 0,
            changes: 0,
            unprogrammed: Vec::new(),
        }
    }

    /// The next hops by id.
    pub fn next_hops(&self) -> &NextHopTable {
        &self.next_hops
    }

    /// The tables of a VRF that has any.
    pub fn table(&self, vrf: VrfId) -> Option<&VrfTable> {
        self.tables.get(vrf.index())?.as_ref()
    }

    /// Figures about the IPv6 table of a VRF. Visits all entries.
    pub fn stats(&self, vrf: VrfId) -> FibStats {
        self.table(vrf).map(VrfTable::six).map(Writer6::stats).unwrap_or_default()
    }

    /// Changes that wait for the workers.
    pub fn waiting(&self) -> usize {
        self.tables.iter().flatten().map(VrfTable::waiting).sum()
    }

    /// Changes of one VRF that wait for the workers.
    pub fn waiting_of(&self, vrf: VrfId) -> usize {
        self.tables.get(vrf.index()).and_then(Option::as_ref).map_or(0, VrfTable::waiting)
    }

    /// What could not be programmed, told once.
    pub fn take_problems(&mut self) -> Vec<String> {
        let unprogrammed = std::mem::take(&mut self.unprogrammed);
        unprogrammed.iter().take(MAX_PROBLEMS).map(Unprogrammed::to_string).collect()
    }

    /// What [`Program::take_problems`] will tell, and what is too much for it.
    pub fn unprogrammed(&self) -> &[Unprogrammed] {
        &self.unprogrammed
    }

    fn problem(&mut self, vrf: VrfId, prefix: Prefix6, error: ProgramError) {
        if self.unprogrammed.len() < MAX_UNPROGRAMMED {
            self.unprogrammed.push(Unprogrammed { vrf, prefix, error });
        }
    }

    /// The route of a prefix is another one in the RIB now, or gone.
    ///
    /// # Errors
    /// There is no room for it; the tables are what they were.
    pub fn route_changed(&mut self, rib: &Rib, vrf: VrfId, prefix: Prefix6) -> Result<(), ProgramError> {
        self.ensure_table(vrf)?;
        let is_queued = self.waiting_of(vrf) > 0;
        let outcome = if is_queued {
            let leaf = self.desired(rib, vrf, prefix);
            Outcome::Wait(self.acquire(leaf.as_ref())?)
        } else {
            self.attempt(rib, vrf, prefix)?
        };
        match outcome {
            Outcome::Same => {}
            Outcome::Published => self.remake_covered(rib, vrf, prefix),
            Outcome::Wait(id) => self.wait(vrf, prefix, id),
        }
        Ok(())
    }

    /// What is known about a neighbor has changed; its entry is made anew when that shows in it. What else depends on it
    /// is for [`Program::reprogram`].
    pub fn set_neighbor(&mut self, rib: &Rib, port: PortId, address: u128, neighbor: Neighbor) {
        let before = self.adjacencies.neighbor(port, address);
        self.adjacencies.set_neighbor(port, address, neighbor);
        let is_changed = before.mac.is_some() != neighbor.mac.is_some();
        if is_changed
            && !ipv6::is_link_local(address)
            && let Some(vrf) = self.around.vrf(port)
            && self.table(vrf).is_some()
        {
            self.remake(rib, vrf, Prefix6::new(address, 128));
        }
    }

    fn remake(&mut self, rib: &Rib, vrf: VrfId, prefix: Prefix6) {
        if let Err(error) = self.route_changed(rib, vrf, prefix) {
            self.problem(vrf, prefix, error);
        }
    }

    /// Makes the entries anew that an entry covers and that depend on it.
    fn remake_covered(&mut self, rib: &Rib, vrf: VrfId, prefix: Prefix6) {
        if prefix.len() >= 128 {
            return;
        }
        let around = &self.around;
        let sites = around.site_prefixes(vrf, prefix).map(|(inner, _)| inner);
        let neighbors = self.adjacencies.resolved(prefix).filter(|(_, port)| around.vrf(*port) == Some(vrf));
        let neighbors = neighbors.map(|(address, _)| Prefix6::new(address, 128));
        // Site prefixes first: they cover neighbors.
        let same_family = |inner: &Prefix6| family::is_ipv4_prefix(*inner) == family::is_ipv4_prefix(prefix);
        let inner: Vec<_> =
            sites.chain(neighbors).filter(|inner| *inner != prefix && same_family(inner)).collect();
        for inner in inner {
            match self.attempt(rib, vrf, inner) {
                Ok(Outcome::Wait(id)) => self.wait(vrf, inner, id),
                Ok(Outcome::Same | Outcome::Published) => {}
                Err(error) => self.problem(vrf, inner, error),
            }
        }
    }

    fn ensure_table(&mut self, vrf: VrfId) -> Result<(), ProgramError> {
        if self.tables.len() <= vrf.index() {
            self.tables.resize_with(vrf.index() + 1, || None);
        }
        if let Some(place @ None) = self.tables.get_mut(vrf.index()) {
            *place = Some(VrfTable::build(&[], false).map_err(ProgramError::Fib)?);
        }
        Ok(())
    }

    /// What the entry of a prefix leads to, by the routes of now and by what covers it in the table of now.
    fn desired(&self, rib: &Rib, vrf: VrfId, prefix: Prefix6) -> Option<Leaf> {
        let around = &self.around;
        let cover = || {
            let (_, id) = self.table(vrf)?.cover(prefix)?;
            self.next_hops.leaf(id).map(|leaf| &leaf.target)
        };
        let own = around.own_at(vrf, prefix);
        let mut target =
            own.or_else(|| around.target(rib.route(vrf, prefix)?, &self.adjacencies)).or_else(|| {
                let inside = around.site_at(vrf, prefix)?;
                around.site_target(inside, cover())
            });
        if prefix.len() == 128 && self.adjacencies.resolved(prefix).next().is_some() {
            let on_link = match target.as_ref().or_else(cover) {
                Some(Target::OnLink(port)) => Some(*port),
                _ => None,
            };
            let address = prefix.address();
            if let Some(port) = on_link
                && self.adjacencies.neighbor(port, address).mac.is_some()
                && !ipv6::is_link_local(address)
                && let Some(neighbor) = around.neighbor(port, address, &self.adjacencies)
            {
                target = Some(neighbor);
            }
        }
        target.map(|target| around.leaf(vrf, prefix, target))
    }

    fn acquire(&mut self, leaf: Option<&Leaf>) -> Result<Option<NextHopId>, ProgramError> {
        leaf.map(|leaf| self.next_hops.acquire(leaf, &mut self.adjacencies)).transpose()
    }

    fn release(&mut self, id: Option<NextHopId>) {
        if let Some(id) = id {
            self.next_hops.release(id, &mut self.adjacencies);
        }
    }

    fn wait(&mut self, vrf: VrfId, prefix: Prefix6, id: Option<NextHopId>) {
        if let Some(Some(table)) = self.tables.get_mut(vrf.index()) {
            let unneeded = table.wait(prefix, id);
            self.release(unneeded);
        }
    }

    /// Makes the entry of a prefix anew and publishes it, if the workers are ready for it: no worker can meet it before it
    /// knows what it refers to, because it was told so before it got the table, or has said that it knows.
    fn attempt(&mut self, rib: &Rib, vrf: VrfId, prefix: Prefix6) -> Result<Outcome, ProgramError> {
        let leaf = self.desired(rib, vrf, prefix);
        let before = self.table(vrf).and_then(|table| table.exact(prefix));
        if before.and_then(|id| self.next_hops.leaf(id)) == leaf.as_ref() {
            return Ok(Outcome::Same);
        }
        let id = self.acquire(leaf.as_ref())?;
        let Some(Some(table)) = self.tables.get_mut(vrf.index()) else { return Ok(Outcome::Same) };
        if let (Some(id), Some(table_sent_as)) = (id, table.sent_as(prefix)) {
            let is_known = |sent_as| sent_as < table_sent_as || sent_as <= self.applied;
            let has_site = leaf.as_ref().is_some_and(|leaf| leaf.site.is_some());
            let is_srv6 = leaf.is_some_and(|leaf| matches!(leaf.target, Target::Sid(_) | Target::Policy(_)));
            if !self.next_hops.sent_as(id).is_some_and(is_known)
                || has_site && !is_known(self.policy_sent_as)
                || is_srv6 && !is_known(self.srv6.sent_as())
            {
                return Ok(Outcome::Wait(Some(id)));
            }
        }
        match table.publish(prefix, id) {
            Ok(replaced) => {
                self.changes += u64::from(vrf == SID_VRF);
                self.release(replaced);
                Ok(Outcome::Published)
            }
            Err(FibError::OutOfLines { retired: 1.., .. }) => Ok(Outcome::Wait(id)),
            Err(error) => {
                self.release(id);
                Err(ProgramError::Fib(error))
            }
        }
    }

    /// Every worker has applied so many updates: publishes what has waited for that.
    pub fn advance(&mut self, rib: &Rib, applied: u64) {
        self.applied = applied;
        for vrf in (0..self.tables.len()).map(|vrf| VrfId(vrf as u16)) {
            while let Some(Some(table)) = self.tables.get(vrf.index())
                && let Some(prefix) = table.first_waiting()
            {
                let outcome = self.attempt(rib, vrf, prefix);
                if let Ok(Outcome::Wait(id)) = outcome {
                    // Stays where it is: the first.
                    self.wait(vrf, prefix, id);
                    break;
                }
                let held = match self.tables.get_mut(vrf.index()) {
                    Some(Some(table)) => table.pop_waiting(),
                    _ => None,
                };
                self.release(held);
                match outcome {
                    Ok(Outcome::Published) => self.remake_covered(rib, vrf, prefix),
                    Ok(_) => {}
                    Err(error) => self.problem(vrf, prefix, error),
                }
            }
        }
    }

    /// The policy of MEX goes out as update `number`.
    pub fn policy_sent(&mut self, number: u64) {
        self.policy_sent_as = number;
    }

    /// The next hops for the workers, when there is one that they were not told of. They go out as update `number`.
    pub fn take_next_hops(&mut self, number: u64) -> Option<Arc<NextHops>> {
        self.next_hops.take_unsent(number)
    }

    /// A table that the workers are to get, as update `number`, after the next hops.
    pub fn take_table(&mut self, number: u64) -> Option<Update> {
        let mut tables = (0u16..).map(VrfId).zip(&mut self.tables);
        tables.find_map(|(vrf, table)| table.as_mut()?.take_unsent(vrf, number))
    }

    /// All tables are on their way: what only their predecessors used is free.
    pub fn release_replaced(&mut self) {
        for id in std::mem::take(&mut self.replaced) {
            self.release(Some(id));
        }
    }

    /// True when a grace period is to begin because something was published.
    pub fn is_changed(&self) -> bool {
        self.tables.iter().flatten().any(|table| table.is_changed)
    }

    /// Grace period `period` begins.
    pub fn seal(&mut self, period: u64) {
        for table in self.tables.iter_mut().flatten().filter(|table| table.is_changed) {
            table.seal(period);
        }
    }

    /// Every worker has passed grace period `passed`.
    pub fn reclaim(&mut self, passed: u64) {
        self.tables.iter_mut().flatten().for_each(|table| table.reclaim(passed));
    }
}

#[cfg(test)]
impl Program {
    /// What a VRF's entries should be, compiled from scratch.
    pub(crate) fn compiled_anew(&self, rib: &Rib, vrf: VrfId) -> Vec<(Prefix6, Leaf)> {
        compile::compile(vrf, rib, &self.around, &self.adjacencies)
    }

    /// What they are.
    pub(crate) fn as_programmed(&self, vrf: VrfId) -> Vec<(Prefix6, Leaf)> {
        let routes = self.table(vrf).into_iter().flat_map(VrfTable::routes);
        routes.filter_map(|(prefix, id)| Some((prefix, self.next_hops.leaf(id)?.clone()))).collect()
    }
}
