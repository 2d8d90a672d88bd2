//! `[[port]]` and `[[neighbor]]`.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use super::{Ports, check_name, limited, prefix, vrf_name};
use crate::config::address::{is_link_local, parse_mac, parse_unicast, unicast_problem};
use crate::config::limits;
use crate::config::model::{NeighborConfig, PortConfig};
use crate::config::prefix::{Prefix, parse_interface_address};
use crate::config::raw::{RawNeighbor, RawPort};
use crate::config::report::{Located, Report, quoted};

/// Octets of an IP packet on Ethernet when nothing is said.
const DEFAULT_MTU: u16 = 1500;

/// What was seen on the ports before this one.
#[derive(Default)]
struct Seen<'t> {
    names: HashMap<&'t str, usize>,
    devices: HashMap<&'t str, usize>,
    /// By VRF and address; link-local ones are of one port only and not here.
    addresses: HashMap<(&'t str, IpAddr), (&'t str, usize)>,
    subnets: HashMap<(&'t str, Prefix), &'t str>,
}

pub(super) fn ports(report: &Report<'_>, raw: &[RawPort<'_>]) -> Ports {
    let mut ports =
        Ports { list: Vec::new(), run_problems: Vec::new(), names_missing: false, details_missing: false };
    let mut seen = Seen::default();
    for port in raw {
        ports.names_missing |= port.name.is_none();
        ports.details_missing |= port.name.is_none() || port.vrf.is_err();
        let config = one_port(report, port, &mut seen, &mut ports.details_missing);
        if matches!(port.device, Ok(None)) {
            let name = quoted(&config.name);
            let missing = format!("port {name} has no device; run needs one, like device = \"0000:3b:00.0\"");
            ports.run_problems.push(report.problem_at(port.at, missing));
        }
        ports.list.push(config);
    }
    if raw.is_empty() {
        ports.run_problems.push(report.problem_at(0, "there is no [[port]]; run needs at least one"));
    }
    ports
}

fn one_port<'t>(
    report: &Report<'_>,
    raw: &RawPort<'t>,
    seen: &mut Seen<'t>,
    details_missing: &mut bool,
) -> PortConfig {
    if let Some(name) = raw.name {
        check_name(report, "port name", name);
        if let Some(first) = seen.names.insert(name.value, name.at) {
            let line = report.line(first);
            let twice =
                format!("there is a port {} already (line {line}); use another name", quoted(name.value));
            report.problem(name.at, twice);
        }
    }
    let name = raw.name.map_or("", |name| name.value);
    let vrf = vrf_name(report, raw.vrf);
    PortConfig {
        name: name.to_owned(),
        device: raw.device.ok().flatten().map(|device| check_device(report, device, seen)),
        queues: raw.queues.map_or(1, |queues| queues as u16),
        mac: raw.mac.and_then(|mac| match parse_mac(mac.value) {
            Ok(octets) => Some(octets),
            Err(message) => {
                report.problem(mac.at, message);
                None
            }
        }),
        mtu: raw.mtu.map_or(DEFAULT_MTU, |mtu| mtu as u16),
        vrf: vrf.to_owned(),
        addresses: addresses(report, raw, name, vrf, seen, details_missing),
        sr_domain: raw.sr_domain.is_some_and(|on| on.value),
        egress_deny: egress_deny(report, raw),
        hmac: raw.hmac.unwrap_or_default(),
        policy: raw.policy.map(|policy| policy.value.to_owned()),
    }
}

fn check_device<'t>(report: &Report<'_>, device: Located<&'t str>, seen: &mut Seen<'t>) -> String {
    let text = device.value;
    if text.trim().is_empty() || text.len() > limits::MAX_DEVICE_BYTES || text.contains(char::is_control) {
        let example = "\"0000:3b:00.0\" or \"net_af_packet0,iface=veth0\"";
        report.problem(device.at, format!("device {} is not possible; write {example}", quoted(text)));
    } else if let Some(first) = seen.devices.insert(text, device.at) {
        let line = report.line(first);
        let twice = format!("device {} is in use by another port (line {line}); use another", quoted(text));
        report.problem(device.at, twice);
    }
    text.to_owned()
}

fn addresses<'t>(
    report: &Report<'_>,
    raw: &RawPort<'t>,
    name: &'t str,
    vrf: &'t str,
    seen: &mut Seen<'t>,
    details_missing: &mut bool,
) -> Vec<(IpAddr, u8)> {
    let Some(list) = &raw.address else { return Vec::new() };
    let mut found: Vec<(IpAddr, u8)> = Vec::new();
    for text in limited(report, "addresses of one port", list, limits::MAX_ADDRESSES_PER_PORT) {
        let Some((address, length)) = interface_address(report, *text) else {
            *details_missing = true;
            continue;
        };
        if found.iter().any(|(own, _)| *own == address) {
            report.problem(text.at, format!("{address} is listed twice; remove one"));
            continue;
        }
        found.push((address, length));
        if is_link_local(address) {
            continue;
        }
        if let Some((other, at)) = seen.addresses.insert((vrf, address), (name, text.at)) {
            let line = report.line(at);
            let both = format!("{address} is an address of port {} already (line {line})", quoted(other));
            report.problem(text.at, format!("{both}; in one VRF it can be on one port only"));
            continue;
        }
        if let Some(subnet) = Prefix::covering(address, length)
            && let Some(other) = seen.subnets.insert((vrf, subnet), name)
            && other != name
        {
            report.warning(text.at, format!("{subnet} is the subnet of port {} too", quoted(other)));
        }
    }
    found
}

