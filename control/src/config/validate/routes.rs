//! `[[route]]`.

use std::collections::{HashMap, HashSet};

use super::{Ports, prefix, vrf_name};
use crate::config::address::parse_unicast;
use crate::config::model::{NextHop, RouteAction, RouteConfig};
use crate::config::next_hop::{NextHopError, family_problem, plausible_on, resolve_next_hop, route_problem};
use crate::config::prefix::Prefix;
use crate::config::raw::{RawAction, RawNextHop, RawRoute};
use crate::config::report::{Located, Report, quoted};
use crate::config::section::choose;
use crate::config::srv6::Checked;

/// `action` of a route.
const ACTIONS: [(&str, &RouteAction); 3] = [
    ("mex", &RouteAction::Mex),
    ("blackhole", &RouteAction::Blackhole),
    ("unreachable", &RouteAction::Unreachable),
];

pub(super) fn routes(
    report: &Report<'_>,
    ports: &Ports,
    srv6: &Checked,
    raw: &[RawRoute<'_>],
) -> Vec<RouteConfig> {
    let mut seen: HashMap<(&str, Prefix), usize> = HashMap::new();
    let mut found = Vec::with_capacity(raw.len());
    for route in raw {
        let vrf = vrf_name(report, route.vrf);
        let prefix =
            route.prefix.and_then(|text| Some(Located { value: prefix(report, text)?, at: text.at }));
        if let Some(prefix) = &prefix {
            // A VRF that could not be read is not known to be the same one.
            let first = if route.vrf.is_ok() { seen.insert((vrf, prefix.value), prefix.at) } else { None };
            if let Some(first) = first {
                let already = format!("{} is a route of VRF {} already", prefix.value, quoted(vrf));
                let line = report.line(first);
                report
                    .problem(prefix.at, format!("{already} (line {line}); a prefix has one route in a VRF"));
            }
        }
        let action = match &route.action {
            None => None,
            Some(RawAction::Word(word)) => choose(report, "action", *word, &ACTIONS).cloned(),
            Some(RawAction::Policy(name)) => srv6.policy(report, *name).map(|policy| {
                let problem = prefix.and_then(|prefix| policy.steering_problem(prefix.value));
                if let Some(problem) = problem {
                    report.problem(name.at, problem);
                }
                RouteAction::Policy(name.value.to_owned())
            }),
            Some(RawAction::Via(hops)) => {
                Some(RouteAction::Via(group(report, ports, route, vrf, prefix, hops)))
            }
        };
        let (Some(prefix), Some(action)) = (prefix, action) else { continue };
        if let Some(message) = route_problem(prefix.value, &action) {
            report.problem(prefix.at, message);
        }
        found.push(RouteConfig { prefix: prefix.value, vrf: vrf.to_owned(), action });
    }
    found
}

/// Where the first route with the action `mex` says so.
pub(super) fn first_mex_route(raw: &[RawRoute<'_>]) -> Option<usize> {
    raw.iter().find_map(|route| match &route.action {
        Some(RawAction::Word(word)) if word.value == "mex" => Some(word.at),
        _ => None,
    })
}

fn group(
    report: &Report<'_>,
    ports: &Ports,
    route: &RawRoute<'_>,
    vrf: &str,
    prefix: Option<Located<Prefix>>,
    hops: &[RawNextHop<'_>],
) -> Vec<NextHop> {
    if hops.is_empty() {
        let at = route.prefix.map_or(0, |prefix| prefix.at);
        report.problem(at, "via lists no next hop; list at least one, or use action = \"blackhole\"");
    }
    let mut seen = HashSet::new();
    let mut members = Vec::with_capacity(hops.len());
    for hop in hops {
        let Some(member) = next_hop(report, ports, route, vrf, prefix, hop) else { continue };
        if !seen.insert((member.address, member.port.clone())) {
            report.problem(hop.at, "this next hop is listed twice; use weight to give it a greater share");
        }
        members.push(member);
    }
    members
}

fn next_hop(
    report: &Report<'_>,
    ports: &Ports,
    route: &RawRoute<'_>,
    vrf: &str,
    prefix: Option<Located<Prefix>>,
    hop: &RawNextHop<'_>,
) -> Option<NextHop> {
    if hop.unreadable {
        return None;
    }
    let address = match hop.address.map(|text| (text.at, parse_unicast(text.value))) {
        None => None,
        Some((at, Ok(value))) => Some(Located { value, at }),
        Some((at, Err(message))) => {
            report.problem(at, message);
            return None;
        }
    };
    if let (Some(address), Some(prefix)) = (address, prefix)
        && let Some(wrong) = family_problem(prefix.value, address.value)
    {
        report.problem(address.at, wrong);
        return None;
    }
    let port_name = hop.port.map(|port| port.value);
    match resolve_next_hop(&ports.list, vrf, address.map(|address| address.value), port_name) {
        Ok(port) => {
            if let Some(address) = address.filter(|address| !plausible_on(port, address.value))
                && !ports.details_missing
            {
                let off_link = format!("{} is in no subnet of port {}", address.value, quoted(&port.name));
                report.warning(address.at, off_link);
            }
            let weight = hop.weight.map_or(1, |weight| weight as u8);
            Some(NextHop { address: address.map(|address| address.value), port: port.name.clone(), weight })
        }
        Err(error) => {
            let follows = match error {
                NextHopError::UnknownPort(_) => ports.names_missing,
                NextHopError::OtherVrf { .. } | NextHopError::NotOnLink { .. } => {
                    ports.details_missing || route.vrf.is_err()
                }
                NextHopError::Empty | NextHopError::Own(_) | NextHopError::LinkLocal(_) => false,
            };
            if !follows {
                let port_at = hop.port.map(|port| port.at).filter(|_| error.is_about_port());
                let at = port_at.or(address.map(|address| address.at)).unwrap_or(hop.at);
                report.problem(at, error.to_string());
            }
            None
        }
    }
}
