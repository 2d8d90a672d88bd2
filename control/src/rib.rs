//! The routes as they were asked for: by VRF and prefix, before anything is compiled.

use std::collections::BTreeMap;
use std::net::IpAddr;

use dataplane::fib::Prefix6;
use dataplane::id::{MAX_VRFS, PortId, VrfId};

use crate::config::{self, DEFAULT_VRF, Prefix, RouteAction, RouteConfig};

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
}

/// All routes, and the VRFs that they name.
#[derive(Debug, Default)]
pub struct Rib {
    vrfs: Vec<String>,
    routes: BTreeMap<(VrfId, Prefix6), Action>,
}

/// The dataplane's prefix of a configured IPv6 one.
pub fn prefix6(prefix: config::Prefix6) -> Prefix6 {
    Prefix6::new(prefix.address(), prefix.length())
}

impl Rib {
    /// No routes, and the VRF `default`.
    pub fn new() -> Rib {
        Rib { vrfs: vec![DEFAULT_VRF.to_owned()], routes: BTreeMap::new() }
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
        Ok(VrfId((self.vrfs.len() - 1) as u16))
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
        self.routes.get(&(vrf, prefix))
    }

    /// All routes, by VRF, then address, then length.
    pub fn routes(&self) -> impl Iterator<Item = (VrfId, Prefix6, &Action)> {
        self.routes.iter().map(|((vrf, prefix), action)| (*vrf, *prefix, action))
    }

    /// The routes of one VRF, by address, then length.
    pub fn routes_of(&self, vrf: VrfId) -> impl Iterator<Item = (Prefix6, &Action)> {
        let first = (vrf, Prefix6::new(0, 0));
        let last = (vrf, Prefix6::new(u128::MAX, 128));
        self.routes.range(first..=last).map(|((_, prefix), action)| (*prefix, action))
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// True without a route.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Puts a route in; returns what it replaced.
    ///
    /// # Errors
    /// There are [`MAX_ROUTES`] already.
    pub fn insert(&mut self, vrf: VrfId, prefix: Prefix6, action: Action) -> Result<Option<Action>, String> {
        if self.routes.len() >= MAX_ROUTES && !self.routes.contains_key(&(vrf, prefix)) {
            return Err(format!("{prefix}: there are {MAX_ROUTES} routes already, more are not possible"));
        }
        Ok(self.routes.insert((vrf, prefix), action))
    }

    /// Takes a route out.
    pub fn remove(&mut self, vrf: VrfId, prefix: Prefix6) -> Option<Action> {
        self.routes.remove(&(vrf, prefix))
    }

    /// Takes all routes out; the VRFs stay, so that their numbers do.
    pub fn clear(&mut self) {
        self.routes.clear();
    }

    /// True when any route is the MEX sink.
    pub fn has_mex_route(&self) -> bool {
        self.routes.values().any(|action| *action == Action::Mex)
    }
}

/// A configured route with its ports as numbers; `None` for IPv4, which this version does not forward.
///
/// # Errors
/// A port that does not exist, or several next hops of which one has no address.
pub fn resolve(
    route: &RouteConfig,
    port_id: impl Fn(&str) -> Option<PortId>,
) -> Result<Option<(Prefix6, Action)>, String> {
    let Prefix::V6(prefix) = route.prefix else { return Ok(None) };
    let action = match &route.action {
        RouteAction::Mex => Action::Mex,
        RouteAction::Blackhole => Action::Blackhole,
        RouteAction::Unreachable => Action::Unreachable,
        RouteAction::Via(hops) => {
            let mut vias = Vec::with_capacity(hops.len());
            for hop in hops {
                let port = port_id(&hop.port).ok_or_else(|| format!("there is no port \"{}\"", hop.port))?;
                let address = match hop.address {
                    Some(IpAddr::V6(address)) => Some(address.to_bits()),
                    Some(IpAddr::V4(_)) => return Ok(None),
                    None if hops.len() > 1 => {
                        return Err(format!("{prefix}: of several next hops each needs an address"));
                    }
                    None => None,
                };
                vias.push(Via { port, address, weight: hop.weight });
            }
            Action::Via(vias)
        }
    };
    Ok(Some((prefix6(prefix), action)))
}
