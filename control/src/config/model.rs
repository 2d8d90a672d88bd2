//! The validated configuration: every value in range, every reference resolved.

use std::net::IpAddr;

use dataplane::table::{Trigger, Triggers};

use super::prefix::{Prefix, Prefix6};
use super::report::Problem;
use super::srv6::{HmacMode, Srv6};

/// The VRF of everything that names none.
pub const DEFAULT_VRF: &str = "default";

/// A whole configuration, validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What only `run` needs.
    pub dpdk: Dpdk,
    /// ICMP errors that this node sends.
    pub icmp: Icmp,
    /// The ports, in the order of the file; names are unique.
    pub ports: Vec<PortConfig>,
    /// Static neighbors, in the order of the file.
    pub neighbors: Vec<NeighborConfig>,
    /// Static routes, in the order of the file; a prefix occurs once in a VRF.
    pub routes: Vec<RouteConfig>,
    /// MEX.
    pub mex: Mex,
    /// SRv6.
    pub srv6: Srv6,
    pub(super) run_problems: Vec<Problem>,
}

impl Config {
    /// What keeps this configuration from being `run`, although it is valid for `replay`: a port
    /// without a device, no port at all.
    pub fn problems_for_run(&self) -> Vec<Problem> {
        self.run_problems.clone()
    }

    /// The port of this name.
    pub fn port(&self, name: &str) -> Option<&PortConfig> {
        self.ports.iter().find(|port| port.name == name)
    }

    /// Every VRF that something names, the default one first, the others in the order of the file.
    pub fn vrfs(&self) -> Vec<&str> {
        let ports = self.ports.iter().map(|port| port.vrf.as_str());
        let routes = self.routes.iter().map(|route| route.vrf.as_str());
        let mut seen = std::collections::HashSet::from([DEFAULT_VRF]);
        let sids = self.srv6.sids.iter().filter_map(|sid| sid.vrf.as_deref());
        let named = ports.chain(routes).chain(sids).filter(|vrf| seen.insert(vrf));
        std::iter::once(DEFAULT_VRF).chain(named.collect::<Vec<_>>()).collect()
    }
}

/// `[dpdk]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dpdk {
    /// Cores that poll, one worker each. Default: core 1, or 0 where there is only one.
    pub workers: Vec<usize>,
    /// Memory for packet buffers, in bytes.
    pub memory_bytes: u64,
    /// Where that memory comes from.
    pub hugepages: Hugepages,
    /// What a worker does when nothing arrives.
    pub idle: Idle,
}

/// `[dpdk] hugepages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hugepages {
    /// Huge pages where the machine has them, else ordinary ones.
    Auto,
    /// Ordinary pages.
    Off,
}

/// `[dpdk] idle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// Poll always.
    Spin,
    /// Sleep when nothing arrives.
    Adaptive,
}

/// `[icmp]`: the token bucket of each kind of error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icmp {
    /// Errors a second; 0: none are sent.
    pub rate: u32,
    /// Errors that may be sent at once.
    pub burst: u32,
}

/// `[[port]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortConfig {
    /// Unique name.
    pub name: String,
    /// PCI address or DPDK vdev; only `run` needs it.
    pub device: Option<String>,
    /// Receive queues.
    pub queues: u16,
    /// MAC address; the device's own when absent.
    pub mac: Option<[u8; 6]>,
    /// Octets of an IP packet.
    pub mtu: u16,
    /// The VRF that its packets are looked up in.
    pub vrf: String,
    /// Own addresses with the length of their subnets.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Whether packets from here may address this node's SIDs.
    pub sr_domain: bool,
    /// Destinations that must not leave by this port.
    pub egress_deny: Vec<Prefix>,
    /// The HMAC TLV of packets from here.
    pub hmac: HmacMode,
    /// The policy that every frame from here goes into.
    pub policy: Option<String>,
}

impl PortConfig {
    /// The subnets of its addresses, in their order.
    pub fn subnets(&self) -> impl Iterator<Item = Prefix> + '_ {
        self.addresses.iter().filter_map(|(address, length)| Prefix::covering(*address, *length))
    }
}

