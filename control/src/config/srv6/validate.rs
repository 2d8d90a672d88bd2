//! From the SRv6 sections as written to the validated ones.

use std::collections::HashMap;
use std::net::IpAddr;

use super::raw::{RawHmacKey, RawLocator, RawOam, RawSid, RawSrv6, RawVia};
use super::validate_policy::policies;
use super::{
    Behavior, Fault, Flavors, HmacKey, Locator, LocatorFormat, Oam, OamTarget, Policy, Sid, SidText, Srv6,
    UpperLayers, Via, unknown_policy,
};
use crate::config::limits;
use crate::config::prefix::Prefix6;
use crate::config::raw::Text;
use crate::config::report::{Located, Report, quoted};
use crate::config::section::{List, choose};
use crate::config::suggest;
use crate::config::validate::{Ports, check_name, limited, prefix6};

/// O-flag copies a second when nothing is said.
const DEFAULT_OAM_RATE: u32 = 100;
/// O-flag copies at once when nothing is said.
const DEFAULT_OAM_BURST: u32 = 10;

/// What was validated, and what is known to be missing from it.
pub(in crate::config) struct Checked {
    pub srv6: Srv6,
    /// Some policy's name or mode could not be read.
    policies_missing: bool,
}

impl Checked {
    /// A reference to a policy by its name; `None` when there is no such policy.
    pub fn policy(&self, report: &Report<'_>, name: Located<&str>) -> Option<&Policy> {
        let found = self.srv6.policy(name.value);
        if found.is_none() && !self.policies_missing {
            report.problem(name.at, unknown_policy(&self.srv6.policies, name.value));
        }
        found
    }
}

pub(in crate::config) fn srv6(report: &Report<'_>, ports: &Ports, raw: &RawSrv6<'_>) -> Checked {
    let default = Srv6::default();
    let hmac_keys = hmac_keys(report, &raw.hmac_keys);
    let keys_missing = raw.hmac_keys.iter().any(|key| key.id.is_none());
    let mut seen = HashMap::new();
    let sids = sids(report, &raw.sids, &mut seen);
    let (policies, policies_missing) = policies(report, &raw.policies, &hmac_keys, keys_missing, &mut seen);
    let srv6 = Srv6 {
        upper_layers: raw
            .upper_layer
            .as_ref()
            .map_or(default.upper_layers, |list| upper_layers(report, list)),
        edge_filter: raw.edge_filter.as_ref().map_or(default.edge_filter, |list| edge_filter(report, list)),
        oam: raw.oam.as_ref().and_then(|oam| self::oam(report, oam)),
        hmac_keys,
        locators: locators(report, &raw.locators),
        sids: sids.iter().map(|(sid, _)| sid.clone()).collect(),
        policies,
    };
    for (sid, raw) in &sids {
        check_references(report, ports, &srv6, policies_missing, sid, raw);
    }
    check_totals(report, raw, &srv6);
    warn_about_place(report, ports, raw, &srv6);
    Checked { srv6, policies_missing }
}

/// Binding SIDs are SIDs too, and every list of every policy takes a place.
fn check_totals(report: &Report<'_>, raw: &RawSrv6<'_>, srv6: &Srv6) {
    let binding = srv6.policies.iter().filter(|policy| policy.binding_sid.is_some()).count();
    let lists: usize = srv6.policies.iter().map(|policy| policy.segment_lists().count()).sum();
    let totals = [
        (srv6.sids.len() + binding, limits::MAX_SIDS, "SIDs, binding SIDs included"),
        (lists, limits::MAX_ALL_SEGMENT_LISTS, "segment lists in all policies"),
    ];
    let last = raw.policies.last().map_or(0, |policy| policy.places.of_key("name"));
    for (count, max, what) in totals.into_iter().filter(|(count, max, _)| count > max) {
        report.problem(last, format!("{count} {what}; at most {max} are possible"));
    }
}

pub(super) fn report_faults(report: &Report<'_>, places: &super::raw::Places, faults: Vec<Fault>) {
    for fault in faults {
        report.problem(places.of_key(fault.key), fault.message);
    }
}

/// Locators first, then what lies in none: both may be meant otherwise.
fn warn_about_place(report: &Report<'_>, ports: &Ports, raw: &RawSrv6<'_>, srv6: &Srv6) {
    let locators_missing = raw.locators.iter().any(|locator| locator.prefix.is_none());
    let binding = raw.policies.iter().filter_map(|policy| policy.binding_sid.ok().flatten());
    let written: Vec<_> = raw.sids.iter().filter_map(|sid| sid.sid).chain(binding).collect();
    for text in &written {
        let Ok(sid) = text.value.parse::<SidText>() else { continue };
        if !srv6.is_in_locator(&sid.prefix()) && !locators_missing {
            report.warning(text.at, format!("SID {sid} lies in no [[srv6.locator]]"));
        }
    }
    let has_domain = ports.list.iter().any(|port| port.sr_domain);
    if let (Some(first), false, false) = (written.first(), has_domain, ports.list.is_empty()) {
        let closed = "no [[port]] has sr-domain = true: packets that arrive for a SID are dropped";
        report.warning(first.at, closed);
    }
}

