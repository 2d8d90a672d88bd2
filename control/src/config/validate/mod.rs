//! From the configuration as written to the validated one.

mod mex;
mod ports;
mod routes;
mod settings;

use std::collections::HashSet;

use super::limits;
use super::model::{Config, DEFAULT_VRF, PortConfig, RouteAction};
use super::prefix::{Prefix, Prefix6};
use super::raw::{RawConfig, Text};
use super::report::{Located, Problem, Report, quoted};
use super::section::List;
use super::srv6;

/// The ports that were validated, and what is known to be missing from them: a problem that only
/// follows from that would send the reader the wrong way.
pub(super) struct Ports {
    pub list: Vec<PortConfig>,
    pub run_problems: Vec<Problem>,
    /// Some port's name could not be read.
    pub names_missing: bool,
    /// Some port's VRF or addresses could not be read.
    pub details_missing: bool,
}

impl Ports {
    /// A reference to a port by its name; `None` when there is no such port.
    pub(super) fn named(&self, report: &Report<'_>, name: Located<&str>) -> Option<&PortConfig> {
        let found = self.list.iter().find(|port| port.name == name.value);
        if found.is_none() && !self.names_missing {
            report.problem(name.at, super::unknown_port(&self.list, name.value));
        }
        found
    }
}

/// A configuration from the raw one. It is of use only if nothing was reported.
pub(super) fn validate(raw: &RawConfig<'_>, report: &Report<'_>) -> Config {
    let ports = ports::ports(report, &raw.ports);
    let neighbors = ports::neighbors(report, &ports, &raw.neighbors);
    let srv6 = srv6::srv6(report, &ports, &raw.srv6);
    for name in raw.ports.iter().filter_map(|port| port.policy) {
        srv6::check_port_policy(report, &srv6, name);
    }
    let routes = routes::routes(report, &ports, &srv6, &raw.routes);
    let mex_route = routes.iter().any(|route| route.action == RouteAction::Mex);
    let mex = mex::mex(report, &ports, &raw.mex, mex_route);
    if let Some(at) = routes::first_mex_route(&raw.routes) {
        mex::warn_about_idle_route(report, &mex, at);
    }
    vrf_count(report, raw);
    Config {
        dpdk: settings::dpdk(report, &raw.dpdk),
        icmp: settings::icmp(report, &raw.icmp),
        ports: ports.list,
        neighbors,
        routes,
        mex,
        srv6: srv6.srv6,
        run_problems: ports.run_problems,
    }
}

/// A VRF exists once something names it; this counts them.
fn vrf_count(report: &Report<'_>, raw: &RawConfig<'_>) {
    let of_ports = raw.ports.iter().filter_map(|port| port.vrf.ok().flatten());
    let of_routes = raw.routes.iter().filter_map(|route| route.vrf.ok().flatten());
    let of_sids = raw.srv6.sids.iter().filter_map(|sid| sid.vrf.ok().flatten());
    let mut seen = HashSet::from([DEFAULT_VRF]);
    for vrf in of_ports.chain(of_routes).chain(of_sids) {
        if seen.insert(vrf.value) && seen.len() > limits::MAX_VRFS {
            let max = limits::MAX_VRFS;
            return report.problem(vrf.at, format!("more than {max} VRFs; at most {max} are possible"));
        }
    }
}

/// Checks the characters of a name that commands, file names and metrics must be able to carry.
pub(super) fn check_name(report: &Report<'_>, what: &str, name: Located<&str>) {
    if let Some(problem) = name_problem(what, name.value) {
        report.problem(name.at, problem);
    }
}

/// Why nothing can be called so, and what would be right; `None` if it can.
pub(super) fn name_problem(what: &str, name: &str) -> Option<String> {
    let max = limits::MAX_NAME_BYTES;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let rule = format!("1 to {max} letters, digits and -_., the first a letter or digit");
    let is_possible = name.len() <= max && first && name.chars().all(allowed);
    (!is_possible).then(|| format!("{what} {} is not possible; use {rule}", quoted(name)))
}

/// The VRF as written, or the default one.
fn vrf_name<'t>(report: &Report<'_>, vrf: Result<Text<'t>, ()>) -> &'t str {
    match vrf {
        Ok(Some(vrf)) => {
            check_name(report, "VRF name", vrf);
            vrf.value
        }
        _ => DEFAULT_VRF,
    }
}

/// A prefix of either family.
fn prefix(report: &Report<'_>, text: Located<&str>) -> Option<Prefix> {
    match text.value.parse() {
        Ok(prefix) => Some(prefix),
        Err(_) if text.value == "default" => {
            report.problem(text.at, "\"default\" is not ADDRESS/LENGTH; write ::/0 or 0.0.0.0/0");
            None
        }
        Err(error) => {
            report.problem(text.at, error.to_string());
            None
        }
    }
}

/// An IPv6 prefix.
pub(super) fn prefix6(report: &Report<'_>, text: Located<&str>) -> Option<Prefix6> {
    match prefix(report, text)? {
        Prefix::V6(prefix) => Some(prefix),
        Prefix::V4(prefix) => {
            report.problem(text.at, format!("{prefix} is an IPv4 prefix; an IPv6 prefix is needed"));
            None
        }
    }
}

/// Reports the first item beyond a limit, and cuts the list there.
pub(super) fn limited<'l, 't>(
    report: &Report<'_>,
    what: &str,
    list: &'l List<'t>,
    max: usize,
) -> &'l [Located<&'t str>] {
    match list.items.get(max) {
        None => &list.items,
        Some(beyond) => {
            report.problem(beyond.at, format!("more than {max} {what}; at most {max} are possible"));
            &list.items[..max]
        }
    }
}
