//! SIDs and policies come and go, and candidate paths are chosen.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dataplane::fib::Prefix6;
use dataplane::id::{NextHopId, PolicyId, PortId, SidId};
use dataplane::table::Srv6;

use super::{Fresh, PolicySlot, SID_VRF, SidSlot, Srv6Table, WantedSid};
use crate::config::srv6 as config;
use crate::program::leaf::{Leaf, Target};
use crate::program::{Program, ProgramError};
use crate::rib::Rib;

impl Program {
    /// SIDs and policies.
    pub fn srv6(&self) -> &Srv6Table {
        &self.srv6
    }

    /// Numbers of SRv6 that were given out since this was last asked.
    pub fn take_fresh(&mut self) -> Fresh {
        self.srv6.take_fresh()
    }

    /// The table of SRv6 for the workers when there is a new one. It goes out as update `number`, behind the next hops.
    pub fn take_srv6(&mut self, number: u64, workers: u64) -> Option<Arc<Srv6>> {
        let table = self.srv6.take_unsent(number, workers)?;
        for id in std::mem::take(&mut self.srv6.unneeded) {
            self.release(Some(id));
        }
        Some(table)
    }

    /// These are the SIDs and policies now; `settings` is all else. Entries are made anew when `remakes`; else they follow by
    /// [`Program::reprogram`].
    ///
    /// # Errors
    /// There is no room for them; nothing has changed then.
    pub fn set_srv6(
        &mut self,
        rib: &Rib,
        settings: &config::Srv6,
        sids: BTreeMap<Prefix6, WantedSid>,
        remakes: bool,
    ) -> Result<(), ProgramError> {
        self.srv6.fits(&sids, &settings.policies)?;
        let mut next_hops = HashMap::new();
        for (prefix, wanted) in &sids {
            let Some((port, address)) = wanted.via else { continue };
            let leaf = Leaf { site: None, target: Target::Neighbor(port, address) };
            match self.next_hops.acquire(&leaf, &mut self.adjacencies) {
                Ok(id) => drop(next_hops.insert(*prefix, id)),
                Err(error) => {
                    for id in next_hops.into_values() {
                        self.release(Some(id));
                    }
                    return Err(error);
                }
            }
        }
        self.srv6.settings = config::Srv6 { sids: Vec::new(), policies: Vec::new(), ..settings.clone() };
        self.srv6.set_policies(&settings.policies);
        let mut changed = self.set_sids(sids, &next_hops);
        (self.srv6.is_dirty, self.srv6.checked_at) = (true, None);
        self.name_srv6();
        if remakes {
            // The SID's own address is no subnet-router anycast address any more, or is one again.
            let hosts: Vec<_> = changed.iter().map(|prefix| Prefix6::new(prefix.address(), 128)).collect();
            changed.extend(hosts);
            changed.sort_unstable();
            changed.dedup();
            for prefix in changed {
                self.remake(rib, SID_VRF, prefix);
            }
        }
        Ok(())
    }

    /// Returns the prefixes at which a SID has come or gone.
    fn set_sids(
        &mut self,
        sids: BTreeMap<Prefix6, WantedSid>,
        next_hops: &HashMap<Prefix6, NextHopId>,
    ) -> Vec<Prefix6> {
        let mut changed = Vec::new();
        for (prefix, slot) in &mut self.srv6.sids {
            if !slot.is_leaving && !sids.contains_key(prefix) {
                slot.is_leaving = true;
                changed.push(*prefix);
            }
        }
        for (prefix, wanted) in sids {
            let next_hop = next_hops.get(&prefix).copied();
            if let Some(slot) = self.srv6.sids.get_mut(&prefix) {
                self.srv6.unneeded.extend(slot.next_hop);
                if std::mem::take(&mut slot.is_leaving) {
                    changed.push(prefix);
                }
                (slot.wanted, slot.next_hop) = (wanted, next_hop);
            } else if let Some(id) = self.srv6.sid_ids.take().map(SidId) {
                self.srv6.fresh.sids.push(id);
                self.srv6.sids.insert(prefix, SidSlot { id, wanted, next_hop, is_leaving: false });
                changed.push(prefix);
            }
        }
        changed
    }