fn upper_layers(report: &Report<'_>, list: &List<'_>) -> UpperLayers {
    let mut layers = UpperLayers { icmpv6: false, udp: false, tcp: false };
    for word in &list.items {
        let Some(layer) = choose(report, "upper-layer", *word, &[("icmpv6", 0), ("udp", 1), ("tcp", 2)])
        else {
            continue;
        };
        let flag = [&mut layers.icmpv6, &mut layers.udp, &mut layers.tcp].into_iter().nth(layer);
        if flag.is_some_and(|flag| std::mem::replace(flag, true)) {
            report.problem(word.at, format!("{} is listed twice; remove one", quoted(word.value)));
        }
    }
    layers
}

fn edge_filter(report: &Report<'_>, list: &List<'_>) -> Vec<Prefix6> {
    let mut found = Vec::new();
    for text in limited(report, "edge-filter prefixes", list, limits::MAX_EDGE_FILTER) {
        let Some(prefix) = prefix6(report, *text) else { continue };
        if found.contains(&prefix) {
            report.problem(text.at, format!("{prefix} is listed twice; remove one"));
        } else {
            found.push(prefix);
        }
    }
    found
}

fn oam(report: &Report<'_>, raw: &RawOam<'_>) -> Option<Oam> {
    let target = match (raw.capture.ok()?, raw.sink.ok()?) {
        (Some(capture), None) if capture.value.is_empty() => {
            report.problem(capture.at, "capture is empty; write the name of a file");
            return None;
        }
        (Some(capture), None) => OamTarget::Capture(capture.value.to_owned()),
        (None, Some(sink)) => {
            if let Ok(address) = sink.value.parse() {
                OamTarget::Sink(address)
            } else {
                let example = "write it like \"[2001:db8::1]:9000\"";
                report.problem(
                    sink.at,
                    format!("sink {} is no address and port; {example}", quoted(sink.value)),
                );
                return None;
            }
        }
        (Some(_), Some(sink)) => {
            report.problem(sink.at, "[srv6.oam] has capture already; remove sink or capture");
            return None;
        }
        (None, None) => {
            report.problem(raw.at, "[srv6.oam] has neither capture nor sink; add one");
            return None;
        }
    };
    let number = |value: Option<u64>, default| value.map_or(default, |value| value as u32);
    let (rate, burst) = (number(raw.rate, DEFAULT_OAM_RATE), number(raw.burst, DEFAULT_OAM_BURST));
    Some(Oam { rate, burst, target })
}

fn hmac_keys(report: &Report<'_>, raw: &[RawHmacKey<'_>]) -> Vec<HmacKey> {
    let mut seen: HashMap<u64, usize> = HashMap::new();
    let mut found = Vec::new();
    for key in raw {
        if let Some(id) = key.id
            && let Some(first) = seen.insert(id.value, id.at)
        {
            let line = report.line(first);
            let twice = format!("there is an HMAC key {} already (line {line})", id.value);
            report.problem(id.at, format!("{twice}; use another id"));
        }
        let max = limits::MAX_SECRET_BYTES;
        if let Some(secret) = key.secret.filter(|s| s.value.is_empty() || s.value.len() > max) {
            let octets = secret.value.len();
            report.problem(secret.at, format!("secret has {octets} octets; it must have 1 to {max}"));
        }
        if let (Some(id), Some(secret)) = (key.id, key.secret) {
            found.push(HmacKey { id: id.value as u32, secret: secret.value.to_owned() });
        }
    }
    found
}

/// What an F3216 locator may be: the block, or the block and a node.
const F3216_LENGTHS: std::ops::RangeInclusive<u8> = 32..=48;

fn locators(report: &Report<'_>, raw: &[RawLocator<'_>]) -> Vec<Locator> {
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut prefixes: HashMap<Prefix6, usize> = HashMap::new();
    let mut found = Vec::new();
    for locator in raw {
        if let Some(name) = locator.name {
            check_name(report, "locator name", name);
            if let Some(first) = names.insert(name.value, name.at) {
                let line = report.line(first);
                let twice = format!("there is a locator {} already (line {line})", quoted(name.value));
                report.problem(name.at, format!("{twice}; use another name"));
            }
        }
        let prefix = locator.prefix.and_then(|text| Some((prefix6(report, text)?, text)));
        let Some((prefix, text)) = prefix else { continue };
        let format = locator.format.unwrap_or(LocatorFormat::Full);
        if let Some(first) = prefixes.insert(prefix, text.at) {
            let line = report.line(first);
            report.problem(text.at, format!("{prefix} is a locator already (line {line}); remove one"));
        } else if let Err(why) = format!("{prefix}").parse::<SidText>() {
            report.problem(text.at, why);
        } else if format == LocatorFormat::UsidF3216 && !F3216_LENGTHS.contains(&prefix.length()) {
            let (min, max) = (F3216_LENGTHS.start(), F3216_LENGTHS.end());
            let rule = format!("with format usid-f3216 it must be from /{min} to /{max}");
            report.problem(text.at, format!("{prefix} is a /{}; {rule}", prefix.length()));
        }
        let name = locator.name.map_or_else(String::new, |name| name.value.to_owned());
        found.push(Locator { name, prefix, format });
    }
    found
}

