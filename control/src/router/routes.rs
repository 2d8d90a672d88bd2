//! Changes of single routes: all or nothing.

use dataplane::buffer::PacketBuf;
use dataplane::fib::Prefix6;
use dataplane::id::{PortId, VrfId};

use super::Router;
use super::change::{ChangeError, refuse};
use crate::command::RouteSpec;
use crate::config::Prefix;
use crate::family;
use crate::program::MAX_WAITING_CHANGES;
use crate::rib::Action;

impl<B: PacketBuf> Router<B> {
    /// Puts a route in; `is_new`: only where there is none.
    pub(super) fn put_route(
        &mut self,
        route: &RouteSpec,
        is_new: bool,
        now_ns: u64,
    ) -> Result<(), ChangeError> {
        self.check_room()?;
        let (prefix, action) = self.resolve(route)?;
        let vrfs = self.rib.vrfs().len();
        let vrf = self.rib.vrf(&route.vrf).map_err(ChangeError::Refused)?;
        if is_new && self.rib.route(vrf, prefix).is_some() {
            return refuse(format!("{}: the route exists already; use replace to change it", route.prefix));
        }
        let vias = next_hops(&action);
        let put = self
            .rib
            .insert(vrf, prefix, action)
            .map_err(ChangeError::Failed)
            .and_then(|replaced| self.program_route(vrf, prefix, replaced, &vias, now_ns));
        if put.is_err() {
            self.rib.truncate_vrfs(vrfs);
        }
        put
    }

    /// Takes a route out, if it does what is expected of it.
    pub(super) fn delete_route(
        &mut self,
        prefix: Prefix,
        vrf: &str,
        expected: Option<&Action>,
        now_ns: u64,
    ) -> Result<(), ChangeError> {
        self.check_room()?;
        let key = family::prefix(prefix);
        let found: Option<(VrfId, &Action)> =
            self.rib.find_vrf(vrf).and_then(|id| self.rib.route(id, key).map(|action| (id, action)));
        match (found, expected) {
            (None, _) => refuse(format!("there is no route {prefix} in VRF \"{vrf}\"")),
            (Some((_, action)), Some(expected)) if action != expected => {
                refuse(format!("the route {prefix} in VRF \"{vrf}\" is another one: it does not lead there"))
            }
            (Some((id, _)), _) => {
                let removed = self.rib.remove(id, key);
                self.program_route(id, key, removed, &[], now_ns)
            }
        }
    }

    /// Refuses changes of routes while the workers are far behind.
    pub(super) fn check_room(&self) -> Result<(), ChangeError> {
        let waiting = self.program.waiting();
        if waiting >= MAX_WAITING_CHANGES { Err(ChangeError::Busy { waiting }) } else { Ok(()) }
    }

    /// Programs what the RIB says about a prefix now; puts `replaced` back when there is no room for it. `vias` are the
    /// next hops of the new route.
    fn program_route(
        &mut self,
        vrf: VrfId,
        prefix: Prefix6,
        replaced: Option<Action>,
        vias: &[(PortId, u128)],
        now_ns: u64,
    ) -> Result<(), ChangeError> {
        if let Err(error) = self.program.route_changed(&self.rib, vrf, prefix) {
            match replaced {
                // There is room: it was there before.
                Some(replaced) => drop(self.rib.insert(vrf, prefix, replaced)),
                None => drop(self.rib.remove(vrf, prefix)),
            }
            return Err(ChangeError::Failed(format!("{}: {error}", family::text(prefix))));
        }
        let has_mex_route = self.rib.has_mex_route();
        if self.config.mex.mex_route != has_mex_route {
            self.config.mex.mex_route = has_mex_route;
            self.dirty.mex = true;
        }
        if self.mode.watches_next_hops {
            for (port, address) in vias {
                self.watch(*port, *address, now_ns);
            }
            for (port, address) in replaced.iter().flat_map(next_hops) {
                self.unwatch_if_unused(port, address);
            }
        }
        Ok(())
    }
}

/// The neighbors that a route leads to.
fn next_hops(action: &Action) -> Vec<(PortId, u128)> {
    match action {
        Action::Via(vias) => vias.iter().filter_map(|via| Some((via.port, via.address?))).collect(),
        Action::Mex | Action::Blackhole | Action::Unreachable | Action::Policy(_) => Vec::new(),
    }
}
