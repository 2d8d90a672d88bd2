//! The routes as they were asked for: by VRF and prefix, before anything is compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dataplane::fib::Prefix6;
use dataplane::id::{MAX_VRFS, PortId, VrfId};
use hashbrown::HashMap;

use crate::config::{DEFAULT_VRF, RouteAction, RouteConfig};
use crate::family;

/// Routes of one node, at most: what fits the memory that a router of this kind has.
pub const MAX_ROUTES: usize = crate::config::limits::MAX_ROUTES;

/// One next hop of a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via {
    /// The port that it is on.
    pub port: PortId,
    /// The neighbor; `None`: the destination itself is on the port's link.
    pub address: Option<u128>,
    /// Share of the flows, 1 to 255.
    pub weight: u8,
}

/// What a route does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Forward.
    Via(Vec<Via>),
    /// The MEX sink.
    Mex,
    /// Discard.
    Blackhole,
    /// Reject.
    Unreachable,
    /// Steer into the SRv6 policy of this name.
    Policy(Arc<str>),
}

/// All routes of both families ([`crate::family`]), and the VRFs that they name.
///
/// Exact match only: which route covers another is a question to the tables as programmed, which are in order
/// ([`dataplane::fib::Writer6::cover`]).
#[derive(Debug, Default)]
pub struct Rib {
    vrfs: Vec<String>,
    /// By [`VrfId`].
    tables: Vec<HashMap<Prefix6, Action>>,
    len: usize,
    mex_routes: usize,
    /// Neighbors that are next hops of routes, and of how many.
    next_hops: BTreeMap<(PortId, u128), usize>,
}

impl Rib {
    /// No routes, and the VRF `default`.
    pub fn new() -> Rib {
        Rib { vrfs: vec![DEFAULT_VRF.to_owned()], tables: vec![HashMap::new()], ..Rib::default() }
    }

    /// The number of a VRF, which begins to exist when it is first named.
    ///
    /// # Errors
    /// There are [`MAX_VRFS`] already.
    pub fn vrf(&mut self, name: &str) -> Result<VrfId, String> {
        if let Some(vrf) = self.find_vrf(name) {
            return Ok(vrf);
        }
        if self.vrfs.len() >= MAX_VRFS {
            return Err(format!("VRF \"{name}\": there are {MAX_VRFS} VRFs already, more are not possible"));
        }
        self.vrfs.push(name.to_owned());
        self.tables.push(HashMap::new());
        Ok(VrfId((self.vrfs.len() - 1) as u16))
    }

    /// Forgets the VRFs after the first `count`: for a change that named a new one and then failed.
    pub fn truncate_vrfs(&mut self, count: usize) {
        while self.vrfs.len() > count && self.tables.last().is_some_and(HashMap::is_empty) {
            self.vrfs.pop();
            self.tables.pop();
        }
    }

    /// The number of a VRF that exists.
    pub fn find_vrf(&self, name: &str) -> Option<VrfId> {
        self.vrfs.iter().position(|vrf| vrf == name).map(|index| VrfId(index as u16))
    }

    /// The names of the VRFs, by number.
    pub fn vrfs(&self) -> &[String] {
        &self.vrfs
    }

    /// The route of exactly this prefix.
    pub fn route(&self, vrf: VrfId, prefix: Prefix6) -> Option<&Action> {
        self.tables.get(vrf.index())?.get(&prefix)
    }

    /// The longest route that covers an address; a withdrawn one counts.
    pub fn longest_match(&self, vrf: VrfId, address: u128) -> Option<(Prefix6, &Action)> {
        let table = self.tables.get(vrf.index())?;
        let prefixes = (family::min_len(address)..=128).rev().map(|len| Prefix6::new(address, len));
        prefixes.into_iter().find_map(|prefix| table.get(&prefix).map(|action| (prefix, action)))
    }

    /// All routes, by VRF, then address, then length. Sorts them.
    pub fn routes(&self) -> impl Iterator<Item = (VrfId, Prefix6, &Action)> {
        let vrfs = (0..self.tables.len()).map(|vrf| VrfId(vrf as u16));
        vrfs.flat_map(|vrf| {
            self.routes_of(vrf).into_iter().map(move |(prefix, action)| (vrf, prefix, action))
        })
    }

    /// The routes of one VRF, by address, then length.
    pub fn routes_of(&self, vrf: VrfId) -> Vec<(Prefix6, &Action)> {
        let table = self.tables.get(vrf.index());
        let mut routes: Vec<_> =
            table.into_iter().flatten().map(|(prefix, action)| (*prefix, action)).collect();
        routes.sort_unstable_by_key(|(prefix, _)| *prefix);
        routes
    }

