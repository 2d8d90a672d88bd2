//! What changes a router: its configuration, commands, and links that come and go.

use std::fmt;
use std::net::IpAddr;

use dataplane::buffer::PacketBuf;
use dataplane::fib::Prefix6;
use dataplane::id::PortId;
use dataplane::wire::ethernet::Mac;

use super::{Buffers, Dirty, Router, RouterPort};
use crate::command::{Command, NeighborSpec, RouteSpec};
use crate::config::{Config, unknown_port};
use crate::family;
use crate::nd;
use crate::program::leaf::RoutedSite;
use crate::rib::{self, Action};

/// Why a change was not made; nothing has changed then. Displays what would be right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChangeError {
    /// It cannot be.
    Refused(String),
    /// A table is full.
    Failed(String),
    /// So many changes wait for the workers that no more are taken now.
    Busy {
        /// Changes that wait.
        waiting: usize,
    },
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChangeError::Refused(why) | ChangeError::Failed(why) => f.write_str(why),
            ChangeError::Busy { waiting } => {
                write!(f, "busy: {waiting} changes wait for the workers; try again")
            }
        }
    }
}

impl std::error::Error for ChangeError {}

pub(super) fn refuse<T>(why: impl Into<String>) -> Result<T, ChangeError> {
    Err(ChangeError::Refused(why.into()))
}

impl<B: PacketBuf> Router<B> {
    /// Brings the configured state up, links included.
    pub(super) fn set_up(
        &mut self,
        macs: &[Mac],
        buffers: &mut impl Buffers<B>,
        now_ns: u64,
    ) -> Result<(), String> {
        for (index, port) in self.config.ports.clone().iter().enumerate() {
            let vrf = self.rib.vrf(&port.vrf)?;
            self.ports.push(RouterPort {
                name: port.name.clone(),
                mac: macs.get(index).copied().unwrap_or_default(),
                mtu: port.mtu,
                vrf,
                addresses: own_addresses(&port.addresses),
                is_admin_up: true,
                has_link: true,
            });
        }
        for index in 0..self.ports.len() {
            self.add_to_neighbors(index, now_ns);
        }
        self.load(&[], now_ns)?;
        self.act(buffers);
        Ok(())
    }

    fn add_to_neighbors(&mut self, index: usize, now_ns: u64) {
        let Some(port) = self.ports.get(index) else { return };
        self.neighbors.add_port(index as u16, port.mac, &port.addresses, now_ns);
        if port.is_up() {
            self.neighbors.link_up(index as u16, now_ns);
        }
    }

    /// Routes, static neighbors and sites of the configuration; `watched` were the next hops before.
    fn load(&mut self, watched: &[(PortId, u128)], now_ns: u64) -> Result<(), String> {
        // The RIB has them from now on: a full table is not kept twice.
        for route in std::mem::take(&mut self.config.routes) {
            let vrf = self.rib.vrf(&route.vrf)?;
            let (prefix, action) = rib::resolve(&route, |name| self.port_id(name))?;
            self.rib.insert(vrf, prefix, action)?;
        }
        for neighbor in self.config.neighbors.clone() {
            let (address, Some(port)) = (neighbor.address, self.port_id(&neighbor.port)) else { continue };
            let bits = family::bits(address);
            if let Err(why) = self.neighbors.add_static(port.0, bits, Mac(neighbor.mac), now_ns) {
                return Err(format!("neighbor {address} on port \"{}\": {}", neighbor.port, refusal(why)));
            }
        }
        self.load_srv6(false).map_err(|error| error.to_string())?;
        self.load_sites();
        self.config.mex.mex_route = self.rib.has_mex_route();
        self.watch_next_hops(watched, now_ns);
        Ok(())
    }

    fn load_sites(&mut self) {
        let is_edge = self.config.mex.edge_enabled();
        let sites = self.config.mex.sites.iter().filter(|_| is_edge).filter_map(|site| {
            let prefixes = site.prefixes.iter().map(|prefix| family::prefix((*prefix).into())).collect();
            Some(RoutedSite { inside: self.port_id(&site.inside)?, prefixes })
        });
        self.sites = sites.collect();
    }

