//! `[[srv6.policy]]`: from the sections as written to the validated ones.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use super::policy::{segment_count_problem, segment_problem};
use super::raw::{Maybe, RawPath, RawPolicy};
use super::validate::{report_faults, sid_text};
use super::{CandidatePath, FlowLabel, HmacKey, HopLimit, Policy, SegmentList, TrafficClass};
use crate::config::limits;
use crate::config::prefix::Prefix6;
use crate::config::report::{Located, Report, quoted};
use crate::config::section::List;
use crate::config::validate::check_name;

/// The policies, and whether the name or mode of one is missing.
pub(super) fn policies(
    report: &Report<'_>,
    raw: &[RawPolicy<'_>],
    keys: &[HmacKey],
    keys_missing: bool,
    seen: &mut HashMap<Prefix6, usize>,
) -> (Vec<Policy>, bool) {
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut found = Vec::with_capacity(raw.len());
    let mut missing = false;
    for raw in raw {
        if let Some(name) = raw.name {
            check_name(report, "policy name", name);
            if let Some(first) = names.insert(name.value, name.at) {
                let line = report.line(first);
                let twice = format!("there is a policy {} already (line {line})", quoted(name.value));
                report.problem(name.at, format!("{twice}; use another name"));
            }
        }
        let binding_sid = raw.binding_sid.map(|text| text.and_then(|text| sid_text(report, text, seen)));
        let source = address(report, raw.source);
        let paths = raw.paths.as_ref().map(|paths| candidate_paths(report, paths));
        let (Some(name), Some(mode)) = (raw.name, raw.mode) else {
            missing = true;
            continue;
        };
        let mut policy = Policy {
            name: name.value.to_owned(),
            mode,
            binding_sid: binding_sid.ok().flatten(),
            // What could not be read is not missing too: any address stands for it.
            source: source.unwrap_or(Some(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
            candidate_path: paths.unwrap_or_default(),
            hmac_key: raw.hmac_key.map(|id| id.value as u32),
            hop_limit: raw.hop_limit.unwrap_or_default(),
            traffic_class: raw.traffic_class.unwrap_or_default(),
            flow_label: raw.flow_label.unwrap_or_default(),
        };
        report_faults(report, &raw.places, policy.faults());
        let key_fault = policy.key_fault(keys).filter(|_| !keys_missing);
        report_faults(report, &raw.places, key_fault.into_iter().collect());
        warn_about_outer(report, raw, &policy);
        policy.sort();
        found.push(policy);
    }
    (found, missing)
}

/// What speaks of the outer header has no effect where there is none.
fn warn_about_outer(report: &Report<'_>, raw: &RawPolicy<'_>, policy: &Policy) {
    let outer = [
        ("source", policy.source.is_some()),
        ("hop-limit", policy.hop_limit != HopLimit::default()),
        ("traffic-class", policy.traffic_class != TrafficClass::default()),
        ("flow-label", policy.flow_label != FlowLabel::default()),
    ];
    for (key, _) in outer.into_iter().filter(|(_, is_given)| *is_given && policy.mode.is_insert()) {
        let why = format!("mode {} pushes no header: {key} has no effect", policy.mode);
        report.warning(raw.places.of_key(key), why);
    }
}

/// An IPv6 address; `Err` when there is one that could not be read.
fn address(report: &Report<'_>, text: Maybe<Located<&str>>) -> Result<Option<Ipv6Addr>, ()> {
    let Some(text) = text? else { return Ok(None) };
    let Some(address) = segment(report, text, "source") else { return Err(()) };
    Ok(Some(address))
}

/// A unicast IPv6 address.
fn segment(report: &Report<'_>, text: Located<&str>, what: &str) -> Option<Ipv6Addr> {
    let problem = match text.value.parse::<Ipv6Addr>() {
        Ok(address) if what == "source" => return Some(address),
        Ok(address) => match segment_problem(address) {
            None => return Some(address),
            Some(problem) => problem,
        },
        Err(_) => format!("{} is not an IPv6 address; write it like fc00:0:2:100::", quoted(text.value)),
    };
    report.problem(text.at, problem);
    None
}

fn candidate_paths(report: &Report<'_>, raw: &[RawPath<'_>]) -> Vec<CandidatePath> {
    let mut seen: HashMap<u32, usize> = HashMap::new();
    let mut found = Vec::with_capacity(raw.len());
    for path in raw {
        let preference = path.preference.map_or(CandidatePath::DEFAULT_PREFERENCE, |p| p.value as u32);
        if let Some(written) = path.preference
            && let Some(first) = seen.insert(preference, written.at)
        {
            let line = report.line(first);
            let twice = format!("a candidate path has preference {preference} already (line {line})");
            report.problem(written.at, format!("{twice}; give each its own"));
        }
        let lists = path.lists.iter().map(|list| SegmentList {
            weight: list.weight.map_or(1, |weight| weight as u8),
            segments: list.segments.as_ref().map(|list| segments(report, list)).unwrap_or_default(),
        });
        found.push(CandidatePath { preference, segment_list: lists.collect() });
    }
    found
}

fn segments(report: &Report<'_>, list: &List<'_>) -> Vec<Ipv6Addr> {
    if let Some(problem) = segment_count_problem(list.items.len()) {
        let beyond = list.items.get(limits::MAX_SEGMENTS).map_or(list.at, |segment| segment.at);
        report.problem(beyond, problem);
    }
    let items = list.items.iter().take(limits::MAX_SEGMENTS);
    items.filter_map(|text| segment(report, *text, "segment")).collect()
}