    /// The routes of one VRF that have one of these neighbors as a next hop, in order. Visits all.
    pub fn routes_via(&self, vrf: VrfId, next_hops: &BTreeSet<(PortId, u128)>) -> Vec<Prefix6> {
        let is_one = |via: &Via| via.address.is_some_and(|address| next_hops.contains(&(via.port, address)));
        let routes = self.tables.get(vrf.index()).into_iter().flatten();
        let found = routes.filter(|(_, action)| match action {
            Action::Via(vias) => vias.iter().any(is_one),
            Action::Mex | Action::Blackhole | Action::Unreachable | Action::Policy(_) => false,
        });
        let mut prefixes: Vec<_> = found.map(|(prefix, _)| *prefix).collect();
        prefixes.sort_unstable();
        prefixes
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without a route.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a route in; returns what it replaced.
    ///
    /// # Errors
    /// There are [`MAX_ROUTES`] already.
    pub fn insert(&mut self, vrf: VrfId, prefix: Prefix6, action: Action) -> Result<Option<Action>, String> {
        if self.len >= MAX_ROUTES && self.route(vrf, prefix).is_none() {
            let prefix = family::text(prefix);
            return Err(format!("{prefix}: there are {MAX_ROUTES} routes already, more are not possible"));
        }
        if self.tables.len() <= vrf.index() {
            return Err(format!("{}: there is no VRF {}", family::text(prefix), vrf.0));
        }
        self.count(&action, true);
        let replaced = self.tables.get_mut(vrf.index()).and_then(|table| table.insert(prefix, action));
        match &replaced {
            Some(replaced) => self.count(replaced, false),
            None => self.len += 1,
        }
        Ok(replaced)
    }

    /// Takes a route out.
    pub fn remove(&mut self, vrf: VrfId, prefix: Prefix6) -> Option<Action> {
        let removed = self.tables.get_mut(vrf.index())?.remove(&prefix)?;
        self.len -= 1;
        self.count(&removed, false);
        Some(removed)
    }

    /// Takes all routes out; the VRFs stay, so that their numbers do.
    pub fn clear(&mut self) {
        self.tables.iter_mut().for_each(HashMap::clear);
        self.next_hops.clear();
        (self.len, self.mex_routes) = (0, 0);
    }

    /// True when any route is the MEX sink.
    pub fn has_mex_route(&self) -> bool {
        self.mex_routes > 0
    }

    /// True when a route has this neighbor as a next hop.
    pub fn is_next_hop(&self, port: PortId, address: u128) -> bool {
        self.next_hops.contains_key(&(port, address))
    }

    /// The neighbors that are next hops of routes, in order.
    pub fn next_hops(&self) -> impl Iterator<Item = (PortId, u128)> {
        self.next_hops.keys().copied()
    }

    fn count(&mut self, action: &Action, is_there: bool) {
        match action {
            Action::Mex if is_there => self.mex_routes += 1,
            Action::Mex => self.mex_routes -= 1,
            Action::Via(vias) => {
                for key in vias.iter().filter_map(|via| Some((via.port, via.address?))) {
                    let count = self.next_hops.entry(key).or_default();
                    *count = if is_there { *count + 1 } else { count.saturating_sub(1) };
                    if *count == 0 {
                        self.next_hops.remove(&key);
                    }
                }
            }
            Action::Blackhole | Action::Unreachable | Action::Policy(_) => {}
        }
    }
}

/// A configured route with its ports as numbers.
///
/// # Errors
/// A port that does not exist, or several next hops of which one has no address.
pub fn resolve(
    route: &RouteConfig,
    port_id: impl Fn(&str) -> Option<PortId>,
) -> Result<(Prefix6, Action), String> {
    let prefix = route.prefix;
    let action = match &route.action {
        RouteAction::Mex => Action::Mex,
        RouteAction::Blackhole => Action::Blackhole,
        RouteAction::Unreachable => Action::Unreachable,
        RouteAction::Policy(name) => Action::Policy(Arc::from(name.as_str())),
        RouteAction::Via(hops) => {
            let mut vias = Vec::with_capacity(hops.len());
            for hop in hops {
                let port = port_id(&hop.port).ok_or_else(|| format!("there is no port \"{}\"", hop.port))?;
                if hop.address.is_none() && hops.len() > 1 {
                    return Err(format!("{prefix}: of several next hops each needs an address"));
                }
                let address = hop.address.map(family::bits);
                vias.push(Via { port, address, weight: hop.weight });
            }
            Action::Via(vias)
        }
    };
    Ok((family::prefix(prefix), action))
}
