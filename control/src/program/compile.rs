//! All entries of a VRF at once: for a bulk load, and when ports, sites or the life of next hops change.

use std::collections::BTreeMap;

use dataplane::fib::Prefix6;
use dataplane::id::VrfId;
use dataplane::wire::ipv6;

use super::AdjacencyTable;
use super::leaf::{Leaf, Surroundings, Target};
use crate::family;
use crate::rib::Rib;

type Targets = Vec<(Prefix6, Target)>;

/// The entries of a VRF, by address, then length.
pub fn compile(
    vrf: VrfId,
    rib: &Rib,
    around: &Surroundings,
    adjacencies: &AdjacencyTable,
) -> Vec<(Prefix6, Leaf)> {
    let routes = rib.routes_of(vrf).into_iter();
    let mut targets: Targets =
        routes.filter_map(|(prefix, action)| Some((prefix, around.target(action, adjacencies)?))).collect();
    merge(&mut targets, around.own(vrf));
    let sites = site_targets(vrf, around, &targets);
    merge(&mut targets, sites);
    let neighbors = neighbor_targets(vrf, around, adjacencies, &targets);
    merge(&mut targets, neighbors);
    targets.into_iter().map(|(prefix, target)| (prefix, around.leaf(vrf, prefix, target))).collect()
}

fn site_targets(vrf: VrfId, around: &Surroundings, targets: &Targets) -> BTreeMap<Prefix6, Target> {
    let everywhere = Prefix6::new(0, 0);
    let without_route = around
        .site_prefixes(vrf, everywhere)
        .filter(|(prefix, _)| targets.binary_search_by_key(prefix, |(prefix, _)| *prefix).is_err());
    let found = without_route.filter_map(|(prefix, inside)| {
        let covering = longest_match(targets, prefix.address(), prefix.len());
        Some((prefix, around.site_target(inside, covering)?))
    });
    found.collect()
}

fn neighbor_targets(
    vrf: VrfId,
    around: &Surroundings,
    adjacencies: &AdjacencyTable,
    targets: &Targets,
) -> BTreeMap<Prefix6, Target> {
    let of_vrf = adjacencies.resolved(Prefix6::new(0, 0)).filter(|(_, port)| around.vrf(*port) == Some(vrf));
    let on_link = of_vrf.filter(|(address, port)| {
        !ipv6::is_link_local(*address)
            && longest_match(targets, *address, 128) == Some(&Target::OnLink(*port))
    });
    let found = on_link.filter_map(|(address, port)| {
        Some((Prefix6::new(address, 128), around.neighbor(port, address, adjacencies)?))
    });
    found.collect()
}

/// What the longest prefix of at most `max_len` bits that covers `address` leads to; `targets` are in order.
fn longest_match(targets: &Targets, address: u128, max_len: u8) -> Option<&Target> {
    let exact = |len| targets.binary_search_by_key(&Prefix6::new(address, len), |(prefix, _)| *prefix).ok();
    (family::min_len(address)..=max_len)
        .rev()
        .find_map(exact)
        .and_then(|found| targets.get(found))
        .map(|(_, target)| target)
}

/// Merges `more` into `targets`; of equal prefixes that of `more` wins.
fn merge(targets: &mut Targets, more: BTreeMap<Prefix6, Target>) {
    let known = targets.len();
    for (prefix, target) in more {
        let place = targets.get(..known).unwrap_or_default().binary_search_by_key(&prefix, |(p, _)| *p);
        match place.ok().and_then(|place| targets.get_mut(place)) {
            Some(entry) => entry.1 = target,
            None => targets.push((prefix, target)),
        }
    }
    targets.sort_by_key(|(prefix, _)| *prefix);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dataplane::id::PortId;
    use dataplane::wire::ethernet::Mac;

    use super::*;
    use crate::program::Links;
    use crate::program::adjacencies::Neighbor;
    use crate::program::leaf::{RoutedPort, RoutedSite};
    use crate::rib::{Action, Via};

    const fn address(high: u64, low: u64) -> u128 {
        (0x2001_0db8_0000_0000 | high as u128) << 64 | low as u128
    }

    /// What three neighbors on port 0 get: one in its subnet, one in `prefix`, one behind a longer route elsewhere.
    fn compiled(rib: &Rib, sites: &[RoutedSite]) -> Vec<Option<Target>> {
        let mut adjacencies = AdjacencyTable::new(Arc::new(Links::new(Arc::default())));
        let neighbors = [address(1, 7), address(2, 7), address(2, 0x77)];
        for neighbor in neighbors {
            let known = Neighbor { mac: Some(Mac([2; 6])), has_failed: false };
            adjacencies.set_neighbor(PortId(0), neighbor, known);
        }
        let port = RoutedPort { vrf: VrfId(0), is_up: true, addresses: vec![(address(1, 1), 64)] };
        let around = Surroundings::new(vec![port], sites, false);
        let entries = compile(VrfId(0), rib, &around, &adjacencies);
        let matching = |neighbor: u128| {
            let covering = entries.iter().filter(|(prefix, _)| prefix.contains(neighbor));
            covering.max_by_key(|(prefix, _)| prefix.len()).map(|(_, leaf)| leaf.target.clone())
        };
        neighbors.into_iter().map(matching).collect()
    }

    #[test]
    fn resolved_destinations_on_a_link_need_not_ask_control() {
        let is_direct = |target: &Option<Target>| matches!(target, Some(Target::Neighbor(..)));
        let mut rib = Rib::new();
        let found = compiled(&rib, &[]);
        assert!(is_direct(&found[0]), "connected");
        assert_eq!(found[1..], [None, None], "in no subnet: no neighbor of anybody");

        let on_link = Action::Via(vec![Via { port: PortId(0), address: None, weight: 1 }]);
        rib.insert(VrfId(0), Prefix6::new(address(2, 0), 64), on_link).unwrap();
        rib.insert(VrfId(0), Prefix6::new(address(2, 0x70), 124), Action::Blackhole).unwrap();
        let found = compiled(&rib, &[]);
        assert!(is_direct(&found[0]) && is_direct(&found[1]), "{found:?}");
        assert_eq!(found[2], Some(Target::Blackhole), "a longer route wins over the link");

        let site = RoutedSite { inside: PortId(0), prefixes: vec![Prefix6::new(address(2, 0), 64)] };
        let found = compiled(&Rib::new(), &[site]);
        assert!(
            found.iter().all(is_direct),
            "a site's prefix without a route is on the inside link: {found:?}"
        );
    }
}
