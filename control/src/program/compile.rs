//! From routes, neighbors, ports and sites to one table a VRF.
//!
//! A route whose next hops are all down is withdrawn, as routing daemons do: what covers it takes over. Unless
//! `next-hop-down` is a trigger of MEX: then it stays, and its packets are offered to MEX.

use std::collections::BTreeMap;

use dataplane::fib::{FibError, Prefix6, Writer6};
use dataplane::id::{NextHopId, PortId, VrfId};
use dataplane::table::NextHop;
use dataplane::wire::ipv6;

use super::{AdjacencyTable, NextHopTable};
use crate::rib::{Action, Rib, Via};

/// A port, as far as routes are concerned.
#[derive(Clone, Debug)]
pub struct RoutedPort {
    /// Its VRF.
    pub vrf: VrfId,
    /// Administratively up, with a link.
    pub is_up: bool,
    /// IPv6 addresses and prefix lengths.
    pub addresses: Vec<(u128, u8)>,
}

/// A site behind this node.
#[derive(Clone, Debug)]
pub struct RoutedSite {
    /// The port toward it.
    pub inside: PortId,
    /// Its /64 prefixes.
    pub prefixes: Vec<Prefix6>,
}

/// What is compiled.
#[derive(Debug)]
pub struct Input<'a> {
    /// Static routes.
    pub rib: &'a Rib,
    /// By [`PortId`].
    pub ports: &'a [RoutedPort],
    /// By index in the MEX policy.
    pub sites: &'a [RoutedSite],
    /// `next-hop-down` is a trigger: routes without a live next hop stay.
    pub keeps_dead_routes: bool,
}

/// What the workers get.
#[derive(Debug)]
pub struct Programmed {
    /// One table a VRF, by number.
    pub fibs: Vec<Option<Writer6>>,
    /// Routes that found no room in a table of next hops or adjacencies, and why.
    pub problems: Vec<String>,
}

struct Compiler<'a> {
    input: &'a Input<'a>,
    adjacencies: &'a mut AdjacencyTable,
    next_hops: &'a mut NextHopTable,
    problems: Vec<String>,
}

type Entries = Vec<(Prefix6, NextHopId)>;

/// Problems reported at most: the first ones say it.
const MAX_PROBLEMS: usize = 10;

/// Compiles all VRFs. What it no longer uses is collected by the caller, after the result is on its way.
pub fn compile(
    input: &Input<'_>,
    adjacencies: &mut AdjacencyTable,
    next_hops: &mut NextHopTable,
) -> Programmed {
    next_hops.begin();
    let mut compiler = Compiler { input, adjacencies, next_hops, problems: Vec::new() };
    let vrfs = (0..input.rib.vrfs().len()).map(|index| VrfId(index as u16));
    let tables: Vec<_> = vrfs.map(|vrf| Writer6::build(compiler.table(vrf))).collect();
    let mut problems = compiler.problems;
    let mut keep = |table: Result<Writer6, FibError>| match table {
        Ok(table) => Some(table),
        Err(error) => {
            problems.push(error.to_string());
            None
        }
    };
    let fibs = tables.into_iter().map(&mut keep).collect();
    Programmed { fibs, problems }
}