/// `[[neighbor]]`: a static neighbor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighborConfig {
    /// The neighbor's address.
    pub address: IpAddr,
    /// The port that it is reached by.
    pub port: String,
    /// The neighbor's MAC address.
    pub mac: [u8; 6],
}

/// `[[route]]`: a static route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteConfig {
    /// Destinations.
    pub prefix: Prefix,
    /// The table that it is in.
    pub vrf: String,
    /// What becomes of the packets.
    pub action: RouteAction,
}

/// What a route does with packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteAction {
    /// Forward by one of these next hops, at least one, chosen by flow and weight.
    Via(Vec<NextHop>),
    /// Look for an alternative prefix in the packet.
    Mex,
    /// Drop silently.
    Blackhole,
    /// Drop and say so by ICMP.
    Unreachable,
    /// Steer into the SRv6 policy of this name.
    Policy(String),
}

/// One next hop of a route.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NextHop {
    /// The neighbor to send to; `None`: the destination itself is on the link.
    pub address: Option<IpAddr>,
    /// The port to send by.
    pub port: String,
    /// Its share among the route's next hops, 1 to 255.
    pub weight: u8,
}

/// `[mex]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mex {
    /// As written; absent: see [`Mex::effective_triggers`].
    pub enabled: Option<bool>,
    /// Next Header value of the AP header.
    pub next_header: u8,
    /// Type of the AP destination option.
    pub option_type: u8,
    /// Alternatives that this router tries for one packet.
    pub max_prefixes: u8,
    /// As written; absent: see [`Mex::effective_triggers`].
    pub trigger: Option<Triggers>,
    /// Prefixes never exchanged into a destination.
    pub deny: Vec<Prefix6>,
    /// Pairs that may be exchanged; `None`: any that is not denied.
    pub permit: Option<Vec<Permit>>,
    /// Packets a second that each worker may examine; 0: no limit.
    pub rate: u64,
    /// Packets that each worker may examine at once.
    pub burst: u64,
    /// Headers that the search for the AP header may pass.
    pub max_headers: u8,
    /// Octets that the search for the AP header may pass.
    pub max_octets: u16,
    /// Sites that this node is the edge of.
    pub sites: Vec<Site>,
    /// Sites that this node adds the header toward.
    pub peers: Vec<Peer>,
    /// Whether any route has the action `mex`: it turns MEX on when nothing else is said.
    pub mex_route: bool,
}

impl Mex {
    /// The lookup results that make the router look for the AP header; none: it never looks.
    ///
    /// `enabled = false` is none. `enabled = true` is `trigger`, or [`Triggers::DEFAULT`] without one.
    /// With neither word, a `trigger` counts as written, and a route with the action `mex` alone
    /// turns on [`Trigger::Mex`] only.
    pub fn effective_triggers(&self) -> Triggers {
        match (self.enabled, self.trigger) {
            (Some(false), _) => Triggers::NONE,
            (_, Some(trigger)) => trigger,
            (Some(true), None) => Triggers::DEFAULT,
            (None, None) if self.mex_route => Triggers::NONE.with(Trigger::Mex),
            (None, None) => Triggers::NONE,
        }
    }

    /// Whether `[[mex.site]]` and `[[mex.peer]]` sections are at work: unless `enabled = false`.
    pub fn edge_enabled(&self) -> bool {
        self.enabled != Some(false)
    }
}

/// One pair of `[mex] permit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    /// Destinations that may be replaced.
    pub from: Prefix6,
    /// Prefixes that may replace them.
    pub to: Prefix6,
}

/// `[[mex.site]]`: this node is the edge of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The port that the site is behind.
    pub inside: String,
    /// The site's prefixes, one per provider, each a /64.
    pub prefixes: Vec<Prefix6>,
    /// Whether the site's prefixes are told to correspondents.
    pub announce: bool,
}

/// `[[mex.peer]]`: this node is the edge of hosts that talk to the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The port that those hosts are behind.
    pub inside: String,
    /// The site's prefixes, one per provider, at least two, each a /64.
    pub prefixes: Vec<Prefix6>,
}
