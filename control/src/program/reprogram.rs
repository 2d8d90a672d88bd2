//! All tables anew, as a difference to what they are.

use std::collections::BTreeSet;

use dataplane::fib::Prefix6;
use dataplane::id::{NextHopId, PortId, VrfId};

use super::leaf::{Leaf, Surroundings};
use super::srv6::SID_VRF;
use super::vrf_table::VrfTable;
use super::{Program, ProgramError, compile};
use crate::rib::Rib;

/// From so many different entries on a table is built anew, if they also are a good part of it.
const MIN_BULK_CHANGES: usize = 1024;
/// One in so many entries is a good part.
const BULK_PART: usize = 4;

/// True when it is better to build a table of so many entries anew than to change so many of them.
fn is_bulk(changes: usize, entries: usize) -> bool {
    changes >= MIN_BULK_CHANGES && changes * BULK_PART >= entries
}

impl Program {
    /// Ports, sites, routes or the life of next hops are others now: brings all tables up to date. Entries that stay
    /// what they are cost no store; a table that changes very much is built anew and replaces the old one.
    pub fn reprogram(&mut self, rib: &Rib, around: Surroundings) {
        self.around = around;
        self.name_srv6();
        for vrf in (0..rib.vrfs().len()).map(|vrf| VrfId(vrf as u16)) {
            self.reprogram_vrf(rib, vrf);
        }
    }

    fn reprogram_vrf(&mut self, rib: &Rib, vrf: VrfId) {
        let entries = compile::compile(vrf, rib, &self.around, &self.adjacencies);
        if self.table(vrf).is_none() && entries.is_empty() {
            return;
        }
        let changed = self.changed(vrf, &entries);
        if self.table(vrf).is_some() && !is_bulk(changed.len(), entries.len()) {
            for prefix in changed {
                self.remake(rib, vrf, prefix);
            }
        } else if let Err(error) = self.build(vrf, entries) {
            self.problem(vrf, Prefix6::new(0, 0), error);
        }
    }

    /// These neighbors have failed or come back: withdraws the routes that have no other next hop, or programs them again.
    pub fn switch_next_hops(&mut self, rib: &Rib, next_hops: &BTreeSet<(PortId, u128)>) {
        for vrf in (0..rib.vrfs().len()).map(|vrf| VrfId(vrf as u16)) {
            let prefixes = rib.routes_via(vrf, next_hops);
            if is_bulk(prefixes.len(), self.table(vrf).map_or(0, VrfTable::len)) {
                self.reprogram_vrf(rib, vrf);
            } else {
                for prefix in prefixes {
                    self.remake(rib, vrf, prefix);
                }
            }
        }
    }

    /// The prefixes whose entries differ, in order.
    fn changed(&self, vrf: VrfId, entries: &[(Prefix6, Leaf)]) -> Vec<Prefix6> {
        let Some(table) = self.table(vrf) else { return Vec::new() };
        let mut changed = Vec::new();
        let mut wanted = entries.iter().peekable();
        for (prefix, id) in table.routes() {
            while let Some((before, _)) = wanted.next_if(|(before, _)| *before < prefix) {
                changed.push(*before);
            }
            let same = wanted.next_if(|(other, _)| *other == prefix);
            if same.map(|(_, leaf)| leaf) != self.next_hops.leaf(id) {
                changed.push(prefix);
            }
        }
        changed.extend(wanted.map(|(prefix, _)| *prefix));
        changed
    }

    /// A new table in place of the one there is. It goes to the workers behind the next hops, so nothing has to wait.
    fn build(&mut self, vrf: VrfId, entries: Vec<(Prefix6, Leaf)>) -> Result<(), ProgramError> {
        let mut routes: Vec<(Prefix6, NextHopId)> = Vec::with_capacity(entries.len());
        for (prefix, leaf) in entries {
            match self.next_hops.acquire(&leaf, &mut self.adjacencies) {
                Ok(id) => routes.push((prefix, id)),
                Err(error) => self.problem(vrf, prefix, error),
            }
        }
        let has_four = self.table(vrf).is_some_and(|table| table.four().is_some());
        let table = match VrfTable::build(&routes, has_four) {
            Ok(table) => table,
            Err(error) => {
                for (_, id) in routes {
                    self.release(Some(id));
                }
                return Err(ProgramError::Fib(error));
            }
        };
        if self.tables.len() <= vrf.index() {
            self.tables.resize_with(vrf.index() + 1, || None);
        }
        self.changes += u64::from(vrf == SID_VRF);
        let Some(place) = self.tables.get_mut(vrf.index()) else { return Ok(()) };
        if let Some(mut before) = place.replace(table) {
            self.replaced.extend(before.routes().map(|(_, id)| id));
            while before.waiting() > 0 {
                self.replaced.extend(before.pop_waiting());
            }
        }
        Ok(())
    }
}
