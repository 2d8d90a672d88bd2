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
mod update;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dataplane::fib::Prefix6;
use dataplane::id::{
    MAX_POLICIES, MAX_SEGMENT_LISTS, MAX_SIDS, NextHopId, PolicyId, PortId, SegmentListId, SidId, VrfId,
};
use dataplane::table::Srv6;

use super::ProgramError;
use crate::config::srv6 as config;
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

impl SidSlot {
    /// The number of its next hop.
    pub fn next_hop(&self) -> Option<NextHopId> {
        self.next_hop
    }
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
            let number = known.map(|slot| slot.id).or_else(|| self.policy_ids.take().map(PolicyId));
            let Some(id) = number else { continue };
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
            let id = if let Some(index) = same {
                before.swap_remove(index).id
            } else {
                let Some(id) = self.list_ids.take().map(SegmentListId) else { continue };
                self.fresh.lists.push(id);
                id
            };
            lists.push(ListSlot { id, list: list.clone(), preference, is_valid: false });
        }
        for slot in before {
            self.list_ids.give_back(slot.id.0);
        }
        lists
    }
}
