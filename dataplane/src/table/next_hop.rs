//! What routes lead to, and how a flow picks one of several next hops.

use super::adjacency::Liveness;
use crate::id::{AdjacencyId, NextHopId, PolicyId, PortId, SidId};

/// What a route leads to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NextHop {
    /// Nothing covers the address.
    NoRoute,
    /// A reject route.
    Unreachable,
    /// A discard route (RFC 6666).
    Blackhole,
    /// The MEX sink.
    Mex,
    /// This node.
    Local,
    /// Whoever has the destination address on this port's link.
    OnLink(PortId),
    /// One neighbor.
    Adjacency(AdjacencyId),
    /// One of several, by flow: an index into the groups.
    Group(u32),
    /// A SID of this node.
    Sid(SidId),
    /// Into an SRv6 policy.
    Policy(PolicyId),
    /// A multi-homed site behind this node: verify and restore, then go on by the other next hop.
    Site {
        /// Index into [`super::MexPolicy::sites`].
        site: u16,
        /// Where packets go then; never a `Site` itself.
        via: NextHopId,
    },
}

/// The next hops of one node.
#[derive(Clone, Debug)]
pub struct NextHops {
    /// By [`NextHopId`]; the first is [`NextHop::NoRoute`].
    entries: Box<[NextHop]>,
    groups: Box<[Group]>,
}

impl Default for NextHops {
    fn default() -> Self {
        NextHops::new(Vec::new(), Vec::new())
    }
}

impl NextHops {
    /// Entries by id; id 0 is put to "no route" whatever is given, and so is a site behind a site: no packet may go round
    /// in circles.
    pub fn new(mut entries: Vec<NextHop>, groups: Vec<Group>) -> NextHops {
        match entries.first_mut() {
            Some(first) => *first = NextHop::NoRoute,
            None => entries.push(NextHop::NoRoute),
        }
        let is_site: Vec<_> = entries.iter().map(|entry| matches!(entry, NextHop::Site { .. })).collect();
        for entry in &mut entries {
            if let NextHop::Site { via, .. } = entry
                && is_site.get(via.index()).copied().unwrap_or_default()
            {
                *entry = NextHop::NoRoute;
            }
        }
        NextHops { entries: entries.into_boxed_slice(), groups: groups.into_boxed_slice() }
    }

    /// The entry of `id`; an unknown id leads nowhere.
    pub fn entry(&self, id: NextHopId) -> NextHop {
        self.entries.get(id.index()).copied().unwrap_or(NextHop::NoRoute)
    }

    /// A group by its index.
    pub fn group(&self, index: u32) -> Option<&Group> {
        self.groups.get(index as usize)
    }

    /// How many entries there are, "no route" included.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// True when a packet that ends here would leave this node through a live next hop.
    pub fn is_reachable(&self, id: NextHopId, liveness: &Liveness) -> bool {
        match self.entry(id) {
            // A SID of this node is no destination of a site's packets (docs/mex.md, Security).
            NextHop::NoRoute
            | NextHop::Unreachable
            | NextHop::Blackhole
            | NextHop::Mex
            | NextHop::Local
            | NextHop::Sid(_) => false,
            NextHop::OnLink(_) | NextHop::Policy(_) => true,
            NextHop::Adjacency(adjacency) => liveness.is_up(adjacency),
            NextHop::Group(index) => {
                self.group(index).is_some_and(|g| g.members.iter().any(|m| liveness.is_up(m.adjacency)))
            }
            NextHop::Site { via, .. } => self.is_reachable(via, liveness),
        }
    }
}

/// One next hop of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    adjacency: AdjacencyId,
    weight: u32,
}

/// Several next hops that share a route's flows by weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    members: Box<[Member]>,
    total_weight: u32,
}

