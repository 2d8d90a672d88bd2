//! From a next hop as written to the port that reaches it; the rules are the same for a
//! configuration and for a command.

use std::fmt;
use std::net::IpAddr;

use super::address::is_link_local;
use super::model::{PortConfig, RouteAction};
use super::prefix::Prefix;
use super::suggest;

/// Why a next hop cannot be used. Displays what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextHopError {
    /// Neither an address nor a port.
    Empty,
    /// No port has this name.
    UnknownPort(String),
    /// The port is in another VRF than the route.
    OtherVrf {
        /// The port.
        port: String,
        /// The VRF that the port is in.
        port_vrf: String,
        /// The VRF that the route is in.
        route_vrf: String,
    },
    /// The address is one of this node's own.
    Own(IpAddr),
    /// A link-local address without a port.
    LinkLocal(IpAddr),
    /// No port of the VRF has a subnet with this address.
    NotOnLink {
        /// The address.
        address: IpAddr,
        /// The VRF that was searched.
        vrf: String,
    },
}

impl NextHopError {
    /// Whether the port as written is what is wrong, and not the address.
    pub const fn is_about_port(&self) -> bool {
        matches!(self, Self::UnknownPort(_) | Self::OtherVrf { .. })
    }
}

impl fmt::Display for NextHopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a next hop needs an address, a port or both"),
            Self::UnknownPort(message) => f.write_str(message),
            Self::OtherVrf { port, port_vrf, route_vrf } => write!(
                f,
                "port \"{port}\" is in VRF \"{port_vrf}\" and the route in \"{route_vrf}\"; \
                 both must be in the same VRF"
            ),
            Self::Own(address) => {
                write!(f, "{address} is this node's own address; the neighbor's address is needed")
            }
            Self::LinkLocal(address) => {
                write!(f, "{address} is link-local and could be on any link; name the port too")
            }
            Self::NotOnLink { address, vrf } => write!(
                f,
                "no port of VRF \"{vrf}\" has a subnet with {address}; name the port, or use an address on a link"
            ),
        }
    }
}

impl std::error::Error for NextHopError {}

/// The text for a port name that does not exist.
pub fn unknown_port(ports: &[PortConfig], name: &str) -> String {
    let known = || ports.iter().map(|port| port.name.as_str());
    let all = || match known().collect::<Vec<_>>() {
        none if none.is_empty() => "there is no [[port]]".to_owned(),
        names => format!("the ports are: {}", names.join(", ")),
    };
    format!("there is no port {}; {}", super::report::quoted(name), suggest::hint(name, known(), all))
}

/// The port that a next hop of a route in `vrf` is reached by: the one named, else the one whose
/// subnet holds the address (the longest, when several do).
///
/// # Errors
/// See [`NextHopError`].
pub fn resolve_next_hop<'p>(
    ports: &'p [PortConfig],
    vrf: &str,
    address: Option<IpAddr>,
    port: Option<&str>,
) -> Result<&'p PortConfig, NextHopError> {
    if let Some(address) = address.filter(|address| is_own_address(ports, vrf, port, *address)) {
        return Err(NextHopError::Own(address));
    }
    if let Some(name) = port {
        let port = ports
            .iter()
            .find(|port| port.name == name)
            .ok_or_else(|| NextHopError::UnknownPort(unknown_port(ports, name)))?;
        if port.vrf != vrf {
            return Err(NextHopError::OtherVrf {
                port: name.to_owned(),
                port_vrf: port.vrf.clone(),
                route_vrf: vrf.to_owned(),
            });
        }
        return Ok(port);
    }
    let address = address.ok_or(NextHopError::Empty)?;
    if is_link_local(address) {
        return Err(NextHopError::LinkLocal(address));
    }
    let in_vrf = ports.iter().filter(|port| port.vrf == vrf);
    let subnets = in_vrf.flat_map(|port| port.subnets().map(move |subnet| (subnet, port)));
    subnets
        .filter(|(subnet, _)| subnet.contains(address))
        // The first of several equally long ones, whatever the order of iteration.
        .reduce(|best, next| if next.0.length() > best.0.length() { next } else { best })
        .map(|(_, port)| port)
        .ok_or_else(|| NextHopError::NotOnLink { address, vrf: vrf.to_owned() })
}

/// Whether a port of the VRF has this address; a link-local one counts on the named port only.
fn is_own_address(ports: &[PortConfig], vrf: &str, port: Option<&str>, address: IpAddr) -> bool {
    let candidates = ports.iter().filter(|candidate| {
        candidate.vrf == vrf && (!is_link_local(address) || port == Some(candidate.name.as_str()))
    });
    candidates.flat_map(|candidate| &candidate.addresses).any(|(own, _)| *own == address)
}

/// Whether a port of this prefix's family can reach the address without being told that it is on
/// the link: it has no subnet of that family, or one that holds it.
pub fn plausible_on(port: &PortConfig, address: IpAddr) -> bool {
    if is_link_local(address) {
        return true;
    }
    let same_family =
        |subnet: &Prefix| subnet.is_ipv6() == address.is_ipv6() && !is_link_local(subnet.network());
    let mut subnets = port.subnets().filter(same_family).peekable();
    subnets.peek().is_none() || subnets.any(|subnet| subnet.contains(address))
}

/// Why packets to this prefix cannot go by a neighbor of this address; `None` if they can. An IPv4 route may have an IPv6
/// next hop (RFC 8950); an IPv6 route needs one.
pub fn family_problem(prefix: Prefix, address: IpAddr) -> Option<String> {
    (prefix.is_ipv6() && address.is_ipv4())
        .then(|| format!("{address} cannot be the next hop of {prefix}; an IPv6 address is needed"))
}

/// Why packets to this prefix cannot be routed so, and what would be right; `None` if they can.
///
/// Multicast and link-local destinations never reach the table of routes.
pub fn route_problem(prefix: Prefix, action: &RouteAction) -> Option<String> {
    match (action, prefix) {
        (RouteAction::Blackhole | RouteAction::Unreachable, _) => return None,
        (RouteAction::Mex, Prefix::V4(_)) => {
            return Some(format!("{prefix} is IPv4, which has no alternative prefixes; mex is for IPv6"));
        }
        _ => {}
    }
    let network = prefix.network();
    let least = |length6, length4| prefix.length() >= if prefix.is_ipv6() { length6 } else { length4 };
    let kind = if network.is_multicast() && least(8, 4) {
        "multicast"
    } else if is_link_local(network) && least(10, 16) {
        "link-local"
    } else if network.is_loopback() && least(128, 8) {
        "loopback"
    } else {
        return None;
    };
    Some(format!("{prefix} is {kind}, which is not routed; a unicast prefix is needed"))
}
