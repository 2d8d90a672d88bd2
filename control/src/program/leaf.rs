//! What an entry of a table leads to, as a value: before it has a number.
//!
//! A route whose next hops are all down is withdrawn, as routing daemons do: what covers it takes over. Unless
//! `next-hop-down` is a trigger of MEX: then it stays, and its packets are offered to MEX.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use dataplane::fib::Prefix6;
use dataplane::id::{PolicyId, PortId, SidId, VrfId};
use dataplane::wire::ipv6;

use super::AdjacencyTable;
use super::srv6::SID_VRF;
use crate::family;
use crate::rib::{Action, Via};

/// What an entry leads to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// A reject route.
    Unreachable,
    /// A discard route.
    Blackhole,
    /// The MEX sink.
    Mex,
    /// This node.
    Local,
    /// Whoever has the destination address on this port's link.
    OnLink(PortId),
    /// One neighbor.
    Neighbor(PortId, u128),
    /// One of several neighbors, each with its weight.
    Group(Vec<(PortId, u128, u8)>),
    /// A SID of this node.
    Sid(SidId),
    /// Into an SRv6 policy.
    Policy(PolicyId),
}

/// What an entry leads to, and the edge that packets pass before.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Leaf {
    /// The site of MEX whose edge it is, by index in the policy.
    pub site: Option<u16>,
    /// Where packets go then.
    pub target: Target,
}

impl Target {
    /// True when all packets leave by `port`.
    fn leaves_by(&self, port: PortId) -> bool {
        match self {
            Target::OnLink(on) | Target::Neighbor(on, _) => *on == port,
            Target::Group(members) => members.iter().all(|(on, ..)| *on == port),
            Target::Unreachable
            | Target::Blackhole
            | Target::Mex
            | Target::Local
            | Target::Sid(_)
            | Target::Policy(_) => false,
        }
    }

    /// True for what may be a host of a site or this node's own address there.
    fn is_inside(&self) -> bool {
        matches!(self, Target::OnLink(_) | Target::Neighbor(..) | Target::Group(_) | Target::Local)
    }
}

/// A port, as far as routes are concerned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoutedPort {
    /// Its VRF.
    pub vrf: VrfId,
    /// Administratively up, with a link.
    pub is_up: bool,
    /// Addresses and prefix lengths, of both families.
    pub addresses: Vec<(u128, u8)>,
}

/// A site behind this node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoutedSite {
    /// The port toward it.
    pub inside: PortId,
    /// Its /64 prefixes.
    pub prefixes: Vec<Prefix6>,
}

/// Bits of a site's prefix.
const SITE_PREFIX_LEN: u8 = 64;

/// What this node itself has, by VRF and prefix.
type OwnTargets = BTreeMap<(VrfId, Prefix6), Target>;

/// What entries depend on besides routes and neighbors.
#[derive(Debug, Default)]
pub struct Surroundings {
    ports: Vec<RoutedPort>,
    keeps_dead_routes: bool,
    /// Prefixes of sites by VRF and prefix: the site's index and its inside port.
    sites: BTreeMap<(VrfId, Prefix6), (u16, PortId)>,
    /// Connected prefixes and this node's addresses.
    own: OwnTargets,
    /// Those addresses of this node that are subnet-router anycast addresses and nothing else.
    anycast: BTreeSet<(VrfId, Prefix6)>,
    /// SIDs of this node, in [`SID_VRF`].
    pub(super) sids: BTreeMap<Prefix6, SidId>,
    /// SRv6 policies by name.
    pub(super) policies: HashMap<Arc<str>, PolicyId>,
}

impl Surroundings {
    /// Ports by [`PortId`], sites by their index in the MEX policy; `keeps_dead_routes`: `next-hop-down` is a trigger.
    pub fn new(ports: Vec<RoutedPort>, sites: &[RoutedSite], keeps_dead_routes: bool) -> Surroundings {
        let mut around = Surroundings { ports, keeps_dead_routes, ..Surroundings::default() };
        for (index, site) in (0u16..).zip(sites) {
            let Some(vrf) = around.vrf(site.inside) else { continue };
            for prefix in &site.prefixes {
                let prefix = Prefix6::new(prefix.address(), SITE_PREFIX_LEN);
                around.sites.entry((vrf, prefix)).or_insert((index, site.inside));
            }
        }
        (around.own, around.anycast) = around.own_targets();
        around
    }