impl Compiler<'_> {
    fn port_is_up(&self, port: PortId) -> bool {
        self.input.ports.get(port.index()).is_some_and(|port| port.is_up)
    }

    fn is_dead(&self, via: Via) -> bool {
        let has_failed =
            via.address.is_some_and(|address| self.adjacencies.neighbor(via.port, address).has_failed);
        has_failed || !self.port_is_up(via.port)
    }

    /// The id of a next hop; a full table is a problem of `prefix`.
    fn id(&mut self, prefix: Prefix6, next_hop: NextHop) -> Option<NextHopId> {
        let id = self.next_hops.id(next_hop);
        if id.is_none() {
            self.problem(prefix, "the table of next hops is full");
        }
        id
    }

    fn problem(&mut self, prefix: Prefix6, what: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(format!("{prefix}: not programmed: {what}"));
        }
    }

    /// The next hop of a neighbor; for a destination on a link that is down (`address` none) a neighbor that is never up.
    fn adjacency(&mut self, prefix: Prefix6, via: Via) -> Option<dataplane::id::AdjacencyId> {
        let id = self.adjacencies.id(via.port, via.address.unwrap_or(ipv6::UNSPECIFIED));
        if id.is_none() {
            self.problem(prefix, "the table of adjacencies is full");
        }
        id
    }

    /// The id of a route that forwards; `None` when it is withdrawn.
    fn via(&mut self, prefix: Prefix6, vias: &[Via]) -> Option<NextHopId> {
        if !self.input.keeps_dead_routes && vias.iter().all(|via| self.is_dead(*via)) {
            return None;
        }
        match vias {
            [Via { address: None, port, .. }] if self.port_is_up(*port) => {
                self.id(prefix, NextHop::OnLink(*port))
            }
            [via] => {
                let adjacency = self.adjacency(prefix, *via)?;
                self.id(prefix, NextHop::Adjacency(adjacency))
            }
            _ => {
                let mut members = Vec::with_capacity(vias.len());
                for via in vias {
                    members.push((self.adjacency(prefix, *via)?, via.weight));
                }
                let group = self.next_hops.group(members);
                if group.is_none() {
                    self.problem(prefix, "the table of next hops is full");
                }
                group
            }
        }
    }

    fn action(&mut self, prefix: Prefix6, action: &Action) -> Option<NextHopId> {
        match action {
            Action::Via(vias) => self.via(prefix, vias),
            Action::Mex => self.id(prefix, NextHop::Mex),
            Action::Blackhole => self.id(prefix, NextHop::Blackhole),
            Action::Unreachable => self.id(prefix, NextHop::Unreachable),
        }
    }

    /// The entries of a VRF, by address, then length.
    fn table(&mut self, vrf: VrfId) -> Entries {
        let rib = self.input.rib;
        let mut entries: Entries = Vec::new();
        for (prefix, action) in rib.routes_of(vrf) {
            if let Some(id) = self.action(prefix, action) {
                entries.push((prefix, id));
            }
        }
        let own = self.own_entries(vrf);
        merge(&mut entries, own);
        let input = self.input;
        let sites = (0u16..)
            .zip(input.sites)
            .filter(|(_, site)| input.ports.get(site.inside.index()).is_some_and(|port| port.vrf == vrf));
        for (_, site) in sites.clone() {
            self.add_site_prefixes(site, &mut entries);
        }
        let neighbors = self.neighbors(vrf, &entries);
        merge(&mut entries, neighbors);
        for (index, site) in sites {
            self.wrap_site(index, site, &mut entries);
        }
        entries
    }

    /// Connected prefixes and this node's addresses.
    fn own_entries(&mut self, vrf: VrfId) -> BTreeMap<Prefix6, NextHopId> {
        let input = self.input;
        let mut own = BTreeMap::new();
        let ports = (0u16..).map(PortId).zip(input.ports).filter(|(_, port)| port.vrf == vrf);
        for (port_id, port) in ports.clone() {
            for &(address, len) in port.addresses.iter().filter(|(address, _)| !ipv6::is_link_local(*address))
            {
                let subnet = Prefix6::new(address, len);
                let connected = [Via { port: port_id, address: None, weight: 1 }];
                if len < 128
                    && let Some(id) = self.via(subnet, &connected)
                {
                    own.insert(subnet, id);
                }
            }
        }
        for (_, port) in ports {
            for &(address, len) in port.addresses.iter().filter(|(address, _)| !ipv6::is_link_local(*address))
            {
                let prefix = Prefix6::new(address, 128);
                let Some(id) = self.id(prefix, NextHop::Local) else { continue };
                own.insert(prefix, id);
                // The subnet-router anycast address (RFC 4291, 2.6.1); a /127 has none (RFC 6164).
                if len < 127 {
                    own.insert(Prefix6::new(Prefix6::new(address, len).address(), 128), id);
                }
            }
        }
        own
    }

    /// Resolved neighbors that are destinations on a link: each gets an entry of its own, so that packets to it need not
    /// ask control.
    fn neighbors(&mut self, vrf: VrfId, entries: &Entries) -> BTreeMap<Prefix6, NextHopId> {
        let in_vrf = |port: &PortId| self.input.ports.get(port.index()).is_some_and(|p| p.vrf == vrf);
        let on_link: Vec<_> = self
            .adjacencies
            .resolved()
            .filter(|(port, address)| in_vrf(port) && !ipv6::is_link_local(*address))
            .filter(|(port, address)| {
                longest_match(entries, *address)
                    .is_some_and(|id| self.next_hops.entry(id) == NextHop::OnLink(*port))
            })
            .collect();
        let mut found = BTreeMap::new();
        for (port, address) in on_link {
            let prefix = Prefix6::new(address, 128);
            if let Some(id) = self.via(prefix, &[Via { port, address: Some(address), weight: 1 }]) {
                found.insert(prefix, id);
            }
        }
        found
    }

    /// True when all packets to this next hop leave by `port`.
    fn leaves_by(&self, next_hop: NextHop, port: PortId) -> bool {
        let is_there = |adjacency| self.adjacencies.key(adjacency).is_some_and(|(on, _)| on == port);
        match next_hop {
            NextHop::OnLink(on) => on == port,
            NextHop::Adjacency(adjacency) => is_there(adjacency),
            NextHop::Group(group) => {
                self.next_hops.members(group).iter().all(|(member, _)| is_there(*member))
            }
            _ => false,
        }
    }

    /// A site's prefix without a route of its own goes where the covering route goes, if that is toward the inside; else
    /// it is on the inside link itself.
    fn add_site_prefixes(&mut self, routed: &RoutedSite, entries: &mut Entries) {
        for prefix in &routed.prefixes {
            if entries.binary_search_by_key(prefix, |(prefix, _)| *prefix).is_ok() {
                continue;
            }
            let covering = entries.iter().rev().find(|(outer, _)| outer.covers(*prefix)).map(|(_, id)| *id);
            let toward_inside =
                covering.filter(|id| self.leaves_by(self.next_hops.entry(*id), routed.inside));
            let on_link = [Via { port: routed.inside, address: None, weight: 1 }];
            if let Some(id) = toward_inside.or_else(|| self.via(*prefix, &on_link)) {
                merge(entries, BTreeMap::from([(*prefix, id)]));
            }
        }
    }

    /// Packets to a site's prefixes pass its edge before they go on; so do those to this node's own addresses there.
    fn wrap_site(&mut self, site: u16, routed: &RoutedSite, entries: &mut Entries) {
        let is_site = |inner: Prefix6| routed.prefixes.iter().any(|prefix| prefix.covers(inner));
        for (inner, id) in entries.iter_mut().filter(|(inner, _)| is_site(*inner)) {
            let is_inside = matches!(
                self.next_hops.entry(*id),
                NextHop::OnLink(_) | NextHop::Adjacency(_) | NextHop::Group(_) | NextHop::Local
            );
            if is_inside && let Some(wrapped) = self.id(*inner, NextHop::Site { site, via: *id }) {
                *id = wrapped;
            }
        }
    }
}

