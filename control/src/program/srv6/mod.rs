//! SIDs and policies as programmed: their numbers, and the table that workers read.
//!
//! A number is stable as long as its SID, policy or segment list exists, whatever becomes of its contents: all contents
//! change at once, by one [`Srv6`] table. An entry of a routing table that leads to a new SID is published when every worker
//! has that table ([`Srv6Table::sent_as`]); a SID that goes stays in it until no entry leads there.
//!
//! Of the candidate paths of a policy the valid one of the highest preference is used (RFC 9256, 2.9), with its valid lists
//! only. A list is valid when packets to its first segment leave this node or end at a SID of it (RFC 9256, 5.1).

mod compile;
mod ids;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dataplane::fib::Prefix6;
use dataplane::id::{
    MAX_POLICIES, MAX_SEGMENT_LISTS, MAX_SIDS, NextHopId, PolicyId, PortId, SegmentListId, SidId, VrfId,
};
use dataplane::table::Srv6;

use super::leaf::{Leaf, Target};
use super::{Program, ProgramError};
use crate::config::srv6 as config;
use crate::rib::Rib;
pub use compile::hmac_rule;
use ids::Ids;

/// The VRF of SIDs, and of segments.
pub const SID_VRF: VrfId = VrfId(0);

/// A SID that is to be.
#[derive(Clone, Debug)]
pub struct WantedSid {
    /// As configured.
    pub sid: config::Sid,
    /// The table that it names.
    pub vrf: VrfId,
    /// The neighbor that it names.
    pub via: Option<(PortId, u128)>,
    /// The port that it names.
    pub port: PortId,
}

/// A SID with its number.
#[derive(Clone, Debug)]
pub struct SidSlot {
    /// Its number.
    pub id: SidId,
    /// What it is.
    pub wanted: WantedSid,
    /// A use of its next hop.
    next_hop: Option<NextHopId>,
    /// No longer wanted, but entries still lead to it.
    is_leaving: bool,
}

/// A segment list with its number.
#[derive(Clone, Debug)]
pub struct ListSlot {
    /// Its number.
    pub id: SegmentListId,
    /// As configured.
    pub list: config::SegmentList,
    /// The preference of its candidate path.
    pub preference: u32,
    /// Packets to its first segment leave this node or end at a SID of it.
    pub is_valid: bool,
}

/// A policy with its number.
#[derive(Clone, Debug)]
pub struct PolicySlot {
    /// Its number.
    pub id: PolicyId,
    /// As configured.
    pub policy: config::Policy,
    /// Its lists, the candidate path of the highest preference first.
    pub lists: Vec<ListSlot>,
    /// The preference of the candidate path in use.
    pub active: Option<u32>,
    is_leaving: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Srv6Table {
    sids: BTreeMap<Prefix6, SidSlot>,
    policies: BTreeMap<Arc<str>, PolicySlot>,
    settings: config::Srv6,
    sid_ids: Ids,
    policy_ids: Ids,
    list_ids: Ids,
    /// Uses of next hops that only the table before needs.
    unneeded: Vec<NextHopId>,
    /// Numbers given out since they were last asked for.
    fresh: Fresh,
    /// The workers are to get a new table.
    is_dirty: bool,
    /// Number of the update that gave the workers the last one.
    sent_as: u64,
    /// The entries of [`SID_VRF`] have changed so often when validity was last looked at.
    checked_at: Option<u64>,
}

/// Numbers that name something new: their counters begin at 0.
#[derive(Debug, Default)]
pub struct Fresh {
    /// Of SIDs.
    pub sids: Vec<SidId>,
    /// Of policies.
    pub policies: Vec<PolicyId>,
    /// Of segment lists.
    pub lists: Vec<SegmentListId>,
}

impl Default for Srv6Table {
    fn default() -> Self {
        Srv6Table {
            sids: BTreeMap::new(),
            policies: BTreeMap::new(),
            settings: config::Srv6::default(),
            sid_ids: Ids::new(MAX_SIDS),
            policy_ids: Ids::new(MAX_POLICIES),
            list_ids: Ids::new(MAX_SEGMENT_LISTS),
            unneeded: Vec::new(),
            fresh: Fresh::default(),
            is_dirty: true,
            sent_as: 0,
            checked_at: None,
        }
    }
}

impl Srv6Table {
    /// The SIDs, by prefix.
    pub fn sids(&self) -> impl Iterator<Item = &SidSlot> {
        self.sids.values().filter(|slot| !slot.is_leaving)
    }

    /// The policies, by name.
    pub fn policies(&self) -> impl Iterator<Item = &PolicySlot> {
        self.policies.values().filter(|slot| !slot.is_leaving)
    }

    /// A SID by its number.
    pub fn sid(&self, id: SidId) -> Option<&SidSlot> {
        self.sids.values().find(|slot| slot.id == id)
    }