/// A SID, unless another has its prefix.
pub(super) fn sid_text(
    report: &Report<'_>,
    text: Located<&str>,
    seen: &mut HashMap<Prefix6, usize>,
) -> Option<SidText> {
    let sid: SidText = match text.value.parse() {
        Ok(sid) => sid,
        Err(message) => {
            report.problem(text.at, message);
            return None;
        }
    };
    if let Some(first) = seen.insert(sid.prefix(), text.at) {
        let line = report.line(first);
        report.problem(text.at, format!("{sid} is a SID already (line {line}); a SID has one behavior"));
    }
    Some(sid)
}

fn sids<'r, 't>(
    report: &Report<'_>,
    raw: &'r [RawSid<'t>],
    seen: &mut HashMap<Prefix6, usize>,
) -> Vec<(Sid, &'r RawSid<'t>)> {
    let mut found = Vec::with_capacity(raw.len());
    for raw in raw {
        let text = raw.sid.and_then(|text| sid_text(report, text, seen));
        let names = Behavior::NAMES;
        let behavior = raw.behavior.and_then(|word| choose(report, "behavior", word, &names));
        let flavors = raw.flavors.as_ref().map(|list| flavors(report, list));
        let via = raw.via.as_ref().map(|via| via.as_ref().map(|via| self::via(report, via)));
        if let Ok(Some(vrf)) = raw.vrf {
            check_name(report, "VRF name", vrf);
        }
        let (Some(sid), Some((behavior, is_next))) = (text, behavior) else { continue };
        let (Ok(via), Ok(vrf), Ok(port), Ok(policy)) = (via, raw.vrf, raw.port, raw.policy) else { continue };
        // A next hop that could not be read is reported.
        let Some(via) = via.map_or(Some(None), |via| via.map(Some)) else { continue };
        let mut flavors = flavors.unwrap_or_default();
        flavors.next_csid |= is_next;
        let name = |text: Text<'_>| text.map(|text| text.value.to_owned());
        let bits = |bits: Option<u64>| bits.map(|bits| bits as u8);
        let sid = Sid {
            sid,
            behavior,
            flavors,
            via,
            vrf: name(vrf),
            port: name(port),
            policy: name(policy),
            hmac: raw.hmac.unwrap_or_default(),
            block_length: bits(raw.block_length),
            csid_length: bits(raw.csid_length),
        };
        report_faults(report, &raw.places, sid.faults());
        found.push((sid, raw));
    }
    found
}

fn flavors(report: &Report<'_>, list: &List<'_>) -> Flavors {
    let mut flavors = Flavors::default();
    for word in &list.items {
        let Some(flag) = flavors.flag(word.value) else {
            let all = || "it must be \"PSP\", \"USP\", \"USD\", \"NEXT-CSID\" or \"REPLACE-CSID\"".to_owned();
            let hint = suggest::hint(word.value, Flavors::NAMES, all);
            report.problem(word.at, format!("flavor is {}; {hint}", quoted(word.value)));
            continue;
        };
        if std::mem::replace(flag, true) {
            report.problem(word.at, format!("{} is listed twice; remove one", quoted(word.value)));
        }
    }
    flavors
}

fn via(report: &Report<'_>, via: &RawVia<'_>) -> Option<Via> {
    let (address, port) = (via.address.ok()?, via.port.ok()?);
    let address = match address.map(|text| (text, text.value.parse::<IpAddr>())) {
        None => None,
        Some((_, Ok(address))) => Some(address),
        Some((text, Err(_))) => {
            let example = "write it like 2001:db8::1";
            report.problem(text.at, format!("{} is not an IP address; {example}", quoted(text.value)));
            return None;
        }
    };
    Some(Via { address, port: port.map(|port| port.value.to_owned()) })
}

fn check_references(
    report: &Report<'_>,
    ports: &Ports,
    srv6: &Srv6,
    policies_missing: bool,
    sid: &Sid,
    raw: &RawSid<'_>,
) {
    if !sid.faults().is_empty() {
        return;
    }
    for fault in sid.reference_faults(&ports.list, &srv6.policies) {
        let follows = match fault.key {
            "policy" => policies_missing,
            "port" => ports.names_missing,
            _ => ports.names_missing || ports.details_missing,
        };
        if !follows {
            report.problem(raw.places.of_key(fault.key), fault.message);
        }
    }
}

/// The policy that a port names must take frames.
pub(in crate::config) fn check_port_policy(report: &Report<'_>, checked: &Checked, name: Located<&str>) {
    let Some(policy) = checked.policy(report, name) else { return };
    if !policy.mode.is_l2() {
        let is = format!("policy {} has mode {}", quoted(name.value), policy.mode);
        report.problem(name.at, format!("{is}; a port needs one of mode l2-encap or l2-encap-red"));
    }
}
