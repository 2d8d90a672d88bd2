//! `[mex]`, `[[mex.site]]` and `[[mex.peer]]`.

use std::collections::HashMap;

use super::{Ports, limited, prefix6};
use crate::config::limits;
use crate::config::model::{Mex, Peer, Permit, Site};
use crate::config::prefix::{Prefix, Prefix6};
use crate::config::raw::{RawMex, RawSite};
use crate::config::report::{Located, Report, quoted};
use crate::config::section::{List, choose};
use crate::config::{Trigger, Triggers};

/// Next Header value for experiments (RFC 4727).
const DEFAULT_NEXT_HEADER: u8 = 253;
/// Option type for experiments: skip if unknown, does not change en route (RFC 4727).
const DEFAULT_OPTION_TYPE: u8 = 0x1e;
const DEFAULT_MAX_PREFIXES: u8 = 8;
/// Packets a second and worker: more than one core forwards, so that only a flood is cut.
const DEFAULT_RATE: u64 = 40_000_000;
/// A tenth of a second at the default rate.
const DEFAULT_BURST: u64 = 4_000_000;
const DEFAULT_MAX_HEADERS: u8 = 4;
const DEFAULT_MAX_OCTETS: u16 = 256;

/// Next Header values with a meaning that the AP header cannot share.
const TAKEN_NEXT_HEADERS: [(u64, &str); 15] = [
    (0, "Hop-by-Hop Options"),
    (4, "IPv4"),
    (6, "TCP"),
    (17, "UDP"),
    (41, "IPv6"),
    (43, "Routing"),
    (44, "Fragment"),
    (50, "ESP"),
    (51, "AH"),
    (58, "ICMPv6"),
    (59, "No Next Header"),
    (60, "Destination Options"),
    (135, "Mobility"),
    (139, "HIP"),
    (140, "Shim6"),
];

/// Prefixes that are never a site's: no host outside could send to them.
const UNUSABLE: [(u128, u8, &str); 5] = [
    (0xff << 120, 8, "multicast"),
    (0xfe80 << 112, 10, "link-local"),
    (0xfec0 << 112, 10, "site-local (deprecated)"),
    (0x5f00 << 112, 16, "for SRv6 SIDs (RFC 9602)"),
    (0, 64, "reserved"),
];

pub(super) fn mex(report: &Report<'_>, ports: &Ports, raw: &RawMex<'_>, mex_route: bool) -> Mex {
    let deny = raw.deny.as_ref().map(|list| distinct_prefixes(report, "deny", list, limits::MAX_MEX_DENY));
    let mex = Mex {
        enabled: raw.enabled,
        next_header: raw.next_header.map_or(DEFAULT_NEXT_HEADER, |number| next_header(report, number)),
        option_type: raw.option_type.map_or(DEFAULT_OPTION_TYPE, |number| number as u8),
        max_prefixes: raw.max_prefixes.map_or(DEFAULT_MAX_PREFIXES, |number| number as u8),
        trigger: raw.trigger.as_ref().map(|list| triggers(report, list)),
        deny: deny.unwrap_or_default(),
        permit: raw.permit.as_ref().map(|pairs| {
            let read = |text: Option<Located<&str>>| text.and_then(|text| prefix6(report, text));
            // Both are read before the pair is dropped, so that both can be reported.
            let both = |(from, to)| Some((read(from), read(to)));
            let pairs = pairs.iter().copied().filter_map(both);
            pairs.filter_map(|(from, to)| Some(Permit { from: from?, to: to? })).collect()
        }),
        rate: raw.rate.unwrap_or(DEFAULT_RATE),
        burst: raw.burst.unwrap_or(DEFAULT_BURST),
        max_headers: raw.max_headers.map_or(DEFAULT_MAX_HEADERS, |number| number as u8),
        max_octets: raw.max_octets.map_or(DEFAULT_MAX_OCTETS, |number| number as u16),
        sites: sites(report, ports, &raw.sites),
        peers: peers(report, ports, &raw.peers),
        mex_route,
    };
    warn_about_edges(report, &mex, raw);
    mex
}

/// A route with the action `mex` that no trigger looks at acts as if it were absent.
pub(super) fn warn_about_idle_route(report: &Report<'_>, mex: &Mex, at: usize) {
    if !mex.effective_triggers().contains(Trigger::Mex) {
        let why = if mex.enabled == Some(false) { "[mex] is not enabled" } else { "trigger has no \"mex\"" };
        report.warning(at, format!("{why}: a route with this action acts like no route"));
    }
}

fn warn_about_edges(report: &Report<'_>, mex: &Mex, raw: &RawMex<'_>) {
    let sections = raw.sites.iter().chain(&raw.peers);
    for inside in sections.filter_map(|section| section.inside).filter(|_| !mex.edge_enabled()) {
        report.warning(inside.at, "[mex] is not enabled: this section has no effect");
    }
    let listed = |list: &Option<List<'_>>, prefix: &Prefix6| {
        let items = list.iter().flat_map(|list| &list.items);
        items.filter(|item| item.value.parse::<Prefix>() == Ok((*prefix).into())).map(|item| item.at).next()
    };
    for (site, inside) in
        mex.sites.iter().flat_map(|site| site.prefixes.iter().map(move |p| (p, &site.inside)))
    {
        for at in raw.peers.iter().filter_map(|peer| listed(&peer.prefixes, site)) {
            let both = format!("{site} is behind this node's port {} (a [[mex.site]])", quoted(inside));
            report.warning(at, format!("{both} and a peer's too"));
        }
    }
}

