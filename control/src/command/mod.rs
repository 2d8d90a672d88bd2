//! Changes to a running router, as the command line, a `replay --script` and the API give them.
//!
//! The grammar is that of iproute2:
//!
//! ```text
//! route add|replace PREFIX via ADDRESS [dev PORT] [weight N] [vrf VRF]
//! route add|replace PREFIX dev PORT [vrf VRF]
//! route add|replace PREFIX [vrf VRF] nexthop via ADDRESS dev PORT [weight N] nexthop ...
//! route add|replace blackhole|unreachable|mex PREFIX [vrf VRF]
//! route del PREFIX [vrf VRF]           what it does may follow, and must then be so
//! neighbor add|replace ADDRESS lladdr MAC dev PORT
//! neighbor del ADDRESS dev PORT
//! route add|replace PREFIX policy NAME [vrf VRF]
//! sid add|replace SID behavior B [flavors F,...] [via ADDRESS] [dev PORT] [vrf VRF] [policy NAME]
//!     [hmac ignore|verify|require] [block-length N] [csid-length N]
//! sid del SID
//! policy add|replace NAME mode M [source ADDRESS] [binding-sid SID] [hmac-key N] [hop-limit N|copy]
//!     [traffic-class N|copy] [flow-label N|flow|copy] segments SID,... [weight N] [preference N] segments ...
//! policy del NAME
//! port set PORT up|down
//! port set PORT mtu OCTETS
//! mex set enabled on|off
//! mex set max-prefixes N
//! ```
//!
//! `default` is `::/0`, or `0.0.0.0/0` when the next hops are IPv4; an address without a length is itself alone, `neigh` is `neighbor`,
//! `delete` is `del`, and the words after PREFIX may be in any order. A command says nothing about
//! what exists: that `add` fails on a route that is there is for the table to say.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::config::address::{mac_problem, mac_text, unicast_problem};
use crate::config::limits::{MAX_GROUP_MEMBERS, MTU};
use crate::config::srv6::{Policy, Sid, SidText};
use crate::config::{
    DEFAULT_VRF, NextHop, NextHopError, PortConfig, Prefix, RouteAction, RouteConfig, family_problem,
    resolve_next_hop, route_problem,
};

mod grammar;
mod script;
mod srv6;

#[cfg(test)]
mod tests;

pub use script::parse_script;

/// One change. In JSON an object whose `command` says which: `{"command":"port-set","port":"isp-a","up":false}`.
///
/// What arrives as JSON has the right shape but not necessarily the right values: see [`Command::check`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Command {
    /// A new route; an error if the prefix has one in this VRF.
    RouteAdd(RouteSpec),
    /// A new route or another one for the prefix.
    RouteReplace(RouteSpec),
    /// No route for the prefix any more.
    RouteDel {
        /// Its destinations, exactly.
        prefix: Prefix,
        /// The table that it is in.
        #[serde(default = "default_vrf")]
        vrf: String,
        /// If given: it is removed only if this is what it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<ActionSpec>,
    },
    /// A new static neighbor; an error if the address has one on this port.
    NeighborAdd(NeighborSpec),
    /// A new static neighbor or another MAC address for it.
    NeighborReplace(NeighborSpec),
    /// No static neighbor any more.
    NeighborDel {
        /// Its address.
        address: IpAddr,
        /// The port that it is reached by.
        port: String,
    },
    /// A port administratively up or down.
    PortSet {
        /// Its name.
        port: String,
        /// `true`: up.
        up: bool,
    },
    /// Another MTU for a port.
    PortMtu {
        /// Its name.
        port: String,
        /// Octets of an IP packet, within [`MTU`].
        mtu: u16,
    },
    /// A new SID; an error if there is one.
    SidAdd(Box<Sid>),
    /// A new SID or another one in its place.
    SidReplace(Box<Sid>),
    /// No such SID any more.
    SidDel {
        /// Its prefix, exactly.
        sid: SidText,
    },
    /// A new SRv6 policy; an error if there is one of the name.
    PolicyAdd(Box<Policy>),
    /// A new SRv6 policy or another one in its place.
    PolicyReplace(Box<Policy>),
    /// No such policy any more, nor its binding SID.
    PolicyDel {
        /// Its name.
        name: String,
    },
    /// MEX on or off, as `[mex] enabled`.
    MexEnabled {
        /// `true`: on.
        enabled: bool,
    },
    /// Alternatives that this router tries for one packet, as `[mex] max-prefixes`.
    MexMaxPrefixes {
        /// 1 to 255.
        max_prefixes: u8,
    },
}

