//! The configuration as written: the right keys with values of the right type, each with its place.
//! What the values mean is checked by `validate`.

use toml::de::DeTable;

use super::limits;
use super::model::{Hugepages, Idle};
use super::report::{Located, Report};
use super::section::{List, Section};
use super::srv6::{HmacMode, RawSrv6, hmac_mode};

/// Text of a key that may be absent, or of the wrong type and already reported.
pub(super) type Text<'t> = Option<Located<&'t str>>;

pub(super) struct RawConfig<'t> {
    pub dpdk: RawDpdk<'t>,
    pub icmp: RawIcmp,
    pub ports: Vec<RawPort<'t>>,
    pub neighbors: Vec<RawNeighbor<'t>>,
    pub routes: Vec<RawRoute<'t>>,
    pub mex: RawMex<'t>,
    pub srv6: RawSrv6<'t>,
}

#[derive(Default)]
pub(super) struct RawDpdk<'t> {
    pub workers: Option<(usize, Vec<Located<u64>>)>,
    pub memory: Text<'t>,
    pub hugepages: Option<Hugepages>,
    pub idle: Option<Idle>,
}

#[derive(Default)]
pub(super) struct RawIcmp {
    pub rate: Option<Located<u64>>,
    pub burst: Option<Located<u64>>,
}

pub(super) struct RawPort<'t> {
    pub at: usize,
    pub name: Text<'t>,
    /// `Err`: there is one, of the wrong type.
    pub device: Result<Text<'t>, ()>,
    pub queues: Option<u64>,
    pub mac: Text<'t>,
    pub mtu: Option<u64>,
    /// `Err`: there is one, of the wrong type.
    pub vrf: Result<Text<'t>, ()>,
    pub address: Option<List<'t>>,
    pub sr_domain: Option<Located<bool>>,
    pub egress_deny: Option<List<'t>>,
    pub hmac: Option<HmacMode>,
    pub policy: Text<'t>,
}

pub(super) struct RawNeighbor<'t> {
    pub port: Text<'t>,
    pub address: Text<'t>,
    pub mac: Text<'t>,
}

pub(super) struct RawRoute<'t> {
    pub at: usize,
    pub prefix: Text<'t>,
    /// `Err`: there is one, of the wrong type.
    pub vrf: Result<Text<'t>, ()>,
    /// `None` when the kind of route could not be read; that is reported then.
    pub action: Option<RawAction<'t>>,
}

pub(super) enum RawAction<'t> {
    Via(Vec<RawNextHop<'t>>),
    Word(Located<&'t str>),
    Policy(Located<&'t str>),
}

pub(super) struct RawNextHop<'t> {
    pub at: usize,
    pub address: Text<'t>,
    pub port: Text<'t>,
    pub weight: Option<u64>,
    /// The address or the port is there, but could not be read.
    pub unreadable: bool,
}

#[derive(Default)]
pub(super) struct RawMex<'t> {
    pub enabled: Option<bool>,
    pub next_header: Option<Located<u64>>,
    pub option_type: Option<u64>,
    pub max_prefixes: Option<u64>,
    pub trigger: Option<List<'t>>,
    pub deny: Option<List<'t>>,
    pub permit: Option<Vec<(Text<'t>, Text<'t>)>>,
    pub rate: Option<u64>,
    pub burst: Option<u64>,
    pub max_headers: Option<u64>,
    pub max_octets: Option<u64>,
    pub sites: Vec<RawSite<'t>>,
    pub peers: Vec<RawSite<'t>>,
}

/// A `[[mex.site]]` or a `[[mex.peer]]`.
pub(super) struct RawSite<'t> {
    pub inside: Text<'t>,
    pub prefixes: Option<List<'t>>,
    /// Of a site only.
    pub announce: Option<Located<bool>>,
}

impl<'t> RawConfig<'t> {
    /// `plain` are routes that stand in the text and not in the table.
    pub fn read(table: &'t DeTable<'t>, plain: Vec<RawRoute<'t>>, report: &Report<'t>) -> Self {
        let mut root = Section::root(table, report);
        let list = |word| format!("a list of sections, each written [[{word}]]");
        let mut each = |word, title, max| root.tables(word, title, max, &list(word)).unwrap_or_default();
        let ports = each("port", "[[port]]", limits::MAX_PORTS).into_iter().map(RawPort::read).collect();
        let neighbors = each("neighbor", "[[neighbor]]", limits::MAX_NEIGHBORS);
        let neighbors = neighbors.into_iter().map(RawNeighbor::read).collect();
        let routes = each("route", "[[route]]", limits::MAX_ROUTES);
        let routes =
            all_routes(plain, routes.into_iter().map(|section| RawRoute::read(section, report)), report);
        let config = Self {
            dpdk: root.table("dpdk", "[dpdk]").map(RawDpdk::read).unwrap_or_default(),
            icmp: root.table("icmp", "[icmp]").map(RawIcmp::read).unwrap_or_default(),
            ports,
            neighbors,
            routes,
            mex: root.table("mex", "[mex]").map(RawMex::read).unwrap_or_default(),
            srv6: root.table("srv6", "[srv6]").map(RawSrv6::read).unwrap_or_default(),
        };
        root.finish();
        config
    }
}