fn next_header(report: &Report<'_>, number: Located<u64>) -> u8 {
    if let Some((_, name)) = TAKEN_NEXT_HEADERS.iter().find(|(taken, _)| *taken == number.value) {
        let taken = format!("next-header {} is {name}", number.value);
        report.problem(number.at, format!("{taken}; use 253 or 254 (RFC 4727), or another unassigned one"));
    }
    number.value as u8
}

fn triggers(report: &Report<'_>, list: &List<'_>) -> Triggers {
    let mut set = Triggers::NONE;
    for word in &list.items {
        let Some(trigger) = choose(report, "trigger", *word, &Trigger::NAMES) else { continue };
        if set.contains(trigger) {
            report.problem(word.at, format!("{} is listed twice; remove one", quoted(word.value)));
        }
        set = set.with(trigger);
    }
    set
}

fn distinct_prefixes(report: &Report<'_>, what: &str, list: &List<'_>, max: usize) -> Vec<Prefix6> {
    let mut found = Vec::new();
    for text in limited(report, &format!("{what} prefixes"), list, max) {
        let Some(prefix) = prefix6(report, *text) else { continue };
        if found.contains(&prefix) {
            report.problem(text.at, format!("{prefix} is listed twice; remove one"));
        } else {
            found.push(prefix);
        }
    }
    found
}

/// The prefixes of a site, each a /64 that a host outside can send to, with the place of each.
fn site_prefixes(report: &Report<'_>, section: &RawSite<'_>, min: usize) -> Vec<(Prefix6, usize)> {
    let Some(list) = &section.prefixes else { return Vec::new() };
    if list.items.len() < min {
        let one = "prefixes is empty; a site has one /64 per provider, at least one";
        let two =
            "prefixes has less than two; with one there is no alternative, list the /64 of each provider";
        report.problem(list.at, if min == 1 { one } else { two });
    }
    let mut found: Vec<(Prefix6, usize)> = Vec::new();
    let max = if min == 1 { limits::MAX_SITE_PREFIXES } else { limits::MAX_PEER_PREFIXES };
    for text in limited(report, "prefixes of one site", list, max) {
        let Some(prefix) = prefix6(report, *text) else { continue };
        if prefix.length() != 64 {
            let right = Prefix6::covering(prefix.network(), 64);
            let right = right.map_or_else(String::new, |right| format!(", like {right}"));
            report.problem(text.at, format!("{prefix} is not a /64; a site's prefix must be a /64{right}"));
        } else if let Some(why) = unusable(&prefix) {
            report.problem(text.at, format!("{prefix} is {why}; use a prefix that providers route"));
        } else if found.iter().any(|(other, _)| *other == prefix) {
            report.problem(text.at, format!("{prefix} is listed twice; remove one"));
        } else {
            found.push((prefix, text.at));
        }
    }
    found
}

fn unusable(prefix: &Prefix6) -> Option<&'static str> {
    let inside = |(block, length, _): &&(u128, u8, &str)| {
        Prefix6::covering((*block).into(), *length).is_some_and(|block| block.covers(prefix))
    };
    UNUSABLE.iter().find(inside).map(|(_, _, why)| *why)
}

fn sites(report: &Report<'_>, ports: &Ports, raw: &[RawSite<'_>]) -> Vec<Site> {
    let mut seen: HashMap<Prefix6, usize> = HashMap::new();
    let mut found = Vec::new();
    for section in raw {
        let prefixes = site_prefixes(report, section, 1);
        for (prefix, at) in &prefixes {
            if let Some(first) = seen.insert(*prefix, *at) {
                let line = report.line(first);
                let twice = format!("{prefix} belongs to another [[mex.site]] (line {line})");
                report.problem(*at, format!("{twice}; a prefix is of one site"));
            }
        }
        if let Some(announce) = section.announce.filter(|announce| announce.value) {
            report.warning(announce.at, "announcing is not part of this version: announce has no effect");
        }
        let Some(inside) = section.inside.and_then(|name| ports.named(report, name)) else { continue };
        found.push(Site {
            inside: inside.name.clone(),
            prefixes: prefixes.into_iter().map(|(prefix, _)| prefix).collect(),
            announce: section.announce.is_some_and(|announce| announce.value),
        });
    }
    found
}

fn peers(report: &Report<'_>, ports: &Ports, raw: &[RawSite<'_>]) -> Vec<Peer> {
    let mut seen: HashMap<(&str, Prefix6), usize> = HashMap::new();
    let mut found = Vec::new();
    for section in raw {
        let prefixes = site_prefixes(report, section, 2);
        let Some(inside) = section.inside.and_then(|name| ports.named(report, name)) else { continue };
        for (prefix, at) in &prefixes {
            if let Some(first) = seen.insert((&inside.name, *prefix), *at) {
                let line = report.line(first);
                let twice = format!("{prefix} belongs to another [[mex.peer]] of this port (line {line})");
                report.problem(*at, format!("{twice}; a prefix is of one peer"));
            }
        }
        let prefixes = prefixes.into_iter().map(|(prefix, _)| prefix).collect();
        found.push(Peer { inside: inside.name.clone(), prefixes });
    }
    found
}