fn interface_address(report: &Report<'_>, text: Located<&str>) -> Option<(IpAddr, u8)> {
    let (address, length) = match parse_interface_address(text.value) {
        Ok(parsed) => parsed,
        Err(error) => {
            report.problem(
                text.at,
                error.to_string().replace("for this one address", "or the subnet's length"),
            );
            return None;
        }
    };
    if let Some(why) = unicast_problem(address) {
        report.problem(text.at, format!("{address} {why}; a port needs a unicast address"));
        return None;
    }
    if length == 0 {
        report.problem(
            text.at,
            format!("{address}/0 makes every address a neighbor; write the subnet's length"),
        );
        return None;
    }
    if let IpAddr::V4(address) = address
        && let Some(why) = subnet_problem(address, length)
    {
        report.problem(text.at, format!("{address} {why}; a port needs an address of its own"));
        return None;
    }
    let host_bits = if address.is_ipv6() { 128 - length } else { 32 - length };
    if host_bits > 1 && Prefix::covering(address, length).is_some_and(|subnet| subnet.network() == address) {
        let anycast =
            "is the first address of its subnet, which every router of the subnet has (RFC 4291, 2.6.1)";
        report.warning(text.at, format!("{address} {anycast}"));
    }
    Some((address, length))
}

/// Why no station of the subnet can have this address: its host bits are all zero or all one (RFC 1122, 3.2.1.3). Of two
/// addresses both are stations' (RFC 3021).
fn subnet_problem(address: Ipv4Addr, length: u8) -> Option<&'static str> {
    let hosts = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
    match address.to_bits() & hosts {
        _ if length >= 31 => None,
        0 => Some("is the address of its subnet itself"),
        host if host == hosts => Some("is the broadcast address of its subnet"),
        _ => None,
    }
}

fn egress_deny(report: &Report<'_>, raw: &RawPort<'_>) -> Vec<Prefix> {
    let Some(list) = &raw.egress_deny else { return Vec::new() };
    let mut found = Vec::new();
    for text in limited(report, "egress-deny prefixes", list, limits::MAX_EGRESS_DENY) {
        let Some(prefix) = prefix(report, *text) else { continue };
        if found.contains(&prefix) {
            report.problem(text.at, format!("{prefix} is listed twice; remove one"));
            continue;
        }
        found.push(prefix);
    }
    found
}

pub(super) fn neighbors(report: &Report<'_>, ports: &Ports, raw: &[RawNeighbor<'_>]) -> Vec<NeighborConfig> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for neighbor in raw {
        let port = neighbor.port.and_then(|name| ports.named(report, name));
        let address = neighbor.address.and_then(|text| match parse_unicast(text.value) {
            Ok(address) => Some(Located { value: address, at: text.at }),
            Err(message) => {
                report.problem(text.at, message);
                None
            }
        });
        let mac = neighbor
            .mac
            .and_then(|text| parse_mac(text.value).map_err(|message| report.problem(text.at, message)).ok());
        let (Some(port), Some(address)) = (port, address) else { continue };
        check_neighbor(report, ports, port, address);
        if !seen.insert((port.name.as_str(), address.value)) {
            let twice =
                format!("{} on port {} is listed twice; remove one", address.value, quoted(&port.name));
            report.problem(address.at, twice);
        }
        let Some(mac) = mac else { continue };
        found.push(NeighborConfig { address: address.value, port: port.name.clone(), mac });
    }
    found
}

fn check_neighbor(report: &Report<'_>, ports: &Ports, port: &PortConfig, address: Located<IpAddr>) {
    let Located { value: neighbor, at } = address;
    let same_scope =
        |own: &&PortConfig| own.vrf == port.vrf && (!is_link_local(neighbor) || own.name == port.name);
    let own = ports.list.iter().filter(same_scope).flat_map(|own| &own.addresses);
    if own.into_iter().any(|(own, _)| *own == neighbor) {
        let wrong = format!("{neighbor} is this node's own address; the neighbor's address is needed");
        report.problem(at, wrong);
    } else if !ports.details_missing && !crate::config::next_hop::plausible_on(port, neighbor) {
        let off_link = format!("{neighbor} is in no subnet of port {}", quoted(&port.name));
        report.warning(at, off_link);
    }
}