/// What the longest prefix that covers `address` leads to; `entries` are in order.
fn longest_match(entries: &Entries, address: u128) -> Option<NextHopId> {
    let exact = |len| entries.binary_search_by_key(&Prefix6::new(address, len), |(prefix, _)| *prefix).ok();
    (0..=128).rev().find_map(exact).map(|found| entries[found].1)
}

/// Merges `more` into `entries`; of equal prefixes that of `more` wins.
fn merge(entries: &mut Entries, more: BTreeMap<Prefix6, NextHopId>) {
    for (prefix, id) in &more {
        if let Ok(found) = entries.binary_search_by_key(prefix, |(prefix, _)| *prefix) {
            entries[found].1 = *id;
        }
    }
    let mut new: Vec<_> = more
        .into_iter()
        .filter(|(p, _)| entries.binary_search_by_key(p, |(prefix, _)| *prefix).is_err())
        .collect();
    entries.append(&mut new);
    entries.sort_unstable_by_key(|(prefix, _)| *prefix);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::adjacencies::Neighbor;
    use std::sync::Arc;

    use dataplane::table::Liveness;
    use dataplane::wire::ethernet::Mac;

    const fn address(high: u64, low: u64) -> u128 {
        (0x2001_0db8_0000_0000 | high as u128) << 64 | low as u128
    }

    /// What three neighbors on port 0 get: one in its subnet, one in `prefix`, one behind a longer route elsewhere.
    fn compiled(rib: &Rib, sites: &[RoutedSite]) -> Vec<NextHop> {
        let mut adjacencies = AdjacencyTable::new(Arc::new(Liveness::default()));
        let neighbors = [address(1, 7), address(2, 7), address(2, 0x77)];
        for neighbor in neighbors {
            let known = Neighbor { mac: Some(Mac([2; 6])), has_failed: false };
            adjacencies.set_neighbor(PortId(0), neighbor, known);
        }
        let port = RoutedPort { vrf: VrfId(0), is_up: true, addresses: vec![(address(1, 1), 64)] };
        let input = Input { rib, ports: &[port], sites, keeps_dead_routes: false };
        let mut next_hops = NextHopTable::default();
        let programmed = compile(&input, &mut adjacencies, &mut next_hops);
        assert!(programmed.problems.is_empty());
        neighbors
            .iter()
            .map(|neighbor| {
                match next_hops.entry(programmed.fibs[0].as_ref().unwrap().fib().lookup(*neighbor)) {
                    NextHop::Site { via, .. } => next_hops.entry(via),
                    other => other,
                }
            })
            .collect()
    }

    #[test]
    fn resolved_destinations_on_a_link_need_not_ask_control() {
        let is_direct = |next_hop: &NextHop| matches!(next_hop, NextHop::Adjacency(_));
        let mut rib = Rib::new();
        let found = compiled(&rib, &[]);
        assert!(is_direct(&found[0]), "connected");
        assert_eq!(found[1..], [NextHop::NoRoute, NextHop::NoRoute], "in no subnet: no neighbor of anybody");

        let on_link = Action::Via(vec![Via { port: PortId(0), address: None, weight: 1 }]);
        rib.insert(VrfId(0), Prefix6::new(address(2, 0), 64), on_link).unwrap();
        rib.insert(VrfId(0), Prefix6::new(address(2, 0x70), 124), Action::Blackhole).unwrap();
        let found = compiled(&rib, &[]);
        assert!(is_direct(&found[0]) && is_direct(&found[1]), "{found:?}");
        assert_eq!(found[2], NextHop::Blackhole, "a longer route wins over the link");

        let site = RoutedSite { inside: PortId(0), prefixes: vec![Prefix6::new(address(2, 0), 64)] };
        let found = compiled(&Rib::new(), &[site]);
        assert!(
            found.iter().all(is_direct),
            "a site's prefix without a route is on the inside link: {found:?}"
        );
    }
}