    /// Puts another configuration in the place of the running one: routes, neighbors, MEX, limits, addresses and MTUs.
    /// What changed by command since the start is undone.
    ///
    /// # Errors
    /// Ports cannot come, go, or change their device or VRF while packets flow; then nothing has changed.
    pub fn reload(
        &mut self,
        config: Config,
        buffers: &mut impl Buffers<B>,
        now_ns: u64,
    ) -> Result<(), ChangeError> {
        let fixed = |config: &Config| -> Vec<_> {
            config
                .ports
                .iter()
                .map(|p| (p.name.clone(), p.device.clone(), p.vrf.clone(), p.mac, p.queues))
                .collect()
        };
        if fixed(&config) != fixed(&self.config) || config.dpdk != self.config.dpdk {
            return refuse(
                "ports (name, device, queues, vrf, mac) and [dpdk] cannot change while running; restart for that",
            );
        }
        let before = std::mem::replace(&mut self.config, config);
        for neighbor in before.neighbors {
            if let Some(port) = self.port_id(&neighbor.port) {
                self.neighbors.del(port.0, family::bits(neighbor.address), now_ns);
            }
        }
        for (port, configured) in self.ports.iter_mut().zip(&self.config.ports) {
            port.mtu = configured.mtu;
            port.addresses = own_addresses(&configured.addresses);
            port.is_admin_up = true;
        }
        for (index, (old, new)) in before.ports.iter().zip(self.config.ports.clone()).enumerate() {
            if old.addresses != new.addresses {
                self.add_to_neighbors(index, now_ns);
            }
        }
        let watched = self.wanted_next_hops();
        self.rib.clear();
        let loaded = self.load(&watched, now_ns);
        self.dirty = Dirty { routes: true, adjacencies: true, ports: true, mex: true, icmp: true };
        self.act(buffers);
        loaded.map_err(ChangeError::Refused)
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// What the command names does not exist, exists already, or cannot be; then nothing has changed.
    pub fn change(
        &mut self,
        command: &Command,
        buffers: &mut impl Buffers<B>,
        now_ns: u64,
    ) -> Result<(), ChangeError> {
        let changed = self.make(command, now_ns);
        self.act(buffers);
        changed
    }

    /// Carries out commands in order, and tells the workers of all of them together; stops at the first that fails unless
    /// `goes_on`, and in any case when the workers are behind. Returns how many were tried, and the failures by index.
    pub fn change_all(
        &mut self,
        commands: &[Command],
        goes_on: bool,
        buffers: &mut impl Buffers<B>,
        now_ns: u64,
    ) -> (usize, Vec<(usize, ChangeError)>) {
        let mut failures = Vec::new();
        let mut tried = 0;
        for (index, command) in commands.iter().enumerate() {
            if let Err(error) = self.make(command, now_ns) {
                let is_end = !goes_on || matches!(error, ChangeError::Busy { .. });
                failures.push((index, error));
                if is_end {
                    break;
                }
            }
            tried = index + 1;
        }
        self.act(buffers);
        (tried, failures)
    }

    /// Makes the change that a command asks for, without telling neighbors and workers what follows from it.
    fn make(&mut self, command: &Command, now_ns: u64) -> Result<(), ChangeError> {
        command.check().map_err(ChangeError::Refused)?;
        match command {
            Command::RouteAdd(route) => self.put_route(route, true, now_ns)?,
            Command::RouteReplace(route) => self.put_route(route, false, now_ns)?,
            Command::RouteDel { prefix, vrf, action } => {
                let expected = match action {
                    None => None,
                    Some(action) => {
                        let route = RouteSpec { prefix: *prefix, vrf: vrf.clone(), action: action.clone() };
                        Some(self.resolve(&route)?.1)
                    }
                };
                self.delete_route(*prefix, vrf, expected.as_ref(), now_ns)?;
            }
            Command::SidAdd(sid) => self.put_sid(sid, true, now_ns)?,
            Command::SidReplace(sid) => self.put_sid(sid, false, now_ns)?,
            Command::SidDel { sid } => self.delete_sid(sid, now_ns)?,
            Command::PolicyAdd(policy) => self.put_policy(policy, true, now_ns)?,
            Command::PolicyReplace(policy) => self.put_policy(policy, false, now_ns)?,
            Command::PolicyDel { name } => self.delete_policy(name, now_ns)?,
            Command::NeighborAdd(neighbor) => self.put_neighbor(neighbor, true, now_ns)?,
            Command::NeighborReplace(neighbor) => self.put_neighbor(neighbor, false, now_ns)?,
            Command::NeighborDel { address, port } => {
                let (id, bits) = (self.named_port(port)?, family::bits(*address));
                if !self.neighbors.del(id.0, bits, now_ns) {
                    return refuse(format!("there is no neighbor {address} on port \"{port}\""));
                }
            }
            Command::PortSet { port, up } => {
                let id = self.named_port(port)?;
                self.set_port_state(id, Some(*up), None, now_ns);
            }
            Command::PortMtu { port, mtu } => {
                let id = self.named_port(port)?;
                if let Some(port) = self.ports.get_mut(id.index()) {
                    port.mtu = *mtu;
                    self.dirty.adjacencies = true;
                }
            }
            Command::MexEnabled { enabled } => {
                self.config.mex.enabled = Some(*enabled);
                self.load_sites();
                self.dirty.mex = true;
                self.dirty.routes = true;
            }
            Command::MexMaxPrefixes { max_prefixes } => {
                self.config.mex.max_prefixes = *max_prefixes;
                self.dirty.mex = true;
            }
        }
        Ok(())
    }

    /// The device of a port says that its link came or went.
    pub fn set_link(&mut self, port: PortId, has_link: bool, buffers: &mut impl Buffers<B>, now_ns: u64) {
        self.set_port_state(port, None, Some(has_link), now_ns);
        self.act(buffers);
    }

    fn set_port_state(&mut self, id: PortId, admin: Option<bool>, link: Option<bool>, now_ns: u64) {
        let Some(port) = self.ports.get_mut(id.index()) else { return };
        let was_up = port.is_up();
        port.is_admin_up = admin.unwrap_or(port.is_admin_up);
        port.has_link = link.unwrap_or(port.has_link);
        let is_up = port.is_up();
        if was_up == is_up {
            return;
        }
        if is_up {
            // Nothing on it lives before the workers know that it is up.
            self.neighbors.link_up(id.0, now_ns);
        } else {
            // First of all the words that the fast path reads: every route behind this port changes over now.
            self.kill_port(id);
            self.neighbors.link_down(id.0, now_ns);
        }
        self.dirty.ports = true;
        self.dirty.routes = true;
    }

    fn named_port(&self, name: &str) -> Result<PortId, ChangeError> {
        self.port_id(name).ok_or_else(|| ChangeError::Refused(unknown_port(&self.config.ports, name)))
    }

    pub(super) fn resolve(&self, route: &RouteSpec) -> Result<(Prefix6, Action), ChangeError> {
        let route = route.resolve(&self.config.ports).map_err(ChangeError::Refused)?;
        self.check_steering(route.prefix, &route.action)?;
        rib::resolve(&route, |name| self.port_id(name)).map_err(ChangeError::Refused)
    }

    fn put_neighbor(&mut self, spec: &NeighborSpec, is_new: bool, now_ns: u64) -> Result<(), ChangeError> {
        let (port, bits) = (self.named_port(&spec.port)?, family::bits(spec.address));
        let is_static = self
            .neighbors
            .neighbors(now_ns)
            .any(|n| n.port == port.0 && n.address == bits && n.state == nd::State::Static);
        if is_new && is_static {
            return refuse(format!("the neighbor {} exists already; use replace to change it", spec.address));
        }
        let added = self.neighbors.add_static(port.0, bits, Mac(spec.mac), now_ns);
        added.map_err(|why| ChangeError::Refused(format!("neighbor {}: {}", spec.address, refusal(why))))
    }
}

fn own_addresses(addresses: &[(IpAddr, u8)]) -> Vec<(u128, u8)> {
    addresses.iter().map(|(address, length)| family::subnet(*address, *length)).collect()
}

fn refusal(why: nd::Why) -> &'static str {
    match why {
        nd::Why::BadAddress => {
            "no neighbor can have this address: it is one of this node's own, a group, or no address"
        }
        nd::Why::TableFull => "the port has as many neighbors as it can have",
        nd::Why::NoPort => "there is no such port",
        nd::Why::Unreachable | nd::Why::QueueFull | nd::Why::LinkDown | nd::Why::Removed => {
            "not possible now"
        }
    }
}