/// A route as a command gives it: the ports are names, and may be left out where an address says enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RouteSpec {
    /// Destinations.
    pub prefix: Prefix,
    /// The table that it is in.
    #[serde(default = "default_vrf")]
    pub vrf: String,
    /// What becomes of the packets.
    pub action: ActionSpec,
}

/// What a route does with packets, as a command gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionSpec {
    /// Forward by one of these.
    Via(Vec<NextHopSpec>),
    /// Look for an alternative prefix in the packet.
    Mex,
    /// Drop silently.
    Blackhole,
    /// Drop and say so by ICMP.
    Unreachable,
    /// Steer into this SRv6 policy.
    Policy(String),
}

/// A next hop as a command gives it: an address, a port or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NextHopSpec {
    /// The neighbor to send to; without one the destination itself is on the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The port to send by; without one it is the port with a subnet that holds the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Its share among the route's next hops, 1 to 255.
    #[serde(default = "default_weight")]
    pub weight: u8,
}

/// A static neighbor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NeighborSpec {
    /// The neighbor's address.
    pub address: IpAddr,
    /// The port that it is reached by.
    pub port: String,
    /// Its MAC address.
    #[serde(with = "mac_string")]
    pub mac: [u8; 6],
}

fn default_vrf() -> String {
    DEFAULT_VRF.to_owned()
}

const fn default_weight() -> u8 {
    1
}

/// A MAC address in JSON: the string that people write.
mod mac_string {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    // serde hands over a reference, however small the value.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub fn serialize<S: Serializer>(mac: &[u8; 6], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crate::config::address::mac_text(*mac))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 6], D::Error> {
        crate::config::address::parse_mac(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Command {
    /// Reads a command from its words, as a shell hands them over.
    ///
    /// # Errors
    /// One line: what is wrong and what would be right.
    pub fn parse(words: &[&str]) -> Result<Self, String> {
        grammar::parse(words).map_err(|fault| fault.message)
    }

    /// Whether the values are possible. [`Command::parse`] has done this; what was made from JSON needs it.
    ///
    /// # Errors
    /// One line: what is wrong and what would be right.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::RouteAdd(route) | Self::RouteReplace(route) => {
                check_name("VRF", &route.vrf)?;
                route.action.check(route.prefix)
            }
            Self::RouteDel { prefix, vrf, action } => {
                check_name("VRF", vrf)?;
                action.as_ref().map_or(Ok(()), |action| action.check(*prefix))
            }
            Self::NeighborAdd(neighbor) | Self::NeighborReplace(neighbor) => {
                check_neighbor(neighbor.address, &neighbor.port)?;
                let wrong = |why| Err(format!("{} {why}", mac_text(neighbor.mac)));
                mac_problem(neighbor.mac).map_or(Ok(()), wrong)
            }
            Self::NeighborDel { address, port } => check_neighbor(*address, port),
            Self::SidAdd(sid) | Self::SidReplace(sid) => srv6::check_sid(sid),
            Self::PolicyAdd(policy) | Self::PolicyReplace(policy) => srv6::check_policy(policy),
            Self::PolicyDel { name } => check_name("policy", name),
            Self::PortSet { port, .. } => check_name("port", port),
            Self::PortMtu { port, mtu } => {
                check_name("port", port)?;
                let (min, max) = (MTU.start(), MTU.end());
                let wrong = || Err(format!("mtu is {mtu}; it must be an integer from {min} to {max}"));
                if MTU.contains(&u64::from(*mtu)) { Ok(()) } else { wrong() }
            }
            Self::SidDel { .. } | Self::MexEnabled { .. } | Self::MexMaxPrefixes { max_prefixes: 1.. } => {
                Ok(())
            }
            Self::MexMaxPrefixes { max_prefixes: 0 } => {
                Err("max-prefixes is 0; it must be an integer from 1 to 255".to_owned())
            }
        }
    }
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    match name {
        "" => Err(format!("the {what} name is empty; a name is needed")),
        _ => Ok(()),
    }
}

