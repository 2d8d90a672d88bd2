//! What a router shows of its SIDs and policies.

use dataplane::id::{PolicyId, SidId};
use dataplane::table::NextHop;
use serde_json::{Map, Value, json};

use super::Router;
use super::srv6::Count;
use crate::config::srv6::Sid;
use crate::family;
use crate::program::srv6::{ListSlot, PolicySlot, SidSlot};

fn count(value: Count) -> Value {
    json!({ "packets": value.0, "octets": value.1 })
}

impl<B> Router<B> {
    /// Packets and octets by SID, as it was written.
    pub(super) fn show_sid_counters(&self) -> Map<String, Value> {
        let sids = self.program.srv6().sids();
        sids.map(|slot| (slot.wanted.sid.sid.to_string(), count(self.sid_count(slot.id)))).collect()
    }

    /// Packets and octets by policy.
    pub(super) fn show_policy_counters(&self) -> Map<String, Value> {
        let policies = self.program.srv6().policies();
        policies.map(|slot| (slot.policy.name.clone(), count(self.policy_count(slot.id)))).collect()
    }

    /// The SIDs, by prefix: what they do, and what arrived.
    pub fn show_sids(&self) -> Value {
        self.program.srv6().sids().map(|slot| self.show_sid(slot)).collect()
    }

    fn show_sid(&self, slot: &SidSlot) -> Value {
        let sid = &slot.wanted.sid;
        let (packets, octets) = self.sid_count(slot.id);
        let mut value = json!({
            "sid": sid.sid,
            "prefix": sid.sid.prefix(),
            "behavior": sid.behavior,
            "flavors": sid.flavors,
            "packets": packets,
            "octets": octets,
        });
        let Some(fields) = value.as_object_mut() else { return value };
        let mut add = |key: &str, value: Value| drop(fields.insert(key.to_owned(), value));
        if let Some((port, address)) = slot.wanted.via {
            let is_up = self.ports.get(port.index()).is_some_and(super::RouterPort::is_up)
                && !self.program.adjacencies.neighbor(port, address).has_failed;
            let via = json!({
                "address": family::address(address).to_string(),
                "port": self.ports.get(port.index()).map(|port| port.name.as_str()),
                "state": if is_up { "up" } else { "down" },
            });
            add("via", via);
        }
        for (key, text) in [("vrf", &sid.vrf), ("port", &sid.port), ("policy", &sid.policy)] {
            if let Some(text) = text {
                add(key, json!(text));
            }
        }
        if sid.hmac != crate::config::srv6::HmacMode::Ignore {
            add("hmac", json!(sid.hmac));
        }
        if sid.flavors.next_csid {
            add("block-length", json!(sid.block_length.unwrap_or(Sid::DEFAULT_BLOCK_BITS)));
        }
        if sid.flavors.replace_csid {
            add("csid-length", json!(sid.csid_length.unwrap_or(Sid::DEFAULT_CSID_BITS)));
        }
        if !self.config.srv6.is_in_locator(&sid.sid.prefix()) {
            add("locator", Value::Null);
        }
        value
    }

    /// The policies, by name: their candidate paths, which of them is used, and what went into each list.
    pub fn show_policies(&self) -> Value {
        self.program.srv6().policies().map(|slot| self.show_policy(slot)).collect()
    }

    fn show_policy(&self, slot: &PolicySlot) -> Value {
        let policy = &slot.policy;
        let (packets, octets) = self.policy_count(slot.id);
        let paths = policy.candidate_path.iter().map(|path| {
            let lists: Vec<_> = slot.lists.iter().filter(|list| list.preference == path.preference).collect();
            let state = match slot.active {
                Some(active) if active == path.preference => "active",
                _ if lists.iter().any(|list| list.is_valid) => "valid",
                _ => "invalid",
            };
            let lists = lists.into_iter().map(|list| self.show_list(list));
            json!({ "preference": path.preference, "state": state, "segment-list": lists.collect::<Vec<_>>() })
        });
        let mut value = json!({
            "name": policy.name,
            "mode": policy.mode,
            "state": if slot.active.is_some() { "up" } else { "down" },
            "candidate-path": paths.collect::<Vec<_>>(),
            "packets": packets,
            "octets": octets,
        });
        let Some(fields) = value.as_object_mut() else { return value };
        let mut add = |key: &str, value: Value| drop(fields.insert(key.to_owned(), value));
        if let Some(sid) = &policy.binding_sid {
            add("binding-sid", json!(sid));
        }
        if let Some(id) = policy.hmac_key {
            add("hmac-key", json!(id));
        }
        if !policy.mode.is_insert() {
            add("source", json!(policy.source));
            add("hop-limit", json!(policy.hop_limit));
            add("traffic-class", json!(policy.traffic_class));
            add("flow-label", json!(policy.flow_label));
        }
        value
    }

    fn show_list(&self, list: &ListSlot) -> Value {
        let (packets, octets) = self.list_count(list.id);
        json!({
            "weight": list.list.weight,
            "segments": list.list.segments,
            "state": if list.is_valid { "valid" } else { "invalid" },
            "packets": packets,
            "octets": octets,
        })
    }

    /// An entry that leads to a SID.
    pub(super) fn show_to_sid(&self, id: SidId) -> Value {
        let slot = self.program.srv6().sid(id);
        let sid = slot.map(|slot| &slot.wanted.sid);
        let mut value = json!({
            "result": "sid",
            "sid": sid.map(|sid| &sid.sid),
            "behavior": sid.map(|sid| sid.behavior),
            "flavors": sid.map(|sid| sid.flavors),
        });
        let next_hop = slot.and_then(SidSlot::next_hop).map(|id| self.program.next_hops().entry(id));
        if let (Some(NextHop::Adjacency(id)), Some(fields)) = (next_hop, value.as_object_mut()) {
            fields.insert("via".to_owned(), json!([self.show_adjacency(id)]));
        }
        value
    }

    /// An entry that leads into a policy.
    pub(super) fn show_to_policy(&self, id: PolicyId) -> Value {
        let slot = self.program.srv6().policy(id);
        let segments = slot.into_iter().flat_map(|slot| {
            let in_use = |list: &&ListSlot| list.is_valid && Some(list.preference) == slot.active;
            slot.lists.iter().filter(in_use).map(|list| json!(list.list.segments))
        });
        json!({
            "result": "policy",
            "policy": slot.map(|slot| slot.policy.name.as_str()),
            "mode": slot.map(|slot| slot.policy.mode),
            "segments": segments.collect::<Vec<_>>(),
        })
    }
}