/// Routes of both origins in the order of the text, as many as there may be.
fn all_routes<'t>(
    mut plain: Vec<RawRoute<'t>>,
    others: impl Iterator<Item = RawRoute<'t>>,
    report: &Report<'t>,
) -> Vec<RawRoute<'t>> {
    let sorted = plain.len();
    plain.extend(others);
    if plain.len() > sorted {
        plain.sort_by_key(|route| route.at);
    }
    let max = limits::MAX_ROUTES;
    if let Some(beyond) = plain.get(max) {
        report.problem(beyond.at, format!("more than {max} of [[route]]; at most {max} are possible"));
        plain.truncate(max);
    }
    plain
}

impl<'t> RawDpdk<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let raw = Self {
            workers: section.integers("workers", 0..=limits::MAX_CORE, "a list of core numbers, like [1, 2]"),
            memory: section.string("memory", "a string like \"512M\""),
            hugepages: section.choice("hugepages", &[("auto", Hugepages::Auto), ("off", Hugepages::Off)]),
            idle: section.choice("idle", &[("spin", Idle::Spin), ("adaptive", Idle::Adaptive)]),
        };
        section.finish();
        raw
    }
}

impl RawIcmp {
    fn read(mut section: Section<'_, '_>) -> Self {
        let raw = Self {
            rate: section.integer("rate", limits::ICMP_RATE),
            burst: section.integer("burst", limits::ICMP_BURST),
        };
        section.finish();
        raw
    }
}

/// A string that has a default: absent and of the wrong type are not the same.
pub(super) fn optional<'t>(
    section: &mut Section<'t, '_>,
    key: &'static str,
    expected: &str,
) -> Result<Text<'t>, ()> {
    match section.string(key, expected) {
        None if section.key_at(key).is_some() => Err(()),
        text => Ok(text),
    }
}

fn located_boolean(section: &mut Section<'_, '_>, key: &'static str) -> Option<Located<bool>> {
    let value = section.boolean(key)?;
    Some(Located { value, at: section.key_at(key)? })
}

const NAME: &str = "a string";

impl<'t> RawPort<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let raw = Self {
            at: section.at,
            name: section.string("name", NAME),
            device: optional(&mut section, "device", "a string: a PCI address or a DPDK vdev"),
            queues: section.integer("queues", 1..=limits::MAX_QUEUES).map(|queues| queues.value),
            mac: section.string("mac", "a string like \"02:00:00:00:00:0a\""),
            mtu: section.integer("mtu", limits::MTU).map(|mtu| mtu.value),
            vrf: optional(&mut section, "vrf", NAME),
            address: section.strings("address", "a list of strings like [\"2001:db8:a::1/64\"]"),
            sr_domain: located_boolean(&mut section, "sr-domain"),
            egress_deny: section.strings("egress-deny", "a list of strings like [\"2001:db8::/32\"]"),
            hmac: hmac_mode(&mut section),
            policy: section.string("policy", "a string, the name of a [[srv6.policy]]"),
        };
        section.require("name", "name = \"...\"");
        section.finish();
        raw
    }
}

impl<'t> RawNeighbor<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let raw = Self {
            port: section.string("port", "a string, the name of a [[port]]"),
            address: section.string("address", "a string like \"2001:db8:a::2\""),
            mac: section.string("mac", "a string like \"02:00:00:00:00:a2\""),
        };
        section.require("port", "port = \"...\"");
        section.require("address", "address = \"...\"");
        section.require("mac", "mac = \"...\"");
        section.finish();
        raw
    }
}