fn check_neighbor(address: IpAddr, port: &str) -> Result<(), String> {
    check_name("port", port)?;
    check_unicast(address)
}

fn check_unicast(address: IpAddr) -> Result<(), String> {
    let wrong = |why| Err(format!("{address} {why}; a unicast address is needed"));
    unicast_problem(address).map_or(Ok(()), wrong)
}

impl ActionSpec {
    fn check(&self, prefix: Prefix) -> Result<(), String> {
        let hops = match self {
            Self::Policy(name) => return check_name("policy", name),
            Self::Mex | Self::Blackhole | Self::Unreachable => return Ok(()),
            Self::Via(hops) => hops,
        };
        if hops.is_empty() {
            return Err("the route has no next hop; give it at least one".to_owned());
        }
        if hops.len() > MAX_GROUP_MEMBERS {
            return Err(format!(
                "more than {MAX_GROUP_MEMBERS} next hops; at most {MAX_GROUP_MEMBERS} are possible"
            ));
        }
        for (index, hop) in hops.iter().enumerate() {
            hop.check(prefix)?;
            let same = |other: &NextHopSpec| (other.address, &other.port) == (hop.address, &hop.port);
            if hops[..index].iter().any(same) {
                return Err(format!(
                    "the next hop \"{}\" is given twice; use weight for a greater share",
                    hop.text()
                ));
            }
        }
        Ok(())
    }
}

impl NextHopSpec {
    fn check(&self, prefix: Prefix) -> Result<(), String> {
        if let Some(address) = self.address {
            check_unicast(address)?;
            if let Some(problem) = family_problem(prefix, address) {
                return Err(problem);
            }
            if self.port.is_none() && crate::config::address::is_link_local(address) {
                return Err(NextHopError::LinkLocal(address).to_string());
            }
        }
        if let Some(port) = &self.port {
            check_name("port", port)?;
        }
        if self.address.is_none() && self.port.is_none() {
            return Err(NextHopError::Empty.to_string());
        }
        if self.weight == 0 {
            return Err("weight is 0; it must be an integer from 1 to 255".to_owned());
        }
        Ok(())
    }

    /// `via ADDRESS dev PORT`, without the weight.
    fn text(&self) -> String {
        let via = self.address.map(|address| format!("via {address}"));
        let dev = self.port.as_ref().map(|port| format!("dev {port}"));
        via.into_iter().chain(dev).collect::<Vec<_>>().join(" ")
    }
}

impl ActionSpec {
    /// The action with every port found and checked, by the rules of the configuration.
    ///
    /// # Errors
    /// One line: a port does not exist or is in another VRF, no link has the address, ...
    pub fn resolve(&self, ports: &[PortConfig], vrf: &str) -> Result<RouteAction, String> {
        let hops = match self {
            Self::Mex => return Ok(RouteAction::Mex),
            Self::Blackhole => return Ok(RouteAction::Blackhole),
            Self::Unreachable => return Ok(RouteAction::Unreachable),
            Self::Policy(name) => return Ok(RouteAction::Policy(name.clone())),
            Self::Via(hops) => hops,
        };
        let mut members: Vec<NextHop> = Vec::with_capacity(hops.len());
        for hop in hops {
            let port =
                resolve_next_hop(ports, vrf, hop.address, hop.port.as_deref()).map_err(|e| e.to_string())?;
            if members.iter().any(|member| member.address == hop.address && member.port == port.name) {
                return Err(format!(
                    "the next hop \"{}\" is given twice; use weight for a greater share",
                    hop.text()
                ));
            }
            members.push(NextHop { address: hop.address, port: port.name.clone(), weight: hop.weight });
        }
        Ok(RouteAction::Via(members))
    }
}