    /// The VRF of a port.
    pub fn vrf(&self, port: PortId) -> Option<VrfId> {
        self.ports.get(port.index()).map(|port| port.vrf)
    }

    /// SIDs, connected prefixes and this node's addresses in a VRF.
    pub fn own(&self, vrf: VrfId) -> BTreeMap<Prefix6, Target> {
        let own = self.own.range(all_of(vrf)).map(|((_, prefix), target)| {
            let sid = self.sid_of_anycast(vrf, *prefix).map(Target::Sid);
            (*prefix, sid.unwrap_or_else(|| target.clone()))
        });
        let mut own: BTreeMap<_, _> = own.collect();
        if vrf == SID_VRF {
            own.extend(self.sids.iter().map(|(prefix, id)| (*prefix, Target::Sid(*id))));
        }
        own
    }

    /// What this node has at exactly this prefix. A SID goes before all else.
    pub fn own_at(&self, vrf: VrfId, prefix: Prefix6) -> Option<Target> {
        let sid = self.sids.get(&prefix).filter(|_| vrf == SID_VRF);
        let own = || self.own.get(&(vrf, prefix)).cloned();
        sid.copied().or_else(|| self.sid_of_anycast(vrf, prefix)).map(Target::Sid).or_else(own)
    }

    /// A subnet-router anycast address that is also a SID with an argument of 0 is the SID.
    fn sid_of_anycast(&self, vrf: VrfId, prefix: Prefix6) -> Option<SidId> {
        if vrf != SID_VRF || self.sids.is_empty() || !self.anycast.contains(&(vrf, prefix)) {
            return None;
        }
        let mut at = self.sids.range(Prefix6::new(prefix.address(), 0)..=prefix);
        at.next_back().filter(|(sid, _)| sid.address() == prefix.address()).map(|(_, id)| *id)
    }

    /// The prefixes of sites in a VRF that lie inside a prefix or are it, with the port toward the site.
    pub fn site_prefixes(&self, vrf: VrfId, within: Prefix6) -> impl Iterator<Item = (Prefix6, PortId)> {
        let last = Prefix6::new(within.last_address(), 128);
        let inside = self.sites.range((vrf, within)..=(vrf, last));
        inside.map(|((_, prefix), (_, inside))| (*prefix, *inside))
    }

    /// The port toward the site that has exactly this prefix.
    pub fn site_at(&self, vrf: VrfId, prefix: Prefix6) -> Option<PortId> {
        self.sites.get(&(vrf, prefix)).map(|(_, inside)| *inside)
    }

    /// A site's prefix without a route of its own goes where the covering route goes, if that is toward the inside; else
    /// it is on the inside link itself.
    pub fn site_target(&self, inside: PortId, covering: Option<&Target>) -> Option<Target> {
        match covering {
            Some(target) if target.leaves_by(inside) => Some(target.clone()),
            _ => self.on_link(inside),
        }
    }

    /// Packets to a site's prefixes pass its edge before they go on; so do those to this node's own addresses there.
    pub fn leaf(&self, vrf: VrfId, prefix: Prefix6, target: Target) -> Leaf {
        let is_in_site = prefix.len() >= SITE_PREFIX_LEN && target.is_inside() && !self.sites.is_empty();
        let key = (vrf, Prefix6::new(prefix.address(), SITE_PREFIX_LEN));
        let site = if is_in_site { self.sites.get(&key).map(|(site, _)| *site) } else { None };
        Leaf { site, target }
    }