    /// A policy by its number.
    pub fn policy(&self, id: PolicyId) -> Option<&PolicySlot> {
        self.policies.values().find(|slot| slot.id == id)
    }

    /// The number of a policy.
    pub fn policy_id(&self, name: &str) -> Option<PolicyId> {
        self.policies.get(name).map(|slot| slot.id)
    }

    /// The neighbors that SIDs lead to, sorted.
    pub fn next_hops(&self) -> Vec<(PortId, u128)> {
        let mut found: Vec<_> = self.sids().filter_map(|slot| slot.wanted.via).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// True when a SID leads to this neighbor.
    pub fn is_next_hop(&self, port: PortId, address: u128) -> bool {
        self.sids().any(|slot| slot.wanted.via == Some((port, address)))
    }

    /// Numbers that were given out since this was last asked.
    pub fn take_fresh(&mut self) -> Fresh {
        std::mem::take(&mut self.fresh)
    }

    /// Number of the update that every worker must have before an entry that leads to a SID or policy is published.
    pub(super) fn sent_as(&self) -> u64 {
        if self.is_dirty { u64::MAX } else { self.sent_as }
    }

    /// The table for the workers when there is a new one. It goes out as update `number`.
    pub fn take_unsent(&mut self, number: u64, workers: u64) -> Option<Arc<Srv6>> {
        if !std::mem::take(&mut self.is_dirty) {
            return None;
        }
        self.sent_as = number;
        Some(Arc::new(compile::compile(self, workers)))
    }

    fn fits(
        &self,
        sids: &BTreeMap<Prefix6, WantedSid>,
        policies: &[config::Policy],
    ) -> Result<(), ProgramError> {
        let new_sids = sids.keys().filter(|prefix| !self.sids.contains_key(*prefix)).count();
        let is_known = |policy: &&config::Policy| self.policies.contains_key(policy.name.as_str());
        let new_policies = policies.iter().filter(|policy| !is_known(policy)).count();
        let lists: usize = policies.iter().map(|policy| policy.segment_lists().count()).sum();
        let used: usize = self.policies.values().map(|slot| slot.lists.len()).sum();
        let full = |what, max| Err(ProgramError::Srv6 { what, max });
        if new_sids > self.sid_ids.available() {
            return full("SIDs", MAX_SIDS);
        }
        if new_policies > self.policy_ids.available() {
            return full("SRv6 policies", MAX_POLICIES);
        }
        // Lists of before go at once; those of policies that leave are few and follow soon.
        if lists > self.list_ids.available() + used {
            full("segment lists", MAX_SEGMENT_LISTS)
        } else {
            Ok(())
        }
    }

    fn set_policies(&mut self, policies: &[config::Policy]) {
        let wanted: HashMap<&str, &config::Policy> =
            policies.iter().map(|policy| (policy.name.as_str(), policy)).collect();
        for slot in self.policies.values_mut().filter(|slot| !wanted.contains_key(slot.policy.name.as_str()))
        {
            slot.is_leaving = true;
        }
        for policy in policies {
            let known = self.policies.get(policy.name.as_str());
            let id = match known.map(|slot| slot.id).or_else(|| self.policy_ids.take().map(PolicyId)) {
                Some(id) => id,
                None => continue,
            };
            if known.is_none() {
                self.fresh.policies.push(id);
            }
            let before =
                self.policies.remove(policy.name.as_str()).map(|slot| slot.lists).unwrap_or_default();
            let lists = self.set_lists(before, policy);
            let slot = PolicySlot { id, policy: policy.clone(), lists, active: None, is_leaving: false };
            self.policies.insert(Arc::from(policy.name.as_str()), slot);
        }
    }

    /// The lists of a policy; one that was there before keeps its number.
    fn set_lists(&mut self, mut before: Vec<ListSlot>, policy: &config::Policy) -> Vec<ListSlot> {
        let mut lists = Vec::new();
        let wanted = policy
            .candidate_path
            .iter()
            .flat_map(|path| path.segment_list.iter().map(|list| (path.preference, list)));
        for (preference, list) in wanted {
            let same = before
                .iter()
                .position(|slot| slot.preference == preference && slot.list.segments == list.segments);
            let id = match same {
                Some(index) => before.swap_remove(index).id,
                None => {
                    let Some(id) = self.list_ids.take().map(SegmentListId) else { continue };
                    self.fresh.lists.push(id);
                    id
                }
            };
            lists.push(ListSlot { id, list: list.clone(), preference, is_valid: false });
        }
        before.into_iter().for_each(|slot| self.list_ids.give_back(slot.id.0));
        lists
    }
}

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
                    next_hops.into_values().for_each(|id| self.release(Some(id)));
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
    pub(super) fn name_srv6(&mut self) {
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