impl Group {
    /// A group of (adjacency, weight); weights are 1 to 255.
    pub fn new(members: impl IntoIterator<Item = (AdjacencyId, u8)>) -> Group {
        let members: Box<[_]> = members
            .into_iter()
            .map(|(adjacency, weight)| Member { adjacency, weight: u32::from(weight) })
            .collect();
        let total_weight = members.iter().map(|m| m.weight).sum();
        Group { members, total_weight }
    }

    /// The member of the flow with this hash: always the same while all are up. When it is down, its flows spread over
    /// those that are up, and the flows of the others stay where they are. `None` when all are down.
    pub fn pick(&self, flow_hash: u32, liveness: &Liveness) -> Option<AdjacencyId> {
        let first = pick_by_weight(self.members(), self.total_weight, flow_hash)?;
        if liveness.is_up(first) {
            return Some(first);
        }
        let live = || self.members().filter(|(adjacency, _)| liveness.is_up(*adjacency));
        let total_weight = live().map(|(_, weight)| weight).sum();
        // Other bits decide this time, or the flows of one member would crowd together again.
        pick_by_weight(live(), total_weight, flow_hash.wrapping_mul(0x9e37_79b9).rotate_left(15))
    }

    /// The members, in the order of the route.
    pub fn members(&self) -> impl Iterator<Item = (AdjacencyId, u32)> {
        self.members.iter().map(|m| (m.adjacency, m.weight))
    }
}

/// The member whose share of the weights the hash falls into.
pub(super) fn pick_by_weight<T>(
    members: impl Iterator<Item = (T, u32)>,
    total_weight: u32,
    flow_hash: u32,
) -> Option<T> {
    // flow_hash / 2^32 of the way along the weights, without a division.
    let mut point = ((u64::from(flow_hash) * u64::from(total_weight)) >> 32) as u32;
    for (member, weight) in members {
        match point.checked_sub(weight) {
            Some(rest) => point = rest,
            None => return Some(member),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(group: &Group, liveness: &Liveness) -> [u32; 3] {
        let mut counts = [0; 3];
        for flow in 0..100_000u32 {
            let hash = flow.wrapping_mul(0x85eb_ca6b) ^ flow.rotate_left(13);
            counts[group.pick(hash, liveness).unwrap().index()] += 1;
        }
        counts
    }

    #[test]
    fn weights_are_kept_and_survivors_keep_their_flows() {
        let group = Group::new([(AdjacencyId(0), 1), (AdjacencyId(1), 2), (AdjacencyId(2), 5)]);
        let liveness = Liveness::default();
        for (count, weight) in shares(&group, &liveness).into_iter().zip([1, 2, 5]) {
            let expected = weight * 100_000 / 8;
            assert!(count.abs_diff(expected) < 2_000, "{count} is not {expected}");
        }
        let before: Vec<_> = (0..10_000u32).map(|f| group.pick(f << 18, &liveness)).collect();
        liveness.set(AdjacencyId(1), false);
        for (flow, was) in (0..10_000u32).zip(before) {
            let now = group.pick(flow << 18, &liveness);
            assert!(was == now || was == Some(AdjacencyId(1)), "a flow moved without need");
        }
        let [a, b, c] = shares(&group, &liveness);
        assert_eq!(b, 0);
        assert!(a.abs_diff(100_000 / 6) < 2_500 && c.abs_diff(500_000 / 6) < 2_500, "{a} {c}");
        liveness.set(AdjacencyId(0), false);
        liveness.set(AdjacencyId(2), false);
        assert_eq!(group.pick(7, &liveness), None);
    }

    #[test]
    fn unknown_ids_and_hostile_tables_lead_nowhere() {
        let table = NextHops::new(vec![NextHop::Local, NextHop::Site { site: 0, via: NextHopId(1) }], vec![]);
        assert_eq!(table.entry(NextHopId(0)), NextHop::NoRoute);
        assert_eq!(table.entry(NextHopId(9)), NextHop::NoRoute);
        assert_eq!(table.entry(NextHopId(1)), NextHop::NoRoute, "a site behind itself");
        assert_eq!(Group::new([]).pick(1, &Liveness::default()), None);
    }
}