impl RouteSpec {
    /// The route with every port found and checked, by the rules of the configuration.
    ///
    /// # Errors
    /// One line, as [`Command::check`] and [`ActionSpec::resolve`] give it.
    pub fn resolve(&self, ports: &[PortConfig]) -> Result<RouteConfig, String> {
        self.action.check(self.prefix)?;
        let action = self.action.resolve(ports, &self.vrf)?;
        match route_problem(self.prefix, &action) {
            Some(problem) => Err(problem),
            None => Ok(RouteConfig { prefix: self.prefix, vrf: self.vrf.clone(), action }),
        }
    }
}

/// The command in the words that [`Command::parse`] reads.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RouteAdd(route) => write!(f, "route add {route}"),
            Self::RouteReplace(route) => write!(f, "route replace {route}"),
            Self::RouteDel { prefix, vrf, action: Some(action) } => {
                let route = RouteSpec { prefix: *prefix, vrf: vrf.clone(), action: action.clone() };
                write!(f, "route del {route}")
            }
            Self::RouteDel { prefix, vrf, action: None } => write!(f, "route del {prefix}{}", Vrf(vrf)),
            Self::NeighborAdd(neighbor) => write!(f, "neighbor add {neighbor}"),
            Self::NeighborReplace(neighbor) => write!(f, "neighbor replace {neighbor}"),
            Self::NeighborDel { address, port } => write!(f, "neighbor del {address} dev {port}"),
            Self::SidAdd(sid) => write!(f, "sid add {}", srv6::sid_words(sid)),
            Self::SidReplace(sid) => write!(f, "sid replace {}", srv6::sid_words(sid)),
            Self::SidDel { sid } => write!(f, "sid del {sid}"),
            Self::PolicyAdd(policy) => write!(f, "policy add {}", srv6::policy_words(policy)),
            Self::PolicyReplace(policy) => write!(f, "policy replace {}", srv6::policy_words(policy)),
            Self::PolicyDel { name } => write!(f, "policy del {name}"),
            Self::PortSet { port, up } => write!(f, "port set {port} {}", if *up { "up" } else { "down" }),
            Self::PortMtu { port, mtu } => write!(f, "port set {port} mtu {mtu}"),
            Self::MexEnabled { enabled } => {
                write!(f, "mex set enabled {}", if *enabled { "on" } else { "off" })
            }
            Self::MexMaxPrefixes { max_prefixes } => write!(f, "mex set max-prefixes {max_prefixes}"),
        }
    }
}

/// ` vrf V`, or nothing for the default one.
struct Vrf<'v>(&'v str);

impl fmt::Display for Vrf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == DEFAULT_VRF { Ok(()) } else { write!(f, " vrf {}", self.0) }
    }
}

impl fmt::Display for RouteSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prefix, vrf, action } = self;
        match action {
            ActionSpec::Mex => write!(f, "mex {prefix}{}", Vrf(vrf)),
            ActionSpec::Blackhole => write!(f, "blackhole {prefix}{}", Vrf(vrf)),
            ActionSpec::Unreachable => write!(f, "unreachable {prefix}{}", Vrf(vrf)),
            ActionSpec::Policy(name) => write!(f, "{prefix}{} policy {name}", Vrf(vrf)),
            ActionSpec::Via(hops) => {
                write!(f, "{prefix}{}", Vrf(vrf))?;
                for hop in hops {
                    let nexthop = if hops.len() > 1 { " nexthop" } else { "" };
                    write!(f, "{nexthop} {}", hop.text())?;
                    if hop.weight != 1 {
                        write!(f, " weight {}", hop.weight)?;
                    }
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for NeighborSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lladdr {} dev {}", self.address, mac_text(self.mac), self.port)
    }
}