    /// What a route leads to; `None` when it is withdrawn.
    pub fn target(&self, action: &Action, adjacencies: &AdjacencyTable) -> Option<Target> {
        match action {
            Action::Via(vias) => self.via(vias, adjacencies),
            Action::Mex => Some(Target::Mex),
            Action::Blackhole => Some(Target::Blackhole),
            Action::Unreachable => Some(Target::Unreachable),
            Action::Policy(name) => {
                Some(self.policies.get(name).map_or(Target::Unreachable, |id| Target::Policy(*id)))
            }
        }
    }

    /// What a resolved neighbor on a link gets in place of the link: an entry of its own, so that packets to it need not
    /// ask control.
    pub fn neighbor(&self, port: PortId, address: u128, adjacencies: &AdjacencyTable) -> Option<Target> {
        self.via(&[Via { port, address: Some(address), weight: 1 }], adjacencies)
    }

    fn via(&self, vias: &[Via], adjacencies: &AdjacencyTable) -> Option<Target> {
        let has_failed =
            |via: &Via| via.address.is_some_and(|address| adjacencies.neighbor(via.port, address).has_failed);
        let is_dead = |via: &Via| !self.port_is_up(via.port) || has_failed(via);
        if !self.keeps_dead_routes && vias.iter().all(is_dead) {
            return None;
        }
        Some(match vias {
            [Via { address: None, port, .. }] => self.link(*port),
            [Via { address: Some(address), port, .. }] => Target::Neighbor(*port, *address),
            _ => {
                let member = |via: &Via| (via.port, via.address.unwrap_or(ipv6::UNSPECIFIED), via.weight);
                Target::Group(vias.iter().map(member).collect())
            }
        })
    }

    fn on_link(&self, port: PortId) -> Option<Target> {
        (self.keeps_dead_routes || self.port_is_up(port)).then(|| self.link(port))
    }

    /// A link; when it is down, a neighbor there that is never up.
    fn link(&self, port: PortId) -> Target {
        if self.port_is_up(port) { Target::OnLink(port) } else { Target::Neighbor(port, ipv6::UNSPECIFIED) }
    }

    /// Whether a port is up.
    pub fn port_is_up(&self, port: PortId) -> bool {
        self.ports.get(port.index()).is_some_and(|port| port.is_up)
    }

    /// Connected prefixes and own addresses, and which of them are anycast addresses only.
    fn own_targets(&self) -> (OwnTargets, BTreeSet<(VrfId, Prefix6)>) {
        let (mut own, mut anycast) = (BTreeMap::new(), BTreeSet::new());
        let addresses = || {
            (0u16..).map(PortId).zip(&self.ports).flat_map(|(id, port)| {
                let global = port.addresses.iter().filter(|(address, _)| !ipv6::is_link_local(*address));
                global.map(move |(address, len)| (id, port.vrf, *address, *len))
            })
        };
        for (port, vrf, address, len) in addresses() {
            if len < 128
                && let Some(target) = self.on_link(port)
            {
                own.insert((vrf, Prefix6::new(address, len)), target);
            }
        }
        for (_, vrf, address, len) in addresses() {
            own.insert((vrf, Prefix6::new(address, 128)), Target::Local);
            // The subnet-router anycast address (RFC 4291, 2.6.1); a /127 has none (RFC 6164). In IPv4 the address of the
            // subnet and its broadcast address, which are not forwarded to the link (RFC 2644); a /31 has none (RFC 3021).
            if len < 127 {
                let subnet = Prefix6::new(address, len);
                own.insert((vrf, Prefix6::new(subnet.address(), 128)), Target::Local);
                anycast.insert((vrf, Prefix6::new(subnet.address(), 128)));
                if family::is_ipv4(address) {
                    own.insert((vrf, Prefix6::new(subnet.last_address(), 128)), Target::Local);
                }
            }
        }
        for (_, vrf, address, _) in addresses() {
            anycast.remove(&(vrf, Prefix6::new(address, 128)));
        }
        (own, anycast)
    }
}

/// All prefixes of a VRF, as a range of keys.
fn all_of(vrf: VrfId) -> std::ops::RangeInclusive<(VrfId, Prefix6)> {
    (vrf, Prefix6::new(0, 0))..=(vrf, Prefix6::new(u128::MAX, 128))
}
