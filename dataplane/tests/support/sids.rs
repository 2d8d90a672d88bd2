//! SIDs and policies of a [`Plan`]: what the engine's tables are made from, and kept as it was written, for the model.

use dataplane::fib::Prefix6;
use dataplane::id::{PolicyId, PortId, SegmentListId, SidId};
use dataplane::table::srv6::{Behavior, Field, Flavors, HmacRule, Mode, Policy, SegmentList, Sid};
use dataplane::table::{NextHop, Srv6};
use dataplane::wire::hmac::Key;

use super::{Plan, prefix};

/// A policy as it was written.
#[derive(Clone, Debug)]
pub struct PolicySpec {
    pub mode: Mode,
    pub source: u128,
    pub traffic_class: Field<u8>,
    pub hop_limit: Field<u8>,
    pub flow_label: Field<u32>,
    /// Index of a key.
    pub key: Option<usize>,
    pub lists: Vec<(Vec<u128>, u32)>,
}

impl PolicySpec {
    /// With this one list and the fields that a policy has unless it says otherwise.
    pub fn new(mode: Mode, source: u128, segments: &[u128]) -> PolicySpec {
        PolicySpec {
            mode,
            source,
            traffic_class: Field::Copy,
            hop_limit: Field::Fixed(64),
            flow_label: Field::Flow,
            key: None,
            lists: vec![(segments.to_vec(), 1)],
        }
    }
}

/// A plain SID with this behavior.
pub fn sid(behavior: Behavior, flavors: Flavors) -> Sid {
    Sid {
        behavior,
        flavors,
        prefix_len: 128,
        block_len: 32,
        csid_len: 32,
        hmac: HmacRule::Ignore,
        ..Sid::default()
    }
}

/// `all` with one more at its end, and where that is.
fn pushed<T: Clone>(all: &mut Box<[T]>, one: T) -> usize {
    let mut longer = all.to_vec();
    longer.push(one);
    *all = longer.into_boxed_slice();
    all.len() - 1
}

impl Plan {
    /// A SID, and the route to it in table 0. Its prefix length is that of `to`.
    pub fn sid(&mut self, to: &str, sid: Sid) -> SidId {
        let prefix_len = prefix(to).len();
        let id = SidId(pushed(&mut self.srv6.sids, Some(Sid { prefix_len, ..sid })) as u16);
        self.route(0, to, NextHop::Sid(id));
        id
    }

    /// A policy with its lists; [`NextHop::Policy`] leads to it.
    pub fn policy(&mut self, spec: PolicySpec) -> PolicyId {
        let id = PolicyId(self.srv6.policies.len() as u16);
        let key = spec.key.map(|at| (at as u16, self.keys[at].0));
        let mut lists = Vec::new();
        for (segments, weight) in &spec.lists {
            let list = SegmentList::new(id, spec.mode, spec.source, segments, key).unwrap();
            lists.push((SegmentListId(pushed(&mut self.srv6.lists, Some(list)) as u16), *weight));
        }
        let mut policy = Policy::new(spec.mode, lists);
        policy.traffic_class = spec.traffic_class;
        policy.hop_limit = spec.hop_limit;
        policy.flow_label = spec.flow_label;
        pushed(&mut self.srv6.policies, Some(policy));
        self.policies.push(spec);
        id
    }

    /// An HMAC key; its index.
    pub fn key(&mut self, id: u32, secret: &[u8]) -> usize {
        self.keys.push((id, secret.to_vec()));
        pushed(&mut self.srv6.keys, Key::new(id, secret).unwrap())
    }

    /// What a packet is checked against that does not come from the SR domain.
    pub fn guard(&mut self, blocks: &[&str], edge_filter: &[&str]) {
        let filter = || edge_filter.iter().map(|p| prefix(p));
        self.srv6 = Srv6 {
            blocks: blocks.iter().map(|p| prefix(p)).chain(filter()).collect(),
            edge_filter: filter().collect(),
            ..self.srv6.clone()
        };
    }
}

/// The entry of the longest prefix that covers the address: one after the other.
pub fn longest_match(plan: &Plan, vrf: u16, to: u128) -> NextHop {
    let covers = |prefix: &Prefix6| prefix.contains(to);
    let routes = plan.routes.iter().filter(|((table, prefix), _)| *table == vrf && covers(prefix));
    let best = routes.max_by_key(|((_, prefix), _)| prefix.len());
    best.map_or(NextHop::NoRoute, |(_, id)| plan.next_hops[id.index()])
}

/// The ports by which a packet may leave that was looked up with this result.
pub fn ports(plan: &Plan, entry: NextHop) -> Vec<PortId> {
    let of = |id: dataplane::id::AdjacencyId| plan.adjacencies.get(id.index()).map(|a| a.port);
    match entry {
        NextHop::Adjacency(id) => of(id).into_iter().collect(),
        NextHop::Group(at) => plan.groups[at as usize].members().filter_map(|(id, _)| of(id)).collect(),
        NextHop::OnLink(port) => vec![port],
        NextHop::Site { via, .. } => ports(plan, plan.next_hops[via.index()]),
        _ => Vec::new(),
    }
}