    /// Entries find SIDs and policies by these names.
    pub(in crate::program) fn name_srv6(&mut self) {
        let sids = self.srv6.sids.iter().filter(|(_, slot)| !slot.is_leaving);
        self.around.sids = sids.map(|(prefix, slot)| (*prefix, slot.id)).collect();
        self.around.policies =
            self.srv6.policies.iter().map(|(name, slot)| (Arc::clone(name), slot.id)).collect();
    }

    /// True when [`Program::update_srv6`] has to look again.
    pub fn is_srv6_stale(&self) -> bool {
        self.srv6.checked_at != Some(self.changes)
    }

    /// Validity of all lists is looked at anew next time: links or neighbors have changed.
    pub fn recheck_srv6(&mut self) {
        self.srv6.checked_at = None;
    }

    /// Forgets SIDs and policies that nothing leads to any more, and chooses candidate paths by the routes of now.
    pub fn update_srv6(&mut self) {
        self.collect_srv6();
        if !self.is_srv6_stale() {
            return;
        }
        let mut policies = std::mem::take(&mut self.srv6.policies);
        for slot in policies.values_mut() {
            let before: Vec<_> = slot.lists.iter().map(|list| list.is_valid).collect();
            for list in &mut slot.lists {
                let first = list.list.segments.first();
                list.is_valid = first.is_some_and(|first| self.leads_on(first.to_bits(), slot.id));
            }
            let active = slot.lists.iter().find(|list| list.is_valid).map(|list| list.preference);
            let is_same = slot.lists.iter().map(|list| list.is_valid).eq(before) && slot.active == active;
            slot.active = active;
            self.srv6.is_dirty |= !is_same;
        }
        self.srv6.policies = policies;
        self.srv6.checked_at = Some(self.changes);
    }

    /// True when packets of a policy to this address leave this node, or end at a SID of it.
    fn leads_on(&self, address: u128, policy: PolicyId) -> bool {
        let leaf = || {
            let (_, id) = self.table(SID_VRF)?.longest_match(address)?;
            self.next_hops.leaf(id)
        };
        let is_up = |port: PortId, address: u128| {
            self.around.port_is_up(port) && !self.adjacencies.neighbor(port, address).has_failed
        };
        leaf().is_some_and(|leaf| match &leaf.target {
            Target::OnLink(port) => self.around.port_is_up(*port),
            Target::Neighbor(port, address) => is_up(*port, *address),
            Target::Group(members) => members.iter().any(|(port, address, _)| is_up(*port, *address)),
            Target::Sid(_) => true,
            // Into itself it would go round for ever.
            Target::Policy(other) => *other != policy,
            Target::Unreachable | Target::Blackhole | Target::Mex | Target::Local => false,
        })
    }

    fn collect_srv6(&mut self) {
        let is_named = |target| self.next_hops.has(&Leaf { site: None, target });
        let leaving = |slot: &SidSlot| slot.is_leaving && !is_named(Target::Sid(slot.id));
        let gone: Vec<_> = self.srv6.sids.iter().filter(|(_, slot)| leaving(slot)).map(|(p, _)| *p).collect();
        for prefix in gone {
            if let Some(slot) = self.srv6.sids.remove(&prefix) {
                self.srv6.unneeded.extend(slot.next_hop);
                self.srv6.sid_ids.give_back(slot.id.0);
                self.srv6.is_dirty = true;
            }
        }
        let is_used = |slot: &PolicySlot| {
            let mut sids = self.srv6.sids.values();
            let name = Some(slot.policy.name.as_str());
            is_named(Target::Policy(slot.id)) || sids.any(|sid| sid.wanted.sid.policy.as_deref() == name)
        };
        let policies = self.srv6.policies.iter();
        let gone: Vec<_> = policies
            .filter(|(_, slot)| slot.is_leaving && !is_used(slot))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        for name in gone {
            if let Some(slot) = self.srv6.policies.remove(&name) {
                slot.lists.iter().for_each(|list| self.srv6.list_ids.give_back(list.id.0));
                self.srv6.policy_ids.give_back(slot.id.0);
                self.srv6.is_dirty = true;
                self.name_srv6();
            }
        }
    }
}
