//! The table of SRv6 for the workers, from SIDs and policies with their numbers.

use std::net::Ipv6Addr;

use dataplane::fib::Prefix6;
use dataplane::id::{NextHopId, PolicyId};
use dataplane::table::Srv6;
use dataplane::table::srv6::{
    Behavior, Field, Flavors, HmacRule, Mode, Policy, SegmentList, Sid, UpperLayers,
};
use dataplane::wire::hmac::Key;

use super::{ListSlot, PolicySlot, SidSlot, Srv6Table};
use crate::config::srv6 as config;
use crate::family;

/// `workers` share the rate of O-flag copies.
pub(super) fn compile(table: &Srv6Table, workers: u64) -> Srv6 {
    let settings = &table.settings;
    let keys: Vec<Key> =
        settings.hmac_keys.iter().filter_map(|key| Key::new(key.id, key.secret.as_bytes())).collect();
    let mut sids = vec![None; table.sid_ids.bound()];
    for slot in table.sids.values() {
        if let Some(place) = sids.get_mut(slot.id.index()) {
            *place = Some(sid(slot, table));
        }
    }
    let mut policies = vec![None; table.policy_ids.bound()];
    let mut lists = vec![None; table.list_ids.bound()];
    for slot in table.policies.values() {
        if let Some(place) = policies.get_mut(slot.id.index()) {
            *place = Some(policy(slot));
        }
        for list in &slot.lists {
            if let Some(place) = lists.get_mut(list.id.index()) {
                *place = segment_list(slot, list, &keys);
            }
        }
    }
    let prefix = |prefix: &crate::config::Prefix6| family::prefix((*prefix).into());
    let edge_filter = settings.edge_filter.iter().map(prefix);
    let locators = settings.locators.iter().map(|locator| prefix(&locator.prefix));
    let share = |of: u32| u64::from(of).div_ceil(workers.max(1));
    let (sample_rate, sample_burst) =
        settings.oam.as_ref().map_or((0, 0), |oam| (share(oam.rate), share(oam.burst)));
    Srv6 {
        sids: sids.into(),
        policies: policies.into(),
        lists: lists.into(),
        upper_layers: UpperLayers {
            icmpv6: settings.upper_layers.icmpv6,
            udp: settings.upper_layers.udp,
            tcp: settings.upper_layers.tcp,
        },
        blocks: locators.chain(edge_filter.clone()).collect::<Vec<Prefix6>>().into_iter().collect(),
        edge_filter: edge_filter.collect(),
        sample_rate,
        sample_burst,
        keys: keys.into(),
    }
}

fn sid(slot: &SidSlot, table: &Srv6Table) -> Sid {
    let wanted = &slot.wanted;
    let sid = &wanted.sid;
    let prefix_len = sid.sid.prefix().length();
    let csid_len = sid.csid_length.unwrap_or(config::Sid::DEFAULT_CSID_BITS);
    let block_len = if sid.flavors.replace_csid {
        prefix_len.saturating_sub(csid_len)
    } else {
        sid.block_length.unwrap_or(config::Sid::DEFAULT_BLOCK_BITS)
    };
    let policy = sid.policy.as_deref().and_then(|name| table.policy_id(name));
    Sid {
        behavior: behavior(sid.behavior),
        flavors: flavors(sid.flavors),
        prefix_len,
        block_len,
        csid_len,
        hmac: hmac_rule(sid.hmac),
        vrf: wanted.vrf,
        next_hop: slot.next_hop.unwrap_or(NextHopId::NO_ROUTE),
        port: wanted.port,
        policy: policy.unwrap_or(PolicyId(u16::MAX)),
    }
}

fn behavior(behavior: config::Behavior) -> Behavior {
    match behavior {
        config::Behavior::End => Behavior::End,
        config::Behavior::EndX => Behavior::EndX,
        config::Behavior::EndT => Behavior::EndT,
        config::Behavior::EndDx6 => Behavior::EndDx6,
        config::Behavior::EndDx4 => Behavior::EndDx4,
        config::Behavior::EndDx2 => Behavior::EndDx2,
        config::Behavior::EndDt6 => Behavior::EndDt6,
        config::Behavior::EndDt4 => Behavior::EndDt4,
        config::Behavior::EndDt46 => Behavior::EndDt46,
        config::Behavior::EndB6Encaps
        | config::Behavior::EndB6EncapsRed
        | config::Behavior::EndB6Insert
        | config::Behavior::EndB6InsertRed => Behavior::EndB6,
    }
}

fn flavors(flavors: config::Flavors) -> Flavors {
    let set = [
        (flavors.psp, Flavors::PSP),
        (flavors.usp, Flavors::USP),
        (flavors.usd, Flavors::USD),
        (flavors.next_csid, Flavors::NEXT_CSID),
        (flavors.replace_csid, Flavors::REPLACE_CSID),
    ];
    set.into_iter().filter(|(has, _)| *has).fold(Flavors::NONE, |set, (_, flavor)| set.and(flavor))
}

/// The rule of a port or SID.
pub fn hmac_rule(mode: config::HmacMode) -> HmacRule {
    match mode {
        config::HmacMode::Ignore => HmacRule::Ignore,
        config::HmacMode::Verify => HmacRule::Verify,
        config::HmacMode::Require => HmacRule::Require,
    }
}

fn mode(mode: config::Mode) -> Mode {
    match mode {
        config::Mode::Encap => Mode::Encap,
        config::Mode::EncapRed => Mode::EncapRed,
        config::Mode::Insert => Mode::Insert,
        config::Mode::InsertRed => Mode::InsertRed,
        config::Mode::L2Encap => Mode::L2Encap,
        config::Mode::L2EncapRed => Mode::L2EncapRed,
    }
}

/// The valid lists of the candidate path in use, by weight.
fn policy(slot: &PolicySlot) -> Policy {
    let in_use = slot.lists.iter().filter(|list| list.is_valid && Some(list.preference) == slot.active);
    let lists = in_use.map(|list| (list.id, u32::from(list.list.weight)));
    let mut policy = Policy::new(mode(slot.policy.mode), lists);
    policy.traffic_class = match slot.policy.traffic_class {
        config::TrafficClass::Copy => Field::Copy,
        config::TrafficClass::Fixed(value) => Field::Fixed(value),
    };
    policy.hop_limit = match slot.policy.hop_limit {
        config::HopLimit::Copy => Field::Copy,
        config::HopLimit::Fixed(value) => Field::Fixed(value),
    };
    policy.flow_label = match slot.policy.flow_label {
        config::FlowLabel::Flow => Field::Flow,
        config::FlowLabel::Copy => Field::Copy,
        config::FlowLabel::Fixed(value) => Field::Fixed(value),
    };
    policy
}

fn segment_list(slot: &PolicySlot, list: &ListSlot, keys: &[Key]) -> Option<SegmentList> {
    let policy = &slot.policy;
    let segments: Vec<u128> = list.list.segments.iter().copied().map(Ipv6Addr::to_bits).collect();
    let source = policy.source.map_or(0, Ipv6Addr::to_bits);
    let key = policy.hmac_key.and_then(|id| {
        let index = keys.iter().position(|key| key.id() == id)?;
        Some((index as u16, id))
    });
    // The configuration has kept the limits.
    SegmentList::new(slot.id, mode(policy.mode), source, &segments, key).ok()
}