impl<'t> RawRoute<'t> {
    fn read(mut section: Section<'t, '_>, report: &Report<'t>) -> Self {
        let at = section.at;
        let prefix = section.string("prefix", "a string like \"2001:db8::/32\"");
        let vrf = optional(&mut section, "vrf", NAME);
        let expected = "a list of next hops, like [{ address = \"2001:db8:a::2\", port = \"isp-a\" }]";
        let next_hops = section.tables("via", "a next hop", limits::MAX_GROUP_MEMBERS, expected);
        let word = section.string("action", "\"mex\", \"blackhole\" or \"unreachable\"");
        let policy = section.string("policy", "a string, the name of a [[srv6.policy]]");
        let kinds = ["via", "action", "policy"];
        let mut given: Vec<(usize, &str)> =
            kinds.into_iter().filter_map(|key| Some((section.key_at(key)?, key))).collect();
        given.sort_unstable();
        match given.as_slice() {
            [] if kinds.iter().any(|key| section.is_misspelt(key)) => {}
            [] => report.problem(section.at, "[[route]] has none of via, action and policy; add one"),
            [_] => {}
            [(_, first), rest @ ..] => {
                for (at, more) in rest {
                    report.problem(*at, format!("the route has {first} already; remove {more} or {first}"));
                }
            }
        }
        let action = match given.as_slice() {
            [(_, "via")] => {
                next_hops.map(|hops| RawAction::Via(hops.into_iter().map(RawNextHop::read).collect()))
            }
            [(_, "action")] => word.map(RawAction::Word),
            [(_, "policy")] => policy.map(RawAction::Policy),
            _ => None,
        };
        section.require("prefix", "prefix = \"...\"");
        section.finish();
        Self { at, prefix, vrf, action }
    }
}

impl<'t> RawNextHop<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let address = optional(&mut section, "address", "a string like \"2001:db8:a::2\"");
        let port = optional(&mut section, "port", "a string, the name of a [[port]]");
        let weight = section.integer("weight", limits::WEIGHT).map(|weight| weight.value);
        let misspelt = section.is_misspelt("address") || section.is_misspelt("port");
        let raw = Self {
            at: section.at,
            unreadable: address.is_err() || port.is_err() || misspelt,
            address: address.ok().flatten(),
            port: port.ok().flatten(),
            weight,
        };
        section.finish();
        raw
    }
}

impl<'t> RawMex<'t> {
    fn read(mut section: Section<'t, '_>) -> Self {
        let prefixes = "a list of strings like [\"2001:db8:ffff::/48\"]";
        let pairs = "a list of pairs like [{ from = \"2001:db8:a::/48\", to = \"2001:db8:b::/48\" }]";
        let number = |section: &mut Section<'t, '_>, key, range| section.integer(key, range).map(|n| n.value);
        let permit = section.tables("permit", "a permit pair", limits::MAX_MEX_PERMIT, pairs);
        let site = "a list of sections, each written [[mex.site]]";
        let peer = "a list of sections, each written [[mex.peer]]";
        let sites = section.tables("site", "[[mex.site]]", limits::MAX_MEX_SITES, site);
        let peers = section.tables("peer", "[[mex.peer]]", limits::MAX_MEX_PEERS, peer);
        let raw = Self {
            enabled: section.boolean("enabled"),
            next_header: section.integer("next-header", 0..=255),
            option_type: number(&mut section, "option-type", 2..=255),
            max_prefixes: number(&mut section, "max-prefixes", limits::MEX_MAX_PREFIXES),
            trigger: section.strings("trigger", "a list of strings like [\"no-route\", \"mex\"]"),
            deny: section.strings("deny", prefixes),
            permit: permit.map(|pairs| pairs.into_iter().map(read_permit).collect()),
            rate: number(&mut section, "rate", limits::MEX_RATE),
            burst: number(&mut section, "burst", limits::MEX_BURST),
            max_headers: number(&mut section, "max-headers", limits::MEX_MAX_HEADERS),
            max_octets: number(&mut section, "max-octets", limits::MEX_MAX_OCTETS),
            sites: sites.unwrap_or_default().into_iter().map(|site| RawSite::read(site, true)).collect(),
            peers: peers.unwrap_or_default().into_iter().map(|peer| RawSite::read(peer, false)).collect(),
        };
        section.finish();
        raw
    }
}

fn read_permit<'t>(mut section: Section<'t, '_>) -> (Text<'t>, Text<'t>) {
    let expected = "a string like \"2001:db8:a::/48\"";
    let pair = (section.string("from", expected), section.string("to", expected));
    section.require("from", "from = \"...\", or \"::/0\" for any");
    section.require("to", "to = \"...\", or \"::/0\" for any");
    section.finish();
    pair
}

impl<'t> RawSite<'t> {
    fn read(mut section: Section<'t, '_>, is_site: bool) -> Self {
        let raw = Self {
            inside: section.string("inside", "a string, the name of a [[port]]"),
            prefixes: section.strings("prefixes", "a list of strings like [\"2001:db8:a:1::/64\"]"),
            announce: if is_site { located_boolean(&mut section, "announce") } else { None },
        };
        section.require("inside", "inside = \"...\"");
        section.require("prefixes", "prefixes = [\"...\"]");
        section.finish();
        raw
    }
}
